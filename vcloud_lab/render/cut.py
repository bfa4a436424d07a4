"""Which part of a schedule is drawn: rows and slices by array arithmetic, before any is made.

A schedule may have millions of slices; a chart is legible up to some hundreds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vcloud_lab.errors import RenderError
from vcloud_lab.render.axis import count, number
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.workload import Column

__all__ = ["MOST_JOBS", "MOST_ROWS", "MOST_SLICES", "Cut", "check_size", "cut"]

MOST_SLICES = 640
"""Each slice is a bar in the CPU's row, one in its job's row, often a wait before and sometimes a
switch: with the last waits of 60 rows at most 2,000 bars."""

MOST_ROWS = 60
MOST_JOBS = 1_000_000


@dataclass(frozen=True)
class Cut:
    """Ticks ``start`` to ``end`` of a schedule. ``job``, ``begin``, ``finish`` and ``cpu`` are its
    merged slices, ``dispatch`` the position of the first dispatch of each in the trace; ``rows``
    are jobs. ``note`` says what was left out."""

    start: int
    end: int
    job: Column
    begin: Column
    finish: Column
    dispatch: Column
    cpu: Column
    rows: Column
    note: str


def check_size(schedule: Schedule) -> None:
    """Refuse a schedule without jobs, and one too large to be searched for a part to draw."""
    jobs = len(schedule.workload)
    if not jobs:
        raise RenderError(
            "The schedule has 0 jobs: there is nothing to draw; add a job to the workload."
        )
    if jobs > MOST_JOBS:
        raise RenderError(
            f"A picture of {jobs:,} jobs was asked for: at most {MOST_JOBS:,} can be looked "
            "through for a part to draw; simulate the first thousand jobs, or draw figures such "
            "as schedule.percentile('waiting', 95)."
        )


def cut(
    schedule: Schedule, window: tuple[Time, Time] | None = None, jobs: Iterable[str] | None = None
) -> Cut:
    """Choose what to draw of a schedule; see ``gantt`` for the arguments and errors."""
    check_size(schedule)
    whole = int(schedule.trace.end.max())
    start, end = (0, whole) if window is None else _window(schedule, window, whole)
    chosen = None if jobs is None else _rows(schedule, jobs)
    wanted = end
    rows = _present(schedule, start, end) if chosen is None else chosen
    if len(rows) > MOST_ROWS:
        next_row = int(np.sort(schedule.workload.arrival[rows])[MOST_ROWS])
        if next_row > start:
            end = min(end, next_row)
    job, begin, finish, dispatch = _merged(schedule, start, end)
    most = MOST_SLICES * 3 // 4 if schedule.switch_cost else MOST_SLICES
    if len(job) > most:
        end = int(begin[most])
        kept = begin < end
        job, begin, dispatch = job[kept], begin[kept], dispatch[kept]
        finish = np.minimum(finish[kept], end)
    present = _present(schedule, start, end) if chosen is None else chosen
    rows = present[:MOST_ROWS]
    note = ""
    if end < wanted:
        total = len(_merged(schedule, 0, whole)[0])
        to = number(schedule.workload.time(end))
        note = (
            f" It shows {len(job):,} of {count(total, 'slice')}, time "
            f"{number(schedule.workload.time(start))} to {to}; pass window=(t0, t1) for another "
            "part."
        )
    if len(rows) < len(present):
        note += (
            f" Of {len(present):,} jobs in this time it shows the first {len(rows)}; pass "
            "jobs=[...] for others."
        )
    trace = schedule.trace
    cpu = np.zeros_like(dispatch) if trace.cpu is None else trace.cpu[dispatch]
    return Cut(start, end, job, begin, finish, dispatch, cpu, rows, note)


def _window(schedule: Schedule, window: object, whole: int) -> tuple[int, int]:
    rule = "a window is (t0, t1) with 0 <= t0 < t1; write for example window=(0, 20)."
    if not isinstance(window, tuple | list) or len(window) != 2:
        raise RenderError(f"The window is {window!r}: {rule}")
    low, high = (exact(time, "The window's edge", RenderError) for time in window)
    if low < 0 or high <= low:
        raise RenderError(f"The window is ({low}, {high}): {rule}")
    scale = schedule.workload.scale
    if low * scale >= whole:
        raise RenderError(
            f"The window begins at {show(low)}: the schedule ends at {show(schedule.makespan)}; "
            "begin before that."
        )
    # Outwards to whole ticks, so that nothing at the edges is lost.
    return int(low * scale // 1), min(whole, int(-(-Fraction(high) * scale // 1)))


def _rows(schedule: Schedule, jobs: Iterable[str]) -> Column:
    names = [jobs] if isinstance(jobs, str) else list(jobs)
    places = {name: place for place, name in enumerate(schedule.workload.names)}
    unknown = [name for name in names if name not in places]
    if unknown or not names:
        known = ", ".join(schedule.workload.names[:8]) + (", ..." if len(places) > 8 else "")
        what = f"There is no job {unknown[0]!r}" if unknown else "The list of jobs is empty"
        raise RenderError(f"{what}: this schedule has {known}; name some of these.")
    if len(names) > MOST_ROWS:
        raise RenderError(
            f"{len(names):,} jobs were asked for: at most {MOST_ROWS} rows are legible; name fewer."
        )
    return np.array([places[name] for name in dict.fromkeys(names)], np.int64)


def _present(schedule: Schedule, start: int, end: int) -> Column:
    """The jobs, in list order, that are there at some time from ``start`` to ``end``."""
    there = (schedule.workload.arrival < end) & (schedule.ticks("completion") > start)
    return np.flatnonzero(there).astype(np.int64)


def _merged(schedule: Schedule, start: int, end: int) -> tuple[Column, Column, Column, Column]:
    """Slices between two times, touching ones of a job joined, and their first dispatches."""
    trace = schedule.trace
    inside = (trace.start < trace.end) & (trace.start < end) & (trace.end > start)
    at = np.flatnonzero(inside)
    if trace.cpu is not None:
        at = at[np.argsort(trace.cpu[at], kind="stable")]  # what touches stands together
    job, begin, finish = trace.job[at], trace.start[at], trace.end[at]
    first = np.ones(len(at), bool)
    if schedule.cpus == 1 or trace.cpu is not None:
        first[1:] = (job[1:] != job[:-1]) | (begin[1:] != finish[:-1])
    if trace.cpu is not None:
        first[1:] |= trace.cpu[at][1:] != trace.cpu[at][:-1]
    last = np.append(first[1:], True)[: len(at)]
    begin, finish = np.maximum(begin[first], start), np.minimum(finish[last], end)
    order = np.argsort(begin, kind="stable") if trace.cpu is not None else slice(None)
    columns = (job[first], begin, finish, at[first].astype(np.int64))
    job, begin, finish, dispatch = (column[order] for column in columns)
    return job, begin, finish, dispatch
