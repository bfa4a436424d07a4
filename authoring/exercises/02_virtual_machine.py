# %% [markdown]
# # Exercises 02: a virtual machine from parts
#
# Do [lesson 02](../notebooks/02_virtual_machine.ipynb) first. Time: about 90 minutes.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("02.1")` gives the next of three hints. The last shows the method, never the answer.
# - `variant("02.1", 7)` states the same exercise with other numbers, where there are any; check it
#   with `check("02.1", answer, seed=7)`.
# - `reset("02.1")` gives you the original cell back.
#
# To watch a program of yours, put it into a `CpuStepper`. It begins with the first line, so
# write some lines before your routine that call it.

# %%
from vcloud_lab.check import check, hint, reset, statement, variant
from vcloud_lab.vm import ISA, VirtualHardware, VirtualMachine, assemble, decode
from vcloud_lab.widgets import CpuStepper

# %% [markdown]
# ## Part 1: by hand
#
# ### 02.1 From the word to the instruction
#
# The rows that you need:

# %%
for name in ("addi", "xori", "lw", "sw", "sub"):
    print(f"{name:4} {ISA[name].bits}")

# %% tags=["task"]
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

from vcloud_lab.check import kinds
from vcloud_lab.check.bench import NAMES, Args, Ran
from vcloud_lab.check.verdict import Judged
from vcloud_lab.errors import GuestError
from vcloud_lab.sandbox import call, is_stub
from vcloud_lab.vm import (
    Hart,
    VirtualCPU,
    VirtualDisk,
    VirtualHardware,
    VirtualMachine,
    VirtualMemory,
    assemble,
)
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.machine import MOVES

CHAPTER = "a virtual machine from parts"


def whole(rng: Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low + 1))


def computer(text: str, disk: VirtualDisk | None = None) -> VirtualHardware:
    """Hardware that is switched on, with a program in it."""
    made = VirtualHardware(VirtualCPU(Hart), VirtualMemory(64 * 1024), disk)
    made.load(assemble(text))
    made.start()
    return made


FORMS = (
    "addi {}, {}, -{}",
    "xori {}, {}, -{}",
    "lw {}, -{}({})",
    "sw {}, -{}({})",
    "sub {}, {}, {}",
)


def instruction(rng: Random) -> str:
    """One of the forms, with different registers and a negative number."""
    names = ["a1", "a2", "a4", "t0", "t1", "s0", "s1", "s3"]
    first, second, third = (names.pop(whole(rng, 0, len(names) - 1)) for _ in range(3))
    form, number = FORMS[whole(rng, 0, len(FORMS) - 1)], 4 * whole(rng, 1, 400)
    if form.startswith("sub"):
        return form.format(first, second, third)
    if form.endswith(")"):
        return form.format(first, number, second)
    return form.format(first, second, number)


kinds.decoded(
    "02.1",
    title="From the word to the instruction",
    text="addi s1, a2, -20",
    draw=instruction,
    hints=(
        "Write the word in binary, four bits for each hexadecimal digit, under a row of the table.",
        "Bits 6 to 0, the last seven, and bits 14 to 12 say which row it is. Then cut it up as the "
        "row shows.",
        "rd, rs1 and rs2 are numbers of five bits: x8 and x9 are s0 and s1, x10 to x17 are a0 to "
        "a7. If the highest bit of the immediate is 1, take 4096 away from what you read.",
    ),
)

# %%
statement("02.1")

# %% tags=["stub"] task="02.1"
answer = ...

check("02.1", answer)

# %% [markdown] tags=["solution"]
# In binary 1111 1110 1100 0110 0000 0100 1001 0011. The opcode 0010011 with funct3 000 is addi; rd
# is 01001, x9, s1; rs1 is 01100, x12, a2; the immediate 111111101100 is 4076, and 4076 - 4096 is
# the number that is wanted. `decode` would have told it, too.

# %% tags=["solution"] task="02.1"
answer = "addi s1, a2, -20"

check("02.1", answer)

# %% [markdown]
# ### 02.2 From the instruction to the word
#
# The answer may be a number, or the eight hexadecimal digits as a text.

# %% tags=["task"]
kinds.encoded(
    "02.2",
    title="From the instruction to the word",
    text="sw a1, -8(s0)",
    draw=instruction,
    hints=(
        "Look at the row of the instruction: which bits are fixed, and where do the registers go?",
        "Write the negative number with twelve bits, in two's complement. In sw it stands in two "
        "pieces: i are its upper seven bits, j its lower five.",
        "In sw, t (rs2) is the register that is stored and s (rs1) the one with the address. Put "
        "the pieces together from left to right and read four bits at a time.",
    ),
)

# %%
statement("02.2")

# %% tags=["stub"] task="02.2"
answer = ...

check("02.2", answer)

# %% [markdown] tags=["solution"]
# -8 is 1111111 11000. So: 1111111, then a1 = 01011, s0 = 01000, funct3 010, 11000, opcode 0100011.

# %% tags=["solution"] task="02.2"
answer = 0b1111111_01011_01000_010_11000_0100011

check("02.2", answer)

# %% [markdown]
# ### 02.3 The sign


# %% tags=["task"]
def half(seed: int | None) -> tuple[int, int]:
    """Two bytes as they lie in memory; the second has its highest bit set."""
    if seed is None:
        return 0x38, 0xFF
    rng = Random(f"02.3/{seed}")
    return whole(rng, 1, 0x7F), whole(rng, 0x80, 0xFE)


def loaded(seed: int | None) -> int:
    low, high = half(seed)
    made = computer(
        f"la a0, cell\n lh a1, 0(a0)\n stay: j stay\n .data\n cell: .byte {low}, {high}, 0, 0"
    )
    made.run(10)
    return made.hart.x[11] - (1 << 32)


def unsigned_half(seed: int | None) -> int:
    low, high = half(seed)
    return high << 8 | low


