"""The course in a real browser: a server on a fresh working copy and Debian's Chromium.

make browser                                          all of it
make browser PYTEST_ARGS='-k explorer'                some of it
VCLOUD_LAB_SCREENSHOTS=DIR make browser               where the screenshots go
make screenshot                                       draws the README's picture again
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from course_server import Course, serve
from notebook_page import LIGHT, NotebookPage
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from watch import Watch

from vcloud_lab.doctor import find_browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but this machine's means anything: the browser is offline, whatever the machine is.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
SIZE = {"width": 1280, "height": 900}
LESSON = "notebooks/06_scheduling.ipynb"
EXERCISES = "exercises/06_scheduling.ipynb"
Shoot = Callable[[Page | Locator, str], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        reason = "no Chromium or Chrome is on PATH; tests/browser/provision can install one"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and in CI the browser test must run")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def course(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """The served course; it needs the browser, so that nothing is served without one."""
    with serve(tmp_path_factory.mktemp("course")) as served:
        yield served


@contextmanager
def new_page(browser: Browser) -> Iterator[NotebookPage]:
    """An empty page that is recorded from its first request on."""
    context = browser.new_context(viewport=SIZE, color_scheme="light")
    context.set_default_timeout(20_000)
    watch = Watch()
    watch.on(context)
    try:
        yield NotebookPage(context.new_page(), watch)
    finally:
        context.close()


@pytest.fixture
def empty_page(browser: Browser) -> Iterator[NotebookPage]:
    """A page of its own, about:blank."""
    with new_page(browser) as opened:
        yield opened


@pytest.fixture(scope="session")
def _lesson(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    yield from all_run(browser, course, LESSON, "lesson")


def all_run(browser: Browser, course: Course, path: str, name: str) -> Iterator[NotebookPage]:
    """A notebook with all its cells run, in a workspace called ``name``."""
    with new_page(browser) as opened:
        opened.open(course.lab(path, name))
        opened.run_all(course.code_cells(path))
        yield opened


@pytest.fixture(scope="session")
def _exercises(browser: Browser, course: Course) -> Iterator[NotebookPage]:
    with new_page(browser) as opened:
        opened.open(course.lab(EXERCISES, "exercises"))
        opened.run(opened.cell("from vcloud_lab.check import"))
        yield opened


@pytest.fixture
def lesson(_lesson: NotebookPage) -> Iterator[NotebookPage]:
    """Lesson 06 with all cells run, in the light theme."""
    yield from _fair(_lesson)


@pytest.fixture
def exercises(_exercises: NotebookPage) -> Iterator[NotebookPage]:
    """The exercises of chapter 06, imports run, in the light theme."""
    yield from _fair(_exercises)


def _fair(opened: NotebookPage) -> Iterator[NotebookPage]:
    """Lend a page for one test, which must neither ask elsewhere nor cause an error."""
    if opened.page.locator(f"body[data-jp-theme-name='{LIGHT}']").count() == 0:
        opened.theme(LIGHT)
    yield opened
    errors, opened.watch.errors = opened.watch.errors, []
    assert errors == []
    assert opened.watch.outside() == []


@pytest.fixture(scope="session")
def shoot() -> Shoot:
    """Save a picture of a page or a part of it, for people to look at."""
    folder = Path(os.environ.get("VCLOUD_LAB_SCREENSHOTS") or Path(__file__).with_name("shots"))

    def save(what: Page | Locator, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        what.screenshot(path=folder / f"{name}.png")

    return save
