"""Nested paging: the two-dimensional page walk, reference by reference.

The guest's tables give guest-physical addresses, and each of them, those of the tables included,
is translated by the host's nested tables. So a walk that misses every cache reads each of the g
guest entries after a nested walk of h references, and ends with one more nested walk, for the page.

Sources: Bhargava et al., "Accelerating Two-Dimensional Page Walks for Virtualized Systems",
ASPLOS 2008; The RISC-V Instruction Set Manual, volume II, "Two-Stage Address Translation".
"""

from __future__ import annotations

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.guest_memory import GuestMemory
from vcloud_lab.vm.model_rules import check_number
from vcloud_lab.vm.nested_walk import (
    GuestFault,
    NestedViolation,
    NestedWalk,
    Reference,
    TranslationFault,
)
from vcloud_lab.vm.paging import PAGE, D, R, V, W, X
from vcloud_lab.vm.radix import Leaf, TableFault, descend, target, used
from vcloud_lab.vm.walk_cache import NestedEntry, TableEntry, WalkCaches

__all__ = [
    "GuestFault",
    "NestedPaging",
    "NestedViolation",
    "NestedWalk",
    "Reference",
    "TranslationFault",
    "WalkCaches",
    "count_references",
    "references",
]


def references(
    guest_levels: int, nested_levels: int, *, guest_leaf: int = 0, nested_leaf: int = 0
) -> int:
    """How many entries a walk without caches reads: (g+1)(h+1)-1, the access itself not counted.

    A leaf at a higher level (1 is a page of 2 MiB with 9 index bits) shortens its dimension:
    g is the guest's levels less ``guest_leaf``, h the nested levels less ``nested_leaf``.
    Raises ``GuestError`` for levels outside 0..5 and leaves that the tables do not have.
    """
    for levels, leaf, side in (
        (guest_levels, guest_leaf, "guest"),
        (nested_levels, nested_leaf, "nested"),
    ):
        check_number(levels, 0, 5, f"The number of {side} levels", "try 4")
        check_number(leaf, 0, max(levels - 1, 0), f"The level of the {side} leaf", "try 0")
    return (guest_levels - guest_leaf + 1) * (nested_levels - nested_leaf + 1) - 1


def count_references(
    guest_levels: int,
    nested_levels: int,
    *,
    guest_leaf: int = 0,
    nested_leaf: int = 0,
    index_bits: int = 9,
) -> NestedWalk:
    """Build the tables for one page and walk them: the same number, by counting.

    Raises what ``references`` and ``NestedPaging`` raise.
    """
    references(guest_levels, nested_levels, guest_leaf=guest_leaf, nested_leaf=nested_leaf)
    paging = NestedPaging(
        guest_levels, nested_levels, index_bits=index_bits, backing_level=nested_leaf
    )
    if guest_levels:
        paging.map_guest(0, 0, level=guest_leaf)
    try:
        paging.backing(0)
    except NestedViolation:  # where no page that backs a guest table is at 0 too
        paging.map_host(0, level=nested_leaf)
    return paging.walk(0)


class NestedPaging(GuestMemory):
    """A memory with tables in two dimensions, and the walk through them.

    Example: ``p = NestedPaging(4, 4); p.map_guest(0x1000, 0x5000); p.map_host(0x5000);
    print(p.walk(0x1234))``.
    """

    def walk(
        self,
        virtual: int,
        access: int = R,
        *,
        space: int | None = None,
        caches: WalkCaches | None = None,
    ) -> NestedWalk:
        """Translate a guest-virtual address for one access (``R``, ``W`` or ``X``).

        It sets the A and D bits of the guest's leaf, and of the nested leaves: an update belongs
        to the reference that read the entry, and counts as a write of the guest's table.

        Raises ``GuestFault`` or ``NestedViolation`` with the steps so far, and ``GuestError`` for
        an address or an access that cannot be.
        """
        check_access(virtual, access, self.guest.reach)
        return _Trip(self, caches).translate(virtual, access, self.root if space is None else space)

    def read(self, virtual: int, *, space: int | None = None) -> int:
        """The guest reads the word at an address; what ``walk`` raises."""
        self.check_word(virtual)
        return self.words.get(self.walk(virtual, R, space=space).host_physical, 0)

    def write(self, virtual: int, word: int, *, space: int | None = None) -> None:
        """The guest writes a word, perhaps an entry of its own tables; what ``walk`` raises."""
        self.check_word(virtual)
        self.store(self.walk(virtual, W, space=space).guest_physical, word)


