"""A policy of your own: one function that looks at the ready jobs and names the one to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.discipline import Discipline, Task
from vcloud_lab.scheduling.numbers import NEVER, Time
from vcloud_lab.scheduling.policy import Numbers, Policy, above_zero, numbers_told
from vcloud_lab.scheduling.workload import Workload

__all__ = ["OWN", "Waiting"]


class Waiting(NamedTuple):
    """A ready job as a function sees it; times in the workload's unit.

    ``burst`` and ``left`` are of the present CPU burst, which became ready at ``arrival``;
    ``waited`` is the time since then that it did not run. ``number`` is what the policy was told of
    the job, 0 where it was told nothing.
    """

    name: str
    arrival: Time
    burst: Time
    left: Time
    waited: Time
    number: Time


Choose = Callable[[tuple[Waiting, ...], Time], Any]


def OWN(
    choose: Choose,
    *,
    preemptive: bool = False,
    quantum: Time | float | str | None = None,
    numbers: Numbers | None = None,
    name: str | None = None,
) -> Policy:
    """The policy of a function ``choose(ready, now)`` that returns one of the ``ready`` jobs.

    ``ready`` is a tuple of ``Waiting`` in the order in which they queued, at least one; the
    function may return the job or its name. It is asked whenever a CPU is free, with a ``quantum``
    at latest after so much time. Where ``preemptive``, it is also asked at every arrival, about the
    running job and the newcomer, and the CPU is taken away if it returns the newcomer. ``numbers``
    tells it one number a job, such as a priority.

    It must depend on nothing but what it is given: the ledger asks again. In ``simulate``, a
    function that raises, that does not come to an end, or that returns anything else becomes a
    ``PolicyError`` that says when and with whom. Raises ``PolicyError`` for what is no function.

    >>> from vcloud_lab import simulate
    >>> last = OWN(lambda ready, now: ready[-1], name="LCFS")
    >>> simulate([("A", 0, 3), ("B", 1, 2), ("C", 2, 1)], last).completion
    {'A': 3, 'B': 6, 'C': 4}
    """
    if not callable(choose):
        raise PolicyError(
            f"A policy of your own was made of {choose!r}: a function choose(ready, now) is "
            "needed; give the function itself, not its result."
        )
    if not isinstance(preemptive, bool):
        raise PolicyError(f"The option preemptive is {preemptive!r}: it must be True or False.")
    length = None if quantum is None else above_zero(quantum, "The quantum", "quantum=4")
    told = None
    if numbers is not None:
        told = numbers_told(numbers, "number", "numbers", "numbers={'P1': 2, 'P2': 1}")
    called = str(name or getattr(choose, "__name__", "OWN")).replace("<lambda>", "OWN")
    return Policy(
        called,
        None,
        None,
        "was chosen by your function",
        partial(_Own, choose),
        preemptive=preemptive,
        quantum=length,
        numbers=told,
        remarks=("preemptive",) if preemptive else (),
    )


class _Own(Discipline):
    def __init__(
        self, choose: Choose, workload: Workload, policy: Policy, tasks: Sequence[Task]
    ) -> None:
        super().__init__(workload, policy, tasks)
        self._choose = choose
        self.preemptive = policy.preemptive
        self._quantum = NEVER if policy.quantum is None else policy.quantum_in(workload)

    def choose(self, ready: Sequence[Task], now: int) -> Task:
        from vcloud_lab.sandbox import call  # here, so that importing the package stays quick

        shown = tuple(self._shown(task, now) for task in ready)
        at = self.workload.time(now)
        run = call(self._choose, shown, at)
        names = [job.name for job in shown]
        more = ", ..." if len(names) > 8 else ""
        when = f"at time {self.time(now)}, with {', '.join(names[:8])}{more} ready"
        if run.kind == "stub":
            raise PolicyError(f"Your policy {self.policy.name} is not written yet: give it a body.")
        if run.kind != "returned":
            raise PolicyError(
                f"Your policy {self.policy.name} {run.problem} ({when}); it must return one of "
                "these jobs: mend it and run the cell again."
            )
        answer = run.value
        if isinstance(answer, Waiting) and answer in shown:
            return ready[shown.index(answer)]
        if isinstance(answer, str) and answer in names:
            return ready[names.index(answer)]
        raise PolicyError(
            f"Your policy {self.policy.name} returned {_short(answer)} {when}: it must return one "
            "of these jobs, or its name; mend it and run the cell again."
        )

    def slice(self, task: Task, now: int) -> int:
        return self._quantum

    def beats(self, newcomer: Task, running: Task, now: int) -> bool:
        return self.choose([running, newcomer], now) is newcomer

    def why(self, task: Task, others: Sequence[Task], lost: Task | None, now: int) -> str:
        rest = ", ".join(self.name(other) for other in others[:8])
        gone = f"; {self.name(lost)} gives up the CPU" if lost and lost is not task else ""
        what = f"{self.policy.name} chose {self.name(task)}"
        return f"{what}: nobody else is ready." if not others else f"{what}, not {rest}{gone}."

    def _shown(self, task: Task, now: int) -> Waiting:
        time = self.workload.time
        waited = time(now - task.ready - (task.burst - task.left))
        sizes = time(task.burst), time(task.left)
        return Waiting(self.name(task), time(task.ready), *sizes, waited, task.number)


def _short(answer: object) -> str:
    try:
        text = repr(answer)
    except Exception:  # a learner's own class may fail even here
        text = f"an object of type {type(answer).__name__}"
    return text if len(text) <= 80 else f"{text[:76]} ..."
