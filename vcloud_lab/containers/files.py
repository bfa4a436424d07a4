"""Files and directories, and the simplest file system: a tree of dictionaries, like tmpfs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vcloud_lab.errors import KernelError

__all__ = [
    "Directory",
    "File",
    "FileSystem",
    "Node",
    "Path",
    "Symlink",
    "Tmpfs",
    "Whiteout",
    "split",
]

Path = tuple[str, ...]
"""The names on the way from the root of a file system; () is the root itself."""


@dataclass(eq=False, kw_only=True)
class Node:
    """What a name stands for; ``uid`` and ``gid`` are those of the initial user namespace."""

    uid: int = 0
    gid: int = 0
    mode: int = 0o644


@dataclass(eq=False)
class File(Node):
    """A regular file."""

    data: bytes = b""


@dataclass(eq=False)
class Directory(Node):
    """A directory; an ``opaque`` one hides what the layers below have at its place."""

    entries: dict[str, Node] = field(default_factory=dict)
    opaque: bool = False
    mode: int = field(default=0o755, kw_only=True)


@dataclass(eq=False)
class Symlink(Node):
    """A symbolic link."""

    target: str = "/"


class Whiteout(Node):
    """A mark in an upper layer (Linux: a character device 0/0): the layers below do not show."""


class FileSystem:
    """What a mount shows. Callers have checked that a call makes sense (`calls_files`)."""

    kind = "none"
    read_only = False

    def find(self, path: Path) -> Node | None:
        """The node at a path, or None; do not change what a directory of it holds."""
        raise NotImplementedError

    def names(self, path: Path) -> list[str]:
        """The sorted names in the directory at a path."""
        raise NotImplementedError

    def create(self, path: Path, node: Node) -> None:
        """Put a new node at a path that has none, in a directory that exists."""
        raise KernelError("EPERM", f"{self.kind} makes its files itself; none can be added.")

    def write(self, path: Path, data: bytes) -> None:
        """Replace the contents of the file at a path."""
        raise KernelError("EACCES", f"The files of {self.kind} are only read here.")

    def remove(self, path: Path) -> None:
        """Take away a file or an empty directory."""
        raise KernelError("EPERM", f"{self.kind} makes its files itself; none can be removed.")

    def change(self, path: Path, uid: int, gid: int, mode: int) -> None:
        """Set the owner and the permissions of the node at a path."""
        raise KernelError("EPERM", f"{self.kind} sets the owners of its files itself.")


class Tmpfs(FileSystem):
    """A file system in memory, from ``root`` down (a new, empty directory unless given)."""

    kind = "tmpfs"

    def __init__(self, root: Directory | None = None) -> None:
        self.root = root or Directory()

    def find(self, path: Path) -> Node | None:
        node: Node | None = self.root
        for name in path:
            if not isinstance(node, Directory):
                return None
            node = node.entries.get(name)
        return node

    def names(self, path: Path) -> list[str]:
        return sorted(self._directory(path).entries)

    def create(self, path: Path, node: Node) -> None:
        self._directory(path[:-1]).entries[path[-1]] = node

    def write(self, path: Path, data: bytes) -> None:
        node = self.find(path)
        assert isinstance(node, File)
        node.data = data

    def remove(self, path: Path) -> None:
        del self._directory(path[:-1]).entries[path[-1]]

    def change(self, path: Path, uid: int, gid: int, mode: int) -> None:
        node = self.find(path)
        assert node is not None
        node.uid, node.gid, node.mode = uid, gid, mode

    def _directory(self, path: Path) -> Directory:
        node = self.find(path)
        assert isinstance(node, Directory)
        return node


def split(path: str) -> list[str]:
    """The names of an absolute path. Raises ``KernelError`` (EINVAL) for others, as the model
    keeps no working directories."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise KernelError(
            "EINVAL",
            f"The path is {path!r}: the model knows no working directory, so a path must begin "
            f"with /; try {'/' + str(path)!r}.",
        )
    return [name for name in path.split("/") if name not in ("", ".")]


def show(path: Iterable[str]) -> str:
    """A path as text."""
    return "/" + "/".join(path)
