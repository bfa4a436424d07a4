"""A slow, obvious credit scheduler that looks at every tick, to judge the fast one by.

It knows whole ticks and list positions only, and shares no code with the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from oracle_shares import Load


@dataclass
class Vcpu:
    """A vCPU on its way."""

    load: Load
    weight: int
    room: Fraction | None  # what it may run in a period
    stage: int = 0
    left: int = 0
    credits: Fraction = Fraction(0)
    used: int = 0
    boosted: bool = False
    state: str = "absent"  # then "ready", "running", "asleep", "done"
    spent: int = 0  # since the last accounting

    @property
    def group(self) -> int:
        return 0 if self.boosted else 1 if self.credits >= 0 else 2

    @property
    def parked(self) -> bool:
        return self.room is not None and self.spent == self.room


@dataclass
class Xen:
    """The machine; ``caps`` in percent, 0 for none, and such that a share is whole ticks."""

    jobs: list[Load]
    weights: list[int]
    caps: list[int]
    period: int
    tick: int
    timeslice: int
    boost: bool = True
    cpus: int = 1
    ran: list[list[int]] = field(default_factory=list)  # who ran on each CPU in each tick
    cut: Fraction = Fraction(0)  # debts beyond the bound

    def play(self) -> Xen:
        self.vcpus = [
            Vcpu(load, w, Fraction(cap * self.period, 100) if cap else None, left=load.bursts[0])
            for load, w, cap in zip(self.jobs, self.weights, self.caps, strict=True)
        ]
        self.queue: list[int] = []
        self.on: list[int] = [-1] * self.cpus
        self.since = [-1] * self.cpus  # when the CPU was given
        asleep: list[tuple[int, int, int]] = []
        issued = now = looked = self.seen = 0
        self.balance = Fraction(0)
        while any(v.state != "done" for v in self.vcpus):
            expired = []
            awake = bool(self.queue) or any(i >= 0 for i in self.on)
            for cpu, i in enumerate(self.on):
                if i < 0:
                    continue
                v = self.vcpus[i]
                if v.left == 0 and v.stage < len(v.load.sleeps):
                    asleep.append((now + v.load.sleeps[v.stage], issued, i))
                    issued += 1
                    v.stage += 1
                    v.left, v.state, v.used = v.load.bursts[v.stage], "asleep", 0
                elif v.left == 0:
                    v.state = "done"
                elif v.used == self.timeslice or v.parked:
                    v.used, v.state = 0, "ready"
                    expired.append(i)
                else:
                    continue
                self.on[cpu] = -1

            arrived = [i for i, v in enumerate(self.vcpus) if v.load.arrival == now]
            woken = [i for at, _, i in sorted(asleep) if at == now]
            asleep = [one for one in asleep if one[0] > now]
            if awake or arrived or woken:
                crossed = [now // each > looked // each for each in (self.tick, self.period)]
                if any(crossed):
                    taken = [i for i in self.on if i >= 0]
                    for i in taken:
                        self.vcpus[i].boosted, self.vcpus[i].state = False, "ready"
                    self.queue = taken + self.queue
                    self.on = [-1] * self.cpus
                    if crossed[1]:
                        self.account()
                    looked = now
            for i in arrived + woken:
                v = self.vcpus[i]
                v.state = "ready"
                if i in woken and self.boost and v.group == 1 and not v.parked:
                    v.boosted = True
                self.queue.append(i)
            self.queue += expired
            for cpu in range(self.cpus):
                if self.on[cpu] < 0:
                    self.give(cpu, now, None)
            for i in arrived + woken:
                self.push(i, now)
            self.seen = max(self.seen, sum(i >= 0 for i in self.on))
            if any(v.state != "done" for v in self.vcpus):
                self.ran.append(list(self.on))
            for i in self.on:
                if i >= 0:
                    v = self.vcpus[i]
                    v.left, v.credits, v.used, v.spent = (
                        v.left - 1,
                        v.credits - 1,
                        v.used + 1,
                        v.spent + 1,
                    )
            now += 1
        return self

    def give(self, cpu: int, now: int, loser: int | None) -> None:
        free = [i for i in self.queue if not self.vcpus[i].parked and i != loser]
        for group in (0, 1, 2):
            for i in free:
                if self.vcpus[i].group == group:
                    self.queue.remove(i)
                    self.on[cpu], self.since[cpu] = i, now
                    self.vcpus[i].state = "running"
                    return

    def push(self, i: int, now: int) -> None:
        """A newcomer drives out somebody of a lower class, the lowest first."""
        new = self.vcpus[i]
        while i in self.queue and not new.parked:
            worse = [
                (-self.vcpus[held].group, cpu)
                for cpu, held in enumerate(self.on)
                if held >= 0 and self.since[cpu] < now and self.vcpus[held].group > new.group
            ]
            if not worse:
                return
            cpu = min(worse)[1]
            loser = self.on[cpu]
            self.vcpus[loser].used, self.vcpus[loser].state = 0, "ready"
            self.queue.append(loser)
            self.give(cpu, now, loser)

    def account(self) -> None:
        """Hand out credits, raising those who reach their limit out of the sharing one by one."""
        there = [
            v
            for v in self.vcpus
            if v.state in ("ready", "running") or (v.state == "asleep" and v.credits < self.period)
        ]
        for v in self.vcpus:
            v.spent = 0
        debt = max(Fraction(0), -self.balance)
        pot, weight = self.seen * self.period + debt, sum(v.weight for v in there)
        most = {
            id(v): v.room if v.room is not None else self.period + debt * v.weight / weight
            for v in there
        }
        shares: dict[int, Fraction] = {}
        while True:
            open_ = [v for v in there if id(v) not in shares]
            rest = pot - sum(shares.values())
            total = sum(v.weight for v in open_)
            full = [v for v in open_ if rest * v.weight >= most[id(v)] * total]
            if not full:
                break
            shares |= {id(v): Fraction(most[id(v)]) for v in full}
        for v in there:
            share = shares.get(id(v))
            v.credits += rest * v.weight / total if share is None else share
            self.cut += max(0, -self.period - v.credits)
            v.credits = max(Fraction(-self.period), min(Fraction(self.period), v.credits))
        self.balance = sum((v.credits for v in there), Fraction(0))
