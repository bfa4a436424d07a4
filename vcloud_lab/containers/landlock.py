"""Landlock: a process, even without any privilege, gives up the right to write to files."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from vcloud_lab.containers.syscalls import PR_SET_NO_NEW_PRIVS, prctl, raw

__all__ = ["abi", "read_only"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
"""Write to a file, remove and make anything (landlock(7)); version 1 of the interface."""
REFER, TRUNCATE = 1 << 13, 1 << 14
"""Move between directories (from version 2) and shorten files (from version 3)."""


def abi() -> int:
    """The kernel's version of the interface. ``OSError`` where it is missing or turned off."""
    return raw(CREATE_RULESET, "landlock_create_ruleset", None, 0, 1)


def read_only(writable: Iterable[str] = ()) -> None:
    """From now on this thread and its children write only beneath the ``writable`` directories.

    Raises ``OSError``. Files that are already open stay as they are.
    """
    version = abi()
    handled = WRITES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = raw(CREATE_RULESET, "landlock_create_ruleset", struct.pack("=Q", handled), 8, 0)
    for path in writable:
        beneath = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", handled, beneath))
        raw(ADD_RULE, "landlock_add_rule", rules, 1, rule, 0)
        os.close(beneath)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    raw(RESTRICT_SELF, "landlock_restrict_self", rules, 0)
    os.close(rules)
