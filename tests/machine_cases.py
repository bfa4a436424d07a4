"""What the tests of the general machine share: random machines, and the package's answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from hypothesis import strategies as st
from oracle_machine import IDLE, SWITCH, Box, Work

from vcloud_lab.scheduling import (
    FCFS,
    HRRN,
    LRTF,
    PRIORITY,
    RR,
    SJF,
    SRTF,
    Job,
    Policy,
    Schedule,
    simulate,
)

bursts = st.integers(1, 5)


@st.composite
def works(draw: st.DrawFn, most: int = 7, latest: int = 12, io: bool = True) -> list[Work]:
    """Jobs in ticks; some wait for a device once or twice."""
    jobs = []
    for _ in range(draw(st.integers(0, most))):
        waits = draw(st.lists(bursts, max_size=2 if io else 0))
        runs = draw(st.lists(bursts, min_size=len(waits) + 1, max_size=len(waits) + 1))
        jobs.append(Work(draw(st.integers(0, latest)), tuple(runs), tuple(waits)))
    return jobs


@st.composite
def policies(draw: st.DrawFn, jobs: int) -> Box:
    """A policy with all its options, on one CPU."""
    ties = st.sampled_from(["arrival", "list"])
    name = draw(st.sampled_from(["FCFS", "SJF", "SRTF", "LRTF", "HRRN", "RR", "PRIORITY"]))
    box = Box(name, preemptive=name in ("SRTF", "LRTF"))
    if name in ("RR", "LRTF"):
        box = replace(box, quantum=draw(st.integers(1, 4)))
    if name == "RR":
        return replace(box, enqueue=draw(st.sampled_from(["arrival-first", "preempted-first"])))
    if name == "FCFS":
        return box
    if name == "SRTF":
        box = replace(box, on_tie=draw(st.sampled_from(["keep", "preempt"])))
    if name == "PRIORITY":
        numbers = draw(st.lists(st.integers(0, 3), min_size=jobs, max_size=jobs))
        ageing = draw(st.sampled_from([None, 1, 3]))
        box = replace(box, numbers=tuple(numbers), preemptive=draw(st.booleans()), ageing=ageing)
    return replace(box, ties=draw(ties))


@st.composite
def cases(
    draw: st.DrawFn, free: bool = False, per_core: bool | None = None
) -> tuple[list[Work], Box]:
    """Jobs and a machine; with ``free`` one queue and no affinity."""
    jobs = draw(works())
    box = draw(policies(len(jobs)))
    cpus = draw(st.integers(1, 4))
    per_core = draw(st.booleans()) if per_core is None else per_core
    affinity: tuple[frozenset[int] | None, ...] = ()
    if not free and draw(st.booleans()):
        where = st.frozensets(st.integers(0, cpus - 1), min_size=1)
        affinity = tuple(draw(st.none() | where) for _ in jobs)
    return jobs, replace(
        box,
        cpus=cpus,
        cost=draw(st.sampled_from([0, 0, 1, 3])),
        charge=draw(st.sampled_from(["between", "dispatch"])),
        per_core=per_core and not free,
        steal=draw(st.booleans()),
        migration=draw(st.sampled_from([0, 0, 2])),
        affinity=affinity,
    )


def policy_of(box: Box) -> Policy:
    """The package's policy for the oracle's box."""
    if box.policy == "PRIORITY":
        numbers = {name_of(at): number for at, number in enumerate(box.numbers)}
        return PRIORITY(numbers, preemptive=box.preemptive, ageing=box.ageing, ties=box.ties)
    made = {
        "FCFS": FCFS,
        "SJF": lambda: SJF(ties=box.ties),
        "SRTF": lambda: SRTF(ties=box.ties, on_tie=box.on_tie),
        "LRTF": lambda: LRTF(box.quantum or 0, ties=box.ties),
        "HRRN": lambda: HRRN(ties=box.ties),
        "RR": lambda: RR(box.quantum or 0, enqueue=box.enqueue),
    }
    return made[box.policy]()


def name_of(at: int) -> str:
    """The name of the job at a place of the list."""
    return f"J{at}"


def job_of(at: int, work: Work) -> Job:
    """The package's job for the oracle's."""
    afters = accumulate(work.bursts[:-1])
    io = list(zip(afters, work.waits, strict=True))
    return Job(name_of(at), work.arrival, sum(work.bursts), io=io)


def simulated(jobs: list[Work], box: Box) -> Schedule:
    """The package's schedule for the oracle's jobs and box."""
    affinity = {name_of(at): cpus for at, cpus in enumerate(box.affinity) if cpus is not None}
    return simulate(
        [job_of(at, work) for at, work in enumerate(jobs)],
        policy_of(box),
        cpus=box.cpus,
        switch_cost=box.cost,
        switch_charge=box.charge,
        queues="per-core" if box.per_core else "global",
        steal=box.steal,
        migration_cost=box.migration,
        affinity=affinity,
    )


def grid_of(schedule: Schedule) -> list[list[int]]:
    """What each CPU does in each tick: a job's position, ``IDLE`` or ``SWITCH``."""
    places = {name: at for at, name in enumerate(schedule.workload.names)}
    grid = [[IDLE] * schedule.cpus for _ in range(int(schedule.makespan))]
    for cpu in range(schedule.cpus):
        for piece in schedule.slices(cpu=cpu):
            for tick in range(int(piece.start), int(piece.end)):
                assert grid[tick][cpu] == IDLE
                grid[tick][cpu] = places[piece.job]
        for at in schedule.places(cpu).tolist():
            for tick in range(int(schedule.trace.decided[at]), int(schedule.trace.start[at])):
                assert grid[tick][cpu] == IDLE
                grid[tick][cpu] = SWITCH
    return grid
