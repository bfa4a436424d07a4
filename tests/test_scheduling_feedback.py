"""Policies with several queues: published answers, a tick-by-tick scheduler, mistakes."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import oracle_mlfq as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import examples, jobs_in_ticks

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling import FCFS, RR, Schedule, simulate
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ, MLQ
from vcloud_lab.scheduling.job import Job, io_every

CASES = json.loads(
    (Path(__file__).parent / "acceptance" / "ostep_mlfq.json").read_text(encoding="utf-8")
)
LEVEL = re.compile(r"(?:is at the head of|is the only ready job, in) (?:queue |RQ)(\d+)")
STALLINGS = [("A", 0, 3), ("B", 2, 6), ("C", 4, 4), ("D", 6, 5), ("E", 8, 2)]


def with_io(jobs: list[oracle.Job], length: int) -> list[Job]:
    """The oracle's jobs, named by position."""
    return [
        Job(str(i), arrival, burst, io=io_every(burst, every, length) if every else ())
        for i, (arrival, burst, every) in enumerate(jobs)
    ]


def ticks_of(schedule: Schedule, top: int | None = None) -> oracle.Ticks:
    """Who runs in each tick and on which level, the latter as the ledger tells it.

    ``top`` is the number of the top queue where the lowest one is 0.
    """
    ran: oracle.Ticks = [None] * int(schedule.makespan)
    for decision, piece in zip(schedule.ledger(), schedule.slices(), strict=True):
        told = LEVEL.search(decision.reason)
        assert told
        assert decision.chosen == piece.job
        level = int(told[1]) if top is None else top - int(told[1])
        for now in range(int(piece.start), int(piece.end)):
            assert ran[now] is None
            ran[now] = (int(piece.job), level)
    return ran


@st.composite
def jobs_with_io(draw: st.DrawFn) -> list[oracle.Job]:
    latest, longest = draw(st.sampled_from([(0, 9), (5, 12), (30, 20)]))
    every = st.sampled_from([0, 0, 1, 2, 3, 5])
    job = st.tuples(st.integers(0, latest), st.integers(1, longest), every)
    return draw(st.lists(job, min_size=1, max_size=6))


ORDERS = st.sampled_from(["arrival-first", "preempted-first"])
PLACES = st.sampled_from(["head", "tail"])
SMALL = st.integers(1, 5)


# The oracle


@examples(300)
@given(jobs_with_io(), st.data())
def test_mlfq(jobs: list[oracle.Job], data: st.DataObject) -> None:
    quanta: list[int | None] = [*data.draw(st.lists(SMALL, min_size=1, max_size=4))]
    if len(quanta) > 1 and data.draw(st.booleans()):
        quanta[-1] = None
    allotments = [data.draw(st.integers(1, 3)) for _ in quanta]
    boost, io = data.draw(st.sampled_from([0, 1, 2, 7, 13])), data.draw(SMALL)
    options: dict[str, Any] = {name: data.draw(st.booleans()) for name in ("stay", "iobump")}
    options |= {"enqueue": data.draw(ORDERS), "preempted": data.draw(PLACES)}
    options["boost_order"] = data.draw(st.sampled_from(["lowest-first", "highest-first"]))
    policy = MLFQ(quantum=quanta, allotment=allotments, boost=boost or None, **options)
    expected = oracle.mlfq(jobs, quanta, allotments, boost=boost, io=io, **options)
    assert ticks_of(simulate(with_io(jobs, io), policy), len(quanta) - 1) == expected


