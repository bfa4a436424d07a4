# %% [markdown]
# # 04 Memory and disks: paging, shadow, nested, copy-on-write
#
# A guest believes that it owns memory from address 0 on, and a disk of its own. Both beliefs are
# tables that somebody else keeps. Here you walk the tables, count what the walks cost, promise
# more memory than there is, and copy a disk without copying it.
#
# **After this lesson you can**
#
# - translate an address through Sv32 page tables by hand, and name the reason of every fault;
# - say what the A and D bits and the TLB are for;
# - derive the 24 references of a two-dimensional page walk, and what shortens it;
# - tell a hidden fault from a true one, and choose between shadow and nested paging from counts;
# - explain ballooning, sharing by content, host swap, double paging, the idle tax and thrashing;
# - say which blocks a write copies, what a snapshot costs, and why a backing disk is never written.
#
# **Time** about 100 minutes; sections 1 to 7 and 8 to 14 make two good evenings. **Before**
# [00 Start here](00_start_here.ipynb); that a VMM takes over when the guest traps is all you need
# to know of the chapters before this one. **After** the
# [exercises of chapter 04](../exercises/04_memory_and_disks.ipynb).
#
# As always: write your prediction in place of the three dots, run the cell, then run the cells
# below it. Clear the outputs first (*Edit > Clear Outputs of All Cells*). Addresses are printed as
# eight hexadecimal digits; in code they begin with `0x`.

# %%
import tempfile
from fractions import Fraction
from pathlib import Path

from vcloud_lab.check import predict, reveal
from vcloud_lab.errors import DiskError
from vcloud_lab.glossary import terms
from vcloud_lab.render import lines, table, two_dim_walk
from vcloud_lab.render.two_dim_walk import GridStep
from vcloud_lab.scheduling import show
from vcloud_lab.vm import VirtualDisk, assemble, outcome, read_qcow2, under, write_qcow2
from vcloud_lab.vm.balloon import compare_reclaim
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.idle_tax import Claim, adjusted_ratio, targets
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.nested import GuestFault, NestedPaging, WalkCaches, count_references, references
from vcloud_lab.vm.nested_sv32 import walk_sv32
from vcloud_lab.vm.overcommit import Host, random_victim, thrash
from vcloud_lab.vm.paging import PAGE, PageFault, R, U, V, W, X, walk
from vcloud_lab.vm.paging_trace import break_even, random_trace, run_trace
from vcloud_lab.vm.qcow2 import inspect_qcow2
from vcloud_lab.vm.shadow import ShadowPaging
from vcloud_lab.vm.sharing import share_pages
from vcloud_lab.widgets import CowBlocks, PageWalk, TrapTrip, TwoDimWalk

# %% [markdown]
# ## 1. A page walk by hand
#
# **Idea.** Programs use *virtual* addresses. The processor cuts each into a page number and an
# offset of 12 bits, looks the page up in tables that lie in memory, and puts the offset back. Our
# processor is a RISC-V with the format *Sv32*: two levels of tables with 1024 *entries* of 4 bytes.
#
#     virtual address   | index 1: 10 bits | index 0: 10 bits | offset: 12 bits |
#     table entry       | number of a physical page or table | 2 bits | D A G U X W R V |
#
# The bits say what is allowed: V valid, R read, W write, X execute, U user; A and D come in section
# 3. An entry of which R and X are both 0 points to the table of the next level; any other valid
# one is a *leaf*. A leaf at the first level maps 4 MiB at once.
#
# Here are a root table at 80001000, a second table at 80002000, and the words that are not zero:

# %%
ROOT, SECOND = 0x80001000, 0x80002000


def entry(page, bits):
    return page << 10 | bits


words = {
    ROOT + 4 * 1: entry(0x80002, V),
    ROOT + 4 * 512: entry(0x80000, V | R | W | X),
    ROOT + 4 * 513: entry(0x80001, V | R),
    SECOND + 4 * 3: entry(0x80345, V | R | W | U),
    SECOND + 4 * 4: entry(0x80346, V | R | X | U),
    SECOND + 4 * 5: entry(0x80347, V | W | U),
}

# %% [markdown]
# **Predict.** A program in user mode reads at the virtual address 00403abc. At which physical
# address are its data? Cut the address into bits first. Write eight digits as text, such as
# `"80001234"`.

# %%
predict("04.walk", ...)


# %%
def load(at):
    return words.get(at, 0)


found = walk(0x00403ABC, R, ROOT, load=load, user=True)
reveal("04.walk", f"{found.physical:08x}")

# %%
table(
    [
        {"level": step.level, "entry at": f"{step.at:08x}", "it holds": f"{step.entry:08x}"}
        for step in found.steps
    ]
)

# %% [markdown]
# **Read the result.** 00403abc is index {{0x00403ABC >> 22}}, index {{0x00403ABC >> 12 & 1023}},
# offset abc. Entry 1 of the root is at 80001000 + 4 · 1; it is no leaf, and its page number 80002
# leads to the second table. Entry 3 there is a leaf with page 80345. The offset was never touched.
#
# Two entries were read to find one byte: without help, every load would cost three.

