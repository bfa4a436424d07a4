"""Pictures of machines: picture and twin agree, say what they show, and stay small."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from vcloud_lab.errors import RenderError
from vcloud_lab.render import Picture, cow_blocks, cpu_view, trap_trip, two_dim_walk, walk_view
from vcloud_lab.render.cow_blocks import BlockRow, Cell, CowView
from vcloud_lab.render.cpu_view import CpuView, signed
from vcloud_lab.render.page_walk import Look, WalkView, meaning
from vcloud_lab.render.trap_trip import LANES, MOST_RECORDS, read_records
from vcloud_lab.render.two_dim_walk import GridStep, check_steps

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<b>&\"'</svg>"

CPU = CpuView(
    "Step 2 executed line 2.",
    "step 2 of 9",
    tuple(f"{at:08x} 00000013 nop {at}" for at in range(0, 160, 4)),
    20,
    tuple((f"r{n}", n * 1000) for n in range(32)),
    frozenset({"r3"}),
    0x100,
    (1, 2, 3, None, *range(12)),
    frozenset({0x104}),
    "Hello\nworld\x07\n",
)
WALK = WalkView(
    "A walk.",
    0x80003ABC,
    (Look(1, 0x1000, 512, 0x801), Look(0, 0x2000, 3, 0xD7)),
    "physical address 00000abc",
    4096,
    fault=False,
)
COW = CowView(
    "Two rows.",
    4,
    (
        BlockRow("disk", (Cell("own", "C", 2), Cell("shared", "A", 0), Cell("none"))),
        BlockRow(NASTY, (Cell("through", "B", 1), Cell("shared", "A", 0), Cell("zero")), 1),
    ),
    ("0", "0", "–"),
    "counters",
    "left out",
    5,
)
TRIP = read_records(
    [
        (7, "guest user", "ecall", "It asks."),
        (8, "hardware", "trap", ""),
        ("then", "VMM", "a title that has no room in its box at all", "It answers."),
        (9, "guest kernel", NASTY, NASTY),
    ]
)


def full_grid(guest: int, nested: int) -> tuple[GridStep, ...]:
    """All reads of a walk that misses everywhere, by the definition: rows, then columns."""
    places = [
        (dimension, level, row)
        for row in range(guest - 1, -2, -1)
        for dimension, level in [
            *(("nested", level) for level in range(nested - 1, -1, -1)),
            *([("guest", row)] if row >= 0 else []),
        ]
    ]
    return tuple(GridStep(number, *place) for number, place in enumerate(places, 1))


def grid_picture(guest: int, nested: int, at: int) -> Picture:
    return two_dim_walk(full_grid(guest, nested), guest, nested, at, "The end.")


PICTURES: dict[str, Callable[[], Picture]] = {
    "cpu": lambda: cpu_view(CPU),
    "cpu lost": lambda: cpu_view(replace(CPU, current=None, console="", listing=("x" * 200,))),
    "walk": lambda: walk_view(WALK),
    "walk fault": lambda: walk_view(replace(WALK, fault=True, span=0, result="page fault: no")),
    "walk begun": lambda: walk_view(replace(WALK, looks=(), result="", span=0)),
    "cow": lambda: cow_blocks(COW),
    "trip": lambda: trap_trip(TRIP, 2),
    "trip nasty": lambda: trap_trip(TRIP, 3),
    "grid": lambda: grid_picture(2, 2, 4),
    "large grid": lambda: grid_picture(5, 5, 34),
    "one dimension": lambda: grid_picture(0, 3, 1),
}


@pytest.fixture(params=PICTURES)
def picture(request: pytest.FixtureRequest) -> Picture:
    return PICTURES[request.param]()


def words(picture: Picture) -> list[str]:
    """All texts of a picture, each with its parts joined by blanks."""
    root = ET.fromstring(picture.svg)
    return [" ".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def kinds(picture: Picture, tag: str = "rect") -> list[str]:
    """All classes of all elements of a kind."""
    found = ET.fromstring(picture.svg).iter(f"{SVG}{tag}")
    return [kind for e in found for kind in (e.get("class") or "").split()]


def test_a_picture_is_named_and_described(picture: Picture) -> None:
    root = ET.fromstring(picture.svg)
    assert root.get("role") == "img"
    assert picture.sentence in (root.get("aria-label") or "")
    assert [e.text for e in root.iter(f"{SVG}desc")] == [picture.sentence]
    assert "http" not in picture.svg.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|\son\w+=", picture.svg)
    assert "KEY" not in picture.svg
    assert NASTY not in picture.svg
    assert not any(word.count("\n") for word in words(picture))


def test_a_bundle_has_the_picture_and_its_twin(picture: Picture) -> None:
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml", "text/plain"]
    assert bundle["text/plain"] == picture.text == str(picture) == repr(picture)
    said = " ".join(picture.text.split())
    assert said.startswith(" ".join(picture.sentence.split()))
    assert all(line == line.rstrip() for line in picture.text.split("\n"))


def test_pictures_are_small_and_alike_every_time(picture: Picture) -> None:
    assert len(picture.svg) < 10_000
    assert len(picture.text) < 4_000
    assert picture in [make() for make in PICTURES.values()]


def test_hatches_are_found_by_their_reference() -> None:
    svg = cow_blocks(COW).svg
    used = set(re.findall(r"url\(#(\w+)\)", svg))
    assert len(used) == 1
    assert all(f'id="{name}"' in svg for name in used)


# The processor


def test_the_processor_shows_the_current_line_and_what_changed() -> None:
    drawn = cpu_view(CPU)
    rows = drawn.text.split("\n")
    assert "> 00000050 00000013 nop 80" in rows
    assert sum(row.startswith(">") for row in rows) == 1
    assert sum(" nop " in row for row in rows) == 16
    assert "  r3*00000bb8" in drawn.text
    assert "00000100:  00000001 *00000002  00000003  --------" in rows
    assert rows[-1] == "console: Hello | world·"
    assert kinds(drawn).count("y") == 2  # the register and the word of memory
    assert kinds(drawn).count("v") == 1  # the current line
    texts = words(drawn)
    assert "r3 00000bb8 •3000" in texts
    assert "00000100 00000001 00000002 00000003 --------" in texts
    assert [t for t in texts if t in ("Hello", "world·")] == ["Hello", "world·"]


def test_the_listing_follows_the_current_line() -> None:
    for current, first, last in ((None, 0, 60), (0, 0, 60), (5, 0, 60), (6, 4, 64), (39, 96, 156)):
        rows = cpu_view(replace(CPU, current=current)).text.split("\n")
        shown = [int(row.split(" nop ")[1]) for row in rows if " nop " in row]
        assert (shown[0], shown[-1]) == (first, last), current


def test_a_program_outside_of_its_listing_marks_no_line() -> None:
    drawn = cpu_view(replace(CPU, current=None))
    assert "v" not in kinds(drawn)
    assert not any(row.startswith(">") for row in drawn.text.split("\n"))


def test_a_long_console_shows_its_end() -> None:
    long = "\n".join(f"row {n}" for n in range(1000)) + "\n" + "y" * 50
    rows = [t for t in words(cpu_view(replace(CPU, console=long))) if t.startswith(("row", "y"))]
    assert rows == ["row 998", "row 999", "y" * 40, "y" * 10]


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (0x7FFFFFFF, 2**31 - 1), (0x80000000, -(2**31)), (0xFFFFFFFF, -1)],
)
def test_numbers_in_twos_complement(value: int, number: int) -> None:
    assert signed(value) == number


# The page walk


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (None, "there is no memory here"),
        (0, "not valid"),
        (0xFE, "not valid"),
        (0b101, "not valid: what can be written must be readable"),
        (0x20000801, "points to the table at 80002000"),
        (0b1111, "page for the supervisor: read, write, execute; not used yet"),
        (0b11011011, "page for the user: read, execute; accessed, dirty"),
        (0b01000011, "page for the supervisor: read; accessed"),
    ],
)
def test_entries_are_told_in_words(entry: int | None, said: str) -> None:
    assert meaning(entry) == said
    drawn = walk_view(replace(WALK, looks=(Look(1, 0x1000, 512, entry),)))
    assert said in words(drawn)
    assert said in drawn.text


def test_the_address_is_split_as_the_walk_uses_it() -> None:
    texts = words(walk_view(WALK))
    assert {"VPN[1]: 10 bits", "VPN[0]: 10 bits", "offset: 12 bits"} <= set(texts)
    assert {"1000000000 = 512", "0000000011 = 3", "101010111100 = abc (hex)"} <= set(texts)
    big = walk_view(replace(WALK, span=1 << 22))
    assert "offset in 4 MiB: 22 bits" in words(big)
    assert "VPN[1] 512, offset in 4 MiB 3abc" in big.text


def test_flags_are_letters_and_words() -> None:
    drawn = walk_view(WALK)
    assert "level 0  table 00002000, entry    3: 000000d7 DA-U-WRV" in drawn.text
    assert "bits that are set: valid, read, write, user, accessed, dirty" in words(drawn)
    flags = [t for t in words(drawn) if len(t) == 1]
    assert "".join(flags) == "-------VDA-U-WRV"


def test_a_fault_is_marked_by_a_sign_and_a_frame() -> None:
    drawn = PICTURES["walk fault"]()
    assert "✗ page fault: no" in words(drawn)
    assert kinds(drawn).count("y") == 1
    assert "✓ physical address 00000abc" in words(walk_view(WALK))
    assert "y" not in kinds(walk_view(WALK))


# Blocks


def test_blocks_have_a_look_for_each_kind() -> None:
    drawn = cow_blocks(COW)
    lines = drawn.text.split("\n")
    assert [" ".join(line.split()) for line in lines[1:5]] == [
        "block 4 5 6", "disk C A+ ·", f"{NASTY} (b) A+ 0", "read from 0 0 –",
    ]  # fmt: skip
    assert lines[-2:] == ["counters", "left out"]
    root = ET.fromstring(drawn.svg)
    hatched = [e for e in root.iter(f"{SVG}rect") if (e.get("fill") or "").startswith("url")]
    thick = [e for e in root.iter(f"{SVG}rect") if e.get("stroke-width") == "3"]
    dashed = [e for e in root.iter(f"{SVG}rect") if e.get("stroke-dasharray")]
    assert (len(hatched), len(thick), len(dashed)) == (3, 3, 2)  # one of each is in the legend
    assert kinds(drawn).count("y") == 1  # the block that is chosen


def test_numbers_of_many_blocks_leave_some_out() -> None:
    row = BlockRow("disk", (Cell("none"),) * 24)
    drawn = cow_blocks(replace(COW, first=123_456, rows=(row,), source=("–",) * 24, marked=None))
    numbers = [int(t) for t in words(drawn) if t.isdigit() and len(t) == 6]
    assert numbers == list(range(123_456, 123_480, 2))


# The trap


def test_the_trip_is_a_list_set_in_by_lanes() -> None:
    assert trap_trip(TRIP, 2).text.split("\n")[1:] == [
        "guest user, guest kernel, VMM and hardware are set in further and further",
        "       7 guest user: ecall",
        "       8             hardware: trap",
        ">   then         VMM: a title that has no room in its box at all",
        "                 It answers.",
        f"       9     guest kernel: {NASTY}",
    ]


def test_what_comes_later_is_dotted() -> None:
    for at in range(4):
        root = ET.fromstring(trap_trip(TRIP, at).svg)
        later = [e for e in root.iter(f"{SVG}rect") if e.get("stroke-dasharray")]
        arrows = [e for e in root.iter(f"{SVG}path") if e.get("class") == "p"]
        assert len(later) == 3 - at
        assert len(arrows) == 3
        assert sum(bool(e.get("stroke-dasharray")) for e in arrows) == 3 - at


def test_the_sentence_says_where_control_is() -> None:
    starts = [trap_trip(TRIP, at).sentence.split(":")[0] for at in range(4)]
    assert starts == [
        "In the guest's process", "The hardware", "In the VMM", "In the guest's kernel",
    ]  # fmt: skip
    assert trap_trip(TRIP, 1).sentence == "The hardware: trap."


def test_a_long_trip_shows_the_part_around_the_present() -> None:
    many = read_records((n, LANES[n % 4], f"t{n}", "") for n in range(100))
    for at, first in ((0, 0), (6, 0), (7, 1), (50, 44), (99, 88)):
        drawn = trap_trip(many, at)
        titles = [t for t in words(drawn) if re.fullmatch(r"t\d+", t)]
        assert titles == [f"t{n}" for n in range(first, first + 12)]
        assert f"records {first} to {first + 11} of 99 are shown" in words(drawn)
        assert len(drawn.svg) < 10_000


# Two dimensions


def test_the_grid_is_numbered_row_by_row() -> None:
    assert grid_picture(2, 2, 4).text.split("\n")[3:] == [
        "guest level 1               1         2         3",
        "guest level 0               4        [5]        ·",
        "data                        ·         ·       data",
        "5 of 8 entries read; 2 × 2 levels need at most 8.",
    ]


@pytest.mark.parametrize("guest", range(6))
@pytest.mark.parametrize("nested", range(6))
def test_a_full_grid_has_all_entries_once(guest: int, nested: int) -> None:
    steps = full_grid(guest, nested)
    assert len(steps) == (guest + 1) * (nested + 1) - 1
    if not steps:
        return
    assert check_steps(steps, guest, nested) == steps
    last = grid_picture(guest, nested, len(steps) - 1)
    numbers = [int(t) for t in words(last) if t.isdigit()]
    assert numbers == list(range(1, len(steps) + 1))
    assert last.sentence.endswith("The end.")
    assert kinds(last).count("y") == 1
    assert "·" not in last.text


def test_steps_are_told() -> None:
    said = [grid_picture(2, 2, at).sentence for at in (0, 2, 6)]
    assert said == [
        "Read 1 is the nested entry of level 1, to find where the guest's entry of level 1 lies.",
        "Read 3 is the guest entry of level 1.",
        "Read 7 is the nested entry of level 1, to find where the data lies.",
    ]


ONE = GridStep(1, "nested", 1, 1)
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: read_records([]), "There are 0 records"),
    (lambda: read_records([(1, "VMM", "x")]), r"Record 0 is \(1, 'VMM', 'x'\)"),
    (lambda: read_records(["four"]), "Record 0 is 'four'"),
    (lambda: read_records([5]), "Record 0 is 5"),  # type: ignore[list-item]
    (lambda: read_records([(1, "the moon", "x", "y")]), "Record 0 is at 'the moon'"),
    (
        lambda: read_records((1, "VMM", "x", "y") for _ in range(MOST_RECORDS + 1)),
        "more than 10,000 records",
    ),
    (lambda: check_steps([], 2, 2), "There are 0 steps"),
    (lambda: check_steps([ONE], 6, 2), "number of guest levels is 6"),
    (lambda: check_steps([ONE], -1, 2), "number of guest levels is -1"),
    (lambda: check_steps([ONE], 2, True), "number of nested levels is True"),
    (lambda: check_steps([ONE], 2, "2"), "number of nested levels is '2'"),  # type: ignore[arg-type]
    (lambda: check_steps([ONE, replace(ONE, number=2)], 2, 2), "Step 2 is 'nested'"),
    (lambda: check_steps([ONE], 2, 1), "Step 1 is 'nested', level 1"),
    (lambda: check_steps([ONE], 1, 2), "for guest level 1"),
    (lambda: check_steps([replace(ONE, row=-2)], 2, 2), "for guest level -2"),
    (lambda: check_steps([GridStep(1, "guest", 0, 1)], 2, 2), "Step 1 is 'guest', level 0"),
    (lambda: check_steps([GridStep(1, "guest", -1, -1)], 2, 2), "for guest level -1"),
    (lambda: check_steps([GridStep(1, "host", 1, 1)], 2, 2), "Step 1 is 'host'"),
]


@pytest.mark.parametrize(("ask", "said"), REFUSED)
def test_refusals_are_one_sentence(ask: Callable[[], Any], said: str) -> None:
    with pytest.raises(RenderError, match=said) as caught:
        ask()
    sentence = str(caught.value)
    assert ":" in sentence
    assert ";" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
