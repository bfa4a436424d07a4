"""The devices of the machine: console, timer, power switch.

Registers as in the originals, as far as Linux and small programs use them. Sources: National
Semiconductor PC16550D data sheet (UART); SiFive FU540-C000 manual, chapter "CLINT"; Linux
Documentation/devicetree/bindings/power/reset/syscon-poweroff.yaml.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcloud_lab.vm.cpu import Hart

__all__ = ["Clint", "Power", "Uart"]

NEVER = (1 << 64) - 1
SOFTWARE = 1 << 3


class Uart:
    """A serial line of the 8250 family: ``output`` is what the guest has written, ``typed`` what it
    has not read yet. It never interrupts; drivers that find no interrupt poll it: the
    identification register tells what would interrupt."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.typed: deque[int] = deque()
        self._registers = [0] * 8

    def type(self, text: bytes) -> None:
        """Let somebody type."""
        self.typed.extend(text)

    def read(self, offset: int, size: int) -> int:
        """Received data (0), the line's status (5), or what was written there."""
        divisor = self._registers[3] & 0x80
        if offset == 0 and not divisor:
            return self.typed.popleft() if self.typed else 0
        if offset == 2:
            return self._identification()
        if offset == 5:
            return 0x60 | bool(self.typed)  # always ready to send
        return self._registers[offset] if offset < 8 else 0

    def _identification(self) -> int:
        """The most urgent enabled interrupt: received data, ready to send, none."""
        enabled = self._registers[1]
        if self.typed and enabled & 1:
            return 4
        return 2 if enabled & 2 else 1

    def write(self, offset: int, size: int, value: int) -> None:
        """Send a byte (0), or set a register."""
        if self._registers[3] & 0x80 and offset < 2:
            return  # the divisor for the line's speed: this line has none
        if offset == 0:
            self.output.append(value & 0xFF)
        elif offset < 8:
            self._registers[offset] = value & 0xFF


class Clint:
    """The timer and the software interrupt of one hart.

    Time is counted in instructions, so that a run is the same on every machine: a tick is
    ``instructions_per_tick`` of them, plus what the hart has slept. Registers: msip at 0, mtimecmp
    at 0x4000, mtime at 0xBFF8.
    """

    def __init__(self, instructions_per_tick: int = 10) -> None:
        self.scale = instructions_per_tick
        self.compare = NEVER
        self.slept = 0
        self.hart: Hart | None = None

    def now(self, retired: int) -> int:
        """The time in ticks."""
        return (retired + self.slept) // self.scale

    def due_in(self, retired: int) -> int | None:
        """After how many instructions the timer interrupts, None for never."""
        if self.compare == NEVER:
            return None
        return max(0, self.compare * self.scale - retired - self.slept)

    def skip_to_due(self, retired: int) -> bool:
        """Sleep until it interrupts; False where it never will."""
        due = self.due_in(retired)
        self.slept += due or 0
        return due is not None

    def read(self, offset: int, size: int) -> int:
        """A register, or zero."""
        hart = self.hart
        if hart is None:
            return 0
        if offset < 4:
            return bool(hart.lines & SOFTWARE) >> 8 * offset
        for start, value in ((0x4000, self.compare), (0xBFF8, self.now(hart.retired))):
            if start <= offset < start + 8:
                return value >> 8 * (offset - start)
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Set msip or mtimecmp; the time itself is not set."""
        hart = self.hart
        if hart and offset == 0:
            hart.lines = hart.lines & ~SOFTWARE | (SOFTWARE if value & 1 else 0)
        elif 0x4000 <= offset < 0x4008:
            shift, mask = 8 * (offset - 0x4000), (1 << 8 * size) - 1
            self.compare = self.compare & ~(mask << shift) | value << shift


class Power:
    """The power switch: the guest writes 0x5555 to be switched off, 0x7777 to be reset.

    ``pressed`` is "off" or "reset" then.
    """

    def __init__(self) -> None:
        self.pressed = ""
        self.hart: Hart | None = None

    def read(self, offset: int, size: int) -> int:
        """Nothing to see."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """Stop the hart if the value is one of the two."""
        self.pressed = {0x5555: "off", 0x7777: "reset"}.get(value, "")
        if self.hart and self.pressed:
            self.hart.stopped = True
