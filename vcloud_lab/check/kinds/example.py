"""Exercises whose answer is a workload: build the example that shows an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from vcloud_lab.check.answers import exactly
from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.question import WORDS
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import VcloudLabError
from vcloud_lab.scheduling import Policy, Schedule, Workload, simulate
from vcloud_lab.scheduling.numbers import Time, show

__all__ = ["more_than", "workload"]

FORM = "a Workload or a list of (name, arrival, burst)"

Shows = Callable[[Workload], tuple[bool, str]]
"""Whether a workload shows the effect, and a sentence: what it reaches and what is asked."""


def workload(
    id: str,
    *,
    title: str,
    ask: str,
    shows: Shows,
    right: Sequence[object],
    hints: Sequence[str],
    wrong: Sequence[object] = (),
    most: int = 6,
) -> Task:
    """Jobs that show an effect: ``shows`` judges them, at most ``most`` of them are allowed."""

    def judged(answer: object, seed: int | None) -> Outcome:
        if isinstance(answer, str | Mapping) or not isinstance(answer, Workload | Iterable):
            return Outcome(False, f"that is of type {type(answer).__name__}; give {FORM}.")
        try:
            jobs = answer if isinstance(answer, Workload) else Workload(answer)
            if not 1 <= len(jobs) <= most:
                return Outcome(False, f"your workload has {len(jobs)} jobs; give 1 to {most}.")
            return Outcome(*shows(jobs))
        except VcloudLabError as error:
            return Outcome(False, str(error))

    return register(
        Task(
            id,
            title,
            "workload",
            FORM,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask}",
            judged,
            lambda seed: list(right),
            lambda seed: recorded(wrong),
        )
    )


def more_than(metric: str, policy: Policy, than: Policy, *, times: Time) -> Shows:
    """A rule: the mean ``metric`` under ``policy`` is at least ``times`` that under ``than``."""

    def mean(schedule: Schedule) -> Time:
        return schedule.mean(metric)

    def shows(jobs: Workload) -> tuple[bool, str]:
        high, low = (mean(simulate(jobs, p)) for p in (policy, than))
        reached = (
            f"the mean {WORDS.get(metric, metric)} is {exactly(high)} under {policy.label} "
            f"and {exactly(low)} under {than.label}"
        )
        if low == 0:
            return False, f"{reached}; make both larger than 0, so that they can be compared."
        if high >= times * low:
            return True, f"{reached}, at least {times} times as much."
        # Cut off, never rounded up: 9.996 must not read as the 10 that is asked for.
        factor = show(Fraction(100 * high // low, 100))
        return False, f"{reached}; that is {factor} times as much, and at least {times} is asked."

    return shows
