# %% [markdown]
# # Exercises 06: scheduling I
#
# Do [lesson 06](../notebooks/06_scheduling.ipynb) first. Time: about 60 minutes. Paper helps.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("06.1")` gives the next of three hints. The last shows the method, never the number.
# - `variant("06.1", 7)` states the same exercise with other numbers, as often as you like; check
#   it with `check("06.1", answer, seed=7)`.
# - `reset("06.1")` gives you the original cell back.
# - Numbers may be fractions: `5.667`, `17/3` and `"17/3"` are all right.
#
# Conventions, unless an exercise says otherwise: a job that arrives in the tick in which a
# quantum expires queues before the preempted one; equals go by arrival, then by list order;
# switching is free.

# %%
from vcloud_lab import FCFS, RR, SJF, SRTF, Workload, nasa_trace, simulate
from vcloud_lab.check import check, hint, reset, statement, variant
from vcloud_lab.render import gantt

# %% [markdown]
# ## Part 1: by hand
#
# ### 06.1 The queue at the bakery

# %% tags=["task"]
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Any

from vcloud_lab import FCFS, RR, SJF, SRTF, Workload, nasa_trace, simulate
from vcloud_lab.check import kinds
from vcloud_lab.check.variants import draw_jobs
from vcloud_lab.scheduling import Time, show

CHAPTER = "scheduling I"

kinds.number(
    "06.1",
    title="The queue at the bakery",
    workload=Workload([("P1", 0, 8), ("P2", 2, 4), ("P3", 3, 1), ("P4", 5, 6)]),
    policy=FCFS(),
    hints=(
        "Draw one bar after the other, in order of arrival; nobody is ever preempted.",
        "Write down when each job is complete. Is the CPU ever idle?",
        "For each job: completion - arrival - burst. Then add these up and divide by their number.",
    ),
    wrong=["turnaround-for-waiting", "measured-from-zero", "sum-for-mean", "sjf-for-fcfs"],
)

# %%
statement("06.1")

# %% tags=["stub"] task="06.1"
answer = ...

check("06.1", answer)

# %% [markdown] tags=["solution"]
# The bars: P1 0-8, P2 8-12, P3 12-13, P4 13-19. Each waits from its arrival to its start:

# %% tags=["solution"] task="06.1"
answer = ((0 - 0) + (8 - 2) + (12 - 3) + (13 - 5)) / 4

check("06.1", answer)

# %% [markdown]
# ### 06.2 Mind the gap

# %% tags=["task"]
kinds.per_job(
    "06.2",
    title="Mind the gap",
    workload=Workload([("P1", 2, 2), ("P2", 1, 3), ("P3", 10, 2), ("P4", 9, 4)]),
    policy=FCFS(),
    metric="turnaround",
    hints=(
        "The CPU starts when the first job arrives, and time does not stop when nobody is there.",
        "First come, first served goes by arrival, not by the list. Is somebody there at "
        "every moment?",
        "Find each completion, gaps included; turnaround is completion - arrival, not completion.",
    ),
    wrong=["waiting-for-turnaround", "completion-for-turnaround", "idle-gap-lost"],
)

# %%
statement("06.2")

# %% tags=["stub"] task="06.2"
answer = {"P1": ..., "P2": ..., "P3": ..., "P4": ...}

check("06.2", answer)

# %% [markdown] tags=["solution"]
# The order of arrival is P2, P1, P4, P3: P2 1-4, P1 4-6, idle 6-9, P4 9-13, P3 13-15. Turnaround
# is completion minus arrival:

# %% tags=["solution"] task="06.2"
answer = {"P2": 4 - 1, "P1": 6 - 2, "P4": 13 - 9, "P3": 15 - 10}

check("06.2", answer)

# %% [markdown]
# ### 06.3 The shortest that is there

