"""A scheduler of virtual CPUs in the manner of Xen's credit scheduler.

Sources: the Xen Project's wiki page "Credit Scheduler" (https://wiki.xen.org/wiki/CreditScheduler);
Cherkasova, Gupta & Vahdat, "Comparison of the Three CPU Schedulers in Xen", ACM SIGMETRICS
Performance Evaluation Review 35(2), 2007.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import Time, show, simplest, ticks_of
from vcloud_lab.scheduling.policy import Numbers, Policy, above_zero, numbers_told
from vcloud_lab.scheduling.weights import Told, weights_told
from vcloud_lab.scheduling.workload import Workload

__all__ = ["CREDIT", "DEFAULT_WEIGHT"]

DEFAULT_WEIGHT = 256
"""Xen's weight of a domain that was told none."""

BOOST, UNDER, OVER = range(3)
NAMES = ("BOOST", "UNDER", "OVER")


def CREDIT(
    weights: Numbers | None = None,
    caps: Numbers | None = None,
    period: Time | float | str = 30,
    tick: Time | float | str = 10,
    timeslice: Time | float | str = 30,
    *,
    boost: bool = True,
) -> Policy:
    """Credits for vCPUs: each job is one vCPU, and spends a credit for each unit of CPU time.

    A vCPU is UNDER while its credits are 0 or more, else OVER. UNDER goes before OVER; within each
    the vCPUs take turns of at most a ``timeslice``. With ``boost``, one that wakes from an I/O as
    UNDER is BOOST, before all others, until the next tick at which it runs. Who comes takes the CPU
    from a vCPU of a lower class, which queues again with a new timeslice. Each ``tick`` the
    scheduler also looks whether a running vCPU has fallen to a lower class than one that waits.

    At the end of every accounting ``period`` the CPU time of a period, on as many CPUs as were busy
    at once so far, is handed out as credits in proportion to the ``weights`` (256 each without;
    else a number above 0 for each job). Nobody gets more than it could use: one period, or its cap;
    the rest goes to the others. Credits stay between minus and plus one period; who sleeps at plus
    one period earns nothing. Where all credits were below 0 together after the last accounting,
    that debt is handed out too, by weight. As long as nobody's credits reach a bound, always ready
    vCPUs are at each accounting within one period of their share by weight. Periods in which
    everybody slept to the end count as one.

    ``caps`` are in percent of one CPU (by name, for as many jobs as are to have one, or in list
    order; 0: no cap). A capped vCPU that has run for its share of a period is parked until the next
    accounting, even where a CPU is idle. All times are in the workload's unit (Xen's are 30, 10 and
    30 ms). The time that a vCPU was ready and did not run, its *steal time*, is its ``waiting``.

    Xen itself counts credits in whole numbers, finds out at the accounting only who is OVER, parks
    a capped vCPU when it is a whole cap in debt, halves the credits of one that stops earning, and
    keeps a queue for each CPU. Raises ``PolicyError`` for weights or times that are not above 0,
    and caps that are below 0 or above 100 or are those of an unknown job.
    """
    told = None if weights is None else weights_told(weights, "CREDIT({'P1': 512, 'P2': 256})")
    percent = None if caps is None else numbers_told(caps, "cap", "caps", "caps={'P1': 50}")
    if not isinstance(boost, bool):
        raise PolicyError(f"The option boost is {boost!r}: it must be True or False.")
    usual = {"period": (period, 30), "tick": (tick, 10), "timeslice": (timeslice, 30)}
    times = {
        key: above_zero(value, f"The {key} of CREDIT", f"{key}={default}")
        for key, (value, default) in usual.items()
    }
    rooms: Told = {} if percent is None else _rooms(percent, times["period"])
    return Policy(
        "CREDIT",
        None,
        None,
        "is first in line",
        discipline=partial(
            _Credit,
            rooms=rooms,
            boost=boost,
            period=times["period"],
            tick=times["tick"],
            timeslice=times["timeslice"],
        ),
        preemptive=True,
        numbers=told,
        remarks=(
            *(f"{key}={show(time)}" for key, time in times.items() if time != usual[key][1]),
            *(["with caps"] if percent else []),
            *([] if boost else ["without boost"]),
        ),
        times=(*times.values(), *(rooms.values() if isinstance(rooms, Mapping) else rooms)),
    )


def _rooms(caps: Told, period: Time) -> Told:
    """How long capped vCPUs may run in a period, 0 for those without a cap."""
    for cap in caps.values() if isinstance(caps, Mapping) else caps:
        if not 0 <= cap <= 100:
            raise PolicyError(
                f"A cap is {show(cap)}: it is in percent of one CPU and must be from 0 (no cap) to "
                "100, because a job is one vCPU and runs on one CPU at a time; change it."
            )
    if isinstance(caps, Mapping):
        return {name: simplest(Fraction(cap) * period / 100) for name, cap in caps.items()}
    return tuple(simplest(Fraction(cap) * period / 100) for cap in caps)


