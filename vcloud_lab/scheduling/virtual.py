"""What the policies have in common that give each job a virtual time and run whoever is behind."""

from __future__ import annotations

from collections.abc import Sequence

from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import NEVER, Time
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.workload import Workload

__all__ = ["LeastFirst"]


class LeastFirst(Discipline):
    """Always the ready task of the least ``rank``; ties go by arrival, then list order.

    Tasks that are ready or running are ``active``. A subclass overrides ``joins``, ``charge`` and
    ``leaves``, which are told of every change in good time.
    """

    def __init__(self, workload: Workload, policy: Policy, tasks: Sequence[Task]) -> None:
        super().__init__(workload, policy, tasks)
        self.quantum = NEVER if policy.quantum is None else policy.quantum_in(workload)
        self.active: list[Task] = []
        self._arrival = workload.arrival.tolist()

    def joins(self, task: Task, *, woke: bool) -> None:
        """A task is about to become active: it arrived, or ``woke``."""

    def charge(self, task: Task, ticks: int) -> None:
        """An active task ran for ``ticks``."""

    def leaves(self, task: Task) -> None:
        """An active task is about to leave: it waits for a device, or is done."""

    def rank(self, task: Task) -> Time:
        """The number by which the ready tasks are compared; the least wins."""
        return task.value

    def shown(self, task: Task) -> str:
        """The rank for people."""
        return self.time(self.rank(task))

    def order(self, task: Task) -> tuple[Time, ...]:
        """A key that sorts tasks, best first, without ties."""
        return (self.rank(task), self._arrival[task.position], task.position)

    def admit(self, task: Task, now: int, *, woke: bool) -> None:
        self.joins(task, woke=woke)
        self.active.append(task)

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        self.charge(task, ticks)
        if why in ("blocked", "finished"):
            self.leaves(task)
            self.active.remove(task)

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        return min(ready, key=self.order)

    def in_line(self, ready: Sequence[Task], now: int) -> list[Task]:
        return sorted(ready, key=self.order)

    def slice(self, task: Task, now: int) -> int:
        return self.quantum

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        if not others:
            return super().why(task, others, lost, now)
        return f"{self.name(task)} {self._because(task, others)}."

    def _because(self, task: Task, others: Sequence[Task]) -> str:
        rival = min(others, key=self.order)
        if self.order(rival) < self.order(task):  # an idle CPU took it from another's queue
            mine, theirs = self.shown(task), self.shown(rival)
            return f"({mine}) is taken, although {self.name(rival)} ({theirs}) is before it"
        because = f"{self.policy.virtue} ({self.shown(task)}) of {len(others) + 1} ready jobs"
        if self.rank(rival) > self.rank(task):
            return because
        earlier = self._arrival[task.position] < self._arrival[rival.position]
        why = "came earlier" if earlier else "stands earlier in the list"
        return f"{because}; {self.name(rival)} ties, but {self.name(task)} {why}"
