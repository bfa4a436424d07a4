# %% [markdown]
# # 07 Scheduling II: beyond, many CPUs and vCPUs
#
# Jobs that wait for people and disks, shares instead of turns, deadlines, several CPUs, and a
# hypervisor that schedules whole machines. At the end you write a policy and have it judged.
#
# **After this lesson you can**
#
# - name who starves under a policy, and cure it by ageing or a boost;
# - say why interactive jobs should go first, how MLFQ finds them, and how it can be cheated;
# - compute shares from tickets, nice values and weights, and tell luck from guarantee;
# - say which deadlines are missed under rate monotonic and under earliest deadline first;
# - explain what a second CPU changes: idle cores, stealing, affinity, the price of moving;
# - read steal time, and explain why a VM can be slow on an idle machine;
# - change one decision of a schedule and say what it would have cost; find a policy's worst case;
# - write a policy of your own that keeps every promise.
#
# **Time** about 120 minutes; sections 1 to 5 and 6 to 12 make two good evenings. **Before**
# [06 Scheduling I](06_scheduling.ipynb). **After** the
# [exercises of chapter 07](../exercises/07_scheduling_ii.ipynb).
#
# As before: write your prediction in place of the three dots, run the cell, then run the cells
# below it. Clear the outputs first (*Edit > Clear Outputs of All Cells*).

# %%
from fractions import Fraction
from math import comb, log, sqrt

from vcloud_lab import FCFS, HRRN, PRIORITY, RR, SJF, SRTF, Job, Workload, random_workload, simulate
from vcloud_lab.check import judge, predict, reveal
from vcloud_lab.glossary import terms
from vcloud_lab.render import compare, gantt, lines, table
from vcloud_lab.scheduling import (
    EDF,
    OWN,
    RM,
    PeriodicTasks,
    grid,
    io_every,
    least_waiting,
    missed,
    response_times,
    show,
    sweep,
    utilisation,
    what_if,
    within_liu_layland,
    worst_case,
)
from vcloud_lab.scheduling.barriers import with_barriers
from vcloud_lab.scheduling.cloudlets import Cloudlet, Host, Vm
from vcloud_lab.scheduling.credit import CREDIT
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ
from vcloud_lab.scheduling.gang import gang_schedule
from vcloud_lab.scheduling.service import received, stolen
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE
from vcloud_lab.scheduling.sharing import share
from vcloud_lab.scheduling.weights import NICE_WEIGHTS
from vcloud_lab.widgets import ScheduleExplorer

# %% [markdown]
# ## 1. Starvation and ageing
#
# **Idea.** Give each job a *priority* and always run the highest: simple, and cruel to whoever is
# at the bottom. As long as more important jobs keep coming, it waits. *Ageing* is the cure: the
# longer a job is there, the higher its priority becomes. In this course a small number is a high
# priority, as in most textbooks, and with `ageing=2` a job's number falls by 1 every 2 ticks.
#
# **Predict.** A slow job of priority 10 is there from time 0 on. A VIP of priority 1 and burst 2
# comes at 0, 2, 4, ... and keeps the CPU busy. When does the slow job run for the first time with
# `ageing=2`? (Among equal numbers, who came first wins.)

# %%
predict("07.ageing", ...)

# %%
vips = Workload([("slow", 0, 3)] + [(f"vip {i}", 2 * i, 2) for i in range(11)])
numbers = dict.fromkeys(vips.names, 1) | {"slow": 10}
aged = simulate(vips, PRIORITY(numbers, preemptive=True, ageing=2))
reveal("07.ageing", aged.response["slow"])

# %%
gantt(aged)

# %% [markdown]
# **Experiment.** The same with other speeds of ageing, and with none:

# %%
rows = []
for ageing in (None, 4, 2, 1):
    s = simulate(vips, PRIORITY(numbers, preemptive=True, ageing=ageing))
    rows.append(
        {"ageing": ageing, "slow runs at": s.response["slow"], "waiting": s.mean("waiting")}
    )
table(rows)

# %% [markdown]
# **Read the result.** Without ageing the slow job runs when the last VIP is gone, at
# {{rows[0]["slow runs at"]}}; with more VIPs it would be later, without bound. With `ageing=4` it
# would have reached the VIPs at time {{4 * (10 - 1)}}, but by then they were gone anyway. With
# `ageing=1` it is equal to a newcomer at time {{10 - 1}} and runs at {{rows[3]["slow runs at"]}}: a
# scheduler looks at priorities when it has a choice to make, not all the time.
#
# SJF starves long jobs in the same way. **HRRN** (highest response ratio next) is SJF with ageing
# built in: it takes the job with the largest (waited + burst) / burst. Let short jobs come one
# after the other, five of them at the start, so that there is always a choice:

# %%
rows = []
for count in (10, 20, 40, 80):
    shorts = [(f"short {i}", max(0, 2 * (i - 5)), 2) for i in range(count)]
    busy = Workload([*shorts, ("long", 0, 8)])
    rows.append({"short jobs": count} | {
        f"long waits, {policy.__name__}": simulate(busy, policy).waiting["long"]
        for policy in (SJF, HRRN)
    })  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** Under SJF the long job waits for every short one that ever comes. Under HRRN
# it waits at most {{rows[-1]["long waits, HRRN"]}} ticks, however many there are: each tick of
# waiting makes it more urgent, until it is more urgent than any short one.

# %% [markdown]
# **Check.** 07.1 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 2. I/O: jobs that wait for something else
#
# **Idea.** Most programs compute a little, then wait for a disk, the network or a person. While
# one waits, the CPU is free for another: good scheduling *overlaps* CPU and I/O. In the code,
# `io=[(2, 5)]` means: after 2 ticks of CPU in total, be away for 5. What lies between two such
# waits is a *CPU burst*, and for SJF and SRTF each CPU burst counts as a job of its own, because
# the scheduler sees no more than that.
#
# **Predict.** An editor needs 6 ticks of CPU and waits 2 ticks after every 2. A batch job needs 8
# without any wait. Both are there at 0. When is the last one complete under SRTF?

