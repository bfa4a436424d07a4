"""Binary translation, VMware's way: the guest's kernel never runs, a translation of it does.

User code runs directly, as under trap and emulate. Of kernel code the VMM makes translated blocks
in its own memory, when they are reached. They run at user level and need no privilege: so a
processor can be virtualized whose sensitive instructions do not trap.

Source: Adams and Agesen, "A Comparison of Software and Hardware Techniques for x86 Virtualization",
ASPLOS 2006.
"""

from __future__ import annotations

from vcloud_lab.vm.cpu import Timer
from vcloud_lab.vm.isa import Instruction
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.mmu import View
from vcloud_lab.vm.paging import PAGE, R, W, X
from vcloud_lab.vm.traps import Cause, Trap
from vcloud_lab.vm.vmm import TrapAndEmulate
from vcloud_lab.vm.vmm_code import CALLOUT, FOUND, TARGET, Callout, translate, word
from vcloud_lab.vm.vmm_state import HERE, StatePage

__all__ = ["BinaryTranslation"]

CACHE = range(PAGE, 1 << 20)
"""The translated code, as offsets into the VMM's memory; the state page is before it."""
CACHE_HERE = 0xFE000000
"""Where the guest's kernel would see it."""
MOST_FAULTS = 3
"""An instruction that has reached for a device so often becomes a callout."""


class BinaryTranslation(TrapAndEmulate):
    """A virtual processor whose kernel code is translated. ``blocks`` tells where the translation
    of the code at an address of the guest begins, by the memory as the kernel sees it now."""

    technique = "binary translation"

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self._worlds: dict[View, dict[int, int]] = {}
        self.places: dict[int, int] = {}
        self.callouts: dict[int, Callout] = {}
        self._faults: dict[int, int] = {}
        self.state: StatePage
        super().__init__(bus, timer, number=number)

    def _move_in(self, bus: Bus) -> None:
        super()._move_in(bus)
        self.state = StatePage(self.host, self.host.base)

    def forget(self) -> None:
        """Forget the shadow tables, and the translated code."""
        super().forget()
        self._drop()

    def _drop(self) -> None:
        """Begin with an empty cache."""
        self._worlds.clear()
        self.places.clear()
        self.callouts.clear()
        self._faults.clear()
        self._used = 0
        self._look()

    def _look(self) -> None:
        """Take the blocks that were made for the memory as it is seen now."""
        self._view = self.code
        self.blocks = self._worlds.setdefault(self._view, {})
        for offset in FOUND[0]:
            self.state[offset] = 1  # no address of code

    def _opened(self, root: int) -> None:
        if self.level:
            base = self.host.base
            self.shadow.map_at(root, HERE, base, R | W)
            for offset in range(CACHE.start, CACHE.stop, PAGE):
                here = CACHE_HERE + offset - CACHE.start
                self.shadow.map_at(root, here, base + offset, R | X)

    def _chunk(self, limit: int) -> int:
        if not self.level or self._apart():
            return super()._chunk(limit)
        if self.code is not self._view:
            self._look()
        try:
            place = self._block(self.pc)
        except Trap:
            return self._emulate()
        self.state.show(self.csr, pending=False)  # what could set MIE is called out
        root, real = self.shadow.root(self.data), self.real
        done = real.enter(self.x, place, root, limit)
        while real.exit is None and real.pc not in self.places:  # amid an instruction of the guest
            done += real.enter(self.x, real.pc, root, 1)
        self.state.take(self.csr)
        self.retired += done
        self.direct += done
        return done + self._serve()

    def _block(self, pc: int) -> int:
        """Where the translation of the code at ``pc`` is, made if there is none yet.

        Raises ``Trap`` where the guest may not execute there.
        """
        if pc not in self.blocks:
            words, (_, _, shift) = self.bus.words, self.code.window(pc)
            block = translate(pc, self.level, lambda at: words[at - shift >> 2])
            if self._used + 4 * len(block.words) > len(CACHE):
                self._drop()
            start = self._used
            self._used += 4 * len(block.words)
            data = b"".join(w.to_bytes(4, "little") for w in block.words)
            self.host.load_image(data, self.host.base + CACHE.start + start)
            here = CACHE_HERE + start
            self.blocks[pc] = here + 4
            self.places |= {here + 4 * at: guest for at, guest in block.places.items()}
            self.callouts |= {here + 4 * at: call for at, call in block.callouts.items()}
            self.exited("translation of a block")
        return self.blocks[pc]

    def _serve(self) -> int:
        if not self.level:
            return super()._serve()
        at, exit_ = self.real.pc, self.real.exit
        if exit_ is None:
            self.pc = self.places[at]
            return 0
        if exit_[0] == Cause.BREAKPOINT and at in self.callouts:
            return self._called(at, self.callouts[at])
        self.pc = self.places[at]
        devices = self.exits["device"]
        done = super()._serve()
        if self.exits["device"] > devices:
            faults = self._faults[at] = self._faults.get(at, 0) + 1
            if faults == MOST_FAULTS:
                self.callouts[at] = Callout("emulate", self.places[at])
                self._patch(at, CALLOUT)
        return done

    def _called(self, at: int, call: Callout) -> int:
        """Do what translated code at ``at`` has called for."""
        if call.what == "go":
            return self._link(at, call)
        if call.what == "find":
            return self._find(call)
        self.pc = call.pc
        self.exited("callout", self._instruction())
        return self._emulate()

    def _link(self, at: int, call: Callout) -> int:
        """Make a jump of the callout at ``at``."""
        self.pc = call.pc
        try:
            place = self._block(call.pc)
        except Trap:
            return self._emulate()
        if self.callouts.get(at) is call:  # the cache has not been emptied
            self._patch(at, word("jal", imm=place - at))
            del self.callouts[at]
        return 0

    def _find(self, call: Callout) -> int:
        """Find the code for a computed jump, and put it into the table."""
        target = self.state[TARGET]
        self.pc = call.pc
        self.exited("computed jump")
        if target & 3:
            self.trap(Cause.MISALIGNED_FETCH, target)
            return 1
        self.x[call.rd or 32] = call.pc + 4 & 0xFFFFFFFF
        self.pc = target
        self.retired += 1
        try:
            place = self._block(target)
        except Trap:
            return 1  # the next instruction will have the fault
        slot = (target & 0x1FC) >> 2
        self.state[FOUND[0][slot]], self.state[FOUND[1][slot]] = target, place - 4
        return 1

    def _do(self, found: Instruction, word: int) -> int:
        if found.row.does == "fence_i":  # the guest has changed its code
            self._drop()
        if found.row.does == "sfence_vma" and self.level == 3:
            blocks = self.blocks  # made from physical addresses: they are what they were
            TrapAndEmulate.forget(self)
            self._view, self._worlds = self.code, {self.code: blocks}
            return self.pc + 4
        return super()._do(found, word)

    def _patch(self, at: int, new: int) -> None:
        self.host.write(self.host.base + CACHE.start + at - CACHE_HERE, 4, new)
