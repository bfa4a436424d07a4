"""Scheduling: workload -> policy -> engine -> schedule.

The names of the core are imported here, all others when they are first asked for: the package is
large, and a learner waits for the import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.generate import ostep_workload, random_workload
from vcloud_lab.scheduling.job import Job, io_every
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF, Policy
from vcloud_lab.scheduling.schedule import METRICS, Schedule, Slice
from vcloud_lab.scheduling.swf import nasa_trace, read_swf, swf_header
from vcloud_lab.scheduling.workload import Workload

if TYPE_CHECKING:
    from vcloud_lab.scheduling.adversary import Worst, gap, small_workloads, worst_case
    from vcloud_lab.scheduling.alternatives import Alternative, what_if
    from vcloud_lab.scheduling.barriers import BarrierRun, with_barriers
    from vcloud_lab.scheduling.cloudlet_results import Shared
    from vcloud_lab.scheduling.cloudlets import Cloudlet, Host, Vm
    from vcloud_lab.scheduling.credit import CREDIT
    from vcloud_lab.scheduling.fair import CFS, EEVDF
    from vcloud_lab.scheduling.feasibility import (
        edf_feasible,
        overload,
        response_times,
        utilisation,
        within_hyperbolic,
        within_liu_layland,
    )
    from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ, MLQ
    from vcloud_lab.scheduling.gang import GangSchedule, gang_schedule
    from vcloud_lab.scheduling.ledger import Decision, Ready
    from vcloud_lab.scheduling.linux import Observed, observe_nice
    from vcloud_lab.scheduling.optimum import least_waiting
    from vcloud_lab.scheduling.own import OWN, Waiting
    from vcloud_lab.scheduling.periodic import EDF, RM, Miss, PeriodicTask, PeriodicTasks, missed
    from vcloud_lab.scheduling.points import Point, grid
    from vcloud_lab.scheduling.results import Results, Spread
    from vcloud_lab.scheduling.service import received, stolen
    from vcloud_lab.scheduling.shares import LOTTERY, STRIDE, ostep_lottery
    from vcloud_lab.scheduling.sharing import share
    from vcloud_lab.scheduling.sweeps import sweep
    from vcloud_lab.scheduling.table import read_table

__all__ = [
    "CFS",
    "CREDIT",
    "EDF",
    "EEVDF",
    "FCFS",
    "FEEDBACK",
    "HRRN",
    "LOTTERY",
    "LRTF",
    "METRICS",
    "MLFQ",
    "MLQ",
    "OWN",
    "PRIORITY",
    "RM",
    "RR",
    "SJF",
    "SRTF",
    "STRIDE",
    "Alternative",
    "BarrierRun",
    "Cloudlet",
    "Decision",
    "GangSchedule",
    "Host",
    "Job",
    "Miss",
    "Observed",
    "PeriodicTask",
    "PeriodicTasks",
    "Point",
    "Policy",
    "Ready",
    "Results",
    "Schedule",
    "Shared",
    "Slice",
    "Spread",
    "Time",
    "Vm",
    "Waiting",
    "Workload",
    "Worst",
    "edf_feasible",
    "exact",
    "gang_schedule",
    "gap",
    "grid",
    "io_every",
    "least_waiting",
    "missed",
    "nasa_trace",
    "observe_nice",
    "ostep_lottery",
    "ostep_workload",
    "overload",
    "random_workload",
    "read_swf",
    "read_table",
    "received",
    "response_times",
    "share",
    "show",
    "simulate",
    "small_workloads",
    "stolen",
    "sweep",
    "swf_header",
    "utilisation",
    "what_if",
    "with_barriers",
    "within_hyperbolic",
    "within_liu_layland",
    "worst_case",
]

_LATER = {
    "adversary": "Worst gap small_workloads worst_case",
    "alternatives": "Alternative what_if",
    "barriers": "BarrierRun with_barriers",
    "cloudlet_results": "Shared",
    "cloudlets": "Cloudlet Host Vm",
    "credit": "CREDIT",
    "fair": "CFS EEVDF",
    "feasibility": "edf_feasible overload response_times utilisation within_hyperbolic "
    "within_liu_layland",
    "feedback": "FEEDBACK MLFQ MLQ",
    "gang": "GangSchedule gang_schedule",
    "ledger": "Decision Ready",
    "linux": "Observed observe_nice",
    "optimum": "least_waiting",
    "own": "OWN Waiting",
    "periodic": "EDF RM Miss PeriodicTask PeriodicTasks missed",
    "points": "Point grid",
    "results": "Results Spread",
    "service": "received stolen",
    "shares": "LOTTERY STRIDE ostep_lottery",
    "sharing": "share",
    "sweeps": "sweep",
    "table": "read_table",
}
"""The modules that are imported later, and the names that they give the package."""

_HOMES = {name: module for module, names in _LATER.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
