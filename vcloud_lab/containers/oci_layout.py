"""Images in a directory: the OCI image layout, which podman, skopeo and others read and write.

``blobs/sha256`` holds every document and layer under its digest, ``index.json`` says which of them
are the manifests of images and how those are called (OCI image specification, image-layout.md).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vcloud_lab.containers.digest import canonical_json, check_digest, digest
from vcloud_lab.containers.folder import new_directory
from vcloud_lab.containers.image import (
    MANIFEST,
    Image,
    as_list,
    check_descriptor,
    descriptor,
    json_object,
)
from vcloud_lab.containers.layer import Layer
from vcloud_lab.containers.paths import LIMITS, Limits
from vcloud_lab.errors import ImageError

__all__ = ["load", "names", "save"]

INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "org.opencontainers.image.ref.name"
LAYOUT = {"imageLayoutVersion": "1.0.0"}
LARGEST_JSON = 4 << 20
"""Bytes: the limit that podman, skopeo and Docker's registry set for a manifest too."""


def save(image: Image, path: str | Path, name: str = "latest") -> None:
    """Store an image under a name in a layout, which is made unless it is there.

    A new layout gets its name when it is complete. In one that is there, each blob and at last the
    index is written aside and moved into place, so that a reader sees the old images or the new
    ones; blobs that are there already are shared. An image that had the name loses it.
    Raises ``ImageError`` for a directory that is not a layout and for what the system refuses.
    """
    if not isinstance(name, str) or not name or not name.isascii() or not name.isprintable():
        raise ImageError(f"The image's name is {name!r}: give it some plain text, as 'latest'.")
    path = Path(path)
    if not os.path.lexists(path):
        with new_directory(path) as top:
            (top / "blobs" / "sha256").mkdir(parents=True)
            put(top / "oci-layout", canonical_json(LAYOUT))
            add(image, top, name, [])
        return
    listed = manifests(path)
    try:
        add(image, path, name, listed)
    except OSError as error:
        raise ImageError(f"The layout {str(path)!r} cannot be written: {error}.") from None


def load(path: str | Path, name: str | None = None, limits: Limits = LIMITS) -> Image:
    """The image of a name in a layout, or the only one; ``limits`` hold for its layers together.

    Every blob's digest and size is checked. Raises ``ImageError`` for an unknown name or several
    images, and for what is missing, damaged, too large or of an unknown kind.
    """
    path = Path(path)
    listed = manifests(path)
    found = [entry for entry in listed if name is None or name_of(entry) == name]
    if len(found) != 1:
        known = ", ".join(repr(name_of(entry)) for entry in listed) or "none"
        wanted = "one image" if name is None else f"one image named {name!r}"
        raise ImageError(
            f"The layout {str(path)!r} has {len(found)} images where {wanted} is wanted; it has "
            f"{known}: give the name of one."
        )
    entry = found[0]
    if entry.get("mediaType") != MANIFEST:
        raise ImageError(
            f"The image's media type is {entry.get('mediaType')!r:.100}: {MANIFEST} is needed; "
            "copy one platform's image out of an index, for instance with skopeo copy."
        )
    manifest_json = blob(path, entry, "the manifest", LARGEST_JSON)
    check_descriptor(entry, manifest_json, MANIFEST, "the manifest")
    manifest = json_object(manifest_json, "the manifest")
    config_json = blob(path, manifest.get("config"), "the configuration", LARGEST_JSON)
    layers = []
    for number, item in enumerate(as_list(manifest.get("layers"), "the manifest's layers")):
        # A blob that does not shrink is a little longer than what it holds.
        data = blob(path, item, f"layer {number}", limits.size + (limits.size >> 8) + 1024)
        media_type = item.get("mediaType") if isinstance(item, dict) else None
        # Before anything is unpacked: the bytes are those that the manifest names.
        check_descriptor(item, data, str(media_type), f"layer {number}")
        layers.append(Layer.from_blob(data, str(media_type), limits))
        size, entries = len(layers[-1].tar), len(layers[-1].nodes) + len(layers[-1].implied)
        limits = Limits(limits.size - size, limits.entries - entries)
    return Image(tuple(layers), config_json, manifest_json)


def names(path: str | Path) -> tuple[str, ...]:
    """The names of the images in a layout, ``""`` for those without one.

    Raises ``ImageError`` for what is not a layout.
    """
    return tuple(name_of(entry) for entry in manifests(Path(path)))


def add(image: Image, top: Path, name: str, listed: list[dict[str, object]]) -> None:
    """Write an image's blobs into a layout and then the index, with the entries listed before."""
    blobs = [image.config_json, image.manifest_json, *(layer.blob for layer in image.layers)]
    for data in blobs:
        place = top / "blobs" / "sha256" / digest(data).removeprefix("sha256:")
        if not place.is_file() or place.read_bytes() != data:
            put(place, data)
    entry = descriptor(image.manifest_json, MANIFEST) | {"annotations": {NAME: name}}
    entries = [other for other in listed if name_of(other) != name] + [entry]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    put(top / "index.json", canonical_json(index))


def put(place: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    handle, aside = tempfile.mkstemp(prefix=".new.", dir=place.parent)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(aside, 0o644)
        os.replace(aside, place)
    except BaseException:
        os.unlink(aside)
        raise


def manifests(path: Path) -> list[dict[str, object]]:
    """The entries of a layout's index."""
    layout = json_object(read(path / "oci-layout", LARGEST_JSON, "oci-layout"), "oci-layout")
    if layout != LAYOUT:
        raise ImageError(
            f"The layout {str(path)!r} says {layout!r:.80} of itself: {LAYOUT} is the version that "
            "is known."
        )
    index = json_object(read(path / "index.json", LARGEST_JSON, "the index"), "the index")
    entries = as_list(index.get("manifests"), "the index's manifests")
    found = [entry for entry in entries if isinstance(entry, dict)]
    if len(found) < len(entries):
        raise ImageError("The index's manifests have an entry that is not an object.")
    return found


def name_of(entry: dict[str, object]) -> str:
    annotations = entry.get("annotations")
    return str(annotations.get(NAME, "")) if isinstance(annotations, dict) else ""


def blob(path: Path, found: object, what: str, most: int) -> bytes:
    """The bytes that a descriptor names; they are checked later, with what they belong to."""
    name = check_digest(found.get("digest") if isinstance(found, dict) else None, what)
    return read(path / "blobs" / "sha256" / name.removeprefix("sha256:"), most, what)


def read(place: Path, most: int, what: str) -> bytes:
    """The bytes of a regular file, at most so many."""
    try:
        if not place.is_file():
            raise ImageError(
                f"There is no file {str(place)!r} for {what}: an OCI image layout is needed, with "
                "oci-layout, index.json and blobs/sha256."
            )
        with open(place, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ImageError(f"The file {str(place)!r} cannot be read: {error}.") from None
    if len(data) > most:
        raise ImageError(
            f"The file {str(place)!r} for {what} has more than {most} bytes: that is the limit."
        )
    return data
