"""The scheduling loops: from jobs to a trace of who ran when.

Every loop sees the jobs sorted by arrival (equal arrivals in list order), as plain lists of ticks,
and gives back one entry a dispatch. A dispatch may cost ``Switch.cost`` ticks first; the job that
was chosen when the switch began runs when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from vcloud_lab.scheduling.workload import Column, Workload

__all__ = ["Switch", "Trace", "first_come", "round_robin", "shortest_first", "shortest_remaining"]

NEVER = 2**64
"""Later than every time that a workload can hold."""


@dataclass(frozen=True)
class Switch:
    """What a dispatch costs: ``cost`` ticks, at every dispatch or only when the job changes."""

    cost: int = 0
    always: bool = False


@dataclass(frozen=True)
class Trace:
    """One entry a dispatch, in time order, as ``int64`` arrays of one length.

    ``job`` is the position in the workload's list. The dispatch was ``decided``, the switch ended
    and the job ran from ``start`` to ``end``, all in ticks. ``start`` equals ``end`` where a job
    lost the CPU the moment its switch was over. ``counters`` counts the loop's operations.
    """

    job: Column
    decided: Column
    start: Column
    end: Column
    counters: dict[str, int]


def first_come(workload: Workload, switch: Switch) -> Trace:
    """FCFS: the jobs in order of arrival, each to its end."""
    return _in_order(workload, _by_arrival(workload), switch, {})


def shortest_first(workload: Workload, switch: Switch, *, ties: str) -> Trace:
    """SJF: whenever the CPU is free, the shortest job that is there; a heap finds it."""
    order, arrival, burst, rank, by_rank = _columns(workload, ties)
    ready: list[int] = []
    chosen: list[int] = []
    now = coming = 0
    cost = switch.cost if switch.always else 0  # paid before the first job; later ones always pay
    for _ in range(len(order)):
        if not ready and arrival[coming] > now:
            now = arrival[coming]
        while arrival[coming] <= now:
            heappush(ready, rank[coming])
            coming += 1
        job = by_rank[heappop(ready)]
        chosen.append(job)
        now += cost + burst[job]
        cost = switch.cost
    return _in_order(workload, order[chosen], switch, {"heap_pushes": coming})


def shortest_remaining(workload: Workload, switch: Switch, *, ties: str, on_tie: str) -> Trace:
    """SRTF: always the job with the least left; arrivals may take the CPU away.

    Jobs that never ran wait in a heap. A job that is preempted has less left than every job that
    was preempted before it, so those wait in a sorted stack, and no job enters the heap twice.
    """
    order, arrival, burst, rank, by_rank = _columns(workload, ties)
    tie = order.tolist() if ties == "list" else range(len(order))
    equal_preempts = int(on_tie == "preempt")
    left = burst.copy()
    fresh: list[int] = []
    stack: list[int] = []  # the best job is last
    jobs: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    now = coming = 0
    newcomer = False  # a job that comes now has just preempted
    while coming < len(order) or fresh or stack:
        if newcomer:  # the best of those who come now is next, ahead of equals who came before
            newcomer, best = False, rank[coming]
            coming += 1
            while arrival[coming] <= now:
                heappush(fresh, max(best, rank[coming]))
                best = min(best, rank[coming])
                coming += 1
            job = by_rank[best]
        else:
            if not fresh and not stack and arrival[coming] > now:
                now = arrival[coming]
            while arrival[coming] <= now:
                heappush(fresh, rank[coming])
                coming += 1
            job = by_rank[fresh[0]] if fresh else -1
            if stack and (job < 0 or (left[stack[-1]], tie[stack[-1]]) < (left[job], tie[job])):
                job = stack.pop()
            else:
                heappop(fresh)
        if switch.cost and (switch.always or (jobs and jobs[-1] != job)):
            now += switch.cost
        jobs.append(job)
        starts.append(now)
        end = now + left[job]
        while arrival[coming] < end:
            now = max(now, arrival[coming])
            if burst[coming] < end - now + equal_preempts:
                left[job] = end - now
                stack.append(job)
                if equal_preempts:  # only then can the stack hold equals, whose ties must be kept
                    stack.sort(key=lambda job: (-left[job], -tie[job]))
                newcomer = True
                end = now
                break
            heappush(fresh, rank[coming])
            coming += 1
        now = end
        ends.append(end)
    columns = (np.array(starts, np.int64), np.array(ends, np.int64))
    pushes = 2 * coming - len(jobs)  # a job that preempts on arrival needs no heap
    return _trace(order[jobs], *columns, switch, {"heap_pushes": pushes})


def round_robin(workload: Workload, switch: Switch, *, quantum: int, arrival_first: bool) -> Trace:
    """RR: each job in turn for at most ``quantum`` ticks. The queue, never shortened, is the trace.

    A job that arrives while another runs is already in the queue when that one's quantum expires;
    ``arrival_first`` says who is ahead when both happen in the same tick.
    """
    order, arrival, burst, _, _ = _columns(workload, "arrival")
    left = burst.copy()
    queue: list[int] = [0] if burst else []
    starts: list[int] = []
    now, coming, total, previous = 0, 1, len(order), -1
    for turn, job in enumerate(queue, 1):
        if arrival[job] > now:
            now = arrival[job]
        if switch.cost and (switch.always or (job != previous and previous >= 0)):
            now += switch.cost
        previous = job
        starts.append(now)
        now += min(quantum, left[job])
        left[job] -= quantum
        seen = now + arrival_first
        while arrival[coming] < seen:
            queue.append(coming)
            coming += 1
        if left[job] > 0:
            queue.append(job)
        elif turn == len(queue) and coming < total:
            queue.append(coming)
            coming += 1
    queued = np.array(queue, np.int64)
    start = np.array(starts, np.int64)
    length = np.full(len(queue), quantum, np.int64)
    last = np.empty(total, np.int64)
    last[queued] = np.arange(len(queue))  # of a repeated index, the last value stays
    length[last] = np.array(left, np.int64) + quantum
    return _trace(order[queued], start, start + length, switch, {"queue_entries": len(queue)})


def _by_arrival(workload: Workload) -> Column:
    arrival = workload.arrival
    if (arrival[1:] >= arrival[:-1]).all():
        return np.arange(len(arrival))
    return np.argsort(arrival, kind="stable")


def _columns(
    workload: Workload, ties: str
) -> tuple[Column, list[int], list[int], list[int], list[int]]:
    """The order of arrival; arrivals and bursts in it; each job's rank by burst, then tie; and
    the jobs by rank.

    Ranks are unique small integers, so that a heap of them compares fast and never ties. The
    arrivals end with one that never comes, which spares the loops a test.
    """
    order = _by_arrival(workload)
    burst = workload.burst[order]
    by_rank = np.lexsort((order, burst)) if ties == "list" else np.argsort(burst, kind="stable")
    rank = np.empty_like(by_rank)
    rank[by_rank] = np.arange(len(by_rank))
    arrival = [*workload.arrival[order].tolist(), NEVER]
    return order, arrival, burst.tolist(), rank.tolist(), by_rank.tolist()


def _in_order(workload: Workload, order: Column, switch: Switch, counters: dict[str, int]) -> Trace:
    """The trace of jobs run to their ends in a given order, without a loop.

    With e_i the length of the i-th (its switch included) and S_i = e_1 + ... + e_i, unrolling
    end_i = max(arrival_i, end_(i-1)) + e_i gives end_i = S_i + max over k <= i of
    (arrival_k - S_(k-1)).
    """
    arrival, burst = workload.arrival[order], workload.burst[order]
    length = burst + switch.cost if switch.cost else burst
    if switch.cost and not switch.always:
        length[:1] -= switch.cost
    total = np.cumsum(length)
    end = total + np.maximum.accumulate(arrival - (total - length))
    return _trace(order, end - burst, end, switch, counters)


def _trace(
    job: Column, start: Column, end: Column, switch: Switch, counters: dict[str, int]
) -> Trace:
    decided = start
    if switch.cost:
        charged = np.ones(len(job), bool)
        if not switch.always:
            charged[:1] = False
            charged[1:] = job[1:] != job[:-1]
        decided = start - switch.cost * charged
    return Trace(job, decided, start, end, {"dispatches": len(job), **counters})
