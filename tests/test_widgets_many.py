"""The explorer of Scheduling II without a browser: all policies, many CPUs, and what if."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from vcloud_lab import FCFS, HRRN, RR, SJF, SRTF, Job, Workload, simulate
from vcloud_lab.errors import PolicyError, ScheduleError
from vcloud_lab.scheduling import OWN, what_if
from vcloud_lab.scheduling.credit import CREDIT
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ
from vcloud_lab.scheduling.policies import LRTF, PRIORITY
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE
from vcloud_lab.widgets import ScheduleExplorer, counterfactual, panels
from vcloud_lab.widgets.catalogue import EVERY, NAMES
from vcloud_lab.widgets.settings import RANDOM

MIXED = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)], title="mixed")
DEVICE = Workload([Job("A", 0, 6, io=((2, 5), (4, 5))), Job("B", 0, 7), Job("C", 1, 3)])


def longest(ready: Any, now: Any) -> Any:
    return max(ready, key=lambda job: job.left)


def everything(box: Any) -> Iterator[Any]:
    yield box
    for child in getattr(box, "children", ()):
        yield from everything(child)


# ---- policies ---------------------------------------------------------------

BY_NAME = {
    "HRRN": HRRN(),
    "LRTF": LRTF(3),
    "PRIORITY": PRIORITY([1, 2, 3, 4]),
    "FEEDBACK": FEEDBACK(3),
    "MLFQ": MLFQ(quantum=3),
    "LOTTERY": LOTTERY([1, 1, 1, 1], 3, seed=7),
    "STRIDE": STRIDE([1, 1, 1, 1], 3),
    "CFS": CFS(),
    "EEVDF": EEVDF(slice=3),
}


def test_all_policies_run_by_name_with_the_settings() -> None:
    explorer = ScheduleExplorer(MIXED, offer="all", quantum=3, seed=7)
    assert explorer.state["policies"] == NAMES
    assert tuple(explorer.ticks) == tuple(EVERY)
    assert set(EVERY) == {*NAMES, *BY_NAME}
    for name, box in explorer.ticks.items():
        box.value = True
        assert (name in explorer.state["policies"], explorer.state["error"]) == (True, "")
    waiting = explorer.state["mean waiting"]
    for name, policy in BY_NAME.items():
        assert waiting[name] == simulate(MIXED, policy).mean("waiting"), name
        assert policy.label in explorer.metrics.value
    assert len(set(waiting.values())) > 5


NUMBERED = {
    "PRIORITY": PRIORITY([4, 3, 2, 1]),
    "LOTTERY": LOTTERY([4, 3, 2, 1], 2, seed=1),
    "STRIDE": STRIDE([4, 3, 2, 1], 2),
    "CFS": CFS(weights=[4, 3, 2, 1]),
    "EEVDF": EEVDF(weights=[4, 3, 2, 1], slice=2),
}


@pytest.mark.parametrize("numbers", ["4, 3, 2, 1", " 4 3;2，1 ", [4, 3, 2, 1]])
def test_numbers_are_priorities_tickets_and_weights(numbers: Any) -> None:
    explorer = ScheduleExplorer(MIXED, NUMBERED)
    before = explorer.state["mean waiting"]
    after = explorer.set(numbers=numbers)
    assert after["error"] == ""
    for name, policy in NUMBERED.items():
        assert after["mean waiting"][name] == simulate(MIXED, policy).mean("waiting"), name
    assert after["mean waiting"] != before
    explorer.numbers.text.value = ""
    assert explorer.state["mean waiting"] == before


def test_fractions_are_numbers_too() -> None:
    explorer = ScheduleExplorer(MIXED, ["PRIORITY"], numbers=[Fraction(1, 3), 1, "1/2", 2])
    assert explorer.state["numbers"] == "1/3, 1, 1/2, 2"


def test_other_jobs_put_away_numbers_that_do_not_fit_them() -> None:
    two = Workload([(0, 3), (1, 2)])
    same = Workload([(0, 5), (1, 4), (1, 3), (1, 2)])
    explorer = ScheduleExplorer({"m": MIXED, "two": two, "same": same}, ["STRIDE"])
    explorer.set(numbers="4,3,2,1")
    assert explorer.set(workload="same")["numbers"] == "4,3,2,1"
    state = explorer.set(workload="two")
    assert (state["numbers"], state["error"]) == ("", "")
    assert explorer.numbers.text.value == ""


def test_the_seed_is_there_for_a_lottery_too() -> None:
    explorer = ScheduleExplorer(MIXED, ["FCFS"], offer=["LOTTERY"], quantum=1)
    assert explorer.seed.box.layout.visibility == "hidden"
    explorer.ticks["LOTTERY"].value = True
    assert explorer.seed.box.layout.visibility == "visible"
    assert len({explorer.set(seed=seed)["mean waiting"]["LOTTERY"] for seed in range(1, 9)}) > 3


def test_policies_that_are_given_stand_under_their_labels() -> None:
    given = [RR(3), RR(5), RR(3, enqueue="preempted-first"), SJF(ties="list"), MLFQ(boost=20),
             OWN(longest), CREDIT(), PRIORITY([1, 1, 2, 2]), SRTF(), FCFS]  # fmt: skip
    explorer = ScheduleExplorer(MIXED, given)
    state = explorer.state
    labels = (
        *("RR", "RR q=5", "RR q=3 enqueue=preempted-first", "SJF ties=list"),
        *(MLFQ(boost=20).label, "longest", CREDIT().label, "PRIORITY", "SRTF", "FCFS"),
    )
    assert state["policies"] == labels
    assert state["quantum"] == 3
    for policy, label in zip(given, labels, strict=True):
        assert state["mean waiting"][label] == simulate(MIXED, policy).mean("waiting")
    assert tuple(explorer.ticks)[:4] == NAMES
    assert explorer.set(quantum=4)["mean waiting"]["RR q=5"] == state["mean waiting"]["RR q=5"]


def test_two_policies_of_one_label_are_told_apart() -> None:
    explorer = ScheduleExplorer(MIXED, [PRIORITY([1, 2, 3, 4]), PRIORITY([4, 3, 2, 1])], many=True)
    state = explorer.state
    assert state["policies"] == ("PRIORITY", "PRIORITY (2)")
    assert len(set(state["mean waiting"].values())) == 2
    assert explorer.metrics.value.count('<th scope="row"') == 2


def test_a_single_policy_needs_no_list() -> None:
    assert ScheduleExplorer(MIXED, "HRRN").state["policies"] == ("HRRN",)
    assert ScheduleExplorer(MIXED, OWN(longest)).state["focus"] == "longest"


# ---- CPUs -------------------------------------------------------------------


@pytest.mark.parametrize("machine", [{"cpus": 2}, {"many": True}, {"queues": "per-core"}])
def test_the_machine_is_there_when_asked_for(machine: dict[str, Any]) -> None:
    explorer = ScheduleExplorer(MIXED, **machine)
    assert {"cpus", "queues", "steal", "cpu", "on_cpu"} < set(explorer.state)
    assert explorer.machine.cpus.slider.max == 8
    assert {"asking", "what_if", "alternative", "numbers"}.isdisjoint(explorer.state)


def test_many_cpus_give_the_schedules_of_simulate() -> None:
    explorer = ScheduleExplorer(MIXED, offer="all", many=True)
    explorer.machine.cpus.slider.value = 3
    assert explorer.machine.cpus.number.value == 3
    explorer.machine.queues.value = "per-core"
    assert explorer.machine.steal.layout.visibility == "visible"
    explorer.machine.steal.value = False
    state = explorer.state
    options = {"cpus": 3, "queues": "per-core", "steal": False}
    assert {name: state[name] for name in options} == options
    for name, policy in {"FCFS": FCFS(), "SRTF": SRTF(), "RR": RR(2)}.items():
        expected = simulate(MIXED, policy, **options).mean("waiting")
        assert state["mean waiting"][name] == expected
    assert "CPU 2</text>" in explorer.chart.value
    assert "on 3 CPUs per-core queues without stealing" in explorer.metrics.value
    assert explorer.set(queues="global")["queues"] == "global"
    assert explorer.machine.steal.layout.visibility == "hidden"


@pytest.mark.parametrize("queues", ["global", "per-core"])
@pytest.mark.parametrize("jobs", [MIXED, DEVICE])
def test_who_runs_where_is_said_at_each_moment(jobs: Workload, queues: str) -> None:
    explorer = ScheduleExplorer(jobs, ["RR"], cpus=2, queues=queues)
    schedule = simulate(jobs, RR(2), cpus=2, queues=queues)
    slices = [list(schedule.slices(cpu=cpu)) for cpu in (0, 1)]
    for moment in range(explorer.state["moments"]):
        state = explorer.set(moment=moment)
        # The last moment of a time has seen all that happens then.
        later = explorer.set(moment=moment + 1)
        if later["time"] > state["time"] or later["moment"] == moment:
            held = [
                next((p.job for p in mine if p.start <= state["time"] < p.end), None)
                for mine in slices
            ]
            assert state["on_cpu"] == held
        explorer.set(moment=moment)
        if state["kind"] == "dispatch":
            assert state["on_cpu"][state["cpu"]] == state["running"]
            job = f"<strong>CPU {state['cpu']}: {state['running']}</strong>"
            assert job in explorer.now.value


def test_one_cpu_of_many_is_as_without() -> None:
    plain, many = ScheduleExplorer(MIXED), ScheduleExplorer(MIXED, many=True)
    for moment in range(plain.state["moments"]):
        one, other = plain.set(moment=moment), many.set(moment=moment)
        assert other["on_cpu"] == [one["running"]]
        assert {key: other[key] for key in one} == one
        assert many.now.value == plain.now.value


# ---- what if ----------------------------------------------------------------


@pytest.fixture
def asked() -> ScheduleExplorer:
    """What if is open, at the first moment of choice: time 8, SRTF's rivals are all there."""
    explorer = ScheduleExplorer(MIXED, ["SJF"], what_if=True)
    explorer.set(moment=4)
    explorer.asking.open.value = True
    return explorer


