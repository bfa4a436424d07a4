"""Numbers for every job, and shares: what is said of an answer that is partly right."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from vcloud_lab import FCFS, RR, SJF, Workload
from vcloud_lab.check import check, kinds, progress

HINTS = ("Draw the chart.", "Read the completions.", "Subtract.")
UNSORTED = Workload([("P1", 2, 2), ("P2", 1, 3), ("P3", 10, 2), ("P4", 9, 4)])
SHORTEST = Workload([("P1", 0, 6), ("P2", 1, 9), ("P3", 3, 2), ("P4", 5, 5), ("P5", 9, 1)])
TURNAROUND = {"P1": 4, "P2": 3, "P3": 5, "P4": 4}
COMPLETION = {"P1": 6, "P2": 23, "P3": 8, "P4": 13, "P5": 14}
WAITING = {"P1": 2, "P2": 0, "P3": 3, "P4": 0}


@pytest.fixture(autouse=True)
def _tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", "off")
    progress.reset()
    for id, workload, policy, metric in (
        ("97.41", UNSORTED, FCFS(), "turnaround"),
        ("97.42", SHORTEST, SJF(), "completion"),
        ("97.43", UNSORTED, FCFS(), "waiting"),
    ):
        kinds.per_job(id, title="t", workload=workload, policy=policy, metric=metric, hints=HINTS)
    yield
    progress.reset()


EARLY = "no job starts before it arrives."
NO_SLIP = "is wrong, and none of the common slips gives it."
SAID: list[tuple[str, dict[str, Any], str | None, str]] = [
    # One wrong job, or two that no single idea explains, show no wrong policy.
    (
        "97.42",
        COMPLETION | {"P2": 15},
        None,
        f"P1, P3, P4 and P5 are right; look at P2 first: 15 {NO_SLIP}",
    ),
    (
        "97.42",
        COMPLETION | {"P4": 14, "P5": 9},
        "too-short",
        "P1, P2 and P3 are right; look at P5 first: P5's completion time cannot be before its "
        f"arrival plus its own burst; {EARLY}",
    ),
    (
        "97.41",
        TURNAROUND | {"P1": 5},
        "fence-post",
        "P2, P3 and P4 are right; look at P1 first: that is one unit off; a slice",
    ),
    # Two wrong jobs that the same policy explains do.
    (
        "97.42",
        COMPLETION | {"P4": 22, "P3": 17},
        "fcfs-for-sjf",
        "P1, P2 and P5 are right; look at P3 first: that runs the jobs in order of arrival",
    ),
    # A slip with a formula may happen with one job.
    (
        "97.41",
        TURNAROUND | {"P3": 3},
        "waiting-for-turnaround",
        "P1, P2 and P4 are right; look at P3 first: that is P3's waiting time; turnaround",
    ),
    (
        "97.43",
        WAITING | {"P1": 4, "P3": 5},
        "turnaround-for-waiting",
        "P2 and P4 are right; look at P1 first: that is P1's turnaround time, which",
    ),
    (
        "97.42",
        dict.fromkeys(COMPLETION, 99),
        None,
        f"none is right yet; look at P1 first: 99 {NO_SLIP}",
    ),
    # What cannot be at all comes first.
    (
        "97.41",
        TURNAROUND | {"P2": 30, "P4": 2},
        "too-short",
        "P1 and P3 are right; look at P4 first: P4's turnaround time cannot be shorter than its "
        f"own burst; {EARLY}",
    ),
    (
        "97.43",
        WAITING | {"P1": 30, "P4": -2},
        "negative",
        f"P2 and P3 are right; look at P4 first: P4's waiting time cannot be negative; {EARLY}",
    ),
    # The whole table.
    (
        "97.41",
        {"P1": 2, "P2": 6, "P3": 2, "P4": 7},
        "list-order",
        "that takes the jobs in the order of the list; FCFS takes them in the order of arrival.",
    ),
    (
        "97.41",
        {"P1": 0, "P2": 4, "P3": -3, "P4": 2},
        "list-order",
        "that takes the jobs in the order of the list; FCFS takes them in the order of arrival.",
    ),
    (
        "97.42",
        {name: value + 1 for name, value in COMPLETION.items()},
        "fence-post",
        "that is one unit off for every job; a slice",
    ),
]


@pytest.mark.parametrize(("id", "answer", "name", "sentence"), SAID)
def test_what_is_said_of_a_table(
    id: str, answer: dict[str, Any], name: str | None, sentence: str
) -> None:
    verdict = check(id, answer)
    assert not verdict
    assert verdict.text.startswith(sentence)
    assert verdict.misconception == name


def test_a_share_is_recognised_as_a_percentage_however_rounded() -> None:
    jobs = Workload([("P1", 0, 6), ("P2", 0, 3), ("P3", 1, 5)])
    kinds.number(
        "97.44",
        title="t",
        workload=jobs,
        policy=RR(2),
        metric="utilisation",
        switch_cost=1,
        hints=HINTS,
    )
    kinds.quantity("97.45", title="t", ask="?", expected=lambda seed: Fraction(2, 7), hints=HINTS)
    for id, answers in (("97.44", ("66.67", 66.7, 67)), ("97.45", (28.57, 28.6, 29))):
        for answer in answers:
            verdict = check(id, answer)
            assert verdict.misconception == "percent", (id, answer, verdict)
            assert verdict.text.startswith("that is a percentage; give the fraction")
    assert check("97.44", 60).misconception != "percent"
    assert check("97.45", 20).misconception is None
    assert check("97.44", 0.7).misconception is None
