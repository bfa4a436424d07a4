"""Shadow paging against nested paging and a plain dict; and what a trace costs under each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.nested import GuestFault, NestedPaging, NestedViolation, WalkCaches
from vcloud_lab.vm.paging import PAGE, A, D, R, W
from vcloud_lab.vm.paging_trace import (
    TECHNIQUES,
    Bill,
    Event,
    Prices,
    break_even,
    random_trace,
    run_trace,
)
from vcloud_lab.vm.shadow import ShadowPaging

FRAMES, PAGES, SPACES = 6, 8, 2


@dataclass
class Oracle:
    """Two plain dicts: no tables, no walk."""

    guest: list[dict[int, list[Any]]] = field(default_factory=lambda: [{}, {}])
    host: dict[int, tuple[int, bool]] = field(default_factory=dict)
    space: int = 0

    def access(self, page: int, access: int) -> tuple[str, int]:
        found = self.guest[self.space].get(page)
        if found is None or (access == W and not found[1]):
            return "guest", 0
        found[2] |= A | (D if access == W else 0)
        backed = self.host.get(found[0])
        if backed is None or (access == W and not backed[1]):
            return "host", 0
        return "ok", backed[0]


class Twins:
    """One guest under nested paging and one under shadow paging, and the oracle for both."""

    def __init__(self, levels: int, *, keep_spaces: bool) -> None:
        bits = {2: 3, 3: 2, 4: 2}[levels]
        self.nested = NestedPaging(levels, 4, index_bits=bits)
        self.under = NestedPaging(levels, 4, index_bits=bits)
        self.shadow = ShadowPaging(self.under, keep_spaces=keep_spaces)
        self.oracle = Oracle()
        self.spaces = [[one.root, one.new_space()] for one in (self.nested, self.under)]

    def both(self, call: Callable[[NestedPaging], Any]) -> None:
        call(self.nested)
        call(self.under)

    def map(self, page: int, frame: int, writable: bool) -> None:
        self.both(lambda one: one.map_guest(page * PAGE, frame * PAGE, writable=writable))
        self.oracle.guest[self.oracle.space][page] = [frame, writable, 0]

    def unmap(self, page: int, *_: Any) -> None:
        self.both(lambda one: one.unmap_guest(page * PAGE))
        self.oracle.guest[self.oracle.space].pop(page, None)

    def back(self, _: int, frame: int, writable: bool) -> None:
        # The tables of the shadow come from the host's own GiB, so both get the same page.
        one, two = (
            one.map_host(frame * PAGE, writable=writable) for one in (self.nested, self.under)
        )
        assert one == two
        self.oracle.host[frame] = one, writable

    def take(self, _: int, frame: int, __: bool) -> None:
        self.both(lambda one: one.unmap_host(frame * PAGE))
        self.oracle.host.pop(frame, None)

    def switch(self, page: int, *_: Any) -> None:
        self.oracle.space = page % SPACES
        self.nested.root = self.spaces[0][self.oracle.space]
        self.shadow.switch(self.spaces[1][self.oracle.space])

    def access(self, page: int, _: int, write: bool) -> None:
        access = W if write else R
        expected = self.oracle.access(page, access)
        for call in (self.nested.walk, self.shadow.access):
            try:
                found = "ok", call(page * PAGE, access).host_physical
            except GuestFault:
                found = "guest", 0
            except NestedViolation:
                found = "host", 0
            assert found == expected, call

    def bits_agree(self) -> None:
        for number, pages in enumerate(self.oracle.guest):
            for page, (_, _, bits) in pages.items():
                for one, spaces in zip((self.nested, self.under), self.spaces, strict=True):
                    assert entry(one, spaces[number], page * PAGE) & (A | D) == bits


def entry(paging: NestedPaging, table: int, virtual: int) -> int:
    """The guest's leaf entry, read without a walk."""
    for level in range(paging.guest.levels - 1, -1, -1):
        word = paging.load(paging.guest.entry_at(table, virtual, level))
        table = word >> 10 << 12
    return word


EVENTS = ("map", "unmap", "back", "take", "switch", "access", "access", "access", "access")
events = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, PAGES - 1),
        st.integers(0, FRAMES - 1),
        st.booleans(),
    ),
    max_size=60,
)


@given(events=events, levels=st.sampled_from([2, 3, 4]), keep=st.booleans())
@examples(200)
def test_shadow_nested_and_a_dict_agree(
    events: list[tuple[str, int, int, bool]], levels: int, keep: bool
) -> None:
    twins = Twins(levels, keep_spaces=keep)
    for frame in range(FRAMES - 2):
        twins.back(0, frame, True)
    for page in range(PAGES - 3):
        twins.map(page, page % FRAMES, page != 2)
    for kind, page, frame, flag in events:
        getattr(twins, kind)(page, frame, flag)
        twins.bits_agree()
    exits = twins.shadow.exits
    assert exits["context switch"] == sum(kind == "switch" for kind, *_ in events)


