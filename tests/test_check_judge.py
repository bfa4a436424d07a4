"""The judge of learners' schedulers: what it refuses, by name, and how it ranks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from vcloud_lab.check import judge, kinds
from vcloud_lab.check.contest import PEERS, rank
from vcloud_lab.check.promises import hidden_workloads, longest_wait, trial
from vcloud_lab.errors import CheckError, PolicyError
from vcloud_lab.scheduling import FCFS, OWN, RR, SRTF, Workload, simulate

Jobs = list[tuple[str, Any, Any]]
Slices = list[tuple[str, Any, Any]]


def in_order(jobs: Jobs) -> Slices:
    """FCFS, right."""
    clock, slices = 0, []
    for name, arrival, burst in sorted(jobs, key=lambda job: job[1]):
        clock = max(clock, arrival)
        slices.append((name, clock, clock + burst))
        clock += burst
    return slices


def list_order(jobs: Jobs) -> Slices:
    return in_order([(name, arrival, burst) for name, arrival, burst in jobs][:1]) + [
        (name, 1000 + 100 * at, 1000 + 100 * at + burst)
        for at, (name, _, burst) in enumerate(jobs[1:])
    ]


def no_clock(jobs: Jobs) -> Slices:
    return [(name, arrival, arrival + burst) for name, arrival, burst in jobs]


def arrivals_ignored(jobs: Jobs) -> Slices:
    clock, slices = 0, []
    for name, _, burst in jobs:
        slices.append((name, clock, clock + burst))
        clock += burst
    return slices


def last_tick_lost(jobs: Jobs) -> Slices:
    return [(name, start, end - 1) for name, start, end in in_order(jobs) if end - start > 1]


def a_job_forgotten(jobs: Jobs) -> Slices:
    return in_order(jobs)[:-1] if len(jobs) > 1 else in_order(jobs)


def twice(jobs: Jobs) -> Slices:
    clock = in_order(jobs)[-1][2]
    name, start, end = in_order(jobs)[0]
    return [*in_order(jobs), (name, clock, clock + end - start)]


calls: list[int] = []


def dice(jobs: Jobs) -> Slices:
    calls.append(1)
    return in_order(jobs if len(calls) % 2 else sorted(jobs, key=lambda job: (job[1], -job[2])))


def endless(jobs: Jobs) -> Slices:
    while True:
        pass


def unwritten(jobs: Jobs) -> Slices: ...  # type: ignore[empty-body]


WHOLE: dict[str, tuple[Callable[[Jobs], Any], str | None, str]] = {
    "right": (in_order, None, ""),
    "idle while somebody is ready": (list_order, "not-work-conserving", "CPU is idle although"),
    "two at once": (no_clock, "overlap", "both run at t=0"),
    "before its arrival": (arrivals_ignored, "early", "arrives at t=2"),
    "lost time": (last_tick_lost, "wrong-length", "its burst is 3"),
    "lost job": (a_job_forgotten, "wrong-length", "runs for 0"),
    "duplicated time": (twice, "wrong-length", "runs for 6"),
    "not repeatable": (dice, "not-repeatable", "two different schedules"),
    "raises": (lambda jobs: 1 / 0, "refused", "ZeroDivisionError"),
    "never ends": (endless, "refused", "never ends"),
    "nonsense": (lambda jobs: 42, "refused", "type int"),
    "strange job": (lambda jobs: [("X", 0, 1)], "refused", "'X'"),
    "backwards": (lambda jobs: [("P1", 3, 0)], "refused", "end comes after the start"),
    "not written": (unwritten, "refused", "not written"),
}


@pytest.mark.parametrize(("scheduler", "name", "words"), WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_scheduler(scheduler: Callable[[Jobs], Any], name: str | None, words: str) -> None:
    calls.clear()
    verdict = judge(scheduler, whole=True)
    assert verdict.passed == bool(verdict) == (name is None)
    assert verdict.place == 0
    if name is None:
        assert "keeps every promise" in verdict.sentence
    else:
        assert verdict.fault is not None
        assert verdict.fault.name == name
        assert words in verdict.sentence
        assert "With the jobs [(" in str(verdict)


def test_an_idle_cpu_can_be_allowed() -> None:
    late = [(0, 2), (9, 1)]
    patient = [Workload(late)]

    def sleepy(jobs: Jobs) -> Slices:
        return [(name, start + 1, end + 1) for name, start, end in in_order(jobs)]

    assert trial(sleepy, whole=True, workloads=patient) is not None
    assert trial(sleepy, whole=True, workloads=patient, busy=False) is None


def test_a_choice_is_judged_and_ranked() -> None:
    def mine(ready: Any, now: Any) -> Any:
        return min(ready, key=lambda job: job.left)

    verdict = judge(OWN(mine, preemptive=True))
    assert verdict.passed
    assert verdict.place == 1
    own, srtf = verdict.standings[:2]
    assert srtf.policy == "SRTF"
    assert (own.waiting, own.gap, own.worst_gap) == (srtf.waiting, 1, 1)
    assert "→ mine preemptive" in repr(verdict)
    assert "number 1 of 6" in repr(verdict)
    assert "<table" in verdict._repr_mimebundle_()["text/html"]


def test_ranking_against_chosen_peers_and_one_of_the_same_name() -> None:
    verdict = judge(FCFS(), against={"FCFS": FCFS(), "SRTF": SRTF()})
    names = [standing.policy for standing in verdict.standings]
    assert sorted(names) == ["FCFS", "FCFS (built in)", "SRTF"]
    assert verdict.place == 2


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda ready, now: ready[1], "IndexError"),
        (lambda ready, now: None, "returned None"),
        (lambda ready, now: "nobody", "'nobody'"),
    ],
)
def test_a_bad_choice_is_a_sentence(choose: Callable[..., Any], words: str) -> None:
    verdict = judge(choose)
    assert not verdict
    assert verdict.standings == ()
    assert words in repr(verdict)
    assert verdict._repr_mimebundle_() == {"text/plain": repr(verdict)}


def test_fairness_bounds() -> None:
    assert trial(RR(2), fair=2) is None  # (n - 1) quanta, the bound of round robin, is kept
    broken = trial(RR(4), fair=2)
    assert broken is not None
    assert broken.name == "unfair"
    assert "at most 2 is fair" in broken.sentence
    assert trial(SRTF(), fair=3) is not None


def test_longest_wait_by_hand() -> None:
    workload = Workload([("P1", 0, 4), ("P2", 1, 2), ("P3", 1, 5)])
    assert longest_wait(workload, simulate(workload, RR(2))) == ("P1", 4)
    assert longest_wait(workload, simulate(workload, FCFS)) == ("P3", 5)


def test_the_hidden_workloads_are_fixed_and_have_the_edge_cases() -> None:
    first, again = (list(hidden_workloads()) for _ in range(2))
    assert first == again
    assert len(first) == 30
    assert any(simulate(w, FCFS).idle_gaps for w in first)
    assert any(len({j.arrival for j in w.jobs}) < len(w) for w in first)
    assert max(map(len, first)) == 7


def test_the_ranking_is_that_of_the_schedules() -> None:
    standings = {one.policy: one for one in rank(PEERS)}
    assert next(iter(standings)) == "SRTF"
    assert standings["SRTF"].gap == 1 < standings["SJF"].gap
    assert standings["RR q=4"].response < standings["FCFS"].response
    assert all(isinstance(one.waiting, int | Fraction) for one in standings.values())


def test_mistakes_in_asking() -> None:
    with pytest.raises(PolicyError, match=r"bound of fairness is 0: it must be above 0"):
        judge(lambda ready, now: ready[0], fair=0)
    with pytest.raises(PolicyError, match=r"choose\(ready, now\) is needed"):
        judge(3)  # type: ignore[arg-type]
    verdict = judge(FCFS(), whole=True)
    assert not verdict
    assert "leave whole=True out" in verdict.sentence


# The kind of exercise


def better_than_fcfs(policy: Any) -> tuple[bool, str]:
    names = [one.policy for one in rank({"yours": policy, "FCFS": FCFS()})]
    return names[0] == "yours", f"{names[0]} has the smaller mean waiting time."


def stub(ready: Any, now: Any) -> Any: ...


def test_the_kind_scheduler() -> None:
    def short(ready: Any, now: Any) -> Any:
        return min(ready, key=lambda job: job.burst)

    def long(ready: Any, now: Any) -> Any:
        return max(ready, key=lambda job: job.burst)

    task = kinds.scheduler(
        "99.judge",
        title="t",
        ask="a",
        hints=("one", "two", "three"),
        right=[short],
        wrong=[long],
        goal=better_than_fcfs,
    )
    assert task.judge(short, None).right is True
    assert task.judge(long, None) == (False, "FCFS has the smaller mean waiting time.", None)
    assert task.judge(OWN(short), None).right is True
    assert task.judge(stub, None).right is None
    assert task.judge(3, None).text == "that is of type int; give the body of choose(ready, now)."
    bad = task.judge(lambda ready, now: 0, None)
    assert (bad.right, bad.misconception) == (False, "refused")
    with pytest.raises(CheckError, match="no right answer"):
        kinds.scheduler("99.none", title="t", ask="a", hints=("1", "2", "3"), right=[])


def test_the_kind_with_a_whole_scheduler_and_fairness() -> None:
    task = kinds.scheduler(
        "99.whole", title="t", ask="a", hints=("1", "2", "3"), right=[in_order], whole=True
    )
    assert task.judge(in_order, None).right is True
    assert task.judge(no_clock, None).misconception == "overlap"
    assert task.judge(unwritten, None).right is None
    fair = kinds.scheduler(
        "99.fair",
        title="t",
        ask="a",
        hints=("1", "2", "3"),
        right=[lambda ready, now: ready[0]],
        quantum=1,
        fair=1,
    )
    assert fair.judge(lambda ready, now: ready[0], None).right is True
    assert fair.judge(lambda ready, now: ready[-1], None).misconception == "unfair"
