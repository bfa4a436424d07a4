"""The file systems that the kernel makes up: proc and cgroup2.

What proc shows depends on the PID namespace for which it was mounted, what cgroup2 shows on the
cgroup namespace. Sources: proc(5), cgroups(7), the kernel's
Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vcloud_lab.containers.cgroup_files import WRITABLE, files_of, read_file, write_file
from vcloud_lab.containers.cgroup_memory import fit
from vcloud_lab.containers.cgroups import PAGE, Cgroup, CgroupNs
from vcloud_lab.containers.files import Directory, File, FileSystem, Node, Path, Symlink
from vcloud_lab.containers.namespaces import KINDS, PidNs, UserNs
from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.kernel import Kernel
    from vcloud_lab.containers.process import Process

__all__ = ["CgroupFs", "ProcFs"]

STATES = {"R": "running", "S": "sleeping", "T": "stopped", "Z": "zombie"}


class ProcFs(FileSystem):
    """Processes as files, by their numbers in a PID namespace; others do not show.

    Each has cgroup, comm, gid_map, mounts, setgroups, status, timens_offsets, uid_map and ns/.
    """

    kind = "proc"

    def __init__(self, kernel: Kernel, pid_ns: PidNs) -> None:
        self.kernel, self.pid_ns = kernel, pid_ns

    def find(self, path: Path) -> Node | None:
        if not path:
            return Directory(mode=0o555)
        if path == ("self",):
            me = self.kernel.current.pid_in(self.pid_ns)
            return Symlink(target=str(me)) if me else None
        process = self._process(path[0])
        if process is None:
            return None
        if len(path) == 1 or path[1:] == ("ns",):
            return Directory(uid=process.uid, gid=process.gid, mode=0o555)
        if path[1] == "ns" and len(path) == 3 and path[2] in KINDS:
            return Symlink(target=repr(process.ns.of(path[2])))
        text = self._texts(process).get(path[1]) if len(path) == 2 else None
        writable = path[-1] in ("uid_map", "gid_map", "setgroups", "timens_offsets")
        mode = 0o644 if writable else 0o444
        return (
            None
            if text is None
            else File(text().encode(), uid=process.uid, gid=process.gid, mode=mode)
        )

    def names(self, path: Path) -> list[str]:
        if not path:
            pids = sorted(self.pid_ns.processes)
            me = ["self"] if self.kernel.current.pid_in(self.pid_ns) else []
            return [*map(str, pids), *me]
        process = self._process(path[0])
        assert process is not None
        return sorted(KINDS if path[1:] else [*self._texts(process), "ns"])

    def write(self, path: Path, data: bytes) -> None:
        process = self._process(path[0])
        assert process is not None
        text, me, user = data.decode(errors="replace"), self.kernel.current, process.ns.user
        if path[1] in ("uid_map", "gid_map"):
            user.set_map(me, path[1][:3], text)
        elif path[1] == "setgroups":
            _set_setgroups(me, user, text)
        elif path[1] == "timens_offsets":
            self.kernel.set_time_offsets(process, text)
        else:
            raise KernelError("EACCES", f"/proc/{path[0]}/{path[1]} is only read.")

    def _process(self, name: str) -> Process | None:
        return self.pid_ns.processes.get(int(name)) if name.isdecimal() else None

    def _texts(self, process: Process) -> dict[str, Callable[[], str]]:
        ns, me = process.ns, self.kernel.current
        return {
            "cgroup": lambda: f"0::{me.ns.cgroup.view(process.cgroup)}\n",
            "comm": lambda: f"{process.command.split()[0].split('/')[-1][:15]}\n",
            "gid_map": lambda: _map(ns.user, "gid"),
            "mounts": lambda: "".join(
                f"{mount.fs.kind} {at} {mount.fs.kind} "
                f"{'ro' if mount.read_only or mount.fs.read_only else 'rw'} 0 0\n"
                for at, mount in ns.mnt.mounts()
            ),
            "setgroups": lambda: "allow\n" if ns.user.setgroups else "deny\n",
            "status": lambda: self._status(process),
            "timens_offsets": lambda: "".join(
                f"{clock:<10} {offset // 10**9:>10} {offset % 10**9:>9}\n"
                for clock, offset in process.time_ns_for_children.offsets.items()
            ),
            "uid_map": lambda: _map(ns.user, "uid"),
        }

    def _status(self, process: Process) -> str:
        user = self.kernel.current.ns.user
        parent = process.parent.pid_in(self.pid_ns) if process.parent else 0
        chain = [*process.numbers.values()][self.pid_ns.level :]
        lines = {
            "Name": process.command.split()[0].split("/")[-1][:15],
            "State": f"{process.state} ({STATES[process.state]})",
            "Pid": process.pid_in(self.pid_ns),
            "PPid": parent,
            "Uid": "\t".join([str(user.inside("uid", process.uid))] * 4),
            "Gid": "\t".join([str(user.inside("gid", process.gid))] * 4),
            "NSpid": "\t".join(map(str, chain)),
            "VmRSS": f"{process.pages * PAGE // 1024:>8} kB",
        }
        return "".join(f"{key}:\t{value}\n" for key, value in lines.items())


class CgroupFs(FileSystem):
    """The tree of control groups from the root of a cgroup namespace down.

    A directory is a group, so mkdir makes one and rmdir removes one; its files are the interface.
    """

    kind = "cgroup2"

    def __init__(self, kernel: Kernel, ns: CgroupNs) -> None:
        self.kernel, self.root = kernel, ns.root

    def find(self, path: Path) -> Node | None:
        group = self._group(path)
        if group is not None:
            return Directory(uid=group.uid)
        group = self._group(path[:-1])
        if group is None or path[-1] not in files_of(group):
            return None
        writable = path[-1] in WRITABLE or path[-1] in ("cgroup.procs", "cgroup.kill")
        delegated = path[-1] in ("cgroup.procs", "cgroup.subtree_control")
        uid = group.uid if delegated else group.parent.uid if group.parent else 0
        text = self._read(group, path[-1])
        return File(text.encode(), uid=uid, mode=0o644 if writable else 0o444)

    def names(self, path: Path) -> list[str]:
        group = self._group(path)
        assert group is not None
        return sorted([*group.children, *files_of(group)])

    def create(self, path: Path, node: Node) -> None:
        group = self._group(path[:-1])
        assert group is not None
        if not isinstance(node, Directory):
            raise KernelError("EACCES", "In cgroup2 only directories are made: use mkdir.")
        group.make(path[-1], node.uid)

    def write(self, path: Path, data: bytes) -> None:
        group = self._group(path[:-1])
        assert group is not None
        name, text = path[-1], data.decode(errors="replace")
        if name == "cgroup.procs":
            self._move(group, text)
        elif name == "cgroup.kill":
            if text.strip() != "1":
                code = "ERANGE" if text.strip().isdecimal() else "EINVAL"
                raise KernelError(code, f"cgroup.kill is given {text!r}: it takes 1.")
            for process in [one for below in group.downward() for one in below.processes]:
                self.kernel.end(process, -9)
        else:
            write_file(group, name, text)
            if name in ("memory.max", "memory.high"):
                fit(group, lambda process: self.kernel.end(process, -9))

    def remove(self, path: Path) -> None:
        group = self._group(path)
        if group is None:
            raise KernelError("EPERM", f"{path[-1]} is an interface file: it goes with its group.")
        group.remove()

    def change(self, path: Path, uid: int, gid: int, mode: int) -> None:
        group = self._group(path)
        if group is None:
            raise KernelError("EPERM", "Only directories are given away here: chown the group.")
        group.uid = uid

    def _group(self, path: Path) -> Cgroup | None:
        group: Cgroup | None = self.root
        for name in path:
            group = None if group is None else group.children.get(name)
        return group

    def _read(self, group: Cgroup, name: str) -> str:
        if name == "cgroup.kill":
            return ""
        if name != "cgroup.procs":
            return read_file(group, name)
        me = self.kernel.current.ns.pid
        return "".join(f"{process.pid_in(me)}\n" for process in group.processes)

    def _move(self, group: Cgroup, text: str) -> None:
        me, word = self.kernel.current, text.strip()
        if not word.isdecimal():
            raise KernelError("EINVAL", f"cgroup.procs is given {text!r}: it takes one pid.")
        process = me if word == "0" else self.kernel.find(me, int(word))
        if not process.alive:
            return  # a zombie is in no group any more
        # Delegation: nobody moves a process out of, or into, a tree that was not given to them.
        above = next(one for one in group.upward() if one in [*process.cgroup.upward()])
        if above.uid != me.uid and not me.capable(self.kernel.init.ns.user, "DAC_OVERRIDE"):
            raise KernelError(
                "EACCES",
                f"Process {word} is in {process.cgroup.path}: the nearest group above both, "
                f"{above.path}, belongs to another user, who must do the move.",
            )
        group.move_in(process)


def _map(ns: UserNs, kind: str) -> str:
    return "".join(f"{one:>10} {two:>10} {count:>10}\n" for one, two, count in ns.maps[kind])


def _set_setgroups(writer: Process, ns: UserNs, text: str) -> None:
    word = text.strip()
    if word not in ("allow", "deny"):
        raise KernelError("EINVAL", f"setgroups is given {text!r}: it takes 'allow' or 'deny'.")
    denied = word == "allow" and not ns.setgroups
    if denied or (word == "deny" and ns.maps["gid"]) or not writer.capable(ns, "SYS_ADMIN"):
        raise KernelError(
            "EPERM",
            f"setgroups cannot become {word!r}: 'deny' is written before the gid_map, stays, and "
            "needs SYS_ADMIN in the namespace.",
        )
    ns.setgroups = word == "allow"
