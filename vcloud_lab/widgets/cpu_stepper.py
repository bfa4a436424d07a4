"""The CPU stepper: run a program step by step, forwards and backwards, and change it."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from vcloud_lab.errors import GuestError
from vcloud_lab.render.cpu_view import CpuView, cpu_view
from vcloud_lab.render.picture import Picture
from vcloud_lab.vm import LEVELS, Program, assemble
from vcloud_lab.vm.asm_syntax import REGISTERS
from vcloud_lab.widgets.cpu_trace import Moment, Recording
from vcloud_lab.widgets.extras import row
from vcloud_lab.widgets.instrument import Instrument, hexadecimal, whole
from vcloud_lab.widgets.linked import Linked

__all__ = ["CpuStepper"]

NAMES = list(REGISTERS)[:32]
SHOWN = 16  # words of memory
SENT = 10  # steps of the large button


class CpuStepper(Instrument):
    """A hart that runs a ``program``: source for ``assemble``, which can be changed, or a Program.

    The machine has 64 KiB of memory from 0x80000000 on, and the devices of ``Board``. It is run to
    its end at once, at most ``limit`` steps; the slider then goes to any step. Settings: ``step``,
    ``memory`` (where the window begins: an address in hexadecimal, a label, a register; empty for
    where the program first writes), and ``source``. Raises ``AssemblyError`` or ``GuestError`` for
    a start that cannot be made.
    """

    noun = "CPU stepper"

    def __init__(
        self, program: str | Program, *, step: int = 0, memory: str = "", limit: int = 2000
    ) -> None:
        if not isinstance(program, str | Program):
            raise GuestError(
                f"The program is {program!r}: source or a Program is needed; write for example "
                "CpuStepper('li a0, 1')."
            )
        self._limit = limit
        self._given = program
        self._recording: Recording | None = None
        source = program if isinstance(program, str) else ""
        super().__init__(step=step, memory=memory, source=source)

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        recording = self._recording
        if recording is None or new["source"] != self._settings["source"]:
            if isinstance(self._given, Program) and new["source"]:
                raise GuestError(
                    "The source cannot be changed: the stepper was given an assembled program; "
                    "give it the source instead."
                )
            program = assemble(new["source"]) if isinstance(self._given, str) else self._given
            recording = Recording(program, self._limit)
            new["step"] = changes.get("step", 0) if self._recording else new["step"]
        step = new["step"] = whole("step", new["step"], recording.last)
        before = recording.moment(step - 1) if step else None
        after = recording.moment(step)
        window = _window(new["memory"], recording, after)
        picture = cpu_view(_view(recording, step, before, after, window))
        self._recording, self._moment, self._window = recording, after, window
        return picture

    def _seen(self) -> dict[str, Any]:
        now, recording = self._moment, self._recording
        assert recording is not None
        number, text = recording.program.lines.get(now.pc, (0, ""))
        return {
            "last": recording.last,
            "pc": now.pc,
            "level": LEVELS[now.level],
            "line": number,
            "next": text,
            "registers": dict(zip(NAMES, now.x, strict=True)),
            "window": self._window,
            "console": now.console,
            "ending": recording.ending,
        }

    def _build(self) -> list[Any]:
        def to(place: int) -> Any:
            return lambda: {"step": self._settings["step"] + place}

        self.buttons = [
            self._button("|◀ Reset", "Go back to the start", lambda: {"step": 0}),
            self._button("◀ Back", "Go one step back", to(-1)),
            self._button("Step ▶", "Run one step", to(1)),
            self._button(f"{SENT} steps ▶", f"Run {SENT} steps", to(SENT), "100px"),
            self._button("Run ▶|", "Run to the end, or to the limit", to(1 << 40)),
        ]
        self.step = Linked("Step", 0, 1, self._apply, "step", whole=True)
        self.memory = self._field("Memory at", "memory", "hex, label or register")
        self.source = w.Textarea(
            description="Program",
            rows=8,
            continuous_update=False,
            style={"description_width": "90px"},
            layout=w.Layout(width="99%"),
        )
        self.assemble = self._button(
            "Assemble",
            "Assemble the program as it stands, and go back to its start",
            lambda: {"source": self.source.value, "step": 0},
            "100px",
        )
        rows = [row(self.step.box, self.memory), row(*self.buttons, self.as_text)]
        if isinstance(self._given, Program):
            return rows
        self.source.value = self._given
        return [self.source, row(self.assemble), *rows]

    def _refresh(self) -> None:
        # The source is left as it was typed: a program with a fault is there to be mended.
        assert self._recording is not None
        self.step.limit(self._recording.last)
        self.step.show(self._settings["step"])
        self.memory.value = self._settings["memory"]


def _window(memory: Any, recording: Recording, now: Moment) -> int:
    """Where the window of memory begins: a multiple of 16."""
    if memory == "":
        at = recording.first_written
    elif memory in recording.program.symbols:
        at = recording.program.symbols[memory]
    elif memory in REGISTERS:
        at = now.x[REGISTERS[memory]]
    else:
        try:
            at = hexadecimal("address", memory)
        except GuestError:
            raise GuestError(
                f"The window of memory is at {memory!r}: a number from 0 to ffffffff in "
                "hexadecimal, a label of the program or a register is needed; try sp."
            ) from None
    return at & -16


def _view(
    recording: Recording, step: int, before: Moment | None, after: Moment, window: int
) -> CpuView:
    base = recording.board.bus.base
    changed = {
        name
        for name, old, new in zip(NAMES, before.x if before else after.x, after.x, strict=True)
        if old != new
    }
    offsets = range(window - base, window - base + 4 * SHOWN, 4)
    level = LEVELS[after.level]
    place = f"step {step} of {recording.last} · pc {after.pc:08x} · {level} level"
    return CpuView(
        sentence=recording.explain(step, before, after, NAMES),
        place=place,
        listing=recording.listing,
        current=recording.rows.get(after.pc),
        registers=tuple(zip(NAMES, after.x, strict=True)),
        changed=frozenset(changed),
        window=window,
        memory=tuple(
            int.from_bytes(after.ram[at : at + 4], "little") if 0 <= at < len(after.ram) else None
            for at in offsets
        ),
        written=frozenset(recording.written(before, after) if before else ()),
        console=after.console,
    )
