"""The union file system overlayfs: read-only lower layers and one upper layer that takes writes.

Source: the Linux kernel's Documentation/filesystems/overlayfs.rst; the marks in layers of images
are those of the OCI image specification (layer.md, "Representing Changes").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from vcloud_lab.containers.files import (
    Directory,
    File,
    FileSystem,
    Node,
    Path,
    Symlink,
    Tmpfs,
    Whiteout,
)

__all__ = ["Overlay", "layer_entries", "layer_tree"]

MARK = ".wh."
OPAQUE = ".wh..wh..opq"


class Overlay(FileSystem):
    """The union of ``lowers`` (the top one first) and, above them, ``upper``.

    Without an upper layer it is read-only. ``copied`` lists the paths that were copied up, in
    order. The layers may be looked at, but not be changed, while the overlay is in use.
    """

    kind = "overlay"

    def __init__(self, lowers: Sequence[Directory], upper: Directory | None = None) -> None:
        self.lowers = tuple(lowers)
        self.upper = upper
        self.read_only = upper is None
        self.copied: list[Path] = []

    def find(self, path: Path) -> Node | None:
        found = self._stack(path)
        return found[0] if found else None

    def names(self, path: Path) -> list[str]:
        names = {name for node in self._stack(path) for name in cast(Directory, node).entries}
        return sorted(name for name in names if self._stack((*path, name)))

    def create(self, path: Path, node: Node) -> None:
        above = self._raised(path[:-1])
        if isinstance(node, Directory):
            # Only a whiteout tells that the layers below have something that must stay hidden.
            node.opaque = isinstance(above.entries.get(path[-1]), Whiteout)
        above.entries[path[-1]] = node

    def write(self, path: Path, data: bytes) -> None:
        cast(File, self._copy_up(path)).data = data

    def remove(self, path: Path) -> None:
        above = self._raised(path[:-1])
        above.entries.pop(path[-1], None)
        if self._stack(path):
            above.entries[path[-1]] = Whiteout()

    def change(self, path: Path, uid: int, gid: int, mode: int) -> None:
        node = self._copy_up(path)
        node.uid, node.gid, node.mode = uid, gid, mode

    def _stack(self, path: Path) -> list[Node]:
        """What the layers show at a path, top first: directories that merge, or one other node."""
        layers = self.lowers if self.upper is None else (self.upper, *self.lowers)
        found = _visible(layers)
        for name in path:
            if not found or not isinstance(found[0], Directory):
                return []
            found = _visible([cast(Directory, node).entries.get(name) for node in found])
        return found

    def _raised(self, path: Path) -> Directory:
        return cast(Directory, self._copy_up(path))

    def _copy_up(self, path: Path) -> Node:
        """The node at a path in the upper layer, copied there with the way to it if need be."""
        assert self.upper is not None
        node: Node = self.upper
        for at, name in enumerate(path, 1):
            entries = cast(Directory, node).entries
            if name not in entries:
                seen = self._stack(path[:at])[0]
                entries[name] = replace(seen)
                if isinstance(seen, Directory):
                    # The copy is empty: what the directory holds still shows through.
                    entries[name] = replace(seen, entries={}, opaque=False)
                self.copied.append(path[:at])
            node = entries[name]
        return node


def _visible(nodes: Sequence[Node | None]) -> list[Node]:
    """Those of the nodes at one place, top first, that show: a directory merges with directories
    right below it; anything else, a whiteout or an opaque directory ends the view."""
    found: list[Node] = []
    for node in nodes:
        if node is None:
            continue
        if not isinstance(node, Directory):
            return found or ([] if isinstance(node, Whiteout) else [node])
        found.append(node)
        if node.opaque:
            break
    return found


def layer_entries(layer: Directory) -> dict[str, bytes | str | None]:
    """A layer in the manner of an image: path -> contents, a symbolic link's target, or None for a
    directory; whiteouts and opaque directories as marks, files whose names begin with ``.wh.``."""
    entries: dict[str, bytes | str | None] = {OPAQUE: b""} if layer.opaque else {}
    for name, node in sorted(layer.entries.items()):
        if isinstance(node, Directory):
            entries[name] = None
            entries |= {f"{name}/{below}": what for below, what in layer_entries(node).items()}
        elif isinstance(node, Whiteout):
            entries[MARK + name] = b""
        elif isinstance(node, Symlink):
            entries[name] = node.target
        elif isinstance(node, File):
            entries[name] = node.data
    return entries


def layer_tree(entries: Mapping[str, bytes | str | None]) -> Directory:
    """The layer that ``layer_entries`` tells of; directories that are not listed are made."""
    tree = Tmpfs()
    for path, what in entries.items():
        *way, name = path.strip("/").split("/")
        above = tree.root
        for step in way:
            above = cast(Directory, above.entries.setdefault(step, Directory()))
        if name == OPAQUE:
            above.opaque = True
        elif name.startswith(MARK):
            above.entries[name.removeprefix(MARK)] = Whiteout()
        elif what is None:
            above.entries.setdefault(name, Directory())
        else:
            above.entries[name] = Symlink(what) if isinstance(what, str) else File(what)
    return tree.root
