# %% [markdown]
# # 03 Hypervisors: one guest, five techniques
#
# A kernel believes that the machine is its own. A hypervisor must keep it in that belief and keep
# the machine. There are five ways to do it, and they differ in one thing above all: how often, and
# why, control leaves the guest.
#
# **After this lesson you can**
#
# - say what a hypervisor (a *virtual machine monitor*, VMM) is, and tell type 1 from type 2;
# - explain trap and emulate, binary translation, paravirtualization and hardware assistance, and
#   which of VMware, Xen and KVM made which of them known;
# - follow one trap from a process of the guest to the VMM and back;
# - read a table of exits and say which technique made it;
# - translate a sensitive instruction by hand;
# - compute the bill of a guest in cycles, and the cost of an exit at which two techniques draw
#   level;
# - say what kind of processor cannot be virtualized by trapping, and what helps.
#
# **Time** about 120 minutes. **Before** [00 Start here](00_start_here.ipynb); some RISC-V
# assembly, privilege levels and page tables help. **After** the
# [exercises of chapter 03](../exercises/03_hypervisors.ipynb).
#
# In every section you *predict* first: write your answer in place of the three dots, run the cell,
# then run the cells below it. Clear the outputs first (*Edit > Clear Outputs of All Cells*).

# %%
from collections import Counter
from difflib import SequenceMatcher
from fractions import Fraction

from vcloud_lab.check import predict, reveal
from vcloud_lab.glossary import terms
from vcloud_lab.render import lines, table
from vcloud_lab.render.exits import bills, exits_by_reason
from vcloud_lab.scheduling import show
from vcloud_lab.vm import (
    LEVELS,
    TECHNIQUES,
    Costs,
    assemble,
    outcome,
    under,
)
from vcloud_lab.vm.exit_trip import trip
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.vmm_listing import side_by_side
from vcloud_lab.vm.vmm_state import LAYOUT
from vcloud_lab.widgets import TrapTrip
from vcloud_lab.widgets.techniques import TechniqueExplorer

# %% [markdown]
# ## 1. One guest, five ways to run it
#
# **Idea.** Our guest is a kernel of {{len((source("kernel.s") + source("native.s")).splitlines())}}
# lines of assembly. It gives four processes turns by a timer, makes pages of their heap when they
# are touched, and serves system calls. One process waits, one computes, one uses memory, and one
# goes wild and is ended. The *same* guest (with one exception, which you will find) runs under
#
# | technique | the idea | known from |
# |---|---|---|
# | full emulation | software executes every instruction | Bochs, QEMU |
# | trap and emulate | run it without privilege, emulate what traps | IBM's VM/370 |
# | binary translation | run a harmless translation of its kernel | VMware |
# | paravirtualization | change its kernel so that it asks | Xen |
# | hardware assistance | let the processor know of guests | VT-x, AMD-V; KVM |
#
# An *exit* is a moment at which the guest loses the processor to the VMM.
#
# **Predict.** Which of the four last techniques needs the fewest exits? Write its name as a text.

# %%
predict("03.fewest", ...)

# %%
machines, outcomes = {}, {}
for technique in TECHNIQUES:
    machine = machines[technique] = under(technique)
    machine.start()
    outcomes[technique] = outcome(machine, machine.run())
virtual = [o for o in outcomes.values() if o.exits]
reveal("03.fewest", min(virtual, key=lambda o: o.exits_in_all).technique)

# %%
assert len({o.console for o in outcomes.values()}) == 1  # five times the same text
print(outcomes["full emulation"].console)

# %% [markdown]
# **Read the result.** The text is the same under all five; without that, there would be nothing to
# compare. This is *equivalence*, the first of Popek and Goldberg's three demands on a VMM. The
# second, *resource control*, is that the guest gets nothing that it was not given. The third,
# *efficiency*, is that most instructions run on the processor without the VMM:

# %%
table(
    [
        {
            "technique": o.technique,
            "by the processor": o.direct,
            "by software": o.interpreted,
            "% by the processor": Fraction(100 * o.direct, o.direct + o.interpreted),
            "exits": o.exits_in_all,
        }
        for o in outcomes.values()
    ]
)

