"""Images of qcow2: read as QEMU reads them, written so that QEMU finds no fault in them."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcloud_lab.errors import DiskError
from vcloud_lab.vm import qcow2
from vcloud_lab.vm.disk import Extent, VirtualDisk
from vcloud_lab.vm.qcow2 import inspect_qcow2, read_qcow2, write_qcow2

needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-img") and shutil.which("qemu-io")),
    reason="qemu-img and qemu-io are not on PATH: install Debian's package qemu-utils",
)
CLUSTERS = [512, 4096, 65536, 2**21]
MIB = 2**20


def qemu_img(*words: object) -> str:
    done = subprocess.run(["qemu-img", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def qemu_io(image: Path, *commands: str) -> None:
    words = [word for command in commands for word in ("-c", command)]
    subprocess.run(["qemu-io", *words, str(image)], check=True, stdout=subprocess.DEVNULL)


def create(image: Path, size: int, *words: object, **options: object) -> Path:
    options_text = ",".join(f"{name}={value}" for name, value in options.items())
    qemu_img(
        "create", "-q", "-f", "qcow2", *(["-o", options_text] * bool(options)), *words, image, size
    )
    return image


def contents(disk: VirtualDisk) -> bytes:
    return disk.read(0, disk.size)


def raw(image: Path, *words: object) -> bytes:
    """The contents of an image as QEMU reads them."""
    plain = image.with_suffix(".raw")
    qemu_img("convert", *words, "-O", "raw", image, plain)
    return plain.read_bytes()


def qemu_map(image: Path) -> list[Extent]:
    """QEMU's map, in the words of ours: what is not present has no depth."""
    found: list[Extent] = []
    for part in json.loads(qemu_img("map", "--output=json", image)):
        depth = part["depth"] if part["present"] else None
        extent = Extent(part["start"], part["length"], depth, part["zero"])
        assert part["data"] != part["zero"]
        if found and found[-1][2:] == extent[2:]:
            last = found.pop()
            extent = extent._replace(offset=last.offset, length=last.length + extent.length)
        found.append(extent)
    return found


def agree(image: Path) -> VirtualDisk:
    """Our reading of an image has the contents and the map of QEMU's."""
    disk = read_qcow2(image)
    assert contents(disk) == raw(image)
    assert list(disk.map()) == qemu_map(image)
    return disk


