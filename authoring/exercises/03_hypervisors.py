# %% [markdown]
# # Exercises 03: hypervisors
#
# Do [lesson 03](../notebooks/03_hypervisors.ipynb) first. Time: about 90 minutes.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("03.1")` gives the next of three hints. The last shows the method, never the number.
# - `variant("03.5", 7)` states the same exercise with other numbers, where there are some; check
#   it with `check("03.5", answer, seed=7)`.
# - `reset("03.1")` gives you the original cell back.
#
# The costs in cycles, where an exercise needs some, are the usual ones of the lesson: 1 for an
# instruction that the processor executes, 20 for one that software executes, 432 for a trap, 12
# for a callout, 2,000 for an exit from guest mode, 1,000 for translating a block.

# %%
from fractions import Fraction

from vcloud_lab.check import check, hint, reset, statement, variant
from vcloud_lab.vm import TECHNIQUES, Costs, VirtualMachine, assemble, outcome, under
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.vmm_state import LAYOUT

# %% [markdown]
# ## Part 1: what exits, and why
#
# ### 03.1 Stay or leave
#
# Eight instructions, each under a technique. Code and data have been used before, so that no page
# is touched for the first time and no block is translated for the first time.

# %% tags=["task"]
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

from vcloud_lab.check import kinds
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.verdict import Judged
from vcloud_lab.errors import AssemblyError
from vcloud_lab.vm import TECHNIQUES, Costs, Hart, Outcome, VirtualMachine, assemble, outcome, under
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.vmm import VirtualProcessor
from vcloud_lab.vm.vmm_code import word
from vcloud_lab.vm.vmm_state import LAYOUT

CHAPTER = "hypervisors"

TE, BT, PV, HW = list(TECHNIQUES)[1:]


def dice(task: str, seed: int | None) -> Callable[[int, int], int]:
    """Whole numbers from low to high for a variant of a task, the same on every machine."""
    draw = Random(f"{task}/{seed}").random
    return lambda low, high: low + int(draw() * (high - low + 1))


def ran(technique: str, code: str) -> tuple[VirtualMachine, Outcome]:
    """A program without a kernel under a technique."""
    machine = under(technique, assemble(code).code)
    machine.start()
    return machine, outcome(machine, machine.run(20_000, 20))


@cache
def kernel_under(technique: str) -> Outcome:
    machine = under(technique)
    machine.start()
    return outcome(machine, machine.run(2_000_000, 60))


LOOP = """
_start: li   s0, 0x10000000
        la   s1, data
        li   s2, 9
        li   a0, 10
again:  la   t0, behind
        csrw mepc, t0
        li   t0, 0x1800
        csrrw zero, mstatus, t0
        j    here
here:   {line}
behind: addi s2, s2, -1
        bnez s2, again
        li   t0, 0x11100000
        li   t2, 0x5555
        sw   t2, 0(t0)
        .data
data:   .word 0
"""

CASES = {
    "a": (TE, "addi a0, a0, 1", "it needs no privilege, so the processor executes it."),
    "b": (TE, "csrr a0, mscratch", "it needs machine level, and the kernel runs at user level."),
    "c": (BT, "csrr a0, mscratch", "it was replaced by a load from the state page."),
    "d": (HW, "csrw mscratch, a0", "guest mode has a mscratch of its own."),
    "e": (HW, "sb a0, 0(s0)", "the console's register is no memory: the VMM must imitate it."),
    "f": (TE, "lw a0, 0(s1)", "the page is in the shadow tables, so it is a plain load."),
    "g": (BT, "mret", "it changes the level of the guest, which translated code cannot do itself."),
    "h": (HW, "ecall", "the processor leads the trap to the guest's kernel by itself."),
}


@cache
def leaves(letter: str) -> bool:
    """Whether an instruction exits each time, seen in a machine."""
    technique, line, _ = CASES[letter]
    if line == "ecall":
        return "system call" in kernel_under(technique).exits
    code = LOOP.replace("{line}", line)
    machine, _ = ran(technique, code)
    hart, here = machine.board.hart, assemble(code).symbols["here"]
    assert isinstance(hart, VirtualProcessor)
    return len([exit for exit in hart.log if exit.pc == here]) > 6


def stays_or_leaves(answer: object) -> Judged:
    if not isinstance(answer, Mapping) or set(answer) != set(CASES):
        raise Misread(f"give a word for each of {', '.join(CASES)}, as in {{'a': 'stay', ...}}.")
    right = {letter: "leave" if leaves(letter) else "stay" for letter in CASES}
    for letter, said in answer.items():
        if said not in ("stay", "leave"):
            raise Misread(f"{letter} is {str(said)[:20]!r}; write 'stay' or 'leave'.")
        if said != right[letter]:
            technique, line, why = CASES[letter]
            name = "no-state-page" if letter == "c" else None
            return False, f"look at {letter}, {line} under {technique}: {why}", name
    return True, "each of them was tried in a machine, and does what you say."


