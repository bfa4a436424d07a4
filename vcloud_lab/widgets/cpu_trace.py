"""A run of a program that can be looked at after any of its steps, forwards and backwards.

Every 256th state is kept; the ones between are run again from there, which takes no time that a
person could notice. The hart is deterministic, so that they come out the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcloud_lab.errors import GuestError
from vcloud_lab.render.cpu_view import signed
from vcloud_lab.vm import LEVELS, Board, Hart, Program, Snapshot
from vcloud_lab.vm.snapshot import save
from vcloud_lab.vm.traps import CAUSES, INTERRUPT

__all__ = ["MOST_STEPS", "Moment", "Recording"]

MOST_STEPS = 100_000
MEMORY = 1 << 16
KEEP_EVERY = 256


@dataclass(frozen=True)
class Moment:
    """The machine after a step. ``ram`` is a copy; ``console`` is what was written so far."""

    x: tuple[int, ...]
    pc: int
    level: int
    traps: dict[int, int]
    ram: bytes
    console: str


class Recording:
    """A ``program`` on a board of its own, run to its end or to ``limit`` steps.

    A step is an instruction or a trap. ``last`` is the number of the last one, and ``ending`` says
    why nothing follows it: the power switch, a wait that nothing ends, a jump to itself that no
    interrupt can leave, a trap where there is no handler. ``rows`` gives for an address its row in
    the ``listing``.

    Raises ``GuestError`` for a limit that is not from 1 to 100,000, and for a program that does not
    fit into 64 KiB from 0x80000000 on.
    """

    def __init__(self, program: Program, limit: int = 2000) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_STEPS:
            raise GuestError(
                f"The limit is {limit!r} steps: a whole number from 1 to {MOST_STEPS} is needed; "
                "try 2000."
            )
        self.program = program
        # One blank behind the address is enough; it saves room.
        self.listing = tuple(
            " ".join(words.split("  ", 1)) for words in program.listing().split("\n")
        )
        self.rows = {
            int(words[:8], 16): row
            for row, words in enumerate(self.listing)
            if words[:1] != " " and words[8:9] == " "
        }
        self.board = Board(MEMORY, Hart)
        self.board.bus.load_image(program.code, program.origin)
        self.board.hart.reset(program.entry)
        self._kept: list[Snapshot] = [save(self.board)]
        self._at = 0
        self.ending = ""
        while not self.ending and self._at < limit:
            self.ending = self._step()
            if self._at % KEEP_EVERY == 0 and not self.ending:
                self._kept.append(save(self.board))
        self.last = self._at
        self.ending = self.ending or (
            f"The limit of {limit:,} steps is reached; pass limit=... for more of them."
        )
        end, start = self._moment(), self.moment(0)
        changed = self.written(start, end)
        self.first_written = min(changed) if changed else program.origin

    def _step(self) -> str:
        """One step; returns why nothing can follow it, or nothing."""
        hart = self.board.hart
        before = [hart.pc, *hart.x[:32]]
        why = hart.run(1)
        if why == "waiting":  # nothing has happened
            return "The program waits for an interrupt that cannot come."
        self._at += 1
        if why == "stopped":
            return "The program has switched the machine off."
        bare = hart.level == 3 or not hart.csr["satp"] >> 31
        if bare and not self.board.bus.base <= hart.pc < self.board.bus.end:
            return f"There is no memory at {hart.pc:08x}, so nothing more can be executed."
        if [hart.pc, *hart.x[:32]] == before and not hart.csr["mie"] and not hart.waiting:
            return "The program stays at this place for ever."
        return ""

    def moment(self, step: int) -> Moment:
        """The machine after so many steps."""
        if step < self._at or step - self._at >= KEEP_EVERY:
            self._at = min(step // KEEP_EVERY, len(self._kept) - 1) * KEEP_EVERY
            self._kept[self._at // KEEP_EVERY].restore(self.board)
        while self._at < step:
            self._step()
        return self._moment()

    def _moment(self) -> Moment:
        hart, bus = self.board.hart, self.board.bus
        console = self.board.console.output.decode("utf-8", "replace")
        x = tuple(hart.x[:32])
        return Moment(x, hart.pc, hart.level, dict(hart.traps), bytes(bus.ram), console)

    def written(self, before: Moment, after: Moment) -> list[int]:
        """The addresses of the words of memory that differ."""
        old, new = (np.frombuffer(moment.ram, "<u4") for moment in (before, after))
        return (np.flatnonzero(old != new) * 4 + self.board.bus.base).tolist()

    def explain(self, step: int, before: Moment | None, after: Moment, names: list[str]) -> str:
        """What the step did, in a sentence or two."""
        if before is None:
            return f"Nothing has run yet; next is {self._where(after.pc)}."
        said = f"Step {step} {self._done(before, after, names)}"
        return f"{said} {self.ending}" if step == self.last else said

    def _done(self, before: Moment, after: Moment, names: list[str]) -> str:
        trap = next((c for c in after.traps if after.traps[c] != before.traps.get(c, 0)), None)
        if trap is not None:
            kind, place = ("an interrupt", "before") if trap & INTERRUPT else ("a trap", "at")
            return (
                f"is {kind}, {CAUSES.get(trap, trap)}, {place} {self._where(before.pc)}; the hart "
                f"enters the handler at {after.pc:08x}, at {LEVELS[after.level]} level."
            )
        effects = [
            f"{name} became {new:08x}" + _decimal(new)
            for name, old, new in zip(names, before.x, after.x, strict=True)
            if old != new
        ]
        words = self.written(before, after)
        for at in words[:1]:
            word = int.from_bytes(after.ram[at - self.board.bus.base :][:4], "little")
            effects.append(f"the word at {at:08x} became {word:08x}")
        if len(words) > 1:
            effects.append(f"{len(words) - 1} more words of memory changed")
        if len(after.console) > len(before.console):
            effects.append(f"it wrote {after.console[len(before.console) :]!r} to the console")
        if after.level != before.level:
            effects.append(f"the level became {LEVELS[after.level]}")
        if after.pc != before.pc + 4:
            effects.append(f"it went on at {self._name(after.pc)}")
        nothing = "it changed no register and no memory"
        return f"executed {self._where(before.pc)}: {'; '.join(effects) or nothing}."

    def _where(self, pc: int) -> str:
        number, text = self.program.lines.get(pc, (0, ""))
        if not number:
            return f"the word at {pc:08x}"
        again = "" if self.program.lines.get(pc - 4) != (number, text) else "the next word of "
        return f"{again}line {number}, {' '.join(text.split())}"

    def _name(self, pc: int) -> str:
        names = [name for name, address in self.program.symbols.items() if address == pc]
        return f"{pc:08x} ({names[0]})" if names else f"{pc:08x}"


def _decimal(value: int) -> str:
    """The value in decimal, behind the hexadecimal one, where that helps."""
    number = signed(value)
    return f" ({number})" if value > 9 and abs(number) < 1_000_000 else ""
