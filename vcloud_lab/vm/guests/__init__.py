"""Guests that come with the package: ready-made images for a virtual machine."""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.hardware import UART

__all__ = ["CONSOLE", "Linux", "linux", "source"]

FOLDER = Path(__file__).parent

CONSOLE = f"earlycon=uart8250,mmio,{UART:#x},1000000 console=ttyS0"
"""The words that make Linux speak through the console of a ``Board`` from its first line on."""


@dataclass(frozen=True)
class Linux:
    """A Linux kernel, in machine mode and without an MMU, with a small shell as its only program.

    ``image`` goes to the start of RAM, and 8 MiB of RAM are enough. ``sites`` are the offsets in
    the image of its sensitive instructions: those that read or write control and status registers,
    ``mret``, ``sret``, ``wfi`` and ``sfence.vma``. ``command_line`` is what the kernel should be
    told, ``version`` its version. How it was built is in ``authoring/guests/linux/README.md``, its
    licence (GPL-2.0-only) in ``linux.NOTICE.txt`` beside this file.
    """

    image: bytes = field(repr=False)
    sites: tuple[int, ...] = field(repr=False)
    command_line: str
    version: str


@cache
def linux() -> Linux:
    """The Linux guest. Raises ``GuestError`` where its files are missing or damaged.

    >>> linux()
    Linux(command_line='earlycon=uart8250,mmio,0x10000000,1000000 console=ttyS0', version='6.1.176')
    """
    image = _read("linux.xz")
    about = json.loads(_read("linux.json"))
    try:
        raw = lzma.decompress(image)
    except lzma.LZMAError as error:
        raise GuestError(
            f"The guest's file {str(FOLDER / 'linux.xz')!r} is damaged ({error}): install "
            "vcloud_lab again."
        ) from None
    return Linux(raw, tuple(about["sites"]), CONSOLE, about["version"])


def _read(name: str) -> bytes:
    try:
        return (FOLDER / name).read_bytes()
    except OSError as error:
        raise GuestError(
            f"The guest's file {str(FOLDER / name)!r} cannot be read ({error.strerror}): install "
            "vcloud_lab again."
        ) from None


def source(name: str) -> str:
    """The text of an assembly program of this folder, by its file's name."""
    return _read(name).decode()
