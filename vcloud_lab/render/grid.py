"""A grid as aligned text and as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from unicodedata import east_asian_width

from vcloud_lab.render.scene import Grid

__all__ = ["display_width", "grid_html", "grid_text"]


def display_width(text: str) -> int:
    """How many columns of a terminal a text fills: Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def grid_text(grid: Grid, width: int = 0) -> str:
    """The table as text. Where it is wider than ``width`` (0: no limit) and turning it over makes
    it narrower, rows and columns change places."""
    lines = _lines(grid)
    if width and _width(lines) > width and _width(_lines(grid.turned())) < _width(lines):
        grid = grid.turned()
        lines = _lines(grid)
    widths = [max(map(display_width, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(_pad(*cell) for cell in zip(line, widths, grid.numeric, strict=True)).rstrip()
            for line in lines]  # fmt: skip
    rule = "  ".join("─" * wide for wide in widths)
    text.insert(1, rule)
    if grid.foot and len(text) == len(grid.rows) + 3:
        text.insert(-1, rule)
    above = [grid.caption] if grid.caption else []
    return "\n".join([*above, *text, *([grid.note] if grid.note else [])])


def _lines(grid: Grid) -> list[list[str]]:
    rows = [[grid.cell(r, c) for c in range(len(grid.header))] for r in range(len(grid.rows))]
    return [list(grid.header), *rows, *([list(grid.foot)] if grid.foot else [])]


def _width(lines: list[list[str]]) -> int:
    return sum(max(map(display_width, column)) + 2 for column in zip(*lines, strict=True)) - 2


def _pad(cell: str, width: int, right: bool) -> str:
    space = " " * (width - display_width(cell))
    return space + cell if right else cell + space


def grid_html(grid: Grid) -> str:
    """The table as HTML; every text is escaped."""
    side = [' style="text-align:right"' if right else ' style="text-align:left"'
            for right in grid.numeric]  # fmt: skip

    def line(cells: Iterable[str], row: int | None) -> str:
        made = []
        for column, cell in enumerate(cells):
            text = escape(cell)
            if (row, column) in grid.best:
                text = f"<strong>{text}*</strong>"
            if row is None or column == 0:
                scope = "col" if row is None else "row"
                made.append(f'<th scope="{scope}"{side[column]}>{text}</th>')
            else:
                made.append(f"<td{side[column]}>{text}</td>")
        return f"<tr>{''.join(made)}</tr>"

    # A screen reader announces a table by name: the caption, or else its columns.
    name = f"Table of {', '.join(grid.header)}"
    head = f'<table class="vcloud-table" aria-label="{escape(name)}">'
    if grid.caption:
        caption = f'<caption style="text-align:left">{escape(grid.caption)}</caption>'
        head = f'<table class="vcloud-table">{caption}'
    body = "".join(line(row, at) for at, row in enumerate(grid.rows))
    foot = f"<tfoot>{line(grid.foot, -1)}</tfoot>" if grid.foot else ""
    note = f"<p>{escape(grid.note)}</p>" if grid.note else ""
    return (
        f"{head}<thead>{line(grid.header, None)}</thead><tbody>{body}</tbody>{foot}</table>{note}"
    )
