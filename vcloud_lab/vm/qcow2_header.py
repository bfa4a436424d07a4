"""The header of a qcow2 image: its fields, its rules, its extensions and its snapshot table.

The format is QEMU's, described in QEMU's docs/interop/qcow2.rst. Every number is big-endian.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk_rules import SECTOR

__all__ = [
    "COMPRESSED",
    "GET",
    "MAGIC",
    "MOST_L1",
    "ONLY",
    "PLACE",
    "ZERO",
    "Header",
    "Snapshot",
    "l1_entries",
    "pack_header",
    "read_header",
    "refuse",
    "take",
]

MAGIC = b"QFI\xfb"

FIELDS = struct.Struct(">4sIQIIQIIQQIIQ")
"""The whole header of version 2, as in ``Fields``."""

MORE = struct.Struct(">QQQII")
"""Version 3: incompatible, compatible and auto-clear features, refcount_order, header_length."""

ENTRY = struct.Struct(">QIHHIIQII")
"""A snapshot: place and entries of its L1 table, lengths of id and name, seconds, nanoseconds,
clock of the guest, bytes of the machine's state, bytes of extra data."""

PLACE = (1 << 56) - (1 << 9)
"""The bits of an entry that tell a place in the file."""

COMPRESSED = 1 << 62
ONLY = 1 << 63
"""Set where the refcount of a cluster is exactly one: it may be written without copying."""

ZERO = 1

BACKING_FORMAT = 0xE2792ACA
MOST_L1 = 2**22
MOST_COUNTS = 2**23
MOST_NAME = 1023
MOST_SNAPSHOTS = 65536
MOST_EXTRA = 1024

GET = "get a sound copy of it"

INCOMPATIBLE = {
    0: "the dirty bit (it was not closed; repair it with qemu-img check -r all)",
    1: "the corrupt bit (repair it with qemu-img check -r all)",
    2: "an external data file (make one file of it with qemu-img convert)",
    3: "another compression than zlib (write it anew with qemu-img convert)",
    4: "extended L2 entries (write it anew with qemu-img convert)",
}
ENCRYPTION = {1: "AES", 2: "LUKS"}


class Fields(NamedTuple):
    """The fields of version 2 in the order of the file; a table is a place and its entries."""

    magic: bytes
    version: int
    name_offset: int
    name_length: int
    cluster_bits: int
    size: int
    encryption: int
    l1_size: int
    l1_offset: int
    counts_offset: int
    counts_clusters: int
    snapshot_count: int = 0
    snapshot_offset: int = 0


class Snapshot(NamedTuple):
    """A snapshot inside an image: ``size`` is that of its disk, in bytes."""

    id: str
    name: str
    size: int


class Header(NamedTuple):
    """What the header of an image says; sizes and offsets are in bytes.

    ``backing`` is the name of the backing file as it is written, None without one, and
    ``backing_format`` its format, None where the image does not tell.
    """

    version: int
    size: int
    cluster_size: int
    l1_offset: int
    backing: str | None
    backing_format: str | None
    snapshots: tuple[Snapshot, ...]


