"""A finished chart: one drawing that shows itself as plotly, as SVG and as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vcloud_lab.render.plot_spec import draw as plot_spec
from vcloud_lab.render.plot_svg import draw as plot_svg
from vcloud_lab.render.plot_text import draw as plot_text
from vcloud_lab.render.scene import Plot, Scene
from vcloud_lab.render.spec import draw as scene_spec
from vcloud_lab.render.svg import draw as scene_svg
from vcloud_lab.render.text import draw as scene_text

__all__ = ["Chart"]


@dataclass(frozen=True, repr=False)
class Chart:
    """A chart. Each form is made when it is first asked for.

    JupyterLab shows ``spec`` (a plotly figure as a plain dict), static viewers ``svg``, terminals
    ``text``; ``sentence`` says what the chart shows.
    """

    drawing: Scene | Plot

    @property
    def sentence(self) -> str:
        """One or two sentences that say what can be seen."""
        return self.drawing.sentence

    @cached_property
    def text(self) -> str:
        """The chart in characters, 80 columns wide unless names are long."""
        draw = self.drawing
        return scene_text(draw) if isinstance(draw, Scene) else plot_text(draw)

    @cached_property
    def svg(self) -> str:
        """A standalone SVG element that follows the reader's light or dark theme."""
        draw = self.drawing
        return scene_svg(draw) if isinstance(draw, Scene) else plot_svg(draw)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The plotly figure: ``data``, ``layout`` and ``config``."""
        draw = self.drawing
        return scene_spec(draw) if isinstance(draw, Scene) else plot_spec(draw)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "application/vnd.plotly.v1+json": self.spec,
            "image/svg+xml": self.svg,
            "text/plain": self.text,
        }

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text
