"""The pieces of a plotly figure: arrays, layout, table, texts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from vcloud_lab.render.scene import Grid
from vcloud_lab.render.theme import FONT, LIGHT

if TYPE_CHECKING:  # numpy.typing is slow to import and only read by type checkers
    import numpy.typing as npt

__all__ = [
    "LABEL",
    "LINE",
    "array",
    "config",
    "fitted",
    "label_text",
    "layout",
    "lines_of",
    "packed",
    "plain",
    "table",
    "table_height",
    "wrapped",
]

LISTED = 120
"""Longer arrays are packed: shorter ones stay readable in a notebook's differences."""

LABEL, LINE = 18, 15  # characters in a line of a label, pixels a line


def array(values: Sequence[float]) -> list[float] | dict[str, str]:
    """Numbers for plotly: a list, or base64 of little-endian 64-bit floats where there are many."""
    if len(values) <= LISTED:
        return [int(value) if value == int(value) else round(value, 6) for value in values]
    packed = np.asarray(values, "<f8")
    small = packed.astype("<i4")
    if np.array_equal(small, packed):
        return {"dtype": "i4", "bdata": b64encode(small.tobytes()).decode()}
    return {"dtype": "f8", "bdata": b64encode(packed.tobytes()).decode()}


def packed(values: npt.ArrayLike) -> dict[str, str]:
    """Numbers as plotly's typed array, in the smallest type that holds them all exactly."""
    column = np.asarray(values)
    if column.dtype.kind == "f" and (np.abs(column) < 2**31).all():
        whole = column.astype(np.int64)
        column = whole if np.array_equal(whole, column) else column
    kinds = ("u1", "i2", "i4") if column.dtype.kind == "i" else ()
    low, high = (int(column.min()), int(column.max())) if kinds and len(column) else (0, 0)
    fits = (kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    kind = next(fits, "f8")
    little_endian = column.astype(np.dtype(kind).newbyteorder("<"))
    return {"dtype": kind, "bdata": b64encode(little_endian.tobytes()).decode()}


def plain(words: str) -> str:
    """A text that plotly shows as it is."""
    return escape(words, quote=False)


def wrapped(words: str, width: int = 60) -> str:
    """A text in lines of at most ``width`` characters, for tooltips and captions."""
    return "<br>".join(plain(line) for line in wrap(words, width))


def config() -> dict[str, Any]:
    """No logo, and no button that sends a chart to a server.

    Not plotly's "responsive": JupyterLab fits a chart to the window itself, and both at once shrink
    it to the height of the cell's number.
    """
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
    }


def layout(sentence: str, height: int, xlabel: str, below: int = 0) -> dict[str, Any]:
    """Light paper and dark ink in every theme, the sentence on top, the legend beneath it.

    ``below`` pixels at the bottom are left free for a table.
    """
    lines = wrapped(sentence, 105)
    more = lines.count("<br>")
    top = 54 + 17 * more
    height += top
    ink = {"color": LIGHT.ink, "size": 12, "family": FONT}
    line = {"linecolor": LIGHT.ink, "gridcolor": LIGHT.grid, "zeroline": False}
    return {
        "height": height,
        "margin": {"l": 20, "r": 24, "t": top, "b": 12 + below},
        "paper_bgcolor": LIGHT.paper,
        "plot_bgcolor": LIGHT.paper,
        "font": ink,
        "title": {"text": lines, "font": {"size": 13}, "x": 0.01, "xanchor": "left",
                  "y": 1 - (12 + 8.5 * more) / height, "yanchor": "top", "yref": "container"},
        "hoverlabel": {"bgcolor": LIGHT.paper, "font": ink, "align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "paper", "yanchor": "bottom"},
        "xaxis": {**line, "title": {"text": plain(xlabel), "standoff": 6}, "showline": True,
                  "ticks": "outside", "separatethousands": True, "exponentformat": "none",
                  "automargin": True},
        "yaxis": {**line, "automargin": True},
    }  # fmt: skip


def fitted(grid: Grid) -> Grid:
    """The table with few columns, so that none is cut off in a narrow window."""
    return grid.turned() if len(grid.rows) < len(grid.header) - 1 else grid


def lines_of(labels: Iterable[str]) -> int:
    """How many lines the longest of some labels takes."""
    return max(label_text(label).count("<br>") for label in labels) + 1


def label_text(label: str) -> str:
    """A label in lines, so that a long one does not take the room of the chart."""
    return wrapped(label, LABEL)


def table_height(grid: Grid) -> int:
    """The pixels that the table, its note and the space above need."""
    head = LINE * lines_of(grid.header) + 16
    body = sum(LINE * lines_of(row[:1]) + 16 for row in grid.rows)
    return head + body + 40


def table(grid: Grid, below: int, made: dict[str, Any]) -> dict[str, Any]:
    """The table trace for the lowest ``below`` pixels; the margin of ``made`` gives way to it."""
    height, margin = made["height"], made["margin"]
    margin["b"] = 10
    room = height - margin["t"] - margin["b"]
    made["yaxis"]["domain"] = [round((below + 50) / room, 4), 1]
    # Plain cells have a span because plotly sets text with markup a pixel lower than text without.
    cells = [
        [f"<b>{label_text(grid.cell(row, column))}</b>" if (row, column) in grid.best
         else f"<span>{label_text(grid.rows[row][column])}</span>"
         for row in range(len(grid.rows))]
        for column in range(len(grid.header))
    ]  # fmt: skip
    if grid.note:
        made["annotations"] = [
            {"text": plain(grid.note), "x": 0, "y": 0, "xref": "paper", "yref": "paper",
             "xanchor": "left", "yanchor": "bottom", "showarrow": False,
             "font": {"color": LIGHT.muted}}
        ]  # fmt: skip
    line = {"color": LIGHT.grid}
    align = ["right" if right else "left" for right in grid.numeric]
    return {
        "type": "table",
        "domain": {"y": [round(24 / room, 4), round((below - 6) / room, 4)]},
        "header": {"values": [f"<b>{label_text(name)}</b>" for name in grid.header],
                   "align": align, "fill": {"color": "#eef1f4"}, "line": line,
                   "height": LINE * lines_of(grid.header) + 16},
        "cells": {"values": cells, "align": align, "fill": {"color": LIGHT.paper}, "line": line,
                  "height": LINE + 15},
    }  # fmt: skip
