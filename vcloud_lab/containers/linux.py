"""A command in a container, on the real kernel: namespaces, a root of its own, limits and rights.

>>> from vcloud_lab.containers.linux import run
>>> run(["sh", "-c", "echo $$; hostname"], hostname="box").stdout    # doctest: +SKIP
'1\\nbox\\n'

Everything happens in a helper process (``linux_child``), so the calling process is never changed.
Sources: the manual pages unshare(2), user_namespaces(7), pivot_root(2), cgroups(7), seccomp(2),
capabilities(7), landlock(7).
"""

from __future__ import annotations

import marshal
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vcloud_lab.containers import capabilities, seccomp
from vcloud_lab.containers.helper import helper_command
from vcloud_lab.containers.linux_checks import Limits, Overlay, check_order, map_lines, root_of
from vcloud_lab.containers.refusals import explain
from vcloud_lab.errors import ContainerError

__all__ = ["NAMESPACES", "Limits", "Overlay", "Result", "run"]

NAMESPACES = ("user", "mount", "pid", "net", "ipc", "uts", "cgroup")
"""What a container leaves unless it is told otherwise: all but the time namespace."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
}

GRACE = 8.0
"""Seconds that the helper gets for clearing away before it is killed itself."""


class Result(NamedTuple):
    """How a command ended.

    ``code`` is its exit code, or minus the number of the signal that killed it. ``stdout`` and
    ``stderr`` are what it wrote, ``truncated`` if there was more. ``held`` names for each limit
    what holds it here (``cgroup v1``, ``cgroup v2``, ``rlimit``, or ``nothing: ...``), ``events``
    counts how often the control group struck.
    """

    code: int
    stdout: str
    stderr: str
    timed_out: bool
    truncated: bool
    held: dict[str, str]
    events: dict[str, int]

    @property
    def signal(self) -> str:
        """The name of the signal that killed it, or nothing."""
        return signal.Signals(-self.code).name if self.code < 0 else ""


def run(
    command: Sequence[str],
    *,
    rootfs: str | Path | Overlay | None = None,
    namespaces: Sequence[str] = NAMESPACES,
    uid_map: Sequence[tuple[int, int, int]] = (),
    gid_map: Sequence[tuple[int, int, int]] = (),
    hostname: str = "container",
    limits: Limits | None = None,
    seccomp_deny: Iterable[str] = (),
    drop: Iterable[str] = capabilities.UNSAFE,
    writable: Sequence[str] | None = None,
    masked: Sequence[str] = (),
    read_only: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 10.0,
    clock_offset: int = 0,
    output_limit: int = 1 << 20,
) -> Result:
    """Run a command in new ``namespaces``, wait for its end, and leave nothing behind.

    - ``rootfs``: a directory, or an ``Overlay`` of several, that becomes ``/``; by default the
      host's own, without its /dev, /run and /tmp. All of it is read-only but an overlay and the
      fresh /tmp, /run and /dev of the container. Without "mount" the host's files stay as they
      are: the control of the experiment, not a container.
      The directories of an overlay must hold no mounts, and ``upper`` must belong to the root
      inside.
    - ``uid_map``, ``gid_map``: (first inside, first outside, count) for "user"; by default root
      inside is the caller outside. Only root can map others.
    - ``limits``: see ``Limits``. They hold before the command begins.
    - ``seccomp_deny``: system calls that fail with EPERM. ``drop``: capabilities without CAP_, or
      "all"; by default those with which root inside could undo what is read-only.
    - ``writable``: if given, Landlock forbids to write anywhere but beneath these directories;
      also to /dev/null, unless /dev is one of them.
    - ``masked``: paths to hide; ``read_only``: paths that are not to be changed. Missing ones are
      passed over.
    - ``env``: the whole environment; ``stdin``: what the command reads.
    - ``timeout``: seconds after which everything is killed (code -9). ``clock_offset``: seconds
      that the time namespace's clocks are ahead. ``output_limit``: bytes kept of each output.

    Raises ``ContainerError`` for impossible orders, and where the kernel refuses a step.
    """
    root = rootfs if isinstance(rootfs, Overlay) else Overlay(())
    limits = limits or Limits()
    order: dict[str, Any] = {
        "command": [os.fspath(word) for word in command],
        "rootfs": os.path.abspath(rootfs) if isinstance(rootfs, str | Path) else "",
        "lower": [os.path.abspath(path) for path in root.lower],
        "upper": os.path.abspath(root.upper) if root.upper else "",
        "scratch": tempfile.gettempdir(),
        "namespaces": list(namespaces),
        "user": "user" in namespaces,
        "fresh_proc": "pid" in namespaces,
        "uid_map": map_lines(uid_map, os.getuid()),
        "gid_map": map_lines(gid_map, os.getgid()),
        "root_outside": (root_of(uid_map, os.getuid()), root_of(gid_map, os.getgid())),
        "hostname": hostname,
        "limits": {name: value for name, value in limits._asdict().items() if value is not None},
        "seccomp": seccomp.deny(numbers) if (numbers := seccomp.numbers(seccomp_deny)) else b"",
        "drop": capabilities.mask(drop),
        "writable": None if writable is None else list(writable),
        "masked": list(masked),
        "read_only": list(read_only),
        "env": dict(ENVIRONMENT if env is None else env),
        "clock_offset": clock_offset,
    }
    check_order(order, timeout, isinstance(rootfs, Overlay))
    report, outputs, timed_out = carry_out(order, stdin, timeout, output_limit)
    status: int = report["status"]
    stdout, stderr = (bytes(data[:output_limit]).decode(errors="replace") for data in outputs)
    return Result(
        code=-signal.SIGKILL if report["stopped"] else os.waitstatus_to_exitcode(status),
        stdout=stdout,
        stderr=stderr,
        timed_out=timed_out,
        truncated=any(len(data) > output_limit for data in outputs),
        held=report["held"],
        events=report["events"],
    )


def carry_out(
    order: dict[str, Any], stdin: bytes, timeout: float, most: int
) -> tuple[dict[str, Any], list[bytearray], bool]:
    """Start the helper, hand it the order, and collect its report and the command's output."""
    order_read, order_write = os.pipe()
    report_read, report_write = os.pipe()
    words = helper_command("linux_child", os.getpid(), order_read, report_write)
    with tempfile.TemporaryFile() as source, os.fdopen(report_read, "rb") as report:
        source.write(stdin)
        source.seek(0)
        try:
            helper = subprocess.Popen(
                words,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(order_read, report_write),
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            os.close(order_write)
            raise ContainerError(
                f"The helper process cannot be started: {error}; check that {sys.executable!r} may "
                "be run by this user."
            ) from None
        finally:
            os.close(order_read)
            os.close(report_write)
        with helper:
            try:
                with os.fdopen(order_write, "wb") as pipe:
                    pipe.write(marshal.dumps(order))
                outputs, timed_out = gather(helper, time.monotonic() + timeout, most)
            finally:
                end(helper)
        told = report.read()
    if not told:
        raise ContainerError(
            f"The helper process ended without a report: {outputs[1].decode(errors='replace')!r}; "
            "start it again, and report this if it stays so."
        )
    found: dict[str, Any] = marshal.loads(told)
    if found["refused"]:
        number, doing = found["refused"]
        raise ContainerError(
            f"The container for {order['command'][0]!r} cannot be started: "
            f"{explain(number, doing)}; see probe() for what works here."
        )
    if found["error"]:
        raise ContainerError(found["error"])
    return found, outputs, timed_out


def gather(
    helper: subprocess.Popen[bytes], deadline: float, most: int
) -> tuple[list[bytearray], bool]:
    """Read both outputs to their ends, keeping ``most`` bytes and one of each; stop in time."""
    assert helper.stdout is not None
    assert helper.stderr is not None
    timed_out, streams = False, {helper.stdout: bytearray(), helper.stderr: bytearray()}
    with selectors.DefaultSelector() as ready:
        for stream in streams:
            ready.register(stream, selectors.EVENT_READ)
        while ready.get_map():
            if time.monotonic() >= deadline:
                if timed_out:
                    helper.kill()
                    break
                timed_out, deadline = True, deadline + GRACE
                helper.terminate()
            for key, _ in ready.select(max(0.0, deadline - time.monotonic())):
                data, kept = os.read(key.fd, 65536), streams[key.fileobj]  # type: ignore[index]
                kept += data[: most + 1 - len(kept)]
                if not data:
                    ready.unregister(key.fileobj)
    return list(streams.values()), timed_out


def end(helper: subprocess.Popen[bytes]) -> None:
    """Wait for the helper; if the caller was interrupted let it clear away first."""
    if sys.exc_info()[0] is not None:
        helper.terminate()
    try:
        helper.wait(GRACE)
    except subprocess.TimeoutExpired:
        helper.kill()
