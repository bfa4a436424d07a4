"""CPU time for a tree of control groups: fair by weight at each level, within quotas.

At each level of the tree the child with the least *virtual runtime* (CPU time / weight) runs, in
the manner of Linux's group scheduling (see CFS in `scheduling`, which has one level only). Sources:
the Linux kernel's Documentation/scheduler/sched-design-CFS.rst and sched-bwc.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from math import lcm
from typing import TYPE_CHECKING, NamedTuple, cast

from vcloud_lab.containers.cgroups import Cgroup
from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.process import Process

__all__ = ["CpuRun", "CpuSlice", "run_cpus"]

SLICE = 3000
"""Microseconds for which a process runs at most before the scheduler chooses anew."""

TASK_WEIGHT = 100
"""A process competes like a group of the default cpu.weight (in Linux: at nice 0)."""


class CpuSlice(NamedTuple):
    """Process ``pid`` had CPU ``cpu`` from ``start`` to ``end`` (microseconds)."""

    start: int
    end: int
    cpu: int
    pid: int


@dataclass(frozen=True)
class CpuRun:
    """What a run gave: CPU time in microseconds by pid (initial namespace) and by group path.

    A group's time has that of its descendants. ``idle`` is what the CPUs had nothing to do;
    ``slices`` are in the order of their starts.
    """

    start: int
    end: int
    cpus: int
    by_pid: dict[int, int]
    by_group: dict[str, int]
    idle: int
    slices: tuple[CpuSlice, ...]

    def share(self, of: int | str) -> Fraction:
        """The part of all CPU time that a pid or a group path got.

        Raises ``KernelError``: ESRCH or ENOENT for one that was not there, EINVAL for no time.
        """
        if self.end == self.start:
            raise KernelError("EINVAL", "The run took no time: there are no shares; run longer.")
        times: dict[int, int] | dict[str, int] = (
            self.by_pid if isinstance(of, int) else self.by_group
        )
        if of not in times:
            raise KernelError(
                "ESRCH" if isinstance(of, int) else "ENOENT",
                f"{of!r} was not in this run; choose among {', '.join(map(str, times)) or 'none'}.",
            )
        return Fraction(times[of], self.cpus * (self.end - self.start))  # type: ignore[index]


class _Entity:
    """A child that competes for CPU time: a process here, a group below."""

    __slots__ = ("order", "owner", "queued", "step", "virtual", "weight")

    def __init__(self, owner: _Group | None, weight: int) -> None:
        self.owner, self.weight = owner, weight
        self.order = 0  # among its siblings, for ties
        self.virtual = 0
        self.step = 1  # virtual runtime for each microsecond
        self.queued = False


class _Task(_Entity):
    __slots__ = ("got", "left", "process")

    def __init__(self, owner: _Group, process: Process) -> None:
        super().__init__(owner, TASK_WEIGHT)
        self.process, self.left, self.got = process, process.work, 0


class _Group(_Entity):
    """``clock`` is the virtual runtime of the child that was chosen last; ``running`` counts the
    processes of the group, or below, that have a CPU."""

    __slots__ = ("cgroup", "clock", "heap", "number", "quota", "running", "throttled")

    def __init__(self, owner: _Group | None, cgroup: Cgroup) -> None:
        super().__init__(owner, cgroup.cpu.weight)
        self.cgroup, self.quota = cgroup, cgroup.cpu.quota
        self.heap: list[tuple[int, int, _Entity]] = []
        self.clock = self.running = 0
        self.throttled = False
        self.number = 0  # among all groups, for events at one time

    def room(self, now: int) -> tuple[int, int]:
        """What is left of the quota and of the period, in microseconds."""
        cpu = self.cgroup.cpu
        began = now - now % cpu.period
        if cpu.began != began:
            cpu.began, cpu.spent = began, 0
        return (self.quota or 0) - cpu.spent, began + cpu.period - now


def run_cpus(root: Cgroup, cpus: int, now: int, time: int, slice_: int = SLICE) -> CpuRun:
    """Let the processes that want CPU time run for ``time`` microseconds from ``now`` on.

    Every run begins with all virtual runtimes equal; ties go to groups and processes in the order
    of the tree. One that comes back from throttling starts at the least virtual runtime there, so
    it gets nothing for its absence. Quotas are exact: periods begin at multiples of their length,
    and a slice ends where a period does. All CPUs share one queue. Sleepers, stopped and frozen
    processes are left out; nice values are not modelled. Updates cpu.stat and the processes' work.

    Raises ``KernelError`` (EINVAL) for a time below 0 and a slice below 1.
    """
    for what, value, least in (("time", time, 0), ("slice", slice_, 1)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise KernelError(
                "EINVAL", f"The {what} is {value!r} microseconds: give a whole number from {least}."
            )
    top, tasks, groups = _read(root)
    end = now + time
    slices = _Machine(top, cpus, end, slice_).play(now, groups, tasks)
    by_group = {group.path: 0 for group in root.downward()}
    for task in tasks:
        task.process.work = task.left
        for above in task.process.cgroup.upward():
            above.cpu.usage += task.got
            by_group[above.path] += task.got
    by_pid = {task.process.pid: task.got for task in tasks}
    idle = cpus * time - sum(by_pid.values())
    return CpuRun(now, end, cpus, by_pid, by_group, idle, tuple(slices))


def _read(root: Cgroup) -> tuple[_Group, list[_Task], list[_Group]]:
    """The tree as the CPU controller sees it, and the processes that want to run."""
    top = _Group(None, root)
    of = {root: top}
    tasks: list[_Task] = []
    children: dict[_Group, list[_Entity]] = {top: []}
    for cgroup in root.downward():
        if cgroup not in of:
            # A group that the controller does not rule competes as part of the one above.
            owner = of[cgroup.parent or root]
            of[cgroup] = owner
            if "cpu" in cgroup.controllers:
                of[cgroup] = group = _Group(owner, cgroup)
                children[owner].append(group)
                children[group] = []
        if not cgroup.stands_still:
            new = [_Task(of[cgroup], one) for one in cgroup.processes if one.state == "R"]
            tasks += new
            children[of[cgroup]] += new
    for own in children.values():
        scale = lcm(*(child.weight for child in own))
        for order, child in enumerate(own):
            child.step, child.order = scale // child.weight, order
    for number, group in enumerate(children):
        group.number = number
    return top, tasks, list(children)


class _Machine:
    """The CPUs and the queues. What runs is charged when it begins, for nothing stops it: slices
    are cut in advance to what every quota on the way has left, and to its period."""

    def __init__(self, top: _Group, cpus: int, end: int, slice_: int) -> None:
        self.top, self.end, self.slice = top, end, slice_
        self.idle = list(range(cpus))
        self.events: list[tuple[int, int, int, _Entity]] = []  # when, number, CPU or -1, who
        self.slices: list[CpuSlice] = []

    def play(self, now: int, groups: list[_Group], tasks: list[_Task]) -> list[CpuSlice]:
        """Run to the end, and return the slices."""
        for group in groups:
            if group.quota is not None and group.room(now)[0] <= 0:
                self.throttle(group, now, now)
        for task in tasks:
            self.enqueue(task)
        while now < self.end:
            while self.idle and self.top.heap:
                self.dispatch(now)
            if not self.events:
                break
            now = self.events[0][0]
            while self.events and self.events[0][0] == now:
                self.happen(*heappop(self.events)[2:])
        return self.slices

    def dispatch(self, now: int) -> None:
        """Give an idle CPU to the process that is next."""
        path: list[_Group] = []
        entity: _Entity = self.top
        while isinstance(entity, _Group):
            path.append(entity)
            entity.running += 1
            entity.clock, _, child = heappop(entity.heap)
            child.queued = False
            entity = child
        task = cast(_Task, entity)
        length = min(self.slice, self.end - now)
        if task.left is not None:
            length = min(length, task.left)
        for group in path:
            if group.quota is not None:
                length = min(length, *group.room(now))
        task.got += length
        task.virtual += length * task.step
        if task.left is not None:
            task.left -= length
        for group in path:
            group.virtual += length * group.step
            if group.quota is not None:
                cpu = group.cgroup.cpu
                cpu.periods += not cpu.spent
                cpu.spent += length
                if cpu.spent >= group.quota:
                    wants = bool(group.heap) or task.left != 0 or group.running > 1
                    self.throttle(group, now, now + length if wants else self.end)
        for group in path:
            if group.heap:
                self.enqueue(group)
        cpu_number = heappop(self.idle)
        heappush(self.events, (now + length, len(self.slices), cpu_number, task))
        self.slices.append(CpuSlice(now, now + length, cpu_number, task.process.pid))

    def throttle(self, group: _Group, now: int, since: int) -> None:
        """Keep a group from running until its period ends; it has no quota left ``since``."""
        again = now + group.room(now)[1]
        group.throttled = True
        heappush(self.events, (again, -1, -group.number, group))
        if since < min(again, self.end):
            group.cgroup.cpu.throttled += since > now
            group.cgroup.cpu.throttled_time += min(again, self.end) - since

    def happen(self, cpu: int, entity: _Entity) -> None:
        """A slice of a process, or the throttling of a group, has ended."""
        if isinstance(entity, _Group):
            entity.throttled = False
            if entity.heap:
                self.enqueue(entity)
            return
        heappush(self.idle, cpu)
        if cast(_Task, entity).left != 0:
            self.enqueue(entity)
        group = entity.owner
        while group is not None:
            group.running -= 1
            group = group.owner

    def enqueue(self, entity: _Entity) -> None:
        """Put a process or group into the queue of its group, and that one into those above."""
        while (group := entity.owner) is not None and not entity.queued:
            if isinstance(entity, _Group):
                if entity.throttled:
                    return
                if not entity.running:
                    # It was away: it must not make up for the time in which it could not run.
                    entity.virtual = max(entity.virtual, group.clock)
            entity.queued = True
            heappush(group.heap, (entity.virtual, entity.order, entity))
            entity = group
