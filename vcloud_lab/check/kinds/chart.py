"""Exercises whose answer is a Gantt chart: a list of (job, start, end)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import Asked
from vcloud_lab.check.machine import MODELS
from vcloud_lab.check.models import Model
from vcloud_lab.check.pieces import FORM, Piece, chart_of, faults, joined, read_pieces
from vcloud_lab.check.question import Question
from vcloud_lab.check.registry import Task, register
from vcloud_lab.check.variants import Draw
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import VcloudLabError
from vcloud_lab.scheduling import Policy, Schedule, Workload
from vcloud_lab.scheduling.numbers import Time, show

__all__ = ["gantt"]


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
