"""How an official test program is run: it writes its verdict to the word called ``tohost``.

Source: riscv-software-src/riscv-tests, whose programs are not part of this repository.
"""

from __future__ import annotations

from pathlib import Path

from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.elf import read_elf
from vcloud_lab.vm.memory import Bus

MOST = 2_000_000
PASSED = 1


def loaded(path: Path, made: type[Hart] = Hart) -> tuple[Hart, Bus, int]:
    """A hart, its bus with the program in memory, and the address of ``tohost``."""
    elf = read_elf(path.read_bytes(), path.name)
    bus = Bus(16 << 20)
    for place, content, _ in elf.segments:
        bus.load_image(content, place)
    hart = made(bus)
    hart.reset(elf.entry)
    return hart, bus, elf.symbols["tohost"]


def verdict(path: Path, made: type[Hart] = Hart) -> str:
    """ "passed", or what went wrong."""
    hart, bus, tohost = loaded(path, made)
    while hart.retired < MOST:
        before = hart.retired + sum(hart.traps.values())
        hart.run(2000)
        told, device = bus.read(tohost, 4), bus.read(tohost + 4, 4)
        if told == PASSED and not device:
            return "passed"
        if told & 1 and not device:
            return f"case {told >> 1} failed at {hart.pc:#x} after {hart.retired} instructions"
        if told or device:  # a character for the console
            bus.write(tohost, 4, 0)
            bus.write(tohost + 4, 4, 0)
        if before == hart.retired + sum(hart.traps.values()):
            return f"stuck at {hart.pc:#x}"
    return f"no verdict after {hart.retired} instructions, at {hart.pc:#x}"
