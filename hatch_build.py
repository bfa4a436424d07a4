"""Build hook: a real wheel carries the built course, an editable install does not need to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("notebooks", "exercises", "solutions")


class CourseHook(BuildHookInterface):
    """Add notebooks/, exercises/ and solutions/ to the wheel as vcloud_lab/_course/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        root = Path(self.root)
        for part in PARTS:
            folder = root / part
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"{folder} is missing: a wheel carries the built course; "
                    "run `python authoring/build.py` first."
                )
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(root)
                hidden = any(name.startswith((".", "__")) for name in inside.parts)
                if path.is_file() and not hidden and ".backup-" not in path.name:
                    target = f"vcloud_lab/_course/{inside.as_posix()}"
                    build_data["force_include"][str(path)] = target
