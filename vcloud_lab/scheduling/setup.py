"""The machine on which a workload runs: its CPUs, its queues, and what things cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact, show
from vcloud_lab.scheduling.policy import choose
from vcloud_lab.scheduling.workload import Workload

__all__ = ["Setup", "read_setup"]

MOST_CPUS = 1024
"""The most CPUs of the general machine, which looks at each of them at every event."""


@dataclass(frozen=True)
class Setup:
    """The machine; times in the workload's unit. ``simulate`` says what each of these means."""

    cpus: int = 1
    switch_cost: Time = 0
    switch_charge: str = "between"
    queues: str = "global"
    steal: bool = True
    migration_cost: Time = 0
    affinity: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Everything that is not the default, to be put behind a policy's name."""
        parts = [] if self.cpus == 1 else [f"on {self.cpus} CPUs"]
        if self.queues == "per-core":
            parts.append("per-core queues" if self.steal else "per-core queues without stealing")
        if self.switch_cost:
            charge = " per dispatch" if self.switch_charge == "dispatch" else ""
            parts.append(f"switch={show(self.switch_cost)}{charge}")
        if self.migration_cost:
            parts.append(f"migration={show(self.migration_cost)}")
        if self.affinity:
            parts.append(f"affinity of {len(self.affinity)}")
        return " ".join(parts)

    @property
    def simple(self) -> bool:
        """Whether all CPUs are alike for every job: one queue, no price of moving."""
        return self.queues == "global" and not self.migration_cost and not self.affinity


def read_setup(
    workload: Workload,
    *,
    cpus: object,
    switch_cost: object,
    switch_charge: str,
    queues: str,
    steal: object,
    migration_cost: object,
    affinity: Mapping[str, Iterable[int]] | None,
) -> Setup:
    """The machine from the options of ``simulate``; raises ``PolicyError`` for impossible ones."""
    choose("switch_charge", switch_charge, "between", "dispatch")
    choose("queues", queues, "global", "per-core")
    if not isinstance(steal, bool):
        raise PolicyError(f"The option steal is {steal!r}: it must be True or False.")
    processors = exact(cpus, "The number of processors", PolicyError)
    if processors.denominator != 1 or not 1 <= processors < LARGEST:
        raise PolicyError(
            f"The number of processors is {cpus!r}: it must be whole, at least 1 and below 2**62; "
            "change cpus."
        )
    costs = []
    for value, what in ((switch_cost, "switch"), (migration_cost, "migration")):
        cost = exact(value, f"The {what} cost", PolicyError)
        if cost < 0:
            raise PolicyError(f"The {what} cost is {value}: it must be 0 or above; change it.")
        costs.append(cost)
    allowed = _read_affinity(workload, {} if affinity is None else affinity, int(processors))
    return Setup(int(processors), costs[0], switch_charge, queues, steal, costs[1], allowed)


def _read_affinity(
    workload: Workload, affinity: Mapping[str, Iterable[int]], cpus: int
) -> dict[str, frozenset[int]]:
    rule = (
        f"it must name jobs and, for each, some CPUs from 0 to {cpus - 1}; write for example "
        "affinity={'P1': [0]}."
    )
    if not isinstance(affinity, Mapping):
        raise PolicyError(f"The affinity is {affinity!r}: {rule}")
    known = set(workload.names) if affinity else set()  # the names of a million jobs cost a second
    allowed = {}
    for name, numbers in affinity.items():
        chosen = list(numbers) if isinstance(numbers, Iterable) else []
        if name not in known or not chosen or not all(_is_cpu(n, cpus) for n in chosen):
            raise PolicyError(f"The affinity of {name!r} is {numbers!r}: {rule}")
        allowed[name] = frozenset(chosen)
    return allowed


def _is_cpu(number: object, cpus: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < cpus
