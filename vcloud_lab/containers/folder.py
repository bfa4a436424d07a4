"""Trees and layers out to real directories, and in from them."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vcloud_lab.containers.layer import HardLink, Layer
from vcloud_lab.containers.paths import LIMITS, Limits
from vcloud_lab.containers.tree import Directory, File, Node, Symlink, Tree
from vcloud_lab.errors import ImageError

__all__ = ["new_directory", "read_tree", "write_overlay_layer", "write_tree"]

OPAQUE_XATTR = "trusted.overlay.opaque"


def write_tree(tree: Tree, path: str | Path) -> None:
    """Make a new directory with everything that is in the tree.

    It is made under another name and moved when it is complete. As it begins empty and every parent
    in a tree is a directory, no link is ever followed. Files belong to who calls this; the modes
    are the tree's, set-user-ID bits included. Raises ``ImageError`` where the path exists already
    and for what the system refuses.
    """
    with new_directory(path) as top:
        put(top, {name: tree[name] for name in tree})


def write_overlay_layer(layer: Layer, path: str | Path) -> None:
    """Make a new directory that overlayfs can use as one of its ``lowerdir``.

    A whiteout becomes a character device 0/0 and an opaque directory gets the attribute
    ``trusted.overlay.opaque`` (Linux, Documentation/filesystems/overlayfs.rst), which takes root's
    rights. Raises ``ImageError`` as ``write_tree`` does and for hard links to other layers' files.
    """
    nodes: dict[str, Node] = dict.fromkeys(layer.implied, Directory())
    for name, node in layer.nodes.items():
        if isinstance(node, HardLink):
            raise ImageError(
                f"The hard link {name!r} leads to a file of another layer: overlayfs needs the "
                "file in the same one; write the whole tree with write_tree instead."
            )
        nodes[name] = node

    def mark(top: Path) -> None:
        for name in sorted(layer.removed - nodes.keys()):
            os.mknod(top / name, stat.S_IFCHR, os.makedev(0, 0))
        for name in sorted(layer.opaque):
            os.setxattr(top / name, OPAQUE_XATTR, b"y", follow_symlinks=False)

    with new_directory(path) as top:
        put(top, nodes, mark)


def read_tree(path: str | Path, limits: Limits = LIMITS) -> Tree:
    """The tree of a real directory; links are taken as links, never followed.

    Owners, groups, times and extended attributes are left out. Raises ``ImageError`` for a device
    node, a pipe or a socket, for more than the limits allow, and for what the system refuses.
    """
    nodes: dict[str, Node] = {}
    inodes: dict[tuple[int, int], Node] = {}
    room = limits.size
    try:
        for name, entry in walk(path, ""):
            status = entry.stat(follow_symlinks=False)
            inode, mode = (status.st_dev, status.st_ino), stat.S_IMODE(status.st_mode)
            room -= status.st_size if stat.S_ISREG(status.st_mode) and inode not in inodes else 0
            if room < 0 or len(nodes) >= limits.entries:
                raise ImageError(
                    f"The directory {str(path)!r} holds more than {limits.size} bytes or "
                    f"{limits.entries} entries: that is the limit; pass other limits."
                )
            if stat.S_ISDIR(status.st_mode):
                nodes[name] = Directory(mode)
            elif stat.S_ISLNK(status.st_mode):
                nodes[name] = Symlink(os.readlink(entry.path))
            elif stat.S_ISREG(status.st_mode):
                if inode not in inodes:
                    inodes[inode] = File(read_file(entry.path), mode)
                nodes[name] = inodes[inode]
            else:
                raise ImageError(
                    f"At {entry.path!r} stands a device node, a pipe or a socket: an image has "
                    "files, directories and links only; leave it out."
                )
    except OSError as error:
        raise ImageError(f"The directory {str(path)!r} cannot be read: {error}.") from None
    return Tree(nodes)


@contextmanager
def new_directory(path: str | Path) -> Iterator[Path]:
    """A directory to fill, which gets the name ``path`` if all goes well and is removed if not.

    Raises ``ImageError`` where the path exists already and for what the system refuses.
    """
    path = Path(path)
    if os.path.lexists(path):
        raise ImageError(f"The path {str(path)!r} exists already: give a new one.")
    top: Path | None = None
    try:
        top = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.parent))
        yield top
        os.chmod(top, 0o755)
        os.rename(top, path)
        top = None
    except OSError as error:
        raise ImageError(f"The directory {str(path)!r} cannot be made: {error}.") from None
    finally:
        if top is not None:
            shutil.rmtree(top, ignore_errors=True)


def put(
    top: Path, nodes: Mapping[str, Node], then: Callable[[Path], None] = lambda top: None
) -> None:
    """Fill an empty directory, call ``then``, and set the modes of directories last."""
    names: dict[int, Path] = {}
    for name in sorted(nodes):
        node, place = nodes[name], top / name
        if isinstance(node, Directory):
            place.mkdir(0o700)
        elif isinstance(node, Symlink):
            os.symlink(node.target, place)
        elif id(node) in names:
            os.link(names[id(node)], place)
        else:
            names[id(node)] = place
            with open(place, "xb") as file:
                file.write(node.data)
            os.chmod(place, node.mode)
    then(top)
    for name in sorted(nodes, reverse=True):
        node = nodes[name]
        if isinstance(node, Directory):
            # Deepest first: what is in a directory that nobody may search is out of reach.
            os.chmod(top / name, node.mode)


def walk(path: str | Path, name: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything beneath a directory, with its path from there."""
    waiting = [(path, name)]
    while waiting:
        place, above = waiting.pop()
        with os.scandir(place) as found:
            for entry in found:
                yield above + entry.name, entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{above}{entry.name}/"))


def read_file(path: str) -> bytes:
    """The bytes of a regular file, also if someone puts a link in its place meanwhile."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read()
