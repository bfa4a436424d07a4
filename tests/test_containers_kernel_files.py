"""Mounts and overlays of the model kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcloud_lab.containers.files import Directory, File, Symlink, Tmpfs
from vcloud_lab.containers.kernel import Kernel
from vcloud_lab.containers.overlay import Overlay, layer_entries, layer_tree
from vcloud_lab.errors import KernelError

Entries = Mapping[str, bytes | str | None]
NAMES = ["a", "b", "c"]


def view(kernel: Kernel, path: str) -> dict[str, bytes | str | None]:
    """All that shows below a directory."""
    seen: dict[str, bytes | str | None] = {}
    for name in kernel.names(kernel.init, path):
        below = f"{path}/{name}"
        kind = kernel.stat(kernel.init, below).kind
        if kind == "directory":
            seen[name] = None
            seen |= {f"{name}/{key}": what for key, what in view(kernel, below).items()}
        elif kind == "symlink":
            seen[name] = kernel.readlink(kernel.init, below)
        else:
            seen[name] = kernel.read(kernel.init, below).encode()
    return seen


def applied(layers: list[Entries]) -> dict[str, bytes | str | None]:
    """Layers of an image, the lowest first, unpacked one over the other: the independent model."""
    root: dict[str, bytes | str | None] = {}

    def drop(path: str) -> None:
        for known in [one for one in root if one == path or one.startswith(path + "/")]:
            del root[known]

    for layer in layers:
        # All marks first: they are about the layers below.
        for path in layer:
            folder, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                for known in [one for one in root if not folder or one.startswith(folder + "/")]:
                    del root[known]
            elif name.startswith(".wh."):
                drop(f"{folder}/{name[4:]}".lstrip("/"))
        for path, what in layer.items():
            if path.rpartition("/")[2].startswith(".wh."):
                continue
            for end in [at for at, letter in enumerate(path) if letter == "/"]:
                if root.setdefault(path[:end]) is not None:
                    drop(path[:end])
                    root[path[:end]] = None
            if what is not None or root.get(path) is not None:
                drop(path)
            root[path] = what
    return root


@st.composite
def layers_drawn(draw: st.DrawFn, depth: int = 2) -> Entries:
    entries: dict[str, bytes | str | None] = {}

    def fill(prefix: str, left: int) -> None:
        if prefix and draw(st.integers(0, 5)) == 0:
            entries[prefix + ".wh..wh..opq"] = b""
        for name in NAMES:
            kind = draw(
                st.sampled_from(["none", "none", "file", "link", "gone", "folder", "folder"])
            )
            if kind == "file":
                entries[prefix + name] = draw(st.sampled_from([b"1", b"2"]))
            elif kind == "link":
                entries[prefix + name] = "/target"
            elif kind == "gone":
                entries[f"{prefix}.wh.{name}"] = b""
            elif kind == "folder":
                entries[prefix + name] = None
                if left:
                    fill(f"{prefix}{name}/", left - 1)

    fill("", depth)
    return entries


def mounted(layers: list[Entries]) -> Kernel:
    """An overlay at /m of the layers (the lowest first) and an upper one, in a new kernel."""
    kernel = Kernel()
    base = kernel.init.ns.mnt.root.fs
    assert isinstance(base, Tmpfs)
    for number, layer in enumerate(layers):
        base.root.entries[f"l{number}"] = layer_tree(layer)
    for path in ("/m", "/upper", "/work"):
        kernel.mkdir(kernel.init, path)
    lower = [f"/l{number}" for number in range(len(layers))][::-1]
    kernel.mount(kernel.init, "overlay", "/m", lower=lower, upper="/upper", work="/work")
    return kernel


@given(layers=st.lists(layers_drawn(), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_the_union_is_that_of_the_layers_of_an_image(layers: list[Entries]) -> None:
    assert view(mounted(layers), "/m") == applied(layers)
    for layer in layers:
        assert layer_entries(layer_tree(layer)) == dict(layer)


PATHS = ["/a", "/b", "/a/a", "/a/b", "/b/a", "/b/c", "/a/a/a", "/a/b/c"]
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "mkdir", "remove", "symlink"]), st.sampled_from(PATHS)),
    max_size=15,
)


def tried(call: Callable[[], object]) -> str:
    try:
        call()
    except KernelError as no:
        return no.name
    return "done"


@given(layers=st.lists(layers_drawn(), min_size=1, max_size=3), steps=STEPS)
@settings(max_examples=300, deadline=None)
def test_an_overlay_takes_writes_like_a_plain_file_system(
    layers: list[Entries], steps: list[tuple[str, str]]
) -> None:
    one, two = mounted(layers), Kernel()
    plain = two.init.ns.mnt.root.fs
    assert isinstance(plain, Tmpfs)
    plain.root.entries["m"] = layer_tree(view(one, "/m"))
    for number, (step, path) in enumerate(steps):
        answers = []
        for kernel in (one, two):
            act = getattr(kernel, step)
            args = {"write": (f"/m{path}", str(number)), "symlink": ("a", f"/m{path}")}
            call = args.get(step, (f"/m{path}",))
            answers.append(tried(lambda act=act, kernel=kernel, call=call: act(kernel.init, *call)))  # type: ignore[misc]
        assert answers[0] == answers[1]
        assert view(one, "/m") == view(two, "/m")
    # The lower layers are untouched, and the upper one is the difference, as a layer of an image.
    base = one.init.ns.mnt.root.fs
    assert isinstance(base, Tmpfs)
    tree = layer_entries(base.root)
    for number, layer in enumerate(layers):
        start = f"l{number}/"
        kept = {key[len(start) :]: what for key, what in tree.items() if key.startswith(start)}
        assert kept == dict(layer)
    upper = base.root.entries["upper"]
    assert isinstance(upper, Directory)
    assert applied([*layers, layer_entries(upper)]) == view(one, "/m")


def test_copy_up_by_hand() -> None:
    kernel = mounted([{"etc/name": b"old", "etc/other": b"x", "bin/sh": b"#!"}])
    init = kernel.init
    kernel.write(init, "/m/etc/name", "new")
    kernel.remove(init, "/m/bin/sh")
    kernel.remove(init, "/m/bin")
    kernel.mkdir(init, "/m/bin")
    assert kernel.read(init, "/l0/etc/name") == "old"
    overlay = init.ns.mnt.walk("/m").mount.fs
    assert isinstance(overlay, Overlay)
    assert overlay.copied == [("etc",), ("etc", "name"), ("bin",)]
    assert overlay.upper is not None
    assert layer_entries(overlay.upper) == {
        "bin": None,
        "bin/.wh..wh..opq": b"",
        "etc": None,
        "etc/name": b"new",
    }
    assert kernel.stat(init, "/upper/etc").kind == "directory"


def test_an_overlay_without_upper_is_read_only() -> None:
    kernel = mounted([{"a": b"1"}])
    kernel.mkdir(kernel.init, "/r")
    kernel.mount(kernel.init, "overlay", "/r", lower=["/l0"])
    assert kernel.read(kernel.init, "/r/a") == "1"
    with pytest.raises(KernelError, match="EROFS: /r/a is on a read-only mount"):
        kernel.write(kernel.init, "/r/a", "2")


def test_a_container_has_a_root_of_its_own() -> None:
    kernel = mounted([{"etc/name": b"image", "proc": None, "old": None}])
    box = kernel.spawn(kernel.init, "sh", new=("mnt", "pid"))
    kernel.pivot_root(box, "/m", "/m/old")
    kernel.mount(box, "proc", "/proc")
    assert kernel.names(box, "/old") == ["l0", "m", "proc", "sys", "tmp", "upper", "work"]
    kernel.umount(box, "/old", detach=True)
    assert kernel.names(box, "/") == ["etc", "old", "proc"]
    assert kernel.names(box, "/proc") == ["1", "self"]
    assert [at for at, _ in box.ns.mnt.mounts()] == ["/", "/proc"]
    assert kernel.read(kernel.init, "/m/etc/name") == "image"
    assert kernel.names(kernel.init, "/proc") == ["1", "2", "self"]


def test_the_old_root_can_lie_under_the_new_one() -> None:
    kernel = mounted([{"hello": b"x"}])
    box = kernel.spawn(kernel.init, "sh", new=("mnt",))
    kernel.pivot_root(box, "/m", "/m")
    assert "tmp" in kernel.names(box, "/")
    kernel.umount(box, "/", detach=True)
    assert kernel.names(box, "/") == ["hello"]


def test_mounts_are_private_and_bind_mounts_share_files() -> None:
    kernel = Kernel()
    init = kernel.init
    box = kernel.spawn(init, "sh", new=("mnt",))
    for path in ("/tmp/one", "/tmp/two"):
        kernel.mkdir(init, path)
    kernel.mount(box, "bind", "/tmp/two", source="/tmp/one", read_only=True)
    kernel.write(init, "/tmp/one/f", "x")
    assert kernel.read(box, "/tmp/two/f") == "x"
    assert kernel.names(init, "/tmp/two") == []
    with pytest.raises(KernelError, match="EROFS"):
        kernel.remove(box, "/tmp/two/f")
    kernel.remount(box, "/tmp/two", read_only=False)
    kernel.write(box, "/tmp/two/f", "y")
    assert kernel.read(init, "/tmp/one/f") == "y"
    kernel.write(init, "/tmp/file", "whole")
    kernel.mount(box, "bind", "/tmp/one/f", source="/tmp/file")
    # A bind mount is of one mount, without those on it.
    assert (kernel.read(box, "/tmp/one/f"), kernel.read(box, "/tmp/two/f")) == ("whole", "y")
    kernel.mount(box, "tmpfs", "/tmp/one")
    assert kernel.names(box, "/tmp/one") == []
    kernel.umount(box, "/tmp/one")
    assert kernel.read(box, "/tmp/one/f") == "whole"


def test_symbolic_links() -> None:
    kernel = Kernel()
    init = kernel.init
    kernel.mkdir(init, "/tmp/d")
    kernel.write(init, "/tmp/d/f", "x")
    kernel.symlink(init, "d/../d", "/tmp/rel")
    kernel.symlink(init, "/tmp/rel/f", "/tmp/abs")
    assert kernel.read(init, "/tmp/rel/f") == kernel.read(init, "/tmp/abs") == "x"
    assert kernel.read(init, "/../tmp/./d//f") == "x"
    assert kernel.readlink(init, "/proc/self") == "1"
    assert kernel.readlink(init, "/proc/1/ns/uts") == "uts:[4026531838]"
    kernel.remove(init, "/tmp/abs")
    assert kernel.names(init, "/tmp") == ["d", "rel"]


def test_mounts_of_a_namespace_with_more_rights_are_locked() -> None:
    kernel = Kernel()
    kernel.mkdir(kernel.init, "/m")
    kernel.mount(kernel.init, "tmpfs", "/m", read_only=True)
    user = kernel.spawn(kernel.init, "sh")
    kernel.set_user(user, 1000, 1000)
    box = kernel.spawn(user, "sh", new=("user", "mnt"))
    with pytest.raises(KernelError, match="EINVAL: /m cannot be unmounted: a user namespace"):
        kernel.umount(box, "/m")
    with pytest.raises(KernelError, match="EPERM: /m came read-only"):
        kernel.remount(box, "/m", read_only=False)
    kernel.mount(box, "tmpfs", "/tmp")
    kernel.write(box, "/tmp/mine", "x")
    assert kernel.stat(box, "/tmp/mine").uid == 65534
    assert kernel.names(kernel.init, "/tmp") == []


@pytest.mark.parametrize(
    ("name", "words", "call"),
    [
        ("EINVAL", "The path is 'tmp'", lambda k, p: k.read(p, "tmp")),
        ("ENOENT", "/tmp/x does not exist", lambda k, p: k.read(p, "/tmp/x")),
        ("ENOENT", "/x on the way does not exist", lambda k, p: k.read(p, "/x/y")),
        ("ENOTDIR", "/tmp/f on the way is no directory", lambda k, p: k.read(p, "/tmp/f/y")),
        ("ENOTDIR", "/tmp/f is no directory", lambda k, p: k.names(p, "/tmp/f")),
        ("ELOOP", "more than 40", lambda k, p: k.read(p, "/tmp/loop")),
        ("EISDIR", "/tmp is a directory", lambda k, p: k.read(p, "/tmp")),
        ("ENXIO", "/tmp/gone is no regular file", lambda k, p: k.read(p, "/tmp/gone")),
        ("EEXIST", "/tmp/f exists already", lambda k, p: k.mkdir(p, "/tmp/f")),
        ("EBUSY", "/proc is a mount point", lambda k, p: k.remove(p, "/proc")),
        ("ENOTEMPTY", "/tmp/d is not empty", lambda k, p: k.remove(p, "/tmp/d")),
        ("EINVAL", "/tmp is no symbolic link", lambda k, p: k.readlink(p, "/tmp")),
        ("ENODEV", "no file system 'ext4'", lambda k, p: k.mount(p, "ext4", "/tmp")),
        ("EINVAL", "has no source", lambda k, p: k.mount(p, "bind", "/tmp")),
        ("ENOTDIR", "must both be", lambda k, p: k.mount(p, "tmpfs", "/tmp/f")),
        ("EINVAL", "needs a lower layer", lambda k, p: k.mount(p, "overlay", "/tmp")),
        (
            "EINVAL",
            "no directory of a tmpfs",
            lambda k, p: k.mount(p, "overlay", "/tmp", lower=["/proc"]),
        ),
        (
            "EINVAL",
            "side by side",
            lambda k, p: k.mount(p, "overlay", "/tmp", lower=["/sys"], upper="/tmp", work="/tmp/e"),
        ),
        ("EINVAL", "Nothing is mounted", lambda k, p: k.remount(p, "/tmp", read_only=True)),
        ("EINVAL", "nothing is mounted there", lambda k, p: k.umount(p, "/tmp")),
        ("EBUSY", "root of the namespace", lambda k, p: k.umount(p, "/")),
        ("EBUSY", "mounts lie on it", lambda k, p: k.umount(p, "/sys/fs")),
        ("EBUSY", "/ is on the mount of the root", lambda k, p: k.pivot_root(p, "/", "/")),
        ("EINVAL", "is no mount point", lambda k, p: k.pivot_root(p, "/sys/fs/x", "/sys/fs")),
        ("EINVAL", "not at or below", lambda k, p: k.pivot_root(p, "/sys/fs", "/proc")),
        ("ENOTDIR", "is no directory", lambda k, p: k.pivot_root(p, "/sys/fs", "/sys/fs/f")),
        ("EPERM", "proc makes its files itself; none can be a", lambda k, p: k.mkdir(p, "/proc/x")),
        ("EPERM", "none can be removed", lambda k, p: k.remove(p, "/proc/1/comm")),
        ("EPERM", "sets the owners", lambda k, p: k.chown(p, "/proc/1", 1, 1)),
        ("EACCES", "/proc/1/status is only read", lambda k, p: k.write(p, "/proc/1/status", "")),
    ],
)
def test_what_is_refused(name: str, words: str, call: Callable[[Kernel, object], object]) -> None:
    kernel = Kernel()
    init = kernel.init
    kernel.write(init, "/tmp/f", "x")
    kernel.mkdir(init, "/tmp/d")
    kernel.mkdir(init, "/tmp/e")
    kernel.write(init, "/tmp/d/f", "x")
    kernel.symlink(init, "loop", "/tmp/loop")
    base = init.ns.mnt.root.fs
    assert isinstance(base, Tmpfs)
    base.root.entries["tmp"].entries["gone"] = layer_tree({".wh.gone": b""}).entries["gone"]  # type: ignore[attr-defined]
    kernel.mount(init, "tmpfs", "/sys/fs")
    for path in ("/sys/fs/x", "/sys/fs/cgroup"):
        kernel.mkdir(init, path)
    kernel.write(init, "/sys/fs/f", "")
    kernel.mount(init, "cgroup2", "/sys/fs/cgroup")
    with pytest.raises(KernelError, match=words) as caught:
        call(kernel, init)
    assert caught.value.name == name


def test_rights_to_files() -> None:
    kernel = Kernel()
    init = kernel.init
    user = kernel.spawn(init, "sh")
    kernel.set_user(user, 1000, 1000)
    kernel.write(init, "/tmp/f", "x")
    assert kernel.read(user, "/tmp/f") == "x"
    refused: list[tuple[str, Callable[[], object]]] = [
        (
            "EACCES: Process 2 \\(user 1000\\) must not write",
            lambda: kernel.write(user, "/tmp/f", ""),
        ),
        ("EACCES", lambda: kernel.write(user, "/new", "")),
        ("EPERM: .* must not give", lambda: kernel.chown(user, "/tmp/f", 1000, 1000)),
        ("EPERM: .* does not own", lambda: kernel.chmod(user, "/tmp/f", 0o777)),
        ("EPERM: .* must not mount", lambda: kernel.mount(user, "tmpfs", "/tmp")),
        ("EPERM: .* must not remount", lambda: kernel.remount(user, "/", read_only=True)),
        ("EPERM: .* must not unmount", lambda: kernel.umount(user, "/proc")),
        ("EPERM: .* must not change the root", lambda: kernel.pivot_root(user, "/", "/")),
    ]
    for words, call in refused:
        with pytest.raises(KernelError, match=words):
            call()
    kernel.chmod(init, "/tmp/f", 0o600)
    with pytest.raises(KernelError, match=r"EACCES: .* must not read /tmp/f"):
        kernel.read(user, "/tmp/f")
    kernel.chown(init, "/tmp/f", 1000, 1000)
    kernel.write(user, "/tmp/f", "mine")
    assert kernel.stat(user, "/tmp/f") == ("file", 1000, 1000, 0o600, 4)


def test_layers_as_entries() -> None:
    tree = layer_tree({"a/b": b"x", "a/.wh.c": b"", "l": "to"})
    assert isinstance(tree.entries["a"], Directory)
    assert isinstance(tree.entries["l"], Symlink)
    assert isinstance(tree.entries["a"].entries["b"], File)
    assert layer_entries(tree) == {"a": None, "a/b": b"x", "a/.wh.c": b"", "l": "to"}
