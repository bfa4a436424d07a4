"""A whole course: built in memory, then written at once."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from nbformat import NotebookNode

from vcloud_lab.errors import CourseError

from .execute import CELL_SECONDS, execute_all
from .leaks import leaks
from .notebook import LEFT_OUT, kinds, make_notebook, to_bytes
from .source import Source, find_sources, read_source
from .tasks import module_path, task_module
from .verdicts import verdict_problems


def build(root: Path, names: Iterable[str] = (), seconds: int = CELL_SECONDS) -> dict[str, bytes]:
    """Build and execute a course without writing into it.

    Returns the built files by path relative to root. Raises CourseError with one line for
    each thing that is wrong; nothing is written then, and nothing otherwise.
    """
    sources = [read_source(root, path) for path in find_sources(root, names)]
    files: dict[str, bytes] = {}
    owners: dict[str, Source] = {}
    notebooks: dict[str, NotebookNode] = {}
    for source in sources:
        module = task_module(root, source)
        if module is not None:
            path = module_path(source)
            if path in files:
                raise CourseError(
                    f"{source.path}: another exercise file already makes {path}; "
                    "put the exercises of a chapter into one file."
                )
            files[path] = module
        for kind in kinds(source):
            path = f"{kind}/{source.name}.ipynb"
            owners[path], notebooks[path] = source, make_notebook(source, kind)
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        stage = Path(folder).resolve()
        before = _stage(root, stage, files)
        problems = execute_all(notebooks, stage, seconds)
        left = sorted(_files(stage) - before)
    problems += [f"{path}: a cell left this file behind; clean up in the cell." for path in left]
    for path, notebook in notebooks.items():
        # After a stopped run the missing verdicts would only hide what stopped it.
        if not any(problem.startswith(path) for problem in problems):
            problems += [f"{path}, {text}" for text in _review(path, owners[path], notebook)]
    if problems:
        raise CourseError("\n".join(problems))
    files |= {path: to_bytes(notebook) for path, notebook in notebooks.items()}
    return dict(sorted(files.items()))


def _review(path: str, source: Source, notebook: NotebookNode) -> list[str]:
    kind = path.split("/")[0]
    if kind == "notebooks":
        return []
    given_away = leaks(source, notebook) if kind == "exercises" else []
    return given_away + verdict_problems(kind, notebook, source.stubs())


def _stage(root: Path, stage: Path, modules: Mapping[str, bytes]) -> set[str]:
    """Lay out a copy of the course that the cells run in; returns the files of its folders.

    The copy has the task modules of this very build, and what a cell writes shows.
    """
    package = root / "vcloud_lab"
    if package.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "_course")
        shutil.copytree(package, stage / "vcloud_lab", ignore=ignored)
    for kind in LEFT_OUT:
        (stage / kind).mkdir()
        if (root / kind).is_dir():
            ignored = shutil.ignore_patterns("*.ipynb", ".*", "__pycache__")
            shutil.copytree(root / kind, stage / kind, ignore=ignored, dirs_exist_ok=True)
    for path, content in modules.items():
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        (stage / path).write_bytes(content)
    return _files(stage)


def _files(stage: Path) -> set[str]:
    found = (path for kind in LEFT_OUT for path in (stage / kind).rglob("*"))
    return {path.relative_to(stage).as_posix() for path in found}


def write(root: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the files that differ, all or none of them; returns their paths."""
    changed = {p: new for p, new in files.items() if read_bytes(root / p) != new}
    waiting: list[tuple[str, Path]] = []
    try:
        for path, content in changed.items():
            folder = (root / path).parent
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".building-", dir=folder)
            waiting.append((name, root / path))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(name, 0o644)
        # Only once every byte is on the disk does any file change its content.
        for name, path in waiting:
            os.replace(name, path)
    except OSError as error:
        raise CourseError(
            f"{error.filename}: cannot write the built course "
            f"({error.strerror}); nothing half-written is left."
        ) from error
    finally:
        for name, _ in waiting:
            Path(name).unlink(missing_ok=True)
    return sorted(changed)


def read_bytes(path: Path) -> bytes | None:
    """The content of a file, or None where there is none."""
    return path.read_bytes() if path.is_file() else None


def compared_cells(files: Mapping[str, bytes]) -> int:
    """How many code cells of built notebooks have outputs, and so are compared."""
    notebooks = (json.loads(new) for path, new in files.items() if path.endswith(".ipynb"))
    return sum(bool(cell.get("outputs")) for notebook in notebooks for cell in notebook["cells"])
