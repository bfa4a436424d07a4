"""Virtual hardware: the parts of a computer, joined on one bus, with a power switch.

``VirtualCPU`` and ``VirtualMemory`` say what is wanted; ``VirtualHardware`` makes it. So one
description serves for many computers, and they share nothing, except a disk that is given to two.

The memory map is that of mini-rv32ima (C. Lohr), so that its published Linux images run: RAM from
0x80000000, the console at 0x10000000, the timer at 0x11000000, the power switch at 0x11100000. A
disk can be reached in two ways, by virtio at 0x10001000 and by programmed I/O at 0x10002000.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.asm import Program
from vcloud_lab.vm.blockport import BlockPort
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.devices import Clint, Power, Uart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.elf import pieces_of
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.snapshot import copy_of
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.virtio import VirtioBlock

__all__ = ["VirtualCPU", "VirtualHardware", "VirtualMemory"]

UART, VIRTIO, PORT = 0x10000000, 0x10001000, 0x10002000
CLINT, POWER = 0x11000000, 0x11100000

SLICE = 100_000
"""So many instructions are run between two looks at the clock and at the switch."""

LINKS = frozenset({"hart", "bus", "disk"})
"""What a device refers to, and is no state of its own."""


@dataclass(frozen=True)
class VirtualCPU:
    """A processor: ``engine`` is ``Hart``, which steps, or ``TranslatingHart``, which is faster."""

    engine: type[Hart] = TranslatingHart


@dataclass(frozen=True)
class VirtualMemory:
    """RAM of ``size`` bytes: a multiple of 4096, at most 1 GiB."""

    size: int = 64 << 20


class VirtualHardware:
    """A computer: hart, memory, console, timer, power switch and, if one is given, a disk.

    The parts are at hand as ``hart``, ``bus``, ``console``, ``timer``, ``power`` and ``disk``, the
    ways to the disk as ``virtio`` and ``port``, which are None without one. ``on`` tells whether it
    is switched on. ``load`` gives it a program, ``start`` and ``stop`` are the switch.

    Raises ``GuestError`` for what is no such part, and for a size that memory cannot have.
    """

    def __init__(
        self,
        cpu: VirtualCPU,
        memory: VirtualMemory,
        disk: VirtualDisk | None = None,
        console: Uart | None = None,
        timer: Clint | None = None,
    ) -> None:
        _check(cpu, memory, disk, timer)
        self.cpu, self.memory, self.disk = cpu, memory, disk
        self.bus = Bus(memory.size)
        self.console, self.timer, self.power = console or Uart(), timer or Clint(), Power()
        self.hart = cpu.engine(self.bus, self.timer)
        self.timer.hart = self.power.hart = self.hart
        self.bus.attach(UART, 0x100, self.console)
        self.bus.attach(CLINT, 0x10000, self.timer)
        self.bus.attach(POWER, 0x1000, self.power)
        self.virtio = VirtioBlock(self.bus, disk) if disk else None
        self.port = BlockPort(disk) if disk else None
        if self.virtio and self.port:
            self.virtio.hart = self.hart
            self.bus.attach(VIRTIO, 0x200, self.virtio)
            self.bus.attach(PORT, 0x20, self.port)
        self.on = self._used = False
        self._running = threading.RLock()
        self._as_made = self.device_states()
        self._program: tuple[dict[int, bytes], int, Mapping[int, int]] | None = None

    # Program

    def load(self, program: Program | bytes) -> None:
        """Give it a program: one that was assembled, an ELF file's bytes, or bytes for the start
        of RAM.

        It is there again at every start. Raises ``GuestError`` where it does not fit into the
        memory, for an ELF file of another machine or a damaged one, and while the hardware is on.
        """
        if isinstance(program, Program):
            self._load({program.origin: program.code}, program.entry)
        elif isinstance(program, bytes):
            self._load(*pieces_of(program, self.bus.base))
        else:
            raise GuestError(
                f"The program is of the type {type(program).__name__}: what assemble() returns, or "
                "bytes, is needed; try load(assemble(source))."
            )

    def _load(
        self, pieces: dict[int, bytes], entry: int, arguments: Mapping[int, int] | None = None
    ) -> None:
        """Put pieces at their addresses, and let the hart begin with its arguments at ``entry``."""
        if self.on:
            raise GuestError("The hardware is on: a program is loaded while it is off; stop it.")
        for at, piece in pieces.items():
            self.bus.check_room(at, len(piece))
        self._place(pieces, entry, arguments or {})
        self._program = (pieces, entry, arguments or {})

    def _place(self, pieces: dict[int, bytes], entry: int, arguments: Mapping[int, int]) -> None:
        for at, piece in pieces.items():
            self.bus.load_image(piece, at)
        self.hart.reset(entry)
        for register, value in arguments.items():
            self.hart.x[register] = value

    # Power

    def start(self) -> None:
        """Switch it on. What was stopped begins anew: RAM and devices are as new, the disk is not.

        Raises ``GuestError`` while it is on, and where it has no program.
        """
        if self.on:
            raise GuestError("The hardware is on: it cannot be started twice; stop it first.")
        if self._program is None:
            raise GuestError("The hardware has no program: give it one with load(program) first.")
        if self._used:
            self._begin_anew(*self._program)
        self.on = True

    def _begin_anew(
        self, pieces: dict[int, bytes], entry: int, arguments: Mapping[int, int]
    ) -> None:
        self.bus.ram[:] = bytes(len(self.bus.ram))
        self.restore_devices(self._as_made)
        self._place(pieces, entry, arguments)

    def stop(self) -> None:
        """Pull the plug; the guest is not asked. It may be off already.

        A ``run`` in another thread ends first, which takes at most ``SLICE`` instructions.
        """
        self._used = self._used or self.on
        self.on = False
        with self._running:
            pass

    def run(self, instructions: int = 10_000_000, seconds: float = 10) -> str:
        """Let the guest work, at most so many instructions and about so many seconds.

        Returns why it came back: "budget", "time", "waiting" (for input, or for ever) or "off",
        when the guest or ``stop`` has switched it off. A guest that asks for a reset gets one and
        goes on. An interrupt from the keyboard is raised between two instructions. Raises
        ``GuestError`` for hardware that is off.
        """
        if not self.on:
            raise GuestError("The hardware is off: it can run only while it is on; start it.")
        with self._running, _deferred_interrupt() as interrupted:
            return self._run(instructions, time.monotonic() + seconds, interrupted)

    def _run(self, instructions: int, end: float, interrupted: list[bool]) -> str:
        hart = self.hart
        while instructions > 0:
            before = hart.retired + sum(hart.traps.values())
            why = hart.run(min(SLICE, instructions))
            instructions -= max(1, hart.retired + sum(hart.traps.values()) - before)
            if why == "stopped" and self.power.pressed == "reset" and self._program:
                self._begin_anew(*self._program)  # it stays on, or off if another thread stops it
            elif why == "stopped":
                self.stop()
            if interrupted:
                raise KeyboardInterrupt
            if not self.on:
                return "off"
            if why == "waiting":
                return why
            if time.monotonic() >= end:
                return "time"
        return "budget"

    # State

    def device_states(self) -> tuple[dict[str, Any], ...]:
        """What every device but the disk remembers, as a copy."""
        return tuple(
            deepcopy({name: value for name, value in vars(device).items() if name not in LINKS})
            for device in self._devices()
        )

    def restore_devices(self, states: tuple[dict[str, Any], ...]) -> None:
        """Take over what ``device_states`` has returned."""
        for device, state in zip(self._devices(), states, strict=True):
            vars(device).update(deepcopy(state))

    def _devices(self) -> tuple[object, ...]:
        disk = (self.virtio, self.port) if self.disk else ()
        return self.console, self.timer, self.power, *disk

    def twin(self) -> VirtualHardware:
        """Other hardware of the same kind with the same program and a copy of the disk; off."""
        made = self._like_this(None if self.disk is None else copy_of(self.disk))
        made._as_made, made._program, made._used = self._as_made, self._program, True
        return made

    def _like_this(self, disk: VirtualDisk | None) -> VirtualHardware:
        return VirtualHardware(self.cpu, self.memory, disk)


def _check(cpu: object, memory: object, disk: object, timer: Clint | None) -> None:
    """Raise ``GuestError`` for what is no such part."""
    if not (isinstance(cpu, VirtualCPU) and issubclass(cpu.engine, Hart)):
        raise GuestError(
            f"The processor is {cpu!r}: a VirtualCPU is needed; try VirtualCPU() or "
            "VirtualCPU(Hart)."
        )
    if not isinstance(memory, VirtualMemory):
        raise GuestError(
            f"The memory is {memory!r}: a VirtualMemory is needed; try VirtualMemory(16 * 2**20)."
        )
    if not (disk is None or isinstance(disk, VirtualDisk)):
        raise GuestError(
            f"The disk is {disk!r}: a VirtualDisk or None is needed; try VirtualDisk(2**20)."
        )
    if timer and timer.hart:
        raise GuestError(
            "The timer is in other hardware: it counts the instructions of one hart; take a new "
            "one."
        )


@contextmanager
def _deferred_interrupt() -> Iterator[list[bool]]:
    """Collect an interrupt from the keyboard instead of raising it within an instruction."""
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread gets it
        return
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
