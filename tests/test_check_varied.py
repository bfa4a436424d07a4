"""The kind of exercise that varies anything, reading addresses, and the judges of chapter 04."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab.check import kinds
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds import read_address
from vcloud_lab.check.registry import Task, find
from vcloud_lab.errors import GuestError

HINTS = ("one", "two", "three")


def doubled(**changes: Any) -> Task:
    """Ask for twice a number."""

    def judge(answer: Any, case: int) -> tuple[bool, str] | tuple[bool, str, str]:
        if answer == "misread":
            raise Misread("write a number.")
        if answer == "refused":
            raise GuestError("no guest.")
        if answer == case:
            return False, "that is the number itself.", "not-doubled"
        return answer + 0 == 2 * case, f"it is {2 * case}."

    options: dict[str, Any] = {
        "title": "t",
        "original": 3,
        "draw": lambda rng: rng.randrange(0, 4),
        "ask": lambda case: f"Twice {case}?",
        "judge": judge,
        "right": lambda case: [2 * case],
        "wrong": lambda case: [(case, "not-doubled"), 17],
        "hints": HINTS,
        "form": "a number",
    }
    return kinds.varied("99.varied", **options | changes)


def test_the_case_is_drawn_from_the_seed_and_the_original_is_kept() -> None:
    task = doubled()
    assert task.seeded
    assert task.statement(None) == "99.varied t\n\nTwice 3?"
    drawn = [task.statement(seed) for seed in range(30)]
    assert drawn == [task.statement(seed) for seed in range(30)]
    assert len({text.split("\n", 1)[1] for text in drawn}) == 4
    assert Random("99.varied/5").randrange(0, 4) * 2 == task.right(5)[0]
    assert task.statement(5).startswith("99.varied t (variant 5)")


def test_judgements_become_outcomes_and_nothing_is_raised() -> None:
    judge = doubled().judge
    assert judge(6, None) == (True, "it is 6.", None)
    assert judge(3, None) == (False, "that is the number itself.", "not-doubled")
    assert judge("misread", None) == (False, "write a number.", None)
    assert judge("refused", None) == (False, "no guest.", None)
    assert judge([], None) == (False, "that cannot be read as an answer; give a number.", None)


def test_a_wrong_answer_that_is_right_on_a_variant_is_left_out_there_and_kept_at_first() -> None:
    task = doubled()
    assert [one.name for one in task.wrong(None)] == ["not-doubled", None]
    always_zero = doubled(draw=lambda rng: 0, wrong=lambda case: [(0, "zero"), 17])
    assert [one.answer for one in always_zero.wrong(1)] == [17]
    broken = doubled(original=0, wrong=lambda case: [(0, "zero")])
    assert len(broken.wrong(None)) == 1  # and the rule in test_check_examples refuses it


@given(st.integers(0, 1 << 34))
def test_addresses_are_read_as_numbers_and_as_hexadecimal_text(at: int) -> None:
    for text in (hex(at), f"{at:08x}", f" {at:X} ", f"{at:_x}"):
        assert read_address(text) == at
    assert read_address(at) == at


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (True, "that is of type bool; give an address, such as 0x80001234."),
        (1.5, "that is of type float; give an address, such as 0x80001234."),
        ("page 3", 'the text "page 3" is no hexadecimal number; write it like "80001234".'),
    ],
)
def test_what_is_no_address_gets_a_sentence(answer: object, sentence: str) -> None:
    with pytest.raises(Misread) as caught:
        read_address(answer)
    assert str(caught.value) == sentence


# --- Chapter 04 -----------------------------------------------------------------------------------

TABLES = find("04.2")
GOOD: dict[int, int] = TABLES.right(None)[0]  # type: ignore[assignment]
SECOND = 0x80002000


def without(at: int) -> dict[int, int]:
    return {place: word for place, word in GOOD.items() if place != at}


SPOILED: dict[str, tuple[object, str]] = {
    "a leaf is missing": (without(SECOND + 4), "00401000 cannot be read"),
    "no dict": ([1], "of type list"),
    "no whole number": ({SECOND: 1.5}, "1.5 is no whole number"),
    "between two entries": (GOOD | {SECOND + 2: 1}, "stand every 4 bytes"),
    "beyond 32 bits": (GOOD | {SECOND: 1 << 32}, "does not fit into 32 bits"),
    "empty": ({}, "has no entries"),
    "another page": (GOOD | {SECOND + 4: 0x80999 << 10 | 11}, "leads to 80999000"),
    "a page of 4 MiB": (GOOD | {0x80001004: 0x80000 << 10 | 11}, "a page of 4 MiB"),
    "a large page besides": (GOOD | {0x80001FFC: 0x80000 << 10 | 11}, "also map ffc00000"),
    "the table as a leaf": (GOOD | {0x80001004: GOOD[0x80001004] | 2}, "has V alone"),
    "open to the user": (GOOD | {SECOND + 4: GOOD[SECOND + 4] | 16}, "must not have the bit U"),
    "closed to the user": (GOOD | {SECOND + 16: GOOD[SECOND + 16] & ~16}, "needs the bit U"),
    "may be written": (GOOD | {SECOND + 4: GOOD[SECOND + 4] | 4}, "may be written"),
}


@pytest.mark.parametrize(("answer", "words"), SPOILED.values(), ids=SPOILED.keys())
def test_tables_are_refused_with_what_is_wrong(answer: object, words: str) -> None:
    outcome = TABLES.judge(answer, None)
    assert outcome.right is False
    assert words in outcome.text


def test_tables_may_lie_in_any_of_the_free_pages_and_hold_a_and_d_bits() -> None:
    moved = {at if at < SECOND else at + 0x1000: word for at, word in GOOD.items()}
    moved = {at: word + (4 << 8) if at < SECOND else word | 0xC0 for at, word in moved.items()}
    assert moved != GOOD
    assert TABLES.judge(moved, None).right is True


@pytest.mark.parametrize(
    ("task", "answer", "words"),
    [
        ("04.1", "80777abd", "another offset"),
        ("04.1", "80778abc", "another page"),
        ("04.3", "BA D,ce", "each reason is in the entry"),
        ("04.3", 5, "of type int"),
        ("04.3", "bacce", "4 of 5 are right; look at number 3"),
        ("04.3", "aadce", "W without R"),
        ("04.3", "badae", "4 of 5 are right; look at number 4: which of V"),
        ("04.3", "badbe", "look at number 4: the entry is not valid? Check V"),
        ("04.9", {"own": 4, "kept": 3, "copied": 2}, "4 own, 3 kept, 2 copied"),
        ("04.9", [4, 99, 2], "kept is not 99"),
        ("04.10", [1, 2, 3, 4, 5] * 2, "must be the larger one"),
        ("04.10", [1, 2, 3], "at most 4 pages"),
        ("04.10", {1: 2}, "of type dict"),
        ("04.10", [True], "True is no page number"),
        ("04.13", 3, "of type int"),
    ],
)
def test_sentences_of_the_judges(task: str, answer: object, words: str) -> None:
    assert words in find(task).judge(answer, None).text


def test_a_policy_is_judged_by_its_faults() -> None:
    judge = find("04.13").judge

    def stub(held: Any, past: Any) -> Any: ...

    def unwritten(held: Any, past: Any) -> Any:
        raise NotImplementedError

    def endless(held: Any, past: Any) -> Any:
        while True:
            pass

    choices: dict[Callable[..., Any], bool | None] = {stub: None, unwritten: None, endless: False}
    for choose, right in choices.items():
        assert judge(choose, None).right is right
    half = Random(1)
    mixed = judge(lambda held, past: held[half.randrange(2)], None)
    assert mixed.right is False
    assert "LRU" in mixed.text
