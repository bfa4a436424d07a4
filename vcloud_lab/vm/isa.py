"""RV32IMA with Zicsr, Zifencei and the privileged instructions: the listing is the decoder.

One row an instruction: its bits as the manual prints them, most significant first, and what it
does. In the bits, 0 and 1 must match; letters are fields (``s`` rs1, ``t`` rs2, ``d`` rd, ``i`` and
``j`` parts of the immediate, ``x`` ignored). In the meaning, ``a`` and ``b`` are what stands in rs1
and rs2, ``imm`` is the immediate, all as unsigned 32-bit numbers; ``M`` is 0xFFFFFFFF and ``H``
0x80000000. Two's complement makes ``x ^ H`` order signed numbers like unsigned ones.

The step engine and the translator are both made from these rows.

Source: The RISC-V Instruction Set Manual, volume I (unprivileged, chapters RV32I, "M", "A",
"Zicsr", "Zifencei" and the instruction listings) and volume II (privileged).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["ISA", "Instruction", "Row", "decode"]

LISTING = """
# upper immediates and jumps            the kind: what it does
lui     iiiiiiiiiiiiiiiiiiiiddddd0110111  U     rd: imm
auipc   iiiiiiiiiiiiiiiiiiiiddddd0010111  U     rd: pc + imm & M
jal     iiiiiiiiiiiiiiiiiiiiddddd1101111  J     jump: pc + imm & M
jalr    iiiiiiiiiiiisssss000ddddd1100111  I     jump: a + imm & 0xFFFFFFFE

beq     iiiiiiitttttsssss000jjjjj1100011  B     branch: a == b
bne     iiiiiiitttttsssss001jjjjj1100011  B     branch: a != b
blt     iiiiiiitttttsssss100jjjjj1100011  B     branch: a ^ H < b ^ H
bge     iiiiiiitttttsssss101jjjjj1100011  B     branch: a ^ H >= b ^ H
bltu    iiiiiiitttttsssss110jjjjj1100011  B     branch: a < b
bgeu    iiiiiiitttttsssss111jjjjj1100011  B     branch: a >= b

# memory, at a + imm: how many bytes, and whether the sign is extended
lb      iiiiiiiiiiiisssss000ddddd0000011  I     load: 1 signed
lh      iiiiiiiiiiiisssss001ddddd0000011  I     load: 2 signed
lw      iiiiiiiiiiiisssss010ddddd0000011  I     load: 4
lbu     iiiiiiiiiiiisssss100ddddd0000011  I     load: 1
lhu     iiiiiiiiiiiisssss101ddddd0000011  I     load: 2
sb      iiiiiiitttttsssss000jjjjj0100011  S     store: 1
sh      iiiiiiitttttsssss001jjjjj0100011  S     store: 2
sw      iiiiiiitttttsssss010jjjjj0100011  S     store: 4

# with an immediate
addi    iiiiiiiiiiiisssss000ddddd0010011  I     rd: a + imm & M
slti    iiiiiiiiiiiisssss010ddddd0010011  I     rd: int(a ^ H < imm ^ H)
sltiu   iiiiiiiiiiiisssss011ddddd0010011  I     rd: int(a < imm)
xori    iiiiiiiiiiiisssss100ddddd0010011  I     rd: a ^ imm
ori     iiiiiiiiiiiisssss110ddddd0010011  I     rd: a | imm
andi    iiiiiiiiiiiisssss111ddddd0010011  I     rd: a & imm
slli    0000000iiiiisssss001ddddd0010011  shift rd: a << imm & M
srli    0000000iiiiisssss101ddddd0010011  shift rd: a >> imm
srai    0100000iiiiisssss101ddddd0010011  shift rd: (a ^ H) - H >> imm & M

# with two registers
add     0000000tttttsssss000ddddd0110011  R     rd: a + b & M
sub     0100000tttttsssss000ddddd0110011  R     rd: a - b & M
sll     0000000tttttsssss001ddddd0110011  R     rd: a << (b & 31) & M
slt     0000000tttttsssss010ddddd0110011  R     rd: int(a ^ H < b ^ H)
sltu    0000000tttttsssss011ddddd0110011  R     rd: int(a < b)
xor     0000000tttttsssss100ddddd0110011  R     rd: a ^ b
srl     0000000tttttsssss101ddddd0110011  R     rd: a >> (b & 31)
sra     0100000tttttsssss101ddddd0110011  R     rd: (a ^ H) - H >> (b & 31) & M
or      0000000tttttsssss110ddddd0110011  R     rd: a | b
and     0000000tttttsssss111ddddd0110011  R     rd: a & b

# M: multiply and divide
mul     0000001tttttsssss000ddddd0110011  R     rd: a * b & M
mulh    0000001tttttsssss001ddddd0110011  R     rd: ((a ^ H) - H) * ((b ^ H) - H) >> 32 & M
mulhsu  0000001tttttsssss010ddddd0110011  R     rd: ((a ^ H) - H) * b >> 32 & M
mulhu   0000001tttttsssss011ddddd0110011  R     rd: a * b >> 32
div     0000001tttttsssss100ddddd0110011  R     rd: divide(a, b)
divu    0000001tttttsssss101ddddd0110011  R     rd: a // b if b else M
rem     0000001tttttsssss110ddddd0110011  R     rd: remainder(a, b)
remu    0000001tttttsssss111ddddd0110011  R     rd: a % b if b else a

