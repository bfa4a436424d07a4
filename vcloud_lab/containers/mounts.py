"""Mounts: which file system shows where. Each mount namespace has a tree of them of its own.

All mounts are private: what one namespace mounts, no other one sees (Linux also has shared and
slave mounts, which pass mounts on). Source: mount_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from vcloud_lab.containers.files import Directory, FileSystem, Node, Path, Symlink, show, split
from vcloud_lab.containers.namespaces import Namespace, UserNs
from vcloud_lab.errors import KernelError

__all__ = ["Mount", "MountNs", "Place"]

MOST_LINKS = 40


@dataclass(eq=False)
class Mount:
    """A file system, from its directory or file ``root`` down, on the path ``at`` of ``parent``.

    ``locked``: it came from a namespace with more rights, and must stay as it is.
    """

    fs: FileSystem
    root: Path = ()
    read_only: bool = False
    locked: bool = False
    parent: Mount | None = None
    at: Path = ()
    children: dict[Path, Mount] = field(default_factory=dict)

    def attach(self, child: Mount, at: Path) -> None:
        """Mount ``child`` on the path ``at`` of this mount."""
        child.parent, child.at = self, at
        self.children[at] = child

    def detach(self) -> None:
        """Take it, with all that is mounted on it, out of its parent."""
        if self.parent is not None:
            del self.parent.children[self.at]
        self.parent = None


class Place(NamedTuple):
    """A path within a mount: where a path of a namespace leads."""

    mount: Mount
    at: Path

    @property
    def path(self) -> Path:
        """The path in the file system."""
        return self.mount.root + self.at

    @property
    def node(self) -> Node | None:
        """What is there, or None."""
        return self.mount.fs.find(self.path)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written there."""
        return self.mount.read_only or self.mount.fs.read_only


class MountNs(Namespace):
    """A mount namespace: a tree of mounts with ``root`` at its bottom."""

    kind = "mnt"

    def __init__(self, owner: UserNs, number: int, root: Mount) -> None:
        super().__init__(owner, number)
        self.root = root

    def copy(self, owner: UserNs, number: int) -> MountNs:
        """A namespace with the same mounts; for another owner they are locked."""
        return MountNs(owner, number, _copied(self.root, owner is not self.owner))

    def walk(self, path: str, *, follow: bool = True) -> Place:
        """Where a path leads, symbolic links followed (the last one only with ``follow``).

        The last name need not exist. Raises ``KernelError``: ENOENT or ENOTDIR for a step that is
        missing or no directory, ELOOP beyond 40 links.
        """
        names, links = split(path)[::-1], 0
        here = top = _covered(Place(self.root, ()))
        way: list[Place] = []
        while names:
            name = names.pop()
            if name == "..":
                here = way.pop() if way else top
                continue
            if not isinstance(here.node, Directory):
                missing = here.node is None
                raise KernelError(
                    "ENOENT" if missing else "ENOTDIR",
                    f"{path} cannot be reached: {show(here.at)} on the way "
                    f"{'does not exist; make it first' if missing else 'is no directory'}.",
                )
            step = Place(here.mount, (*here.at, name))
            node = step.node
            if isinstance(node, Symlink) and (follow or names):
                links += 1
                if links > MOST_LINKS:
                    raise KernelError(
                        "ELOOP",
                        f"{path} leads through more than {MOST_LINKS} symbolic links: they "
                        "probably form a circle; remove one.",
                    )
                if node.target.startswith("/"):
                    here, way = top, []
                    names += split(node.target)[::-1]
                else:
                    names += split("/" + node.target)[::-1]
                continue
            way.append(here)
            here = _covered(step)
        return here

    def mounts(self) -> Iterator[tuple[str, Mount]]:
        """Every mount with the path at which it is mounted, in the order of the tree."""
        stack: list[tuple[Path, Mount]] = [((), self.root)]
        while stack:
            path, mount = stack.pop()
            yield show(path), mount
            stack += [(path + at, child) for at, child in sorted(mount.children.items())[::-1]]

    def umount(self, path: str, *, detach: bool = False) -> None:
        """Take the topmost mount off a path; ``detach`` (MNT_DETACH) also takes those on it.

        Raises ``KernelError``: EINVAL where nothing is mounted, or locked; EBUSY for the root of
        the namespace and for a mount that carries others.
        """
        mount, at = self.walk(path)
        if at or mount.locked:
            why = "nothing is mounted there" if at else "a user namespace must not uncover it"
            raise KernelError("EINVAL", f"{path} cannot be unmounted: {why}.")
        if mount is self.root or (mount.children and not detach):
            what = "it is the root of the namespace" if mount is self.root else "mounts lie on it"
            raise KernelError("EBUSY", f"{path} cannot be unmounted: {what}; unmount those first.")
        mount.detach()

    def pivot(self, new_root: str, put_old: str) -> None:
        """Make the mount at ``new_root`` the root, and show the old root at ``put_old`` below it.

        Raises ``KernelError``: EBUSY where either is on the mount of the root, EINVAL where
        new_root is no mount point or put_old is not at or below it, ENOTDIR where put_old is no
        directory.
        """
        (mount, at), old = self.walk(new_root), self.walk(put_old)
        fix = "bind new_root to itself first: mount(process, 'bind', path, source=path)"
        for path, place in ((new_root, mount), (put_old, old.mount)):
            if place is self.root:
                raise KernelError("EBUSY", f"{path} is on the mount of the root: {fix}.")
        if at or mount.locked:
            raise KernelError("EINVAL", f"{new_root} is no mount point of this namespace: {fix}.")
        above: Mount | None = old.mount
        while above is not None and above is not mount:
            above = above.parent
        if above is None:
            raise KernelError(
                "EINVAL",
                f"{put_old} is not at or below {new_root}: the old root must have a place in the "
                "new one; make a directory there.",
            )
        if not isinstance(old.node, Directory):
            raise KernelError("ENOTDIR", f"{put_old} is no directory: make one first.")
        mount.detach()
        # The lock keeps what lies beneath a root covered, so it passes to the new root.
        mount.locked, self.root.locked = self.root.locked, False
        old.mount.attach(self.root, old.at)
        self.root = mount


def _covered(place: Place) -> Place:
    """The place that shows where something may be mounted on top."""
    while place.at in place.mount.children:
        place = Place(place.mount.children[place.at], ())
    return place


def _copied(mount: Mount, locked: bool) -> Mount:
    copy = Mount(mount.fs, mount.root, mount.read_only, mount.locked or locked)
    for at, child in mount.children.items():
        copy.attach(_copied(child, locked), at)
    return copy
