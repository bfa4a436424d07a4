"""Widgets: instruments to play with. They need ipywidgets; all they do works without a browser."""

from vcloud_lab.widgets.explorer import ScheduleExplorer
from vcloud_lab.widgets.sweep import SweepProgress

__all__ = ["ScheduleExplorer", "SweepProgress"]
