"""Widgets: instruments to play with. They need ipywidgets; all they do works without a browser."""

from vcloud_lab.widgets.cow_blocks import CowBlocks
from vcloud_lab.widgets.cpu_stepper import CpuStepper
from vcloud_lab.widgets.explorer import ScheduleExplorer
from vcloud_lab.widgets.page_walk import PageWalk
from vcloud_lab.widgets.sweep import SweepProgress
from vcloud_lab.widgets.trap_trip import TrapTrip
from vcloud_lab.widgets.two_dim_walk import TwoDimWalk

__all__ = [
    "CowBlocks",
    "CpuStepper",
    "PageWalk",
    "ScheduleExplorer",
    "SweepProgress",
    "TrapTrip",
    "TwoDimWalk",
]
