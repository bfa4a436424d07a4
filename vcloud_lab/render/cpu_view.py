"""The picture of a processor at one moment: listing, registers, a window of memory, console."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten

from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import CELL, Picture, finish, line, mono, rect

__all__ = ["CONSOLE_ROWS", "LISTING_ROWS", "CpuView", "cpu_view", "signed"]

LISTING_ROWS, CONSOLE_ROWS, MEMORY_ROWS = 16, 4, 4
TOP, ROW, HALF = 66, 18, 452
CONSOLE_WIDE = 40


@dataclass(frozen=True)
class CpuView:
    """What is shown; all numbers are unsigned 32-bit ones.

    ``listing`` are rows of text, ``current`` is the place of the next instruction among them, None
    where it is not in the program. ``registers`` are names with their values, ``changed`` the names
    of those that the last step changed. ``memory`` are the words from the address ``window`` on,
    None where there is no memory, and ``written`` the addresses of words that the step changed.
    """

    sentence: str
    place: str
    listing: tuple[str, ...]
    current: int | None
    registers: tuple[tuple[str, int], ...]
    changed: frozenset[str]
    window: int
    memory: tuple[int | None, ...]
    written: frozenset[int]
    console: str


def cpu_view(view: CpuView) -> Picture:
    """Draw it. ``place`` is the headline: the step, the level, the program counter."""
    body = [parts.text(10, 18, view.place, "b"), line("z", f"M10 26H{parts.WIDTH - 10}")]
    body += [*_listing(view), *_registers(view), *_memory(view), *_console(view)]
    height = TOP + ROW * (LISTING_ROWS + MEMORY_ROWS) + 42
    return finish("A processor, step by step", view.sentence, height, body, _rows(view))


def signed(value: int) -> int:
    """A 32-bit number read in two's complement."""
    return value - (value >> 31 << 32)


def _window(view: CpuView) -> range:
    """The rows of the listing that are shown: the current one with some before it."""
    last = max(0, len(view.listing) - LISTING_ROWS)
    first = min(max(0, (view.current or 0) - LISTING_ROWS // 3), last)
    return range(first, min(len(view.listing), first + LISTING_ROWS))


def _listing(view: CpuView) -> list[str]:
    drawn = [parts.text(10, TOP - 22, "Program (address, word, source)", "m")]
    for at, row in enumerate(_window(view)):
        y = TOP + at * ROW
        if row == view.current:
            drawn.append(rect("v", 4, y - 13, HALF - 22, ROW))
            drawn.append(line("k", f"M10 {y - 10}l8 6-8 6z"))
        drawn.append(mono(24, y, view.listing[row], "b" if row == view.current else "", HALF - 44))
    return drawn


def _registers(view: CpuView) -> list[str]:
    drawn = [parts.text(HALF, TOP - 22, "Registers (changed ones: framed, with •)", "m")]
    for at, (name, value) in enumerate(view.registers):
        x, y = HALF + at // 16 * 152, TOP + at % 16 * ROW
        changed = name in view.changed
        if changed:
            drawn.append(rect("y", x - 3, y - 13, 148, ROW - 1))
        number = signed(value)
        short = str(number) if abs(number) < 100_000 and value > 9 else ""
        words = f"{name:4} {value:08x}"
        mark = "•" if changed else ""
        drawn.append(_columns(x, y, (words, mark + short), "b" if changed else ""))
    return drawn


def _columns(x: float, y: float, cells: tuple[str, str], kind: str) -> str:
    """A name with its value, and the decimal behind it; one text element for both."""
    name, value = cells[0].split()
    more = f'<tspan x="{parts.short(x + 14.5 * CELL)}">{cells[1]}</tspan>' if cells[1] else ""
    return (
        f'<text x="{parts.short(x)}" y="{parts.short(y)}" class="{f"n {kind}".strip()}">{name}'
        f'<tspan x="{parts.short(x + 5 * CELL)}">{value}</tspan>{more}</text>'
    )


def _memory(view: CpuView) -> list[str]:
    top = TOP + ROW * LISTING_ROWS + 22
    drawn = [parts.text(10, top - 18, f"Memory from {view.window:08x} on, as words", "m")]
    for row in range(0, len(view.memory), 4):
        y = top + row // 4 * ROW
        spans = []
        for at, word in enumerate(view.memory[row : row + 4]):
            x = 10 + (11 + 9.5 * at) * CELL
            if view.window + 4 * (row + at) in view.written:
                drawn.append(rect("y", x - 3, y - 13, 8 * CELL + 6, ROW - 1))
            spans.append(f'<tspan x="{parts.short(x)}">{_word(word)}</tspan>')
        address = f"{view.window + 4 * row:08x}"
        drawn.append(f'<text x="10" y="{y}" class="n">{address}{"".join(spans)}</text>')
    return drawn


def _console(view: CpuView) -> list[str]:
    top = TOP + ROW * LISTING_ROWS + 22
    drawn = [parts.text(HALF, top - 18, "Console", "m")]
    drawn.append(rect("z", HALF - 4, top - 13, 302, ROW * CONSOLE_ROWS))
    rows = _console_rows(view.console)
    return drawn + [mono(HALF + 2, top + at * ROW, row) for at, row in enumerate(rows) if row]


def _console_rows(console: str) -> list[str]:
    """The last rows of the console; what cannot be printed is a dot, long rows are broken."""
    rows: list[str] = []
    for text in console[-CONSOLE_ROWS * 200 :].split("\n"):
        clean = "".join(c if c.isprintable() else "·" for c in text.rstrip("\r"))
        rows += [clean[at : at + CONSOLE_WIDE] for at in range(0, len(clean), CONSOLE_WIDE)] or [""]
    if rows[-1] == "":
        rows.pop()
    return rows[-CONSOLE_ROWS:]


def _word(word: int | None) -> str:
    return "--------" if word is None else f"{word:08x}"


def _rows(view: CpuView) -> list[str]:
    """The twin in characters: ``>`` is the next instruction, ``*`` what has changed."""
    rows = [view.place]
    rows += [
        f"{'>' if row == view.current else ' '} {shorten_row(view.listing[row])}".rstrip()
        for row in _window(view)
    ]
    cells = [
        f"{name:>4}{'*' if name in view.changed else ' '}{value:08x}"
        for name, value in view.registers
    ]
    rows += [" ".join(cells[at : at + 4]).rstrip() for at in range(0, len(cells), 4)]
    for row in range(0, len(view.memory), 4):
        words = [
            f"{'*' if view.window + 4 * (row + at) in view.written else ' '}{_word(word)}"
            for at, word in enumerate(view.memory[row : row + 4])
        ]
        rows.append(f"{view.window + 4 * row:08x}: {' '.join(words)}")
    console = " | ".join(_console_rows(view.console))
    return [*rows, f"console: {shorten(console, 200) if console else '(empty)'}"]


def shorten_row(words: str) -> str:
    """A row that fits 78 columns."""
    return words if len(words) <= 78 else words[:77] + "…"