# %%
predict("07.overlap", ...)

# %%
desk = Workload([Job("editor", 0, 6, io=io_every(6, 2, 2)), Job("batch", 0, 8)])
overlap = simulate(desk, SRTF)
reveal("07.overlap", overlap.makespan)

# %%
gantt(overlap)

# %% [markdown]
# **Experiment.** First come, first served on the same jobs:

# %%
compare([simulate(desk, FCFS), overlap])

# %% [markdown]
# **Read the result.** Under SRTF the CPU is never idle: the batch job runs exactly while the
# editor waits. Under FCFS the editor comes back and finds the CPU taken; when the batch job is
# done there is nobody left to overlap with. A job that soon goes away again should go *first*: it
# costs the others little, and its device starts working earlier. Waiting is now turnaround - burst
# - I/O, because time at a device is nobody's fault.
#
# Round robin does not see this. A job that uses 1 tick of its quantum queues behind those that use
# all of it:

# %%
chat = [Job("chat", 0, 20, io=io_every(20, 1, 4)), *(Job(f"batch {i}", 0, 300) for i in (1, 2))]
rows = []
for policy in (RR(10), RR(2), SRTF):
    s = simulate(chat, policy)
    rows.append({"policy": s.label, "chat waits, per CPU burst": Fraction(s.waiting["chat"], 20),
                 "switches": s.context_switches})  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** With RR(10) each keystroke of the chat waits
# {{show(rows[0]["chat waits, per CPU burst"])}} ticks on average. A shorter quantum helps, at the
# price of many switches. SRTF serves the chat at once, but it needs to know the bursts. Is there a
# scheduler that gives quick answers to interactive jobs and does *not* know the future?

# %% [markdown]
# **Check.** 07.2 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 3. MLFQ: learning from the past
#
# **Idea.** The *multi-level feedback queue* watches what a job does and guesses what it will do.
# Its rules, one by one:
#
# 1. Of two jobs in different queues, the one in the higher queue runs.
# 2. Jobs of one queue take turns, with that queue's quantum.
# 3. A new job starts in the top queue: perhaps it is short.
# 4. A job that has used up its *allotment* in a queue moves down one: it was not short.
#
# A job that always waits for I/O before it has used much stays near the top, so interactive jobs
# are served first, and nobody had to tell the scheduler which they are.
#
# **Predict.** Three queues, quantum 10, an allotment of one quantum. A long job starts alone at
# 0. When does it reach the lowest queue?

# %%
predict("07.bottom", ...)

# %%
learn = Workload([("long", 0, 60), ("short", 32, 15)])
mlfq = simulate(learn, MLFQ(queues=3, quantum=10))
down = [d.time for d in mlfq.ledger() if "long used up its allotment" in d.reason]
reveal("07.bottom", down[-1])

# %%
gantt(mlfq)

# %%
for decision in mlfq.ledger():
    print(f"t={decision.time:2}  {decision.reason}")

# %% [markdown]
# **Read the result.** As in OSTEP (see the sources), the lowest queue is called queue 0. The
# short job comes at 32, goes to the top and takes the CPU at once; the long one has sunk and
# continues when the short one is done. That is close to what SRTF would do, without knowing any
# burst.
#
# ### Gaming the scheduler
#
# **Idea.** Suppose the scheduler forgives: a job that starts an I/O gets its whole allotment back
# (`stay=True`, the first version of the rules in OSTEP). Then a clever program does a tiny I/O
# just before its allotment is over, for ever.
#
# **Predict.** `gamer` computes 9 ticks, waits 1, and so on. `honest` only computes. Quantum and
# allotment are 10. How many of the first 100 ticks does the gamer get?

# %%
predict("07.game", ...)

# %%
players = Workload([Job("gamer", 0, 90, io=io_every(90, 9, 1)), Job("honest", 0, 90)])
gamed = simulate(players, MLFQ(3, 10, stay=True))
reveal("07.game", received(gamed, 0, 100)["gamer"], tolerance=8)

# %%
gantt(gamed, window=(0, 100))

# %% [markdown]
# **Read the result.** After one quantum the honest job has sunk and gets only the tick in which
# the gamer is away. The gamer looks interactive and is not.
#
# **The cure** is better book-keeping: count all the time that a job spends in a queue, however
# many I/O it does in between. This is `stay=False`, the default:

# %%
cured = simulate(players, MLFQ(3, 10))
table([
    {"rule": rule} | received(s, 0, 100)
    for rule, s in (("an I/O renews the allotment", gamed), ("all time counts", cured))
])  # fmt: skip

# %% [markdown]
# **Read the result.** Now both sink alike, and cheating no longer pays: whoever goes away loses
# its turn.
#
# ### Boost
#
# **Idea.** Rule 4 has a price. If short jobs keep coming, a job at the bottom starves; and one
# that has become interactive never rises again. Hence a last rule:
#
# 5. From time to time move *all* jobs up to the top queue.
#
# **Experiment.** A job of 48 ticks, and short ones that keep the CPU busy by themselves:

# %%
crowd = Workload([("long", 0, 48)] + [(str(i), 8 * i, 8) for i in range(1, 16)])
runs = {boost: simulate(crowd, MLFQ(3, 8, boost=boost)) for boost in (None, 64, 32, 16)}
table([
    {"boost every": boost, "CPU for long, to 64": received(s, 0, 64)["long"],
     "to 128": received(s, 0, 128)["long"], "mean response": s.mean("response")}
    for boost, s in runs.items()
])  # fmt: skip

# %%
gantt(runs[32], jobs=["long"])

# %% [markdown]
# **Read the result.** Without a boost the long job gets its first
# {{received(runs[None], 0, 128)["long"]}} ticks and then nothing until the last short one is gone.
# Each boost gives it one more turn at the top, once it is there. The others pay: the
# more often, the later they start. How often is right? There is no right answer, only a compromise;
# OSTEP quotes a name for such constants: *voo-doo constants*.
#
# ### An older cousin
#
# **Idea.** In Stallings' book *feedback* scheduling penalises jobs that have already run for long:
# after each quantum a job moves down a queue, without allotment or boost. His five jobs:

