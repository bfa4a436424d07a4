"""What this machine can do: every mechanism of containers, tried for real in a child process.

A version number tells little: a kernel may have a call that a policy forbids, or that a filter
hides. So each probe uses its mechanism, and checks that it had an effect.
"""

from __future__ import annotations

import errno
import marshal
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from vcloud_lab.containers import capabilities, landlock, seccomp, syscalls
from vcloud_lab.containers.helper import helper_command
from vcloud_lab.containers.linux_cgroups import CONTROLLERS, Cgroup
from vcloud_lab.containers.refusals import explain
from vcloud_lab.errors import ContainerError

__all__ = ["Mechanism", "probe"]

TIMEOUT = 30
MOUNT_SPACE = syscalls.CLONE["mount"]


class Mechanism(NamedTuple):
    """Whether it works for this user on this machine, and in words why not."""

    works: bool
    reason: str


def probe() -> dict[str, Mechanism]:
    """Try every mechanism. The names: ``namespace user`` and the other seven, ``mount``,
    ``read-only tree``, ``pivot_root``, ``proc``, ``overlay``, ``seccomp``, ``capabilities``,
    ``landlock``, ``rlimits``, ``parent death signal``, ``cgroup memory`` and the other three.

    It takes 0.2 to 0.3 seconds, changes nothing and raises nothing. Mounts are tried in a new user
    namespace where there is one, as ``run`` does it.
    """
    reason = f"it needs Linux, and this is {sys.platform}"
    if sys.platform == "linux":
        try:
            done = subprocess.run(
                helper_command("linux_probe"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=True,
            )
            found: dict[str, tuple[bool, str]] = marshal.loads(done.stdout)
            return {name: Mechanism(*found[name]) for name in PROBES}
        except (OSError, ValueError, EOFError, subprocess.SubprocessError) as error:
            reason = f"the probing process failed: {error}"
    return dict.fromkeys(PROBES, Mechanism(False, reason))


def main() -> None:
    """The probing process: each probe in a child of its own, for most cannot be undone."""
    os.write(1, marshal.dumps({name: attempt(work) for name, work in PROBES.items()}))


def attempt(work: Callable[[], object]) -> tuple[bool, str]:
    """Carry out one probe in a forked child; whether it worked, and the reason if not."""
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        reason = ""
        try:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            work()
        except OSError as error:
            reason = explain(error.errno or 0, str(error.filename or error.strerror or error))
        except ContainerError as error:
            reason = str(error)
        except BaseException as error:
            reason = f"the probe failed: {error!r}"
        os.write(target, reason.encode()[:4000])
        os._exit(bool(reason))
    os.close(target)
    with os.fdopen(source, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    status = os.waitpid(child, 0)[1]
    if status and not reason:
        reason = f"the probe ended with status {status}"
    return not reason, reason


def effective(done: bool, doing: str) -> None:
    """A mechanism without an effect does not work."""
    if not done:
        raise OSError(0, f"{doing} had no effect")


def enter(*names: str) -> None:
    """Leave the named namespaces, within a new user namespace unless that is refused to root."""
    flags = sum(syscalls.CLONE[name] for name in set(names) - {"user"})
    user, group = os.getuid(), os.getgid()
    try:
        syscalls.unshare(syscalls.CLONE["user"])
    except OSError:
        if user != 0 or "user" in names:
            raise
    else:
        for file, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {user} 1"),
            ("gid_map", f"0 {group} 1"),
        ):
            with open(f"/proc/self/{file}", "w") as target:
                target.write(text)
    syscalls.unshare(flags)


def namespace(name: str) -> Callable[[], None]:
    """A probe of one kind: it must have a new number and, for "user", real power inside."""

    def work() -> None:
        if name == "pid":
            enter("pid")
            in_new_child(lambda: effective(os.getpid() == 1, "unshare pid"))
            return
        file = {"mount": "mnt", "time": "time_for_children"}.get(name, name)
        file = f"/proc/self/ns/{file}"
        before = os.readlink(file)
        enter(*([name, "uts"] if name == "user" else [name]))
        effective(os.readlink(file) != before, f"unshare {name}")
        if name == "user":
            syscalls.sethostname("probe")  # some policies grant an empty user namespace only

    return work


def in_new_child(work: Callable[[], None]) -> None:
    """Carry out the work in the first process of a new pid namespace."""
    works, reason = attempt(work)
    if not works:
        raise ContainerError(reason)


def mounts() -> None:
    """A file system of one's own on /tmp, where only this process sees it."""
    enter("mount")
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", "/tmp", "tmpfs")
    os.mkdir("/tmp/new")


def read_only_tree() -> None:
    mounts()
    syscalls.mount("/tmp", "/tmp/new", "", syscalls.MS_BIND)
    syscalls.mount_setattr("/tmp/new", syscalls.MOUNT_ATTR_RDONLY)
    refused(lambda: os.mkdir("/tmp/new/x"), errno.EROFS, "mount_setattr")


def new_root() -> None:
    mounts()
    os.chdir("/tmp")
    syscalls.pivot_root(".", ".")
    syscalls.umount(".", syscalls.MNT_DETACH)
    effective(os.listdir("/") == ["new"], "pivot_root")


def proc() -> None:
    enter("mount", "pid")
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)

    def inside() -> None:
        syscalls.mount("proc", "/proc", "proc")
        effective(os.readlink("/proc/self") == "1", "mount proc")

    in_new_child(inside)