# %% [markdown]
# By this count full emulation is no VMM at all: it never lets the guest touch the processor. It
# has its own use: it can imitate a processor that you do not have. (The numbers of instructions
# differ a little because the guest's timer counts instructions, and with other code or other exits
# it interrupts elsewhere.)

# %% [markdown]
# ## 2. Why the guest loses the processor
#
# **Idea.** Not the number of exits tells a technique, but their reasons.
#
# **Predict.** Under trap and emulate, what percentage of the exits comes from reading and writing
# privileged registers?

# %%
predict("03.registers", ...)

# %%
trapped = outcomes["trap and emulate"]
share = Fraction(100 * trapped.exits["privileged register"], trapped.exits_in_all)
reveal("03.registers", round(share, 1), tolerance=5)

# %%
reasons = sorted({reason for o in virtual for reason in o.exits})
table(
    [
        {"reason": reason, **{o.technique: o.exits.get(reason) for o in virtual}}
        for reason in reasons
    ]
)

# %%
exits_by_reason(virtual)

# %% [markdown]
# **Read the result.** Every technique pays for other things. Binary translation and
# paravirtualization have no exit for a privileged register: these are in a page of memory now.
# Hardware assistance has no exit for a system call: the processor itself leads it to the guest's
# kernel. The {{outcomes["hardware assistance"].exits["device"]}} exits for devices stay, unless
# the guest helps: with hypercalls it sends whole lines of text instead of characters.

# %% [markdown]
# **Check.** 03.2 in the [exercises](../exercises/03_hypervisors.ipynb): which technique was it?

# %% [markdown]
# ## 3. Trap and emulate: one trap to the VMM and back
#
# **Idea.** The guest's kernel was made for the highest level of privilege. The VMM runs it at the
# lowest: it *deprivileges* it. An instruction that needs privilege cannot do its work there, so it
# traps, to the VMM, which does the work on *virtual* registers and goes on behind it. The guest
# has its levels only on paper:

# %%
machine = under("trap and emulate")
machine.start()
moments = []
for _ in range(6):
    machine.run(1501)
    hart = machine.board.hart
    moments.append(
        {
            "instructions": hart.retired,
            "level that the guest sees": LEVELS[hart.level],
            "level of the processor": LEVELS[hart.real.level],
        }
    )
table(moments)

# %% [markdown]
# **Read the result.** Two levels of the guest on one of the processor: this is *ring compression*.
# What then keeps a process out of its kernel's memory? Not the level, but the *shadow page
# tables*: the VMM keeps one set for each level and address space of the guest, and those of a
# process do not contain the kernel.
#
# **Predict.** A process writes one character: one `ecall`, and the kernel stores one byte in the
# console's register. How many exits are there until the process goes on?

# %%
predict("03.character", ...)

# %%
log = list(machines["trap and emulate"].board.hart.log)
calls = [number for number, exit in enumerate(log) if exit.reason == "system call"]
first = calls[0]
back = next(number for number in range(first + 1, len(log)) if log[number].level == 0)
reveal("03.character", back - first)

# %%
table(
    [
        {"after": exit.retired, "level": LEVELS[exit.level], "reason": exit.reason,
         "instruction": exit.instruction}
        for exit in log[first:back]
    ]
)  # fmt: skip

# %% [markdown]
# **Read the result.** The trap of the process leads to the VMM, because that is where *real* traps
# lead. The VMM does on paper what a processor does in a trap, and lets the guest's kernel run. Its
# first instruction is `csrrw`, and so it goes on: one exit for every register that tells why the
# trap came, one for the device, one for each register that must be set for the way back, one for
# the return. A system call that costs nothing but an `ecall` on the bare machine costs
# {{back - first}} exits here.
#
# **Explore.** Follow control with the buttons, or with the arrow keys on the slider.

# %%
TrapTrip(trip(machines["trap and emulate"], first, back - first))

# %% [markdown]
# Some exits are *hidden* from the guest: those in which the VMM fills its shadow tables
# (`hidden page fault`). A page fault that the guest's own tables cause is passed on:
# `page fault of the guest`,
# {{trapped.exits["page fault of the guest"]}} of them, one for each page of the heap and one for
# the wild process.

