"""What sharing hosts and VMs leads to: who ran when, where, and how fast."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.scheduling.cloudlets import Cloudlet, Host, Vm
from vcloud_lab.scheduling.numbers import Time, show, simplest

__all__ = ["CloudletRun", "Grant", "Rate", "Shared", "VmRun"]


class Rate(NamedTuple):
    """A task went at ``mips`` (over all its PEs together) from ``start`` to ``end``."""

    task: str
    start: Time
    end: Time
    mips: Time


class Grant(NamedTuple):
    """From ``start`` to ``end`` each vCPU of a VM had ``vcpu`` MIPS and each PE of a running task
    went at ``task`` MIPS, 0 where none ran."""

    start: Time
    end: Time
    vcpu: Time
    task: Time


@dataclass(frozen=True)
class CloudletRun:
    """What became of a task. ``vcpus`` are those of its VM (from 0) that it had for itself, none
    where tasks are time-shared."""

    cloudlet: Cloudlet
    start: Time
    finish: Time
    vcpus: tuple[int, ...]


@dataclass(frozen=True)
class VmRun:
    """Where and when a VM was. ``host`` counts from 0; ``pes`` are the host's PEs (from 0) that it
    had for itself, none where VMs are time-shared."""

    vm: Vm
    host: int
    start: Time
    end: Time
    pes: tuple[int, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Shared:
    """Who ran when and how fast. Made by ``share``.

    ``tasks`` has every cloudlet and ``machines`` every VM that has a cloudlet, in list order.
    Times are exact, in seconds if lengths are in MI and speeds in MIPS.
    """

    hosts: tuple[Host, ...]
    machines: tuple[VmRun, ...]
    tasks: tuple[CloudletRun, ...]
    sharing: str

    @property
    def start(self) -> dict[str, Time]:
        """When each task began to run, by name."""
        return {run.cloudlet.name: run.start for run in self.tasks}

    @property
    def finish(self) -> dict[str, Time]:
        """When each task ended, by name."""
        return {run.cloudlet.name: run.finish for run in self.tasks}

    @property
    def cpu_time(self) -> dict[str, Time]:
        """Finish minus start, by name: CloudSim's "CPU time", however slowly the task ran."""
        return {run.cloudlet.name: simplest(run.finish - run.start) for run in self.tasks}

    @property
    def waiting(self) -> dict[str, Time]:
        """Start minus submission, by name."""
        return {
            run.cloudlet.name: simplest(run.start - run.cloudlet.submitted) for run in self.tasks
        }

    @property
    def makespan(self) -> Time:
        """When the last task ended; 0 without tasks."""
        return max((run.finish for run in self.tasks), default=0)

    def rates(self) -> list[Rate]:
        """How fast each task went, piece by piece: task after task in list order, each in time.

        Over a task's pieces, (end - start) * mips adds up to its length times its PEs.
        """
        grants = {run.vm.name: run.grants for run in self.machines}
        found: list[Rate] = []
        for run in self.tasks:
            name, of_vm, pieces = run.cloudlet.name, grants[run.cloudlet.vm], len(found)
            first = bisect_right(of_vm, run.start, key=lambda grant: grant.start) - 1
            for grant in of_vm[first:]:
                if grant.start >= run.finish:
                    break
                start, mips = max(grant.start, run.start), simplest(grant.task * run.cloudlet.pes)
                if len(found) > pieces and found[-1].mips == mips:
                    start = found.pop().start
                found.append(Rate(name, start, min(grant.end, run.finish), mips))
        return found

    def __repr__(self) -> str:
        return (
            f"{len(self.tasks)} cloudlets of {len(self.machines)} {self.sharing}-shared VMs on "
            f"{len(self.hosts)} host{'s' * (len(self.hosts) != 1)}: ends at {show(self.makespan)}"
        )
