"""Who ran when on which CPU, and how often CPUs and jobs changed, from the trace of a run."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling.numbers import Time
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Column, Workload

__all__ = ["Slice", "Timeline"]


class Slice(NamedTuple):
    """One job on a CPU from ``start`` to ``end``, in the workload's unit."""

    job: str
    start: Time
    end: Time


class Timeline:
    """What can be read from the trace of a run of ``workload`` on ``cpus`` processors."""

    def __init__(self, workload: Workload, trace: Trace, cpus: int) -> None:
        self.workload, self.trace, self.cpus = workload, trace, cpus

    def slices(self, *, merge: bool = False, cpu: int | None = None) -> Iterator[Slice]:
        """The slices in time order, one by one, of all CPUs or of one (the first is 0).

        Of slices that start together that of the lower CPU comes first. ``merge`` joins touching
        slices of one job on one CPU. Raises ``ScheduleError`` for a CPU that the machine does not
        have, and where the simulation did not tell CPUs apart.
        """
        if cpu is not None:
            return self._slices(self.places(cpu), merge)
        if self.trace.cpu is None:
            return self._slices(np.arange(len(self.trace.job)), merge)
        rows = [self._slices(self.places(at), merge) for at in range(self.cpus)]
        return heapq.merge(*rows, key=lambda piece: piece.start)

    def places(self, cpu: int) -> Column:
        """The positions in the trace of what ran on a CPU; raises as ``slices`` does."""
        if not isinstance(cpu, int) or not 0 <= cpu < self.cpus:
            raise ScheduleError(
                f"There is no CPU {cpu!r}: this schedule has CPUs 0 to {self.cpus - 1}; choose one."
            )
        if self.trace.cpu is not None:
            return np.flatnonzero(self.trace.cpu == cpu)
        if self.cpus == 1:
            return np.arange(len(self.trace.job))
        raise ScheduleError(
            f"CPU {cpu} was asked for: this simulation of {self.cpus} alike processors does "
            "not tell them apart; leave cpu out."
        )

    def _slices(self, places: Column, merge: bool) -> Iterator[Slice]:
        """The slices at these places of the trace."""
        time, names, trace = self.workload.time, self.workload.names, self.trace
        held: tuple[int, int, int] | None = None
        for at in places.tolist():
            job, start, end = int(trace.job[at]), int(trace.start[at]), int(trace.end[at])
            if start == end:
                continue
            if merge and held and held[0] == job and held[2] == start:
                held = (job, held[1], end)
                continue
            if held:
                yield Slice(names[held[0]], time(held[1]), time(held[2]))
            held = (job, start, end)
        if held:
            yield Slice(names[held[0]], time(held[1]), time(held[2]))

    def profile(self) -> tuple[Column, Column]:
        """Busy processors over time: from ``times[i]`` (ticks) on, ``busy[i]`` processors work."""
        width = self.workload.width[self.trace.job]
        times = np.concatenate((np.zeros(1, np.int64), self.trace.start, self.trace.end))
        steps = np.concatenate((np.zeros(1, np.int64), width, -width))
        moments, inverse = np.unique(times, return_inverse=True)
        change = np.zeros(len(moments), np.int64)
        np.add.at(change, inverse, steps)
        return moments, np.cumsum(change)

    @cached_property
    def idle_gaps(self) -> tuple[tuple[Time, Time], ...]:
        """The gaps (start, end) in which no job ran on any CPU and no switch was under way."""
        trace = self.trace
        reached = np.maximum.accumulate(np.concatenate((np.zeros(1, np.int64), trace.end[:-1])))
        reached = reached[: len(trace.end)]
        at = np.flatnonzero(trace.decided > reached)
        return self._intervals(reached[at], trace.decided[at])

    @cached_property
    def overheads(self) -> tuple[tuple[Time, Time], ...]:
        """The intervals (start, end) spent switching to a job or moving it to another CPU."""
        at = np.flatnonzero(self.trace.start > self.trace.decided)
        return self._intervals(self.trace.decided[at], self.trace.start[at])

    @property
    def context_switches(self) -> int:
        """How often a CPU passed from one job to another."""
        cpu = self.trace.cpu
        if cpu is not None:
            order = np.argsort(cpu, kind="stable")
            job, cpu = self.trace.job[order], cpu[order]
            return int(np.count_nonzero((job[1:] != job[:-1]) & (cpu[1:] == cpu[:-1])))
        if self.cpus > 1:
            raise ScheduleError(
                "Context switches are counted for jobs of one processor: jobs that need several "
                f"of {self.cpus} at once are not placed on single CPUs; use jobs of width 1."
            )
        return self.trace.switches

    @property
    def migrations(self) -> int:
        """How often a job went on on another CPU than before."""
        if self.trace.cpu is None:
            return 0
        order = np.argsort(self.trace.job, kind="stable")
        job, cpu = self.trace.job[order], self.trace.cpu[order]
        return int(np.count_nonzero((job[1:] == job[:-1]) & (cpu[1:] != cpu[:-1])))

    def _intervals(self, start: Column, end: Column) -> tuple[tuple[Time, Time], ...]:
        time = self.workload.time
        return tuple((time(a), time(b)) for a, b in zip(start.tolist(), end.tolist(), strict=True))
