"""The plain loop for every policy that compares the ready jobs by a number.

It looks at each of them whenever it chooses: slower than a heap, and right for every number, also
one that changes while a job waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vcloud_lab.scheduling.numbers import Time
from vcloud_lab.scheduling.trace import Switch, Trace, clock
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Candidate", "best_first"]


class Candidate(NamedTuple):
    """A job as a policy sees it at ``now``; times in ticks, ``position`` in the workload's list.

    ``number`` is what the policy was told of the job, such as its priority, and 0 where it was told
    nothing; ``scale`` is the number of ticks in a unit of time.
    """

    position: int
    arrival: int
    burst: int
    left: int
    now: int
    number: Time
    scale: int


def best_first(
    workload: Workload,
    switch: Switch,
    *,
    order: Callable[[Candidate], tuple[Time, ...]],
    rank: Callable[[Candidate], Time],
    numbers: list[Time],
    preemptive: bool,
    quantum: int | None,
) -> Trace:
    """Whenever the CPU is free, the first of the ready jobs in ``order``.

    Where ``preemptive``, an arrival of a strictly smaller ``rank`` takes the CPU away; with a
    ``quantum`` the scheduler also chooses anew after that many ticks. A switch is not interrupted.
    """
    arrival, burst, left = (c.tolist() for c in (workload.arrival, workload.burst, workload.burst))
    coming = workload.arrival_order()[::-1].tolist()
    ready: list[int] = []
    jobs: list[int] = []
    runs: list[int] = []
    now, previous, looks = 0, -1, 0

    def seen(job: int, at: int, rest: int) -> Candidate:
        return Candidate(job, arrival[job], burst[job], rest, at, numbers[job], workload.scale)

    def admit(at: int) -> None:
        while coming and arrival[coming[-1]] <= at:
            ready.append(coming.pop())

    while coming or ready:
        if not ready:
            now = max(now, arrival[coming[-1]])
        admit(now)
        looks += len(ready)
        job = min(ready, key=lambda one: order(seen(one, now, left[one])))
        ready.remove(job)
        start = now
        if switch.always or (previous >= 0 and job != previous):
            start += switch.cost
        previous, stop = job, start + left[job]
        if quantum is not None:
            stop = min(stop, start + quantum)
        while preemptive and coming and arrival[coming[-1]] < stop:
            at, here = max(start, arrival[coming[-1]]), len(ready)
            admit(at)
            looks += len(ready) - here
            mine = rank(seen(job, at, left[job] - (at - start)))
            if any(rank(seen(other, at, left[other])) < mine for other in ready[here:]):
                stop = at
        jobs.append(job)
        runs.append(stop - start)
        left[job] -= stop - start
        if left[job]:
            ready.append(job)
        now = stop
    job_column, run_column = np.array(jobs, np.int64), np.array(runs, np.int64)
    return clock(workload, job_column, run_column, switch, {"jobs_compared": looks})
