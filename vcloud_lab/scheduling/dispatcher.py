"""The general machine: any policy on any number of CPUs, with I/O, event by event.

The fast loops of ``loops`` do the same for four policies on one CPU. Here the ready jobs are in
plain lists, one for all CPUs or one a CPU, and the policy is asked at every choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

import numpy as np

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Discipline, Ranked, Task, tasks_of
from vcloud_lab.scheduling.numbers import LARGEST, NEVER, ticks_of
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.setup import Setup
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["MOST_DISPATCHES", "Cpu", "Machine", "Onlooker", "Setup", "play"]

MOST_DISPATCHES = 2_000_000
"""The most dispatches of one run: half a minute or so."""


class Onlooker(Protocol):
    """Who is told what happens; see ``replay``."""

    def chosen(self, machine: Machine, cpu: Cpu, task: Task, pool: list[Task]) -> None:
        """``task`` was chosen for a CPU out of ``pool`` and is about to get it."""

    def passed(self, machine: Machine, dispatches: int) -> None:
        """All that happens at ``machine.now`` has happened, ``dispatches`` among it."""


@dataclass
class Cpu:
    """A processor; ``task`` runs from ``start`` (after the switch) to ``stop`` at the latest."""

    number: int
    task: Task | None = None
    start: int = 0
    stop: int = NEVER
    settled: int = 0  # up to when the running task has been charged
    entry: int = -1  # its place in the trace
    previous: Task | None = None
    lost: Task | None = None  # who had the CPU until now and is not done
    late: list[Task] = field(default_factory=list)  # newcomers during the switch


def play(
    workload: Workload,
    policy: Policy,
    setup: Setup,
    forced: Mapping[int, int] | None = None,
) -> Trace:
    """Run the workload. The dispatches numbered in ``forced`` go to the jobs given there, if they
    are ready. Raises ``PolicyError`` for a run of more than two million dispatches or beyond 2**62
    ticks, and for a policy that chooses a job that is not ready or lets nobody run."""
    machine = Machine(workload, policy, setup, forced or {})
    for _ in machine.steps():
        pass
    return machine.trace()


class Machine:
    """The state of the machine while it runs."""

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        setup: Setup,
        forced: Mapping[int, int],
        watch: Onlooker | None = None,
    ) -> None:
        self.workload, self.policy, self.setup = workload, policy, setup
        self.forced, self.watch = forced, watch
        scale, places = workload.scale, {name: at for at, name in enumerate(workload.names)}
        self.switch = ticks_of(setup.switch_cost, scale)
        self.migration = ticks_of(setup.migration_cost, scale)
        self.affinity = {places[name]: numbers for name, numbers in setup.affinity.items()}
        self.tasks = tasks_of(workload, policy)
        make = policy.discipline or Ranked
        self.rules: Discipline = make(workload, policy, self.tasks)
        self.cpus = [Cpu(number) for number in range(setup.cpus)]
        self.lists: list[list[Task]] = [
            [] for _ in range(setup.cpus if setup.queues == "per-core" else 1)
        ]
        self.coming = [self.tasks[at] for at in workload.arrival_order()[::-1].tolist()]
        self.asleep: list[tuple[int, int, Task]] = []  # (wakes at, order of issue, task)
        self.issued = self.step = 0
        self.unfinished = len(self.tasks)
        self.now = 0
        self.columns: tuple[list[int], ...] = ([], [], [], [], [])  # job, cpu, decided, start, end
        self.steals = self.compared = 0
        self.arrived: list[Task] = []
        self.finished: list[Task] = []

    def steps(self) -> Iterator[None]:
        """Run, pausing after each point in time."""
        early = self.policy.enqueue == "preempted-first"
        while self.unfinished:
            self.now = self.upcoming()
            if self.now >= NEVER:
                raise PolicyError(
                    f"{self.policy.label} lets nobody run though jobs are ready: a policy must let "
                    "every ready job run some time; change the policy."
                )
            self.arrived, self.finished, self.step = [], [], self.step + 1
            before = len(self.columns[0])
            expired = self._stop_due()
            if early:
                self._requeue(expired)
            if self.rules.alarm() <= self.now:
                self._ring()
            self._welcome()
            if not early:
                self._requeue(expired)
            self._fill_idle()
            self._preempt()
            for cpu in self.cpus:
                cpu.lost = None
            if self.watch:
                self.watch.passed(self, len(self.columns[0]) - before)
            yield

    # What happens next

    def upcoming(self) -> int:
        """The next time, in ticks, at which anything happens."""
        times = [NEVER]
        if self.coming:
            times.append(self.coming[-1].ready)
        if self.asleep:
            times.append(self.asleep[0][0])
        for cpu in self.cpus:
            if cpu.task:
                times.append(cpu.start if cpu.late else cpu.stop)
        if any(cpu.task for cpu in self.cpus) or any(self.lists):
            times.append(max(self.rules.alarm(), self.now))
        return min(times)

    def _stop_due(self) -> list[Cpu]:
        """End the stints that are over; return the CPUs whose task used up its slice."""
        expired = []
        for cpu in self.cpus:
            task = cpu.task
            if task is None or cpu.stop > self.now:
                continue
            if task.left > self.now - cpu.settled:
                self._release(cpu, "expired")
                cpu.lost = task
                expired.append(cpu)
            elif task.ahead:
                self._release(cpu, "blocked")
                length, burst = task.ahead.pop()
                task.burst = task.left = burst
                self.issued += 1
                heappush(self.asleep, (self.now + length, self.issued, task))
            else:
                self._release(cpu, "finished")
                self.unfinished -= 1
                self.finished.append(task)
        return expired

    def _requeue(self, expired: Iterable[Cpu]) -> None:
        for cpu in expired:
            if cpu.lost:
                self._join(cpu.lost, "expired")

    def _ring(self) -> None:
        """Take all CPUs back, the last one first, so that the first one's task is ahead."""
        for cpu in reversed(self.cpus):
            if cpu.task and cpu.start <= self.now:
                self._evict(cpu)
        self.rules.ring(self.now, self.lists)

    def _welcome(self) -> None:
        """Let those who arrive now, then those whose I/O is over, join."""
        woken = []
        while self.coming and self.coming[-1].ready <= self.now:
            self.arrived.append(self.coming.pop())
        while self.asleep and self.asleep[0][0] <= self.now:
            woken.append(heappop(self.asleep)[2])
        if self.arrived or woken:
            for cpu in self.cpus:
                self._settle(cpu, "running")
        for task in (*self.arrived, *woken):
            woke = task.cpu >= 0
            task.ready = self.now
            self.rules.admit(task, self.now, woke=woke)
            self._join(task, "woke" if woke else "arrived")
        self.arrived += woken

    def _fill_idle(self) -> None:
        for steal in (False, True):
            for cpu in self.cpus:
                if cpu.task is None:
                    self._dispatch(cpu, steal=steal)

    def _preempt(self) -> None:
        """Give CPUs to newcomers that beat who runs there."""
        if not self.rules.preemptive:
            return
        newcomers = list(self.arrived)
        for cpu in self.cpus:
            if cpu.task and cpu.start > self.now:
                cpu.late += [task for task in self.arrived if self._may_use(task, cpu)]
            elif cpu.late:
                newcomers += cpu.late
                cpu.late = []
                self._settle(cpu, "running")
        for task in newcomers:
            waits = any(task in ready for ready in self.lists)
            if not waits or not self.rules.eligible(task, self.now):
                continue  # it runs already, or may not run
            worst: Cpu | None = None
            for cpu in self.cpus:
                held = cpu.task
                if held is None or cpu.start > self.now or not self._may_use(task, cpu):
                    continue
                self.compared += 1
                if self.rules.beats(task, held, self.now) and (
                    worst is None or (worst.task and self.rules.beats(worst.task, held, self.now))
                ):
                    worst = cpu
            if worst:
                barred = worst.task
                self._evict(worst)
                self._dispatch(worst, barred=barred)

    # The ready lists

    def _join(self, task: Task, why: str) -> None:
        ready = self.lists[self._list_for(task)]
        ready.insert(0 if self.rules.at_head(task, why) else len(ready), task)

    def _list_for(self, task: Task) -> int:
        """A task goes back to the core where it ran; a new one to the core with the fewest."""
        if len(self.lists) == 1:
            return 0
        if task.cpu >= 0:
            return task.cpu
        allowed = sorted(self.affinity.get(task.position, range(len(self.cpus))))
        return min(allowed, key=lambda at: len(self.lists[at]) + (self.cpus[at].task is not None))

    def _may_use(self, task: Task, cpu: Cpu) -> bool:
        """Whether a ready task can be chosen for a CPU without being stolen."""
        if cpu.number not in self.affinity.get(task.position, (cpu.number,)):
            return False
        return len(self.lists) == 1 or task in self.lists[cpu.number]

    def _allowed(self, ready: Sequence[Task], cpu: Cpu) -> list[Task]:
        affinity, eligible = self.affinity, self.rules.eligible
        return [
            task
            for task in ready
            if cpu.number in affinity.get(task.position, (cpu.number,)) and eligible(task, self.now)
        ]

    # Giving and taking a CPU

    def _dispatch(self, cpu: Cpu, *, steal: bool = False, barred: Task | None = None) -> None:
        """Give a CPU to a task of its own list or, to ``steal``, to the last of the longest.

        ``barred`` has just lost the CPU to a newcomer, which may be its equal.
        """
        if not steal:
            ready = self.lists[cpu.number if len(self.lists) > 1 else 0]
            pool = self._allowed(ready, cpu)
            if pool:
                self._start(cpu, self._chosen(pool, barred), ready, pool)
        elif self.setup.steal and len(self.lists) > 1:
            for ready in sorted(self.lists, key=len, reverse=True):
                if pool := self._allowed(ready, cpu):
                    self.steals += 1
                    self._start(cpu, pool[-1], ready, pool)
                    break

    def _chosen(self, pool: list[Task], barred: Task | None) -> Task:
        self.compared += len(pool)
        free = [task for task in pool if task is not barred]
        task = self.rules.choose(free, self.now)
        if task not in free:
            names = ", ".join(self.rules.name(one) for one in pool[:8])
            raise PolicyError(
                f"{self.policy.name} chose {task!r} at time {self.rules.time(self.now)}: it must "
                f"be one of the ready jobs, {names}; return one of them."
            )
        wanted = self.forced.get(len(self.columns[0]))
        return next((one for one in pool if one.position == wanted), task)

    def _start(self, cpu: Cpu, task: Task, ready: list[Task], pool: list[Task]) -> None:
        jobs, cpus, decided, starts, ends = self.columns
        if len(jobs) >= MOST_DISPATCHES:
            raise PolicyError(
                f"{self.policy.label} takes more than {MOST_DISPATCHES} dispatches on this "
                "workload: that is the most that are simulated; use a longer quantum or fewer jobs."
            )
        if self.watch:
            self.watch.chosen(self, cpu, task, pool)
        ready.remove(task)
        always = self.setup.switch_charge == "dispatch"
        cost = self.switch if always or cpu.previous not in (None, task) else 0
        cost += self.migration if task.cpu not in (-1, cpu.number) else 0
        cpu.task = cpu.previous = task
        cpu.start = cpu.settled = self.now + cost
        cpu.stop = cpu.start + min(task.left, max(1, self.rules.slice(task, self.now)))
        cpu.entry, task.cpu = len(jobs), cpu.number
        jobs.append(task.position)
        cpus.append(cpu.number)
        decided.append(self.now)
        starts.append(cpu.start)
        ends.append(cpu.start)

    def _settle(self, cpu: Cpu, why: str) -> None:
        """Charge the running task for the time up to now."""
        if cpu.task and self.now >= cpu.start:
            ticks = self.now - cpu.settled
            cpu.settled = self.now
            cpu.task.left -= ticks
            self.rules.ran(cpu.task, ticks, self.now, why)

    def _release(self, cpu: Cpu, why: str) -> None:
        """Take the CPU from its task, which ends its entry in the trace."""
        self._settle(cpu, why)
        self.columns[-1][cpu.entry] = self.now
        cpu.task, cpu.stop, cpu.late = None, NEVER, []

    def _evict(self, cpu: Cpu) -> None:
        task = cpu.task
        self._release(cpu, "preempted")
        if task:
            cpu.lost = task
            self._join(task, "preempted")

    def trace(self) -> Trace:
        """What has run so far; to be asked for at the end."""
        if self.now >= LARGEST:
            raise PolicyError(
                f"The schedule of {self.policy.label} grows beyond 2**62 ticks: times must stay "
                "below that; use a smaller cost."
            )
        job, cpu, decided, start, end = (np.array(column, np.int64) for column in self.columns)
        counters = {"jobs_compared": self.compared, "steals": self.steals}
        return Trace(job, end - start, end, start - decided, counters, cpu)
