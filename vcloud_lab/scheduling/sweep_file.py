"""The file of a sweep: a header, then one JSON line for each finished point.

    {"format":"vcloud_lab sweep","version":1,"measure":"vcloud_lab.scheduling.points.figures"}
    {"point":{"policy":"RR","quantum":4,"load":"9/10",...},"result":{"mean waiting":"63/4",...}}
    {"point":{...},"failed":"ValueError: ..."}

Lines are only ever added, so that a crash can harm the last one at most. A number is whole or a
fraction "p/q". Of several lines for one point the last one counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from vcloud_lab.errors import SweepError, VcloudLabError
from vcloud_lab.scheduling.numbers import Time, exact
from vcloud_lab.scheduling.points import FIELDS, Point

__all__ = ["SweepFile", "failure_line", "parse_line", "result_line"]

SYNC_EVERY = 1.0
"""Seconds between two times that the disk is asked to keep what it has: a crash of the program
loses nothing that was written, a power cut at most this much."""

MOST_BITS = 13_000
"""Numbers of more than about 3,900 digits are refused: Python reads and prints up to 4,300."""

_held: set[Path] = set()
_guard = threading.Lock()


# Lines


def result_line(point: Point, result: object) -> str:
    """The line of a point that was measured; ``SweepError`` for a result that cannot be kept."""
    if not isinstance(result, Mapping) or not result:
        raise SweepError(
            f"The measure gave {str(result)[:80]!r}: a dict from names to numbers is needed; "
            "return for example {'mean waiting': 3}."
        )
    kept = {}
    for name, value in result.items():
        if not isinstance(name, str) or name in (*FIELDS, "label", "failed"):
            raise SweepError(
                f"The measure gave a figure called {name!r}: a name is a text other than those of "
                f"the point ({', '.join(FIELDS)}, label, failed); call it something else."
            )
        kept[name] = _plain(exact(value, f"The figure {name!r}", SweepError), name)
    return _line({"point": _fields(point), "result": kept})


def failure_line(point: Point, error: BaseException) -> str:
    """The line of a point that raised: its sentence, after the type where it is not one of ours."""
    kind = "" if isinstance(error, VcloudLabError) else f"{type(error).__name__}: "
    return _line({"point": _fields(point), "failed": f"{kind}{error}"[:500]})


def parse_line(text: str | bytes) -> tuple[Point, dict[str, Time] | str]:
    """The point of a line, and its figures or the sentence with which it failed.

    Raises ``ValueError`` for anything that ``result_line`` and ``failure_line`` do not write, and
    as ``Point`` does for a point that this version cannot simulate.
    """
    entry = json.loads(text)
    if not isinstance(entry, dict) or len(entry) != 2 or not isinstance(entry.get("point"), dict):
        raise ValueError("no point")
    if set(entry["point"]) != set(FIELDS):
        raise ValueError("not the fields of a point")
    point = Point(**entry["point"])
    if isinstance(sentence := entry.get("failed"), str):
        return point, sentence
    if not isinstance(result := entry.get("result"), dict) or not result:
        raise ValueError("no result")
    return point, {name: _number(value) for name, value in result.items()}


def _fields(point: Point) -> dict[str, Any]:
    values = {name: getattr(point, name) for name in FIELDS}
    return {name: str(v) if isinstance(v, Fraction) else v for name, v in values.items()}


def _plain(value: Time, name: str) -> int | str:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise SweepError(
            f"The figure {name!r} is a fraction of more than 3,900 digits: that is out of reach; "
            "use fewer jobs, or a measure of your own without it."
        )
    return str(value) if isinstance(value, Fraction) else value


def _number(value: object) -> Time:
    if type(value) is not int and not isinstance(value, str):
        raise ValueError("not an exact number")
    return exact(value, "A figure", SweepError)


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":")) + "\n"


# The file


class SweepFile:
    """A sweep's file, opened for one writer; use it in a ``with`` statement.

    ``lines`` has the line of each point whose figures the file held. Raises ``SweepError`` where
    the file is something else, belongs to another measure, has a line that does not belong, is
    being written by another sweep, or cannot be opened.
    """

    def __init__(self, place: Path, measure: str) -> None:
        self.place = place
        self.lines: dict[Point, str] = {}
        self._header = _line({"format": "vcloud_lab sweep", "version": 1, "measure": measure})
        self._end = 0
        self._synced = time.monotonic()

    def __enter__(self) -> SweepFile:
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(_locked(self.place))
                # Without a buffer a line is in the hands of the system once it is written.
                self._file = stack.enter_context(self.place.open("ab", buffering=0))
                self._read()
                self._open = stack.pop_all()
        except OSError as error:
            raise self._trouble("opened", error) from error
        return self

    def __exit__(self, *_: object) -> None:
        with self._open, contextlib.suppress(OSError):
            os.fsync(self._file.fileno())

    def write(self, line: str) -> None:
        """Add a line. Raises ``SweepError`` where there is no room; then nothing of it is left."""
        data = line.encode()
        try:
            if self._file.write(data) != len(data):
                raise OSError(None, "No space left")
            if time.monotonic() - self._synced > SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
            raise self._trouble("written", error) from error
        self._end += len(data)

    def _trouble(self, verb: str, error: OSError) -> SweepError:
        return SweepError(
            f"The sweep's file {self.place} cannot be {verb} ({error.strerror or error}): it needs "
            "a folder that exists, room, and your right to write there; what was finished is kept."
        )

    def _read(self) -> None:
        with self.place.open("rb") as file:
            first = file.readline()
            header = self._header.encode()
            if not first.endswith(b"\n") and header.startswith(first):
                self._cut(0)  # empty, or torn before the first line was whole
                self.write(self._header)
                return
            if first != header:
                raise SweepError(self._not_ours(first))
            self._end = len(first)
            for number, line in enumerate(file, 2):
                if not line.endswith(b"\n"):
                    self._cut(self._end)
                    return
                try:
                    point, found = parse_line(line)
                except (ValueError, ArithmeticError, VcloudLabError) as error:
                    detail = f" ({error})" if isinstance(error, VcloudLabError) else ""
                    raise SweepError(
                        f"Line {number} of {self.place} is not a point of a sweep{detail}: every "
                        "line but the first must be one; remove the line, or choose another file."
                    ) from error
                if isinstance(found, str):
                    self.lines.pop(point, None)
                else:
                    self.lines[point] = line.decode()
                self._end += len(line)

    def _cut(self, end: int) -> None:
        """Cut a torn last line off; its point is measured again."""
        self._file.truncate(end)
        self._end = end

    def _not_ours(self, first: bytes) -> str:
        entry: Any = None
        with contextlib.suppress(ValueError):
            entry = json.loads(first)
        if not isinstance(entry, dict) or entry.get("format") != "vcloud_lab sweep":
            rule = "is not a sweep's file: a sweep adds lines only to files that it began"
        elif entry.get("version") != 1:
            rule = f"has version {entry.get('version')!r} of the format: this program writes 1"
        else:
            own = json.loads(self._header)["measure"]
            rule = f"holds results of the measure {entry.get('measure')!r}: yours is {own!r}"
        return f"The file {self.place} {rule}; choose another file."


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Hold the right to write ``place``, by a lock of the operating system on a file beside it.

    Such a lock ends with the process, however that ends: no age of a file tells a crash from a
    point that takes long. It does not tell two sweeps of one process apart, so those are noted.
    """
    place = place.resolve()
    beside = place.with_name(place.name + ".lock")
    with _guard:
        if place in _held:
            raise SweepError(_busy(place, "another sweep of this program"))
        _held.add(place)
    try:
        handle = _lock(place, beside)
        try:
            yield
        finally:
            if sys.platform == "win32":  # an open file cannot be removed there
                os.close(handle)
            with contextlib.suppress(OSError):
                beside.unlink()
            if sys.platform != "win32":
                os.close(handle)
    finally:
        with _guard:
            _held.discard(place)


def _lock(place: Path, beside: Path) -> int:
    while True:
        handle = os.open(beside, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            _take(handle)
            with contextlib.suppress(FileNotFoundError):
                # The one before us removes the file: a lock on what is no longer there is none.
                if os.path.samestat(os.fstat(handle), os.stat(beside)):
                    os.ftruncate(handle, 0)
                    os.write(handle, str(os.getpid()).encode())
                    return handle
        except (BlockingIOError, PermissionError) as error:
            owner = os.read(handle, 20).decode(errors="replace") if os.name == "posix" else ""
            os.close(handle)
            who = f"process {owner}" if owner else "another process"
            raise SweepError(_busy(place, who)) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _take(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _busy(place: Path, who: str) -> str:
    return (
        f"The file {place} is being written by {who}: only one sweep at a time may add to it; "
        "wait for it, or choose another file."
    )
