"""Random RISC-V programs for comparisons, and an encoder that knows nothing of the decoder."""

from __future__ import annotations

from random import Random

from vcloud_lab.vm.isa import ISA

BASE = 0x80000000
DATA = 0x8000  # from BASE: where programs load and store
PLAIN = [name for name, row in ISA.items() if row.kind == "rd"]
LOADS = [name for name, row in ISA.items() if row.kind == "load"]
STORES = [name for name, row in ISA.items() if row.kind == "store"]
BRANCHES = [name for name, row in ISA.items() if row.kind == "branch"]
AMOS = [name for name, row in ISA.items() if row.kind == "amo"]
POINTER = 8  # s0 always points to the data


def encode(name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, imm: int = 0) -> int:
    """The word of an instruction; ``imm`` may be negative."""
    row = ISA[name]
    parts = {
        "I": imm << 20,
        "S": (imm >> 5) << 25 | (imm & 31) << 7,
        "B": (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25 | (imm >> 1 & 15) << 8
        | (imm >> 11 & 1) << 7,
        "U": imm & 0xFFFFF000,
        "J": (imm >> 20 & 1) << 31 | (imm >> 1 & 1023) << 21 | (imm >> 11 & 1) << 20
        | (imm >> 12 & 255) << 12,
        "csr": imm << 20,
        "csri": imm << 20,
        "shift": imm << 20,
    }  # fmt: skip
    word = row.match | parts.get(row.format, 0)
    word |= rd << 7 if "d" in row.bits else 0
    word |= rs1 << 15 if "s" in row.bits else 0
    word |= rs2 << 20 if "t" in row.bits else 0
    return word & 0xFFFFFFFF


def program(rng: Random, length: int, *, backwards: bool = False) -> list[int]:
    """``length`` random instructions that jump within the program only.

    With ``backwards`` some branches go back, which may loop for ever. The registers x1 to x7 and
    x9 to x15 are used.
    """
    words = []
    for at in range(length):
        rd, rs1, rs2 = (rng.choice([0, *range(1, 8), *range(9, 16)]) for _ in range(3))
        imm = rng.choice([0, 1, -1, 2047, -2048, rng.randint(-2048, 2047)])
        draw = rng.random()
        if draw < 0.55:
            name = rng.choice(PLAIN)
            if ISA[name].format == "shift":
                imm &= 31
            if ISA[name].format == "U":
                imm = rng.getrandbits(32)
            words.append(encode(name, rd, rs1, rs2, imm))
        elif draw < 0.65:
            words.append(encode(rng.choice(LOADS), rd, POINTER, 0, imm))
        elif draw < 0.75:
            words.append(encode(rng.choice(STORES), 0, POINTER, rs2, imm))
        elif draw < 0.8:
            words.append(encode(rng.choice(AMOS), rd, POINTER, rs2))
        else:
            lowest = -at if backwards else 1
            hop = 4 * (rng.randint(lowest, min(length - at, 12)) or 1)
            name = rng.choice([*BRANCHES, "jal"])
            words.append(encode(name, rd, rs1, rs2, hop))
    return words


def registers(rng: Random) -> list[int]:
    """Values for all registers, often the awkward ones."""
    awkward = [0, 1, 2, 31, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    x = [rng.choice([*awkward, rng.getrandbits(32)]) for _ in range(32)]
    x[0], x[POINTER] = 0, BASE + DATA
    return x
