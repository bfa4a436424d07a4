"""Lesson 04 in JupyterLab: every cell runs, and its four instruments answer to the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import a11y
import pytest
from conftest import Shoot, _fair, all_run
from course_server import Course
from notebook_page import DARK, ERROR, LIGHT, NotebookPage
from playwright.sync_api import Browser, Locator, expect

LESSON = "notebooks/04_memory_and_disks.ipynb"
INSTRUMENTS = {
    "page-walk": "PageWalk(words, ROOT",
    "two-dim-walk": "TwoDimWalk(small",
    "trap-trip": "TrapTrip(",
    "cow-blocks": "blocks = CowBlocks(",
}


@pytest.fixture(scope="module")
def _lesson_04(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson04")


@pytest.fixture
def lesson_04(_lesson_04: NotebookPage) -> Iterator[NotebookPage]:
    yield from _fair(_lesson_04)


def fresh(lesson: NotebookPage, name: str) -> Locator:
    """An instrument, run again."""
    cell = lesson.cell(INSTRUMENTS[name])
    lesson.run(cell)
    found = cell.locator(".vcloud-explorer")
    expect(found.locator("svg").first).to_be_visible()
    return found


def test_all_cells_run(course: Course, lesson_04: NotebookPage) -> None:
    assert lesson_04.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson_04.page.locator(ERROR)).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everybody_can_read_it(lesson_04: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson_04.theme(theme)
    tone = theme.rpartition(" ")[2].lower()
    plots = lesson_04.page.locator(".js-plotly-plot")
    for number in range(plots.count()):
        plots.nth(number).scroll_into_view_if_needed()
        lesson_04.page.wait_for_timeout(120)
        shoot(lesson_04.page, f"lesson04-{number:02}-{tone}")
    for name, source in INSTRUMENTS.items():
        shown = lesson_04.cell(source).locator(".vcloud-explorer")
        shown.scroll_into_view_if_needed()
        shoot(shown, f"lesson04-{name}-{tone}")
    a11y.assert_fair(lesson_04)


def test_another_address_is_walked(lesson_04: NotebookPage) -> None:
    shown = fresh(lesson_04, "page-walk")
    address = shown.get_by_role("textbox", name="Address")
    address.fill("00405000")
    address.press("Enter")
    expect(shown).to_contain_text("page fault: the entry is not valid")


def test_the_grid_is_stepped_through(lesson_04: NotebookPage) -> None:
    shown = fresh(lesson_04, "two-dim-walk")
    slider = shown.get_by_role("slider").first
    for _ in range(7):
        slider.press("ArrowRight")
    expect(shown).to_contain_text("8 of 8 entries read")


def test_a_snapshot_is_taken_and_a_block_is_copied(lesson_04: NotebookPage, shoot: Shoot) -> None:
    shown = fresh(lesson_04, "cow-blocks")
    shown.get_by_role("button", name="Snapshot", exact=True).press("Enter")
    expect(shown).to_contain_text("nothing was copied")
    shown.get_by_role("button", name="Write", exact=True).press("Enter")
    expect(shown).to_contain_text("1 block was copied first")
    shoot(shown, "lesson04-cow-after")
