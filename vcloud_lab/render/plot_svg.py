"""Back end: a plot as SVG."""

from __future__ import annotations

from fractions import Fraction
from zlib import crc32

from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.axis import number, ticks
from vcloud_lab.render.scene import Curve, Plot
from vcloud_lab.render.theme import CURVES
from vcloud_lab.scheduling.numbers import exact

__all__ = ["DASHES", "draw", "y_range"]

HEIGHT = 260
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4", "4 2", "1 4", "9 2 2 2 2 2")
MARKS = ("M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z", "M-3.5-3.5h7v7h-7z", "M0-5 5 4H-5z",
         "M0-5 5 0 0 5-5 0z", "M-4-4 4 4M-4 4 4-4", "M0-5V5M-5 0H5", "M0 5 5-4H-5z",
         "M-5-2h10v4h-10z")  # fmt: skip


def draw(plot: Plot) -> str:
    """Axes, dashed curves with markers, and a legend of names."""
    low, high = y_range(plot)
    marks = ticks(exact(low, "y"), exact(high, "y"), 6)
    left = 34 + parts.CHARACTER * max(len(number(mark)) for mark in marks)
    span = plot.x[-1] - plot.x[0] or 1.0
    across = parts.Frame(plot.x[0], plot.x[0] + span, left, parts.WIDTH - 18)
    legend = 0 if plot.curves[0].step else 20 * len(plot.curves)
    top = 14
    up = parts.Frame(low, high, top + HEIGHT, top)
    body = [_axes(plot, across, up, marks)]
    for at, curve in enumerate(plot.curves):
        draw_one = _step if curve.step else _curve
        body.append(draw_one(plot, curve, at, across, up))
    for name, level in plot.levels:
        y = up.x(level)
        body.append(f'<path class="l" stroke-dasharray="5 4" d="M{left:g} {parts.short(y)}'
                    f'H{parts.WIDTH - 18}"/>')  # fmt: skip
        body.append(parts.text(parts.WIDTH - 22, y - 4, name, "e b q"))
    bottom = top + HEIGHT + 44
    if legend:
        for at, curve in enumerate(plot.curves):
            y = bottom + 20 * at + 8
            body.append(_line(at, f"M{left:g} {y}h34") + _mark(at, left + 17, y))
            body.append(parts.text(left + 44, y + 4, curve.name))
    key = f"{crc32(repr(plot).encode()):x}"
    return parts.element(plot.sentence, plot.title, bottom + legend + 4, key, [], body)


def y_range(plot: Plot) -> tuple[float, float]:
    """From 0 (or below) to a little above the highest value, so that curves are not cut."""
    values = [y for curve in plot.curves for y in curve.y] + [y for _, y in plot.levels]
    low, high = min(0.0, *values), max(0.0, *values)
    return low, high + (high - low or 1.0) * 0.06


def _axes(plot: Plot, across: parts.Frame, up: parts.Frame, marks: list[Fraction | int]) -> str:
    low, high = exact(across.low, "x"), exact(across.high, "x")
    columns = [(across.x(float(tick)), number(tick)) for tick in ticks(low, high)]
    rows = [(up.x(float(mark)), number(mark)) for mark in marks]
    grid = "".join(f"M{parts.short(x)} {up.right:g}V{up.left + 4:g}" for x, _ in columns)
    grid += "".join(f"M{across.left - 4:g} {parts.short(y)}H{across.right:g}" for y, _ in rows)
    middle = (up.left + up.right) / 2
    turn = f' transform="rotate(-90 14 {middle:g})"'
    return (
        f'<path class="g" d="{grid}"/>'
        + "".join(parts.text(x, up.left + 18, words, "a") for x, words in columns)
        + "".join(parts.text(across.left - 8, y + 4, words, "e") for y, words in rows)
        + parts.text(across.right, up.left + 36, plot.xlabel, "m e")
        + parts.text(14, middle, plot.ylabel, "m a", turn)
    )


def _line(at: int, path: str) -> str:
    dash = f' stroke-dasharray="{DASHES[at]}"' if DASHES[at] else ""
    return f'<path fill="none" stroke="{CURVES[at]}" stroke-width="2"{dash} d="{path}"/>'


def _mark(at: int, x: float, y: float) -> str:
    where = f"translate({parts.short(x)} {parts.short(y)})"
    return (
        f'<path transform="{where}" fill="{CURVES[at]}" stroke="{CURVES[at]}" stroke-width="1.5" '
        f'd="{MARKS[at]}"/>'
    )


def _curve(plot: Plot, curve: Curve, at: int, across: parts.Frame, up: parts.Frame) -> str:
    points = [(across.x(x), up.x(y)) for x, y in zip(plot.x, curve.y, strict=True)]
    path = "M" + "L".join(f"{parts.short(x)} {parts.short(y)}" for x, y in points)
    every = max(1, len(points) // 25)
    return _line(at, path) + "".join(_mark(at, x, y) for x, y in points[::every])


def _step(plot: Plot, curve: Curve, at: int, across: parts.Frame, up: parts.Frame) -> str:
    floor = parts.short(up.x(0.0))
    path = f"M{parts.short(across.x(plot.x[0]))} {floor}"
    for x, y in zip(plot.x, curve.y, strict=True):
        path += f"H{parts.short(across.x(x))}V{parts.short(up.x(y))}"
    return (
        f'<path fill="{CURVES[at]}" fill-opacity=".35" stroke="{CURVES[at]}" '
        f'stroke-width="1.2" d="{path}V{floor}z"/>'
    )
