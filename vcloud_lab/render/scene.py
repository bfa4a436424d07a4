"""What a chart shows, before anybody draws it.

``gantt`` and ``compare`` make a ``Scene``, ``lines`` and ``profile`` a ``Plot``. The three back
ends (``text``, ``svg``, ``spec``) draw these and know nothing of schedules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vcloud_lab.scheduling.numbers import Time

__all__ = ["Bar", "Curve", "Grid", "Lane", "Plot", "Scene"]


@dataclass(frozen=True)
class Bar:
    """A stretch of a lane. ``kind`` is "run", "wait", "io", "idle" or "switch"; ``job`` is the
    position of the job in the workload (it chooses the colour), -1 where none runs; ``cpu`` is the
    number of the CPU that it runs on."""

    start: Time
    end: Time
    kind: str
    job: int = -1
    label: str = ""
    tip: str = ""
    cpu: int = 0


@dataclass(frozen=True)
class Lane:
    """One row. A job's row has its arrival and completion where they lie in the window."""

    label: str
    bars: tuple[Bar, ...]
    arrival: Time | None = None
    completion: Time | None = None
    sequence: bool = False  # the row of a CPU: one bar after the other, each with its job's name


@dataclass(frozen=True)
class Grid:
    """A table in words. ``rows`` and ``foot`` hold one cell a column; the first column names the
    row. ``best`` holds the (row, column) that are the best of their column; ``numeric`` says
    which columns are aligned to the right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    foot: tuple[str, ...] = ()
    best: tuple[tuple[int, int], ...] = ()
    note: str = ""

    def cell(self, row: int, column: int) -> str:
        """A cell as people see it: the best one of a column carries a star."""
        return self.rows[row][column] + ("*" if (row, column) in self.best else "")

    def turned(self) -> Grid:
        """Rows and columns exchanged, for a table of figures that is too wide."""
        header, *rows = zip(self.header, *self.rows, strict=True)
        best = tuple((column - 1, row + 1) for row, column in self.best)
        numeric = (False, *(True for _ in self.rows))
        return replace(self, header=header, rows=tuple(rows), numeric=numeric, best=best)


@dataclass(frozen=True)
class Scene:
    """Rows over one time axis, from ``start`` to ``end``; ``at`` is where the cursor stands."""

    title: str
    sentence: str
    lanes: tuple[Lane, ...]
    start: Time
    end: Time
    unit: str
    at: Time | None = None
    grid: Grid | None = None

    @property
    def kinds(self) -> set[str]:
        """The kinds of bars that occur, and "mark" where jobs have rows of their own."""
        found = {bar.kind for lane in self.lanes for bar in lane.bars}
        marked = any(not lane.sequence for lane in self.lanes)
        return found | ({"mark"} if marked else set())


@dataclass(frozen=True)
class Curve:
    """One line of a plot. A ``step`` curve keeps each value until the next x; its last y is not
    drawn further."""

    name: str
    y: tuple[float, ...]
    step: bool = False


@dataclass(frozen=True)
class Plot:
    """Curves over common x values; ``levels`` are named horizontal lines; ``grid`` is the twin."""

    title: str
    sentence: str
    x: tuple[float, ...]
    curves: tuple[Curve, ...]
    xlabel: str
    ylabel: str
    grid: Grid
    levels: tuple[tuple[str, float], ...] = ()
