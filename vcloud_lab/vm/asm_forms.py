"""What can be written after each mnemonic, and which instructions a pseudo-instruction becomes.

Source: The RISC-V Instruction Set Manual, volume I, "RISC-V Assembly Programmer's Handbook", and
the RISC-V Assembly Programmer's Manual for the sequences of ``li``, ``la``, ``call`` and ``tail``.
"""

from __future__ import annotations

from dataclasses import dataclass

from vcloud_lab.vm.asm_expr import Operand
from vcloud_lab.vm.asm_syntax import Line, Token, nearest, short
from vcloud_lab.vm.isa import ISA, Row

__all__ = ["FORMS", "Form", "form_of", "li_steps", "row_of"]

PSEUDO = """
nop                     addi x0, x0, 0
mv rd, rs               addi rd, rs, 0
not rd, rs              xori rd, rs, -1
neg rd, rs              sub rd, x0, rs
seqz rd, rs             sltiu rd, rs, 1
snez rd, rs             sltu rd, x0, rs
sltz rd, rs             slt rd, rs, x0
sgtz rd, rs             slt rd, x0, rs

beqz rs, target         beq rs, x0, target
bnez rs, target         bne rs, x0, target
blez rs, target         bge x0, rs, target
bgez rs, target         bge rs, x0, target
bltz rs, target         blt rs, x0, target
bgtz rs, target         blt x0, rs, target
bgt rs, rt, target      blt rt, rs, target
ble rs, rt, target      bge rt, rs, target
bgtu rs, rt, target     bltu rt, rs, target
bleu rs, rt, target     bgeu rt, rs, target

j target                jal x0, target
jal target              jal x1, target
jr rs                   jalr x0, 0(rs)
jr imm(rs1)             jalr x0, imm(rs1)
jalr rs                 jalr x1, 0(rs)
jalr imm(rs1)           jalr x1, imm(rs1)
jalr rd, rs             jalr rd, 0(rs)
jalr rd, rs, imm        jalr rd, imm(rs)
ret                     jalr x0, 0(x1)
call symbol             auipc x1, %pcrel_hi(symbol) ; jalr x1, %near_lo(symbol)(x1)
tail symbol             auipc x6, %pcrel_hi(symbol) ; jalr x0, %near_lo(symbol)(x6)

li rd, constant         one or two instructions, by the size of the constant
la rd, symbol           auipc rd, %pcrel_hi(symbol) ; addi rd, rd, %near_lo(symbol)
lla rd, symbol          auipc rd, %pcrel_hi(symbol) ; addi rd, rd, %near_lo(symbol)
lb rd, symbol           auipc rd, %pcrel_hi(symbol) ; lb rd, %near_lo(symbol)(rd)
lh rd, symbol           auipc rd, %pcrel_hi(symbol) ; lh rd, %near_lo(symbol)(rd)
lw rd, symbol           auipc rd, %pcrel_hi(symbol) ; lw rd, %near_lo(symbol)(rd)
lbu rd, symbol          auipc rd, %pcrel_hi(symbol) ; lbu rd, %near_lo(symbol)(rd)
lhu rd, symbol          auipc rd, %pcrel_hi(symbol) ; lhu rd, %near_lo(symbol)(rd)
sb rs, symbol, rt       auipc rt, %pcrel_hi(symbol) ; sb rs, %near_lo(symbol)(rt)
sh rs, symbol, rt       auipc rt, %pcrel_hi(symbol) ; sh rs, %near_lo(symbol)(rt)
sw rs, symbol, rt       auipc rt, %pcrel_hi(symbol) ; sw rs, %near_lo(symbol)(rt)

csrr rd, csr            csrrs rd, csr, x0
csrw csr, rs            csrrw x0, csr, rs
csrs csr, rs            csrrs x0, csr, rs
csrc csr, rs            csrrc x0, csr, rs
csrwi csr, zimm         csrrwi x0, csr, zimm
csrsi csr, zimm         csrrsi x0, csr, zimm
csrci csr, zimm         csrrci x0, csr, zimm
rdcycle rd              csrrs rd, cycle, x0
rdcycleh rd             csrrs rd, cycleh, x0
rdtime rd               csrrs rd, time, x0
rdtimeh rd              csrrs rd, timeh, x0
rdinstret rd            csrrs rd, instret, x0
rdinstreth rd           csrrs rd, instreth, x0

fence                   fence iorw, iorw
fence.tso               fence rw.tso, rw
sfence.vma              sfence.vma x0, x0
sfence.vma rs           sfence.vma rs, x0
"""
"""Left what is written, right what it becomes. ``%near_lo`` is the low part of the distance that
the ``%pcrel_hi`` one instruction before has the high part of; only this table can write it."""

BY_FORMAT = {
    "R": "rd, rs1, rs2",
    "I": "rd, rs1, imm",
    "shift": "rd, rs1, shamt",
    "S": "rs2, imm(rs1)",
    "B": "rs1, rs2, target",
    "U": "rd, upper",
    "J": "rd, target",
    "csr": "rd, csr, rs1",
    "csri": "rd, csr, zimm",
    "amo": "rd, rs2, (rs1)",
    "fence": "pred, succ",
    "none": "",
}
"""The operands of a real instruction, by its format; the names are those of the encoder."""

