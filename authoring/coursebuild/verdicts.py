"""What the checks of an executed exercise or solution notebook said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode

_VERDICT = re.compile(
    # A prediction's remark has its colon right after the name, and is no verdict.
    r"^\s*([✓✗○]) (\d\d\.\w+) (?:correct|not yet|not attempted):.*$",
    re.MULTILINE,
)
WANTED = {"exercises": ("○", "not attempted"), "solutions": ("✓", "correct")}


def said(cell: NotebookNode) -> Iterator[str]:
    """The plain text of a code cell's outputs."""
    for out in cell.get("outputs", []):
        if out.output_type == "stream":
            yield out.text
        elif "data" in out:
            yield out.data.get("text/plain", "")


def verdict_problems(kind: str, notebook: NotebookNode, tasks: Iterable[str]) -> list[str]:
    """One sentence for each check of a notebook in the folder kind that says the wrong thing.

    Every task must be checked; a solution must be correct and an exercise not attempted.
    """
    sign, word = WANTED[kind]
    problems = []
    checked = set()
    for number, cell in enumerate(notebook.cells, start=1):
        for text in said(cell):
            for match in _VERDICT.finditer(text):
                checked.add(match[2])
                if match[1] != sign:
                    problems.append(
                        f"cell {number}: the check must say {sign} ({word}), "
                        f"and says: {match[0].strip()}"
                    )
    missing = [task for task in tasks if task not in checked]
    problems += [f"no cell shows the verdict of check({task!r}, ...); add one." for task in missing]
    return problems
