"""The assembler: the bytes of GNU as, the isa's decoder as its inverse, and every error message."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vcloud_lab.errors import AssemblyError
from vcloud_lab.vm.asm import assemble
from vcloud_lab.vm.asm_directives import DIRECTIVES
from vcloud_lab.vm.asm_forms import FORMS
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.isa import ISA, Row, decode

ORIGIN = 0x80000000
TOOLS = [f"riscv64-unknown-elf-{tool}" for tool in ("as", "ld", "objcopy")]
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
needs_gnu = pytest.mark.skipif(
    bool(MISSING), reason=f"{MISSING} not found (Debian: binutils-riscv64-unknown-elf)"
)
SCRIPT = """SECTIONS {
  . = 0x80000000;
  .text : { *(.text) }
  .data : ALIGN(4) { *(.data) }
  /DISCARD/ : { *(.riscv.attributes) *(.bss) *(.sbss) }
}"""


def gnu(source: str) -> bytes:
    """What GNU as, ld and objcopy make of a program."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "p.s").write_text(source + "\n", encoding="utf-8")
        (place / "p.ld").write_text(SCRIPT, encoding="utf-8")
        flags = "-march=rv32ima_zicsr_zifencei -mabi=ilp32 -mno-relax --fatal-warnings"
        commands = [
            f"{TOOLS[0]} {flags} p.s -o p.o",
            f"{TOOLS[1]} -m elf32lriscv --no-relax -T p.ld p.o -o p.elf -e 0x80000000",
            f"{TOOLS[2]} -O binary p.elf p.bin",
        ]
        for command in commands:
            done = subprocess.run(command.split(), cwd=place, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr + source
        return (place / "p.bin").read_bytes()


def words(source: str) -> list[str]:
    code = assemble(source).code
    return [f"{int.from_bytes(code[at : at + 4], 'little'):08x}" for at in range(0, len(code), 4)]


# Programs that GNU as must agree on

PROGRAMS = {
    "a loop": """
        # sums 10 words
        .globl _start, sum
        .equ COUNT, 10
_start: la   a0, table        # where
        li   a1, COUNT
        call sum
        la   t0, result
        sw   a0, 0(t0)
        sw   a0, result+4, t1
1:      wfi
        j    1b
sum:    mv   t0, zero
1:      beqz a1, 2f
        lw   t1, (a0)
        add  t0, t0, t1
        addi a0, a0, 4
        addi a1, a1, -1
        j    1b
2:      mv   a0, t0
        ret
        .data
table:  .word 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
result: .word 0, table, . - table
""",
    "directives": r"""
        .text
        nop
        .byte 1
        .align 3
        .byte 1, 2
        .balign 4, 0x55
        .byte 1, 2, 3
        .p2align 4
        .byte 7
        .balign 8, 0xee
        .align 4, 0
        .org 0x80
        .byte 5
        .org 0x8c, 0xaa
here:   .org here + 8
        nop
        .data
        .byte -128, 255, 'a', '\n', '\'', '\\', '"', ' '
        .half -32768, 65535, 0x1234
        .ascii "a\tb\r\n\b\f\"\\\x41\x4142\101\0", "é, 中"
        .asciz "one", "two"
        .string "# no comment // ; "
        .space 3
        .space 2 + 1, 0xab
        .zero 5
        .align 3
a:      .word a, b, b - a, . - a, 0xffffffff, -0x80000000
        .set x, 3
        .word x, later
        .set x, x * 2
        .word x, y
        .set y, 1
        y = 2
        .set later, 77
        .word y
        .global a
b:      .byte . - a, . - a
        .text
        la t0, a
        .equ alias, here
        j alias
        .align 2
        .byte 1
""",
    "expressions": """
        .word 1 + 2 << 3, 1 | 2 + 4, -7 / 2, -7 % 3, 7 / -2, 7 % -3, 1 << 2 + 1, 7 & 3 + 1
        .word 2 * 3 | 8, ~1 & 7, 1 - 2 - 3, 8 / 2 * 3, 1 ^ 3 | 4, -2 + 3 * 4, 4 | 1 ^ 1, - - 3
        .word ((((1)))), -(1 + 2) * 3, +5, 0b1011, 0B11, 0x1F, 0XfF, 017, 0, 00, 'a' + 1, ~0 & 0xff
        .word 1 << 31, 0x80000000 >> 31, 5 * (2 + 3) - 1, 100 / 7 % 4
""",
    "addresses": """
far:    lui  a0, %hi(near)
        addi a0, a0, %lo(near)
        lw   a1, %lo(near + 4)(a0)
        sw   a1, %lo(near)(a0)
        jalr ra, %lo(near)(a0)
        jalr ra, a0, %lo(near)
        lui  a0, %hi(0x12345fff)
        addi a0, a0, %lo(0x12345fff)
1:      auipc a0, %pcrel_hi(near + 8)
        addi a0, a0, %pcrel_lo(1b)
1:      auipc a0, %pcrel_hi(far)
        lw   a0, %pcrel_lo(1b)(a0)
        addi a1, a2, %pcrel_lo(2f)
2:      auipc a1, %pcrel_hi(far - 4)
        sb   a0, %pcrel_lo(2b)(a1)
        j    . + 8
        beq  a0, a1, . - 8
        la   a0, . + 4
        la   a0, 5
        la   a0, 0x12345678
        .equ UART, 0x10000000
        la   a0, UART
        la   a0, LATER
        .equ LATER, 0x20000000
        .space 4000
        bne  a0, a1, . - 4096
        bne  a0, a1, . + 4092
        .space 4088
near:   nop
        jal  t0, far
        tail far
        call near
""",
    "operands": """
top:    jalr a0
        jalr 4(a0)
        jalr (a0)
        jalr a0, a1
        jalr a0, 4(a1)
        jalr a0, a1, 4
        jr   a0
        jr   8(a0)
        jal  top
        jal  a0, top
        lw   a0, 4 + 4(a1)
        lw   a0, (4)(a1)
        lw   a0, (4) + 4(a1)
        lw   a0, -(4)(a1)
        addi a0, a0, 0xfffffff0
        andi a0, a0, 0xffffffff
        lr.w a0, 0(a1)
        sc.w.rl a0, a1, (a2)
        csrw 0x300, a0
        csrw 3 * 256, a0
        .equ MY, 0x7c0
        csrr a0, MY
        fence iorw, w
        fence i, o
        fence r, rw
        add  x31, fp, s0
1: 2:   beqz a0, 1b
        beqz a0, 2b
        bnez a0, 3f
        bnez a0, 10f
3:10:   li a0, 'z'
        li a0, 10 % 3
        li a0, MY + 1
""",
}
CONSTANTS = [
    0, 1, -1, 2047, 2048, -2048, -2049, 0x7FF, 0xFFF, 0x1000, 0x7FFFFFFF, 0x7FFFF800, 0x7FFFF7FF,
    0x80000000, -0x80000000, 0xFFFFFFFF, 0xFFFFF800, 0xFFFFF7FF, 0x12345800,
]  # fmt: skip


@needs_gnu
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_have_the_bytes_of_gnu_as(name: str) -> None:
    assert assemble(PROGRAMS[name]).code.hex(" ", -4) == gnu(PROGRAMS[name]).hex(" ", -4)


def test_programs_use_every_directive() -> None:
    written = set(re.findall(r"(?m)\.[a-z]\w+", "".join(PROGRAMS.values())))
    assert set(DIRECTIVES) <= written


@needs_gnu
def test_constants_are_loaded_as_gnu_as_does() -> None:
    source = "".join(f"li a0, {value}\n" for value in CONSTANTS)
    assert assemble(source).code.hex(" ", -4) == gnu(source).hex(" ", -4)


REGISTER = st.sampled_from([f"x{number}" for number in range(32)] + [
    "zero", "ra", "sp", "gp", "tp", "fp", *(f"t{n}" for n in range(7)),
    *(f"s{n}" for n in range(12)), *(f"a{n}" for n in range(8)),
])  # fmt: skip
LABEL = st.sampled_from(["first", "last", "here", "1b", "1f"])
SYMBOL = st.builds("{}{:+}".format, st.sampled_from(["first", "last", "data"]), st.integers(-9, 9))
IMMEDIATE = st.integers(-2048, 2047) | st.sampled_from([-2048, 2047, 0])
BASE = REGISTER.map("({})".format)
SETS = st.sampled_from(
    ["".join(c for c, bit in zip("iorw", f"{n:04b}", strict=True) if bit == "1") for n in range(16)]
).filter(bool)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(["rd", "rs", "rt", "rs1", "rs2"], REGISTER),
    "imm": IMMEDIATE,
    "imm(rs1)": st.builds("{}{}".format, IMMEDIATE, BASE),
    "(rs1)": BASE,
    "shamt": st.integers(0, 31),
    "zimm": st.integers(0, 31),
    "upper": st.integers(0, 0xFFFFF),
    "target": LABEL,
    "symbol": SYMBOL,
    "constant": st.integers(-(1 << 31), (1 << 32) - 1) | st.integers(-5000, 5000),
    "csr": st.sampled_from(list(CSRS)) | st.integers(0, 4095),
    "pred": SETS,
    "succ": SETS,
}


