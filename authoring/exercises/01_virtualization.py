# %% [markdown]
# # Exercises 01: what virtualization is
#
# Do [lesson 01](../notebooks/01_virtualization.ipynb) first. Time: about 60 minutes.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("01.1")` gives the next of three hints. The last shows the method, never the answer.
# - Some exercises have variants: `variant("01.5", 7)` states the one with seed 7, and
#   `check("01.5", answer, seed=7)` checks it.
# - `reset("01.1")` gives you the original cell back.
# - Programs are text, in triple quotes. Yours are run in virtual machines that nobody minds losing.

# %%
from vcloud_lab.check import check, hint, reset, statement, variant
from vcloud_lab.vm import Costs, assemble, classify, outcome, under
from vcloud_lab.widgets import CpuStepper

# %% [markdown]
# ## Part 1: words and kinds
#
# ### 01.1 Which machine is it?

# %% tags=["task"]
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from random import Random
from typing import Any

from vcloud_lab.check import kinds
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.verdict import Judged
from vcloud_lab.errors import AssemblyError
from vcloud_lab.vm import CAUSES, TECHNIQUES, Hart, VirtualMachine, assemble
from vcloud_lab.vm.csr import CSRS

CHAPTER = "what virtualization is"


def sort_into(
    task: str,
    *,
    title: str,
    ask: str,
    bins: Sequence[str],
    items: Mapping[str, tuple[str, str, str]],
    hints: Sequence[str],
    wrong: Sequence[object],
) -> None:
    """Put items into bins: a text, its bin and a reason for every key."""
    right = {key: where for key, (_, where, _) in items.items()}
    form = f"a word for each of {', '.join(items)}, such as {{'a': '{bins[0]}', ...}}"
    listing = "\n".join(f"  {key}) {text}" for key, (text, _, _) in items.items())

    def judge(answer: Any) -> Judged:
        if isinstance(answer, list | tuple) and len(answer) == len(items):
            answer = dict(zip(items, answer, strict=True))
        if not isinstance(answer, dict) or set(answer) != set(items):
            raise Misread(f"that is not of the form that is needed; give {form}.")
        given = {key: str(word).strip().lower() for key, word in answer.items()}
        strange = next((key for key in items if given[key] not in bins), None)
        if strange:
            raise Misread(f"{strange} is {given[strange][:30]!r}; choose from {', '.join(bins)}.")
        bad = [key for key in items if given[key] != right[key]]
        if not bad:
            return True, f"all {len(items)} are where they belong."
        fine = len(items) - len(bad)
        return (
            False,
            f"{fine} of {len(items)} are right; look at {bad[0]} first: {items[bad[0]][2]}",
        )

    kinds.judge(
        task,
        title=title,
        ask=f"{ask} Choose from: {', '.join(bins)}.\n\n{listing}",
        judge=judge,
        right=[right, list(right.values())],
        wrong=wrong,
        hints=hints,
        form=form,
    )


sort_into(
    "01.1",
    title="Which machine is it?",
    ask="Name the machine in each case.",
    bins=("abstract machine", "simulator", "emulator", "virtual machine"),
    items={
        "a": (
            "the book that says what each RISC-V instruction does",
            "abstract machine",
            "a definition runs nothing; it says what a machine would have to do.",
        ),
        "b": (
            "a program that shows students all registers after each step",
            "simulator",
            "it is there to be looked at; nobody wants to use its software for work.",
        ),
        "c": (
            "an old console's games on a PC with another processor",
            "emulator",
            "the PC's processor knows none of these instructions, so that software must "
            "execute each of them.",
        ),
        "d": (
            "Windows beside Linux on one x86 server, both nearly at full speed",
            "virtual machine",
            "full speed means that the real processor executes the guest's instructions itself.",
        ),
        "e": (
            "the specification of WebAssembly",
            "abstract machine",
            "a specification is a machine made of words; a browser contains one that runs.",
        ),
    },
    hints=(
        "Ask first: does it run anything at all?",
        "If it runs: is it there to be watched, or to be used?",
        "If it is used: who executes the guest's instructions, a program or the real processor?",
    ),
    wrong=[
        {"a": "simulator", "b": "simulator", "c": "emulator", "d": "virtual machine",
         "e": "abstract machine"},
        {"a": "abstract machine", "b": "simulator", "c": "virtual machine",
         "d": "virtual machine", "e": "abstract machine"},
        {"a": "abstract machine", "b": "simulator", "c": "emulator", "d": "emulator",
         "e": "virtual machine"},
        {"a": "abstract machine", "b": "simulator", "c": "emulator", "d": "vm",
         "e": "abstract machine"},
    ],
)  # fmt: skip

# %%
statement("01.1")

# %% tags=["stub"] task="01.1"
answer = {"a": ..., "b": ..., "c": ..., "d": ..., "e": ...}

check("01.1", answer)

