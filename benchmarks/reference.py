"""The C++ reference: ``reference.cpp``, compiled on the spot and run as a child.

It does what the package does, with the same data structures or plainer ones, so that the ratio of
the two times is that of the languages. It reads the workload from a pipe and times only the
algorithm.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcloud_lab.scheduling import Workload
from vcloud_lab.scheduling.workload import Column

SOURCE = Path(__file__).with_name("reference.cpp")


@dataclass(frozen=True)
class Answer:
    """``seconds`` of the fastest repeat, the sum of the waiting times, the completions in ticks,
    and the slices, one row of job, start and end each (none unless a trace was asked for)."""

    seconds: float
    waiting: int
    completion: Column
    slices: Column


def compiler() -> str | None:
    """The path of a C++ compiler, None where there is none."""
    return shutil.which("g++") or shutil.which("c++")


def compiler_version() -> str | None:
    """The first line in which the compiler names itself, None where there is none."""
    found = compiler()
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()[0]


def build(folder: Path) -> Path:
    """Compile the reference into a folder; return the program."""
    found = compiler()
    if found is None:
        raise SystemExit("There is no C++ compiler: the reference needs g++; install it.")
    program = folder / "reference"
    subprocess.run([found, "-std=c++17", "-O2", "-o", program, SOURCE], check=True)
    return program


def solve(
    program: Path,
    workload: Workload,
    policy: str,
    *,
    quantum: int = 1,
    trace: bool = False,
    repeats: int = 1,
) -> Answer:
    """Run a workload, sorted by arrival, under "FCFS", "SJF", "SRTF" or "RR"."""
    columns = ([len(workload)], workload.arrival, workload.burst)
    child = subprocess.run(
        [program, policy, str(quantum), str(int(trace)), str(repeats)],
        input=b"".join(np.asarray(column, np.int64).tobytes() for column in columns),
        capture_output=True,
        check=True,
    )
    numbers = np.frombuffer(child.stdout, np.int64)
    nanoseconds, waiting = numbers[:2].tolist()
    slices = numbers[3 + len(workload) :].reshape(-1, 3)
    return Answer(nanoseconds / 1e9, waiting, numbers[2 : 2 + len(workload)], slices)
