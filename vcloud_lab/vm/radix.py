"""Page tables as radix trees of any depth, in a model memory of words.

The entries are those of RISC-V: flags in the low 10 bits, the number of a page or table above them.
So 2 levels of 10 bits are Sv32, and 3, 4 and 5 levels of 9 bits are Sv39, Sv48 and Sv57; x86-64 has
the same shape of 4 or 5 levels of 9 bits. Levels count down to 0, as in ``paging``. The model
leaves out the bits of user mode.

Source: The RISC-V Instruction Set Manual, volume II, "Virtual Address Translation Process".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.model_rules import check_number
from vcloud_lab.vm.paging import PAGE, A, D, R, V, W, X

__all__ = ["Leaf", "Shape", "TableFault", "descend", "entry_of", "place", "target", "used"]

MOST_LEVELS = 5
Load = Callable[[int, int], int]
"""Reads the entry at an address; the second argument is the level of its table."""


class TableFault(Exception):
    """The tables do not allow an access; ``reason`` says why in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Shape:
    """How an address is cut: ``levels`` indices of ``index_bits`` bits above 12 bits of offset.

    A table fills one page. Raises ``GuestError`` for levels outside 0..5 and bits outside 1..10.
    """

    levels: int
    index_bits: int = 9

    def __post_init__(self) -> None:
        check_number(self.levels, 0, MOST_LEVELS, "The number of levels", "try 4")
        check_number(self.index_bits, 1, 10, "The number of index bits", "x86-64 has 9, Sv32 10")

    @property
    def entry_bytes(self) -> int:
        """The size of an entry in bytes: 8 for 9 index bits, 4 for 10."""
        return PAGE >> self.index_bits

    @property
    def physical_bits(self) -> int:
        """The width of a physical address: 34 bits with Sv32's 10 index bits, 56 otherwise."""
        return 34 if self.index_bits == 10 else 56

    @property
    def reach(self) -> int:
        """How many bytes the tables can map; without tables, every physical address."""
        return self.span(self.levels) if self.levels else 1 << self.physical_bits

    def span(self, level: int) -> int:
        """How many bytes one entry of a table of this level maps."""
        return PAGE << self.index_bits * level

    def entry_at(self, table: int, address: int, level: int) -> int:
        """Where the entry for ``address`` stands in a table of this level."""
        index = address // self.span(level) % (1 << self.index_bits)
        return table + index * self.entry_bytes


@dataclass(frozen=True)
class Leaf:
    """What a walk ended at: the entry, where it stands, its level, and the address it gives."""

    level: int
    at: int
    entry: int
    physical: int


def descend(shape: Shape, table: int, address: int, access: int, load: Load, level: int) -> Leaf:
    """Follow the entries from a table of ``level`` down to the leaf that maps ``address``.

    ``access`` is ``R``, ``W`` or ``X``. Raises ``TableFault``, and what ``load`` raises.
    """
    for here in range(level, -1, -1):
        at = shape.entry_at(table, address, here)
        entry = load(at, here)
        if not entry & V or (entry & W and not entry & R):
            raise TableFault("the entry is not valid")
        if not entry & (R | X):
            table = target(entry)
            continue
        if not entry & access:
            verb = {R: "read", W: "written", X: "executed"}[access]
            raise TableFault(f"the page may not be {verb}")
        span = shape.span(here)
        if target(entry) % span:
            raise TableFault(f"a page of {span} bytes must begin at a multiple of its size")
        return Leaf(here, at, entry, target(entry) + address % span)
    raise TableFault("the last level points to another table")


def place(
    shape: Shape,
    table: int,
    address: int,
    entry: int,
    level: int,
    *,
    load: Callable[[int], int],
    store: Callable[[int, int], None],
    new_tables: Callable[[int], list[int]],
) -> None:
    """Write ``entry`` at ``level`` for ``address``, with the tables that are missing above it.

    ``new_tables(n)`` gives the addresses of n empty tables. Raises ``GuestError`` where larger or
    smaller pages are mapped already.
    """
    for above in range(shape.levels - 1, level, -1):
        at = shape.entry_at(table, address, above)
        found = load(at)
        if not found & V:
            for fresh in new_tables(above - level):
                store(at, entry_of(fresh, V))
                table, above = fresh, above - 1
                at = shape.entry_at(table, address, above)
            break
        if found & (R | X):
            raise GuestError(
                f"The address {address:#x} lies in a page of {shape.span(above)} bytes already: "
                "unmap that page first."
            )
        table = target(found)
    at = shape.entry_at(table, address, level)
    found = load(at)
    if found & V and not found & (R | X):
        raise GuestError(
            f"The address {address:#x} has a table of smaller pages where one of "
            f"{shape.span(level)} bytes is to go: choose another address."
        )
    store(at, entry)


def entry_of(physical: int, flags: int) -> int:
    """The entry that points to a physical page."""
    return physical // PAGE << 10 | flags


def target(entry: int) -> int:
    """The physical address of the page or table that an entry points to."""
    return entry >> 10 << 12


def used(entry: int, access: int) -> int:
    """The entry after an access: accessed, and dirty after a write."""
    return entry | A | (D if access == W else 0)
