"""Namespaces: what a group of processes takes for the whole machine.

Here are the small ones; `mounts`, `network` and `cgroups` have the others. Sources: namespaces(7),
user_namespaces(7), pid_namespaces(7), time_namespaces(7), sysvipc(7), capabilities(7).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.process import Process

__all__ = [
    "CAPABILITIES",
    "KINDS",
    "NOBODY",
    "IdRange",
    "IpcNs",
    "Namespace",
    "PidNs",
    "TimeNs",
    "UserNs",
    "UtsNs",
]

KINDS = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
"""The eight kinds, by the names that /proc/PID/ns has; the user namespace is made first."""

CAPABILITIES = frozenset(
    (
        "CHOWN",
        "DAC_OVERRIDE",
        "KILL",
        "NET_ADMIN",
        "SETGID",
        "SETUID",
        "SYS_ADMIN",
        "SYS_CHROOT",
        "SYS_TIME",
    )
)
"""The capabilities that the model asks for."""

NOBODY = 65534
"""The id that a user or group without a number in a namespace shows as."""

DEEPEST = 32
LONGEST_MAP = 340


class IdRange(NamedTuple):
    """A line of a uid_map: ``length`` ids from ``inside`` on are those from ``outside`` on."""

    inside: int
    outside: int
    length: int


class Namespace:
    """What all kinds have in common: the user namespace that owns it, and its inode number."""

    kind = ""

    def __init__(self, owner: UserNs | None, number: int) -> None:
        self._owner = owner
        self.number = number

    @property
    def owner(self) -> UserNs:
        """The user namespace that owns it: capabilities count there, and in those above."""
        assert self._owner is not None
        return self._owner

    def __repr__(self) -> str:
        return f"{self.kind}:[{self.number}]"


class UserNs(Namespace):
    """A user namespace: maps of ids, and a place where capabilities count.

    ``parent`` is None for the initial one. ``creator`` is the user (numbered as in the initial
    namespace) who made it, and has all capabilities in it from the parent namespace.
    """

    kind = "user"

    def __init__(self, parent: UserNs | None, creator: int, number: int) -> None:
        super().__init__(parent, number)
        self.parent, self.creator = parent, creator
        self.level: int = 0 if parent is None else parent.level + 1
        if self.level > DEEPEST:
            raise KernelError(
                "ENOSPC", f"There are {DEEPEST} user namespaces around it: no more nest in Linux."
            )
        whole = [IdRange(0, 0, 2**32 - 1)] if parent is None else []
        self.maps: dict[str, list[IdRange]] = {"uid": whole, "gid": whole}
        self.setgroups = True

    @property
    def owner(self) -> UserNs:
        """Its parent, or itself for the initial one."""
        return self.parent or self

    def inside(self, kind: str, number: int) -> int:
        """The id in this namespace of a "uid" or "gid" of the initial one; 65534 without one."""
        found = self._number(kind, number)
        return NOBODY if found is None else found

    def has(self, kind: str, number: int) -> bool:
        """Whether a user or group of the initial namespace has a number here."""
        return self._number(kind, number) is not None

    def _number(self, kind: str, number: int) -> int | None:
        if self.parent is None:
            return number
        above = self.parent._number(kind, number)
        for first, outside, length in self.maps[kind]:
            if above is not None and outside <= above < outside + length:
                return above - outside + first
        return None

    def outside(self, kind: str, number: int) -> int | None:
        """The id in the initial namespace of one of this namespace; None without one."""
        if self.parent is None:
            return number
        for first, outside, length in self.maps[kind]:
            if first <= number < first + length:
                return self.parent.outside(kind, outside + number - first)
        return None

    def set_map(self, writer: Process, kind: str, text: str) -> None:
        """Write ``text`` to the uid_map or gid_map (``kind``): lines of three numbers, the first
        id inside, the first one in the parent namespace, and how many.

        Raises ``KernelError``: EINVAL for other lines, none, more than 340 and ranges that
        overlap; EPERM the second time and for ids that the writer has no right to.
        """
        ranges = [_range(line) for line in text.splitlines() if line.strip()]
        if not 0 < len(ranges) <= LONGEST_MAP:
            raise KernelError(
                "EINVAL", f"The {kind}_map has {len(ranges)} lines: 1 to {LONGEST_MAP} are allowed."
            )
        for at in (0, 1):
            edges = sorted((one[at], one[at] + one.length) for one in ranges)
            if any(end > begin for (_, end), (begin, _) in pairwise(edges)):
                raise KernelError(
                    "EINVAL",
                    f"The ranges of the {kind}_map {text!r} overlap: an id needs one line.",
                )
        if self.maps[kind]:
            raise KernelError(
                "EPERM", f"The {kind}_map is written already: it is written once and for all."
            )
        self._check_writer(writer, kind, ranges)
        self.maps[kind] = ranges

    def _check_writer(self, writer: Process, kind: str, ranges: list[IdRange]) -> None:
        parent, capability = self.owner, f"SET{kind.upper()}"
        mine = writer.uid if kind == "uid" else writer.gid
        own_only = len(ranges) == 1 and ranges[0].length == 1
        own_only = own_only and parent.outside(kind, ranges[0].outside) == mine
        own_only = own_only and writer.uid == self.creator and (kind == "uid" or not self.setgroups)
        if writer.ns.user not in (self, parent) or not writer.capable(self, capability):
            raise KernelError(
                "EPERM",
                f"Process {writer.pid} must not write this {kind}_map: it needs {capability} in "
                "the namespace, and be in it or in its parent.",
            )
        if not own_only and not writer.capable(parent, capability):
            first = "" if kind == "uid" else ", once setgroups is 'deny'"
            raise KernelError(
                "EPERM",
                f"Process {writer.pid} has no {capability} in the parent namespace: it may map one "
                f"id, its own ({parent.inside(kind, mine)}){first}.",
            )
        for one in ranges:
            ends = one.outside, one.outside + one.length - 1
            if any(parent.outside(kind, end) is None for end in ends):
                raise KernelError(
                    "EPERM",
                    f"The parent namespace has no {kind}s {ends[0]} to {ends[1]}: only ids that it "
                    "maps itself can be mapped on.",
                )


class PidNs(Namespace):
    """A PID namespace: numbers for its processes and those of the namespaces in it."""

    kind = "pid"

    def __init__(self, owner: UserNs, number: int, parent: PidNs | None = None) -> None:
        super().__init__(owner, number)
        self.parent = parent
        self.level: int = 0 if parent is None else parent.level + 1
        if self.level > DEEPEST:
            raise KernelError(
                "ENOSPC", f"There are {DEEPEST} PID namespaces around it: no more nest in Linux."
            )
        self.processes: dict[int, Process] = {}
        self.init: Process | None = None
        self.last = 0

    @property
    def dead(self) -> bool:
        """Whether its first process has ended; nothing can be started in it then."""
        return self.init is not None and not self.init.alive

    def chain(self) -> Iterable[PidNs]:
        """The namespace and all those around it, from the initial one in."""
        return [*(self.parent.chain() if self.parent else ()), self]


class UtsNs(Namespace):
    """A UTS namespace: the host's name."""

    kind = "uts"

    def __init__(self, owner: UserNs, number: int, hostname: str = "host") -> None:
        super().__init__(owner, number)
        self.hostname = hostname


