"""What the explorer knows and does, without a browser: settings in, state out.

A change is tried on a copy of the settings; when anything refuses it, the settings stay as they
were and ``error`` holds the sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import islice
from typing import Any

import numpy as np

from vcloud_lab.errors import PolicyError, VcloudLabError
from vcloud_lab.render.gantt import layout
from vcloud_lab.render.scene import Scene
from vcloud_lab.scheduling import Decision, Schedule, Workload
from vcloud_lab.scheduling.alternatives import Alternative
from vcloud_lab.scheduling.numbers import Time, exact, show, ticks_of
from vcloud_lab.widgets import counterfactual
from vcloud_lab.widgets.catalogue import EVERY, NAMES, NUMBERED, Maker, numbers_text, read_numbers
from vcloud_lab.widgets.counterfactual import NOTHING, Answer
from vcloud_lab.widgets.settings import (
    ASKING,
    MANY,
    RANDOM,
    Settings,
    jobs_of,
    rules,
    schedules_of,
    yes_or_no,
)

__all__ = ["MOST_MOMENTS", "NAMES", "RANDOM", "Session", "Settings"]

MOST_MOMENTS = 2000


class Session:
    """The explorer's memory: ``settings``, the schedules they give, and the last ``error``.

    ``makers`` are the policies on offer by name. ``many`` adds the settings of ``MANY`` and
    ``what_if`` those of ``ASKING``; ``numbers`` is there where a policy takes them.
    """

    def __init__(
        self,
        workloads: Mapping[str, Workload],
        settings: Settings,
        makers: Mapping[str, Maker] | None = None,
        *,
        many: bool = False,
        what_if: bool = False,
    ) -> None:
        self.workloads = dict(workloads)
        self.makers = makers or {name: EVERY[name] for name in NAMES}
        self.numbered = any(name in self.makers for name in NUMBERED)
        self.many, self.what_if = many, what_if
        left_out = (() if many else MANY) + (() if what_if else ASKING)
        left_out += () if self.numbered else ("numbers",)
        self.known = tuple(f.name for f in fields(Settings) if f.name not in left_out)
        self.error = ""
        self.schedules: dict[str, Schedule] = {}
        self.moments: list[Decision] = []
        self.answer = NOTHING
        self._whole = True
        self._scene: Scene | None = None
        self.settings = settings
        self._adopt(settings)

    def change(self, **changes: Any) -> bool:
        """Try changes of ``Settings`` fields; False, with ``error`` set, when they are refused.

        Any other change puts the alternative away.
        """
        try:
            wrong = next((name for name in changes if name not in self.known), None)
            if wrong is not None:
                raise PolicyError(
                    f"The explorer has no setting {wrong!r}: it has {', '.join(self.known)}; use "
                    "one of these."
                )
            if "alternative" not in changes and changes != {"asking": True}:
                changes["alternative"] = None
            new = replace(self.settings, **changes)
            if "focus" in changes and new.focus not in new.policies:
                raise PolicyError(
                    f"The policy to step through is {new.focus!r}: it must be one of those chosen, "
                    f"{', '.join(new.policies)}; choose one of them."
                )
            if "workload" in changes and "numbers" not in changes:
                fits = len(read_numbers(new.numbers)) == len(jobs_of(new, self.workloads))
                new = new if fits else replace(new, numbers="")
            self.error = self._adopt(new)
        except VcloudLabError as error:
            self.error = str(error)
            return False
        except Exception as error:
            self.error = (
                f"The explorer itself failed ({type(error).__name__}: {error}): this should not "
                "happen; the settings are as before, choose others."
            )
            return False
        return True

    def _adopt(self, new: Settings) -> str:
        """Compute everything for new settings, then keep it; raises before anything changes.

        Returns what went wrong with "what if", which hinders nothing else.
        """
        schedules = self.schedules
        if not schedules or rules(new) != rules(self.settings):
            schedules = self._simulate(new)
        focus = new.focus if new.focus in new.policies else new.policies[-1]
        fresh = schedules is not self.schedules or focus != self.settings.focus or not self.moments
        moments, scene, whole = self.moments, self._scene, self._whole
        if fresh:
            rest = schedules[focus].moments()
            moments = list(islice(rest, MOST_MOMENTS))
            whole = len(moments) < MOST_MOMENTS
            scene = None
        moment = exact(new.moment, "The moment", PolicyError)
        if moment.denominator != 1:
            raise PolicyError(f"The moment is {new.moment}: it must be whole; they count from 0.")
        place = min(max(int(moment), 0), len(moments) - 1)
        scene = self._view(schedules[focus], moments[place].time, scene)
        answer, trouble = NOTHING, ""
        if yes_or_no("asking", new.asking):
            answer = self.answer
            if fresh or place != self.settings.moment or not self.settings.asking:
                answer, trouble = _ask(schedules[focus], moments, place, whole)
        _check_alternative(new, answer)
        self.schedules, self.moments, self._scene = schedules, moments, scene
        self.answer, self._whole = answer, whole
        self.settings = replace(
            new,
            focus=focus,
            moment=place,
            policies=tuple(schedules),
            numbers=numbers_text(new.numbers),
            alternative=new.alternative if new.asking else None,
        )
        return trouble

    def _simulate(self, new: Settings) -> dict[str, Schedule]:
        return schedules_of(new, jobs_of(new, self.workloads), self.makers)

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
        other = self.other_scene
        return self._scene if other is None else self._on_one_axis(self._scene, other)[0]

    @property
    def other_scene(self) -> Scene | None:
        """The chart of the alternative, if one is chosen, on the axis of the real one."""
        if self.alternative is None:
            return None
        assert self._scene is not None
        scene = self._view(self.alternative.schedule, self.now.time, None)
        other = self.alternative.job
        said = f"Had {other} been chosen at {show(self.now.time)}: {scene.sentence}"
        return self._on_one_axis(self._scene, replace(scene, sentence=said))[1]

    def _on_one_axis(self, real: Scene, other: Scene) -> tuple[Scene, Scene]:
        """Both charts as long as the longer one, where both show all."""
        assert self.alternative is not None
        ends = self.schedule.makespan, self.alternative.schedule.makespan
        if (real.start, other.start) != (0, 0) or real.end < ends[0] or other.end < ends[1]:
            return real, other
        return replace(real, end=max(ends)), replace(other, end=max(ends))

    @property
    def schedule(self) -> Schedule:
        """The schedule in focus."""
        return self.schedules[self.settings.focus]

    @property
    def alternative(self) -> Alternative | None:
        """The alternative that is shown beneath the real schedule."""
        return self.answer.get(self.settings.alternative)

    @property
    def difference(self) -> str:
        """What the alternative changes, in words; empty where none is chosen."""
        if self.alternative is None:
            return ""
        return counterfactual.difference(self.schedule, self.now, self.alternative)

    @property
    def on_cpu(self) -> list[str | None]:
        """Who has each CPU once the moment has passed; empty where they are not told apart."""
        trace, workload = self.schedule.trace, self.schedule.workload
        if self.schedule.cpus == 1:
            return [self.now.chosen]
        if trace.cpu is None:
            return []
        held: list[str | None] = [None] * self.schedule.cpus
        seen = self.moments[: int(self.settings.moment) + 1]
        dispatched = sum(moment.kind == "dispatch" for moment in seen)
        now = ticks_of(self.now.time, workload.scale)
        for place in np.flatnonzero(trace.end[:dispatched] > now).tolist():
            held[int(trace.cpu[place])] = workload.names[int(trace.job[place])]
        return held

    @property
    def now(self) -> Decision:
        """The moment at which the explorer stands."""
        return self.moments[int(self.settings.moment)]

    @property
    def state(self) -> dict[str, Any]:
        """Settings, moment and error as a plain dict; see ``ScheduleExplorer.state``."""
        now, chosen = self.now, self.settings
        many = {"cpu": now.cpu, "on_cpu": self.on_cpu} if self.many else {}
        asked = {"what_if": self.answer.rows, "note": self.answer.note}
        asked |= {"difference": self.difference}
        return {
            **{name: getattr(chosen, name) for name in self.known},
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
            **many,
            **(asked if self.what_if else {}),
            "error": self.error,
        }


def _ask(
    schedule: Schedule, moments: list[Decision], place: int, whole: bool
) -> tuple[Answer, str]:
    """The answer to "what if", or why there is none (a policy of one's own may fail)."""
    try:
        return counterfactual.ask(schedule, moments, place, whole=whole), ""
    except VcloudLabError as error:
        return Answer(note="What if has no answer here; the line above says why."), str(error)


def _check_alternative(new: Settings, answer: Answer) -> None:
    if new.alternative is None or answer.get(new.alternative):
        return
    if not new.asking:
        raise PolicyError(
            f"The alternative {new.alternative!r} cannot be shown: open What if first, with "
            "asking=True."
        )
    jobs = ", ".join(one.job for one in answer.alternatives)
    raise PolicyError(
        f"There is no alternative {new.alternative!r} at this moment: "
        + (f"choose from {jobs}, or None." if jobs else answer.note[:1].lower() + answer.note[1:])
    )
