"""Small caches that a page walk can look into: what makes the long walk short in practice.

A cache keeps what it was given last and used last (LRU), so a run gives the same counts each time.
Nothing here sees a change of the tables: whoever changes an entry drops what came from it, as
software must do on real hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from vcloud_lab.vm.model_rules import check_number

__all__ = ["Lru", "NestedEntry", "TableEntry", "WalkCaches"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Lru(Generic[K, T]):
    """At most ``size`` entries; a new one pushes out the one that was used longest ago.

    ``hits`` and ``misses`` count the calls of ``get``. Raises ``GuestError`` for a size outside
    0..2**20.
    """

    def __init__(self, size: int) -> None:
        check_number(size, 0, 1 << 20, "The size of the cache", "try 16")
        self.size, self.hits, self.misses = size, 0, 0
        self._entries: dict[K, T] = {}

    def get(self, key: K, wanted: Callable[[T], bool] = lambda entry: True) -> T | None:
        """The entry of a key, or None; an entry that is not ``wanted`` counts as a miss."""
        entry = self._entries.get(key)
        if entry is None or not wanted(entry):
            self.misses += 1
            return None
        self.hits += 1
        self._entries[key] = self._entries.pop(key)
        return entry

    def put(self, key: K, entry: T) -> None:
        """Keep an entry, in place of an older one of the same key."""
        self._entries.pop(key, None)
        self._entries[key] = entry
        if len(self._entries) > self.size:
            del self._entries[next(iter(self._entries))]

    def drop(self, key: K) -> None:
        """Forget one entry, if it is there."""
        self._entries.pop(key, None)

    def flush(self) -> None:
        """Forget all entries; the counts stay."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class NestedEntry(NamedTuple):
    """A guest-physical page in the nested TLB; ``references`` is what its own walk took."""

    page: int
    writable: bool
    references: int


class TableEntry(NamedTuple):
    """A guest table in the page-walk cache; ``references`` is what the way to it takes uncached."""

    table: int
    references: int


class WalkCaches:
    """A nested TLB (guest-physical page to host-physical page) and a page-walk cache.

    The page-walk cache knows where the guest's table of each level is for an address, so a walk
    begins below the entries it need not read. A size of 0 leaves a cache out. ``saved`` counts the
    references that all walks together did not make. Bhargava et al. 2008 measure such caches.
    """

    def __init__(self, nested: int = 16, tables: int = 16) -> None:
        self.nested: Lru[int, NestedEntry] = Lru(nested)
        self.tables: Lru[tuple[int, int, int], TableEntry] = Lru(tables)
        self.saved = 0

    def flush(self) -> None:
        """Forget all entries: needed after a change of the nested tables or of a guest's table."""
        self.nested.flush()
        self.tables.flush()

    def __str__(self) -> str:
        nested, tables = self.nested, self.tables
        return (
            f"nested TLB {nested.hits} hits, {nested.misses} misses; page-walk cache "
            f"{tables.hits} hits, {tables.misses} misses; {self.saved} references saved"
        )
