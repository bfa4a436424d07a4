"""Lesson 02 in JupyterLab: every cell runs, and the machine is stepped and changed by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import a11y
import pytest
from conftest import Shoot, _fair, all_run
from course_server import Course
from notebook_page import DARK, ERROR, LIGHT, NotebookPage
from playwright.sync_api import Browser, Locator, expect

LESSON = "notebooks/02_virtual_machine.ipynb"
STEPPER = "CpuStepper(SUM, step=4)"
TRIP = "way = TrapTrip("


@pytest.fixture(scope="module")
def _lesson_02(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson02")


@pytest.fixture
def lesson_02(_lesson_02: NotebookPage) -> Iterator[NotebookPage]:
    yield from _fair(_lesson_02)


def widget(lesson: NotebookPage, words: str) -> Locator:
    """The widget of a cell, freshly run."""
    cell = lesson.cell(words)
    lesson.run(cell)
    found = cell.locator(".vcloud-explorer")
    expect(found.locator("svg.vcl").first).to_be_visible()
    return found


def test_all_cells_run(course: Course, lesson_02: NotebookPage) -> None:
    assert lesson_02.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson_02.page.locator(ERROR)).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everybody_can_read_it(lesson_02: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson_02.theme(theme)
    tone = theme.rpartition(" ")[2].lower()
    for name, words in (("stepper", STEPPER), ("trip", TRIP)):
        shown = lesson_02.cell(words).locator(".vcloud-explorer")
        shown.scroll_into_view_if_needed()
        shoot(shown, f"lesson02-{name}-{tone}")
    lesson_02.cell("primes 100").scroll_into_view_if_needed()
    shoot(lesson_02.page, f"lesson02-linux-{tone}")
    a11y.assert_fair(lesson_02)


def test_the_cpu_is_stepped_by_keyboard(lesson_02: NotebookPage) -> None:
    stepper = widget(lesson_02, STEPPER)
    said = stepper.locator(".vcloud-said")
    expect(said).to_contain_text("Step 4 executed")
    step = stepper.get_by_role("slider", name="Step", exact=True)
    step.press("ArrowRight")
    expect(said).to_contain_text("Step 5 executed")
    stepper.get_by_role("button", name="Run ▶|").press("Enter")
    expect(said).to_contain_text("The program stays at this place for ever.")
    expect(stepper.locator("svg.vcl")).to_contain_text("0000000f")


def test_a_changed_program_is_assembled_and_a_fault_is_told(lesson_02: NotebookPage) -> None:
    stepper = widget(lesson_02, STEPPER)
    source = stepper.locator("textarea")
    button = stepper.get_by_role("button", name="Assemble")
    source.fill("li a0, 7\naddi a0, a0\n")
    button.press("Enter")
    status = stepper.get_by_role("status")
    expect(status).to_contain_text("Line 2, column 12")
    expect(status).to_contain_text("addi stands with 2 operands")
    source.fill("li a0, 7\naddi a0, a0, 1\n")
    button.press("Enter")
    expect(status).to_have_text("")
    step, said = stepper.get_by_role("slider", name="Step", exact=True), ".vcloud-said"
    step.press("ArrowRight")
    expect(stepper.locator(said)).to_contain_text("a0 became 00000007")
    step.press("ArrowRight")
    expect(stepper.locator(said)).to_contain_text("a0 became 00000008")


def test_the_trap_is_followed_by_keyboard(lesson_02: NotebookPage) -> None:
    trip = widget(lesson_02, TRIP)
    said = trip.locator(".vcloud-said")
    expect(said).to_contain_text("environment call from user")
    step = trip.get_by_role("slider", name="Step", exact=True)
    step.press("ArrowRight")
    expect(said).to_contain_text("jumped to mtvec")
    step.press("ArrowRight")
    expect(said).to_contain_text("It shows 'O' now.")
