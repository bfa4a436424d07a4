"""Exercises on the 32-bit word of an instruction: decode it, or encode it, by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

from vcloud_lab.check import answers
from vcloud_lab.check.answers import Misread
from vcloud_lab.check.kinds.common import head
from vcloud_lab.check.registry import Task, Wrong, register
from vcloud_lab.check.verdict import Outcome
from vcloud_lab.errors import AssemblyError, CheckError
from vcloud_lab.vm import assemble, decode
from vcloud_lab.vm.asm_syntax import REGISTERS

__all__ = ["decoded", "encoded"]

Draw = Callable[[Random], str]
_REGISTER = re.compile(r"\b[ast]\d+\b")
_NUMBER = re.compile(r"(?<![\w])-?\d+\b")


def encoded(
    id: str, *, title: str, text: str, hints: Sequence[str], draw: Draw, wrong: Sequence[Wrong] = ()
) -> Task:
    """The word of the instruction ``text``; ``draw(rng)`` gives other instructions for variants."""
    asked = _variants(id, text, draw)
    form = "the word, as a number such as 0x13"

    def judged(answer: object, seed: int | None) -> Outcome:
        right = _word(asked(seed))
        try:
            given = _read(answer)
        except Misread as misread:
            return Outcome(False, str(misread))
        if given == right:
            return Outcome(True, f"{asked(seed)} is {right:08x}.")
        if given == _turned(right):
            return Outcome(False, TURNED, "bytes-turned-round")
        for slip in _slips(asked(seed)):
            if given == slip.word:
                return Outcome(False, slip.sentence, slip.name)
        return Outcome(False, _compared(given, right), None)

    def reject(seed: int | None) -> list[Wrong]:
        slips = [Wrong(slip.word, slip.name) for slip in _slips(asked(seed))]
        turned = Wrong(_turned(_word(asked(seed))), "bytes-turned-round")
        return [*slips, turned, *(wrong if seed is None else ())]

    def right(seed: int | None) -> list[object]:
        word = _word(asked(seed))
        return [word, f"{word:08x}", f"0x{word:08X}"]

    ask = "Encode {} by hand: give its 32-bit word."
    return register(
        Task(
            id,
            title,
            "word",
            form,
            tuple(hints),
            lambda seed: f"{head(id, title, seed)}\n\n{ask.format(asked(seed))}",
            judged,
            right,
            reject,
            secrets=lambda: (f"{_word(text):08x}", str(_word(text))),
            seeded=True,
        )
    )


def decoded(
    id: str, *, title: str, text: str, hints: Sequence[str], draw: Draw, wrong: Sequence[Wrong] = ()
) -> Task:
    """The instruction of the word that ``text`` has; ``draw(rng)`` gives others for variants."""
    asked = _variants(id, text, draw)
    form = 'the instruction as a text such as "addi a0, a1, 7"'

    def judged(answer: object, seed: int | None) -> Outcome:
        right = _word(asked(seed))
        if not isinstance(answer, str):
            return Outcome(False, f"that is of type {type(answer).__name__}; give {form}.")
        if _right_with_sign(answer, right):
            return Outcome(False, UNSIGNED, "sign-not-extended")
        try:
            given = _word(answer)
        except AssemblyError as error:
            sentence = str(error).partition("\n")[0].removeprefix("Line 1, ")
            return Outcome(False, f"that is no instruction: {sentence}", "assembly")
        if given == right:
            return Outcome(True, f"{right:08x} is {asked(seed)}.")
        for slip in _slips(asked(seed)):
            if given == slip.word:
                return Outcome(False, slip.sentence, slip.name)
        return Outcome(False, _compared(given, right), None)

    def reject(seed: int | None) -> list[Wrong]:
        slips = [Wrong(slip.text, slip.name) for slip in _slips(asked(seed))]
        return [*slips, *(wrong if seed is None else ())]

    def state(seed: int | None) -> str:
        ask = f"Decode the word {_word(asked(seed)):08x} (hexadecimal) by hand: which instruction "
        return f"{head(id, title, seed)}\n\n{ask}is it?"

    return register(
        Task(
            id,
            title,
            "word",
            form,
            tuple(hints),
            state,
            judged,
            lambda seed: [asked(seed), f"  {_numbered(asked(seed))} "],
            reject,
            secrets=lambda: (text,),
            seeded=True,
        )
    )


TURNED = (
    "the bits are right and the bytes are turned round: they lie in memory with the low byte "
    "first, but a word is written like any number, with the high digits first."
)
UNSIGNED = (
    "the highest bit of the immediate is its sign; where it is 1, the number is 2**12 less than "
    "the twelve bits read as they stand."
)


class _Slip(NamedTuple):
    name: str
    sentence: str
    text: str
    word: int


SWAPPED = (
    "two registers have changed places there; look at which bits of the row are rd, rs1 and rs2."
)
PLUS = "that is the number without its minus; a negative immediate is in two's complement."
NAMES = "the names have other numbers: a0 is x10, t0 is x5, s0 is x8 (but s2 is x18 and t3 is x28)."


def _slips(text: str) -> Iterator[_Slip]:
    """The instructions that common slips make of one."""
    names, seen = _REGISTER.findall(text), {_word(text)}
    changed = [
        ("registers-swapped", SWAPPED, _swapped(text, names, *pair))
        for pair in ((0, 1), (1, 2), (0, 2))
        if pair[1] < len(names)
    ]
    changed.append(("sign-lost", PLUS, _NUMBER.sub(lambda found: found[0].lstrip("-"), text)))
    changed.append(("abi-number", NAMES, _REGISTER.sub(lambda found: f"x{found[0][1:]}", text)))
    for name, sentence, other in changed:
        word = _word(other)
        if word not in seen:
            seen.add(word)
            yield _Slip(name, sentence, other, word)


def _swapped(text: str, names: list[str], first: int, second: int) -> str:
    order = list(names)
    order[first], order[second] = order[second], order[first]
    parts = iter(order)
    return _REGISTER.sub(lambda _: next(parts), text)


def _numbered(text: str) -> str:
    """The same text with the registers by number."""
    return _REGISTER.sub(lambda found: f"x{REGISTERS[found[0]]}", text)


def _right_with_sign(text: str, right: int) -> bool:
    """Whether it would be right, had the twelve bits of its immediate been read with their sign."""
    other = _NUMBER.sub(
        lambda found: str(int(found[0]) - 4096) if 2048 <= int(found[0]) < 4096 else found[0], text
    )
    with suppress(AssemblyError):
        return other != text and _word(other) == right
    return False


def _turned(word: int) -> int:
    return int.from_bytes(word.to_bytes(4, "little"), "big")


def _word(text: str) -> int:
    """The word of one instruction; raises ``AssemblyError`` for more or less than one."""
    code = assemble(text).code
    if len(code) != 4:
        raise AssemblyError(f"Line 1, these are {len(code)} bytes, and one instruction has 4.")
    return int.from_bytes(code, "little")


def _read(answer: object) -> int:
    if isinstance(answer, str):
        body = answer.strip().lower().removeprefix("0x").replace("_", "")
        if re.fullmatch("[0-9a-f]{8}", body):
            return int(body, 16)
        raise Misread(
            f'the text "{answer[:40]}" is no word; give 8 hexadecimal digits, or a number such as '
            "0x13."
        )
    number = answers.number(answer, "the word, as a number such as 0x13")
    if number.denominator != 1 or not 0 <= number < 1 << 32:
        raise Misread("a word is a whole number from 0 to 0xffffffff; give such a number.")
    return int(number)


def _compared(given: int, right: int) -> str:
    """Which fields of a word are not as they should be."""
    mine, wanted = decode(given), decode(right)
    assert wanted is not None
    if mine is None or mine.row is not wanted.row:
        what = f"that is {mine.row.name}" if mine else "that is no instruction"
        return f"{what}; compare its opcode (bits 0 to 6) and funct3 (bits 12 to 14) with the row."
    differs = [
        name
        for name, letter, one, other in (
            ("rd", "d", mine.rd, wanted.rd),
            ("rs1", "s", mine.rs1, wanted.rs1),
            ("rs2", "t", mine.rs2, wanted.rs2),
            ("the immediate", "ij", mine.imm, wanted.imm),
        )
        if one != other and set(letter) & set(wanted.row.bits)
    ]
    return f"it is the right kind of instruction, but not in {' and '.join(differs)}."


def _variants(id: str, text: str, draw: Draw) -> Callable[[int | None], str]:
    """The text of a seed. Raises ``CheckError`` for a text that is no instruction."""
    try:
        _word(text)
    except AssemblyError as error:
        raise CheckError(
            f"Task {id!r} asks for {text!r}, which cannot be assembled: {error}"
        ) from None
    return lambda seed: text if seed is None else draw(Random(f"{id}/{seed}"))
