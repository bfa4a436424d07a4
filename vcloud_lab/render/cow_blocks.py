"""The picture of copy-on-write blocks: disks, snapshots and backing disks as rows of cells."""

from __future__ import annotations

from dataclasses import dataclass

from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import Picture, finish, rect
from vcloud_lab.render.theme import colour_of, ink_on

__all__ = ["MOST_BLOCKS", "MOST_ROWS", "BlockRow", "Cell", "CowView", "cow_blocks"]

MOST_BLOCKS, MOST_ROWS = 24, 14
GUTTER, RIGHT, TOP, ROW = 178.0, 754.0, 34, 30
KEYS = {
    "own": "A  held by this row alone",
    "shared": "A  shared, stored once",
    "through": "a  seen in the disk beneath",
    "zero": "0  zeros, not stored",
}


@dataclass(frozen=True)
class Cell:
    """One block as a row has it: ``kind`` is "own", "shared", "through", "zero" or "none" (nothing
    was ever written); ``name`` is the letter of its contents, ``number`` the place of the letter.
    """

    kind: str
    name: str = ""
    number: int = 0


@dataclass(frozen=True)
class BlockRow:
    """A disk or a snapshot; ``depth`` is how far its name is set in."""

    label: str
    cells: tuple[Cell, ...]
    depth: int = 0


@dataclass(frozen=True)
class CowView:
    """``rows`` of at most 24 blocks from number ``first`` on; ``source`` says where each block is
    read from, ``counters`` is a line of figures, ``left_out`` what there was no room for."""

    sentence: str
    first: int
    rows: tuple[BlockRow, ...]
    source: tuple[str, ...]
    counters: str
    left_out: str = ""
    marked: int | None = None


def cow_blocks(view: CowView) -> Picture:
    """Draw it."""
    wide = min(56.0, (RIGHT - GUTTER) / max(1, len(view.source)))
    bottom = TOP + ROW * len(view.rows)
    drawn = []
    every = -(-(parts.CHARACTER * len(str(view.first + len(view.source))) + 4) // wide)
    for at in range(len(view.source)):
        x = GUTTER + wide * (at + 0.5)
        bold = "a b" if view.first + at == view.marked else "a m"
        if (view.first + at) % every == 0:
            drawn.append(parts.text(x, TOP - 10, str(view.first + at), bold))
        drawn.append(parts.text(x, bottom + 20, view.source[at], "a"))
    drawn.append(parts.text(10, TOP - 10, "block", "m"))
    drawn.append(parts.text(10, bottom + 20, "read from (0: the top)", "m"))
    for at, row in enumerate(view.rows):
        y = TOP + ROW * at
        label = parts.fit(row.label, GUTTER - 22 - 12 * row.depth)
        drawn.append(parts.text(10 + 12 * row.depth, y + 18, label, "" if row.depth else "b"))
        for place, cell in enumerate(row.cells):
            drawn += _cell(cell, GUTTER + wide * place, y, wide)
    if view.marked is not None and 0 <= view.marked - view.first < len(view.source):
        x = GUTTER + wide * (view.marked - view.first)
        drawn.append(rect("y", x, TOP - 2, wide, ROW * len(view.rows)))
    drawn.append(parts.text(10, bottom + 46, view.counters))
    drawn += _legend(bottom + 72)
    height = bottom + 84
    if view.left_out:
        drawn.append(parts.text(10, bottom + 94, view.left_out, "m"))
        height += 22
    return finish("Copy-on-write blocks", view.sentence, height, drawn, _rows(view), "/")


def _cell(cell: Cell, x: float, y: float, wide: float) -> list[str]:
    """A block: outline, hatch and letter say what its colour says."""
    left, room, tall = x + 1.5, wide - 3, ROW - 7
    middle, base = x + wide / 2, y + 16
    if cell.kind == "none":
        return [parts.text(middle, base, "·", "a m")]
    if cell.kind == "zero":
        return [rect("z", left, y, room, tall), parts.text(middle, base, "0", "a")]
    if cell.kind == "through":
        dashes = ' stroke-dasharray="3 2"'
        name = parts.text(middle, base, cell.name.lower(), "a m")
        return [rect("z", left, y, room, tall, dashes), name]
    colour = colour_of(cell.number)
    drawn = [rect("r", left, y, room, tall, f' fill="{colour}"')]
    halo = ""
    if cell.kind == "shared":
        drawn.append(rect("h", left, y, room, tall, ' fill="url(#h1KEY)"'))
        drawn.append(rect("o", left, y, room, tall, ' stroke-width="3"'))
        halo = f' stroke="{colour}"'
    kind = "a t u" if halo else "a t"
    name = parts.fit(cell.name, wide)
    return [*drawn, parts.text(middle, base, name, kind, f' fill="{ink_on(colour)}"{halo}')]


def _legend(y: int) -> list[str]:
    drawn, x = [], 10.0
    for kind, words in KEYS.items():
        letter, meaning = words.split("  ")
        drawn += _cell(Cell(kind, letter.upper()), x, y - 16, 24)
        drawn.append(parts.text(x + 29, y, meaning, "m"))
        x += 44 + 6.3 * len(meaning)
    return drawn


def _rows(view: CowView) -> list[str]:
    """The twin: A is held by the row alone, A+ is shared, (a) is seen beneath, 0 zeros."""
    looks = {"own": "{}", "shared": "{}+", "through": "({})", "zero": "0", "none": "·"}
    lines = [("block", [str(view.first + at) for at in range(len(view.source))])]
    for row in view.rows:
        cells = [
            looks[cell.kind].format(cell.name.lower() if cell.kind == "through" else cell.name)
            for cell in row.cells
        ]
        lines.append(("  " * row.depth + row.label, cells))
    lines.append(("read from", list(view.source)))
    label = max(len(name) for name, _ in lines)
    wide = max((len(cell) for _, cells in lines for cell in cells), default=1)
    rows = [
        f"{name:{label}}  {' '.join(f'{cell:>{wide}}' for cell in cells)}".rstrip()
        for name, cells in lines
    ]
    return [*rows, "A: held by this row alone, A+: shared, (a): seen beneath, 0: zeros",
            view.counters, *([view.left_out] if view.left_out else [])]  # fmt: skip
