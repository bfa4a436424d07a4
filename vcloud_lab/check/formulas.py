"""Wrong formulas and wrong sums: the right schedule, and the arithmetic goes astray."""

from __future__ import annotations

from collections.abc import Iterator

from vcloud_lab.check.misconceptions import MODELS
from vcloud_lab.check.models import Guess, reading
from vcloud_lab.check.question import Question, ratio
from vcloud_lab.scheduling.numbers import Time

__all__ = ["MODELS"]


# --- The formulas of a well-known article --------------------------------------------------------


def _bursts(question: Question) -> list[Time]:
    return [job.burst for job in question.workload.jobs]


def _asks_mean(question: Question, *metrics: str) -> bool:
    return question.per_job and question.job is None and question.metric in metrics


@reading(
    "article-sjf",
    "that is the mean of the run times; how long jobs run says nothing of how long they wait.",
)
def article_sjf(question: Question) -> Iterator[Guess]:
    if _asks_mean(question, "waiting", "turnaround", "response"):
        yield ratio(sum(_bursts(question)), len(question.workload))


@reading(
    "article-srtf",
    "that averages the differences between run times; they telescope to (last - first) / n, "
    "which is no waiting time.",
)
def article_srtf(question: Question) -> Iterator[Guess]:
    if question.policy.name == "SRTF" and _asks_mean(question, "waiting", "turnaround"):
        bursts, count = _bursts(question), len(question.workload)
        yield ratio(bursts[-1] - bursts[0], count)
        yield ratio(max(bursts) - min(bursts), count)
        yield ratio(bursts[-1], count)  # with a T_0 of 0


@reading(
    "article-rr",
    "that adds the run time and the time left after a quantum; neither is time spent waiting.",
)
def article_rr(question: Question) -> Iterator[Guess]:
    quantum = question.policy.quantum
    if quantum is not None and _asks_mean(question, "waiting", "turnaround"):
        left = [burst + max(burst - quantum, 0) for burst in _bursts(question)]
        yield ratio(sum(left), len(left))


# --- Arithmetic ----------------------------------------------------------------------------------


@reading("sum-for-mean", "that is the sum over all jobs; the mean divides it by their number.")
def sum_for_mean(question: Question) -> Iterator[Guess]:
    if question.per_job and question.job is None:
        yield sum(question.column().values())


@reading(
    "wrong-divisor",
    "that divides by the wrong number of jobs; every job counts, those with 0 as well.",
)
def wrong_divisor(question: Question) -> Iterator[Guess]:
    if question.per_job and question.job is None:
        column = question.column()
        total, count = sum(column.values()), len(column)
        some = sum(1 for value in column.values() if value)
        for divisor in (count - 1, some, count + 1):
            if divisor not in (0, count):
                yield ratio(total, divisor)


@reading(
    "earlier-runs-not-subtracted",
    "that is the start of the last slice minus the arrival; "
    "the time that the job ran before that slice was not waiting.",
    alone=True,
)
def earlier_runs_not_subtracted(question: Question) -> Iterator[Guess]:
    if question.per_job and question.metric == "waiting":
        last = {piece.job: piece.start for piece in question.schedule().slices(merge=True)}
        yield {j.name: last[j.name] - j.arrival for j in question.workload.jobs}


@reading("one-job-for-mean", "that is the value of one job alone; the mean is over all of them.")
def one_job_for_mean(question: Question) -> Iterator[Guess]:
    if question.per_job and question.job is None:
        values = list(question.column().values())
        # Only the last and the largest: any small number is some job's value.
        yield from (values[-1], max(values))


@reading(
    "fence-post",
    "that is one unit off{all}; a slice from 2 to 5 is 3 units long, not 2 or 4.",
    alone=True,
)
def fence_post(question: Question) -> Iterator[Guess]:
    if question.per_job and question.metric != "slowdown":
        column = question.column()
        for step in (-1, 1):
            yield {name: value + step for name, value in column.items()}
