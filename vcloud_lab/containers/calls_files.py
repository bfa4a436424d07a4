"""The system calls about files and mounts. Paths are absolute: there are no working directories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from vcloud_lab.containers.calls_namespaces import NamespaceCalls
from vcloud_lab.containers.files import Directory, File, FileSystem, Node, Symlink, Tmpfs
from vcloud_lab.containers.mounts import Mount, Place
from vcloud_lab.containers.overlay import Overlay
from vcloud_lab.containers.process import Process
from vcloud_lab.containers.pseudo import CgroupFs, ProcFs
from vcloud_lab.errors import KernelError

if TYPE_CHECKING:
    from vcloud_lab.containers.kernel import Kernel

__all__ = ["FileCalls", "Stat"]


class Stat(NamedTuple):
    """``kind`` is "file", "directory", "symlink" or "whiteout"; the ids are as the caller's user
    namespace numbers them."""

    kind: str
    uid: int
    gid: int
    mode: int
    size: int


class FileCalls(NamespaceCalls):
    """The part of ``Kernel`` that serves files. To pass through a directory needs no right here."""

    current: Process

    def read(self, process: Process, path: str) -> str:
        """The text of a file (bytes that are no UTF-8 as surrogates).

        Raises ``KernelError``: ENOENT, ENOTDIR, EISDIR, EACCES.
        """
        with self._as(process):
            node = self._existing(process, path)[1]
            self._check(process, node, 4, path)
            return _file(node, path).data.decode(errors="surrogateescape")

    def write(self, process: Process, path: str, text: str | bytes) -> None:
        """Replace the contents of a file; it is made where there is none.

        Raises ``KernelError``: ENOENT, ENOTDIR, EISDIR, EACCES, EROFS, and what the interface
        files of groups and processes answer.
        """
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else bytes(text)
        with self._as(process):
            place = process.ns.mnt.walk(path)
            node = place.node
            if node is None:
                self._create(process, place, path, File(data))
                return
            _file(node, path)
            self._check(process, node, 2, path)
            _writable(place, path)
            place.mount.fs.write(place.path, data)

    def mkdir(self, process: Process, path: str) -> None:
        """Make a directory; in cgroup2, a group. Raises ``KernelError``: EEXIST, and as write."""
        with self._as(process):
            self._create(process, process.ns.mnt.walk(path, follow=False), path, Directory())

    def symlink(self, process: Process, target: str, path: str) -> None:
        """Make a symbolic link. Raises ``KernelError``: EEXIST, and as write."""
        with self._as(process):
            place = process.ns.mnt.walk(path, follow=False)
            self._create(process, place, path, Symlink(target))

    def remove(self, process: Process, path: str) -> None:
        """Remove a file, or an empty directory.

        Raises ``KernelError``: ENOENT, ENOTEMPTY, EBUSY for a mount point, EACCES, EROFS.
        """
        with self._as(process):
            place, node = self._existing(process, path, follow=False)
            if not place.at:
                raise KernelError("EBUSY", f"{path} is a mount point: unmount it first.")
            above = place.mount.fs.find(place.path[:-1])
            self._check(process, cast(Node, above), 2, path)
            _writable(place, path)
            group = place.mount.fs.kind == "cgroup2"
            if isinstance(node, Directory) and not group and place.mount.fs.names(place.path):
                raise KernelError("ENOTEMPTY", f"{path} is not empty: remove what is in it first.")
            place.mount.fs.remove(place.path)

    def names(self, process: Process, path: str) -> list[str]:
        """The sorted names in a directory. Raises ``KernelError``: ENOENT, ENOTDIR, EACCES."""
        with self._as(process):
            place, node = self._existing(process, path)
            if not isinstance(node, Directory):
                raise KernelError("ENOTDIR", f"{path} is no directory: name one.")
            self._check(process, node, 4, path)
            return place.mount.fs.names(place.path)

    def stat(self, process: Process, path: str) -> Stat:
        """Kind, owner, permissions and size; of a symbolic link itself. Raises: ENOENT, ENOTDIR."""
        with self._as(process):
            node = self._existing(process, path, follow=False)[1]
            user = process.ns.user
            size = len(node.data) if isinstance(node, File) else 0
            ids = user.inside("uid", node.uid), user.inside("gid", node.gid)
            return Stat(type(node).__name__.lower(), *ids, node.mode, size)

    def readlink(self, process: Process, path: str) -> str:
        """The target of a symbolic link. Raises ``KernelError``: EINVAL for another file."""
        with self._as(process):
            node = self._existing(process, path, follow=False)[1]
            if not isinstance(node, Symlink):
                raise KernelError("EINVAL", f"{path} is no symbolic link: name one.")
            return node.target

    def chown(self, process: Process, path: str, uid: int, gid: int) -> None:
        """Set the owner, with ids of the caller's user namespace; a group's: delegate it.

        Raises ``KernelError``: EINVAL for ids without a number, EPERM without CHOWN over it, EROFS.
        """
        with self._as(process):
            place, node = self._existing(process, path)
            user = process.ns.user
            new = user.outside("uid", uid), user.outside("gid", gid)
            if new[0] is None or new[1] is None:
                raise KernelError("EINVAL", f"User {uid} or group {gid} is not mapped in {user}.")
            if not self._rules(process, node, "CHOWN"):
                raise KernelError(
                    "EPERM", f"Process {process.pid} must not give {path} away: it needs CHOWN."
                )
            _writable(place, path)
            place.mount.fs.change(place.path, new[0], new[1], node.mode)

    def chmod(self, process: Process, path: str, mode: int) -> None:
        """Set the permissions. Raises ``KernelError``: EPERM for another's file, EROFS."""
        with self._as(process):
            place, node = self._existing(process, path)
            if process.uid != node.uid and not self._rules(process, node, "DAC_OVERRIDE"):
                raise KernelError(
                    "EPERM", f"Process {process.pid} does not own {path}: only its owner may."
                )
            _writable(place, path)
            place.mount.fs.change(place.path, node.uid, node.gid, mode & 0o7777)

    def mount(
        self,
        process: Process,
        kind: str,
        path: str,
        *,
        source: str | None = None,
        lower: Sequence[str] = (),
        upper: str | None = None,
        work: str | None = None,
        read_only: bool = False,
    ) -> None:
        """Mount "tmpfs", "proc", "cgroup2", "bind" (of ``source``, without the mounts on it) or
        "overlay" (``lower`` directories, the top one first, and ``upper`` with ``work``) on a path.

        proc shows the PID namespace of the caller, cgroup2 its cgroup namespace. Raises
        ``KernelError``: EPERM without SYS_ADMIN over the mount namespace and what is mounted,
        ENOENT or ENOTDIR for a path that is missing or of another kind, ENODEV for an unknown kind,
        EINVAL for a source, or for layers, that do not fit.
        """
        with self._as(process):
            self.check(process, process.ns.mnt, "SYS_ADMIN", "mount")
            place, node = self._existing(process, path)
            root: tuple[str, ...] = ()
            if kind == "bind":
                if source is None:
                    raise KernelError("EINVAL", "A bind mount has no source: give source='/...'.")
                origin, seen = self._existing(process, source)
                fs, root = origin.mount.fs, origin.path
                read_only = read_only or origin.mount.read_only
            else:
                fs = self._file_system(process, kind, lower, upper, work)
                seen = Directory()
            if isinstance(seen, Directory) != isinstance(node, Directory):
                raise KernelError(
                    "ENOTDIR", f"{path} and what is mounted must both be directories, or neither."
                )
            place.mount.attach(Mount(fs, root, read_only), place.at)

    def remount(self, process: Process, path: str, *, read_only: bool) -> None:
        """Make the mount at a path read-only, or no more. Raises ``KernelError``: EINVAL where
        nothing is mounted, EPERM to write to one that came read-only from another user namespace.
        """
        with self._as(process):
            self.check(process, process.ns.mnt, "SYS_ADMIN", "remount")
            place = process.ns.mnt.walk(path)
            if place.at:
                raise KernelError("EINVAL", f"Nothing is mounted at {path}: name a mount point.")
            if place.mount.locked and place.mount.read_only and not read_only:
                raise KernelError(
                    "EPERM",
                    f"{path} came read-only from a namespace with more rights: it stays so.",
                )
            place.mount.read_only = read_only

    def umount(self, process: Process, path: str, *, detach: bool = False) -> None:
        """Unmount; see ``MountNs.umount``. Raises ``KernelError``: also EPERM."""
        with self._as(process):
            self.check(process, process.ns.mnt, "SYS_ADMIN", "unmount")
            process.ns.mnt.umount(path, detach=detach)

    def pivot_root(self, process: Process, new_root: str, put_old: str) -> None:
        """Change the root, for all in the mount namespace; see ``MountNs.pivot``. Raises
        ``KernelError``: also EPERM."""
        with self._as(process):
            self.check(process, process.ns.mnt, "SYS_ADMIN", "change the root")
            process.ns.mnt.pivot(new_root, put_old)

    def _file_system(
        self, process: Process, kind: str, lower: Sequence[str], upper: str | None, work: str | None
    ) -> FileSystem:
        kernel = cast("Kernel", self)
        if kind == "tmpfs":
            return Tmpfs(Directory(uid=process.uid, gid=process.gid, mode=0o777))
        if kind == "proc":
            self.check(process, process.ns.pid, "SYS_ADMIN", "mount proc")
            return ProcFs(kernel, process.ns.pid)
        if kind == "cgroup2":
            self.check(process, process.ns.cgroup, "SYS_ADMIN", "mount cgroup2")
            return CgroupFs(kernel, process.ns.cgroup)
        if kind != "overlay":
            kinds = "tmpfs, proc, cgroup2, bind, overlay"
            raise KernelError("ENODEV", f"There is no file system {kind!r}: choose among {kinds}.")
        layers = [self._layer(process, path) for path in lower]
        if not layers or (upper is None) != (work is None):
            raise KernelError(
                "EINVAL", "An overlay needs a lower layer, and both of upper and work or neither."
            )
        if upper is None or work is None:
            return Overlay([layer for _, layer in layers])
        (above, top), (beside, scratch) = self._layer(process, upper), self._layer(process, work)
        nested = above.path[: len(beside.path)] == beside.path[: len(above.path)]
        if above.mount is not beside.mount or nested or above.read_only or scratch.entries:
            raise KernelError(
                "EINVAL",
                f"The upper layer {upper} and the work directory {work} must be in one writable "
                "mount, side by side, and work be empty.",
            )
        return Overlay([layer for _, layer in layers], top)

    def _layer(self, process: Process, path: str) -> tuple[Place, Directory]:
        place, node = self._existing(process, path)
        if not isinstance(node, Directory) or place.mount.fs.kind != "tmpfs":
            raise KernelError(
                "EINVAL", f"{path} is no directory of a tmpfs, which the model's layers have to be."
            )
        return place, node

    def _existing(self, process: Process, path: str, *, follow: bool = True) -> tuple[Place, Node]:
        place = process.ns.mnt.walk(path, follow=follow)
        if (node := place.node) is None:
            raise KernelError("ENOENT", f"{path} does not exist: make it first.")
        return place, node

    def _create(self, process: Process, place: Place, path: str, node: Node) -> None:
        if place.node is not None:
            raise KernelError("EEXIST", f"{path} exists already: remove it or choose another name.")
        self._check(process, cast(Node, place.mount.fs.find(place.path[:-1])), 2, path)
        _writable(place, path)
        node.uid, node.gid = process.uid, process.gid
        place.mount.fs.create(place.path, node)

    def _rules(self, process: Process, node: Node, capability: str) -> bool:
        """Whether a capability counts for a file: its owner must have a number in the namespace."""
        user = process.ns.user
        mapped = user.has("uid", node.uid) and user.has("gid", node.gid)
        return mapped and process.capable(user, capability)

    def _check(self, process: Process, node: Node, bit: int, path: str) -> None:
        shift = 6 if process.uid == node.uid else 3 if process.gid == node.gid else 0
        if not (node.mode >> shift & bit or self._rules(process, node, "DAC_OVERRIDE")):
            ids = (
                process.ns.user.inside("uid", node.uid),
                process.ns.user.inside("uid", process.uid),
            )
            raise KernelError(
                "EACCES",
                f"Process {process.pid} (user {ids[1]}) must not {'write' if bit == 2 else 'read'} "
                f"{path}: its directory or itself belongs to user {ids[0]}, mode {node.mode:03o}.",
            )

    @contextmanager
    def _as(self, process: Process) -> Iterator[None]:
        """Serve a call of a process: it is ``current`` meanwhile, as proc and cgroup2 ask who."""
        self.check_alive(process)
        before, self.current = self.current, process
        try:
            yield
        finally:
            self.current = before


def _file(node: Node, path: str) -> File:
    if isinstance(node, Directory):
        raise KernelError("EISDIR", f"{path} is a directory: name a file.")
    if not isinstance(node, File):
        raise KernelError("ENXIO", f"{path} is no regular file: name one.")
    return node


def _writable(place: Place, path: str) -> None:
    if place.read_only:
        raise KernelError(
            "EROFS", f"{path} is on a read-only mount: remount it with read_only=False."
        )
