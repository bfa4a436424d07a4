# %% [markdown]
# # 06 Scheduling I: FCFS, SJF, SRTF and round robin
#
# One CPU, several jobs that want it. Who goes first, for how long, and who pays for it?
#
# **After this lesson you can**
#
# - compute completion, turnaround, waiting and response time from a Gantt chart, and say which of
#   them a user feels;
# - run FCFS, SJF, SRTF and round robin by hand and explain every single dispatch;
# - say what SJF is optimal *for*, prove it, and name the price;
# - choose a quantum, and say what a context switch costs;
# - recognise three formulas that have been printed and are wrong;
# - replay the log of a real machine and measure its utilisation.
#
# **Time** about 90 minutes. **Before** [00 Start here](00_start_here.ipynb). **After** the
# [exercises of chapter 06](../exercises/06_scheduling.ipynb).
#
# In every section you *predict* first: write your number in place of the three dots, run the cell,
# then run the cells below it. Nobody sees your predictions but you. The notebook comes with its
# results; clear them first (*Edit > Clear Outputs of All Cells*), and do not read ahead.

# %%
from fractions import Fraction
from itertools import pairwise, permutations

from vcloud_lab import FCFS, RR, SJF, SRTF, Job, Workload, nasa_trace, simulate
from vcloud_lab.check import predict, reveal
from vcloud_lab.glossary import terms
from vcloud_lab.render import compare, gantt, lines, profile, table
from vcloud_lab.scheduling import show, swf_header
from vcloud_lab.widgets import ScheduleExplorer

# %% [markdown]
# ## 1. Four times that describe a job
#
# **Idea.** A job *arrives*, needs the CPU for its *burst*, and at some time it is *complete*. The
# moment at which it gets the CPU is a *dispatch*. All the rest is subtraction:
#
# | time | definition | who cares |
# |---|---|---|
# | completion | read it from the chart | the other three need it |
# | turnaround | completion - arrival | whoever waits for the result |
# | waiting | turnaround - burst | the scheduler: it is the part that it can change |
# | response | first run - arrival | whoever sits in front of the screen |
#
# **First come, first served** (FCFS) is the queue at the bakery: in order of arrival, each job to
# its end. In the code a job is `(name, arrival, burst)`; times are in *ticks*, our unit of time.
#
# **Predict.** Three jobs arrive together at time 0, in this order, with bursts 24, 3 and 3. What
# is the mean *waiting* time under FCFS?

# %%
predict("06.fcfs", ...)

# %%
bakery = Workload([("P1", 0, 24), ("P2", 0, 3), ("P3", 0, 3)])
fcfs = simulate(bakery, FCFS)
gantt(fcfs)

# %%
reveal("06.fcfs", fcfs.mean("waiting"))

# %%
table(fcfs)

# %% [markdown]
# **Read the result.** P1 waits {{fcfs.waiting["P1"]}}, P2 waits {{fcfs.waiting["P2"]}} and P3
# waits {{fcfs.waiting["P3"]}}: {{show(fcfs.mean("waiting"))}} on average, while the mean
# *turnaround* is {{show(fcfs.mean("turnaround"))}}. The two differ by the mean burst, always,
# whatever the policy: a scheduler can make jobs wait less, but it cannot make them shorter.

# %% [markdown]
# **Check.** 06.1 and 06.2 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 2. The convoy effect
#
# **Idea.** Under FCFS one long job delays everybody behind it, like a lorry on a mountain road.
#
# **Predict.** The same three jobs, but the two short ones stand in front. What is the mean
# waiting time now?

# %%
predict("06.convoy", ...)

# %%
short_first = Workload([("P2", 0, 3), ("P3", 0, 3), ("P1", 0, 24)])
overtaken = simulate(short_first, FCFS)
reveal("06.convoy", overtaken.mean("waiting"))

# %%
gantt(overtaken)

