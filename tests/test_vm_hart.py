"""The hart: official programs, unicorn on random ones, and traps, interrupts and protection."""

from __future__ import annotations

import os
import struct
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from riscv_programs import verdict
from riscv_random import BASE, DATA, encode, program, registers

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.elf import read_elf
from vcloud_lab.vm.isa import ISA, decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.traps import INTERRUPT

OFFICIAL = os.environ.get("RISCV_TESTS", "")
PROGRAMS = sorted(path for path in Path(OFFICIAL).iterdir() if path.is_file()) if OFFICIAL else []


@pytest.mark.skipif(not OFFICIAL, reason="RISCV_TESTS does not name a folder of riscv-tests")
def test_the_folder_has_official_programs() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_official(path: Path) -> None:
    assert verdict(path) == "passed"


# ---- the listing


def test_every_word_is_at_most_one_instruction() -> None:
    for one, other in combinations(ISA.values(), 2):
        shared = one.mask & other.mask
        assert one.match & shared != other.match & shared, (one.name, other.name)


@pytest.mark.parametrize("name", ISA)
def test_decoding_gives_back_what_was_encoded(name: str) -> None:
    row, rng = ISA[name], Random(name)
    spans = {"I": 12, "S": 12, "B": 13, "U": 32, "J": 21, "csr": 12, "csri": 12, "shift": 5}
    for _ in range(200):
        rd, rs1, rs2 = (rng.randrange(32) for _ in range(3))
        bits = spans.get(row.format, 0)
        imm = rng.getrandbits(bits) & (-4096 if row.format == "U" else -1)
        imm &= -2 if row.format in "BJ" else -1
        if row.format in ("I", "S", "B", "J") and imm >> bits - 1:
            imm -= 1 << bits
        found = decode(encode(name, rd, rs1, rs2, imm))
        assert found is not None
        assert found.row.name == name
        assert found.imm == imm & 0xFFFFFFFF
        for letter, given, got in (
            ("d", rd, found.rd),
            ("s", rs1, found.rs1),
            ("t", rs2, found.rs2),
        ):
            assert letter not in row.bits or given == got


# ---- random programs


def fresh(words: list[int], x: list[int], data: bytes, made: type[Hart] = Hart) -> Hart:
    bus = Bus(1 << 16, BASE)
    bus.load_image(struct.pack(f"<{len(words)}I", *words), BASE)
    bus.load_image(data, BASE + DATA - 4096)
    hart = made(bus)
    hart.x[:32] = x
    return hart


@pytest.mark.parametrize("seed", range(60))
def test_unicorn_agrees(seed: int) -> None:
    unicorn = pytest.importorskip("unicorn", reason="unicorn is not installed")
    rng = Random(seed)
    words, x, data = program(rng, 120), registers(rng), rng.randbytes(8192)
    hart = fresh(words, x, data)
    end = BASE + 4 * len(words)
    while hart.pc < end:
        hart.step()
        assert not hart.traps

    machine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    machine.mem_map(BASE, 1 << 16)
    machine.mem_write(BASE, bytes(fresh(words, x, data).bus.ram))
    first = unicorn.riscv_const.UC_RISCV_REG_X0
    for number in range(1, 32):
        machine.reg_write(first + number, x[number])
    machine.emu_start(BASE, end)
    assert hart.x[:32] == [machine.reg_read(first + n) & 0xFFFFFFFF for n in range(32)]
    assert bytes(hart.bus.ram) == bytes(machine.mem_read(BASE, 1 << 16))


# ---- traps and levels


def small(*words: int, level: int = 3) -> Hart:
    """A hart with these instructions at BASE, a handler address, and all memory allowed to all."""
    hart = fresh(list(words), [0] * 32, b"")
    hart.csr["mtvec"] = BASE + 0x1000
    hart.level = level
    hart.mmu.pmp.address[0], hart.mmu.pmp.config[0] = 0xFFFFFFFF, 0x1F
    hart.forget()
    return hart


