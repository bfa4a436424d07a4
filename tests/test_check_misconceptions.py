"""The wrong models: their numbers by hand, and for any workload that they are rejected."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcloud_lab import FCFS, RR, SJF, SRTF, Workload
from vcloud_lab.check import kinds
from vcloud_lab.check.answers import close
from vcloud_lab.check.diagnose import by_name, diagnose
from vcloud_lab.check.machine import MODELS
from vcloud_lab.check.question import JOB_METRICS, MACHINE_METRICS, Question
from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling import Policy

FOUR = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
GAP = Workload([("A", 0, 3), ("B", 6, 5), ("C", 7, 2)])
EXPIRY = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 4, 2)])
TIES = Workload([("P1", 2, 3), ("P2", 0, 4), ("P3", 1, 3)])

# Worked out by hand from the chart of each workload.
BY_HAND: list[tuple[str, Workload, Policy, dict[str, Any], Any]] = [
    ("turnaround-for-waiting", FOUR, SRTF(), {}, 13),
    ("turnaround-for-waiting", FOUR, SRTF(), {"job": "P1"}, 17),
    ("response-for-waiting", FOUR, SRTF(), {}, Fraction(17, 4)),
    ("completion-for-turnaround", FOUR, FCFS(), {"metric": "turnaround"}, Fraction(67, 4)),
    ("waiting-for-response", EXPIRY, RR(2), {"metric": "response"}, Fraction(8, 3)),
    ("measured-from-zero", FOUR, FCFS(), {}, Fraction(41, 4)),
    ("arrivals-ignored", FOUR, SJF(), {}, Fraction(30, 4)),
    ("sorted-at-zero", FOUR, SJF(), {}, 6),
    ("idle-gap-lost", GAP, FCFS(), {"job": "B"}, -3),
    ("idle-gap-lost", GAP, FCFS(), {"metric": "makespan"}, 10),
    ("rr-enqueue-order", EXPIRY, RR(2), {}, 2),
    ("sjf-for-srtf", FOUR, SRTF(), {}, Fraction(31, 4)),
    ("srtf-for-sjf", FOUR, SJF(), {}, Fraction(13, 2)),
    ("fcfs-for-rr", EXPIRY, RR(2), {}, Fraction(5, 3)),
    ("fcfs-for-sjf", FOUR, SJF(), {}, Fraction(35, 4)),
    ("quantum-not-given-up", Workload([(0, 1), (0, 1)]), RR(2), {"job": "P2"}, 2),
    ("switch-cost-forgotten", GAP, FCFS(), {"switch_cost": 1}, Fraction(4, 3)),
    ("switch-charge", GAP, FCFS(), {"switch_cost": 1, "job": "A"}, 1),
    ("one-processor", GAP, FCFS(), {"cpus": 2}, Fraction(4, 3)),
    ("article-sjf", FOUR, SJF(), {}, Fraction(13, 2)),
    ("article-srtf", FOUR, SRTF(), {}, Fraction(-3, 4)),
    ("article-rr", EXPIRY, RR(2), {}, 4),
    ("sum-for-mean", FOUR, FCFS(), {}, 35),
    ("wrong-divisor", FOUR, FCFS(), {}, Fraction(35, 3)),
    ("earlier-runs-not-subtracted", FOUR, SRTF(), {"job": "P1"}, 10),
    ("one-job-for-mean", FOUR, FCFS(), {}, 18),
    ("fence-post", FOUR, SRTF(), {"job": "P1"}, 8),
    ("tie-rule", TIES, SJF(), {"job": "P1"}, 2),
    ("switching-counted-as-work", GAP, FCFS(), {"metric": "utilisation", "switch_cost": 1}, 0.8),
    ("percent", GAP, FCFS(), {"metric": "utilisation"}, "76.92"),
    ("idle-share", GAP, FCFS(), {"metric": "utilisation"}, Fraction(3, 13)),
    ("processors-forgotten", GAP, FCFS(), {"metric": "utilisation", "cpus": 2}, Fraction(10, 11)),
    ("idle-lost-in-rate", GAP, FCFS(), {"metric": "throughput"}, Fraction(3, 10)),
    ("upside-down", GAP, FCFS(), {"metric": "throughput"}, Fraction(13, 3)),
    ("waiting-over-burst", GAP, FCFS(), {"metric": "slowdown"}, Fraction(2, 3)),
    ("ratio-of-sums", GAP, FCFS(), {"metric": "slowdown"}, Fraction(14, 10)),
    ("dispatches-for-switches", EXPIRY, RR(2), {"metric": "context_switches"}, 5),
    ("preemptions-for-switches", FOUR, SRTF(), {"metric": "context_switches"}, 1),
    (
        "counted-from-first-arrival",
        Workload([(4, 3), (5, 3)]),
        FCFS(),
        {"metric": "makespan"},
        6,
    ),
]


@pytest.mark.parametrize(("name", "workload", "policy", "options", "wrong"), BY_HAND)
def test_numbers_by_hand(
    name: str, workload: Workload, policy: Policy, options: dict[str, Any], wrong: Any
) -> None:
    question = Question(workload, policy, **options)
    values = [value for model in by_name(name) for value in model.values(question)]
    assert any(close(Fraction(wrong), value) for value in values), values
    assert not close(Fraction(wrong), question.value())


def test_the_likelier_idea_is_named() -> None:
    question = Question(FOUR, SRTF())
    found = diagnose(question, 13)
    assert found is not None
    assert found[0] == "turnaround-for-waiting"
    assert diagnose(question, 1000) is None
    assert diagnose(Question(EXPIRY, RR(2)), Fraction("2.7")) == (
        "rounded",
        "that is rounded too far; give three digits, or a fraction such as 17/3.",
    )
    negative = diagnose(question, -90)
    assert negative == (
        "negative",
        "the mean waiting time cannot be negative; check what you subtract.",
    )


def test_every_name_has_a_sentence_that_can_be_said() -> None:
    for policy in (FCFS(), SJF(), SRTF(), RR(2)):
        for job in (None, "P1"):
            for model in MODELS:
                sentence = model.say(Question(FOUR, policy, job=job))
                assert sentence.endswith("."), model.name
                assert "{" not in sentence, model.name
    assert {name for name, *_ in BY_HAND} >= {
        "turnaround-for-waiting",
        "arrivals-ignored",
        "idle-gap-lost",
        "rr-enqueue-order",
        "sjf-for-srtf",
        "article-sjf",
        "article-srtf",
        "article-rr",
    }


def test_a_name_or_a_metric_that_is_none_is_refused() -> None:
    with pytest.raises(CheckError, match="There is no misconception 'carelessness'"):
        by_name("carelessness")
    with pytest.raises(CheckError, match="The metric 'wait' does not exist"):
        Question(FOUR, FCFS(), "wait")


def policies() -> st.SearchStrategy[Policy]:
    return st.one_of(
        st.sampled_from([FCFS(), SJF(), SRTF(), SRTF(on_tie="preempt"), SJF(ties="list")]),
        st.builds(
            RR, st.integers(1, 5), enqueue=st.sampled_from(["arrival-first", "preempted-first"])
        ),
    )


def questions() -> st.SearchStrategy[Question]:
    jobs = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 9)), min_size=1, max_size=6)
    return st.builds(
        Question,
        jobs.map(Workload),
        policies(),
        st.sampled_from(JOB_METRICS + MACHINE_METRICS),
        st.sampled_from([None, "P1"]),
        switch_cost=st.sampled_from([0, 0, 1, Fraction(1, 2)]),
        switch_charge=st.sampled_from(["between", "dispatch"]),
    )


HINTS = ("one", "two", "three")


@settings(max_examples=150, deadline=None)
@given(questions())
def test_right_is_right_and_a_misconception_is_wrong(question: Question) -> None:
    task = kinds.number(
        "97.1",
        title="any",
        workload=question.workload,
        policy=question.policy,
        metric=question.metric,
        hints=HINTS,
        job=question.job,
        switch_cost=question.switch_cost,
        switch_charge=question.switch_charge,
    )
    right = question.value()
    for answer in (right, str(right), float(right), f"{float(right):.5f}"):
        if abs(right) > Fraction(1, 50):
            assert task.judge(answer, None).right is True
    for model in MODELS:
        for value in model.values(question):
            outcome = task.judge(value, None)
            assert outcome.right is close(value, right)
            assert outcome.right or outcome.misconception


@settings(max_examples=60, deadline=None)
@given(st.builds(lambda q: q.but(metric="waiting", job=None, switch_cost=0), questions()))
def test_a_right_chart_is_right_and_the_chart_of_a_misconception_wrong(question: Question) -> None:
    task = kinds.gantt(
        "97.2", title="any", workload=question.workload, policy=question.policy, hints=HINTS
    )
    chart = [tuple(piece) for piece in question.schedule().slices()]
    merged = [tuple(piece) for piece in question.schedule().slices(merge=True)]
    assert task.judge(chart, None).right is True
    for model in MODELS:
        other = model.other(question) if model.other else None
        if other is None:
            continue
        wrong = [tuple(piece) for piece in other.schedule().slices(merge=True)]
        outcome = task.judge(wrong, None)
        assert outcome.right is (wrong == merged)
        assert outcome.right or outcome.misconception
    for position in range(len(chart)):
        assert task.judge(chart[:position] + chart[position + 1 :], None).right is False
