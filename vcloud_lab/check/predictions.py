"""The prediction ledger: commit to an answer before you run the experiment, compare it after.

The first commitment is what counts.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from vcloud_lab.check import answers, progress
from vcloud_lab.check.answers import Misread, close, exactly
from vcloud_lab.check.verdict import Note
from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling.numbers import Time, show, simplest

__all__ = ["predict", "reveal"]


def predict(key: str, guess: object = ...) -> Note:
    """Commit to a guess: a number, a word, or True or False. ``...`` commits to nothing.

    Raises ``CheckError`` for a key that is not a text.
    """
    _check_key(key)
    if answers.is_open(guess):
        return Note(
            f"○ {key}: no prediction yet; replace ... by your guess and run the cell again."
        )
    try:
        text = _write(guess)
    except Misread as misread:
        return Note(f"○ {key}: no prediction yet; {misread}")

    def edit(entry: dict[str, Any]) -> None:
        entry.setdefault("first", text)
        entry["last"] = text
        entry["attempts"] = entry.get("attempts", 0) + 1

    first = progress.note_prediction(key, edit)["first"]
    if first == text:
        return Note(f"● {key}: your prediction is {_show(text)}. Run on and see.")
    return Note(
        f"● {key}: your first prediction, {_show(first)}, is the one that counts; "
        f"{_show(text)} is noted."
    )


def reveal(key: str, actual: object, tolerance: Time | float | None = None) -> Note:
    """Compare the prediction with what came out, in words.

    A number within ``tolerance`` (in its own unit) counts as right; without one, rounding is
    forgiven and nothing else. Raises ``CheckError`` for a result that is no number or text.
    """
    _check_key(key)
    try:
        text = _write(actual)
        within = None if tolerance is None else answers.number(tolerance)
    except Misread as misread:
        raise CheckError(
            f"The result of {key!r} is {answers.tell(actual, 60)}: a result is a number, a text or "
            f"a truth value; {misread}"
        ) from None

    def edit(entry: dict[str, Any]) -> None:
        if entry:
            entry["actual"] = text

    first = progress.note_prediction(key, edit).get("first")
    if first is None:
        return Note(f"○ {key}: you made no prediction; it is {_show(text)}.")
    return Note(_compare(key, first, text, within))


def _compare(key: str, first: str, actual: str, within: Time | None) -> str:
    said, came = f"you predicted {_show(first)}", f"it is {_show(actual)}"
    guess, value = _number(first), _number(actual)
    if guess is None or value is None:
        alike = first.strip().lower() == actual.strip().lower()
        return f"{'✓' if alike else '✗'} {key}: {said}, {'and' if alike else 'but'} {came}."
    if close(guess, value):
        return f"✓ {key}: {said}, and {came}: spot on."
    if close(guess, value, within):
        return f"✓ {key}: {said}, and {came}: close enough."
    off = abs(Fraction(guess) - value)
    way = "too high" if guess > value else "too low"
    return f"✗ {key}: {said}, but {came}: {show(off)} {way}{_scale(guess, value)}."


def _scale(guess: Time, value: Time) -> str:
    """How far off a guess is, relative to the value, in words."""
    if value <= 0 or guess < 0:
        return ""
    if abs(Fraction(guess) - value) * 10 <= value:
        return ", within a tenth"
    if guess >= 2 * value:
        return f", {show(simplest(Fraction(guess) / value), 1)} times as much"
    if guess * 2 <= value:
        return ", less than half" if guess * 2 < value else ", half of it"
    return ", though of the right order"


def _write(value: object) -> str:
    """A guess or a result as text; fractions stay exact. Raises ``Misread``."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value[:200]
    return str(answers.number(value, "a number, a word, or True or False"))


def _number(text: str) -> Time | None:
    try:
        return answers.number(text)
    except Misread:
        return None


def _show(text: str) -> str:
    number = _number(text)
    return text if number is None else exactly(number)


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key:
        raise CheckError(
            f"The prediction is called {key!r}: a name is a text; write it like '06.convoy'."
        )