# %% [markdown]
# **Check.** 03.3 (the order of events) and 03.8 (write the emulator yourself) in the
# [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 4. The processor that says nothing
#
# **Idea.** Trap and emulate needs a trap. Popek and Goldberg: it works if every *sensitive*
# instruction (one that shows or changes the state of the machine) is *privileged* (it traps at
# user level). The x86 of 2000 was not such a processor. Its `POPF` writes the flags; at user level
# it leaves the interrupt flag as it was, and says nothing. So we build a processor with this
# fault: user level can read `mstatus`, and writing it does nothing, without a trap.
#
# **Predict.** Under how many of the five techniques does our guest still write the right text?

# %%
predict("03.silent", ...)

# %%
silent = {}
for technique in TECHNIQUES:
    machine = under(technique, silent=["mstatus"])
    machine.start()
    silent[technique] = outcome(machine, machine.run(2_000_000))
right = outcomes["full emulation"].console
reveal("03.silent", sum(o.console == right for o in silent.values()))

# %%
table(
    [
        {"technique": o.technique, "characters written": len(o.console),
         "right": o.console == right, "exits": o.exits_in_all,
         "exits without the fault": outcomes[o.technique].exits_in_all}
        for o in silent.values()
    ]
)  # fmt: skip

# %% [markdown]
# **Read the result.** Only trap and emulate breaks, and nobody is told: the machine is switched off
# in good order, after {{len(silent["trap and emulate"].console)}} characters. The kernel wrote into
# `mstatus` which level it wants to return to. Nothing trapped, so the VMM never heard of it, and
# `mret`, which does trap, returned to user level. From there on the kernel's own code ran as if it
# were a process, and its next privileged instruction was an illegal one. The others never execute
# that instruction at user level: full emulation and hardware assistance execute it at the level it
# was made for, binary translation replaces it, and the paravirtual kernel does not have it.
#
# **Look closer.** Does nobody see a difference, then? Let a *process* look at `mstatus`. It may, on
# this processor. It writes the bit MPIE, which the return to a process has always set:

# %%
spy = "init:\n csrr t0, mstatus\n srli t0, t0, 7\n andi t0, t0, 1\n addi a0, t0, 48\n"
spy += " li a7, 1\n ecall\n li a0, 10\n ecall\n"
programs = source("programs.s").replace("init:\n", spy)
for technique in TECHNIQUES:
    if technique != "trap and emulate":
        lower = "paravirtual.s" if technique == "paravirtualization" else "native.s"
        image = assemble("\n".join([source("kernel.s"), source(lower), programs])).code
        machine = under(technique, image, silent=["mstatus"])
        machine.start()
        machine.run()
        print(f"{technique:20} the process sees {machine.console[0]}")

# %% [markdown]
# **Read the result.** Binary translation and paravirtualization let processes run untouched, so a
# process that looks sees the *real* register. Our guest's processes never look, and so do nearly
# all; but strictly, on such a processor, these two are not equivalent either. Of
# these four, only the first and the last pass this test.

# %% [markdown]
# **Check.** 03.4 in the [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 5. Binary translation: VMware's way
#
# **Idea.** User code runs directly. Of the kernel's code the VMM makes a translation, block by
# block, when it is reached, and only that ever runs. Most instructions stay as they are. For the
# others:
#
# - a plain privileged register lives in the *state page*, at the very end of the kernel's
#   addresses. RISC-V loads and stores reach 2048 bytes below a register, and x0 is always 0, so
#   that `lw a0, -1024(zero)` reaches `mscratch` there, with one instruction and no free register;
# - a jump leads to other translated code, or calls the VMM until it is there;
# - what needs to know its own address gets the guest's address as a number;
# - all else is a *callout* (`ebreak` here): a call of the VMM.
#
# **Predict.** `csrw mepc, a0` must clear the lowest two bits of what it writes, as a processor
# does. How many instructions does its translation have?

# %%
predict("03.mepc", ...)

