"""Lottery and stride scheduling: tick by tick, OSTEP's answers, and how they vary."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations, product
from math import lcm
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_shares import Load, Lottery, Stride, play
from scheduling_cases import examples
from scheduling_loads import agree, jobs_of, loads, timeline, weights

from vcloud_lab.scheduling import Job, simulate
from vcloud_lab.scheduling.service import received
from vcloud_lab.scheduling.shares import LOTTERY, STRIDE, ostep_lottery

OSTEP: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "acceptance" / "ostep_lottery.json").read_text(encoding="utf-8")
)
ran = examples(300)


@ran
@given(loads(), weights, st.integers(1, 4), st.lists(st.integers(0, 99), min_size=80, max_size=80))
def test_lottery(made: list[Load], tickets: list[int], quantum: int, draws: list[int]) -> None:
    tickets = tickets[: len(made)]
    draws *= 10
    schedule = simulate(jobs_of(made), LOTTERY(tickets, quantum, draws=draws))
    expected = play(made, Lottery(made, tickets, quantum, draws))
    assert timeline(schedule) == expected.ran
    for decision, (now, i, (draw, total, first)) in zip(
        schedule.ledger(), expected.choices, strict=True
    ):
        last = first + tickets[i] - 1
        owned = f"tickets {first} to {last}" if tickets[i] > 1 else f"ticket {first}"
        drawn = (
            f"Draw {draw} of {total} tickets falls"
            if draw < total
            else (f"Draw {draw}, which is {draw % total} of {total} tickets, falls")
        )
        assert (decision.time, decision.chosen) == (now, f"P{i + 1}")
        assert decision.reason == f"{drawn} on P{i + 1} ({owned})."


@ran
@given(loads(), weights, st.integers(1, 4), st.booleans())
def test_stride(made: list[Load], tickets: list[int], quantum: int, late: bool) -> None:
    tickets = tickets[: len(made)]
    policy = STRIDE(tickets, quantum, start="stride" if late else "global")
    agree(made, policy, Stride(made, tickets, quantum, late=late), lcm(*tickets))


def test_the_published_cases_are_there_and_name_their_source() -> None:
    assert len(OSTEP) == 18
    for case in OSTEP:
        assert case["source"]["script"] == "cpu-sched-lottery/lottery.py"
        assert set(case) == {"id", "source", "convention_notes", "input", "expected"}


@pytest.mark.parametrize("case", OSTEP, ids=[case["id"] for case in OSTEP])
def test_ostep_lottery(case: dict[str, Any]) -> None:
    told, quantum = case["input"], case["input"]["quantum"]
    jobs = [(str(job["id"]), job["arrival"], job["burst"]) for job in told["jobs"]]
    tickets = {str(job["id"]): job["tickets"] for job in told["jobs"]}
    schedule = simulate(jobs, LOTTERY(tickets, quantum, draws=told["draws"]))
    ledger = list(schedule.ledger())
    assert [d.chosen for d in ledger] == [str(c["job"]) for c in case["expected"]["choices"]]
    for decision, choice in zip(ledger, case["expected"]["choices"], strict=True):
        assert f"Draw {choice['draw']}" in decision.reason
        assert f" {choice['ticket']} of {choice['of']} tickets" in decision.reason
    done = case["expected"]["done"]
    assert sorted(schedule.completion, key=schedule.completion.__getitem__) == list(done)
    if all(job["burst"] % quantum == 0 for job in told["jobs"]):  # else its clock runs on
        assert schedule.completion == done
    else:
        assert all(schedule.completion[job] <= done[job] for job in done)


def test_the_published_cases_have_both_kinds_of_quantum() -> None:
    odd = [c for c in OSTEP if any(j["burst"] % c["input"]["quantum"] for j in c["input"]["jobs"])]
    assert 1 < len(odd) < len(OSTEP) - 1


@pytest.mark.parametrize("case", OSTEP, ids=[case["id"] for case in OSTEP])
def test_the_seed_of_a_case_makes_its_problem(case: dict[str, Any]) -> None:
    argv = case["source"]["argv"]
    given = {
        flag: argv[argv.index(flag) + 1] for flag in ("-s", "-j", "-m", "-T", "-l") if flag in argv
    }
    options = {
        name: int(given[flag])
        for flag, name in (("-j", "jobs"), ("-m", "maxlen"), ("-T", "maxticket"))
        if flag in given
    }
    if "-l" in given:
        pairs = [tuple(map(int, pair.split(":"))) for pair in given["-l"].split(",")]
        made = ostep_lottery(int(given["-s"]), [(length, tickets) for length, tickets in pairs])
    else:
        made = ostep_lottery(int(given["-s"]), **options)
    jobs = case["input"]["jobs"]
    assert [(j.name, j.arrival, j.burst) for j in made.workload.jobs] == [
        (str(job["id"]), 0, job["burst"]) for job in jobs
    ]
    assert made.tickets == {str(job["id"]): job["tickets"] for job in jobs}
    assert list(made.draws) == case["input"]["draws"]


def test_a_seed_is_a_fair_source_of_draws_and_the_same_everywhere() -> None:
    jobs = [("A", 0, 20), ("B", 0, 20)]
    schedule = simulate(jobs, LOTTERY({"A": 3, "B": 1}, seed=7))
    assert schedule.completion == simulate(jobs, LOTTERY([3, 1], seed=7)).completion
    assert "".join(piece.job for piece in schedule.slices()) == (
        "BABAAAABAAABABAABBBAAAAABAAABABBBBBBBBBB"
    )


def test_lottery_varies_as_the_binomial_law_says_and_stride_does_not() -> None:
    """Every sequence of draws once: each is as likely as any other."""
    for tickets, quanta in (((1, 1), 8), ((3, 1), 4)):
        total = sum(tickets)
        jobs = [("A", 0, quanta), ("B", 0, quanta)]
        got = [
            int(
                received(simulate(jobs, LOTTERY(tickets, draws=[*d, *[0] * quanta])), 0, quanta)[
                    "A"
                ]
            )
            for d in product(range(total), repeat=quanta)
        ]
        share = Fraction(tickets[0], total)
        assert Fraction(sum(got), len(got)) == quanta * share
        spread = Fraction(sum((n - quanta * share) ** 2 for n in got)) / len(got)
        assert spread == quanta * share * (1 - share)
        sure = received(simulate(jobs, STRIDE(tickets)), 0, quanta)["A"]
        assert sure == quanta * share


def test_stride_example_of_ostep() -> None:
    tickets = {"A": 100, "B": 50, "C": 250}
    jobs = [(name, 0, 10) for name in tickets]
    schedule = simulate(jobs, STRIDE(tickets, start="global"))
    assert "".join(piece.job for piece in schedule.slices())[:8] == "ABCCCACC"


@ran
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(1, 3), st.booleans())
def test_stride_is_never_a_quantum_off_between_two_jobs(
    tickets: list[int], quantum: int, late: bool
) -> None:
    span = 40 * quantum
    start = "stride" if late else "global"
    schedule = simulate([(0, span)] * len(tickets), STRIDE(tickets, quantum, start=start))
    for end in range(0, span + 1, quantum):
        got = list(received(schedule, 0, end).values())
        for (a, mine), (b, other) in combinations(zip(got, tickets, strict=True), 2):
            assert abs(a - Fraction((a + b) * mine, mine + other)) < quantum


def test_the_bound_of_stride_can_fail() -> None:
    jobs = [("A", 0, 40), ("B", 0, 40)]
    got = received(simulate(jobs, LOTTERY([1, 1], seed=0)), 0, 40)
    assert abs(got["A"] - 20) >= 1


def test_a_sleeper_cannot_save_up_its_share_in_stride() -> None:
    jobs = [("busy", 0, 40), Job("sleeper", 0, 21, io=[(1, 20)])]
    schedule = simulate(jobs, STRIDE({"busy": 1, "sleeper": 1}))
    back = 22
    got = received(schedule, back, back + 20)
    assert got == {"busy": 10, "sleeper": 10}
