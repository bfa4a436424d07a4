"""A real `vcloud-lab lab` on a fresh working copy, and proof that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+\S*\?token=(\w+)")
COMMAND = Path(sys.executable).with_name("vcloud-lab")
# Every process that the server starts inherits this variable, whoever its parent is by then.
MARK = "VCLOUD_LAB_BROWSER_TEST"
OURS = ("JUPYTER", "IPYTHON", "VCLOUD_LAB", "XDG_", "PYTEST_")


@dataclass(frozen=True)
class Course:
    """A served working copy: `start` is the address that the command printed, token included."""

    folder: Path
    start: str
    token: str
    mark: str
    log: Path

    @property
    def base(self) -> str:
        """The address of the server, with no slash at its end."""
        return re.match(r"http://[^/]+", self.start).group()

    def lab(self, path: str, workspace: str) -> str:
        """The address of a file in a JupyterLab whose tabs no other page shares."""
        return f"{self.base}/lab/workspaces/{workspace}/tree/{path}?token={self.token}"

    def code_cells(self, path: str) -> int:
        """How many code cells a notebook of the working copy has."""
        notebook = json.loads((self.folder / path).read_text(encoding="utf-8"))
        return sum(cell["cell_type"] == "code" for cell in notebook["cells"])

    def ask(self, path: str, data: dict[str, Any] | None = None, method: str = "GET") -> Any:
        """Call the server's REST interface and return what it answers."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.base}/{path}", body, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as reply:
            content = reply.read()
        return json.loads(content) if content else None


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def marked(mark: str) -> list[psutil.Process]:
    """The live processes that carry the mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            dead = process.status() == psutil.STATUS_ZOMBIE
            if not dead and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def clean_environment(home: Path, mark: str) -> dict[str, str]:
    """The environment without what a person may have set up for Jupyter."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1", MARK: mark}


@contextlib.contextmanager
def serve(place: Path) -> Iterator[Course]:
    """Make a working copy below `place` and serve it; in the end nothing runs any more.

    Raises AssertionError where the server does not come up, or a process outlives it.
    """
    folder, home, log = place / "course", place / "home", place / "server.log"
    home.mkdir(parents=True)
    mark = uuid.uuid4().hex
    environment = clean_environment(home, mark)
    made = [str(COMMAND), "new", str(folder)]
    subprocess.run(made, env=environment, cwd=home, check=True, capture_output=True, timeout=60)
    command = [str(COMMAND), "lab", str(folder), "--no-browser", "--port", str(free_port())]
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=home, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        start, token = _address(server, log)
        yield Course(folder, start, token, mark, log)
    finally:
        left = _stop(server, mark)
    assert not left, f"these processes outlived the server: {left}"


def _address(server: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        found = ADDRESS.search(log.read_text())
        if found:
            return found.group(), found.group(1)
        time.sleep(0.1)
    raise AssertionError(f"`vcloud-lab lab` printed no address:\n{log.read_text()}")


def _stop(server: subprocess.Popen[bytes], mark: str) -> list[str]:
    """Ask the server to end, as a terminal's hang-up would; kill and name what is left."""
    server.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(20)
    deadline = time.monotonic() + 5
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = marked(mark)
    names = [f"{process.pid} {process.name()}" for process in left]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    server.wait(10)
    return names
