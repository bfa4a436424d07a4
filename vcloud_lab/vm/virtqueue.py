"""A split virtqueue: how a driver hands buffers to a device, and gets them back, in plain RAM.

Three areas. The *descriptor table* has an address, a length and flags for each buffer, and chains
buffers to a request. In the *available ring* the driver lists the heads of new chains, in the *used
ring* the device lists those that it is done with. Both rings have an index that only grows, modulo
2**16; nobody needs a lock, for each area has one writer.

A device must not trust a guest: everything is checked before it is used, and what breaks the rules
raises ``RingError``, which never leaves the device.

Source: OASIS, Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.vm.memory import Bus

__all__ = ["MOST", "Chain", "RingError", "Virtqueue", "gather", "length", "scatter"]

MOST = 128
"""The most descriptors of a queue."""

NEXT, WRITE = 1, 2
NO_INTERRUPT = 1
DESCRIPTOR = struct.Struct("<QIHH")

Buffers = list[tuple[int, int]]
"""Address and length of each; all of them are in RAM."""


class RingError(Exception):
    """The driver broke a rule of the queue; the device must be reset."""


class Chain(NamedTuple):
    """A request: its first descriptor, what the device may read, and what it may write."""

    head: int
    readable: Buffers
    writable: Buffers


@dataclass
class Virtqueue:
    """A queue of ``size`` descriptors at ``table``, with its rings at ``available`` and ``used``.

    ``taken`` and ``returned`` count chains, modulo 2**16.
    """

    size: int
    table: int
    available: int
    used: int
    taken: int = 0
    returned: int = 0

    def check(self, bus: Bus) -> None:
        """Raise ``RingError`` for a size or a place that the queue must not have."""
        if self.size not in (1 << power for power in range(MOST.bit_length())):
            raise RingError(f"a queue of {self.size} descriptors")
        for at, alignment, room in (
            (self.table, 16, 16 * self.size),
            (self.available, 2, 4 + 2 * self.size),
            (self.used, 4, 4 + 8 * self.size),
        ):
            if at % alignment or not _in_ram(bus, at, room):
                raise RingError(f"an area at {at:#x}")

    def waiting(self, bus: Bus) -> int:
        """How many chains the driver has made available and the device has not taken."""
        new = bus.read(self.available + 2, 2) - self.taken & 0xFFFF
        if new > self.size:
            raise RingError(f"{new} chains in a queue of {self.size}")
        return new

    def take(self, bus: Bus) -> Chain:
        """The next available chain."""
        at = head = bus.read(self.available + 4 + 2 * (self.taken % self.size), 2)
        chain, flags = Chain(head, [], []), NEXT
        for _ in range(self.size):
            if at >= self.size:
                raise RingError(f"descriptor {at} of {self.size}")
            start = self.table + 16 * at - bus.base
            address, size, flags, at = DESCRIPTOR.unpack_from(bus.ram, start)
            if flags & ~(NEXT | WRITE):
                raise RingError(f"flags {flags:#x}")  # indirect tables are not offered
            if not _in_ram(bus, address, size):
                raise RingError(f"a buffer of {size} bytes at {address:#x}")
            if chain.writable and not flags & WRITE:
                raise RingError("a readable buffer after a writable one")
            (chain.writable if flags & WRITE else chain.readable).append((address, size))
            if not flags & NEXT:
                break
        else:
            raise RingError("a loop of descriptors")
        self.taken = self.taken + 1 & 0xFFFF
        return chain

    def give_back(self, bus: Bus, head: int, written: int) -> None:
        """Tell the driver that a chain is done with, and how many bytes were written into it."""
        at = self.used + 4 + 8 * (self.returned % self.size)
        bus.write(at, 4, head)
        bus.write(at + 4, 4, written)
        self.returned = self.returned + 1 & 0xFFFF
        bus.write(self.used + 2, 2, self.returned)  # last, for it is what the driver looks at

    def quiet(self, bus: Bus) -> bool:
        """Whether the driver wants no interrupt."""
        return bool(bus.read(self.available, 2) & NO_INTERRUPT)


def length(buffers: Buffers) -> int:
    """The bytes of all of them."""
    return sum(size for _, size in buffers)


def gather(bus: Bus, buffers: Buffers, most: int) -> bytes:
    """What stands in the buffers, one after the other, up to ``most`` bytes."""
    parts = (
        bus.ram[at - bus.base : at - bus.base + size] for at, size in _pieces(buffers, 0, most)
    )
    return b"".join(parts)


def scatter(bus: Bus, buffers: Buffers, skip: int, data: bytes) -> None:
    """Write data into the buffers, from byte ``skip`` of them on."""
    done = 0
    for at, size in _pieces(buffers, skip, len(data)):
        bus.load_image(data[done : done + size], at)  # which also tells of pages with code
        done += size


def _pieces(buffers: Buffers, skip: int, most: int) -> Iterator[tuple[int, int]]:
    """The parts of the buffers that hold ``most`` bytes after the first ``skip``."""
    for at, size in buffers:
        begin = min(skip, size)
        part = min(size - begin, most)
        if part:
            yield at + begin, part
        skip, most = skip - begin, most - part


def _in_ram(bus: Bus, at: int, size: int) -> bool:
    return bus.base <= at and at + size <= bus.end
