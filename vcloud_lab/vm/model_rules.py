"""What numbers the models of memory accept, in words."""

from __future__ import annotations

from fractions import Fraction

from vcloud_lab.errors import GuestError

__all__ = ["check_exact", "check_number"]


def check_number(value: object, low: int, high: int, what: str, fix: str) -> None:
    """Raise ``GuestError`` unless ``value`` is a whole number from ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise GuestError(
            f"{what} is {value!r}: a whole number from {low} to {high} is needed; {fix}."
        )


def check_exact(value: object, what: str, most: int | None = None) -> None:
    """Raise ``GuestError`` unless ``value`` is an int or Fraction from 0 on, up to ``most``."""
    fits = isinstance(value, int | Fraction) and not isinstance(value, bool) and value >= 0
    if not fits or (most is not None and value > most):  # type: ignore[operator]
        to = "on" if most is None else f"to {most}"
        raise GuestError(
            f"{what} is {value!r}: an int or Fraction from 0 {to} is needed; try Fraction(3, 4)."
        )
