"""The system calls about namespaces, users and clocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vcloud_lab.containers.cgroups import CgroupNs
from vcloud_lab.containers.mounts import MountNs
from vcloud_lab.containers.namespaces import (
    CAPABILITIES,
    KINDS,
    IpcNs,
    Namespace,
    PidNs,
    TimeNs,
    UserNs,
    UtsNs,
)
from vcloud_lab.containers.network import NetNs
from vcloud_lab.containers.process import Process
from vcloud_lab.errors import KernelError

__all__ = ["NamespaceCalls"]

FIRST_NUMBER = 4026532000
LONGEST_HOSTNAME = 64


class NamespaceCalls:
    """The part of ``Kernel`` that makes and joins namespaces; ``clock`` is in microseconds."""

    clock: int
    last_number: int

    def unshare(self, process: Process, *kinds: str) -> None:
        """Give a process new namespaces: copies for "mnt" and "uts", with nothing in them for
        "net" and "ipc", its group as the root for "cgroup". Those of "pid" and "time" are for the
        processes that it starts from now on. In a new "user" namespace it has all capabilities.

        Raises ``KernelError``: EINVAL for an unknown kind, and for "pid" a second time; EPERM
        without SYS_ADMIN, which a new "user" namespace in the same call gives; ENOSPC beyond 32
        nested ones.
        """
        self.check_alive(process)
        ns, caps = process.ns, process.caps
        pid_ns, time_ns = process.pid_ns_for_children, process.time_ns_for_children
        wanted = _known(kinds)
        user = ns.user
        if "user" in wanted:
            if not (user.has("uid", process.uid) and user.has("gid", process.gid)):
                raise KernelError(
                    "EPERM",
                    f"Process {process.pid} has a user or group without a number in its user "
                    "namespace, so it cannot make another: write the uid_map and gid_map first.",
                )
            user, caps = UserNs(user, process.uid, self.number()), CAPABILITIES
        elif wanted and not process.capable(user, "SYS_ADMIN"):
            raise KernelError(
                "EPERM",
                f"Process {process.pid} has no SYS_ADMIN in its user namespace, which new "
                f"namespaces need ({', '.join(wanted)}): unshare 'user' with them.",
            )
        changes: dict[str, Namespace] = {}
        for kind in wanted:
            number = self.number()
            if kind == "user":
                changes[kind] = user
            elif kind == "mnt":
                changes[kind] = ns.mnt.copy(user, number)
            elif kind == "net":
                changes[kind] = NetNs(user, number)
            elif kind == "ipc":
                changes[kind] = IpcNs(user, number)
            elif kind == "uts":
                changes[kind] = UtsNs(user, number, ns.uts.hostname)
            elif kind == "cgroup":
                changes[kind] = CgroupNs(user, number, process.cgroup)
            elif kind == "time":
                time_ns = TimeNs(user, number)
                time_ns.offsets |= process.time_ns_for_children.offsets
            elif pid_ns is not ns.pid:
                raise KernelError(
                    "EINVAL",
                    f"Process {process.pid} has a PID namespace for its children already: start "
                    "one, and let that one unshare further.",
                )
            else:
                pid_ns = PidNs(user, number, pid_ns)
        process.ns, process.caps = replace(ns, **changes), caps  # type: ignore[arg-type]
        process.pid_ns_for_children, process.time_ns_for_children = pid_ns, time_ns
        self.tidy(ns.net)

    def setns(self, process: Process, target: Namespace) -> None:
        """Let a process join a namespace, such as ``other.ns.net``; of "pid", for its children.

        Raises ``KernelError``: EPERM without SYS_ADMIN in the owner of the namespace and in its
        own user namespace; EINVAL for the user namespace that it is in, and for a PID namespace
        that is not its own or in it.
        """
        self.check_alive(process)
        owner = target if isinstance(target, UserNs) else target.owner
        if target is process.ns.user:
            raise KernelError("EINVAL", f"Process {process.pid} is in {target} already.")
        both = process.capable(owner, "SYS_ADMIN") and (
            isinstance(target, UserNs) or process.capable(process.ns.user, "SYS_ADMIN")
        )
        chroot = not isinstance(target, MountNs) or process.capable(process.ns.user, "SYS_CHROOT")
        if not (both and chroot):
            raise KernelError(
                "EPERM",
                f"Process {process.pid} has no SYS_ADMIN over {target}: join the user namespace "
                "that owns it first.",
            )
        if isinstance(target, PidNs):
            if process.ns.pid not in target.chain():
                raise KernelError(
                    "EINVAL",
                    f"{target} is not in the PID namespace of process {process.pid}: nobody gets "
                    "out of their own.",
                )
            process.pid_ns_for_children = target
            return
        before = process.ns
        process.ns = replace(before, **{target.kind: target})  # type: ignore[arg-type]
        if isinstance(target, UserNs):
            process.caps = CAPABILITIES
        elif isinstance(target, TimeNs):
            process.time_ns_for_children = target
            target.entered = True
        self.tidy(before.net)

    def set_hostname(self, process: Process, name: str) -> None:
        """Set the name of the host in the process's UTS namespace.

        Raises ``KernelError``: EPERM without SYS_ADMIN there, EINVAL for more than 64 bytes.
        """
        self.check(process, process.ns.uts, "SYS_ADMIN", "set the name of the host")
        if not isinstance(name, str) or len(name.encode()) > LONGEST_HOSTNAME:
            raise KernelError(
                "EINVAL", f"The name of the host is {name!r}: text of at most 64 bytes is needed."
            )
        process.ns.uts.hostname = name

    def net(self, process: Process) -> NetNs:
        """The network namespace of a process, to change it; to look, use ``process.ns.net``.

        Raises ``KernelError`` (EPERM) without NET_ADMIN there.
        """
        self.check(process, process.ns.net, "NET_ADMIN", "change the network")
        return process.ns.net

    def time(self, process: Process, clock: str = "monotonic") -> int:
        """The nanoseconds that a clock ("monotonic" or "boottime") shows to a process.

        Raises ``KernelError`` (EINVAL) for another clock.
        """
        offsets = process.ns.time.offsets
        if clock not in offsets:
            raise KernelError("EINVAL", f"There is no clock {clock!r}: use {', '.join(offsets)}.")
        return self.clock * 1000 + offsets[clock]

    def set_time_offsets(self, process: Process, text: str) -> None:
        """Write to timens_offsets: lines of a clock, seconds and nanoseconds to add for children.

        Raises ``KernelError``: EACCES once a process is in the namespace, EPERM without SYS_TIME,
        EINVAL for other lines, ERANGE for a clock that would show less than 0.
        """
        target = process.time_ns_for_children
        if target.entered:
            raise KernelError(
                "EACCES", f"{target} has had a process: set the offsets right after unshare."
            )
        self.check(process, target, "SYS_TIME", "set the clocks")
        offsets = dict(target.offsets)
        for line in text.splitlines():
            words = line.split()
            clock = {"1": "monotonic", "7": "boottime"}.get(words[0], words[0]) if words else ""
            numbers = [word for word in words[1:] if word.removeprefix("-").isdecimal()]
            shaped = clock in offsets and len(words) == 3 and len(numbers) == 2
            if not shaped or not 0 <= int(numbers[1]) < 10**9:
                raise KernelError(
                    "EINVAL",
                    f"The line {line!r} of timens_offsets: it has a clock, seconds and nanoseconds "
                    "below 10**9; try 'monotonic 86400 0'.",
                )
            offsets[clock] = int(numbers[0]) * 10**9 + int(numbers[1])
            if self.clock * 1000 + offsets[clock] < 0:
                raise KernelError(
                    "ERANGE", f"With {line!r} the clock would show less than 0: add more."
                )
        target.offsets = offsets

    def set_user(self, process: Process, uid: int, gid: int) -> None:
        """setgid and setuid, with ids of the process's user namespace. Who was root there and no
        longer is loses all capabilities.

        Raises ``KernelError``: EINVAL for an id without a number outside, EPERM for another's ids
        without SETUID and SETGID.
        """
        self.check_alive(process)
        user = process.ns.user
        new_uid, new_gid = user.outside("uid", uid), user.outside("gid", gid)
        if new_uid is None or new_gid is None:
            raise KernelError(
                "EINVAL",
                f"User {uid} or group {gid} has no number outside of {user}: map it in the uid_map "
                "and gid_map.",
            )
        asked = {"SETUID": new_uid != process.uid, "SETGID": new_gid != process.gid}
        for capability, changes in asked.items():
            if changes:
                self.check(process, user, capability, f"become user {uid} and group {gid}")
        root = user.outside("uid", 0)
        if process.uid == root and new_uid != root:
            process.caps = frozenset()
        process.uid, process.gid = new_uid, new_gid

    def drop(self, process: Process, capabilities: Iterable[str]) -> None:
        """Take capabilities away for good, also from the programs that it starts.

        Raises ``KernelError`` (EINVAL) for an unknown one.
        """
        gone = frozenset(capabilities)
        if unknown := sorted(gone - CAPABILITIES):
            raise KernelError(
                "EINVAL",
                f"There is no {unknown[0]!r}: choose among {', '.join(sorted(CAPABILITIES))}.",
            )
        process.caps, process.bounds = process.caps - gone, process.bounds - gone

    def check(self, process: Process, over: Namespace, capability: str, what: str) -> None:
        """Raise ``KernelError`` (EPERM) where a process lacks a capability over a namespace."""
        self.check_alive(process)
        owner = over if isinstance(over, UserNs) else over.owner
        if not process.capable(owner, capability):
            raise KernelError(
                "EPERM",
                f"Process {process.pid} must not {what}: it has no {capability} in the user "
                f"namespace {'' if owner is over else f'that owns {over}, '}{owner}.",
            )

    def check_alive(self, process: Process) -> None:
        """Raise ``KernelError`` (ESRCH) for a process that has ended."""
        if not process.alive:
            raise KernelError("ESRCH", f"Process {process.pid} has ended: it makes no calls.")

    def number(self) -> int:
        """The inode number of a new namespace."""
        self.last_number += 1
        return self.last_number

    def tidy(self, net: NetNs) -> None:
        """Take away the interfaces of a network namespace that nobody is in any more."""
        raise NotImplementedError


def _known(kinds: Iterable[str]) -> list[str]:
    """The kinds in the order in which they are made. Raises ``KernelError`` (EINVAL)."""
    told = list(kinds)
    for kind in told:
        if kind not in KINDS:
            raise KernelError(
                "EINVAL",
                f"There is no kind of namespace {kind!r}: choose among {', '.join(KINDS)}.",
            )
    return [kind for kind in KINDS if kind in told]