kinds.judge(
    "03.1",
    title="Stay or leave",
    ask="Does the guest keep the processor ('stay'), or does the VMM come in ('leave')? s0 is the "
    "address of the console's register, s1 that of data. Give a dictionary "
    "such as {'a': 'stay', 'b': 'leave', ...}.\n\n"
    + "\n".join(
        f"  {letter}) {line:18} {'of a process' if line == 'ecall' else 'of the kernel':14}"
        f"under {technique}"
        for letter, (technique, line, _) in CASES.items()
    ),
    judge=stays_or_leaves,
    form="a dictionary with 'stay' or 'leave' for each letter",
    right=[dict(zip("abcdefgh", ["stay", "leave", "stay", "stay", "leave", "stay", "leave", "stay"],
                    strict=True))],
    wrong=[
        dict.fromkeys("abcdefgh", "leave"),
        dict.fromkeys("abcdefgh", "stay"),
        (dict(zip("abcdefgh", ["stay", "leave", "leave", "stay", "leave", "stay", "leave", "stay"],
                  strict=True)), "no-state-page"),
        dict(zip("abcdefgh", ["stay", "leave", "stay", "leave", "leave", "stay", "leave", "leave"],
                 strict=True)),
        {"a": "stay"},
        dict.fromkeys("abcdefgh", "perhaps"),
        "stay",
    ],
    hints=(
        "Ask of each: does it need a privilege that the code does not have there?",
        "Translated code has no privileged register, and guest mode has all of them. No technique "
        "can give a guest the real device.",
        "Section 5 has the translation of each CSR instruction; section 7 lists what is left with "
        "hardware assistance.",
    ),
)  # fmt: skip

# %%
statement("03.1")

# %% tags=["stub"] task="03.1"
answer = {"a": ..., "b": ..., "c": ..., "d": ..., "e": ..., "f": ..., "g": ..., "h": ...}

check("03.1", answer)

# %% tags=["solution"] task="03.1"
leaving = "beg"
answer = {letter: "leave" if letter in leaving else "stay" for letter in "abcdefgh"}

check("03.1", answer)

# %% [markdown]
# ### 03.2 Which technique was it?

# %% tags=["task"]
TABLES = {
    "A": (TE, "the registers cost an exit each, and so does all else."),
    "B": (HW, "neither system calls nor registers leave guest mode; the devices do."),
    "C": (BT, "registers are in the state page and a store to a device becomes a callout after "
              "three faults, but the system calls of processes, which run directly, are traps."),
    "D": (PV, "the kernel uses no device itself; it sends the text with a few calls."),
    "E": ("full emulation", "nothing runs on the processor, so nothing has to leave it."),
}  # fmt: skip


def tells_tables(answer: object) -> Judged:
    if not isinstance(answer, Mapping) or set(answer) != set(TABLES):
        raise Misread(f"give a technique for each of {', '.join(TABLES)}.")
    for letter, said in answer.items():
        if said not in TECHNIQUES:
            raise Misread(f"{letter} is {str(said)[:40]!r}; choose among {', '.join(TECHNIQUES)}.")
        if said != TABLES[letter][0]:
            return False, f"{letter} is not {said}. Think of it: {TABLES[letter][1]}"
    return True, "each technique has its own handwriting."


kinds.judge(
    "03.2",
    title="Which technique was it?",
    ask="A guest makes 100 system calls. Its kernel uses privileged registers 900 times and "
    "writes a text of 50 characters to the console from one place in its code. "
    "Give a dictionary from A to E, with the names of the techniques as TECHNIQUES has "
    "them.\n\n"
    "  exits for              A    B    C    D    E\n"
    "  system calls         100    0  100  100    0\n"
    "  registers            900    0    0    0    0\n"
    "  devices               50   50    3    0    0\n"
    "  calls of the VMM       0    0  247  102    0",
    judge=tells_tables,
    form="a dictionary with a technique for each letter",
    right=[{letter: name for letter, (name, _) in TABLES.items()}],
    wrong=[
        {"A": TE, "B": HW, "C": PV, "D": BT, "E": "full emulation"},
        {"A": BT, "B": HW, "C": TE, "D": PV, "E": "full emulation"},
        {"A": TE, "B": "full emulation", "C": BT, "D": PV, "E": HW},
        {"A": "Xen", "B": HW, "C": BT, "D": PV, "E": "full emulation"},
        {"A": TE},
        7,
    ],
    hints=(
        "Begin with the column that has no exits at all.",
        "Under which techniques do processes run at user level with the VMM behind every trap?",
        "Two columns call the VMM on purpose. In one of them the first accesses to the device were "
        "faults, in the other the kernel knew better.",
    ),
)

# %%
statement("03.2")

# %% tags=["stub"] task="03.2"
answer = {"A": ..., "B": ..., "C": ..., "D": ..., "E": ...}

check("03.2", answer)

# %% tags=["solution"] task="03.2"
emulation, trapping, translation, paravirtual, assistance = TECHNIQUES
named = (trapping, assistance, translation, paravirtual, emulation)
answer = dict(zip("ABCDE", named, strict=True))

