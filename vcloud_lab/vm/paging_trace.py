"""One trace of memory events under three techniques: native, shadow and nested paging.

Every run is counted exactly, and a price for each kind of event turns the counts into cycles. Many
TLB misses favour shadow paging, whose walk is as short as the native one; many changes of the page
tables favour nested paging, which needs no exit for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.model_rules import check_exact, check_number
from vcloud_lab.vm.nested import GuestFault, NestedPaging, WalkCaches
from vcloud_lab.vm.paging import PAGE, R, W
from vcloud_lab.vm.shadow import ShadowPaging
from vcloud_lab.vm.walk_cache import Lru

__all__ = ["TECHNIQUES", "Bill", "Event", "Prices", "break_even", "random_trace", "run_trace"]

TECHNIQUES = ("native", "shadow", "nested")
KINDS = ("read", "write", "map", "unmap", "switch")


@dataclass(frozen=True)
class Event:
    """What the guest does: ``kind`` is "read", "write", "map", "unmap" or "switch".

    ``page`` is the number of a virtual page of the address space in use, for "switch" the number of
    the space; ``frame`` is the guest-physical page number of a "map".
    """

    kind: str
    page: int
    frame: int = 0


@dataclass(frozen=True)
class Prices:
    """Prices in cycles: an access that hits the TLB, an entry read, an exit, the guest's own work.

    ``fault`` is what the guest does at a fault of its own and ``update`` at a write to its tables,
    under any technique. The defaults are round numbers of plausible size, not measurements. Raises
    ``GuestError`` for negative or inexact prices.
    """

    access: int | Fraction = 1
    reference: int | Fraction = 10
    exit: int | Fraction = 2000
    fault: int | Fraction = 500
    update: int | Fraction = 20

    def __post_init__(self) -> None:
        for name, price in vars(self).items():
            check_exact(price, f"The price of {name}")


@dataclass(frozen=True)
class Bill:
    """What a trace took under one technique.

    ``exits`` counts by reason; ``faults`` are the guest's own, ``updates`` its writes to its
    tables; ``saved`` are references that caches saved.
    """

    technique: str
    accesses: int
    misses: int
    references: int
    saved: int
    faults: int
    updates: int
    exits: Counter[str] = field(default_factory=Counter)
    prices: Prices = Prices()

    @property
    def cycles(self) -> int | Fraction:
        """The sum of all counts, each times its price."""
        prices = self.prices
        return (
            self.accesses * prices.access
            + self.references * prices.reference
            + self.exits.total() * prices.exit
            + self.faults * prices.fault
            + self.updates * prices.update
        )

    def row(self) -> dict[str, str | int | Fraction]:
        """The counts as the row of a table."""
        return {
            "technique": self.technique,
            "TLB misses": self.misses,
            "references": self.references,
            "faults": self.faults,
            "updates": self.updates,
            "exits": self.exits.total(),
            "cycles": self.cycles,
        }

    def __str__(self) -> str:
        exits = ", ".join(f"{count} {reason}" for reason, count in self.exits.items() if count)
        return (
            f"{self.technique:<6} {self.misses} misses, {self.references} references, "
            f"{self.exits.total()} exits ({exits or 'none'}), {self.cycles} cycles"
        )


def break_even(shadow: Bill, nested: Bill) -> Fraction | None:
    """The price of an exit, in cycles, at which shadow and nested paging cost the same.

    A dearer exit favours nested paging. None where the two took equally many exits.
    """
    exits = shadow.exits.total() - nested.exits.total()
    if not exits:
        return None
    rest = nested.cycles - nested.exits.total() * nested.prices.exit
    rest -= shadow.cycles - shadow.exits.total() * shadow.prices.exit
    return Fraction(rest) / exits


def run_trace(
    events: Iterable[Event],
    technique: str,
    *,
    prices: Prices | None = None,
    levels: int = 4,
    tlb: int = 64,
    caches: WalkCaches | None = None,
    keep_spaces: bool = True,
) -> Bill:
    """Play a trace under "native", "shadow" or "nested" paging.

    Both dimensions have ``levels`` levels. The TLB holds ``tlb`` pages of the space in use and is
    emptied by a switch; an unmapped or remapped page leaves it. The host backs every page that the
    guest maps beforehand. ``caches`` serve the walks of native and nested paging, ``keep_spaces``
    goes to ``ShadowPaging``. Raises ``GuestError`` for an unknown technique or kind of event, and
    for pages that do not fit.
    """
    if technique not in TECHNIQUES:
        raise GuestError(
            f"The technique is {technique!r}: there are {', '.join(TECHNIQUES)}; choose one."
        )
    machine = NestedPaging(levels, 0 if technique == "native" else levels)
    shadow = ShadowPaging(machine, keep_spaces=keep_spaces) if technique == "shadow" else None
    player = _Player(machine, shadow, Lru(tlb), caches)
    for event in events:
        player.play(event)
    counts = player.counts
    return Bill(
        technique,
        counts["accesses"],
        player.tlb.misses,
        shadow.references if shadow else counts["references"],
        counts["saved"],
        counts["faults"],
        counts["updates"],
        Counter({reason: n for reason, n in shadow.exits.items() if n} if shadow else {}),
        prices or Prices(),
    )


class _Player:
    def __init__(
        self,
        machine: NestedPaging,
        shadow: ShadowPaging | None,
        tlb: Lru[int, bool],
        caches: WalkCaches | None,
    ) -> None:
        self.machine, self.shadow, self.tlb, self.caches = machine, shadow, tlb, caches
        self.spaces = {0: machine.root}
        self.backed: set[int] = set()
        self.counts: Counter[str] = Counter()

    def play(self, event: Event) -> None:
        if event.kind not in KINDS:
            raise GuestError(
                f"The kind of the event is {event.kind!r}: there are {', '.join(KINDS)}; "
                "choose one."
            )
        if event.kind == "switch":
            self._switch(event.page)
        elif event.kind in ("map", "unmap"):
            self._update(event)
        else:
            self._access(event.page, W if event.kind == "write" else R)

    def _switch(self, number: int) -> None:
        if number not in self.spaces:
            self.spaces[number] = self.machine.new_space()
        self.tlb.flush()
        if self.shadow:
            self.shadow.switch(self.spaces[number])
        else:
            self.machine.root = self.spaces[number]

    def _update(self, event: Event) -> None:
        if event.kind == "map":
            if self.machine.host.levels and event.frame not in self.backed:
                self.machine.map_host(event.frame * PAGE)
                self.backed.add(event.frame)
            self.machine.map_guest(event.page * PAGE, event.frame * PAGE)
        else:
            self.machine.unmap_guest(event.page * PAGE)
        self.counts["updates"] += 1
        self.tlb.drop(event.page)

    def _access(self, page: int, access: int) -> None:
        self.counts["accesses"] += 1
        # A page that is not known as dirty yet needs a walk for its first write.
        if self.tlb.get(page, lambda writable: writable or access == R) is not None:
            return
        try:
            if self.shadow:
                writable = self.shadow.access(page * PAGE, access).writable
            else:
                walk = self.machine.walk(page * PAGE, access, caches=self.caches)
                self.counts["references"] += walk.references
                self.counts["saved"] += walk.saved
                writable = walk.writable
        except GuestFault as fault:
            self.counts["faults"] += 1
            self.counts["references"] += len(fault.steps)
            return
        self.tlb.put(page, writable)


def random_trace(
    seed: int,
    *,
    length: int = 2000,
    pages: int = 128,
    spaces: int = 2,
    writes: int = 300,
    updates: int = 10,
    switches: int = 5,
) -> tuple[Event, ...]:
    """A trace that maps ``pages`` pages in each space and goes on for ``length`` events.

    ``writes``, ``updates`` and ``switches`` are in thousandths: of the accesses that write, of the
    events that unmap a page or map it again, of those that switch to another space. Pages are
    drawn uniformly, so ``pages`` against the size of the TLB sets the share of misses. Raises
    ``GuestError`` for counts that are out of range.
    """
    check_number(length, 0, 10**6, "The length of the trace", "try 2000")
    check_number(pages, 1, 10**5, "The number of pages", "try 128")
    check_number(spaces, 1, 100, "The number of address spaces", "try 2")
    for value, what in ((writes, "writes"), (updates, "updates"), (switches, "switches")):
        check_number(value, 0, 1000, f"The share of {what}", "it is in thousandths")
    if updates + switches > 1000:
        raise GuestError(
            f"The shares of updates and switches are {updates} and {switches} thousandths: "
            "together at most 1000 are possible; make one smaller."
        )
    rng, events, here = Random(seed), list[Event](), 0
    for space in reversed(range(spaces)):
        events += [Event("switch", space)] if spaces > 1 else []
        events += [Event("map", page, 1 + space * pages + page) for page in range(pages)]
    gone: set[tuple[int, int]] = set()
    for _ in range(length):
        drawn, page = rng.randrange(1000), rng.randrange(pages)
        if drawn < updates:
            again = (here, page) in gone
            frame = 1 + here * pages + page if again else 0
            events.append(Event("map" if again else "unmap", page, frame))
            gone ^= {(here, page)}
        elif drawn < updates + switches:
            here = rng.randrange(spaces)
            events.append(Event("switch", here))
        else:
            kind = "write" if rng.randrange(1000) < writes else "read"
            events.append(Event(kind, page))
    return tuple(events)
