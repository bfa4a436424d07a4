"""The CSRs of one hart: their values, and what reading and writing them means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcloud_lab.vm.csr import COUNTERS, CSRS, READ_ONLY_ZERO, VIEWS, WRITABLE, Status
from vcloud_lab.vm.pmp import ENTRIES
from vcloud_lab.vm.traps import Cause, Trap

if TYPE_CHECKING:
    from vcloud_lab.vm.cpu import Hart

__all__ = ["CsrFile"]

PMPCFG, PMPADDR = CSRS["pmpcfg0"], CSRS["pmpaddr0"]
MISA = 1 << 30 | sum(1 << ord(letter) - ord("A") for letter in "IMASU")
MSTATUS, MIP, SATP = CSRS["mstatus"], CSRS["mip"], CSRS["satp"]
CONSTANT = {CSRS["misa"]: MISA}
MODES = frozenset({MSTATUS, SATP})
"""A write to one of these changes how memory is reached."""


class CsrFile:
    """``csr["mepc"]`` is the plain value; ``read`` and ``write`` are what an instruction does."""

    def __init__(self, hart: Hart) -> None:
        self.hart = hart
        self.reset()

    def reset(self) -> None:
        """All zero."""
        self._values = dict.fromkeys(WRITABLE, 0)
        self._shifted = {"cycle": 0, "instret": 0}  # what software has set the counters ahead

    def state(self) -> tuple[dict[int, int], dict[str, int]]:
        """All values, for ``restore``."""
        return self._values, self._shifted

    def restore(self, state: tuple[dict[int, int], dict[str, int]]) -> None:
        """Take over the values of a ``state``."""
        self._values, self._shifted = state

    def __getitem__(self, name: str) -> int:
        return self._values[CSRS[name]]

    def __setitem__(self, name: str, value: int) -> None:
        self._values[CSRS[name]] = value

    def read(self, number: int, level: int, *, writes: bool = False) -> int:
        """The value that an instruction at this privilege ``level`` sees.

        Raises ``Trap`` (illegal instruction) for a register that does not exist, that needs a
        higher level, or that is read-only where the instruction ``writes``.
        """
        if level < number >> 8 & 3 or (writes and number >> 10 == 3):
            raise Trap(Cause.ILLEGAL)
        if number == SATP and level == 1 and self._values[MSTATUS] & Status.TVM:
            raise Trap(Cause.ILLEGAL)
        if number in COUNTERS:
            return self._counter(number, level)
        if number in VIEWS:
            whole, seen, _ = VIEWS[number]
            return self._plain(whole) & seen & (self._delegated(number))
        if number in WRITABLE:
            return self._plain(number)
        if number in CONSTANT:
            return CONSTANT[number]
        if number == CSRS["mhartid"]:
            return self.hart.number
        if PMPCFG <= number < PMPCFG + ENTRIES // 4:
            return self.hart.mmu.pmp.read_config(number - PMPCFG)
        if PMPADDR <= number < PMPADDR + ENTRIES:
            return self.hart.mmu.pmp.read_address(number - PMPADDR)
        if number in READ_ONLY_ZERO:
            return 0
        raise Trap(Cause.ILLEGAL)

    def write(self, number: int, value: int) -> None:
        """Write what can be written; ``read`` has checked that the instruction may."""
        if number in COUNTERS:
            self._set_counter(number, value & 0xFFFFFFFF)
            return
        if PMPCFG <= number < PMPADDR + ENTRIES:
            self._protect(number, value & 0xFFFFFFFF)
            return
        mask = WRITABLE.get(number, 0)
        if number in VIEWS:
            number, _, mask = VIEWS[number]
            mask &= self._delegated(number)
        if number not in WRITABLE:
            return
        old = self._values[number]
        new = old & ~mask | value & mask
        if number == MSTATUS and new >> 11 & 3 == 2:  # there is no such level
            new = new & ~Status.MPP | old & Status.MPP
        self._values[number] = new
        if number in MODES:
            self.hart.mode_changed()

    def _protect(self, number: int, value: int) -> None:
        pmp = self.hart.mmu.pmp
        if number >= PMPADDR:
            pmp.write_address(number - PMPADDR, value)
        else:
            pmp.write_config(number - PMPCFG, value)
        self.hart.forget()

    def _plain(self, number: int) -> int:
        value = self._values[number]
        return value | self.hart.lines if number == MIP else value

    def _delegated(self, number: int) -> int:
        """The interrupts that a supervisor's view shows; everything for other registers."""
        if number in (CSRS["sie"], CSRS["sip"]):
            return self["mideleg"]
        return 0xFFFFFFFF

    def _counter(self, number: int, level: int) -> int:
        name, shift = COUNTERS[number]
        bit = {"cycle": 1, "time": 2, "instret": 4}[name]
        for enable, highest in (("mcounteren", 1), ("scounteren", 0)):
            if level <= highest and number >= 0xC00 and not self[enable] & bit:
                raise Trap(Cause.ILLEGAL)
        return self._count(name) >> shift & 0xFFFFFFFF

    def _count(self, name: str) -> int:
        if name == "time":
            return self.hart.timer.now(self.hart.retired) if self.hart.timer else 0
        return self.hart.retired + self._shifted[name] & (1 << 64) - 1

    def _set_counter(self, number: int, value: int) -> None:
        """The writing instruction itself is not counted, as the manual says."""
        name, shift = COUNTERS[number]
        now = self._count(name)
        new = now & ~(0xFFFFFFFF << shift) | value << shift
        self._shifted[name] += new - now - 1
