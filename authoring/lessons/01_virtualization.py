# %% [markdown]
# # 01 What virtualization is
#
# A program that takes itself for alone on a computer, and is not. Who deceives it, how well, and
# at what price?
#
# **After this lesson you can**
#
# - tell hardware, operating-system and application virtualization apart, with an example and the
#   limit of each;
# - say what an abstract machine, a simulator, an emulator and a virtual machine are;
# - name the three properties of a virtual machine monitor and test them: equivalence, resource
#   control, efficiency;
# - sort instructions into privileged and sensitive ones, and decide whether a processor can be
#   virtualized by trapping;
# - explain why the x86 could not, for a long time, and which ways out there are;
# - say what isolation means, what it does not, and what it costs.
#
# **Time** about 55 minutes. **Before** [00 Start here](00_start_here.ipynb). **After** the
# [exercises of chapter 01](../exercises/01_virtualization.ipynb).
#
# Predict first, then run: write your guess in place of the three dots. Clear the outputs before
# you begin (*Edit > Clear Outputs of All Cells*). You need not know RISC-V assembly: each line
# that matters is explained where it stands.

# %%
from collections import Counter

from vcloud_lab.check import predict, reveal
from vcloud_lab.glossary import terms
from vcloud_lab.render import table
from vcloud_lab.vm import (
    LEVELS,
    TECHNIQUES,
    Costs,
    VirtualCPU,
    VirtualHardware,
    VirtualMemory,
    assemble,
    classify,
    outcome,
    under,
    virtualizable,
)
from vcloud_lab.vm.vmm import VMM_MEMORY
from vcloud_lab.widgets import CpuStepper, TrapTrip

# %% [markdown]
# ## 1. Machines made of words, and of programs
#
# **Idea.** *Virtualization* is usually described as hiding physical resources behind an
# abstraction, so that they can be shared and isolated. That is true, and too wide: every operating
# system does it. The narrow meaning is the useful one: something below offers programs above the
# **same interface** that they would have found without it. A file is an abstraction of a disk; a
# *virtual disk* looks like a disk.
#
# Who offers is the *host*, who is deceived is the *guest*. Four words are often mixed up:
#
# | word | what it is | for example |
# |---|---|---|
# | abstract machine | a machine that exists as a definition only: its registers, its memory, what each instruction does | the RISC-V manual; the Java virtual machine's book |
# | simulator | a program that works out what a machine would do, so that people can look at it | the stepper below |
# | emulator | a program that stands in for a machine, so that its software runs; it executes every instruction itself | a game console on a PC |
# | virtual machine | a duplicate of the machine that is there; the real processor executes most of its instructions | Linux beside Linux on one server |
#
# Our abstract machine is RISC-V, with 32 registers. `VirtualHardware` is a computer for it:
# processor, memory, a console and a power switch, which a program reaches by storing to certain
# addresses.
#
# **Predict.** The program below writes stars and switches the computer off. How many instructions
# does the processor execute? (`addi a0, a0, -1` subtracts 1, `bnez a0, again` jumps back unless
# a0 is 0. `li t1, OFF` is made of two instructions, every other line of one.)

# %%
predict("01.instructions", ...)

# %%
DEVICES = """
        .equ CONSOLE, 0x10000000
        .equ POWER, 0x11100000
        .equ OFF, 0x5555
"""
stars = f"""{DEVICES}
        li   a0, 3
        li   t0, CONSOLE
        li   t1, '*'
again:  sb   t1, 0(t0)          # a store there is a character on the console
        addi a0, a0, -1
        bnez a0, again
        li   t0, POWER
        li   t1, OFF
        sw   t1, 0(t0)          # and this one pulls the plug
"""


def switched_on(source):
    computer = VirtualHardware(VirtualCPU(), VirtualMemory(1 << 16))
    computer.load(assemble(source))
    computer.start()
    return computer


computer = switched_on(stars)
print(computer.run(), computer.console.output.decode())

# %%
reveal("01.instructions", computer.hart.retired)

