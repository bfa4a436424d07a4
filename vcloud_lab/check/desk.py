"""The desk where answers are handed in: check, hint, statement, variant, reset."""

from __future__ import annotations

import sys
from typing import Any

from vcloud_lab.check import progress, tasks
from vcloud_lab.check.answers import is_open
from vcloud_lab.check.registry import Task, find
from vcloud_lab.check.verdict import Note, Variant, Verdict
from vcloud_lab.errors import CheckError

__all__ = ["check", "hint", "reset", "solved", "statement", "variant"]


def check(task_id: str, answer: object = ..., seed: int | None = None) -> Verdict:
    """Judge an answer; with a seed, that of the variant with this seed.

    ``...`` or None means "not attempted" and is not recorded. A wrong answer of any type gets a
    sentence; ``CheckError`` is raised only for a task or variant that does not exist.
    """
    task = find(task_id)
    _check_seed(task, seed)
    if is_open(answer):
        return Verdict(task.id, None, f"replace ... by {task.form}, then run the cell again.")
    try:
        right, text, misconception = task.judge(answer, seed)
    except CheckError:
        raise
    except Exception:  # an answer of a form that nobody thought of
        right, text, misconception = False, f"that cannot be read; give {task.form}.", None
    if right is not None:
        progress.record(task.id, right, misconception, seed)
    return Verdict(task.id, right, text, misconception)


def hint(task_id: str, level: int | None = None) -> Note:
    """The next of three hints, or the one of a level (1 to 3). Raises ``CheckError`` for others."""
    task = find(task_id)
    last = len(task.hints)
    whole = isinstance(level, int) and not isinstance(level, bool)
    if level is not None and not (whole and 1 <= level <= last):
        raise CheckError(f"Hint {level!r} does not exist: levels go from 1 to {last}; choose one.")
    shown = progress.note_hint(task.id, level)
    return Note(f"{task.id}, hint {shown} of {last}: {task.hints[shown - 1]}")


def statement(task_id: str, seed: int | None = None) -> Variant:
    """The text of an exercise, with its table of jobs (also as ``.workload``)."""
    task = find(task_id)
    _check_seed(task, seed)
    return Variant(task.statement(seed), task.id, seed, task.workload(seed))


def variant(task_id: str, seed: int) -> Variant:
    """The same exercise with other numbers, which ``check(..., seed=seed)`` judges.

    Raises ``CheckError`` for an exercise that has none, and for a seed that is not whole.
    """
    if seed is None:
        raise CheckError("The seed is None: a variant needs a whole number; try seed=1.")
    return statement(task_id, seed)


def solved(task_id: str) -> bool:
    """Whether an exercise is solved (as printed; a variant does not count)."""
    return progress.solved(find(task_id).id)


def reset(task_id: str) -> Note:
    """Give the original exercise cell back and forget the attempts.

    In a notebook the cell appears below this one; elsewhere it is printed. Raises ``CheckError``
    for an exercise without an original cell.
    """
    task = find(task_id)
    stub = tasks.stub(task.id)
    if stub is None:
        raise CheckError(
            f"Task {task.id!r} has no original cell: only the exercises of the course have one; "
            "undo your changes by hand."
        )
    progress.reset(task.id)
    shell = _shell()
    if shell is None:
        return Note(stub)
    shell.set_next_input(stub, replace=False)
    return Note(f"{task.id} is as it was: the original cell is below.")


def _shell() -> Any:
    """The running IPython shell, if there is one: IPython is never loaded for this."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _check_seed(task: Task, seed: object) -> None:
    if seed is None:
        return
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise CheckError(f"The seed is {seed!r}: it must be a whole number; try seed=1.")
    if not task.seeded:
        raise CheckError(
            f"Task {task.id!r} has no variants: it is the same for every seed; leave the seed out."
        )