# %% tags=["solution"] task="01.1"
answer = ["abstract machine", "simulator", "emulator", "virtual machine", "abstract machine"]

check("01.1", answer)

# %% [markdown]
# ### 01.2 Which kind of virtualization?

# %% tags=["task"]
sort_into(
    "01.2",
    title="Which kind of virtualization?",
    ask="Which kind is it?",
    bins=("hardware", "operating system", "application"),
    items={
        "a": (
            "a server runs Linux, FreeBSD and Windows at the same time",
            "hardware",
            "three kernels need three computers, so each must find a computer's interface.",
        ),
        "b": (
            "a process sees itself as number 1, and asks the host's kernel",
            "operating system",
            "it is the host's kernel that shows it other numbers; there is no second kernel.",
        ),
        "c": (
            "one compiled Java program runs on a phone and on a mainframe",
            "application",
            "the program was compiled for a machine that neither of the two is.",
        ),
        "d": (
            "a guest's kernel panics; the other guests' kernels do not notice",
            "hardware",
            "there are several kernels, one for each guest.",
        ),
        "e": (
            "a fault in the one kernel brings all tenants down",
            "operating system",
            "the tenants share one kernel: that is the limit of this kind.",
        ),
        "f": (
            "a web page brings code for a machine with a stack",
            "application",
            "no processor has that machine's instructions; the browser makes it.",
        ),
    },
    hints=(
        "Ask what the guest finds below itself: a computer, a kernel, or something never built.",
        "Count the kernels: one for each guest, or one for all?",
        "If the code is for a machine that exists nowhere as a processor, it is the third kind.",
    ),
    wrong=[
        ["hardware", "hardware", "application", "hardware", "operating system", "application"],
        ["operating system", "operating system", "application", "hardware", "operating system",
         "application"],
        ["hardware", "operating system", "hardware", "hardware", "hardware", "application"],
        ["hardware"] * 5,
    ],
)  # fmt: skip

# %%
statement("01.2")

# %% tags=["stub"] task="01.2"
answer = {"a": ..., "b": ..., "c": ..., "d": ..., "e": ..., "f": ...}

check("01.2", answer)

# %% tags=["solution"] task="01.2"
computer, kernel, machine = "hardware", "operating system", "application"
answer = [computer, kernel, machine, computer, kernel, machine]

check("01.2", answer)

# %% [markdown]
# ### 01.3 Build an abstract machine, with a brake
#
# The stack machine of the lesson could not loop. This one can, so it needs somebody who stops it.


# %% tags=["task"]
Code = list[tuple[Any, ...]]


def abstract_machine(code: Code, budget: int, *, slip: str = "") -> list[int]:
    registers, at, written = {"a": 0, "b": 0, "c": 0}, 0, list[int]()
    while 0 <= at < len(code) and budget > 0:
        budget -= 1
        what, register, *operand = code[at]
        at += 1
        if what == "set":
            registers[register] = operand[0]
        elif what == "add":
            registers[register] += registers[operand[0]]
        elif what == "out":
            written.append(registers[register])
        elif registers[register] or slip == "jump-always":
            at = operand[0] + {"jump-and-step": 1, "jump-relative": at - 1}.get(slip, 0)
    return written


SLIPS = {
    "jump-always": "You jump even where the register is 0.",
    "jump-and-step": "You go one instruction on after the jump; the target itself comes next.",
    "jump-relative": "The target is the number of an instruction, not a distance.",
    "budget-too-small": "You stop one instruction too early.",
    "budget-too-large": "You execute one instruction more than the budget has.",
}


def with_slip(code: Code, budget: int, slip: str) -> list[int]:
    more = {"budget-too-small": -1, "budget-too-large": 1}.get(slip, 0)
    return abstract_machine(code, budget + more, slip=slip)


def some_code(rng: Random, size: int) -> tuple[Code, int]:
    """Of some programs the one on which most slips can be told apart."""

    def one(of: Sequence[Any]) -> Any:
        return of[int(rng.random() * len(of))]

    def program() -> tuple[Code, int]:
        code: Code = []
        for _ in range(size + 3):
            what, register = one(("set", "add", "out", "out", "jump")), one("abc")
            operand = {"set": one(range(4)), "add": one("abc"), "jump": one(range(size + 3))}
            code.append((what, register, *([operand[what]] if what in operand else [])))
        return code, one(range(3, 30))

    def told_apart(case: tuple[Code, int]) -> int:
        code, budget = case
        return len({str(with_slip(code, budget, slip)) for slip in ("", *SLIPS)})

    return max((program() for _ in range(40)), key=told_apart)