# %%
five = Workload([("A", 0, 3), ("B", 2, 6), ("C", 4, 4), ("D", 6, 5), ("E", 8, 2)])
compare([simulate(five, p) for p in (RR(1), FEEDBACK(1), FEEDBACK(1, growth="double"))])

# %% [markdown]
# **Read the result.** New jobs get the CPU at once, so the mean response is tiny, and short jobs
# are done early. If every queue has the same quantum, old jobs are interrupted all the time; if the
# quantum doubles from queue to queue, there are fewer switches.

# %% [markdown]
# **Check.** 07.3 and 07.12 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 4. Shares by lottery, and by stride
#
# **Idea.** Until now the question was *who first?* Another question is *how much for whom?* In a
# *lottery* each job holds tickets. For every quantum one ticket is drawn, and its owner runs. Who
# has 75 of 100 tickets gets three quarters of the CPU: on average.
#
# **Predict.** A has 75 tickets, B has 25. In what percentage of all lotteries does A win exactly
# 15 of the first 20 draws?

# %%
predict("07.lottery", ...)

# %%
tickets = {"A": 75, "B": 25}
short = Workload([("A", 0, 20), ("B", 0, 20)])
runs = [simulate(short, LOTTERY(tickets, seed=seed)) for seed in range(400)]
wins = [received(s, 0, 20)["A"] for s in runs]
reveal("07.lottery", Fraction(100 * wins.count(15), len(wins)), tolerance=4)

# %%
across = range(8, 21)
curves = {
    "400 lotteries": [Fraction(100 * wins.count(k), 400) for k in across],
    "binomial law": [Fraction(100 * comb(20, k) * 3**k, 4**20) for k in across],
}
lines(across, curves, xlabel="draws that A wins, of 20", ylabel="percent of lotteries")

# %% [markdown]
# **Read the result.** The most likely outcome is the fair one, and still it is rare: in most
# lotteries A gets more or less than its due, in a few less than half. *Stride* scheduling does the
# same without dice. Each job has a *pass*; the smallest runs, and its pass grows by a *stride* that
# is smaller the more tickets it has.

# %%
pair = Workload([("A", 0, 60), ("B", 0, 60)])
policies = {f"lottery, seed {seed}": LOTTERY(tickets, seed=seed) for seed in (0, 2, 4)}
policies["stride"] = STRIDE(tickets)
quanta = range(1, 61)
curves = {}
for name, policy in policies.items():
    s = simulate(pair, policy)
    curves[name] = [100 * Fraction(received(s, 0, n)["A"], n) for n in quanta]
lines(quanta, curves, xlabel="quanta so far", ylabel="share of A in percent")

# %% [markdown]
# The ledger of stride scheduling, with the passes by which it decides:

# %%
stride = simulate(pair, STRIDE(tickets))
for decision in list(stride.ledger())[:6]:
    print(f"t={decision.time}  {decision.reason}")
due = [abs(received(stride, 0, n)["A"] - Fraction(3 * n, 4)) for n in quanta]
print(f"never further than {show(max(due))} of a quantum from its due")

# %% [markdown]
# **How far off is a lottery?** The number of wins in n draws has the variance n · p · (1 - p). Here
# it is measured over 200 seeds, as an exact fraction:

# %%
rows = []
for n in (20, 80, 320):
    jobs = Workload([("A", 0, n), ("B", 0, n)])
    wins = [received(simulate(jobs, LOTTERY(tickets, seed=k)), 0, n)["A"] for k in range(200)]
    mean = Fraction(sum(wins), 200)
    variance = sum((w - mean) ** 2 for w in wins) / 200
    rows.append({"draws": n, "mean": mean, "variance": variance, "law": Fraction(3 * n, 16),
                 "deviation of the share, %": round(100 * sqrt(variance) / n, 1)})  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** In 16 times as many draws the *number* of wins scatters 4 times as much, but
# the *share* only a quarter as much: from {{rows[0]["deviation of the share, %"]}} % to
# {{rows[-1]["deviation of the share, %"]}} %. A lottery is fair in the long run and unfair to a
# short job. For that it needs no memory at all: a newcomer just brings its tickets, while stride
# has to decide with which pass it starts.

# %% [markdown]
# **Check.** 07.4 and 07.5 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 5. Fair shares: nice values, CFS and EEVDF
#
# **Idea.** Unix users ask for less by being *nice*: from -20 (greedy) over 0 (usual) to 19. Linux
# gives each nice value a *weight*, {{NICE_WEIGHTS[0]}} for nice 0, and each step is worth about a
# quarter more or a fifth less. A job's share is its weight over the sum of all weights.
#
# **Predict.** One job of nice 0 and one of nice 5 (weight {{NICE_WEIGHTS[5]}}) compute all the
# time. What percentage of the CPU does the first one get?

# %%
predict("07.nice", ...)

# %%
both = Workload([("usual", 0, 6000), ("nice", 0, 6000)])
s = simulate(both, CFS({"usual": 0, "nice": 5}))
reveal("07.nice", Fraction(received(s, 0, 6000)["usual"], 60), tolerance=2)

# %% [markdown]
# **By hand.** The *completely fair scheduler* (CFS) counts for each job a *virtual runtime*: CPU
# time divided by weight (Linux scales it so that nice 0 counts as 1). The job with the smallest
# one runs next. Two jobs of weights 2 and 1; in each period of 6 ticks (the *latency*) A may run
# 4 and B 2:

# %%
weights = {"A": 2, "B": 1}
cfs = simulate([("A", 0, 12), ("B", 0, 6)], CFS(weights=weights, latency=6))
virtual = {"A": 0, "B": 0}
for piece in cfs.slices():
    virtual[piece.job] += Fraction(piece.end - piece.start, weights[piece.job])
    print(f"{piece.start:2} to {piece.end:2}: {piece.job} runs; virtual runtimes: "
          f"A {virtual['A']}, B {virtual['B']}")  # fmt: skip

