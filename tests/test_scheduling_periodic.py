"""Periodic tasks: EDF and RM against a scheduler that looks at every tick, and the exact tests
against what the simulated jobs do.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from fractions import Fraction
from math import lcm

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scheduling_cases import examples, jobs_in_ticks

from vcloud_lab.errors import PolicyError, VcloudLabError, WorkloadError
from vcloud_lab.scheduling import FCFS, Policy, Workload, simulate
from vcloud_lab.scheduling.feasibility import (
    demand,
    edf_feasible,
    overload,
    response_times,
    utilisation,
    within_hyperbolic,
    within_liu_layland,
)
from vcloud_lab.scheduling.periodic import EDF, RM, Miss, PeriodicTask, PeriodicTasks, missed

Row = tuple[str, int, int, int, int]  # name, period, burst, deadline, offset


def released(rows: list[Row], until: int) -> list[tuple[str, int, int, int, int]]:
    """Name, release, burst, absolute deadline and period of each job, looking at every tick."""
    jobs = []
    count = dict.fromkeys((name for name, *_ in rows), 0)
    for now in range(until):
        for name, period, burst, deadline, offset in rows:
            if now >= offset and (now - offset) % period == 0:
                count[name] += 1
                jobs.append((f"{name}.{count[name]}", now, burst, now + deadline, period))
    return jobs


def tick_by_tick(jobs: list[tuple[int, int]], number: list[int]) -> list[int]:
    """Who runs in each tick, -1 where nobody does: the smallest number, kept on a tie."""
    left = [burst for _, burst in jobs]
    running, ran = -1, []
    while any(left):
        now = len(ran)
        there = [i for i, (arrival, _) in enumerate(jobs) if arrival <= now and left[i]]
        if running not in there:
            running = -1
        if there:
            best = min(there, key=lambda i: (number[i], jobs[i][0], i))
            if running < 0 or number[best] < number[running]:
                running = best
            left[running] -= 1
        ran.append(running)
    return ran


def played(workload: Workload, policy: Policy) -> list[int]:
    """The same from the package's schedule, whose reasons are read on the way."""
    schedule = simulate(workload, policy)
    ran = [-1] * int(schedule.makespan)
    for piece in schedule.slices():
        for now in range(int(piece.start), int(piece.end)):
            assert ran[now] == -1
            ran[now] = workload.names.index(piece.job)
    for decision in schedule.ledger():
        assert decision.chosen is not None
        assert decision.chosen in decision.reason
    return ran


