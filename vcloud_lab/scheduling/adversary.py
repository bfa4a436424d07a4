"""The adversary: the workload on which a policy is worst, found by trying all small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations_with_replacement
from math import comb
from typing import NamedTuple

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.numbers import Time, exact, simplest
from vcloud_lab.scheduling.optimum import MOST_JOBS, least_waiting
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Worst", "gap", "small_workloads", "worst_case"]

MOST_WORKLOADS = 50_000
"""The most workloads of one search: half a minute or so."""


class Worst(NamedTuple):
    """``workload`` has the largest ``ratio`` of mean turnaround to the least that any schedule
    has, among the ``tried`` workloads; of equals, the first."""

    workload: Workload
    ratio: Time
    tried: int


def gap(
    workload: Workload, policy: Policy | Callable[[], Policy], *, preemptive: bool = True
) -> Time:
    """The mean turnaround under a policy over the least of all schedules, exactly: 1 is optimal.

    Where not ``preemptive``, only schedules that run every job to its end are counted. Raises what
    ``least_waiting`` and ``simulate`` raise.
    """
    waited = least_waiting(workload, preemptive=preemptive)
    bursts = Fraction(int(workload.burst.sum()), len(workload) * workload.scale)
    return simplest(Fraction(simulate(workload, policy).mean("turnaround")) / (waited + bursts))


def small_workloads(jobs: int, latest: int, longest: int) -> Iterator[Workload]:
    """All workloads of ``jobs`` jobs with whole arrivals up to ``latest`` and bursts from 1 to
    ``longest``, in a fixed order; those that differ by an order of the list alone come once, and
    one job always arrives at 0."""
    kinds = [(arrival, burst) for arrival in range(latest + 1) for burst in range(1, longest + 1)]
    for chosen in combinations_with_replacement(kinds, jobs):
        if chosen[0][0] == 0:
            yield Workload.from_columns([a for a, _ in chosen], [b for _, b in chosen])


def worst_case(
    policy: Policy | Callable[[], Policy],
    *,
    jobs: int = 3,
    latest: int = 4,
    longest: int = 4,
    preemptive: bool = True,
) -> Worst:
    """Try every workload of that size, and so prove that none of them is worse than the result.

    ``jobs``, ``latest`` and ``longest`` as in ``small_workloads``; ``preemptive`` as in ``gap``.
    Raises ``WorkloadError`` for a size with no workloads or more than 50,000 of them, and what
    ``simulate`` raises.
    """
    for what, value, least in (("jobs", jobs, 1), ("latest", latest, 0), ("longest", longest, 1)):
        size = exact(value, f"The option {what}", WorkloadError)
        if size.denominator != 1 or size < least:
            raise WorkloadError(
                f"The option {what} is {value}: it must be whole and at least {least}; change it."
            )
    count = comb((latest + 1) * longest + jobs - 1, jobs)
    if jobs > MOST_JOBS or count > MOST_WORKLOADS:
        raise WorkloadError(
            f"There are {count} workloads of {jobs} jobs with arrivals to {latest} and bursts to "
            f"{longest}: at most {MOST_WORKLOADS} of {MOST_JOBS} jobs are tried; ask for smaller "
            "ones."
        )
    tried = 0
    worst: tuple[Time, Workload] | None = None
    for workload in small_workloads(jobs, latest, longest):
        tried += 1
        ratio = gap(workload, policy, preemptive=preemptive)
        if worst is None or ratio > worst[0]:
            worst = (ratio, workload)
    assert worst is not None
    return Worst(worst[1], worst[0], tried)
