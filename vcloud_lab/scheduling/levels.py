"""Disciplines with several queues: whoever is ready on the highest level that is not empty runs.

The ready tasks of all levels are in one list; a level's queue is those of that level, in the order
of the list. ``Task.level`` 0 is the top, ``used`` is the time used of what the level allows, and a
``value`` below 0 puts a task ahead of the others of its level.
"""

from __future__ import annotations

from collections.abc import Sequence

from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import NEVER, Time, ticks_of
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Boosted", "Feedback", "Fixed", "Levels"]


class Levels(Discipline):
    """Strict priority between levels, turns of a quantum within one.

    ``quanta`` has each level's quantum in the workload's unit, None for no limit. Whoever loses the
    CPU to a higher level keeps the rest of its quantum and its place, unless it goes to the "tail".
    """

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        quanta: Sequence[Time | None],
        preempted: str,
    ) -> None:
        super().__init__(workload, policy, tasks)
        self.preemptive = policy.preemptive
        scale = workload.scale
        self._quanta = [NEVER if time is None else ticks_of(time, scale) for time in quanta]
        self._to_tail = preempted == "tail"
        self._picked: Task | None = None
        self._news: dict[int, str] = {}  # what the ledger has not told yet, by position

    def quantum(self, level: int) -> int:
        """The quantum of a level in ticks."""
        return self._quanta[level]

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        self._picked = min(ready, key=_rank)
        return self._picked

    def in_line(self, ready: Sequence[Task], now: int) -> list[Task]:
        return sorted(ready, key=_rank)

    def slice(self, task: Task, now: int) -> int:
        quantum = self.quantum(task.level)
        return quantum - int(task.used) % quantum

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        return _rank(newcomer) < _rank(running)

    def at_head(self, task: Task, why: str) -> bool:
        return why == "preempted" and not self._to_tail

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        task.used += ticks
        if why in ("expired", "blocked"):
            task.used = 0
        if why == "expired":
            self._news[task.position] = "expired"

    # The ledger

    def queue(self, level: int) -> str:
        """What a level is called."""
        return f"queue {level}"

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        told = [self._tell(position, what) for position, what in self._news.items()]
        name, where = self.name(task), self.queue(task.level)
        ahead = min((one for one in others if one is not task), key=_rank, default=None)
        if ahead is None:
            told.append(f"{name} is the only ready job, in {where}.")
        elif task is not self._picked:
            rival = f"{self.name(ahead)} of {self.queue(ahead.level)}"
            told.append(f"{name} of {where} gets the CPU out of turn; {rival} waits.")
        else:
            told.append(
                f"{name} runs: it is at the head of {where}, the highest that is not empty."
            )
        if lost in others and lost is not None and lost.position not in self._news:
            told.append(f"{self.name(lost)} of {self.queue(lost.level)} loses the CPU.")
        self._news.clear()
        return " ".join(told)

    def why_keep(self, running: Task, came: Sequence[Task], switching: int, now: int) -> str:
        if switching > 0:
            return super().why_keep(running, came, switching, now)
        joins = [f"{self.name(task)} joins {self.queue(task.level)}" for task in came]
        name, where = self.name(running), self.queue(running.level)
        limit = "is done" if self.quantum(running.level) >= NEVER else "has had its quantum"
        return f"{', '.join(joins)}; {name} of {where} keeps the CPU until it {limit}."

    def _tell(self, position: int, what: str) -> str:
        """One piece of news as a sentence."""
        task = self.tasks[position]
        return f"The quantum of {self.name(task)} is over, it queues again."


class Fixed(Levels):
    """Multilevel queue: a task stays in the queue that the policy was told."""

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        quanta: Sequence[Time | None],
        preempted: str,
    ) -> None:
        super().__init__(workload, policy, tasks, quanta=quanta, preempted=preempted)
        for task in tasks:
            task.level = int(task.number)


