"""Gangs and spinning threads, tick by tick and without a thought for speed. No package code."""

from __future__ import annotations

from dataclasses import dataclass, field

Job = tuple[int, int, int]  # arrival, burst, width
Tick = dict[int, tuple[int, int]]  # CPU -> job, thread


@dataclass
class Thread:
    """Where a thread is: which stretch between two barriers, and how much of it is done."""

    stretch: int = 0
    done: int = 0
    total: int = 0


@dataclass
class Work:
    """The threads of all jobs, and what their CPU time went into."""

    jobs: list[Job]
    grain: int
    threads: dict[tuple[int, int], Thread] = field(default_factory=dict)
    useful: dict[int, int] = field(default_factory=dict)
    spinning: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for job, (_, _, width) in enumerate(self.jobs):
            self.useful[job] = self.spinning[job] = 0
            for k in range(width):
                self.threads[job, k] = Thread()

    def over(self, job: int, k: int) -> bool:
        return self.threads[job, k].total == self.jobs[job][1]

    def all_over(self, job: int) -> bool:
        return all(self.over(job, k) for k in range(self.jobs[job][2]))

    def tick(self, placed: Tick) -> None:
        """Those at a barrier pass it if all the others have done their stretch by now."""
        for job, (_, _, width) in enumerate(self.jobs):
            gang = [self.threads[job, k] for k in range(width)]
            if all(thread.done == self.grain for thread in gang):
                for thread in gang:
                    thread.stretch, thread.done = thread.stretch + 1, 0
        for job, k in placed.values():
            thread = self.threads[job, k]
            assert not self.over(job, k), "a CPU for a thread that has ended"
            if thread.done == self.grain:
                self.spinning[job] += 1
            else:
                thread.done += 1
                thread.total += 1
                self.useful[job] += 1


def gangs(
    jobs: list[Job], cpus: int, quantum: int, alternative: bool, grain: int
) -> tuple[Work, list[Tick], list[list[int | None] | None]]:
    """What happens in each tick: who is where, and the row whose turn it is."""
    work = Work(jobs, grain)
    rows: list[list[int | None]] = []
    current: list[int | None] | None = None
    used, after = 0, 0  # ticks of this turn; where in the list the next row is
    ticks: list[Tick] = []
    turns: list[list[int | None] | None] = []
    while not all(work.all_over(job) for job in range(len(jobs))):
        now = len(ticks)
        for row in rows:
            for cpu, job in enumerate(row):
                if job is not None and work.all_over(job):
                    row[cpu] = None
        while any(not any(j is not None for j in row) for row in rows):
            at = next(i for i, row in enumerate(rows) if not any(j is not None for j in row))
            if rows[at] is current:
                current = None
                after = at
            elif at < after:
                after -= 1
            del rows[at]
        for job, (arrival, _, width) in enumerate(jobs):
            if arrival == now:
                for row in rows:
                    if row.count(None) >= width:
                        break
                else:
                    row = [None] * cpus
                    rows.append(row)
                for _ in range(width):
                    row[row.index(None)] = job
        if current is not None and used == quantum:
            after = next(i for i, row in enumerate(rows) if row is current) + 1
            current = None
        if current is None and rows:
            if after >= len(rows):
                after = 0
            current, used = rows[after], 0
        line: list[int | None] = [None] * cpus
        if current is not None:
            line = list(current)
            at = next(i for i, row in enumerate(rows) if row is current)
            after = at + 1
            if alternative:
                for row in rows[at + 1 :] + rows[:at]:
                    for job in range(len(jobs)):
                        columns = [cpu for cpu in range(cpus) if row[cpu] == job]
                        if columns and all(line[cpu] is None for cpu in columns):
                            for cpu in columns:
                                line[cpu] = job
        placed: Tick = {}
        for cpu, job in enumerate(line):
            if job is not None:
                placed[cpu] = (job, sum(line[c] == job for c in range(cpu)))
        work.tick(placed)
        ticks.append(placed)
        turns.append(None if current is None else list(current))
        used += 1
    return work, ticks, turns


def singly(jobs: list[Job], cpus: int, quantum: int, grain: int) -> tuple[Work, list[Tick]]:
    """Every thread on its own: round robin in one queue."""
    work = Work(jobs, grain)
    queue: list[tuple[int, int]] = []
    on: list[tuple[int, int] | None] = [None] * cpus
    used = [0] * cpus
    ticks: list[Tick] = []
    while not all(work.all_over(job) for job in range(len(jobs))):
        now = len(ticks)
        for job, (arrival, _, width) in enumerate(jobs):
            if arrival == now:
                queue += [(job, k) for k in range(width)]
        for cpu in range(cpus):
            thread = on[cpu]
            if thread is not None and work.over(*thread):
                on[cpu] = None
            elif thread is not None and used[cpu] == quantum:
                queue.append(thread)
                on[cpu] = None
        for cpu in range(cpus):
            if on[cpu] is None and queue:
                on[cpu], used[cpu] = queue.pop(0), 0
        placed = {cpu: thread for cpu, thread in enumerate(on) if thread is not None}
        work.tick(placed)
        ticks.append(placed)
        for cpu in placed:
            used[cpu] += 1
    return work, ticks
