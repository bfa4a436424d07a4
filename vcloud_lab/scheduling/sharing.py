"""Two schedulers, one inside the other: a host shares its cores among VMs, a VM among its tasks.

Each of them shares by *space* (a core belongs to one at a time, the others queue) or by *time*
(all run at once and each gets a part of the capacity). Capacity is a fluid here, as in CloudSim:
nobody takes turns, rates are constant from one event to the next, and all times are exact.

At any moment all running tasks of one VM make the same progress on each of their PEs. So a task
ends when its VM's progress has grown by the task's length: one number a VM tells all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import NoReturn

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.cloudlet_results import CloudletRun, Grant, Shared, VmRun
from vcloud_lab.scheduling.cloudlets import Cloudlet, Host, Vm, read_hosts, read_tasks
from vcloud_lab.scheduling.numbers import simplest
from vcloud_lab.scheduling.policy import choose

__all__ = ["share"]


class _Guest:
    """A VM while it is simulated."""

    def __init__(self, vm: Vm, left: int) -> None:
        self.vm = vm
        self.left = left  # tasks that have not ended
        self.queue: list[int] = []  # submitted and not running, first come first
        self.running: list[tuple[Fraction, int]] = []  # (progress at which it ends, task)
        self.progress = Fraction(0)  # MI on each PE of a task that would have run all the time
        self.wanted = 0  # PEs of the running tasks
        self.free = list(range(vm.pes if vm.tasks == "space" else 0))
        self.start = self.end = Fraction(0)
        self.pes: tuple[int, ...] = ()
        self.grants: list[Grant] = []

    @property
    def asked(self) -> Fraction:
        return Fraction(self.vm.pes * self.vm.mips)

    def advance(self, start: Fraction, end: Fraction, vcpu: Fraction, task: Fraction) -> None:
        self.progress += task * (end - start)
        if self.grants and self.grants[-1][2:] == (vcpu, task):
            start = Fraction(self.grants.pop().start)
        self.grants.append(Grant(*map(simplest, (start, end, vcpu, task))))


class _Rack:
    """A host while it is simulated."""

    def __init__(self, host: Host, space: bool) -> None:
        self.host, self.space = host, space
        self.guests: list[_Guest] = []
        self.free = list(range(host.pes if space else 0))

    @property
    def capacity(self) -> Fraction:
        return Fraction(self.host.pes * self.host.mips)

    @property
    def asked(self) -> Fraction:
        return sum((guest.asked for guest in self.guests), Fraction(0))

    @property
    def free_pes(self) -> int:
        """PEs minus vCPUs; below 0 where a time-shared host has more vCPUs than PEs."""
        return self.host.pes - sum(guest.vm.pes for guest in self.guests)

    def has_ram(self, vm: Vm) -> bool:
        used = sum(guest.vm.ram for guest in self.guests)
        return self.host.ram is None or used + vm.ram <= self.host.ram

    def has_room(self, vm: Vm) -> bool:
        """Whether the VM would get all that it asks for."""
        if vm.mips > self.host.mips or not self.has_ram(vm):
            return False
        if self.space:
            return vm.pes <= len(self.free)
        return self.asked + vm.pes * vm.mips <= self.capacity

    def vcpu(self, guest: _Guest) -> Fraction:
        """The MIPS that each vCPU of the guest gets."""
        if self.space or self.asked <= self.capacity:
            return Fraction(guest.vm.mips)
        return guest.vm.mips * self.capacity / self.asked


def share(
    hosts: Host | Iterable[Host],
    machines: Iterable[Vm],
    cloudlets: Iterable[Cloudlet],
    *,
    vms: str = "time",
    placement: str = "first-fit",
    overcommit: bool = True,
) -> Shared:
    """Run cloudlets in VMs on one host or several, and return the exact result.

    ``vms`` are shared by "space": each vCPU has a whole PE, and VMs that find too few free PEs wait
    for them. Or by "time": each vCPU gets the MIPS it asks for; on a host that is asked for more
    than it has, all are cut in proportion. A VM keeps its part, busy or not, until its last task
    has ended; it never gets more than it asks for.

    Inside a VM, space-shared tasks have vCPUs of their own, as fast as the VM's vCPUs are.
    Time-shared tasks each get a vCPU's speed on every PE they want; if together they want more
    PEs than there are vCPUs, the VM's capacity is divided by the number wanted.

    A VM goes to the "first-fit" host: the first where it gets all that it asks for. With
    ``placement`` "most-free" it goes to the one with most free PEs (PEs minus vCPUs), as CloudSim's
    VmAllocationPolicySimple does. Where no host has room, VMs wait; but time-shared ones may
    ``overcommit`` the host with the least MIPS asked for in proportion to its own. RAM is never
    overcommitted. Whenever something comes free, those who wait, VMs and tasks alike, are looked
    at in order (tasks by submission, then list order) and each one that fits starts: a narrow one
    can overtake a wide one.

    Unlike CloudSim, a VM waits where CloudSim would refuse it, no share is cut to whole MIPS, and
    a VM without cloudlets takes no room.

    Raises ``PolicyError`` for an unknown option and for a VM that no host could hold even if it
    were empty; ``WorkloadError`` for what is wrong with the VMs and cloudlets.

    >>> done = share(Host(1, 1000), [Vm("VM1", 1, 250)], [Cloudlet("A", "VM1", 40000)])
    >>> done.cpu_time
    {'A': 160}
    """
    choose("vms", vms, "time", "space")
    choose("placement", placement, "first-fit", "most-free")
    if not isinstance(overcommit, bool):
        raise PolicyError(f"The option overcommit is {overcommit!r}: it must be True or False.")
    all_hosts, (all_vms, tasks) = read_hosts(hosts), read_tasks(machines, cloudlets)
    racks = [_Rack(host, vms == "space") for host in all_hosts]
    over = overcommit and vms == "time"
    for vm in all_vms:
        if _place(vm, racks, placement, over) is None:
            _refuse(vm, all_hosts, over)
    number = {vm.name: 0 for vm in all_vms}
    for task in tasks:
        number[task.vm] += 1
    guests = {vm.name: _Guest(vm, number[vm.name]) for vm in all_vms if number[vm.name]}
    waiting = list(guests.values())
    placed: dict[str, int] = {}
    began: dict[int, tuple[Fraction, tuple[int, ...]]] = {}
    finish: dict[int, Fraction] = {}
    order = sorted(range(len(tasks)), key=lambda at: tasks[at].submitted)
    coming = order[::-1]
    now = Fraction(0)
    while True:
        for rack in racks:
            for guest in rack.guests:
                for at in _ended(guest, tasks):
                    finish[at] = now
                    guest.free = sorted(guest.free + list(began[at][1]))
            _leave(rack, now)
        while coming and tasks[coming[-1]].submitted <= now:
            at = coming.pop()
            guests[tasks[at].vm].queue.append(at)
        for guest in list(waiting):
            host = _place(guest.vm, racks, placement, over)
            if host is not None:
                waiting.remove(guest)
                placed[guest.vm.name] = host
                _enter(racks[host], guest, now)
        for rack in racks:
            for guest in rack.guests:
                for at, vcpus in _start(guest, tasks):
                    began[at] = now, vcpus
        speeds = [(guest, *_speed(rack, guest)) for rack in racks for guest in rack.guests]
        ahead = [Fraction(tasks[coming[-1]].submitted)] if coming else []
        for guest, _, task_mips in speeds:
            if guest.running:
                ahead.append(now + (guest.running[0][0] - guest.progress) / task_mips)
        if not ahead:
            break
        for guest, vcpu, task_mips in speeds:
            guest.advance(now, min(ahead), vcpu, task_mips)
        now = min(ahead)
    return Shared(
        all_hosts,
        tuple(
            VmRun(g.vm, placed[name], simplest(g.start), simplest(g.end), g.pes, tuple(g.grants))
            for name, g in guests.items()
        ),
        tuple(
            CloudletRun(task, simplest(began[at][0]), simplest(finish[at]), began[at][1])
            for at, task in enumerate(tasks)
        ),
        vms,
    )


def _place(vm: Vm, racks: Sequence[_Rack], placement: str, overcommit: bool) -> int | None:
    """The host for a VM; None where it has to wait."""
    room = [at for at, rack in enumerate(racks) if rack.has_room(vm)]
    if room:
        return room[0] if placement == "first-fit" else max(room, key=lambda a: racks[a].free_pes)
    if not overcommit:
        return None
    able = [a for a, r in enumerate(racks) if vm.mips <= r.host.mips and r.has_ram(vm)]
    return min(able, key=lambda at: racks[at].asked / racks[at].capacity, default=None)


def _enter(rack: _Rack, guest: _Guest, now: Fraction) -> None:
    guest.start = now
    rack.guests.append(guest)
    if rack.space:
        guest.pes, rack.free = tuple(rack.free[: guest.vm.pes]), rack.free[guest.vm.pes :]


def _leave(rack: _Rack, now: Fraction) -> None:
    """Those whose work is done make room."""
    for guest in rack.guests:
        if not guest.left:
            guest.end = now
            rack.free = sorted([*rack.free, *guest.pes])
    rack.guests = [guest for guest in rack.guests if guest.left]


def _ended(guest: _Guest, tasks: Sequence[Cloudlet]) -> list[int]:
    """The tasks that are done, which no longer run."""
    done = []
    while guest.running and guest.running[0][0] == guest.progress:
        at = heappop(guest.running)[1]
        guest.wanted -= tasks[at].pes
        guest.left -= 1
        done.append(at)
    return done


def _start(guest: _Guest, tasks: Sequence[Cloudlet]) -> list[tuple[int, tuple[int, ...]]]:
    """The queued tasks that can run now, each with the vCPUs that it has for itself."""
    started, queued = [], []
    for at in guest.queue:
        pes = tasks[at].pes if guest.vm.tasks == "space" else 0
        if pes > len(guest.free):
            queued.append(at)
            continue
        heappush(guest.running, (guest.progress + tasks[at].length, at))
        guest.wanted += tasks[at].pes
        started.append((at, tuple(guest.free[:pes])))
        guest.free = guest.free[pes:]
    guest.queue = queued
    return started


def _speed(rack: _Rack, guest: _Guest) -> tuple[Fraction, Fraction]:
    """MIPS of each vCPU, and of each PE of a running task (0 where none runs)."""
    vcpu = rack.vcpu(guest)
    if not guest.running:
        return vcpu, Fraction(0)
    return vcpu, vcpu * Fraction(guest.vm.pes, max(guest.vm.pes, guest.wanted))


def _refuse(vm: Vm, hosts: Sequence[Host], overcommit: bool) -> NoReturn:
    there = ", ".join(
        f"{host.pes} PEs of {host.mips} MIPS" + (f" and {host.ram} RAM" if host.ram else "")
        for host in hosts[:4]
    )
    size = "a PE as fast" if overcommit else "PEs as many and as fast"
    raise PolicyError(
        f"VM {vm.name!r} asks for {vm.pes} vCPUs of {vm.mips} MIPS and {vm.ram} RAM: no host has "
        f"{size} and that much RAM even when empty ({there}); ask for less, or add a host."
    )
