"""A small virtio driver in Python, which works through the bus only, as a guest would."""

from __future__ import annotations

import struct

from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk

VIRTIO = 0x10001000
RAM = 0x80000000
TABLE, AVAILABLE, USED = RAM + 0x1000, RAM + 0x1800, RAM + 0x2000
HEADER, STATUS, DATA = RAM + 0x3000, RAM + 0x3800, RAM + 0x4000
NEEDS_RESET = 64
IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8

Chain = list[tuple[int, int, int]]


class Driver:
    """A board with a disk, and its driver, set up for a queue of ``size`` descriptors."""

    def __init__(self, disk: VirtualDisk, *, size: int = 8, engine: type[Hart] = Hart) -> None:
        self.board = Board(1 << 20, engine, disk)
        self.bus, self.disk = self.board.bus, disk
        assert self.board.virtio
        self.device = self.board.virtio
        self.size = size
        self.set_up()

    def get(self, register: int, size: int = 4) -> int:
        return self.bus.read(VIRTIO + register, size)

    def set(self, register: int, value: int, size: int = 4) -> None:
        self.bus.write(VIRTIO + register, size, value)

    def ram(self, at: int, length: int) -> bytes:
        return bytes(self.bus.ram[at - RAM : at - RAM + length])

    def negotiate(self, features: int = 1 << 32) -> int:
        """Up to FEATURES_OK; returns the status that the device shows then."""
        for status in (0, 1, 3):
            self.set(0x70, status)
        for half in (0, 1):
            self.set(0x24, half)
            self.set(0x20, features >> 32 * half & 0xFFFFFFFF)
        self.set(0x70, 11)
        return self.get(0x70)

    def queue(self, size: int, table: int, available: int, used: int) -> None:
        self.set(0x30, 0)
        self.set(0x38, size)
        for register, place in ((0x80, table), (0x90, available), (0xA0, used)):
            self.set(register, place & 0xFFFFFFFF)
            self.set(register + 4, place >> 32)
        self.set(0x44, 1)

    def set_up(self) -> None:
        self.bus.load_image(bytes(0x2000), TABLE)
        assert self.negotiate() == 11
        self.queue(self.size, TABLE, AVAILABLE, USED)
        self.set(0x70, 15)
        self.made = 0

    def put(self, *chains: Chain) -> None:
        """Lay chains of (address, length, 2 where the device may write) out; do not notify."""
        at = 0
        for chain in chains:
            self.bus.write(AVAILABLE + 4 + 2 * (self.made % self.size), 2, at)
            for place, (address, length, flags) in enumerate(chain):
                more = place < len(chain) - 1
                packed = struct.pack("<QIHH", address, length, flags | more, at + 1 if more else 0)
                self.bus.load_image(packed, TABLE + 16 * at)
                at += 1
            self.made = self.made + 1 & 0xFFFF
        self.bus.write(AVAILABLE + 2, 2, self.made)

    def header(self, kind: int, sector: int, at: int = HEADER) -> tuple[int, int, int]:
        self.bus.load_image(struct.pack("<IIQ", kind, 0, sector), at)
        return at, 16, 0

    def notify(self) -> None:
        self.set(0x50, 0)

    def done(self) -> list[tuple[int, int]]:
        """The used ring: head and length of the last ``size`` chains that came back."""
        index = self.bus.read(USED + 2, 2)
        elements = range(max(0, index - self.size), index)
        return [
            struct.unpack("<II", self.ram(USED + 4 + 8 * (at % self.size), 8)) for at in elements
        ]

    def request(
        self, kind: int, sector: int, data: bytes = b"", room: int = 0
    ) -> tuple[int, bytes]:
        """Serve one request: returns its status and what was read."""
        self.bus.load_image(data, DATA)
        self.bus.write(STATUS, 1, 255)
        middle = [(DATA, len(data), 0)] if data else [(DATA, room, 2)] if room else []
        self.put([self.header(kind, sector), *middle, (STATUS, 1, 2)])
        self.notify()
        return self.bus.read(STATUS, 1), self.ram(DATA, room)