# %% [markdown]
# **Read the result.** {{show(fcfs.mean("waiting"))}} has become
# {{show(overtaken.mean("waiting"))}}. The work is the same, the CPU is never idle in either
# chart, and the last completion is at {{overtaken.makespan}} in both. Only the *order* changed.
# *Utilisation* (the share of the time in which the CPU works) and *throughput* (jobs completed per
# tick) do not see the convoy at all, so never judge a scheduler by them alone.
#
# **Experiment.** The more short jobs stand behind the long one, the worse it gets:

# %%
for followers in (2, 5, 10, 50):
    convoy = Workload([("lorry", 0, 100)] + [(f"car {i}", 0, 1) for i in range(followers)])
    waits = [simulate(convoy, policy).mean("waiting") for policy in (FCFS, SJF)]
    print(f"{followers:2} cars: FCFS {show(waits[0]):>7}   SJF {show(waits[1]):>6}")

# %% [markdown]
# **Check.** Build a convoy of your own: 06.9 in the
# [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 3. Shortest job first, and what it is optimal for
#
# **Idea.** Whenever the CPU is free, take the shortest job that is there (SJF). Among all orders
# of jobs *that are all present and run to their end*, none has a smaller mean waiting time.
# A policy that lets every job run to its end is called *non-preemptive*.
#
# **Predict.** Bursts 6, 8, 7 and 3, all present at 0. FCFS gives a mean waiting time of 10.25.
# What does SJF give?

# %%
predict("06.sjf", ...)

# %%
four = Workload([("P1", 0, 6), ("P2", 0, 8), ("P3", 0, 7), ("P4", 0, 3)])
sjf = simulate(four, SJF)
reveal("06.sjf", sjf.mean("waiting"))

# %%
compare([simulate(four, FCFS), sjf])

# %% [markdown]
# The table says more than you need now. *Slowdown* is turnaround / burst; *fairness* is explained
# in section 5; *switches* counts how often the CPU passes from one job to another.
#
# **Why no order is better: the exchange argument.** Take any order in which a longer job L runs
# directly before a shorter one S. Swap the two. S now waits less by the length of L, L waits more
# by the length of S, and nobody else notices. As L is longer than S, the sum went down. So an
# order with such a pair is not the best. An order without such a pair is sorted by length, and
# that is SJF (equal jobs may stand either way; the sum is the same).
#
# **Experiment.** Do not believe it: try all orders.

# %%
means = []
for order in permutations(four.jobs):
    queue = Workload([Job(job.name, 0, job.burst) for job in order])
    means.append(simulate(queue, FCFS).mean("waiting"))
print(f"{len(means)} orders, best {show(min(means))}, worst {show(max(means))}")
assert min(means) == sjf.mean("waiting")

# %% [markdown]
# **Read the result.** The two conditions matter. With arrivals spread over time, waiting for a
# short job that is about to come can beat SJF (exercise 06.10 lets you find such a case), and
# taking the CPU away beats it too, which is the next section. And there is a price: a stream of
# short jobs can keep a long one waiting for ever. That is *starvation*; chapter 07 comes back to
# it.

# %% [markdown]
# **Check.** 06.3 and 06.10 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 4. Taking the CPU away: SRTF
#
# **Idea.** *Shortest remaining time first*: when a job arrives that needs less than what the
# running one has **left**, it takes over: the running job is *preempted*. Less means strictly less:
# when the two are equal, the running job keeps the CPU.
#
# **Predict.** P1 arrives at 0 with burst 8, P2 at 1 with 4, P3 at 2 with 9, P4 at 3 with 5. How
# often is a running job preempted?

# %%
predict("06.preemptions", ...)

# %%
mixed = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
srtf = simulate(mixed, SRTF)
reveal("06.preemptions", sum(decision.preempted is not None for decision in srtf.ledger()))

# %%
gantt(srtf)

# %% [markdown]
# The **decision ledger** says for every dispatch who was ready, who was chosen and why. Read it
# line by line and check it against the chart:

# %%
for decision in srtf.ledger():
    waiting = ", ".join(f"{job} ({left} left)" for job, left in decision.ready) or "nobody"
    print(f"t={decision.time:2}  {decision.chosen} runs; waiting: {waiting}")
    print(f"      {decision.reason}")

