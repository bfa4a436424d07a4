"""Sweeps: the same results from any executor, nothing lost by an interrupt or a crash."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import oracle
import psutil
import pytest

from vcloud_lab.errors import PolicyError, SweepError, VcloudLabError, WorkloadError
from vcloud_lab.render import lines
from vcloud_lab.scheduling import (
    CFS,
    EEVDF,
    FEEDBACK,
    HRRN,
    LRTF,
    MLFQ,
    RR,
    Policy,
    random_workload,
    simulate,
)
from vcloud_lab.scheduling.bar import TextBar
from vcloud_lab.scheduling.points import Point, figures, grid
from vcloud_lab.scheduling.results import Results
from vcloud_lab.scheduling.sweeps import sweep

sweep_module = sys.modules["vcloud_lab.scheduling.sweeps"]  # the package may export the function
posix = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


class Inline:
    """The plainest executor: the work is done when it is handed out."""

    def __init__(self) -> None:
        self.measured: list[Point] = []

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        self.measured.append(args[-1])
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


class Backwards(Inline):
    """Finishes every four points in reverse order."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.held.append((future, fn, args))
        if len(self.held) == 4:
            for late, function, arguments in reversed(self.held):
                self.measured.append(arguments[-1])
                late.set_result(function(*arguments))
            self.held.clear()
        return future


@pytest.fixture(autouse=True)
def _nothing_remains(tmp_path: Path) -> Iterator[None]:
    """No process, thread, lock file or changed signal handler is left behind by any test here."""
    threads, handler = set(threading.enumerate()), signal.getsignal(signal.SIGINT)
    yield
    assert multiprocessing.active_children() == []
    assert [thread for thread in set(threading.enumerate()) - threads if not thread.daemon] == []
    assert list(tmp_path.rglob("*.lock")) == []
    assert signal.getsignal(signal.SIGINT) is handler


SMALL = grid(["FCFS", "RR"], quantum=[1, 3], load=[0.5, "9/10"], seed=range(4), n=12)


# Measures: functions of a module, so that other processes find them

broken: set[int] = set()


def fragile(point: Point) -> dict[str, Any]:
    """Fails for the seeds in ``broken``."""
    if point.seed in broken:
        raise ValueError(f"seed {point.seed} is broken")
    return {"seed squared": point.seed**2}


def fails_at_three(point: Point) -> dict[str, Any]:
    if point.seed == 3:
        raise WorkloadError("Three is refused: take another seed.")
    return {"mean waiting": point.seed}


def endless(point: Point) -> dict[str, Any]:
    if point.seed:
        time.sleep(10_000)
    return {"one": 1}


def deadly(point: Point) -> dict[str, Any]:
    os._exit(3)


# Points


def test_a_grid_has_every_combination_once_and_in_order() -> None:
    points = grid(["SJF", RR], quantum=[2, "0.5", 2], load=[0.5, "1/2", 0.9], seed=[1, 0])
    assert points == [
        *(Point("SJF", None, load, seed) for load in ("0.5", "0.9") for seed in (1, 0)),
        *(
            Point("RR", q, load, seed)
            for q in (2, "0.5")
            for load in ("0.5", "0.9")
            for seed in (1, 0)
        ),
    ]
    assert points[-1].label == "RR q=0.5"
    assert (points[0].load, points[-1].quantum) == (Fraction(1, 2), Fraction(1, 2))
    assert len(set(points)) == len(points) == 12
    sizes = {(p.n, p.sizes, p.switch_cost) for p in grid("FCFS", n=[5, 6], sizes="heavy")}
    assert sizes == {(5, "heavy", 0), (6, "heavy", 0)}


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("HRRN", HRRN()),
        ("LRTF", LRTF(3)),
        ("MLFQ", MLFQ(quantum=3)),
        ("FEEDBACK", FEEDBACK(3)),
        ("CFS", CFS()),
        ("EEVDF", EEVDF()),
    ],
)
def test_figures_are_those_of_simulate(name: str, policy: Policy) -> None:
    (point,) = grid(name, quantum=3, load="0.9", seed=0, n=40)
    schedule = simulate(random_workload(40, 0), policy)
    assert figures(point)["mean waiting"] == schedule.mean("waiting")
    assert figures(point)["mean response"] == schedule.mean("response")


