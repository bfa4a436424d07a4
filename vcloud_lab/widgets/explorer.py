"""The schedule explorer: choose jobs and policies, then step through time and read why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as w

from vcloud_lab.errors import WorkloadError
from vcloud_lab.render.chart import Chart
from vcloud_lab.scheduling import Policy, Workload
from vcloud_lab.widgets import panels
from vcloud_lab.widgets.catalogue import NAMES, read_policies
from vcloud_lab.widgets.extras import Asking, Machine, Numbers, choice, row
from vcloud_lab.widgets.linked import Linked
from vcloud_lab.widgets.session import Session
from vcloud_lab.widgets.settings import ASKING, RANDOM, Settings

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
    one by seed can always be chosen. Everything works without a browser through ``set`` and
    ``state``.

    ``policies`` are those ticked at first, ``offer`` further ones that can be ticked ("all": every
    one that is known by name). Each is a name ("FCFS", "SJF", "SRTF", "RR", which are always on
    offer, "HRRN", "LRTF", "PRIORITY", "FEEDBACK", "MLFQ", "LOTTERY", "STRIDE", "CFS", "EEVDF"), the
    function of that name, or any ``Policy`` such as ``MLFQ(boost=20)`` or ``OWN(choose)``, which
    stands under its label. Of ``RR(q)`` the quantum is taken. By name, policies get the explorer's
    ``quantum`` and, where they take one number a job, its ``numbers``: priorities (else the place
    in the list; small goes first), tickets or weights (else all alike).

    ``many`` adds controls for the CPUs (up to 8) and their ready queues; ``cpus`` above 1 and
    ``queues`` "per-core" do too. ``what_if`` adds the button "What if?": the mean waiting time had
    another of the ready jobs been chosen, and the chart of that schedule.

    Raises ``WorkloadError`` or ``PolicyError`` where the start cannot be made; later mistakes are
    told in the widget, which stays as it was.
    """

    def __init__(
        self,
        workload: Workload | Mapping[str, Workload] | None = None,
        policies: Iterable[str | Policy | Callable[..., Policy]] = NAMES,
        *,
        offer: str | Iterable[str | Policy | Callable[..., Policy]] = (),
        quantum: Any = None,
        switch_cost: Any = 0,
        numbers: Any = "",
        cpus: Any = 1,
        queues: str = "global",
        steal: bool = True,
        many: bool = False,
        what_if: bool = False,
        focus: str | None = None,
        seed: int = 1,
    ) -> None:
        named = _workloads(workload)
        offered = read_policies(policies, offer)
        names = offered.chosen
        start = Settings(
            workload=next(iter(named)),
            policies=names,
            focus=focus or (names[-1] if names else ""),
            quantum=quantum if quantum is not None else offered.quantum or 2,
            switch_cost=switch_cost,
            numbers=numbers,
            cpus=cpus,
            queues=queues,
            steal=steal,
            seed=seed,
        )
        many = many or (cpus, queues, steal) != (1, "global", True)
        self._session = Session(named, start, offered.makers, many=many, what_if=what_if)
        self._busy = False
        self._build()
        self._refresh()

    # Without a browser

    @property
    def state(self) -> dict[str, Any]:
        """All settings (``workload``, ``policies``, ``focus``, ``quantum``, ``switch_cost``,
        ``enqueue``, ``switch_charge``, ``seed``, ``moment``), what they show (``moments``,
        ``time``, ``kind``, ``running``, ``ready``, ``arrived``, ``finished``, ``preempted``,
        ``reason``, ``mean waiting``), and ``error``: one sentence, or empty.

        ``numbers`` are there where a policy on offer takes them. With ``many`` there are ``cpus``,
        ``queues``, ``steal``, the ``cpu`` that the moment is about, and ``on_cpu``: who has each
        CPU after it. With ``what_if`` there are ``asking`` (the button is down), ``what_if`` (for
        each other ready job ``job``, ``mean waiting``, ``instead of``, ``change``), a ``note`` that
        says why there is none, ``alternative`` (the job whose schedule is shown, or None), and the
        ``difference`` that it makes, in words."""
        return self._session.state

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change settings as the controls do, and return the new ``state``.

        What is impossible changes nothing but ``error``. Any change but that of ``moment``,
        ``asking`` and ``alternative`` goes to the first moment.
        """
        self._apply(settings)
        return self.state

    # The view

    def _build(self) -> None:
        settings = self._session.settings
        self.workload = self._choice("Workload", [*self._session.workloads, RANDOM], "workload")
        self.seed = Linked("Seed", 1, 100, self._apply, "seed", whole=True)
        self.ticks = {name: w.Checkbox(description=name, indent=False)
                      for name in self._session.makers}  # fmt: skip
        for name, box in self.ticks.items():
            box.layout.width = "80px" if len(name) < 6 else "auto"
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
        self.numbers = Numbers(self._apply) if self._session.numbered else None
        self.machine = Machine(self._apply) if self._session.many else None
        self.asking = Asking(self._apply) if self._session.what_if else None
        self.chart, self.metrics = w.HTML(), w.HTML()
        self.now, self.status = w.HTML(), w.HTML()
        for live in (self.now, self.status):
            live.add_class("vcloud-live")
        policies = w.HBox([w.Label("Policies", layout=w.Layout(width="90px")),
                           *self.ticks.values()])  # fmt: skip
        if len(self.ticks) > len(NAMES):
            policies.layout = w.Layout(flex_flow="row wrap", grid_gap="0 8px")
        policies.add_class("vcloud-policies")
        rows = [
            row(self.workload, self.seed.box),
            policies,
            row(self.quantum.box, self.enqueue),
            *(self.numbers.rows if self.numbers else []),
            row(self.switch.box, self.charge),
            *(self.machine.rows if self.machine else []),
            row(self.focus, self.moment.box),
            w.HBox([*self.buttons, *([self.asking.open] if self.asking else [])]),
            self.status,
            self.chart,
            self.now,
            *(self.asking.rows if self.asking else []),
            self.metrics,
            w.HTML(panels.helper(), layout=w.Layout(height="1px", margin="0")),
        ]
        self.box = w.VBox(rows)
        self.box.add_class("vcloud-explorer")

    def _choice(self, label: str, options: list[Any], setting: str) -> Any:
        return choice(label, options, setting, self._apply)

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
        stays = settings.keys() <= {"moment", *ASKING} or "moment" in settings
        settings = settings if stays else {**settings, "moment": 0}
        accepted = self._session.change(**settings)
        self._refresh()
        if not accepted:
            more = [self.machine.cpus] if self.machine else []
            for linked in (self.seed, self.quantum, self.switch, self.moment, *more):
                linked.resend()

    def _refresh(self) -> None:
        """Make every control and panel say what the session says, without calling back."""
        self._busy = True
        session, settings = self._session, self._session.settings
        try:
            self.workload.value = settings.workload
            self.seed.show(settings.seed)
            seeded = settings.workload == RANDOM or "LOTTERY" in settings.policies
            self.seed.box.layout.visibility = "visible" if seeded else "hidden"
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
            for extra in (self.numbers, self.machine, self.asking):
                if extra:
                    extra.show(session)
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
