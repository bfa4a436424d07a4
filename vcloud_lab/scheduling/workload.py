"""Jobs and workloads: what there is to do, before anybody decides in which order.

A workload keeps its times as columns of integer *ticks*. A tick is the largest unit in which all
the times are whole: with an arrival of 0.4 there are 5 ticks in a unit (``scale`` is 5), and no
time is ever rounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.job import FIELDS, Job, read_job, refuse
from vcloud_lab.scheduling.numbers import LARGEST, Time, denominator, simplest, ticks_of

if TYPE_CHECKING:  # numpy.typing is slow to import and only read by type checkers
    import numpy.typing as npt

__all__ = ["Column", "Job", "Workload"]

Column: TypeAlias = "npt.NDArray[np.int64]"
"""One integer a job, in ticks (or processors, for ``width``)."""

Waits: TypeAlias = tuple[tuple[tuple[int, int], ...], ...]
"""Of each job the I/Os as pairs (after, length) in ticks."""


class Workload:
    """The jobs of one experiment, in list order.

    ``jobs`` may hold ``Job`` objects, tuples ``(arrival, burst)``, ``(name, arrival, burst)`` or
    ``(name, arrival, burst, width)``, or mappings with those keys; jobs without a name are called
    P1, P2, ... by position. ``unit`` names the unit of time in charts.

    ``arrival``, ``burst`` (ticks) and ``width`` (processors) are read-only ``int64`` arrays of
    shape ``(len(workload),)``; ``io`` is None where no job waits for a device. Raises
    ``WorkloadError`` for a job that breaks a rule, for two jobs of one name, and for times too
    large for 62 bits.

    >>> Workload([("P1", 0, 24), ("P2", 0, 3)])
    Workload of 2 jobs: P1 (0, 24), P2 (0, 3)
    """

    __slots__ = (
        "_names",
        "_places",
        "arrival",
        "burst",
        "io",
        "notes",
        "scale",
        "title",
        "unit",
        "width",
    )

    arrival: Column
    burst: Column
    width: Column
    scale: int
    title: str
    unit: str
    notes: tuple[str, ...]
    io: Waits | None
    _names: tuple[str, ...] | None
    _places: dict[str, int] | None

    def __init__(self, jobs: Iterable[Any], *, title: str = "", unit: str = "tick") -> None:
        if isinstance(jobs, str | Mapping) or not isinstance(jobs, Iterable):
            raise WorkloadError(
                f"A workload cannot be made of {jobs!r}: a list of jobs is needed; "
                "write for example Workload([('P1', 0, 5), ('P2', 1, 3)])."
            )
        read = [read_job(job, position) for position, job in enumerate(jobs, 1)]
        waits = [time for job in read for pair in job.io for time in pair]
        scale = denominator([*waits, *(t for job in read for t in (job.arrival, job.burst))])
        arrival = [ticks_of(job.arrival, scale) for job in read]
        burst = [ticks_of(job.burst, scale) for job in read]
        _check_size(max(arrival, default=0) + sum(burst) + ticks_of(sum(waits), scale))
        names = tuple(job.name for job in read)
        self._fill(arrival, burst, [job.width for job in read], names, scale, title, unit, ())
        if waits:
            self.io = tuple(
                tuple((ticks_of(after, scale), ticks_of(long, scale)) for after, long in job.io)
                for job in read
            )

    @classmethod
    def from_columns(
        cls,
        arrival: npt.ArrayLike,
        burst: npt.ArrayLike,
        width: npt.ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        scale: int = 1,
        title: str = "",
        unit: str = "tick",
        notes: Sequence[str] = (),
    ) -> Workload:
        """A workload from integer columns in ticks, the fast way for many jobs.

        All columns have one length; without ``names`` the jobs are P1, P2, ... Raises
        ``WorkloadError`` as the constructor does.
        """
        if names is not None and not all(isinstance(name, str) and name for name in names):
            wrong = next(name for name in names if not isinstance(name, str) or not name)
            raise WorkloadError(
                f"A job is called {wrong!r}: a name is a text that is not empty; write 'P1'."
            )
        if not isinstance(scale, int) or scale < 1:
            raise WorkloadError(
                f"The scale is {scale!r}: it is the whole number of ticks in a unit, at least 1; "
                "leave it out for 1."
            )
        columns = [_integers(arrival, "arrival"), _integers(burst, "burst")]
        columns.append(
            np.ones(len(columns[0]), np.int64) if width is None else _integers(width, "width")
        )
        lengths = [len(column) for column in columns] + ([] if names is None else [len(names)])
        if len(set(lengths)) > 1:
            raise WorkloadError(
                f"The columns have {lengths} entries: one entry a job is needed in each; "
                "give columns of one length."
            )
        for column, least, what in zip(columns, (0, 1, 1), FIELDS[1:], strict=True):
            if len(column) and column.min() < least:
                at = int(column.argmin())
                who = f"Job {names[at]!r}" if names else f"Job 'P{at + 1}'"
                refuse(who, what, int(column[at]), f"at least {least}")
        if len(columns[0]):
            # A float sum cannot wrap round as a 64-bit sum would, and is near enough for a limit.
            _check_size(int(columns[0].max()) + int(columns[1].sum(dtype=np.float64)))
        workload = cls.__new__(cls)
        arrivals, bursts, widths = columns
        own = None if names is None else tuple(names)
        workload._fill(arrivals, bursts, widths, own, scale, title, unit, tuple(notes))
        return workload

    def _fill(
        self,
        arrival: npt.ArrayLike,
        burst: npt.ArrayLike,
        width: npt.ArrayLike,
        names: tuple[str, ...] | None,
        scale: int,
        title: str,
        unit: str,
        notes: tuple[str, ...],
    ) -> None:
        if names is not None and len(set(names)) < len(names):
            twice, _ = Counter(names).most_common(1)[0]
            raise WorkloadError(
                f"Two jobs are called {twice!r}: names tell jobs apart; rename one of them."
            )
        for column, values in (("arrival", arrival), ("burst", burst), ("width", width)):
            array = np.array(values, dtype=np.int64)
            array.setflags(write=False)
            setattr(self, column, array)
        self._names, self.scale, self.title, self.unit = names, scale, title, unit
        self.notes = notes
        self.io = None
        self._places = None

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def names(self) -> tuple[str, ...]:
        """The jobs' names in list order."""
        if self._names is None:
            self._names = tuple(f"P{number}" for number in range(1, len(self) + 1))
        return self._names

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs in list order, with times in the user's unit."""
        return tuple(self._job(place) for place in range(len(self)))

    def _job(self, place: int) -> Job:
        arrival, burst, width = (int(c[place]) for c in (self.arrival, self.burst, self.width))
        waits = self.io[place] if self.io else ()
        io = tuple((self.time(after), self.time(length)) for after, length in waits)
        return Job(self.names[place], self.time(arrival), self.time(burst), width, io)

    @property
    def io_ticks(self) -> Column | int:
        """How long each job waits for devices in all, in list order; 0 where none does."""
        if self.io is None:
            return 0
        return np.array([sum(length for _, length in waits) for waits in self.io], np.int64)

    def arrival_order(self) -> Column:
        """The jobs' positions in order of arrival, equal arrivals in list order."""
        return np.argsort(self.arrival, kind="stable")

    def __getitem__(self, name: str) -> Job:
        if self._places is None:  # made once, so that looking up every job takes linear time
            self._places = {known: place for place, known in enumerate(self.names)}
        place = self._places.get(name) if isinstance(name, str) else None
        if place is None:
            raise WorkloadError(
                f"There is no job {name!r}: this workload has {', '.join(self.names[:8])}"
                f"{', ...' if len(self) > 8 else ''}; use one of these names."
            )
        return self._job(place)

    def time(self, ticks: int) -> Time:
        """``ticks`` in the user's unit, exactly."""
        return ticks if self.scale == 1 else simplest(Fraction(ticks, self.scale))

    def with_scale(self, scale: int) -> Workload:
        """The same workload on a finer clock; ``scale`` must be a multiple of the present one."""
        if scale == self.scale:
            return self
        factor = scale // self.scale if len(self) else 1
        longest = (
            int(self.arrival.max(initial=0)) + int(self.burst.sum()) + int(np.sum(self.io_ticks))
        )
        _check_size(factor * longest)
        finer = Workload.__new__(Workload)
        finer._fill(
            self.arrival * factor,
            self.burst * factor,
            self.width,
            self._names,
            scale,
            self.title,
            self.unit,
            self.notes,
        )
        if self.io:
            finer.io = tuple(
                tuple((after * factor, length * factor) for after, length in waits)
                for waits in self.io
            )
        return finer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workload) and self.jobs == other.jobs

    def __hash__(self) -> int:
        return hash(self.jobs)

    def __repr__(self) -> str:
        shown = ", ".join(f"{j.name} ({j.arrival}, {j.burst})" for j in self._head(6).jobs)
        more = ", ..." if len(self) > 6 else ""
        title = f" {self.title!r}" if self.title else ""
        return f"Workload{title} of {len(self)} jobs{': ' if shown else ''}{shown}{more}"

    def _head(self, count: int) -> Workload:
        names = None if self._names is None else self._names[:count]
        columns = (self.arrival[:count], self.burst[:count], self.width[:count])
        return Workload.from_columns(*columns, names=names, scale=self.scale)


def _integers(values: npt.ArrayLike, what: str) -> Column:
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.array(values, dtype=object)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise WorkloadError(
            f"The {what} column is of type {array.dtype} and shape {array.shape}: a flat column of "
            "whole ticks is needed; convert it, or give Workload(...) the exact fractions."
        )
    if array.dtype.kind == "u" and int(array.max(initial=0)) >= LARGEST:
        raise WorkloadError(
            f"The {what} column has {array.max()}: numbers must stay below 2**62; use smaller ones."
        )
    return array.astype(np.int64, copy=False)


def _check_size(total: int) -> None:
    if total >= LARGEST:
        shown = total if total < 10**30 else "10**30 or more"
        raise WorkloadError(
            f"The times add up to {shown} ticks: they must stay below 2**62; "
            "use a larger unit or simpler fractions."
        )
