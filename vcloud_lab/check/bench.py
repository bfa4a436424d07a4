"""The bench on which a learner's assembly routine is tried: it is called with arguments, watched,
and what it did is told in words.

A routine is called as the RISC-V calling convention says: arguments in a0, a1, ..., the result in
a0, the return address in ra. It must leave sp and s0 to s11 as it found them, and may do as it
likes with the other registers. All of these hold rubbish at first, so that nobody relies on zeros.

Source: RISC-V ABIs Specification, "Integer Calling Convention".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vcloud_lab.check.answers import Misread, tell
from vcloud_lab.vm import (
    CAUSES,
    Hart,
    Program,
    VirtualCPU,
    VirtualHardware,
    VirtualMemory,
    assemble,
    decode,
)
from vcloud_lab.vm.asm_syntax import REGISTERS

__all__ = ["BUDGET", "NAMES", "SAVED", "Args", "Ran", "Routine", "signed", "told"]

Args = tuple[object, ...]
"""Each is a number, a list of numbers (of words in memory) or a text (bytes that end with 0); the
routine gets the number, or the address."""

BUDGET = 20_000
"""After so many instructions a routine counts as endless."""

NAMES = tuple(REGISTERS)[:32]
SAVED = ("sp", "s0", "s1", *(f"s{number}" for number in range(2, 12)))
"""The registers that belong to the caller."""

M = 0xFFFFFFFF
SIZE, START = 1 << 16, 0x80000000
DATA, DATA_END, STACK, BACK = (START + offset for offset in (0x8000, 0xC000, 0xE000, 0xF000))
TRAP = BACK + 4
FILLER = bytes.fromhex("5a5aa57fa55a7fa5")
"""What lies behind an argument: a large number, then a negative one, and no zero byte."""
CALLERS = FILLER * 8
OURS = assemble(
    """
    ebreak                      # where the routine returns to
    li   t5, 0x11100000         # and where every trap leads
    li   t6, 0x5555
    sw   t6, 0(t5)
    """,
    BACK,
)
BREAKPOINT = 3
LOST = "returns to a place within itself again and again"


def signed(value: int) -> int:
    """A 32-bit number with its sign."""
    return (value & M ^ 1 << 31) - (1 << 31)


@dataclass(frozen=True)
class Ran:
    """What came of a call.

    ``ending`` is "returned", or how else it ended: "endless", "trap", "fell-through" (it ran past
    its last line), "lost-return-address", "off" or "waiting"; ``problem`` then says so in words.
    ``registers`` are signed, by their names; ``damage`` names what it should have left as it was.
    """

    ending: str
    problem: str
    registers: dict[str, int]
    console: str
    damage: tuple[str, ...] = ()


class Routine:
    """The routine ``label`` of a program. ``frame`` is more source, which is put behind it and is
    called in its stead, at ``entry``.

    Raises ``AssemblyError`` for a program with a fault, and ``Misread`` for one without the routine
    or one that is too long.
    """

    def __init__(self, source: str, label: str, frame: str = "", entry: str = "") -> None:
        self.entry = entry or label
        own = assemble(source)
        if label not in own.symbols:
            raise Misread(
                f"there is no label {label}: in your program, and it is called by this name; write "
                f"{label}: before its first instruction."
            )
        self.program: Program = assemble(f"{source}\n.text\n{frame}") if frame else own
        self.last_line = source.count("\n") + 1
        if len(self.program.code) > DATA - START:
            raise Misread(
                f"your program has {len(self.program.code)} bytes: at most {DATA - START} have "
                "room; leave out what is not needed."
            )

    @cached_property
    def _machine(self) -> VirtualHardware:
        made = VirtualHardware(VirtualCPU(Hart), VirtualMemory(SIZE))
        made.load(self.program)
        return made

    def call(self, args: Args, budget: int = BUDGET) -> Ran:
        """Call it once, on a machine that is as new."""
        machine = self._machine
        machine.start()
        hart, ram = machine.hart, machine.bus
        registers, data = _placed(args)
        ram.load_image(OURS.code, BACK)
        ram.load_image(data, DATA)
        ram.load_image(CALLERS, STACK)
        hart.x[1:32] = [0x5A5A0000 + 0x1357 * number for number in range(1, 32)]
        hart.x[1], hart.x[2] = BACK, STACK
        hart.x[10 : 10 + len(registers)] = registers
        hart.csr["mtvec"], hart.pc = TRAP, self.program.symbols[self.entry]
        before = dict(zip(NAMES, hart.x, strict=False))
        why = machine.run(budget, seconds=60)
        ending, problem = self._ending(why, budget)
        after = dict(zip(NAMES, hart.x, strict=False))
        damage = [name for name in SAVED if after[name] != before[name]]
        held = bytes(ram.ram[DATA - START : DATA_END - START]) == data
        stack = bytes(ram.ram[STACK - START :][: len(CALLERS)]) == CALLERS
        damage += [] if held else ["the memory that it was given"]
        damage += [] if stack else ["its caller's part of the stack"]
        console = machine.console.output.decode("utf-8", "replace")
        machine.stop()
        numbers = {name: signed(value) for name, value in after.items()}
        return Ran(ending, problem, numbers, console, tuple(damage))

    def _ending(self, why: str, budget: int) -> tuple[str, str]:
        hart = self._machine.hart
        ours = BACK <= hart.pc < BACK + len(OURS.code) + 4
        if why == "waiting":
            return why, f"waits for an interrupt that cannot come, {self._at(hart.pc - 4)}"
        if why != "off":
            text = f"was still running after {budget:,} instructions, {self._at(hart.pc)}"
            text += ", as if for ever"
            return ("lost-return-address", LOST) if self._comes_back() else ("endless", text)
        if not ours:
            return "off", "switches the machine off; it must return to its caller, with ret"
        pc, cause = hart.csr["mepc"], hart.csr["mcause"]
        if (pc, cause) == (BACK, BREAKPOINT):
            return "returned", ""
        if pc == START + len(self.program.code):
            return "fell-through", "ran on past its last line, where no ret is"
        if not START <= pc < START + len(self.program.code):
            return "lost-return-address", f"jumped to {pc:08x}, where no code is"
        value = f" ({hart.csr['mtval']:08x})" if hart.csr["mtval"] else ""
        return "trap", f"was ended by a trap, {CAUSES.get(cause, cause)}{value}, {self._at(pc)}"

    def _comes_back(self) -> bool:
        """Whether a ret leads back to itself, as it does once a call has overwritten ra."""
        hart, last = self._machine.hart, None
        for _ in range(1000):
            place = hart.pc - START >> 2
            found = decode(self._machine.bus.words[place]) if 0 <= place < SIZE >> 2 else None
            if found and found.row.kind == "jump" and found.rd == 1:
                last = None
            elif found and found.row.name == "jalr" and found.rs1 == 1:
                if last == hart.x[1]:
                    return True
                last = hart.x[1]
            hart.step()
        return False

    def _at(self, pc: int) -> str:
        """A place in the program, in words."""
        number, text = self.program.lines.get(pc, (0, ""))
        if not number:
            return f"at {pc & M:08x}"
        if number > self.last_line:
            return "in the program that calls it"
        return f"at line {number}, {' '.join(text.split('#')[0].split())}"


def _placed(args: Args) -> tuple[list[int], bytes]:
    """The arguments as registers, and the memory to which some of them point."""
    registers, data = list[int](), bytearray()
    for arg in args:
        if isinstance(arg, int):
            registers.append(arg & M)
            continue
        registers.append(DATA + len(data))
        if isinstance(arg, str):
            data += arg.encode() + b"\0"
        elif isinstance(arg, Sequence):
            data += b"".join((number & M).to_bytes(4, "little") for number in arg)
        data += FILLER
        data += FILLER[: -len(data) % 4]
    filler = FILLER * ((DATA_END - DATA) // len(FILLER))
    return registers, bytes(data) + filler[len(data) :]


def told(name: str, args: Args) -> str:
    """A call as one would write it: sum([3, -1], 2)."""
    return f"{name}({', '.join(tell(arg) for arg in args)})"
