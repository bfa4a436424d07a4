"""Container images: a stack of layers and the settings to run them with.

An image is named by digests all the way: the manifest names the configuration and the blobs of the
layers, the configuration names the layers' contents (OCI image specification, manifest.md and
config.md). Change one byte anywhere and every name above it changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from vcloud_lab.containers.digest import canonical_json, chain_ids, check_digest, digest
from vcloud_lab.containers.layer import Layer
from vcloud_lab.containers.union import UnionView
from vcloud_lab.errors import ImageError

__all__ = [
    "CONFIG",
    "MANIFEST",
    "History",
    "Image",
    "Settings",
    "Sharing",
    "descriptor",
    "json_object",
    "sharing",
]

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

EPOCH = "1970-01-01T00:00:00Z"
"""The time that every image is created at: the real one would change the digest of each build."""


@dataclass(frozen=True)
class Settings:
    """How a container of the image starts, unless told otherwise.

    ``env`` are the environment variables, ``entrypoint`` and ``cmd`` together the command with its
    arguments, ``workdir`` the directory that it starts in. Raises ``ImageError`` for text that
    cannot be that.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    workdir: str = "/"

    def __post_init__(self) -> None:
        for name, value in self.env.items():
            if not name or "=" in name or "\0" in name + value:
                raise ImageError(
                    f"The environment has {name!r} as {value!r:.60}: a name is text without '=', "
                    "and neither has NUL in it."
                )
        if not self.workdir.startswith("/"):
            raise ImageError(
                f"The working directory is {self.workdir!r:.80}: it has to begin with '/'; try "
                f"{'/' + self.workdir!r:.80}."
            )

    @property
    def argv(self) -> tuple[str, ...]:
        """The command and its arguments."""
        return self.entrypoint + self.cmd

    def as_json(self) -> dict[str, object]:
        """The ``config`` object of the image's configuration; what is not set is left out."""
        found: dict[str, object] = {
            "Env": [f"{name}={value}" for name, value in sorted(self.env.items())],
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "WorkingDir": self.workdir,
        }
        return {key: value for key, value in found.items() if value}


class History(NamedTuple):
    """One step of how the image came about; ``empty`` steps made no layer."""

    created_by: str
    empty: bool


