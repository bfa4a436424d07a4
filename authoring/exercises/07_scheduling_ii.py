# %% [markdown]
# # Exercises 07: scheduling II
#
# Do [lesson 07](../notebooks/07_scheduling_ii.ipynb) first. Time: about 90 minutes. Paper helps.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("07.1")` gives the next of three hints. The last shows the method, never the number.
# - `variant("07.1", 7)` states the same exercise with other numbers, as often as you like; check
#   it with `check("07.1", answer, seed=7)`.
# - `reset("07.1")` gives you the original cell back.
# - Numbers may be fractions: `5.667`, `17/3` and `"17/3"` are all right.

# %%
from vcloud_lab import FCFS, HRRN, PRIORITY, RR, SJF, SRTF, Job, Workload, simulate
from vcloud_lab.check import check, hint, judge, reset, statement, variant
from vcloud_lab.render import compare, gantt, table
from vcloud_lab.scheduling import CREDIT, EDF, LOTTERY, MLFQ, OWN, RM, STRIDE, PeriodicTasks
from vcloud_lab.scheduling import gap, io_every, least_waiting, missed, worst_case
from vcloud_lab.scheduling import what_if, with_barriers

# %% [markdown]
# ## Part 1: by hand
#
# ### 07.1 Until its turn comes

# %% tags=["task"]
from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random
from typing import Any, TypeVar

from vcloud_lab import FCFS, HRRN, PRIORITY, RR, SJF, SRTF, Job, Schedule, Workload, simulate
from vcloud_lab.check import kinds
from vcloud_lab.check.contest import rank
from vcloud_lab.check.promises import hidden_workloads
from vcloud_lab.check.verdict import Judged
from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling import (
    CREDIT,
    LOTTERY,
    MLFQ,
    OWN,
    RM,
    STRIDE,
    PeriodicTasks,
    Policy,
    Time,
    gap,
    io_every,
    missed,
    show,
    what_if,
)
from vcloud_lab.scheduling.weights import NICE_WEIGHTS

CHAPTER = "scheduling II"

Made = TypeVar("Made")


def dice(task: str, seed: int | None) -> Callable[[int, int], int]:
    """Whole numbers from low to high for a variant of a task, the same on every machine."""
    draw = Random(f"{task}/{seed}").random
    return lambda low, high: low + int(draw() * (high - low + 1))


def until(
    task: str, seed: int | None, good: Callable[[Callable[[int, int], int]], Made | None]
) -> Made:
    """The first drawing of a variant that makes a question: ``good`` gives None for the others."""
    roll = dice(task, seed)
    return next(made for _ in range(1000) if (made := good(roll)) is not None)


