"""Back end: a scene in characters."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from vcloud_lab.render.axis import number, ticks, units
from vcloud_lab.render.grid import display_width, grid_text
from vcloud_lab.render.scene import Bar, Lane, Scene
from vcloud_lab.scheduling.numbers import Time, denominator

__all__ = ["WIDTH", "draw"]

WIDTH = 80
MOST_NAMED = 12
INK = {"run": "█", "wait": "·", "io": "~", "idle": "░", "switch": "▓"}
WORDS = {
    "run": "█ running",
    "wait": "· waiting",
    "io": "~ I/O",
    "idle": "░ idle",
    "switch": "▓ switching",
}


def draw(scene: Scene) -> str:
    """Rows of characters under a ruler, at most 80 columns where names are short."""
    names = ("CPU", *(lane.label for lane in scene.lanes))  # at least the room for "time"
    gutter = min(max(map(display_width, names)), 32) + 2
    columns, scale = _scale(scene, WIDTH - gutter - 1)
    places = {edge: _column(edge, scene, scale) for edge in ticks(scene.start, scene.end, 8)}
    lines = [_labels(places, columns, gutter), _ruler(places, columns, gutter)]
    for lane in scene.lanes:
        drawn = _sequence if lane.sequence else _row
        lines.append(
            _fit(lane.label, gutter) + "".join(drawn(lane, scene, columns, scale)).rstrip()
        )
    if scene.at is not None:
        at = min(_column(scene.at, scene, scale), columns)
        lines.append(" " * (gutter + at) + f"▲ {number(scene.at)}")
    kinds = [
        WORDS[kind] for kind in WORDS if kind in scene.kinds and (kind != "run" or _rows(scene))
    ]
    note = [] if scale >= 1 else [f"1 column = {number(1 / scale)} {units(scene.unit)}, so short "
                                  "bars may be missing"]  # fmt: skip
    legend = "   ".join(kinds)
    legend += (("   " if len(legend) < 30 else "\n") if legend and note else "") + "".join(note)
    parts = ["\n".join([scene.sentence, *lines, *([legend] if legend else [])])]
    if (exact := _boundaries(scene)) is not None:
        parts[0] += "\n" + exact
    if scene.grid is not None:
        parts.append(grid_text(scene.grid, WIDTH))
    return "\n\n".join(parts)


def _rows(scene: Scene) -> bool:
    return any(not lane.sequence for lane in scene.lanes)


def _scale(scene: Scene, room: int) -> tuple[int, Fraction]:
    """The number of columns and how many of them a unit of time gets.

    Whole columns a tick where they fit (at most four), else a round number of units a column.
    """
    span = scene.end - scene.start
    times = [scene.start, *(edge for lane in scene.lanes for bar in lane.bars
                            for edge in (bar.start, bar.end))]  # fmt: skip
    tick = Fraction(1, denominator(times))
    fits = floor(room * tick / span)
    scale = min(fits, 4) / tick if fits else 1 / _round_up(Fraction(span) / room)
    return ceil(span * scale), Fraction(scale)


def _round_up(value: Fraction) -> Fraction:
    """The next number of two digits, or of one below 10."""
    power = Fraction(1)
    while value / power >= 100:
        power *= 10
    while value / power < 1:
        power /= 10
    return ceil(value / power) * power


def _column(time: Time, scene: Scene, scale: Fraction) -> int:
    return floor((time - scene.start) * scale)


def _labels(places: dict[Time, int], columns: int, gutter: int) -> str:
    line = ""
    for time, place in places.items():
        text = number(time)
        at = gutter + place
        if at >= len(line) + (2 if line else 0):
            line = line.ljust(at) + text
    return "time".ljust(gutter) + line[gutter:]


def _ruler(places: dict[Time, int], columns: int, gutter: int) -> str:
    marks = ["─"] * (columns + 1)
    for place in places.values():
        marks[min(place, columns)] = "┬"
    return " " * gutter + "".join(marks)


def _row(lane: Lane, scene: Scene, columns: int, scale: Fraction) -> list[str]:
    """A job's row: each column shows what fills most of it."""
    cells = [" "] * columns
    filled = [Fraction(0)] * columns
    for bar in lane.bars:
        low, high = (bar.start - scene.start) * scale, (bar.end - scene.start) * scale
        for column in range(floor(low), min(ceil(high), columns)):
            share = min(high, Fraction(column + 1)) - max(low, Fraction(column))
            if share > filled[column]:
                cells[column], filled[column] = INK[bar.kind], share
    return cells


def _sequence(lane: Lane, scene: Scene, columns: int, scale: Fraction) -> list[str]:
    """The row of a CPU: a stroke where a slice begins, then its job's name where it fits."""
    cells = _row(Lane("", tuple(b for b in lane.bars if b.kind != "run")), scene, columns, scale)
    for bar in lane.bars:
        if bar.kind != "run":
            continue
        low = _column(bar.start, scene, scale)
        room = min(_column(bar.end, scene, scale), columns) - low
        name, wide = bar.label, display_width(bar.label)
        # A name that just fits does without its stroke.
        shown = f"│{name}" if wide < room else name if wide == room else "│"
        cells[low : low + room] = list(shown + " " * (room - display_width(shown)))[:room]
    last = max((_column(b.end, scene, scale) for b in lane.bars), default=0)
    return [*cells[:last], "│"] if lane.bars else cells


def _boundaries(scene: Scene) -> str | None:
    """The exact slices of a single CPU row where they are few."""
    rows = [lane for lane in scene.lanes if lane.sequence]
    if scene.grid is None and len(rows) == 1 and len(rows[0].bars) <= MOST_NAMED:
        return " | ".join(f"{_what(bar)} {number(bar.start)}-{number(bar.end)}"
                          for bar in rows[0].bars)  # fmt: skip
    return None


def _what(bar: Bar) -> str:
    return bar.label if bar.kind == "run" else bar.kind


def _fit(label: str, gutter: int) -> str:
    while display_width(label) > gutter - 2:
        label = label[:-2] + "…"
    return label + " " * (gutter - display_width(label))
