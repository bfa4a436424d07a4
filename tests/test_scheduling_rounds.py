"""Round robin by rounds: exactly the plain loop, at a cost that no quantum changes."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import ENQUEUE, exact_jobs, exact_times, examples

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling import RR, Workload, circle, policies, random_workload, rounds, simulate
from vcloud_lab.scheduling.circle import Circle
from vcloud_lab.scheduling.loops import round_robin
from vcloud_lab.scheduling.rounds import play_rounds
from vcloud_lab.scheduling.trace import Switch, Trace


def never() -> Trace:
    raise AssertionError("the jobs' times must not need the trace")


def agree(workload: Workload, quantum: int, switch: Switch, *, arrival_first: bool) -> None:
    """Every figure that the rounds work out is that of the plain loop."""
    plain = round_robin(workload, switch, quantum=quantum, arrival_first=arrival_first)
    quick = play_rounds(
        workload, switch, quantum=quantum, arrival_first=arrival_first, play_turns=never
    )
    jobs = len(workload)
    assert quick.completion(jobs).tolist() == plain.completion(jobs).tolist()
    assert quick.first_run(jobs).tolist() == plain.first_run(jobs).tolist()
    assert quick.switches == plain.switches
    assert quick.last_end == plain.last_end
    assert quick.counters["dispatches"] == plain.counters["dispatches"]
    assert quick.counters["rounds_played"] <= 4 * jobs


def drawn(rng: Random) -> tuple[Workload, int]:
    """A workload, at times crowded, at times idle, often with ties, and a quantum."""
    jobs, latest = rng.randint(0, 12), rng.choice([0, 5, 30, 200])
    longest = rng.choice([1, 4, 15, 60])
    arrivals = [rng.randint(0, latest) for _ in range(jobs)]
    bursts = [rng.randint(1, longest) for _ in range(jobs)]
    return Workload.from_columns(arrivals, bursts), rng.choice([1, 1, 2, 3, 7, 50])


@pytest.mark.parametrize("line", [rounds.LINE, 2], ids=["plain list", "tree"])
@pytest.mark.parametrize("arrival_first", [True, False])
@pytest.mark.parametrize("switch", [Switch(), Switch(1), Switch(3, always=True), Switch(5)])
def test_equal_to_the_plain_loop(
    line: int, arrival_first: bool, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINE", line)
    if line == 2:
        monkeypatch.setattr(circle, "BLOCK", 4)
    rng = Random(f"{line} {arrival_first} {switch}")
    for _ in range(400):
        agree(*drawn(rng), switch, arrival_first=arrival_first)


@pytest.mark.parametrize("load", [0.5, 0.95, 3])
def test_equal_on_long_workloads(load: float) -> None:
    # At load 3 the circle holds most of the jobs at once: far more than one block of it.
    workload = random_workload(4000, seed=8, load=load, mean_burst=40)
    for arrival_first in (True, False):
        agree(workload, 3, Switch(), arrival_first=arrival_first)
        agree(workload, 3, Switch(2), arrival_first=arrival_first)


@given(jobs=exact_jobs(), quantum=exact_times(1), enqueue=st.sampled_from(ENQUEUE))
@examples(200)
def test_a_schedule_does_not_tell_how_it_was_made(
    jobs: list[tuple[Fraction, Fraction]], quantum: Fraction, enqueue: str
) -> None:
    policy = RR(quantum, enqueue=enqueue)
    plain = simulate(jobs, policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "FEW_TURNS", -1)
        patch.setattr(policies, "FEW_A_JOB", 0)
        quick = simulate(jobs, policy)
    assert "rounds_played" in quick.counters
    assert "queue_entries" in plain.counters
    for metric in ("completion", "turnaround", "waiting", "response"):
        assert getattr(quick, metric) == getattr(plain, metric)
    assert list(quick.moments()) == list(plain.moments())
    assert list(quick.slices()) == list(plain.slices())
    assert quick.idle_gaps == plain.idle_gaps
    if jobs:
        assert quick.summary() == plain.summary()


def test_the_quick_way_is_chosen_where_turns_are_many() -> None:
    workload = random_workload(1000, seed=3, mean_burst=1000)
    assert "queue_entries" in simulate(workload, RR(1000)).counters
    assert "rounds_played" in simulate(workload, RR(1)).counters


@pytest.mark.parametrize("quantum", [1, Fraction(1, 3), Fraction(1, 10**6)])
def test_a_case_that_a_formula_answers(quantum: Fraction) -> None:
    # All come at 0 and need k quanta: in each round one turn each, so job i (from 0) first runs at
    # i quanta and ends in round k as the i-th.
    jobs, burst = 7, 10**6
    schedule = simulate([(0, burst)] * jobs, RR(quantum))
    turns = burst / Fraction(quantum)
    ends = [(turns - 1) * jobs * quantum + (i + 1) * quantum for i in range(jobs)]
    assert list(schedule.completion.values()) == ends
    assert list(schedule.response.values()) == [i * quantum for i in range(jobs)]
    assert schedule.counters["dispatches"] == jobs * turns


def test_its_work_grows_like_n_log_n_and_not_with_the_quanta() -> None:
    def work(jobs: int, quanta: int) -> dict[str, int]:
        workload = random_workload(jobs, seed=4, load=3, mean_burst=10**6)
        found = simulate(workload, RR(10**6 // quanta)).counters
        return {name: count for name, count in found.items() if name != "dispatches"}

    few, many = work(2000, 100), work(2000, 10**5)
    assert many["rounds_played"] <= 4 * 2000
    assert many["circle_steps"] <= 1.25 * few["circle_steps"]
    more = work(16_000, 1000)["circle_steps"]
    assert more / (16_000 * np.log2(16_000)) <= 2 * few["circle_steps"] / (2000 * np.log2(2000))


def test_a_trace_that_is_too_long_is_refused_in_words_and_the_times_stay() -> None:
    schedule = simulate([("A", 0, 10**9), ("B", 5, 10**9)], RR(1))
    assert schedule.completion == {"A": 2 * 10**9 - 5, "B": 2 * 10**9}
    with pytest.raises(PolicyError, match=r"RR with quantum 1 takes 2000000000 turns"):
        next(schedule.slices())
    assert schedule.waiting["B"] == 10**9 - 5


@given(st.data())
@examples(200)
def test_the_circle_is_a_list(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circle, "BLOCK", 4)
        known = list(range(data.draw(st.integers(0, 20))))
        ours = Circle(known)
        for member in range(100, 100 + data.draw(st.integers(0, 60))):
            if known and data.draw(st.booleans()):
                rank = data.draw(st.integers(0, len(known) - 1))
                ours.pop(rank)
                del known[rank]
            rank = data.draw(st.integers(0, len(known)))
            ours.insert(rank, member)
            known.insert(rank, member)
            assert [ours.rank(one) for one in known] == list(range(len(known)))
            assert all(len(block) <= 4 for block in ours._blocks)
