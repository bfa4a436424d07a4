"""Handing answers in: check, hint, variant, reset, predict, reveal; and the way they show."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vcloud_lab import FCFS, RR, SRTF, Workload
from vcloud_lab.check import (
    check,
    hint,
    kinds,
    predict,
    progress,
    reset,
    reveal,
    solved,
    statement,
    tasks,
    variant,
)
from vcloud_lab.check.registry import find, of_chapter
from vcloud_lab.check.verdict import LOOKS, Note, Verdict
from vcloud_lab.errors import CheckError

HINTS = ("Draw the chart.", "Read the completions.", "waiting = end - arrival - burst")
THREE = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 4, 2)])
MODULE = '''
"""Tasks of chapter 96."""
from vcloud_lab import RR, Workload
from vcloud_lab.check.kinds import choice, number

CHAPTER = "examples"
number("96.1", title="Mean waiting time", workload=Workload([(0, 4), (2, 3), (4, 2)]),
       policy=RR(2), hints=("Draw.", "Read.", "Subtract."), wrong=["turnaround-for-waiting"])
choice("96.2", title="Choose", ask="Which?", options={"a": "this", "b": "that"}, right="a",
       why={"a": "it is.", "b": "it is not."}, hints=("Look.", "Look again.", "Think."))
STUBS = {"96.1": "wait = ...\\ncheck('96.1', wait)"}
'''


@pytest.fixture(autouse=True)
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A chapter 96 among the modules of the course, as the build would write it."""
    (tmp_path / "ch96.py").write_text(MODULE, "utf-8")
    monkeypatch.setattr(tasks, "__path__", [str(tmp_path)])
    monkeypatch.setitem(sys.modules, "vcloud_lab.check.tasks.ch96", None)
    del sys.modules["vcloud_lab.check.tasks.ch96"]
    for task in [t for t in find_all() if t.startswith("96.")]:
        del find_all()[task]
    progress.reset()
    yield tmp_path
    progress.reset()


def find_all() -> dict[str, Any]:
    from vcloud_lab.check import registry

    return registry._TASKS


def test_an_answer_gets_one_sentence() -> None:
    assert repr(check("96.1", 8 / 3)) == (
        "✓ 96.1 correct: the mean waiting time is 8/3 (about 2.667)."
    )
    assert repr(check("96.1", 17 / 3)) == (
        "✗ 96.1 not yet: that is the mean turnaround time, which counts the run time too; "
        "take each burst away."
    )
    assert repr(check("96.1", 1000)) == (
        "✗ 96.1 not yet: 1000 is not the mean waiting time, and none of the common slips gives "
        'it. hint("96.1") takes you one step on.'
    )
    for nothing in (..., None, [...]):
        assert repr(check("96.1", nothing)) == (
            "○ 96.1 not attempted: replace ... by one number, then run the cell again."
        )
    assert repr(check("96.2", "That")) == "✗ 96.2 not yet: it is not."
    assert (
        repr(check("96.2", "c"))
        == "✗ 96.2 not yet: 'c' is none of the options; give one of 'a', 'b'."
    )
    assert repr(check("96.2", 1)) == "✗ 96.2 not yet: that is of type int; give one of 'a', 'b'."
    assert bool(check("96.2", "a")) is True
    assert not check("96.2")


def test_an_answer_that_cannot_even_be_read_gets_a_sentence() -> None:
    class Broken:
        shape = ()

        def item(self) -> float:
            raise RuntimeError

    verdict = check("96.1", Broken())
    assert verdict.right is False
    assert verdict.text == "that cannot be read; give one number."


def test_what_is_open_is_not_recorded() -> None:
    check("96.1", ...)
    assert progress.load()["tasks"] == {}
    check("96.1", 17 / 3)
    assert not solved("96.1")
    check("96.1", "8/3")
    assert solved("96.1")
    entry = progress.load()["tasks"]["96.1"]
    assert (entry["attempts"], entry["misconceptions"]) == (2, {"turnaround-for-waiting": 1})


