"""Sv32 and the memory protection: by hand, and through the hart."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from riscv_random import BASE, encode
from scheduling_cases import examples
from test_vm_hart import fresh, small

from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.csr import Status
from vcloud_lab.vm.paging import A, D, PageFault, R, U, V, W, X, walk
from vcloud_lab.vm.pmp import Pmp
from vcloud_lab.vm.translate import TranslatingHart

ROOT = 0x1000


class Tables:
    """Physical memory as a dictionary of words."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}

    def load(self, at: int) -> int:
        return self.words.get(at, 0)

    def store(self, at: int, value: int) -> None:
        self.words[at] = value

    def map(self, virtual: int, physical: int, bits: int, *, big: bool = False) -> None:
        """Make the entries for one page; the second tables lie behind the root, one a slot."""
        upper, lower = virtual >> 22, virtual >> 12 & 1023
        if big:
            self.words[ROOT + 4 * upper] = physical >> 12 << 10 | bits
            return
        table = ROOT + 0x1000 * (1 + upper)
        self.words[ROOT + 4 * upper] = table >> 12 << 10 | V
        self.words[table + 4 * lower] = physical >> 12 << 10 | bits


def test_a_walk_shows_every_step() -> None:
    tables = Tables()
    tables.map(0x00403000, 0x80007000, V | R | W)
    found = walk(0x00403ABC, R, ROOT, load=tables.load, store=tables.store)
    assert (found.physical, found.span) == (0x80007ABC, 4096)
    assert [(step.level, step.at) for step in found.steps] == [(1, ROOT + 4), (0, 0x3000 + 12)]
    assert tables.words[0x300C] & (A | D) == A
    walk(0x00403000, W, ROOT, load=tables.load, store=tables.store)
    assert tables.words[0x300C] & (A | D) == A | D


def test_a_big_page_is_found_at_the_first_level() -> None:
    tables = Tables()
    tables.map(0x00400000, 0x80000000, V | R | X, big=True)
    found = walk(0x007FFFFC, X, ROOT, load=tables.load)
    assert (found.physical, found.span, len(found.steps)) == (0x803FFFFC, 4 << 20, 1)
    assert tables.words[ROOT + 4] & A == 0  # without a store nothing is marked


@pytest.mark.parametrize(
    ("bits", "big", "access", "options", "reason"),
    [
        (0, False, R, {}, "the entry is not valid"),
        (V | W, False, W, {}, "the entry is not valid"),
        (V, False, R, {}, "the last level points to another table"),
        (V | R, False, W, {}, "the page may not be written"),
        (V | X, False, R, {}, "the page may not be read"),
        (V | R, False, X, {}, "the page may not be executed"),
        (V | R | U, False, R, {}, "the supervisor may not use a page of the user here"),
        (V | X | U, False, X, {"user_too": True}, "the supervisor may not use a page of the user"),
        (V | R, False, R, {"user": True}, "user mode may not use a page of the supervisor"),
    ],
)
def test_refusals(bits: int, big: bool, access: int, options: dict[str, bool], reason: str) -> None:
    tables = Tables()
    tables.map(0x00400000, 0x80000000, bits, big=big)
    before = dict(tables.words)
    with pytest.raises(PageFault, match=reason) as told:
        walk(0x00400000, access, ROOT, load=tables.load, store=tables.store, **options)
    assert told.value.steps
    assert tables.words == before


def test_a_big_page_must_be_aligned() -> None:
    tables = Tables()
    tables.map(0x00400000, 0x80001000, V | R, big=True)
    with pytest.raises(PageFault, match="must begin at a multiple of 4 MiB"):
        walk(0x00400000, R, ROOT, load=tables.load)


def test_exceptions_that_the_status_makes() -> None:
    tables = Tables()
    tables.map(0x00400000, 0x80000000, V | R | U)
    tables.map(0x00401000, 0x80000000, V | X)
    assert walk(0x00400000, R, ROOT, load=tables.load, user_too=True).physical == 0x80000000
    assert walk(0x00401000, R, ROOT, load=tables.load, executable_too=True).physical == 0x80000000


# ---- through the hart


def paged(hart: Hart) -> Hart:
    """Supervisor mode: 4 MiB of code and data one to one, and page 0x400000 to BASE + 0x8000."""
    root, second = BASE + 0x2000, BASE + 0x3000
    bus = hart.bus
    bus.write(root + 4 * (BASE >> 22), 4, BASE >> 12 << 10 | V | R | W | X)
    bus.write(root + 4, 4, second >> 12 << 10 | V)
    bus.write(second, 4, BASE + 0x8000 >> 12 << 10 | V | R | W)
    hart.csr["satp"] = 1 << 31 | root >> 12
    hart.level = 1
    hart.forget()
    return hart


