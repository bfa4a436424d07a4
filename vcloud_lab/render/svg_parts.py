"""The pieces of an SVG chart: frame, texts, hatches, table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from vcloud_lab.render.grid import display_width
from vcloud_lab.render.scene import Grid
from vcloud_lab.render.theme import CSS, HATCHES
from vcloud_lab.scheduling.numbers import Time

__all__ = ["HATCHES", "TOP", "WIDTH", "Frame", "element", "fit", "grid", "gutter", "shape",
           "short", "text"]  # fmt: skip

WIDTH = 760
TOP = 20
CHARACTER = 7.0  # the width that a character of 12 px may take

# r run, w wait, d device, i idle, s switch, h hatch, k mark, g grid, c cursor, f future;
# text: m muted, a middle, e end, b bold, q and u with a halo, t in a bar.
STYLE = CSS + (
    ".vcl text{fill:var(--i)}.vcl .m{fill:var(--m)}.vcl .a{text-anchor:middle}"
    ".vcl .e{text-anchor:end}.vcl .b{font-weight:700}.vcl .t{pointer-events:none}"
    ".vcl .t[fill='#000000']{fill:#000}.vcl .t[fill='#ffffff']{fill:#fff}"
    ".vcl .r,.vcl .i,.vcl .s{stroke:var(--i)}.vcl .w{fill:var(--w)}.vcl .s{fill:var(--i)}"
    ".vcl .d{fill:var(--p);stroke:var(--w);stroke-dasharray:3 2}"
    ".vcl .h{pointer-events:none}.vcl .k{fill:var(--p);stroke:var(--i);stroke-width:1.5}"
    ".vcl .g{stroke:var(--g)}.vcl .l{stroke:var(--i)}.vcl .o{stroke:var(--i);fill:none}"
    ".vcl .c{stroke:var(--c);stroke-width:2}.vcl .f{fill-opacity:.22;stroke-opacity:.5}"
    ".vcl .q,.vcl .u{paint-order:stroke;stroke-width:4px}.vcl .q{stroke:var(--p)}"
)


@dataclass(frozen=True)
class Frame:
    """Maps the values ``low`` to ``high`` onto the pixels ``left`` to ``right``.

    Exact values are subtracted exactly, so that late times do not fall onto one pixel.
    """

    low: Time | float
    high: Time | float
    left: float
    right: float

    def x(self, value: Time | float) -> float:
        """The pixel of a value."""
        wide = self.right - self.left
        return self.left + float(value - self.low) * wide / float(self.high - self.low)


def short(value: float) -> str:
    """A pixel with one decimal at most."""
    return f"{round(value, 1):g}"


def text(x: float, y: float, words: str, kind: str = "", more: str = "") -> str:
    """A text element; the words are escaped."""
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{short(x)}" y="{short(y)}"{kind}{more}>{escape(words)}</text>'


def shape(tag: str, tip: str) -> str:
    """A shape with a tooltip."""
    return f"<{tag}><title>{escape(tip, quote=False)}</title></{tag.split()[0]}>"


def gutter(labels: Iterable[str]) -> float:
    """The room that row labels need, at most a third of the width."""
    return min(WIDTH / 3, 24 + 7.4 * max(map(display_width, labels)))


def fit(words: str, room: float) -> str:
    """The words, cut short with an ellipsis where they need more than ``room`` pixels."""
    while len(words) > 1 and CHARACTER * display_width(words) > room:
        words = words[:-2] + "…"
    return words


def grid(table: Grid, top: int) -> tuple[str, int]:
    """A table as SVG text below ``top``, and where it ends."""
    rows = [[table.cell(r, c) for c in range(len(table.header))] for r in range(len(table.rows))]
    first = gutter([table.header[0], *(row[0] for row in rows)])
    width = (WIDTH - 18 - first) / (len(table.header) - 1)
    drawn = []
    for line, cells in enumerate([list(table.header), *rows]):
        y = top + 18 + 20 * line
        drawn.append(text(10, y, fit(cells[0], first), "m" if line == 0 else ""))
        for column, cell in enumerate(cells[1:], start=1):
            bold = " b" if (line - 1, column) in table.best else ""
            kind = "e m" if line == 0 else f"e{bold}"
            drawn.append(text(first + width * column, y, fit(cell, width - 4), kind))
    drawn.append(f'<path class="l" d="M10 {top + 24.5}H{WIDTH - 18}"/>')
    bottom = top + 26 + 20 * len(rows)
    if table.note:
        drawn.append(text(10, bottom + 14, table.note, "m"))
        bottom += 22
    return "".join(drawn), bottom


def element(
    sentence: str, title: str, height: int, key: str, hatches: Sequence[str], body: Iterable[str]
) -> str:
    """The whole SVG. Pattern and title ids carry ``key``, so that charts of one page differ."""
    lines = {"/": "M0 6 6 0", "\\": "M0 0 6 6", "x": "M0 6 6 0M0 0 6 6"}
    box = 'width="6" height="6" patternUnits="userSpaceOnUse"'
    idle = f'<pattern id="i{key}" {box}><path class="g l" d="M-1 7 7-1" opacity=".6"/></pattern>'
    patterns = idle + "".join(
        f'<pattern id="h{HATCHES.index(hatch)}{key}" {box}>'
        f'<path stroke="#000" stroke-opacity=".5" d="{lines[hatch]}"/></pattern>'
        for hatch in hatches
    )
    head = f"{title}: " if title not in sentence else ""
    name = escape(head + sentence)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vcl" role="img" aria-label="{name}" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" style="max-width:100%;height:auto">'
        f"<title>{escape(title or sentence)}</title><desc>{escape(sentence)}</desc>"
        f"<style>{STYLE}</style><defs>{patterns}</defs>"
        f'<rect width="{WIDTH}" height="{height}" fill="var(--p)"/>{"".join(body)}</svg>'
    )
