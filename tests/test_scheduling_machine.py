"""The general machine against the fast loops, a machine that looks at every tick, and its laws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_cases import cases, grid_of, name_of, policies, policy_of, simulated, works
from oracle_machine import IDLE, SWITCH, Box, Run, Work, run
from scheduling_cases import ON_TIE, examples

from vcloud_lab.scheduling import (
    FCFS,
    LRTF,
    RR,
    SJF,
    SRTF,
    Decision,
    Job,
    Schedule,
    Workload,
    io_every,
    simulate,
)
from vcloud_lab.scheduling.dispatcher import play

Case = tuple[list[Work], Box]


def without_cpu(decision: Decision) -> dict[str, object]:
    return {key: value for key, value in vars(decision).items() if key != "cpu"}


# One CPU: what the fast loops say


@examples(1200)
@given(st.data())
def test_on_one_cpu_it_equals_the_fast_loops(data: st.DataObject) -> None:
    jobs = data.draw(works(io=False))
    box = replace(
        data.draw(policies(len(jobs))),
        cost=data.draw(st.sampled_from([0, 0, 1, 3])),
        charge=data.draw(st.sampled_from(["between", "dispatch"])),
    )
    fast = simulated(jobs, box)
    trace = play(fast.workload, fast.policy, fast.setup)
    slow = Schedule(fast.workload, fast.policy, trace, fast.setup)
    assert fast.trace.cpu is None
    assert trace.cpu is not None  # two different ways
    assert list(slow.slices(merge=False)) == list(fast.slices())
    assert list(slow.slices(merge=True)) == list(fast.slices(merge=True))
    assert list(slow.slices(cpu=0)) == list(fast.slices(cpu=0))
    assert (slow.overheads, slow.idle_gaps) == (fast.overheads, fast.idle_gaps)
    assert [*map(without_cpu, slow.moments())] == [*map(without_cpu, fast.moments())]
    for figure in ("completion", "response", "waiting", "context_switches", "migrations"):
        assert getattr(slow, figure) == getattr(fast, figure)


# Many CPUs: what the machine that looks at every tick says


def compare(got: Schedule, want: Run, jobs: list[Work]) -> None:
    """All that a schedule tells about who ran when and where."""
    names = [name_of(at) for at in range(len(jobs))]
    trace = got.trace
    assert trace.cpu is not None
    columns = (trace.job, trace.cpu, trace.decided, trace.start, trace.end)
    stints = [(s.job, s.cpu, s.decided, s.start, s.end) for s in want.stints]
    assert [*zip(*(column.tolist() for column in columns), strict=True)] == stints
    assert grid_of(got) == want.grid
    assert got.completion == {names[job]: want.completion[job] for job in range(len(jobs))}
    for job, work in enumerate(jobs):
        name, stay = names[job], want.completion[job] - work.arrival
        assert got.turnaround[name] == stay
        assert got.waiting[name] == stay - sum(work.bursts) - sum(work.waits)
        assert got.response[name] == want.first[job] - work.arrival
    figures(got, want)
    ledger(got, want)


def figures(got: Schedule, want: Run) -> None:
    """What is said about all CPUs together."""
    ends = [(stint.decided, stint.start) for stint in want.stints if stint.start > stint.decided]
    assert list(got.overheads) == ends
    assert list(got.idle_gaps) == want.idle_gaps
    assert got.context_switches == want.context_switches
    assert got.migrations == want.migrations
    assert got.makespan == len(want.grid)
    at_work = [sum(job >= 0 for job in row) for row in want.grid]
    if at_work:
        assert got.utilisation == Fraction(sum(at_work), got.cpus * len(at_work))
        times, busy = got.profile()
        place = np.searchsorted(times, np.arange(len(at_work)), side="right") - 1
        assert busy[place].tolist() == at_work
    all_slices = list(got.slices())
    assert [piece.start for piece in all_slices] == sorted(piece.start for piece in all_slices)
    each = [piece for cpu in range(got.cpus) for piece in got.slices(cpu=cpu)]
    assert Counter(all_slices) == Counter(each)
    for cpu in range(got.cpus):
        merged = list(got.slices(cpu=cpu, merge=True))
        assert not any(a.job == b.job and a.end == b.start for a, b in pairwise(merged))
        apart, joined = (sum(p.end - p.start for p in ps) for ps in (got.slices(cpu=cpu), merged))
        assert apart == joined


def ledger(got: Schedule, want: Run) -> None:
    """Who was chosen out of whom, and who lost the CPU."""
    told = [(d.time, d.cpu, d.chosen, d.preempted, {r.job for r in d.ready}) for d in got.ledger()]
    assert told == [
        (
            stint.decided,
            stint.cpu,
            name_of(stint.job),
            None if stint.lost is None else name_of(stint.lost),
            {name_of(other) for other in stint.others},
        )
        for stint in want.stints
    ]
    moments = list(got.moments())
    assert moments[-1].kind == "end"
    assert all(a.time <= b.time for a, b in pairwise(moments))
    came = Counter(name for moment in moments for name in moment.arrived)
    assert came == {job.name: 1 + len(job.io) for job in got.workload.jobs}
    assert Counter(name for m in moments for name in m.finished) == dict.fromkeys(came, 1)
    for decision in got.ledger():
        assert decision.reason.startswith(f"CPU {decision.cpu}: " if got.cpus > 1 else "")
        assert str(decision.chosen) in decision.reason


@examples(1200)
@given(cases(per_core=False))
def test_a_global_queue_is_as_tick_by_tick(case: Case) -> None:
    jobs, box = case
    compare(numbered(jobs, box), run(jobs, box), jobs)


@examples(1500)
@given(cases(per_core=True))
def test_queues_per_core_are_as_tick_by_tick(case: Case) -> None:
    jobs, box = case
    compare(numbered(jobs, box), run(jobs, box), jobs)


def numbered(jobs: list[Work], box: Box) -> Schedule:
    """The schedule of the general machine, also where a fast loop would do."""
    got = simulated(jobs, box)
    trace = got.trace if got.trace.cpu is not None else play(got.workload, got.policy, got.setup)
    return Schedule(got.workload, got.policy, trace, got.setup)


FIVE = [Work(0, (4, 3), (1,)), Work(0, (5,)), Work(1, (3,)), Work(1, (4,)), Work(2, (5,))]
ROUND = Box("RR", cpus=2, quantum=2)
RANKS = Box("PRIORITY", cpus=2, numbers=(2, 1, 3, 1, 0), preemptive=True)
CORES = replace(ROUND, per_core=True)
TURNS: list[tuple[Box, dict[str, object]]] = [
    (ROUND, {"cpus": 3}),
    (ROUND, {"quantum": 3}),
    (ROUND, {"enqueue": "preempted-first"}),
    (ROUND, {"cost": 1}),
    (replace(ROUND, cost=1), {"charge": "dispatch"}),
    (ROUND, {"migration": 2}),
    (ROUND, {"affinity": (None, frozenset({0}), None, None, None)}),
    (ROUND, {"per_core": True}),
    (CORES, {"steal": False}),
    (RANKS, {"preemptive": False}),
    (RANKS, {"ageing": 1}),
    (RANKS, {"numbers": (0, 1, 3, 1, 2)}),
    (Box("SRTF", cpus=2, preemptive=True), {"on_tie": "preempt"}),
    (Box("SJF", cpus=2), {"policy": "FCFS"}),
]


@pytest.mark.parametrize(("box", "change"), TURNS, ids=[str(change) for _, change in TURNS])
def test_every_option_changes_something_and_the_comparison_sees_it(
    box: Box, change: dict[str, object]
) -> None:
    other = replace(box, **change)  # type: ignore[arg-type]
    compare(numbered(FIVE, box), run(FIVE, box), FIVE)
    compare(numbered(FIVE, other), run(FIVE, other), FIVE)
    with pytest.raises(AssertionError):
        compare(numbered(FIVE, other), run(FIVE, box), FIVE)


# Cases that a machine of several CPUs gets wrong easily


def rows(schedule: Schedule) -> list[list[tuple[str, int, int]]]:
    """The slices of each CPU."""
    return [
        [(piece.job, int(piece.start), int(piece.end)) for piece in schedule.slices(cpu=cpu)]
        for cpu in range(schedule.cpus)
    ]


def test_two_who_come_together_both_preempt() -> None:
    jobs = [("A", 0, 10), ("B", 0, 11), ("C", 2, 5), ("D", 2, 3)]
    assert rows(simulate(jobs, SRTF, cpus=2)) == [
        [("A", 0, 2), ("C", 2, 7), ("B", 7, 16)],
        [("B", 0, 2), ("D", 2, 5), ("A", 5, 13)],
    ]


def test_who_loses_a_cpu_uses_another_that_is_idle() -> None:
    jobs = [("A", 0, 6), ("B", 2, 1)]
    assert rows(simulate(jobs, SRTF, cpus=2, affinity={"B": [0]})) == [
        [("A", 0, 2), ("B", 2, 3)],
        [("A", 2, 6)],
    ]


@pytest.mark.parametrize("on_tie", ON_TIE)
def test_of_equal_victims_the_lowest_cpu_is_taken(on_tie: str) -> None:
    jobs = [("A", 0, 5), ("B", 0, 5), ("C", 1, 3)]
    assert rows(simulate(jobs, SRTF(on_tie=on_tie), cpus=2)) == [
        [("A", 0, 1), ("C", 1, 4), ("A", 4, 8)],
        [("B", 0, 5)],
    ]


def test_who_took_part_in_a_choice_is_no_newcomer_to_the_job_chosen() -> None:
    jobs = [("B", 2, 4), ("A", 0, 6), ("C", 3, 2)]
    schedule = simulate(jobs, LRTF(2, ties="list"), cpus=2, switch_cost=3)
    # C comes during the switch to B and is not chosen at 4, when A is. At 5 the switch is over and
    # A has less left than C, but goes on to the end of its quantum.
    assert rows(schedule) == [
        [("A", 0, 2), ("B", 5, 7), ("B", 7, 9)],
        [("A", 2, 4), ("A", 4, 6), ("C", 9, 11)],
    ]


def test_a_core_has_the_job_whose_quantum_ends_as_another_comes() -> None:
    jobs = [("A", 0, 4), ("B", 0, 3), ("C", 2, 1)]  # at 2 either core has one job
    ran = rows(simulate(jobs, RR(2), cpus=2, queues="per-core", steal=False))
    assert ran == [[("A", 0, 2), ("C", 2, 3), ("A", 3, 5)], [("B", 0, 2), ("B", 2, 3)]]
    jobs[1] = ("B", 0, 2)  # at 2 core 1 is free, and core 0 has a job though nobody runs there
    ran = rows(simulate(jobs, RR(2), cpus=2, queues="per-core", steal=False))
    assert ran == [[("A", 0, 2), ("A", 2, 4)], [("B", 0, 2), ("C", 2, 3)]]


def test_an_idle_cpu_steals_the_last_job_of_the_longest_queue() -> None:
    jobs = [("A", 0, 9), ("B", 0, 1), ("C", 0, 2), ("D", 0, 3), ("E", 0, 4)]
    schedule = simulate(jobs, FCFS, cpus=2, queues="per-core")
    assert rows(schedule) == [[("A", 0, 9)], [("B", 0, 1), ("D", 1, 4), ("E", 4, 8), ("C", 8, 10)]]
    assert schedule.counters["steals"] == 2
    assert schedule.migrations == 0  # they had not run yet
    alone = simulate(jobs, FCFS, cpus=2, queues="per-core", steal=False)
    assert rows(alone) == [[("A", 0, 9), ("C", 9, 11), ("E", 11, 15)], [("B", 0, 1), ("D", 1, 4)]]


def test_a_migration_is_paid_on_top_of_a_switch() -> None:
    jobs = [("A", 0, 6), ("B", 1, 1), ("C", 3, 1)]
    schedule = simulate(
        jobs, SRTF, cpus=2, affinity={"C": [0]}, switch_cost=1, migration_cost=Fraction(1, 2)
    )
    assert schedule.overheads == ((3, 4), (3, Fraction(9, 2)))
    assert schedule.migrations == 1
    assert schedule.completion == {"A": Fraction(15, 2), "B": 2, "C": 5}


# I/O


def test_io_and_cpu_overlap() -> None:
    jobs = [Job("A", 0, 4, io=[(2, 3)]), Job("B", 0, 3)]
    schedule = simulate(jobs, FCFS)
    assert rows(schedule) == [[("A", 0, 2), ("B", 2, 5), ("A", 5, 7)]]
    assert schedule.waiting == {"A": 0, "B": 2}
    assert schedule.turnaround == {"A": 7, "B": 5}
    assert schedule.utilisation == 1
    alone = simulate(jobs[:1], FCFS)
    assert (alone.makespan, alone.idle_gaps, alone.waiting) == (7, ((2, 5),), {"A": 0})


def test_sjf_goes_by_the_present_cpu_burst() -> None:
    jobs = [Job("A", 0, 10, io=[(1, 1)]), ("B", 0, 2), ("C", 1, 8)]
    # A is 1 long at first and 9 after its I/O: before B, and after C
    assert rows(simulate(jobs, SJF)) == [[("A", 0, 1), ("B", 1, 3), ("C", 3, 11), ("A", 11, 20)]]


def test_io_every() -> None:
    assert io_every(6, 2, 5) == [(2, 5), (4, 5)]
    assert io_every(7, 2, 1) == [(2, 1), (4, 1), (6, 1)]
    assert io_every(2, 2, 1) == io_every(1, 2, 1) == []
    assert io_every("1", 0.4, "1/3") == [
        (Fraction(2, 5), Fraction(1, 3)),
        (Fraction(4, 5), Fraction(1, 3)),
    ]


def test_fractions_of_a_tick_in_io_are_exact() -> None:
    job = Job("A", "1/3", 1, io=[("1/2", "1/7")])
    schedule = simulate([job], FCFS)
    assert schedule.completion == {"A": Fraction(1, 3) + 1 + Fraction(1, 7)}
    assert schedule.workload.jobs == (job,) or list(schedule.workload.jobs) == [job]
    told = {"name": "A", "arrival": "1/3", "burst": 1, "io": [["1/2", "1/7"]]}
    assert Workload([told]).jobs == schedule.workload.jobs


# Laws, seen from the schedule alone


def asleep(schedule: Schedule) -> dict[str, list[tuple[int, int]]]:
    """When each job waited for a device, from how much it had run."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in schedule.workload.names}
    ran = dict.fromkeys(found, 0)
    for piece in schedule.slices():
        ran[piece.job] += int(piece.end - piece.start)
        for after, length in schedule.workload[piece.job].io:
            if after == ran[piece.job]:
                found[piece.job].append((int(piece.end), int(piece.end + length)))
    return found


