"""CFS and EEVDF: tick by tick, published examples, and the bounds that they promise."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_shares import Cfs, Eevdf, Load, lags, play
from scheduling_cases import examples
from scheduling_loads import agree, jobs_of, loads, timeline, weights

from vcloud_lab.scheduling import Job, Policy, simulate
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.service import received
from vcloud_lab.scheduling.weights import NICE_WEIGHTS

ran = examples(300)


@ran
@given(loads(), weights, st.integers(1, 12), st.integers(1, 3), st.integers(0, 3))
def test_cfs(made: list[Load], told: list[int], latency: int, least: int, wakeup: int) -> None:
    told = told[: len(made)]
    policy = CFS(weights=told, latency=latency, granularity=least, wakeup_granularity=wakeup)
    agree(made, policy, Cfs(made, told, latency, least, wakeup))


@ran
@given(loads(), weights, weights, st.sampled_from([1, 2, 3, None]))
def test_eevdf(made: list[Load], told: list[int], slices: list[int], quantum: int | None) -> None:
    told, slices = told[: len(made)], slices[: len(made)]
    policy = EEVDF(weights=told, slice=slices, quantum=quantum)
    agree(made, policy, Eevdf(made, told, slices, quantum or 10**9))


def test_the_weights_of_nice() -> None:
    assert list(NICE_WEIGHTS) == list(range(-20, 20))
    assert [NICE_WEIGHTS[nice] for nice in (-20, -5, 0, 1, 5, 19)] == [
        *(88761, 3121, 1024, 820, 335, 15)
    ]
    table = list(NICE_WEIGHTS.values())
    assert all(Fraction(6, 5) <= Fraction(a, b) <= Fraction(23, 18) for a, b in pairwise(table))


@pytest.mark.parametrize("policy", [CFS, EEVDF])
def test_nice_is_a_weight(policy: Callable[..., Policy]) -> None:
    made = jobs_of([Load(0, (30, 9), (7,)), Load(2, (40,)), Load(3, (9, 9, 9), (5, 2))])
    by_nice, by_weight = policy([0, 5, -3]), policy(weights=[1024, 335, 1991])
    assert timeline(simulate(made, by_nice)) == timeline(simulate(made, by_weight))
    assert timeline(simulate(made, by_nice)) != timeline(simulate(made, policy()))
    assert timeline(simulate(made, policy())) == timeline(simulate(made, policy(weights=[2, 2, 2])))


def test_cfs_slices_of_ostep() -> None:
    """48 ms of latency: four equal jobs get 12 each; nice -5 beside nice 0 gets three quarters."""
    equal = simulate([(0, 100)] * 4, CFS(latency=48, granularity=6))
    assert [piece.end - piece.start for piece in equal.slices()][:8] == [12] * 8
    two = simulate([("A", 0, 200), ("B", 0, 200)], CFS({"A": -5, "B": 0}, latency=48))
    assert [(p.job, p.end - p.start) for p in two.slices()][:2] == [("A", 37), ("B", 12)]
    share = Fraction(48 * 3121, 3121 + 1024)  # rounded up to a whole tick
    assert 36 < share < 37


@ran
@given(weights, st.integers(2, 6), st.integers(1, 30), st.integers(1, 3))
def test_cfs_keeps_virtual_runtimes_within_one_slice(
    told: list[int], count: int, latency: int, least: int
) -> None:
    told = told[:count]
    schedule = simulate([(0, 120)] * count, CFS(weights=told, latency=latency, granularity=least))
    slices = [max(least, -(-latency * w // sum(told))) for w in told]
    bound = max(Fraction(long, w) for long, w in zip(slices, told, strict=True))
    for end in range(0, 120, 7):
        got = received(schedule, 0, end).values()
        runtimes = [Fraction(time) / w for time, w in zip(got, told, strict=True)]
        assert max(runtimes) - min(runtimes) <= bound


def test_one_that_slept_for_long_is_half_a_latency_ahead_at_most_in_cfs() -> None:
    jobs = [("busy", 0, 100), Job("sleeper", 0, 41, io=[(1, 40)])]
    policy = CFS(latency=10, wakeup_granularity=2)
    reasons = [d.reason for d in simulate(jobs, policy).ledger()]
    assert "sleeper has the smallest virtual runtime (40) of 2 ready jobs." in reasons  # 45 - 10/2


def test_a_wakeup_granularity_protects_the_running_job() -> None:
    """B wakes at 15 with a virtual runtime of 9, that is 4 behind that of A."""
    jobs = [("A", 0, 40), Job("B", 0, 20, io=[(2, 9)])]
    for wakeup, again in ((3, 15), (4, 22)):
        schedule = simulate(jobs, CFS(latency=8, wakeup_granularity=wakeup))
        assert [piece.start for piece in schedule.slices() if piece.job == "B"][1] == again
        kept = [(d.time, d.reason) for d in schedule.moments() if d.kind == "keep"]
        assert kept == [
            (
                15,
                "B comes with virtual runtime 9; A (13) is not more than the wakeup granularity "
                "ahead of it, and keeps the CPU.",
            )
        ] * (wakeup == 4)


# EEVDF


def test_the_worked_example_of_the_eevdf_paper() -> None:
    """Two clients of weight 2 with requests of 2 and 1, the second from time 1 on, quantum 1.

    Virtual time runs at 1/2, then at 1/4. The requests (eligible time, deadline) are the paper's;
    where two deadlines are equal, here the one that came first goes first.
    """
    made = [Load(0, (8,)), Load(1, (8,))]
    brain = Eevdf(made, [2, 2], [2, 1], 1)
    policy = EEVDF(weights=[2, 2], slice=[2, 1], quantum=1)
    assert timeline(simulate(jobs_of(made), policy)) == play(made, brain).ran
    assert play(made, Eevdf(made, [2, 2], [2, 1], 1)).ran[:9] == [0, 0, 1, 1, 0, 0, 1, 1, 0]
    half = Fraction(1, 2)
    assert [asked[1:] for asked in brain.asked if asked[0] == 0][:3] == [(0, 1), (1, 2), (2, 3)]
    assert [asked[1:] for asked in brain.asked if asked[0] == 1][:4] == [
        (half, 1), (1, 3 * half), (3 * half, 2), (2, 5 * half),
    ]  # fmt: skip
    reasons = [d.reason for d in simulate(jobs_of(made), policy).ledger()]
    assert reasons[1] == (
        "P1 has the earliest virtual deadline (1) of 2 ready jobs; P2 ties, but P1 came earlier."
    )
    assert reasons[2] == "P2 is the only eligible job at virtual time 0.75 (virtual deadline 1)."


@ran
@given(weights, st.integers(2, 6), st.integers(1, 5))
def test_lag_stays_below_one_slice(told: list[int], count: int, long: int) -> None:
    told, span = told[:count], 60
    schedule = simulate([(0, span)] * count, EEVDF(weights=told, slice=long))
    for end in range(span):
        for got, weight in zip(received(schedule, 0, end).values(), told, strict=True):
            assert -long < Fraction(end * weight, sum(told)) - got < long


@ran
@given(weights, weights, st.integers(2, 6))
def test_lag_stays_below_the_longest_slice(told: list[int], slices: list[int], count: int) -> None:
    told, slices = told[:count], slices[:count]
    made = [Load(0, (40,))] * count
    schedule = simulate(jobs_of(made), EEVDF(weights=told, slice=slices))
    for end in range(40):
        for got, weight in zip(received(schedule, 0, end).values(), told, strict=True):
            assert abs(Fraction(end * weight, sum(told)) - got) < max(slices)
    assert all(abs(lag) < max(slices) for lag in lags(made[:2], Eevdf(made[:2], told, slices)))


def test_a_short_slice_is_served_sooner() -> None:
    jobs = [("batch", 0, 60), ("other", 0, 60), ("player", 30, 4)]
    told = {"batch": 6, "other": 6, "player": 6}
    slow = simulate(jobs, EEVDF(slice=told)).response["player"]
    quick = simulate(jobs, EEVDF(slice={**told, "player": 1})).response["player"]
    assert quick < slow


def test_who_sleeps_with_a_debt_wakes_with_it_in_eevdf() -> None:
    jobs = [("A", 0, 30), Job("B", 0, 12, io=[(6, 1)]), ("C", 0, 30)]
    schedule = simulate(jobs, EEVDF({"A": 0, "B": 0, "C": 0}, slice=6))
    starts = [piece.start for piece in schedule.slices() if piece.job == "B"]
    assert starts[1] - starts[0] >= 12  # both others first
