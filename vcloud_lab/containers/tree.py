"""A file system tree in memory: what an image's layers add up to, and what a build works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vcloud_lab.containers.paths import above, check_target, clean
from vcloud_lab.errors import ImageError

__all__ = ["Directory", "File", "Node", "Symlink", "Tree", "hard_links"]

MOST_LINKS = 40
"""Symbolic links followed for one path: as many as Linux follows before it says ELOOP."""


@dataclass(frozen=True)
class File:
    """A regular file. One ``File`` object under two paths is a hard link, as one inode is."""

    data: bytes = b""
    mode: int = 0o644

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes):
            raise ImageError(
                f"A file's data are of the type {type(self.data).__name__}: bytes are needed; try "
                "b'...' or text.encode()."
            )
        check_mode(self.mode)


@dataclass(frozen=True)
class Directory:
    """A directory; what is in it stands in the tree under longer paths."""

    mode: int = 0o755

    def __post_init__(self) -> None:
        check_mode(self.mode)


@dataclass(frozen=True)
class Symlink:
    """A symbolic link. A target that begins with ``/`` begins at the image's root."""

    target: str


Node = File | Directory | Symlink
"""Owner and group of every node are 0, its time is 0: what differs between machines is left out."""


def check_mode(mode: object) -> None:
    """Raises ``ImageError`` unless ``mode`` is an integer from 0 to 0o7777."""
    if not isinstance(mode, int) or not 0 <= mode <= 0o7777:
        raise ImageError(f"The mode {mode!r} is not one of 0 to 0o7777: try 0o644 or 0o755.")


