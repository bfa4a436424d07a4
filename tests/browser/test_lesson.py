"""Lessons 00 and 06 as a learner meets them in JupyterLab."""

from __future__ import annotations

import re

import pytest
from conftest import LESSON, SIZE
from course_server import Course, marked, serve
from notebook_page import ERROR, NotebookPage
from playwright.sync_api import Locator, expect


def test_the_printed_address_opens_lesson_00(course: Course, empty_page: NotebookPage) -> None:
    empty_page.open(course.start)
    page = empty_page.page
    expect(page.locator(".jp-Notebook h1").first).to_contain_text("00 Start here")
    # The question about news comes some seconds after the start.
    page.wait_for_timeout(3_000)
    expect(page.locator(".jp-Dialog, .Toastify__toast")).to_have_count(0)
    assert empty_page.watch.errors == []
    assert empty_page.watch.outside() == []


def test_the_watch_sees_requests_that_leave_this_machine(
    course: Course, empty_page: NotebookPage
) -> None:
    page = empty_page.page
    page.goto(f"{course.base}/login")
    assert empty_page.watch.outside() == []
    page.evaluate(
        """() => Promise.allSettled([
            fetch("https://cdn.example/plotly.js"),
            new Promise((end) => { new WebSocket("wss://tracker.example/").onerror = end; }),
        ])"""
    )
    page.evaluate("console.error('made up'); setTimeout(() => { throw Error('thrown'); })")
    page.wait_for_timeout(200)
    # Both start at once, so either may be seen first.
    seen = sorted(empty_page.watch.outside())
    assert seen == ["https://cdn.example/plotly.js", "wss://tracker.example/"]
    told = " ".join(empty_page.watch.errors)
    assert "made up" in told
    assert "thrown" in told


def test_nothing_runs_on_when_the_server_is_stopped(tmp_path_factory) -> None:
    with serve(tmp_path_factory.mktemp("stopped")) as served:
        served.ask("api/kernels", {"name": "python3"}, "POST")
        running = marked(served.mark)
        assert len(running) >= 2, "the server and its kernel carry the mark"
    assert marked(served.mark) == []


def test_all_cells_of_lesson_06_run(course: Course, lesson: NotebookPage) -> None:
    assert lesson.watch.replies == {"ok": course.code_cells(LESSON)}
    expect(lesson.page.locator(ERROR)).to_have_count(0)
    kernels = course.ask("api/kernels")
    assert {kernel["execution_state"] for kernel in kernels} == {"idle"}


def test_charts_are_drawn_without_an_upload_button(lesson: NotebookPage) -> None:
    plots = lesson.page.locator(".js-plotly-plot")
    expect(plots.first.locator("svg.main-svg").first).to_be_attached()
    assert plots.count() >= 8
    drawn = plots.evaluate_all(
        "all => all.map(plot => plot.querySelectorAll('.point, .js-line, .cell-text').length)"
    )
    assert all(count > 0 for count in drawn), drawn
    first = lesson.cell("gantt(fcfs)").locator(".js-plotly-plot")
    # P1 to P3 in their own rows, and all three on the CPU.
    assert [first.locator(".bartext", has_text=name).count() for name in ("P1", "P2", "P3")] == [
        2,
        2,
        2,
    ]
    buttons = plots.locator(".modebar-btn").evaluate_all(
        "all => all.map(button => button.dataset.title || button.title || button.ariaLabel)"
    )
    assert buttons, "the bar of buttons is there"
    assert not [title for title in buttons if re.search("share|cloud|upload|edit", title, re.I)]


def test_charts_fit_the_window_and_keep_their_height(lesson: NotebookPage) -> None:
    page = lesson.page
    chart = lesson.cell("gantt(srtf)").locator(".js-plotly-plot")
    # A chart that has been seen and is out of the window is where resizing goes wrong.
    chart.scroll_into_view_if_needed()
    page.locator(".jp-Notebook h1").first.scroll_into_view_if_needed()
    before = chart.bounding_box()
    try:
        page.set_viewport_size({"width": 1000, "height": 900})
        page.wait_for_timeout(1_500)
        chart.scroll_into_view_if_needed()
        narrow = chart.locator("svg").first.bounding_box()
    finally:
        page.set_viewport_size(SIZE)
        page.wait_for_timeout(1_500)
    after = chart.locator("svg").first.bounding_box()
    assert narrow["height"] == after["height"] == before["height"] > 200
    assert narrow["width"] < before["width"]
    assert after["width"] == before["width"]


def test_a_reader_without_colours_or_charts_has_tables(lesson: NotebookPage) -> None:
    table = lesson.cell("table(fcfs)").locator("table")
    expect(table.locator("tfoot, tbody").last).to_contain_text("17")


