"""The scheduling policies. A policy is a little data: a loop, a key that orders the ready jobs,
and the words that explain a choice.

Sources: Silberschatz, Galvin & Gagne, *Operating System Concepts*, chapter "CPU Scheduling";
Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, chapter "Scheduling: Introduction";
Stallings, *Operating Systems*, chapter "Uniprocessor Scheduling" (HRRN).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.loops import (
    Switch,
    Trace,
    first_come,
    round_robin,
    shortest_first,
    shortest_remaining,
)
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact, show, simplest, ticks_of
from vcloud_lab.scheduling.selection import Candidate, best_first
from vcloud_lab.scheduling.workload import Workload

__all__ = ["FCFS", "HRRN", "LRTF", "PRIORITY", "RR", "SJF", "SRTF", "Policy"]

MOST_TURNS = 20_000_000
"""The most round-robin turns that are simulated one by one: a few seconds and 500 MB."""

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
    """

    name: str
    loop: Callable[[Workload, Policy, Switch], Trace]
    key: Callable[[Candidate], Time] | None
    virtue: str
    preemptive: bool = False
    quantum: Time | None = None
    most: bool = False
    timed: bool = True
    numbers: Mapping[str, Time] | tuple[Time, ...] | None = None
    ties: str = "arrival"
    on_tie: str = "keep"
    enqueue: str = "arrival-first"
    remarks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name with everything that is not the default: "RR q=4", "SJF ties=list"."""
        quantum = [] if self.quantum is None else [f"q={show(self.quantum)}"]
        quantum += self.remarks
        defaults = {"ties": "arrival", "on_tie": "keep", "enqueue": "arrival-first"}
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
        """An upper bound on the dispatches of a run; raises ``PolicyError`` beyond 20 million."""
        if self.quantum is None:
            return 2 * len(workload)
        quantum = _quantum(self, workload)
        turns = int((-(-workload.burst // quantum)).sum())
        most = MOST_LOOKS if self.key else MOST_TURNS
        if turns > most:
            raise PolicyError(
                f"{self.name} with quantum {self.quantum} would take {turns} turns on this "
                f"workload: at most {most} are simulated; use a longer quantum or fewer jobs."
            )
        return turns + len(workload) if self.key else turns  # an arrival may end a turn early

    def __repr__(self) -> str:
        return f"<policy {self.label}>"


def FCFS() -> Policy:
    """First come, first served: in order of arrival (ties: list order), each job to its end."""
    return Policy("FCFS", _run_fcfs, _arrival, "came first")


def SJF(*, ties: str = "arrival") -> Policy:
    """Shortest job first: when the CPU is free, the shortest job that is there, to its end.

    Among equal bursts ``ties`` decides: "arrival" or "list". Raises ``PolicyError`` for another.
    """
    _choose("ties", ties, "arrival", "list")
    return Policy("SJF", _run_sjf, _burst, "has the shortest burst", ties=ties)


def SRTF(*, ties: str = "arrival", on_tie: str = "keep") -> Policy:
    """Shortest remaining time first: an arrival that needs less than what is left preempts.

    With ``on_tie="preempt"`` an arrival that needs just as much preempts too; "keep" leaves the
    CPU where it is. ``ties`` as in ``SJF``. Raises ``PolicyError`` for other options.
    """
    _choose("ties", ties, "arrival", "list")
    _choose("on_tie", on_tie, "keep", "preempt")
    virtue = "has the least time left"
    return Policy("SRTF", _run_srtf, _left, virtue, preemptive=True, ties=ties, on_tie=on_tie)


def RR(quantum: Time | float | str, *, enqueue: str = "arrival-first") -> Policy:
    """Round robin: each job in turn for at most ``quantum`` (in the workload's unit).

    ``enqueue`` says who queues first when a job arrives in the tick in which another's quantum
    expires: the "arrival-first" (the default) or the "preempted-first". Raises ``PolicyError``
    for a quantum that is not above 0 or another order.
    """
    length = exact(quantum, "The quantum of RR", PolicyError)
    if length <= 0:
        raise PolicyError(f"The quantum of RR is {quantum}: it must be above 0; try RR(4).")
    _choose("enqueue", enqueue, "arrival-first", "preempted-first")
    virtue = "is at the head of the queue"
    return Policy("RR", _run_rr, None, virtue, preemptive=True, quantum=length, enqueue=enqueue)


def PRIORITY(
    priorities: Mapping[str, Time | float | str] | Sequence[Time | float | str],
    *,
    preemptive: bool = False,
    high: str = "small",
    ageing: Time | float | str | None = None,
    ties: str = "arrival",
) -> Policy:
    """The ready job of the highest priority; with ``preemptive`` a higher one takes the CPU away.

    ``priorities`` has one number a job, by name or in list order. ``high`` says whether a "small"
    number is a high priority (the default) or a "large" one. With ``ageing``, a job gains one step
    of priority in each such stretch of time since its arrival, a fraction of it pro rata, so that
    nobody starves.

    Raises ``PolicyError`` for what is no number, an ageing that is not above 0, other options, and
    in ``simulate`` where the jobs are not exactly those of the workload.
    """
    _choose("high", high, "small", "large")
    _choose("ties", ties, "arrival", "list")
    if not isinstance(preemptive, bool):
        raise PolicyError(f"The option preemptive is {preemptive!r}: it must be True or False.")
    what = "A priority"
    told: Mapping[str, Time] | tuple[Time, ...]
    if isinstance(priorities, Mapping):
        told = {name: exact(p, f"{what} ({name!r})", PolicyError) for name, p in priorities.items()}
    elif isinstance(priorities, Sequence) and not isinstance(priorities, str):
        told = tuple(exact(p, what, PolicyError) for p in priorities)
    else:
        raise PolicyError(
            f"The priorities are {priorities!r}: one number a job is needed; write for example "
            "PRIORITY({'P1': 2, 'P2': 1})."
        )
    step = None if ageing is None else exact(ageing, "The ageing", PolicyError)
    if step is not None and step <= 0:
        raise PolicyError(
            f"The ageing is {ageing}: it is the time that lifts a job by one step and must be "
            "above 0; try ageing=10."
        )

    def priority(candidate: Candidate) -> Time:
        if step is None:
            return candidate.number
        age = Fraction(candidate.now - candidate.arrival, candidate.scale)
        return simplest(candidate.number + (age if high == "large" else -age) / step)

    return Policy(
        "PRIORITY",
        _run_best,
        priority,
        "has the highest priority",
        preemptive=preemptive,
        most=high == "large",
        timed=False,
        numbers=told,
        ties=ties,
        remarks=(
            *(["preemptive"] if preemptive else []),
            *(["high=large"] if high == "large" else []),
            *([] if step is None else [f"ageing={show(step)}"]),
        ),
    )


def HRRN(*, ties: str = "arrival") -> Policy:
    """Highest response ratio next: when the CPU is free, the job with the largest
    (waited + burst) / burst, to its end.

    Short jobs go first, and long ones gain as they wait, so that nobody starves. Source: Stallings.
    Raises ``PolicyError`` for ``ties`` other than "arrival" and "list".
    """
    _choose("ties", ties, "arrival", "list")
    virtue = "has the highest response ratio"
    return Policy("HRRN", _run_best, _ratio, virtue, most=True, timed=False, ties=ties)


def LRTF(quantum: Time | float | str = 1, *, ties: str = "arrival") -> Policy:
    """Longest remaining time first: at every arrival of a longer job, and at latest every
    ``quantum``, the CPU goes to the job with the most left, so that all of them end late.

    Raises ``PolicyError`` for a quantum that is not above 0 or ``ties`` as in ``SJF``.
    """
    length = exact(quantum, "The quantum of LRTF", PolicyError)
    if length <= 0:
        raise PolicyError(f"The quantum of LRTF is {quantum}: it must be above 0; try LRTF(1).")
    _choose("ties", ties, "arrival", "list")
    return Policy(
        "LRTF",
        _run_best,
        _left,
        "has the most time left",
        preemptive=True,
        quantum=length,
        most=True,
        ties=ties,
    )


def _run_fcfs(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return first_come(workload, switch)


def _run_sjf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_first(workload, switch, ties=policy.ties)


def _run_srtf(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return shortest_remaining(workload, switch, ties=policy.ties, on_tie=policy.on_tie)


def _run_rr(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    quantum = _quantum(policy, workload)
    first = policy.enqueue == "arrival-first"
    return round_robin(workload, switch, quantum=quantum, arrival_first=first)


def _run_best(workload: Workload, policy: Policy, switch: Switch) -> Trace:
    return best_first(
        workload,
        switch,
        order=policy.order,
        rank=policy.rank,
        numbers=policy.numbers_of(workload),
        preemptive=policy.preemptive,
        quantum=None if policy.quantum is None else _quantum(policy, workload),
    )


def _quantum(policy: Policy, workload: Workload) -> int:
    """The quantum in ticks; one that no burst can use up is cut, so that it fits in 64 bits."""
    return min(ticks_of(policy.quantum or 0, workload.scale), LARGEST)


def _arrival(candidate: Candidate) -> int:
    return candidate.arrival


def _burst(candidate: Candidate) -> int:
    return candidate.burst


def _left(candidate: Candidate) -> int:
    return candidate.left


def _ratio(candidate: Candidate) -> Time:
    return 1 + Fraction(candidate.now - candidate.arrival, candidate.burst)


def _choose(option: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise PolicyError(
            f"The option {option} is {value!r}: it must be {' or '.join(map(repr, allowed))}; "
            "choose one of them."
        )
