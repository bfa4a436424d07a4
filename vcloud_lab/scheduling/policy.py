"""What a policy is: a little data, and the checks that all policies share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact, show, ticks_of
from vcloud_lab.scheduling.selection import Candidate
from vcloud_lab.scheduling.trace import Switch, Trace
from vcloud_lab.scheduling.workload import Workload

if TYPE_CHECKING:
    from vcloud_lab.scheduling.discipline import Discipline, Task

__all__ = ["Numbers", "Policy", "above_zero", "choose", "numbers_told"]

Numbers: TypeAlias = Mapping[str, Time | float | str] | Sequence[Time | float | str]
"""One number a job: by name, or in list order."""

MOST_TURNS = 20_000_000
"""The most round-robin turns that are listed one by one: a few seconds and 500 MB."""

MOST_LOOKS = 200_000
"""The same for a policy that looks at every ready job at each turn."""


@dataclass(frozen=True)
class Policy:
    """Who runs next. Make one with a function of this module, such as ``SJF()`` or ``RR(4)``.

    ``key`` gives the number of a ``Candidate`` by which the policy chooses, None where the queue's
    order decides; the least number wins, or the ``most``. ``virtue`` names that number in words,
    and ``timed`` tells that it is a time in ticks. ``ties`` says who wins among equals: who came
    first ("arrival", then list order) or who stands first in the list ("list"). ``numbers`` holds
    what the policy was told of each job, in list order or by name.

    ``loop`` is the fast way for one CPU and jobs without I/O, None where there is none.
    ``discipline`` says how the general machine treats the ready jobs, None for always the first in
    ``order``. ``times`` are further times (the workload's unit) that the policy was given.
    ``usual_enqueue`` is the policy's default for ``enqueue``, which its label does not mention.
    """

    name: str
    loop: Callable[[Workload, Policy, Switch], Trace] | None
    key: Callable[[Candidate], Time] | None
    virtue: str
    discipline: Callable[[Workload, Policy, Sequence[Task]], Discipline] | None = None
    preemptive: bool = False
    quantum: Time | None = None
    most: bool = False
    timed: bool = True
    numbers: Mapping[str, Time] | tuple[Time, ...] | None = None
    ties: str = "arrival"
    on_tie: str = "keep"
    enqueue: str = "arrival-first"
    usual_enqueue: str = "arrival-first"
    remarks: tuple[str, ...] = ()
    times: tuple[Time, ...] = ()

    @property
    def label(self) -> str:
        """The name with everything that is not the default: "RR q=4", "SJF ties=list"."""
        quantum = [] if self.quantum is None else [f"q={show(self.quantum)}"]
        quantum += self.remarks
        defaults = {"ties": "arrival", "on_tie": "keep", "enqueue": self.usual_enqueue}
        options = [f"{k}={v}" for k in defaults if (v := getattr(self, k)) != defaults[k]]
        return " ".join([self.name, *quantum, *options])

    def rank(self, candidate: Candidate) -> Time:
        """The number by which the policy chooses, turned round where the most wins."""
        value = self.key(candidate) if self.key else 0
        return -value if self.most else value

    def order(self, candidate: Candidate) -> tuple[Time, ...]:
        """A key that sorts ready jobs, best first, without ties."""
        arrival = candidate.arrival if self.ties == "arrival" else 0
        return (self.rank(candidate), arrival, candidate.position)

    def numbers_of(self, workload: Workload) -> list[Time]:
        """What the policy was told of each job, in list order.

        Raises ``PolicyError`` where a job is missing or is not one of the workload.
        """
        told = self.numbers
        if told is None:
            return [0] * len(workload)
        names = workload.names
        if isinstance(told, Mapping):
            known = set(names)
            odd = [*(n for n in names if n not in told), *(n for n in told if n not in known)]
            if odd:
                what = "no number for job" if odd[0] in names else "a number for an unknown job"
                raise PolicyError(
                    f"{self.name} was given {what} {odd[0]!r}: each job of the workload needs one; "
                    f"name exactly {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}."
                )
            return [told[name] for name in names]
        if len(told) != len(names):
            raise PolicyError(
                f"{self.name} was given {len(told)} numbers for {len(names)} jobs: each job needs "
                "one; give them in list order, or by name."
            )
        return list(told)

    def most_dispatches(self, workload: Workload) -> int:
        """An upper bound on the dispatches of a run.

        Raises ``PolicyError`` where a policy with a key and a quantum would look too often.
        """
        if self.quantum is None:
            return 2 * len(workload)
        turns = int((-(-workload.burst // self.quantum_in(workload))).sum())
        if self.key is None:
            return turns
        self.limit_turns(turns, MOST_LOOKS, "simulated; use a longer quantum or fewer jobs")
        return turns + len(workload)  # an arrival may end a turn early

    def limit_turns(self, turns: int, most: int, fix: str) -> None:
        """Refuse more than ``most`` turns: ``PolicyError`` with what is done with so many, and the
        fix."""
        if turns > most:
            raise PolicyError(
                f"{self.name} with quantum {self.quantum} takes {turns} turns on this workload: at "
                f"most {most} are {fix}."
            )

    def quantum_in(self, workload: Workload) -> int:
        """The quantum in ticks; one that no burst can use up is cut, so that it fits in 64 bits."""
        return min(ticks_of(self.quantum or 0, workload.scale), LARGEST)

    def __repr__(self) -> str:
        return f"<policy {self.label}>"


def choose(option: str, value: str, *allowed: str) -> None:
    """Refuse an option's value that is not one of those allowed."""
    if value not in allowed:
        raise PolicyError(
            f"The option {option} is {value!r}: it must be {' or '.join(map(repr, allowed))}; "
            "choose one of them."
        )


def above_zero(value: Time | float | str, what: str, example: str) -> Time:
    """A length of time above 0, exactly; else ``PolicyError`` with an ``example`` that works."""
    length = exact(value, what, PolicyError)
    if length <= 0:
        raise PolicyError(f"{what} is {value}: it must be above 0; try {example}.")
    return length


def numbers_told(
    numbers: Numbers, one: str, many: str, example: str
) -> Mapping[str, Time] | tuple[Time, ...]:
    """One exact number a job (a "priority", "priorities"); ``PolicyError`` for anything else."""
    if isinstance(numbers, Mapping):
        return {
            name: exact(number, f"A {one} ({name!r})", PolicyError)
            for name, number in numbers.items()
        }
    if isinstance(numbers, Sequence) and not isinstance(numbers, str):
        return tuple(exact(number, f"A {one}", PolicyError) for number in numbers)
    raise PolicyError(
        f"The {many} are {numbers!r}: one number a job is needed; write for example {example}."
    )
