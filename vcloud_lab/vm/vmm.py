"""A virtual machine monitor: trap and emulate.

``TrapAndEmulate`` is a virtual processor. Board and devices see a ``Hart``; but its instructions
are not interpreted. They run on another hart, the *real* one, at user level, however privileged the
guest believes to be. What needs privilege traps there: an *exit*. The VMM then emulates this one
instruction on the virtual processor's own registers and lets the guest go on.

The guest's memory is a part of the host's. The real hart runs on *shadow page tables*, which the
VMM keeps in its own part: from the guest's virtual addresses to the host's physical ones.

Source: Popek and Goldberg, "Formal Requirements for Virtualizable Third Generation Architectures",
CACM 17(7), 1974; Bugnion, Nieh and Tsafrir, "Hardware and Software Support for Virtualization",
2017, chapters 2 to 4.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from vcloud_lab.vm.cpu import Hart, Timer
from vcloud_lab.vm.csr_file import SATP
from vcloud_lab.vm.execute import Leave
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.memory import Bus, BusError
from vcloud_lab.vm.paging import PAGE, R, W, X
from vcloud_lab.vm.tables import Tables
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.traps import INTERRUPT, Cause, Trap

__all__ = ["TABLES", "VMM_MEMORY", "Exit", "Physical", "TrapAndEmulate", "VirtualProcessor"]

VMM_MEMORY = 4 << 20
"""The VMM's own memory, at the start of the host's; the guest's follows."""
TABLES = range(2 << 20, VMM_MEMORY)
LAST = 10_000
PAGE_FAULTS = {Cause.LOAD_PAGE: R, Cause.STORE_PAGE: W, Cause.FETCH_PAGE: X}
PAGED = 1 << 31
REASONS = {
    "csr": "privileged register",
    "mret": "return from a trap",
    "sret": "return from a trap",
    "wfi": "wait for interrupt",
    "sfence.vma": "flush of the TLB",
}


class Exit(NamedTuple):
    """One time that the VMM came in: why, after how many instructions of the guest, at which
    address and level of the guest, and at which instruction."""

    reason: str
    retired: int
    pc: int
    level: int
    instruction: str


class VirtualProcessor(Hart):
    """A hart whose guest is watched by a VMM. ``guest`` is the bus as the guest sees it, ``host``
    the real one, whose memory begins with that of the VMM.

    ``exits`` counts the exits by their reason, ``log`` has the last of them; ``direct`` counts the
    instructions that a real processor has executed, ``interpreted`` those that the VMM has.
    """

    kept = (*Hart.kept, "exits", "log", "interpreted", "direct")

    def _move_in(self, bus: Bus) -> None:
        """Make a host, and let the guest's memory be a part of its memory."""
        self.guest = bus
        self.host = Bus(VMM_MEMORY + len(bus.ram), bus.base)
        bus.move_into(self.host, self.host.base + VMM_MEMORY)

    def reset(self, pc: int) -> None:
        """As after power-on: nothing is counted yet."""
        self.exits: Counter[str] = Counter()
        self.log: deque[Exit] = deque(maxlen=LAST)
        self.interpreted = self.direct = 0
        super().reset(pc)

    def exited(self, reason: str, instruction: str = "") -> None:
        """Count an exit and remember it, with the instruction that is emulated, if one is."""
        self.exits[reason] += 1
        self.log.append(Exit(reason, self.retired, self.pc, self.level, instruction))

    def _instruction(self) -> str:
        """The name of the guest's next instruction, "" where there is none."""
        try:
            found = decode(self.bus.read(self.code.translate(X, self.pc), 4))
        except (Trap, BusError, Leave):
            return ""
        return found.row.name if found else ""


