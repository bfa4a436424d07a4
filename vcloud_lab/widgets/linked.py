"""A slider and a number box that always say the same."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ipywidgets as w

__all__ = ["Linked"]


class Linked:
    """A slider over whole numbers with a box that takes any number, so that fractions can be
    typed and what is impossible is explained instead of swallowed."""

    def __init__(
        self,
        label: str,
        low: int,
        high: int,
        apply: Callable[[dict[str, Any]], None],
        setting: str,
        *,
        whole: bool = False,
    ) -> None:
        self.slider = w.IntSlider(
            value=low,
            min=low,
            max=high,
            description=label,
            readout=False,
            style={"description_width": "90px"},
            layout=w.Layout(width="290px"),
        )
        kind = w.IntText if whole else w.FloatText
        self.number = kind(value=low, tooltip=f"{label}, number", layout=w.Layout(width="70px"))
        for control in (self.slider, self.number):
            control.observe(lambda change: apply({setting: _whole(change["new"])}), "value")
        self.box = w.HBox([self.slider, self.number])

    def show(self, value: Any) -> None:
        """Let both say ``value``; the slider goes as near as its ends and steps allow."""
        number = Fraction(str(value))
        self.slider.value = min(max(round(number), self.slider.min), self.slider.max)
        self.number.value = int(number) if isinstance(self.number, w.IntText) else float(number)

    def resend(self) -> None:
        """Tell the browser again: a refused number left no trace here, but stands in its box."""
        self.slider.send_state("value")
        self.number.send_state("value")

    def limit(self, high: int) -> None:
        """Let the slider end at ``high``."""
        self.slider.max = max(high, self.slider.min + 1)


def _whole(value: float) -> float:
    """A whole float as an ``int``, so that sentences say 0 and not 0.0."""
    return int(value) if float(value).is_integer() else value