def test_what_if_is_closed_at_first_and_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError("computed though nobody asked")

    monkeypatch.setattr(counterfactual, "ask", fail)
    explorer = ScheduleExplorer(MIXED, what_if=True)
    for moment in range(5):
        state = explorer.set(moment=moment, quantum=1 + moment)
        assert (state["what_if"], state["alternative"], state["difference"]) == ([], None, "")
        assert state["error"] == ""
    assert {part.layout.display for part in explorer.asking.rows} == {"none"}


@pytest.mark.parametrize("options", [{}, {"cpus": 2}, {"cpus": 2, "queues": "per-core"}])
@pytest.mark.parametrize("jobs", [MIXED, DEVICE])
def test_the_rows_are_those_of_what_if(jobs: Workload, options: dict[str, Any]) -> None:
    explorer = ScheduleExplorer(jobs, ["RR"], what_if=True, **options)
    explorer.set(asking=True)
    schedule, dispatch, seen = simulate(jobs, RR(2), **options), 0, 0
    for moment in range(explorer.state["moments"]):
        state = explorer.set(moment=moment)
        if state["kind"] != "dispatch" or not state["ready"]:
            assert (state["what_if"], state["note"] != "") == ([], True)
        else:
            _, others = what_if(schedule, dispatch)
            was = schedule.mean("waiting")
            assert state["what_if"] == [
                {"job": other.job, "mean waiting": was + other.change, "instead of": was,
                 "change": other.change}
                for other in others
            ]  # fmt: skip
            assert [row["job"] for row in state["what_if"]] == [job for job, _ in state["ready"]]
            seen += 1
        dispatch += state["kind"] == "dispatch"
    assert seen or (jobs is DEVICE and "queues" in options)  # there each has its CPU in time


