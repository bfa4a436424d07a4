"""Of ours alone: how time grows, small calls, memory, the import and the explorer."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

from measures import MEAN, POLICIES, Line, Section, Sizes, ours, timed, traced

from vcloud_lab.scheduling import RR, SRTF, Policy, Workload, random_workload, simulate

FIVE = Workload([(0, 8), (1, 4), (2, 9), (3, 5), (5, 2)])


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


def memory(sizes: Sizes) -> Iterator[Line]:
    """What a schedule that is kept costs, with its completions and its trace."""
    for name, policy in POLICIES.items():
        kept = kept_bytes(sizes.small, policy) / sizes.small
        what = f"{name}, {sizes.small:,} jobs: memory of workload, schedule and trace"
        yield Line(what, f"{kept:.0f} bytes a job", "at most 130 bytes", kept <= 130)


def kept_bytes(jobs: int, policy: Policy) -> int:
    """The bytes that Python and numpy hold more than before, once the garbage is collected."""
    traced(random_workload(10, seed=1, mean_burst=MEAN), policy)  # what only the first call needs
    gc.collect()
    tracemalloc.start()
    try:
        schedule = traced(random_workload(jobs, seed=1, mean_burst=MEAN), policy)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        assert len(schedule.trace.end) >= jobs  # and it is still alive
    finally:
        tracemalloc.stop()
    return held


def small_call(sizes: Sizes) -> Iterator[Line]:
    """What a learner's smallest call costs."""
    best = {
        name: min(timed_many(lambda p=policy: simulate(FIVE, p)) for _ in range(sizes.five))
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
    listed = min(timed_many(lambda: simulate(rows, SRTF).waiting) for _ in range(sizes.five))
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


def in_a_notebook(sizes: Sizes) -> Iterator[Line]:
    """What a learner waits for."""
    yield from small_call(sizes)
    yield from imports(sizes)
    yield from explorer(sizes)


SECTIONS = (
    Section(
        "Growth",
        "Completions and mean waiting time of ten times as many jobs. FCFS takes a few nanoseconds "
        "a job, as long as it takes to move the job's times through memory. The columns of 100,000 "
        "jobs stay in the processor's cache and those of 1,000,000 do not, so its growth is that "
        "of memory, not of the algorithm.",
        growth,
    ),
    Section(
        "Memory",
        "What Python's `tracemalloc` still counts, numpy's arrays included, while the schedule is "
        "kept: the jobs, their completions, and job, start and end of every slice.",
        memory,
    ),
    Section(
        "In a notebook",
        "The smallest call, the import (the shortest of several fresh interpreters), and what the "
        "kernel does when a slider of the explorer moves (the median).",
        in_a_notebook,
    ),
)
