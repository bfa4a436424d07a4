"""Layers: what one step changes in a tree, as a tar archive with a digest.

The format is that of the OCI image specification (layer.md): a file or directory in the archive is
added or replaced, and an empty file ``.wh.NAME`` (a *whiteout*) says that NAME, with all that is in
it, was removed from the layers beneath. ``.wh..wh..opq`` (an *opaque whiteout*) removes everything
that the layers beneath have in its directory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from vcloud_lab.containers.digest import digest
from vcloud_lab.containers.paths import LIMITS, WHITEOUT, Limits, above, check_target, clean
from vcloud_lab.containers.tar import (
    DIRECTORY,
    FILE,
    LINK,
    SYMLINK,
    Entry,
    read_tar,
    write_tar,
)
from vcloud_lab.containers.tree import Directory, File, Node, Symlink, Tree, hard_links
from vcloud_lab.errors import ImageError

__all__ = ["GZIP", "TAR", "HardLink", "Layer", "gunzip", "gzip_bytes"]

TAR = "application/vnd.oci.image.layer.v1.tar"
GZIP = TAR + "+gzip"
OPAQUE = WHITEOUT + WHITEOUT + ".opq"
PIECE = 1 << 14
"""Compressed bytes per step: what follows the end of a member is copied, so it must be short."""


@dataclass(frozen=True)
class HardLink:
    """One more name for a file that a layer beneath has at the path ``target``."""

    target: str


@dataclass(frozen=True)
class Layer:
    """A layer: the uncompressed ``tar``, the ``blob`` that is stored, and what they say.

    ``nodes`` are the paths that it adds or replaces, ``removed`` those with a whiteout, ``opaque``
    the directories with an opaque one (``""`` is the root), and ``implied`` the directories that
    its paths are in but that are not stored: they keep the mode they have beneath.
    Make one with ``Layer.make``, ``of_tree``, ``between``, ``from_tar`` or ``from_blob``.
    """

    tar: bytes = field(repr=False)
    blob: bytes = field(repr=False)
    media_type: str
    nodes: Mapping[str, Node | HardLink] = field(compare=False, repr=False)
    removed: frozenset[str] = field(compare=False)
    opaque: frozenset[str] = field(compare=False)
    implied: frozenset[str] = field(compare=False)

    @cached_property
    def diff_id(self) -> str:
        """The digest of the uncompressed tar archive: the name of the contents."""
        return digest(self.tar)

    @cached_property
    def digest(self) -> str:
        """The digest of the blob as it is stored: it changes with the compression too."""
        return digest(self.blob)

    @classmethod
    def make(
        cls,
        nodes: Mapping[str, Node | HardLink | bytes],
        removed: Iterable[str] = (),
        opaque: Iterable[str] = (),
        limits: Limits = LIMITS,
    ) -> Layer:
        """The layer that adds ``nodes``, removes paths and makes directories opaque.

        Equal arguments give equal bytes, in whatever order they come. The tar archive and so the
        DiffID are the same on every machine; the blob may differ between versions of zlib.
        Raises ``ImageError`` for paths, links and sizes that no layer may have.
        """
        # Read back from its own bytes, a layer passes every check that a foreign one does.
        return cls.from_tar(write_tar(entries(nodes, removed, opaque)), limits)

    @classmethod
    def of_tree(cls, tree: Tree, limits: Limits = LIMITS) -> Layer:
        """The layer that makes a tree from nothing."""
        return cls.make(tree, limits=limits)

    @classmethod
    def between(cls, old: Tree, new: Tree, limits: Limits = LIMITS) -> Layer:
        """The layer that turns the tree ``old`` into ``new``.

        A removed directory is one whiteout, and no layer made here is opaque: the specification
        prefers explicit whiteouts. As with overlayfs, a change of one byte stores the whole file,
        and the directories above a change are stored with their modes.
        """
        group_of = {path: set(group) for group in hard_links(old) for path in group}
        alike = {path for path in new if path in old and old[path] == new[path]}
        groups = {path: set(group) for group in hard_links(new) for path in group}
        changed = {
            path
            for path in new
            # The same names must share a file as before: else the link itself is the change.
            if path not in alike or groups.get(path, {path}) != group_of.get(path, {path}) & alike
        }
        gone = {
            path
            for path in old
            if path not in new and isinstance(beneath(new, path), Directory | None)
        }
        gone = {path for path in gone if not any(parent in gone for parent in above(path))}
        changed |= {parent for path in changed | gone for parent in above(path)}
        return cls.make({path: new[path] for path in changed}, gone, limits=limits)

    @classmethod
    def from_tar(cls, tar: bytes, limits: Limits = LIMITS) -> Layer:
        """The layer of an uncompressed tar archive; its blob is compressed with gzip.

        Raises ``ImageError`` for an archive that is damaged, breaks a rule or exceeds the limits.
        """
        contents = Contents(limits)
        for entry in read_tar(tar, limits):
            contents.add(entry)
        return contents.layer(tar, gzip_bytes(tar), GZIP)

    @classmethod
    def from_blob(cls, blob: bytes, media_type: str = GZIP, limits: Limits = LIMITS) -> Layer:
        """The layer of a stored blob, which is kept byte for byte.

        Raises ``ImageError`` as ``from_tar`` does, and for other media types than tar and tar+gzip.
        """
        if media_type not in (TAR, GZIP):
            raise ImageError(
                f"The layer's media type is {media_type!r:.100}: {TAR} and {GZIP} are known; "
                "convert the image, for instance with skopeo copy --dest-compress-format gzip."
            )
        tar = gunzip(blob, limits.size) if media_type == GZIP else blob
        contents = Contents(limits)
        for entry in read_tar(tar, limits):
            contents.add(entry)
        return contents.layer(tar, blob, media_type)


class Contents:
    """What the entries of a layer's archive say, checked one by one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nodes: dict[str, Node | HardLink] = {}
        self.removed: set[str] = set()
        self.opaque: set[str] = set()
        self.parents: set[str] = set()
        self.paths: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Take in one entry. Raises ``ImageError`` where it breaks a rule."""
        if entry.name.startswith("/"):
            raise ImageError(
                f"The entry {entry.name!r:.80} has an absolute path: paths in a layer begin at the "
                "image's root; write it without '/' in front."
            )
        if is_root(entry.name):
            if entry.kind != DIRECTORY:
                raise ImageError(f"The entry {entry.name!r} would replace the image's root.")
            return
        parent, _, name = entry.name.rstrip("/").rpartition("/")
        if name.startswith(WHITEOUT) and name != OPAQUE:
            hidden = name.removeprefix(WHITEOUT)
            if entry.kind != FILE or hidden in ("", ".", ".."):
                raise ImageError(
                    f"The entry {entry.name!r:.80} is no whiteout: that is a regular file named "
                    f"'{WHITEOUT}' and the name of what it removes."
                )
            path = clean(f"{parent}/{hidden}")
            self.removed.add(path)
        elif name == OPAQUE:
            path = "" if is_root(parent) else clean(parent)
            self.opaque.add(path)
            self.parents.update([path] if path else [])
        else:
            path = clean(entry.name)
            if path in self.nodes:
                raise ImageError(f"The layer has the path {path!r} twice: once is the rule.")
            self.nodes[path] = self.node(path, entry)
        self.parents.update(above(path))
        self.paths.update((path, *above(path)))
        if len(self.paths) > self.limits.entries:
            raise ImageError(
                f"The layer has more than {self.limits.entries} entries with the directories that "
                "they are in: that is the limit; pass other limits if you trust it."
            )

    def node(self, path: str, entry: Entry) -> Node | HardLink:
        """The node that an entry puts at a path."""
        if entry.kind == FILE:
            return File(entry.data, entry.mode)
        if entry.kind == DIRECTORY:
            return Directory(entry.mode)
        if entry.kind == SYMLINK:
            return Symlink(check_target(path, entry.target))
        target = clean(entry.target)
        if entry.target.startswith("/"):
            raise ImageError(
                f"The hard link {path!r} leads to the absolute path {entry.target!r:.80}: it "
                "begins at the image's root; write it without '/' in front."
            )
        found = self.nodes.get(target, HardLink(target))
        if not isinstance(found, (File, HardLink)):
            raise ImageError(
                f"The hard link {path!r} leads to {target!r}, which is not a file: only files have "
                "hard links."
            )
        return found

    def layer(self, tar: bytes, blob: bytes, media_type: str) -> Layer:
        """The finished layer. Raises ``ImageError`` where a path leads through a file or link."""
        for path in self.parents & self.nodes.keys():
            if not isinstance(self.nodes[path], Directory):
                raise ImageError(
                    f"The layer has paths beneath {path!r}, which is a file or a link: nothing is "
                    "written through it; leave one of them out."
                )
        for path, node in self.nodes.items():
            if isinstance(node, HardLink) and node.target in self.nodes:
                raise ImageError(
                    f"The hard link {path!r} stands before its file {node.target!r}: the file has "
                    "to come first."
                )
        return Layer(
            tar,
            blob,
            media_type,
            MappingProxyType(self.nodes),
            frozenset(self.removed),
            frozenset(self.opaque),
            frozenset(self.parents - self.nodes.keys()),
        )


def beneath(tree: Tree, path: str) -> Node | None:
    """What stands in the tree at the deepest directory above ``path`` that is there."""
    return next((tree[parent] for parent in above(path) if parent in tree), None)


def entries(
    nodes: Mapping[str, Node | HardLink | bytes], removed: Iterable[str], opaque: Iterable[str]
) -> Iterator[Entry]:
    """The entries of a layer's archive, sorted name by name; whiteouts are a directory's first."""
    order: list[tuple[tuple[str, ...], str]] = []
    for path in removed:
        parent, slash, name = clean(path).rpartition("/")
        order.append(((*parent.split("/"), ""), f"{parent}{slash}{WHITEOUT}{name}"))
    for path in opaque:
        parent = "" if is_root(path) else clean(path)
        order.append(((*parent.split("/"), ""), f"{parent}/{OPAQUE}".lstrip("/")))
    order = [(key[1:] if key[0] == "" else key, path) for key, path in order]
    found = {
        clean(path): File(node) if isinstance(node, bytes) else node for path, node in nodes.items()
    }
    order += [(tuple(path.split("/")), path) for path in found]
    names: dict[int, str] = {}
    for _, path in sorted(order):
        node = found.get(path)
        if node is None:
            yield Entry(path, FILE, 0o644)
        elif id(node) in names and isinstance(node, File):
            yield Entry(path, LINK, 0o644, target=names[id(node)])
        elif isinstance(node, File):
            names[id(node)] = path
            yield Entry(path, FILE, node.mode, node.data)
        elif isinstance(node, Directory):
            yield Entry(path + "/", DIRECTORY, node.mode)
        elif isinstance(node, Symlink):
            yield Entry(path, SYMLINK, 0o777, target=check_target(path, node.target))
        elif isinstance(node, HardLink):
            yield Entry(path, LINK, 0o644, target=clean(node.target))
        else:
            raise ImageError(
                f"At {path!r} stands {node!r:.60}: a File, Directory, Symlink, HardLink or bytes "
                "is needed."
            )


def is_root(path: str) -> bool:
    return all(name in ("", ".") for name in path.split("/"))


def gzip_bytes(data: bytes) -> bytes:
    """The data compressed by gzip, without a name or a time, which would change the digest."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03"
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
    return head + pack.compress(data) + pack.flush() + tail


def gunzip(blob: bytes, most: int) -> bytes:
    """The data of one or more gzip members, at most ``most`` bytes of it.

    Raises ``ImageError`` for more than that and for a blob that is damaged or ends early.
    """
    parts: list[bytes] = []
    at, room, unpack = 0, most, zlib.decompressobj(31)
    while at < len(blob):
        if unpack.eof:
            unpack = zlib.decompressobj(31)
        piece = blob[at : at + PIECE]
        try:
            parts.append(unpack.decompress(piece, room + 1))
        except zlib.error as error:
            raise ImageError(
                f"The layer's gzip blob is damaged ({error}): fetch or make it again."
            ) from None
        at += len(piece) - len(unpack.unused_data)
        room -= len(parts[-1])
        if room < 0:
            raise ImageError(
                f"The layer's gzip blob holds more than {most} bytes: that is the limit; pass "
                "other limits if you trust it."
            )
    if not unpack.eof:
        raise ImageError("The layer's gzip blob ends in the middle: fetch it again.")
    return b"".join(parts)
