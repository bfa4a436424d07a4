"""Why gangs: threads that meet at barriers, and spin where a thread of their own has no CPU.

Each thread of a job, or vCPU of a VM, computes for a ``grain`` of time, then needs all the others
to have come as far. It waits by spinning: it keeps its CPU busy and gets nowhere. If the threads
are scheduled one by one, some spin while those they wait for stand in the queue.

Source: Ousterhout, "Scheduling techniques for concurrent systems", 3rd International Conference on
Distributed Computing Systems, 1982.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple, TypeAlias

from vcloud_lab.errors import PolicyError, ScheduleError
from vcloud_lab.scheduling.gang import gang_schedule, read_gang
from vcloud_lab.scheduling.numbers import Time, show, simplest, ticks_of
from vcloud_lab.scheduling.policy import above_zero, choose
from vcloud_lab.scheduling.workload import Workload

__all__ = ["BarrierRun", "Spent", "ThreadSlice", "with_barriers"]

MOST_TICKS = 500_000
"""The most ticks that all CPUs together work or spin: a second or two."""

Placed: TypeAlias = list[tuple[int, int, int]]
"""CPU, job and thread of those that have a CPU in one tick."""


class ThreadSlice(NamedTuple):
    """A thread (from 0) on a CPU (from 0), all the time ``useful`` or all the time spinning."""

    job: str
    thread: int
    cpu: int
    start: Time
    end: Time
    useful: bool


class Spent(NamedTuple):
    """What a job's threads used their CPUs for, all together, and when the last one ended."""

    job: str
    useful: Time
    spinning: Time
    completion: Time


@dataclass(frozen=True)
class BarrierRun:
    """What barriers cost under "gang" or "independent" scheduling. Made by ``with_barriers``.

    Times are exact and in the workload's unit. ``spent`` has the jobs in list order; ``slices``
    are CPU after CPU, each in time; ``idle`` is the time of all CPUs, up to the last completion,
    in which they had no thread.
    """

    scheduling: str
    cpus: int
    spent: tuple[Spent, ...]
    slices: tuple[ThreadSlice, ...]
    idle: Time

    @property
    def completion(self) -> dict[str, Time]:
        """When each job ended, by name."""
        return {job.job: job.completion for job in self.spent}

    @property
    def useful(self) -> Time:
        """The CPU time in which threads got on."""
        return simplest(sum((job.useful for job in self.spent), Fraction(0)))

    @property
    def spinning(self) -> Time:
        """The CPU time that threads spent waiting for others."""
        return simplest(sum((job.spinning for job in self.spent), Fraction(0)))

    @property
    def makespan(self) -> Time:
        """From time 0 to the last completion; 0 without jobs."""
        return max((job.completion for job in self.spent), default=0)

    @property
    def waste(self) -> Time:
        """Spinning as a share of the CPU time used; raises ``ScheduleError`` without jobs."""
        if not self.spent:
            raise ScheduleError(
                "The waste of 0 jobs is not defined: at least one job is needed; add one to the "
                "workload."
            )
        return simplest(Fraction(self.spinning) / (self.useful + self.spinning))

    def __repr__(self) -> str:
        return (
            f"{self.scheduling} scheduling of {len(self.spent)} jobs with barriers on {self.cpus} "
            f"CPUs: useful {show(self.useful)}, spinning {show(self.spinning)}, idle "
            f"{show(self.idle)}, ends at {show(self.makespan)}"
        )


