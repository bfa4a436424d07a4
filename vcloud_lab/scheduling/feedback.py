"""Policies with several queues: the multi-level feedback queue, Stallings' feedback, and the
multilevel queue.

Sources: Arpaci-Dusseau, *Operating Systems: Three Easy Pieces*, chapter "Scheduling: The
Multi-Level Feedback Queue", and the rules of its homework; Stallings, *Operating Systems*, chapter
"Uniprocessor Scheduling" (feedback); Silberschatz, Galvin & Gagne, *Operating System Concepts*,
chapter "CPU Scheduling" (multilevel queue).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from vcloud_lab.errors import PolicyError
from vcloud_lab.scheduling.levels import Boosted, Feedback, Fixed, Levels
from vcloud_lab.scheduling.numbers import Time, exact, show
from vcloud_lab.scheduling.policy import Numbers, Policy, above_zero, choose, numbers_told

__all__ = ["FEEDBACK", "MLFQ", "MLQ"]

Length: TypeAlias = Time | float | str

MOST_QUEUES = 1000
"""More queues than anybody needs are a mistake in the call."""


def MLFQ(
    queues: int | None = None,
    quantum: Length | Sequence[Length | None] = 10,
    allotment: int | Sequence[int] = 1,
    boost: Length | None = None,
    *,
    stay: bool = False,
    iobump: bool = False,
    enqueue: str = "preempted-first",
    preempted: str = "head",
    boost_order: str = "lowest-first",
) -> Policy:
    """Multi-level feedback queue, by OSTEP's rules.

    A job starts in the highest queue, runs in turns of that queue's ``quantum``, and moves down one
    queue when it has used its ``allotment`` of so many quanta there, in one go or not. Jobs of a
    queue run only while all higher queues are empty. Every ``boost`` (the workload's unit, from
    time 0) all jobs move up to the top with nothing used; without one, long jobs may starve.

    ``quantum`` and ``allotment`` are one number for all queues or a list with one a queue, the top
    first; a last quantum of None makes the lowest queue first come, first served. There are 3
    ``queues`` unless a list says otherwise. In the ledger the lowest queue is queue 0.

    With ``stay`` a job that begins an I/O gets its level's whole allotment anew, which a job can
    game by an I/O just before it is used up. With ``iobump`` a job whose I/O is over goes to the
    front of its queue, not to its end.

    Where textbooks differ, OSTEP's scheduler is the default: a job whose quantum is over queues
    before the jobs that come in the same tick (``enqueue`` "preempted-first" or "arrival-first");
    one that loses the CPU to a higher queue keeps the rest of its quantum and stays at the
    ``preempted`` "head" of its queue or goes to the "tail"; a boost appends the queues to the top
    one in the ``boost_order`` "lowest-first" or "highest-first".

    Raises ``PolicyError`` for a number of queues, a quantum, an allotment, a boost or an option
    that is impossible, and for lists of different lengths.
    """
    count = None if queues is None else _count(queues, "queues")
    quanta = _per_queue(quantum, count, "quantum") or [quantum] * (count or 3)
    count = len(quanta)
    read = [_quantum(value, "MLFQ", or_none=0 < at == count - 1) for at, value in enumerate(quanta)]
    told = _per_queue(allotment, count, "allotment") or [allotment] * count
    allotments = [_allotment(value) for value in told]
    period = None if boost is None else above_zero(boost, "The boost", "boost=100")
    for option, value in (("stay", stay), ("iobump", iobump)):
        _yes_or_no(option, value)
    choose("enqueue", enqueue, "arrival-first", "preempted-first")
    choose("preempted", preempted, "head", "tail")
    choose("boost_order", boost_order, "lowest-first", "highest-first")
    discipline = partial(
        Boosted,
        quanta=read,
        preempted=preempted,
        allotments=allotments,
        boost=period,
        lowest_first=boost_order == "lowest-first",
        stay=stay,
        iobump=iobump,
    )
    remarks = [_listed("q", read)]
    remarks += [_listed("allotment", allotments)] if set(allotments) != {1} else []
    remarks += [] if period is None else [f"boost={show(period)}"]
    remarks += [word for word, on in (("stay", stay), ("iobump", iobump)) if on]
    remarks += [f"preempted={preempted}"] if preempted != "head" else []
    remarks += [f"boost_order={boost_order}"] if boost_order != "lowest-first" else []
    times = [time for time in (*read, period) if time is not None]
    made = _policy("MLFQ", discipline, remarks, times, preemptive=True, enqueue=enqueue)
    return replace(made, usual_enqueue="preempted-first")


def FEEDBACK(
    quantum: Length = 1,
    levels: int | None = None,
    growth: str = "equal",
    *,
    demote: str = "contended",
    preemptive: bool = False,
    preempted: str = "head",
    enqueue: str = "arrival-first",
) -> Policy:
    """Stallings' feedback: who has had a quantum queues one level lower, so that what is favoured
    is not a short burst but little service so far.

    ``growth`` "equal" gives every level RQ0 (the top), RQ1, ... the same ``quantum`` (his q = 1),
    "double" gives RQi 2**i of it. There are as many ``levels`` as it takes, or that many, and the
    lowest is a round robin. A job keeps its level over an I/O, with a new quantum.

    Where descriptions differ, the default is what gives Stallings' published example: a job moves
    down only if others are ready ("contended"; ``demote="always"``: after every quantum), and a
    newcomer waits for the end of the running quantum, unless ``preemptive``. A job that then loses
    the CPU goes on with the rest of its quantum, from the ``preempted`` "head" of its queue or its
    "tail". ``enqueue`` as in ``RR``.

    Raises ``PolicyError`` for a quantum that is not above 0, and for impossible levels or options.
    """
    length = above_zero(quantum, "The quantum of FEEDBACK", "FEEDBACK(1)")
    count = None if levels is None else _count(levels, "levels")
    choose("growth", growth, "equal", "double")
    choose("demote", demote, "contended", "always")
    choose("preempted", preempted, "head", "tail")
    choose("enqueue", enqueue, "arrival-first", "preempted-first")
    _yes_or_no("preemptive", preemptive)
    discipline = partial(
        Feedback,
        quanta=[length],
        preempted=preempted,
        levels=count,
        double=growth == "double",
        always=demote == "always",
    )
    remarks = [f"q={show(length)}" if growth == "equal" else f"q={show(length)}*2^i"]
    remarks += [] if count is None else [f"levels={count}"]
    remarks += ["demote=always"] if demote == "always" else []
    remarks += ["preemptive"] if preemptive else []
    remarks += [f"preempted={preempted}"] if preempted != "head" else []
    return _policy("FEEDBACK", discipline, remarks, [length], preemptive, enqueue)


def MLQ(
    levels: Numbers,
    quanta: Length | Sequence[Length | None] | None = None,
    *,
    preemptive: bool = True,
    preempted: str = "head",
    enqueue: str = "arrival-first",
) -> Policy:
    """Multilevel queue: each job belongs to one queue for good, and jobs of a queue run only while
    all higher queues are empty.

    ``levels`` has each job's queue, by name or in list order; queue 0 is the highest. ``quanta``
    has one entry a queue, the highest first: the quantum of its round robin, or None for first
    come, first served; or one for all queues. A newcomer takes the CPU from a job of a lower queue
    at once, or, where not ``preemptive``, when that one is done or has had its quantum.
    ``preempted`` as in ``MLFQ``, ``enqueue`` as in ``RR``.

    Raises ``PolicyError`` for queues that do not exist, impossible quanta or options, and in
    ``simulate`` where the jobs are not exactly those of the workload.
    """
    told = numbers_told(levels, "queue", "queues", "MLQ({'P1': 0, 'P2': 1}, [4, None])")
    pairs = list(told.items()) if isinstance(told, Mapping) else list(enumerate(told, 1))
    listed = _per_queue(quanta, None, "quanta")
    highest = max((number for _, number in pairs), default=0)
    count = len(listed) if listed else int(min(max(highest, 0), MOST_QUEUES - 1)) + 1
    for who, number in pairs:
        if number.denominator != 1 or not 0 <= number < count:
            there = f"queues 0 (the highest) to {count - 1}" if count > 1 else "only queue 0"
            job = f"job {who!r}" if isinstance(told, Mapping) else f"job number {who}"
            raise PolicyError(
                f"MLQ was told queue {show(number)} for {job}: the quanta make {there}; choose one "
                "that exists, or give more quanta."
            )
    read = [_quantum(value, "MLQ", or_none=True) for value in listed or [quanta] * count]
    choose("preempted", preempted, "head", "tail")
    choose("enqueue", enqueue, "arrival-first", "preempted-first")
    _yes_or_no("preemptive", preemptive)
    discipline = partial(Fixed, quanta=read, preempted=preempted)
    remarks = [_listed("q", read)]
    remarks += [] if preemptive else ["not preemptive"]
    remarks += [f"preempted={preempted}"] if preempted != "head" else []
    times = [time for time in read if time is not None]
    return _policy("MLQ", discipline, remarks, times, preemptive, enqueue, told)


def _policy(
    name: str,
    discipline: Callable[..., Levels],
    remarks: list[str],
    times: list[Time],
    preemptive: bool,
    enqueue: str,
    numbers: Mapping[str, Time] | tuple[Time, ...] | None = None,
) -> Policy:
    return Policy(
        name,
        None,
        None,
        "is at the head of the highest queue that is not empty",
        discipline=discipline,
        preemptive=preemptive,
        numbers=numbers,
        enqueue=enqueue,
        remarks=tuple(remarks),
        times=tuple(times),
    )


def _per_queue(value: object, queues: int | None, what: str) -> list[Any] | None:
    """A list with one entry a queue, None where ``value`` is one for all of them."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return None
    if not 1 <= len(value) <= MOST_QUEUES:
        raise PolicyError(
            f"The {what} list has {len(value)} entries: one a queue is needed, from 1 to "
            f"{MOST_QUEUES}, the top queue first; write for example {what}=[2, 4, 8]."
        )
    if queues is not None and queues != len(value):
        raise PolicyError(
            f"The {what} list has {len(value)} entries for {queues} queues: one a queue is needed, "
            "the top first; make the two agree."
        )
    return list(value)


