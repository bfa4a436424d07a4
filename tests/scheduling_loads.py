"""Jobs with I/O for the tests of shares: at random, for the oracles and for the package."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st
from oracle_shares import Brain, Load, play

from vcloud_lab.scheduling import Job, Policy, Schedule, simulate
from vcloud_lab.scheduling.numbers import show

weights = st.lists(st.integers(1, 5), min_size=6, max_size=6)


@st.composite
def loads(draw: st.DrawFn, most: int = 6) -> list[Load]:
    """Jobs, some with I/O; small ranges make ties, wide ones idle gaps."""
    latest, longest = draw(st.sampled_from([0, 4, 12, 30])), draw(st.sampled_from([1, 3, 8, 25]))
    parts, nap = draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from([1, 9, 40]))
    made = []
    for _ in range(draw(st.integers(0, most))):
        bursts = draw(st.lists(st.integers(1, longest), min_size=1, max_size=parts))
        sleeps = [draw(st.integers(1, nap)) for _ in bursts[1:]]
        made.append(Load(draw(st.integers(0, latest)), tuple(bursts), tuple(sleeps)))
    return made


def jobs_of(made: list[Load], unit: Fraction | int = 1) -> list[Job]:
    """The same jobs for the package, each tick of them being one ``unit``."""
    jobs = []
    for number, load in enumerate(made, 1):
        ends = [sum(load.bursts[:k]) for k in range(1, len(load.bursts) + 1)]
        io = tuple((a * unit, b * unit) for a, b in zip(ends[:-1], load.sleeps, strict=True))
        jobs.append(Job(f"P{number}", load.arrival * unit, ends[-1] * unit, io=io))
    return jobs


def timeline(schedule: Schedule, unit: Fraction | int = 1) -> list[int]:
    """Who ran in each tick on the only CPU, -1 where nobody did."""
    ran = [-1] * int(schedule.makespan / unit)
    for piece in schedule.slices():
        job = schedule.workload.names.index(piece.job)
        for now in range(int(piece.start / unit), int(piece.end / unit)):
            assert ran[now] == -1
            ran[now] = job
    return ran


def agree(made: list[Load], policy: Policy, brain: Brain, scale: Fraction | int = 1) -> None:
    """The same schedule, the same choices, and reasons that name the number that decided."""
    schedule, expected = simulate(jobs_of(made), policy), play(made, brain)
    assert timeline(schedule) == expected.ran
    ledger = list(schedule.ledger())
    assert [(d.time, d.chosen) for d in ledger] == [
        (now, f"P{i + 1}") for now, i, _ in expected.choices
    ]
    for decision, (_, _, number) in zip(ledger, expected.choices, strict=True):
        if decision.ready:
            assert f"({show(number * scale)})" in decision.reason.replace("(virtual deadline ", "(")
    assert all(moment.reason for moment in schedule.moments())
