"""New jobs for an old question, from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from vcloud_lab.check.diagnose import telling
from vcloud_lab.check.question import Question
from vcloud_lab.scheduling import Job, Workload

__all__ = ["Draw", "draw_jobs", "redraw", "vary"]

Draw = Callable[[Random, Question], Question]
"""Makes a new question of an old one, from random numbers."""

TRIES = 40


def whole(rng: Random, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    return low + int(rng.random() * (high - low + 1))


def draw_jobs(
    rng: Random, count: int, *, longest: int = 9, spread: int = 4
) -> list[tuple[str, int, int]]:
    """``count`` jobs (name, arrival, burst): the first at 0, each next 0 to ``spread`` later."""
    jobs, arrival = [], 0
    for position in range(count):
        jobs.append((f"P{position + 1}", arrival, whole(rng, 1, longest)))
        arrival += whole(rng, 0, spread)
    return jobs


def redraw(rng: Random, question: Question) -> Question:
    """As many jobs as before, of like lengths, in whole numbers; together where they were together,
    with an idle gap where there was one."""
    old = question.workload.jobs
    longest = min(max(6, *(-(-job.burst // 1) for job in old)), 30)
    together = len({job.arrival for job in old}) == 1
    span = max(job.arrival for job in old) - min(job.arrival for job in old)
    spread = 0 if together else max(2, -(-2 * span // max(1, len(old) - 1)))
    jobs = [
        Job(job.name, arrival, burst, job.width)
        for job, (_, arrival, burst) in zip(
            old, draw_jobs(rng, len(old), longest=int(longest), spread=int(spread)), strict=True
        )
    ]
    if question.schedule().idle_gaps:
        jobs = _with_gap(rng, jobs)
    title, unit = question.workload.title, question.workload.unit
    return question.but(workload=Workload(jobs, title=title, unit=unit))


def _with_gap(rng: Random, jobs: list[Job]) -> list[Job]:
    """The jobs from a random one on come later, after everything before them is done."""
    at = whole(rng, 1, len(jobs) - 1) if len(jobs) > 1 else 0
    busy_until = jobs[0].arrival
    for job in jobs[:at]:
        busy_until = max(busy_until, job.arrival) + job.burst
    later = busy_until + whole(rng, 1, 3) - jobs[at].arrival
    shift = max(later, 1)
    return jobs[:at] + [Job(j.name, j.arrival + shift, j.burst, j.width) for j in jobs[at:]]


def vary(
    key: str, question: Question, seed: int | None, names: Sequence[str], draw: Draw = redraw
) -> Question:
    """The variant of a question with a seed; None is the original.

    Up to 40 draws are tried, and the first is taken on which every one of the named misconceptions
    gives itself away (or the one on which most do).
    """
    if seed is None:
        return question
    best, most = question, -1
    for attempt in range(TRIES):
        drawn = draw(Random(f"{key}/{seed}/{attempt}"), question)
        score = telling(drawn, names) if drawn.value() else 0
        if score > most:
            best, most = drawn, score
        if most == len(names):
            break
    return best
