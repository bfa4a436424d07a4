"""Virtual hardware: its parts, its switch, and its disk in snapshots and clones."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab.errors import DiskError, GuestError
from vcloud_lab.vm.asm import Program, assemble
from vcloud_lab.vm.board import Board, device_tree
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.devices import Clint, Uart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.fdt import flatten
from vcloud_lab.vm.hardware import VirtualCPU, VirtualHardware, VirtualMemory
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.snapshot import Snapshot, copy_of, save
from vcloud_lab.vm.translate import TranslatingHart

ENGINES = pytest.mark.parametrize("engine", [Hart, TranslatingHart])
MEMORY = VirtualMemory(1 << 20)
RUNAWAY = assemble("loop: addi t0, t0, 1\n j loop")
HELLO = assemble(
    """
    li t0, 0x10000000
    li t1, 'h'
    sb t1, 0(t0)
    li t0, 0x11100000
    li t1, 0x5555
    sw t1, 0(t0)
    """
)
WRITER = assemble(
    """
    li s0, 0x10002000       # the port
next:
    sw s1, 4(s0)            # the number of the sector
    li t0, 0x30
    sw t0, 8(s0)            # write
    li t1, 128
word:
    sw s2, 0(s0)
    addi s2, s2, 1
    addi t1, t1, -1
    bnez t1, word
    addi s1, s1, 1
    j next
    """
)
"""Writes 0, 1, 2, ... to its disk, sector after sector."""


def hardware(
    program: Program | bytes | None = RUNAWAY,
    engine: type[Hart] = TranslatingHart,
    disk: VirtualDisk | None = None,
) -> VirtualHardware:
    made = VirtualHardware(VirtualCPU(engine), MEMORY, disk)
    if program is not None:
        made.load(program)
    return made


def contents(disk: VirtualDisk | None) -> bytes:
    assert disk
    return disk.read(0, disk.size)


# The switch


@ENGINES
def test_it_is_switched_on_and_off(engine: type[Hart]) -> None:
    made = hardware(HELLO, engine)
    assert not made.on
    made.start()
    assert made.on
    assert made.run() == "off"
    assert not made.on
    assert bytes(made.console.output) == b"h"
    made.start()
    assert not made.console.output
    assert made.run() == "off"
    assert bytes(made.console.output) == b"h"


def test_starting_twice_is_refused_and_changes_nothing() -> None:
    made = hardware()
    made.start()
    made.run(1000)
    with pytest.raises(GuestError, match="cannot be started twice; stop it first"):
        made.start()
    assert made.on
    assert made.hart.retired == 1000


def test_stopping_twice_is_not() -> None:
    made = hardware()
    made.stop()
    made.start()
    made.stop()
    made.stop()
    assert not made.on


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hardware(None).start(), "The hardware has no program: give it one with load"),
        (lambda: hardware().run(), "The hardware is off: it can run only while it is on"),
        (lambda: hardware(bytes((1 << 20) + 1)), "1048577 bytes at 0x80000000 do not fit into"),
        (lambda: hardware(assemble("nop", origin=0)), "4 bytes at 0x0 do not fit into the memory"),
        (lambda: VirtualHardware(1, MEMORY), "The processor is 1: a VirtualCPU is needed"),
        (lambda: VirtualHardware(VirtualCPU(int), MEMORY), "a VirtualCPU is needed; try"),
        (lambda: VirtualHardware(VirtualCPU(), 4096), "The memory is 4096: a VirtualMemory is"),
        (lambda: VirtualHardware(VirtualCPU(), VirtualMemory(5)), "The memory has 5 bytes"),
        (lambda: hardware(disk="a"), "The disk is 'a': a VirtualDisk or None is needed"),
        (lambda: hardware("nop"), "The program is of the type str: what assemble() returns"),
        (
            lambda: VirtualHardware(VirtualCPU(), MEMORY, timer=hardware().timer),
            "The timer is in other hardware",
        ),
        (lambda: VirtualMachine(hardware(None)).start(), "The hardware has no program"),
        (lambda: VirtualMachine(hardware(), memory=4096), "vm was given hardware and parts"),
        (lambda: VirtualMachine(hardware(), disk=VirtualDisk(512)), "was given hardware and parts"),
    ],
)
def test_mistakes(call: Callable[[], object], words: str) -> None:
    with pytest.raises(GuestError) as told:
        call()
    assert words in str(told.value)
    assert str(told.value).endswith(".")


def test_hardware_that_is_on_is_left_alone() -> None:
    made = hardware()
    made.start()
    with pytest.raises(GuestError, match="a program is loaded while it is off; stop it"):
        made.load(HELLO)
    with pytest.raises(GuestError, match="vm was given hardware that is on"):
        VirtualMachine(made)
    assert made.run(10) == "budget"


def test_it_begins_anew_with_all_but_its_disk() -> None:
    disk = VirtualDisk(1 << 20)
    made = hardware(WRITER, disk=disk)
    made.start()
    before = save(made)
    made.run(2000)
    assert contents(disk) != bytes(disk.size)
    made.bus.write(made.bus.end - 4, 4, 99)
    made.timer.compare = 5
    made.console.type(b"x")
    made.stop()
    kept = contents(disk)
    made.start()
    after = save(made)
    assert contents(disk) == kept
    assert (after.pages, after.hart, after.devices) == (before.pages, before.hart, before.devices)
    assert after.csrs == before.csrs


@ENGINES
def test_a_runaway_guest_is_stopped_from_another_thread(engine: type[Hart]) -> None:
    made = hardware(RUNAWAY, engine)
    made.start()
    why: list[str] = []
    runner = threading.Thread(target=lambda: why.append(made.run(10**12, 60)))
    runner.start()
    while made.hart.retired < 1000:
        time.sleep(0.001)
    began = time.monotonic()
    made.stop()
    assert time.monotonic() - began < 5
    runner.join(5)
    assert why == ["off"]
    made.start()
    assert made.hart.retired == 0
    assert made.run(10) == "budget"


def test_a_guest_that_resets_for_ever_can_be_stopped() -> None:
    made = hardware(assemble("li t0, 0x11100000\n li t1, 0x7777\n sw t1, 0(t0)"))
    made.start()
    assert made.run(1000) == "budget"
    why: list[str] = []
    runner = threading.Thread(target=lambda: why.append(made.run(10**12, 60)))
    runner.start()
    made.stop()
    runner.join(5)
    assert why == ["off"]


def test_parts_can_be_given() -> None:
    console, timer = Uart(), Clint(instructions_per_tick=1)
    made = VirtualHardware(VirtualCPU(Hart), MEMORY, None, console, timer)
    made.load(HELLO)
    made.start()
    made.run()
    assert bytes(console.output) == b"h"
    assert made.timer is timer
    made.start()
    assert timer.scale == 1
    assert type(made.hart) is Hart


@ENGINES
def test_a_twin_has_the_same_program(engine: type[Hart]) -> None:
    made = hardware(HELLO, engine, VirtualDisk(512))
    made.timer.scale = 3
    made.start()
    twin = made.twin()
    assert not twin.on
    twin.start()
    assert twin.run() == "off"
    assert bytes(twin.console.output) == b"h"
    assert not made.console.output
    assert type(twin.hart) is engine
    assert twin.disk is not made.disk
    assert made.run() == "off"


# The machine of the article


def test_a_virtual_machine_of_virtual_hardware() -> None:
    made = hardware(HELLO)
    machine = VirtualMachine(made, name="article")
    assert (machine.state, made.on) == ("created", False)
    machine.start()
    assert (machine.state, made.on) == ("running", True)
    with pytest.raises(GuestError, match="article is running: it can start only when"):
        machine.start()
    machine.stop()
    assert (machine.state, made.on) == ("stopped", False)
    machine.start()
    assert machine.run() == "off"
    assert (machine.state, machine.console) == ("stopped", "h")
    machine.start()
    machine.destroy()
    assert not made.on


def test_a_machine_sees_that_its_hardware_went_off_or_was_taken() -> None:
    made = hardware()
    machine, other = VirtualMachine(made), VirtualMachine(made, name="other")
    machine.start()
    with pytest.raises(GuestError, match="cannot be started twice"):
        other.start()
    assert other.state == "created"
    made.stop()
    with pytest.raises(GuestError, match="vm is stopped: only a running machine can work"):
        machine.run()


# The disk in the device tree, in snapshots and in clones


def test_without_a_disk_the_device_tree_is_what_published_kernels_know() -> None:
    blob = flatten(device_tree(1 << 20, "console=ttyS0"))
    digest = "ae9b3fbaf764b58e37b352a03daba76cab1a0365b7746e80d3c5b7c0e4261ee4"
    assert hashlib.sha256(blob).hexdigest() == digest
    for disk in (None, VirtualDisk(512)):
        board = Board(1 << 20, disk=disk)
        board.load_kernel(b"")
        at = board.hart.x[11] - board.bus.base
        tree = device_tree(at, "console=ttyS0", disk=disk is not None)
        assert board.bus.ram[at : at + 4096].rstrip(b"\0") == flatten(tree).rstrip(b"\0")
        assert (b"virtio" in board.bus.ram[at:]) == (disk is not None)


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_the_device_tree_compiler_reads_the_node_of_the_disk() -> None:
    blob = flatten(device_tree(1 << 20, "", disk=True))
    read = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dts", "-q"], input=blob, capture_output=True, check=True
    )
    text = read.stdout.decode()
    assert "virtio@10001000 {" in text
    assert 'compatible = "virtio,mmio";' in text
    assert "interrupts-extended = <0x02 0x0b>;" in text


def test_without_a_disk_nothing_answers_in_its_place() -> None:
    made = hardware()
    assert made.virtio is made.port is made.disk is None
    assert len(made.bus.devices) == 3


@ENGINES
def test_a_snapshot_brings_the_disk_back(engine: type[Hart]) -> None:
    disk = VirtualDisk(1 << 20)
    machine = VirtualMachine(hardware(WRITER, engine, disk))
    machine.start()
    machine.run(5000)
    kept, then = machine.snapshot(), contents(disk)
    machine.run(5000)
    later = contents(disk)
    assert later != then
    machine.restore(kept)
    assert machine.board.disk is disk
    assert contents(disk) == then
    machine.resume()
    machine.run(5000)  # the very same writes again, from the middle of a sector on
    assert contents(disk) == later
    machine.stop()
    machine.restore(kept)
    assert (machine.state, contents(disk)) == ("paused", then)


def test_a_clone_has_a_disk_of_its_own() -> None:
    disk = VirtualDisk(1 << 20)
    machine = VirtualMachine(WRITER.code, memory=1 << 20, disk=disk)
    machine.start()
    machine.run(5000)
    before = contents(disk)
    twin = machine.clone("twin")
    assert type(twin.board) is Board
    assert twin.board.disk is not disk
    twin.resume()
    twin.run(5000)
    assert contents(disk) == before
    machine.run(5000)
    assert contents(disk) == contents(twin.board.disk) != before
    twin.stop()
    twin.start()  # the program is its own too
    assert twin.run(100) == "budget"
    assert twin.board.hart.x[18]


def test_a_clone_of_an_overlay_shares_the_backing_disk() -> None:
    base = VirtualDisk(1 << 20)
    base.write(0, b"base" * 256)
    disk = base.overlay()
    disk.write(100, b"mine")
    disk.zero(8192, 4096)
    twin = VirtualMachine(hardware(disk=disk)).clone("twin").board.disk
    assert twin
    assert twin.backing is base
    assert twin.same_as(disk)
    twin.write(0, b"twin")
    assert disk.read(0, 4) == base.read(0, 4) == b"base"
    assert disk.writable


@pytest.mark.parametrize("size", [0, 1 << 19])
def test_a_snapshot_is_refused_where_the_disk_is_another(size: int) -> None:
    kept = save(hardware(disk=VirtualDisk(1 << 20)))
    other = hardware(WRITER, disk=VirtualDisk(size) if size else None)
    before = bytes(other.bus.ram)
    with pytest.raises(GuestError, match=f"of 1048576 bytes of disk and the machine has {size}:"):
        kept.restore(other)
    assert (bytes(other.bus.ram), other.on) == (before, False)


def test_a_disk_that_was_built_upon_since_is_not_given_back() -> None:
    disk = VirtualDisk(1 << 20)
    made = hardware(disk=disk)
    kept = save(made)
    disk.write(5 * 512, b"x")
    disk.overlay()
    with pytest.raises(DiskError, match="cannot be given back its sector"):
        kept.restore(made)
    assert not made.on
    save(made).restore(made)  # nothing has to change here
    assert made.on


writes = st.lists(
    st.tuples(st.sampled_from(["write", "zero"]), st.integers(0, 63), st.integers(1, 8)),
    max_size=8,
)


def scribble(disk: VirtualDisk, what: list[tuple[str, int, int]], letter: bytes) -> None:
    for kind, sector, count in what:
        length = min(count, 64 - sector) * 512
        if kind == "zero":
            disk.zero(sector * 512, length)
        else:
            disk.write(sector * 512, letter * length)


@given(st.booleans(), writes, writes, writes)
def test_any_disk_comes_back(
    layered: bool,
    first: list[tuple[str, int, int]],
    second: list[tuple[str, int, int]],
    third: list[tuple[str, int, int]],
) -> None:
    disk = VirtualDisk(64 * 512, block_size=1024)
    scribble(disk, first, b"a")
    if layered:
        disk = disk.overlay(512)
    scribble(disk, second, b"b")
    then, copy = contents(disk), copy_of(disk)
    kept = Snapshot(4096, {}, {}, ({}, {}), ([], []), (), copy)
    assert contents(copy) == then
    scribble(disk, third, b"c")
    assert contents(copy) == then
    kept.restore_disk(disk)
    assert contents(disk) == then
