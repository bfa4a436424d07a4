"""The judge of schedulers that learners write: hidden workloads, promises, a ranking.

>>> from vcloud_lab.check import judge
>>> judge(lambda ready, now: ready[0])       # doctest: +SKIP

The chart is checked as if nothing were known of the machine that made it: every job's time is
there once, none runs before it arrives, one at a time, and the CPU is not idle while a job is
ready. Everything is drawn from fixed seeds, so that the same function is judged the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from vcloud_lab.check.answers import Misread, tell
from vcloud_lab.check.pieces import Piece, chart_of, faults, read_pieces
from vcloud_lab.check.variants import draw_jobs
from vcloud_lab.errors import PolicyError, VcloudLabError
from vcloud_lab.sandbox import call, is_stub
from vcloud_lab.scheduling import OWN, Policy, Schedule, Time, Workload, exact, show, simulate

__all__ = ["Fault", "hidden_workloads", "longest_wait", "trial"]

Scheduler = Callable[[list[tuple[str, Time, Time]]], Any]
"""A whole scheduler: from jobs (name, arrival, burst) to slices (name, start, end)."""

EDGES = (
    [("P1", 0, 3)],
    [("P1", 2, 3)],
    [("P1", 0, 2), ("P2", 0, 2)],
    [("P1", 0, 2), ("P2", 5, 1)],
    [("P1", 3, 2), ("P2", 0, 2), ("P3", 2, 1)],
    [("P1", 0, 5), ("P2", 1, 1), ("P3", 1, 1), ("P4", 6, 2)],
)
"""What random jobs seldom show: one job, a late start, equals, a gap, a list out of order."""


@dataclass(frozen=True)
class Fault:
    """A broken promise: its ``name``, a ``sentence``, and the ``workload`` on which it broke."""

    name: str
    sentence: str
    workload: Workload

    def __str__(self) -> str:
        jobs = tell([(job.name, job.arrival, job.burst) for job in self.workload.jobs])
        return f"With the jobs {jobs}: {self.sentence}"


def hidden_workloads(count: int = 24, most: int = 7) -> Iterator[Workload]:
    """The edge cases, then ``count`` random workloads of up to ``most`` jobs, small ones first."""
    yield from map(Workload, EDGES)
    for number in range(count):
        size = 2 + number * (most - 1) // count
        yield Workload(draw_jobs(Random(f"judge/{number}"), size, longest=8, spread=5))


def trial(
    candidate: Policy | Callable[..., Any],
    *,
    whole: bool = False,
    fair: Time | float | str | None = None,
    busy: bool = True,
    workloads: Sequence[Workload] | None = None,
) -> Fault | None:
    """The first broken promise of a candidate on hidden workloads, None where it keeps them all.

    ``candidate`` is a function ``choose(ready, now)`` as for ``OWN``, a policy made of one, or,
    where ``whole``, a function from jobs (name, arrival, burst) to slices (name, start, end).
    With ``fair``, nobody may be ready for longer than ``fair`` times the number of other jobs
    without running. Without ``busy`` it may leave the CPU idle while jobs are ready. Raises
    ``PolicyError`` for a ``fair`` that is not above 0.
    """
    patience = None if fair is None else exact(fair, "The bound of fairness", PolicyError)
    if patience is not None and patience <= 0:
        raise PolicyError(f"The bound of fairness is {fair}: it must be above 0; try fair=4.")
    for workload in workloads or hidden_workloads():
        try:
            pieces = _pieces(candidate, workload, whole)
            again = _pieces(candidate, workload, whole)
        except (VcloudLabError, Misread) as error:
            return Fault("refused", str(error), workload)
        fault = faults(workload, pieces)
        if fault:
            return Fault(*fault, workload)
        if busy and (lazy := _idle_while_ready(workload, pieces)):
            return Fault("not-work-conserving", lazy, workload)
        if pieces != again:
            text = "the same jobs gave two different schedules; a policy must not remember or dice."
            return Fault("not-repeatable", text, workload)
        if patience is not None:
            name, wait = longest_wait(workload, pieces)
            bound = patience * (len(workload) - 1)
            if wait > bound:
                text = (
                    f"{name} is ready for {show(wait)} without running; with {len(workload)} jobs "
                    f"at most {show(bound)} is fair."
                )
                return Fault("unfair", text, workload)
    return None


def _pieces(candidate: Policy | Callable[..., Any], workload: Workload, whole: bool) -> list[Piece]:
    """The candidate's chart in time order; raises an error or a ``Misread`` with the sentence."""
    if not whole:
        policy = candidate if isinstance(candidate, Policy) else OWN(candidate)
        return chart_of(simulate(workload, policy))
    if isinstance(candidate, Policy):
        raise PolicyError(
            f"The whole scheduler is {candidate!r}: a function from jobs to slices is needed; "
            "leave whole=True out to judge a policy."
        )
    run = call(candidate, [(job.name, job.arrival, job.burst) for job in workload.jobs])
    if run.kind == "stub" or is_stub(candidate):
        raise Misread("your scheduler is not written yet: give it a body.")
    if run.kind != "returned":
        raise Misread(f"your scheduler {run.problem}.")
    return read_pieces(run.value, workload.names)


def _idle_while_ready(workload: Workload, pieces: Sequence[Piece]) -> str | None:
    """A sentence about the first moment at which the CPU idles and a job is ready."""
    left = {job.name: job.burst for job in workload.jobs}
    reached: Time = 0
    for piece in [*pieces, None]:
        until = piece.start if piece else reached
        for job in workload.jobs:
            since = max(reached, job.arrival)
            if left[job.name] > 0 and since < until:
                return (
                    f"from {show(since)} to {show(until)} the CPU is idle although {job.name} is "
                    "ready; a work-conserving scheduler never idles then."
                )
        if piece:
            left[piece.job] -= piece.end - piece.start
            reached = piece.end
    return None


def longest_wait(workload: Workload, pieces: Sequence[Piece] | Schedule) -> tuple[str, Time]:
    """The job that is ready for the longest time on end without running, and how long that is."""
    if isinstance(pieces, Schedule):
        pieces = chart_of(pieces)
    longest: tuple[str, Time] = ("", Fraction(-1))
    for job in workload.jobs:
        reached = job.arrival
        for piece in pieces:
            if piece.job == job.name:
                if piece.start - reached > longest[1]:
                    longest = (job.name, piece.start - reached)
                reached = piece.end
    return longest
