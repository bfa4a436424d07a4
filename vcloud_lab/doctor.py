"""What works on this machine: each check is tried in a child process, never guessed.

A check is a name and a function in CHECKS. The function runs in a fresh interpreter with
a time limit, so one that crashes or hangs costs one line of the report and no more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

OK, NOTE, PROBLEM = "ok", "note", "problem"
TIME_LIMIT = 120.0
OLDEST = (3, 11)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EXTENSIONS = {
    "ipywidgets": "@jupyter-widgets/jupyterlab-manager",
    "plotly": "jupyterlab-plotly",
}


@dataclass(frozen=True)
class Finding:
    """What one check found: `state` is "ok", "note" or "problem"; `advice` says what to do."""

    state: str
    message: str
    advice: str = ""


def check_python() -> Finding:
    """The interpreter is one of the supported versions."""
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return Finding(PROBLEM, f"Python {running} is too old", "install Python 3.11 or newer")
    return Finding(OK, f"Python {running}")


def check_packages() -> Finding:
    """Everything the package depends on is installed in a version it works with."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    wrong, seen = [], []
    for line in requires("vcloud-lab") or []:
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            present = version(needed.name)
        except PackageNotFoundError:
            wrong.append(f"{needed.name} is missing")
            continue
        seen.append(f"{needed.name} {present}")
        if not needed.specifier.contains(present, prereleases=True):
            wrong.append(f"{needed.name} is {present}, needed is {needed.specifier}")
    if wrong:
        return Finding(PROBLEM, "; ".join(wrong), "run `make lab`, or install vcloud-lab again")
    return Finding(OK, ", ".join(seen))


def check_course() -> Finding:
    """The notebooks are there."""
    from vcloud_lab import course
    from vcloud_lab.errors import CourseError

    try:
        root = course.source()
    except CourseError as error:
        return Finding(PROBLEM, str(error), "install vcloud-lab again")
    if not course.is_course(root):
        return Finding(
            PROBLEM, f"{course.START} is missing in {root}", "install again or run `make build`"
        )
    return Finding(OK, f"{len(course.files(root))} files in {root}")


def check_kernel() -> Finding:
    """A real Jupyter kernel starts and works out 1 + 1."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(startup_timeout=60, kernel_name="python3")
    try:
        reply = client.execute_interactive(
            "", user_expressions={"sum": "1 + 1"}, timeout=30, store_history=False
        )
        answer = reply["content"]["user_expressions"]["sum"]["data"]["text/plain"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if answer != "2":
        return Finding(PROBLEM, f"the kernel says 1 + 1 is {answer}", "install ipykernel again")
    return Finding(OK, "a kernel started and worked out 1 + 1")


def check_extensions() -> Finding:
    """JupyterLab has the browser side of plotly and ipywidgets."""
    from jupyter_core.paths import jupyter_path

    places = [Path(place) for place in jupyter_path("labextensions")]
    missing = [
        package
        for package, extension in EXTENSIONS.items()
        if not any((place / extension / "package.json").is_file() for place in places)
    ]
    if missing:
        return Finding(
            PROBLEM,
            f"JupyterLab has no extension of {', '.join(missing)}",
            "install JupyterLab and these packages into one environment",
        )
    return Finding(OK, f"JupyterLab shows {' and '.join(EXTENSIONS)}")


def check_progress() -> Finding:
    """The place where your progress is kept can be written."""
    from vcloud_lab.check import progress

    place = progress.path()
    if place is None:
        return Finding(NOTE, "progress is switched off by VCLOUD_LAB_PROGRESS=off")
    folder = place.parent
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding(OK, f"progress is kept in {place}")
    except OSError as error:
        return Finding(
            PROBLEM,
            f"{folder} cannot be written ({error.strerror})",
            "set VCLOUD_LAB_PROGRESS to a file where you may write, or to off",
        )


def check_port() -> Finding:
    """JupyterLab finds a port to listen on."""
    from vcloud_lab.launch import port_is_free

    free = [port for port in range(8888, 8938) if port_is_free(port)]
    if not free:
        return Finding(
            PROBLEM, "ports 8888 to 8937 are all taken", "use `vcloud-lab lab --port NUMBER`"
        )
    return Finding(OK, f"port {free[0]} is free")


def check_browser() -> Finding:
    """A Chromium is there; only the tests of the course itself want one."""
    found = find_browser()
    if found is None:
        return Finding(NOTE, "no Chromium here: the course works, its browser tests are skipped")
    return Finding(OK, f"{found} (used by the tests only)")


def find_browser() -> str | None:
    """Return the path of a Chromium or Chrome on PATH, None where there is none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


CHECKS: Mapping[str, Callable[[], Finding]] = {
    "python": check_python,
    "packages": check_packages,
    "course": check_course,
    "kernel": check_kernel,
    "extensions": check_extensions,
    "progress": check_progress,
    "port": check_port,
    "browser": check_browser,
}


def attempt(name: str, *, limit: float = TIME_LIMIT) -> Finding:
    """Try the check called `name` in a child process, at most `limit` seconds long."""
    # -P: a learner's file called like a library must not be imported in its place.
    command = [sys.executable, "-P", "-W", "ignore", "-m", "vcloud_lab.doctor", name]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Finding(PROBLEM, f"no answer within {limit:g} seconds", "run the doctor again")
    try:
        return Finding(**json.loads(child.stdout.strip().splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        last = (child.stderr.strip().splitlines() or [f"it ended with code {child.returncode}"])[-1]
        return Finding(PROBLEM, f"the check failed: {last}", "install vcloud-lab again")


def report(names: tuple[str, ...] = tuple(CHECKS)) -> int:
    """Try the checks and print a line each; return 1 when one found a problem, else 0."""
    states = []
    for name in names:
        finding = attempt(name)
        states.append(finding.state)
        print(f"{finding.state:8} {name:11} {finding.message}", flush=True)
        if finding.advice:
            print(f"{'':20} what to do: {finding.advice}", flush=True)
    problems = states.count(PROBLEM)
    if problems:
        print(f"{problems} of {len(states)} checks found a problem.")
        return 1
    print("Everything the course needs works here.")
    return 0


if __name__ == "__main__":
    print(json.dumps(asdict(CHECKS[sys.argv[1]]())))
