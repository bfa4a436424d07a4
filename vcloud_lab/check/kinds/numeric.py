"""Exercises whose answer is a number, or a number for every job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from vcloud_lab.check import answers
from vcloud_lab.check.answers import Misread, close, exactly
from vcloud_lab.check.diagnose import (
    agree,
    diagnose,
    diagnose_some,
    diagnose_table,
    impossible,
    rounded,
)
from vcloud_lab.check.kinds.common import Asked, head, no_slip, recorded
from vcloud_lab.check.models import Model
from vcloud_lab.check.question import Question
from vcloud_lab.check.registry import Task, Wrong, register
from vcloud_lab.check.variants import Draw
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.scheduling import Policy, Workload
from vcloud_lab.scheduling.numbers import Time, show, simplest

__all__ = ["number", "per_job", "quantity"]


def number(
    id: str,
    *,
    title: str,
    workload: Workload,
    policy: Policy,
    hints: Sequence[str],
    metric: str = "waiting",
    ask: str | None = None,
    wrong: Sequence[object] = (),
    within: Time | None = None,
    draw: Draw | None = None,
    **options: Any,
) -> Task:
    """One number of a schedule; ``options`` are those of ``Question`` (job, cpus, switch_cost,
    switch_charge, measure). ``within`` replaces the usual tolerance, ``draw`` the usual variants.
    """
    asked = Asked(id, Question(workload, policy, metric, **options), wrong, draw)

    def judge(answer: object, seed: int | None) -> Outcome:
        question = asked(seed)
        value = question.value()
        try:
            given = answers.number(answer)
        except Misread as misread:
            return Outcome(False, str(misread))
        if close(given, value, within):
            return Outcome(True, f"{question.words()} is {exactly(value)}.")
        found = diagnose(question, given)
        if found:
            return Outcome(False, found[1], found[0])
        return Outcome(False, f"{_shown(given)} is not {question.words()}, and {no_slip(id)}")

    def reject(question: Question, model: Model) -> list[object]:
        right = question.value()
        values = [v for v in model.values(question) if not close(v, right, within)]
        return [v for v in values if (diagnose(question, v) or [None])[0] == model.name]

    def secrets() -> Sequence[str]:
        value = asked(None).value()
        return (str(value), show(value))

    return register(
        Task(
            id,
            title,
            "number",
            "one number",
            tuple(hints),
            lambda seed: asked.statement(title, ask, seed),
            judge,
            lambda seed: _forms(asked(seed).value()),
            lambda seed: asked.rejected(seed, reject),
            lambda seed: asked(seed).workload,
            secrets,
            seeded=True,
        )
    )


def per_job(
    id: str,
    *,
    title: str,
    workload: Workload,
    policy: Policy,
    hints: Sequence[str],
    metric: str = "waiting",
    ask: str | None = None,
    wrong: Sequence[object] = (),
    draw: Draw | None = None,
    **options: Any,
) -> Task:
    """One number for every job: a table {name: number}, or a list in the order of the jobs."""
    asked = Asked(id, Question(workload, policy, metric, **options), wrong, draw)

    def judge(answer: object, seed: int | None) -> Outcome:
        question = asked(seed)
        right = question.column()
        try:
            given = answers.table(answer, question.workload.names)
        except Misread as misread:
            return Outcome(False, str(misread))
        what = question.words().removeprefix("the mean ")
        if agree(given, right):
            return Outcome(True, f"the {what} of every job is right.")
        whole = diagnose_table(question, given)
        if whole:
            return Outcome(False, whole[1], whole[0])
        bad = [name for name in right if not close(given[name], right[name])]
        found, first = diagnose_some(question, given, bad), bad[0]
        if not found:
            # What cannot be at all is the best place to begin.
            faults = {n: impossible(question.but(job=n), given[n]) for n in bad}
            first = next((name for name in bad if faults[name]), first)
            found = faults[first] or rounded(given[first], right[first])
        fine = [name for name in right if name not in bad]
        text = f"{_right(fine)}; look at {first} first: "
        if found:
            return Outcome(False, text + found[1], found[0])
        return Outcome(False, f"{text}{_shown(given[first])} is wrong, and {no_slip(id)}")

    def reject(question: Question, model: Model) -> list[object]:
        right = question.column()
        tables = [t for t in model.tables(question) if isinstance(t, dict) and not agree(t, right)]
        return [t for t in tables if (diagnose_table(question, t) or [None])[0] == model.name]

    def state(seed: int | None) -> str:
        question = asked(seed)
        what = question.words().removeprefix("the mean ")
        return asked.statement(
            title, ask or f"Find the {what} of every job {question.conditions()}.", seed
        )

    return register(
        Task(
            id,
            title,
            "per_job",
            "a table with one number for each job",
            tuple(hints),
            state,
            judge,
            lambda seed: [asked(seed).column(), list(asked(seed).column().values())],
            lambda seed: asked.rejected(seed, reject),
            lambda seed: asked(seed).workload,
            seeded=True,
        )
    )


def quantity(
    id: str,
    *,
    title: str,
    ask: str | Callable[[int | None], str],
    expected: Callable[[int | None], Time],
    hints: Sequence[str],
    models: Sequence[tuple[str, Callable[[int | None], Time], str]] = (),
    wrong: Sequence[object] = (),
    within: Time | None = None,
    seeded: bool = False,
) -> Task:
    """A number from any computation: ``expected(seed)`` works it out.

    ``models`` are wrong computations (name, function of the seed, sentence), likeliest first; each
    counts as a recorded wrong answer.
    """

    def value_of(compute: Callable[[int | None], Time], seed: int | None) -> Time:
        return simplest(Fraction(compute(seed)))

    def state(seed: int | None) -> str:
        return f"{head(id, title, seed)}\n\n{ask(seed) if callable(ask) else ask}"

    def judge(answer: object, seed: int | None) -> Outcome:
        value = value_of(expected, seed)
        try:
            given = answers.number(answer)
        except Misread as misread:
            return Outcome(False, str(misread))
        if close(given, value, within):
            return Outcome(True, f"it is {exactly(value)}.")
        for name, compute, sentence in models:
            if close(given, value_of(compute, seed), within):
                return Outcome(False, sentence, name)
        remark = rounded(given, value, share=True)
        if remark:
            return Outcome(False, remark[1], remark[0])
        return Outcome(False, f"{_shown(given)} is not it, and {no_slip(id)}")

    def reject(seed: int | None) -> Sequence[Wrong]:
        computed = [Wrong(value_of(compute, seed), name) for name, compute, _ in models]
        # On some variants a wrong computation gives the right number, or that of another one.
        different = [
            w for w in computed if seed is None or judge(w.answer, seed)[::2] == (False, w.name)
        ]
        return different + (recorded(wrong) if seed is None else [])

    return register(
        Task(
            id,
            title,
            "quantity",
            "one number",
            tuple(hints),
            state,
            judge,
            lambda seed: _forms(value_of(expected, seed)),
            reject,
            secrets=lambda: (str(value_of(expected, None)), show(value_of(expected, None))),
            seeded=seeded,
        )
    )


def _forms(value: Time) -> list[object]:
    """The ways in which the right number may be written."""
    return [value, str(value), float(value), show(value)]


def _right(names: Sequence[str]) -> str:
    """Which jobs of a table are right, in words."""
    if not names:
        return "none is right yet"
    *most, last = names
    return f"{', '.join(most)} and {last} are right" if most else f"{last} is right"


def _shown(given: Time) -> str:
    return show(given) if given.denominator < 10**6 else "that"