def filled(image: Path, *, seed: int, size: int) -> None:
    """Writes of data and of zeros all over an image, by QEMU."""
    rng = random.Random(seed)
    commands = []
    for _ in range(12):
        offset = rng.randrange(size // 512) * 512
        length = min(rng.choice([512, 3000, 70_000, 300_000]) // 512 * 512, size - offset)
        zeros = rng.random() < 0.3
        commands.append(f"write {'-z' if zeros else f'-P {rng.randint(1, 255)}'} {offset} {length}")
    qemu_io(image, *commands)


@needs_qemu
class TestImagesOfQemu:
    @pytest.mark.parametrize("cluster", CLUSTERS)
    @pytest.mark.parametrize("compat", ["0.10", "1.1"])
    def test_created_and_written(self, tmp_path: Path, cluster: int, compat: str) -> None:
        size = 3 * MIB + 512 * 3
        image = create(tmp_path / "a.qcow2", size, cluster_size=cluster, compat=compat)
        assert contents(agree(image)) == bytes(size)
        filled(image, seed=cluster, size=size)
        disk = agree(image)
        assert (disk.size, disk.block_size) == (size, cluster)
        assert inspect_qcow2(image).version == (2 if compat == "0.10" else 3)

    @pytest.mark.parametrize("cluster", CLUSTERS)
    @pytest.mark.parametrize("compat", ["0.10", "1.1"])
    def test_compressed(self, tmp_path: Path, cluster: int, compat: str) -> None:
        plain, image = tmp_path / "a", tmp_path / "a.qcow2"
        rng = random.Random(1)
        data = rng.randbytes(400_000) + rng.randbytes(1500) * 1000 + bytes(MIB) + rng.randbytes(MIB)
        plain.write_bytes(data + bytes(-len(data) % 512))
        options = f"cluster_size={cluster},compat={compat}"
        qemu_img("convert", "-c", "-O", "qcow2", "-o", options, "-f", "raw", plain, image)
        assert contents(agree(image)) == plain.read_bytes()

    @pytest.mark.parametrize("preallocation", ["metadata", "falloc", "full"])
    def test_preallocated(self, tmp_path: Path, preallocation: str) -> None:
        image = create(tmp_path / "a.qcow2", MIB + 512, preallocation=preallocation)
        assert contents(read_qcow2(image)) == raw(image)

    @pytest.mark.parametrize("bits", [1, 8, 64])
    def test_other_refcounts(self, tmp_path: Path, bits: int) -> None:
        image = create(tmp_path / "a.qcow2", MIB, refcount_bits=bits, lazy_refcounts="on")
        filled(image, seed=bits, size=MIB)
        agree(image)

    @pytest.mark.parametrize("cluster", CLUSTERS)
    def test_a_chain_of_backing_files(self, tmp_path: Path, cluster: int) -> None:
        base = create(tmp_path / "base.qcow2", MIB, cluster_size=65536)
        filled(base, seed=1, size=MIB)
        middle = create(
            tmp_path / "middle.qcow2", 2 * MIB, "-F", "qcow2", "-b", "base.qcow2", cluster_size=512
        )
        filled(middle, seed=2, size=2 * MIB)
        folder = tmp_path / "folder"
        folder.mkdir()
        top = create(
            folder / "top.qcow2", MIB, "-F", "qcow2", "-b", "../middle.qcow2", cluster_size=cluster
        )
        filled(top, seed=3, size=MIB)
        disk = read_qcow2(top)
        assert contents(disk) == raw(top)
        assert disk.depth == 3
        assert inspect_qcow2(top).backing == "../middle.qcow2"
        agree(middle)

    def test_a_raw_backing_file(self, tmp_path: Path) -> None:
        data = random.Random(3).randbytes(100_000) + bytes(200_000) + b"end"
        (tmp_path / "base.img").write_bytes(data)
        top = create(tmp_path / "top.qcow2", MIB, "-F", "raw", "-b", "base.img")
        filled(top, seed=4, size=MIB)
        assert contents(read_qcow2(top)) == raw(top)
        assert inspect_qcow2(top).backing_format == "raw"

    def test_internal_snapshots_are_listed(self, tmp_path: Path) -> None:
        image = create(tmp_path / "a.qcow2", MIB)
        filled(image, seed=5, size=MIB)
        for name in ("clean", "käse 中文"):
            qemu_img("snapshot", "-c", name, image)
            filled(image, seed=6, size=MIB)
        listed = [(snapshot.name, snapshot.size) for snapshot in inspect_qcow2(image).snapshots]
        assert listed == [("clean", MIB), ("käse 中文", MIB)]
        qemu_img("resize", "-q", image, 2 * MIB)
        assert [snapshot.size for snapshot in inspect_qcow2(image).snapshots] == [MIB, MIB]
        assert [snapshot.id for snapshot in inspect_qcow2(image).snapshots] == ["1", "2"]
        agree(image)

    def test_a_huge_disk_takes_no_memory(self, tmp_path: Path) -> None:
        image = create(tmp_path / "a.qcow2", 2**50, cluster_size=2**21)
        qemu_io(image, f"write -P 9 {2**49} 512")
        disk = read_qcow2(image)
        assert disk.size == 2**50
        assert disk.read(2**49 - 1, 3) == b"\0\x09\x09"
        assert list(disk.map()) == qemu_map(image)

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"compression_type": "zstd"}, "uses another compression than zlib"),
            ({"extended_l2": "on"}, "uses extended L2 entries"),
            ({"data_file": "data"}, "uses an external data file"),
        ],
    )
    def test_features_are_refused_by_name(
        self, tmp_path: Path, options: dict[str, str], sentence: str
    ) -> None:
        options = {n: str(tmp_path / v) if v == "data" else v for n, v in options.items()}
        image = create(tmp_path / "a.qcow2", MIB, **options)
        with pytest.raises(DiskError, match=sentence):
            read_qcow2(image)

    def test_encryption_is_refused_by_name(self, tmp_path: Path) -> None:
        image, secret = tmp_path / "a.qcow2", "secret,id=s,data=abc"
        options = "encrypt.format=aes,encrypt.key-secret=s"
        qemu_img("create", "-q", "--object", secret, "-f", "qcow2", "-o", options, image, MIB)
        with pytest.raises(DiskError, match=r"is encrypted \(AES\)"):
            read_qcow2(image)


