"""Scheduling: workload -> policy -> engine -> schedule."""

from vcloud_lab.scheduling.adversary import Worst, gap, small_workloads, worst_case
from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.generate import ostep_workload, random_workload
from vcloud_lab.scheduling.job import Job, io_every
from vcloud_lab.scheduling.ledger import Decision, Ready
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.optimum import least_waiting
from vcloud_lab.scheduling.own import OWN, Waiting
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF, Policy
from vcloud_lab.scheduling.schedule import METRICS, Schedule, Slice
from vcloud_lab.scheduling.swf import nasa_trace, read_swf, swf_header
from vcloud_lab.scheduling.table import read_table
from vcloud_lab.scheduling.what_if import Alternative, what_if
from vcloud_lab.scheduling.workload import Workload

__all__ = [
    "FCFS",
    "HRRN",
    "LRTF",
    "METRICS",
    "OWN",
    "PRIORITY",
    "RR",
    "SJF",
    "SRTF",
    "Alternative",
    "Decision",
    "Job",
    "Policy",
    "Ready",
    "Schedule",
    "Slice",
    "Time",
    "Waiting",
    "Workload",
    "Worst",
    "exact",
    "gap",
    "io_every",
    "least_waiting",
    "nasa_trace",
    "ostep_workload",
    "random_workload",
    "read_swf",
    "read_table",
    "show",
    "simulate",
    "small_workloads",
    "swf_header",
    "what_if",
    "worst_case",
]
