"""Paravirtualization, Xen's way: the guest's kernel knows that it is a guest.

It was changed to ask for what needs privilege, by *hypercalls*, and finds the registers of its
virtual processor in the state page. So there is nothing to trap or translate; but the kernel runs
on no bare machine any more.

A hypercall is an ``ecall`` of the kernel: its number in a7, arguments in a0 and a1.

Source: Barham et al., "Xen and the Art of Virtualization", SOSP 2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.hardware import CLINT, POWER, UART
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.paging import R, W, X
from vcloud_lab.vm.traps import Cause
from vcloud_lab.vm.vmm import TrapAndEmulate
from vcloud_lab.vm.vmm_code import word
from vcloud_lab.vm.vmm_state import A7, EXACT, HERE, LAYOUT, StatePage

__all__ = ["HYPERCALLS", "Paravirtual", "paravirtualize"]

HYPERCALLS = {
    1: "set the trap handler",
    2: "return from a trap",
    3: "set the address space",
    4: "set the timer",
    5: "write to the console",
    6: "power off",
    7: "take a pending interrupt",
}
"""What the numbers in a7 ask for. Arguments: the handler's address in a0; what a7 shall become in
the state page; the value of satp in a0; ticks from now in a0; the guest-physical address and the
length of a text in a0 and a1; none; none."""

NAMES = {number: name for name, number in CSRS.items()}


class Paravirtual(TrapAndEmulate):
    """A virtual processor for a kernel that makes hypercalls.

    ``patched`` has the instruction that stood at a guest-physical address where an ``ecall`` stands
    now, for kernels that were changed by ``paravirtualize``.
    """

    technique = "paravirtualization"

    patched: Mapping[int, int] = MappingProxyType({})

    def _move_in(self, bus: Bus) -> None:
        super()._move_in(bus)
        self.state = StatePage(self.host, self.host.base)

    def reset(self, pc: int) -> None:
        """As a paravirtual kernel expects to be started: nothing is fenced in, the timer may
        interrupt."""
        super().reset(pc)
        self.mmu.pmp.allow_all()
        self.csr["mie"] = 0x80

    def _opened(self, root: int) -> None:
        if self.level:
            self.shadow.map_at(root, HERE, self.host.base, R | W)

    def _chunk(self, limit: int) -> int:
        if not self.level:
            return super()._chunk(limit)
        self.state.show(self.csr, pending=bool(self._pending() & self.csr["mie"]))
        return super()._chunk(limit)

    def _serve(self) -> int:
        if self.level:
            self.state.take(self.csr)
        exit_ = self.real.exit
        if not self.level or exit_ is None or exit_[0] != Cause.ECALL:
            return super()._serve()
        old = self.patched.get(self._guest_physical(X, self.pc) or 0)
        if old is not None:
            found = decode(old)
            self.exited("hypercall", found.row.name if found else "")
            self.interpreted += 1
            self._system(old)
        else:
            self._hypercall(self.x[17], self.x[10], self.x[11])
        return 1

    def _hypercall(self, number: int, a0: int, a1: int) -> None:
        """Do what the kernel asks for; what does not exist gives -1 in a0."""
        what = HYPERCALLS.get(number, "unknown")
        self.exited("hypercall", what)
        csr, after = self.csr, self.pc + 4
        match number:
            case 1:
                csr.write(CSRS["mtvec"], a0)
            case 2:
                self.x[17] = self.state[A7]
                after = self._return("m", csr["mstatus"])
            case 3:
                csr.write(CSRS["satp"], a0)
                self.forget()
            case 4:
                now = self.timer.now(self.retired) if self.timer else 0
                for half in (0, 4):
                    self.bus.write(CLINT + 0x4000 + half, 4, now + a0 >> 8 * half)
            case 5 if self.bus.base <= a0 <= a0 + a1 <= self.bus.end:
                start = a0 - self.bus.base
                for byte in bytes(self.bus.ram[start : start + a1]):
                    self.bus.write(UART, 1, byte)
            case 7:
                pass  # after every exit the VMM looks whether an interrupt may come
            case 6:
                self.bus.write(POWER, 4, 0x5555)
            case _:
                self.x[10] = 0xFFFFFFFF
        self.pc = after & 0xFFFFFFFF
        self.retired += 1


def paravirtualize(image: bytes, sites: tuple[int, ...]) -> tuple[bytes, dict[int, int]]:
    """Change a kernel's sensitive instructions, whose offsets in the image are ``sites``.

    What the state page can do becomes a load or a store, all else a hypercall. Returns the new
    image, and the old instructions by the offset of their hypercall. Raises ``GuestError`` for a
    site where no sensitive instruction stands.
    """
    changed, old = bytearray(image), dict[int, int]()
    for site in sites:
        before = int.from_bytes(image[site : site + 4], "little")
        found = decode(before)
        if found is None or found.row.kind not in ("csr", "system"):
            raise GuestError(
                f"At offset {site:#x} of the image stands {before:#010x}, which is no sensitive "
                "instruction: the list of sites must be that of this very image."
            )
        name = NAMES.get(found.imm, "")
        after = word("ecall")
        if name in LAYOUT and found.row.name == "csrrs" and not found.rs1 and found.rd:
            after = word("lw", found.rd, imm=LAYOUT[name])
        elif name in EXACT and found.row.name == "csrrw" and not found.rd:
            after = word("sw", rs2=found.rs1, imm=LAYOUT[name])
        else:
            old[site] = before
        changed[site : site + 4] = after.to_bytes(4, "little")
    return bytes(changed), old
