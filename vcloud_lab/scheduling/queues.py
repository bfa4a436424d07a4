"""Where ready tasks wait: one list for all CPUs, or one a core, with affinity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import NEVER

__all__ = ["Cpu", "Queues"]


@dataclass
class Cpu:
    """A processor; ``task``, ``decided`` on, runs from ``start`` (after the switch) to ``stop``."""

    number: int
    task: Task | None = None
    decided: int = 0
    start: int = 0
    stop: int = NEVER
    settled: int = 0  # up to when the running task has been charged
    entry: int = -1  # its place in the trace
    previous: Task | None = None
    lost: Task | None = None  # who had the CPU until now and is not done
    late: list[Task] = field(default_factory=list)  # newcomers during the switch


class Queues:
    """The ready lists of a machine. ``affinity`` has the CPUs that a job may use, by position."""

    def __init__(
        self,
        rules: Discipline,
        cpus: list[Cpu],
        affinity: Mapping[int, frozenset[int]],
        *,
        per_core: bool,
    ) -> None:
        self.rules, self.cpus, self.affinity, self.per_core = rules, cpus, affinity, per_core
        self.lists: list[list[Task]] = [[] for _ in (cpus if per_core else [None])]
        self._where: dict[int, int] = {}  # of each ready task, by position, its list
        self._open = not affinity and type(rules).eligible is Discipline.eligible

    def __iter__(self) -> Iterator[Task]:
        """All ready tasks."""
        return (task for ready in self.lists for task in ready)

    def __contains__(self, task: Task) -> bool:
        return task.position in self._where

    def join(self, task: Task, why: str) -> None:
        """Put a task into its list; ``why`` as in ``Discipline.at_head``."""
        place = self._where[task.position] = self._place(task)
        ready = self.lists[place]
        ready.insert(0 if self.rules.at_head(task, why) else len(ready), task)

    def join_all(self, tasks: Iterable[Task], why: str) -> None:
        """Put tasks into their lists, one after another."""
        for task in tasks:
            self.join(task, why)

    def take(self, task: Task) -> None:
        """Take a task out of its list."""
        self.lists[self._where.pop(task.position)].remove(task)

    def _place(self, task: Task) -> int:
        """A task goes back to the core where it ran; a new one to the core with the fewest."""
        if not self.per_core:
            return 0
        if task.cpu >= 0:
            return task.cpu
        return min(sorted(self.affinity.get(task.position, range(len(self.cpus)))), key=self._load)

    def _load(self, core: int) -> int:
        """How many jobs a core has: those in its list and the one that runs, or ran until now."""
        owner = self.cpus[core].task or self.cpus[core].lost
        return len(self.lists[core]) + (owner is not None and owner not in self)

    def of(self, cpu: Cpu) -> list[Task]:
        """The list from which a CPU takes its tasks."""
        return self.lists[cpu.number if self.per_core else 0]

    def others(self, cpu: Cpu) -> list[list[Task]]:
        """The lists from which a CPU may steal, the longest first."""
        mine = self.of(cpu)
        return sorted((ready for ready in self.lists if ready is not mine), key=len, reverse=True)

    def within_reach(self, task: Task, cpu: Cpu) -> bool:
        """Whether a ready task is in the list of a CPU that it may use."""
        mine = self._where[task.position] == (cpu.number if self.per_core else 0)
        return mine and self._may_use(task, cpu)

    def _may_use(self, task: Task, cpu: Cpu) -> bool:
        """Whether affinity lets a task run on a CPU."""
        return cpu.number in self.affinity.get(task.position, (cpu.number,))

    def allowed(self, ready: list[Task], cpu: Cpu, now: int) -> list[Task]:
        """Those of a list that may run on a CPU now."""
        if self._open:
            return ready[:]
        return [t for t in ready if self._may_use(t, cpu) and self.rules.eligible(t, now)]