# %% [markdown]
# **Explore.** The same tables, in an instrument. Find an address that a user may execute, one whose
# walk ends after a single entry, and one that only the supervisor may read.

# %%
PageWalk(words, ROOT, address="00403abc", user=True)

# %% [markdown]
# **Check.** 04.1 and 04.2 in the [exercises](../exercises/04_memory_and_disks.ipynb); in the second
# one you build the tables.

# %% [markdown]
# ## 2. Faults, in words
#
# **Idea.** When the tables do not allow an access, the processor raises a *page fault*, and the
# kernel decides: bring the page in, copy it, or end the program. A fault is not an accident; all
# of sections 5 to 14 is built from them.
#
# **Predict.** Of these eight accesses, how many fault? (The order is: address, access, and whether
# it is made in user mode.)

# %%
attempts = [
    (0x00403ABC, "read", True),
    (0x00404000, "execute", True),
    (0x00404000, "write", True),
    (0x00405000, "write", True),
    (0x00402000, "read", True),
    (0x00403ABC, "read", False),
    (0x80000010, "execute", True),
    (0x80400000, "read", False),
]

# %%
predict("04.faults", ...)


# %%
def attempt(address, access, user):
    kind = {"read": R, "write": W, "execute": X}[access]
    try:
        return f"ok, physical {walk(address, kind, ROOT, load=load, user=user).physical:08x}"
    except PageFault as fault:
        return fault.reason


results = [attempt(*one) for one in attempts]
reveal("04.faults", sum(not result.startswith("ok") for result in results))

# %%
table(
    [
        {"address": f"{address:08x}", "who": "user" if user else "kernel", "to": access, "": said}
        for (address, access, user), said in zip(attempts, results, strict=True)
    ]
)

# %% [markdown]
# **Read the result.** Line 4: W without R is reserved, so the entry counts as not valid, although
# its V bit is set. Line 6: the supervisor is *not* above everything; a page of the user is closed
# to it unless it says so (the bit SUM), because a kernel that follows a user's pointer by mistake
# is a classic hole. Line 8: a leaf at the first level must begin at a multiple of 4 MiB.

# %% [markdown]
# **Check.** 04.3 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 3. Two bits that the hardware writes, and a cache
#
# **Idea.** A kernel that runs short of memory wants to know which pages were *accessed* (bit A,
# else they are cold) and which are *dirty* (bit D, else the copy on disk is still good). So the
# processor sets the bits on its way.
#
# **Predict.** A page is read, then written. Which bits has the *read* set: `"A"`, `"D"` or
# `"A and D"`?

# %%
predict("04.bits", ...)


# %%
def letters(entry):
    return "".join(name if entry >> bit & 1 else "-" for bit, name in enumerate("VRWXUGAD"))


history = {"before": letters(words[SECOND + 12])}
for name, access in (("after the read", R), ("after the write", W)):
    walk(0x00403ABC, access, ROOT, load=load, store=words.__setitem__, user=True)
    history[name] = letters(words[SECOND + 12])
reveal("04.bits", "A" if history["after the read"] == "VRW-U-A-" else "?")

# %%
table([history])

# %% [markdown]
# **Idea.** Walking at every access would be far too slow, so the processor keeps the translations
# that it has found in a cache, the *TLB* (translation lookaside buffer). The price: whoever changes
# a table must tell the TLB, with the instruction `sfence.vma`.
#
# **Predict.** A program reads one word in each of 4 pages, 100 times around. Its code lies in one
# page. How many page walks does the processor make?

# %%
predict("04.tlb", ...)

# %%
SETUP = """
    li   t0, -1             # allow the supervisor all of memory
    csrw pmpaddr0, t0
    li   t0, 0x1f
    csrw pmpcfg0, t0
    li   t0, 0x80000000 | ROOT >> 12
    csrw satp, t0           # here are the tables
    li   t0, 0x800
    csrw mstatus, t0
    la   t0, begin
    csrw mepc, t0
    mret                    # go on at begin, as supervisor, through the tables
begin:
    li   s1, 100
around:
    li   t1, 0x00400000
    li   t2, 4
next:
    lw   t3, 0(t1)
    li   t4, 4096
    add  t1, t1, t4
    addi t2, t2, -1
    bnez t2, next
    ITEM
    addi s1, s1, -1
    bnez s1, around
    j .
"""


def walks(item="nop"):
    bus = Bus(1 << 20)
    bus.load_image(assemble(f".equ ROOT, {ROOT}\n{SETUP.replace('ITEM', item)}").code, bus.base)
    bus.write(ROOT + 4 * 512, 4, entry(0x80000, V | R | X))
    bus.write(ROOT + 4 * 1, 4, entry(0x80002, V))
    for page in range(4):
        bus.write(SECOND + 4 * page, 4, entry(0x80010 + page, V | R))
    hart = Hart(bus)
    hart.run(5000)
    return hart.mmu.walks


reveal("04.tlb", walks())

# %%
print(f"without flushes: {walks()} walks; with one in each round: {walks('sfence.vma')}")

# %% [markdown]
# **Read the result.** One walk for the code and one for each page of data; the other
# {{400 - 4}} loads find their translation ready. With a flush in each round everything must be
# walked again, {{walks("sfence.vma")}} walks in all. Remember this number's origin: *a TLB miss
# costs a walk*, and the next section makes each walk up to six times as long.

