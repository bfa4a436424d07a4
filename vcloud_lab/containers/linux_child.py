"""What runs in the helper process: a supervisor, and the container that it starts and clears away.

``run`` in ``linux.py`` starts a fresh interpreter for it with only the few modules that it needs,
for a process with threads (every notebook) can neither unshare nor fork safely. The steps:

1. The *supervisor* makes the control group and forks an *opener* into it.
2. The opener leaves its namespaces; the supervisor writes the user maps for it.
3. The opener forks the *init*, the first process inside, and ends; the supervisor inherits init.
4. Init builds the root, gives up rights and becomes the command.
5. The supervisor waits, ends what is left over, removes the control group and reports.

If the caller dies the kernel sends the supervisor SIGTERM (PR_SET_PDEATHSIG), which goes to step 5
at once; if the supervisor dies the kernel kills init, and with it the pid namespace.
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os
import resource
import signal
import struct
import warnings  # noqa: F401 - os.execvpe imports it, when the root has been changed already
from typing import Any, NoReturn

from vcloud_lab.containers import capabilities, landlock, linux_mounts, seccomp, syscalls
from vcloud_lab.containers.linux_cgroups import Cgroup, wait_for
from vcloud_lab.errors import ContainerError

__all__ = ["main"]

Order = dict[str, Any]
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


class Stop(BaseException):
    """The caller wants the container to end, or is dead itself."""


def main(caller: int, order_fd: int, report_fd: int) -> NoReturn:
    """Carry out the order that is read from one pipe and write a report to the other."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stop

    report: Order = {"status": 0, "stopped": False, "refused": [], "error": ""}
    report |= {"held": {}, "events": {}}
    group, scratch = None, ""
    try:
        try:
            signal.signal(signal.SIGTERM, stop)
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, int(signal.SIGTERM))
            syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
            os.set_inheritable(report_fd, False)
            with os.fdopen(order_fd, "rb") as pipe:
                written = pipe.read()
            if os.getppid() != caller or not written:
                raise Stop
            order: Order = marshal.loads(written)
            if order["lower"]:
                above = os.path.dirname(order["upper"]) or order["scratch"]
                scratch = order["scratch"] = f"{above}/.vcloud-lab-{os.getpid()}"
                os.mkdir(scratch, 0o700)
                if "user" in order["namespaces"]:
                    os.chown(scratch, *order["root_outside"])
            group = make_group(order, report["held"])
            report["status"] = supervise(order, group, report["held"])
        except OSError as error:
            report["refused"] = [error.errno or 0, str(error.filename or error)]
        except ContainerError as error:
            report["error"] = str(error)
        except Exception as error:  # whatever it is, what was made must go away again
            report["error"] = f"The helper process failed: {error!r}; please report this."
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except Stop:
        report["stopped"] = True
    wait_for(no_children, 5.0)
    if group is not None:
        report["events"] = group.events()
        group.kill()
        group.delete()
    if scratch:
        remove(scratch)
    try:
        os.write(report_fd, marshal.dumps(report))
    except BrokenPipeError:
        os._exit(1)
    os._exit(0)


def make_group(order: Order, held: dict[str, str]) -> Cgroup | None:
    """A control group with the limits that control groups can hold here, or None.

    ``held`` gets for each limit what holds it. Memory and processes fall back to rlimits.
    """
    limits: dict[str, int] = order["limits"]
    group, wanted = None, {"memory": "memory", "processes": "pids"}
    wanted |= {"cpu_weight": "cpu", "cpu_percent": "cpu"}
    root = order["root_outside"][0] if "user" in order["namespaces"] else os.getuid()
    names = dict.fromkeys(wanted[limit] for limit in limits if limit in wanted)
    for chosen in [list(names), *([name] for name in names)] if names else []:
        try:
            group = Cgroup(str(os.getpid()), chosen)
            break
        except ContainerError:
            continue  # perhaps a single controller can be had
    setters = {"memory": "memory_max", "processes": "pids_max", "cpu_percent": "cpu_quota"}
    for limit, value in limits.items():
        if group is not None and wanted.get(limit) in group.places:
            getattr(group, setters.get(limit, limit))(value)
            held[limit] = f"cgroup v{group.versions[wanted[limit]]}"
        elif limit == "processes" and root == 0:
            held[limit] = "nothing: RLIMIT_NPROC does not bind root"
        elif limit.startswith("cpu_") and limit != "cpu_seconds":
            held[limit] = "nothing: it needs a delegated cgroup"
        else:
            held[limit] = "rlimit"
    return group


