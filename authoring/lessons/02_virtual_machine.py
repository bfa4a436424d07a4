# %% [markdown]
# # 02 A virtual machine from parts
#
# A computer is a processor, memory, a disk, a console and a timer on one bus. Here each of them is
# a piece of Python that you can read, and when they are put together Linux starts on them.
#
# **After this lesson you can**
#
# - decode the 32-bit word of an instruction by hand, and follow a program step by step;
# - say what a bus is, and how a program speaks to a device through an address;
# - tell what happens in a trap, what privilege levels are for, and what an interrupt adds;
# - count how often a guest uses the registers of a disk, and say why virtio was invented;
# - explain how a translator makes an emulator faster without changing what it computes;
# - name the legal transitions of a virtual machine, and use snapshots and clones;
# - point at what is wrong in a sample that only looks like a virtual machine, and mend it.
#
# **Time** about 90 minutes. **Before** [00 Start here](00_start_here.ipynb); you should be able to
# read hexadecimal numbers. **After** the
# [exercises of chapter 02](../exercises/02_virtual_machine.ipynb).
#
# Write your prediction in place of the three dots, run the cell, then run the cells below it. Clear
# the outputs first (*Edit > Clear Outputs of All Cells*).

# %%
import subprocess
import sys
import threading

from vcloud_lab.check import predict, reveal
from vcloud_lab.errors import GuestError
from vcloud_lab.glossary import terms
from vcloud_lab.render import table
from vcloud_lab.vm import (
    CAUSES,
    ISA,
    LEVELS,
    Hart,
    TranslatingHart,
    VirtualCPU,
    VirtualDisk,
    VirtualHardware,
    VirtualMachine,
    VirtualMemory,
    assemble,
    decode,
    linux,
)
from vcloud_lab.vm.board import device_tree
from vcloud_lab.vm.devices import Clint, Uart
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.machine import MOVES
from vcloud_lab.vm.trace import TraceText
from vcloud_lab.widgets import CpuStepper, TrapTrip

# %% [markdown]
# ## 1. The processor: an instruction is a number
#
# **Idea.** A processor has a few *registers* (here 32, of 32 bits each), a *program counter* `pc`
# that says where the next instruction is, and one habit: fetch the word at `pc`, decode it, execute
# it, go on. Ours is a RISC-V processor of the kind RV32IMA; one such processor is called a *hart*.
#
# What each instruction is stands in a table with one row for each. The bits are printed with the
# highest first: digits must match, `d` is the number of the register that gets the result (*rd*),
# `s` and `t` those that are read (*rs1*, *rs2*), `i` and `j` belong to a number in the word itself,
# the *immediate*.

# %%
for name in ("addi", "lw", "sw", "add", "bne"):
    print(f"{name:4} {ISA[name].bits}  {ISA[name].kind}: {ISA[name].does}")

# %% [markdown]
# In the last column `a` and `b` are what stands in rs1 and rs2, and `& M` keeps 32 bits. This text
# is no comment: the emulator is made from it. The registers have names by their use: `x10` is
# `a0`, `x11` is `a1`, and so on; `x0` is always 0.
#
# **Predict.** Decode the word `ffd58513` with the row of `addi`. Which number is its immediate?
# (Its highest bit is the sign.)

# %%
predict("02.immediate", ...)


# %%
def signed(value):
    return value - (1 << 32) if value >> 31 else value


word = 0xFFD58513
reveal("02.immediate", signed(decode(word).imm))

# %%
bits, found = f"{word:032b}", decode(word)
print("immediate    rs1   f3  rd    opcode")
print(bits[:12], bits[12:17], bits[17:20], bits[20:25], bits[25:])
print(f"{found.row.name} x{found.rd}, x{found.rs1}, {signed(found.imm)}")

# %% [markdown]
# **Read the result.** The opcode `{{bits[25:]}}` and funct3 `{{bits[17:20]}}` are those of
# `{{found.row.name}}`. `{{bits[20:25]}}` is {{found.rd}}, so the result goes to a0, and
# `{{bits[12:17]}}` is {{found.rs1}}, a1. The twelve bits of the immediate are a number in two's
# complement: read as they stand they are {{int(bits[:12], 2)}}, and as the highest one is 1 the
# number is {{int(bits[:12], 2)}} - 4096 = {{signed(found.imm)}}. To make 32 bits of it, that bit is
# copied to the left: this is called *sign extension*.

# %% [markdown]
# **Check.** 02.1 and 02.2 in the [exercises](../exercises/02_virtual_machine.ipynb).