# %% [markdown]
# ## 4. Three kinds of addresses: the two-dimensional walk
#
# **Idea.** In a virtual machine the guest's tables lead from guest-virtual to *guest-physical*
# addresses. But guest-physical memory is an illusion too: the host decides where each of its pages
# really is, and keeps *nested* tables from guest-physical to *host-physical*. A processor with
# nested paging walks both. The catch: the guest's tables hold guest-physical addresses, so **each
# entry of the guest must itself be found through the nested tables**.
#
# **Predict.** Guest and host both have 4 levels, as on a PC of today. How many entries are read
# for one TLB miss?

# %%
predict("04.nested", ...)

# %%
full = count_references(4, 4)
reveal("04.nested", full.references)

# %% [markdown]
# A smaller one to look at, 2 by 2 levels, with its {{references(2, 2)}} reads in their order:

# %%
small = count_references(2, 2)
steps = [
    GridStep(one.number, one.dimension, one.level, one.row, f"It holds {one.entry:08x}.")
    for one in small.steps
]
two_dim_walk(steps, 2, 2, at=len(steps) - 1)

# %% [markdown]
# **Read the result.** Each row of the grid is one entry of the guest. It costs a nested walk of h references to learn where the entry is, and one to read it:
# (h + 1) for each of the g levels. The last row has a nested walk only: it finds the data. So
#
# *references = g · (h + 1) + h = (g + 1) · (h + 1) - 1.*
#
# The grid has (g + 1) rows and (h + 1) columns, and its last field is the data. That is the whole
# formula. Step through it with the arrow keys:

# %%
TwoDimWalk(small)

# %% [markdown]
# `count_references` builds the tables and walks them; `references` computes:

# %%
sizes = range(6)
assert all(count_references(g, h).references == references(g, h) for g in sizes for h in sizes)
table(
    [
        {"guest levels": g} | {f"nested {h}": references(g, h) for h in (0, 1, 2, 3, 4, 5)}
        for g in (1, 2, 3, 4, 5)
    ]
)

# %% [markdown]
# The column *nested 0* is a machine without a hypervisor: {{references(4, 0)}} references for 4
# levels. With one it is {{references(4, 4)}}, six times as many; 5-level tables make it
# {{references(5, 5)}}.
#
# On the real format of section 1, both walks by the processor's own walker:

# %%
host = dict(words)  # the guest's tables, where the host has put them
NESTED, LOWER = 0x80008000, 0x80009000
host[NESTED + 4 * 512] = entry(0x80009, V)
for page in (1, 2, 0x345):  # the guest's tables and its page of data are where they seem to be
    host[LOWER + 4 * page] = entry(0x80000 + page, V | R | W)
host[SECOND + 12] &= ~U  # this walker goes as the supervisor
both = walk_sv32(
    0x00403ABC, R, ROOT, NESTED, load=lambda at: host.get(at, 0), store=host.__setitem__
)
print(f"{both.references} references to reach {both.host_physical:08x}")

# %% [markdown]
# ## 5. Shorter walks: large pages and caches
#
# **Idea.** A leaf one level higher is one level fewer to walk, in its own dimension. A large
# page in the *host* shortens every row of the grid, a large page in the guest saves one row.
#
# **Predict.** 4 by 4 levels. The host backs the guest with pages of 2 MiB (a leaf at level 1), the
# guest still uses pages of 4 KiB. How many references?

# %%
predict("04.large", ...)

# %%
large = count_references(4, 4, nested_leaf=1)
reveal("04.large", large.references)

# %%
table(
    [
        {"guest page": g, "host 4 KiB": references(4, 4, guest_leaf=i),
         "host 2 MiB": references(4, 4, guest_leaf=i, nested_leaf=1),
         "host 1 GiB": references(4, 4, guest_leaf=i, nested_leaf=2)}
        for i, g in enumerate(("4 KiB", "2 MiB", "1 GiB"))
    ]
)  # fmt: skip

# %% [markdown]
# **Idea.** Neighbouring pages share almost all of their way. A *nested TLB* remembers where
# guest-physical pages lie; a *page-walk cache* remembers where the guest's lower tables are.
#
# **Predict.** A guest reads 16 neighbouring pages, one after the other, and misses the TLB each
# time. The first walk takes 24 references. How many does each of the others take with both caches?

# %%
predict("04.caches", ...)

# %%
machine = NestedPaging(4, 4)
for page in range(16):
    machine.map_guest(page * PAGE, (100 + page) * PAGE)
    machine.map_host((100 + page) * PAGE)
caches = WalkCaches(nested=16, tables=16)
costs = [machine.walk(page * PAGE, caches=caches).references for page in range(16)]
reveal("04.caches", costs[1])

# %%
print("references of each walk:", *costs)
print(caches)

# %% [markdown]
# **Read the result.** The page-walk cache leads to the last table at once and the nested TLB knows
# where it lies: one entry of the guest is left, and a nested walk of 4 for a data page that is new.
# All walks together read {{sum(costs)}} entries instead of {{16 * 24}}. This is why nested paging is
# bearable at all: 24 is the worst case, and caches make it rare.

