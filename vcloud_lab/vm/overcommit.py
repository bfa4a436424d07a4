"""Overcommitted memory: guests that believe in more pages than the host has frames.

A guest-physical page gets a frame when it is first used. When no frame is left, the host makes one
free: it asks the guests first, where a ``reclaim`` is given (see ``balloon``), and else swaps out
a page that its ``victim`` policy names, without knowing what the guest keeps there.

Source: Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from random import Random
from typing import NamedTuple

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.model_rules import check_number

__all__ = ["Frame", "Host", "Owner", "Victim", "lru", "random_victim", "thrash"]

COUNTS = ("zero fills", "swap-ins", "swap-outs", "COW breaks", "merged pages")


class Owner(NamedTuple):
    """A guest-physical page: the guest's name and the page's number."""

    guest: str
    page: int


@dataclass
class Frame:
    """A frame in use: its bytes and the pages that it backs; several share it read-only."""

    data: bytes
    owners: list[Owner]


class Host:
    """A host with ``frames`` frames of ``page_size`` bytes, and swap space without end.

    ``used`` maps the numbers of frames to what they hold, the least recently used first. ``counts``
    counts zero fills (first uses), swap-ins, swap-outs, copy-on-write breaks and merged pages.

    Raises ``GuestError`` for less than one frame or byte.
    """

    def __init__(
        self,
        frames: int,
        *,
        page_size: int = 4096,
        victim: Victim | None = None,
        reclaim: Callable[[Host], None] | None = None,
    ) -> None:
        check_number(frames, 1, 1 << 20, "The number of frames", "try 64")
        check_number(page_size, 1, 1 << 21, "The page size", "try 4096")
        self.frames, self.page_size = frames, page_size
        self.victim, self.reclaim = victim or lru, reclaim
        self.used: dict[int, Frame] = {}
        self.guests: dict[str, int] = {}
        self.shares: dict[str, int] = {}
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        self._free = list(range(frames))
        heapify(self._free)
        self._where: dict[Owner, int] = {}
        self._swapped: dict[Owner, bytes] = {}
        self._touched: set[Owner] = set()
        self._reclaiming = False

    def add(self, name: str, pages: int, *, shares: int = 1000) -> None:
        """Add a guest that believes in ``pages`` pages. ``shares`` weigh its claim to frames.

        Raises ``GuestError`` for a name in use and numbers below 1.
        """
        if not isinstance(name, str) or not name or name in self.guests:
            raise GuestError(
                f"The guest is named {name!r}: a name is text that no other guest of the host has; "
                "choose another one."
            )
        check_number(pages, 1, 1 << 30, f"The number of pages of {name}", "try 64")
        check_number(shares, 1, 1 << 30, f"The number of shares of {name}", "try 1000")
        self.guests[name], self.shares[name] = pages, shares

    @property
    def free(self) -> int:
        """How many frames are free."""
        return len(self._free)

    @property
    def saved(self) -> int:
        """How many frames sharing saves now."""
        return sum(len(frame.owners) - 1 for frame in self.used.values())

    def read(self, guest: str, page: int) -> bytes:
        """The contents of a page, zeros where it was never written; unknown pages raise."""
        return self.used[self._bring_in(self._owner(guest, page))].data

    def write(self, guest: str, page: int, data: bytes, *, offset: int = 0) -> None:
        """Write into a page; a shared one is copied first (copy-on-write).

        Raises ``GuestError`` for unknown pages, and for data that are not bytes within the page.
        """
        owner = self._owner(guest, page)
        self.check_data(data, offset)
        number = self._bring_in(owner)
        if len(self.used[number].owners) > 1 and not self._free:
            self._make_room()
            number = self._bring_in(owner)  # the shared frame itself may have been swapped out
        frame = self.used[number]
        if len(frame.owners) > 1:
            frame.owners.remove(owner)
            frame = self._put(owner, frame.data)
            self.counts["COW breaks"] += 1
        frame.data = frame.data[:offset] + bytes(data) + frame.data[offset + len(data) :]

    def check_data(self, data: object, offset: int = 0) -> None:
        """Raise ``GuestError`` unless these are bytes that fit into a page from ``offset`` on."""
        if not isinstance(data, bytes | bytearray):
            raise GuestError(
                f"The data to write are of the type {type(data).__name__}: bytes are needed; try "
                "b'...' or text.encode()."
            )
        check_number(offset, 0, self.page_size, "The offset", "it counts from the page's start")
        if offset + len(data) > self.page_size:
            raise GuestError(
                f"The data are {len(data)} bytes from {offset} on: a page has {self.page_size}; "
                "write the rest to the next page."
            )

    def release(self, guest: str, page: int) -> None:
        """Forget a page that its guest gave up: its contents are gone, its next use is a first."""
        owner = self._owner(guest, page)
        self._swapped.pop(owner, None)
        self._touched.discard(owner)
        if owner in self._where:
            number = self._where.pop(owner)
            self.used[number].owners.remove(owner)
            if not self.used[number].owners:
                del self.used[number]
                heappush(self._free, number)

    def merge(self, kept: int, given_up: int) -> bool:
        """Let one frame back the pages of two, if all their bytes are equal; tells whether so."""
        if kept == given_up or self.used[kept].data != self.used[given_up].data:
            return False
        moved = self.used.pop(given_up).owners
        self.used[kept].owners += moved
        self._where.update(dict.fromkeys(moved, kept))
        heappush(self._free, given_up)
        self.counts["merged pages"] += len(moved)
        return True

    def swap_out(self, number: int) -> None:
        """Write a frame to swap space and free it; every page that it backed is swapped then.

        Raises ``GuestError`` for a frame that is not in use.
        """
        if number not in self.used:
            raise GuestError(
                f"The frame to swap out is {number!r}: it is not in use; a victim policy returns a "
                "key of host.used."
            )
        frame = self.used.pop(number)
        for owner in frame.owners:
            del self._where[owner]
            self._swapped[owner] = frame.data
        self.counts["swap-outs"] += 1
        heappush(self._free, number)

    def is_swapped(self, guest: str, page: int) -> bool:
        """Whether the host holds the page in its swap space."""
        return self._owner(guest, page) in self._swapped

    def resident(self, guest: str) -> int:
        """How many pages of a guest have a frame, shared ones included."""
        return sum(owner.guest == guest for owner in self._where)

    def active(self, guest: str) -> Fraction:
        """The fraction of a guest's resident pages used since ``new_period`` was last called."""
        pages = [owner for owner in self._where if owner.guest == guest]
        return Fraction(sum(owner in self._touched for owner in pages), len(pages) or 1)

    def was_touched(self, owner: Owner) -> bool:
        """Whether a page has been used since ``new_period`` was last called."""
        return owner in self._touched

    def new_period(self) -> None:
        """Begin to note anew which pages are used."""
        self._touched.clear()

    def rows(self) -> list[dict[str, str | int]]:
        """For each guest its pages by where they are, as the rows of a table."""
        shared = Counter(
            owner.guest
            for frame in self.used.values()
            if len(frame.owners) > 1
            for owner in frame.owners
        )
        return [
            {
                "guest": name,
                "pages": pages,
                "resident": self.resident(name),
                "shared": shared[name],
                "swapped": sum(owner.guest == name for owner in self._swapped),
            }
            for name, pages in self.guests.items()
        ]

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {self.counts[name]}" for name in COUNTS)
        return f"{self.frames} frames, {self.free} free, {self.saved} saved by sharing; {counts}"

    def _owner(self, guest: str, page: int) -> Owner:
        if guest not in self.guests:
            known = ", ".join(self.guests) or "none"
            raise GuestError(f"The host has no guest {guest!r} ({known}): add it first.")
        check_number(page, 0, self.guests[guest] - 1, f"The page of {guest}", "it counts from 0")
        return Owner(guest, page)

    def _bring_in(self, owner: Owner) -> int:
        """The frame of a page, after it was given one if it had none."""
        self._touched.add(owner)
        if owner not in self._where:
            self._make_room()
            data = self._swapped.pop(owner, None)
            self.counts["zero fills" if data is None else "swap-ins"] += 1
            self._put(owner, bytes(self.page_size) if data is None else data)
        number = self._where[owner]
        self.used[number] = self.used.pop(number)
        return number

    def _put(self, owner: Owner, data: bytes) -> Frame:
        """Give a page a free frame of its own."""
        number = heappop(self._free)
        self.used[number], self._where[owner] = Frame(data, [owner]), number
        return self.used[number]

    def _make_room(self) -> None:
        """See to it that a frame is free."""
        if not self._free and self.reclaim and not self._reclaiming:
            # What a guest does to give pages up may need a frame itself: then only swap helps.
            self._reclaiming = True
            try:
                self.reclaim(self)
            finally:
                self._reclaiming = False
        if not self._free:
            self.swap_out(self.victim(self))


