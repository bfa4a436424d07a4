"""A virtual machine with a life: created, running, paused, stopped, destroyed.

``start`` switches it on; ``run`` lets it work for a limited number of instructions and seconds, so
that no guest, whatever it does, can hang the program that runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.hardware import VirtualHardware
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

DEFAULTS = (64 << 20, "console=ttyS0", TranslatingHart, None)
"""Memory, command line, engine and disk of a machine, unless others are given."""


class VirtualMachine:
    """A machine that runs a kernel ``image``: bytes, or the path of a file.

    ``memory`` is in bytes, ``command_line`` is what the kernel is told, ``disk`` what it finds as
    its virtio disk. Or it runs what is loaded into the ``VirtualHardware`` that is given in place
    of an image, and then has the parts of that. ``board`` is the hardware.

    Several machines may exist side by side; they share nothing, as long as each has its own disk.
    Raises ``GuestError`` for an image that cannot be read or does not fit, and for hardware that is
    on already.
    """

    def __init__(
        self,
        image: bytes | str | Path | VirtualHardware,
        *,
        name: str = "vm",
        memory: int = DEFAULTS[0],
        command_line: str = DEFAULTS[1],
        engine: type[Hart] = DEFAULTS[2],
        disk: VirtualDisk | None = DEFAULTS[3],
    ) -> None:
        self.name, self.state = name, "created"
        if isinstance(image, VirtualHardware):
            if (memory, command_line, engine, disk) != DEFAULTS:
                raise GuestError(
                    f"{name} was given hardware and parts: the hardware has its own memory, disk "
                    "and processor; leave the others out."
                )
            if image.on:
                raise GuestError(
                    f"{name} was given hardware that is on: a machine switches it on itself; stop "
                    "it first."
                )
            self.board = image
        else:
            board = Board(memory, engine, disk)
            board.load_kernel(image if isinstance(image, bytes) else _read(image), command_line)
            self.board = board

    def _move(self, what: str, act: Callable[[], None] = lambda: None) -> None:
        """Do it and change the state, or say why that cannot be."""
        states, after = MOVES[what]
        if self.state not in states:
            raise GuestError(
                f"{self.name} is {self.state}: it can {what} only when it is "
                f"{' or '.join(states)}; {self._advice()}"
            )
        act()
        self.state = after

    def _advice(self) -> str:
        possible = [what for what, (states, _) in MOVES.items() if self.state in states]
        if not possible:
            return "make a new machine."
        return f"now it can {', '.join(possible[:-1])}{' or ' * (len(possible) > 1)}{possible[-1]}."

    # Life

    def start(self) -> None:
        """Switch it on. A machine that was stopped begins anew, with its memory cleared; its disk
        keeps what it has."""
        self._move("start", self.board.start)

    def pause(self) -> None:
        """Freeze it: ``run`` is refused until ``resume``."""
        self._move("pause")

    def resume(self) -> None:
        """Let a paused machine go on."""
        self._move("resume")

    def stop(self) -> None:
        """Pull the plug. The guest is not asked, and need not be well: it ends at once."""
        self._move("stop", self.board.stop)

    def destroy(self) -> None:
        """Give its memory back. Nothing can be done with it any more."""
        self._move("destroy", self.board.stop)
        self.board = Board(4096, Hart)

    # Work

    def run(self, instructions: int = 10_000_000, seconds: float = 10) -> str:
        """Let the guest work, at most so many instructions and about so many seconds.

        Returns why it came back, as ``VirtualHardware.run`` does; a machine that is "off" is
        stopped. An interrupt from the keyboard leaves the machine paused. Raises ``GuestError`` for
        a machine that is not running.
        """
        self._look()
        if self.state != "running":
            raise GuestError(
                f"{self.name} is {self.state}: only a running machine can work; {self._advice()}"
            )
        try:
            return self.board.run(instructions, seconds)
        except KeyboardInterrupt:
            self._look()
            if self.state == "running":
                self.pause()
            raise
        finally:
            self._look()

    def _look(self) -> None:
        """A running or paused machine whose hardware went off is stopped."""
        if self.state in ("running", "paused") and not self.board.on:
            self.state = "stopped"

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
        """Go back to a snapshot, of the disk too; the machine is paused then."""
        if self.state == "destroyed":
            raise GuestError(f"{self.name} is destroyed: make a new machine and restore that.")
        snapshot.restore(self.board)
        self.state = "paused"

    def clone(self, name: str) -> VirtualMachine:
        """A second machine in the same state, paused, with a copy of the disk."""
        kept = self.snapshot()
        twin = VirtualMachine(self.board.twin(), name=name)
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