check("03.2", answer)

# %% [markdown]
# ### 03.3 The way of a system call

# %% tags=["task"]
EVENTS = {
    "a": "The VMM's model of the console takes the character.",
    "b": "The process executes ecall.",
    "c": "The VMM executes csrrw on the virtual registers.",
    "d": "The VMM sets the virtual mepc, mcause and level.",
    "e": "The VMM sets the virtual level to user and lets the process run.",
    "f": "The kernel executes csrrw, the first instruction of its handler.",
    "g": "The kernel executes mret.",
    "h": "The kernel executes sb, to the console's register.",
}
RIGHT_WAY = "bdfchage"


def in_order(answer: object) -> Judged:
    listed = isinstance(answer, list | tuple) and all(isinstance(entry, str) for entry in answer)
    given = "".join(answer) if isinstance(answer, list | tuple) and listed else answer
    if not isinstance(given, str) or sorted(given.lower().replace(" ", "")) != sorted(RIGHT_WAY):
        raise Misread("give each of the letters a to h once, as one text.")
    given = given.lower().replace(" ", "")
    if given == RIGHT_WAY:
        return True, "four times the guest leads to the VMM and back."
    place = next(
        n for n, pair in enumerate(zip(given, RIGHT_WAY, strict=True)) if len(set(pair)) > 1
    )
    event = EVENTS[given[place]]
    before = f"after {given[:place]!r}" if place else "as the first"
    if place == 1 and given[1] == "f":
        return (
            False,
            f"{before}: the real trap does not lead to the guest's kernel, but to the VMM.",
            "trap-goes-to-the-kernel",
        )
    return False, f"{before} comes another event than this: {event}"


kinds.judge(
    "03.3",
    title="The way of a system call",
    ask="A process writes a character, under trap and emulate. Bring these events "
    "into their order; all that happens between them is left out. Give "
    "the letters as one text.\n\n" + "\n".join(f"  {key}) {text}" for key, text in EVENTS.items()),
    judge=in_order,
    form="the letters a to h as one text",
    right=[RIGHT_WAY, list(RIGHT_WAY), RIGHT_WAY.upper(), "b d f c h a g e"],
    wrong=[
        ("bfdchage", "trap-goes-to-the-kernel"),
        "bdcfhage",
        "bdfcahge",
        "bdfchaeg",
        "abcdefgh",
        "bdfchag",
        3,
    ],
    hints=(
        "A process can only begin it, and only the VMM can let it go on.",
        "What the kernel does by itself traps, and the VMM then does it: find the pairs.",
        "Look at the table of exits in section 3, from `system call` to `return from a trap`.",
    ),
)

# %%
statement("03.3")

# %% tags=["stub"] task="03.3"
answer = ...

check("03.3", answer)

# %% [markdown] tags=["solution"]
# The pairs are ecall (b) and its passing on (d), csrrw (f) and its emulation (c), the store (h)
# and the console (a), mret (g) and the way back (e).

# %% tags=["solution"] task="03.3"
pairs = ["bd", "fc", "ha", "ge"]
answer = "".join(pairs)

check("03.3", answer)

# %% [markdown]
# ### 03.4 The first thing that goes wrong
#
# `source("native.s")` is the lower half of the kernel. It starts at `_start`, then calls
# `arch_resume` for the first time.

# %% tags=["task"]
kinds.choice(
    "03.4",
    title="The first thing that goes wrong",
    ask="Our kernel under trap and emulate, on the processor on which mstatus can be read at "
    "user level and where writes to it are ignored without a trap. Which is the first "
    "instruction that does not do what the kernel means?",
    options={
        "a": "csrw mtvec, t0 in _start",
        "b": "csrw mscratch, a0 in arch_resume",
        "c": "csrw mstatus, t0 in arch_resume",
        "d": "mret in arch_resume",
        "e": "csrr t0, mstatus in trap_entry",
    },
    right="c",
    why={
        "a": "mtvec is not silent: the write traps, and the VMM emulates it.",
        "b": "mscratch is not silent: the write traps, and the VMM emulates it.",
        "c": "the write is lost without a trap, so the VMM does not know where mret shall lead.",
        "d": "mret traps and the VMM emulates it faithfully; but the status that it uses was "
        "never written. The fault was made before.",
        "e": "this comes in a trap, which is later; and by then another fault has been made.",
    },
    names={"d": "where-it-shows"},
    hints=(
        "Which instructions of the kernel name mstatus?",
        "Of these, which is the first to be executed?",
        "Go through _start and arch_resume line by line: does it trap? If not, does it do its "
        "work?",
    ),
)

# %%
statement("03.4")

# %% tags=["stub"] task="03.4"
answer = ...

check("03.4", answer)

# %% tags=["solution"] task="03.4"
answer = "c"

check("03.4", answer)

# %% [markdown]
# ## Part 2: write and rewrite code
#
# ### 03.5 Translate by hand
#
# `LAYOUT` has the offset of each register in the state page. A load has, from the highest bit to
# the lowest: 12 bits of offset, 5 bits rs1, 010, 5 bits rd, 0000011. The register t0 is x5, a0 is
# x10.

