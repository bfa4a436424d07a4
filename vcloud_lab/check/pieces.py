"""A chart as learners write it, slice by slice, and what makes one impossible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from vcloud_lab.check import answers
from vcloud_lab.check.answers import Misread
from vcloud_lab.scheduling import Schedule, Workload
from vcloud_lab.scheduling.numbers import Time, show

__all__ = ["FORM", "Piece", "chart_of", "faults", "joined", "read_pieces"]

FORM = "a list of (job, start, end)"
IDLE = ("idle", "-", "", None)


class Piece(NamedTuple):
    """One bar of a chart."""

    job: str
    start: Time
    end: Time


def read_pieces(answer: object, names: Sequence[str]) -> list[Piece]:
    """The bars of a chart in time order. Raises ``Misread`` with a sentence."""
    if isinstance(answer, str | dict) or not isinstance(answer, Iterable):
        raise Misread(f"that is of type {type(answer).__name__}; give {FORM}.")
    pieces = []
    for position, entry in enumerate(answer, 1):
        if not isinstance(entry, tuple | list) or len(entry) != 3:
            raise Misread(
                f"entry {position} of your chart is {answers.tell(entry, 60)}; give {FORM}."
            )
        start, end = (answers.number(t, f"a time in entry {position}") for t in entry[1:])
        if start >= end:
            raise Misread(
                f"entry {position} of your chart runs from {show(start)} to {show(end)}; "
                "the end comes after the start."
            )
        if entry[0] in IDLE:
            continue
        if entry[0] not in names:
            raise Misread(
                f"entry {position} of your chart names {answers.tell(entry[0], 40)}; "
                f"the jobs are {', '.join(names)}."
            )
        pieces.append(Piece(entry[0], start, end))
    return sorted(pieces, key=lambda piece: piece.start)


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Touching bars of one job as one bar."""
    found: list[Piece] = []
    for piece in pieces:
        if found and found[-1].job == piece.job and found[-1].end == piece.start:
            piece = Piece(piece.job, found.pop().start, piece.end)
        found.append(piece)
    return found


def chart_of(schedule: Schedule) -> list[Piece]:
    """The bars of a schedule."""
    return joined(Piece(*piece) for piece in schedule.slices())


def faults(workload: Workload, pieces: Sequence[Piece]) -> tuple[str, str] | None:
    """What makes a chart impossible under any policy on one CPU: name and sentence, or None."""
    for before, after in pairwise(pieces):
        if after.start < before.end:
            text = f"{before.job} and {after.job} both run at t={show(after.start)}"
            return "overlap", f"{text}; one CPU runs one job at a time."
    for piece in pieces:
        arrival = workload[piece.job].arrival
        if piece.start < arrival:
            text = f"{piece.job} runs at t={show(piece.start)} in your chart"
            return "early", f"{text}, but it arrives at t={show(arrival)}."
    for job in workload.jobs:
        ran = sum(piece.end - piece.start for piece in pieces if piece.job == job.name)
        if ran != job.burst:
            text = f"{job.name} runs for {show(ran)} in your chart"
            return "wrong-length", f"{text}; its burst is {show(job.burst)}."
    return None
