"""Control groups, versions 1 and 2, behind one face.

Version 1 has one tree of directories a controller, version 2 one tree for all; the files' names and
units differ. New groups are made beneath the group that this process is in, so they stay within
whatever limits it; version 2 allows that only beneath a group without processes of its own, so
there the nearest group above that may be used is taken.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from vcloud_lab.errors import ContainerError

__all__ = ["CONTROLLERS", "Cgroup", "Tree", "trees"]

CONTROLLERS = ("memory", "pids", "cpu", "freezer")
"""What can be asked for; in version 2 every group can be frozen."""

PREFIX = "vcloud-lab-"
PERIOD = 100_000
"""The period of the CPU quota, in microseconds."""


class Tree(NamedTuple):
    """Where this process is in the tree of a controller: the ``version``, 1 or 2, the directory
    ``top`` where the tree is mounted and the directory ``own`` of this process's group."""

    version: int
    top: str
    own: str


def trees(proc: str = "/proc/self") -> dict[str, Tree]:
    """The tree of each controller that this process can see."""
    groups: dict[str, str] = {}
    with open(f"{proc}/cgroup") as lines:
        for line in lines:
            _, names, path = line.rstrip("\n").split(":", 2)
            groups.update(dict.fromkeys(names.split(","), path))
    found: dict[str, Tree] = {}
    with open(f"{proc}/mountinfo") as lines:
        for line in lines:
            before, after = (part.split() for part in line.split(" - ", 1))
            kind, root, top = after[0], before[3].rstrip("/"), before[4]
            if kind not in ("cgroup", "cgroup2"):
                continue
            for name in after[2].split(",") if kind == "cgroup" else [""]:
                if name not in groups:
                    continue
                path = groups[name]
                inside = path.startswith(root + "/") or path == root
                own = os.path.normpath(top + "/" + path[len(root) :]) if inside else top
                if name:
                    found[name] = Tree(1, top, own)
                    continue
                for offered in [*read(f"{own}/cgroup.controllers").split(), "freezer"]:
                    found.setdefault(offered, Tree(2, top, own))
    return {name: tree for name, tree in found.items() if name in CONTROLLERS}


def read(path: str) -> str:
    """The text of a cgroup file, or nothing where it is missing."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def write(path: str, value: object) -> None:
    """Hand a value to the kernel in one write, so that its refusal is an ``OSError``."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, str(value).encode())
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        os.close(file)


