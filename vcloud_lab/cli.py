"""The `vcloud-lab` command. What a subcommand needs is imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vcloud_lab import __version__
from vcloud_lab.errors import VcloudLabError


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar; every subcommand names its function as `run`."""
    top = argparse.ArgumentParser(
        prog="vcloud-lab",
        description="A hands-on course on virtualization and cloud infrastructure.",
    )
    top.add_argument("--version", action="version", version=f"vcloud_lab {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    lab = commands.add_parser("lab", help="open JupyterLab on the course")
    lab.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="a working copy")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.add_argument("--port", type=int, help="listen on this port (default: a free one)")
    lab.set_defaults(run=_lab)

    doctor = commands.add_parser("doctor", help="say what works on this machine")
    doctor.set_defaults(run=_doctor)

    new = commands.add_parser("new", help="make a fresh working copy of the course")
    new.add_argument("dir", type=Path, metavar="DIR", help="a new or empty directory")
    new.set_defaults(run=_new)

    progress = commands.add_parser("progress", help="show what you have solved")
    progress.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="a working copy")
    progress.add_argument("--reset", action="store_true", help="forget it all and start again")
    progress.set_defaults(run=_progress)

    boot = commands.add_parser("boot", help="run Linux in a virtual machine")
    boot.add_argument(
        "image", nargs="?", type=Path, metavar="IMAGE",
        help="a Linux image (rv32, no MMU; default: the small one that comes with the course)",
    )  # fmt: skip
    boot.add_argument("--memory", type=int, default=64, help="memory in MiB (default: 64)")
    boot.add_argument("--command-line", default="", help="more words for the kernel")
    boot.set_defaults(run=_boot)

    reset = commands.add_parser("reset", help="put the original of one notebook back")
    reset.add_argument("file", type=Path, metavar="FILE", help="a notebook of a working copy")
    reset.set_defaults(run=_reset)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 when doctor finds a problem, or 2 for a mistake.

    A mistake is one sentence on standard error, never a traceback.
    """
    chosen = parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except VcloudLabError as error:
        print(f"vcloud-lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _lab(chosen: argparse.Namespace) -> int:
    from vcloud_lab import launch

    return launch.lab(chosen.dir, browser=not chosen.no_browser, port=chosen.port)


def _doctor(chosen: argparse.Namespace) -> int:
    from vcloud_lab import doctor

    return doctor.report()


def _new(chosen: argparse.Namespace) -> int:
    from vcloud_lab import course

    count = course.new(chosen.dir)
    print(f"{count} files of the course are in {chosen.dir}")
    print(f"Open it with: vcloud-lab lab {chosen.dir}")
    return 0


def _progress(chosen: argparse.Namespace) -> int:
    from vcloud_lab import launch
    from vcloud_lab.check import progress

    # Each working copy keeps its own progress: look from inside the one that is meant.
    root = launch.find_course(chosen.dir, Path.cwd()) if chosen.dir else None
    root = root or launch.known_course(Path.cwd())
    if root is not None:
        os.chdir(root)
    if chosen.reset:
        progress.reset()
    print(progress.summary())
    return 0


def _boot(chosen: argparse.Namespace) -> int:
    from vcloud_lab.vm import terminal

    return terminal.boot(chosen.image, chosen.memory << 20, chosen.command_line)


def _reset(chosen: argparse.Namespace) -> int:
    from vcloud_lab import course

    backup = course.reset(chosen.file)
    if backup is not None:
        print(f"Your version is kept as {backup}")
    print(f"{chosen.file} is the original")
    return 0


if __name__ == "__main__":
    sys.exit(main())
