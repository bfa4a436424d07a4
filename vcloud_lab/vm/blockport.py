"""A disk with programmed I/O: the guest moves every word itself, through a register.

This is how the first disks of personal computers worked, and the worst that a hypervisor can
emulate: each use of a register makes the guest leave its own code. A sector of 512 bytes takes 128
uses of ``DATA`` and a few more; ``virtio`` takes one for as many sectors as one likes.

The commands and the bits of the status are those of ATA, the layout of the registers is our own.
Source of the numbers: Linux, include/linux/ata.h.
"""

from __future__ import annotations

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.disk_rules import SECTOR

__all__ = ["BlockPort", "Port"]


class Port:
    """Offsets of the registers of 32 bits, commands, and bits of the status."""

    DATA, NUMBER, COMMAND, STATUS, SECTORS = 0x00, 0x04, 0x08, 0x0C, 0x10
    READ, WRITE = 0x20, 0x30
    ERROR, DATA_REQUEST, READY = 0x01, 0x08, 0x40


class BlockPort:
    """A port to ``disk``. ``accesses`` counts the uses of its registers, ``requests`` commands.

    Write the number of a sector to ``NUMBER`` and a command to ``COMMAND``; while the status has
    ``DATA_REQUEST``, move 128 words through ``DATA``. A sector is written when its last word is
    there. ``ERROR`` says that there is no such sector or no such command, or that the disk cannot
    be written. ``SECTORS`` reads how many there are, at most 2**32 - 1. Registers are used whole;
    anything else reads as 0 and is not written.
    """

    def __init__(self, disk: VirtualDisk) -> None:
        self.disk = disk
        self.accesses = self.requests = 0
        self._number = self._command = 0
        self._status, self._start = Port.READY, 0
        self._data, self._at = bytearray(SECTOR), SECTOR  # nothing to move

    def read(self, offset: int, size: int) -> int:
        """A register."""
        self.accesses += 1
        if size != 4:
            return 0
        match offset:
            case Port.DATA if self._moving(Port.READ):
                word = int.from_bytes(self._data[self._at : self._at + 4], "little")
                self._moved()
                return word
            case Port.NUMBER:
                return self._number
            case Port.STATUS:
                return self._status
            case Port.SECTORS:
                return min(self.disk.sectors, (1 << 32) - 1)
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Set a register, begin a command, or give a word."""
        self.accesses += 1
        if size != 4:
            return
        match offset:
            case Port.DATA if self._moving(Port.WRITE):
                self._data[self._at : self._at + 4] = value.to_bytes(4, "little")
                self._moved()
            case Port.NUMBER:
                self._number = value
            case Port.COMMAND:
                self._begin(value)

    def _moving(self, command: int) -> bool:
        return bool(self._status & Port.DATA_REQUEST) and self._command == command

    def _begin(self, command: int) -> None:
        """Begin a command; one that was under way is given up."""
        self.requests += 1
        self._command, self._start, self._at = command, self._number * SECTOR, 0
        self._status = Port.READY | Port.DATA_REQUEST
        if command not in (Port.READ, Port.WRITE) or self._number >= self.disk.sectors:
            self._status = Port.READY | Port.ERROR
        elif command == Port.READ:
            self._data[:] = self.disk.read(self._start, SECTOR)

    def _moved(self) -> None:
        """One word is done; with the last one, the command is."""
        self._at += 4
        if self._at < SECTOR:
            return
        self._status = Port.READY
        if self._command == Port.WRITE:
            try:
                self.disk.write(self._start, self._data)
            except DiskError:
                self._status |= Port.ERROR