SLOTS = 4


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["poke", "poke large", "read", "write"]),
            st.integers(0, SLOTS + 1),
            st.integers(0, 7),
        ),
        max_size=40,
    )
)
@examples(200)
def test_a_guest_that_edits_its_own_tables_through_its_own_mapping(
    steps: list[tuple[str, int, int]],
) -> None:
    """Pages 0..3 map anything, 4 maps the last table itself, 5 maps it as well."""
    found: list[list[Any]] = []
    for technique in ("nested", "shadow"):
        paging = NestedPaging(3, 3)
        paging.map_guest(0, 0)
        paging.map_host(0)
        table = [step.at for step in paging.walk(0).steps if step.dimension == "guest"][-1]
        for frame in range(1, 6):
            paging.map_host(frame * PAGE)
        paging.map_guest(SLOTS * PAGE, table)
        paging.map_guest((SLOTS + 1) * PAGE, table)
        shadow = ShadowPaging(paging)
        one: Any = shadow if technique == "shadow" else paging
        seen: list[Any] = []
        for kind, page, value in steps:
            try:
                if kind == "read":
                    seen.append(one.read(page * PAGE + 8 * value))
                elif kind == "write" and page < SLOTS:
                    one.write(page * PAGE + 512 + 8 * value, value)
                elif kind != "write":
                    # An entry for one of the slots, at times read-only, clean, or not valid.
                    flags = (0, 0b1011, 0b1111, 0b11001111, 0b01001011, 0b111, 0b1, 0b10001111)
                    frame = value % 6 if kind == "poke" else value // 2
                    word = frame << 10 | flags[value]
                    one.write((SLOTS + value % 2) * PAGE + 8 * (page % SLOTS), word)
            except (GuestFault, NestedViolation) as fault:
                seen.append((type(fault), fault.reason, fault.address))
        seen.append([paging.load(table + 8 * slot) for slot in range(SLOTS + 2)])
        seen.append(
            [paging.load(frame * PAGE + 512 + 8 * n) for frame in range(6) for n in range(8)]
        )
        found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("technique", ["nested", "shadow"])
def test_a_page_of_data_that_becomes_a_table(technique: str) -> None:
    paging = NestedPaging(2, 3)
    paging.map_guest(0, 5 * PAGE)
    for frame in (5, 6, 7):
        paging.map_host(frame * PAGE)
    shadow = ShadowPaging(paging)
    one: Any = shadow if technique == "shadow" else paging
    walk = shadow.access if technique == "shadow" else paging.walk
    one.write(0, 6 << 10 | 0b1111)
    one.write(8, 7 << 10 | 0b1111)
    # Frame 5 is data that may be written, and now the last table of the second region as well.
    paging.store(paging.root + 8, 5 << 10 | 1)
    region = 512 * PAGE
    assert walk(region).host_physical == paging.backing(6 * PAGE)
    assert walk(region + PAGE).host_physical == paging.backing(7 * PAGE)
    one.write(0, 7 << 10 | 0b1111)
    assert walk(region).host_physical == paging.backing(7 * PAGE)
    assert one.read(8) >> 10 == 7
    one.write(8, 6 << 10 | 0b1111)
    assert walk(region + PAGE).host_physical == paging.backing(6 * PAGE)
    assert one.read(0) == 7 << 10 | 0b1111 | A
    if technique == "shadow":
        assert shadow.exits["table write"] == 3, "one in the root, two in frame 5"