# %%
KERNEL = """
    csrr a0, mscratch
    addi a0, a0, 4
    csrw mepc, a0
    csrci mstatus, 8
    csrw mstatus, a0
"""
pairs = side_by_side(KERNEL)
rows = [
    {"guest": pair.guest or None, "word": f"{pair.word:08x}", "translation": pair.code,
     "the VMM is asked to": pair.note or None}
    for pair in pairs
]  # fmt: skip
starts = [number for number, pair in enumerate(pairs) if pair.guest] + [len(pairs)]
reveal("03.mepc", starts[3] - starts[2])

# %%
table(rows)

# %% [markdown]
# **Read the result.** The first word of every block belongs to those that come by a computed jump,
# and gives them back t1. `csrr` (which is `csrrs` with zero) has become one load, and
# `addi` is itself. Clearing two bits needs a register, so t0 is put aside and taken back. The last
# line of the kernel could change the level that `mret` goes to, and much else: that is a callout,
# and the block ends. The offsets:

# %%
print(", ".join(f"{name} {offset}" for name, offset in LAYOUT.items()))

# %% [markdown]
# Why at the end of the addresses, and why relative to x0? At the moment of a trap *no* register is
# free: each may hold something of the process that was interrupted. An address that needs a
# register could not even be formed.
#
# The expensive kind is the computed jump, `ret` for example, because its target is a guest's
# address, and that is not where the code is:

# %%
table(
    [
        {"guest": pair.guest or None, "word": f"{pair.word:08x}", "translation": pair.code,
         "the VMM is asked to": pair.note or None}
        for pair in side_by_side("ret")
    ]
)  # fmt: skip

# %% [markdown]
# It looks up a small table in the state page (two loads at the same place of two lists), and only
# where the target is not there is the VMM asked to *find* it.
#
# **Predict.** A VMM that writes the code can also learn from it. An instruction that has reached
# for a device three times becomes a callout, which does not wait for the fault to happen. One loop
# with one `sb` writes 100 characters. How many exits have the reason *device* under binary
# translation? (Switching the machine off is one.)

# %%
predict("03.adaptive", ...)

# %%
DOTS = """
_start: li   s0, 0x10000000
        li   s1, 100
        li   a0, '.'
more:   sb   a0, 0(s0)
        addi s1, s1, -1
        bnez s1, more
        li   t0, 0x11100000
        li   t1, 0x5555
        sw   t1, 0(t0)
"""
dots = {}
for technique in ("trap and emulate", "binary translation", "hardware assistance"):
    machine = under(technique, assemble(DOTS).code)
    machine.start()
    dots[technique] = outcome(machine, machine.run(10_000))
reveal("03.adaptive", dots["binary translation"].exits["device"])

# %%
exits_by_reason(list(dots.values()))

# %% [markdown]
# **Read the result.** The `sb` stands in *two* blocks, one that begins at `_start` and one that
# begins at `more`. The first copy runs once, and faults once. The second faults three times, and
# then there are {{dots["binary translation"].exits["callout"]}} callouts. The last store switches
# the machine off. A fault is a trap of the processor; a callout is a call. With our usual costs
# that is {{Costs().trap}} against {{Costs().callout}} cycles. Adams and Agesen call it adaptive
# binary translation, and it is something that a processor does not do by itself.

# %% [markdown]
# **Check.** 03.5 and 03.6 in the [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 6. Paravirtualization: Xen's way
#
# **Idea.** Why imitate what the guest should not do? Change its source so that it *asks*: a
# *hypercall* is to a kernel what a system call is to a process. Our kernel is written in two
# halves. `kernel.s` knows nothing of the machine. `native.s` knows a bare machine, and
# `paravirtual.s` knows a hypervisor.
#
# **Predict.** What percentage of all the lines of the guest (kernel and processes) is *not* the
# same in the paravirtual guest?

# %%
predict("03.changed", ...)

# %%
native, changed = (source(f"{name}.s").splitlines() for name in ("native", "paravirtual"))
blocks = SequenceMatcher(None, native, changed, autojunk=False).get_matching_blocks()
kept = sum(block.size for block in blocks)
common = sum(len(source(f"{name}.s").splitlines()) for name in ("kernel", "programs"))
total = common + len(changed)
reveal("03.changed", round(Fraction(100 * (len(changed) - kept), total), 1), tolerance=3)