def waiting_in(schedule: Schedule, tick: int, sleeps: dict[str, list[tuple[int, int]]]) -> set[str]:
    """Who is there in a tick, not done, and not at a device: it runs, is switched to, or waits."""
    return {
        job.name
        for job in schedule.workload.jobs
        if job.arrival <= tick < schedule.completion[job.name]
        and not any(start <= tick < end for start, end in sleeps[job.name])
    }


@examples(400)
@given(cases())
def test_time_is_conserved_on_every_cpu(case: Case) -> None:
    jobs, box = case
    schedule = numbered(jobs, box)
    sleeps, trace = asleep(schedule), schedule.trace
    assert trace.cpu is not None
    ran: Counter[int] = Counter()
    for row in grid_of(schedule):
        running = [job for job in row if job >= 0]
        assert len(running) == len({*running})  # nobody on two CPUs
        ran.update(running)
    assert dict(ran) == {at: sum(work.bursts) for at, work in enumerate(jobs)}
    entries = zip(trace.job.tolist(), trace.cpu.tolist(), trace.decided.tolist(), strict=True)
    for (job, cpu, decided), end in zip(entries, trace.end.tolist(), strict=True):
        assert decided >= jobs[job].arrival
        assert all(end <= a or decided >= b for a, b in sleeps[name_of(job)])
        allowed = box.affinity[job] if box.affinity else None
        assert allowed is None or cpu in allowed
    assert [len(sleeps[name_of(at)]) for at in range(len(jobs))] == [len(w.waits) for w in jobs]
    if box.per_core and not box.steal:
        assert schedule.migrations == 0
        assert all(len({*trace.cpu[trace.job == job].tolist()}) == 1 for job in range(len(jobs)))
    assert all(wait >= 0 for wait in schedule.waiting.values())


