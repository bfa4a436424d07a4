"""A hart: one RISC-V processor, stepped instruction by instruction.

The loop in ``Hart._chunk`` fetches a word, looks up the function that executes it, and calls it. It
has no cache of its own, so code that changes itself just works. Everything rare leaves the loop:
traps, CSRs, device writes, the timer.

Source: The RISC-V Instruction Set Manual, volume II (privileged).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from vcloud_lab.vm.csr import Status
from vcloud_lab.vm.csr_file import CsrFile
from vcloud_lab.vm.execute import Decoded, Leave
from vcloud_lab.vm.isa import Instruction, decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.mmu import Attention, Mmu
from vcloud_lab.vm.pmp import Pmp
from vcloud_lab.vm.traps import INTERRUPT, INTERRUPTS, Cause, Trap

__all__ = ["Hart", "Timer"]

M = 0xFFFFFFFF
TIMER = 1 << 7
LONGEST_CHUNK = 50_000
"""So many instructions at most until the lines of the devices are looked at again."""


class Timer(Protocol):
    """What a hart must know of its timer; ``retired`` counts the hart's instructions."""

    def now(self, retired: int) -> int:
        """The time in ticks of the timer."""

    def due_in(self, retired: int) -> int | None:
        """After how many more instructions it interrupts; 0 while it does, None for never."""

    def skip_to_due(self, retired: int) -> bool:
        """Let idle time pass until it interrupts; False where it never will."""


