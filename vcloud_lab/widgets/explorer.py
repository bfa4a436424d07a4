"""The schedule explorer: choose jobs and policies, then step through time and read why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as w

from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.render.chart import Chart
from vcloud_lab.scheduling import Policy, Workload
from vcloud_lab.widgets import panels
from vcloud_lab.widgets.linked import Linked
from vcloud_lab.widgets.session import NAMES, RANDOM, Session, Settings

__all__ = ["ScheduleExplorer"]

EXAMPLES = {
    "mixed": [("P1", 0, 8), ("P2", 1, 4), ("P3", 2, 9), ("P4", 3, 5)],
    "convoy": [("P1", 0, 24), ("P2", 0, 3), ("P3", 0, 3)],
    "with a gap": [("P1", 0, 3), ("P2", 1, 2), ("P3", 9, 4), ("P4", 10, 1)],
}
CHARGES = {"between two jobs": "between", "at every dispatch": "dispatch"}
ORDERS = {"the arriving job": "arrival-first", "the preempted job": "preempted-first"}


class ScheduleExplorer:
    """Controls, a Gantt chart with a cursor, the ready queue with the reason, and the figures.

    ``workload`` is a ``Workload``, a mapping of named ones, or None for three examples; a random
    one by seed can always be chosen. ``policies`` are names ("FCFS", "SJF", "SRTF", "RR") or the
    functions and policies of those names (of an ``RR(q)`` the quantum is taken). Everything works
    without a browser through ``set`` and ``state``. Raises ``WorkloadError`` or ``PolicyError``
    where the start cannot be made; later mistakes are told in the widget.
    """

    def __init__(
        self,
        workload: Workload | Mapping[str, Workload] | None = None,
        policies: Iterable[str | Policy | Callable[..., Policy]] = NAMES,
        *,
        quantum: Any = None,
        switch_cost: Any = 0,
        focus: str | None = None,
        seed: int = 1,
    ) -> None:
        named = _workloads(workload)
        chosen = list(policies)
        names = tuple(dict.fromkeys(map(_name, chosen)))
        quanta = [p.quantum for p in chosen if isinstance(p, Policy) and p.quantum is not None]
        start = Settings(
            workload=next(iter(named)),
            policies=names,
            focus=focus or (names[-1] if names else ""),
            quantum=quantum if quantum is not None else (quanta or [2])[0],
            switch_cost=switch_cost,
            seed=seed,
        )
        self._session = Session(named, start)
        self._busy = False
        self._build()
        self._refresh()

    # Without a browser

    @property
    def state(self) -> dict[str, Any]:
        """All settings (``workload``, ``policies``, ``focus``, ``quantum``, ``switch_cost``,
        ``enqueue``, ``switch_charge``, ``seed``, ``moment``), what they show (``moments``,
        ``time``, ``kind``, ``running``, ``ready``, ``arrived``, ``finished``, ``preempted``,
        ``reason``, ``mean waiting``), and ``error``: one sentence, or empty."""
        return self._session.state

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change settings as the controls do, and return the new ``state``.

        What is impossible changes nothing but ``error``.
        """
        self._apply(settings)
        return self.state

    # The view

    def _build(self) -> None:
        settings = self._session.settings
        self.workload = self._choice("Workload", [*self._session.workloads, RANDOM], "workload")
        self.seed = Linked("Seed", 1, 100, self._apply, "seed", whole=True)
        self.ticks = {name: w.Checkbox(description=name, indent=False, layout=w.Layout(
            width="80px")) for name in NAMES}  # fmt: skip
        for box in self.ticks.values():
            box.observe(self._policies_ticked, "value")
        self.quantum = Linked("Quantum", 1, 20, self._apply, "quantum")
        self.switch = Linked("Switch cost", 0, 5, self._apply, "switch_cost")
        self.enqueue = self._choice("First to queue", list(ORDERS.items()), "enqueue")
        self.charge = self._choice("Switch paid", list(CHARGES.items()), "switch_charge")
        self.focus = self._choice("Step through", list(settings.policies), "focus")
        self.moment = Linked("Moment", 0, 1, self._apply, "moment", whole=True)
        self.buttons = [self._button(*look) for look in (
            ("|◀ Start", "Go to the first moment", lambda at: 0),
            ("◀ Back", "Go one moment back", lambda at: at - 1),
            ("Next ▶", "Go one moment on", lambda at: at + 1),
            ("End ▶|", "Go to the last moment", lambda at: len(self._session.moments) - 1),
        )]  # fmt: skip
        self.chart, self.metrics = w.HTML(), w.HTML()
        self.now, self.status = w.HTML(), w.HTML()
        for live in (self.now, self.status):
            live.add_class("vcloud-live")
        policies = w.HBox([w.Label("Policies", layout=w.Layout(width="90px")),
                           *self.ticks.values()])  # fmt: skip
        policies.add_class("vcloud-policies")
        rows = [
            _row(self.workload, self.seed.box),
            policies,
            _row(self.quantum.box, self.enqueue),
            _row(self.switch.box, self.charge),
            _row(self.focus, self.moment.box),
            w.HBox(self.buttons),
            self.status,
            self.chart,
            self.now,
            self.metrics,
            w.HTML(panels.helper(), layout=w.Layout(height="1px", margin="0")),
        ]
        self.box = w.VBox(rows)
        self.box.add_class("vcloud-explorer")

    def _choice(self, label: str, options: list[Any], setting: str) -> Any:
        box = w.Dropdown(
            description=label,
            options=options,
            style={"description_width": "90px"},
            layout=w.Layout(width="290px"),
        )
        box.observe(lambda change: self._apply({setting: change["new"]}), "value")
        return box

    def _button(self, words: str, tip: str, to: Callable[[int], int]) -> Any:
        button = w.Button(description=words, tooltip=tip, layout=w.Layout(width="96px"))
        button.on_click(lambda _: self._apply({"moment": to(int(self._session.settings.moment))}))
        return button

    def _policies_ticked(self, _: Any) -> None:
        self._apply({"policies": tuple(name for name, box in self.ticks.items() if box.value)})

    def _apply(self, settings: dict[str, Any]) -> None:
        """The one way in for every control: change the session, then show what came of it."""
        if self._busy:
            return
        # Other schedules have other moments: go back to the first one.
        settings = settings if "moment" in settings else {**settings, "moment": 0}
        accepted = self._session.change(**settings)
        self._refresh()
        if not accepted:
            for linked in (self.seed, self.quantum, self.switch, self.moment):
                linked.resend()

    def _refresh(self) -> None:
        """Make every control and panel say what the session says, without calling back."""
        self._busy = True
        session, settings = self._session, self._session.settings
        try:
            self.workload.value = settings.workload
            self.seed.show(settings.seed)
            self.seed.box.layout.visibility = "visible" if settings.workload == RANDOM else "hidden"
            for name, box in self.ticks.items():
                box.value = name in settings.policies
            self.quantum.show(settings.quantum)
            self.switch.show(settings.switch_cost)
            self.enqueue.value, self.charge.value = settings.enqueue, settings.switch_charge
            if tuple(self.focus.options) != settings.policies:
                self.focus.options = settings.policies
            self.focus.value = settings.focus
            self.moment.limit(len(session.moments) - 1)
            self.moment.show(settings.moment)
            self.chart.value = panels.chart(session)
            self.now.value = panels.now(session)
            self.metrics.value = panels.metrics(session)
            self.status.value = panels.status(session)
        finally:
            self._busy = False

    # Showing

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and a picture and a text for where no kernel runs."""
        chart = Chart(replace(self._session.scene, at=None))
        live = self.box._repr_mimebundle_(**options)
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return {**data, "text/plain": repr(self), "image/svg+xml": chart.svg}, metadata

    def __repr__(self) -> str:
        state = self.state
        return (
            f"ScheduleExplorer: {state['workload']}, {', '.join(state['policies'])}; "
            f"{self._session.schedules[state['focus']].label} at time {state['time']}: "
            f"{state['reason']}"
        )


def _row(*items: Any) -> Any:
    return w.HBox(list(items), layout=w.Layout(flex_flow="row wrap", grid_gap="0 14px"))


def _workloads(workload: Workload | Mapping[str, Workload] | None) -> dict[str, Workload]:
    if workload is None:
        return {name: Workload(jobs, title=name) for name, jobs in EXAMPLES.items()}
    if isinstance(workload, Workload):
        workload = {workload.title or "these jobs": workload}
    if not isinstance(workload, Mapping) or not workload:
        raise WorkloadError(
            f"The explorer got {workload!r}: it needs a workload or a mapping from names to "
            "workloads; write for example ScheduleExplorer({'mine': Workload([(0, 5), (1, 3)])})."
        )
    for name, value in workload.items():
        if not isinstance(value, Workload) or not len(value):
            raise WorkloadError(
                f"The workload {name!r} is {value!r}: a workload with at least one job is needed; "
                "make it with Workload([...])."
            )
    return {str(name): value for name, value in workload.items()}


def _name(policy: str | Policy | Callable[..., Policy]) -> str:
    name = policy if isinstance(policy, str) else getattr(policy, "name", None)
    name = name or getattr(policy, "__name__", "")
    if name not in NAMES:
        raise PolicyError(
            f"The explorer cannot offer the policy {policy!r}: it has {', '.join(NAMES)}; name "
            "some of these."
        )
    return name
