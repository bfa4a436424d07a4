"""Policies side by side: one row each on a common time axis, and the figures beneath."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vcloud_lab.errors import RenderError
from vcloud_lab.render.axis import count, span_text
from vcloud_lab.render.chart import Chart
from vcloud_lab.render.cut import MOST_ROWS, MOST_SLICES, cut
from vcloud_lab.render.gantt import cpu_bars, job_runs
from vcloud_lab.render.metrics import labelled, metrics_grid
from vcloud_lab.render.scene import Lane, Scene
from vcloud_lab.scheduling.numbers import Time
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["compare"]

MOST_SCHEDULES = 20


def compare(
    schedules: Iterable[Schedule] | Mapping[str, Schedule],
    *,
    window: tuple[Time, Time] | None = None,
) -> Chart:
    """The CPU's row of each schedule on one time axis, with the table of figures beneath.

    ``schedules`` are of the same workload, in a list or by label in a mapping; of several CPUs each
    has a row. The best value of each figure has a star. Raises ``RenderError`` for schedules of
    different workloads or of alike processors, for more than 20 (60 rows), for none, and for a bad
    ``window`` (as in ``gantt``).
    """
    named = labelled(schedules)
    if len(named) > MOST_SCHEDULES:
        raise RenderError(
            f"{len(named)} schedules were to be compared: at most {MOST_SCHEDULES} rows are "
            "legible; choose fewer, or use lines(...) for a sweep."
        )
    wide = next((s for s in named.values() if s.cpus > 1 and s.trace.cpu is None), None)
    if wide is not None:
        raise RenderError(
            f"A schedule runs on {wide.cpus} processors that are not told apart: a comparison "
            "draws one row for each CPU; use table([s1, s2]) and profile(s)."
        )
    rows = sum(schedule.cpus for schedule in named.values())
    if rows > MOST_ROWS:
        raise RenderError(
            f"{rows} rows of CPUs were to be drawn: at most {MOST_ROWS} are legible; compare fewer "
            "schedules, or fewer CPUs."
        )
    last = max(named.values(), key=lambda schedule: schedule.makespan)
    view = window or (0, last.makespan)
    whole = cut(last, view)  # refuses a bad window
    start = last.workload.time(whole.start)
    # A schedule that is over before the window begins keeps an empty row; of the others, the one
    # with the most slices decides where all rows end.
    shown = {label: s for label, s in named.items() if s.makespan > start}
    parts = {label: cut(schedule, view) for label, schedule in shown.items()}
    ends = [shown[label].workload.time(part.end) for label, part in parts.items() if part.note]
    end = min(ends, default=last.workload.time(whole.end))
    if ends:
        parts = {label: cut(schedule, (start, end)) for label, schedule in shown.items()}
    lanes = []
    for label, schedule in named.items():
        part = parts.get(label)
        runs = job_runs(schedule, part) if part else {}
        for cpu in range(schedule.cpus):
            only = None if schedule.cpus == 1 else cpu
            row = label if only is None else f"CPU {cpu}, {label}"
            bars = cpu_bars(schedule, part, runs, only) if part else []
            lanes.append(Lane(row, tuple(bars), sequence=True))
    first = next(iter(named.values())).workload
    grid = metrics_grid(named)
    left_out = (
        f" At most {MOST_SLICES} slices a row are drawn; pass window=(t0, t1) for another part."
    )
    sentence = (
        f"{count(len(named), 'schedule')} of the same {count(len(first), 'job')} on one axis, "
        f"{span_text(start, end, first.unit)}: {', '.join(named)}.{left_out if ends else ''}"
    )
    return Chart(Scene("", sentence, tuple(lanes), start, end, first.unit, None, grid))
