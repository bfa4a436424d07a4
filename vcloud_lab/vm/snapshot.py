"""A board's whole state, kept apart from it: registers, devices, pages that are not zero."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.paging import PAGE

__all__ = ["Snapshot", "save"]

HART = ("x", "pc", "level", "lines", "retired", "waiting", "stopped", "reservation", "traps")
BLANK = bytes(PAGE)


@dataclass(frozen=True)
class Snapshot:
    """What ``save`` has kept: ``pages`` by number, registers and devices by name."""

    memory: int
    pages: dict[int, bytes]
    hart: dict[str, Any]
    csrs: tuple[dict[int, int], dict[str, int]]
    protection: tuple[list[int], list[int]]
    devices: tuple[dict[str, Any], ...]

    def restore(self, board: Board) -> None:
        """Put it all back, into this board or another one of the same size.

        Raises ``GuestError`` for a board whose memory has another size, before anything changes.
        """
        ram, hart = board.bus.ram, board.hart
        if len(ram) != self.memory:
            raise GuestError(
                f"The snapshot is of {self.memory} bytes of memory and the machine has {len(ram)}: "
                "they must be alike; make a machine of the same size."
            )
        for number in range(len(ram) // PAGE):
            page = slice(number * PAGE, number * PAGE + PAGE)
            ram[page] = self.pages.get(number, BLANK)
        for name, value in self.hart.items():
            setattr(hart, name, deepcopy(value))
        hart.csr.restore(deepcopy(self.csrs))
        pmp = hart.mmu.pmp
        pmp.config[:], pmp.address[:] = self.protection
        for device, kept in zip(_devices(board), self.devices, strict=True):
            vars(device).update(deepcopy(kept))
        hart.forget()


def save(board: Board) -> Snapshot:
    """Keep the present state of a board."""
    ram, hart, pmp = board.bus.ram, board.hart, board.hart.mmu.pmp
    whole = ((at // PAGE, bytes(ram[at : at + PAGE])) for at in range(0, len(ram), PAGE))
    return Snapshot(
        len(ram),
        {number: page for number, page in whole if page != BLANK},
        {name: deepcopy(getattr(hart, name)) for name in HART},
        deepcopy(hart.csr.state()),
        (list(pmp.config), list(pmp.address)),
        tuple(
            deepcopy({key: value for key, value in vars(device).items() if key != "hart"})
            for device in _devices(board)
        ),
    )


def _devices(board: Board) -> tuple[object, object, object]:
    return board.console, board.timer, board.power