# %% [markdown]
# ## 2. A program, step by step
#
# **Idea.** Nobody writes words by hand. An *assembler* translates names into words, one
# instruction a line. A label such as `loop:` names an address. Some lines are short for others:
# `li` (load a number) and `bnez` (branch if not zero) become real instructions.

# %%
SUM = """\
    li   a0, 5
    li   a1, 0
loop:
    add  a1, a1, a0
    addi a0, a0, -1
    bnez a0, loop
stay:
    j    stay
"""
print(assemble(SUM).listing())

# %% [markdown]
# On the left the address, then the word, then what we wrote. A program starts at the beginning of
# memory, which is at address 80000000.
#
# **Predict.** How many instructions are executed until `stay` is reached for the first time?

# %%
predict("02.steps", ...)


# %%
def computer(text, engine=Hart, disk=None):
    """A computer with 64 KiB of memory and a program in it, switched on."""
    made = VirtualHardware(VirtualCPU(engine), VirtualMemory(64 * 1024), disk)
    made.load(assemble(text))
    made.start()
    return made


summing, stay = computer(SUM), assemble(SUM).symbols["stay"]
while summing.hart.pc != stay:
    summing.hart.step()
reveal("02.steps", summing.hart.retired)

# %% [markdown]
# **Read the result.** Two instructions before the loop and three in each of five rounds: the
# branch is executed in the last round too, it only does not jump. In a1 stands
# {{summing.hart.x[11]}}, the sum of 5, 4, 3, 2 and 1.
#
# **Explore.** Step through it forwards and backwards. Then change the program: let it begin with
# 6, or let it multiply (`mul a1, a1, a0`, with 1 in a1 at first) and compute a factorial. Make a
# typing error on purpose, and read what the assembler says of it.

# %%
CpuStepper(SUM, step=4)

# %% [markdown]
# **Check.** 02.4 in the [exercises](../exercises/02_virtual_machine.ipynb): what is in a register
# after n steps?

# %% [markdown]
# ## 3. Memory, the bus, and a console that is an address
#
# **Idea.** Memory is a row of bytes. `lw` and `sw` move a word between a register and memory, `lb`,
# `lbu` and `sb` a single byte. A word takes four bytes, and this machine is *little-endian*: the
# byte with the lowest digits lies at the lowest address.
#
# **Predict.** The word `12345678` (hexadecimal) lies at `cell`. Which two digits does `lbu` read at
# the address `cell` itself? Write them as text.

# %%
predict("02.endian", ...)

# %%
bytes_of = computer(
    """
        la   t0, cell
        lbu  a1, 0(t0)          # the byte at the lowest address
        li   t1, -16
        sb   t1, 3(t0)          # over the one at the highest
        lb   a2, 3(t0)
        lbu  a3, 3(t0)
        lw   a4, 0(t0)
    stay: j stay
    .data
    cell: .word 0x12345678
    """
)
bytes_of.run(20)
reveal("02.endian", f"{bytes_of.hart.x[11]:x}")

# %%
for name, number in (("lb  a2", 12), ("lbu a3", 13), ("lw  a4", 14)):
    value = bytes_of.hart.x[number]
    print(f"{name}  {value:08x}  {signed(value)}")

# %% [markdown]
# **Read the result.** The byte `f0` is {{signed(bytes_of.hart.x[12])}} with `lb`, which extends the
# sign, and {{bytes_of.hart.x[13]}} with `lbu`, which fills with zeros. The bits in memory are the
# same: the *instruction* decides whether they have a sign.
#
# **Idea.** A load or a store gives an address to the *bus*, and the bus knows who answers there.
# Most of the time it is memory. But some addresses belong to devices:

# %%
who = [(start, end, type(device).__name__) for start, end, device in bytes_of.bus.devices]
who += [(bytes_of.bus.base, bytes_of.bus.end, "memory")]
table([{"from": f"{a:08x}", "to": f"{b - 1:08x}", "who answers": name} for a, b, name in who])

# %% [markdown]
# `Uart` is the console, `Clint` the timer, `Power` the switch. So a program needs no special
# instruction to write a letter: it stores a byte at 10000000. That is *memory-mapped I/O*, and
# such an address is a *device register*.

