"""The virtual machine on loops: both engines, riscemu, and unicorn with a hook in Python."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from measures import Line, Section, Sizes, ratio_line, timed

from vcloud_lab.vm import Hart, TranslatingHart, assemble
from vcloud_lab.vm.memory import Bus

BASE = 0x80000000
DATA = BASE + 0x1000
LOOPS = {
    "arithmetic and memory": """
        addi t0, t0, -1
        add  t1, t1, t0
        xor  t2, t1, t0
        sw   t2, 0(s0)
        lw   t3, 0(s0)
        bne  t0, zero, loop
    """,
    "arithmetic": """
        addi t0, t0, -1
        slli t1, t0, 3
        srli t2, t1, 5
        or   t1, t1, t2
        add  t3, t3, t1
        bne  t0, zero, loop
    """,
}
USED = {"t0": 5, "t1": 6, "t2": 7, "t3": 28}


def words_of(loop: str) -> tuple[int, ...]:
    """The machine code of a loop."""
    code = assemble(f"loop:\n{loop}").code
    return struct.unpack(f"<{len(code) // 4}I", code)


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


def emulated(loop: str, rounds: int) -> tuple[float, list[int]]:
    """Seconds and used registers of riscemu, which takes the loop as assembly text."""
    from riscemu.riscemu_main import RiscemuMain

    data = ".data\nroom:\n.word 0\n"
    begin = f"main:\nli t0, {rounds}\nli t1, 0\nli t2, 0\nli t3, 0\nla s0, room\nloop:\n"
    text = f"{data}.text\n.globl main\n{begin}{loop}\nli a0, 0\nli a7, 93\necall\n"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "loop.s"
        path.write_text(text, encoding="utf-8")
        emulator = RiscemuMain()
        time, _ = timed(lambda: emulator.run_from_cli([str(path)]))
    registers = emulator.cpu.regs
    return time, [int(registers.get(name).unsigned_value) for name in USED]


def loops(sizes: Sizes) -> Iterator[Line]:
    """Two loops, on both engines and on the peers; all must end with the same registers."""
    rounds = sizes.jobs * 5
    for name, loop in LOOPS.items():
        words = words_of(loop)
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
        yield from peers_of(name, loop, rounds, best[Hart] / rounds)


def peers_of(name: str, loop: str, rounds: int, ours: float) -> Iterator[Line]:
    """The peers on a tenth of the rounds, compared with our seconds for one."""
    few, words = max(1, rounds // 10), words_of(loop)
    hart = prepared(Hart, words, few)
    hart.run(few * len(words))
    if find_spec("unicorn") is None:
        yield Line("against unicorn", "not measured: unicorn is not installed")
    else:
        slow, theirs = hooked(words, few)
        if hart.x[:32] != theirs:
            raise SystemExit(f"{name}: unicorn and the hart disagree.")
        yield Line(
            f"{name}: unicorn's time with a Python hook an instruction over the step engine's",
            f"{slow / few / ours:.1f} times",
        )
    if find_spec("riscemu") is None:
        yield Line("against riscemu", "not measured: riscemu is not installed")
    else:
        slow, theirs = emulated(loop, few)
        if [hart.x[number] for number in USED.values()] != theirs:
            raise SystemExit(f"{name}: riscemu and the hart disagree.")
        yield Line(
            f"{name}: riscemu's time over the step engine's", f"{slow / few / ours:.1f} times"
        )


SECTIONS = (
    Section(
        "Virtual machine: loops",
        "Guest instructions of a loop (RV32I), stepped one by one and translated to Python. "
        "unicorn is QEMU's translator as a library; with a hook it calls a Python function at "
        "every instruction, which is what watching a guest with it costs. riscemu is an emulator "
        "in Python that executes assembly text; its time includes reading the few lines.",
        loops,
    ),
)