# %% [markdown]
# **Read the result.** The mean waiting time is {{show(srtf.mean("waiting"))}}; without preemption
# (SJF) it would be {{show(simulate(mixed, SJF).mean("waiting"))}}. On one CPU, and when a switch
# costs nothing, SRTF has the smallest mean turnaround of **all** policies, preemptive or not.
#
# *Why:* exchange again. Suppose that some schedule runs job A at a moment when B is there and has
# less left. Look at all the time that A and B get from then on. Give the first part of it to B
# until B is complete, and the rest to A. B is now complete before either of them was; A is
# complete when the later one was. The sum went down and nobody else notices.
#
# What SRTF needs for that is knowledge that nobody has: the length of a burst before it has run.
# Real systems guess it from the past.

# %% [markdown]
# **Check.** Draw such a chart: 06.4 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 5. Round robin: everybody gets a turn
#
# **Idea.** Each job runs for at most a *quantum* q, then it goes to the end of the queue. A job
# that ends early gives up the rest of its quantum at once.
#
# **Predict.** The bakery again (24, 3, 3, all at 0), round robin with q = 4. What is the mean
# waiting time? You may write a fraction as text: `"17/3"`.

# %%
predict("06.rr", ...)

# %%
robin = simulate(bakery, RR(4))
reveal("06.rr", robin.mean("waiting"))

# %%
gantt(robin)

# %% [markdown]
# **Read the result.** Waiting {{show(robin.mean("waiting"))}}, response
# {{show(robin.mean("response"))}}: far better than FCFS, without knowing any burst. But look at
# P1 from time 10 on: it is alone and its quantum is renewed again and again. The chart joins such
# slices; `robin.slices()` lists them one by one.
#
# All four on one time axis:

# %%
compare([simulate(mixed, policy) for policy in (FCFS, SJF, SRTF, RR(2))])

# %% [markdown]
# **Read the result.** Round robin has the best response and the worst turnaround of the four
# here: it makes everybody start early and everybody finish late. Which one is *better* depends on
# who is asking. *Fairness* is Jain's index of the slowdowns s (turnaround / burst),
# (sum of s)² / (n · sum of s²): 1 means that all jobs were slowed by the same factor, 1/n would
# mean that one job carries all of it.

# %% [markdown]
# **Check.** 06.7 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 6. How long is a good quantum?
#
# **Idea.** A short quantum gives quick responses, but every switch costs time: the kernel saves
# one job's registers, loads the other's, and the caches are cold. A long quantum turns round robin
# into FCFS.
#
# **Predict.** A switch costs 1 tick and the quantum is 1 tick as well. About what percentage of
# the time does the CPU spend on useful work, when it always has something to do?

# %%
predict("06.quantum", ...)

# %%
crowd = Workload([(f"P{i}", 0, burst) for i, burst in enumerate((6, 8, 3, 12, 5, 9, 2, 7), 1)])
quanta = list(range(1, 14))
costly = [simulate(crowd, RR(q), switch_cost=1) for q in quanta]
reveal("06.quantum", round(100 * costly[0].utilisation, 1), tolerance=3)

# %%
free = [simulate(crowd, RR(q)) for q in quanta]
curves = {
    "turnaround, switch 1": [s.mean("turnaround") for s in costly],
    "turnaround, switch 0": [s.mean("turnaround") for s in free],
    "response, switch 1": [s.mean("response") for s in costly],
    "response, switch 0": [s.mean("response") for s in free],
}
lines(quanta, curves, xlabel="quantum", ylabel="mean time", title="Quantum sweep")

# %%
table(
    [
        {"quantum": q, "switches": s.context_switches, "utilisation": s.utilisation}
        for q, s in zip(quanta, costly, strict=True)
    ]
)

