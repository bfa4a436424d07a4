"""A small assembler for RV32IMA with Zicsr, Zifencei and the privileged instructions.

It writes the bytes that GNU as and ld write without relaxation: the text section at the origin,
the data section behind it at its alignment. Other than in GNU as, ``;`` begins a comment, what
``.equ`` and ``.space`` name must be defined above, a number that does not fit is an error, and
``.align 2`` aligns text too, where GNU as skips it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from vcloud_lab.errors import AssemblyError
from vcloud_lab.vm.asm_directives import DIRECTIVES, Statement, assign, run
from vcloud_lab.vm.asm_encode import Step
from vcloud_lab.vm.asm_expr import FUNCTIONS, Operand, Reader
from vcloud_lab.vm.asm_forms import FORMS, Form, form_of, li_steps
from vcloud_lab.vm.asm_layout import Layout
from vcloud_lab.vm.asm_syntax import Line, Token, short

__all__ = ["Program", "assemble"]

LONGEST_SOURCE = 1 << 19
_ROWS = 16  # of a statement's words the listing shows so many


@dataclass(frozen=True)
class Program:
    """An assembled program: ``code`` is to be put at ``origin``, and starts at ``entry``.

    ``entry`` is the address of ``_start``, the origin where there is none. ``symbols`` gives the
    address of every label but the numeric ones; ``lines`` gives for the address of every
    instruction, and of the start of every piece of data, the number and the text of its line.
    """

    origin: int
    code: bytes
    entry: int
    symbols: dict[str, int]
    lines: dict[int, tuple[int, str]]

    def listing(self) -> str:
        """A line for each word: its address, its value, the source; and each label on its own.

        Data that does not fill a word is shown as a number of as many bytes.
        """
        end = self.origin + len(self.code)
        labels: dict[int, list[str]] = {}
        for name, address in self.symbols.items():
            labels.setdefault(address, []).append(f"{name}:")
        starts = sorted({*self.lines, *labels, self.origin, end})
        rows, last = list[str](), (0, "")
        for start, stop in zip(starts, [*starts[1:], end], strict=True):
            rows += labels.get(start, [])
            source = self.lines.get(start, (0, ""))
            rows += self._words(start, stop, source[1] if source != last else "")
            last = source
        return "\n".join(rows)

    def _words(self, start: int, stop: int, text: str) -> Iterator[str]:
        """The rows of what one statement wrote, the middle left out where they are many."""
        for row, address in enumerate(range(start, stop, 4)):
            if row == _ROWS:
                yield f"          ... {stop - address} bytes more"
                return
            at = address - self.origin
            part = self.code[at : at + min(4, stop - address)]
            word = f"{int.from_bytes(part, 'little'):0{2 * len(part)}x}"
            yield f"{address:08x}  {word:8}  {text if row == 0 else ''}".rstrip()


def assemble(source: str, origin: int = 0x80000000) -> Program:
    """Assemble a program that is to stand at the address ``origin``, a multiple of 4.

    Raises ``AssemblyError``, which names the line and the column of the first fault.
    """
    _check(source, origin)
    layout = Layout(origin)
    for number, text in enumerate(source.split("\n"), 1):
        _statement(layout, Line(number, text.rstrip("\r")))
    layout.place()
    code = layout.image()
    if origin + len(code) > 1 << 32:
        raise AssemblyError(
            f"The program ends at {origin + len(code):#x}, beyond the 32-bit addresses; choose an "
            f"origin below {origin:#x}."
        )
    addresses = {
        name: layout.address(symbol.value).number
        for name, symbol in layout.symbols.items()
        if " " not in name and (symbol.label or name == "_start")
    }
    lines = {
        layout.address(place).number: (line.number, text) for place, line, text in layout.lines
    }
    return Program(origin, code, addresses.get("_start", origin), addresses, lines)


def _check(source: object, origin: object) -> None:
    if not isinstance(source, str):
        raise AssemblyError(
            f"A program is a string with lines of assembly language, not a {type(source).__name__};"
            " join its lines with newlines."
        )
    if len(source) > LONGEST_SOURCE:
        raise AssemblyError(
            f"The program has {len(source)} characters, and at most {LONGEST_SOURCE} are allowed; "
            "divide it."
        )
    if not isinstance(origin, int) or origin % 4 or not 0 <= origin < 1 << 32:
        shown = f"{origin:#x}" if isinstance(origin, int) else repr(origin)
        raise AssemblyError(
            f"The origin {shown} is not a multiple of 4 from 0 below 2**32; take 0x80000000."
        )


def _statement(layout: Layout, line: Line) -> None:
    """Read one line: labels, then an instruction or a directive, each of which may be missing."""
    tokens, comment = line.tokens()
    if comment.startswith(";"):
        _no_code(line, comment)
    end = tokens[-1].column + len(tokens[-1].text) if tokens else 1
    labels = 0
    while len(tokens) > 2 * labels + 1 and tokens[2 * labels + 1].text == ":":
        _label(layout, line, tokens[2 * labels])
        labels += 1
    tokens = tokens[2 * labels :]
    if not tokens:
        return
    head, rest = tokens[0], [layout.bind(line, token) for token in tokens[1:]]
    if head.kind != "name":
        raise line.error(
            head.column,
            f"{short(head.text)} stands where a label, an instruction or a directive must come",
        )
    place, reader = layout.here, Reader(line, rest, end)
    statement = Statement(layout, line, head, reader)
    text = line.text[head.column - 1 :].strip()
    if reader.accept("="):
        assign(statement, head)
    elif head.text.startswith("."):
        run(statement)
        if layout.here.section == place.section and layout.here.number > place.number:
            layout.lines.append((place, line, text))
    else:
        _instruction(layout, line, head, reader.operands(), end, text)


def _label(layout: Layout, line: Line, name: Token) -> None:
    if name.kind == "name":
        layout.define(line, name, layout.here, label=True)
    elif name.text.isdigit():
        layout.define_local(line, name)
    else:
        raise line.error(
            name.column,
            f"{short(name.text)} is no label; write a name, or a decimal number for a local label",
        )


def _no_code(line: Line, comment: str) -> None:
    """GNU as reads what follows a ``;`` as a statement: do not drop what looks like one."""
    name, _, rest = comment[1:].strip().partition(" ")
    operands = [part.strip() for part in rest.partition("#")[0].split(",")] if rest else []
    counts = {len(form.fields) for form in FORMS.get(name, ())}
    if name in DIRECTIVES or (
        len(operands) in counts and not any(" " in operand for operand in operands)
    ):
        raise line.error(
            len(line.text) - len(comment) + 1,
            "; begins a comment here, and this one looks like code; write the code on a line of "
            "its own, or begin the comment with #",
        )


def _instruction(
    layout: Layout, line: Line, head: Token, operands: list[Operand], end: int, text: str
) -> None:
    """Room for an instruction, or for those of a pseudo-instruction, filled in later."""
    form = form_of(line, head, operands, end)
    if layout.here.number % 4:
        raise line.error(
            head.column,
            f"an instruction must stand at a multiple of 4, and this one would be at "
            f"{layout.section.name} + {layout.here.number}; write .align 2 before it",
        )
    for step in _steps(layout, line, head, form, operands):
        layout.lines.append((layout.here, line, text))
        for operand in step.operands:
            if operand.function == "%pcrel_hi" and operand.value:
                layout.high[layout.here] = operand.value
        _later(layout, step, head.column)


def _later(layout: Layout, step: Step, column: int) -> None:
    section, at = layout.section, layout.here.number
    layout.append(step.line, column, 4)

    def fill_in() -> None:
        assert section.address is not None
        word = step.word(section.address + at, layout)
        section.data[at : at + 4] = word.to_bytes(4, "little")

    layout.later.append(fill_in)


def _steps(
    layout: Layout, line: Line, head: Token, form: Form, operands: list[Operand]
) -> Iterator[Step]:
    """The real instructions of a line: the form's, with the operands in place of its fields."""
    if not form.steps:
        yield Step(line, form, tuple(operands))
        return
    written: dict[str, tuple[Token, ...]] = {}
    for field, operand in zip(form.fields, operands, strict=True):
        written[field] = operand.tokens
        if operand.shape == "memory":
            written |= {"imm": operand.tokens[:-3], "rs1": operand.tokens[-2:-1]}
    for template in _templates(layout, line, form, operands):
        name, *rest = _tokens(template)
        tokens = list[Token]()
        for token in rest:
            tokens += written.get(token.text, (token._replace(column=head.column),))
        filled = Reader(line, tokens, head.column, (*FUNCTIONS, "%near_lo")).operands()
        yield Step(line, form_of(line, name, filled, head.column), tuple(filled))


def _templates(layout: Layout, line: Line, form: Form, operands: list[Operand]) -> tuple[str, ...]:
    """The form's steps; ``li``, and ``la`` of a number that is known, depend on the number."""
    if form.name not in ("li", "la", "lla"):
        return form.steps
    operand = operands[1]
    assert operand.value is not None
    if operand.function:
        raise line.error(
            operand.column,
            f"{operand.function} cannot stand in {form.name}; write lui and addi, or la rd, symbol",
        )
    if form.name == "li":
        value: int | None = layout.known(line, operand.value, "li")
    else:
        value = layout.constant(line, operand.value)
    if value is None:
        return form.steps
    if not -(1 << 31) <= value < 1 << 32:
        raise line.error(
            operand.column,
            f"{value} does not fit a register, which takes {-(1 << 31)} to {(1 << 32) - 1}; use a "
            "smaller number",
        )
    return li_steps(value)


@lru_cache
def _tokens(template: str) -> tuple[Token, ...]:
    return tuple(Line(0, template).tokens()[0])
