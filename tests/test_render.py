"""Charts: the three forms agree, say what they show, and stay small."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab import FCFS, RR, SJF, SRTF, Schedule, Workload, nasa_trace, simulate
from vcloud_lab.render import Chart, compare, gantt, lines, profile, table
from vcloud_lab.render.axis import number, ticks

MIXED = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
GAP = Workload([("P1", 1, 3), ("P2", 2, 2), ("P3", 9, 4)])
NASTY = "<b>&\"'</svg>"
POLICIES = (FCFS, SJF, SRTF, RR(2))


def sweep() -> Chart:
    q = [1, 2, 4]
    return lines(q, {"one": [1, Fraction(1, 3), 2.5], "two": [4, 5, 6]}, xlabel="quantum")


def everything() -> dict[str, Callable[[], Chart]]:
    wide = Workload([("a", 0, 5, 2), ("b", 1, 3, 3)])
    return {
        "gantt": lambda: gantt(simulate(MIXED, SRTF)),
        "gap": lambda: gantt(simulate(GAP, FCFS, switch_cost="1/2"), at=4),
        "nasty": lambda: gantt(simulate(Workload([(NASTY, 0, 3), ("<i>", 1, 2)]), RR(1))),
        "processors": lambda: gantt(simulate(wide, FCFS, cpus=4)),
        "compare": lambda: compare([simulate(MIXED, policy) for policy in POLICIES]),
        "lines": sweep,
        "profile": lambda: profile(simulate(nasa_trace(), FCFS, cpus=128)),
        "small profile": lambda: profile(simulate(wide, FCFS, cpus=4)),
    }


@pytest.fixture(params=everything())
def chart(request: pytest.FixtureRequest) -> Chart:
    return everything()[request.param]()


def texts(root: ET.Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")]


def test_a_bundle_has_the_three_forms(chart: Chart) -> None:
    bundle = chart._repr_mimebundle_()
    assert list(bundle) == ["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"]
    assert bundle["text/plain"] == str(chart) == repr(chart)
    assert chart.sentence in chart.text.replace("\n", " ")


def test_plotly_accepts_the_spec(chart: Chart) -> None:
    spec = json.loads(json.dumps(chart.spec, allow_nan=False))
    figure = go.Figure(data=spec["data"], layout=spec["layout"])
    assert len(figure.data) == len(spec["data"])
    assert "sendChartToCloud" in spec["config"]["modeBarButtonsToRemove"]
    assert spec["config"]["displaylogo"] is False
    assert "template" not in spec["layout"]


def test_plotly_would_refuse_a_wrong_spec() -> None:
    spec = gantt(simulate(MIXED, SRTF)).spec
    with pytest.raises(ValueError, match="nonsense"):
        go.Figure(data=spec["data"], layout=spec["layout"] | {"nonsense": 1})


def test_svg_is_named_and_described(chart: Chart) -> None:
    root = ET.fromstring(chart.svg)
    assert root.get("role") == "img"
    assert chart.sentence in (root.get("aria-label") or "")
    assert texts(root, "title")[0]
    assert texts(root, "desc") == [chart.sentence]
    assert "http" not in chart.svg.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<script|\son\w+=", chart.svg)


def test_two_runs_give_the_same_bytes() -> None:
    for make in everything().values():
        one, other = make()._repr_mimebundle_(), make()._repr_mimebundle_()
        assert json.dumps(one) == json.dumps(other)


def test_outputs_are_small() -> None:
    four = gantt(simulate(MIXED, SRTF))
    assert len(json.dumps(four.spec)) <= 4096
    assert len(four.svg) <= 6144
    busy = profile(simulate(nasa_trace(), FCFS, cpus=128))
    assert len(json.dumps(busy._repr_mimebundle_())) < 25_000


def test_gantt_text_is_what_happened() -> None:
    assert gantt(simulate(MIXED, SRTF)).text.splitlines()[1:] == [
        "time 0         5         10        15        20        25",
        "     ┬─────────┬─────────┬─────────┬─────────┬─────────┬──",
        "P1   ██··················██████████████",
        "P2     ████████",
        "P3       ······························██████████████████",
        "P4         ····██████████",
        "CPU  P1│P2     │P4       │P1           │P3               │",
        "█ running   · waiting",
        "P1 0-1 | P2 1-5 | P4 5-10 | P1 10-17 | P3 17-26",
    ]


def test_idle_time_and_switches_have_marks_of_their_own() -> None:
    shown = gantt(simulate(GAP, FCFS, switch_cost=1))
    assert "idle 0-1 | P1 1-4 | switch 4-5 | P2 5-7 | idle 7-9 | switch 9-10" in shown.text
    assert "░ idle" in shown.text
    assert "▓ switching" in shown.text
    names = {trace["name"] for trace in shown.spec["data"]}
    assert {"CPU idle", "switching", "waiting", "arrival", "completion"} <= names
    root = ET.fromstring(shown.svg)
    assert {"CPU idle", "switching", "waiting"} <= set(texts(root, "text"))
    idle = [element for element in root.iter() if element.get("class") == "i"]
    assert idle
    assert all((element.get("fill") or "").startswith("url(#i") for element in idle)
    assert "idle" not in gantt(simulate(MIXED, FCFS)).text.replace("never idle", "")


def test_bars_tell_the_reason_of_the_dispatch() -> None:
    schedule = simulate(MIXED, SRTF)
    shown = gantt(schedule)
    tips = texts(ET.fromstring(shown.svg), "title")
    runs = next(trace for trace in shown.spec["data"] if trace["name"] == "running")
    hover = " ".join(runs["hovertext"]).replace("<br>", " ")
    for decision in schedule.ledger():
        assert any(decision.reason in tip for tip in tips)
        assert decision.reason in hover


def test_a_job_that_waits_has_a_thin_bar() -> None:
    spec = gantt(simulate(MIXED, FCFS)).spec
    waiting = next(trace for trace in spec["data"] if trace["name"] == "waiting")
    bars = zip(waiting["y"], waiting["base"], waiting["x"], strict=True)
    assert list(bars) == [(1, 1, 7), (2, 2, 10), (3, 3, 18)]
    assert waiting["width"] < 0.3


@pytest.mark.parametrize("schedule", [simulate(MIXED, RR(2)), simulate(GAP, SRTF, switch_cost=1)])
def test_svg_and_plotly_draw_the_same_bars(schedule: Schedule) -> None:
    shown = gantt(schedule)
    bars = [trace for trace in shown.spec["data"] if trace["type"] == "bar"]
    root = ET.fromstring(shown.svg)
    kinds = [element.get("class") for element in root.iter() if element.find("*") is not None]
    drawn = [kind for kind in kinds if kind in ("r", "w", "i", "s")]
    assert len(drawn) == sum(len(trace["x"]) for trace in bars)


def test_the_cursor_dims_the_future() -> None:
    schedule = simulate(MIXED, FCFS)

    def dimmed(at: int | None) -> int:
        root = ET.fromstring(gantt(schedule, at=at).svg)
        return sum("f" in (e.get("class") or "").split() for e in root.iter())

    assert dimmed(None) == dimmed(26) == 0
    assert 0 < dimmed(20) < dimmed(9)
    assert "▲ 9" in gantt(schedule, at=9).text
    assert gantt(schedule, at=9).spec["layout"]["shapes"][0]["x0"] == 9


def test_names_are_escaped_everywhere() -> None:
    schedule = simulate(Workload([(NASTY, 0, 3), ("b", 1, 9)]), FCFS)
    shown = gantt(schedule)
    ET.fromstring(shown.svg)
    assert NASTY in shown.text
    assert NASTY not in shown.svg
    assert NASTY not in json.dumps(shown.spec, ensure_ascii=False).replace('\\"', '"')
    assert NASTY not in table(schedule).html
    assert NASTY not in table([{NASTY: NASTY}], caption=NASTY).html
    assert NASTY not in compare({NASTY: schedule}).svg
    assert NASTY not in lines([1], {NASTY: [1]}, xlabel=NASTY, ylabel=NASTY, title=NASTY).svg


def test_comparison_marks_the_best_without_colour() -> None:
    shown = compare([simulate(MIXED, policy) for policy in POLICIES])
    assert re.search(r"^waiting +8\.75 +7\.75 +6\.5\* +12\.75$", shown.text, re.MULTILINE)
    assert re.search(r"^response +8\.75 +7\.75 +4\.25 +2\*$", shown.text, re.MULTILINE)
    assert re.search(r"^throughput +0\.154 +0\.154 +0\.154 +0\.154$", shown.text, re.MULTILINE)
    cells = next(trace for trace in shown.spec["data"] if trace["type"] == "table")
    assert "<b>6.5*</b>" in json.dumps(cells["cells"]["values"])
    bold = [e.text for e in ET.fromstring(shown.svg).iter() if e.get("class") == "e b"]
    assert "6.5*" in bold
    html = table([simulate(MIXED, policy) for policy in POLICIES]).html
    assert "<strong>6.5*</strong>" in html


def test_comparison_tells_equal_labels_apart() -> None:
    shown = compare([simulate(MIXED, FCFS), simulate(MIXED, FCFS)])
    assert "FCFS (2)" in shown.text
    assert "*" not in shown.text


def test_comparison_of_different_ends_shares_one_axis() -> None:
    free, costly = simulate(MIXED, RR(2)), simulate(MIXED, RR(2), switch_cost=1)
    assert "time 0 to 38 ticks" in compare([free, costly]).sentence
    assert "time 30 to 38" in compare([free, costly], window=(30, 38)).sentence


def test_table_of_jobs_is_aligned_and_accessible() -> None:
    shown = table(simulate(MIXED, RR(2)))
    assert shown.text.splitlines() == [
        "RR q=2, job by job",
        "job   arrival  burst  completion  turnaround  waiting  response",
        "────  ───────  ─────  ──────────  ──────────  ───────  ────────",
        "P1          0      8          22          22       14         0",
        "P2          1      4          12          11        7         1",
        "P3          2      9          26          24       15         2",
        "P4          3      5          23          20       15         5",
        "────  ───────  ─────  ──────────  ──────────  ───────  ────────",
        "mean                                   19.25    12.75         2",
    ]
    assert '<th scope="col"' in shown.html
    assert '<th scope="row"' in shown.html
    assert "<caption" in shown.html
    assert list(shown._repr_mimebundle_()) == ["text/html", "text/plain"]


def test_table_of_rows_shows_numbers_exactly() -> None:
    rows: list[dict[str, Any]] = [
        {"a": Fraction(17, 3), "b": "x", "c": True},
        {"a": 0.1, "b": "进程", "d": None},
    ]
    assert table(rows).text.splitlines()[2:] == ["5.667  x     yes  –", "  0.1  进程  –    –"]


def test_lines_table_is_the_text() -> None:
    assert sweep().text.splitlines() == [
        "y against quantum, 1 to 4: one is lowest at 2 (0.333); two is lowest at 1 (4).",
        "quantum    one  two",
        "───────  ─────  ───",
        "      1      1    4",
        "      2  0.333    5",
        "      4    2.5    6",
    ]


def test_curves_differ_in_more_than_colour() -> None:
    curves = {str(k): [k, k + 1] for k in range(8)}
    spec = lines([1, 2], curves).spec
    assert len({trace["line"]["dash"] for trace in spec["data"]}) == 8
    assert len({trace["marker"]["symbol"] for trace in spec["data"]}) == 8


def test_profile_keeps_the_area() -> None:
    schedule = simulate(nasa_trace(), FCFS, cpus=128)
    plot = profile(schedule).drawing
    steps = zip(plot.x, plot.x[1:], plot.curves[0].y, strict=False)  # type: ignore[union-attr]
    area = sum((b - a) * y for a, b, y in steps)
    assert area / (128 * plot.x[-1]) == pytest.approx(  # type: ignore[union-attr]
        float(schedule.utilisation), abs=1e-4
    )
    assert "46.6 % of 128 processors" in profile(schedule).sentence


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from([1, 2, 5, 7]))
def test_ticks_are_round_and_few(start: int, span: int, denominator: int) -> None:
    low, high = Fraction(start, denominator), Fraction(start + span, denominator)
    found = ticks(low, high)
    assert len(found) <= 11
    assert all(low <= tick <= high for tick in found)
    steps = {b - a for a, b in pairwise(found)}
    assert len(steps) <= 1
    for step in steps:
        assert str(float(step)).strip("0.").replace(".", "")[:1] in "125e"
    if high - low >= 3:
        assert all(tick.denominator == 1 for tick in found)


def test_numbers_are_written_for_people() -> None:
    assert [number(n) for n in (7, 9999, 10_000, -12_345, Fraction(1, 3))] == [
        "7", "9999", "10,000", "-12,345", "0.333"]  # fmt: skip


def test_a_schedule_alone_shows_its_gantt_chart() -> None:
    schedule = simulate(MIXED, SRTF)
    assert schedule._repr_mimebundle_() == gantt(schedule)._repr_mimebundle_()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=8),
    st.sampled_from(POLICIES),
    st.sampled_from([0, 1, "1/2"]),
)
def test_every_small_schedule_draws_completely(
    jobs: list[tuple[int, int]], policy: Any, cost: Any
) -> None:
    schedule = simulate(Workload(jobs), policy, switch_cost=cost)
    drawn = gantt(schedule).drawing
    sequence = drawn.lanes[-1].bars  # type: ignore[union-attr]
    runs = [(b.label, b.start, b.end) for b in sequence if b.kind == "run"]
    assert runs == [tuple(piece) for piece in schedule.slices(merge=True)]
    edges = [0, *(edge for b in sequence for edge in (b.start, b.end)), schedule.makespan]
    assert edges[::2] == edges[1::2]  # no gap and no overlap
    for lane, name in zip(drawn.lanes, schedule.workload.names, strict=False):  # type: ignore[union-attr]
        waited = sum(b.end - b.start for b in lane.bars if b.kind == "wait")
        assert waited == schedule.waiting[name]
    ET.fromstring(gantt(schedule).svg)
    assert all(len(line) <= 80 for line in gantt(schedule).text.splitlines()[1:-1])
