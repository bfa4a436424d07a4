"""Digests: the name of a thing is the SHA-256 hash of its bytes.

Two things with one name are the same thing, wherever they come from, and a thing that was changed
on the way no longer has its name. The rules are those of the OCI image specification
(descriptor.md for digests, config.md for the ChainID).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from vcloud_lab.errors import ImageError

__all__ = ["canonical_json", "chain_ids", "check_digest", "digest"]

FORM = re.compile(r"sha256:[0-9a-f]{64}")


def digest(data: bytes) -> str:
    """The digest of some bytes: ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_digest(text: object, what: str) -> str:
    """Give ``text`` back when it is a digest; ``what`` says in the error whose it would be.

    A digest names a file in an image layout, so this check also keeps paths such as ``../x`` out.
    Raises ``ImageError`` for anything else, other hash functions included.
    """
    if not isinstance(text, str) or not FORM.fullmatch(text):
        raise ImageError(
            f"The digest of {what} is {text!r:.100}: it has to be 'sha256:' and 64 lower-case "
            "hexadecimal digits; other hash functions are not supported."
        )
    return text


def chain_ids(diff_ids: Iterable[str]) -> tuple[str, ...]:
    """The ChainID after each layer, the lowest layer first.

    A DiffID names one layer; a ChainID names that layer together with all the layers beneath it.
    The first is the DiffID itself; each other one is the digest of the ChainID beneath, a space
    and the layer's DiffID. Raises ``ImageError`` for a DiffID that is not a digest.
    """
    chain: list[str] = []
    for number, diff_id in enumerate(diff_ids):
        check_digest(diff_id, f"layer {number}")
        chain.append(digest(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def canonical_json(value: object) -> bytes:
    """JSON in one form only (sorted keys, no spaces, UTF-8), so that equal values have one digest.

    Raises ``ImageError`` for what JSON or UTF-8 cannot hold.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()
    except (TypeError, ValueError) as error:
        raise ImageError(f"This cannot be written as JSON: {error}.") from None
