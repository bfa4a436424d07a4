"""What a chain of copy-on-write disks looks like: which row holds which contents of a block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from vcloud_lab.errors import DiskError
from vcloud_lab.render.cow_blocks import MOST_BLOCKS, MOST_ROWS, BlockRow, Cell, CowView
from vcloud_lab.vm import VirtualDisk

__all__ = ["Letters", "chain", "check_disk", "view"]

MOST_STORED = 4096
Blocks = Mapping[int, bytes | None]


class Letters:
    """A letter for every contents that a block has had, in the order of being seen."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._seen: list[bytes] = []  # kept, so that no other block takes over an identity

    def see(self, disk: VirtualDisk) -> None:
        """Give letters to all that is new in a chain, from the bottom up."""
        for below in reversed(chain(disk)):
            for _, blocks in reversed(list(held(below))):
                for _, block in sorted(blocks.items()):
                    if block is not None and id(block) not in self._numbers:
                        self._numbers[id(block)] = len(self._seen)
                        self._seen.append(block)

    def number(self, block: bytes) -> int:
        """The place of the block's letter."""
        return self._numbers[id(block)]

    def name(self, block: bytes) -> str:
        """The block's letter: A to Z, then AA, AB and so on."""
        number, name = self.number(block) + 1, ""
        while number:
            number, rest = divmod(number - 1, 26)
            name = chr(65 + rest) + name
        return name


def chain(disk: VirtualDisk) -> list[VirtualDisk]:
    """The disk and those beneath it."""
    return [disk] if disk.backing is None else [disk, *chain(disk.backing)]


def held(disk: VirtualDisk) -> Iterator[tuple[str, Blocks]]:
    """What one disk stores: its present blocks (under no name), then its newest snapshot's."""
    for name in ("", *reversed(disk.snapshots)):
        yield name, disk.blocks(name)


def check_disk(disk: object) -> VirtualDisk:
    """The disk, if it can be drawn; else ``DiskError``."""
    if not isinstance(disk, VirtualDisk):
        raise DiskError(
            f"The disk is {disk!r}: a VirtualDisk is needed; make one with VirtualDisk(16 * 4096)."
        )
    sizes = sorted({below.block_size for below in chain(disk)})
    if len(sizes) > 1:
        raise DiskError(
            f"The chain has blocks of {sizes[0]} and of {sizes[-1]} bytes: one grid shows blocks "
            "of one size; make the overlays without block_size."
        )
    stored = sum(len(blocks) for below in chain(disk) for _, blocks in held(below))
    if stored > MOST_STORED:
        raise DiskError(
            f"The disk and its snapshots hold {stored:,} blocks: at most {MOST_STORED:,} can be "
            "watched; use a smaller disk."
        )
    return disk


def view(
    disk: VirtualDisk, letters: Letters, sentence: str, first: int, marked: int | None
) -> CowView:
    """The rows to draw, the top disk first, each disk followed by its snapshots."""
    disks = chain(disk)
    total = -(-disk.size // disk.block_size)
    shown = range(first, min(total, first + MOST_BLOCKS))
    uses = Counter(
        (number, id(block))
        for below in disks
        for _, blocks in held(below)
        for number, block in blocks.items()
        if block is not None
    )
    rows = []
    for place, below in enumerate(disks):
        level = len(disks) - 1 - place
        name = f"overlay {level}" if level else "base disk"
        end = -(-below.size // below.block_size)
        for snapshot, blocks in held(below):
            cells = tuple(
                _cell(number, blocks, disks[place + 1 :], letters, uses)
                for number in shown
                if number < end
            )
            label = f"snapshot {snapshot}" if snapshot else name + (" (now)" if not place else "")
            rows.append(BlockRow(label, cells, 1 if snapshot else 0))
    usage = disk.usage
    counters = (
        f"The top disk stores {usage.own} (shared with snapshots: {usage.shared}), its snapshots "
        f"keep {usage.kept} more; {usage.copied} copied for writes to a part."
    )
    left_out = []
    if len(shown) < total:
        left_out.append(f"blocks {shown[0]} to {shown[-1]} of {total:,} are shown")
    if len(rows) > MOST_ROWS:
        left_out.append(f"{len(rows) - MOST_ROWS} more rows are not shown")
    words = "; ".join(left_out)
    return CowView(
        sentence,
        first,
        tuple(rows[:MOST_ROWS]),
        tuple(_sources(disk, shown)),
        counters,
        f"{words[:1].upper()}{words[1:]}." if words else "",
        marked,
    )


def _cell(
    number: int,
    blocks: Blocks,
    beneath: list[VirtualDisk],
    letters: Letters,
    uses: Counter[tuple[int, int]],
) -> Cell:
    if number in blocks:
        block = blocks[number]
        if block is None:
            return Cell("zero")
        kind = "shared" if uses[number, id(block)] > 1 else "own"
        return Cell(kind, letters.name(block), letters.number(block))
    for below in beneath:
        if number in below.blocks():
            found = below.blocks()[number]
            return Cell("zero") if found is None else Cell("through", letters.name(found))
    return Cell("none")


def _sources(disk: VirtualDisk, shown: range) -> Iterator[str]:
    """The depth of the disk that each block is read from, "–" where nothing was ever written."""
    extents = iter(disk.map())
    extent = next(extents)
    for number in shown:
        while extent.offset + extent.length <= number * disk.block_size:
            extent = next(extents)
        yield "–" if extent.depth is None else str(extent.depth)
