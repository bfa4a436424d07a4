"""What a wrong model is, and the list of them all.

A learner's wrong number is rarely random: it is the right answer to another question. A model
computes that other answer for any workload and policy. Two kinds:

- a **run** is another schedule: the same jobs under another policy, order or clock;
- a **reading** takes the right schedule and works out the wrong number from it.

The order of ``MODELS`` is the order of likelihood: the first model that gives the learner's number
is the one that is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from vcloud_lab.check.question import Column, Question
from vcloud_lab.errors import VcloudLabError
from vcloud_lab.scheduling.numbers import Time, show, simplest

__all__ = ["MODELS", "Guess", "Model", "reading", "run"]

Guess = Column | Time
"""What a wrong model gives: one number a job (then reduced as the question asks), or the number."""


@dataclass(frozen=True)
class Model:
    """One wrong model.

    ``sentence`` may use {what} (the number asked for, in words), {name} ("the mean" or "P1's"),
    {policy}, {quantum} and {all} (" for every job", or nothing where one job is asked for).
    ``guesses`` gives the wrong answers to a question, none where the model does not apply.
    ``other`` is the question that a run answers instead, for comparing whole charts.
    ``alone`` says that the slip can happen with one job and not with the next one.
    """

    name: str
    sentence: str
    guesses: Callable[[Question], Iterable[Guess]]
    other: Callable[[Question], Question | None] | None = None
    alone: bool = False

    def values(self, question: Question) -> list[Time]:
        """The wrong answers as numbers."""
        return [
            question.reduce(guess) if isinstance(guess, dict) else simplest(Fraction(guess))
            for guess in self.tables(question)
        ]

    def tables(self, question: Question) -> list[Guess]:
        """The guesses; none where a wrong model cannot run (jobs wider than the machine, ...)."""
        try:
            return [guess for guess in self.guesses(question) if guess != {}]
        except (VcloudLabError, ZeroDivisionError):
            return []

    def say(self, question: Question) -> str:
        """The sentence for this question."""
        who, every = (
            ("the mean", " for every job") if question.job is None else (f"{question.job}'s", "")
        )
        quantum = "" if question.policy.quantum is None else show(question.policy.quantum)
        return self.sentence.format(
            what=question.words(),
            name=who,
            policy=question.policy.name,
            quantum=quantum,
            all=every,
        )


MODELS: list[Model] = []


def reading(
    name: str, sentence: str, *, alone: bool = False
) -> Callable[[Callable[[Question], Iterable[Guess]]], Callable[[Question], Iterable[Guess]]]:
    """Register a wrong way to work out the number from the right schedule."""

    def register(model: Callable[[Question], Iterable[Guess]]) -> Callable[..., Iterable[Guess]]:
        MODELS.append(Model(name, sentence, model, alone=alone))
        return model

    return register


def run(
    name: str, sentence: str
) -> Callable[[Callable[[Question], Question | None]], Callable[[Question], Question | None]]:
    """Register a wrong schedule, as the question that the learner answered instead."""

    def register(model: Callable[[Question], Question | None]) -> Callable[..., Question | None]:
        def guesses(question: Question) -> Iterator[Guess]:
            other = model(question)
            if other is not None:
                yield other.column() if other.per_job else other.value()

        MODELS.append(Model(name, sentence, guesses, model))
        return model

    return register
