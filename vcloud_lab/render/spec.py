"""Back end: a scene as a plotly figure, a plain dict of a few kilobytes.

No template: the few settings that matter stand in the layout. Rows are numbers with tick texts, so
that names can be anything; plotly reads texts as HTML, so all are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vcloud_lab.render.axis import axis_label, number, units
from vcloud_lab.render.scene import Bar, Scene
from vcloud_lab.render.spec_parts import (
    LINE,
    array,
    config,
    fitted,
    label_text,
    layout,
    lines_of,
    packed,
    plain,
    table,
    table_height,
    wrapped,
)
from vcloud_lab.render.theme import LIGHT, colour_of, hatch_of, ink_on

__all__ = ["draw"]

ROW = 34
LEGEND = 40

MANY = 240
"""Bars of one kind beyond which times are packed tightly and one sentence makes all tooltips. So
many running bars are of more slices than ``gantt`` gives reasons for."""


def draw(scene: Scene) -> dict[str, Any]:
    """The figure: waiting, running, idle and switching bars, marks, and the table beneath."""
    rows = [(at, bar) for at, lane in enumerate(scene.lanes) for bar in lane.bars]
    of_kind = {kind: [row for row in rows if row[1].kind == kind] for kind in scene.kinds}
    data = []
    if of_kind.get("wait"):
        grey = {"color": LIGHT.wait}
        data.append(_bars("waiting", of_kind["wait"], grey, 0.2, "%{y} waits", scene.unit))
    if of_kind.get("io"):
        outline = {"color": LIGHT.wait, "width": 1}
        data.append(_bars("I/O", of_kind["io"], {"color": LIGHT.paper, "line": outline}, width=0.2))
    data.append(_runs(of_kind.get("run", []), scene.unit))
    if of_kind.get("idle"):
        hatch = {"shape": "/", "size": 7, "solidity": 0.2, "fgcolor": LIGHT.ink, "bgcolor": "#fff"}
        outline = {"color": LIGHT.ink, "width": 1}
        look = {"color": "#fff", "pattern": hatch, "line": outline}
        data.append(_bars("CPU idle", of_kind["idle"], look))
    if of_kind.get("switch"):
        gap = {"color": LIGHT.paper, "width": 1}
        data.append(_bars("switching", of_kind["switch"], {"color": LIGHT.ink, "line": gap}))
    data += _marks(scene)
    labels = [lane.label for lane in scene.lanes]
    tall = max(ROW, LINE * lines_of(labels) + 6)
    grid = fitted(scene.grid) if scene.grid else None
    below = table_height(grid) if grid else 0
    chart = tall * len(scene.lanes) + 60 + LEGEND
    made = layout(scene.sentence, chart + below, axis_label(scene.unit), below)
    pad = float(scene.end - scene.start) / 100
    made["xaxis"]["range"] = [float(scene.start) - pad, float(scene.end) + pad]
    made["yaxis"] |= {
        "tickvals": list(range(len(scene.lanes))),
        "ticktext": list(map(label_text, labels)),
        "range": [len(scene.lanes) - 0.5, -0.5],
        "showgrid": False,
        "fixedrange": True,
    }
    made |= {"barmode": "overlay", "uniformtext": {"minsize": 10, "mode": "hide"}}
    if grid:
        data.append(table(grid, below, made))
    if scene.at is not None:
        made["shapes"] = [
            {"type": "line", "x0": float(scene.at), "x1": float(scene.at), "y0": 0, "y1": 1,
             "yref": "paper", "line": {"color": LIGHT.accent, "width": 2}}
        ]  # fmt: skip
    return {"data": data, "layout": made, "config": config()}


def _bars(
    name: str,
    rows: list[tuple[int, Bar]],
    look: dict[str, Any],
    width: float = 0.72,
    event: str = "",
    unit: str = "",
) -> dict[str, Any]:
    """One trace of bars; with an ``event`` and many bars, their tooltips are made of it."""
    many = bool(event) and len(rows) > MANY
    numbers = packed if many else array
    if many:
        span = f"time %{{base}} to %{{x}} {plain(units(unit))}"
        tips: dict[str, Any] = {"hovertemplate": f"{event}, {span}.<extra></extra>"}
    else:
        tips = {"hovertext": [wrapped(bar.tip) for _, bar in rows], "hoverinfo": "text"}
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": numbers([at for at, _ in rows]),
        "base": numbers([float(bar.start) for _, bar in rows]),
        "x": numbers([float(bar.end - bar.start) for _, bar in rows]),
        "width": width,
        "marker": look,
        **tips,
    }


def _runs(rows: list[tuple[int, Bar]], unit: str) -> dict[str, Any]:
    colours = [colour_of(bar.job) for _, bar in rows]
    hatches = [hatch_of(bar.job) for _, bar in rows]
    look: dict[str, Any] = {"color": colours, "line": {"color": LIGHT.ink, "width": 1}}
    if any(hatches):
        look["pattern"] = {"shape": hatches, "fillmode": "overlay", "fgcolor": "#000", "size": 7,
                           "solidity": 0.15}  # fmt: skip
    trace = _bars("running", rows, look, event="%{text} runs", unit=unit)
    inks = [ink_on(colour) for colour in colours]
    return trace | {
        "text": [plain(bar.label) for _, bar in rows],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "insidetextfont": {"color": inks if len(set(inks)) > 1 else (inks or ["#000"])[0]},
        "showlegend": False,
    }


def _marks(scene: Scene) -> Iterable[dict[str, Any]]:
    """Where jobs arrive and where they are complete."""
    kinds = (("arrival", "arrives at", "triangle-right", -0.26),
             ("completion", "is complete at", "diamond", 0))  # fmt: skip
    for name, verb, symbol, up in kinds:
        rows = [
            (at + up, time, lane.label)
            for at, lane in enumerate(scene.lanes)
            if (time := getattr(lane, name)) is not None
        ]
        if rows:
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": array([float(time) for _, time, _ in rows]),
                "y": array([at for at, _, _ in rows]),
                "marker": {"symbol": symbol, "size": 9, "color": LIGHT.paper,
                           "line": {"color": LIGHT.ink, "width": 1.5}},
                "hovertext": [plain(f"{label} {verb} {number(t)}.") for _, t, label in rows],
                "hoverinfo": "text",
                "cliponaxis": False,
            }  # fmt: skip
