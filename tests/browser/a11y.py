"""The accessibility rules of a11y.js, run in a page.

The rules that matter here, without a library: what can be focused has a name; a picture has a role
and a name; a table has a caption and header cells with a scope; text has the contrast that WCAG 2.2
asks for (4.5, or 3 where it is large) and is neither cut off nor drawn over.
"""

from __future__ import annotations

from pathlib import Path

from notebook_page import NotebookPage
from playwright.sync_api import Locator

RULES = Path(__file__).with_name("a11y.js").read_text(encoding="utf-8")

OUTPUT = ".jp-OutputArea-output"


def faults(part: Locator) -> list[str]:
    """One sentence for each fault in or below the elements found; some must be found."""
    assert part.count(), f"there is no {part}"
    return part.evaluate_all(RULES)


def assert_fair(opened: NotebookPage) -> None:
    """Fail with the list of all faults in the outputs of a notebook.

    Each output is looked at in the window: charts outside are drawn again when they come in.
    """
    cells = opened.page.locator(".jp-CodeCell", has=opened.page.locator(OUTPUT))
    assert cells.count(), "the notebook has no outputs"
    found = []
    for cell in cells.all():
        cell.locator(OUTPUT).last.scroll_into_view_if_needed()
        opened.page.evaluate("new Promise((end) => requestAnimationFrame(() => setTimeout(end)))")
        found += faults(cell.locator(OUTPUT))
    assert not found, f"{len(found)} faults:\n" + "\n".join(found)
