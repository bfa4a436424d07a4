"""Exercises whose answer is a scheduler: it is put on trial on hidden workloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.promises import trial
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.verdict import Judged, Outcome
from vcloud_lab.errors import CheckError, VcloudLabError
from vcloud_lab.sandbox import is_stub
from vcloud_lab.scheduling import OWN, Policy, Time

__all__ = ["scheduler"]

Goal = Callable[[Any], Judged]
"""What a scheduler that keeps its promises must reach: whether it does, and a sentence."""


def scheduler(
    id: str,
    *,
    title: str,
    ask: str,
    hints: Sequence[str],
    right: Sequence[object],
    wrong: Sequence[object] = (),
    goal: Goal | None = None,
    whole: bool = False,
    fair: Time | None = None,
    preemptive: bool = False,
    quantum: Time | None = None,
) -> Task:
    """A scheduler that the learner writes: ``choose(ready, now)``, or, where ``whole``, a function
    from jobs to slices.

    It must keep the promises of ``promises.trial`` (``fair`` as there) and then reach the ``goal``.
    A ``choose`` is run as ``OWN(choose, preemptive=preemptive, quantum=quantum)``; a policy made
    with ``OWN`` is taken as it is. Raises ``CheckError`` where there is no right answer.
    """
    if not right:
        raise CheckError(f"Task {id!r} has no right answer: give at least one.")
    form = "a function from jobs to slices" if whole else "the body of choose(ready, now)"

    def judged(answer: object, seed: int | None) -> Outcome:
        if not isinstance(answer, Policy) and not callable(answer):
            return Outcome(False, f"that is of type {type(answer).__name__}; give {form}.")
        if is_stub(answer):
            return Outcome(None, f"replace ... by {form}, then run the cell again.")
        try:
            candidate: Any = answer
            if not whole and not isinstance(answer, Policy):
                candidate = OWN(answer, preemptive=preemptive, quantum=quantum)
            fault = trial(candidate, whole=whole, fair=fair)
            if fault:
                return Outcome(False, str(fault), fault.name)
            if goal is None:
                return Outcome(True, "your scheduler keeps every promise on the hidden workloads.")
            return Outcome(*goal(candidate))
        except VcloudLabError as error:
            return Outcome(False, str(error))

    return register(
        Task(
            id,
            title,
            "scheduler",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask}",
            judged,
            lambda seed: list(right),
            lambda seed: recorded(wrong),
        )
    )
