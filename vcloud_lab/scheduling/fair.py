"""Fair schedulers by weight: one in the manner of Linux's CFS, and EEVDF, which replaced it.

Sources: the Linux kernel's Documentation/scheduler/sched-design-CFS.rst and kernel/sched/fair.c;
Stoica & Abdel-Wahab, "Earliest Eligible Virtual Deadline First: A Flexible and Accurate Mechanism
for Proportional Share Resource Allocation", Old Dominion University TR-95-22, 1995.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import ceil

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Task
from vcloud_lab.scheduling.numbers import Time, exact, show, ticks_of
from vcloud_lab.scheduling.policy import Numbers, Policy, above_zero, numbers_told
from vcloud_lab.scheduling.virtual import LeastFirst
from vcloud_lab.scheduling.weights import Told, weighing
from vcloud_lab.scheduling.workload import Workload

__all__ = ["CFS", "EEVDF"]


def CFS(
    nice: Numbers | None = None,
    *,
    weights: Numbers | None = None,
    latency: Time | float | str = 6,
    granularity: Time | float | str = 1,
    wakeup_granularity: Time | float | str = 1,
) -> Policy:
    """A completely fair scheduler: the ready job of the least *virtual runtime* runs next.

    Virtual runtime is CPU time times 1024 / weight, exactly, with the weight that Linux gives the
    job's ``nice`` value (-20 to 19, by name or in list order; all 0 without), or CPU time / weight
    where ``weights`` are given instead. Ties go by arrival, then list order. The job runs for its
    share by weight of the ``latency`` among all active jobs, rounded up to a whole tick, and for at
    least the ``granularity``.

    The *minimum* is the least virtual runtime of all active jobs, and never goes back. A new job
    starts there. One that waited for a device keeps its own, or is put half a latency of its own
    CPU time behind the minimum if it fell further behind. A newcomer takes the CPU from a running
    job that is ahead of it by more than the ``wakeup_granularity`` of the newcomer's CPU time.

    All three times are in the workload's unit; Linux 5 had 6, 0.75 and 1 ms on one CPU. Its groups
    and load balancing are left out; on several CPUs a running job's CPU time counts from when it is
    charged, at arrivals and at the end of a stint. Raises ``PolicyError`` for nice values or
    weights that are not as said, or both at once, a latency or granularity that is not above 0, and
    a wakeup granularity below 0.
    """
    told, base = weighing("CFS", nice, weights)
    period = above_zero(latency, "The latency of CFS", "latency=6")
    least = above_zero(granularity, "The granularity of CFS", "granularity=1")
    wakeup = exact(wakeup_granularity, "The wakeup granularity of CFS", PolicyError)
    if wakeup < 0:
        raise PolicyError(
            f"The wakeup granularity of CFS is {wakeup_granularity}: it must be 0 or above; try 1."
        )
    changed = {"latency": (period, 6), "granularity": (least, 1), "wakeup_granularity": (wakeup, 1)}
    return Policy(
        "CFS",
        None,
        None,
        "has the smallest virtual runtime",
        discipline=partial(_Cfs, base=base, latency=period, granularity=least, wakeup=wakeup),
        preemptive=True,
        numbers=told,
        remarks=tuple(f"{k}={show(v)}" for k, (v, usual) in changed.items() if v != usual),
        times=(period, least, wakeup),
    )


class _Weighed(LeastFirst):
    """Virtual times are CPU time over weight inside, and for people times ``base``."""

    def __init__(
        self, workload: Workload, policy: Policy, tasks: Sequence[Task], *, base: int
    ) -> None:
        super().__init__(workload, policy, tasks)
        self.base = base
        for task in tasks:
            task.number = task.number or base  # no weight was told: all are alike

    def virtual(self, value: Time) -> str:
        """A virtual time for people."""
        return self.time(value * self.base)


class _Cfs(_Weighed):
    """``task.value`` is the virtual runtime."""

    preemptive = True

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        base: int,
        latency: Time,
        granularity: Time,
        wakeup: Time,
    ) -> None:
        super().__init__(workload, policy, tasks, base=base)
        self._latency = ticks_of(latency, workload.scale)
        self._least = ticks_of(granularity, workload.scale)
        self._wakeup = ticks_of(wakeup, workload.scale)
        self._minimum: Time = 0

    def joins(self, task: Task, *, woke: bool) -> None:
        self._update_minimum()
        if woke:
            rested = self._minimum - Fraction(self._latency) / (2 * task.number)
            task.value = max(task.value, rested)
        else:
            task.value = self._minimum

    def charge(self, task: Task, ticks: int) -> None:
        task.value += Fraction(ticks) / task.number

    def leaves(self, task: Task) -> None:
        self._update_minimum()

    def _update_minimum(self) -> None:
        """Enough when somebody comes or goes: in between, the least runtime only grows."""
        if self.active:
            self._minimum = max(self._minimum, min(task.value for task in self.active))

    def slice(self, task: Task, now: int) -> int:
        share = Fraction(self._latency * task.number) / sum(one.number for one in self.active)
        return max(self._least, ceil(share))

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        return running.value - newcomer.value > Fraction(self._wakeup) / newcomer.number

    def shown(self, task: Task) -> str:
        return self.virtual(task.value)

    def why_keep(self, running: Task, came: Sequence[Task], switching: int, now: int) -> str:
        if switching:
            return super().why_keep(running, came, switching, now)
        first = min(came, key=self.order)
        comes = f"comes with virtual runtime {self.shown(first)}"
        comes += f", the least of {len(came)} newcomers" if len(came) > 1 else ""
        return (
            f"{self.name(first)} {comes}; {self.name(running)} ({self.shown(running)}) is not more "
            "than the wakeup granularity ahead of it, and keeps the CPU."
        )


def EEVDF(
    nice: Numbers | None = None,
    *,
    weights: Numbers | None = None,
    slice: Time | float | str | Numbers = 3,
    quantum: Time | float | str | None = None,
) -> Policy:
    """Earliest eligible virtual deadline first: fair shares, with short waits for short slices.

    A job asks for the CPU in requests of length ``slice`` (the workload's unit; one for all, or one
    a job by name or in list order). *Virtual time* goes on by the CPU time that anybody gets over
    the weights of all active jobs. A request is eligible from the virtual time on at which the job
    would have had all its earlier requests under ideal sharing; its virtual deadline is slice /
    weight later. Of the eligible jobs, the one of the earliest virtual deadline runs, for at most a
    ``quantum`` and no longer than its request (which is what it runs for without a quantum). Ties
    go by arrival, then list order. Where only jobs that are not eligible are left for a CPU, it
    takes the first to become so. Newcomers wait for the next choice.

    ``nice`` and ``weights`` as in ``CFS``; virtual time runs as fast as the clock for one job of
    nice 0 or weight 1. A job's *lag* is the CPU time that it is behind ideal sharing; on one CPU,
    among always ready jobs, it stays between minus and plus one slice (the longest of all). A new
    job has lag 0. One that waits for a device, or ends, leaves with its lag, which the others gain
    or lose by weight; it comes back with that lag, limited to one slice either way, and with a new
    request. On several CPUs virtual time goes on when running jobs are charged: at arrivals and at
    the end of a stint.

    Raises ``PolicyError`` for nice values or weights that are not as said, or both at once, and a
    slice or quantum that is not above 0.
    """
    told, base = weighing("EEVDF", nice, weights)
    lengths = _slices(slice)
    alike = not isinstance(lengths, Mapping | tuple)
    turn = None if quantum is None else above_zero(quantum, "The quantum of EEVDF", "quantum=1")
    if isinstance(lengths, Mapping):
        times = tuple(lengths.values())
    else:
        times = lengths if isinstance(lengths, tuple) else (lengths,)
    return Policy(
        "EEVDF",
        None,
        None,
        "has the earliest virtual deadline",
        discipline=partial(_Eevdf, base=base, slices=lengths),
        preemptive=True,
        quantum=turn,
        numbers=told,
        remarks=() if lengths == 3 else (f"slice={show(times[0]) if alike else 'by job'}",),
        times=times,
    )


def _slices(slices: Time | float | str | Numbers) -> Time | Told:
    """The length of a request: one for all jobs, or one a job."""
    example = "EEVDF(slice=3), or slice={'P1': 3, 'P2': 1}"
    if isinstance(slices, str) or not isinstance(slices, Mapping | Sequence):
        return above_zero(slices, "The slice of EEVDF", "slice=3")
    told = numbers_told(slices, "slice", "slices", example)
    for length in told.values() if isinstance(told, Mapping) else told:
        above_zero(length, "A slice of EEVDF", "slice=3")
    return told


class _Eevdf(_Weighed):
    """``task.value`` is when the request becomes eligible, ``task.used`` what it has had of it.

    For a job that waits for a device, ``task.value`` is its lag. Virtual time is the mean, by
    weight, of where the active jobs are: then their lags add up to 0, as the paper asks.
    """

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        base: int,
        slices: Time | Told,
    ) -> None:
        super().__init__(workload, policy, tasks, base=base)
        if isinstance(slices, Mapping | tuple):
            lengths = replace(policy, numbers=slices).numbers_of(workload)
        else:
            lengths = [slices] * len(workload)
        self._request = [ticks_of(length, workload.scale) for length in lengths]
        self._clock: Time = 0  # the virtual time while nobody is active
        self._sum: Time = 0  # of weight * place over all active tasks
        self._weight: Time = 0

    @property
    def virtual_time(self) -> Time:
        return Fraction(self._sum) / self._weight if self._weight else self._clock

    def place(self, task: Task) -> Time:
        """How far a task is in virtual time."""
        return task.value + Fraction(task.used) / task.number

    def lag(self, task: Task) -> Time:
        """How much CPU time (ticks) an active task is behind ideal sharing."""
        return task.number * (self.virtual_time - self.place(task))

    def joins(self, task: Task, *, woke: bool) -> None:
        owed = task.value if woke else 0
        self._ask(task, self.virtual_time - Fraction(owed) / task.number)
        self._sum += task.number * task.value
        self._weight += task.number

    def charge(self, task: Task, ticks: int) -> None:
        task.used += ticks
        self._sum += ticks
        if task.used >= self._request[task.position]:
            self._ask(task, self.place(task))

    def leaves(self, task: Task) -> None:
        most = self._request[task.position]
        self._clock = self.virtual_time
        lag = self.lag(task)
        self._sum -= task.number * self.place(task)
        self._weight -= task.number
        task.value = max(-most, min(most, lag))

    def _ask(self, task: Task, eligible: Time) -> None:
        task.value, task.used = eligible, 0
        task.deadline = eligible + Fraction(self._request[task.position]) / task.number

    def order(self, task: Task) -> tuple[Time, ...]:
        late = task.value > self.virtual_time
        return (int(late), task.value if late else task.deadline, *super().order(task)[1:])

    def slice(self, task: Task, now: int) -> int:
        return min(self.quantum, int(self._request[task.position] - task.used))

    def _because(self, task: Task, others: Sequence[Task]) -> str:
        now = self.virtual_time
        if task.value > now:
            return f"is eligible first, at virtual time {self.virtual(task.value)}"
        free = [one for one in others if one.value <= now]
        if not free:
            return (
                f"is the only eligible job at virtual time {self.virtual(now)} "
                f"(virtual deadline {self.virtual(task.deadline)})"
            )
        return f"{super()._because(task, free)}"

    def rank(self, task: Task) -> Time:
        return task.deadline

    def shown(self, task: Task) -> str:
        return self.virtual(task.deadline)
