"""io.max of control groups, as tokens: a transfer waits until each limit above it has paid it off.

Source of the interface: the Linux kernel's Documentation/admin-guide/cgroup-v2.rst, section "IO".
"""

from __future__ import annotations

from vcloud_lab.containers.cgroups import Cgroup
from vcloud_lab.errors import KernelError

__all__ = ["transfer"]

SECOND = 1_000_000


def transfer(group: Cgroup, now: int, size: int, *, write: bool, device: str = "8:0") -> int:
    """When a transfer of ``size`` bytes, asked for at ``now``, is done; times in microseconds.

    A limit of b bytes a second is busy with it for size / b, one of n operations for 1 / n, in the
    order in which they are asked for; the slowest limit of the group and those above decides. The
    device itself takes no time. Raises ``KernelError`` (EINVAL) for a size below 1.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise KernelError("EINVAL", f"The transfer has {size!r} bytes: it needs at least 1.")
    way = "w" if write else "r"
    done = now
    for one in group.upward():
        for limit, amount in ((f"{way}bps", size), (f"{way}iops", 1)):
            rate = one.io.limits.get(device, {}).get(limit)
            if rate is not None:
                begin = max(now, one.io.free.get((device, limit), 0))
                one.io.free[device, limit] = end = begin - (-amount * SECOND // rate)
                done = max(done, end)
        stat = one.io.stat.setdefault(
            device, dict.fromkeys(("rbytes", "wbytes", "rios", "wios"), 0)
        )
        stat[f"{way}bytes"] += size
        stat[f"{way}ios"] += 1
    return done
