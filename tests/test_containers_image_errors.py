"""Container images that break a rule: one clear sentence each, and nothing left behind."""

from __future__ import annotations

import json
import os
import socket
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_cases import archive

from vcloud_lab.containers import folder
from vcloud_lab.containers.digest import canonical_json, chain_ids, digest
from vcloud_lab.containers.image import History, Image, Settings
from vcloud_lab.containers.layer import HardLink, Layer, gunzip, gzip_bytes
from vcloud_lab.containers.oci_layout import load, save
from vcloud_lab.containers.paths import Limits
from vcloud_lab.containers.tree import Directory, File, Symlink, Tree
from vcloud_lab.containers.union import UnionView
from vcloud_lab.errors import ImageError


def refuses(sentence: str, call: Callable[[], object]) -> None:
    with pytest.raises(ImageError) as caught:
        call()
    text = str(caught.value)
    assert sentence in text
    assert text[0].isupper()
    assert text.endswith(".")


def kind(flag: bytes, **more: object) -> dict[str, object]:
    return {"type": flag, **more}


LINK, SYM = tarfile.LNKTYPE, tarfile.SYMTYPE
PAX = tarfile.PAX_FORMAT


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([("a/../../x", {})], "'..' in it, which could lead out of the image"),
        ([("/etc/x", {})], "'/etc/x' has an absolute path"),
        ([("./", {})], "would replace the image's root"),
        ([("a", {}), ("./a", {})], "has the path 'a' twice"),
        ([("a", {}), ("a/b", {})], "has paths beneath 'a', which is a file or a link"),
        ([("a", kind(SYM, linkname="/tmp")), ("a/b", {})], "nothing is written through it"),
        ([("a/b", kind(SYM, linkname="../../x"))], "points to '../../x', out of the image's root"),
        ([("a", kind(SYM, linkname="/../x"))], "out of the image's root"),
        ([("a", kind(SYM))], "has the target ''"),
        ([("a", kind(LINK, linkname="../x"))], "'../x' has '..' in it"),
        ([("a", kind(LINK, linkname="/etc/x"))], "leads to the absolute path '/etc/x'"),
        (
            [("d/x", {}), ("s", kind(SYM, linkname="d")), ("a", kind(LINK, linkname="s"))],
            "not a file",
        ),
        ([("a", kind(LINK, linkname="b")), ("b", {})], "stands before its file 'b'"),
        ([("null", kind(tarfile.CHRTYPE))], "'null' is a character device"),
        ([("sda", kind(tarfile.BLKTYPE))], "'sda' is a block device"),
        ([("pipe", kind(tarfile.FIFOTYPE))], "'pipe' is a named pipe"),
        ([("odd", kind(b"V"))], "'odd' is of the tar type b'V'"),
        ([("huge", kind(b"S"))], "'huge' is a sparse file"),
        ([("a", {"pax_headers": {"GNU.sparse.realsize": "9" * 12}})], "'a' is a sparse file"),
        ([("a/.wh.", {})], "'a/.wh.' is no whiteout"),
        ([("a/.wh...", {})], "'a/.wh...' is no whiteout"),
        ([(".wh.a", kind(tarfile.DIRTYPE))], "'.wh.a/' is no whiteout"),
        ([("../.wh..wh..opq", {})], "'..' in it"),
        ([(".wh..wh.plnk", {})], "a name that begins with '.wh.'"),
        ([(".wh.a/b", {})], "a name that begins with '.wh.'"),
        ([("n" * 256, {})], "is no Linux path: 255 bytes are the most"),
        ([("d/" * 2050 + "x", {})], "4096 for a path"),
    ],
)
def test_entries_that_no_layer_may_have(
    members: list[tuple[str, dict[str, object]]], sentence: str
) -> None:
    refuses(sentence, lambda: Layer.from_tar(archive(*members, form=PAX)))


def forged(at: int, value: bytes, data: bytes = b"") -> bytes:
    """An archive of one file with other bytes in its header, and the checksum set right."""
    block = bytearray(archive(("a", {"data": b"12"})))
    block[at : at + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block[:512]) + (data or bytes(block[512:]))


