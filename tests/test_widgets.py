"""The explorer without a browser: what it does, says, refuses, and leaves behind."""

from __future__ import annotations

import gc
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets import widget as base

from vcloud_lab import FCFS, RR, SJF, SRTF, Workload, simulate
from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.widgets import ScheduleExplorer, panels
from vcloud_lab.widgets.session import MOST_MOMENTS, RANDOM, Session, Settings

MIXED = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
TIE = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 4, 2)])


@pytest.fixture
def explorer() -> Iterator[ScheduleExplorer]:
    made = ScheduleExplorer({"mixed": MIXED, "tie": TIE})
    yield made
    for child in everything(made.box):
        child.close()


def everything(box: Any) -> Iterator[Any]:
    """A widget and all inside it."""
    yield box
    for child in getattr(box, "children", ()):
        yield from everything(child)


def test_the_state_is_plain_and_complete(explorer: ScheduleExplorer) -> None:
    state = explorer.state
    assert {
        "workload", "policies", "focus", "quantum", "switch_cost", "enqueue", "switch_charge",
        "seed", "moment", "moments", "time", "kind", "running", "ready", "arrived", "finished",
        "preempted", "reason", "mean waiting", "error",
    } == set(state)  # fmt: skip
    assert type(state) is dict
    assert state["workload"] == "mixed"
    assert state["focus"] == "RR"
    assert state["running"] == "P1"
    assert state["error"] == ""


def test_stepping_follows_the_moments_of_the_schedule(explorer: ScheduleExplorer) -> None:
    moments = list(simulate(MIXED, RR(2)).moments())
    assert explorer.state["moments"] == len(moments)
    for place, moment in enumerate(moments):
        state = explorer.set(moment=place)
        assert (state["time"], state["running"], state["reason"]) == (
            moment.time, moment.chosen, moment.reason)  # fmt: skip
        assert state["ready"] == [tuple(ready) for ready in moment.ready]
        assert panels.escape(moment.reason) in explorer.now.value
        assert explorer.chart.value.count("<svg") == 1
        assert explorer.moment.slider.value == explorer.moment.number.value == place


def test_buttons_go_both_ways_and_stop_at_the_ends(explorer: ScheduleExplorer) -> None:
    start, back, on, end = explorer.buttons
    seen = []
    for button in (back, on, on, on, back, end, on, back, start):
        button.click()
        seen.append(explorer.state["moment"])
    assert seen == [0, 1, 2, 3, 2, 16, 16, 15, 0]
    assert explorer.state["error"] == ""


def test_sliders_and_boxes_say_the_same(explorer: ScheduleExplorer) -> None:
    explorer.quantum.slider.value = 5
    assert explorer.quantum.number.value == 5
    assert explorer.state["quantum"] == 5
    explorer.quantum.number.value = 0.5
    assert explorer.quantum.slider.value == 1  # as near as it gets
    assert explorer.state["quantum"] == 0.5
    assert "RR q=0.5" in explorer.metrics.value
    explorer.switch.number.value = 2
    assert explorer.switch.slider.value == 2
    explorer.moment.slider.value = 3
    assert explorer.moment.number.value == 3


def test_a_change_of_jobs_or_rules_starts_at_the_first_moment(explorer: ScheduleExplorer) -> None:
    for change in ({"quantum": 3}, {"workload": "tie"}, {"focus": "SJF"}, {"switch_cost": 1}):
        explorer.set(moment=4)
        assert explorer.set(**change)["moment"] == 0


def test_conventions_change_the_figures(explorer: ScheduleExplorer) -> None:
    arriving = explorer.set(workload="tie")["mean waiting"]["RR"]
    assert arriving == Fraction(8, 3)
    explorer.enqueue.value = "preempted-first"
    assert explorer.state["mean waiting"]["RR"] == 2
    explorer.set(switch_cost=1)
    between = explorer.state["mean waiting"]["RR"]
    explorer.charge.value = "dispatch"
    assert explorer.state["mean waiting"]["RR"] > between


def test_policies_are_ticked_and_the_focus_follows(explorer: ScheduleExplorer) -> None:
    explorer.ticks["RR"].value = False
    assert explorer.state["policies"] == ("FCFS", "SJF", "SRTF")
    assert explorer.state["focus"] == "SRTF"
    assert "RR" not in explorer.metrics.value
    explorer.focus.value = "FCFS"
    assert "never takes it away" in explorer.set(moment=1)["reason"]


