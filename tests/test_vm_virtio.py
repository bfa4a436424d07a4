"""The two block devices: what their registers and rings do, and what no guest can make them do."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from riscv_random import encode
from virtio_driver import (
    AVAILABLE,
    DATA,
    FLUSH,
    GET_ID,
    HEADER,
    IN,
    NEEDS_RESET,
    OUT,
    RAM,
    STATUS,
    TABLE,
    USED,
    Driver,
)

from vcloud_lab.vm.asm import assemble
from vcloud_lab.vm.blockport import Port
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.virtio import Register

ENGINES = pytest.mark.parametrize("engine", [Hart, TranslatingHart])
SECTORS = 16
PORT = 0x10002000
LINUX_HEADER = Path("/usr/include/linux/virtio_mmio.h")


def numbered(sectors: int = SECTORS) -> VirtualDisk:
    """A disk whose every sector is full of its own number plus one."""
    disk = VirtualDisk(sectors * 512)
    for sector in range(sectors):
        disk.write(sector * 512, bytes([sector + 1]) * 512)
    return disk


def contents(disk: VirtualDisk) -> bytes:
    return disk.read(0, disk.size)


# Registers and set-up


def test_what_the_device_is() -> None:
    driver = Driver(VirtualDisk(3 << 20))
    assert [driver.get(at) for at in (0x00, 0x04, 0x08)] == [0x74726976, 2, 2]
    assert driver.get(0x34) == 128
    assert driver.get(0x100) | driver.get(0x104) << 32 == (3 << 20) // 512
    assert [driver.get(at) for at in (0x108, 0x10C, 0x110, 0x1FC)] == [1 << 16, 16, 0, 0]
    assert driver.get(0x101, 1) == (3 << 20) // 512 >> 8
    assert driver.get(0xB0) == driver.get(0xBC) == 0xFFFFFFFF  # there is no shared memory
    assert driver.get(0xFC) == 0
    driver.set(0x30, 1)  # there is no second queue
    assert driver.get(0x34) == driver.get(0x44) == 0
    driver.set(0x44, 1)
    assert driver.get(0x44) == 0
    driver.set(0x30, 0)
    assert driver.get(0x44) == 1


@pytest.mark.skipif(not LINUX_HEADER.exists(), reason="the headers of Linux are not installed")
def test_the_registers_are_those_of_linux() -> None:
    defined = dict(re.findall(r"#define VIRTIO_MMIO_(\w+)\s+(0x\w+)", LINUX_HEADER.read_text()))
    names = {
        "MAGIC": "MAGIC_VALUE",
        "QUEUE_DRIVER_LOW": "QUEUE_AVAIL_LOW",
        "QUEUE_DRIVER_HIGH": "QUEUE_AVAIL_HIGH",
        "QUEUE_DEVICE_LOW": "QUEUE_USED_LOW",
        "QUEUE_DEVICE_HIGH": "QUEUE_USED_HIGH",
    }
    ours = {
        name: value
        for name, value in vars(Register).items()
        if isinstance(value, int) and name[0] != "_"  # Python 3.13 has a __firstlineno__
    }
    assert len(ours) == 23
    for name, value in ours.items():
        assert int(defined[names.get(name, name)], 16) == value, name


def test_features_are_negotiated() -> None:
    driver = Driver(VirtualDisk(1 << 20))
    driver.set(0x14, 0)
    assert driver.get(0x10) == 1 << 1 | 1 << 2 | 1 << 9
    driver.set(0x14, 1)
    assert driver.get(0x10) == 1
    driver.set(0x14, 2)
    assert driver.get(0x10) == 0
    assert driver.negotiate(0) == 3  # a driver for the legacy device
    assert driver.negotiate(1 << 32 | 1 << 28) == 3  # indirect descriptors are not offered
    assert driver.negotiate(1 << 32 | 1 << 9) == 11
    driver.set(0x20, 1 << 28)  # too late: it is agreed
    driver.set(0x70, 15)
    assert driver.get(0x70) == 15
    driver.set(0x24, 99)  # no feature has a number as high
    driver.set(0x20, 1)
    assert driver.get(0x70) == 15


def test_a_disk_that_backs_another_one_is_read_only() -> None:
    disk = numbered()
    disk.overlay()
    driver = Driver(disk)
    driver.set(0x14, 0)
    assert driver.get(0x10) & 1 << 5
    assert driver.request(OUT, 0, bytes(512))[0] == 1
    assert driver.request(IN, 0, room=512) == (0, b"\x01" * 512)


@pytest.mark.parametrize(
    "places",
    [
        (0, TABLE, AVAILABLE, USED),
        (3, TABLE, AVAILABLE, USED),
        (256, TABLE, AVAILABLE, USED),
        (8, TABLE + 8, AVAILABLE, USED),
        (8, TABLE, AVAILABLE + 1, USED),
        (8, TABLE, AVAILABLE, USED + 2),
        (8, RAM - 16, AVAILABLE, USED),
        (8, TABLE, RAM + (1 << 20) - 18, USED),
        (8, TABLE, AVAILABLE, RAM + (1 << 20) - 64),
        (8, TABLE | 1 << 32, AVAILABLE, USED),
    ],
)
def test_a_queue_that_cannot_be(places: tuple[int, int, int, int]) -> None:
    driver = Driver(numbered())
    driver.negotiate()
    driver.queue(*places)
    assert driver.get(0x44) == 0
    assert driver.get(0x70) == 11 | NEEDS_RESET
    driver.set(0x70, 15)
    driver.notify()
    assert driver.get(0x70) == 15 | NEEDS_RESET
    driver.set_up()
    assert driver.request(IN, 2, room=512)[0] == 0


def test_nothing_is_served_before_the_driver_is_ready() -> None:
    driver = Driver(numbered())
    chain = [driver.header(IN, 0), (DATA, 512, 2), (STATUS, 1, 2)]
    driver.set(0x70, 11)
    driver.put(chain)
    driver.notify()
    assert driver.device.requests == 0
    driver.set(0x70, 15)
    driver.set(0x50, 1)  # another queue
    driver.set(0x50, 0, size=2)  # half a register
    assert (driver.device.requests, driver.device.notifications) == (0, 2)
    driver.set(0x44, 0)
    driver.notify()
    assert driver.get(0x44) == driver.device.requests == 0
    driver.set(0x44, 1)
    driver.set(0x38, 3)  # not while the queue is ready
    driver.set(0x44, 1)
    driver.notify()
    assert driver.device.requests == 1
    assert driver.get(0x70, 2) == driver.get(0x60, 1) == 0


# Requests


def test_requests_of_every_type() -> None:
    driver = Driver(numbered())
    assert driver.request(IN, 3, room=1024) == (0, b"\x04" * 512 + b"\x05" * 512)
    assert driver.done() == [(0, 1025)]
    assert driver.request(OUT, 1, b"a" * 1024)[0] == 0
    assert driver.done()[-1] == (0, 1)
    assert driver.disk.read(512, 1024) == b"a" * 1024
    assert driver.request(FLUSH, 0)[0] == 0
    assert driver.request(GET_ID, 0, room=20) == (0, b"vcloud_lab disk\0\0\0\0\0")
    assert driver.request(11, 0, bytes(16))[0] == 2  # DISCARD
    assert driver.request(IN, 0)[0] == 0  # no sectors at all
    assert driver.device.requests == driver.device.notifications == 6


@pytest.mark.parametrize(
    ("kind", "sector", "length"),
    [(IN, 16, 512), (IN, 15, 1024), (IN, 2**64 - 1, 512), (IN, 0, 100),
     (OUT, 16, 512), (OUT, 15, 1024), (OUT, 2**64 - 1, 512), (OUT, 0, 513)],
)  # fmt: skip
def test_what_is_not_on_the_disk(kind: int, sector: int, length: int) -> None:
    driver = Driver(numbered())
    before = contents(driver.disk)
    if kind == IN:
        driver.bus.load_image(b"?" * length, DATA)
        status, found = driver.request(IN, sector, room=length)
        assert found == b"?" * length
    else:
        status, _ = driver.request(OUT, sector, b"x" * length)
    assert status == 1
    assert driver.done() == [(0, 0 if kind == IN else 1)]
    assert contents(driver.disk) == before
    assert driver.request(IN, 15, room=512) == (0, b"\x10" * 512)


def test_a_request_can_be_cut_into_any_buffers_up_to_a_megabyte() -> None:
    driver = Driver(VirtualDisk(4 << 20), size=64)
    header = driver.header(IN, 7)[0]
    pieces = [(header, 7, 0), (header + 7, 9, 0), (DATA, 0, 2), (DATA, 500, 2), (DATA + 500, 13, 2)]
    driver.disk.write(7 * 512, b"z" * 512)
    driver.put(pieces)
    driver.notify()
    assert driver.ram(DATA, 513) == b"z" * 512 + b"\0"
    half = [(DATA, 1 << 15, 2)] * 32
    driver.put([driver.header(IN, 0), *half, (STATUS, 1, 2)])
    driver.notify()
    assert driver.done()[-1] == (0, (1 << 20) + 1)
    driver.put([driver.header(IN, 0), *half, (DATA, 512, 2), (STATUS, 1, 2)])
    driver.notify()
    assert driver.done()[-1] == (0, 0)
    assert driver.bus.read(STATUS, 1) == 1
    driver.put([driver.header(OUT, 0), *[(DATA, 1 << 15, 0)] * 33, (STATUS, 1, 2)])
    driver.notify()
    assert driver.bus.read(STATUS, 1) == 1


def test_one_notification_for_many_requests_in_their_order() -> None:
    driver = Driver(numbered())
    other = HEADER + 64
    driver.bus.load_image(b"new!" * 128, DATA + 512)
    driver.put(
        [driver.header(OUT, 4), (DATA + 512, 512, 0), (STATUS, 1, 2)],
        [driver.header(IN, 4, other), (DATA, 512, 2), (STATUS + 1, 1, 2)],
    )
    driver.notify()
    assert driver.ram(DATA, 512) == b"new!" * 128
    assert driver.done() == [(0, 1), (3, 513)]
    assert (driver.device.requests, driver.device.notifications) == (2, 1)


def test_the_rings_go_round() -> None:
    driver = Driver(numbered())
    for sector in (*range(SECTORS), *range(SECTORS)):  # twice round the queue of 8, and more
        assert driver.request(IN, sector, room=512) == (0, bytes([sector + 1]) * 512)
    assert driver.device.queue
    driver.made = driver.device.queue.taken = driver.device.queue.returned = 65534
    for sector in range(4):  # and once round the index of 16 bits
        assert driver.request(IN, sector, room=512) == (0, bytes([sector + 1]) * 512)
    assert driver.bus.read(USED + 2, 2) == 2


def test_the_interrupt_line_is_held_until_it_is_acknowledged() -> None:
    driver = Driver(numbered())
    hart = driver.board.hart
    driver.request(FLUSH, 0)
    assert driver.get(0x60) == 1
    assert hart.lines == 1 << 11
    driver.set(0x64, 2)
    assert hart.lines == 1 << 11
    driver.set(0x64, 1)
    assert driver.get(0x60) == hart.lines == 0
    driver.bus.write(AVAILABLE, 2, 1)  # the driver wants no interrupts
    driver.request(FLUSH, 0)
    assert hart.lines == 0
    driver.bus.write(AVAILABLE, 2, 0)
    driver.notify()  # nothing is there
    assert hart.lines == 0
    driver.request(FLUSH, 0)
    driver.set(0x70, 0)
    assert driver.get(0x60) == hart.lines == 0


sizes = st.integers(0, 3)
requests = st.lists(
    st.tuples(st.sampled_from([IN, OUT, FLUSH, 99]), st.integers(0, SECTORS), sizes,
              st.binary(min_size=1, max_size=8)),
    max_size=20,
)  # fmt: skip


@given(requests)
def test_random_requests_do_what_they_do_to_an_array(
    wanted: list[tuple[int, int, int, bytes]],
) -> None:
    driver = Driver(numbered())
    model = bytearray(contents(driver.disk))
    for kind, sector, count, pattern in wanted:
        start, end = sector * 512, (sector + count) * 512
        data = (pattern * 2000)[: count * 512] if kind == OUT else b""
        status, found = driver.request(kind, sector, data, count * 512 if kind == IN else 0)
        if kind == 99:
            assert status == 2
        elif kind == FLUSH or end <= len(model):
            assert status == 0
            if kind == OUT:
                model[start:end] = data
            if kind == IN:
                assert found == model[start:end]
        else:
            assert status == 1
        assert contents(driver.disk) == model


# Drivers that break the rules


def poke(at: int, layout: str, *values: int) -> Callable[[Driver], None]:
    return lambda driver: driver.bus.load_image(struct.pack(layout, *values), at)


def also(*parts: Callable[[Driver], None]) -> Callable[[Driver], None]:
    return lambda driver: [part(driver) for part in parts] and None


NEXT_OF = [TABLE + 16 * at + 14 for at in range(3)]
FLAGS_OF = [TABLE + 16 * at + 12 for at in range(3)]
LENGTH_OF = [TABLE + 16 * at + 8 for at in range(3)]
FAULTS = {
    "a loop": poke(FLAGS_OF[2], "<HH", 3, 1),
    "a loop of one": poke(FLAGS_OF[0], "<HH", 1, 0),
    "a descriptor that is not there": also(
        poke(NEXT_OF[0], "<H", 8), poke(TABLE + 16 * 8, "<QIHH", STATUS, 1, 2, 0)
    ),
    "a head that is not there": poke(AVAILABLE + 4, "<H", 8),
    "more chains than descriptors": poke(AVAILABLE + 2, "<H", 9),
    "an index that goes back": poke(AVAILABLE + 2, "<H", 0xFFFF),
    "data below RAM": poke(TABLE + 16, "<Q", RAM - 1),
    "data above RAM": poke(TABLE + 16, "<Q", RAM + (1 << 20) - 511),
    "data at 2**64": poke(TABLE + 16, "<Q", 2**64 - 256),
    "data in a device": poke(TABLE + 16, "<Q", 0x10000000),
    "too much data": poke(LENGTH_OF[1], "<I", 0xFFFFFFFF),
    "a status outside RAM": poke(TABLE + 32, "<Q", 0),
    "a header outside RAM": poke(TABLE, "<Q", 0),
    "a status to be read": poke(FLAGS_OF[2], "<H", 0),
    "readable between writable": also(
        poke(HEADER, "<I", FLUSH),
        poke(TABLE + 16 * 2, "<QIHHQIHH", DATA, 16, 1, 3, STATUS, 1, 2, 0),
    ),
    "a header to be written": poke(FLAGS_OF[0], "<H", 3),
    "an indirect table": poke(FLAGS_OF[0], "<H", 5),
    "a short header": poke(LENGTH_OF[0], "<I", 15),
    "data to be read for IN": poke(FLAGS_OF[1], "<H", 1),
    "data to be written for OUT": poke(HEADER, "<I", OUT),
    "no room for the status": poke(FLAGS_OF[0], "<H", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_driver_that_breaks_a_rule_must_reset_the_device(fault: str) -> None:
    driver = Driver(numbered())
    driver.bus.load_image(b"?" * 512, DATA)
    driver.put([driver.header(IN, 3), (DATA, 512, 2), (STATUS, 1, 2)])
    FAULTS[fault](driver)
    disk, ram = contents(driver.disk), bytes(driver.bus.ram)
    driver.notify()
    assert driver.get(0x70) == 15 | NEEDS_RESET
    assert driver.get(0x60) == 2  # the configuration has changed
    assert driver.board.hart.lines == 1 << 11
    assert (contents(driver.disk), bytes(driver.bus.ram)) == (disk, ram)
    driver.set(0x70, 15)  # the bit is not the driver's
    driver.put([driver.header(IN, 3), (DATA, 512, 2), (STATUS, 1, 2)])
    driver.notify()
    assert driver.device.requests == 0
    driver.set_up()
    assert driver.request(IN, 3, room=512) == (0, b"\x04" * 512)


def test_what_was_good_before_the_fault_is_done_and_told() -> None:
    driver = Driver(numbered())
    driver.put(
        [driver.header(IN, 3), (DATA, 512, 2), (STATUS, 1, 2)],
        [driver.header(IN, 4, HEADER + 64), (0, 512, 2), (STATUS + 1, 1, 2)],
    )
    driver.notify()
    assert driver.done() == [(0, 513)]
    assert driver.get(0x60) == 3


words = st.sampled_from([0, 1, 2, 3, 4, 8, 16, 0xFFFF, DATA, STATUS, RAM, RAM + (1 << 20), 1 << 31])
places = st.one_of(
    st.integers(TABLE, TABLE + 63), st.integers(AVAILABLE, AVAILABLE + 7),
    st.integers(HEADER, HEADER + 15),
)  # fmt: skip
damage = st.lists(st.tuples(places, st.one_of(words, st.integers(0, 0xFFFFFFFF)),
                            st.sampled_from([1, 2, 4])), min_size=1, max_size=4)  # fmt: skip


@settings(max_examples=400)
@given(st.booleans(), damage)
def test_no_damage_to_the_rings_gets_out_of_the_device(
    write: bool, wounds: list[tuple[int, int, int]]
) -> None:
    driver = Driver(numbered())
    driver.put([driver.header(OUT if write else IN, 3), (DATA, 512, 0 if write else 2),
                (STATUS, 1, 2)])  # fmt: skip
    for at, value, size in wounds:
        driver.bus.write(at, size, value)
    disk, ram = contents(driver.disk), bytes(driver.bus.ram)
    driver.notify()
    if driver.device.requests == 0:
        assert (contents(driver.disk), bytes(driver.bus.ram)) == (disk, ram)
    changed = sum(a != b for a, b in zip(disk, contents(driver.disk), strict=True))
    assert changed == 0 or driver.bus.ram != ram  # a write was reported
    driver.set_up()
    assert driver.request(IN, 15, room=512)[0] == 0


@given(st.lists(st.tuples(st.sampled_from(range(0, 0x200, 4)), words), max_size=40))
def test_no_use_of_the_registers_raises(uses: list[tuple[int, int]]) -> None:
    driver = Driver(numbered())
    before = contents(driver.disk)
    for register, value in uses:
        driver.set(register, value)
        driver.get(register)
    assert contents(driver.disk) == before
    driver.set_up()
    assert driver.request(IN, 15, room=512)[0] == 0


# The hart


@ENGINES
def test_code_that_the_device_writes_is_what_runs(engine: type[Hart]) -> None:
    disk = VirtualDisk(1 << 20)
    disk.write(0, struct.pack("<II", encode("addi", 5, 5, imm=16), encode("jalr", 0, 1)))
    driver = Driver(disk, engine=engine)
    hart = driver.board.hart
    driver.board.load(
        assemble("loop: call work\n j loop\n .org 0x200\n work: addi t0, t0, 1\n ret")
    )
    hart.run(5 * 1000)
    assert hart.x[5] == 1000
    driver.put([driver.header(IN, 0), (RAM + 0x200, 512, 2), (STATUS, 1, 2)])
    driver.notify()
    assert driver.bus.read(STATUS, 1) == 0
    hart.run(5 * 1000)
    assert hart.x[5] == 1000 + 16 * 1000


def test_what_the_device_writes_ends_a_reservation() -> None:
    driver = Driver(numbered())
    hart = driver.board.hart
    hart.load_reserved(DATA, 0)
    driver.request(IN, 0, room=512)
    assert hart.store_reserved(DATA, 7) == 1


@ENGINES
def test_the_interrupt_can_trap(engine: type[Hart]) -> None:
    driver = Driver(numbered(), engine=engine)
    hart = driver.board.hart
    program = "la t0, trap\n csrw mtvec, t0\n li t0, 0x800\n csrw mie, t0\n csrsi mstatus, 8\n"
    driver.board.load(assemble(program + "loop: j loop\n trap: j trap"))
    hart.run(100)
    assert hart.traps == {}
    driver.request(FLUSH, 0)
    hart.run(100)
    assert hart.traps == {0x8000000B: 1}


def guest(name: str, sectors: int, text: bytes, engine: type[Hart]) -> Board:
    source = (files("vcloud_lab.vm") / "guests" / f"{name}.s").read_text()
    assert "SECTORS, 1\n" in source
    disk = VirtualDisk(1 << 20)
    disk.write(0, text)
    board = Board(1 << 20, engine, disk)
    board.load(assemble(source.replace("SECTORS, 1", f"SECTORS, {sectors}")))
    board.start()
    assert board.run(200_000) == "off"
    return board


@ENGINES
@pytest.mark.parametrize("sectors", [1, 8])
def test_a_guest_reads_its_disk_in_both_ways(engine: type[Hart], sectors: int) -> None:
    text = (b"Many are the words. " * 300)[: 512 * sectors - 1]
    port = guest("read_port", sectors, text, engine)
    virtio = guest("read_virtio", sectors, text, engine)
    assert bytes(port.console.output) == bytes(virtio.console.output) == text
    assert port.port
    assert virtio.virtio
    assert port.port.accesses == 131 * sectors
    assert port.port.requests == sectors
    assert virtio.virtio.accesses == 16
    assert (virtio.virtio.notifications, virtio.virtio.requests) == (1, 1)
    assert not virtio.virtio.interrupts


@ENGINES
@pytest.mark.parametrize("name", ["read_port", "read_virtio"])
def test_a_guest_is_told_that_the_disk_is_too_short(engine: type[Hart], name: str) -> None:
    source = (files("vcloud_lab.vm") / "guests" / f"{name}.s").read_text()
    board = Board(1 << 20, engine, VirtualDisk(512))
    board.load(assemble(source.replace("SECTORS, 1", "SECTORS, 2")))
    board.start()
    assert board.run(200_000) == "off"
    assert not board.console.output


# Programmed I/O


class PortDriver:
    def __init__(self, disk: VirtualDisk) -> None:
        self.board = Board(1 << 20, Hart, disk)
        self.disk = disk

    def get(self, register: int, size: int = 4) -> int:
        return self.board.bus.read(PORT + register, size)

    def set(self, register: int, value: int, size: int = 4) -> None:
        self.board.bus.write(PORT + register, size, value)

    def begin(self, command: int, sector: int) -> int:
        self.set(Port.NUMBER, sector)
        self.set(Port.COMMAND, command)
        return self.get(Port.STATUS)

    def read(self, sector: int) -> bytes | None:
        if self.begin(Port.READ, sector) & Port.ERROR:
            return None
        return b"".join(self.get(Port.DATA).to_bytes(4, "little") for _ in range(128))

    def write(self, sector: int, data: bytes) -> bool:
        if self.begin(Port.WRITE, sector) & Port.ERROR:
            return False
        for word in struct.unpack("<128I", data):
            self.set(Port.DATA, word)
        return not self.get(Port.STATUS) & Port.ERROR


uses_of_the_port = st.tuples(
    st.booleans(), st.integers(0, SECTORS), st.binary(min_size=1, max_size=9)
)


@given(st.lists(uses_of_the_port, max_size=6))
def test_the_port_does_what_an_array_does(uses: list[tuple[bool, int, bytes]]) -> None:
    driver = PortDriver(numbered())
    model = bytearray(contents(driver.disk))
    for write, sector, pattern in uses:
        place = slice(sector * 512, sector * 512 + 512)
        if write:
            data = (pattern * 512)[:512]
            assert driver.write(sector, data) == (sector < SECTORS)
            if sector < SECTORS:
                model[place] = data
        else:
            assert driver.read(sector) == (bytes(model[place]) if sector < SECTORS else None)
        assert contents(driver.disk) == model
        assert driver.get(Port.STATUS) & (Port.READY | Port.DATA_REQUEST) == Port.READY


def test_the_port_moves_words_only_when_it_was_told_to() -> None:
    driver = PortDriver(numbered())
    before = contents(driver.disk)
    assert driver.get(Port.SECTORS) == SECTORS
    assert driver.get(Port.DATA) == driver.get(Port.STATUS, 1) == 0
    assert driver.begin(0x99, 0) == Port.READY | Port.ERROR
    assert driver.begin(Port.WRITE, 2) == Port.READY | Port.DATA_REQUEST
    assert driver.get(Port.DATA) == 0  # the other direction
    for _ in range(127):
        driver.set(Port.DATA, 0)
    driver.set(Port.DATA, 0, size=2)  # half a word
    assert driver.read(2) == b"\x03" * 512  # gives the write up
    driver.set(Port.DATA, 0)
    assert contents(driver.disk) == before
    assert driver.get(Port.NUMBER) == 2
    driver.disk.overlay()
    assert not driver.write(0, bytes(512))
    assert contents(driver.disk) == before
