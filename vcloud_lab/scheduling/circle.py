"""A list that tells the rank of any of its members, inserts and removes in O(log n) steps."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Circle"]

BLOCK = 512
"""A longer block is split in two. What happens inside a block is one quick scan or copy."""


class Block(list[int]):
    """A stretch of the list; ``place`` counts the blocks before it."""

    __slots__ = ("place",)
    place: int


class Circle:
    """Different integers in an order that their insertions decide.

    They stand in blocks, and a Fenwick tree adds up the blocks' sizes (P. Fenwick, "A new data
    structure for cumulative frequency tables", Software: Practice and Experience, 1994). ``steps``
    counts the nodes of the tree that were visited or made.
    """

    def __init__(self, members: Sequence[int] = ()) -> None:
        self.steps = 0
        self._home: dict[int, Block] = {}
        half = BLOCK // 2
        blocks = [Block(members[at : at + half]) for at in range(0, len(members), half)]
        for block in blocks:
            self._home.update(dict.fromkeys(block, block))
        self._arrange(blocks or [Block()])

    def rank(self, member: int) -> int:
        """How many stand before ``member``."""
        self.steps += self._depth
        block = self._home[member]
        rank, node = block.index(member), block.place
        while node:
            rank += self._sums[node]
            node &= node - 1
        return rank

    def insert(self, rank: int, member: int) -> None:
        """Put ``member`` where ``rank`` others stand before it."""
        self.steps += self._depth
        block, before = self._find(rank)
        self._home[member] = block
        self._count(block, 1)
        block.insert(before, member)
        if len(block) > BLOCK:
            self._split(block)

    def pop(self, rank: int) -> None:
        """Take out the member with ``rank`` others before it."""
        self.steps += self._depth
        block, behind = self._find(rank + 1)
        del self._home[block.pop(behind - 1)]
        self._count(block, -1)

    def _find(self, rank: int) -> tuple[Block, int]:
        """The block in which the first ``rank`` members end, and how many of them it has."""
        place, reach = 0, 1 << self._depth - 1
        while reach:
            node = place + reach
            if node < len(self._sums) and self._sums[node] < rank:
                place, rank = node, rank - self._sums[node]
            reach >>= 1
        return self._blocks[place], rank

    def _count(self, block: Block, change: int) -> None:
        """Add to the size of a block, in every sum that has it."""
        node = block.place + 1
        while node < len(self._sums):
            self._sums[node] += change
            node += node & -node

    def _split(self, block: Block) -> None:
        """Move the second half of a block into a new one behind it, and forget empty blocks."""
        half = Block(block[BLOCK // 2 :])
        del block[BLOCK // 2 :]
        self._home.update(dict.fromkeys(half, half))
        self._blocks.insert(block.place + 1, half)
        self._arrange([block for block in self._blocks if block])

    def _arrange(self, blocks: list[Block]) -> None:
        """Number the blocks and add up their sizes anew."""
        self._blocks, self._sums = blocks, [0] * (len(blocks) + 1)
        for place, block in enumerate(blocks):
            block.place = place
            node = place + 1
            self._sums[node] += len(block)
            above = node + (node & -node)
            if above <= len(blocks):
                self._sums[above] += self._sums[node]
        self._depth = len(blocks).bit_length()
        self.steps += len(blocks)
