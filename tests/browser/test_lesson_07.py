"""Lesson 07 in JupyterLab: every cell runs, and the explorer answers "what if" by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import a11y
import pytest
from conftest import Shoot, _fair, all_run
from course_server import Course
from notebook_page import DARK, ERROR, LIGHT, NotebookPage
from playwright.sync_api import Browser, Locator, expect

LESSON = "notebooks/07_scheduling_ii.ipynb"
EXPLORER = "ScheduleExplorer(shown"


@pytest.fixture(scope="module")
def _lesson_07(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson07")


@pytest.fixture
def lesson_07(_lesson_07: NotebookPage) -> Iterator[NotebookPage]:
    yield from _fair(_lesson_07)


@pytest.fixture
def explorer(lesson_07: NotebookPage) -> Locator:
    """The explorer, freshly run."""
    cell = lesson_07.cell(EXPLORER)
    lesson_07.run(cell)
    found = cell.locator(".vcloud-explorer")
    expect(found.locator("svg.vcl").first).to_be_visible()
    return found


def test_all_cells_run(course: Course, lesson_07: NotebookPage) -> None:
    assert lesson_07.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson_07.page.locator(ERROR)).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everybody_can_read_it(lesson_07: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson_07.theme(theme)
    tone = theme.rpartition(" ")[2].lower()
    plots = lesson_07.page.locator(".js-plotly-plot")
    for number in range(plots.count()):
        plots.nth(number).scroll_into_view_if_needed()
        lesson_07.page.wait_for_timeout(120)
        shoot(lesson_07.page, f"lesson07-{number:02}-{tone}")
    shown = lesson_07.cell(EXPLORER).locator(".vcloud-explorer")
    shown.scroll_into_view_if_needed()
    shoot(shown, f"lesson07-explorer-{tone}")
    a11y.assert_fair(lesson_07)


def test_what_if_by_keyboard(explorer: Locator, shoot: Shoot) -> None:
    moment = explorer.get_by_role("slider", name="Moment", exact=True)
    for _ in range(8):
        moment.press("ArrowRight")
    expect(explorer.locator("dt:text-is('Time') + dd")).to_contain_text("(moment 8 of")
    button = explorer.get_by_role("button", name=re.compile("What if"))
    button.press("Enter")
    for _ in range(30):  # on to a moment at which there was a choice
        if explorer.locator("table", has_text="had it chosen").count():
            break
        moment.press("ArrowRight")
        explorer.page.wait_for_timeout(150)
    table = explorer.locator("table", has_text="had it chosen")
    expect(table).to_be_visible()
    before = explorer.locator("svg.vcl").count()
    other = explorer.get_by_role("combobox", name=re.compile("instead|alternative|schedule", re.I))
    other.focus()
    other.select_option(index=1)
    expect(explorer.locator("svg.vcl")).to_have_count(before + 1)
    expect(explorer).to_contain_text("been chosen at time")
    shoot(explorer, "lesson07-what-if")
