"""Physical memory and the bus: which address is RAM, which is a device, which is nothing.

The bus is little-endian. Addresses are physical, of 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vcloud_lab.errors import GuestError

__all__ = ["MOST_MEMORY", "Bus", "BusError", "Device"]

MOST_MEMORY = 1 << 30
"""The most RAM of a machine: a gigabyte."""


class Device(Protocol):
    """What answers on the bus: registers at offsets from the device's first address."""

    def read(self, offset: int, size: int) -> int:
        """The value of ``size`` bytes (1, 2 or 4) at ``offset``."""

    def write(self, offset: int, size: int, value: int) -> None:
        """Store the low ``size`` bytes of ``value`` at ``offset``."""


class BusError(Exception):
    """Nothing answers at a physical address. The hart makes an access fault of it."""


class Bus:
    """RAM from ``base`` on, and devices at other addresses.

    ``ram`` is the memory, whose size never changes; ``words`` are the same bytes as
    32-bit numbers. Before a page of RAM (by its number) with a mark in ``code`` is written,
    ``code_written`` is called with it, so that a translator can forget what it made of it.

    Raises ``GuestError`` for a size that is not a multiple of 4096 bytes from 4096 to 1 GiB, for a
    base that is not a multiple of 1 GiB, and for a device that overlaps the RAM or another one.
    """

    def __init__(self, size: int, base: int = 0x80000000) -> None:
        if not isinstance(size, int) or size % 4096 or not 4096 <= size <= MOST_MEMORY:
            raise GuestError(
                f"The memory has {size} bytes: a multiple of 4096 from 4096 to {MOST_MEMORY} is "
                "needed; try 16 * 2**20."
            )
        if base not in range(0, 1 << 32, MOST_MEMORY):
            raise GuestError(
                f"The memory begins at {base:#x}: it must begin at a multiple of 1 GiB "
                "below 4 GiB; try 0x80000000."
            )
        self.base, self.end = base, base + size
        self.ram: bytearray | memoryview = bytearray(size)
        self.words = memoryview(self.ram).cast("I")
        self.halves = memoryview(self.ram).cast("H")
        self.devices: list[tuple[int, int, Device]] = []
        self.code: bytearray | memoryview = bytearray(size >> 12)
        self.code_written: Callable[[int], None] = lambda page: None

    def move_into(self, other: Bus, at: int) -> None:
        """Let the RAM be a part of another bus's RAM, from its physical address ``at`` on.

        So a host keeps the memory of its guests. What is in the RAM now moves with it.
        """
        part, before = slice(at - other.base, at - other.base + len(self.ram)), self.ram
        self.ram = memoryview(other.ram)[part]
        self.ram[:] = before
        self.words, self.halves = self.ram.cast("I"), self.ram.cast("H")
        first = part.start >> 12
        self.code = memoryview(other.code)[first : part.stop >> 12]
        self.code_written = lambda page: other.code_written(page + first)

    def attach(self, start: int, length: int, device: Device) -> None:
        """Let a device answer from ``start`` on for ``length`` bytes."""
        end = start + length
        taken = [(self.base, self.end), *((low, high) for low, high, _ in self.devices)]
        for low, high in taken:
            if start < high and low < end:
                raise GuestError(
                    f"A device was put at {start:#x} to {end - 1:#x}: {low:#x} to {high - 1:#x} is "
                    "taken; choose other addresses."
                )
        self.devices.append((start, end, device))

    def read(self, at: int, size: int) -> int:
        """The unsigned value of ``size`` bytes (1, 2 or 4); ``BusError`` where nothing answers."""
        offset = at - self.base
        if offset >= 0 and at + size <= self.end:
            return int.from_bytes(self.ram[offset : offset + size], "little")
        start, device = self._device(at, size)
        return device.read(at - start, size) & (1 << 8 * size) - 1

    def write(self, at: int, size: int, value: int) -> None:
        """Store the low ``size`` bytes of ``value``; ``BusError`` where nothing answers."""
        offset = at - self.base
        if offset >= 0 and at + size <= self.end:
            self._tell(offset, size)
            self.ram[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(
                size, "little"
            )
            return
        start, device = self._device(at, size)
        device.write(at - start, size, value & (1 << 8 * size) - 1)

    def _tell(self, offset: int, length: int) -> None:
        """Tell of the pages with code that are about to be written."""
        for page in range(offset >> 12, offset + length + 4095 >> 12):
            if self.code[page]:
                self.code_written(page)

    def _device(self, at: int, size: int) -> tuple[int, Device]:
        """Who answers; devices want their registers to be used whole."""
        for start, end, device in self.devices:
            if start <= at and at + size <= end and at % size == 0:
                return start, device
        raise BusError(at)

    def check_room(self, at: int, length: int) -> None:
        """Raise ``GuestError`` where so many bytes at an address are not all in RAM."""
        if not (self.base <= at and at + length <= self.end):
            raise GuestError(
                f"{length} bytes at {at:#x} do not fit into the memory from {self.base:#x} to "
                f"{self.end - 1:#x}: give the machine more memory or another address."
            )

    def load_image(self, data: bytes, at: int) -> None:
        """Copy bytes into RAM. Raises ``GuestError`` where they do not fit."""
        self.check_room(at, len(data))
        offset = at - self.base
        self._tell(offset, len(data))
        self.ram[offset : offset + len(data)] = data

    def loader(self, size: int) -> Callable[[int], int]:
        """A quick ``read`` of one size: aligned RAM at once, all else as ``read`` does."""
        view = {1: memoryview(self.ram), 2: self.halves, 4: self.words}[size]
        base, shift, odd, slow = self.base, size >> 1, size - 1, self.read

        def load(at: int) -> int:
            try:  # the base is a multiple of more than the size: outside, the index is too large
                return slow(at, size) if at & odd else view[(at ^ base) >> shift]
            except IndexError:
                return slow(at, size)

        return load

    def storer(self, size: int) -> Callable[[int, int], None]:
        """A quick ``write`` of one size."""
        view = {1: memoryview(self.ram), 2: self.halves, 4: self.words}[size]
        base, shift, odd = self.base, size >> 1, size - 1
        mask, slow, code = (1 << 8 * size) - 1, self.write, self.code

        def store(at: int, value: int) -> None:
            offset = at ^ base
            try:
                if not at & odd and not code[offset >> 12]:
                    view[offset >> shift] = value & mask
                    return
            except IndexError:
                pass
            slow(at, size, value)

        return store
