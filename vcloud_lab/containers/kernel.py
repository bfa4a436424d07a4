"""The model kernel: processes in namespaces and control groups, in plain Python.

It answers as Linux does, by the same errno where it refuses. What it leaves out is said where it
is left out. Sources: fork(2), wait(2), kill(2), pid_namespaces(7) and those of the other modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vcloud_lab.containers import cgroup_memory
from vcloud_lab.containers.calls_files import FileCalls
from vcloud_lab.containers.calls_namespaces import FIRST_NUMBER
from vcloud_lab.containers.cgroup_io import transfer
from vcloud_lab.containers.cgroups import Cgroup, CgroupNs
from vcloud_lab.containers.cpu_shares import SLICE, CpuRun, run_cpus
from vcloud_lab.containers.files import Directory, Tmpfs
from vcloud_lab.containers.mounts import Mount, MountNs
from vcloud_lab.containers.namespaces import IpcNs, PidNs, TimeNs, UserNs, UtsNs
from vcloud_lab.containers.network import NetNs
from vcloud_lab.containers.process import SIGNALS, Namespaces, Process
from vcloud_lab.containers.pseudo import CgroupFs, ProcFs
from vcloud_lab.errors import KernelError

__all__ = ["Ended", "Kernel"]

MOST_CPUS = 256


class Ended(NamedTuple):
    """What ``wait`` tells: the child's pid as the parent sees it, and its exit code, or minus the
    number of the signal that killed it."""

    pid: int
    code: int


class Kernel(FileCalls):
    """A machine with ``cpus`` processors, just booted: process 1, ``init``, runs as root.

    proc is mounted at /proc and the control groups at /sys/fs/cgroup; ``root`` is the group at
    their top. ``clock`` counts microseconds and moves with ``run``. Where a method takes a process
    first, that process makes the call; all raise ``KernelError`` (ESRCH) for one that has ended.
    """

    def __init__(self, cpus: int = 1) -> None:
        if not isinstance(cpus, int) or isinstance(cpus, bool) or not 1 <= cpus <= MOST_CPUS:
            raise KernelError("EINVAL", f"There are {cpus!r} CPUs: 1 to {MOST_CPUS} are needed.")
        self.cpus, self.clock, self.last_number = cpus, 0, FIRST_NUMBER
        self.root = Cgroup()
        user = UserNs(None, 0, 4026531837)
        pid_ns, time_ns = PidNs(user, 4026531836), TimeNs(user, 4026531834)
        cgroup_ns = CgroupNs(user, 4026531835, self.root)
        time_ns.entered = True
        base = Mount(Tmpfs())
        ns = Namespaces(
            user,
            MountNs(user, 4026531841, base),
            pid_ns,
            NetNs(user, 4026531840),
            IpcNs(user, 4026531839),
            UtsNs(user, 4026531838),
            cgroup_ns,
            time_ns,
        )
        self.init = Process("init", None, {}, ns, pid_ns, time_ns, self.root, reaps=True)
        self.current = self.init
        self._enter(self.init)
        for path in (("proc",), ("sys",), ("sys", "fs"), ("sys", "fs", "cgroup"), ("tmp",)):
            mode = 0o777 if path == ("tmp",) else 0o755
            base.fs.create(path, Directory(mode=mode))
        base.attach(Mount(ProcFs(self, pid_ns)), ("proc",))
        base.attach(Mount(CgroupFs(self, cgroup_ns)), ("sys", "fs", "cgroup"))

    # Processes

    def spawn(
        self,
        parent: Process,
        command: str,
        *,
        new: Iterable[str] = (),
        cgroup: Cgroup | None = None,
        handles: Iterable[str] = (),
        reaps: bool = False,
    ) -> Process:
        """Start a process: fork and exec in one; with ``new`` namespaces, clone.

        It begins in its parent's ``cgroup`` or the one given. ``handles`` are the signals that it
        catches; it ``reaps`` if it waits for all its children. As a program starts, it gets all
        capabilities if it runs as root of its user namespace, else none; in a new user namespace it
        has all of them until ``exec``, as the maps of ids are written after the start.

        Raises ``KernelError``: EAGAIN at a pids.max; ENOMEM where the first process of the PID
        namespace has ended; EBUSY for a group that takes no processes; EINVAL for an empty command
        and signals that cannot be caught; what ``unshare`` raises.
        """
        self.check_alive(parent)
        kinds, caught = list(new), frozenset(handles)
        _check_command(command)
        for signal in sorted(caught):
            if signal not in SIGNALS or signal in ("KILL", "STOP"):
                raise KernelError(
                    "EINVAL", f"Signal {signal!r} cannot be caught: KILL, STOP and unknown ones."
                )
        if parent.pid_ns_for_children.dead:
            raise KernelError(
                "ENOMEM",
                f"The first process of {parent.pid_ns_for_children} has ended: nothing starts in "
                "it any more; make a new namespace.",
            )
        group = cgroup or parent.cgroup
        if cgroup is not None:
            cgroup.check_entry()
        child = Process(
            command,
            parent,
            {},
            parent.ns,
            parent.pid_ns_for_children,
            parent.time_ns_for_children,
            group,
            parent.uid,
            parent.gid,
            parent.caps,
            parent.bounds,
            reaps,
            caught,
        )
        if kinds:
            if "pid" in kinds and parent.pid_ns_for_children is not parent.ns.pid:
                raise KernelError(
                    "EINVAL",
                    f"The children of process {parent.pid} have a new PID namespace already.",
                )
            self.unshare(child, *kinds)
        group.check_fork()
        parent.children.append(child)
        self._enter(child)
        if "user" not in kinds:
            self._set_caps(child)
        return child

    def exec(self, process: Process, command: str) -> None:
        """Let a process become another program; its capabilities are worked out anew.

        Raises ``KernelError`` (EINVAL) for an empty command.
        """
        self.check_alive(process)
        _check_command(command)
        process.command = command
        process.handles = frozenset()
        self._set_caps(process)

    def exit(self, process: Process, code: int = 0) -> None:
        """Let a process end by itself. Raises ``KernelError``: EINVAL for a code that is not from 0
        to 255, EPERM for process 1 of the machine."""
        self.check_alive(process)
        if not isinstance(code, int) or isinstance(code, bool) or not 0 <= code <= 255:
            raise KernelError("EINVAL", f"The exit code is {code!r}: it is from 0 to 255.")
        self.end(process, code)

    def end(self, process: Process, code: int) -> None:
        """End a process: its memory is free, its children go to the first process of its PID
        namespace, and it is a zombie until its parent waits. With the first process of a PID
        namespace all others in it end."""
        if process is self.init:
            raise KernelError("EPERM", "Process 1 ends: Linux would panic; end another one.")
        if not process.alive:
            return
        process.code = code
        process.work, process.stopped = 0, False
        cgroup_memory.release(process)
        process.cgroup.processes.remove(process)
        mine = process.ns.pid
        if mine.init is process:
            for other in [one for one in mine.processes.values() if one is not process]:
                self.end(other, -SIGNALS["KILL"])
            for other in [one for one in mine.processes.values() if one is not process]:
                self._reap(other)
        reaper = next(
            ns.init for ns in [*mine.chain()][::-1] if ns.init is not None and ns.init.alive
        )
        for child in process.children:
            child.parent = reaper
            reaper.children.append(child)
            if reaper.reaps and not child.alive:
                self._reap(child)
        process.children = []
        self.tidy(process.ns.net)
        parent = process.parent
        if parent is not None and parent.alive:
            if "CHLD" in parent.handles:
                parent.received.append("CHLD")
            if parent.reaps:
                self._reap(process)

    def wait(self, parent: Process, child: Process | None = None) -> Ended | None:
        """Reap a child that has ended, the first of them unless one is given; None if none has.

        Raises ``KernelError`` (ECHILD) where there is no (such) child.
        """
        self.check_alive(parent)
        children = [one for one in parent.children if child is None or one is child]
        if not children:
            raise KernelError("ECHILD", f"Process {parent.pid} has no such child to wait for.")
        for one in children:
            if one.code is not None:
                ended = Ended(one.pid_in(parent.ns.pid), one.code)
                self._reap(one)
                return ended
        return None

    def find(self, process: Process, pid: int) -> Process:
        """The process with a pid in the PID namespace of the caller, zombies too.

        Raises ``KernelError`` (ESRCH) without one.
        """
        found = process.ns.pid.processes.get(pid)
        if found is None:
            raise KernelError("ESRCH", f"There is no process {pid!r} in {process.ns.pid}.")
        return found

    def kill(self, process: Process, pid: int, signal: str = "TERM") -> None:
        """Send a signal to a pid in the caller's PID namespace.

        STOP and CONT stop and continue, a signal that the target handles is noted in its
        ``received``, CHLD does nothing and all others end it. The first process of a PID namespace
        only gets what it handles, and from namespaces around it KILL and STOP.

        Raises ``KernelError``: EINVAL for an unknown signal, ESRCH for an unknown pid, EPERM for a
        process of another user without KILL over it.
        """
        self.check_alive(process)
        if signal not in SIGNALS:
            raise KernelError(
                "EINVAL", f"There is no signal {signal!r}: choose among {', '.join(SIGNALS)}."
            )
        target = self.find(process, pid)
        if process.uid != target.uid and not process.capable(target.ns.user, "KILL"):
            raise KernelError(
                "EPERM", f"Process {pid} belongs to another user: it takes their rights, or KILL."
            )
        forced = signal in ("KILL", "STOP")
        inside = process.pid_in(target.ns.pid) > 0
        if not target.alive or (
            target.ns.pid.init is target
            and signal not in target.handles
            and signal != "CONT"
            and (inside or not forced)
        ):
            return
        if signal == "STOP":
            target.stopped = True
            return
        if signal == "CONT":
            target.stopped = False
        if signal in target.handles:
            target.received.append(signal)
        elif signal not in ("CONT", "CHLD"):
            self.end(target, -SIGNALS[signal])

    # What they use

    def burn(self, process: Process, time: int | None = None) -> None:
        """Let a process want ``time`` microseconds of CPU time more, then sleep; without end for
        None. Raises ``KernelError`` (EINVAL) for a time below 0."""
        self.check_alive(process)
        if time is not None and (not isinstance(time, int) or isinstance(time, bool) or time < 0):
            raise KernelError("EINVAL", f"The CPU time is {time!r}: give microseconds from 0 on.")
        process.work = None if time is None or process.work is None else process.work + time

    def run(self, time: int, slice_: int = SLICE) -> CpuRun:
        """Let ``time`` microseconds pass; see ``run_cpus``."""
        done = run_cpus(self.root, self.cpus, self.clock, time, slice_)
        self.clock += time
        return done

    def allocate(self, process: Process, size: int) -> bool:
        """Give a process ``size`` more bytes; whether it lives to use them.

        See ``cgroup_memory.allocate``.
        """
        self.check_alive(process)
        return cgroup_memory.allocate(process, size, self._oom_kill)

    def cache(self, process: Process, size: int) -> bool:
        """Let a process read ``size`` bytes of files into page cache; whether it lives on."""
        self.check_alive(process)
        return cgroup_memory.cache(process, size, self._oom_kill)

    def free(self, process: Process, size: int) -> None:
        """Take back ``size`` bytes. Raises ``KernelError`` (EINVAL) for more than it has."""
        self.check_alive(process)
        cgroup_memory.free(process, size)

    def transfer(
        self, process: Process, size: int, *, write: bool = False, device: str = "8:0"
    ) -> int:
        """When a transfer of ``size`` bytes that begins now is done; see ``cgroup_io.transfer``."""
        self.check_alive(process)
        return transfer(process.cgroup, self.clock, size, write=write, device=device)

    def tidy(self, net: NetNs) -> None:
        if net is self.init.ns.net or any(
            one.alive and one.ns.net is net for one in self.init.ns.pid.processes.values()
        ):
            return
        for name in [name for name, link in net.links.items() if link.kind != "loopback"]:
            if name in net.links:
                net.delete(name)

    def _oom_kill(self, process: Process) -> None:
        self.end(process, -SIGNALS["KILL"])

    def _enter(self, process: Process) -> None:
        """Number a new process in its PID namespaces, and count it in its group."""
        pid_ns, time_ns = process.pid_ns_for_children, process.time_ns_for_children
        process.ns = Namespaces(**(vars(process.ns) | {"pid": pid_ns, "time": time_ns}))
        time_ns.entered = True
        for ns in pid_ns.chain():
            ns.last += 1
            process.numbers[ns] = ns.last
            ns.processes[ns.last] = process
        if pid_ns.init is None:
            pid_ns.init = process
        process.cgroup.processes.append(process)
        process.cgroup.count_pids(1)

    def _set_caps(self, process: Process) -> None:
        root = process.ns.user.outside("uid", 0)
        process.caps = process.bounds if process.uid == root else frozenset()

    def _reap(self, process: Process) -> None:
        if process.parent is not None:
            process.parent.children.remove(process)
        for ns, pid in process.numbers.items():
            del ns.processes[pid]
        process.cgroup.count_pids(-1)


def _check_command(command: str) -> None:
    if not isinstance(command, str) or not command.strip():
        raise KernelError("EINVAL", f"The command is {command!r}: name a program.")
