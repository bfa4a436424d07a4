"""Gang scheduling: all threads of a job, or all vCPUs of a VM, have processors at the same time.

The jobs stand in a matrix with a column for each processor. Each row is a set of jobs that fit
side by side; the rows take turns. Whoever runs therefore never waits for a thread of its own that
has no processor; the price is that the holes of a row stay idle (fragmentation).

Source: Ousterhout, "Scheduling techniques for concurrent systems", 3rd International Conference on
Distributed Computing Systems, 1982.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

from vcloud_lab.errors import PolicyError, ScheduleError
from vcloud_lab.scheduling.numbers import Time, exact, show, simplest, ticks_of
from vcloud_lab.scheduling.policy import above_zero
from vcloud_lab.scheduling.setup import MOST_CPUS
from vcloud_lab.scheduling.workload import Workload

__all__ = ["GangSchedule", "GangSlice", "Idle", "Turn", "gang_schedule", "read_gang"]

MOST_TURNS = 100_000
"""The most turns that are simulated: seconds at most."""


class GangSlice(NamedTuple):
    """A job on all its ``cpus`` (from 0; thread k has the k-th) from ``start`` to ``end``."""

    job: str
    start: Time
    end: Time
    cpus: tuple[int, ...]


class Turn(NamedTuple):
    """A row of the matrix had the processors. Rows are numbered from 1, in order of creation."""

    row: int
    start: Time
    end: Time


class Idle(NamedTuple):
    """``cpus`` processors did nothing, while ``waiting`` jobs were there and did not run."""

    start: Time
    end: Time
    cpus: int
    waiting: int


@dataclass(frozen=True)
class GangSchedule:
    """Who ran when, whose turn it was, and what was left idle. Made by ``gang_schedule``.

    Times are exact and in the workload's unit. ``rows`` has the row of each job, by name.
    """

    workload: Workload
    cpus: int
    quantum: Time
    slices: tuple[GangSlice, ...]
    turns: tuple[Turn, ...]
    idle: tuple[Idle, ...]
    rows: dict[str, int]

    @property
    def completion(self) -> dict[str, Time]:
        """When each job ended, by name."""
        last = {piece.job: piece.end for piece in self.slices}
        return {name: last[name] for name in self.workload.names}

    @property
    def turnaround(self) -> dict[str, Time]:
        """Completion minus arrival, by name."""
        end = self.completion
        return {job.name: simplest(end[job.name] - job.arrival) for job in self.workload.jobs}

    @property
    def waiting(self) -> dict[str, Time]:
        """Turnaround minus burst, by name."""
        span = self.turnaround
        return {job.name: simplest(span[job.name] - job.burst) for job in self.workload.jobs}

    @property
    def response(self) -> dict[str, Time]:
        """First run minus arrival, by name."""
        first = {piece.job: piece.start for piece in reversed(self.slices)}
        return {job.name: simplest(first[job.name] - job.arrival) for job in self.workload.jobs}

    @property
    def makespan(self) -> Time:
        """From time 0 to the last completion; 0 without jobs."""
        return max((piece.end for piece in self.slices), default=0)

    @property
    def utilisation(self) -> Time:
        """The share of all processors' time, from 0 to the last completion, that jobs used."""
        used = sum((piece.end - piece.start) * len(piece.cpus) for piece in self.slices)
        return self._share(used, "utilisation")

    @property
    def fragmentation(self) -> Time:
        """The share of that time in which a processor was idle although a job waited."""
        lost = sum((gap.end - gap.start) * gap.cpus for gap in self.idle if gap.waiting)
        return self._share(lost, "fragmentation")

    def matrix(self, at: Time | float | str) -> tuple[tuple[str | None, ...], ...]:
        """The Ousterhout matrix at a time: for each row, the job on each processor or None.

        Jobs that arrive at that moment are in it, those that end then are not. Raises
        ``ScheduleError`` for what is no number.
        """
        time, end = exact(at, "The time", ScheduleError), self.completion
        places = {piece.job: piece.cpus for piece in self.slices}
        cells: dict[int, list[str | None]] = {}
        for job in self.workload.jobs:
            if job.arrival <= time < end[job.name]:
                row = cells.setdefault(self.rows[job.name], [None] * self.cpus)
                for cpu in places[job.name]:
                    row[cpu] = job.name
        return tuple(tuple(cells[row]) for row in sorted(cells))

    def _share(self, part: Time, what: str) -> Time:
        if not self.slices:
            raise ScheduleError(
                f"The {what} of 0 jobs is not defined: at least one job is needed; "
                "add one to the workload."
            )
        return simplest(Fraction(part) / (self.cpus * self.makespan))

    def __repr__(self) -> str:
        what = f"Gang schedule of {len(self.workload)} jobs on {self.cpus} CPUs"
        if not self.slices:
            return what
        return f"{what}: {show(self.utilisation)} of them used, ends at {show(self.makespan)}"


