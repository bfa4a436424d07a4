"""The benchmarks run, and every other simulator agrees with the package on every job.

No clock is judged here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vcloud_lab.scheduling import RR, random_workload, simulate

FOLDER = Path(__file__).parent.parent / "benchmarks"
# Written down here as well, so that a policy that is no longer compared is noticed.
COMPARED = {"SimPy": {"FCFS", "SJF", "SRTF", "RR"}, "Ciw": {"FCFS"}}
COMPARED["salabim"] = {"FCFS", "SJF", "RR"}

# Ciw copies an object of itertools, which Python 3.12 and newer warn of.
pytestmark = pytest.mark.filterwarnings("ignore:Pickle, copy, and deepcopy:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_importable() -> Iterator[None]:
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", COMPARED)
def test_a_library_agrees_job_by_job(name: str, seed: int) -> None:
    import measures
    import peers

    (peer,) = [peer for peer in peers.PEERS if peer.name == name]
    pytest.importorskip(peer.package)
    workload = random_workload(300, seed=seed, mean_burst=measures.MEAN)
    arrivals, bursts = workload.arrival.tolist(), workload.burst.tolist()
    policies = [peers.CASES[case] for case in peer.goals]
    assert {policy.name for policy in policies} == COMPARED[name]
    for policy in policies:
        theirs = peer.solve(policy, arrivals, bursts)
        assert simulate(workload, policy).ticks("completion").tolist() == theirs


@pytest.mark.parametrize("seed", range(3))
def test_cpp_agrees_slice_by_slice(seed: int, tmp_path: Path) -> None:
    import measures
    import reference

    if reference.compiler() is None:
        pytest.skip("there is no C++ compiler")
    program = reference.build(tmp_path)
    workload = random_workload(300, seed=seed, mean_burst=measures.MEAN)
    for policy in [*measures.POLICIES.values(), RR(measures.MEAN // 100)]:
        quantum = 1 if policy.quantum is None else int(policy.quantum)
        theirs = reference.solve(program, workload, policy.name, quantum=quantum, trace=True)
        mine = simulate(workload, policy)
        assert mine.ticks("completion").tolist() == theirs.completion.tolist()
        assert int(mine.ticks("waiting").sum()) == theirs.waiting
        slices = [mine.trace.job, mine.trace.start, mine.trace.end]
        assert [column.tolist() for column in slices] == theirs.slices.T.tolist()


def test_the_interpreter_in_c_executes_the_same_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import booting
    import interpreter

    if interpreter.compiler() is None:
        pytest.skip("there is no C compiler")
    program = interpreter.build(tmp_path)
    stops = [1, 1000, 99_999, 400_000, 700_000]
    booting.check(program, stops)
    _, states = interpreter.solve(program, booting.board(), stops, repeats=2)
    assert [state.retired for state in states] == stops
    monkeypatch.setattr(interpreter, "state_of", lambda board: states[0])
    with pytest.raises(SystemExit, match="C and vcloud_lab disagree after 1000 instructions"):
        booting.check(program, [1, 1000])


@pytest.mark.parametrize("package", ["riscemu", "unicorn"])
def test_an_emulator_agrees_on_the_loops(package: str) -> None:
    import machines

    pytest.importorskip(package)
    for loop in machines.LOOPS.values():
        words = machines.words_of(loop)
        hart = machines.prepared(machines.Hart, words, 50)
        hart.run(50 * len(words))
        if package == "riscemu":
            theirs = machines.emulated(loop, 50)[1]
            assert [hart.x[number] for number in machines.USED.values()] == theirs
        else:
            assert hart.x[:32] == machines.hooked(words, 50)[1]


def test_disagreement_is_noticed() -> None:
    import measures

    workload = random_workload(50, seed=1, mean_burst=measures.MEAN)
    mine = measures.ours(workload, measures.POLICIES["FCFS"])
    theirs = mine.ticks("completion").tolist()
    measures.check_agreement("SimPy", mine, theirs)
    with pytest.raises(SystemExit, match=r"FCFS: SimPy .* disagree on when"):
        measures.check_agreement("SimPy", mine, [*theirs[:-1], theirs[-1] + 1])
    mine.mean = lambda metric: 0  # type: ignore[method-assign]
    with pytest.raises(SystemExit, match=r"FCFS: SimPy .* disagree on the mean"):
        measures.check_agreement("SimPy", mine, theirs)


def test_a_chart_that_lacks_slices_is_noticed() -> None:
    import charts

    schedule = charts.a_long_schedule(1000)
    whole, part = charts.of_ours(schedule), charts.of_ours(charts.a_long_schedule(900))
    charts.check_bars(schedule, whole, whole)
    with pytest.raises(SystemExit, match="A chart has"):
        charts.check_bars(schedule, whole, part)


def test_a_goal_is_met_or_missed() -> None:
    import measures

    assert measures.ratio_line("x", 29, "29", least=30).met is False
    assert measures.ratio_line("x", 30, "30", least=30).met is True
    assert measures.ratio_line("x", 20, "20", most=20).met is True
    assert measures.ratio_line("x", 21, "21", most=20).met is False
    assert measures.ratio_line("x", 21, "21").met is None


@pytest.mark.slow
def test_quick_run_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("simpy", "ciw", "salabim", "pandas", "riscemu", "unicorn"):
        pytest.importorskip(package)
    import reference
    import run

    output = tmp_path / "table.md"
    before = run.RESULTS.read_bytes()
    assert run.main(["--quick", "--output", str(output)]) == 0
    lines = output.read_text(encoding="utf-8").splitlines()
    assert [x[3:] for x in lines if x.startswith("## ")] == [x.title for x in run.SECTIONS]
    rows = [line for line in lines if line.startswith("| ") and "| measured |" not in line]
    for what in (
        "FCFS, 300",
        "RR with trace",
        "Gantt chart",
        "simulate, 5 jobs",
        "explorer",
        "Linux",
    ):
        assert any(row.startswith(f"| {what}") for row in rows), what
    if reference.compiler():
        assert not any("not measured" in row for row in rows)
    goals = [row for row in rows if row.endswith(("| met |", "| **missed** |"))]
    met = sum(row.endswith("| met |") for row in goals)
    assert lines[-1] == f"{met} of {len(goals)} goals met."
    assert len(goals) >= 25
    assert str(output) in capsys.readouterr().out
    assert run.RESULTS.read_bytes() == before


def test_what_is_not_installed_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import against_cpp
    import booting
    import measures
    import peers

    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    for peer in peers.PEERS:
        (line,) = peers.against(peer, measures.QUICK)
        assert line.measured == f"not measured: {peer.package} is not installed"
        assert line.met is None
    monkeypatch.setattr(booting, "INIT", b"Linux")  # soon
    monkeypatch.setattr("shutil.which", lambda name: None)
    (line,) = against_cpp.with_trace(measures.QUICK)
    assert line.measured == "not measured: there is no C++ compiler"
    *_, line = booting.boots(measures.QUICK)
    assert line.measured == "not measured: there is no C compiler"
