"""Exercises whose answer is a program or a word: what is said of each way to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from vcloud_lab.check import kinds
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.bench import SAVED, Routine, signed, told
from vcloud_lab.check.registry import Task
from vcloud_lab.errors import AssemblyError, CheckError
from vcloud_lab.vm import assemble, decode

HINTS = ("one", "two", "three")
DOUBLE = "double:\n    add a0, a0, a0\n    ret"


def task(**changes: Any) -> Task:
    """Twice a number, on eight numbers: 0, then small and large ones of both signs."""
    numbers = [0, 3, 8, 12, 40, -2, -70, 1000]
    given: dict[str, Any] = {
        "title": "t",
        "ask": "a",
        "routine": "double",
        "cases": lambda rng, size: (numbers[size],),
        "oracle": lambda number: 2 * number,
        "hints": HINTS,
        "right": [DOUBLE],
        "sizes": range(len(numbers)),
        "each": 1,
    }
    return kinds.program("99.program", **given | changes)


def routine(*lines: str) -> str:
    return "double:\n" + "\n".join(f"    {line}" for line in lines)


WRONG = {
    "endless": (routine("j double"), "for double(0) your program was still running after 20,000"),
    "trap": (routine("sw a0, 0(zero)", "ret"), "ended by a trap, store access fault, at line 2"),
    "trap with a word": (routine(".word 0"), "illegal instruction, at line 2, .word 0."),
    "trap with an address": (routine("lw a0, 4(zero)"), "load access fault (00000004), at line 2"),
    "fell-through": (routine("add a0, a0, a0"), "ran on past its last line, where no ret is."),
    "lost-return-address": (
        routine("call helper", "add a0, a0, a0", "ret", "helper: ret"),
        "Whoever uses call must save ra first",
    ),
    "lost-return-address, elsewhere": (routine("li ra, 8", "ret"), "jumped to 00000008, where no"),
    "off": (
        routine("li t0, 0x11100000", "li t1, 0x5555", "sw t1, 0(t0)", "ret"),
        "it must return to its caller, with ret.",
    ),
    "waiting": (routine("wfi", "ret"), "waits for an interrupt that cannot come, at line 2, wfi."),
    "wrong-register": (routine("add t2, a0, a0", "ret"), "The right number is in t2; a result is"),
    "wrong-for-negative": (
        routine("bltz a0, out", "add a0, a0, a0", "out: ret"),
        "for double(-2) your program returns -2; -4 is right. It is right wherever no number is",
    ),
    "wrong-for-zero": (
        routine("seqz t0, a0", "add a0, a0, a0", "add a0, a0, t0", "ret"),
        "for double(0) your program returns 1; 0 is right. It is right wherever no number is 0",
    ),
    "clobbers": (
        routine("mv s3, a0", "add a0, a0, s3", "ret"),
        "the right result, but it changes s3, which belongs to its caller",
    ),
    "clobbers, several": (
        routine("li s1, 1", "li s2, 1", "addi sp, sp, -16", "add a0, a0, a0", "ret"),
        "it changes sp, s1 and s2, which belong to its caller",
    ),
    "clobbers, the stack": (
        routine("sw a0, 8(sp)", "add a0, a0, a0", "ret"),
        "it changes its caller's part of the stack, which belongs to its caller",
    ),
    "assembly": (routine("addi a0, a0"), "Line 2, column 16: addi stands with 2 operands"),
    "no-label": ("twice: ret", "there is no label double: in your program"),
}


@pytest.mark.parametrize(("source", "words"), WRONG.values(), ids=WRONG.keys())
def test_each_way_to_be_wrong_has_a_name(
    request: pytest.FixtureRequest, source: str, words: str
) -> None:
    name = request.node.callspec.id.partition(",")[0].partition(" with ")[0]
    outcome = task().judge(source, None)
    assert outcome.right is False
    assert outcome.misconception == name
    assert words in outcome.text
    assert outcome.text.endswith((".", "?"))


def test_right_programs() -> None:
    for lines in (
        ["slli a0, a0, 1", "ret"],
        ["addi sp, sp, -16", "sw s0, 0(sp)", "mv s0, a0", "add a0, s0, s0", "lw s0, 0(sp)",
         "addi sp, sp, 16", "ret"],
        ["addi sp, sp, -16", "sw ra, 4(sp)", "call twice", "lw ra, 4(sp)", "addi sp, sp, 16",
         "ret", "twice:", "add a0, a0, a0", "ret"],
    ):  # fmt: skip
        outcome = task().judge(routine(*lines), None)
        assert outcome == (True, "your program is right in 8 hidden calls.", None)


def test_an_endless_loop_that_calls_properly_has_not_lost_its_way() -> None:
    source = routine("call helper", "j double", "helper: ret")
    assert task().judge(source, None).misconception == "endless"


def test_what_is_left_to_write_is_not_attempted() -> None:
    assert task().judge("double:\n    ...  # here\n    ret", None).right is None
    assert task().judge(b"double: ret", None).text == (
        "that is of type bytes; give the program as a text."
    )


def test_the_misconceptions_of_a_task_come_first() -> None:
    named = task(names=lambda args, ran: ("mine", "Mine."))
    assert named.judge(WRONG["wrong-register"][0], None).misconception == "mine"
    assert named.judge(WRONG["endless"][0], None).text.endswith(" Mine.")
    assert named.judge(WRONG["clobbers"][0], None).misconception == "clobbers"


def test_the_console_is_compared() -> None:
    made = task(oracle=lambda number: "ok")
    say = "li t0, 0x10000000\n li t1, 'o'\n sb t1, 0(t0)\n li t1, '{}'\n sb t1, 0(t0)\n ret"
    assert made.judge("double:" + say.format("k"), None).right
    assert "writes 'oh' to the console; 'ok' is right." in (
        made.judge("double:" + say.format("h"), None).text
    )
    both = task(oracle=lambda number: (number, "ok"))
    assert both.judge("double:" + say.format("k"), None).right


def test_a_frame_is_called_in_its_place() -> None:
    frame = "outer:\n addi sp, sp, -16\n sw ra, 0(sp)\n call double\n lw ra, 0(sp)\n"
    frame += " addi sp, sp, 16\n neg a0, a0\n ret"
    framed = task(frame=frame, entry="outer", oracle=lambda number: -2 * number)
    assert framed.judge(DOUBLE, None).right
    assert framed.judge(DOUBLE + "\n.data\n.word 1", None).right, "it goes on in .text"
    said = framed.judge(WRONG["trap"][0], None).text
    assert "for outer(0) your program was ended by a trap" in said
    assert framed.judge("double: ebreak", None).misconception == "trap"
    assert "called by this name; write double:" in framed.judge("twice: ret", None).text


def test_arguments_lie_in_memory_with_rubbish_behind_them() -> None:
    made = Routine("f:\n lw a2, 0(a0)\n lw a3, 8(a0)\n lbu a4, 1(a1)\n lbu a5, 2(a1)\n ret", "f")
    ran = made.call(([5, -6], "x"))
    assert ran.ending == "returned"
    assert (ran.registers["a2"], ran.registers["a4"]) == (5, 0)
    assert ran.registers["a3"] > 1 << 30
    assert ran.registers["a5"] > 0
    assert made.call(([], "")).registers["a2"] == ran.registers["a3"]


def test_every_call_begins_on_a_machine_that_is_as_new() -> None:
    made = Routine(
        "f:\n la t0, kept\n lw a0, 0(t0)\n sw t0, 0(t0)\n ret\n.data\nkept: .word 7", "f"
    )
    assert [made.call(()).registers["a0"] for _ in range(3)] == [7, 7, 7]


def test_memory_that_was_given_to_be_read_may_not_be_written() -> None:
    array = task(cases=lambda rng, size: ([size, 1], 2), oracle=lambda words, count: sum(words))
    good = "double:\n lw t0, 0(a0)\n lw t1, 4(a0)\n {} add a0, t0, t1\n ret"
    assert array.judge(good.format(""), None).right
    written = array.judge(good.format("sw zero, 0(a0)\n"), None)
    assert "it changes the memory that it was given, which belongs to its caller" in written.text
    wrong = array.judge("double:\n sw zero, 4(a0)\n lw a0, 0(a0)\n ret", None)
    assert "returns 0; 1 is right. It writes to the memory that it was given" in wrong.text


@pytest.mark.parametrize("name", SAVED)
def test_every_saved_register_is_watched(name: str) -> None:
    assert Routine(f"f:\n addi {name}, {name}, 16\n ret", "f").call(()).damage == (name,)


def test_registers_hold_rubbish_and_numbers_have_a_sign() -> None:
    ran = Routine("f: ret", "f").call((-3,))
    assert ran.registers["a0"] == -3
    assert 0 not in {ran.registers[name] for name in ("a1", "a7", "t0", "t6", "s0", "gp", "tp")}
    assert signed(0xFFFFFFFF) == -1
    assert told("f", ([1, -2], "a", 3)) == "f([1, -2], 'a', 3)"


def test_programs_that_cannot_be_tried() -> None:
    with pytest.raises(AssemblyError):
        Routine("f: nonsense", "f")
    with pytest.raises(Misread, match="32772 bytes: at most 32768 have room"):
        Routine("f: ret\n.space 32768", "f")


# Words


def a_number(rng: Random) -> str:
    return f"addi t{int(rng.random() * 7)}, s{int(rng.random() * 12)}, {-int(rng.random() * 2048)}"


ENCODED = kinds.encoded("99.word", title="t", text="sw a1, -8(s0)", draw=a_number, hints=HINTS)
DECODED = kinds.decoded("99.text", title="t", text="lw t0, -8(s1)", draw=a_number, hints=HINTS)

SAID: list[tuple[Task, object, str | None, str]] = [
    (ENCODED, "232cb4fe", "bytes-turned-round", "the bytes are turned round"),
    (ENCODED, "00b42423", "sign-lost", "without its minus"),
    (ENCODED, assemble("sw s0, -8(a1)").code[::-1].hex(), "registers-swapped", "changed places"),
    (ENCODED, assemble("sw x1, -8(x0)").code[::-1].hex(), "abi-number", "a0 is x10"),
    (ENCODED, assemble("sw a1, -4(s1)").code[::-1].hex(), None, "in rs1 and the immediate"),
    (ENCODED, assemble("sh a1, -8(s0)").code[::-1].hex(), None, "that is sh; compare its opcode"),
    (ENCODED, 0, None, "that is no instruction; compare"),
    (ENCODED, "fe", None, 'the text "fe" is no word; give 8 hexadecimal digits'),
    (ENCODED, 1 << 32, None, "a whole number from 0 to 0xffffffff"),
    (ENCODED, 2.5, None, "a whole number from 0 to 0xffffffff"),
    (ENCODED, [1], None, "that is a list of 1; give the word"),
    (DECODED, "lw t0, 4088(s1)", "sign-not-extended", "the highest bit of the immediate"),
    (DECODED, "lw s1, -8(t0)", "registers-swapped", "changed places"),
    (DECODED, "lw x0, -8(x1)", "abi-number", "a0 is x10"),
    (DECODED, "lw t0, 8(s1)", "sign-lost", "without its minus"),
    (DECODED, "sw t0, -8(s1)", None, "that is sw; compare its opcode"),
    (DECODED, "lw t1, -8(s1)", None, "but not in rd."),
    (DECODED, "li a0, 100000", "assembly", "these are 8 bytes, and one instruction has 4."),
    (DECODED, "lv t0", "assembly", "that is no instruction: column 1: 'lv'"),
    (DECODED, 17, None, "that is of type int; give the instruction as a text"),
]


@pytest.mark.parametrize(("asked", "answer", "name", "words"), SAID)
def test_what_is_said_of_a_wrong_word(
    asked: Task, answer: object, name: str | None, words: str
) -> None:
    outcome = asked.judge(answer, None)
    assert (outcome.right, outcome.misconception) == (False, name)
    assert words in outcome.text
    assert outcome.text.endswith(".")


@pytest.mark.parametrize("asked", [ENCODED, DECODED])
def test_variants_of_words(asked: Task) -> None:
    for seed in range(100):
        for answer in asked.right(seed):
            assert asked.judge(answer, seed).right, (seed, answer)
        for answer, name in asked.wrong(seed):
            assert asked.judge(answer, seed)[::2] == (False, name), (seed, answer)


def test_a_word_is_told_in_hexadecimal() -> None:
    word = int(str(ENCODED.right(None)[1]), 16)
    found = decode(word)
    assert found is not None
    assert (found.row.name, found.rs2, found.rs1, signed(found.imm)) == ("sw", 11, 8, -8)
    assert ENCODED.judge(word, None).text == f"sw a1, -8(s0) is {word:08x}."
    assert "Decode the word ff84a283 (hexadecimal)" in DECODED.statement(None)


@pytest.mark.parametrize("kind", [kinds.encoded, kinds.decoded])
def test_a_task_must_ask_for_one_instruction(kind: Callable[..., Task]) -> None:
    with pytest.raises(CheckError, match=r"asks for 'lw', which cannot be assembled: Line 1"):
        kind("99.bad", title="t", text="lw", draw=a_number, hints=HINTS)


def test_a_slip_that_changes_nothing_is_none() -> None:
    same = kinds.encoded("99.same", title="t", text="add a0, a0, a1", draw=a_number, hints=HINTS)
    answers = [answer for answer, _ in same.wrong(None)]
    assert len(set(answers)) == len(answers)
    assert not any(same.judge(answer, None).right for answer in answers)


def test_the_smallest_immediate_without_its_sign() -> None:
    least = kinds.decoded(
        "99.least", title="t", text="lw t0, -2048(s1)", draw=a_number, hints=HINTS
    )
    assert least.judge("lw t0, 2048(s1)", None).misconception == "sign-not-extended"
    assert least.judge("lw t0, -2048(s1)", None).right


def test_nothing_is_said_of_what_few_calls_show() -> None:
    few = [-2, -3, 5]
    negative = WRONG["wrong-for-negative"][0]
    told_few = task(cases=lambda rng, size: (few[size],), sizes=range(3)).judge(negative, None)
    assert told_few.right is False
    assert told_few.misconception is None
    constant = task(oracle=lambda number: 6)
    assert constant.judge(routine("li t2, 6", "ret"), None).misconception is None
