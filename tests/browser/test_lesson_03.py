"""Lesson 03 in JupyterLab: every cell runs, a trap can be followed, and costs change the order."""

from __future__ import annotations

import re
from collections.abc import Iterator

import a11y
import pytest
from conftest import Shoot, _fair, all_run
from course_server import Course
from notebook_page import DARK, ERROR, LIGHT, NotebookPage
from playwright.sync_api import Browser, expect

LESSON = "notebooks/03_hypervisors.ipynb"
TRIP = "TrapTrip(trip("
EXPLORER = "TechniqueExplorer()"


@pytest.fixture(scope="module")
def _lesson_03(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson03")


@pytest.fixture
def lesson_03(_lesson_03: NotebookPage) -> Iterator[NotebookPage]:
    yield from _fair(_lesson_03)


def test_all_cells_run(course: Course, lesson_03: NotebookPage) -> None:
    assert lesson_03.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson_03.page.locator(ERROR)).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everybody_can_read_it(lesson_03: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson_03.theme(theme)
    tone = theme.rpartition(" ")[2].lower()
    for name, words in {
        "exits": "exits_by_reason(virtual)",
        "listing": "table(rows)",
        "trip": TRIP,
        "bills": "bills(list(",
        "lines": "exit_costs = list(",
        "explorer": EXPLORER,
    }.items():
        cell = lesson_03.cell(words)
        cell.scroll_into_view_if_needed()
        lesson_03.page.wait_for_timeout(200)
        shoot(cell, f"lesson03-{name}-{tone}")
    a11y.assert_fair(lesson_03)


def test_a_trap_is_followed_by_keyboard(lesson_03: NotebookPage) -> None:
    shown = lesson_03.cell(TRIP).locator(".vcloud-explorer")
    expect(shown).to_contain_text("In the guest's process: ecall.")
    shown.get_by_role("slider", name="Step", exact=True).press("ArrowRight")
    expect(shown).to_contain_text("In the VMM: pass the trap on.")
    shown.get_by_role("button", name="End ▶|").press("Enter")
    expect(shown).to_contain_text("In the guest's process: runs on.")


def test_a_cost_changes_the_order(lesson_03: NotebookPage, shoot: Shoot) -> None:
    shown = lesson_03.cell(EXPLORER).locator(".vcloud-explorer")
    expect(shown).to_contain_text("The lowest bill is that of binary translation")
    cost = shown.get_by_role("spinbutton", name=re.compile("^Exit"))
    cost.fill("500")
    cost.press("Enter")
    expect(shown).to_contain_text("The lowest bill is that of hardware assistance")
    cost.fill("-1")
    cost.press("Enter")
    expect(shown.locator(".vcloud-status")).to_contain_text("The cost exit is -1")
    shown.get_by_role("checkbox").check()
    expect(shown).to_contain_text("But the guest went wrong")
    shoot(shown, "lesson03-explorer-silent")
