"""Sv32: how a virtual address becomes a physical one, step by step.

Two levels of tables of 1024 entries of 4 bytes. An entry that may be read or executed is a leaf: at
the first level it maps 4 MiB, at the second 4 KiB. The hart sets the bits A (accessed) and D
(dirty) itself.

Source: The RISC-V Instruction Set Manual, volume II, "Sv32: Page-Based 32-bit Virtual-Memory
Systems", with the numbered steps of "Virtual Address Translation Process".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["PAGE", "A", "D", "G", "PageFault", "R", "Step", "U", "V", "W", "Walk", "X", "walk"]

V, R, W, X, U, G, A, D = (1 << bit for bit in range(8))
"""The bits of a page-table entry: valid, read, write, execute, user, global, accessed, dirty."""

PAGE = 4096


class PageFault(Exception):
    """The tables do not allow this access; ``reason`` says why in words."""

    def __init__(self, reason: str, steps: tuple[Step, ...]) -> None:
        super().__init__(reason)
        self.reason, self.steps = reason, steps


@dataclass(frozen=True)
class Step:
    """One entry that a walk looked at: its level (1, then 0), its physical address, its value."""

    level: int
    at: int
    entry: int


@dataclass(frozen=True)
class Walk:
    """A translation: the physical address, the entry that gave it, and every step to it.

    ``span`` is the size of the page, 4 KiB or 4 MiB.
    """

    physical: int
    entry: int
    span: int
    steps: tuple[Step, ...]


def walk(
    virtual: int,
    access: int,
    root: int,
    *,
    load: Callable[[int], int],
    store: Callable[[int, int], None] | None = None,
    user: bool = False,
    user_too: bool = False,
    executable_too: bool = False,
) -> Walk:
    """Translate one virtual address for one ``access`` (``R``, ``W`` or ``X``).

    ``root`` is the physical address of the first table; ``load`` and ``store`` reach words of
    physical memory. ``user`` says that the access is made in user mode; the supervisor may use
    pages of the user only with ``user_too`` (SUM), never to execute. With ``executable_too`` (MXR)
    what can be executed can be read. Without ``store`` the bits A and D are left alone.

    Raises ``PageFault``, and what ``load`` and ``store`` raise.
    """
    table, steps = root, []
    for level in (1, 0):
        at = table + (virtual >> 12 + 10 * level & 1023) * 4
        entry = load(at)
        steps.append(Step(level, at, entry))
        if not entry & V or (entry & W and not entry & R):
            raise PageFault("the entry is not valid", tuple(steps))
        if entry & (R | X):
            break
        table = entry >> 10 << 12
    else:
        raise PageFault("the last level points to another table", tuple(steps))
    reason = _refusal(entry, access, user, user_too, executable_too)
    if not reason and level and entry >> 10 & 1023:
        reason = "a page of 4 MiB must begin at a multiple of 4 MiB"
    if reason:
        raise PageFault(reason, tuple(steps))
    used = entry | A | (D if access == W else 0)
    if used != entry and store:
        store(at, used)
    span = PAGE << 10 * level
    return Walk((entry >> 10 << 12) + (virtual & span - 1), used, span, tuple(steps))


def _refusal(entry: int, access: int, user: bool, user_too: bool, executable_too: bool) -> str:
    """Why the entry does not allow the access, "" where it does."""
    if user and not entry & U:
        return "user mode may not use a page of the supervisor"
    if not user and entry & U and (access == X or not user_too):
        return "the supervisor may not use a page of the user here"
    allowed = entry | (R if executable_too and entry & X else 0)
    if not allowed & access:
        verb = {R: "read", W: "written", X: "executed"}[access]
        return f"the page may not be {verb}"
    return ""
