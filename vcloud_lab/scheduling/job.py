"""A job, and the forms in which people write one down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact

__all__ = ["FIELDS", "Job", "io_every", "read_job", "refuse"]

FIELDS = ("name", "arrival", "burst", "width")


@dataclass(frozen=True)
class Job:
    """One job: it arrives, needs the CPU for ``burst``, and leaves.

    ``arrival`` and ``burst`` are in the user's unit, whole or fractional, exact; ``width`` is the
    number of processors that it needs at once. ``io`` has pairs (after, length): when the job has
    run for ``after`` in all, it waits ``length`` for a device, and needs no CPU meanwhile.

    Raises ``WorkloadError`` for a negative arrival, a burst that is not above 0, a width below 1,
    I/O that is not inside the burst and in order, or anything that is not a finite number.
    """

    name: str
    arrival: Time
    burst: Time
    width: int = 1
    io: Sequence[tuple[Time, Time]] = ()

    def __post_init__(self) -> None:
        who = f"Job {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise WorkloadError(f"{who} needs a name: write a text that is not empty, like 'P1'.")
        arrival = exact(self.arrival, f"{who}: its arrival")
        burst = exact(self.burst, f"{who}: its burst")
        width = exact(self.width, f"{who}: its width")
        if arrival < 0:
            refuse(who, "arrival", self.arrival, "0 or later, because the clock starts at 0")
        if burst <= 0:
            refuse(who, "burst", self.burst, "above 0; leave the job out if it has nothing to do")
        if width.denominator != 1 or not 1 <= width < LARGEST:
            rule = "a whole number of processors, at least 1 and below 2**62"
            refuse(who, "width", self.width, rule)
        object.__setattr__(self, "arrival", arrival)
        object.__setattr__(self, "burst", burst)
        object.__setattr__(self, "width", int(width))
        object.__setattr__(self, "io", _read_io(self.io, who, burst))


def io_every(
    burst: Time | float | str, every: Time | float | str, length: Time | float | str
) -> list[tuple[Time, Time]]:
    """The I/O of a job of this ``burst`` that waits ``length`` after each ``every`` of CPU time.

    There is none at the very end. Raises ``WorkloadError`` for what is not above 0.

    >>> io_every(6, 2, 5)
    [(2, 5), (4, 5)]
    """
    whole, step, wait = (
        exact(value, f"The {what}")
        for value, what in ((burst, "burst"), (every, "CPU time between I/O"), (length, "I/O"))
    )
    for value, what in ((whole, "burst"), (step, "CPU time between I/O"), (wait, "I/O")):
        if value <= 0:
            raise WorkloadError(f"The {what} is {value}: it must be above 0; change it.")
    return [(at * step, wait) for at in range(1, -int(-whole // step))]


def read_job(job: object, position: int) -> Job:
    """One entry of a job list as a ``Job``; ``position`` counts from 1."""
    name = f"P{position}"
    if isinstance(job, Job):
        return job
    if isinstance(job, Mapping):
        unknown = [key for key in job if key not in (*FIELDS, "io")]
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


def _read_io(io: object, who: str, burst: Time) -> tuple[tuple[Time, Time], ...]:
    rule = (
        f"{who}: its I/O is {io!r}: it must be a list of pairs (after, length), each after above "
        f"the one before, above 0 and below the burst of {burst}, each length above 0; write for "
        "example io=[(2, 5)]."
    )
    if not isinstance(io, Sequence) or isinstance(io, str):
        raise WorkloadError(rule)
    read: list[tuple[Time, Time]] = []
    for pair in io:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise WorkloadError(rule)
        after, length = (exact(time, f"{who}: its I/O") for time in pair)
        if not (read[-1][0] if read else 0) < after < burst or length <= 0:
            raise WorkloadError(rule)
        read.append((after, length))
    return tuple(read)


def refuse(who: str, what: str, value: object, rule: str) -> NoReturn:
    """Say what is wrong with a job."""
    raise WorkloadError(f"{who} has {what} {value}: it must be {rule}; change the {what}.")
