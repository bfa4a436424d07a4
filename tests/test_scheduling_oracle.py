"""The scheduling core against a tick-by-tick oracle, over all options and conventions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import Result, Rules, run, run_rigid
from scheduling_cases import all_rules, examples, jobs_in_ticks, schedule

from vcloud_lab.scheduling import FCFS, SJF, Schedule, simulate

POLICIES = ("FCFS", "SJF", "SRTF", "RR")


def compare(jobs: list[tuple[int, int]], rules: Rules) -> tuple[Schedule, Result]:
    """Assert that the package and the oracle agree on everything that can be measured."""
    want, got = run(jobs, rules), schedule(jobs, rules)
    position = {name: i for i, name in enumerate(got.workload.names)}
    case = f"{jobs} under {rules}"
    slices = [(position[s.job], s.start, s.end) for s in got.slices()]
    assert slices == want.slices, case
    completion = [want.completion[i] for i in range(len(jobs))]
    turnaround = [end - arrival for end, (arrival, _) in zip(completion, jobs, strict=True)]
    waiting = [time - burst for time, (_, burst) in zip(turnaround, jobs, strict=True)]
    response = [want.first[i] - arrival for i, (arrival, _) in enumerate(jobs)]
    for metric, values in (
        ("completion", completion),
        ("turnaround", turnaround),
        ("waiting", waiting),
        ("response", response),
    ):
        by_name = dict(zip(got.workload.names, values, strict=True))
        assert getattr(got, metric) == by_name, f"{metric}: {case}"
        assert list(getattr(got, metric)) == list(by_name), f"order of {metric}: {case}"
        assert got.ticks(metric).tolist() == values, f"{metric}: {case}"
    assert list(got.idle_gaps) == want.idle_gaps, case
    assert list(got.overheads) == want.overheads, case
    assert got.context_switches == want.context_switches, case
    assert got.makespan == len(want.busy), case
    return got, want


def compare_moments(jobs: list[tuple[int, int]], got: Schedule, want: Result) -> None:
    """Assert that the ledger tells what the oracle saw, moment by moment."""
    names = got.workload.names
    moments = list(got.moments())
    position = {name: i for i, name in enumerate(names)}
    told = [(m.time, m.kind, None if m.chosen is None else position[m.chosen]) for m in moments]
    assert told == want.moments(jobs)
    assert list(got.ledger()) == [m for m in moments if m.kind == "dispatch"]

    lost: dict[int, int] = {}
    for before, after in zip(want.dispatches, want.dispatches[1:], strict=False):
        if want.completion[before.job] != before.end:
            lost[after.decided] = before.job
    for moment in moments:
        t = int(moment.time)
        ready = [(position[r.job], r.remaining) for r in moment.ready]
        assert ready == (want.queues[t] if moment.kind != "end" else []), moment
        came = [names[i] for i, (arrival, _) in enumerate(jobs) if arrival == t]
        assert list(moment.arrived) == came, moment
        assert list(moment.finished) == [names[i] for i, e in want.completion.items() if e == t]
        assert moment.preempted == (names[lost[t]] if t in lost else None), moment
        if moment.kind == "dispatch":
            assert moment.candidates == (moment.chosen, *(r.job for r in moment.ready))
            assert str(moment.chosen) in moment.reason, moment
        assert moment.reason.endswith("."), moment


COSTS = [(0, "between"), (1, "between"), (3, "between"), (1, "dispatch"), (2, "dispatch")]


@pytest.mark.parametrize("policy", POLICIES)
@given(
    jobs=jobs_in_ticks(),
    quantum=st.integers(1, 9),
    cost=st.sampled_from(COSTS),
)
@examples(400)
def test_random_workloads(
    policy: str, jobs: list[tuple[int, int]], quantum: int, cost: tuple[int, str]
) -> None:
    for free_or_not in {(0, "between"): None, cost: None}:
        for rules in all_rules((quantum,), *free_or_not):
            if rules.policy == policy:
                compare_moments(jobs, *compare(jobs, rules))


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_every_small_workload(policy: str) -> None:
    """All workloads of up to three jobs that arrive by 2 and run up to 3: nothing left to luck."""
    costs = [(0, "between"), (1, "between"), (2, "dispatch")]
    cases = [r for cost in costs for r in all_rules((1, 2), *cost) if r.policy == policy]
    count = 0
    for jobs in small_workloads(most=3, latest=2, longest=3):
        for rules in cases:
            compare(jobs, rules)
            count += 1
    assert count == 820 * len(cases)


def small_workloads(most: int, latest: int, longest: int) -> Iterator[list[tuple[int, int]]]:
    every = list(product(range(latest + 1), range(1, longest + 1)))
    for size in range(most + 1):
        yield from map(list, product(every, repeat=size))


@pytest.mark.parametrize("enqueue", ["arrival-first", "preempted-first"])
@given(
    quantum=st.integers(1, 4),
    bursts=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    turns=st.lists(st.integers(0, 6), min_size=6, max_size=6),
)
@examples(300)
def test_arrivals_exactly_at_expiry(
    enqueue: str, quantum: int, bursts: list[int], turns: list[int]
) -> None:
    jobs = [(quantum * turn, burst) for turn, burst in zip([0, *turns], bursts, strict=False)]
    rules = Rules("RR", quantum=quantum, enqueue=enqueue)
    compare_moments(jobs, *compare(jobs, rules))


def test_enqueue_order_matters_somewhere() -> None:
    jobs = [(0, 4), (2, 3), (4, 2)]
    means = [
        schedule(jobs, Rules("RR", quantum=2, enqueue=enqueue)).mean("waiting")
        for enqueue in ("arrival-first", "preempted-first")
    ]
    assert [3 * mean for mean in means] == [8, 6]


def test_preemption_at_the_end_of_a_switch_leaves_no_slice() -> None:
    """B gets the CPU at 7 and loses it at once to C, which came during the switch."""
    jobs = [(0, 10), (5, 4), (6, 1)]
    got, want = compare(jobs, Rules("SRTF", cost=2))
    empty = got.trace.start == got.trace.end
    assert got.trace.job[empty].tolist() == [1]
    assert [(s.job, s.start, s.end) for s in got.slices()] == [
        ("P1", 0, 5),
        ("P3", 9, 10),
        ("P2", 12, 16),
        ("P1", 18, 23),
    ]
    assert got.context_switches == want.context_switches == 4


def test_no_jobs_and_one_job() -> None:
    for rules in all_rules((2,), 1, "dispatch"):
        compare_moments([], *compare([], rules))
        compare_moments([(3, 5)], *compare([(3, 5)], rules))


RIGID = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 8), st.integers(1, 4)), max_size=8)


@pytest.mark.parametrize("policy", [FCFS, SJF])
@given(jobs=RIGID, cpus=st.integers(4, 6))
@examples(300)
def test_rigid_jobs(policy: object, jobs: list[tuple[int, int, int]], cpus: int) -> None:
    named = [(f"P{i}", *job) for i, job in enumerate(jobs, 1)]
    want = run_rigid(jobs, policy.__name__, cpus)
    got = simulate(named, policy, cpus=cpus)
    assert list(got.completion.values()) == [end for _, end in want]
    expected = [start - job[0] for job, (start, _) in zip(jobs, want, strict=True)]
    assert list(got.response.values()) == list(got.waiting.values()) == expected
    assert sorted(got.slices()) == sorted(
        (name, *span) for (name, *_), span in zip(named, want, strict=True)
    )
    end = max((end for _, end in want), default=0)
    busy = [
        sum(job[2] for job, (start, stop) in zip(jobs, want, strict=True) if start <= t < stop)
        for t in range(end + 1)
    ]
    times, heights = got.profile()
    steps = dict(zip(times.tolist(), heights.tolist(), strict=True))
    level, told = 0, []
    for t in range(end + 1):
        level = steps.get(t, level)
        told.append(level)
    assert told == busy
    gaps = [t for t in range(end) if busy[t] == 0]
    assert [t for a, b in got.idle_gaps for t in range(int(a), int(b))] == gaps
    check_rigid_ledger(jobs, want, list(got.ledger()), policy is SJF)


def check_rigid_ledger(
    jobs: list[tuple[int, int, int]],
    spans: list[tuple[int, int]],
    ledger: list,
    shortest: bool,
) -> None:
    assert len(ledger) == len(jobs)
    assert [d.time for d in ledger] == sorted(start for start, _ in spans)
    started: set[int] = set()
    for decision in ledger:
        there = [i for i, job in enumerate(jobs) if job[0] <= decision.time and i not in started]
        there.sort(key=lambda i: (jobs[i][1] if shortest else 0, jobs[i][0], i))
        assert decision.candidates == tuple(f"P{i + 1}" for i in there)
        started.add(there[0])


@given(jobs=jobs_in_ticks())
@examples(200)
def test_width_one_on_one_processor_is_the_same(jobs: list[tuple[int, int]]) -> None:
    for name, policy in (("FCFS", FCFS), ("SJF", SJF)):
        wide = run_rigid([(*job, 1) for job in jobs], name, 1)
        assert list(simulate(jobs, policy).completion.values()) == [end for _, end in wide]