# %% tags=["task"]
kinds.per_job(
    "06.3",
    title="The shortest that is there",
    workload=Workload([("P1", 0, 6), ("P2", 1, 9), ("P3", 3, 2), ("P4", 5, 5), ("P5", 9, 1)]),
    policy=SJF(),
    metric="completion",
    hints=(
        "SJF only looks when the CPU becomes free, and only at jobs that have arrived by then.",
        "At each completion list who is there with what burst, and take the smallest.",
        "Write the chart down from left to right; the end of a job's bar is its completion.",
    ),
    wrong=["srtf-for-sjf", "arrivals-ignored", "fcfs-for-sjf"],
)

# %%
statement("06.3")

# %% tags=["stub"] task="06.3"
answer = {"P1": ..., "P2": ..., "P3": ..., "P4": ..., "P5": ...}

check("06.3", answer)

# %% [markdown] tags=["solution"]
# At 6 there are P2 (9), P3 (2), P4 (5): P3. At 8 there are P2 and P4: P4. At 13 there are P2 and
# P5: P5. Then P2.

# %% tags=["solution"] task="06.3"
answer = {"P1": 6, "P3": 8, "P4": 13, "P5": 14, "P2": 23}

check("06.3", answer)

# %% [markdown]
# ### 06.4 Draw the chart: SRTF
#
# Give a list of `(job, start, end)`. A wrong chart is told the first moment at which it departs
# from the right one, and why.

# %% tags=["task"]
kinds.gantt(
    "06.4",
    title="Draw the chart: SRTF",
    workload=Workload([("P1", 0, 9), ("P2", 2, 4), ("P3", 3, 1), ("P4", 6, 3)]),
    policy=SRTF(),
    hints=(
        "Only an arrival can take the CPU away: stop at each arrival and compare.",
        "Compare the burst of the arriving job with what the running one has left, not with its "
        "burst. Equal is not less.",
        "Keep a list of what everybody has left; at each arrival or completion take the smallest.",
    ),
    wrong=["sjf-for-srtf", "fcfs-for-srtf", ([("P1", 0, 9), ("P2", 2, 6)], "overlap")],
)

# %%
statement("06.4")

# %% tags=["stub"] task="06.4"
answer = [("P1", 0, 2), ...]

check("06.4", answer)

# %% [markdown] tags=["solution"]
# At 2, P2 needs 4 and P1 has 7 left: P2 takes over. At 3, P3 needs 1 and P2 has 3 left: P3 takes
# over. At 4 P2 goes on with 3. At 6, P4 needs 3 and P2 has 1 left: P2 keeps the CPU until 7. Then
# P4 (3) before P1 (7).

# %% tags=["solution"] task="06.4"
answer = [("P1", 0, 2), ("P2", 2, 3), ("P3", 3, 4), ("P2", 4, 7), ("P4", 7, 10), ("P1", 10, 17)]

check("06.4", answer)

# %% [markdown]
# ### 06.5 Round robin, with a tie at the expiry

# %% tags=["task"]
kinds.number(
    "06.5",
    title="Round robin, with a tie at the expiry",
    workload=Workload([("P1", 0, 5), ("P2", 3, 5), ("P3", 4, 1)]),
    policy=RR(3),
    hints=(
        "Keep the queue as a list on paper; cross out at the front, write at the end.",
        "When the first quantum expires another job arrives in the same tick: it is written first.",
        "After the chart is drawn: completion - arrival - burst for each job, then the mean.",
    ),
    wrong=["rr-enqueue-order", "turnaround-for-waiting", "fcfs-for-rr", "article-rr"],
)

# %%
statement("06.5")

# %% tags=["stub"] task="06.5"
answer = ...

check("06.5", answer)

# %% [markdown] tags=["solution"]
# P1 0-3; at 3 the queue is P2, P1. P2 3-6; P3 came at 4, so the queue is P1, P3, P2. P1 6-8, P3
# 8-9, P2 9-11. Completions 8, 11, 9.

