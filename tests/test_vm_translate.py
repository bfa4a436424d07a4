"""The translator: the same state as the step engine after every run, whatever the program."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from riscv_programs import verdict
from riscv_random import BASE, encode, program, registers
from test_vm_hart import PROGRAMS, Soon, fresh

from vcloud_lab.vm import translate
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.translate import TranslatingHart, trace_source


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


@pytest.mark.parametrize("seed", range(80))
def test_the_same_as_stepping(seed: int) -> None:
    rng = Random(seed)
    words = program(rng, rng.choice([5, 20, 60]), backwards=True)
    words += [encode("jal", imm=-4 * len(words))]
    stepping, translating = both(words, registers(rng), rng.randbytes(8192))
    for _ in range(12):
        budget = rng.choice([1, 2, 7, 64, 500])
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


def test_a_loop_is_a_while_and_is_not_left_in_between() -> None:
    loop = [encode("addi", 5, 5, imm=-1), encode("bne", 0, 5, 0, imm=-4)]
    code = [(BASE + 4 * at, decode(word)) for at, word in enumerate(loop)]
    text = trace_source(code, BASE)  # type: ignore[arg-type]
    assert "continue" in text
    x = [0] * 32
    x[5] = 1000
    _, hart = both([*loop, encode("jal", imm=0)], x, b"")
    calls = []
    hart.run(2)  # translates
    ((length, trace),) = hart._traces.values()
    hart._traces[BASE] = (length, lambda *a: calls.append(1) or trace(*a))  # type: ignore[func-returns-value]
    hart.run(1998)
    assert hart.x[5] == 0
    assert len(calls) == 1


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_official(path: Path) -> None:
    assert verdict(path, TranslatingHart) == "passed"