def listed(jobs: Sequence[tuple[Any, ...]], header: tuple[str, ...]) -> str:
    """Jobs as a small table of text."""
    rows = [header, *[tuple(map(str, job)) for job in jobs]]
    widths = [max(len(row[at]) for row in rows) for at in range(len(header))]
    lines = ("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(lines)


def vips(seed: int | None) -> tuple[int, int, int]:
    """Priority of the slow job, ageing, burst of a VIP."""
    if seed is None:
        return 4, 4, 2
    roll = dice("07.1", seed)
    return roll(3, 6), roll(2, 6), roll(1, 3)


def aged(seed: int | None, *, vip_number: int = 1) -> Schedule:
    number, ageing, burst = vips(seed)
    jobs = [("slow", 0, 3)] + [(f"VIP{i}", i * burst, burst) for i in range(60)]
    told = [number] + [vip_number] * 60
    return simulate(jobs, PRIORITY(told, ageing=ageing))


def ask_vips(seed: int | None) -> str:
    number, ageing, burst = vips(seed)
    return (
        f"A slow job with priority {number} and VIPs with priority 1 (a small number is a high "
        f"priority). The slow job and the first VIP arrive at 0, in this order; a new VIP arrives "
        f"every {burst} ticks, and each runs for {burst}. PRIORITY, not preemptive, ageing={ageing}"
        f": a job gains one step in {ageing} ticks since its arrival, a fraction of it pro rata; "
        "equals go by arrival. When does the slow job start?"
    )


def next_boundary(seed: int | None, steps: int, *, after: bool) -> int:
    """The first time that a VIP ends at which the slow job has gained so many steps."""
    _, ageing, burst = vips(seed)
    moment = steps * ageing
    return (moment // burst + 1) * burst if after else -(-moment // burst) * burst


kinds.quantity(
    "07.1",
    title="Until its turn comes",
    ask=ask_vips,
    expected=lambda seed: aged(seed).response["slow"],
    models=[
        (
            "one-step-too-many",
            lambda seed: next_boundary(seed, vips(seed)[0], after=False),
            "that is when the slow job's priority has fallen to 0; it only has to draw level with "
            "the VIPs, because among equals the earlier arrival wins.",
        ),
        (
            "strictly-better",
            lambda seed: next_boundary(seed, vips(seed)[0] - 1, after=True),
            "that is one VIP too late, as if the slow job had to be strictly better; when it draws "
            "level, it wins, because it came first.",
        ),
        (
            "ageing-forgotten",
            lambda seed: 60 * vips(seed)[2],
            "that is after the last VIP, so without ageing; here each tick of waiting counts.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "How many steps must the slow job gain until its number is that of a fresh VIP?",
        "A step takes as long as the ageing says. The CPU is only given away when a VIP ends.",
        "Multiply steps and ageing; the slow job starts at the first end of a VIP from then on.",
    ),
    seeded=True,
)

# %%
statement("07.1")

# %% tags=["stub"] task="07.1"
answer = ...

check("07.1", answer)

# %% [markdown] tags=["solution"]
# From priority 4 to 1 it takes 3 steps of 4 ticks. At 12 a VIP ends and the next one has just
# come; both jobs stand at 1, and the slow one came first.

# %% tags=["solution"] task="07.1"
answer = 3 * 4

check("07.1", answer)

# %% [markdown]
# ### 07.2 Waiting is not all that passes


# %% tags=["task"]
def with_device(seed: int | None) -> list[Job]:
    """Two jobs; the first one waits for a device once."""
    if seed is None:
        return [Job("A", 0, 6, io=[(2, 4)]), Job("B", 0, 5)]

    def draw(roll: Callable[[int, int], int]) -> list[Job] | None:
        before, after, length, other = roll(1, 4), roll(2, 5), roll(2, 6), roll(3, 8)
        jobs = [Job("A", 0, before + after, io=[(before, length)]), Job("B", 0, other)]
        return jobs if simulate(jobs, FCFS).waiting["A"] > 0 else None

    return until("07.2", seed, draw)


def ask_device(seed: int | None) -> str:
    first, second = with_device(seed)
    after, length = first.io[0]
    return (
        f"A and B arrive at 0, A first. A needs the CPU for {first.burst} ticks; when it has run "
        f"for {after}, it waits {length} ticks for a device, which needs no CPU. B needs "
        f"{second.burst} ticks of CPU and no device. FCFS: whoever becomes ready first runs first, "
        "and nobody is preempted. What is A's waiting time?"
    )


def blocked_cpu(seed: int | None) -> Time:
    """A's waiting where the CPU stood still during the I/O: none."""
    return 0


kinds.quantity(
    "07.2",
    title="Waiting is not all that passes",
    ask=ask_device,
    expected=lambda seed: simulate(with_device(seed), FCFS).waiting["A"],
    models=[
        (
            "io-counted-as-waiting",
            lambda seed: (
                simulate(with_device(seed), FCFS).waiting["A"] + with_device(seed)[0].io[0][1]
            ),
            "that is turnaround - burst, with the I/O in it; while the device works for A, A does "
            "not wait for the CPU.",
        ),
        (
            "cpu-stands-still",
            blocked_cpu,
            "that would be so if nobody could have the CPU during A's I/O; B runs then, and may "
            "not be done when A is back.",
        ),
        (
            "turnaround-for-waiting",
            lambda seed: simulate(with_device(seed), FCFS).turnaround["A"],
            "that is A's turnaround; its burst and its I/O are no waiting.",
        ),
    ],
    wrong=[(77, None)],
    hints=(
        "Draw two rows: the CPU's and the device's.",
        "A leaves the CPU when its I/O begins, and B takes it at once, for all of its burst.",
        "When is A back from the device, and when does B give up the CPU? A waits in between.",
    ),
    seeded=True,
)

# %%
statement("07.2")

# %% tags=["stub"] task="07.2"
answer = ...

check("07.2", answer)

# %% [markdown] tags=["solution"]
# A runs 0-2 and is at the device 2-6; B runs 2-7. A is ready from 6 on and runs 7-11. In numbers:
# turnaround 11, less burst 6, less I/O 4.

# %% tags=["solution"] task="07.2"
answer = 11 - 6 - 4

check("07.2", answer)

# %% [markdown]
# ### 07.3 Down the queues

# %% tags=["task"]
QUANTA = [2, 4, 8]


def three(seed: int | None) -> list[tuple[str, int, int]]:
    if seed is None:
        return [("A", 0, 12), ("B", 3, 5), ("C", 7, 2)]

    def draw(roll: Callable[[int, int], int]) -> list[tuple[str, int, int]] | None:
        jobs = [("A", 0, roll(7, 13)), ("B", roll(1, 5), roll(3, 7)), ("C", roll(5, 9), roll(1, 4))]
        ends = {simulate(jobs, p).completion["B"] for p in (MLFQ(quantum=QUANTA), RR(2), FCFS)}
        return jobs if len(ends) == 3 else None

    return until("07.3", seed, draw)


kinds.quantity(
    "07.3",
    title="Down the queues",
    ask=lambda seed: (
        "A multi-level feedback queue by OSTEP's rules with three queues, whose quanta are 2, 4 "
        "and 8 (the top queue first), an allotment of one quantum, and no boost. When is B "
        f"complete?\n\n{listed(three(seed), ('job', 'arrival', 'burst'))}"
    ),
    expected=lambda seed: simulate(three(seed), MLFQ(quantum=QUANTA)).completion["B"],
    models=[
        (
            "rr-for-mlfq",
            lambda seed: simulate(three(seed), RR(2)).completion["B"],
            "that is round robin with q = 2: you never moved a job down. Who has used its "
            "allotment queues one level lower.",
        ),
        (
            "fcfs-for-mlfq",
            lambda seed: simulate(three(seed), FCFS).completion["B"],
            "that is FCFS: nobody lost the CPU. A newcomer starts at the top and takes it from a "
            "lower queue at once.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "Keep three queues on paper, and note for the running job what is left of its quantum.",
        "A newcomer at the top takes the CPU at once; the loser stays at the head of its queue "
        "with the rest of its quantum.",
        "Play it event by event: arrival, end of a quantum (one queue down), completion. Stop when "
        "B is complete.",
    ),
    seeded=True,
)

# %%
statement("07.3")

# %% tags=["stub"] task="07.3"
answer = ...

check("07.3", answer)

# %% [markdown] tags=["solution"]
# A 0-2 (down), A 2-3 loses to B; B 3-5 (down), A goes on with the rest of its quantum 5-7; C comes
# to the top at 7 and is done at 9. A has one tick of its quantum left, 9-10, and moves down. B
# needs 3 more: 10-13.

# %% tags=["solution"] task="07.3"
answer = 10 + 3

check("07.3", answer)

# %% [markdown]
# ### 07.4 The draw

# %% tags=["task"]
Lot = tuple[list[tuple[str, int, int]], list[int]]  # (job, burst, tickets), draws


def lottery(seed: int | None) -> Lot:
    if seed is None:
        return [("A", 2, 1), ("B", 3, 5), ("C", 3, 5)], [7, 1, 14, 9, 10, 7, 2, 9]

    def draw(roll: Callable[[int, int], int]) -> Lot | None:
        jobs = [(name, roll(2, 3), roll(1, 5)) for name in "ABC"]
        draws = [roll(0, 15) for _ in range(sum(burst for _, burst, _ in jobs))]
        ends = {winner(jobs, draws, from_one=one, drop=d) for one, d in WAYS}
        return (jobs, draws) if len(ends) == 3 else None

    return until("07.4", seed, draw)


WAYS = ((False, True), (True, True), (False, False))


def winner(
    jobs: list[tuple[str, int, int]], draws: list[int], *, from_one: bool, drop: bool
) -> int:
    """When B is complete; with tickets counted from 1, or with those of finished jobs kept."""
    left = {name: burst for name, burst, _ in jobs}
    for clock, drawn in enumerate(draws, 1):
        hat = [name for name, _, tickets in jobs if left[name] or not drop for _ in range(tickets)]
        name = hat[(drawn - from_one) % len(hat)]
        left[name] -= left[name] > 0
        if not left["B"]:
            return clock
    return 0


def drawn_end(seed: int | None) -> Time:
    jobs, draws = lottery(seed)
    tickets = [t for _, _, t in jobs]
    return simulate([(n, 0, b) for n, b, _ in jobs], LOTTERY(tickets, draws=draws)).completion["B"]


kinds.quantity(
    "07.4",
    title="The draw",
    ask=lambda seed: (
        "A lottery with a quantum of 1. All jobs are there at 0. The tickets of the jobs that are "
        "still there are numbered from 0 in list order, and a draw wins for the ticket that is "
        "left when it is divided by their number. When is B complete?\n\n"
        f"{listed(lottery(seed)[0], ('job', 'burst', 'tickets'))}\n\n"
        f"The draws: {', '.join(map(str, lottery(seed)[1]))}"
    ),
    expected=drawn_end,
    models=[
        (
            "tickets-from-one",
            lambda seed: winner(*lottery(seed), from_one=True, drop=True),
            "you counted the tickets from 1, so that a draw on a boundary falls on the job before; "
            "they are numbered from 0.",
        ),
        (
            "tickets-of-the-dead",
            lambda seed: winner(*lottery(seed), from_one=False, drop=False),
            "you left the tickets of a finished job in the hat; only jobs that are there take "
            "part.",
        ),
    ],
    wrong=[(0, None)],
    hints=(
        "With tickets 3, 1 and 5 the first job has 0 to 2, the second has 3, the third 4 to 8.",
        "Divide each draw by the number of tickets in play; the remainder is the winning ticket.",
        "Cross a job out as soon as it has run for its burst, and number the tickets anew.",
    ),
    seeded=True,
)

# %%
statement("07.4")

# %% tags=["stub"] task="07.4"
answer = ...

check("07.4", answer)

# %% tags=["solution"] task="07.4"
hat = LOTTERY({"A": 1, "B": 5, "C": 5}, draws=[7, 1, 14, 9, 10, 7, 2, 9])
drawn = simulate([("A", 0, 2), ("B", 0, 3), ("C", 0, 3)], hat)
answer = drawn.completion["B"]

check("07.4", answer)

# %% [markdown]
# ### 07.5 Strides


# %% tags=["task"]
def strides(seed: int | None) -> tuple[dict[str, int], str, int]:
    """Tickets, the job that is asked about, and for which of its turns."""
    if seed is None:
        return {"A": 100, "B": 50, "C": 250}, "A", 3

    def draw(roll: Callable[[int, int], int]) -> tuple[dict[str, int], str, int] | None:
        tickets = {name: 50 * roll(1, 6) for name in "ABC"}
        asked = (tickets, "ABC"[roll(0, 2)], roll(2, 4))
        turns = {nth_turn(*asked), nth_turn(turned_round(tickets), *asked[1:]), nth_rr(*asked)}
        return asked if len(turns) == 3 else None

    return until("07.5", seed, draw)


def turned_round(tickets: dict[str, int]) -> dict[str, int]:
    """Tickets whose strides are in the proportion of the given tickets."""
    whole = 1
    for number in tickets.values():
        whole *= number
    return {name: whole // number for name, number in tickets.items()}


def nth_turn(tickets: dict[str, int], job: str, nth: int) -> int:
    """When a job begins its n-th quantum of one tick, all starting at pass 0."""
    jobs = [(name, 0, 60) for name in tickets]
    schedule = simulate(jobs, STRIDE(list(tickets.values()), start="global"))
    ran = [piece for piece in schedule.slices() if piece.job == job]
    return int(ran[nth - 1].start)


def nth_rr(tickets: dict[str, int], job: str, nth: int) -> int:
    return 3 * (nth - 1) + list(tickets).index(job)


def ask_strides(seed: int | None) -> str:
    tickets, job, nth = strides(seed)
    told = ", ".join(f"{name} has {number} tickets" for name, number in tickets.items())
    times = {2: "second", 3: "third", 4: "fourth"}[nth]
    return (
        f"Stride scheduling with a quantum of 1: {told}. All are there at 0 with pass 0 and always "
        f"have work; ties go by list order. At what time does {job} get the CPU for the {times} "
        "time?"
    )


kinds.quantity(
    "07.5",
    title="Strides",
    ask=ask_strides,
    expected=lambda seed: nth_turn(*strides(seed)),
    models=[
        (
            "stride-as-tickets",
            lambda seed: nth_turn(turned_round(strides(seed)[0]), *strides(seed)[1:]),
            "you took strides in the proportion of the tickets; who has more tickets takes shorter "
            "strides, so that its turn comes again sooner.",
        ),
        (
            "rr-for-stride",
            lambda seed: nth_rr(*strides(seed)),
            "that is round robin, as if all had the same number of tickets.",
        ),
    ],
    wrong=[(1000, None)],
    hints=(
        "A job's stride is a common multiple of all tickets, divided by its own tickets.",
        "Always run the job of the smallest pass, then add its stride to its pass.",
        "Make a table with one line a tick: the three passes, and who runs. Count the job's lines.",
    ),
    seeded=True,
)

# %%
statement("07.5")

# %% tags=["stub"] task="07.5"
answer = ...

check("07.5", answer)

# %% [markdown] tags=["solution"]
# The strides are 5, 10 and 2 (500 over the tickets). Passes A, B, C: 0 0 0: A; 5 0 0: B; 5 10 0: C
# at 2, 3 and 4 (passes 2, 4, 6); 5 10 6: A at 5; 10 10 6: C at 6, 7 (8, 10); 10 10 10: A at 8.

# %% tags=["solution"] task="07.5"
strided = simulate([("A", 0, 9), ("B", 0, 9), ("C", 0, 9)], STRIDE([100, 50, 250], start="global"))
answer = [piece.start for piece in strided.slices() if piece.job == "A"][2]

check("07.5", answer)

# %% [markdown]
# ### 07.6 How nice is nice?


# %% tags=["task"]
def two_nice(seed: int | None) -> tuple[int, int]:
    if seed is None:
        return 0, 5

    def draw(roll: Callable[[int, int], int]) -> tuple[int, int] | None:
        low, high = roll(-5, 4), roll(5, 12)
        shares = {share_of(low, high), Fraction(20 - low, 40 - low - high), Fraction(1, 2)}
        return (low, high) if len(shares) == 3 else None

    return until("07.6", seed, draw)


def share_of(nice: int, other: int) -> Fraction:
    mine, theirs = (NICE_WEIGHTS[value] for value in (nice, other))
    return Fraction(100 * mine, mine + theirs)


def ask_nice(seed: int | None) -> str:
    low, high = two_nice(seed)
    return (
        f"Two jobs always want the one CPU, one with nice {low}, the other with nice {high}. "
        f"Linux gives nice {low} the weight {NICE_WEIGHTS[low]} and nice {high} the weight "
        f"{NICE_WEIGHTS[high]}. What percentage of the CPU does the job with nice {low} get "
        "under a fair scheduler?"
    )


kinds.quantity(
    "07.6",
    title="How nice is nice?",
    ask=ask_nice,
    expected=lambda seed: share_of(*two_nice(seed)),
    within=Fraction(1, 20),
    models=[
        (
            "share-of-the-other",
            lambda seed: 100 - share_of(*two_nice(seed)),
            "that is the share of the other job; a lower nice value is a larger weight.",
        ),
        (
            "nice-for-weight",
            lambda seed: Fraction(100 * (20 - two_nice(seed)[0]), 40 - sum(two_nice(seed))),
            "that is a share of the nice values; what counts is the weights, about a quarter more "
            "for each step.",
        ),
        (
            "ratio-for-share",
            lambda seed: Fraction(
                100 * NICE_WEIGHTS[two_nice(seed)[0]], NICE_WEIGHTS[two_nice(seed)[1]]
            ),
            "that is the ratio of the two weights; a share is one weight over their sum.",
        ),
    ],
    wrong=[(50, None)],
    hints=(
        "A fair scheduler gives CPU time in proportion to the weights.",
        "The nice values themselves do not enter the sum; the weights do.",
        "100 times the job's weight, divided by the sum of both weights.",
    ),
    seeded=True,
)

# %%
statement("07.6")

# %% tags=["stub"] task="07.6"
answer = ...

check("07.6", answer)

# %% tags=["solution"] task="07.6"
answer = 100 * 1024 / (1024 + 335)

check("07.6", answer)

# %% [markdown]
# ### 07.7 Who misses?


# %% tags=["task"]
def two_tasks(seed: int | None) -> PeriodicTasks:
    """A set that EDF schedules and RM does not."""
    if seed is None:
        return PeriodicTasks([("A", 5, 2), ("B", 7, 4)])

    def draw(roll: Callable[[int, int], int]) -> PeriodicTasks | None:
        short, long = roll(3, 7), roll(5, 11)
        first, second = roll(1, short - 1), roll(2, long - 1)
        if not short < long or Fraction(first, short) + Fraction(second, long) > 1:
            return None
        tasks = PeriodicTasks([("A", short, first), ("B", long, second)])
        late = missed(simulate(tasks.workload, RM(tasks)), tasks)
        return tasks if late and late[0].job == "B.1" else None

    return until("07.7", seed, draw)


def completion_of_first(seed: int | None) -> Time:
    tasks = two_tasks(seed)
    return simulate(tasks.workload, RM(tasks)).completion["B.1"]


def ask_tasks(seed: int | None) -> str:
    first, second = two_tasks(seed).tasks
    return (
        f"Task A releases a job of {first.burst} ticks every {first.period}, task B one of "
        f"{second.burst} every {second.period}, both from 0 on; a job's deadline is the next "
        "release of its task. Under rate-monotonic scheduling (the task with the shorter period "
        "always goes first, and takes the CPU away) B's first job is late. By how much?"
    )


kinds.quantity(
    "07.7",
    title="Who misses?",
    ask=ask_tasks,
    expected=lambda seed: completion_of_first(seed) - two_tasks(seed).tasks[1].period,
    models=[
        (
            "completion-for-lateness",
            completion_of_first,
            "that is when B's first job ends; it is late by what lies beyond its deadline.",
        ),
        (
            "edf-for-rm",
            lambda seed: 0,
            "it is on time under EDF, which looks at deadlines; RM looks at periods only, so that "
            "A's next job takes the CPU from B although B's deadline is nearer.",
        ),
    ],
    wrong=[(77, None)],
    hints=(
        "A has the shorter period: each job of A runs at once when it is released.",
        "B runs in what A leaves. Draw it until B's first job is done.",
        "Subtract B's first deadline, which is its period, from the completion.",
    ),
    seeded=True,
)

# %%
statement("07.7")

# %% tags=["stub"] task="07.7"
answer = ...

check("07.7", answer)

# %% [markdown] tags=["solution"]
# A.1 0-2, B.1 2-5, A.2 5-7, B.1 7-8. The deadline was at 7. EDF would have let B.1 run on at 5.

# %% tags=["solution"] task="07.7"
tasks = PeriodicTasks([("A", 5, 2), ("B", 7, 4)])
(late,) = missed(simulate(tasks.workload, RM(tasks)), tasks)[:1]
assert missed(simulate(tasks.workload, EDF(tasks)), tasks) == ()
answer = late.lateness

check("07.7", answer)

# %% [markdown]
# ### 07.8 Two CPUs


# %% tags=["task"]
def for_two(seed: int | None) -> list[tuple[str, int, int]]:
    if seed is None:
        return [("P1", 0, 7), ("P2", 1, 3), ("P3", 2, 2), ("P4", 3, 6)]

    def draw(roll: Callable[[int, int], int]) -> list[tuple[str, int, int]] | None:
        jobs = [(f"P{at}", roll(0, 3), roll(1, 8)) for at in range(1, 5)]
        means = {mean_of(jobs, 2), mean_of(jobs, 1), mean_of(jobs, 1) / 2, dealt(jobs)}
        return jobs if len(means) == 4 and mean_of(jobs, 2) else None

    return until("07.8", seed, draw)


def mean_of(jobs: list[tuple[str, int, int]], cpus: int) -> Fraction:
    return Fraction(simulate(jobs, FCFS, cpus=cpus).mean("waiting"))


def dealt(jobs: list[tuple[str, int, int]]) -> Fraction:
    """The jobs dealt to the two CPUs one by one, in order of arrival, come what may."""
    order = sorted(jobs, key=lambda job: job[1])
    return (mean_of(order[::2], 1) + mean_of(order[1::2], 1)) / 2


kinds.quantity(
    "07.8",
    title="Two CPUs",
    ask=lambda seed: (
        "Two CPUs take their jobs from one global queue, first come, first served (equal arrivals "
        "in list order). What is the mean waiting time?\n\n"
        f"{listed(for_two(seed), ('job', 'arrival', 'burst'))}"
    ),
    expected=lambda seed: mean_of(for_two(seed), 2),
    models=[
        (
            "dealt-in-turn",
            lambda seed: dealt(for_two(seed)),
            "you dealt the jobs to the CPUs in turn; from one queue the CPU that is free first "
            "takes the next job.",
        ),
        (
            "one-cpu",
            lambda seed: mean_of(for_two(seed), 1),
            "that is the mean on one CPU.",
        ),
        (
            "half-of-one-cpu",
            lambda seed: mean_of(for_two(seed), 1) / 2,
            "that is half of the mean on one CPU; a second CPU does not halve waiting, it is far "
            "better than that where jobs would run side by side.",
        ),
    ],
    wrong=[(77, None)],
    hints=(
        "Draw a row for each CPU.",
        "The next job of the queue starts on the CPU that is free first, not before it arrives.",
        "Start minus arrival for each job; add them up and divide by 4.",
    ),
    seeded=True,
)

# %%
statement("07.8")

# %% tags=["stub"] task="07.8"
answer = ...

check("07.8", answer)

# %% [markdown] tags=["solution"]
# P1 has CPU 0 from 0 to 7, P2 CPU 1 from 1 to 4. P3 (there since 2) starts at 4 and runs to 6. P4
# (there since 3) starts at 6.

# %% tags=["solution"] task="07.8"
answer = ((0 - 0) + (1 - 1) + (4 - 2) + (6 - 3)) / 4

check("07.8", answer)

# %% [markdown]
# ### 07.9 Stolen time


# %% tags=["task"]
def capped(seed: int | None) -> tuple[int, int]:
    """Burst and cap in percent."""
    if seed is None:
        return 30, 40

    def draw(roll: Callable[[int, int], int]) -> tuple[int, int] | None:
        burst, cap = roll(16, 60), 10 * roll(2, 8)
        room = 30 * cap // 100
        smooth = Fraction(100 * burst, cap) - burst
        steal = capped_run(burst, cap).waiting["vCPU"]
        return (burst, cap) if burst > room and steal != smooth else None

    return until("07.9", seed, draw)


def capped_run(burst: int, cap: int) -> Schedule:
    return simulate([("vCPU", 0, burst)], CREDIT(caps={"vCPU": cap}))


def ask_capped(seed: int | None) -> str:
    burst, cap = capped(seed)
    return (
        f"A vCPU with a cap of {cap} % is alone on its host, under a Xen-like credit scheduler: in "
        f"each accounting period of 30 ms (from 0 on) it may run for {cap} % of the period, as "
        "soon as it can, and then it is parked until the next one, although the CPU is idle. It "
        f"arrives at 0 and has {burst} ms of work. How much time is stolen until it is done?"
    )


kinds.quantity(
    "07.9",
    title="Stolen time",
    ask=ask_capped,
    expected=lambda seed: capped_run(*capped(seed)).waiting["vCPU"],
    models=[
        (
            "smooth-cap",
            lambda seed: Fraction(100 * capped(seed)[0], capped(seed)[1]) - capped(seed)[0],
            "that is what a CPU that is always slower would take; a cap lets the vCPU run at full "
            "speed and then parks it, so the last period is cut short.",
        ),
        (
            "idle-is-not-stolen",
            lambda seed: 0,
            "the CPU is idle, but the vCPU is ready and may not run: that is steal time all the "
            "same.",
        ),
        (
            "turnaround-for-steal",
            lambda seed: capped_run(*capped(seed)).turnaround["vCPU"],
            "that is all the time until it is done; in part of it the vCPU really runs.",
        ),
    ],
    wrong=[(1, None)],
    hints=(
        "How many milliseconds may it run in each period?",
        "It needs several whole periods, and in the last one only the rest of its work.",
        "Find when it is done; what is stolen is that time minus the work.",
    ),
    seeded=True,
)

# %%
statement("07.9")

# %% tags=["stub"] task="07.9"
answer = ...

check("07.9", answer)

# %% [markdown] tags=["solution"]
# 12 ms in each period: 0-12 and 30-42, and the last 6 at 60-66. Done at 66, of which 30 was work.

# %% tags=["solution"] task="07.9"
answer = 66 - 30

check("07.9", answer)

# %% [markdown]
# ### 07.10 Gang or not?

# %% tags=["task"]
kinds.choice(
    "07.10",
    title="Gang or not?",
    ask="Two VMs of 3 vCPUs each share a host of 4 CPUs. The vCPUs of a VM meet at a barrier after "
    "every tick of progress and spin while they wait for each other. Which is right?",
    options={
        "a": "Gang scheduling ends earlier, although it leaves a CPU idle.",
        "b": "Gang scheduling ends later, because it leaves a CPU idle.",
        "c": "Both end at the same time, because the work is the same.",
        "d": "Gang scheduling ends earlier, because it leaves no CPU idle.",
    },
    right="a",
    why={
        "a": "a VM of 3 leaves one of 4 CPUs idle, and still wins: nobody spins for a partner that "
        "is not running.",
        "b": "the idle CPU is lost, but spinning loses more: a vCPU that waits at a barrier for a "
        "partner without a CPU burns its whole turn.",
        "c": "the useful work is the same; spinning comes on top of it.",
        "d": "only one VM of 3 fits on 4 CPUs at a time, so a CPU is idle.",
    },
    names={
        "b": "spinning-forgotten",
        "c": "spinning-is-free",
        "d": "fragmentation-forgotten",
    },
    hints=(
        "How many vCPUs of a VM run at the same time under each of the two?",
        "What does a vCPU do with its CPU while its partner has none?",
        "Try it: with_barriers(jobs, 4, 4, 1, scheduling='gang') and 'independent', with jobs of "
        "width 3; look at spinning, idle and makespan.",
    ),
)

# %%
statement("07.10")

# %% tags=["stub"] task="07.10"
answer = ...

check("07.10", answer)

# %% tags=["solution"] task="07.10"
guests = [("VM1", 0, 12, 3), ("VM2", 0, 12, 3)]
runs = {how: with_barriers(guests, 4, 4, 1, scheduling=how) for how in ("gang", "independent")}
assert runs["gang"].makespan < runs["independent"].makespan
assert runs["gang"].idle > runs["independent"].idle
answer = "a"

check("07.10", answer)

# %% [markdown]
# ### 07.11 What if?


# %% tags=["task"]
def regret(seed: int | None) -> tuple[list[tuple[str, int, int]], str]:
    """Jobs that are all there at 0, and the one that is given the CPU first against the policy."""
    if seed is None:
        return [("P1", 0, 2), ("P2", 0, 5), ("P3", 0, 9)], "P3"

    def draw(roll: Callable[[int, int], int]) -> tuple[list[tuple[str, int, int]], str] | None:
        bursts = sorted({roll(1, 9) for _ in range(3)})
        jobs = [(f"P{at}", 0, burst) for at, burst in enumerate(bursts, 1)]
        return (jobs, f"P{roll(2, 3)}") if len(bursts) == 3 else None

    return until("07.11", seed, draw)


def changed(seed: int | None) -> Time:
    jobs, chosen = regret(seed)
    _, others = what_if(simulate(jobs, SJF), 0)
    return next(other.change for other in others if other.job == chosen)


kinds.quantity(
    "07.11",
    title="What if?",
    ask=lambda seed: (
        f"SJF, all jobs there at 0. At its first decision it is made to take {regret(seed)[1]}; "
        "after that it decides as ever. By how much does the mean waiting time grow?\n\n"
        f"{listed(regret(seed)[0], ('job', 'arrival', 'burst'))}"
    ),
    expected=changed,
    models=[
        (
            "sum-for-mean",
            lambda seed: changed(seed) * len(regret(seed)[0]),
            "that is how much all jobs together wait longer; the mean is asked for.",
        ),
        (
            "mean-for-change",
            lambda seed: changed(seed) + Fraction(simulate(regret(seed)[0], SJF).mean("waiting")),
            "that is the mean waiting time after the other choice; subtract what it was under SJF.",
        ),
        (
            "gain-for-loss",
            lambda seed: -changed(seed),
            "the size is right and the sign is not: no other order of jobs that are all present "
            "has less waiting than SJF's.",
        ),
    ],
    wrong=[(77, None)],
    hints=(
        "Write down both orders: SJF's own, and the one that begins with the other job.",
        "In each, a job waits for the sum of the bursts before it.",
        "Subtract the two sums of waiting times, and divide by the number of jobs.",
    ),
    seeded=True,
)

# %%
statement("07.11")

# %% tags=["stub"] task="07.11"
answer = ...

check("07.11", answer)

# %% tags=["solution"] task="07.11"
decision, others = what_if(simulate([("P1", 0, 2), ("P2", 0, 5), ("P3", 0, 9)], SJF), 0)
answer = next(other.change for other in others if other.job == "P3")

check("07.11", answer)

# %% [markdown]
# ## Part 2: with the laboratory
#
# From here on use `simulate` and everything else as much as you like.
#
# ### 07.12 Game the queues

# %% tags=["task"]
HONEST = ("honest", 0, 24)


def cheated(io: Sequence[tuple[Time, Time]], *, stay: bool) -> Schedule:
    return simulate([Job("cheat", 0, 24, io=io), HONEST], MLFQ(quantum=[4, 4, 4], stay=stay))


def cheats(answer: object) -> Judged:
    waits: Any = answer
    gamed, ruled = (cheated(waits, stay=stay) for stay in (True, False))
    alone = gamed.workload["cheat"].io
    waited = gamed.waiting["cheat"]
    lost = sum(length for _, length in alone)
    said = f"under stay your job waits {show(waited)} for the CPU"
    if not alone:
        return False, f"{said}: without I/O it cannot game anything.", "no-io"
    if lost > 8:
        return False, f"your job spends {show(lost)} ticks at the device; give away at most 8."
    if waited > 4:
        if any(at % 4 == 0 for at, _ in alone):
            name = "io-too-late"
            return (
                False,
                (
                    f"{said}; an I/O that begins when the quantum of 4 is used up comes too late, "
                    "because the job moves down at that moment."
                ),
                name,
            )
        return False, f"{said}; more than 4. At some time it uses up a quantum, and moves down."
    return True, (
        f"{said}, and the honest one {show(gamed.waiting['honest'])}. Under the allotment rule "
        f"yours waits {show(ruled.waiting['cheat'])}: time on a level is added up, I/O or not."
    )


kinds.judge(
    "07.12",
    title="Game the queues",
    ask="Two jobs of 24 ticks of CPU arrive at 0, cheat before honest, under "
    "MLFQ(quantum=[4, 4, 4], stay=True), where a job that begins an I/O keeps its queue and gets a "
    "new allotment. Give the I/O of cheat, a list of (after, length), such that it waits at most "
    "4 ticks for the CPU and spends at most 8 ticks at the device.",
    judge=cheats,
    form="a list of (after, length)",
    right=[
        [(3, 1), (6, 1), (9, 1), (12, 1), (15, 1), (18, 1), (21, 1)],
        ((3, 1), (6, 1), (9, 1), (12, 1), (15, 1), (18, 1), (21, 1)),
        io_every(24, 3, 1),
    ],
    wrong=[
        ([], "no-io"),
        ([(4, 1), (8, 1), (12, 1), (16, 1), (20, 1)], "io-too-late"),
        [(3, 9)],
        [(3, 1)],
        [(24, 1)],
        7,
    ],
    hints=(
        "A job moves down when it has used its allotment of 4 ticks. What if it never does?",
        "Under stay an I/O just before the quantum is over sets the count back.",
        "io_every(24, ..., 1) makes I/O of one tick again and again; choose the interval.",
    ),
)

# %%
statement("07.12")

# %% tags=["stub"] task="07.12"
answer = ...

check("07.12", answer)

# %% tags=["solution"] task="07.12"
answer = io_every(24, 3, 1)

check("07.12", answer)

# %% [markdown]
# ### 07.13 The adversary of round robin


# %% tags=["task"]
def bad_for_rr(jobs: Workload) -> tuple[bool, str]:
    try:
        ratio = gap(jobs, RR(1))
    except ScheduleError as error:
        return False, str(error)
    reached = f"round robin's mean turnaround is {show(ratio)} times the least that is possible"
    if ratio >= Fraction(3, 2):
        return True, f"{reached}, which was found by trying every schedule."
    same = len({job.burst for job in jobs.jobs}) == 1 and len(jobs) == 4
    longer = " The shape is right; try longer jobs." if same else ""
    return False, f"{reached}; make it at least 1.5 times.{longer}"


kinds.workload(
    "07.13",
    title="The adversary of round robin",
    ask="Find at most 4 jobs for which round robin with q = 1 has a mean turnaround of at least "
    "1.5 times the least that any schedule has. (The least is found by trying all schedules.)",
    shows=bad_for_rr,
    most=4,
    right=[[("P1", 0, 10), ("P2", 0, 10), ("P3", 0, 10), ("P4", 0, 10)], [(0, 9)] * 4],
    wrong=[
        [("P1", 0, 10), ("P2", 0, 1)],
        [(0, 2)] * 4,
        [(0, 9)] * 3,
        [(0, 1), (5, 1)],
        [(0, 9)] * 5,
        [],
        "RR",
    ],
    hints=(
        "The convoy, which is bad for FCFS, is good for round robin. What is the opposite?",
        "With jobs of one length round robin lets all of them end late, together.",
        "n equal jobs of length L: under FCFS they end at L, 2L, ... nL, under round robin all "
        "near nL. Compare the two means, and choose n and L.",
    ),
)

# %%
statement("07.13")

# %% tags=["stub"] task="07.13"
answer = ...

check("07.13", answer)

# %% tags=["solution"] task="07.13"
answer = Workload([(0, 10)] * 4)
assert gap(answer, FCFS) == 1

check("07.13", answer)

# %% [markdown]
# ### 07.14 The adversary of the feedback queue


# %% tags=["task"]
def starves(jobs: Workload) -> tuple[bool, str]:
    alone, boosted = (
        simulate(jobs, MLFQ(quantum=QUANTA, boost=boost)).waiting for boost in (None, 10)
    )
    victim = max(alone, key=lambda name: (alone[name], name))
    reached = (
        f"{victim} waits {show(alone[victim])} without a boost and {show(boosted[victim])} with "
        "one every 10 ticks"
    )
    if alone[victim] >= 20 and alone[victim] >= 2 * boosted[victim]:
        return True, f"{reached}: at least twice as long."
    if alone[victim] < 20:
        return False, f"{reached}; it should wait at least 20 ticks without one."
    return False, f"{reached}; make it at least twice as long without."


kinds.workload(
    "07.14",
    title="The adversary of the feedback queue",
    ask="Find at most 16 jobs such that under MLFQ(quantum=[2, 4, 8]) without a boost some job "
    "waits at least 20 ticks, and at least twice as long as the same job with boost=10.",
    shows=starves,
    most=16,
    right=[
        [("long", 0, 4)] + [(f"short {i}", 2 * i, 2) for i in range(1, 15)],
        [("big", 0, 3)] + [(f"small {i}", 2 + 2 * i, 2) for i in range(12)],
    ],
    wrong=[
        [("P1", 0, 9), ("P2", 0, 9), ("P3", 0, 9)],
        [("long", 0, 6), ("short", 2, 2)],
        [("long", 0, 6)] + [(f"short {i}", 2 * i, 2) for i in range(1, 15)],
        [("P1", 0, 2)],
        [(0, 30), (0, 30)],
        [(0, 1)] * 17,
    ],
    hints=(
        "Who never gets the CPU under MLFQ? A job in a lower queue, while the top is not empty.",
        "Keep the top queue filled with newcomers that need no more than their first quantum.",
        "One job that is a little longer than its first quantum, and a short job every 2 ticks.",
    ),
)

# %%
statement("07.14")

# %% tags=["stub"] task="07.14"
answer = ...

check("07.14", answer)

# %% tags=["solution"] task="07.14"
answer = Workload([("long", 0, 4)] + [(f"short {i}", 2 * i, 2) for i in range(1, 15)])

check("07.14", answer)

# %% [markdown]
# ### 07.15 A policy of your own
#
# Write `choose(ready, now)`: it gets the ready jobs (with `name`, `arrival`, `burst`, `left`,
# `waited`) and returns the one that runs next, to its end. Try it with `judge(choose)` as often as
# you like.


# %% tags=["task"]
def short_and_fair(policy: Policy) -> tuple[bool, str]:
    found = {one.policy: one for one in rank({"yours": policy, "FCFS": FCFS(), "SJF": SJF()})}
    mine, fcfs, sjf = (found[name] for name in ("yours", "FCFS", "SJF"))
    said = (
        f"on the hidden workloads the mean waiting time is {show(mine.waiting, 2)} (FCFS "
        f"{show(fcfs.waiting, 2)}) and nobody waits longer than {show(mine.longest)} (SJF "
        f"{show(sjf.longest)})"
    )
    if 5 * mine.waiting > 4 * fcfs.waiting:
        return False, f"{said}; the mean must be at most 80 % of that of FCFS: favour short jobs."
    if 5 * mine.longest > 4 * sjf.longest:
        return False, f"{said}; the longest must be at most 80 % of that of SJF: let age count too."
    return True, f"{said}."


def by_ratio(ready: Any, now: Any) -> Any:
    return max(ready, key=lambda job: Fraction(now - job.arrival + job.burst, job.burst))


def by_burst(ready: Any, now: Any) -> Any:
    return min(ready, key=lambda job: job.burst)


def by_queue(ready: Any, now: Any) -> Any:
    return ready[0]


def by_name(ready: Any, now: Any) -> Any:
    return "P1"


kinds.scheduler(
    "07.15",
    title="A policy of your own",
    ask="Write choose(ready, now). It is asked whenever the CPU is free, and the job that it "
    "returns runs to its end. On hidden workloads the mean waiting time must be at most 80 % of "
    "that of FCFS, and the longest wait at most 80 % of that of SJF.",
    goal=short_and_fair,
    right=[by_ratio, OWN(by_ratio), HRRN()],
    wrong=[by_burst, by_queue, (by_name, "refused"), SJF(), 5],
    hints=(
        "SJF has a short mean and lets long jobs wait; FCFS is the other way round. What lies "
        "between?",
        "Let a job's claim grow with its waiting, and the faster, the shorter the job is.",
        "return max(ready, key=lambda job: ...), with a ratio of waiting and burst.",
    ),
)

# %%
statement("07.15")


# %% tags=["stub"] task="07.15"
def choose(ready, now): ...


check("07.15", choose)


# %% tags=["solution"] task="07.15"
def choose(ready, now):
    return max(ready, key=lambda job: (job.waited + job.burst) / job.burst)


check("07.15", choose)

# %% [markdown]
# ### 07.16 A whole scheduler
#
# This time there is no machine that keeps the books for you. Write SRTF as a function from jobs to
# slices.


# %% tags=["task"]
def is_srtf(function: Callable[..., Any]) -> Judged:
    workloads = list(hidden_workloads())
    mine = [own_mean(function, workload) for workload in workloads]
    best = [simulate(workload, SRTF).mean("waiting") for workload in workloads]
    for workload, mean, least in zip(workloads, mine, best, strict=True):
        if mean > least:
            jobs = [(job.name, job.arrival, job.burst) for job in workload.jobs]
            text = (
                f"on {jobs} the mean waiting time is {show(mean)}, and SRTF reaches {show(least)}: "
                "whoever has the least left must run, also when somebody else is running."
            )
            for policy, name in OTHERS:
                if mine == [simulate(one, policy).mean("waiting") for one in workloads]:
                    return False, f"{text} What you wrote is {policy.name}.", name
            return False, text, "not-srtf"
    return True, "every hidden workload has the least possible mean waiting time."


def own_mean(function: Callable[..., Any], workload: Workload) -> Time:
    """The mean waiting time of a learner's slices."""
    jobs = [(job.name, job.arrival, job.burst) for job in workload.jobs]
    ends = {name: end for name, _, end in sorted(function(jobs), key=lambda s: s[2])}
    return Fraction(sum(ends[name] - arrival - burst for name, arrival, burst in jobs), len(jobs))


OTHERS = ((SJF(), "sjf-for-srtf"), (FCFS(), "fcfs-for-srtf"))


def tick_by_tick(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    left = {name: burst for name, _, burst in jobs}
    clock, slices = 0, []
    while any(left.values()):
        there = [name for name, arrival, _ in jobs if arrival <= clock and left[name]]
        if there:
            name = min(there, key=left.__getitem__)
            slices.append((name, clock, clock + 1))
            left[name] -= 1
        clock += 1
    return slices


def to_the_end(jobs: list[tuple[str, Any, Any]], *, key: int) -> list[tuple[str, Any, Any]]:
    waiting, clock, slices = list(jobs), 0, []
    while waiting:
        there = [job for job in waiting if job[1] <= clock]
        if not there:
            clock = min(job[1] for job in waiting)
            continue
        job = min(there, key=lambda one: one[key])
        waiting.remove(job)
        slices.append((job[0], clock, clock + job[2]))
        clock += job[2]
    return slices


def shortest_to_the_end(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return to_the_end(jobs, key=2)


def first_to_the_end(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return to_the_end(jobs, key=1)


def all_at_once(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return [(name, arrival, arrival + burst) for name, arrival, burst in jobs]


def no_arrivals(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return to_the_end([(name, 0, burst) for name, _, burst in jobs], key=2)


def last_forgotten(jobs: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return tick_by_tick(jobs)[:-1]


kinds.scheduler(
    "07.16",
    title="A whole scheduler",
    ask="Write srtf(jobs): from a list of (name, arrival, burst), whole numbers, to a list of "
    "(name, start, end) in which each job gets its burst, none runs before it arrives, one runs at "
    "a time, the CPU is never idle while a job is ready, and the mean waiting time is the least "
    "that is possible.",
    whole=True,
    goal=is_srtf,
    right=[tick_by_tick],
    wrong=[
        (shortest_to_the_end, "sjf-for-srtf"),
        (first_to_the_end, "fcfs-for-srtf"),
        (all_at_once, "overlap"),
        (no_arrivals, "early"),
        (last_forgotten, "wrong-length"),
        ([("P1", 0, 3)], None),
    ],
    hints=(
        "Keep what each job has left, and a clock. Slices of one tick are allowed.",
        "At each tick: who is there and not done? If nobody, only the clock moves on.",
        "min(there, key=left.get) names the job of that tick; append (name, clock, clock + 1).",
    ),
)

# %%
statement("07.16")


# %% tags=["stub"] task="07.16"
def srtf(jobs): ...


check("07.16", srtf)


# %% tags=["solution"] task="07.16"
def srtf(jobs):
    left = {name: burst for name, arrival, burst in jobs}
    clock, slices = 0, []
    while any(left.values()):
        there = [name for name, arrival, burst in jobs if arrival <= clock and left[name]]
        if there:
            best = min(there, key=left.__getitem__)
            slices.append((best, clock, clock + 1))
            left[best] -= 1
        clock += 1
    return slices


check("07.16", srtf)

# %% [markdown]
# ---
#
# All green? Take variants of the first part until you need no paper. Then compare with the
# [solutions](../solutions/07_scheduling_ii.ipynb), or read the
# [lesson](../notebooks/07_scheduling_ii.ipynb) again where it hurt.
