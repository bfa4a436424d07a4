"""Which instructions are privileged, which are sensitive, and whether trapping is enough.

Popek and Goldberg: a processor can be virtualized by running the guest without privilege if every
*sensitive* instruction is *privileged*. Here nothing is looked up in a list: every instruction is
executed on the hart, at machine and at user level and with other values in the machine's registers,
and what is seen decides. (What ``sfence.vma`` does cannot be seen so: it is privileged anyway.)

Source: Popek and Goldberg, "Formal Requirements for Virtualizable Third Generation Architectures",
CACM 17(7), 1974.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.asm_encode import encode
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.isa import ISA
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.traps import CAUSES

__all__ = ["Verdict", "classify", "virtualizable"]

REGISTERS = ("mstatus", "mepc", "mtvec", "mie", "mscratch", "satp")
"""The registers that CSR instructions are tried with."""
BASE, DATA, A0, A1 = 0x80000000, 0x80000800, 10, 11
OPERAND = 0x88
"""Bits that every register tried can keep: in ``mstatus`` they are the interrupt flags."""


@dataclass(frozen=True)
class Verdict:
    """What was seen of one instruction. It is ``privileged`` if it traps at user level and not at
    machine level. ``why`` says what makes it ``sensitive``, or that nothing does."""

    instruction: str
    privileged: bool
    sensitive: bool
    why: str

    def __str__(self) -> str:
        words = ("" if self.privileged else "not ") + "privileged"
        words += ", " + ("" if self.sensitive else "not ") + "sensitive"
        return f"{self.instruction:16}{words:30}{self.why}"


def classify(silent: Iterable[str] = ()) -> tuple[Verdict, ...]:
    """The verdict on every instruction; CSR instructions once for each of some registers.

    ``silent`` names CSRs whose forbidden writes do nothing instead of trapping, as in
    ``Hart.silent``. Raises ``GuestError`` for a name that is no CSR.
    """
    names = list(silent)
    for name in names:
        if name not in CSRS:
            raise GuestError(
                f"The silent register is {name!r}: the name of a CSR is needed; try 'mstatus'."
            )
    numbers = frozenset(CSRS[name] for name in names)
    return tuple(_verdict(name, word, numbers) for name, word in _instructions())


def virtualizable(silent: Iterable[str] = ()) -> bool:
    """Whether every sensitive instruction is privileged."""
    return all(verdict.privileged for verdict in classify(silent) if verdict.sensitive)


def _instructions() -> Iterator[tuple[str, int]]:
    """Every instruction with operands: results to a0, an address or a value in a1."""
    for row in ISA.values():
        if row.kind == "csr":
            operand = 8 if row.format == "csri" else A1
            for name in REGISTERS:
                yield f"{row.name} {name}", encode(row, A0, operand, 0, CSRS[name])
                if row.name == "csrrs":
                    yield f"csrr {name}", encode(row, A0, 0, 0, CSRS[name])
        else:
            fields = {"d": A0, "s": A1, "t": A1}
            rd, rs1, rs2 = (fields[f] if f in row.bits else 0 for f in "dst")
            near = 4 if row.kind in ("jump", "branch") and row.name != "jalr" else 0
            yield row.name, encode(row, rd, rs1, rs2, near)


@dataclass(frozen=True)
class _Seen:
    """One execution: the trap's cause or None, what is in a0 and the memory, the machine's state
    before and after."""

    trap: int | None
    result: tuple[int, ...]
    before: tuple[Any, ...]
    after: tuple[Any, ...]


def _execute(word: int, level: int, silent: frozenset[int], bits: int) -> _Seen:
    """Execute a word once, at a level, with these bits in the registers tried."""
    bus = Bus(4096, BASE)
    hart = Hart(bus)
    hart.silent = silent
    hart.mmu.pmp.allow_all()
    for name in REGISTERS:
        hart.csr[name] = bits
    hart.level = level
    hart.forget()
    hart.x[A0], hart.x[A1] = 1, DATA | OPERAND
    bus.write(BASE, 4, word)
    before = _machine(hart)
    hart.step()
    trap = next(iter(hart.traps), None)
    result = (hart.x[A0], hart.pc, *bus.ram[DATA - BASE :]) if trap is None else ()
    return _Seen(trap, result, before, _machine(hart))


def _machine(hart: Hart) -> tuple[Any, ...]:
    """What belongs to the machine and not to a program: level, registers, waiting."""
    values, _ = hart.csr.state()
    return hart.level, hart.waiting, tuple(sorted(values.items()))


def _verdict(name: str, word: int, silent: frozenset[int]) -> Verdict:
    """Execute it at both levels, with the registers clear and with bits set in them."""
    machine = [_execute(word, 3, silent, bits) for bits in (0, OPERAND)]
    user = [_execute(word, 0, silent, bits) for bits in (0, OPERAND)]
    privileged = all(seen.trap is not None for seen in user)
    if privileged and all(seen.trap is not None for seen in machine):
        return Verdict(name, False, False, f"always a trap: {CAUSES[user[0].trap or 0]}")
    changes = any(seen.trap is None and seen.before != seen.after for seen in machine)
    shows = any(a.trap is None and a.result != b.result for a, b in (machine, user))
    effects = [verb for verb, is_so in (("changes", changes), ("shows", shows)) if is_so]
    if not effects:
        return Verdict(name, privileged, False, "the same everywhere")
    why = " and ".join(effects) + " the state of the machine"
    if not privileged:
        why += "; at user level it does not trap"
    return Verdict(name, privileged, True, why)
