"""Exact times: whatever the user writes becomes an ``int`` or a ``Fraction``, never a float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import lcm
from numbers import Integral, Real

from vcloud_lab.errors import WorkloadError

__all__ = ["LARGEST", "NEVER", "Time", "denominator", "exact", "show", "simplest", "ticks_of"]

Time = int | Fraction
"""A point in time or a duration, in the user's unit: an ``int`` when whole."""

LARGEST = 2**62
"""Times in ticks stay below this, so that sums of two of them fit in 64 bits."""

NEVER = 2**64
"""In ticks: later than every time that a workload can hold."""

DIGITS = 300
"""Longer numbers are refused: Python would be slow to read them and refuse to print them."""


def simplest(value: Fraction | int) -> Time:
    """The same number as an ``int`` when it is whole."""
    return int(value) if value.denominator == 1 else value


def exact(value: object, what: str, error: type[Exception] = WorkloadError) -> Time:
    """Read a number without rounding it.

    Integers, fractions, decimals and strings (``"0.4"``, ``"1/3"``) are taken as they are; a float
    is read through its shortest decimal form, so that ``0.4`` means two fifths.

    ``what`` begins the sentence of the error that is raised for anything else, and for a number
    of more than 300 digits.
    """
    read: Time | None = None
    try:
        if isinstance(value, bool):
            pass  # True is an int in Python, but hardly meant as a time
        elif isinstance(value, Integral):
            read = int(value)
        elif isinstance(value, str | Decimal | Fraction):
            read = 10**DIGITS if _is_far(value) else simplest(Fraction(value))
        elif isinstance(value, Real):
            read = simplest(Fraction(repr(float(value))))
    except (ValueError, ArithmeticError):
        pass
    if read is None:
        raise error(f"{what} is {value!r}: a number is needed; write one such as 3, 0.4 or '1/3'.")
    if abs(read) >= 10**DIGITS:
        raise error(f"{what} has more than {DIGITS} digits: that is out of reach; write less.")
    return read


def _is_far(value: str | Decimal | Fraction) -> bool:
    """Whether a decimal such as "1e999999999" must not even be written out."""
    if isinstance(value, Fraction) or (isinstance(value, str) and "/" in value):
        return False
    return abs(Decimal(value).adjusted()) >= DIGITS


def denominator(values: Iterable[Time]) -> int:
    """The smallest number of ticks a unit with which every value is whole."""
    return lcm(*(value.denominator for value in values))


def ticks_of(value: Time, scale: int) -> int:
    """``value`` in ticks; ``scale`` must be a multiple of its denominator."""
    return value.numerator * (scale // value.denominator)


def show(value: Time, digits: int = 3) -> str:
    """A number for people: exact where ``digits`` decimals can say it, else rounded (half to even).

    >>> show(Fraction(17, 3)), show(Fraction(5, 2)), show(17)
    ('5.667', '2.5', '17')
    """
    if value.denominator == 1:
        return str(int(value))
    scaled = round(value * 10**digits)
    whole, rest = divmod(abs(scaled), 10**digits)
    text = f"{'-' if scaled < 0 else ''}{whole}" + (f".{rest:0{digits}d}" if digits else "")
    return text.rstrip("0") if Fraction(scaled, 10**digits) == value else text