@examples(300)
@given(jobs_with_io(), st.data())
def test_feedback(jobs: list[oracle.Job], data: st.DataObject) -> None:
    quantum, levels, io = data.draw(SMALL), data.draw(st.sampled_from([None, 1, 2, 3])), 3
    growth = data.draw(st.sampled_from(["equal", "double"]))
    options: dict[str, Any] = {"enqueue": data.draw(ORDERS), "preempted": data.draw(PLACES)}
    options["preemptive"] = data.draw(st.booleans())
    options["demote"] = data.draw(st.sampled_from(["contended", "always"]))
    expected = oracle.feedback(
        jobs,
        lambda level: quantum * 2**level if growth == "double" else quantum,
        levels or 50,
        io=io,
        **options,
    )
    policy = FEEDBACK(quantum, levels, growth, **options)
    assert ticks_of(simulate(with_io(jobs, io), policy)) == expected


@examples(300)
@given(jobs_with_io(), st.data())
def test_multilevel_queue(jobs: list[oracle.Job], data: st.DataObject) -> None:
    quanta = data.draw(st.lists(st.none() | SMALL, min_size=1, max_size=3))
    levels = [data.draw(st.integers(0, len(quanta) - 1)) for _ in jobs]
    options: dict[str, Any] = {"enqueue": data.draw(ORDERS), "preempted": data.draw(PLACES)}
    options["preemptive"] = data.draw(st.booleans())
    expected = oracle.multilevel(jobs, levels, quanta, io=4, **options)
    policy = MLQ(levels, quanta, **options)
    assert ticks_of(simulate(with_io(jobs, 4), policy)) == expected


@examples(100)
@given(jobs_in_ticks(), SMALL, ORDERS)
def test_one_queue_is_round_robin(jobs: list[tuple[int, int]], quantum: int, order: str) -> None:
    expected = simulate(jobs, RR(quantum, enqueue=order))
    for policy in (
        MLFQ(1, quantum, enqueue=order),
        FEEDBACK(quantum, levels=1, enqueue=order),
        MLQ([0] * len(jobs), quantum, enqueue=order),
    ):
        got = simulate(jobs, policy)
        assert list(got.slices()) == list(expected.slices())
        assert got.response == expected.response
    fixed = simulate(jobs, MLQ([0] * len(jobs)))
    assert fixed.completion == simulate(jobs, FCFS).completion


@examples(100)
@given(jobs_with_io(), st.sampled_from(["global", "per-core"]), st.integers(2, 3))
def test_several_cpus_lose_and_double_nothing(
    jobs: list[oracle.Job], queues: str, cpus: int
) -> None:
    for policy in (
        MLFQ(quantum=[1, 2, 4], boost=5, iobump=True),
        FEEDBACK(growth="double", preemptive=True),
        MLQ([i % 2 for i in range(len(jobs))], [2, None]),
    ):
        schedule = simulate(with_io(jobs, 3), policy, cpus=cpus, queues=queues)
        assert all(decision.chosen in decision.reason for decision in schedule.ledger())
        pieces = sorted(schedule.slices())
        for name, group in groupby(pieces, key=lambda piece: piece.job):
            mine = list(group)
            arrival, burst, _ = jobs[int(name)]
            assert sum(piece.end - piece.start for piece in mine) == burst
            assert mine[0].start >= arrival
            assert all(a.end <= b.start for a, b in pairwise(mine))


# Published


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_ostep_case(case: dict[str, Any]) -> None:
    told, expected = case["input"], case["expected"]
    jobs = [(job["arrival"], job["burst"], job["io_every"]) for job in told["jobs"]]
    flags = {name: told[name] for name in ("stay", "iobump")}
    policy = MLFQ(
        quantum=told["quanta"],
        allotment=told["allotments"],
        boost=told["boost"] or None,
        **flags,
    )
    schedule = simulate(with_io(jobs, told["io_time"]), policy)
    top = len(told["quanta"]) - 1
    trace: oracle.Ticks = [None] * int(schedule.makespan)
    for start, job, length, priority in expected["trace"]:
        trace[start : start + length] = [(job, top - priority)] * length
    assert ticks_of(schedule, top) == trace
    rules = (jobs, told["quanta"], told["allotments"])
    assert oracle.mlfq(*rules, boost=told["boost"], io=told["io_time"], **flags) == trace
    for metric in ("response", "turnaround"):
        printed = {name: row[metric] for name, row in expected["per_job"].items()}
        assert getattr(schedule, metric) == printed
        average = Fraction(str(expected["average"][metric]))
        assert abs(schedule.mean(metric) - average) <= Fraction(1, 200)


