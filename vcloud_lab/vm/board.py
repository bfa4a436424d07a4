"""A whole computer: hart, memory, console, timer and power switch on one bus.

The memory map is that of mini-rv32ima (C. Lohr), so that its published Linux images run: RAM from
0x80000000, the console at 0x10000000, the timer at 0x11000000, the power switch at 0x11100000. The
kernel starts at the first address of RAM with the hart's number in a0 and the address of the device
tree in a1.
"""

from __future__ import annotations

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.devices import Clint, Power, Uart
from vcloud_lab.vm.fdt import Node, flatten
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.translate import TranslatingHart

__all__ = ["Board", "device_tree"]

UART, CLINT, POWER = 0x10000000, 0x11000000, 0x11100000
TICKS = 1_000_000
"""Ticks of the timer in a second of the guest."""


class Board:
    """A computer with ``memory`` bytes of RAM. ``engine`` is ``Hart`` or ``TranslatingHart``."""

    def __init__(self, memory: int = 64 << 20, engine: type[Hart] = TranslatingHart) -> None:
        self.bus = Bus(memory)
        self.console, self.timer, self.power = Uart(), Clint(), Power()
        self.hart = engine(self.bus, self.timer)
        self.timer.hart = self.power.hart = self.hart
        self.bus.attach(UART, 0x100, self.console)
        self.bus.attach(CLINT, 0x10000, self.timer)
        self.bus.attach(POWER, 0x1000, self.power)

    def load_kernel(self, image: bytes, command_line: str = "console=ttyS0") -> None:
        """Put a kernel image at the start of RAM and a device tree at its end, and reset the hart.

        Raises ``GuestError`` where the two do not fit into the memory.
        """
        size = self.bus.end - self.bus.base
        length = len(flatten(device_tree(size, command_line)))
        usable = size - length & -4096
        if len(image) > usable:
            raise GuestError(
                f"The image has {len(image)} bytes: the memory has room for {usable}; give the "
                "machine more memory."
            )
        self.bus.load_image(image, self.bus.base)
        self.bus.load_image(flatten(device_tree(usable, command_line)), self.bus.base + usable)
        self.hart.reset(self.bus.base)
        self.hart.x[10], self.hart.x[11] = 0, self.bus.base + usable


def device_tree(memory: int, command_line: str) -> Node:
    """What a kernel is told of this computer."""
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
        },
    }  # fmt: skip
