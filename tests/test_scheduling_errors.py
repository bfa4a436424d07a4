"""Every mistake is answered by one sentence that names the value, the rule and the fix."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from vcloud_lab.errors import (
    PolicyError,
    ScheduleError,
    TraceError,
    VcloudLabError,
    WorkloadError,
)
from vcloud_lab.scheduling import (
    FCFS,
    RR,
    SJF,
    SRTF,
    Job,
    Workload,
    ostep_workload,
    random_workload,
    read_table,
    simulate,
)

ONE = Workload([("A", 0, 3)])
WIDE = [("P1", 0, 1, 2)]
NONE: list[tuple[int, int]] = []
HUGE = 2**62

BAD_JOBS = {
    "negative burst": (("P2", 0, -3), ["'P2'", "burst", "-3", "above 0"]),
    "zero burst": (("P2", 0, 0), ["'P2'", "burst", " 0:", "above 0"]),
    "negative zero burst": (("P2", 0, -0.0), ["'P2'", "burst", "above 0"]),
    "nan burst": (("P2", 0, math.nan), ["'P2'", "burst", "nan", "number"]),
    "infinite burst": (("P2", 0, math.inf), ["'P2'", "burst", "inf", "number"]),
    "numpy nan burst": (("P2", 0, np.float64("nan")), ["'P2'", "burst", "nan", "number"]),
    "decimal infinity": (("P2", 0, Decimal("Infinity")), ["'P2'", "burst", "Infinity", "number"]),
    "burst of letters": (("P2", 0, "three"), ["'P2'", "burst", "'three'", "number"]),
    "burst divided by 0": (("P2", 0, "1/0"), ["'P2'", "burst", "'1/0'", "number"]),
    "true as burst": (("P2", 0, True), ["'P2'", "burst", "True", "number"]),
    "no burst": (("P2", 0, None), ["'P2'", "burst", "None", "number"]),
    "complex burst": (("P2", 0, 1j), ["'P2'", "burst", "1j", "number"]),
    "negative arrival": (("P2", -1, 2), ["'P2'", "arrival", "-1", "0 or later"]),
    "negative fraction": (("P2", "-1/2", 2), ["'P2'", "arrival", "-1/2", "0 or later"]),
    "nan arrival": (("P2", math.nan, 2), ["'P2'", "arrival", "nan", "number"]),
    "infinite arrival": (("P2", -math.inf, 2), ["'P2'", "arrival", "inf", "number"]),
    "false as arrival": (("P2", False, 2), ["'P2'", "arrival", "False", "number"]),
    "empty arrival": (("P2", "", 2), ["'P2'", "arrival", "''", "number"]),
    "width 0": (("P2", 0, 1, 0), ["'P2'", "width", "0", "at least 1"]),
    "negative width": (("P2", 0, 1, -2), ["'P2'", "width", "-2", "at least 1"]),
    "width and a half": (("P2", 0, 1, 1.5), ["'P2'", "width", "1.5", "whole"]),
    "width beyond 64 bits": (("P2", 0, 1, 10**30), ["'P2'", "width", str(10**30), "2**62"]),
    "true as width": (("P2", 0, 1, True), ["'P2'", "width", "True", "number"]),
    "empty name": (("", 0, 1), ["''", "name"]),
    "number as name": ((7, 0, 1), ["7", "name"]),
}

Mistake = tuple[Callable[[], object], type[VcloudLabError], list[str]]
MISTAKES: dict[str, Mistake] = {
    "two jobs of one name": (
        lambda: Workload([("P1", 0, 1), ("P2", 0, 1), ("P2", 1, 2)]),
        WorkloadError,
        ["'P2'", "rename"],
    ),
    "two columns of one name": (
        lambda: Workload.from_columns([0, 0], [1, 1], names=["x", "x"]),
        WorkloadError,
        ["'x'", "rename"],
    ),
    "default name taken": (lambda: Workload([("P2", 0, 1), (0, 1)]), WorkloadError, ["'P2'"]),
    "not a job": (lambda: Workload([(0, 1), 7]), WorkloadError, ["Entry 2", "7", "burst"]),
    "tuple of one": (lambda: Workload([(0,)]), WorkloadError, ["Entry 1", "(0,)"]),
    "mapping without burst": (
        lambda: Workload([{"arrival": 4}]),
        WorkloadError,
        ["Entry 1", "{'arrival': 4}", "burst"],
    ),
    "misspelt key": (
        lambda: Workload([{"arrivel": 0, "burst": 1}]),
        WorkloadError,
        ["'arrivel'", "arrival"],
    ),
    "text as jobs": (lambda: Workload("abc"), WorkloadError, ["'abc'", "list of jobs"]),
    "number as jobs": (lambda: simulate(5, FCFS), WorkloadError, ["5", "list of jobs"]),
    "unknown job": (lambda: ONE["B"], WorkloadError, ["'B'", "A"]),
    "job too long": (lambda: Workload([(0, HUGE)]), WorkloadError, [str(HUGE), "2**62"]),
    "jobs too long together": (
        lambda: Workload([(0, HUGE // 2), (0, HUGE // 2)]),
        WorkloadError,
        [str(HUGE), "2**62", "unit"],
    ),
    "columns too long together": (
        lambda: Workload.from_columns([0] * 4, [HUGE // 4] * 4),
        WorkloadError,
        [str(HUGE), "2**62"],
    ),
    "fractions too fine": (
        lambda: Workload([(1, Fraction(1, 3**25)), (1, Fraction(1, 2**40))]),
        WorkloadError,
        ["2**62", "fractions"],
    ),
    "quantum too fine for the times": (
        lambda: simulate([(0, 2**60)], RR("1/7")),
        WorkloadError,
        ["2**62"],
    ),
    "float columns": (
        lambda: Workload.from_columns([0.5], [1]),
        WorkloadError,
        ["arrival", "float64", "whole"],
    ),
    "square column": (
        lambda: Workload.from_columns([0], [[1]]),
        WorkloadError,
        ["burst", "(1, 1)", "flat"],
    ),
    "columns of two lengths": (
        lambda: Workload.from_columns([0, 1], [1]),
        WorkloadError,
        ["2", "1", "length"],
    ),
    "zero in a burst column": (
        lambda: Workload.from_columns([0, 0], [1, 0]),
        WorkloadError,
        ["'P2'", "burst", "0"],
    ),
    "negative in an arrival column": (
        lambda: Workload.from_columns([-4], [1], names=["x"]),
        WorkloadError,
        ["'x'", "arrival", "-4"],
    ),
    "scale 0": (
        lambda: Workload.from_columns([0], [1], scale=0),
        WorkloadError,
        ["scale", "0", "at least 1"],
    ),
    "a column that is a number": (
        lambda: read_table({"arrival": 3, "burst": [1]}),
        WorkloadError,
        ["'arrival'", "3", "list"],
    ),
    "mean burst beyond floats": (
        lambda: random_workload(3, 1, mean_burst=10**200),
        WorkloadError,
        ["mean burst", "10**30 or more", "1000000000000"],
    ),
    "some function as policy": (
        lambda: simulate(ONE, len),  # type: ignore[arg-type]
        PolicyError,
        ["len", "FCFS", "choose one"],
    ),
    "no quantum": (lambda: simulate(ONE, RR), PolicyError, ["RR", "quantum", "RR(4)"]),
    "quantum 0": (lambda: RR(0), PolicyError, ["quantum", "0", "above 0"]),
    "negative quantum": (lambda: RR("-1/2"), PolicyError, ["quantum", "-1/2", "above 0"]),
    "nan quantum": (lambda: RR(math.nan), PolicyError, ["quantum", "nan", "number"]),
    "true as quantum": (lambda: RR(True), PolicyError, ["quantum", "True", "number"]),
    "unknown policy": (lambda: simulate(ONE, "LIFO"), PolicyError, ["'LIFO'", "FCFS", "SRTF"]),
    "nothing as policy": (lambda: simulate(ONE, None), PolicyError, ["None", "FCFS"]),
    "function as policy": (lambda: simulate(ONE, lambda: 3), PolicyError, ["FCFS"]),
    "unknown ties": (lambda: SJF(ties="name"), PolicyError, ["ties", "'name'", "'list'"]),
    "unknown ties of SRTF": (lambda: SRTF(ties="x"), PolicyError, ["ties", "'x'", "'arrival'"]),
    "unknown on_tie": (lambda: SRTF(on_tie="swap"), PolicyError, ["on_tie", "'swap'", "'keep'"]),
    "unknown enqueue": (
        lambda: RR(2, enqueue="last"),
        PolicyError,
        ["enqueue", "'last'", "'arrival-first'", "'preempted-first'"],
    ),
    "unknown charge": (
        lambda: simulate(ONE, FCFS, switch_charge="always"),
        PolicyError,
        ["switch_charge", "'always'", "'between'", "'dispatch'"],
    ),
    "negative switch cost": (
        lambda: simulate(ONE, FCFS, switch_cost=-1),
        PolicyError,
        ["switch cost", "-1", "0 or above"],
    ),
    "switch cost of letters": (
        lambda: simulate(ONE, FCFS, switch_cost="x"),
        PolicyError,
        ["switch cost", "'x'", "number"],
    ),
    "huge switch cost": (
        lambda: simulate([(0, 1), (0, 1)], FCFS, switch_cost=HUGE),
        PolicyError,
        ["switch cost", str(HUGE), "2**62"],
    ),
    "no processors": (lambda: simulate(ONE, FCFS, cpus=0), PolicyError, ["0", "at least 1"]),
    "half a processor": (lambda: simulate(ONE, FCFS, cpus=0.5), PolicyError, ["0.5", "whole"]),
    "true processors": (lambda: simulate(ONE, FCFS, cpus=True), PolicyError, ["True", "number"]),
    "processors beyond 64 bits": (
        lambda: simulate(ONE, FCFS, cpus=2**70),
        PolicyError,
        [str(2**70), "2**62"],
    ),
    "job wider than the machine": (
        lambda: simulate([("wide", 0, 1, 3)], FCFS, cpus=2),
        PolicyError,
        ["'wide'", "3 processors", "2", "cpus=3"],
    ),
    "wide job on one processor": (
        lambda: simulate([("wide", 0, 1, 3)], SJF),
        PolicyError,
        ["'wide'", "3 processors", "1", "cpus=3"],
    ),
    "SRTF on many": (lambda: simulate(WIDE, SRTF, cpus=2), PolicyError, ["SRTF", "2", "FCFS"]),
    "RR on many": (lambda: simulate(WIDE, RR(2), cpus=4), PolicyError, ["RR q=2", "4", "FCFS"]),
    "switch cost on many": (
        lambda: simulate(WIDE, FCFS, cpus=2, switch_cost=1),
        PolicyError,
        ["FCFS on 2 CPUs switch=1", "more than one processor", "width 1"],
    ),
    "too many turns": (
        lambda: list(simulate([(0, 10**9)], RR(1)).slices()),
        PolicyError,
        ["quantum 1", "1000000000", "20000000"],
    ),
    "unknown metric": (
        lambda: simulate(ONE, FCFS).mean("speed"),
        ScheduleError,
        ["'speed'", "turnaround", "waiting"],
    ),
    "unknown column": (
        lambda: simulate(ONE, FCFS).ticks("speed"),
        ScheduleError,
        ["'speed'", "turnaround", "waiting"],
    ),
    "percentile 0": (
        lambda: simulate(ONE, FCFS).percentile("waiting", 0),
        ScheduleError,
        ["percentile", "0", "above 0"],
    ),
    "percentile 101": (
        lambda: simulate(ONE, FCFS).percentile("waiting", 101),
        ScheduleError,
        ["percentile", "101", "at most 100"],
    ),
    "percentile nan": (
        lambda: simulate(ONE, FCFS).percentile("waiting", math.nan),
        ScheduleError,
        ["percentile", "nan", "number"],
    ),
    "context switches on many": (
        lambda: simulate(WIDE, FCFS, cpus=2).context_switches,
        ScheduleError,
        ["2", "one processor"],
    ),
    "table without a header": (
        lambda: read_table("P1,0,24\nP2,0,3"),
        WorkloadError,
        ["24", "arrival", "burst"],
    ),
    "empty table": (lambda: read_table(" \n"), WorkloadError, ["empty", "name,arrival,burst"]),
    "short line": (
        lambda: read_table("name,arrival,burst\nP1,0,1\n\nP2,0\n"),
        WorkloadError,
        ["Line 4", "2", "3"],
    ),
    "column twice": (
        lambda: read_table("arrival,burst,burst\n0,1,1"),
        WorkloadError,
        ["arrival, burst, burst", "once"],
    ),
    "strange column": (
        lambda: read_table({"arrival": [0], "burst": [1], "prio": [2]}),
        WorkloadError,
        ["prio", "name and width"],
    ),
    "letters in a table": (
        lambda: read_table("name,arrival,burst\nP1,0,x"),
        WorkloadError,
        ["'P1'", "burst", "'x'"],
    ),
    "columns of a table differ": (
        lambda: read_table({"arrival": [0], "burst": [1, 2]}),
        WorkloadError,
        ["'arrival': 1", "'burst': 2"],
    ),
    "number as a table": (lambda: read_table(5), WorkloadError, ["5", "list of jobs"]),
    "number as a row": (lambda: read_table([5]), WorkloadError, ["Entry 1", "5"]),
    "negative number of jobs": (lambda: random_workload(-1, 0), WorkloadError, ["jobs", "-1"]),
    "half a job": (lambda: random_workload(2.5, 0), WorkloadError, ["jobs", "2.5", "whole"]),
    "seed of letters": (lambda: random_workload(1, "x"), WorkloadError, ["seed", "'x'"]),
    "load 0": (lambda: random_workload(1, 0, load=0), WorkloadError, ["load", "0", "above 0"]),
    "mean burst 0": (
        lambda: random_workload(1, 0, mean_burst=0),
        WorkloadError,
        ["mean burst", "0", "above 0"],
    ),
    "unknown sizes": (
        lambda: random_workload(1, 0, sizes="normal"),
        WorkloadError,
        ["'normal'", "exponential", "heavy"],
    ),
    "OSTEP without jobs": (lambda: ostep_workload(0, jobs=0), WorkloadError, ["jobs", "0"]),
    "OSTEP without length": (lambda: ostep_workload(0, maxlen=0), WorkloadError, ["burst", "0"]),
}


def one_sentence(text: str) -> bool:
    """A capital or a name first, a full stop last, rule and fix after colon and semicolon."""
    inner = text[:-1].replace("...", "").replace("P1.", "").replace(". ", ".\n")
    return (
        text.endswith((".", ")."))
        and "\n" not in text
        and ".\n" not in inner
        and ": " in text
        and len(text) < 400
    )


def check(mistake: Callable[[], object], kind: type[VcloudLabError], parts: list[str]) -> None:
    with pytest.raises(VcloudLabError) as caught:
        mistake()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert [part for part in parts if part not in text] == [], text
    assert one_sentence(text), text


@pytest.mark.parametrize("name", BAD_JOBS)
def test_bad_job(name: str) -> None:
    job, parts = BAD_JOBS[name]
    check(lambda: Job(*job), WorkloadError, parts)
    check(lambda: Workload([job]), WorkloadError, parts)
    keys = ("name", "arrival", "burst", "width")
    check(lambda: Workload([dict(zip(keys, job, strict=False))]), WorkloadError, parts)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str) -> None:
    check(*MISTAKES[name])


UNDEFINED = {
    **{f"mean {m}": (lambda s, m=m: s.mean(m)) for m in ("waiting", "turnaround", "slowdown")},
    "waiting percentile": lambda s: s.percentile("waiting", 50),
    "throughput": lambda s: s.throughput,
    "utilisation": lambda s: s.utilisation,
    "fairness": lambda s: s.fairness,
    "mean turnaround ": lambda s: s.summary(),
}


@pytest.mark.parametrize("what", UNDEFINED)
@pytest.mark.parametrize("policy", [FCFS(), SJF(), SRTF(), RR(2)], ids=str)
def test_figures_of_no_jobs(what: str, policy: object) -> None:
    empty = simulate(NONE, policy)
    check(lambda: UNDEFINED[what](empty), ScheduleError, [what.strip(), "0 jobs", "at least one"])


@pytest.mark.parametrize("policy", [FCFS(), SJF(), SRTF(), RR(2)], ids=str)
@pytest.mark.parametrize("cost", [0, 3])
def test_no_jobs_make_an_empty_schedule(policy: object, cost: int) -> None:
    empty = simulate(NONE, policy, switch_cost=cost, switch_charge="dispatch")
    assert empty.completion == empty.waiting == empty.turnaround == empty.response == {}
    assert list(empty.slices()) == list(empty.ledger()) == []
    assert [m.kind for m in empty.moments()] == ["end"]
    assert empty.idle_gaps == empty.overheads == ()
    assert (empty.makespan, empty.context_switches) == (0, 0)
    assert "0 jobs" in repr(empty)


def test_a_failed_call_changes_nothing() -> None:
    jobs = [("P1", 0, 2), ("P2", 0, 1)]
    workload = Workload(jobs)
    before = repr(workload), workload.burst.tobytes()
    for column in (workload.arrival, workload.burst, workload.width):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 9
    with pytest.raises(PolicyError):
        simulate(workload, RR(1), cpus=3, queues="shared")
    assert (repr(workload), workload.burst.tobytes()) == before
    assert jobs == [("P1", 0, 2), ("P2", 0, 1)]


def test_the_tree_of_errors() -> None:
    assert issubclass(TraceError, WorkloadError)
    for kind in (WorkloadError, PolicyError, ScheduleError):
        assert kind.__bases__ == (VcloudLabError,)


@pytest.mark.parametrize("quantum", [0.5, "1/3", Fraction(1, 7), Decimal("0.25")])
def test_a_fractional_quantum_is_fine(quantum: object) -> None:
    result = simulate([(0, 1), (0, 1)], RR(quantum))
    assert sum(result.completion.values()) <= 4
    assert result.makespan == 2


OUT_OF_REACH: dict[str, Callable[[], object]] = {
    "burst": lambda: Workload([(0, 10**5000)]),
    "negative burst": lambda: Workload([(0, -(10**5000))]),
    "burst in words": lambda: Workload([(0, "1e999999999")]),
    "tiny burst": lambda: Workload([(0, Decimal("1e-999999999"))]),
    "quantum": lambda: simulate(ONE, RR("1e5000")),
    "switch cost": lambda: simulate(ONE, FCFS, switch_cost=10**5000),
    "processors": lambda: simulate(ONE, FCFS, cpus=10**5000),
    "longest burst": lambda: ostep_workload(1, maxlen=10**5000),
}


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_numbers_too_long_to_print(name: str) -> None:
    with pytest.raises(VcloudLabError, match="more than 300 digits") as caught:
        OUT_OF_REACH[name]()
    assert one_sentence(str(caught.value))


@pytest.mark.parametrize(
    ("columns", "names", "part"),
    [
        (([0], [1]), [7], "A job is called 7"),
        (([0], [1]), [""], "A job is called ''"),
        (([[0], [1, 2]], [1]), None, "arrival column is of type object"),
        ((np.array([2**63 + 5], np.uint64), [1]), None, str(2**63 + 5)),
    ],
)
def test_columns_are_checked(columns: tuple[object, object], names: object, part: str) -> None:
    check(lambda: Workload.from_columns(*columns, names=names), WorkloadError, [part])


def test_a_clock_too_fine_to_print() -> None:
    fine = [(0, Fraction(1, 2**k - 1)) for k in range(800, 820)]
    check(lambda: Workload(fine), WorkloadError, ["10**30 or more ticks"])


LARGE = {
    "quantum beyond 64 bits": (
        lambda: simulate([(0, 3), (1, 2)], RR(2**70)).completion,
        {"P1": 3, "P2": 5},
    ),
    "processors times time beyond 64 bits": (
        lambda: simulate([("a", 0, 2**58, 128)], FCFS, cpus=128).utilisation,
        1,
    ),
    "no jobs, fine quantum": (lambda: simulate(NONE, RR(Fraction(1, 3**60))).completion, {}),
    "sums beyond 64 bits": (
        lambda: simulate([(0, 2**55)] * 64, FCFS).mean("completion"),
        Fraction(2**55 * 65, 2),
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_numbers_never_wrap_round(name: str) -> None:
    compute, expected = LARGE[name]
    assert compute() == expected


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("Job 'P2' has burst -3: it must be above 0; leave it out.", True),
        ("The load is 0.9: fine; write RR(4).", True),
        ("Invalid value", False),
        ("Bad: x. Try again.", False),
        ("Bad: x\nTry again.", False),
        ("Something is wrong.", False),
    ],
)
def test_the_check_of_sentences_can_fail(text: str, good: bool) -> None:
    assert one_sentence(text) == good
