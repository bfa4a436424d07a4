"""Tar archives, read strictly and written so that equal contents are equal bytes.

The format is ustar, with a pax header for the names that ustar has no room for (POSIX.1-2017, the
``pax`` utility). Python's ``tarfile`` is not used: it takes a damaged header for the end of the
archive, and a layer must rather be refused than lose files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vcloud_lab.containers.paths import Limits
from vcloud_lab.errors import ImageError

__all__ = ["Entry", "read_tar", "write_tar"]

BLOCK = 512
RECORD = 20 * BLOCK
"""An archive is filled up to a multiple of this, as GNU tar does."""

FILE, LINK, SYMLINK, DIRECTORY = b"0", b"1", b"2", b"5"
DEVICES = {b"3": "a character device", b"4": "a block device", b"6": "a named pipe"}
SPARSE = "GNU.sparse."


class Entry(NamedTuple):
    """One member of an archive; ``kind`` is the tar type flag, ``target`` what a link points to."""

    name: str
    kind: bytes
    mode: int
    data: bytes = b""
    target: str = ""


def write_tar(entries: Iterable[Entry]) -> bytes:
    """An archive of the entries in the order given, owned by 0:0 and with the time 0."""
    parts: list[bytes] = []
    for entry in entries:
        name, target = entry.name.encode(), entry.target.encode()
        records = b""
        if not entry.target.isascii() or len(target) > 100:
            records += pax_record("linkpath", target)
        if not entry.name.isascii() or split(name) is None:
            records += pax_record("path", name)
        if records:
            parts += [header(b"PaxHeader", b"x", 0o644, len(records)), padded(records)]
        parts += [header(name, entry.kind, entry.mode, len(entry.data), target), padded(entry.data)]
    archive = b"".join(parts) + bytes(2 * BLOCK)
    return archive + bytes(-len(archive) % RECORD)


def read_tar(data: bytes, limits: Limits) -> Iterator[Entry]:
    """The entries of an archive in their order; names are as they stand in it.

    Raises ``ImageError`` for an archive that is damaged or ends early, one that is larger than the
    limits allow, sparse files, device nodes, and types of entry that no layer may have.
    """
    if len(data) > limits.size:
        raise ImageError(
            f"The layer's tar archive has {len(data)} bytes: {limits.size} is the limit; pass "
            "other limits if you trust it."
        )
    at, count = 0, 0
    everywhere: dict[str, str] = {}
    special: dict[str, str] = {}
    while any(block := take(data, at, BLOCK)):
        name, kind, mode, size, target = parse(block, at)
        at, begin = at + BLOCK, at
        if kind in (b"x", b"g"):
            records = pax_records(take(data, at, size), begin)
            (special if kind == b"x" else everywhere).update(records)
        elif kind in (b"L", b"K"):
            key = "path" if kind == b"L" else "linkpath"
            special[key] = text(take(data, at, size), begin)
        else:
            count += 1
            if count > limits.entries:
                raise ImageError(
                    f"The layer has more than {limits.entries} entries: that is the limit; pass "
                    "other limits if you trust it."
                )
            pax = everywhere | special
            special = {}
            name, target = pax.get("path", name), pax.get("linkpath", target)
            if kind == b"S" or any(key.startswith(SPARSE) for key in pax):
                raise ImageError(
                    f"The entry {name!r:.80} is a sparse file, which may stand for any size: an "
                    "image should have none (GNU tar makes none unless told --sparse)."
                )
            if "size" in pax:
                size = number(pax["size"].encode(), 10, begin)
            if kind not in (FILE, LINK, SYMLINK, DIRECTORY):
                what = DEVICES.get(kind, f"of the tar type {kind!r}")
                raise ImageError(
                    f"The entry {name!r:.80} is {what}: a layer may have files, directories, hard "
                    "links and symbolic links only; leave it out."
                )
            # Some writers give a size with a link or a directory, and no data follow.
            size = size if kind == FILE else 0
            yield Entry(name, kind, mode, take(data, at, size), target)
        at += size + -size % BLOCK
    take(data, at + BLOCK, BLOCK)
    if special or any(data[at : at + 2 * BLOCK]):
        raise damaged(at, "the archive does not end with two blocks of zeros")


def header(name: bytes, kind: bytes, mode: int, size: int, target: bytes = b"") -> bytes:
    """One header block. A name that does not fit is cut: a pax header in front has all of it."""
    prefix, rest = split(name) or (b"", name[:100])
    block = bytearray(
        rest.ljust(100, b"\0")
        + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, 0)
        + b" " * 8
        + kind
        + target[:100].ljust(100, b"\0")
        + b"ustar\x0000"
        + bytes(64)
        + b"%07o\0%07o\0" % (0, 0)
        + prefix.ljust(167, b"\0")
    )
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def split(name: bytes) -> tuple[bytes, bytes] | None:
    """The name as ustar's prefix (at most 155 bytes) and rest (100), or None if it has no room."""
    if len(name) <= 100:
        return b"", name
    cut = name.find(b"/", len(name) - 101, 156)
    return (name[:cut], name[cut + 1 :]) if 0 < cut < len(name) - 1 else None


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def pax_record(key: str, value: bytes) -> bytes:
    """``LENGTH key=value`` and a line feed, where the length counts its own digits too."""
    rest = b" %s=%s\n" % (key.encode(), value)
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d%s" % (length, rest)


