"""The C reference for the virtual machine: ``rv32.c``, compiled on the spot and run as a child.

It executes the same instructions on the same machine, one by one; so the ratio of the two times is
that of the languages, and of what the translator makes of it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart

SOURCE = Path(__file__).with_name("rv32.c")
STATE = struct.Struct("<QQI32IQ")


@dataclass(frozen=True)
class State:
    """A machine after so many instructions: program counter, registers, what the console shows."""

    retired: int
    pc: int
    x: tuple[int, ...]
    console: bytes


def compiler() -> str | None:
    """The path of a C compiler, None where there is none."""
    return shutil.which("gcc") or shutil.which("cc")


def build(folder: Path) -> Path:
    """Compile the interpreter into a folder; return the program."""
    found = compiler()
    if found is None:
        raise SystemExit("There is no C compiler: the interpreter needs gcc; install it.")
    program = folder / "rv32"
    subprocess.run([found, "-std=c11", "-O2", "-o", program, SOURCE], check=True)
    return program


def state_of(board: Board) -> State:
    """The state of one of our machines."""
    hart = board.hart
    return State(hart.retired, hart.pc, tuple(hart.x[:32]), bytes(board.console.output))


def advance(hart: Hart, retired: int) -> None:
    """Run until so many instructions are completed; traps count for nothing."""
    while hart.retired < retired:
        if hart.run(retired - hart.retired) != "budget":
            raise SystemExit(f"The guest has stopped after {hart.retired} instructions.")


def solve(
    program: Path, board: Board, stops: list[int], *, repeats: int = 1
) -> tuple[float, list[State]]:
    """Seconds for all instructions, and the state after each number of them in ``stops``.

    The machine begins as ``board`` stands, which must not have run yet.
    """
    child = subprocess.run(
        [program, str(repeats), str(board.hart.x[11]), *map(str, stops)],
        input=bytes(board.bus.ram),
        capture_output=True,
        check=True,
    )
    states, at, seconds = [], 0, 0.0
    for _ in stops:
        nanoseconds, retired, pc, *x, length = STATE.unpack_from(child.stdout, at)
        at += STATE.size
        states.append(State(retired, pc, tuple(x), child.stdout[at : at + length]))
        at, seconds = at + length, nanoseconds / 1e9
    return seconds, states
