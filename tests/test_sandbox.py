"""Learners' functions: whatever they do, a sentence comes back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from vcloud_lab import sandbox
from vcloud_lab.sandbox import call, is_stub


def endless() -> None:
    while True:
        pass


def stubborn() -> None:
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def endless_generator() -> Iterator[int]:
    while True:
        yield 1


def recursive() -> None:
    recursive()


def rude() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Rude


def leaves() -> None:
    sys.exit(3)


def raises() -> None:
    raise ValueError("of this\nand that")


ENDLESS = "was still running after 5000 steps: it never ends"
CASES: list[tuple[Callable[[], Any], str, str]] = [
    (endless, "endless", ENDLESS),
    (stubborn, "endless", ENDLESS),
    (endless_generator, "endless", ENDLESS),
    (recursive, "raised", "calls itself without end (RecursionError)"),
    (rude, "raised", "raised Rude"),
    (leaves, "raised", "raised SystemExit: 3"),
    (raises, "raised", "raised ValueError: of this"),
]


@pytest.mark.parametrize(("function", "kind", "problem"), CASES)
def test_problems_are_told(function: Callable[[], Any], kind: str, problem: str) -> None:
    run = call(function, steps=5000)
    assert (run.kind, run.problem) == (kind, problem)


def test_a_result_comes_back_with_iterators_as_lists() -> None:
    assert call(lambda a, b: a + b, 2, 3).value == 5
    assert call(lambda: (n * n for n in range(4))).value == [0, 1, 4, 9]
    assert len(call(count).value) == sandbox.ITEMS  # type: ignore[arg-type]


def test_counting_is_the_same_every_time() -> None:
    def loop(times: int) -> int:
        total = 0
        for number in range(times):
            total += number
        return total

    def fits(steps: int) -> bool:
        return call(loop, 100, steps=steps).kind == "returned"

    least = next(steps for steps in range(1000) if fits(steps))
    assert all(fits(least) and not fits(least - 1) for _ in range(5))


def test_library_code_is_not_counted() -> None:
    from vcloud_lab import RR, random_workload, simulate

    assert call(lambda: simulate(random_workload(300, 1), RR(1)).mean("waiting"), steps=50).value


def test_a_folder_that_begins_like_the_package_is_not_library_code() -> None:
    place = f"{sandbox._PACKAGE}_course/mine.py"
    space: dict[str, Any] = {}
    exec(compile("def mine():\n    while True:\n        pass\n", place, "exec"), space)
    assert call(space["mine"], steps=50, seconds=1).problem.startswith("was still running")


def test_what_it_prints_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(lambda: print("noise") or 7).value == 7  # type: ignore[func-returns-value]
    print("heard")
    assert capsys.readouterr().out == "heard\n"


def test_a_sleeper_is_left_to_the_clock() -> None:
    run = call(time.sleep, 2, seconds=0.05)
    assert (run.kind, run.problem) == ("endless", "did not come back within 0.05 seconds")


def test_the_tracing_of_the_caller_is_left_alone() -> None:
    before = sys.gettrace()
    call(endless, steps=100)
    assert sys.gettrace() is before


def test_unwritten_functions_are_recognised() -> None:
    def dots(jobs: object) -> None: ...

    def documented(jobs: object) -> None:
        """Say what to do."""

    def both(jobs: object) -> None:
        """Say what to do."""
        ...

    def returns_dots(jobs: object) -> Any:
        """Say what to do."""
        return ...

    def passes(jobs: object) -> None:
        pass

    for stub in (dots, documented, both, returns_dots, passes):
        assert is_stub(stub), stub


def test_written_functions_are_no_stubs() -> None:
    for written in (lambda jobs: 0, lambda jobs: jobs, lambda jobs: [], raises, len, "text"):
        assert not is_stub(written)  # type: ignore[arg-type]


def test_not_implemented_is_a_stub_too() -> None:
    def later() -> None:
        raise NotImplementedError

    assert call(later).kind == "stub"


def test_a_loop_of_a_single_instruction_is_counted() -> None:
    space: dict[str, Any] = {}
    exec("def spin():\n    while True: pass\ndef again():\n    while 1: continue\n", space)
    for name in ("spin", "again"):
        run = call(space[name], steps=5000, seconds=10)
        assert (run.kind, run.problem) == ("endless", ENDLESS)
