"""The assembler's directives: data, room, alignment, sections and symbols.

They mean what they mean in GNU as for RISC-V: ``.align n`` is to 2**n bytes, ``.org`` counts from
the start of the section.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vcloud_lab.vm.asm_expr import Expression, Reader
from vcloud_lab.vm.asm_layout import LIMIT, Layout
from vcloud_lab.vm.asm_syntax import Line, Token, nearest, short, string

__all__ = ["DIRECTIVES", "Statement", "assign", "run"]

LARGEST_ALIGNMENT = 1 << 22
"""A megapage of Sv32."""


@dataclass
class Statement:
    """A directive being carried out: its name, and the reader of what follows it."""

    layout: Layout
    line: Line
    head: Token
    reader: Reader

    def done(self) -> None:
        """Nothing more may follow."""
        token = self.reader.next
        if token.kind != "end":
            raise self.line.error(
                token.column,
                f"{short(token.text)} is too much after {self.head.text}; remove it, or put a # "
                "before a comment",
            )

    def parts(self) -> Iterator[None]:
        """One step for each part of a list with commas."""
        if self.reader.next.kind == "end":
            raise self.line.error(
                self.reader.next.column, f"{self.head.text} needs something behind it; add it"
            )
        yield
        while self.reader.accept(","):
            yield
        self.done()

    def number(self) -> int:
        """A number that is needed at once."""
        return self.layout.known(self.line, self.reader.expression(), self.head.text)

    def byte(self) -> int | None:
        """A comma and the byte to fill with, None where that is left out."""
        if not self.reader.accept(","):
            return None
        column, value = self.reader.next.column, self.number()
        self.within(column, value, 1)
        return value & 0xFF

    def within(self, column: int, value: int, size: int) -> None:
        """A value must fit so many bytes, with or without a sign."""
        low, high = -(1 << 8 * size - 1), (1 << 8 * size) - 1
        if not low <= value <= high:
            raise self.line.error(
                column,
                f"{value} does not fit {size} byte{'s' * (size > 1)}, where {low} to {high} do; "
                "use a smaller number" + (" or a wider directive" if size < 4 else ""),
            )


def _section(statement: Statement) -> None:
    statement.done()
    statement.layout.section = statement.layout.sections[statement.head.text]


def _numbers(size: int) -> Callable[[Statement], None]:
    def write(statement: Statement) -> None:
        for _ in statement.parts():
            expression = statement.reader.expression()
            _later(statement, expression, size)

    return write


def _later(statement: Statement, expression: Expression, size: int) -> None:
    """Room for a number, which is filled in when all addresses are known."""
    layout, section, at = statement.layout, statement.layout.section, statement.layout.here.number
    layout.append(statement.line, expression.column, size)

    def fill_in() -> None:
        assert section.address is not None
        value = layout.value(statement.line, expression, section.address + at)
        statement.within(expression.column, value, size)
        section.data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")

    layout.later.append(fill_in)


def _strings(end: bytes) -> Callable[[Statement], None]:
    def write(statement: Statement) -> None:
        for _ in statement.parts():
            token = statement.reader.next
            if token.kind != "string":
                raise statement.line.error(
                    token.column, f'{statement.head.text} takes strings; write them like "text"'
                )
            statement.reader.at += 1
            statement.layout.append(
                statement.line, token.column, 1, string(statement.line, token) + end
            )

    return write


def _space(statement: Statement) -> None:
    column, count = statement.reader.next.column, statement.number()
    if count < 0:
        raise statement.line.error(
            column, f"{statement.head.text} of {count} bytes; the number must be 0 or more"
        )
    fill = statement.byte() or 0
    statement.done()
    statement.layout.append(statement.line, column, count, bytes([fill]))


def _align(statement: Statement) -> None:
    column, number = statement.reader.next.column, statement.number()
    if statement.head.text != ".balign":
        if not 0 <= number < LARGEST_ALIGNMENT.bit_length():
            most = LARGEST_ALIGNMENT.bit_length() - 1
            raise statement.line.error(
                column,
                f"{statement.head.text} {number} asks for a multiple of 2 to the power of "
                f"{number}; write 0 to {most}, or .balign with the number of bytes",
            )
        number = 1 << number
    elif not 0 < number <= LARGEST_ALIGNMENT or number & number - 1:
        raise statement.line.error(
            column,
            f".balign {number} is no power of two from 1 to {LARGEST_ALIGNMENT}; write .balign 4 "
            "for words",
        )
    fill = statement.byte()
    statement.done()
    statement.layout.align(statement.line, column, number, fill)


def _org(statement: Statement) -> None:
    layout = statement.layout
    column, expression = statement.reader.next.column, statement.reader.expression()
    place = layout.evaluate(statement.line, expression, layout.here)
    if place.section not in (None, layout.section.name):
        raise statement.line.error(
            column, f".org goes on inside {layout.section.name}; name a label of it, or a number"
        )
    count = place.number - layout.here.number
    fill = statement.byte() or 0
    statement.done()
    if count < 0:
        raise statement.line.error(
            column,
            f".org {place.number} is behind the place reached, {layout.here.number} bytes from "
            f"the start of {layout.section.name}; .org goes forwards only",
        )
    if place.number >= max(layout.origin, LIMIT):
        raise statement.line.error(
            column,
            f".org {place.number:#x} counts from the start of {layout.section.name}, not from 0; "
            f"the program begins at {layout.origin:#x}, so subtract that",
        )
    layout.append(statement.line, column, count, bytes([fill]))


def _globl(statement: Statement) -> None:
    """Every symbol can be seen from outside here, so this only checks what is written."""
    for _ in statement.parts():
        _name(statement)


def _name(statement: Statement) -> Token:
    token = statement.reader.next
    if token.kind != "name":
        raise statement.line.error(
            token.column, f"{statement.head.text} needs the name of a symbol here; write one"
        )
    statement.reader.at += 1
    return token


def _equ(statement: Statement) -> None:
    name = _name(statement)
    statement.reader.expect(",", "a comma and the value must come")
    assign(statement, name)


def assign(statement: Statement, name: Token) -> None:
    """Give a name the value of the expression that comes next."""
    layout, line = statement.layout, statement.line
    expression = statement.reader.expression()
    statement.done()
    value = layout.evaluate(line, expression, layout.here)
    layout.define(line, name, value, label=False)


DIRECTIVES: dict[str, Callable[[Statement], None]] = {
    ".text": _section,
    ".data": _section,
    ".byte": _numbers(1),
    ".half": _numbers(2),
    ".word": _numbers(4),
    ".ascii": _strings(b""),
    ".asciz": _strings(b"\0"),
    ".string": _strings(b"\0"),
    ".space": _space,
    ".zero": _space,
    ".align": _align,
    ".p2align": _align,
    ".balign": _align,
    ".org": _org,
    ".globl": _globl,
    ".global": _globl,
    ".equ": _equ,
    ".set": _equ,
}


def run(statement: Statement) -> None:
    """Carry out a directive. Raises ``AssemblyError``."""
    directive = DIRECTIVES.get(statement.head.text)
    if directive is None:
        name = statement.head.text
        raise statement.line.error(
            statement.head.column,
            f"{short(name)} is not a directive; there are {', '.join(DIRECTIVES)}"
            f"{nearest(name, DIRECTIVES)}",
        )
    directive(statement)
