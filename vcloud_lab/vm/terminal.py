"""``vcloud-lab boot``: a virtual machine whose console is this terminal."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vcloud_lab.vm.guests import CONSOLE, linux
from vcloud_lab.vm.machine import VirtualMachine

__all__ = ["boot"]

LEAVE = 0x1D  # Ctrl-]
SLICE = 200_000
SHORT = 10_000
"""A slice of a guest that waits: its clock leaps on to its next timer, and should not run away."""

LISTENS = 20_000_000
"""After so many instructions a guest that never waits is taken to listen."""

END_OF_INPUT = b"\x04\x04"
"""Ctrl-D, and once more, as the first only ends a line that was begun."""


def boot(image: Path | None, memory: int, command_line: str = "") -> int:
    """Run an image, or the packaged Linux, in ``memory`` bytes; returns the exit status.

    It runs until it switches itself off, until Ctrl-] is typed, or until it waits for ever while
    the input has ended. Raises ``GuestError`` as ``VirtualMachine`` does.
    """
    machine = VirtualMachine(
        image or linux().image,
        name=image.name if image else "linux",
        memory=memory,
        command_line=f"{CONSOLE} {command_line}".rstrip(),
    )
    machine.start()
    print("Ctrl-] leaves the machine.", file=sys.stderr)
    keys, typed, shown, idle, listens = _Keys(), bytearray(), 0, False, False
    with _raw():
        while True:
            slept = machine.board.timer.slept
            why = machine.run(SHORT if idle else SLICE, seconds=1)
            idle = why == "waiting" or machine.board.timer.slept - slept > SLICE
            text = machine.board.console.output[shown:]
            shown += len(text)
            os.write(1, bytes(text))
            if why == "off":
                return 0
            typed += keys.read(wait=0.05 if idle else 0)
            if LEAVE in typed or (why == "waiting" and keys.ended):
                return 0
            # A driver that starts throws away what was typed before.
            listens = listens or idle or machine.board.hart.retired > LISTENS
            if listens:
                machine.board.console.type(bytes(typed))
                typed.clear()


class _Keys:
    """What is typed here, read without waiting for it."""

    def __init__(self) -> None:
        self.ended = False

    def read(self, wait: float) -> bytes:
        if self.ended:
            time.sleep(wait)
            return b""
        if not select.select([0], [], [], wait)[0]:
            return b""
        typed = os.read(0, 4096)
        self.ended = not typed
        return typed or END_OF_INPUT


@contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the guest at once, and is shown by it."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before: list[Any] = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
