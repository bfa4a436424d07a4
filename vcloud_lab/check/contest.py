"""How good a scheduler is: ranked against the built-in ones, and against the best there can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vcloud_lab.check.promises import Fault, hidden_workloads, longest_wait, trial
from vcloud_lab.render.scene import Grid
from vcloud_lab.render.table import Table
from vcloud_lab.scheduling import (
    FCFS,
    HRRN,
    OWN,
    RR,
    SJF,
    SRTF,
    Policy,
    Time,
    Workload,
    gap,
    random_workload,
    show,
    simulate,
)

__all__ = ["PEERS", "Judgement", "Standing", "judge", "rank"]

PEERS: dict[str, Policy] = {
    "FCFS": FCFS(),
    "SJF": SJF(),
    "SRTF": SRTF(),
    "RR q=4": RR(4),
    "HRRN": HRRN(),
}

SEEDS = range(6)
JOBS = 25


@dataclass(frozen=True)
class Standing:
    """A policy's figures over all seeds: mean ``waiting`` and ``response``, the longest time that a
    ready job did not run, and the optimality gap (mean turnaround over the least possible) on
    small workloads, on average and at worst."""

    policy: str
    waiting: Time
    response: Time
    longest: Time
    gap: Time
    worst_gap: Time


def rank(candidates: Mapping[str, Policy]) -> list[Standing]:
    """The standings of policies on the hidden workloads, the least mean waiting first."""
    large = [random_workload(JOBS, seed, load="0.9", mean_burst=6) for seed in SEEDS]
    small = [workload for workload in hidden_workloads() if len(workload) <= 5]
    found = [_standing(name, policy, large, small) for name, policy in candidates.items()]
    return sorted(found, key=lambda one: one.waiting)


def _standing(name: str, policy: Policy, large: list[Workload], small: list[Workload]) -> Standing:
    runs = [simulate(workload, policy) for workload in large]
    gaps = [gap(workload, policy) for workload in small]
    return Standing(
        name,
        Fraction(sum(run.mean("waiting") for run in runs)) / len(runs),
        Fraction(sum(run.mean("response") for run in runs)) / len(runs),
        max(longest_wait(run.workload, run)[1] for run in runs),
        Fraction(sum(gaps)) / len(gaps),
        max(gaps),
    )


@dataclass(frozen=True, repr=False)
class Judgement:
    """What the judge says: ``fault`` (None: every promise is kept) and the ``standings``."""

    name: str
    fault: Fault | None
    standings: tuple[Standing, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every promise is kept."""
        return self.fault is None

    @property
    def place(self) -> int:
        """The place in the ranking by mean waiting, from 1; 0 where a promise is broken."""
        names = [standing.policy for standing in self.standings]
        return names.index(self.name) + 1 if self.name in names else 0

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.fault:
            return f"✗ {self.name} is not a scheduler yet: {self.fault}"
        if not self.standings:
            return f"✓ {self.name} keeps every promise."
        total = len(self.standings)
        return f"✓ {self.name} keeps every promise and is number {self.place} of {total}."

    @property
    def table(self) -> Table:
        """The ranking, the own row marked."""
        rows = tuple(
            (
                f"{'→ ' if one.policy == self.name else ''}{one.policy}",
                show(one.waiting, 2),
                show(one.response, 2),
                show(one.longest),
                show(one.gap),
                show(one.worst_gap),
            )
            for one in self.standings
        )
        header = ("policy", "waiting", "response", "longest wait", "gap", "worst gap")
        note = (
            f"Means of {len(SEEDS)} hidden workloads of {JOBS} jobs. The gap is the mean "
            "turnaround over the least that any schedule has, on small workloads: 1 is optimal."
        )
        return Table(Grid(self.sentence, header, rows, (False, *[True] * 5), note=note))

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self.table.text if self.standings else self.sentence

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        if self.standings:
            return self.table._repr_mimebundle_(**options)
        return {"text/plain": self.sentence}


def judge(
    candidate: Policy | Callable[..., Any],
    *,
    whole: bool = False,
    fair: Time | float | str | None = None,
    busy: bool = True,
    against: Mapping[str, Policy] | None = None,
) -> Judgement:
    """Judge a scheduler of your own on hidden workloads; see ``trial`` for the arguments.

    A policy that keeps every promise is ranked by mean waiting against ``against`` (FCFS, SJF,
    SRTF, RR and HRRN), with its optimality gap. A ``whole`` scheduler is not ranked. Raises
    ``PolicyError`` as ``trial`` does, and for a candidate that cannot be called.
    """
    if whole:
        name = getattr(candidate, "__name__", "your scheduler")
        return Judgement(name, trial(candidate, whole=True, fair=fair, busy=busy))
    policy = candidate if isinstance(candidate, Policy) else OWN(candidate)
    fault = trial(policy, fair=fair, busy=busy)
    if fault:
        return Judgement(policy.label, fault)
    peers = {f"{name} (built in)" if name == policy.label else name: peer
             for name, peer in (against or PEERS).items()}  # fmt: skip
    return Judgement(policy.label, None, tuple(rank({policy.label: policy, **peers})))
