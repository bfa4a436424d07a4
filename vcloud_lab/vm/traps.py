"""Why a hart leaves a program: exceptions and interrupts, and the privilege levels.

Source: The RISC-V Instruction Set Manual, volume II, "Machine Cause Register" (table of codes).
"""

from __future__ import annotations

__all__ = ["CAUSES", "INTERRUPT", "INTERRUPTS", "LEVELS", "Cause", "Trap"]

LEVELS = {0: "user", 1: "supervisor", 3: "machine"}
"""Privilege levels by their number; 2 is reserved."""

INTERRUPT = 1 << 31
"""Set in a cause that is an interrupt."""


class Cause:
    """The exceptions that this hart knows, by the numbers of the manual."""

    MISALIGNED_FETCH = 0
    FETCH_ACCESS = 1
    ILLEGAL = 2
    BREAKPOINT = 3
    LOAD_ACCESS = 5
    STORE_ACCESS = 7
    ECALL = 8  # from user; from a higher level its number is added
    FETCH_PAGE = 12
    LOAD_PAGE = 13
    STORE_PAGE = 15
    MISALIGNED_LOAD = 4
    MISALIGNED_STORE = 6


CAUSES = {
    0: "instruction address misaligned",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load address misaligned",
    5: "load access fault",
    6: "store address misaligned",
    7: "store access fault",
    8: "environment call from user",
    9: "environment call from supervisor",
    11: "environment call from machine",
    12: "instruction page fault",
    13: "load page fault",
    15: "store page fault",
    INTERRUPT | 1: "supervisor software interrupt",
    INTERRUPT | 3: "machine software interrupt",
    INTERRUPT | 5: "supervisor timer interrupt",
    INTERRUPT | 7: "machine timer interrupt",
    INTERRUPT | 9: "supervisor external interrupt",
    INTERRUPT | 11: "machine external interrupt",
}
"""What each cause is called."""

INTERRUPTS = (11, 3, 7, 9, 1, 5)
"""The interrupts' numbers, the most urgent first."""


class Trap(Exception):
    """An exception in the guest, raised by the instruction that causes it, which changed nothing.

    ``value`` goes into the trap value register: the bad address, or the bad instruction.
    """

    def __init__(self, cause: int, value: int = 0) -> None:
        super().__init__(cause, value)
        self.cause, self.value = cause, value

    def __str__(self) -> str:
        return f"{CAUSES.get(self.cause, f'cause {self.cause}')}, value {self.value:#010x}"