# %% [markdown]
# **Read the result.** A clock that runs at half speed for A is all it takes: keep the clocks
# together, and A gets twice as much. The nice values, against the promise of the weights:

# %%
rows = []
for nice in (1, 5, 10, 19):
    s = simulate(both, CFS({"usual": 0, "nice": nice}))
    due = Fraction(100 * NICE_WEIGHTS[0], NICE_WEIGHTS[0] + NICE_WEIGHTS[nice])
    got = Fraction(received(s, 0, 6000)["usual"], 60)
    rows.append({"nice 0 against nice": nice, "promised %": due, "received %": got})
table(rows)

# %% [markdown]
# **Read the result.** As promised, to within a slice: a slice is a whole number of ticks, but what
# one job gets too much this time, its virtual runtime makes it wait for the next time.
#
# A real kernel can say the same about itself. The next cell is for your own machine and runs only
# where that is Linux: two loops compete for one CPU for two seconds, then they are gone.

# %% tags=["nbval-skip"]
from vcloud_lab.scheduling.linux import observe_nice

observe_nice([0, 5], seconds=2)

# %% [markdown]
# **EEVDF** (earliest eligible virtual deadline first) asks each job for a second number: how long a
# *slice* it wants at a time. Who has had more than its share is not *eligible*; among the eligible,
# the earliest virtual deadline (start + slice / weight) wins. Short slices have early deadlines. C
# asks for slices of 1, A and B for 3, and all have the same weight:

# %%
three = Workload([("A", 0, 12), ("B", 0, 12), ("C", 0, 12)])
slices = {"A": 3, "B": 3, "C": 1}
eevdf = simulate(three, EEVDF(slice=slices))
compare([simulate(three, EEVDF()), eevdf], window=(0, 24))

# %%
for decision in list(eevdf.ledger())[:6]:
    print(f"t={decision.time}  {decision.reason}")
print(received(eevdf, 0, 27))

# %% [markdown]
# **Read the result.** The shares are equal, as before, but C never has to wait for both others in
# a row. A weight says *how much*, a slice says *how soon*. Lottery, stride, CFS and EEVDF answer
# the same question with more and more care.

# %% [markdown]
# **Check.** 07.6 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 6. Deadlines
#
# **Idea.** An airbag does not ask for a share. A *periodic task* (period, burst) releases a job at
# the start of every period, and each must be complete before the next one is released. *Rate
# monotonic* (RM) gives the shortest period the highest priority, once and for all. *Earliest
# deadline first* (EDF) always runs the job that is due first. The *utilisation* of a set is the sum
# of burst / period: above 1 nothing can help.
#
# **Predict.** A has period 5 and burst 2, B has period 7 and burst 4. The jobs of A are called A.1,
# A.2, ... Which job is the first to miss its deadline under RM?

# %%
predict("07.misses", ...)

# %%
plant = PeriodicTasks([("A", 5, 2), ("B", 7, 4)])
rm, edf = simulate(plant.workload, RM(plant)), simulate(plant.workload, EDF(plant))
reveal("07.misses", missed(rm, plant)[0].job)

# %%
compare([rm, edf])

# %%
for s in (rm, edf):
    late = [f"{m.job} is due at {m.deadline} and ends at {m.completion}" for m in missed(s, plant)]
    print(f"{s.label}: {'; '.join(late) or 'no deadline is missed'}")
print(f"utilisation {utilisation(plant)}; worst response under RM: {response_times(plant)}")

# %% [markdown]
# **Read the result.** At time 5, A.2 takes the CPU from B.1, which is due at 7, although A.2 has
# until 10. EDF lets B.1 finish first. What can be said without drawing charts (Liu and Layland,
# 1973, for one CPU, free preemption, and deadlines at the end of the period):
#
# - EDF meets every deadline if and only if the utilisation is at most 1.
# - RM meets every deadline if the utilisation of n tasks is at most n · (2^(1/n) - 1), which is
#   {{round(2 * (sqrt(2) - 1), 2)}} for two tasks and about {{round(log(2), 2)}} for many. If it is
#   more, RM *may* fail, or not.
#
# **Experiment.** Three sets: below the bound, above it and lucky, and more than there is:

# %%
sets = {
    "light": PeriodicTasks([("A", 5, 2), ("B", 7, 2)]),
    "harmonic": PeriodicTasks([("A", 4, 2), ("B", 8, 2), ("C", 16, 4)]),
    "too much": PeriodicTasks([("A", 5, 3), ("B", 7, 4)], until=35),
}
rows = []
for name, tasks in sets.items():
    row = {"set": name, "utilisation": utilisation(tasks), "bound holds": within_liu_layland(tasks)}
    for policy in (RM(tasks), EDF(tasks)):
        late = [miss.job[0] for miss in missed(simulate(tasks.workload, policy), tasks)]
        row[f"late, {policy.name}"] = f"A {late.count('A')}, B {late.count('B')}"
    rows.append(row)
table(rows)

# %% [markdown]
# **Read the result.** The bound is a promise, not a limit: the harmonic set (each period divides
# the next) uses the whole CPU and RM misses nothing. When there is too much to do, RM at least
# fails in an orderly way: the task with the shortest period still meets everything, and only B is
# late. Under EDF one late job makes the next one late, whoever it belongs to.

# %% [markdown]
# **Check.** 07.7 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 7. Many CPUs
#
# **Idea.** With several CPUs there are two ways to queue: *one queue for all* (like one line for
# all counters in a post office), or *a queue for each core* (like a supermarket). One queue keeps
# everybody busy but moves jobs about, and all CPUs fight for it. A queue for each core keeps jobs
# where their caches are, and one core may run dry while another has a long line. *Work stealing*
# mends that: an idle core takes a job from the longest line.
#
# **Predict.** Two CPUs, round robin with q = 2, a queue for each, no stealing. Bursts A 9, B 2,
# C 9, D 2, E 6; each new job joins the CPU with the fewest jobs, the first of equals. When is the
# last job complete?

# %%
predict("07.queues", ...)

