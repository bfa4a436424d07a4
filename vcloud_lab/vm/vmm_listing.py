"""Translated code beside the code that it was made of, word for word."""

from __future__ import annotations

from dataclasses import dataclass

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.asm import assemble
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.vmm_code import translate

__all__ = ["REGISTERS", "Pair", "disassemble", "side_by_side"]

REGISTERS = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "s0", "s1", *(f"a{n}" for n in range(8)), *(f"s{n}" for n in range(2, 12)),
    "t3", "t4", "t5", "t6",
)  # fmt: skip
"""The names of x0 to x31."""
CSR_NAMES = {number: name for name, number in CSRS.items()}


@dataclass(frozen=True)
class Pair:
    """One word of translated code, and the guest's instruction at whose place it begins.

    ``pc`` and ``guest`` are None and "" where the word belongs to the instruction before it.
    ``note`` tells what a callout is for.
    """

    pc: int | None
    guest: str
    word: int
    code: str
    note: str = ""


def disassemble(word: int) -> str:
    """A word as the assembler would take it; jumps and branches by their distance, a fence and the
    ordering of an atomic instruction by the name alone.

    >>> disassemble(0xc0002503)
    'lw a0, -1024(zero)'
    """
    found = decode(word)
    if found is None:
        return f".word {word:#010x}"
    rd, rs1, rs2 = (REGISTERS[n] for n in (found.rd, found.rs1, found.rs2))
    number = (found.imm ^ 0x80000000) - 0x80000000
    match found.row.kind, found.row.format:
        case "load", _:
            return f"{found.row.name} {rd}, {number}({rs1})"
        case "store", _:
            return f"{found.row.name} {rs2}, {number}({rs1})"
        case "branch", _:
            return f"{found.row.name} {rs1}, {rs2}, .{number:+}"
        case "jump", "J":
            return f"{found.row.name} {rd}, .{number:+}"
        case "jump", _:
            return f"{found.row.name} {rd}, {number}({rs1})"
        case "csr", form:
            operand = found.rs1 if form == "csri" else rs1
            return f"{found.row.name} {rd}, {CSR_NAMES.get(found.imm, found.imm)}, {operand}"
        case "rd", "U":
            return f"{found.row.name} {rd}, {found.imm >> 12:#x}"
        case "rd", "R":
            return f"{found.row.name} {rd}, {rs1}, {rs2}"
        case "rd", _:
            return f"{found.row.name} {rd}, {rs1}, {number}"
        case (("amo" | "reserve"), _):
            source = "" if found.row.name == "lr.w" else f"{rs2}, "
            return f"{found.row.name} {rd}, {source}({rs1})"
        case "system", "R":
            return f"{found.row.name} {rs1}, {rs2}"
        case _:
            return found.row.name


def side_by_side(source: str, level: int = 3) -> list[Pair]:
    """The first block of an assembly program as ``BinaryTranslation`` would translate it.

    ``level`` is the level of the guest's kernel. Raises ``AssemblyError`` for a program that cannot
    be assembled, and ``GuestError`` for one that ends before its block does.
    """
    program = assemble(source)

    def fetch(pc: int) -> int:
        at = pc - program.origin
        if not 0 <= at <= len(program.code) - 4:
            raise GuestError(
                f"The program ends before {pc:08x}: a block goes on to a jump or to a sensitive "
                "instruction; end it with one, such as ret."
            )
        return int.from_bytes(program.code[at : at + 4], "little")

    block, shown, rows = translate(program.entry, level, fetch), set[int](), list[Pair]()
    for at, word in enumerate(block.words):
        place, call = block.places.get(at), block.callouts.get(at)
        pc = place if place not in shown else None
        note = f"{call.what} {call.pc:08x}" if call else ""
        if place is not None and call and call.what == "go":
            pc = None  # the way on is no instruction of its own
        guest = disassemble(fetch(pc)) if pc is not None else ""
        if pc is not None:
            shown.add(pc)
        rows.append(Pair(pc, guest, word, disassemble(word), note))
    return rows