def trapped(hart: Hart) -> tuple[int, int, int]:
    """Cause, value and address of the trap that one step takes."""
    before, x = hart.pc, list(hart.x)
    hart.step()
    assert hart.pc == BASE + 0x1000
    assert hart.csr["mepc"] == before
    assert hart.x == x, "a trap must change no register"
    assert hart.retired == 0
    return hart.csr["mcause"], hart.csr["mtval"], before


@pytest.mark.parametrize(
    ("word", "level", "cause", "value"),
    [
        (0, 3, 2, 0),
        (0xFFFFFFFF, 3, 2, 0xFFFFFFFF),
        (encode("ecall"), 3, 11, 0),
        (encode("ecall"), 1, 9, 0),
        (encode("ecall"), 0, 8, 0),
        (encode("ebreak"), 3, 3, BASE),
        (encode("mret"), 1, 2, encode("mret")),
        (encode("sret"), 0, 2, encode("sret")),
        (encode("wfi"), 0, 2, encode("wfi")),
        (encode("sfence.vma"), 0, 2, encode("sfence.vma")),
        (encode("jal", 1, imm=6), 3, 0, BASE + 6),
        (encode("jalr", 1, 0, imm=2), 3, 0, 2),
        (encode("beq", imm=10), 3, 0, BASE + 10),
        (encode("lw", 1, 0, imm=64), 3, 5, 64),
        (encode("sw", 0, 0, 1, imm=64), 3, 7, 64),
        (encode("amoadd.w", 1, 0, 1), 3, 7, 0),
        (encode("lr.w", 1, 2), 3, 4, 0x80000002),
        (encode("sc.w", 1, 2, 3), 3, 6, 0x80000002),
        (encode("csrrw", 1, 1, imm=CSRS["mstatus"]), 1, 2, encode("csrrw", 1, 1, imm=0x300)),
        (encode("csrrw", 1, 1, imm=CSRS["cycle"]), 3, 2, encode("csrrw", 1, 1, imm=0xC00)),
        (encode("csrrs", 1, 0, imm=0x7C0), 3, 2, encode("csrrs", 1, 0, imm=0x7C0)),
        (encode("csrrs", 1, 0, imm=CSRS["cycle"]), 0, 2, encode("csrrs", 1, 0, imm=0xC00)),
    ],
)
def test_traps_are_precise(word: int, level: int, cause: int, value: int) -> None:
    hart = small(word, level=level)
    hart.x[2] = BASE + 2
    assert trapped(hart) == (cause, value, BASE)
    assert hart.csr["mstatus"] >> 11 & 3 == level
    assert hart.level == 3


def test_a_jump_out_of_memory_traps_at_its_target() -> None:
    hart = small(encode("jalr", 1, 0, imm=0))
    hart.run(2)
    assert (hart.csr["mcause"], hart.csr["mtval"], hart.csr["mepc"]) == (1, 0, 0)
    assert hart.x[1] == BASE + 4


def test_delegated_traps_go_to_the_supervisor() -> None:
    hart = small(encode("ecall"), level=0)
    hart.csr["medeleg"], hart.csr["stvec"] = 1 << 8, BASE + 0x2000
    hart.step()
    assert (hart.pc, hart.level, hart.csr["scause"], hart.csr["sepc"]) == (
        BASE + 0x2000,
        1,
        8,
        BASE,
    )
    assert hart.csr["mcause"] == 0


class Soon:
    """A timer that interrupts when so many instructions are done."""

    def __init__(self, due: int) -> None:
        self.due, self.idle = due, 0

    def now(self, retired: int) -> int:
        return retired + self.idle

    def due_in(self, retired: int) -> int | None:
        return max(0, self.due - self.now(retired))

    def skip_to_due(self, retired: int) -> bool:
        self.idle = max(self.idle, self.due - retired)
        return True


@pytest.mark.parametrize("due", [1, 2, 7, 1000])
def test_the_timer_interrupts_after_exactly_so_many_instructions(due: int) -> None:
    hart = small(encode("jal", imm=0))
    hart.timer, hart.csr["mie"], hart.csr["mstatus"] = Soon(due), 1 << 7, 1 << 3
    hart.run(due + 1)
    assert hart.csr["mcause"] == INTERRUPT | 7
    assert (hart.retired, hart.pc, hart.csr["mepc"]) == (due, BASE + 0x1000, BASE)


