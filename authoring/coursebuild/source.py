"""A percent script as cells, and the rules of the authoring format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jupytext

from vcloud_lab.errors import CourseError

PARTS = ("lessons", "exercises")
ROLES = frozenset({"solution", "stub", "task"})
PASSED_TAGS = frozenset({"nbval-ignore-output", "nbval-skip", "raises-exception"})
# What jupytext itself notes about the layout of the script.
_LAYOUT_KEYS = frozenset({"cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"})
_NAME = re.compile(r"(\d\d)_[a-z0-9_]+")


@dataclass(frozen=True)
class Cell:
    """One cell: kind is "code" or "markdown", role one of ROLES or "" for a cell of both twins."""

    kind: str
    text: str
    tags: tuple[str, ...]
    role: str
    task: str


@dataclass(frozen=True)
class Source:
    """One authored file; path is relative to the course's folder, part one of PARTS."""

    path: str
    part: str
    name: str
    cells: tuple[Cell, ...]

    @property
    def chapter(self) -> str:
        """The two digits that the name begins with."""
        return self.name[:2]

    def stubs(self) -> dict[str, str]:
        """The stub of each task, by task id, in the order of the file."""
        return {c.task: c.text for c in self.cells if c.role == "stub" and c.kind == "code"}


def find_sources(root: Path, names: Iterable[str] = ()) -> list[Path]:
    """The authored files of a course, all or those of the given names, in a fixed order.

    Raises CourseError for a name that no file has, and where there is nothing to build.
    """
    found = [p for part in PARTS for p in sorted((root / "authoring" / part).glob("*.py"))]
    if not found:
        raise CourseError(
            f"{root} has no authoring/lessons/*.py or authoring/exercises/*.py: "
            "a course is built from these; run the build in the course's folder."
        )
    wanted = {Path(name).stem for name in names}
    unknown = sorted(wanted - {path.stem for path in found})
    if unknown:
        known = ", ".join(sorted({path.stem for path in found}))
        raise CourseError(f"No lesson or exercise is named {unknown[0]!r}: choose one of {known}.")
    return [path for path in found if not wanted or path.stem in wanted]


def read_source(root: Path, path: Path) -> Source:
    """Read one percent script.

    Raises CourseError naming the file, the cell (counted from 1) and the rule that is broken.
    """
    where = path.relative_to(root).as_posix()
    if not _NAME.fullmatch(path.stem):
        raise CourseError(
            f"{where}: the name must be two digits, _ and lower-case words, "
            "such as 06_scheduling.py; rename the file."
        )
    text = path.read_text(encoding="utf-8")
    part = path.parent.name
    raw = [c for c in jupytext.reads(text, fmt="py:percent").cells if c.source.strip()]
    cells = tuple(_cell(where, part, number, cell) for number, cell in enumerate(raw, start=1))
    source = Source(where, part, path.stem, cells)
    _check_tasks(source)
    return source


def _cell(where: str, part: str, number: int, raw: dict) -> Cell:
    metadata = {k: v for k, v in raw["metadata"].items() if k not in _LAYOUT_KEYS}
    tags = metadata.pop("tags", [])
    task = metadata.pop("task", "")
    roles = sorted(ROLES.intersection(tags))
    kind = raw["cell_type"]
    broken = ""
    if metadata:
        broken = f"{sorted(metadata)[0]!r} is not cell metadata of this course; use tags and task"
    elif unknown := sorted(set(tags) - ROLES - PASSED_TAGS):
        broken = f"the tag {unknown[0]!r} is unknown; use one of {sorted(ROLES | PASSED_TAGS)}"
    elif roles and part == "lessons":
        broken = f"the tag {roles[0]!r} belongs to exercises; a lesson has no twins"
    elif len(roles) > 1:
        broken = f"the tags {roles} exclude each other; split the cell"
    elif roles in (["stub"], ["solution"]) and kind == "code" and not task:
        broken = f'a {roles[0]} cell needs the id of its task; write task="06.1"'
    elif "task" in roles and kind != "code":
        broken = "a task cell is code of the check library; write it as code"
    if broken:
        raise CourseError(f"{where}, cell {number}: {broken}.")
    return Cell(kind, raw["source"].strip("\n"), tuple(tags), "".join(roles), task)


def _check_tasks(source: Source) -> None:
    """Each task has exactly one stub and at least one solution, and belongs to the chapter."""
    code = [c for c in source.cells if c.kind == "code"]
    stubs = Counter(c.task for c in code if c.role == "stub")
    solved = {c.task for c in code if c.role == "solution"}
    foreign = [c.task for c in code if c.task and not c.task.startswith(f"{source.chapter}.")]
    broken = [f"{task!r} must begin with {source.chapter}., the chapter" for task in foreign]
    for task in sorted(stubs.keys() | solved):
        if stubs[task] != 1:
            broken.append(f"{task!r} has {stubs[task]} stub cells; give it exactly one")
        if task not in solved:
            broken.append(f"{task!r} has no solution cell; write that first, it is the source")
    if broken:
        raise CourseError(f"{source.path}: task {broken[0]}.")
