"""What a virtual disk may be asked for: its sizes, its limits and the bytes of one step."""

from __future__ import annotations

from vcloud_lab.errors import DiskError

__all__ = [
    "DEEPEST",
    "LARGEST",
    "LONGEST",
    "SECTOR",
    "SMALLEST",
    "check_range",
    "check_shape",
]

SECTOR = 512
"""Bytes of a sector: the size of a disk is a whole number of them."""

SMALLEST, LARGEST = 512, 2**21
"""Bytes of a block: the cluster sizes that QEMU reads."""

DEEPEST = 64
"""The most disks in a chain, the top one included."""

LONGEST = 2**30
"""The most bytes of one read or write."""


def check_shape(size: int, block_size: int) -> None:
    """Raise ``DiskError`` for a size of a disk or of its blocks that cannot be."""
    if not _is_whole(size) or not 0 < size < 2**63 or size % SECTOR:
        raise DiskError(
            f"The disk has a size of {size!r} bytes: a positive multiple of {SECTOR} below 2**63 "
            "is needed; try 2**20."
        )
    if (
        not _is_whole(block_size)
        or not SMALLEST <= block_size <= LARGEST
        or block_size & (block_size - 1)
    ):
        raise DiskError(
            f"The blocks have {block_size!r} bytes: a power of two from {SMALLEST} to {LARGEST} "
            "is needed; try 4096."
        )


def check_range(offset: int, length: int, size: int) -> None:
    """Raise ``DiskError`` unless ``length`` bytes from ``offset`` on are on a disk of ``size``."""
    for what, value in (("offset", offset), ("length", length)):
        if not _is_whole(value) or value < 0:
            raise DiskError(
                f"The {what} is {value!r}: a whole number of bytes from 0 is needed; change it."
            )
    if offset + length > size:
        raise DiskError(
            f"Bytes {offset} to {offset + length} are asked for: the disk ends at {size}; stay "
            "below it."
        )
    if length > LONGEST:
        raise DiskError(
            f"{length} bytes are asked for at once: {LONGEST} is the most; take several steps."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
