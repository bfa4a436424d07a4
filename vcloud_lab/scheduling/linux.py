"""The real thing beside the model: how this machine's kernel shares a CPU by nice values.

Busy loops run for a moment below a child of their own, all on one CPU. Nothing of them remains,
whatever happens: they die with the child, and the child has an alarm. Where the kernel cannot show
it, the result says why.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from vcloud_lab.errors import PolicyError

__all__ = ["Observed", "observe_nice"]

MOST = 8
LONGEST = 10
GRACE = 20
"""Seconds that a busy machine may take longer than it was asked."""

# One loop a nice value; a pipe that opens when all are there lets them start together.
CHILD = """
import ctypes, json, os, signal, sys, time

nice, seconds = json.loads(sys.argv[1])
signal.alarm(int(seconds) + 15)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
libc = ctypes.CDLL(None)
closed, gate = os.pipe()
pids = []
for value in nice:
    pid = os.fork()
    if not pid:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the parent
        os.close(gate)
        os.nice(value)
        os.read(closed, 1)
        while True:
            pass
    pids.append(pid)
os.close(gate)
time.sleep(seconds)
for pid in pids:
    os.kill(pid, signal.SIGKILL)
used = [os.wait4(pid, 0)[2] for pid in pids]
print(json.dumps([round(1e6 * (each.ru_utime + each.ru_stime)) for each in used]))
"""


class Observed(NamedTuple):
    """What a kernel did: the ``shares`` of one CPU in the order that was asked, or None and the
    ``reason``. ``backend`` says who answered, here always "linux"."""

    backend: str
    shares: tuple[Fraction, ...] | None
    reason: str


def observe_nice(nice: Sequence[int], seconds: float = 1.0) -> Observed:
    """Let one busy process a nice value compete for one CPU and see who gets how much of it.

    Nice values are from 0 to 19: lower ones need root. Other programs on that CPU take from all
    alike, as far as the kernel is fair. Shares of real time differ from run to run: compare them
    with a model only loosely. Raises ``PolicyError`` for fewer than 2 or more than 8 processes, for
    other nice values, and for a time that is not above 0 and at most 10 seconds.
    """
    values = list(nice)
    if not 2 <= len(values) <= MOST or not all(type(v) is int and 0 <= v <= 19 for v in values):
        raise PolicyError(
            f"The nice values to observe are {nice!r}: 2 to {MOST} whole numbers from 0 to 19 are "
            "needed; write for example observe_nice([0, 5])."
        )
    if not 0 < seconds <= LONGEST:
        raise PolicyError(
            f"The time to observe is {seconds}: it must be above 0 and at most {LONGEST} seconds; "
            "try 1."
        )
    if not sys.platform.startswith("linux"):
        return Observed("linux", None, f"this machine runs {sys.platform}, not Linux")
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", CHILD, json.dumps([values, seconds])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, problem = child.communicate(timeout=seconds + GRACE)
    except subprocess.TimeoutExpired:
        return Observed("linux", None, f"the child did not end within {seconds + GRACE:g} seconds")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
    if child.returncode:
        last = (problem.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        return Observed("linux", None, f"the child failed: {last}")
    used = json.loads(out)
    if not sum(used):
        return Observed("linux", None, "the kernel counted no processor time")
    return Observed("linux", tuple(Fraction(each, sum(used)) for each in used), "")
