"""The explorer's controls that only some explorers have: numbers, CPUs, and what if."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from vcloud_lab.widgets import counterfactual, panels
from vcloud_lab.widgets.linked import Linked
from vcloud_lab.widgets.session import Session
from vcloud_lab.widgets.settings import MOST_CPUS

__all__ = ["Asking", "Machine", "Numbers", "choice", "row"]

Apply = Callable[[dict[str, Any]], None]

QUEUES = {"one for all CPUs": "global", "one for each CPU": "per-core"}
AS_IT_IS = "nothing"
MEANING = "PRIORITY: small goes first; LOTTERY, STRIDE: tickets; CFS, EEVDF: weights"


def row(*items: Any) -> Any:
    """Controls side by side, or beneath each other where there is no room."""
    return w.HBox(list(items), layout=w.Layout(flex_flow="row wrap", grid_gap="0 14px"))


def choice(label: str, options: list[Any], setting: str, apply: Apply) -> Any:
    """A list to choose from."""
    box = w.Dropdown(
        description=label,
        options=options,
        style={"description_width": "90px"},
        layout=w.Layout(width="290px"),
    )
    box.observe(lambda change: apply({setting: change["new"]}), "value")
    return box


class Numbers:
    """One number a job, for the policies that take some."""

    def __init__(self, apply: Apply) -> None:
        self.text = w.Text(
            description="Numbers",
            placeholder="one a job, such as 3, 1, 2",
            continuous_update=False,
            style={"description_width": "90px"},
            layout=w.Layout(width="290px"),
        )
        self.text.observe(lambda change: apply({"numbers": change["new"]}), "value")
        note = w.HTML(f'<span class="vcloud-note">{MEANING}</span>')
        self.rows = [row(self.text, note)]

    def show(self, session: Session) -> None:
        """Say what the session says."""
        self.text.value = session.settings.numbers


class Machine:
    """How many CPUs there are, and how jobs wait for them."""

    def __init__(self, apply: Apply) -> None:
        self.cpus = Linked("CPUs", 1, MOST_CPUS, apply, "cpus", whole=True)
        self.queues = choice("Ready queue", list(QUEUES.items()), "queues", apply)
        self.steal = w.Checkbox(
            description="Idle CPUs steal", indent=False, layout=w.Layout(width="140px")
        )
        self.steal.observe(lambda change: apply({"steal": change["new"]}), "value")
        self.rows = [row(self.cpus.box, self.queues, self.steal)]

    def show(self, session: Session) -> None:
        """Say what the session says; stealing is a question of queues of their own only."""
        settings = session.settings
        self.cpus.show(settings.cpus)
        self.queues.value, self.steal.value = settings.queues, settings.steal
        apart = settings.queues == "per-core"
        self.steal.layout.visibility = "visible" if apart else "hidden"


class Asking:
    """What if another job had been chosen: a button that opens a table, a choice and a chart."""

    def __init__(self, apply: Apply) -> None:
        self.open = w.ToggleButton(
            description="What if?",
            tooltip="What if another job had been chosen at this moment?",
            layout=w.Layout(width="96px"),
        )
        self.open.observe(lambda change: apply({"asking": change["new"]}), "value")
        self.other = choice("Show instead", [(AS_IT_IS, None)], "alternative", apply)
        self.other.layout.width = "440px"
        self.table, self.words, self.chart = w.HTML(), w.HTML(), w.HTML()
        for live in (self.table, self.words):
            live.add_class("vcloud-live")
        self.rows = [self.table, self.other, self.words, self.chart]

    def show(self, session: Session) -> None:
        """Say what the session says; what is closed or has nothing to say takes no room."""
        settings, answer = session.settings, session.answer
        self.open.value = settings.asking
        options = [(AS_IT_IS, None)]
        options += [(counterfactual.in_words(line), line["job"]) for line in answer.rows]
        if list(self.other.options) != options:
            self.other.options = options
        self.other.value = settings.alternative
        self.table.value = panels.what_if(session)
        self.words.value = panels.difference(session)
        self.chart.value = panels.other_chart(session)
        for part, shown in (
            (self.table, settings.asking),
            (self.other, answer.alternatives),
            (self.words, session.alternative),
            (self.chart, session.alternative),
        ):
            part.layout.display = None if shown else "none"