@pytest.mark.parametrize(
    ("tar", "sentence"),
    [
        (b"", "damaged at byte 0: the archive ends in the middle"),
        (
            archive(("a", {"data": b"1" * 600}))[:1100],
            "at byte 1100: the archive ends in the middle",
        ),
        (archive(("a", {}))[:1024], "at byte 1024: the archive ends in the middle"),
        (b"x" + archive(("a", {}))[1:], "at byte 0: the checksum of the header is wrong"),
        (archive(("a", {}))[:1024] + b"x" * 512, "at byte 512: the archive does not end with two"),
        (forged(124, b"7" * 11), "the archive ends in the middle"),
        (forged(124, b"\x80" + b"\xff" * 11), "the archive ends in the middle"),
        (forged(124, b"\xff" * 12), "is not a number"),
        (forged(124, b"-0000000001"), "b'-0000000001\\x00' is not a number"),
        (forged(124, b"00000000009"), "is not a number"),
        (forged(0, b"\xff"), "at byte 0: a name is not in UTF-8"),
        (forged(156, b"x"), "a pax record is not of the form 'LENGTH key=value'"),
        (forged(156, b"x", b"9 path=a\n".ljust(1536, b"\0")), "a pax record is not of the form"),
    ],
)
def test_damaged_archives(tar: bytes, sentence: str) -> None:
    refuses(sentence, lambda: Layer.from_tar(tar))


@given(cut=st.integers(0, 2047), flip=st.integers(0, 1535), bit=st.integers(0, 7))
def test_no_cut_archive_and_no_damaged_header_passes(cut: int, flip: int, bit: int) -> None:
    whole = archive(("a", {"data": b"12"}), ("b", {}))
    refuses("The tar archive is damaged", lambda: Layer.from_tar(whole[:cut]))
    damaged = bytearray(whole)
    damaged[flip] ^= 1 << bit
    if not 512 <= flip < 1024:  # the data and what fills their block have no checksum
        try:
            layer = Layer.from_tar(bytes(damaged))
        except ImageError:
            return
        # The checksum's own spare bytes say nothing.
        assert 148 <= flip % 1024 < 156
        assert sorted(layer.nodes) == ["a", "b"]


@given(data=st.binary(max_size=2000))
def test_any_bytes_are_a_layer_or_an_image_error(data: bytes) -> None:
    for call in (Layer.from_tar, Layer.from_blob):
        with pytest.raises(ImageError):
            call(data)


def test_bombs_and_limits() -> None:
    few = Limits(20_000, 3)
    big = Layer.make({"a": bytes(30_000)})
    assert len(big.blob) < 500
    refuses("holds more than 20000 bytes", lambda: Layer.from_blob(big.blob, limits=few))
    refuses("has 40960 bytes: 20000 is the limit", lambda: Layer.from_tar(big.tar, few))
    refuses("20000 is the limit", lambda: Layer.make({"a": bytes(30_000)}, limits=few))
    four = archive(*((name, {}) for name in "abcd"))
    refuses("more than 3 entries: that is the limit", lambda: Layer.from_tar(four, few))
    refuses(
        "with the directories that they are in", lambda: Layer.make({"a/b/c/d": b""}, limits=few)
    )
    assert len(Layer.make({"a/b/c": b""}, limits=few).implied) == 2
    many = gzip_bytes(b"") * 50_000 + gzip_bytes(bytes(1024))
    assert gunzip(many, 1024) == bytes(1024)


def test_blobs() -> None:
    layer = Layer.make({"a": b"1"})
    refuses("ends in the middle: fetch it again", lambda: Layer.from_blob(layer.blob[:-1]))
    refuses("is damaged (Error -3", lambda: Layer.from_blob(layer.blob + b"junk"))
    refuses("is damaged", lambda: Layer.from_blob(layer.blob[:-8] + bytes(8)))
    refuses("is damaged", lambda: Layer.from_blob(zlib.compress(layer.tar)))
    zstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    refuses(f"media type is '{zstd}'", lambda: Layer.from_blob(layer.blob, zstd))


