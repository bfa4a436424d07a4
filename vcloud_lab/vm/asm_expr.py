"""Expressions and operands of the assembler: how they are read and what they amount to.

The operators bind as in GNU as, which is not as in C: ``* / % << >>`` first, then ``| & ^``, then
``+ -``; equal ones from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vcloud_lab.vm.asm_syntax import REGISTERS, Line, Token, character, short

__all__ = ["FUNCTIONS", "Expression", "Operand", "Reader", "Value"]

FUNCTIONS = ("%hi", "%lo", "%pcrel_hi", "%pcrel_lo")
_RANK = {**dict.fromkeys(["*", "/", "%", "<<", ">>"], 2), **dict.fromkeys("|&^", 1), "+": 0, "-": 0}


class Value(NamedTuple):
    """A number; with a ``section`` it counts from the section's start, whose address is open."""

    number: int
    section: str | None = None


@dataclass(frozen=True)
class Expression:
    """An expression in postfix order: values, names (to be looked up) and operators."""

    column: int
    postfix: tuple[Value | Token, ...]

    @property
    def constant(self) -> bool:
        """Whether no name is in it."""
        return not any(isinstance(one, Token) and one.kind == "name" for one in self.postfix)

    def evaluate(self, line: Line, look_up: Callable[[Token], Value]) -> Value:
        """Its value. Raises ``AssemblyError`` for a result that is none or exceeds 64 bits."""
        stack: list[Value] = []
        for one in self.postfix:
            if isinstance(one, Value):
                stack.append(one)
            elif one.kind == "name":
                stack.append(look_up(one))
            else:
                right = stack.pop()
                left = stack.pop() if one.kind == "op" else Value(0)
                stack.append(_apply(line, one, left, right))
        return stack[0]


def _apply(line: Line, operator: Token, left: Value, right: Value) -> Value:
    sign, (a, from_a), (b, from_b) = operator.text, left, right
    if (from_a or from_b) and not (
        (sign == "+" and not (from_a and from_b)) or (sign == "-" and from_b in (None, from_a))
    ):
        raise line.error(
            operator.column,
            f"{sign} needs two numbers, and a label is an address that is not known yet; only "
            "label + number, label - number and the difference of two labels of one section are",
        )
    if sign in "/%" and b == 0:
        raise line.error(operator.column, f"{sign} has 0 on its right; divide by another number")
    if sign in ("<<", ">>") and not 0 <= b < 64:
        raise line.error(operator.column, f"{sign} shifts by {b}; the count must be 0 to 63")
    match sign:
        case "+":
            number, section = a + b, from_a or from_b
        case "-":
            number, section = a - b, None if from_a == from_b else from_a
        case _:
            number, section = _PLAIN[sign](a, b), None
    if not -(1 << 63) <= number < 1 << 64:
        raise line.error(
            operator.column, f"the result of {sign} exceeds 64 bits; use smaller numbers"
        )
    return Value(number, section)


