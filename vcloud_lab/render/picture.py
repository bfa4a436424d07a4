"""A finished picture of a machine: SVG for people, characters for terminals and diffs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any
from zlib import crc32

from vcloud_lab.render import svg_parts as parts

__all__ = ["CELL", "Picture", "finish", "line", "mono", "rect"]

CELL = 7.3
"""Pixels that a character of the monospaced font takes, at most."""

# n monospaced, y marked, z a thin frame, p a path with an arrow's head; v, a quiet ground, comes
# last, so that it can be had with any frame.
STYLE = (
    "<style>.vcl .n{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}"
    ".vcl .y{stroke:var(--c);stroke-width:2.5;fill:none}.vcl .z{stroke:var(--w);fill:none}"
    ".vcl .p{stroke:var(--i);stroke-width:1.5;fill:none}.vcl .v{fill:var(--g)}</style>"
)


@dataclass(frozen=True, repr=False)
class Picture:
    """A picture with its twin in characters; ``sentence`` says what can be seen."""

    title: str
    sentence: str
    svg: str
    text: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def finish(
    title: str,
    sentence: str,
    height: int,
    body: Iterable[str],
    rows: Iterable[str],
    hatches: Sequence[str] = (),
) -> Picture:
    """The picture of a ``body`` of SVG shapes and of the ``rows`` of its twin.

    The hatch "/" can be had as ``fill="url(#h1KEY)"``: KEY is filled in here.
    """
    drawn = STYLE + "".join(body)
    key = f"{crc32((title + drawn).encode()):x}"
    svg = parts.element(sentence, title, height, key, hatches, [drawn.replace("KEY", key)])
    said = fill(sentence, 80, break_on_hyphens=False)
    return Picture(title, sentence, svg, "\n".join([said, *map(str.rstrip, rows)]))


def rect(kind: str, x: float, y: float, wide: float, tall: float, more: str = "") -> str:
    """A rectangle."""
    size = f'x="{parts.short(x)}" y="{parts.short(y)}" width="{parts.short(wide)}"'
    return f'<rect class="{kind}" {size} height="{parts.short(tall)}"{more}/>'


def line(kind: str, path: str) -> str:
    """A line along an SVG path."""
    return f'<path class="{kind}" d="{path}"/>'


def mono(x: float, y: float, words: str, kind: str = "", room: float = 0) -> str:
    """A monospaced text, cut short where it needs more than ``room`` pixels (0: no limit)."""
    if room and len(words) * CELL > room:
        words = words[: max(1, int(room / CELL) - 1)] + "…"
    return parts.text(x, y, words, f"n {kind}".strip())
