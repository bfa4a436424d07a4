"""The pieces of a plotly figure: arrays, layout, table, texts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np

from vcloud_lab.render.scene import Grid
from vcloud_lab.render.theme import FONT, LIGHT

__all__ = ["array", "config", "layout", "plain", "table", "wrapped"]

LISTED = 120
"""Longer arrays are packed: shorter ones stay readable in a notebook's differences."""


def array(values: Sequence[float]) -> list[float] | dict[str, str]:
    """Numbers for plotly: a list, or base64 of little-endian 64-bit floats where there are many."""
    if len(values) <= LISTED:
        return [int(value) if value == int(value) else round(value, 6) for value in values]
    packed = np.asarray(values, "<f8")
    small = packed.astype("<i4")
    if np.array_equal(small, packed):
        return {"dtype": "i4", "bdata": b64encode(small.tobytes()).decode()}
    return {"dtype": "f8", "bdata": b64encode(packed.tobytes()).decode()}


def plain(words: str) -> str:
    """A text that plotly shows as it is."""
    return escape(words, quote=False)


def wrapped(words: str, width: int = 60) -> str:
    """A text in lines of at most ``width`` characters, for tooltips and captions."""
    return "<br>".join(plain(line) for line in wrap(words, width))


def config() -> dict[str, Any]:
    """No logo, and no button that sends a chart to a server."""
    return {
        "displaylogo": False,
        "responsive": True,
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


def table(grid: Grid, below: int, made: dict[str, Any]) -> dict[str, Any]:
    """The table trace for the lowest ``below`` pixels; the margin of ``made`` gives way to it."""
    height, margin = made["height"], made["margin"]
    margin["b"] = 10
    room = height - margin["t"] - margin["b"]
    made["yaxis"]["domain"] = [round((below + 50) / room, 4), 1]
    # Plain cells have a span because plotly sets text with markup a pixel lower than text without.
    cells = [
        [_best(grid.cell(row, column)) if (row, column) in grid.best
         else f"<span>{plain(grid.rows[row][column])}</span>" for row in range(len(grid.rows))]
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
        "columnwidth": [max(1.4, 0.11 * max(len(row[0]) for row in grid.rows)),
                        *(1 for _ in grid.header[1:])],
        "header": {"values": [f"<b>{plain(name)}</b>" for name in grid.header], "align": align,
                   "fill": {"color": "#eef1f4"}, "line": line, "height": 28},
        "cells": {"values": cells, "align": align, "fill": {"color": LIGHT.paper}, "line": line,
                  "height": 28},
    }  # fmt: skip


def _best(cell: str) -> str:
    return f"<b>{plain(cell)}</b>"