# %% [markdown]
# **Check.** 04.4 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 6. Shadow paging: one table instead of two
#
# **Idea.** Before processors knew of guests, hypervisors built a *shadow*: one table from
# guest-virtual straight to host-physical, and gave the processor that. A TLB miss costs 4 references
# as if there were no hypervisor. But the shadow must agree with the guest's tables, which the guest
# writes when it likes. So
#
# - the shadow begins empty; what is missing is filled in at a **hidden fault**, which the guest
#   never sees;
# - a fault that the guest's own tables ask for is a **true fault** and is passed on;
# - the guest's tables are write-protected: each **table write** is an exit.

# %%
TrapTrip(
    [
        (0, "guest user", "load", "A page that the guest's tables map; the shadow is empty there."),
        (1, "hardware", "page fault", "The processor walks the shadow and finds nothing."),
        (2, "VMM", "hidden fault", "The guest's tables allow it: fill the shadow, go on."),
        (3, "guest user", "load again", "Now it works; the guest has noticed nothing."),
        (4, "guest user", "load", "A page that the guest's own tables do not map."),
        (5, "hardware", "page fault", "Again the shadow has nothing."),
        (6, "VMM", "true fault", "The guest's tables say no: make it a fault of the guest."),
        (7, "guest kernel", "handle it", "The guest's kernel writes an entry of its table."),
        (8, "VMM", "table write", "That page is write-protected: do the write, drop what came."),
        (9, "guest user", "load again", "And once more a hidden fault, for the new entry."),
    ]
)

# %% [markdown]
# **Predict.** A guest reads a page twice, then writes to it twice. How many hidden faults? (Think of
# the D bit: it has to appear in the *guest's* entry, and the processor only sees the shadow.)

# %%
predict("04.hidden", ...)

# %%
guest = NestedPaging(4, 4)
for page in range(4):
    guest.map_guest(page * PAGE, (100 + page) * PAGE)
    guest.map_host((100 + page) * PAGE)
shadow = ShadowPaging(guest)
tries = [shadow.access(0, access) for access in (R, R, W, W)]
reveal("04.hidden", shadow.exits["hidden fault"])

# %%
guest.map_guest(0, 102 * PAGE)  # the guest's kernel changes its mind about this page
tries.append(shadow.access(0, R))
try:
    shadow.access(50 * PAGE, R)
except GuestFault:
    print("the guest's kernel gets a page fault of its own")
doing = ("read", "read", "write", "write", "read, after the entry was changed")
rows = [
    {"the guest does": what, "entries read": one.references, "exits": ", ".join(one.exits) or "-"}
    for what, one in zip(doing, tries, strict=True)
]
table(rows)

# %%
table(shadow.rows())

# %% [markdown]
# **Read the result.** The page was mapped for reading only at first, although the guest allows
# writing: the hypervisor must see the first write to set D in the guest's entry. A repeated access
# takes {{tries[1].references}} references and no exit. The change of one entry cost an exit for the
# write, and one more hidden fault afterwards.

# %% [markdown]
# ## 7. Which is better? Count
#
# **Idea.** Shadow pays per *change*: exits. Nested pays per *TLB miss*: a long walk. So the answer
# is in the counts. Three machines run the same trace of events: `native` without a hypervisor,
# `shadow` and `nested`. An exit costs 2,000 cycles here, an entry read 10, a TLB hit 1; these are
# round numbers, not measurements, and you may change them.
#
# **Predict.** A program uses 256 pages at random (the TLB has 64 entries) for 8,000 events, and
# never changes its tables. Which takes fewer cycles: `"shadow"` or `"nested"`?

# %%
predict("04.calm", ...)

# %%
calm = random_trace(4, length=8000, pages=256, spaces=1, updates=0, switches=0)
bills = {name: run_trace(calm, name) for name in ("native", "shadow", "nested")}
reveal("04.calm", min(("shadow", "nested"), key=lambda name: bills[name].cycles))

# %%
table([bill.row() for bill in bills.values()])

# %% [markdown]
# **Read the result.** The shadow pays {{bills["shadow"].exits.total()}} exits once, while it is
# filled, and then its misses are as cheap as native ones. Now let the guest change its tables: of
# 1,000 events, 0 to 20 unmap a page or map one again.

# %%
rates = (0, 2, 5, 10, 20)
traces = [random_trace(4, length=8000, pages=256, spaces=1, updates=n, switches=0) for n in rates]
by_shadow = [run_trace(trace, "shadow") for trace in traces]
by_nested = [run_trace(trace, "nested") for trace in traces]
cached = [run_trace(trace, "nested", caches=WalkCaches()) for trace in traces]

# %%
curves = {"shadow": by_shadow, "nested": by_nested, "nested with walk caches": cached}
lines(
    rates,
    {name: [Fraction(bill.cycles, 8000) for bill in bills] for name, bills in curves.items()},
    xlabel="changes of the tables in 1,000 events",
    ylabel="cycles per event",
    title="Shadow against nested paging",
)