def _divide(a: int, b: int) -> int:
    """Towards zero, as in C and GNU as."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


_PLAIN: dict[str, Callable[[int, int], int]] = {
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "~": lambda _, b: ~b,
}


@dataclass(frozen=True)
class Operand:
    """One operand: a register, a value, or both (memory at a value past a register).

    ``function`` is the ``%hi`` or the like around the value, ``tokens`` are what was written.
    """

    tokens: tuple[Token, ...]
    register: int | None = None
    value: Expression | None = None
    function: str = ""

    @property
    def shape(self) -> str:
        if self.value is None:
            return "register"
        return "value" if self.register is None else "memory"

    @property
    def column(self) -> int:
        return self.tokens[0].column

    @property
    def text(self) -> str:
        return short("".join(token.text for token in self.tokens))


class Reader:
    """Reads the tokens of a statement from left to right."""

    def __init__(
        self,
        line: Line,
        tokens: Sequence[Token],
        end: int,
        functions: Sequence[str] = FUNCTIONS,
    ) -> None:
        self.line, self.tokens, self.at, self.functions = line, tokens, 0, functions
        self._end = Token("end", "", end)

    @property
    def next(self) -> Token:
        """The token that comes next, one of kind "end" where none does."""
        return self.tokens[self.at] if self.at < len(self.tokens) else self._end

    def accept(self, sign: str) -> bool:
        """Step over this sign if it comes next."""
        found = self.next.kind == "op" and self.next.text == sign
        self.at += found
        return found

    def expect(self, sign: str, why: str) -> None:
        """Step over this sign, or raise ``AssemblyError``."""
        if not self.accept(sign):
            raise self.line.error(self.next.column, f"{self._found()} stands where {why}")

    def _found(self) -> str:
        return "the end of the line" if self.next.kind == "end" else short(self.next.text)

    def operands(self) -> list[Operand]:
        """All that is left, separated by commas."""
        found: list[Operand] = []
        while self.next.kind != "end":
            found.append(self.operand())
            if self.next.kind != "end":
                self.expect(",", "a comma or the end of the line must come")
                if self.next.kind == "end":
                    raise self.line.error(
                        self.next.column,
                        "an operand is missing after the last comma; add it or remove the comma",
                    )
        return found

    def operand(self) -> Operand:
        """A register, ``4(sp)``, ``(sp)``, ``%lo(x)``, ``%lo(x)(a0)`` or an expression."""
        start, token, function = self.at, self.next, ""
        value: Expression | None
        if token.text in REGISTERS:
            self.at += 1
            return Operand((token,), REGISTERS[token.text])
        if self._base_follows():
            value = Expression(token.column, (Value(0),))
        elif self.accept("%"):
            function = "%" + self.next.text
            if function not in self.functions:
                raise self.line.error(
                    token.column,
                    f"{short(function)} is no function; there are {', '.join(FUNCTIONS)}",
                )
            self.at += 1
            self.expect("(", f"the ( of {function}(symbol) must come")
            value = self.expression()
            self.expect(")", f"the ) of {function}(symbol) must come")
        else:
            value = self.expression()
        base = self._base() if self.next.kind == "op" and self.next.text == "(" else None
        return Operand(tuple(self.tokens[start : self.at]), base, value, function)

    def _base_follows(self) -> bool:
        after = self.tokens[self.at : self.at + 2]
        return len(after) == 2 and after[0].text == "(" and after[1].text in REGISTERS

    def _base(self) -> int:
        self.expect("(", "the ( of 4(register) must come")
        name = self.next.text
        if name not in REGISTERS:
            raise self.line.error(
                self.next.column,
                f"{self._found()} stands where a register must come, as in 4(sp); registers are "
                "x0 to x31, or zero to t6 by name",
            )
        self.at += 1
        self.expect(")", "the ) of 4(register) must come")
        return REGISTERS[name]

    def expression(self) -> Expression:
        """Numbers, characters and symbols with operators and parentheses.

        By the shunting-yard method, so that no depth of parentheses is too much.
        """
        column, output, pending, value_next = self.next.column, list[Value | Token](), [], True
        depth = 0
        while True:
            token = self.next
            operator = token.text if token.kind == "op" else ""
            if value_next and operator and operator in "+-~(":
                depth += operator == "("
                pending.append(token if operator == "(" else token._replace(kind="unary"))
            elif value_next:
                output.append(self._value(token))
                value_next = False
            elif operator in _RANK:
                while pending and _rank(pending[-1]) >= _RANK[operator]:
                    output.append(pending.pop())
                pending.append(token)
                value_next = True
            elif operator == ")" and depth:
                depth -= 1
                while pending[-1].text != "(":
                    output.append(pending.pop())
                pending.pop()
            else:
                break
            self.at += 1
        if depth:
            self.expect(")", "the ) of an open ( must come")
        return Expression(column, (*output, *reversed(pending)))

    def _value(self, token: Token) -> Value | Token:
        if token.kind == "number":
            return Value(self.line.number_of(token))
        if token.kind == "char":
            return Value(character(self.line, token))
        if token.kind == "name" and token.text in REGISTERS:
            raise self.line.error(
                token.column,
                f"{token.text} is a register and cannot be part of an expression; compute it with "
                "instructions",
            )
        if token.kind != "name":
            raise self.line.error(
                token.column, f"{self._found()} stands where a number or a symbol must come"
            )
        return token


def _rank(pending: Token) -> int:
    if pending.text == "(":
        return -1
    return 3 if pending.kind == "unary" else _RANK[pending.text]
