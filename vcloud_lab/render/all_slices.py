"""Every slice of a schedule in one plotly figure, a hundred thousand of them and more.

``gantt`` stops where a chart is no longer legible. This one does not: it is for zooming. What makes
it quick to build and to send is that nothing is done slice by slice: the columns of the trace go
into the figure as they are, packed as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vcloud_lab.errors import RenderError
from vcloud_lab.render.axis import axis_label, count, span_text
from vcloud_lab.render.cut import check_size
from vcloud_lab.render.spec_parts import (
    LABEL,
    config,
    label_text,
    layout,
    packed,
    plain,
)
from vcloud_lab.render.theme import JOBS
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.workload import Column

if TYPE_CHECKING:  # numpy.typing is slow to import and only read by type checkers
    import numpy.typing as npt

__all__ = ["MOST_BARS", "AllSlices", "all_slices"]

MOST_BARS = 250_000
"""A browser needs seconds for so many bars, and a notebook grows by 10 to 20 bytes with each."""

ROW, TALLEST = 34, 1200  # pixels


@dataclass(frozen=True, repr=False)
class AllSlices:
    """The chart; JupyterLab shows ``spec``, terminals the ``sentence``."""

    schedule: Schedule

    @cached_property
    def sentence(self) -> str:
        """What can be seen."""
        jobs, slices = len(self.schedule.workload), len(self._slices)
        time = span_text(0, self.schedule.makespan, self.schedule.workload.unit)
        each = f"all {slices:,} slices" if slices > 1 else "the one slice"
        return f"Under {self.schedule.label}, {each} of {count(jobs, 'job')}, {time}."

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The plotly figure as a plain dict: ``data``, ``layout`` and ``config``.

        There is one bar a slice; touching slices of a job stay apart. A job's row is its position
        in the list. Bars have no outline, which would hide them.
        """
        workload, trace, at = self.schedule.workload, self.schedule.trace, self._slices
        job, start = trace.job[at], trace.start[at]
        length = trace.end[at] - start
        # A trace for each colour: a colour for each bar would cost more than all the rest.
        bars = [
            _bars(job[mine], start[mine], length[mine], colour, workload.scale)
            for number, colour in enumerate(JOBS)
            if (mine := np.flatnonzero(job % len(JOBS) == number)).size
        ]
        rows = len(workload)
        made = layout(self.sentence, min(ROW * rows, TALLEST) + 60, axis_label(workload.unit))
        made["yaxis"] |= {
            "labelalias": {str(row): _label(name) for row, name in enumerate(workload.names)},
            "range": [rows - 0.5, -0.5],
            "exponentformat": "none",
            "showgrid": False,
        }
        if ROW * rows <= TALLEST:
            made["yaxis"]["dtick"] = 1
        made |= {"barmode": "overlay", "showlegend": False}
        return {"data": bars, "layout": made, "config": config()}

    @cached_property
    def _slices(self) -> npt.NDArray[np.intp]:
        """The dispatches at which a job really ran."""
        return np.flatnonzero(self.schedule.trace.end > self.schedule.trace.start)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"application/vnd.plotly.v1+json": self.spec, "text/plain": self.sentence}

    def __repr__(self) -> str:
        return self.sentence


def all_slices(schedule: Schedule) -> AllSlices:
    """Every slice of a schedule, one row a job in list order, to zoom into in JupyterLab.

    Times in the picture are 64-bit floats where they are not whole or need more than 31 bits.
    Raises ``RenderError`` for a schedule without jobs, with more than a million, or with more than
    ``MOST_BARS`` slices.
    """
    check_size(schedule)
    if len(schedule.trace.end) > MOST_BARS:
        raise RenderError(
            f"A picture of all {len(schedule.trace.end):,} slices was asked for: a browser can "
            f"draw at most {MOST_BARS:,}; draw a part with gantt(schedule, window=(t0, t1))."
        )
    return AllSlices(schedule)


def _label(name: str) -> str:
    """A row's name; only long ones are put through the slow search for line breaks."""
    return label_text(name) if len(name) > LABEL else plain(name)


def _bars(job: Column, start: Column, length: Column, colour: str, scale: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        # Always an array: plotly reads a step of 0 between rows, ``dy=0``, as 1.
        "y": packed(job),
        "base": packed(start if scale == 1 else start / scale),
        "x": packed(length if scale == 1 else length / scale),
        "width": 0.8,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": "%{y} runs, time %{base} to %{x}<extra></extra>",
    }
