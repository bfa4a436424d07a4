"""Widgets: instruments to play with. They need ipywidgets; all they do works without a browser."""

from vcloud_lab.widgets.explorer import ScheduleExplorer

__all__ = ["ScheduleExplorer"]