# %%
office = Workload([("A", 0, 9), ("B", 0, 2), ("C", 0, 9), ("D", 0, 2), ("E", 0, 6)])
alone = simulate(office, RR(2), cpus=2, queues="per-core", steal=False)
reveal("07.queues", alone.makespan)

# %%
shared = simulate(office, RR(2), cpus=2)
stealing = simulate(office, RR(2), cpus=2, queues="per-core")
compare({"one queue": shared, "per core": alone, "stealing": stealing})

# %% [markdown]
# **Read the result.** Without stealing CPU 1 is idle from 4 on: long jobs went to the other line,
# and nobody knew that beforehand. With stealing the last completion is at
# {{stealing.makespan}}, as with one queue. But look at how often jobs change their CPU: a
# *migration*. A job that moves leaves its warm cache behind. Let a move cost one tick:

# %%
trio = Workload([("A", 0, 12), ("B", 0, 12), ("C", 0, 12)])
rows = []
for name, options in (("one queue", {}), ("stealing", {"queues": "per-core"}),
                      ("per core", {"queues": "per-core", "steal": False}),
                      ("one queue, A pinned", {"affinity": {"A": [0]}})):  # fmt: skip
    free = simulate(trio, RR(2), cpus=2, **options)
    paid = simulate(trio, RR(2), cpus=2, migration_cost=1, **options)
    rows.append({"queues": name, "migrations": free.migrations, "ends at": free.makespan,
                 "ends at, move costs 1": paid.makespan})  # fmt: skip
table(rows)

# %% [markdown]
# **Read the result.** When moving is free, one queue is as good as it gets. When it costs, nearly
# every turn of the one queue pays for it, and a queue for each core wins: with stealing there is
# one single move. *Affinity* (pinning a job to some CPUs) forbids moves by order: A never moves
# again. That saves moves, and costs time where A's CPU is taken while another is free.
#
# **Predict.** On one CPU, SRTF has the smallest mean waiting time of all policies. Five jobs
# (arrival, burst) = (0, 2), (0, 1), (0, 1), (2, 1), (2, 1) on *two* CPUs: which policy has the
# smaller mean waiting time, FCFS or SRTF? Write its name as a text.

# %%
predict("07.two", ...)

# %%
duel = Workload([("A", 0, 2), ("B", 0, 1), ("C", 0, 1), ("D", 2, 1), ("E", 2, 1)])
first, least = simulate(duel, FCFS, cpus=2), simulate(duel, SRTF, cpus=2)
reveal("07.two", min((first, least), key=lambda s: s.mean("waiting")).policy.name)

# %%
compare([first, least])

# %% [markdown]
# **Read the result.** SRTF serves the two short jobs first, side by side. After that the long one
# runs alone, one CPU has nothing to do, and at time 2 there are three jobs for two CPUs. What is
# right on one CPU need not be right on two; with arrivals to come, no simple rule is best.

# %% [markdown]
# **Check.** 07.8 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 8. vCPUs are jobs
#
# **Idea.** A hypervisor has the same problem one level down: its jobs are the *virtual CPUs* of
# the guests. Xen's credit scheduler gives each VM a *weight* (256 if nobody says otherwise) and
# perhaps a *cap*. CPU time costs credits; every 30 ms new credits are handed out by weight. Who has
# credits (UNDER) goes before who has overdrawn (OVER). One tick is 1 ms here.
#
# The guest knows nothing of this. It only notices that it was ready and did not run: *steal time*.
# On Linux `top` shows it as `st`.
#
# **Predict.** Two VMs compute all the time: `db` with weight 512 and `web` with 256, on one CPU.
# What percentage of the first 180 ms is stolen from `web`?

# %%
predict("07.steal", ...)

# %%
vms = Workload([("db", 0, 120), ("web", 0, 120)], unit="ms")
credit = simulate(vms, CREDIT({"db": 512, "web": 256}))
reveal("07.steal", Fraction(100 * stolen(credit, 0, 180)["web"], 180))

# %%
gantt(credit)

# %%
assert stolen(credit) == credit.waiting
for decision in list(credit.ledger())[:6]:
    print(f"t={decision.time:2}  {decision.reason}")

# %% [markdown]
# **Read the result.** Two thirds and one third, as the weights say. Over its whole life a vCPU's
# steal time *is* its waiting time: chapter 06 has already taught you how to read it from a chart. A
# weight matters only while others compete: from 180 on `web` has the CPU to itself.
#
# ### Slow on an idle machine
#
# **Idea.** A *cap* is different. It is in percent of a CPU, and holds even if nobody else wants it:
# the customer paid for so much. A VM that has had its part of a period is parked until the next.
#
# **Predict.** A VM with a cap of 25 % is alone on the machine and has 30 ms of work. When is it
# done?

# %%
predict("07.cap", ...)

# %%
capped = simulate(Workload([("VM", 0, 30)], unit="ms"), CREDIT(caps={"VM": 25}))
reveal("07.cap", capped.makespan)

# %%
gantt(capped)

# %% [markdown]
# **Read the result.** The CPU idles for {{show(stolen(capped)["VM"])}} ms of the
# {{show(capped.makespan)}}, and all of it is steal time for the guest, though no other VM exists.
# Whoever sees steal time and looks for a noisy neighbour may look in vain. The same happens to
# containers with a CPU limit (chapter 10).
#
# ### Gangs: vCPUs that wait for each other
#
# **Idea.** If the vCPUs of one VM meet at *barriers* (each computes a bit, then all wait for the
# last), a vCPU that runs while its sister does not can only *spin*: busy, and getting nowhere.
# *Gang scheduling* runs all vCPUs of a VM at the same time or none of them.
#
# **Predict.** Two VMs of 2 vCPUs and one of 1, each vCPU with 12 ticks of work and a barrier after
# every tick, on 2 CPUs with quantum 4. Scheduling vCPU by vCPU never leaves a CPU idle. Gang
# scheduling does, next to the narrow VM. Which is done first, `"gang"` or `"independent"`?

# %%
predict("07.gang", ...)

