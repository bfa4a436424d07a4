"""The tasks: what one is, and where it is found by its id.

The tasks of chapter NN live in the generated module ``vcloud_lab.check.tasks.chNN``, which is
loaded when the first of them is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.check import tasks
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling import Workload

__all__ = ["Task", "Wrong", "all_tasks", "find", "of_chapter", "register"]

HINTS = 3


class Wrong(NamedTuple):
    """A recorded wrong answer, and the misconception that must be named (None: none)."""

    answer: object
    name: str | None = None


@dataclass(frozen=True)
class Task:
    """One exercise, ready to be judged.

    The functions take a seed, None for the exercise as printed: ``statement`` gives the text,
    ``right`` the answers that must be accepted, ``wrong`` those that must be rejected, ``workload``
    the jobs it is about (None where there are none). ``judge(answer, seed)`` is the check itself.
    ``form`` says what to put in the place of the dots; ``secrets`` are texts that no hint may
    contain; ``seeded`` tells whether there are variants.
    """

    id: str
    title: str
    kind: str
    form: str
    hints: tuple[str, ...]
    statement: Callable[[int | None], str]
    judge: Callable[[object, int | None], Outcome]
    right: Callable[[int | None], Sequence[object]]
    wrong: Callable[[int | None], Sequence[Wrong]]
    workload: Callable[[int | None], Workload | None] = lambda seed: None
    secrets: Callable[[], Sequence[str]] = lambda: ()
    seeded: bool = False

    @property
    def chapter(self) -> str:
        """The two digits of the chapter."""
        return self.id[:2]


_TASKS: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task. Outside the course's own modules a new definition replaces the old one.

    Raises ``CheckError`` for an id that is not like "06.1", for hints that are not three texts, and
    for an id that a chapter defines twice.
    """
    if not re.fullmatch(r"\d\d\.\w+", task.id):
        raise CheckError(
            f"The task id {task.id!r} is not one: it must be chapter, dot, number; "
            "write it like '06.1'."
        )
    if len(task.hints) != HINTS or not all(isinstance(h, str) and h.strip() for h in task.hints):
        raise CheckError(
            f"Task {task.id!r} has {len(task.hints)} hints: it must have {HINTS} texts, the last "
            "of which shows the method; write them."
        )
    if task.id in _TASKS and tasks.loading == task.chapter:
        raise CheckError(f"Task {task.id!r} is defined twice: ids are unique; rename one.")
    _TASKS[task.id] = task
    return task


def find(task_id: object) -> Task:
    """The task with this id. Raises ``CheckError`` if there is none, naming those there are."""
    if isinstance(task_id, str):
        tasks.load(task_id[:2])
        if task_id in _TASKS:
            return _TASKS[task_id]
        there = [task.id for task in of_chapter(task_id[:2])]
        if there:
            raise CheckError(
                f"There is no task {task_id!r}: chapter {task_id[:2]} has {', '.join(there)}; "
                "use one of these."
            )
    raise CheckError(
        f"There is no task {task_id!r}: a task is named by chapter and number, and the chapters "
        f"with tasks are {', '.join(tasks.chapters()) or 'none yet'}; write it like '06.1'."
    )


def of_chapter(chapter: str) -> list[Task]:
    """The tasks of a chapter in order."""
    tasks.load(chapter)
    return sorted((t for t in _TASKS.values() if t.chapter == chapter), key=_order)


def all_tasks() -> list[Task]:
    """Every task of every chapter, in order."""
    for chapter in tasks.chapters():
        tasks.load(chapter)
    return sorted(_TASKS.values(), key=_order)


def _order(task: Task) -> tuple[str, int, str]:
    number = task.id[3:]
    return (task.chapter, int(number) if number.isdecimal() else 10**6, number)
