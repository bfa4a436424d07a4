"""Processes as the kernel sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vcloud_lab.containers.cgroups import Cgroup, CgroupNs
from vcloud_lab.containers.mounts import MountNs
from vcloud_lab.containers.namespaces import (
    CAPABILITIES,
    IpcNs,
    Namespace,
    PidNs,
    TimeNs,
    UserNs,
    UtsNs,
)
from vcloud_lab.containers.network import NetNs

__all__ = ["SIGNALS", "Namespaces", "Process"]

SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "KILL": 9,
    "USR1": 10,
    "TERM": 15,
    "CHLD": 17,
    "CONT": 18,
    "STOP": 19,
}
"""The signals of the model, with Linux's numbers."""


@dataclass(frozen=True)
class Namespaces:
    """The namespaces that a process is in, one of each kind."""

    user: UserNs
    mnt: MountNs
    pid: PidNs
    net: NetNs
    ipc: IpcNs
    uts: UtsNs
    cgroup: CgroupNs
    time: TimeNs

    def of(self, kind: str) -> Namespace:
        """The one of a kind."""
        found = getattr(self, kind)
        assert isinstance(found, Namespace)
        return found


@dataclass(eq=False)
class Process:
    """A process: ``numbers`` are its pids, by namespace from the initial one in.

    ``uid`` and ``gid`` are numbered as in the initial user namespace; ``caps`` are its effective
    capabilities in its own user namespace, and ``bounds`` the most that a program can give it.
    ``handles`` are the signals that it catches (``received`` lists those that came). It
    ``reaps`` if it waits for all its children, adopted ones too. ``work`` is the CPU time in
    microseconds that it still wants, None for no end of it. ``code`` is its exit code, or minus the
    number of the signal that killed it, once it has ended.
    """

    command: str
    parent: Process | None
    numbers: dict[PidNs, int]
    ns: Namespaces
    pid_ns_for_children: PidNs
    time_ns_for_children: TimeNs
    cgroup: Cgroup
    uid: int = 0
    gid: int = 0
    caps: frozenset[str] = CAPABILITIES
    bounds: frozenset[str] = CAPABILITIES
    reaps: bool = False
    handles: frozenset[str] = frozenset()
    received: list[str] = field(default_factory=list)
    children: list[Process] = field(default_factory=list)
    work: int | None = 0
    stopped: bool = False
    code: int | None = None
    memory: dict[Cgroup, int] = field(default_factory=dict)  # pages, by who is charged for them

    @property
    def pid(self) -> int:
        """Its number in the initial PID namespace; its parent's until it has one."""
        if not self.numbers and self.parent is not None:
            return self.parent.pid
        return next(iter(self.numbers.values()))

    @property
    def alive(self) -> bool:
        """Whether it has not ended (a zombie has)."""
        return self.code is None

    @property
    def state(self) -> str:
        """As /proc shows it: R wants the CPU, S sleeps, T is stopped, Z is a zombie."""
        if not self.alive:
            return "Z"
        return "T" if self.stopped else "S" if self.work == 0 else "R"

    @property
    def pages(self) -> int:
        """The pages of 4096 bytes that it has."""
        return sum(self.memory.values())

    def pid_in(self, ns: PidNs) -> int:
        """Its number in a PID namespace, 0 where it has none."""
        return self.numbers.get(ns, 0)

    def capable(self, target: UserNs, capability: str) -> bool:
        """Whether it has a capability over what a user namespace owns.

        It has where it is effective in that very namespace or in one around it; and who created a
        namespace has all of them in it, from the parent namespace (user_namespaces(7)).
        """
        ns: UserNs | None = target
        while ns is not None:
            if ns is self.ns.user:
                return capability in self.caps
            if ns.parent is self.ns.user and ns.creator == self.uid:
                return True
            ns = ns.parent
        return False

    def descendants(self) -> Iterable[Process]:
        """Its children, their children and so on."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def __repr__(self) -> str:
        return f"Process({self.pid}, {self.command!r}, {self.state})"
