"""Reading answers and comparing them: every sentence once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab import Workload
from vcloud_lab.check import answers
from vcloud_lab.check.answers import Misread, close, coarse, exactly, is_open, same, table, tell

THIRD = Fraction(17, 3)
NUMBERS = [
    (17, 17),
    (5.5, Fraction(11, 2)),
    (Fraction(17, 3), THIRD),
    ("17/3", THIRD),
    (" 0.4 ", Fraction(2, 5)),
    ("46.5 %", Fraction(93, 200)),
    (Decimal("2.5"), Fraction(5, 2)),
    (np.float64(0.4), Fraction(2, 5)),
    (np.int64(3), 3),
    (np.array(7), 7),
]
MISREAD = [
    (True, "True is a truth value; give one number."),
    (np.True_, "True is a truth value; give one number."),
    (float("nan"), "nan is not a number that can be right; give one number."),
    (np.float64("inf"), "inf is not a number that can be right; give one number."),
    (Decimal("NaN"), "NaN is not a number that can be right; give one number."),
    ("five", 'the text "five" cannot be read as a number; give one number, such as 17/3 or 5.67.'),
    ("1/0", 'the text "1/0" cannot be read as a number; give one number, such as 17/3 or 5.67.'),
    ("nan", 'the text "nan" cannot be read as a number; give one number, such as 17/3 or 5.67.'),
    (
        "5.75 ticks",
        'the text "5.75 ticks" cannot be read as a number; write 5.75, without the unit.',
    ),
    (
        "5,75",
        'the text "5,75" cannot be read as a number; write 5.75, with a point instead of the '
        "comma.",
    ),
    (
        "-5,75s",
        'the text "-5,75s" cannot be read as a number; write -5.75, without the unit and with a '
        "point instead of the comma.",
    ),
    ({"P1": 3}, "that is a table of 1 entries; give one number."),
    ([1, 2], "that is a list of 2; give one number."),
    (len, "that is a function; call it, or give one number."),
    (1j, "that is of type complex; give one number."),
    (10**400, "that number has more than 300 digits: that is out of reach; write less."),
    (
        "1e999999999",
        'the text "1e999999999" cannot be read as a number; give one number, such as 17/3 or 5.67.',
    ),
]


@pytest.mark.parametrize(("answer", "value"), NUMBERS)
def test_numbers_are_read_exactly(answer: object, value: object) -> None:
    assert answers.number(answer) == value


@pytest.mark.parametrize(("answer", "sentence"), MISREAD)
def test_what_is_no_number_gets_a_sentence(answer: object, sentence: str) -> None:
    with pytest.raises(Misread) as caught:
        answers.number(answer)
    assert str(caught.value) == sentence


TABLES: list[tuple[Any, str]] = [
    ([1], "your list has 1 entries; give one number for each of A, B."),
    (3, "that is of type int; give a table: one number for each of A, B."),
    ({"A": 1, "C": 2}, "there is no job 'C' here; give one number for each of A, B."),
    ({"A": 1}, "your table has nothing for B; give one number for each of A, B."),
    ({"A": 1, "B": [2]}, "that is a list of 1; give one number for B."),
]


@pytest.mark.parametrize(("answer", "sentence"), TABLES)
def test_what_is_no_table_gets_a_sentence(answer: object, sentence: str) -> None:
    with pytest.raises(Misread) as caught:
        table(answer, ("A", "B"))
    assert str(caught.value) == sentence


def test_tables_are_read_from_mappings_and_lists() -> None:
    assert table({"B": "1/2", "A": 1}, ("A", "B")) == {"A": 1, "B": Fraction(1, 2)}
    assert table((1, 0.5), ("A", "B")) == {"A": 1, "B": Fraction(1, 2)}


@pytest.mark.parametrize(
    "answer", [..., None, [1, ...], (..., 2), {"P1": ...}, {...: 3}, [("P1", ..., 4)]]
)
def test_dots_anywhere_mean_not_attempted(answer: object) -> None:
    assert is_open(answer)


@pytest.mark.parametrize("answer", [0, "", [], {}, [None], np.zeros(2), [np.zeros(2)], "..."])
def test_everything_else_is_an_answer(answer: object) -> None:
    assert not is_open(answer)


def test_three_digits_are_enough_and_two_are_not() -> None:
    assert close(Fraction("5.667"), THIRD)
    assert close(Fraction("5.67"), THIRD)
    assert not close(Fraction("5.7"), THIRD)
    assert coarse(Fraction("5.7"), THIRD)
    assert coarse(12, Fraction(35, 3))
    assert coarse(Fraction("0.033"), Fraction(1, 30))
    assert not coarse(5, THIRD)
    assert not coarse(17, 17)
    assert not close(Fraction("123.5"), Fraction("123.4567"))
    assert close(Fraction("0.0333"), Fraction(1, 30))
    assert not close(Fraction("0.034"), Fraction(1, 30))
    assert close(0, 0)
    assert not close(Fraction("0.001"), 0)
    assert close(51, 50, within=3)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (6, THIRD),
        (6, Fraction(23, 4)),
        (Fraction("0.7"), Fraction(2, 3)),
        (Fraction("0.03"), Fraction(1, 30)),
    ],
)
def test_one_right_digit_is_not_called_rounding(answer: Any, value: Fraction) -> None:
    assert not coarse(answer, value)


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=60))
def test_a_float_of_the_right_value_is_right(value: Fraction) -> None:
    assert close(answers.number(float(value)), value)
    assert close(answers.number(round(float(value), 3)), value) or abs(value) < Fraction(1, 2)


def test_results_are_compared_part_by_part() -> None:
    assert same({"A": [1, 2.0]}, {"A": (1, Fraction(2))})
    assert same(5.667, THIRD)
    assert not same({"A": 1}, {"A": 1, "B": 2})
    assert not same([1], [1, 2])
    assert not same("ab", ["a", "b"])
    assert not same(1, True)
    assert not same(None, 0)
    assert same(1j, 1j)
    assert not same(3, [3])
    assert not same(count(), [0, 1])


def test_values_are_told_in_short() -> None:
    assert tell({"A": THIRD, "B": [1, (2,)]}) == "{'A': 17/3, 'B': [1, (2,)]}"
    assert len(tell(list(range(10_000)))) <= 300
    assert exactly(THIRD) == "17/3 (about 5.667)"
    assert exactly(17) == "17"
    assert exactly(Fraction(5, 2)) == "2.5"

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    assert tell(Rude()) == "an object of type Rude"
    assert "Workload" in tell(Workload([(0, 1)]))
