"""A virtual machine with a life: created, running, paused, stopped, destroyed.

``start`` switches it on; ``run`` lets it work for a limited number of instructions and seconds, so
that no guest, whatever it does, can hang the program that runs it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.snapshot import Snapshot, save
from vcloud_lab.vm.translate import TranslatingHart

__all__ = ["MOVES", "VirtualMachine"]

MOVES = {
    "start": (("created", "stopped"), "running"),
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "stop": (("running", "paused"), "stopped"),
    "destroy": (("created", "running", "paused", "stopped"), "destroyed"),
}
"""What can be done in which states, and the state that follows."""

SLICE = 100_000
"""So many instructions are run between two looks at the clock."""


class VirtualMachine:
    """A machine that runs a kernel ``image``: bytes, or the path of a file.

    ``memory`` is in bytes, ``command_line`` is what the kernel is told. Several machines may exist
    side by side; they share nothing. Raises ``GuestError`` for an image that cannot be read or does
    not fit.
    """

    def __init__(
        self,
        image: bytes | str | Path,
        *,
        name: str = "vm",
        memory: int = 64 << 20,
        command_line: str = "console=ttyS0",
        engine: type[Hart] = TranslatingHart,
    ) -> None:
        self.name, self.state = name, "created"
        self.image = image if isinstance(image, bytes) else _read(image)
        self.command_line, self.engine = command_line, engine
        self.board = Board(memory, engine)
        self.board.load_kernel(self.image, command_line)

    def _move(self, what: str) -> None:
        """Change the state, or say why that cannot be."""
        states, after = MOVES[what]
        if self.state not in states:
            raise GuestError(
                f"{self.name} is {self.state}: it can {what} only when it is "
                f"{' or '.join(states)}; {self._advice()}"
            )
        self.state = after

    def _advice(self) -> str:
        possible = [what for what, (states, _) in MOVES.items() if self.state in states]
        if not possible:
            return "make a new machine."
        return f"now it can {', '.join(possible[:-1])}{' or ' * (len(possible) > 1)}{possible[-1]}."

    # Life

    def start(self) -> None:
        """Switch it on. A machine that was stopped begins anew, with its memory cleared."""
        again = self.state == "stopped"
        self._move("start")
        if again:
            self.board = Board(len(self.board.bus.ram), self.engine)
            self.board.load_kernel(self.image, self.command_line)

    def pause(self) -> None:
        """Freeze it: ``run`` is refused until ``resume``."""
        self._move("pause")

    def resume(self) -> None:
        """Let a paused machine go on."""
        self._move("resume")

    def stop(self) -> None:
        """Pull the plug. The guest is not asked."""
        self._move("stop")

    def destroy(self) -> None:
        """Give its memory back. Nothing can be done with it any more."""
        self._move("destroy")
        self.board = Board(4096, Hart)
        self.image = b""

    # Work

    def run(self, instructions: int = 10_000_000, seconds: float = 10) -> str:
        """Let the guest work, at most so many instructions and about so many seconds.

        Returns why it came back: "budget", "time", "waiting" (for input, or for ever) or "off",
        when the guest has switched the machine off, which is then stopped. A guest that asks for a
        reset gets one and goes on. An interrupt from the keyboard leaves the machine paused,
        between two instructions. Raises ``GuestError`` for a machine that is not running.
        """
        if self.state != "running":
            raise GuestError(
                f"{self.name} is {self.state}: only a running machine can work; {self._advice()}"
            )
        hart, end = self.board.hart, time.monotonic() + seconds
        with _deferred_interrupt() as interrupted:
            while instructions > 0:
                slice_ = min(SLICE, instructions)
                before = hart.retired + sum(hart.traps.values())
                why = hart.run(slice_)
                instructions -= max(1, hart.retired + sum(hart.traps.values()) - before)
                if why == "stopped":
                    self.stop()
                    if self.board.power.pressed == "reset":
                        self.start()
                        hart = self.board.hart
                if interrupted:
                    if self.state == "running":
                        self.pause()
                    raise KeyboardInterrupt
                if self.state == "stopped":
                    return "off"
                if why == "waiting":
                    return why
                if time.monotonic() >= end:
                    return "time"
        return "budget"

    @property
    def console(self) -> str:
        """All that the guest has written to its console."""
        return self.board.console.output.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        """Type on the guest's keyboard."""
        self.board.console.type(text.encode())

    # Copies

    def snapshot(self) -> Snapshot:
        """Keep its present state; the machine goes on. Refused once it is destroyed."""
        if self.state == "destroyed":
            raise GuestError(f"{self.name} is destroyed: it has no state to keep.")
        return save(self.board)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot; the machine is paused then."""
        if self.state == "destroyed":
            raise GuestError(f"{self.name} is destroyed: make a new machine and restore that.")
        snapshot.restore(self.board)
        self.state = "paused"

    def clone(self, name: str) -> VirtualMachine:
        """A second machine in the same state, paused."""
        kept = self.snapshot()
        twin = VirtualMachine(
            self.image, name=name, memory=len(self.board.bus.ram),
            command_line=self.command_line, engine=self.engine,
        )  # fmt: skip
        twin.restore(kept)
        return twin

    def __repr__(self) -> str:
        done = self.board.hart.retired
        return f"<VirtualMachine {self.name!r}, {self.state}, {done:,} instructions done>"


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise GuestError(
            f"The image {str(path)!r} cannot be read ({error.strerror}): give the path of a file."
        ) from None


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