# %% [markdown]
# **Read the result.** A shorter quantum gives a better response and, mostly, a worse turnaround.
# With a switch cost of 1, quantum 1 spends {{show(100 - 100 * costly[0].utilisation, 0)}} % of
# the CPU on switching, and doubles even the response, because everybody's turn comes later.
# Turnaround is not a smooth function of the quantum: it drops where a quantum just lets a burst
# end. A rule of thumb (Silberschatz) is to choose q so that about 80 % of the bursts are shorter.
#
# From q = {{max(job.burst for job in crowd.jobs)}} on, no quantum ever expires and round robin
# *is* FCFS:

# %%
longest = max(job.burst for job in crowd.jobs)
assert simulate(crowd, RR(longest)).completion == simulate(crowd, FCFS).completion
assert simulate(crowd, RR(longest - 1)).completion != simulate(crowd, FCFS).completion
print(f"RR with q = {longest} gives the completions of FCFS, with q = {longest - 1} it does not.")

# %% [markdown]
# **Check.** 06.6 and 06.13 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 7. The convention explorer
#
# **Idea.** "Round robin with q = 2" is not yet a complete description. When a job arrives in the
# very tick in which another one's quantum expires, who queues first? Two books, two answers, and
# your exam has one of them in mind. A result without its conventions cannot be checked.
#
# **Predict.** (arrival, burst) = (0, 4), (2, 3), (4, 2), q = 2. By how much do the two mean
# waiting times differ?

# %%
predict("06.conventions", ...)

# %%
tie = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 4, 2)])
arriving = simulate(tie, RR(2))
preempted = simulate(tie, RR(2, enqueue="preempted-first"))
reveal("06.conventions", arriving.mean("waiting") - preempted.mean("waiting"))

# %%
compare([arriving, preempted])

# %% [markdown]
# **Read the result.** {{show(arriving.mean("waiting"))}} against
# {{show(preempted.mean("waiting"))}}, from the order of two names in a queue. In this course the
# arriving job goes first unless we say otherwise. The other choices that change numbers are
# options with names, too, and controls in the explorer of section 9:

# %%
pair = Workload([("P1", 0, 4), ("P2", 0, 4), ("P3", 2, 2)])
conventions = [
    simulate(pair, SRTF),
    simulate(pair, SRTF(on_tie="preempt")),
    simulate(pair, RR(2)),
    simulate(pair, RR(2), switch_cost=1),
    simulate(pair, RR(2), switch_cost=1, switch_charge="dispatch"),
]
table(conventions)

# %% [markdown]
# **Read the result.** At time 2, P3 needs 2 and P1 has 2 left. Who wins this tie changes nothing in
# the mean waiting time here, only who waits, and with it the mean response. A switch that is
# charged at *every* dispatch, the first one too, delays everybody by one tick more than one that
# is charged only *between* two jobs.

# %% [markdown]
# **Check.** 06.5 and 06.12 in the [exercises](../exercises/06_scheduling.ipynb); in the second
# one you write round robin yourself.

# %% [markdown]
# ## 8. The formula clinic
#
# These three formulas for the "average waiting time" have been printed in an article. Let us run
# them.
#
# **Patient 1.** "SJF: average waiting time = sum of the run times / n."

# %%
bursts = [job.burst for job in four.jobs]
print(f"the formula: {show(Fraction(sum(bursts), len(bursts)))}")
print(f"the truth:   {show(sjf.mean('waiting'))}")

# %% [markdown]
# *Diagnosis:* that is the mean **burst**. It does not depend on the order, so it would say that
# FCFS, SJF and every other policy are equally good.
#
# **Patient 2.** "SRTF: average waiting time = (1/n) times the sum of T(i) - T(i-1)", with T(i)
# the run times.

# %%
run_times = [job.burst for job in mixed.jobs]
differences = [after - before for before, after in pairwise(run_times)]
print(f"the differences: {differences}, their sum: {sum(differences)}")
print(f"the formula: {show(Fraction(sum(differences), len(run_times)))}")
print(f"the truth:   {show(srtf.mean('waiting'))}")
assert sum(differences) == run_times[-1] - run_times[0]

# %% [markdown]
# *Diagnosis:* the sum **telescopes**: everything cancels but the last and the first run time. The
# result is a negative waiting time here, and it never looks at what lies between.
#
# **Patient 3.** "RR: waiting time = run time + remaining time."

