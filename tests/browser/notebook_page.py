"""A notebook in JupyterLab, driven by the keyboard as a learner would."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate
from watch import Watch

PALETTE = ".jp-ModalCommandPalette"
ERROR = ".jp-OutputArea-output[data-mime-type*='error'], .jp-RenderedText[data-mime-type*='stderr']"
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"


class NotebookPage:
    """One open notebook and what its page asked for."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page, self.watch = page, watch

    def open(self, address: str) -> None:
        """Open a notebook's address and wait until its kernel is ready."""
        self.page.goto(address)
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        status = self.page.locator(".jp-StatusBar-TextItem", has_text="| Idle")
        expect(status).to_be_visible(timeout=60_000)

    def until(self, met: Callable[[], bool], what: str, seconds: int = 30) -> None:
        """Let the page live until something holds; AssertionError where it never does."""
        for _ in range(seconds * 10):
            if met():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{what}: not within {seconds} seconds")

    def command(self, words: str, chosen: str) -> None:
        """Run a command of JupyterLab from its palette; `chosen` selects its line."""
        palette = self.page.locator(PALETTE)
        for _ in range(5):
            # A kernel that connects at this moment takes the focus, and the keys are lost.
            self.page.locator(".jp-Notebook").first.focus()
            self.page.keyboard.press("Control+Shift+c")
            with suppress(TooLate):
                palette.wait_for(timeout=3_000)
                palette.locator("input").fill(words)
                palette.locator(f".lm-CommandPalette-item.lm-mod-active{chosen}").wait_for()
                palette.locator("input").press("Enter")
                palette.wait_for(state="hidden")
                return
        raise AssertionError(f"the command palette does not take {words!r}")

    def run_all(self, cells: int) -> None:
        """Run all cells and wait until the kernel has answered for each of so many code cells."""
        before = self.watch.replies.total()
        self.command("run all cells", "[data-command='notebook:run-all-cells']")
        answered = self.watch.replies.total
        self.until(lambda: answered() - before >= cells, f"{cells} cells have run", 120)
        # JupyterLab draws what is far below the window later, when it has nothing else to do.
        drawn = self.page.locator(".jp-Notebook .jp-CodeCell")
        expect(drawn).to_have_count(cells, timeout=60_000)
        expect(drawn.locator(".jp-InputArea-prompt", has_text="[*]")).to_have_count(0)

    def cell(self, words: str) -> Locator:
        """The first code cell whose code has the words now; it stays that cell when edited."""
        code = self.page.locator(".jp-InputArea-editor", has_text=words)
        cell = self.page.locator(".jp-CodeCell", has=code).first
        mark = cell.evaluate(
            "cell => cell.dataset.found ||= document.querySelectorAll('[data-found]').length + 1"
        )
        return self.page.locator(f".jp-CodeCell[data-found='{mark}']")

    def run(self, cell: Locator, code: str | None = None) -> Locator:
        """Type code over a cell's own, where some is given, run it, return its output area."""
        before = self.watch.replies.total()
        cell.locator(".cm-content").click()
        if code is not None:
            self.page.keyboard.press("Control+a")
            # As one insertion: typed key by key, the editor would close brackets by itself.
            self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Shift+Enter")
        self.until(lambda: self.watch.replies.total() > before, "the cell has run")
        return cell.locator(".jp-OutputArea")

    def theme(self, name: str) -> None:
        """Switch JupyterLab's theme."""
        self.command(f"theme: {name}", f":has-text('{name}')")
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")
        # The style sheet of a theme replaces the other's, and colours fade from one to the other.
        self.page.wait_for_function("document.fonts.ready.then(() => true)")
        self.page.wait_for_timeout(700)
