"""Gantt charts: of every slice, beside plotly express, and the default view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
from measures import Line, Section, Sizes, ratio_line, timed

from vcloud_lab.render import gantt
from vcloud_lab.render.all_slices import all_slices
from vcloud_lab.scheduling import RR, Schedule, random_workload, simulate


def a_long_schedule(slices: int) -> Schedule:
    """About so many slices: a hundredth as many jobs of 100 quanta on average."""
    return simulate(random_workload(slices // 100, seed=1, mean_burst=100), RR(1))


def of_express(schedule: Schedule) -> str:
    """The JSON of plotly express's timeline of every slice."""
    import pandas
    from plotly import express

    trace = schedule.trace
    frame = pandas.DataFrame(
        {
            "job": np.array(schedule.workload.names)[trace.job],
            "start": pandas.to_datetime(trace.start, unit="s"),
            "end": pandas.to_datetime(trace.end, unit="s"),
        }
    )
    return express.timeline(frame, x_start="start", x_end="end", y="job").to_json()


def of_ours(schedule: Schedule) -> str:
    """The JSON of our chart of every slice."""
    return json.dumps(all_slices(schedule).spec)


def check_bars(schedule: Schedule, ours: str, theirs: str) -> None:
    """Both figures must have every slice."""
    for text in (ours, theirs):
        bars = sum(_count(trace["x"]) for trace in json.loads(text)["data"])
        if bars != len(schedule.trace.end):
            raise SystemExit(f"A chart has {bars} of {len(schedule.trace.end)} slices.")


def every_slice(schedule: Schedule, sizes: Sizes) -> Iterator[Line]:
    """The chart of all slices against ``px.timeline``."""
    bars = len(schedule.trace.end)
    if find_spec("pandas") is None:
        yield Line("against px.timeline", "not measured: pandas is not installed")
        return
    fast, slow = [], []
    of_express(schedule)  # its first call imports what later ones need
    for _ in range(sizes.rounds):
        time, theirs = timed(lambda: of_express(schedule))
        slow.append(time)
        for _ in range(sizes.calls):
            time, ours = timed(lambda: of_ours(schedule))
            fast.append(time)
        check_bars(schedule, ours, theirs)
    ratio = min(slow) / min(fast)
    yield ratio_line(
        f"Gantt chart of {bars:,} slices, build and JSON: px.timeline's time over ours",
        ratio,
        f"{ratio:.0f} times ({1000 * min(slow):.0f} against {1000 * min(fast):.1f} ms; "
        f"{len(theirs) / 1e6:.1f} against {len(ours) / 1e6:.1f} MB)",
        least=15,
    )


def default_view(schedule: Schedule) -> Iterator[Line]:
    """What a notebook shows of so long a schedule unless a part is chosen."""
    chart = gantt(schedule)
    bars = sum(len(trace["hovertext"]) if "hovertext" in trace else _count(trace["x"])
               for trace in chart.spec["data"] if trace["type"] == "bar")  # fmt: skip
    size = len(json.dumps(chart.spec))
    what = f"default Gantt chart of {len(schedule.trace.end):,} slices:"
    yield Line(f"{what} rectangles", f"{bars:,}", "at most 2,000", bars <= 2000)
    yield Line(f"{what} JSON", f"{size / 1000:.1f} KB", "at most 60 KB", size <= 60_000)


def _count(array: dict[str, str]) -> int:
    return len(np.frombuffer(_bytes(array), np.dtype(array["dtype"])))


def _bytes(array: dict[str, str]) -> bytes:
    from base64 import b64decode

    return b64decode(array["bdata"])


def charts(sizes: Sizes) -> Iterator[Line]:
    """All lines."""
    schedule = a_long_schedule(sizes.slices)
    yield from every_slice(schedule, sizes)
    yield from default_view(schedule)


SECTIONS = (
    Section(
        "Charts",
        "plotly express draws the slices' columns as `px.timeline(frame, x_start, x_end, y)`, we "
        "as `all_slices(schedule)`; both times include the table or figure and its JSON, and both "
        "begin with the columns of the trace. Rectangles are the bars of the plotly figure.",
        charts,
    ),
)