TREE = Tree({"d/f": b"1", "l": Symlink("l"), "down": Symlink("d/f/x"), "odd": Symlink(".wh.x")})


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: TREE.read("none"), "no file 'none' to read: there is nothing"),
        (lambda: TREE.read("d"), "no file 'd' to read: it is a directory"),
        (lambda: TREE.read("l"), "more than 40 symbolic links"),
        (lambda: TREE.read("down"), "'down' leads through 'd/f', which is not a directory"),
        (lambda: TREE.write("d", b""), "At 'd' stands a directory"),
        (lambda: TREE.write("odd", b""), "begins with '.wh.'"),
        (lambda: TREE.mkdir("d/f"), "At 'd/f' stands a file"),
        (lambda: TREE.symlink("d/f", "x"), "something at 'd/f' already"),
        (lambda: TREE.link("x", "d"), "no file 'd' to link to"),
        (lambda: TREE.remove("x"), "no 'x' to remove"),
        (lambda: TREE.write("/", b""), "names no file beneath the image's root"),
        (lambda: TREE.write("x", "text"), "of the type str: bytes are needed"),  # type: ignore[arg-type]
        (lambda: TREE.write("x", b"", 0o10000), "The mode 4096 is not one of"),
        (lambda: TREE.write(7, b""), "The path 7 is not text"),  # type: ignore[arg-type]
        (lambda: TREE.write("\ud800", b""), "cannot be written in UTF-8"),
        (lambda: TREE.write("a\0", b""), "none may be NUL"),
        (lambda: TREE.merge(Tree({"d": b""})), "At 'd' stands a directory"),
        (lambda: Tree({"a": b"", "a/b": b""}), "'a/b' leads through 'a'"),
        (lambda: Tree({"a": 1}), "At 'a' stands 1"),  # type: ignore[dict-item]
        (lambda: Layer.make({"a": 1}), "At 'a' stands 1"),  # type: ignore[dict-item]
        (lambda: UnionView([Layer.make({"a": HardLink("b")})]), "have no file there"),
        (lambda: UnionView([]).source("a"), "'a' is not visible"),
        (lambda: chain_ids(["sha256:1"]), "The digest of layer 0 is 'sha256:1'"),
        (lambda: canonical_json({1, 2}), "cannot be written as JSON"),
        (lambda: Image.make([], history=[History("x", False)]), "1 steps that made a layer and"),
        (lambda: Settings(workdir="x"), "has to begin with '/'"),
    ],
)
def test_trees_and_values(call: Callable[[], object], sentence: str) -> None:
    before = TREE.copy()
    refuses(sentence, call)
    assert before == TREE


def stored(tmp_path: Path, change: Callable[[Any, Any], None]) -> Path:
    """A layout whose manifest and configuration were changed, with digests that fit again."""
    image = Image.make([Layer.make({"a": b"1"})])
    save(image, tmp_path / "x")
    manifest, config = json.loads(image.manifest_json), json.loads(image.config_json)
    old = canonical_json(config)
    change(manifest, config)

    def keep(value: object) -> dict[str, object]:
        data = canonical_json(value)
        (tmp_path / "x/blobs/sha256" / digest(data)[7:]).write_bytes(data)
        return {"digest": digest(data), "size": len(data)}

    if canonical_json(config) != old:
        manifest["config"].update(keep(config))
    index = json.loads((tmp_path / "x/index.json").read_bytes())
    index["manifests"][0].update(keep(manifest))
    (tmp_path / "x/index.json").write_bytes(canonical_json(index))
    return tmp_path / "x"


ZEROS = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m, c: m.update(schemaVersion=1), "the schemaVersion 1"),
        (lambda m, c: m.update(config=3), "The digest of the configuration is None"),
        (lambda m, c: m["config"].update(mediaType="x"), "media type of the configuration is 'x'"),
        (lambda m, c: m["config"].update(digest="sha256:../../x"), "is 'sha256:../../x'"),
        (lambda m, c: m["config"].update(digest=ZEROS), "There is no file"),
        (lambda m, c: m["config"].update(size=1), "The blob of the configuration has"),
        (lambda m, c: m.update(layers=None), "the manifest's layers are None: a list is needed"),
        (lambda m, c: m["layers"][0].update(mediaType="x/y"), "The layer's media type is 'x/y'"),
        (lambda m, c: m["layers"].clear(), "The manifest names 0 layers, the configuration 1"),
        (lambda m, c: c["rootfs"].update(diff_ids=[ZEROS]), "it was changed on the way"),
        (lambda m, c: c.update(config=[1]), "The configuration's 'config' is [1]"),
        (lambda m, c: c.update(config={"Cmd": "x"}), "Cmd is 'x': a list of text"),
        (lambda m, c: c.update(config={"WorkingDir": 5}), "WorkingDir is 5: text"),
        (lambda m, c: c.update(history=[1]), "history has a step that is not an object"),
    ],
)
def test_images_that_contradict_themselves(
    change: Callable[[Any, Any], None], sentence: str, tmp_path: Path
) -> None:
    place = stored(tmp_path, change)
    refuses(sentence, lambda: load(place))


