"""Lesson 01 in JupyterLab: every cell runs, and its three instruments answer the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import a11y
import pytest
from conftest import Shoot, _fair, all_run
from course_server import Course
from notebook_page import DARK, ERROR, LIGHT, NotebookPage
from playwright.sync_api import Browser, Locator, expect

LESSON = "notebooks/01_virtualization.ipynb"
STEPPER, BELOW, TRIP = "CpuStepper(stars)", "CpuStepper(below", "TrapTrip(trip("


@pytest.fixture(scope="module")
def _lesson_01(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson01")


@pytest.fixture
def lesson_01(_lesson_01: NotebookPage) -> Iterator[NotebookPage]:
    yield from _fair(_lesson_01)


def instrument(lesson: NotebookPage, words: str) -> Locator:
    """The instrument that a cell shows, freshly run."""
    cell = lesson.cell(words)
    lesson.run(cell)
    found = cell.locator(".vcloud-explorer")
    expect(found.locator("svg.vcl").first).to_be_visible()
    return found


def test_all_cells_run(course: Course, lesson_01: NotebookPage) -> None:
    assert lesson_01.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson_01.page.locator(ERROR)).to_have_count(0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_everybody_can_read_it(lesson_01: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson_01.theme(theme)
    tone = theme.rpartition(" ")[2].lower()
    for number, words in enumerate((STEPPER, TRIP, BELOW)):
        shown = lesson_01.cell(words).locator(".vcloud-explorer")
        shown.scroll_into_view_if_needed()
        shoot(shown, f"lesson01-{number}-{tone}")
    a11y.assert_fair(lesson_01)


def test_step_by_keyboard_and_change_the_program(lesson_01: NotebookPage) -> None:
    stepper = instrument(lesson_01, STEPPER)
    step = stepper.get_by_role("slider", name="Step", exact=True)
    for _ in range(6):
        step.press("ArrowRight")
    said = stepper.locator(".vcloud-said")
    expect(said).to_contain_text("Step 6 executed line 11, bnez a0, again")
    source = stepper.get_by_role("textbox", name=re.compile("Program"))
    source.fill(source.input_value().replace("li   a0, 3", "li   a0, 7"))
    stepper.get_by_role("button", name=re.compile("Assemble")).press("Enter")
    stepper.get_by_role("button", name=re.compile("Run ▶")).press("Enter")
    expect(said).to_contain_text("Step 28")
    expect(said).to_contain_text("switched the machine off")


def test_follow_a_trap(lesson_01: NotebookPage) -> None:
    trip = instrument(lesson_01, TRIP)
    said, on = trip.locator(".vcloud-said"), trip.get_by_role("button", name=re.compile("Next"))
    expect(said).to_contain_text("In the guest's kernel: csrw")
    for words in ("The hardware: trap", "In the VMM: privileged register"):
        on.press("Enter")
        expect(said).to_contain_text(words)


def test_a_trap_changes_the_level(lesson_01: NotebookPage) -> None:
    below = instrument(lesson_01, BELOW)
    step, said = below.get_by_role("slider", name="Step", exact=True), below.locator(".vcloud-said")
    step.press("ArrowRight")
    expect(said).to_contain_text("is a trap, illegal instruction")
    expect(said).to_contain_text("at machine level")
