"""The scheduling loops: from jobs to a trace of who ran when.

A loop decides who runs and for how long, one entry a dispatch; ``clock`` then works out when.
Inside a loop the jobs come in order of arrival (equal arrivals in list order), as plain lists of
ticks. A dispatch may cost ``Switch.cost`` ticks first; the job that was chosen when the switch
began runs when it ends.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from vcloud_lab.scheduling.numbers import NEVER
from vcloud_lab.scheduling.trace import Switch, Trace, by_arrival, clock, column_of, cost_of, pick
from vcloud_lab.scheduling.workload import Column, Workload

__all__ = [
    "first_come",
    "round_robin",
    "shortest_first",
    "shortest_remaining",
]


def first_come(workload: Workload, switch: Switch) -> Trace:
    """FCFS: the jobs in order of arrival, each to its end."""
    order = by_arrival(workload)
    return clock(workload, order, pick(workload.burst, order), switch, {})


def shortest_first(workload: Workload, switch: Switch, *, ties: str) -> Trace:
    """SJF: whenever the CPU is free, the shortest job that is there; a heap finds it."""
    order, arrival, keys, bits = _packed(workload, ties)
    ready: list[int] = []
    taken: list[int] = []
    free_at = 0
    cost = switch.cost if switch.always else 0  # paid before the first job; later ones always pay
    for now, key in zip(arrival, keys, strict=True):
        while free_at < now:  # everybody who came by free_at is in the heap
            if not ready:
                free_at = now
                break
            best = heappop(ready)
            taken.append(best)
            free_at += cost + (best >> bits)
            cost = switch.cost
        heappush(ready, key)
    taken += sorted(ready)  # nobody else comes
    job, run = _unpacked(taken, bits, order, ties)
    return clock(workload, job, run, switch, {"heap_pushes": len(keys)})


def shortest_remaining(workload: Workload, switch: Switch, *, ties: str, on_tie: str) -> Trace:
    """SRTF: always the job with the least left; arrivals may take the CPU away.

    Jobs that never ran wait in a heap. A job that is preempted has less left than every job that
    was preempted before it, so those wait in a sorted stack, and no job enters the heap twice.
    """
    order, arrival, keys, bits = _packed(workload, ties)
    who = (1 << bits) - 1
    cost, equal_preempts = switch.cost, int(on_tie == "preempt")
    fresh: list[int] = []
    stack: list[int] = []  # the best job is last
    taken: list[int] = []
    decided = start = free_at = 0
    for now, key in zip(arrival, keys, strict=True):
        while free_at < now:  # everybody who came by free_at is waiting
            if fresh and not (stack and stack[-1] < fresh[0]):
                best = heappop(fresh)
            elif stack:
                best = stack.pop()
            else:
                free_at = now
                break
            decided = start = free_at
            if cost and (switch.always or (taken and (taken[-1] ^ best) & who)):
                start += cost
            free_at = start + (best >> bits)
            taken.append(best)
        if free_at == now:  # whoever comes now takes part in the next choice
            heappush(fresh, key)
        elif now <= decided:  # somebody has just preempted on arrival; who is better of the two?
            best, other = sorted((taken[-1], key))
            heappush(fresh, other)
            taken[-1], free_at = best, start + (best >> bits)
        else:
            at = now if now > start else start  # a switch is not interrupted
            if key >> bits < free_at - at + equal_preempts:
                stack.append((free_at - at) << bits | taken[-1] & who)
                if equal_preempts:  # only then can the stack hold equals, whose ties must be kept
                    stack.sort(reverse=True)
                taken[-1] = (at - start) << bits | taken[-1] & who
                taken.append(key)
                decided, start = at, at + cost
                free_at = start + (key >> bits)
            else:
                heappush(fresh, key)
    taken += sorted(fresh + stack)  # nobody else comes
    pushes = 2 * len(keys) - len(taken)  # every job once, but for those who preempt on arrival
    job, run = _unpacked(taken, bits, order, ties)
    return clock(workload, job, run, switch, {"heap_pushes": pushes})


def round_robin(workload: Workload, switch: Switch, *, quantum: int, arrival_first: bool) -> Trace:
    """RR: each job in turn for at most ``quantum`` ticks. The queue, never shortened, is the trace.

    A job that arrives while another runs is already in the queue when that one's quantum expires;
    ``arrival_first`` says who is ahead when both happen in the same tick.
    """
    order = by_arrival(workload)
    arrival, burst = pick(workload.arrival, order), pick(workload.burst, order)
    full = (burst - 1) // quantum  # turns before the last one, which takes what is left
    last_run = burst - full * quantum
    left, rest = full.tolist(), last_run.tolist()
    total, shift = len(left), int(arrival_first)
    wait = [*np.diff(arrival, prepend=0).tolist(), NEVER]  # NEVER spares a test in the loop
    queue: list[int] = [0] if left else []
    pauses = {0: wait[0]} if left else {}  # before which entry the CPU was idle, and how long
    enter = queue.append
    coming, ended, previous, cost, costly = 1, 0, 0, switch.cost, switch.cost > 0
    ahead = wait[1] - shift if left else NEVER  # from now to the tick in which the next is due
    for job in queue:
        if costly and (switch.always or job != previous):
            ahead -= cost
            previous = job
        turns = left[job]
        if turns:
            left[job] = turns - 1
            ahead -= quantum
            while ahead < 0:
                enter(coming)
                coming += 1
                ahead += wait[coming]
            enter(job)
        else:
            ahead -= rest[job]
            while ahead < 0:
                enter(coming)
                coming += 1
                ahead += wait[coming]
            ended += 1
            if ended == coming < total:  # the CPU is idle until the next arrival
                pauses[len(queue)] = ahead + shift
                enter(coming)
                coming += 1
                ahead = wait[coming] - shift
    entry = column_of(queue)
    length = np.full(len(entry), quantum)
    last = np.empty(total, np.int64)
    last[entry] = np.arange(len(entry))  # of a repeated index, the last value stays
    length[last] = last_run
    jobs = entry if order is None else order[entry]
    price = cost_of(jobs, switch)
    busy = length + price
    busy[np.fromiter(pauses, np.int64)] += np.fromiter(pauses.values(), np.int64)
    return Trace(jobs, length, np.cumsum(busy), price, {"queue_entries": len(entry)})


def _packed(workload: Workload, ties: str) -> tuple[Column | None, list[int], list[int], int]:
    """The order of arrival; arrivals and keys in it; and the number of bits of a tie.

    A key is the time left, shifted left by ``bits``, plus the tie: the place in the order of
    arrival or in the list. So one integer says who is better, how much is left and who it is, and
    no two are equal.
    """
    order = by_arrival(workload)
    burst = pick(workload.burst, order)
    bits = len(burst).bit_length()
    tie = np.arange(len(burst)) if order is None or ties == "arrival" else order
    if int(burst.max(initial=0)).bit_length() + bits < 63:
        keys = (burst << bits | tie).tolist()
    else:
        keys = [b << bits | t for b, t in zip(burst.tolist(), tie.tolist(), strict=True)]
    return order, pick(workload.arrival, order).tolist(), keys, bits


def _unpacked(keys: list[int], bits: int, order: Column | None, ties: str) -> tuple[Column, Column]:
    """Of each key, the job's position in the workload's list and the time."""
    who = (1 << bits) - 1
    try:
        column = column_of(keys)
        tie, time = column & who, column >> bits
    except OverflowError:  # more than 64 bits
        tie, time = column_of([key & who for key in keys]), column_of([key >> bits for key in keys])
    return (tie if order is None or ties == "list" else order[tie]), time
