"""Slow, obvious proportional-share schedulers that look at every tick, to judge the fast ones by.

They know whole ticks and list positions only, and share no code with the package. Everything is
charged tick by tick, and virtual time is the paper's integral over time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Load:
    """A job: CPU bursts with a wait for a device between each two of them."""

    arrival: int
    bursts: tuple[int, ...]
    sleeps: tuple[int, ...] = ()


@dataclass
class Run:
    """Who ran in each tick (-1: nobody), and each choice: when, who, the number that decided."""

    ran: list[int] = field(default_factory=list)
    choices: list[tuple[int, int, Any]] = field(default_factory=list)


class Brain:
    """What the policies below have in common; ``active`` are those ready or running."""

    def __init__(self, jobs: list[Load], weights: list[int]) -> None:
        self.jobs, self.weights = jobs, weights
        self.active: list[int] = []
        self.turns = [0] * len(jobs)

    def join(self, i: int, woke: bool) -> None: ...

    def leave(self, i: int) -> None: ...

    def tick(self, i: int) -> None: ...

    def number(self, i: int) -> Any: ...

    def pick(self, there: list[int]) -> int:
        return min(there, key=lambda i: (self.number(i), self.jobs[i].arrival, i))

    def turn(self, i: int) -> int:
        raise NotImplementedError

    def takes(self, new: int, old: int) -> bool:
        return False

    @property
    def total(self) -> int:
        return sum(self.weights[i] for i in self.active)


def play(jobs: list[Load], brain: Brain) -> Run:
    """One CPU, tick by tick."""
    run = Run()
    stage = [0] * len(jobs)
    left = [job.bursts[0] for job in jobs]
    asleep: list[tuple[int, int, int]] = []  # wakes at, order of issue, job
    running, turn, now, done, issued = -1, 0, 0, 0, 0

    def give(there: list[int]) -> tuple[int, int]:
        i = brain.pick(there)
        run.choices.append((now, i, brain.number(i)))
        return i, brain.turn(i)

    while done < len(jobs):
        if running >= 0 and left[running] == 0:
            brain.leave(running)
            brain.active.remove(running)
            job, at = jobs[running], stage[running]
            if at < len(job.sleeps):
                asleep.append((now + job.sleeps[at], issued, running))
                stage[running], left[running] = at + 1, job.bursts[at + 1]
                issued += 1
            else:
                done += 1
            running = -1
        elif running >= 0 and turn == 0:
            running = -1
        came = [(i, False) for i, job in enumerate(jobs) if job.arrival == now]
        came += [(i, True) for at, _, i in sorted(asleep) if at == now]
        asleep = [one for one in asleep if one[0] > now]
        for i, woke in came:
            brain.join(i, woke)
            brain.active.append(i)
        if running >= 0 and any(brain.takes(i, running) for i, _ in came):
            running, turn = give([i for i in brain.active if i != running])
        elif running < 0 and brain.active:
            running, turn = give(brain.active)
        if done < len(jobs):
            run.ran.append(running)
        if running >= 0:
            left[running] -= 1
            turn -= 1
            brain.tick(running)
        now += 1
    return run


class Lottery(Brain):
    """The number is (draw, tickets of all, first ticket of the winner)."""

    def __init__(
        self, jobs: list[Load], tickets: list[int], quantum: int, draws: list[int]
    ) -> None:
        super().__init__(jobs, tickets)
        self.quantum, self.draws = quantum, iter(draws)
        self.last = (0, 0, 0)

    def pick(self, there: list[int]) -> int:
        pot = [i for i in sorted(there) for _ in range(self.weights[i])]
        draw = next(self.draws)
        winner = pot[draw % len(pot)]
        self.last = (draw, len(pot), pot.index(winner))
        return winner

    def number(self, i: int) -> Any:
        return self.last

    def turn(self, i: int) -> int:
        return self.quantum


class Stride(Brain):
    """The number is the pass, in strides of a job of one ticket."""

    def __init__(
        self, jobs: list[Load], tickets: list[int], quantum: int, *, late: bool = True
    ) -> None:
        super().__init__(jobs, tickets)
        self.quantum, self.late = quantum, late
        self.everybody = Fraction(0)
        self.passes = [Fraction(0)] * len(jobs)
        self.remain = [Fraction(late, t) for t in tickets]

    def join(self, i: int, woke: bool) -> None:
        self.passes[i] = self.everybody + self.remain[i]

    def leave(self, i: int) -> None:
        self.remain[i] = self.passes[i] - self.everybody

    def tick(self, i: int) -> None:
        self.passes[i] += Fraction(1, self.weights[i] * self.quantum)
        self.everybody += Fraction(1, self.total * self.quantum)

    def number(self, i: int) -> Fraction:
        return self.passes[i]

    def turn(self, i: int) -> int:
        return self.quantum


class Cfs(Brain):
    """The number is the virtual runtime, CPU time over weight."""

    def __init__(
        self, jobs: list[Load], weights: list[int], latency: int, least: int, wakeup: int
    ) -> None:
        super().__init__(jobs, weights)
        self.latency, self.least, self.wakeup = latency, least, wakeup
        self.runtime = [Fraction(0)] * len(jobs)
        self.minimum = Fraction(0)

    def look(self) -> None:
        for smallest in sorted(self.runtime[i] for i in self.active)[:1]:
            self.minimum = max(self.minimum, smallest)

    def join(self, i: int, woke: bool) -> None:
        self.look()
        start = self.minimum
        if woke:
            start = max(self.runtime[i], start - Fraction(self.latency, 2) / self.weights[i])
        self.runtime[i] = start

    def tick(self, i: int) -> None:
        self.runtime[i] += Fraction(1, self.weights[i])
        self.look()

    def number(self, i: int) -> Fraction:
        return self.runtime[i]

    def turn(self, i: int) -> int:
        whole = self.latency * self.weights[i]
        share = whole // self.total + (whole % self.total > 0)
        return max(self.least, share)

    def takes(self, new: int, old: int) -> bool:
        return (self.runtime[old] - self.runtime[new]) * self.weights[new] > self.wakeup


class Eevdf(Brain):
    """The number is the virtual deadline; with the updates of virtual time of the paper."""

    def __init__(
        self, jobs: list[Load], weights: list[int], requests: list[int], quantum: int = 10**9
    ) -> None:
        super().__init__(jobs, weights)
        self.requests, self.quantum = requests, quantum
        self.time = Fraction(0)
        self.eligible = [Fraction(0)] * len(jobs)
        self.had = [0] * len(jobs)  # of the present request
        self.owed = [Fraction(0)] * len(jobs)
        self.asked: list[tuple[int, Fraction, Fraction]] = []

    def ask(self, i: int, at: Fraction) -> None:
        self.eligible[i], self.had[i] = at, 0
        self.asked.append((i, at, self.number(i)))

    def lag(self, i: int) -> Fraction:
        ideal = (self.time - self.eligible[i]) * self.weights[i]
        return ideal - self.had[i]

    def join(self, i: int, woke: bool) -> None:
        owed = self.owed[i]
        self.ask(i, self.time - owed / self.weights[i])
        self.time -= owed / (self.total + self.weights[i])

    def leave(self, i: int) -> None:
        lag, most = self.lag(i), self.requests[i]
        others = self.total - self.weights[i]
        if others:
            self.time += lag / others
        else:
            assert lag == 0
        self.owed[i] = max(Fraction(-most), min(Fraction(most), lag))

    def tick(self, i: int) -> None:
        self.had[i] += 1
        self.time += Fraction(1, self.total)
        if self.had[i] == self.requests[i]:
            self.ask(i, self.number(i))

    def number(self, i: int) -> Fraction:
        return self.eligible[i] + Fraction(self.requests[i], self.weights[i])

    def pick(self, there: list[int]) -> int:
        free = [i for i in there if self.eligible[i] <= self.time]
        return super().pick(free)

    def turn(self, i: int) -> int:
        return min(self.quantum, self.requests[i] - self.had[i])


def lags(jobs: list[Load], brain: Eevdf) -> Iterator[Fraction]:
    """Every lag at every tick of a run."""
    inner = brain.tick

    seen: list[Fraction] = []

    def tick(i: int) -> None:
        inner(i)
        seen.extend(brain.lag(j) for j in brain.active)

    brain.tick = tick  # type: ignore[method-assign]
    play(jobs, brain)
    yield from seen