def test_an_alternative_is_shown_with_its_difference(asked: ScheduleExplorer) -> None:
    state = asked.state
    assert [row["job"] for row in state["what_if"]] == ["P4", "P3"]
    assert state["what_if"][1]["mean waiting"] == 10
    assert state["what_if"][1]["change"] == Fraction(9, 4)
    before = asked.chart.value
    asked.asking.other.value = "P3"
    state = asked.state
    assert (state["alternative"], state["moment"], state["error"]) == ("P3", 4, "")
    assert state["difference"] == (
        "Had P3 been chosen at time 8 instead of P2, the mean waiting time would be 10 instead of "
        "7.75 (+2.25). Waiting less: P3 6 (not 15). Waiting more: P2 16 (not 7), P4 18 (not 9). "
        "The last job ends at 26, as before."
    )
    assert asked.chart.value == before
    assert asked.asking.chart.value.count("<svg") == 1
    assert "Had P3 been chosen at 8: Gantt chart" in asked.asking.chart.value
    assert panels.escape(state["difference"]) in asked.asking.words.value
    asked.asking.other.value = None
    assert (asked.asking.chart.value, asked.state["alternative"]) == ("", None)


def test_the_table_stars_what_would_have_been_better() -> None:
    explorer = ScheduleExplorer(MIXED, [OWN(longest)], what_if=True)
    explorer.set(moment=4, asking=True)
    assert "<strong>8.75*</strong>" in explorer.asking.table.value
    assert "\N{MINUS SIGN}1.5" in explorer.asking.table.value
    best = ScheduleExplorer(MIXED, ["SJF"], what_if=True)
    best.set(moment=4, asking=True)
    assert "*</strong>" not in best.asking.table.value
    assert "No other choice" in best.asking.table.value