# %% [markdown]
# **Where is the break-even?** For one trace both bills are a straight line in the price of an exit,
# so there is one price at which they meet. A dearer exit favours nested paging.

# %%
table(
    [
        {"changes per 1,000": rate, "exits, shadow": one.exits.total(),
         "references, shadow": one.references, "references, nested": two.references,
         "break-even: cycles per exit": break_even(one, two)}
        for rate, one, two in zip(rates, by_shadow, by_nested, strict=True)
    ]
)  # fmt: skip

# %% [markdown]
# **Read the result.** Without any change shadow paging wins as long as an exit costs less than
# {{show(break_even(by_shadow[0], by_nested[0]), 0)}} cycles; at {{rates[-1]}} changes in 1,000
# events it would have to cost less than {{show(break_even(by_shadow[-1], by_nested[-1]), 0)}}. And
# with walk caches the nested curve sinks further. Kernels change their tables whenever a process
# starts, ends, or touches new memory: that is why processors got nested paging, and why programs
# with large, quiet memories gained least from it.

# %% [markdown]
# ### The same on a whole machine
#
# **Idea.** That was a model of memory alone. Here a small kernel with four processes runs, on two
# virtual machine monitors: *trap and emulate* keeps shadow tables, *hardware assistance* has nested
# ones.
#
# **Predict.** Which one has more exits because of memory: `"trap and emulate"` or
# `"hardware assistance"`?

# %%
predict("04.machine", ...)

# %%
techniques = ("trap and emulate", "hardware assistance")
vms = {name: under(name) for name in techniques}
ends = {}
for name, vm in vms.items():
    vm.start()
    ends[name] = outcome(vm, vm.run())
memory = ("hidden page fault", "nested page fault", "page fault of the guest", "flush of the TLB")
counts = {name: sum(end.exits.get(reason, 0) for reason in memory) for name, end in ends.items()}
reveal("04.machine", max(counts, key=counts.get))

# %%
table(
    [
        {"exit because of": reason} | {name: ends[name].exits.get(reason, 0) for name in techniques}
        for reason in memory
    ]
)

# %%
mmu = vms["hardware assistance"].board.hart.mmu
print(f"nested: {mmu.walks} walks of the guest's tables, {mmu.references} entries read in all")
assert ends[techniques[0]].console == ends[techniques[1]].console

# %% [markdown]
# **Read the result.** Under hardware assistance a page of guest-physical memory exits once, when it
# is used for the first time; page faults of the guest and flushes of its TLB are no business of the
# VMM. The shadow tables are a cache that the guest keeps invalidating: each new address space
# starts with hidden faults. In return the {{mmu.walks}} walks read {{mmu.references}} entries, up to
# {{references(2, 2)}} each.

# %% [markdown]
# **Check.** 04.5 and 04.6 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 8. More memory than there is: overcommit
#
# **Idea.** Ten guests with 4 GiB each rarely use 40 GiB. A host may promise more than it has: pages
# get a *frame* (a real page) when they are first used, and when no frame is left, the host swaps
# one out. That works as long as the *working sets*, what is in use now, fit.
#
# **Predict.** A host has 16 frames. Two guests go round and round their pages, 8 the first and 8 the
# second: everything fits. Now the second one uses a ninth page. What share of all uses has to wait
# for the disk then, about, under LRU (the least recently used page goes)? Give a number from 0 to 1.

# %%
predict("04.thrash", ...)

# %%
fits, one_more = thrash(16, [8, 8]), thrash(16, [8, 9])
reveal("04.thrash", one_more["share of uses that swap in"], tolerance=0.1)

# %%
sets = range(6, 16)
curves = {
    "least recently used": [thrash(16, [n, n]) for n in sets],
    "at random": [thrash(16, [n, n], victim=random_victim(1)) for n in sets],
}
lines(
    [2 * n for n in sets],
    {name: [run["share of uses that swap in"] for run in runs] for name, runs in curves.items()},
    xlabel="pages in use by both guests (16 frames)",
    ylabel="share of uses that swap in",
    title="Thrashing",
)

# %% [markdown]
# **Read the result.** While everything fits there are {{fits["swap-ins"]}} swap-ins; then
# {{one_more["swap-ins"]}} of {{one_more["uses"]}} uses: every one, after the first round. One page too many, and LRU throws out each page just before it is needed. This is
# *thrashing*. Choosing at random degrades gently, because it does not know how to be that wrong.
# (On most real loads LRU is the better one; a loop is its worst case, as exercise 04.10 shows.)

# %% [markdown]
# **Check.** 04.7, 04.10 and 04.13 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 9. Ask the guest: ballooning
#
# **Idea.** The host cannot know which pages a guest can spare; the guest's kernel does. So a driver
# in the guest, the *balloon*, asks its kernel for memory and hands it to the host. The guest's own
# paging then picks the coldest pages. Without it the host swaps blindly, and **double paging**
# happens: the guest writes out a page that the host has already swapped out, so the host must read
# it in only to have it written again.
#
# **Predict.** Two guests of 32 pages on 48 frames, each using 40 virtual pages: both guest and host
# have to page. How often does double paging happen with a balloon?

# %%
predict("04.double", ...)

