"""The copy-on-write disk against plain bytes, and every rule that it refuses to break."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vcloud_lab.errors import DiskError
from vcloud_lab.vm.disk import Extent, Usage, VirtualDisk

SIZE = 5 * 512
DATA = st.binary(min_size=0, max_size=3 * 512)


class Model:
    """A disk as nothing but bytes: every snapshot is a full copy."""

    def __init__(self, contents: bytes) -> None:
        self.contents = bytearray(contents)
        self.snapshots: dict[str, bytes] = {}


class Chain(RuleBasedStateMachine):
    """Random writes, snapshots, restores, overlays and commits, each also done on plain bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.disks = [VirtualDisk(SIZE, block_size=512)]
        self.models = [Model(bytes(SIZE))]

    @property
    def disk(self) -> VirtualDisk:
        return self.disks[-1]

    @property
    def model(self) -> Model:
        return self.models[-1]

    @rule(offset=st.integers(0, SIZE), data=DATA)
    def write(self, offset: int, data: bytes) -> None:
        if offset + len(data) > len(self.model.contents):
            with pytest.raises(DiskError):
                self.disk.write(offset, data)
        else:
            self.disk.write(offset, data)
            self.model.contents[offset : offset + len(data)] = data

    @rule(first=st.integers(0, SIZE), second=st.integers(0, SIZE))
    def zero(self, first: int, second: int) -> None:
        begin, end = sorted((first, second))
        self.disk.zero(begin, end - begin)
        self.model.contents[begin:end] = bytes(end - begin)

    @rule(name=st.sampled_from("abc"))
    def snapshot(self, name: str) -> None:
        if name in self.model.snapshots:
            with pytest.raises(DiskError):
                self.disk.snapshot(name)
        else:
            self.disk.snapshot(name)
            self.model.snapshots[name] = bytes(self.model.contents)

    @rule(name=st.sampled_from("abc"))
    def restore(self, name: str) -> None:
        if name in self.model.snapshots:
            self.disk.restore(name)
            self.model.contents[:] = self.model.snapshots[name]
        else:
            with pytest.raises(DiskError):
                self.disk.restore(name)

    @rule(name=st.sampled_from("abc"))
    def delete(self, name: str) -> None:
        if self.model.snapshots.pop(name, None) is None:
            with pytest.raises(DiskError):
                self.disk.delete_snapshot(name)
        else:
            self.disk.delete_snapshot(name)

    @precondition(lambda self: len(self.disks) < 4)
    @rule(block_size=st.sampled_from([512, 1024, 2048]), more=st.sampled_from([0, 0, -512, 1024]))
    def overlay(self, block_size: int, more: int) -> None:
        size = max(SIZE, self.disk.size + more)
        if size == self.disk.size:
            self.disks.append(self.disk.overlay(block_size))
        else:
            self.disks.append(VirtualDisk(size, backing=self.disk, block_size=block_size))
        contents = bytes(self.model.contents)[:size]
        self.models.append(Model(contents + bytes(size - len(contents))))

    @precondition(lambda self: len(self.disks) > 1)
    @rule()
    def commit(self) -> None:
        below, contents = self.models[-2], self.model.contents
        if self.model.snapshots or len(contents) > len(below.contents):
            with pytest.raises(DiskError):
                self.disk.commit()
        else:
            self.disk.commit()
            below.contents[: len(contents)] = contents

    @invariant()
    def same_contents(self) -> None:
        for disk, model in zip(self.disks, self.models, strict=True):
            assert disk.read(0, disk.size) == model.contents
            assert disk.snapshots == tuple(model.snapshots)
            assert disk.writable == (disk is self.disk)

    @invariant()
    def the_map_covers_the_disk_and_names_the_source(self) -> None:
        at = 0
        for extent in self.disk.map():
            assert extent.offset == at
            assert extent.length > 0
            at += extent.length
            contents = self.disk.read(extent.offset, extent.length)
            if extent.zero:
                assert not any(contents)
            else:
                source = self.disks[-1 - extent.depth]
                assert source.read(extent.offset, extent.length) == contents
        assert at == self.disk.size

    @invariant()
    def usage_counts_what_is_there(self) -> None:
        usage = self.disk.usage
        assert 0 <= usage.shared <= usage.own <= -(-self.disk.size // self.disk.block_size)
        if not self.model.snapshots:
            assert (usage.shared, usage.kept) == (0, 0)


TestChain = Chain.TestCase
TestChain.settings = settings(stateful_step_count=30)


def test_a_new_disk_is_zeros() -> None:
    disk = VirtualDisk(10_240, block_size=4096)
    assert disk.read(0, 10_240) == bytes(10_240)
    assert (disk.size, disk.sectors, disk.depth, disk.backing) == (10_240, 20, 1, None)
    assert disk.map() == (Extent(0, 10_240, None, True),)
    assert disk.usage == Usage(0, 0, 0, 0)
    assert repr(disk) == "VirtualDisk(size=10240, block_size=4096, own=0 blocks, depth=1)"


def test_only_what_is_written_takes_room() -> None:
    disk = VirtualDisk(2**62)
    disk.write(2**61, b"far out")
    assert disk.read(2**61 - 1, 9) == b"\0far out\0"
    assert disk.usage.own == 1
    assert disk.map()[1] == Extent(2**61, 4096, 0, False)
    assert disk.same_as(disk.overlay())


def test_a_snapshot_shares_blocks_until_one_is_written() -> None:
    disk = VirtualDisk(8 * 4096)
    disk.write(0, b"x" * 4 * 4096)
    disk.snapshot("clean")
    assert disk.usage == Usage(own=4, shared=4, kept=0, copied=0)
    disk.write(10, b"part of a block: the rest must be copied")
    assert disk.usage == Usage(own=4, shared=3, kept=1, copied=1)
    disk.write(20, b"the copy is the disk's own now")
    disk.write(4096, b"y" * 4096)  # a whole block: nothing to copy
    disk.write(5 * 4096, b"new")  # nothing was there
    assert disk.usage == Usage(own=5, shared=2, kept=2, copied=1)
    disk.restore("clean")
    assert disk.usage == Usage(own=4, shared=4, kept=0, copied=1)
    assert disk.read(0, 8 * 4096) == b"x" * 4 * 4096 + bytes(4 * 4096)
    disk.delete_snapshot("clean")
    assert disk.usage == Usage(own=4, shared=0, kept=0, copied=1)


def test_the_same_bytes_written_again_are_no_shared_block() -> None:
    disk, block = VirtualDisk(4096), b"z" * 4096
    disk.write(0, block)
    disk.snapshot("a")
    disk.write(0, block)
    assert disk.usage == Usage(own=1, shared=0, kept=1, copied=0)


def test_a_chain_of_disks_and_its_map() -> None:
    base = VirtualDisk(4 * 4096)
    base.write(0, b"b" * 3 * 4096)
    middle = base.overlay()
    middle.write(4096, b"m" * 4096)
    middle.zero(2 * 4096, 4096)
    top = VirtualDisk(6 * 4096, backing=middle)
    top.write(4096 - 1, b"t")
    assert top.usage == Usage(own=1, shared=0, kept=0, copied=1)
    assert top.map() == (
        Extent(0, 4096, 0, False),
        Extent(4096, 4096, 1, False),
        Extent(2 * 4096, 4096, 1, True),
        Extent(3 * 4096, 3 * 4096, None, True),
    )
    assert (top.depth, top.backing, middle.backing) == (3, middle, base)
    contents = b"b" * 4095 + b"t" + b"m" * 4096 + bytes(4 * 4096)
    assert top.read(0, top.size) == contents
    assert base.read(0, base.size) == b"b" * 3 * 4096 + bytes(4096)


def test_a_block_that_lies_on_data_only_in_part_is_copied() -> None:
    base = VirtualDisk(4096, block_size=512)
    base.write(1024, b"b" * 512)
    top = base.overlay(4096)
    top.write(0, b"t")
    assert top.usage == Usage(own=1, shared=0, kept=0, copied=1)
    assert top.read(0, 4096) == b"t" + bytes(1023) + b"b" * 512 + bytes(2560)


def test_a_commit_moves_the_blocks_down() -> None:
    base = VirtualDisk(4 * 4096)
    base.write(0, b"b" * 4 * 4096)
    top = base.overlay()
    top.write(100, b"t")
    top.zero(4096, 4096)
    before = top.read(0, top.size)
    top.commit()
    assert top.usage.own == 0
    assert top.read(0, top.size) == base.read(0, base.size) == before
    assert base.map() == (
        Extent(0, 4096, 0, False),
        Extent(4096, 4096, 0, True),
        Extent(2 * 4096, 2 * 4096, 0, False),
    )
    assert not base.writable


def test_bytes_given_are_copied() -> None:
    disk, data = VirtualDisk(4096), bytearray(b"a" * 4096)
    disk.write(0, data)
    data[:] = b"b" * 4096
    assert disk.read(0, 4096) == b"a" * 4096
    disk.write(0, memoryview(data)[::2])
    assert disk.read(2047, 2) == b"ba"


@given(data=st.binary(min_size=1, max_size=4096), at=st.integers(0))
def test_same_as_sees_one_byte(data: bytes, at: int) -> None:
    at %= len(data)
    one, two = VirtualDisk(8192, block_size=512), VirtualDisk(8192, block_size=2048)
    one.write(1000, data)
    two.write(1000, data)
    assert one.same_as(two)
    two.write(1000 + at, bytes([data[at] ^ 1]))
    assert not one.same_as(two)
    assert not two.same_as(one)
    assert not one.same_as(VirtualDisk(4096))


def frozen() -> VirtualDisk:
    disk = VirtualDisk(4096)
    disk.snapshot("s")
    disk.overlay()
    return disk


def two_overlays() -> VirtualDisk:
    disk = VirtualDisk(4096)
    disk.overlay()
    return disk.overlay()


def overlay_with_snapshot() -> VirtualDisk:
    disk = VirtualDisk(4096).overlay()
    disk.snapshot("s")
    return disk


def deep() -> VirtualDisk:
    disk = VirtualDisk(4096)
    for _ in range(64):
        disk = disk.overlay()
    return disk


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: VirtualDisk(0), "a size of 0 bytes: a positive multiple of 512"),
    (lambda: VirtualDisk(-512), "a size of -512 bytes"),
    (lambda: VirtualDisk(1000), "a size of 1000 bytes"),
    (lambda: VirtualDisk(2**63), "below 2\\*\\*63"),
    (lambda: VirtualDisk(True), "a size of True bytes"),
    (lambda: VirtualDisk(4096.0), "a size of 4096.0 bytes"),  # type: ignore[arg-type]
    (lambda: VirtualDisk(4096, block_size=256), "blocks have 256 bytes: a power of two"),
    (lambda: VirtualDisk(4096, block_size=1000), "blocks have 1000 bytes"),
    (lambda: VirtualDisk(4096, block_size=2**22), "from 512 to 2097152"),
    (lambda: VirtualDisk(4096).overlay(0), "blocks have 0 bytes"),
    (lambda: VirtualDisk(4096, backing="x"), "The backing disk is 'x'"),  # type: ignore[arg-type]
    (deep, "a chain of 64 disks: 64 is the most"),
    (lambda: VirtualDisk(4096).read(-1, 1), "The offset is -1"),
    (lambda: VirtualDisk(4096).read(0, -1), "The length is -1"),
    (lambda: VirtualDisk(4096).read(0, 1.0), "The length is 1.0"),  # type: ignore[arg-type]
    (lambda: VirtualDisk(4096).read(4096, 1), "Bytes 4096 to 4097 .* the disk ends at 4096"),
    (lambda: VirtualDisk(2**40).read(0, 2**31), "2147483648 bytes are asked for at once"),
    (lambda: VirtualDisk(2**40).zero(0, 2**31), "1073741824 is the most"),
    (lambda: VirtualDisk(4096).write(4090, b"seven.."), "Bytes 4090 to 4097"),
    (lambda: VirtualDisk(4096).write(0, "x"), "of the type str"),  # type: ignore[arg-type]
    (lambda: frozen().write(0, b"x"), "backs other disks .1 so far."),
    (lambda: frozen().zero(0, 1), "write to the overlay"),
    (lambda: frozen().restore("s"), "never written"),
    (lambda: VirtualDisk(4096).snapshot(""), "The snapshot is named ''"),
    (lambda: VirtualDisk(4096).snapshot(1), "The snapshot is named 1"),  # type: ignore[arg-type]
    (lambda: frozen().snapshot("s"), "named 's': .*it has 's'"),
    (lambda: VirtualDisk(4096).restore("s"), "no snapshot 's' .it has none."),
    (lambda: frozen().delete_snapshot("t"), "no snapshot 't' .it has 's'."),
    (lambda: VirtualDisk(4096).restore([]), "no snapshot \\[\\]"),  # type: ignore[arg-type]
    (lambda: VirtualDisk(4096).commit(), "no backing disk to commit to"),
    (lambda: VirtualDisk(8192, backing=VirtualDisk(4096)).commit(), "has 4096 bytes and this one"),
    (lambda: two_overlays().commit(), "has been given 2 overlays"),
    (lambda: overlay_with_snapshot().commit(), "has snapshots .it has 's'."),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_refused_in_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(DiskError, match=sentence) as caught:
        call()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_refused_step_changes_nothing() -> None:
    disk = VirtualDisk(4096, block_size=512)
    disk.write(0, b"a" * 4096)
    disk.snapshot("s")
    before = disk.read(0, 4096), disk.usage
    for offset, data in ((3000, b"b" * 2000), (-1, b"b"), (4096, b"b")):
        with pytest.raises(DiskError):
            disk.write(offset, data)
    with pytest.raises(DiskError):
        VirtualDisk(100, backing=disk)
    assert disk.writable
    assert (disk.read(0, 4096), disk.usage) == before


def test_blocks_are_shown_and_shared_ones_are_the_same_object() -> None:
    disk = VirtualDisk(4 * 512, block_size=512)
    disk.write(0, b"a" * 512)
    disk.zero(512, 512)
    disk.snapshot("before")
    disk.write(1024, b"b" * 512)
    assert dict(disk.blocks()) == {0: b"a" * 512, 1: None, 2: b"b" * 512}
    assert dict(disk.blocks("before")) == {0: b"a" * 512, 1: None}
    assert disk.blocks()[0] is disk.blocks("before")[0]
    with pytest.raises(TypeError):
        disk.blocks()[0] = b""  # type: ignore[index]
    with pytest.raises(DiskError, match="no snapshot 'later'"):
        disk.blocks("later")
