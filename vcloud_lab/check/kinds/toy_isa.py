"""Exercises about a toy processor: which of its instructions are sensitive, and which do not trap.

A variant is another processor. It has two levels, kernel and user, and every row of its table says
what an instruction does at each of them; the sets that are asked for follow from the rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import head
from vcloud_lab.check.registry import Task, Wrong, register
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import CheckError

__all__ = ["Instruction", "toy_processor", "toy_set"]

FORM = "a list of names, such as ['ADD', 'LOAD']; [] for none"
TRAP, SAME = "trap", "the same"


@dataclass(frozen=True)
class Instruction:
    """A row: what the instruction does at ``kernel`` and at ``user`` level, in words.

    ``touches`` says what it does with the state of the machine: "changes", "shows" or nothing.
    """

    name: str
    kernel: str
    user: str
    touches: str = ""

    @property
    def privileged(self) -> bool:
        """Whether it traps at user level."""
        return self.user == TRAP

    @property
    def critical(self) -> bool:
        """Whether it is sensitive and does not trap."""
        return bool(self.touches) and not self.privileged


HARMLESS = (
    ("ADD", "adds two registers"),
    ("LOAD", "reads a word of the program's memory"),
    ("STORE", "writes a word of the program's memory"),
    ("JUMP", "goes on at another place"),
    ("SWAP", "swaps two registers"),
)
USELESS = (("NAP", "does nothing"), ("TEST", "compares two registers"))
"""Each of these traps at user level, although there is no need."""
CHANGING = (
    ("INTR", "switches interrupts on or off", "does nothing"),
    ("MOVB", "moves the program's memory", "does nothing"),
    ("HALT", "stops the processor", "does nothing"),
    ("DOWN", "jumps, and goes to user level", "jumps"),
    ("TIMER", "sets the timer", "does nothing"),
)
SHOWING = (
    ("MODE", "shows the level in a register"),
    ("GETB", "shows where the memory begins"),
    ("FLAGS", "shows whether interrupts are on"),
)


def toy_processor(key: str, seed: int | None) -> tuple[Instruction, ...]:
    """The processor of a variant: eight instructions, of which four are sensitive.

    In every fourth variant or so all four trap; one at least does not where ``seed`` is None.
    """
    rng = Random(f"{key}/{seed}")

    def some(rows: Sequence[tuple[str, ...]], count: int) -> list[tuple[str, ...]]:
        return sorted(rows, key=lambda row: rng.random())[:count]

    rows = [Instruction(row[0], row[1], SAME) for row in some(HARMLESS, 3)]
    rows += [Instruction(row[0], row[1], TRAP) for row in some(USELESS, 1)]
    changing, showing = some(CHANGING, 2), some(SHOWING, 2)
    every = seed is not None and rng.random() < 0.25
    traps = [True] * 4 if every else [True, False, *(rng.random() < 0.5 for _ in range(2))]
    traps.sort(key=lambda trap: rng.random())
    for row, trap in zip(changing, traps[::2], strict=True):
        rows.append(Instruction(row[0], row[1], TRAP if trap else row[2], "changes"))
    for row, trap in zip(showing, traps[1::2], strict=True):
        rows.append(Instruction(row[0], row[1], TRAP if trap else SAME, "shows"))
    return tuple(sorted(rows, key=lambda row: rng.random()))


Chosen = Callable[[Instruction], bool]


@dataclass(frozen=True)
class _Asked:
    """What may be asked for: the rows that belong to it, and wrong ideas about it."""

    belongs: Chosen
    models: Mapping[str, tuple[Chosen, str]]


ASKED = {
    "sensitive": _Asked(
        lambda row: bool(row.touches),
        {
            "privileged-for-sensitive": (
                lambda row: row.privileged,
                "those are the privileged ones, which trap at user level. Sensitive is what "
                "changes or shows the state of the machine, whether it traps or not.",
            ),
            "only-what-traps": (
                lambda row: bool(row.touches) and row.privileged,
                "those are sensitive, but you have left out those that do not trap; just these "
                "make the trouble.",
            ),
            "critical-for-sensitive": (
                lambda row: row.critical,
                "those are the sensitive ones that do not trap; the ones that trap are sensitive "
                "too.",
            ),
            "showing-forgotten": (
                lambda row: row.touches == "changes",
                "that leaves out what only shows the state of the machine: a guest that can read "
                "it behaves in another way than on a machine of its own.",
            ),
        },
    ),
    "critical": _Asked(
        lambda row: row.critical,
        {
            "sensitive-for-critical": (
                lambda row: bool(row.touches),
                "those are all the sensitive ones; what traps at user level makes no trouble: the "
                "VMM gets to see it.",
            ),
            "showing-forgotten": (
                lambda row: row.critical and row.touches == "changes",
                "that leaves out what shows the state of the machine without a trap: a guest's "
                "kernel would read the real machine's state, not its own.",
            ),
            "unprivileged-for-critical": (
                lambda row: not row.privileged,
                "those are all that do not trap; what neither changes nor shows the state of the "
                "machine may run without the VMM, and should.",
            ),
        },
    ),
}


def toy_set(id: str, *, title: str, ask: str, which: str, hints: Sequence[str]) -> Task:
    """The names of the instructions of a toy processor that are "sensitive" or "critical".

    Critical is what is sensitive and not privileged. Every variant has a processor of its own.
    Raises ``CheckError`` for another set.
    """
    if which not in ASKED:
        raise CheckError(
            f"Task {id!r} asks for the {which!r} instructions: there are {', '.join(ASKED)}; "
            "choose one."
        )
    asked = ASKED[which]

    def state(seed: int | None) -> str:
        return f"{head(id, title, seed)}\n\n{ask}\n\n{_listing(toy_processor(id, seed))}"

    def judge(answer: object, seed: int | None) -> Outcome:
        rows = toy_processor(id, seed)
        try:
            given = _read(answer, [row.name for row in rows])
        except Misread as misread:
            return Outcome(False, str(misread))
        right = _names(rows, asked.belongs)
        if given == right:
            return Outcome(True, _praise(which, rows))
        for name, (belongs, sentence) in asked.models.items():
            if given == _names(rows, belongs):
                return Outcome(False, sentence, name)
        return Outcome(False, _first_fault(rows, given, asked.belongs))

    def reject(seed: int | None) -> list[Wrong]:
        rows = toy_processor(id, seed)
        answers = {name: sorted(_names(rows, model[0])) for name, model in asked.models.items()}
        found = [Wrong(answer, name) for name, answer in answers.items()]
        found.append(Wrong([row.name for row in rows]))
        # On some processors a wrong idea gives the right names, or those of another wrong idea.
        return [w for w in found if judge(w.answer, seed)[::2] == (False, w.name)]

    def answers(seed: int | None) -> list[object]:
        names = sorted(_names(toy_processor(id, seed), asked.belongs))
        return [names, set(names), ", ".join(names).lower()]

    return register(
        Task(id, title, "toy_set", FORM, tuple(hints), state, judge, answers, reject, seeded=True)
    )


def _listing(rows: Iterable[Instruction]) -> str:
    lines = [("", "at kernel level", "at user level")]
    lines += [(row.name, row.kernel, row.user) for row in rows]
    return "\n".join(f"{name:7}{kernel:38}{user}" for name, kernel, user in lines)


def _names(rows: Iterable[Instruction], belongs: Chosen) -> set[str]:
    return {row.name for row in rows if belongs(row)}


def _read(answer: object, names: Sequence[str]) -> set[str]:
    """The names in an answer; ``Misread`` for what is no list of names of this processor."""
    parts = re.split(r"[,\s]+", answer.strip()) if isinstance(answer, str) else answer
    if not isinstance(parts, list | tuple | set | frozenset):
        raise Misread(f"that is of type {type(answer).__name__}; give {FORM}.")
    given = set()
    for part in parts:
        if not isinstance(part, str):
            raise Misread(f"an entry is of type {type(part).__name__}; give {FORM}.")
        if part.strip().upper() in names:
            given.add(part.strip().upper())
        elif part.strip():
            raise Misread(f"there is no instruction {part[:20]!r} here, only {', '.join(names)}.")
    return given


def _praise(which: str, rows: Sequence[Instruction]) -> str:
    holes = [row.name for row in rows if row.critical]
    if which == "sensitive":
        return "these change or show the state of the machine."
    if not holes:
        return "every sensitive instruction traps, so this processor can be virtualized."
    return f"as long as {', '.join(holes)} do not trap, trapping is not enough."


def _first_fault(rows: Sequence[Instruction], given: set[str], belongs: Chosen) -> str:
    row = next(row for row in rows if (row.name in given) is not belongs(row))
    effect = f"it {row.touches} the state of the machine" if row.touches else (
        "it leaves the state of the machine alone"
    )  # fmt: skip
    verb = "belongs" if belongs(row) else "does not belong"
    ending = "and it traps at user level" if row.privileged else "and it does not trap"
    return f"look at {row.name} first: {effect}, {ending}. So it {verb} to them."