# %%
reclaimed = compare_reclaim(1)
reveal("04.double", reclaimed[-1]["double paging"])

# %%
table(reclaimed)

# %% [markdown]
# **Read the result.** With the balloon the host never swaps: all choices are made once, by the one
# who knows. {{reclaimed[-1]["transfers"]}} pages are moved instead of
# {{reclaimed[0]["transfers"]}}. Note the second line: the host does better with random victims than
# with LRU, because *the page that the host finds coldest is the one that the guest will page out
# next*. Two LRU lists on top of each other make the same choice one after the other.

# %% [markdown]
# ## 10. Equal pages are one page: sharing by content
#
# **Idea.** Ten guests with one operating system hold ten copies of its code. The host scans frames,
# finds candidates by a hash, compares them **byte by byte**, and lets equal ones become one
# read-only frame. Who writes gets a copy first: *copy-on-write* (COW).
#
# **Predict.** Three guests hold the same 4 pages of code, and each has 2 pages of its own and 2 of
# zeros. How many of the 24 frames does a scan set free?

# %%
predict("04.sharing", ...)

# %%
farm = Host(32, page_size=16)
for name in ("red", "green", "blue"):
    farm.add(name, 8)
    for page in range(8):
        text = f"code {page}" if page < 4 else f"{name} {page}" if page < 6 else ""
        farm.write(name, page, text.encode())
scan = share_pages(farm)
reveal("04.sharing", scan.merged)

# %%
farm.write("red", 7, b"no longer zero")
print(scan)
print(farm)
print("green still reads zeros:", not any(farm.read("green", 7)))

# %% [markdown]
# **Read the result.** {{scan.merged}} frames: two copies of each of the 4 code pages, and 5 of the 6
# pages of zeros, which became one. A write then broke one of them out
# ({{farm.counts["COW breaks"]}} COW break), and the others never noticed. Would a good hash alone do?

# %%
tricked = Host(8, page_size=8)
tricked.add("guest", 4)
for page in range(4):
    tricked.write("guest", page, bytes([page]) * 8)
print(share_pages(tricked, hash_of=len))  # a hash that gives all of them one value

# %% [markdown]
# **Read the result.** All four collide, all are compared, and none is merged: the hash only decides
# how much work it is. A host that trusted it would hand one guest another guest's memory.

# %% [markdown]
# **Check.** 04.8 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 11. Whose memory is taken? The idle tax
#
# **Idea.** Guests have *shares*, and the one with the fewest shares per page gives pages up
# (*min-funding*). But a rich guest may hoard memory that it does not use. So an idle page costs more:
# with a tax T, it counts like 1 / (1 - T) pages. ESX Server's default of T = 3/4 makes that 4.
#
# **Predict.** `rich` has twice the shares of `busy`. Both hold 64 pages; rich uses 16 of them, busy
# all. There are 96 frames. How many pages does *busy* keep without a tax?

# %%
predict("04.tax", ...)

# %%
claims = [Claim("rich", 2000, 64, 16), Claim("busy", 1000, 64, 64)]
untaxed = targets(claims, 96, tax=0)
reveal("04.tax", untaxed["busy"])

# %%
table(
    [
        {"tax": tax, "an idle page counts": 1 / (1 - tax)} | targets(claims, 96, tax=tax)
        for tax in (Fraction(0), Fraction(1, 2), Fraction(3, 4), Fraction(9, 10))
    ]
)

# %%
for name, shares, active in (("rich", 2000, Fraction(16, 64)), ("busy", 1000, Fraction(1))):
    ratio = adjusted_ratio(shares, 64, active, tax=Fraction(3, 4))
    print(f"{name} pays {show(ratio)} shares a page at the start")

# %% [markdown]
# **Read the result.** Without a tax, shares alone decide and the guest that works loses half of its
# memory to one that sleeps. At 3/4 the sleeper pays less per page than the worker, and gives up
# {{64 - targets(claims, 96)["rich"]}} pages, all of them idle. A tax of 1 would ignore shares
# wholly: nobody would ever get anything for being rich.

# %% [markdown]
# **Check.** 04.14 in the [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## 12. A disk that copies only what is written
#
# **Idea.** A disk is an array of *blocks*. A **snapshot** keeps the present contents under a name;
# copying everything would take minutes, so it copies nothing: disk and snapshot share all blocks,
# and a block is copied when it is written. First, how it goes wrong. This is a snapshot as it is
# often written:


# %%
class HastyDisk:
    def __init__(self, blocks):
        self.blocks = [bytearray(4) for _ in range(blocks)]
        self.snapshots = {}

    def snapshot(self, name):
        self.snapshots[name] = list(self.blocks)

    def write(self, block, data):
        self.blocks[block][: len(data)] = data


# %% [markdown]
# **Predict.** Write `b"old"` to block 0, take a snapshot, write `b"new"`. What is in block 0 of the
# snapshot: `"old"` or `"new"`?

# %%
predict("04.hasty", ...)

# %%
hasty = HastyDisk(2)
hasty.write(0, b"old")
hasty.snapshot("before")
hasty.write(0, b"new")
reveal("04.hasty", hasty.snapshots["before"][0][:3].decode())