# ---- the explorer, by keyboard ----------------------------------------------


@pytest.fixture
def explorer(lesson: NotebookPage) -> Locator:
    """The explorer of section 9, freshly run."""
    cell = lesson.cell('ScheduleExplorer({"mixed"')
    lesson.run(cell)
    found = cell.locator(".vcloud-explorer")
    expect(found.locator("svg.vcl")).to_be_visible()
    expect(slider(found, "Quantum")).to_be_attached()
    return found


def slider(explorer: Locator, name: str) -> Locator:
    return explorer.get_by_role("slider", name=name, exact=True)


def box_of(explorer: Locator, name: str) -> Locator:
    return explorer.get_by_role("spinbutton", name=re.compile(f"^{name}"))


def line(explorer: Locator, head: str) -> str:
    """What the panel says under Time, Running, Ready queue or Reason."""
    return explorer.locator(f"dt:text-is('{head}') + dd").inner_text()


def cursor(explorer: Locator) -> float:
    """Where the cursor stands in the chart, in pixels of the window."""
    return explorer.locator("svg.vcl .c").first.evaluate("e => e.getBoundingClientRect().x")


def test_explorer_is_reached_and_moved_by_keyboard(lesson: NotebookPage, explorer: Locator) -> None:
    keyboard = lesson.page.keyboard
    explorer.get_by_label("Workload").focus()
    reached = []
    for _ in range(20):
        keyboard.press("Tab")
        reached.append(
            lesson.page.evaluate(
                "[document.activeElement.getAttribute('role') || document.activeElement.type,"
                " document.activeElement.getAttribute('aria-label')].join(' ')"
            )
        )
    for name in ("Quantum", "Switch cost", "Moment"):
        assert any(each == f"slider {name}" for each in reached), (name, reached)
        assert any(each.startswith(f"number {name}") for each in reached), (name, reached)


def test_explorer_recomputes_when_the_quantum_moves(explorer: Locator) -> None:
    before = explorer.locator("table").inner_text()
    bars = explorer.locator("svg.vcl").inner_html()
    assert "RR q=2" in before
    slider(explorer, "Quantum").press("ArrowRight")
    expect(explorer.locator("table")).to_contain_text("RR q=3")
    assert explorer.locator("svg.vcl").inner_html() != bars
    expect(box_of(explorer, "Quantum")).to_have_value("3")
    slider(explorer, "Quantum").press("ArrowLeft")
    expect(explorer.locator("table")).to_contain_text("RR q=2")
    assert explorer.locator("table").inner_text() == before


def test_explorer_steps_through_time(explorer: Locator) -> None:
    time = explorer.locator("dt:text-is('Time') + dd")

    def seen() -> tuple[str, str, str, float]:
        return (*(line(explorer, head) for head in ("Time", "Reason", "Running")), cursor(explorer))

    at_first = seen()
    assert re.match(r"0 \(moment 0 of \d+\)", at_first[0])
    explorer.get_by_role("button", name="Next").press("Enter")
    expect(time).to_contain_text("(moment 1 of")
    expect(box_of(explorer, "Moment")).to_have_value("1")
    assert line(explorer, "Reason") != at_first[1]
    assert cursor(explorer) > at_first[3]
    slider(explorer, "Moment").press("ArrowRight")
    expect(time).to_contain_text("(moment 2 of")
    explorer.get_by_role("button", name="Back").press("Enter")
    expect(time).to_contain_text("(moment 1 of")
    explorer.get_by_role("button", name="Start").press("Enter")
    expect(time).to_contain_text("(moment 0 of")
    assert seen() == at_first
    explorer.get_by_role("button", name="End").press("Enter")
    expect(explorer.locator("dt:text-is('Running') + dd")).to_contain_text("all jobs are done")


def test_explorer_explains_a_number_that_is_impossible(
    lesson: NotebookPage, explorer: Locator
) -> None:
    table = explorer.locator("table").inner_text()
    number = box_of(explorer, "Quantum")
    number.fill("-1")
    number.press("Enter")
    status = explorer.get_by_role("status")
    expect(status).to_contain_text("-1")
    expect(status).to_contain_text("quantum")
    assert "Traceback" not in lesson.cell('ScheduleExplorer({"mixed"').inner_text()
    expect(lesson.page.locator(ERROR)).to_have_count(0)
    assert explorer.locator("table").inner_text() == table, "the figures stay those of q=2"
    number.fill("2.5")
    number.press("Enter")
    expect(explorer.locator("table")).to_contain_text("RR q=2.5")
    expect(status).to_have_text("")