# %% tags=["solution"] task="06.5"
answer = ((8 - 0 - 5) + (11 - 3 - 5) + (9 - 4 - 1)) / 3

check("06.5", answer)

# %% [markdown]
# ### 06.6 What switching costs

# %% tags=["task"]
kinds.number(
    "06.6",
    title="What switching costs",
    workload=Workload([("P1", 0, 6), ("P2", 0, 3), ("P3", 1, 5)]),
    policy=RR(2),
    metric="utilisation",
    switch_cost=1,
    hints=(
        "The first dispatch is free; after that each change to another job takes a tick.",
        "A job that is alone keeps the CPU when its quantum expires: nothing changes, nothing is "
        "paid.",
        "Divide the sum of the bursts by the time at which the last job is complete.",
    ),
    wrong=["switch-cost-forgotten", "switch-charge", "percent"],
)

# %%
statement("06.6")

# %% tags=["stub"] task="06.6"
answer = ...

check("06.6", answer)

# %% [markdown] tags=["solution"]
# The order of the turns is P1 P2 P3 P1 P2 P3 P1 P3, so there are 7 changes. The work takes 14
# ticks.

# %% tags=["solution"] task="06.6"
answer = 14 / (14 + 7)

check("06.6", answer)

# %% [markdown]
# ## Part 2: read, judge, build
#
# ### 06.7 Which policy was it?
#
# The chart has lost its title. Look at who gets the CPU, and when.

# %%
jobs = Workload([("P1", 0, 6), ("P2", 1, 2), ("P3", 2, 4), ("P4", 3, 1)])
pieces = [("P1", 0, 3), ("P2", 3, 5), ("P3", 5, 8), ("P4", 8, 9), ("P1", 9, 12), ("P3", 12, 13)]
print("\n".join(f"{start:2} to {end:2}: {job}" for job, start, end in pieces))

# %% tags=["task"]
kinds.choice(
    "06.7",
    title="Which policy was it?",
    ask="Jobs (arrival, burst): P1 (0, 6), P2 (1, 2), P3 (2, 4), P4 (3, 1). Which policy "
    "ran them so?",
    options={
        "a": "SRTF",
        "b": "round robin with quantum 2",
        "c": "round robin with quantum 3",
        "d": "FCFS",
    },
    right="c",
    why={
        "a": "at t=1 P2 arrives with 2, P1 has 5 left, and still P1 runs on: SRTF would preempt.",
        "b": "P1 runs for 3 ticks at once although others wait: a quantum of 2 would end it at 2.",
        "c": "every job runs for at most 3 ticks, those that need less give the rest up, and the "
        "queue goes round.",
        "d": "P1 loses the CPU at t=3 before it is complete: FCFS never takes it away.",
    },
    names={"a": "srtf-for-rr", "d": "fcfs-for-rr"},
    hints=(
        "Find the first moment at which a job loses the CPU before it is complete.",
        "Is that a moment at which somebody arrives with less to do, or one at which time is up?",
        "Compare the lengths of the pieces: what is the longest while others are waiting?",
    ),
)

# %%
statement("06.7")

# %% tags=["stub"] task="06.7"
answer = ...

check("06.7", answer)

# %% tags=["solution"] task="06.7"
answer = "c"

check("06.7", answer)

# %% tags=["solution"] task="06.7"
gantt(simulate(jobs, RR(3)))

# %% [markdown]
# ### 06.8 The formula clinic
#
# An article averages "run time plus remaining time" and calls it the waiting time of round robin.