# A: the word at a becomes what is said of it and b; rd gets the word that was there, m
lr.w      00010xx00000sssss010ddddd0101111  amo   reserve: load
sc.w      00011xxtttttsssss010ddddd0101111  amo   reserve: store
amoswap.w 00001xxtttttsssss010ddddd0101111  amo   amo: b
amoadd.w  00000xxtttttsssss010ddddd0101111  amo   amo: m + b & M
amoxor.w  00100xxtttttsssss010ddddd0101111  amo   amo: m ^ b
amoand.w  01100xxtttttsssss010ddddd0101111  amo   amo: m & b
amoor.w   01000xxtttttsssss010ddddd0101111  amo   amo: m | b
amomin.w  10000xxtttttsssss010ddddd0101111  amo   amo: m if m ^ H < b ^ H else b
amomax.w  10100xxtttttsssss010ddddd0101111  amo   amo: m if m ^ H > b ^ H else b
amominu.w 11000xxtttttsssss010ddddd0101111  amo   amo: min(m, b)
amomaxu.w 11100xxtttttsssss010ddddd0101111  amo   amo: max(m, b)

# the system: the hart itself does these
fence   xxxxxxxxxxxxxxxxx000xxxxx0001111  fence nothing: at all, as this hart never reorders
fence.i xxxxxxxxxxxxxxxxx001xxxxx0001111  fence system: fence_i
csrrw   iiiiiiiiiiiisssss001ddddd1110011  csr   csr: a
csrrs   iiiiiiiiiiiisssss010ddddd1110011  csr   csr: old | a
csrrc   iiiiiiiiiiiisssss011ddddd1110011  csr   csr: old & ~a
csrrwi  iiiiiiiiiiiisssss101ddddd1110011  csri  csr: a
csrrsi  iiiiiiiiiiiisssss110ddddd1110011  csri  csr: old | a
csrrci  iiiiiiiiiiiisssss111ddddd1110011  csri  csr: old & ~a
ecall   00000000000000000000000001110011  none  system: ecall
ebreak  00000000000100000000000001110011  none  system: ebreak
sret    00010000001000000000000001110011  none  system: sret
mret    00110000001000000000000001110011  none  system: mret
wfi     00010000010100000000000001110011  none  system: wfi
sfence.vma 0001001tttttsssss000000001110011 R   system: sfence_vma
"""


@dataclass(frozen=True)
class Row:
    """One row of the listing: a word is this instruction where ``word & mask == match``.

    ``kind`` says what sort of thing it does ("rd", "load", "branch", ...), ``does`` the rest.
    """

    name: str
    bits: str
    format: str
    kind: str
    does: str
    mask: int
    match: int


@dataclass(frozen=True)
class Instruction:
    """A decoded word: its row, register numbers, and the immediate as an unsigned 32-bit number.

    Of a CSR instruction ``imm`` is the number of the CSR, and of one with an immediate ``rs1`` is
    that immediate.
    """

    row: Row
    rd: int
    rs1: int
    rs2: int
    imm: int


def _read(line: str) -> Row:
    name, bits, form, kind, does = line.split(maxsplit=4)
    mask = int("".join("1" if bit in "01" else "0" for bit in bits), 2)
    match = int("".join("1" if bit == "1" else "0" for bit in bits), 2)
    return Row(name, bits, form, kind.rstrip(":"), does, mask, match)


ISA: dict[str, Row] = {
    row.name: row
    for row in map(_read, (x for x in LISTING.splitlines() if x and not x.startswith("#")))
}
"""Every instruction by name, in the order of the listing."""

_BY_OPCODE: dict[int, list[Row]] = {}
for _row in ISA.values():
    _BY_OPCODE.setdefault(_row.match & 0x7F, []).append(_row)


@lru_cache(maxsize=1 << 16)
def decode(word: int) -> Instruction | None:
    """The instruction in a 32-bit word, None where there is none.

    >>> decode(0x00450513).row.name
    'addi'
    """
    for row in _BY_OPCODE.get(word & 0x7F, ()):
        if word & row.mask == row.match:
            return Instruction(
                row, word >> 7 & 31, word >> 15 & 31, word >> 20 & 31, _immediate(word, row.format)
            )
    return None


def _immediate(word: int, form: str) -> int:
    """The immediate that a format scatters over the word, with its sign extended to 32 bits."""
    upper = 0xFFFFFFFF if word >> 31 else 0  # the sign is always the word's highest bit
    match form:
        case "I":
            return word >> 20 | upper << 12 & 0xFFFFF000
        case "S":
            return word >> 20 & 0xFE0 | word >> 7 & 0x1F | upper << 12 & 0xFFFFF000
        case "B":
            low = word >> 7 & 0x1E | word >> 20 & 0x7E0 | (word >> 7 & 1) << 11
            return low | upper << 12 & 0xFFFFF000
        case "U":
            return word & 0xFFFFF000
        case "J":
            low = word >> 20 & 0x7FE | (word >> 20 & 1) << 11 | word & 0xFF000
            return low | upper << 20 & 0xFFF00000
        case "csr" | "csri":
            return word >> 20
        case "shift":
            return word >> 20 & 31
    return 0
