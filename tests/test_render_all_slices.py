"""The chart of every slice has every slice, and the default view of a long schedule stays small."""

from __future__ import annotations

import json
from base64 import b64decode
from fractions import Fraction
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab import FCFS, RR, SRTF, Schedule, Workload, random_workload, simulate
from vcloud_lab.errors import RenderError
from vcloud_lab.render import all_slices as module
from vcloud_lab.render import gantt
from vcloud_lab.render.all_slices import all_slices
from vcloud_lab.render.spec_parts import packed
from vcloud_lab.render.theme import colour_of

LONG = simulate(random_workload(1000, seed=1, mean_burst=100), RR(1))
FRACTIONS = Workload([("A<b>", "1/3", 1), ("B", "1/2", 2), ("C", 9, "1/4")])


def numbers(array: Any) -> list[float]:
    """The values of a plotly array."""
    if isinstance(array, list):
        return array
    return np.frombuffer(b64decode(array["bdata"]), np.dtype(array["dtype"])).tolist()  # type: ignore[no-any-return]


def bars(spec: dict[str, Any]) -> int:
    return sum(len(numbers(trace["x"])) for trace in spec["data"] if trace["type"] == "bar")


def drawn(schedule: Schedule) -> list[tuple[str, float, float]]:
    """Name, start and end of every bar, in time order."""
    found = []
    for trace in all_slices(schedule).spec["data"]:
        for row, base, x in zip(*(numbers(trace[key]) for key in ("y", "base", "x")), strict=True):
            name = schedule.workload.names[int(row)]
            assert trace["marker"]["color"] == colour_of(int(row))
            found.append((name, base, base + x))
    return sorted(found, key=lambda bar: bar[1])


@pytest.mark.parametrize(
    "schedule",
    [
        LONG,
        simulate(random_workload(30, seed=2, mean_burst=7), SRTF, switch_cost=1),
        simulate(Workload([("late", 2**40, 5), ("later", 2**41, 2**33)]), FCFS),
    ],
)
def test_every_slice_is_a_bar(schedule: Schedule) -> None:
    slices = [(job, float(start), float(end)) for job, start, end in schedule.slices()]
    assert drawn(schedule) == slices
    assert f"all {len(slices):,} slices" in all_slices(schedule).sentence


def test_fractions_are_the_nearest_floats() -> None:
    schedule = simulate(FRACTIONS, RR("1/2"))
    slices = [(job, float(start), float(end)) for job, start, end in schedule.slices()]
    for bar, piece in zip(drawn(schedule), slices, strict=True):
        assert bar == (piece[0], piece[1], pytest.approx(piece[2], abs=1e-12))


def test_plotly_takes_it_and_names_are_escaped() -> None:
    chart = all_slices(simulate(FRACTIONS, RR("1/2")))
    go.Figure(data=chart.spec["data"], layout=chart.spec["layout"])
    assert chart.spec["layout"]["yaxis"]["labelalias"] == {"0": "A&lt;b&gt;", "1": "B", "2": "C"}
    bundle = chart._repr_mimebundle_()
    assert bundle["text/plain"] == repr(chart) == chart.sentence
    assert json.loads(json.dumps(bundle["application/vnd.plotly.v1+json"])) == chart.spec


def test_one_slice_is_said_so() -> None:
    only = all_slices(simulate([("P1", 0, 3)], FCFS))
    assert only.sentence == "Under FCFS, the one slice of 1 job, time 0 to 3 ticks."


def test_too_many_slices_and_no_jobs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 2)
    with pytest.raises(RenderError, match=r"all 3 slices was asked for: .* at most 2; draw a part"):
        all_slices(simulate([("P1", 0, 3)], RR(1)))
    with pytest.raises(RenderError, match="has 0 jobs"):
        all_slices(simulate(Workload([]), FCFS))


def test_a_bar_costs_few_bytes() -> None:
    size = len(json.dumps(all_slices(LONG).spec))
    assert size <= 12 * len(LONG.trace.end)


@given(st.lists(st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, width=32))))
def test_packed_numbers_come_back(values: list[float]) -> None:
    for column in (values, [int(v) for v in values if abs(v) <= 2**53]):
        array = packed(column)
        assert numbers(array) == column
        assert len(array["bdata"]) <= 11 * len(column) + 4


@pytest.mark.parametrize(
    ("kind", "values"), [("u1", [0, 255]), ("i2", [-1, 255]), ("i4", [2**16]), ("f8", [2**31])]
)
def test_the_smallest_type_is_taken(kind: str, values: list[int]) -> None:
    assert packed(values)["dtype"] == packed(np.array(values, float))["dtype"] == kind


@pytest.mark.parametrize("jobs", [100, 1000, 10_000])
def test_the_default_view_of_a_long_schedule_is_small(jobs: int) -> None:
    schedule = simulate(random_workload(jobs, seed=1, mean_burst=10**5 // jobs), RR(1))
    spec = gantt(schedule).spec
    assert len(json.dumps(spec)) <= 60_000
    assert 1500 <= bars(spec) <= 2000


def test_switches_count_among_the_rectangles() -> None:
    costly = simulate(random_workload(1000, seed=1, mean_burst=100), RR(1), switch_cost="1/2")
    assert 1500 <= bars(gantt(costly).spec) <= 2000


def test_tooltips_of_many_bars_say_what_those_of_few_do() -> None:
    """One sentence for all bars, filled in by plotly with the fields that it is given."""
    many = {trace["name"]: trace for trace in gantt(LONG).spec["data"]}
    part = gantt(LONG, window=(400, 440)).spec
    few = {trace["name"]: trace for trace in part["data"]}
    rows = part["layout"]["yaxis"]["ticktext"]
    for name, place in (("running", "text"), ("waiting", "y")):
        template = many[name]["hovertemplate"]
        assert "hovertext" not in many[name]
        assert place == "text" or many[name]["y"]["dtype"] == "u1"
        at = 3
        start, length = (numbers(few[name][key])[at] for key in ("base", "x"))
        label = few[name]["text"][at] if place == "text" else rows[few[name]["y"][at]]
        said = template.replace(f"%{{{place}}}", label).replace("%{base}", str(start))
        said = said.replace("%{x}", str(start + length)).removesuffix("<extra></extra>")
        assert few[name]["hovertext"][at].startswith(said)


def test_times_of_the_default_view_are_exact() -> None:
    running = next(t for t in gantt(LONG).spec["data"] if t["name"] == "running")
    merged = [(p.start, p.end) for p in LONG.slices(merge=True)]
    starts = zip(numbers(running["base"]), numbers(running["x"]), strict=True)
    assert {(Fraction(a), Fraction(a + b)) for a, b in starts} == set(merged[: bars_shown()])


def bars_shown() -> int:
    lane = gantt(LONG).drawing.lanes[-1]  # type: ignore[union-attr]
    return sum(bar.kind == "run" for bar in lane.bars)
