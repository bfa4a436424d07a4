"""Jobs and workloads: what there is to do, before anybody decides in which order.

A workload keeps its times as columns of integer *ticks*. A tick is the largest unit in which all
the times are whole: with an arrival of 0.4 there are 5 ticks in a unit (``scale`` is 5), and no
time is ever rounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.numbers import LARGEST, Time, denominator, exact, simplest, ticks_of

if TYPE_CHECKING:  # numpy.typing is slow to import and only read by type checkers
    import numpy.typing as npt

__all__ = ["Column", "Job", "Workload"]

Column: TypeAlias = "npt.NDArray[np.int64]"
"""One integer a job, in ticks (or processors, for ``width``)."""

FIELDS = ("name", "arrival", "burst", "width")


@dataclass(frozen=True)
class Job:
    """One job: it arrives, needs the CPU for ``burst``, and leaves.

    ``arrival`` and ``burst`` are in the user's unit, whole or fractional, exact; ``width`` is the
    number of processors that it needs at once. Raises ``WorkloadError`` for a negative arrival, a
    burst that is not above 0, a width below 1, or anything that is not a finite number.
    """

    name: str
    arrival: Time
    burst: Time
    width: int = 1

    def __post_init__(self) -> None:
        who = f"Job {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise WorkloadError(f"{who} needs a name: write a text that is not empty, like 'P1'.")
        arrival = exact(self.arrival, f"{who}: its arrival")
        burst = exact(self.burst, f"{who}: its burst")
        width = exact(self.width, f"{who}: its width")
        if arrival < 0:
            _refuse(who, "arrival", self.arrival, "0 or later, because the clock starts at 0")
        if burst <= 0:
            _refuse(who, "burst", self.burst, "above 0; leave the job out if it has nothing to do")
        if width.denominator != 1 or not 1 <= width < LARGEST:
            rule = "a whole number of processors, at least 1 and below 2**62"
            _refuse(who, "width", self.width, rule)
        object.__setattr__(self, "arrival", arrival)
        object.__setattr__(self, "burst", burst)
        object.__setattr__(self, "width", int(width))


class Workload:
    """The jobs of one experiment, in list order.

    ``jobs`` may hold ``Job`` objects, tuples ``(arrival, burst)``, ``(name, arrival, burst)`` or
    ``(name, arrival, burst, width)``, or mappings with those keys; jobs without a name are called
    P1, P2, ... by position. ``unit`` names the unit of time in charts.

    ``arrival``, ``burst`` (ticks) and ``width`` (processors) are read-only ``int64`` arrays of
    shape ``(len(workload),)``. Raises ``WorkloadError`` for a job that breaks a rule, for two jobs
    of one name, and for times too large for 62 bits.

    >>> Workload([("P1", 0, 24), ("P2", 0, 3)])
    Workload of 2 jobs: P1 (0, 24), P2 (0, 3)
    """

    __slots__ = (
        "_names",
        "_places",
        "arrival",
        "burst",
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
    _names: tuple[str, ...] | None
    _places: dict[str, int] | None

    def __init__(self, jobs: Iterable[Any], *, title: str = "", unit: str = "tick") -> None:
        if isinstance(jobs, str | Mapping) or not isinstance(jobs, Iterable):
            raise WorkloadError(
                f"A workload cannot be made of {jobs!r}: a list of jobs is needed; "
                "write for example Workload([('P1', 0, 5), ('P2', 1, 3)])."
            )
        read = [_read_job(job, position) for position, job in enumerate(jobs, 1)]
        scale = denominator(time for job in read for time in (job.arrival, job.burst))
        arrival = [ticks_of(job.arrival, scale) for job in read]
        burst = [ticks_of(job.burst, scale) for job in read]
        _check_size(max(arrival, default=0) + sum(burst))
        names = tuple(job.name for job in read)
        self._fill(arrival, burst, [job.width for job in read], names, scale, title, unit, ())

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
                _refuse(who, what, int(column[at]), f"at least {least}")
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
        columns = (self.arrival.tolist(), self.burst.tolist(), self.width.tolist())
        return tuple(
            Job(name, self.time(arrival), self.time(burst), width)
            for name, arrival, burst, width in zip(self.names, *columns, strict=True)
        )

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
        arrival, burst, width = (int(c[place]) for c in (self.arrival, self.burst, self.width))
        return Job(name, self.time(arrival), self.time(burst), width)

    def time(self, ticks: int) -> Time:
        """``ticks`` in the user's unit, exactly."""
        return ticks if self.scale == 1 else simplest(Fraction(ticks, self.scale))

    def with_scale(self, scale: int) -> Workload:
        """The same workload on a finer clock; ``scale`` must be a multiple of the present one."""
        if scale == self.scale:
            return self
        factor = scale // self.scale if len(self) else 1
        _check_size(factor * (int(self.arrival.max(initial=0)) + int(self.burst.sum())))
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


def _read_job(job: object, position: int) -> Job:
    """One entry of a job list as a ``Job``; ``position`` counts from 1."""
    name = f"P{position}"
    if isinstance(job, Job):
        return job
    if isinstance(job, Mapping):
        unknown = [key for key in job if key not in FIELDS]
        missing = [key for key in ("arrival", "burst") if key not in job]
        if not unknown and not missing:
            return Job(**{"name": name, **job})
    elif isinstance(job, Sequence) and not isinstance(job, str) and len(job) in (2, 3, 4):
        return Job(name, job[0], job[1]) if len(job) == 2 else Job(*job)
    raise WorkloadError(
        f"Entry {position} of the job list is {job!r}: a job is (arrival, burst), "
        "(name, arrival, burst), (name, arrival, burst, width), a Job, or a mapping with these "
        "keys; write it in one of these forms."
    )


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


def _refuse(who: str, what: str, value: object, rule: str) -> NoReturn:
    raise WorkloadError(f"{who} has {what} {value}: it must be {rule}; change the {what}.")
