"""What an exercise notebook gives away of its solutions and checks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from .source import Source

_SHORTEST = 8
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")
_COMMON = re.compile(r"(import|from|@)\b|.*:$|return \w+$|\w+,$|\"\"\"|'''")


def secret_lines(source: Source) -> Iterator[tuple[str, str]]:
    """(what it is, line) for each line that an exercise must not show.

    Lines that any program has (imports, headers of blocks, bare names and data) and lines that the
    stub of the same task shows on purpose are no secrets.
    """
    stubs = source.stubs()
    for cell in source.cells:
        if cell.kind != "code" or cell.role not in ("solution", "task"):
            continue
        given = {_plain(line) for line in stubs.get(cell.task, "").splitlines()}
        what = f"solution of {cell.task}" if cell.role == "solution" else "task cell"
        for line in map(_plain, cell.text.splitlines()):
            if len(line) < _SHORTEST or line in given or _COMMON.match(line):
                continue
            if re.search(r"[A-Za-z_]", _STRINGS.sub("", line)):
                yield what, line


def leaks(source: Source, exercise: NotebookNode) -> list[str]:
    """One sentence for each line of a solution or task that the exercise notebook shows."""
    shown = [(number, list(_lines(cell))) for number, cell in enumerate(exercise.cells, start=1)]
    return [
        f"cell {number} shows a line of the {what}: {line}"
        for what, line in secret_lines(source)
        for number, lines in shown
        if any(line in text for text in lines)
    ]


def _lines(cell: NotebookNode) -> Iterator[str]:
    yield from map(_plain, cell.source.splitlines())
    for out in cell.get("outputs", []):
        texts = [out.get("text", ""), *out.get("traceback", [])]
        for value in out.get("data", {}).values():
            texts.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for text in texts:
            yield from map(_plain, text.splitlines())


def _plain(line: str) -> str:
    return " ".join(line.split())
