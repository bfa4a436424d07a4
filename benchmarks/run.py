"""Measure the speed of the scheduling core and write a table.

    python benchmarks/run.py [--quick] [--output FILE]

Every line says what was measured, the goal, and whether it was met. The exit status is 0 also
where a goal was missed, because a busy machine misses goals; it is not where SimPy and vcloud_lab
disagree on a result. --quick only shows that everything runs and agrees: its figures mean nothing,
and nothing is written unless --output says where.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import measures

RESULTS = Path(__file__).parent / "RESULTS.md"
VERDICT = {True: "met", False: "**missed**", None: "-"}


def machine() -> str:
    """The processor, its cores and the versions that matter, in one line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(line.split(":")[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        pass  # not Linux, or a processor without a name: the architecture will do
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "simpy"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()}; {python}, {packages}"


def collect(sizes: measures.Sizes) -> list[measures.Line]:
    """All lines, announced one by one."""
    lines = []
    for measure in measures.MEASUREMENTS:
        for line in measure(sizes):
            print(
                f"{line.what}: {line.measured}; goal {line.goal}: {VERDICT[line.met]}", flush=True
            )
            lines.append(line)
    return lines


def table(lines: list[measures.Line], note: str) -> str:
    """The report in Markdown."""
    rows = [f"| {x.what} | {x.measured} | {x.goal} | {VERDICT[x.met]} |" for x in lines]
    goals = [line for line in lines if line.met is not None]
    head = [
        "# Benchmark results",
        "",
        "Written by `python benchmarks/run.py`; see there and in `measures.py` for what is done.",
        "Ratios are of the shortest processor times of one run, in which the two sides took",
        "turns. SimPy and vcloud_lab gave the same completion time for every job.",
        "",
        note,
        "",
        "| what | measured | goal | |",
        "|---|---|---|---|",
    ]
    met = sum(line.met is True for line in goals)
    closing = [
        f"{met} of {len(goals)} goals met.",
        "",
        "FCFS takes a few nanoseconds a job, as long as it takes to move the job's times through",
        "memory. The columns of 100,000 jobs stay in the processor's cache and those of 1,000,000",
        "do not, so its growth is that of memory, not of the algorithm.",
        "",
    ]
    return "\n".join([*head, *rows, "", *closing])


def main(arguments: list[str] | None = None) -> int:
    """Run everything; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the speed of the scheduling core.")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--output", type=Path, help="where to write the table")
    options = parser.parse_args(arguments)
    lines = collect(measures.QUICK if options.quick else measures.Sizes())
    when = datetime.now(UTC).strftime("%d %B %Y")
    text = table(lines, f"{when}, {machine()}.")
    output = options.output or (None if options.quick else RESULTS)
    if output:
        output.write_text(text, encoding="utf-8")
        print(f"Wrote {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
