"""What can be chosen in the explorer, and the schedules that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.scheduling import RR, Schedule, Workload
from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.generate import random_workload
from vcloud_lab.scheduling.numbers import Time, exact
from vcloud_lab.widgets.catalogue import (
    EVERY,
    NAMES,
    SLICED,
    Knobs,
    Maker,
    numbers_text,
    read_numbers,
)

__all__ = [
    "ASKING",
    "MANY",
    "MOST_CPUS",
    "RANDOM",
    "Settings",
    "jobs_of",
    "rules",
    "schedules_of",
    "yes_or_no",
]

RANDOM = "random, by seed"
RANDOM_JOBS = 6
MOST_CPUS = 8

MOST_TURNS = 20_000
"""The most turns on the general machine: a second or so."""

MANY = ("cpus", "queues", "steal")
ASKING = ("asking", "alternative")
"""The settings of the machine and of what if, which not every explorer has."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen. ``focus`` is the policy whose moments are stepped through,
    ``numbers`` a text with one number a job, ``alternative`` the job of the other choice."""

    workload: str
    policies: tuple[str, ...] = NAMES
    focus: str = "RR"
    quantum: Any = 2
    switch_cost: Any = 0
    enqueue: str = "arrival-first"
    switch_charge: str = "between"
    seed: Any = 1
    moment: Any = 0
    numbers: Any = ""
    cpus: Any = 1
    queues: str = "global"
    steal: Any = True
    asking: Any = False
    alternative: str | None = None


def rules(settings: Settings) -> Settings:
    """What schedules depend on."""
    return replace(settings, focus="", moment=0, asking=False, alternative=None)


def jobs_of(settings: Settings, workloads: Mapping[str, Workload]) -> Workload:
    """The workload that is chosen; raises ``WorkloadError`` for one that does not exist."""
    if settings.workload == RANDOM:
        return random_workload(RANDOM_JOBS, settings.seed, load="1.2", mean_burst=5)
    if settings.workload not in workloads:
        raise WorkloadError(
            f"There is no workload {settings.workload!r} here: choose from "
            f"{', '.join(workloads)} or {RANDOM!r}."
        )
    return workloads[settings.workload]


def schedules_of(
    settings: Settings, workload: Workload, makers: Mapping[str, Maker]
) -> dict[str, Schedule]:
    """The schedule of each policy that is chosen.

    Raises ``PolicyError`` for any impossible setting, in use or not: the controls have to show
    them all.
    """
    turn, _ = RR(settings.quantum, enqueue=settings.enqueue), random_workload(0, settings.seed)
    if not settings.policies:
        raise PolicyError("0 policies are chosen: at least one is needed; tick one.")
    odd = next((name for name in settings.policies if name not in makers), None)
    if odd is not None:
        raise PolicyError(f"There is no policy {odd!r} here: choose from {', '.join(makers)}.")
    cpus, numbers = _cpus(settings.cpus), _numbers(settings.numbers, len(workload))
    knobs = Knobs(settings.quantum, settings.enqueue, settings.seed, numbers, len(workload))
    slow = SLICED if cpus > 1 or workload.io else SLICED - {"RR"}
    if any(name in slow and makers[name] is EVERY[name] for name in settings.policies):
        _check_turns(workload, turn.quantum or 1)
    return {
        name: simulate(
            workload,
            makers[name](knobs),
            cpus=cpus,
            queues=settings.queues,
            steal=settings.steal,
            switch_cost=settings.switch_cost,
            switch_charge=settings.switch_charge,
        )
        for name in settings.policies
    }


def _cpus(value: Any) -> int:
    cpus = exact(value, "The number of CPUs", PolicyError)
    if cpus.denominator != 1 or not 1 <= cpus <= MOST_CPUS:
        raise PolicyError(
            f"The number of CPUs is {value}: the explorer has 1 to {MOST_CPUS}, whole; for more, "
            "call simulate(workload, policy, cpus=...)."
        )
    return int(cpus)


def _numbers(numbers: Any, jobs: int) -> tuple[Time, ...]:
    text = numbers_text(numbers)
    read = read_numbers(text)
    if len(read) not in (0, jobs):
        raise PolicyError(
            f"The numbers are {text!r}, which makes {len(read)}: each of the {jobs} jobs needs "
            f"one, in list order; write {jobs}, or none."
        )
    return read


def _check_turns(workload: Workload, quantum: Time) -> None:
    turns = sum(-(-burst // (quantum * workload.scale)) for burst in workload.burst.tolist())
    if turns > MOST_TURNS:
        raise PolicyError(
            f"A quantum of {float(quantum):g} takes {turns} turns on this workload: the explorer "
            f"makes at most {MOST_TURNS}; use a longer quantum."
        )


def yes_or_no(setting: str, value: Any) -> bool:
    """The value, if it is True or False; else ``PolicyError``."""
    if not isinstance(value, bool):
        raise PolicyError(f"The setting {setting} is {value!r}: it must be True or False.")
    return value
