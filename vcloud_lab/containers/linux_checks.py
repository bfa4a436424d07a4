"""What an order for a container may say, checked before anything is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vcloud_lab.containers.syscalls import CLONE
from vcloud_lab.errors import ContainerError

__all__ = ["Limits", "Overlay", "check_order", "map_lines", "root_of"]


class Overlay(NamedTuple):
    """A root of several directories: ``lower`` ones, the topmost first, which stay unchanged.

    Changes go into the directory ``upper``, or into memory, to be forgotten, where it is None.
    """

    lower: Sequence[str | Path]
    upper: str | Path | None = None


class Limits(NamedTuple):
    """What a container may use; None is no limit.

    For all processes together: ``memory`` in bytes (at least 4 MiB), ``processes`` (threads count
    too), ``cpu_weight`` from 1 to 10,000 against other groups (100 is usual) and ``cpu_percent`` of
    one CPU. Where no control group may be made, memory and processes fall back to the rlimits of
    each process (address space) and of the user. Always for each process: ``cpu_seconds``,
    ``file_size`` in bytes and ``open_files``.
    """

    memory: int | None = None
    processes: int | None = None
    cpu_weight: int | None = None
    cpu_percent: int | None = None
    cpu_seconds: int | None = None
    file_size: int | None = None
    open_files: int | None = None


RANGES = {
    "memory": (4 << 20, 1 << 50),
    "processes": (1, 1 << 22),
    "cpu_weight": (1, 10_000),
    "cpu_percent": (1, 100_000),
    "cpu_seconds": (1, 1 << 31),
    "file_size": (0, 1 << 60),
    "open_files": (3, 1 << 20),
}
NEEDS = {"uts": "hostname", "mount": "rootfs, masked and read_only", "time": "clock_offset"}


def check_order(order: dict[str, Any], timeout: float, overlay: bool) -> None:
    """Raises ``ContainerError`` for what cannot be carried out."""
    if sys.platform != "linux":
        raise ContainerError(
            f"Containers need Linux and this is {sys.platform!r}: use the model in kernel.py here."
        )
    command = order["command"]
    if not command or not all(isinstance(word, str) and "\0" not in word for word in command):
        raise ContainerError(
            f"The command {command!r} cannot be run: give a list of words without null characters, "
            "such as ['sh', '-c', 'id']."
        )
    for name in order["namespaces"]:
        if name not in CLONE:
            raise ContainerError(
                f"There is no namespace {name!r}: the eight are {', '.join(sorted(CLONE))}."
            )
    if not timeout > 0:
        raise ContainerError(f"The timeout is {timeout!r}: give a number of seconds above 0.")
    for name, value in order["limits"].items():
        low, high = RANGES[name]
        if not isinstance(value, int) or not low <= value <= high:
            raise ContainerError(
                f"The limit {name} is {value!r}: give an integer from {low} to {high}, or None."
            )
    check_root(order, overlay)


def check_root(order: dict[str, Any], overlay: bool) -> None:
    """The part about directories, names and clocks."""
    folders = [*order["lower"], order["rootfs"], order["upper"]]
    for folder in filter(None, folders):
        if not os.path.isdir(folder):
            raise ContainerError(
                f"The root {folder!r} is no directory: unpack the image there first."
            )
    if overlay and not order["lower"]:
        raise ContainerError("The overlay has no lower directory: give at least one.")
    used = {
        "uts": order["hostname"] != "container",
        "mount": any(folders) or order["masked"] or order["read_only"],
        "time": order["clock_offset"],
    }
    for space, asked in used.items():
        if asked and space not in order["namespaces"]:
            raise ContainerError(
                f"{NEEDS[space]} cannot be set without the namespace {space!r}: add it to "
                f"namespaces={tuple(order['namespaces'])!r}."
            )
    if not 1 <= len(order["hostname"].encode()) <= 64:
        raise ContainerError(
            f"The hostname {order['hostname']!r} has {len(order['hostname'].encode())} bytes: "
            "1 to 64 are allowed."
        )
    for path in [*order["masked"], *order["read_only"], *(order["writable"] or ())]:
        if not path.startswith("/"):
            raise ContainerError(
                f"The path {path!r} is relative: give it as it is inside, from '/' on."
            )


def map_lines(ranges: Sequence[tuple[int, int, int]], caller: int) -> str:
    """The text of a user map; by default the caller is root inside."""
    return "\n".join(f"{first} {out} {count}" for first, out, count in ranges or [(0, caller, 1)])


def root_of(ranges: Sequence[tuple[int, int, int]], caller: int) -> int:
    """Who root inside is outside. Raises ``ContainerError`` if the map has no root."""
    for inside, outside, count in ranges or [(0, caller, 1)]:
        if inside == 0 and count > 0:
            return outside
    raise ContainerError(
        f"The map {list(ranges)!r} has no root: a range must begin with (0, outside, count), for "
        "the container is built by its root."
    )
