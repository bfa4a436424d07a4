"""``simulate``: workload and policy in, schedule out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import lcm
from typing import Any

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.numbers import LARGEST, Time, ticks_of
from vcloud_lab.scheduling.policy import Policy
from vcloud_lab.scheduling.rigid import space_share
from vcloud_lab.scheduling.schedule import Schedule
from vcloud_lab.scheduling.setup import MOST_CPUS, Setup, read_setup
from vcloud_lab.scheduling.trace import Switch, Trace
from vcloud_lab.scheduling.workload import Workload

__all__ = ["simulate"]


def simulate(
    workload: Workload | Iterable[Any],
    policy: Policy | Callable[[], Policy],
    *,
    cpus: int = 1,
    switch_cost: Time | float | str = 0,
    switch_charge: str = "between",
    queues: str = "global",
    steal: bool = True,
    migration_cost: Time | float | str = 0,
    affinity: Mapping[str, Iterable[int]] | None = None,
) -> Schedule:
    """Run a workload (or a list of jobs) under a policy and return the exact schedule.

    ``policy`` is ``FCFS``, ``SJF``, ``SRTF``, ``HRRN``, ``LRTF``, ``RR(quantum)`` or what another
    function of this package makes, such as ``MLFQ(boost=100)``. ``switch_cost`` (the workload's
    unit) is paid when a CPU passes from one job to another ("between") or at every dispatch, the
    first and each further quantum of the same job included ("dispatch"); a switch that has begun
    is not interrupted, and who comes meanwhile may preempt when it ends.

    With ``cpus`` above 1 the ready jobs wait in one "global" queue, or in ``queues`` "per-core": a
    new job joins the CPU with the fewest jobs (waiting and running; the lowest number of several)
    and returns to it, unless a CPU that has nothing to do may ``steal`` the last job of the longest
    queue. Idle CPUs take their jobs in the order of their numbers. A job that comes and preempts
    takes, of the CPUs that it may use (per core: its own), the one that runs the worst job, of
    equals the lowest number; the loser goes to the head of the queue.
    ``affinity`` names the CPUs (from 0) that a job may use, and ``migration_cost`` is paid when a
    job goes on on another CPU than before, on top of a switch. After an I/O a job counts as
    arriving anew, with its next CPU burst as its burst; new jobs are queued before those whose I/O
    ends in the same tick, and these in the order in which they began it.

    Under FCFS and SJF jobs may need more than one processor at once (``width``): without
    backfilling, switch cost, I/O, and the options above.

    Raises ``PolicyError`` for an unknown policy or option and for a job wider than the machine.

    >>> simulate(Workload([("P1", 0, 24), ("P2", 0, 3)]), FCFS).waiting
    {'P1': 0, 'P2': 24}
    """
    if not isinstance(workload, Workload):
        workload = Workload(workload)
    if not isinstance(policy, Policy):
        from vcloud_lab.scheduling.named import policy_of  # knows, and imports, every policy

        policy = policy_of(policy)
    setup = read_setup(
        workload,
        cpus=cpus,
        switch_cost=switch_cost,
        switch_charge=switch_charge,
        queues=queues,
        steal=steal,
        migration_cost=migration_cost,
        affinity=affinity,
    )
    times = [setup.switch_cost, setup.migration_cost, *policy.times]
    times += [] if policy.quantum is None else [policy.quantum]
    scale = lcm(workload.scale, *(time.denominator for time in times))
    workload = workload.with_scale(scale)
    return Schedule(workload, policy, _run(workload, policy, setup), setup)


def _run(workload: Workload, policy: Policy, setup: Setup) -> Trace:
    """The trace, by the quickest loop that knows all that is asked for."""
    switch = Switch(ticks_of(setup.switch_cost, workload.scale), setup.switch_charge == "dispatch")
    plain = setup.simple and workload.io is None
    wide = int(workload.width.max(initial=1)) > 1
    if policy.name in ("FCFS", "SJF") and plain and not switch.cost and wide:
        return space_share(workload, setup.cpus, shortest=policy.name == "SJF", ties=policy.ties)
    if wide:
        label = f"{policy.label} {setup.label}".rstrip()
        raise PolicyError(
            f"{label} with jobs of more than one processor is not modelled: only FCFS and SJF with "
            "one queue and without switch cost and I/O are; use one of them, or jobs of width 1."
        )
    if policy.loop and plain and setup.cpus == 1:
        if switch.cost * policy.most_dispatches(workload) >= LARGEST:
            raise PolicyError(
                f"With a switch cost of {setup.switch_cost} the schedule could grow beyond 2**62 "
                "ticks: times must stay below that; use a smaller cost."
            )
        return policy.loop(workload, policy, switch)
    if setup.cpus > MOST_CPUS:
        raise PolicyError(
            f"There are {setup.cpus} processors: {policy.name} is modelled on at most {MOST_CPUS}; "
            "use fewer."
        )
    from vcloud_lab.scheduling.dispatcher import play  # slow to import, and seldom needed

    return play(workload, policy, setup)
