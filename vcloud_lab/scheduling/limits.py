"""Where the general machine stops, and what it says then."""

from __future__ import annotations

from typing import NoReturn

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.policy import Policy

__all__ = ["MOST_DISPATCHES", "beyond_reach", "check_dispatches", "nobody_runs"]

MOST_DISPATCHES = 2_000_000
"""The most dispatches of one run, alarms of the policy included: half a minute or so."""


def check_dispatches(policy: Policy, dispatches: int) -> None:
    """Raise ``PolicyError`` for more dispatches than are simulated."""
    if dispatches > MOST_DISPATCHES:
        raise PolicyError(
            f"{policy.label} takes more than {MOST_DISPATCHES} dispatches on this workload: that "
            "is the most that are simulated; use a longer quantum or fewer jobs."
        )


def beyond_reach(policy: Policy) -> NoReturn:
    """Raise ``PolicyError`` for a schedule that goes on too long to be reckoned with."""
    raise PolicyError(
        f"The schedule of {policy.label} grows beyond 2**62 ticks: times must stay below that; "
        "use a smaller cost."
    )


def nobody_runs(policy: Policy) -> NoReturn:
    """Raise ``PolicyError`` for a policy under which nothing ever happens again."""
    raise PolicyError(
        f"{policy.label} lets nobody run though jobs are ready: a policy must let every ready job "
        "run some time; change the policy."
    )