@pytest.mark.parametrize("engine", [Hart, TranslatingHart])
def test_the_hart_reads_and_writes_through_the_tables(engine: type[Hart]) -> None:
    words = [encode("sw", 0, 5, 6, imm=4), encode("lw", 7, 5, imm=4), encode("jal", imm=-8)]
    hart = fresh(words, [0] * 32, b"", engine)
    hart.mmu.pmp.address[0], hart.mmu.pmp.config[0] = 0xFFFFFFFF, 0x1F
    paged(hart)
    hart.x[5], hart.x[6] = 0x400000, 1234
    hart.run(400)
    assert hart.bus.read(BASE + 0x8004, 4) == 1234
    assert hart.x[7] == 1234
    assert hart.traps == {}
    assert hart.mmu.walks <= 3  # the TLB remembers code, reading and writing
    assert hart.bus.read(BASE + 0x3000, 4) & (A | D) == A | D


@pytest.mark.parametrize(("word", "cause"), [(encode("lw", 7, 5), 13), (encode("sw", 0, 5, 6), 15)])
def test_page_faults_have_their_own_causes(word: int, cause: int) -> None:
    hart = paged(small(word))
    hart.x[5] = 0x401000
    hart.step()
    assert (hart.csr["mcause"], hart.csr["mtval"], hart.csr["mepc"]) == (cause, 0x401000, BASE)


def test_a_jump_to_an_unmapped_page_faults_there() -> None:
    hart = paged(small(encode("jalr", 0, 5)))
    hart.x[5] = 0x500000
    hart.run(2)
    assert (hart.csr["mcause"], hart.csr["mtval"], hart.csr["mepc"]) == (12, 0x500000, 0x500000)


def test_a_store_across_pages_is_whole_or_not_at_all() -> None:
    hart = paged(small(encode("sw", 0, 5, 6, imm=0)))
    hart.x[5], hart.x[6] = 0x400FFE, 0xFFFFFFFF
    hart.step()
    assert (hart.csr["mcause"], hart.csr["mtval"]) == (15, 0x401000)
    assert hart.bus.read(BASE + 0x8FFE, 2) == 0


def test_sfence_forgets() -> None:
    hart = paged(small(encode("lw", 7, 5), encode("sfence.vma"), encode("lw", 7, 5)))
    hart.x[5] = 0x400000
    hart.step()
    hart.bus.write(BASE + 0x3000, 4, 0)  # the page is taken away
    hart.run(2)
    assert hart.csr["mcause"] == 13
    assert hart.csr["mepc"] == BASE + 8


# ---- the protection


@given(data=st.data())
@examples(200)
def test_protection_against_a_bit_by_bit_model(data: st.DataObject) -> None:
    rng = Random(data.draw(st.integers(0, 10**6)))
    pmp = Pmp()
    for rule in range(4):
        pmp.write_address(rule, rng.getrandbits(16) << 10 | rng.choice([0, 0x1FF, 0x3FF, 0xFFF]))
        pmp.config[rule] = rng.choice([0, 8, 24]) | rng.getrandbits(3) | rng.choice([0, 0x80])
    page, access, level = rng.getrandbits(16) << 12, rng.choice([R, W, X]), rng.choice([0, 1, 3])

    expected, below = level == 3, 0
    for rule in range(4):
        config, address = pmp.config[rule], pmp.address[rule]
        matching, top = config >> 3 & 3, (address & ~0x3FF) << 2
        if matching == 3:
            ones = 0
            while (address | 0x1FF) >> ones & 1:
                ones += 1
            size = 8 << ones
            hit = page & -size == address << 2 & -size
        else:
            hit = matching == 1 and below <= page < top
        below = top
        if hit:
            allowed = bool(config & {R: 1, W: 2, X: 4}[access])
            expected = (level == 3 and not config & 0x80) or allowed
            break
    assert pmp.allows(page, access, level) == expected


def test_locked_rules_stay_and_bind_the_machine_level() -> None:
    hart = small(encode("lw", 7, 5))
    hart.x[5] = BASE + 0x8000
    pmp = hart.mmu.pmp
    pmp.config[0] = 0
    pmp.write_address(1, (BASE + 0x8000) >> 2 | 0x1FF)
    pmp.write_config(0, 0x98 << 8)  # rule 1: NAPOT, locked, nothing allowed
    hart.forget()
    hart.step()
    assert (hart.csr["mcause"], hart.csr["mtval"]) == (5, BASE + 0x8000)
    pmp.write_config(0, 0)
    pmp.write_address(1, 0)
    assert pmp.config[1] == 0x98
    assert pmp.address[1] == (BASE + 0x8000) >> 2 | 0x1FF


def test_without_a_rule_lower_levels_may_do_nothing() -> None:
    hart = small(encode("addi", 1, 0, imm=1), level=0)
    hart.mmu.pmp.config[0] = 0
    hart.forget()
    hart.step()
    assert (hart.csr["mcause"], hart.csr["mtval"]) == (1, BASE)


def test_mprv_uses_the_previous_level_for_data() -> None:
    hart = paged(small(encode("lw", 7, 5)))
    hart.level = 3
    hart.x[5] = 0x400000
    hart.csr["mstatus"] = Status.MPRV | 1 << 11
    hart.bus.write(BASE + 0x8000, 4, 77)
    hart.mode_changed()
    hart.step()
    assert hart.x[7] == 77