# %%
HELLO = """
.equ UART, 1 << 28
.equ POWER, 0x11100000
    la   t0, text
    li   t1, UART
next:
    lbu  t2, 0(t0)
    beqz t2, off
    sb   t2, 0(t1)              # this is all that "printing" is
    addi t0, t0, 1
    j    next
off:
    li   t0, 0x5555
    li   t1, POWER
    sw   t0, 0(t1)
.data
text: .asciz "Hello from the guest!"
"""
greeting = computer(HELLO)
print(greeting.run(), "|", greeting.console.output.decode())

# %% [markdown]
# The whole device, as far as this program uses it, is a few lines of Python: its `write(offset,
# size, value)` appends to `output`. Exercise 02.14 lets you write a device of your own.
#
# **Predict.** What happens to a program that stores a word at address 0, where nobody answers?
# Write "nothing", "trap" (the processor breaks off and jumps elsewhere) or "off".

# %%
predict("02.nobody", ...)

# %%
lost = computer("    sw zero, 0(zero)\n")
lost.hart.step()
reveal("02.nobody", "trap" if lost.hart.traps else "nothing")

# %%
lost.run(1000)
for cause, times in lost.hart.traps.items():
    print(f"{times:5} x {CAUSES[cause]}")

# %% [markdown]
# **Read the result.** The store traps, and the processor jumps to its *trap handler*. Nobody has
# set one up, so its address is 0, where no instruction can be fetched, which is a trap again, and
# so on for ever. On a real machine this is when the fan begins to howl. Ours came back, because we
# gave it a *budget* of 1,000 steps. A guest can always do this; whoever runs guests needs a budget.

# %% [markdown]
# **Check.** 02.3, then 02.5 to 02.9 in the [exercises](../exercises/02_virtual_machine.ipynb): now
# you write assembly language yourself.

# %% [markdown]
# ## 4. Traps and levels: how a kernel keeps the upper hand
#
# **Idea.** A processor has *privilege levels*. At {{LEVELS[3]}} level everything is allowed; at
# {{LEVELS[0]}} level an instruction that touches the machine itself is refused. Refused means: a
# *trap*. The processor notes the cause in `mcause` and the address of the instruction in `mepc`,
# changes to machine level and jumps to the address in `mtvec`. The handler ends with `mret`, which
# goes back to the address in `mepc` and to the level from before. `ecall` traps on purpose: it is
# how a program asks its kernel for something.
#
# Here is a kernel with one service, printing the letter in a0, and a program that uses it:

# %%
KERNEL = """
.equ UART, 1 << 28
_start:
    la   t0, handler
    csrw mtvec, t0
    li   t0, -1
    csrw pmpaddr0, t0           # user level may use all addresses
    li   t0, 31
    csrw pmpcfg0, t0
    la   t0, user
    csrw mepc, t0
    mret                        # "back" to user level
user:
    li   a0, 'O'
    ecall
    csrr a1, mhartid            # a register of the machine: not allowed
    li   a0, 'K'
    ecall
stay:
    j    stay
handler:
    csrr t0, mcause
    li   t1, 8
    bne  t0, t1, skip           # not an ecall of user level
    li   t1, UART
    sb   a0, 0(t1)
skip:
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    mret
"""

# %% [markdown]
# **Predict.** When the first trap has happened, where does `mepc` point: at the `ecall`, or at the
# instruction after it? Write "ecall" or "after".

# %%
predict("02.mepc", ...)

# %%
little, lines = computer(KERNEL), assemble(KERNEL).lines
while not little.hart.traps:
    little.hart.step()
at = lines[little.hart.csr["mepc"]][1]
reveal("02.mepc", "ecall" if at == "ecall" else "after")

# %%
for name in ("mcause", "mepc", "mtvec"):
    print(f"{name:6} {little.hart.csr[name]:08x}")
print(f"cause: {CAUSES[little.hart.csr['mcause']]}; now at {LEVELS[little.hart.level]} level")

# %% [markdown]
# **Read the result.** At the `ecall` itself, for a trap says "this one could not be done". That is
# right for an instruction that is to be tried again, and it means that a handler which has done
# the work must add 4 itself. What if it forgets?

# %%
forgetful = computer(KERNEL.replace("    addi t0, t0, 4\n", ""))
print(forgetful.run(300), "|", forgetful.console.output.decode())

# %% [markdown]
# The same `ecall` again and again. Mend such a handler in exercise 02.10.
#
# **Explore.** The whole way, from the first `mret` on. At each step you see who has control. Find
# the trap that is no `ecall`, and what the kernel does about it.