def random_disk(
    rng: random.Random, size: int, block_size: int, backing: VirtualDisk | None = None
) -> VirtualDisk:
    disk = VirtualDisk(size, backing=backing, block_size=block_size)
    for _ in range(rng.randint(0, 8)):
        offset = rng.randrange(size)
        length = min(size - offset, rng.choice([1, 700, 5000, 3 * block_size]))
        if rng.random() < 0.3:
            disk.zero(offset, length)
        else:
            disk.write(offset, rng.choice([rng.randbytes(length), bytes(length)]))
    return disk


@needs_qemu
class TestImagesOfOurs:
    @pytest.mark.parametrize("block", CLUSTERS)
    @pytest.mark.parametrize("seed", range(4))
    def test_qemu_finds_no_fault(self, tmp_path: Path, block: int, seed: int) -> None:
        rng = random.Random(f"{block} {seed}")
        size = rng.choice([512, 100 * 512, MIB, 4 * MIB + 512])
        disk, image = random_disk(rng, size, block), tmp_path / "a.qcow2"
        write_qcow2(disk, image)
        assert "No errors were found" in qemu_img("check", image)
        plain = tmp_path / "plain"
        plain.write_bytes(contents(disk))
        qemu_img("compare", "-f", "qcow2", "-F", "raw", image, plain)
        assert list(disk.map()) == qemu_map(image)
        assert agree(image).map() == disk.map()

    @pytest.mark.parametrize("block", CLUSTERS)
    @pytest.mark.parametrize("beneath", [512, 65536])
    def test_with_backing_files(self, tmp_path: Path, block: int, beneath: int) -> None:
        rng = random.Random(f"{block} {beneath}")
        base = random_disk(rng, MIB, beneath)
        middle = random_disk(rng, 2 * MIB, 4096, base)
        top = random_disk(rng, MIB + 512, block, middle)
        write_qcow2(base, tmp_path / "base.qcow2")
        write_qcow2(middle, tmp_path / "middle.qcow2", "base.qcow2")
        write_qcow2(top, tmp_path / "top.qcow2", backing="middle.qcow2")
        for name, disk in (("middle", middle), ("top", top)):
            image = tmp_path / f"{name}.qcow2"
            assert "No errors were found" in qemu_img("check", image)
            assert raw(image) == contents(disk) == contents(read_qcow2(image))
            assert read_qcow2(image).map() == disk.map()
        assert list(middle.map()) == qemu_map(tmp_path / "middle.qcow2")
        info = json.loads(qemu_img("info", "--output=json", tmp_path / "top.qcow2"))
        assert info["backing-filename-format"] == "qcow2"
        assert info["format-specific"]["data"]["refcount-bits"] == 16

    def test_qemu_writes_on_in_our_image(self, tmp_path: Path) -> None:
        disk, image = random_disk(random.Random(1), MIB, 4096), tmp_path / "a.qcow2"
        write_qcow2(disk, image)
        filled(image, seed=7, size=MIB)
        assert "No errors were found" in qemu_img("check", image)
        agree(image)

    def test_many_refcount_blocks(self, tmp_path: Path) -> None:
        # Clusters of 512 bytes have 256 refcounts a block and 64 blocks a cluster of the table.
        disk, image = VirtualDisk(10 * MIB, block_size=512), tmp_path / "a.qcow2"
        disk.write(0, b"x" * 10 * MIB)
        write_qcow2(disk, image)
        assert "No errors were found" in qemu_img("check", image)
        assert read_qcow2(image).same_as(disk)

    def test_a_huge_disk(self, tmp_path: Path) -> None:
        disk, image = VirtualDisk(2**45, block_size=65536), tmp_path / "a.qcow2"
        disk.write(2**44, b"far")
        write_qcow2(disk, image)
        assert "No errors were found" in qemu_img("check", image)
        assert list(disk.map()) == qemu_map(image)


