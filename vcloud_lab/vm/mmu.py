"""How a hart reaches memory: directly, or through page tables and a TLB.

A *view* is memory as seen with one setting of ``satp``, level, SUM and MXR. It has its functions
ready, so that changing the level, which happens at every trap, only means taking another view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vcloud_lab.vm.execute import Leave
from vcloud_lab.vm.memory import Bus, BusError
from vcloud_lab.vm.paging import PAGE, PageFault, R, W, X, walk
from vcloud_lab.vm.pmp import LOCKED, Pmp
from vcloud_lab.vm.traps import Cause, Trap

__all__ = ["Attention", "Mmu", "View"]

Load = Callable[[int], int]
Store = Callable[[int, int], None]
Translate = Callable[[int, int], int]
ACCESS = {R: Cause.LOAD_ACCESS, W: Cause.STORE_ACCESS, X: Cause.FETCH_ACCESS}
FAULT = {R: Cause.LOAD_PAGE, W: Cause.STORE_PAGE, X: Cause.FETCH_PAGE}


class Attention(Exception):
    """A store to a device or to translated code is done, and the hart must look around."""


@dataclass(frozen=True, eq=False)
class View:
    """Memory as one level sees it: loads and stores of 1, 2 and 4 bytes, and where code lies.

    ``translate(access, at)`` gives the physical address, where the access is allowed.
    ``level`` is whose view it is. ``load_to_store`` reads a word that will be written.
    ``window(pc)`` gives addresses from ``low`` to ``high`` and a shift: the instruction at ``pc``
    is ``words[pc - shift >> 2]``.
    All raise ``Trap``. ``bare`` says that addresses are physical and nothing is forbidden.
    """

    level: int
    translate: Translate
    loads: tuple[Load, Load, Load]
    stores: tuple[Store, Store, Store]
    load_to_store: Load
    window: Callable[[int], tuple[int, int, int]]
    bare: bool


class Mmu:
    """The memory management unit of a hart. ``walks`` counts the page-table walks.

    A load from anything but RAM raises ``Leave``, so that the hart brings its counters up to date
    before a device, such as the timer, sees the load; it then repeats it with ``exact`` set.
    """

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.walks = 0
        self.pmp = Pmp()
        self.exact = False
        self._views: dict[tuple[int, int, bool, bool], View] = {}

    def flush(self) -> None:
        """Forget every translation."""
        self._views.clear()

    def view(self, satp: int, level: int, user_too: bool, executable_too: bool) -> View:
        """The memory that this level sees."""
        satp = satp if satp >> 31 and level < 3 else 0
        key = (satp, level, user_too, executable_too)
        if key not in self._views:
            self._views[key] = (
                self._paged(*key) if satp or level < 3 or self._fenced() else self._bare()
            )
        return self._views[key]

    def _fenced(self) -> bool:
        """Whether a rule binds the machine level too."""
        return any(config & LOCKED for config in self.pmp.config)

    def _bare(self) -> View:
        end = self.bus.end
        return self._made(3, lambda access, at: at, lambda at: end)

    def _paged(self, satp: int, level: int, user_too: bool, executable_too: bool) -> View:
        translate = self._translation(satp, level, user_too, executable_too)
        return self._made(level, translate, lambda at: (at & -PAGE) + PAGE, paged=True)

    def _tables(self) -> tuple[Load, Store]:
        """How the entries of page tables are read and written, by their physical addresses."""
        return self.bus.loader(4), self.bus.storer(4)

    def _translation(
        self, satp: int, level: int, user_too: bool, executable_too: bool
    ) -> Translate:
        """From a virtual address to the physical one, with a TLB of its own."""
        tlb: dict[int, dict[int, int]] = {R: {}, W: {}, X: {}}
        root = (satp & 0x3FFFFF) << 12
        read, write = self._tables()
        allows = self.pmp.allows

        def walked(access: int, at: int) -> int:
            """The start of the physical page, by the tables and the protection."""
            if not satp:
                return at & -PAGE
            self.walks += 1
            found = walk(
                at, access, root, load=read, store=write,
                user=level == 0, user_too=user_too, executable_too=executable_too,
            )  # fmt: skip
            return found.physical & -PAGE

        def translate(access: int, at: int) -> int:
            page = tlb[access].get(at >> 12)
            if page is None:
                try:
                    page = walked(access, at)
                except PageFault:
                    raise Trap(FAULT[access], at) from None
                except BusError:
                    raise Trap(ACCESS[access], at) from None
                if not allows(page, access, level):
                    raise Trap(ACCESS[access], at)
                tlb[access][at >> 12] = page
            return page + (at & PAGE - 1)

        return translate

    def _made(
        self,
        level: int,
        translate: Translate,
        end_of: Callable[[int], int],
        *,
        paged: bool = False,
    ) -> View:
        """The functions of a view; ``end_of(at)`` is where what follows ``at`` ends."""
        bus = self.bus
        base, end, code = bus.base, bus.end, bus.code

        def loader(size: int, access: int = R) -> Load:
            quick = bus.loader(size)

            def load(at: int) -> int:
                if (at & PAGE - 1) + size > PAGE:
                    return split(at, size)
                place = translate(access, at)
                if base <= place < end:
                    return quick(place)
                if not self.exact:
                    raise Leave
                try:
                    return bus.read(place, size)
                except BusError:
                    raise Trap(ACCESS[access], at) from None

            return load

        def split(at: int, size: int) -> int:
            """A load that crosses the end of a page, byte by byte."""
            places = [translate(R, at + i & 0xFFFFFFFF) for i in range(size)]
            if not all(base <= place < end for place in places):
                raise Trap(ACCESS[R], at)
            return int.from_bytes(bytes(bus.read(place, 1) for place in places), "little")

        def storer(size: int) -> Store:
            quick = bus.storer(size)

            def store(at: int, value: int) -> None:
                if (at & PAGE - 1) + size > PAGE:
                    split_store(at, size, value)
                    return
                place = translate(W, at)
                special = not base <= place < end or code[place - base >> 12]
                try:
                    quick(place, value)
                except BusError:
                    raise Trap(ACCESS[W], at) from None
                if special:
                    raise Attention

            return store

        def split_store(at: int, size: int, value: int) -> None:
            places = [translate(W, at + i & 0xFFFFFFFF) for i in range(size)]
            if not all(base <= place < end for place in places):  # nothing is half-written
                raise Trap(ACCESS[W], at)
            special = any(code[place - base >> 12] for place in places)
            for i, place in enumerate(places):
                bus.write(place, 1, value >> 8 * i & 0xFF)
            if special:
                raise Attention

        plain_store = loader(4, W)

        def load_to_store(at: int) -> int:
            if at & 3:
                raise Trap(Cause.MISALIGNED_STORE, at)
            return plain_store(at)

        def window(pc: int) -> tuple[int, int, int]:
            if pc & 3:
                raise Trap(Cause.MISALIGNED_FETCH, pc)
            place = translate(X, pc)
            if not base <= place < end:
                raise Trap(ACCESS[X], pc)
            shift = pc - place + base
            low = pc & -PAGE if paged else base
            return low, end_of(pc), shift

        return View(
            level, translate, (loader(1), loader(2), loader(4)), (storer(1), storer(2), storer(4)),
            load_to_store, window, not paged,
        )  # fmt: skip
