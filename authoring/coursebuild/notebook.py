"""Cells as notebooks, and notebooks as bytes: the same on every machine and Python."""

from __future__ import annotations

import hashlib
from collections import Counter

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .source import Cell, Source

# The folder of a built notebook -> the role of the cells that it leaves out.
LEFT_OUT = {
    "notebooks": frozenset({"solution", "stub", "task"}),
    "exercises": frozenset({"solution", "task"}),
    "solutions": frozenset({"stub", "task"}),
}


def kinds(source: Source) -> tuple[str, ...]:
    """The folders that a source is built into."""
    return ("notebooks",) if source.part == "lessons" else ("exercises", "solutions")


def make_notebook(source: Source, kind: str) -> NotebookNode:
    """The notebook of one source in one folder, not executed."""
    # No patch version of Python in here, or 3.11 and 3.13 would build other bytes.
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
        },
        "vcloud_lab": {
            "note": "Built by authoring/build.py: edit the source, not this file.",
            "source": source.path,
        },
    }
    seen: Counter[str] = Counter()
    cells = []
    for cell in source.cells:
        if cell.role not in LEFT_OUT[kind]:
            seen[cell.text] += 1
            cells.append(_node(f"{kind}/{source.name}", cell, seen[cell.text]))
    return new_notebook(cells=cells, metadata=metadata)


def _node(name: str, cell: Cell, occurrence: int) -> NotebookNode:
    # Made of the text and not of the position: a cell put in above leaves the ids below alone.
    mark = hashlib.sha256(f"{name}\n{cell.kind}\n{occurrence}\n{cell.text}".encode())
    metadata: dict[str, object] = {}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    if cell.task:
        metadata["task"] = cell.task
    new = new_code_cell if cell.kind == "code" else new_markdown_cell
    return new(cell.text, id=mark.hexdigest()[:12], metadata=metadata)


def to_bytes(notebook: NotebookNode) -> bytes:
    """The file of a notebook: format 4.5, indent 1, sorted keys, UTF-8, one last newline."""
    nbformat.validate(notebook)
    return (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode()