# %%
def trip(made, steps):
    """The steps at which control changes hands, and what the console shows."""
    lanes, records = {0: "guest user", 3: "guest kernel"}, []
    for step in range(1, steps + 1):
        level, shown = made.hart.level, len(made.console.output)
        text = " ".join(lines.get(made.hart.pc, (0, ""))[1].split("#")[0].split())
        made.hart.step()
        if made.hart.level != level:
            why = CAUSES[made.hart.csr["mcause"]] if level == 0 else "back to user level"
            records.append((step, lanes[level], text, f"Control leaves here: {why}."))
            if level == 0:
                records.append((step, lanes[3], "handler", "The processor has jumped to mtvec."))
        if len(made.console.output) > shown:
            said = made.console.output.decode()
            records.append((step, "hardware", "console", f"It shows {said!r} now."))
    return records


way = TrapTrip(trip(computer(KERNEL), 60), step=1)
way

# %%
print(way.text)

# %% [markdown]
# **Read the result.** The user program cannot print, and cannot even ask which processor it is on
# (`mhartid`). It can only trap, and then the kernel decides: serve, or skip. Hypervisors began with
# this very scheme: chapter 03 puts a whole kernel where the user program is here.

# %% [markdown]
# **Check.** 02.10 in the [exercises](../exercises/02_virtual_machine.ipynb).

# %% [markdown]
# ## 5. The timer
#
# **Idea.** A program that never traps would never give the processor back. So a timer interrupts
# it: at a set time a trap happens *between* two instructions, whatever they are. Our timer counts
# instructions, {{Clint().scale}} of them a tick, so that every run is the same on every machine.
#
# This handler counts in s1 and asks for the next interrupt 100 ticks later; the program itself does
# nothing at all.
#
# **Predict.** How many interrupts are there in 10,000 instructions?

# %%
predict("02.timer", ...)

# %%
TICKING = """
.equ COMPARE, 0x11004000        # the timer interrupts when the time has reached this
    la   t0, handler
    csrw mtvec, t0
    li   s2, COMPARE
    li   t1, 100
    sw   t1, 0(s2)              # at 100 ticks
    sw   zero, 4(s2)
    li   t1, 1 << 7
    csrw mie, t1                # the timer may interrupt ...
    csrsi mstatus, 8            # ... from now on
idle:
    j    idle
handler:
    addi s1, s1, 1
    lw   t1, 0(s2)
    addi t1, t1, 100            # and 100 ticks later again
    sw   t1, 0(s2)
    mret
"""
ticking = computer(TICKING)
ticking.run(10_000)
reveal("02.timer", ticking.hart.x[9], tolerance=1)

# %% [markdown]
# **Read the result.** {{ticking.hart.x[9]}}: the interrupt is due every 1,000 instructions, and the
# last one has not come yet. A guest that has nothing to do should not spin in a loop, though. `wfi`
# (*wait for interrupt*) tells the machine that nothing will happen until then:

# %%
sleeping = computer(TICKING.replace("    j    idle", "    wfi\n    j    idle"))
for made in (ticking, sleeping):
    while made.hart.x[9] < 20:
        made.run(10)
    print(f"20 interrupts: {made.hart.retired:6} instructions, {made.timer.slept:6} slept")

# %% [markdown]
# **Read the result.** The same time has passed for both guests, but the second one cost its host
# next to nothing: an idle machine is where virtualization saves most.

# %% [markdown]
# ## 6. The disk: every word by hand, or a list of wishes
#
# **Idea.** A disk has registers too. With the *port*, an old-fashioned disk, the guest writes the
# number of a sector and a command, waits for the status, and then fetches the 512 bytes word by
# word from one register. That is *programmed I/O*. It works on real hardware; in a virtual machine
# each use of a register leaves the guest, so that somebody can play the device.
#
# *virtio* is a device that was invented for virtual machines. The guest writes what it wants into
# its own memory, a list of any length, and touches a register once: "look". The device copies
# straight into the guest's memory.
#
# **Predict.** The port needs 131 uses of registers to read one sector (1 for the number, 1 for the
# command, 1 for the status, 128 for the words). virtio needs 16 to set itself up, ask and be
# answered. How many does *virtio* need for eight sectors?

# %%
predict("02.virtio", ...)


# %%
def read_disk(name, sectors):
    """Read sectors with a guest program; returns the hardware afterwards."""
    disk = VirtualDisk(64 * 512)
    disk.write(0, b"The first sector begins here.")
    text = source(name).replace(".equ SECTORS, 1", f".equ SECTORS, {sectors}")
    made = computer(text, disk=disk)
    made.run()
    return made


by_list = read_disk("read_virtio.s", 8)
reveal("02.virtio", by_list.virtio.accesses)

