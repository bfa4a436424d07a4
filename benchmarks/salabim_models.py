"""FCFS, SJF and RR in salabim, written as its documentation does it: one component a job.

The models ``yield``, because salabim is faster that way than without ("yieldless"). Statistics
that salabim can leave out (``monitor=False``) are left out. Arrivals (in rising order) and bursts
are whole ticks. Its clock adds up the integers that it is given, so its times are exact and can be
compared tick by tick.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import salabim

Process = Generator[Any, Any, None]


def fcfs(arrivals: list[int], bursts: list[int]) -> list[int]:
    """First come, first served: a Resource."""
    return _run(arrivals, bursts, lambda burst: (0, burst))


def sjf(arrivals: list[int], bursts: list[int]) -> list[int]:
    """Shortest job first: a Resource that is requested with the burst as priority."""
    return _run(arrivals, bursts, lambda burst: (burst, burst))


def rr(arrivals: list[int], bursts: list[int], quantum: int) -> list[int]:
    """Round robin: a Resource that is requested anew after every quantum."""
    return _run(arrivals, bursts, lambda left: (0, min(quantum, left)))


def _run(
    arrivals: list[int], bursts: list[int], turn: Callable[[int], tuple[int, int]]
) -> list[int]:
    """``turn`` says, of the time left, with which priority and for how long a job asks."""
    env = salabim.Environment(trace=False, yieldless=False)
    cpu = salabim.Resource("cpu", env=env, monitor=False)
    completion = [0] * len(arrivals)

    class Job(salabim.Component):
        def process(self, number: int, left: int) -> Process:
            while left:
                priority, length = turn(left)
                yield self.request((cpu, 1, priority))
                yield self.hold(length)
                self.release(cpu)
                left -= length
            completion[number] = env.now()

    class Source(salabim.Component):
        def process(self) -> Process:
            for number, arrival in enumerate(arrivals):
                yield self.hold(till=arrival)
                Job(env=env, number=number, left=bursts[number], suppress_trace=True)

    Source(env=env)
    env.run()
    return completion
