"""A guest's page tables and the host's nested tables, as real entries in one physical memory."""

from __future__ import annotations

from collections.abc import Callable

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.model_rules import check_number
from vcloud_lab.vm.nested_walk import NestedViolation
from vcloud_lab.vm.paging import PAGE, R, V, W, X
from vcloud_lab.vm.radix import (
    Leaf,
    Shape,
    TableFault,
    descend,
    entry_of,
    place,
    used,
)

__all__ = ["GuestMemory"]

HOST_TABLES = 1 << 30
"""The host keeps the GiB from here on for its tables; pages for guests come from the rest."""

GUEST_TABLES_END = 1 << 30
"""The guest's tables come from below this guest-physical address, downwards."""

FIRST_HOST_PAGE = 1 << 20


class GuestMemory:
    """Host-physical memory (``words``: address -> entry) with the tables of a guest and its host.

    ``guest_levels`` 0 is a guest without paging, ``nested_levels`` 0 a machine without a host:
    guest-physical addresses are then the real ones. ``root`` is the guest-physical address of the
    table in use; every address space has one. Pages that the guest's tables need are backed by
    nested pages of ``backing_level`` (1 is 2 MiB with 9 bits).

    Raises ``GuestError`` for levels outside 0..5, index bits outside 1..10, and a backing level
    that the nested tables do not have.
    """

    def __init__(
        self,
        guest_levels: int = 4,
        nested_levels: int = 4,
        *,
        index_bits: int = 9,
        backing_level: int = 0,
    ) -> None:
        self.guest, self.host = Shape(guest_levels, index_bits), Shape(nested_levels, index_bits)
        most = max(nested_levels - 1, 0)
        check_number(backing_level, 0, most, "The backing level", "0 is the smallest page")
        self.backing_level = backing_level
        self.words: dict[int, int] = {}
        self.on_store: Callable[[int], None] = lambda at: None
        """Called after the guest wrote the word at a guest-physical address."""
        self.on_host_change: Callable[[int, int], None] = lambda start, end: None
        """Called when the host has changed the backing of a range of guest-physical addresses."""
        self._next_host_table, self._next_host_page = HOST_TABLES, FIRST_HOST_PAGE
        self._next_guest_table = min(self.host.reach, GUEST_TABLES_END)
        self.host_root = self.new_host_tables(1)[0] if nested_levels else 0
        self.root = self.new_space()

    def new_space(self) -> int:
        """Make an empty address space of the guest; the guest-physical address of its table."""
        return self._new_guest_tables(1)[0] if self.guest.levels else 0

    def map_guest(
        self,
        virtual: int,
        guest_physical: int,
        *,
        level: int = 0,
        writable: bool = True,
        space: int | None = None,
    ) -> None:
        """The guest maps a page; ``level`` 1 is a large page. A mapping of that size is replaced.

        Raises ``GuestError`` for addresses that do not fit and for pages of two sizes at one
        place, and ``NestedViolation`` where the host has taken a table of the guest away.
        """
        self._check(self.guest, virtual, level, "The virtual address", self.guest.reach)
        self._check(self.guest, guest_physical, level, "The guest-physical address")
        self._write_guest(virtual, entry_of(guest_physical, flags(writable)), level, space)

    def unmap_guest(self, virtual: int, *, level: int = 0, space: int | None = None) -> None:
        """The guest clears the entry of a page; what ``map_guest`` raises."""
        self._check(self.guest, virtual, level, "The virtual address", self.guest.reach)
        self._write_guest(virtual, 0, level, space)

    def map_host(
        self,
        guest_physical: int,
        host_physical: int | None = None,
        *,
        level: int = 0,
        writable: bool = True,
    ) -> int:
        """The host backs a guest-physical page, by a fresh page where none is named.

        Where it had a page already, that one is replaced and nothing is copied. Returns the
        host-physical address. Raises ``GuestError`` for addresses that do not fit, for pages of two
        sizes at one place, and without nested tables.
        """
        self._check(self.host, guest_physical, level, "The guest-physical address")
        span = self.host.span(level)
        if host_physical is None:
            host_physical = self._fresh_host_page(span)
        else:
            check_page(
                host_physical, span, 1 << self.host.physical_bits, "The host-physical address"
            )
            if host_physical + span > HOST_TABLES and host_physical < 2 * HOST_TABLES:
                raise GuestError(
                    f"The host-physical address is {host_physical:#x}: the GiB from "
                    f"{HOST_TABLES:#x} on holds the host's tables; take a lower address."
                )
        self._write_host(guest_physical, entry_of(host_physical, flags(writable)), level)
        return host_physical

    def unmap_host(self, guest_physical: int, *, level: int = 0) -> None:
        """The host takes the backing of a page away, as when it swaps; what ``map_host`` raises."""
        self._check(self.host, guest_physical, level, "The guest-physical address")
        self._write_host(guest_physical, 0, level)

    def backing(self, guest_physical: int, access: int = R) -> int:
        """The host-physical address behind a guest-physical one; counts no references.

        It sets the nested A and D bits. Raises ``NestedViolation`` where there is none.
        """
        if not self.host.levels:
            return guest_physical
        check_number(guest_physical, 0, self.host.reach - 1, "The guest-physical address", "map it")
        top = self.host.levels - 1
        try:
            leaf = descend(self.host, self.host_root, guest_physical, access, self._peek, top)
        except TableFault as fault:
            raise NestedViolation(fault.reason, guest_physical) from None
        self.touch(leaf, access)
        return leaf.physical

    def touch(self, leaf: Leaf, access: int) -> None:
        """Set the A and D bits of a nested leaf."""
        self.words[leaf.at] = used(leaf.entry, access)

    def check_word(self, address: int) -> None:
        """Raise ``GuestError`` for an address that no word begins at."""
        size = self.guest.entry_bytes
        if not isinstance(address, int) or address % size:
            raise GuestError(
                f"The address of the word is {address!r}: words have {size} bytes here, as entries "
                "have; take a multiple of that."
            )

    def load(self, guest_physical: int) -> int:
        """The word at a guest-physical address; raises ``NestedViolation``."""
        self.check_word(guest_physical)
        return self._peek(self.backing(guest_physical))

    def store(self, guest_physical: int, word: int) -> None:
        """The guest writes a word of its memory; raises ``NestedViolation``."""
        self.check_word(guest_physical)
        self.words[self.backing(guest_physical, W)] = word
        self.on_store(guest_physical)

    def _write_guest(self, virtual: int, entry: int, level: int, space: int | None) -> None:
        place(
            self.guest,
            self.root if space is None else space,
            virtual,
            entry,
            level,
            load=self.load,
            store=self.store,
            new_tables=self._new_guest_tables,
        )

    def _write_host(self, guest_physical: int, entry: int, level: int) -> None:
        place(
            self.host,
            self.host_root,
            guest_physical,
            entry,
            level,
            load=self._peek,
            store=self.words.__setitem__,
            new_tables=self.new_host_tables,
        )
        self.on_host_change(guest_physical, guest_physical + self.host.span(level))

    def _new_guest_tables(self, count: int) -> list[int]:
        """Take pages for tables of the guest, from the top down, and have the host back them."""
        if self._next_guest_table < count * PAGE:
            raise GuestError(
                f"The guest has no room for {count} more tables in its "
                f"{min(self.host.reach, GUEST_TABLES_END):#x} bytes of memory: use more nested "
                "levels or index bits."
            )
        tables = [self._next_guest_table - PAGE * (1 + number) for number in range(count)]
        for table in tables if self.host.levels else []:
            try:
                self.backing(table)
            except NestedViolation:
                span = self.host.span(self.backing_level)
                self.map_host(table // span * span, level=self.backing_level)
        self._next_guest_table = tables[-1]
        return tables

    def new_host_tables(self, count: int) -> list[int]:
        first = self._next_host_table
        self._next_host_table += count * PAGE
        return list(range(first, self._next_host_table, PAGE))

    def _fresh_host_page(self, span: int) -> int:
        page = -(-self._next_host_page // span) * span
        if page < 2 * HOST_TABLES and page + span > HOST_TABLES:
            page = -(-2 * HOST_TABLES // span) * span
        if page + span > 1 << self.host.physical_bits:
            raise GuestError(
                f"The host has no {span} bytes left for a page: its addresses have "
                f"{self.host.physical_bits} bits; map smaller pages."
            )
        self._next_host_page = page + span
        return page

    def _peek(self, at: int, level: int = 0) -> int:
        return self.words.get(at, 0)

    def _check(self, shape: Shape, address: int, level: int, what: str, end: int = 0) -> None:
        """Whether the page at ``address`` fits in ``shape``, and below ``end`` bytes."""
        if not shape.levels:
            side = "guest" if shape is self.guest else "nested"
            raise GuestError(
                f"The {side} tables have 0 levels: there is nothing to map; make the memory with "
                f"{side}_levels=1 or more."
            )
        check_number(level, 0, shape.levels - 1, "The level of the page", "0 is the smallest page")
        check_page(address, shape.span(level), end or self.host.reach, what)


def flags(writable: bool) -> int:
    """The flags of a fresh leaf, not yet accessed."""
    return V | R | X | (W if writable else 0)


def check_page(address: object, span: int, end: int, what: str) -> None:
    """Raise ``GuestError`` unless a page of ``span`` bytes can begin there, below ``end``."""
    if (
        not isinstance(address, int)
        or isinstance(address, bool)
        or address % span
        or not 0 <= address <= end - span
    ):
        shown = f"{address:#x}" if isinstance(address, int) else repr(address)
        raise GuestError(
            f"{what} is {shown}: a page of {span} bytes begins at a multiple of its size and ends "
            f"by {end:#x}; round the address down to a page."
        )
