# %% [markdown]
# # 00 Start here
#
# Welcome to **vcloud_lab**, a workbook on virtualization and cloud infrastructure: scheduling,
# virtual machines, containers and the cloud. Everything in it runs on your own machine, offline
# and without administrator rights.
#
# **After this lesson you can**
#
# - run a cell, predict its result and compare;
# - get an exercise checked, take a hint, ask for another variant;
# - find out what works on your machine;
# - choose where to go on.
#
# **Time** about 15 minutes. **Before** nothing but a little Python.

# %%
from vcloud_lab import FCFS, SJF, Workload, simulate
from vcloud_lab.check import check, hint, predict, progress, reveal, statement
from vcloud_lab.glossary import terms
from vcloud_lab.render import compare, gantt, table
from vcloud_lab.widgets import ScheduleExplorer

# %% [markdown]
# ## 1. How a lesson works: predict, run, explain, change
#
# You run a cell with **Shift + Enter**. You learn little by watching results go by, and much by
# being wrong about them first. So each section asks you to *predict*: put your answer in place of
# the three dots. The notebooks come with their results; to predict without seeing them, choose
# *Edit > Clear Outputs of All Cells* before you begin.
#
# **Predict.** Two jobs come to one CPU at the same time. The first needs it for 5 ticks (our
# unit of time), the second for 1. They are served in this order. How long does the **second** one
# wait?

# %%
predict("00.wait", ...)

# %%
jobs = Workload([("first", 0, 5), ("second", 0, 1)])
served = simulate(jobs, FCFS)
reveal("00.wait", served.waiting["second"])

# %% [markdown]
# **Run.** In the code a job is `(name, arrival, burst)`: when it comes and how long it needs the
# CPU. FCFS is *first come, first served*. A result shows itself as a chart; hover over a bar to
# read why it is there. On a page without JavaScript you see a picture, in a terminal the same in
# text.

# %%
gantt(served)

# %% [markdown]
# **Explain.** The CPU serves *first* for {{jobs["first"].burst}} ticks, and *second* waits for
# all of them, though it would be gone after one. Together they wait
# {{sum(served.waiting.values())}} ticks.
#
# **Change.** Would it be better the other way round? The cell below compares with SJF (*shortest
# job first*). Lesson 06 explains the whole table; look at *waiting*. Then change something
# yourself: how long must *second* be before the order no longer matters? Edit its burst above and
# run the cells again.

# %%
compare([served, simulate(jobs, SJF)])

# %% [markdown]
# ## 2. Things that move
#
# Some cells are instruments rather than results. Use the mouse or the keyboard: **Tab** moves
# between controls, the **arrow keys** move a slider. Each slider has a number box beside it. What
# you do there is yours; run the cell again to reset it.

# %% tags=["nbval-ignore-output"]
ScheduleExplorer({"two jobs": jobs})

# %% [markdown]
# ## 3. How exercises work
#
# Each chapter has a notebook of [exercises](../exercises/06_scheduling.ipynb) and one of
# [solutions](../solutions/06_scheduling.ipynb). A check answers at once and in words; if it knows
# the misconception behind your answer, it says so. Here is the first exercise of chapter 06:

# %%
statement("06.1")

# %%
check("06.1", ...)

# %% [markdown]
# Three hints wait for you, one by one, and the last shows the method. There are endlessly many
# variants: `variant("06.1", 7)` states the one with seed 7, and `check("06.1", answer, seed=7)`
# checks it. `reset("06.1")` gives you the original cell back.

# %%
hint("06.1", 1)

# %% [markdown]
# Your progress is a file on this machine and nowhere else; nothing is ever sent. This shows it:

# %% tags=["nbval-ignore-output"]
print(progress.summary())

# %% [markdown]
# ## 4. What works on this machine
#
# The *doctor* tries what the course needs and says what to do where something is missing. Run it
# when a notebook behaves strangely. (What it prints depends on your machine, so it is not run for
# you.)

# %% tags=["nbval-skip"]
from vcloud_lab.doctor import report

report()

# %% [markdown]
# ## 5. The way through the course
#
# | chapter | about | lesson | exercises |
# |---|---|---|---|
# | 00 Start here | how to study with this workbook | 15 min | |
# | [01 What virtualization is](01_virtualization.ipynb) | three kinds, three properties, one theorem | 55 min | [60 min](../exercises/01_virtualization.ipynb) |
# | [02 A virtual machine from parts](02_virtual_machine.ipynb) | processor, memory, devices; Linux starts | 60 min | [90 min](../exercises/02_virtual_machine.ipynb) |
# | [03 Hypervisors](03_hypervisors.ipynb) | one guest, five techniques | 120 min | [90 min](../exercises/03_hypervisors.ipynb) |
# | [04 Memory and disks](04_memory_and_disks.ipynb) | paging, shadow, nested, copy-on-write | 100 min | [75 min](../exercises/04_memory_and_disks.ipynb) |
# | [06 Scheduling I](06_scheduling.ipynb) | FCFS, SJF, SRTF, round robin; a real trace | 90 min | [60 min](../exercises/06_scheduling.ipynb) |
# | [07 Scheduling II](07_scheduling_ii.ipynb) | beyond, many CPUs and virtual CPUs | 120 min | [90 min](../exercises/07_scheduling_ii.ipynb) |
#
# Go through them in order, or begin with 06: virtual machines (01 to 05) and scheduling (06 and 07)
# do not need each other. The numbers follow the plan of the whole course; containers (08 to 11) and
# the cloud (12 to 15) come after them. Chapters that are not in the table are not written yet.
#
# ## Summary
#
# - Predict, run, explain, change.
# - `check`, `hint`, `variant`, `reset`: an exercise answers at once.
# - Results, in the text as well, are computed when the course is built, and a test fails when one
#   changes.
#
# ## Where the model lies
#
# Chapters show a *model*: small, exact and readable. Reality is larger, and every lesson ends
# with this heading and says what its model left out. Here: nobody knows in advance that a job
# takes 5 ticks.

# %%
table(terms("job", "burst", "waiting", "workload", "policy"))

# %% [markdown]
# ## Sources
#
# - R. H. Arpaci-Dusseau, A. C. Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*: the same
#   habit of prediction first, in its homework.
#
# **Next:** [01 What virtualization is](01_virtualization.ipynb)
