"""Wrong readings of the numbers that belong to the machine, not to a job.

``MODELS`` is the whole list, with these behind the general ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from vcloud_lab.check.formulas import MODELS
from vcloud_lab.check.models import Guess, reading
from vcloud_lab.check.question import Question, ratio
from vcloud_lab.scheduling.numbers import Time

__all__ = ["MODELS"]


def _used(question: Question) -> Time:
    return sum((job.burst * job.width for job in question.workload.jobs), 0)


def _spent(intervals: tuple[tuple[Time, Time], ...]) -> Time:
    return sum((end - start for start, end in intervals), 0)


@reading(
    "switching-counted-as-work",
    "that counts the time spent switching as work; only time in which a job runs is used time.",
)
def switching_counted_as_work(question: Question) -> Iterator[Guess]:
    if question.measure is None and question.metric == "utilisation":
        schedule = question.schedule()
        if schedule.overheads:
            yield ratio(_used(question) + _spent(schedule.overheads), schedule.makespan)


@reading(
    "counted-from-first-arrival",
    "that starts the clock at the first arrival; it starts at time 0 here.",
)
def counted_from_first_arrival(question: Question) -> Iterator[Guess]:
    if question.measure is not None:
        return
    schedule, first = question.schedule(), min(j.arrival for j in question.workload.jobs)
    span = schedule.makespan - first
    if question.metric == "makespan":
        yield span
    elif question.metric == "utilisation":
        yield ratio(_used(question), span * question.cpus)
    elif question.metric == "throughput":
        yield ratio(len(question.workload), span)


@reading(
    "idle-share",
    "that is the share of time in which no job runs; utilisation is the other part.",
)
def idle_share(question: Question) -> Iterator[Guess]:
    if question.measure is None and question.metric == "utilisation":
        yield 1 - question.value()


@reading(
    "processors-forgotten",
    "that leaves out how many processors there are; divide by the time of all of them.",
)
def processors_forgotten(question: Question) -> Iterator[Guess]:
    if question.metric == "utilisation" and question.cpus > 1:
        yield question.value() * question.cpus


@reading(
    "idle-lost-in-rate",
    "that divides by the time in which jobs run; idle time counts too.",
)
def idle_lost_in_rate(question: Question) -> Iterator[Guess]:
    if question.measure is None and question.metric == "throughput":
        yield ratio(len(question.workload), _used(question))


@reading(
    "upside-down",
    "that is the fraction upside down; look again at what is divided by what.",
    alone=True,
)
def upside_down(question: Question) -> Iterator[Guess]:
    value = question.value() if question.metric in ("throughput", "utilisation") else 0
    if value:
        yield ratio(1, value)
    elif question.metric == "slowdown":
        yield {name: ratio(1, slow) for name, slow in question.column().items()}


PERCENT = "that is a percentage; give the fraction, a number between 0 and 1."


@reading("percent", PERCENT)
def percent(question: Question) -> Iterator[Guess]:
    if question.metric in ("utilisation", "fairness"):
        yield question.value() * 100


@reading(
    "waiting-over-burst",
    "that divides the waiting time by the burst; slowdown divides the turnaround by it.",
    alone=True,
)
def waiting_over_burst(question: Question) -> Iterator[Guess]:
    if question.metric == "slowdown":
        yield {name: slow - 1 for name, slow in question.column().items()}


@reading(
    "ratio-of-sums",
    "that divides the sum of the turnarounds by the sum of the bursts; "
    "take each job's own ratio first, then the mean.",
)
def ratio_of_sums(question: Question) -> Iterator[Guess]:
    if question.metric == "slowdown" and question.job is None:
        bursts = sum(job.burst for job in question.workload.jobs)
        yield ratio(sum(question.column("turnaround").values()), bursts)


@reading(
    "dispatches-for-switches",
    "that counts dispatches; "
    "the first one, and each that gives the CPU back to the same job, is no switch.",
)
def dispatches_for_switches(question: Question) -> Iterator[Guess]:
    if question.measure is None and question.metric == "context_switches":
        schedule = question.schedule()
        turns = len(list(schedule.slices()))
        yield from (turns, turns - 1, schedule.context_switches + 1)


@reading(
    "preemptions-for-switches",
    "that counts preemptions; the CPU passes on when a job ends as well.",
)
def preemptions_for_switches(question: Question) -> Iterator[Guess]:
    if question.measure is None and question.metric == "context_switches":
        ledger = question.schedule().ledger()
        yield sum(1 for d in ledger if d.preempted is not None and d.preempted != d.chosen)
