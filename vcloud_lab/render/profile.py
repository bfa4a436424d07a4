"""How many processors are busy over time."""

from __future__ import annotations

import numpy as np

from vcloud_lab.render.axis import axis_label, count, number, span_text, units
from vcloud_lab.render.chart import Chart
from vcloud_lab.render.cut import check_size
from vcloud_lab.render.scene import Curve, Grid, Plot
from vcloud_lab.scheduling.numbers import Time, show
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["profile"]

MOST_STEPS = 300


def profile(schedule: Schedule) -> Chart:
    """Busy processors over time as a step curve, with the mean over the whole time.

    With more than 300 changes, time is cut into 300 equal parts (to the tick), and each step is
    the exact mean of its part. Raises ``RenderError`` for a schedule without jobs or with more
    than a million.
    """
    check_size(schedule)
    workload = schedule.workload
    times, busy = schedule.profile()
    end = int(times[-1])
    capacity, mean = schedule.cpus, 100 * schedule.utilisation
    unit = units(workload.unit)
    note = ""
    if len(times) > MOST_STEPS:
        edges = [end * part // MOST_STEPS for part in range(MOST_STEPS + 1)]
        heights = _means(times, busy, edges)
        width = number(workload.time(edges[1]))
        note = f" Each of the {MOST_STEPS} steps is a mean over about {width} {unit}."
    else:
        edges, heights = times.tolist(), busy.astype(float).tolist()
    at_most = int(busy.max())
    span = span_text(0, schedule.makespan, workload.unit)
    sentence = (
        f"Busy processors under {schedule.label}, {span}: "
        f"{show(mean, 1)} % of {count(capacity, 'processor')} on average, {at_most} at the most."
        f"{note}"
    )
    x: list[Time] = [workload.time(edge) for edge in edges]
    rows = ((show(mean, 1), str(at_most), str(capacity)),)
    grid = Grid("", ("mean %", "most busy", "processors"), rows, (True, True, True))
    levels: tuple[tuple[str, float], ...] = (
        (f"mean {show(mean, 1)} %", float(mean * capacity / 100)),
    )
    if capacity > 1:
        levels += ((f"all {capacity}", float(capacity)),)
    return Chart(
        Plot(
            schedule.label,
            sentence,
            tuple(map(float, x)),
            (Curve("busy", tuple(heights), step=True),),
            axis_label(workload.unit),
            "busy processors",
            grid,
            levels,
        )
    )


def _means(times: np.ndarray, busy: np.ndarray, edges: list[int]) -> list[float]:
    """The mean of a step function between each two edges, rounded to hundredths.

    The integrals are exact integers, so that the result is the same on every machine.
    """
    area = [0]
    stretches = np.diff(times).tolist()
    for level, stretch in zip(busy.tolist(), stretches, strict=False):
        area.append(area[-1] + level * stretch)
    places = np.searchsorted(times, edges, side="right") - 1
    at = [
        area[place] + int(busy[place]) * (edge - int(times[place]))
        for place, edge in zip(places.tolist(), edges, strict=True)
    ]
    means = [
        round(100 * (at[k + 1] - at[k]) / (edges[k + 1] - edges[k])) / 100
        for k in range(len(edges) - 1)
    ]
    return [*means, means[-1]]
