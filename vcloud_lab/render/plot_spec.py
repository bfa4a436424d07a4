"""Back end: a plot as a plotly figure."""

from __future__ import annotations

from typing import Any

from vcloud_lab.render.plot_svg import y_range
from vcloud_lab.render.scene import Curve, Plot
from vcloud_lab.render.spec_parts import array, config, layout, plain
from vcloud_lab.render.theme import CURVES, LIGHT

__all__ = ["draw"]

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "5px,2px", "2px,5px", "longdashdot")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "x", "cross", "triangle-down", "star")


def draw(plot: Plot) -> dict[str, Any]:
    """The figure: a trace a curve, a dashed line a level."""
    made = layout(plot.sentence, 420, plot.xlabel)
    low, high = y_range(plot)
    made["yaxis"] |= {"title": {"text": plain(plot.ylabel), "standoff": 8}, "range": [low, high]}
    made["hovermode"] = "x unified"
    made["shapes"] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level,
         "line": {"color": LIGHT.ink, "width": 1, "dash": "dash"}}
        for name, level in plot.levels
    ]  # fmt: skip
    made["annotations"] = [  # not the lines' own labels: those have no paper to be read on
        {"xref": "paper", "x": 1, "y": level, "xanchor": "right", "yanchor": "bottom",
         "text": plain(name), "showarrow": False, "font": {"color": LIGHT.ink},
         "bgcolor": LIGHT.paper, "borderpad": 1}
        for name, level in plot.levels
    ]  # fmt: skip
    data = [_trace(plot, curve, at) for at, curve in enumerate(plot.curves)]
    return {"data": data, "layout": made, "config": config()}


def _trace(plot: Plot, curve: Curve, at: int) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": plain(curve.name),
        "x": array(plot.x),
        "y": array(curve.y),
        "line": {"color": CURVES[at], "width": 2, "dash": DASHES[at]},
    }
    if curve.step:
        trace["line"] |= {"shape": "hv", "width": 1}
        return trace | {"mode": "lines", "fill": "tozeroy"}
    return trace | {"mode": "lines+markers", "marker": {"symbol": SYMBOLS[at], "size": 8}}
