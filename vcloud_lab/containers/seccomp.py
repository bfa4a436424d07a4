"""A seccomp filter: a tiny program that the kernel runs before each system call.

The program is classic BPF: instructions of 8 bytes that load a word of ``struct seccomp_data``
(the call's number at 0, the processor at 4), compare and return (seccomp(2)).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable

from vcloud_lab.containers.syscalls import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl
from vcloud_lab.errors import ContainerError

__all__ = ["NUMBERS", "deny", "install", "numbers"]

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
X32 = 0x40000000
"""On x86-64 a call with this bit is the same call under a second number."""

NUMBERS: dict[str, tuple[int, int | None]] = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chmod": (90, None),
    "clock_settime": (227, 112),
    "connect": (42, 203),
    "delete_module": (176, 106),
    "fchmodat": (268, 53),
    "finit_module": (313, 273),
    "getrandom": (318, 278),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "ptrace": (101, 117),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "socket": (41, 198),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "uname": (63, 160),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "unshare": (272, 97),
}
"""Some calls: their numbers on x86-64, and on processors that use Linux's generic table."""


def numbers(names: Iterable[str], machine: str = "") -> list[int]:
    """The numbers of calls on a processor (this one by default); those it lacks are left out.

    Raises ``ContainerError`` for an unknown processor or name.
    """
    machine = machine or os.uname().machine
    if machine not in ARCHITECTURES:
        raise ContainerError(
            f"No seccomp filter can be built for the processor {machine!r}: the known ones are "
            f"{', '.join(ARCHITECTURES)}; run without seccomp."
        )
    found = []
    for name in names:
        if name not in NUMBERS:
            raise ContainerError(
                f"The system call {name!r} has no number in the table: use one of "
                f"{', '.join(NUMBERS)}, or add it to vcloud_lab.containers.seccomp.NUMBERS."
            )
        number = NUMBERS[name][machine != "x86_64"]
        if number is not None:
            found.append(number)
    return found


def deny(calls: Iterable[int], error: int = errno.EPERM, machine: str = "") -> bytes:
    """A filter that lets every call pass but ``calls``, which fail with ``error``."""
    machine = machine or os.uname().machine
    program = [
        (LOAD, 0, 0, 4),  # a filter for another processor would compare the wrong numbers
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),
    ]
    refuse = (RETURN, 0, 0, ERRNO | error)
    if machine == "x86_64":
        program += [(JUMP_AT_LEAST, 0, 1, X32), refuse]
    for number in calls:
        program += [(JUMP_EQUAL, 0, 1, number), refuse]
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install(program: bytes) -> None:
    """Filter this thread and its children from now on, for ever.

    Without ``no_new_privs`` only root may: a filter could deceive a setuid program. ``OSError``.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, 2, head)
