"""Nice values on the real kernel, beside the model; nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import psutil
import pytest

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling import linux
from vcloud_lab.scheduling.linux import Observed, observe_nice


def seen(nice: list[int], seconds: float = 1.0) -> tuple[Fraction, ...]:
    observed = observe_nice(nice, seconds)
    if observed.shares is None:
        pytest.skip(f"not shown here: {observed.reason}")
    assert observed == Observed("linux", observed.shares, "")
    assert sum(observed.shares) == 1
    return observed.shares


def loops() -> list[psutil.Process]:
    """Processes of the experiment that are still there."""
    found = []
    for process in psutil.process_iter():
        try:
            if "PR_SET_PDEATHSIG" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            pass
    return found


def gone(within: float = 10) -> bool:
    end = time.monotonic() + within
    while loops() and time.monotonic() < end:
        time.sleep(0.05)
    return not loops()


@pytest.mark.slow
def test_the_kernel_and_the_model_agree_on_nice() -> None:
    from vcloud_lab.scheduling import CFS, simulate

    jobs = [("A", 0, 10**6), ("B", 0, 10**6)]
    model = simulate(jobs, CFS(nice=[0, 10]))
    first = int(model.completion["A"])  # until then both compete
    share = Fraction(10**6, first)
    kernel = seen([0, 10])
    assert Fraction(8, 10) < share < 1
    assert kernel[0] > Fraction(7, 10)  # 0.90 by the weights; a busy machine blurs it


@pytest.mark.slow
def test_equal_nice_values_share_alike() -> None:
    """The negative control: without a difference of nice there is none of shares."""
    kernel = seen([5, 5])
    assert Fraction(1, 4) < kernel[0] < Fraction(3, 4)
    assert gone()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the experiment needs Linux")
def test_nothing_remains_when_the_caller_is_killed() -> None:
    code = "from vcloud_lab.scheduling.linux import observe_nice\nobserve_nice([0, 1], 9)"
    caller = subprocess.Popen([sys.executable, "-c", code])
    try:
        end = time.monotonic() + 20
        while len(loops()) < 3 and time.monotonic() < end:
            time.sleep(0.05)
        running = loops()
        assert len(running) == 3
        caller.kill()
        caller.wait()
        child = min(running, key=lambda process: process.pid)
        os.kill(child.pid, signal.SIGKILL)  # as the alarm would, only sooner
        assert gone()
    finally:
        caller.kill()
        caller.wait()
        for process in loops():
            process.kill()


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "CHILD", "PR_SET_PDEATHSIG = 0\nwhile True: pass")
    monkeypatch.setattr(linux, "GRACE", 0.3)
    observed = observe_nice([0, 1], 0.1)
    if sys.platform.startswith("linux"):
        assert observed.shares is None
        assert observed.reason == "the child did not end within 0.4 seconds"
    assert gone()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('no CPU to pin')", "the child failed: no CPU to pin"),
        ("raise SystemExit(3)", "the child failed: exit status 3"),
        ("print('[0, 0]')", "the kernel counted no processor time"),
    ],
)
def test_a_kernel_that_cannot_show_it_says_why(
    monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    monkeypatch.setattr(linux, "CHILD", code)
    monkeypatch.setattr(sys, "platform", "linux")
    assert observe_nice([0, 1], 0.1) == Observed("linux", None, reason)


def test_another_system_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert observe_nice([0, 1]).reason == "this machine runs darwin, not Linux"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: observe_nice([0]), ["[0]", "2 to 8"]),
        (lambda: observe_nice([0] * 9), ["2 to 8"]),
        (lambda: observe_nice([0, -1]), ["-1", "from 0 to 19"]),
        (lambda: observe_nice([0, True]), ["True"]),
        (lambda: observe_nice([0, 5], 0), ["0", "above 0"]),
        (lambda: observe_nice([0, 5], 11), ["11", "at most 10"]),
    ],
)
def test_mistakes(call: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
