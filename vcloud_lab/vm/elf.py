"""Loading a program: 32-bit little-endian ELF files for RISC-V.

Source: Tool Interface Standard, *Executable and Linking Format*, version 1.2; RISC-V ELF psABI.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vcloud_lab.errors import GuestError

__all__ = ["Elf", "pieces_of", "read_elf"]

HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
SEGMENT = struct.Struct("<8I")
SECTION = struct.Struct("<10I")
SYMBOL = struct.Struct("<IIIBBH")
RISCV, EXECUTABLE, LOAD, SYMBOLS = 243, 2, 1, 2


@dataclass(frozen=True)
class Elf:
    """A program: where it begins, its segments (physical address, bytes, size in memory), and its
    symbols by name."""

    entry: int
    segments: tuple[tuple[int, bytes, int], ...]
    symbols: dict[str, int]


def read_elf(data: bytes, name: str = "The program") -> Elf:
    """Read an executable. Raises ``GuestError`` for anything else, and for a damaged file."""
    if data[:4] != b"\x7fELF":
        raise GuestError(f"{name} begins with {data[:4]!r}: an ELF file begins with b'\\x7fELF'.")
    if len(data) < HEADER.size:
        raise GuestError(f"{name} ends inside its header after {len(data)} bytes: it is cut off.")
    fields = HEADER.unpack_from(data)
    ident, kind, machine, entry = fields[0], fields[1], fields[2], fields[4]
    if ident[4:6] != b"\1\1" or machine != RISCV or kind != EXECUTABLE:
        raise GuestError(
            f"{name} is of class {ident[4]}, byte order {ident[5]}, type {kind} and machine "
            f"{machine}: 1, 1, 2 and 243 are needed; build it as a 32-bit RISC-V executable."
        )
    if entry & 3:
        raise GuestError(
            f"{name} begins at {entry:#x}: instructions lie at multiples of 4; link it anew."
        )
    segments = []
    for row in _table(data, fields[5], fields[10], SEGMENT, name):
        what, offset, _, place, length, size, _, _ = row
        if what == LOAD and size:
            segments.append((place, _part(data, offset, length, name), size))
    return Elf(entry, tuple(segments), _symbols(data, fields[6], fields[12], name))


def pieces_of(data: bytes, base: int) -> tuple[dict[int, bytes], int]:
    """Which bytes of a program go where, and where it begins: an ELF file tells that itself, all
    else goes to ``base``. Raises what ``read_elf`` raises."""
    if data[:4] != b"\x7fELF":
        return {base: data}, base
    elf = read_elf(data)
    return {place: content for place, content, _ in elf.segments}, elf.entry


def _symbols(data: bytes, offset: int, count: int, name: str) -> dict[str, int]:
    sections = list(_table(data, offset, count, SECTION, name))
    found = {}
    for section in sections:
        if section[1] != SYMBOLS or section[6] >= len(sections):
            continue
        strings = sections[section[6]]
        texts = _part(data, strings[4], strings[5], name)
        table = _part(data, section[4], section[5] // SYMBOL.size * SYMBOL.size, name)
        for at, value, *_ in SYMBOL.iter_unpack(table):
            text = texts[at : texts.find(b"\0", at)].decode("utf-8", "replace")
            if text:
                found[text] = value
    return found


def _table(
    data: bytes, offset: int, count: int, row: struct.Struct, name: str
) -> list[tuple[int, ...]]:
    return list(row.iter_unpack(_part(data, offset, count * row.size, name)))


def _part(data: bytes, offset: int, length: int, name: str) -> bytes:
    if offset + length > len(data):
        raise GuestError(
            f"{name} has {len(data)} bytes and refers to {length} at {offset}: it is cut off or "
            "damaged; get it again."
        )
    return data[offset : offset + length]
