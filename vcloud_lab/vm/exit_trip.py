"""An exit log as a story: from the guest to the VMM, sometimes to a device, and back.

``trip`` makes of it the records that ``vcloud_lab.widgets.TrapTrip`` shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.vmm import Exit, VirtualProcessor

if TYPE_CHECKING:
    from vcloud_lab.vm.machine import VirtualMachine

__all__ = ["Record", "trip"]

Record = tuple[int, str, str, str]
"""(instructions of the guest so far, where, title, text), as ``TrapTrip`` takes it."""

LANES = {0: "guest user", 1: "guest kernel", 3: "guest kernel"}

STORIES = {
    "system call": (
        "ecall", "A process asks its kernel for a service. It runs on the real processor, so the "
        "real trap leads to the VMM.",
        "pass the trap on", "The VMM sets the virtual mepc, mcause and level, as a processor would "
        "have done, and goes on at the handler of the guest's kernel.",
    ),
    "call of the machine": (
        "ecall", "The kernel calls what it believes to be below it.",
        "pass the trap on", "The VMM takes the trap on the virtual processor.",
    ),
    "exception": (
        "exception", "An instruction cannot be executed at user level.",
        "pass the trap on", "The VMM takes the trap on the virtual processor: the guest's kernel "
        "deals with it.",
    ),
    "privileged register": (
        "touch a register", "The kernel reads or writes a privileged register. It runs at user "
        "level, so the real processor refuses.",
        "emulate it", "The VMM executes this one instruction on the virtual registers.",
    ),
    "return from a trap": (
        "return", "The kernel returns from its trap.",
        "emulate it", "The VMM changes the virtual level and goes on where the virtual mepc leads.",
    ),
    "wait for interrupt": (
        "wfi", "The guest has nothing to do.",
        "put it to sleep", "The VMM lets others run until an interrupt comes for this guest.",
    ),
    "flush of the TLB": (
        "sfence.vma", "The kernel has changed its page tables.",
        "drop the shadow", "What the VMM has made of the old tables is worth nothing now.",
    ),
    "hidden page fault": (
        "touch a page", "The real processor finds nothing in the shadow tables.",
        "fill the shadow", "The guest's own tables allow the access: the VMM adds the page to its "
        "shadow tables. The guest never learns of this fault.",
    ),
    "nested page fault": (
        "touch a page", "The guest's tables lead to memory that the guest does not have yet.",
        "give it memory", "The VMM adds a page to the nested tables. The guest never learns of it.",
    ),
    "page fault of the guest": (
        "touch a page", "Neither the shadow tables nor the guest's own tables allow it.",
        "pass the trap on", "The VMM takes the page fault on the virtual processor: the guest's "
        "kernel has asked for it.",
    ),
    "device": (
        "reach for a device", "The address is no memory.",
        "emulate it", "The VMM decodes the instruction and asks its model of the device.",
    ),
    "interrupt": (
        "is interrupted", "An interrupt comes that the guest has allowed.",
        "pass it on", "The VMM takes the interrupt on the virtual processor.",
    ),
    "hypercall": (
        "hypercall", "The kernel knows that it is a guest, and asks.",
        "do it", "The VMM does what is asked for.",
    ),
    "callout": (
        "callout", "Translated code has come to an instruction that it cannot do itself.",
        "emulate it", "The VMM executes this one instruction on the virtual registers.",
    ),
    "computed jump": (
        "computed jump", "Translated code must find the translation of an address.",
        "find the code", "The VMM notes in the table where it is: the next time no exit is needed.",
    ),
    "translation of a block": (
        "new code", "The kernel's code at this address has never run.",
        "translate it", "The VMM makes a block of code that needs no privilege.",
    ),
}  # fmt: skip
"""For every reason: what happens in the guest, and what the VMM does; each a title and a text.
Where the log has an instruction, or what a hypercall asks for, that is the guest's title."""

DEVICES = {
    "device": ("model of the device", "The device does what was asked, and gives its answer."),
    "interrupt": ("line of the device", "A device has raised its interrupt line."),
}


def trip(machine: VirtualMachine, first: int = 0, count: int = 4) -> list[Record]:
    """The records of ``count`` exits from number ``first`` of the machine's log on.

    The log keeps the last 10,000 exits. Where the log goes on, a last record tells where control
    has come back to. Raises ``GuestError`` for a machine whose processor has no exits, for numbers
    that are not whole, and for exits that the log does not have.
    """
    hart = machine.board.hart
    if not isinstance(hart, VirtualProcessor):
        raise GuestError(
            f"{machine.name} has no exits: software executes all its instructions; take another "
            "technique."
        )
    for what, number, least in (("first", first, 0), ("count", count, 1)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise GuestError(
                f"The setting {what} is {number!r}: it must be a whole number of {least} or more."
            )
    if first >= len(hart.log):
        raise GuestError(
            f"The log has {len(hart.log)} exits and number {first} was asked for: they count from "
            "0; let the machine run, or begin earlier."
        )
    found = list(islice(hart.log, first, first + count + 1))
    records = [record for exit in found[:count] for record in _records(exit)]
    for exit in found[count:]:
        text = f"It runs until the next exit: {exit.reason}."
        records.append((exit.retired, LANES[exit.level], "runs on", text))
    return records


def _records(exit: Exit) -> Iterator[Record]:
    """One exit. An interrupt comes from the device, all else goes to it, if at all, at the end."""
    title, text, answer, what = STORIES[exit.reason]
    device = [(exit.retired, "hardware", *DEVICES[exit.reason])] if exit.reason in DEVICES else []
    title = exit.instruction or title
    if exit.reason == "interrupt":
        yield from device
    yield exit.retired, LANES[exit.level], title, text
    yield exit.retired, "VMM", answer, what
    if exit.reason != "interrupt":
        yield from device
