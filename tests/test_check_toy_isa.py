"""Exercises about a toy processor: the sets that are asked for, and what is said of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from vcloud_lab.check import kinds
from vcloud_lab.check.kinds.toy_isa import Instruction, toy_processor
from vcloud_lab.check.registry import Task
from vcloud_lab.errors import CheckError

HINTS = ("Look left.", "Look right.", "Compare.")
# Written by hand, from the words alone: what these do is none of the program's own business.
MACHINE = ("interrupts", "memory", "processor", "level", "timer")


def task(which: str, id: str = "97.1") -> Task:
    return kinds.toy_set(id, title="A toy", ask="Which?", which=which, hints=HINTS)


def read(statement: str) -> list[tuple[str, str, str]]:
    """The table of a statement: name, at kernel level, at user level."""
    rows = statement.split("\n\n")[2].splitlines()[1:]
    return [(row[:7].strip(), row[7:45].strip(), row[45:].strip()) for row in rows]


def sensitive_by_words(kernel: str) -> bool:
    """Whether words say that the machine's state is changed or shown, by a rule of their own."""
    if kernel.startswith(("reads a word", "writes a word")):
        return False
    return any(word in kernel for word in MACHINE)


@pytest.mark.parametrize("seed", [None, *range(40)])
def test_the_sets_follow_from_the_words(seed: int | None) -> None:
    sensitive, critical = task("sensitive"), task("critical")
    rows = read(sensitive.statement(seed))
    assert rows == read(critical.statement(seed))
    assert len(rows) == len({name for name, _, _ in rows}) == 8
    expected = {name for name, kernel, _ in rows if sensitive_by_words(kernel)}
    assert set(sensitive.right(seed)[0]) == expected
    silent = {name for name, kernel, user in rows if name in expected and user != "trap"}
    assert set(critical.right(seed)[0]) == silent
    assert len(expected) == 4
    assert any(user == "trap" and name not in expected for name, _, user in rows)


def test_some_variants_can_be_virtualized_and_some_cannot() -> None:
    holes = [sum(row.critical for row in toy_processor("97.1", seed)) for seed in range(40)]
    assert {0, 1, 2, 3} <= set(holes)
    assert 5 <= holes.count(0) <= 20
    assert any(row.critical for row in toy_processor("97.1", None))


TOY = (
    Instruction("ADD", "adds two registers", "the same"),
    Instruction("NAP", "does nothing", "trap"),
    Instruction("INTR", "switches interrupts on or off", "does nothing", "changes"),
    Instruction("MODE", "shows the level in a register", "the same", "shows"),
    Instruction("HALT", "stops the processor", "trap", "changes"),
)
SAID: list[tuple[str, Any, str | None, str]] = [
    ("sensitive", ["INTR", "MODE", "HALT"], None, "these change or show the state of the machine."),
    ("sensitive", "nap halt", "privileged-for-sensitive", "those are the privileged ones"),
    ("sensitive", ["HALT"], "only-what-traps", "left out those that do not trap"),
    ("sensitive", {"MODE", "INTR"}, "critical-for-sensitive", "the ones that trap are sensitive"),
    ("sensitive", ("INTR", "HALT"), "showing-forgotten", "only shows the state"),
    (
        "sensitive",
        ["ADD", "INTR", "MODE", "HALT"],
        None,
        "look at ADD first: it leaves the state of the machine alone, and it does not trap. "
        "So it does not belong to them.",
    ),
    (
        "sensitive",
        [],
        None,
        "look at INTR first: it changes the state of the machine, and it does not trap. "
        "So it belongs to them.",
    ),
    ("critical", "INTR, MODE", None, "as long as INTR, MODE do not trap, trapping is not enough."),
    ("critical", ["INTR", "MODE", "HALT"], "sensitive-for-critical", "all the sensitive ones"),
    ("critical", ["intr"], "showing-forgotten", "shows the state of the machine without a trap"),
    ("critical", ["ADD", "INTR", "MODE"], "unprivileged-for-critical", "all that do not trap"),
    (
        "critical",
        ["INTR", "MODE", "NAP"],
        None,
        "look at NAP first: it leaves the state of the machine alone, and it traps at user level. "
        "So it does not belong to them.",
    ),
    ("critical", 5, None, "that is of type int; give a list of names, such as ['ADD', 'LOAD']"),
    ("critical", [5], None, "an entry is of type int; give a list of names"),
    ("critical", "POPF", None, "there is no instruction 'POPF' here, only ADD, NAP, INTR, MODE"),
]


@pytest.mark.parametrize(("which", "answer", "name", "said"), SAID)
def test_what_is_said(
    monkeypatch: pytest.MonkeyPatch, which: str, answer: Any, name: str | None, said: str
) -> None:
    monkeypatch.setattr("vcloud_lab.check.kinds.toy_isa.toy_processor", lambda key, seed: TOY)
    outcome = task(which).judge(answer, None)
    assert outcome.right is ("these change" in said or "as long as" in said)
    assert outcome.misconception == name
    assert said in outcome.text


def test_a_processor_that_traps_enough_is_praised(monkeypatch: pytest.MonkeyPatch) -> None:
    good = tuple(row for row in TOY if not row.critical)
    monkeypatch.setattr("vcloud_lab.check.kinds.toy_isa.toy_processor", lambda key, seed: good)
    assert task("critical").judge([], None) == (
        True, "every sensitive instruction traps, so this processor can be virtualized.", None,
    )  # fmt: skip


def test_another_set_is_refused() -> None:
    with pytest.raises(CheckError) as caught:
        task("privileged")
    assert str(caught.value) == (
        "Task '97.1' asks for the 'privileged' instructions: there are sensitive, critical; "
        "choose one."
    )
