"""Weights, tickets and nice values: in proportion to what a policy shares the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.numbers import Time
from vcloud_lab.scheduling.policy import Numbers, numbers_told

__all__ = ["NICE_0", "NICE_WEIGHTS", "Told", "tickets_told", "weighing", "weights_told"]

Told = Mapping[str, Time] | tuple[Time, ...]
"""One exact number a job, by name or in list order."""

NICE_0 = 1024
"""The weight of nice 0."""

NICE_WEIGHTS: dict[int, int] = dict(
    zip(
        range(-20, 20),
        (
            *(88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916),
            *(9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277),
            *(1024, 820, 655, 526, 423, 335, 272, 215, 172, 137),
            *(110, 87, 70, 56, 45, 36, 29, 23, 18, 15),
        ),
        strict=True,
    )
)
"""The weight of each nice value in Linux (``sched_prio_to_weight`` in kernel/sched/core.c): each is
about a fifth less than the one before."""


def tickets_told(tickets: Numbers, example: str) -> Told:
    """The tickets of each job; ``PolicyError`` unless they are whole numbers above 0."""
    told = numbers_told(tickets, "number of tickets", "tickets", example)

    def check(number: Time, whose: str) -> Time:
        if number.denominator != 1 or number < 1:
            raise PolicyError(
                f"The number of tickets{whose} is {number}: it must be whole and at least 1, "
                "because a job without tickets would never run; give it 1 or more."
            )
        return number

    return _each(told, check)


def weights_told(weights: Numbers, example: str) -> Told:
    """The weight of each job; ``PolicyError`` unless they are numbers above 0."""
    told = numbers_told(weights, "weight", "weights", example)

    def check(number: Time, whose: str) -> Time:
        if number <= 0:
            raise PolicyError(
                f"The weight{whose} is {number}: it must be above 0, because a job's share of the "
                "CPU is its weight over the weights of all; give it 1 or more."
            )
        return number

    return _each(told, check)


def weighing(name: str, nice: Numbers | None, weights: Numbers | None) -> tuple[Told | None, int]:
    """The jobs' weights from nice values or weights (None: all alike), and the weight of a job
    whose virtual time runs as fast as the clock: that of nice 0, or 1 where weights are given.

    Raises ``PolicyError`` for both at once, a nice value that is not whole or outside -20 to 19,
    and a weight that is not above 0.
    """
    if nice is not None and weights is not None:
        raise PolicyError(
            f"{name} was given both nice values and weights: a nice value stands for a weight, so "
            "one of them is needed; leave the other out."
        )
    if weights is not None:
        return weights_told(weights, f"{name}(weights={{'P1': 2, 'P2': 1}})"), 1
    if nice is None:
        return None, NICE_0
    told = numbers_told(nice, "nice value", "nice values", f"{name}({{'P1': 0, 'P2': 5}})")

    def look_up(number: Time, whose: str) -> Time:
        if number not in NICE_WEIGHTS:
            raise PolicyError(
                f"The nice value{whose} is {number}: it must be a whole number from -20 (the "
                "largest share) to 19; 0 is the usual one."
            )
        return NICE_WEIGHTS[int(number)]

    return _each(told, look_up), NICE_0


def _each(told: Told, convert: Callable[[Time, str], Time]) -> Told:
    """The numbers converted one by one; ``convert`` is also told whose it is, for an error."""
    if isinstance(told, Mapping):
        return {name: convert(number, f" of {name!r}") for name, number in told.items()}
    return tuple(convert(number, "") for number in told)
