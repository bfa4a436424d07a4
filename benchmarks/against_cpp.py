"""Against plain C++: the price of Python, and what a better algorithm makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import reference
from measures import (
    MEAN,
    POLICIES,
    Line,
    Section,
    Sizes,
    check_agreement,
    micro,
    ours,
    ratio_line,
    timed,
    traced,
)

from vcloud_lab.scheduling import RR, Policy, random_workload

MOST = {"FCFS": None, "SJF": 20, "SRTF": 20, "RR": 16}


def with_trace(sizes: Sizes) -> Iterator[Line]:
    """How many times slower than C++, both with the trace."""
    if reference.compiler() is None:
        yield Line("against C++", "not measured: there is no C++ compiler")
        return
    workload = random_workload(sizes.jobs, seed=1, mean_burst=MEAN)
    cases: list[tuple[str, Policy]] = [(x, p) for x, p in POLICIES.items() if x != "RR"]
    cases += [(f"RR, quantum {x / 10}", RR(x * MEAN // 10)) for x in (4, 2, 1)]
    with TemporaryDirectory() as folder:
        program = reference.build(Path(folder))
        for name, policy in cases:
            quantum = 1 if policy.quantum is None else int(policy.quantum)
            fast, slow = [], []
            for _ in range(sizes.rounds):
                theirs = reference.solve(
                    program,
                    workload,
                    policy.name,
                    quantum=quantum,
                    trace=True,
                    repeats=sizes.calls,
                )
                fast.append(theirs.seconds)
                for _ in range(sizes.calls):
                    time, mine = timed(lambda p=policy: traced(workload, p))
                    slow.append(time)
                check_agreement("C++", mine, theirs.completion.tolist())
            ratio = min(slow) / min(fast)
            each = f"{micro(min(slow), sizes.jobs)} against {micro(min(fast), sizes.jobs)} µs a job"
            what = f"{name}, {sizes.jobs:,} jobs, with trace: our time over that of C++"
            yield ratio_line(what, ratio, f"{ratio:.1f} times ({each})", most=MOST[policy.name])


def many_quanta(sizes: Sizes) -> Iterator[Line]:
    """Round robin with ever more quanta a job: completions and the mean waiting time."""
    workload = random_workload(sizes.jobs, seed=1, mean_burst=MEAN)
    few, many = RR(MEAN // sizes.few), RR(MEAN // sizes.many)
    short, long = [], []
    for _ in range(sizes.rounds):
        short.append(timed(lambda: ours(workload, few))[0])
        time, mine = timed(lambda: ours(workload, many))
        long.append(time)
    ratio = min(long) / min(short)
    each = f"{micro(min(long), sizes.jobs)} over {micro(min(short), sizes.jobs)} µs a job"
    yield ratio_line(
        f"RR, {sizes.jobs:,} jobs: time of {sizes.many:,} quanta a job over time of {sizes.few:,}",
        ratio,
        f"{ratio:.2f} ({each})",
        most=1.25,
    )
    if reference.compiler() is None:
        yield Line("against naive C++", "not measured: there is no C++ compiler")
        return
    with TemporaryDirectory() as folder:
        program = reference.build(Path(folder))
        answers = [
            reference.solve(program, workload, "RR", quantum=MEAN // sizes.many)
            for _ in range(sizes.rounds)
        ]
    check_agreement("C++", mine, answers[0].completion.tolist())
    naive = min(answer.seconds for answer in answers)
    ratio = naive / min(long)
    each = f"{micro(naive, sizes.jobs)} against {micro(min(long), sizes.jobs)} µs a job"
    yield ratio_line(
        f"RR, {sizes.jobs:,} jobs of {sizes.many:,} quanta: time of naive C++ over ours",
        ratio,
        f"{ratio:.1f} times ({each})",
        least=10,
    )


SECTIONS = (
    Section(
        "C++",
        "A reference of our own (`reference.cpp`), compiled with g++ -O2 on the spot: a loop for "
        "FCFS, `std::priority_queue` for SJF and SRTF, `std::queue` for RR. Both sides give the "
        "completions, the mean waiting time and the trace: job, start and end of every slice. C++ "
        "gets the workload through a pipe, which is not timed. The quantum is a share of the mean "
        "burst.",
        with_trace,
    ),
    Section(
        "Round robin with many quanta a job",
        "Completions and mean waiting time, no trace on either side; quanta are counted for a job "
        "of mean length. C++ is the same `std::queue`, one turn for every quantum.",
        many_quanta,
    ),
)