def _quantum(value: Any, policy: str, *, or_none: bool = False) -> Time | None:
    if value is None and or_none:
        return None
    if value is None:
        raise PolicyError(
            f"A quantum of {policy} is None: only the lowest of several queues can be without one, "
            "because nobody would leave a higher one; give a number, such as 10."
        )
    return above_zero(value, f"A quantum of {policy}", f"{policy}(quantum=10)")


def _count(value: object, what: str) -> int:
    number = exact(value, f"The number of {what}", PolicyError)
    if number.denominator != 1 or not 1 <= number <= MOST_QUEUES:
        raise PolicyError(
            f"The number of {what} is {value}: it must be whole and from 1 to {MOST_QUEUES}; "
            f"try {what}=3."
        )
    return int(number)


def _allotment(value: object) -> int:
    number = exact(value, "An allotment", PolicyError)
    if number.denominator != 1 or number < 1:
        raise PolicyError(
            f"An allotment is {value}: it is a whole number of quanta, at least 1; try allotment=1."
        )
    return int(number)


def _yes_or_no(option: str, value: object) -> None:
    if not isinstance(value, bool):
        raise PolicyError(f"The option {option} is {value!r}: it must be True or False.")


def _listed(what: str, values: Sequence[Time | None]) -> str:
    """One value where all are equal, else all of them, the top queue first."""
    shown = ["none" if value is None else show(value) for value in values]
    if len(shown) > 1 and len(set(shown)) == 1:
        return f"{what}={len(shown)}x{shown[0]}"
    return f"{what}={','.join(shown[:8])}{',...' if len(shown) > 8 else ''}"
