"""Two plain ways to run CloudSim's tasks, to judge the quick one by. No code of the package.

``remaining`` keeps what is left of each task and works all shares out again at every event, as
lists of the MIPS of single vCPUs. ``in_steps`` looks at one small step of time after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Machine:
    """A VM: where it is (None: waiting), whether it has left."""

    pes: int
    mips: Fraction
    space: bool
    ram: int = 0
    host: int | None = None
    gone: bool = False


@dataclass
class Task:
    """A task: what is left on each of its PEs, and when it started and finished."""

    vm: int
    left: Fraction
    pes: int
    submitted: Fraction
    start: Fraction | None = None
    finish: Fraction | None = None


@dataclass(frozen=True)
class Rules:
    """The hosts as (PEs, MIPS, RAM or None), and how VMs are shared and placed."""

    hosts: list[tuple[int, Fraction, int | None]]
    space: bool
    most_free: bool = False
    overcommit: bool = True


def guests(host: int, vms: list[Machine]) -> list[Machine]:
    return [vm for vm in vms if vm.host == host and not vm.gone]


def find_host(vm: Machine, vms: list[Machine], rules: Rules) -> int | None:
    """Where a VM can go now."""
    best: tuple[Fraction, int] | None = None
    spare: tuple[Fraction, int] | None = None
    for at, (pes, mips, ram) in enumerate(rules.hosts):
        here = guests(at, vms)
        if vm.mips > mips or (ram is not None and sum(g.ram for g in here) + vm.ram > ram):
            continue
        vcpus = sum(g.pes for g in here)
        load = sum((g.pes * g.mips for g in here), Fraction(0)) / (pes * mips)
        asked = vm.pes * vm.mips / (pes * mips)
        fits = vcpus + vm.pes <= pes if rules.space else load + asked <= 1
        badness = Fraction(vcpus - pes) if rules.most_free else Fraction(0)
        if fits and (best is None or badness < best[0]):
            best = (badness, at)
        if spare is None or load < spare[0]:
            spare = (load, at)
    if best is None and rules.overcommit and not rules.space:
        best = spare
    return None if best is None else best[1]


def settle(now: Fraction, vms: list[Machine], tasks: list[Task], rules: Rules) -> list[Fraction]:
    """Let go, place and start what can be; return the MIPS of each PE of each task."""
    for task in tasks:
        if task.start is not None and task.finish is None and task.left == 0:
            task.finish = now
    for at, vm in enumerate(vms):
        if all(task.finish is not None for task in tasks if task.vm == at):
            vm.gone = True
    for vm in vms:
        if vm.host is None and not vm.gone:
            vm.host = find_host(vm, vms, rules)
    queue = sorted((t for t in tasks if t.submitted <= now), key=lambda t: t.submitted)
    for task in queue:
        vm = vms[task.vm]
        busy = sum(t.pes for t in tasks if t.vm == task.vm and t.start is not None and not t.finish)
        fits = not vm.space or busy + task.pes <= vm.pes
        if task.start is None and vm.host is not None and fits:
            task.start = now
    speed = []
    for task in tasks:
        if task.start is None or task.finish is not None:
            speed.append(Fraction(0))
            continue
        vm = vms[task.vm]
        assert vm.host is not None
        pes, mips, _ = rules.hosts[vm.host]
        asked = [g.mips for g in guests(vm.host, vms) for _ in range(g.pes)]
        cut = 1 if rules.space else min(Fraction(1), pes * mips / sum(asked))
        shares = [vm.mips * cut] * vm.pes
        wanted = sum(
            t.pes for t in tasks if t.vm == task.vm and t.start is not None and not t.finish
        )
        speed.append(sum(shares) / max(len(shares), wanted))
    return speed


def remaining(vms: list[Machine], tasks: list[Task], rules: Rules) -> None:
    """Run to the end from event to event."""
    now = Fraction(0)
    while True:
        speed = settle(now, vms, tasks, rules)
        if all(task.finish is not None for task in tasks):
            return
        ahead = [t.left / s for t, s in zip(tasks, speed, strict=True) if s]
        ahead += [t.submitted - now for t in tasks if t.submitted > now]
        step = min(ahead)
        for task, s in zip(tasks, speed, strict=True):
            task.left -= s * step
        now += step


def in_steps(vms: list[Machine], tasks: list[Task], rules: Rules, step: Fraction) -> None:
    """Run to the end in steps of one length, which every event must be a multiple of."""
    now = Fraction(0)
    while True:
        speed = settle(now, vms, tasks, rules)
        if all(task.finish is not None for task in tasks):
            return
        for task, s in zip(tasks, speed, strict=True):
            task.left -= s * step
            assert task.left >= 0, "an event lies inside a step"
        now += step