# %% tags=["task"]
REGISTERS = {"t0": 5, "t1": 6, "a0": 10, "a1": 11, "a2": 12, "s2": 18}


def to_translate(seed: int | None) -> tuple[str, str]:
    """A register and the name of a CSR."""
    if seed is None:
        return "t0", "mepc"
    roll, names = dice("03.5", seed), list(LAYOUT)[1:]
    return list(REGISTERS)[roll(0, len(REGISTERS) - 1)], names[roll(0, len(names) - 1)]


def load_of(seed: int | None, change: Callable[[int], int] = lambda offset: offset) -> int:
    register, name = to_translate(seed)
    return word("lw", REGISTERS[register], imm=change(LAYOUT[name]))


kinds.quantity(
    "03.5",
    title="Translate by hand",
    ask=lambda seed: (
        "Under binary translation, csrr {}, {} becomes one instruction. Give its word as a number, "
        'for example int("00450513", 16).'.format(*to_translate(seed))
    ),
    expected=load_of,
    models=[
        (
            "sign-lost",
            lambda seed: load_of(seed, lambda offset: -offset),
            "that is the offset without its sign: the page is at the end of the addresses, below "
            "address 0, so to speak.",
        ),
        (
            "stored-instead",
            lambda seed: word(
                "sw",
                rs2=REGISTERS[to_translate(seed)[0]],
                imm=LAYOUT[to_translate(seed)[1]],
            ),
            "that is a store; csrr reads the register.",
        ),
        (
            "not-translated",
            lambda seed: word(
                "csrrs", REGISTERS[to_translate(seed)[0]], imm=CSRS[to_translate(seed)[1]]
            ),
            "that is the guest's own instruction, which would trap.",
        ),
        (
            "numbered-in-words",
            lambda seed: load_of(seed, lambda offset: -1024 + (offset + 1024) // 4),
            "that counts registers, but an offset counts bytes: each register takes four.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Reading a register has become reading a word of the state page. Which instruction is it?",
        "It is lw with rs1 = x0. The offset is negative: write it in two's complement, 12 bits.",
        "(offset % 4096) << 20 | 0b010 << 12 | rd << 7 | 0b0000011, with the offset from LAYOUT.",
    ),
    seeded=True,
)

# %%
statement("03.5")

# %% tags=["stub"] task="03.5"
answer = ...

check("03.5", answer)

# %% tags=["solution"] task="03.5"
offset, rd = LAYOUT["mepc"], 5
answer = offset % 4096 << 20 | 0 << 15 | 0b010 << 12 | rd << 7 | 0b0000011

check("03.5", answer)

# %% [markdown]
# ### 03.6 How fast does a translator learn?


# %% tags=["task"]
def writer(seed: int | None) -> tuple[int, int]:
    """How often each of the two loops runs."""
    if seed is None:
        return 30, 12
    roll = dice("03.6", seed)
    return roll(5, 40), roll(2, 40)


def writing(seed: int | None) -> str:
    lines = ["_start: li   s0, 0x10000000", "        li   a0, 46"]
    for loop, passes in zip(("one", "two"), writer(seed), strict=True):
        lines += [f"        li   s1, {passes}", f"{loop}:    sb   a0, 0(s0)"]
        lines += ["        addi s1, s1, -1", f"        bnez s1, {loop}"]
    lines += ["        li   t0, 0x11100000", "        li   t1, 0x5555", "        sw   t1, 0(t0)"]
    return "\n".join(lines)


@cache
def device_exits(seed: int | None) -> int:
    return ran(BT, writing(seed))[1].exits["device"]


kinds.quantity(
    "03.6",
    title="How fast does a translator learn?",
    ask=lambda seed: (
        "This kernel runs under binary translation. An instruction that has reached for a device "
        "three times becomes a callout. How many exits have the reason 'device'? The console's "
        "register and the power switch are devices.\n\n"
        + writing(seed)
        .replace("0x10000000", "CONSOLE")
        .replace("0x11100000", "POWER")
        .replace("0x5555", "OFF")
    ),
    expected=device_exits,
    models=[
        (
            "every-store",
            lambda seed: sum(writer(seed)) + 1,
            "that counts every store, as under trap and emulate; the translator learns.",
        ),
        (
            "one-copy",
            lambda seed: sum(min(3, passes) for passes in writer(seed)) + 1,
            "that forgets that the first pass of a loop runs in the block that leads into it, with "
            "a copy of the store of its own.",
        ),
        (
            "power-forgotten",
            lambda seed: device_exits(seed) - 1,
            "that forgets the last store: it switches the machine off.",
        ),
        (
            "learned-once",
            lambda seed: 5,
            "that is what a single loop has; each store is learned for itself.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Count for each loop apart. In how many blocks of translated code does its store stand?",
        "One block leads into the loop and contains its first pass. The jump back leads to another "
        "block, which begins at the label.",
        "For each loop: one fault in the first block, at most three in the second. Then the power "
        "switch.",
    ),
    seeded=True,
)

# %%
statement("03.6")

# %% tags=["stub"] task="03.6"
answer = ...

check("03.6", answer)

# %% tags=["solution"] task="03.6"
answer = (1 + 3) + (1 + 3) + 1

check("03.6", answer)

# %% [markdown]
# ### 03.7 What had to go

# %% tags=["task"]
PRIVILEGED = ("csrr", "csrw", "csrrw", "csrsi", "csrci", "mret", "sfence.vma")


def lines_with(names: tuple[str, ...]) -> list[str]:
    stripped = (line.split("#")[0].split() for line in source("native.s").splitlines())
    return [words[0] for words in stripped if words and words[0] in names]


kinds.quantity(
    "03.7",
    title="What had to go",
    ask='How many lines of source("native.s") have an instruction that needs machine level '
    "(one on a CSR, mret or sfence.vma)?",
    expected=lambda seed: len(lines_with(PRIVILEGED)),
    models=[
        (
            "kinds-for-lines",
            lambda seed: len(set(lines_with(PRIVILEGED))),
            "that is how many different instructions there are; count the lines.",
        ),
        (
            "csr-only",
            lambda seed: len([name for name in lines_with(PRIVILEGED) if name.startswith("csr")]),
            "that leaves out mret and sfence.vma.",
        ),
    ],
    wrong=[(0, None), (111, None)],
    hints=(
        "An instruction is the first word of its line; what follows # is a comment.",
        "line.split() gives the words of a line, and may give none.",
        "Count the lines whose first word begins with csr, or is mret or sfence.vma.",
    ),
)

# %%
statement("03.7")

# %% tags=["stub"] task="03.7"
answer = ...

check("03.7", answer)

# %% tags=["solution"] task="03.7"
firsts = [(line.split() or [""])[0] for line in source("native.s").splitlines()]
answer = sum(first.startswith("csr") or first in ("mret", "sfence.vma") for first in firsts)

check("03.7", answer)

# %% [markdown]
# ### 03.8 The emulator of a VMM
#
# A trap has brought the VMM in, and one instruction must be done on the virtual processor. Here it
# is only about registers.


# %% tags=["task"]
NAMES = ("mscratch", "mcause", "mtval")
BASE = 0x80000000


def trapped(rng: Random, size: int) -> tuple[list[int], dict[str, int], int, tuple[Any, ...]]:
    """Registers x0 to x7, CSRs, pc, and an instruction; the small sizes are the plain ones."""

    def roll(most: int) -> int:
        return int(rng.random() * (most + 1))

    most = 15 if size < 4 else 0xFFFFFFFF
    x = [0] + [roll(most) for _ in range(7)]
    csr = {name: roll(most) for name in NAMES}
    name = ("csrrw", "csrrs", "csrrc")[roll(2)] + ("i" if size > 4 and roll(1) else "")
    rd, rs = roll(7), roll(7)
    if size in (3, 6):
        rd = rs
    if size in (4, 7):
        rd = 0
    return x, csr, 4 * roll(100), (name, rd, rs, NAMES[roll(2)])


def on_hart(
    x: list[int], csr: dict[str, int], pc: int, instruction: tuple[Any, ...]
) -> tuple[list[int], dict[str, int], int]:
    """The same on a processor: the instruction itself, at machine level."""
    name, rd, rs, register = instruction
    hart = Hart(Bus(4096, BASE))
    hart.x[:8], hart.pc = list(x), BASE + pc
    for key, value in csr.items():
        hart.csr[key] = value
    hart.bus.write(BASE + pc, 4, word(name, rd, rs, imm=CSRS[register]))
    hart.step()
    return hart.x[:8], {key: hart.csr[key] for key in csr}, hart.pc - BASE


def emulated(
    x: list[int], csr: dict[str, int], pc: int, instruction: tuple[Any, ...],
    *, x0: bool = False, late: bool = False, stay: bool = False, plain: bool = False,
) -> tuple[list[int], dict[str, int], int]:  # fmt: skip
    """The solution, with the faults that learners make."""
    name, rd, rs, register = instruction
    x, csr, old = list(x), dict(csr), csr[register]
    value = rs if name.endswith("i") and not plain else x[rs]
    if late and (rd or x0):
        x[rd] = old
        value = rs if name.endswith("i") else x[rs]
    csr[register] = {"w": value, "s": old | value, "c": old & ~value}[name[4]]
    if rd or x0:
        x[rd] = old
    return x, csr, pc if stay else pc + 4


def fault_of(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    for name, fault, sentence in (
        ("x0-written", {"x0": True}, "x0 is always 0: what goes there is lost."),
        ("read-too-late", {"late": True}, "Take the operand before rd is written: they may be one "
         "register."),
        ("pc-not-advanced", {"stay": True}, "The pc still leads to the same instruction, which "
         "would trap again, for ever."),
        ("immediate-for-register", {"plain": True}, "With i at the end of the name, the operand is "
         "the number itself."),
    ):  # fmt: skip
        made: dict[str, Any] = dict(fault)
        if emulated(*args, **made) == result:
            return name, sentence
    return None


kinds.function(
    "03.8",
    title="The emulator of a VMM",
    ask="Write emulate(x, csr, pc, instruction). x is the list of the registers x0 to x7, csr a "
    "dictionary of CSRs by name, pc a number, instruction a tuple (name, rd, rs, register) with "
    "the name csrrw, csrrs or csrrc (rs is the number of a register), csrrwi, csrrsi or csrrci "
    "(rs is the operand itself); register is the name of the CSR. Return (x, csr, pc) as they are "
    "afterwards: rd gets the old value, csrrw writes the operand, csrrs sets its bits, csrrc "
    "clears them. All numbers are from 0 to 2**32 - 1.",
    cases=trapped,
    oracle=on_hart,
    right=[emulated],
    names=fault_of,
    wrong=[
        (lambda x, csr, pc, instruction: emulated(x, csr, pc, instruction, x0=True), "x0-written"),
        (
            lambda x, csr, pc, instruction: emulated(x, csr, pc, instruction, late=True),
            "read-too-late",
        ),
        (
            lambda x, csr, pc, instruction: emulated(x, csr, pc, instruction, stay=True),
            "pc-not-advanced",
        ),
        (
            lambda x, csr, pc, instruction: emulated(x, csr, pc, instruction, plain=True),
            "immediate-for-register",
        ),
        lambda x, csr, pc, instruction: (x, csr, pc + 4),
    ],
    hints=(
        "Read everything first: the old value of the CSR, and the operand. Then write.",
        "csrrw and its kin differ only in what is written: the operand, old | operand, "
        "old & ~operand.",
        "name.endswith('i') tells whether rs is the operand; do not write to x[0]; and go on "
        "behind the instruction.",
    ),
)

# %%
statement("03.8")


# %% tags=["stub"] task="03.8"
def emulate(x, csr, pc, instruction): ...


check("03.8", emulate)


# %% tags=["solution"] task="03.8"
def emulate(x, csr, pc, instruction):
    name, rd, rs, register = instruction
    operand = rs if name.endswith("i") else x[rs]
    old = csr[register]
    csr[register] = {"w": operand, "s": old | operand, "c": old & ~operand}[name[4]]
    if rd != 0:
        x[rd] = old
    return x, csr, pc + 4


check("03.8", emulate)

# %% [markdown]
# ### 03.9 One exit for a text
#
# This routine prints a text, character by character, as it would on a bare machine. Under
# paravirtualization it is an exit for each. (In the lesson: what the kernel can ask for.)

# %%
SLOW = """
print:  li   t0, 0x10000000
more:   lbu  t1, 0(a0)
        sb   t1, 0(t0)
        addi a0, a0, 1
        addi a1, a1, -1
        bnez a1, more
        jr   ra
"""

# %% tags=["task"]


def printing(routine: str, text: bytes) -> str:
    """The routine, called from a kernel that prints a text and switches the machine off."""
    data = ", ".join(map(str, text))
    return (
        f"j start_\n{routine}\n        .text\n        .balign 4\nstart_: la   sp, stack_\n"
        f"        la   a0, text_\n        li   a1, {len(text)}\n        call print\n"
        "        li   a7, 6\n        ecall\nstay_:  j    stay_\n        .data\n"
        f"text_:  .byte {data}\n        .balign 16\n        .space 512\nstack_:\n"
    )


def prints_with_few(answer: object) -> Judged:
    if not isinstance(answer, str):
        raise Misread(f"that is of type {type(answer).__name__}; give the assembly as one text.")
    try:
        if "print" not in assemble(answer).symbols:
            return False, "there is no label print: in your text; the kernel calls it by this name."
        return counted(answer)
    except AssemblyError as error:
        raise Misread(str(error).splitlines()[0]) from None


def counted(routine: str) -> Judged:
    """The judgement of a routine that can be assembled."""
    exits = 0
    for text in (b"x", b"Hello, hypervisor!\n", b"exits " * 11):
        whole = printing(routine, text)
        machine, done = ran(PV, whole)
        hart, last = machine.board.hart, assemble(whole).symbols["stay_"] - 4
        assert isinstance(hart, VirtualProcessor)
        if done.ended != "off" or hart.log[-1].pc != last:
            return False, (
                "the kernel never got to its end: does print come back with ret, and are ra and sp "
                "as they were?"
            )
        if machine.console != text.decode():
            shown = machine.console[:20]
            return False, f"the console shows {shown!r}, not {text.decode()[:20]!r}."
        exits = done.exits_in_all - done.exits.get("hidden page fault", 0) - 1
    if exits > 1:
        name = "exit-per-character" if exits >= 66 else None
        return False, f"a text of 66 characters takes {exits} exits; one is enough.", name
    return True, f"a text of 66 characters takes {exits} exit."


kinds.judge(
    "03.9",
    title="One exit for a text",
    ask="Write the routine print for a kernel that runs under paravirtualization, as "
    "one text of assembly. It is called with the address of a text in a0 and its length, "
    "from 1 to 80, in a1; no page tables are in use. It must print the text with a "
    "single exit, and come back with ret. Faults of the shadow tables are not counted.",
    judge=prints_with_few,
    form="a text of assembly",
    right=[
        "print: li a7, 5\n ecall\n ret",
        "print:\n addi sp, sp, -16\n sw a7, 0(sp)\n li a7, 5\n ecall\n lw a7, 0(sp)\n"
        " addi sp, sp, 16\n ret",
    ],
    wrong=[
        (
            "print: li t0, 0x10000000\nmore: lbu t1, 0(a0)\n sb t1, 0(t0)\n addi a0, a0, 1\n"
            " addi a1, a1, -1\n bnez a1, more\n ret",
            "exit-per-character",
        ),
        (
            "print: mv t0, a1\n li a1, 1\n li a7, 5\nmore: ecall\n addi a0, a0, 1\n"
            " addi t0, t0, -1\n bnez t0, more\n ret",
            "exit-per-character",
        ),
        "print: ret",
        "print: j print",
        "print: li a7, 5\n ecall\n li a7, 6\n ecall\nhere: j here",
        "write: li a7, 5\n ecall\n ret",
        "print: lw a7, five\n",
        "print: li a7, 5\nstay_: ecall\n ret",
        5,
    ],
    hints=(
        "Which hypercall takes an address and a length? The VMM can read the guest's memory.",
        "The module vmm_paravirtual lists the hypercalls: the number goes to a7, arguments to a0 "
        "and a1.",
        "The arguments are already where they must be: set a7, ask with ecall, return.",
    ),
)

# %%
statement("03.9")

# %% tags=["stub"] task="03.9"
answer = ...

check("03.9", answer)

# %% tags=["solution"] task="03.9"
answer = """
print:  li   a7, 5
        ecall
        ret
"""

check("03.9", answer)

# %% [markdown]
# ## Part 3: the bill
#
# ### 03.10 A bill

# %% tags=["task"]


def translated(seed: int | None) -> Outcome:
    """A guest under binary translation."""
    if seed is None:
        counts = (60_000, 500, 90, 20, 400, 150)
    else:
        roll = dice("03.10", seed)
        counts = (1000 * roll(20, 90), 10 * roll(20, 90), 10 * roll(3, 20), roll(5, 40),
                  10 * roll(10, 60), 10 * roll(5, 30))  # fmt: skip
    direct, software, calls, device, callouts, blocks = counts
    exits = {"system call": calls, "device": device, "callout": callouts,
             "translation of a block": blocks}  # fmt: skip
    return Outcome(BT, "off", direct, software, exits, "")


def ask_bill(seed: int | None) -> str:
    done = translated(seed)
    rows = [("executed by the processor", done.direct), ("executed by software", done.interpreted)]
    rows += [(f"exits: {reason}", count) for reason, count in done.exits.items()]
    listed = "\n".join(f"  {what:32}{count:8,}" for what, count in rows)
    return (
        "A guest has run under binary translation. System calls and devices are traps, and so cost "
        "432; translating a block costs a callout and 1,000; the other costs are above. How many "
        f"cycles is its bill?\n\n{listed}"
    )


kinds.quantity(
    "03.10",
    title="A bill",
    ask=ask_bill,
    expected=lambda seed: translated(seed).cycles(),
    models=[
        (
            "software-forgotten",
            lambda seed: translated(seed).cycles(Costs(interpreted=0)),
            "that leaves out the instructions that software executes, 20 cycles each.",
        ),
        (
            "all-exits-alike",
            lambda seed: (
                translated(seed).direct
                + 20 * translated(seed).interpreted
                + 432 * translated(seed).exits_in_all
            ),
            "that charges 432 for every exit; a callout is a call and not a trap.",
        ),
        (
            "callout-forgotten",
            lambda seed: (
                translated(seed).cycles() - 12 * translated(seed).exits["translation of a block"]
            ),
            "that forgets that translating a block is a callout as well.",
        ),
        (
            "exits-only",
            lambda seed: translated(seed).cycles(Costs(instruction=0, interpreted=0)),
            "that is what the exits cost; the instructions cost something too.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Each row of the table has a price of its own; the bill is the sum.",
        "Prices: 1, 20, 432, 432, 12 and 1,012.",
        "Multiply each row by its price and add up.",
    ),
    seeded=True,
)

# %%
statement("03.10")

# %% tags=["stub"] task="03.10"
answer = ...

check("03.10", answer)

# %% tags=["solution"] task="03.10"
answer = 60_000 * 1 + 500 * 20 + (90 + 20) * 432 + 400 * 12 + 150 * (12 + 1000)

check("03.10", answer)

# %% [markdown]
# ### 03.11 Where two techniques draw level

# %% tags=["task"]


def two_bills(seed: int | None) -> tuple[int, int, int]:
    """The bill of the other technique; the instructions and the exits under hardware assistance."""
    if seed is None:
        return 900_000, 300_000, 250
    roll = dice("03.11", seed)
    plain = 10_000 * roll(10, 40)
    return plain + 10_000 * roll(20, 90), plain, 10 * roll(8, 60)


def level_cost(seed: int | None) -> Fraction:
    other, plain, exits = two_bills(seed)
    return Fraction(other - plain, exits)


kinds.quantity(
    "03.11",
    title="Where two techniques draw level",
    ask=lambda seed: (
        "Under binary translation a guest costs {:,} cycles. Under hardware assistance its "
        "instructions cost {:,} cycles, those in software included, and there are {:,} exits. What "
        "does an exit cost when both bills are equal?".format(*two_bills(seed))
    ),
    expected=level_cost,
    models=[
        (
            "fixed-part-forgotten",
            lambda seed: Fraction(two_bills(seed)[0], two_bills(seed)[2]),
            "that forgets that the instructions cost something under hardware assistance too.",
        ),
        (
            "added-up",
            lambda seed: Fraction(sum(two_bills(seed)[:2]), two_bills(seed)[2]),
            "that adds the two; what an exit may cost is what is left of the difference.",
        ),
        (
            "upside-down",
            lambda seed: Fraction(two_bills(seed)[2], two_bills(seed)[0] - two_bills(seed)[1]),
            "that is the fraction upside down.",
        ),
        (
            "ratio-of-bills",
            lambda seed: Fraction(two_bills(seed)[0], two_bills(seed)[1]),
            "that is how many times as much the one costs; where are the exits?",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Write the bill under hardware assistance as a fixed part and exits * cost.",
        "Set it equal to the other bill, and solve for the cost.",
        "The difference of the bill and the fixed part is what all exits together may cost.",
    ),
    seeded=True,
)

# %%
statement("03.11")

# %% tags=["stub"] task="03.11"
answer = ...

check("03.11", answer)

# %% tags=["solution"] task="03.11"
answer = Fraction(900_000 - 300_000, 250)

check("03.11", answer)

# %% [markdown]
# ### 03.12 A world for Xen's hypercalls
#
# With the usual costs, paravirtualization is not the cheapest way for our kernel. But costs are
# properties of a processor, and another processor might have others.


# %% tags=["task"]
FIELDS = ("instruction", "interpreted", "trap", "callout", "exit", "translated")


def world(answer: object) -> Judged:
    if isinstance(answer, Mapping) and set(answer) <= set(FIELDS):
        answer = Costs(**answer)
    if not isinstance(answer, Costs):
        raise Misread("give Costs(...), with the costs that you change.")
    for name in FIELDS:
        value = getattr(answer, name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
            return (
                False,
                f"{name} is {str(value)[:20]}; each cost must be whole, from 1 to 100,000.",
            )
    if answer.translated < 20 * answer.interpreted:
        return (
            False,
            (
                f"translating a block costs {answer.translated} and interpreting an instruction "
                f"{answer.interpreted}; who translates a block also has to decode it: at least 20 "
                "times as much is asked."
            ),
            "free-translation",
        )
    bill = {name: kernel_under(name).cycles(answer) for name in TECHNIQUES}
    best = min(bill, key=bill.__getitem__)
    said = f"{best} is the cheapest with {bill[best]:,} cycles"
    if best != PV:
        return False, f"{said}; paravirtualization costs {bill[PV]:,}."
    return True, f"{said}; the next one costs {sorted(bill.values())[1]:,}."


kinds.judge(
    "03.12",
    title="A world for Xen's hypercalls",
    ask="Find costs with which paravirtualization is the cheapest of all five techniques for "
    "our kernel. Each must be a whole number from 1 to 100,000, and translating a block must "
    "cost at least 20 times as much as interpreting an instruction. Give Costs(...).",
    judge=world,
    form="Costs(...)",
    right=[
        Costs(trap=100, translated=10_000),
        Costs(translated=2000),
        {"interpreted": 100, "trap": 300, "exit": 4000, "translated": 8000},
    ],
    wrong=[
        Costs(),
        Costs(exit=100),
        Costs(trap=8000, translated=4000),
        Costs(callout=50),
        (Costs(trap=1, translated=1), "free-translation"),
        Costs(trap=0),
        Costs(trap=200_000),
        {"trap": 4000, "cheap": 1},
        2000,
    ],
    hints=(
        "Another one is cheaper with the usual costs. What does it pay for that a changed kernel "
        "does not need?",
        "The translator makes its code first. Hypercalls are traps, so a trap must not be dear; "
        "and hardware assistance must not become the cheapest instead.",
        "Compute the bills with outcome(...).cycles(costs) for some costs, or use the "
        "TechniqueExplorer of the lesson, and change one cost at a time.",
    ),
)

# %%
statement("03.12")

# %% tags=["stub"] task="03.12"
answer = ...

check("03.12", answer)

# %% tags=["solution"] task="03.12"
answer = Costs(trap=200, translated=5000)

check("03.12", answer)