# %%
rows = []
for sectors in (1, 8):
    port, virtio = (read_disk(f"read_{kind}.s", sectors) for kind in ("port", "virtio"))
    rows.append({"sectors": sectors, "port": port.port.accesses, "virtio": virtio.virtio.accesses})
print(port.console.output == virtio.console.output, "|", port.console.output.decode())
table(rows, caption="Uses of the disk's registers")

# %% [markdown]
# **Read the result.** Both guests read the same. {{rows[1]["port"]}} uses against
# {{rows[1]["virtio"]}}, and the port's number grows with every sector while virtio's does not. For
# each use somebody has to stop the guest, find out what it wants, and let it go on; that is why
# virtual machines are given virtio disks. (The programs are `read_port.s` and `read_virtio.s` in
# `vcloud_lab/vm/guests`; `print(source("read_virtio.s"))` shows the second.)

# %% [markdown]
# **Check.** 02.11 in the [exercises](../exercises/02_virtual_machine.ipynb).

# %% [markdown]
# ## 7. The translator: the same machine, with less work
#
# **Idea.** To *interpret* an instruction costs far more than to execute it: fetch, look up, call.
# A *dynamic binary translator* notices code that is executed often, and writes it down once more in
# a language that the host runs directly. QEMU makes machine code; our host is Python, so
# `TranslatingHart` makes Python functions. `Hart` steps. Both must compute exactly the same.
#
# **Predict.** How many Python function calls does the stepping engine make for each guest
# instruction, about? Write a whole number.

# %%
predict("02.calls", ...)

# %%
LOOP = """
    li   a0, 50000
loop:
    add  a1, a1, a0
    addi a0, a0, -1
    bnez a0, loop
off:
    li   t0, 0x11100000
    li   t1, 0x5555
    sw   t1, 0(t0)
"""


def calls_a_step(engine):
    """Run to the end; the hardware, and the Python calls made for 100 guest instructions."""
    made, calls = computer(LOOP, engine), [0]

    def count(frame, event, arg):
        calls[0] += event == "call"

    sys.setprofile(count)
    try:
        made.run()
    finally:
        sys.setprofile(None)
    return made, round(100 * calls[0] / made.hart.retired)


stepped, slow = calls_a_step(Hart)
translated, fast = calls_a_step(TranslatingHart)
reveal("02.calls", round(slow / 100))

# %%
for engine, made, calls in (("steps", stepped, slow), ("translates", translated, fast)):
    print(f"{engine:10} {made.hart.retired} instructions, {calls:3} calls for 100 of them")


def state(made):
    return made.hart.x[:32], made.hart.pc, made.hart.retired, made.bus.ram, made.console.output


assert state(stepped) == state(translated)
print(f"the same state: a1 = {translated.hart.x[11]} in both")

# %% [markdown]
# **Read the result.** One call an instruction against practically none, and every register, every
# byte of memory and the count of instructions are the same. Of this program
# {{translated.hart.translated}} instructions were translated, those of the loop; the rest is
# executed once and not worth it. This is the text that the loop becomes:

# %%
begin = assemble(LOOP).symbols["loop"]
path = [(at, decode(translated.bus.read(at, 4))) for at in range(begin, begin + 12, 4)]
print(TraceText(path, begin, translated.bus.base, frozenset()))

# %% [markdown]
# **Read the result.** `r10` and `r11` are a0 and a1, as Python variables; the three instructions
# are three lines, and they are repeated as a Python loop. Where the guest's loop ends, the function
# writes the registers back and tells at which address (in decimal) to go on. It counts what it has
# `done`, so that the timer interrupts at the right instruction even here.

# %% [markdown]
# ## 8. A sample that only looks like a virtual machine
#
# An article on virtualization has sample code with the names `VirtualHardware` and
# `VirtualMachine(virtual_hardware)`, and for programs a class that starts and stops a process. In
# outline, and in our words:


# %%
class ArticleHardware:
    """Processor, memory and disk are to come here."""


class ArticleMachine:
    def __init__(self, virtual_hardware):
        self.virtual_hardware = virtual_hardware
        self.state = "stopped"

    def start(self):
        self.state = "running"

    def stop(self):
        self.state = "stopped"


class ArticleProcess:
    def __init__(self, command):
        self.command = command

    def start(self):
        self.process = subprocess.Popen(self.command)

    def stop(self):
        self.process.wait()


