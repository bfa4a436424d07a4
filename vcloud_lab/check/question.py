"""What a scheduling exercise asks for: one number, or one for every job, of one schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from vcloud_lab.errors import CheckError
from vcloud_lab.scheduling import Policy, Schedule, Workload, simulate
from vcloud_lab.scheduling.numbers import Time, simplest

__all__ = ["Column", "Question"]

Column = dict[str, Time]
"""One number a job, in list order."""

JOB_METRICS = ("completion", "turnaround", "waiting", "response", "slowdown")
MACHINE_METRICS = ("makespan", "throughput", "utilisation", "fairness", "context_switches")

WORDS = {
    "completion": "completion time",
    "turnaround": "turnaround time",
    "waiting": "waiting time",
    "response": "response time",
    "makespan": "makespan (from time 0 to the last completion)",
    "utilisation": "utilisation (the share of the makespan in which jobs run)",
    "throughput": "throughput (jobs per unit of time)",
    "fairness": "fairness (Jain's index of the slowdowns)",
    "context_switches": "number of context switches",
}


@dataclass(frozen=True)
class Question:
    """Which number of which schedule.

    ``metric`` is one of completion, turnaround, waiting, response and slowdown (the mean over the
    jobs, or of ``job`` alone) or of makespan, throughput, utilisation, fairness and
    context_switches. ``measure`` replaces it by any function of the schedule; ``metric`` is then
    the words for it. The rest goes to ``simulate``.

    Raises ``CheckError`` for a metric that does not exist.
    """

    workload: Workload
    policy: Policy
    metric: str = "waiting"
    job: str | None = None
    cpus: int = 1
    switch_cost: Time = 0
    switch_charge: str = "between"
    measure: Callable[[Schedule], Time] | None = None

    def __post_init__(self) -> None:
        if callable(self.policy):
            object.__setattr__(self, "policy", self.policy())
        if self.measure is None and self.metric not in JOB_METRICS + MACHINE_METRICS:
            raise CheckError(
                f"The metric {self.metric!r} does not exist: it must be one of "
                f"{', '.join(JOB_METRICS + MACHINE_METRICS)}; choose one, or give a measure."
            )

    @property
    def per_job(self) -> bool:
        """Whether the number is made of one number a job."""
        return self.measure is None and self.metric in JOB_METRICS

    def but(self, **changes: Any) -> Question:
        """The same question about something else."""
        return replace(self, **changes)

    def schedule(self) -> Schedule:
        """The schedule that the question is about."""
        return simulate(
            self.workload,
            self.policy,
            cpus=self.cpus,
            switch_cost=self.switch_cost,
            switch_charge=self.switch_charge,
        )

    def column(self, metric: str | None = None) -> Column:
        """The metric (this question's own, unless told) of every job."""
        schedule, metric = self.schedule(), metric or self.metric
        if metric == "slowdown":
            turnaround = schedule.turnaround
            return {j.name: ratio(turnaround[j.name], j.burst) for j in self.workload.jobs}
        column: Column = getattr(schedule, metric)
        return dict(column)

    def reduce(self, column: Column) -> Time:
        """The number asked for, from one number a job."""
        if self.job is not None:
            return column[self.job]
        return ratio(sum(column.values()), len(column))

    def value(self) -> Time:
        """The right answer."""
        if self.per_job:
            return self.reduce(self.column())
        schedule = self.schedule()
        found = self.measure(schedule) if self.measure else getattr(schedule, self.metric)
        return simplest(Fraction(found))

    def words(self, metric: str | None = None) -> str:
        """The number asked for, in words: "the mean waiting time"."""
        metric = metric or self.metric
        name = WORDS.get(metric, metric)
        if not self.per_job:
            return f"the {name}"
        return f"the mean {name}" if self.job is None else f"{self.job}'s {name}"

    def conditions(self) -> str:
        """Policy and options in words: "under RR q=4, with a switch cost of 1"."""
        parts = [f"under {self.policy.label}"]
        if self.cpus > 1:
            parts.append(f"on {self.cpus} processors")
        if self.switch_cost:
            when = "at every dispatch" if self.switch_charge == "dispatch" else "between jobs"
            parts.append(f"with a switch cost of {self.switch_cost} {when}")
        return ", ".join(parts)

    def listing(self) -> str:
        """The workload as a table of text."""
        rows = [("job", "arrival", "burst")]
        rows += [(j.name, str(j.arrival), str(j.burst)) for j in self.workload.jobs]
        if any(j.width > 1 for j in self.workload.jobs):
            widths = ["width", *(str(j.width) for j in self.workload.jobs)]
            rows = [(*row, width) for row, width in zip(rows, widths, strict=True)]  # type: ignore[misc]
        sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join([row[0].ljust(sizes[0]), *map(str.rjust, row[1:], sizes[1:])]) for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)


def ratio(part: Time, whole: Time) -> Time:
    """An exact quotient, as an ``int`` when it is whole."""
    return simplest(Fraction(part) / Fraction(whole))
