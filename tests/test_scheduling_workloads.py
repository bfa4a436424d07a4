"""Workloads: exact times, tables, seeds, SWF files and the packaged NASA log."""

from __future__ import annotations

import gzip
import hashlib
import math
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduling_cases import exact_times, examples

from vcloud_lab.errors import TraceError
from vcloud_lab.scheduling import (
    FCFS,
    SJF,
    Job,
    Workload,
    exact,
    nasa_trace,
    ostep_workload,
    random_workload,
    read_swf,
    read_table,
    show,
    simulate,
    swf_header,
)

# ---- exact times


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (3, 3),
        (3.0, 3),
        (0.4, Fraction(2, 5)),
        (0.1, Fraction(1, 10)),
        (1e-3, Fraction(1, 1000)),
        ("0.4", Fraction(2, 5)),
        (" 1/3 ", Fraction(1, 3)),
        ("6/2", 3),
        (Decimal("0.10"), Fraction(1, 10)),
        (Fraction(4, 2), 2),
        (np.int64(7), 7),
        (np.float64(0.4), Fraction(2, 5)),
        (np.float32(0.5), Fraction(1, 2)),
    ],
)
def test_numbers_are_read_without_rounding(written: object, meant: object) -> None:
    read = exact(written, "It")
    assert read == meant
    assert type(read) is type(meant)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (17, 3, "17"),
        (Fraction(17, 3), 3, "5.667"),
        (Fraction(2, 5), 3, "0.4"),
        (Fraction(1, 16), 3, "0.062"),
        (Fraction(1, 16), 4, "0.0625"),
        (Fraction(3, 16), 3, "0.188"),
        (Fraction(41, 4), 2, "10.25"),
        (Fraction(-1, 3), 2, "-0.33"),
        (Fraction(1999, 1000), 1, "2.0"),
        (Fraction(5, 2), 0, "2"),
        (10**30, 3, str(10**30)),
    ],
)
def test_show(value: int | Fraction, digits: int, text: str) -> None:
    assert show(value, digits) == text


@given(jobs=st.lists(st.tuples(exact_times(0), exact_times(1)), max_size=6))
@examples(200)
def test_times_survive(jobs: list[tuple[Fraction, Fraction]]) -> None:
    workload = Workload(jobs)
    assert [(job.arrival, job.burst) for job in workload.jobs] == jobs
    assert [workload.time(t) for t in workload.arrival.tolist()] == [a for a, _ in jobs]
    assert workload.scale == math.lcm(*(t.denominator for job in jobs for t in job))
    assert workload == Workload(workload.jobs)
    assert hash(workload) == hash(Workload(workload.jobs))


def test_jobs_may_be_written_in_many_ways() -> None:
    forms: list[list[object]] = [
        [Job("P1", 0, 24), Job("P2", Fraction(1, 2), 3)],
        [(0, 24), (0.5, 3)],
        [("P1", 0, 24), ("P2", "1/2", 3)],
        [("P1", 0, 24, 1), ("P2", "0.5", 3, 1)],
        [{"arrival": 0, "burst": 24}, {"name": "P2", "arrival": 0.5, "burst": "3", "width": 1}],
        [[0, 24], [Decimal("0.5"), 3]],
    ]
    assert {Workload(form) for form in forms} == {Workload(forms[0])}
    first = Workload(forms[0], title="two jobs", unit="ms")
    assert (first.names, len(first), first.title, first.unit) == (("P1", "P2"), 2, "two jobs", "ms")
    assert first["P2"] == Job("P2", Fraction(1, 2), 3)
    assert (first.arrival.tolist(), first.burst.tolist(), first.scale) == ([0, 1], [48, 6], 2)
    assert first.arrival.dtype == first.burst.dtype == first.width.dtype == np.int64
    assert first != Workload([(0, 24), (0.5, 4)])


def test_a_job_is_found_without_making_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload([("a", 0, 1), ("b", "1/2", 2, 3)])
    monkeypatch.setattr(Workload, "jobs", property(lambda self: pytest.fail("makes every job")))
    assert workload["b"] == Job("b", Fraction(1, 2), 2, 3)


