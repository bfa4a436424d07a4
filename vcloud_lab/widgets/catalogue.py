"""The policies that an explorer offers: by name, made anew from its settings, or as given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.fair import CFS, EEVDF
from vcloud_lab.scheduling.feedback import FEEDBACK, MLFQ
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE

__all__ = [
    "EVERY",
    "NAMES",
    "NUMBERED",
    "SLICED",
    "Knobs",
    "Maker",
    "Offer",
    "numbers_text",
    "read_numbers",
    "read_policies",
]

NAMES = ("FCFS", "SJF", "SRTF", "RR")
"""What every explorer offers."""


class Knobs(NamedTuple):
    """The settings from which policies are made. ``numbers`` has one number a job or is empty."""

    quantum: Any
    enqueue: str
    seed: Any
    numbers: tuple[Time, ...]
    jobs: int

    @property
    def tickets(self) -> tuple[Time, ...]:
        """The numbers, or one for each job."""
        return self.numbers or (1,) * self.jobs


Maker = Callable[[Knobs], Policy]

EVERY: dict[str, Maker] = {
    "FCFS": lambda _: FCFS(),
    "SJF": lambda _: SJF(),
    "SRTF": lambda _: SRTF(),
    "RR": lambda knobs: RR(knobs.quantum, enqueue=knobs.enqueue),
    "HRRN": lambda _: HRRN(),
    "LRTF": lambda knobs: LRTF(knobs.quantum),
    "PRIORITY": lambda knobs: PRIORITY(knobs.numbers or tuple(range(1, knobs.jobs + 1))),
    "FEEDBACK": lambda knobs: FEEDBACK(knobs.quantum),
    "MLFQ": lambda knobs: MLFQ(quantum=knobs.quantum),
    "LOTTERY": lambda knobs: LOTTERY(knobs.tickets, knobs.quantum, seed=knobs.seed),
    "STRIDE": lambda knobs: STRIDE(knobs.tickets, knobs.quantum),
    "CFS": lambda knobs: CFS(weights=knobs.numbers or None),
    "EEVDF": lambda knobs: EEVDF(weights=knobs.numbers or None, slice=knobs.quantum),
}
"""All policies that are known by name."""

NUMBERED = {"PRIORITY", "LOTTERY", "STRIDE", "CFS", "EEVDF"}
"""Those that take the numbers: as priorities (small is high), tickets or weights."""

SLICED = {"RR", "LRTF", "FEEDBACK", "MLFQ", "LOTTERY", "STRIDE", "EEVDF"}
"""Those that take the quantum."""

AS_NAMED = {"FCFS": FCFS(), "SJF": SJF(), "SRTF": SRTF(), "HRRN": HRRN()}


@dataclass(frozen=True)
class Offer:
    """What can be ticked: ``makers`` by name, the names ``chosen`` at first, and the ``quantum`` of
    the first ``RR`` among those given."""

    makers: Mapping[str, Maker]
    chosen: tuple[str, ...]
    quantum: Time | None = None


def read_policies(policies: Any, more: Any = ()) -> Offer:
    """The four of ``NAMES``, the ``policies`` (ticked at first) and ``more`` ("all": every one).

    Each is a name, the function of that name, or a ``Policy``. Raises ``PolicyError`` for another.
    """
    makers: dict[str, Maker] = {name: EVERY[name] for name in NAMES}
    chosen: dict[str, None] = {}
    quanta: list[Time] = []
    for policy in _listed(policies):
        chosen[_add(policy, makers, quanta)] = None
    for policy in EVERY if isinstance(more, str) and more == "all" else _listed(more):
        _add(policy, makers, quanta)
    return Offer(makers, tuple(chosen), quanta[0] if quanta else None)


def _listed(policies: Any) -> list[Any]:
    one = isinstance(policies, str | Policy) or not isinstance(policies, Iterable)
    return [policies] if one else list(policies)


def _add(policy: Any, makers: dict[str, Maker], quanta: list[Time]) -> str:
    """Put a policy among the ``makers``; returns the name under which it is there."""
    if isinstance(policy, Policy):
        name = _plain_name(policy, quanta)
        if name is None:
            name, twin = policy.label, 1
            while name in makers:
                twin += 1
                name = f"{policy.label} ({twin})"
            makers[name] = lambda _: policy
        return name
    name = policy if isinstance(policy, str) else getattr(policy, "__name__", "")
    if name not in EVERY:
        raise PolicyError(
            f"The explorer cannot offer the policy {policy!r}: it has {', '.join(EVERY)}; name "
            "some of these, or give what a policy's function returns, such as OWN(choose)."
        )
    makers.setdefault(name, EVERY[name])
    return name


def _plain_name(policy: Policy, quanta: list[Time]) -> str | None:
    """The name of a policy that the explorer would make itself, from its controls."""
    if policy.quantum is not None and policy == RR(policy.quantum):
        if not quanta:
            quanta.append(policy.quantum)
        return "RR" if policy.quantum == quanta[0] else None
    return next((name for name, plain in AS_NAMED.items() if policy == plain), None)


def numbers_text(numbers: Any) -> str:
    """The numbers of the jobs as they stand in their box; raises ``PolicyError`` for no list."""
    if isinstance(numbers, str):
        return numbers
    if isinstance(numbers, Sequence):
        return ", ".join(show(n) if isinstance(n, int) else str(n) for n in numbers)
    raise PolicyError(
        f"The numbers are {numbers!r}: one number a job is needed, in list order; write for "
        "example 3, 1, 2."
    )


def read_numbers(text: str) -> tuple[Time, ...]:
    """The numbers in a text, apart by commas, semicolons or spaces."""
    parts = re.split(r"[\s,;，、；]+", text.strip())
    return tuple(exact(part, "One of the numbers", PolicyError) for part in parts if part)
