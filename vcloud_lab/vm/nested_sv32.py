"""The two-dimensional walk over real Sv32 tables: both dimensions by the hart's own walker.

The guest's walk loads its entries through the nested walk, and so 2 levels over 2 levels take
3 * 3 - 1 = 8 references. RISC-V's hypervisor extension widens the nested root to 16 KiB (Sv32x4);
here it is a plain Sv32 table, which reaches 4 GiB of guest-physical memory.
"""

from __future__ import annotations

from collections.abc import Callable

from vcloud_lab.vm import paging
from vcloud_lab.vm.nested import check_access
from vcloud_lab.vm.nested_walk import GuestFault, NestedViolation, NestedWalk, Reference
from vcloud_lab.vm.paging import D, PageFault, R, Step, W, Walk

__all__ = ["walk_sv32"]


def walk_sv32(
    virtual: int,
    access: int,
    guest_root: int,
    nested_root: int,
    *,
    load: Callable[[int], int],
    store: Callable[[int, int], None],
) -> NestedWalk:
    """Translate a guest-virtual address through two Sv32 tables, as supervisor.

    ``guest_root`` is guest-physical, ``nested_root`` host-physical; ``load`` and ``store`` reach
    words of host-physical memory. The A and D bits of both dimensions are set, and such an update
    belongs to the reference that read the entry.

    Raises ``GuestFault`` or ``NestedViolation`` with the steps so far, and ``GuestError`` for an
    address of more than 32 bits or an unknown access.
    """
    check_access(virtual, access, 1 << 32)
    steps: list[Reference] = []

    def nested(guest_physical: int, access: int, row: int, *, counted: bool = True) -> Walk:
        if guest_physical >> 32:
            raise NestedViolation(
                "the address lies beyond the nested table", guest_physical, tuple(steps)
            )
        try:
            walk = paging.walk(guest_physical, access, nested_root, load=load, store=store)
        except PageFault as fault:
            keep(fault.steps if counted else (), row)
            raise NestedViolation(fault.reason, guest_physical, tuple(steps)) from None
        keep(walk.steps if counted else (), row)
        return walk

    def keep(seen: tuple[Step, ...], row: int) -> None:
        for step in seen:
            steps.append(
                Reference(len(steps) + 1, "nested", step.level, row, step.at, step.at, step.entry)
            )

    def load_guest(at: int) -> int:
        level = 0 if any(step.dimension == "guest" for step in steps) else 1
        host = nested(at, R, level).physical
        entry = load(host)
        steps.append(Reference(len(steps) + 1, "guest", level, level, at, host, entry))
        return entry

    def store_guest(at: int, entry: int) -> None:
        store(nested(at, W, 0, counted=False).physical, entry)

    try:
        walk = paging.walk(virtual, access, guest_root, load=load_guest, store=store_guest)
    except PageFault as fault:
        raise GuestFault(fault.reason, virtual, tuple(steps)) from None
    host = nested(walk.physical, access, -1)
    writable = bool(walk.entry & W and walk.entry & D and host.entry & W)
    return NestedWalk(virtual, walk.physical, host.physical, walk.entry, writable, tuple(steps))
