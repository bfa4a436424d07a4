"""What you have tried and solved: one small file on this machine, sent to nobody.

The file is ``$VCLOUD_LAB_PROGRESS``, or ``.vcloud_lab/progress.json`` in the course's folder (found
upwards from where you are), or in the user's data folder. ``off`` keeps everything in memory. Each
change reads the file again, under a lock, and replaces it as a whole, so that two notebooks at work
lose nothing, and a crash leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from vcloud_lab.check import registry, tasks

__all__ = ["load", "note_hint", "note_prediction", "path", "record", "reset", "solved", "summary"]

State = dict[str, Any]

LOCK_PATIENCE = 3.0
LOCK_STALE = 10.0

_memory: State = {"version": 1, "tasks": {}, "predictions": {}}


def path() -> Path | None:
    """The file, or None where progress is kept in memory only."""
    told = os.environ.get("VCLOUD_LAB_PROGRESS", "")
    if told == "off":
        return None
    if told:
        return Path(told)
    with contextlib.suppress(OSError):  # the working directory itself may be gone
        for folder in (Path.cwd(), *Path.cwd().parents):
            if (folder / "notebooks").is_dir() and (folder / "exercises").is_dir():
                return folder / ".vcloud_lab" / "progress.json"
    return _data_folder() / "vcloud_lab" / "progress.json"


def _data_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def load() -> State:
    """Everything that is recorded: ``{"tasks": {id: ...}, "predictions": {key: ...}}``.

    A task has ``attempts``, ``solved``, ``solved_on`` (a date), ``hints`` (the highest level seen),
    ``misconceptions`` (how often each was named) and ``variants`` (the seeds solved).
    """
    place = path()
    if place is None:
        return copy.deepcopy(_memory)
    try:
        return _read(place)
    except OSError:
        return copy.deepcopy(_memory)


def _empty() -> State:
    return {"version": 1, "tasks": {}, "predictions": {}}


def _read(place: Path) -> State:
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _empty()
    except UnicodeDecodeError:
        return _set_aside(place)
    try:
        state = json.loads(text)
    except ValueError:
        return _set_aside(place)
    if not _is_table(state):
        return _set_aside(place)
    whole = {**_empty(), **state}
    for part in (whole["tasks"], whole["predictions"]):
        if not _is_table(part) or not all(map(_is_table, part.values())):
            return _set_aside(place)
    return whole


def _is_table(value: object) -> TypeGuard[State]:
    return isinstance(value, dict)


def _set_aside(place: Path) -> State:
    """Keep a file that cannot be read under another name, and say so."""
    kept, number = place.with_name(place.name + ".bak"), 1
    while kept.exists():
        number += 1
        kept = place.with_name(f"{place.name}.bak{number}")
    os.replace(place, kept)
    print(
        f"The progress file {place} is not readable as progress: it is kept as {kept.name} "
        "and a new one is begun; nothing was deleted."
    )
    return _empty()


def change(edit: Callable[[State], None]) -> None:
    """Apply an edit to what is recorded now, and write it. Where the file cannot be written, the
    edit is kept in memory: an exercise never fails over its progress."""
    place = path()
    if place is None:
        edit(_memory)
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_name(place.name + ".lock")):
            state = _read(place)
            edit(state)
            _write(place, state)
    except OSError:
        edit(_memory)


def _write(place: Path, state: State) -> None:
    fresh = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        with fresh.open("w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump(state, file, indent=1, sort_keys=True, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, place)
    finally:
        fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold a lock file, the one kind of lock that works alike everywhere; one that a crash left
    behind is taken over after a while."""
    until = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with contextlib.suppress(OSError):
                if time.time() - lock.stat().st_mtime > LOCK_STALE:
                    lock.unlink(missing_ok=True)
                    continue
            if time.monotonic() > until:
                raise
            time.sleep(0.005)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


# What is recorded


def _task(state: State, task_id: str) -> State:
    entry: State = state["tasks"].setdefault(task_id, {})
    for key, start in (("attempts", 0), ("solved", False), ("hints", 0)):
        entry.setdefault(key, start)
    return entry


def record(task_id: str, right: bool, misconception: str | None, seed: int | None) -> None:
    """Record one attempt."""

    def edit(state: State) -> None:
        entry = _task(state, task_id)
        entry["attempts"] += 1
        if misconception:
            named = entry.setdefault("misconceptions", {})
            named[misconception] = named.get(misconception, 0) + 1
        if right and seed is not None:
            entry["variants"] = sorted({*entry.get("variants", []), seed})
        elif right and not entry["solved"]:
            entry["solved"] = True
            entry["solved_on"] = datetime.date.today().isoformat()

    change(edit)


def note_hint(task_id: str, level: int | None) -> int:
    """Record that a hint is shown; without a level the next one. The level that is shown."""
    shown = 1 if level is None else level

    def edit(state: State) -> None:
        nonlocal shown
        entry = _task(state, task_id)
        shown = min(entry["hints"] + 1, registry.HINTS) if level is None else level
        entry["hints"] = max(entry["hints"], shown)

    change(edit)
    return shown


def note_prediction(key: str, edit_entry: Callable[[State], None]) -> State:
    """Change the entry of a prediction; the entry as it is afterwards."""
    result: State = {}

    def edit(state: State) -> None:
        nonlocal result
        entry = state["predictions"].setdefault(key, {})
        edit_entry(entry)
        if not entry:
            del state["predictions"][key]
        result = dict(entry)

    change(edit)
    return result


def solved(task_id: str) -> bool:
    """Whether a task is solved as printed (a variant does not count)."""
    return bool(load()["tasks"].get(task_id, {}).get("solved"))


def reset(task_id: str | None = None) -> None:
    """Forget one task, or everything, predictions included."""

    def edit(state: State) -> None:
        if task_id is not None:
            state["tasks"].pop(task_id, None)
        else:
            state["tasks"].clear()
            state["predictions"].clear()

    change(edit)


def summary() -> str:
    """A line a chapter: "06 scheduling: 3 of 12 solved, 1 tried"."""
    done = load()["tasks"]
    lines = []
    for chapter in tasks.chapters():
        entries = [done.get(task.id, {}) for task in registry.of_chapter(chapter)]
        right = sum(bool(entry.get("solved")) for entry in entries)
        tried = sum(not entry.get("solved") and entry.get("attempts", 0) > 0 for entry in entries)
        name = f" {tasks.name(chapter)}".rstrip()
        line = f"{chapter}{name}: {right} of {len(entries)} solved"
        lines.append(line + (f", {tried} tried" if tried else ""))
    return "\n".join(lines) or "There are no exercises yet."