# %% [markdown]
# **Predict.** How many of these four sentences are true? *The hardware has parts. Starting the
# machine executes something. A machine that runs cannot be started again. The process that was
# started first can be stopped after a second start.*

# %%
predict("02.article", ...)

# %%
article = ArticleMachine(ArticleHardware())
article.start()
article.start()
print(vars(article.virtual_hardware), article.state)

# %% [markdown]
# **Read the result.** *Faults 1 and 2:* the hardware is empty, and `start` changes a word; that the
# machine runs is a claim. *Fault 3:* a second start is accepted. With a process that does damage:

# %%
sleeper = ArticleProcess([sys.executable, "-c", "import time; time.sleep(60)"])
sleeper.start()
first = sleeper.process
sleeper.start()
print("the first one is forgotten:", sleeper.process is not first)
print("and still running:         ", first.poll() is None)

# %%
try:
    sleeper.process.wait(timeout=0.2)  # stop() would do this without a timeout
except subprocess.TimeoutExpired:
    print("stop() is still waiting")
for process in (first, sleeper.process):
    process.kill()
    process.wait()
reveal("02.article", 0)

# %% [markdown]
# *Fault 4:* `stop` asks nobody to end; it waits until that happens by itself, which may be never.
# None of the four sentences is true. (The last lines are ours: without them two processes would
# go on sleeping on your machine.)
#
# **How ours mends it.** `VirtualHardware` is made from parts and joins them on a bus. Name them all,
# once:

# %%
hardware = VirtualHardware(
    cpu=VirtualCPU(TranslatingHart),
    memory=VirtualMemory(1 << 20),
    disk=VirtualDisk(1 << 20),
    console=Uart(),
    timer=Clint(instructions_per_tick=10),
)
hardware.load(assemble("loop: addi t0, t0, 1\n      j loop\n"))
machine = VirtualMachine(hardware, name="runaway")
machine.start()
print(machine.run(1000), hardware.hart.x[5], machine)

# %% [markdown]
# It has executed a thousand instructions; the register t0 proves it. A second start is refused, by
# the machine and by its hardware, and leaves everything as it was:

# %%
for part in (machine, hardware):
    try:
        part.start()
    except GuestError as error:
        print(error)

# %% [markdown]
# And `stop` does not ask the guest, which never ends by itself. Here it runs in a thread of its own
# with a budget that it could not use up in days:

# %%
runner = threading.Thread(target=machine.run, args=(10**12, 60))
runner.start()
while hardware.hart.retired < 5000:
    pass
machine.stop()
runner.join()
print(machine.state, hardware.on)

# %% [markdown]
# ## 9. The life of a machine
#
# **Idea.** A machine is *created*, *running*, *paused*, *stopped* or *destroyed*, and not every way
# leads from one to another. A manager that does not check will one day resume a machine that was
# destroyed. In our package the rules are a table:

# %%
table([{"move": move, "from": ", ".join(a), "to": b} for move, (a, b) in MOVES.items()])

# %% [markdown]
# **Predict.** There are five states and five moves, so 25 pairs. How many of them are legal?

# %%
predict("02.moves", ...)


# %%
def machine_in(state):
    """A machine in a state, brought there by legal moves."""
    made = computer(SUM)
    made.stop()
    machine = VirtualMachine(made, name="m")
    ways = {"created": "", "running": "start", "paused": "start pause", "stopped": "start stop"}
    for move in (ways | {"destroyed": "destroy"})[state].split():
        getattr(machine, move)()
    return machine


def outcome(state, move):
    try:
        machine = machine_in(state)
        getattr(machine, move)()
    except GuestError:
        return "-"
    return machine.state


STATES = ("created", "running", "paused", "stopped", "destroyed")
grid = [{"from": state} | {move: outcome(state, move) for move in MOVES} for state in STATES]
legal = sum(cell != "-" for row in grid for cell in row.values()) - len(STATES)
reveal("02.moves", legal)

# %%
table(grid)

# %% [markdown]
# **Read the result.** {{legal}} are legal. Nothing leads out of *destroyed*, and nothing back to
# *created*. `stop` pulls the plug; a machine that is started again begins anew, with empty memory,
# and its disk as it was left. What is illegal is refused in a sentence that says what is possible:

# %%
for state, move in (("stopped", "resume"), ("destroyed", "start")):
    try:
        getattr(machine_in(state), move)()
    except GuestError as error:
        print(error)

# %% [markdown]
# **Check.** 02.12 in the [exercises](../exercises/02_virtual_machine.ipynb).

