"""The scheduling policies. A policy is a little data: a loop, a key that orders the ready jobs,
and the words that explain a choice.

Sources: Silberschatz, Galvin & Gagne, *Operating System Concepts*, chapter "CPU Scheduling";
Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, chapter "Scheduling: Introduction".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.loops import (
    Switch,
    Trace,
    first_come,
    round_robin,
    shortest_first,
    shortest_remaining,
)
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact, show, ticks_of
from vcloud_lab.scheduling.workload import Workload

__all__ = ["FCFS", "RR", "SJF", "SRTF", "Candidate", "Policy"]

MOST_TURNS = 20_000_000
"""The most round-robin turns that are simulated one by one: a few seconds and 500 MB."""


class Candidate(NamedTuple):
    """A ready job as a policy sees it; times in ticks, ``position`` in the workload's list."""

    position: int
    arrival: int
    burst: int
    left: int


@dataclass(frozen=True)
class Policy:
    """Who runs next. Make one with ``FCFS()``, ``SJF()``, ``SRTF()`` or ``RR(quantum)``.

    ``key`` gives the number of a ``Candidate`` that the policy minimises, None where the queue's
    order decides; ``virtue`` names that number in words. ``ties`` says who wins among equals: who
    came first ("arrival", then list order) or who stands first in the list ("list").
    """

    name: str
    loop: Callable[[Workload, Policy, Switch], Trace]
    key: Callable[[Candidate], int] | None
    virtue: str
    preemptive: bool = False
    quantum: Time | None = None
    ties: str = "arrival"
    on_tie: str = "keep"
    enqueue: str = "arrival-first"

    @property
    def label(self) -> str:
        """The name with everything that is not the default: "RR q=4", "SJF ties=list"."""
        quantum = [] if self.quantum is None else [f"q={show(self.quantum)}"]
        defaults = {"ties": "arrival", "on_tie": "keep", "enqueue": "arrival-first"}
        options = [f"{k}={v}" for k in defaults if (v := getattr(self, k)) != defaults[k]]
        return " ".join([self.name, *quantum, *options])

    def order(self, candidate: Candidate) -> tuple[int, ...]:
        """A key that sorts ready jobs, best first, without ties."""
        value = self.key(candidate) if self.key else 0
        arrival = candidate.arrival if self.ties == "arrival" else 0
        return (value, arrival, candidate.position)

    def most_dispatches(self, workload: Workload) -> int:
        """An upper bound on the dispatches of a run; raises ``PolicyError`` beyond 20 million."""
        if self.quantum is None:
            return 2 * len(workload)
        quantum = _quantum(self, workload)
        turns = int((-(-workload.burst // quantum)).sum())
        if turns > MOST_TURNS:
            raise PolicyError(
                f"RR with quantum {self.quantum} would take {turns} turns on this workload: at "
                f"most {MOST_TURNS} are simulated; use a longer quantum or fewer jobs."
            )
        return turns

    def __repr__(self) -> str:
        return f"<policy {self.label}>"


def FCFS() -> Policy:
    """First come, first served: in order of arrival (ties: list order), each job to its end."""
    return Policy("FCFS", _run_fcfs, _arrival, "came first")


def SJF(*, ties: str = "arrival") -> Policy:
    """Shortest job first: when the CPU is free, the shortest job that is there, to its end.

    Among equal bursts ``ties`` decides: "arrival" or "list". Raises ``PolicyError`` for another.
    """
    _choose("ties", ties, "arrival", "list")
    return Policy("SJF", _run_sjf, _burst, "has the shortest burst", ties=ties)


def SRTF(*, ties: str = "arrival", on_tie: str = "keep") -> Policy:
    """Shortest remaining time first: an arrival that needs less than what is left preempts.

    With ``on_tie="preempt"`` an arrival that needs just as much preempts too; "keep" leaves the
    CPU where it is. ``ties`` as in ``SJF``. Raises ``PolicyError`` for other options.
    """
    _choose("ties", ties, "arrival", "list")
    _choose("on_tie", on_tie, "keep", "preempt")
    virtue = "has the least time left"
    return Policy("SRTF", _run_srtf, _left, virtue, preemptive=True, ties=ties, on_tie=on_tie)


def RR(quantum: Time | float | str, *, enqueue: str = "arrival-first") -> Policy:
    """Round robin: each job in turn for at most ``quantum`` (in the workload's unit).

    ``enqueue`` says who queues first when a job arrives in the tick in which another's quantum
    expires: the "arrival-first" (the default) or the "preempted-first". Raises ``PolicyError``
    for a quantum that is not above 0 or another order.
    """
    length = exact(quantum, "The quantum of RR", PolicyError)
    if length <= 0:
        raise PolicyError(f"The quantum of RR is {quantum}: it must be above 0; try RR(4).")
    _choose("enqueue", enqueue, "arrival-first", "preempted-first")
    virtue = "is at the head of the queue"
    return Policy("RR", _run_rr, None, virtue, preemptive=True, quantum=length, enqueue=enqueue)


def _run_fcfs(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return first_come(workload, switch)


def _run_sjf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_first(workload, switch, ties=policy.ties)


def _run_srtf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_remaining(workload, switch, ties=policy.ties, on_tie=policy.on_tie)


def _run_rr(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    quantum = _quantum(policy, workload)
    first = policy.enqueue == "arrival-first"
    return round_robin(workload, switch, quantum=quantum, arrival_first=first)


def _quantum(policy: Policy, workload: Workload) -> int:
    """The quantum in ticks; one that no burst can use up is cut, so that it fits in 64 bits."""
    return min(ticks_of(policy.quantum or 0, workload.scale), LARGEST)


def _arrival(candidate: Candidate) -> int:
    return candidate.arrival


def _burst(candidate: Candidate) -> int:
    return candidate.burst


def _left(candidate: Candidate) -> int:
    return candidate.left


def _choose(option: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise PolicyError(
            f"The option {option} is {value!r}: it must be {' or '.join(map(repr, allowed))}; "
            "choose one of them."
        )
