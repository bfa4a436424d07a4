"""The least mean waiting time that any schedule of a few jobs can have, by trying everything.

What a policy is measured by: its optimality gap is how far it stays behind. SRTF always reaches
the preemptive optimum (Schrage 1968); the search does not know that, and shows it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling.numbers import Time, simplest
from vcloud_lab.scheduling.workload import Workload

__all__ = ["MOST_JOBS", "least_waiting"]

MOST_JOBS = 8
"""With more jobs there are too many schedules to try."""


def least_waiting(workload: Workload, *, preemptive: bool = True) -> Time:
    """The smallest mean waiting time of all schedules on one CPU without switch cost, exactly.

    Where not ``preemptive``, every job runs to its end, and the CPU may stay idle to wait for a
    shorter job. Raises ``ScheduleError`` for no jobs, for more than 8, and for jobs with I/O or of
    several processors.

    >>> least_waiting(Workload([(0, 12), (2, 1)])), least_waiting(Workload([(0, 12), (2, 1)]),
    ...     preemptive=False)
    (Fraction(1, 2), Fraction(3, 2))
    """
    jobs = len(workload)
    if not 1 <= jobs <= MOST_JOBS:
        raise ScheduleError(
            f"The best of all schedules was asked for {jobs} jobs: 1 to {MOST_JOBS} can be "
            "searched; use fewer jobs."
        )
    if workload.io or int(workload.width.max()) > 1:
        raise ScheduleError(
            "The best of all schedules was asked for jobs with I/O or of several processors: only "
            "plain jobs can be searched; leave io and width out."
        )
    arrival, burst = tuple(workload.arrival.tolist()), tuple(workload.burst.tolist())
    least = _preemptive(arrival, burst) if preemptive else _to_the_end(arrival, burst)
    waited = least - sum(arrival) - sum(burst)
    return simplest(Fraction(waited, jobs * workload.scale))


def _preemptive(arrival: tuple[int, ...], burst: tuple[int, ...]) -> int:
    """The least sum of completions. Another choice than at the last event only pays when there is
    news, so it is enough to branch at arrivals and completions; idling never pays."""

    @cache
    def best(now: int, left: tuple[int, ...]) -> int:
        there = [i for i, rest in enumerate(left) if rest and arrival[i] <= now]
        later = [at for at in arrival if at > now]
        if not there:
            return best(min(later), left) if later else 0
        sums = []
        for i in there:
            stop = min([now + left[i], *later])
            rest = left[i] - (stop - now)
            after = best(stop, (*left[:i], rest, *left[i + 1 :]))
            sums.append(after + (0 if rest else stop))
        return min(sums)

    return best(0, burst)


def _to_the_end(arrival: tuple[int, ...], burst: tuple[int, ...]) -> int:
    """The least sum of completions over all orders; each job starts as early as its order lets."""

    @cache
    def best(now: int, done: int) -> int:
        sums = []
        for i, length in enumerate(burst):
            if not done >> i & 1:
                end = max(now, arrival[i]) + length
                sums.append(end + best(end, done | 1 << i))
        return min(sums, default=0)

    return best(0, 0)
