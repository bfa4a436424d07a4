"""The Gantt chart: who ran when, who waited meanwhile, and why each dispatch was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import numpy as np

from vcloud_lab.errors import RenderError
from vcloud_lab.render.axis import count, number, span_text
from vcloud_lab.render.chart import Chart
from vcloud_lab.render.cut import Cut, cut
from vcloud_lab.render.scene import Bar, Lane, Scene
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.workload import Column

__all__ = ["cpu_bars", "gantt", "job_runs", "layout"]

MOST_CPUS = 16
"""CPUs that get a row of their own."""

MOST_REASONS = 120
"""Slices whose reasons are worked out for tooltips; more would make the output large."""


def gantt(
    schedule: Schedule,
    *,
    window: tuple[Time, Time] | None = None,
    jobs: Iterable[str] | None = None,
    at: Time | None = None,
) -> Chart:
    """One row a job in list order, and a row for each CPU with idle time and switches.

    ``window`` (t0, t1) and ``jobs`` (names) choose a part, in the workload's unit; without them,
    a schedule of many slices shows its beginning and says so. ``at`` puts a cursor at a time and
    dims what comes after. Raises ``RenderError`` for a schedule without jobs or with more than a
    million, a window that is empty or beyond the end (or, on several processors, has no job), a
    name that does not exist, and a cursor outside the window.
    """
    return Chart(layout(schedule, window=window, jobs=jobs, at=at))


def layout(
    schedule: Schedule,
    *,
    window: tuple[Time, Time] | None = None,
    jobs: Iterable[str] | None = None,
    at: Time | None = None,
) -> Scene:
    """The scene of ``gantt``, not drawn yet."""
    part = cut(schedule, window, jobs)
    time, names = schedule.workload.time, schedule.workload.names
    start, end = time(part.start), time(part.end)
    if at is not None:
        at = exact(at, "The cursor", RenderError)
        if not start <= at <= end:
            raise RenderError(
                f"The cursor stands at {show(at)}: the chart reaches from {show(start)} to "
                f"{show(end)}; put it between them, or pass another window=(t0, t1)."
            )
    runs = job_runs(schedule, part)
    lanes = [_job_lane(schedule, part, job, runs.get(job, [])) for job in part.rows.tolist()]
    rows = len(lanes)
    idle = ""
    if schedule.cpus == 1:
        lanes.append(Lane("CPU", tuple(cpu_bars(schedule, part, runs)), sequence=True))
        idle_time = sum(bar.end - bar.start for bar in lanes[-1].bars if bar.kind == "idle")
        idle = f"; the CPU is idle for {number(idle_time)}" if idle_time else "; never idle"
    elif schedule.trace.cpu is not None:
        shown = range(min(schedule.cpus, MOST_CPUS))
        lanes += [
            Lane(f"CPU {cpu}", tuple(cpu_bars(schedule, part, runs, cpu)), sequence=True)
            for cpu in shown
        ]
        bars = [bar for lane in lanes[rows:] for bar in lane.bars if bar.kind == "idle"]
        idle_time = sum(bar.end - bar.start for bar in bars)
        idle = f"; CPU time idle: {number(idle_time)}" if idle_time else "; no CPU is ever idle"
        idle += "" if len(shown) == schedule.cpus else f"; the first {MOST_CPUS} CPUs are shown"
    if not lanes:
        raise RenderError(
            f"No job is there from {show(start)} to {show(end)}: a row needs one; pass another "
            "window=(t0, t1)."
        )
    only = f" of {names[int(part.rows[0])]}" if len(lanes) == len(part.rows) == 1 else ""
    sentence = (
        f"Gantt chart{only} under {schedule.label}: {count(len(schedule.workload), 'job')}, "
        f"{span_text(start, end, schedule.workload.unit)}{idle}.{part.note}"
    )
    return Scene(schedule.label, sentence, tuple(lanes), start, end, schedule.workload.unit, at)


def cpu_bars(
    schedule: Schedule, part: Cut, runs: dict[int, list[Bar]], cpu: int | None = None
) -> list[Bar]:
    """The bars of a CPU's row in time order: slices, switches, and idle time between them.

    ``cpu`` None stands for the only one.
    """
    trace = schedule.trace
    places = np.arange(len(trace.job)) if cpu is None else schedule.places(cpu)
    between = [*_switches(schedule, part, places), *_idle(schedule, part, places, cpu)]
    mine = [bar for bars in runs.values() for bar in bars if bar.cpu == (cpu or 0)]
    return sorted([*mine, *between], key=_start)


def _start(bar: Bar) -> Time:
    return bar.start


def job_runs(schedule: Schedule, part: Cut) -> dict[int, list[Bar]]:
    """The slices of each job."""
    time, unit = schedule.workload.time, schedule.workload.unit
    found: dict[int, list[Bar]] = {}
    columns = (part.job, part.begin, part.finish, part.cpu)
    slices = zip(*(column.tolist() for column in columns), strict=True)
    many = schedule.cpus > 1 and schedule.trace.cpu is not None
    for (job, begin, finish, cpu), reason in zip(slices, _reasons(schedule, part), strict=True):
        name, low, high = schedule.workload.names[job], time(begin), time(finish)
        where = f" on CPU {cpu}" if many else ""
        tip = f"{name} runs{where}, {span_text(low, high, unit)}.{' ' if reason else ''}{reason}"
        found.setdefault(job, []).append(Bar(low, high, "run", job, name, tip, cpu))
    return found


def _reasons(schedule: Schedule, part: Cut) -> Iterator[str]:
    """The reason of the first dispatch of each slice; empty texts where they are too many."""
    places = part.dispatch.tolist()
    if len(places) > MOST_REASONS or (places and max(places) > 10 * MOST_REASONS):
        return iter([""] * len(places))
    ledger = list(islice(schedule.ledger(), max(places, default=-1) + 1))
    return (ledger[place].reason for place in places)


def _job_lane(schedule: Schedule, part: Cut, job: int, runs: list[Bar]) -> Lane:
    """A job's row: it waits whenever it is there, does not run and is not at a device."""
    workload = schedule.workload
    time, name = workload.time, workload.names[job]
    came, left = int(workload.arrival[job]), int(schedule.ticks("completion")[job])
    low, high = time(max(came, part.start)), time(min(left, part.end))
    busy = sorted([*runs, *_io(schedule, part, job)], key=_start)
    edges = [low, *(edge for bar in busy for edge in (bar.start, bar.end)), high]
    waits = [
        Bar(a, b, "wait", job, "", f"{name} waits, {span_text(a, b, workload.unit)}.")
        for a, b in list(pairwise(edges))[::2]
        if a < b
    ]
    bars = sorted([*busy, *waits], key=_start)
    arrival = time(came) if part.start <= came <= part.end else None
    completion = time(left) if part.start <= left <= part.end else None
    return Lane(name, tuple(bars), arrival, completion)


