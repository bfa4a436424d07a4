"""The virtual machine on Linux: from reset to its first program, on both engines and in plain C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import interpreter
from measures import Line, Section, Sizes, ratio_line, timed

from vcloud_lab.vm import Hart, TranslatingHart
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.guests import linux

MEMORY = 64 << 20
"""What a ``VirtualMachine`` has if nothing is said."""
INIT = b"Run /init"
"""What Linux writes when it starts its first program."""
STEPS = 10_000


def board(engine: type[Hart] = TranslatingHart) -> Board:
    """A machine with the Linux of the package, before its first instruction."""
    made, guest = Board(MEMORY, engine), linux()
    made.load_kernel(guest.image, guest.command_line)
    return made


def to_init() -> int:
    """After how many instructions the first program is started, rounded up."""
    made = board()
    while INIT not in made.console.output:
        interpreter.advance(made.hart, made.hart.retired + STEPS)
    return made.hart.retired


def check(program: Path, stops: list[int]) -> None:
    """A ratio means something only if both execute the same: compare all that can be seen."""
    ours = board()
    _, theirs = interpreter.solve(program, board(), stops)
    for stop, state in zip(stops, theirs, strict=True):
        interpreter.advance(ours.hart, stop)
        if interpreter.state_of(ours) != state:
            raise SystemExit(f"C and vcloud_lab disagree after {stop} instructions of Linux.")


def boots(sizes: Sizes) -> Iterator[Line]:
    """Reset to init on both engines, in turns, and in C."""
    count = to_init()
    best = {Hart: float("inf"), TranslatingHart: float("inf")}
    for _ in range(sizes.boots):
        ends = []
        for engine in best:
            made = board(engine)
            time, _ = timed(lambda m=made: interpreter.advance(m.hart, count))
            best[engine] = min(best[engine], time)
            ends.append(interpreter.state_of(made))
        if ends[0] != ends[1]:
            raise SystemExit("The engines disagree on Linux.")
    each = f"{best[TranslatingHart]:.2f} s for {count / 10**6:.1f} million instructions"
    ratio = best[Hart] / best[TranslatingHart]
    what = "Linux, reset to init: the step engine's time over the translator's"
    yield ratio_line(what, ratio, f"{ratio:.2f} times ({each})", least=3)
    if interpreter.compiler() is None:
        yield Line("against an interpreter in C", "not measured: there is no C compiler")
        return
    with TemporaryDirectory() as folder:
        program = interpreter.build(Path(folder))
        check(program, [1000, *range(count // 8, count, count // 8), count])
        seconds, _ = interpreter.solve(program, board(), [count], repeats=5 * sizes.boots)
    ratio = best[TranslatingHart] / seconds
    yield ratio_line(
        "Linux, reset to init: the translator's time over that of an interpreter in C",
        ratio,
        f"{ratio:.0f} times (C: {1000 * seconds:.0f} ms)",
        most=60,
    )


SECTIONS = (
    Section(
        "Virtual machine: Linux",
        "The Linux of the package boots, from reset to the start of its first program. The "
        "interpreter in C (`rv32.c`, a switch, -O2, compiled on the spot) is the same machine; "
        "after several numbers of instructions its registers, program counter and console text "
        "are equal to ours. Every boot of ours begins with nothing translated.",
        boots,
    ),
)
