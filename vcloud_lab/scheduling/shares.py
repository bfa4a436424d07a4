"""Shares by tickets: lottery scheduling, and stride scheduling, its sure counterpart.

Sources: Waldspurger & Weihl, "Lottery Scheduling: Flexible Proportional-Share Resource
Management", OSDI 1994; Waldspurger & Weihl, "Stride Scheduling: Deterministic Proportional-Share
Resource Management", MIT/LCS/TM-528, 1995; Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*,
chapter "Scheduling: Proportional Share" and its homework ``lottery.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from math import lcm
from random import Random
from typing import NamedTuple

from vcloud_lab.errors import PolicyError, WorkloadError
from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policy import Numbers, Policy, above_zero, choose
from vcloud_lab.scheduling.virtual import LeastFirst
from vcloud_lab.scheduling.weights import tickets_told
from vcloud_lab.scheduling.workload import Workload

__all__ = ["LOTTERY", "STRIDE", "OstepLottery", "ostep_lottery"]

MOST_TICKETS = 2**32
"""The most tickets of a lottery with a seed: a draw has 53 bits, so that no ticket is favoured by
more than one part in two million."""


def LOTTERY(
    tickets: Numbers,
    quantum: Time | float | str = 1,
    *,
    seed: int | None = None,
    draws: Sequence[int] | None = None,
) -> Policy:
    """Lottery scheduling: at each choice a ticket is drawn, and its owner runs for a ``quantum``.

    ``tickets`` has a whole number above 0 for each job, by name or in list order. The tickets of
    the ready jobs are numbered from 0 in list order, and a draw (a whole number from 0 up) wins
    for the ticket that remains when it is divided by their number. The draws come from a ``seed``,
    or are given as ``draws``; each choice takes one, also where only one job is ready. A job that
    ends or waits before its quantum is over frees the CPU at once, and gets no compensation
    tickets for it.

    Raises ``PolicyError`` for tickets that are not whole and above 0, a quantum that is not above
    0, draws that are not whole numbers from 0 up, unless there is either a seed or draws, and in
    ``simulate`` where the draws run out or, with a seed, there are more than 2**32 tickets.
    """
    told = tickets_told(tickets, "LOTTERY({'P1': 75, 'P2': 25}, seed=1)")
    length = above_zero(quantum, "The quantum of LOTTERY", "quantum=1")
    if (seed is None) == (draws is None):
        raise PolicyError(
            f"LOTTERY was given {'neither a seed nor' if seed is None else 'both a seed and'} "
            "draws: one of them decides who wins; write seed=1, or draws=[7, 2, 5]."
        )
    given = None if draws is None else _read_draws(draws)
    start = None if seed is None else _whole(seed, "The seed of LOTTERY")
    return Policy(
        "LOTTERY",
        None,
        None,
        "wins the draw",
        discipline=partial(_Lottery, seed=start, draws=given),
        preemptive=True,
        quantum=length,
        numbers=told,
        remarks=("with given draws" if start is None else f"seed={start}",),
    )


class _Lottery(Discipline):
    """Keeps the draws; ``task.number`` is the number of tickets."""

    def __init__(
        self,
        workload: Workload,
        policy: Policy,
        tasks: Sequence[Task],
        *,
        seed: int | None,
        draws: tuple[int, ...] | None,
    ) -> None:
        super().__init__(workload, policy, tasks)
        self._quantum = policy.quantum_in(workload)
        self._draws = iter(draws) if draws is not None else _drawn(seed or 0)
        self._count = len(draws or ())
        self._last: tuple[int, int, int, Task | None] = (0, 1, 0, None)
        total = sum(task.number for task in tasks)
        if draws is None and total > MOST_TICKETS:
            raise PolicyError(
                f"The jobs have {total} tickets: with a seed at most 2**32 can be drawn from "
                "fairly; give each job fewer, in the same proportion."
            )

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        draw = next(self._draws, None)
        if draw is None:
            raise PolicyError(
                f"LOTTERY was given {self._count} draws and needs one more at time "
                f"{self.time(now)}: each choice takes one, also where one job is ready; give more "
                "draws, or a seed."
            )
        total = sum(int(task.number) for task in ready)
        ticket, first = draw % total, 0
        for task in sorted(ready, key=lambda one: one.position):
            if ticket < first + task.number:
                break
            first += int(task.number)
        self._last = (draw, total, first, task)
        return task

    def slice(self, task: Task, now: int) -> int:
        return self._quantum

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        draw, total, first, winner = self._last
        if winner is not task:  # an idle CPU took it from another's queue
            return f"{self.name(task)} is taken without a draw."
        drawn = f"Draw {draw}" + (f", which is {draw % total}" if draw >= total else "")
        comma = "," if draw >= total else ""
        last = first + int(task.number) - 1
        owned = f"tickets {first} to {last}" if last > first else f"ticket {first}"
        return f"{drawn} of {total} tickets{comma} falls on {self.name(task)} ({owned})."


def STRIDE(tickets: Numbers, quantum: Time | float | str = 1, *, start: str = "stride") -> Policy:
    """Stride scheduling: the ready job of the least *pass* runs for a ``quantum``.

    A job's stride is inversely proportional to its ``tickets`` (a whole number above 0 for each
    job, by name or in list order): the least common multiple of all tickets over its own. A
    quantum of CPU time moves its pass on by one stride, part of a quantum by that part, exactly.
    Ties go by arrival, then list order. Between two jobs that are always ready, neither is ever a
    whole quantum off its due share of the time that both got together.

    The *global pass* moves on by the least common multiple over the tickets of all active jobs
    with each quantum that anybody runs. A newcomer starts one ``start="stride"`` after it, as in
    the paper, or at it with "global" (all jobs of a common start at pass 0, as in OSTEP). A job
    that waits for a device keeps its distance to the global pass until it is back. On several CPUs
    the global pass moves when running jobs are charged: at arrivals and at the end of a stint.

    Raises ``PolicyError`` for tickets that are not whole and above 0, a quantum that is not above
    0, or another start.
    """
    told = tickets_told(tickets, "STRIDE({'P1': 75, 'P2': 25})")
    length = above_zero(quantum, "The quantum of STRIDE", "quantum=1")
    choose("start", start, "stride", "global")
    return Policy(
        "STRIDE",
        None,
        None,
        "has the smallest pass",
        discipline=partial(_Stride, late=start == "stride"),
        preemptive=True,
        quantum=length,
        timed=False,
        numbers=told,
        remarks=() if start == "stride" else (f"start={start}",),
    )


class _Stride(LeastFirst):
    """``task.value`` is the pass; of a job that waits, its distance to the global pass."""

    def __init__(
        self, workload: Workload, policy: Policy, tasks: Sequence[Task], *, late: bool
    ) -> None:
        super().__init__(workload, policy, tasks)
        self._late = late
        self._unit = lcm(*(int(task.number) for task in tasks))
        self._pass = Fraction(0)
        self._tickets = 0

    def joins(self, task: Task, *, woke: bool) -> None:
        ahead: Time = self._unit // int(task.number) if self._late else 0
        task.value = self._pass + (task.value if woke else ahead)
        self._tickets += int(task.number)

    def charge(self, task: Task, ticks: int) -> None:
        quanta = Fraction(ticks, self.quantum)
        task.value += quanta * self._unit / task.number
        self._pass += quanta * self._unit / self._tickets

    def leaves(self, task: Task) -> None:
        task.value -= self._pass
        self._tickets -= int(task.number)

    def shown(self, task: Task) -> str:
        return show(task.value)


class OstepLottery(NamedTuple):
    """A problem of OSTEP's ``lottery.py``: the jobs, their tickets, and draws enough for all."""

    workload: Workload
    tickets: dict[str, int]
    draws: tuple[int, ...]


