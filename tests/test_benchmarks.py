"""The benchmarks run, and SimPy agrees with the package on every job. No clock is judged here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vcloud_lab.scheduling import random_workload, simulate

pytest.importorskip("simpy")

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_importable() -> Iterator[None]:
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["FCFS", "SJF", "SRTF", "RR"])
def test_simpy_agrees_job_by_job(name: str, seed: int) -> None:
    import measures

    workload = random_workload(400, seed=seed, mean_burst=measures.MEAN)
    theirs = measures.simpys(name, workload.arrival.tolist(), workload.burst.tolist())
    mine = simulate(workload, measures.POLICIES[name])
    assert mine.ticks("completion").tolist() == theirs
    measures.check_agreement(name, workload, theirs, theirs)


def test_disagreement_is_noticed() -> None:
    import measures

    workload = random_workload(50, seed=1, mean_burst=measures.MEAN)
    theirs = measures.simpys("FCFS", workload.arrival.tolist(), workload.burst.tolist())
    wrong = [*theirs[:-1], theirs[-1] + 1]
    with pytest.raises(SystemExit, match=r"FCFS: .* disagree on when"):
        measures.check_agreement("FCFS", workload, theirs, wrong)
    with pytest.raises(SystemExit, match=r"FCFS: .* disagree on the mean"):
        measures.check_agreement("FCFS", workload, wrong, wrong)


@pytest.mark.slow
def test_quick_run_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import run

    output = tmp_path / "table.md"
    before = run.RESULTS.read_bytes()
    assert run.main(["--quick", "--output", str(output)]) == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    for what in ("FCFS, 300", "SJF, 300", "SRTF, 300", "RR, 300", "simulate, 5 jobs", "explorer"):
        assert any(row.startswith(f"| {what}") for row in rows), what
    assert sum(row.endswith(("| met |", "| **missed** |")) for row in rows) >= 11
    assert any(line.endswith("goals met.") for line in lines)
    assert str(output) in capsys.readouterr().out
    assert run.RESULTS.read_bytes() == before
