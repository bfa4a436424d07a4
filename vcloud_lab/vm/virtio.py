"""A virtio block device: a disk whose driver knows that it is virtual.

Registers are for setting up only. A request is written into RAM, one write to ``QUEUE_NOTIFY``
makes the device serve everything that waits there, by copying straight between RAM and the disk
(DMA), and one interrupt tells that it is done. A guest leaves its own code for the hypervisor once,
where an old-fashioned disk (``blockport``) makes it do so for every word.

Whatever a guest does ends in a status byte, or in ``NEEDS_RESET`` where it broke the rules of the
queue; nothing is raised, and nothing is written by half.

Source: OASIS, Virtual I/O Device (VIRTIO) Version 1.2: "Virtio Over MMIO", "Block Device", "Device
Status Field".
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.disk_rules import SECTOR
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.virtqueue import MOST, Chain, RingError, Virtqueue, gather, length, scatter

if TYPE_CHECKING:
    from vcloud_lab.vm.cpu import Hart

__all__ = ["EXTERNAL", "Feature", "Register", "Request", "Status", "VirtioBlock"]

EXTERNAL = 1 << 11
"""The device's interrupt line is the hart's machine external interrupt; there is no PLIC."""

SEGMENT, SEGMENTS = 1 << 16, 16
LONGEST = SEGMENT * SEGMENTS
"""The most bytes of a request, so that no guest can keep its hypervisor busy for long."""

ID = b"vcloud_lab disk"
HEADER = struct.Struct("<IIQ")
USED_BUFFER, CONFIGURATION = 1, 2
OK, IOERR, UNSUPP = 0, 1, 2


class Register:
    """Offsets of the registers; all have 32 bits, and the driver must use them whole."""

    MAGIC, VERSION, DEVICE_ID, VENDOR_ID = 0x00, 0x04, 0x08, 0x0C
    DEVICE_FEATURES, DEVICE_FEATURES_SEL = 0x10, 0x14
    DRIVER_FEATURES, DRIVER_FEATURES_SEL = 0x20, 0x24
    QUEUE_SEL, QUEUE_NUM_MAX, QUEUE_NUM, QUEUE_READY, QUEUE_NOTIFY = 0x30, 0x34, 0x38, 0x44, 0x50
    INTERRUPT_STATUS, INTERRUPT_ACK, STATUS = 0x60, 0x64, 0x70
    QUEUE_DESC_LOW, QUEUE_DESC_HIGH = 0x80, 0x84
    QUEUE_DRIVER_LOW, QUEUE_DRIVER_HIGH = 0x90, 0x94
    QUEUE_DEVICE_LOW, QUEUE_DEVICE_HIGH = 0xA0, 0xA4
    SHARED_MEMORY = range(0xB0, 0xC0)
    CONFIG = 0x100


class Status:
    """Bits of the device status, by which the driver tells how far it is."""

    ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK = 1, 2, 4, 8
    NEEDS_RESET, FAILED = 64, 128


class Feature:
    """The features that the device offers, as bits; READ_ONLY for a disk that backs others."""

    SIZE_MAX, SEG_MAX, READ_ONLY, FLUSH, VERSION_1 = 1 << 1, 1 << 2, 1 << 5, 1 << 9, 1 << 32


class Request:
    """The types of requests that the device serves."""

    IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8


QUEUE_SETTINGS = frozenset(
    {Register.QUEUE_NUM, Register.QUEUE_DESC_LOW, Register.QUEUE_DESC_HIGH,
     Register.QUEUE_DRIVER_LOW, Register.QUEUE_DRIVER_HIGH, Register.QUEUE_DEVICE_LOW,
     Register.QUEUE_DEVICE_HIGH}
)  # fmt: skip
SELECTORS = frozenset(
    {Register.DEVICE_FEATURES_SEL, Register.DRIVER_FEATURES_SEL, Register.QUEUE_SEL}
)


class VirtioBlock:
    """A device with one queue on ``bus``, for ``disk``, that interrupts ``hart``.

    ``accesses`` counts the uses of its registers, each of which is an exit of the guest;
    ``notifications`` those of them that announce requests, and ``requests`` what was served.
    """

    def __init__(self, bus: Bus, disk: VirtualDisk) -> None:
        self.bus, self.disk = bus, disk
        self.hart: Hart | None = None
        self.accesses = self.notifications = self.requests = 0
        self.reset()

    def reset(self) -> None:
        """As after power-on, or when the driver writes 0 to the status; counts stay."""
        self.status = self.interrupts = self.accepted = 0
        self.offered = Feature.SIZE_MAX | Feature.SEG_MAX | Feature.FLUSH | Feature.VERSION_1
        if not self.disk.writable:
            self.offered |= Feature.READ_ONLY
        self.queue: Virtqueue | None = None
        self._settings: dict[int, int] = {}
        self._interrupt(0)

    def read(self, offset: int, size: int) -> int:
        """A register, or part of the configuration; 0 for what cannot be read."""
        self.accesses += 1
        if offset >= Register.CONFIG:
            config = struct.pack("<QII", self.disk.sectors, SEGMENT, SEGMENTS)
            return int.from_bytes(config[offset - Register.CONFIG :][:size], "little")
        if size != 4:
            return 0
        match offset:
            case Register.MAGIC:
                return int.from_bytes(b"virt", "little")
            case Register.VERSION | Register.DEVICE_ID:
                return 2  # the second version of the registers; a block device
            case Register.VENDOR_ID:
                return int.from_bytes(b"vcld", "little")
            case Register.DEVICE_FEATURES:
                selected = self._settings.get(Register.DEVICE_FEATURES_SEL, 0)
                return self.offered >> 32 * selected & 0xFFFFFFFF if selected < 2 else 0
            case Register.QUEUE_NUM_MAX:
                return 0 if self._settings.get(Register.QUEUE_SEL) else MOST
            case Register.QUEUE_READY:
                return bool(self.queue and not self._settings.get(Register.QUEUE_SEL))
            case Register.INTERRUPT_STATUS:
                return self.interrupts
            case Register.STATUS:
                return self.status
        return 0xFFFFFFFF if offset in Register.SHARED_MEMORY else 0  # it has no such memory

    def write(self, offset: int, size: int, value: int) -> None:
        """Set a register; what cannot be written stays as it is."""
        self.accesses += 1
        if size != 4:
            return
        other_queue = self._settings.get(Register.QUEUE_SEL)
        match offset:
            case Register.STATUS:
                self._set_status(value)
            case Register.QUEUE_NOTIFY:
                self.notifications += 1
                working = Status.FEATURES_OK | Status.DRIVER_OK
                mask = working | Status.NEEDS_RESET | Status.FAILED
                if value == 0 and self.queue and self.status & mask == working:
                    self._serve_all(self.queue)
            case Register.INTERRUPT_ACK:
                self._interrupt(self.interrupts & ~value)
            case Register.DRIVER_FEATURES if not self.status & Status.FEATURES_OK:
                shift = 32 * self._settings.get(Register.DRIVER_FEATURES_SEL, 0)
                if shift < 64:
                    self.accepted = self.accepted & ~(0xFFFFFFFF << shift) | value << shift
            case Register.QUEUE_READY if not other_queue:
                self._set_ready(value)
            case _ if offset in SELECTORS or (
                offset in QUEUE_SETTINGS and not other_queue and not self.queue
            ):
                self._settings[offset] = value

    def _set_status(self, value: int) -> None:
        if not value:
            self.reset()
            return
        possible = self.accepted & Feature.VERSION_1 and not self.accepted & ~self.offered
        if not possible:
            value &= ~Status.FEATURES_OK  # the driver reads it back and gives up
        self.status = value & 0xFF | self.status & Status.NEEDS_RESET

    def _set_ready(self, value: int) -> None:
        get = self._settings.get
        areas = (Register.QUEUE_DESC_LOW, Register.QUEUE_DRIVER_LOW, Register.QUEUE_DEVICE_LOW)
        if value & 1 == bool(self.queue):
            return
        self.queue = None
        if value & 1:
            places = [get(low, 0) | get(low + 4, 0) << 32 for low in areas]
            queue = Virtqueue(get(Register.QUEUE_NUM, 0), *places)
            try:
                queue.check(self.bus)
            except RingError:
                self._fail()
            else:
                self.queue = queue

    def _interrupt(self, events: int) -> None:
        """Hold the line as long as there are events that the driver has not acknowledged."""
        self.interrupts = events
        if self.hart:
            self.hart.lines = self.hart.lines & ~EXTERNAL | (EXTERNAL if events else 0)

    def _fail(self) -> None:
        """The driver has broken a rule: nothing more is done for it before a reset."""
        self.status |= Status.NEEDS_RESET
        if self.status & Status.DRIVER_OK:
            self._interrupt(self.interrupts | CONFIGURATION)

    def _serve_all(self, queue: Virtqueue) -> None:
        """Serve the chains that are available now, in their order."""
        before = queue.returned
        if self.hart:
            self.hart.reservation = None  # the device writes to memory: a later sc.w must fail
        try:
            for _ in range(queue.waiting(self.bus)):
                chain = queue.take(self.bus)
                written = self._serve(chain)
                queue.give_back(self.bus, chain.head, written)
        except RingError:
            self._fail()
        if queue.returned != before and not queue.quiet(self.bus):
            self._interrupt(self.interrupts | USED_BUFFER)

    def _serve(self, chain: Chain) -> int:
        """Serve one request; returns how many bytes were written without a gap.

        The header is the first 16 bytes that can be read, the status the last byte that can be
        written, however the driver has cut them into buffers.
        """
        given, room = length(chain.readable) - HEADER.size, length(chain.writable) - 1
        if given < 0 or room < 0:
            raise RingError("no header, or no room for the status")
        sent = gather(self.bus, chain.readable, HEADER.size + min(given, LONGEST))
        kind, _, sector = HEADER.unpack_from(sent)
        status, found = IOERR, b""
        fits = max(given, room) <= LONGEST and (given + room) % SECTOR == 0
        with suppress(DiskError):
            match kind:
                case Request.IN if not given:
                    if fits:
                        status, found = OK, self.disk.read(sector * SECTOR, room)
                case Request.OUT if not room:
                    if fits:
                        self.disk.write(sector * SECTOR, sent[HEADER.size :])
                        status = OK
                case Request.GET_ID if not given:
                    status, found = OK, ID.ljust(20, b"\0")[:room]
                case Request.FLUSH:
                    status = OK  # a write is on the disk when its request is done
                case Request.IN | Request.OUT | Request.GET_ID:
                    raise RingError("buffers of the wrong direction")
                case _:
                    status = UNSUPP
        self.requests += 1
        scatter(self.bus, chain.writable, 0, found)
        scatter(self.bus, chain.writable, room, bytes([status]))
        return len(found) + (len(found) == room)
