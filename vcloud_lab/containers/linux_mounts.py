"""The file systems that a container sees: its root, /proc, /dev, /tmp, and what is hidden.

Everything here runs in the container's own mount namespace, before its command. The new root is
put together on /tmp, which serves as a mount point only, and becomes ``/`` by pivot_root(2). Mounts
are added only where the root has a real directory for them, so that a symbolic link of an image
cannot direct one elsewhere.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from vcloud_lab.containers import syscalls as sys

__all__ = ["MASKED", "READ_ONLY", "make_root"]

DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
MASKED = (
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/acpi",
    "/sys/firmware",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""Paths that no namespace divides, as the container engines treat them."""

NEW = os.path.realpath("/tmp")
SMALL = "mode=755,size=1m"
LARGE = "mode=1777,size=64m"
QUIET = sys.MS_NOSUID | sys.MS_NODEV
LOCKED = sys.MOUNT_ATTR_RDONLY | sys.MOUNT_ATTR_NOSUID | sys.MOUNT_ATTR_NODEV


def make_root(order: dict[str, Any]) -> None:
    """Put the root together and enter it. ``OSError`` names the step that the kernel refused."""
    sys.mount("none", "/", "", sys.MS_REC | sys.MS_PRIVATE)  # nothing travels back to the host
    if order["lower"]:
        mount_overlay(order)
    else:
        sys.mount(order["rootfs"] or "/", NEW, "", sys.MS_BIND | sys.MS_REC)
        sys.mount_setattr(NEW, LOCKED)
    if is_directory(NEW + "/dev"):
        make_dev(NEW + "/dev")
    if is_directory(NEW + "/proc"):
        if order["fresh_proc"]:
            sys.mount("proc", NEW + "/proc", "proc", QUIET | sys.MS_NOEXEC)
        else:
            sys.mount("/proc", NEW + "/proc", "", sys.MS_BIND | sys.MS_REC)
            sys.mount_setattr(NEW + "/proc", LOCKED)
    for path in ("/tmp", "/run"):
        if is_directory(NEW + path):
            sys.mount("tmpfs", NEW + path, "tmpfs", QUIET, LARGE)
    for path in (*READ_ONLY, *order["read_only"]):
        if is_real(NEW + path):
            sys.mount(NEW + path, NEW + path, "", sys.MS_BIND | sys.MS_REC)
            sys.mount_setattr(NEW + path, LOCKED)
    for path in (*MASKED, *order["masked"]):
        if is_directory(NEW + path):
            sys.mount("tmpfs", NEW + path, "tmpfs", QUIET | sys.MS_RDONLY, SMALL)
        elif is_real(NEW + path):
            sys.mount("/dev/null", NEW + path, "", sys.MS_BIND)
    os.chdir(NEW)
    sys.pivot_root(".", ".")
    sys.umount(".", sys.MNT_DETACH)  # the old root, which now lies on top of the new one
    os.chdir("/")


def mount_overlay(order: dict[str, Any]) -> None:
    """The ``lower`` directories, the topmost first, under one that takes the changes.

    A skeleton with the directories that every container needs lies beneath them all, so they exist
    without being added to any layer. Changes go to ``upper``, or to memory where there is none.
    """
    scratch: str = order["scratch"]
    upper: str = order["upper"]
    if not upper:
        sys.mount("tmpfs", scratch, "tmpfs", QUIET, "mode=755,size=64m")
        upper = scratch + "/upper"
        os.mkdir(upper)
    os.mkdir(scratch + "/work")
    for name in ("dev", "proc", "run", "tmp"):
        os.makedirs(f"{scratch}/skeleton/{name}")
    lower = ":".join(map(escaped, [*order["lower"], scratch + "/skeleton"]))
    options = f"lowerdir={lower},upperdir={escaped(upper)},workdir={escaped(scratch)}/work"
    if order["user"]:
        options += ",userxattr"  # trusted.* attributes belong to the host's root
    sys.mount("overlay", NEW, "overlay", QUIET, options)


def make_dev(dev: str) -> None:
    """A /dev with the harmless devices only: disks could be written through a read-only mount."""
    sys.mount("tmpfs", dev, "tmpfs", QUIET, SMALL)
    for name in DEVICES:
        os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_CLOEXEC, 0o666))
        sys.mount(f"/dev/{name}", f"{dev}/{name}", "", sys.MS_BIND)
    for name, target in LINKS.items():
        os.symlink(target, f"{dev}/{name}")
    os.mkdir(dev + "/shm")
    sys.mount("tmpfs", dev + "/shm", "tmpfs", QUIET, LARGE)


def escaped(path: str) -> str:
    """A path as an option of overlayfs, where commas and colons separate."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def is_directory(path: str) -> bool:
    """Whether it is a directory with no symbolic link on the way."""
    return is_real(path) and stat.S_ISDIR(os.lstat(path).st_mode)


def is_real(path: str) -> bool:
    """Whether it exists with no symbolic link on the way."""
    path = path.rstrip("/")
    return os.path.lexists(path) and os.path.realpath(path) == path
