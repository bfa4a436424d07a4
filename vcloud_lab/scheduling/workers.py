"""Who measures the points of a sweep: the executors, and what runs inside their workers."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vcloud_lab.errors import SweepError
from vcloud_lab.scheduling.points import Point
from vcloud_lab.scheduling.sweep_file import failure_line, result_line

if TYPE_CHECKING:  # concurrent.futures and multiprocessing are loaded when a sweep runs
    from concurrent.futures import Future

__all__ = ["Measure", "Processes", "interrupts", "outcome", "submit"]

Measure = Callable[[Point], Mapping[str, Any]]
"""What is measured at a point: figures by name, each an ``int``, ``Fraction`` or exact text."""


def _evaluate(measure: Measure, point: Point) -> tuple[bool, str]:
    """In the worker: whether the measure succeeded, and the line for the file."""
    try:
        return True, result_line(point, measure(point))
    except Exception as error:
        return False, failure_line(point, error)


def _begin_worker() -> None:
    """An interrupt is the main program's affair; when that is gone, so is the worker.

    Without this a terminal's Ctrl-C would break the pool, and a killed program would leave its
    workers waiting for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # held back until here
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Processes:
    """A process for each core, at most ``most``; use it in a ``with`` statement."""

    def __init__(self, most: int) -> None:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        self._max_workers = min(cores, most, 61)  # Windows has no more
        # Not "fork": a notebook's process has threads, and a fork with threads may hang.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self._max_workers, context, _begin_worker)
        self._end = threading.Thread(target=self._pool.shutdown, kwargs={"cancel_futures": True})
        self._workers: list[Any] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """As of any executor."""
        # This may start a worker, which must not be interrupted before it can ignore that.
        with _held_back():
            return self._pool.submit(function, *arguments)

    def cancel(self) -> None:
        """Cancel all that has not begun, at once and without waiting for the rest."""
        self._workers = list((self._pool._processes or {}).values())
        self._end.start()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._end.ident:
            self._end.start()
        for worker in self._workers:  # a point that takes hours must not hold up an interrupt
            worker.terminate()
        self._end.join()


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Interrupts wait; a process that is started meanwhile begins its life like that."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def submit(pool: Any, measure: Measure, point: Point) -> Future[Any]:
    """Hand out a point; ``SweepError`` where the executor takes no more."""
    try:
        future: Future[Any] = pool.submit(_evaluate, measure, point)
    except Exception as error:
        raise _gave_up(error) from error
    return future


def outcome(future: Future[Any], point: Point) -> tuple[bool, str]:
    """What ``_evaluate`` gave; a failed point where the executor could not run it."""
    from concurrent.futures import BrokenExecutor, CancelledError

    try:
        given = future.result()
    except (BrokenExecutor, CancelledError) as error:
        raise _gave_up(error) from error
    except Exception as error:
        return False, failure_line(point, error)
    if not isinstance(given, tuple):
        raise SweepError(
            f"The executor gave a {type(given).__name__} for one point: each point must be "
            "measured once; with ipyparallel use rc.executor(), not rc[:].executor."
        )
    good, line = given
    return good, line


def _gave_up(error: BaseException) -> SweepError:
    return SweepError(
        f"The executor gave up ({type(error).__name__}: {error}): a worker died, was stopped or "
        "could not start; what was finished is kept in the file; look for too little memory, put "
        "the call below 'if __name__ == \"__main__\":' in a script, and call again."
    )


@contextlib.contextmanager
def interrupts() -> Iterator[Callable[[], None]]:
    """Let an interrupt wait until a result is wholly written; a second one is obeyed at once.

    Gives a function that obeys an interrupt that has come. Outside the main thread, and where
    interrupts are ignored, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(before):
        yield lambda: None
        return
    came = waits = False

    def note(number: int, frame: Any) -> None:
        nonlocal came, waits
        if came:
            before(number, frame)
        came = waits = True

    def check() -> None:
        nonlocal waits
        if waits:
            waits = False
            before(signal.SIGINT, None)

    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
    check()
