"""Workloads from a table: CSV, tab-separated or Markdown text, rows, or columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vcloud_lab.errors import WorkloadError
from vcloud_lab.scheduling.job import FIELDS
from vcloud_lab.scheduling.workload import Workload

__all__ = ["read_table"]


def read_table(
    table: str | Iterable[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
    *,
    title: str = "",
    unit: str = "tick",
) -> Workload:
    """A workload from a table with columns ``arrival``, ``burst``, and maybe ``name``, ``width``.

    ``table`` is text with a header line (CSV, tab-separated, or a Markdown table), a list of
    mappings (one a job), or one mapping of columns. Other columns are refused, so that a misspelt
    one is noticed. Raises ``WorkloadError`` for a table that lacks a column or breaks a rule, and
    names the line.

    >>> read_table("name,arrival,burst\\nP1,0,24\\nP2,0.5,3")
    Workload of 2 jobs: P1 (0, 24), P2 (1/2, 3)
    """
    if isinstance(table, str):
        rows = _rows_of_text(table)
    elif isinstance(table, Mapping):
        flat = [key for key, column in table.items() if not hasattr(column, "__len__")]
        if flat:
            raise WorkloadError(
                f"The table's column {flat[0]!r} is {table[flat[0]]!r}: a list with one entry a "
                "job is needed; put it in square brackets."
            )
        lengths = {str(key): len(column) for key, column in table.items()}
        if len(set(lengths.values())) > 1:
            raise WorkloadError(
                f"The table's columns have different lengths {lengths}: each needs one entry a "
                "job; fill the short ones."
            )
        rows = [
            dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)
        ]
        _check_header(list(table))
    else:
        return Workload(table, title=title, unit=unit)
    return Workload(rows, title=title, unit=unit)


def _rows_of_text(text: str) -> list[dict[str, str]]:
    lines = [(at, line.strip()) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    cells = [(at, _cells(line)) for at, line in lines]
    cells = [(at, row) for at, row in cells if not all(set(cell) <= set("-: ") for cell in row)]
    if not cells:
        raise WorkloadError(
            "The table is empty: a header line such as 'name,arrival,burst' and one line a job "
            "are needed; add them."
        )
    (_, first), *body = cells
    header = [cell.lower() for cell in first]
    _check_header(header)
    for at, row in body:
        if len(row) != len(header):
            raise WorkloadError(
                f"Line {at} of the table has {len(row)} cells: the header has {len(header)}; "
                "give every line one cell a column."
            )
    return [dict(zip(header, row, strict=True)) for _, row in body]


def _cells(line: str) -> list[str]:
    if line.startswith("|"):
        return [cell.strip() for cell in line.strip("|").split("|")]
    import csv  # here, so that importing the package stays quick

    delimiter = "\t" if "\t" in line else ","
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]


def _check_header(header: Sequence[str]) -> None:
    wrong = [column for column in header if column not in FIELDS]
    missing = [column for column in ("arrival", "burst") if column not in header]
    if wrong or missing or len(set(header)) < len(header):
        raise WorkloadError(
            f"The table's columns are {', '.join(map(str, header))}: arrival and burst are needed, "
            "name and width are allowed, each once; rename, add or remove columns."
        )
