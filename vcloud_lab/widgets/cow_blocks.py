"""Copy-on-write blocks to play with: write, take snapshots, restore, stack overlays."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from vcloud_lab.errors import DiskError
from vcloud_lab.render.cow_blocks import MOST_BLOCKS, cow_blocks
from vcloud_lab.render.picture import Picture
from vcloud_lab.vm import VirtualDisk
from vcloud_lab.widgets.cow_trace import Letters, check_disk, view
from vcloud_lab.widgets.extras import choice, row
from vcloud_lab.widgets.instrument import Instrument, whole
from vcloud_lab.widgets.linked import Linked

__all__ = ["CowBlocks"]

MOST_ACTIONS = 200
BUTTONS = (
    ("write part", "Write", "Write a part of the block"),
    ("write whole", "Write all", "Write the whole block"),
    ("zero", "Zero", "Fill the block with zeros"),
    ("snapshot", "Snapshot", "Take a snapshot of the disk"),
    ("restore", "Restore", "Go back to the snapshot that is chosen"),
    ("delete", "Delete", "Delete the snapshot that is chosen"),
    ("overlay", "Overlay", "Put a new disk on top of this one"),
    ("commit", "Commit", "Move the blocks of the overlay down into the disk beneath"),
)


class CowBlocks(Instrument):
    """A copy of a ``VirtualDisk`` to act upon; the disk that was given stays as it is.

    Settings: ``do`` (an action: "write part", "write whole", "zero", "snapshot", "restore",
    "delete", "overlay", "commit"; empty again once it is done), ``block`` and ``name`` (of a
    snapshot; a new one is named s1, s2, ... where none is given) that it is about, and ``moment``:
    after how many actions the disk is shown. An action at an earlier moment drops those after it.
    Of a large disk 24 blocks around ``block`` are shown. Raises ``DiskError`` for a disk that
    cannot be drawn.
    """

    noun = "block picture"

    def __init__(self, disk: VirtualDisk, *, block: int = 0) -> None:
        self._letters = Letters()
        self._past = [(deepcopy(check_disk(disk)), "")]
        self._letters.see(self._past[0][0])
        self._blocks = -(-disk.size // disk.block_size)
        super().__init__(do="", block=block, name="", moment=0)

    def _adopt(self, new: dict[str, Any], changes: dict[str, Any]) -> Picture:
        past, action = self._past, new["do"]
        block = new["block"]
        if isinstance(block, bool) or not isinstance(block, int) or not 0 <= block < self._blocks:
            raise DiskError(
                f"The block is {block!r}: the disk has the blocks 0 to {self._blocks - 1}; choose "
                "one of them."
            )
        moment = whole("moment", new["moment"], len(past) - 1)
        if action:
            past = [*past[: moment + 1], self._act(past[moment][0], new, changes)]
            moment += 1
        disk, said = past[moment]
        known = disk.snapshots
        if not action and changes.get("name") and new["name"] not in known:
            raise DiskError(
                f"There is no snapshot {new['name']!r} at this moment: take one first, with "
                "do='snapshot'."
            )
        name = new["name"] if new["name"] in known else known[-1] if known else ""
        sentence = said or (
            f"A disk of {self._blocks} blocks of {disk.block_size} bytes, as it was given."
        )
        first = max(0, min(block - MOST_BLOCKS // 2, self._blocks - MOST_BLOCKS))
        picture = cow_blocks(view(disk, self._letters, sentence, first, block))
        new |= {"do": "", "moment": moment, "name": name}
        self._past = past
        return picture

    def _act(
        self, before: VirtualDisk, new: dict[str, Any], changes: dict[str, Any]
    ) -> tuple[VirtualDisk, str]:
        """A copy of the disk on which the action is done, and what it did."""
        if len(self._past) > MOST_ACTIONS:
            raise DiskError(
                f"{MOST_ACTIONS} actions are done: no more are remembered; go back to an earlier "
                "moment and go on from there."
            )
        block, name, action = new["block"], new["name"], new["do"]
        disk, start = deepcopy(before), block * before.block_size
        room = min(before.block_size, before.size - start)
        match action:
            case "write part":
                disk.write(start, bytes([len(self._past) % 255 + 1]))
                said = f"A part of block {block} was written"
            case "write whole":
                disk.write(start, bytes([len(self._past) % 255 + 1]) * room)
                said = f"The whole block {block} was written"
            case "zero":
                disk.zero(start, room)
                said = f"Block {block} was filled with zeros"
            case "snapshot":
                taken = disk.snapshots
                # Free again are the names of snapshots that are gone.
                fresh = (f"s{n}" for n in range(1, len(taken) + 2) if f"s{n}" not in taken)
                new["name"] = changes.get("name") or next(fresh)
                disk.snapshot(new["name"])
                said = f"The snapshot {new['name']} was taken, and nothing was copied"
            case "restore":
                disk.restore(name)
                said = f"The disk is again as in the snapshot {name}"
            case "delete":
                disk.delete_snapshot(name)
                said = f"The snapshot {name} was deleted"
            case "overlay":
                disk = disk.overlay()
                said = "A new, empty disk lies on top, and the one beneath is never written again"
            case "commit":
                disk.commit()
                said = "The blocks of the overlay were moved down"
            case _:
                known = ", ".join(repr(act) for act, _, _ in BUTTONS)
                raise DiskError(f"There is no action {action!r}: choose one of {known}.")
        check_disk(disk)
        self._letters.see(disk)
        return disk, f"{said}: {_effect(before, disk)}."

    def _seen(self) -> dict[str, Any]:
        disk = self._past[self._settings["moment"]][0]
        return {
            "moments": len(self._past),
            "usage": disk.usage._asdict(),
            "map": [tuple(extent) for extent in disk.map()],
            "snapshots": disk.snapshots,
            "depth": disk.depth,
        }

    def _build(self) -> list[Any]:
        def act(action: str) -> Callable[[], dict[str, Any]]:
            return lambda: {"do": action}

        self.block = Linked("Block", 0, max(1, self._blocks - 1), self._apply, "block", whole=True)
        self.name = choice("Snapshots", [("none", "")], "name", self._apply)
        self.actions = {name: self._button(label, tip, act(name)) for name, label, tip in BUTTONS}
        buttons = list(self.actions.values())
        self.moment = Linked("Moment", 0, 1, self._apply, "moment", whole=True)
        self.buttons = [
            self._button("|◀ Start", "Go to the disk as it was given", lambda: {"moment": 0}),
            self._button("◀ Back", "Go one action back",
                         lambda: {"moment": self._settings["moment"] - 1}),
            self._button("Next ▶", "Go one action on",
                         lambda: {"moment": self._settings["moment"] + 1}),
        ]  # fmt: skip
        return [
            row(self.block.box, *buttons[:3]),
            row(self.name, *buttons[3:6]),
            row(*buttons[6:], self.as_text),
            row(self.moment.box, *self.buttons),
        ]

    def _refresh(self) -> None:
        settings = self._settings
        names = self._past[settings["moment"]][0].snapshots
        options = [(name, name) for name in names] or [("none", "")]
        if list(self.name.options) != options:
            self.name.options = options
        self.name.value = settings["name"]
        self.block.show(settings["block"])
        self.moment.limit(len(self._past) - 1)
        self.moment.show(settings["moment"])


def _effect(before: VirtualDisk, after: VirtualDisk) -> str:
    """What became of the figures."""
    old, new = before.usage, after.usage
    if after.depth != before.depth:
        return f"the chain has {after.depth} disks now"
    copied = new.copied - old.copied
    stored = new.own + new.kept - old.own - old.kept
    words = [f"{copied} block was copied first"] if copied else []
    more = "more" if stored > 0 else "fewer"
    words.append(f"{abs(stored)} {more} stored" if stored else "as many blocks are stored")
    return ", ".join(words)
