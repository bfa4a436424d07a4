"""From the listing to Python: one function for each instruction, made from its row.

``add`` for example becomes::

    def add(hart, x, pc, rd, rs1, rs2, imm):
        a, b = x[rs1], x[rs2]
        x[rd] = a + b & M
        return pc + 4

The registers ``x`` are unsigned 32-bit numbers; writes to x0 go to ``x[32]``, which nobody reads.
A function returns the next program counter. It raises ``Trap`` before it has changed anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from vcloud_lab.vm.isa import ISA, Row, decode
from vcloud_lab.vm.traps import Cause, Trap

if TYPE_CHECKING:
    from vcloud_lab.vm.cpu import Hart

__all__ = ["Decoded", "Execute", "Leave", "divide", "remainder"]

Execute: TypeAlias = "Callable[[Hart, list[int], int, int, int, int, int], int]"

M, H = 0xFFFFFFFF, 0x80000000
NOBODY = 32
"""Where results for x0 go."""


class Leave(Exception):
    """The instruction at the program counter is for the hart itself: a CSR, ecall, mret, a load
    from a device."""


def divide(a: int, b: int) -> int:
    """Signed division that rounds to zero; by zero it gives -1, and the overflow gives a."""
    if b == 0:
        return M
    high, low = (a ^ H) - H, (b ^ H) - H
    quotient = abs(high) // abs(low)
    return (quotient if (high < 0) == (low < 0) else -quotient) & M


def remainder(a: int, b: int) -> int:
    """The rest of a signed division, with the sign of ``a``; by zero it gives a."""
    if b == 0:
        return a
    high, low = (a ^ H) - H, (b ^ H) - H
    rest = abs(high) % abs(low)
    return (rest if high >= 0 else -rest) & M


NAMES = {"M": M, "H": H, "Trap": Trap, "Leave": Leave, "divide": divide, "remainder": remainder,
         "MISALIGNED": Cause.MISALIGNED_FETCH}  # fmt: skip
"""What the text of a function may refer to."""


def _jump(target: str) -> list[str]:
    return [
        f"target = {target}",
        "if target & 3: raise Trap(MISALIGNED, target)",
    ]


def body(row: Row) -> list[str]:
    """The lines of the function for a row."""
    does, words = row.does, row.does.split()
    match row.kind:
        case "rd":
            return [f"x[rd] = {does}", "return pc + 4"]
        case "jump":
            return [*_jump(does), "x[rd] = pc + 4 & M", "return target"]
        case "branch":
            return [f"if {does}:", *(f"    {x}" for x in _jump("pc + imm & M")),
                    "    return target", "return pc + 4"]  # fmt: skip
        case "load":
            value = f"hart.load{words[0]}(a + imm & M)"
            if words[1:] == ["signed"]:
                sign = 1 << 8 * int(words[0]) - 1
                value = f"({value} ^ {sign:#x}) - {sign:#x} & M"
            return [f"x[rd] = {value}", "return pc + 4"]
        case "store":
            return [f"hart.store{words[0]}(a + imm & M, b)", "return pc + 4"]
        case "amo":
            return ["m = hart.load_to_store(a)", f"new = {does}", "x[rd] = m",
                    "hart.store4(a, new)", "return pc + 4"]  # fmt: skip
        case "reserve":
            return [f"x[rd] = hart.{does}_reserved(a, b)", "return pc + 4"]
        case "nothing":
            return ["return pc + 4"]
    return ["raise Leave"]  # the hart's own work


def _compile(row: Row) -> Execute:
    lines = body(row)
    text = "\n".join(lines)
    given = [f"{name} = x[{number}]" for name, number in (("a", "rs1"), ("b", "rs2"))
             if re.search(rf"\b{name}\b", text)]  # fmt: skip
    source = "def function(hart, x, pc, rd, rs1, rs2, imm):\n    " + "\n    ".join(given + lines)
    names: dict[str, Any] = dict(NAMES)
    exec(compile(source, f"<{row.name}>", "exec"), names)
    function: Execute = names["function"]
    function.__name__ = function.__qualname__ = row.name
    return function


FUNCTIONS: dict[str, Execute] = {row.name: _compile(row) for row in ISA.values()}


class Decoded(dict[int, "tuple[Execute, int, int, int, int]"]):
    """From a word to the function that executes it and its operands, decoded when first met.

    Raises ``Trap`` (illegal instruction) for a word that is none.
    """

    def __missing__(self, word: int) -> tuple[Execute, int, int, int, int]:
        found = decode(word)
        if found is None:
            raise Trap(Cause.ILLEGAL, word)
        rd = found.rd or NOBODY
        made = (FUNCTIONS[found.row.name], rd, found.rs1, found.rs2, found.imm)
        self[word] = made
        return made
