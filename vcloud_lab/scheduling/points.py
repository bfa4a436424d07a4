"""The points of a sweep: policy x quantum x load x seed, each one simulation that can be repeated.

A point names its policy and distribution instead of holding them, so that it can be sent to
another process or machine, and written to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import product
from typing import Any

from vcloud_lab.errors import PolicyError, SweepError, WorkloadError
from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ
from vcloud_lab.scheduling.generate import SIZES, random_workload
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, RR, SJF, SRTF, Policy
from vcloud_lab.scheduling.policy import above_zero
from vcloud_lab.scheduling.workload import Workload

__all__ = ["POLICIES", "Point", "figures", "grid"]

POLICIES: dict[str, tuple[Callable[..., Policy], tuple[str, ...]]] = {
    "FCFS": (FCFS, ()),
    "SJF": (SJF, ()),
    "SRTF": (SRTF, ()),
    "HRRN": (HRRN, ()),
    "LRTF": (LRTF, ("quantum",)),
    "RR": (RR, ("quantum",)),
    "MLFQ": (MLFQ, ("quantum",)),
    "FEEDBACK": (FEEDBACK, ("quantum",)),
    "CFS": (CFS, ()),
    "EEVDF": (EEVDF, ()),
}
"""The policies that a point can name: what makes each, and the fields of the point that it takes.

A policy fits when it needs no more than a point has; to offer another one, add a line.
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One simulation of a sweep.

    ``policy`` is a key of ``POLICIES``; ``quantum`` is None for a policy that takes none. The
    workload is ``random_workload(n, seed, load, sizes=sizes)``; ``quantum`` and ``switch_cost``
    are in its ticks, and the mean burst is 10. Numbers are kept exact. Raises ``PolicyError`` or
    ``WorkloadError`` for a value that cannot be simulated.
    """

    policy: str
    quantum: Time | None = None
    load: Time = Fraction(9, 10)
    seed: int = 0
    n: int = 1000
    sizes: str = "exponential"
    switch_cost: Time = 0

    def __post_init__(self) -> None:
        if not isinstance(self.policy, str) or self.policy not in POLICIES:
            raise PolicyError(
                f"A sweep has no policy {self.policy!r}: it knows {', '.join(POLICIES)}, by name; "
                "use one of them."
            )
        load = exact(self.load, "The load")
        if load <= 0:
            raise WorkloadError(f"The load is {self.load}: it must be above 0; try 0.9.")
        cost = exact(self.switch_cost, "The switch cost", PolicyError)
        if cost < 0:
            raise PolicyError(f"The switch cost is {cost}: it must be 0 or above; change it.")
        if not isinstance(self.sizes, str) or self.sizes not in SIZES:
            raise WorkloadError(
                f"Burst sizes cannot be {self.sizes!r}: they follow one of {', '.join(SIZES)}; "
                "choose one."
            )
        put = object.__setattr__
        put(self, "quantum", self._quantum())
        put(self, "load", load)
        put(self, "seed", _whole(self.seed, "The seed"))
        put(self, "n", _whole(self.n, "The number of jobs", 1))
        put(self, "switch_cost", cost)

    def _quantum(self) -> Time | None:
        if "quantum" in POLICIES[self.policy][1]:
            if self.quantum is None:
                raise PolicyError(
                    f"{self.policy} has no quantum: it needs one above 0; "
                    f"write for example grid(['{self.policy}'], quantum=[4])."
                )
            return above_zero(self.quantum, f"The quantum of {self.policy}", "quantum=4")
        if self.quantum is not None:
            raise PolicyError(
                f"{self.policy} was given the quantum {self.quantum}: it takes none; leave it out."
            )
        return None

    @property
    def label(self) -> str:
        """The policy with its quantum: "RR q=4"."""
        return self.policy if self.quantum is None else f"{self.policy} q={show(self.quantum)}"

    def workload(self) -> Workload:
        """The jobs of this point."""
        return random_workload(self.n, self.seed, self.load, sizes=self.sizes)

    def scheduler(self) -> Policy:
        """The policy of this point, ready for ``simulate``."""
        make, needs = POLICIES[self.policy]
        return make(**{name: getattr(self, name) for name in needs})


FIELDS = tuple(field.name for field in fields(Point))
"""The names of a point's fields, in order."""


def grid(
    policies: Iterable[Any] | str = ("FCFS", "SJF", "SRTF", "RR"),
    quantum: Iterable[Any] | Time | float | str = 4,
    load: Iterable[Any] | Time | float | str = ("0.5", "0.7", "0.9"),
    seed: Iterable[Any] | int = range(10),
    n: Iterable[Any] | int = 1000,
    sizes: Iterable[Any] | str = "exponential",
    switch_cost: Iterable[Any] | Time | float | str = 0,
) -> list[Point]:
    """Every combination as a list of points: ``policies`` vary slowest, then in the order of the
    arguments, and ``seed`` varies fastest of all.

    Each argument is one value or several; policies are given by name or as ``SJF``, ``RR``, ...
    A policy without a quantum has one point where others have one for each ``quantum``, and
    no point appears twice. Raises ``SweepError`` for an argument without any value, and as
    ``Point`` does.

    >>> grid(["FCFS", "RR"], quantum=[1, 4], load=0.9, seed=0)[-1]
    Point(policy='RR', quantum=4, load=Fraction(9, 10), seed=0, n=1000, sizes='exponential', \
switch_cost=0)
    """
    given = {
        "policies": [getattr(one, "__name__", one) for one in _several(policies)],
        "quantum": _several(quantum),
        "load": [exact(value, "The load") for value in _several(load)],
        "n": _several(n),
        "sizes": _several(sizes),
        "switch_cost": _several(switch_cost),
        "seed": _several(seed),
    }
    empty = next((name for name, values in given.items() if not values), None)
    if empty is not None:
        raise SweepError(
            f"The argument {empty} is empty: a grid needs at least one value of each; give one, "
            "or leave it out."
        )
    points: dict[Point, None] = {}
    names, quanta, *others = given.values()
    for name in names:
        entry = POLICIES.get(name) if isinstance(name, str) else None
        own = quanta if entry and "quantum" in entry[1] else [None]
        for length, busy, jobs, size, cost, start in product(own, *others):
            points[Point(name, length, busy, start, jobs, size, cost)] = None
    return list(points)


def figures(point: Point) -> dict[str, Time]:
    """The measure of a sweep unless you give one: what ``Schedule.summary`` has (means, rates,
    switches), and the 95th percentile of waiting and of slowdown; all exact.
    """
    schedule = simulate(point.workload(), point.scheduler(), switch_cost=point.switch_cost)
    tails = {f"95% {metric}": schedule.percentile(metric, 95) for metric in ("waiting", "slowdown")}
    return schedule.summary() | tails


def _several(values: Any) -> list[Any]:
    single = isinstance(values, str) or not isinstance(values, Iterable)
    return [values] if single else list(values)


def _whole(value: object, what: str, least: int | None = None) -> int:
    number = exact(value, what)
    if number.denominator != 1 or (least is not None and number < least):
        rule = "whole" if least is None else f"whole and at least {least}"
        raise WorkloadError(f"{what} is {value}: it must be {rule}; change it.")
    return int(number)
