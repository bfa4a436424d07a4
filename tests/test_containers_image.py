"""Container images: layers, digests, the union, and images in directories."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_cases import archive, model, trees

from vcloud_lab.containers.build import Cmd, Copy, Env, Write, build
from vcloud_lab.containers.digest import chain_ids, digest
from vcloud_lab.containers.folder import read_tree, write_overlay_layer, write_tree
from vcloud_lab.containers.image import Image, Settings, sharing
from vcloud_lab.containers.layer import TAR, HardLink, Layer, gunzip, gzip_bytes
from vcloud_lab.containers.oci_layout import load, names, save
from vcloud_lab.containers.tree import Directory, File, Node, Symlink, Tree
from vcloud_lab.containers.union import UnionView

CASES = json.loads((Path(__file__).parent / "acceptance" / "oci.json").read_text("utf-8"))


# Of the tree in test_digests_do_not_change, the same with Python 3.11, 3.12 and 3.13.
PINNED = "sha256:d6655610488dbbda16fec357abd0318f8bfef7b05904359a43db8e46d3aa0a77"
PINNED_IMAGE = "sha256:88ddc701236552e1a4a1ebbc0f12b1550e5dfc285f0fc5dd90c683bc8a16a3db"


def kinds(key: str) -> list[Any]:
    found = [case for case in CASES if key in case["input"]]
    assert found
    return [pytest.param(case, id=case["id"]) for case in found]


def test_every_acceptance_case_is_one_of_three_kinds() -> None:
    keys = [{"tar_b64", "diff_ids", "layers"} & case["input"].keys() for case in CASES]
    assert all(len(found) == 1 for found in keys)


@pytest.mark.parametrize("case", kinds("tar_b64"))
def test_digests_of_given_bytes(case: dict[str, Any]) -> None:
    tar, expected = base64.b64decode(case["input"]["tar_b64"]), dict(case["expected"])
    layer = Layer.from_tar(tar)
    assert layer.diff_id == expected.pop("diff_id")
    assert len(layer.tar) == expected.pop("tar_size", len(tar))
    if "gzip_b64" in case["input"]:
        stored = Layer.from_blob(base64.b64decode(case["input"]["gzip_b64"]))
        assert stored.diff_id == layer.diff_id
        assert stored.digest == expected.pop("blob_digest")
        assert len(stored.blob) == expected.pop("blob_size")
    assert not expected


@pytest.mark.parametrize("case", kinds("diff_ids"))
def test_chain_ids(case: dict[str, Any]) -> None:
    assert list(chain_ids(case["input"]["diff_ids"])) == case["expected"]["chain_ids"]


@pytest.mark.parametrize("case", kinds("layers"))
def test_whiteouts(case: dict[str, Any]) -> None:
    layers = []
    for paths in case["input"]["layers"]:
        members: list[tuple[str, dict[str, object]]] = [
            (path.rstrip("/"), {"type": tarfile.DIRTYPE} if path.endswith("/") else {})
            for path in paths
        ]
        layers.append(Layer.from_tar(archive(*members)))
    assert list(UnionView(layers).listing()) == case["expected"]["visible"]


@given(tree=trees())
def test_a_layer_of_a_tree_gives_the_tree_back(tree: Tree) -> None:
    layer = Layer.of_tree(tree)
    back = UnionView([Layer.from_blob(layer.blob)]).tree
    assert back == tree
    assert model(back) == model(tree)
    shuffled = Tree(dict(reversed(list(tree._nodes.items()))))
    assert Layer.of_tree(shuffled) == layer


@given(tree=trees())
def test_tarfile_reads_what_we_write(tree: Tree) -> None:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(Layer.of_tree(tree).tar)) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.mtime) == (0, 0, "", 0)
            node: object = Directory(member.mode)
            if member.issym():
                node = Symlink(member.linkname)
            elif not member.isdir():
                data = tar.extractfile(member)
                assert data is not None
                source = tar.getmember(member.linkname) if member.islnk() else member
                node = File(data.read(), source.mode)
            found[member.name] = node
    assert found == dict(tree.items())


@given(tree=trees(), form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
def test_we_read_what_tarfile_writes(tree: Tree, form: int) -> None:
    members: list[tuple[str, dict[str, object]]] = []
    for path, node in tree.items():
        if isinstance(node, Directory):
            members.append((path, {"type": tarfile.DIRTYPE, "mode": node.mode}))
        elif isinstance(node, Symlink):
            members.append((path, {"type": tarfile.SYMTYPE, "linkname": node.target}))
        else:
            first = next(name for name in tree if tree[name] is node)
            what: dict[str, object] = {"type": tarfile.LNKTYPE, "linkname": first}
            if first == path:
                what = {"data": node.data, "mode": node.mode}
            members.append((path, what))
    pax = {"comment": "x", "mtime": "1.5"}
    layer = Layer.from_tar(
        archive(*((name, {**what, "pax_headers": pax}) for name, what in members), form=form)
    )
    assert UnionView([layer]).tree == tree


@given(old=trees(), new=trees())
def test_the_layer_between_two_trees(old: Tree, new: Tree) -> None:
    layer = Layer.between(old, new)
    union = UnionView([Layer.of_tree(old), layer])
    assert union.tree == new
    if old == new:
        assert not layer.nodes
        assert not layer.removed


def test_the_layer_between_holds_what_changed_and_the_directories_above() -> None:
    old = Tree({"a": b"1", "b/c": b"2", "b/d": b"3", "e/f/g": b"4", "tmp": Directory(0o1777)})
    new = old.copy()
    new.write("b/c", b"5")
    new.remove("e")
    new.write("tmp/x", b"")
    layer = Layer.between(old, new)
    assert sorted(layer.nodes) == ["b", "b/c", "tmp", "tmp/x"]
    assert layer.removed == {"e"}
    assert not layer.opaque | layer.implied
    with tarfile.open(fileobj=io.BytesIO(layer.tar)) as tar:
        assert tar.getnames() == [".wh.e", "b", "b/c", "tmp", "tmp/x"]


def test_a_changed_link_is_a_change() -> None:
    old = Tree()
    old.write("a", b"1")
    old.link("b", "a")
    apart = Tree({"a": b"1", "b": b"1"})
    assert old != apart
    for one, two in ((old, apart), (apart, old)):
        union = UnionView([Layer.of_tree(one), Layer.between(one, two)])
        assert union.tree == two != one
    less = old.copy()
    less.remove("a")
    assert Layer.between(old, less).nodes == {}


PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)


@st.composite
def layer_contents(draw: st.DrawFn) -> tuple[dict[str, bytes | None], set[str], set[str]]:
    """Files and directories (None) of a layer, its whiteouts and its opaque directories."""
    nodes: dict[str, bytes | None] = {}
    for path in draw(st.lists(PATHS, max_size=5)):
        nodes[path] = draw(st.sampled_from([None, b"1", b"2"]))
    removed, opaque = (
        draw(st.sets(PATHS, max_size=2)),
        draw(st.sets(PATHS | st.just(""), max_size=1)),
    )
    for path in (*nodes, *removed, *(o + "/x" for o in opaque)):
        for cut in range(1, path.count("/") + 1):
            parent = "/".join(path.split("/")[:cut])
            if nodes.get(parent) is not None:
                nodes[parent] = None
    return nodes, removed, opaque


@given(stack=st.lists(layer_contents(), max_size=5))
def test_the_union_equals_a_model_that_asks_every_layer(
    stack: list[tuple[dict[str, bytes | None], set[str], set[str]]],
) -> None:
    layers = [
        Layer.make(
            {p: Directory() if d is None else File(d) for p, d in nodes.items()}, removed, opaque
        )
        for nodes, removed, opaque in stack
    ]
    union = UnionView(layers)
    every = {p for nodes, removed, opaque in stack for p in (*nodes, *removed, *opaque) if p}
    every |= {"/".join(p.split("/")[:n]) for p in every for n in (1, 2)}
    for path in every | {"a/a/a", "c"}:
        # From the top down: the first layer that has something to say decides.
        answer: tuple[int, bytes | None] | None = None
        for number in reversed(range(len(stack))):
            nodes, removed, opaque = stack[number]
            parents = ["/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 1)]
            if path in nodes:
                here = nodes[path]
            elif any(
                p.startswith(path + "/") for p in (*nodes, *removed, *(o + "/" for o in opaque))
            ):
                here = None
            else:
                if path in removed or any(nodes.get(p) is not None for p in parents):
                    break
                if {"", *parents} & opaque or set(parents) & removed:
                    break
                continue
            if answer is None:
                answer = number, here
            if path in nodes:
                answer = answer if answer[0] != number else (number, here)
                break
            # An implied directory: what is beneath keeps its place if it is a directory.
            below = UnionView(layers[:number])
            gone = path in removed or {"", *parents} & opaque or set(parents) & removed
            if not gone and isinstance(below.tree.get(path), Directory):
                answer = below.source(path), None
            break
        if answer is None:
            assert path not in union.tree
        else:
            node = union.tree[path]
            assert union.source(path) == answer[0]
            assert (node.data if isinstance(node, File) else None) == answer[1]
    assert set(union.tree) <= every


def test_who_did_what_to_a_path() -> None:
    layers = [
        Layer.make({"etc/a": b"0", "etc/b": b"0", "var/log": b"0"}),
        Layer.make({"etc/a": b"1"}, removed=["etc/b"]),
        Layer.make({"etc": Directory(0o700)}),
        Layer.make({"etc/b": b"3"}, opaque=["etc"]),
        Layer.make({"var": b"a file"}),
    ]
    union = UnionView(layers)
    assert union.trace("/etc/b") == ("adds", "removes", "-", "adds", "-")
    assert union.trace("etc/a") == ("adds", "adds", "-", "hides", "-")
    assert union.trace("var/log") == ("adds", "-", "-", "-", "hides")
    assert union.listing() == ("etc/", "etc/b", "var")
    assert [union.source(path) for path in union.tree] == [2, 3, 4]
    assert union.tree["etc"] == Directory(0o700)
    assert union.read("etc/b") == b"3"
    assert UnionView(layers[:2]).source("etc/a") == 1


def test_a_hard_link_to_a_file_beneath_keeps_it() -> None:
    first, second = Layer.make({"a": b"1"}), Layer.make({"b": HardLink("a"), "c": HardLink("a")})
    third = Layer.make({}, removed=["a"])
    union = UnionView([first, second, third])
    assert union.listing() == ("b", "c")
    assert union.tree["b"] is union.tree["c"]
    assert union.read("b") == b"1"


def test_links_are_followed_inside_the_image_only() -> None:
    tree = Tree({"usr/bin/sh": b"#", "etc/passwd": b"in the image"})
    tree.symlink("bin", "usr/bin")
    tree.symlink("usr/up", "/etc/../usr/../etc")
    tree.symlink("usr/bin/pw", "../../etc/passwd")
    tree.symlink("usr/bin/ash", "sh")
    assert tree.read("usr/bin/ash") == b"#"
    assert tree.read("/bin/sh") == b"#"
    assert tree.read("usr/up/passwd") == tree.read("bin/pw") == b"in the image"
    tree.write("bin/new", b"n", 0o755)
    assert tree["usr/bin/new"] == File(b"n", 0o755)
    tree.merge(Tree({"bin/tool": b"t"}))
    assert tree["usr/bin/tool"] == File(b"t")
    tree.link("sh", "bin/sh")
    tree.write("sh", b"new")
    assert tree.read("usr/bin/sh") == b"new"
    tree.remove("bin")
    assert "usr/bin/sh" in tree


def test_digests_do_not_change() -> None:
    nodes: dict[str, Node | bytes] = {
        "usr/bin/hello": File(b"#!/bin/sh\necho hello\n", 0o755),
        "n" * 130: b"",
        "é": b"x",
    }
    tree = Tree(nodes)
    tree.symlink("bin", "usr/bin")
    tree.link("hello", "usr/bin/hello")
    layer = Layer.of_tree(tree)
    assert layer.diff_id == PINNED
    assert Layer.from_blob(layer.blob) == layer
    image = Image.make([layer], Settings({"B": "1", "A": "2"}, cmd=("/hello",)))
    again = Image.make([layer], Settings({"A": "2", "B": "1"}, cmd=("/hello",)))
    assert (image, image.digest) == (again, again.digest)
    assert image.id == PINNED_IMAGE


@pytest.mark.parametrize("first", [1, 50, 99, 100, 154, 155, 156, 157])
def test_names_at_the_limits_of_ustar(first: int) -> None:
    for second in (1, 99, 100, 101, 102):
        path = f"{('d/' * 100)[: first - 1]}e/{'f' * second}"
        with tarfile.open(fileobj=io.BytesIO(Layer.make({path: b"1"}).tar)) as tar:
            assert tar.getnames() == [path.replace("//", "/")]
            fits = (len(path) <= 100) or (first <= 155 and second <= 100)
            assert bool(tar.getmembers()[0].pax_headers) <= (not fits)
        assert list(Layer.from_tar(Layer.make({path: b"1"}).tar).nodes) == [path.replace("//", "/")]


def test_gnu_tar_and_gzip_agree(tmp_path: Path) -> None:
    tree = Tree({"a/b": b"1", "a-b": File(b"2", 0o600), "n" * 90 + "/" + "m" * 90: b"3"})
    tree.symlink("l", "a/b")
    (tmp_path / "x.tar").write_bytes(Layer.of_tree(tree).tar)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "xf", "../x.tar", "-p"], cwd=tmp_path / "out", check=True)
    assert read_tree(tmp_path / "out") == tree
    packed = gzip_bytes(b"data" * 999)
    unpacked = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
    assert unpacked == gunzip(packed + packed, 10**6)[: 999 * 4]
    assert len(gunzip(packed + packed, 7992)) == 7992


@given(tree=trees())
def test_through_a_real_directory(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("tree") / "root"
    write_tree(tree, place)
    assert read_tree(place) == tree
    assert os.listdir(place.parent) == ["root"]


@pytest.mark.skipif(os.geteuid() != 0, reason="device nodes take root's rights")
def test_a_layer_for_overlayfs(tmp_path: Path) -> None:
    layer = Layer.make({"d/x": b"1"}, removed=["gone", "d/y"], opaque=["d"])
    try:
        write_overlay_layer(layer, tmp_path / "lower")
    except Exception as error:
        pytest.skip(f"this system refuses: {error}")
    status = os.lstat(tmp_path / "lower" / "gone")
    assert status.st_rdev == 0
    assert (tmp_path / "lower" / "d" / "y").is_char_device()
    assert os.getxattr(tmp_path / "lower" / "d", "trusted.overlay.opaque") == b"y"
    assert (tmp_path / "lower" / "d" / "x").read_bytes() == b"1"


def example() -> Image:
    return build(
        [
            Copy({"bin/hello": File(b"#!/bin/sh\n", 0o755)}),
            Write("etc/hello.conf", b"greeting=hi\n"),
            Env("LANG", "C.UTF-8"),
            Cmd("/bin/hello"),
        ]
    ).image


def test_a_layout_keeps_images_and_shares_blobs(tmp_path: Path) -> None:
    one = example()
    two = build([Write("more", b"2")], base=one).image
    save(one, tmp_path / "x", "one")
    before = set((tmp_path / "x/blobs/sha256").iterdir())
    save(two, tmp_path / "x", "two")
    assert len(set((tmp_path / "x/blobs/sha256").iterdir()) - before) == 3
    assert names(tmp_path / "x") == ("one", "two")
    assert load(tmp_path / "x", "one") == one
    back = load(tmp_path / "x", "two")
    assert (back, back.settings, back.history) == (two, two.settings, two.history)
    assert back.union.read("more") == b"2"
    save(two, tmp_path / "x", "one")
    assert load(tmp_path / "x", "one") == two
    shared = sharing([one, two])
    assert shared == (one.size + two.size, two.size)
    left = [path.name for path in (tmp_path / "x").rglob("*") if path.name.startswith(".")]
    assert left == []
    for blob in (tmp_path / "x/blobs/sha256").iterdir():
        assert digest(blob.read_bytes()) == f"sha256:{blob.name}"


def test_uncompressed_layers_and_foreign_bytes_are_kept(tmp_path: Path) -> None:
    tar = archive(("./", {"type": tarfile.DIRTYPE}), ("./a", {"data": b"1", "uname": "someone"}))
    image = Image.make([Layer.from_blob(tar, TAR)])
    save(image, tmp_path / "x")
    assert load(tmp_path / "x").layers[0].blob == tar


def test_skopeo_accepts_the_layout_and_we_take_its_copy(tmp_path: Path) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed (Debian: apt-get install skopeo)")
    image = example()
    save(image, tmp_path / "x", "hello")
    for target in ("dir:dir", "oci:copy:hello"):
        command = ["skopeo", "--insecure-policy", "copy", "oci:x:hello", target]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    manifest = (tmp_path / "dir/manifest.json").read_bytes()
    assert digest(manifest) == image.digest
    assert load(tmp_path / "copy", "hello") == image


@pytest.mark.skipif(os.geteuid() != 0, reason="podman's own storage is tested as root")
def test_podman_loads_the_layout(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if not shutil.which("podman"):
        pytest.skip("podman is not installed (Debian: apt-get install podman)")
    image = example()
    save(image, tmp_path / "x", "hello")
    # podman takes no runroot of more than 50 characters.
    short = tempfile.mkdtemp(prefix="podman-")
    request.addfinalizer(lambda: shutil.rmtree(short, ignore_errors=True))
    store = ["--root", str(tmp_path / "root"), "--runroot", short]
    podman = ["podman", *store, "--storage-driver", "vfs"]

    def run(*words: str) -> str:
        done = subprocess.run([*podman, *words], capture_output=True, text=True, timeout=120)
        if "Operation not permitted" in done.stderr:
            pytest.skip(f"podman may not do this here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    loaded = run("pull", "--quiet", f"oci:{tmp_path}/x:hello").split()[-1]
    assert f"sha256:{loaded}" == image.id
    found = json.loads(run("image", "inspect", loaded))[0]
    assert found["RootFS"]["Layers"] == list(image.diff_ids)
    assert found["Config"]["Cmd"] == ["/bin/hello"]
    run("save", "--format", "oci-dir", "-o", str(tmp_path / "back"), loaded)
    back = load(tmp_path / "back")
    assert back.id == image.id
    assert back.union.tree == image.union.tree
    mounted = Path(run("image", "mount", loaded).strip())
    assert read_tree(mounted) == image.union.tree
