"""From a wrong answer to the wrong idea behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction

from vcloud_lab.check.answers import close, coarse
from vcloud_lab.check.machine import MODELS, PERCENT
from vcloud_lab.check.models import Model
from vcloud_lab.check.question import Column, Question
from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling.numbers import Time

__all__ = [
    "agree",
    "by_name",
    "diagnose",
    "diagnose_some",
    "diagnose_table",
    "impossible",
    "rounded",
    "telling",
    "wrong_values",
]

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
    share = question.measure is not None or question.metric in ("utilisation", "fairness")
    return rounded(answer, question.value(), share=share) or impossible(question, answer)


def rounded(answer: Time, value: Time, *, share: bool = False) -> tuple[str, str] | None:
    """The remark on an answer that would be right with more digits, or, where a ``share`` (from 0
    to 1) may be asked for, not as a percentage, however rounded."""
    if coarse(answer, value):
        return "rounded", ROUNDED
    near = min(Fraction(1, 2), 2 * Fraction(value))
    if share and 0 < value <= 1 < answer and close(answer, 100 * value, near):
        return "percent", PERCENT
    return None


def impossible(question: Question, answer: Time) -> tuple[str, str] | None:
    """The remark on a number that no schedule at all can give."""
    if answer < 0:
        # Of one job it is more likely the chart than the sum that is wrong.
        check = (
            "check what you subtract" if question.job is None else "no job starts before it arrives"
        )
        return "negative", f"{question.words()} cannot be negative; {check}."
    if question.per_job and question.job is not None:
        job = question.workload[question.job]
        least = {"turnaround": job.burst, "completion": job.arrival + job.burst}
        if answer < least.get(question.metric, 0):
            bound = {
                "turnaround": "shorter than its own burst",
                "completion": "before its arrival plus its own burst",
            }[question.metric]
            text = f"{question.words()} cannot be {bound}; no job starts before it arrives."
            return "too-short", text
    return None


def diagnose_table(question: Question, answer: Column) -> tuple[str, str] | None:
    """The idea that gives the whole of a wrong table: every job as the wrong model has it."""
    for model in MODELS:
        for guess in model.tables(question):
            if isinstance(guess, dict) and agree(answer, guess):
                return model.name, model.say(question).replace("the mean", "the")
    return None


def diagnose_some(
    question: Question, answer: Column, bad: Collection[str]
) -> tuple[str, str] | None:
    """The idea that gives every one of the ``bad`` entries of a table whose others are right.

    One entry alone shows no wrong schedule, as it would have moved other jobs too.
    """
    for model in MODELS:
        if model.alone or len(bad) > 1:
            for guess in model.tables(question):
                if isinstance(guess, dict) and all(close(answer[n], guess[n]) for n in bad):
                    return model.name, model.say(question.but(job=next(iter(bad))))
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
