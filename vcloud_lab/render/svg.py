"""Back end: a scene as a standalone SVG element that follows the reader's theme."""

from __future__ import annotations

from zlib import crc32

from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.axis import axis_label, number, ticks
from vcloud_lab.render.grid import display_width
from vcloud_lab.render.scene import Bar, Lane, Scene
from vcloud_lab.render.theme import colour_of, hatch_of, ink_on

__all__ = ["draw"]

ROW = 26
CLASSES = {"run": "r", "wait": "w", "io": "d", "idle": "i", "switch": "s"}
LEGEND = {"wait": "waiting", "io": "I/O", "idle": "CPU idle", "switch": "switching"}


def draw(scene: Scene) -> str:
    """The scene as SVG: role img, title, description, a tooltip on every bar."""
    gutter = parts.gutter([lane.label for lane in scene.lanes])
    frame = parts.Frame(scene.start, scene.end, gutter, parts.WIDTH - 18)
    key = f"{crc32(repr(scene).encode()):x}"
    body = [_ticks(scene, frame)]
    for at, lane in enumerate(scene.lanes):
        body.append(_lane(lane, parts.TOP + at * ROW, scene, frame, key))
    bottom = parts.TOP + len(scene.lanes) * ROW
    body.append(parts.text(parts.WIDTH - 18, bottom + 30, axis_label(scene.unit), "m e"))
    body.append(_legend(scene, bottom + 30, key))
    if scene.at is not None:
        x = parts.short(frame.x(scene.at))
        body.append(f'<path class="c" d="M{x} {parts.TOP - 8}V{bottom + 4}"/>')
        body.append(parts.text(frame.x(scene.at), 12, number(scene.at), "a b"))
    height = bottom + 42
    if scene.grid is not None:
        table, height = parts.grid(scene.grid, height)
        body.append(table)
    jobs = {bar.job for lane in scene.lanes for bar in lane.bars if bar.job >= 0}
    hatches = sorted({hatch_of(job) for job in jobs} - {""})
    return parts.element(scene.sentence, scene.title, height, key, hatches, body)


def _ticks(scene: Scene, frame: parts.Frame) -> str:
    bottom = parts.TOP + len(scene.lanes) * ROW
    places = [(frame.x(time), number(time)) for time in ticks(scene.start, scene.end)]
    grid = "".join(f"M{parts.short(x)} {parts.TOP - 4}V{bottom + 3}" for x, _ in places)
    return f'<path class="g" d="{grid}"/>' + "".join(
        parts.text(x, bottom + 16, label, "a") for x, label in places
    )


def _lane(lane: Lane, top: int, scene: Scene, frame: parts.Frame, key: str) -> str:
    label = parts.fit(lane.label, frame.left - 12)
    drawn = [parts.text(frame.left - 8, top + 17, label, "e" + (" b" if lane.sequence else ""))]
    for bar in lane.bars:
        drawn += _bar(bar, top, scene, frame, key)
    if lane.arrival is not None:
        x = frame.x(lane.arrival)
        future = scene.at is not None and lane.arrival > scene.at
        tip = f"{lane.label} arrives at {number(lane.arrival)}."
        path = f"M{parts.short(x)} {top + 3}l7 4-7 4z"
        drawn.append(parts.shape(f'path class="k{" f" * future}" d="{path}"', tip))
    if lane.completion is not None:
        x = frame.x(lane.completion)
        future = scene.at is not None and lane.completion > scene.at
        tip = f"{lane.label} is complete at {number(lane.completion)}."
        path = f"M{parts.short(x)} {top + 13}l5-5 5 5-5 5z"
        drawn.append(parts.shape(f'path class="k{" f" * future}" d="{path}"', tip))
    return "".join(drawn)


def _bar(bar: Bar, top: int, scene: Scene, frame: parts.Frame, key: str) -> list[str]:
    """One rectangle, or two where the cursor stands in it, and its label where it fits."""
    cursor = scene.at
    if cursor is not None and bar.start < cursor < bar.end:
        edges = [(bar.start, cursor, False), (cursor, bar.end, True)]
    else:
        edges = [(bar.start, bar.end, cursor is not None and bar.start >= cursor)]
    drawn = []
    for low, high, future in edges:
        x, wide = frame.x(low), frame.x(high) - frame.x(low)
        kind = CLASSES[bar.kind]
        y, tall = (top + 10, 6) if bar.kind in ("wait", "io") else (top + 3, 20)
        size = f'x="{parts.short(x)}" y="{y}" width="{parts.short(wide)}" height="{tall}"'
        fill = f' fill="{colour_of(bar.job)}"' if bar.kind == "run" else ""
        if bar.kind == "idle":
            fill = f' fill="url(#i{key})"'
        drawn.append(parts.shape(f'rect class="{kind}{" f" * future}" {size}{fill}', bar.tip))
        hatch = hatch_of(bar.job) if bar.kind == "run" else ""
        if hatch:
            place = parts.HATCHES.index(hatch)
            drawn.append(f'<rect class="h" {size} fill="url(#h{place}{key})"/>')
    if bar.kind == "run":
        low, high, future = max(edges, key=lambda edge: edge[1] - edge[0])
        drawn.append(_name(bar, frame.x(low), frame.x(high), top, future=future))
    return drawn


def _name(bar: Bar, left: float, right: float, top: int, *, future: bool) -> str:
    """The label of a bar, or nothing where there is no room for it."""
    if parts.CHARACTER * display_width(bar.label) + 4 > right - left:
        return ""
    # On a dimmed bar the theme's own ink is readable; on a hatch the label needs a halo.
    colour = colour_of(bar.job)
    halo = f' stroke="{colour}"' if hatch_of(bar.job) and not future else ""
    ink = "" if future else f' fill="{ink_on(colour)}"'
    return parts.text(
        (left + right) / 2, top + 17, bar.label, "a t u" if halo else "a t", ink + halo
    )


def _legend(scene: Scene, y: int, key: str) -> str:
    x, drawn = 10.0, []
    for kind, words in LEGEND.items():
        if kind not in scene.kinds:
            continue
        fill = f' fill="url(#i{key})"' if kind == "idle" else ""
        tall, down = (6, 7) if kind in ("wait", "io") else (11, 10)
        drawn.append(
            f'<rect class="{CLASSES[kind]}" x="{x:g}" y="{y - down}" width="18" '
            f'height="{tall}"{fill}/>'
        )
        drawn.append(parts.text(x + 24, y, words, "m"))
        x += 40 + 7 * len(words)
    if "mark" in scene.kinds:
        drawn.append(f'<path class="k" d="M{x:g} {y - 8}l7 4-7 4z"/>')
        drawn.append(parts.text(x + 12, y, "arrival", "m"))
        drawn.append(f'<path class="k" d="M{x + 70:g} {y - 9}l5 5-5 5-5-5z"/>')
        drawn.append(parts.text(x + 80, y, "completion", "m"))
    return "".join(drawn)
