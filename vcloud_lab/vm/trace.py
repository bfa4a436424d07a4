"""The Python text of a *trace*: guest instructions in the order in which they were once executed.

A trace is a function ``trace(x, left)`` of the registers ``x``; it returns the next program counter
and how many instructions were completed. ``addi t0, t0, -1; bnez t0, -4``, for example, becomes::

    def trace(x, left):
     r5 = x[5]
     for done in range(0, left - 1, 2):
      r5 = (r5 - 1) % 4294967296
      if not r5 != 0: to, done = 2147483656, done + 2; break
     else: to, done = 2147483648, left - left % 2
     x[5] = r5
     return to, done

This path led back to its beginning, so it is a loop, which keeps registers in variables and runs at
most ``left`` instructions. Others write every result to ``x`` at once and can be left anywhere.
Where a branch or a jump leads elsewhere than it did on the path, the trace returns.

What cannot be done here raises ``Leave``, ``IndexError`` or ``struct.error`` before it has changed
anything; the hart then does it. Compiling an instruction costs as much as running it a hundred
times, so the text must be short.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Any

from vcloud_lab.vm.execute import NAMES
from vcloud_lab.vm.isa import ISA, Instruction
from vcloud_lab.vm.memory import Bus

__all__ = ["Path", "TraceText", "memory_names"]

M, H = 0xFFFFFFFF, 1 << 31
NEAR = 3
"""With so many words loaded or stored next to one address, it is checked only once."""
Names = dict[str, Any]
Path = list[tuple[int, Instruction]]
"""Instructions and their addresses, in the order of their execution."""
Value = tuple[int, int]
"""What a register holds from one write to the next: the register, and where it was written."""

TEMPLATES = {
    row.name: re.sub(r"\b(a|b|imm|pc)\b", r"{\1}", row.does)
    .replace("int(", "+(")  # makes a number of a truth without a call
    .replace("M", str(M))
    .replace("H", str(H))
    for row in ISA.values()
} | {"bltz": f"{{a}} >= {H}", "bgez": f"{{a}} < {H}"}
FIELDS = {
    row.name: ("s" in row.bits and row.kind != "csr", "t" in row.bits, "d" in row.bits)
    for row in ISA.values()
}
"""Whether a trace reads rs1 and rs2 and writes rd. A CSR instruction is left to the hart."""
WORDS = ("lw", "sw")


def memory_names(bus: Bus) -> Names:
    """What the text of a trace may refer to, but for the functions of a view.

    ``safe[...]`` raises ``IndexError`` for what is not 0: the mark of a page of code, odd bits.
    """
    names = NAMES | {"ram": bus.ram, "words": bus.words, "code": bus.code, "safe": (bus.ram,)}
    for size, letter in ((2, "H"), (4, "I")):
        names[f"get{size}"] = Struct(f"<{letter}").unpack_from
        names[f"put{size}"] = Struct(f"<{letter}").pack_into
    return names


class TraceText:
    """The text of the trace for a ``path`` that goes on at ``after``; ``str`` gives it.

    Memory that is bare and begins at ``base`` is reached without a call, other memory (None) by the
    functions of a view. ``odd`` has the indices in the path of loads and stores whose address was
    not aligned. ``at[n]`` is the index of the instruction to which line n + 1 belongs, so the line
    of an exception tells which one has raised it. ``loops`` tells whether it is a loop, ``changed``
    which registers that keeps in variables. ``names`` is what the text refers to besides.
    """

    def __init__(self, path: Path, after: int, base: int | None, odd: frozenset[int]) -> None:
        self.path, self.after, self.base, self.odd = path, after, base, odd
        kinds = {found.row.kind for _, found in path}
        self.loops = after == path[0][0] and "csr" not in kinds  # a CSR is read from x
        self.names: Names = {}
        self.at: list[int] = []
        self.changed: list[int] = []
        self._lines: list[str] = []
        self._local: set[int] = set()
        self._ready: set[Value] = set()
        self._values: list[tuple[Value, Value, Value]] = []
        self._follow_values()
        self._write()

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _follow_values(self) -> None:
        """Note which values every instruction reads, how often each is read, and near which are
        many words."""
        reads: dict[Value, int] = {}
        near: dict[Value, list[int]] = {}
        odd: set[Value] = set()
        written = [-1] * 32
        for index, (_, found) in enumerate(self.path):
            first, second, writes = FIELDS[found.row.name]
            a, b = (found.rs1, written[found.rs1]), (found.rs2, written[found.rs2])
            self._values.append((a, b, (found.rd, index)))
            if first:
                reads[a] = reads.get(a, 0) + 1
            if second:
                reads[b] = reads.get(b, 0) + 1
            if self._is_word(found):
                near.setdefault(a, []).append(found.imm if second else -1)
                if index in self.odd:
                    odd.add(a)
            if writes:
                written[found.rd] = index
        self._reads = reads
        self._near = {
            value: max(stored)
            for value, stored in near.items()
            if len(stored) >= NEAR and value not in odd
        }
        """The values near which are many words, and the largest offset of those stored, or -1."""

    def _is_word(self, found: Instruction) -> bool:
        return (
            found.row.name in WORDS
            and self.base is not None
            and found.rs1 > 0
            and found.imm < 2048
            and not found.imm & 3
        )

    # The frame

    def _write(self) -> None:
        length, indent = len(self.path), " "
        self._add("def trace(x, left):")
        if self.loops:
            self.changed = sorted({i.rd for _, i in self.path if "d" in i.row.bits} - {0})
            self._local = {register for register, _ in self._reads} - {0} | set(self.changed)
            for register in sorted(self._local):
                self._add(f" r{register} = x[{register}]")
            self._add(f" for done in range(0, left - {length - 1}, {length}):")
            indent = "  "
        head = len(self._lines)
        for index in range(length):
            for line in self._instruction(index):
                self._add(indent + line, index)
        if self.loops:
            if len(self._lines) == head:
                self._add("  pass")
            self._add(f" else: to, done = {self.after}, left - left % {length}")
            for register in self.changed:
                self._add(f" x[{register}] = r{register}")
            self._add(" return to, done")
        else:
            self._add(" " + self._leave(self.after, length))

    def _add(self, line: str, index: int = 0) -> None:
        self._lines.append(line)
        self.at.append(index)

    def _leave(self, target: int | str, done: int) -> str:
        """Leave for an address after this many instructions of a round."""
        if self.loops:
            return f"to, done = {target}, done + {done}; break"
        return f"return {target}, {done}"

    # Registers

    def _read(self, value: Value, lines: list[str]) -> str:
        """An expression for a value; ``lines`` may get one that must come first."""
        register = value[0]
        if not register:
            return "0"
        if register not in self._local:
            if self._reads.get(value) == 1:
                return f"x[{register}]"
            self._local.add(register)
            lines.append(f"r{register} = x[{register}]")
        return f"r{register}"

    def _result(self, value: Value) -> str:
        """The left side of the assignment of a value."""
        register = value[0]
        if not register:
            return "_"
        if self.loops:
            return f"r{register}"
        if value in self._reads:
            self._local.add(register)
            return f"x[{register}] = r{register}"
        return f"x[{register}]"

    # Instructions

    def _instruction(self, index: int) -> list[str]:
        """The lines of one instruction."""
        (pc, found), (first, second, result) = self.path[index], self._values[index]
        row, imm, lines = found.row, found.imm, list[str]()
        signed = (imm ^ H) - H
        if row.kind == "csr":
            self._local.discard(found.rd)
            self.names[f"at_{pc:x}"] = found
            return [f"csr(at_{pc:x})"]
        reads_a, reads_b, writes = FIELDS[row.name]
        a = self._read(first, lines) if reads_a else "0"
        b = self._read(second, lines) if reads_b else "0"
        rd = self._result(result) if writes else ""
        match row.kind:
            case "rd":
                does = (
                    _sum(a, signed) if row.name == "addi" else self._does(row.name, a, b, imm, pc)
                )
                lines += [f"{rd} = {does}"] if found.rd else []
            case "jump":
                link = [f"{rd} = {pc + 4 & M}"] if found.rd else []
                lines += self._jumps(index, _sum(a, signed)) if row.name == "jalr" else []
                lines[-1:] = link + lines[-1:] if row.name == "jalr" else link
            case "branch":
                lines.append(self._branches(index, self._does(row.name, a, b, imm, pc)))
            case "load":
                lines += self._loads(index, a, signed, rd)
            case "store":
                lines += self._stores(index, a, signed, b)
            case "amo":
                lines += [f"t, b = {a}, {b}", "m = load_to_store(t)", f"b = {row.does}"]
                lines += [f"{rd} = m", "store4(t, b)"]
            case "reserve":
                lines.append(f"{rd} = hart.{row.does}_reserved({a}, {b})")
        return lines

    def _does(self, name: str, a: str, b: str, imm: int, pc: int) -> str:
        if b == "0" and name in ("blt", "bge"):
            name += "z"
        if name == "auipc":
            return str(pc + imm & M)
        return TEMPLATES[name].format(a=a, b=b, imm=imm, pc=pc)

    def _follows(self, index: int) -> int:
        return self.path[index + 1][0] if index + 1 < len(self.path) else self.after

    def _jumps(self, index: int, target: str) -> list[str]:
        """A jump to an address in a register; the hart traps where that is no multiple of 4."""
        lines = [f"t = {target} & {M - 1}", "if t & 2: raise Leave"]
        leave = self._leave("t", index + 1)
        last = index + 1 == len(self.path) and not self.loops
        return [*lines, leave if last else f"if t != {self._follows(index)}: {leave}"]

    def _branches(self, index: int, does: str) -> str:
        pc, found = self.path[index]
        target, follows = pc + found.imm & M, self._follows(index)
        no, other = ("not ", pc + 4 & M) if follows == target else ("", target)
        return f"if {no}{does}: {'raise Leave' if other & 3 else self._leave(other, index + 1)}"

    # Memory

    def _place(self, a: str, offset: int) -> str:
        """An offset in RAM, too large outside it."""
        assert self.base is not None
        return _sum(a, offset - self.base)

    def _word(self, index: int, a: str, offset: int, lines: list[str]) -> str:
        """A word of RAM that is one of many near one address; "" where it is none."""
        value = self._values[index][0]
        if value not in self._near or not self._is_word(self.path[index][1]):
            return ""
        if value not in self._ready:
            self._ready.add(value)
            stored = self._near[value]
            pages = f" or code[t >> 12] or code[t + {stored} >> 12]" if stored >= 0 else ""
            lines += [f"t = {self._place(a, 0)}", f"if t & 3{pages}: raise Leave"]
            lines.append(f"i{value[0]} = t >> 2")
        return f"words[i{value[0]} + {offset >> 2}]"

    def _loads(self, index: int, a: str, offset: int, rd: str) -> list[str]:
        lines: list[str] = []
        size, *sign = self.path[index][1].row.does.split()
        if self.base is None:
            value = f"load{size}({_sum(a, offset)})"
        elif size == "1":
            value = f"ram[{self._place(a, offset)}]"
        else:
            value = self._word(index, a, offset, lines)
            value = value or f"get{size}(ram, {self._place(a, offset)})[0]"
        if sign:
            highest = 1 << 8 * int(size) - 1
            value = f"({value} ^ {highest}) - {highest} & {M}"
        return [*lines, f"{rd} = {value}"]

    def _stores(self, index: int, a: str, offset: int, b: str) -> list[str]:
        lines: list[str] = []
        size = int(self.path[index][1].row.does)
        if self.base is None:
            return [f"store{size}({_sum(a, offset)}, {b})"]
        if word := self._word(index, a, offset, lines):
            return [*lines, f"{word} = {b}"]
        lines = [f"t = {self._place(a, offset)}"]
        if size == 1:
            return [*lines, f"safe[code[t >> 12]][t] = {b} & 255"]
        special = f"code[t + {size - 1} >> 12]" if index in self.odd else f"t & {size - 1}"
        b = b if size == 4 else f"{b} & 65535"
        return [*lines, f"put{size}(safe[code[t >> 12] | {special}], t, {b})"]


def _sum(a: str, offset: int) -> str:
    """A sum in 32 bits. ``%`` is quicker than ``&`` where nothing overflows."""
    if a == "0":
        return str(offset & M)
    if not offset:
        return a
    return f"({a} {'-' if offset < 0 else '+'} {abs(offset)}) % {M + 1}"