# %%
table(
    [
        {"part": "kernel.s and programs.s", "lines": common, "kept": common, "new": 0},
        {
            "part": "paravirtual.s for native.s",
            "lines": len(changed),
            "kept": kept,
            "new": len(changed) - kept,
        },
    ]
)


# %%
def part(name, label):
    """One routine of a source, from its label to the next empty line."""
    text = source(name)
    return text[text.index(f"\n{label}:") :].split("\n\n")[0]


for name in ("native.s", "paravirtual.s"):
    print(name, part(name, "arch_enable"), part(name, "arch_flush"), sep="\n", end="\n\n")

# %% [markdown]
# **Read the result.** It is not much, but it must be done, by somebody who has the source, for
# every kernel: that is the price. What is won are the exits. Interrupts are switched on in the
# state page, and nobody is asked. For the timer, its registers were reached for three times, now
# there is one call. Characters are kept until a line is whole. What the kernel asked for:

# %%
asked = Counter(
    exit.instruction
    for exit in machines["paravirtualization"].board.hart.log
    if exit.reason == "hypercall"
)
table([{"hypercall": what, "times": count} for what, count in sorted(asked.items())])

# %% [markdown]
# Each return from a trap is a call still, and so is each change of the address space. The registers
# are read in the state page: {{f"{trapped.exits['privileged register']:,}"}} exits for them have
# become none.

# %% [markdown]
# **Check.** 03.7 (count what had to go) and 03.9 (save exits yourself) in the
# [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 7. Hardware assistance: KVM's way
#
# **Idea.** A *guest mode* of the processor with all levels and registers in it, and a second set of
# page tables, the *nested* ones, from the guest's physical addresses to the host's. The guest's
# kernel runs at its own level; its traps are its own. KVM is the small part of Linux that uses it.
#
# **Predict.** The guest completes about
# {{f"{round(outcomes['hardware assistance'].direct, -3):,}"}} instructions. How many of them, on
# average, between two exits?

# %%
predict("03.between", ...)

# %%
assisted = outcomes["hardware assistance"]
between = Fraction(assisted.direct, assisted.exits_in_all)
reveal("03.between", round(between), tolerance=50)

# %%
table([{"reason": reason, "exits": count} for reason, count in assisted.exits.items()])

# %% [markdown]
# **Read the result.** What is left: devices (the VMM must imitate them), memory that is touched for
# the first time, and interrupts. Not one system call, not one register, not one page fault of the
# guest's own. That is why a virtio device, which needs one exit for many bytes, matters so much
# under KVM.
#
# Trap and emulate let {{show(Fraction(trapped.direct, trapped.exits_in_all), 1)}} instructions pass
# between two exits. But an exit is not an exit, which is the next section.

# %% [markdown]
# **Check.** 03.1: stay or leave? In the [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 8. The bill
#
# **Idea.** cycles = instructions that the processor executes + instructions that software executes,
# each with its cost + exits, each with its cost. The costs were measured by somebody, or are
# assumptions, and the table says which:

# %%
costs = Costs()
table(
    [
        {"cost": "instruction", "cycles": costs.instruction, "from": "a convention"},
        {"cost": "interpreted", "cycles": costs.interpreted, "from": "about our interpreter in C"},
        {"cost": "trap", "cycles": costs.trap, "from": "a system call, Maeda 2003"},
        {
            "cost": "callout",
            "cycles": costs.callout,
            "from": "the same service as a call, Maeda 2003",
        },
        {"cost": "exit", "cycles": costs.exit, "from": "KVM on a Xeon X5570, Landau et al. 2011"},
        {"cost": "translated", "cycles": costs.translated, "from": "an assumption"},
    ]
)

# %% [markdown]
# **Predict.** With these costs, which technique has the lowest bill for our guest?

# %%
predict("03.cheapest", ...)

# %%
order = sorted(outcomes.values(), key=lambda o: o.cycles(costs))
reveal("03.cheapest", order[0].technique)

# %%
bills(list(outcomes.values()), costs)

