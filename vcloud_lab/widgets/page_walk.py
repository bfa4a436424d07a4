"""The page walk: type an address and watch how the tables translate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcloud_lab.errors import GuestError
from vcloud_lab.render.page_walk import Look, WalkView, walk_view
from vcloud_lab.render.picture import Picture
from vcloud_lab.vm.memory import BusError
from vcloud_lab.vm.paging import PAGE, A, D, PageFault, R, W, X, walk
from vcloud_lab.widgets.extras import choice, row
from vcloud_lab.widgets.instrument import Instrument, hexadecimal, switch, whole
from vcloud_lab.widgets.linked import Linked

__all__ = ["PageWalk"]

ACCESS = {"read": R, "write": W, "execute": X}
ALL = 3
"""A walk has the stages: the split address, one for each entry, the result."""


class PageWalk(Instrument):
    """Sv32 translation, by ``vcloud_lab.vm.paging.walk``, of any address through given tables.

    ``memory`` is a function that loads the word at a physical address, or a mapping from addresses
    to words, zero where it has none; ``root`` is the address of the first table. Nothing is
    written: the bits A and D stay as they are. Settings: ``address`` (a number, or text in
    hexadecimal), ``access`` ("read", "write", "execute"), ``user``, the bits ``sum`` and ``mxr`` of
    ``sstatus``, and ``stage``: how far the walk is shown, all of it at first. Raises ``GuestError``
    for settings that cannot be.
    """

    noun = "page walk"

    def __init__(
        self,
        memory: Mapping[int, int] | Callable[[int], int],
        root: int,
        *,
        address: int | str = 0,
        access: str = "read",
        user: bool = False,
        sum: bool = False,
        mxr: bool = False,
        stage: int | None = None,
    ) -> None:
        if isinstance(memory, Mapping):
            words = dict(memory)
            self._load: Callable[[int], int] = lambda at: words.get(at, 0)
        elif callable(memory):
            self._load = memory
        else:
            raise GuestError(
                f"The memory is {memory!r}: a function of an address or a mapping from addresses "
                "to words is needed; give for example bus.loader(4)."
            )
        self._root = hexadecimal("root", root)
        if self._root % PAGE:
            raise GuestError(
                f"The root is {self._root:08x}: a table begins at a multiple of 4096; choose one."
            )
        self._looks: list[Look] = []
        super().__init__(
            address=address, access=access, user=user, sum=sum, mxr=mxr,
            stage=ALL if stage is None else stage,
        )  # fmt: skip

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        virtual = hexadecimal("virtual address", new["address"])
        if new["access"] not in ACCESS:
            raise GuestError(
                f"The access is {new['access']!r}: it must be one of {', '.join(ACCESS)}; choose "
                "one of them."
            )
        user, user_too, executable_too = (switch(s, new[s]) for s in ("user", "sum", "mxr"))
        looks: list[Look] = []
        physical, reason, span, marks = None, "", 0, ""
        try:
            found = walk(
                virtual, ACCESS[new["access"]], self._root, load=self._recorded(virtual, looks),
                user=user, user_too=user_too, executable_too=executable_too,
            )  # fmt: skip
            physical, span = found.physical, found.span
            marks = _marks(found.entry & ~found.steps[-1].entry)
        except PageFault as fault:
            reason = f"page fault: {fault.reason}"
        except BusError:
            reason = "access fault: the table lies where there is no memory"
        last = len(looks) + 1
        stays_at_end = "stage" not in changes and self._settings["stage"] >= self._last()
        stage = last if stays_at_end else whole("stage", new["stage"], last)
        new |= {"address": f"{virtual:08x}", "stage": stage}
        result = _result(physical, span, virtual, reason) + marks
        sentence = _sentence(new, looks, stage, result)
        done = stage == last
        view = WalkView(
            sentence, virtual, tuple(looks[:stage]), result if done else "",
            span if stage >= len(looks) else 0, done and bool(reason),
        )  # fmt: skip
        picture = walk_view(view)
        self._looks, self._physical, self._reason, self._span = looks, physical, reason, span
        return picture

    def _last(self) -> int:
        return len(self._looks) + 1 if self._looks else ALL

    def _recorded(self, virtual: int, looks: list[Look]) -> Callable[[int], int]:
        """``load`` that notes every entry, the one that cannot be loaded too."""

        def load(at: int) -> int:
            level = 1 - len(looks)
            index = virtual >> 12 + 10 * level & 1023
            looks.append(Look(level, at - 4 * index, index, None))
            entry = self._load(at)
            if not isinstance(entry, int) or not 0 <= entry < 1 << 32:
                raise GuestError(
                    f"The memory gives {entry!r} at {at:08x}: a word from 0 to ffffffff is needed; "
                    "mend the memory."
                )
            looks[-1] = Look(level, at - 4 * index, index, entry)
            return entry

        return load

    def _seen(self) -> dict[str, Any]:
        return {
            "stages": len(self._looks) + 1,
            "entries": [(look.level, look.table + 4 * look.index, look.entry)
                        for look in self._looks],
            "physical": self._physical,
            "span": self._span,
            "fault": self._reason,
        }  # fmt: skip

    def _build(self) -> list[Any]:
        self.address = self._field("Address", "address", "virtual, in hexadecimal")
        self.access = choice("Access", list(ACCESS), "access", self._apply)
        levels = [("supervisor", False), ("user", True)]
        self.user = choice("Level", levels, "user", self._apply)
        self.sum = self._tick("SUM: the supervisor may use pages of the user", "sum")
        self.mxr = self._tick("MXR: what can be executed can be read", "mxr")
        self.stage = Linked("Stage", 0, ALL, self._apply, "stage", whole=True)
        self.buttons = [
            self._button("◀ Back", "Show one stage less",
                         lambda: {"stage": self._settings["stage"] - 1}),
            self._button("Next ▶", "Show one stage more",
                         lambda: {"stage": self._settings["stage"] + 1}),
        ]  # fmt: skip
        return [
            row(self.address, self.access),
            row(self.user, self.sum, self.mxr),
            row(self.stage.box, *self.buttons, self.as_text),
        ]

    def _refresh(self) -> None:
        settings = self._settings
        for name in ("address", "access", "user", "sum", "mxr"):
            getattr(self, name).value = settings[name]
        self.stage.limit(self._last())
        self.stage.show(settings["stage"])


def _result(physical: int | None, span: int, virtual: int, reason: str) -> str:
    if physical is None:
        return reason
    offset = virtual & span - 1
    size = "4 KiB" if span == PAGE else "4 MiB"
    return f"physical address {physical:08x} = page {physical - offset:08x} ({size}) + {offset:x}"


def _marks(bits: int) -> str:
    """The bits that a hart would set in the entry."""
    names = [name for name, bit in (("A", A), ("D", D)) if bits & bit]
    return f"; the hart sets {' and '.join(names)}" if names else ""


def _sentence(new: dict[str, Any], looks: list[Look], stage: int, result: str) -> str:
    """What the picture shows at this stage."""
    who = "user" if new["user"] else "supervisor"
    access = f"The {who} wants to {new['access']} at {new['address']}"
    if stage == 0:
        return f"{access}: the address is split into two page numbers and an offset."
    if stage <= len(looks):
        look = looks[stage - 1]
        ordinal = "first" if look.level == 1 else "second"
        return f"{access}: entry {look.index} of the {ordinal} table is looked at."
    steps = "1 entry was" if len(looks) == 1 else f"{len(looks)} entries were"
    return f"{access}: {steps} looked at; {result}."