def test_the_ostep_cases_use_every_flag() -> None:
    flags = {word for case in CASES for word in case["source"]["argv"]}
    assert {"-n", "-q", "-a", "-Q", "-A", "-B", "-S", "-I", "-i", "--jlist", "-s"} <= flags
    assert len(CASES) == 26
    assert {case["source"]["script"] for case in CASES} == {"cpu-sched-mlfq/mlfq.py"}


@pytest.mark.parametrize(
    ("growth", "chart", "completion", "mean_slowdown"),
    [
        ("equal", "AABACBDCEDEBCDBCDBDB", [4, 20, 16, 19, 11], "2.29"),
        ("double", "AABACBBDECCDDEBBBCDD", [4, 17, 18, 20, 14], "2.63"),
    ],
)
def test_stallings_feedback(
    growth: str, chart: str, completion: list[int], mean_slowdown: str
) -> None:
    """Charts and figures: github yousefkotp/CPU-Scheduling-Algorithms at 401c2b66,
    testcases/10a-output.txt and 10b-output.txt, FB-1 and FB-2i; the example is Stallings'.
    """
    schedule = simulate(STALLINGS, FEEDBACK(growth=growth))
    assert "".join(s.job * int(s.end - s.start) for s in schedule.slices()) == chart
    assert list(schedule.completion.values()) == completion
    assert abs(schedule.mean("slowdown") - Fraction(mean_slowdown)) <= Fraction(1, 200)


def test_other_conventions_do_not_give_the_published_answers() -> None:
    always = simulate(STALLINGS, FEEDBACK(demote="always"))
    assert list(always.completion.values()) == [11, 20, 16, 19, 10]
    at_once = simulate(STALLINGS, FEEDBACK(growth="double", preemptive=True))
    assert list(at_once.completion.values()) == [4, 17, 18, 20, 14]
    assert next(at_once.slices()) == ("A", 0, 1)
    assert ("B", 5, 6) in list(at_once.slices())  # D comes and does not wait
    tail = simulate(STALLINGS, FEEDBACK(growth="double", preemptive=True, preempted="tail"))
    assert list(tail.completion.values()) == [4, 17, 20, 19, 14]


# What each option does


@pytest.mark.parametrize(
    "options",
    [
        {"stay": True},
        {"iobump": True},
        {"enqueue": "arrival-first"},
        {"preempted": "tail"},
        {"boost_order": "highest-first"},
        {"boost": None},
        {"allotment": 2},
    ],
    ids=str,
)
def test_every_option_changes_something_and_the_oracle_sees_it(options: dict[str, Any]) -> None:
    jobs = [(5, 14, 5), (0, 10, 2), (3, 10, 0), (3, 14, 0)]
    quanta = [3, 4, 6]
    plain = ticks_of(simulate(with_io(jobs, 4), MLFQ(quantum=quanta, boost=13)), 2)
    assert plain == oracle.mlfq(jobs, quanta, [1] * 3, boost=13, io=4)
    changed = {"boost": 13} | options
    other = ticks_of(simulate(with_io(jobs, 4), MLFQ(quantum=quanta, **changed)), 2)
    rules = changed | {"boost": changed["boost"] or 0}
    allotments = [rules.pop("allotment", 1)] * 3
    assert other == oracle.mlfq(jobs, quanta, allotments, io=4, **rules)
    assert other != plain