kinds.quantity(
    "02.3",
    title="The sign",
    ask=lambda seed: (
        "The address in a0 and the one after it hold the bytes {:02x} and {:02x} (hexadecimal), in "
        "this order. Which number does lh a1, 0(a0) leave in a1, read with its sign? Give it in "
        "decimal.".format(*half(seed))
    ),
    expected=loaded,
    models=[
        (
            "zero-extended",
            unsigned_half,
            "that is what lhu would give, which fills with zeros; lh copies the sign bit to the "
            "left.",
        ),
        (
            "big-endian",
            lambda seed: (half(seed)[0] << 8) + half(seed)[1],
            "that takes the first byte for the upper one; this machine is little-endian.",
        ),
        (
            "sign-and-magnitude",
            lambda seed: -(unsigned_half(seed) & 0x7FFF),
            "that takes the highest bit for a minus and the rest for the number; in two's "
            "complement the highest bit counts -32768.",
        ),
        (
            "ones-complement",
            lambda seed: unsigned_half(seed) - 65535,
            "that is one too many: turning all bits round is not yet two's complement.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Put the two bytes together first: which of them is the upper one?",
        "lh loads 16 bits and copies the highest of them to the left. What is the value of a "
        "negative number in two's complement?",
        "Read the sixteen bits as they stand; if the highest is 1, take 65536 away.",
    ),
    seeded=True,
)

# %%
statement("02.3")

# %% tags=["stub"] task="02.3"
answer = ...

check("02.3", answer)

# %% tags=["solution"] task="02.3"
answer = 0xFF38 - 0x10000

check("02.3", answer)

# %% [markdown]
# ### 02.4 After n steps


# %% tags=["task"]
def countdown(seed: int | None) -> tuple[int, int, int]:
    """How often the loop runs, what it begins with, and after how many instructions to look."""
    if seed is None:
        return 6, 90, 11
    rng = Random(f"02.4/{seed}")
    rounds = whole(rng, 5, 9)
    return rounds, whole(rng, 70, 99), 3 + 4 * whole(rng, 2, rounds - 2)


def countdown_text(seed: int | None) -> str:
    rounds, start, _ = countdown(seed)
    return "\n".join(
        [
            f"      li   s0, {rounds}",
            f"      li   s1, {start}",
            "again:",
            "      sub  s1, s1, s0",
            "      addi s0, s0, -1",
            "      addi s1, s1, 1",
            "      bgtz s0, again",
            "rest: j    rest",
        ]
    )


def after(steps: Callable[[int, int], int]) -> Callable[[int | None], int]:
    """What stands in s1 after so many steps."""

    @cache
    def found(seed: int | None) -> int:
        rounds, _, asked = countdown(seed)
        made = computer(countdown_text(seed))
        made.run(steps(asked, rounds))
        return made.hart.x[9]

    return found


kinds.quantity(
    "02.4",
    title="After n steps",
    ask=lambda seed: (
        f"What stands in s1 after the first {countdown(seed)[2]} instructions of this program?\n\n"
        + countdown_text(seed)
    ),
    expected=after(lambda asked, rounds: asked),
    models=[
        (
            "one-step-less",
            after(lambda asked, rounds: asked - 1),
            "that is one instruction too early.",
        ),
        (
            "setup-not-counted",
            after(lambda asked, rounds: asked + 2),
            "that counts only from the label on; each li is an instruction as well.",
        ),
        (
            "at-the-end",
            after(lambda asked, rounds: 100),
            "that is what the program ends with; here it is looked at before.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Make a table with a row for each instruction: which one, and what is in both registers.",
        "The two li are the first two. How many instructions has a round of the loop, with its "
        "branch?",
        "Take two away and divide by the instructions of a round: so many whole rounds, and the "
        "remainder says where in the next one you are. A CpuStepper shows whether you are right.",
    ),
    seeded=True,
)

# %%
statement("02.4")

# %% tags=["stub"] task="02.4"
answer = ...

check("02.4", answer)

# %% [markdown] tags=["solution"]
# After the two li there are nine more: two whole rounds, which take away 6 and 5 and give back 1
# each, and the sub of the third, which takes away 4.

# %% tags=["solution"] task="02.4"
answer = 90 - 6 - 5 + 2 * 1 - 4

check("02.4", answer)

# %% [markdown]
# ## Part 2: write it in assembly language
#
# Your routine is called, several times, with arguments that you do not see. The rules are those of
# the calling convention:
#
# - arguments come in `a0`, `a1`, ...; the result goes back in `a0`; end with `ret`;
# - `s0` to `s11` and `sp` must be as they were; the other registers are yours, and hold rubbish at
#   first;
# - an array is given by its address and the number of its words.
#
# ### 02.5 The sum of an array


# %% tags=["task"]
def numbers(rng: Random, count: int) -> list[int]:
    """Every second array has no negative number."""
    low = -99 if rng.random() < 0.5 else 0
    return [whole(rng, low, 99) for _ in range(count)]


def array(least: int) -> Callable[[Random, int], Args]:
    def drawn(rng: Random, size: int) -> Args:
        words = numbers(rng, size + least)
        return words, len(words)

    return drawn


SUM = """
sum:
    mv   t0, a0
    li   a0, 0
add_up:
    blez a1, summed
    lw   t1, 0(t0)
    add  a0, a0, t1
    addi t0, t0, 4
    addi a1, a1, -1
    j    add_up
summed:
    ret
"""

kinds.program(
    "02.5",
    title="The sum of an array",
    ask="Write the routine sum: a0 is the address of an array of words with a sign, a1 their "
    "number, which may be 0. It returns their sum. (No sum is too large for a word.)",
    routine="sum",
    cases=array(0),
    oracle=lambda words, count: sum(words),
    right=[SUM],
    wrong=[
        (SUM.replace("mv   t0, a0", "mv   t0, a1"), "trap"),
        (SUM.replace("addi t0, t0, 4", "addi t0, t0, 1"), None),
        (SUM.replace("    addi a1, a1, -1\n", ""), "endless"),
        (SUM.replace("lw   t1, 0(t0)", "lbu  t1, 0(t0)"), "wrong-for-negative"),
        (SUM.replace("t1", "s1"), "clobbers"),
        (
            SUM.replace("li   a0, 0", "li   t2, 0").replace("a0, a0, t1", "t2, t2, t1"),
            "wrong-register",
        ),
        (SUM.replace("    ret", "    nop"), "fell-through"),
        (SUM.replace("addi t0", "add t0"), "assembly"),
        ("summe:\n    ret", "no-label"),
    ],
    hints=(
        "Keep the address in one register, the number of words that are left in another, the sum "
        "in a third. All of these must be set before the loop.",
        "A word has four bytes: how far is it to the next one? And look at the number before "
        "the first round, as it may be 0.",
        "At the top of the loop leave if nothing is left; load, add, move the address on, count "
        "down, jump to the top. Behind the loop the sum has to be in a0.",
    ),
)

# %%
statement("02.5")

# %% tags=["stub"] task="02.5"
program = """
sum:
    ...
    ret
"""

check("02.5", program)

# %% tags=["solution"] task="02.5"
program = """
sum:
    mv   t0, a0
    li   a0, 0
more:
    beqz a1, done
    lw   t1, (t0)
    add  a0, a0, t1
    addi t0, t0, 4
    addi a1, a1, -1
    j    more
done:
    ret
"""

check("02.5", program)

# %% [markdown]
# ### 02.6 The maximum of an array

# %% tags=["task"]
MAXIMUM = """
maximum:
    lw   t0, 0(a0)
largest:
    addi a1, a1, -1
    blez a1, found
    addi a0, a0, 4
    lw   t1, 0(a0)
    ble  t1, t0, largest
    mv   t0, t1
    j    largest
found:
    mv   a0, t0
    ret
"""

FROM_ZERO = """
maximum:
    li   t0, 0
each:
    lw   t1, 0(a0)
    ble  t1, t0, not_larger
    mv   t0, t1
not_larger:
    addi a0, a0, 4
    addi a1, a1, -1
    bgtz a1, each
    mv   a0, t0
    ret
"""

kinds.program(
    "02.6",
    title="The maximum of an array",
    ask="Write the routine maximum: a0 is the address of an array of words with a sign, a1 their "
    "number, at least 1. It returns the largest of them.",
    routine="maximum",
    cases=array(1),
    oracle=lambda words, count: max(words),
    right=[MAXIMUM],
    wrong=[
        (FROM_ZERO, "wrong-for-negative"),
        (MAXIMUM.replace("ble ", "bleu"), "wrong-for-negative"),
        (MAXIMUM.replace("ble ", "bge "), None),
        (MAXIMUM.replace("    mv   a0, t0\n", ""), "wrong-register"),
        (MAXIMUM.replace("blez a1", "bltz a1"), None),
    ],
    hints=(
        "What is the largest number while you have seen only one?",
        "There are two kinds of comparison, with and without a sign (blt and bltu). Which one is "
        "right here? What would the other make of -1?",
        "Begin with the first word as the largest. Then for each of the others: load it, branch "
        "past the next line if it is not larger, take it as the largest. At last move it into a0.",
    ),
)

# %%
statement("02.6")

# %% tags=["stub"] task="02.6"
program = """
maximum:
    ...
    ret
"""

check("02.6", program)

# %% tags=["solution"] task="02.6"
program = """
maximum:
    lw   t0, (a0)
    slli a1, a1, 2
    add  a1, a1, a0         # behind the last word
look:
    lw   t1, (a0)
    bge  t0, t1, smaller
    mv   t0, t1
smaller:
    addi a0, a0, 4
    bltu a0, a1, look       # addresses have no sign
    mv   a0, t0
    ret
"""

check("02.6", program)

# %% [markdown]
# ### 02.7 The length of a text


# %% tags=["task"]
def letters(rng: Random, size: int) -> Args:
    return ("".join("abcdefgh"[whole(rng, 0, 7)] for _ in range(3 * size)),)


LENGTH = """
length:
    mv   t0, a0
letter:
    lbu  t1, 0(t0)
    beqz t1, at_end
    addi t0, t0, 1
    j    letter
at_end:
    sub  a0, t0, a0
    ret
"""


def counted_end(args: Args, ran: Ran) -> tuple[str, str] | None:
    if isinstance(args[0], str) and ran.registers["a0"] == len(args[0]) + 1:
        return "end-counted", "The zero byte at the end is not part of the text."
    return None


kinds.program(
    "02.7",
    title="The length of a text",
    ask="Write the routine length: a0 is the address of a text, whose bytes end with a zero byte. "
    "It returns how many bytes come before that one.",
    routine="length",
    cases=letters,
    oracle=len,
    names=counted_end,
    right=[LENGTH],
    wrong=[
        (LENGTH.replace("sub  a0, t0, a0", "sub  a0, t0, a0\n    addi a0, a0, 1"), "end-counted"),
        (LENGTH.replace("lbu  t1", "lw   t1"), "endless"),
        (LENGTH.replace("t0, t0, 1", "t0, t0, 4"), None),
        (LENGTH.replace("    addi t0, t0, 1\n", ""), "endless"),
        (LENGTH.replace("sub  a0, t0, a0", "mv   a0, t0"), None),
    ],
    hints=(
        "Which instruction loads a single byte?",
        "Go on byte by byte until you meet a zero. What happens with the empty text?",
        "Keep the first address; when the loop has found the zero byte, the length is the "
        "difference of the two addresses.",
    ),
)

# %%
statement("02.7")

# %% tags=["stub"] task="02.7"
program = """
length:
    ...
    ret
"""

check("02.7", program)

# %% tags=["solution"] task="02.7"
program = """
length:
    mv   t2, a0
    li   a0, -1
count:
    addi a0, a0, 1
    add  t0, t2, a0
    lbu  t0, (t0)
    bnez t0, count
    ret
"""

check("02.7", program)

# %% [markdown]
# ### 02.8 The greatest common divisor


# %% tags=["task"]
def pair(rng: Random, size: int) -> Args:
    if size == 0:
        return whole(rng, 1, 9), whole(rng, 1, 9)
    factor, most = whole(rng, 1, 4 * size), 3 * size
    zero = size == 2 and rng.random() < 0.6
    return factor * whole(rng, 1, most), 0 if zero else factor * whole(rng, 1, most)


def euclid(first: int, second: int) -> int:
    return first if second == 0 else euclid(second, first % second)


GCD = """
gcd:
    beqz a1, divides
    rem  t0, a0, a1
    mv   a0, a1
    mv   a1, t0
    j    gcd
divides:
    ret
"""
BY_SUBTRACTION = """
gcd:
    beq  a0, a1, same
    bltu a0, a1, second
    sub  a0, a0, a1
    j    gcd
second:
    sub  a1, a1, a0
    j    gcd
same:
    ret
"""
RECURSIVE = """
gcd:
    beqz a1, divides
    rem  t0, a0, a1
    mv   a0, a1
    mv   a1, t0
    call gcd
divides:
    ret
"""


def quotient(args: Args, ran: Ran) -> tuple[str, str] | None:
    if ran.ending == "endless" and args[1] == 0:
        return "wrong-for-zero", "Everything divides 0, so the result is the other number."
    return None


kinds.program(
    "02.8",
    title="The greatest common divisor",
    ask="Write the routine gcd: a0 is a number above 0, a1 a number that is 0 or more. It returns "
    "the largest number that divides both.",
    routine="gcd",
    cases=pair,
    oracle=euclid,
    names=quotient,
    right=[GCD],
    wrong=[
        (BY_SUBTRACTION, "wrong-for-zero"),
        (RECURSIVE, "lost-return-address"),
        (GCD.replace("rem ", "div "), "endless"),
        (GCD.replace("    mv   a1, t0\n", ""), "endless"),
        (GCD.replace("t0", "s0"), "clobbers"),
    ],
    hints=(
        "Euclid: what divides a and b divides the remainder of a / b as well.",
        "This processor has an instruction for the remainder: rem rd, rs1, rs2. When is the "
        "search over, and in which register is the result then?",
        "As long as the second number is not 0: the new pair is the second number and the "
        "remainder. You need one register to keep the remainder while you move the second.",
    ),
)

# %%
statement("02.8")

# %% tags=["stub"] task="02.8"
program = """
gcd:
    ...
    ret
"""

check("02.8", program)

# %% tags=["solution"] task="02.8"
program = """
gcd:
    mv   t0, a1
    j    test
step:
    rem  t1, a0, t0
    mv   a0, t0
    mv   t0, t1
test:
    bnez t0, step
    ret
"""

check("02.8", program)

# %% [markdown]
# ### 02.9 Print a number
#
# The console has no idea of numbers. It takes bytes, at the address 0x10000000.

# %% tags=["task"]
PRINTED = (7, 0, 10, 42, 305, 1000, -1, -40, 65536, -100200, 2147483647, -2147483648)

PRINT = """
print:
    addi sp, sp, -16
    mv   t0, sp
    li   t1, 0x10000000
    li   t2, 10
    mv   t3, a0
    bgez a0, digit
    li   t4, '-'
    sb   t4, 0(t1)
    neg  t3, a0
digit:
    remu t4, t3, t2
    divu t3, t3, t2
    addi t4, t4, '0'
    sb   t4, 0(t0)
    addi t0, t0, 1
    bnez t3, digit
backwards:
    addi t0, t0, -1
    lbu  t4, 0(t0)
    sb   t4, 0(t1)
    bne  t0, sp, backwards
    addi sp, sp, 16
    ret
"""


def what_was_printed(args: Args, ran: Ran) -> tuple[str, str] | None:
    number, said = args[0], ran.console
    assert isinstance(number, int)
    text = str(number)
    if said.lstrip("-") == text.lstrip("-")[::-1] != text.lstrip("-"):
        return "digits-reversed", "The last digit is found first, and must be written last."
    if number < 0 and said == str(number & 0xFFFFFFFF):
        return "printed-unsigned", "That is the number without regard to its sign."
    if number < 0 and said == text[1:]:
        return "sign-lost", "The minus is missing."
    if number == 0 and not said:
        return "wrong-for-zero", "Even 0 has a digit: look for the end after a digit, not before."
    if number == -(1 << 31):
        return "smallest-number", (
            "The negative of this number does not fit a word with a sign, but it is right as a "
            "number without one: use divu and remu."
        )
    return None


kinds.program(
    "02.9",
    title="Print a number",
    ask="Write the routine print: it writes the number with a sign in a0 to the console, in "
    "decimal, without blanks or leading zeros, and with a minus in front if it is negative.",
    routine="print",
    cases=lambda rng, size: (PRINTED[size],),
    oracle=str,
    sizes=range(len(PRINTED)),
    each=1,
    names=what_was_printed,
    right=[PRINT],
    wrong=[
        (PRINT.replace("    bgez a0, digit\n", "    j digit\n"), "printed-unsigned"),
        (PRINT.replace("    sb   t4, 0(t1)\n    neg", "    neg"), "sign-lost"),
        (PRINT.replace("divu", "div").replace("remu", "rem"), "smallest-number"),
        (PRINT.replace("t0", "s0"), "clobbers"),
        (PRINT.replace("    addi sp, sp, 16\n", ""), "clobbers"),
        (PRINT.replace("    addi t4, t4, '0'\n", ""), None),
        (
            "print:\n    li t1, 0x10000000\n    li t2, 10\nagain:\n    remu t4, a0, t2\n"
            "    divu a0, a0, t2\n    addi t4, t4, '0'\n    sb t4, 0(t1)\n    bnez a0, again\n"
            "    ret",
            "digits-reversed",
        ),
        (PRINT.replace("digit:\n", "digit:\n    beqz t3, backwards\n", 1), "endless"),
    ],
    hints=(
        "The remainder of a division by 10 is the last digit. What letter is the digit 7?",
        "The digits come out from behind. Keep them on the stack (addi sp, sp, -16 makes room), "
        "and write them the other way round.",
        "First deal with the sign. Then: remainder, quotient, store the digit, until the quotient "
        "is 0; then read the digits back from the last to the first. divu and remu take the "
        "number as one without a sign, which the smallest number of all needs.",
    ),
)

# %%
statement("02.9")

# %% tags=["stub"] task="02.9"
program = """
print:
    ...
    ret
"""

check("02.9", program)

# %% tags=["solution"] task="02.9"
program = """
print:
    li   t6, 0x10000000     # the console
    addi sp, sp, -16        # room for ten digits
    addi t0, sp, 16
    bgez a0, cut
    li   t1, '-'
    sb   t1, (t6)
    neg  a0, a0
cut:
    li   t2, 10
    remu t1, a0, t2
    divu a0, a0, t2
    addi t1, t1, '0'
    addi t0, t0, -1
    sb   t1, (t0)
    bnez a0, cut
    addi sp, sp, 16
out:
    lbu  t1, (t0)
    sb   t1, (t6)
    addi t0, t0, 1
    bltu t0, sp, out
    ret
"""

check("02.9", program)

# %% [markdown]
# ### 02.10 Mend a trap handler
#
# `broken` is a trap handler that looks well and is not: it makes two mistakes.


# %% tags=["task"] task="02.10"
TESTED = [number for number in range(1, 32) if number not in (2, 10)]
FRAME = "\n".join(
    [
        "ask:",
        "    la   t0, kept_here",
        *(f"    sw   x{n}, {4 * n}(t0)" for n in (1, 2, 3, 4, 8, 9, *range(18, 28))),
        "    csrr t1, mtvec",
        "    sw   t1, 128(t0)",
        "    la   t1, handler",
        "    csrw mtvec, t1",
        "ask_next:",
        "    sw   a0, 132(t0)",
        *(
            line
            for trap in ("ecall", "ebreak")
            for line in (
                "    la   t0, kept_here",
                "    lw   a0, 132(t0)",
                "    lbu  a0, 0(a0)",
                "    beqz a0, ask_over",
                *(f"    li   x{n}, {100 + n}" for n in TESTED),
                f"    {trap}",
                *(f"    addi a0, x{n}, -{100 + n}\n    bnez a0, damaged_{n}" for n in TESTED),
                "    la   t0, kept_here",
                "    lw   a0, 8(t0)",
                "    bne  a0, sp, damaged_2",
            )
        ),
        "    lw   a0, 132(t0)",
        "    addi a0, a0, 1",
        "    j    ask_next",
        *(f"damaged_{n}:\n    li   a0, {n}\n    j    ask_over" for n in (2, *TESTED)),
        "ask_over:",
        "    la   t0, kept_here",
        "    lw   t1, 128(t0)",
        "    csrw mtvec, t1",
        *(f"    lw   x{n}, {4 * n}(t0)" for n in (1, 2, 3, 4, 8, 9, *range(18, 28))),
        "    ret",
        ".data",
        ".align 2",
        "kept_here: .space 136",
    ]
)
"""Calls the handler by ecall and ebreak for each letter of a text, with all registers in use;
returns 0, or the number of the first register that came back with another value."""

HANDLER = """
handler:
    addi sp, sp, -16
    sw   t0, 0(sp)
    sw   t1, 4(sp)
    csrr t0, mcause
    li   t1, 11
    bne  t0, t1, behind
    li   t0, 0x10000000
    sb   a0, 0(t0)
behind:
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    lw   t0, 0(sp)
    lw   t1, 4(sp)
    addi sp, sp, 16
    mret
"""
ONLY_SAVED = HANDLER.replace("    csrr t0, mepc\n    addi t0, t0, 4\n    csrw mepc, t0\n", "")
ONLY_ADVANCED = """
handler:
    csrr t0, mcause
    li   t1, 11
    bne  t0, t1, behind
    li   t2, 0x10000000
    sb   a0, 0(t2)
behind:
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    mret
"""


def behind_the_trap(args: Args, ran: Ran) -> tuple[str, str] | None:
    damaged = ran.registers["a0"]
    if ran.ending in ("trap", "lost-return-address"):
        return "ret-for-mret", (
            "A handler ends with mret. Where ret goes is written in ra, and that belongs to the "
            "program that was interrupted."
        )
    if ran.ending == "endless" and len(ran.console) != len(str(args[0])):
        return "mepc-not-advanced", (
            "It returns to the very instruction that trapped, which traps again; mepc must be "
            "moved on."
        )
    if ran.ending == "returned" and 0 < damaged < 32:
        return "register-not-restored", (
            f"After a trap {NAMES[damaged]} has another value than before; the program that was "
            "interrupted had something in it."
        )
    if ran.console == "".join(2 * letter for letter in str(args[0])):
        return "cause-ignored", "It serves an ebreak, too; mcause tells which trap it was."
    return None


kinds.program(
    "02.10",
    title="Mend a trap handler",
    ask="Write the handler anew. For an ecall of machine level (cause 11) it writes the byte in a0 "
    "to the console; of any other trap it takes no notice. In both cases it goes on behind the "
    "instruction that trapped, at which every register but a0 must be as it was. It may use the "
    "stack. A test program, ask(text), traps with all registers in use; its result is 0 "
    "if all was well.",
    routine="handler",
    cases=letters,
    oracle=lambda text: (0, text),
    sizes=range(1, 4),
    frame=FRAME,
    entry="ask",
    names=behind_the_trap,
    right=[HANDLER],
    wrong=[
        (ONLY_SAVED, "mepc-not-advanced"),
        (ONLY_ADVANCED, "register-not-restored"),
        (HANDLER.replace("    bne  t0, t1, behind\n", ""), "cause-ignored"),
        (HANDLER.replace("    addi sp, sp, 16\n", ""), "register-not-restored"),
        (HANDLER.replace("lw   t1, 4(sp)", "nop"), "register-not-restored"),
        (HANDLER.replace("mret", "ret"), "ret-for-mret"),
        (HANDLER.replace("handler:", "trap:"), "no-label"),
    ],
    hints=(
        "Play the program that is interrupted: it has something in every register, and it wants "
        "to go on with the next instruction.",
        "mepc has the address of the ecall itself. And which registers does the handler use?",
        "Make room on the stack and store there whatever you use; do the work; move mepc on by the "
        "length of an instruction; load everything back; give the room back; mret.",
    ),
)

# %%
statement("02.10")

# %% tags=["stub"] task="02.10"
broken = """
handler:
    csrr t0, mcause
    li   t1, 11
    bne  t0, t1, behind
    li   t2, 0x10000000
    sb   a0, 0(t2)
behind:
    mret
"""

handler = ...

check("02.10", handler)

# %% tags=["solution"] task="02.10"
handler = """
handler:
    addi sp, sp, -16
    sw   t0, 8(sp)
    sw   t1, 12(sp)
    csrr t0, mcause
    li   t1, 11
    bne  t0, t1, behind
    li   t1, 0x10000000
    sb   a0, 0(t1)
behind:
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    lw   t0, 8(sp)
    lw   t1, 12(sp)
    addi sp, sp, 16
    mret
"""

check("02.10", handler)

# %% [markdown]
# ## Part 3: devices and machines
#
# ### 02.11 How often does it leave?


# %% tags=["task"]
def sectors_and_letters(seed: int | None) -> tuple[int, int]:
    if seed is None:
        return 3, 20
    rng = Random(f"02.11/{seed}")
    return whole(rng, 2, 9), whole(rng, 5, 60)


@cache
def uses(seed: int | None) -> int:
    """The uses of all device registers, counted while the guest runs."""
    sectors, count = sectors_and_letters(seed)
    disk = VirtualDisk(16 * 512)
    disk.write(0, b"x" * count)
    made = computer(source("read_port.s").replace("SECTORS, 1", f"SECTORS, {sectors}"), disk)
    made.run()
    assert made.port
    return made.port.accesses + len(made.console.output) + 1  # and the power switch


kinds.quantity(
    "02.11",
    title="How often does it leave?",
    ask=lambda seed: (
        "A guest reads {} sectors through the port of the lesson (number, command, one look at the "
        "status, then word by word), writes the first {} bytes to the console without "
        "looking at its status, and switches the machine off. How many uses of device registers "
        "are that in all?".format(*sectors_and_letters(seed))
    ),
    expected=uses,
    models=[
        (
            "data-words-only",
            lambda seed: uses(seed) - 3 * sectors_and_letters(seed)[0],
            "that leaves out number, command and status, which each sector needs.",
        ),
        (
            "disk-only",
            lambda seed: uses(seed) - sectors_and_letters(seed)[1] - 1,
            "those are the uses of the disk alone; the console and the switch are devices, too.",
        ),
        (
            "switch-forgotten",
            lambda seed: uses(seed) - 1,
            "that leaves out the power switch.",
        ),
        (
            "bytes-for-words",
            lambda seed: uses(seed) + sectors_and_letters(seed)[0] * (512 - 128),
            "that moves the sectors byte by byte; the register of the port is a word.",
        ),
        (
            "console-in-words",
            lambda seed: (
                uses(seed) - sectors_and_letters(seed)[1] + sectors_and_letters(seed)[1] // 4
            ),
            "the console takes one byte at a time.",
        ),
    ],
    wrong=[(16, None)],
    hints=(
        "Count for each of the three devices by itself.",
        "A sector has 512 bytes. How many words are these, and what else does a sector need?",
        "Sectors times what one of them takes, and one for each byte on the console, and one for "
        "the switch.",
    ),
    seeded=True,
)

# %%
statement("02.11")

# %% tags=["stub"] task="02.11"
answer = ...

check("02.11", answer)

# %% tags=["solution"] task="02.11"
answer = 3 * (3 + 512 // 4) + 20 + 1

check("02.11", answer)

# %% [markdown]
# ### 02.12 What is refused?


# %% tags=["task"]
Moves = dict[str, tuple[tuple[str, ...], str]]


def life(seed: int | None) -> list[str]:
    """A life in ten calls, of which several are refused."""
    if seed is None:
        return [
            *("start", "start", "start", "pause", "start"),
            *("pause", "resume", "start", "stop", "resume"),
        ]
    rng = Random(f"02.12/{seed}")
    offered = ("start", "start", "pause", "resume", "stop")
    return [offered[whole(rng, 0, len(offered) - 1)] for _ in range(10)]


def refused(moves: Moves) -> Callable[[int | None], int]:
    """How many calls are refused by a manager with these rules."""

    def count(seed: int | None) -> int:
        state, times = "created", 0
        for move in life(seed):
            states, follows = moves[move]
            times += state not in states
            state = follows if state in states else state
        return times

    return count


def really_refused(seed: int | None) -> int:
    made = computer("stay: j stay")
    made.stop()
    machine, times = VirtualMachine(made), 0
    for move in life(seed):
        try:
            getattr(machine, move)()
        except GuestError:
            times += 1
    return times


def with_rule(move: str, *states: str) -> Callable[[int | None], int]:
    """The rules with more states in which a move is legal."""
    before, follows = MOVES[move]
    return refused({**MOVES, move: ((*before, *states), follows)})


kinds.quantity(
    "02.12",
    title="What is refused?",
    ask=lambda seed: (
        "These calls are made, in this order, on a machine that was just created. A call that is "
        "refused changes nothing, and the next one is made. How many are refused?\n\n"
        + "\n".join(f"  {move}()" for move in life(seed))
    ),
    expected=really_refused,
    models=[
        (
            "resume-from-stopped",
            with_rule("resume", "stopped"),
            "that lets a machine resume that was stopped; a stopped machine has nothing to go on "
            "with.",
        ),
        (
            "start-twice",
            with_rule("start", "running"),
            "that lets a machine start that is running already.",
        ),
        (
            "start-from-paused",
            with_rule("start", "paused"),
            "that lets a paused machine start; it can only resume.",
        ),
        (
            "all-is-legal",
            lambda seed: 0,
            "not every move is legal in every state; write down the state after each call.",
        ),
    ],
    wrong=[(10, None)],
    hints=(
        "Write the state beside each call. Where does a new machine stand?",
        "A refused call leaves the state as it is. Only a paused machine can resume.",
        "Go down the list with the table of moves of the lesson: is the state among those from "
        "which the move is legal? If so write the new state, if not make a mark. Count the marks.",
    ),
    seeded=True,
)

# %%
statement("02.12")

# %% tags=["stub"] task="02.12"
answer = ...

check("02.12", answer)

# %% [markdown] tags=["solution"]
# The marks stand at the second and third start (it is running), at the start and the pause that
# follow the first pause (paused), at the start after the resume (running), and at the last resume
# (stopped).

# %% tags=["solution"] task="02.12"
answer = len(["start", "start", "start", "pause", "start", "resume"])

check("02.12", answer)

# %% [markdown]
# ### 02.13 Two pasts, two futures


# %% tags=["task"]
Past = tuple[int, int, int, int]


def past(seed: int | None) -> Past:
    """Letters written before the snapshot, after it, by the machine at last, by the twin."""
    if seed is None:
        return 5, 4, 2, 8
    rng = Random(f"02.13/{seed}")
    return whole(rng, 3, 9), whole(rng, 2, 9), whole(rng, 2, 9), whole(rng, 2, 9)


@cache
def consoles(seed: int | None) -> int:
    """The letters on both consoles, counted on real machines."""
    first, more, mine, other = past(seed)
    made = computer("li t0, 1 << 28\n li t1, 'x'\n loop: sb t1, 0(t0)\n j loop")
    made.stop()
    machine = VirtualMachine(made)
    machine.start()
    machine.run(2 + 2 * first)
    kept = machine.snapshot()
    machine.run(2 * more)
    twin = machine.clone("twin")
    machine.restore(kept)
    for one, count in ((machine, mine), (twin, other)):
        one.resume()
        one.run(2 * count)
    return len(machine.console) + len(twin.console)


kinds.quantity(
    "02.13",
    title="Two pasts, two futures",
    ask=lambda seed: (
        "A guest writes letters. When it has written {}, a snapshot is taken. It writes {} more, "
        "and then the machine is cloned. The snapshot is restored into the machine. Machine and "
        "twin are resumed; the machine writes {} more letters and the twin {}. How many letters "
        "are on the two consoles together?".format(*past(seed))
    ),
    expected=consoles,
    models=[
        (
            "restore-forgets-nothing",
            lambda seed: consoles(seed) + past(seed)[1],
            "that leaves on the machine's console what was written after the snapshot; the "
            "console goes back with all the rest.",
        ),
        (
            "twin-goes-back-too",
            lambda seed: consoles(seed) - past(seed)[1],
            "that takes the twin back to the snapshot as well; a clone has a state of its own, "
            "and keeps it.",
        ),
        (
            "clone-begins-empty",
            lambda seed: consoles(seed) - past(seed)[0] - past(seed)[1],
            "that lets the twin begin with an empty console; a clone has the past of its original.",
        ),
        (
            "one-console",
            lambda seed: consoles(seed) - past(seed)[0],
            "that counts what was written before the snapshot once; each console shows it.",
        ),
    ],
    wrong=[(1, None)],
    hints=(
        "Write both consoles down, line by line, as they look after each sentence.",
        "When the clone is made, what is on its console? And does a restore of the machine "
        "reach the twin?",
        "The machine has what was there at the snapshot and what it writes at last. The twin has "
        "all that was there when it was made and what it writes itself. Add the two.",
    ),
    seeded=True,
)

# %%
statement("02.13")

# %% tags=["stub"] task="02.13"
answer = ...

check("02.13", answer)

# %% tags=["solution"] task="02.13"
machine = 5 + 2
twin = 5 + 4 + 8
answer = machine + twin

check("02.13", answer)

# %% [markdown]
# ### 02.14 Write a device
#
# A device is an object that answers when the bus calls it: `read(offset, size)` returns a number,
# `write(offset, size, value)` returns nothing. `offset` counts from the device's first address,
# `size` is in bytes.


# %% tags=["task"]
Operation = tuple[str, int]
GUESTS: tuple[tuple[Operation, ...], ...] = (
    (("push", 7), ("pop", 0)),
    (("push", 3), ("push", 5), ("pop", 0), ("pop", 0)),
    (("pop", 0), ("push", 9), ("count", 0), ("pop", 0), ("count", 0)),
    (("push", 1), ("push", 2), ("push", 4), ("count", 0), ("count", 0), ("pop", 0), ("push", 8),
     ("pop", 0), ("pop", 0)),
    (("push", 6), ("push", 6), ("clear", 0), ("count", 0), ("pop", 0), ("push", 2), ("count", 0)),
    (("push", 5), ("other", 0), ("other", 1), ("count", 0), ("pop", 0)),
)  # fmt: skip
WORDS = {
    "push": "sw   t1, 0(t0)",
    "pop": "lw   t1, 0(t0)",
    "count": "lw   t1, 4(t0)",
    "clear": "sw   zero, 4(t0)",
    "other": "lw   t1, 8(t0)",
}


def guest(operations: Sequence[Operation]) -> str:
    """A program that does these things with the device and keeps what it reads at results."""
    rows = ["la a0, results", "li t0, 0x10003000"]
    for what, value in operations:
        rows += [f"li t1, {value}", WORDS[what]]
        if what == "other" and value:
            rows[-1] = "sw   t1, 8(t0)"
        if WORDS[what].startswith("lw"):
            rows += ["sw t1, 0(a0)", "addi a0, a0, 4"]
    rows += ["li t0, 0x11100000", "li t1, 0x5555", "sw t1, 0(t0)", ".data", "results: .space 64"]
    return "\n".join(rows)


def model(operations: Sequence[Operation], *, last: bool = True) -> list[int]:
    """What the guest reads; with a queue in place of the stack where not ``last``."""
    held, seen = list[int](), list[int]()
    for what, value in operations:
        if what == "push":
            held.append(value)
        elif what == "clear":
            held.clear()
        elif what == "count":
            seen.append(len(held))
        elif what == "pop":
            seen.append(held.pop(-1 if last else 0) if held else 0)
        else:
            seen.append(value)
    return seen


class Plug:
    """Between the bus and the learner's device: notes what is no number."""

    def __init__(self, device: object) -> None:
        self.device, self.fault = device, ""

    def read(self, offset: int, size: int) -> int:
        value = self.device.read(offset, size)  # type: ignore[attr-defined]
        if isinstance(value, int):
            return int(value)
        kind = type(value).__name__
        self.fault = self.fault or f"read({offset}, {size}) returns {kind}, and not a number"
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        self.device.write(offset, size, value)  # type: ignore[attr-defined]


def told(operations: Sequence[Operation]) -> str:
    return ", ".join(f"{what} {value}" if what == "push" else what for what, value in operations)


def device(answer: object) -> Judged:
    if not isinstance(answer, type):
        return False, "give the class itself, not an object of it, nor anything else."
    for method in ("read", "write"):
        if not callable(getattr(answer, method, None)):
            return False, f"your class has no method {method}; the bus calls it."
    if is_stub(answer.read) and is_stub(answer.write):  # type: ignore[attr-defined]
        return None, "replace ... by the bodies of your methods, then run the cell again."
    for operations in GUESTS:
        made = call(answer)
        if made.kind != "returned":
            return False, f"making an object of your class {made.problem}.", made.kind
        text, plug = guest(operations), Plug(made.value)
        machine = computer(text)
        machine.bus.attach(0x10003000, 0x10, plug)
        run = call(machine.run, 2000, 20)
        said = f"A guest does: {told(operations)}. "
        if run.kind != "returned":
            return False, f"{said}Your device {run.problem}.", run.kind
        if plug.fault:
            return False, f"{said}There {plug.fault}; is a return missing?", "no-return"
        right = model(operations)
        at = assemble(text).symbols["results"]
        seen = [machine.bus.read(at + 4 * place, 4) for place in range(len(right))]
        if seen != right:
            said += f"It reads {seen}; {right} is right."
            if seen == model(operations, last=False):
                return False, f"{said} That is a queue; a stack gives the last one first.", "queue"
            if operations is not GUESTS[0] and _shared(answer):
                return False, f"{said} Two devices of your class share what they hold.", "shared"
            return False, said
    return True, f"your device serves {len(GUESTS)} guests."


def _shared(answer: type) -> bool:
    """Whether a new device is not empty after another one was used."""
    first, second = answer(), answer()
    before = second.read(4, 4)
    first.write(0, 4, 1)
    return bool(second.read(4, 4) != before or before)


class RightStack:
    def __init__(self) -> None:
        self.words: list[int] = []

    def read(self, offset: int, size: int) -> int:
        if offset == 0:
            return self.words.pop() if self.words else 0
        return len(self.words) if offset == 4 else 0

    def write(self, offset: int, size: int, value: int) -> None:
        if offset == 0:
            self.words.append(value)
        elif offset == 4:
            self.words.clear()


class Queue(RightStack):
    def read(self, offset: int, size: int) -> int:
        if offset == 0:
            return self.words.pop(0) if self.words else 0
        return super().read(offset, size)


class Fragile(RightStack):
    def read(self, offset: int, size: int) -> int:
        return self.words.pop() if offset == 0 else super().read(offset, size)


class Silent(RightStack):
    def read(self, offset: int, size: int) -> int:  # type: ignore[return]
        super().read(offset, size)


class Shared(RightStack):
    everybody: list[int] = []  # noqa: RUF012 - the fault that is meant

    def __init__(self) -> None:
        self.words = self.everybody


class Deaf(RightStack):
    def write(self, offset: int, size: int, value: int) -> None:
        self.words.append(value)


class Endless(RightStack):
    def write(self, offset: int, size: int, value: int) -> None:
        while True:
            pass


kinds.judge(
    "02.14",
    title="Write a device",
    ask="Write the class Stack, a device that keeps words. At offset 0, a write puts the word on "
    "top, and a read takes the top one away and returns it (0 if there is none). At offset 4, a "
    "read returns how many words there are, and a write, of whatever value, drops them all. "
    "Any other offset reads as 0, and writing there does nothing. Each object has words of its "
    "own.",
    judge=device,
    form="a class with read and write",
    right=[RightStack],
    wrong=[
        (Queue, "queue"),
        (Fragile, "raised"),
        (Silent, "no-return"),
        (Shared, "shared"),
        (Deaf, None),
        (Endless, "endless"),
        RightStack(),
        (type("Half", (), {"read": RightStack.read}), None),
    ],
    hints=(
        "Keep the words in a list that __init__ makes, so that each object has its own.",
        "Both methods first ask which offset it is. What is there to return from an empty stack?",
        "read: offset 0 pops if there is something, else gives 0; offset 4 gives the length; all "
        "others 0. write: offset 0 appends, offset 4 clears, all others do nothing.",
    ),
)

# %%
statement("02.14")


# %% tags=["stub"] task="02.14"
class Stack:
    def __init__(self): ...

    def read(self, offset, size): ...

    def write(self, offset, size, value): ...


check("02.14", Stack)


# %% tags=["solution"] task="02.14"
class Stack:
    def __init__(self):
        self.held = []

    def read(self, offset, size):
        if offset == 4:
            return len(self.held)
        return self.held.pop() if offset == 0 and self.held else 0

    def write(self, offset, size, value):
        if offset == 0:
            self.held.append(value)
        if offset == 4:
            self.held = []


check("02.14", Stack)

# %% [markdown]
# ---
#
# All green? Take variants of 02.1 to 02.4 until you need no paper. Then compare with the
# [solutions](../solutions/02_virtual_machine.ipynb), or read the
# [lesson](../notebooks/02_virtual_machine.ipynb) again where it hurt.
