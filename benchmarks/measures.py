"""The measurements: each gives lines of (what, measured, goal, met).

Things that are compared are measured in turns in one run, and the shortest of several times
counts: noise only ever adds. Times are of the processor, not of the wall clock, so that other
programs on the machine disturb less; nothing here waits or uses threads.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import process_time
from typing import Any

import simpy_models

from vcloud_lab.scheduling import FCFS, RR, SJF, SRTF, Policy, Workload, random_workload, simulate

# Times in fine ticks, so that hardly ever two things happen at once: there SimPy's order is
# that of its event queue, and the two could not be compared job by job.
MEAN = 10**6
QUANTUM = 4 * 10**5
POLICIES: dict[str, Policy] = {"FCFS": FCFS(), "SJF": SJF(), "SRTF": SRTF(), "RR": RR(QUANTUM)}
RATIO_GOALS = {"FCFS": 500, "SJF": 30, "SRTF": 30, "RR": None}
FIVE = Workload([(0, 8), (1, 4), (2, 9), (3, 5), (5, 2)])


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
    small: int = 100_000
    large: int = 1_000_000
    growth_rounds: int = 5
    calls: int = 300
    imports: int = 15
    moves: int = 15


QUICK = Sizes(
    jobs=300, rounds=1, small=200, large=2000, growth_rounds=1, calls=3, imports=1, moves=2
)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result of one call."""
    start = process_time()
    result = call()
    return process_time() - start, result


def ours(workload: Workload, policy: Policy) -> list[int]:
    """Simulate, work out the mean waiting time, and return it with the completions."""
    schedule = simulate(workload, policy)
    schedule.mean("waiting")
    return schedule.ticks("completion")


def simpys(name: str, arrivals: list[int], bursts: list[int]) -> list[int]:
    """The same with SimPy, which makes a list of completions on its way."""
    if name == "RR":
        return simpy_models.rr(arrivals, bursts, QUANTUM)
    return getattr(simpy_models, name.lower())(arrivals, bursts)


def check_agreement(
    name: str, workload: Workload, completions: list[int], theirs: list[int]
) -> None:
    """A ratio means something only if both computed the same: every completion, tick by tick."""
    if list(completions) != theirs:
        raise SystemExit(f"{name}: SimPy and vcloud_lab disagree on when the jobs end.")
    waiting = sum(theirs) - int(workload.arrival.sum()) - int(workload.burst.sum())
    if simulate(workload, POLICIES[name]).mean("waiting") * len(workload) != waiting:
        raise SystemExit(f"{name}: SimPy and vcloud_lab disagree on the mean waiting time.")


def against_simpy(sizes: Sizes) -> Iterator[Line]:
    """How many times faster than SimPy's documented recipes, at load 0.9."""
    workload = random_workload(sizes.jobs, seed=1, mean_burst=MEAN)
    arrivals, bursts = workload.arrival.tolist(), workload.burst.tolist()
    for name, policy in POLICIES.items():
        fast, slow = [], []
        for _ in range(sizes.rounds):
            time, theirs = timed(lambda n=name: simpys(n, arrivals, bursts))
            slow.append(time)
            for _ in range(20):
                time, mine = timed(lambda p=policy: ours(workload, p))
                fast.append(time)
            check_agreement(name, workload, mine.tolist(), theirs)
        ratio, goal = min(slow) / min(fast), RATIO_GOALS[name]
        each = [f"{10**6 * min(times) / sizes.jobs:.3g}" for times in (slow, fast)]
        yield Line(
            f"{name}, {sizes.jobs:,} jobs: SimPy's time over ours",
            f"{ratio:.0f} times ({each[0]} against {each[1]} µs a job)",
            "-" if goal is None else f"at least {goal}",
            None if goal is None else ratio >= goal,
        )


def growth(sizes: Sizes) -> Iterator[Line]:
    """How the time grows when there are ten times as many jobs."""
    small, large = (
        random_workload(jobs, seed=2, mean_burst=MEAN) for jobs in (sizes.small, sizes.large)
    )
    for name, policy in POLICIES.items():
        short, long = [], []
        for _ in range(sizes.growth_rounds):
            short += [timed(lambda p=policy: ours(small, p))[0] for _ in range(5)]
            long.append(timed(lambda p=policy: ours(large, p))[0])
        factor = min(long) / min(short)
        yield Line(
            f"{name}: time of {sizes.large:,} jobs over time of {sizes.small:,}",
            f"{factor:.1f} ({min(long):.3g} s over {min(short):.3g} s)",
            "at most 12",
            factor <= 12,
        )


def small_call(sizes: Sizes) -> Iterator[Line]:
    """What a learner's smallest call costs."""
    best = {
        name: min(timed_many(lambda p=policy: simulate(FIVE, p)) for _ in range(sizes.calls))
        for name, policy in POLICIES.items()
    }
    name = max(best, key=best.__getitem__)
    yield Line(
        "simulate, 5 jobs, the slowest policy",
        f"{10**6 * best[name]:.0f} µs ({name})",
        "at most 100 µs",
        best[name] <= 1e-4,
    )
    rows = [(job.name, job.arrival, job.burst) for job in FIVE.jobs]
    listed = min(timed_many(lambda: simulate(rows, SRTF).waiting) for _ in range(sizes.calls))
    yield Line("simulate a list of 5 tuples under SRTF, and .waiting", f"{10**6 * listed:.0f} µs")


def timed_many(call: Callable[[], Any], times: int = 20) -> float:
    """Seconds a call, over a few calls."""
    start = process_time()
    for _ in range(times):
        call()
    return (process_time() - start) / times


def imports(sizes: Sizes) -> Iterator[Line]:
    """What ``import vcloud_lab`` costs beside numpy, each in a fresh interpreter."""
    best = {"numpy": float("inf"), "vcloud_lab": float("inf")}
    for _ in range(sizes.imports):
        for module in best:
            code = f"from time import process_time as t\na = t()\nimport {module}\nprint(t() - a)"
            child = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            best[module] = min(best[module], float(child.stdout))
    ratio = best["vcloud_lab"] / best["numpy"]
    yield Line(
        "import vcloud_lab over import numpy",
        f"{ratio:.2f} ({1000 * best['vcloud_lab']:.0f} ms over {1000 * best['numpy']:.0f} ms)",
        "at most 1.3",
        ratio <= 1.3,
    )


def explorer(sizes: Sizes) -> Iterator[Line]:
    """How long the kernel works (the median) when a slider moves and 100 slices are shown."""
    from vcloud_lab.widgets import ScheduleExplorer

    jobs = Workload.from_columns([5 * i for i in range(25)], [8] * 25)
    shown = ScheduleExplorer(jobs, ["RR"], quantum=2)
    slices = len(list(simulate(jobs, RR(2)).slices()))
    quantum = [timed(lambda q=q: shown.set(quantum=q))[0] for q in [3, 2] * sizes.moves]
    shown.set(quantum=2)
    moment = [timed(lambda m=m: shown.set(moment=m))[0] for m in range(1, 2 * sizes.moves)]
    for what, times in (("quantum", quantum), ("moment", moment)):
        middle = sorted(times)[len(times) // 2]
        yield Line(
            f"explorer, {slices} slices: move the slider {what}",
            f"{1000 * middle:.1f} ms",
            "below 50 ms",
            middle < 0.05,
        )


MEASUREMENTS = (against_simpy, growth, small_call, imports, explorer)