# %% [markdown]
# **Read the result.** {{order[0].technique[0].upper() + order[0].technique[1:]}} comes first,
# then {{order[1].technique}}. The most expensive is {{order[-1].technique}}, and full emulation
# has place {{[o.technique for o in order].index("full emulation") + 1}} of five: for this guest,
# which enters its kernel again and again, exits can cost more than an interpreter does. Hardware
# assistance has by far the fewest exits, but each costs {{f"{costs.exit:,}"}} cycles, and a trap
# only {{costs.trap}}.
#
# **Break-even.** The bill is a straight line in the cost of an exit: a fixed part and
# {{assisted.exits_in_all}} times that cost. So one division tells where it crosses another line.
#
# **Predict.** At what cost of an exit do hardware assistance and binary translation draw level?

# %%
predict("03.breakeven", ...)

# %%
fixed = assisted.cycles(Costs(exit=0))
level = {
    name: Fraction(outcomes[name].cycles(costs) - fixed, assisted.exits_in_all)
    for name in ("paravirtualization", "binary translation", "trap and emulate")
}
reveal("03.breakeven", round(level["binary translation"]), tolerance=300)

# %%
exit_costs = list(range(0, 8001, 500))
curves = {
    name: [o.cycles(Costs(exit=cost)) // 1000 for cost in exit_costs]
    for name, o in outcomes.items()
    if name != "full emulation"
}
lines(
    exit_costs,
    curves,
    xlabel="cost of an exit (cycles)",
    ylabel="bill (1,000 cycles)",
    title="Who wins depends on the exit",
)

# %%
for name, cost in level.items():
    below, above = (assisted.cycles(Costs(exit=int(cost) + more)) for more in (0, 1))
    assert below <= outcomes[name].cycles(costs) < above or cost == int(cost)
    print(f"hardware assistance is cheaper than {name} below {show(cost, 0)} cycles an exit")

# %% [markdown]
# **Read the result.** This is history in one chart. Adams and Agesen found in 2006 that the first
# processors with hardware assistance rarely beat VMware's translator, and named the cost of the
# change between guest and VMM as a reason: on the right of a crossing, software wins. With each
# generation the exit got cheaper, and the guests' devices learned to need fewer of them. And the
# other way round: the translator can save an exit by writing other code, which a processor does not
# do by itself.
#
# **Explore.** Change the costs, and switch on the silent `mstatus`. Find
#
# 1. a cost of a trap at which trap and emulate is cheaper than binary translation;
# 2. a cost of an interpreted instruction at which full emulation is the cheapest of all.

# %%
TechniqueExplorer()

# %% [markdown]
# **Check.** 03.10, 03.11 and 03.12 in the [exercises](../exercises/03_hypervisors.ipynb).

# %% [markdown]
# ## 9. A guest that is not ours: Linux
#
# **Idea.** A real kernel behaves like ours, with other proportions. The first million instructions
# of Linux, under the first and the last of the techniques with exits:

# %%
linux = {}
for technique in ("trap and emulate", "hardware assistance"):
    machine = under(technique, "linux")
    machine.start()
    linux[technique] = outcome(machine, machine.run(1_000_000, 60))
found = sorted({reason for o in linux.values() for reason in o.exits})
table(
    [{"reason": reason, **{n: o.exits.get(reason) for n, o in linux.items()}} for reason in found]
)

# %%
print(linux["hardware assistance"].console.splitlines()[0][:30])
assert linux["trap and emulate"].console == linux["hardware assistance"].console

# %% [markdown]
# **Read the result.** There are no processes yet, so there are no system calls. Linux asks the
# console's status register before each character, so a character costs two exits for devices, and
# a kernel that starts has many messages: one exit for
# {{round(1_000_000 / linux["hardware assistance"].exits_in_all)}} instructions, against one for
# {{round(between)}} of our guest. Which technique is the best is a question about a workload.

# %% [markdown]
# ## 10. Type 1, type 2, and the products
#
# The technique says how the guest's *instructions* are dealt with. The type says what is *under*
# the VMM:
#
# | | type 1 ("bare metal") | type 2 ("hosted") |
# |---|---|---|
# | under the VMM | the hardware | an operating system, with other programs beside the VMM |
# | devices and scheduling | its own, or those of a privileged guest | the operating system's |
# | examples | VM/370, VMware ESX, Xen | VMware Workstation, VirtualBox, QEMU |
#
# KVM does not fit well: it makes a hypervisor of Linux, which is under it and is also a host with
# other programs. And the products have changed technique while they kept their names: VMware's
# translator has given way to VT-x and AMD-V, Xen runs unchanged guests with hardware assistance,
# and under KVM guests use paravirtual devices and clocks. Most of what runs today is all three:
# hardware for the processor and the memory, paravirtualization for devices, emulation for the rest.
#
# ## Summary
#
# - A VMM must be equivalent, in control, and efficient. The five techniques keep the first two and
#   differ in the third.
# - Trap and emulate deprivileges the kernel; each sensitive instruction costs an exit, and one that
#   does not trap breaks it without a word.
# - Binary translation replaces what is sensitive, keeps registers in a state page, and learns where
#   devices are.
# - Paravirtualization changes the source, so that there is nothing to trap; it needs the source.
# - Hardware assistance leaves devices, new memory and interrupts, at a high price an exit.
# - A bill is counts times costs. Change a cost and the order changes.
#
# ## Where the model lies
#
# - **Costs are constants.** Really an exit costs most afterwards, in cold caches and TLBs, and the
#   VMM's work for it (filling a shadow table, imitating a device) differs from reason to reason. We
#   charge none of that, and the costs come from machines of different years.
# - **Translation is charged by the block.** Ours made
#   {{outcomes["binary translation"].exits["translation of a block"]}} blocks, and each costs the
#   same in the bill, however long it is. A guest that runs for longer pays for them once.
# - **A callout is an `ebreak` here**, which is a trap on the model's processor; the bill charges a
#   call. Virtual time counts translated instructions, so that a second of the guest has fewer of
#   its own instructions under binary translation.
# - **Shadow tables under paravirtualization.** Ours keeps them as trap and emulate does. Xen lets
#   guests use the real tables, and checks each change that they ask for.
# - **The guest kernel is not kept from the VMM by a level**: what is not mapped is out of reach. On
#   the x86, segments or page tables did that.
# - **The state page is trusted**, and one processor is all there is: no locks, no interrupts
#   between processors, no moving of guests from one to another.
# - **Nested walks cost nothing extra** in the bill; chapter 04 counts their reads.

# %%
words = ["hypervisor", "VMM", "exit", "type 1 hypervisor", "type 2 hypervisor", "full emulation"]
words += ["trap and emulate", "deprivileging", "ring compression", "sensitive instruction"]
words += ["privileged instruction", "shadow page table", "binary translation", "callout"]
words += ["state page", "paravirtualization", "hypercall", "hardware assistance", "nested paging"]
table(terms(*words))

# %% [markdown]
# ## Sources
#
# - G. J. Popek, R. P. Goldberg, "Formal Requirements for Virtualizable Third Generation
#   Architectures", *Communications of the ACM* 17 (7), 1974: the three demands of section 1 and
#   the condition of section 4.
# - E. Bugnion, J. Nieh, D. Tsafrir, *Hardware and Software Support for Virtualization*, 2017.
# - K. Adams, O. Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization",
#   ASPLOS 2006: sections 5 and 8.
# - P. Barham et al., "Xen and the Art of Virtualization", SOSP 2003: section 6.
# - A. Kivity et al., "kvm: the Linux Virtual Machine Monitor", Ottawa Linux Symposium 2007, and
#   R. Bhargava et al., "Accelerating Two-Dimensional Page Walks for Virtualized Systems", ASPLOS
#   2008: section 7.
# - T. Maeda, "Kernel Mode Linux", *Linux Journal*, 2003, table 2; A. Landau, M. Ben-Yehuda, A.
#   Gordon, "SplitX: Split Guest/Hypervisor Execution on Multi-Core", WIOV 2011, table 1: the
#   costs of section 8.
# - *The RISC-V Instruction Set Manual*, volume II: the registers and levels.
#
# **Next:** the [exercises of this chapter](../exercises/03_hypervisors.ipynb), then
# [04 Memory and disks](04_memory_and_disks.ipynb).
