"""Tables: as aligned text for terminals and diffs, as HTML with caption and headers for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from numbers import Integral, Real
from typing import Any

from vcloud_lab.errors import RenderError
from vcloud_lab.render.cut import MOST_ROWS, check_size
from vcloud_lab.render.grid import grid_html, grid_text
from vcloud_lab.render.metrics import metrics_grid
from vcloud_lab.render.scene import Grid
from vcloud_lab.scheduling.numbers import exact, show
from vcloud_lab.scheduling.schedule import METRICS, Schedule

__all__ = ["Table", "table"]

MOST_LINES = 200


@dataclass(frozen=True, repr=False)
class Table:
    """A table that shows itself as HTML and as text."""

    grid: Grid

    @property
    def text(self) -> str:
        """The table in aligned columns."""
        return grid_text(self.grid)

    @property
    def html(self) -> str:
        """A ``<table>`` with a caption and with header cells that name their scope."""
        return grid_html(self.grid)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def table(data: Schedule | Iterable[Any] | Mapping[str, Schedule], *, caption: str = "") -> Table:
    """A table of rows, of one schedule (job by job), or of several (one a row, the best marked).

    ``data`` is a schedule, a list of schedules, a mapping from labels to schedules, or a list of
    mappings with the columns as keys. Numbers are shown exactly up to three decimals. Raises
    ``RenderError`` for an empty table, rows that are no mappings, and numbers that are not finite.
    """
    if isinstance(data, Schedule):
        grid = _job_grid(data)
    elif isinstance(data, Mapping):
        grid = metrics_grid(data)
    else:
        rows = list(data) if isinstance(data, Iterable) else [data]
        many = bool(rows) and all(isinstance(row, Schedule) for row in rows)
        grid = metrics_grid(rows) if many else _row_grid(rows)
    return Table(grid if not caption else Grid(**{**vars(grid), "caption": caption}))


def _job_grid(schedule: Schedule) -> Grid:
    check_size(schedule)
    workload = schedule.workload
    shown = min(len(workload), MOST_ROWS)
    columns = {
        "arrival": workload.arrival[:shown],
        "burst": workload.burst[:shown],
        **({"width": workload.width[:shown]} if workload.width.max() > 1 else {}),
        **{metric: schedule.ticks(metric)[:shown] for metric in METRICS},
    }
    cells = [
        [str(entry) if name == "width" else show(workload.time(entry)) for entry in column.tolist()]
        for name, column in columns.items()
    ]
    rows = tuple(zip(workload.names[:shown], *cells, strict=True))
    means = {metric: show(schedule.mean(metric)) for metric in METRICS[1:]}
    left_out = f"The first {shown} of {len(workload):,} jobs; the means are of all."
    return Grid(
        f"{schedule.label}, job by job",
        ("job", *columns),
        rows,
        (False, *(True for _ in columns)),
        ("mean", *(means.get(column, "") for column in columns)),
        note=left_out if shown < len(workload) else "",
    )


def _row_grid(rows: list[Any]) -> Grid:
    wrong = [row for row in rows if not isinstance(row, Mapping)]
    if wrong or not rows or not all(rows):
        what = f"A row of the table is {wrong[0]!r}" if wrong else "The table has an empty row"
        what = what if rows else "The table has 0 rows"
        raise RenderError(
            f"{what}: a table is a schedule, a list of schedules, or a list of mappings such as "
            "{'quantum': 2, 'waiting': 5}; give at least one of these."
        )
    columns = list(dict.fromkeys(key for row in rows for key in row))
    shown = rows[:MOST_LINES]
    cells = tuple(tuple(_cell(row.get(column), column) for column in columns) for row in shown)
    numeric = tuple(
        all(_is_number(row[column]) for row in shown if row.get(column) is not None)
        for column in columns
    )
    note = f"The first {MOST_LINES} of {len(rows):,} rows." if len(rows) > MOST_LINES else ""
    return Grid("", tuple(map(str, columns)), cells, numeric, note=note)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _cell(value: object, column: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Fraction | Integral):
        return show(exact(value, f"A cell of column {column}", RenderError))
    if isinstance(value, Real):
        if not isfinite(value):
            raise RenderError(
                f"A cell of column {column!r} is {value}: a table shows finite numbers; leave it "
                "out, or give None for an empty cell."
            )
        return show(exact(value, f"A cell of column {column}", RenderError))
    return str(value)
