"""The trace of a simulation: who ran when, one entry a dispatch, and the clock that times it."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from vcloud_lab.scheduling.workload import Column, Workload

__all__ = [
    "Counters",
    "Switch",
    "Trace",
    "TraceOnDemand",
    "by_arrival",
    "clock",
    "column_of",
    "cost_of",
    "pick",
]

Counters = dict[str, int]

BLOCK = 2**15


class Switch(NamedTuple):
    """What a dispatch costs: ``cost`` ticks, at every dispatch or only when the job changes."""

    cost: int = 0
    always: bool = False


class Trace:
    """One entry a dispatch, in time order, as ``int64`` arrays of one length.

    ``job`` is the position in the workload's list. The dispatch was ``decided``, the switch ended
    and the job ran from ``start`` to ``end``, all in ticks. ``start`` equals ``end`` where a job
    lost the CPU the moment its switch was over. ``cpu`` is the number of its CPU, None where all
    are alike. ``counters`` counts the loop's operations.

    Only ``end`` is kept; the other columns are worked out when they are asked for. ``plain`` tells
    that each job has one entry, in list order.
    """

    def __init__(
        self,
        job: Column | None,
        run: Column,
        end: Column,
        cost: Column | int,
        counters: Counters,
        cpu: Column | None = None,
    ) -> None:
        self._job, self._run, self._cost = job, run, cost
        self.cpu = cpu
        self.end = end
        self.plain = job is None
        self.counters = {"dispatches": len(end), **counters}

    @cached_property
    def job(self) -> Column:
        return np.arange(len(self.end)) if self._job is None else self._job

    @cached_property
    def start(self) -> Column:
        return self.end - self._run

    @cached_property
    def decided(self) -> Column:
        return self.start - self._cost

    @property
    def last_end(self) -> int:
        """When the last job ended, 0 without jobs; on one CPU that is the last entry's end."""
        return int(self.end[-1]) if len(self.end) else 0

    @property
    def switches(self) -> int:
        """How often the CPU passed from one job to another."""
        return int(np.count_nonzero(self.job[1:] != self.job[:-1]))

    def completion(self, jobs: int) -> Column:
        """When each of ``jobs`` jobs ran for the last time, in list order."""
        if self.plain:
            return self.end
        completion = np.empty(jobs, np.int64)
        completion[self.job] = self.end  # of a repeated index, the last value stays
        return completion

    def first_run(self, jobs: int) -> Column:
        """When each of ``jobs`` jobs ran for the first time, in list order."""
        first = np.empty(jobs, np.int64)
        ran = np.flatnonzero(self.end > self.start)[::-1]
        first[self.job[ran]] = self.start[ran]  # backwards, so that the first value stays
        return first


class TraceOnDemand(Trace):
    """A trace whose jobs' times are known, and whose columns are made when one is asked for.

    ``completion`` and ``first_run`` are in list order, in ticks; ``switches`` counts how often the
    CPU passed from one job to another. ``play`` makes the same schedule's ``Trace`` entry by entry;
    it may refuse, and what asked for a column then raises its error.
    """

    def __init__(
        self,
        completion: Column,
        first_run: Column,
        dispatches: int,
        switches: int,
        counters: Counters,
        play: Callable[[], Trace],
    ) -> None:
        self._completion, self._first_run, self._switches = completion, first_run, switches
        self._play = play
        self.cpu, self.plain = None, False
        self.counters = {"dispatches": dispatches, **counters}

    def __getattr__(self, name: str) -> Any:
        """The columns of ``Trace``: reached the first time only, when they are not there yet."""
        if name not in ("end", "_job", "_run", "_cost"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        played = self._play()
        self.end, self._job = played.end, played._job
        self._run, self._cost = played._run, played._cost
        return getattr(self, name)

    @property
    def last_end(self) -> int:
        return int(self._completion.max(initial=0))

    @property
    def switches(self) -> int:
        return self._switches

    def completion(self, jobs: int) -> Column:
        return self._completion

    def first_run(self, jobs: int) -> Column:
        return self._first_run


def by_arrival(workload: Workload) -> Column | None:
    """The order of arrival (equal arrivals in list order), None where the list has it already."""
    arrival = workload.arrival
    if (arrival[1:] >= arrival[:-1]).all():
        return None
    return workload.arrival_order()


def pick(column: Column, order: Column | None) -> Column:
    """The column in another order, as it is where ``order`` is None."""
    return column if order is None else column[order]


def column_of(values: list[int]) -> Column:
    """A list of integers from 0 below 2**63 as an array, several times as fast as ``np.array``.

    Raises ``OverflowError`` for others. (Python reads unsigned integers faster than signed ones.)
    """
    column = np.frombuffer(array("Q", values), np.int64)
    if column.min(initial=0) < 0:
        raise OverflowError
    return column


def cost_of(job: Column, switch: Switch) -> Column | int:
    """What each dispatch of these jobs, one after the other, costs in ticks."""
    if switch.always or not switch.cost:
        return switch.cost
    cost = np.full(len(job), switch.cost)
    cost[:1] = 0
    cost[1:][job[1:] == job[:-1]] = 0
    return cost


def clock(
    workload: Workload, job: Column | None, run: Column, switch: Switch, counters: Counters
) -> Trace:
    """When each run starts and ends, by arrays; ``job`` None means all jobs in list order.

    With e_i the length of the i-th run, its switch included, and S_i = e_1 + ... + e_i, unrolling
    end_i = max(arrival_i, end_(i-1)) + e_i gives end_i = S_i + max over k <= i of
    (arrival_k - S_(k-1)). That is done in blocks that fit the processor's cache: at a million jobs
    it is memory that costs, not sums.
    """
    arrival = pick(workload.arrival, job)
    cost = cost_of(np.arange(len(run)) if job is None else job, switch) if switch.cost else 0
    busy = run + cost if switch.cost else run
    end = np.empty_like(run)
    for at in range(0, len(run), BLOCK):
        part = slice(at, at + BLOCK)
        total = np.cumsum(busy[part])
        block = np.subtract(arrival[part], total, out=end[part])
        block += busy[part]
        if at:
            block[0] = max(block[0], end[at - 1])
        np.maximum.accumulate(block, out=block)
        block += total
    return Trace(job, run, end, cost, counters)
