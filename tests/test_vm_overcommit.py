"""Overcommitted memory: contents against a plain dict, counts that add up, and whose page goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.balloon import GuestSystem, compare_reclaim, inflate_for
from vcloud_lab.vm.idle_tax import (
    Claim,
    adjusted_ratio,
    funding,
    min_funding,
    sampled_active,
    targets,
)
from vcloud_lab.vm.overcommit import Host, lru, random_victim, thrash
from vcloud_lab.vm.sharing import hash64, share_pages

SIZE = 4
NAMES = ("a", "b")


def audit(host: Host) -> None:
    """Every frame is free or in use; a page has one place; a frame has one owner or equal ones."""
    owners = [owner for frame in host.used.values() for owner in frame.owners]
    assert len(set(owners)) == len(owners)
    assert all(frame.owners and len(frame.data) == host.page_size for frame in host.used.values())
    assert host.free + len(host.used) == host.frames
    assert set(host.used) <= set(range(host.frames))
    assert not any(host.is_swapped(*owner) for owner in owners)
    assert host.saved == len(owners) - len(host.used)
    rows = host.rows()
    assert sum(int(row["resident"]) for row in rows) == len(owners)
    counts = host.counts
    assert counts["swap-outs"] or not any(row["swapped"] for row in rows)


hosts = st.tuples(st.integers(1, 5), st.sampled_from(["lru", "random", "tax", "no tax"]))
steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "write", "write", "part", "share", "release", "period"]),
        st.sampled_from(NAMES),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=60,
)
HASHES = {"good": hash64, "bad": lambda data: 0, "half": lambda data: data[0]}


def make(frames: int, policy: str, **options: Any) -> Host:
    victims = {
        "lru": lru,
        "random": random_victim(7),
        "tax": min_funding(),
        "no tax": min_funding(0),
    }
    return Host(frames, page_size=SIZE, victim=victims[policy], **options)


@given(shape=hosts, steps=steps, hashing=st.sampled_from(sorted(HASHES)))
@examples(300)
def test_what_is_read_is_what_was_written(
    shape: tuple[int, str], steps: list[tuple[str, str, int, int]], hashing: str
) -> None:
    host = make(*shape)
    for name in NAMES:
        host.add(name, 5)
    model: dict[tuple[str, int], bytes] = {}
    first_uses = 0
    for kind, name, page, value in steps:
        old = model.get((name, page))
        if kind == "share":
            share_pages(host, HASHES[hashing])
        elif kind == "period":
            host.new_period()
        elif kind == "release":
            host.release(name, page)
            model.pop((name, page), None)
        else:
            first_uses += old is None
            old = model.setdefault((name, page), bytes(SIZE))
            if kind == "read":
                assert host.read(name, page) == old
            elif kind == "write":
                model[name, page] = bytes([value]) * SIZE
                host.write(name, page, model[name, page])
            else:
                model[name, page] = old[:1] + bytes([value]) + old[2:]
                host.write(name, page, bytes([value]), offset=1)
        audit(host)
        assert len(model) == sum(
            host.is_swapped(*key) or any(key in frame.owners for frame in host.used.values())
            for key in model
        )
    assert host.counts["zero fills"] == first_uses
    for (name, page), data in model.items():
        assert host.read(name, page) == data


@given(shape=hosts, steps=steps)
@examples(100)
def test_without_sharing_every_page_in_swap_was_written_there_once(
    shape: tuple[int, str], steps: list[tuple[str, str, int, int]]
) -> None:
    host = make(*shape)
    for name in NAMES:
        host.add(name, 5)
    for kind, name, page, value in steps:
        if kind in ("read", "write", "part"):
            host.write(name, page, bytes([value]))
    swapped = sum(host.is_swapped(name, page) for name in NAMES for page in range(5))
    assert host.counts["swap-outs"] - host.counts["swap-ins"] == swapped
    assert host.counts["COW breaks"] == 0
    used = {(name, page) for kind, name, page, _ in steps if kind in ("read", "write", "part")}
    assert swapped == max(len(used) - host.frames, 0)


def test_first_use_takes_a_frame_of_zeros_and_lru_goes_first() -> None:
    host = Host(2, page_size=SIZE)
    host.add("a", 3)
    assert host.read("a", 0) == bytes(SIZE)
    host.write("a", 1, b"one!")
    host.read("a", 0)
    host.write("a", 2, b"two!")
    assert [host.is_swapped("a", page) for page in range(3)] == [False, True, False]
    assert host.read("a", 1) == b"one!"
    assert host.is_swapped("a", 0)
    assert host.counts == {
        "zero fills": 3,
        "swap-ins": 1,
        "swap-outs": 2,
        "COW breaks": 0,
        "merged pages": 0,
    }
    assert str(host).startswith("2 frames, 0 free, 0 saved by sharing; zero fills 3, swap-ins 1,")


def shared_host(frames: int) -> Host:
    host = Host(frames, page_size=SIZE)
    for name in NAMES:
        host.add(name, 3)
        host.write(name, 0, b"same")
        host.read(name, 1)
        host.write(name, 2, name.encode() * SIZE)
    return host


def test_sharing_saves_frames_and_a_write_takes_its_own_copy() -> None:
    host = shared_host(8)
    scan = share_pages(host)
    assert (scan.scanned, scan.merged, scan.zeros, scan.collisions) == (6, 2, 1, 0)
    assert (host.saved, host.free, host.counts["merged pages"]) == (2, 4, 2)
    assert [row["shared"] for row in host.rows()] == [2, 2]
    host.write("a", 0, b"S")
    assert (host.read("a", 0), host.read("b", 0)) == (b"Same", b"same")
    assert (host.counts["COW breaks"], host.saved) == (1, 1)
    host.write("b", 0, b"S")  # the last owner needs no copy
    assert host.counts["COW breaks"] == 1
    assert share_pages(host).merged == 1
    assert str(scan) == "6 frames scanned, 2 compared, 0 collisions, 2 merged (1 of zeros)"
    assert scan.row()["merged"] == 2


def test_a_bad_hash_costs_comparisons_and_never_contents() -> None:
    good, bad = shared_host(8), shared_host(8)
    one, two = share_pages(good), share_pages(bad, lambda data: 0)
    assert (one.merged, one.collisions) == (two.merged, 0)
    # Frames in order: same, zeros, aaaa, same, zeros, bbbb; each is compared with those kept.
    assert (two.compared, two.collisions) == (0 + 1 + 2 + 1 + 2 + 3, 0 + 1 + 2 + 0 + 1 + 3)
    assert [good.read(name, page) for name in NAMES for page in range(3)] == [
        bad.read(name, page) for name in NAMES for page in range(3)
    ]


def test_a_hash_is_trusted_by_nobody() -> None:
    host = Host(4, page_size=SIZE)
    host.add("a", 2)
    host.write("a", 0, b"left")
    host.write("a", 1, b"rest")

    def first_letters(data: bytes) -> Hashable:
        return len(data)

    assert share_pages(host, first_letters).merged == 0
    assert not host.merge(0, 1)
    assert not host.merge(0, 0)


def test_a_copy_where_no_frame_is_left() -> None:
    host = Host(1, page_size=SIZE)
    host.add("a", 1)
    host.add("b", 1)
    host.write("a", 0, b"same")
    host.swap_out(0)
    host.write("b", 0, b"same")
    assert host.is_swapped("a", 0)
    two = Host(2, page_size=SIZE)
    two.add("a", 3)
    two.write("a", 0, b"same")
    two.write("a", 1, b"same")
    share_pages(two)
    two.write("a", 2, b"else")
    two.write("a", 0, b"here")  # LRU would take "else", which was used before the shared frame
    assert [two.read("a", page) for page in range(3)] == [b"here", b"same", b"else"]
    assert two.counts["COW breaks"] == 1


def test_thrashing_begins_with_one_page_too_many() -> None:
    below, above = thrash(64, [32, 32]), thrash(64, [32, 33])
    assert (below["swap-ins"], below["swap-outs"]) == (0, 0)
    # 65 first uses fill 64 frames; after that every one of 9 * 65 uses brings its page in.
    assert (above["swap-ins"], above["swap-outs"]) == (9 * 65, 9 * 65 + 1)
    assert above["share of uses that swap in"] == Fraction(9, 10)
    by_chance = thrash(64, [32, 33], victim=random_victim(1))
    assert int(by_chance["swap-ins"]) < 9 * 65 // 4


def test_the_ratio_of_the_paper() -> None:
    assert adjusted_ratio(1000, 100, 1, Fraction(3, 4)) == 10
    assert adjusted_ratio(1000, 100, 0, Fraction(3, 4)) == Fraction(10, 4)
    assert adjusted_ratio(1000, 100, Fraction(1, 2), Fraction(3, 4)) == 1000 / (
        100 * (Fraction(1, 2) + 4 * Fraction(1, 2))
    )
    assert adjusted_ratio(1000, 100, Fraction(1, 5), 0) == 10


def test_the_tax_moves_idle_memory() -> None:
    claims = [Claim("idle", 1000, 256, 0), Claim("busy", 1000, 256, 256)]
    assert targets(claims, 360, 0) == {"idle": 180, "busy": 180}
    # At 3/4 an idle page counts 4: idle pays 1000 / (4 * 104) still less than busy 1000 / 256.
    assert targets(claims, 360) == {"idle": 104, "busy": 256}
    assert targets(claims, 200) == {"idle": 40, "busy": 160}
    assert targets(claims, 600) == {"idle": 256, "busy": 256}
    assert targets(claims, 0) == {"idle": 0, "busy": 0}


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 12), st.integers(0, 12)),
        max_size=4,
    ),
    st.integers(0, 40),
    st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(3, 4), Fraction(99, 100)]),
)
def test_targets_fit_and_are_fair(
    rows: list[tuple[int, int, int]], frames: int, tax: Fraction
) -> None:
    claims = [
        Claim(str(number), shares, pages, min(active, pages))
        for number, (shares, pages, active) in enumerate(rows)
    ]
    keeps = targets(claims, frames, tax)
    assert sum(keeps.values()) == min(frames, sum(claim.pages for claim in claims))
    weight = 1 / (1 - tax)

    def price(claim: Claim, pages: int) -> Fraction:
        active = min(claim.active, pages)
        return claim.shares / (active + weight * (pages - active)) if pages else Fraction(10**9)

    # Whoever lost a page paid less for it, when it went, than anyone pays for what is left.
    for loser in claims:
        if keeps[loser.name] < loser.pages:
            paid = price(loser, keeps[loser.name] + 1)
            assert all(paid <= price(other, keeps[other.name]) for other in claims)


def test_min_funding_takes_from_the_idle_guest() -> None:
    # With no tax the guests pay alike at 4 pages each; with it the idle one pays less.
    for tax, left in ((Fraction(3, 4), 2), (Fraction(0), 3)):
        host = Host(8, page_size=SIZE, victim=min_funding(tax))
        for name in ("idle", "busy"):
            host.add(name, 8)
            for page in range(4):
                host.write(name, page, b"x")
        host.new_period()
        for page in range(7):
            host.write("busy", page % 6, b"y")
        assert (host.resident("idle"), host.resident("busy")) == (left, 8 - left)
    assert funding(host, "busy", 0) == Fraction(1000, host.resident("busy"))


def test_activity_is_known_exactly_or_from_a_sample() -> None:
    host = Host(100, page_size=1)
    host.add("a", 100)
    for page in range(100):
        host.read("a", page)
    assert host.active("a") == 1
    host.new_period()
    for page in range(30):
        host.read("a", page)
    assert host.active("a") == Fraction(3, 10) == sampled_active(host, "a", 100, seed=1)
    estimate = sampled_active(host, "a", 40, seed=1)
    assert estimate == sampled_active(host, "a", 40, seed=1)
    assert abs(estimate - Fraction(3, 10)) < Fraction(1, 5)


@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 12),
    balloon=st.booleans(),
    sharing=st.booleans(),
)
@examples(200)
def test_programs_read_what_they_wrote_through_two_layers_of_paging(
    seed: int, frames: int, balloon: bool, sharing: bool
) -> None:
    rng = Random(seed)
    host = make(frames, rng.choice(["lru", "random", "tax", "no tax"]))
    guests = [GuestSystem(host, name, rng.randint(1, 6)) for name in NAMES]
    sizes = {guest.name: len(guest.free) for guest in guests}
    if balloon:
        host.reclaim = inflate_for(guests, batch=rng.randint(1, 3))
    model: dict[tuple[str, int], bytes] = {}
    for _ in range(80):
        guest, page = rng.choice(guests), rng.randrange(8)
        drawn = rng.random()
        if drawn < 0.4:
            data = bytes([rng.randrange(3)]) * SIZE
            guest.write(page, data)
            model[guest.name, page] = data
        elif drawn < 0.8:
            assert guest.read(page) == model.setdefault((guest.name, page), bytes(SIZE))
        elif drawn < 0.9:
            rng.choice([guest.inflate, guest.deflate])(rng.randint(0, 3))
        elif sharing:
            share_pages(host)
        audit(host)
        for one in guests:
            pages = [*one.free, *one.balloon, *one._where.values()]
            assert sorted(pages) == list(range(sizes[one.name]))
            assert len(one.balloon) == one.counts["inflated"] - one.counts["deflated"]
            assert len(one._disk) == one.counts["page-outs"] - one.counts["page-ins"]
            assert one.counts["double paging"] <= one.counts["page-outs"]
    for (name, page), data in model.items():
        assert next(guest for guest in guests if guest.name == name).read(page) == data


def test_double_paging_step_by_step() -> None:
    host = Host(2, page_size=SIZE)
    guest = GuestSystem(host, "a", 3)
    for page in range(3):
        guest.write(page, b"%d" % page)
    # The host has swapped the coldest page: the very one that the guest now pages out.
    assert host.is_swapped("a", 0)
    before = host.counts["swap-ins"]
    guest.write(3, b"3")
    assert guest.counts["double paging"] == 1
    assert host.counts["swap-ins"] == before + 1
    assert guest.read(0)[:1] == b"0"


def test_a_balloon_takes_free_pages_first_and_the_hottest_one_never() -> None:
    host = Host(8, page_size=SIZE)
    guest = GuestSystem(host, "a", 4)
    guest.write(0, b"cold")
    guest.write(1, b"warm")
    assert guest.inflate(2) == 2
    assert (guest.counts["page-outs"], host.free) == (0, 6)
    assert guest.inflate(5) == 1
    assert (guest.counts["page-outs"], host.free) == (1, 7)
    assert guest.balloon == [2, 3, 0]
    assert guest.inflate(1) == 0
    assert guest.deflate(5) == 3
    assert guest.read(0) == b"cold"
    assert guest.row() == {
        "guest": "a",
        "page-ins": 1,
        "page-outs": 1,
        "double paging": 0,
        "inflated": 3,
        "deflated": 3,
        "in the balloon": 0,
    }
    assert str(guest).startswith("a: 0 pages in the balloon; 1 page-ins")


def test_a_page_of_the_balloon_that_was_swapped_needs_no_transfer() -> None:
    host = Host(1, page_size=SIZE)
    guest = GuestSystem(host, "a", 2)
    guest.write(0, b"zero")
    host.swap_out(0)
    page = guest._where.pop(0)
    guest.free.append(page)  # the program ended
    guest.inflate(1)
    assert not host.is_swapped("a", page)
    assert host.counts["swap-ins"] == 0


def test_ballooning_against_the_hosts_own_guess() -> None:
    rows = {str(row["technique"]): Counter(row) for row in compare_reclaim(1)}
    swap, balloon = rows["swap, LRU"], rows["balloon"]
    # Both order pages by LRU, so the host has always swapped what the guest pages out.
    assert swap["double paging"] == swap["page-outs"] > 0
    assert balloon["double paging"] == balloon["swap-ins"] == balloon["swap-outs"] == 0
    assert balloon["inflated"] > 0
    assert balloon["transfers"] < swap["transfers"]
    assert rows["swap, random"]["double paging"] < swap["double paging"]
    assert compare_reclaim(1) == compare_reclaim(1) != compare_reclaim(2)


def two() -> Host:
    host = Host(2, page_size=SIZE)
    host.add("a", 2)
    return host


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Host(0), "number of frames is 0: a whole number from 1"),
        (lambda: Host(1, page_size=0), "page size is 0"),
        (lambda: two().add("a", 1), "The guest is named 'a': a name is text that no other"),
        (lambda: two().add("b", 0), "number of pages of b is 0"),
        (lambda: two().add("b", 1, shares=0), "number of shares of b is 0"),
        (lambda: two().read("z", 0), r"no guest 'z' \(a\): add it first"),
        (lambda: two().read("a", 2), "The page of a is 2: a whole number from 0 to 1"),
        (lambda: two().write("a", 0, "text"), "of the type str: bytes are needed"),
        (lambda: two().write("a", 0, b"x", offset=-1), "The offset is -1"),
        (lambda: two().write("a", 0, b"12345"), "5 bytes from 0 on: a page has 4"),
        (lambda: two().swap_out(0), "frame to swap out is 0: it is not in use"),
        (lambda: thrash(1, [1], rounds=0), "number of rounds is 0"),
        (lambda: adjusted_ratio(0, 1, 1), "number of shares is 0"),
        (lambda: adjusted_ratio(1, 0, 1), "number of pages is 0"),
        (lambda: adjusted_ratio(1, 1, 2), "active fraction is 2: an int or Fraction from 0 to 1"),
        (lambda: adjusted_ratio(1, 1, 1, 0.75), "The tax is 0.75: an int or Fraction"),
        (lambda: min_funding(1), "The tax is 1: an idle page would cost without end"),
        (lambda: targets([Claim("a", 1, 1, 2)], 1), "number of active pages of a is 2"),
        (lambda: targets([Claim("a", 1, 1, 1)] * 2, 1), "Two claims have one name"),
        (lambda: targets([], -1), "number of frames is -1"),
        (lambda: sampled_active(two(), "a", 1, 1), "size of the sample is 1"),
        (lambda: inflate_for([], batch=0), "size of a batch is 0"),
        (lambda: GuestSystem(Host(1), "a", 1).inflate(-1), "pages to inflate by is -1"),
        (lambda: GuestSystem(Host(1), "a", 1).deflate(-1), "pages to deflate by is -1"),
        (lambda: GuestSystem(Host(1), "a", 1).read(-1), "virtual page of a is -1"),
        (lambda: compare_reclaim(1, guests=0), "number of guests is 0"),
        (lambda: compare_reclaim(1, virtual=0), "number of virtual pages is 0"),
        (lambda: compare_reclaim(1, uses=-1), "number of uses is -1"),
    ],
)
def test_errors_in_words(call: Any, sentence: str) -> None:
    with pytest.raises(GuestError, match=sentence):
        call()


def test_a_victim_policy_that_fails_loses_nothing() -> None:
    host = Host(1, page_size=SIZE, victim=lambda host: 9)
    host.add("a", 2)
    host.write("a", 0, b"here")
    with pytest.raises(GuestError, match="frame to swap out is 9"):
        host.write("a", 1, b"more")
    assert host.read("a", 0) == b"here"
    host.victim = lru
    host.write("a", 1, b"more")
    assert host.read("a", 0) == b"here"
