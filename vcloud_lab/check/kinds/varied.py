"""Exercises with variants and a judgement of their own: a case is drawn, asked and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.registry import Task, Wrong, register
from vcloud_lab.check.verdict import Judged, Outcome
from vcloud_lab.errors import VcloudLabError

__all__ = ["read_address", "varied"]

T = TypeVar("T")


def varied(
    id: str,
    *,
    title: str,
    original: T,
    draw: Callable[[Random], T],
    ask: Callable[[T], str],
    judge: Callable[[object, T], Judged],
    right: Callable[[T], Sequence[object]],
    wrong: Callable[[T], Sequence[object]],
    hints: Sequence[str],
    form: str = "your answer",
) -> Task:
    """A question about a case: the ``original`` as printed, or one that ``draw`` makes of a seed.

    ``judge(answer, case)`` gives (right, sentence) or (right, sentence, misconception); a
    ``Misread``, or an error of vcloud_lab's own that it lets through, becomes the sentence.
    ``right(case)`` are answers that must be accepted, ``wrong(case)`` such as must be rejected.
    """

    def case(seed: int | None) -> T:
        return original if seed is None else draw(Random(f"{id}/{seed}"))

    def judged(answer: object, seed: int | None) -> Outcome:
        try:
            return Outcome(*judge(answer, case(seed)))
        except (Misread, VcloudLabError) as error:
            return Outcome(False, str(error))
        except Exception:  # the judgement stumbled over an answer of a form it does not know
            return Outcome(False, f"that cannot be read as an answer; give {form}.")

    def rejected(seed: int | None) -> Sequence[Wrong]:
        found = recorded(wrong(case(seed)))
        # On some variants a wrong idea gives the right answer, or that of another one.
        return [
            one
            for one in found
            if seed is None or judged(one.answer, seed)[::2] == (False, one.name)
        ]

    return register(
        Task(
            id,
            title,
            "varied",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask(case(seed))}",
            judged,
            lambda seed: right(case(seed)),
            rejected,
            seeded=True,
        )
    )


def read_address(answer: object) -> int:
    """A number, or its hexadecimal digits as text, with or without 0x; else a ``Misread``."""
    if isinstance(answer, int) and not isinstance(answer, bool):
        return answer
    if not isinstance(answer, str):
        raise Misread(
            f"that is of type {type(answer).__name__}; give an address, such as 0x80001234."
        )
    try:
        return int(answer.strip().replace("_", ""), 16)
    except ValueError:
        raise Misread(
            f'the text "{answer[:40]}" is no hexadecimal number; write it like "80001234".'
        ) from None
