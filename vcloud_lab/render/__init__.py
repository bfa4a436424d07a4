"""Pictures of schedules and machines: pure functions from data to text, SVG and plotly, in one
look."""

from vcloud_lab.render.chart import Chart
from vcloud_lab.render.compare import compare
from vcloud_lab.render.cow_blocks import cow_blocks
from vcloud_lab.render.cpu_view import cpu_view
from vcloud_lab.render.gantt import gantt
from vcloud_lab.render.lines import lines
from vcloud_lab.render.page_walk import walk_view
from vcloud_lab.render.picture import Picture
from vcloud_lab.render.profile import profile
from vcloud_lab.render.table import Table, table
from vcloud_lab.render.trap_trip import trap_trip
from vcloud_lab.render.two_dim_walk import two_dim_walk

__all__ = [
    "Chart",
    "Picture",
    "Table",
    "compare",
    "cow_blocks",
    "cpu_view",
    "gantt",
    "lines",
    "profile",
    "table",
    "trap_trip",
    "two_dim_walk",
    "walk_view",
]