class Cgroup:
    """A new control group for the ``controllers``, named ``vcloud-lab-NAME``.

    Raises ``ContainerError`` with the kernel's reason where it cannot be made, and then leaves
    nothing. Use it in a ``with`` block, or call ``delete``.
    """

    def __init__(
        self, name: str, controllers: Iterable[str], *, where: Mapping[str, Tree] | None = None
    ) -> None:
        self.places: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        where = trees() if where is None else where
        sweep({tree.own for tree in where.values()})
        try:
            for controller in controllers:
                if controller not in where:
                    raise OSError(errno.ENOENT, f"the kernel offers no {controller} controller")
                self.versions[controller] = where[controller].version
            for controller, version in self.versions.items():
                tree, path = where[controller], f"/{PREFIX}{name}"
                path = (tree.own if version == 1 else self._above(tree)) + path
                os.makedirs(path, exist_ok=True)  # one directory may serve several controllers
                self.places[controller] = path
        except OSError as error:
            self.delete()
            raise ContainerError(
                f"The control group {name!r} cannot be made: {error}; ask for a delegated group, "
                "run as root, or use rlimits."
            ) from None

    def __enter__(self) -> Cgroup:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self.delete()

    def _above(self, tree: Tree) -> str:
        """The nearest group of version 2 that hands all wanted controllers on to its children."""
        wanted = {name for name, version in self.versions.items() if version == 2} - {"freezer"}
        above, reason = tree.own, OSError(errno.EACCES, "no group above hands its controllers on")
        while len(above) >= len(tree.top):
            missing = wanted - set(read(f"{above}/cgroup.subtree_control").split())
            try:
                if missing and above == tree.own:  # refused but in the root of the whole tree
                    for name in sorted(missing):
                        write(f"{above}/cgroup.subtree_control", f"+{name}")
                    missing = set()
            except OSError as error:
                reason = error
            if not missing and os.access(above, os.W_OK):
                return above
            above = os.path.dirname(above)
        raise reason

    def _set(
        self, controller: str, v1: Iterable[tuple[str, object]], v2: tuple[str, object]
    ) -> None:
        if controller not in self.places:
            raise ContainerError(
                f"This control group has no {controller} controller, only "
                f"{', '.join(self.places) or 'none'}: name it when the group is made."
            )
        for file, value in v1 if self.versions[controller] == 1 else [v2]:
            try:
                write(f"{self.places[controller]}/{file}", value)
            except OSError as error:
                raise ContainerError(
                    f"The kernel refused {value!r} for {file}: {error.strerror}; ask for a value "
                    "that it accepts, within the limits of the group above."
                ) from None

    def memory_max(self, size: int) -> None:
        """At most ``size`` bytes of memory, page cache included, and no swap."""
        place = self.places.get("memory", "")
        swap = [("memory.memsw.limit_in_bytes", size)]
        if not os.path.exists(f"{place}/memory.memsw.limit_in_bytes"):
            swap = []
        self._set("memory", [("memory.limit_in_bytes", size), *swap], ("memory.max", size))
        if os.path.exists(f"{place}/memory.swap.max"):
            write(f"{place}/memory.swap.max", 0)

    def pids_max(self, count: int) -> None:
        """At most ``count`` processes and threads; a further fork fails with EAGAIN."""
        self._set("pids", [("pids.max", count)], ("pids.max", count))

    def cpu_weight(self, weight: int) -> None:
        """The share against sibling groups, from 1 to 10,000; 100 is usual (1024 in version 1)."""
        self._set("cpu", [("cpu.shares", max(2, weight * 1024 // 100))], ("cpu.weight", weight))

    def cpu_quota(self, percent: int) -> None:
        """At most ``percent`` of one CPU in each 100 ms; 150 is one CPU and a half."""
        quota = PERIOD * percent // 100
        v1 = [("cpu.cfs_period_us", PERIOD), ("cpu.cfs_quota_us", quota)]
        self._set("cpu", v1, ("cpu.max", f"{quota} {PERIOD}"))

    def freeze(self, frozen: bool = True) -> None:
        """Stop every process where it stands, or let all go on; returns when that is done."""
        word = "FROZEN" if frozen else "THAWED"
        self._set("freezer", [("freezer.state", word)], ("cgroup.freeze", int(frozen)))
        place, wanted = self.places["freezer"], f"frozen {int(frozen)}"
        wait_for(
            lambda: (
                read(f"{place}/freezer.state").strip() == word
                if self.versions["freezer"] == 1
                else wanted in read(f"{place}/cgroup.events").splitlines()
            )
        )

    def add(self, pid: int) -> None:
        """Move a process into the group; its children will be born in it. Raises ``OSError``."""
        for place in dict.fromkeys(self.places.values()):
            write(f"{place}/cgroup.procs", pid)

    def pids(self) -> tuple[int, ...]:
        """The processes in the group."""
        found = {
            pid for place in self.places.values() for pid in read(place + "/cgroup.procs").split()
        }
        return tuple(sorted(map(int, found)))

    def events(self) -> dict[str, int]:
        """How often a limit struck: ``oom_kills``, ``forks_refused`` and ``cpu_throttled``."""
        sources = {
            "oom_kills": ("memory", ("memory.oom_control", "memory.events"), "oom_kill"),
            "forks_refused": ("pids", ("pids.events", "pids.events"), "max"),
            "cpu_throttled": ("cpu", ("cpu.stat", "cpu.stat"), "nr_throttled"),
        }
        found = {}
        for name, (controller, files, key) in sources.items():
            if controller in self.places:
                file = files[self.versions[controller] - 1]
                lines = read(f"{self.places[controller]}/{file}").splitlines()
                found[name] = int(dict(line.split(maxsplit=1) for line in lines).get(key, 0))
        return found

    def kill(self) -> None:
        """End every process in the group."""
        if "freezer" in self.places and self.pids():
            self.freeze(False)  # version 1: a frozen process cannot die

        def empty() -> bool:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return not self.pids()

        wait_for(empty)

    def delete(self) -> None:
        """Remove the group, which must be empty; a second call does nothing."""
        for place in dict.fromkeys(self.places.values()):
            # The kernel lets go of a group a moment after its last process has ended.
            wait_for(lambda place=place: removed(place))  # type: ignore[misc]
        self.places = {}


def sweep(folders: Iterable[str]) -> None:
    """Remove what a process left that was killed itself: groups named after it, if empty."""
    for folder in filter(os.path.isdir, folders):
        for name in os.listdir(folder):
            pid = name.removeprefix(PREFIX)
            if pid != name and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                removed(f"{folder}/{name}")


def removed(place: str) -> bool:
    """Remove a group's directory if the kernel allows it."""
    try:
        os.rmdir(place)
    except OSError as error:
        return error.errno != errno.EBUSY
    return True


def wait_for(done: Callable[[], bool], seconds: float = 2.0) -> bool:
    """Ask until it is true, or the time is up."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True