def test_layouts(tmp_path: Path) -> None:
    image = Image.make([Layer.make({"a": b"1"})])
    place = tmp_path / "x"
    save(image, place)
    save(image, place, "two")
    index, blob = place / "index.json", place / "blobs/sha256" / image.layers[0].digest[7:]
    whole = index.read_bytes()

    def with_index(text: bytes) -> Callable[[], object]:
        index.write_bytes(text)
        return lambda: load(place, "two")

    refuses("has 2 images where one image is wanted; it has 'latest', 'two'", lambda: load(place))
    refuses("has 0 images where one image named 'x'", lambda: load(place, "x"))
    refuses("give it some plain text", lambda: save(image, place, ""))
    refuses("The JSON of the index cannot be read", with_index(b"{"))
    refuses("The JSON of the index cannot be read", with_index(b"[" * 100_000))
    refuses("The JSON of the index is []: an object", with_index(b"[]"))
    refuses("an entry that is not an object", with_index(b'{"manifests": [1]}'))
    refuses("more than 4194304 bytes", with_index(b" " * (4 << 20) + b"{}"))
    other = whole.replace(b"image.manifest.v1", b"image.index.v1")
    refuses("copy one platform's image out of an index", with_index(other))
    index.write_bytes(whole)
    refuses("that is the limit", lambda: load(place, "two", Limits(9999, 10)))
    refuses("more than 0 entries", lambda: load(place, "two", Limits(10**6, 0)))
    good = blob.read_bytes()
    blob.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    refuses("The blob of layer 0 has", lambda: load(place, "two"))
    save(image, place, "two")
    assert load(place, "two") == image
    (place / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')
    refuses("'2.0.0'} of itself", lambda: load(place, "two"))
    refuses("an OCI image layout is needed", lambda: load(tmp_path))
    refuses("an OCI image layout is needed", lambda: save(image, tmp_path))
    refuses("cannot be made", lambda: save(image, tmp_path / "none" / "x"))


def test_nothing_half_written_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.make([Layer.make({"a": b"1"})])
    old = Image.make([])
    save(old, tmp_path / "there")

    def fails(*args: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fails)
    refuses("cannot be made: the disk is full", lambda: save(image, tmp_path / "new"))
    refuses("cannot be written: the disk is full", lambda: save(image, tmp_path / "there"))
    monkeypatch.setattr(os, "symlink", fails)
    tree = Tree({"d": Directory(), "d/f": File(), "d/l": Symlink("f")})
    refuses("cannot be made: the disk is full", lambda: folder.write_tree(tree, tmp_path / "t"))
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["there"]
    assert load(tmp_path / "there") == old
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuses("exists already", lambda: folder.write_tree(Tree(), tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    refuses("exists already", lambda: folder.write_tree(Tree({"a": b""}), tmp_path / "link"))
    assert not (tmp_path / "elsewhere").exists()
    refuses("cannot be read", lambda: folder.read_tree(tmp_path / "none"))
    linked = Layer.make({"a": HardLink("b")})
    refuses("a file of another layer", lambda: folder.write_overlay_layer(linked, tmp_path / "o"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f").write_bytes(b"12345")
    refuses("more than 4 bytes", lambda: folder.read_tree(tmp_path / "in", Limits(4, 9)))
    refuses("or 0 entries", lambda: folder.read_tree(tmp_path / "in", Limits(9, 0)))
    (tmp_path / "in" / "out").symlink_to("/etc")
    assert folder.read_tree(tmp_path / "in")["out"] == Symlink("/etc")
    os.mkfifo(tmp_path / "in" / "pipe")
    refuses("a device node, a pipe or a socket", lambda: folder.read_tree(tmp_path / "in"))
    os.unlink(tmp_path / "in" / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(tmp_path / "in")
        unix.bind("s")
        refuses("a socket", lambda: folder.read_tree(tmp_path / "in"))


def test_extraction_never_leaves_its_directory(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    lower = Layer.make({"a": Symlink(str(tmp_path / "victim")), "b": Symlink("a/x")})
    upper = Layer.from_tar(archive(("a/x", {"data": b"evil"}), ("b", {"data": b"evil"})))
    folder.write_tree(UnionView([lower, upper]).tree, tmp_path / "root")
    assert list((tmp_path / "victim").iterdir()) == []
    assert (tmp_path / "root/a/x").read_bytes() == b"evil"
    assert not (tmp_path / "root/a").is_symlink()
