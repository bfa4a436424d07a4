"""Exercises whose answer is a Gantt chart: a list of (job, start, end)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from vcloud_lab.check import answers
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import Asked
from vcloud_lab.check.machine import MODELS
from vcloud_lab.check.models import Model
from vcloud_lab.check.question import Question
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.variants import Draw
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import VcloudLabError
from vcloud_lab.scheduling import Policy, Schedule, Workload
from vcloud_lab.scheduling.numbers import Time, show

__all__ = ["Piece", "faults", "gantt", "read_pieces"]

FORM = "a list of (job, start, end)"
IDLE = ("idle", "-", "", None)


class Piece(NamedTuple):
    """One bar of a chart."""

    job: str
    start: Time
    end: Time


def gantt(
    id: str,
    *,
    title: str,
    workload: Workload,
    policy: Policy,
    hints: Sequence[str],
    ask: str | None = None,
    wrong: Sequence[object] = (),
    draw: Draw | None = None,
    **options: Any,
) -> Task:
    """The chart of a schedule on one CPU.

    Touching slices of one job may be joined or not; idle time is left out, or written as
    ("idle", start, end).
    """
    asked = Asked(id, Question(workload, policy, **options), wrong, draw)

    def judge(answer: object, seed: int | None) -> Outcome:
        question = asked(seed)
        try:
            mine = read_pieces(answer, question.workload.names)
        except Misread as misread:
            return Outcome(False, str(misread))
        schedule = question.schedule()
        if joined(mine) == chart_of(schedule):
            return Outcome(True, f"the chart is that of {schedule.label}.")
        fault = faults(question.workload, mine)
        if fault and fault[0] == "overlap":
            return Outcome(False, fault[1], fault[0])
        text, lost = difference(schedule, mine)
        model = misconception(question, mine)
        if model is not None:
            sentence = model.say(question)
            return Outcome(False, f"{text} {sentence[0].upper()}{sentence[1:]}", model.name)
        if lost:
            return Outcome(False, text, "lost-time")
        if fault:
            first = text if fault[0] == "wrong-length" else ""
            return Outcome(False, f"{first} {fault[1]}".strip(), fault[0])
        return Outcome(False, text)

    def reject(question: Question, model: Model) -> list[object]:
        right, other = chart_of(question.schedule()), other_chart(question, model)
        if other is None or other == right or misconception(question, other) is not model:
            return []
        return [list(map(tuple, other))]

    def state(seed: int | None) -> str:
        question = asked(seed)
        sentence = f"Draw the chart {question.conditions()}: give {FORM}."
        return asked.statement(title, ask or sentence, seed)

    def right(seed: int | None) -> list[object]:
        schedule = asked(seed).schedule()
        return [[tuple(s) for s in schedule.slices()], [tuple(p) for p in chart_of(schedule)]]

    return register(
        Task(
            id,
            title,
            "gantt",
            FORM,
            tuple(hints),
            state,
            judge,
            right,
            lambda seed: asked.rejected(seed, reject),
            lambda seed: asked(seed).workload,
            seeded=True,
        )
    )


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


def misconception(question: Question, mine: Sequence[Piece]) -> Model | None:
    """The wrong model whose schedule is this chart."""
    chart = joined(mine)
    return next((model for model in MODELS if other_chart(question, model) == chart), None)


def other_chart(question: Question, model: Model) -> list[Piece] | None:
    """The chart of a wrong model, None for a model that is no schedule."""
    if model.other is None:
        return None
    try:
        other = model.other(question)
        return None if other is None else chart_of(other.schedule())
    except VcloudLabError:
        return None


def difference(schedule: Schedule, mine: Sequence[Piece]) -> tuple[str, bool]:
    """The first moment at which a chart departs from the schedule, with the scheduler's reason;
    and whether time is lost there: the chart idles between its bars, and a job could run."""
    right = chart_of(schedule)
    edges = sorted({t for piece in (*right, *mine) for t in (piece.start, piece.end)} | {0})
    at = next(t for t in edges if running(mine, t) != running(right, t))
    here, there = running(mine, at), running(right, at)
    decision = [moment for moment in schedule.moments() if moment.time <= at][-1]
    since = "" if decision.time == at else f" since t={show(decision.time)}"
    yours = f"runs {here}" if here else "leaves the CPU idle"
    theirs = f"{there} has the CPU{since}" if there else "no job can run"
    if there is None and decision.kind == "dispatch":
        return f"at t={show(at)} your chart {yours}, but the CPU is still switching.", False
    lost = here is None and any(piece.start > at for piece in mine)
    return f"at t={show(at)} your chart {yours}, but {theirs}. {decision.reason}", lost


def running(pieces: Sequence[Piece], at: Time) -> str | None:
    """Who runs right after a moment."""
    return next((piece.job for piece in pieces if piece.start <= at < piece.end), None)
