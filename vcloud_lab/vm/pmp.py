"""Physical memory protection: sixteen rules by which the machine level fences in the others.

The first rule that covers an address decides. Without any that does, the machine level may and the
others may not. The grain is a page of 4 KiB, so that a page of the TLB needs one check.

Source: The RISC-V Instruction Set Manual, volume II, "Physical Memory Protection".
"""

from __future__ import annotations

from vcloud_lab.vm.paging import PAGE

__all__ = ["ENTRIES", "LOCKED", "Pmp"]

ENTRIES = 16
GRAIN = 10
"""2 ** (GRAIN + 2) bytes is the smallest region: a page."""
OFF, TOR, NAPOT = 0, 1, 3
LOCKED = 0x80
LOW = (1 << GRAIN) - 1


class Pmp:
    """The rules: ``config`` has a byte each (read 1, write 2, execute 4, matching in bits 3 and 4,
    locked 0x80), ``address`` the addresses shifted right by 2."""

    def __init__(self) -> None:
        self.config = [0] * ENTRIES
        self.address = [0] * ENTRIES

    def allow_all(self) -> None:
        """Let every level use all memory: one rule over everything."""
        self.write_address(0, 0xFFFFFFFF)
        self.write_config(0, 0x1F)

    def read_config(self, group: int) -> int:
        """Four rules' bytes, the lowest rule in the lowest byte."""
        return int.from_bytes(bytes(self.config[4 * group : 4 * group + 4]), "little")

    def write_config(self, group: int, value: int) -> None:
        """Set four rules, but for those that are locked."""
        for at in range(4):
            new, rule = value >> 8 * at & 0x9F, 4 * group + at
            if new >> 3 & 3 == 2:  # a region of 4 bytes is below the grain
                new &= ~0x18
            if new & 3 == 2:  # writing without reading is reserved
                new &= ~2
            if not self.config[rule] & LOCKED:
                self.config[rule] = new

    def read_address(self, rule: int) -> int:
        """The address as it counts: below the grain it reads as the matching uses it."""
        if self.config[rule] >> 3 & 3 == NAPOT:
            return self.address[rule] | LOW >> 1
        return self.address[rule] & ~LOW

    def write_address(self, rule: int, value: int) -> None:
        """Set an address, unless it is locked, or is the lower end of a locked range."""
        after = self.config[rule + 1] if rule + 1 < ENTRIES else 0
        if not self.config[rule] & LOCKED and not (after & LOCKED and after >> 3 & 3 == TOR):
            self.address[rule] = value

    def allows(self, at: int, access: int, level: int) -> bool:
        """Whether a level may use the page at a physical address; ``access`` as in ``paging``."""
        page = at & -PAGE
        for rule, config in enumerate(self.config):
            low, high = self._range(rule, config >> 3 & 3)
            if low <= page < high:
                if level == 3 and not config & LOCKED:
                    return True
                return bool(config << 1 & access)  # paging's bits R, W and X are one higher
        return level == 3

    def _range(self, rule: int, matching: int) -> tuple[int, int]:
        address = self.read_address(rule)
        if matching == TOR:
            return (self.read_address(rule - 1) & ~LOW if rule else 0) << 2, address << 2
        if matching == NAPOT:
            size = address ^ (address + 1)  # ones up to the first zero, and it
            return (address & ~size) << 2, ((address & ~size) + size + 1) << 2
        return 0, 0
