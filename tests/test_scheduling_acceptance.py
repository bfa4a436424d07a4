"""Published cases: textbook examples, exam questions and the answers of OSTEP's scheduler.py.

The data carries its sources.
"""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from oracle import Rules
from scheduling_cases import all_rules, policy_of, schedule

from vcloud_lab.scheduling import (
    FCFS,
    HRRN,
    PRIORITY,
    RR,
    SJF,
    SRTF,
    Policy,
    Schedule,
    Time,
    ostep_workload,
    simulate,
)

DATA = Path(__file__).parent / "acceptance"


def load(name: str) -> list[dict[str, Any]]:
    """The cases of one file, with decimals kept as they are written."""
    return json.loads((DATA / name).read_text(encoding="utf-8"), parse_float=Decimal)


TEXTBOOK = load("scheduling.json")
OSTEP = load("ostep_scheduler.json")
COVERED = ("FCFS", "SJF", "SRTF", "RR", "PRIO_NP", "HRRN")
ORDER_MATTERS = ["gate2015s3-rr2", "isro2013-rr2", "stallings-rr1"]


def jobs_of(case: dict[str, Any]) -> list[tuple[str, Time, Time]]:
    return [
        (str(job["id"]), Fraction(job["arrival"]), Fraction(job["burst"]))
        for job in case["input"]["jobs"]
    ]


def policy_for(case: dict[str, Any], **options: str) -> Policy:
    name, quantum = case["input"]["policy"], case["input"]["quantum"]
    if name == "RR":
        return RR(quantum, **options)
    if name == "PRIO_NP":
        return PRIORITY({job["id"]: job["priority"] for job in case["input"]["jobs"]})
    return {"HRRN": HRRN, "FCFS": FCFS, "SJF": SJF, "SRTF": SRTF}[name](**options)


def result_of(case: dict[str, Any], **options: str) -> Schedule:
    return simulate(jobs_of(case), policy_for(case, **options))


def ids(cases: list[dict[str, Any]]) -> Any:
    covered = [case for case in cases if case["input"]["policy"] in COVERED]
    return pytest.mark.parametrize("case", covered, ids=[case["id"] for case in covered])


def agrees(value: Time, printed: int | Decimal) -> bool:
    """Whether an exact value, rounded or cut as the source did, is what the source prints."""
    digits = max(0, -int(Decimal(printed).as_tuple().exponent))
    if digits == 0:
        return value == printed
    if digits > 12:  # a binary fraction written out in full
        return abs(value - Fraction(printed)) < Fraction(1, 10**12)
    step, error = Fraction(1, 10**digits), value - Fraction(printed)
    return abs(error) <= step / 2 or 0 <= error < step


def test_no_case_is_left_out() -> None:
    assert [c["id"] for c in TEXTBOOK if c["input"]["policy"] not in COVERED] == []
    assert [c["id"] for c in OSTEP if c["input"]["policy"] not in COVERED] == []
    assert len(TEXTBOOK) == 21
    assert len(OSTEP) == 3


def test_every_case_names_its_source_and_says_nothing_unknown() -> None:
    for case in TEXTBOOK + OSTEP:
        assert case["source"]
        assert set(case) - {"full_bruteforce", "completion_if_preempted_first", "tolerance"} == {
            "id", "source", "convention_notes", "input", "expected", "crosscheck"
        }  # fmt: skip
    known = {"gantt", "completion_order", "mean_normalized_turnaround", "completion"}
    known |= {"waiting", "turnaround", "avg_waiting", "avg_turnaround", "avg_response"}
    assert {key for case in TEXTBOOK for key in case["expected"]} == known


@ids(TEXTBOOK)
def test_textbook_case(case: dict[str, Any]) -> None:
    got, expected = result_of(case), case["expected"]
    assert check_expected(got, expected) == len(expected)


def check_expected(got: Schedule, expected: dict[str, Any]) -> int:
    """Assert everything that a source states; return how many statements that was."""
    count = 0
    for key, value in expected.items():
        if key.startswith("avg_"):
            assert agrees(got.mean(key.removeprefix("avg_")), value), key
        elif key == "mean_normalized_turnaround":
            assert agrees(got.mean("slowdown"), value)
        elif key == "completion_order":
            assert sorted(got.completion, key=got.completion.__getitem__) == value
        elif key == "gantt":
            assert [list(piece) for piece in got.slices(merge=True)] == value
        else:
            assert getattr(got, key) == value, key
        count += 1
    return count


