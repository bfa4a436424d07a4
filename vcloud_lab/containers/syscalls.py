"""The system calls of containers that Python's ``os`` does not have, through ctypes.

Each is named like its manual page in section 2 and raises ``OSError`` with the kernel's errno; the
error's ``filename`` tells in words what was tried. Only a child process may call them: they change
the process itself.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

__all__ = [
    "CLONE",
    "capget",
    "capset",
    "mount",
    "mount_setattr",
    "pivot_root",
    "prctl",
    "raw",
    "sethostname",
    "setns",
    "socket_for_ioctl",
    "umount",
    "unshare",
]

CLONE = {
    "time": 0x00000080,
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
"""The eight kinds of namespaces and their bits in ``unshare`` and ``setns``."""

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG, PR_SET_SECCOMP = 1, 22
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47

SYS_MOUNT_SETATTR = 442
"""Calls from number 424 on have the same number on every processor that Python runs on."""


@cache
def libc() -> ctypes.CDLL:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, doing: str) -> int:
    """``result``, or the ``OSError`` that a negative one stands for."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), doing)
    return result


def raw(number: int, doing: str, *arguments: object) -> int:
    """Any system call by its number; integers are passed as 64-bit words."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return check(libc().syscall(ctypes.c_long(number), *words), doing)


def unshare(flags: int) -> None:
    """Leave the namespaces of ``flags`` for new ones; pid and time count for children only."""
    names = " ".join(name for name, bit in CLONE.items() if flags & bit)
    check(libc().unshare(flags), f"unshare {names}")


def setns(fd: int, kind: int = 0) -> None:
    """Enter the namespace of an open ``/proc/PID/ns/...``; ``kind`` 0 takes any."""
    check(libc().setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """Attach a file system of a ``kind``, or with MS_BIND an existing directory or file."""
    words = [text.encode() for text in (source, target, kind)]
    done = libc().mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    check(done, f"mount {kind or 'bind'} on {target}")


def umount(target: str, flags: int = 0) -> None:
    """Detach what is mounted on ``target``."""
    check(libc().umount2(target.encode(), flags), f"umount {target}")


def mount_setattr(target: str, attributes: int) -> None:
    """Add MOUNT_ATTR bits to the mount at ``target`` and to every mount beneath it."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    size = ctypes.sizeof(wanted)
    name = target.encode()
    raw(SYS_MOUNT_SETATTR, "mount_setattr", -100, name, AT_RECURSIVE, ctypes.byref(wanted), size)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make a mount point the root; the old root moves to ``put_old``."""
    check(libc().pivot_root(new_root.encode(), put_old.encode()), "pivot_root")


def prctl(option: int, *arguments: object) -> int:
    """Change one property of this process; integers are passed as 64-bit words."""
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    return check(libc().prctl(option, *words), f"prctl {option}")


def sethostname(name: str) -> None:
    """Name this host, in this uts namespace."""
    check(libc().sethostname(name.encode(), ctypes.c_size_t(len(name.encode()))), "sethostname")


def capget() -> tuple[int, int, int]:
    """The effective, permitted and inheritable capabilities of this thread."""
    header, words = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    check(libc().capget(header, words), "capget")
    effective, permitted, inheritable = (words[n] | words[n + 3] << 32 for n in range(3))
    return effective, permitted, inheritable


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three capability sets of this thread, each a mask of 64 bits."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the structure, this thread
    low = [mask & 0xFFFFFFFF for mask in (effective, permitted, inheritable)]
    high = [mask >> 32 for mask in (effective, permitted, inheritable)]
    check(libc().capset(header, (ctypes.c_uint32 * 6)(*low, *high)), "capset")


def socket_for_ioctl() -> int:
    """An unconnected UDP socket as a file descriptor, for ``ioctl`` on network interfaces."""
    return check(libc().socket(2, 2, 0), "socket")
