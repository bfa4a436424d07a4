"""What the explorer knows and does, without a browser: settings in, state out.

A change is tried on a copy of the settings; when anything refuses it, the settings stay as they
were and ``error`` holds the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from vcloud_lab.errors import PolicyError, VcloudLabError, WorkloadError
from vcloud_lab.render.gantt import layout
from vcloud_lab.render.scene import Scene
from vcloud_lab.scheduling import FCFS, RR, SJF, SRTF, Decision, Policy, Schedule, Workload
from vcloud_lab.scheduling.engine import simulate
from vcloud_lab.scheduling.generate import random_workload
from vcloud_lab.scheduling.numbers import Time, exact

__all__ = ["MOST_MOMENTS", "NAMES", "RANDOM", "Session", "Settings"]

RANDOM = "random, by seed"
NAMES = ("FCFS", "SJF", "SRTF", "RR")
MOST_MOMENTS = 2000
RANDOM_JOBS = 6

PLAIN: dict[str, Callable[[], Policy]] = {"FCFS": FCFS, "SJF": SJF, "SRTF": SRTF}


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen. ``focus`` is the policy whose moments are stepped through."""

    workload: str
    policies: tuple[str, ...] = NAMES
    focus: str = "RR"
    quantum: Any = 2
    switch_cost: Any = 0
    enqueue: str = "arrival-first"
    switch_charge: str = "between"
    seed: Any = 1
    moment: Any = 0


class Session:
    """The explorer's memory: ``settings``, the schedules they give, and the last ``error``."""

    def __init__(self, workloads: Mapping[str, Workload], settings: Settings) -> None:
        self.workloads = dict(workloads)
        self.error = ""
        self.schedules: dict[str, Schedule] = {}
        self.moments: list[Decision] = []
        self._scene: Scene | None = None
        self.settings = settings
        self._adopt(settings)

    def change(self, **changes: Any) -> bool:
        """Try changes of ``Settings`` fields; False, with ``error`` set, when they are refused."""
        try:
            known = [field.name for field in fields(Settings)]
            wrong = next((name for name in changes if name not in known), None)
            if wrong is not None:
                raise PolicyError(
                    f"The explorer has no setting {wrong!r}: it has {', '.join(known)}; use one of "
                    "these."
                )
            new = replace(self.settings, **changes)
            if "focus" in changes and new.focus not in new.policies:
                raise PolicyError(
                    f"The policy to step through is {new.focus!r}: it must be one of those chosen, "
                    f"{', '.join(new.policies)}; choose one of them."
                )
            self._adopt(new)
        except VcloudLabError as error:
            self.error = str(error)
            return False
        except Exception as error:
            self.error = (
                f"The explorer itself failed ({type(error).__name__}: {error}): this should not "
                "happen; the settings are as before, choose others."
            )
            return False
        self.error = ""
        return True

    def _adopt(self, new: Settings) -> None:
        """Compute everything for new settings, then keep it; raises before anything changes."""
        same = replace(new, focus="", moment=0) == replace(self.settings, focus="", moment=0)
        schedules = self.schedules if same and self.schedules else self._simulate(new)
        focus = new.focus if new.focus in new.policies else new.policies[-1]
        fresh = schedules is not self.schedules or focus != self.settings.focus or not self.moments
        moments, scene = self.moments, self._scene
        if fresh:
            moments = list(islice(schedules[focus].moments(), MOST_MOMENTS))
            scene = None
        moment = exact(new.moment, "The moment", PolicyError)
        if moment.denominator != 1:
            raise PolicyError(f"The moment is {new.moment}: it must be whole; they count from 0.")
        place = min(max(int(moment), 0), len(moments) - 1)
        scene = self._view(schedules[focus], moments[place].time, scene)
        self.schedules, self.moments, self._scene = schedules, moments, scene
        self.settings = replace(new, focus=focus, moment=place, policies=tuple(schedules))

    def _simulate(self, new: Settings) -> dict[str, Schedule]:
        # All settings are tried, in use or not: the controls have to show them.
        turns, _ = RR(new.quantum, enqueue=new.enqueue), random_workload(0, new.seed)
        workload = self._workload(new)
        if not new.policies:
            raise PolicyError("0 policies are chosen: at least one is needed; tick one.")
        made = {}
        for name in new.policies:
            if name not in NAMES:
                raise PolicyError(
                    f"There is no policy {name!r} here: choose from {', '.join(NAMES)}."
                )
            policy = PLAIN[name]() if name in PLAIN else turns
            made[name] = simulate(
                workload,
                policy,
                switch_cost=new.switch_cost,
                switch_charge=new.switch_charge,
            )
        return made

    def _workload(self, new: Settings) -> Workload:
        if new.workload == RANDOM:
            return random_workload(RANDOM_JOBS, new.seed, load="1.2", mean_burst=5)
        if new.workload not in self.workloads:
            raise WorkloadError(
                f"There is no workload {new.workload!r} here: choose from "
                f"{', '.join(self.workloads)} or {RANDOM!r}."
            )
        return self.workloads[new.workload]

    def _view(self, schedule: Schedule, time: Time, scene: Scene | None) -> Scene:
        """The Gantt chart with its cursor; a long schedule turns the page as the cursor moves."""
        if scene is None or time < scene.start:
            scene = layout(schedule)
        if time > scene.end:
            # The end itself is no window: then turn to the last unit of time, or less.
            start = time if time < schedule.makespan else max(scene.end, time - 1)
            scene = layout(schedule, window=(start, schedule.makespan))
        return replace(scene, at=time)

    @property
    def scene(self) -> Scene:
        """The Gantt chart of the policy in focus, with the cursor at the moment."""
        assert self._scene is not None
        return self._scene

    @property
    def now(self) -> Decision:
        """The moment at which the explorer stands."""
        return self.moments[int(self.settings.moment)]

    @property
    def state(self) -> dict[str, Any]:
        """Settings, moment and error as a plain dict; see ``ScheduleExplorer.state``."""
        now, chosen = self.now, self.settings
        return {
            **{field.name: getattr(chosen, field.name) for field in fields(Settings)},
            "moments": len(self.moments),
            "time": now.time,
            "kind": now.kind,
            "running": now.chosen,
            "ready": [(ready.job, ready.remaining) for ready in now.ready],
            "arrived": list(now.arrived),
            "finished": list(now.finished),
            "preempted": now.preempted,
            "reason": now.reason,
            "mean waiting": {
                name: schedule.mean("waiting") for name, schedule in self.schedules.items()
            },
            "error": self.error,
        }