# %% tags=["task"]
kinds.choice(
    "06.8",
    title="The formula clinic",
    ask="Five jobs run under round robin. At time 10 somebody computes (1/n) times the sum of "
    "(time that the job has run + time that remains). Which change makes the result another one?",
    options={
        "a": "a shorter quantum",
        "b": "computing it at time 12",
        "c": "a longer burst for one job",
        "d": "another order in the queue",
    },
    right="c",
    why={
        "a": "the quantum decides how much a job has run by then; what it has run more, it has "
        "less remaining.",
        "b": "from 10 to 12 the time that has run grows by as much as the time that remains falls.",
        "c": "for each job the two add up to its burst, so the formula is the mean burst.",
        "d": "the order decides who waits, and the time in which a job waits is in neither term.",
    },
    names={"a": "article-rr", "b": "article-rr", "d": "article-rr"},
    hints=(
        "Take one job of burst 5 and write both terms down at three different moments.",
        "Does their sum change while the job runs? While it waits?",
        "Something that is the same at every moment and under every policy is a property of the "
        "job.",
    ),
)

# %%
statement("06.8")

# %% tags=["stub"] task="06.8"
answer = ...

check("06.8", answer)

# %% tags=["solution"] task="06.8"
answer = "c"

check("06.8", answer)

# %% [markdown]
# ### 06.9 Build a convoy
#
# In the lesson lorry and cars arrived together. Now nobody arrives together. Give a list of
# `(name, arrival, burst)`.


# %% tags=["task"]
convoy = kinds.more_than("waiting", FCFS(), SJF(), times=10)


def one_by_one(jobs: Workload) -> tuple[bool, str]:
    arrivals = [job.arrival for job in jobs.jobs]
    for earlier, job in enumerate(jobs.jobs):
        if job.arrival in arrivals[:earlier]:
            return False, f"two jobs arrive at {show(job.arrival)}; give each its own arrival."
    return convoy(jobs)


kinds.workload(
    "06.9",
    title="Build a convoy",
    ask="Find at most 6 jobs, no two of which arrive at the same time, on which the mean waiting "
    "time under FCFS is at least 10 times that under SJF (which must not be 0).",
    shows=one_by_one,
    right=[[("van", 0, 9), ("lorry", 1, 999), ("a", 2, 1), ("b", 3, 1), ("c", 4, 1), ("d", 5, 1)]],
    wrong=[
        [("P1", 0, 24), ("P2", 0, 3), ("P3", 0, 3)],
        [("lorry", 0, 100), *((f"car {i}", 0, 1) for i in range(5))],
        [("lorry", 0, 1000), *((f"car {i}", i, 1) for i in range(1, 6))],
        [("a", 0, 1), ("b", 0, 1)],
        [("lorry", 0, 1000), *((f"P{i}", 0, 1) for i in range(6))],
        [("lorry", 0, 0)],
    ],
    hints=(
        "Whoever arrives first starts at once, under both policies. May that be the long job?",
        "SJF can only help if the long job and the short ones are all waiting when the CPU "
        "becomes free.",
        "One job keeps the CPU busy for a while. Meanwhile the very long one arrives, and after "
        "it the short ones.",
    ),
)

# %%
statement("06.9")

# %% tags=["stub"] task="06.9"
answer = ...

check("06.9", answer)

# %% tags=["solution"] task="06.9"
answer = [("first", 0, 10), ("long", 1, 1000)] + [(f"short {i}", i, 1) for i in range(2, 6)]

check("06.9", answer)

# %% [markdown]
# ### 06.10 SJF is not always optimal
#
# SJF is optimal when all jobs are present. When they arrive one by one it can regret its choice.


# %% tags=["task"]
def least_waiting(jobs: Workload) -> Time:
    """The smallest mean waiting time of all orders, each job run to its end."""
    sums = []
    for order in permutations(jobs.jobs):
        clock: Time = 0
        total: Time = 0
        for job in order:
            start = max(clock, job.arrival)
            total += start - job.arrival
            clock = start + job.burst
        sums.append(total)
    return Fraction(min(sums)) / len(jobs)