Victim = Callable[[Host], int]
"""A policy for the host's swap: which frame to take, when none is free."""


def lru(host: Host) -> int:
    """The frame that was used longest ago."""
    return next(iter(host.used))


def random_victim(seed: int) -> Victim:
    """A policy that takes any frame, the same ones for the same seed."""
    rng = Random(seed)
    return lambda host: rng.choice(sorted(host.used))


def thrash(
    frames: int, working_sets: list[int], *, rounds: int = 10, victim: Victim | None = None
) -> dict[str, int | Fraction]:
    """Guests that go round their working sets in turn, one page each at a time; a row of counts.

    While the sets fit in the frames together, only first uses miss. One page more, and under LRU
    every use does: each page is swapped out just before it is needed. Raises ``GuestError`` for
    numbers below 1.
    """
    check_number(rounds, 1, 10**4, "The number of rounds", "try 10")
    host = Host(frames, page_size=8, victim=victim)
    for number, pages in enumerate(working_sets):
        host.add(f"guest {number}", pages)
    uses = 0
    for _ in range(rounds):
        for page in range(max(working_sets, default=0)):
            for name, pages in host.guests.items():
                if page < pages:
                    host.write(name, page, bytes(8))
                    uses += 1
    return {
        "frames": frames,
        "working sets": sum(working_sets),
        "uses": uses,
        "swap-ins": host.counts["swap-ins"],
        "swap-outs": host.counts["swap-outs"],
        "share of uses that swap in": Fraction(host.counts["swap-ins"], uses or 1),
    }
