"""Back end: a plot in characters: a step curve as columns of blocks, curves as their table."""

from __future__ import annotations

from vcloud_lab.render.grid import grid_text
from vcloud_lab.render.scene import Plot
from vcloud_lab.render.text import WIDTH

__all__ = ["draw"]

ROWS = 8
BLOCKS = " ▁▂▃▄▅▆▇█"


def draw(plot: Plot) -> str:
    """The sentence, the picture where there is one, and the table."""
    picture = [_columns(plot)] if plot.curves[0].step else []
    return "\n".join([plot.sentence, *picture, grid_text(plot.grid)])


def _columns(plot: Plot) -> str:
    """A step curve as a bar chart: each column is the mean of its part of the x axis."""
    top = max([level for _, level in plot.levels] + [max(plot.curves[0].y)]) or 1.0
    gutter = len(f"{top:g}") + 1
    heights = _means(plot, WIDTH - gutter - 1)
    lines = []
    for row in range(ROWS - 1, -1, -1):
        label = f"{top:g}" if row == ROWS - 1 else "0" if row == 0 else ""
        eighths = [min(8, max(0, round(8 * (h / top * ROWS - row)))) for h in heights]
        lines.append(f"{label:>{gutter - 1}} │" + "".join(BLOCKS[e] for e in eighths).rstrip())
    low, high = f"{plot.x[0]:,g}", f"{plot.x[-1]:,.12g}"
    axis = " " * gutter + "└" + "─" * len(heights)
    ends = " " * (gutter + 1) + low + high.rjust(len(heights) - len(low))
    return "\n".join([*lines, axis, f"{ends}  {plot.xlabel}" if len(ends) < 60 else ends])


def _means(plot: Plot, columns: int) -> list[float]:
    x, y = plot.x, plot.curves[0].y
    step = (x[-1] - x[0]) / columns
    means, at = [], 0
    for column in range(columns):
        low, high = x[0] + column * step, x[0] + (column + 1) * step
        area = 0.0
        while at + 1 < len(x) and x[at] < high:
            area += y[at] * max(0.0, min(high, x[at + 1]) - max(low, x[at]))
            if x[at + 1] > high:
                break
            at += 1
        means.append(area / step)
    return means
