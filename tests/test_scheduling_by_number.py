"""Priority, HRRN and LRTF against a scheduler that looks at every tick, and their bad input."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples, jobs_in_ticks

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling import HRRN, LRTF, PRIORITY, SRTF, Policy, simulate

Key = Callable[[int, int, int], Fraction | int]  # job, now, left; the least wins


def tick_by_tick(
    jobs: list[tuple[int, int]], key: Key, *, preemptive: bool = False, quantum: int = 10**9
) -> list[int]:
    """Who runs in each tick, -1 where nobody does; no switch cost."""
    left = [burst for _, burst in jobs]
    running, used, ran = -1, 0, []

    def best(candidates: list[int], now: int) -> int:
        return min(candidates, key=lambda i: (key(i, now, left[i]), jobs[i][0], i))

    for now in range(sum(left) + max((a for a, _ in jobs), default=0)):
        if not any(left):
            break
        there = [i for i, (arrival, _) in enumerate(jobs) if arrival <= now and left[i]]

        if running >= 0 and (not left[running] or used == quantum):
            running = -1
        came = [i for i in there if jobs[i][0] == now]
        if running >= 0 and preemptive and came:
            new = best(came, now)
            if key(new, now, left[new]) < key(running, now, left[running]):
                running = -1
        if running < 0 and there:
            running, used = best(there, now), 0
        ran.append(running)
        if running >= 0:
            left[running] -= 1
            used += 1
    return ran


def played(jobs: list[tuple[int, int]], policy: Policy) -> list[int]:
    """The same from the package's schedule."""
    schedule = simulate(jobs, policy)
    ran = [-1] * int(schedule.makespan)
    for piece in schedule.slices():
        job = schedule.workload.names.index(piece.job)
        for now in range(int(piece.start), int(piece.end)):
            assert ran[now] == -1
            ran[now] = job
    for decision in schedule.ledger():  # the reasons can be given, and name the chosen one
        assert decision.chosen is not None
        assert decision.chosen in decision.reason
    return ran


numbers = st.lists(st.integers(-3, 3), min_size=7, max_size=7)


@examples(300)
@given(jobs_in_ticks(), numbers, st.booleans(), st.sampled_from(["small", "large"]))
def test_priority(
    jobs: list[tuple[int, int]], told: list[int], preemptive: bool, high: str
) -> None:
    sign = 1 if high == "small" else -1
    policy = PRIORITY(told[: len(jobs)], preemptive=preemptive, high=high)
    expected = tick_by_tick(jobs, lambda i, now, left: sign * told[i], preemptive=preemptive)
    assert played(jobs, policy) == expected


@examples(300)
@given(
    jobs_in_ticks(), numbers, st.booleans(), st.sampled_from(["small", "large"]), st.integers(1, 5)
)
def test_priority_with_ageing(
    jobs: list[tuple[int, int]], told: list[int], preemptive: bool, high: str, step: int
) -> None:
    sign = 1 if high == "small" else -1
    policy = PRIORITY(told[: len(jobs)], preemptive=preemptive, high=high, ageing=step)
    expected = tick_by_tick(
        jobs,
        lambda i, now, left: sign * told[i] - Fraction(now - jobs[i][0], step),
        preemptive=preemptive,
    )
    assert played(jobs, policy) == expected


@examples(300)
@given(jobs_in_ticks())
def test_highest_response_ratio(jobs: list[tuple[int, int]]) -> None:
    expected = tick_by_tick(jobs, lambda i, now, left: -1 - Fraction(now - jobs[i][0], jobs[i][1]))
    assert played(jobs, HRRN()) == expected


@examples(300)
@given(jobs_in_ticks(), st.integers(1, 4))
def test_longest_remaining(jobs: list[tuple[int, int]], quantum: int) -> None:
    expected = tick_by_tick(jobs, lambda i, now, left: -left, preemptive=True, quantum=quantum)
    assert played(jobs, LRTF(quantum)) == expected