def regrets(jobs: Workload) -> tuple[bool, str]:
    sjf, best = simulate(jobs, SJF()).mean("waiting"), least_waiting(jobs)
    reached = f"the mean waiting time is {show(sjf)} under SJF and {show(best)} in the best order"
    if sjf == 0:
        return False, f"{reached}; nobody waits at all, so let the jobs overlap."
    if sjf >= 2 * best:
        return True, f"{reached}, half of it or less."
    return False, f"{reached}; SJF must be at least twice as bad as the best."


kinds.workload(
    "06.10",
    title="SJF is not always optimal",
    ask="Find at most 4 jobs on which SJF makes jobs wait, on average, at least twice as "
    "long as the "
    "best order of running each job to its end does. (The best order may leave the CPU idle for "
    "a while.)",
    shows=regrets,
    most=4,
    right=[[("P1", 0, 12), ("P2", 2, 1)]],
    wrong=[
        [("P1", 0, 5), ("P2", 0, 3)],
        [("P1", 0, 2), ("P2", 1, 2)],
        [("P1", 0, 2), ("P2", 5, 1)],
        [("P1", 0, 1)] * 2,
        [],
    ],
    hints=(
        "SJF decides with what it knows now. Let it decide something that it regrets a tick later.",
        "SJF never waits for anybody: if a single job is there, it starts, however long it is.",
        "One long job alone at the start, and a very short one just after it has begun.",
    ),
)

# %%
statement("06.10")

# %% tags=["stub"] task="06.10"
answer = ...

check("06.10", answer)

# %% [markdown] tags=["solution"]
# SJF starts the long job at 0, because nobody else is there, and the short one waits for 9 ticks.
# To wait one tick for it would have cost the long job 2.

# %% tags=["solution"] task="06.10"
answer = [("long", 0, 10), ("short", 1, 1)]

check("06.10", answer)

# %% [markdown]
# ## Part 3: write it yourself
#
# Your function is run on hidden workloads, small ones first, and you are shown the first one on
# which it fails.
#
# ### 06.11 Mend a broken program
#
# `broken` is the FCFS waiting time as it is found in many places. It makes two mistakes.