def test_interrupts_that_are_off_do_not_come() -> None:
    for mie, mstatus in ((0, 1 << 3), (1 << 7, 0)):
        hart = small(encode("jal", imm=0))
        hart.timer, hart.csr["mie"], hart.csr["mstatus"] = Soon(5), mie, mstatus
        assert hart.run(20) == "budget"
        assert (hart.retired, hart.traps) == (20, {})


def test_wfi_lets_time_pass_until_the_timer() -> None:
    hart = small(encode("wfi"))
    hart.timer, hart.csr["mie"], hart.csr["mstatus"] = Soon(10**9), 1 << 7, 1 << 3
    hart.run(2)
    assert hart.csr["mcause"] == INTERRUPT | 7
    assert (hart.retired, hart.csr["mepc"]) == (1, BASE + 4)


def test_wfi_without_anything_to_wait_for_is_told() -> None:
    hart = small(encode("wfi"))
    assert hart.run(100) == "waiting"
    assert hart.retired == 1


def test_a_timer_whose_interrupt_is_off_wakes_nobody() -> None:
    for due in (0, 10**6):
        hart = small(encode("wfi"))
        hart.timer = Soon(due)
        assert hart.run(100) == "waiting"


def test_a_runaway_program_stops_at_its_budget() -> None:
    looping = small(encode("jal", imm=0))
    assert looping.run(1234) == "budget"
    assert looping.retired == 1234
    trapping = small(0)
    trapping.csr["mtvec"] = BASE
    assert trapping.run(500) == "budget"
    assert trapping.traps == {2: 500}


def test_code_that_changes_itself_is_executed_as_changed() -> None:
    new = encode("addi", 5, 5, imm=7)
    hart = small(encode("sw", 0, 8, 6), encode("addi", 5, 5, imm=1))
    hart.x[8], hart.x[6] = BASE + 4, new
    hart.run(2)
    assert hart.x[5] == 7


# ---- programs from files


def elf(entry: int, place: int, content: bytes) -> bytes:
    """The smallest executable: a header, one segment."""
    ident = b"\x7fELF\1\1\1".ljust(16, b"\0")
    header = struct.pack(
        "<16sHHIIIIIHHHHHH", ident, 2, 243, 1, entry, 52, 0, 0, 52, 32, 1, 40, 0, 0
    )
    size = len(content)
    return header + struct.pack("<8I", 1, 84, place, place, size, size, 5, 4) + content


def test_an_elf_file_is_read() -> None:
    found = read_elf(elf(0x80000010, 0x80000000, b"hello"))
    assert (found.entry, found.segments) == (0x80000010, ((0x80000000, b"hello", 5),))


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"", "begins with b''"),
        (b"MZ\0\0" * 20, "begins with b'MZ"),
        (elf(0, 0, b"x")[:40], "ends inside its header after 40 bytes"),
        (elf(0, 0, b"x" * 50)[:-1], "refers to 50 at 84"),
        (elf(0, 0, b"x").replace(b"\1\1\1", b"\2\1\1"), "of class 2"),
    ],
)
def test_a_damaged_elf_file_is_told(damaged: bytes, words: str) -> None:
    with pytest.raises(GuestError) as told:
        read_elf(damaged)
    assert words in str(told.value)


def test_images_must_fit() -> None:
    with pytest.raises(
        GuestError, match="do not fit into the memory from 0x80000000 to 0x80000fff"
    ):
        Bus(4096).load_image(b"x" * 4097, BASE)
    for size in (0, 4095, 1 << 31, "4096"):
        with pytest.raises(GuestError, match=f"The memory has {size} bytes"):
            Bus(size)  # type: ignore[arg-type]
    with pytest.raises(GuestError, match="The memory begins at 0x80000001"):
        Bus(4096, 0x80000001)
    with pytest.raises(GuestError, match="is taken"):
        Bus(4096).attach(BASE + 4092, 8, None)  # type: ignore[arg-type]
