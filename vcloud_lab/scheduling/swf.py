"""Real workloads in the Standard Workload Format of the Parallel Workloads Archive.

Each line that is not a comment (``;``) has 18 numbers; -1 means unknown. Source: Chapin et al.,
"Benchmarks and Standards for the Evaluation of Parallel Job Schedulers", JSSPP 1999, and the
archive's page on the format.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from vcloud_lab.errors import TraceError
from vcloud_lab.scheduling.numbers import LARGEST
from vcloud_lab.scheduling.workload import Workload

__all__ = ["nasa_trace", "read_swf", "swf_header"]

NASA = Path(__file__).parent.parent / "data" / "NASA-iPSC-1993-3.1-cln.swf.gz"


def read_swf(path: str | os.PathLike[str], *, limit: int | None = None) -> Workload:
    """A workload from an SWF file, plain or gzipped (told by its first two bytes).

    The job number names the job, submit time (seconds, counted from the first job) is its arrival,
    run time its burst, and the allocated processors, or else the requested ones, its width. Jobs
    whose run time is zero or unknown did no work and are left out; ``workload.notes`` counts them.
    ``limit`` stops after that many jobs. Raises ``TraceError`` naming file and line for a line
    that is not 18 numbers, and for a file that is missing, damaged or has no job.
    """
    source = Path(path)
    names: list[str] = []
    arrival: list[int] = []
    burst: list[int] = []
    width: list[int] = []
    dropped = 0
    for at, line in _lines(source):
        if line.startswith(";") or not line.strip():
            continue
        fields = _numbers(source, at, line)
        if fields[3] <= 0:
            dropped += 1
            continue
        if fields[1] < 0:
            _broken(source, at, f"a submit time of {fields[1]}", "a time of 0 or later is needed")
        names.append(str(fields[0]))
        arrival.append(fields[1])
        burst.append(fields[3])
        width.append(fields[4] if fields[4] > 0 else max(fields[7], 1))
        if len(names) == limit:
            break
    if not names:
        raise TraceError(
            f"{source.name} has no job that ran: at least one line with a run time above 0 is "
            "needed; give another file."
        )
    first = min(arrival)
    notes = (f"{dropped} jobs with no run time left out",) if dropped else ()
    return Workload.from_columns(
        [time - first for time in arrival],
        burst,
        width,
        names=names,
        title=source.name,
        unit="s",
        notes=notes,
    )


def swf_header(path: str | os.PathLike[str] = NASA) -> str:
    """The comment lines at the top of an SWF file (the packaged NASA log, unless another is given):
    what was logged, where, by whom."""
    lines = (line.rstrip() for _, line in _lines(Path(path)))
    return "\n".join(takewhile(lambda line: line.startswith(";"), lines))


def nasa_trace(*, limit: int | None = None) -> Workload:
    """The log of NASA Ames' iPSC/860 of late 1993: 18,239 jobs on 128 processors.

    The log has no wait times: what it calls submit time is when the job really started. Source:
    Parallel Workloads Archive (Dror Feitelson), log NASA-iPSC-1993-3.1-cln, by Bill Nitzberg.
    """
    return read_swf(NASA, limit=limit)


def _lines(source: Path) -> Iterator[tuple[int, str]]:
    """The file's lines with their numbers from 1."""
    try:
        with source.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        opener = gzip.open if zipped else open
        with opener(source, "rt", encoding="utf-8", errors="replace") as text:
            yield from enumerate(text, 1)
    except (OSError, EOFError, zlib.error) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise TraceError(
            f"{source} cannot be read ({why}): an SWF file, plain or gzipped, is needed; "
            "check the path and the download."
        ) from problem


def _numbers(source: Path, at: int, line: str) -> list[int]:
    words = line.split()
    if len(words) != 18:
        _broken(source, at, f"{len(words)} fields", "SWF lines have 18")
    try:
        numbers = [int(float(word)) for word in words]
    except (ValueError, OverflowError):
        wrong = next(word for word in words if not _is_number(word))
        return _broken(source, at, f"the field {wrong!r}", "SWF fields are numbers")
    if max(map(abs, numbers)) >= LARGEST:
        _broken(source, at, f"the number {max(numbers, key=abs)}", "it must be below 2**62")
    return numbers


def _is_number(word: str) -> bool:
    try:
        int(float(word))
    except (ValueError, OverflowError):
        return False
    return True


def _broken(source: Path, at: int, value: str, rule: str) -> list[int]:
    raise TraceError(f"{source.name}, line {at}, has {value}: {rule}; mend or remove that line.")
