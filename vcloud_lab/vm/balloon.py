"""A guest system with paging of its own, and a balloon in it that gives pages back to the host.

The host cannot know which pages a guest needs least; the guest can. To *inflate* the balloon the
guest hands pages over, free ones first and then the coldest, which it pages out to its own disk.
Without a balloon the host swaps by its own guess, and *double paging* happens: the guest pages out
a page that the host had swapped, and the host has to read it in for that.

Source: Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002, section 3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random

from vcloud_lab.vm.idle_tax import DEFAULT_TAX, check_tax, funding
from vcloud_lab.vm.model_rules import check_number
from vcloud_lab.vm.overcommit import Host, random_victim

__all__ = ["GuestSystem", "compare_reclaim", "inflate_for"]

COUNTS = ("page-ins", "page-outs", "double paging", "inflated", "deflated")


class GuestSystem:
    """A guest named ``name`` that pages among ``pages`` guest-physical pages, by LRU.

    Its programs use virtual pages, as many as they like; what does not fit is on the guest's own
    disk. ``balloon`` lists the guest-physical pages that the host has back. Raises what
    ``Host.add`` raises.
    """

    def __init__(self, host: Host, name: str, pages: int, *, shares: int = 1000) -> None:
        host.add(name, pages, shares=shares)
        self.host, self.name = host, name
        self.free = list(reversed(range(pages)))
        self.balloon: list[int] = []
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._where: dict[int, int] = {}
        """Virtual page -> guest-physical page, the coldest first."""
        self._disk: dict[int, bytes] = {}

    def read(self, virtual: int) -> bytes:
        """A program reads a page, zeros before its first write; a negative number raises."""
        return self.host.read(self.name, self._touch(virtual))

    def write(self, virtual: int, data: bytes) -> None:
        """A program writes the first bytes of a page; what ``Host.write`` raises."""
        self.host.check_data(data)
        self.host.write(self.name, self._touch(virtual), data)

    def inflate(self, pages: int) -> int:
        """Give up to ``pages`` pages to the host, and tell how many: one page always stays."""
        check_number(pages, 0, 1 << 30, "The number of pages to inflate by", "try 1")
        given = 0
        while given < pages and len(self.free) + len(self._where) > 1:
            page = self.free.pop() if self.free else self._page_out()
            self.host.release(self.name, page)
            self.balloon.append(page)
            given += 1
        self.counts["inflated"] += given
        return given

    def deflate(self, pages: int) -> int:
        """Take up to ``pages`` pages back, and tell how many; the host backs them on use."""
        check_number(pages, 0, 1 << 30, "The number of pages to deflate by", "try 1")
        taken = min(pages, len(self.balloon))
        for _ in range(taken):
            self.free.append(self.balloon.pop())
        self.counts["deflated"] += taken
        return taken

    def row(self) -> dict[str, str | int]:
        """The counts as the row of a table."""
        return {"guest": self.name, **self.counts, "in the balloon": len(self.balloon)}

    def __str__(self) -> str:
        counts = ", ".join(f"{self.counts[name]} {name}" for name in COUNTS)
        return f"{self.name}: {len(self.balloon)} pages in the balloon; {counts}"

    def _touch(self, virtual: int) -> int:
        """The guest-physical page of a virtual page, which is the hottest now."""
        check_number(virtual, 0, 1 << 30, f"The virtual page of {self.name}", "it counts from 0")
        if virtual in self._where:
            page = self._where[virtual] = self._where.pop(virtual)
            return page
        if not self.free and self.host.free:
            self.deflate(1)
        page = self.free.pop() if self.free else self._page_out()
        self._where[virtual] = page
        on_disk = virtual in self._disk
        self.counts["page-ins"] += on_disk
        # A page of another program must not show through, so a new page begins as zeros.
        data = self._disk.pop(virtual) if on_disk else bytes(self.host.page_size)
        self.host.write(self.name, page, data)
        return page

    def _page_out(self) -> int:
        """Write the coldest page to the guest's disk; the guest-physical page that is free now."""
        virtual = next(iter(self._where))
        page = self._where.pop(virtual)
        self.counts["double paging"] += self.host.is_swapped(self.name, page)
        self._disk[virtual] = self.host.read(self.name, page)
        self.counts["page-outs"] += 1
        return page


def inflate_for(
    guests: Sequence[GuestSystem], *, tax: int | Fraction = DEFAULT_TAX, batch: int = 4
) -> Callable[[Host], None]:
    """A ``reclaim`` for a host: inflate balloons until a frame is free or no guest gives more.

    Each time ``batch`` pages are asked from the guest with the lowest adjusted shares per page.
    Raises ``GuestError`` for a wrong tax or batch.
    """
    check_tax(tax)
    check_number(batch, 1, 1 << 20, "The size of a batch", "try 4")

    def reclaim(host: Host) -> None:
        able = [guest for guest in guests if host.resident(guest.name)]
        while not host.free and able:
            poorest = min(able, key=lambda guest: funding(host, guest.name, tax))
            given = poorest.inflate(batch)
            able = [
                guest
                for guest in able
                if host.resident(guest.name) and (given or guest is not poorest)
            ]

    return reclaim


def compare_reclaim(
    seed: int,
    *,
    frames: int = 48,
    guests: int = 2,
    pages: int = 32,
    virtual: int = 40,
    uses: int = 2000,
) -> list[dict[str, str | int]]:
    """The same uses under swap by LRU, swap at random, and ballooning; a row of counts for each.

    Every guest has ``pages`` guest-physical pages and uses ``virtual`` virtual ones, low ones more
    often than high ones. ``transfers`` adds up all pages read from or written to a disk. Raises
    ``GuestError`` for numbers below 1.
    """
    check_number(guests, 1, 100, "The number of guests", "try 2")
    check_number(virtual, 1, 10**5, "The number of virtual pages", "try 40")
    check_number(uses, 0, 10**6, "The number of uses", "try 2000")
    rows = []
    for technique in ("swap, LRU", "swap, random", "balloon"):
        host = Host(frames, page_size=8)
        if technique == "swap, random":
            host.victim = random_victim(seed)
        systems = [GuestSystem(host, f"guest {number}", pages) for number in range(guests)]
        if technique == "balloon":
            host.reclaim = inflate_for(systems)
        rng = Random(seed)
        for use in range(uses):
            page = min(rng.randrange(virtual), rng.randrange(virtual))
            rng.choice(systems).write(page, use.to_bytes(8))
        total = Counter[str]()
        for system in systems:
            total.update(system.counts)
        moves = ("swap-ins", "swap-outs"), ("page-ins", "page-outs")
        rows.append(
            {
                "technique": technique,
                **{name: host.counts[name] for name in moves[0]},
                **{name: total[name] for name in (*moves[1], "double paging", "inflated")},
                "transfers": sum(host.counts[name] for name in moves[0])
                + sum(total[name] for name in moves[1]),
            }
        )
    return rows
