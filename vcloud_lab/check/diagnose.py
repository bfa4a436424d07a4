"""From a wrong answer to the wrong idea behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vcloud_lab.check.answers import close, coarse
from vcloud_lab.check.machine import MODELS
from vcloud_lab.check.models import Model
from vcloud_lab.check.question import Column, Question
from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling.numbers import Time

__all__ = ["agree", "by_name", "diagnose", "diagnose_table", "rounded", "telling", "wrong_values"]

ROUNDED = "that is rounded too far; give three digits, or a fraction such as 17/3."


def by_name(name: str) -> list[Model]:
    """The models of a name. Raises ``CheckError`` for a name that no model has."""
    found = [model for model in MODELS if model.name == name]
    if not found:
        raise CheckError(
            f"There is no misconception {name!r}: the names are "
            f"{', '.join(sorted({model.name for model in MODELS}))}; use one of them."
        )
    return found


def wrong_values(question: Question) -> list[tuple[Model, list[Time]]]:
    """Every model with the wrong answers that it gives, without those that happen to be right."""
    right = question.value()
    return [
        (model, [value for value in model.values(question) if not close(value, right)])
        for model in MODELS
    ]


def diagnose(question: Question, answer: Time) -> tuple[str, str] | None:
    """Name and sentence of the idea that gives a *wrong* answer, or None if no model does."""
    for model, values in wrong_values(question):
        if any(close(answer, value) for value in values):
            return model.name, model.say(question)
    if (remark := rounded(answer, question.value())) is not None:
        return remark
    if answer < 0:
        return "negative", f"{question.words()} cannot be negative; check what you subtract."
    return None


def rounded(answer: Time, value: Time) -> tuple[str, str] | None:
    """The remark on an answer that would be right with more digits."""
    return ("rounded", ROUNDED) if coarse(answer, value) else None


def diagnose_table(question: Question, answer: Column) -> tuple[str, str] | None:
    """The idea that gives the whole of a wrong table: every job as the wrong model has it."""
    for model in MODELS:
        for guess in model.tables(question):
            if isinstance(guess, dict) and agree(answer, guess):
                return model.name, model.say(question).replace("the mean", "the")
    return None


def agree(answer: Mapping[str, Time], value: Mapping[str, Time]) -> bool:
    """Whether two tables have the same keys and close numbers."""
    return set(answer) == set(value) and all(close(answer[key], value[key]) for key in value)


def telling(question: Question, names: Iterable[str]) -> int:
    """How many of the named misconceptions show on this question: their answers are wrong, and no
    likelier model claims them. Variants are chosen for a high count."""
    ranked = wrong_values(question)
    shown = 0
    for name in names:
        values = [value for model, wrong in ranked if model.name == name for value in wrong]
        shown += any(_claims(ranked, value) == name for value in values)
    return shown


def _claims(ranked: list[tuple[Model, list[Time]]], answer: Time) -> str | None:
    """The name of the first model that gives an answer."""
    return next((m.name for m, values in ranked if any(close(answer, v) for v in values)), None)