def test_names_are_made_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    # Those of ten thousand jobs take longer, and more memory, than all of FCFS.
    monkeypatch.setattr(Workload, "names", property(lambda self: pytest.fail("makes every name")))
    schedule = simulate(Workload.from_columns([0, 1], [2, 2]), FCFS)
    assert (schedule.mean("waiting"), schedule.ticks("completion").tolist()) == (0.5, [2, 4])


def test_numpy_counts_as_a_number_of_processors() -> None:
    assert simulate([(0, 1)], FCFS, cpus=np.int64(2)).cpus == 2


def test_columns() -> None:
    workload = Workload.from_columns([0, 3], [5, 2], scale=10)
    assert workload == Workload([(0, "1/2"), ("3/10", "1/5")])
    mine = np.array([1, 2])
    kept = Workload.from_columns(mine, mine)
    mine[0] = 99
    assert kept.arrival.tolist() == kept.burst.tolist() == [1, 2]


TABLES = {
    "CSV": "name,arrival,burst\nP1,0,24\nP2,0.5,3\n",
    "spaces and capitals": "\n Name , Arrival , Burst\n\nP1, 0, 24\n P2 ,1/2,3",
    "tabs": "burst\tname\tarrival\n24\tP1\t0\n3\tP2\t0.5",
    "Markdown": "| name | arrival | burst |\n|---|:-:|--:|\n| P1 | 0 | 24 |\n| P2 | 0.5 | 3 |",
    "no names": "arrival,burst\n0,24\n0.5,3",
    "width": "arrival,burst,width\n0,24,1\n0.5,3,1",
    "rows": [{"arrival": 0, "burst": 24}, {"arrival": 0.5, "burst": 3}],
    "columns": {"arrival": [0, "0.5"], "burst": [24, 3], "name": ["P1", "P2"]},
}


@pytest.mark.parametrize("form", TABLES)
def test_tables(form: str) -> None:
    assert read_table(TABLES[form]) == Workload([(0, 24), (Fraction(1, 2), 3)])


def test_table_with_wide_jobs() -> None:
    read = read_table("name,arrival,burst,width\nA,0,1,4", title="t", unit="s")
    assert (read["A"].width, read.title, read.unit) == (4, "t", "s")


# ---- seeds: literals, so that every Python and machine is held to the same jobs

RANDOM = {
    "exponential": ([0, 5, 22, 27, 38, 43], [1, 1, 11, 7, 34, 18], "e485bcfe4a87f129"),
    "uniform": ([0, 5, 6, 12, 21, 33], [2, 17, 12, 11, 15, 9], "c7de024f3a6f03b4"),
    "heavy": ([0, 5, 6, 12, 21, 33], [5, 13, 8, 7, 10, 7], "20b8f1d2aedc4a97"),
}
OSTEP = {
    0: ([9, 8, 5], [85, 76, 43, 26, 52]),
    1: ([2, 9, 8], [14, 85, 77, 26, 50]),
    2: ([10, 10, 1], [96, 95, 6, 9, 84]),
    100: ([2, 5, 8], [15, 46, 78, 71, 74]),
}


@pytest.mark.parametrize("sizes", RANDOM)
def test_random_workloads_are_the_same_everywhere(sizes: str) -> None:
    arrival, burst, digest = RANDOM[sizes]
    small = random_workload(6, 2026, sizes=sizes)
    assert (small.arrival.tolist(), small.burst.tolist()) == (arrival, burst)
    large = random_workload(1000, 7, load="3/4", mean_burst=25, sizes=sizes)
    text = repr((large.arrival.tolist(), large.burst.tolist()))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("sizes", RANDOM)
def test_random_workloads_have_the_load_that_was_asked_for(sizes: str) -> None:
    work = random_workload(20_000, 3, load=0.5, mean_burst=100, sizes=sizes)
    assert (np.diff(work.arrival) >= 0).all()
    assert int(work.burst.min()) >= 1
    assert work.arrival[0] == 0
    # Twenty thousand draws: a few per cent around the mean, for a fixed seed.
    assert abs(work.burst.mean() - 100) < 5
    assert abs(work.burst.sum() / work.arrival[-1] - 0.5) < 0.03


