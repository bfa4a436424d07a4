"""Will every deadline be met? Exact tests for periodic tasks on one processor, no simulation.

Preemption is free and no task waits for another's data. ``tasks`` is a ``PeriodicTasks`` or the
list that it takes; each function raises ``WorkloadError`` for what is no such list.

Sources: Liu & Layland, Journal of the ACM 20(1), 1973; Joseph & Pandya, "Finding Response Times in
a Real-Time System", The Computer Journal 29(5), 1986; Baruah, Rosier & Howell, "Algorithms and
Complexity Concerning the Preemptive Scheduling of Periodic, Real-Time Tasks on One Processor",
Real-Time Systems 2, 1990; Audsley et al., "Applying New Scheduling Theory to Static Priority
Pre-emptive Scheduling", Software Engineering Journal 8(5), 1993; Bini, Buttazzo & Buttazzo, "Rate
Monotonic Scheduling: The Hyperbolic Bound", IEEE Transactions on Computers 52(7), 2003.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from heapq import heapify, heapreplace
from math import ceil, lcm, prod
from typing import Any, NamedTuple, TypeAlias

from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.scheduling.numbers import Time, denominator, exact, simplest, ticks_of
from vcloud_lab.scheduling.periodic import PeriodicTask, PeriodicTasks, tasks_of
from vcloud_lab.scheduling.policy import Numbers, numbers_told

__all__ = [
    "Overload",
    "demand",
    "edf_feasible",
    "overload",
    "response_times",
    "utilisation",
    "within_hyperbolic",
    "within_liu_layland",
]

Tasks: TypeAlias = PeriodicTasks | Iterable[Any]

MOST_DEADLINES = 1_000_000
"""The most deadlines that ``overload`` looks at: a few seconds."""


class Overload(NamedTuple):
    """By ``deadline``, jobs released from 0 on need ``demand`` of the CPU: more than there is."""

    deadline: Time
    demand: Time


def utilisation(tasks: Tasks) -> Fraction:
    """The share of the CPU that the tasks need, burst / period summed; above 1 is overload."""
    return sum((task.utilisation for task in tasks_of(tasks)), Fraction(0))


def within_liu_layland(tasks: Tasks) -> bool:
    """Whether the utilisation U of n tasks is at most n (2^(1/n) - 1), 1 for one, 0.693 for many.

    If so, RM meets every deadline; if not, this test cannot tell. Compared without rounding, as
    (U/n + 1)^n <= 2. Raises ``WorkloadError`` for a deadline before the end of the period, of
    which the bound does not speak.
    """
    read = _to_the_end(tasks, "The bound of Liu & Layland")
    return (utilisation(read) / len(read) + 1) ** len(read) <= 2


def within_hyperbolic(tasks: Tasks) -> bool:
    """Whether the product of all (utilisation of a task + 1) is at most 2.

    If so, RM meets every deadline; if not, this test cannot tell. It accepts every set that
    ``within_liu_layland`` does, and more. Raises ``WorkloadError`` as that does. Source: Bini,
    Buttazzo & Buttazzo.
    """
    read = _to_the_end(tasks, "The hyperbolic bound")
    return prod(task.utilisation + 1 for task in read) <= 2


def response_times(tasks: Tasks, priorities: Numbers | None = None) -> dict[str, Time | None]:
    """The longest time from release to end of each task's jobs, by its name; None for a task that
    can miss its deadline.

    The response R of a task is the least that satisfies R = burst + sum over the tasks of higher
    priority of ceil(R / period) * burst, the worst case, met when all are released together. With
    offsets the true response may be shorter. ``priorities`` has one number a task, by name or in
    list order, the smaller the higher; without it the periods count, as in ``RM``. Among equals
    the first in the list is the higher where they are released together always; else each counts
    as higher than the other, because a running job keeps the CPU from its equals. Where a task is
    None, its equals may respond later than told.

    Raises ``WorkloadError`` for a deadline after the end of the period, ``PolicyError`` for
    priorities that are not one number a task. Sources: Joseph & Pandya; Audsley et al.
    """
    read = tasks_of(tasks)
    late = next((task for task in read if task.deadline > task.period), None)
    if late is not None:
        raise WorkloadError(
            f"Task {late.name!r} has deadline {late.deadline} and period {late.period}: response "
            "times are worked out for deadlines up to the period; shorten it, or simulate the jobs."
        )
    rank = [task.period for task in read] if priorities is None else _ranks(read, priorities)

    def interferes(other: int, task: int) -> bool:
        if rank[other] != rank[task]:
            return rank[other] < rank[task]
        together = (read[other].period, read[other].offset) == (
            read[task].period,
            read[task].offset,
        )
        return other != task and (other < task or not together)

    places = range(len(read))
    return {
        read[at].name: _response(read[at], [read[i] for i in places if interferes(i, at)])
        for at in places
    }


def demand(tasks: Tasks, until: Time | float | str) -> Time:
    """How much CPU the jobs need whose release and deadline both lie in [0, ``until``], with every
    task released at 0: a bound for each stretch of that length, whatever the offsets.

    Raises ``WorkloadError`` for an ``until`` that is no number. Source: Baruah, Rosier & Howell.
    """
    time = exact(until, "The time until")
    return simplest(
        sum(
            max(0, (time - task.deadline) // Fraction(task.period) + 1) * Fraction(task.burst)
            for task in tasks_of(tasks)
        )
    )


def overload(tasks: Tasks) -> Overload | None:
    """The first deadline by which the ``demand`` is more than the time there is; None if never.

    Then, and only then, some releases of the tasks make every policy miss a deadline: those in
    which all come together. If there is none, EDF meets every deadline, whatever the offsets.
    Deadlines may be shorter or longer than the periods. Which deadlines matter: with a utilisation
    U up to 1, a demand above t implies t < (sum of (period - deadline) * burst / period) / (1 - U),
    and one hyperperiod holds for all, from the time on at which every task counts.

    Raises ``WorkloadError`` if more than 1,000,000 deadlines would have to be looked at. Source:
    Baruah, Rosier & Howell.
    """
    read = tasks_of(tasks)
    scale = denominator(time for t in read for time in (t.period, t.burst, t.deadline))
    last = _last_to_check(read)
    events = [(ticks_of(task.deadline, scale), at) for at, task in enumerate(read)]
    period = [ticks_of(task.period, scale) for task in read]
    burst = [ticks_of(task.burst, scale) for task in read]
    stop = None if last is None else last * scale
    heapify(events)
    needed = 0
    for _ in range(MOST_DEADLINES):
        deadline, at = events[0]
        if stop is not None and deadline > stop:
            return None
        needed += burst[at]
        heapreplace(events, (deadline + period[at], at))
        if needed > deadline and events[0][0] > deadline:
            return Overload(*(simplest(Fraction(time, scale)) for time in (deadline, needed)))
    raise WorkloadError(
        f"More than {MOST_DEADLINES} deadlines would have to be looked at: that is the most; give "
        "periods with a smaller common multiple, or a utilisation farther from 1."
    )


def edf_feasible(tasks: Tasks) -> bool:
    """Whether EDF meets every deadline whatever the offsets: utilisation up to 1, no ``overload``.

    If not, no policy does. Where every deadline is the period's end or later, the
    utilisation decides alone. A set that is refused may still be met with its own offsets:
    simulate it up to the ``horizon`` of ``PeriodicTasks``. Raises ``WorkloadError`` as
    ``overload`` does. Sources: Liu & Layland; Baruah, Rosier & Howell.
    """
    read = tasks_of(tasks)
    if utilisation(read) > 1:
        return False
    return all(task.deadline >= task.period for task in read) or overload(read) is None


def _to_the_end(tasks: Tasks, what: str) -> tuple[PeriodicTask, ...]:
    """The tasks, if none has its deadline before the end of its period."""
    read = tasks_of(tasks)
    early = next((task for task in read if task.deadline < task.period), None)
    if early is not None:
        raise WorkloadError(
            f"Task {early.name!r} has deadline {early.deadline} and period {early.period}: {what} "
            "holds for deadlines at the end of the period; use response_times."
        )
    return read


def _ranks(tasks: Sequence[PeriodicTask], priorities: Numbers) -> list[Time]:
    """One priority a task, in list order."""
    told = numbers_told(priorities, "priority", "priorities", "{'A': 1, 'B': 2}")
    names = [task.name for task in tasks]
    if len(told) != len(names) or (isinstance(told, Mapping) and set(told) != set(names)):
        given = ", ".join(told) if isinstance(told, Mapping) else f"{len(told)} numbers"
        raise PolicyError(
            f"The priorities are for {given or 'nobody'}: one a task is needed; name exactly "
            f"{', '.join(names)}, or give {len(names)} in list order."
        )
    return [told[name] for name in names] if isinstance(told, Mapping) else list(told)


def _response(task: PeriodicTask, higher: Sequence[PeriodicTask]) -> Time | None:
    """The least R = burst + sum of ceil(R / period) * burst over ``higher``; None above the
    deadline."""
    left = 1 - utilisation(higher) if higher else Fraction(1)
    if left <= 0:
        return None
    # Leaving out the ceilings gives a bound from below, from which few rounds are needed.
    response = Fraction(task.burst) / left
    while response <= task.deadline:
        more = Fraction(task.burst) + sum(ceil(response / h.period) * h.burst for h in higher)
        if more == response:
            return simplest(response)
        response = more
    return None


def _last_to_check(tasks: Sequence[PeriodicTask]) -> Time | None:
    """No deadline after this one needs a look; None where an overload is sure to come."""
    spare = 1 - utilisation(tasks)
    if spare < 0:
        return None
    scale = denominator(task.period for task in tasks)
    hyperperiod = Fraction(lcm(*(ticks_of(task.period, scale) for task in tasks)), scale)
    counted = max(0, *(task.deadline - task.period for task in tasks))
    if not spare:
        return counted + hyperperiod
    gap = sum((task.period - task.deadline) * task.utilisation for task in tasks)
    return min(counted + hyperperiod, max(counted, gap / spare))
