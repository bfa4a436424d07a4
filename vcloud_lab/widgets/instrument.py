"""What all instruments of the machine have: settings in, a picture and a sentence out."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as w

from vcloud_lab.errors import GuestError, VcloudLabError
from vcloud_lab.render.picture import Picture
from vcloud_lab.widgets import panels
from vcloud_lab.widgets.linked import Linked

__all__ = ["Instrument", "hexadecimal", "switch", "whole"]

_STYLE = """<style>
.vcloud-explorer pre.vcloud-twin{margin:0;overflow:auto;font-size:12px;line-height:1.35;
color:var(--v-ink);background:var(--v-paper)}
.vcloud-explorer textarea{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;
font-size:12px;line-height:1.4;tab-size:8}
.vcloud-explorer textarea:focus-visible,.vcloud-explorer pre:focus-visible
{outline:3px solid var(--v-accent);outline-offset:1px}
.vcloud-said{margin:0;font-size:13px;min-height:3em}
</style>"""


class Instrument:
    """The common part. Everything works without a browser, through ``set`` and ``state``.

    An instrument says in ``_adopt`` what new settings come to, in ``_build`` what controls it has,
    and in ``_refresh`` how these show the settings. ``picture`` is what is seen now, and ``text``
    is the same in characters.
    """

    noun = "instrument"

    def __init__(self, **settings: Any) -> None:
        self._busy = False
        self._settings: dict[str, Any] = {**settings, "as_text": False}
        self.error = ""
        self.picture = self._adopt(self._settings, {})
        self._figure, self._twin, self._said, self._status = (w.HTML() for _ in range(4))
        for live in (self._said, self._status):
            live.add_class("vcloud-live")
        self.as_text = w.ToggleButton(
            description="As text",
            tooltip="Show the picture in characters",
            layout=w.Layout(width="84px"),
        )
        self.as_text.observe(lambda change: self._apply({"as_text": change["new"]}), "value")
        helper = w.HTML(_STYLE + panels.helper(), layout=w.Layout(height="1px", margin="0"))
        self.box = w.VBox(
            [*self._build(), self._status, self._figure, self._twin, self._said, helper]
        )
        self.box.add_class("vcloud-explorer")
        self._show()

    # What each instrument says for itself

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        """Compute all that follows from ``new``, which may be completed, then keep it.

        ``changes`` are the settings that were named. Raises ``VcloudLabError`` before anything is
        changed.
        """
        raise NotImplementedError

    def _build(self) -> list[Any]:
        """The rows of controls."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Make the controls show the settings."""
        raise NotImplementedError

    def _seen(self) -> dict[str, Any]:
        """What ``state`` tells besides the settings."""
        return {}

    # Without a browser

    @property
    def state(self) -> dict[str, Any]:
        """All settings, what they show, its ``sentence``, and ``error``: a sentence, or empty."""
        said = {"sentence": self.picture.sentence, "error": self.error}
        return {**self._settings, **self._seen(), **said}

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change settings as the controls do, and return the new ``state``.

        What is impossible changes nothing but ``error``.
        """
        self._apply(settings)
        return self.state

    @property
    def text(self) -> str:
        """The picture in characters."""
        return self.picture.text

    # The view

    def _apply(self, changes: dict[str, Any]) -> None:
        """The one way in for every control: try the change, then show what came of it."""
        if self._busy:
            return
        self.error = self._changed(changes)
        self._show()
        if self.error:
            for linked in vars(self).values():
                if isinstance(linked, Linked):
                    linked.resend()

    def _changed(self, changes: dict[str, Any]) -> str:
        wrong = next((name for name in changes if name not in self._settings), None)
        if wrong is not None:
            return (
                f"The {self.noun} has no setting {wrong!r}: it has {', '.join(self._settings)}; "
                "use one of these."
            )
        new = {**self._settings, **changes}
        try:
            switch("as_text", new["as_text"])
            self.picture = self._adopt(new, changes)
        except VcloudLabError as error:
            return str(error)
        except Exception as error:
            return (
                f"The {self.noun} itself failed ({type(error).__name__}: {error}): this should "
                "not happen; the settings are as before, choose others."
            )
        self._settings = new
        return ""

    def _show(self) -> None:
        self._busy = True
        as_text = self._settings["as_text"]
        try:
            self._refresh()
            self.as_text.value = as_text
            twin = f'<pre class="vcloud-twin" tabindex="0" role="group" aria-label="{self.noun}">'
            self._figure.value = "" if as_text else self.picture.svg
            self._twin.value = f"{twin}{escape(self.picture.text)}</pre>" if as_text else ""
            self._said.value = f'<p class="vcloud-said">{escape(self.picture.sentence)}</p>'
            self._status.value = _status(self.error)
        finally:
            self._busy = False

    def _button(
        self, words: str, tip: str, changes: Callable[[], dict[str, Any]], wide: str = "84px"
    ) -> Any:
        """A button that applies what ``changes()`` gives when it is pressed."""
        button = w.Button(description=words, tooltip=tip, layout=w.Layout(width=wide))
        button.on_click(lambda _: self._apply(changes()))
        return button

    def _field(self, label: str, setting: str, hint: str) -> Any:
        """A line to type into; what was typed counts when it is left or Enter is pressed."""
        field = w.Text(
            description=label,
            placeholder=hint,
            continuous_update=False,
            style={"description_width": "90px"},
            layout=w.Layout(width="290px"),
        )
        field.observe(lambda change: self._apply({setting: change["new"]}), "value")
        return field

    def _tick(self, label: str, setting: str) -> Any:
        """A box to tick."""
        box = w.Checkbox(description=label, indent=False, layout=w.Layout(width="auto"))
        box.observe(lambda change: self._apply({setting: change["new"]}), "value")
        return box

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The live widget, and the picture and a sentence for where no kernel runs."""
        live = self.box._repr_mimebundle_(**options)
        data, metadata = live if isinstance(live, tuple) else (live, {})
        return {**data, "text/plain": repr(self), "image/svg+xml": self.picture.svg}, metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.picture.sentence}"


def _status(error: str) -> str:
    """One sentence when something was refused, else nothing; a line of source stays as it is."""
    sentence, _, source = error.partition("\n")
    source = f'<pre class="vcloud-twin">{escape(source)}</pre>' if source else ""
    mark = (
        f'<div class="vcloud-error"><strong>Not possible.</strong> {escape(sentence)}{source}</div>'
    )
    return f'<div role="status" class="vcloud-status">{mark if error else ""}</div>'


def whole(what: str, value: Any, last: int) -> int:
    """A place in a row that ends at ``last``, or the nearest one; ``GuestError`` for no number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise GuestError(f"The {what} is {value!r}: it must be whole; they count from 0.")
    return min(max(value, 0), last)


def switch(what: str, value: Any) -> bool:
    """The value, if it is True or False; else ``GuestError``."""
    if not isinstance(value, bool):
        raise GuestError(f"The setting {what} is {value!r}: it must be True or False.")
    return value


def hexadecimal(what: str, value: Any) -> int:
    """A 32-bit address, as a number or as text in hexadecimal; ``GuestError`` for anything else."""
    try:
        number = int(value, 16) if isinstance(value, str) else value
        good = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 32
    except ValueError:
        good = False
    if not good:
        raise GuestError(
            f"The {what} is {value!r}: a number from 0 to ffffffff in hexadecimal is needed; try "
            "80000000."
        )
    return int(number)
