"""The board: console, timer and power switch as a guest uses them, and the device tree."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from riscv_random import BASE, encode
from test_vm_hart import elf

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.board import Board, device_tree
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.fdt import flatten
from vcloud_lab.vm.translate import TranslatingHart

ENGINES = pytest.mark.parametrize("engine", [Hart, TranslatingHart])


def upper(rd: int, value: int) -> int:
    return encode("lui", rd, imm=value)


def board(engine: type[Hart], *words: int) -> Board:
    made = Board(1 << 20, engine)
    made.load_kernel(struct.pack(f"<{len(words)}I", *words))
    return made


@ENGINES
def test_a_guest_writes_and_switches_itself_off(engine: type[Hart]) -> None:
    program = [upper(5, 0x10000000)]
    for letter in b"hello\n":
        program += [encode("addi", 6, 0, imm=letter), encode("sb", 0, 5, 6)]
    program += [upper(7, 0x11100000), upper(6, 0x5000), encode("addi", 6, 6, imm=0x555),
                encode("sw", 0, 7, 6), encode("jal", imm=0)]  # fmt: skip
    made = board(engine, *program)
    assert made.hart.run(10_000) == "stopped"
    assert bytes(made.console.output) == b"hello\n"
    assert made.power.pressed == "off"
    assert made.hart.retired == len(program) - 1


@ENGINES
def test_a_guest_reads_what_is_typed(engine: type[Hart]) -> None:
    echo = [
        upper(5, 0x10000000),
        encode("lbu", 6, 5, imm=5),  # the line's status
        encode("andi", 6, 6, imm=1),
        encode("beq", 0, 6, 0, imm=-8),
        encode("lbu", 6, 5),
        encode("sb", 0, 5, 6),
        encode("jal", imm=-20),
    ]
    made = board(engine, *echo)
    made.hart.run(1000)
    assert not made.console.output
    made.console.type(b"abc")
    made.hart.run(1000)
    assert bytes(made.console.output) == b"abc"


@ENGINES
def test_time_is_counted_in_instructions_to_the_last_one(engine: type[Hart]) -> None:
    # Reads the timer again and again; each reading must tell how many instructions came before.
    loop = [upper(5, 0x1100C000), encode("lw", 6, 5, imm=-8), encode("addi", 7, 7, imm=1),
            encode("jal", imm=-8)]  # fmt: skip
    made = board(engine, *loop)
    made.timer.scale = 1
    for _ in range(400):
        made.hart.run(3)
        assert made.hart.x[6] == 1 + 3 * ((made.hart.retired - 2) // 3)


@ENGINES
def test_the_timer_wakes_a_sleeping_guest(engine: type[Hart]) -> None:
    handler = 0x80
    program = [
        upper(5, 0x11004000),
        encode("addi", 6, 0, imm=1000),
        encode("sw", 0, 5, 6),
        encode("sw", 0, 5, 0, imm=4),
        encode("auipc", 7, imm=0),
        encode("addi", 7, 7, imm=handler - 16),
        encode("csrrw", 0, 7, imm=0x305),
        encode("addi", 7, 0, imm=128),
        encode("csrrw", 0, 7, imm=0x304),
        encode("csrrsi", 0, 8, imm=0x300),
        encode("wfi"),
        encode("jal", imm=0),
    ]
    program += [0] * (handler // 4 - len(program)) + [encode("jal", imm=0)]
    made = board(engine, *program)
    made.hart.run(20)
    assert made.hart.pc == BASE + handler
    assert made.hart.traps == {0x80000007: 1}
    assert made.timer.now(made.hart.retired) >= 1000
    assert made.hart.retired < 30


def test_the_image_must_fit() -> None:
    with pytest.raises(GuestError, match="The image needs 1048576 bytes: the memory has room for"):
        Board(1 << 20).load_kernel(bytes(1 << 20))


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_the_device_tree_compiler_reads_the_device_tree() -> None:
    blob = flatten(device_tree(1 << 20, "console=ttyS0"))
    read = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dts", "-q"], input=blob, capture_output=True, check=True
    )
    text = read.stdout.decode()
    assert 'bootargs = "console=ttyS0";' in text
    assert "reg = <0x00 0x80000000 0x00 0x100000>;" in text
    assert r'compatible = "sifive,clint0\0riscv,clint0";' in text


def test_the_device_tree_is_laid_out_as_the_specification_says() -> None:
    blob = flatten({"a": 1, "node": {"b": "xy", "a": None}})
    magic, total, structure, strings, *_ = struct.unpack_from(">10I", blob)
    assert (magic, total) == (0xD00DFEED, len(blob))
    assert blob[strings:] == b"a\0b\0"
    assert blob[structure:strings] == (
        struct.pack(">II", 1, 0)
        + struct.pack(">IIII", 3, 4, 0, 1)
        + struct.pack(">I", 1) + b"node\0\0\0\0"
        + struct.pack(">III", 3, 3, 2) + b"xy\0\0"
        + struct.pack(">III", 3, 0, 0)
        + struct.pack(">III", 2, 2, 9)
    )  # fmt: skip


# ---- ELF files


@pytest.mark.parametrize("as_kernel", [True, False])
def test_an_elf_file_goes_where_it_says(as_kernel: bool) -> None:
    words = struct.pack("<2I", encode("addi", 10, 0, imm=7), encode("jal"))
    made = Board(1 << 20)
    load = made.load_kernel if as_kernel else made.load
    load(elf(BASE + 0x1004, BASE + 0x1000, bytes(4) + words))
    made.start()
    made.run(2)
    assert made.hart.x[10] == 7
    assert made.hart.pc == BASE + 0x1008


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (elf(BASE + 2, BASE, b"\0" * 8), "The program begins at 0x80000002: instructions lie at"),
        (elf(BASE, BASE, b"\0" * 8)[:-1], "has 91 bytes and refers to 8 at 84: it is cut off"),
        (elf(BASE, BASE, b"\0" * 8)[:40], "The program ends inside its header after 40 bytes"),
        (elf(BASE, BASE + (1 << 20) - 8, b"\0" * 8), "The image needs 1048576 bytes: the memory"),
        (elf(BASE, 0x1000, b"\0" * 8), "8 bytes at 0x1000 do not fit into the memory from 0x8000"),
    ],
)
def test_a_bad_elf_file_is_refused_and_nothing_changes(file: bytes, message: str) -> None:
    made = board(TranslatingHart, encode("addi", 10, 0, imm=7), encode("jal"))
    with pytest.raises(GuestError, match=message):
        made.load_kernel(file)
    made.start()
    made.run(2)
    assert made.hart.x[10] == 7