class _Threads:
    """How far all threads are, and what they did on their CPUs, in ticks."""

    def __init__(self, workload: Workload, grain: int) -> None:
        self.burst, self.grain = workload.burst.tolist(), grain
        self.progress = [[0] * width for width in workload.width.tolist()]
        self.spinning = [0] * len(workload)
        self.completion = [0] * len(workload)
        self.used = 0
        self.on_cpu: dict[int, list[tuple[int, int, int, int, bool]]] = {}

    def has_ended(self, job: int, thread: int) -> bool:
        return bool(self.progress[job][thread] == self.burst[job])

    def tick(self, now: int, placed: Placed) -> None:
        """One tick of those that have a CPU; who may pass a barrier is settled before it."""
        nearest = {job: min(self.progress[job]) for _, job, _ in placed}
        for cpu, job, thread in placed:
            reached = self.progress[job][thread]
            useful = reached < (nearest[job] // self.grain + 1) * self.grain
            if useful:
                self.progress[job][thread] += 1
                self.completion[job] = now + 1
            else:
                self.spinning[job] += 1
            done = self.on_cpu.setdefault(cpu, [])
            if done and done[-1][:2] == (job, thread) and done[-1][3:] == (now, useful):
                done[-1] = (job, thread, done[-1][2], now + 1, useful)
            else:
                done.append((job, thread, now, now + 1, useful))
        self.used += len(placed)
        if self.used > MOST_TICKS:
            refuse_length()


def with_barriers(
    workload: Workload | Iterable[Any],
    cpus: int,
    quantum: Time | float | str,
    grain: Time | float | str,
    *,
    scheduling: str = "gang",
    alternative: bool = False,
) -> BarrierRun:
    """Run jobs whose ``width`` threads meet after every ``grain`` of their ``burst``.

    Under "gang" ``scheduling`` the threads run as ``gang_schedule`` says, with ``alternative``
    selection if wanted. Under "independent" scheduling all threads take turns of a ``quantum`` in
    one queue for all CPUs: an arriving job's threads join it in order, then those whose quantum is
    over by CPU, and the lowest free CPU takes the first. A spinning thread keeps its CPU and uses
    up its quantum. A thread that has done its burst leaves, without waiting for the others.

    Raises ``PolicyError`` as ``gang_schedule`` does, for a ``grain`` that is not above 0, for
    ``alternative`` without "gang", and if the threads need more than 500,000 ticks in all.

    >>> jobs = [("A", 0, 12, 3), ("B", 0, 12, 3)]
    >>> with_barriers(jobs, 4, quantum=4, grain=1).completion
    {'A': 20, 'B': 24}
    >>> with_barriers(jobs, 4, quantum=4, grain=1, scheduling="independent").spinning
    38
    """
    choose("scheduling", scheduling, "gang", "independent")
    workload, cpus, quantum = read_gang(workload, cpus, quantum)
    if scheduling == "independent" and alternative:
        raise PolicyError(
            "The option alternative fills the holes of gangs and the scheduling is 'independent': "
            "it has none; leave alternative out, or choose 'gang'."
        )
    grain = above_zero(grain, "The grain", "grain=1")
    scale = lcm(workload.scale, quantum.denominator, grain.denominator)
    fine = workload.with_scale(scale)
    in_ticks = Workload.from_columns(fine.arrival, fine.burst, fine.width, names=fine.names)
    total = sum(b * w for b, w in zip(fine.burst.tolist(), fine.width.tolist(), strict=True))
    if total > MOST_TICKS:
        refuse_length()
    threads, slot = _Threads(in_ticks, ticks_of(grain, scale)), ticks_of(quantum, scale)
    if scheduling == "gang":
        for now, placed in _in_gangs(in_ticks, cpus, slot, alternative):
            threads.tick(now, placed)
    else:
        for now, placed in _one_by_one(in_ticks, cpus, slot, threads):
            threads.tick(now, placed)
    time, names = fine.time, fine.names
    end = max(threads.completion, default=0)
    return BarrierRun(
        scheduling,
        cpus,
        tuple(
            Spent(name, *map(time, (sum(progress), spinning, completion)))
            for name, progress, spinning, completion in zip(
                names, threads.progress, threads.spinning, threads.completion, strict=True
            )
        ),
        tuple(
            ThreadSlice(names[job], thread, cpu, time(start), time(until), useful)
            for cpu, done in sorted(threads.on_cpu.items())
            for job, thread, start, until, useful in done
        ),
        time(cpus * end - threads.used),
    )


def _in_gangs(
    workload: Workload, cpus: int, quantum: int, alternative: bool
) -> Iterator[tuple[int, Placed]]:
    """Who has a CPU in each tick of the gang schedule."""
    schedule = gang_schedule(workload, cpus, quantum, alternative=alternative)
    place = {name: job for job, name in enumerate(workload.names)}
    ticks: dict[int, Placed] = {}
    for piece in schedule.slices:
        of_job = [(cpu, place[piece.job], k) for k, cpu in enumerate(piece.cpus)]
        for now in range(int(piece.start), int(piece.end)):
            ticks.setdefault(now, []).extend(of_job)
    for now in sorted(ticks):
        yield now, ticks[now]


def _one_by_one(
    workload: Workload, cpus: int, quantum: int, threads: _Threads
) -> Iterator[tuple[int, Placed]]:
    """Who has a CPU in each tick, where threads take turns in one queue."""
    arrival, width = workload.arrival.tolist(), workload.width.tolist()
    coming = workload.arrival_order()[::-1].tolist()
    queue: deque[tuple[int, int]] = deque()
    on: dict[int, tuple[int, int]] = {}  # the thread on each CPU that has one
    since: dict[int, int] = {}
    now = 0
    while coming or queue or on:
        while coming and arrival[coming[-1]] <= now:
            job = coming.pop()
            queue.extend((job, thread) for thread in range(width[job]))
        for cpu in sorted(on):
            if threads.has_ended(*on[cpu]):
                del on[cpu]
            elif now - since[cpu] == quantum:
                queue.append(on.pop(cpu))
        for cpu in range(cpus):
            if cpu not in on and queue:
                on[cpu], since[cpu] = queue.popleft(), now
        if on:
            yield now, [(cpu, *on[cpu]) for cpu in sorted(on)]
            now += 1
        elif coming:
            now = arrival[coming[-1]]


def refuse_length() -> None:
    """Say that there is too much to do."""
    raise PolicyError(
        f"The threads need more than {MOST_TICKS} ticks of CPU time: that is the most that is "
        "simulated; use shorter bursts, or simpler fractions for burst, quantum and grain."
    )
