"""How the assembler reads a line: its tokens, and the sentence that shows where one is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from vcloud_lab.errors import AssemblyError

__all__ = ["REGISTERS", "Line", "Token", "character", "nearest", "short", "string"]

_ABI = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11"
REGISTERS: dict[str, int] = {
    **{name: number for number, name in enumerate([*_ABI.split(), "t3", "t4", "t5", "t6"])},
    **{f"x{number}": number for number in range(32)},
    "fp": 8,
}
"""The registers by number and by the names of the calling convention."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<comment>(?:\#|//|;).*)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<char>'(?:\\(?:[0-7]{1,3}|x[0-9a-fA-F]+|.)|[^'\\])')
    |(?P<local>[0-9]+[bf](?![\w.]))
    |(?P<number>[0-9][\w.]*)
    |(?P<name>[A-Za-z_.$][\w.$]*)
    |(?P<op><<|>>|[-+*/%&|^~(),:=])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]+|.)")
_ESCAPES = {"n": 10, "t": 9, "r": 13, "b": 8, "f": 12, '"': 34, "\\": 92, "'": 39}
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*")
_SHOWN = 90  # of an offending line this many characters around the fault


class Token(NamedTuple):
    """One word or sign of a line. ``kind`` is a group of the pattern above; columns are from 1."""

    kind: str
    text: str
    column: int


@dataclass(frozen=True)
class Line:
    """One line of the program: its number from 1, and what is written there."""

    number: int
    text: str

    def error(self, column: int, sentence: str) -> AssemblyError:
        """The error that says where: the place, the sentence, the line, and a mark under it."""
        start = max(0, column - 1 - _SHOWN * 2 // 3)
        shown = self.text[start : start + _SHOWN]
        shown = "".join(sign if sign.isprintable() else " " for sign in shown).rstrip()
        mark = " " * (column - 1 - start) + "^"
        place = f"Line {self.number}, column {column}"
        stop = "" if sentence.endswith("?") else "."
        return AssemblyError(f"{place}: {sentence}{stop}\n    {shown}\n    {mark}")

    def tokens(self) -> tuple[list[Token], str]:
        """The line in tokens, and its comment."""
        found: list[Token] = []
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._unreadable(at)
            kind = match.lastgroup or ""
            if kind == "comment":
                return found, match[0]
            if kind != "blank":
                found.append(Token(kind, match[0], at + 1))
            at = match.end()
        return found, ""

    def _unreadable(self, at: int) -> AssemblyError:
        sign = self.text[at]
        if sign == '"':
            return self.error(at + 1, 'this string does not end; close it with "')
        if sign == "'":
            return self.error(
                at + 1, "a character is written 'a' or '\\n', with one quote on each side"
            )
        return self.error(
            at + 1,
            f"{sign!a} has no meaning here; names are of letters, digits, _ . $, and a comment "
            "starts with #",
        )

    def number_of(self, token: Token) -> int:
        """The value of a decimal, 0x, 0b or octal (leading 0) number of at most 64 bits."""
        text = token.text
        if not _NUMBER.fullmatch(text):
            raise self.error(
                token.column,
                f"{short(text)} is not a number; write 12, 0x1f, 0b101, or octal 017 (digits 0 to "
                "7 after a leading 0)",
            )
        # Long before this length nothing fits any more, and int() itself refuses 4300 digits.
        value = (
            1 << 64 if len(text) > 80 else int(text, 8 if text.isdigit() and text[0] == "0" else 0)
        )
        if value >> 64:
            raise self.error(token.column, f"{short(text)} is above 64 bits; use a smaller number")
        return value


def string(line: Line, token: Token) -> bytes:
    """What a string stands for, in UTF-8."""
    body, parts, at = token.text[1:-1], [], 0
    for match in _ESCAPE.finditer(body):
        column = token.column + 1 + match.start()
        parts += [
            _utf8(line, body[at : match.start()], token.column),
            _escaped(line, match, column),
        ]
        at = match.end()
    return b"".join([*parts, _utf8(line, body[at:], token.column)])


def character(line: Line, token: Token) -> int:
    """What a character constant stands for: one byte."""
    value = string(line, token)
    if len(value) != 1:
        raise line.error(
            token.column,
            f"{token.text} takes {len(value)} bytes in UTF-8, a character constant has one; put "
            "it into a .string",
        )
    return value[0]


def _escaped(line: Line, match: re.Match[str], column: int) -> bytes:
    code = match[1]
    if code[0] in "01234567":
        return bytes([int(code, 8) & 0xFF])
    if code[0] == "x" and len(code) > 1:
        return bytes([int(code[-2:].lstrip("x"), 16)])  # of many digits GNU as takes the last two
    if code not in _ESCAPES:
        raise line.error(
            column,
            f"{short(match[0])} is no escape; there are \\n \\t \\r \\b \\f \\\" \\' \\\\, octal "
            "\\101 and \\x41",
        )
    return bytes([_ESCAPES[code]])


def _utf8(line: Line, text: str, column: int) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise line.error(
            column, f"this text has {text[error.start]!a}, which UTF-8 cannot hold; remove it"
        ) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with the one or two most similar known names, "" where none is similar."""
    found = get_close_matches(name.lower()[:40], known, 2)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def short(text: str) -> str:
    """A text in single quotes for a sentence, cut where it is long."""
    return f"'{text if len(text) <= 40 else text[:40] + '...'}'"
