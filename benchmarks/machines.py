"""The virtual machine: the step engine, the translator, and unicorn with a hook in Python."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec

from measures import Line, Section, Sizes, ratio_line, timed

from vcloud_lab.vm import Hart, TranslatingHart
from vcloud_lab.vm.memory import Bus

BASE = 0x80000000
DATA = BASE + 0x1000
LOOPS = {
    # addi t0, t0, -1; add t1, t1, t0; xor t2, t1, t0; sw t2, (s0); lw t3, (s0); bnez t0, -20
    "arithmetic and memory": (
        0xFFF28293, 0x00530333, 0x005343B3, 0x00742023, 0x00042E03, 0xFE0296E3,
    ),
    # addi t0, t0, -1; slli t1, t0, 3; srli t2, t1, 5; or t1, t1, t2; add t3, t3, t1; bnez t0, -20
    "arithmetic": (0xFFF28293, 0x00329313, 0x00535393, 0x00736333, 0x006E0E33, 0xFE0296E3),
}  # fmt: skip


def prepared(made: type[Hart], words: tuple[int, ...], rounds: int) -> Hart:
    """A hart before the loop; x5 counts the rounds down and x8 points to the data."""
    bus = Bus(1 << 16, BASE)
    bus.load_image(struct.pack(f"<{len(words)}I", *words), BASE)
    hart = made(bus)
    hart.x[5], hart.x[8] = rounds, DATA
    return hart


def hooked(words: tuple[int, ...], rounds: int) -> tuple[float, list[int]]:
    """Seconds and registers of unicorn, with a Python function called at every instruction."""
    import unicorn

    machine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    machine.mem_map(BASE, 1 << 16)
    machine.mem_write(BASE, struct.pack(f"<{len(words)}I", *words))
    x0 = unicorn.riscv_const.UC_RISCV_REG_X0
    machine.reg_write(x0 + 5, rounds)
    machine.reg_write(x0 + 8, DATA)
    count = [0]

    def hook(*_: object) -> None:
        count[0] += 1

    machine.hook_add(unicorn.UC_HOOK_CODE, hook)
    time, _ = timed(lambda: machine.emu_start(BASE, BASE + 4 * len(words)))
    if count[0] != rounds * len(words):
        raise SystemExit("unicorn has not run the whole loop.")
    return time, [machine.reg_read(x0 + n) & 0xFFFFFFFF for n in range(32)]


def loops(sizes: Sizes) -> Iterator[Line]:
    """Two loops, on both engines and on the peer; all must end with the same registers."""
    rounds = sizes.jobs * 5
    for name, words in LOOPS.items():
        count = rounds * len(words)
        best = {Hart: float("inf"), TranslatingHart: float("inf")}
        registers = {}
        for _ in range(sizes.rounds):
            for made in best:
                hart = prepared(made, words, rounds)
                best[made] = min(best[made], timed(lambda h=hart, n=count: h.run(n))[0])
                registers[made] = hart.x[:32]
        if registers[Hart] != registers[TranslatingHart]:
            raise SystemExit(f"{name}: the engines disagree.")
        rate = {made: count / time / 10**6 for made, time in best.items()}
        yield Line(
            f"{name}: the step engine",
            f"{rate[Hart]:.1f} million instructions a second",
            "at least 1 million",
            rate[Hart] >= 1,
        )
        ratio = best[Hart] / best[TranslatingHart]
        each = f"{rate[TranslatingHart]:.1f} million a second"
        yield ratio_line(
            f"{name}: the step engine's time over the translator's",
            ratio,
            f"{ratio:.1f} times ({each})",
            least=5,
        )
        if find_spec("unicorn") is None:
            yield Line("against unicorn", "not measured: unicorn is not installed")
            continue
        few = max(1, rounds // 10)
        slow, theirs = hooked(words, few)
        hart = prepared(Hart, words, few)
        hart.run(few * len(words))
        if hart.x[:32] != theirs:
            raise SystemExit(f"{name}: unicorn and the hart disagree.")
        ratio = slow / few / (best[Hart] / rounds)
        yield Line(
            f"{name}: unicorn's time with a Python hook an instruction over the step engine's",
            f"{ratio:.1f} times",
        )


SECTIONS = (
    Section(
        "Virtual machine",
        "Guest instructions of a loop (RV32I), stepped one by one and translated to Python. "
        "unicorn is QEMU's translator as a library; with a hook it calls a Python function at "
        "every instruction, which is what watching a guest with it costs.",
        loops,
    ),
)
