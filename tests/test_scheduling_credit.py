"""The credit scheduler of vCPUs: tick by tick, shares, caps, boosts and steal time."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_credit import Xen
from oracle_shares import Load
from scheduling_cases import examples
from scheduling_loads import jobs_of, loads

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling import Job, Schedule, simulate
from vcloud_lab.scheduling.credit import CREDIT
from vcloud_lab.scheduling.service import received, stolen


def timelines(schedule: Schedule) -> list[list[int]]:
    """Who ran on each CPU in each tick, -1 where nobody did."""
    ran = [[-1] * schedule.cpus for _ in range(int(schedule.makespan))]
    for cpu in range(schedule.cpus):
        for piece in schedule.slices(cpu=cpu):
            for now in range(int(piece.start), int(piece.end)):
                assert ran[now][cpu] == -1
                ran[now][cpu] = schedule.workload.names.index(piece.job)
    return ran


@st.composite
def vcpus(draw: st.DrawFn) -> list[Load]:
    """Long bursts and sleeps beside short ones, so that credits reach their bounds."""
    made = []
    for _ in range(draw(st.integers(1, 5))):
        long, nap = draw(st.sampled_from([2, 10, 40])), draw(st.sampled_from([3, 15, 80]))
        bursts = draw(st.lists(st.integers(1, long), min_size=1, max_size=6))
        sleeps = [draw(st.integers(1, nap)) for _ in bursts[1:]]
        made.append(Load(draw(st.sampled_from([0, 0, 7, 35])), tuple(bursts), tuple(sleeps)))
    return made


told = st.fixed_dictionaries(
    {
        "weights": st.lists(st.sampled_from([1, 1, 2, 5, 20]), min_size=6, max_size=6),
        "caps": st.lists(st.sampled_from([0, 0, 0, 10, 50, 100]), min_size=6, max_size=6),
        "period": st.sampled_from([10, 20]),
        "tick": st.integers(1, 12),
        "timeslice": st.integers(1, 25),
        "boost": st.booleans(),
    }
)


def run(made: list[Load], told: dict[str, Any], cpus: int) -> tuple[Schedule, Xen]:
    """The package's schedule and the oracle's."""
    told = {**told, "weights": told["weights"][: len(made)], "caps": told["caps"][: len(made)]}
    schedule = simulate(jobs_of(made), CREDIT(**told), cpus=cpus)
    return schedule, Xen(made, cpus=cpus, **told).play()


@examples(600)
@given(st.one_of(loads(), vcpus()), told, st.integers(1, 3))
def test_credit(made: list[Load], told: dict[str, Any], cpus: int) -> None:
    schedule, expected = run(made, told, cpus)
    assert timelines(schedule) == expected.ran


@examples(60)
@given(vcpus(), told, st.integers(1, 2))
def test_every_decision_tells_the_credits_of_the_chosen(
    made: list[Load], told: dict[str, Any], cpus: int
) -> None:
    for decision in run(made, told, cpus)[0].ledger():
        assert decision.chosen is not None
        assert f"{decision.chosen} " in decision.reason
        if decision.ready and "only" not in decision.reason and "runs on" not in decision.reason:
            assert "credits" in decision.reason


def test_the_oracle_can_disagree() -> None:
    made = [Load(0, (90,)), Load(0, (90,)), Load(3, (2, 2, 2, 2), (19, 13, 9))]
    usual: dict[str, Any] = {
        "weights": [6, 8, 1], "caps": [0, 0, 0], "period": 20, "tick": 5, "timeslice": 20,
        "boost": True,
    }  # fmt: skip
    schedule, expected = run(made, usual, 1)
    assert timelines(schedule) == expected.ran
    for change in (
        {"weights": [8, 6, 1]}, {"caps": [20, 0, 0]}, {"period": 10}, {"tick": 4},
        {"timeslice": 3}, {"boost": False},
    ):  # fmt: skip
        assert timelines(run(made, usual | change, 1)[0]) != expected.ran, change


def test_a_debt_is_cut_at_one_period() -> None:
    """On two CPUs the light one of three gets more than its share, with nobody else to run."""
    made = [Load(0, (60,))] * 3
    told: dict[str, Any] = {
        "weights": [1, 5, 5], "caps": [0] * 3, "period": 10, "tick": 1, "timeslice": 5,
        "boost": True,
    }  # fmt: skip
    schedule, expected = run(made, told, 2)
    assert timelines(schedule) == expected.ran
    assert expected.cut > 0


# Shares

CASES = [([1, 2, 3], 1), ([256, 512], 1), ([1, 1], 1), ([3, 2, 2, 1], 1), ([2, 3, 3], 2)]


@pytest.mark.parametrize(("weights", "cpus"), CASES)
def test_shares_are_within_one_period_of_the_weights(weights: list[int], cpus: int) -> None:
    """30, 10 and 30 as in Xen: what a vCPU is off is what it has in credits, one period at most."""
    span, period = 1200, 30
    schedule = simulate([(0, span)] * len(weights), CREDIT(weights), cpus=cpus)
    expected = Xen(
        [Load(0, (span,))] * len(weights), weights, [0] * len(weights), 30, 10, 30, True, cpus
    ).play()
    assert timelines(schedule) == expected.ran
    for end in range(0, span, period):
        got = received(schedule, 0, end).values()
        for time, weight in zip(got, weights, strict=True):
            assert abs(time - Fraction(end * cpus * weight, sum(weights))) <= period


def test_the_bound_on_shares_can_fail() -> None:
    """Without weights, the share of 1:3 is missed by more and more."""
    schedule = simulate([("A", 0, 1200), ("B", 0, 1200)], CREDIT())
    assert received(schedule, 0, 600)["A"] - 150 > 30


def test_what_one_cannot_use_goes_to_the_others() -> None:
    jobs = [("small", 0, 600), ("A", 0, 600), ("B", 0, 600)]
    schedule = simulate(jobs, CREDIT({"small": 8, "A": 1, "B": 1}, caps={"small": 20}))
    for end in range(0, 600, 30):
        got = received(schedule, 0, end)
        assert got["small"] <= end / 5
        assert abs(got["A"] - got["B"]) <= 60
    assert sum(received(schedule, 0, 600).values()) == 600


# Caps


def test_a_cap_holds_on_an_idle_machine() -> None:
    """A vCPU alone, capped at 40 %: 12 of each 30, then parked."""
    schedule = simulate([("A", 0, 60)], CREDIT(caps={"A": 40}), cpus=2)
    for at in range(4):
        assert received(schedule, 30 * at, 30 * at + 12) == {"A": 12}
        assert received(schedule, 30 * at, 30 * at + 30) == {"A": 12}
    assert schedule.makespan == 132
    assert stolen(schedule) == {"A": 72}
    idle = [d.reason for d in schedule.moments() if d.kind == "idle"]
    assert idle[0].startswith("None of the ready jobs may run")


@examples(200)
@given(vcpus(), told, st.integers(1, 3))
def test_nobody_gets_more_than_its_cap_in_any_period(
    made: list[Load], told: dict[str, Any], cpus: int
) -> None:
    schedule, _ = run(made, told, cpus)
    period, caps = told["period"], told["caps"]
    for start in range(0, int(schedule.makespan), period):
        got = received(schedule, start, start + period).values()
        assert all(
            not cap or time <= Fraction(cap * period, 100)
            for time, cap in zip(got, caps, strict=False)
        )
    assert stolen(schedule) == schedule.waiting


def test_a_cap_of_part_of_a_tick_is_exact() -> None:
    schedule = simulate([("A", 0, 33)], CREDIT(caps=["33"], period=10))
    assert [received(schedule, 10 * at, 10 * at + 10)["A"] for at in range(10)] == [
        Fraction(33, 10)
    ] * 10
    assert schedule.makespan == Fraction(933, 10)


def test_a_capped_vcpu_leaves_the_rest_to_the_others_and_none_to_itself() -> None:
    jobs = [("A", 0, 300), ("B", 0, 300)]
    capped = simulate(jobs, CREDIT(caps=[25, 0]))
    free = simulate(jobs, CREDIT(caps=[0, 0]))
    assert received(capped, 0, 300) == {"A": 75, "B": 225}
    assert received(free, 0, 300) == {"A": 150, "B": 150}


# Boost


def test_a_vcpu_that_wakes_with_credits_is_boosted() -> None:
    web = Job("web", 0, 10, io=[(after, 42) for after in range(1, 10)])
    jobs = [("hog 1", 0, 200), ("hog 2", 0, 200), web]
    boosted, plain = (simulate(jobs, CREDIT(boost=boost)) for boost in (True, False))
    assert boosted.waiting["web"] == 20  # for its first turn only
    assert plain.waiting["web"] == 45
    woken = [d for d in boosted.ledger() if d.chosen == "web" and "web (BOOST" in d.reason]
    assert len(woken) == 9
    assert "BOOST" not in " ".join(d.reason for d in plain.ledger())


def test_a_vcpu_without_credits_is_not_boosted() -> None:
    jobs = [("A", 0, 100), Job("greedy", 0, 40, io=[(35, 1)])]
    reasons = [d.reason for d in simulate(jobs, CREDIT({"A": 900, "greedy": 1})).moments()]
    assert not any("greedy (BOOST" in reason for reason in reasons)
    assert any("greedy (OVER" in reason for reason in reasons)


def test_the_reasons() -> None:
    schedule = simulate([("A", 0, 30), ("B", 0, 30), ("C", 4, 9)], CREDIT())
    told = {(d.time, d.kind): d.reason for d in schedule.moments()}
    assert told[0, "dispatch"] == "A (UNDER, credits 0) is first in line of 2 UNDER."
    assert told[4, "dispatch"] == (
        "B (UNDER, credits 0) is first in line of 2 UNDER, before 1 of a lower class."
    )
    jobs = [("A", 0, 60), ("B", 0, 60), ("C", 32, 3)]
    kept = [d.reason for d in simulate(jobs, CREDIT([2, 1, 1])).moments() if d.kind == "keep"]
    assert kept == ["C (UNDER, credits 0) comes and queues; A (UNDER, credits 8) keeps the CPU."]


# Steal time


def test_steal_time_is_waiting() -> None:
    jobs = [("A", 0, 100), Job("B", 0, 50, io=[(10, 7), (30, 5)]), ("C", 5, 20)]
    schedule = simulate(jobs, CREDIT([1, 2, 3]), cpus=2)
    assert stolen(schedule) == schedule.waiting
    alone = simulate(jobs[1:2], CREDIT())
    assert stolen(alone) == {"B": 0}  # a sleeping vCPU is not robbed
    assert alone.makespan == 62


def test_the_label_tells_what_is_not_usual() -> None:
    assert CREDIT().label == "CREDIT"
    assert CREDIT(period=60, tick="5", timeslice=15, caps={"A": 5}, boost=False).label == (
        "CREDIT period=60 tick=5 timeslice=15 with caps without boost"
    )


ONE = [("A", 0, 2)]
BAD: dict[str, tuple[Callable[[], object], list[str]]] = {
    "weight 0": (lambda: CREDIT({"A": 0}), ["weight of 'A'", "is 0", "above 0"]),
    "weight below 0": (lambda: CREDIT([-1]), ["weight", "-1", "above 0"]),
    "no weights": (lambda: CREDIT(256), ["256", "weights", "CREDIT({'P1': 512"]),
    "period": (lambda: CREDIT(period=0), ["period of CREDIT", "above 0", "period=30"]),
    "tick": (lambda: CREDIT(tick=-10), ["tick of CREDIT", "-10", "above 0", "tick=10"]),
    "timeslice": (lambda: CREDIT(timeslice=0), ["timeslice of CREDIT", "above 0"]),
    "boost": (lambda: CREDIT(boost=1), ["boost", "1", "True or False"]),
    "cap below 0": (lambda: CREDIT(caps={"A": -5}), ["cap", "-5", "percent", "from 0"]),
    "cap above 100": (lambda: CREDIT(caps=[150]), ["cap", "150", "100", "one vCPU"]),
    "no cap": (lambda: CREDIT(caps={"A": "half"}), ["cap", "'A'", "'half'"]),
    "unknown cap": (
        lambda: simulate(ONE, CREDIT(caps={"B": 5})),
        ["cap for an unknown job 'B'", "among A"],
    ),
    "too few caps": (lambda: simulate(ONE, CREDIT(caps=[])), ["0 numbers for 1 jobs"]),
    "missing": (lambda: simulate(ONE, CREDIT({})), ["CREDIT", "no number for job 'A'"]),
}


@pytest.mark.parametrize("mistake", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_in_one_sentence(
    mistake: tuple[Callable[[], object], list[str]],
) -> None:
    call, words = mistake
    with pytest.raises(PolicyError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
