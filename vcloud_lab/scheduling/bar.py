"""A progress bar of text."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["TextBar", "sentence"]

EVERY = 0.1
"""Seconds between two drawings: more than that nobody can read."""


def sentence(done: int, total: int, failed: int) -> str:
    """How far a sweep is: "3 of 8 points done, 1 failed"."""
    points = "point" if total == 1 else "points"
    return f"{done} of {total} {points} done" + (f", {failed} failed" if failed else "")


class TextBar:
    """Draws ``[#####.....] 4 of 8 points done`` over itself on a terminal; elsewhere, where that
    would fill a log, it writes one line at the end. ``stream`` is stderr unless you give one."""

    def __init__(self, stream: TextIO | None = None, width: int = 30) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._width = width
        self._drawn = float("-inf")

    def __call__(self, done: int, total: int, failed: int) -> None:
        """Show that ``done`` of ``total`` points are done."""
        terminal, now = self._stream.isatty(), time.monotonic()
        if done < total and (not terminal or now < self._drawn + EVERY):
            return
        self._drawn = now
        full = self._width * done // total if total else self._width
        bar = f"[{'#' * full}{'.' * (self._width - full)}] {sentence(done, total, failed)}"
        self._stream.write(("\r" if terminal else "") + bar + ("\n" if done == total else ""))
        self._stream.flush()