BY_NAME = {
    **{row.name: "rd, imm(rs1)" for row in ISA.values() if row.kind == "load"},
    "jalr": "rd, imm(rs1)",
    "lr.w": "rd, (rs1)",
    "sfence.vma": "rs1, rs2",
    "fence.i": "",
}
REGISTER_FIELDS = frozenset({"rd", "rs", "rt", "rs1", "rs2"})
ONLY_64 = """
ld sd lwu addiw addw subw slliw srliw sraiw sllw srlw sraw mulw divw divuw remw remuw
"""
HINTS = {
    "subi": "; write addi with the negative number",
    "mov": "; did you mean mv?",
    "move": "; did you mean mv?",
    "jmp": "; did you mean j?",
    "push": "; write addi sp, sp, -4 and sw",
    "pop": "; write lw and addi sp, sp, 4",
}


@dataclass(frozen=True)
class Form:
    """One way to write a mnemonic: the names of its operands, and the real instructions (none:
    it is one itself)."""

    name: str
    fields: tuple[str, ...]
    steps: tuple[str, ...] = ()

    @property
    def shapes(self) -> list[str]:
        """What each operand must be: register, value or memory."""
        return [
            "register" if field in REGISTER_FIELDS else "memory" if "(" in field else "value"
            for field in self.fields
        ]

    def __str__(self) -> str:
        return f"{self.name} {', '.join(self.fields)}".strip()


def _fields(text: str) -> tuple[str, ...]:
    return tuple(field.strip() for field in text.split(",") if field.strip())


def _forms() -> dict[str, list[Form]]:
    forms: dict[str, list[Form]] = {}
    for row in ISA.values():
        form = Form(row.name, _fields(BY_NAME.get(row.name, BY_FORMAT[row.format])))
        for order in ("", ".aq", ".rl", ".aqrl") if row.format == "amo" else ("",):
            forms[row.name + order] = [Form(row.name + order, form.fields)]
    for text in PSEUDO.splitlines():
        written, becomes = text[:24].strip(), text[24:]
        if written:
            name, _, operands = written.partition(" ")
            form = Form(name, _fields(operands), tuple(becomes.split(" ; ")))
            forms.setdefault(name, []).append(form)
    return forms


FORMS = _forms()
"""Every mnemonic and the ways to write its operands."""


def row_of(name: str) -> tuple[Row, int]:
    """The row of a real instruction, and the ordering bits (aq 2, rl 1) that its name asks for."""
    base, dot, order = name.rpartition(".")
    if dot and order in ("aq", "rl", "aqrl"):
        return ISA[base], {"aq": 2, "rl": 1, "aqrl": 3}[order]
    return ISA[name], 0


def form_of(line: Line, name: Token, operands: list[Operand], end: int) -> Form:
    """The form that was written. Raises ``AssemblyError`` where none is, with what would be."""
    forms = FORMS.get(name.text)
    if forms is None:
        raise line.error(name.column, f"{short(name.text)} is not an instruction{_hint(name.text)}")
    shapes = [operand.shape for operand in operands]
    alike = [form for form in forms if len(form.fields) == len(shapes)]
    for form in alike:
        if form.shapes == shapes:
            return form
    ways = " or ".join(f"'{form}'" for form in alike or forms)
    if not alike:
        most = max(len(form.fields) for form in forms)
        column = operands[most].column if len(operands) > most else end
        raise line.error(
            column, f"{name.text} stands with {_count(len(operands))}; it is written {ways}"
        )
    needed, at = _mismatch(alike, shapes)
    what = {"register": "a register", "value": "a number or a symbol", "memory": "like 4(sp)"}
    other = name.text + "i" if shapes[at] == "value" else name.text.removesuffix("i")
    hint = (
        f"; for {what[shapes[at]]} there is {other}"
        if (other != name.text and other in ISA and shapes[at] != "memory")
        else ""
    )
    raise line.error(
        operands[at].column,
        f"operand {at + 1} of {name.text} must be {what[needed]}, not {operands[at].text}; write "
        f"{ways}{hint}",
    )


def _mismatch(forms: list[Form], shapes: list[str]) -> tuple[str, int]:
    """The first operand that fits no form that fits the ones before it, and what it must be."""
    at = 0
    while True:
        fitting = [form for form in forms if form.shapes[at] == shapes[at]]
        if not fitting:
            return forms[0].shapes[at], at
        forms, at = fitting, at + 1


def _count(count: int) -> str:
    return ("no operands", "1 operand")[count] if count < 2 else f"{count} operands"


def _hint(name: str) -> str:
    if name in ONLY_64.split():
        return ": it belongs to RV64, and this machine is an RV32; use its 32-bit counterpart"
    return (
        HINTS.get(name)
        or nearest(name, FORMS)
        or ("; this machine is an RV32IMA with Zicsr, so no floating point and no compressed ones")
    )


def li_steps(value: int) -> tuple[str, ...]:
    """The shortest way to load a 32-bit constant: addi, lui, or both.

    As addi extends the sign of its 12 bits, lui takes the upper 20 bits of value + 0x800.
    """
    value = (value + (1 << 31)) % (1 << 32) - (1 << 31)
    low = (value + 0x800) % 0x1000 - 0x800
    if low == value:
        return (f"addi rd, x0, {value}",)
    upper = f"lui rd, {(value - low >> 12) % (1 << 20)}"
    return (upper, f"addi rd, rd, {low}") if low else (upper,)
