"""The exercises of the course, one generated module a chapter: ``ch06`` and so on.

A module defines its tasks when it is imported and holds the original exercise cells in ``STUBS``;
``CHAPTER`` may name the chapter for the progress table.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

__all__ = ["chapters", "load", "name", "stub"]

loading: str | None = None
"""The chapter whose module is being imported."""


def chapters() -> list[str]:
    """The chapters that have tasks, as two digits."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name[2:] for name in names if name[:2] == "ch" and name[2:].isdecimal())


def load(chapter: str) -> None:
    """Import a chapter's tasks; a chapter without any is no error."""
    global loading
    if chapter not in chapters():
        return
    outer, loading = loading, chapter
    try:
        import_module(f"{__name__}.ch{chapter}")
    finally:
        loading = outer


def stub(task_id: str) -> str | None:
    """The original exercise cell of a task, or None where it has none."""
    if task_id[:2] not in chapters():
        return None
    stubs: dict[str, str] = import_module(f"{__name__}.ch{task_id[:2]}").STUBS
    return stubs.get(task_id)


def name(chapter: str) -> str:
    """The name of a chapter, "" where its module does not tell."""
    if chapter not in chapters():
        return ""
    found: str = getattr(import_module(f"{__name__}.ch{chapter}"), "CHAPTER", "")
    return found
