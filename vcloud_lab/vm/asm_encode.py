"""From a row of the instruction listing and its operands to the 32-bit word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vcloud_lab.vm.asm_expr import Expression, Operand
from vcloud_lab.vm.asm_forms import Form, row_of
from vcloud_lab.vm.asm_syntax import Line, nearest
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.isa import Row

__all__ = ["Addresses", "Step", "encode", "low_part"]

_LOW = ("%lo", "%pcrel_lo", "%near_lo")
_FUNCTIONS = {"imm": _LOW, "upper": ("%hi", "%pcrel_hi")}
_SETS = {"rw.tso": 0x83}  # fence.tso is a fence rw, rw with the mode bits 1000


class Addresses(Protocol):
    """What the encoder asks about the program."""

    def knows(self, name: str) -> bool:
        """Whether a symbol has this name."""
        ...

    def value(self, line: Line, expression: Expression, at: int) -> int:
        """The value of an expression in a statement at this address."""
        ...

    def distance(self, line: Line, operand: Operand, at: int) -> int:
        """How far the target of the ``%pcrel_hi`` is that a ``%pcrel_lo`` names by its label."""
        ...


@dataclass(frozen=True)
class Step:
    """One real instruction of a line, with its operands as they fill the form."""

    line: Line
    form: Form
    operands: tuple[Operand, ...]

    def word(self, at: int, addresses: Addresses) -> int:
        """The instruction at this address. Raises ``AssemblyError`` for what does not fit."""
        row, order = row_of(self.form.name)
        registers, immediate = {"rd": 0, "rs1": 0, "rs2": 0}, order
        for field, operand in zip(self.form.fields, self.operands, strict=True):
            name, _, base = field.partition("(")
            if operand.register is not None:
                registers[base.rstrip(")") or name] = operand.register
            if operand.value is None:
                continue
            number = self._number(name, row, operand, at, addresses)
            if name == "zimm":
                registers["rs1"] = number
            else:
                immediate = immediate << 4 | number if name == "succ" else immediate | number
        return encode(row, **registers, immediate=immediate)

    def _number(self, name: str, row: Row, operand: Operand, at: int, addresses: Addresses) -> int:
        """The number for one field, checked."""
        if operand.function and operand.function not in _FUNCTIONS.get(name, ()):
            self._refuse_function(row, name, operand)
        if name in ("pred", "succ"):
            return self._set(operand)
        expression = operand.value
        assert expression is not None
        word = operand.tokens[0].text
        if name == "csr" and len(operand.tokens) == 1 and operand.tokens[0].kind == "name":
            if word in CSRS:
                return CSRS[word]
            if not addresses.knows(word):
                raise self.line.error(
                    operand.column,
                    f"{operand.text} is neither a CSR nor a symbol; a CSR can also be given by its "
                    f"number{nearest(word, CSRS)}",
                )
        if operand.function:
            return self._part(operand, expression, at, addresses)
        number = addresses.value(self.line, expression, at)
        match name:
            case "imm":
                if (1 << 32) - 2048 <= number < 1 << 32:
                    number -= 1 << 32  # 0xfffffff0 is -16 in 32 bits
                fix = "put the number into a register with li, or an address with la, first"
                self._within(number, -2048, 2047, operand, f"the immediate of {row.name}", fix)
            case "upper":
                fix = "write the upper 20 bits only, or %hi(symbol)"
                self._within(number, 0, 0xFFFFF, operand, f"the immediate of {row.name}", fix)
            case "shamt":
                fix = "a register has 32 bits to shift by"
                self._within(number, 0, 31, operand, f"the shift of {row.name}", fix)
            case "zimm":
                fix = f"use {row.name[:-1]} with a register"
                self._within(number, 0, 31, operand, f"the immediate of {row.name}", fix)
            case "csr":
                fix = "write the name of a register, like mstatus, or its number"
                self._within(number, 0, 4095, operand, "the number of a CSR", fix)
            case "target":
                number = self._target(number - at, row, operand, expression)
            case _:
                fix = "write the address in a register alone, like (a0)"
                self._within(number, 0, 0, operand, f"the offset of {row.name}", fix)
        return number

    def _within(
        self, number: int, low: int, high: int, operand: Operand, what: str, fix: str
    ) -> None:
        if not low <= number <= high:
            span = f"{low} to {high}" if low < high else f"only {low}"
            raise self.line.error(
                operand.column, f"{number} does not fit {what}, which takes {span}; {fix}"
            )

    def _target(self, distance: int, row: Row, operand: Operand, expression: Expression) -> int:
        reach = 1 << 12 if row.format == "B" else 1 << 20
        if not -reach <= distance < reach:
            fix = "use call or jr" if row.format == "J" else "branch the other way over a j"
            if expression.constant:
                fix = "a target is an address, so write a label, or . + 8 for 8 bytes ahead"
            raise self.line.error(
                operand.column,
                f"the target is {distance} bytes away, and {row.name} reaches {-reach} to "
                f"{reach - 2}; {fix}",
            )
        if distance % 4:
            raise self.line.error(
                operand.column,
                f"the target is {distance} bytes away, and instructions are at multiples of 4; "
                "write .align 2 before the target's label",
            )
        return distance

    def _set(self, operand: Operand) -> int:
        """What a fence orders: i 8, o 4, r 2, w 1."""
        word = operand.tokens[0].text
        if word in _SETS:
            return _SETS[word]
        order = "iorw"
        if len(operand.tokens) != 1 or word != "".join(sign for sign in order if sign in word):
            raise self.line.error(
                operand.column,
                f"{operand.text} is no set of accesses; write letters of iorw in this order, like "
                "fence rw, w",
            )
        return sum(8 >> order.index(sign) for sign in word)

    def _part(self, operand: Operand, expression: Expression, at: int, addresses: Addresses) -> int:
        """The value of %hi, %lo and the like: the low part has a sign, and %hi makes up for it."""
        if operand.function == "%pcrel_lo":
            return low_part(addresses.distance(self.line, operand, at))
        if operand.function == "%near_lo":
            at -= 4
        number = addresses.value(self.line, expression, at)
        if "%lo" != operand.function != "%hi":
            number -= at
        if operand.function in _LOW:
            return low_part(number)
        return (number + 0x800 >> 12) & 0xFFFFF

    def _refuse_function(self, row: Row, name: str, operand: Operand) -> None:
        fitting = _FUNCTIONS.get(name, ())[:2]
        fix = f"there {' or '.join(fitting)} can stand" if fitting else "write the symbol alone"
        raise self.line.error(
            operand.column, f"{operand.function} cannot stand in this operand of {row.name}; {fix}"
        )


def low_part(number: int) -> int:
    """The low 12 bits with their sign, -2048 to 2047."""
    return (number + 0x800) % 0x1000 - 0x800


def encode(row: Row, rd: int = 0, rs1: int = 0, rs2: int = 0, immediate: int = 0) -> int:
    """The word of an instruction; of ``lui`` and ``auipc`` the immediate is the upper 20 bits."""
    return row.match | rd << 7 | rs1 << 15 | rs2 << 20 | _scatter(row.format, immediate)


def _scatter(form: str, immediate: int) -> int:
    """The immediate's bits where a format has them: the inverse of what the decoder does."""
    match form:
        case "I" | "csr" | "csri" | "shift" | "fence":
            return (immediate & 0xFFF) << 20
        case "S":
            return (immediate >> 5 & 0x7F) << 25 | (immediate & 0x1F) << 7
        case "B":
            high = (immediate >> 12 & 1) << 31 | (immediate >> 5 & 0x3F) << 25
            return high | (immediate >> 1 & 0xF) << 8 | (immediate >> 11 & 1) << 7
        case "U":
            return (immediate & 0xFFFFF) << 12
        case "J":
            high = (immediate >> 20 & 1) << 31 | (immediate >> 1 & 0x3FF) << 21
            return high | (immediate >> 11 & 1) << 20 | (immediate >> 12 & 0xFF) << 12
        case "amo":
            return immediate << 25
    return 0