class _Matrix:
    """The matrix while it is simulated: the jobs and the free columns of each row."""

    def __init__(self, cpus: int) -> None:
        self.cpus = cpus
        self.rows: dict[int, list[int]] = {}  # in order of creation
        self.free: dict[int, list[int]] = {}
        self.columns: dict[int, tuple[int, ...]] = {}
        self.row_of: dict[int, int] = {}
        self.present = 0  # jobs
        self.made = 0  # rows

    def enter(self, job: int, width: int) -> None:
        """Into the lowest free columns of the first row with room, else a new row."""
        number = next((n for n, free in self.free.items() if len(free) >= width), None)
        if number is None:
            self.made = number = self.made + 1
            self.rows[number], self.free[number] = [], list(range(self.cpus))
        free = self.free[number]
        self.rows[number].append(job)
        self.columns[job], self.free[number] = tuple(free[:width]), free[width:]
        self.row_of[job] = number
        self.present += 1

    def leave(self, job: int) -> None:
        """A job leaves a hole, and the last one of a row takes the row with it."""
        number = self.row_of[job]
        self.rows[number].remove(job)
        self.free[number] = sorted([*self.free[number], *self.columns[job]])
        self.present -= 1
        if not self.rows[number]:
            del self.rows[number], self.free[number]

    def next_row(self, last: int) -> int:
        """The row after ``last``, which may be gone."""
        return min(self.rows, key=lambda number: (number <= last, number))

    def chosen(self, current: int, alternative: bool) -> list[int]:
        """The jobs that run in the turn of a row."""
        jobs = list(self.rows[current])
        if alternative:
            free = set(self.free[current])
            for number in sorted(self.rows, key=lambda number: (number <= current, number))[:-1]:
                for job in self.rows[number]:
                    if free.issuperset(self.columns[job]):
                        free.difference_update(self.columns[job])
                        jobs.append(job)
        return jobs


