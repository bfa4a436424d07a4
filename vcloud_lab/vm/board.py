"""The usual virtual hardware, as a kernel such as Linux expects it.

The kernel starts at the first address of RAM with the hart's number in a0 and, in a1, the address
of a device tree, which tells it what there is.
"""

from __future__ import annotations

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.elf import pieces_of
from vcloud_lab.vm.fdt import Node, flatten
from vcloud_lab.vm.hardware import (
    CLINT,
    POWER,
    UART,
    VIRTIO,
    VirtualCPU,
    VirtualHardware,
    VirtualMemory,
)
from vcloud_lab.vm.translate import TranslatingHart

__all__ = ["Board", "device_tree"]

TICKS = 1_000_000
"""Ticks of the timer in a second of the guest."""


class Board(VirtualHardware):
    """Hardware with ``memory`` bytes of RAM. ``engine`` is ``Hart`` or ``TranslatingHart``."""

    def __init__(
        self,
        memory: int = 64 << 20,
        engine: type[Hart] = TranslatingHart,
        disk: VirtualDisk | None = None,
    ) -> None:
        super().__init__(VirtualCPU(engine), VirtualMemory(memory), disk)

    def _like_this(self, disk: VirtualDisk | None) -> Board:
        return Board(self.memory.size, self.cpu.engine, disk)

    def load_kernel(self, image: bytes, command_line: str = "console=ttyS0") -> None:
        """Put a kernel image at the start of RAM, or where its ELF file says, and a device tree at
        the end, and reset the hart.

        Raises ``GuestError`` where the two do not fit into the memory, for a damaged ELF file, and
        while it is on.
        """
        size, disk = self.memory.size, self.disk is not None
        length = len(flatten(device_tree(size, command_line, disk=disk)))
        usable = size - length & -4096
        base, tree = self.bus.base, flatten(device_tree(usable, command_line, disk=disk))
        pieces, start = pieces_of(image, base)
        needed = max(at + len(piece) for at, piece in pieces.items()) - base if pieces else 0
        if needed > usable:
            raise GuestError(
                f"The image needs {needed} bytes: the memory has room for {usable}; give the "
                "machine more memory."
            )
        self._load({**pieces, base + usable: tree}, start, {10: 0, 11: base + usable})


def device_tree(memory: int, command_line: str, *, disk: bool = False) -> Node:
    """What a kernel is told of this computer."""
    virtio: Node = {
        "interrupts-extended": (2, 11),  # the hart's machine external interrupt
        "reg": (0, VIRTIO, 0, 0x200),
        "compatible": "virtio,mmio",
    }
    return {
        "#address-cells": 2,
        "#size-cells": 2,
        "compatible": "riscv-minimal-nommu",
        "model": "vcloud_lab",
        "chosen": {"bootargs": command_line},
        "memory@80000000": {"device_type": "memory", "reg": (0, 0x80000000, 0, memory)},
        "cpus": {
            "#address-cells": 1,
            "#size-cells": 0,
            "timebase-frequency": TICKS,
            "cpu@0": {
                "device_type": "cpu",
                "reg": 0,
                "status": "okay",
                "compatible": "riscv",
                "riscv,isa": "rv32ima",
                "mmu-type": "riscv,none",
                "interrupt-controller": {
                    "#interrupt-cells": 1,
                    "interrupt-controller": None,
                    "compatible": "riscv,cpu-intc",
                    "phandle": 2,
                },
            },
        },
        "soc": {
            "#address-cells": 2,
            "#size-cells": 2,
            "compatible": "simple-bus",
            "ranges": None,
            f"uart@{UART:x}": {
                "clock-frequency": 0x1000000,
                "reg": (0, UART, 0, 0x100),
                "compatible": "ns16850",
            },
            f"syscon@{POWER:x}": {
                "phandle": 4,
                "reg": (0, POWER, 0, 0x1000),
                "compatible": "syscon",
            },
            "poweroff": {
                "value": 0x5555, "offset": 0, "regmap": 4, "compatible": "syscon-poweroff",
            },
            "reboot": {
                "value": 0x7777, "offset": 0, "regmap": 4, "compatible": "syscon-reboot",
            },
            f"clint@{CLINT:x}": {
                "interrupts-extended": (2, 3, 2, 7),
                "reg": (0, CLINT, 0, 0x10000),
                "compatible": ["sifive,clint0", "riscv,clint0"],
            },
            **({f"virtio@{VIRTIO:x}": virtio} if disk else {}),
        },
    }  # fmt: skip