@examples(400)
@given(cases(free=True))
def test_no_cpu_is_idle_while_somebody_is_ready(case: Case) -> None:
    schedule = numbered(*case)
    assert not idle_though_ready(schedule)


def idle_though_ready(schedule: Schedule) -> list[int]:
    """The ticks in which a CPU is idle and fewer CPUs are taken than jobs want one."""
    sleeps = asleep(schedule)
    return [
        tick
        for tick, row in enumerate(grid_of(schedule))
        if IDLE in row and len(waiting_in(schedule, tick, sleeps)) > sum(job != IDLE for job in row)
    ]


def test_without_stealing_a_cpu_may_be_idle() -> None:
    jobs = [("A", 0, 1), ("B", 0, 4), ("C", 0, 1), ("D", 0, 4)]
    lonely = simulate(jobs, FCFS, cpus=2, queues="per-core", steal=False)
    assert idle_though_ready(lonely) == [2, 3]
    assert not idle_though_ready(simulate(jobs, FCFS, cpus=2, queues="per-core"))


@examples(300)
@given(works(), st.integers(1, 4))
def test_srtf_runs_those_with_the_least_left(jobs: list[Work], cpus: int) -> None:
    schedule = numbered(jobs, Box("SRTF", cpus=cpus, preemptive=True))
    sleeps = asleep(schedule)
    ran = [0] * len(jobs)

    def left(job: int) -> int:
        done = ran[job]
        for burst in jobs[job].bursts:
            if done < burst:
                return burst - done
            done -= burst
        return 0

    for tick, row in enumerate(grid_of(schedule)):
        running = [job for job in row if job >= 0]
        there = {int(name[1:]) for name in waiting_in(schedule, tick, sleeps)}
        waits = [left(job) for job in there - {*running}]
        assert not waits or len(running) == cpus
        assert all(left(job) <= min(waits, default=10**9) for job in running)
        for job in running:
            ran[job] += 1