class Physical(TranslatingHart):
    """The real processor while a guest runs on it: a trap ends the run, and ``exit`` keeps it."""

    def __init__(self, bus: Bus) -> None:
        self.exit: tuple[int, int] | None = None
        super().__init__(bus)
        self.level = 0
        self.mmu.pmp.allow_all()  # no fences: what is not mapped is out of reach
        self.forget()

    def trap(self, cause: int, value: int) -> None:
        """Leave the guest."""
        self.exit, self.stopped = (cause, value), True

    def enter(self, x: list[int], pc: int, root: int, limit: int) -> int:
        """Run guest code on these registers and page tables; returns how much was completed."""
        self.x, self.pc, self.exit, self.stopped = x, pc, None, False
        if self.csr["satp"] != root >> 12 | PAGED:
            self.csr.write(SATP, root >> 12 | PAGED)
        before = self.retired
        self.run(limit)
        return self.retired - before


class TrapAndEmulate(VirtualProcessor):
    """A virtual processor whose guest runs on a real one, deprivileged."""

    technique = "trap and emulate"

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self._move_in(bus)
        self.real = Physical(self.host)
        self.real.silent = self.silent
        self.shadow = Tables(self.host, TABLES, self._opened, self.real.forget)
        super().__init__(bus, timer, number=number)

    def forget(self) -> None:
        """Forget the shadow tables with all that was made from the guest's tables."""
        super().forget()
        self.shadow.clear()

    def _opened(self, root: int) -> None:
        """A space of addresses has been opened; nothing of the VMM is in it."""

    def _chunk(self, limit: int) -> int:
        """Let the guest run, and deal with the exit."""
        if self._apart():
            return self._emulate()
        done = self.real.enter(self.x, self.pc, self.shadow.root(self.data), limit)
        self.retired += done
        self.direct += done
        self.pc = self.real.pc
        return done + self._serve()

    def _apart(self) -> bool:
        """Whether loads and fetches see different memory (MPRV): one table cannot show both."""
        return self.data.level != self.level

    def _serve(self) -> int:
        """Deal with the exit, if there was one; returns how many instructions that completed."""
        if self.real.exit is None:
            return 0
        cause, value = self.real.exit
        access = PAGE_FAULTS.get(cause)
        if access and self._fill(access, value):
            self.exited("hidden page fault")
            return 0
        self.exited(self._reason(cause, value), self._instruction())
        return self._emulate()

    def _emulate(self) -> int:
        """Execute the guest's next instruction, or take its trap, on the virtual processor."""
        self.interpreted += 1
        return Hart._chunk(self, 1)

    def _fill(self, access: int, at: int) -> bool:
        """Map a page that the guest's own tables allow; False where they do not, and for devices.

        A page that is read is mapped for reading only, so that the first write is seen and the
        guest's entry gets its dirty bit.
        """
        place = self._guest_physical(access, at)
        if place is None or not self.bus.base <= place < self.bus.end:
            return False
        page = place & -PAGE
        self.shadow.map(
            self.data, at & -PAGE, page + VMM_MEMORY, access | (R if access == W else 0)
        )
        return True

    def _guest_physical(self, access: int, at: int) -> int | None:
        """Where the guest's own tables lead, None where they do not allow it."""
        try:
            return (self.code if access == X else self.data).translate(access, at)
        except Trap:
            return None

    def _reason(self, cause: int, value: int) -> str:
        if cause == Cause.ECALL:
            return "system call" if self.level == 0 else "call of the machine"
        if cause == Cause.ILLEGAL:
            found = decode(value)
            if found and self.level:
                return REASONS.get(found.row.kind, REASONS.get(found.row.name, "exception"))
        access = PAGE_FAULTS.get(cause)
        if access:
            found_at = self._guest_physical(access, value)
            return "page fault of the guest" if found_at is None else "device"
        return "exception"

    def trap(self, cause: int, value: int) -> None:
        """A trap of the guest: its own handler comes next. An interrupt has brought the VMM in."""
        if cause & INTERRUPT:
            self.exited("interrupt")
        super().trap(cause, value)
        self.real.reservation = None