@pytest.mark.parametrize(
    ("jobs", "quanta", "allotments", "boost", "io", "preempted"),
    [
        # a job that was bumped to the front is itself overtaken, and goes to the tail
        ([(0, 4, 2), (0, 2, 1), (5, 2, 2)], [2], [2], 8, 2, "tail"),
        ([(6, 1, 0), (2, 5, 2), (3, 2, 1)], [3, 3], [2, 1], 5, 1, "tail"),
        # a boost finds a bumped job that has not run since
        ([(4, 3, 3), (6, 4, 2), (2, 4, 2)], [2, 2], [1, 2], 8, 3, "head"),
        ([(3, 4, 2), (5, 3, 3), (1, 5, 1)], [2, 1], [1, 1], 8, 1, "head"),
    ],
)
def test_who_was_bumped_to_the_front_and_waits_there(
    jobs: list[oracle.Job],
    quanta: list[int | None],
    allotments: list[int],
    boost: int,
    io: int,
    preempted: str,
) -> None:
    options: dict[str, Any] = {"boost": boost, "iobump": True, "preempted": preempted}
    expected = oracle.mlfq(jobs, quanta, allotments, io=io, **options)
    policy = MLFQ(quantum=quanta, allotment=allotments, **options)
    assert ticks_of(simulate(with_io(jobs, io), policy), len(quanta) - 1) == expected


def test_a_stream_starves_a_long_job_and_a_boost_saves_it() -> None:
    stream = [("long", 0, 14)] + [(f"short {i}", 10 + 2 * i, 2) for i in range(100)]
    starved = simulate(stream, MLFQ(quantum=2))
    assert starved.completion["long"] == 214  # after everybody else
    assert starved.waiting["long"] == 200
    boosted = simulate(stream, MLFQ(quantum=2, boost=20))
    assert boosted.completion["long"] <= 44  # two boosts, a quantum after each
    assert simulate(stream, MLFQ(quantum=2, boost=1000)).waiting["long"] == 200


def test_an_io_just_before_the_quantum_is_over_games_the_scheduler_only_with_stay() -> None:
    jobs = [Job("gamer", 0, 81, io=io_every(81, 9, 1)), Job("honest", 0, 40)]
    gamed = simulate(jobs, MLFQ(quantum=10, stay=True))
    fair = simulate(jobs, MLFQ(quantum=10))
    levels = [
        {LEVEL.search(d.reason)[1] for d in s.ledger() if d.chosen == "gamer"}  # type: ignore[index]
        for s in (gamed, fair)
    ]
    assert levels == [{"2"}, {"0", "1", "2"}]
    assert gamed.turnaround["gamer"] < fair.turnaround["gamer"]
    assert gamed.waiting["honest"] > fair.waiting["honest"]


def test_an_io_at_the_very_end_of_a_quantum_counts_it_even_with_stay() -> None:
    jobs = [Job("A", 0, 20, io=io_every(20, 5, 3)), Job("B", 0, 20)]
    for allotment, queue in ((1, "0"), (2, "2")):
        schedule = simulate(jobs, MLFQ(quantum=5, allotment=allotment, stay=True))
        last = [d.reason for d in schedule.ledger() if d.chosen == "A"][-1]
        assert f"queue {queue}" in last


def test_a_switch_is_not_charged_to_the_quantum() -> None:
    schedule = simulate([("A", 0, 9), ("B", 0, 9)], MLFQ(2, [2, 4], boost=40), switch_cost=1)
    assert [tuple(piece) for piece in schedule.slices()] == [
        *[("A", 0, 2), ("B", 3, 5), ("A", 6, 10), ("B", 11, 15)],
        *[("A", 16, 19), ("B", 20, 23)],
    ]


