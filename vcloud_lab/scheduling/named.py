"""A policy from the name that it is made by: ``simulate(jobs, FCFS)`` means ``FCFS()``."""

from __future__ import annotations

from collections.abc import Callable

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.credit import CREDIT
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ, MLQ
from vcloud_lab.scheduling.periodic import EDF, RM
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE

__all__ = ["policy_of"]

PLAIN: tuple[Callable[[], Policy], ...] = (
    FCFS,
    SJF,
    SRTF,
    HRRN,
    LRTF,
    MLFQ,
    FEEDBACK,
    CFS,
    EEVDF,
    CREDIT,
)
"""The functions that may stand for the policy that they make without arguments."""

INCOMPLETE: tuple[tuple[Callable[..., Policy], str, str], ...] = (
    (RR, "a quantum", "RR(4)"),
    (PRIORITY, "the priorities", "PRIORITY({'P1': 2, 'P2': 1})"),
    (MLQ, "the queue of each job", "MLQ({'P1': 0, 'P2': 1}, [4, None])"),
    (LOTTERY, "tickets and a seed", "LOTTERY({'P1': 75, 'P2': 25}, seed=1)"),
    (STRIDE, "tickets", "STRIDE({'P1': 75, 'P2': 25})"),
    (EDF, "the deadlines", "EDF({'P1': 20, 'P2': 12}), or EDF(tasks) for PeriodicTasks"),
    (RM, "the periods", "RM({'P1': 5, 'P2': 7}), or RM(tasks) for PeriodicTasks"),
)
"""Those that need something first: what, and an example."""


def policy_of(named: object) -> Policy:
    """The policy that a function makes without arguments.

    Raises ``PolicyError`` for a function that needs some, and for what makes no policy.
    """
    for function in PLAIN:
        if named is function:
            return function()
    for incomplete, what, example in INCOMPLETE:
        if named is incomplete:
            raise PolicyError(
                f"{incomplete.__name__} needs {what} before it can run: write for example "
                f"{example}."
            )
    raise PolicyError(
        f"The policy is {named!r}: it must be {', '.join(one.__name__ for one in PLAIN)}, or what "
        f"{', '.join(function.__name__ for function, _, _ in INCOMPLETE)} or OWN give when they "
        "are called; choose one."
    )
