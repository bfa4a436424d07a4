"""The trap trip: follow control from the guest to the VMM and back, record by record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vcloud_lab.render.picture import Picture
from vcloud_lab.render.trap_trip import read_records, trap_trip
from vcloud_lab.widgets.steps import Steps

__all__ = ["TrapTrip"]


class TrapTrip(Steps):
    """Lanes for the guest's process, its kernel, the VMM and the hardware, and the way of control.

    ``records`` are ``(step, where, title, text)``: ``step`` is a number or a word, ``where`` is
    "guest user", "guest kernel", "VMM" or "hardware", ``title`` some words, ``text`` a sentence.
    The setting ``step`` counts the records from 0. Raises ``RenderError`` for other records.
    """

    noun = "trap trip"

    def __init__(self, records: Iterable[Sequence[Any]], *, step: int = 0) -> None:
        self.records = read_records(records)
        self._last = len(self.records) - 1
        super().__init__(step)

    def _picture(self, step: int) -> Picture:
        return trap_trip(self.records, step)

    def _seen(self) -> dict[str, Any]:
        record = self.records[self._settings["step"]]
        return {**super()._seen(), "where": record.where, "title": record.title}
