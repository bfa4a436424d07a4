"""``sweep``: many points on many cores, with results that survive an interrupt or a crash.

Any executor of the ``concurrent.futures`` kind does the work. The process pool of this machine is
the default, threads and clusters are passed as they are:

    with LocalCluster() as cluster, Client(cluster) as client:        # dask.distributed
        sweep(points, executor=client.get_executor(), file="a.jsonl")

    sweep(points, executor=ipyparallel.Client().executor(), file="a.jsonl")

(``ipyparallel``'s ``rc.executor()`` and ``rc.load_balanced_view().executor`` give each point to one
engine; ``rc[:].executor`` gives it to every engine, and is refused when its first result comes.)
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcloud_lab.errors import SweepError
from vcloud_lab.scheduling.bar import TextBar
from vcloud_lab.scheduling.points import Point, figures
from vcloud_lab.scheduling.results import Results
from vcloud_lab.scheduling.sweep_file import SweepFile
from vcloud_lab.scheduling.workers import Measure, Processes, interrupts, outcome, submit

if TYPE_CHECKING:  # concurrent.futures is loaded when a sweep runs
    from concurrent.futures import Future

__all__ = ["Progress", "sweep"]

Progress = Callable[[int, int, int], object]
"""Called with how many points are done (failed ones included), how many there are, and how many
failed: at the start, after every point, and a few times a second while points take long."""

AHEAD = 4
"""Points that are handed out at a time, for each worker: enough to keep all of them busy, few
enough that a million points do not fill the memory and an interrupt has little to cancel."""

UNKNOWN = 64
"""The number of workers that is assumed where an executor does not tell."""

TICK = 0.1
GRACE = 2.0
"""After an interrupt, points under way have this many seconds to finish; what they give is kept."""


def sweep(
    points: Iterable[Point],
    *,
    measure: Measure = figures,
    executor: Any = None,
    file: str | os.PathLike[str] | None = None,
    progress: Progress | str | None = None,
    ahead: int | None = None,
) -> Results:
    """Measure every point and return the ``Results``, in the order of the points.

    ``measure`` is a function of a module, from a ``Point`` to a dict of exact figures. ``executor``
    is any object with ``submit(function, *arguments)`` that gives a future; None starts one process
    for each core, and ends them. ``progress`` is "text" for a bar on stderr, or a function (see
    ``Progress``). ``ahead`` is how many points are handed out at a time (four a worker).

    With a ``file`` each point is on disk as soon as it is finished. An interrupt keeps what is
    finished, gives points under way two seconds, cancels the others and goes on as
    ``KeyboardInterrupt``. The same call again measures only what is missing or failed; a file may
    hold more points than are asked for. A point that raises is recorded with its sentence, and the
    others go on.

    In a script, the call belongs below ``if __name__ == "__main__":``, because the processes import
    the script. Raises ``SweepError`` for impossible arguments, an executor or file that breaks
    down, and a file that is no sweep's or is in use.
    """
    wanted = _points(points)
    name = _name(measure, own=executor is None, file=file is not None)
    tell = _progress(progress)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise SweepError(
            f"The executor is {executor!r}: it must have submit(function, *arguments), as those of "
            "concurrent.futures have; pass one, or leave it out for this machine's cores."
        )
    if ahead is not None and (type(ahead) is not int or ahead < 1):
        raise SweepError(
            f"The option ahead is {ahead!r}: it is how many points are handed out at a time, a "
            "whole number of at least 1; leave it out for four a worker."
        )
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(interrupts())
        store = None if file is None else stack.enter_context(SweepFile(Path(file), name))
        run = _Run(wanted, store, tell, check)
        if run.missing:
            pool = executor
            if pool is None:
                pool = stack.enter_context(Processes(len(run.missing)))
            workers = getattr(pool, "_max_workers", None) or UNKNOWN
            run.go(pool, measure, ahead or AHEAD * workers)
    return Results(wanted, run.lines)


class _Run:
    """A sweep on its way: what is there, what is handed out, and what is told."""

    def __init__(
        self,
        points: list[Point],
        store: SweepFile | None,
        tell: Progress,
        check: Callable[[], None],
    ) -> None:
        asked = dict.fromkeys(points)
        known = {} if store is None else store.lines
        self.lines = {point: line for point, line in known.items() if point in asked}
        self.missing = [point for point in asked if point not in self.lines]
        self.store, self.check = store, check
        self.failed = 0
        self._tell, self._total = tell, len(asked)
        self.flying: dict[Future[Any], Point] = {}
        self.landed: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self.tell()

    def tell(self) -> None:
        self._tell(len(self.lines), self._total, self.failed)

    def go(self, pool: Any, measure: Measure, ahead: int) -> None:
        """Measure what is missing, with at most ``ahead`` points handed out at a time."""
        try:
            for point in self.missing:
                self.check()
                future = submit(pool, measure, point)
                self.flying[future] = point
                future.add_done_callback(self.landed.put)
                while not self.landed.empty() or len(self.flying) >= ahead:
                    self._next()
            while self.flying:
                self._next()
        except BaseException:
            self._land(pool)
            self.check()  # where an interrupt broke the pool too, it is the interrupt that counts
            raise

    def _next(self) -> None:
        self.check()
        with contextlib.suppress(queue.Empty):
            future = self.landed.get(timeout=TICK)
            point = self.flying.pop(future)
            self._keep(point, *outcome(future, point))
        self.tell()

    def _keep(self, point: Point, good: bool, line: str) -> None:
        if self.store is not None:
            self.store.write(line)
        self.lines[point] = line
        self.failed += not good

    def _land(self, pool: Any) -> None:
        """Cancel what is handed out; keep what is finished, or finishes very soon."""
        if isinstance(pool, Processes):
            pool.cancel()
        else:
            for future in list(self.flying):
                future.cancel()
        until = time.monotonic() + GRACE
        with contextlib.suppress(queue.Empty, SweepError):
            while self.flying:
                future = self.landed.get(timeout=max(0.0, until - time.monotonic()))
                point = self.flying.pop(future)
                if not future.cancelled() and future.exception() is None:
                    self._keep(point, *outcome(future, point))


# Arguments


def _points(points: Iterable[Point]) -> list[Point]:
    read = list(points) if isinstance(points, Iterable) else None
    wrong = points if read is None else [p for p in read if not isinstance(p, Point)][:1]
    if read is None or wrong:
        raise SweepError(
            f"A sweep cannot measure {wrong!r}: it takes a list of points; make one with grid(...)."
        )
    return read


def _name(measure: Measure, *, own: bool, file: bool) -> str:
    """The name that a file keeps, after a look whether it and the processes can find it."""
    if not callable(measure):
        raise SweepError(
            f"The measure is {measure!r}: it must be a function from a point to a dict of figures; "
            "write def measure(point): ... and pass its name."
        )
    module = getattr(measure, "__module__", None)
    name = f"{module}.{getattr(measure, '__qualname__', '<nameless>')}"
    if file and name.endswith(("<lambda>", "<nameless>")):
        raise SweepError(
            f"The measure {name} has no name: a file tells by it whose results it holds; "
            "write a function with def."
        )
    if own:
        importable = module != "__main__" or hasattr(sys.modules["__main__"], "__file__")
        with contextlib.suppress(Exception):
            pickle.dumps(measure)
            if importable:
                return name
        raise SweepError(
            f"The measure {name} cannot be imported by other processes: it is written in a "
            "notebook or inside a function; move it to a module, or pass "
            "executor=ThreadPoolExecutor()."
        )
    return name


def _progress(progress: Progress | str | None) -> Progress:
    if progress is None:
        return lambda done, total, failed: None
    if progress == "text":
        return TextBar()
    if not callable(progress):
        raise SweepError(
            f"The option progress is {progress!r}: it must be None, 'text' or a function of done, "
            "total and failed; choose one of them."
        )
    return progress
