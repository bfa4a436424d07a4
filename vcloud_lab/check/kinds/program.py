"""Exercises whose answer is an assembly routine: it is called with hidden arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from vcloud_lab.check.answers import Misread
from vcloud_lab.check.bench import BUDGET, Args, Ran, Routine, told
from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import AssemblyError

__all__ = ["program"]

Expected = int | str | tuple[int, str]
"""What must stand in a0 (signed), what must be on the console, or both."""

Namer = Callable[[Args, Ran], tuple[str, str] | None]
Tried = tuple[Args, Ran, Expected]

TRAITS: tuple[tuple[str, str, Callable[[Args], bool]], ...] = (
    (
        "wrong-for-empty",
        "It is right wherever there is something to go through; look at what happens with nothing.",
        lambda args: any(isinstance(arg, str | list) and not arg for arg in args),
    ),
    (
        "wrong-for-negative",
        "It is right wherever no number is negative; are numbers compared, and taken from memory, "
        "with their sign?",
        lambda args: any(number < 0 for number in _numbers(args)),
    ),
    (
        "wrong-for-zero",
        "It is right wherever no number is 0; follow it by hand with a 0.",
        lambda args: any(number == 0 for number in _numbers(args)),
    ),
)
"""What the calls on which a routine fails may have in common: a name, a sentence, and a test."""

ENOUGH = 3
"""So many calls must be right before it is said what the others have in common."""

ADVICE = {
    "lost-return-address": "Whoever uses call must save ra first, because call writes its own "
    "return address there.",
}

RESULTS = (
    *(f"a{number}" for number in range(1, 8)),
    *(f"t{number}" for number in range(5)),
    *(f"s{number}" for number in range(12)),
)
"""Where a result may be that was forgotten there."""


def program(
    id: str,
    *,
    title: str,
    ask: str,
    routine: str,
    cases: Callable[[Random, int], Args],
    oracle: Callable[..., Expected],
    hints: Sequence[str],
    right: Sequence[str],
    wrong: Sequence[object] = (),
    sizes: Sequence[int] = range(6),
    each: int = 4,
    budget: int = BUDGET,
    frame: str = "",
    entry: str = "",
    names: Namer | None = None,
) -> Task:
    """A routine in assembly language that the learner writes: the text of the program.

    The label ``routine`` is called (``bench.py`` says how) with what ``cases(rng, size)`` draws;
    ``each`` calls of every size are tried, small ones first, each with a ``budget`` of
    instructions. ``oracle(*args)`` gives what must come of it. ``frame`` is more source, put behind
    the learner's, whose label ``entry`` is called instead. ``names(args, ran)`` may give the
    misconception behind a failure, as name and sentence.
    """
    form = "the lines of your program"

    def judged(answer: object, seed: int | None) -> Outcome:
        if not isinstance(answer, str):
            kind = type(answer).__name__
            return Outcome(False, f"that is of type {kind}; give the program as a text.")
        if any(line.split("#")[0].strip() == "..." for line in answer.split("\n")):
            return Outcome(None, f"replace ... by {form}, then run the cell again.")
        try:
            tested = Routine(answer, routine, frame, entry)
        except AssemblyError as error:
            sentence, _, source = str(error).partition("\n")
            line = " ".join(source.partition("\n")[0].split())
            return Outcome(False, f'{sentence} The line reads "{line}".', "assembly")
        except Misread as misread:
            return Outcome(False, str(misread), "no-label")
        tried = []
        for size in sizes:
            for number in range(each):
                args = cases(Random(f"{id}/{size}/{number}"), size)
                tried.append((args, tested.call(args, budget), oracle(*args)))
        return _verdict(entry or routine, tried, names)

    return register(
        Task(
            id,
            title,
            "program",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask}",
            judged,
            lambda seed: list(right),
            lambda seed: recorded(wrong),
        )
    )


def _verdict(routine: str, tried: Sequence[Tried], names: Namer | None) -> Outcome:
    """The first failure in words, with what is likely behind it."""
    failed = [one for one in tried if not _fine(one)]
    if not failed:
        return Outcome(True, f"your program is right in {len(tried)} hidden calls.")
    args, ran, expected = failed[0]
    call = f"for {told(routine, args)} your program"
    named = names(args, ran) if names else None
    if ran.ending != "returned":
        found = named or (ran.ending, ADVICE.get(ran.ending) or _common(tried, failed)[1])
        return Outcome(False, f"{call} {ran.problem}. {found[1]}".strip(), found[0])
    differs = _differs(ran, expected)
    if not differs:
        what = " and ".join([", ".join(ran.damage[:-1]), ran.damage[-1]]).removeprefix(" and ")
        text = f"{call} gives the right result, but it changes {what}, which belong"
        text += f"{'s' if len(ran.damage) == 1 else ''} to its caller; save first, and restore "
        return Outcome(False, f"{text}before ret, or use other registers.", "clobbers")
    name, remark = named or _misplaced(tried) or _common(tried, failed)
    if not named and "the memory that it was given" in ran.damage:
        remark = f"{remark} It writes to the memory that it was given only to read.".strip()
    return Outcome(False, f"{call} {differs}. {remark}".strip(), name or None)


def _fine(one: Tried) -> bool:
    _, ran, expected = one
    return ran.ending == "returned" and not ran.damage and not _differs(ran, expected)


def _differs(ran: Ran, expected: Expected) -> str:
    """What is not as expected, "" where all is."""
    number, text = expected if isinstance(expected, tuple) else (expected, expected)
    if isinstance(text, str) and ran.console != text:
        return f"writes {ran.console[:40]!r} to the console; {text!r} is right"
    if isinstance(number, int) and ran.registers["a0"] != number:
        return f"returns {ran.registers['a0']}; {number} is right"
    return ""


def _misplaced(tried: Sequence[Tried]) -> tuple[str, str] | None:
    """The register other than a0 in which the result stands after every call."""
    wanted = [(ran, expected) for _, ran, expected in tried if isinstance(expected, int)]
    if len({expected for _, expected in wanted}) < ENOUGH:
        return None
    for name in RESULTS:
        if all(ran.registers[name] == expected for ran, expected in wanted):
            return "wrong-register", f"The right number is in {name}; a result is returned in a0."
    return None


def _common(tried: Sequence[Tried], failed: Sequence[Tried]) -> tuple[str, str]:
    """What the failed calls have in common and the others have not, as name and sentence."""
    passed = [one[0] for one in tried if _fine(one)]
    for name, sentence, has in TRAITS:
        others = sum(not has(args) and _substantial(args) for args in passed)
        if others >= ENOUGH and all(has(args) for args, *_ in failed):
            return name, sentence
    return "", ""


def _substantial(args: Args) -> bool:
    """Whether there is something to get wrong."""
    return all(arg or isinstance(arg, int) for arg in args)


def _numbers(args: Args) -> list[int]:
    """All numbers in the arguments, those of lists too."""
    lists = [arg for arg in args if isinstance(arg, list)]
    return [arg for arg in args if isinstance(arg, int)] + [n for some in lists for n in some]
