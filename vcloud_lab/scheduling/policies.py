"""The scheduling policies. A policy is a little data: a loop, a key that orders the ready jobs,
and the words that explain a choice.

Sources: Silberschatz, Galvin & Gagne, *Operating System Concepts*, chapter "CPU Scheduling";
Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, chapter "Scheduling: Introduction";
Stallings, *Operating Systems*, chapter "Uniprocessor Scheduling" (HRRN).
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.loops import (
    first_come,
    round_robin,
    shortest_first,
    shortest_remaining,
)
from vcloud_lab.scheduling.numbers import Time, exact, show, simplest
from vcloud_lab.scheduling.policy import (
    MOST_TURNS,
    Numbers,
    Policy,
    above_zero,
    choose,
    numbers_told,
)
from vcloud_lab.scheduling.selection import Candidate, best_first
from vcloud_lab.scheduling.trace import Switch, Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["FCFS", "HRRN", "LRTF", "PRIORITY", "RR", "SJF", "SRTF", "Policy"]

FEW_TURNS, FEW_A_JOB = 1000, 24
"""Round robin is played turn by turn up to 1000 turns and 24 more a job, else by rounds."""


def FCFS() -> Policy:
    """First come, first served: in order of arrival (ties: list order), each job to its end."""
    return Policy("FCFS", _run_fcfs, _arrival, "came first")


def SJF(*, ties: str = "arrival") -> Policy:
    """Shortest job first: when the CPU is free, the shortest job that is there, to its end.

    Among equal bursts ``ties`` decides: "arrival" or "list". Raises ``PolicyError`` for another.
    """
    choose("ties", ties, "arrival", "list")
    return Policy("SJF", _run_sjf, _burst, "has the shortest burst", ties=ties)


def SRTF(*, ties: str = "arrival", on_tie: str = "keep") -> Policy:
    """Shortest remaining time first: an arrival that needs less than what is left preempts.

    With ``on_tie="preempt"`` an arrival that needs just as much preempts too; "keep" leaves the
    CPU where it is. ``ties`` as in ``SJF``. Raises ``PolicyError`` for other options.
    """
    choose("ties", ties, "arrival", "list")
    choose("on_tie", on_tie, "keep", "preempt")
    virtue = "has the least time left"
    return Policy("SRTF", _run_srtf, _left, virtue, preemptive=True, ties=ties, on_tie=on_tie)


def RR(quantum: Time | float | str, *, enqueue: str = "arrival-first") -> Policy:
    """Round robin: each job in turn for at most ``quantum`` (in the workload's unit).

    ``enqueue`` says who queues first when a job arrives in the tick in which another's quantum
    expires: the "arrival-first" (the default) or the "preempted-first". Raises ``PolicyError``
    for a quantum that is not above 0 or another order.
    """
    length = above_zero(quantum, "The quantum of RR", "RR(4)")
    choose("enqueue", enqueue, "arrival-first", "preempted-first")
    virtue = "is at the head of the queue"
    return Policy("RR", _run_rr, None, virtue, preemptive=True, quantum=length, enqueue=enqueue)


def PRIORITY(
    priorities: Numbers,
    *,
    preemptive: bool = False,
    high: str = "small",
    ageing: Time | float | str | None = None,
    ties: str = "arrival",
) -> Policy:
    """The ready job of the highest priority; with ``preemptive`` a higher one takes the CPU away.

    ``priorities`` has one number a job, by name or in list order. ``high`` says whether a "small"
    number is a high priority (the default) or a "large" one. With ``ageing``, a job gains one step
    of priority in each such stretch of time since its arrival, a fraction of it pro rata, so that
    nobody starves.

    Raises ``PolicyError`` for what is no number, an ageing that is not above 0, other options, and
    in ``simulate`` where the jobs are not exactly those of the workload.
    """
    choose("high", high, "small", "large")
    choose("ties", ties, "arrival", "list")
    if not isinstance(preemptive, bool):
        raise PolicyError(f"The option preemptive is {preemptive!r}: it must be True or False.")
    told = numbers_told(priorities, "priority", "priorities", "PRIORITY({'P1': 2, 'P2': 1})")
    step = None if ageing is None else exact(ageing, "The ageing", PolicyError)
    if step is not None and step <= 0:
        raise PolicyError(
            f"The ageing is {ageing}: it is the time that lifts a job by one step and must be "
            "above 0; try ageing=10."
        )

    def priority(candidate: Candidate) -> Time:
        if step is None:
            return candidate.number
        age = Fraction(candidate.now - candidate.arrival, candidate.scale)
        return simplest(candidate.number + (age if high == "large" else -age) / step)

    return Policy(
        "PRIORITY",
        _run_best,
        priority,
        "has the highest priority",
        preemptive=preemptive,
        most=high == "large",
        timed=False,
        numbers=told,
        ties=ties,
        remarks=(
            *(["preemptive"] if preemptive else []),
            *(["high=large"] if high == "large" else []),
            *([] if step is None else [f"ageing={show(step)}"]),
        ),
    )


def HRRN(*, ties: str = "arrival") -> Policy:
    """Highest response ratio next: when the CPU is free, the job with the largest
    (waited + burst) / burst, to its end.

    Short jobs go first, and long ones gain as they wait, so that nobody starves. Source: Stallings.
    Raises ``PolicyError`` for ``ties`` other than "arrival" and "list".
    """
    choose("ties", ties, "arrival", "list")
    virtue = "has the highest response ratio"
    return Policy("HRRN", _run_best, _ratio, virtue, most=True, timed=False, ties=ties)


def LRTF(quantum: Time | float | str = 1, *, ties: str = "arrival") -> Policy:
    """Longest remaining time first: at every arrival of a longer job, and at latest every
    ``quantum``, the CPU goes to the job with the most left, so that all of them end late.

    Raises ``PolicyError`` for a quantum that is not above 0 or ``ties`` as in ``SJF``.
    """
    length = above_zero(quantum, "The quantum of LRTF", "LRTF(1)")
    choose("ties", ties, "arrival", "list")
    return Policy(
        "LRTF",
        _run_best,
        _left,
        "has the most time left",
        preemptive=True,
        quantum=length,
        most=True,
        ties=ties,
    )


def _run_fcfs(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return first_come(workload, switch)


def _run_sjf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_first(workload, switch, ties=policy.ties)


def _run_srtf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_remaining(workload, switch, ties=policy.ties, on_tie=policy.on_tie)


def _run_rr(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    if policy.most_dispatches(workload) <= FEW_TURNS + FEW_A_JOB * len(workload):
        return _play_turns(workload, policy, switch)
    from vcloud_lab.scheduling.rounds import play_rounds

    return play_rounds(
        workload,
        switch,
        quantum=policy.quantum_in(workload),
        arrival_first=policy.enqueue == "arrival-first",
        play_turns=partial(_play_turns, workload, policy, switch),
    )


def _play_turns(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    """RR turn by turn, which needs memory for each of them."""
    fix = "listed; ask for the jobs' times only, or use a longer quantum or fewer jobs"
    policy.limit_turns(policy.most_dispatches(workload), MOST_TURNS, fix)
    return round_robin(
        workload,
        switch,
        quantum=policy.quantum_in(workload),
        arrival_first=policy.enqueue == "arrival-first",
    )


def _run_best(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return best_first(
        workload,
        switch,
        order=policy.order,
        rank=policy.rank,
        numbers=policy.numbers_of(workload),
        preemptive=policy.preemptive,
        quantum=None if policy.quantum is None else policy.quantum_in(workload),
    )


def _arrival(candidate: Candidate) -> int:
    return candidate.arrival


def _burst(candidate: Candidate) -> int:
    return candidate.burst


def _left(candidate: Candidate) -> int:
    return candidate.left


def _ratio(candidate: Candidate) -> Time:
    return 1 + Fraction(candidate.now - candidate.arrival, candidate.burst)
