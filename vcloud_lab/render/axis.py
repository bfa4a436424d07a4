"""Where the ticks of an axis stand and how numbers and times are written on it."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from vcloud_lab.scheduling.numbers import Time, show, simplest

__all__ = ["axis_label", "count", "number", "span_text", "step_of", "ticks", "units"]


def step_of(span: Time, most: int) -> Fraction:
    """The smallest of 1, 2, 5, 10, 20, ... (or their tenths) that cuts ``span`` into at most
    ``most`` parts. A span of 3 or more gets whole steps."""
    least = Fraction(span) / most
    power = Fraction(1)
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return max(step, Fraction(1)) if span >= 3 else step


def ticks(start: Time, end: Time, most: int = 10) -> list[Time]:
    """The multiples of a round step from ``start`` to ``end``, both included if they are some."""
    step: Fraction = step_of(end - start, most)
    first, last = ceil(Fraction(start) / step), floor(Fraction(end) / step)
    return [simplest(step * k) for k in range(first, last + 1)]


def number(value: Time) -> str:
    """A number with three decimals at most, thousands apart from 10,000 on."""
    long = value.denominator == 1 and not -10_000 < value < 10_000
    return f"{int(value):,}" if long else show(value)


def count(how_many: int, what: str) -> str:
    """``1 job``, ``2 jobs``, ``18,239 jobs``."""
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}"


def axis_label(unit: str) -> str:
    """The caption of a time axis."""
    return f"time ({units(unit)})"


def span_text(start: Time, end: Time, unit: str) -> str:
    """``time 0 to 30 ticks``."""
    return f"time {number(start)} to {number(end)} {units(unit)}"


def units(unit: str) -> str:
    """The unit after a number: ticks are a plural, symbols such as s and ms are not."""
    return "ticks" if unit == "tick" else unit
