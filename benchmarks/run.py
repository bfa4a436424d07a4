"""Measure speed, of the simulations and of the virtual machine, and write a table.

    python benchmarks/run.py [--quick] [--output FILE]

Every line says what was measured, the goal, and whether it was met. The exit status is 0 also
where a goal was missed, because a busy machine misses goals; it is not where another simulator and
vcloud_lab disagree on a result. --quick only shows that everything runs and agrees: its figures
mean nothing, and nothing is written unless --output says where. What is not installed is left out,
and its line says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill

import against_cpp
import booting
import charts
import machines
import own
import peers
import reference
from measures import QUICK, Line, Section, Sizes

RESULTS = Path(__file__).parent / "RESULTS.md"
MODULES = (peers, against_cpp, charts, machines, booting, own)
SECTIONS: tuple[Section, ...] = tuple(part for module in MODULES for part in module.SECTIONS)
PACKAGES = ("numpy", "simpy", "ciw", "salabim", "plotly", "pandas", "unicorn", "riscemu")
VERDICT = {True: "met", False: "**missed**", None: "-"}


def machine() -> str:
    """The processor, its cores and the versions that matter, in one line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(line.split(":")[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        pass  # not Linux, or a processor without a name: the architecture will do
    python = f"{platform.python_implementation()} {platform.python_version()}"
    versions = [found for package in PACKAGES if (found := version_of(package))]
    tools = ", ".join([python, *versions, reference.compiler_version() or "no C++ compiler"])
    return f"{model}, {os.cpu_count()} cores, {platform.system()}; {tools}"


def version_of(package: str) -> str | None:
    """The name and version of a package, None where it is not installed."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def collect(sizes: Sizes) -> list[tuple[Section, list[Line]]]:
    """All sections with their lines, announced one by one."""
    results = []
    for section in SECTIONS:
        lines = []
        for line in section.measure(sizes):
            said = f"{line.what}: {line.measured}; goal {line.goal}: {VERDICT[line.met]}"
            print(said, flush=True)
            lines.append(line)
        results.append((section, lines))
    return results


def report(results: list[tuple[Section, list[Line]]], note: str) -> str:
    """The report in Markdown: a table for each section, and how many goals were met."""
    text = f"""# Benchmark results

Written by `python benchmarks/run.py` (`make bench`); what is compared is measured in turns in one
run, and ratios are of the shortest processor times. Wherever another simulator is named, it gave
the same completion time for every job. Why each is fast: [docs/speed.md](../docs/speed.md).

{note}

"""
    for section, lines in results:
        note = fill(section.note, 100, break_long_words=False, break_on_hyphens=False)
        text += f"## {section.title}\n\n{note}\n\n| what | measured | goal | |\n|---|---|---|---|\n"
        for x in lines:
            text += f"| {x.what} | {x.measured} | {x.goal} | {VERDICT[x.met]} |\n"
        text += "\n"
    goals = [line.met for _, lines in results for line in lines if line.met is not None]
    return f"{text}{goals.count(True)} of {len(goals)} goals met.\n"


def main(arguments: list[str] | None = None) -> int:
    """Run everything; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure how fast the models are.")
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--output", type=Path, help="where to write the table")
    options = parser.parse_args(arguments)
    results = collect(QUICK if options.quick else Sizes())
    when = datetime.now(UTC).strftime("%d %B %Y")
    text = report(results, f"{when}, {machine()}.")
    output = options.output or (None if options.quick else RESULTS)
    if output:
        output.write_text(text, encoding="utf-8")
        print(f"Wrote {output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
