"""The common wrong ideas about a schedule, each a short function with the sentence to say.

First come the mistakes about the metric, then those about arrivals and idle time, the policy, and
the cost of switching. ``formulas.py`` goes on with wrong formulas and sums, ``machine.py`` with the
numbers that belong to the machine. ``models.py`` says what a *run* and a *reading* are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from vcloud_lab.check.models import MODELS, Guess, reading, run
from vcloud_lab.check.question import Column, Question, ratio
from vcloud_lab.scheduling import FCFS, SJF, SRTF, Job, Workload
from vcloud_lab.scheduling.numbers import Time

__all__ = ["MODELS"]


def at_zero(question: Question) -> Question:
    """The same jobs, in order of arrival, all there at time 0."""
    jobs = sorted(question.workload.jobs, key=lambda job: job.arrival)
    return question.but(workload=Workload(Job(j.name, 0, j.burst, j.width) for j in jobs))


def measured(question: Question, completion: Column) -> Column:
    """The metric from other completion times, against the true arrivals."""
    jobs = question.workload.jobs
    if question.metric == "completion":
        return completion
    turnaround: Column = {j.name: completion[j.name] - j.arrival for j in jobs}
    if question.metric == "turnaround":
        return turnaround
    if question.metric == "waiting":
        return {j.name: turnaround[j.name] - j.burst for j in jobs}
    if question.metric == "slowdown":
        return {j.name: ratio(turnaround[j.name], j.burst) for j in jobs}
    return {}  # completions say nothing of the response


# --- The metric: the right schedule, another number read from it ---------------------------------

SWAPS = {
    ("waiting", "turnaround"): (
        "that is {name} turnaround time, which counts the run time too; take each burst away."
    ),
    ("waiting", "response"): (
        "that is {name} response time, which stops counting at the first run; "
        "a job that loses the CPU waits again."
    ),
    ("waiting", "completion"): (
        "that is {name} completion time; take away the arrival and the burst."
    ),
    ("turnaround", "completion"): (
        "that is {name} completion time, counted from 0; count from each job's arrival."
    ),
    ("turnaround", "waiting"): (
        "that is {name} waiting time; turnaround counts the time on the CPU as well."
    ),
    ("turnaround", "response"): (
        "that is {name} response time; turnaround runs on to the job's completion."
    ),
    ("response", "waiting"): (
        "that is {name} waiting time; response stops counting at the first run."
    ),
    ("response", "turnaround"): (
        "that is {name} turnaround time; response stops counting at the first run."
    ),
    ("response", "completion"): (
        "that is {name} completion time; response is first run minus arrival."
    ),
    ("completion", "turnaround"): (
        "that is {name} turnaround time, counted from arrival; completion is a time of day."
    ),
}


def _swap(metric: str, other: str) -> Callable[[Question], Iterator[Guess]]:
    def guesses(question: Question) -> Iterator[Guess]:
        if question.per_job and question.metric == metric:
            yield question.column(other)

    return guesses


for (_metric, _other), _sentence in SWAPS.items():
    reading(f"{_other}-for-{_metric}", _sentence, alone=True)(_swap(_metric, _other))


# --- Arrivals and idle time ----------------------------------------------------------------------


@reading(
    "measured-from-zero",
    "the schedule is right, but {what} is counted from time 0 there; count from each arrival.",
    alone=True,
)
def measured_from_zero(question: Question) -> Iterator[Guess]:
    if question.per_job and question.metric in ("waiting", "response"):
        column = question.column()
        yield {j.name: column[j.name] + j.arrival for j in question.workload.jobs}


@run(
    "arrivals-ignored",
    "that ignores the arrivals, as if all jobs were there at time 0; "
    "a job cannot run, or wait, before it arrives.",
)
def arrivals_ignored(question: Question) -> Question | None:
    return at_zero(question)


@reading(
    "idle-gap-lost",
    "that keeps the CPU busy all the time; where no job is there yet the CPU idles, "
    "and everything after it starts later.",
)
def idle_gap_lost(question: Question) -> Iterator[Guess]:
    gaps = question.schedule().idle_gaps
    if gaps and question.per_job:
        ends = question.column("completion")
        early = {n: end - sum(b - a for a, b in gaps if b <= end) for n, end in ends.items()}
        column = measured(question, early)
        yield column
        # Who squeezes the gap out often writes 0 where a job would have waited less than nothing.
        yield {name: max(value, 0) for name, value in column.items()}
    elif gaps and question.metric == "makespan":
        yield sum(job.burst for job in question.workload.jobs)


@reading(
    "sorted-at-zero",
    "that orders all jobs at time 0; at each moment only the jobs that have arrived can be chosen.",
)
def sorted_at_zero(question: Question) -> Iterator[Guess]:
    if question.per_job:
        yield measured(question, at_zero(question).column("completion"))


# --- The policy ----------------------------------------------------------------------------------


@run(
    "rr-enqueue-order",
    "that is round robin with the other order of queueing: look again at who queues first when a "
    "job arrives in the very tick in which another's quantum expires.",
)
def rr_enqueue_order(question: Question) -> Question | None:
    if question.policy.name != "RR":
        return None
    first = question.policy.enqueue == "arrival-first"
    flipped = replace(question.policy, enqueue="preempted-first" if first else "arrival-first")
    return question.but(policy=flipped)


@run(
    "sjf-for-srtf",
    "that is SJF, which never takes the CPU away; "
    "under SRTF an arrival that needs less than what is left preempts.",
)
def sjf_for_srtf(question: Question) -> Question | None:
    return question.but(policy=SJF()) if question.policy.name == "SRTF" else None


@run(
    "srtf-for-sjf",
    "that is SRTF, which preempts; under SJF a job that has begun runs to its end.",
)
def srtf_for_sjf(question: Question) -> Question | None:
    single = question.cpus == 1
    return question.but(policy=SRTF()) if question.policy.name == "SJF" and single else None


def _fcfs(policy: str) -> Callable[[Question], Question | None]:
    def other(question: Question) -> Question | None:
        return question.but(policy=FCFS()) if question.policy.name == policy else None

    return other


run(
    "fcfs-for-sjf", "that runs the jobs in order of arrival; SJF takes the shortest that is ready."
)(_fcfs("SJF"))
run(
    "fcfs-for-srtf",
    "that runs the jobs in order of arrival; SRTF takes the one with the least time left.",
)(_fcfs("SRTF"))
run(
    "fcfs-for-rr",
    "that is FCFS: each job runs to its end; "
    "under RR the CPU passes on after each quantum of {quantum}.",
)(_fcfs("RR"))


@reading(
    "list-order",
    "that takes the jobs in the order of the list; FCFS takes them in the order of arrival.",
)
def list_order(question: Question) -> Iterator[Guess]:
    jobs = question.workload.jobs
    if question.policy.name != "FCFS" or question.cpus > 1 or question.switch_cost:
        return
    sorted_already = all(a.arrival <= b.arrival for a, b in pairwise(jobs))
    if sorted_already or not question.per_job:
        return
    for waits in (True, False):
        clock: Time = 0
        ends: Column = {}
        for job in jobs:
            clock = (max(clock, job.arrival) if waits else clock) + job.burst
            ends[job.name] = clock
        yield measured(question, ends)


@run(
    "sjf-for-fcfs",
    "that takes the shortest job first; FCFS goes by arrival alone, however long a job is.",
)
def sjf_for_fcfs(question: Question) -> Question | None:
    return question.but(policy=SJF()) if question.policy.name == "FCFS" else None


@reading(
    "quantum-not-given-up",
    "that lets a job that ends early hold the CPU to the end of its quantum; "
    "it gives up the rest and the next job starts at once.",
)
def quantum_not_given_up(question: Question) -> Iterator[Guess]:
    quantum = question.policy.quantum
    if quantum is None or not question.per_job:
        return
    jobs = question.workload.jobs
    full = {j.name: -(-Fraction(j.burst) // Fraction(quantum)) * quantum for j in jobs}
    padded = Workload(Job(j.name, j.arrival, full[j.name]) for j in jobs)
    held = question.but(workload=padded)
    if question.metric == "response":
        yield held.column()
    else:
        ends = held.column("completion")
        yield measured(question, {j.name: ends[j.name] - full[j.name] + j.burst for j in jobs})
        yield measured(question, ends)


@run(
    "tie-rule",
    "that settles a tie the other way; "
    "equals go by arrival, then by list order, and the running job is kept, unless told otherwise.",
)
def tie_rule(question: Question) -> Question | None:
    policy = question.policy
    if policy.name == "SRTF":
        keep = policy.on_tie == "keep"
        return question.but(policy=replace(policy, on_tie="preempt" if keep else "keep"))
    if policy.name == "SJF":
        first = policy.ties == "arrival"
        return question.but(policy=replace(policy, ties="list" if first else "arrival"))
    return None


# --- Switch cost and processors ------------------------------------------------------------------


@run(
    "switch-cost-forgotten",
    "that forgets the switch cost; each switch delays everything behind it.",
)
def switch_cost_forgotten(question: Question) -> Question | None:
    return question.but(switch_cost=0) if question.switch_cost else None


@run(
    "switch-charge",
    "that charges the switch cost at the wrong moments: "
    "look again at whether it is paid at every dispatch or only between different jobs.",
)
def switch_charge(question: Question) -> Question | None:
    other = "dispatch" if question.switch_charge == "between" else "between"
    return question.but(switch_charge=other) if question.switch_cost else None


@run("one-processor", "that is the answer for one processor; here several jobs run side by side.")
def one_processor(question: Question) -> Question | None:
    return question.but(cpus=1) if question.cpus > 1 else None
