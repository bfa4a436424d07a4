"""The course's terms in English and Chinese, with a line of definition each."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from vcloud_lab.errors import CourseError

__all__ = ["all_terms", "terms"]


@cache
def all_terms() -> dict[str, dict[str, str]]:
    """Every term with its fields ``chinese`` and ``means``, in the order of glossary.toml."""
    text = files("vcloud_lab").joinpath("glossary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def terms(*names: str) -> list[dict[str, str]]:
    """Rows of a table of the given terms: term, Chinese, meaning.

    Raises ``CourseError`` for a term that the glossary does not have.
    """
    unknown = [name for name in names if name not in all_terms()]
    if unknown:
        raise CourseError(
            f"The glossary has no term {unknown[0]!r}: terms are defined once, in glossary.toml; "
            "add it there or use another."
        )
    return [
        {"term": name, "Chinese": entry["chinese"], "meaning": entry["means"]}
        for name in names
        for entry in [all_terms()[name]]
    ]
