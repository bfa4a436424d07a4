"""What the explorer says when it is asked "what if": the alternatives to a choice, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vcloud_lab.render.axis import number
from vcloud_lab.render.scene import Grid
from vcloud_lab.scheduling import own
from vcloud_lab.scheduling.alternatives import Alternative, what_if
from vcloud_lab.scheduling.ledger import Decision
from vcloud_lab.scheduling.numbers import Time, show
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.schedule import Schedule

__all__ = ["NOTHING", "Answer", "ask", "difference", "grid", "in_words", "signed"]

BUDGET = 50_000
"""Microseconds that an answer may take, by the costs below, which are those of a slow machine."""

COST_OF_KEY, COST_OF_DISCIPLINE, COST_OF_OWN = 5, 15, 60
"""Microseconds for each ready job at each dispatch. A function of one's own runs in a thread."""

MOST_NAMED = 6
"""Jobs named in one sentence."""


@dataclass(frozen=True)
class Answer:
    """The alternatives to the choice at a moment; without any, a ``note`` says why."""

    alternatives: tuple[Alternative, ...] = ()
    real: Time = 0
    note: str = ""

    def get(self, job: str | None) -> Alternative | None:
        """The alternative that gives the CPU to a job."""
        return next((one for one in self.alternatives if one.job == job), None)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One a job: ``job``, ``mean waiting``, ``instead of`` and their ``change``."""
        return [
            {
                "job": one.job,
                "mean waiting": self.real + one.change,
                "instead of": self.real,
                "change": one.change,
            }
            for one in self.alternatives
        ]


NOTHING = Answer()


def ask(schedule: Schedule, moments: Sequence[Decision], place: int, *, whole: bool) -> Answer:
    """The alternatives at moment ``place``; ``whole`` says that ``moments`` are all there are.

    A schedule for which this would take long gets a sentence. Raises what ``what_if`` raises.
    """
    now = moments[place]
    if now.kind != "dispatch" or not now.ready:
        return Answer(note=_elsewhere(now, moments, place))
    looks = sum(len(moment.ready) + 1 for moment in moments if moment.kind == "dispatch")
    if not whole or looks * (len(now.ready) + 1) * _cost(schedule.policy) > BUDGET:
        return Answer(
            note="This schedule is too long to be computed anew for each job at every step: "
            "choose fewer jobs or a longer quantum, or call what_if(schedule, number)."
        )
    dispatch = sum(moment.kind == "dispatch" for moment in moments[:place])
    _, others = what_if(schedule, dispatch)
    return Answer(others, schedule.mean("waiting"))


def _elsewhere(now: Decision, moments: Sequence[Decision], place: int) -> str:
    why = "nobody gets the CPU now" if now.kind != "dispatch" else "nobody else was ready"
    askable = [at for at, one in enumerate(moments) if one.kind == "dispatch" and one.ready]
    later = next((at for at in askable if at > place), None)
    if not askable:
        return f"There was no choice: {why}, and at no moment was anybody else ready."
    if later is None:
        return f"There was no choice: {why}. The last choice was at moment {askable[-1]}."
    return f"There was no choice: {why}. The next choice is at moment {later}."


def _cost(policy: Policy) -> int:
    if policy.discipline is None:
        return COST_OF_KEY
    module = getattr(getattr(policy.discipline, "func", None), "__module__", "")
    return COST_OF_OWN if module == own.__name__ else COST_OF_DISCIPLINE


def signed(change: Time) -> str:
    """A change with its sign."""
    return f"+{show(change)}" if change > 0 else f"\N{MINUS SIGN}{show(-change)}" if change else "0"


def in_words(row: dict[str, Any]) -> str:
    """A row in a few words."""
    return f"{row['job']}: mean waiting {show(row['mean waiting'])} ({signed(row['change'])})"


def grid(answer: Answer) -> Grid:
    """The table of the alternatives; a star marks the best of those that beat the policy."""
    rows = answer.rows
    least = min(row["change"] for row in rows)
    better = [(at, 1) for at, row in enumerate(rows) if least < 0 and row["change"] == least]
    return Grid(
        "",
        ("had it chosen", "mean waiting", "instead of", "change"),
        tuple(
            (
                row["job"],
                show(row["mean waiting"]),
                show(row["instead of"]),
                signed(row["change"]),
            )
            for row in rows
        ),
        (False, True, True, True),
        best=tuple(better),
        note="* less waiting than with the choice that was made."
        if better
        else "No other choice at this moment gives less waiting.",
    )


def difference(schedule: Schedule, now: Decision, other: Alternative) -> str:
    """What another choice changes, in words."""
    before, after = schedule.waiting, other.schedule.waiting
    mean, was = show(other.schedule.mean("waiting")), show(schedule.mean("waiting"))
    change = f"{mean} instead of {was} ({signed(other.change)})" if other.change else f"{was} too"
    said = [
        f"Had {other.job} been chosen at time {number(now.time)} instead of {now.chosen}, the mean "
        f"waiting time would be {change}."
    ]
    pairs = [(job, before[job], after[job]) for job in before]
    for verb, found in (
        ("less", [pair for pair in pairs if pair[2] < pair[1]]),
        ("more", [pair for pair in pairs if pair[2] > pair[1]]),
    ):
        if found:
            named = ", ".join(
                f"{job} {show(new)} (not {show(old)})" for job, old, new in _few(found)
            )
            rest = f" and {len(found) - MOST_NAMED} others" if len(found) > MOST_NAMED else ""
            said.append(f"Waiting {verb}: {named}{rest}.")
    end, ended = number(other.schedule.makespan), number(schedule.makespan)
    said.append(f"The last job ends at {end}{', as before' if end == ended else f', not {ended}'}.")
    return " ".join(said)


def _few(pairs: Iterable[tuple[str, Time, Time]]) -> list[tuple[str, Time, Time]]:
    """Those whose waiting changes most."""

    def size(pair: tuple[str, Time, Time]) -> Time:
        return max(pair[2] - pair[1], pair[1] - pair[2])

    return sorted(pairs, key=size, reverse=True)[:MOST_NAMED]