def ostep_lottery(
    seed: int,
    jobs: int | Sequence[tuple[int, int]] = 3,
    maxlen: int = 10,
    maxticket: int = 100,
) -> OstepLottery:
    """The problem that OSTEP's ``lottery.py -s SEED -j JOBS -m MAXLEN -T MAXTICKET`` poses.

    With pairs (length, tickets) for ``jobs`` that of ``-l``. All jobs arrive at 0 and are called
    "0", "1", ... ``LOTTERY(tickets, quantum, draws=draws)`` then makes the choices of the script.
    Its clock also goes on by a whole quantum where a job ends within one; with lengths that are
    multiples of the quantum, all times are the same too.

    Raises ``WorkloadError`` for fewer than 1 job and a ``maxlen`` or ``maxticket`` below 2, for
    which the script would never end, and what ``Workload`` and ``LOTTERY`` raise for the pairs.
    """
    draw = Random(_whole(seed, "The seed", WorkloadError)).random
    if isinstance(jobs, Sequence):
        pairs = [tuple(pair) for pair in jobs]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            raise WorkloadError(
                f"The jobs are {jobs!r}: pairs of a length and tickets are needed; write for "
                "example [(10, 100), (20, 50)]."
            )
    else:
        count, longest, most = (
            _whole(value, what, WorkloadError, least)
            for value, what, least in (
                (jobs, "The number of jobs", 1),
                (maxlen, "The bound on lengths", 2),
                (maxticket, "The bound on tickets", 2),
            )
        )
        pairs = [(_positive(draw, longest), _positive(draw, most)) for _ in range(count)]
    names = [str(number) for number in range(len(pairs))]
    workload = Workload(
        [(name, 0, length) for name, (length, _) in zip(names, pairs, strict=True)],
        title=f"OSTEP lottery seed={seed}",
    )
    tickets = dict(zip(names, (tickets for _, tickets in pairs), strict=True))
    total = sum(length for length, _ in pairs)
    return OstepLottery(workload, tickets, tuple(int(draw() * 1000001) for _ in range(total)))


def _positive(draw: Callable[[], float], bound: int) -> int:
    """The first of the draws below ``bound`` that is not 0."""
    while True:
        if number := int(bound * draw()):
            return number


def _drawn(seed: int) -> Iterator[int]:
    """Draws without end: all 53 bits of each random number, so that nothing is rounded."""
    draw = Random(seed).random
    while True:
        yield int(draw() * 2**53)


def _read_draws(draws: object) -> tuple[int, ...]:
    if not isinstance(draws, Sequence) or isinstance(draws, str):
        raise PolicyError(
            f"The draws are {draws!r}: a list of whole numbers is needed; try [7, 2]."
        )
    return tuple(_whole(draw, "A draw of LOTTERY", least=0) for draw in draws)


def _whole(
    value: object, what: str, error: type[Exception] = PolicyError, least: int | None = None
) -> int:
    number = exact(value, what, error)
    if number.denominator != 1 or (least is not None and number < least):
        rule = "whole" if least is None else f"whole and at least {least}"
        raise error(f"{what} is {value}: it must be {rule}; change it.")
    return int(number)
