"""The flattened device tree, by which a kernel learns what machine it runs on.

Source: Devicetree Specification, release 0.4, chapter "Flattened Devicetree (DTB) Format".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias, Union

__all__ = ["Node", "flatten"]

Value: TypeAlias = "bytes | str | int | tuple[int, ...] | list[str] | None"
Node: TypeAlias = Mapping[str, Union["Value", "Node"]]
"""Properties and nodes by name. A number or a tuple of numbers are cells of 32 bits, a list of
texts is a list of texts, None is a property without a value."""

MAGIC, VERSION, OLDEST = 0xD00DFEED, 17, 16
BEGIN, END, PROPERTY, FINISH = 1, 2, 3, 9
HEADER = struct.Struct(">10I")


def flatten(tree: Node) -> bytes:
    """The binary form of a tree."""
    names = bytearray()
    structure = _node("", tree, names) + struct.pack(">I", FINISH)
    reserved = bytes(16)  # the list of reserved memory, which is empty
    start = HEADER.size + len(reserved)
    total = start + len(structure) + len(names)
    header = HEADER.pack(
        MAGIC, total, start, start + len(structure), HEADER.size, VERSION, OLDEST, 0,
        len(names), len(structure),
    )  # fmt: skip
    return header + reserved + structure + bytes(names)


def _node(name: str, node: Node, names: bytearray) -> bytes:
    parts = [struct.pack(">I", BEGIN) + _padded(name.encode() + b"\0")]
    for key, value in node.items():  # properties come before nodes
        if not isinstance(value, Mapping):
            data = _bytes(value)
            parts.append(struct.pack(">III", PROPERTY, len(data), _offset(key, names)))
            parts.append(_padded(data))
    for key, value in node.items():
        if isinstance(value, Mapping):
            parts.append(_node(key, value, names))
    return b"".join(parts) + struct.pack(">I", END)


def _bytes(value: Value) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode() + b"\0"
    if isinstance(value, list):
        return b"".join(text.encode() + b"\0" for text in value)
    cells = value if isinstance(value, tuple) else (value,)
    return struct.pack(f">{len(cells)}I", *cells)


def _offset(name: str, names: bytearray) -> int:
    """Where a property's name stands in the block of names, added if it is new."""
    wanted = b"\0" + name.encode() + b"\0"
    at = (b"\0" + bytes(names)).find(wanted)
    if at < 0:
        at = len(names)
        names += wanted[1:]
    return at


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
