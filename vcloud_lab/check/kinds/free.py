"""Multiple choice, and exercises with a judgement of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import head, recorded
from vcloud_lab.check.registry import Task, Wrong, register
from vcloud_lab.check.verdict import Judged, Outcome
from vcloud_lab.errors import CheckError, VcloudLabError

__all__ = ["choice", "judge"]


def choice(
    id: str,
    *,
    title: str,
    ask: str,
    options: Mapping[str, str],
    right: str,
    why: Mapping[str, str],
    hints: Sequence[str],
    names: Mapping[str, str] | None = None,
) -> Task:
    """One option of several: ``options`` from key to text, ``why`` a sentence for every key.

    ``names`` may give the misconception behind a wrong option. Raises ``CheckError`` for a right
    key that is no option and for an option without its sentence.
    """
    keys = [key.lower() for key in options]
    if right.lower() not in keys or {key.lower() for key in why} != set(keys):
        raise CheckError(
            f"Task {id!r} has the options {', '.join(options)}: the right one must be among them "
            "and each needs its sentence in why; add what is missing."
        )
    sentences = {key.lower(): text for key, text in why.items()}
    texts = {text.strip().lower(): key.lower() for key, text in options.items()}
    named = {key.lower(): name for key, name in (names or {}).items()}
    form = f"one of {', '.join(map(repr, options))}"

    def state(seed: int | None) -> str:
        listing = "\n".join(f"  {key}) {text}" for key, text in options.items())
        return f"{head(id, title, seed)}\n\n{ask}\n\n{listing}"

    def judged(answer: object, seed: int | None) -> Outcome:
        if not isinstance(answer, str):
            return Outcome(False, f"that is of type {type(answer).__name__}; give {form}.")
        given = answer.strip().rstrip(").").lower()
        given = texts.get(answer.strip().lower(), given)
        if given not in keys:
            return Outcome(False, f"{answer.strip()[:40]!r} is none of the options; give {form}.")
        return Outcome(given == right.lower(), sentences[given], named.get(given))

    return register(
        Task(
            id,
            title,
            "choice",
            form,
            tuple(hints),
            state,
            judged,
            lambda seed: [right, right.upper(), f" {right}) "],
            lambda seed: [Wrong(key, named.get(key)) for key in keys if key != right.lower()],
        )
    )


def judge(
    id: str,
    *,
    title: str,
    ask: str,
    judge: Callable[[object], Judged],
    right: Sequence[object],
    hints: Sequence[str],
    wrong: Sequence[object] = (),
    form: str = "your answer",
) -> Task:
    """Anything else: ``judge(answer)`` gives (right, sentence) or (right, sentence, misconception).

    A ``Misread``, or an error of vcloud_lab's own that it lets through, becomes the sentence.
    """

    def judged(answer: object, seed: int | None) -> Outcome:
        try:
            return Outcome(*judge(answer))
        except (Misread, VcloudLabError) as error:
            return Outcome(False, str(error))
        except Exception:  # the judgement stumbled over an answer of a form it does not know
            return Outcome(False, f"that cannot be read as an answer; give {form}.")

    return register(
        Task(
            id,
            title,
            "judge",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask}",
            judged,
            lambda seed: list(right),
            lambda seed: recorded(wrong),
        )
    )
