"""Virtual disks in files of QEMU's format qcow2.

An image is a file of *clusters*, which are the blocks of a disk. A table of two levels says where
each cluster of the disk is in the file: the number of the cluster, divided by the entries of an L2
table, picks an entry of the L1 table, which tells where the L2 table is; the remainder picks its
entry, which tells where the data are. A second pair of tables counts how often each cluster of the
file is used. Source: QEMU, docs/interop/qcow2.rst.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.disk_rules import LONGEST
from vcloud_lab.vm.qcow2_header import (
    MOST_L1,
    ONLY,
    ZERO,
    Header,
    l1_entries,
    pack_header,
    read_header,
    refuse,
)
from vcloud_lab.vm.qcow2_reader import Reader

__all__ = ["inspect_qcow2", "read_qcow2", "write_qcow2"]


def _path(path: str | os.PathLike[str]) -> Path:
    try:
        found = Path(path)
    except TypeError:
        found = Path("\0")
    if "\0" in str(found):
        raise DiskError(f"The path is {path!r}: text without '\\0' is needed; try 'disk.qcow2'.")
    return found


def inspect_qcow2(path: str | os.PathLike[str]) -> Header:
    """What the header of an image says, its internal snapshots included; no data are read.

    Raises ``DiskError`` for a file that is no qcow2 image or has features that are not supported.
    """
    path = _path(path)
    if not os.path.isfile(path):
        refuse(path, "there is no such file; check the name")
    try:
        with open(path, "rb") as file:
            return read_header(file, path)
    except OSError as error:
        refuse(path, f"{error.strerror or error}; check its permissions")


def read_qcow2(path: str | os.PathLike[str], *, most: int = LONGEST) -> VirtualDisk:
    """The disk of an image of version 2 or 3, on top of the disks of its backing files.

    Backing files are qcow2 or raw; relative names are relative to the folder of the image that
    names them. What is stored is read at once, at most ``most`` bytes of it for the whole chain,
    so the files may change later. The image's internal snapshots stay in the file.
    Raises ``DiskError`` for a file, or a backing file, that is missing, damaged, part of a loop,
    or uses encryption, an external data file, zstd or extended L2 entries.
    """
    if not isinstance(most, int) or most < 0:
        raise DiskError(f"The option most is {most!r}: a number of bytes is needed; try 2**30.")
    return Reader(most).open(_path(path), (), "qcow2")[0]


def write_qcow2(
    disk: VirtualDisk, path: str | os.PathLike[str], backing: str | os.PathLike[str] | None = None
) -> None:
    """Write the contents of a disk as an image of version 3; its blocks become the clusters.

    Without ``backing`` the image holds what the disk and its backing disks hold. With the name of
    a file that holds the contents of the backing disk, relative to the folder of the image, only
    the blocks of the disk itself are stored. Snapshots are not written. The image is written
    beside its place and moved there when it is complete: an old one is replaced whole.
    Raises ``DiskError`` when the image cannot be written, and when the backing file is missing or
    holds something else.
    """
    if not isinstance(disk, VirtualDisk):
        raise DiskError(f"The disk is {disk!r}: a VirtualDisk is needed; try VirtualDisk(2**20).")
    target = _path(path)
    named = (b"", b"")
    if backing is not None:
        if disk.backing is None:
            raise DiskError(f"The disk has no backing disk for {backing!r}: leave backing out.")
        above = (os.path.realpath(target),)
        _path(backing)
        name = os.fspath(backing)
        base, kind = Reader(LONGEST).beneath(target, name, None, above)
        if not base.same_as(disk.backing):
            raise DiskError(
                f"The file {backing!r} does not hold the backing disk: its contents differ; write "
                "the backing disk to it first."
            )
        named = (os.fsencode(name), kind.encode())
    clusters = _clusters(disk, whole=backing is None)
    if l1_entries(disk.size, disk.block_size) > MOST_L1:
        raise DiskError(
            f"A disk of {disk.size} bytes in blocks of {disk.block_size} needs more than {MOST_L1} "
            "L2 tables: make it with larger blocks."
        )
    try:
        _replace(target, _image(disk, clusters, named))
    except OSError as error:
        raise DiskError(
            f"The image '{target}' cannot be written ({error.strerror or error}): nothing was "
            "changed; choose another place."
        ) from error


def _clusters(disk: VirtualDisk, *, whole: bool) -> dict[int, bool]:
    """The clusters to store, in order, and whether they have data that are not all zeros."""
    found: dict[int, bool] = {}
    for offset, length, depth, zero in disk.map():
        if depth == 0 or (whole and depth is not None):
            end = -(-(offset + length) // disk.block_size)
            for number in range(offset // disk.block_size, end):
                found[number] = found.get(number, False) or not zero
    return found


def _image(
    disk: VirtualDisk, clusters: dict[int, bool], named: tuple[bytes, bytes]
) -> Iterator[bytes]:
    """The file from its first byte to its last: header, L1, L2 tables, data, refcounts."""
    cluster = disk.block_size
    columns = cluster // 8
    data = [number for number, stored in clusters.items() if stored]
    rows = sorted({number // columns for number in clusters})
    entries = l1_entries(disk.size, cluster)
    l2_at = 1 + -(-entries * 8 // cluster)
    data_at = l2_at + len(rows)
    counts_at = data_at + len(data)
    blocks, count_clusters = _refcounts(counts_at, cluster)
    l1 = np.zeros((l2_at - 1) * columns, ">u8")
    l1[rows] = [ONLY | (l2_at + place) * cluster for place in range(len(rows))]
    l2 = dict.fromkeys(clusters, ZERO)
    l2.update((number, ONLY | (data_at + at) * cluster) for at, number in enumerate(data))

    tables = (entries, cluster, counts_at * cluster, count_clusters)
    yield pack_header(disk.size, cluster, tables, named).ljust(cluster, b"\0")
    yield l1.tobytes()
    for row in rows:
        numbers = range(row * columns, (row + 1) * columns)
        yield np.array([l2.get(number, 0) for number in numbers], ">u8").tobytes()
    for number in data:
        offset = number * cluster
        length = min(cluster, disk.size - offset)
        yield disk.read(offset, length).ljust(cluster, b"\0")
    table = np.zeros(count_clusters * columns, ">u8")
    table[:blocks] = (counts_at + count_clusters + np.arange(blocks)) * cluster
    yield table.tobytes()
    counts = np.zeros(blocks * cluster // 2, ">u2")
    counts[: counts_at + count_clusters + blocks] = 1
    yield counts.tobytes()


def _refcounts(others: int, cluster: int) -> tuple[int, int]:
    """How many refcount blocks are needed, and clusters for their table: they count too."""
    blocks = table = 0
    while True:
        enough = -(-(others + table + blocks) // (cluster // 2))
        if enough == blocks:
            return blocks, table
        blocks, table = enough, -(-enough * 8 // cluster)


def _replace(target: Path, parts: Iterator[bytes]) -> None:
    """Write a file beside its place and move it there; what goes wrong leaves nothing behind."""
    if os.path.lexists(target) and not os.path.isfile(target):
        raise OSError(None, "there is something there that is no file")
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, target)
    finally:
        Path(scratch).unlink(missing_ok=True)
