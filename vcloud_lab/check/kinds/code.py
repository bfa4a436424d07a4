"""Exercises whose answer is a function: it is run on hidden cases, the small ones first."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from vcloud_lab.check.answers import is_open, same, tell
from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import CheckError
from vcloud_lab.sandbox import STEPS, call, is_stub
from vcloud_lab.scheduling import Workload

__all__ = ["function"]

Args = tuple[Any, ...]
Rule = Callable[[Args, Any], str | None]


def function(
    id: str,
    *,
    title: str,
    ask: str,
    cases: Callable[[Random, int], Args],
    hints: Sequence[str],
    oracle: Callable[..., Any] | None = None,
    rule: Rule | None = None,
    right: Sequence[Callable[..., Any]] = (),
    wrong: Sequence[object] = (),
    sizes: Sequence[int] = range(1, 9),
    each: int = 6,
    steps: int = STEPS,
    names: Callable[[Args, Any], tuple[str, str] | None] | None = None,
) -> Task:
    """A function that the learner writes.

    ``cases(rng, size)`` draws the arguments; ``each`` cases of every size are tried from small to
    large, so that the first failure is a small one, and it is shown. A result must agree with
    ``oracle(*args)``, and ``rule(args, result)`` must find no fault in it (a sentence, or None).
    ``names(args, result)`` may give the misconception behind a wrong result, as name and sentence.
    Without ``right`` the oracle itself is the right answer.

    Raises ``CheckError`` where there is neither an oracle nor a rule with a right answer.
    """
    solutions = list(right) or ([oracle] if oracle else [])
    if not solutions or (oracle is None and rule is None):
        raise CheckError(
            f"Task {id!r} has nothing to judge a function by: it needs an oracle, or a rule and a "
            "right answer; give one."
        )
    form = "the body of your function"

    def judged(answer: object, seed: int | None) -> Outcome:
        if not callable(answer):
            kind = type(answer).__name__
            return Outcome(
                False, f"that is of type {kind}; give the function itself, not its result."
            )
        if is_stub(answer):
            return Outcome(None, f"replace ... by {form}, then run the cell again.")
        count = 0
        for size in sizes:
            for number in range(each):
                args = cases(Random(f"{id}/{size}/{number}"), size)
                outcome = _misfit(answer, args, solutions[0]) or _one(
                    answer, args, oracle, rule, names, steps
                )
                if outcome is not None:
                    return outcome
                count += 1
        return Outcome(True, f"your function is right on {count} hidden cases.")

    return register(
        Task(
            id,
            title,
            "function",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask}",
            judged,
            lambda seed: list(solutions),
            lambda seed: recorded(wrong),
        )
    )


def _one(
    answer: Callable[..., Any],
    args: Args,
    oracle: Callable[..., Any] | None,
    rule: Rule | None,
    names: Callable[[Args, Any], tuple[str, str] | None] | None,
    steps: int,
) -> Outcome | None:
    """The judgement of one case, None when it is passed."""
    run = call(answer, *copy.deepcopy(args), steps=steps)
    case = f"for {', '.join(map(_argument, args))} your function"
    if run.kind == "stub" or (
        run.kind == "returned" and run.value is not None and is_open(run.value)
    ):
        return Outcome(None, "replace ... by the body of your function, then run the cell again.")
    if run.kind != "returned":
        return Outcome(False, f"{case} {run.problem}.", run.kind)
    if run.value is None and (oracle is None or oracle(*args) is not None):
        return Outcome(False, f"{case} returns nothing; is a return missing?", "no-return")
    fault = _fault(args, run.value, oracle, rule)
    if fault is None:
        return None
    named = names(args, run.value) if names else None
    text = f"{case} returns {tell(run.value)}{fault}"
    return Outcome(False, f"{text} {named[1]}" if named else text, named[0] if named else None)


def _misfit(answer: Callable[..., Any], args: Args, solution: Callable[..., Any]) -> Outcome | None:
    """The remark on a function that cannot be called with the arguments of a case."""
    try:
        signature, model = inspect.signature(answer), inspect.signature(solution)
    except (TypeError, ValueError):
        return None  # compiled, it need not say what it takes
    try:
        signature.bind(*args)
    except TypeError:
        count = len(signature.parameters)
        if count == len(args):
            return None  # keywords only: calling it says so
        own = f"{count} argument{'' if count == 1 else 's'}" if count else "no arguments"
        wanted = ", ".join(list(model.parameters)[: len(args)])
        text = f"your function takes {own}; it must take ({wanted})."
        return Outcome(False, text, "arguments")
    return None


def _fault(
    args: Args, value: Any, oracle: Callable[..., Any] | None, rule: Rule | None
) -> str | None:
    """What is wrong with a result; nonsense makes neither the comparison nor the rule fail."""
    try:
        found = rule(copy.deepcopy(args), value) if rule else None
        if found:
            return f": {found}"
        expected = oracle(*copy.deepcopy(args)) if oracle else None
        if oracle and not same(value, expected):
            return f"; {tell(expected)} is right."
    except Exception:
        return ", which cannot be read as a result; look at the form that is asked for."
    return None


def _argument(value: Any) -> str:
    """An argument as the learner would type it."""
    if isinstance(value, Workload):
        return "Workload(" + tell([(j.name, j.arrival, j.burst) for j in value.jobs]) + ")"
    return tell(value)