@pytest.mark.parametrize("name", ["FCFS", "SJF", "SRTF", "RR"])
def test_figures_are_those_of_a_tick_by_tick_scheduler(name: str) -> None:
    for point in grid(
        name, quantum=[1, 3], load=[0.6, 0.9], seed=range(5), n=9, switch_cost=[0, 2]
    ):
        rules = oracle.Rules(name, quantum=int(point.quantum or 0), cost=int(point.switch_cost))
        load = point.workload()
        jobs = list(zip(load.arrival.tolist(), load.burst.tolist(), strict=True))
        run = oracle.run(jobs, rules)
        turnaround = [run.completion[i] - arrival for i, (arrival, _) in enumerate(jobs)]
        waiting = [spent - jobs[i][1] for i, spent in enumerate(turnaround)]
        found = figures(point)
        assert found["mean turnaround"] == Fraction(sum(turnaround), 9)
        assert found["mean waiting"] == Fraction(sum(waiting), 9)
        assert found["mean response"] == Fraction(
            sum(run.first[i] - jobs[i][0] for i in range(9)), 9
        )
        assert (
            found["mean slowdown"] == sum(Fraction(turnaround[i], jobs[i][1]) for i in range(9)) / 9
        )
        assert found["95% waiting"] == max(waiting)  # 95 % of nine jobs are all of them
        assert found["switches"] == run.context_switches


