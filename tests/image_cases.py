"""Random trees and layers for the tests of container images, and archives made by hand."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

from hypothesis import strategies as st

from vcloud_lab.containers.tree import Directory, File, Symlink, Tree
from vcloud_lab.errors import ImageError

NAMES = ["a", "b", "a-b", "a.b", "é", "n" * 120, " "]
MODES = [0o644, 0o755, 0o600, 0o4755]


@st.composite
def trees(draw: st.DrawFn, most: int = 12) -> Tree:
    """Trees of a few names, so that paths meet, with hard and symbolic links."""
    tree = Tree()
    name = st.sampled_from(NAMES)
    path = st.lists(name, min_size=1, max_size=4).map("/".join)

    def act(where: str) -> None:
        actions: list[Callable[[], None]] = [
            lambda: tree.write(where, draw(st.binary(max_size=3)), draw(st.sampled_from(MODES))),
            lambda: tree.mkdir(where, draw(st.sampled_from([0o755, 0o700, 0o1777]))),
            lambda: tree.symlink(where, draw(st.sampled_from(["a", "/b/a", "missing", "n" * 150]))),
            lambda: tree.link(where, draw(path)),
            lambda: tree.remove(where),
        ]
        draw(st.sampled_from(actions))()

    for _ in range(draw(st.integers(0, most))):
        try:
            act(draw(path))
        except ImageError:
            continue
    return tree


def archive(*members: tuple[str, dict[str, object]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar archive by Python's tarfile; a member is its name and what is not as usual in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, changes in members:
            member = tarfile.TarInfo(name)
            data = changes.pop("data", b"")
            assert isinstance(data, bytes)
            member.size = len(data)
            for key, value in changes.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def model(tree: Tree) -> dict[str, tuple[object, ...]]:
    """A tree as plain values: kind, contents, mode, and the names of one file."""
    return {
        path: ("file", node.data, node.mode, tuple(p for p in tree if tree[p] is node))
        if isinstance(node, File)
        else ("dir", node.mode)
        if isinstance(node, Directory)
        else ("symlink", node.target)
        for path, node in tree.items()
        if isinstance(node, (File, Directory, Symlink))
    }
