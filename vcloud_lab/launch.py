"""Starting JupyterLab on a course directory: this machine only, with a token."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from pathlib import Path

from vcloud_lab import course
from vcloud_lab.errors import CourseError

COPY = "vcloud_lab_course"
ADDRESS = "127.0.0.1"
TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}


def known_course(here: Path) -> Path | None:
    """Return the course that `here` is about, None where none is made yet.

    In order: one that `here` lies in, the copy below `here`, the checkout.
    """
    nearby = [here, *here.parents, here / COPY]
    root = course.checkout()
    if root is not None:
        nearby.append(root)
    return next((folder for folder in nearby if course.is_course(folder)), None)


def find_course(given: Path | None, here: Path) -> Path:
    """Return the course directory to open; make a working copy where there is none.

    Raises CourseError when the given directory holds no course.
    """
    if given is not None:
        if not course.is_course(given):
            raise CourseError(
                f"'{given}' holds no course: {course.START} is not there; "
                f"make one with `vcloud-lab new {given}`."
            )
        return given.absolute()
    known = known_course(here)
    if known is not None:
        return known
    copy = here / COPY
    course.new(copy)
    print(f"A fresh working copy of the course is in {copy}")
    return copy


def has_window_browser() -> bool:
    """Tell whether a browser with a window can be opened; one inside the terminal would not do."""
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    ):
        return False
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return Path(getattr(found, "name", "")).name not in TEXT_BROWSERS


def port_is_free(port: int) -> bool:
    """Tell whether `port` of this machine can be listened on."""
    with socket.socket() as probe:
        if os.name == "posix":
            # A port left moments ago is free for JupyterLab too, which sets the same option.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def options(root: Path, *, browser: bool, port: int | None) -> list[str]:
    """Return JupyterLab's command line for the course in `root`."""
    chosen = [
        f"--ServerApp.root_dir={root}",
        f"--ServerApp.ip={ADDRESS}",
        f"--ServerApp.open_browser={browser}",
        f"--LabApp.default_url=/lab/tree/{course.START}",
        # The list of extensions is the one thing that would ask the network.
        "--LabApp.extension_manager=readonly",
        "--log-level=WARN",
    ]
    if port is not None:
        chosen += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        chosen.append("--allow-root")
    return chosen


def lab(given: Path | None, *, browser: bool, port: int | None) -> int:
    """Run JupyterLab on the course until it is stopped; print its address.

    Raises CourseError for a directory without a course or a port that is taken.
    """
    if port is not None and not 1 <= port <= 65535:
        raise CourseError(f"Port {port} does not exist: a port is 1 to 65535; choose one of these.")
    if port is not None and not port_is_free(port):
        raise CourseError(
            f"Port {port} cannot be used: another program has it or it is reserved; choose "
            "another, or leave --port out."
        )
    root = find_course(given, Path.cwd())
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise CourseError(
            f"JupyterLab is not installed here ({error}): run `make lab` in a checkout, "
            "or `pip install jupyterlab`."
        ) from error
    print(f"The course is in {root}", flush=True)
    print("JupyterLab is starting; stop it with Ctrl-C.", flush=True)
    LabApp.launch_instance(options(root, browser=browser and has_window_browser(), port=port))
    return 0
