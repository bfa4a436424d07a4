"""The rules for paths inside an image; everything that enters a tree or a layer passes here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vcloud_lab.errors import ImageError

__all__ = ["LIMITS", "WHITEOUT", "Limits", "above", "check_target", "clean"]

WHITEOUT = ".wh."
"""How the name of a whiteout begins; no file of an image may have such a name."""

LONGEST_PATH, LONGEST_NAME = 4096, 255
"""Bytes: the limits that Linux has too (PATH_MAX and NAME_MAX)."""


class Limits(NamedTuple):
    """How much one layer, or one directory that is read, may hold.

    A small compressed blob can hold a huge file, so a reader that sets no limit can be made to
    fill the memory. ``size`` is in bytes, of the layer's whole uncompressed tar archive.
    ``entries`` counts the directories that are not stored but follow from a path, too.
    """

    size: int = 1 << 28
    entries: int = 100_000


LIMITS = Limits()


def clean(path: object) -> str:
    """The one form of a path in an image: ``etc/hosts``, without ``/`` or ``./`` in front.

    Raises ``ImageError`` for what is not text, the root itself, ``..``, NUL, text that UTF-8
    cannot hold, more than 4096 bytes, and a name of more than 255 or that begins with ``.wh.``.
    """
    if not isinstance(path, str):
        raise ImageError(f"The path {path!r} is not text: write it as 'etc/hosts'.")
    names = [name for name in path.split("/") if name not in ("", ".")]
    shown = f"The path {path[:60] + '...' if len(path) > 60 else path!r}"
    if not names:
        raise ImageError(f"{shown} names no file beneath the image's root: write it as 'etc/x'.")
    if ".." in names:
        raise ImageError(
            f"{shown} has '..' in it, which could lead out of the image: write it out."
        )
    try:
        lengths = [len(name.encode()) for name in names]
    except UnicodeEncodeError:
        raise ImageError(f"{shown} cannot be written in UTF-8: rename the file.") from None
    if "\0" in path or max(lengths) > LONGEST_NAME or sum(lengths) + len(names) > LONGEST_PATH:
        raise ImageError(
            f"{shown} is no Linux path: {LONGEST_NAME} bytes are the most for a name and "
            f"{LONGEST_PATH} for a path, and none may be NUL."
        )
    if any(name.startswith(WHITEOUT) for name in names):
        raise ImageError(
            f"{shown} has a name that begins with '{WHITEOUT}': in a layer such a name says that a "
            "file is removed; rename the file."
        )
    return "/".join(names)


def above(path: str) -> Iterator[str]:
    """The directories that a path is in, the deepest first, without the root."""
    while path := path.rpartition("/")[0]:
        yield path


def check_target(path: str, target: object) -> str:
    """Give back the target of the symbolic link at ``path`` when it stays in the image.

    An absolute target begins at the image's root. Raises ``ImageError`` for an empty target, one
    that is not a Linux path, and one whose ``..`` would lead above the root.
    """
    if (
        not isinstance(target, str)
        or not target
        or "\0" in target
        or len(target.encode(errors="replace")) >= LONGEST_PATH
        or any("\ud800" <= letter <= "\udfff" for letter in target)
    ):
        raise ImageError(
            f"The symbolic link {path!r} has the target {target!r:.60}: a target is text of 1 to "
            f"{LONGEST_PATH - 1} bytes in UTF-8, without NUL."
        )
    depth = 0 if target.startswith("/") else path.count("/")
    for name in target.split("/"):
        depth += (name not in ("", ".")) - 2 * (name == "..")
        if depth < 0:
            raise ImageError(
                f"The symbolic link {path!r} points to {target!r:.60}, out of the image's root: "
                "take '..' out of the target."
            )
    return target
