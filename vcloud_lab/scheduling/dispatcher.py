"""The general machine: any policy on any number of CPUs, with I/O, event by event.

The fast loops of ``loops`` do the same for four policies on one CPU. Here the ready jobs are in
plain lists, one for all CPUs or one a CPU, and the policy is asked at every choice.

What happens at one time happens in this order, on CPU 0 first each time: runs end, by the end of
the burst or of the slice; new jobs, then jobs whose I/O is over, queue; the jobs whose slice is
over queue behind them, or before them with "preempted-first"; idle CPUs choose; then they steal;
then each newcomer, in the order of queueing and those after it who came during a switch that ends
now, may take a CPU from a job that was chosen before it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from typing import NoReturn, Protocol

import numpy as np

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Discipline, Ranked, Task, tasks_of
from vcloud_lab.scheduling.limits import beyond_reach, check_dispatches, nobody_runs
from vcloud_lab.scheduling.numbers import LARGEST, NEVER, ticks_of
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.queues import Cpu, Queues
from vcloud_lab.scheduling.setup import Setup
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Machine", "Onlooker", "play"]


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
        self.steals = self.compared = self.counted = 0
        self.arrived: list[Task] = []
        self.finished: list[Task] = []
        if policy.discipline is None and policy.quantum is not None:
            turns = int((-(-workload.burst // policy.quantum_in(workload))).sum())
            check_dispatches(policy, turns)

    def steps(self) -> Iterator[None]:
        """Run, pausing after each point in time."""
        early = self.policy.enqueue == "preempted-first"
        while self.unfinished:
            self.now = self.upcoming()
            if self.now >= LARGEST:
                self._give_up()
            self.arrived, self.finished, self.step = [], [], self.step + 1
            before = len(self.columns[0])
            expired = self._stop_due()
            if early:
                self.queues.join_all(expired, "expired")
            if self.rules.alarm() <= self.now:
                self._ring()
            self._welcome()
            if not early:
                self.queues.join_all(expired, "expired")
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

    def _stop_due(self) -> list[Task]:
        """End the stints that are over; return the tasks that used up their slice."""
        expired = []
        for cpu in self.cpus:
            task = cpu.task
            if task is None or cpu.stop > self.now:
                continue
            if task.left > self.now - cpu.settled:
                self._release(cpu, "expired")
                cpu.lost = task
                expired.append(task)
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

    def _ring(self) -> None:
        """Take all CPUs back, the last one first, so that the first one's task is ahead."""
        for cpu in reversed(self.cpus):
            if cpu.task and cpu.start <= self.now:
                self._evict(cpu)
        self._count()
        self.rules.ring(self.now, self.queues.lists)
        if self.rules.alarm() <= self.now:
            raise PolicyError(
                f"{self.policy.label} wants its next alarm at {self.rules.time(self.now)}, which "
                "is now: it must be later; change ring so that it sets the next alarm."
            )

    def _welcome(self) -> None:
        """Let those who arrive now, then those whose I/O is over, join."""
        woken = []
        while self.coming and self.coming[-1].ready <= self.now:
            self.arrived.append(self.coming.pop())
        while self.asleep and self.asleep[0][0] <= self.now:
            woken.append(heappop(self.asleep)[2])
        if self.arrived or woken:
            self._settle_all()
        for task in (*self.arrived, *woken):
            woke = task.cpu >= 0
            task.ready = self.now
            self.rules.admit(task, self.now, woke=woke)
            self.queues.join(task, "woke" if woke else "arrived")
        self.arrived += woken

    def _fill_idle(self) -> None:
        """Give each idle CPU a task of its own list; those still idle may steal one."""
        for give in (self._dispatch, self._steal) if self.setup.steal else (self._dispatch,):
            for cpu in self.cpus:
                if cpu.task is None:
                    give(cpu)

    def _preempt(self) -> None:
        """Give CPUs to newcomers that beat who runs there."""
        if not self.rules.preemptive:
            return
        newcomers, evicted = self._newcomers(), False
        for task in newcomers:
            while victim := self._victim(task):  # again where a better one got the CPU
                loser, evicted = victim.task, True
                self._evict(victim)
                pool = self.queues.allowed(self.queues.of(victim), victim, self.now)
                free = [one for one in pool if one is not loser]
                if self.policy.on_tie == "preempt":  # only a newcomer may follow, no older equal
                    free = [one for one in free if one in newcomers]
                self._start(victim, self._chosen(free, pool), pool)
        if evicted:
            self._fill_idle()  # affinity may have kept the newcomer from a CPU that a loser can use

    def _newcomers(self) -> list[Task]:
        """Those who came now, and those who came during a switch that is over by now."""
        newcomers = list(self.arrived)
        for cpu in self.cpus:
            if cpu.start > self.now > cpu.decided:
                cpu.late += self.arrived
            elif cpu.late:
                newcomers += cpu.late
                cpu.late = []
                self._settle_all()
        return newcomers

    def _victim(self, task: Task) -> Cpu | None:
        """The CPU that a newcomer takes, None where it beats nobody who was chosen before it came.

        Of several it is the one whose task is beaten by the others, of equals the first.
        """
        worst: tuple[Cpu, Task] | None = None
        if task not in self.queues or not self.rules.eligible(task, self.now):
            return None
        for cpu in self.cpus:
            held = cpu.task
            if held is None or cpu.start > self.now or cpu.decided >= task.ready:
                continue
            if self.queues.within_reach(task, cpu):
                self.compared += 1
                wins = self.rules.beats(task, held, self.now)
                if wins and (worst is None or self._worse(held, worst[1])):
                    worst = cpu, held
        return worst[0] if worst else None

    def _worse(self, task: Task, other: Task) -> bool:
        beats = self.rules.beats
        return beats(other, task, self.now) and not beats(task, other, self.now)

    # Giving and taking a CPU

    def _dispatch(self, cpu: Cpu) -> None:
        """Give a CPU to a task of its own list."""
        if pool := self.queues.allowed(self.queues.of(cpu), cpu, self.now):
            self._start(cpu, self._chosen(pool, pool), pool)

    def _steal(self, cpu: Cpu) -> None:
        """Give a CPU to the last task of the longest list, as far as it may run there."""
        for ready in self.queues.others(cpu):
            if pool := self.queues.allowed(ready, cpu, self.now):
                self.steals += 1
                self._start(cpu, self._forced(pool) or pool[-1], pool)
                return

    def _chosen(self, free: list[Task], pool: list[Task]) -> Task:
        """What the policy chooses of the ``free``, or the task of the ``pool`` that is forced."""
        self.compared += len(free)
        task = self.rules.choose(free, self.now)
        if task not in free:
            names = ", ".join(self.rules.name(one) for one in free[:8])
            names += ", ..." if len(free) > 8 else ""
            raise PolicyError(
                f"{self.policy.label} chose {task!r} at time {self.rules.time(self.now)}: it must "
                f"be one of the ready jobs, {names}; return one of them."
            )
        return self._forced(pool) or task

    def _forced(self, pool: list[Task]) -> Task | None:
        wanted = self.forced.get(len(self.columns[0]))
        return None if wanted is None else next((t for t in pool if t.position == wanted), None)

    def _start(self, cpu: Cpu, task: Task, pool: list[Task]) -> None:
        self._count()
        if self.watch:
            self.watch.chosen(self, cpu, task, pool)
        self.queues.take(task)
        jobs, cpus, decided, starts, ends = self.columns
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

    def _settle_all(self) -> None:
        """Charge all who run, so that they can be compared with newcomers."""
        for cpu in self.cpus:
            if cpu.settled < self.now:
                self._settle(cpu, "running")

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
        job, cpu, decided, start, end = (np.array(column, np.int64) for column in self.columns)
        counters = {"jobs_compared": self.compared, "steals": self.steals}
        return Trace(job, end - start, end, start - decided, counters, cpu)

    def _count(self) -> None:
        """Count a dispatch or an alarm."""
        self.counted += 1
        check_dispatches(self.policy, self.counted)

    def _give_up(self) -> NoReturn:
        if self.asleep or any(cpu.task for cpu in self.cpus):
            beyond_reach(self.policy)
        nobody_runs(self.policy)
