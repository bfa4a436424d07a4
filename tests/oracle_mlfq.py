"""Schedulers with several queues that look at every tick, to judge the package's by.

Each level is a list of its own, the top first, and whoever runs stays at the head of its list while
it runs. Jobs are (arrival, burst, every): after each `every` ticks of CPU time the job waits for a
device, never where `every` is 0 and never at its end. Nothing is shared with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Job = tuple[int, int, int]
Ticks = list[tuple[int, int] | None]
"""Who runs in each tick and on which level; None where nobody does."""

ENDLESS = 10**9


@dataclass
class _State:
    left: int
    level: int = 0
    of_quantum: int = 0  # ticks left
    of_allotment: int = 0  # quanta left


@dataclass
class Levels:
    """What all of them share: lists by level, arrivals, sleepers."""

    jobs: Sequence[Job]
    count: int
    io: int = 5
    queues: list[list[int]] = field(default_factory=list)
    states: list[_State] = field(default_factory=list)
    sleepers: list[tuple[int, int]] = field(default_factory=list)  # (wakes, job), by issue
    time: int = 0

    def __post_init__(self) -> None:
        self.queues = [[] for _ in range(self.count)]
        self.states = [_State(burst) for _, burst, _ in self.jobs]

    def arriving(self) -> list[int]:
        return [i for i, (arrival, _, _) in enumerate(self.jobs) if arrival == self.time]

    def waking(self) -> list[int]:
        woken = [i for wakes, i in self.sleepers if wakes == self.time]
        self.sleepers = [pair for pair in self.sleepers if pair[0] != self.time]
        return woken

    def first(self) -> int | None:
        """The head of the highest list that is not empty."""
        return next((queue[0] for queue in self.queues if queue), None)

    def wants_io(self, i: int) -> bool:
        _, burst, every = self.jobs[i]
        return every > 0 and self.states[i].left > 0 and (burst - self.states[i].left) % every == 0

    def sleep(self, i: int) -> None:
        self.sleepers.append((self.time + 1 + self.io, i))

    def behind(self, i: int) -> None:
        self.queues[self.states[i].level].append(i)

    @property
    def alive(self) -> bool:
        return any(state.left for state in self.states)


def mlfq(
    jobs: Sequence[Job],
    quanta: Sequence[int | None],
    allotments: Sequence[int],
    *,
    boost: int = 0,
    io: int = 5,
    stay: bool = False,
    iobump: bool = False,
    enqueue: str = "preempted-first",
    preempted: str = "head",
    boost_order: str = "lowest-first",
) -> Ticks:
    """OSTEP's rules: the top level first; an allotment of so many quanta a level; I/O, boost."""
    world = Levels(jobs, len(quanta), io)
    bottom = len(quanta) - 1
    ran: Ticks = []
    held: int | None = None  # ran in the last tick and still has some of its quantum
    expired: int | None = None

    def fill(i: int, level: int) -> None:
        state = world.states[i]
        state.level, state.of_quantum = level, quanta[level] or ENDLESS
        state.of_allotment = allotments[level]

    for i in range(len(jobs)):
        fill(i, 0)
    while world.alive:
        if expired is not None and enqueue == "preempted-first":
            world.behind(expired)
            expired = None
        boosting = boost > 0 and world.time > 0 and world.time % boost == 0
        if boosting:
            lower = list(range(1, len(quanta)))
            for level in reversed(lower) if boost_order == "lowest-first" else lower:
                world.queues[0] += world.queues[level]
                world.queues[level] = []
            for i in range(len(jobs)):
                fill(i, 0)
        for i in world.arriving():
            world.behind(i)
        for i in world.waking():
            if iobump:
                world.queues[world.states[i].level].insert(0, i)
            else:
                world.behind(i)
        if expired is not None:
            world.behind(expired)
            expired = None
        chosen = world.first()
        if held is not None and held != chosen and preempted == "tail" and not boosting:
            world.queues[world.states[held].level].remove(held)
            world.behind(held)
        held = None
        if chosen is None:
            ran.append(None)
            world.time += 1
            continue
        state, level = world.states[chosen], world.states[chosen].level
        ran.append((chosen, level))
        state.left -= 1
        state.of_quantum -= 1
        over, waits = state.of_quantum == 0, world.wants_io(chosen)
        if not state.left or over or waits:
            world.queues[level].remove(chosen)
        else:
            held = chosen
        if waits:
            world.sleep(chosen)
            if stay:
                fill(chosen, level)
        if over and state.left:
            state.of_quantum = quanta[level] or ENDLESS
            state.of_allotment -= 1
            if state.of_allotment == 0:
                fill(chosen, min(level + 1, bottom))
            if not waits:
                expired = chosen
        world.time += 1
    return ran