def slipped(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    code, budget = args
    return next(
        ((slip, said) for slip, said in SLIPS.items() if result == with_slip(code, budget, slip)),
        None,
    )


kinds.function(
    "01.3",
    title="Build an abstract machine, with a brake",
    ask="The machine has the registers a, b and c, which begin at 0, and four instructions:\n\n"
    '  ("set", "a", 7)    put 7 into a\n'
    '  ("add", "a", "b")  add b to a\n'
    '  ("out", "a")       write a\n'
    '  ("jump", "a", 3)   go on at code[3] if a is not 0\n\n'
    "It begins at code[0] and ends behind the last instruction. Write run(code, budget): execute "
    "the list code, but at most budget instructions, and return the list of what was written.",
    cases=some_code,
    oracle=abstract_machine,
    names=slipped,
    wrong=[
        (lambda code, budget: abstract_machine(code, 10**9), "endless"),
        (lambda code, budget: with_slip(code, budget, "jump-always"), "jump-always"),
        (lambda code, budget: with_slip(code, budget, "jump-and-step"), "jump-and-step"),
        (lambda code, budget: with_slip(code, budget, "jump-relative"), "jump-relative"),
        (lambda code, budget: with_slip(code, budget, "budget-too-small"), "budget-too-small"),
        (lambda code, budget: with_slip(code, budget, "budget-too-large"), "budget-too-large"),
        lambda code, budget: [],
    ],
    hints=(
        "Keep three things: the registers, the number of the next instruction, and what is left of "
        "the budget.",
        "Move the number on by one before you look at the instruction; a jump then replaces it.",
        "while at < len(code) and budget > 0: take code[at] apart with what, register, *operand.",
    ),
)

# %%
statement("01.3")


# %% tags=["stub"] task="01.3"
def run(code, budget): ...


check("01.3", run)


# %% tags=["solution"] task="01.3"
def run(code, budget):
    registers, at, written = dict.fromkeys("abc", 0), 0, []
    while at < len(code) and budget > 0:
        what, register, *operand = code[at]
        at, budget = at + 1, budget - 1
        match what:
            case "set":
                registers[register] = operand[0]
            case "add":
                registers[register] += registers[operand[0]]
            case "out":
                written.append(registers[register])
            case "jump" if registers[register] != 0:
                at = operand[0]
    return written


check("01.3", run)

# %% [markdown]
# ## Part 2: control and traps
#
# ### 01.4 Take the machine from a kernel
#
# The kernel below lets your lines run, and its timer shall end them. You are at its own level. Show
# that it cannot keep the machine; then read in the answer who can.


# %% tags=["task"]
DEVICES = "\n".join((
    ".equ CONSOLE, 0x10000000", ".equ TIMER, 0x11000000", ".equ POWER, 0x11100000",
    ".equ OFF, 0x5555", "",
))  # fmt: skip
KERNEL = (
    "        la   t0, handler",
    "        csrw mtvec, t0          # traps go on there",
    "        li   t0, TIMER + 16384",
    "        li   t1, 50",
    "        sw   t1, 0(t0)          # the timer interrupts at tick 50,",
    "        sw   zero, 4(t0)        # which is after 500 instructions",
    "        li   t0, 128",
    "        csrw mie, t0            # the timer's interrupt is on,",
    "        csrsi mstatus, 8        # and interrupts altogether",
    "        j    yours",
    "        .balign 4",
    "handler:",
    "        li   t0, POWER",
    "        li   t1, OFF",
    "        sw   t1, 0(t0)          # the plug is pulled",
    "yours:",
)
TIMER_INTERRUPT, LONG_ENOUGH = 1 << 31 | 7, 20_000


def made(source: object, engine: type[Hart] = Hart) -> VirtualMachine:
    """A machine with somebody's program, switched on; ``Misread`` where it cannot be assembled."""
    if not isinstance(source, str):
        raise Misread(
            f"that is of type {type(source).__name__}; give a program as text, in quotes."
        )
    try:
        code = assemble(DEVICES + source[:4000]).code
    except AssemblyError as error:
        # The line's number counts lines that the learner has not written: the line itself helps.
        sentence, line = (*str(error).split("\n"), "")[:2]
        why = sentence.partition(": ")[2].rstrip(".?")
        raise Misread(f"in the line {line.strip()[:40]!r}: {why}.") from None
    machine = VirtualMachine(code, memory=1 << 16, engine=engine)
    machine.start()
    return machine


def keeps_the_machine(answer: object) -> Judged:
    if not isinstance(answer, str):
        raise Misread(f"that is of type {type(answer).__name__}; give your lines as text.")
    machine = made("\n".join((*KERNEL, answer)))
    ended, hart = machine.run(LONG_ENOUGH), machine.board.hart
    exception = next((cause for cause in hart.traps if cause != TIMER_INTERRUPT), None)
    if ended == "off" and exception is not None:
        return False, (
            f"your lines caused an exception ({CAUSES[exception]}), and the handler pulled the "
            "plug; behind your last line there is no instruction."
        ), "exception"  # fmt: skip
    if ended == "off" and TIMER_INTERRUPT in hart.traps:
        return False, (
            f"after {hart.retired} instructions the timer interrupted, and its handler pulled the "
            "plug; a loop alone does not keep a machine."
        ), "interrupts-on"  # fmt: skip
    if ended == "off":
        return False, "your own lines pulled the plug; the machine must stay on."
    if ended == "waiting":
        return False, "your lines sleep: who sleeps has given the processor away."
    guest = made("\n".join((*KERNEL, answer)), TECHNIQUES["trap and emulate"])
    guest.run(LONG_ENOUGH)
    return True, (
        f"the kernel has lost it: {hart.retired:,} instructions, and the timer never came in. In a "
        f"virtual machine your lines do the same to the same kernel, and yet run() came back after "
        f"{LONG_ENOUGH:,}: what you switched off was the virtual processor's."
    )


kinds.judge(
    "01.4",
    title="Take the machine from a kernel",
    ask="Give lines, as text, to stand behind yours: so that the machine is still on after "
    "20,000 instructions, and not asleep.\n\n" + "\n".join(KERNEL),
    judge=keeps_the_machine,
    right=[
        "csrci mstatus, 8\nloop: j loop",
        "csrw mie, zero\nloop: j loop",
        "la t0, loop\n csrw mtvec, t0\n .balign 4\nloop: j loop",
        "li t0, TIMER + 16384\n li t1, -1\n sw t1, 4(t0)\nloop: j loop",
    ],
    wrong=[
        ("loop: j loop", "interrupts-on"),
        ("csrci mstatus, 8", "exception"),
        ("csrci mstatus, 8\n .word 0", "exception"),
        ("li t0, POWER\n li t1, OFF\n sw t1, 0(t0)", None),
        ("csrw mie, zero\n wfi", None),
        ("csrci status, 8", None),
        (8, None),
    ],
    hints=(
        "Two lines are enough. The second is a jump to itself.",
        "Whoever is at the highest level can undo each line of the kernel.",
        "The kernel has switched something on with csrsi; there is csrci as well.",
    ),
    form="lines of assembly as text",
)

# %%
statement("01.4")

# %% tags=["stub"] task="01.4"
answer = ...

check("01.4", answer)

# %% tags=["solution"] task="01.4"
answer = """
        csrci mstatus, 8        # interrupts off
loop:   j    loop
"""

check("01.4", answer)

# %% [markdown]
# ### 01.5 Count the traps
#
# By hand first. `CpuStepper` can check you afterwards: the lesson has the lines that set up a
# handler and go down to user level.


# %% tags=["task"]
LINES = {
    "harmless": ("addi a0, a0, 1", "mul  a1, a0, a0", "lw   a2, 0(sp)", "sw   a0, 4(sp)", "fence"),
    "division": ("div  a3, a0, zero", "remu a4, a0, zero"),
    "call": ("ecall", "ebreak"),
    "privileged": ("csrr a5, mstatus", "csrw mscratch, a0", "mret", "wfi", "csrr a6, mepc"),
    "fault": ("lw   a7, 0(zero)", "sw   a0, 0(zero)"),
}
FIRST_LINES = (
    ("harmless", "addi a0, a0, 1"), ("privileged", "csrr a5, mstatus"), ("call", "ecall"),
    ("division", "div  a3, a0, zero"), ("harmless", "lw   a2, 0(sp)"),
    ("fault", "lw   a7, 0(zero)"), ("privileged", "csrw mscratch, a0"), ("call", "ebreak"),
    ("privileged", "mret"),
)  # fmt: skip
SETUP = "\n".join((
    "la t0, handler", "csrw mtvec, t0", "li t0, -1", "csrw pmpaddr0, t0", "li t0, 0x1f",
    "csrw pmpcfg0, t0", "la t0, user", "csrw mepc, t0", "la sp, stack", "mret", ".balign 4",
    "handler: csrr s0, mepc", "addi s0, s0, 4", "csrw mepc, s0", "mret", "user:", "",
))  # fmt: skip
THE_END = "\nstay: j stay\n.data\nstack: .space 16"


@lru_cache
def user_lines(seed: int | None) -> tuple[tuple[str, str], ...]:
    """(kind, line) of eight lines or so: at least one of each kind."""
    if seed is None:
        return FIRST_LINES
    rng = Random(f"01.5/{seed}")
    chosen = []
    for kind, lines in LINES.items():
        most = {"harmless": 3, "privileged": 3}.get(kind, 2)
        count = most - int(rng.random() * 2)
        mixed = sorted(lines, key=lambda line: rng.random())
        chosen += [(kind, line) for line in mixed[:count]]
    return tuple(sorted(chosen, key=lambda line: rng.random()))


@lru_cache
def traps_of(seed: int | None) -> int:
    program = SETUP + "\n".join(line for _, line in user_lines(seed)) + THE_END
    machine = made(program)
    machine.run(200)
    return sum(machine.board.hart.traps.values())


def of_kinds(*wanted: str) -> Callable[[int | None], int]:
    return lambda seed: sum(kind in wanted for kind, _ in user_lines(seed))


def ask_traps(seed: int | None) -> str:
    lines = "\n".join(f"        {line}" for _, line in user_lines(seed))
    return (
        "These lines run at user level, which may use all of the memory; sp points to a free "
        "place in it. At address 0 there is nothing. The handler skips the instruction "
        f"that trapped. How many traps are there?\n\n{lines}"
    )


kinds.quantity(
    "01.5",
    title="Count the traps",
    ask=ask_traps,
    expected=traps_of,
    models=[
        (
            "division-traps",
            of_kinds("call", "privileged", "fault", "division"),
            "that counts the division by zero; RISC-V gives it a result and does not trap.",
        ),
        (
            "calls-forgotten",
            of_kinds("privileged", "fault"),
            "that leaves out ecall and ebreak, which are made to trap, at every level.",
        ),
        (
            "faults-forgotten",
            of_kinds("call", "privileged"),
            "that leaves out what reaches for memory that is not there; address 0 is not memory.",
        ),
        (
            "privileged-only",
            of_kinds("privileged"),
            "that counts the privileged instructions only; others trap as well.",
        ),
    ],
    wrong=[(0, None), (100, None)],
    seeded=True,
    hints=(
        "Go through the lines one by one: does it use the machine's registers? Does it ask for a "
        "handler? Does it reach for memory that is not there?",
        "The machine's registers begin with m; mret and wfi belong to the machine as well.",
        "Arithmetic never traps here. Memory traps only where there is none. Count all the rest.",
    ),
)

# %%
statement("01.5")

# %% tags=["stub"] task="01.5"
answer = ...

check("01.5", answer)

# %% [markdown] tags=["solution"]
# `csrr`, `csrw` and `mret` need more than user level; `ecall` and `ebreak` always trap; at address 0
# there is no memory. Arithmetic does not trap, not even a division by zero.

# %% tags=["solution"] task="01.5"
answer = 3 + 2 + 1

check("01.5", answer)

# %% [markdown]
# ### 01.6 Which instructions are sensitive?

# %% tags=["task"]
kinds.toy_set(
    "01.6",
    title="Which instructions are sensitive?",
    ask="A toy processor has two levels, kernel and user. Which of its instructions are "
    "sensitive? Give a list of names.",
    which="sensitive",
    hints=(
        "Cover the right column. Whether it traps does not decide whether it is sensitive.",
        "State of the machine is what is not the program's own: level, interrupts, timer, the "
        "place of its memory, whether the processor runs at all.",
        "Take those that change such state, and those that put it into a register.",
    ),
)

# %%
statement("01.6")

# %% tags=["stub"] task="01.6"
answer = [...]

check("01.6", answer)

# %% tags=["solution"] task="01.6"
answer = ["INTR", "FLAGS", "HALT", "GETB"]

check("01.6", answer)

# %% [markdown]
# ### 01.7 What the VMM would not notice

# %% tags=["task"]
kinds.toy_set(
    "01.7",
    title="What the VMM would not notice",
    ask="Which instructions of this toy processor would have to trap at user level, and do not, so "
    "that it could be virtualized by trapping? Give a list of names, [] if it can be as it is.",
    which="critical",
    hints=(
        "First write down the sensitive ones, as in 01.6.",
        "Of these, cross out those that trap at user level: the VMM gets to see them.",
        "An instruction that shows something is harmless only if it traps, too.",
    ),
)

# %%
statement("01.7")

# %% tags=["stub"] task="01.7"
answer = [...]

check("01.7", answer)

# %% [markdown] tags=["solution"]
# MODE and TIMER are sensitive as well, but they trap. TEST traps without need, and breaks nothing.

# %% tags=["solution"] task="01.7"
answer = ["MOVB", "FLAGS"]

check("01.7", answer)

# %% [markdown]
# ### 01.8 What the theorem says

# %% tags=["task"]
kinds.choice(
    "01.8",
    title="What the theorem says",
    ask="A processor has one sensitive instruction that does not trap at user level. What follows?",
    options={
        "a": "No hypervisor can ever be built for it.",
        "b": "Trap and emulate alone cannot give every guest what it expects.",
        "c": "Guests run on it, but slower than on others.",
        "d": "Nothing, as long as most instructions run directly.",
    },
    right="b",
    why={
        "a": "the theorem says what is enough, not what is needed: binary translation, "
        "paravirtualization and a new mode of the processor made hypervisors for the x86.",
        "b": "a guest that uses the instruction would behave in another way; something must be "
        "done about it besides trapping.",
        "c": "the fault is not one of speed: the instruction does something else than on a machine "
        "of its own, quickly and quietly.",
        "d": "that would keep efficiency, but one silent instruction is enough to lose "
        "equivalence.",
    },
    names={"a": "theorem-reversed", "c": "fault-for-cost", "d": "efficiency-for-equivalence"},
    hints=(
        "Which of the three properties is in danger?",
        "The theorem begins with: a virtual machine monitor can be built if ...",
        "Four of the five techniques of the lesson survived the silent processor.",
    ),
)

# %%
statement("01.8")

# %% tags=["stub"] task="01.8"
answer = ...

check("01.8", answer)

# %% tags=["solution"] task="01.8"
answer = "b"

check("01.8", answer)

# %% [markdown]
# ## Part 3: equivalence and efficiency
#
# ### 01.9 A program with two faces
#
# Now you need a program that behaves in two ways: as it should on a machine of its own, and
# differently in a virtual one, because the processor keeps silent.


# %% tags=["task"]
def behaves(source: object, technique: str = "", silent: str = "") -> tuple[str, str]:
    """How a run ends and what is on the console then."""
    engine = TECHNIQUES[technique] if technique else Hart
    numbers = frozenset({CSRS[silent]} if silent else ())
    machine = made(source, type(engine.__name__, (engine,), {"silent": numbers}))
    return machine.run(LONG_ENOUGH), machine.console


def two_faces(answer: object) -> Judged:
    ended, console = behaves(answer)
    if ended != "off":
        return False, (
            "on a machine of its own your program does not switch it off within "
            f"{LONG_ENOUGH:,} instructions; end it with the power switch."
        ), "does-not-end"  # fmt: skip
    if not console:
        return False, "your program writes nothing; let it write what it has found out."
    trapped = "trap and emulate"
    if behaves(answer, trapped) != (ended, console):
        return False, (
            "your program differs even where everything sensitive traps, so it shows "
            "something else than the silence of mscratch."
        )  # fmt: skip
    ended, other = behaves(answer, trapped, "mscratch")
    if (ended, other) == ("off", console):
        used = "mscratch" in str(answer)
        why = "What it reads must be what it has written" if used else "It never uses mscratch"
        return False, (
            f"{console[:20]!r} is written in both cases. {why}: only mscratch keeps silent here."
        ), "same-face" if used else "nothing-silent"  # fmt: skip
    told = repr(other[:20]) if other else "nothing"
    return True, (
        f"alone it writes {console[:20]!r}, in the virtual machine {told}: the write was dropped, "
        "and nobody was told."
    )


SWITCH_OFF = "\nli t3, POWER\nli t4, OFF\nsw t4, 0(t3)\n"

kinds.judge(
    "01.9",
    title="A program with two faces",
    ask="On this processor user level can read the register mscratch, and a write to it is "
    "dropped without a trap; all else is as it should be. Write a program for a bare machine that "
    "writes something to the console, switches the machine off, and writes something else (or "
    "nothing) when it is run there under trap and emulate. CONSOLE, POWER and OFF are defined.",
    judge=two_faces,
    right=[
        "li t0, 'y'\ncsrw mscratch, t0\ncsrr t1, mscratch\nli t2, CONSOLE\nsb t1, 0(t2)"
        + SWITCH_OFF,
        "li t2, CONSOLE\nli t0, 'a'\ncsrrw t1, mscratch, t0\ncsrrw t1, mscratch, zero\n"
        "sb t1, 0(t2)" + SWITCH_OFF,
        "li t2, CONSOLE\nli t0, 1\ncsrw mscratch, t0\ncsrr t0, mscratch\nbnez t0, good\n"
        "hang: j hang\ngood: li t1, 'y'\nsb t1, 0(t2)" + SWITCH_OFF,
    ],
    wrong=[
        ("li t0, 'y'\nli t2, CONSOLE\nsb t0, 0(t2)" + SWITCH_OFF, "nothing-silent"),
        ("csrsi mstatus, 8\ncsrr t0, mstatus\nli t2, CONSOLE\nsb t0, 0(t2)" + SWITCH_OFF,
         "nothing-silent"),
        ("csrr t0, mscratch\naddi t0, t0, 65\nli t2, CONSOLE\nsb t0, 0(t2)" + SWITCH_OFF,
         "same-face"),
        ("loop: j loop", "does-not-end"),
        ("csrw mscratch, t0" + SWITCH_OFF, None),
        ("csrw scratch, t0", None),
    ],
    hints=(
        "Under trap and emulate your program runs at user level, whatever it believes.",
        "Write something into mscratch that is not there by itself, and read it back.",
        "csrw mscratch, t0 writes, csrr t1, mscratch reads. Store t1 to the console, then use the "
        "power switch as in the lesson.",
    ),
    form="a program as text",
)  # fmt: skip

# %%
statement("01.9")

# %% tags=["stub"] task="01.9"
answer = ...

check("01.9", answer)

# %% [markdown] tags=["solution"]
# Alone the register gives back what was written. In the virtual machine the write is dropped, and
# what is read is the *real* processor's register, which is 0.

# %% tags=["solution"] task="01.9"
answer = """
        li   t0, 'k'
        csrw mscratch, t0
        csrr t1, mscratch
        li   t2, CONSOLE
        sb   t1, 0(t2)
        li   t4, OFF
        li   t3, POWER
        sw   t4, 0(t3)
"""

check("01.9", answer)

# %% [markdown]
# ### 01.10 The price of an exit


# %% tags=["task"]
MILLION = 1_000_000


def prices(seed: int | None) -> tuple[int, int]:
    """Exits in a million instructions, and cycles for each."""
    if seed is None:
        return 20_000, 450
    rng = Random(f"01.10/{seed}")
    return 1000 * (1 + int(rng.random() * 40)), 50 * (2 + int(rng.random() * 40))


def slowdown(seed: int | None) -> Fraction:
    exits, cycles = prices(seed)
    return Fraction(MILLION - exits + exits * cycles, MILLION)


kinds.quantity(
    "01.10",
    title="The price of an exit",
    ask=lambda seed: (
        f"Of 1,000,000 instructions of a guest, {prices(seed)[0]:,} make the VMM come in. Each of "
        f"these costs {prices(seed)[1]:,} cycles, with all that the VMM does for it. The others "
        "run directly, in 1 cycle each. On a machine of its own, every instruction takes 1 cycle. "
        "How many times slower is the guest in the virtual machine?"
    ),
    expected=slowdown,
    models=[
        (
            "counted-twice",
            lambda seed: 1 + Fraction(prices(seed)[0] * prices(seed)[1], MILLION),
            "that pays for the instructions that exit a second time, as if they ran directly too.",
        ),
        (
            "exits-only",
            lambda seed: Fraction(prices(seed)[0] * prices(seed)[1], MILLION),
            "that is the part of the exits alone; the others take their time as well.",
        ),
        (
            "share-for-slowdown",
            lambda seed: Fraction(MILLION, MILLION - prices(seed)[0]),
            "that would be so if an exit cost as much as one instruction.",
        ),
    ],
    wrong=[(1, None), (450, None)],
    seeded=True,
    hints=(
        "Write down two bills in cycles: one for the machine of its own, one for the virtual one.",
        "The second bill has two parts: those that run directly, and those that exit.",
        "(direct * 1 + exits * price) / all",
    ),
)

# %%
statement("01.10")

# %% tags=["stub"] task="01.10"
answer = ...

check("01.10", answer)

# %% tags=["solution"] task="01.10"
direct, exits, price = 980_000, 20_000, 450
answer = (direct * 1 + exits * price) / (direct + exits)

check("01.10", answer)

# %% [markdown]
# ### 01.11 How many exits?
#
# Now the other way round: this program is a guest's *kernel*, at machine level as it believes.


# %% tags=["task"]
BODY = {
    "csr": ("csrr t0, mepc", "csrw mepc, t0", "csrr t1, mcause", "csrw mtval, t1"),
    "device": ("sb   s1, 0(s2)", "lbu  t2, 5(s2)"),
    "free": ("addi t0, t0, 1", "mul  t3, t0, t1", "lw   t4, 0(sp)", "sw   t0, 4(sp)"),
}
FIRST_LOOP = (
    ("csr", "csrr t0, mepc"), ("free", "addi t0, t0, 1"), ("csr", "csrw mepc, t0"),
    ("free", "sw   t0, 4(sp)"), ("device", "sb   s1, 0(s2)"),
)  # fmt: skip
START = ("li   s1, '*'", "li   s2, CONSOLE", "la   sp, room")
STOP = ("li   t5, POWER", "li   t6, OFF", "sw   t6, 0(t5)")


@lru_cache
def loop_of(seed: int | None) -> tuple[int, tuple[tuple[str, str], ...]]:
    """How many rounds, and (kind, line) of each line of the loop."""
    if seed is None:
        return 7, FIRST_LOOP
    rng = Random(f"01.11/{seed}")
    chosen = []
    for kind, lines in BODY.items():
        for line in sorted(lines, key=lambda line: rng.random())[: 1 + (rng.random() < 0.6)]:
            chosen.append((kind, line))
    return 3 + int(rng.random() * 18), tuple(sorted(chosen, key=lambda line: rng.random()))


def rows_of(seed: int | None) -> list[str]:
    rounds, body = loop_of(seed)
    rows = [*START, f"li   s0, {rounds}", *(line for _, line in body)]
    rows += ["addi s0, s0, -1", "bnez s0, again", *STOP]
    labels = {len(START) + 1: "again:"}
    return [f"{labels.get(at, ''):8}{row}" for at, row in enumerate(rows)]


@lru_cache
def exits_of(seed: int | None) -> int:
    source = "\n".join([*rows_of(seed), ".data", ".balign 4", "room: .space 16"])
    machine = made(source, TECHNIQUES["trap and emulate"])
    machine.run(LONG_ENOUGH)
    exits: Mapping[str, int] = getattr(machine.board.hart, "exits")  # noqa: B009
    return sum(count for reason, count in exits.items() if reason != "hidden page fault")


def in_rounds(*wanted: str, last: int = 1) -> Callable[[int | None], int]:
    def count(seed: int | None) -> int:
        rounds, body = loop_of(seed)
        return rounds * sum(kind in wanted for kind, _ in body) + last

    return count


kinds.quantity(
    "01.11",
    title="How many exits?",
    ask=lambda seed: (
        "How many exits does this guest have under trap and emulate, until it is off? (Leave out "
        "the page faults with which the VMM fills its own tables. room is a free place in memory; "
        "CONSOLE and POWER are devices.)\n\n" + "\n".join(rows_of(seed))
    ),
    expected=exits_of,
    models=[
        (
            "devices-forgotten",
            in_rounds("csr", last=0),
            "that leaves out the devices; a load or store that reaches one traps too, because the "
            "guest must not touch the real one.",
        ),
        (
            "power-forgotten",
            in_rounds("csr", "device", last=0),
            "that is the loop alone; the power switch is a device, too.",
        ),
        (
            "devices-only",
            in_rounds("device"),
            "that leaves out the registers of the machine: the guest runs at user level, where "
            "they trap.",
        ),
        (
            "one-round",
            lambda seed: sum(kind != "free" for kind, _ in loop_of(seed)[1]) + 1,
            "that is one round of the loop; it goes round more often.",
        ),
        (
            "all-memory",
            lambda seed: (
                in_rounds("csr", "device")(seed)
                + loop_of(seed)[0] * sum("(sp)" in line for _, line in loop_of(seed)[1])
            ),
            "that counts the guest's own memory too, which it reaches without the VMM.",
        ),
    ],
    wrong=[(0, None), (10_000, None)],
    seeded=True,
    hints=(
        "Mark the lines of the loop that a processor at user level refuses, or that reach a "
        "device.",
        "Arithmetic, branches and the guest's own memory run directly.",
        "Rounds of the loop times marked lines in it, and then look at what follows the loop.",
    ),
)

# %%
statement("01.11")

# %% tags=["stub"] task="01.11"
answer = ...

check("01.11", answer)

# %% [markdown] tags=["solution"]
# In each round two registers of the machine and the console. `sw t0, 4(sp)` reaches the guest's own
# memory, which needs nobody. The last exit is the power switch.

# %% tags=["solution"] task="01.11"
rounds, registers, devices = 7, 2, 1
answer = rounds * (registers + devices) + 1

check("01.11", answer)

# %% [markdown]
# ### 01.12 Which promise is broken?

# %% tags=["task"]
sort_into(
    "01.12",
    title="Which promise is broken?",
    ask="Which of the three properties is broken? Or none?",
    bins=("equivalence", "resource control", "efficiency", "none"),
    items={
        "a": (
            "a guest's program finds that its clock has lost a second",
            "none",
            "timing is what equivalence allows to differ.",
        ),
        "b": (
            "the network card writes wherever the guest tells it, without a check",
            "resource control",
            "through the card the guest reaches memory that it was not given.",
        ),
        "c": (
            "the VMM executes each and every instruction of the guest in software",
            "efficiency",
            "the result is right and the VMM in control, but no instruction runs directly.",
        ),
        "d": (
            "a kernel reads its level, and finds the level it really runs at",
            "equivalence",
            "on a machine of its own it would have found the highest level; nothing is stolen, but "
            "it behaves in another way.",
        ),
        "e": (
            "a guest is given half of the memory that the host has",
            "none",
            "it behaves as on a machine with so little memory; resources may be short.",
        ),
        "f": (
            "with interrupts off, a guest keeps the processor for ever",
            "resource control",
            "the VMM must be able to take the processor back at any time.",
        ),
    },
    hints=(
        "Would the guest have had another result on a machine of its own? Timing does not count.",
        "Does the guest get something that it was not given, or keep what it should give back?",
        "If the result is right and the VMM is in control, ask who executes the instructions.",
    ),
    wrong=[
        ["equivalence", "resource control", "efficiency", "equivalence", "none",
         "resource control"],
        ["none", "resource control", "none", "equivalence", "none", "resource control"],
        ["none", "equivalence", "efficiency", "equivalence", "none", "resource control"],
        ["none", "resource control", "efficiency", "resource control", "none", "efficiency"],
    ],
)  # fmt: skip

# %%
statement("01.12")

# %% tags=["stub"] task="01.12"
answer = {"a": ..., "b": ..., "c": ..., "d": ..., "e": ..., "f": ...}

check("01.12", answer)

# %% tags=["solution"] task="01.12"
answer = ["none", "resource control", "efficiency", "equivalence", "none", "resource control"]

check("01.12", answer)

# %% [markdown]
# ---
#
# All green? Take variants of 01.5, 01.6, 01.7, 01.10 and 01.11 until you need no paper. Then compare
# with the [solutions](../solutions/01_virtualization.ipynb), or read the
# [lesson](../notebooks/01_virtualization.ipynb) again where it hurt.
