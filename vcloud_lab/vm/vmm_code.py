"""From code of the guest's kernel to code that a real processor may run at user level.

Most instructions stay as they are. A jump or a branch leads to other translated code; what must
know its own address gets the guest's address as a number; plain privileged registers are read and
written in the state page; everything else that is sensitive becomes a *callout*, a word that brings
the VMM in.

Source: Adams and Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization",
ASPLOS 2006, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vcloud_lab.vm.asm_encode import encode, low_part
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.isa import ISA, Instruction, decode
from vcloud_lab.vm.paging import PAGE
from vcloud_lab.vm.vmm_state import EXACT, LAYOUT

__all__ = [
    "CALLOUT",
    "FOUND",
    "LONGEST",
    "SAVED",
    "TARGET",
    "Block",
    "Callout",
    "translate",
    "word",
]

LONGEST = 12
"""The most guest instructions of a block; it fits into 4 KiB then, as far as a branch reaches."""
M = 0xFFFFFFFF
NAMES = {number: name for name, number in CSRS.items()}

SAVED = {5: -128, 6: -124}
"""Where t0 and t1 are kept while translated code needs them for itself."""
TARGET, SPARE = -120, -116
FOUND = range(-2048, -1536, 4), range(-1536, -1024, 4)
"""A small hash table in the state page: addresses of the guest, and where their code is."""
SLOTS = 0x1FC


def word(name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, imm: int = 0) -> int:
    """An instruction's word."""
    return encode(ISA[name], rd, rs1, rs2, imm)


CALLOUT = word("ebreak")


@dataclass(frozen=True)
class Callout:
    """Why translated code calls the VMM: to "emulate" the instruction at ``pc``, to "go" on with
    the guest's address ``pc``, or to "find" where a computed jump at ``pc`` leads, whose link
    register is ``rd``."""

    what: str
    pc: int
    rd: int = 0


@dataclass
class Block:
    """Translated code: its words, which of them begin an instruction of the guest (and its
    address), and which are callouts. The first word is for those that come by a computed jump."""

    words: list[int] = field(default_factory=lambda: [word("lw", 6, imm=SAVED[6])])
    places: dict[int, int] = field(default_factory=dict)
    callouts: dict[int, Callout] = field(default_factory=dict)

    def call(self, what: str, pc: int, rd: int = 0) -> None:
        """Add a callout."""
        self.callouts[len(self.words)] = Callout(what, pc, rd)
        self.words.append(CALLOUT)

    def go(self, pc: int) -> None:
        """Add the way to other code: a callout, until the VMM makes a jump of it."""
        self.places[len(self.words)] = pc
        self.call("go", pc)


def translate(pc: int, level: int, fetch: Callable[[int], int]) -> Block:
    """Translate from ``pc`` on for a kernel at this ``level``, to a jump or the end of the page."""
    block, branches = Block(), list[tuple[int, Instruction, int]]()
    end, goes_on = min((pc & -PAGE) + PAGE, pc + 4 * LONGEST), True
    while goes_on and pc < end:
        at = len(block.words)
        block.places[at] = pc
        found = decode(fetch(pc))
        if found is None:
            block.call("emulate", pc)
            goes_on = False
        elif found.row.kind == "branch":
            branches.append((at, found, pc))
            block.words.append(0)
        elif found.row.kind == "jump":
            _jump(block, found, pc)
            goes_on = False
        elif found.row.name == "auipc":
            block.words += _number(found.rd, pc + found.imm & M)
        elif found.row.kind in ("csr", "system"):
            inline = _inline(found, level)
            block.words += inline
            if not inline:
                block.call("emulate", pc)
                goes_on = False
        else:
            block.words.append(fetch(pc))
        pc += 4
    if goes_on:
        block.go(pc & M)
    for at, found, pc in branches:
        distance, target = 4 * (len(block.words) - at), pc + found.imm & M
        block.words[at] = word(found.row.name, 0, found.rs1, found.rs2, distance)
        if target & 3:  # taken, it is a trap
            block.call("emulate", pc)
        else:
            block.go(target)
    return block


def _number(rd: int, value: int) -> list[int]:
    """Put a number into a register."""
    low = low_part(value)
    return [word("lui", rd, imm=value - low >> 12), word("addi", rd, rd, imm=low)] if rd else []


def _jump(block: Block, found: Instruction, pc: int) -> None:
    """A jump: the link is the guest's address; where it leads must be translated code."""
    link = pc + 4 & M
    if found.row.name == "jal":
        target = pc + found.imm & M
        if target & 3:
            block.call("emulate", pc)
            return
        block.words += _number(found.rd, link)
        block.go(target)
        return
    # t0 = the guest's target, t1 = its slot in the table
    block.words += [
        word("sw", rs2=5, imm=SAVED[5]),
        word("sw", rs2=6, imm=SAVED[6]),
        word("addi", 5, found.rs1, imm=found.imm),
        word("andi", 5, 5, imm=-2),
        word("andi", 6, 5, imm=SLOTS),
        word("lw", 6, 6, imm=FOUND[0].start),
        0,
    ]
    miss = len(block.words) - 1
    if found.rd in SAVED:
        block.words += [*_number(6, link), word("sw", rs2=6, imm=SAVED[found.rd])]
    else:
        block.words += _number(found.rd, link)
    block.words += [
        word("andi", 6, 5, imm=SLOTS),
        word("lw", 6, 6, imm=FOUND[1].start),
        word("lw", 5, imm=SAVED[5]),
        word("jalr", 0, 6),
    ]
    block.words[miss] = word("bne", 0, 5, 6, 4 * (len(block.words) - miss))
    block.words += [
        word("sw", rs2=5, imm=TARGET),
        word("lw", 5, imm=SAVED[5]),
        word("lw", 6, imm=SAVED[6]),
    ]
    block.call("find", pc, found.rd)


def _inline(found: Instruction, level: int) -> list[int]:
    """A CSR instruction as loads and stores of the state page; nothing where it must be called."""
    name = NAMES.get(found.imm, "")
    if found.row.kind != "csr" or name not in LAYOUT or found.imm >> 8 & 3 > level:
        return []
    here, rd, rs = LAYOUT[name], found.rd, found.rs1
    reads_only = found.row.name in ("csrrs", "csrrc") and not rs
    if reads_only:
        return [word("lw", rd, imm=here)] if rd else []
    spare = 5  # if it is rd as well, rd has its value before the spare is used
    saved = [word("sw", rs2=spare, imm=SAVED[spare])], [word("lw", spare, imm=SAVED[spare])]
    if found.row.name == "csrrw" and not rd and name in EXACT:
        return [word("sw", rs2=rs, imm=here)]
    if found.row.name == "csrrw" and not rd and name in ("mepc", "sepc"):
        aligned = [word("andi", spare, rs, imm=-4), word("sw", rs2=spare, imm=here)]
        return saved[0] + aligned + saved[1]
    if found.row.name == "csrrw" and rd and name in EXACT:  # rd and rs may be one
        swap = [word("sw", rs2=rs, imm=SPARE), word("lw", rd, imm=here)]
        store = [word("lw", spare, imm=SPARE), word("sw", rs2=spare, imm=here)]
        return swap + saved[0] + store + saved[1]
    if found.row.name == "csrrci" and name == "mstatus":  # interrupts off
        old = [word("lw", rd, imm=here)] if rd else []
        clear = [
            word("lw", spare, imm=here),
            word("andi", spare, spare, imm=~rs),
            word("sw", rs2=spare, imm=here),
        ]
        return old + saved[0] + clear + saved[1]
    return []