def test_both_charts_have_the_axis_of_the_longer_one() -> None:
    waits = Workload([Job("A", 0, 5, io=((1, 9),)), Job("B", 0, 6)])
    explorer = ScheduleExplorer(waits, ["FCFS"], what_if=True)
    explorer.set(asking=True, moment=0)
    state = explorer.set(alternative="B")
    assert "ends at 20, not 14" in state["difference"]
    session = explorer._session
    assert session.scene.end == session.other_scene.end == 20
    explorer.set(alternative=None)
    assert session.scene.end == 14


def test_other_moves_put_the_alternative_away(asked: ScheduleExplorer) -> None:
    for change in ({"moment": 5}, {"quantum": 3}, {"policies": ("SJF", "RR")}, {"asking": False}):
        asked.set(moment=4, asking=True, focus="SJF")
        assert asked.set(alternative="P3")["alternative"] == "P3"
        state = asked.set(**change)
        assert (state["alternative"], state["difference"], state["error"]) == (None, "", "")
        assert asked.asking.other.value is None
    assert asked.set(moment=4, asking=True)["what_if"]


def test_asking_and_choosing_stay_at_the_moment(asked: ScheduleExplorer) -> None:
    assert asked.set(alternative="P4")["moment"] == 4
    assert asked.set(asking=False)["moment"] == 4
    assert asked.set(asking=True, alternative="P3")["difference"]


def test_without_a_choice_a_sentence_says_where_there_is_one() -> None:
    explorer = ScheduleExplorer(MIXED, ["SJF"], what_if=True)
    notes = [explorer.set(asking=True, moment=moment)["note"] for moment in (0, 1, 6, 7)]
    assert notes == [
        "There was no choice: nobody else was ready. The next choice is at moment 4.",
        "There was no choice: nobody gets the CPU now. The next choice is at moment 4.",
        "There was no choice: nobody else was ready. The last choice was at moment 5.",
        "There was no choice: nobody gets the CPU now. The last choice was at moment 5.",
    ]
    assert panels.escape(notes[-1]) in explorer.asking.table.value
    alone = ScheduleExplorer(Workload([(0, 3), (5, 2)]), what_if=True).set(asking=True)
    assert alone["note"].endswith("at no moment was anybody else ready.")


def test_a_long_schedule_gets_a_sentence_instead() -> None:
    crowd = Workload([(0, 30) for _ in range(40)])
    explorer = ScheduleExplorer(crowd, ["RR"], quantum=1, what_if=True)
    state = explorer.set(asking=True)
    assert (state["what_if"], state["error"]) == ([], "")
    assert "too long" in state["note"]
    assert explorer.set(quantum=30, policies=("FCFS",))["note"]
    few = Workload([(0, 30) for _ in range(8)])
    assert len(ScheduleExplorer(few, ["FCFS"], what_if=True).set(asking=True)["what_if"]) == 7


def test_a_function_of_ones_own_costs_more_than_a_key() -> None:
    jobs = Workload([(0, 10) for _ in range(8)])
    explorer = ScheduleExplorer(jobs, [OWN(longest, quantum=2), LRTF(2)], what_if=True)
    explorer.set(asking=True, focus=LRTF(2).label)
    assert explorer.state["what_if"]
    assert "too long" in explorer.set(focus=OWN(longest, quantum=2).label)["note"]


