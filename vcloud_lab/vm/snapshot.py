"""The whole state of hardware, kept apart from it: registers, devices, pages and blocks.

The disk is a part of it. To go back with the memory alone would leave a guest that remembers files
which the disk no longer has, or has otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vcloud_lab.errors import DiskError, GuestError
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.paging import PAGE

if TYPE_CHECKING:
    from vcloud_lab.vm.hardware import VirtualHardware

__all__ = ["Snapshot", "copy_of", "save"]

BLANK = bytes(PAGE)
STEP = 1 << 20


@dataclass(frozen=True)
class Snapshot:
    """What ``save`` has kept: ``pages`` by number, registers and devices by name, and a copy of the
    disk, which nobody writes."""

    memory: int
    pages: dict[int, bytes]
    hart: dict[str, Any]
    csrs: tuple[dict[int, int], dict[str, int]]
    protection: tuple[list[int], list[int]]
    devices: tuple[dict[str, Any], ...]
    disk: VirtualDisk | None

    def restore(self, board: VirtualHardware) -> None:
        """Put it all back, into this hardware or other of the same size, which is on then.

        The disk stays the same object and gets the contents that it had. Raises ``GuestError`` for
        memory or a disk of another size, and ``DiskError`` for a disk that would have to change and
        cannot, before anything is changed.
        """
        ram, hart = board.bus.ram, board.hart
        self._check(board)
        if board.disk:
            self.restore_disk(board.disk)
        for number in range(len(ram) // PAGE):
            page = slice(number * PAGE, number * PAGE + PAGE)
            ram[page] = self.pages.get(number, BLANK)
        for name, value in self.hart.items():
            setattr(hart, name, deepcopy(value))
        hart.csr.restore(deepcopy(self.csrs))
        pmp = hart.mmu.pmp
        pmp.config[:], pmp.address[:] = self.protection
        board.restore_devices(self.devices)
        hart.forget()
        board.on = True

    def restore_disk(self, disk: VirtualDisk) -> None:
        """Give a disk of the same size the contents that were kept; the rest stays as it is."""
        assert self.disk
        for offset, old in _differences(disk, self.disk):
            disk.write(offset, old)

    def _check(self, board: VirtualHardware) -> None:
        if len(board.bus.ram) != self.memory:
            raise GuestError(
                f"The snapshot is of {self.memory} bytes of memory and the machine has "
                f"{len(board.bus.ram)}: they must be alike; make a machine of the same size."
            )
        kept, there = (disk.size if disk else 0 for disk in (self.disk, board.disk))
        if kept != there:
            raise GuestError(
                f"The snapshot is of {kept} bytes of disk and the machine has {there}: they must "
                "be alike; make a machine with a disk of the same size."
            )
        if self.disk and board.disk and not board.disk.writable:
            for offset, _ in _differences(board.disk, self.disk):
                raise DiskError(
                    f"The disk backs other disks now and cannot be given back its sector "
                    f"{offset // 512}: a backing disk is never written; use the overlay in a new "
                    "machine."
                )


def save(board: VirtualHardware) -> Snapshot:
    """Keep the present state of hardware."""
    ram, hart, pmp = board.bus.ram, board.hart, board.hart.mmu.pmp
    whole = ((at // PAGE, bytes(ram[at : at + PAGE])) for at in range(0, len(ram), PAGE))
    return Snapshot(
        len(ram),
        {number: page for number, page in whole if page != BLANK},
        {name: deepcopy(getattr(hart, name)) for name in hart.kept},
        deepcopy(hart.csr.state()),
        (list(pmp.config), list(pmp.address)),
        board.device_states(),
        None if board.disk is None else copy_of(board.disk),
    )


def copy_of(disk: VirtualDisk) -> VirtualDisk:
    """A disk of the same contents and the same backing disk; what one is told, the other is not.

    Only the blocks of the disk itself are copied. Unlike with an overlay, the disk can still be
    written.
    """
    made = VirtualDisk(disk.size, backing=disk.backing, block_size=disk.block_size)
    for extent in disk.map():
        if extent.depth == 0 and extent.zero:
            made.zero(extent.offset, extent.length)
        elif extent.depth == 0:
            for offset, length in _steps(extent.offset, extent.length):
                made.write(offset, disk.read(offset, length))
    return made


def _differences(disk: VirtualDisk, kept: VirtualDisk) -> Iterator[tuple[int, bytes]]:
    """Where a disk differs from one that was kept: the offset, and what was kept."""
    for extent in (*disk.map(), *kept.map()):
        if not extent.zero:
            for offset, length in _steps(extent.offset, extent.length, disk.block_size):
                old = kept.read(offset, length)
                if old != disk.read(offset, length):
                    yield offset, old


def _steps(offset: int, length: int, most: int = STEP) -> Iterator[tuple[int, int]]:
    return ((at, min(most, offset + length - at)) for at in range(offset, offset + length, most))
