"""Pictures of schedules: pure functions from data to text, SVG and plotly, in one look."""

from vcloud_lab.render.chart import Chart
from vcloud_lab.render.compare import compare
from vcloud_lab.render.gantt import gantt
from vcloud_lab.render.lines import lines
from vcloud_lab.render.profile import profile
from vcloud_lab.render.table import Table, table

__all__ = ["Chart", "Table", "compare", "gantt", "lines", "profile", "table"]
