"""Calling a learner's function so that nothing it does can hurt the notebook.

The function runs in a thread of its own, line by line under a trace function that counts. When the
count is used up the thread is parked for good: it can swallow no exception and takes no more time.
Counting lines, not seconds, gives every machine the same verdict. Only a single call into compiled
code that never returns (or a sleep) is left to the clock.
"""

from __future__ import annotations

import contextlib
import contextvars
import dis
import io
import itertools
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

__all__ = ["STEPS", "Run", "call", "is_stub"]

STEPS = 300_000
"""Lines that a function may run before it counts as endless."""

SECONDS = 30.0
"""The backstop for what cannot be counted."""

ITEMS = 100_000
"""The most that is taken out of a generator."""

_PACKAGE = Path(__file__).resolve().parent
_TASKS = os.path.join(_PACKAGE, "check", "tasks", "")
# Each ends in a separator: a learner's folder may begin like the package's.
_LIBRARY = (
    *(
        os.path.join(folder, "")
        for folder in {
            str(_PACKAGE),
            *(sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")),
        }
    ),
    "<frozen",
)

_IDLE = ("RESUME", "NOP", "RETURN_VALUE")
_LOADS = ("LOAD_CONST", "RETURN_CONST")


@dataclass(frozen=True)
class Run:
    """What came of a call: ``value``, or a ``problem`` in words ("raised ValueError: ...").

    ``kind`` is "returned", "raised", "endless" or "stub" (it raised NotImplementedError).
    """

    kind: str
    value: object = None
    problem: str = ""


def call(
    function: Callable[..., Any], *args: Any, steps: int = STEPS, seconds: float = SECONDS
) -> Run:
    """Call ``function(*args)`` and come back, whatever it does; what it prints is dropped.

    A generator or another iterator is returned as a list.
    """
    box = _Box(function, args, steps)
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(box.work,), daemon=True)
    with contextlib.redirect_stdout(io.StringIO()):
        thread.start()
        box.done.wait(seconds)
    if box.run is not None:
        return box.run
    box.left = 0
    return Run("endless", problem=f"did not come back within {seconds:g} seconds")


class _Box:
    """One call: the counter, and where the result is put."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], steps: int) -> None:
        self.function, self.args, self.steps, self.left = function, args, steps, steps
        self.done = threading.Event()
        self.run: Run | None = None

    def work(self) -> None:
        sys.settrace(self.enter)
        try:
            value = self.function(*self.args)
            if isinstance(value, Iterator):
                value = list(itertools.islice(value, ITEMS))
            run = Run("returned", value)
        except NotImplementedError:
            run = Run("stub")
        except RecursionError:
            run = Run("raised", problem="calls itself without end (RecursionError)")
        except BaseException as error:
            run = Run("raised", problem=f"raised {_describe(error)}")
        finally:
            sys.settrace(None)
        self.finish(run)

    def finish(self, run: Run) -> None:
        if self.run is None:
            self.run = run
        self.done.set()

    def enter(self, frame: FrameType, event: str, arg: object) -> Any:
        file = frame.f_code.co_filename
        if file.startswith(_LIBRARY) and not file.startswith(_TASKS):
            return None  # trusted code is neither counted nor parked: it may hold a lock
        frame.f_trace_opcodes = _spins(frame.f_code)
        return self.step

    def step(self, frame: FrameType, event: str, arg: object) -> Any:
        self.left -= 1
        if self.left < 0:
            self.finish(
                Run("endless", problem=f"was still running after {self.steps} steps: it never ends")
            )
            threading.Event().wait()
        return self.step


@lru_cache(maxsize=256)
def _spins(code: CodeType) -> bool:
    """Whether a jump leads to itself, as in ``while True: pass``.

    Python 3.11 reports no line there, so the instructions are counted instead.
    """
    return any(
        step.opcode in dis.hasjrel and step.argval == step.offset
        for step in dis.get_instructions(code)
    )


def _describe(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:
        text = ""
    text = text.splitlines()[0][:160] if text else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_stub(function: object) -> bool:
    """Whether a function has no body yet: nothing but a docstring, ``...``, ``pass`` or
    ``return ...``."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return all(
        step.opname in _IDLE or (step.opname in _LOADS and step.argval in (None, Ellipsis))
        for step in dis.get_instructions(code)
    )