def _io(schedule: Schedule, part: Cut, job: int) -> Iterator[Bar]:
    """The stretches in which a job waits for a device: each begins when a CPU burst ends."""
    workload, trace = schedule.workload, schedule.trace
    waits = workload.io[job] if workload.io else ()
    if not waits:
        return
    places = np.flatnonzero(trace.job == job)
    ran = np.cumsum(trace.end[places] - trace.start[places])
    for after, length in waits:
        begin = int(trace.end[places[int(np.searchsorted(ran, after))]])
        low, high = max(begin, part.start), min(begin + length, part.end)
        if low < high:
            span = span_text(workload.time(low), workload.time(high), workload.unit)
            tip = f"{workload.names[job]} waits for a device, {span}."
            yield Bar(workload.time(low), workload.time(high), "io", job, "", tip)


def _switches(schedule: Schedule, part: Cut, places: Column) -> Iterator[Bar]:
    trace, time = schedule.trace, schedule.workload.time
    if not schedule.switch_cost and not schedule.setup.migration_cost:
        return
    inside = (trace.decided < part.end) & (trace.start > part.start) & (trace.decided < trace.start)
    for place in places[inside[places]].tolist():
        low = time(max(int(trace.decided[place]), part.start))
        high = time(min(int(trace.start[place]), part.end))
        to = schedule.workload.names[int(trace.job[place])]
        tip = f"Switch to {to}, {span_text(low, high, schedule.workload.unit)}."
        yield Bar(low, high, "switch", -1, "", tip)


def _idle(schedule: Schedule, part: Cut, places: Column, cpu: int | None) -> Iterator[Bar]:
    """The gaps between the dispatches of a CPU; of several, also what is left at the end."""
    trace, unit = schedule.trace, schedule.workload.unit
    who = "The CPU" if cpu is None else f"CPU {cpu}"
    since = np.concatenate((np.zeros(1, np.int64), trace.end[places]))
    until = np.concatenate((trace.decided[places], np.full(1, part.end)))
    gaps = (until > since) & (since < part.end) & (until > part.start)
    if cpu is None:
        gaps[-1] = False
    for at in np.flatnonzero(gaps).tolist():
        low = schedule.workload.time(max(int(since[at]), part.start))
        high = schedule.workload.time(min(int(until[at]), part.end))
        yield Bar(low, high, "idle", -1, "", f"{who} is idle, {span_text(low, high, unit)}.")
