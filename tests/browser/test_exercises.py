"""Solving an exercise in JupyterLab: wrong, right, with a hint, and from the start again."""

from __future__ import annotations

import json

from conftest import EXERCISES
from course_server import Course
from notebook_page import ERROR, NotebookPage
from playwright.sync_api import expect

from vcloud_lab import FCFS, simulate
from vcloud_lab.check import statement

SCHEDULE = simulate(statement("06.1").workload, FCFS)


def answer(value: object, task: str = "06.1") -> str:
    """A learner's cell with an answer in it."""
    return f'answer = {value}\n\ncheck("{task}", answer)'


def test_a_wrong_answer_names_the_misconception(exercises: NotebookPage) -> None:
    cell = exercises.cell('check("06.1"')
    output = exercises.run(cell, answer(float(SCHEDULE.mean("turnaround"))))
    expect(output).to_contain_text("✗ 06.1 not yet:")
    expect(output).to_contain_text("turnaround")
    expect(output.get_by_role("status")).to_be_visible()
    expect(exercises.page.locator(ERROR)).to_have_count(0)


def test_the_right_answer_is_accepted_and_remembered(
    course: Course, exercises: NotebookPage
) -> None:
    cell = exercises.cell('check("06.1"')
    output = exercises.run(cell, answer(float(SCHEDULE.mean("waiting"))))
    expect(output).to_contain_text("✓ 06.1 correct:")
    progress = json.loads((course.folder / ".vcloud_lab" / "progress.json").read_text())
    assert progress["tasks"]["06.1"]["solved"]


def test_an_answer_of_any_other_kind_gets_a_sentence(exercises: NotebookPage) -> None:
    output = exercises.run(exercises.cell('check("06.3"'), answer('"soon"', "06.3"))
    expect(output).to_contain_text("✗ 06.3 not yet:")
    expect(exercises.page.locator(ERROR)).to_have_count(0)


def test_a_hint_and_the_original_cell_come_on_demand(exercises: NotebookPage) -> None:
    cell = exercises.cell('check("06.2"')
    expect(exercises.run(cell, 'hint("06.2")')).to_contain_text("06.2, hint 1 of 3:")
    stubs = exercises.page.locator(".jp-InputArea-editor", has_text='check("06.2", answer)')
    expect(stubs).to_have_count(0)
    expect(exercises.run(cell, 'reset("06.2")')).to_contain_text("06.2 is as it was")
    expect(stubs).to_have_count(1)
    expect(stubs).to_contain_text('answer = {"P1": ..., "P2": ..., "P3": ..., "P4": ...}')
    output = exercises.run(exercises.cell('check("06.2", answer)'))
    expect(output).to_contain_text("○ 06.2 not attempted:")


def test_the_work_is_saved_in_the_working_copy(course: Course, exercises: NotebookPage) -> None:
    exercises.run(exercises.cell('check("06.5"'), answer("41 + 1", "06.5"))
    exercises.page.keyboard.press("Control+s")
    saved = course.folder / EXERCISES
    exercises.until(lambda: "answer = 41 + 1" in saved.read_text(), "the notebook is saved")
