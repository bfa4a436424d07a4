"""The general machine: any policy on any number of CPUs, with I/O, event by event.

The fast loops of ``loops`` do the same for four policies on one CPU. Here the ready jobs are in
plain lists, one for all CPUs or one a CPU, and the policy is asked at every choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Protocol

import numpy as np

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Discipline, Ranked, Task, tasks_of
from vcloud_lab.scheduling.numbers import LARGEST, NEVER, ticks_of
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.queues import Cpu, Queues
from vcloud_lab.scheduling.setup import Setup
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["MOST_DISPATCHES", "Machine", "Onlooker", "Setup", "play"]

MOST_DISPATCHES = 2_000_000
"""The most dispatches of one run: half a minute or so."""


class Onlooker(Protocol):
    """Who is told what happens; see ``replay``."""

    def chosen(self, machine: Machine, cpu: Cpu, task: Task, pool: list[Task]) -> None:
        """``task`` was chosen for a CPU out of ``pool`` and is about to get it."""

    def passed(self, machine: Machine, dispatches: int) -> None:
        """All that happens at ``machine.now`` has happened, ``dispatches`` among it."""


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
        self.tasks = tasks_of(workload, policy)
        make = policy.discipline or Ranked
        self.rules: Discipline = make(workload, policy, self.tasks)
        self.cpus = [Cpu(number) for number in range(setup.cpus)]
        affinity = {places[name]: numbers for name, numbers in setup.affinity.items()}
        self.queues = Queues(self.rules, self.cpus, affinity, per_core=setup.queues == "per-core")
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
        if any(cpu.task for cpu in self.cpus) or any(self.queues.lists):
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
                self.queues.join(cpu.lost, "expired")

    def _ring(self) -> None:
        """Take all CPUs back, the last one first, so that the first one's task is ahead."""
        for cpu in reversed(self.cpus):
            if cpu.task and cpu.start <= self.now:
                self._evict(cpu)
        self.rules.ring(self.now, self.queues.lists)

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
            self.queues.join(task, "woke" if woke else "arrived")
        self.arrived += woken

    def _fill_idle(self) -> None:
        for steal in (False, True) if self.setup.steal else (False,):
            for cpu in self.cpus:
                if cpu.task is None:
                    self._dispatch(cpu, steal=steal)

    def _preempt(self) -> None:
        """Give CPUs to newcomers that beat who runs there."""
        if not self.rules.preemptive:
            return
        newcomers = self._newcomers()
        for task in newcomers:
            if task not in self.queues or not self.rules.eligible(task, self.now):
                continue
            victim = self._victim(task)
            if victim:
                # Where equals preempt, only a newcomer may follow, not an older equal.
                equals = self.policy.on_tie == "preempt"
                barred = [one for one in self.tasks if one not in newcomers] if equals else []
                barred += [victim.task] if victim.task else []
                self._evict(victim)
                self._dispatch(victim, barred=barred)

    def _newcomers(self) -> list[Task]:
        """Those who came now, and those who came during a switch that is over by now."""
        newcomers = list(self.arrived)
        for cpu in self.cpus:
            if cpu.start > self.now > cpu.decided:
                cpu.late += self.arrived
            elif cpu.late:
                newcomers += [task for task in cpu.late if task in self.queues]
                cpu.late = []
                self._settle(cpu, "running")
        return newcomers

    def _victim(self, task: Task) -> Cpu | None:
        """The CPU that a task may take: of several, the one whose task is beaten by the others."""
        worst: Cpu | None = None
        for cpu in self.cpus:
            held = cpu.task
            if held is None or cpu.start > self.now or cpu.decided == self.now:
                continue  # nobody, in a switch, or just chosen among all
            mine = task in self.queues.of(cpu) and self.queues.may_use(task, cpu)
            if mine and self.rules.beats(task, held, self.now):
                self.compared += 1
                if not (worst and worst.task) or self.rules.beats(worst.task, held, self.now):
                    worst = cpu
        return worst

    # Giving and taking a CPU

    def _dispatch(self, cpu: Cpu, *, steal: bool = False, barred: Sequence[Task] = ()) -> None:
        """Give a CPU to a task of its own list or, to ``steal``, to the last of the longest.

        The ``barred`` may not have it: who has just lost it to a newcomer, maybe an equal.
        """
        if not steal:
            ready = self.queues.of(cpu)
            if pool := self.queues.allowed(ready, cpu, self.now):
                self._start(cpu, self._chosen(pool, barred), ready, pool)
            return
        for ready in self.queues.others(cpu):
            if pool := self.queues.allowed(ready, cpu, self.now):
                self.steals += 1
                self._start(cpu, pool[-1], ready, pool)
                return

    def _chosen(self, pool: list[Task], barred: Sequence[Task]) -> Task:
        self.compared += len(pool)
        free = [task for task in pool if task not in barred]
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
        cpu.decided = self.now
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
            self.queues.join(task, "preempted")

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