# %% [markdown]
# **Read the result.** Three before the loop, three rounds of three, four to switch it off:
# {{computer.hart.retired}}. Nobody built this computer. It is a Python program that does what
# the manual says, and the guest cannot tell.
#
# **Explore.** A simulator shows what a real processor hides. Press *Step* until the loop is left;
# then change the 3 in the program and press *Assemble*.

# %%
CpuStepper(stars)

# %% [markdown]
# **Check.** 01.1 in the [exercises](../exercises/01_virtualization.ipynb).

# %% [markdown]
# ## 2. Three kinds of virtualization
#
# **Idea.** The kinds differ in the interface that is offered again:
#
# | kind | what the guest finds | the guest is | examples | limits |
# |---|---|---|---|---|
# | **hardware** | a whole computer: processor, memory, devices | an operating system with its programs | VMware, Xen, KVM; our `VirtualMachine` | every guest brings a kernel of its own, and memory for it; it must be made for this processor, or be emulated |
# | **operating system** | a kernel's system calls, with names and limits of its own | a group of processes: a *container* | Docker, Podman | one kernel for all: no other operating system, and a fault of the kernel is everybody's |
# | **application** | an abstract machine that was never built | one program | Java, Python, WebAssembly | only programs made for that machine; its designers decide what they can ask for |
#
# *Hardware* virtualization you have just seen, and the rest of this lesson is about it. Of the
# *operating-system* kind here is the idea only: a container is not a machine. Its processes run on
# the host's kernel like any others, but the kernel shows them other names (process 1, the root
# folder, a host name, a network card of their own) and counts what they use. So a container has
# nothing to boot, and nothing to run another kernel with. Lessons 08 to 10 will build one, step
# by step.
#
# **Experiment.** An *application* virtual machine of our own: a stack and four instructions. A
# number is pushed; `+` and `*` take two values and push one; `print` takes one and writes that
# character.


# %%
def interpret(code):
    stack, written = [], ""
    for word in code.split():
        if word == "print":
            written += chr(stack.pop())
        elif word in ("+", "*"):
            a, b = stack.pop(), stack.pop()
            stack.append(a + b if word == "+" else a * b)
        else:
            stack.append(int(word))
    return written


bytecode = "8 9 * print 100 5 + print"
print(interpret(bytecode))

# %% [markdown]
# That was an interpreter in Python, and Python itself is such a machine: it runs bytecode of its
# own. The point of an abstract machine is that it can be made again elsewhere. Here is another one,
# for the same bytecode: it writes RISC-V instructions for each word.
#
# **Predict.** The bytecode has 8 words. How many RISC-V instructions will it take, including the
# 7 around it? (Count them in the cell below: a number takes 3.)

# %%
predict("01.translated", ...)

# %%
POP_TWO = "lw t0, 0(sp)\n lw t1, 4(sp)\n addi sp, sp, 4\n"
WORDS = {
    "+": POP_TWO + "add t0, t0, t1\n sw t0, 0(sp)",
    "*": POP_TWO + "mul t0, t0, t1\n sw t0, 0(sp)",
    "print": "lw t0, 0(sp)\n addi sp, sp, 4\n sb t0, 0(s0)",
}
PUSH = "addi sp, sp, -4\n li t0, {}\n sw t0, 0(sp)"
lines = [WORDS.get(word) or PUSH.format(word) for word in bytecode.split()]
begin, end = "la sp, stack\n li s0, CONSOLE", "li t0, POWER\n li t1, OFF\n sw t1, 0(t0)"
source = "\n".join([DEVICES, begin, *lines, end, ".data\n .space 64\nstack:"])
computer = switched_on(source)
print(computer.run(), computer.console.output.decode())

# %%
reveal("01.translated", computer.hart.retired)

# %% [markdown]
# **Read the result.** Four numbers, two operations and two prints come to
# {{4 * 3 + 2 * 5 + 2 * 3}} instructions; `la` is two, so there are 7 around them:
# {{computer.hart.retired}}. One program, two machines below it that have nothing in common, the
# same text. And there are three kinds of machine in that cell: bytecode, run by a computer that
# does not exist, run by Python.
#
# But nobody can run Linux on our stack machine: what is not in the abstract machine (files,
# interrupts, levels) cannot be had. That is the limit of application virtualization, and its
# safety.

