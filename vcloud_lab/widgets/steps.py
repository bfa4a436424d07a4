"""An instrument that goes through a fixed row of pictures with a slider and four buttons."""

from __future__ import annotations

from typing import Any

from vcloud_lab.render.picture import Picture
from vcloud_lab.widgets.extras import row
from vcloud_lab.widgets.instrument import Instrument, whole
from vcloud_lab.widgets.linked import Linked

__all__ = ["Steps"]


class Steps(Instrument):
    """``_picture(step)`` draws step 0 to ``_last``. The setting is ``step``."""

    _last: int

    def __init__(self, step: int) -> None:
        super().__init__(step=step)

    def _picture(self, step: int) -> Picture:
        raise NotImplementedError

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        new["step"] = whole("step", new["step"], self._last)
        return self._picture(new["step"])

    def _seen(self) -> dict[str, Any]:
        return {"last": self._last}

    def _build(self) -> list[Any]:
        self.step = Linked("Step", 0, 1, self._apply, "step", whole=True)
        self.buttons = [
            self._button("|◀ Start", "Go to the first step", lambda: {"step": 0}),
            self._button("◀ Back", "Go one step back",
                         lambda: {"step": self._settings["step"] - 1}),
            self._button("Next ▶", "Go one step on",
                         lambda: {"step": self._settings["step"] + 1}),
            self._button("End ▶|", "Go to the last step", lambda: {"step": self._last}),
        ]  # fmt: skip
        return [row(self.step.box, self.as_text), row(*self.buttons)]

    def _refresh(self) -> None:
        self.step.limit(self._last)
        self.step.show(self._settings["step"])