# Any executor


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Rows and sorted lines of the sweep of ``SMALL``, one point after the other."""
    file = tmp_path_factory.mktemp("expected") / "a.jsonl"
    results = sweep(SMALL, executor=Inline(), file=file)
    assert results.rows == [
        {"label": point.label} | {f: getattr(point, f) for f in Point.__slots__} | figures(point)
        for point in SMALL
    ]
    return results.rows, sorted(file.read_bytes().splitlines())


def same(results: Results, file: Path, expected: tuple[list[dict[str, Any]], list[bytes]]) -> None:
    assert results.rows == expected[0]
    assert sorted(file.read_bytes().splitlines()) == expected[1]


def test_results_have_the_order_of_the_points(tmp_path: Path, expected: Any) -> None:
    file, late = tmp_path / "a.jsonl", Backwards()
    same(sweep(SMALL, executor=late, file=file, ahead=4), file, expected)
    assert late.measured != SMALL  # they did finish in another order
    finished = [json.loads(line)["point"]["seed"] for line in file.read_text().splitlines()[1:]]
    assert finished == [2, 1, 0, 3] * (len(SMALL) // 4)


def test_threads(tmp_path: Path, expected: Any) -> None:
    file = tmp_path / "a.jsonl"
    with ThreadPoolExecutor(3) as pool:
        same(sweep(SMALL, executor=pool, file=file), file, expected)


def test_processes_are_the_default(tmp_path: Path, expected: Any) -> None:
    file = tmp_path / "a.jsonl"
    same(sweep(SMALL, file=file), file, expected)


def test_a_dask_cluster(tmp_path: Path, expected: Any) -> None:
    distributed = pytest.importorskip("distributed")
    file = tmp_path / "a.jsonl"
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, worker_dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        same(sweep(SMALL, executor=client.get_executor(), file=file), file, expected)
        again = sweep(
            grid(seed=range(5), n=5), executor=client.get_executor(), measure=fails_at_three
        )
        assert len(again.failed) == len(again) // 5


@pytest.mark.parametrize("ahead", [1, 3])
def test_only_so_many_points_are_handed_out(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "TICK", 0.001)
    held: list[Callable[[], None]] = []
    most = 0

    class Holding:
        def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
            nonlocal most
            future: Future[Any] = Future()
            held.append(lambda: future.set_result(fn(*args)))
            most = max(most, len(held))
            return future

    def release(done: int, total: int, failed: int) -> None:  # also called while nothing happens
        if held:
            held.pop(0)()

    assert len(sweep(SMALL, executor=Holding(), ahead=ahead, progress=release)) == len(SMALL)
    assert most == ahead


# Resuming


def told_until(count: int, error: BaseException) -> Callable[[int, int, int], None]:
    """A progress function that raises once ``count`` points are done."""

    def progress(done: int, total: int, failed: int) -> None:
        if done == count:
            raise error

    return progress


@pytest.mark.parametrize("count", [0, 1, 7, len(SMALL)])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, ZeroDivisionError])
def test_what_is_finished_is_not_measured_again(
    tmp_path: Path, expected: Any, count: int, kind: type[BaseException]
) -> None:
    file, first, second = tmp_path / "a.jsonl", Inline(), Inline()
    with pytest.raises(kind):
        sweep(SMALL, executor=first, file=file, progress=told_until(count, kind()))
    assert len(file.read_bytes().splitlines()) == 1 + count
    assert first.measured == SMALL[:count]
    same(sweep(SMALL, executor=second, file=file), file, expected)
    assert first.measured + second.measured == SMALL


def test_an_executor_may_be_interrupted_too(tmp_path: Path, expected: Any) -> None:
    class Interrupted(Inline):
        def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
            if len(self.measured) == 5:
                raise KeyboardInterrupt
            return super().submit(fn, *args)

    file, second = tmp_path / "a.jsonl", Inline()
    with pytest.raises(KeyboardInterrupt):
        sweep(SMALL, executor=Interrupted(), file=file)
    same(sweep(SMALL, executor=second, file=file), file, expected)
    assert second.measured == SMALL[5:]


def test_an_interrupt_waits_for_the_line_and_points_under_way_are_kept(
    tmp_path: Path, expected: Any
) -> None:
    file, under_way = tmp_path / "a.jsonl", threading.Event()
    with ThreadPoolExecutor(1) as pool:

        class Slow:
            def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
                def late() -> Any:
                    under_way.set()
                    if args[-1] == SMALL[3]:
                        signal.raise_signal(signal.SIGINT)  # handled in the main thread
                        time.sleep(0.3)
                    return fn(*args)

                return pool.submit(late)

        with pytest.raises(KeyboardInterrupt):
            sweep(SMALL, executor=Slow(), file=file)
    kept = [json.loads(line)["point"]["seed"] for line in file.read_text().splitlines()[1:]]
    assert kept == [0, 1, 2, 3]
    second = Inline()
    same(sweep(SMALL, executor=second, file=file), file, expected)
    assert second.measured == SMALL[4:]


def test_an_interrupt_does_not_wait_for_a_point_that_takes_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "GRACE", 0.1)
    file, points = tmp_path / "a.jsonl", grid("FCFS", load=0.9, seed=range(50))
    with pytest.raises(KeyboardInterrupt):
        sweep(points, measure=endless, file=file, progress=told_until(1, KeyboardInterrupt()))
    assert len(file.read_text().splitlines()) == 2


def test_a_second_interrupt_is_obeyed_at_once() -> None:
    def twice(point: Point) -> dict[str, int]:
        signal.raise_signal(signal.SIGINT)
        if point.seed == 0:
            signal.raise_signal(signal.SIGINT)
        return {"never": 1}

    with pytest.raises(KeyboardInterrupt):
        sweep(SMALL, executor=Inline(), measure=twice)


def test_another_thread_can_sweep(expected: Any) -> None:
    found: list[Results] = []
    thread = threading.Thread(target=lambda: found.append(sweep(SMALL, executor=Inline())))
    thread.start()
    thread.join()
    assert found[0].rows == expected[0]


def test_a_torn_file_is_mended(tmp_path: Path) -> None:
    points, file = grid("FCFS", load=[0.5, 0.9], seed=range(2), n=3), tmp_path / "a.jsonl"
    sweep(points, executor=Inline(), file=file)
    whole = file.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for cut in sorted({*range(0, len(whole), 11), *ends, *(end - 1 for end in ends)}):
        file.write_bytes(whole[:cut])
        again = Inline()
        sweep(points, executor=again, file=file)
        assert file.read_bytes() == whole
        assert len(again.measured) == 5 - max(1, sum(end <= cut for end in ends))


def test_a_file_may_hold_more_than_is_asked_for(tmp_path: Path, expected: Any) -> None:
    file, more = tmp_path / "a.jsonl", Inline()
    few = SMALL[::3]
    assert len(sweep(few, executor=Inline(), file=file)) == len(few)
    same(sweep(SMALL, executor=more, file=file), file, expected)
    assert more.measured == [point for point in SMALL if point not in few]
    nothing = Inline()
    assert [row["seed"] for row in sweep(few[::-1], executor=nothing, file=file)] == (
        [point.seed for point in few[::-1]]
    )
    assert nothing.measured == []


# Failures


def test_a_point_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    file, points = tmp_path / "a.jsonl", grid("FCFS", load=0.9, seed=range(4))
    told: list[tuple[int, int, int]] = []
    broken.update({1, 2})
    results = sweep(
        points, executor=Inline(), measure=fragile, file=file, progress=lambda *n: told.append(n)
    )
    assert told == [(0, 4, 0), (1, 4, 0), (2, 4, 1), (3, 4, 2), (4, 4, 2)]
    assert results.failed == {points[s]: f"ValueError: seed {s} is broken" for s in (1, 2)}
    assert [row.get("seed squared") for row in results] == [0, None, None, 9]
    assert repr(results) == "Results of 4 points, 2 failed"
    assert results.by("policy", metric="seed squared")[("FCFS",)] == (Fraction(9, 2), 0, 9, 2)

    broken.discard(2)
    again = Inline()
    results = sweep(points, executor=again, measure=fragile, file=file)
    assert again.measured == [points[1], points[2]]
    assert list(results.failed) == [points[1]]
    broken.clear()
    assert sweep(points, executor=Inline(), measure=fragile, file=file).failed == {}
    again = Inline()
    assert not sweep(points, executor=again, measure=fragile, file=file).failed
    assert again.measured == []


def test_a_sentence_of_ours_stays_as_it_is() -> None:
    found = sweep(grid("SJF", seed=3, load=1), executor=Inline(), measure=fails_at_three).failed
    assert list(found.values()) == ["Three is refused: take another seed."]


def test_a_point_that_the_executor_loses_is_a_failed_point() -> None:
    class Losing(Inline):
        def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
            if args[-1].seed != 2:
                return super().submit(fn, *args)
            future: Future[Any] = Future()
            future.set_exception(ConnectionError("the machine is gone"))
            return future

    points = grid("SJF", load=0.9, seed=range(4), n=5)
    assert sweep(points, executor=Losing()).failed == {
        points[2]: "ConnectionError: the machine is gone"
    }


RESULTS: dict[str, tuple[Any, list[str]]] = {
    "no dict": ([1], ["[1]", "a dict"]),
    "empty": ({}, ["{}", "a dict"]),
    "no number": ({"x": "many"}, ["'x'", "'many'", "a number is needed"]),
    "not finite": ({"x": float("nan")}, ["'x'", "nan", "a number is needed"]),
    "clash": ({"load": 1}, ["'load'", "policy, quantum, load", "something else"]),
    "no name": ({3: 1}, ["figure called 3", "a text"]),
    "too long": ({"x": Fraction(1, 10**4000)}, ["'x'", "3,900 digits", "fewer jobs"]),
}


@pytest.mark.parametrize("case", RESULTS.values(), ids=RESULTS.keys())
def test_a_result_that_cannot_be_kept_is_a_failed_point(case: tuple[Any, list[str]]) -> None:
    def measure(point: Point) -> Any:
        return case[0]

    [sentence] = sweep([Point("FCFS")], executor=Inline(), measure=measure).failed.values()
    assert all(word in sentence for word in case[1])
    assert "Error:" not in sentence


def test_numbers_are_exact_in_the_file_and_out_of_it(tmp_path: Path) -> None:
    values = {"a": 0.1, "b": "1/3", "c": Fraction(4, 2), "d": 10**299, "e": -7}

    def measure(point: Point) -> dict[str, Any]:
        return values

    [row] = sweep([Point("SJF")], executor=Inline(), measure=measure, file=tmp_path / "a").rows
    assert [row[name] for name in values] == [Fraction(1, 10), Fraction(1, 3), 2, 10**299, -7]
    assert {type(row[name]) for name in "cde"} == {int}


def test_a_worker_that_dies_is_told_and_finished_points_stay(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with pytest.raises(SweepError, match=r"gave up .*BrokenProcessPool.*a worker died.*call again"):
        sweep(SMALL, measure=deadly, file=file)
    assert len(file.read_text().splitlines()) == 1


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, expected: Any) -> None:
    resource = pytest.importorskip("resource")
    file = tmp_path / "a.jsonl"
    sweep(SMALL[:3], executor=Inline(), file=file)
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(SweepError, match=r"cannot be written.*what was finished is kept"):
            sweep(SMALL, executor=Inline(), file=file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert file.read_bytes() == before
    same(sweep(SMALL, executor=Inline(), file=file), file, expected)


# A whole program that is interrupted, or killed

PROGRAM = """
import os, sys, time
from vcloud_lab.scheduling.points import figures, grid
from vcloud_lab.scheduling.sweeps import sweep

