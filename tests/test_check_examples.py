"""A task of every kind, as a chapter would define them; and the rules that every task keeps.

The rules are checked on these examples and on all tasks of the course alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from vcloud_lab import FCFS, RR, SJF, SRTF, Workload, simulate
from vcloud_lab.check import all_tasks, kinds, progress
from vcloud_lab.check.answers import is_open, same
from vcloud_lab.check.registry import Task
from vcloud_lab.check.variants import draw_jobs

HINTS = ("Draw the chart.", "Read the completion of each job.", "waiting = end - arrival - burst")
FOUR = Workload([("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)])
GAP = Workload([("A", 0, 3), ("B", 6, 5), ("C", 7, 2)])
EXPIRY = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 4, 2)])


def waits(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    """The example of a function to write: waiting times under FCFS."""
    clock, result = 0, {}
    for name, arrival, burst in sorted(jobs, key=lambda job: job[1]):
        clock = max(clock, arrival)
        result[name] = clock - arrival
        clock += burst
    return result


def waits_without_gaps(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    clock, result = 0, {}
    for name, arrival, burst in jobs:
        result[name] = clock - arrival
        clock += burst
    return result


def waits_for_ever(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    while True:
        pass


def waits_raising(jobs: list[tuple[str, int, int]]) -> dict[str, int]:
    return {"P1": 1 // 0}


def waits_nothing(jobs: list[tuple[str, int, int]]) -> None:
    sorted(jobs)


def define() -> list[Task]:
    """Define the example chapter, 98."""
    return [
        kinds.number(
            "98.1",
            title="Mean waiting time under SRTF",
            workload=FOUR,
            policy=SRTF(),
            hints=HINTS,
            wrong=[
                "turnaround-for-waiting",
                "arrivals-ignored",
                "sjf-for-srtf",
                "article-srtf",
                "sum-for-mean",
                (13, "turnaround-for-waiting"),
                (1000, None),
                (-3, "negative"),
            ],
        ),
        kinds.number(
            "98.2",
            title="Utilisation",
            workload=GAP,
            policy=RR(2),
            metric="utilisation",
            switch_cost=1,
            hints=HINTS,
            wrong=["switching-counted-as-work", "percent", "switch-cost-forgotten"],
        ),
        kinds.per_job(
            "98.3",
            title="Turnaround of each job",
            workload=GAP,
            policy=SJF(),
            metric="turnaround",
            hints=HINTS,
            wrong=["waiting-for-turnaround", "completion-for-turnaround", "idle-gap-lost"],
        ),
        kinds.gantt(
            "98.4",
            title="The chart of RR",
            workload=EXPIRY,
            policy=RR(2),
            hints=HINTS,
            wrong=[
                "rr-enqueue-order",
                "fcfs-for-rr",
                ([("P1", 0, 4), ("P2", 3, 6), ("P3", 6, 8)], "overlap"),
            ],
        ),
        kinds.choice(
            "98.5",
            title="Which is optimal",
            ask="Which policy has the least mean waiting time of all?",
            options={"a": "FCFS", "b": "SJF", "c": "SRTF"},
            right="c",
            why={
                "a": "FCFS lets short jobs wait for long ones.",
                "b": "SJF is best only where nothing arrives later.",
                "c": "an exchange of any two pieces of work shows it.",
            },
            names={"b": "sjf-always-optimal"},
            hints=HINTS,
        ),
        kinds.function(
            "98.6",
            title="Write FCFS",
            ask="Write waits(jobs).",
            cases=lambda rng, size: (draw_jobs(rng, size, spread=12),),
            oracle=waits,
            hints=HINTS,
            wrong=[
                (waits_without_gaps, None),
                (waits_for_ever, "endless"),
                (waits_raising, "raised"),
                (waits_nothing, "no-return"),
            ],
        ),
        kinds.workload(
            "98.7",
            title="A convoy",
            ask="Find jobs on which FCFS makes jobs wait 5 times as long as SJF.",
            shows=kinds.more_than("waiting", FCFS(), SJF(), times=5),
            right=[[("P1", 0, 100), ("P2", 0, 1), ("P3", 0, 1), ("P4", 0, 1)]],
            wrong=[[("P1", 0, 3), ("P2", 0, 1)], [(0, 1)] * 7, [], [(0, -1)], 5, [(0, 1)]],
            hints=HINTS,
        ),
        kinds.judge(
            "98.8",
            title="A palindrome",
            ask="Give a palindrome.",
            judge=lambda a: (len(a) > 4 and a == a[::-1], f"backwards it is {a[::-1]!r}."),
            right=["level"],
            wrong=["lever"],
            hints=HINTS,
        ),
        kinds.quantity(
            "98.9",
            title="References of a two-dimensional walk",
            ask=lambda seed: f"{levels(seed)} levels in guest and host: how many references?",
            expected=lambda seed: (levels(seed) + 1) ** 2 - 1,
            models=[
                ("added", lambda seed: 2 * levels(seed), "that adds the two walks."),
                (
                    "product",
                    lambda seed: levels(seed) ** 2,
                    "that leaves out the walks themselves.",
                ),
            ],
            wrong=[(1000, None)],
            hints=HINTS,
            seeded=True,
        ),
    ]


def levels(seed: int | None) -> int:
    return 4 if seed is None else 2 + seed % 4


EXAMPLES = define()
TASKS = EXAMPLES + [task for task in all_tasks() if task.chapter != "98"]
each_task = pytest.mark.parametrize("task", TASKS, ids=[task.id for task in TASKS])


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", "off")
    progress.reset()
    yield
    progress.reset()


def seeds(task: Task) -> list[int | None]:
    return [None, *range(50)] if task.seeded else [None]


@each_task
def test_right_answers_are_accepted(task: Task) -> None:
    for seed in seeds(task):
        assert task.right(seed)
        for answer in task.right(seed):
            outcome = task.judge(answer, seed)
            assert outcome.right is True, (seed, answer, outcome)


@each_task
def test_wrong_answers_are_rejected_by_name(task: Task) -> None:
    assert task.wrong(None)
    for seed in seeds(task):
        for answer, name in task.wrong(seed):
            outcome = task.judge(answer, seed)
            assert outcome.right is False, (seed, answer, outcome)
            assert outcome.misconception == name, (seed, answer, outcome)
            assert outcome.text.endswith((".", "?")), outcome
            assert len(outcome.text) < 700


@each_task
def test_nonsense_gets_a_sentence(task: Task) -> None:
    for answer in ("", "x y", [1], {}, {"Q": 1}, object(), 1j, True, float("inf"), [[]], [None]):
        if not is_open(answer):
            outcome = task.judge(answer, None)
            assert outcome.right is False, (answer, outcome)
            assert outcome.text.endswith((".", "?")), outcome


@each_task
def test_hints_show_the_method_and_not_the_number(task: Task) -> None:
    assert len(task.hints) == 3
    assert len(set(task.hints)) == len(task.hints) or task.chapter == "98"
    for secret in task.secrets():
        for hint in task.hints:
            assert not re.search(rf"(?<![\w./]){re.escape(secret)}(?![\w/]|\.\d)", hint), secret


@each_task
def test_variants_differ_and_repeat(task: Task) -> None:
    assert task.id in task.statement(None)
    if task.seeded:
        drawn = [task.statement(seed).split("\n", 1)[1] for seed in range(8)]
        assert len(set(drawn)) > 3
        assert task.workload(3) == task.workload(3)


def test_every_variant_tells_most_misconceptions_apart() -> None:
    task = EXAMPLES[0]
    named = sum(isinstance(name, str) for _, name in task.wrong(0))
    for seed in range(50):
        assert len(task.wrong(seed)) >= named - 1, seed


def test_variants_keep_what_the_question_is_about() -> None:
    together = kinds.number(
        "98.20", title="t", workload=Workload([(0, 9), (0, 5)]), policy=FCFS(), hints=HINTS
    )
    for seed in range(20):
        gap, same_start = EXAMPLES[2].workload(seed), together.workload(seed)
        assert gap is not None
        assert same_start is not None
        assert simulate(gap, SJF).idle_gaps
        assert {job.arrival for job in same_start.jobs} == {0}


def test_the_examples_of_functions_agree_with_the_model() -> None:
    jobs = [("P1", 0, 3), ("P2", 1, 2), ("P3", 9, 1)]
    assert same(waits(jobs), simulate(Workload(jobs), FCFS).waiting)