def gang_schedule(
    workload: Workload | Iterable[Any],
    cpus: int,
    quantum: Time | float | str,
    *,
    alternative: bool = False,
) -> GangSchedule:
    """Run jobs of ``width`` threads, each thread ``burst`` long, on ``cpus`` processors in gangs.

    An arrival takes the lowest free columns of the first row that has enough of them, else of a
    new row at the end, and stays there; it runs at once where that row has the turn. A turn lasts
    a ``quantum``, or until its row is empty: empty rows vanish, and the next row begins a turn of
    its own. In one moment jobs end first, then others arrive, then the turn passes on.

    With ``alternative`` selection the holes of the row whose turn it is are lent to jobs of other
    rows whose columns are all free, row after row behind it, chosen anew at every event. Switching
    costs nothing.

    Raises ``PolicyError`` for a job that is wider than the machine or does I/O, for ``cpus`` that
    are not a whole number from 1 to 1024, for a ``quantum`` that is not above 0, and if more than
    100,000 turns would be needed.

    >>> gang_schedule([("A", 0, 4, 3), ("B", 0, 4, 2)], 4, 2).completion
    {'A': 6, 'B': 8}
    """
    workload, cpus, quantum = read_gang(workload, cpus, quantum)
    if not isinstance(alternative, bool):
        raise PolicyError(f"The option alternative is {alternative!r}: it must be True or False.")
    workload = workload.with_scale(lcm(workload.scale, quantum.denominator))
    slot, time, names = ticks_of(quantum, workload.scale), workload.time, workload.names
    turns_needed = sum(-(-burst // slot) for burst in workload.burst.tolist())
    if turns_needed > MOST_TURNS:
        raise PolicyError(
            f"With quantum {quantum} the jobs need {turns_needed} turns: at most {MOST_TURNS} are "
            "simulated; use a longer quantum or fewer jobs."
        )
    arrival, width = workload.arrival.tolist(), workload.width.tolist()
    left = workload.burst.tolist()
    coming = workload.arrival_order()[::-1].tolist()
    matrix = _Matrix(cpus)
    slices: list[tuple[int, int, int]] = []
    turns: list[tuple[int, int, int]] = []
    idle: list[tuple[int, int, int, int]] = []
    now = row = turn_ends = 0
    last: dict[int, int] = {}  # where the last slice of a job stands in the list
    while coming or matrix.rows:
        while coming and arrival[coming[-1]] <= now:
            job = coming.pop()
            matrix.enter(job, width[job])
        if not matrix.rows:
            idle.append((now, arrival[coming[-1]], cpus, 0))
            now = arrival[coming[-1]]
            continue
        if row not in matrix.rows or now == turn_ends:
            row, turn_ends = matrix.next_row(row), now + slot
            turns.append((row, now, now))
        running = matrix.chosen(row, alternative)
        end = min([turn_ends, *(now + left[job] for job in running)])
        if coming:
            end = min(end, arrival[coming[-1]])
        turns[-1] = (row, turns[-1][1], end)
        for job in running:
            if job in last and slices[last[job]][2] == now:
                slices[last[job]] = (job, slices[last[job]][1], end)
            else:
                last[job] = len(slices)
                slices.append((job, now, end))
        free = cpus - sum(width[job] for job in running)
        waiting = matrix.present - len(running)
        if idle and idle[-1][1:] == (now, free, waiting):
            idle[-1] = (idle[-1][0], end, free, waiting)
        elif free:
            idle.append((now, end, free, waiting))
        for job in running:
            left[job] -= end - now
            if not left[job]:
                matrix.leave(job)
        now = end
    return GangSchedule(
        workload,
        cpus,
        quantum,
        tuple(GangSlice(names[j], time(a), time(b), matrix.columns[j]) for j, a, b in slices),
        tuple(Turn(number, time(a), time(b)) for number, a, b in turns),
        tuple(Idle(time(a), time(b), free, waiting) for a, b, free, waiting in idle),
        {name: matrix.row_of[job] for job, name in enumerate(names)},
    )


def read_gang(
    workload: Workload | Iterable[Any], cpus: object, quantum: Time | float | str
) -> tuple[Workload, int, Time]:
    """The workload, the processors and the quantum; raises as ``gang_schedule`` does."""
    if not isinstance(workload, Workload):
        workload = Workload(workload)
    number = exact(cpus, "The number of processors", PolicyError)
    if number.denominator != 1 or not 1 <= number <= MOST_CPUS:
        raise PolicyError(
            f"The number of processors is {cpus!r}: it must be whole, from 1 to {MOST_CPUS}; "
            "change cpus."
        )
    if workload.io is not None:
        raise PolicyError(
            "Gang scheduling of jobs with I/O is not modelled: its threads only compute; leave io "
            "out."
        )
    widest = int(workload.width.max(initial=0))
    if widest > number:
        name = workload.names[int(workload.width.argmax())]
        raise PolicyError(
            f"Job {name!r} needs {widest} processors at once and there are {number}: "
            f"it could never start; give cpus={widest} or more."
        )
    return workload, int(number), above_zero(quantum, "The quantum", "quantum=4")
