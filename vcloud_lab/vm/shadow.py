"""Shadow paging: one table from guest-virtual to host-physical, which the hypervisor keeps.

The hardware walks the shadow alone. The shadow begins empty, and an entry is made when its absence
causes a *hidden fault*, which the guest never sees. A fault that the guest's tables ask for is a
*true fault*, and is passed on to the guest. Tables of the guest that the shadow was made from are
write-protected: a write to one exits, is done by the hypervisor, and drops what came from it.

Source: Bugnion, Nieh, Tsafrir, *Hardware and Software Support for Virtualization*; the faults'
names are from Adams & Agesen, "A Comparison of Software and Hardware Techniques for x86
Virtualization", ASPLOS 2006.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.nested import NestedPaging, check_access
from vcloud_lab.vm.nested_walk import GuestFault, NestedViolation, NestedWalk
from vcloud_lab.vm.paging import PAGE, R, V, W, X
from vcloud_lab.vm.radix import TableFault, descend, entry_of, place

__all__ = ["EXITS", "ShadowPaging", "ShadowWalk"]

EXITS = ("hidden fault", "true fault", "table write", "context switch", "nested violation")
"""Why shadow paging leaves the guest; the last one is a page that the host does not back."""

Page = tuple[int, int]
"""A page of the shadow: the guest's address space, the virtual address."""


@dataclass(frozen=True)
class ShadowWalk:
    """An access: the address it reached, the shadow's entries read on the way, the exits taken.

    ``writable`` tells whether the shadow lets the page be written now.
    """

    virtual: int
    host_physical: int
    references: int
    exits: tuple[str, ...]
    writable: bool

    def __str__(self) -> str:
        exits = f", exits: {', '.join(self.exits)}" if self.exits else ""
        return (
            f"{self.virtual:#x} -> host-physical {self.host_physical:#x}, "
            f"{self.references} references{exits}"
        )


