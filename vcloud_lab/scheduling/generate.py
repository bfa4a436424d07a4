"""Workloads from a seed: the same seed gives the same jobs on every machine.

Only ``random.Random(seed).random()`` and operations that IEEE 754 rounds exactly are used; a
logarithm may differ in its last bit from one C library to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import sqrt
from random import Random

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.numbers import Time, exact
from vcloud_lab.scheduling.workload import Workload

__all__ = ["SIZES", "ostep_workload", "random_workload"]

MOST = 10**12
"""The largest mean burst, and load, and (as its inverse) the smallest."""


def _exponential(draw: Callable[[], float]) -> float:
    """One exponential variate of mean 1 from comparisons alone (von Neumann 1951).

    Draw a falling run of uniforms; a run of odd length accepts its first value, an even one adds 1
    to the whole part and starts again.
    """
    whole = 0
    while True:
        first = last = draw()
        length = 1
        while (new := draw()) < last:
            last = new
            length += 1
        if length % 2:
            return whole + first
        whole += 1


def _uniform(draw: Callable[[], float]) -> float:
    """Uniform between 0 and 2: mean 1, no long jobs."""
    return 2 * draw()


def _heavy(draw: Callable[[], float]) -> float:
    """Pareto with tail exponent 2 and mean 1: few jobs carry much of the work."""
    return 0.5 / sqrt(1 - draw())


SIZES: dict[str, Callable[[Callable[[], float]], float]] = {
    "exponential": _exponential,
    "uniform": _uniform,
    "heavy": _heavy,
}


def random_workload(
    n: int,
    seed: int,
    load: Time | float | str = 0.9,
    mean_burst: Time | float | str = 10,
    sizes: str = "exponential",
) -> Workload:
    """``n`` jobs with exponential gaps between arrivals and bursts of a chosen distribution.

    ``load`` is mean burst over mean gap: the share of time that one CPU is busy in the long run
    (at 1 and above the queue grows without end). ``mean_burst`` is in ticks; every burst is at
    least 1. ``sizes`` is "exponential", "uniform" or "heavy". Raises ``WorkloadError`` for a
    negative ``n``, a load or mean that is not above 0 or is beyond 10**12, or an unknown
    distribution.
    """
    count, start = _whole(n, "The number of jobs", 0), _whole(seed, "The seed", None)
    busy, mean = exact(load, "The load"), exact(mean_burst, "The mean burst")
    for value, what in ((busy, "load"), (mean, "mean burst")):
        if not Fraction(1, MOST) <= value <= MOST:
            shown = value if value < 10**30 else "10**30 or more"
            raise WorkloadError(
                f"The {what} is {shown}: it must be above 0 and at most {MOST}; try 0.9 or 10."
            )
    if sizes not in SIZES:
        raise WorkloadError(
            f"Burst sizes cannot be {sizes!r}: they follow one of {', '.join(SIZES)}; choose one."
        )
    draw, size = Random(start).random, SIZES[sizes]
    gap, long = float(mean / busy), float(mean)
    clock, arrival, burst = 0.0, [], []
    for _ in range(count):
        arrival.append(int(clock))
        burst.append(max(1, round(long * size(draw))))
        clock += gap * _exponential(draw)
    return Workload.from_columns(arrival, burst, title=f"random {sizes} n={count} seed={start}")


def ostep_workload(seed: int, jobs: int = 3, maxlen: int = 10) -> Workload:
    """The jobs that OSTEP's ``scheduler.py -s SEED -j JOBS -m MAXLEN`` makes.

    All arrive at 0 and are called "0", "1", ...; each burst is a whole number from 1 to
    ``maxlen``. Source: Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, homework of the
    chapter on CPU scheduling. Raises ``WorkloadError`` for numbers below 1.
    """
    count, longest = _whole(jobs, "The number of jobs", 1), _whole(maxlen, "The longest burst", 1)
    start = _whole(seed, "The seed", None)
    draw = Random(start).random
    burst = [int(longest * draw()) + 1 for _ in range(count)]
    names = [str(number) for number in range(count)]
    return Workload.from_columns([0] * count, burst, names=names, title=f"OSTEP seed={start}")


def _whole(value: object, what: str, least: int | None) -> int:
    number = exact(value, what)
    if number.denominator != 1 or (least is not None and number < least):
        rule = "whole" if least is None else f"whole and at least {least}"
        raise WorkloadError(f"{what} is {value}: it must be {rule}; change it.")
    return int(number)
