"""The progress of a sweep in a notebook."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets as w

from vcloud_lab.scheduling.bar import sentence
from vcloud_lab.widgets import panels

__all__ = ["SweepProgress"]

EVERY = 0.1
"""Seconds between two messages to the browser."""

WAY_OUT = "To stop: menu Kernel, Interrupt Kernel. What is finished is kept in the sweep's file."


class SweepProgress:
    """A bar and a sentence: ``sweep(points, progress=SweepProgress())``.

    It shows itself when the sweep begins. There is no button to stop: while a cell runs, the kernel
    does not hear one; Kernel, Interrupt Kernel is heard, and the widget says so. Everything but the
    drawing works without a browser, through ``state``.
    """

    def __init__(self) -> None:
        self._counts = (0, 0, 0)
        self._shown = False
        self._sent = float("-inf")
        self.bar, self.status = w.HTML(), w.HTML()
        self.status.add_class("vcloud-live")
        helper = w.HTML(panels.helper(), layout=w.Layout(height="1px", margin="0"))
        self.box = w.VBox([self.bar, self.status, helper])
        self.box.add_class("vcloud-explorer")
        self._draw()

    @property
    def state(self) -> dict[str, Any]:
        """``done``, ``total`` and ``failed``, numbers of points, and the ``sentence`` shown."""
        done, total, failed = self._counts
        return {"done": done, "total": total, "failed": failed, "sentence": self._sentence()}

    def __call__(self, done: int, total: int, failed: int) -> None:
        """What ``sweep`` calls; every sweep begins anew."""
        news = (total, failed) != self._counts[1:] or done < self._counts[0] or done == total
        self._counts = (done, total, failed)
        if not self._shown:
            self._shown = True
            self._show()
        now = time.monotonic()
        if news or now >= self._sent + EVERY:
            self._sent = now
            self._draw()

    def _sentence(self) -> str:
        done, total, failed = self._counts
        if not total:
            return "No sweep has begun."
        return ("Finished: " if done == total else "") + sentence(done, total, failed) + "."

    def _draw(self) -> None:
        done, total, failed = self._counts
        self.bar.value = (
            f'<progress aria-label="Points of the sweep that are done" max="{max(total, 1)}" '
            f'value="{done}" style="width:50%"></progress> {self._sentence()}'
        )
        # Read aloud are the beginning, failures and the end, not every point.
        if done < total:
            words = f"{failed} failed so far. {WAY_OUT}" if failed else WAY_OUT
        else:
            words = self._sentence() if total else ""
        self.status.value = f'<div role="status" class="vcloud-status">{words}</div>'

    def _show(self) -> None:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display(self)  # type: ignore[no-untyped-call]

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget for a live notebook, a sentence for everything else."""
        live = self.box._repr_mimebundle_(**options)
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return {**data, "text/plain": repr(self)}, metadata

    def __repr__(self) -> str:
        return f"SweepProgress: {self._sentence()}"
