"""The picture of a trap's way to the VMM and back: four lanes, time runs downwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from vcloud_lab.errors import RenderError
from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import Picture, finish, line, rect

__all__ = ["LANES", "MOST_RECORDS", "Record", "read_records", "trap_trip"]

LANES = ("guest user", "guest kernel", "VMM", "hardware")
HEADS = ("Guest process", "Guest kernel", "VMM", "Hardware, devices")
MOST_RECORDS = 10_000
ROWS = 12
LEFT, TOP, ROW, WIDE = 62.0, 52, 34, 172.0


@dataclass(frozen=True)
class Record:
    """Who has control, and what happens: ``step`` is a number or a word to show at its side."""

    step: str
    where: str
    title: str
    text: str


def read_records(records: Iterable[Sequence[Any]]) -> tuple[Record, ...]:
    """Records from ``(step, where, title, text)``; ``where`` is one of ``LANES``.

    Raises ``RenderError`` for anything else, for none at all, and for more than 10,000.
    """
    found = []
    for place, record in enumerate(records):
        if place == MOST_RECORDS:
            raise RenderError(
                f"There are more than {MOST_RECORDS:,} records: nobody steps through so many; give "
                "a part of them."
            )
        if isinstance(record, str) or not isinstance(record, Sequence) or len(record) != 4:
            raise RenderError(
                f"Record {place} is {record!r}: (step, where, title, text) is needed; write for "
                "example (0, 'guest user', 'ecall', 'The process asks for a service.')."
            )
        step, where, title, text = record
        if where not in LANES:
            raise RenderError(
                f"Record {place} is at {where!r}: it must be one of "
                f"{', '.join(map(repr, LANES))}; choose one of them."
            )
        found.append(Record(str(step), where, str(title), str(text)))
    if not found:
        raise RenderError("There are 0 records: nothing can be shown; give at least one.")
    return tuple(found)


def trap_trip(records: Sequence[Record], at: int) -> Picture:
    """Draw the records around number ``at``, where control is now; later ones are faint."""
    here = records[at]
    first = min(max(0, at - ROWS // 2), max(0, len(records) - ROWS))
    shown = range(first, min(len(records), first + ROWS))
    bottom = TOP + ROW * len(shown)
    drawn = [parts.text(8, 20, "step", "m")]
    for lane, name in enumerate(HEADS):
        x = LEFT + WIDE * lane
        if LANES[lane] == here.where:
            drawn.append(rect("v", x + 4, 6, WIDE - 8, 20))
        drawn.append(parts.text(x + WIDE / 2, 20, name, "a b"))
        drawn.append(line("g", f"M{parts.short(x + WIDE / 2)} 30V{bottom + 4}"))
    centres = [LEFT + WIDE * (LANES.index(records[row].where) + 0.5) for row in shown]
    for place, row in enumerate(shown):
        y = TOP + ROW * place
        if place:
            drawn.append(_arrow(centres[place - 1], centres[place], y, future=row > at))
        drawn += _box(records[row], centres[place], y, at=at, row=row)
    if shown[-1] < len(records) - 1 or first:
        words = f"records {shown[0]} to {shown[-1]} of {len(records) - 1} are shown"
        drawn.append(parts.text(8, bottom + 16, words, "m"))
        bottom += 22
    sentence = f"In the {here.where}: {here.title}. {here.text}".strip()
    if here.where == "hardware":
        sentence = sentence.replace("In the hardware", "The hardware", 1)
    elif here.where != "VMM":
        sentence = sentence.replace("In the guest user", "In the guest's process", 1)
        sentence = sentence.replace("In the guest kernel", "In the guest's kernel", 1)
    title = "The way of a trap"
    return finish(title, sentence, int(bottom) + 8, drawn, _rows(records, shown, at))


def _arrow(start: float, end: float, y: float, *, future: bool) -> str:
    """From the box above, past the lanes between, to the top of the box at ``y``."""
    a, b = parts.short(start), parts.short(end)
    turn = y - 8
    path = f"M{a} {turn - 4}V{turn}H{b}V{y - 1}M{parts.short(end - 4)} {y - 6}L{b} {y - 1}"
    path += f"L{parts.short(end + 4)} {y - 6}"
    return f'<path class="p" d="{path}"{_faint(future)}/>'


def _faint(future: bool) -> str:
    return ' stroke-dasharray="2 3" stroke-opacity=".6"' if future else ""


def _box(record: Record, centre: float, y: float, *, at: int, row: int) -> list[str]:
    left, tall = centre - WIDE / 2 + 5, ROW - 12
    kind = "z" if row > at else "y v" if row == at else "o v"
    drawn = [rect(kind, left, y, WIDE - 10, tall, _faint(row > at))]
    title = parts.fit(record.title, WIDE - 14)
    drawn.append(parts.text(centre, y + 15, title, "a b" if row == at else "a"))
    step = parts.fit(record.step, LEFT - 12)
    drawn.append(parts.text(8, y + 15, step, "b" if row == at else "m"))
    return drawn


def _rows(records: Sequence[Record], shown: range, at: int) -> list[str]:
    """The twin: a list, set in by the lane; ``>`` is where control is."""
    rows = ["guest user, guest kernel, VMM and hardware are set in further and further"]
    for row in shown:
        record = records[row]
        inset = "    " * LANES.index(record.where)
        words = f"{record.where}: {record.title}"
        rows.append(f"{'>' if row == at else ' '} {record.step:>6} {inset}{words}")
        if row == at and record.text:
            pad = " " * (9 + len(inset))
            rows.append(fill(record.text, 80, initial_indent=pad, subsequent_indent=pad))
    return rows
