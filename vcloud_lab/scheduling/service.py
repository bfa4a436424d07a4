"""What a job got of the CPU in a stretch of time, and what was withheld from it."""

from __future__ import annotations

from collections.abc import Iterator

from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling.numbers import Time, exact, simplest
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["received", "stolen"]


def received(
    schedule: Schedule, start: Time | float | str = 0, end: Time | float | str | None = None
) -> dict[str, Time]:
    """How long each job ran from ``start`` to ``end`` (None: the schedule's end), by name, exactly.

    On several CPUs too; a job of more than one processor counts its time once. Raises
    ``ScheduleError`` where ``end`` is before ``start`` or the start is below 0.
    """
    first, last = _window(schedule, start, end)
    got: dict[str, Time] = dict.fromkeys(schedule.workload.names, 0)
    for piece in schedule.slices():
        got[piece.job] += _common(piece.start, piece.end, first, last)
    return {name: simplest(time) for name, time in got.items()}


def stolen(
    schedule: Schedule, start: Time | float | str = 0, end: Time | float | str | None = None
) -> dict[str, Time]:
    """How long each job was ready from ``start`` to ``end`` and did not run, by name, exactly.

    For a vCPU this is its *steal time*. Over the whole schedule it is ``Schedule.waiting``: from
    arrival to completion, less CPU time and I/O. Raises ``ScheduleError`` as ``received`` does.
    """
    first, last = _window(schedule, start, end)
    got = received(schedule, first, last)
    lost: dict[str, Time] = {}
    there = {job.name: job.arrival for job in schedule.workload.jobs}
    asleep: dict[str, Time] = dict.fromkeys(there, 0)
    for name, begin, over in _sleeps(schedule):
        asleep[name] += _common(begin, over, first, last)
    for name, done in schedule.completion.items():
        present = _common(there[name], done, first, last)
        lost[name] = simplest(present - got[name] - asleep[name])
    return lost


def _sleeps(schedule: Schedule) -> Iterator[tuple[str, Time, Time]]:
    """The I/Os as (job, start, end): one begins when its job has run for long enough."""
    ahead = {job.name: list(job.io)[::-1] for job in schedule.workload.jobs if job.io}
    ran: dict[str, Time] = dict.fromkeys(ahead, 0)
    for piece in schedule.slices() if ahead else ():
        if waits := ahead.get(piece.job):
            ran[piece.job] += piece.end - piece.start
            if ran[piece.job] == waits[-1][0]:
                yield piece.job, piece.end, piece.end + waits.pop()[1]


def _window(
    schedule: Schedule, start: Time | float | str, end: Time | float | str | None
) -> tuple[Time, Time]:
    first = exact(start, "The start of the window", ScheduleError)
    last = schedule.makespan if end is None else exact(end, "The end of the window", ScheduleError)
    if not 0 <= first <= last:
        raise ScheduleError(
            f"The window is from {start} to {last if end is None else end}: it must start at 0 or "
            "later and not end before it starts; change it."
        )
    return first, last


def _common(start: Time, end: Time, first: Time, last: Time) -> Time:
    """How much of ``start`` to ``end`` is from ``first`` to ``last``."""
    return max(0, min(end, last) - max(start, first))