def supervise(order: Order, group: Cgroup | None, held: dict[str, str]) -> int:
    """Steps 1 to 5 up to the end of the command; returns its wait status."""
    up_read, up_write = os.pipe()
    down_read, down_write = os.pipe()
    opener = os.fork()
    if opener == 0:
        os.close(up_read)
        os.close(down_write)
        in_child(up_write, lambda: opened(order, held, up_write, down_read))
    os.close(up_write)
    os.close(down_read)
    if group is not None:
        group.add(opener)
    os.write(down_write, b"g")
    expect(up_read)
    if "user" in order["namespaces"]:
        write_maps(opener, order["uid_map"], order["gid_map"])
    os.write(down_write, b"m")
    expect(up_read)
    (init,) = struct.unpack("i", os.read(up_read, 4))
    os.waitpid(opener, 0)
    os.write(down_write, b"i")
    expect(up_read)
    if expect(up_read):  # the pipe closes when init becomes the command
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO), "start")
    return os.waitpid(init, 0)[1]


def expect(pipe: int) -> bytes:
    """The next letter of the child's report, nothing at its end; raises an error it reports."""
    letter = os.read(pipe, 1)
    if letter == b"E":
        raise OSError(*marshal.loads(os.read(pipe, 65536)))
    return letter


def in_child(report: int, work: Any) -> NoReturn:
    """Do the work of a forked child and never return; errors go up through the pipe."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
    except OSError as error:
        words = [error.errno or 0, error.strerror, str(error.filename or "")]
        os.write(report, b"E" + marshal.dumps(words))
    except Exception as error:  # a fault of ours must not look like the command's own end
        os.write(report, b"E" + marshal.dumps([errno.EPROTO, str(error), "start"]))
    finally:
        os._exit(1)


def opened(order: Order, held: dict[str, str], up: int, down: int) -> None:
    """The opener: new namespaces, then the first process inside them."""
    wait_word(down)
    flags = 0
    for name in order["namespaces"]:
        flags |= syscalls.CLONE[name]
    if flags:  # a filter may refuse even a call that changes nothing
        syscalls.unshare(flags)
    os.write(up, b"u")
    wait_word(down)
    if order["clock_offset"]:
        with open("/proc/self/timens_offsets", "w") as file:
            file.write(f"monotonic {order['clock_offset']} 0\nboottime {order['clock_offset']} 0")
    init = os.fork()
    if init == 0:
        in_child(up, lambda: become(order, held, up, down))
    os.write(up, b"p" + struct.pack("i", init))
    os._exit(0)


def wait_word(pipe: int) -> None:
    """Wait until the supervisor says go; if it is dead, end."""
    if not os.read(pipe, 1):
        os._exit(1)


def write_maps(pid: int, uid_map: str, gid_map: str) -> None:
    """Say which users inside are which outside. Without privilege groups must be given up first."""
    if gid_map.split()[1:] == [str(os.getgid()), "1"]:
        put(f"/proc/{pid}/setgroups", "deny")
    put(f"/proc/{pid}/uid_map", uid_map)
    put(f"/proc/{pid}/gid_map", gid_map)


def put(path: str, text: str) -> None:
    """One write to a file of /proc; the error names the file."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    finally:
        os.close(file)


def become(order: Order, held: dict[str, str], up: int, down: int) -> None:
    """Init: make the inside, give up rights, and run the command in place of this program."""
    wait_word(down)
    new = order["namespaces"]
    os.setsid()
    if "uts" in new:
        syscalls.sethostname(order["hostname"])
    if "net" in new:
        loopback_up()
    if "user" in new:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    if "mount" in new:
        linux_mounts.make_root(order)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, int(signal.SIGKILL))
    os.write(up, b"r")  # fails if the supervisor died before the line above
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    capabilities.drop(order["drop"])
    if order["writable"] is not None:
        landlock.read_only(order["writable"])
    command, environment = order["command"], order["env"]
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, programs do not
        signal.signal(number, signal.SIG_DFL)
    set_rlimits(order["limits"], held)
    if order["seccomp"]:
        seccomp.install(order["seccomp"])
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"start {command[0]}") from None


def loopback_up() -> None:
    """Switch on the interface ``lo``, the only one of a new network namespace."""
    end = syscalls.socket_for_ioctl()
    fcntl.ioctl(end, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    os.close(end)


def set_rlimits(limits: dict[str, int], held: dict[str, str]) -> None:
    """The limits of single processes, as the last step: they bind this program too."""
    kinds = {
        "memory": resource.RLIMIT_AS,
        "processes": resource.RLIMIT_NPROC,
        "cpu_seconds": resource.RLIMIT_CPU,
        "file_size": resource.RLIMIT_FSIZE,
        "open_files": resource.RLIMIT_NOFILE,
    }
    for limit, value in limits.items():
        if held[limit] == "rlimit":
            resource.setrlimit(kinds[limit], (value, value))


def no_children() -> bool:
    """Kill and collect every child; those of the dead come to this process, a subreaper."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            return True
    for name in os.listdir("/proc"):
        if name.isdigit() and parent(name) == os.getpid():
            os.kill(int(name), signal.SIGKILL)
    return False


def parent(pid: str) -> int:
    """The parent of a process, 0 where there is none any more."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def remove(folder: str) -> None:
    """Remove a directory with all that is in it; overlayfs leaves one that cannot be read."""
    os.chmod(folder, 0o700)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            remove(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(folder)