def pax_records(data: bytes, at: int) -> Iterator[tuple[str, str]]:
    while data:
        digits, space, _ = data[:20].partition(b" ")
        length = number(digits, 10, at)
        key, equals, value = data[len(digits) + 1 : length - 1].partition(b"=")
        if not space or not equals or data[length - 1 : length] != b"\n":
            raise damaged(at, "a pax record is not of the form 'LENGTH key=value'")
        data = data[length:]
        # Extended attributes hold any bytes; they are not used here.
        if key in (b"path", b"linkpath", b"size") or key.startswith(SPARSE.encode()):
            yield text(key, at), text(value, at, end=None)


def parse(block: bytes, at: int) -> tuple[str, bytes, int, int, str]:
    """Name, type, mode, size and target of a header block."""
    if number(block[148:156], 8, at) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise damaged(at, "the checksum of the header is wrong")
    name, kind = text(block[:100], at), block[156:157]
    if block[257:263] == b"ustar\0" and block[345]:
        name = text(block[345:500], at) + "/" + name
    if kind in (b"\0", b"7"):
        # Before POSIX, the name alone told that an entry is a directory.
        kind = DIRECTORY if name.endswith("/") else FILE
    mode = number(block[100:108], 8, at) & 0o7777
    return name, kind, mode, number(block[124:136], 8, at), text(block[157:257], at)


def take(data: bytes, at: int, size: int) -> bytes:
    """``size`` bytes from ``at`` on, all of them."""
    if at + size > len(data):
        raise damaged(len(data), "the archive ends in the middle")
    return data[at : at + size]


def text(field: bytes, at: int, end: bytes | None = b"\0") -> str:
    """The text up to the first NUL, or all of it."""
    try:
        return (field.partition(end)[0] if end else field).decode()
    except UnicodeDecodeError:
        raise damaged(at, "a name is not in UTF-8") from None


def number(field: bytes, base: int, at: int) -> int:
    """An integer in digits of the base or, if the top bit is set, in binary (as GNU tar does)."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    try:
        if digits and not digits.isdigit():
            raise ValueError
        return int(digits or b"0", base)
    except ValueError:
        raise damaged(at, f"{field[:20]!r} is not a number") from None


def damaged(at: int, why: str) -> ImageError:
    return ImageError(f"The tar archive is damaged at byte {at}: {why}; fetch or make it again.")