# %% tags=["task"] task="06.11"
def broken_waiting(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    clock, result = 0, {}
    for name, arrival, burst in jobs:
        result[name] = clock - arrival
        clock += burst
    return result


def unsorted_waiting(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    clock, result = 0, {}
    for name, arrival, burst in jobs:
        clock = max(clock, arrival)
        result[name] = clock - arrival
        clock += burst
    return result


def gapless_waiting(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    return broken_waiting(sorted(jobs, key=lambda job: job[1]))


def shuffled(rng: Random, size: int) -> tuple[list[tuple[str, int, int]]]:
    jobs = draw_jobs(rng, size, spread=12)
    return (sorted(jobs, key=lambda job: rng.random()),)


def named_fault(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    if isinstance(result, dict) and any(time < 0 for time in result.values()):
        return "idle-gap-lost", "A waiting time below 0 means that a job ran before it arrived."
    return None


kinds.function(
    "06.11",
    title="Mend a broken program",
    ask="Write waiting_times(jobs): jobs is a list of (name, arrival, burst) in any order; "
    "return the waiting time of each job under FCFS as {name: time}. Jobs that arrive together "
    "run in the order of the list.",
    cases=shuffled,
    oracle=lambda jobs: simulate(Workload(jobs), FCFS()).waiting,
    names=named_fault,
    wrong=[
        (broken_waiting, "idle-gap-lost"),
        unsorted_waiting,
        (gapless_waiting, "idle-gap-lost"),
    ],
    hints=(
        "Run broken on two jobs with a long pause between them. What is wrong with the second?",
        "The list need not be in order of arrival, and a job cannot start before it arrives.",
        "Go through the jobs sorted by arrival, and move the clock to the arrival where "
        "that is later.",
    ),
)

# %%
statement("06.11")


# %% tags=["stub"] task="06.11"
def broken(jobs):
    clock, result = 0, {}
    for name, arrival, burst in jobs:
        result[name] = clock - arrival
        clock += burst
    return result


def waiting_times(jobs): ...


check("06.11", waiting_times)


# %% tags=["solution"] task="06.11"
def waiting_times(jobs):
    clock, result = 0, {}
    for name, arrival, burst in sorted(jobs, key=lambda each: each[1]):
        clock = max(clock, arrival)  # nobody starts before coming
        result[name] = clock - arrival
        clock += burst
    return result


check("06.11", waiting_times)

# %% [markdown]
# ### 06.12 Your own round robin
#
# A scheduler that most operating systems have had in some form, in about twenty lines.


# %% tags=["task"]
def turns(rng: Random, size: int) -> tuple[list[tuple[str, int, int]], int]:
    return draw_jobs(rng, size, spread=4), 1 + int(rng.random() * 4)


def other_order(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    jobs, quantum = args
    swapped = simulate(Workload(jobs), RR(quantum, enqueue="preempted-first"))
    if result == swapped.completion:
        return (
            "rr-enqueue-order",
            "You enqueued the preempted job before one that arrived in the same tick.",
        )
    if result == simulate(Workload(jobs), FCFS()).completion:
        return "fcfs-for-rr", "That is FCFS: nobody is ever interrupted."
    return None


kinds.function(
    "06.12",
    title="Your own round robin",
    ask="Write round_robin(jobs, quantum): jobs is a list of (name, arrival, burst) in order of "
    "arrival, all whole numbers; return the completion time of each job as {name: time}. A job "
    "that arrives in the tick in which a quantum expires queues before the preempted one.",
    cases=turns,
    oracle=lambda jobs, quantum: simulate(Workload(jobs), RR(quantum)).completion,
    names=other_order,
    wrong=[
        (
            lambda jobs, quantum: (
                simulate(Workload(jobs), RR(quantum, enqueue="preempted-first")).completion
            ),
            "rr-enqueue-order",
        ),
        (lambda jobs, quantum: simulate(Workload(jobs), FCFS()).completion, "fcfs-for-rr"),
        lambda jobs, quantum: {name: arrival + burst for name, arrival, burst in jobs},
    ],
    hints=(
        "Keep a list as queue, a dictionary of what is left, and a clock.",
        "After each turn first append those who have arrived by now, then the one that was "
        "preempted.",
        "While anybody is left: if the queue is empty, move the clock to the next arrival; "
        "otherwise "
        "take its head, run it for the smaller of quantum and what is left, and put it back if "
        "anything remains.",
    ),
)

# %%
statement("06.12")


# %% tags=["stub"] task="06.12"
def round_robin(jobs, quantum): ...


check("06.12", round_robin)


# %% tags=["solution"] task="06.12"
def round_robin(jobs, quantum):
    left = {name: burst for name, _, burst in jobs}
    coming, queue, clock, completion = list(jobs), [], 0, {}
    while coming or queue:
        if not queue:
            clock = max(clock, coming[0][1])
        while coming and coming[0][1] <= clock:
            queue.append(coming.pop(0)[0])
        running = queue.pop(0)
        run = min(quantum, left[running])
        clock, left[running] = clock + run, left[running] - run
        while coming and coming[0][1] <= clock:
            queue.append(coming.pop(0)[0])
        if left[running]:
            queue.append(running)
        else:
            completion[running] = clock
    return completion


check("06.12", round_robin)

# %% [markdown]
# ## Part 4: with the laboratory
#
# From here on use `simulate` as much as you like.
#
# ### 06.13 A quantum that is long enough

# %% tags=["task"]
CROWD = Workload([(f"P{i}", 0, burst) for i, burst in enumerate((9, 14, 4, 21, 7, 12), 1)])


def shortest_quantum(*, charge: str, share: Fraction) -> int:
    return next(
        q
        for q in range(1, 100)
        if simulate(CROWD, RR(q), switch_cost=1, switch_charge=charge).utilisation >= share
    )


kinds.quantity(
    "06.13",
    title="A quantum that is long enough",
    ask="Six jobs are present at 0, with bursts 9, 14, 4, 21, 7 and 12. A switch from one job to "
    "another costs 1 tick. What is the shortest whole quantum with which round robin uses at "
    "least 89 % of the CPU for jobs?",
    expected=lambda seed: shortest_quantum(charge="between", share=Fraction(89, 100)),
    models=[
        (
            "switch-charge",
            lambda seed: shortest_quantum(charge="dispatch", share=Fraction(89, 100)),
            "that is the quantum if every dispatch were charged, the first one too; here only a "
            "change from one job to another costs.",
        ),
        (
            "formula-for-simulation",
            lambda seed: 9,
            "that is q / (q + 1) >= 89 %, as if every turn used its whole quantum; jobs that end "
            "early make more switches than that.",
        ),
    ],
    wrong=[(1, None), (21, None)],
    hints=(
        "Make a Workload of the six jobs, say six. The share of the CPU that jobs get is "
        "simulate(six, RR(q), switch_cost=1).utilisation.",
        "Try the quanta one after the other, from 1 upwards.",
        "next(q for q in range(1, 100) if ...) gives the first one that fulfils a condition.",
    ),
)

# %%
statement("06.13")

# %% tags=["stub"] task="06.13"
answer = ...

check("06.13", answer)

# %% tags=["solution"] task="06.13"
six = Workload([(0, burst) for burst in (9, 14, 4, 21, 7, 12)])
answer = next(
    q for q in range(1, 30) if 100 * simulate(six, RR(q), switch_cost=1).utilisation >= 89
)

check("06.13", answer)

# %% [markdown]
# ### 06.14 Who used NASA's machine?
#
# `nasa_trace()` gives the log of lesson 06; its columns `width` (processors) and `burst`
# (seconds) are NumPy arrays.


# %% tags=["task"]
def used_by_full_machine(*, weigh_width: bool) -> Fraction:
    nasa = nasa_trace()
    work = nasa.burst * nasa.width if weigh_width else nasa.burst
    return Fraction(int(work[nasa.width == 128].sum()), int(work.sum()))


kinds.quantity(
    "06.14",
    title="Who used NASA's machine?",
    ask="Which share of all the processor seconds in the log went to jobs that needed all 128 "
    "processors? Give a number between 0 and 1.",
    expected=lambda seed: used_by_full_machine(weigh_width=True),
    within=Fraction(1, 1000),
    models=[
        (
            "share-of-jobs",
            lambda seed: Fraction(int((nasa_trace().width == 128).sum()), len(nasa_trace())),
            "that is the share of the jobs; a job that runs for a day counts more than one "
            "that runs "
            "for a second.",
        ),
        (
            "width-forgotten",
            lambda seed: used_by_full_machine(weigh_width=False),
            "that is the share of the run times; a second on 128 processors is 128 "
            "processor seconds.",
        ),
    ],
    wrong=[(1, None), (2, None)],
    hints=(
        "A job uses burst * width processor seconds.",
        "nasa.width == 128 is an array of True and False that can stand in square brackets.",
        "Divide the sum of the products where the width is 128 by the sum of all products.",
    ),
)

# %%
statement("06.14")

# %% tags=["stub"] task="06.14"
answer = ...

check("06.14", answer)

# %% tags=["solution"] task="06.14"
nasa = nasa_trace()
seconds = nasa.burst * nasa.width
answer = seconds[nasa.width == 128].sum() / seconds.sum()

check("06.14", answer)

# %% [markdown]
# ---
#
# All green? Take variants of 06.1 to 06.6 until you need no paper. Then compare with the
# [solutions](../solutions/06_scheduling.ipynb), or read the
# [lesson](../notebooks/06_scheduling.ipynb) again where it hurt.
