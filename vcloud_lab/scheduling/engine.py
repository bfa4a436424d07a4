"""``simulate``: workload and policy in, schedule out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import lcm
from typing import Any

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.numbers import LARGEST, Time, exact, ticks_of
from vcloud_lab.scheduling.policies import FCFS, HRRN, LRTF, PRIORITY, RR, SJF, SRTF, Policy
from vcloud_lab.scheduling.rigid import space_share
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.trace import Switch
from vcloud_lab.scheduling.workload import Workload

__all__ = ["simulate"]

CHARGES = ("between", "dispatch")


def simulate(
    workload: Workload | Iterable[Any],
    policy: Policy | Callable[[], Policy],
    *,
    cpus: int = 1,
    switch_cost: Time | float | str = 0,
    switch_charge: str = "between",
) -> Schedule:
    """Run a workload (or a list of jobs) under a policy and return the exact schedule.

    ``policy`` is ``FCFS``, ``SJF``, ``SRTF``, ``HRRN``, ``LRTF``, ``RR(quantum)``,
    ``PRIORITY(priorities)`` or one with options, such as ``SJF(ties="list")``. ``switch_cost``
    (the workload's unit) is paid when the CPU passes from one job to another ("between") or at
    every dispatch, the first and each further quantum of the same job included ("dispatch"); a
    switch that has begun is not interrupted. With ``cpus`` above 1, FCFS and SJF run jobs that
    need ``width`` processors at once, without backfilling and without switch cost.

    Raises ``PolicyError`` for an unknown policy or option and for a job wider than the machine.

    >>> simulate(Workload([("P1", 0, 24), ("P2", 0, 3)]), FCFS).waiting
    {'P1': 0, 'P2': 24}
    """
    if not isinstance(workload, Workload):
        workload = Workload(workload)
    policy = _policy(policy)
    cost = exact(switch_cost, "The switch cost", PolicyError)
    if cost < 0:
        raise PolicyError(f"The switch cost is {switch_cost}: it must be 0 or above; change it.")
    if switch_charge not in CHARGES:
        raise PolicyError(
            f"The option switch_charge is {switch_charge!r}: it must be 'between' or 'dispatch'; "
            "choose one of them."
        )
    processors = exact(cpus, "The number of processors", PolicyError)
    if processors.denominator != 1 or not 1 <= processors < LARGEST:
        raise PolicyError(
            f"The number of processors is {cpus!r}: it must be whole, at least 1 and below 2**62; "
            "change cpus."
        )
    cpus = int(processors)
    times = [time for time in (cost, policy.quantum, *policy.times) if time is not None]
    scale = lcm(workload.scale, *(time.denominator for time in times))
    workload = workload.with_scale(scale)
    switch = Switch(ticks_of(cost, scale), switch_charge == "dispatch")
    if cpus > 1 or int(workload.width.max(initial=1)) > 1:
        modelled = policy.name in ("FCFS", "SJF")
        if not modelled or switch.cost:
            what = f"A switch cost of {cost}" if modelled else policy.label
            raise PolicyError(
                f"{what} on {cpus} processors with jobs of one or more processors is not "
                "modelled: only FCFS and SJF without switch cost are; use one of them, or one "
                "processor and jobs of width 1."
            )
        shortest = policy.name == "SJF"
        trace = space_share(workload, cpus, shortest=shortest, ties=policy.ties)
    else:
        if switch.cost * policy.most_dispatches(workload) >= LARGEST:
            raise PolicyError(
                f"With a switch cost of {cost} the schedule could grow beyond 2**62 ticks: times "
                "must stay below that; use a smaller cost."
            )
        trace = policy.loop(workload, policy, switch)
    return Schedule(workload, policy, trace, cpus, cost, switch_charge)


def _policy(policy: Any) -> Policy:
    """A policy from a policy or from one of the functions that make one."""
    if policy is RR:
        raise PolicyError("RR needs a quantum before it can run: write for example RR(4).")
    if policy is PRIORITY:
        raise PolicyError(
            "PRIORITY needs the priorities before it can run: write for example "
            "PRIORITY({'P1': 2, 'P2': 1})."
        )
    plain = (FCFS, SJF, SRTF, HRRN, LRTF)
    made = policy() if any(policy is one for one in plain) else policy
    if not isinstance(made, Policy):
        raise PolicyError(
            f"The policy is {policy!r}: it must be FCFS, SJF, SRTF, HRRN, LRTF, RR(quantum), "
            "PRIORITY(priorities) or one of them with options; choose one."
        )
    return made