def test_the_ledger_tells_levels_demotions_preemption_and_boosts() -> None:
    jobs = [("A", 0, 9), ("B", 3, 4), ("C", 8, 1)]
    moments = list(simulate(jobs, MLFQ(3, [2, 4, 8], boost=10)).moments())
    assert [(m.time, m.reason) for m in moments] == [
        (0, "A is the only ready job, in queue 2."),
        (
            2,
            "A used up its allotment and moves down to queue 1. "
            "A is the only ready job, in queue 1.",
        ),
        (
            3,
            "B runs: it is at the head of queue 2, the highest that is not empty. "
            "A of queue 1 loses the CPU.",
        ),
        (
            5,
            "B used up its allotment and moves down to queue 1. "
            "A runs: it is at the head of queue 1, the highest that is not empty.",
        ),
        (
            8,
            "A used up its allotment and moves down to queue 0. "
            "C runs: it is at the head of queue 2, the highest that is not empty.",
        ),
        (9, "B runs: it is at the head of queue 1, the highest that is not empty."),
        (
            10,
            "Boost at 10: every job moves up to queue 2. "
            "A runs: it is at the head of queue 2, the highest that is not empty. "
            "B of queue 2 loses the CPU.",
        ),
        (
            12,
            "A used up its allotment and moves down to queue 1. "
            "B runs: it is at the head of queue 2, the highest that is not empty.",
        ),
        (13, "A is the only ready job, in queue 1."),
        (14, "All jobs are done."),
    ]
    waits = list(simulate([("A", 0, 3), ("B", 1, 1)], FEEDBACK(2)).moments())
    assert waits[1].reason == "B joins RQ0; A of RQ0 keeps the CPU until it has had its quantum."
    fixed = list(simulate([("A", 0, 3), ("B", 1, 1)], MLQ([1, 0], preemptive=False)).moments())
    assert fixed[1].reason == "B joins queue 0; A of queue 1 keeps the CPU until it is done."


def test_a_job_out_of_turn_is_not_said_to_be_at_the_head() -> None:
    jobs = [("A", 0, 9), ("B", 0, 1), ("C", 0, 4), ("D", 0, 1), ("E", 0, 4)]
    schedule = simulate(jobs, MLQ([0, 0, 1, 0, 2]), cpus=2, queues="per-core")
    stolen = [decision for decision in schedule.ledger() if decision.chosen == "E"]
    assert [(one.time, one.reason) for one in stolen] == [
        (2, "CPU 1: E of queue 2 gets the CPU out of turn; C of queue 1 waits.")
    ]


def test_times_may_be_fractions_and_a_policy_can_be_sent_to_another_process() -> None:
    jobs = [Job("A", 0, "3/2"), Job("B", "0.25", 1)]
    policies = [
        MLFQ(quantum=["1/2", "0.7", None], boost="3.3"),
        FEEDBACK("1/3", growth="double"),
        MLQ({"B": 0, "A": 1}, ["0.4", None]),
    ]
    for policy in policies:
        again = simulate(jobs, pickle.loads(pickle.dumps(policy)))
        assert again.completion == simulate(jobs, policy).completion
        assert again.makespan == Fraction(5, 2)


def test_the_label_tells_what_is_not_the_default() -> None:
    assert [policy.label for policy in (MLFQ(), FEEDBACK(), MLQ([0]))] == [
        *("MLFQ q=3x10", "FEEDBACK q=1", "MLQ q=none")
    ]
    assert MLFQ(enqueue="arrival-first").label == "MLFQ q=3x10 enqueue=arrival-first"
    full = MLFQ(2, [1, None], [2, 1], "2.5", stay=True, iobump=True, preempted="tail")
    assert full.label == ("MLFQ q=1,none allotment=2,1 boost=2.5 stay iobump preempted=tail")
    double = FEEDBACK(2, 3, "double", demote="always", preemptive=True)
    assert double.label == "FEEDBACK q=2*2^i levels=3 demote=always preemptive"
    assert MLQ([0, 1], [2, None], preemptive=False).label == "MLQ q=2,none not preemptive"


# Mistakes

