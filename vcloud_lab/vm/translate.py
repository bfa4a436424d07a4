"""A dynamic binary translator: guest code that is run often becomes Python functions.

A *trace* begins where a jump has led and follows the code: past branches that are not taken, along
direct jumps, within one page, until something must be left to the hart. It becomes one function in
which the guest's registers are local variables. A branch back to the beginning becomes a ``while``
loop. Cold code is stepped.

Nothing is lost by it: traps are precise, because locals always hold the guest's present registers;
the count of instructions is exact, because a function is told how many it may run; and a store into
a page of translated code forgets the page's traces and ends the running one.

Source: Bellard, "QEMU, a Fast and Portable Dynamic Translator", USENIX 2005, for the idea.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vcloud_lab.vm.cpu import Hart, Timer
from vcloud_lab.vm.execute import NAMES, Leave
from vcloud_lab.vm.isa import Instruction, decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.mmu import Attention
from vcloud_lab.vm.traps import Trap

__all__ = ["TranslatingHart", "trace_source"]

M = 0xFFFFFFFF
HOT = 40
"""Code is translated when it is reached for this many times."""
LONGEST = 128
"""The most instructions of a trace."""
MOST_TRACES = 20_000

Trace = Callable[[Hart, list[int], int], int]
WORD = re.compile(r"\b(?:a|b|imm|pc|M|H)\b")
VIEWS = {"1": "ram", "2": "halves", "4": "words"}


class TranslatingHart(Hart):
    """A ``Hart`` that translates hot code. ``translated`` counts instructions that were translated,
    ``forgotten`` how often a page of traces was given up because it was written."""

    def __init__(self, bus: Bus, timer: Timer | None = None, *, number: int = 0) -> None:
        self._traces: dict[int, tuple[int, Trace]] = {}
        self._heat: dict[int, int] = {}
        self._in_page: dict[int, list[tuple[dict[int, tuple[int, Trace]], int]]] = {}
        self._worlds: dict[Any, tuple[dict[int, tuple[int, Trace]], dict[int, int]]] = {}
        self.translated = self.forgotten = self.begun = 0
        super().__init__(bus, timer, number=number)
        bus.code_written = self._written

    def forget(self) -> None:
        """Forget every translation, of addresses and of code."""
        self._worlds.clear()
        self._in_page.clear()
        self.bus.code[:] = bytes(len(self.bus.code))
        super().forget()

    def mode_changed(self) -> None:
        """Take the traces that were made for the memory as it is seen now."""
        super().mode_changed()
        key = (self._fetch, self.load4)  # one of each for every view
        self._traces, self._heat = self._worlds.setdefault(key, ({}, {}))

    def _written(self, page: int) -> None:
        """A page with traces is about to be written: give them up, in every view."""
        self.bus.code[page] = 0
        self.forgotten += 1
        for traces, pc in self._in_page.pop(page, ()):
            traces.pop(pc, None)

    def _chunk(self, limit: int) -> int:
        """Up to ``limit`` instructions, by traces where there are some."""
        left, x = limit, self.x
        while left > 0:
            found = self._traces.get(self.pc)
            if found is None or found[0] > left:
                begun, stopped = self._cold(left)
                left -= begun
                if stopped:
                    break
                continue
            self.begun = 0
            try:
                self.pc = found[1](self, x, left)
            except (Leave, Trap, Attention) as why:
                left -= self._out_of_loop(why, self.pc, self.begun)
                break
            self.retired += self.begun
            left -= self.begun
        return limit - left

    def _cold(self, left: int) -> tuple[int, bool]:
        """Step until the code jumps; translate where it jumps to often.

        Returns how many instructions were begun, and whether the hart must look around now.
        """
        heat = self._heat[self.pc] = self._heat.get(self.pc, 0) + 1
        if heat % HOT == 0 and self._translate():
            return 0, False
        begun, x, known, words, pc = 0, self.x, self._known, self.bus.words, self.pc
        try:
            low, high, shift = self._fetch(pc)
            while begun < left:
                execute, rd, rs1, rs2, imm = known[words[pc - shift >> 2]]
                after = execute(self, x, pc, rd, rs1, rs2, imm)
                begun += 1
                straight, pc = after == pc + 4, after
                if not straight or not low <= pc < high:
                    break
        except (Leave, Trap, Attention) as why:
            return self._out_of_loop(why, pc, begun), True
        self.pc = pc & M
        self.retired += begun
        return begun, False

    def _translate(self) -> bool:
        """Translate from the program counter on; False where nothing there can be in a trace.

        Where a trace had to be cut, the next one is made at once: it is as hot.
        """
        pc, made = self.pc, False
        while pc not in self._traces:
            code = self._trace_at(pc)
            if not code:
                break
            made, (last, found) = True, code[-1]
            pc = last + 4 & M
            if found.row.kind in ("jump", "branch", "reserve") or (
                len(code) < LONGEST and pc & 4095
            ):
                break
        return made

    def _trace_at(self, pc: int) -> list[tuple[int, Instruction]]:
        """Make one trace and return its instructions."""
        try:
            low, high, shift = self._fetch(pc)
        except Trap:
            return []
        page, bus = pc & -4096, self.bus
        low, high = max(low, page), min(high, page + 4096)
        code = _collect(pc, low, high, lambda at: bus.words[at - shift >> 2])
        if code:
            source = trace_source(code, bus.base if self.bare else None)
            names: dict[str, Any] = NAMES | {
                "words": bus.words, "halves": bus.halves, "ram": bus.ram, "code": bus.code,
                "load1": self.load1, "load2": self.load2, "load4": self.load4,
                "store1": self.store1, "store2": self.store2, "store4": self.store4,
                "load_to_store": self.load_to_store,
            }  # fmt: skip
            exec(compile(source, f"<trace at {pc:#x}>", "exec"), names)
            if len(self._traces) >= MOST_TRACES:
                self._traces.clear()
            self._traces[pc] = (len(code), names["trace"])
            self.translated += len(code)
            in_ram = pc - shift >> 12
            bus.code[in_ram] = 1
            self._in_page.setdefault(in_ram, []).append((self._traces, pc))
        return code


def _collect(
    pc: int, low: int, high: int, word_at: Callable[[int], int]
) -> list[tuple[int, Instruction]]:
    """The instructions of the trace that begins at ``pc``, with their addresses."""
    code: list[tuple[int, Instruction]] = []
    seen = set()
    while low <= pc < high and pc not in seen and len(code) < LONGEST:
        found = decode(word_at(pc))
        if found is None or found.row.kind in ("csr", "system"):
            break
        code.append((pc, found))
        seen.add(pc)
        if found.row.kind == "reserve" or found.row.name == "jalr":
            break
        pc = pc + found.imm & M if found.row.name == "jal" else pc + 4
        if pc & 3:
            break
    return code


def trace_source(code: list[tuple[int, Instruction]], base: int | None) -> str:
    """The Python text of a trace; memory that is bare and begins at ``base`` is reached without a
    call, other memory (None) by the hart's functions.

    The function ``trace(hart, x, left)`` runs at most ``left`` instructions, but once to the end of
    the trace, and returns the next program counter. ``hart.begun`` counts what was completed; when
    it raises, ``hart.pc`` is the instruction that did.
    """
    used = sorted({r for _, i in code for r in _registers(i)} - {0})
    changed = sorted({i.rd for _, i in code if "d" in i.row.bits} - {0})
    lines = [*(f"r{r} = x[{r}]" for r in used), "given, at = left, 0", "try:", "    while True:"]
    for index, (pc, found) in enumerate(code):
        lines += ["        " + line for line in _emit(index, pc, found, code, base)]
    last, final = code[-1]
    if final.row.name != "jalr":
        after = last + final.imm & M if final.row.name == "jal" else last + 4 & M
        lines += ["        " + line for line in _go(after, len(code), code)]
    lines += ["except BaseException:", "    hart.pc = PLACES[at]", "    left -= at", "    raise"]
    lines += ["finally:", "    hart.begun = given - left"]
    lines += [f"    x[{r}] = r{r}" for r in changed]
    text = "\n    ".join(lines)
    return f"PLACES = {[pc for pc, _ in code]}\ndef trace(hart, x, left):\n    {text}\n"


def _go(target: int, done: int, code: list[tuple[int, Instruction]]) -> list[str]:
    """Leave for ``target`` after ``done`` instructions of this round, or begin another round."""
    lines = [f"left -= {done}"]
    if target == code[0][0]:
        lines += [f"if left >= {len(code)}: continue"]
    return [*lines, f"return {target}"]


def _registers(found: Instruction) -> set[int]:
    bits = found.row.bits
    fields = (("d", found.rd), ("s", found.rs1), ("t", found.rs2))
    return {number for letter, number in fields if letter in bits}


def _emit(
    index: int,
    pc: int,
    found: Instruction,
    code: list[tuple[int, Instruction]],
    base: int | None,
) -> list[str]:
    """The lines of one instruction."""
    row = found.row
    a = f"r{found.rs1}" if found.rs1 else "0"
    b = f"r{found.rs2}" if found.rs2 else "0"
    given = {"a": a, "b": b, "imm": str(found.imm), "pc": str(pc), "M": str(M), "H": str(1 << 31)}
    signed = (found.imm ^ 1 << 31) - (1 << 31)
    if signed < 0 and row.name == "addi":  # a small number to subtract is quicker
        given |= {"imm": str(-signed)}
    does = WORD.sub(lambda match: given[match.group()], row.does)
    does = does.replace(" + ", " - ") if signed < 0 and row.name == "addi" else does
    rd = f"r{found.rd}" if found.rd else "_"
    here, link = f"at = {index}", f"{rd} = {pc + 4 & M}"
    place = f"{a} {'-' if signed < 0 else '+'} {abs(signed)} & {M}" if found.imm else a
    target = pc + found.imm & M
    match row.kind:
        case "rd":
            return [f"{rd} = {does}"] if found.rd else []
        case "jump" if row.name == "jal":
            return [here, f"raise Trap(MISALIGNED, {target})"] if target & 3 else [link]
        case "jump":
            return [here, f"t = {does}", "if t & 3: raise Trap(MISALIGNED, t)", link,
                    f"left -= {index + 1}", "return t"]  # fmt: skip
        case "branch":
            taken = _go(target, index + 1, code)
            if target & 3:
                taken = [here, f"raise Trap(MISALIGNED, {target})"]
            return [f"if {does}:", *(f"    {line}" for line in taken)]
        case "load":
            return _load(row.does.split(), rd, place, here, base)
        case "store":
            return _store(row.does, b, place, here, base)
        case "amo":
            return [here, f"t = {a}", "m = load_to_store(t)", f"v = {does}", f"{rd} = m",
                    "store4(t, v)"]  # fmt: skip
        case "reserve":
            return [here, f"{rd} = hart.{row.does}_reserved({a}, {b})"]
    return []


def _load(words: list[str], rd: str, place: str, here: str, base: int | None) -> list[str]:
    """A load: RAM at once, where memory is bare and begins at ``base``; all else by a call."""
    width, shift = words[0], int(words[0]) >> 1
    lines = [here, f"t = {place}"]
    if base is None:
        lines += [f"{rd} = load{width}(t)"]
    else:  # outside RAM the index is too large
        quick = f"{VIEWS[width]}[(t ^ {base}) >> {shift}]"
        odd = int(width) - 1
        lines += [
            f"try: {rd} = load{width}(t) if t & {odd} else {quick}"
            if odd
            else f"try: {rd} = {quick}",
            f"except IndexError: {rd} = load{width}(t)",
        ]
    sign = 1 << 8 * int(width) - 1
    return lines + ([f"{rd} = ({rd} ^ {sign}) - {sign} & {M}"] if words[1:] else [])


def _store(width: str, value: str, place: str, here: str, base: int | None) -> list[str]:
    """A store: into RAM at once, unless the page has code."""
    lines = [here, f"t = {place}"]
    if base is None:
        return [*lines, f"store{width}(t, {value})"]
    size = int(width)
    odd = f"t & {size - 1} or " if size > 1 else ""
    low = value if size == 4 else f"{value} & {(1 << 8 * size) - 1}"
    return [
        *lines,
        "try:",
        f"    if {odd}code[(t ^ {base}) >> 12]: raise IndexError",
        f"    {VIEWS[width]}[(t ^ {base}) >> {size >> 1}] = {low}",
        f"except IndexError: store{width}(t, {value})",
    ]
