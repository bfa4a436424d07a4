"""Building an image step by step, with a cache of the layers that steps made before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from vcloud_lab.containers.digest import canonical_json, digest
from vcloud_lab.containers.folder import read_tree
from vcloud_lab.containers.image import History, Image, Settings
from vcloud_lab.containers.layer import Layer
from vcloud_lab.containers.tree import Node, Tree
from vcloud_lab.containers.union import UnionView
from vcloud_lab.errors import ImageError

__all__ = [
    "Build",
    "Cache",
    "Cmd",
    "Copy",
    "Entrypoint",
    "Env",
    "Remove",
    "Run",
    "Step",
    "StepReport",
    "Workdir",
    "Write",
    "build",
]

Cache = MutableMapping[str, Layer | None]
"""What steps made before: a step's key -> its layer, None if it changed nothing. A dict will do."""


class Step:
    """One step of a build. ``text`` tells it in the history; ``key`` is what the cache compares."""

    @property
    def text(self) -> str:
        """The step in one line."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Everything that the result depends on, besides what the steps before it did."""
        return self.text

    def change(self, tree: Tree) -> None:
        """Do to the tree what the step does to files."""

    def configure(self, settings: Settings) -> Settings:
        """The settings with what the step does to them."""
        return settings


@dataclass(frozen=True)
class Copy(Step):
    """Copy files into a directory of the image.

    ``files`` is a ``Tree``, a mapping of paths to bytes or nodes, or the path of a real directory.
    The cache compares what the files hold, not their times.
    """

    files: Tree | Mapping[str, Node | bytes] | str | Path
    to: str = "/"

    def __post_init__(self) -> None:
        # Read once: the key and the copy must tell of the same files.
        files = self.files
        if isinstance(files, (str, Path)):
            files = read_tree(files)
        object.__setattr__(self, "files", Tree(files))
        object.__setattr__(self, "_diff_id", Layer.of_tree(self.tree).diff_id)

    @property
    def tree(self) -> Tree:
        """The files."""
        assert isinstance(self.files, Tree)
        return self.files

    @property
    def text(self) -> str:
        return f"COPY {self._diff_id} {self.to}"  # type: ignore[attr-defined]

    def change(self, tree: Tree) -> None:
        tree.merge(self.tree, self.to)


@dataclass(frozen=True)
class Write(Step):
    """Write one file; a new one's mode is 0o644 unless given."""

    path: str
    data: bytes
    mode: int | None = None

    @property
    def text(self) -> str:
        mode = "" if self.mode is None else f" mode {self.mode:o}"
        return f"WRITE {self.path}{mode} {digest(self.data)}"

    def change(self, tree: Tree) -> None:
        tree.write(self.path, self.data, self.mode)


@dataclass(frozen=True)
class Remove(Step):
    """Remove a path; a later layer hides it, but the layer that has it stays as large as it is."""

    path: str

    @property
    def text(self) -> str:
        return f"REMOVE {self.path}"

    def change(self, tree: Tree) -> None:
        tree.remove(self.path)


@dataclass(frozen=True)
class Run(Step):
    """Call ``function`` with the tree, to change it as it likes, deterministically.

    The cache compares the text alone, as Docker does with the text of RUN: a function that became
    another one under the same text is not called again.
    """

    command: str
    function: Callable[[Tree], object]

    @property
    def text(self) -> str:
        return f"RUN {self.command}"

    def change(self, tree: Tree) -> None:
        try:
            self.function(tree)
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(
                f"its function raised {type(error).__name__}: {error}; nothing is kept of it"
            ) from error


@dataclass(frozen=True)
class Env(Step):
    """Set an environment variable."""

    name: str
    value: str

    @property
    def text(self) -> str:
        return f"ENV {self.name}={self.value}"

    def configure(self, settings: Settings) -> Settings:
        return replace(settings, env={**settings.env, self.name: self.value})


@dataclass(frozen=True, init=False)
class Cmd(Step):
    """Set the command, or the arguments of the entrypoint: ``Cmd("python3", "app.py")``."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)

    @property
    def text(self) -> str:
        return f"{type(self).__name__.upper()} {canonical_json(self.words).decode()}"

    def configure(self, settings: Settings) -> Settings:
        return replace(settings, cmd=self.words)


class Entrypoint(Cmd):
    """Set the program that always runs, and no ``cmd``: ``Entrypoint("python3")``."""

    def configure(self, settings: Settings) -> Settings:
        return replace(settings, entrypoint=self.words, cmd=())


@dataclass(frozen=True)
class Workdir(Step):
    """Set the directory that the command starts in."""

    path: str

    @property
    def text(self) -> str:
        return f"WORKDIR {self.path}"

    def configure(self, settings: Settings) -> Settings:
        return replace(settings, workdir=self.path)


class StepReport(NamedTuple):
    """What became of a step: whether the cache had it, and its layer if it made one."""

    number: int
    text: str
    key: str
    hit: bool
    layer: Layer | None


class Build(NamedTuple):
    """The image that was built, and what became of each step."""

    image: Image
    steps: tuple[StepReport, ...]

    @property
    def hits(self) -> tuple[bool, ...]:
        """For each step, whether the cache had it."""
        return tuple(step.hit for step in self.steps)


def build(steps: Iterable[Step], base: Image | None = None, cache: Cache | None = None) -> Build:
    """Build an image of steps on top of ``base``, or of nothing.

    A step's key is the digest of the key before it, the ChainID of the layers so far and the step's
    own ``key``. So a changed step makes new keys for itself and for all that follow, and none for
    those before. A step that the cache has is not done again: its layer is put on top. A step that
    changes no file makes no layer.

    Raises ``ImageError``, with the step's number and text, for a step that cannot be done. The
    cache then keeps the steps before it.
    """
    cache = {} if cache is None else cache
    layers = list(base.layers) if base else []
    settings = base.settings if base else Settings()
    history = list(base.history) if base else []
    if base and sum(not step.empty for step in history) != len(layers):
        history = [History("a layer of the base image", False) for _ in layers]
    tree: Tree | None = None
    chain = base.chain_ids[-1] if layers and base else ""
    key = base.id if base else ""
    reports: list[StepReport] = []
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Step):
            raise ImageError(
                f"Step {number} of the build is {step!r:.60}: it has to be a step such as "
                "Copy(...), Write(...) or Run(...)."
            )
        try:
            key = digest(canonical_json([key, chain, step.key]))
            settings = step.configure(settings)
            hit = key in cache
            if not hit:
                tree = UnionView(layers).tree if tree is None else tree
                after = tree.copy()
                step.change(after)
                cache[key] = None if after == tree else Layer.between(tree, after)
        except ImageError as error:
            raise ImageError(f"Step {number} ({step.text:.80}) of the build: {error}") from error
        layer = cache[key]
        if layer is not None:
            layers.append(layer)
            chain = digest(f"{chain} {layer.diff_id}".encode()) if chain else layer.diff_id
            # What was read back from the layer, so that a hit and a miss give the same tree.
            tree = None
        history.append(History(step.text, layer is None))
        reports.append(StepReport(number, step.text, key, hit, layer))
    architecture = base.architecture if base else "amd64"
    image = Image.make(layers, settings, history, architecture=architecture)
    return Build(image, tuple(reports))