class Feedback(Levels):
    """Stallings' feedback: a level down after each quantum.

    Whether others are there is seen when the next choice is due, those included who came at the
    very end of the quantum.
    """

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        quanta: Sequence[Time | None],
        preempted: str,
        levels: int | None,
        double: bool,
        always: bool,
    ) -> None:
        super().__init__(workload, policy, tasks, quanta=quanta, preempted=preempted)
        self._bottom = NEVER if levels is None else levels - 1
        self._double, self._always = double, always
        self._over: list[Task] = []

    def quantum(self, level: int) -> int:
        return self._quanta[0] << level if self._double else self._quanta[0]

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        for task in [one for one in self._over if one in ready]:
            self._over.remove(task)
            if task.level < self._bottom and (self._always or len(ready) > 1):
                task.level += 1
                self._news[task.position] = "down"
        return super().choose(ready, now)

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        super().ran(task, ticks, now, why)
        if why == "expired" and task not in self._over:
            self._over.append(task)

    def queue(self, level: int) -> str:
        return f"RQ{level}"

    def _tell(self, position: int, what: str) -> str:
        if what != "down":
            return super()._tell(position, what)
        task = self.tasks[position]
        lower = self.queue(task.level)
        return f"The quantum of {self.name(task)} is over, it moves down to {lower}."


class Boosted(Levels):
    """OSTEP's multi-level feedback queue: allotments, boosts, and what I/O does to them.

    ``used`` counts all time on the level since the last move, so that neither an I/O nor a higher
    job makes the scheduler forget it.
    """

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        quanta: Sequence[Time | None],
        preempted: str,
        allotments: Sequence[int],
        boost: Time | None,
        lowest_first: bool,
        stay: bool,
        iobump: bool,
    ) -> None:
        super().__init__(workload, policy, tasks, quanta=quanta, preempted=preempted)
        self._allotments, self._bottom = allotments, len(quanta) - 1
        self._period = NEVER if boost is None else ticks_of(boost, workload.scale)
        self._next, self._boosted = self._period, 0
        self._boosting = False
        self._lowest_first, self._stay, self._iobump = lowest_first, stay, iobump
        self._bumps = 0

    def admit(self, task: Task, now: int, *, woke: bool) -> None:
        if woke and self._iobump:
            self._bumps += 1
            task.value = -self._bumps
            self._news[task.position] = "bumped"

    def at_head(self, task: Task, why: str) -> bool:
        return why == "preempted" and (self._boosting or not self._to_tail)

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        task.used += ticks
        if why == "preempted":
            self._boosting = now >= self._next
            if self._to_tail and not self._boosting:
                task.value = 0
        if why not in ("expired", "blocked"):
            return
        quantum, task.value = self.quantum(task.level), 0
        over = int(task.used) % quantum == 0
        if why == "blocked" and self._stay:
            task.used = quantum if over else 0
        allotment = quantum * self._allotments[task.level]
        if over and task.used >= allotment and task.level < self._bottom:
            task.level, task.used = task.level + 1, 0
            self._news[task.position] = "down"
        elif why == "expired":
            self._news[task.position] = "expired"

    def alarm(self) -> int:
        return self._next

    def ring(self, now: int, ready: Sequence[list[Task]]) -> None:
        self._boosted = now // self._period * self._period  # before now, if nobody was there
        self._next = self._boosted + self._period
        upwards = -1 if self._lowest_first else 1
        for line in ready:
            line.sort(key=lambda task: (task.level > 0, upwards * task.level, task.value))
        for task in self.tasks:
            task.level = task.used = task.value = 0
        self._news = {-1: "boost"}

    def queue(self, level: int) -> str:
        return f"queue {self._bottom - level}"

    def _tell(self, position: int, what: str) -> str:
        if what == "boost":
            when = self.time(self._boosted)
            return f"Boost at {when}: every job moves up to {self.queue(0)}."
        task = self.tasks[position]
        name, where = self.name(task), self.queue(task.level)
        if what == "bumped":
            return f"The I/O of {name} is over, it goes to the front of {where}."
        if what == "down":
            return f"{name} used up its allotment and moves down to {where}."
        return super()._tell(position, what)


def _rank(task: Task) -> tuple[Time, Time]:
    """The smaller, the sooner; among equals, who is first in the list."""
    return task.level, task.value
