"""Periodic tasks in real time: their jobs, the two classic policies, and the deadlines missed.

Source: Liu & Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time
Environment", Journal of the ACM 20(1), 1973. What can be said without a simulation is in
``feasibility``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.scheduling.job import Job
from vcloud_lab.scheduling.numbers import Time, denominator, exact, simplest, ticks_of
from vcloud_lab.scheduling.policies import PRIORITY
from vcloud_lab.scheduling.policy import Numbers, Policy, numbers_told
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.selection import Candidate
from vcloud_lab.scheduling.workload import Workload

__all__ = ["EDF", "RM", "Miss", "PeriodicTask", "PeriodicTasks", "missed"]

MOST_JOBS = 20_000
"""The most jobs that a periodic set releases: each choice looks at every job that is ready."""


@dataclass(frozen=True)
class PeriodicTask:
    """A job that comes again: released at ``offset``, ``offset + period``, and so on.

    Each of its jobs needs the CPU for ``burst`` and should end within ``deadline`` of its release;
    the deadline is the period where none is given, and may be shorter or longer. Times are exact
    and in the user's unit. Raises ``WorkloadError`` for a negative offset, another time that is
    not above 0, or what is no number.
    """

    name: str
    period: Time
    burst: Time
    deadline: Time = None  # type: ignore[assignment]  # __post_init__ puts the period
    offset: Time = 0

    def __post_init__(self) -> None:
        who = f"Task {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise WorkloadError(f"{who} needs a name: write a text that is not empty, like 'A'.")
        for what in ("period", "burst", "deadline", "offset"):
            given = getattr(self, what)
            if given is None and what == "deadline":
                given = self.period
            time = exact(given, f"{who}: its {what}")
            if time < 0 or (time == 0 and what != "offset"):
                rule = "0 or later" if what == "offset" else "above 0"
                raise WorkloadError(
                    f"{who} has {what} {given}: it must be {rule}; change the {what}."
                )
            object.__setattr__(self, what, time)

    @property
    def utilisation(self) -> Fraction:
        """The share of the CPU that the task needs: burst / period."""
        return Fraction(self.burst) / Fraction(self.period)


class PeriodicTasks:
    """A set of tasks and every job that they release before ``until``.

    ``tasks`` may hold ``PeriodicTask`` objects or tuples in the order of their fields: ``(name,
    period, burst)``, with the deadline and the offset as a fourth and fifth. ``workload`` has the
    jobs by
    release, those released together in the order of the tasks; those of a task "A" are called
    "A.1", "A.2", ... ``deadlines`` (absolute: points in time) and ``periods`` have one number a
    job, by its name.

    Without ``until`` the releases go on up to ``horizon``. Where all offsets are 0 that is one
    ``hyperperiod``, the least common multiple of the periods, after which all begins anew. Else it
    is the largest offset plus two hyperperiods: the start may differ, but the second hyperperiod
    shows what is repeated for ever. For a utilisation up to 1 and deadlines up to the periods, EDF
    misses no deadline at all if it misses none up to there (Leung & Merrill, "A Note on Preemptive
    Scheduling of Periodic, Real-Time Tasks", Information Processing Letters 11(3), 1980).

    Raises ``WorkloadError`` for no task, two of one name, what is no task, an ``until`` that is
    not above 0, or more than 20,000 jobs.

    >>> tasks = PeriodicTasks([("A", 5, 2), ("B", 7, 4)])
    >>> tasks.hyperperiod, tasks.deadlines["B.2"]
    (35, 14)
    """

    def __init__(
        self,
        tasks: Iterable[Any],
        until: Time | float | str | None = None,
        *,
        title: str = "",
        unit: str = "tick",
    ) -> None:
        self.tasks = tasks_of(tasks)
        scale = denominator(task.period for task in self.tasks)
        common = lcm(*(ticks_of(task.period, scale) for task in self.tasks))
        self.hyperperiod = simplest(Fraction(common, scale))
        latest = max(task.offset for task in self.tasks)
        whole = latest + 2 * self.hyperperiod if latest else self.hyperperiod
        self.horizon = simplest(whole) if until is None else exact(until, "The time until")
        if self.horizon <= 0:
            raise WorkloadError(
                f"Jobs are released until {until}: that must be above 0; leave until out for the "
                "whole pattern."
            )
        counts = [_releases(task, self.horizon) for task in self.tasks]
        if sum(counts) > MOST_JOBS:
            shown = "the pattern repeats" if until is None else f"until={until}"
            raise WorkloadError(
                f"The tasks release more than {MOST_JOBS} jobs before {shown}: that is the most; "
                "give an earlier until, or periods with a smaller common multiple."
            )
        released = sorted(
            (task.offset + k * task.period, place, k + 1)
            for place, (task, count) in enumerate(zip(self.tasks, counts, strict=True))
            for k in range(count)
        )
        jobs: list[Job] = []
        self.deadlines: dict[str, Time] = {}
        self.periods: dict[str, Time] = {}
        for release, place, number in released:
            task = self.tasks[place]
            name = f"{task.name}.{number}"
            jobs.append(Job(name, release, task.burst))
            self.deadlines[name] = simplest(release + task.deadline)
            self.periods[name] = task.period
        self.workload = Workload(jobs, title=title, unit=unit)

    def __repr__(self) -> str:
        shown = ", ".join(f"{t.name} ({t.period}, {t.burst})" for t in self.tasks[:6])
        more = ", ..." if len(self.tasks) > 6 else ""
        return (
            f"PeriodicTasks {shown}{more}: {len(self.workload)} jobs until {self.horizon} in "
            ".workload"
        )


class Miss(NamedTuple):
    """A job that ended too late; ``lateness`` is completion minus deadline, above 0."""

    job: str
    deadline: Time
    completion: Time
    lateness: Time


def EDF(deadlines: PeriodicTasks | Numbers, *, ties: str = "arrival") -> Policy:
    """Earliest deadline first: the ready job whose deadline comes first; an arrival with a
    strictly earlier one takes the CPU away.

    ``deadlines`` are those of a periodic set, or one number a job, by name or in list order. They
    are points in time, not lengths: arrival plus relative deadline. A job that is late runs on to
    its end. Among equal deadlines ``ties`` decides: "arrival" or "list".

    Raises ``PolicyError`` for what is no number, other ``ties``, and in ``simulate`` where the
    jobs are not exactly those of the workload. Source: Liu & Layland, the "deadline driven"
    algorithm.
    """
    given = deadlines.deadlines if isinstance(deadlines, PeriodicTasks) else deadlines
    told = numbers_told(given, "deadline", "deadlines", "EDF({'P1': 20, 'P2': 12})")
    return _least("EDF", told, "has the earliest deadline", ties)


def RM(periods: PeriodicTasks | Numbers, *, ties: str = "arrival") -> Policy:
    """Rate monotonic: the ready job whose task has the shortest period; an arrival with a strictly
    shorter one takes the CPU away.

    ``periods`` are those of a periodic set, or one number a job, by name or in list order. A job
    that is late runs on to its end. Among equal periods ``ties`` decides: "arrival" or "list".

    Raises ``PolicyError`` for a period that is not above 0 and as ``EDF`` does. Source: Liu &
    Layland.
    """
    given = periods.periods if isinstance(periods, PeriodicTasks) else periods
    told = numbers_told(given, "period", "periods", "RM({'P1': 5, 'P2': 7})")
    for period in told.values() if isinstance(told, Mapping) else told:
        if period <= 0:
            raise PolicyError(f"RM was given period {period}: it must be above 0; change it.")
    return _least("RM", told, "has the shortest period", ties)


def missed(schedule: Schedule, deadlines: PeriodicTasks | Numbers) -> tuple[Miss, ...]:
    """The jobs that ended after their deadline, in list order; whatever the policy.

    ``deadlines`` as for ``EDF``. A job that ends just at its deadline meets it. Raises
    ``PolicyError`` as ``EDF`` does.
    """
    told = replace(EDF(deadlines), name="missed").numbers_of(schedule.workload)
    pairs = zip(schedule.completion.items(), told, strict=True)
    return tuple(
        Miss(job, deadline, end, simplest(end - deadline))
        for (job, end), deadline in pairs
        if end > deadline
    )


def tasks_of(tasks: PeriodicTasks | Iterable[Any]) -> tuple[PeriodicTask, ...]:
    """The tasks of a set, read from ``PeriodicTask`` objects or tuples, in list order.

    Raises ``WorkloadError`` as ``PeriodicTasks`` does.
    """
    if isinstance(tasks, PeriodicTasks):
        return tasks.tasks
    if isinstance(tasks, str | Mapping | PeriodicTask) or not isinstance(tasks, Iterable):
        raise WorkloadError(
            f"The tasks are {tasks!r}: a list of tasks is needed; write for example "
            "[PeriodicTask('A', 5, 2), PeriodicTask('B', 7, 4)]."
        )
    read = tuple(_read_task(task, position) for position, task in enumerate(tasks, 1))
    if not read:
        raise WorkloadError(
            "There are 0 tasks: a set needs at least one; add PeriodicTask('A', 5, 2)."
        )
    names = [task.name for task in read]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise WorkloadError(
            f"Two tasks are called {twice!r}: names tell tasks apart; rename one of them."
        )
    return read


def _read_task(task: object, position: int) -> PeriodicTask:
    if isinstance(task, PeriodicTask):
        return task
    if isinstance(task, Sequence) and not isinstance(task, str) and 3 <= len(task) <= 5:
        return PeriodicTask(*task)
    raise WorkloadError(
        f"Entry {position} of the tasks is {task!r}: a task is a PeriodicTask or (name, period, "
        "burst), with deadline and offset if need be; write it in one of these forms."
    )


def _releases(task: PeriodicTask, until: Time) -> int:
    """How many jobs the task releases before ``until``."""
    return max(0, int(-((task.offset - until) // Fraction(task.period))))


def _least(
    name: str, told: Mapping[str, Time] | tuple[Time, ...], virtue: str, ties: str
) -> Policy:
    """Preemptive priority under a name and with reasons of its own."""
    made = PRIORITY(told, preemptive=True, ties=ties)
    return replace(made, name=name, key=_number, virtue=virtue, remarks=())


def _number(candidate: Candidate) -> Time:
    return candidate.number
