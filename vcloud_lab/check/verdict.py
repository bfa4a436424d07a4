"""What a check says: one or two sentences, as text and as HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.scheduling import Workload

__all__ = ["Judged", "Note", "Outcome", "Variant", "Verdict"]


class Outcome(NamedTuple):
    """A judgement before it is dressed: ``right`` is None for an answer that was not attempted.

    ``text`` is the explanation, ``misconception`` the name of the wrong model that gives the
    answer, where one does.
    """

    right: bool | None
    text: str
    misconception: str | None = None


Judged = tuple[bool | None, str] | tuple[bool | None, str, str | None]
"""What a judge function may return: the parts of an ``Outcome``, the last one left out or not."""


class Look(NamedTuple):
    """How one status looks. Ink and paper are both given, so that the contrast (above 7:1) is the
    same in a light and in a dark theme; the mark and the words say it without the colour."""

    mark: str
    words: str
    ink: str
    paper: str


LOOKS = {
    True: Look("✓", "correct", "#0b3d20", "#e3f4e8"),
    False: Look("✗", "not yet", "#5c1a06", "#fdebe3"),
    None: Look("○", "not attempted", "#23303d", "#eceff2"),
}


@dataclass(frozen=True, repr=False)
class Verdict:
    """The answer of ``check``: true when right. Shows itself as a sentence.

    ``right`` is True, False, or None for not attempted; ``text`` is the explanation without the
    mark; ``misconception`` names the wrong model that gives this answer, or is None.
    """

    task: str
    right: bool | None
    text: str
    misconception: str | None = None

    def __bool__(self) -> bool:
        return self.right is True

    def __repr__(self) -> str:
        look = LOOKS[self.right]
        return f"{look.mark} {self.task} {look.words}: {self.text}"

    def _repr_html_(self) -> str:
        look = LOOKS[self.right]
        return (
            f'<div role="status" style="color:{look.ink};background:{look.paper};'
            f'border-left:4px solid {look.ink};padding:6px 10px">'
            f'<span aria-hidden="true">{look.mark}</span> '
            f"<strong>{html.escape(self.task)} {look.words}:</strong> "
            f"{html.escape(self.text)}</div>"
        )


@dataclass(frozen=True, repr=False)
class Note:
    """A text that shows itself: a hint, a statement, a remark."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """Paragraphs that wrap between words; a block of several lines (a table) stays as it is."""
        blocks = [html.escape(block) for block in self.text.split("\n\n")]
        shown = (f"<pre>{b}</pre>" if "\n" in b else f"<p>{b}</p>" for b in blocks)
        return f'<div style="max-width:75ch">{"".join(shown)}</div>'


@dataclass(frozen=True, repr=False)
class Variant(Note):
    """The statement of one variant; ``workload`` is what it is about (None where there is none)."""

    task: str
    seed: int | None
    workload: Workload | None