def test_the_host_takes_a_table_of_the_guest_away() -> None:
    paging, shadow = shadowed()
    shadow.access(0)
    table = [step.at for step in paging.walk(0).steps if step.dimension == "guest"][-1]
    paging.map_host(table // PAGE * PAGE)
    with pytest.raises(GuestFault, match="not valid"):
        shadow.access(0)
    paging.unmap_host(table // PAGE * PAGE)
    with pytest.raises(NestedViolation):
        shadow.access(0)


def shadowed() -> tuple[NestedPaging, ShadowPaging]:
    paging = NestedPaging(4, 4)
    for page in range(4):
        paging.map_guest(page * PAGE, (16 + page) * PAGE)
        paging.map_host((16 + page) * PAGE)
    return paging, ShadowPaging(paging)


def test_a_miss_costs_as_many_references_as_the_shadow_has_levels() -> None:
    _, shadow = shadowed()
    first = shadow.access(0)
    # The root of the shadow is empty: 1 reference before the exit, 4 after it.
    assert (first.references, first.exits) == (1 + 4, ("hidden fault",))
    again = shadow.access(0)
    assert (again.references, again.exits) == (4, ())
    assert shadow.access(PAGE).references == 4 + 4
    assert shadow.references == 5 + 4 + 8


def test_a_page_is_read_only_until_the_guest_has_it_dirty() -> None:
    paging, shadow = shadowed()
    assert not shadow.access(0).writable
    assert entry(paging, paging.root, 0) & (A | D) == A
    write = shadow.access(0, W)
    assert (write.exits, write.writable) == (("hidden fault",), True)
    assert entry(paging, paging.root, 0) & (A | D) == A | D
    assert shadow.access(0, W).exits == ()
    # The guest writes the page to its disk and clears the bit: the next write is seen again.
    paging.map_guest(0, 16 * PAGE)
    assert shadow.access(0).exits == ("hidden fault",)
    assert shadow.access(0, W).exits == ("hidden fault",)


def test_the_exits_by_reason() -> None:
    paging, shadow = shadowed()
    paging.map_guest(5 * PAGE, 30 * PAGE)  # nothing is shadowed yet: no table is protected
    assert shadow.exits.total() == 0
    shadow.access(0)
    paging.unmap_guest(PAGE)
    for access, fault in ((R, GuestFault), (W, GuestFault)):
        with pytest.raises(fault):
            shadow.access(PAGE, access)
    with pytest.raises(NestedViolation):
        shadow.access(5 * PAGE)
    other = paging.new_space()
    shadow.switch(other)
    assert +shadow.exits == {
        "hidden fault": 1,
        "table write": 1,
        "true fault": 2,
        "nested violation": 1,
        "context switch": 1,
    }
    assert shadow.rows()[0] == {"exit": "hidden fault", "count": 1}
    assert str(shadow).startswith("1 pages in the shadow")


def test_a_table_write_drops_what_came_from_the_entry_and_no_more() -> None:
    paging, shadow = shadowed()
    for page in range(4):
        shadow.access(page * PAGE)
    paging.map_guest(PAGE, 17 * PAGE)
    assert [shadow.access(page * PAGE).exits for page in range(4)] == [
        (),
        ("hidden fault",),
        (),
        (),
    ]
    # The first entry of the root leads to all of them.
    root = paging.load(paging.root)
    paging.store(paging.root, 0)
    with pytest.raises(GuestFault):
        shadow.access(3 * PAGE)
    assert shadow.exits["table write"] == 2
    # No table has anything in the shadow now, so writing one is no exit.
    paging.store(paging.root, root)
    assert shadow.exits["table write"] == 2
    assert shadow.access(3 * PAGE).exits == ("hidden fault",)


def test_a_large_page_of_the_guest_is_shadowed_by_small_ones() -> None:
    paging = NestedPaging(3, 3)
    paging.map_guest(0, 0, level=1)
    for frame in range(3):
        paging.map_host(frame * PAGE)
    shadow = ShadowPaging(paging)
    for page in range(3):
        walk = shadow.access(page * PAGE + 5, W)
        assert walk.host_physical == paging.backing(page * PAGE + 5)
        assert walk.exits == ("hidden fault",)
    paging.unmap_guest(0, level=1)
    with pytest.raises(GuestFault):
        shadow.access(2 * PAGE)


def test_spaces_are_kept_or_forgotten() -> None:
    for keep, exits in ((True, ()), (False, ("hidden fault",))):
        paging, _ = shadowed()
        shadow = ShadowPaging(paging, keep_spaces=keep)
        first, other = paging.root, paging.new_space()
        shadow.access(0)
        shadow.switch(other)
        shadow.switch(first)
        assert shadow.access(0).exits == exits


def test_a_write_with_its_word() -> None:
    paging, shadow = shadowed()
    shadow.write(8, 5)
    assert shadow.read(8) == 5 == paging.load(16 * PAGE + 8)
    assert "4 references" in str(shadow.access(8))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ShadowPaging(NestedPaging(0, 4)), "a NestedPaging with 1 or more levels in both"),
        (lambda: ShadowPaging(NestedPaging(4, 0)), "a NestedPaging with 1 or more levels in both"),
        (lambda: ShadowPaging(7), "The guest of the shadow is 7"),
        (lambda: shadowed()[1].access(-1), "virtual address is -1"),
        (lambda: shadowed()[1].access(0, 3), "The access is 3"),
        (lambda: shadowed()[1].write(3, 3), "The address of the word is 3"),
        (lambda: run_trace([], "magic"), "The technique is 'magic': there are native, shadow"),
        (lambda: run_trace([Event("jump", 0)], "native"), "kind of the event is 'jump'"),
        (lambda: run_trace([], "native", tlb=-1), "size of the cache is -1"),
        (lambda: Prices(exit=-1), "The price of exit is -1: an int or Fraction from 0 on"),
        (lambda: Prices(access=0.5), "The price of access is 0.5"),
        (lambda: random_trace(1, length=-1), "length of the trace is -1"),
        (lambda: random_trace(1, pages=0), "number of pages is 0"),
        (lambda: random_trace(1, spaces=0), "number of address spaces is 0"),
        (lambda: random_trace(1, writes=1001), "share of writes is 1001"),
        (lambda: random_trace(1, updates=600, switches=600), "are 600 and 600 thousandths"),
    ],
)
def test_errors_in_words(call: Any, sentence: str) -> None:
    with pytest.raises(GuestError, match=sentence):
        call()