@dataclass(frozen=True)
class Image:
    """An image: its layers, the lowest first, and its two JSON documents, byte for byte.

    ``Image.make`` makes one of layers; ``Image`` itself takes the documents as they are, of an
    image that was fetched, and checks every digest and size in them. Raises ``ImageError`` for
    documents that are not as the specification says or do not belong to the layers.
    """

    layers: tuple[Layer, ...] = field(repr=False)
    config_json: bytes = field(repr=False)
    manifest_json: bytes = field(repr=False)

    @classmethod
    def make(
        cls,
        layers: Iterable[Layer],
        settings: Settings | None = None,
        history: Sequence[History] = (),
        *,
        architecture: str = "amd64",
    ) -> Image:
        """The image of layers and settings; equal arguments give equal digests.

        The architecture has Go's name for it (``amd64``, ``arm64``, ``riscv64``). The history, if
        there is one, needs as many steps that are not empty as there are layers.
        """
        layers = tuple(layers)
        if history and sum(not step.empty for step in history) != len(layers):
            raise ImageError(
                f"The history has {sum(not step.empty for step in history)} steps that made a "
                f"layer and the image {len(layers)} layers: they have to be equal."
            )
        config = canonical_json(
            {
                "architecture": architecture,
                "os": "linux",
                "created": EPOCH,
                "config": (settings or Settings()).as_json(),
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
                "history": [
                    {"created": EPOCH, "created_by": step.created_by}
                    | ({"empty_layer": True} if step.empty else {})
                    for step in history
                ],
            }
        )
        manifest = canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(config, CONFIG),
                "layers": [descriptor(layer.blob, layer.media_type) for layer in layers],
            }
        )
        return cls(layers, config, manifest)

    def __post_init__(self) -> None:
        manifest = json_object(self.manifest_json, "the manifest")
        if manifest.get("schemaVersion") != 2:
            raise ImageError(
                f"The manifest has the schemaVersion {manifest.get('schemaVersion')!r:.40}: 2 is "
                "what OCI images have; convert the image, for instance with skopeo copy."
            )
        check_descriptor(manifest.get("config"), self.config_json, CONFIG, "the configuration")
        blobs = as_list(manifest.get("layers"), "the manifest's layers")
        rootfs = json_object(self.config_json, "the configuration").get("rootfs")
        found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        diff_ids = as_list(found, "the configuration's rootfs.diff_ids")
        if not len(blobs) == len(diff_ids) == len(self.layers):
            raise ImageError(
                f"The manifest names {len(blobs)} layers, the configuration {len(diff_ids)}, and "
                f"{len(self.layers)} are given: these have to be equal."
            )
        for number, (layer, blob, diff_id) in enumerate(
            zip(self.layers, blobs, diff_ids, strict=True)
        ):
            check_descriptor(blob, layer.blob, layer.media_type, f"layer {number}")
            if check_digest(diff_id, f"layer {number}") != layer.diff_id:
                raise ImageError(
                    f"The uncompressed layer {number} has the digest {layer.diff_id} and should "
                    f"have {diff_id}: it was changed on the way; fetch it again."
                )
        _ = self.settings, self.history

    @property
    def id(self) -> str:
        """The image's ID: the digest of its configuration, and so of its contents."""
        return digest(self.config_json)

    @property
    def digest(self) -> str:
        """The digest of the manifest, and so of the blobs as they are stored too."""
        return digest(self.manifest_json)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The digest of each uncompressed layer."""
        return tuple(layer.diff_id for layer in self.layers)

    @property
    def chain_ids(self) -> tuple[str, ...]:
        """The name of each layer with all those beneath it."""
        return chain_ids(self.diff_ids)

    @property
    def size(self) -> int:
        """The bytes of the layers' blobs: what a registry would send."""
        return sum(len(layer.blob) for layer in self.layers)

    @property
    def architecture(self) -> str:
        """The processor that the programs are for, by Go's name for it."""
        return str(json_object(self.config_json, "the configuration").get("architecture", ""))

    @cached_property
    def union(self) -> UnionView:
        """What a container of the image sees."""
        return UnionView(self.layers)

    @cached_property
    def settings(self) -> Settings:
        """The settings that the configuration tells; unknown ones are left out."""
        found = json_object(self.config_json, "the configuration").get("config") or {}
        if not isinstance(found, dict):
            raise ImageError(f"The configuration's 'config' is {found!r:.60}: an object is needed.")
        env = dict(text.partition("=")[::2] for text in texts(found, "Env"))
        workdir = found.get("WorkingDir") or "/"
        if not isinstance(workdir, str):
            raise ImageError(f"The configuration's WorkingDir is {workdir!r:.60}: text is needed.")
        return Settings(env, texts(found, "Entrypoint"), texts(found, "Cmd"), workdir)

    @cached_property
    def history(self) -> tuple[History, ...]:
        """How the image came about, as far as its configuration tells."""
        found = json_object(self.config_json, "the configuration").get("history") or []
        steps = as_list(found, "the configuration's history")
        if not all(isinstance(step, dict) for step in steps):
            raise ImageError("The configuration's history has a step that is not an object.")
        return tuple(
            History(str(step.get("created_by", "")), step.get("empty_layer") is True)
            for step in steps
            if isinstance(step, dict)
        )


class Sharing(NamedTuple):
    """Bytes of layers' blobs: of the images one by one, and of each different blob once."""

    apart: int
    together: int


def sharing(images: Iterable[Image]) -> Sharing:
    """How much room images need apart and together: equal layers are stored once."""
    images = tuple(images)
    blobs = {layer.digest: len(layer.blob) for image in images for layer in image.layers}
    return Sharing(sum(image.size for image in images), sum(blobs.values()))


def descriptor(data: bytes, media_type: str) -> dict[str, object]:
    """What names some content: its media type, digest and size in bytes (descriptor.md)."""
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def check_descriptor(found: object, data: bytes, media_type: str, what: str) -> None:
    """Raises ``ImageError`` unless ``found`` is the descriptor of the data."""
    if not isinstance(found, dict):
        raise ImageError(f"The descriptor of {what} is {found!r:.60}: an object is needed.")
    if found.get("mediaType") != media_type:
        raise ImageError(
            f"The media type of {what} is {found.get('mediaType')!r:.100}: {media_type} is needed."
        )
    if check_digest(found.get("digest"), what) != digest(data) or found.get("size") != len(data):
        raise ImageError(
            f"The blob of {what} has {len(data)} bytes and the digest {digest(data)}, and should "
            f"have {found.get('size')!r:.30} and {found['digest']}: fetch it again."
        )


def json_object(data: bytes, what: str) -> dict[str, object]:
    """The JSON object in some bytes. Raises ``ImageError`` where there is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"The JSON of {what} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise ImageError(f"The JSON of {what} is {found!r:.60}: an object is needed.")
    return found


def as_list(found: object, what: str) -> list[object]:
    if not isinstance(found, list):
        raise ImageError(f"In the image, {what} are {found!r:.60}: a list is needed.")
    return found


def texts(found: Mapping[str, object], key: str) -> tuple[str, ...]:
    """The list of text under a key; null and nothing are the empty list."""
    values = found.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ImageError(f"The configuration's {key} is {values!r:.60}: a list of text is needed.")
    return tuple(values)
