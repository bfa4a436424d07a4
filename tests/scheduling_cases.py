"""What the scheduling tests share: random workloads, and every policy with every option."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from oracle import Rules

from vcloud_lab.scheduling import FCFS, RR, SJF, SRTF, Policy, Schedule, Time, simulate

TIES = ("arrival", "list")
ON_TIE = ("keep", "preempt")
ENQUEUE = ("arrival-first", "preempted-first")


def examples(count: int) -> settings:
    """`count` examples, or in proportion where a profile asks for fewer than 100."""
    return settings(max_examples=max(1, count * settings().max_examples // 100))


def all_rules(quanta: tuple[int, ...], cost: int = 0, charge: str = "between") -> list[Rules]:
    """Every policy with every combination of its options."""
    rules = [Rules("FCFS")]
    rules += [Rules("SJF", ties=ties) for ties in TIES]
    rules += [Rules("SRTF", ties=ties, on_tie=on_tie) for ties in TIES for on_tie in ON_TIE]
    rules += [Rules("RR", quantum=q, enqueue=enqueue) for q in quanta for enqueue in ENQUEUE]
    return [Rules(**{**vars(rule), "cost": cost, "charge": charge}) for rule in rules]


def policy_of(rules: Rules) -> Policy:
    """The package's policy for the oracle's rules."""
    if rules.policy == "SJF":
        return SJF(ties=rules.ties)
    if rules.policy == "SRTF":
        return SRTF(ties=rules.ties, on_tie=rules.on_tie)
    if rules.policy == "RR":
        return RR(rules.quantum, enqueue=rules.enqueue)
    return FCFS()


def schedule(jobs: list[tuple[Time, Time]], rules: Rules) -> Schedule:
    """The package's schedule for the oracle's jobs and rules."""
    return simulate(jobs, policy_of(rules), switch_cost=rules.cost, switch_charge=rules.charge)


@st.composite
def jobs_in_ticks(draw: st.DrawFn, most: int = 7) -> list[tuple[int, int]]:
    """Whole arrivals and bursts; small ranges make ties, wide ones idle gaps."""
    latest = draw(st.sampled_from([0, 4, 12, 30]))
    longest = draw(st.sampled_from([1, 3, 8]))
    job = st.tuples(st.integers(0, latest), st.integers(1, longest))
    return draw(st.lists(job, max_size=most))


def exact_times(least: int) -> st.SearchStrategy[Fraction]:
    """Fractions from `least`/10 up with small denominators."""
    return st.builds(Fraction, st.integers(max(least, 0), 30), st.sampled_from([1, 2, 3, 5, 10]))


def exact_jobs(most: int = 6) -> st.SearchStrategy[list[tuple[Fraction, Fraction]]]:
    """Jobs with fractional arrivals and bursts."""
    return st.lists(st.tuples(exact_times(0), exact_times(1)), max_size=most)
