"""A dynamic binary translator: guest code that is run often becomes Python functions.

Cold code is stepped, and jumps are counted. Where one has led often, the path from there is written
down while it is executed once more, and becomes a *trace*, one Python function, whose text is made
in trace.py. A path follows branches, calls and returns until it is back at its beginning or at
another trace, or something must be left to the hart, or it is long.

Nothing is lost by it: traps are precise, because the line of a Python exception tells which guest
instruction has raised it; the count of instructions is exact; and a store into a page of code that
is known here forgets what was made of the page and ends what runs.

Sources: Bellard, "QEMU, a Fast and Portable Dynamic Translator", USENIX 2005, for translation;
Bala, Duesterwald and Banerjia, "Dynamo: A Transparent Dynamic Optimization System", PLDI 2000, for
traces along the path that is executed next.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vcloud_lab.vm.cpu import Hart, Timer
from vcloud_lab.vm.csr import COUNTERS
from vcloud_lab.vm.execute import Leave
from vcloud_lab.vm.isa import Instruction, decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.mmu import Attention
from vcloud_lab.vm.trace import Names, Path, TraceText, memory_names
from vcloud_lab.vm.traps import Trap

__all__ = ["TranslatingHart"]

M = 0xFFFFFFFF
HOT = 32
"""Code is translated when it was reached so often."""
LONGEST = 64
"""The most instructions of a trace."""
MOST_TRACES = 20_000
VIEW = ("load1", "load2", "load4", "store1", "store2", "store4", "load_to_store")
"""The functions of a view of memory that a trace may call."""

Run = Callable[[list[int], int], tuple[int, int]]
Trace = tuple[int, Run, TraceText]
"""How many instructions there must be left, the function, and its text."""
RAISED = (Leave, Trap, Attention, IndexError, struct.error)


@dataclass
class World:
    """What was made for memory as it is seen in one way."""

    names: Names
    traces: dict[int, Trace] = field(default_factory=dict)
    heat: dict[int, int] = field(default_factory=dict)


class TranslatingHart(Hart):
    """A ``Hart`` that translates hot code. ``translated`` counts instructions that were translated,
    ``forgotten`` how often a page of code was given up because it was written."""

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self._worlds: dict[Any, World] = {}
        self._in_page: dict[int, list[tuple[World, int]]] = {}
        self.translated = self.forgotten = 0
        super().__init__(bus, timer, number=number)
        bus.code_written = self._written

    def forget(self) -> None:
        """Forget every translation, of addresses and of code."""
        self._worlds.clear()
        self._in_page.clear()
        self.bus.code[:] = bytes(len(self.bus.code))
        super().forget()

    def mode_changed(self) -> None:
        """Take what was made for the memory as it is seen now."""
        super().mode_changed()
        key = (self._fetch, self.load4)  # one of each for every view
        if key not in self._worlds:
            names = memory_names(self.bus) | {"hart": self, "csr": self._csr_inside}
            for name in VIEW:
                names[name] = getattr(self, name)
            self._worlds[key] = World(names)
        self._world = self._worlds[key]

    def _written(self, page: int) -> None:
        """A page of code is about to be written: give up its traces, in every view.

        They must become hotter than others to be made again: there may be data beside the code.
        """
        self.bus.code[page] = 0
        self.forgotten += 1
        for world, pc in self._in_page.pop(page, ()):
            if world.traces.pop(pc, None):
                world.heat[pc] = -10 * HOT

    # Running

    def _chunk(self, limit: int) -> int:
        """Up to ``limit`` instructions, by traces where there are some."""
        left, x, before, pc = limit, self.x, self.retired, self.pc
        traces, heat = self._world.traces, self._world.heat
        while True:
            try:
                while (found := traces.get(pc)) and found[0] <= left:
                    pc, done = found[1](x, left)
                    left -= done
            except RAISED as why:
                self.retired = before + limit - left
                assert found is not None
                return limit - left + self._out_of_trace(why, found[2])
            self.pc, self.retired = pc, before + limit - left
            if not left:
                return limit
            count = heat[pc] = heat.get(pc, 0) + 1
            record = count >= HOT and left >= LONGEST and not found
            done, stopped = self._record() if record else self._cold(left)
            left -= done
            if stopped:
                return limit - left
            pc = self.pc

    def _out_of_trace(self, why: Exception, text: TraceText) -> int:
        """Deal with what a trace has raised; returns how many of its instructions were begun.

        The registers that a loop keeps in variables are still in its frame.
        """
        assert why.__traceback__ is not None
        inside = why.__traceback__.tb_next
        assert inside is not None
        index = text.at[inside.tb_lineno - 1]
        done = index
        if text.loops:
            kept = inside.tb_frame.f_locals
            done += kept["done"]
            for register in text.changed:
                self.x[register] = kept[f"r{register}"]
        return self._out_of_loop(_reason(why), text.path[index][0], done)

    def _cold(self, left: int) -> tuple[int, bool]:
        """Step until a jump leads to where it is hot.

        Returns how many instructions were begun, and whether the hart must look around now.
        """
        begun, x, known, words, pc = 0, self.x, self._known, self.bus.words, self.pc
        heat, low, high, shift = self._world.heat, 0, 0, 0
        try:
            for begun in range(left):  # noqa: B007 - read when an exception ends the loop
                if not low <= pc < high:
                    low, high, shift = self._fetch(pc)
                execute, rd, rs1, rs2, imm = known[words[pc - shift >> 2]]
                before, pc = pc, execute(self, x, pc, rd, rs1, rs2, imm)
                if pc - before != 4:
                    heat[pc] = count = heat.get(pc, 0) + 1
                    if count >= HOT:
                        break
            begun += 1
        except (Leave, Trap, Attention) as why:
            return self._out_of_loop(why, pc, begun), True
        self.pc = pc & M
        self.retired += begun
        return begun, False

    def _csr_inside(self, found: Instruction) -> None:
        """Execute a CSR instruction where the hart's counters are not up to date.

        Raises ``Leave`` where that matters, and ``Attention`` where the hart must look around
        afterwards.
        """
        if found.imm in COUNTERS:
            raise Leave
        world = self._world
        try:
            self._csr(found)
        except Trap:
            raise Leave from None
        if self._world is not world or self.csr["mie"] & self._pending():
            raise Attention

    # Translating

    def _record(self) -> tuple[int, bool]:
        """Step along a hot path, translate it, and return what ``_cold`` does."""
        x, words, code, start, pc = self.x, self.bus.words, self.bus.code, self.pc, self.pc
        path: Path = []
        odd, pages, seen, why = set[int](), set[int](), set[int](), None
        low = high = shift = 0
        try:
            while len(path) < LONGEST and pc not in seen:
                if not low <= pc < high:
                    low, high, shift = self._fetch(pc)
                word, page = words[pc - shift >> 2], pc - shift >> 12
                execute, rd, rs1, rs2, imm = self._known[word]
                found = decode(word)
                assert found is not None
                if path and pc in self._world.traces:
                    break
                seen.add(pc)
                pages.add(page)
                code[page] = 1  # a store into the path is seen
                if (
                    found.row.kind in ("load", "store")
                    and x[rs1] + imm & int(found.row.does[0]) - 1
                ):
                    odd.add(len(path))
                if found.row.kind == "csr":
                    self._csr_inside(found)
                    after = pc + 4
                else:
                    after = execute(self, x, pc, rd, rs1, rs2, imm)
                path.append((pc, found))
                pc = after
                if found.row.kind == "reserve":  # its store may have been into the path
                    break
        except (Leave, Trap, Attention) as error:
            why = error
        if path and all(code[page] for page in pages):
            self._translate(path, pc, frozenset(odd), pages)
        else:
            self._world.heat[start] = 0
        if why:
            return self._out_of_loop(why, pc, len(path)), True
        self.pc = pc & M
        self.retired += len(path)
        return len(path), False

    def _translate(self, path: Path, after: int, odd: frozenset[int], pages: set[int]) -> None:
        """Make a trace of a path that goes on at ``after``."""
        start, world = path[0][0], self._world
        text = TraceText(path, after, self.bus.base if self.bare else None, odd)
        world.names |= text.names
        exec(compile(str(text), f"<trace at {start:#x}>", "exec"), world.names)
        if len(world.traces) >= MOST_TRACES:
            world.traces.clear()
        world.traces[start] = (len(path), world.names["trace"], text)
        self.translated += len(path)
        for page in pages:
            self._in_page.setdefault(page, []).append((world, start))


def _reason(why: Exception) -> Leave | Trap | Attention:
    """What has ended a loop; an error of Python's means that the hart itself must do it."""
    return why if isinstance(why, (Leave, Trap, Attention)) else Leave()