# %%
guests = [("VM1", 0, 12, 2), ("VM2", 0, 12, 2), ("solo", 0, 12, 1)]
gang, independent = (
    with_barriers(guests, cpus=2, quantum=4, grain=1, scheduling=name)
    for name in ("gang", "independent")
)
reveal("07.gang", min((gang, independent), key=lambda run: run.makespan).scheduling)

# %%
table([
    {"grain": grain, "scheduling": run.scheduling, "useful": run.useful, "spinning": run.spinning,
     "idle": run.idle, "ends at": run.makespan}
    for grain in (1, 4, 12)
    for name in ("gang", "independent")
    for run in [with_barriers(guests, cpus=2, quantum=4, grain=grain, scheduling=name)]
])  # fmt: skip

# %% [markdown]
# **Read the result.** With a barrier at every tick (grain 1), {{show(100 * independent.waste, 0)}} %
# of the CPU time is burnt by spinning, and whoever looks at the CPU's utilisation takes it for
# work. If threads meet no more than once in a quantum, nobody spins in this example, a gang is
# worth nothing, and its holes remain: the matrix of who runs together.

# %%
rota = gang_schedule(guests, cpus=2, quantum=4)
table([
    {"turn": turn} | {f"CPU {cpu}": name for cpu, name in enumerate(row)}
    for turn, row in enumerate(rota.matrix(0), start=1)
])  # fmt: skip

# %% [markdown]
# **Check.** 07.9 and 07.10 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 9. Two levels: the VM's share, and the task's share of that
#
# **Idea.** In a cloud a host schedules VMs and each VM schedules its tasks. The simulator CloudSim
# gives both the same choice: *space-shared* (a core belongs to one at a time, the others queue) or
# *time-shared* (all run at once, each at a part of the speed). Two levels, two choices: four
# combinations. Speed is in MIPS, a task is so many million instructions.
#
# **Predict.** A host with 2 cores of 1000 MIPS. Two VMs, each asking for 2 cores. Each VM has four
# tasks of 4000 million instructions, which take 4 seconds on a core alone. Both levels are
# time-shared. When does the first task end?

# %%
predict("07.levels", ...)


# %%
def run_tasks(vms, tasks):
    machines = [Vm("VM1", pes=2, mips=1000, tasks=tasks), Vm("VM2", pes=2, mips=1000, tasks=tasks)]
    cloudlets = [Cloudlet(f"t{i}", "VM1" if i < 5 else "VM2", 4000) for i in range(1, 9)]
    return share(Host(pes=2, mips=1000), machines, cloudlets, vms=vms)


reveal("07.levels", run_tasks("time", "time").finish["t1"])

# %%
rows = []
for vms in ("space", "time"):
    for tasks in ("space", "time"):
        finish = run_tasks(vms, tasks).finish
        mean = Fraction(sum(finish.values()), 8)
        rows.append({"VMs by": vms, "tasks by": tasks} | finish | {"mean": mean})
table(rows)

# %% [markdown]
# **Read the result.** The same work ends at {{rows[0]["t8"]}} in all four; only *who waits* differs.
# Space for both is FCFS on two levels, time for both is round robin with a tiny quantum, and the
# mean says what chapter 06 said: with equal bursts, running one after the other is better for the
# mean, and running all at once is worse for everybody but the last. Mixed forms are fair on one
# level and quick on the other.
#
# Two results that CloudSim itself publishes with its examples: a task of 400,000 at 1000 MIPS, and
# two of 40,000 in VMs of 250 and 500 MIPS:

# %%
example1 = share(Host(1, 1000), [Vm("VM", 1, 1000)], [Cloudlet("A", "VM", 400_000)])
hosts = [Host(1, 1000, ram=2048), Host(1, 1000, ram=2048)]
slow_fast = [Vm("slow", 1, 250, ram=2048), Vm("fast", 1, 500, ram=2048)]
example3 = share(hosts, slow_fast, [Cloudlet("A", "slow", 40_000), Cloudlet("B", "fast", 40_000)])
print(example1.cpu_time, example3.cpu_time)

# %% [markdown]
# **Read the result.** The "slow" VM is slow on an idle host: a VM never gets more MIPS than it asks
# for. That is the cap of section 8 again.

# %% [markdown]
# ## 10. What if?
#
# **Idea.** A ledger says why a decision was taken. Was it a good one? Go back to that moment, give
# the CPU to somebody else, let the policy decide everything else as ever, and compare. Such a
# *counterfactual* is exact here.
#
# **Predict.** The four jobs of chapter 06, (0, 8), (1, 4), (2, 9), (3, 5), under FCFS. At time 8,
# P2, P3 and P4 are waiting and FCFS takes P2. Had it taken P4, by how much would the *mean* waiting
# time change? Better is negative.

# %%
predict("07.whatif", ...)

# %%
mixed = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
fcfs = simulate(mixed, FCFS)
decision, others = what_if(fcfs, 1)
reveal("07.whatif", {other.job: other.change for other in others}["P4"])

# %%
print(f"t={decision.time}: {decision.reason}")
for other in others:
    print(f"had it chosen {other.job}, mean waiting would be "
          f"{show(other.schedule.mean('waiting'))} instead of {show(fcfs.mean('waiting'))}")  # fmt: skip

# %%
compare({"FCFS": fcfs} | {f"with {other.job} at 8": other.schedule for other in others})

# %% [markdown]
# **Experiment.** All alternatives of a whole schedule, for SJF:


# %%
def alternatives(schedule):
    for number in range(schedule.counters["dispatches"]):
        decision, others = what_if(schedule, number)
        for other in others:
            yield {"time": decision.time, "chosen": decision.chosen, "instead": other.job,
                   "change of mean waiting": other.change}  # fmt: skip


table(list(alternatives(simulate(mixed, SJF))))

# %% [markdown]
# **Read the result.** No single other choice would have been better; is SJF therefore the best?
# No: SRTF is better on these jobs ({{show(simulate(mixed, SRTF).mean("waiting"))}} against
# {{show(simulate(mixed, SJF).mean("waiting"))}}), but to get there one would have to preempt, and
# SJF is never *asked* then. A what-if looks at one decision at a time.
#
# For SRTF the table can have no negative row, on any workload, because no schedule at all is better.
# Try to refute it on 50 random ones:

