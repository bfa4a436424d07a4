"""A slow, obvious machine of many CPUs that looks at every tick, to judge the fast one by.

It knows whole ticks, list positions and CPU numbers only, and shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

IDLE, SWITCH = -1, -2  # what a CPU does in a tick in which it runs no job


@dataclass(frozen=True)
class Work:
    """A job: the CPU bursts and, between two of them, the length of the I/O."""

    arrival: int
    bursts: tuple[int, ...]
    waits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Box:
    """A policy and a machine, with all conventions."""

    policy: str
    cpus: int = 1
    quantum: int | None = None
    preemptive: bool = False
    numbers: tuple[int, ...] = ()
    ageing: int | None = None
    ties: str = "arrival"
    on_tie: str = "keep"
    enqueue: str = "arrival-first"
    cost: int = 0
    charge: str = "between"
    per_core: bool = False
    steal: bool = True
    migration: int = 0
    affinity: tuple[frozenset[int] | None, ...] = ()


@dataclass
class Stint:
    """A CPU given to a job: chosen at ``decided``, it ran from ``start`` to ``end``.

    ``others`` could have been chosen too; ``lost`` had the CPU until then and is not done.
    """

    job: int
    cpu: int
    decided: int
    start: int
    others: tuple[int, ...]
    lost: int | None
    end: int = -1


@dataclass
class Run:
    """Everything that can be seen of a run."""

    stints: list[Stint] = field(default_factory=list)
    grid: list[list[int]] = field(default_factory=list)  # per tick, per CPU: a job, IDLE, SWITCH
    ready: list[list[int]] = field(default_factory=list)  # who waits for a CPU in each tick
    completion: dict[int, int] = field(default_factory=dict)
    asleep: list[tuple[int, int, int]] = field(default_factory=list)  # job, from, to

    @property
    def first(self) -> dict[int, int]:
        """The first tick in which each job ran."""
        found: dict[int, int] = {}
        for tick, row in enumerate(self.grid):
            for job in row:
                if job >= 0:
                    found.setdefault(job, tick)
        return found

    @property
    def context_switches(self) -> int:
        """How often a CPU went to another job than the one before on it."""
        cpus = {stint.cpu for stint in self.stints}
        orders = [[stint.job for stint in self.stints if stint.cpu == cpu] for cpu in cpus]
        return sum(a != b for order in orders for a, b in pairwise(order))

    @property
    def migrations(self) -> int:
        """How often a job went to another CPU than the one before."""
        jobs = {stint.job for stint in self.stints}
        orders = [[stint.cpu for stint in self.stints if stint.job == job] for job in jobs]
        return sum(a != b for order in orders for a, b in pairwise(order))

    @property
    def idle_gaps(self) -> list[tuple[int, int]]:
        """The stretches in which all CPUs were idle."""
        gaps: list[tuple[int, int]] = []
        for tick, row in enumerate(self.grid):
            if all(job == IDLE for job in row):
                if gaps and gaps[-1][1] == tick:
                    gaps[-1] = (gaps[-1][0], tick + 1)
                else:
                    gaps.append((tick, tick + 1))
        return gaps


def run(jobs: list[Work], box: Box) -> Run:
    """Simulate the machine tick by tick."""
    return _Clock(jobs, box).run()


class _Clock:
    def __init__(self, jobs: list[Work], box: Box) -> None:
        self.jobs, self.box, self.seen, self.now = jobs, box, Run(), 0
        self.phase = [0] * len(jobs)
        self.left = [job.bursts[0] for job in jobs]
        self.came = [job.arrival for job in jobs]  # when the present burst became ready
        self.core: list[int | None] = [None] * len(jobs)  # where it ran last
        self.lines: list[list[int]] = [[] for _ in range(box.cpus if box.per_core else 1)]
        self.held: list[Stint | None] = [None] * box.cpus
        self.last: list[int | None] = [None] * box.cpus
        self.expired: list[Stint] = []
        self.lost: list[int | None] = []
        self.sleepers: list[tuple[int, int]] = []  # wakes at, job; in order of issue

    def run(self) -> Run:
        while len(self.seen.completion) < len(self.jobs):
            self.end_stints()
            if self.box.enqueue == "preempted-first":
                self.queue_expired()
            newcomers = self.newcomers()
            self.queue_expired()
            self.fill()
            for job in newcomers:
                self.push_out(job, newcomers)
            self.fill()
            if len(self.seen.completion) < len(self.jobs):
                self.tick()
            self.now += 1
        return self.seen

    # What the policy says

    def rank(self, job: int) -> Fraction:
        """The least is the best."""
        number, name = (self.box.numbers or (0,) * len(self.jobs))[job], self.box.policy
        waited = self.now - self.came[job]
        burst = self.jobs[job].bursts[self.phase[job]]
        ranks = {
            "FCFS": Fraction(self.came[job]),
            "SJF": Fraction(burst),
            "SRTF": Fraction(self.left[job]),
            "LRTF": Fraction(-self.left[job]),
            "HRRN": -Fraction(waited + burst, burst),
            "PRIORITY": number - Fraction(waited, self.box.ageing or 10**9) * bool(self.box.ageing),
            "RR": Fraction(0),
        }
        return ranks[name]

    def best(self, line: list[int]) -> int:
        if self.box.policy == "RR":
            return line[0]
        came = self.came if self.box.ties == "arrival" else [0] * len(self.jobs)
        return min(line, key=lambda job: (self.rank(job), came[job], job))

    def may_use(self, job: int, cpu: int) -> bool:
        where = self.box.affinity[job] if self.box.affinity else None
        return where is None or cpu in where

    # The steps of one point in time

    def end_stints(self) -> None:
        self.expired, self.lost = [], [None] * self.box.cpus
        for cpu, stint in enumerate(self.held):
            if stint is None or stint.start > self.now:
                continue
            job, over = stint.job, False
            if self.left[job] == 0:
                over = True
                if self.phase[job] == len(self.jobs[job].waits):
                    self.seen.completion[job] = self.now
                else:
                    wakes = self.now + self.jobs[job].waits[self.phase[job]]
                    self.seen.asleep.append((job, self.now, wakes))
                    self.sleepers.append((wakes, job))
                    self.phase[job] += 1
                    self.left[job] = self.jobs[job].bursts[self.phase[job]]
            elif self.box.quantum is not None and self.now - stint.start == self.box.quantum:
                over = True
                self.expired.append(stint)
                self.lost[cpu] = job
            if over:
                stint.end, self.held[cpu] = self.now, None

    def line_of(self, cpu: int) -> list[int]:
        return self.lines[cpu if self.box.per_core else 0]

    def queue_expired(self) -> None:
        for stint in self.expired:
            self.line_of(stint.cpu).append(stint.job)
        self.expired = []

    def newcomers(self) -> list[int]:
        """Those who come now, who join; and those who came during a switch that ends now."""
        order = sorted(range(len(self.jobs)), key=lambda job: (self.jobs[job].arrival, job))
        came = [job for job in order if self.jobs[job].arrival == self.now]
        came += [job for wakes, job in self.sleepers if wakes == self.now]
        self.sleepers = [one for one in self.sleepers if one[0] > self.now]
        for job in came:
            self.came[job] = self.now
            self.lines[self.home(job)].append(job)
        for stint in self.held:
            if stint is not None and stint.decided < stint.start == self.now:
                waiting = [job for line in self.lines for job in line]
                late = [job for job in waiting if stint.decided < self.came[job] < self.now]
                came += sorted(late, key=self.arrivals_order)
        return came

    def arrivals_order(self, job: int) -> tuple[int, ...]:
        """Who came first; in one tick new jobs come before those whose I/O is over."""
        if self.phase[job] == 0:
            return (self.came[job], 0, job)
        issued = [one for one, _, wakes in self.seen.asleep if wakes == self.came[job]]
        return (self.came[job], 1, issued.index(job))

    def home(self, job: int) -> int:
        """The line in which a newcomer waits."""
        if not self.box.per_core:
            return 0
        back = self.core[job]
        if back is not None:
            return back
        owners = [stint.cpu for stint in (*self.held, *self.expired) if stint is not None]
        cores = [cpu for cpu in range(self.box.cpus) if self.may_use(job, cpu)]
        return min(cores, key=lambda cpu: len(self.lines[cpu]) + owners.count(cpu))

    def fill(self) -> None:
        """Each idle CPU takes from its own line; then those still idle steal."""
        for cpu in range(self.box.cpus):
            line = [job for job in self.line_of(cpu) if self.may_use(job, cpu)]
            if self.held[cpu] is None and line:
                self.give(cpu, self.best(line), line)
        for cpu in range(self.box.cpus):
            if self.held[cpu] is not None or not (self.box.per_core and self.box.steal):
                continue
            for line in sorted(self.lines, key=lambda line: -len(line)):
                mine = [job for job in line if self.may_use(job, cpu)]
                if mine:
                    self.give(cpu, mine[-1], mine)
                    break

    def push_out(self, job: int, newcomers: Iterable[int]) -> None:
        """A newcomer takes a CPU, and again another where a better one got the CPU instead."""
        if not self.box.preemptive:
            return
        while any(job in line for line in self.lines):
            victims = [stint for stint in self.held if stint and self.can_push(job, stint)]
            if not victims:
                return
            worst = max(victims, key=lambda stint: (self.rank(stint.job), -stint.cpu))
            worst.end, self.held[worst.cpu] = self.now, None
            line = self.line_of(worst.cpu)
            there = [one for one in line if self.may_use(one, worst.cpu)]
            if self.box.on_tie == "preempt":
                there = [one for one in there if one in newcomers]
            line.insert(0, worst.job)
            self.lost[worst.cpu] = worst.job
            everybody = [one for one in line if self.may_use(one, worst.cpu)]
            self.give(worst.cpu, self.best(there), everybody)

    def can_push(self, job: int, stint: Stint) -> bool:
        if stint.start > self.now or self.came[job] <= stint.decided:
            return False
        if job not in self.line_of(stint.cpu) or not self.may_use(job, stint.cpu):
            return False
        new, old = self.rank(job), self.rank(stint.job)
        return new < old or (new == old and self.box.on_tie == "preempt")

    def give(self, cpu: int, job: int, pool: list[int]) -> None:
        next(line for line in self.lines if job in line).remove(job)
        cost = 0
        if self.box.charge == "dispatch" or self.last[cpu] not in (None, job):
            cost += self.box.cost
        if self.core[job] not in (None, cpu):
            cost += self.box.migration
        others = tuple(sorted({*pool} - {job}))
        stint = Stint(job, cpu, self.now, self.now + cost, others, self.lost[cpu])
        self.held[cpu], self.last[cpu], self.core[job] = stint, job, cpu
        self.seen.stints.append(stint)

    def tick(self) -> None:
        row = []
        for stint in self.held:
            if stint is None:
                row.append(IDLE)
            elif stint.start > self.now:
                row.append(SWITCH)
            else:
                row.append(stint.job)
                self.left[stint.job] -= 1
        self.seen.grid.append(row)
        self.seen.ready.append([job for line in self.lines for job in line])