class ShadowPaging:
    """The shadow tables of one guest, for every address space that it runs.

    ``guest`` holds the guest's tables and the host's map of guest-physical pages; from now on what
    the guest writes there is seen by the shadow. Without ``keep_spaces`` the hypervisor forgets
    the shadow at every context switch. The shadow maps pages of 4 KiB, also where the guest maps
    larger ones. ``exits`` counts the exits by reason, ``references`` the entries read.

    Raises ``GuestError`` for a guest without tables and for a memory without nested tables.
    """

    def __init__(self, guest: NestedPaging, *, keep_spaces: bool = True) -> None:
        if not isinstance(guest, NestedPaging) or not guest.guest.levels or not guest.host.levels:
            raise GuestError(
                f"The guest of the shadow is {guest!r}: a NestedPaging with 1 or more levels in "
                "both dimensions is needed; try NestedPaging(4, 4)."
            )
        self.guest, self.keep_spaces = guest, keep_spaces
        self.exits: Counter[str] = Counter(dict.fromkeys(EXITS, 0))
        self.references = 0
        self._forget()
        guest.on_store, guest.on_host_change = self._stored, self._host_changed

    def switch(self, space: int) -> None:
        """The guest loads its page-table register with another root: an exit."""
        self.exits["context switch"] += 1
        self.guest.root = space
        if not self.keep_spaces:
            self._forget()

    def read(self, virtual: int) -> int:
        """The guest reads the word at an address; what ``access`` raises."""
        self.guest.check_word(virtual)
        return self.guest.words.get(self.access(virtual, R).host_physical, 0)

    def write(self, virtual: int, word: int) -> None:
        """The guest writes a word, perhaps an entry of its own tables; what ``access`` raises."""
        self.guest.check_word(virtual)
        self.access(virtual, W, word)

    def access(self, virtual: int, access: int = R, word: int | None = None) -> ShadowWalk:
        """One access by the guest (``R``, ``W`` or ``X``); a write may give the ``word``.

        Raises ``GuestFault`` for a true fault, ``NestedViolation`` where the host does not back the
        page, and ``GuestError`` for an address or an access that cannot be.
        """
        check_access(virtual, access, self.guest.guest.reach)
        before, exits = self.references, []
        while not (found := self._walk(virtual, access)):
            try:
                address = self._fault(virtual, access, word)
            except GuestFault:
                self.exits["true fault"] += 1
                raise
            except NestedViolation:
                self.exits["nested violation"] += 1
                raise
            if address is not None:
                exits.append("table write")
                return ShadowWalk(
                    virtual, address, self.references - before, tuple(exits), writable=False
                )
            self.exits["hidden fault"] += 1
            exits.append("hidden fault")
        address, writable = found
        if access == W and word is not None:
            self.guest.words[address] = word
        return ShadowWalk(virtual, address, self.references - before, tuple(exits), writable)

    def rows(self) -> list[dict[str, str | int]]:
        """The exits by reason, as the rows of a table."""
        return [{"exit": reason, "count": self.exits[reason]} for reason in EXITS]

    def __str__(self) -> str:
        counts = ", ".join(f"{self.exits[reason]} {reason}" for reason in EXITS)
        return f"{len(self._sources)} pages in the shadow; {self.references} references; {counts}"

    def _walk(self, virtual: int, access: int) -> tuple[int, bool] | None:
        """The hardware's walk of the shadow: the address and whether it may be written."""
        guest = self.guest
        root = self._roots.get(guest.root)
        if root is None:
            root = self._roots[guest.root] = guest.new_host_tables(1)[0]

        def load(at: int, level: int) -> int:
            self.references += 1
            return guest.words.get(at, 0)

        top = guest.guest.levels - 1
        try:
            leaf = descend(guest.guest, root, virtual, access, load, top)
        except TableFault:
            return None
        return leaf.physical, bool(leaf.entry & W)

    def _fault(self, virtual: int, access: int, word: int | None) -> int | None:
        """The hypervisor's answer to a fault: fill the shadow, or do a write to a table.

        Returns the address of such a write.
        """
        guest = self.guest
        walk = guest.walk(virtual, access)
        entries = [step.at for step in walk.steps if step.dimension == "guest"]
        page = walk.guest_physical // PAGE * PAGE
        tables = {at // PAGE * PAGE for at in entries}
        self._protect(tables)
        if access == W and page in tables | self._tables.keys():
            if word is None:
                self.exits["table write"] += 1
            else:
                guest.store(walk.guest_physical, word)
            return walk.host_physical
        self._fill((guest.root, virtual // PAGE * PAGE), page, entries, walk)
        return None

    def _fill(self, page: Page, guest_page: int, entries: list[int], walk: NestedWalk) -> None:
        """Map a page in the shadow, and note which entries of the guest it came from."""
        self._sources[page] = guest_page, entries
        self._maps.setdefault(guest_page, set()).add(page)
        for at in entries:
            self._came.setdefault(at, set()).add(page)
            self._tables.setdefault(at // PAGE * PAGE, set()).add(at)
        # Read-only until the guest's D bit is set: else its first write would go unseen.
        writable = walk.writable and guest_page not in self._tables
        flags = V | walk.guest_entry & (R | X) | (W if writable else 0)
        self._write(page, entry_of(walk.host_physical, flags))

    def _protect(self, tables: set[int]) -> None:
        """Take the shadow's mappings of the guest's tables away: they may be writable ones."""
        for table in tables - self._tables.keys():
            for page in tuple(self._maps.get(table, ())):
                self._drop(page)

    def _drop(self, page: Page) -> None:
        """Forget a page; a table of the guest from which nothing is left is protected no more."""
        guest_page, entries = self._sources.pop(page)
        self._maps[guest_page].discard(page)
        for at in entries:
            self._came[at].discard(page)
            if not self._came[at]:
                del self._came[at]
                table = at // PAGE * PAGE
                self._tables[table].discard(at)
                if not self._tables[table]:
                    del self._tables[table]
        self._write(page, 0)

    def _write(self, page: Page, entry: int) -> None:
        words = self.guest.words
        place(
            self.guest.guest,
            self._roots[page[0]],
            page[1],
            entry,
            0,
            load=lambda at: words.get(at, 0),
            store=words.__setitem__,
            new_tables=self.guest.new_host_tables,
        )

    def _stored(self, at: int) -> None:
        """The guest wrote a word: an exit if its page is write-protected."""
        if at // PAGE * PAGE in self._tables:
            self.exits["table write"] += 1
            for page in tuple(self._came.get(at, ())):
                self._drop(page)

    def _host_changed(self, start: int, end: int) -> None:
        """The host moved or took guest-physical pages: drop what maps them or came from them."""
        stale = {
            page for held, pages in self._maps.items() if start <= held < end for page in pages
        }
        for at, pages in self._came.items():
            if start <= at < end:
                stale |= pages
        for page in stale:
            self._drop(page)

    def _forget(self) -> None:
        """Begin with an empty shadow."""
        self._roots: dict[int, int] = {}
        self._sources: dict[Page, tuple[int, list[int]]] = {}
        self._maps: dict[int, set[Page]] = {}
        """The pages of the shadow that map a guest-physical page."""
        self._came: dict[int, set[Page]] = {}
        """The pages of the shadow that came from the guest's entry at an address."""
        self._tables: dict[int, set[int]] = {}
        """The write-protected pages of the guest, with the addresses of the entries used."""
