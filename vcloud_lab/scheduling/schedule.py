"""A schedule: what a simulation found out, exactly.

turnaround = completion - arrival; waiting = turnaround - burst - I/O; response = first run -
arrival; slowdown = turnaround / burst.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vcloud_lab.errors import ScheduleError
from vcloud_lab.scheduling.numbers import Time, exact, show, simplest
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.setup import Setup
from vcloud_lab.scheduling.timeline import Slice, Timeline
from vcloud_lab.scheduling.trace import Trace
from vcloud_lab.scheduling.workload import Column, Workload

if TYPE_CHECKING:  # how decisions are told is imported when somebody asks for it
    from vcloud_lab.scheduling.ledger import Decision

__all__ = ["METRICS", "Schedule", "Slice"]

METRICS = ("completion", "turnaround", "waiting", "response")


class Schedule(Timeline):
    """Who ran when, and what follows from it. Made by ``simulate``.

    Times are exact and in the workload's unit. Everything but the trace is worked out when it is
    asked for. Means, percentiles and rates of a schedule without jobs raise ``ScheduleError``.
    """

    _repr_mimebundle_: Callable[..., dict[str, Any]]  # set by the package's root, which sees render

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        trace: Trace,
        setup: Setup,
        forced: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(workload, trace, setup.cpus)
        self.policy = policy
        self.setup = setup
        self.forced = forced or {}
        self.switch_cost = setup.switch_cost

    @property
    def label(self) -> str:
        """The policy with every option that is not the default."""
        return f"{self.policy.label} {self.setup.label}".rstrip()

    @property
    def counters(self) -> dict[str, int]:
        """How many operations the simulation took: the same on every machine."""
        return self.trace.counters

    # Job by job

    @cached_property
    def _completion(self) -> Column:
        completion = self.trace.completion(len(self.workload))
        completion.setflags(write=False)
        return completion

    @cached_property
    def _first_run(self) -> Column:
        return self.trace.first_run(len(self.workload))

    def ticks(self, metric: str) -> Column:
        """One of ``METRICS`` for all jobs in list order, as an ``int64`` array of ticks."""
        if metric not in METRICS:
            raise ScheduleError(
                f"There is no metric {metric!r}: jobs have {', '.join(METRICS)}; ask for one."
            )
        if metric == "completion":
            return self._completion
        reached = self._first_run if metric == "response" else self._completion
        span = reached - self.workload.arrival
        if metric == "waiting":
            span -= self.workload.burst + self.workload.io_ticks
        return span

    def _by_name(self, metric: str) -> dict[str, Time]:
        ticks = self.ticks(metric).tolist()
        return dict(zip(self.workload.names, map(self.workload.time, ticks), strict=True))

    @cached_property
    def completion(self) -> dict[str, Time]:
        """When each job ended, by name."""
        return self._by_name("completion")

    @cached_property
    def turnaround(self) -> dict[str, Time]:
        """Completion minus arrival, by name."""
        return self._by_name("turnaround")

    @cached_property
    def waiting(self) -> dict[str, Time]:
        """Turnaround minus burst and I/O, by name: how long a job was ready and did not run."""
        return self._by_name("waiting")

    @cached_property
    def response(self) -> dict[str, Time]:
        """First run minus arrival, by name."""
        return self._by_name("response")

    # All jobs together

    def mean(self, metric: str) -> Time:
        """The exact mean of a metric over all jobs; "slowdown" is turnaround / burst."""
        if metric == "slowdown":
            return simplest(self._sum_of_slowdowns(1) / self._count("mean slowdown"))
        count = self._count(f"mean {metric}")
        if metric in ("turnaround", "waiting"):  # from sums of columns, without a new column
            ticks = self._sum(self._completion) - self._sum(self.workload.arrival)
            if metric == "waiting":
                ticks -= self._sum(self.workload.burst) + int(np.sum(self.workload.io_ticks))
        else:
            ticks = self._sum(self.ticks(metric))
        return simplest(Fraction(ticks, count * self.workload.scale))

    def percentile(self, metric: str, p: Time | float) -> Time:
        """The smallest value that at least ``p`` percent of the jobs do not exceed (nearest rank).

        Raises ``ScheduleError`` for a ``p`` that is not above 0 and at most 100.
        """
        rank = exact(p, "The percentile", ScheduleError)
        if not 0 < rank <= 100:
            raise ScheduleError(
                f"The percentile is {p}: it must be above 0 and at most 100; try 95."
            )
        count = self._count(f"{metric} percentile")
        position = -(-rank * count // 100) - 1
        if metric == "slowdown":
            pairs = zip(
                self.ticks("turnaround").tolist(), self.workload.burst.tolist(), strict=True
            )
            return simplest(sorted(Fraction(*pair) for pair in pairs)[position])
        return self.workload.time(int(np.partition(self.ticks(metric), position)[position]))

    @property
    def makespan(self) -> Time:
        """From time 0 to the last completion."""
        return self.workload.time(self._end)

    @property
    def throughput(self) -> Time:
        """Jobs completed per unit of time, from time 0 to the last completion."""
        count = self._count("throughput")
        return simplest(Fraction(count * self.workload.scale, self._end))

    @property
    def utilisation(self) -> Time:
        """The share of all processors' time, from 0 to the last completion, that jobs used.

        Time spent switching is not used time.
        """
        self._count("utilisation")
        burst, width = self.workload.burst, self.workload.width
        if self.cpus == 1:
            used = self._sum(burst)
        else:
            used = sum(b * w for b, w in zip(burst.tolist(), width.tolist(), strict=True))
        return simplest(Fraction(used, self.cpus * self._end))

    @property
    def fairness(self) -> Time:
        """Jain's index of the slowdowns: 1 when all jobs are slowed alike, 1/n at worst.

        Source: Jain, Chiu & Hawe, DEC-TR-301, 1984.
        """
        count = self._count("fairness")
        return simplest(self._sum_of_slowdowns(1) ** 2 / (count * self._sum_of_slowdowns(2)))

    def summary(self) -> dict[str, Time]:
        """The figures by which schedules are compared, by name."""
        means = {f"mean {m}": self.mean(m) for m in (*METRICS[1:], "slowdown")}
        rates = {
            "throughput": self.throughput,
            "utilisation": self.utilisation,
            "fairness": self.fairness,
        }
        counted = self.cpus == 1 or self.trace.cpu is not None
        return means | rates | ({"switches": self.context_switches} if counted else {})

    # Moment by moment

    def moments(self) -> Iterator[Decision]:
        """Every moment at which the scheduler looks: dispatches, arrivals, idle time, the end.

        On several CPUs an arrival that changes nothing is left out; where jobs need several
        processors at once there are the dispatches only.
        """
        if self.trace.cpu is not None:
            from vcloud_lab.scheduling.replay import replay

            return replay(self.workload, self.policy, self.setup, self.forced)
        from vcloud_lab.scheduling.ledger import moments

        return moments(self.workload, self.policy, self.trace, self.cpus)

    def ledger(self) -> Iterator[Decision]:
        """The decision ledger: for every dispatch who was ready, who was chosen, and why."""
        return (moment for moment in self.moments() if moment.kind == "dispatch")

    # Inside

    @cached_property
    def _end(self) -> int:
        if self.cpus == 1:
            return self.trace.last_end
        return int(self.trace.end.max(initial=0))

    def _sum(self, column: Column) -> int:
        """The sum of a column of times, none above the end; it may need more than 64 bits."""
        if len(column) * self._end < 2**63:
            return int(column.sum())
        return sum(column.tolist())

    def _count(self, what: str) -> int:
        if not len(self.workload):
            raise ScheduleError(
                f"The {what} of 0 jobs is not defined: at least one job is needed; "
                "add one to the workload."
            )
        return len(self.workload)

    def _sum_of_slowdowns(self, power: int) -> Fraction:
        """The sum of (turnaround / burst) ** power.

        Quick by adding burst by burst, then two by two: a long sum whose denominator grows with
        every term would take quadratic time.
        """
        by_burst: dict[int, int] = {}
        pairs = zip(self.workload.burst.tolist(), self.ticks("turnaround").tolist(), strict=True)
        for burst, turnaround in pairs:
            by_burst[burst] = by_burst.get(burst, 0) + turnaround**power
        parts = [Fraction(t, burst**power) for burst, t in by_burst.items()]
        while len(parts) > 1:
            parts = [sum(parts[at : at + 2], Fraction(0)) for at in range(0, len(parts), 2)]
        return sum(parts, Fraction(0))

    def __repr__(self) -> str:
        what = f"Schedule of {len(self.workload)} jobs under {self.label}"
        if not len(self.workload):
            return what
        waiting, end = show(self.mean("waiting")), show(self.makespan)
        return f"{what}: mean waiting {waiting}, ends at {end}"