# %% [markdown]
# ## 10. Several machines, and one that runs wild
#
# **Idea.** A host gives each machine a slice of instructions in turn. That is round robin (chapter
# 06), with machines for jobs and the budget for the quantum. Three guests write their letter for
# ever; one of them is broken after its third letter, and a fourth has nothing but a loop.
#
# **Predict.** After five rounds with a budget of 30 instructions each: how many letters has a sound
# guest written? (A letter takes two instructions; two come before the first.)

# %%
predict("02.slices", ...)

# %%
WRITER = """
    li   t0, 1 << 28
    li   t1, '{letter}'
loop:
    sb   t1, 0(t0)
    j    loop
"""
programs = {letter: WRITER.format(letter=letter) for letter in "abc"}
programs["b"] = programs["b"].replace(
    "    j    loop", "    addi t2, t2, 1\n    li   t3, 3\n    blt  t2, t3, loop\n    .word 0"
)
programs["w"] = "loop: j loop"
fleet = {}
for name, text in programs.items():
    made = computer(text)
    made.stop()
    fleet[name] = VirtualMachine(made, name=name)
    fleet[name].start()
for _ in range(5):
    for guest in fleet.values():
        guest.run(30)
reveal("02.slices", len(fleet["a"].console))

# %%
for name, guest in fleet.items():
    fault = sum(guest.board.hart.traps.values()) > 0
    print(f"{name}: {len(guest.console):3} letters, {'lost in traps' if fault else 'well'}")

# %% [markdown]
# **Read the result.** b has executed a word that is no instruction, has no handler for the trap,
# and traps for ever; w runs in a circle. Neither of them takes anything from a and c but their fair
# share of time. Each has memory, registers and devices of its own; there is no address by which a
# guest could reach another one's.

# %% [markdown]
# ## 11. Snapshot, restore, clone
#
# **Idea.** All that a machine *is* can be written down: registers, memory, the state of its
# devices, its disk. A *snapshot* keeps it. *Restore* goes back to it. A *clone* is a second machine
# with the same state, which then goes its own way.
#
# The guest writes a, b, c, ... to its console, three instructions each, after two at the start. It
# runs until it has written abc, and a snapshot is taken; then it runs on to g.
#
# **Predict.** The snapshot is restored, and the machine runs for another six instructions. What is
# on its console? Write it as text.

# %%
predict("02.restore", ...)

# %%
letters = computer(
    """
        li   t0, 1 << 28
        li   t1, 'a'
    loop:
        sb   t1, 0(t0)
        addi t1, t1, 1
        j    loop
    """
)
letters.stop()
counting = VirtualMachine(letters, name="counting")
counting.start()
counting.run(2 + 3 * 3)
kept = counting.snapshot()
counting.run(4 * 3)
print("before: ", counting.console, counting.state)
counting.restore(kept)
print("restored:", counting.console, counting.state)
counting.resume()
counting.run(2 * 3)
reveal("02.restore", counting.console)

# %% [markdown]
# **Read the result.** The console is a part of the machine, so what was written after the snapshot
# is as if it had never been. A restored machine is *paused*: whoever restores it decides when it
# goes on. Now a clone:

# %%
twin = counting.clone("twin")
counting.run(1 * 3)
twin.resume()
twin.run(3 * 3)
for guest in (counting, twin):
    print(f"{guest.name:8} {guest.console:9} {guest.state}")

# %% [markdown]
# **Read the result.** Both have the past in common and each has a future of its own. A provider
# that has to start a hundred equal machines boots one and clones it.
#
# A clone has *everything* of the original, its secrets and its random numbers too, and a restored
# machine may repeat what the world outside has already seen (an order, a nonce). The machine cannot
# notice. Chapter 04 shows how a disk keeps a snapshot without copying.

# %% [markdown]
# **Check.** 02.13 in the [exercises](../exercises/02_virtual_machine.ipynb).

# %% [markdown]
# ## 12. Linux
#
# **Idea.** These parts are all that an unmodified Linux needs. The package brings an image of Linux
# {{linux().version}} with a small shell. How does a kernel know on what machine it is? It is given a
# *device tree*, a description of the hardware, by its address in a1. Ours says of the devices:

# %%
tree = device_tree(8 << 20, linux().command_line)["soc"]
for name, node in tree.items():
    if isinstance(node, dict) and "reg" in node:
        print(f"{name:17} {node['compatible']}")

# %% [markdown]
# **Predict.** About how many million guest instructions does it take from power-on to the shell's
# prompt? (On a real processor of one gigahertz it would be over before you look up.)