# %% [markdown]
# **Check.** 01.2 and 01.3 in the [exercises](../exercises/01_virtualization.ipynb).

# %% [markdown]
# ## 3. Equivalence: the guest cannot tell
#
# **Idea.** In 1974 Popek and Goldberg said what a *virtual machine monitor* (VMM, later called a
# *hypervisor*) is: software that makes an efficient, isolated duplicate of the real machine. They
# asked for three properties. The first is **equivalence**: a program behaves as it would on the
# machine itself, but for timing and for resources that are short.
#
# Our guest is a small kernel with four processes, a timer, page tables and system calls. Lesson 03
# explains the five *techniques* that it can be run with; here they are five black boxes:

# %%
machines, runs = {}, {}
for technique in TECHNIQUES:
    machine = under(technique, "kernel")
    machine.start()
    ended = machine.run()
    machines[technique], runs[technique] = machine, outcome(machine, ended)
console = runs["full emulation"].console
for line in console.splitlines():
    print(line.partition(" at ")[0])

# %% [markdown]
# Process 3 has stored to an address where nothing is, and its kernel has ended it. **Predict.**
# Five runs: how many *different* consoles are there?

# %%
predict("01.consoles", ...)

# %%
reveal("01.consoles", len({run.console for run in runs.values()}))

# %%
TIMER_INTERRUPT = 1 << 31 | 7
table(
    [
        {
            "technique": name,
            "same console": "yes" if runs[name].console == console else "no",
            "instructions of the guest": machine.board.hart.retired,
            "timer interrupts": machine.board.hart.traps[TIMER_INTERRUPT],
        }
        for name, machine in machines.items()
    ]
)

# %% [markdown]
# **Read the result.** The text is the same to the last character, but not every number: a
# translated kernel does the same with more instructions, a kernel that was changed takes others,
# and then the timer, which goes by instructions here, interrupts at other places. This is what the
# definition allows to differ. A program that can measure time can tell.

# %% [markdown]
# ## 4. Resource control: the guest cannot take the machine
#
# **Idea.** The second property: whatever the guest does, the VMM keeps the **control of all
# resources**. The guest gets only what it was given, and the VMM can take it back. Three things
# would break that on a real computer: a loop that never ends, with the interrupts switched off;
# a store to somebody else's memory; a device that is used behind the VMM's back.
#
# `run(10_000)` gives a guest at most 10,000 instructions. It returns "off", "waiting" (the guest
# waits for something that cannot come) or "budget" (they are used up).
#
# **Predict.** A guest switches all its interrupts off and then jumps to itself for ever. What does
# `run` return? (If you think that it never returns, write "never".)

# %%
predict("01.takeover", ...)


# %%
def guest(source, name="guest", technique="trap and emulate"):
    machine = under(technique, assemble(source).code)
    machine.name = name
    machine.start()
    return machine


ATTACKS = {
    "an endless loop": "loop: j loop",
    "the same, interrupts off": "csrci mstatus, 8\n csrw mie, zero\nloop: j loop",
    "sleep for ever": "csrw mie, zero\n wfi",
    "a word that is no instruction": ".word 0",
}
rows = []
for name, source in ATTACKS.items():
    attacker = guest(source)
    ended, hart = attacker.run(10_000), attacker.board.hart
    rows.append({"attack": name, "run returned": ended, "instructions": hart.retired,
                 "real level": LEVELS[hart.real.level]})  # fmt: skip
reveal("01.takeover", rows[1]["run returned"])

# %%
table(rows)

# %% [markdown]
# **Read the result.** Nobody takes anything. The guest believes that it is at *machine* level,
# the highest of RISC-V's three. It never is: the real processor executes it at
# {{rows[1]["real level"]}} level, where an instruction that wants to switch interrupts off
# *traps*: the processor refuses it, and goes to the VMM with the reason. The VMM switches off the
# interrupts of the *virtual* processor, which are a bit in its own memory. Those of the real one
# stay on, and the timer brings the VMM back (here the budget is that timer).
#
# **Explore.** Four such trips, drawn from the log of the kernel in section 3: the first exit for each
# of four reasons, and after how many instructions of the guest it came. Each box is somebody who
# has control.