def test_a_small_trace_by_hand() -> None:
    trace = [
        Event("map", 0, 1),
        Event("read", 0),  # a miss
        Event("read", 0),
        Event("write", 0),  # a hit that must set D: a walk
        Event("write", 0),
        Event("map", 0, 2),  # leaves the TLB
        Event("read", 0),  # a miss
        Event("read", 9),  # a fault: the last table has no entry
    ]
    native, shadow, nested = (run_trace(trace, technique) for technique in TECHNIQUES)
    assert native == Bill("native", 6, 4, 4 * 4, 0, 1, 2)
    assert nested == Bill("nested", 6, 4, 3 * 24 + 20, 0, 1, 2)
    # Shadow: 1+4 for the first read, 4+4 for the write, 4+4 after the new mapping, 4 at the fault.
    exits = Counter({"hidden fault": 3, "true fault": 1, "table write": 1})
    assert shadow == Bill("shadow", 6, 4, 5 + 8 + 8 + 4, 0, 1, 2, exits)
    assert native.cycles == 6 + 160 + 500 + 40
    assert nested.cycles == 6 + 920 + 500 + 40
    assert shadow.cycles == 6 + 250 + 5 * 2000 + 500 + 40
    assert break_even(shadow, nested) == Fraction(670, 5)
    assert break_even(native, nested) is None
    assert nested.row()["cycles"] == 1466
    assert str(native) == "native 4 misses, 16 references, 0 exits (none), 706 cycles"
    assert "5 exits (3 hidden fault, 1 true fault, 1 table write)" in str(shadow)


@given(
    st.integers(0, 10**6),
    st.integers(0, 300),
    st.integers(0, 100),
    st.integers(1, 3),
    st.booleans(),
)
@examples(60)
def test_all_techniques_see_one_guest(
    seed: int, updates: int, switches: int, spaces: int, keep: bool
) -> None:
    trace = random_trace(
        seed, length=200, pages=20, spaces=spaces, updates=updates, switches=switches
    )
    bills = [run_trace(trace, name, tlb=8, levels=3, keep_spaces=keep) for name in TECHNIQUES]
    native, shadow, nested = bills
    assert len({(bill.accesses, bill.misses, bill.faults, bill.updates) for bill in bills}) == 1
    assert native.exits.total() == nested.exits.total() == 0
    assert shadow.exits["true fault"] == native.faults
    assert shadow.exits["context switch"] == sum(event.kind == "switch" for event in trace)
    assert shadow.exits["table write"] <= native.updates * 2
    # A fault reads less than a whole walk does.
    found = native.misses - native.faults
    assert 3 * found <= native.references <= 3 * native.misses
    assert 15 * found <= nested.references <= 15 * nested.misses
    assert native.references <= shadow.references
    free = Prices(exit=0)
    caches = WalkCaches(8, 8)
    cached = run_trace(trace, "nested", tlb=8, levels=3, caches=caches, prices=free)
    assert cached.references + cached.saved <= nested.references
    assert cached.faults == nested.faults


def test_where_each_technique_wins() -> None:
    misses = random_trace(1, length=20_000, pages=128, spaces=1, updates=0, switches=0)
    changes = random_trace(1, length=2000, pages=32, spaces=1, updates=300, switches=0)
    for trace, winner in ((misses, "shadow"), (changes, "nested")):
        shadow, nested = (run_trace(trace, name) for name in ("shadow", "nested"))
        assert min(shadow, nested, key=lambda bill: bill.cycles).technique == winner
        price = break_even(shadow, nested)
        assert price is not None
        assert (price > Prices().exit) == (winner == "shadow")
        even = Prices(exit=price)
        one, two = (run_trace(trace, name, prices=even) for name in ("shadow", "nested"))
        assert one.cycles == two.cycles


def test_a_trace_is_the_same_for_a_seed() -> None:
    assert random_trace(3) == random_trace(3) != random_trace(4)