class _Trip:
    """One walk under way: its steps, and what it would have cost without caches."""

    def __init__(self, paging: NestedPaging, caches: WalkCaches | None) -> None:
        self.paging, self.caches = paging, caches
        self.steps: list[Reference] = []
        self.full = 0

    def translate(self, virtual: int, access: int, root: int) -> NestedWalk:
        guest, leaf = self.paging.guest, None
        guest_physical = virtual
        if guest.levels:
            leaf = self._guest_leaf(virtual, access, root)
            guest_physical = leaf.physical
        host_physical, host_writable = self._nested(guest_physical, access, -1)
        entry = used(leaf.entry, access) if leaf else 0
        writable = host_writable and (leaf is None or entry & (W | D) == W | D)
        saved = self.full - len(self.steps)
        if self.caches:
            self.caches.saved += saved
        steps = tuple(self.steps)
        return NestedWalk(virtual, guest_physical, host_physical, entry, writable, steps, saved)

    def _guest_leaf(self, virtual: int, access: int, root: int) -> Leaf:
        """Follow the guest's entries, each read behind a nested walk, and set its A and D."""
        guest, paging = self.paging.guest, self.paging
        table, level = self._start(virtual, root)

        def load(at: int, level: int) -> int:
            host, _ = self._nested(at, R, level)
            entry = paging.words.get(host, 0)
            self._step("guest", level, level, at, host, entry)
            if level and entry & V and not entry & (R | X):
                self._keep_table(virtual, root, level - 1, target(entry))
            return entry

        try:
            leaf = descend(guest, table, virtual, access, load, level)
        except TableFault as fault:
            raise GuestFault(fault.reason, virtual, tuple(self.steps)) from None
        if leaf.physical >= paging.host.reach:
            raise NestedViolation(
                "the address lies beyond the nested tables", leaf.physical, tuple(self.steps)
            )
        if used(leaf.entry, access) != leaf.entry:
            try:
                host = paging.backing(leaf.at, W)
            except NestedViolation as fault:
                raise NestedViolation(fault.reason, leaf.at, tuple(self.steps)) from None
            paging.words[host] = used(leaf.entry, access)
        return leaf

    def _nested(self, guest_physical: int, access: int, row: int) -> tuple[int, bool]:
        """The host-physical address, and whether the host lets the page be written now."""
        paging, shape = self.paging, self.paging.host
        if not shape.levels:
            return guest_physical, True
        page, offset = guest_physical // PAGE * PAGE, guest_physical % PAGE
        if self.caches:
            hit = self.caches.nested.get(page, lambda entry: access != W or entry.writable)
            if hit:
                self.full += hit.references
                return hit.page + offset, hit.writable
        before = len(self.steps)

        def load(at: int, level: int) -> int:
            entry = paging.words.get(at, 0)
            self._step("nested", level, row, at, at, entry)
            return entry

        try:
            leaf = descend(shape, paging.host_root, guest_physical, access, load, shape.levels - 1)
        except TableFault as fault:
            raise NestedViolation(fault.reason, guest_physical, tuple(self.steps)) from None
        paging.touch(leaf, access)
        writable = bool(leaf.entry & W)
        if self.caches:
            taken = len(self.steps) - before
            self.caches.nested.put(page, NestedEntry(leaf.physical - offset, writable, taken))
        return leaf.physical, writable

    def _start(self, virtual: int, root: int) -> tuple[int, int]:
        """The lowest table that the page-walk cache knows for the address, else the root."""
        shape = self.paging.guest
        for level in range(shape.levels - 1) if self.caches else ():
            key = (root, level, virtual // shape.span(level + 1))
            if self.caches and (hit := self.caches.tables.get(key)):
                self.full += hit.references
                return hit.table, level
        return root, shape.levels - 1

    def _keep_table(self, virtual: int, root: int, level: int, table: int) -> None:
        if self.caches:
            key = (root, level, virtual // self.paging.guest.span(level + 1))
            self.caches.tables.put(key, TableEntry(table, self.full))

    def _step(self, dimension: str, level: int, row: int, at: int, host: int, entry: int) -> None:
        self.steps.append(Reference(len(self.steps) + 1, dimension, level, row, at, host, entry))
        self.full += 1


def check_access(virtual: int, access: int, reach: int) -> None:
    """Raise ``GuestError`` for an address beyond the tables, and for an access of no kind."""
    check_number(virtual, 0, reach - 1, "The virtual address", "give an address that is mapped")
    if access not in (R, W, X):
        raise GuestError(f"The access is {access!r}: R, W or X of vm.paging is needed.")