FILE = sys.argv[1]
POINTS = grid(["FCFS", "RR"], quantum=[1, 3], load=[0.5, 0.9], seed=range(10), n=12)

def measure(point):
    with open(FILE + ".log", "a") as log:
        log.write(f"{os.getpid()} {point.label} {point.load} {point.seed}\\n")
    time.sleep(0.01)
    return figures(point)

if __name__ == "__main__":
    try:
        print(len(sweep(POINTS, measure=measure, file=FILE)))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines()[1:] if file.exists() else []


def wait_for(ready: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < until, f"{what} did not come about within a minute"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@posix
@pytest.mark.parametrize("sent", ["SIGINT", "SIGKILL"])
def test_a_program_can_be_stopped_at_any_time(tmp_path: Path, sent: str) -> None:
    file, script, log = tmp_path / "a.jsonl", tmp_path / "p.py", tmp_path / "a.jsonl.log"
    script.write_text(PROGRAM)

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", str(script), str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        )

    child = start()
    wait_for(lambda: len(lines_of(file)) >= 10, "the tenth point")
    with pytest.raises(SweepError, match=f"is being written by process {child.pid}:.*wait for it"):
        sweep(SMALL, executor=Inline(), file=file)
    if sent == "SIGINT":
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    else:
        child.kill()
    _, said = child.communicate(timeout=60)
    assert child.returncode == (130 if sent == "SIGINT" else -signal.SIGKILL)
    assert "Traceback" not in said
    measured = log.read_text().splitlines()
    workers = {int(entry.split()[0]) for entry in measured}
    wait_for(lambda: not any(map(is_alive, workers)), "the end of the workers")

    finished = lines_of(file)
    assert 10 <= len(finished) < 60
    if sent == "SIGINT":
        assert len(measured) == len(finished)  # all that was begun was kept
    child = start()
    out, said = child.communicate(timeout=60)
    assert (out, said, child.returncode) == ("60\n", "", 0)
    assert lines_of(file)[: len(finished)] == finished
    names = [entry.split(maxsplit=1)[1] for entry in log.read_text().splitlines()]
    assert len(set(names)) == len(lines_of(file)) == 60
    done = {label(line) for line in finished}
    assert not done & set(names[len(measured) :])  # nothing that was finished is measured again
    if sent == "SIGINT":
        assert len(names) == 60


def label(line: str) -> str:
    point = Point(**json.loads(line)["point"])
    return f"{point.label} {point.load} {point.seed}"


@posix
def test_a_notebook_has_processes_too() -> None:
    """As in a notebook, ``__main__`` is no file here, there are threads, and warnings count."""
    code = """
        import threading
        from vcloud_lab.scheduling.points import grid
        from vcloud_lab.scheduling.sweeps import sweep
        from vcloud_lab.errors import SweepError
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        points = grid(seed=range(2), n=5)
        print(len(sweep(points)))
        def mine(point): return {"one": 1}
        try:
            sweep(points, measure=mine)
        except SweepError as error:
            print(error)
    """
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    count, sentence = child.stdout.splitlines()
    assert (count, child.stderr) == ("24", "")
    assert "__main__.mine cannot be imported by other processes" in sentence
    assert "ThreadPoolExecutor()" in sentence


def test_nothing_of_it_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, vcloud_lab.scheduling.sweeps; "
        "print([n for n in ('concurrent.futures.process', 'multiprocessing') if n in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "[]\n"


# What results can do


def test_means_over_groups_are_exact(expected: Any) -> None:
    results = sweep(SMALL, executor=Inline())
    groups = results.by("label", "load", metric="mean slowdown")
    names, loads = ("FCFS", "RR q=1", "RR q=3"), (Fraction(1, 2), Fraction(9, 10))
    assert list(groups) == [(name, load) for name in names for load in loads]
    for (name, load), spread in groups.items():
        own = [r["mean slowdown"] for r in expected[0] if (r["label"], r["load"]) == (name, load)]
        assert spread == (sum(own) / Fraction(4), min(own), max(own), 4)
    assert results.by("policy")["RR",].points == 16


def test_results_are_drawn_as_lines() -> None:
    results = sweep(SMALL[::-1], executor=Inline())
    x, curves = results.curves("load", metric="mean waiting")
    assert x == [Fraction(1, 2), Fraction(9, 10)]
    assert set(curves) == {"FCFS", "RR q=1", "RR q=3"}
    for name, values in curves.items():
        assert values == [results.by("label", "load")[name, load].mean for load in x]
    chart = lines(*results.curves(), xlabel="load", ylabel="mean waiting")
    assert "mean waiting against load" in chart.svg


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_draws_over_itself_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    bar = TextBar(stream, width=4)
    for done in (0, 1, 2):
        bar(done, 2, done // 2)
    assert stream.getvalue().startswith("\r[....] 0 of 2 points done\r[")
    assert stream.getvalue().endswith("\r[####] 2 of 2 points done, 1 failed\n")
    sweep(SMALL[:1], executor=Inline(), progress="text")
    assert capsys.readouterr().err == f"[{'#' * 30}] 1 of 1 point done\n"


# What is refused


def swept(**options: Any) -> Callable[[Path], object]:
    return lambda file: sweep(SMALL, **{"executor": Inline(), "file": file, **options})


def file_with(text: str, **options: Any) -> Callable[[Path], object]:
    def call(file: Path) -> object:
        file.write_text(text)
        try:
            return swept(**options)(file)
        finally:
            assert file.read_text() == text  # a stranger's file is left as it was

    return call


def header(**changes: Any) -> str:
    own = {
        "format": "vcloud_lab sweep",
        "version": 1,
        "measure": "vcloud_lab.scheduling.points.figures",
    }
    return json.dumps(own | changes, separators=(",", ":")) + "\n"


class Everywhere(Inline):
    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result([fn(*args)])
        return future


class Closed(Executor):
    def __init__(self, cancel: bool) -> None:
        self.cancel = cancel

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        if not self.cancel:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.cancel()
        return future


POINT = json.dumps({"policy": "FCFS", "quantum": None, "load": 1, "seed": 0, "n": 1,
                    "sizes": "uniform", "switch_cost": 0})  # fmt: skip


def ask(name: str, *args: Any, **options: Any) -> Callable[[Path], object]:
    return lambda _: getattr(sweep(SMALL, executor=Inline()), name)(*args, **options)


BAD: dict[str, tuple[type[VcloudLabError], Callable[[Path], object], list[str]]] = {
    "policy": (PolicyError, lambda _: grid("LIFO"), ["'LIFO'", "FCFS, SJF", "use one"]),
    "policy object": (PolicyError, lambda _: grid([RR(4)]), ["RR q=4", "by name"]),
    "no quantum": (PolicyError, lambda _: Point("RR"), ["RR has no quantum", "quantum=[4]"]),
    "quantum 0": (PolicyError, lambda _: grid("RR", quantum=0), ["quantum of RR is 0", "above 0"]),
    "a quantum too many": (PolicyError, lambda _: Point("SJF", 4), ["SJF", "quantum 4", "none"]),
    "load": (WorkloadError, lambda _: grid(load=[0.5, 0]), ["load is 0", "above 0", "0.9"]),
    "seed": (WorkloadError, lambda _: grid(seed=0.5), ["seed is 0.5", "whole", "change"]),
    "n": (WorkloadError, lambda _: grid(n=0), ["jobs is 0", "at least 1", "change"]),
    "sizes": (WorkloadError, lambda _: grid(sizes=["big"]), ["'big'", "exponential", "choose"]),
    "cost": (PolicyError, lambda _: grid(switch_cost=-1), ["cost is -1", "0 or above", "change"]),
    "empty": (SweepError, lambda _: grid(seed=[]), ["seed is empty", "at least one", "give one"]),
    "no points": (SweepError, lambda _: sweep([3]), ["cannot measure [3]", "grid(...)"]),
    "one point": (SweepError, lambda _: sweep(Point("SJF")), ["Point(", "list of points"]),
    "no measure": (SweepError, swept(measure=3), ["measure is 3", "a function", "def measure"]),
    "lambda": (SweepError, swept(measure=lambda p: {"x": 1}), ["<lambda>", "no name", "with def"]),
    "closure": (
        SweepError,
        lambda _: sweep(SMALL, measure=lambda p: {"x": 1}),
        ["<lambda>", "cannot be imported", "ThreadPoolExecutor()"],
    ),
    "executor": (SweepError, swept(executor=4), ["executor is 4", "submit", "leave it out"]),
    "ahead": (SweepError, swept(ahead=0), ["ahead is 0", "at least 1", "leave it out"]),
    "progress": (SweepError, swept(progress=True), ["progress is True", "'text'", "choose"]),
    "every engine": (SweepError, swept(executor=Everywhere()), ["a list", "once", "rc.executor()"]),
    "shut down": (SweepError, swept(executor=Closed(False)), ["gave up", "shutdown", "call again"]),
    "cancelled": (SweepError, swept(executor=Closed(True)), ["gave up", "Cancelled", "call again"]),
    "text file": (SweepError, file_with("dear diary"), ["is not a sweep's file", "choose another"]),
    "json file": (SweepError, file_with("{}\n"), ["is not a sweep's file", "choose another"]),
    "version": (SweepError, file_with(header(version=2)), ["version 2", "writes 1", "choose"]),
    "other measure": (
        SweepError,
        file_with(header(measure="a.b")),
        ["'a.b'", "yours is 'vcloud_lab.scheduling.points.figures'", "choose another"],
    ),
    "odd line": (SweepError, file_with(header() + "[]\n"), ["Line 2 of", "not a point", "remove"]),
    "odd number": (
        SweepError,
        file_with(header() + f'{{"point":{POINT},"result":{{"x":0.5}}}}\n'),
        ["Line 2 of", "not a point", "remove"],
    ),
    "no result": (
        SweepError,
        file_with(header() + f'{{"point":{POINT},"result":{{}}}}\n'),
        ["Line 2 of", "not a point", "remove"],
    ),
    "odd fields": (
        SweepError,
        file_with(header() + '{"point":{"policy":"SJF"},"result":{"x":1}}\n'),
        ["Line 2 of", "not a point", "remove"],
    ),
    "unknown policy in a line": (
        SweepError,
        file_with(header() + f'{{"point":{POINT.replace("FCFS", "LIFO")},"result":{{"x":1}}}}\n'),
        ["Line 2 of", "no policy 'LIFO'", "remove"],
    ),
    "folder": (SweepError, lambda f: swept()(f / "b"), ["cannot be opened", "folder that exists"]),
    "a folder itself": (SweepError, lambda f: swept()(f.parent), ["cannot be opened", "directory"]),
    "twice at once": (
        SweepError,
        lambda f: swept(progress=lambda *_: swept()(f))(f),
        ["another sweep of this program", "only one sweep", "wait"],
    ),
    "group": (SweepError, ask("by", "colour"), ["'colour'", "label, policy", "name some"]),
    "no group": (SweepError, ask("by"), ["no field", "name some"]),
    "metric": (SweepError, ask("by", "load", metric="fun"), ["'fun'", "mean waiting", "ask for"]),
    "axis": (SweepError, ask("curves", "policy"), ["no axis of policy", "'FCFS'", "choose"]),
    "no quantum axis": (SweepError, ask("curves", "quantum"), ["no axis of quantum", "None"]),
    "hole": (
        SweepError,
        lambda _: sweep(SMALL[:-4], executor=Inline()).curves(),
        ["RR q=3", "no value at load 9/10", "the whole grid"],
    ),
}


@pytest.mark.parametrize("mistake", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_in_one_sentence(mistake: Any, tmp_path: Path) -> None:
    kind, call, words = mistake
    with pytest.raises(kind) as caught:
        call(tmp_path / "a.jsonl")
    for word in words:
        assert word in str(caught.value)


def test_after_a_refusal_the_file_is_free(tmp_path: Path, expected: Any) -> None:
    file = tmp_path / "a.jsonl"
    with pytest.raises(SweepError):
        swept(progress=lambda *_: swept()(file))(file)
    same(sweep(SMALL, executor=Inline(), file=file), file, expected)
