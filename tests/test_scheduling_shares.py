"""What lottery, stride, CFS and EEVDF have in common, on several CPUs too, and their bad input."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_shares import Load, Stride, play
from scheduling_cases import examples
from scheduling_loads import jobs_of, loads, timeline, weights

from vcloud_lab.errors import PolicyError, ScheduleError, WorkloadError
from vcloud_lab.scheduling import simulate
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.service import received, stolen
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE, ostep_lottery

ran = examples(300)


def test_the_oracle_can_disagree() -> None:
    made = [Load(0, (6,)), Load(1, (4, 2), (3,)), Load(2, (5,))]
    jobs, told = jobs_of(made), [3, 2, 1]
    runs = [
        timeline(simulate(jobs, policy))
        for policy in (
            STRIDE(told), STRIDE(told, start="global"), STRIDE(told, 2), CFS(weights=told),
            CFS(weights=told, latency=3), EEVDF(weights=told), EEVDF(weights=told, slice=1),
            LOTTERY(told, seed=1), LOTTERY(told, seed=2),
        )
    ]  # fmt: skip
    assert all(one != other for one, other in combinations(runs, 2))
    assert runs[0] == play(made, Stride(made, told, 1)).ran
    assert runs[0] != play(made, Stride(made, [2, 3, 1], 1)).ran


EVERYBODY = {
    "lottery": lambda told: LOTTERY(told, 2, seed=3),
    "stride": lambda told: STRIDE(told, 2),
    "cfs": lambda told: CFS(weights=told, latency=8),
    "eevdf": lambda told: EEVDF(weights=told, slice=2),
}


@ran
@given(
    loads(), weights, st.sampled_from(list(EVERYBODY)), st.integers(1, 3),
    st.sampled_from(["global", "per-core"]),
)  # fmt: skip
def test_no_cpu_is_idle_while_a_job_waits(
    made: list[Load], told: list[int], name: str, cpus: int, queues: str
) -> None:
    policy = EVERYBODY[name](told[: len(made)])
    schedule = simulate(jobs_of(made), policy, cpus=cpus, queues=queues)
    assert received(schedule) == {job.name: job.burst for job in schedule.workload.jobs}
    assert stolen(schedule) == schedule.waiting
    for now in range(min(int(schedule.makespan), 60)):
        if any(stolen(schedule, now, now + 1).values()):
            assert sum(received(schedule, now, now + 1).values()) == cpus
    assert all(decision.chosen in decision.reason for decision in schedule.ledger())


@pytest.mark.parametrize("name", EVERYBODY)
def test_shares_converge_to_the_weights(name: str) -> None:
    """Of 600 ticks, 1:2:3; the sure ones are within one turn, the lottery is not."""
    schedule = simulate([(0, 600)] * 3, EVERYBODY[name]([1, 2, 3]))
    got = list(received(schedule, 0, 600).values())
    turn = 8 if name == "cfs" else 2
    close = all(abs(time - due) <= turn for time, due in zip(got, (100, 200, 300), strict=True))
    assert close == (name != "lottery")
    assert sum(got) == 600


@pytest.mark.parametrize("name", EVERYBODY)
def test_times_may_be_fractional_and_the_label_tells_what_is_not_usual(name: str) -> None:
    made = [Load(0, (9, 3), (4,)), Load(1, (8,)), Load(5, (7,))]
    whole = {
        "lottery": LOTTERY([1, 2, 3], 2, seed=3), "stride": STRIDE([1, 2, 3], 2),
        "cfs": CFS(weights=[1, 2, 3], latency=5, granularity=2, wakeup_granularity=3),
        "eevdf": EEVDF(weights=[1, 2, 3], slice=2, quantum=1),
    }  # fmt: skip
    parts = {
        "lottery": LOTTERY([1, 2, 3], "2/3", seed=3), "stride": STRIDE([1, 2, 3], "2/3"),
        "cfs": CFS(
            weights=[1, 2, 3], latency="5/3", granularity="2/3", wakeup_granularity=1
        ),
        "eevdf": EEVDF(weights=[1, 2, 3], slice="2/3", quantum="1/3"),
    }  # fmt: skip
    third = Fraction(1, 3)
    fine = simulate(jobs_of(made, third), parts[name])
    assert timeline(fine, third) == timeline(simulate(jobs_of(made), whole[name]))
    assert whole[name].label == {
        "lottery": "LOTTERY q=2 seed=3", "stride": "STRIDE q=2",
        "cfs": "CFS latency=5 granularity=2 wakeup_granularity=3", "eevdf": "EEVDF q=1 slice=2",
    }[name]  # fmt: skip
    assert timeline(simulate(jobs_of(made), pickle.loads(pickle.dumps(whole[name])))) == timeline(
        simulate(jobs_of(made), whole[name])
    )


@ran
@given(loads(), st.integers(0, 30), st.integers(0, 30), st.integers(0, 2), st.integers(1, 2))
def test_what_was_received_and_stolen_adds_up(
    made: list[Load], first: int, more: int, cost: int, cpus: int
) -> None:
    schedule = simulate(jobs_of(made), CFS(latency=3), cpus=cpus, switch_cost=cost)
    cuts = [0, Fraction(first, 2), first + more, max(first + more, schedule.makespan)]
    for measure, whole in ((received, received(schedule)), (stolen, schedule.waiting)):
        parts = [measure(schedule, a, b) for a, b in pairwise(cuts)]
        assert {job: sum(part[job] for part in parts) for job in whole} == whole
        assert all(time >= 0 for part in parts for time in part.values())


TWO = [("A", 0, 2), ("B", 0, 2)]
BAD: dict[str, tuple[Callable[[], object], list[str]]] = {
    "no list": (lambda: LOTTERY(3, seed=1), ["3", "tickets", "LOTTERY({'P1'"]),
    "tickets 0": (lambda: LOTTERY({"A": 0}, seed=1), ["'A'", "is 0", "at least 1"]),
    "no ticket at all": (lambda: STRIDE([0, 0]), ["is 0", "whole and at least 1"]),
    "tickets below 0": (lambda: STRIDE([-1]), ["-1", "whole and at least 1"]),
    "part of a ticket": (lambda: STRIDE({"A": 0.5}), ["'A'", "1/2", "whole"]),
    "no number": (lambda: STRIDE({"A": "many"}), ["'A'", "'many'", "number is needed"]),
    "quantum": (lambda: LOTTERY([1], 0, seed=1), ["quantum of LOTTERY", "above 0"]),
    "quantum of stride": (lambda: STRIDE([1], -2), ["quantum of STRIDE", "-2", "above 0"]),
    "start": (lambda: STRIDE([1], start="late"), ["start", "'late'", "'stride' or 'global'"]),
    "no seed": (lambda: LOTTERY([1]), ["neither a seed nor draws", "seed=1"]),
    "both": (lambda: LOTTERY([1], seed=1, draws=[1]), ["both a seed and draws"]),
    "seed": (lambda: LOTTERY([1], seed=0.5), ["seed of LOTTERY", "0.5", "whole"]),
    "draws": (lambda: LOTTERY([1], draws="12"), ["draws", "'12'", "list of whole numbers"]),
    "a draw below 0": (lambda: LOTTERY([1], draws=[3, -1]), ["draw", "-1", "at least 0"]),
    "out of draws": (
        lambda: simulate(TWO, LOTTERY([1, 1], draws=[0, 1, 0])),
        ["given 3 draws", "one more at time 3", "also where one job is ready", "a seed"],
    ),
    "too many tickets": (
        lambda: simulate(TWO, LOTTERY([2**32, 1], seed=1)),
        ["4294967297 tickets", "2**32"],
    ),
    "missing": (lambda: simulate(TWO, STRIDE({"A": 1})), ["STRIDE", "no number for job 'B'"]),
    "unknown": (lambda: simulate(TWO, CFS({"A": 1, "B": 1, "C": 1})), ["CFS", "unknown job 'C'"]),
    "too few": (lambda: simulate(TWO, EEVDF([1])), ["EEVDF", "1 numbers for 2 jobs"]),
    "nice 20": (lambda: CFS([20]), ["20", "-20", "19"]),
    "nice -21": (lambda: EEVDF({"A": -21}), ["'A'", "-21", "19"]),
    "nice 0.5": (lambda: CFS([0.5]), ["1/2", "whole"]),
    "nice and weights": (lambda: CFS([0], weights=[1]), ["CFS", "both", "leave the other out"]),
    "the same in EEVDF": (lambda: EEVDF([0], weights=[1]), ["EEVDF", "both"]),
    "weight 0": (lambda: CFS(weights={"A": 0}), ["'A'", "is 0", "above 0"]),
    "weight below 0": (lambda: EEVDF(weights=[-2]), ["-2", "above 0"]),
    "latency": (lambda: CFS(latency=0), ["latency of CFS", "above 0", "latency=6"]),
    "granularity": (lambda: CFS(granularity=0), ["granularity of CFS", "above 0"]),
    "wakeup": (lambda: CFS(wakeup_granularity=-1), ["wakeup granularity", "-1", "0 or above"]),
    "slice": (lambda: EEVDF(slice=0), ["slice of EEVDF", "0", "above 0"]),
    "a slice": (lambda: EEVDF(slice={"A": 0}), ["slice of EEVDF", "0", "above 0"]),
    "a slice missing": (
        lambda: simulate(TWO, EEVDF(slice={"A": 1})),
        ["EEVDF", "no number for job 'B'"],
    ),
    "quantum of EEVDF": (lambda: EEVDF(quantum=0), ["quantum of EEVDF", "above 0"]),
    "no OSTEP jobs": (lambda: ostep_lottery(1, 0), ["number of jobs", "0", "at least 1"]),
    "OSTEP maxlen": (lambda: ostep_lottery(1, maxlen=1), ["lengths", "1", "at least 2"]),
    "OSTEP maxticket": (lambda: ostep_lottery(1, maxticket=1), ["tickets", "at least 2"]),
    "OSTEP pairs": (lambda: ostep_lottery(1, [(1, 2, 3)]), ["(1, 2, 3)", "pairs"]),
    "OSTEP seed": (lambda: ostep_lottery(0.5), ["seed", "0.5", "whole"]),
    "window": (
        lambda: received(simulate(TWO, CFS()), 3, 2),
        ["from 3 to 2", "not end before it starts"],
    ),
    "window below 0": (lambda: stolen(simulate(TWO, CFS()), -1), ["from -1 to 4", "0 or later"]),
}


@pytest.mark.parametrize("mistake", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_in_one_sentence(
    mistake: tuple[Callable[[], object], list[str]],
) -> None:
    call, words = mistake
    with pytest.raises((PolicyError, WorkloadError, ScheduleError)) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
