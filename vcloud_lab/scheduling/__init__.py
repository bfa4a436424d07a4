"""Scheduling: workload -> policy -> engine -> schedule."""

from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.generate import ostep_workload, random_workload
from vcloud_lab.scheduling.job import Job, io_every
from vcloud_lab.scheduling.ledger import Decision, Ready
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF, Policy
from vcloud_lab.scheduling.schedule import METRICS, Schedule, Slice
from vcloud_lab.scheduling.swf import nasa_trace, read_swf, swf_header
from vcloud_lab.scheduling.table import read_table
from vcloud_lab.scheduling.workload import Workload

__all__ = [
    "FCFS",
    "HRRN",
    "LRTF",
    "METRICS",
    "PRIORITY",
    "RR",
    "SJF",
    "SRTF",
    "Decision",
    "Job",
    "Policy",
    "Ready",
    "Schedule",
    "Slice",
    "Time",
    "Workload",
    "exact",
    "io_every",
    "nasa_trace",
    "ostep_workload",
    "random_workload",
    "read_swf",
    "read_table",
    "show",
    "simulate",
    "swf_header",
]