def test_hints_come_one_by_one() -> None:
    assert repr(hint("96.1")) == "96.1, hint 1 of 3: Draw."
    assert repr(hint("96.1")) == "96.1, hint 2 of 3: Read."
    assert repr(hint("96.1", 1)) == "96.1, hint 1 of 3: Draw."
    assert repr(hint("96.1")) == "96.1, hint 3 of 3: Subtract."
    assert repr(hint("96.1")) == "96.1, hint 3 of 3: Subtract."


def test_a_variant_is_another_workload_with_its_own_answer() -> None:
    seven = variant("96.1", 7)
    assert repr(seven) == repr(variant("96.1", seed=7))
    assert seven.workload != statement("96.1").workload
    assert repr(statement("96.1")).splitlines()[2:] == [
        "Find the mean waiting time under RR q=2.",
        "",
        "job  arrival  burst",
        "P1         0      4",
        "P2         2      3",
        "P3         4      2",
    ]
    assert repr(seven).startswith("96.1 Mean waiting time (variant 7)\n")
    right = find("96.1").right(7)[0]
    assert check("96.1", right, seed=7)
    assert not solved("96.1")
    assert progress.load()["tasks"]["96.1"]["variants"] == [7]


def test_reset_gives_the_cell_back(monkeypatch: pytest.MonkeyPatch) -> None:
    check("96.1", "8/3")
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert repr(reset("96.1")) == "wait = ...\ncheck('96.1', wait)"
    assert not solved("96.1")
    cells: list[str] = []
    shell = SimpleNamespace(set_next_input=lambda text, replace: cells.append(text))
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert repr(reset("96.1")) == "96.1 is as it was: the original cell is below."
    assert cells == ["wait = ...\ncheck('96.1', wait)"]


def test_the_summary_counts_by_chapter() -> None:
    assert progress.summary() == "96 examples: 0 of 2 solved"
    check("96.1", "8/3")
    check("96.2", "b")
    assert progress.summary() == "96 examples: 1 of 2 solved, 1 tried"


def test_a_course_without_exercises_says_so(chapter: Path) -> None:
    (chapter / "ch96.py").unlink()
    assert progress.summary() == "There are no exercises yet."


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: check("96.9", 1),
        "There is no task '96.9': chapter 96 has 96.1, 96.2; use one of these.",
    ),
    (
        lambda: check("95.1", 1),
        "There is no task '95.1': a task is named by chapter and number, and the chapters with "
        "tasks are 96; write it like '06.1'.",
    ),
    (
        lambda: check(96.1, 1),  # type: ignore[arg-type]
        "There is no task 96.1: a task is named by chapter and number, and the chapters with "
        "tasks are 96; write it like '06.1'.",
    ),
    (lambda: hint("96.1", 4), "Hint 4 does not exist: levels go from 1 to 3; choose one."),
    (
        lambda: hint("96.1", 2.0),  # type: ignore[arg-type]
        "Hint 2.0 does not exist: levels go from 1 to 3; choose one.",
    ),
    (
        lambda: check("96.1", 1, seed="x"),  # type: ignore[arg-type]
        "The seed is 'x': it must be a whole number; try seed=1.",
    ),
    (
        lambda: variant("96.1", None),  # type: ignore[arg-type]
        "The seed is None: a variant needs a whole number; try seed=1.",
    ),
    (
        lambda: variant("96.2", 1),
        "Task '96.2' has no variants: it is the same for every seed; leave the seed out.",
    ),
    (
        lambda: reset("96.2"),
        "Task '96.2' has no original cell: only the exercises of the course have one; "
        "undo your changes by hand.",
    ),
    (
        lambda: kinds.number("6.1", title="t", workload=THREE, policy=RR(2), hints=HINTS),
        "The task id '6.1' is not one: it must be chapter, dot, number; write it like '06.1'.",
    ),
    (
        lambda: kinds.number("97.1", title="t", workload=THREE, policy=RR(2), hints=HINTS[:2]),
        "Task '97.1' has 2 hints: it must have 3 texts, the last of which shows the method; "
        "write them.",
    ),
    (
        lambda: kinds.choice(
            "97.1", title="t", ask="?", options={"a": "A"}, right="b", why={}, hints=HINTS
        ),
        "Task '97.1' has the options a: the right one must be among them and each needs its "
        "sentence in why; add what is missing.",
    ),
    (
        lambda: kinds.function("97.1", title="t", ask="?", cases=lambda r, n: (n,), hints=HINTS),
        "Task '97.1' has nothing to judge a function by: it needs an oracle, or a rule and a "
        "right answer; give one.",
    ),
    (
        lambda: kinds.number(
            "97.1", title="t", workload=THREE, policy=FCFS(), hints=HINTS, wrong=["idle-gap-lost"]
        ).wrong(None),
        "Task '97.1' records the misconception 'idle-gap-lost', which gives the right answer "
        "there: a wrong answer must be wrong; choose other jobs or drop it.",
    ),
    (
        lambda: predict(3, 4),  # type: ignore[arg-type]
        "The prediction is called 3: a name is a text; write it like '06.convoy'.",
    ),
    (
        lambda: reveal("96.x", [1]),
        "The result of '96.x' is [1]: a result is a number, a text or a truth value; "
        "that is a list of 1; give a number, a word, or True or False.",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[text[:40] for _, text in REFUSED])