# %%
WAYS = {
    "privileged register": ("csrw", "It writes the register of the virtual processor."),
    "return from a trap": ("mret", "It changes the virtual level, and goes on there."),
    "interrupt": (
        "whatever runs",
        "It finds the virtual timer due, and enters the guest's handler.",
    ),
    "system call": ("ecall", "It is not meant: it enters the handler of the guest's kernel."),
}


def trip(log):
    for reason, (title, does) in WAYS.items():
        first = next(each for each in log if each.reason == reason)
        where = "guest kernel" if first.level else "guest user"
        yield first.retired, where, title, "It runs at user level, whatever it believes."
        yield "", "hardware", "trap", "The processor stops the guest and goes to the VMM."
        yield "", "VMM", reason, does
        if reason in ("interrupt", "system call"):
            yield "", "guest kernel", "its trap handler", "It cannot tell who has called it."


TrapTrip(trip(machines["trap and emulate"].board.hart.log))

# %% [markdown]
# Now memory. The guest tries to store an x at the start of every MiB of its 4 GiB of addresses,
# 4,096 times, and counts the refusals. It has 64 KiB of memory, and the three devices of its
# computer happen to lie at the start of a MiB. **Predict.** How many stores are refused?

# %%
predict("01.wild", ...)

# %%
wild = f"""{DEVICES}
        la   t0, refused
        csrw mtvec, t0          # whatever traps goes on there
        li   s0, 0              # the address
        li   s1, 0              # how many stores were refused
        li   s2, 1 << 20
        li   s3, 'x'
next:   sw   s3, 0(s0)
back:   add  s0, s0, s2
        bnez s0, next
        li   t0, POWER
        li   t1, OFF
        sw   t1, 0(t0)
        .balign 4
refused:
        addi s1, s1, 1
        la   t0, back
        csrw mepc, t0
        mret
"""
attacker = guest(wild)
print(attacker.run(1_000_000), repr(attacker.console))

# %%
refused = attacker.board.hart.x[9]  # which is called s1
reveal("01.wild", refused)

# %%
host = attacker.board.hart.host
print("the host's memory begins with the VMM's:", host.read(host.base, 4))
print("further on begins the guest's:", repr(chr(host.read(host.base + VMM_MEMORY, 4))))

# %% [markdown]
# **Read the result.** {{4096 - refused}} of 4,096 came through: one in its own
# memory, where it has overwritten its own first instruction, and three at its own devices, one of
# which wrote the x to its console. For guest and host memory begins at the *same* address, and
# still the guest hit its own: an address of the guest is not an address of the host. Page
# tables that the VMM keeps lead from the one to the other, and to nothing else (lesson 04).

# %% [markdown]
# **Check.** 01.4 in the [exercises](../exercises/01_virtualization.ipynb): take the machine from
# a kernel, and see who still has it.

# %% [markdown]
# ## 5. Traps, privileged and sensitive instructions
#
# **Idea.** All that rested on traps. So which instructions trap, and is it enough?
#
# - **Privileged** is an instruction that traps at user level and does not at the highest.
# - **Sensitive** is one that *changes* the state of the machine (level, interrupts, memory map,
#   devices) or *shows* it, that is, behaves according to it.
#
# The two sound alike and are not: one says what the processor does, the other what the VMM needs.
#
# **Predict.** Of the four instructions behind `user:` in the program below, how many trap? (`csrr`
# reads a register of the machine; `ecall` is a system call; the lines above set up a handler, let
# user level use the memory, and go down to user level.)

# %%
predict("01.traps", ...)

