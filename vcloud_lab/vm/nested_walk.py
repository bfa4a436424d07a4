"""What a two-dimensional page walk leaves behind: its references, its result, or its fault."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GuestFault", "NestedViolation", "NestedWalk", "Reference", "TranslationFault"]


@dataclass(frozen=True)
class Reference:
    """One read of an entry in memory.

    ``dimension`` is "guest" or "nested". ``row`` is the guest level that the read serves: the level
    of the guest entry, or of the one that a nested walk is looking for; -1 while the page itself is
    translated. ``at`` is the entry's address in its own dimension, guest-physical for a guest's
    entry, and ``host`` the host-physical address that is read.
    """

    number: int
    dimension: str
    level: int
    row: int
    at: int
    host: int
    entry: int

    def __str__(self) -> str:
        row = f"guest level {self.row}" if self.row >= 0 else "the page"
        return (
            f"{self.number:>3}  for {row:<13}  {self.dimension:<6} level {self.level}"
            f"  at {self.at:#12x}  read from {self.host:#12x}  entry {self.entry:#x}"
        )


@dataclass(frozen=True)
class NestedWalk:
    """A translation and how it was found. ``saved`` counts the references that caches saved.

    ``guest_entry`` is the guest's leaf after the walk, 0 for a guest without tables, and
    ``writable`` tells whether guest and host both allow a write now, with the guest's D bit set.
    """

    virtual: int
    guest_physical: int
    host_physical: int
    guest_entry: int
    writable: bool
    steps: tuple[Reference, ...]
    saved: int = 0

    @property
    def references(self) -> int:
        """How many entries were read; the access to the page itself is one more."""
        return len(self.steps)

    def rows(self) -> list[dict[str, str | int]]:
        """The steps as the rows of a table."""
        return step_rows(self.steps)

    def __str__(self) -> str:
        end = (
            f"{self.virtual:#x} -> guest-physical {self.guest_physical:#x} -> host-physical "
            f"{self.host_physical:#x}, {self.references} references"
        )
        return "\n".join([*map(str, self.steps), end])


class TranslationFault(Exception):
    """A page fault: ``reason`` in words, the ``address`` that has no translation, the ``steps``."""

    kind = "fault"

    def __init__(self, reason: str, address: int, steps: tuple[Reference, ...] = ()) -> None:
        super().__init__(f"{self.kind} at {address:#x}: {reason}")
        self.reason, self.address, self.steps = reason, address, steps

    def rows(self) -> list[dict[str, str | int]]:
        """The steps as the rows of a table."""
        return step_rows(self.steps)


class GuestFault(TranslationFault):
    """The guest's own tables refuse: the guest's kernel is told, the hypervisor is not."""

    kind = "guest page fault"


class NestedViolation(TranslationFault):
    """The nested tables refuse a guest-physical address: an exit to the hypervisor."""

    kind = "nested violation"


def step_rows(steps: tuple[Reference, ...]) -> list[dict[str, str | int]]:
    """One mapping for each step, with the columns as keys."""
    return [
        {
            "number": step.number,
            "for": f"guest level {step.row}" if step.row >= 0 else "the page",
            "dimension": step.dimension,
            "level": step.level,
            "at": f"{step.at:#x}",
            "read from": f"{step.host:#x}",
            "entry": f"{step.entry:#x}",
        }
        for step in steps
    ]
