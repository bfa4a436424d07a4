"""What all measurements share: a line of the report, how much is measured, and how.

Things that are compared are measured in turns in one run, and the shortest of several times
counts: noise only ever adds. Times are of the processor, not of the wall clock, so that other
programs on the machine disturb less; nothing here waits or uses threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any

from vcloud_lab.scheduling import FCFS, RR, SJF, SRTF, Policy, Schedule, Workload, simulate

# Times in fine ticks, so that hardly ever two things happen at once: there the order of a
# simulation library is that of its event queue, and the two could not be compared job by job.
MEAN = 10**6
POLICIES: dict[str, Policy] = {
    "FCFS": FCFS(),
    "SJF": SJF(),
    "SRTF": SRTF(),
    "RR": RR(4 * MEAN // 10),
}


@dataclass(frozen=True)
class Line:
    """One row of the report; ``met`` is None where there is no goal or nothing to measure."""

    what: str
    measured: str
    goal: str = "-"
    met: bool | None = None


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    jobs: int = 10_000
    rounds: int = 5
    calls: int = 20  # of ours, for each of a slower one's
    small: int = 100_000
    large: int = 1_000_000
    growth_rounds: int = 5
    five: int = 300
    imports: int = 15
    moves: int = 15
    few: int = 100  # quanta a job
    many: int = 10_000
    slices: int = 100_000
    boots: int = 4


QUICK = Sizes(
    jobs=300,
    rounds=1,
    calls=2,
    small=200,
    large=2000,
    growth_rounds=1,
    five=3,
    imports=1,
    moves=2,
    few=10,
    many=100,
    slices=1000,
    boots=1,
)


@dataclass(frozen=True)
class Section:
    """A part of the report: its title, what was compared and how, and its lines."""

    title: str
    note: str
    measure: Callable[[Sizes], Iterator[Line]]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result of one call."""
    start = process_time()
    result = call()
    return process_time() - start, result


def ours(workload: Workload, policy: Policy) -> Schedule:
    """Simulate, and work out the completions and the mean waiting time."""
    schedule = simulate(workload, policy)
    schedule.mean("waiting")
    schedule.ticks("completion")
    return schedule


def traced(workload: Workload, policy: Policy) -> Schedule:
    """The same, and the trace: the job, the start and the end of every slice."""
    schedule = ours(workload, policy)
    trace = schedule.trace
    _ = trace.job, trace.start, trace.end  # worked out now
    return schedule


def check_agreement(peer: str, schedule: Schedule, theirs: list[int]) -> None:
    """A ratio means something only if both computed the same: every completion, tick by tick."""
    name, workload = schedule.policy.name, schedule.workload
    if schedule.ticks("completion").tolist() != theirs:
        raise SystemExit(f"{name}: {peer} and vcloud_lab disagree on when the jobs end.")
    waiting = sum(theirs) - int(workload.arrival.sum()) - int(workload.burst.sum())
    if schedule.mean("waiting") * len(workload) != waiting:
        raise SystemExit(f"{name}: {peer} and vcloud_lab disagree on the mean waiting time.")


def ratio_line(
    what: str, ratio: float, measured: str, *, least: float | None = None, most: float | None = None
) -> Line:
    """A line whose goal is a bound on a ratio, or none."""
    if least is not None:
        return Line(what, measured, f"at least {least:g}", ratio >= least)
    if most is not None:
        return Line(what, measured, f"at most {most:g}", ratio <= most)
    return Line(what, measured)


def micro(seconds: float, jobs: int) -> str:
    """Microseconds a job, in three digits."""
    return f"{10**6 * seconds / jobs:.3g}"