class Tree(Mapping[str, Node]):
    """Paths such as ``etc/hosts`` and their nodes; the root itself is not among them.

    Made of a mapping from paths to nodes, or to bytes as short for a ``File``. The directories that
    the paths are in are added, so a parent is always a directory. Methods take paths with or
    without ``/`` in front and follow symbolic links as a process whose root this is would: no path
    leads out. Each method changes everything or, when it raises ``ImageError``, nothing.

    Two trees are equal when the same paths have equal nodes and the same of them are hard links.
    """

    def __init__(self, nodes: Mapping[str, Node | bytes] | None = None) -> None:
        self._nodes: dict[str, Node] = {}
        for path, node in (nodes or {}).items():
            self._place(clean(path), File(node) if isinstance(node, bytes) else node)

    def __getitem__(self, path: str) -> Node:
        return self._nodes[path]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._nodes))

    def __len__(self) -> int:
        return len(self._nodes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree):
            return NotImplemented
        return self._nodes == other._nodes and set(hard_links(self)) == set(hard_links(other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tree({len(self)} paths)"

    def copy(self) -> Tree:
        """A tree of its own with the same nodes; nodes never change, so they are shared."""
        other = Tree()
        other._nodes = dict(self._nodes)
        return other

    def listing(self) -> tuple[str, ...]:
        """Every path, sorted; a directory's ends with ``/``."""
        return tuple(
            path + "/" if isinstance(self._nodes[path], Directory) else path for path in self
        )

    def resolve(self, path: str, *, last: bool = True) -> str:
        """The path with its symbolic links followed; ``""`` is the root.

        The end of it need not exist. With ``last=False`` a link at the very end is not followed.
        Raises ``ImageError`` for more than 40 links and for a way through a file.
        """
        ahead, found, followed = clean(path).split("/")[::-1], "", 0
        while ahead:
            name = ahead.pop()
            if name in ("", "."):
                continue
            if name == "..":
                found = found.rpartition("/")[0]
                continue
            here = f"{found}/{name}" if found else name
            node = self._nodes.get(here)
            if isinstance(node, Symlink) and (ahead or last):
                followed += 1
                if followed > MOST_LINKS:
                    raise ImageError(
                        f"The path {path!r} leads through more than {MOST_LINKS} symbolic links: "
                        "they go in a circle; point one of them elsewhere."
                    )
                found = "" if node.target.startswith("/") else found
                ahead += node.target.split("/")[::-1]
            elif isinstance(node, File) and ahead:
                raise ImageError(
                    f"The path {path!r} leads through {here!r}, which is not a directory."
                )
            else:
                found = here
        return found

    def read(self, path: str) -> bytes:
        """The data of a file. Raises ``ImageError`` where there is none."""
        node = self._nodes.get(self.resolve(path))
        if not isinstance(node, File):
            what = "it is a directory" if isinstance(node, Directory) else "there is nothing"
            raise ImageError(f"There is no file {path!r} to read: {what}; look at listing().")
        return node.data

    def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        """Make a file, or write one anew under all of its names; the directories come with it.

        A new file's mode is 0o644 unless given. Raises ``ImageError`` where a directory stands.
        """
        real = self.resolve(path)
        old = self._nodes.get(real)
        if isinstance(old, File):
            new = replace(old, data=data, mode=old.mode if mode is None else mode)
            for name in [name for name, node in self._nodes.items() if node is old]:
                self._nodes[name] = new
        else:
            self._place(real, File(data, 0o644 if mode is None else mode))

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Make a directory and those above it, or give one that is there this mode."""
        self._place(self.resolve(path), Directory(mode))

    def symlink(self, path: str, target: str) -> None:
        """Make a symbolic link at a path where nothing is; the target need not exist."""
        self._place_new(path, Symlink(target))

    def link(self, path: str, existing: str) -> None:
        """Give an existing file one more name, at a path where nothing is: a hard link."""
        node = self._nodes.get(self.resolve(existing, last=False))
        if not isinstance(node, File):
            raise ImageError(f"There is no file {existing!r} to link to: only files have links.")
        self._place_new(path, node)

    def remove(self, path: str) -> None:
        """Remove a name and everything beneath it; a symbolic link's target stays.

        Raises ``ImageError`` where there is nothing.
        """
        real = self.resolve(path, last=False)
        if real not in self._nodes:
            raise ImageError(f"There is no {path!r} to remove: look at listing().")
        for name in [name for name in self._nodes if name == real or name.startswith(real + "/")]:
            del self._nodes[name]

    def merge(self, other: Tree, to: str = "") -> None:
        """Copy another tree into a directory, over what is there under the same names.

        Raises ``ImageError`` where a directory would have to become something else, or the reverse.
        """
        base = self.resolve(to) if to.strip("/.") else ""
        trial = self.copy()
        if base and not isinstance(self._nodes.get(base), Directory):
            trial._place(base, Directory())
        for path in other:
            whole = trial.resolve(f"{base}/{path}", last=isinstance(other[path], Directory))
            trial._place(whole, other[path])
        self._nodes = trial._nodes

    def _place_new(self, path: str, node: Node) -> None:
        real = self.resolve(path, last=False)
        if real in self._nodes:
            raise ImageError(f"There is something at {path!r} already: remove it first.")
        self._place(real, node)

    def _place(self, path: str, node: Node) -> None:
        """Put a node at a path without links, with the directories above: the only way in."""
        # Checked here too: a symbolic link's target may have led to a name that is not allowed.
        path = clean(path)
        if isinstance(node, Symlink):
            check_target(path, node.target)
        elif not isinstance(node, (File, Directory)):
            raise ImageError(
                f"At {path!r} stands {node!r:.60}: a File, Directory, Symlink or bytes is needed."
            )
        parents: dict[str, Node] = {}
        for parent in above(path):
            parents[parent] = self._nodes.get(parent, Directory())
            if not isinstance(parents[parent], Directory):
                raise ImageError(
                    f"The path {path!r} leads through {parent!r}, which is not a directory."
                )
        old = self._nodes.get(path, node)
        if isinstance(old, Directory) != isinstance(node, Directory):
            raise ImageError(
                f"At {path!r} stands a {'directory' if isinstance(old, Directory) else 'file'}: "
                "remove it before something of another kind takes its place."
            )
        self._nodes.update(parents)
        self._nodes[path] = node


def hard_links(nodes: Mapping[str, object]) -> tuple[tuple[str, ...], ...]:
    """The groups of two and more paths, sorted, that are one and the same file."""
    names: dict[int, list[str]] = {}
    for path in sorted(nodes):
        if isinstance(nodes[path], File):
            names.setdefault(id(nodes[path]), []).append(path)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)