@st.composite
def statements(draw: st.DrawFn) -> str:
    form = draw(st.sampled_from([form for forms in FORMS.values() for form in forms]))
    return f"{form.name} {', '.join(str(draw(FIELDS[field])) for field in form.fields)}"


def program(statements: list[str]) -> str:
    half = len(statements) // 2
    parts = ["first: 1: nop", *statements[:half], "here: 1:", *statements[half:], "last: 1: nop"]
    return "\n".join([*parts, ".data", "data: .word 1"])


@needs_gnu
@given(st.data())
@settings(max_examples=max(2, 8 * settings().max_examples // 100))
def test_every_way_to_write_an_instruction_has_the_bytes_of_gnu_as(data: st.DataObject) -> None:
    lines = [
        f"{form.name} {', '.join(str(data.draw(FIELDS[field])) for field in form.fields)}"
        for forms in FORMS.values()
        for form in forms
    ]
    source = program(lines)
    assert assemble(source).code.hex(" ", -4) == gnu(source).hex(" ", -4)


@needs_gnu
@given(st.lists(statements(), min_size=20, max_size=60))
@settings(max_examples=max(1, 40 * settings().max_examples // 100))
def test_drawn_programs_have_the_bytes_of_gnu_as(lines: list[str]) -> None:
    source = program(lines)
    assert assemble(source).code.hex(" ", -4) == gnu(source).hex(" ", -4)


def _joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sign = st.sampled_from(["+", "-", "*", "/", "%", "|", "&", "^", " + ", " - "])
    return (
        st.builds("{}{}{}".format, parts, sign, parts)
        | st.builds("{}{}".format, st.sampled_from("-~+"), parts)
        | parts.map("({})".format)
        | st.builds(
            "((({})&0xffff){}{})".format, parts, st.sampled_from(["<<", ">>"]), st.integers(0, 8)
        )
    )


EXPRESSION = st.recursive(
    st.integers(0, 99).map(str) | st.integers(0, 99).map(hex) | st.sampled_from(["'a'", "x"]),
    _joined,
    max_leaves=8,
)


@needs_gnu
@given(st.lists(EXPRESSION, min_size=20, max_size=40))
@settings(max_examples=max(1, 30 * settings().max_examples // 100))
def test_drawn_expressions_have_the_value_of_gnu_as(expressions: list[str]) -> None:
    kept = []
    for text in expressions:
        try:
            assemble(f".equ x, 12\n.word ({text})")
        except AssemblyError:  # division by zero, or beyond 32 bits
            continue
        kept.append(f".word ({text})\n")
    assume(kept)
    source = ".equ x, 12\n" + "".join(kept)
    assert assemble(source).code.hex(" ", -4) == gnu(source).hex(" ", -4)


# The decoder is the inverse

NUMBER = st.integers(0, 31)


@given(row=st.sampled_from(list(ISA.values())), rd=NUMBER, rs1=NUMBER, rs2=NUMBER, data=st.data())
def test_the_decoder_gives_back_what_was_written(
    row: Row, rd: int, rs1: int, rs2: int, data: st.DataObject
) -> None:
    form = FORMS[row.name][0]
    low, high, step = {
        "I": (-2048, 2047, 1), "S": (-2048, 2047, 1), "B": (-4096, 4094, 4), "shift": (0, 31, 1),
        "J": (-(1 << 20), (1 << 20) - 2, 4), "U": (0, 0xFFFFF, 1), "csr": (0, 4095, 1),
        "csri": (0, 4095, 1),
    }.get(row.format, (0, 0, 1))  # fmt: skip
    imm = data.draw(st.integers(low // step, high // step)) * step
    values = {
        "rd": f"x{rd}", "rs1": f"x{rs1}", "rs2": f"x{rs2}", "imm(rs1)": f"{imm}(x{rs1})",
        "(rs1)": f"(x{rs1})", "target": f". + {imm}", "zimm": rs1, "pred": "rw", "succ": "w",
        "imm": imm, "shamt": imm, "upper": imm, "csr": imm,
    }  # fmt: skip
    text = f"{row.name} {', '.join(str(values[field]) for field in form.fields)}"
    found = decode(int.from_bytes(assemble(text).code, "little"))
    assert found is not None
    assert found.row is row
    written = " ".join(form.fields)
    assert found.rd == rd or "rd" not in written
    assert found.rs1 == rs1 or not re.search("rs1|zimm", written)
    assert found.rs2 == rs2 or "rs2" not in written
    if low < high:
        assert found.imm == (imm << 12 if row.format == "U" else imm % (1 << 32))


def test_words_that_the_manual_prints() -> None:
    # Volume I: the NOP, the canonical encodings of the hints and the system instructions.
    assert words("nop\necall\nebreak\nmret\nsret\nwfi\nfence\nfence.tso\nfence.i") == [
        "00000013", "00000073", "00100073", "30200073", "10200073", "10500073", "0ff0000f",
        "8330000f", "0000100f",
    ]  # fmt: skip


# What a program tells about itself


def test_a_program_knows_its_lines_labels_and_entry() -> None:
    source = (
        "  .data\nword: .word 7, 8  # data\n.text\nhelp: ret\n_start: li a0, 0x12345\n1: j 1b\n"
    )
    found = assemble(source, 0x1000)
    assert (found.origin, found.entry) == (0x1000, 0x1004)
    assert found.symbols == {"word": 0x1010, "help": 0x1000, "_start": 0x1004}
    assert found.lines == {
        0x1000: (4, "ret"),
        0x1004: (5, "li a0, 0x12345"),
        0x1008: (5, "li a0, 0x12345"),
        0x100C: (6, "j 1b"),
        0x1010: (2, ".word 7, 8  # data"),
    }
    assert found.listing().splitlines() == [
        "help:",
        "00001000  00008067  ret",
        "_start:",
        "00001004  00012537  li a0, 0x12345",
        "00001008  34550513",
        "0000100c  0000006f  j 1b",
        "word:",
        "00001010  00000007  .word 7, 8  # data",
        "00001014  00000008",
    ]


def test_the_listing_leaves_out_what_is_long_and_shows_ends() -> None:
    rows = assemble('.data\n.space 100\n.asciz "ab"\nend:').listing().splitlines()
    assert rows[15:] == [
        "8000003c  00000000",
        "          ... 36 bytes more",
        '80000064  006261    .asciz "ab"',
        "end:",
    ]


def test_an_empty_program_and_any_line_ends() -> None:
    empty = assemble("")
    assert (empty.code, empty.entry, empty.listing()) == (b"", ORIGIN, "")
    assert assemble("nop\r\n\r\n nop # x\r\n; y").code == b"\x13\0\0\0" * 2


def test_the_data_begin_at_their_alignment() -> None:
    found = assemble("nop\n.data\na: .byte 1\n.align 4\nb: .byte 2")
    assert found.symbols == {"a": ORIGIN + 16, "b": ORIGIN + 32}
    assert len(found.code) == 33


def test_entry_may_be_an_alias() -> None:
    assert assemble("nop\nmain: nop\n.set _start, main").entry == ORIGIN + 4


def test_what_gnu_as_refuses_and_this_one_takes() -> None:
    # A word at an address that is a number, and labels' differences in li.
    assert words(".equ U, 0x80000010\nlw a0, U") == ["00000517", "01052503"]
    assert words("a: nop\nb: li a0, b - a")[1] == "00400513"
    assert words("call 0x80000008") == ["00000097", "008080e7"]
    assert words("nop ; does nothing") == ["00000013"]
    assert words("nop // or this") == ["00000013"]
    # GNU as takes an alignment of at most 4 in the text for granted.
    assert words(".byte 1, 2\n.align 2\nret") == ["00010201", "00008067"]
    assert words("nop ; add the numbers") == ["00000013"]


@pytest.mark.parametrize(
    "source",
    [".word " + "(" * 10**5 + "1" + ")" * 10**5, ".word " + "-" * 10**5 + "1",
     ".word 1" + "+1" * 10**5],
    ids=["parentheses", "signs", "terms"],
)  # fmt: skip
def test_no_depth_is_too_much(source: str) -> None:
    assert len(assemble(source).code) == 4


# The errors: source, line, column, what the sentence says

ERRORS: list[tuple[str, int, int, str]] = [
    ('nop\n  .ascii "abc', 2, 10, 'this string does not end; close it with "'),
    ("li a0, 'ab", 1, 8, "a character is written 'a'"),
    ("addi a0, a0, @", 1, 14, "'@' has no meaning here"),
    ("é: nop", 1, 1, "'\\xe9' has no meaning here"),
    (".word 09", 1, 7, "'09' is not a number; write 12, 0x1f"),
    (".word 1.5", 1, 7, "'1.5' is not a number"),
    (".word 0x1" + "f" * 16, 1, 7, "is above 64 bits"),
    (".word " + "9" * 9999, 1, 7, "is above 64 bits"),
    (".byte 'é'", 1, 7, "'é' takes 2 bytes in UTF-8"),
    ('.ascii "a\\q"', 1, 10, "'\\q' is no escape; there are"),
    ('.ascii "\ud800"', 1, 8, "this text has '\\ud800', which UTF-8 cannot hold"),
    ("a: nop\n.space a * 2", 2, 10, "* needs two numbers, and a label is an address"),
    (".word 5 / 0", 1, 9, "/ has 0 on its right"),
    (".word 5 % (1 - 1)", 1, 9, "% has 0 on its right"),
    (".word 1 << 64", 1, 9, "<< shifts by 64; the count must be 0 to 63"),
    (".word 1 << 63 << 1", 1, 15, "the result of << exceeds 64 bits"),
    ("addi a0 a1, 5", 1, 9, "'a1' stands where a comma or the end of the line must come"),
    ("lw a0, 4(sp", 1, 12, "the end of the line stands where the ) of 4(register) must come"),
    ("addi a0, a1,", 1, 13, "an operand is missing after the last comma"),
    ("lui a0, %high(x)", 1, 9, "'%high' is no function; there are %hi, %lo"),
    ("lui a0, %hi x", 1, 13, "'x' stands where the ( of %hi(symbol) must come"),
    ("lui a0, %hi(5", 1, 14, "stands where the ) of %hi(symbol) must come"),
    ("lw a0, 4(foo)", 1, 10, "'foo' stands where a register must come, as in 4(sp)"),
    (".word (1 + 2", 1, 13, "stands where the ) of an open ( must come"),
    (".word 1 + a0", 1, 11, "a0 is a register and cannot be part of an expression"),
    (".word 1 +", 1, 10, "the end of the line stands where a number or a symbol must come"),
    ("lw a0, %near_lo(5)(a0)", 1, 8, "'%near_lo' is no function"),
    ("adi a0, a0, 1", 1, 1, "'adi' is not an instruction; did you mean andi or addi?"),
    ("ADDI a0, a0, 1", 1, 1, "'ADDI' is not an instruction; did you mean addi"),
    ("x: ld a0, 0(a1)", 1, 4, "'ld' is not an instruction: it belongs to RV64"),
    ("subi a0, a0, 1", 1, 1, "write addi with the negative number"),
    ("vsetvli f0", 1, 1, "this machine is an RV32IMA"),
    ("addi a0, 5", 1, 11, "addi stands with 2 operands; it is written 'addi rd, rs1, imm'"),
    ("ret a0", 1, 5, "ret stands with 1 operand; it is written 'ret'"),
    ("neg", 1, 4, "neg stands with no operands; it is written 'neg rd, rs'"),
    ("add a0, a0, 5", 1, 13, "operand 3 of add must be a register, not '5'; write 'add rd, rs1, "
     "rs2'; for a number or a symbol there is addi"),
    ("addi a0, x32, 5", 1, 10, "operand 2 of addi must be a register, not 'x32'"),
    ("addi a0, a0, a1", 1, 14, "for a register there is add"),
    ("lw a0, a1", 1, 8, "operand 2 of lw must be like 4(sp), not 'a1'"),
    ("csrr a0, mstats", 1, 10, "'mstats' is neither a CSR nor a symbol; a CSR can also be given "
     "by its number; did you mean mstatus"),
    ("csrr a0, 4096", 1, 10, "4096 does not fit the number of a CSR, which takes 0 to 4095"),
    ("csrwi mstatus, 32", 1, 16, "32 does not fit the immediate of csrrwi, which takes 0 to 31; "
     "use csrrw with a register"),
    ("addi a0, a0, 2048", 1, 14, "2048 does not fit the immediate of addi, which takes -2048 to "
     "2047; put the number into a register with li, or an address with la, first"),
    ("addi a0, a0, x\nx:", 1, 14, "2147483652 does not fit the immediate of addi"),
    ("lw a0, -2049(a1)", 1, 8, "-2049 does not fit the immediate of lw"),
    ("lui a0, -1", 1, 9, "-1 does not fit the immediate of lui, which takes 0 to 1048575"),
    ("slli a0, a0, 32", 1, 14, "32 does not fit the shift of slli, which takes 0 to 31"),
    ("amoadd.w a0, a1, 4(a2)", 1, 18, "4 does not fit the offset of amoadd.w, which takes only 0"),
    ("beq a0, a1, x\n.space 4096\nx:", 1, 13, "the target is 4100 bytes away, and beq reaches "
     "-4096 to 4094; branch the other way over a j"),
    ("j x\n.space 1048576\nx:", 1, 3, "jal reaches -1048576 to 1048574; use call or jr"),
    ("j 8", 1, 3, "a target is an address, so write a label, or . + 8"),
    ("j . + 6", 1, 3, "the target is 6 bytes away, and instructions are at multiples of 4"),
    ("fence wr, rw", 1, 7, "'wr' is no set of accesses; write letters of iorw in this order"),
    ("addi a0, a0, %hi(5)", 1, 14, "%hi cannot stand in this operand of addi; there %lo or "
     "%pcrel_lo can stand"),
    ("beq a0, a1, %lo(5)", 1, 13, "%lo cannot stand in this operand of beq; write the symbol"),
    ("li a0, %lo(5)", 1, 8, "%lo cannot stand in li"),
    ("li a0, 0x100000000", 1, 8, "4294967296 does not fit a register, which takes -2147483648 to"),
    ("a0: nop", 1, 1, "a0 is a register and cannot be a symbol"),
    (". = 5", 1, 1, ". is the current address and cannot be a symbol"),
    ("a: nop\n\n  a: nop", 3, 3, "'a' is already defined in line 1; a label has one place"),
    ("a: nop\n.set a, 5", 2, 6, "'a' is already defined in line 1"),
    ("j 1b", 1, 3, "there is no label 1: above this line; 1b looks back, 1f looks ahead"),
    ("1: j 1f", 1, 6, "no label 1: comes after 1f"),
    ("loop: j lop", 1, 9, "'lop' is not defined; define a label with name: or a number with .equ "
     "name, number; did you mean loop?"),
    ("li a0, msg\nmsg:", 1, 8, "'msg' is not defined above this line, and li needs its value here; "
     "move the definition up, or use la for the address of a label"),
    (".space n\n.equ n, 5", 1, 8, "'n' is not defined above this line, and .space needs"),
    ("a: li a0, a", 1, 11, "li needs a number, and this is an address, which is not known yet"),
    ("addi a0, a0, %pcrel_lo(x)\nx: nop", 1, 14, "%pcrel_lo names the label of the auipc with the "
     "%pcrel_hi, and there is none at 0x80000004"),
    (".space 1000000000000", 1, 8, "the program would have 1000000000000 bytes, and at most "
     "16777216 are allowed; ask for less room"),
    ("nop\n" * 9 + ".word " + "1, " * 9 + "2\n.zero 0x1000000", 11, 7, "the program would have"),
    (".word 1 2", 1, 9, "'2' is too much after .word; remove it"),
    (".data 5", 1, 7, "'5' is too much after .data"),
    (".word", 1, 6, ".word needs something behind it"),
    (".byte 256", 1, 7, "256 does not fit 1 byte, where -128 to 255 do; use a smaller number or "
     "a wider directive"),
    (".half -32769", 1, 7, "-32769 does not fit 2 bytes, where -32768 to 65535 do"),
    (".word 0x100000000", 1, 7, "4294967296 does not fit 4 bytes"),
    (".space 4, 256", 1, 11, "256 does not fit 1 byte"),
    (".ascii 5", 1, 8, '.ascii takes strings; write them like "text"'),
    (".space -1", 1, 8, ".space of -1 bytes; the number must be 0 or more"),
    (".align 23", 1, 8, ".align 23 asks for a multiple of 2 to the power of 23; write 0 to 22"),
    (".balign 3", 1, 9, ".balign 3 is no power of two from 1 to 4194304"),
    ("nop\n.org 2", 2, 6, ".org 2 is behind the place reached, 4 bytes from the start of .text"),
    (".org 0x80000100", 1, 6, ".org 0x80000100 counts from the start of .text, not from 0; the "
     "program begins at 0x80000000"),
    ("a: nop\n.data\n.org a", 3, 6, ".org goes on inside .data"),
    (".globl 5", 1, 8, ".globl needs the name of a symbol here"),
    (".equ 5, 5", 1, 6, ".equ needs the name of a symbol here"),
    (".equ x 5", 1, 8, "'5' stands where a comma and the value must come"),
    (".equ x, y", 1, 9, "'y' is not defined"),
    (".wrd 5", 1, 1, "'.wrd' is not a directive; there are .text, .data"),
    ("5 nop", 1, 1, "'5' stands where a label, an instruction or a directive must come"),
    ("0x5: nop", 1, 1, "'0x5' is no label; write a name, or a decimal number"),
    ("nop; nop", 1, 4, "; begins a comment here, and this one looks like code"),
    ("nop ; .word 5", 1, 5, "; begins a comment here"),
    (".byte 1\n nop", 2, 2, "an instruction must stand at a multiple of 4, and this one would be "
     "at .text + 1; write .align 2 before it"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "column", "sentence"), ERRORS)
def test_errors_name_the_place_the_rule_and_the_fix(
    source: str, line: int, column: int, sentence: str
) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble(source)
    said, shown, mark = str(caught.value).split("\n")
    assert said.startswith(f"Line {line}, column {column}: ")
    assert sentence in said
    assert said.endswith((".", "?"))
    text = source.split("\n")[line - 1]
    assert shown.strip() in "".join(sign if sign.isprintable() else " " for sign in text)
    assert len(shown) < 100
    if column <= len(text) and text[column - 1].isprintable():
        assert shown[mark.index("^")] == text[column - 1]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: assemble("nop", 2), "The origin 0x2 is not a multiple of 4 from 0 below 2**32"),
        (lambda: assemble("nop", 1 << 32), "The origin 0x100000000 is not"),
        (lambda: assemble("nop", "x"), "The origin 'x' is not"),
        (lambda: assemble(b"nop"), "is a string with lines of assembly language, not a bytes"),
        (lambda: assemble("#" * 600_000), "has 600000 characters, and at most 524288 are allowed"),
        (lambda: assemble("nop\nnop", 0xFFFFFFFC), "ends at 0x100000004, beyond the 32-bit"),
        (
            lambda: assemble(".align 3", 4),
            "column 8: a multiple of 8 is asked for, and the program",
        ),
    ],
)
def test_errors_of_the_whole_program(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(AssemblyError, match=re.escape(sentence)):
        call()


def test_a_long_line_is_shown_around_its_fault() -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble(".word " + "1, " * 500 + "300 300" + ", 1" * 500)
    _, shown, mark = str(caught.value).split("\n")
    assert len(shown) <= 94
    assert shown[mark.index("^") - 4 :].startswith("300 300")


@given(st.text(max_size=40) | st.text("aj1b0:.x(),+-%\"'\\;# \n", max_size=40) | statements())
@settings(max_examples=max(1, 4 * settings().max_examples))
def test_any_text_is_assembled_or_refused_in_words(source: str) -> None:
    said = ""
    try:
        assemble(source)
    except AssemblyError as error:
        said = str(error)
    assert re.match(r"$|Line \d+, column \d+: ", said)