def test_random_workloads_come_from_the_seed(explorer: ScheduleExplorer) -> None:
    assert explorer.seed.box.layout.visibility == "hidden"
    first = explorer.set(workload=RANDOM, seed=3)["mean waiting"]
    assert explorer.seed.box.layout.visibility == "visible"
    assert explorer.set(seed=4)["mean waiting"] != first
    assert explorer.set(seed=3)["mean waiting"] == first


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"quantum": 0}, "The quantum of RR is 0"),
    ({"quantum": -2}, "The quantum of RR is -2"),
    ({"quantum": "x"}, "'x'"),
    ({"quantum": float("nan")}, "nan"),
    ({"switch_cost": -1}, "The switch cost is -1"),
    ({"policies": ()}, "0 policies"),
    ({"policies": ("XYZ",)}, "'XYZ'"),
    ({"workload": "other"}, "'other'"),
    ({"workload": RANDOM, "seed": 1.5}, "1.5"),
    ({"focus": "XYZ"}, "'XYZ'"),
    ({"enqueue": "me-first"}, "'me-first'"),
    ({"switch_charge": "never"}, "'never'"),
    ({"moment": 1.5}, "1.5"),
    ({"moment": "soon"}, "'soon'"),
    ({"colour": "red"}, "no setting 'colour'"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_is_impossible_is_told_and_changes_nothing(
    explorer: ScheduleExplorer, change: dict[str, Any], words: str
) -> None:
    before = explorer.set(moment=5)
    after = explorer.set(**change)
    assert words in after["error"]
    assert ":" in after["error"]
    assert "Traceback" not in after["error"]
    assert {**after, "error": ""} == before
    assert panels.escape(after["error"]) in explorer.status.value
    assert 'role="status"' in explorer.status.value
    assert explorer.set(moment=6)["error"] == ""
    assert "Not possible" not in explorer.status.value


def test_controls_report_errors_and_spring_back(explorer: ScheduleExplorer) -> None:
    explorer.quantum.number.value = 0
    assert "The quantum of RR is 0: it must be above 0" in explorer.state["error"]
    assert explorer.quantum.number.value == 2
    for box in explorer.ticks.values():
        box.value = False
    assert "at least one is needed" in explorer.state["error"]
    assert explorer.state["policies"] == ("RR",)
    assert explorer.ticks["RR"].value is True


def test_a_fault_of_the_explorer_is_a_sentence_too(
    explorer: ScheduleExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Session, "_simulate", fail)
    before = explorer.state
    explorer.quantum.slider.value = 7
    assert "The explorer itself failed (RuntimeError: a bug)" in explorer.state["error"]
    assert {**explorer.state, "error": ""} == before


def test_many_moves_make_no_new_widgets(explorer: ScheduleExplorer) -> None:
    gc.collect()
    count, handlers = len(base._instances), len(explorer.quantum.slider._trait_notifiers)
    for move in range(100):
        explorer.quantum.slider.value = 1 + move % 7
        explorer.moment.slider.value = move % 5
        explorer.set(policies=("RR", "SJF") if move % 2 else ("FCFS", "RR"))
    assert len(base._instances) == count
    assert len(explorer.quantum.slider._trait_notifiers) == handlers


def test_a_move_sends_little(explorer: ScheduleExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def record(self: Any, message: dict[str, Any], **_: Any) -> None:
        sent.append(len(json.dumps(message)))

    monkeypatch.setattr(ipywidgets.Widget, "_send", record)
    explorer.buttons[2].click()
    assert sum(sent) < 14_000
    assert len(sent) <= 4


def test_every_control_has_a_name(explorer: ScheduleExplorer) -> None:
    controls = [
        child
        for child in everything(explorer.box)
        if isinstance(child, ipywidgets.DOMWidget)
        and not isinstance(child, ipywidgets.Box | ipywidgets.HTML | ipywidgets.Label)
    ]
    names = [child.description or child.tooltip for child in controls]
    assert len(names) == 4 + 4 + 4 + 4 + 4  # sliders, boxes, ticks, choices, buttons
    assert all(names)
    assert len(set(names)) == len(names)
    kinds = {type(child).__name__ for child in everything(explorer.box)}
    assert "Output" not in kinds


def test_the_bundle_serves_viewers_without_a_kernel(explorer: ScheduleExplorer) -> None:
    data, _ = explorer._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"}  # fmt: skip
    assert data["text/plain"] == (
        "ScheduleExplorer: mixed, FCFS, SJF, SRTF, RR; RR q=2 at time 0: "
        "P1 is the only job that is ready."
    )
    ET.fromstring(data["image/svg+xml"])
    again, _ = ScheduleExplorer({"mixed": MIXED, "tie": TIE})._repr_mimebundle_()
    assert again["image/svg+xml"] == data["image/svg+xml"]


def test_names_are_escaped() -> None:
    nasty = "<b>&"
    explorer = ScheduleExplorer(Workload([(nasty, 0, 3), ("<i>", 0, 2)], title=nasty), ["RR"])
    for panel in (explorer.chart, explorer.now, explorer.metrics, explorer.status):
        assert nasty not in panel.value
        assert "<i>" not in panel.value
    explorer.set(workload=nasty + "x")
    assert nasty not in explorer.status.value


@pytest.mark.parametrize(
    "change", [{"quantum": "x"}, {"enqueue": "me-first"}, {"seed": "x"}], ids=str
)
def test_settings_not_in_use_are_checked_too(change: dict[str, Any]) -> None:
    explorer = ScheduleExplorer(policies=["FCFS"])
    before = explorer.state
    after = explorer.set(**change)
    assert after["error"]
    assert {**after, "error": ""} == before
    assert explorer.set(moment=1)["error"] == ""


def test_the_end_of_a_schedule_of_many_jobs_can_be_reached() -> None:
    explorer = ScheduleExplorer(Workload([(3 * k, 3) for k in range(100)]))
    state = explorer.set(moment=10**6)
    assert (state["error"], state["kind"], state["time"]) == ("", "end", 300)
    assert explorer._session.scene.end == 300


def test_a_long_schedule_turns_the_page() -> None:
    long = Workload([(f"P{i}", 0, 900) for i in range(4)])
    explorer = ScheduleExplorer({"long": long}, ["RR"], quantum=1)
    assert explorer.state["moments"] == MOST_MOMENTS
    for place in (649, 651, 1999, 3):
        time = explorer.set(moment=place)["time"]
        scene = explorer._session.scene
        assert scene.start <= time <= scene.end
        assert explorer.state["error"] == ""


@pytest.mark.parametrize(
    ("policies", "names"),
    [
        ([FCFS, SJF], ("FCFS", "SJF")),
        ([SRTF(), RR(3)], ("SRTF", "RR")),
        (["RR", RR, RR(3)], ("RR",)),
    ],
)
def test_policies_are_named_in_several_ways(policies: list[Any], names: tuple[str, ...]) -> None:
    state = ScheduleExplorer(MIXED, policies).state
    assert state["policies"] == names
    assert state["quantum"] == (3 if any(getattr(p, "quantum", None) for p in policies) else 2)


def test_without_arguments_there_are_examples() -> None:
    explorer = ScheduleExplorer()
    assert explorer.workload.options == ("mixed", "convoy", "with a gap", RANDOM)


def test_a_start_that_cannot_be_made_raises() -> None:
    with pytest.raises(WorkloadError, match="at least one job is needed"):
        ScheduleExplorer({"none": Workload([])})
    with pytest.raises(WorkloadError, match="at least one job is needed"):
        ScheduleExplorer(Workload([]))
    with pytest.raises(WorkloadError, match="needs a workload"):
        ScheduleExplorer(5)  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match="needs a workload"):
        ScheduleExplorer({})
    with pytest.raises(PolicyError, match="'LIFO'"):
        ScheduleExplorer(MIXED, ["LIFO"])
    with pytest.raises(PolicyError, match="0 policies"):
        ScheduleExplorer(MIXED, [])
    with pytest.raises(PolicyError, match="quantum of RR is 0"):
        ScheduleExplorer(MIXED, quantum=0)


def test_a_session_needs_no_widgets() -> None:
    session = Session({"mixed": MIXED}, Settings("mixed", focus="SRTF"))
    assert session.change(moment=2)
    assert session.state["running"] == "P2"
    assert not session.change(quantum=0)
    assert session.state["moment"] == 2
