"""Reading what learners write, and comparing it with what is right.

Reading never fails with a traceback: a ``Misread`` carries the sentence to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

from vcloud_lab.scheduling.numbers import Time, exact, show, simplest

__all__ = [
    "Misread",
    "close",
    "coarse",
    "exactly",
    "is_open",
    "number",
    "same",
    "table",
    "tell",
    "tolerance",
]


class Misread(Exception):
    """The answer is not of the form that was asked for; the text is the sentence to show."""


def is_open(answer: object) -> bool:
    """Whether an answer is still to be given: ``...``, None, or a collection with ``...`` in it."""
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, Mapping):
        return any(value is Ellipsis for pair in answer.items() for value in pair)
    if isinstance(answer, list | tuple):
        return any(
            part is Ellipsis
            or (isinstance(part, list | tuple) and Ellipsis in tuple(map(_id, part)))
            for part in answer
        )
    return False


def _id(value: object) -> object:
    # An array compares element by element, so only ``...`` itself is kept for the comparison.
    return value if value is Ellipsis else None


def number(answer: object, what: str = "one number") -> Time:
    """One exact number from an int, float, fraction, decimal, NumPy scalar or text like "17/3".

    A float is read through its shortest decimal. A text that ends in % is divided by 100. Raises
    ``Misread`` for anything else; ``what`` says what is wanted.
    """
    if getattr(answer, "shape", None) == () and hasattr(answer, "item"):
        answer = answer.item()  # a NumPy scalar
    if isinstance(answer, bool):
        raise Misread(f"{answer} is a truth value; give {what}.")
    if isinstance(answer, float | Decimal) and not math.isfinite(answer):
        raise Misread(f"{answer} is not a number that can be right; give {what}.")
    if isinstance(answer, str):
        return _read_text(answer, what)
    if isinstance(answer, int | float | Fraction | Decimal):
        return exact(answer, "that number", Misread)
    if isinstance(answer, Mapping):
        raise Misread(f"that is a table of {len(answer)} entries; give {what}.")
    if isinstance(answer, Sequence):
        raise Misread(f"that is a {type(answer).__name__} of {len(answer)}; give {what}.")
    if callable(answer):
        raise Misread(f"that is a function; call it, or give {what}.")
    raise Misread(f"that is of type {type(answer).__name__}; give {what}.")


def _read_text(text: str, what: str) -> Time:
    body = text.strip().removesuffix("%")
    percent = 100 if body != text.strip() else 1
    try:
        return simplest(Fraction(exact(body, "that number", Misread)) / percent)
    except Misread:
        advice = _mended(body.strip()) or f"give {what}, such as 17/3 or 5.67."
        raise Misread(f'the text "{text[:40]}" cannot be read as a number; {advice}') from None


def _mended(text: str) -> str | None:
    """What to write instead of a number with a unit or a decimal comma."""
    match = re.fullmatch(r"([-+]?\d+(?:[.,/]\d+)?)(\s*[^\W\d_]+)?", text[:40])
    if match is None:
        return None
    reasons = ["without the unit"] if match[2] else []
    reasons += ["with a point instead of the comma"] if "," in match[1] else []
    return f"write {match[1].replace(',', '.')}, {' and '.join(reasons)}." if reasons else None


def table(answer: object, keys: Sequence[str]) -> dict[str, Time]:
    """A number for every key, from a mapping, or from a sequence in the order of the keys."""
    wanted = f"one number for each of {', '.join(keys)}"
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        if len(answer) != len(keys):
            raise Misread(f"your list has {len(answer)} entries; give {wanted}.")
        answer = dict(zip(keys, answer, strict=True))
    if not isinstance(answer, Mapping):
        raise Misread(f"that is of type {type(answer).__name__}; give a table: {wanted}.")
    strange = [str(key) for key in answer if key not in keys]
    if strange:
        raise Misread(f"there is no job {strange[0]!r} here; give {wanted}.")
    missing = [key for key in keys if key not in answer]
    if missing:
        raise Misread(f"your table has nothing for {', '.join(missing)}; give {wanted}.")
    return {key: number(answer[key], f"one number for {key}") for key in keys}


def tolerance(value: Time) -> Fraction:
    """How far off an answer may be: half a unit of the third digit, and at most 0.005."""
    if value == 0:
        return Fraction(0)
    power = math.floor(math.log10(abs(Fraction(value)))) - 2
    return min(Fraction(10) ** power / 2, Fraction(1, 200))


def close(answer: Time, value: Time, within: Time | None = None) -> bool:
    """Whether an answer counts as this value; ``within`` replaces the usual tolerance."""
    return abs(Fraction(answer) - value) <= (tolerance(value) if within is None else within)


def coarse(answer: Time, value: Time) -> bool:
    """Whether the answer is the value, rounded to too few digits.

    Two digits have to be right: a single one may as well come from a wrong count.
    """
    if value.denominator == 1:
        return False
    return any(
        abs(Fraction(answer) - value) <= Fraction(1, 2 * 10**digits)
        and (answer * 10**digits).denominator == 1
        and abs(answer) * 10**digits >= 10
        for digits in range(4)
    )


def same(answer: object, value: object) -> bool:
    """Whether two results agree: numbers up to rounding, collections part by part."""
    if isinstance(value, Mapping):
        return (
            isinstance(answer, Mapping)
            and set(answer) == set(value)
            and all(same(answer[key], value[key]) for key in value)
        )
    if isinstance(value, str | bool) or value is None:
        return type(answer) is type(value) and answer == value
    if isinstance(value, Iterable):
        if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
            return False
        right = list(value)
        mine = list(islice(answer, len(right) + 1))  # it may be endless
        return len(mine) == len(right) and all(map(same, mine, right))
    try:
        return close(number(answer), number(value))
    except Misread:
        try:
            return bool(answer == value)
        except Exception:
            return False


def tell(value: Any, limit: int = 300) -> str:
    """A value in words for a sentence: fractions as 17/3, never longer than ``limit``."""
    if isinstance(value, Fraction):
        text = str(value)
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{tell(k)}: {tell(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(map(tell, value)) + "]"
    elif type(value) is tuple:
        text = "(" + ", ".join(map(tell, value)) + ("," if len(value) == 1 else "") + ")"
    else:
        try:
            text = repr(value)
        except Exception:
            text = f"an object of type {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def exactly(value: Time) -> str:
    """An exact value in words: "17/3 (about 5.667)", "2.5", "17"."""
    short = show(value)
    return short if Fraction(short) == value else f"{value} (about {short})"
