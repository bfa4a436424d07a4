"""One guest under five techniques: the same console, other exits, another bill.

Each technique is a kind of processor, so that a ``VirtualMachine`` runs on any of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.asm import assemble
from vcloud_lab.vm.costs import Costs
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.guests import linux, source
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.vmm import TrapAndEmulate, VirtualProcessor
from vcloud_lab.vm.vmm_hardware import HardwareAssisted
from vcloud_lab.vm.vmm_paravirtual import Paravirtual, paravirtualize
from vcloud_lab.vm.vmm_translation import BinaryTranslation

__all__ = ["GUESTS", "TECHNIQUES", "Outcome", "kernel", "outcome", "under"]

TECHNIQUES: dict[str, type[Hart]] = {
    "full emulation": TranslatingHart,
    "trap and emulate": TrapAndEmulate,
    "binary translation": BinaryTranslation,
    "paravirtualization": Paravirtual,
    "hardware assistance": HardwareAssisted,
}
"""The techniques: interpret everything (Bochs, QEMU); run the guest without privilege and emulate
what traps (VM/370); translate its kernel (VMware); change its kernel (Xen); let the processor know
of guests (VT-x, AMD-V, KVM)."""

GUESTS = ("kernel", "linux")
"""A small kernel of ours with four processes, and Linux."""

MEMORY, SMALL = {"linux": 16 << 20}, 1 << 20
BASE = 0x80000000


@dataclass(frozen=True)
class Outcome:
    """What a guest has done under a technique.

    ``direct`` counts the instructions that a real processor executed, ``interpreted`` those that
    software did; ``exits`` counts the exits by their reason. ``ended`` is what ``run`` returned.
    """

    technique: str
    ended: str
    direct: int
    interpreted: int
    exits: dict[str, int]
    console: str = field(repr=False)

    @property
    def exits_in_all(self) -> int:
        """How many exits there were."""
        return sum(self.exits.values())

    def cycles(self, costs: Costs | None = None) -> int:
        """The bill in cycles of the real processor; ``costs`` are the usual ones if left out."""
        costs = costs or Costs()
        return (
            self.direct * costs.instruction
            + self.interpreted * costs.interpreted
            + sum(
                count * costs.of_exit(self.technique, reason)
                for reason, count in self.exits.items()
            )
        )


def kernel(paravirtual: bool = False) -> bytes:
    """The image of our kernel with its processes, for a bare machine or for hypercalls."""
    lower = "paravirtual.s" if paravirtual else "native.s"
    return assemble("\n".join(map(source, ("kernel.s", lower, "programs.s")))).code


def under(
    technique: str, guest: str | bytes = "kernel", *, silent: Iterable[str] = (), memory: int = 0
) -> VirtualMachine:
    """A machine for the guest, "kernel", "linux" or an image's bytes, on a processor of this
    technique. Under paravirtualization bytes must be those of a kernel that makes hypercalls.

    ``silent`` names CSRs that user level can read and, without a trap, not write: a processor with
    the fault of the x86 (see ``Hart.silent``). ``memory`` is in bytes; 0 is enough for the guest.

    Raises ``GuestError`` for a technique, a guest or a CSR that does not exist.
    """
    _known("technique", technique, TECHNIQUES)
    if not isinstance(guest, bytes):
        _known("guest", guest, GUESTS)
    engine, numbers = TECHNIQUES[technique], set[int]()
    for name in silent:
        _known("CSR", name, CSRS)
        numbers.add(CSRS[name])
    traits: dict[str, object] = {"silent": frozenset(numbers)}
    name, words = "a guest", ""
    if isinstance(guest, bytes):
        image = guest
    elif guest == "kernel":
        name, image = guest, kernel(paravirtual=engine is Paravirtual)
    else:
        name, image, words = guest, linux().image, linux().command_line
        if engine is Paravirtual:
            image, old = paravirtualize(image, linux().sites)
            traits["patched"] = {BASE + offset: word for offset, word in old.items()}
    return VirtualMachine(
        image,
        name=f"{name} under {technique}",
        memory=memory or MEMORY.get(name, SMALL),
        command_line=words,
        engine=type(engine.__name__, (engine,), traits),
    )


def outcome(machine: VirtualMachine, ended: str = "") -> Outcome:
    """What has become of a machine that ``under`` made, or a copy of it; ``ended`` is what its
    ``run`` has returned."""
    hart = machine.board.hart
    if not isinstance(hart, VirtualProcessor):
        return Outcome(hart.technique, ended, 0, hart.retired, {}, machine.console)
    return Outcome(
        hart.technique, ended, hart.direct, hart.interpreted,
        dict(sorted(hart.exits.items())), machine.console,
    )  # fmt: skip


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in set(names):
        some = ", ".join(list(names)[:8])
        raise GuestError(f"There is no {what} {name!r}: choose one of {some}.")
