"""Memory of control groups: charges up the tree, reclaim, and the out-of-memory killer.

Source: the Linux kernel's Documentation/admin-guide/cgroup-v2.rst, section "Memory".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vcloud_lab.containers.cgroups import PAGE, Cgroup
from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.process import Process

__all__ = ["allocate", "cache", "fit", "free", "pages_of", "release"]

Kill = Callable[["Process"], None]


def pages_of(size: int) -> int:
    """The pages that some bytes need. Raises ``KernelError`` (EINVAL) for fewer than 0."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise KernelError("EINVAL", f"The size is {size!r} bytes: give a whole number from 0 on.")
    return -(-size // PAGE)


def allocate(process: Process, size: int, kill: Kill) -> bool:
    """Give a process ``size`` more bytes, in pages; whether it lives to use them.

    A limit that would be passed is first met by dropping page cache below it, then by killing: the
    process below it with the most memory, of equals the one with the lowest pid. Raises
    ``KernelError`` (EINVAL) for a size below 0.
    """
    pages = pages_of(size)
    if not _make_room(process.cgroup, pages, kill, process):
        return False
    _charge(process.cgroup, pages)
    process.memory[process.cgroup] = process.memory.get(process.cgroup, 0) + pages
    _over_high(process.cgroup)
    return True


def cache(process: Process, size: int, kill: Kill) -> bool:
    """Let a process read ``size`` bytes of files: page cache, charged to its group, that can be
    dropped again. Whether it lives on. Raises as ``allocate`` does."""
    pages = pages_of(size)
    if not _make_room(process.cgroup, pages, kill, process):
        return False
    _charge(process.cgroup, pages)
    process.cgroup.memory.cache += pages
    _over_high(process.cgroup)
    return True


def free(process: Process, size: int) -> None:
    """Take back ``size`` bytes, the last charged group's first.

    Raises ``KernelError`` (EINVAL) for more than it has.
    """
    pages = pages_of(size)
    if pages > process.pages:
        raise KernelError(
            "EINVAL",
            f"Process {process.pid} has {process.pages * PAGE} bytes, not {size}: free less.",
        )
    for group in [*process.memory][::-1]:
        part = min(pages, process.memory[group])
        pages -= part
        process.memory[group] -= part
        _charge(group, -part)
        if not process.memory[group]:
            del process.memory[group]


def release(process: Process) -> None:
    """Take back all memory of a process that ends."""
    for group, pages in process.memory.items():
        _charge(group, -pages)
    process.memory.clear()


def fit(group: Cgroup, kill: Kill) -> None:
    """Bring a group within a memory.max that was just lowered: drop cache, then kill."""
    _make_room(group, 0, kill, None)
    _over_high(group)


def _make_room(group: Cgroup, pages: int, kill: Kill, process: Process | None) -> bool:
    for limited in group.upward():
        memory = limited.memory
        while memory.max is not None and memory.total + pages > memory.max:
            _event(limited, "max")
            _reclaim(limited, memory.total + pages - memory.max)
            if memory.total + pages <= memory.max:
                break
            if not _kill_one(limited, kill):
                return process is None
            if process is not None and not process.alive:
                return False
    return True


def _kill_one(limited: Cgroup, kill: Kill) -> bool:
    """Kill the process with the most memory below a limit; whether there was one."""
    below = [process for group in limited.downward() for process in group.processes]
    _event(limited, "oom")
    if not below:
        return False
    victim = min(below, key=lambda process: (-process.pages, process.pid))
    domain = [one for one in _up_to(victim.cgroup, limited) if one.memory.group_kill]
    doomed = [victim]
    if domain:
        _event(domain[-1], "oom_group_kill")
        doomed = [process for group in domain[-1].downward() for process in group.processes]
    for process in doomed:
        _event(process.cgroup, "oom_kill")
        kill(process)
    return True


def _up_to(group: Cgroup, top: Cgroup) -> list[Cgroup]:
    path = []
    for one in group.upward():
        path.append(one)
        if one is top:
            break
    return path


def _reclaim(group: Cgroup, pages: int) -> None:
    """Drop up to so many pages of cache at or below a group."""
    for one in group.downward():
        part = min(pages, one.memory.cache)
        one.memory.cache -= part
        pages -= part
        _charge(one, -part)


def _over_high(group: Cgroup) -> None:
    """Above memory.high a group is slowed down and its cache dropped; here it is counted."""
    for one in group.upward():
        memory = one.memory
        if memory.high is not None and memory.total > memory.high:
            _event(one, "high")
            _reclaim(one, memory.total - memory.high)


def _charge(group: Cgroup, pages: int) -> None:
    for one in group.upward():
        one.memory.total += pages
        one.memory.peak = max(one.memory.peak, one.memory.total)


def _event(group: Cgroup, name: str) -> None:
    """Events of memory.events count upward: those of a group have its descendants' too."""
    for one in group.upward():
        one.memory.events[name] += 1
