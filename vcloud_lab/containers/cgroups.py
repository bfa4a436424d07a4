"""The tree of control groups (cgroup v2): who is in which group, and which controllers rule it.

Source: the Linux kernel's Documentation/admin-guide/cgroup-v2.rst. Threaded groups, swap, and the
controllers cpuset, hugetlb, rdma and misc are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vcloud_lab.containers.namespaces import Namespace, UserNs
from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.process import Process

__all__ = ["CONTROLLERS", "IO_LIMITS", "PAGE", "Cgroup", "CgroupNs"]

CONTROLLERS = ("cpu", "io", "memory", "pids")
"""In the order in which the kernel lists them."""

PAGE = 4096
IO_LIMITS = ("rbps", "wbps", "riops", "wiops")


@dataclass
class CpuState:
    """``quota`` and ``period`` in microseconds; the rest are the figures of cpu.stat."""

    weight: int = 100
    quota: int | None = None
    period: int = 100_000
    usage: int = 0
    periods: int = 0
    throttled: int = 0
    throttled_time: int = 0
    began: int = 0  # the period to which ``spent`` belongs
    spent: int = 0


@dataclass
class MemoryState:
    """In pages; ``anon`` and ``cache`` are the group's own, ``total`` has its descendants' too."""

    max: int | None = None
    high: int | None = None
    group_kill: bool = False
    cache: int = 0
    total: int = 0
    peak: int = 0
    events: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("low", "high", "max", "oom", "oom_kill", "oom_group_kill"), 0
        )
    )


@dataclass
class PidsState:
    """``current`` counts the processes below, zombies too; ``refused`` those not started."""

    max: int | None = None
    current: int = 0
    refused: int = 0


@dataclass
class IoState:
    """By device: ``limits`` a second, when the next transfer may begin, and what was moved."""

    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    free: dict[tuple[str, str], int] = field(default_factory=dict)
    stat: dict[str, dict[str, int]] = field(default_factory=dict)


class Cgroup:
    """A control group; the root has no ``parent``.

    ``controllers`` are those that rule it, ``subtree`` those that it hands on to its children.
    ``uid`` (numbered as in the initial user namespace) owns its directory: to give it to a user is
    to delegate the group. The methods ask for no rights: ``CgroupFs`` does.
    """

    def __init__(self, name: str = "", parent: Cgroup | None = None, uid: int = 0) -> None:
        self.name, self.parent, self.uid = name, parent, uid
        self.children: dict[str, Cgroup] = {}
        self.subtree: set[str] = set()
        self.processes: list[Process] = []
        self.frozen = False
        self.removed = False
        self.cpu, self.memory = CpuState(), MemoryState()
        self.pids, self.io = PidsState(), IoState()

    @property
    def controllers(self) -> set[str]:
        """The controllers that its parent hands on to it; all for the root."""
        return set(CONTROLLERS) if self.parent is None else self.parent.subtree

    @property
    def path(self) -> str:
        """Its path from the root of the tree."""
        names = [group.name for group in self.upward()][-2::-1]
        return "/" + "/".join(names)

    @property
    def populated(self) -> bool:
        """Whether it or a group below has a process that has not ended."""
        return any(group.processes for group in self.downward())

    @property
    def stands_still(self) -> bool:
        """Whether it is frozen, itself or by a group above."""
        return any(group.frozen for group in self.upward())

    def upward(self) -> Iterator[Cgroup]:
        """The group, its parent and so on to the root."""
        group: Cgroup | None = self
        while group is not None:
            yield group
            group = group.parent

    def downward(self) -> Iterator[Cgroup]:
        """The group and all below, each before its children."""
        yield self
        for child in self.children.values():
            yield from child.downward()

    def ruled(self, controller: str) -> Cgroup:
        """The nearest group upward, or itself, that a controller rules."""
        return next(group for group in self.upward() if controller in group.controllers)

    def find(self, path: str) -> Cgroup:
        """The group at a path below this one. Raises ``KernelError`` (ENOENT) without one."""
        group = self
        for name in path.strip("/").split("/"):
            if name:
                if name not in group.children:
                    raise KernelError(
                        "ENOENT", f"There is no group {name!r} in {group.path}: make it first."
                    )
                group = group.children[name]
        return group

    def make(self, name: str, uid: int = 0) -> Cgroup:
        """A new child. Raises ``KernelError``: EEXIST for a name in use, EINVAL for one that is
        none, ENOENT for a group that was removed."""
        if self.removed:
            raise KernelError("ENOENT", f"The group {self.name!r} was removed: make it anew.")
        if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
            raise KernelError("EINVAL", f"A group cannot be named {name!r}: give text without '/'.")
        if name in self.children:
            raise KernelError(
                "EEXIST", f"{self.path} has a group {name!r} already: choose another name."
            )
        self.children[name] = child = Cgroup(name, self, uid)
        return child

    def remove(self) -> None:
        """Remove the group. Raises ``KernelError`` (EBUSY) for the root and for a group that has
        children or processes; what cache it is charged for passes to its parent."""
        if self.parent is None or self.children or self.processes:
            why = "is the root" if self.parent is None else "has children or processes"
            raise KernelError(
                "EBUSY", f"{self.path} cannot be removed, as it {why}: empty it from below first."
            )
        self.parent.memory.cache += self.memory.cache
        self.memory.cache = 0
        del self.parent.children[self.name]
        self.removed = True

    def check_entry(self) -> None:
        """Raise ``KernelError`` where no process may be: EBUSY by the "no internal processes" rule,
        ENODEV in a group that was removed."""
        if self.removed:
            raise KernelError("ENODEV", f"The group {self.name!r} was removed: use another one.")
        if self.parent is not None and self.subtree:
            raise KernelError(
                "EBUSY",
                f"{self.path} hands controllers on ({' '.join(sorted(self.subtree))}): by the no "
                "internal processes rule only its leaves take processes; use a child of it.",
            )

    def move_in(self, process: Process) -> None:
        """Move a process here. Its memory stays charged where it was; pids.max is not looked at.

        Raises ``KernelError``: EBUSY by the "no internal processes" rule, ENODEV for a group that
        was removed.
        """
        self.check_entry()
        process.cgroup.processes.remove(process)
        process.cgroup.count_pids(-1)
        process.cgroup = self
        self.processes.append(process)
        self.count_pids(1)

    def check_fork(self) -> None:
        """Raise ``KernelError`` (EAGAIN) where a pids.max leaves no room for another process."""
        for group in self.upward():
            limit = group.pids.max
            if limit is not None and group.pids.current >= limit:
                group.pids.refused += 1
                raise KernelError(
                    "EAGAIN",
                    f"{group.path} has {group.pids.current} processes and pids.max is {limit}: end "
                    "and reap one, or raise the limit.",
                )

    def count_pids(self, change: int) -> None:
        """Add to the counts of processes, of this group and those above."""
        for group in self.upward():
            group.pids.current += change

    def hand_on(self, text: str) -> None:
        """Write to cgroup.subtree_control: words such as "+cpu" and "-memory", all or none.

        Raises ``KernelError``: EINVAL for other words; ENOENT for a controller that the group does
        not have; EBUSY to take one back that a child hands on, and while the group has processes
        (the "no internal processes" rule; the root is free of it).
        """
        after = set(self.subtree)
        for word in text.split():
            name = word[1:]
            if word[0] not in "+-" or name not in CONTROLLERS:
                raise KernelError(
                    "EINVAL", f"{word!r} is not + or - with one of {', '.join(CONTROLLERS)}."
                )
            if word[0] == "+" and name not in self.controllers:
                raise KernelError(
                    "ENOENT",
                    f"{self.path} has no controller {name}: write +{name} to the parent's "
                    "cgroup.subtree_control first.",
                )
            (after.add if word[0] == "+" else after.discard)(name)
        for name in sorted(self.subtree - after):
            for child in self.children.values():
                if name in child.subtree:
                    raise KernelError(
                        "EBUSY", f"{child.path} hands {name} on: write -{name} there first."
                    )
        if after and self.parent is not None and self.processes:
            raise KernelError(
                "EBUSY",
                f"{self.path} has {len(self.processes)} processes: by the no internal processes "
                "rule a group with processes hands nothing on; move them to a child first.",
            )
        for name in self.subtree - after:
            for child in self.children.values():
                child._reset(name)
        self.subtree = after

    def _reset(self, controller: str) -> None:
        """Forget the limits of a controller that rules the group no more; counts go on."""
        if controller == "cpu":
            self.cpu.weight, self.cpu.quota, self.cpu.period = 100, None, 100_000
        elif controller == "memory":
            self.memory.max = self.memory.high = None
            self.memory.group_kill = False
        elif controller == "pids":
            self.pids.max = None
        else:
            self.io.limits.clear()

    def __repr__(self) -> str:
        return f"Cgroup({self.path!r})"


class CgroupNs(Namespace):
    """A cgroup namespace: ``root`` is the group that shows as /."""

    kind = "cgroup"

    def __init__(self, owner: UserNs, number: int, root: Cgroup) -> None:
        super().__init__(owner, number)
        self.root = root

    def view(self, group: Cgroup) -> str:
        """The path of a group as seen from here; with /.. for groups outside."""
        here, there = ([*one.upward()][-2::-1] for one in (self.root, group))
        same = 0
        while same < min(len(here), len(there)) and here[same] is there[same]:
            same += 1
        return "/" + "/".join([".."] * (len(here) - same) + [one.name for one in there[same:]])
