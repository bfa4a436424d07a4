"""Build the course: authoring/lessons and authoring/exercises -> notebooks, solutions, tasks.

    python authoring/build.py                    build and execute everything
    python authoring/build.py 06_scheduling      only the lesson and exercises of that name
    python authoring/build.py --check            rebuild in memory and compare every byte

The format of the sources is in authoring/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# This checkout is what gets built, whichever copy of the package is installed.
sys.path[:0] = [str(ROOT), str(ROOT / "authoring")]

from coursebuild.compare import differences, orphans
from coursebuild.course import build, compared_cells, write

from vcloud_lab.errors import CourseError


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0 when built (or nothing differs), 1 when something is wrong."""
    parser = argparse.ArgumentParser(description="Build and execute the course's notebooks.")
    parser.add_argument("names", nargs="*", help="names such as 06_scheduling; none means all")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--root", type=Path, default=ROOT, help="the course's folder")
    args = parser.parse_args(argv)
    root = args.root.resolve()
    try:
        files = build(root, args.names)
        # A partial build cannot know which files the other sources make.
        strays = [] if args.names else orphans(root, files)
        if args.check:
            problems = differences(root, files) + strays
            for problem in problems:
                print(problem, file=sys.stderr)
            if problems:
                print(
                    f"{len(problems)} problem(s): run `python authoring/build.py`, and commit "
                    "what it writes if the change is meant.",
                    file=sys.stderr,
                )
                return 1
            print(
                f"Nothing differs: {len(files)} files, {compared_cells(files)} cells with "
                "outputs, compared byte by byte with a fresh build."
            )
            return 0
        written = write(root, files)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(f"wrote {path}")
    print(
        f"Built {len(files)} files: {len(written)} written, "
        f"{len(files) - len(written)} already up to date."
    )
    for stray in strays:
        print(stray, file=sys.stderr)
    return 1 if strays else 0


if __name__ == "__main__":
    raise SystemExit(main())