# %%
below = """
        la   t0, handler
        csrw mtvec, t0          # traps go on there
        li   t0, -1
        csrw pmpaddr0, t0       # user level may use all memory:
        li   t0, 0x1f           # without such a rule it may use none
        csrw pmpcfg0, t0
        la   t0, user
        csrw mepc, t0
        mret                    # on at user, at user level
user:   addi a0, a0, 1
        csrr a1, mstatus
        div  a2, a0, zero
        ecall
stay:   j    stay
        .balign 4
handler:
        csrr s0, mcause         # why?
        csrr t0, mepc           # where?
        addi t0, t0, 4
        csrw mepc, t0           # skip that instruction
        mret
"""
computer = switched_on(below)
computer.run(1000)
reveal("01.traps", sum(computer.hart.traps.values()))

# %%
CpuStepper(below, step=12)

# %% [markdown]
# **Read the result.** {{sum(computer.hart.traps.values())}}: reading `mstatus`, which shows the
# state of the machine, and the system call, which is made to trap. Dividing by zero is no trap on
# RISC-V; the result is -1. Step on from the picture and watch *level*: it changes with the trap,
# not with a jump.
#
# **Experiment.** `classify()` executes every instruction of our processor at both levels and with
# other values in the machine's registers, and looks at what comes out.
#
# **Predict.** It distinguishes {{len(classify())}} instructions. How many are sensitive, but not
# privileged?

# %%
predict("01.critical", ...)


# %%
def square(verdicts):
    seen = Counter((v.sensitive, v.privileged) for v in verdicts)
    return table(
        [
            {
                "": words,
                "privileged": seen[sensitive, True],
                "not privileged": seen[sensitive, False],
            }
            for sensitive, words in ((True, "sensitive"), (False, "not sensitive"))
        ]
    )


verdicts = classify()
reveal("01.critical", sum(v.sensitive and not v.privileged for v in verdicts))

# %%
square(verdicts)

# %%
for wanted in ("add", "csrr mstatus", "csrrw mie", "mret", "wfi", "ecall"):
    print(next(verdict for verdict in verdicts if verdict.instruction == wanted))

# %% [markdown]
# **Read the result.** One corner of the square is empty, and this is
#
# **the theorem of Popek and Goldberg:** *a virtual machine monitor can be built if the sensitive
# instructions are a subset of the privileged ones.*
#
# (`ecall` is not privileged in this sense, as it traps at the highest level too. For the theorem that
# makes no difference: it is not sensitive either, and the VMM gets to see it.)
#
# *Why:* run the guest at user level. What is not sensitive has the same effect there as on the
# guest's own machine: let the real processor execute it (efficiency). What is sensitive traps, so
# the VMM gets to see it (resource control), and does on the virtual processor what the instruction
# would have done on a real one (equivalence). This is *trap and emulate*. The other corner, what
# traps without being sensitive, costs time and breaks nothing.

# %%
print("Can our processor be virtualized by trapping?", virtualizable())

# %% [markdown]
# **Check.** 01.5 to 01.8 in the [exercises](../exercises/01_virtualization.ipynb).

# %% [markdown]
# ## 6. The processor that keeps silent
#
# **Idea.** On the x86, POPF loads the flags from the stack, among them the switch for interrupts.
# At user level it loads the others, leaves this one as it is, **and says nothing**. So a guest's
# kernel that runs at user level believes its interrupts are off, and the VMM never hears of it.
# With `silent=["mstatus"]` our processor gets the same fault: at user level the register `mstatus`
# can be read, and a write to it is dropped without a trap.

# %%
silent_verdicts = classify(["mstatus"])
square(silent_verdicts)

# %%
for verdict in silent_verdicts:
    if verdict.sensitive and not verdict.privileged:
        print(f"{verdict.instruction:14} {verdict.why.partition(';')[0]}")

# %% [markdown]
# **Predict.** The kernel of section 3 on this processor, with each of the five techniques: how
# many of the five still give the right console?

# %%
predict("01.silent", ...)

# %%
silent_runs = {}
for technique in TECHNIQUES:
    machine = under(technique, "kernel", silent=["mstatus"])
    machine.start()
    ended = machine.run()
    silent_runs[technique] = (machine, outcome(machine, ended))
reveal("01.silent", sum(run.console == console for _, run in silent_runs.values()))