def test_random_workload_of_nothing() -> None:
    assert len(random_workload(0, 1)) == 0


@pytest.mark.parametrize("seed", OSTEP)
def test_ostep_workloads(seed: int) -> None:
    small, large = OSTEP[seed]
    assert ostep_workload(seed).burst.tolist() == small
    made = ostep_workload(seed, jobs=5, maxlen=100)
    assert made.burst.tolist() == large
    assert made.names == ("0", "1", "2", "3", "4")
    assert made.arrival.tolist() == [0] * 5


# ---- SWF

LINE = "{number} {submit} 5 {run} {procs} -1 -1 {asked} -1 -1 1 3 1 -1 1 -1 -1 -1"
HEADER = "; Version: 2.2\n; Computer: abacus\n;\n"


def swf(*jobs: tuple[int, int, int, int, int], header: str = HEADER) -> str:
    keys = ("number", "submit", "run", "procs", "asked")
    lines = [LINE.format(**dict(zip(keys, job, strict=True))) for job in jobs]
    return header + "\n".join(lines) + "\n"


JOBS = [(3, 100, 7, 4, 8), (5, 100, 2, -1, 8), (9, 160, 1, -1, -1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.swf"


def columns(workload: Workload) -> list[tuple[str, int, int, int]]:
    return [(j.name, j.arrival, j.burst, j.width) for j in workload.jobs]


@pytest.mark.parametrize("zipped", [False, True])
def test_swf(path: Path, zipped: bool) -> None:
    text = swf(*JOBS).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    read = read_swf(path)
    assert columns(read) == [("3", 0, 7, 4), ("5", 0, 2, 8), ("9", 60, 1, 1)]
    assert (read.title, read.unit, read.scale, read.notes) == ("log.swf", "s", 1, ())
    assert read_swf(str(path)) == read
    assert columns(read_swf(path, limit=2)) == columns(read)[:2]
    assert swf_header(path) == HEADER.rstrip()


def test_swf_without_header_and_with_blank_lines(path: Path) -> None:
    path.write_text("\n" + swf(JOBS[0], header="") + "\n; a late remark\n\n" + swf(JOBS[2]))
    assert columns(read_swf(path)) == [("3", 0, 7, 4), ("9", 60, 1, 1)]


def test_swf_leaves_out_jobs_that_did_not_run_and_says_so(path: Path) -> None:
    path.write_text(swf((1, 50, 0, 4, 4), (2, 60, -1, 4, 4), *JOBS))
    read = read_swf(path)
    assert read.names == ("3", "5", "9")
    assert read.arrival.tolist() == [0, 0, 60]
    (note,) = read.notes
    assert "2 jobs" in note


def test_swf_in_any_order(path: Path) -> None:
    path.write_text(swf(*reversed(JOBS)))
    assert columns(read_swf(path)) == [("9", 60, 1, 1), ("5", 0, 2, 8), ("3", 0, 7, 4)]


BROKEN = {
    "short": ("1 2 3", ["line 4", "3 fields", "18"]),
    "long": (LINE.format(number=1, submit=1, run=1, procs=1, asked=1) + " 7", ["line 4", "19"]),
    "letters": (LINE.format(number=1, submit=1, run="ten", procs=1, asked=1), ["line 4", "'ten'"]),
    "nan": (LINE.format(number=1, submit=1, run="nan", procs=1, asked=1), ["line 4", "'nan'"]),
    "endless": (LINE.format(number=1, submit="inf", run=1, procs=1, asked=1), ["line 4", "'inf'"]),
    "huge": (LINE.format(number=1, submit=1, run="1e30", procs=1, asked=1), ["line 4", "2**62"]),
    "early": (LINE.format(number=1, submit=-9, run=1, procs=1, asked=1), ["line 4", "-9"]),
}


def trace_error(path: Path, parts: list[str]) -> None:
    with pytest.raises(TraceError) as caught:
        read_swf(path)
    text = str(caught.value)
    assert [part for part in (path.name, *parts) if part not in text] == [], text
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_swf_names_file_and_line(path: Path, kind: str, zipped: bool) -> None:
    line, parts = BROKEN[kind]
    text = (HEADER + line + "\n" + swf(*JOBS, header="")).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    trace_error(path, parts)


def test_missing_file(path: Path) -> None:
    trace_error(path, ["cannot be read", "No such file", "check"])


def test_directory(path: Path) -> None:
    path.mkdir()
    trace_error(path, ["cannot be read", "check"])


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_gzip(path: Path, kept: float) -> None:
    whole = gzip.compress(swf(*((number, 0, 7, 4, 4) for number in range(150))).encode())
    path.write_bytes(whole[: int(len(whole) * kept)])
    trace_error(path, ["cannot be read", "download"])


def test_a_job_number_stands_once(path: Path) -> None:
    path.write_text(swf(*JOBS, JOBS[0]))
    trace_error(path, [f"line {3 + len(JOBS) + 1}", f"job number {JOBS[0][0]}", "line 4"])


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_at_least_one(path: Path, limit: int) -> None:
    path.write_text(swf(*JOBS))
    with pytest.raises(TraceError, match=f"limit is {limit}: at least 1"):
        read_swf(path, limit=limit)
    assert len(read_swf(path, limit=1)) == 1


def test_damaged_gzip(path: Path) -> None:
    whole = bytearray(gzip.compress(swf(*JOBS).encode()))
    whole[-8] ^= 255  # the checksum
    path.write_bytes(whole)
    trace_error(path, ["cannot be read", "download"])


@pytest.mark.parametrize("text", ["", HEADER, "\n\n", swf((1, 0, 0, 1, 1))])
def test_swf_without_a_job(path: Path, text: str) -> None:
    path.write_text(text)
    trace_error(path, ["no job", "at least one"])


# ---- the packaged log


@pytest.fixture(scope="module")
def nasa() -> Workload:
    return nasa_trace()


@pytest.fixture(scope="module")
def raw() -> list[list[int]]:
    packed = files("vcloud_lab.data").joinpath("NASA-iPSC-1993-3.1-cln.swf.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return [[int(word) for word in line.split()] for line in lines if line[:1] not in (";", "")]


def test_nasa_log_is_read_whole(nasa: Workload, raw: list[list[int]]) -> None:
    assert len(raw) == 18_239
    ran = [row for row in raw if row[3] > 0]
    assert len(ran) == len(nasa) == 18_066
    (note,) = nasa.notes
    assert note.startswith(f"{18_239 - 18_066} jobs")
    assert nasa.arrival.tolist() == [row[1] - ran[0][1] for row in ran]
    assert nasa.burst.tolist() == [row[3] for row in ran]
    assert nasa.width.tolist() == [row[4] for row in ran]
    assert int(nasa.width.max()) == 128
    assert nasa_trace(limit=3).names == ("1", "2", "3")


def test_nasa_utilisation(nasa: Workload) -> None:
    """46.6 per cent of the processors' time, to the last tick."""
    result = simulate(nasa, FCFS, cpus=128)
    assert result.utilisation == Fraction(474_238_015, 1_017_474_816)
    assert show(result.utilisation * 100, 1) == "46.6"
    assert result.mean("waiting") == Fraction(145_997, 18_066)
    assert int(result.profile()[1].max()) == 128
    log_end = int((nasa.arrival + nasa.burst).max())
    assert result.makespan == log_end


def test_nasa_never_uses_more_than_the_machine(nasa: Workload) -> None:
    for policy in (FCFS, SJF):
        times, busy = simulate(nasa, policy, cpus=128).profile()
        assert int(busy.max()) <= 128
        assert int(busy.min()) >= 0
        used = int((busy[:-1] * np.diff(times)).sum())
        assert used == int((nasa.burst * nasa.width).sum())


def test_nasa_header_names_who_gave_the_log() -> None:
    header = swf_header()
    for text in ("Acknowledge: Bill Nitzberg", "NASA Ames", "Dror Feitelson", "MaxProcs: 128"):
        assert text in header
    assert all(line.startswith(";") for line in header.splitlines())
