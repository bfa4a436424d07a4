"""Gang scheduling and spinning at barriers: a matrix by hand, and random jobs tick by tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_gang import Job, Tick, gangs, singly
from scheduling_cases import examples

from vcloud_lab.errors import PolicyError, ScheduleError, VcloudLabError, WorkloadError
from vcloud_lab.scheduling import RR, Workload, simulate
from vcloud_lab.scheduling.barriers import BarrierRun, with_barriers
from vcloud_lab.scheduling.gang import GangSchedule, gang_schedule


@st.composite
def wide_jobs(draw: st.DrawFn) -> tuple[list[Job], int]:
    """Jobs in order of arrival, and a machine that can hold each of them."""
    cpus = draw(st.integers(1, 5))
    latest = draw(st.sampled_from([0, 4, 20]))
    job = st.tuples(st.integers(0, latest), st.integers(1, 7), st.integers(1, cpus))
    return sorted(draw(st.lists(job, max_size=7)), key=lambda one: one[0]), cpus


def named(jobs: list[Job]) -> list[tuple[str, int, int, int]]:
    return [(f"J{n}", *job) for n, job in enumerate(jobs)]


# A matrix by hand: 4 processors, quantum 2


JOBS = [("A", 0, 5, 3), ("B", 0, 3, 2), ("C", 0, 2, 2), ("D", 1, 2, 1), ("E", 3, 3, 1)]
WITHOUT = {"A": 11, "B": 9, "C": 4, "D": 7, "E": 10}  # the completions without alternatives


# A fills row 1 but for processor 3, B and C row 2. D comes at 1 and fits beside A at once; E comes
# at 3, when D has still 1 of its 2 to do, and finds no room in rows 1 and 2: row 3.
def test_a_matrix_by_hand() -> None:
    got = gang_schedule(JOBS, 4, 2)
    assert got.rows == {"A": 1, "B": 2, "C": 2, "D": 1, "E": 3}
    assert got.matrix(0) == (("A", "A", "A", None), ("B", "B", "C", "C"))
    assert got.matrix(3) == (
        ("A", "A", "A", "D"),
        ("B", "B", "C", "C"),
        ("E", None, None, None),
    )
    # Row 2 has [2, 4): C is done. Row 3 [4, 6), row 1 [6, 8): D is done at 7. B's last tick takes
    # row 2 with it at 9, and E's row 3 at 10; A goes on alone.
    assert got.turns == (
        (1, 0, 2), (2, 2, 4), (3, 4, 6), (1, 6, 8), (2, 8, 9), (3, 9, 10), (1, 10, 11)
    )  # fmt: skip
    assert got.completion == WITHOUT
    assert got.turnaround == {"A": 11, "B": 9, "C": 4, "D": 6, "E": 7}
    assert got.waiting == {"A": 6, "B": 6, "C": 2, "D": 4, "E": 4}
    assert got.response == {"A": 0, "B": 2, "C": 2, "D": 0, "E": 1}
    assert [tuple(piece) for piece in got.slices if piece.job == "A"] == [
        ("A", 0, 2, (0, 1, 2)), ("A", 6, 8, (0, 1, 2)), ("A", 10, 11, (0, 1, 2))
    ]  # fmt: skip
    assert [tuple(gap) for gap in got.idle] == [
        (0, 1, 1, 2), (4, 6, 3, 3), (7, 8, 1, 2), (8, 9, 2, 2), (9, 10, 3, 1), (10, 11, 1, 0)
    ]  # fmt: skip
    assert got.utilisation == Fraction(15 + 6 + 4 + 2 + 3, 44)
    assert got.fragmentation == Fraction(1 + 6 + 1 + 2 + 3, 44)
    assert got.makespan == 11
    assert repr(got) == "Gang schedule of 5 jobs on 4 CPUs: 0.682 of them used, ends at 11"


def test_alternative_selection_lends_the_holes() -> None:
    got = gang_schedule(JOBS, 4, 2, alternative=True)
    # In the turn of row 3, [4, 6), D is lent its own column 3; A is not, as E has column 0.
    lent = [tuple(piece) for piece in got.slices if piece.job == "D"]
    assert lent == [("D", 1, 2, (3,)), ("D", 4, 5, (3,))]
    assert {name for name, end in got.completion.items() if end != WITHOUT[name]} == {"D"}
    # C stands beside A, and its column is free in B's row too: it never has to stop.
    jobs = [("A", 0, 4, 3), ("B", 0, 4, 3), ("C", 0, 8, 1)]
    plain, lending = (gang_schedule(jobs, 4, 2, alternative=how) for how in (False, True))
    assert plain.completion == {"A": 6, "B": 8, "C": 12}
    assert lending.completion == {"A": 6, "B": 8, "C": 8}
    assert (plain.fragmentation, lending.fragmentation) == (Fraction(4, 48), 0)
    assert lending.matrix(3) == plain.matrix(3) == (("A", "A", "A", "C"), ("B", "B", "B", None))


def test_the_row_behind_is_asked_first_for_a_hole() -> None:
    # Rows A a, B b and C c on processors 0 and 1. When b ends at 3, in the turn of row 2, both a
    # and c could have its processor: row 3 comes after row 2, and row 1 after row 3.
    jobs = [(name, 0, 1 if name == "b" else 6) for name in "AaBbCc"]
    got = gang_schedule(jobs, 2, 2, alternative=True)
    assert got.rows == {"A": 1, "a": 1, "B": 2, "b": 2, "C": 3, "c": 3}
    assert [piece.job for piece in got.slices if piece.start <= 3 < piece.end] == ["B", "c"]


def test_jobs_that_fit_together_never_wait_and_those_that_do_not_waste_processors() -> None:
    good = gang_schedule([("A", 0, 6, 2), ("B", 0, 6, 2)], 4, 2)
    assert (good.utilisation, good.fragmentation, good.idle) == (1, 0, ())
    assert good.waiting == {"A": 0, "B": 0}
    bad = gang_schedule([("A", 0, 6, 3), ("B", 0, 6, 2)], 4, 2)
    assert bad.makespan == 12
    assert bad.utilisation == Fraction(30, 48)
    # up to 10 somebody waits: A leaves 1 idle in 6 ticks, B 2 in 4
    assert bad.fragmentation == Fraction(6 + 8, 48)


def test_jobs_of_the_whole_machine_take_turns_as_under_round_robin() -> None:
    jobs = [("A", 0, 7), ("B", 0, 3), ("C", 2, 6)]
    wide = gang_schedule([(*job, 3) for job in jobs], 3, 2)
    narrow = gang_schedule(jobs, 1, 2)
    assert wide.completion == narrow.completion
    together = [("A", 0, 7), ("B", 0, 3), ("C", 0, 6)]
    assert gang_schedule(together, 1, 2).completion == simulate(together, RR(2)).completion


@examples(300)
@given(wide_jobs(), st.integers(1, 4), st.booleans())
def test_random_jobs_tick_by_tick(
    case: tuple[list[Job], int], quantum: int, alternative: bool
) -> None:
    jobs, cpus = case
    got = gang_schedule(named(jobs), cpus, quantum, alternative=alternative)
    _, ticks, turns = gangs(jobs, cpus, quantum, alternative, grain=10**6)
    assert got.makespan == len(ticks)
    played: list[Tick] = [{} for _ in ticks]
    for piece in got.slices:
        for now in range(int(piece.start), int(piece.end)):
            for k, cpu in enumerate(piece.cpus):
                assert cpu not in played[now]
                played[now][cpu] = (int(piece.job[1:]), k)
    assert played == ticks
    rows: list[list[int | None] | None] = [None] * len(ticks)
    for turn in got.turns:
        for now in range(int(turn.start), int(turn.end)):
            line: list[int | None] = [None] * cpus
            for name, row in got.rows.items():
                job = int(name[1:])
                if row == turn.row and jobs[job][0] <= now < got.completion[name]:
                    for cpu in next(p.cpus for p in got.slices if p.job == name):
                        line[cpu] = job
            rows[now] = line
    assert rows == turns


@examples(200)
@given(wide_jobs(), st.integers(1, 4), st.booleans())
def test_promises_of_every_gang_schedule(
    case: tuple[list[Job], int], quantum: int, alternative: bool
) -> None:
    check_gangs(*case, gang_schedule(named(case[0]), case[1], quantum, alternative=alternative))


def check_gangs(jobs: list[Job], cpus: int, got: GangSchedule) -> None:
    """All threads at once, nobody before its arrival, and each processor has one or is idle."""
    ran = dict.fromkeys(got.completion, 0)
    count = [0] * int(got.makespan)
    for piece in got.slices:
        arrival, _, width = jobs[int(piece.job[1:])]
        assert piece.start >= arrival
        assert len(set(piece.cpus)) == width
        ran[piece.job] += int(piece.end - piece.start)
        for now in range(int(piece.start), int(piece.end)):
            count[now] += width
    assert ran == {f"J{n}": burst for n, (_, burst, _) in enumerate(jobs)}
    for gap in got.idle:
        for now in range(int(gap.start), int(gap.end)):
            count[now] += gap.cpus
            there = sum(a <= now < got.completion[f"J{n}"] for n, (a, _, _) in enumerate(jobs))
            running = {piece.job for piece in got.slices if piece.start <= now < piece.end}
            assert gap.waiting == there - len(running)
    assert count == [cpus] * int(got.makespan)
    for now in range(int(got.makespan)):
        cells = [job for row in got.matrix(now) for job in row if job]
        assert all(any(row) for row in got.matrix(now))
        present = [n for n, job in enumerate(jobs) if job[0] <= now < got.completion[f"J{n}"]]
        assert sorted(cells) == sorted(f"J{n}" for n in present for _ in range(jobs[n][2]))


def test_the_promises_can_be_broken() -> None:
    jobs = [(0, 2, 2), (1, 2, 1)]
    good = gang_schedule(named(jobs), 2, 1)
    check_gangs(jobs, 2, good)
    short = [piece._replace(cpus=piece.cpus[:1]) for piece in good.slices]
    early = [piece._replace(start=0) for piece in good.slices]
    for broken in (
        replace(good, slices=tuple(short)),
        replace(good, slices=tuple(early)),
        replace(good, idle=()),
    ):
        with pytest.raises(AssertionError):
            check_gangs(jobs, 2, broken)


def test_times_may_be_fractional_and_scale() -> None:
    finer = [(name, Fraction(a, 3), Fraction(b, 3), w) for name, a, b, w in JOBS]
    thirds = {
        name: time * Fraction(1, 3) for name, time in gang_schedule(JOBS, 4, 2).completion.items()
    }
    assert gang_schedule(finer, 4, "2/3").completion == thirds
    for scheduling in ("gang", "independent"):
        whole = with_barriers(JOBS, 4, 2, 1, scheduling=scheduling)
        third = with_barriers(finer, 4, "2/3", "1/3", scheduling=scheduling)
        for big, small in zip(whole.spent, third.spent, strict=True):
            assert [time * Fraction(1, 3) for time in big[1:]] == list(small[1:])
        assert third.idle * 3 == whole.idle


def test_no_jobs() -> None:
    none = gang_schedule([], 2, 1)
    assert (none.makespan, none.matrix(0), repr(none)) == (
        0,
        (),
        "Gang schedule of 0 jobs on 2 CPUs",
    )
    assert with_barriers([], 2, 1, 1).makespan == 0


# Barriers

TWO_OF_THREE = [("A", 0, 12, 3), ("B", 0, 12, 3)]


def both(jobs: list[Any], cpus: int, quantum: int, grain: int) -> tuple[BarrierRun, BarrierRun]:
    independent = with_barriers(jobs, cpus, quantum, grain, scheduling="independent")
    return with_barriers(jobs, cpus, quantum, grain), independent


def test_fine_barriers_make_single_threads_spin_and_gangs_do_not() -> None:
    gang, single = both(TWO_OF_THREE, 4, 4, 1)
    assert (gang.useful, gang.spinning, gang.idle, gang.makespan) == (72, 0, 24, 24)
    assert (single.useful, single.spinning, single.idle, single.makespan) == (72, 38, 2, 28)
    assert gang.waste == 0
    assert single.waste == Fraction(38, 110)
    assert max(gang.completion.values()) < max(single.completion.values())


def test_coarse_barriers_make_gangs_the_slower_ones() -> None:
    gang, single = both(TWO_OF_THREE, 4, 4, 12)
    assert (gang.spinning, gang.idle, gang.makespan) == (0, 24, 24)  # a processor in four is idle
    assert (single.spinning, single.idle, single.makespan) == (0, 8, 20)


def test_spinning_by_hand() -> None:
    jobs = [("B", 0, 1), ("A", 0, 3, 2), ("C", 0, 3)]
    got = with_barriers(jobs, 2, quantum=2, grain=1, scheduling="independent")
    # The queue is B, A0, A1, C. A0 reaches its barrier at 1, when A1 takes over from B, and spins
    # until A1 is there at 2; by then its quantum is over. From there on nobody is behind.
    assert [tuple(piece) for piece in got.slices] == [
        ("B", 0, 0, 0, 1, True), ("A", 1, 0, 1, 3, True), ("A", 0, 0, 3, 5, True),
        ("C", 0, 0, 5, 6, True),
        ("A", 0, 1, 0, 1, True), ("A", 0, 1, 1, 2, False), ("C", 0, 1, 2, 4, True),
        ("A", 1, 1, 4, 5, True),
    ]  # fmt: skip
    assert [tuple(job) for job in got.spent] == [("B", 1, 0, 1), ("A", 6, 1, 5), ("C", 3, 0, 6)]
    assert got.idle == 1
    # as many CPUs as threads
    assert with_barriers([("A", 0, 3, 2)], 2, 2, 1, scheduling="independent").spinning == 0


@examples(300)
@given(wide_jobs(), st.integers(1, 4), st.integers(1, 8), st.booleans())
def test_barriers_tick_by_tick(
    case: tuple[list[Job], int], quantum: int, grain: int, alternative: bool
) -> None:
    jobs, cpus = case
    gang = with_barriers(named(jobs), cpus, quantum, grain, alternative=alternative)
    work, ticks, _ = gangs(jobs, cpus, quantum, alternative, grain)
    check_threads(jobs, cpus, gang, work, ticks)
    assert gang.spinning == 0
    plain = gang_schedule(named(jobs), cpus, quantum, alternative=alternative)
    assert gang.completion == plain.completion
    single = with_barriers(named(jobs), cpus, quantum, grain, scheduling="independent")
    check_threads(jobs, cpus, single, *singly(jobs, cpus, quantum, grain))


def check_threads(
    jobs: list[Job], cpus: int, got: BarrierRun, work: Any, ticks: list[Tick]
) -> None:
    played: list[Tick] = [{} for _ in ticks]
    useful, spinning = dict.fromkeys(work.useful, 0), dict.fromkeys(work.useful, 0)
    for piece in got.slices:
        job = int(piece.job[1:])
        (useful if piece.useful else spinning)[job] += int(piece.end - piece.start)
        for now in range(int(piece.start), int(piece.end)):
            played[now][piece.cpu] = (job, piece.thread)
    assert played == ticks
    assert (useful, spinning) == (work.useful, work.spinning)
    assert [job.useful for job in got.spent] == list(useful.values())
    assert [job.spinning for job in got.spent] == list(spinning.values())
    assert got.useful == sum(burst * width for _, burst, width in jobs)
    assert got.useful + got.spinning + got.idle == cpus * got.makespan
    ends = {f"J{n}": 0 for n in range(len(jobs))}
    for now, placed in enumerate(ticks):
        ends.update({f"J{job}": now + 1 for job, _ in placed.values()})
    assert got.completion == ends


def test_a_quantum_longer_than_all_bursts_and_no_barrier_inside_never_spins() -> None:
    single = with_barriers(TWO_OF_THREE, 4, 100, 100, scheduling="independent")
    assert single.spinning == 0
    assert repr(single) == (
        "independent scheduling of 2 jobs with barriers on 4 CPUs: useful 72, spinning 0, idle 24, "
        "ends at 24"
    )


# Mistakes

IO = [{"arrival": 0, "burst": 2, "io": [(1, 1)]}]
LONG = [("A", 0, 120_000, 2), ("B", 0, 120_000, 2)]  # 480,000 ticks, and they spin
BAD: dict[str, tuple[type[VcloudLabError], Callable[[], object], list[str]]] = {
    "wide": (PolicyError, lambda: gang_schedule(JOBS, 2, 1), ["'A' needs 3", "cpus=3 or more"]),
    "cpus": (PolicyError, lambda: gang_schedule(JOBS, 0, 1), ["processors is 0", "1 to 1024"]),
    "many cpus": (PolicyError, lambda: gang_schedule(JOBS, 2000, 1), ["2000", "1 to 1024"]),
    "quantum": (PolicyError, lambda: gang_schedule(JOBS, 4, 0), ["quantum is 0", "quantum=4"]),
    "no quantum": (PolicyError, lambda: gang_schedule(JOBS, 4, None), ["None", "number"]),
    "io": (PolicyError, lambda: gang_schedule(IO, 1, 1), ["I/O is not modelled", "leave io"]),
    "no jobs": (WorkloadError, lambda: gang_schedule(3, 1, 1), ["3", "list of jobs"]),
    "alternative": (
        PolicyError,
        lambda: gang_schedule(JOBS, 4, 1, alternative="yes"),
        ["'yes'", "True or False"],
    ),
    "turns": (
        PolicyError,
        lambda: gang_schedule([(0, 10**6)], 1, 1),
        ["1000000 turns", "at most 100000", "longer quantum"],
    ),
    "use of none": (ScheduleError, lambda: gang_schedule([], 1, 1).utilisation, ["utilisation of"]),
    "idle of none": (ScheduleError, lambda: gang_schedule([], 1, 1).fragmentation, ["0 jobs"]),
    "no time": (ScheduleError, lambda: gang_schedule(JOBS, 4, 1).matrix("x"), ["time is 'x'"]),
    "scheduling": (
        PolicyError,
        lambda: with_barriers(JOBS, 4, 1, 1, scheduling="pairs"),
        ["scheduling", "'pairs'", "'gang' or 'independent'"],
    ),
    "grain": (PolicyError, lambda: with_barriers(JOBS, 4, 1, 0), ["grain is 0", "grain=1"]),
    "no holes": (
        PolicyError,
        lambda: with_barriers(JOBS, 4, 1, 1, scheduling="independent", alternative=True),
        ["alternative", "'independent'", "leave alternative out"],
    ),
    "long": (
        PolicyError,
        lambda: with_barriers([(0, 10**6)], 1, 10**6, 1),
        ["500000 ticks", "shorter bursts"],
    ),
    "long by spinning": (
        PolicyError,
        lambda: with_barriers(LONG, 3, 100, 1, scheduling="independent"),
        ["500000 ticks"],
    ),
    "waste of none": (ScheduleError, lambda: with_barriers([], 1, 1, 1).waste, ["waste of 0"]),
}


@pytest.mark.parametrize("mistake", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_in_one_sentence(
    mistake: tuple[type[VcloudLabError], Callable[[], object], list[str]],
) -> None:
    error, call, words = mistake
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_a_workload_is_taken_as_it_is() -> None:
    workload = Workload(JOBS)
    assert gang_schedule(workload, 4, 2) == gang_schedule(JOBS, 4, 2)
