"""The picture of a two-dimensional page walk: guest levels down, nested levels across.

Every address in a table of the guest is one of the guest's physical addresses: before the entry can
be read, the nested tables translate it. The order of the reads runs through the grid row by row.

Source: The RISC-V Instruction Set Manual, volume II, "Two-Stage Address Translation".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vcloud_lab.errors import RenderError
from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import Picture, finish, line, rect

__all__ = ["MOST_LEVELS", "GridStep", "check_steps", "two_dim_walk"]

MOST_LEVELS = 5
LEFT, TOP, TALL = 190.0, 34, 46


@dataclass(frozen=True)
class GridStep:
    """One entry that was read, the ``number``-th of the walk.

    ``dimension`` is "guest" or "nested", ``level`` the entry's level there. ``row`` is the guest
    level that the read serves, -1 where it serves the address of the data. ``text`` says more.
    """

    number: int
    dimension: str
    level: int
    row: int
    text: str = ""


def check_steps(steps: Iterable[GridStep], guest: int, nested: int) -> tuple[GridStep, ...]:
    """The steps, if they fit into a grid of so many levels.

    Raises ``RenderError`` for numbers of levels that are not from 0 to 5, for a step outside of the
    grid, for two at one place, and for none.
    """
    for what, levels in (("guest", guest), ("nested", nested)):
        if (
            isinstance(levels, bool)
            or not isinstance(levels, int)
            or not 0 <= levels <= MOST_LEVELS
        ):
            raise RenderError(
                f"The number of {what} levels is {levels!r}: page tables have 0 to {MOST_LEVELS}; "
                "try 2."
            )
    found: dict[tuple[int, int], GridStep] = {}
    for step in steps:
        of_guest = step.dimension == "guest" and step.row in range(guest) and step.level == step.row
        of_nested = step.dimension == "nested" and step.row in range(-1, guest)
        good = of_guest or (of_nested and step.level in range(nested))
        place = _place(step, guest, nested) if good else (0, 0)
        if not good or place in found:
            raise RenderError(
                f"Step {step.number!r} is {step.dimension!r}, level {step.level!r}, for guest "
                f"level {step.row!r}: a walk over {guest} × {nested} levels reads no such entry, "
                "or has read it before; give the steps of one walk."
            )
        found[place] = step
    if not found:
        raise RenderError("There are 0 steps: nothing can be shown; give at least one.")
    return tuple(found.values())


def two_dim_walk(
    steps: Sequence[GridStep], guest: int, nested: int, at: int, ending: str = ""
) -> Picture:
    """Draw the grid with the first steps up to place ``at``, which is marked.

    Levels count down to 0. ``ending`` is a sentence that belongs to the last step.
    """
    wide = min(120.0, (parts.WIDTH - 12 - LEFT) / (nested + 1))
    drawn = [parts.text(10, TOP - 12, "sought ↓   level read →", "m")]
    places = [_place(step, guest, nested) for step in steps]
    for column in range(nested + 1):
        name = f"nested {nested - 1 - column}" if column < nested else "guest"
        drawn.append(parts.text(LEFT + wide * (column + 0.5), TOP - 12, name, "a b"))
    for row in range(guest + 1):
        y = TOP + TALL * row
        level = guest - 1 - row
        name = f"Guest table, level {level}" if row < guest else "Address of the data"
        drawn.append(parts.text(10, y + 18, name, "b"))
        what = "guest- to host-physical"
        drawn.append(parts.text(10, y + 34, what, "m"))
        for column in range(nested + 1):
            if (row, column) not in [(guest, nested), *places[: at + 1]]:
                drawn.append(rect("z", LEFT + wide * column + 3, y + 3, wide - 6, TALL - 6))
    x = LEFT + wide * (nested + 0.5)
    drawn.append(parts.text(x, TOP + TALL * guest + TALL / 2 + 4, "data", "a m"))
    for number in range(at + 1):
        drawn += _cell(steps[number], *places[number], wide, now=number == at)
    for (row, column), (next_row, next_column) in pairwise(places[: at + 1]):
        drawn.append(_link(row, column, next_row, next_column, wide))
    height = TOP + TALL * (guest + 1) + 28
    most = (guest + 1) * (nested + 1) - 1
    words = f"{at + 1} of {len(steps)} entries read; {guest} × {nested} levels need at most {most}."
    drawn.append(parts.text(10, height - 10, words))
    sentence = _sentence(steps, at, ending)
    rows = [*_rows(steps, places, guest, nested, at), words]
    return finish("A page walk in two dimensions", sentence, height, drawn, rows)


def _place(step: GridStep, guest: int, nested: int) -> tuple[int, int]:
    """Row and column, from 0."""
    column = nested if step.dimension == "guest" else nested - 1 - step.level
    return guest - 1 - step.row, column


def _cell(step: GridStep, row: int, column: int, wide: float, *, now: bool) -> list[str]:
    x, y = LEFT + wide * column + 3, TOP + TALL * row + 3
    name = parts.text(x + wide / 2 - 3, y + 25, str(step.number), "a b" if now else "a")
    return [rect("y v" if now else "o v", x, y, wide - 6, TALL - 6), name]


def _link(row: int, column: int, next_row: int, next_column: int, wide: float) -> str:
    """A short arrow between neighbours; the start of a new row needs none."""
    if next_row != row or next_column != column + 1:
        return ""
    x, y = parts.short(LEFT + wide * (column + 1) - 6), TOP + TALL * (row + 0.5)
    return line("p", f"M{x} {y}h12m-4-4l4 4-4 4")


def _sentence(steps: Sequence[GridStep], at: int, ending: str) -> str:
    step = steps[at]
    said = f"Read {step.number} is the {step.dimension} entry of level {step.level}"
    if step.dimension == "nested":
        what = f"the guest's entry of level {step.row}" if step.row >= 0 else "the data"
        said += f", to find where {what} lies"
    more = ending if at == len(steps) - 1 else ""
    return " ".join(filter(None, [f"{said}.", step.text, more]))


def _rows(
    steps: Sequence[GridStep], places: Sequence[tuple[int, int]], guest: int, nested: int, at: int
) -> list[str]:
    """The twin: the grid of order numbers; [ ] is now, · was not read."""
    numbers = {
        place: f" {step.number} " for step, place in zip(steps[:at], places[:at], strict=True)
    }
    numbers[places[at]] = f"[{steps[at].number}]"
    heads = [f"nested {nested - 1 - column}" for column in range(nested)] + ["guest"]
    rows = [f"{'':20}" + "".join(f"{head:>10}" for head in heads)]
    for row in range(guest + 1):
        name = f"guest level {guest - 1 - row}" if row < guest else "data"
        cells = [numbers.get((row, column), " · ") for column in range(nested + 1)]
        if row == guest:
            cells[nested] = "data"
        rows.append(f"{name:20}" + "".join(f"{cell:>10}" for cell in cells))
    return rows
