"""Real workloads in the Standard Workload Format of the Parallel Workloads Archive.

Each line that is not a comment (``;``) has 18 numbers; -1 means unknown. Source: Chapin et al.,
"Benchmarks and Standards for the Evaluation of Parallel Job Schedulers", JSSPP 1999, and the
archive's page on the format.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from itertools import takewhile

from vcloud_lab.errors import TraceError
from vcloud_lab.scheduling.numbers import LARGEST
from vcloud_lab.scheduling.workload import Workload

__all__ = ["nasa_trace", "read_swf", "swf_header"]

NASA = os.path.join(os.path.dirname(__file__), "..", "data", "NASA-iPSC-1993-3.1-cln.swf.gz")


def read_swf(path: str | os.PathLike[str], *, limit: int | None = None) -> Workload:
    """A workload from an SWF file, plain or gzipped (told by its first two bytes).

    The job number names the job, submit time (seconds, counted from the first job) is its arrival,
    run time its burst, and the allocated processors, or else the requested ones, its width. Jobs
    whose run time is zero or unknown did no work and are left out; ``workload.notes`` counts them.
    ``limit``, at least 1, stops after that many jobs. Raises ``TraceError`` naming file and line
    for a line that is not 18 numbers or repeats a job number, and for a file that is missing,
    damaged or has no job.
    """
    if limit is not None and limit < 1:
        raise TraceError(f"The limit is {limit}: at least 1 job must be read; raise it.")
    source, name = os.fspath(path), os.path.basename(path)
    names: dict[str, int] = {}  # job number -> line
    arrival: list[int] = []
    burst: list[int] = []
    width: list[int] = []
    dropped = 0
    for at, line in _lines(source):
        if line.startswith(";") or not line.strip():
            continue
        fields = _numbers(name, at, line)
        if fields[3] <= 0:
            dropped += 1
            continue
        if fields[1] < 0:
            _broken(name, at, f"a submit time of {fields[1]}", "a time of 0 or later is needed")
        job = str(fields[0])
        if job in names:
            rule = f"line {names[job]} has that one already"
            _broken(name, at, f"the job number {job}", rule)
        names[job] = at
        arrival.append(fields[1])
        burst.append(fields[3])
        width.append(fields[4] if fields[4] > 0 else max(fields[7], 1))
        if len(names) == limit:
            break
    if not names:
        raise TraceError(
            f"{name} has no job that ran: at least one line with a run time above 0 is "
            "needed; give another file."
        )
    first = min(arrival)
    notes = (f"{dropped} jobs without a run time dropped",) if dropped else ()
    return Workload.from_columns(
        [time - first for time in arrival],
        burst,
        width,
        names=list(names),
        title=name,
        unit="s",
        notes=notes,
    )


def swf_header(path: str | os.PathLike[str] = NASA) -> str:
    """The comment lines at the top of an SWF file (the packaged NASA log, unless another is given):
    what was logged, where, by whom."""
    lines = (line.rstrip() for _, line in _lines(os.fspath(path)))
    return "\n".join(takewhile(lambda line: line.startswith(";"), lines))


def nasa_trace(*, limit: int | None = None) -> Workload:
    """The log of NASA Ames' iPSC/860 of late 1993, a machine of 128 processors.

    Of its 18,239 jobs, 173 have no run time and are left out, as ``read_swf`` does.
    The log has no wait times: what it calls submit time is when the job really started. Source:
    Parallel Workloads Archive (Dror Feitelson), log NASA-iPSC-1993-3.1-cln, by Bill Nitzberg.
    """
    return read_swf(NASA, limit=limit)


def _lines(source: str) -> Iterator[tuple[int, str]]:
    """The file's lines with their numbers from 1."""
    import gzip  # here, so that importing the package stays quick

    try:
        with open(source, "rb") as raw:
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


def _numbers(name: str, at: int, line: str) -> list[int]:
    words = line.split()
    if len(words) != 18:
        _broken(name, at, f"{len(words)} fields", "SWF lines have 18")
    try:
        numbers = [int(float(word)) for word in words]
    except (ValueError, OverflowError):
        wrong = next(word for word in words if not _is_number(word))
        return _broken(name, at, f"the field {wrong!r}", "SWF fields are numbers")
    if max(map(abs, numbers)) >= LARGEST:
        _broken(name, at, f"the number {max(numbers, key=abs)}", "it must be below 2**62")
    return numbers


def _is_number(word: str) -> bool:
    try:
        int(float(word))
    except (ValueError, OverflowError):
        return False
    return True


def _broken(name: str, at: int, value: str, rule: str) -> list[int]:
    raise TraceError(f"{name}, line {at}, has {value}: {rule}; mend or remove that line.")
