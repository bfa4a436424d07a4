"""What several kinds of exercise share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vcloud_lab.check.diagnose import by_name
from vcloud_lab.check.models import Model
from vcloud_lab.check.question import Question
from vcloud_lab.check.registry import Wrong
from vcloud_lab.check.variants import Draw, redraw, vary
from vcloud_lab.errors import CheckError

__all__ = ["Asked", "head", "no_slip", "recorded"]


def head(task_id: str, title: str, seed: int | None = None) -> str:
    """The first line of a statement."""
    return f"{task_id} {title}" + ("" if seed is None else f" (variant {seed})")


def no_slip(task_id: str) -> str:
    """What to say of a wrong answer that no misconception gives."""
    return f'none of the common slips gives it. hint("{task_id}") takes you one step on.'


def recorded(wrong: Sequence[object]) -> list[Wrong]:
    """Recorded wrong answers from ``answer`` or ``(answer, name)``."""
    return [_pair(entry) for entry in wrong]


def _pair(entry: object) -> Wrong:
    if isinstance(entry, Wrong):
        return entry
    if (
        isinstance(entry, tuple)
        and len(entry) == 2
        and (entry[1] is None or isinstance(entry[1], str))
    ):
        return Wrong(*entry)
    return Wrong(entry)


@dataclass
class Asked:
    """A question with its variants: each is drawn once."""

    id: str
    original: Question
    wrong: Sequence[object]
    draw: Draw | None = None
    _drawn: dict[int | None, Question] = field(default_factory=dict)

    def __call__(self, seed: int | None) -> Question:
        if seed not in self._drawn:
            names = self.names()
            drawn = vary(self.id, self.original, seed, names, self.draw or redraw)
            self._drawn[seed] = drawn
        return self._drawn[seed]

    def names(self) -> list[str]:
        """The misconceptions that the recorded wrong answers show, each once."""
        found = [e if isinstance(e, str) else _pair(e).name for e in self.wrong]
        known = {name for name in found if name and name not in OWN}
        for name in known:
            by_name(name)
        return sorted(known)

    def statement(self, title: str, ask: str | None, seed: int | None) -> str:
        """The statement with the table of jobs."""
        question = self(seed)
        sentence = ask or f"Find {question.words()} {question.conditions()}."
        return f"{head(self.id, title, seed)}\n\n{sentence}\n\n{question.listing()}"

    def rejected(
        self, seed: int | None, answers: Callable[[Question, Model], Sequence[object]]
    ) -> list[Wrong]:
        """The wrong answers: those given by name for every variant, the others for the original.

        ``answers`` computes what a model gives. Raises ``CheckError`` where a named misconception
        gives the right answer to the original exercise: it would blame nobody.
        """
        found = []
        for entry in self.wrong:
            if not isinstance(entry, str):
                found += [_pair(entry)] if seed is None else []
                continue
            given = [a for model in by_name(entry) for a in answers(self(seed), model)]
            if not given and seed is None:
                raise CheckError(
                    f"Task {self.id!r} records the misconception {entry!r}, which gives the right "
                    "answer there: a wrong answer must be wrong; choose other jobs or drop it."
                )
            found += [Wrong(given[0], entry)] if given else []
        return found


OWN = ("rounded", "negative", "too-short", "overlap", "early", "lost-time", "wrong-length")
"""Names that no model has: they belong to the form of an answer."""
