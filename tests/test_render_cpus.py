"""Charts of several CPUs and of jobs that wait for devices."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples, jobs_in_ticks

from vcloud_lab.errors import RenderError, ScheduleError
from vcloud_lab.render import compare, gantt
from vcloud_lab.render.gantt import layout
from vcloud_lab.scheduling import FCFS, RR, SRTF, Job, Schedule, io_every, simulate

JOBS = [
    Job("A", 0, 6, io=[(2, 4)]),
    Job("B", 1, 5),
    Job("C", 2, 3, io=io_every(3, 1, 2)),
    Job("D", 2, 4),
]


def two() -> Schedule:
    return simulate(JOBS, RR(2), cpus=2, switch_cost="0.5", queues="per-core")


def test_a_row_for_each_cpu_and_io_between_the_runs() -> None:
    text = gantt(two()).text
    rows = {line.split("  ")[0]: line for line in text.splitlines()[3:9]}
    assert list(rows) == ["A", "B", "C", "D", "CPU 0", "CPU 1"]
    assert "~ I/O" in text
    # Six columns a tick. A runs 0-2, is at the device 2-6, waits 6-8 and runs 8-12.
    assert rows["A"].split()[1] == "█" * 12 + "~" * 24 + "·" * 12 + "█" * 24
    assert "CPU time idle: 3" in text


@examples(100)
@given(jobs=jobs_in_ticks(most=6), cpus=st.integers(1, 3), quantum=st.integers(1, 3))
def test_the_bars_of_the_cpus_are_the_slices_and_cover_the_time(
    jobs: list[tuple[int, int]], cpus: int, quantum: int
) -> None:
    if not jobs:
        return
    listed = [Job(f"P{i}", a, b, io=[(1, 2)] if b > 1 else ()) for i, (a, b) in enumerate(jobs)]
    schedule = simulate(listed, RR(quantum), cpus=cpus)
    scene = layout(schedule)
    lanes = [lane for lane in scene.lanes if lane.sequence]
    assert len(lanes) == cpus
    for number, lane in enumerate(lanes):
        mine = [(b.label, b.start, b.end) for b in lane.bars if b.kind == "run"]
        assert mine == [tuple(s) for s in schedule.slices(cpu=number, merge=True)]
        edges = [(b.start, b.end) for b in lane.bars]
        assert edges[0][0] == 0
        assert all(one[1] == two[0] for one, two in pairwise(edges))
        if cpus > 1:
            assert edges[-1][1] == schedule.makespan
    for job, lane in zip(listed, scene.lanes, strict=False):
        total = {kind: sum(b.end - b.start for b in lane.bars if b.kind == kind)
                 for kind in ("run", "wait", "io")}  # fmt: skip
        assert total["run"] == job.burst
        assert total["io"] == sum(length for _, length in job.io)
        assert total["wait"] == schedule.waiting[job.name]


def test_all_forms_show_the_new_bars() -> None:
    chart = gantt(two())
    assert 'class="d"' in chart.svg
    assert ">I/O<" in chart.svg
    assert "CPU 1 is idle" in chart.svg
    assert "waits for a device" in chart.svg
    spec = json.dumps(chart.spec)
    assert '"I/O"' in spec
    assert "CPU 1" in spec
    plain = gantt(simulate([(0, 3), (1, 2)], FCFS))
    assert "I/O" not in plain.svg + plain.text


def test_compare_on_several_cpus() -> None:
    chart = compare({"RR": two(), "SRTF": simulate(JOBS, SRTF, cpus=2)})
    names = [lane.label for lane in chart.drawing.lanes]  # type: ignore[union-attr]
    assert names == ["CPU 0, RR", "CPU 1, RR", "CPU 0, SRTF", "CPU 1, SRTF"]
    assert "switches" in chart.text


def test_refusals() -> None:
    alike = simulate([("A", 0, 3, 2), ("B", 1, 2)], FCFS, cpus=2)
    with pytest.raises(RenderError, match=r"2 processors that are not told apart"):
        compare([alike])
    many = [simulate([(0, 3)], RR(1), cpus=40) for _ in range(2)]
    with pytest.raises(RenderError, match=r"80 rows of CPUs were to be drawn: at most 60"):
        compare(many)
    assert "the first 16 CPUs are shown" in gantt(many[0]).sentence
    with pytest.raises(ScheduleError, match="leave cpu out"):
        list(alike.slices(cpu=1))
