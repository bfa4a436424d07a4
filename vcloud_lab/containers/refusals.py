"""What the kernel means when it refuses one of the calls that containers need."""

from __future__ import annotations

import errno
import os

__all__ = ["explain"]

MEANINGS = {
    errno.EPERM: "a privilege is missing, or a policy (sysctl, AppArmor, SELinux, seccomp) forbids "
    "it",
    errno.EACCES: "the permissions of a file or directory, or a policy, forbid it",
    errno.ENOSYS: "this kernel does not have the call, or a filter hides it",
    errno.EINVAL: "the kernel does not accept it in this form (an old kernel, or an overlay "
    "over directories that hold mounts)",
    errno.ENOSPC: "the most namespaces allowed by /proc/sys/user exist already, perhaps 0",
    errno.ENODEV: "this kernel does not have this file system",
    errno.ENOENT: "a file is missing",
    errno.EOPNOTSUPP: "it was turned off when the kernel was started",
    errno.EROFS: "the file system is mounted read-only",
    errno.EBUSY: "it is in use",
    errno.EAGAIN: "a limit on processes is reached",
    errno.ENOMEM: "the memory limit is reached",
    errno.ENOEXEC: "the file is no program that this kernel runs",
}


def explain(number: int, doing: str) -> str:
    """One clause for an errno, such as ``unshare user: ENOSPC, the most namespaces ...``."""
    if not number:
        return doing
    name = errno.errorcode.get(number, f"errno {number}")
    meaning = MEANINGS.get(number) or os.strerror(number).lower()
    return f"{doing}: {name}, {meaning}"