# %%
changes = [
    row["change of mean waiting"]
    for seed in range(50)
    for row in alternatives(simulate(random_workload(8, seed, "0.9"), SRTF))
]
print(f"{len(changes)} alternatives: the least change is {show(min(changes))}, "
      f"the largest {show(max(changes))}")  # fmt: skip
assert min(changes) >= 0

# %% [markdown]
# **Check.** 07.11 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 11. The adversary
#
# **Idea.** An average over random workloads says how good a policy *usually* is. An *adversary* asks
# how bad it can *get*: it looks for the workload with the largest ratio of mean turnaround to the
# best that any schedule has. If the workloads are small, it can simply try **all** of them. That is
# not a sample but a proof, for workloads of that size.
#
# **Predict.** Two jobs with whole arrivals 0 or 1 and bursts from 1 to 8. FCFS against the best
# possible: what is the worst ratio? You may write a fraction as text.

# %%
predict("07.adversary", ...)

# %%
worst = worst_case(FCFS, jobs=2, latest=1, longest=8)
reveal("07.adversary", worst.ratio)

# %%
print(f"tried {worst.tried} workloads; the worst:")
simulate(worst.workload, FCFS)

# %% [markdown]
# **Read the result.** A convoy, of course: a long job, and a short one that comes just too late. The
# adversary found section 2 of chapter 06 by itself. Both jobs are complete after a turnaround of
# {{simulate(worst.workload, FCFS).mean("turnaround")}}; the best schedule lets the short one
# overtake and has a mean waiting time of {{show(least_waiting(worst.workload))}}. How bad can it
# get?

# %%
rows = []
for longest in (2, 4, 8, 16):
    found = worst_case(FCFS, jobs=2, latest=1, longest=longest)
    rows.append({"longest burst": longest, "tried": found.tried, "worst ratio": found.ratio})
table(rows)

# %% [markdown]
# **Read the result.** The ratio creeps towards 2, the number of jobs: in the limit everybody waits
# for the lorry. Now all policies, on all workloads of three jobs:

# %%
rows = []
for policy in (FCFS(), SJF(), HRRN(), RR(1), SRTF()):
    found = worst_case(policy, jobs=3, latest=2, longest=4)
    jobs = ", ".join(f"({job.arrival}, {job.burst})" for job in found.workload.jobs)
    rows.append({"policy": policy.label, "worst ratio": found.ratio, "jobs": jobs})
print(f"each on {found.tried} workloads")
table(rows)

# %% [markdown]
# **Read the result.** SRTF has the ratio 1: on none of these workloads is any schedule better. (That
# it holds for *all* workloads is the exchange argument of chapter 06; trying cases proves only the
# cases.) SJF is as bad as FCFS here: once the lorry is on the road, it is too late to be clever.
# Round robin has a worst case of another kind: jobs of nearly equal length, all finishing late.

# %% [markdown]
# **Check.** Be the adversary: 07.13 and 07.14 in the
# [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 12. Your own policy
#
# **Idea.** A policy is a function: it gets the ready jobs and the time, and returns one of them.
# Each job has `name`, `arrival`, `burst`, `left` and `waited`. `OWN` makes a policy of it, and
# `judge` puts it on trial: on hidden workloads no time may be lost or invented, nobody may run
# before arriving, the CPU may not idle while somebody is ready, and the same jobs must give the same
# schedule. Who keeps every promise is ranked.
#
# **Predict.** *Newest first*: always the job that came last. Against SRTF, SJF, HRRN, RR and FCFS,
# which place does it get by mean waiting time, from 1 to 6?

# %%
predict("07.own", ...)


# %%
def newest(ready, now):
    return ready[-1]


verdict = judge(newest)
reveal("07.own", verdict.place)

# %%
verdict

# %% [markdown]
# **Read the result.** It is a correct scheduler and a bad one: look at the *longest wait*. *Gap* is
# the mean turnaround over the least possible, on small workloads: the judge tries all schedules, as
# the adversary did. Next a policy that breaks a promise: "I prefer short jobs", and no word about
# what happens if there is none:


# %%
def only_short(ready, now):
    for job in ready:
        if job.left < 5:
            return job


judge(only_short)

# %% [markdown]
# One that remembers, and so decides differently the next time:

# %%
seen = []


def moody(ready, now):
    seen.append(now)
    return ready[len(seen) % len(ready)]


judge(moody)

# %% [markdown]
# And one that promises fairness and does not keep it. `fair=4` demands: nobody is ready for longer
# than 4 ticks for each other job without running.

# %%
judge(OWN(newest, preemptive=True), fair=4)

# %% [markdown]
# **Read the result.** Each verdict names the promise, the moment and a workload on which you can see
# it. Now something better: SRTF, softened by what a job has waited. The quantum makes sure that it
# is asked again from time to time:


# %%
def patient(ready, now):
    return min(ready, key=lambda job: job.left - Fraction(job.waited, 2))


judge(OWN(patient, preemptive=True, quantum=2))

# %% [markdown]
# **Read the result.** Close to SRTF in the mean, and its longest wait is shorter. Change the 2, or
# the whole rule. One table is one load and one kind of job, though. For a real judgement, *sweep*:
# policies × loads × kinds of burst × seeds, on all cores of your computer.

# %%
names, loads = ["FCFS", "RR", "SJF", "SRTF"], ["0.5", "0.7", "0.8", "0.9"]
results = {
    sizes: sweep(grid(names, quantum=4, load=loads, seed=range(5), n=400, sizes=sizes))
    for sizes in ("uniform", "exponential", "heavy")
}
lines(*results["heavy"].curves("load"), xlabel="load", ylabel="mean waiting", title="Heavy tails")

# %%
table([
    {"bursts": sizes} | {label: round(s.mean, 1) for (label,), s in found.by("label").items()}
    for sizes, found in results.items()
], caption="mean waiting, over all loads and seeds")  # fmt: skip

