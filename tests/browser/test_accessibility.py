"""What the course brings into a notebook can be read and used by everybody, in both themes."""

from __future__ import annotations

import os
from pathlib import Path

import a11y
import pytest
from conftest import Shoot
from notebook_page import DARK, LIGHT, NotebookPage
from playwright.sync_api import Browser, expect

MADE_UP = """
<body style="background: #ffffff; font: 14px sans-serif">
<div id="bad">
  <label style="display: none">hidden</label><div role="slider" tabindex="0">|</div>
  <button></button>
  <input type="number">
  <p style="color: #999999">grey on white</p>
  <div style="background: #333333"><p style="color: #000000; opacity: 0.9">black on grey</p></div>
  <table><tr><th>job</th></tr></table>
  <svg class="vcl" width="200" height="60">
    <rect width="200" height="60" fill="#ffffff"></rect>
    <rect x="10" y="10" width="80" height="30" fill="#0072b2"></rect>
    <text x="20" y="30" fill="#000080" style="font-size: 12px">navy on blue</text>
    <text x="24" y="33" fill="#000000" style="font-size: 12px">upon it</text>
    <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse">
      <rect width="6" height="6" fill="#0072b2"></rect><path d="M0 6 6 0" stroke="#ffffff"></path>
    </pattern>
    <rect x="100" y="5" width="90" height="30" fill="url(#hatch)"></rect>
    <text x="110" y="22" fill="#000080" style="font-size: 12px">navy on hatch</text>
    <text x="170" y="55" fill="#000000" style="font-size: 12px">runs out</text>
  </svg>
  <div class="js-plotly-plot"><svg><text class="gtitle">Plot</text></svg></div>
</div>
<div id="good">
  <div role="slider" tabindex="0" aria-label="Quantum">|</div>
  <label>Seed <input type="number"></label>
  <button title="Next"></button>
  <p style="color: #595959">dark grey on white</p>
  <p style="color: #808080; font-size: 24px">large grey on white</p>
  <p style="color: #bbbbbb; display: none">not shown</p>
  <table><caption>Jobs</caption><tr><th scope="col">job</th></tr></table>
  <svg class="vcl" width="200" height="60" role="img"><title>Two jobs</title>
    <rect width="90" height="60" fill="#0072b2"></rect>
    <text x="10" y="30" fill="#ffffff" style="font-size: 12px">white</text>
    <text x="110" y="30" fill="#000000" style="font-size: 12px">black</text>
  </svg>
</div>
</body>
"""


def test_the_rules_find_what_is_wrong_and_only_that(empty_page: NotebookPage) -> None:
    page = empty_page.page
    page.set_content(MADE_UP)
    found = a11y.faults(page.locator("#bad"))
    expected = [
        "name: <div>",
        "name: <button>",
        "name: <input>",
        'contrast: <p> "grey on white": 2.85',
        'contrast: <p> "black on grey"',
        'contrast: <text> "navy on blue"',
        'contrast: <text> "navy on hatch"',
        "table: <table>",
        "table: <th>",
        "picture: <svg.vcl>",
        "picture: <div.js-plotly-plot>",
        'overlap: <text> "navy on blue"',
        'cut: <text> "runs out"',
    ]
    for start in expected:
        assert any(fault.startswith(start) for fault in found), (start, found)
    assert a11y.faults(page.locator("#good")) == []
    with pytest.raises(AssertionError, match="there is no"):
        a11y.faults(page.locator("#absent"))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_lesson_06(lesson: NotebookPage, shoot: Shoot, theme: str) -> None:
    if theme != LIGHT:
        lesson.theme(theme)
    page = lesson.page
    tone = theme.rpartition(" ")[2].lower()
    page.locator(".jp-Notebook h1").first.scroll_into_view_if_needed()
    shoot(page, f"top-{tone}")
    pictures = {
        "gantt": ("gantt(srtf)", ".js-plotly-plot"),
        "comparison": ("for policy in (FCFS, SJF, SRTF, RR(2))", ".js-plotly-plot"),
        "sweep": ("lines(quanta", ".js-plotly-plot"),
        "table": ("table(conventions)", "table"),
        "replay": ("profile(replay)", ".js-plotly-plot"),
        "explorer": ("ScheduleExplorer(", ".vcloud-explorer"),
    }
    for name, (code, part) in pictures.items():
        shown = lesson.cell(code).locator(part)
        shown.scroll_into_view_if_needed()
        page.wait_for_timeout(150)
        shoot(shown, f"{name}-{tone}")
    a11y.assert_fair(lesson)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_verdicts_and_hints(exercises: NotebookPage, shoot: Shoot, theme: str) -> None:
    cell = exercises.cell('statement("06.13")')
    exercises.run(
        cell,
        'jobs = statement("06.1").workload\n'
        'for answer in (..., -1, simulate(jobs, FCFS).mean("waiting")):\n'
        '    display(check("06.1", answer))\n'
        'display(hint("06.1"), statement("06.1"), gantt(simulate(jobs, FCFS)))',
    )
    if theme != LIGHT:
        exercises.theme(theme)
    verdicts = cell.locator(".jp-OutputArea")
    expect(verdicts.get_by_role("status")).to_have_count(3)
    verdicts.scroll_into_view_if_needed()
    shoot(verdicts, f"verdicts-{theme.rpartition(' ')[2].lower()}")
    a11y.assert_fair(exercises)
    exercises.run(cell, 'statement("06.13")')


@pytest.mark.skipif(
    "VCLOUD_LAB_PICTURE" not in os.environ, reason="only `make screenshot` draws the picture"
)
def test_picture_of_the_readme(lesson: NotebookPage, browser: Browser) -> None:
    place = Path(os.environ["VCLOUD_LAB_PICTURE"])
    place.parent.mkdir(parents=True, exist_ok=True)
    cell = lesson.cell("ScheduleExplorer(")
    lesson.run(cell)
    explorer = cell.locator(".vcloud-explorer")
    forward = explorer.get_by_role("button", name="Next")
    for moment in range(1, 7):
        forward.press("Enter")
        expect(explorer).to_contain_text(f"(moment {moment} of")
    explorer.get_by_label("Workload").focus()
    explorer.screenshot(path=place)
    assert place.stat().st_size < 200_000