# %% [markdown]
# *Diagnosis:* the list was copied, the blocks in it were not, and a `bytearray` can be changed in
# place. The snapshot is worth nothing, and nobody notices before the day it is needed. *Cure:* make
# blocks that never change (`bytes`), so that a write has to put a new one in its place. Ours:

# %%
disk = VirtualDisk(8 * 4096)
disk.write(0, b"old")
disk.snapshot("before")
disk.write(0, b"new")
now = disk.read(0, 3)
disk.restore("before")
print(f"it was {now.decode()!r}, and after the restore it is {disk.read(0, 3).decode()!r} again")

# %% [markdown]
# **Predict.** A fresh disk of 8 blocks. Write blocks 0, 1, 2; snapshot `s1`; write a part of block 1;
# write all of block 2; snapshot `s2`; write a part of block 1 again. How many blocks are stored in
# all, for the disk and both snapshots?

# %%
predict("04.cow", ...)

# %%
cow = VirtualDisk(8 * 4096)
for block in (0, 1, 2):
    cow.write(block * 4096, bytes([1]) * 4096)
cow.snapshot("s1")
cow.write(1 * 4096, b"a part")
cow.write(2 * 4096, bytes([2]) * 4096)
cow.snapshot("s2")
cow.write(1 * 4096, b"another part")
reveal("04.cow", cow.usage.own + cow.usage.kept)

# %%
table([cow.usage._asdict()])

# %% [markdown]
# **Read the result.** The disk's present contents take {{cow.usage.own}} blocks, of which
# {{cow.usage.shared}} belong to a snapshot too; {{cow.usage.kept}} more are kept for snapshots only.
# {{cow.usage.copied}} writes had to copy a block first: those to a *part* of a block that a snapshot
# holds. The write of the whole block 2 needed no copy, only a new place.

# %% [markdown]
# **What does a snapshot cost?** Nothing when it is taken. You pay afterwards: one block for each
# block that is written *for the first time since*. Here 64 blocks are written over and over, with a snapshot every so often:

# %%
rows = []
for every in (256, 64, 16, 4):
    busy = VirtualDisk(64 * 512, block_size=512)
    for number in range(256):
        if number % every == 0:
            busy.snapshot(f"at {number}")
        busy.write(number * 37 % 64 * 512, number.to_bytes(2))
    stored = busy.usage.own + busy.usage.kept
    rows.append({"writes between snapshots": every, "snapshots": len(busy.snapshots)}
                | {"blocks stored": stored, "copied first": busy.usage.copied})  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** With one snapshot at the start the disk stays at
# {{rows[0]["blocks stored"]}} blocks; with {{rows[1]["snapshots"]}}, each keeps a whole generation of
# them. More snapshots than that cost no more here, because a block is written only once in 64 writes
# and can be kept only once each time.

# %% [markdown]
# ## 13. Disks on disks: overlays and the backing chain
#
# **Idea.** The same trick between disks. An *overlay* is an empty disk on top of a *backing disk*:
# reads fall through to it, writes stay above. A hundred machines can start from one image.
#
# **Predict.** A base disk with blocks 0 to 3 written, an overlay on it, an overlay on that. The lower
# overlay wrote block 1, the upper one block 2. How many disks does a read of block 3 have to ask?

# %%
predict("04.chain", ...)

