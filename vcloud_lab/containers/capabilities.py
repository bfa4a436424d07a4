"""Capabilities: the powers of root in pieces, each of which a process can give up for good."""

from __future__ import annotations

from collections.abc import Iterable

from vcloud_lab.containers.syscalls import (
    PR_CAP_AMBIENT,
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    PR_SET_NO_NEW_PRIVS,
    capget,
    capset,
    prctl,
)
from vcloud_lab.errors import ContainerError

__all__ = ["NAMES", "UNSAFE", "drop", "effective", "mask"]

ORDER = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio "
    "sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time "
    "sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog "
    "wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)
NAMES = tuple(ORDER.split())
"""In the order of their bits (capabilities(7)), without the prefix ``CAP_``."""

KEPT = (
    "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw "
    "sys_chroot mknod audit_write setfcap"
)
UNSAFE = tuple(name for name in NAMES if name not in KEPT.split())
"""What root in a container must not keep: with sys_admin, for one, it could make a read-only mount
writable again. The rest, from ``chown`` to ``setfcap``, is what Docker leaves by default."""

AMBIENT_CLEAR_ALL = 4


def mask(names: Iterable[str]) -> int:
    """The bits of capabilities; ``("all",)`` is every one. ``ContainerError`` for other names."""
    bits = 0
    for name in names:
        if name != "all" and name not in NAMES:
            raise ContainerError(
                f"There is no capability {name!r}: use 'all' or one of {', '.join(NAMES)}."
            )
        bits |= (1 << len(NAMES)) - 1 if name == "all" else 1 << NAMES.index(name)
    return bits


def sets(pid: int | str = "self") -> dict[str, int]:
    """The capability sets of a process by the kernel's names: CapInh, CapPrm, CapEff, ..."""
    with open(f"/proc/{pid}/status") as lines:
        words = [line.split() for line in lines if line.startswith("Cap")]
    return {name.rstrip(":"): int(value, 16) for name, value in words}


def effective(pid: int | str = "self") -> tuple[str, ...]:
    """The capabilities that a process has in force."""
    held = sets(pid)["CapEff"]
    return tuple(name for bit, name in enumerate(NAMES) if held >> bit & 1)


def drop(bits: int) -> None:
    """Give up the capabilities of a mask in this thread, for good.

    The bounding set, what ``exec`` can give at most, goes first, while the thread still has the
    power to change it. ``no_new_privs`` is the second bar: under it no ``exec`` gives anything
    back, not to root nor by a setuid program, even to a thread without that power. ``OSError``.
    """
    in_force, permitted, inheritable = capget()
    may = in_force >> NAMES.index("setpcap") & 1
    for bit in range(len(NAMES)):
        if may and bits >> bit & 1 and prctl(PR_CAPBSET_READ, bit):
            prctl(PR_CAPBSET_DROP, bit)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL)
    capset(in_force & ~bits, permitted & ~bits, inheritable & ~bits)
