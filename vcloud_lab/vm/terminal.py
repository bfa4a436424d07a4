"""``vcloud-lab boot``: a virtual machine whose console is this terminal."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vcloud_lab.vm.machine import VirtualMachine

__all__ = ["boot"]

EARLY = "earlycon=uart8250,mmio,0x10000000,1000000 console=ttyS0"
LEAVE = 0x1D  # Ctrl-]
SLICE = 200_000


def boot(image: Path, memory: int, command_line: str = "") -> int:
    """Run an image until it switches itself off, until Ctrl-] is typed, or until it waits while the
    input has ended; returns the exit status. Raises ``GuestError`` as ``VirtualMachine`` does."""
    machine = VirtualMachine(
        image, name=image.name, memory=memory, command_line=f"{EARLY} {command_line}".rstrip()
    )
    machine.start()
    print("Ctrl-] leaves the machine.", file=sys.stderr)
    shown, keys = 0, _Keys()
    with _raw():
        while True:
            why = machine.run(SLICE, seconds=1)
            text = machine.board.console.output[shown:]
            shown += len(text)
            os.write(1, bytes(text))
            if why == "off":
                return 0
            typed = keys.read(wait=0.05 if why == "waiting" else 0)
            if LEAVE in typed or (why == "waiting" and keys.ended):
                return 0
            machine.board.console.type(typed)


class _Keys:
    """What is typed here, read without waiting for it."""

    def __init__(self) -> None:
        self.ended = False

    def read(self, wait: float) -> bytes:
        if self.ended or not select.select([0], [], [], wait)[0]:
            return b""
        typed = os.read(0, 4096)
        self.ended = not typed
        return typed


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