def test_what_does_not_exist_is_refused(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(CheckError) as caught:
        call()
    assert str(caught.value) == sentence


def test_a_chapter_cannot_define_an_id_twice(chapter: Path) -> None:
    line = 'choice("96.2", title="t", ask="?", options={"a": "A"}, right="a", why={"a": "."}, '
    line += 'hints=("1", "2", "3"))\n'
    (chapter / "ch96.py").write_text(MODULE + line, "utf-8")
    with pytest.raises(CheckError, match=r"Task '96\.2' is defined twice"):
        of_chapter("96")


def test_predictions_are_kept_and_compared() -> None:
    assert repr(predict("06.x", ...)) == (
        "○ 06.x: no prediction yet; replace ... by your guess and run the cell again."
    )
    assert repr(predict("06.x", [1])) == (
        "○ 06.x: no prediction yet; that is a list of 1; give a number, a word, or True or False."
    )
    assert repr(reveal("06.x", 17)) == "○ 06.x: you made no prediction; it is 17."
    assert progress.load()["predictions"] == {}
    assert repr(predict("06.x", 5.5)) == "● 06.x: your prediction is 5.5. Run on and see."
    assert repr(predict("06.x", 17)) == (
        "● 06.x: your first prediction, 5.5, is the one that counts; 17 is noted."
    )
    assert repr(reveal("06.x", 17)) == (
        "✗ 06.x: you predicted 5.5, but it is 17: 11.5 too low, less than half."
    )
    assert progress.load()["predictions"]["06.x"] == {
        "first": "11/2",
        "last": "17",
        "attempts": 2,
        "actual": "17",
    }


REVEALED = [
    (5.667, "17/3", None, "✓ k: you predicted 5.667, and it is 17/3 (about 5.667): spot on."),
    (48, 50, 3, "✓ k: you predicted 48, and it is 50: close enough."),
    (48, 50, None, "✗ k: you predicted 48, but it is 50: 2 too low, within a tenth."),
    (60, 50, None, "✗ k: you predicted 60, but it is 50: 10 too high, though of the right order."),
    (100, 40, None, "✗ k: you predicted 100, but it is 40: 60 too high, 2.5 times as much."),
    (20, 40, None, "✗ k: you predicted 20, but it is 40: 20 too low, half of it."),
    (-1, 4, None, "✗ k: you predicted -1, but it is 4: 5 too low."),
    (0, 0, None, "✓ k: you predicted 0, and it is 0: spot on."),
    ("srtf", "SRTF", None, "✓ k: you predicted srtf, and it is SRTF."),
    (True, False, None, "✗ k: you predicted True, but it is False."),
]


@pytest.mark.parametrize(("guess", "actual", "tolerance", "sentence"), REVEALED)
def test_how_far_off_in_words(guess: Any, actual: Any, tolerance: Any, sentence: str) -> None:
    predict("k", guess)
    assert repr(reveal("k", actual, tolerance=tolerance)) == sentence


CHARTS = [
    ("chart", "that is of type str; give a list of (job, start, end)."),
    ([(1, 2)], "entry 1 of your chart is (1, 2); give a list of (job, start, end)."),
    ([("P1", 3, 3)], "entry 1 of your chart runs from 3 to 3; the end comes after the start."),
    ([("Q", 0, 3)], "entry 1 of your chart names 'Q'; the jobs are P1, P2, P3."),
    ([("P1", 0, 3), ("P2", 2, 3)], "P1 and P2 both run at t=2; one CPU runs one job at a time."),
    ([("P1", 0, "x")], 'the text "x" cannot be read as a number; give a time in entry 1, such'),
    (
        [("P1", 0, 4), ("P2", 4, 5), ("idle", 5, 6), ("P3", 6, 8), ("P2", 8, 10)],
        "at t=4 your chart runs P2, but P3 has the CPU.",
    ),
    ([("P1", 0, 4), ("P3", 5, 7), ("P2", 7, 10)], "at t=4 your chart leaves the CPU idle, but P3"),
    ([("P2", 0, 3), ("P1", 3, 7), ("P3", 7, 9)], "P2 runs at t=0 in your chart, but it arrives"),
    (
        [("P1", 0, 4), ("P3", 4, 6)],
        "at t=6 your chart leaves the CPU idle, but P2 has the CPU. P2 is the only job that is "
        "ready. P2 runs for 0 in your chart; its burst is 3.",
    ),
]


@pytest.mark.parametrize(("chart", "sentence"), CHARTS)
def test_charts_are_judged_in_words(chart: Any, sentence: str) -> None:
    shorter = Workload([("P1", 0, 4), ("P2", 2, 3), ("P3", 3, 2)])
    kinds.gantt("97.3", title="t", workload=shorter, policy=SRTF(), hints=HINTS)
    assert check("97.3", chart).text.startswith(sentence)


def test_a_chart_may_fail_while_the_cpu_switches() -> None:
    kinds.gantt("97.4", title="t", workload=THREE, policy=FCFS(), switch_cost=1, hints=HINTS)
    chart = [("P1", 0, 4), ("P2", 4, 7), ("P3", 8, 10)]
    assert "the CPU is still switching" in check("97.4", chart).text


def add(a: int, b: int) -> int:
    return a + b


FUNCTIONS: list[tuple[Any, bool | None, str]] = [
    (add, True, "your function is right on 48 hidden cases."),
    (5, False, "that is of type int; give the function itself, not its result."),
    (lambda a, b: a - b, False, "for 1, 1 your function returns 0; 2 is right."),
    (lambda a, b: [a], False, "for 1, 1 your function returns [1]; 2 is right."),
    (lambda a, b: None or [].append(a), False, "for 1, 1 your function returns nothing; is a"),
    (lambda a: a, False, "your function takes 1 argument; it must take (a, b)."),
    (lambda: 1, False, "your function takes no arguments; it must take (a, b)."),
    (lambda a, b, c: a, False, "your function takes 3 arguments; it must take (a, b)."),
    (lambda *both: sum(both), True, "your function is right on 48 hidden cases."),
    (lambda a, *, b: a, False, "for 1, 1 your function raised TypeError: "),
    (dict, False, "for 1, 1 your function raised TypeError: "),
    (lambda a, b: [][a], False, "for 1, 1 your function raised IndexError: list index out of"),
    (lambda a, b: [..., a], None, "replace ... by the body of your function"),
    (lambda a, b: ..., None, "replace ... by the body of your function, then run the cell again."),
]


@pytest.mark.parametrize(("answer", "right", "sentence"), FUNCTIONS)
def test_functions_are_judged_in_words(answer: Any, right: bool | None, sentence: str) -> None:
    kinds.function("97.5", title="t", ask="?", cases=lambda r, n: (n, 1), oracle=add, hints=HINTS)
    verdict = check("97.5", answer)
    assert verdict.right is right
    assert verdict.text.startswith(sentence)
    assert ("97.5" in progress.load()["tasks"]) is (right is not None)


def test_a_rule_judges_what_has_no_single_answer() -> None:
    def positive(args: tuple[Any, ...], result: Any) -> str | None:
        return None if result > 0 else "it must be above 0."

    kinds.function(
        "97.6",
        title="t",
        ask="?",
        cases=lambda r, n: (n,),
        rule=positive,
        right=[lambda n: 1],
        names=lambda args, result: ("sign", "The sign is wrong."),
        hints=HINTS,
    )
    assert check("97.6", lambda n: n)
    verdict = check("97.6", lambda n: -n)
    assert verdict.text == "for 1 your function returns -1: it must be above 0. The sign is wrong."
    assert verdict.misconception == "sign"
    assert "cannot be read as a result" in check("97.6", lambda n: "x").text


def test_examples_to_build_are_judged_in_words() -> None:
    kinds.workload(
        "97.7",
        title="t",
        ask="?",
        shows=kinds.more_than("waiting", FCFS(), SRTF(), times=5),
        right=[],
        hints=HINTS,
        most=3,
    )
    said = {
        5: "that is of type int; give a Workload or a list of (name, arrival, burst).",
        (): "your workload has 0 jobs; give 1 to 3.",
        ((0, -1),): "Job 'P1' has burst -1: it must be above 0; leave the job out if it has "
        "nothing to do; change the burst.",
        (
            (0, 1),
        ): "the mean waiting time is 0 under FCFS and 0 under SRTF; make both larger than 0, "
        "so that they can be compared.",
        ((0, 3), (0, 1)): "the mean waiting time is 1.5 under FCFS and 0.5 under SRTF; that is 3 "
        "times as much, and at least 5 is asked.",
        ((0, 9), (0, 1)): "the mean waiting time is 4.5 under FCFS and 0.5 under SRTF, at least 5 "
        "times as much.",
    }
    for answer, sentence in said.items():
        assert check("97.7", answer).text == sentence


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_html_twin_says_the_same_without_colour() -> None:
    for right, look in LOOKS.items():
        verdict = Verdict("06.1", right, "a < b.")
        html = verdict._repr_html_()
        assert 'role="status"' in html
        assert f"color:{look.ink};background:{look.paper}" in html
        words = re.sub(r"<[^>]+>", "", html).replace("&lt;", "<")
        assert words == repr(verdict)
        light, dark = luminance(look.paper) + 0.05, luminance(look.ink) + 0.05
        assert light / dark > 7


def test_importing_the_checks_loads_no_notebook_software() -> None:
    program = (
        "import sys, vcloud_lab.check, vcloud_lab.check.kinds\n"
        "print([m for m in ('IPython', 'plotly', 'ipywidgets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_note_wraps_between_words_and_keeps_its_table() -> None:
    shown = Note("1 < 2\n\njob  burst\nP1       3")._repr_html_()
    assert "<p>1 &lt; 2</p>" in shown
    assert "<pre>job  burst\nP1       3</pre>" in shown


def test_a_factor_that_falls_short_is_never_rounded_up() -> None:
    shows = kinds.more_than("waiting", FCFS(), SRTF(), times=5)
    right, text = shows(Workload([(0, "4.999"), (0, 1)]))
    assert not right
    assert text.endswith("; that is 4.99 times as much, and at least 5 is asked.")
