"""The two-dimensional page walk, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vcloud_lab.errors import RenderError
from vcloud_lab.render.picture import Picture
from vcloud_lab.render.two_dim_walk import GridStep, check_steps, two_dim_walk
from vcloud_lab.vm.nested_walk import NestedWalk, Reference, TranslationFault
from vcloud_lab.widgets.steps import Steps

__all__ = ["TwoDimWalk"]


class TwoDimWalk(Steps):
    """The grid of a nested walk: a row for each guest level and one for the data, a column for each
    nested level and one for the guest.

    ``walk`` is a ``NestedWalk``, a ``TranslationFault`` that was caught, or ``Reference`` objects
    in the order of the walk. ``guest`` and ``nested`` are the numbers of levels; where they are not
    given, the highest levels that were read tell them. The setting ``step`` counts the reads from
    0. Raises ``RenderError`` for steps that do not fit.
    """

    noun = "two-dimensional walk"

    def __init__(
        self,
        walk: NestedWalk | TranslationFault | Iterable[Reference],
        *,
        guest: int | None = None,
        nested: int | None = None,
        step: int = 0,
    ) -> None:
        steps = _steps(walk)
        if guest is None:
            guest = max((step.row + 1 for step in steps), default=0)
        if nested is None:
            nested = max((s.level + 1 for s in steps if s.dimension == "nested"), default=0)
        grid = (GridStep(s.number, s.dimension, s.level, s.row, _text(s)) for s in steps)
        self.steps = check_steps(grid, guest, nested)
        self._levels, self._ending = (guest, nested), _ending(walk)
        self._last = len(self.steps) - 1
        super().__init__(step)

    def _picture(self, step: int) -> Picture:
        return two_dim_walk(self.steps, *self._levels, step, self._ending)

    def _seen(self) -> dict[str, Any]:
        now = self.steps[self._settings["step"]]
        told = {name: getattr(now, name) for name in ("number", "dimension", "level", "row")}
        return {**super()._seen(), **told}


def _steps(walk: object) -> list[Reference]:
    steps = walk.steps if isinstance(walk, NestedWalk | TranslationFault) else walk
    found: list[object] = list(steps) if isinstance(steps, Iterable) else [steps]
    references = [step for step in found if isinstance(step, Reference)]
    if len(references) < len(found):
        wrong = next(step for step in found if not isinstance(step, Reference))
        raise RenderError(
            f"The walk has {wrong!r}: a NestedWalk, a fault that was caught, or a list of "
            "References is needed; give for example NestedPaging(2, 2).walk(0)."
        )
    return references


def _text(step: Reference) -> str:
    """Where the entry is, and what it holds."""
    if step.dimension == "nested":
        return f"At host-physical {step.host:#x} it holds {step.entry:#x}."
    return (
        f"At guest-physical {step.at:#x}, host-physical {step.host:#x}, it holds {step.entry:#x}."
    )


def _ending(walk: object) -> str:
    if isinstance(walk, NestedWalk):
        return (
            f"The data are at guest-physical {walk.guest_physical:#x}, host-physical "
            f"{walk.host_physical:#x}."
        )
    return f"Then the walk ends: {walk}." if isinstance(walk, TranslationFault) else ""