@given(others=st.integers(1, 10**7), cluster=st.sampled_from(CLUSTERS))
def test_the_refcounts_have_room_for_themselves(others: int, cluster: int) -> None:
    blocks, table = qcow2._refcounts(others, cluster)
    used = others + blocks + table
    assert (blocks - 1) * cluster // 2 < used <= blocks * cluster // 2
    assert (table - 1) * cluster // 8 < blocks <= table * cluster // 8


def image_of(tmp_path: Path) -> Path:
    """An image that has everything: a backing file, data, zeros, several L2 tables."""
    base = VirtualDisk(2**17, block_size=512)
    base.write(0, b"base" * 1000)
    top = base.overlay()
    top.write(1000, bytes(range(256)) * 4)
    top.zero(100 * 512, 2000)
    top.write(2**17 - 700, b"end" * 100)
    write_qcow2(base, tmp_path / "base.qcow2")
    write_qcow2(top, tmp_path / "top.qcow2", "base.qcow2")
    return tmp_path / "top.qcow2"


def test_round_trip(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    disk = read_qcow2(image)
    assert disk.read(0, 1000) == b"base" * 250
    assert disk.read(1000, 256) == bytes(range(256))
    assert disk.usage.copied == 0
    assert disk.writable
    write_qcow2(disk, tmp_path / "flat.qcow2")
    flat = read_qcow2(tmp_path / "flat.qcow2")
    assert flat.same_as(disk)
    assert flat.backing is None
    assert sorted(os.listdir(tmp_path)) == ["base.qcow2", "flat.qcow2", "top.qcow2"]
    header = inspect_qcow2(str(image))
    assert (header.version, header.size, header.cluster_size) == (3, 2**17, 512)
    assert (header.backing, header.backing_format, header.snapshots) == ("base.qcow2", "qcow2", ())


def test_an_image_may_be_written_over_itself(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    disk = read_qcow2(image)
    disk.write(0, b"changed")
    before, old = image.read_bytes(), tmp_path / "old.qcow2"
    os.link(image, old)
    write_qcow2(disk, image, "base.qcow2")
    assert read_qcow2(image).same_as(disk)
    assert old.read_bytes() == before  # replaced whole, not written over


def patch(image: Path, offset: int, layout: str, *values: int) -> None:
    raw_bytes = bytearray(image.read_bytes())
    struct.pack_into(f">{layout}", raw_bytes, offset, *values)
    image.write_bytes(raw_bytes)


def l2_of(image: Path) -> int:
    """Where the L2 table of the first clusters is."""
    l1 = struct.unpack_from(">Q", image.read_bytes(), 40)[0]
    return int(struct.unpack_from(">Q", image.read_bytes(), l1)[0] & (1 << 56) - 512)


FIELDS: list[tuple[int, str, int | tuple[int, int], str]] = [
    (0, "I", 7, "begins with .* give a qcow2 image"),
    (4, "I", 1, "version is 1, and only 2 and 3"),
    (16, "I", 0, "the name of its backing file is at byte 128 with 0 bytes: 1 to 1023"),
    (16, "I", 1024, "with 1024 bytes"),
    (8, "Q", 510, "at byte 510 with 10 bytes"),
    (20, "I", 8, "cluster_bits is 8, and must be 9 to 21"),
    (20, "I", 40, "cluster_bits is 40"),
    (24, "Q", 0, "its disk has 0 bytes"),
    (24, "Q", 1000, "its disk has 1000 bytes, not a positive multiple of 512"),
    (24, "Q", 2**63, "its disk has 9223372036854775808 bytes"),
    (24, "Q", 2**62, "its L1 table has 4 entries: a disk of 4611686018427387904 bytes needs"),
    (32, "I", 2, r"is encrypted \(LUKS\)"),
    (32, "I", 9, r"is encrypted \(method 9\)"),
    (36, "I", 3, "its L1 table has 3 entries: a disk of 131072 bytes needs 4"),
    (36, "I", 2**32 - 1, "4194304 is the most"),
    (40, "Q", 513, "its L1 table is at byte 513, not at a cluster of 512"),
    (40, "Q", 0, "its L1 table is at byte 0"),
    (40, "Q", 2**40, "L1 table is at byte 1099511627776 to .* the file ends at .*the whole file"),
    (48, "Q", 100, "its refcount table is at byte 100"),
    (56, "I", 0, "its refcount table has 0 clusters of 512 bytes"),
    (56, "I", 2**14 + 1, "its refcount table has 16385 clusters of 512 bytes: from 1 to 8388608"),
    (60, "I", 2**20, "it has 1048576 snapshots, and 65536 is the most"),
    (60, "IQ", (1, 0), "its snapshot table is at byte 0, where no cluster"),
    (60, "IQ", (1, 700), "its snapshot table is at byte 700"),
    (60, "IQ", (1, 2**30), "its snapshot table is at byte 1073741824 to"),
    (72, "Q", 1, "uses the dirty bit .*qemu-img check -r all"),
    (72, "Q", 2, "uses the corrupt bit"),
    (72, "Q", 4, "uses an external data file"),
    (72, "Q", 8, "uses another compression"),
    (72, "Q", 16, "uses extended L2 entries"),
    (72, "Q", 1 << 63, "uses the unknown incompatible feature 63"),
    (96, "I", 7, "refcount_order is 7, and must be 0 to 6"),
    (100, "I", 96, "its header has 96 bytes"),
    (100, "I", 109, "a multiple of 8 from 104 to a cluster of 512"),
    (100, "I", 1024, "its header has 1024 bytes"),
    (108, "I", 10**6, "its header extension at byte 104 has 1000000 bytes: too many"),
    (112, "I", 0x76686478, "its format is 'vhdx2', only qcow2 and raw"),
    (112, "I", 0xFFFFFFFF, "format is b'.*', which is no text"),
    (128, "I", 0, "name is b'.*', which is no text"),
    (128, "I", 0x6E62643A, "its backing file is 'nbd:.qcow2', and only plain files"),
    (128, "I", 0x6E6F6E65, "none.qcow2' cannot be read: there is no such file"),
]


@pytest.mark.parametrize(("offset", "layout", "value", "sentence"), FIELDS)
def test_a_wrong_header_is_refused(
    tmp_path: Path, offset: int, layout: str, value: int | tuple[int, int], sentence: str
) -> None:
    image = image_of(tmp_path)
    patch(image, offset, layout, *(value if isinstance(value, tuple) else (value,)))
    with pytest.raises(DiskError, match=sentence) as caught:
        read_qcow2(image)
    assert str(caught.value).endswith(".")


def test_a_snapshot_with_too_much_extra_is_refused(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    patch(image, 60, "IQ", 1, 1024)
    patch(image, 1024 + 36, "I", 1025)
    with pytest.raises(DiskError, match="its snapshot table has 1025 extra bytes at 1024: too m"):
        read_qcow2(image)


ENTRIES: list[tuple[int, str]] = [
    (1 << 63, "the entry of its cluster 0 is 0x8000000000000000, which names no cluster"),
    (1 << 63 | 2**40 + 2, "which names no cluster"),
    (1 << 63 | 1 << 60 | 512, "which names no cluster"),
    (1 << 63 | 2**40, "its cluster 0 is at byte 1099511627776 .* get the whole file"),
    (1 << 62 | 512, "its compressed cluster at byte 512 is damaged"),
    (1 << 62 | 2**40, "its compressed cluster is at byte"),
]


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES)
def test_a_wrong_l2_entry_is_refused(tmp_path: Path, entry: int, sentence: str) -> None:
    image = image_of(tmp_path)
    patch(image, l2_of(image), "Q", entry)
    with pytest.raises(DiskError, match=sentence):
        read_qcow2(image)


def test_wrong_l1_entries_are_refused(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    place = l2_of(image)
    for entry, sentence in (
        (place, "its L2 table 1 is that of other clusters too"),
        (1 << 63, "the entry of its L2 table 1"),
        (place + 3, "L2 table 1 is 0x.*, which names no cluster"),
        (2**40, "its L2 table 1 is at byte 1099511627776"),
    ):
        patch(image, 512 + 8, "Q", entry)
        with pytest.raises(DiskError, match=sentence):
            read_qcow2(image)


def test_zeros_in_version_2_are_refused(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    patch(image, 4, "I", 2)
    with pytest.raises(DiskError, match="its cluster 100 is one of zeros, unknown before version"):
        read_qcow2(image)


def test_clusters_beyond_the_disk_are_left_out(tmp_path: Path) -> None:
    """QEMU keeps the state of a machine there."""
    image, less = image_of(tmp_path), 2**17 - 5 * 512
    before = contents(read_qcow2(image))
    patch(image, 24, "Q", less)
    assert contents(read_qcow2(image)) == before[:less]


def test_loops_and_long_chains_are_refused(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    shutil.copy(image, tmp_path / "base.qcow2")
    with pytest.raises(DiskError, match=r"base\.qcow2' cannot be read: it is its own backing file"):
        read_qcow2(image)
    for number in range(70):
        patch(image, 128, "I", int.from_bytes(f"{number + 1:04}".encode(), "big"))
        shutil.copy(image, tmp_path / f"{number:04}.qcow2")
    with pytest.raises(DiskError, match=r"0064\.qcow2' .* is number 65 of a chain, and 64 is"):
        read_qcow2(tmp_path / "0000.qcow2")


def test_what_may_be_read_is_bounded(tmp_path: Path) -> None:
    image = image_of(tmp_path)
    with pytest.raises(DiskError, match="more than 6000 bytes of tables and data"):
        read_qcow2(image, most=6000)
    (tmp_path / "base.qcow2").write_bytes(bytes(7000))
    patch(image, 108, "I", 3)
    patch(image, 112, "I", 0x72617700)
    with pytest.raises(DiskError, match="allow more with the option most"):
        read_qcow2(image, most=6000)
    assert read_qcow2(image).read(0, 512) == bytes(512)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    """Up to the end of the data; the refcounts behind them are not needed to read."""
    image = image_of(tmp_path)
    whole, expected = image.read_bytes(), contents(read_qcow2(image))
    counts_at = struct.unpack_from(">Q", whole, 48)[0]
    for length in range(0, len(whole), 97):
        image.write_bytes(whole[:length])
        if length < counts_at:
            with pytest.raises(DiskError, match=r"top\.qcow2' cannot be read"):
                read_qcow2(image)
        elif length >= counts_at + 8:
            assert contents(read_qcow2(image)) == expected


@cache
def whole() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return image_of(Path(folder)).read_bytes()


def outcome(image: Path) -> VirtualDisk | str:
    """The disk, or the sentence of the error; anything else that is raised fails the test."""
    try:
        return read_qcow2(image)
    except DiskError as error:
        return str(error)


# The header, the L1 table, and everything.
SPOTS = st.one_of(st.integers(0, 160), st.integers(512, 544), st.integers(0, 2**14))


@settings(max_examples=2 * settings().max_examples)
@given(
    changes=st.lists(st.tuples(SPOTS, st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.one_of(st.none(), st.integers(0, 2**14)),
)
def test_whatever_the_file_holds_it_is_a_disk_or_a_disk_error(
    changes: list[tuple[int, int]], cut: int | None
) -> None:
    damaged = bytearray(whole())
    for offset, value in changes:
        damaged[offset % len(damaged)] = value
    with tempfile.TemporaryDirectory() as folder:
        image = image_of(Path(folder))
        image.write_bytes(damaged[:cut])
        found = outcome(image)
    if isinstance(found, str):
        assert found.endswith(".")
        assert "\n" not in found
    else:
        found.read(0, 512)
        found.read(found.size - 512, 512)
        assert found.map()[-1].offset < found.size


@needs_qemu
def test_a_damaged_image_that_is_read_is_read_as_qemu_reads_it(tmp_path: Path) -> None:
    rng, image, plain = random.Random(5), image_of(tmp_path), tmp_path / "plain"
    compared = 0
    for _ in range(100):
        damaged = bytearray(whole())
        for _ in range(rng.randint(1, 2)):
            at = rng.choice([rng.randrange(24, 160), rng.randrange(512, 544), rng.randrange(2**14)])
            damaged[at % len(damaged)] ^= 1 << rng.randrange(8)
        image.write_bytes(damaged)
        found = outcome(image)
        if isinstance(found, VirtualDisk) and found.size < 2**24:
            words = ["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, plain]
            if subprocess.run(words, capture_output=True).returncode == 0:
                assert plain.read_bytes() == contents(found)
                compared += 1
    assert compared > 20


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "a.qcow2"
        for start in (b"", b"QFI\xfb", b"QFI\xfb\0\0\0\2", whole()[:104]):
            image.write_bytes(start + data)
            assert isinstance(outcome(image), str)


def small(**options: int) -> VirtualDisk:
    return VirtualDisk(4096, **options)


REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (lambda at: read_qcow2(at / "none"), "there is no such file; check the name"),
    (lambda at: inspect_qcow2(at / "none"), "there is no such file; check the name"),
    (lambda at: read_qcow2(at), "there is no such file"),
    (lambda at: read_qcow2("a\0b"), r"The path is 'a.x00b': text without '.0' is needed"),
    (lambda at: read_qcow2(5), "The path is 5: text"),  # type: ignore[arg-type]
    (lambda at: read_qcow2(at / "top.qcow2", most=-1), "The option most is -1: a number"),
    (lambda at: write_qcow2(b"x", at / "a"), "The disk is b'x'"),  # type: ignore[arg-type]
    (lambda at: write_qcow2(small().overlay(), at / "a", 5), "is 5"),  # type: ignore[arg-type]
    (lambda at: write_qcow2(small(), "a\0b"), r"The path is 'a.x00b'"),
    (lambda at: write_qcow2(small(), 5), "The path is 5"),  # type: ignore[arg-type]
    (lambda at: write_qcow2(small(), at / "none" / "a"), "cannot be written .No such file"),
    (lambda at: write_qcow2(small(), at), "something there that is no file"),
    (lambda at: write_qcow2(small(), at / "a", "b"), "no backing disk for 'b': leave backing out"),
    (lambda at: write_qcow2(small().overlay(), at / "a", "b"), "there is no such file"),
    (lambda at: write_qcow2(small().overlay(), at / "a", "nbd:b"), "only plain files"),
    (
        lambda at: write_qcow2(small().overlay(), at / "c", "base.qcow2"),
        "The file 'base.qcow2' does not hold the backing disk",
    ),
    (
        lambda at: write_qcow2(read_qcow2(at / "top.qcow2"), at / "base.qcow2", "base.qcow2"),
        "it is its own backing file",
    ),
    (
        lambda at: write_qcow2(VirtualDisk(2**60, block_size=512), at / "c"),
        "in blocks of 512 needs more than 4194304 L2 tables: make it with larger blocks",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_refused_in_one_sentence(
    tmp_path: Path, call: Callable[[Path], object], sentence: str
) -> None:
    image_of(tmp_path)
    with pytest.raises(DiskError, match=sentence) as caught:
        call(tmp_path)
    assert str(caught.value).endswith(".")
    assert sorted(os.listdir(tmp_path)) == ["base.qcow2", "top.qcow2"]


def test_a_name_too_long_for_the_first_cluster(tmp_path: Path) -> None:
    name = "./" * 200 + "base.qcow2"
    image_of(tmp_path)
    disk = read_qcow2(tmp_path / "top.qcow2")
    before = (tmp_path / "top.qcow2").read_bytes()
    with pytest.raises(DiskError, match="has 410 bytes: 384 is the most beside blocks of 512"):
        write_qcow2(disk, tmp_path / "top.qcow2", name)
    assert (tmp_path / "top.qcow2").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["base.qcow2", "top.qcow2"]


def test_a_failure_half_way_leaves_the_old_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(tmp_path)
    before, disk = image.read_bytes(), read_qcow2(image)

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "read", full)
    with pytest.raises(DiskError, match=r"No space left on device\): nothing was changed"):
        write_qcow2(disk, image)
    assert image.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["base.qcow2", "top.qcow2"]
