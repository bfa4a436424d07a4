"""Policies of one's own, what-if, the least waiting of all schedules, and the adversary."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples, jobs_in_ticks

from vcloud_lab.errors import PolicyError, ScheduleError, VcloudLabError, WorkloadError
from vcloud_lab.scheduling import (
    FCFS,
    HRRN,
    LRTF,
    OWN,
    PRIORITY,
    RR,
    SJF,
    SRTF,
    Policy,
    Workload,
    gap,
    least_waiting,
    simulate,
    small_workloads,
    what_if,
    worst_case,
)

FOUR = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])


def first(ready: tuple[Any, ...], now: object) -> Any:
    return ready[0]


def shortest(ready: tuple[Any, ...], now: object) -> Any:
    return min(ready, key=lambda job: (job.burst, job.arrival))


def least_left(ready: tuple[Any, ...], now: object) -> Any:
    return min(ready, key=lambda job: (job.left, job.arrival)).name


def best_ratio(ready: tuple[Any, ...], now: object) -> Any:
    return max(ready, key=lambda job: Fraction(job.waited + job.burst, job.burst))


TWINS: dict[str, tuple[Policy, Policy]] = {
    "FCFS": (OWN(first), FCFS()),
    "SJF": (OWN(shortest), SJF()),
    "SRTF": (OWN(least_left, preemptive=True), SRTF()),
    "RR": (OWN(first, quantum=2), RR(2)),
}


@pytest.mark.parametrize(("own", "built_in"), TWINS.values(), ids=TWINS.keys())
@examples(60)
@given(jobs=jobs_in_ticks())
def test_own_policies_equal_the_built_in_ones(
    own: Policy, built_in: Policy, jobs: list[tuple[int, int]]
) -> None:
    mine, theirs = simulate(jobs, own), simulate(jobs, built_in)
    assert mine.completion == theirs.completion
    assert list(mine.slices()) == list(theirs.slices())


def test_a_function_sees_time_in_the_workloads_unit_and_the_numbers_it_was_given() -> None:
    seen = []

    def look(ready: tuple[Any, ...], now: object) -> Any:
        seen.append((now, ready))
        return max(ready, key=lambda job: job.number)

    schedule = simulate(
        [("A", 0, "0.5"), ("B", "0.25", 3), ("C", 0, 1)], OWN(look, numbers=[1, 2, 3])
    )
    assert list(schedule.completion.values()) == [Fraction(9, 2), 4, 1]
    assert [tuple(job) for job in seen[1][1]] == [
        ("A", 0, Fraction(1, 2), Fraction(1, 2), 1, 1),
        ("B", Fraction(1, 4), 3, 3, Fraction(3, 4), 2),
    ]
    assert seen[1][0] == 1


def test_the_ledger_tells_what_the_function_chose() -> None:
    schedule = simulate(FOUR, OWN(least_left, preemptive=True))
    reasons = [decision.reason for decision in schedule.ledger()]
    assert reasons[0] == "least_left chose P1: nobody else is ready."
    assert reasons[1] == "least_left chose P2, not P1; P1 gives up the CPU."
    assert schedule.label == "least_left preemptive"
    assert simulate(FOUR, OWN(lambda ready, now: ready[0])).label == "OWN"


def endless(ready: object, now: object) -> None:
    while True:
        try:
            raise ValueError
        except ValueError:
            pass


class Nasty:
    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


def unwritten(ready: object, now: object) -> None:
    raise NotImplementedError


BAD: dict[str, tuple[Callable[[], object], list[str]]] = {
    "raises": (lambda: run(lambda ready, now: 1 / 0), ["ZeroDivisionError", "time 0", "P1"]),
    "endless": (lambda: run(endless), ["endless", "never ends", "time 0"]),
    "nothing": (lambda: run(lambda ready, now: None), ["returned None", "one of these jobs"]),
    "stranger": (lambda: run(lambda ready, now: "P9"), ["'P9'", "time 0", "P1 ready"]),
    "a number": (lambda: run(lambda ready, now: 3), ["returned 3"]),
    "nasty": (lambda: run(lambda ready, now: Nasty()), ["object of type Nasty"]),
    "long": (lambda: run(lambda ready, now: "x" * 999), ["xxx ..."]),
    "two arguments": (lambda: run(lambda ready: ready[0]), ["TypeError"]),
    "not written": (lambda: run(unwritten), ["unwritten", "not written yet"]),
    "no function": (lambda: OWN(3), ["3", "choose(ready, now)"]),  # type: ignore[arg-type]
    "preemptive": (lambda: OWN(first, preemptive="no"), ["'no'"]),  # type: ignore[arg-type]
    "quantum": (lambda: OWN(first, quantum=0), ["quantum", "0", "above 0"]),
    "numbers": (lambda: OWN(first, numbers=3), ["3", "one number a job"]),  # type: ignore[arg-type]
}


def run(choose: Callable[..., Any]) -> object:
    return simulate(FOUR, OWN(choose))


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_one_sentence_and_the_next_call_works(
    call: Callable[[], object], words: list[str]
) -> None:
    with pytest.raises(PolicyError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    assert simulate(FOUR, OWN(first)).completion == simulate(FOUR, FCFS).completion


# What if


@examples(100)
@given(jobs=jobs_in_ticks(most=5), data=st.data())
def test_what_if_changes_one_decision(jobs: list[tuple[int, int]], data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from([FCFS(), SJF(), SRTF(), RR(2), HRRN(), LRTF(2)]))
    schedule = simulate(jobs, policy)
    total = schedule.counters["dispatches"]
    if not total:
        return
    number = data.draw(st.integers(0, total - 1))
    decision, others = what_if(schedule, number)
    made = list(schedule.ledger())
    assert decision == made[number]
    assert [other.job for other in others] == [ready.job for ready in decision.ready]
    for other in others:
        theirs = list(other.schedule.ledger())
        assert theirs[number].chosen == other.job
        assert [d.chosen for d in theirs[:number]] == [d.chosen for d in made[:number]]
        assert [d.time for d in theirs[: number + 1]] == [d.time for d in made[: number + 1]]
        assert other.schedule.mean("waiting") == schedule.mean("waiting") + other.change
        if policy.name == "SRTF":
            assert other.change >= 0  # no other choice can be better than the best


def test_what_if_by_hand() -> None:
    decision, others = what_if(simulate([("P1", 0, 2), ("P2", 0, 3), ("P3", 0, 7)], SJF), 0)
    assert decision.chosen == "P1"
    # P2 P1 P3: waiting 3, 0, 5 instead of 0, 2, 5; then P3 P1 P2: 7, 9, 0.
    assert [(o.job, o.change) for o in others] == [("P2", Fraction(1, 3)), ("P3", 3)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: what_if(simulate(FOUR, SJF), 4), ["dispatch 4", "has 4"]),
        (lambda: what_if(simulate(FOUR, SJF), -1), ["dispatch -1"]),
        (lambda: what_if(simulate(FOUR, SJF), "x"), ["'x'"]),
        (lambda: what_if(simulate([("A", 0, 1, 2)], SJF, cpus=2), 0), ["several processors"]),
    ],
)
def test_what_if_mistakes(call: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(ScheduleError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


# The least waiting of all schedules


def tick_search(jobs: list[tuple[int, int]]) -> int:
    """The least sum of completions, branching at every tick, idling included."""
    states = {(0, tuple(burst for _, burst in jobs)): 0}  # (time, left) -> sum of completions
    done = tuple(0 for _ in jobs)
    best: list[int] = []
    while states:
        following: dict[tuple[int, tuple[int, ...]], int] = {}
        for (now, left), total in states.items():
            if left == done:
                best.append(total)
                continue
            if now > 20:
                continue
            moves = [(left, 0)]
            for i, (arrival, _) in enumerate(jobs):
                if left[i] and arrival <= now:
                    rest = (*left[:i], left[i] - 1, *left[i + 1 :])
                    moves.append((rest, now + 1 if left[i] == 1 else 0))
            for rest, ended in moves:
                state = (now + 1, rest)
                following[state] = min(following.get(state, 10**9), total + ended)
        states = following
    return min(best)


small = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=4)


@examples(60)
@given(small)
def test_least_waiting_against_a_search_of_every_tick(jobs: list[tuple[int, int]]) -> None:
    waited = tick_search(jobs) - sum(a + b for a, b in jobs)
    assert least_waiting(Workload(jobs)) == Fraction(waited, len(jobs))


@examples(100)
@given(small)
def test_srtf_is_optimal_and_the_preemptive_optimum_is_never_above_the_other(
    jobs: list[tuple[int, int]],
) -> None:
    workload = Workload(jobs)
    assert simulate(workload, SRTF).mean("waiting") == least_waiting(workload)
    to_the_end = []
    for order in permutations(jobs):
        clock = waited = 0
        for arrival, burst in order:
            clock = max(clock, arrival)
            waited += clock - arrival
            clock += burst
        to_the_end.append(Fraction(waited, len(jobs)))
    assert least_waiting(workload, preemptive=False) == min(to_the_end)
    assert gap(workload, SRTF) == 1
    assert gap(workload, FCFS, preemptive=False) >= 1


def test_least_waiting_in_fractions() -> None:
    assert least_waiting(Workload([(0, "0.5"), (0, "0.25")])) == Fraction(1, 8)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: least_waiting(Workload([])), ["0 jobs", "1 to 8"]),
        (lambda: least_waiting(Workload([(0, 1)] * 9)), ["9 jobs"]),
        (lambda: least_waiting(Workload([("A", 0, 1, 2)])), ["several processors"]),
        (lambda: worst_case(FCFS, jobs=0), ["jobs", "0", "at least 1"]),
        (lambda: worst_case(FCFS, latest=-1), ["latest", "-1"]),
        (lambda: worst_case(FCFS, longest="x"), ["longest", "'x'"]),
        (lambda: worst_case(FCFS, jobs=8, longest=9), ["8 jobs", "50000", "smaller"]),
        (lambda: worst_case(PRIORITY([1]), jobs=2), ["1 numbers for 2 jobs"]),
    ],
)
def test_searches_refuse_what_is_out_of_reach(call: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(VcloudLabError) as caught:
        call()
    assert isinstance(caught.value, ScheduleError | WorkloadError | PolicyError)
    for word in words:
        assert word in str(caught.value)


# The adversary


def test_the_adversary_tries_every_small_workload_once() -> None:
    found = [tuple((j.arrival, j.burst) for j in w.jobs) for w in small_workloads(2, 1, 2)]
    assert len(found) == len(set(found)) == 7
    assert all(jobs[0][0] == 0 for jobs in found)
    tried = worst_case(FCFS, jobs=2, latest=1, longest=2)
    assert tried.tried == 7


def test_the_adversary_finds_the_convoy_and_clears_srtf() -> None:
    worst = worst_case(FCFS, jobs=3, latest=2, longest=5)
    assert worst.ratio == gap(worst.workload, FCFS) > 1
    assert all(gap(w, FCFS) <= worst.ratio for w in small_workloads(3, 2, 5))
    assert max(job.burst for job in worst.workload.jobs) == worst.workload.jobs[0].burst == 5
    assert worst_case(SRTF, jobs=3, latest=2, longest=5).ratio == 1
