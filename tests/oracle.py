"""A slow, obvious scheduler that looks at every tick, to judge the fast one by.

It knows whole ticks and list positions only, and shares no code with the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

Job = tuple[int, int]  # arrival, burst


@dataclass(frozen=True)
class Rules:
    """A policy with its conventions."""

    policy: str
    quantum: int = 0
    ties: str = "arrival"
    on_tie: str = "keep"
    enqueue: str = "arrival-first"
    cost: int = 0
    charge: str = "between"


@dataclass
class Dispatch:
    """The CPU given to `job`; `ready` are the others who wait, the next one first."""

    job: int
    decided: int
    start: int
    end: int
    ready: list[tuple[int, int]]  # job, remaining


@dataclass
class Result:
    """Everything that can be seen of a run."""

    dispatches: list[Dispatch] = field(default_factory=list)
    completion: dict[int, int] = field(default_factory=dict)
    busy: list[int | None] = field(default_factory=list)  # who runs in tick t; None: nobody
    switching: list[bool] = field(default_factory=list)  # whether tick t goes into a switch
    queues: list[list[tuple[int, int]]] = field(default_factory=list)  # who waits from t on

    @property
    def slices(self) -> list[tuple[int, int, int]]:
        """Job, start and end of every dispatch that came to run."""
        return [(d.job, d.start, d.end) for d in self.dispatches if d.end > d.start]

    @property
    def first(self) -> dict[int, int]:
        """When each job ran for the first time."""
        found: dict[int, int] = {}
        for job, start, _ in self.slices:
            found.setdefault(job, start)
        return found

    @property
    def context_switches(self) -> int:
        order = [d.job for d in self.dispatches]
        return sum(a != b for a, b in pairwise(order))

    @property
    def overheads(self) -> list[tuple[int, int]]:
        """One interval for every dispatch that cost time."""
        return [(d.decided, d.start) for d in self.dispatches if d.start > d.decided]

    @property
    def idle_gaps(self) -> list[tuple[int, int]]:
        gaps: list[tuple[int, int]] = []
        for t, (job, switch) in enumerate(zip(self.busy, self.switching, strict=True)):
            if job is None and not switch:
                if gaps and gaps[-1][1] == t:
                    gaps[-1] = (gaps[-1][0], t + 1)
                else:
                    gaps.append((t, t + 1))
        return gaps

    def moments(self, jobs: list[Job]) -> list[tuple[int, str, int | None]]:
        """Time, kind and job of everything that the scheduler sees, in time order."""
        at = {d.decided: d.job for d in self.dispatches}
        arrivals = {arrival for arrival, _ in jobs}
        gaps = {start for start, _ in self.idle_gaps}
        seen: list[tuple[int, str, int | None]] = []
        holder: int | None = None
        for t in range(len(self.busy)):
            if t in at:
                holder = at[t]
                seen.append((t, "dispatch", holder))
            elif t in arrivals:
                seen.append((t, "keep", holder))
            elif t in gaps:
                seen.append((t, "idle", None))
        return [*seen, (len(self.busy), "end", None)]


def run(jobs: list[Job], rules: Rules) -> Result:
    """Simulate one CPU tick by tick."""
    result = Result()
    left = [burst for _, burst in jobs]
    waiting: list[int] = []  # in the order in which they joined
    newcomers: list[int] = []  # arrived since the last decision
    running: int | None = None  # has the CPU, or is being switched to
    last: int | None = None
    used = 0
    t = 0

    def key(i: int) -> tuple[int, ...]:
        size = left[i] if rules.policy == "SRTF" else jobs[i][1]
        return (size, i) if rules.ties == "list" else (size, jobs[i][0], i)

    def in_order() -> list[int]:
        return sorted(waiting, key=key) if rules.policy in ("SJF", "SRTF") else list(waiting)

    def give(i: int) -> None:
        nonlocal running, last, used
        waiting.remove(i)
        newcomers.clear()
        due = rules.charge == "dispatch" or (last is not None and last != i)
        ready = [(other, left[other]) for other in in_order()]
        result.dispatches.append(Dispatch(i, t, t + rules.cost * due, -1, ready))
        running, last, used = i, i, 0

    while len(result.completion) < len(jobs):
        expired: int | None = None
        on_cpu = running is not None and result.dispatches[-1].start <= t
        if on_cpu and running is not None:
            if left[running] == 0:
                result.completion[running] = t
                result.dispatches[-1].end = t
                running = None
            elif rules.policy == "RR" and used == rules.quantum:
                result.dispatches[-1].end = t
                expired, running = running, None

        arriving = [i for i, (arrival, _) in enumerate(jobs) if arrival == t]
        newcomers += arriving
        if expired is None:
            waiting += arriving
        elif rules.enqueue == "arrival-first":
            waiting += [*arriving, expired]
        else:
            waiting += [expired, *arriving]

        if rules.policy == "SRTF" and on_cpu and running is not None and newcomers:
            best = min(newcomers, key=key)
            if left[best] < left[running] + (rules.on_tie == "preempt"):
                result.dispatches[-1].end = t
                waiting.append(running)
                give(best)
            newcomers.clear()
        if running is None and waiting:
            give(in_order()[0])

        on_cpu = running is not None and result.dispatches[-1].start <= t
        if len(result.completion) < len(jobs):
            result.busy.append(running if on_cpu else None)
            result.switching.append(running is not None and not on_cpu)
            result.queues.append([(i, left[i]) for i in in_order()])
        if on_cpu and running is not None:
            left[running] -= 1
            used += 1
        t += 1
    return result


def run_rigid(jobs: list[tuple[int, int, int]], policy: str, cpus: int) -> list[tuple[int, int]]:
    """Start and end of rigid jobs (arrival, burst, width); the first in order blocks the rest."""
    spans: dict[int, tuple[int, int]] = {}
    waiting: list[int] = []
    t = 0
    while len(spans) < len(jobs):
        free = cpus - sum(jobs[i][2] for i, (_, end) in spans.items() if end > t)
        waiting += [i for i, (arrival, _, _) in enumerate(jobs) if arrival == t]
        if policy == "SJF":
            waiting.sort(key=lambda i: (jobs[i][1], jobs[i][0], i))
        while waiting and jobs[waiting[0]][2] <= free:
            head = waiting.pop(0)
            free -= jobs[head][2]
            spans[head] = (t, t + jobs[head][1])
        t += 1
    return [spans[i] for i in range(len(jobs))]