class Hart:
    """A processor with 32 registers, its CSRs and three privilege levels, at ``bus``.

    ``x`` are the registers as unsigned 32-bit numbers (x[32] takes what is written to x0), ``pc``
    the program counter, ``level`` 0, 1 or 3. ``lines`` are the interrupt lines that devices hold,
    as bits of ``mip``. ``retired`` counts completed instructions, ``traps`` exceptions and
    interrupts by their cause.

    ``silent`` makes another instruction set of it, one that cannot be virtualized by trapping: a
    CSR whose number it has can be read at every level, and what may not write it is not told so.
    (The x86 has POPF, which below the highest level leaves the interrupt flag as it is, and SMSW.)
    """

    silent: frozenset[int] = frozenset()

    technique = "full emulation"
    """How it executes a guest, where a hypervisor makes it do so."""

    kept: tuple[str, ...] = (
        "x", "pc", "level", "lines", "retired", "waiting", "stopped", "reservation", "traps",
    )  # fmt: skip
    """What a snapshot keeps of it, apart from the CSRs."""

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self.bus, self.timer, self.number = bus, timer, number
        self.csr = CsrFile(self)
        self.mmu = self._memory()
        self._known = Decoded()
        self.reset(bus.base)

    def _memory(self) -> Mmu:
        """How it reaches memory."""
        return Mmu(self.bus)

    def reset(self, pc: int) -> None:
        """As after power-on: machine level, everything zero, at ``pc``."""
        self.x = [0] * 33
        self.pc, self.level = pc, 3
        self.lines = self.retired = 0
        self.waiting = self.stopped = False
        self.reservation: int | None = None
        self.traps: dict[int, int] = {}
        self.csr.reset()
        self.mmu.pmp = Pmp()
        self.forget()

    def forget(self) -> None:
        """Forget every translation and permission that the hart remembers."""
        self.mmu.flush()
        self.mode_changed()

    def mode_changed(self) -> None:
        """Choose how memory is reached, after the level, ``mstatus`` or ``satp`` changed."""
        status, satp = self.csr["mstatus"], self.csr["satp"]
        data = self.level
        if status & Status.MPRV and self.level == 3:
            data = status >> 11 & 3
        user_too, executable_too = bool(status & Status.SUM), bool(status & Status.MXR)
        self.data = seen = self.mmu.view(satp, data, user_too, executable_too)
        self.load1, self.load2, self.load4 = seen.loads
        self.store1, self.store2, self.store4 = seen.stores
        self.load_to_store = seen.load_to_store
        self.bare = seen.bare
        self.code = self.mmu.view(satp, self.level, False, False)
        self._fetch = self.code.window

    # Running

    def run(self, budget: int) -> str:
        """Run at most ``budget`` instructions; traps count as one each.

        Returns "budget" when that many are done, "waiting" when the hart waits for an interrupt
        that cannot come by itself, and "stopped" when a device has set ``stopped``.
        """
        while budget > 0 and not self.stopped:
            due = self.timer.due_in(self.retired) if self.timer else None
            self.lines = self.lines & ~TIMER | (TIMER if due == 0 else 0)
            if self._interrupted():
                budget -= 1
            elif self.waiting and not self.csr["mie"] & self._pending():
                timer = self.timer if self.csr["mie"] & TIMER else None  # else it wakes nobody
                if not (timer and timer.skip_to_due(self.retired)):
                    return "waiting"
            else:
                self.waiting = False
                budget -= self._chunk(min(budget, due or LONGEST_CHUNK, LONGEST_CHUNK))
        return "stopped" if self.stopped else "budget"

    def step(self) -> None:
        """Run one instruction, or take one trap."""
        self.run(1)

    def _chunk(self, limit: int) -> int:
        """Up to ``limit`` instructions; returns how many were begun."""
        x, known, words = self.x, self._known, self.bus.words
        pc, done = self.pc, 0
        low = high = shift = 0  # where code is at hand: words[pc - shift >> 2]
        try:
            for done in range(limit):  # noqa: B007 - read when an exception ends the loop
                if not low <= pc < high:
                    low, high, shift = self._fetch(pc)
                execute, rd, rs1, rs2, imm = known[words[pc - shift >> 2]]
                pc = execute(self, x, pc, rd, rs1, rs2, imm)
            done = limit
        except (Leave, Trap, Attention) as why:
            return self._out_of_loop(why, pc, done)
        self.pc = pc & M
        self.retired += done
        return done

    def _out_of_loop(self, why: Leave | Trap | Attention, pc: int, done: int) -> int:
        """Deal with what ended a loop at ``pc`` after ``done`` instructions; returns one more."""
        self.pc = pc
        self.retired += done
        if isinstance(why, Trap):
            self.trap(why.cause, why.value)
        elif isinstance(why, Leave):
            _, _, shift = self._fetch(pc)
            self._system(self.bus.words[pc - shift >> 2])
        else:  # a store that is done; interrupts may have changed
            self.pc = pc + 4 & M
            self.retired += 1
        return done + 1

    # Traps

    def _pending(self) -> int:
        """``mip``: the interrupts that wait, by the devices' lines and by software."""
        return self.csr["mip"] | self.lines

    def _interrupted(self) -> bool:
        """Take the most urgent interrupt that may come now, if there is one."""
        ready = self._pending() & self.csr["mie"]
        if not ready:
            return False
        status, delegated = self.csr["mstatus"], self.csr["mideleg"]
        allowed = 0
        if self.level < 3 or status & Status.MIE:
            allowed = ready & ~delegated
        if not allowed and (self.level < 1 or (self.level == 1 and status & Status.SIE)):
            allowed = ready & delegated
        for number in INTERRUPTS:
            if allowed >> number & 1:
                self.waiting = False
                self.trap(INTERRUPT | number, 0)
                return True
        return False

    def trap(self, cause: int, value: int) -> None:
        """Enter the handler of a trap: at supervisor level where it is delegated, else machine."""
        self.traps[cause] = self.traps.get(cause, 0) + 1
        csr, number = self.csr, cause & ~INTERRUPT
        delegated = csr["mideleg" if cause & INTERRUPT else "medeleg"] >> number & 1
        status = csr["mstatus"]
        if delegated and self.level < 3:
            name = "s"
            status &= ~(Status.SPP | Status.SPIE)
            status |= (self.level & 1) << 8 | (Status.SPIE if status & Status.SIE else 0)
            csr["mstatus"] = status & ~Status.SIE
            self.level = 1
        else:
            name = "m"
            status &= ~(Status.MPP | Status.MPIE)
            status |= self.level << 11 | (Status.MPIE if status & Status.MIE else 0)
            csr["mstatus"] = status & ~Status.MIE
            self.level = 3
        csr[f"{name}epc"], csr[f"{name}cause"], csr[f"{name}tval"] = self.pc, cause, value
        vector = csr[f"{name}tvec"]
        self.pc = (vector & ~3) + (4 * number if vector & 1 and cause & INTERRUPT else 0)
        self.reservation = None
        self.mode_changed()

    # What leaves the loop

    def _system(self, word: int) -> None:
        """Execute what has left the loop, or take the trap that it causes."""
        found = decode(word)
        assert found is not None
        try:
            match found.row.kind:
                case "csr":
                    after = self._csr(found)
                case "system":
                    after = self._do(found, word)
                case _:
                    after = self._exactly(word)
        except Trap as trap:
            self.trap(trap.cause, trap.value or word * (trap.cause == Cause.ILLEGAL))
            return
        self.retired += 1
        self.pc = after & M

    def _exactly(self, word: int) -> int:
        """Execute an instruction that reaches a device, with all counters up to date."""
        execute, rd, rs1, rs2, imm = self._known[word]
        self.mmu.exact = True
        try:
            return execute(self, self.x, self.pc, rd, rs1, rs2, imm)
        except Attention:
            return self.pc + 4
        finally:
            self.mmu.exact = False

    def _csr(self, found: Instruction) -> int:
        writes = found.row.name in ("csrrw", "csrrwi") or found.rs1 != 0
        try:
            old = self.csr.read(found.imm, self.level, writes=writes)
        except Trap:
            if found.imm not in self.silent:
                raise
            old, writes = self.csr.read(found.imm, 3), False
        if writes:
            operand = found.rs1 if found.row.format == "csri" else self.x[found.rs1]
            new = {"a": operand, "old | a": old | operand, "old & ~a": old & ~operand}
            self.csr.write(found.imm, new[found.row.does])
        self.x[found.rd or 32] = old
        return self.pc + 4

    def _do(self, found: Instruction, word: int) -> int:
        status, level = self.csr["mstatus"], self.level
        match found.row.does:
            case "ecall":
                raise Trap(Cause.ECALL + level)
            case "ebreak":
                raise Trap(Cause.BREAKPOINT, self.pc)
            case "mret" if level == 3:
                return self._return("m", status)
            case "sret" if level == 3 or (level == 1 and not status & Status.TSR):
                return self._return("s", status)
            case "wfi" if level == 3 or (level == 1 and not status & Status.TW):
                self.waiting = True
            case "sfence_vma" if level == 3 or (level == 1 and not status & Status.TVM):
                self.forget()
            case "fence_i":
                pass  # this loop reads every instruction from memory
            case _:
                raise Trap(Cause.ILLEGAL, word)
        return self.pc + 4

    def _return(self, name: str, status: int) -> int:
        """``mret`` or ``sret``: back to the level and the interrupt flag from before the trap."""
        if name == "m":
            level, enabled = status >> 11 & 3, status & Status.MPIE
            status &= ~(Status.MPP | Status.MIE)
            status |= Status.MPIE | (Status.MIE if enabled else 0)
        else:
            level, enabled = status >> 8 & 1, status & Status.SPIE
            status &= ~(Status.SPP | Status.SIE)
            status |= Status.SPIE | (Status.SIE if enabled else 0)
        if level != 3:
            status &= ~Status.MPRV
        self.csr["mstatus"], self.level = status, level
        self.mode_changed()
        return self.csr[f"{name}epc"]

    def load_reserved(self, at: int, _: int) -> int:
        """``lr.w``: read a word and remember that its address was read."""
        if at & 3:
            raise Trap(Cause.MISALIGNED_LOAD, at)
        value = self.load4(at)
        self.reservation = at
        return value

    def store_reserved(self, at: int, value: int) -> int:
        """``sc.w``: write, if the address is still reserved; 0 for yes, 1 for no."""
        if at & 3:
            raise Trap(Cause.MISALIGNED_STORE, at)
        held = self.reservation == at
        if held:
            with suppress(Attention):  # the result must still be written
                self.store4(at, value)
        self.reservation = None
        return int(not held)
