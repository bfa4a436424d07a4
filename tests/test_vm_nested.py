"""The two-dimensional walk: counted against its formula, Sv32's own walker, and a plain dict."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.nested import (
    GuestFault,
    NestedPaging,
    NestedViolation,
    NestedWalk,
    WalkCaches,
    count_references,
    references,
)
from vcloud_lab.vm.nested_sv32 import walk_sv32
from vcloud_lab.vm.paging import PAGE, A, D, R, V, W, X
from vcloud_lab.vm.walk_cache import Lru

CASES = json.loads((Path(__file__).parent / "acceptance" / "vm.json").read_text(encoding="utf-8"))
WALKS = [case for case in CASES if case["id"].startswith("vm-2dwalk")]


@pytest.mark.parametrize("case", WALKS, ids=[case["id"] for case in WALKS])
def test_published_counts(case: dict[str, Any]) -> None:
    levels = case["input"]["guest_levels"], case["input"]["nested_levels"]
    assert references(*levels) == case["expected"]["memory_references"]
    walk = count_references(*levels)
    assert walk.references == case["expected"]["memory_references"]
    assert walk.references + 1 == case["expected"]["with_data_access"]


def test_the_published_cases_are_there() -> None:
    assert len(WALKS) == 2


@pytest.mark.parametrize("bits", [3, 9, 10])
@pytest.mark.parametrize("nested", range(6))
@pytest.mark.parametrize("guest", range(6))
def test_formula_and_count_agree(guest: int, nested: int, bits: int) -> None:
    for guest_leaf in range(max(guest, 1)):
        for nested_leaf in range(max(nested, 1)):
            leaves = {"guest_leaf": guest_leaf, "nested_leaf": nested_leaf}
            if guest and nested and guest_leaf >= nested:
                continue  # such a page is larger than all guest-physical memory
            if bits == 10 and max(guest_leaf, nested_leaf) > 1:
                continue  # Sv32's addresses end at 34 bits
            try:
                walk = count_references(guest, nested, **leaves, index_bits=bits)
            except GuestError:
                assert nested == 1, "only one level of few bits has no room for the tables"
                assert bits == 3
                continue
            counted = (guest - guest_leaf + 1) * (nested - nested_leaf + 1) - 1
            assert walk.references == counted == references(guest, nested, **leaves)


def test_the_order_of_the_steps() -> None:
    steps = count_references(2, 2).steps
    assert [step.number for step in steps] == list(range(1, 9))
    seen = [(step.dimension, step.level, step.row) for step in steps]
    assert seen == [
        ("nested", 1, 1),
        ("nested", 0, 1),
        ("guest", 1, 1),
        ("nested", 1, 0),
        ("nested", 0, 0),
        ("guest", 0, 0),
        ("nested", 1, -1),
        ("nested", 0, -1),
    ]


def test_every_step_reads_the_memory_and_leads_to_the_next() -> None:
    paging = NestedPaging(4, 4)
    paging.map_guest(0x7F_1234_5000, 0x5000)
    host = paging.map_host(0x5000)
    walk = paging.walk(0x7F_1234_5678)
    assert (walk.guest_physical, walk.host_physical) == (0x5678, host + 0x678)
    table, nested = paging.root, paging.host_root
    for step in walk.steps:
        inside = table if step.dimension == "guest" else nested
        assert step.at // PAGE == inside // PAGE
        found = step.entry >> 10 << 12
        if step.dimension == "guest":
            assert step.host // PAGE == nested // PAGE
            table, nested = found, paging.host_root
        else:
            assert step.host == step.at
            nested = found
        # A and D of the leaf change after the step has read it.
        assert paging.words[step.host] | A | D == step.entry | A | D
    assert nested == host


def test_faults_say_whose_they_are_and_how_far_the_walk_came() -> None:
    paging = NestedPaging(4, 4)
    paging.map_guest(0x1000, 0x5000, writable=False)
    with pytest.raises(
        NestedViolation, match=r"violation at 0x5234: the entry is not"
    ) as violation:
        paging.walk(0x1234)
    # 20 references find the guest's leaf; the nested walk for the page ends at an empty entry.
    assert 21 <= len(violation.value.steps) <= 24
    assert violation.value.rows()[-1]["for"] == "the page"
    paging.map_host(0x5000)
    with pytest.raises(GuestFault, match="guest page fault at 0x1234: the page may not be written"):
        paging.walk(0x1234, W)
    with pytest.raises(GuestFault, match="not valid") as fault:
        paging.walk(1 << 39)
    assert len(fault.value.steps) == 5
    table = paging.walk(0x1000).steps[19].at
    paging.unmap_host(table // PAGE * PAGE)
    with pytest.raises(NestedViolation) as lost:
        paging.walk(0x1000)
    assert lost.value.steps[-1].row == 0
    assert lost.value.address == table


def test_a_read_only_nested_page_stops_writes_and_updates_of_a_and_d() -> None:
    paging = NestedPaging(2, 2)
    paging.map_guest(0x1000, 0x5000)
    paging.map_host(0x5000, writable=False)
    with pytest.raises(NestedViolation, match="may not be written"):
        paging.walk(0x1000, W)
    leaf = paging.walk(0x1000).steps[5]
    host = paging.words[leaf.host]
    paging.words[leaf.host] = host & ~(A | D)
    paging.map_host(leaf.at // PAGE * PAGE, leaf.host // PAGE * PAGE, writable=False)
    with pytest.raises(NestedViolation, match="may not be written") as refused:
        paging.walk(0x1000)
    assert refused.value.address == leaf.at


def test_accessed_and_dirty_bits_in_both_dimensions() -> None:
    paging = NestedPaging(3, 3)
    paging.map_guest(0x1000, 0x5000)
    paging.map_host(0x5000)
    assert paging.walk(0x1000).guest_entry & (A | D) == A
    assert paging.walk(0x1000).steps[-1].entry & (A | D) == A
    assert not paging.walk(0x1000).writable
    assert paging.walk(0x1000, W).guest_entry & (A | D) == A | D
    walk = paging.walk(0x1000, X)
    assert walk.writable
    assert walk.steps[-1].entry & (A | D) == A | D


def test_entries_that_cannot_be() -> None:
    paging = NestedPaging(2, 0)
    paging.map_guest(0x1000, 0x5000)
    leaf, top = paging.walk(0x1000).steps[1].at, paging.walk(0x1000).steps[0].at
    for entry, reason in (
        (V | W, "not valid"),
        (1 << 10 | V, "last level points to another table"),
    ):
        paging.store(leaf, entry)
        with pytest.raises(GuestFault, match=reason):
            paging.walk(0x1000)
    paging.store(top, 1 << 10 | V | R)
    with pytest.raises(GuestFault, match="2097152 bytes must begin at a multiple"):
        paging.walk(0x1000)
    small = NestedPaging(2, 2, index_bits=2)
    small.store(small.root, 1 << 20 | V | R)
    with pytest.raises(NestedViolation, match="beyond the nested tables"):
        small.walk(0)


def outcome(call: Any) -> tuple[Any, ...]:
    try:
        walk: NestedWalk = call()
    except (GuestFault, NestedViolation) as fault:
        return type(fault), fault.reason, fault.address, fault.steps
    return walk.host_physical, walk.guest_physical, walk.guest_entry, walk.writable, walk.steps


@given(seed=st.integers(0, 10**6))
def test_two_levels_of_ten_bits_are_sv32(seed: int) -> None:
    rng, twins = Random(seed), []
    for _ in range(2):
        paging = NestedPaging(2, 2, index_bits=10)
        rng = Random(seed)
        for _ in range(6):
            page = rng.choice([0, 1, 1023, 1024, 5000]) * PAGE
            paging.map_guest(page, rng.randrange(4) * PAGE, writable=rng.random() < 0.6)
        paging.map_guest(0x80000000, 0, level=1)
        for frame in range(3):
            paging.map_host(frame * PAGE, writable=rng.random() < 0.7)
        twins.append(paging)
    ours, real = twins
    assert ours.words == real.words

    def load(at: int) -> int:
        return real.words.get(at, 0)

    for _ in range(12):
        virtual = rng.choice([0, 1, 1023, 1024, 5000, 0x80000, 0x80001, 7]) * PAGE + 4
        access = rng.choice([R, W, X])
        found = outcome(lambda v=virtual, a=access: ours.walk(v, a))
        assert found == outcome(
            lambda v=virtual, a=access: walk_sv32(
                v,
                a,
                real.root,
                real.host_root,
                load=load,
                store=real.words.__setitem__,
            )
        )
        assert {at: word for at, word in ours.words.items() if word} == {
            at: word for at, word in real.words.items() if word
        }


def test_sv32_over_sv32_takes_eight() -> None:
    paging = NestedPaging(2, 2, index_bits=10)
    paging.map_guest(0x1000, 0x5000)
    paging.map_host(0x5000)
    load, store = (lambda at: paging.words.get(at, 0)), paging.words.__setitem__
    walk = walk_sv32(0x1000, R, paging.root, paging.host_root, load=load, store=store)
    assert walk.references == 8 == references(2, 2)
    paging.store(walk.steps[5].at, 1 << 30 | V | R | A)
    with pytest.raises(NestedViolation, match="beyond the nested table"):
        walk_sv32(0x1000, R, paging.root, paging.host_root, load=load, store=store)
    with pytest.raises(GuestError, match="The virtual address is 4294967296"):
        walk_sv32(1 << 32, R, paging.root, paging.host_root, load=load, store=store)


@given(seed=st.integers(0, 10**6), nested=st.integers(0, 9), tables=st.integers(0, 9))
def test_caches_change_the_count_and_nothing_else(seed: int, nested: int, tables: int) -> None:
    rng = Random(seed)
    paging = NestedPaging(rng.randint(0, 4), rng.randint(0, 4), index_bits=3)
    if paging.guest.levels == 0 or paging.host.levels == 1:
        paging = NestedPaging(3, 3, index_bits=3)
    pages = [rng.randrange(paging.guest.reach // PAGE) * PAGE for _ in range(6)]
    for number, page in enumerate(pages):
        paging.map_guest(page, number * PAGE, writable=rng.random() < 0.7)
        if paging.host.levels and rng.random() < 0.8:
            paging.map_host(number * PAGE, writable=rng.random() < 0.7)
    caches = WalkCaches(nested, tables)
    total = 0
    for _ in range(20):
        virtual, access = rng.choice(pages) + rng.randrange(PAGE), rng.choice([R, W, X])
        quick = outcome(lambda v=virtual, a=access: paging.walk(v, a, caches=caches))
        plain = outcome(lambda v=virtual, a=access: paging.walk(v, a))
        assert quick[:3] == plain[:3]
        if isinstance(plain[0], int):
            quick_walk = paging.walk(virtual, access, caches=caches)
            full = paging.walk(virtual, access)
            assert quick_walk.references + quick_walk.saved == full.references
            assert full.saved == 0
            total += quick_walk.saved
    assert caches.saved >= total
    if not nested and not tables:
        assert caches.saved == 0


def test_what_the_caches_save() -> None:
    paging = NestedPaging(4, 4)
    for page in range(8):
        paging.map_guest(page * PAGE, (16 + page) * PAGE)
        paging.map_host((16 + page) * PAGE)
    caches = WalkCaches(16, 16)
    counts = [paging.walk(page * PAGE, caches=caches).references for page in range(8)]
    # The first walk meets every table for the first time; the others know the last guest table
    # and where it is, read one guest entry, and translate a new page.
    assert counts == [24] + [1 + 4] * 7
    assert paging.walk(0, caches=caches).references == 1
    assert caches.saved == 7 * (24 - 5) + 23
    assert "156 references saved" in str(caches)
    only_nested = WalkCaches(16, 0)
    assert [paging.walk(0, caches=only_nested).references for _ in "12"] == [24, 4]
    only_tables = WalkCaches(0, 16)
    assert [paging.walk(0, caches=only_tables).references for _ in "12"] == [24, 9]


def test_a_cache_keeps_what_is_stale_until_it_is_flushed() -> None:
    paging, caches = NestedPaging(2, 2), WalkCaches()
    paging.map_guest(0x1000, 0x5000)
    old = paging.map_host(0x5000)
    paging.walk(0x1000, caches=caches)
    new = paging.map_host(0x5000)
    assert paging.walk(0x1000, caches=caches).host_physical == old
    caches.flush()
    assert paging.walk(0x1000, caches=caches).host_physical == new != old


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans())), st.integers(0, 4))
def test_the_lru_cache_is_a_list(uses: list[tuple[int, bool]], size: int) -> None:
    cache: Lru[int, int] = Lru(size)
    model: list[int] = []
    for key, put in uses:
        if put:
            cache.put(key, key)
            model = [*(one for one in model if one != key), key][-size:] if size else []
        else:
            assert (cache.get(key) is not None) == (key in model)
            if key in model:
                model = [*(one for one in model if one != key), key]
        assert len(cache) == len(model)
    cache.drop(model[0] if model else 0)
    assert len(cache) == max(len(model) - 1, 0)


def test_the_guest_reads_and_writes_through_its_tables() -> None:
    paging = NestedPaging(3, 3)
    paging.map_guest(0x1000, 0x5000)
    paging.map_host(0x5000)
    paging.write(0x1008, 77)
    assert paging.read(0x1008) == 77 == paging.load(0x5008)
    assert paging.read(0x1010) == 0


def test_what_a_lesson_prints() -> None:
    walk = count_references(1, 1)
    lines = str(walk).splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:6] == ["1", "for", "guest", "level", "0", "nested"]
    assert lines[-1].endswith("3 references")
    assert walk.rows()[1]["dimension"] == "guest"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: references(6, 4), "number of guest levels is 6: a whole number from 0 to 5"),
        (lambda: references(4, 4, nested_leaf=4), "level of the nested leaf is 4"),
        (lambda: NestedPaging(6, 4), "number of levels is 6"),
        (lambda: NestedPaging(4, True), "number of levels is True"),
        (lambda: NestedPaging(4, 4, index_bits=11), "number of index bits is 11"),
        (lambda: NestedPaging(4, 2, backing_level=2), "The backing level is 2"),
        (lambda: NestedPaging(4, 1, index_bits=1).map_guest(0, 0), "no room for 3 more tables"),
        (lambda: NestedPaging(0, 4).map_guest(0, 0), "guest tables have 0 levels"),
        (lambda: NestedPaging(4, 0).map_host(0), "nested tables have 0 levels"),
        (lambda: NestedPaging().map_guest(0x1001, 0), "virtual address is 0x1001: a page of 4096"),
        (lambda: NestedPaging().map_guest("x", 0), "virtual address is 'x'"),
        (lambda: NestedPaging().map_guest(0, 0, level=4), "level of the page is 4"),
        (lambda: NestedPaging().map_guest(0, 1 << 48), "guest-physical address is 0x1000000000000"),
        (lambda: NestedPaging().map_host(0, 0x40000000), "GiB from 0x40000000 on holds"),
        (lambda: NestedPaging().map_host(0, 1 << 56), "host-physical address is 0x100000"),
        (lambda: NestedPaging().walk(1 << 48), "virtual address is 281474976710656"),
        (lambda: NestedPaging().walk(0, 5), "The access is 5"),
        (lambda: NestedPaging().read(4), "The address of the word is 4: words have 8 bytes"),
        (lambda: NestedPaging().load(3), "The address of the word is 3"),
        (lambda: NestedPaging().backing(1 << 48), "guest-physical address is 281474976710656"),
        (lambda: Lru(-1), "size of the cache is -1"),
    ],
)
def test_errors_in_words(call: Any, sentence: str) -> None:
    with pytest.raises(GuestError, match=sentence):
        call()


def test_pages_of_two_sizes_at_one_place() -> None:
    paging = NestedPaging(3, 3)
    paging.map_guest(0x1000, 0)
    with pytest.raises(GuestError, match="0x0 has a table of smaller pages where one of 2097152"):
        paging.map_guest(0, 0, level=1)
    paging.map_guest(0x200000, 0, level=1)
    with pytest.raises(GuestError, match="0x201000 lies in a page of 2097152 bytes already"):
        paging.map_guest(0x201000, 0)


def test_the_host_runs_out_of_pages_of_that_size() -> None:
    paging = NestedPaging(4, 4, index_bits=10)
    with pytest.raises(GuestError, match="no 4398046511104 bytes left"):
        paging.map_host(0, level=3)
    first = NestedPaging(0, 3)
    # The GiB from 0x40000000 on is the host's.
    assert [first.map_host(n << 30, level=2) for n in range(2)] == [0x80000000, 0xC0000000]
