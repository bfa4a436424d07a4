"""The union of layers: one tree to look at, and the layer that each part of it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vcloud_lab.containers.layer import HardLink, Layer
from vcloud_lab.containers.paths import above, clean
from vcloud_lab.containers.tree import Directory, File, Node, Tree
from vcloud_lab.errors import ImageError

__all__ = ["UnionView"]


class UnionView:
    """What a container sees of a stack of layers, the lowest first.

    ``tree`` is the sum; a layer's whiteouts act on the layers beneath it, never on its own files,
    wherever they stand in the archive (OCI image specification, layer.md). Where a layer has paths
    in a directory that it does not store, what stands there beneath keeps its mode if it is a
    directory and is replaced by one if not: a symbolic link beneath is never followed.
    Raises ``ImageError`` for a hard link to a file that the layers beneath do not have.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        self._sources: dict[str, int] = {}
        nodes: dict[str, Node] = {}
        for number, layer in enumerate(self.layers):
            kept = {path: node for path, node in nodes.items() if not hides(layer, path)}
            added = {path: found(node, path, kept) for path, node in layer.nodes.items()}
            for path in layer.implied:
                if not isinstance(kept.get(path), Directory):
                    added[path] = Directory()
            nodes = kept | added
            self._sources = {path: self._sources[path] for path in kept}
            self._sources.update(dict.fromkeys(added, number))
        self.tree = Tree(nodes)

    def listing(self) -> tuple[str, ...]:
        """Every visible path, sorted; a directory's ends with ``/``."""
        return self.tree.listing()

    def read(self, path: str) -> bytes:
        """The data of a file, with symbolic links followed inside the image.

        Raises ``ImageError`` where there is no file.
        """
        return self.tree.read(path)

    def source(self, path: str) -> int:
        """The number of the layer that a visible path comes from; 0 is the lowest.

        A symbolic link at the end is not followed. Raises ``ImageError`` for an invisible path.
        """
        real = self.tree.resolve(path, last=False)
        if real not in self._sources:
            raise ImageError(f"The path {path!r} is not visible: look at listing() or trace().")
        return self._sources[real]

    def trace(self, path: str) -> tuple[str, ...]:
        """What each layer does to a path, the lowest first.

        ``"adds"`` (or replaces) it, ``"removes"`` it by a whiteout, ``"hides"`` it by what it does
        to a directory above (an opaque whiteout, one for the directory, a file in its place), or
        ``"-"``: says nothing of it. The path counts as written, without links being followed.
        """
        path = clean(path)
        return tuple(
            "adds"
            if path in layer.nodes
            else "removes"
            if path in layer.removed
            else "hides"
            if hides(layer, path)
            else "-"
            for layer in self.layers
        )


def hides(layer: Layer, path: str) -> bool:
    """Whether the layer takes away what the layers beneath have at the path."""
    return (
        path in layer.removed
        or "" in layer.opaque
        or any(
            parent in layer.removed
            or parent in layer.opaque
            or not isinstance(layer.nodes.get(parent, Directory()), Directory)
            for parent in above(path)
        )
    )


def found(node: Node | HardLink, path: str, kept: Mapping[str, Node]) -> Node:
    """The node, or the file beneath that a hard link names."""
    if not isinstance(node, HardLink):
        return node
    file = kept.get(node.target)
    if not isinstance(file, File):
        raise ImageError(
            f"The hard link {path!r} leads to {node.target!r}, and the layers beneath have no file "
            "there: put the file into the layer too."
        )
    return file
