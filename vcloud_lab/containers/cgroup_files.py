"""The interface files of control groups as text, exactly as the kernel formats them.

Source: the Linux kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vcloud_lab.containers.cgroups import CONTROLLERS, IO_LIMITS, PAGE, Cgroup
from vcloud_lab.errors import KernelError

__all__ = ["WRITABLE", "files_of", "read_file", "write_file"]

ALWAYS = ("cgroup.controllers", "cgroup.procs", "cgroup.subtree_control")
NOT_ROOT = ("cgroup.events", "cgroup.freeze", "cgroup.kill", "cgroup.type", "cpu.stat")
BY_CONTROLLER = {
    "cpu": ("cpu.max", "cpu.weight"),
    "io": ("io.max", "io.stat"),
    "memory": (
        "memory.current",
        "memory.events",
        "memory.high",
        "memory.max",
        "memory.oom.group",
        "memory.peak",
        "memory.stat",
    ),
    "pids": ("pids.current", "pids.events", "pids.max"),
}
NEEDS_KERNEL = ("cgroup.procs", "cgroup.kill")
"""Those about processes, which `pseudo` serves: their numbers depend on who asks."""


def files_of(group: Cgroup) -> list[str]:
    """The names of the interface files that a group has, sorted."""
    names = [*ALWAYS]
    if group.parent is not None:
        names += NOT_ROOT
        names += [name for one in group.controllers for name in BY_CONTROLLER[one]]
    else:
        names += ["cpu.stat"]
    return sorted(names)


def read_file(group: Cgroup, name: str) -> str:
    """The text of an interface file.

    Raises ``KernelError`` (ENOENT) for a file that the group does not have.
    """
    check_file(group, name)
    cpu, memory, pids, io = group.cpu, group.memory, group.pids, group.io
    texts: dict[str, Callable[[], str]] = {
        "cgroup.controllers": lambda: _words(group.controllers),
        "cgroup.subtree_control": lambda: _words(group.subtree),
        "cgroup.events": lambda: _flat(
            {"populated": group.populated, "frozen": group.stands_still}
        ),
        "cgroup.freeze": lambda: f"{group.frozen:d}\n",
        "cgroup.type": lambda: "domain\n",
        "cpu.max": lambda: f"{_most(cpu.quota)} {cpu.period}\n",
        "cpu.weight": lambda: f"{cpu.weight}\n",
        "cpu.stat": lambda: _flat(
            {"usage_usec": cpu.usage, "user_usec": cpu.usage, "system_usec": 0}
            | (
                {}
                if group.parent is None or "cpu" not in group.controllers
                else {
                    "nr_periods": cpu.periods,
                    "nr_throttled": cpu.throttled,
                    "throttled_usec": cpu.throttled_time,
                }
            )
        ),
        "io.max": lambda: "".join(
            f"{device} {_pairs({key: limits.get(key, 'max') for key in IO_LIMITS})}\n"
            for device, limits in io.limits.items()
            if limits
        ),
        "io.stat": lambda: "".join(
            f"{device} {_pairs(stat | {'dbytes': 0, 'dios': 0})}\n"
            for device, stat in io.stat.items()
        ),
        "memory.current": lambda: f"{memory.total * PAGE}\n",
        "memory.events": lambda: _flat(memory.events),
        "memory.high": lambda: f"{_most(memory.high, PAGE)}\n",
        "memory.max": lambda: f"{_most(memory.max, PAGE)}\n",
        "memory.oom.group": lambda: f"{memory.group_kill:d}\n",
        "memory.peak": lambda: f"{memory.peak * PAGE}\n",
        "memory.stat": lambda: _memory_stat(group),
        "pids.current": lambda: f"{pids.current}\n",
        "pids.events": lambda: f"max {pids.refused}\n",
        "pids.max": lambda: f"{_most(pids.max)}\n",
    }
    return texts[name]()


def write_file(group: Cgroup, name: str, text: str) -> None:
    """Write to an interface file.

    Raises ``KernelError``: ENOENT for a file that the group does not have, EINVAL for one that is
    only read and for a value that breaks the file's rule (ERANGE for a cpu.weight out of range),
    and what ``Cgroup.hand_on`` raises.
    """
    check_file(group, name)
    if name not in WRITABLE:
        raise KernelError("EINVAL", f"{name} is only read: the kernel keeps it up to date itself.")
    WRITABLE[name](group, text)


def check_file(group: Cgroup, name: str) -> None:
    """Raise ``KernelError`` (ENOENT) for a file that the group does not have."""
    if name not in files_of(group):
        controller = name.split(".")[0]
        known = controller in CONTROLLERS and name in BY_CONTROLLER[controller]
        fix = (
            f"write +{controller} to the parent's cgroup.subtree_control" if known else "see names"
        )
        if known and group.parent is None:
            fix = "the root is never limited; use a child"
        raise KernelError("ENOENT", f"{group.path} has no file {name!r}: {fix}.")


def _set_cpu_max(group: Cgroup, text: str) -> None:
    words = text.split()
    period = int(words[1]) if len(words) == 2 and _is_count(words[1]) else group.cpu.period
    quota = None if words[:1] == ["max"] else int(words[0]) if words and _is_count(words[0]) else 0
    bad_word = len(words) == 2 and not _is_count(words[1])
    in_range = 1000 <= period <= 1_000_000 and (quota is None or quota >= 1000)
    if len(words) > 2 or bad_word or not in_range:
        raise KernelError(
            "EINVAL",
            f"cpu.max is given {text!r}: it takes a quota, 'max' or at least 1000, and a period "
            "from 1000 to 1000000 microseconds; try '50000 100000'.",
        )
    group.cpu.quota, group.cpu.period = quota, period


def _set_cpu_weight(group: Cgroup, text: str) -> None:
    value = _count(text, "cpu.weight", "a whole number from 1 to 10000", "100", sign=True)
    if not 1 <= value <= 10000:
        raise KernelError("ERANGE", f"cpu.weight is given {value}: it must be from 1 to 10000.")
    group.cpu.weight = value


def _pages(text: str, name: str) -> int | None:
    word = text.strip()
    if word == "max":
        return None
    unit = "KMGT".find(word[-1:].upper()) + 1 if word else 0
    number = word[:-1] if unit else word
    size: int = _count(number, name, "'max' or bytes, with K, M or G", "64M") << 10 * unit
    return size // PAGE


def _set_memory_max(group: Cgroup, text: str) -> None:
    group.memory.max = _pages(text, "memory.max")


def _set_memory_high(group: Cgroup, text: str) -> None:
    group.memory.high = _pages(text, "memory.high")


def _set_pids_max(group: Cgroup, text: str) -> None:
    if text.strip() == "max":
        group.pids.max = None
    else:
        group.pids.max = _count(text, "pids.max", "'max' or a whole number from 0 on", "100")


def _set_io_max(group: Cgroup, text: str) -> None:
    device, *words = text.split() or [""]
    pairs = [word.partition("=") for word in words]
    numbers = device.split(":")
    good = len(numbers) == 2 and all(map(_is_count, numbers)) and bool(pairs)
    if not good or any(
        key not in IO_LIMITS or not (value == "max" or (_is_count(value) and int(value)))
        for key, _, value in pairs
    ):
        raise KernelError(
            "EINVAL",
            f"io.max is given {text!r}: it takes a device and {', '.join(IO_LIMITS)} with 'max' "
            "or a number above 0; try '8:0 wbps=1048576'.",
        )
    limits = group.io.limits.setdefault(device, {})
    for key, _, value in pairs:
        limits.pop(key, None)
        if value != "max":
            limits[key] = int(value)


def _flag(text: str, name: str) -> bool:
    value = _count(text, name, "0 or 1", "1", sign=True)
    if value not in (0, 1):
        # The kernel tells apart what is no number (EINVAL) and a number out of range.
        code = "ERANGE" if name == "cgroup.freeze" else "EINVAL"
        raise KernelError(code, f"{name} is given {value}: it takes 0 or 1.")
    return bool(value)


def _set_freeze(group: Cgroup, text: str) -> None:
    group.frozen = _flag(text, "cgroup.freeze")


def _set_group_kill(group: Cgroup, text: str) -> None:
    group.memory.group_kill = _flag(text, "memory.oom.group")


WRITABLE: Mapping[str, Callable[[Cgroup, str], None]] = {
    "cgroup.freeze": _set_freeze,
    "cgroup.subtree_control": Cgroup.hand_on,
    "cpu.max": _set_cpu_max,
    "cpu.weight": _set_cpu_weight,
    "io.max": _set_io_max,
    "memory.high": _set_memory_high,
    "memory.max": _set_memory_max,
    "memory.oom.group": _set_group_kill,
    "pids.max": _set_pids_max,
}
"""What can be written, besides the files about processes."""


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdecimal()


def _count(text: str, name: str, rule: str, example: str, *, sign: bool = False) -> int:
    word = text.strip()
    if not _is_count(word.removeprefix("-") if sign else word):
        raise KernelError("EINVAL", f"{name} is given {text!r}: it takes {rule}; try {example!r}.")
    return int(word)


def _words(controllers: set[str]) -> str:
    return " ".join(one for one in CONTROLLERS if one in controllers) + "\n" * bool(controllers)


def _most(value: int | None, unit: int = 1) -> str:
    return "max" if value is None else str(value * unit)


def _pairs(values: Mapping[str, int | str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())


def _flat(values: Mapping[str, int]) -> str:
    return "".join(f"{key} {value:d}\n" for key, value in values.items())


def _memory_stat(group: Cgroup) -> str:
    cached = sum(one.memory.cache for one in group.downward())
    return _flat({"anon": (group.memory.total - cached) * PAGE, "file": cached * PAGE})
