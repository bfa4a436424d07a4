"""The translator: the same state as the step engine after every run, whatever the program."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from riscv_programs import verdict
from riscv_random import BASE, DATA, encode, program, registers
from test_vm_hart import PROGRAMS, Soon, fresh

from vcloud_lab.vm import trace, translate
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.trace import TraceText
from vcloud_lab.vm.translate import TranslatingHart


def state(hart: Hart) -> tuple[object, ...]:
    """All that a guest could see."""
    csrs = [hart.csr[name] for name in ("mstatus", "mepc", "mcause", "mtval")]
    return (hart.x[:32], hart.pc, hart.level, hart.retired, hart.traps, csrs, bytes(hart.bus.ram))


def both(words: list[int], x: list[int], data: bytes) -> tuple[Hart, TranslatingHart]:
    """A stepping and a translating hart with the same program, and a handler that goes on."""
    harts = []
    for made in (Hart, TranslatingHart):
        hart = fresh(words, x, data, made)
        handler = (encode("csrrs", 31, 0, imm=0x341), encode("addi", 31, 31, imm=4),
                   encode("csrrw", 0, 31, imm=0x341), encode("mret"))  # fmt: skip
        for at, word in enumerate(handler):
            hart.bus.write(BASE + 0x4000 + 4 * at, 4, word)
        hart.csr["mtvec"] = BASE + 0x4000
        harts.append(hart)
    return harts[0], harts[1]


@pytest.fixture(autouse=True)
def _hot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "HOT", 1)
    monkeypatch.setattr(translate, "LONGEST", 16)  # so that short runs record traces


@pytest.mark.parametrize("seed", range(80))
def test_the_same_as_stepping(seed: int) -> None:
    rng = Random(seed)
    words = program(rng, rng.choice([5, 20, 60]), backwards=True)
    words += [encode("jal", imm=-4 * len(words))]
    stepping, translating = both(words, registers(rng), rng.randbytes(8192))
    for budget in [500, *rng.choices([1, 2, 7, 64, 500], k=11)]:
        assert stepping.run(budget) == translating.run(budget)
        assert state(stepping) == state(translating)
    assert translating.translated > 0


@pytest.mark.parametrize("seed", range(20))
def test_the_timer_interrupts_at_the_same_instruction(seed: int) -> None:
    rng = Random(seed)
    words = [*program(rng, 30, backwards=True), encode("jal", imm=-120)]
    stepping, translating = both(words, registers(rng), rng.randbytes(8192))
    for hart in (stepping, translating):
        hart.timer = Soon(rng.randint(1, 400) if hart is stepping else stepping.timer.due)  # type: ignore[union-attr]
        hart.csr["mie"], hart.csr["mstatus"] = 1 << 7, 1 << 3
    for _ in range(5):
        stepping.run(150)
        translating.run(150)
        assert state(stepping) == state(translating)


def test_code_that_changes_itself() -> None:
    # Each round adds 1, then overwrites the addition by one of 2 and goes round again, five times.
    words = [
        encode("addi", 5, 5, imm=1),
        encode("addi", 6, 6, imm=-1),
        encode("sw", 0, 9, 7, imm=0),
        encode("bne", 0, 6, 0, imm=-12),
        encode("ebreak"),
    ]
    x = [0] * 32
    x[6], x[7], x[9] = 5, encode("addi", 5, 5, imm=2), BASE
    stepping, translating = both(words, x, b"")
    for hart in (stepping, translating):
        hart.run(20)
        assert hart.x[5] == 1 + 4 * 2
    assert state(stepping) == state(translating)
    assert translating.forgotten > 0


def test_an_atomic_operation_on_its_own_code_keeps_its_result() -> None:
    words = [encode("amoswap.w", 5, 9, 7), encode("addi", 6, 6, imm=1), encode("jal", imm=-8)]
    x = [0] * 32
    x[7], x[9] = encode("addi", 6, 6, imm=100), BASE + 4
    stepping, translating = both(words, x, b"")
    for _ in range(4):
        stepping.run(3)
        translating.run(3)
        assert state(stepping) == state(translating)
    assert stepping.x[6] == 400


def test_a_loop_is_not_left_in_between() -> None:
    loop = [encode("addi", 5, 5, imm=-1), encode("bne", 0, 5, 0, imm=-4)]
    x = [0] * 32
    x[5] = 1000
    _, hart = both([*loop, encode("jal", imm=0)], x, b"")
    calls = []
    hart.run(16)  # translates
    length, trace, text = hart._world.traces[BASE]
    assert text.loops
    hart._world.traces[BASE] = (length, lambda *a: calls.append(1) or trace(*a), text)  # type: ignore[func-returns-value]
    hart.run(1984)
    assert hart.x[5] == 0
    assert len(calls) == 1


def test_the_text_of_a_loop_is_the_one_of_the_documentation() -> None:
    loop = [encode("addi", 5, 5, imm=-1), encode("bne", 0, 5, 0, imm=-4)]
    path = [(BASE + 4 * at, decode(word)) for at, word in enumerate(loop)]
    text = str(TraceText(path, BASE, BASE, frozenset()))  # type: ignore[arg-type]
    shown = (trace.__doc__ or "").split("::\n\n", 1)[1].split("\n\n", 1)[0]
    assert text == "".join(line[4:] + "\n" for line in shown.splitlines())


def compared(words: list[int], x: list[int], rounds: int = 40, budget: int = 20) -> TranslatingHart:
    """Run on both engines, so many instructions at a time, and compare; the translating one."""
    stepping, translating = both(words, x, bytes(range(256)) * 32)
    for _ in range(rounds):
        stepping.run(budget)
        translating.run(budget)
        assert state(stepping) == state(translating)
    return translating


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 4093, 4094, 4095])
@pytest.mark.parametrize("name", ["lw", "lh", "lhu", "sw", "sh"])
def test_addresses_that_are_not_aligned(name: str, offset: int) -> None:
    stores = name.startswith("s")
    rd, value = (0, 5) if stores else (5, 0)
    access = [encode(name, rd, 8, value, imm=4 * at) for at in range(3)]
    words = [*access, encode("addi", 5, 5, imm=77), encode("jal", imm=-16)]
    x = [0] * 32
    x[8] = BASE + DATA + offset
    hart = compared(words, x)
    assert hart.translated > 0
    assert not hart.traps


def test_an_address_that_stops_being_aligned() -> None:
    access = [encode("lw", 5, 8, imm=4 * at) for at in range(4)]
    words = [*access, encode("sw", 0, 8, 5, imm=16), encode("addi", 8, 8, imm=1),
             encode("jal", imm=-24)]  # fmt: skip
    x = [0] * 32
    x[8] = BASE + DATA
    hart = compared(words, x)
    texts = [text for _, _, text in hart._world.traces.values() if text.loops]
    assert any("words[i8 + 1]" in str(text) for text in texts)


@pytest.mark.parametrize("end", [0, -4, -8, -12, 4])
def test_words_at_the_end_and_before_the_start_of_ram(end: int) -> None:
    access = [encode("sw", 0, 8, 5, imm=4 * at) for at in range(3)]
    for last in (BASE + (1 << 16), BASE):
        x = [0] * 32
        x[8] = (last + end) & 0xFFFFFFFF
        words = [encode("addi", 5, 5, imm=3), encode("addi", 9, 0), encode("addi", 9, 0)]
        words += [*access, encode("lw", 6, 8, imm=-4), encode("jal", imm=-28)]
        if last == BASE:  # reads only: there is the program
            words = [w for w in words if w not in access]
            words[-1] = encode("jal", imm=-16)
        compared(words, x)


def test_a_loop_that_is_ended_by_a_trap_keeps_its_registers() -> None:
    words = [encode("addi", 8, 8, imm=256), encode("addi", 5, 5, imm=1),
             encode("lw", 6, 8), encode("jal", imm=-12)]  # fmt: skip
    x = [0] * 32
    x[8] = BASE + (1 << 16) - 40 * 256
    hart = compared(words, x, rounds=12)
    assert hart.traps == {5: hart.traps[5]}
    assert any(text.loops for _, _, text in hart._world.traces.values())


def test_csr_instructions_stay_within_a_trace() -> None:
    words = [encode("csrrw", 5, 6, imm=0x340), encode("addi", 6, 5, imm=1),
             encode("csrrci", 7, 8, imm=0x300), encode("csrrs", 9, 0, imm=0xB02),
             encode("add", 10, 5, 7), encode("jal", imm=-20)]  # fmt: skip
    hart = compared(words, [0] * 32)
    assert any("csr(" in str(text) for _, _, text in hart._world.traces.values())


def test_a_csr_that_does_not_exist_traps_within_a_trace() -> None:
    words = [encode("addi", 5, 5, imm=1), encode("csrrw", 5, 6, imm=0x341),
             encode("csrrs", 6, 0, imm=0x7FF), encode("jal", imm=-12)]  # fmt: skip
    hart = compared(words, [0] * 32)
    assert set(hart.traps) == {2}


def test_an_interrupt_that_a_csr_enables_comes_at_once() -> None:
    words = [encode("csrrci", 0, 8, imm=0x300), encode("addi", 5, 5, imm=1),
             encode("csrrsi", 0, 8, imm=0x300), encode("addi", 6, 6, imm=1),
             encode("jal", imm=-16)]  # fmt: skip
    stepping, translating = both(words, [0] * 32, b"")
    for hart in (stepping, translating):
        hart.csr["mie"] = 1 << 3
        hart.run(1)  # so that each run begins while none is enabled
    for turn in range(40):
        for hart in (stepping, translating):
            hart.lines = 1 << 3 if turn % 3 == 2 else 0
            hart.run(20)
        assert state(stepping) == state(translating)
    assert translating.traps


def test_a_jump_to_an_odd_place_traps_where_it_stands() -> None:
    words = [encode("xor", 6, 6, 7), encode("addi", 5, 5, imm=1), encode("jalr", 1, 6, imm=4),
             encode("addi", 9, 9, imm=1), encode("jal", imm=-16)]  # fmt: skip
    x = [0] * 32
    x[6], x[7] = BASE + 10, 2  # BASE + 8 and BASE + 10 in turns
    hart = compared(words, x)
    assert set(hart.traps) == {0}


def test_code_beside_the_data_of_a_trace_is_seen_to_change() -> None:
    # Each round changes the handler, which is on the page after that of x8, by stores next to x8.
    skip = encode("addi", 31, 31, imm=4)
    words = [encode("xor", 9, 9, 10), encode("sw", 0, 8, 5, imm=0), encode("sw", 0, 8, 5, imm=4),
             encode("sw", 0, 8, 9, imm=12), encode("ebreak"), encode("addi", 5, 5, imm=1),
             encode("addi", 6, 6, imm=1), encode("jal", imm=-28)]  # fmt: skip
    x = [0] * 32
    x[8], x[9], x[10] = BASE + 0x4000 - 8, skip, skip ^ encode("addi", 31, 31, imm=8)
    hart = compared(words, x)
    assert hart.forgotten > 1


def test_a_store_across_the_end_of_a_page_is_seen_on_both() -> None:
    # Each round changes the register that the handler's first instruction writes: x31, from which
    # it goes on, or x30.
    words = [encode("xor", 9, 9, 10), encode("sw", 0, 8, 9), encode("ebreak"),
             encode("addi", 5, 5, imm=1), encode("addi", 6, 6, imm=1),
             encode("jal", imm=-20)]  # fmt: skip
    x = [0] * 32
    x[8], x[10], x[31] = BASE + 0x4000 - 2, 1 << 16 + 7, BASE + 8
    x[9] = encode("csrrs", 31, 0, imm=0x341) << 16 & 0xFFFFFFFF
    hart = compared(words, x, budget=101)
    assert hart.forgotten > 1


def test_calls_and_returns_are_followed() -> None:
    words = [encode("jal", 1, imm=12), encode("addi", 5, 5, imm=1), encode("jal", imm=-8),
             encode("addi", 6, 6, imm=2), encode("jalr", 0, 1)]  # fmt: skip
    hart = compared(words, [0] * 32)
    (text,) = (made[2] for made in hart._world.traces.values() if made[2].loops)
    assert len(text.path) == 5


def test_a_page_that_is_written_must_become_hotter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "HOT", 4)
    words = [encode("addi", 5, 5, imm=1), encode("jal", imm=-4)]
    hart = compared(words, [0] * 32)
    made = hart.translated
    hart.bus.write(BASE + 0x800, 4, 0)  # data beside the code
    assert hart.forgotten == 1
    hart.run(40)
    assert hart.translated == made
    hart.run(200)
    assert hart.translated > made


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_official(path: Path) -> None:
    assert verdict(path, TranslatingHart) == "passed"