def feedback(
    jobs: Sequence[Job],
    quantum_of: Callable[[int], int],
    levels: int,
    *,
    io: int = 5,
    demote: str = "contended",
    preemptive: bool = False,
    preempted: str = "head",
    enqueue: str = "arrival-first",
) -> Ticks:
    """Stallings' feedback: after each quantum a level down, if anybody else is there or "always".

    A quantum that was interrupted goes on later; a wait for a device gives a new one.
    """
    world = Levels(jobs, levels, io)
    ran: Ticks = []
    held: int | None = None
    expired: int | None = None
    for state in world.states:
        state.of_quantum = quantum_of(0)
    while world.alive:
        joining = [*world.arriving(), *world.waking()]
        if expired is not None:
            state = world.states[expired]
            if demote == "always" or joining or any(world.queues):
                state.level = min(state.level + 1, levels - 1)
            state.of_quantum = quantum_of(state.level)
            joining.insert(0 if enqueue == "preempted-first" else len(joining), expired)
        for i in joining:
            world.behind(i)
        chosen = world.first() if held is None or preemptive else held
        if held is not None and held != chosen and preempted == "tail":
            world.queues[world.states[held].level].remove(held)
            world.behind(held)
        held = expired = None
        if chosen is None:
            ran.append(None)
            world.time += 1
            continue
        state = world.states[chosen]
        ran.append((chosen, state.level))
        state.left -= 1
        state.of_quantum -= 1
        if not state.left:
            world.queues[state.level].remove(chosen)
        elif world.wants_io(chosen):
            world.queues[state.level].remove(chosen)
            world.sleep(chosen)
            state.of_quantum = quantum_of(state.level)
        elif state.of_quantum == 0:
            world.queues[state.level].remove(chosen)
            expired = chosen
        else:
            held = chosen
        world.time += 1
    return ran


def multilevel(
    jobs: Sequence[Job],
    levels: Sequence[int],
    quanta: Sequence[int | None],
    *,
    io: int = 5,
    preemptive: bool = True,
    preempted: str = "head",
    enqueue: str = "arrival-first",
) -> Ticks:
    """Fixed queues: round robin, or first come first served where the quantum is None."""
    world = Levels(jobs, len(quanta), io)
    ran: Ticks = []
    held: int | None = None
    expired: int | None = None
    for state, level in zip(world.states, levels, strict=True):
        state.level, state.of_quantum = level, quanta[level] or ENDLESS
    while world.alive:
        joining = [*world.arriving(), *world.waking()]
        if expired is not None:
            joining.insert(0 if enqueue == "preempted-first" else len(joining), expired)
        for i in joining:
            world.behind(i)
        chosen = world.first() if held is None or preemptive else held
        if held is not None and held != chosen and preempted == "tail":
            world.queues[levels[held]].remove(held)
            world.behind(held)
        held = expired = None
        if chosen is None:
            ran.append(None)
            world.time += 1
            continue
        state, level = world.states[chosen], levels[chosen]
        ran.append((chosen, level))
        state.left -= 1
        state.of_quantum -= 1
        waits = world.wants_io(chosen)
        if not state.left or waits or state.of_quantum == 0:
            world.queues[level].remove(chosen)
            state.of_quantum = quanta[level] or ENDLESS
            if waits:
                world.sleep(chosen)
            elif state.left:
                expired = chosen
        else:
            held = chosen
        world.time += 1
    return ran
