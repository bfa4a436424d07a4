"""Reading a qcow2 image and the backing files beneath it.

Source of the format: QEMU, docs/interop/qcow2.rst. Whatever a file holds, the outcome is a disk or
a ``DiskError``, and the work is bounded by the bytes that are read.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.disk_rules import DEEPEST, SECTOR
from vcloud_lab.vm.qcow2_header import (
    COMPRESSED,
    GET,
    MAGIC,
    ONLY,
    PLACE,
    ZERO,
    Header,
    l1_entries,
    read_header,
    refuse,
    take,
)

__all__ = ["Reader"]

RAW_BLOCK = 2**16
"""Bytes of a block of a disk that is read from a raw file."""


class Reader:
    """Reads a chain of images, and at most ``room`` bytes of tables and data in all."""

    def __init__(self, most: int) -> None:
        self.most = self.room = most

    def open(self, path: Path, above: tuple[str, ...], kind: str | None) -> tuple[VirtualDisk, str]:
        """The disk of a file and its format; ``above`` are the files whose chain led here."""
        if not os.path.isfile(path):
            refuse(path, "there is no such file; check the name")
        place = os.path.realpath(path)
        if place in above:
            refuse(path, "it is its own backing file, through a loop; give one image another one")
        if len(above) >= DEEPEST:
            refuse(
                path,
                f"it is number {len(above) + 1} of a chain, and {DEEPEST} is the most; merge some "
                "with qemu-img commit",
            )
        try:
            with open(path, "rb") as file:
                if kind is None:
                    kind = "qcow2" if file.read(4) == MAGIC else "raw"
                    file.seek(0)
                if kind == "raw":
                    return self.raw(file, path), kind
                if kind == "qcow2":
                    return self.qcow2(file, path, (*above, place)), kind
        except OSError as error:
            refuse(path, f"{error.strerror or error}; check its permissions")
        refuse(path, f"its format is {kind!r}, only qcow2 and raw are known; use qemu-img convert")

    def beneath(
        self, path: Path, name: str, kind: str | None, above: tuple[str, ...]
    ) -> tuple[VirtualDisk, str]:
        """The disk of the backing file of the image at ``path``, and its format."""
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:", name):
            refuse(path, f"its backing file is {name!r}, and only plain files are followed")
        return self.open(path.parent / name, above, kind)

    def raw(self, file: BinaryIO, path: Path) -> VirtualDisk:
        """The contents of a raw image are the disk."""
        size = file.seek(0, 2)
        self.use(path, size)
        disk = VirtualDisk(-(-size // SECTOR) * SECTOR, block_size=RAW_BLOCK)
        file.seek(0)
        for offset in range(0, size, RAW_BLOCK):
            data = file.read(RAW_BLOCK)
            if data != bytes(len(data)):
                disk.write(offset, data)
        return disk

    def qcow2(self, file: BinaryIO, path: Path, above: tuple[str, ...]) -> VirtualDisk:
        """The disk whose blocks are the clusters that the tables name."""
        header, backing = read_header(file, path), None
        if header.backing is not None:
            backing, _ = self.beneath(path, header.backing, header.backing_format, above)
        disk = VirtualDisk(header.size, backing=backing, block_size=header.cluster_size)
        for number, entry in self.entries(file, path, header):
            offset = number * header.cluster_size
            length = min(header.cluster_size, header.size - offset)
            if length <= 0:
                continue  # beyond the disk: the state of a machine is kept there
            if entry & COMPRESSED:
                disk.write(offset, self.inflated(file, path, header, entry)[:length])
                continue
            place = _place(path, entry & ~ZERO, header.cluster_size, f"cluster {number}")
            if entry & ZERO:
                if header.version < 3:
                    refuse(path, f"its cluster {number} is one of zeros, unknown before version 3")
                disk.zero(offset, length)
            else:
                self.use(path, length)
                disk.write(offset, take(file, path, place, length, f"cluster {number}"))
        return disk

    def entries(self, file: BinaryIO, path: Path, header: Header) -> Iterator[tuple[int, int]]:
        """The number of each cluster that has an entry in an L2 table, and the entry."""
        cluster, entries = header.cluster_size, l1_entries(header.size, header.cluster_size)
        self.use(path, entries * 8)
        l1 = np.frombuffer(take(file, path, header.l1_offset, entries * 8, "L1 table"), ">u8")
        seen = set()
        for row in np.flatnonzero(l1).tolist():
            place = _place(path, int(l1[row]), cluster, f"L2 table {row}")
            if place in seen:
                refuse(path, f"its L2 table {row} is that of other clusters too; {GET}")
            seen.add(place)
            self.use(path, cluster)
            l2 = np.frombuffer(take(file, path, place, cluster, f"L2 table {row}"), ">u8")
            for column in np.flatnonzero(l2).tolist():
                yield row * len(l2) + column, int(l2[column])

    def inflated(self, file: BinaryIO, path: Path, header: Header, entry: int) -> bytes:
        """A compressed cluster; the file may end within its last sector of 512 bytes."""
        bits = header.cluster_size.bit_length() - 1 - 8
        place = entry & ((1 << 62 - bits) - 1)
        sectors = 1 + (entry >> 62 - bits & (1 << bits) - 1)
        take(file, path, place, 1, "compressed cluster")
        self.use(path, header.cluster_size)
        file.seek(place)
        stored = file.read(sectors * SECTOR - place % SECTOR)
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, header.cluster_size)
        except zlib.error:
            data = b""
        if len(data) < header.cluster_size:
            refuse(path, f"its compressed cluster at byte {place} is damaged; {GET}")
        return data

    def use(self, path: Path, length: int) -> None:
        """Count what is read, so that no image, however made, takes more than was allowed."""
        self.room -= length
        if self.room < 0:
            refuse(
                path,
                f"with its backing files it has more than {self.most} bytes of tables and data; "
                "allow more with the option most",
            )


def _place(path: Path, entry: int, cluster: int, what: str) -> int:
    place = entry & PLACE
    if entry & ~(PLACE | ONLY) or place % cluster or entry == ONLY:
        refuse(path, f"the entry of its {what} is {entry:#x}, which names no cluster; {GET}")
    return place
