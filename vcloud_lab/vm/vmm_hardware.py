"""Hardware assistance: a processor that knows of guests, as VT-x, AMD-V and KVM have it.

The guest runs on the processor itself, with all its levels, CSRs and page tables; nothing of it is
deprivileged. A second set of tables, the *nested* ones, leads from the guest's physical addresses
to the host's; the processor walks both. What is left for the VMM: devices, memory that is not
there yet, waiting, interrupts.

Source: Bhargava et al., "Accelerating Two-Dimensional Page Walks for Virtualized Systems", ASPLOS
2008; Kivity et al., "kvm: the Linux Virtual Machine Monitor", OLS 2007.
"""

from __future__ import annotations

from vcloud_lab.vm.cpu import Hart, Timer
from vcloud_lab.vm.execute import Leave
from vcloud_lab.vm.isa import Instruction
from vcloud_lab.vm.memory import Bus, BusError
from vcloud_lab.vm.mmu import Attention, Load, Mmu, Store, Translate, View
from vcloud_lab.vm.paging import PAGE, PageFault, R, W, X, walk
from vcloud_lab.vm.tables import Tables
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.traps import INTERRUPT, Trap
from vcloud_lab.vm.vmm import TABLES, VMM_MEMORY, VirtualProcessor

__all__ = ["HardwareAssisted", "NestedFault", "NestedMmu"]


class NestedFault(Leave):
    """The nested tables do not lead from a guest-physical address, for this access."""

    def __init__(self, access: int, at: int) -> None:
        super().__init__(access, at)
        self.access, self.at = access, at


class NestedMmu(Mmu):
    """An MMU with a second dimension. ``references`` counts the entries read, of both tables."""

    def __init__(self, host: Bus, ram: range, tables: Tables) -> None:
        super().__init__(host)
        self.ram, self.tables, self.references = ram, tables, 0
        self._nested: dict[int, dict[int, int]] = {R: {}, W: {}, X: {}}

    def forget_nested(self) -> None:
        """Forget what was found in the nested tables, and with it everything else."""
        for known in self._nested.values():
            known.clear()
        self.flush()

    def host_physical(self, access: int, at: int) -> int:
        """Where a guest-physical address leads. Raises ``NestedFault``."""
        page = self._nested[access].get(at >> 12)
        if page is None:
            try:
                found = walk(at, access, self.tables.root("guest"), load=self._entry, user=True)
            except PageFault:
                raise NestedFault(access, at) from None
            page = self._nested[access][at >> 12] = found.physical & -PAGE
        return page + (at & PAGE - 1)

    def _entry(self, at: int) -> int:
        self.references += 1
        return self.bus.read(at, 4)

    def _tables(self) -> tuple[Load, Store]:
        """The guest's tables lie in guest-physical memory: the walk of one is a walk of both."""

        def place(access: int, at: int) -> int:
            if at not in self.ram:
                raise BusError(at)
            return self.host_physical(access, at)

        return (
            lambda at: self._entry(place(R, at)),
            lambda at, value: self.bus.write(place(W, at), 4, value),
        )

    def _bare(self) -> View:
        return self._both(3, lambda access, at: at)

    def _paged(self, satp: int, level: int, user_too: bool, executable_too: bool) -> View:
        return self._both(level, self._translation(satp, level, user_too, executable_too))

    def _both(self, level: int, first: Translate) -> View:
        """From the guest's address through both dimensions; the TLB keeps the way as a whole."""
        tlb: dict[int, dict[int, int]] = {R: {}, W: {}, X: {}}

        def translate(access: int, at: int) -> int:
            page = tlb[access].get(at >> 12)
            if page is None:
                page = self.host_physical(access, first(access, at)) & -PAGE
                tlb[access][at >> 12] = page
            return page + (at & PAGE - 1)

        return self._made(level, translate, lambda at: (at & -PAGE) + PAGE, paged=True)


class HardwareAssisted(VirtualProcessor, TranslatingHart):
    """A processor with a guest mode, and the VMM that serves its exits."""

    technique = "hardware assistance"

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self._move_in(bus)
        self.nested = Tables(self.host, TABLES, lambda root: None, self._nested_forgotten)
        self._emulator = Hart(bus, timer, number=number)
        super().__init__(self.host, timer, number=number)

    def _memory(self) -> NestedMmu:
        guest = self.guest
        return NestedMmu(self.host, range(guest.base, guest.end), self.nested)

    def _nested_forgotten(self) -> None:
        assert isinstance(self.mmu, NestedMmu)
        self.mmu.forget_nested()
        self.forget()

    def reset(self, pc: int) -> None:
        """As after power-on: the memory is not there yet."""
        super().reset(pc)
        self.nested.clear()

    def forget(self) -> None:
        """Forget the guest's translations; those of the nested tables stay."""
        self._emulator.mmu.flush()
        super().forget()

    def _chunk(self, limit: int) -> int:
        before = self.retired - self.interpreted
        begun = super()._chunk(limit)
        self.direct += self.retired - self.interpreted - before
        return begun

    def _out_of_loop(self, why: Leave | Trap | Attention, pc: int, done: int) -> int:
        if not isinstance(why, NestedFault):
            return super()._out_of_loop(why, pc, done)
        self.pc = pc
        self.retired += done
        if self.guest.base <= why.at < self.guest.end:
            self.exited("nested page fault")
            rights = R | X | (W if why.access == W else 0)
            self.nested.map("guest", why.at & -PAGE, (why.at & -PAGE) + VMM_MEMORY, rights)
            return done
        self.exited("device", self._instruction())
        return done + self._emulate()

    def _emulate(self) -> int:
        """Emulate the instruction that has reached for a device."""
        other = self._emulator
        other.x, other.pc, other.level, other.csr = self.x, self.pc, self.level, self.csr
        other.retired, other.reservation, other.traps = self.retired, self.reservation, self.traps
        other.mmu.pmp = self.mmu.pmp
        other.mode_changed()
        begun = Hart._chunk(other, 1)
        self.interpreted += 1
        self.pc, self.level, self.retired = other.pc, other.level, other.retired
        self.reservation = other.reservation
        self.mode_changed()
        return begun

    def _do(self, found: Instruction, word: int) -> int:
        after = super()._do(found, word)
        if found.row.does == "wfi":
            self.exited("wait for interrupt", "wfi")
        return after

    def trap(self, cause: int, value: int) -> None:
        """The guest's traps are its own; an interrupt brings the VMM in, which passes it on."""
        if cause & INTERRUPT:
            self.exited("interrupt")
        super().trap(cause, value)
