"""A run of the general machine told moment by moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vcloud_lab.scheduling import reasons
from vcloud_lab.scheduling.discipline import Task
from vcloud_lab.scheduling.dispatcher import Machine
from vcloud_lab.scheduling.ledger import Decision, Ready
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.queues import Cpu
from vcloud_lab.scheduling.setup import Setup
from vcloud_lab.scheduling.workload import Workload

__all__ = ["replay"]


def replay(
    workload: Workload,
    policy: Policy,
    setup: Setup,
    forced: Mapping[int, int] | None = None,
) -> Iterator[Decision]:
    """All moments in time order; on several CPUs only dispatches, idle time of all, and the end.

    The run is played again from its start: it is the same each time.
    """
    teller = _Teller(workload)
    machine = Machine(workload, policy, setup, forced or {}, teller)
    if not machine.unfinished or machine.upcoming() > 0:
        teller.passed(machine, 0)  # time 0, at which nobody comes
        yield from teller.moments
        teller.moments.clear()
    for _ in machine.steps():
        yield from teller.moments
        teller.moments.clear()


class _Teller:
    """Writes down what the machine does, in the words of the ledger."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.moments: list[Decision] = []
        self.step = 0
        self.arrived: list[Task] = []  # told with the next moment
        self.finished: list[Task] = []

    def chosen(self, machine: Machine, cpu: Cpu, task: Task, pool: list[Task]) -> None:
        self._collect(machine)
        others = [one for one in pool if one is not task]
        reason = machine.rules.why(task, others, cpu.lost, machine.now)
        if machine.setup.cpus > 1:
            reason = f"CPU {cpu.number}: {reason}"
        self._tell(machine, "dispatch", task, others, reason, cpu)

    def passed(self, machine: Machine, dispatches: int) -> None:
        self._collect(machine)
        held = machine.cpus[0]
        waiting = list(machine.queues)
        if not machine.unfinished:
            self._tell(machine, "end", None, [], reasons.end(self.workload))
        elif all(cpu.task is None for cpu in machine.cpus):
            reason = reasons.idle(self.workload, machine.upcoming())
            if waiting:
                reason = reason.replace("Nobody is ready", "None of the ready jobs may run")
            self._tell(machine, "idle", None, waiting, reason)
        elif held.task and self.arrived and machine.setup.cpus == 1 and not dispatches:
            wait = max(held.start - machine.now, 0)
            reason = machine.rules.why_keep(held.task, self.arrived, wait, machine.now)
            self._tell(machine, "keep", held.task, waiting, reason)

    def _collect(self, machine: Machine) -> None:
        """Take up, once a step, who came and who ended."""
        if machine.step != self.step:
            self.step = machine.step
            self.arrived += machine.arrived
            self.finished += machine.finished

    def _tell(
        self,
        machine: Machine,
        kind: str,
        chosen: Task | None,
        waiting: list[Task],
        reason: str,
        cpu: Cpu | None = None,
    ) -> None:
        name, time = machine.rules.name, self.workload.time
        line = machine.rules.in_line(waiting, machine.now)
        self.moments.append(
            Decision(
                time(machine.now),
                kind,
                name(chosen) if chosen else None,
                tuple(Ready(name(task), time(task.left)) for task in line),
                tuple(map(name, self.arrived)),
                tuple(map(name, self.finished)),
                name(cpu.lost) if cpu and cpu.lost else None,
                reason,
                cpu.number if cpu else 0,
            )
        )
        self.arrived, self.finished = [], []