class IpcNs(Namespace):
    """An IPC namespace: segments of System V shared memory by key."""

    kind = "ipc"

    def __init__(self, owner: UserNs, number: int) -> None:
        super().__init__(owner, number)
        self.segments: dict[int, bytearray] = {}

    def shmget(
        self, key: int, size: int = 0, *, create: bool = False, new: bool = False
    ) -> bytearray:
        """The segment with a key. ``create`` (IPC_CREAT) makes one of ``size`` bytes where there is
        none; ``new`` (IPC_EXCL) refuses one that exists.

        Raises ``KernelError``: ENOENT without one, EEXIST, EINVAL for a size that does not fit.
        """
        segment = self.segments.get(key)
        if segment is None:
            if not create:
                raise KernelError(
                    "ENOENT", f"There is no segment of key {key} in {self}: use create=True."
                )
            if size < 1:
                raise KernelError("EINVAL", f"A new segment of {size} bytes: it needs at least 1.")
            return self.segments.setdefault(key, bytearray(size))
        if create and new:
            raise KernelError("EEXIST", f"There is a segment of key {key} already: leave out new.")
        if size > len(segment):
            raise KernelError(
                "EINVAL", f"Segment {key} has {len(segment)} bytes, not {size}: ask for fewer."
            )
        return segment


class TimeNs(Namespace):
    """A time namespace: what is added to the clocks, in nanoseconds.

    ``entered``: it has had a process, so the offsets stay as they are.
    """

    kind = "time"

    def __init__(self, owner: UserNs, number: int) -> None:
        super().__init__(owner, number)
        self.offsets = {"monotonic": 0, "boottime": 0}
        self.entered = False


def _range(line: str) -> IdRange:
    words = line.split()
    good = len(words) == 3 and all(word.isascii() and word.isdecimal() for word in words)
    if not good or not 0 < (found := IdRange(*map(int, words))).length <= 2**32 - 1 or any(
        first + found.length > 2**32 - 1 for first in found[:2]
    ):  # fmt: skip
        raise KernelError(
            "EINVAL",
            f"The line {line!r} of an id map: it has three numbers below 2**32, the first id "
            "inside, the first outside, and how many (at least 1); try '0 1000 1'.",
        )
    return found
