"""Counterfactuals: what a schedule would have been like, had one decision gone another way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling.dispatcher import play
from vcloud_lab.scheduling.ledger import Decision
from vcloud_lab.scheduling.numbers import Time, exact
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["Alternative", "what_if"]


class Alternative(NamedTuple):
    """``job`` instead of the one that was chosen; ``change`` is what that does to the mean waiting
    time, and ``schedule`` what follows from it."""

    job: str
    change: Time
    schedule: Schedule


def what_if(schedule: Schedule, number: int) -> tuple[Decision, tuple[Alternative, ...]]:
    """Dispatch ``number`` of the ledger (from 0), and one alternative for each other ready job.

    In each the other job gets the CPU at that moment; before and afterwards the policy decides as
    ever. Raises ``ScheduleError`` for a dispatch that does not exist, and for jobs that need
    several processors at once.
    """
    wanted = exact(number, "The number of the dispatch", ScheduleError)
    total = schedule.counters["dispatches"]
    if wanted.denominator != 1 or not 0 <= wanted < total:
        raise ScheduleError(
            f"There is no dispatch {number}: this schedule has {total}, counted from 0; choose one "
            "of them."
        )
    if int(schedule.workload.width.max(initial=1)) > 1:
        raise ScheduleError(
            "What if was asked for jobs that need several processors at once: their schedules "
            "cannot be changed at one place; use jobs of width 1."
        )
    decision = next(islice(schedule.ledger(), int(wanted), None))
    return decision, tuple(_others(schedule, int(wanted), decision))


def _others(schedule: Schedule, number: int, decision: Decision) -> Iterator[Alternative]:
    workload = schedule.workload
    places = {name: place for place, name in enumerate(workload.names)}
    before = schedule.mean("waiting")
    for ready in decision.ready:
        forced = {**schedule.forced, number: places[ready.job]}
        trace = play(workload, schedule.policy, schedule.setup, forced)
        other = Schedule(workload, schedule.policy, trace, schedule.setup, forced)
        yield Alternative(ready.job, other.mean("waiting") - before, other)
