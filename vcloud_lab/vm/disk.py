"""A copy-on-write disk: it stores the blocks that were written, and looks beneath for the others.

The same idea at two places. A *snapshot* keeps which blocks the disk had; the blocks themselves
are shared until one is written. An *overlay* is a new, empty disk on top of another one, its
*backing disk*: it reads through to it and writes only to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk_rules import DEEPEST, SECTOR, check_range, check_shape

__all__ = ["SECTOR", "Extent", "Usage", "VirtualDisk"]

Blocks = dict[int, bytes | None]
"""What a disk holds: block number -> its bytes, or None for a block of zeros.

Bytes never change, so two of these may share them. The last block may be a short one.
"""


class Extent(NamedTuple):
    """``length`` bytes from ``offset`` on that come from one place.

    ``depth`` is 0 for the disk itself, 1 for its backing disk and so on, None where no disk of the
    chain holds anything. ``zero`` tells that they read as zeros without being stored.
    """

    offset: int
    length: int
    depth: int | None
    zero: bool


class Usage(NamedTuple):
    """Counts of blocks; blocks of zeros take no room and do not count.

    ``own`` blocks are stored for the present contents; ``shared`` of them belong to a snapshot
    too, and ``kept`` others to snapshots only. ``copied`` counts the writes to a part of a block
    that first had to copy it, out of a snapshot or a backing disk.
    """

    own: int
    shared: int
    kept: int
    copied: int


class VirtualDisk:
    """A disk of ``size`` bytes that begins as zeros, or as the contents of its ``backing`` disk.

    Beyond the end of a smaller backing disk it begins as zeros. It is stored by blocks of
    ``block_size`` bytes, the unit of copying. A disk that backs another one can never be written
    again, for the other would change with it: write to the overlay. The backing disk is fixed when
    a disk is made, so a chain has no loops.

    Every method checks what it is given before it changes anything, so it does all or nothing.
    Raises ``DiskError`` for a size that is not a positive multiple of 512 bytes below 2**63, a
    block size that is not a power of two from 512 to 2**21, and a chain of more than 64 disks.
    """

    def __init__(
        self, size: int, *, backing: VirtualDisk | None = None, block_size: int = 4096
    ) -> None:
        check_shape(size, block_size)
        if not (backing is None or isinstance(backing, VirtualDisk)):
            raise DiskError(
                f"The backing disk is {backing!r}: a VirtualDisk or None is needed; make one with "
                "VirtualDisk(size) or read_qcow2(path)."
            )
        if backing is not None and backing.depth >= DEEPEST:
            raise DiskError(
                f"The backing disk is the top of a chain of {backing.depth} disks: {DEEPEST} is "
                "the most; commit some of them first."
            )
        self.size = size
        self.block_size = block_size
        self.depth: int = 1 if backing is None else backing.depth + 1
        self._backing = backing
        self._blocks: Blocks = {}
        self._snapshots: dict[str, Blocks] = {}
        self._overlays = 0
        self._copied = 0
        if backing is not None:
            backing._overlays += 1

    @property
    def backing(self) -> VirtualDisk | None:
        """The disk beneath, or None."""
        return self._backing

    @property
    def sectors(self) -> int:
        """The size in sectors of 512 bytes."""
        return self.size // SECTOR

    @property
    def writable(self) -> bool:
        """Whether it may be written: not once it backs another disk."""
        return not self._overlays

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The names of the snapshots, the oldest first."""
        return tuple(self._snapshots)

    def blocks(self, snapshot: str = "") -> Mapping[int, bytes | None]:
        """The blocks that it stores itself by their numbers, now or in a snapshot; None is a block
        of zeros. Two that are the same object are shared. Raises ``DiskError`` for unknown names.
        """
        return MappingProxyType(self._named(snapshot) if snapshot else self._blocks)

    @property
    def usage(self) -> Usage:
        """How many blocks are stored, shared and copied."""
        own = {id(block) for block in self._blocks.values() if block is not None}
        kept = {
            id(block)
            for blocks in self._snapshots.values()
            for block in blocks.values()
            if block is not None
        }
        return Usage(len(own), len(own & kept), len(kept - own), self._copied)

    def read(self, offset: int, length: int) -> bytes:
        """The ``length`` bytes from ``offset`` on.

        Raises ``DiskError`` where they are not all on the disk, and for more than 2**30 of them.
        """
        check_range(offset, length, self.size)
        found = bytearray(length)
        for at, data, _ in self._pieces(offset, offset + length):
            if isinstance(data, bytes):
                found[at - offset : at - offset + len(data)] = data
        return bytes(found)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Store ``data`` from ``offset`` on.

        Raises ``DiskError`` where not all of it is on the disk, for data that are not bytes or
        more than 2**30 of them, and for a disk that backs another one.
        """
        try:
            # A copy of its own: what the caller does to the data later must not reach the disk.
            view = memoryview(memoryview(data).tobytes())
        except TypeError:
            raise DiskError(
                f"The data to write are of the type {type(data).__name__}: bytes are needed; try "
                "b'...' or text.encode()."
            ) from None
        check_range(offset, len(view), self.size)
        self._check_writable()
        self._store(offset, offset + len(view), view)

    def zero(self, offset: int, length: int) -> None:
        """Make ``length`` bytes read as zeros; whole blocks of them need no room.

        Raises ``DiskError`` as ``write`` does.
        """
        check_range(offset, length, self.size)
        self._check_writable()
        self._store(offset, offset + length, None)

    def map(self) -> tuple[Extent, ...]:
        """Where every byte comes from, as the longest extents, in order."""
        extents: list[Extent] = []
        for at, data, depth in self._pieces(0, self.size):
            zero = not isinstance(data, bytes)
            length = data if isinstance(data, int) else len(data)
            if extents and extents[-1][2:] == (depth, zero):
                at, length = extents[-1].offset, extents.pop().length + length
            extents.append(Extent(at, length, depth, zero))
        return tuple(extents)

    def same_as(self, other: VirtualDisk) -> bool:
        """Whether both have one size and one contents, wherever those come from."""
        return self.size == other.size and all(
            two.read(at, len(data)) == data
            for one, two in ((self, other), (other, self))
            for at, data, _ in one._pieces(0, one.size)
            if isinstance(data, bytes)
        )

    def snapshot(self, name: str) -> None:
        """Keep the present contents under a name; no block is copied.

        Raises ``DiskError`` for a name that is not text, empty, or in use.
        """
        if not isinstance(name, str) or not name or name in self._snapshots:
            raise DiskError(
                f"The snapshot is named {name!r}: a name is text that no other snapshot of the "
                f"disk has ({self._known()}); choose another one."
            )
        self._snapshots[name] = dict(self._blocks)

    def restore(self, name: str) -> None:
        """Make the contents those of a snapshot again; the snapshot stays.

        Raises ``DiskError`` for an unknown name, and for a disk that backs another one.
        """
        blocks = self._named(name)
        self._check_writable()
        self._blocks = dict(blocks)

    def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot and the blocks that only it had; unknown names raise ``DiskError``."""
        self._named(name)
        del self._snapshots[name]

    def overlay(self, block_size: int | None = None) -> VirtualDisk:
        """A new, empty disk on top of this one, which can then never be written again.

        It has the same size and, unless another is given, the same block size. Raises what
        ``VirtualDisk`` raises.
        """
        size = self.block_size if block_size is None else block_size
        return VirtualDisk(self.size, backing=self, block_size=size)

    def commit(self) -> None:
        """Move the blocks of this disk down into its backing disk; its contents do not change.

        Raises ``DiskError`` where there is no backing disk or a smaller one, where another overlay
        would see the change, and where snapshots of this disk would.
        """
        below = self._backing
        if below is None:
            raise DiskError("The disk has no backing disk to commit to: only an overlay has one.")
        if below.size < self.size:
            raise DiskError(
                f"The backing disk has {below.size} bytes and this one {self.size}: a commit needs "
                "room for all of them; write the disk to a file of its own with write_qcow2."
            )
        if below._overlays > 1:
            raise DiskError(
                f"The backing disk has been given {below._overlays} overlays: a commit would "
                "change what the others see; keep this overlay as it is."
            )
        if self._snapshots:
            raise DiskError(
                f"The disk has snapshots ({self._known()}): they look through to the backing disk "
                "and would change with it; delete them before the commit."
            )
        for number, block in self._blocks.items():
            first, last = self._span(number)
            below._store(first, last, None if block is None else memoryview(block))
        self._blocks = {}

    def __repr__(self) -> str:
        return (
            f"VirtualDisk(size={self.size}, block_size={self.block_size}, "
            f"own={len(self._blocks)} blocks, depth={self.depth})"
        )

    def _pieces(
        self, start: int, end: int, depth: int = 0
    ) -> Iterator[tuple[int, bytes | int, int | None]]:
        """The bytes from ``start`` to ``end``, piece by piece.

        Each is its offset, its bytes or a number of zeros, and the depth of the disk it comes from.
        The steps are as many as the blocks stored, not as the blocks there could be.
        """
        numbers = self._numbers(start, end)
        if len(numbers) < len(self._blocks):
            held = [number for number in numbers if number in self._blocks]
        else:
            held = sorted(number for number in self._blocks if number in numbers)
        for number in held:
            first, last = self._span(number)
            if start < first:
                yield from self._beneath(start, first, depth)
                start = first
            stop, block = min(end, last), self._blocks[number]
            data = stop - start if block is None else block[start - first : stop - first]
            yield start, data, depth
            start = stop
        if start < end:
            yield from self._beneath(start, end, depth)

    def _beneath(
        self, start: int, end: int, depth: int
    ) -> Iterator[tuple[int, bytes | int, int | None]]:
        """The pieces that this disk leaves to its backing disk, or to nothing."""
        if self._backing is not None and start < self._backing.size:
            stop = min(end, self._backing.size)
            yield from self._backing._pieces(start, stop, depth + 1)
            start = stop
        if start < end:
            yield start, end - start, None

    def _store(self, offset: int, end: int, data: memoryview | None) -> None:
        """Put data, or zeros, from ``offset`` to ``end``, once all blocks of it are made."""
        fresh: Blocks = {}
        for number in self._numbers(offset, end):
            first, last = self._span(number)
            begin, stop = max(offset, first), min(end, last)
            part = None if data is None else bytes(data[begin - offset : stop - offset])
            if stop - begin < last - first:
                part = self._merged(number, begin, part or bytes(stop - begin))
            fresh[number] = part
        self._blocks.update(fresh)

    def _merged(self, number: int, begin: int, part: bytes) -> bytes:
        """The copy of copy on write: the whole block with ``part`` put in at offset ``begin``."""
        first, last = self._span(number)
        merged = bytearray(self.read(first, last - first))
        merged[begin - first : begin - first + len(part)] = part
        if number not in self._blocks:
            beneath = self._beneath(first, last, 0)
            self._copied += any(isinstance(data, bytes) for _, data, _ in beneath)
        elif (block := self._blocks[number]) is not None:
            self._copied += any(old.get(number) is block for old in self._snapshots.values())
        return bytes(merged)

    def _numbers(self, start: int, end: int) -> range:
        """The blocks that the bytes from ``start`` to ``end`` touch."""
        return range(start // self.block_size, -(-end // self.block_size) if start < end else 0)

    def _span(self, number: int) -> tuple[int, int]:
        """Where a block begins and ends; the last one ends with the disk."""
        first = number * self.block_size
        return first, min(first + self.block_size, self.size)

    def _named(self, name: str) -> Blocks:
        if not isinstance(name, str) or name not in self._snapshots:
            raise DiskError(
                f"The disk has no snapshot {name!r} ({self._known()}): take one with "
                f"snapshot({name!r}) first."
            )
        return self._snapshots[name]

    def _known(self) -> str:
        return f"it has {', '.join(map(repr, self._snapshots)) or 'none'}"

    def _check_writable(self) -> None:
        if self._overlays:
            raise DiskError(
                f"The disk backs other disks ({self._overlays} so far), and they would change with "
                "it: a backing disk is never written; write to the overlay."
            )
