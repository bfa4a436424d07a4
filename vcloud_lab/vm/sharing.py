"""Content-based page sharing: frames with equal bytes become one, read-only, frame.

A hash finds candidates; only a full comparison lets them be shared, because two different pages
can have one hash. A later write to a shared page copies it (``Host.write``).

Source: Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import blake2b

from vcloud_lab.vm.overcommit import Host

__all__ = ["Scan", "hash64", "share_pages"]


@dataclass(frozen=True)
class Scan:
    """What one scan did. ``collisions`` are equal hashes of different pages.

    ``merged`` frames were given up, ``zeros`` of them full of zeros.
    """

    scanned: int
    compared: int
    collisions: int
    merged: int
    zeros: int

    def row(self) -> dict[str, int]:
        """The counts as the row of a table."""
        return dict(vars(self))

    def __str__(self) -> str:
        return (
            f"{self.scanned} frames scanned, {self.compared} compared, {self.collisions} "
            f"collisions, {self.merged} merged ({self.zeros} of zeros)"
        )


def hash64(data: bytes) -> int:
    """A hash of 64 bits."""
    return int.from_bytes(blake2b(data, digest_size=8).digest())


def share_pages(host: Host, hash_of: Callable[[bytes], Hashable] = hash64) -> Scan:
    """Scan every frame of the host once, by number, and merge those with equal contents.

    The result is the same with any ``hash_of``; a bad one costs more comparisons.
    """
    seen: dict[Hashable, list[int]] = {}
    compared = collisions = merged = zeros = 0
    frames = sorted(host.used)
    for number in frames:
        data = host.used[number].data
        candidates = seen.setdefault(hash_of(data), [])
        for candidate in candidates:
            compared += 1
            if host.merge(candidate, number):
                merged += 1
                zeros += not any(data)
                break
            collisions += 1
        else:
            candidates.append(number)
    return Scan(len(frames), compared, collisions, merged, zeros)
