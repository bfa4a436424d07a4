"""The technique explorer: one guest, five techniques, and what an exit costs."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import ipywidgets as w

from vcloud_lab.errors import GuestError
from vcloud_lab.render.exits import technique_view
from vcloud_lab.render.picture import Picture
from vcloud_lab.vm.costs import Costs
from vcloud_lab.vm.hypervisor import TECHNIQUES, Outcome, outcome, under
from vcloud_lab.widgets.extras import choice, row
from vcloud_lab.widgets.instrument import Instrument, switch

__all__ = ["TechniqueExplorer"]

COSTS = tuple(field.name for field in fields(Costs))
LABELS = {
    "instruction": "Direct",
    "interpreted": "Interpreted",
    "trap": "Trap",
    "callout": "Callout",
    "exit": "Exit",
    "translated": "Translation",
}
MOST = 1_000_000
"""The highest cost that can be set; nothing real comes near."""


@cache
def _ran(technique: str, silent: bool) -> Outcome:
    """What our kernel does under a technique; every run is the same, so one is enough."""
    machine = under(technique, silent=["mstatus"] if silent else [])
    machine.start()
    return outcome(machine, machine.run(2_000_000, 60))


class TechniqueExplorer(Instrument):
    """Our kernel under every technique: its exits by reason, and the bills side by side.

    Settings: ``technique``, whose exits are shown; ``silent``, whether the processor lets a guest
    read ``mstatus`` at user level and ignores its writes without a trap; and the costs in cycles,
    as in ``Costs``: ``instruction``, ``interpreted``, ``trap``, ``callout``, ``exit``,
    ``translated``, each from 0 to 1,000,000. Raises ``GuestError`` for settings that cannot be.
    """

    noun = "technique explorer"

    def __init__(
        self, technique: str = "trap and emulate", *, silent: bool = False, **costs: int
    ) -> None:
        unknown = next((name for name in costs if name not in COSTS), None)
        if unknown is not None:
            raise GuestError(f"There is no cost {unknown!r}: choose one of {', '.join(COSTS)}.")
        usual = {name: getattr(Costs(), name) for name in COSTS}
        super().__init__(technique=technique, silent=silent, **{**usual, **costs})

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        if new["technique"] not in TECHNIQUES:
            raise GuestError(
                f"The technique is {new['technique']!r}: it must be one of "
                f"{', '.join(TECHNIQUES)}; choose one of them."
            )
        silent = switch("silent", new["silent"])
        costs = Costs(**{name: _cost(name, new[name]) for name in COSTS})
        outcomes = [_ran(technique, silent) for technique in TECHNIQUES]
        chosen = next(o for o in outcomes if o.technique == new["technique"])
        console = _ran("full emulation", False).console
        picture = technique_view(chosen, outcomes, costs, console)
        self._chosen, self._right = chosen, console
        self._cycles = {o.technique: o.cycles(costs) for o in outcomes if o.console == console}
        return picture

    def _seen(self) -> dict[str, Any]:
        return {
            "exits": dict(self._chosen.exits),
            "cycles": dict(self._cycles),
            "order": sorted(self._cycles, key=self._cycles.__getitem__),
            "console": self._chosen.console,
            "right": self._chosen.console == self._right,
        }

    def _build(self) -> list[Any]:
        self.technique = choice("Technique", list(TECHNIQUES), "technique", self._apply)
        self.silent = self._tick("silent: mstatus is read and written without a trap", "silent")
        self.costs = {name: self._number(name) for name in COSTS}
        usual = {name: getattr(Costs(), name) for name in COSTS}
        self.reset = self._button("Usual costs", "Set all costs back", lambda: usual, "110px")
        return [
            row(self.technique, self.silent),
            row(*self.costs.values()),
            row(self.reset, self.as_text),
        ]

    def _number(self, name: str) -> Any:
        box = w.IntText(
            description=LABELS[name],
            tooltip=f"{LABELS[name]}: its cost in cycles",
            continuous_update=False,
            style={"description_width": "90px"},
            layout=w.Layout(width="200px"),
        )
        box.observe(lambda change: self._apply({name: change["new"]}), "value")
        return box

    def _refresh(self) -> None:
        self.technique.value = self._settings["technique"]
        self.silent.value = self._settings["silent"]
        for name, box in self.costs.items():
            box.value = self._settings[name]


def _cost(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise GuestError(
            f"The cost {name} is {value!r}: it must be a whole number of cycles from 0 to "
            f"{MOST:,}; try {getattr(Costs(), name)}."
        )
    return value