# ---- mistakes ---------------------------------------------------------------


def raises(ready: Any, now: Any) -> Any:
    return ready[0] if now < 2 else 1 / 0


def loops(ready: Any, now: Any) -> Any:
    while True:
        pass


def nonsense(ready: Any, now: Any) -> Any:
    return 42


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cpus": 9}, "The number of CPUs is 9: the explorer has 1 to 8"),
    ({"cpus": 0}, "The number of CPUs is 0"),
    ({"cpus": 1.5}, "The number of CPUs is 1.5"),
    ({"cpus": "two"}, "'two'"),
    ({"queues": "both"}, "'both'"),
    ({"steal": "yes"}, "'yes'"),
    ({"numbers": "1, 2"}, "The numbers are '1, 2', which makes 2: each of the 4 jobs needs one"),
    ({"numbers": "1, x, 3, 4"}, "One of the numbers is 'x'"),
    ({"numbers": 5}, "The numbers are 5"),
    ({"numbers": [1, 2, 0, 4], "policies": ("LOTTERY",)}, "The number of tickets is 0"),
    ({"numbers": [1, 2, 0, 4], "policies": ("CFS",)}, "The weight is 0"),
    ({"quantum": "1/10000", "policies": ("MLFQ",)}, "takes 260000 turns"),
    ({"quantum": "1/10000", "policies": ("RR",), "cpus": 2}, "takes 260000 turns"),
    ({"policies": ("raises",)}, "Your policy raises raised ZeroDivisionError"),
    ({"policies": ("loops",)}, "Your policy loops was still running"),
    ({"policies": ("nonsense",)}, "Your policy nonsense returned 42"),
    ({"policies": ("PRIORITY (2)",)}, "no number for job 'P1'"),
    ({"asking": "yes"}, "The setting asking is 'yes'"),
    ({"alternative": "P3"}, "The alternative 'P3' cannot be shown: open What if first"),
    ({"asking": True, "alternative": "P9"}, "no alternative 'P9' at this moment: choose from P4"),
    ({"asking": True, "alternative": "P3", "moment": 0}, "there was no choice"),
]


@pytest.fixture(scope="module")
def tried() -> ScheduleExplorer:
    bad = [OWN(raises), OWN(loops), OWN(nonsense), PRIORITY({"X": 1})]
    offered = [*EVERY, *(bad[:3]), "PRIORITY", bad[3]]
    return ScheduleExplorer(MIXED, ["SRTF", "SJF"], offer=offered, many=True, what_if=True)


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_is_impossible_is_told_and_changes_nothing(
    tried: ScheduleExplorer, change: dict[str, Any], words: str
) -> None:
    before = tried.set(moment=4)
    after = tried.set(**change)
    assert words in after["error"]
    assert ":" in after["error"]
    assert "\n" not in after["error"]
    assert "this should not happen" not in after["error"]
    assert {**after, "error": ""} == before
    assert panels.escape(after["error"]) in tried.status.value
    assert tried.set(moment=4)["error"] == ""


def test_controls_spring_back(tried: ScheduleExplorer) -> None:
    tried.machine.cpus.number.value = 12
    assert "The number of CPUs is 12" in tried.state["error"]
    assert tried.machine.cpus.number.value == tried.machine.cpus.slider.value == 1
    tried.numbers.text.value = "1 2"
    assert "makes 2" in tried.state["error"]
    assert tried.numbers.text.value == ""
    tried.ticks["loops"].value = True
    assert "loops" in tried.state["error"]
    assert tried.ticks["loops"].value is False
    assert tried.set(moment=0)["error"] == ""


def test_settings_that_are_not_there_are_refused() -> None:
    explorer = ScheduleExplorer(MIXED)
    for name in ("cpus", "queues", "steal", "asking", "alternative", "numbers"):
        assert f"no setting {name!r}" in explorer.set(**{name: 1})["error"]
        assert name not in explorer.state


