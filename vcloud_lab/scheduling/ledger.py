"""The decision ledger: the trace played back, with the ready queue and the reason in words.

A moment is a point in time at which the scheduler looks at the jobs: a dispatch, an arrival that
leaves the CPU where it is, the start of idle time, the end. Nothing is stored: moments are worked
out from the trace one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from vcloud_lab.scheduling import reasons
from vcloud_lab.scheduling.numbers import Time
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.selection import Candidate
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Decision", "Ready", "moments"]


class Ready(NamedTuple):
    """A job that could run, and how much of its burst is left (the workload's unit)."""

    job: str
    remaining: Time


@dataclass(frozen=True)
class Decision:
    """One moment of a schedule.

    ``kind`` is "dispatch" (``chosen`` gets the CPU), "keep" (it stays with ``chosen``), "idle" or
    "end". ``ready`` are those who wait, in the order in which the policy would take them;
    ``arrived`` and ``finished`` happened at this time, and ``preempted`` lost the CPU unfinished
    (preempted, or its quantum expired). ``cpu`` is the CPU that a dispatch is about.
    """

    time: Time
    kind: str
    chosen: str | None
    ready: tuple[Ready, ...]
    arrived: tuple[str, ...]
    finished: tuple[str, ...]
    preempted: str | None
    reason: str
    cpu: int = 0

    @property
    def candidates(self) -> tuple[str, ...]:
        """Everybody who could have been chosen at a dispatch, the chosen one first."""
        chosen = () if self.chosen is None else (self.chosen,)
        return chosen + tuple(ready.job for ready in self.ready)


def moments(workload: Workload, policy: Policy, trace: Trace, cpus: int) -> Iterator[Decision]:
    """All moments of a schedule in time order."""
    play = _Playback(workload, policy, cpus)
    return play.space_shared(trace) if cpus > 1 else play.one_cpu(trace)


class _Playback:
    """The state of the jobs while a trace is played back."""

    def __init__(self, workload: Workload, policy: Policy, cpus: int) -> None:
        self.workload, self.policy, self.cpus = workload, policy, cpus
        self.arrival = workload.arrival.tolist()
        self.burst = workload.burst.tolist()
        self.left = workload.burst.tolist()
        self.coming = workload.arrival_order()[::-1].tolist()
        self.ready: list[int] = []
        self.numbers = policy.numbers_of(workload)

    def one_cpu(self, trace: Trace) -> Iterator[Decision]:
        columns = (trace.job.tolist(), trace.decided.tolist(), trace.start.tolist())
        now, preempted = 0, None
        finished: tuple[int, ...] = ()
        for job, decided, start, end in zip(*columns, trace.end.tolist(), strict=True):
            arrived = self._requeue(now, preempted)
            if decided > now:
                reason = reasons.idle(self.workload, decided)
                yield self._moment(now, "idle", None, reason, arrived, finished)
                now, finished, preempted = decided, (), None
                arrived = self._admit(now)
            others = [self._candidate(other, now) for other in self.ready if other != job]
            reason = reasons.dispatch(
                self.workload, self.policy, self._candidate(job, now), others, preempted
            )
            self.ready.remove(job)
            yield self._moment(now, "dispatch", job, reason, arrived, finished, preempted)
            yield from self._arrivals_during(job, start, end)
            self.left[job] -= end - start
            now = end
            finished, preempted = ((job,), None) if not self.left[job] else ((), job)
        reason = reasons.end(self.workload)
        yield self._moment(now, "end", None, reason, (), finished)

    def _requeue(self, now: int, preempted: int | None) -> tuple[int, ...]:
        """Who comes at ``now``, and the preempted job, in the policy's order of queueing."""
        if preempted is not None and self.policy.enqueue == "preempted-first":
            self.ready.append(preempted)
            return self._admit(now)
        arrived = self._admit(now)
        if preempted is not None:
            self.ready.append(preempted)
        return arrived

    def _arrivals_during(self, job: int, start: int, end: int) -> Iterator[Decision]:
        """The moments at which jobs arrive before ``end`` and ``job`` keeps the CPU."""
        while self.coming and self.arrival[self.coming[-1]] < end:
            at = self.arrival[self.coming[-1]]
            arrived = self._admit(at)
            ran = max(at - start, 0)
            running = self._candidate(job, at)._replace(left=self.left[job] - ran)
            come = [self._candidate(other, at) for other in arrived]
            reason = reasons.keep(self.workload, self.policy, running, come, start - at)
            yield self._moment(at, "keep", job, reason, arrived)

    def space_shared(self, trace: Trace) -> Iterator[Decision]:
        """Dispatches only; ``arrived`` and ``finished`` count from the dispatch before."""
        width = self.workload.width.tolist()
        running: list[tuple[int, int]] = []
        free = self.cpus
        entries = zip(trace.job.tolist(), trace.start.tolist(), trace.end.tolist(), strict=True)
        for now, group in groupby(entries, key=lambda entry: entry[1]):
            finished = tuple(job for end, job in sorted(running) if end <= now)
            running = [(end, job) for end, job in running if end > now]
            free += sum(width[job] for job in finished)
            arrived = self._admit(now)
            for job, _, end in group:
                self.ready.remove(job)
                others = [self._candidate(other, now) for other in self.ready]
                reason = reasons.dispatch(
                    self.workload, self.policy, self._candidate(job, now), others, None
                )
                need = f"{width[job]} processors are" if width[job] > 1 else "processor is"
                reason += f" Its {need} free ({free} of {self.cpus})."
                yield self._moment(now, "dispatch", job, reason, arrived, finished)
                arrived, finished = (), ()
                free -= width[job]
                running.append((end, job))

    def _admit(self, now: int) -> tuple[int, ...]:
        arrived = []
        while self.coming and self.arrival[self.coming[-1]] <= now:
            arrived.append(self.coming.pop())
        self.ready += arrived
        return tuple(arrived)

    def _candidate(self, job: int, now: int) -> Candidate:
        times = (self.arrival[job], self.burst[job], self.left[job], now)
        return Candidate(job, *times, self.numbers[job], self.workload.scale)

    def _moment(
        self,
        now: int,
        kind: str,
        chosen: int | None,
        reason: str,
        arrived: tuple[int, ...] = (),
        finished: tuple[int, ...] = (),
        preempted: int | None = None,
    ) -> Decision:
        names, time = self.workload.names, self.workload.time
        waiting = [self._candidate(job, now) for job in self.ready]
        if self.policy.key:
            waiting.sort(key=self.policy.order)
        return Decision(
            time(now),
            kind,
            None if chosen is None else names[chosen],
            tuple(Ready(names[c.position], time(c.left)) for c in waiting),
            tuple(names[job] for job in arrived),
            tuple(names[job] for job in finished),
            None if preempted is None else names[preempted],
            reason,
        )
