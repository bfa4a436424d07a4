"""vcloud_lab: an interactive workbook on virtualization and cloud infrastructure."""

from __future__ import annotations

from typing import Any

from vcloud_lab.errors import VcloudLabError
from vcloud_lab.scheduling import (
    FCFS,
    HRRN,
    LRTF,
    PRIORITY,
    RR,
    SJF,
    SRTF,
    Job,
    Schedule,
    Workload,
    nasa_trace,
    random_workload,
    simulate,
)

__all__ = [
    "FCFS",
    "HRRN",
    "LRTF",
    "PRIORITY",
    "RR",
    "SJF",
    "SRTF",
    "Job",
    "Schedule",
    "VcloudLabError",
    "Workload",
    "nasa_trace",
    "random_workload",
    "simulate",
]

__version__ = "0.1.0"


def _show_schedule(schedule: Schedule, **_: Any) -> dict[str, Any]:
    """A schedule that ends a notebook cell shows as its Gantt chart.

    Only this module may know both sides: ``scheduling`` must not import ``render``, and ``render``
    is loaded when the first chart is shown.
    """
    from vcloud_lab.render import gantt

    return gantt(schedule)._repr_mimebundle_()


Schedule._repr_mimebundle_ = _show_schedule