def l1_entries(size: int, cluster_size: int) -> int:
    """How many entries the L1 table of a disk needs: one for each L2 table of one cluster."""
    return -(-size // (cluster_size * cluster_size // 8))


def refuse(path: Path, reason: str) -> NoReturn:
    """Raise the ``DiskError`` of an image that cannot be read."""
    raise DiskError(f"The image '{path}' cannot be read: {reason}.")


def take(file: BinaryIO, path: Path, offset: int, length: int, what: str) -> bytes:
    """Read exactly that many bytes, or raise ``DiskError`` where the file ends before them."""
    end = file.seek(0, 2)
    if offset + length > end:
        refuse(
            path,
            f"its {what} is at byte {offset} to {offset + length}, and the file ends at {end}; get "
            "the whole file",
        )
    file.seek(offset)
    return file.read(length)


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read and check the header. Raises ``DiskError`` for what is not allowed or not supported."""
    start = file.read(4)
    if start != MAGIC:
        refuse(path, f"it begins with {start!r}, a qcow2 image with {MAGIC!r}; give a qcow2 image")
    fields = Fields._make(FIELDS.unpack(take(file, path, 0, FIELDS.size, "header")))
    if fields.version not in (2, 3):
        known = "only 2 and 3 are known; write it anew with qemu-img convert"
        refuse(path, f"its version is {fields.version}, and {known}")
    if not 9 <= fields.cluster_bits <= 21:
        refuse(path, f"its cluster_bits is {fields.cluster_bits}, and must be 9 to 21; {GET}")
    cluster, length = 1 << fields.cluster_bits, FIELDS.size
    if fields.version == 3:
        length = _check_features(file, path, cluster)
    if fields.encryption:
        method = ENCRYPTION.get(fields.encryption, f"method {fields.encryption}")
        refuse(path, f"it is encrypted ({method}); decrypt it with qemu-img convert")
    if not 0 < fields.size < 2**63 or fields.size % SECTOR:
        refuse(
            path, f"its disk has {fields.size} bytes, not a positive multiple of {SECTOR}; {GET}"
        )
    for what, offset in (("L1 table", fields.l1_offset), ("refcount table", fields.counts_offset)):
        if offset % cluster or not offset:
            refuse(path, f"its {what} is at byte {offset}, not at a cluster of {cluster}; {GET}")
        take(file, path, offset, 8, what)
    if not 0 < fields.counts_clusters * cluster <= MOST_COUNTS:
        refuse(
            path,
            f"its refcount table has {fields.counts_clusters} clusters of {cluster} bytes: from 1 "
            f"to {MOST_COUNTS} bytes in all are allowed; {GET}",
        )
    header = Header(
        fields.version,
        fields.size,
        cluster,
        fields.l1_offset,
        *_backing(file, path, fields, length),
        _snapshots(file, path, fields),
    )
    needed = l1_entries(fields.size, cluster)
    if not needed <= fields.l1_size <= MOST_L1:
        refuse(
            path,
            f"its L1 table has {fields.l1_size} entries: a disk of {fields.size} bytes needs "
            f"{needed}, and {MOST_L1} is the most; {GET}",
        )
    return header


def _check_features(file: BinaryIO, path: Path, cluster: int) -> int:
    """Check the fields of version 3 and return the length of the header."""
    length: int
    incompatible, _, _, refcount_order, length = MORE.unpack(
        take(file, path, FIELDS.size, MORE.size, "header")
    )
    for bit in range(64):
        if incompatible >> bit & 1:
            unknown = f"the unknown incompatible feature {bit} (use a newer program for it)"
            refuse(path, f"it uses {INCOMPATIBLE.get(bit, unknown)}")
    if refcount_order > 6:
        refuse(path, f"its refcount_order is {refcount_order}, and must be 0 to 6; {GET}")
    if not FIELDS.size + MORE.size <= length <= cluster or length % 8:
        refuse(
            path,
            f"its header has {length} bytes: a multiple of 8 from {FIELDS.size + MORE.size} to a "
            f"cluster of {cluster} is needed; {GET}",
        )
    return length


def _text(path: Path, raw: bytes, what: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    if any(letter < " " for letter in text):
        refuse(path, f"its {what} is {raw[:20]!r}, which is no text; {GET}")
    return text


def _backing(file: BinaryIO, path: Path, fields: Fields, at: int) -> tuple[str | None, str | None]:
    """The name of the backing file and its format, from the header extensions from ``at`` on.

    An extension is a type, a length, and data padded to 8 bytes.
    """
    end = fields.name_offset
    if not end:
        return None, None
    if (
        not 0 < fields.name_length <= MOST_NAME
        or end + fields.name_length > 1 << fields.cluster_bits
    ):
        refuse(
            path,
            f"the name of its backing file is at byte {end} with {fields.name_length} bytes: 1 to "
            f"{MOST_NAME} in the first cluster are allowed; {GET}",
        )
    name = take(file, path, end, fields.name_length, "backing file's name")
    backing, backing_format = _text(path, name, "backing file's name"), None
    while at + 8 <= end:
        kind, length = struct.unpack(">II", take(file, path, at, 8, "header extension"))
        if not kind:
            break
        if at + 8 + length > end:
            refuse(path, f"its header extension at byte {at} has {length} bytes: too many; {GET}")
        if kind == BACKING_FORMAT:
            text = take(file, path, at + 8, length, "backing file's format")
            backing_format = _text(path, text, "backing file's format")
        at += 8 + -(-length // 8) * 8
    return backing, backing_format


def _snapshots(file: BinaryIO, path: Path, fields: Fields) -> tuple[Snapshot, ...]:
    """Walk the snapshot table, whose entries have different lengths."""
    what, at, count = "snapshot table", fields.snapshot_offset, fields.snapshot_count
    if count > MOST_SNAPSHOTS:
        refuse(path, f"it has {count} snapshots, and {MOST_SNAPSHOTS} is the most; {GET}")
    if count and (at % (1 << fields.cluster_bits) or not at):
        refuse(path, f"its {what} is at byte {at}, where no cluster of its own begins; {GET}")
    found = []
    for _ in range(count):
        entry = ENTRY.unpack(take(file, path, at, ENTRY.size, what))
        id_length, name_length, extra = entry[2], entry[3], entry[8]
        if extra > MOST_EXTRA:
            refuse(path, f"its {what} has {extra} extra bytes at {at}: too many; {GET}")
        rest = take(file, path, at + ENTRY.size, extra + id_length + name_length, what)
        id_, name = rest[extra : extra + id_length], rest[extra + id_length :]
        size = int.from_bytes(rest[8:16], "big") if extra >= 16 else fields.size
        found.append(Snapshot(_text(path, id_, what), _text(path, name, what), size))
        at += -(-(ENTRY.size + len(rest)) // 8) * 8
    return tuple(found)


def pack_header(
    size: int, cluster_size: int, tables: tuple[int, int, int, int], backing: tuple[bytes, bytes]
) -> bytes:
    """The bytes of a header of version 3.

    ``tables`` are the entries and the place of the L1 table, the place and the clusters of the
    refcount table; ``backing`` is the name of the backing file and its format, both empty without
    one. Raises ``DiskError`` for a name that does not fit into the first cluster.
    """
    (name, kind), length = backing, FIELDS.size + MORE.size
    extensions = bytes(8)
    if name:
        extensions = struct.pack(">II8s", BACKING_FORMAT, len(kind), kind) + extensions
    room = min(MOST_NAME, cluster_size - length - len(extensions))
    if len(name) > room:
        raise DiskError(
            f"The name of the backing file has {len(name)} bytes: {room} is the most beside blocks "
            f"of {cluster_size} bytes; choose a shorter one."
        )
    name_offset = length + len(extensions) if name else 0
    cluster_bits = cluster_size.bit_length() - 1
    fields = Fields(MAGIC, 3, name_offset, len(name), cluster_bits, size, 0, *tables)
    return FIELDS.pack(*fields) + MORE.pack(0, 0, 0, 4, length) + extensions + name