# %%
predict("02.linux", ...)

# %%
guest = linux()
box = VirtualMachine(guest.image, name="linux", memory=8 << 20, command_line=guest.command_line)
box.start()
tree_at = box.board.hart.x[11]
magic = bytes(box.board.bus.ram[tree_at - box.board.bus.base :][:4]).hex()
while "vcloud$ " not in box.console and box.board.hart.retired < 20_000_000:
    box.run(100_000, seconds=60)
reveal("02.linux", round(box.board.hart.retired / 10**6, 1), tolerance=2)

# %%
words = ("Machine model", "Memory:", "clint:", "ttyS0 at", "Run /init", "This is Linux")
for line in box.console.splitlines():
    if any(word in line for word in words):
        print(line.partition(" (")[0].replace("0x", ""))

# %% [markdown]
# **Read the result.** The device tree at the address in a1 begins with `{{magic}}`, the sign of such
# a tree, and the kernel took everything from it: the model, the size of memory, the timer, the
# console's address. It is a Linux that knows nothing of us. Talk to it:


# %%
def ask(machine, line):
    """Type a line and let the machine work until its prompt is back."""
    before = len(machine.console)
    machine.type(line + "\n")
    for _ in range(200):
        machine.run(20_000, seconds=60)
        if machine.console[before:].endswith("\nvcloud$ "):
            break
    print(machine.console[before:].replace("\r", ""))


ask(box, "uname")
ask(box, "primes 100")

# %% [markdown]
# **Experiment.** A clone of a running Linux. Ask the two something different:

# %%
copy = box.clone("copy")
copy.resume()
ask(copy, "echo I am the copy")
ask(box, "echo and I am not")
table([{"machine": one.name, "state": one.state} for one in (box, copy)])

# %% [markdown]
# **Read the result.** It took {{round(box.board.hart.retired / 10**6, 1)}} million instructions in
# all, with a budget at every step. In a terminal, `vcloud-lab boot` gives you the same Linux with
# your keyboard; Ctrl-] leaves it.

# %% [markdown]
# ## Summary
#
# - A processor is registers and a loop: fetch, decode, execute. An instruction is a number, and a
#   row of a table says what it does.
# - A device is an address. The bus decides who answers, and if nobody does, there is a trap.
# - A trap notes cause and place, raises the level and jumps to a handler. An interrupt is a trap
#   that comes from outside, between two instructions.
# - Every use of a device register is work for whoever plays the device; virtio needs few.
# - A translator changes the speed and nothing else.
# - A virtual machine is hardware with a life cycle. All of its state can be kept, put back and
#   copied, and no guest can hold on to its host, because it runs on a budget.
#
# ## Where the model lies
#
# - **Time is counted in instructions.** A real processor has caches and a pipeline, and executes
#   several at once; here a division takes as long as an addition.
# - **One hart.** Real machines have several, with questions of order in memory that cannot arise
#   here.
# - **The disk and virtio answer at once**, within the instruction that asks.
# - **Our host is Python**, so that you can read it; a real translator makes machine code, and with
#   hardware support (chapter 03) most instructions need none.
# - **The article's code** is rebuilt from what it does, not quoted.

# %%
words = ["virtual machine", "guest", "host", "register", "immediate", "sign extension"]
words += ["assembler", "bus", "memory-mapped I/O", "device register", "trap", "interrupt"]
words += ["privilege level", "programmed I/O", "virtio", "dynamic binary translation"]
words += ["device tree", "snapshot", "clone"]
table(terms(*words))

# %% [markdown]
# ## Sources
#
# - *The RISC-V Instruction Set Manual*, volume I (unprivileged: the instructions and their bits) and
#   volume II (privileged: levels, traps, the machine's registers).
# - OASIS, *Virtual I/O Device (VIRTIO) Version 1.2*: "Virtio Over MMIO", "Block Device".
# - *Devicetree Specification*, release 0.4: what a kernel is told of its hardware.
# - F. Bellard, "QEMU, a Fast and Portable Dynamic Translator", USENIX 2005; V. Bala,
#   E. Duesterwald, S. Banerjia, "Dynamo: A Transparent Dynamic Optimization System", PLDI 2000: the
#   two ideas of section 7.
# - E. Bugnion, J. Nieh, D. Tsafrir, *Hardware and Software Support for Virtualization*: what comes
#   next.
#
# **Next:** the [exercises of this chapter](../exercises/02_virtual_machine.ipynb), then
# [03 Hypervisors](03_hypervisors.ipynb).