# %%
base = VirtualDisk(6 * 4096)
base.write(0, b"\x01" * 4 * 4096)
middle = base.overlay()
middle.write(1 * 4096, b"\x02" * 4096)
top = middle.overlay()
top.write(2 * 4096, b"\x03" * 4096)
depths = {extent.offset // 4096: extent.depth for extent in top.map()}
reveal("04.chain", depths[3] + 1)

# %%
table(
    [
        {"from block": part.offset // 4096, "blocks": part.length // 4096,
         "read from": "nowhere: zeros" if part.depth is None else f"depth {part.depth}"}
        for part in top.map()
    ]
)  # fmt: skip

# %% [markdown]
# **Why must a backing disk never be written?** Because every overlay is a list of *differences* to
# it. Change the base and all machines on top change with it, halfway: what they wrote stays, what
# they only read is suddenly another disk. On a toy it takes three lines:

# %%
below = {0: "table of files: a, b", 1: "a", 2: "b"}
above = {0: "table of files: a, b, c", 3: "c"}  # the overlay's own blocks
below |= {0: "table of files: b", 1: "b", 2: "-"}  # somebody tidies the base up
print("the machine on top now sees", below | above)

# %% [markdown]
# Its table of files still promises an `a`; the block that held it has `b`. No program on that
# machine did anything wrong. Ours refuses:

# %%
try:
    base.write(0, b"tidy")
except DiskError as error:
    print(error)

# %% [markdown]
# **Explore.** Write, take snapshots, stack overlays, commit. Try to end with a disk whose snapshot
# keeps 3 blocks that the disk itself no longer has; and find out which action costs nothing.

# %%
blocks = CowBlocks(VirtualDisk(8 * 4096))
for action, block in (("write whole", 1), ("write whole", 2), ("snapshot", 2), ("write part", 1)):
    blocks.set(do=action, block=block)
blocks

# %% [markdown]
# ## 14. The same in a file: qcow2
#
# **Idea.** QEMU's format *qcow2* ("copy on write") keeps such a disk in a file. Blocks are called
# *clusters*, and a table of two levels says where each one is: **a page table for a disk**. The
# index of the cluster is cut in two, just as in section 1.
#
# **Predict.** A disk of 1 GiB with clusters of 4 KiB, in which one block is written. How many
# clusters does the file have: header, tables, data and reference counts together?

# %%
predict("04.qcow2", ...)

# %%
vast = VirtualDisk(1 << 30)
vast.write(123 * 4096, b"here I am")
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "vast.qcow2"
    write_qcow2(vast, file)
    length, back, header = file.stat().st_size, read_qcow2(file), inspect_qcow2(file)
    overlay = back.overlay()
    overlay.write(0, b"mine")
    write_qcow2(overlay, Path(folder) / "mine.qcow2", backing="vast.qcow2")
    chain = read_qcow2(Path(folder) / "mine.qcow2")
reveal("04.qcow2", length // 4096)

# %%
print(f"version {header.version}, clusters of {header.cluster_size} bytes")
print("it reads back the same:", back.same_as(vast))
print(f"the overlay's file, read back: {chain.depth} disks,", chain.read(123 * 4096, 9).decode())

# %% [markdown]
# **Read the result.** {{length}} bytes for a disk of {{1 << 30}}: a cluster each for the header, the
# first table, one second table, the data, and two for the counts of how often each cluster is used.
# Second tables without entries need not exist; page tables save room in the same way. Reading the overlay's file opened
# the chain: it holds the *name* of its backing file, and its own blocks only. Move or change the
# backing file, and the overlay is scrap; `write_qcow2` compares the contents before it writes such a
# name.

# %% [markdown]
# **Check.** 04.9, 04.11 and 04.12 in the
# [exercises](../exercises/04_memory_and_disks.ipynb).

# %% [markdown]
# ## Summary
#
# - A page walk reads one entry a level; the offset stays. A fault has a reason, and the reason is in
#   the entry. The TLB makes walks rare; changing tables makes them frequent again.
# - Nested paging reads up to (g + 1)(h + 1) - 1 entries for a miss, {{references(4, 4)}} for 4 by 4.
#   Large pages and walk caches shorten it.
# - Shadow paging pays for changes (exits), nested paging for misses (references). Count both.
# - Overcommit works while the working sets fit. Then: ask the guest (balloon), share equal pages,
#   and swap last. One page too many under LRU is a cliff.
# - Copy-on-write is one idea at four places: shared pages, snapshots, overlays, image files. It
#   needs blocks that never change in place.
#
# ## Where the model lies
#
# - **A reference costs 10 cycles, always.** Really most table entries are in a cache of the
#   processor and cost 4 to 40, and some come from memory and cost hundreds.
# - **Traces are uniform.** Real programs return to the same pages; that is why TLBs work.
# - **The hart's TLB has no end**, and one for reads, one for writes; a real one has
#   some hundred entries, and tags for address spaces, so that a switch need not flush it.
# - **A missing flush shows at once here**, and the same way in every run. On a real processor the old
#   translation may be gone by chance, and the bug shows once a week.
# - **The host's swap takes no time** in our counts; a swap-in is really about a hundred thousand
#   cycles from flash. The balloon has no delay, and no guest refuses to inflate it.
# - **Sharing has a price that is not in the table**: scanning time, and *side channels*: a write
#   that is slow (it had to copy) tells one guest that another holds the same page.
# - **The disks here never fail**, keep everything in memory, and do not order their writes.

# %%
words_used = ["virtual address", "page table", "page walk", "page fault", "TLB", "accessed bit"]
words_used += ["dirty bit", "guest-physical address", "host-physical address"]
words_used += ["shadow page table", "nested paging", "hidden fault", "true fault", "walk cache"]
words_used += ["large page", "frame", "overcommit", "working set", "thrashing", "ballooning"]
words_used += ["double paging", "content-based sharing", "idle memory tax", "copy-on-write"]
words_used += ["disk snapshot", "overlay", "backing disk", "qcow2"]
table(terms(*words_used))

# %% [markdown]
# ## Sources
#
# - *The RISC-V Instruction Set Manual*, volume II: "Sv32: Page-Based 32-bit Virtual-Memory Systems"
#   and "Two-Stage Address Translation".
# - R. Bhargava, B. Serebrin, F. Spadini, S. Manne, "Accelerating Two-Dimensional Page Walks for
#   Virtualized Systems", ASPLOS 2008.
# - K. Adams, O. Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization",
#   ASPLOS 2006: hidden and true faults.
# - E. Bugnion, J. Nieh, D. Tsafrir, *Hardware and Software Support for Virtualization*, 2017.
# - C. A. Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002: sections 8 to 11.
# - R. H. Arpaci-Dusseau, A. C. Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, the chapters
#   on paging, TLBs and swapping.
# - QEMU, *docs/interop/qcow2.rst*: the format of section 14.
#
# **Next:** the [exercises of this chapter](../exercises/04_memory_and_disks.ipynb), then
# [06 Scheduling I](06_scheduling.ipynb).