# %%
ran = {"P1": 10, "P2": 3, "P3": 3}  # how long each has run, at some moment
left = {job.name: job.burst - ran[job.name] for job in bakery.jobs}
formula = Fraction(sum(ran[name] + left[name] for name in ran), len(ran))
print(f"the formula: {show(formula)}")
print(f"the truth:   {show(robin.mean('waiting'))}")

# %% [markdown]
# *Diagnosis:* what has run plus what remains is the burst again, at every moment. The time in
# which a job does **not** run occurs nowhere.
#
# **The cure** works for every policy: find the completion in the chart; then
# *turnaround = completion - arrival* and *waiting = turnaround - burst*.

# %%
for schedule in (sjf, srtf, robin):
    for job in schedule.workload.jobs:
        turnaround = schedule.completion[job.name] - job.arrival
        assert schedule.waiting[job.name] == turnaround - job.burst
print("waiting = completion - arrival - burst, for every job of all three schedules")

# %% [markdown]
# **Check.** 06.8 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## 9. Explore: move things yourself
#
# Choose a workload, policies, quantum and switch cost; then step through time with the buttons or
# the *moment* slider (arrow keys work) and read why the scheduler did what it did. Try to find
#
# 1. a workload on which round robin has a smaller mean waiting time than FCFS, and one on which
#    it is the other way round;
# 2. two quanta of which the longer one gives the *worse* mean turnaround.

# %% tags=["nbval-ignore-output"]
ScheduleExplorer({"mixed": mixed, "bakery": bakery, "convoy": convoy, "tie": tie, "crowd": crowd})

# %% [markdown]
# ## 10. A real machine: NASA's iPSC/860
#
# **Idea.** In the last quarter of 1993, NASA Ames ran an Intel hypercube with 128 processors and
# logged its jobs. Each needs a number of processors (its *width*) at once. The log is part of
# this package, with its header:

# %%
nasa = nasa_trace()
print(swf_header().rstrip())
print(len(nasa), "jobs;", *nasa.notes)

# %% [markdown]
# Read the header before the numbers. This is a *cleaned* log: of 42,264 jobs, 24,025 runs of one
# program by one user, on one processor, were removed. And there is **no information on wait
# times**: what the log calls submit time is when the job really *started*. Replaying it first
# come, first served on 128 processors should therefore make almost nobody wait, and it should
# reproduce the machine's utilisation.
#
# **Predict.** What percentage of its processor time did this expensive machine use? You cannot
# work it out from the header; guess.

# %%
predict("06.nasa", ...)

# %%
replay = simulate(nasa, FCFS, cpus=128)
reveal("06.nasa", round(100 * replay.utilisation, 1), tolerance=5)

# %%
profile(replay)

# %%
waited = sum(ticks > 0 for ticks in replay.ticks("waiting").tolist())
print(f"utilisation {show(100 * replay.utilisation, 1)} %, {waited} of {len(nasa)} jobs waited")

# %% [markdown]
# **Read the result.** {{show(100 * replay.utilisation, 1)}} %; the Parallel Workloads Archive
# publishes 46.7 % for this log. But why did {{waited}} jobs wait at all, if the log has their real
# starts? Give everybody room and count the busy processors of the log as it stands:

# %%
as_logged = simulate(nasa, FCFS, cpus=1024)
times, used = as_logged.profile()
excess = (times[1:] - times[:-1])[used[:-1] > 128].sum()
print(f"at most {used.max()} busy at once; more than 128 for {excess / 60:.0f} minutes")

# %% [markdown]
# The machine had 128. So for {{round(excess / 60)}} minutes of three months the log claims what
# cannot have been. Our replay does not hand out processors twice, so those jobs queue, and others
# behind them. Real data has errors; a model that keeps the books finds them.
#
# The machine was used less than half. Wasteful? Squeeze the same jobs into two thirds of the time,
# which asks for 70 % of the machine, and look at the waiting times:

