"""The virtual processor's registers in a page that the guest's kernel can reach.

The page lies at the very end of the guest kernel's addresses, so that one load or store relative to
x0 reaches it: ``lw a0, -1024(zero)`` does for a virtual processor what ``csrr a0, mscratch`` does
for a real one, without an exit. Translated code and paravirtual kernels use it. (KVM on PowerPC
gives its guests such a "magic page", and Xen a "shared info page".)
"""

from __future__ import annotations

from vcloud_lab.vm.csr import Status
from vcloud_lab.vm.csr_file import CsrFile
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.paging import PAGE

__all__ = ["A7", "EXACT", "HERE", "LAYOUT", "PENDING", "StatePage"]

HERE = 0x1_0000_0000 - PAGE
"""The guest kernel's address of the page; the VMM keeps what lies there out of its reach."""

_NAMES = (
    "mscratch", "mcause", "mtval", "sscratch", "scause", "stval",
    "mepc", "sepc", "mstatus", "mtvec", "stvec", "mie",
)  # fmt: skip
LAYOUT: dict[str, int] = {name: 4 * i - 1024 for i, name in enumerate(_NAMES)}
"""Where each register is, as an offset from x0."""

EXACT = frozenset(_NAMES[:6])
"""These keep every bit that is written, so that a plain store writes them."""
ALLOWED = Status.MIE | Status.SIE | Status.MPIE | Status.SPIE | Status.MPP | Status.SPP
"""What a kernel may change of ``mstatus`` in the page: nothing of how memory is seen."""
PENDING = -64
"""A word for a kernel that switches interrupts on itself: not 0 while one waits for that."""
A7 = -112
"""A word for a kernel that leaves with a hypercall, which needs a7: what a7 shall become."""


class StatePage:
    """The page at the physical address ``at`` of ``bus``, for the registers of one processor."""

    def __init__(self, bus: Bus, at: int) -> None:
        self.bus, self.at = bus, at
        self._end = (at - bus.base + PAGE) >> 2

    def __getitem__(self, offset: int) -> int:
        return self.bus.words[self._end + (offset >> 2)]

    def __setitem__(self, offset: int, value: int) -> None:
        self.bus.words[self._end + (offset >> 2)] = value

    def show(self, csr: CsrFile, *, pending: bool) -> None:
        """Before the guest runs: what it may read."""
        self[PENDING] = pending
        for name, offset in LAYOUT.items():
            self[offset] = csr[name]

    def take(self, csr: CsrFile) -> None:
        """After it ran: what it has changed."""
        for name in EXACT:
            csr[name] = self[LAYOUT[name]]
        for name in ("mepc", "sepc"):
            csr[name] = self[LAYOUT[name]] & ~3
        old, new = csr["mstatus"], self[LAYOUT["mstatus"]]
        if new >> 11 & 3 == 2:  # there is no such level
            new = new & ~Status.MPP | old & Status.MPP
        csr["mstatus"] = old & ~ALLOWED | new & ALLOWED