# %% [markdown]
# **Read the result.** All curves rise steeply towards load 1: the last tenth of a machine is the
# most expensive one. And the order of the policies depends on the *kind of job*: where bursts are
# alike (uniform), round robin makes everybody wait longer than FCFS; where a few are enormous
# (heavy), it protects the many small ones. Who recommends a scheduler without naming the workload
# has not said anything.

# %% [markdown]
# **Check.** 07.15 and 07.16 in the [exercises](../exercises/07_scheduling_ii.ipynb).

# %% [markdown]
# ## 13. Explore: move things yourself
#
# Choose a workload, policies, quantum and switch cost; step through time and read why. Try to find
#
# 1. a moment at which the policy's choice was *not* the best one for mean waiting;
# 2. two policies that give the same chart on `desk`, and a workload on which they differ.

# %% tags=["nbval-ignore-output"]
shown = {"mixed": mixed, "desk": desk, "learn": learn, "five": five, "office": office}
ScheduleExplorer(shown, ["SJF", "SRTF", "MLFQ", "CFS"], offer="all", many=True, what_if=True)

# %% [markdown]
# ## Summary
#
# - Whoever is always preferred makes somebody starve. Ageing, boosts and shares bound the wait.
# - Jobs that soon go away again should go first: the CPU and the devices then work at the same time.
# - MLFQ learns from the past; it must count *all* time, or it will be cheated.
# - A lottery is fair on average, stride always. CFS and EEVDF keep virtual clocks together, faster
#   or slower by weight.
# - EDF uses a CPU up to 100 %; RM is safe below its bound, and fails in order.
# - With many CPUs, idle cores and moving jobs are the two costs; stealing and affinity trade them.
# - A vCPU is a job and steal time is its waiting time, whether a neighbour or a cap is the cause.
# - Ask three questions of a policy: what is it good at on average, what if, and how bad can it get?
#
# ## Where the model lies
#
# - **Caches.** A migration costs a constant here. Really the price depends on what the cache held,
#   and on whether the new core shares it.
# - **Load balancing.** Our idle cores steal at once and see all queues. Linux balances at
#   intervals, in a hierarchy of scheduling domains, and weighs jobs by their recent load (PELT).
# - **Groups.** Linux shares first among cgroups, then inside them; we share among jobs. Chapter 10
#   has the cgroups.
# - **CFS and EEVDF.** From version 6.6 on, Linux moves from CFS to EEVDF; neither is as simple as
#   its model here. Weights are exact fractions here and fixed-point numbers there; the kernel looks
#   at a timer tick or a wake-up, and sleepers are placed by further rules.
# - **Credit.** Xen's credit scheduler has a queue for each CPU, counts whole credits and finds out
#   only at its ticks. Since Xen 4.12 another one, credit2, is the default.
# - **Steal time** is what the hypervisor reports; ours is exact.
# - **Devices never queue**, interrupts take no time, and no job holds a lock that another one needs
#   (then priorities can be turned upside down: look up *priority inversion*).
# - **Time sharing in section 9** is a fluid: nobody takes turns, everybody runs slowly.

# %%
words = ["priority", "ageing", "HRRN", "I/O burst", "multi-level feedback queue", "allotment"]
words += ["boost", "lottery scheduling", "stride scheduling", "nice value", "weight"]
words += ["virtual runtime", "EEVDF", "periodic task", "deadline", "EDF", "rate monotonic"]
words += ["work stealing", "affinity", "migration", "vCPU", "credit scheduler", "cap"]
words += ["steal time", "gang scheduling", "barrier", "space-shared", "time-shared"]
words += ["counterfactual", "adversary", "work-conserving", "optimality gap"]
table(terms(*words))

# %% [markdown]
# ## Sources
#
# - R. H. Arpaci-Dusseau, A. C. Arpaci-Dusseau, *Operating Systems: Three Easy Pieces* (OSTEP),
#   chapters "The Multi-Level Feedback Queue", "Proportional Share" and "Multiprocessor
#   Scheduling": the rules of section 3, the idea of section 4.
# - A. Silberschatz, P. B. Galvin, G. Gagne, *Operating System Concepts*, chapter "CPU
#   Scheduling".
# - W. Stallings, *Operating Systems*, chapter "Uniprocessor Scheduling": HRRN and feedback.
# - C. A. Waldspurger, W. E. Weihl, "Lottery Scheduling: Flexible Proportional-Share Resource
#   Management", OSDI 1994; "Stride Scheduling: Deterministic Proportional-Share Resource
#   Management", MIT/LCS/TM-528, 1995.
# - I. Stoica, H. Abdel-Wahab, "Earliest Eligible Virtual Deadline First", Old Dominion University
#   TR-95-22, 1995; the Linux kernel's documentation, `scheduler/sched-design-CFS.rst` and
#   `scheduler/sched-eevdf.rst`.
# - C. L. Liu, J. W. Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
#   Environment", *Journal of the ACM* 20 (1), 1973.
# - J. K. Ousterhout, "Scheduling Techniques for Concurrent Systems", 3rd International Conference
#   on Distributed Computing Systems, 1982.
# - L. Cherkasova, D. Gupta, A. Vahdat, "Comparison of the Three CPU Schedulers in Xen", *ACM
#   SIGMETRICS Performance Evaluation Review* 35 (2), 2007; the Xen Project's pages on "Credit
#   Scheduler" and "Credit2 Scheduler".
# - R. N. Calheiros, R. Ranjan, A. Beloglazov, C. A. F. De Rose, R. Buyya, "CloudSim: a toolkit for
#   modeling and simulation of cloud computing environments and evaluation of resource provisioning
#   algorithms", *Software: Practice and Experience* 41 (1), 2011.
# - L. Schrage, "A Proof of the Optimality of the Shortest Remaining Processing Time Discipline",
#   *Operations Research* 16 (3), 1968.
#
# **Next:** the [exercises of this chapter](../exercises/07_scheduling_ii.ipynb).
