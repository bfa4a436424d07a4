"""Curves over a common x: the result of a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import isfinite
from typing import Any

from vcloud_lab.errors import RenderError
from vcloud_lab.render.axis import count, number
from vcloud_lab.render.chart import Chart
from vcloud_lab.render.scene import Curve, Grid, Plot
from vcloud_lab.scheduling.numbers import Time, exact

__all__ = ["lines"]

MOST_CURVES = 8
MOST_POINTS = 2000
MOST_LINES = 40


def lines(
    x: Iterable[Any],
    curves: Mapping[str, Iterable[Any]],
    *,
    xlabel: str = "x",
    ylabel: str = "y",
    title: str = "",
) -> Chart:
    """Named curves of y values over common, increasing x values.

    Curves differ in dash and marker as well as in colour. Raises ``RenderError`` for values that
    are not finite numbers, curves of another length than ``x``, x values that do not increase, no
    curves or more than eight, and more than 2,000 points.
    """
    across = _numbers(x, "x")
    named = {str(name): _numbers(values, str(name)) for name, values in curves.items()}
    if not 1 <= len(named) <= MOST_CURVES:
        raise RenderError(
            f"{len(named)} curves were given: 1 to {MOST_CURVES} can be told apart; choose some."
        )
    if not 1 <= len(across) <= MOST_POINTS:
        raise RenderError(
            f"The curves have {len(across):,} points: 1 to {MOST_POINTS:,} can be drawn; "
            "thin them out, for example x[::10]."
        )
    for name, values in named.items():
        if len(values) != len(across):
            raise RenderError(
                f"The curve {name!r} has {len(values)} values and x has {len(across)}: both need "
                "the same number; give one y for every x."
            )
    falling = next((b for a, b in pairwise(across) if b <= a), None)
    if falling is not None:
        raise RenderError(
            f"The x value {number(falling)} is not above the one before it: x must increase; "
            "sort the points."
        )
    lows = [f"{name} is lowest at {number(across[(at := _lowest(values))])} ({number(values[at])})"
            for name, values in named.items()]  # fmt: skip
    sentence = (
        f"{title + ': ' if title else ''}{ylabel} against {xlabel}, {number(across[0])} to "
        f"{number(across[-1])}: {'; '.join(lows)}."
    )
    drawn = tuple(Curve(name, tuple(map(float, values))) for name, values in named.items())
    grid = _grid(xlabel, across, named)
    return Chart(Plot(title, sentence, tuple(map(float, across)), drawn, xlabel, ylabel, grid))


def _lowest(values: list[Time]) -> int:
    return values.index(min(values))


def _numbers(values: Iterable[Any], what: str) -> list[Time]:
    read = []
    for value in values:
        if isinstance(value, float) and not isfinite(value):
            raise RenderError(
                f"A value of {what!r} is {value}: only finite numbers have a place on an axis; "
                "leave the point out."
            )
        read.append(exact(value, f"A value of {what!r}", RenderError))
    return read


def _grid(xlabel: str, x: list[Time], curves: dict[str, list[Time]]) -> Grid:
    shown = len(x) if len(x) <= MOST_LINES else MOST_LINES
    rows = tuple(tuple(map(number, row)) for row in zip(x, *curves.values(), strict=True))[:shown]
    left_out = f"The first {shown} of {count(len(x), 'point')}."
    return Grid(
        "",
        (xlabel, *curves),
        rows,
        (True,) * (1 + len(curves)),
        note=left_out if shown < len(x) else "",
    )
