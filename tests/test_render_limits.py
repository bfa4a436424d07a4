"""What cannot be drawn is refused in one sentence, and what is too much is cut and says so."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vcloud_lab import FCFS, RR, SJF, Workload, nasa_trace, random_workload, simulate
from vcloud_lab.errors import RenderError
from vcloud_lab.render import compare, gantt, lines, profile, table
from vcloud_lab.render.cut import MOST_ROWS, MOST_SLICES
from vcloud_lab.scheduling.schedule import Schedule

FEW = Workload([("P1", 0, 8), ("P2", 1, 4)])
ONE = simulate(FEW, FCFS)
NONE = simulate(Workload([]), FCFS)
NAN = float("nan")
GAP = [(0, 2), (10, 2)]
WIDE = [("P1", 0, 3, 2), ("P2", 8, 1, 1)]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: gantt(NONE), "has 0 jobs"),
        (lambda: table(NONE), "has 0 jobs"),
        (lambda: compare([NONE]), "has 0 jobs"),
        (lambda: profile(NONE), "has 0 jobs"),
        (lambda: gantt(ONE, window=(5, 5)), r"The window is \(5, 5\)"),
        (lambda: gantt(ONE, window=(-1, 5)), r"The window is \(-1, 5\)"),
        (lambda: gantt(ONE, window=(9, 3)), r"The window is \(9, 3\)"),
        (lambda: gantt(ONE, window=5), "The window is 5"),  # type: ignore[arg-type]
        (lambda: gantt(ONE, window=("a", 3)), "window's edge is 'a'"),  # type: ignore[arg-type]
        (lambda: gantt(ONE, window=(12, 20)), "begins at 12: the schedule ends at 12"),
        (lambda: gantt(ONE, jobs=["P9"]), "no job 'P9': this schedule has P1, P2"),
        (lambda: gantt(ONE, jobs=[]), "list of jobs is empty"),
        (lambda: gantt(ONE, at=13), "cursor stands at 13"),
        (lambda: compare([]), "0 schedules"),
        (lambda: compare([1]), "One of the schedules is 1"),  # type: ignore[list-item]
        (lambda: compare([ONE, simulate([(0, 5)], FCFS)]), "another workload"),
        (lambda: compare([simulate(WIDE, FCFS, cpus=2)]), "2 processors"),
        (lambda: compare([ONE] * 21), "21 schedules"),
        (lambda: table([]), "0 rows"),
        (lambda: table([5]), "row of the table is 5"),
        (lambda: table(5), "row of the table is 5"),  # type: ignore[arg-type]
        (lambda: gantt(simulate(WIDE, FCFS, cpus=2), window=(4, 6)), "No job is there from 4 to 6"),
        (lambda: table([{}]), "empty row"),
        (lambda: table([{"a": NAN}]), "'a' is nan"),
        (lambda: lines([1, 2], {"y": [1, NAN]}), "'y' is nan"),
        (lambda: lines([1, 2], {"y": [1]}), "1 values and x has 2"),
        (lambda: lines([2, 1], {"y": [1, 2]}), "x value 1 is not above"),
        (lambda: lines([1], {}), "0 curves"),
        (lambda: lines([], {"y": []}), "0 points"),
        (lambda: lines(range(2001), {"y": range(2001)}), "2,001 points"),
        (lambda: lines([1], {"y": ["x"]}), "is 'x': a number is needed"),
    ],
)
def test_refusals_are_one_sentence(ask: Callable[[], Any], words: str) -> None:
    with pytest.raises(RenderError, match=words) as caught:
        ask()
    sentence = str(caught.value)
    assert ":" in sentence
    assert ";" in sentence  # value: rule; fix
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.fixture(scope="module")
def ten_million() -> Schedule:
    return simulate(Workload.from_columns(np.arange(10**7), np.ones(10**7, np.int64)), FCFS)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [gantt, profile, table, lambda s: compare([s])])
def test_ten_million_jobs_are_refused_before_any_work(
    draw: Callable[[Schedule], Any], ten_million: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        pytest.fail("slices, moments or names of ten million jobs were asked for")

    for name in ("slices", "moments", "ledger", "profile", "ticks"):
        monkeypatch.setattr(Schedule, name, never)
    monkeypatch.setattr(Workload, "names", property(never))
    with pytest.raises(RenderError, match="10,000,000 jobs was asked for: at most 1,000,000"):
        draw(ten_million)


def test_many_slices_are_cut_to_the_first_and_it_says_so() -> None:
    schedule = simulate(Workload([(f"P{i}", 0, 900) for i in range(4)]), RR(1))
    shown = gantt(schedule)
    assert f"It shows {MOST_SLICES} of 3,600 slices, time 0 to {MOST_SLICES}" in shown.sentence
    assert "window=(t0, t1)" in shown.sentence
    rects = [e for e in ET.fromstring(shown.svg).iter() if e.tag.endswith("rect")]
    assert len(rects) <= 2000
    later = gantt(schedule, window=(3000, 3010))
    assert "time 3000 to 3010 ticks" in later.sentence
    assert "It shows" not in later.sentence


def test_many_jobs_are_cut_to_rows_that_are_legible() -> None:
    shown = gantt(simulate(nasa_trace(), FCFS, cpus=128))
    assert len(shown.drawing.lanes) == MOST_ROWS  # type: ignore[union-attr]
    assert "It shows 60 of 18,066 slices, time 0 to" in shown.sentence
    together = gantt(simulate(Workload([(0, 1)] * 100), FCFS))
    assert "Of 100 jobs in this time it shows the first 60" in together.sentence
    assert [lane.label for lane in together.drawing.lanes][-2:] == ["P60", "CPU"]  # type: ignore[union-attr]


def test_a_window_of_idle_time_shows_the_idle_cpu() -> None:
    chart = gantt(simulate(GAP, FCFS), window=(4, 6))
    assert "idle 4-6" in chart.text
    ET.fromstring(chart.svg)


def test_late_times_do_not_fall_onto_one_pixel() -> None:
    late = 10**17
    jobs = [(late, 1), (late + 1, 2)]
    svg = gantt(simulate(jobs, FCFS), window=(late, late + 3)).svg
    early = gantt(simulate([(0, 1), (1, 2)], FCFS)).svg
    rects = ET.fromstring(early).iter("{http://www.w3.org/2000/svg}rect")
    widths = {rect.get("width") for rect in rects if rect.get("class") == "r"}
    assert len(widths) == 2
    assert all(f'width="{width}"' in svg for width in widths)


def test_widths_are_no_times() -> None:
    fine = Workload([("a", "0.000000000001", 1, 10**8)])
    assert table(simulate(fine, FCFS, cpus=10**8)).grid.rows[0][3] == str(10**8)


def test_short_names_leave_room_for_the_word_time() -> None:
    assert gantt(simulate([(0, 2)], FCFS, cpus=2)).text.splitlines()[1].startswith("time ")


def test_a_window_and_jobs_choose_a_part() -> None:
    schedule = simulate(random_workload(400, 5), SJF)
    middle = schedule.completion["P200"]
    part = gantt(schedule, window=(middle - 5, middle + 5), jobs=["P200"])
    labels = [lane.label for lane in part.drawing.lanes]  # type: ignore[union-attr]
    assert labels == ["P200", "CPU"]
    assert part.drawing.lanes[0].completion == middle  # type: ignore[union-attr]
    bars = part.drawing.lanes[-1].bars  # type: ignore[union-attr]
    assert all(middle - 5 <= bar.start < bar.end <= middle + 5 for bar in bars)


def test_comparison_cuts_all_rows_at_the_same_time() -> None:
    workload = Workload([(f"P{i}", 0, 900) for i in range(4)])
    shown = compare([simulate(workload, FCFS), simulate(workload, RR(1))])
    assert shown.drawing.end == MOST_SLICES  # type: ignore[union-attr]
    assert f"At most {MOST_SLICES} slices a row" in shown.sentence


def test_tables_stop_after_some_rows_and_say_so() -> None:
    assert "The first 60 of 100 jobs" in table(simulate([(0, 1)] * 100, FCFS)).text
    assert "The first 200 of 300 rows" in table([{"n": n} for n in range(300)]).text


def test_text_too_wide_is_scaled_and_says_so() -> None:
    text = gantt(simulate(random_workload(40, 2), FCFS)).text
    assert "1 column = 7 ticks" in text
    assert all(len(line) <= 80 for line in text.splitlines()[1:])