@st.composite
def sets(
    draw: st.DrawFn, *, shorter: bool = True, longer: bool = True, offsets: bool = False
) -> list[Row]:
    """Up to four tasks with a small hyperperiod, loaded lightly to beyond the full."""
    rows = []
    for name in "ABCD"[: draw(st.integers(1, 4))]:
        period = draw(st.sampled_from([2, 3, 4, 5, 6, 8, 10, 12]))
        burst = draw(st.integers(1, max(1, period // draw(st.sampled_from([1, 2, 3])))))
        least = burst if shorter else period
        deadline = draw(st.integers(least, period * (2 if longer else 1)))
        offset = draw(st.integers(0, 6)) if offsets else 0
        rows.append((name, period, burst, deadline, offset))
    return rows


def late(rows: list[Row], until: int, kind: str) -> list[tuple[str, int]]:
    """Name and lateness of the jobs that the tick-by-tick scheduler ends too late."""
    jobs = released(rows, until)
    ran = tick_by_tick([job[1:3] for job in jobs], [job[3 if kind == "EDF" else 4] for job in jobs])
    end = {i: now + 1 for now, i in enumerate(ran)}
    return [(job[0], end[i] - job[3]) for i, job in enumerate(jobs) if end[i] > job[3]]


@examples(200)
@given(sets(offsets=True), st.integers(1, 60))
def test_releases_schedules_and_misses(rows: list[Row], until: int) -> None:
    tasks = PeriodicTasks(rows, until)
    jobs = released(rows, until)
    assert [(j.name, j.arrival, j.burst) for j in tasks.workload.jobs] == [j[:3] for j in jobs]
    assert tasks.deadlines == {job[0]: job[3] for job in jobs}
    assert tasks.periods == {job[0]: job[4] for job in jobs}
    for kind, policy, column in (("EDF", EDF(tasks), 3), ("RM", RM(tasks), 4)):
        expected = tick_by_tick([job[1:3] for job in jobs], [job[column] for job in jobs])
        assert played(tasks.workload, policy) == expected
        misses = missed(simulate(tasks.workload, policy), tasks)
        assert [(miss.job, miss.lateness) for miss in misses] == late(rows, until, kind)
        assert all(miss.completion - miss.deadline == miss.lateness > 0 for miss in misses)


@examples(200)
@given(jobs_in_ticks(), st.lists(st.integers(0, 40), min_size=7, max_size=7))
def test_deadlines_of_single_jobs(jobs: list[tuple[int, int]], told: list[int]) -> None:
    workload = Workload(jobs)
    told = told[: len(jobs)]
    by_name = dict(zip(workload.names, told, strict=True))
    assert played(workload, EDF(told)) == tick_by_tick(jobs, told)
    assert played(workload, EDF(by_name)) == tick_by_tick(jobs, told)


@examples(300)
@given(sets())
def test_edf_misses_only_where_the_demand_is_too_much(rows: list[Row]) -> None:
    horizon = lcm(*(period for _, period, *_ in rows))
    found = overload(rows)
    if found is None:
        assert edf_feasible(rows)
        assert sum(Fraction(burst, period) for _, period, burst, *_ in rows) <= 1
        assert late(rows, 2 * horizon, "EDF") == []
        tasks = PeriodicTasks(rows)
        assert tasks.horizon == horizon
        assert missed(simulate(tasks.workload, EDF(tasks)), tasks) == ()
    else:
        assert not edf_feasible(rows)
        at = int(found.deadline)
        jobs = [job for job in released(rows, at) if job[3] <= at]
        assert found.demand == demand(rows, at) == sum(job[2] for job in jobs) > at
        tasks = PeriodicTasks(rows, at)
        misses = missed(simulate(tasks.workload, EDF(tasks)), tasks)
        assert any(miss.deadline <= at for miss in misses)
        assert all(demand(rows, before) <= before for before in range(at))  # it is the first


@examples(150)
@given(sets(longer=False, offsets=True))
def test_two_hyperperiods_after_the_last_offset_are_enough(rows: list[Row]) -> None:
    assume(sum(Fraction(burst, period) for _, period, burst, *_ in rows) <= 1)
    tasks = PeriodicTasks(rows)
    latest = max(row[4] for row in rows)
    assert tasks.horizon == tasks.hyperperiod * (2 if latest else 1) + latest
    meets = not missed(simulate(tasks.workload, EDF(tasks)), tasks)
    assert meets == (not late(rows, int(tasks.horizon + 3 * tasks.hyperperiod), "EDF"))
    assert meets or not edf_feasible(rows)


@examples(300)
@given(sets(longer=False))
def test_the_response_is_the_worst_from_a_common_release(rows: list[Row]) -> None:
    tasks = PeriodicTasks(rows)
    schedule = simulate(tasks.workload, RM(tasks))
    misses = {job.rpartition(".")[0] for job, _ in late(rows, int(tasks.horizon), "RM")}
    worst: dict[str, int] = {}
    for job, turnaround in schedule.turnaround.items():
        name = job.rpartition(".")[0]
        worst[name] = max(worst.get(name, 0), int(turnaround))
    told = response_times(tasks)
    period = {row[0]: row[1] for row in rows}
    behind = {period[name] for name in told if told[name] is None}  # may keep the CPU from equals
    for name in told:
        if told[name] is None:
            assert name in misses
        elif period[name] not in behind:
            assert name not in misses
            assert told[name] == worst[name]


@examples(150)
@given(sets(longer=False, offsets=True))
def test_responses_hold_whatever_the_offsets(rows: list[Row]) -> None:
    told = response_times(rows)
    tasks = PeriodicTasks(rows, 60)
    schedule = simulate(tasks.workload, RM(tasks))
    if None not in told.values():
        for job, turnaround in schedule.turnaround.items():
            assert turnaround <= told[job.rpartition(".")[0]]


@examples(200)
@given(sets(shorter=False, longer=False))
@example([("A", 2, 1, 2, 0), ("B", 5, 1, 5, 0)])
def test_each_bound_for_rm_accepts_less_than_the_next(rows: list[Row]) -> None:
    meets = None not in response_times(rows).values()
    assert within_liu_layland(rows) <= within_hyperbolic(rows) <= meets
    assert meets <= edf_feasible(rows) == (utilisation(rows) <= 1)


def test_the_steps_between_the_bounds() -> None:
    def verdicts(*rows: tuple[object, ...]) -> list[bool]:
        meets = None not in response_times(rows).values()
        return [within_liu_layland(rows), within_hyperbolic(rows), meets, edf_feasible(rows)]

    assert verdicts(("A", 1, 1)) == [True] * 4  # one task may fill the CPU
    # Two tasks: 2 (sqrt 2 - 1) = 0.82842712474619009760...
    assert verdicts(("A", 2, "0.8284271247461900"), ("B", 2, "0.8284271247461900"))[0]
    assert not verdicts(("A", 2, "0.8284271247461901"), ("B", 2, "0.8284271247461901"))[0]
    assert verdicts(("A", 3, 2), ("B", 10, 2)) == [False, True, True, True]  # (5/3)(6/5) = 2
    assert verdicts(("A", 2, 1), ("B", 4, 1), ("C", 8, 2)) == [False, False, True, True]
    assert verdicts(("A", 5, 2), ("B", 7, 4)) == [False, False, False, True]
    assert verdicts(("A", 5, 3), ("B", 7, 4)) == [False] * 4


def test_rm_misses_where_edf_meets() -> None:
    tasks = PeriodicTasks([PeriodicTask("A", 5, 2), PeriodicTask("B", 7, 4)])
    assert (utilisation(tasks), tasks.hyperperiod) == (Fraction(34, 35), 35)
    edf, rm = simulate(tasks.workload, EDF(tasks)), simulate(tasks.workload, RM(tasks))
    assert missed(edf, tasks) == ()
    assert missed(rm, tasks)[0] == Miss("B.1", 7, 8, 1)
    assert response_times(tasks) == {"A": 2, "B": None}
    reasons = [decision.reason for decision in rm.ledger()]
    assert reasons[2] == "A.2 has the shortest period (5) of 2 ready jobs; B.1 (7) is preempted."
    reasons = [decision.reason for decision in edf.ledger()]
    assert reasons[0] == "A.1 has the earliest deadline (5) of 2 ready jobs."
    kept = [m.reason for m in edf.moments() if m.kind == "keep"]
    assert kept[0].startswith("A.2 arrives (10); B.1 (7) keeps the CPU")


def test_harmonic_periods_fill_the_cpu_under_rm() -> None:
    tasks = PeriodicTasks([("A", 2, 1), ("B", 4, 1), ("C", 8, 2)])
    schedule = simulate(tasks.workload, RM(tasks))
    assert utilisation(tasks) == 1 == schedule.utilisation
    assert missed(schedule, tasks) == ()
    assert response_times(tasks) == {"A": 1, "B": 2, "C": 8}


def test_in_overload_edf_lets_all_tasks_miss_and_rm_the_longest_periods() -> None:
    rows = [("A", 4, 2, 4, 0), ("B", 8, 4, 8, 0), ("C", 16, 2, 16, 0)]
    tasks = PeriodicTasks(rows, 120)

    def who(policy: Policy) -> set[str]:
        return {miss.job[0] for miss in missed(simulate(tasks.workload, policy), tasks)}

    assert who(EDF(tasks)) == {"A", "B", "C"} == {job[0] for job, _ in late(rows, 120, "EDF")}
    assert who(RM(tasks)) == {"C"} == {job[0] for job, _ in late(rows, 120, "RM")}


def test_one_urgent_job_makes_all_the_others_late() -> None:
    jobs = [(f"J{i}", 4 * i, 4) for i in range(20)]
    deadlines = {f"J{i}": 4 * i + 5 for i in range(20)}
    assert missed(simulate(jobs, EDF(deadlines)), deadlines) == ()
    jobs.append(("urgent", 2, 2))
    deadlines["urgent"] = 4
    misses = missed(simulate(jobs, EDF(deadlines)), deadlines)
    assert [(miss.job, miss.lateness) for miss in misses] == [(f"J{i}", 1) for i in range(20)]


def test_two_processors_can_miss_where_the_heavy_task_must_wait() -> None:
    """Dhall & Liu, "On a Real-Time Scheduling Problem", Operations Research 26(1), 1978."""
    tasks = PeriodicTasks([("A", 10, 2), ("B", 10, 2), ("heavy", 11, 10)], until=10)
    assert utilisation(tasks) < 2
    for policy in (EDF(tasks), RM(tasks)):
        late_jobs = missed(simulate(tasks.workload, policy, cpus=2), tasks)
        assert late_jobs == (("heavy.1", 11, 12, 1),)


def test_offsets_can_save_a_set_that_a_common_release_cannot() -> None:
    rows = [PeriodicTask("A", 2, 1, deadline=1), PeriodicTask("B", 2, 1, deadline=1, offset=1)]
    assert overload(rows) == (1, 2)
    tasks = PeriodicTasks(rows)
    assert (tasks.hyperperiod, tasks.horizon) == (2, 5)
    assert missed(simulate(tasks.workload, EDF(tasks)), tasks) == ()


def test_equals_that_come_at_different_times_hold_each_other_up() -> None:
    rows = [("A", 4, 1, 1, 4), ("B", 4, 3, 4, 3)]  # B runs from 3 on, and A must be done by 5
    assert response_times(rows) == {"A": None, "B": 4}
    tasks = PeriodicTasks(rows)
    assert missed(simulate(tasks.workload, RM(tasks)), tasks)[0] == ("A.1", 5, 7, 2)
    together = [row[:4] for row in rows]
    assert response_times(together) == {"A": 1, "B": 4}


def test_priorities_of_ones_own() -> None:
    rows = [("A", 4, 2), ("B", 6, 2, 2)]  # the shorter period has the longer deadline
    assert response_times(rows) == {"A": 2, "B": None}
    by_deadline = {"A": 2, "B": 1}
    assert response_times(rows, by_deadline) == {"A": 4, "B": 2} == response_times(rows, [2, 1])
    tasks = PeriodicTasks(rows)
    relative = {job: tasks.deadlines[job] - tasks.workload[job].arrival for job in tasks.deadlines}
    assert missed(simulate(tasks.workload, RM(relative)), tasks) == ()


def test_fractions_stay_exact() -> None:
    tasks = PeriodicTasks([("A", "0.3", "0.1"), ("B", "1/7", "1/21", "1/9", 0.05)], title="t")
    assert tasks.hyperperiod == 3
    assert tasks.horizon == Fraction(121, 20)
    assert tasks.deadlines["B.2"] == Fraction(5, 100) + Fraction(1, 7) + Fraction(1, 9)
    assert utilisation(tasks) == Fraction(2, 3)
    assert demand(tasks, "0.3") == Fraction(1, 10) + 2 * Fraction(1, 21)
    assert tasks.workload.title == "t"
    assert response_times(tasks) == {"A": Fraction(41, 210), "B": Fraction(1, 21)}


def test_names_labels_and_copies() -> None:
    tasks = PeriodicTasks([("A", 5, 2), ("B", 5, 1)], until=10)
    assert repr(tasks) == "PeriodicTasks A (5, 2), B (5, 1): 4 jobs until 10 in .workload"
    assert tasks.workload.names == ("A.1", "B.1", "A.2", "B.2")
    assert (EDF(tasks).label, RM(tasks, ties="list").label) == ("EDF", "RM ties=list")
    for policy in (EDF(tasks), RM(tasks)):  # a pool of processes can be given them
        copy = pickle.loads(pickle.dumps(policy))
        assert simulate(tasks.workload, copy).completion == {"A.1": 2, "B.1": 3, "A.2": 7, "B.2": 8}


def test_the_checks_can_fail() -> None:
    tasks = PeriodicTasks([("A", 5, 2), ("B", 7, 4)])
    jobs = [(job.arrival, job.burst) for job in tasks.workload.jobs]
    wrong = tick_by_tick(jobs, list(tasks.periods.values()))
    assert played(tasks.workload, EDF(tasks)) != wrong
    urgent = PeriodicTasks([("A", 10, 5), ("B", 2, 1)])
    assert missed(simulate(urgent.workload, EDF(urgent)), urgent) == ()
    assert missed(simulate(urgent.workload, FCFS), urgent)[0] == ("B.1", 2, 6, 4)
    assert missed(simulate([("A", 0, 3)], FCFS), {"A": 3}) == ()  # just in time
    assert missed(simulate([("A", 0, 3)], FCFS), {"A": "2.9"}) == (
        ("A", Fraction(29, 10), 3, Fraction(1, 10)),
    )


ONE = [("A", 0, 1)]
BAD = {
    "no name": (lambda: PeriodicTask("", 5, 2), ["''", "not empty"]),
    "period 0": (lambda: PeriodicTask("A", 0, 2), ["'A'", "period 0", "above 0"]),
    "burst below 0": (lambda: PeriodicTask("A", 5, -2), ["'A'", "burst -2", "above 0"]),
    "deadline 0": (lambda: PeriodicTask("A", 5, 2, 0), ["'A'", "deadline 0", "above 0"]),
    "offset below 0": (lambda: PeriodicTask("A", 5, 2, offset=-1), ["offset -1", "0 or later"]),
    "no number": (lambda: PeriodicTask("A", "soon", 2), ["'A'", "'soon'", "number is needed"]),
    "no burst": (lambda: PeriodicTask("A", 5, None), ["burst", "None", "number is needed"]),
    "one task": (
        lambda: PeriodicTasks(PeriodicTask("A", 5, 2)),
        ["PeriodicTask(", "of tasks"],
    ),
    "a number": (lambda: utilisation(3), ["3", "list of tasks"]),
    "no task": (lambda: PeriodicTasks([]), ["0 tasks", "at least one"]),
    "twice": (lambda: PeriodicTasks([("A", 5, 2), ("A", 7, 4)]), ["'A'", "rename"]),
    "a pair": (lambda: PeriodicTasks([("A", 5, 2), (5, 2)]), ["Entry 2", "(5, 2)"]),
    "until 0": (lambda: PeriodicTasks([("A", 5, 2)], until=0), ["until 0", "above 0"]),
    "until a word": (lambda: PeriodicTasks([("A", 5, 2)], until="x"), ["'x'", "number"]),
    "too many": (
        lambda: PeriodicTasks([("A", 10007, 1), ("B", 10009, 1)]),
        ["more than 20000 jobs", "earlier until"],
    ),
    "bare number": (lambda: EDF(3), ["deadlines are 3", "EDF({'P1'"]),
    "a word for a deadline": (lambda: EDF({"A": "soon"}), ["deadline ('A')", "'soon'"]),
    "period of a job": (lambda: RM([5, 0]), ["RM", "period 0", "above 0"]),
    "no period": (lambda: RM("ab"), ["periods are 'ab'", "RM({'P1'"]),
    "ties": (lambda: EDF([1], ties="x"), ["ties", "'x'"]),
    "no deadline": (lambda: simulate(ONE, EDF({})), ["EDF", "no number for job 'A'"]),
    "too many periods": (lambda: simulate(ONE, RM([1, 2])), ["RM", "2 numbers for 1 jobs"]),
    "missed whom": (lambda: missed(simulate(ONE, FCFS), {"B": 1}), ["missed", "job 'A'"]),
    "an early deadline": (
        lambda: within_liu_layland([("A", 5, 2, 4)]),
        ["'A'", "deadline 4 and period 5", "Liu & Layland", "response_times"],
    ),
    "and a product": (lambda: within_hyperbolic([("A", 5, 2, 4)]), ["hyperbolic bound"]),
    "a late deadline": (lambda: response_times([("A", 5, 2, 6)]), ["deadline 6", "simulate"]),
    "whose priority": (
        lambda: response_times([("A", 5, 2)], {"B": 1}),
        ["priorities are for B", "exactly A"],
    ),
    "how many": (lambda: response_times([("A", 5, 2)], []), ["0 numbers", "1 in list order"]),
    "demand until": (lambda: demand([("A", 5, 2)], "x"), ["until", "'x'"]),
    "out of reach": (
        lambda: overload([(f"T{n}", n, Fraction(n, 2), n - 1) for n in (19999999, 20000001)]),
        ["1000000 deadlines", "farther from 1"],
    ),
}
POLICY = ("bare number", "a word for a deadline", "period of a job", "no period", "ties")
POLICY += ("no deadline", "too many periods", "missed whom", "whose priority", "how many")


@pytest.mark.parametrize("what", BAD)
def test_a_mistake_is_told_in_one_sentence(what: str) -> None:
    call: Callable[[], object]
    call, words = BAD[what]
    error: type[VcloudLabError] = PolicyError if what in POLICY else WorkloadError
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
