"""The course as files: where its notebooks are, a fresh working copy, one original back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from vcloud_lab.errors import CourseError

PARTS = ("notebooks", "exercises", "solutions")
START = "notebooks/00_start_here.ipynb"
BACKUP = ".backup-"


def packaged() -> Path | None:
    """Return the course inside an installed wheel, or None in a checkout."""
    folder = Path(__file__).parent / "_course"
    return folder if folder.is_dir() else None


def checkout() -> Path | None:
    """Return the root of the checkout this package is run from, or None when installed."""
    root = Path(__file__).parent.parent
    return root if (root / "authoring").is_dir() and (root / "pyproject.toml").is_file() else None


def source() -> Path:
    """Return the directory that holds the original notebooks.

    Raises CourseError when neither a wheel's copy nor a checkout is there.
    """
    root = packaged() or checkout()
    if root is None:
        raise CourseError(
            f"The course is missing beside {Path(__file__).parent}: an installed vcloud_lab "
            "carries its notebooks; install it again."
        )
    return root


def files(root: Path) -> list[Path]:
    """Return the course's files under `root`, relative and sorted.

    Hidden files, caches and a learner's backups do not belong to the course.
    """
    found = []
    for part in PARTS:
        for path in (root / part).rglob("*"):
            inside = path.relative_to(root)
            hidden = any(name.startswith((".", "__")) for name in inside.parts)
            if path.is_file() and not hidden and BACKUP not in path.name:
                found.append(inside)
    return sorted(found)


def is_course(root: Path) -> bool:
    """Tell whether `root` is a working copy of the course."""
    return (root / START).is_file()


def new(target: Path) -> int:
    """Copy a fresh course into `target` and return the number of files.

    The copy is made beside the target (inside, where it exists) and renamed when it is
    whole. Raises CourseError when `target` is a file, has something in it, or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise CourseError(f"'{target}' is a file: a course needs a directory; name another one.")
    origin = source()
    names = files(origin)
    if not names:
        raise CourseError(
            f"'{origin}' has no notebooks to copy; install the package again, "
            "or run `make build` in a checkout."
        )
    try:
        if target.is_dir() and any(target.iterdir()):
            raise CourseError(
                f"Directory '{target}' is not empty: a fresh course would mix with what is "
                "there; name a new directory or empty this one."
            )
        target = target.absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        there = target.is_dir()
        beside = target if there else target.parent
        with tempfile.TemporaryDirectory(dir=beside, prefix=".vcloud-lab-") as scratch:
            whole = Path(scratch, "course")
            for name in names:
                place = whole / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(origin / name, place)
            if there:  # filled, not replaced: somebody may stand in it
                for part in sorted(whole.iterdir()):
                    part.rename(target / part.name)
            else:
                whole.rename(target)
    except OSError as error:
        raise CourseError(
            f"'{target}' cannot be written ({error.strerror or error}): "
            "name a directory where you may write."
        ) from error
    return len(names)


def original(name: Path) -> bytes:
    """Return the original bytes of one course file, named like exercises/06_name.ipynb.

    A checkout's own files are what the learner edits, so there the original is the
    committed one. Raises CourseError when there is no such file.
    """
    installed = packaged()
    if installed is not None:
        if name in files(installed):
            return (installed / name).read_bytes()
    else:
        shown = _committed(source(), name)
        if shown is not None:
            return shown
    raise CourseError(
        f"'{name}' has no original: a file of the course is called like '{START}'; "
        "give the name of one, inside its directory."
    )


def _committed(root: Path, name: Path) -> bytes | None:
    """Return what the checkout's last commit has for `name`, None when it has nothing."""
    command = ["git", "-C", str(root), "show", f"HEAD:{name.as_posix()}"]
    try:
        shown = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise CourseError(
            f"The original of '{name}' is in the checkout's history and git is not installed: "
            "install git, or unpack the course again."
        ) from error
    return shown.stdout if shown.returncode == 0 else None


def reset(path: Path) -> Path | None:
    """Put the original of one notebook back; return where the learner's version is kept.

    Returns None when there was no file to keep, or it was the original already.
    Raises CourseError when the file does not belong to the course or cannot be written.
    """
    path = path.absolute()
    name = Path(*path.parts[-2:])
    if name.parts[0] not in PARTS:
        raise CourseError(
            f"'{path}' is not in a course: its directory must be one of {', '.join(PARTS)}; "
            "give a notebook of your working copy."
        )
    content = original(name)
    try:
        if path.is_file() and path.read_bytes() == content:
            return None
        backup = _keep(path) if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        if backup is not None:
            shutil.copymode(backup, scratch)
        else:
            Path(scratch).chmod(0o644)
        os.replace(scratch, path)
    except OSError as error:
        raise CourseError(
            f"'{path}' cannot be put back ({error.strerror or error}): "
            "nothing of yours was changed; make its directory writable."
        ) from error
    return backup


def _keep(path: Path) -> Path:
    """Copy `path` to the first free numbered name beside it; an earlier backup is never lost."""
    number = 1
    while True:
        backup = path.with_name(f"{path.stem}{BACKUP}{number}{path.suffix}")
        try:
            with backup.open("xb") as stream, path.open("rb") as mine:
                shutil.copyfileobj(mine, stream)
        except FileExistsError:
            number += 1
            continue
        shutil.copystat(path, backup)
        return backup