# %%
table(
    [
        {
            "technique": technique,
            "ended": run.ended,
            "characters written": len(run.console),
            "equivalent": "yes" if run.console == console else "no",
        }
        for technique, (_, run) in silent_runs.items()
    ]
)

# %% [markdown]
# **Read the result.** Under trap and emulate the machine switched itself off in an orderly way,
# without an error, and has written nothing. The worst kind of fault: no trap, no message, another
# result. The log shows the place. Each line is an exit: after how many instructions, which one, and
# at which level the guest is by then:


# %%
def early(machine):
    log = [e for e in machine.board.hart.log if e.reason != "hidden page fault"]
    return [f"{e.retired:3} {e.instruction or e.reason:7} {LEVELS[e.level]}" for e in log[4:10]]


sound, silent = early(machines["trap and emulate"]), early(silent_runs["trap and emulate"][0])
lost = next(a for a, b in zip(sound, silent, strict=True) if a != b).split()[0]
print(f"{'traps':24}keeps silent")
for left, right in zip(sound, silent, strict=True):
    print(f"{left:24}{right}")

# %% [markdown]
# On the left the kernel writes `mstatus` after {{lost}} instructions, which says to which level the
# next `mret` shall lead: to machine level, its own. On the right this exit is missing. The write
# was dropped, `mret` leads to user level, and the kernel is no longer a kernel.
#
# **Four ways out**, all of them taken on the x86:
#
# | way | how | who |
# |---|---|---|
# | emulate everything | no instruction of the guest is executed directly | Bochs, QEMU without KVM |
# | binary translation | the kernel's code is rewritten while it runs; what is sensitive becomes a call of the VMM | VMware |
# | paravirtualization | the kernel's source is changed: it asks instead of doing | Xen |
# | hardware assistance | the processor gets a mode for guests, in which their kernel keeps its level | VT-x, AMD-V; KVM uses them |
#
# Four of the five techniques survive, and the theorem is not hurt: it says *can be built if*, not
# *only if*. Lesson 03 takes each of them apart.

# %% [markdown]
# **Check.** 01.9 in the [exercises](../exercises/01_virtualization.ipynb): find a program that
# behaves in two ways.

# %% [markdown]
# ## 7. Efficiency: who executes the instructions?
#
# **Idea.** The third property: by far the **most instructions are executed by the real processor**,
# without the VMM. It is what sets a virtual machine apart from an emulator, which has the other
# two properties as well. We count: *direct* are those that the real processor executed,
# *interpreted* those that software did in its place; an *exit* is one time that the VMM came in.
#
# **Predict.** What percentage of the kernel's instructions is direct under trap and emulate?

# %%
predict("01.direct", ...)


# %%
def share(run):
    return round(100 * run.direct / (run.direct + run.interpreted), 2)


reveal("01.direct", share(runs["trap and emulate"]), tolerance=3)

# %%
native = runs["full emulation"].interpreted  # a machine of its own: 1 cycle for each of them
table(
    [
        {
            "technique": name,
            "direct %": share(run),
            "exits": run.exits_in_all,
            "cycles": run.cycles(),
            "times slower": round(run.cycles() / native, 1),
        }
        for name, run in runs.items()
    ]
)

# %% [markdown]
# **Read the result.** {{share(runs["trap and emulate"])}} % direct, and yet trap and emulate costs
# {{round(runs["trap and emulate"].cycles() / native, 1)}} times as much as a machine of its own,
# more than interpreting everything! The bill counts 1 cycle for a direct instruction, 20 for an
# interpreted one and 432 for a trap and its return (a published measurement, see `Costs`). Our
# kernel hardly computes: it has an exit every
# {{round(runs["trap and emulate"].direct / runs["trap and emulate"].exits_in_all)}} instructions.
# "Most" is a weak word where one exit costs hundreds of instructions.
#
# **Experiment.** So give the guest something to compute between its exits:

# %%
greeter = f"""{DEVICES}
        li   a0, 5              # so many stars
        li   t0, CONSOLE
        li   t1, '*'
star:   li   a1, WORK           # so many rounds of work before each
work:   addi a1, a1, -1
        bnez a1, work
        sb   t1, 0(t0)
        addi a0, a0, -1
        bnez a0, star
        li   t0, POWER
        li   t1, OFF
        sw   t1, 0(t0)
"""
rows = []
for rounds in (1, 10, 100, 1000, 10_000):
    machine = guest(f".equ WORK, {rounds}\n" + greeter)
    run = outcome(machine, machine.run())
    rows.append({"rounds of work": rounds, "direct %": share(run),
                 "times slower": round(run.cycles() / machine.board.hart.retired, 2)})  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** The same VMM, from {{rows[0]["times slower"]}} times slower to
# {{rows[-1]["times slower"]}}. To be at most twice as slow, an exit may come every
# {{Costs().trap + Costs().interpreted - 2}} instructions. Efficiency is a property of guest and VMM together. That is why the history of
# virtualization is one of *fewer and cheaper exits*.

# %% [markdown]
# **Check.** 01.10 and 01.11 in the [exercises](../exercises/01_virtualization.ipynb).

# %% [markdown]
# ## 8. Several machines on one host: isolation
#
# **Idea.** Now let three guests share a host: a *spinner*, which loops for ever, a *wreck*, whose
# first word is no instruction, and our *greeter* between them, with 250 rounds of work for each
# star. The host is a loop that gives everybody 1,000 instructions in turn.
#
# **Predict.** Alone on the host the greeter needs about 2,500 instructions. After how many
# instructions of all three together is it done, in multiples of what it needs alone?

# %%
predict("01.neighbours", ...)

# %%
greeter_250 = ".equ WORK, 250\n" + greeter
alone = guest(greeter_250)
alone.run()
sources = {"spinner": "loop: j loop", "greeter": greeter_250, "wreck": ".word 0"}
guests = {name: guest(source, name) for name, source in sources.items()}
used = Counter()
while guests["greeter"].state == "running":
    for name, machine in guests.items():
        if guests["greeter"].state == "running":
            machine.run(1000)
            used[name] = machine.board.hart.retired + sum(machine.board.hart.traps.values())
reveal("01.neighbours", round(used.total() / alone.board.hart.retired, 1), tolerance="0.2")

# %%
table(
    [
        {
            "guest": name,
            "state": machine.state,
            "used": used[name],
            "console": machine.console or "-",
        }
        for name, machine in guests.items()
    ]
)

# %% [markdown]
# **Read the result.** The greeter has written what it writes alone, `{{alone.console}}`. Neither
# an endless loop nor a crash next door reached it. But it was done after {{used.total()}} instructions of the host instead of
# {{alone.board.hart.retired}}. **Isolation** is several promises, and not all are kept alike:
#
# | promise | kept here by | and in reality |
# |---|---|---|
# | *memory*: nobody reads or writes what is mine | page tables of the VMM | yes; but caches are shared, and can be made to tell |
# | *faults*: who crashes, crashes alone | traps that end in the guest's own handler | yes, unless the VMM has a fault itself |
# | *control*: nobody keeps the processor | a budget | a timer that only the VMM can stop |
# | *performance*: nobody slows me down | nobody! | shares and limits; chapters 07 and 10 |
#
# And it **costs**. Each guest has memory of its own, used or not: here 64 KiB, and 4 MiB for its
# VMM. Each has a kernel of its own. And each exit is paid for. What containers save of this, and
# what they give up for it, is measured in lesson 11.
#
# **Where the VMM stands.** A *type 1* hypervisor runs on the bare hardware and is its own operating
# system (Xen, VMware ESX). A *type 2* hypervisor is a program of a host's operating system (VMware
# Workstation, QEMU). Ours is of type 2, as it runs in a Python process on your machine. KVM is both:
# a module that makes a hypervisor of Linux, while each guest is a process of that Linux.

# %% [markdown]
# **Check.** 01.12 in the [exercises](../exercises/01_virtualization.ipynb).