class _Credit(Discipline):
    """``task.value`` has the credits (ticks), ``task.used`` what is used of the timeslice, and
    ``task.level`` is 1 for a boosted task."""

    preemptive = True

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        rooms: Told,
        boost: bool,
        period: Time,
        tick: Time,
        timeslice: Time,
    ) -> None:
        super().__init__(workload, policy, tasks)
        self._period, self._tick, self._timeslice = (
            ticks_of(time, workload.scale) for time in (period, tick, timeslice)
        )
        self._boost = boost
        self._caps = self._read_rooms(rooms)
        self._room = dict(self._caps)  # what is left of them until the accounting
        self._present: list[Task] = []
        self._away: set[int] = set()  # who of them sleeps
        self._balance = Fraction(0)  # all credits after the last accounting
        self._looked = 0  # when the clock was last looked at
        self._busy = self._cpus = 0
        self._at_tick = False
        for task in tasks:
            task.number = task.number or DEFAULT_WEIGHT

    def _read_rooms(self, rooms: Told) -> dict[int, int]:
        """The room in ticks of each capped task, by position."""
        names = self.workload.names
        if isinstance(rooms, Mapping):
            if unknown := sorted(set(rooms) - set(names)):
                raise PolicyError(
                    f"CREDIT was given a cap for an unknown job {unknown[0]!r}: caps are those of "
                    f"jobs of the workload; choose among {', '.join(names[:8])}"
                    f"{', ...' if len(names) > 8 else ''}."
                )
            told = [rooms.get(name, 0) for name in names]
        else:
            told = replace(self.policy, numbers=rooms).numbers_of(self.workload)
        scale = self.workload.scale
        return {at: ticks_of(room, scale) for at, room in enumerate(told) if room}

    # Who goes first

    def group(self, task: Task) -> int:
        """BOOST, UNDER or OVER."""
        return BOOST if task.level else UNDER if task.value >= 0 else OVER

    def eligible(self, task: Task, now: int) -> bool:
        return self._room.get(task.position) != 0

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        return min(ready, key=self.group)

    def in_line(self, ready: Sequence[Task], now: int) -> list[Task]:
        return sorted(ready, key=self.group)

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        return self.group(newcomer) < self.group(running)

    def at_head(self, task: Task, why: str) -> bool:
        return self._at_tick and why == "preempted"

    def slice(self, task: Task, now: int) -> int:
        self._busy += 1
        self._cpus = max(self._cpus, self._busy)
        rest = int(self._timeslice - task.used)
        return min(rest, self._room.get(task.position, rest))

    # What happens to the credits

    def admit(self, task: Task, now: int, *, woke: bool) -> None:
        self._away.discard(task.position)
        if not woke:
            self._present.append(task)
        elif self._boost and self.group(task) == UNDER and self.eligible(task, now):
            task.level = 1

    def ran(self, task: Task, ticks: int, now: int, why: str) -> None:
        task.value -= ticks
        task.used += ticks
        if task.position in self._room:
            self._room[task.position] -= ticks
        if why == "running":
            return
        self._busy -= 1
        self._at_tick = why == "preempted" and now >= self.alarm()
        if self._at_tick:
            task.level = 0
        else:
            task.used = 0
        if why == "blocked":
            self._away.add(task.position)
        elif why == "finished":
            self._present.remove(task)

    def alarm(self) -> int:
        return min((self._looked // each + 1) * each for each in (self._tick, self._period))

    def ring(self, now: int, ready: Sequence[list[Task]]) -> None:
        if now // self._period > self._looked // self._period:
            self._account()
        self._looked = now

    def _account(self) -> None:
        self._room = dict(self._caps)
        earning = [
            task
            for task in self._present
            if task.position not in self._away or task.value < self._period
        ]
        debt = max(Fraction(0), -self._balance)
        shares = self._shares(earning, self._cpus * self._period + debt, debt)
        most = Fraction(self._period)
        for task, share in shares:
            task.value = max(-most, min(most, task.value + share))
        self._balance = sum((Fraction(task.value) for task in earning), Fraction(0))

    def _shares(
        self, earning: list[Task], total: Fraction, debt: Fraction
    ) -> list[tuple[Task, Fraction]]:
        """``total`` by weight, nobody above its peak; what one cannot use goes to the others."""
        weight = sum((task.number for task in earning), Fraction(0))
        peaks = [
            (
                Fraction(self._caps.get(task.position, 0))
                or self._period + debt * task.number / weight
            )
            for task in earning
        ]
        # Those who reach their peak first, as the level of credits a unit of weight rises.
        order = sorted(range(len(earning)), key=lambda at: (peaks[at] / earning[at].number, at))
        shares = []
        for at in order:
            task = earning[at]
            share = min(peaks[at], Fraction(total * task.number) / weight)
            shares.append((task, share))
            total, weight = total - share, weight - task.number
        return shares

    # Sentences

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        if not others:
            return super().why(task, others, lost, now)
        better = [one for one in others if self.group(one) < self.group(task)]
        if better:  # an idle CPU took it from another's queue
            return f"{self._says(task)} is taken, although {self._says(better[0])} is before it."
        equals = sum(self.group(one) == self.group(task) for one in others)
        line = f"{self._says(task)} is first in line"
        line += f" of {equals + 1} {NAMES[self.group(task)]}" if equals else ""
        lower = len(others) - equals
        return f"{line}{f', before {lower} of a lower class' if lower else ''}."

    def why_keep(self, running: Task, came: Sequence[Task], switching: int, now: int) -> str:
        if switching:
            return super().why_keep(running, came, switching, now)
        first = min(came, key=self.group)
        return f"{self._says(first)} comes and queues; {self._says(running)} keeps the CPU."

    def _says(self, task: Task) -> str:
        credits = f"credits {self.time(task.value)}"
        return f"{self.name(task)} ({NAMES[self.group(task)]}, {credits})"
