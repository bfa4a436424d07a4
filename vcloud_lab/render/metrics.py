"""Several schedules of one workload, figure by figure, with the best of each marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vcloud_lab.errors import RenderError
from vcloud_lab.render.cut import check_size
from vcloud_lab.render.scene import Grid
from vcloud_lab.scheduling.numbers import Time, show
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["labelled", "metrics_grid"]

MORE_IS_BETTER = {"throughput", "utilisation", "fairness"}


def labelled(schedules: Iterable[Schedule] | Mapping[str, Schedule]) -> dict[str, Schedule]:
    """Schedules by label; a label that occurs twice is numbered.

    Raises ``RenderError`` for none at all, for what is no schedule, and for schedules of
    different workloads.
    """
    pairs: list[tuple[str, Schedule]]
    if isinstance(schedules, Mapping):
        pairs = [(str(label), schedule) for label, schedule in schedules.items()]
    else:
        pairs = [(getattr(schedule, "label", ""), schedule) for schedule in schedules]
    if not pairs:
        raise RenderError(
            "There are 0 schedules to compare: at least one is needed; pass [s1, s2]."
        )
    found: dict[str, Schedule] = {}
    for label, schedule in pairs:
        if not isinstance(schedule, Schedule):
            raise RenderError(
                f"One of the schedules is {schedule!r}: a comparison needs schedules; pass the "
                "results of simulate(...)."
            )
        check_size(schedule)
        name, twin = label, 1
        while name in found:
            twin += 1
            name = f"{label} ({twin})"
        found[name] = schedule
    first = next(iter(found.values())).workload
    for label, schedule in found.items():
        if schedule.workload is not first and schedule.workload != first:
            raise RenderError(
                f"The schedule {label!r} is of another workload than the first: a comparison "
                "needs the same jobs; simulate one workload under all policies."
            )
    return found


def metrics_grid(schedules: Iterable[Schedule] | Mapping[str, Schedule]) -> Grid:
    """A row a schedule, a column a figure of ``Schedule.summary``."""
    named = labelled(schedules)
    figures = [schedule.summary() for schedule in named.values()]
    columns = [name for name in figures[0] if all(name in row for row in figures)]
    best: set[tuple[int, int]] = set()
    for column, name in enumerate(columns, start=1):
        values: list[Time] = [row[name] for row in figures]
        top = max(values) if name in MORE_IS_BETTER else min(values)
        if min(values) < max(values):
            best |= {(row, column) for row, value in enumerate(values) if value == top}
    rows = tuple(
        (label, *(show(row[name]) for name in columns))
        for label, row in zip(named, figures, strict=True)
    )
    return Grid(
        "",
        ("policy", *(name.removeprefix("mean ") for name in columns)),
        rows,
        (False, *(True for _ in columns)),
        best=tuple(sorted(best)),
        note=(
            "Waiting, turnaround, response and slowdown are means."
            + (" * the best" if best else "")
        ),
    )
