"""Why the scheduler did what it did, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from vcloud_lab.scheduling.numbers import show
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.selection import Candidate
from vcloud_lab.scheduling.workload import Workload

__all__ = ["dispatch", "end", "idle", "keep"]


def dispatch(
    workload: Workload,
    policy: Policy,
    chosen: Candidate,
    others: Sequence[Candidate],
    preempted: int | None,
) -> str:
    """Why ``chosen`` gets the CPU while ``others`` wait; ``preempted`` had it until now."""
    name = workload.names[chosen.position]
    if not others:
        again = preempted == chosen.position
        return f"{name} {'runs on: nobody else' if again else 'is the only job that'} is ready."
    if policy.key is None:
        head = f"{name} {policy.virtue}"
        if preempted is not None:
            last = workload.names[preempted]
            return f"The quantum of {last} is over, it queues again; {head}."
        return f"{head}, {len(others)} behind it."
    value = _value(workload, policy, chosen)
    loser = next((other for other in others if other.position == preempted), None)
    if loser is not None and policy.name == "SRTF":
        theirs, victim = _value(workload, policy, loser), workload.names[loser.position]
        if policy.key(chosen) < policy.key(loser):
            why = f"{name} needs less ({value}) than {victim} has left ({theirs})"
        else:
            why = f"{name} needs as little ({value}) as {victim} has left, and arrivals win ties"
        return f"{why}: {victim} is preempted."
    best = f"{name} {policy.virtue} ({value}) of {len(others) + 1} ready jobs"
    if loser is not None:
        best += f"; {workload.names[loser.position]} ({_value(workload, policy, loser)}) "
        best += "is preempted" if policy.quantum is None else "gives up the CPU"
    equals = [other for other in others if policy.key(other) == policy.key(chosen)]
    if not equals:
        return f"{best}."
    rival = min(equals, key=policy.order)
    came_first = policy.ties == "arrival" and chosen.arrival < rival.arrival
    why = "came earlier" if came_first else "stands earlier in the list"
    return f"{best}; {workload.names[rival.position]} ties, but {name} {why}."


def keep(
    workload: Workload,
    policy: Policy,
    running: Candidate,
    arrived: Sequence[Candidate],
    switching: int,
) -> str:
    """Why ``running`` stays when others arrive; its switch takes ``switching`` more ticks."""
    name = workload.names[running.position]
    come = f"{_list([workload.names[other.position] for other in arrived])} arrive"
    come += "s" if len(arrived) == 1 else ""
    if switching > 0:
        return f"{come}; the switch to {name} is under way and is not interrupted."
    if not policy.preemptive:
        return f"{come}; {name} keeps the CPU, because {policy.name} never takes it away."
    if policy.key is None:
        queue = "queues" if len(arrived) == 1 else "queue"
        return f"{come} and {queue}; the quantum of {name} is not over."
    if policy.name != "SRTF":
        mine = _value(workload, policy, running)
        theirs = _value(workload, policy, min(arrived, key=policy.order))
        return f"{come} ({theirs}); {name} ({mine}) keeps the CPU: nobody who came is better."
    least = show(workload.time(min(other.burst for other in arrived)))
    left = show(workload.time(running.left))
    return f"{come} with {least}; {name} has {left} left, which is not more, and keeps the CPU."


def idle(workload: Workload, until: int) -> str:
    """Why nobody runs."""
    return f"Nobody is ready: the CPU is idle until {show(workload.time(until))}."


def end(workload: Workload) -> str:
    """The last sentence."""
    return "All jobs are done." if len(workload) else "There are no jobs."


def _value(workload: Workload, policy: Policy, candidate: Candidate) -> str:
    """The number by which the policy chooses; a time in the workload's unit."""
    value = policy.key(candidate) if policy.key else 0
    return show(workload.time(int(value)) if policy.timed else value)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