ONE = [("A", 0, 1)]
BAD: dict[str, tuple[Callable[[], object], list[str]]] = {
    "no queues": (lambda: MLFQ(0), ["number of queues", "0", "from 1 to 1000", "queues=3"]),
    "half a queue": (lambda: MLFQ("2.5"), ["number of queues", "2.5", "whole"]),
    "queues in words": (lambda: MLFQ("many"), ["queues", "'many'", "number is needed"]),
    "quantum 0": (lambda: MLFQ(quantum=0), ["quantum of MLFQ", "0", "above 0"]),
    "quantum in words": (lambda: MLFQ(quantum="x"), ["quantum of MLFQ", "'x'"]),
    "no quanta": (lambda: MLFQ(quantum=[]), ["quantum list", "0 entries", "[2, 4, 8]"]),
    "lengths": (lambda: MLFQ(3, [1, 2]), ["2 entries for 3 queues", "agree"]),
    "no limit above": (lambda: MLFQ(quantum=[None, 2]), ["None", "lowest of several"]),
    "no limit at all": (lambda: MLFQ(1, [None]), ["None", "give a number"]),
    "allotment 0": (lambda: MLFQ(allotment=0), ["allotment", "0", "at least 1"]),
    "allotment 1/2": (lambda: MLFQ(allotment=[1, "1/2", 1]), ["allotment", "1/2", "whole"]),
    "allotments": (lambda: MLFQ(allotment=[1, 2]), ["allotment list", "2 entries for 3 queues"]),
    "boost 0": (lambda: MLFQ(boost=0), ["boost", "0", "above 0", "boost=100"]),
    "boost -1": (lambda: MLFQ(boost=-1), ["boost", "-1"]),
    "stay": (lambda: MLFQ(stay=1), ["stay", "1", "True or False"]),
    "iobump": (lambda: MLFQ(iobump="no"), ["iobump", "'no'"]),
    "enqueue": (lambda: MLFQ(enqueue="x"), ["enqueue", "'x'", "'preempted-first'"]),
    "preempted": (lambda: MLFQ(preempted="x"), ["preempted", "'x'", "'head' or 'tail'"]),
    "boost order": (lambda: MLFQ(boost_order="x"), ["boost_order", "'x'", "'lowest-first'"]),
    "FEEDBACK quantum": (lambda: FEEDBACK(0), ["quantum of FEEDBACK", "0", "FEEDBACK(1)"]),
    "levels": (lambda: FEEDBACK(levels=0), ["number of levels", "0", "levels=3"]),
    "growth": (lambda: FEEDBACK(growth="fast"), ["growth", "'fast'", "'equal' or 'double'"]),
    "demote": (lambda: FEEDBACK(demote="x"), ["demote", "'contended' or 'always'"]),
    "preemptive": (lambda: FEEDBACK(preemptive=None), ["preemptive", "None", "True or False"]),
    "no such queue": (lambda: MLQ({"A": 2}, [1, None]), ["queue 2", "'A'", "queues 0", "to 1"]),
    "only one queue": (lambda: MLQ([1], [4]), ["queue 1", "job number 1", "only queue 0"]),
    "below": (lambda: MLQ([0, -1]), ["queue -1", "job number 2"]),
    "between": (lambda: MLQ([0.5]), ["queue 0.5", "only queue 0"]),
    "far": (lambda: MLQ([10**9]), ["queue 1000000000", "to 999"]),
    "queue in words": (lambda: MLQ({"A": "top"}), ["queue ('A')", "'top'"]),
    "no queues told": (lambda: MLQ(3), ["queues are 3", "one number a job"]),
    "MLQ quantum": (lambda: MLQ([0], [0]), ["quantum of MLQ", "0"]),
    "missing": (lambda: simulate(ONE, MLQ({})), ["MLQ", "no number for job 'A'"]),
    "unknown": (lambda: simulate(ONE, MLQ({"A": 0, "B": 0})), ["unknown job 'B'"]),
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
