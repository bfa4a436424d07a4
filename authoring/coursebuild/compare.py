"""A fresh build against the files of the working tree, with the difference in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from .course import read_bytes
from .notebook import LEFT_OUT

_SHOWN_LINES = 14
_SHOWN_WIDTH = 160


def differences(root: Path, files: Mapping[str, bytes]) -> list[str]:
    """One text for each built file that is missing in root or differs from it."""
    found = []
    for path, new in files.items():
        old = read_bytes(root / path)
        if old is None:
            found.append(f"{path}: missing; its source builds it.")
        elif old != new:
            found.append(f"{path}: {_difference(path, old, new)}")
    return found


def orphans(root: Path, files: Mapping[str, bytes]) -> list[str]:
    """One text for each file in a folder of built files that no source builds."""
    found = [path for kind in LEFT_OUT for path in (root / kind).rglob("*.ipynb")]
    found += (root / "vcloud_lab" / "check" / "tasks").glob("ch[0-9][0-9].py")
    # A learner's own copy, which `vcloud-lab new` keeps beside the original, is nobody's orphan.
    paths = {path.relative_to(root) for path in found if ".backup-" not in path.name}
    strays = sorted(p.as_posix() for p in paths if not any(x.startswith(".") for x in p.parts))
    return [
        f"{path}: no source builds it; delete it, or put back its source."
        for path in strays
        if path not in files
    ]


def _difference(path: str, old: bytes, new: bytes) -> str:
    try:
        was = old.decode()
        if not path.endswith(".ipynb"):
            return "differs." + _diff(was, new.decode())
        before = json.loads(was)
        cells = before["cells"]
        assert isinstance(cells, list)
    except (ValueError, LookupError, TypeError, AssertionError):
        return "cannot be read as what it should be; it was changed by hand or cut off."
    after = json.loads(new)
    for number, (a, b) in enumerate(zip(cells, after["cells"], strict=False), start=1):
        if a != b:
            place, left, right = next(_places(a, b))
            return f"cell {number}, {place} differs." + _diff(left, right)
    if len(cells) != len(after["cells"]):
        return f"has {len(cells)} cells where {len(after['cells'])} are built."
    if before != after:
        rest = [{k: v for k, v in nb.items() if k != "cells"} for nb in (before, after)]
        return "the notebook's metadata differs." + _diff(_text(rest[0]), _text(rest[1]))
    return "the same cells written in another layout; it was saved by hand."


def _places(a: dict[str, Any], b: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(place, committed, built) for what differs between two cells, the telling ones first."""
    if a.get("source") != b.get("source"):
        yield "source", _text(a.get("source")), _text(b.get("source"))
    left, right = a.get("outputs", []), b.get("outputs", [])
    for number, (x, y) in enumerate(zip(left, right, strict=False), start=1):
        one, other = ({**out, **out.get("data", {})} for out in (x, y))
        # Text says more than the drawing of the same thing.
        for key in sorted(one.keys() | other.keys(), key=lambda k: (k != "text/plain", k)):
            if key != "data" and one.get(key) != other.get(key):
                yield f"output {number}, {key}", _text(one.get(key)), _text(other.get(key))
    if len(left) != len(right):
        yield f"number of outputs ({len(left)} for {len(right)})", _text(left), _text(right)
    for key in sorted((a.keys() | b.keys()) - {"source", "outputs"}):
        if a.get(key) != b.get(key):
            yield key, _text(a.get(key)), _text(b.get(key))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "".join(value)
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)


def _diff(old: str, new: str) -> str:
    lines = list(
        unified_diff(old.splitlines(), new.splitlines(), "committed", "built", lineterm="", n=1)
    )
    cut = [line[:_SHOWN_WIDTH] for line in lines[:_SHOWN_LINES]]
    if len(lines) > _SHOWN_LINES:
        cut.append(f"... and {len(lines) - _SHOWN_LINES} more lines")
    return "".join(f"\n    {line}" for line in cut)