def overlay() -> None:
    mounts()
    for name in ("lower", "upper", "work", "lower/x"):
        os.mkdir(f"/tmp/{name}")
    options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr"
    syscalls.mount("overlay", "/tmp/new", "overlay", 0, options)
    os.rmdir("/tmp/new/x")
    effective(os.path.lexists("/tmp/upper/x"), "the overlay's whiteout")


def refused(work: Callable[[], object], number: int, doing: str) -> None:
    """The work must fail with an errno."""
    try:
        work()
    except OSError as error:
        effective(error.errno == number, doing)
    else:
        effective(False, doing)


def seccomp_filter() -> None:
    seccomp.install(seccomp.deny(seccomp.numbers(["uname"]), errno.EXDEV))
    refused(os.uname, errno.EXDEV, "seccomp")


def capability_drop() -> None:
    capabilities.drop(capabilities.mask(["all"]))
    effective(capabilities.sets()["CapEff"] == 0, "capset")
    refused(lambda: syscalls.sethostname("probe"), errno.EPERM, "capset")


def landlock_rule() -> None:
    os.close(os.open("/dev/null", os.O_WRONLY))
    landlock.read_only()
    refused(lambda: os.open("/dev/null", os.O_WRONLY), errno.EACCES, "landlock")


def rlimits() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    refused(lambda: [os.dup(2) for _ in range(4)], errno.EMFILE, "setrlimit")


def death_signal() -> None:
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, int(signal.SIGKILL))


def cgroup(controller: str) -> Callable[[], None]:
    """A probe of one controller: make a group, set its limit, enter it."""

    def work() -> None:
        with Cgroup(f"{os.getpid()}", [controller]) as group:
            settings: dict[str, Callable[[], None]] = {
                "memory": lambda: group.memory_max(1 << 30),
                "pids": lambda: group.pids_max(1000),
                "cpu": lambda: group.cpu_weight(100),
                "freezer": lambda: group.freeze(False),
            }
            settings[controller]()
            inside, go = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(go)
                os.read(inside, 1)
                os._exit(0)
            os.close(inside)
            try:
                group.add(child)
                effective(child in group.pids(), f"cgroup {controller}")
            finally:
                os.close(go)
                os.waitpid(child, 0)

    return work


PROBES: dict[str, Callable[[], None]] = {
    **{f"namespace {name}": namespace(name) for name in sorted(syscalls.CLONE)},
    "mount": mounts,
    "read-only tree": read_only_tree,
    "pivot_root": new_root,
    "proc": proc,
    "overlay": overlay,
    "seccomp": seccomp_filter,
    "capabilities": capability_drop,
    "landlock": landlock_rule,
    "rlimits": rlimits,
    "parent death signal": death_signal,
    **{f"cgroup {name}": cgroup(name) for name in CONTROLLERS},
}
