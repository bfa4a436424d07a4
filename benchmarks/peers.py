"""Against other simulators, written in Python: SimPy, Ciw and salabim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from measures import (
    MEAN,
    POLICIES,
    Line,
    Section,
    Sizes,
    check_agreement,
    micro,
    ours,
    ratio_line,
    timed,
    traced,
)

from vcloud_lab.scheduling import RR, Policy, random_workload


@dataclass(frozen=True)
class Peer:
    """A library: its name, the module it is imported by, that of its models (one function a
    policy), and for each policy that it can express the least ratio that is our goal."""

    name: str
    package: str
    models: str
    goals: dict[str, float | None]
    rounds: int | None = None  # fewer than usual for a slow one

    def solve(self, policy: Policy, arrivals: list[int], bursts: list[int]) -> list[int]:
        """All completions in ticks."""
        model = getattr(import_module(self.models), policy.name.lower())
        if policy.quantum is None:
            return model(arrivals, bursts)
        return model(arrivals, bursts, int(policy.quantum))


# The label says the quantum as a share of the mean burst.
CASES = {name: policy for name, policy in POLICIES.items() if name != "RR"} | {
    f"RR with trace, quantum {tenths / 10}": RR(tenths * MEAN // 10) for tenths in (4, 2, 1)
}
ROUND_ROBIN = [name for name in CASES if name.startswith("RR")]

PEERS = (
    Peer(
        "SimPy",
        "simpy",
        "simpy_models",
        {"FCFS": 500, "SJF": 30, "SRTF": 30, **dict.fromkeys(ROUND_ROBIN, 55)},
    ),
    Peer("Ciw", "ciw", "ciw_models", {"FCFS": None}),
    Peer(
        "salabim",
        "salabim",
        "salabim_models",
        {"FCFS": None, "SJF": None, ROUND_ROBIN[0]: None},
        rounds=2,
    ),
)


def against(peer: Peer, sizes: Sizes) -> Iterator[Line]:
    """How many times faster than a peer, at load 0.9."""
    if find_spec(peer.package) is None:
        yield Line(f"against {peer.name}", f"not measured: {peer.package} is not installed")
        return
    workload = random_workload(sizes.jobs, seed=1, mean_burst=MEAN)
    arrivals, bursts = workload.arrival.tolist(), workload.burst.tolist()
    for name, goal in peer.goals.items():
        policy, run = CASES[name], traced if name in ROUND_ROBIN else ours
        fast, slow = [], []
        for _ in range(min(sizes.rounds, peer.rounds or sizes.rounds)):
            time, theirs = timed(lambda p=policy: peer.solve(p, arrivals, bursts))
            slow.append(time)
            for _ in range(sizes.calls):
                time, mine = timed(lambda r=run, p=policy: r(workload, p))
                fast.append(time)
            check_agreement(peer.name, mine, theirs)
        ratio = min(slow) / min(fast)
        each = f"{micro(min(slow), sizes.jobs)} against {micro(min(fast), sizes.jobs)} µs a job"
        what = f"{name}, {sizes.jobs:,} jobs: {peer.name}'s time over ours"
        yield ratio_line(what, ratio, f"{ratio:.0f} times ({each})", least=goal)


def against_simpy(sizes: Sizes) -> Iterator[Line]:
    """SimPy."""
    return against(PEERS[0], sizes)


def against_ciw(sizes: Sizes) -> Iterator[Line]:
    """Ciw."""
    return against(PEERS[1], sizes)


def against_salabim(sizes: Sizes) -> Iterator[Line]:
    """salabim."""
    return against(PEERS[2], sizes)


SECTIONS = (
    Section(
        "SimPy",
        "The recipes of SimPy's documentation, one process a job (`simpy_models.py`): `Resource` "
        "for FCFS, `PriorityResource` for SJF, `PreemptiveResource` and `Interrupt` for SRTF, and "
        "for RR a `Resource` that the job requests anew after every quantum. SimPy gives the "
        "completions; we give the completions and the mean waiting time, and for RR the trace as "
        "well: job, start and end of every slice. The quantum is a share of the mean burst.",
        against_simpy,
    ),
    Section(
        "Ciw",
        "One node with one server (`ciw_models.py`). Of our policies Ciw has FCFS.",
        against_ciw,
    ),
    Section(
        "salabim",
        "One component a job, which requests a `Resource` (`salabim_models.py`). Most of its time "
        "goes into making components, whose parameters it inspects.",
        against_salabim,
    ),
)
