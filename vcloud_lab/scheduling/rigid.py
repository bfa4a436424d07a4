"""Rigid parallel jobs: each needs ``width`` processors at once, from its start to its end.

Jobs are taken strictly in the policy's order. If the next one does not fit, everybody behind it
waits too (no backfilling): that is how a batch system loses utilisation.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["space_share"]


def space_share(workload: Workload, cpus: int, *, shortest: bool, ties: str) -> Trace:
    """FCFS, or SJF where ``shortest``, on ``cpus`` processors.

    Raises ``PolicyError`` for a job that is wider than the machine.
    """
    widest = int(workload.width.max(initial=0))
    if widest > cpus:
        name = workload.names[int(workload.width.argmax())]
        raise PolicyError(
            f"Job {name!r} needs {widest} processors at once and there are {cpus}: "
            f"it could never start; give cpus={widest} or more."
        )
    arrival, burst = workload.arrival.tolist(), workload.burst.tolist()
    width = workload.width.tolist()
    coming = workload.arrival_order()[::-1].tolist()
    ready: list[tuple[int, int, int]] = []
    running: list[tuple[int, int]] = []  # (end, processors that become free)
    jobs: list[int] = []
    starts: list[int] = []
    now, free = 0, cpus
    while coming or ready:
        while ready and width[ready[0][-1]] <= free:
            job = heappop(ready)[-1]
            free -= width[job]
            heappush(running, (now + burst[job], width[job]))
            jobs.append(job)
            starts.append(now)
        ahead = [running[0][0]] if running else []
        ahead += [arrival[coming[-1]]] if coming else []
        now = min(ahead, default=now)
        while running and running[0][0] <= now:
            free += heappop(running)[1]
        while coming and arrival[coming[-1]] <= now:
            job = coming.pop()
            tie = arrival[job] if ties == "arrival" else 0
            heappush(ready, (burst[job] if shortest else arrival[job], tie, job))
    started = np.array(jobs, np.int64)
    run = workload.burst[started]
    return Trace(started, run, np.array(starts, np.int64) + run, 0, {})