# %%
squeezed = Workload.from_columns(nasa.arrival * 2 // 3, nasa.burst, nasa.width, unit="s")
busy = {policy.__name__: simulate(squeezed, policy, cpus=128) for policy in (FCFS, SJF)}
table(
    [
        {
            "policy": name,
            "utilisation %": 100 * s.utilisation,
            "mean wait (s)": s.mean("waiting"),
            "median wait (s)": s.percentile("waiting", 50),
            "longest wait (days)": Fraction(s.percentile("waiting", 100), 86400),
        }
        for name, s in busy.items()
    ]
)

# %% [markdown]
# **Read the result.** At {{show(100 * busy["FCFS"].utilisation, 0)}} % half of the jobs already
# wait for hours under FCFS, although almost a third of the processors is free on average: a job
# that needs all 128 must wait until the last small one is gone, and everybody behind it waits as
# well. SJF makes the mean about ten times smaller, and lets somebody wait for
# {{show(Fraction(busy["SJF"].percentile("waiting", 100), 86400), 1)}} days: that is what
# starvation looks like on a real workload. Batch systems answer with *backfilling* (a small job
# may overtake when it delays nobody), clouds with autoscaling (chapter 13).

# %% [markdown]
# **Check.** Who used the machine? 06.14 in the [exercises](../exercises/06_scheduling.ipynb).

# %% [markdown]
# ## Summary
#
# - Waiting = completion - arrival - burst. Response ends at the first run, turnaround at the
#   last.
# - FCFS is simple and goes by age alone, and one long job delays everybody (convoy).
# - SJF minimises mean waiting among non-preemptive orders of jobs that are all present; SRTF
#   minimises it among all schedules of one CPU, if switching is free. Both need to
#   know the future, and both can starve long jobs.
# - Round robin trades turnaround for response; the quantum should be long against the switch and
#   short against people's patience.
# - A number without its conventions is not a result.
#
# ## Where the model lies
#
# - **Bursts are known and pure CPU.** Real jobs read disks and wait for people; chapter 07 adds
#   I/O.
# - **A switch costs a constant.** Really it costs most *afterwards*, in cold caches and TLBs.
# - **The scheduler itself takes no time**, and arrivals are noticed at once; a kernel notices at
#   a timer tick or an interrupt.
# - **One queue, one CPU** (or, for the trace, 128 equal processors in no particular arrangement;
#   the real hypercube gave out sub-cubes of 1, 2, 4, ... processors).
# - The replay keeps arrivals as they were. Had the machine been faster or slower, its users would
#   have submitted at other times.

# %%
words = ["FCFS", "SJF", "SRTF", "round robin", "quantum", "arrival", "burst", "completion"]
words += ["turnaround", "waiting", "response", "slowdown", "dispatch", "preemption"]
words += ["context switch", "convoy effect", "starvation", "utilisation", "throughput"]
words += ["fairness", "backfilling"]
table(terms(*words))

# %% [markdown]
# ## Sources
#
# - A. Silberschatz, P. B. Galvin, G. Gagne, *Operating System Concepts*, chapter "CPU
#   Scheduling": the examples of sections 1 to 5, the rule of thumb of section 6.
# - R. H. Arpaci-Dusseau, A. C. Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, chapter
#   "Scheduling: Introduction".
# - L. Schrage, "A Proof of the Optimality of the Shortest Remaining Processing Time Discipline",
#   *Operations Research* 16 (3), 1968.
# - R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource
#   Allocation in Shared Computer Systems", DEC-TR-301, 1984.
# - D. G. Feitelson, D. Tsafrir, D. Krakov, "Experience with Using the Parallel Workloads
#   Archive", *Journal of Parallel and Distributed Computing* 74 (10), 2014. The NASA Ames
#   iPSC/860 log was graciously provided by Bill Nitzberg.
# - D. G. Feitelson, B. Nitzberg, "Job Characteristics of a Production Parallel Scientific Workload
#   on the NASA Ames iPSC/860", *Job Scheduling Strategies for Parallel Processing*, LNCS 949, 1995.
#
# **Next:** the [exercises of this chapter](../exercises/06_scheduling.ipynb).
