"""The four policies in SimPy, written as its documentation does it: one process a job.

Sources: SimPy 4 documentation, "Shared Resources" (Resource, PriorityResource,
PreemptiveResource) and the examples "Bank Renege" and "Machine Shop". Each function takes arrivals
in rising order and bursts, both in whole ticks, and returns when each job completed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

Process = Generator[Any, Any, None]


def _run(
    arrivals: list[int],
    bursts: list[int],
    env: simpy.Environment,
    job: Callable[[int, int], Process],
) -> list[int]:
    def source() -> Process:
        for number, arrival in enumerate(arrivals):
            if arrival > env.now:
                yield env.timeout(arrival - env.now)
            env.process(job(number, bursts[number]))

    env.process(source())
    env.run()
    return arrivals


def fcfs(arrivals: list[int], bursts: list[int]) -> list[int]:
    """First come, first served: a plain Resource."""
    env = simpy.Environment()
    cpu = simpy.Resource(env)
    completion = [0] * len(arrivals)

    def job(number: int, burst: int) -> Process:
        with cpu.request() as turn:
            yield turn
            yield env.timeout(burst)
        completion[number] = env.now

    _run(arrivals, bursts, env, job)
    return completion


def sjf(arrivals: list[int], bursts: list[int]) -> list[int]:
    """Shortest job first: a PriorityResource, the burst as priority."""
    env = simpy.Environment()
    cpu = simpy.PriorityResource(env)
    completion = [0] * len(arrivals)

    def job(number: int, burst: int) -> Process:
        with cpu.request(priority=burst) as turn:
            yield turn
            yield env.timeout(burst)
        completion[number] = env.now

    _run(arrivals, bursts, env, job)
    return completion


def srtf(arrivals: list[int], bursts: list[int]) -> list[int]:
    """Shortest remaining time first: a PreemptiveResource.

    The resource compares with the time that the running job had left when it began, so a job that
    arrives asks to preempt only if it needs less than what is left now.
    """
    env = simpy.Environment()
    cpu = simpy.PreemptiveResource(env)
    completion = [0] * len(arrivals)
    free_at = 0

    def job(number: int, burst: int) -> Process:
        nonlocal free_at
        left, preempt = burst, burst < free_at - env.now
        while left:
            with cpu.request(priority=left, preempt=preempt) as turn:
                yield turn
                began, free_at = env.now, env.now + left
                try:
                    yield env.timeout(left)
                    left = 0
                except simpy.Interrupt:
                    left -= env.now - began
                    preempt = False
        completion[number] = env.now

    _run(arrivals, bursts, env, job)
    return completion


def rr(arrivals: list[int], bursts: list[int], quantum: int) -> list[int]:
    """Round robin: a Resource that is asked for anew after every quantum."""
    env = simpy.Environment()
    cpu = simpy.Resource(env)
    completion = [0] * len(arrivals)

    def job(number: int, burst: int) -> Process:
        left = burst
        while left:
            with cpu.request() as turn:
                yield turn
                step = min(quantum, left)
                yield env.timeout(step)
                left -= step
        completion[number] = env.now

    _run(arrivals, bursts, env, job)
    return completion
