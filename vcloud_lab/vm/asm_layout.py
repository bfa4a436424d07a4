"""Where everything of a program stands: its two sections, their symbols, what is filled in later.

The program is read once. That gives every line its place, as no instruction's length depends on a
label; then the sections get their addresses, and the words that need some are filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from vcloud_lab.vm.asm_expr import Expression, Operand, Value
from vcloud_lab.vm.asm_syntax import REGISTERS, Line, Token, nearest, short

__all__ = ["LIMIT", "Layout", "Section"]

LIMIT = 1 << 24
"""The most bytes of a program."""


def _nops(gap: int) -> bytes:
    """What GNU as fills a gap in the text with: nops, and before them, where the gap begins at no
    multiple of 4, a zero and a 16-bit nop, which no one runs."""
    return bytes(gap % 2) + b"\1\0" * (gap % 4 // 2) + b"\x13\0\0\0" * (gap // 4)


class Symbol(NamedTuple):
    """What a name stands for, the line that says so, and whether it is a label."""

    value: Value
    line: int
    label: bool


@dataclass
class Section:
    """The bytes of a section, the largest alignment asked for, and later its address."""

    name: str
    data: bytearray = field(default_factory=bytearray)
    alignment: int = 4
    address: int | None = None


@dataclass
class Layout:
    """A program that is being read. All methods raise ``AssemblyError`` at the line they are given.

    ``later`` holds what is done once addresses are known, in the program's order. ``high`` tells
    the target of each ``%pcrel_hi``, ``lines`` the source of each place: (section, offset, line,
    text).
    """

    origin: int
    sections: dict[str, Section] = field(
        default_factory=lambda: {name: Section(name) for name in (".text", ".data")}
    )
    symbols: dict[str, Symbol] = field(default_factory=dict)
    later: list[Callable[[], None]] = field(default_factory=list)
    high: dict[Value, Expression] = field(default_factory=dict)
    lines: list[tuple[Value, Line, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.section = self.sections[".text"]
        self._first: dict[str, Symbol] = {}
        self._locals: dict[str, int] = {}

    @property
    def here(self) -> Value:
        """Where the next byte goes."""
        return Value(len(self.section.data), self.section.name)

    def address(self, value: Value) -> Value:
        """A place as an address, where the section has one already."""
        section = self.sections.get(value.section or "")
        if section is None or section.address is None:
            return value
        return Value(section.address + value.number)

    # Symbols

    def define(self, line: Line, name: Token, value: Value, *, label: bool) -> None:
        """Give a name a value; a label gets one once, others as often as they like."""
        before = self.symbols.get(name.text)
        if name.text in REGISTERS or name.text == ".":
            what = "the current address" if name.text == "." else "a register"
            raise line.error(
                name.column, f"{name.text} is {what} and cannot be a symbol; choose another name"
            )
        if before and (label or before.label):
            raise line.error(
                name.column,
                f"{short(name.text)} is already defined in line {before.line}; a label has one "
                "place, so choose another name",
            )
        self.symbols[name.text] = symbol = Symbol(value, line.number, label)
        self._first.setdefault(name.text, symbol)
        if not label:
            self.later.append(lambda: self.symbols.update({name.text: symbol}))

    def define_local(self, line: Line, name: Token) -> None:
        """A numeric label: every definition gets a name of its own, which no one can write."""
        number = name.text.lstrip("0") or "0"
        self._locals[number] = count = self._locals.get(number, 0) + 1
        self.symbols[f"{number} {count}"] = Symbol(self.here, line.number, True)

    def bind(self, line: Line, token: Token) -> Token:
        """``1b`` and ``1f`` as the names of the definitions they mean."""
        if token.kind != "local":
            return token
        number = token.text[:-1].lstrip("0") or "0"
        count = self._locals.get(number, 0) + (token.text[-1] == "f")
        if not count:
            raise line.error(
                token.column,
                f"there is no label {number}: above this line; {token.text} looks "
                f"back, {number}f looks ahead",
            )
        return Token("name", f"{number} {count}", token.column)

    def knows(self, name: str) -> bool:
        return name in self.symbols

    # Values

    def evaluate(self, line: Line, expression: Expression, dot: Value) -> Value:
        """The value so far; ``dot`` is what ``.`` stands for."""

        def look_up(name: Token) -> Value:
            if name.text == ".":
                return self.address(dot)
            if name.text not in self.symbols:
                raise self._undefined(line, name)
            return self.address(self.symbols[name.text].value)

        return expression.evaluate(line, look_up)

    def _undefined(self, line: Line, name: Token) -> Exception:
        number, blank, _ = name.text.partition(" ")
        if blank:
            return line.error(name.column, f"no label {number}: comes after {number}f; add one")
        known = [symbol for symbol in self.symbols if " " not in symbol]
        return line.error(
            name.column,
            f"{short(name.text)} is not defined; define a label with name: or a number with .equ "
            f"name, number{nearest(name.text, known)}",
        )

    def known(self, line: Line, expression: Expression, what: str) -> int:
        """A number that is needed at once, as the places of all that follows depend on it."""
        for name in expression.postfix:
            if isinstance(name, Token) and name.kind == "name" and name.text != ".":
                if name.text in self.symbols:
                    continue
                raise line.error(
                    name.column,
                    f"{short(name.text.partition(' ')[0])} is not defined above this line, and "
                    f"{what} needs its value here; move the definition up"
                    + (", or use la for the address of a label" if what == "li" else ""),
                )
        value = self.evaluate(line, expression, self.here)
        if value.section is not None:
            raise line.error(
                expression.column,
                f"{what} needs a number, and this is an address, which is not known yet; use la "
                "for the address of a label, or the difference of two labels",
            )
        return value.number

    def constant(self, line: Line, expression: Expression) -> int | None:
        """Its value where that is a number and known already."""
        for name in expression.postfix:
            if isinstance(name, Token) and name.kind == "name" and name.text not in self.symbols:
                return None
        value = self.evaluate(line, expression, self.here)
        return value.number if value.section is None else None

    def value(self, line: Line, expression: Expression, at: int) -> int:
        """The value once all addresses are known."""
        return self.evaluate(line, expression, Value(at)).number

    def distance(self, line: Line, operand: Operand, at: int) -> int:
        """How far the target is from the ``%pcrel_hi`` that stands at the operand's label."""
        assert operand.value is not None
        place = Value(self.value(line, operand.value, at))
        if place not in self.high:
            raise line.error(
                operand.column,
                "%pcrel_lo names the label of the auipc with the %pcrel_hi, and there is none at "
                f"{place.number:#x}; write 1: auipc rd, %pcrel_hi(symbol) and %pcrel_lo(1b)",
            )
        return self.value(line, self.high[place], place.number) - place.number

    # Bytes

    def append(self, line: Line, column: int, count: int, fill: bytes = b"\0") -> None:
        """So many bytes of this filling, one byte long unless ``count`` is 1."""
        size = sum(len(section.data) for section in self.sections.values())
        if size + count * len(fill) > LIMIT:
            raise line.error(
                column,
                f"the program would have {size + count * len(fill)} bytes, and at most {LIMIT} are "
                "allowed; ask for less room",
            )
        self.section.data += fill * count

    def align(self, line: Line, column: int, size: int, fill: int | None) -> None:
        """Go on at a multiple of ``size``, a power of two; nops fill the gap in the text."""
        section, gap = self.section, -len(self.section.data) % size
        if section.name == ".text" and self.origin % size:
            raise line.error(
                column,
                f"a multiple of {size} is asked for, and the program begins at {self.origin:#x}, "
                "which is none; choose another origin",
            )
        section.alignment = max(section.alignment, size)
        if fill is None and section.name == ".text":
            self.append(line, column, 1, _nops(gap))
        else:
            self.append(line, column, gap, bytes([fill or 0]))

    def place(self) -> None:
        """Give the sections their addresses, and fill in what needed them."""
        text, data = self.sections[".text"], self.sections[".data"]
        text.data += _nops(-len(text.data) % text.alignment)
        end = self.origin + len(text.data)
        text.address, data.address = self.origin, end + -end % data.alignment
        self.symbols |= self._first  # a use before .set means the first value, as in GNU as
        self.high = {self.address(place): target for place, target in self.high.items()}
        for fill_in in self.later:
            fill_in()

    def image(self) -> bytes:
        """The sections one after the other."""
        text, data = self.sections[".text"], self.sections[".data"]
        if not data.data:
            return bytes(text.data)
        assert text.address is not None
        assert data.address is not None
        gap = data.address - text.address - len(text.data)
        return bytes(text.data) + bytes(gap) + bytes(data.data)
