"""How a policy treats the jobs that are ready: what ``dispatcher`` asks, with a plain answer each.

A policy that is more than an order (it keeps levels, tickets, virtual times) is a subclass that
overrides what it needs. The defaults alone are first come, first served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from vcloud_lab.scheduling import reasons
from vcloud_lab.scheduling.numbers import NEVER, Time, show
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.selection import Candidate
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Discipline", "Ranked", "Task", "tasks_of"]


@dataclass(eq=False)
class Task:
    """A job on its way through the machine; times in ticks.

    ``burst`` and ``left`` are of the present CPU burst, and ``ready`` is when that burst became
    ready: the arrival, later the end of an I/O. ``ahead`` holds what follows, last first: pairs of
    an I/O and the CPU burst after it. ``cpu`` is where it ran last, -1 before the first run.
    ``number`` is what the policy was told of the job. The rest are notes of the policy: a
    ``level`` (0 is the top), time ``used`` of an allowance, a virtual time ``value``, a
    ``deadline``.
    """

    position: int
    ready: int
    burst: int
    left: int
    number: Time = 0
    ahead: list[tuple[int, int]] = field(default_factory=list)
    cpu: int = -1
    level: int = 0
    used: Time = 0
    value: Time = 0
    deadline: Time = 0


class Discipline:
    """First come, first served, and the base of every other discipline.

    ``tasks`` are all jobs in list order, those that have not come yet included.
    """

    preemptive = False
    """Whether a newcomer that ``beats`` a running task takes its CPU."""

    def __init__(self, workload: Workload, policy: Policy, tasks: Sequence[Task]) -> None:
        self.workload, self.policy, self.tasks = workload, policy, tasks

    def admit(self, task: Task, now: int, *, woke: bool) -> None:
        """A task arrives, or ``woke`` from an I/O, and is about to join the ready list."""

    def at_head(self, task: Task, why: str) -> bool:
        """Whether the task joins at the head; it "arrived", "woke", was "preempted", "expired"."""
        return why == "preempted"

    def eligible(self, task: Task, now: int) -> bool:
        """Whether a ready task may run now; a CPU stays idle rather than run another."""
        return True

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        """One of the ready tasks (at least one, in the order of the list) to run next."""
        return ready[0]

    def slice(self, task: Task, now: int) -> int:
        """For how many ticks a task may run, once it has the CPU, before another choice is due."""
        return NEVER

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        """A task ran for ``ticks`` until ``now``; ``task.left`` is up to date.

        ``why``: "running" (it goes on; others arrived), "preempted", "expired", "blocked" (an I/O
        begins) or "finished".
        """

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        """Whether a newcomer takes the CPU from a running task."""
        return False

    def alarm(self) -> int:
        """When the discipline next wants to act by itself, in ticks."""
        return NEVER

    def ring(self, now: int, ready: Sequence[list[Task]]) -> None:
        """The alarm: all running tasks are back at the head of their ``ready`` list (one a queue,
        may be reordered). Later than asked for where nobody was ready at the time."""

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        """Why ``task`` was just chosen while ``others`` wait; ``lost`` had this CPU until now."""
        seen = [self.seen(other, now) for other in others]
        last = None if lost is None else lost.position
        return reasons.dispatch(self.workload, self.policy, self.seen(task, now), seen, last)

    def why_keep(self, running: Task, came: Sequence[Task], switching: int, now: int) -> str:
        """Why ``running`` stays though others came; its switch takes ``switching`` more ticks."""
        seen = [self.seen(task, now) for task in came]
        return reasons.keep(self.workload, self.policy, self.seen(running, now), seen, switching)

    def in_line(self, ready: Sequence[Task], now: int) -> list[Task]:
        """The ready tasks in the order in which the policy would take them, as far as it knows."""
        return list(ready)

    # For sentences and keys

    def seen(self, task: Task, now: int) -> Candidate:
        """The task as a policy's key sees it."""
        times = (task.ready, task.burst, task.left, now)
        return Candidate(task.position, *times, task.number, self.workload.scale)

    def name(self, task: Task) -> str:
        """The job's name."""
        return self.workload.names[task.position]

    def time(self, ticks: Time) -> str:
        """A time in ticks for people, in the workload's unit."""
        return show(Fraction(ticks) / self.workload.scale)


class Ranked(Discipline):
    """The discipline of a policy with a key: always the first in ``policy.order``."""

    def __init__(self, workload: Workload, policy: Policy, tasks: Sequence[Task]) -> None:
        super().__init__(workload, policy, tasks)
        self.preemptive = policy.preemptive
        self._quantum = NEVER if policy.quantum is None else policy.quantum_in(workload)

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        if self.policy.key is None:
            return ready[0]
        return min(ready, key=lambda task: self.policy.order(self.seen(task, now)))

    def in_line(self, ready: Sequence[Task], now: int) -> list[Task]:
        if self.policy.key is None:
            return list(ready)
        return sorted(ready, key=lambda task: self.policy.order(self.seen(task, now)))

    def slice(self, task: Task, now: int) -> int:
        return self._quantum

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        if self.policy.key is None:
            return False
        new, old = (self.policy.rank(self.seen(task, now)) for task in (newcomer, running))
        return new < old or (new == old and self.policy.on_tie == "preempt")


def tasks_of(workload: Workload, policy: Policy) -> list[Task]:
    """A task for every job, in list order."""
    tasks = []
    columns = (workload.arrival.tolist(), workload.burst.tolist(), policy.numbers_of(workload))
    for at, (arrival, burst, number) in enumerate(zip(*columns, strict=True)):
        # From (after, length) pairs to (length, next CPU burst), the last one first.
        waits = workload.io[at] if workload.io else ()
        cuts = [after for after, _ in waits] + [burst]
        bursts = [late - early for early, late in pairwise(cuts)]
        lengths = [length for _, length in waits]
        ahead = list(zip(lengths, bursts, strict=True))[::-1]
        tasks.append(Task(at, arrival, cuts[0], cuts[0], number, ahead))
    return tasks
