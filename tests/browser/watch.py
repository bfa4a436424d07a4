"""What a page asks for and complains about: nothing may leave this machine, nothing may fail."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route

LOCAL = {"127.0.0.1", "localhost"}
# These never leave the browser.
INSIDE = {"about", "blob", "chrome", "data", "devtools"}
ELSEWHERE = re.compile(r"^(?:https?|wss?)://(?!(?:127\.0\.0\.1|localhost)(?:[:/]|$))")

# Each is a message of JupyterLab itself and says nothing about the course.
IGNORED: dict[str, str] = {}


@dataclass
class Watch:
    """Everything the pages of one browser context asked for, and all their errors."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    replies: Counter[str] = field(default_factory=Counter)

    def on(self, context: BrowserContext) -> None:
        """Record all of a context; a request to elsewhere is refused, as without a network."""
        context.route(ELSEWHERE, lambda route: self._refuse(route))
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("page", self._page)

    def outside(self) -> list[str]:
        """The recorded addresses that are not of this machine."""
        parts = [(url, urlsplit(url)) for url in self.requests]
        return [
            url for url, part in parts if part.scheme not in INSIDE and part.hostname not in LOCAL
        ]

    def _refuse(self, route: Route) -> None:
        route.abort("internetdisconnected")

    def _page(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._socket(socket))

    def _socket(self, socket) -> None:
        self.requests.append(socket.url)
        socket.on("framereceived", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        """Count the kernel's answers to run cells, by their status."""
        data = payload if isinstance(payload, bytes) else payload.encode()
        if b'"execute_reply"' in data:
            status = re.search(rb'"status": ?"(\w+)"', data)
            self.replies[status.group(1).decode() if status else "unknown"] += 1

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        text = f"{message.text} ({message.location.get('url', '')})"
        if not any(re.search(pattern, text) for pattern in IGNORED):
            self.errors.append(text)
