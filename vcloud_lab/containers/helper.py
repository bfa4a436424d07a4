"""How a helper process is started: a fresh interpreter with nothing but the modules it names."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["helper_command"]

HERE = Path(__file__).resolve().parent

# The package's folders without what their __init__ files would load: this saves most of the start.
START = """\
import sys
for name, folder in ("vcloud_lab", sys.argv[1]), ("vcloud_lab.containers", sys.argv[2]):
    sys.modules[name] = module = type(sys)(name)
    module.__path__ = [folder]
__import__(sys.argv[3], fromlist=["main"]).main(*map(int, sys.argv[4:]))
"""


def helper_command(module: str, *numbers: int) -> list[str]:
    """The words of a command that calls ``main(*numbers)`` of a module of this package."""
    words = [str(HERE.parent), str(HERE), f"vcloud_lab.containers.{module}", *map(str, numbers)]
    return [sys.executable, "-I", "-S", "-c", START, *words]
