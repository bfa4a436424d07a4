"""Round robin without playing every turn: O(n log n) for n jobs, however short the quantum.

The ready jobs stand in a circle, and a round gives each of them one turn. Whoever arrives joins
directly before the job that is running, so its first turn is in the next round, and a job that
joins in round r and needs k quanta ends in round r + k. Nobody ever overtakes. So only three
moments of a job's life have to be played: it joins, it runs for the first time, it ends. Between
them every turn is a full quantum, and time advances by turns times quantum; a round in which
nothing happens is skipped, and all rounds up to the next event at once.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np

from vcloud_lab.scheduling.circle import Circle
from vcloud_lab.scheduling.numbers import NEVER
from vcloud_lab.scheduling.trace import Switch, Trace, TraceOnDemand, by_arrival, column_of, pick
from vcloud_lab.scheduling.workload import Column, Workload

__all__ = ["play_rounds"]

LINE = 512
"""A circle of up to so many jobs is a plain list: nothing finds, inserts and removes faster."""


def play_rounds(
    workload: Workload,
    switch: Switch,
    *,
    quantum: int,
    arrival_first: bool,
    play_turns: Callable[[], Trace],
) -> Trace:
    """RR as ``round_robin`` plays it, both orders of queueing and both charges included.

    The jobs' times are worked out here; ``play_turns`` makes the trace when somebody asks for it.
    The counters do not depend on the quantum but for the dispatches: ``rounds_played`` is at most
    four a job and ``circle_steps``, three a job and the nodes visited in the tree of a circle that
    is longer than a plain list should be, grows like n log n.
    """
    order = by_arrival(workload)
    arrival, burst = pick(workload.arrival, order), pick(workload.burst, order)
    turns = -(-burst // quantum)
    last_run = (burst - (turns - 1) * quantum).tolist()
    # A newcomer belongs to the turn that holds the tick in which it is due.
    due = [*(arrival - arrival_first).tolist(), NEVER]
    total, bits = len(burst), len(burst).bit_length()
    who = (1 << bits) - 1
    lives = [rounds << bits | job for job, rounds in enumerate(turns.tolist())]
    first, completion = [0] * total, [0] * total
    line: list[int] = []
    circle: Circle | None = None
    insert: Callable[[int, int], None] = line.insert
    rank_of: Callable[[int], int] = line.index
    pop: Callable[[int], object] = line.pop
    ends: list[int] = []  # a heap of the round in which a job ends, shifted, and the job
    fresh: list[tuple[int, int, bool]] = []  # who joined in the last round, with its rank
    now = rounds = played = coming = size = unchanged = 0
    alone = True  # a job that is alone needs no switch, unless another has just ended
    soon, turn, price = due[0], quantum, 0
    while coming < total or size:
        if not size:
            now = soon + arrival_first
            insert(0, coming)
            fresh.append((0, coming, False))
            heappush(ends, (rounds << bits) + lives[coming])
            coming, size = coming + 1, 1
            soon = due[coming]
        if switch.cost:
            price = switch.cost if switch.always or size > 1 or not alone else 0
            turn = quantum + price
        if size > LINE and circle is None:
            circle = Circle(line)
            insert, rank_of, pop = circle.insert, circle.rank, circle.pop
        if size > 1 or alone:
            quiet, before = (ends[0] >> bits) - rounds - 1, (soon - now) // (size * turn)
            quiet = before if before < quiet else quiet
            if quiet > 0:
                for rank, job, _ in fresh:
                    first[job] = now + rank * turn + price
                fresh = []
                rounds += quiet
                now += quiet * size * turn
                unchanged += quiet if size == 1 else 0
        rounds += 1
        played += 1
        unchanged += size == 1 and alone
        marks, fresh = fresh, []
        while ends and ends[0] >> bits == rounds:
            job = heappop(ends) & who
            marks.append((rank_of(job), job, True))
        if len(marks) > 1:
            marks.sort()
        marks.append((size, total, False))  # nobody's: the end of the round
        at = shift = 0  # the rank of the job that runs at ``now``; newcomers less those who left
        for mark, job, ending in marks:
            alone = mark + shift > at
            stop = now + (mark + shift - at) * turn
            if ending:
                stop += price + last_run[job]
            elif job < total:
                first[job] = stop + price
            while soon < stop:
                full = (soon - now) // turn
                if full > 0:  # else another newcomer in the same turn
                    at += full
                    now += full * turn
                insert(at, coming)
                fresh.append((at, coming, False))
                heappush(ends, (rounds << bits) + lives[coming])
                coming, at, shift = coming + 1, at + 1, shift + 1
                soon = due[coming]
            now, at = stop, mark + shift
            if ending:
                completion[job] = now
                pop(at)
                shift -= 1
        size += shift
    dispatches = int(turns.sum())
    counters = {
        "rounds_played": played,
        "circle_steps": 3 * total + (circle.steps if circle else 0),
    }
    return TraceOnDemand(
        _in_list_order(completion, order),
        _in_list_order(first, order),
        dispatches,
        dispatches - unchanged,
        counters,
        play_turns,
    )


def _in_list_order(times: list[int], order: Column | None) -> Column:
    """Times that stand in the order of arrival, in the order of the workload's list."""
    column = column_of(times)
    if order is None:
        return column
    placed = np.empty_like(column)
    placed[order] = column
    return placed
