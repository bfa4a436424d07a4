"""Laws that every schedule obeys, with whole and fractional times."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, permutations, product
from math import ceil, lcm

from hypothesis import given
from hypothesis import strategies as st
from oracle import Rules
from scheduling_cases import (
    ENQUEUE,
    ON_TIE,
    TIES,
    all_rules,
    exact_jobs,
    exact_times,
    examples,
    jobs_in_ticks,
    schedule,
)

from vcloud_lab.scheduling import (
    FCFS,
    METRICS,
    RR,
    SJF,
    SRTF,
    Schedule,
    Time,
    Workload,
    random_workload,
    simulate,
)

Jobs = list[tuple[Time, Time]]
RULES = [*all_rules((1, 3)), *all_rules((2,), 1, "dispatch"), *all_rules((2,), 2)]


@given(rules=st.sampled_from(RULES), jobs=exact_jobs())
@examples(300)
def test_time_is_conserved(rules: Rules, jobs: Jobs) -> None:
    result = schedule(jobs, rules)
    ran = dict.fromkeys(result.workload.names, Fraction(0))
    for piece in result.slices():
        assert piece.start < piece.end
        assert piece.start >= result.workload[piece.job].arrival
        ran[piece.job] += piece.end - piece.start
    assert ran == {job.name: job.burst for job in result.workload.jobs}
    assert all(a.end <= b.start for a, b in pairwise(result.slices()))
    assert all(wait >= 0 for wait in result.waiting.values())
    assert all(0 <= result.response[n] <= result.waiting[n] for n in ran)
    spans = [(s.start, s.end) for s in result.slices()]
    spans += [*result.idle_gaps, *result.overheads]
    spans.sort()
    assert [a for a, _ in spans[:1]] in ([], [0])
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert max((end for _, end in spans), default=0) == result.makespan


@given(rules=st.sampled_from(RULES), jobs=exact_jobs())
@examples(300)
def test_never_idle_while_somebody_is_ready(rules: Rules, jobs: Jobs) -> None:
    result = schedule(jobs, rules)
    for start, end in result.idle_gaps:
        assert start < end
        for job in result.workload.jobs:
            assert job.arrival >= end or result.completion[job.name] <= start


@given(
    rules=st.sampled_from(RULES),
    jobs=exact_jobs(),
    factor=st.sampled_from([Fraction(1, 7), Fraction(2, 3), 2, 10**6]),
)
@examples(300)
def test_scaling_all_times_scales_the_results(rules: Rules, jobs: Jobs, factor: Time) -> None:
    before = schedule(jobs, rules)
    wider = Rules(**{**vars(rules), "cost": rules.cost * factor, "quantum": rules.quantum * factor})
    after = schedule([(a * factor, b * factor) for a, b in jobs], wider)
    assert [(s.job, s.start * factor, s.end * factor) for s in before.slices()] == list(
        after.slices()
    )
    for metric in METRICS:
        was, now = getattr(before, metric), getattr(after, metric)
        assert {name: time * factor for name, time in was.items()} == now
    assert before.counters == after.counters


@given(rules=st.sampled_from(RULES), jobs=exact_jobs())
@examples(300)
def test_fractions_are_whole_times_on_a_finer_clock(rules: Rules, jobs: Jobs) -> None:
    finer = lcm(*(time.denominator for job in jobs for time in job))
    whole = [(int(a * finer), int(b * finer)) for a, b in jobs]
    ticks = Rules(**{**vars(rules), "cost": rules.cost * finer, "quantum": rules.quantum * finer})
    exact, coarse = schedule(jobs, rules), schedule(whole, ticks)
    assert [(s.job, s.start * finer, s.end * finer) for s in exact.slices()] == list(
        coarse.slices()
    )
    for value in [time for piece in exact.slices() for time in piece[1:]]:
        assert isinstance(value, int) == (value.denominator == 1)


@given(rules=st.sampled_from(RULES), jobs=jobs_in_ticks())
@examples(300)
def test_merged_slices_touch_no_neighbour_of_the_same_job(
    rules: Rules, jobs: list[tuple[int, int]]
) -> None:
    result = schedule(jobs, rules)
    merged = list(result.slices(merge=True))
    assert not any(a.job == b.job and a.end == b.start for a, b in pairwise(merged))
    ticks = [(s.job, t) for s in result.slices() for t in range(int(s.start), int(s.end))]
    assert ticks == [(s.job, t) for s in merged for t in range(int(s.start), int(s.end))]


@given(bursts=st.lists(exact_times(1), min_size=1, max_size=6))
@examples(40)
def test_sjf_waits_least_of_all_orders(bursts: list[Fraction]) -> None:
    best = min(sum(sum(order[:i]) for i in range(len(order))) for order in permutations(bursts))
    result = simulate([(0, burst) for burst in bursts], SJF)
    assert sum(result.waiting.values()) == best


@given(jobs=exact_jobs(), quantum=exact_times(1))
@examples(150)
def test_srtf_has_the_least_mean_turnaround(jobs: Jobs, quantum: Fraction) -> None:
    best = sum(simulate(jobs, SRTF).turnaround.values())
    for policy in (FCFS(), SJF(), SJF(ties="list"), RR(quantum)):
        assert best <= sum(simulate(jobs, policy).turnaround.values())
    for ties, on_tie in product(TIES, ON_TIE):
        assert best == sum(simulate(jobs, SRTF(ties=ties, on_tie=on_tie)).turnaround.values())


@given(jobs=exact_jobs(), enqueue=st.sampled_from(ENQUEUE))
@examples(200)
def test_rr_with_a_huge_quantum_is_fcfs(jobs: Jobs, enqueue: str) -> None:
    for cost in (0, 1):
        fcfs = simulate(jobs, FCFS, switch_cost=cost)
        for quantum in (sum(b for _, b in jobs) + 1, 10**12):
            rr = simulate(jobs, RR(quantum, enqueue=enqueue), switch_cost=cost)
            assert list(rr.slices()) == list(fcfs.slices())


@given(rules=st.sampled_from(RULES), jobs=exact_jobs())
@examples(300)
def test_the_ledger_is_exact(rules: Rules, jobs: Jobs) -> None:
    result = schedule(jobs, rules)
    work, ran = result.workload, dict.fromkeys(result.workload.names, Fraction(0))
    decided, ends = result.trace.decided.tolist(), result.trace.end.tolist()
    ledger, moments = list(result.ledger()), list(result.moments())
    assert len(ledger) == len(decided) == result.counters["dispatches"]
    assert [d.time for d in ledger] == [work.time(t) for t in decided]
    assert all(a.time <= b.time for a, b in pairwise(moments))
    assert [m.kind for m in moments].count("end") == 1
    for decision, start, end in zip(ledger, result.trace.start.tolist(), ends, strict=True):
        there = {
            job.name: job.burst - ran[job.name]
            for job in work.jobs
            if job.arrival <= decision.time and ran[job.name] < job.burst
        }
        assert set(decision.candidates) == set(there)
        assert len(decision.candidates) == len(there)
        assert {r.job: r.remaining for r in decision.ready} == {
            name: left for name, left in there.items() if name != decision.chosen
        }
        ran[decision.chosen] += work.time(end) - work.time(start)


@given(jobs=exact_jobs(), rules=st.sampled_from(RULES))
@examples(150)
def test_aggregates_are_what_their_definitions_say(jobs: Jobs, rules: Rules) -> None:
    jobs = [*jobs, (Fraction(1, 2), Fraction(3, 2))]
    result = schedule(jobs, rules)
    n = len(jobs)
    turnaround = list(result.turnaround.values())
    slowdowns = [t / Fraction(b) for t, (_, b) in zip(turnaround, jobs, strict=True)]
    end = max(result.completion.values())
    for metric in METRICS:
        values = sorted(getattr(result, metric).values())
        assert result.mean(metric) == sum(values) / Fraction(n)
        for p in (Fraction(1, 10), 25, 50, 90, 99.9, 100):
            rank = ceil(Fraction(str(p)) * n / 100)
            assert result.percentile(metric, p) == values[rank - 1]
    assert result.mean("slowdown") == sum(slowdowns) / n
    assert result.makespan == end
    assert result.throughput == n / Fraction(end)
    assert result.utilisation == sum(b for _, b in jobs) / Fraction(end)
    assert result.fairness == sum(slowdowns) ** 2 / (n * sum(s * s for s in slowdowns))


@given(
    jobs=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=7
    ),
    cpus=st.integers(4, 8),
)
@examples(100)
def test_utilisation_counts_processors(jobs: list[tuple[int, int, int]], cpus: int) -> None:
    result = simulate([(f"P{i}", *job) for i, job in enumerate(jobs)], FCFS, cpus=cpus)
    used = sum(burst * width for _, burst, width in jobs)
    assert result.utilisation == Fraction(used, cpus * result.makespan)
    times, busy = result.profile()
    assert int((busy[:-1] * (times[1:] - times[:-1])).sum()) == used
    assert int(busy.max()) <= cpus


@given(jobs=jobs_in_ticks(most=10), rules=st.sampled_from(RULES))
@examples(300)
def test_operations_stay_within_their_bounds(jobs: list[tuple[int, int]], rules: Rules) -> None:
    counters, n = schedule(jobs, rules).counters, len(jobs)
    if rules.policy == "RR":
        turns = sum(-(-burst // rules.quantum) for _, burst in jobs)
        assert counters == {"dispatches": turns, "queue_entries": turns}
    elif rules.policy == "SRTF":
        assert counters["heap_pushes"] <= n
        assert counters["dispatches"] <= max(0, 2 * n - 1)
    elif rules.policy == "SJF":
        assert counters == {"dispatches": n, "heap_pushes": n}
    else:
        assert counters == {"dispatches": n}


def counters(workload: Workload, stretch: int) -> list[dict[str, int]]:
    wide = Workload.from_columns(workload.arrival * stretch, workload.burst * stretch)
    policies = (FCFS(), SJF(), SRTF(), SRTF(on_tie="preempt"), RR(4 * stretch))
    return [simulate(wide, policy).counters for policy in policies]


def test_the_length_of_a_tick_costs_nothing() -> None:
    workload = random_workload(2000, seed=5)
    assert counters(workload, 1) == counters(workload, 10**6)
    assert counters(workload, 1)[2]["dispatches"] > 2000


def test_policies_differ_on_a_workload_where_they_must() -> None:
    jobs: list[tuple[Time, Time]] = [(0, 7), (2, 4), (4, 1), (5, 4)]
    means = {p.name: simulate(jobs, p).mean("waiting") for p in (FCFS(), SJF(), SRTF(), RR(2))}
    assert means == {"FCFS": Fraction(19, 4), "SJF": 4, "SRTF": 3, "RR": 5}


def test_slowdowns_are_added_two_by_two() -> None:
    # One long sum would make a common denominator as long as this for every single job.
    bursts = [2 * k + 1 for k in range(301)]
    schedule = simulate([(0, burst) for burst in bursts], FCFS)
    slowdowns = [Fraction(t, b) for t, b in zip(schedule.turnaround.values(), bursts, strict=True)]
    assert schedule.mean("slowdown") == sum(slowdowns) / len(bursts)


def test_a_schedule_answers_twice_the_same() -> None:
    result: Schedule = simulate(random_workload(50, seed=1), RR(3))
    assert list(result.moments()) == list(result.moments())
    assert list(result.slices()) == list(result.slices())