@examples(300)
@given(cases(), st.randoms(use_true_random=False))
def test_only_the_order_of_the_list_matters_not_the_names(case: Case, random: st.Random) -> None:
    jobs, box = case
    schedule = numbered(jobs, box)
    names = [f"other {at}" for at in range(len(jobs))]
    random.shuffle(names)
    renamed = dict(zip(schedule.workload.names, names, strict=True))
    box = replace(box, policy="FCFS", preemptive=False, on_tie="keep") if box.numbers else box
    before = numbered(jobs, box)
    listed = [Job(renamed[j.name], j.arrival, j.burst, io=j.io) for j in before.workload.jobs]
    after = simulate(
        listed,
        policy_of(box),
        cpus=box.cpus,
        switch_cost=box.cost,
        switch_charge=box.charge,
        queues="per-core" if box.per_core else "global",
        steal=box.steal,
        migration_cost=box.migration,
        affinity={renamed[name]: cpus for name, cpus in before.setup.affinity.items()},
    )
    told = {renamed[name]: end for name, end in before.completion.items()}
    assert after.completion == told


@examples(300)
@given(cases(), st.randoms(use_true_random=False))
def test_jobs_that_come_one_by_one_may_be_listed_in_any_order(
    case: Case, random: st.Random
) -> None:
    works_, box = case
    jobs = [Work(at, (sum(work.bursts),)) for at, work in enumerate(works_)]
    box = replace(box, ties="arrival")
    order = list(range(len(jobs)))
    random.shuffle(order)
    moved = replace(
        box,
        numbers=tuple(box.numbers[at] for at in order) if box.numbers else (),
        affinity=tuple(box.affinity[at] for at in order) if box.affinity else (),
    )
    before, after = numbered(jobs, box), numbered([jobs[at] for at in order], moved)
    back = [[order[job] if job >= 0 else job for job in row] for row in grid_of(after)]
    assert back == grid_of(before)


def test_a_switch_and_idle_time_are_seen_as_such() -> None:
    schedule = simulate([("A", 0, 1), ("B", 0, 1), ("C", 3, 1)], RR(1), cpus=2, switch_cost=2)
    assert grid_of(schedule) == [
        [0, 1], [IDLE, IDLE], [IDLE, IDLE], [SWITCH, IDLE], [SWITCH, IDLE], [2, IDLE],
    ]  # fmt: skip