# %% [markdown]
# ## 9. A short history, by papers
#
# | year | who | what |
# |---|---|---|
# | 1974 | Popek and Goldberg | the definition and the theorem, for the machines of their time, such as IBM's System/360 model 67 |
# | 2002 | Waldspurger | VMware's ESX server: how guests share memory without knowing |
# | 2003 | Barham and others | Xen: change the guest's kernel, and the x86 can be shared cheaply |
# | 2005 | Clark and others | a running virtual machine moves to another host |
# | 2006 | Adams and Agesen | binary translation against the first hardware assistance: software often won |
# | 2007 | Kivity and others | KVM: Linux itself as a hypervisor |
# | 2008 | Bhargava and others | nested paging, and how to make its long page walks short |
# | 2020 | Agache and others | Firecracker: virtual machines so small that a cloud runs single functions in them |
#
# The idea is as old as the mainframe. It had to be invented again for the personal computer, whose
# processor was not made for it.

# %% [markdown]
# ## Summary
#
# - Virtualization offers the *same* interface again: a computer (hardware), a kernel's system calls
#   (operating system), an abstract machine (application).
# - A simulator explains a machine, an emulator replaces it, a virtual machine duplicates the one
#   that is there and lets it do the work.
# - A VMM keeps three promises: equivalence (but for timing), resource control, efficiency.
# - Privileged: traps at user level. Sensitive: changes or shows the state of the machine. If all
#   sensitive instructions are privileged, trap and emulate works.
# - One silent instruction is enough to break it. Ways out: emulation, binary translation,
#   paravirtualization, hardware assistance.
# - Cost is exits times the price of an exit. Isolation is strong for memory and faults, and weak
#   for time.
#
# ## Where the model lies
#
# - **Nothing runs directly here.** Our "real" processor is a Python program, so this notebook
#   cannot show you a speed. Exits and instructions are counted truly; cycles are a bill with
#   constant prices, taken from machines of several years.
# - **The theorem's machine is simpler than ours**: one processor, no devices, no interrupts, no
#   paging. Our VMM needs more than it promises: it must also see a flush of the TLB, which
#   `classify` cannot tell from doing nothing.
# - **`classify` tries each instruction with a few values** and some registers. That proves that
#   an instruction is sensitive, not that it is harmless.
# - **No guest here can measure time.** The timer counts the guest's instructions; on a real
#   machine a guest that knows the date can notice every exit.
# - **Our guests share nothing.** Real ones share caches, buses and disks, and can be slowed down or
#   spied upon that way.

# %%
words = ["virtualization", "host", "guest", "abstract machine", "simulator", "emulator"]
words += ["virtual machine", "container", "bytecode", "VMM", "equivalence", "resource control"]
words += ["efficiency", "privilege level", "trap", "exit", "privileged instruction"]
words += ["sensitive instruction", "trap and emulate", "binary translation", "paravirtualization"]
words += ["hardware assistance", "isolation", "type 1 hypervisor", "type 2 hypervisor"]
table(terms(*words))

# %% [markdown]
# ## Sources
#
# - G. J. Popek, R. P. Goldberg, "Formal Requirements for Virtualizable Third Generation
#   Architectures", *Communications of the ACM* 17 (7), 1974.
# - E. Bugnion, J. Nieh, D. Tsafrir, *Hardware and Software Support for Virtualization*, 2017: the
#   best book on all of this.
# - K. Adams, O. Agesen, "A Comparison of Software and Hardware Techniques for x86
#   Virtualization", ASPLOS 2006: POPF, and binary translation.
# - P. Barham et al., "Xen and the Art of Virtualization", SOSP 2003.
# - C. A. Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002.
# - C. Clark et al., "Live Migration of Virtual Machines", NSDI 2005.
# - A. Kivity et al., "kvm: the Linux Virtual Machine Monitor", OLS 2007.
# - R. Bhargava et al., "Accelerating Two-Dimensional Page Walks for Virtualized Systems", ASPLOS
#   2008.
# - A. Agache et al., "Firecracker: Lightweight Virtualization for Serverless Applications", NSDI
#   2020.
# - *The RISC-V Instruction Set Manual*, volumes I and II.
#
# **Next:** [02 A virtual machine from parts](02_virtual_machine.ipynb); but first the
# [exercises of this chapter](../exercises/01_virtualization.ipynb).
