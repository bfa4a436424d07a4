"""The picture of a walk through Sv32 page tables: the address split, the entries, the result.

Source: The RISC-V Instruction Set Manual, volume II, "Sv32: Page-Based 32-bit Virtual-Memory
Systems" (format of addresses and entries).
"""

from __future__ import annotations

from dataclasses import dataclass

from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import Picture, finish, line, mono, rect

__all__ = ["FLAGS", "Look", "WalkView", "meaning", "walk_view"]

FLAGS = "DAGUXWRV"
"""The lowest eight bits of an entry, the most significant first."""

WORDS = {"V": "valid", "R": "read", "W": "write", "X": "execute", "U": "user", "G": "global",
         "A": "accessed", "D": "dirty"}  # fmt: skip
LEFT, WIDE = 10.0, 740.0


@dataclass(frozen=True)
class Look:
    """One entry that was looked at: its level, the address of its table, its index, its value.

    ``entry`` is None where there is no memory at its address.
    """

    level: int
    table: int
    index: int
    entry: int | None


@dataclass(frozen=True)
class WalkView:
    """A walk up to some point. ``result`` is the last line, empty where it is not shown yet;
    ``span`` is the size of the page found, 0 where none is; ``waiting`` is how many entries are
    not shown yet."""

    sentence: str
    virtual: int
    looks: tuple[Look, ...]
    result: str
    span: int
    fault: bool


def meaning(entry: int | None) -> str:
    """What an entry is, in words."""
    if entry is None:
        return "there is no memory here"
    flags = _set(entry)
    if "V" not in flags:
        return "not valid"
    if "R" not in flags and "W" in flags:
        return "not valid: what can be written must be readable"
    if not {"R", "X"} & set(flags):
        return f"points to the table at {entry >> 10 << 12:08x}"
    rights = ", ".join(WORDS[flag] for flag in "RWX" if flag in flags)
    who = "user" if "U" in flags else "supervisor"
    marks = ", ".join(WORDS[flag] for flag in "AD" if flag in flags) or "not used yet"
    return f"page for the {who}: {rights}; {marks}"


def walk_view(view: WalkView) -> Picture:
    """Draw it."""
    body = [*_split(view)]
    top = 98.0
    for look in view.looks:
        body += [_arrow(top, LEFT + 20 if look.level == 1 else 280), *_entry(look, top)]
        top += 98
    if view.result:
        body.append(_arrow(top, 280))
        body.append(rect("y" if view.fault else "o", LEFT, top, WIDE, 30))
        sign = "✗" if view.fault else "✓"
        body.append(mono(LEFT + 10, top + 20, f"{sign} {view.result}", "b", WIDE - 20))
    height = int(top) + (42 if view.result else 4)
    return finish("A walk through the page tables", view.sentence, height, body, _rows(view))


def _fields(view: WalkView) -> list[tuple[str, int, int]]:
    """Name, width in bits and value of each part of the address, as this walk uses it."""
    at = view.virtual
    upper = ("VPN[1]", 10, at >> 22)
    if view.span == 1 << 22:
        return [upper, ("offset in 4 MiB", 22, at & 0x3FFFFF)]
    return [upper, ("VPN[0]", 10, at >> 12 & 1023), ("offset", 12, at & 4095)]


def _split(view: WalkView) -> list[str]:
    drawn = [parts.text(LEFT, 18, f"Virtual address {view.virtual:08x}", "b")]
    x = LEFT
    for name, bits, value in _fields(view):
        wide = WIDE * bits / 32
        used = name == "VPN[1]" or (name == "VPN[0]" and len(view.looks) > 1)
        drawn.append(rect("o v" if used and view.looks else "o", x, 30, wide, 44))
        drawn.append(parts.text(x + wide / 2, 48, f"{name}: {bits} bits", "a"))
        shown = f"{value:0{bits}b} = " + (f"{value}" if "VPN" in name else f"{value:x} (hex)")
        drawn.append(mono(x + wide / 2, 66, shown, "a"))
        x += wide
    return drawn


def _arrow(top: float, x: float) -> str:
    """To what is drawn at ``top`` from what stands above it."""
    return line("p", f"M{parts.short(x)} {top - 20}v16m-4-5l4 5 4-5")


def _entry(look: Look, top: float) -> list[str]:
    """One level: which table, which entry, its number of a page and its flags."""
    name = "First table" if look.level == 1 else "Second table"
    drawn = [
        parts.text(LEFT, top + 16, f"{name}, at {look.table:08x}", "b"),
        parts.text(LEFT, top + 36, f"VPN[{look.level}] chooses entry {look.index},", "m"),
        parts.text(LEFT, top + 52, f"at {look.table:08x} + 4 × {look.index}", "m"),
        parts.text(LEFT, top + 68, f"= {look.table + 4 * look.index:08x}", "m"),
    ]
    x = 252.0
    drawn.append(rect("o", x, top, WIDE + LEFT - x, 76))
    if look.entry is None:
        return [*drawn, parts.text(x + 10, top + 42, meaning(None), "b")]
    number = f"entry {look.entry:08x}: page number {look.entry >> 10:06x}"
    drawn.append(mono(x + 10, top + 18, number))
    for at, flag in enumerate(FLAGS):
        on = flag in _set(look.entry)
        left = x + 268 + 27 * at
        drawn.append(rect("o v" if on else "z", left, top + 5, 24, 18))
        drawn.append(mono(left + 12, top + 18, flag if on else "-", "a b" if on else "a m"))
    drawn.append(parts.text(x + 10, top + 42, meaning(look.entry), "b"))
    flags = ", ".join(WORDS[flag] for flag in reversed(_set(look.entry)))
    drawn.append(parts.text(x + 10, top + 62, f"bits that are set: {flags or 'none'}", "m"))
    return drawn


def _set(entry: int) -> str:
    return "".join(flag for at, flag in enumerate(FLAGS) if entry >> 7 - at & 1)


def _rows(view: WalkView) -> list[str]:
    split = ", ".join(
        f"{name} {value if 'VPN' in name else format(value, 'x')}"
        for name, _, value in _fields(view)
    )
    rows = [f"virtual  {view.virtual:08x} = {split}"]
    for look in view.looks:
        value = "--------" if look.entry is None else f"{look.entry:08x}"
        flags = "" if look.entry is None else f" {_flags(look.entry)}"
        rows.append(
            f"level {look.level}  table {look.table:08x}, entry {look.index:4}: {value}{flags}  "
            f"{meaning(look.entry)}"
        )
    return [*rows, *([f"result   {view.result}"] if view.result else [])]


def _flags(entry: int) -> str:
    return "".join(flag if flag in _set(entry) else "-" for flag in FLAGS)