@ids(TEXTBOOK)
def test_brute_force_figures_of_the_case(case: dict[str, Any]) -> None:
    got, full = result_of(case), case["full_bruteforce"]
    assert {name: Fraction(time) for name, time in full["completion"].items()} == got.completion
    assert [(job, Fraction(start), Fraction(end)) for job, start, end in full["gantt"]] == list(
        got.slices(merge=True)
    )
    for metric in ("waiting", "turnaround", "response"):
        assert abs(got.mean(metric) - Fraction(full[f"avg_{metric}"])) <= Fraction(1, 2 * 10**6)


def test_the_other_enqueue_order_gives_the_other_answer() -> None:
    cases = [case for case in TEXTBOOK if "completion_if_preempted_first" in case]
    assert [case["id"] for case in cases] == ORDER_MATTERS
    for case in cases:
        other = result_of(case, enqueue="preempted-first").completion
        assert other == case["completion_if_preempted_first"]
        assert other != result_of(case).completion


@ids(OSTEP)
def test_ostep_case(case: dict[str, Any]) -> None:
    got, expected = result_of(case), case["expected"]
    names = {"response": "response", "turnaround": "turnaround", "wait": "waiting"}
    for told, metric in names.items():
        per_job = {job: Fraction(row[told]) for job, row in expected["per_job"].items()}
        assert getattr(got, metric) == per_job
        assert abs(got.mean(metric) - Fraction(expected["average"][told])) <= Fraction(1, 200)
    assert [(s.start, s.job, s.end - s.start) for s in got.slices()] == [
        (step["t"], str(step["job"]), Fraction(step["ran"])) for step in expected["trace"]
    ]


@ids(OSTEP)
def test_ostep_seed_makes_the_jobs_of_the_case(case: dict[str, Any]) -> None:
    argv = case["source"]["argv"]
    seed, jobs, maxlen = (int(argv[argv.index(flag) + 1]) for flag in ("-s", "-j", "-m"))
    made = ostep_workload(seed, jobs=jobs, maxlen=maxlen)
    assert [(j.name, j.arrival, j.burst) for j in made.jobs] == jobs_of(case)


@pytest.mark.parametrize(
    ("exact", "printed", "fits"),
    [
        (Fraction(158, 15), "10.53", True),
        (Fraction(158, 15), "10.54", False),
        (Fraction(17, 3), "5.666666666666667", True),
        (Fraction(17, 3), "5.666666666666", True),
        (Fraction(17, 3), "5.66", True),
        (Fraction(17, 3), "5.68", False),
        (17, "17", True),
        (Fraction(35, 2), "17", False),
    ],
)
def test_the_comparison_can_fail(exact: Time, printed: str, fits: bool) -> None:
    assert agrees(exact, Decimal(printed)) == fits


def test_the_checker_can_fail() -> None:
    got = schedule([(0, 2), (1, 1)], Rules("FCFS"))
    assert check_expected(got, {"completion": {"P1": 2, "P2": 3}}) == 1
    for wrong in (
        {"avg_waiting": 1},
        {"completion_order": ["P2", "P1"]},
        {"gantt": [["P1", 0, 2]]},
        {"waiting": {"P1": 0, "P2": 0}},
        {"mean_normalized_turnaround": Decimal("1.53")},
    ):
        with pytest.raises(AssertionError):
            check_expected(got, wrong)


def test_every_covered_policy_has_cases() -> None:
    seen = {case["input"]["policy"] for case in TEXTBOOK} - {"PRIO_NP", "HRRN"}
    assert seen == {policy_of(rules).name for rules in all_rules((1,))}


def test_percentiles_are_the_smallest_value_that_enough_jobs_do_not_exceed() -> None:
    schedule = simulate([("P1", 0, 8), ("P2", 0, 4), ("P3", 0, 2), ("P4", 0, 1)], FCFS)
    assert list(schedule.waiting.values()) == [0, 8, 12, 14]
    assert [schedule.percentile("waiting", p) for p in (1, 25, 26, 50, 75, 75.1, 100)] == [
        *(0, 0, 8, 8, 12, 14, 14)
    ]
    # slowdowns 1, 3, 7 and 15
    assert [schedule.percentile("slowdown", p) for p in (25, 50, 51, 100)] == [1, 3, 7, 15]