def test_the_oracle_can_disagree() -> None:
    jobs = [(0, 4), (1, 2)]
    assert played(jobs, PRIORITY([2, 1])) != played(jobs, PRIORITY([2, 1], preemptive=True))
    assert played(jobs, LRTF()) != played(jobs, SRTF())


def test_a_stream_starves_a_low_priority_and_ageing_saves_it() -> None:
    jobs = [("low", 0, 2)] + [(f"high {i}", 2 * i, 2) for i in range(50)]
    told = {name: 2 if name == "low" else 1 for name, *_ in jobs}
    assert simulate(jobs, PRIORITY(told)).waiting["low"] == 100
    aged = simulate(jobs, PRIORITY(told, ageing=10))  # at 10 it ties, and it came first
    assert aged.waiting["low"] == 10


def test_names_and_list_order_are_the_same_and_time_may_be_fractional() -> None:
    jobs = [("A", 0, "1/2"), ("B", "0.25", 3), ("C", 1, 1)]
    by_name = simulate(jobs, PRIORITY({"C": 1, "A": 3, "B": 2}, ageing="0.1"))
    assert by_name.completion == simulate(jobs, PRIORITY([3, 2, 1], ageing="0.1")).completion
    assert by_name.label == "PRIORITY ageing=0.1"


@pytest.mark.parametrize("cost", [1, 3])
@pytest.mark.parametrize("charge", ["between", "dispatch"])
@pytest.mark.parametrize("policy", [PRIORITY([3, 2, 1], preemptive=True), HRRN(), LRTF(2)])
def test_a_switch_costs_the_same_as_elsewhere(policy: Policy, charge: str, cost: int) -> None:
    schedule = simulate([(0, 5), (1, 3), (2, 4)], policy, switch_cost=cost, switch_charge=charge)
    dispatches = list(schedule.ledger())
    paid = len(dispatches) if charge == "dispatch" else schedule.context_switches
    assert len(schedule.overheads) == paid
    assert schedule.makespan == 12 + paid * cost


def test_an_arrival_during_a_switch_preempts_when_it_is_over() -> None:
    jobs = [("A", 0, 5), ("B", 1, 2), ("C", 2, 1)]
    schedule = simulate(jobs, PRIORITY([2, 1, 0], preemptive=True), switch_cost=2)
    assert schedule.completion == {"A": 16, "B": 10, "C": 6}
    assert schedule.overheads == ((1, 3), (3, 5), (6, 8), (10, 12))


BAD = {
    "no list": (lambda: PRIORITY(3), ["3", "one number a job"]),
    "a text": (lambda: PRIORITY("abc"), ["'abc'", "one number a job"]),
    "no number": (lambda: PRIORITY({"A": "high"}), ["'A'", "'high'", "number is needed"]),
    "high": (lambda: PRIORITY([1], high="up"), ["high", "'up'", "'small' or 'large'"]),
    "preemptive": (lambda: PRIORITY([1], preemptive="yes"), ["'yes'", "True or False"]),
    "ageing 0": (lambda: PRIORITY([1], ageing=0), ["ageing", "0", "above 0"]),
    "ties": (lambda: HRRN(ties="x"), ["ties", "'x'"]),
    "quantum 0": (lambda: LRTF(0), ["LRTF", "0", "above 0"]),
    "bare PRIORITY": (lambda: simulate([("A", 0, 1)], PRIORITY), ["PRIORITY({'P1': 2"]),
    "too few": (lambda: simulate([(0, 1), (0, 1)], PRIORITY([1])), ["1 numbers for 2 jobs"]),
    "missing": (lambda: simulate([("A", 0, 1)], PRIORITY({})), ["no number for job 'A'"]),
    "unknown": (
        lambda: simulate([("A", 0, 1)], PRIORITY({"A": 1, "B": 2})),
        ["unknown job 'B'", "exactly A"],
    ),
    "too many turns": (lambda: simulate([(0, 10**9)], LRTF()), ["LRTF", "turns", "longer quantum"]),
    "wide": (lambda: simulate([("A", 0, 1, 2)], HRRN, cpus=2), ["HRRN on 2 CPUs", "width 1"]),
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
