"""Page tables that the VMM makes: one set for each space of addresses, in a part of its memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.paging import PAGE, A, D, U, V

__all__ = ["Tables"]


class Tables:
    """Sv32 tables in the pages ``area`` (offsets into the RAM of ``bus``).

    They are a cache: when the pages are used up, all is forgotten, and what is needed is mapped
    anew. ``opened(root)`` is called when a space gets its first table, ``forgotten()`` when
    translations that were made from the tables must go.
    """

    def __init__(
        self,
        bus: Bus,
        area: range,
        opened: Callable[[int], None],
        forgotten: Callable[[], None],
    ) -> None:
        self.bus, self.area = bus, area
        self.opened, self.forgotten = opened, forgotten
        self.roots: dict[Hashable, int] = {}
        self.used = 0

    def clear(self) -> None:
        """Forget all."""
        self.roots.clear()
        self.used = 0
        self.forgotten()

    def root(self, space: Hashable) -> int:
        """The address of the first table of a space, which is made if there is none yet."""
        if space not in self.roots:
            if not self._room():
                self.clear()
            self.roots[space] = root = self._table()
            self.opened(root)
        return self.roots[space]

    def map(self, space: Hashable, virtual: int, physical: int, bits: int) -> None:
        """Let a page of the space be a physical page, with these of the rights R, W and X more
        than it has."""
        if not self._room():
            self.clear()
        self.map_at(self.root(space), virtual, physical, bits)

    def map_at(self, root: int, virtual: int, physical: int, bits: int) -> None:
        """The same below a first table whose address is known."""
        first = root + (virtual >> 22) * 4
        entry = self.bus.read(first, 4)
        if not entry & V:
            entry = self._table() >> 2 | V
            self.bus.write(first, 4, entry)
        second = (entry >> 10 << 12) + (virtual >> 12 & 1023) * 4
        rights = self.bus.read(second, 4) & 0xFF | bits
        self.bus.write(second, 4, physical >> 12 << 10 | rights | V | U | A | D)

    def _room(self) -> bool:
        """Whether there is room for a space, what is always in it, and a page more."""
        return self.used + 4 * PAGE <= len(self.area)

    def _table(self) -> int:
        start = self.area.start + self.used
        self.used += PAGE
        self.bus.ram[start : start + PAGE] = bytes(PAGE)
        return self.bus.base + start