def test_an_alternative_world_that_fails_hinders_no_step() -> None:
    def fragile(ready: Any, now: Any) -> Any:
        names = [job.name for job in ready]
        if now > 8 and "P2" in names:
            raise ValueError("P2 should be done")
        return min(ready, key=lambda job: job.burst)

    explorer = ScheduleExplorer(MIXED, [OWN(fragile)], what_if=True)
    explorer.set(asking=True)
    state = explorer.set(moment=4)
    assert (state["moment"], state["what_if"]) == (4, [])
    assert "P2 should be done" in state["error"]
    assert "P2 should be done" in explorer.status.value
    state = explorer.set(moment=5)
    assert (state["moment"], state["error"], len(state["what_if"])) == (5, "", 1)


def test_jobs_that_need_several_cpus_have_no_what_if() -> None:
    wide = Workload([("A", 0, 4, 2), ("B", 0, 3, 1), ("C", 0, 2, 1)])
    explorer = ScheduleExplorer(wide, ["FCFS", "SJF"], cpus=2, what_if=True)
    state = explorer.set(asking=True)
    assert (state["on_cpu"], state["what_if"]) == ([], [])
    assert "several processors at once" in state["error"]
    with pytest.raises(ScheduleError):
        what_if(simulate(wide, SJF(), cpus=2), 0)


def test_a_start_that_cannot_be_made_raises() -> None:
    for options, words in (
        ({"cpus": 9}, "1 to 8"),
        ({"cpus": 2, "queues": "x"}, "'x'"),
        ({"policies": [LOTTERY]}, None),
        ({"policies": ["MLFQ"], "numbers": "1"}, None),
        ({"policies": ["STRIDE"], "numbers": "1"}, "makes 1"),
        ({"policies": [OWN(nonsense)]}, "returned 42"),
        ({"offer": ["LIFO"]}, "'LIFO'"),
        ({"offer": [OWN]}, "OWN"),
        ({"policies": [7]}, "7"),
    ):
        if words is None:
            continue
        with pytest.raises(PolicyError, match=words):
            ScheduleExplorer(MIXED, **options)


# ---- the look ---------------------------------------------------------------


def test_nothing_is_added_unless_asked_for() -> None:
    plain = ScheduleExplorer(MIXED)
    full = ScheduleExplorer(MIXED, offer="all", many=True, what_if=True)
    assert (plain.numbers, plain.machine, plain.asking) == (None, None, None)
    assert len(list(everything(full.box))) > len(list(everything(plain.box))) + 15
    before = plain._repr_mimebundle_()[0]["image/svg+xml"]
    assert full._repr_mimebundle_()[0]["image/svg+xml"] == before


def test_every_control_has_a_name_of_its_own() -> None:
    full = ScheduleExplorer(MIXED, offer=["MLFQ", MLFQ(boost=20)], many=True, what_if=True)
    controls = [child for child in everything(full.box) if hasattr(child, "tooltip")
                and type(child).__name__ not in ("HBox", "VBox", "HTML", "Label")]  # fmt: skip
    names = [child.description or child.tooltip for child in controls]
    assert all(names)
    assert len(set(names)) == len(names)
    assert {"CPUs", "Ready queue", "Idle CPUs steal", "What if?", "Show instead"} < set(names)


def test_names_are_escaped() -> None:
    nasty = Workload([("<b>&", 0, 3), ("<i>", 0, 2), ("<u>", 1, 2)], title="nasty")
    explorer = ScheduleExplorer(nasty, ["SJF"], cpus=2, what_if=True)
    explorer.set(cpus=1, moment=0, asking=True)
    state = explorer.set(alternative="<b>&")
    assert state["error"] == ""
    for panel in (explorer.asking.table, explorer.asking.words, explorer.asking.chart):
        assert "<b>&" not in panel.value
        assert panel.value
    explorer.set(cpus=2)
    assert "<b>&" not in explorer.now.value
    assert "CPU 0: &lt;" in explorer.now.value


def test_random_jobs_work_with_all_of_it() -> None:
    explorer = ScheduleExplorer(MIXED, tuple(EVERY), cpus=2, what_if=True)
    state = explorer.set(workload=RANDOM, seed=5, asking=True)
    assert state["error"] == ""
    for moment in range(state["moments"]):
        state = explorer.set(moment=moment)
        for row in state["what_if"]:
            assert explorer.set(alternative=row["job"])["error"] == ""
