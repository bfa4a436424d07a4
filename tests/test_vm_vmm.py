"""The VMMs: a guest under each technique ends in the state that the bare hart ends in."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from riscv_programs import verdict
from riscv_random import BASE, encode, program, registers
from test_vm_hart import PROGRAMS, fresh

from vcloud_lab.errors import GuestError
from vcloud_lab.vm import vmm_translation
from vcloud_lab.vm.asm import assemble
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.guests import source
from vcloud_lab.vm.hypervisor import kernel
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.tables import Tables
from vcloud_lab.vm.vmm import TrapAndEmulate
from vcloud_lab.vm.vmm_code import CALLOUT, translate
from vcloud_lab.vm.vmm_hardware import HardwareAssisted
from vcloud_lab.vm.vmm_paravirtual import Paravirtual, paravirtualize
from vcloud_lab.vm.vmm_state import LAYOUT, PENDING
from vcloud_lab.vm.vmm_translation import BinaryTranslation

EXACT = (TrapAndEmulate, HardwareAssisted)
"""Under these the guest's clock counts the guest's own instructions, so that all is equal."""
ALL = (*EXACT, BinaryTranslation)

HANDLER = (
    encode("csrrs", 31, 0, imm=CSRS["mepc"]), encode("addi", 31, 31, imm=4),
    encode("csrrw", 0, 31, imm=CSRS["mepc"]), encode("mret"),
)  # fmt: skip


def state(hart: Hart, bus: Bus) -> dict[str, object]:
    """All that a guest could see."""
    names = ("mstatus", "mepc", "mcause", "mtval", "mscratch", "mie", "satp")
    csrs = {name: hart.csr[name] for name in names}
    return {"x": hart.x[:32], "pc": hart.pc, "level": hart.level, "ram": bytes(bus.ram)} | csrs


def made_with(kind: type[Hart], words: list[int], x: list[int], data: bytes) -> tuple[Hart, Bus]:
    """A hart with the program, and a handler of traps that goes on behind them."""
    bus = fresh(words, x, data).bus
    for at, word in enumerate(HANDLER):
        bus.write(BASE + 0x4000 + 4 * at, 4, word)
    hart = kind(bus)
    hart.x[:32] = x
    hart.csr["mtvec"] = BASE + 0x4000
    return hart, bus


def until(hart: Hart, end: int, most: int = 200_000) -> bool:
    """Run until the program counter is at ``end``; False where it is not within ``most``."""
    for _ in range(most):
        if hart.pc == end:
            return True
        hart.run(1)
    return False


def csr_program(rng: Random, length: int) -> list[int]:
    """Instructions of a kernel: registers, calls and returns, interrupts on and off, traps."""
    words = []
    names = ["mscratch", "mepc", "mcause", "mtval", "mstatus", "mie", "sscratch", "sepc", "mtvec"]
    for at in range(length):
        rd, rs1 = (rng.choice([0, 1, 2, 5, 6, 7, 10]) for _ in range(2))
        draw = rng.random()
        if draw < 0.5:
            name = rng.choice(["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"])
            register = rng.choice(names)
            if register in ("mstatus", "mie", "mtvec"):  # no MPRV, and the handler stays
                name = rng.choice(["csrrsi", "csrrci"]) if register == "mstatus" else "csrrs"
                rs1 = rng.choice([2, 8, 10]) if register == "mstatus" else 0
            words.append(encode(name, rd, rs1, imm=CSRS[register]))
        elif draw < 0.6:
            words.append(encode("auipc", rd, imm=rng.getrandbits(32)))
        elif draw < 0.7 and at < length - 2:
            words += [encode("jal", rd, imm=8), encode("ecall")]
        elif draw < 0.8 and at < length - 4:  # a computed jump to the instruction behind it
            words += [encode("auipc", 5, imm=0), encode("jalr", rd, 5, imm=8)]
        elif draw < 0.85:
            words.append(encode("ecall"))
        elif draw < 0.9:
            words.append(0xFFFFFFFF)  # no instruction
        else:
            words.append(encode("xor", rd, rs1, rng.choice([5, 6, 10])))
    return words


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("seed", range(25))
def test_random_programs_end_as_on_the_bare_hart(kind: type[Hart], seed: int) -> None:
    rng = Random(seed)
    words = program(rng, 60)
    words += [encode("addi", 0, 0)]
    x, data = registers(rng), rng.randbytes(8192)
    bare, ram = made_with(Hart, words, x, data)
    virtual, guest = made_with(kind, words, x, data)
    end = BASE + 4 * len(words) - 4
    assert until(bare, end)
    assert until(virtual, end)
    assert state(virtual, guest) == state(bare, ram)
    assert virtual.traps == bare.traps


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("seed", range(60))
def test_kernel_code_ends_as_on_the_bare_hart(kind: type[Hart], seed: int) -> None:
    """In four rounds: what is found, linked or patched in the first one serves in the others."""
    rng = Random(seed)
    words = csr_program(rng, 60)
    words += [encode("addi", 20, 20, imm=-1), encode("beq", 0, 20, 0, 8)]
    words += [encode("jal", imm=-4 * len(words)), encode("addi", 0, 0)]
    x = registers(rng)
    x[20] = 4
    bare, ram = made_with(Hart, words, x, b"")
    virtual, guest = made_with(kind, words, x, b"")
    end = BASE + 4 * len(words) - 4
    assert until(bare, end)
    assert until(virtual, end)
    assert state(virtual, guest) == state(bare, ram)
    assert virtual.traps == bare.traps
    if kind in EXACT:
        assert virtual.retired == bare.retired


@pytest.mark.parametrize("kind", EXACT)
def test_every_moment_of_the_kernel_is_that_of_the_bare_hart(kind: type[Hart]) -> None:
    boards = [Board(1 << 20, made) for made in (Hart, kind)]
    for board in boards:
        board.load_kernel(kernel())
    rng = Random(4)
    for _ in range(400):
        budget = rng.choice([1, 3, 50, 300])
        assert len({board.hart.run(budget) for board in boards}) == 1
        bare, virtual = boards
        assert state(virtual.hart, virtual.bus) == state(bare.hart, bare.bus)
        assert virtual.hart.retired == bare.hart.retired
        assert virtual.hart.traps == bare.hart.traps
        assert virtual.console.output == bare.console.output
    assert boards[0].hart.retired > 20_000


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_official(path: Path, kind: type[Hart]) -> None:
    assert verdict(path, kind) == "passed"


def everywhere(source: str, kinds: tuple[type[Hart], ...] = ALL, budget: int = 500) -> list[int]:
    """The registers after a program, which must be those of the bare hart under every VMM."""
    image, results = assemble(source + "\nend: j end").code, []
    for kind in (Hart, *kinds):
        board = Board(1 << 20, kind)
        board.load_kernel(image)
        board.hart.run(budget)
        results.append(board.hart.x[:32])
    for kind, x in zip(kinds, results[1:], strict=True):
        assert x == results[0], kind
    return results[0]


START = """
    la t0, handler
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    j main
handler:                    # count in s11, remember the cause in s10, go on behind it
    addi s11, s11, 1
    csrr s10, mcause
    csrr t6, mepc
    addi t6, t6, 4
    csrw mepc, t6
    mret
main:
"""


def test_a_trap_takes_the_reservation() -> None:
    x = everywhere(START + "la s0, end\nlr.w a0, (s0)\necall\nsc.w a1, a0, (s0)")
    assert x[11] == 1
    assert everywhere("la s0, end\nlr.w a0, (s0)\nsc.w a1, a0, (s0)")[11] == 0


def test_a_computed_jump_to_half_an_instruction_is_a_trap_of_the_jump() -> None:
    x = everywhere(START + "la t0, end + 2\nli ra, 7\njalr ra, 0(t0)\ncsrr a0, mepc\nla a1, end")
    assert x[26] == 0  # instruction address misaligned
    assert x[1] == 7  # no link was made
    assert x[27] == 1


def test_loads_by_another_level_see_its_memory() -> None:
    """With MPRV a load of the machine level goes by user level's rules: this one may not."""
    source = (
        START
        + """
    li t0, 0x18             # everything is execute-only and, unlocked, binds the others only
    csrw pmpcfg0, t0
    li t0, 0x20000
    la s0, end
    csrs mstatus, t0
    lw a0, 0(s0)
    csrc mstatus, t0
    lw a1, 0(s0)
"""
    )
    x = everywhere(source)
    assert x[27] == 1
    assert x[26] == 5  # load access fault
    assert x[10] == 0
    assert x[11] == 0x6F  # j end


def test_a_level_has_its_own_translation_of_code() -> None:
    """What the machine level may read, the supervisor may not, by the same instruction."""
    source = (
        START
        + """
    li t0, 77
    csrw mscratch, t0
    call both
    mv s1, a0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, lower
    csrw mepc, t0
    mret
lower:
    call both
    j end
both:
    li a0, 0
    csrr a0, mscratch
    ret
"""
    )
    x = everywhere(source)
    assert x[9] == 77
    assert x[10] == 0
    assert (x[26], x[27]) == (2, 1)


@pytest.mark.parametrize("register", ["mepc", "sepc"])
def test_an_address_to_return_to_is_even(register: str) -> None:
    assert everywhere(f"li a0, 0x1237\ncsrw {register}, a0\ncsrr a1, {register}")[11] == 0x1234


def test_interrupts_off_and_on_say_what_was() -> None:
    source = "csrsi mstatus, 8\ncsrrci a0, mstatus, 8\ncsrr a1, mstatus\ncsrci mstatus, 16"
    x = everywhere(source)
    assert (x[10], x[11]) == (8, 0)


def test_a_page_is_written_after_it_was_read_and_executed() -> None:
    source = "la s0, end\nlw a0, 0(s0)\nsw a0, 64(s0)\nlw a1, 64(s0)"
    x = everywhere(source)
    assert x[10] == x[11] == 0x6F


def test_user_level_may_be_given_a_device() -> None:
    source = (
        START
        + """
    la t0, lower
    csrw mepc, t0
    mret
lower:
    li t0, 0x10000000
    li t1, 65
    sb t1, 0(t0)
    lbu a0, 5(t0)
"""
    )
    x = everywhere(source)
    assert (x[27], x[10]) == (0, 0x60)


@pytest.mark.parametrize("kind", ALL)
def test_a_page_of_one_device_becomes_that_of_another(kind: type[Hart]) -> None:
    """The supervisor writes twice to one virtual address, with another entry in between."""
    source = (
        START
        + """
    la t0, table
    srli t1, t0, 12
    li t2, 0x80000000
    or t1, t1, t2
    csrw satp, t1
    li t1, 0x1800
    csrc mstatus, t1
    li t1, 0x800
    csrs mstatus, t1
    la t1, lower
    csrw mepc, t1
    mret
lower:
    li s0, 0x40000000
    li s1, 1
    sw s1, 0(s0)            # to the console
    la t0, table + 1024
    li t1, 0x044000c7       # the timer's device, from 0x11000000
    sw t1, 0(t0)
    sfence.vma
    sw s1, 0(s0)            # its software interrupt
end: j end
    .balign 4096
table:
    .space 1024
    .word 0x040000c7        # 0x40000000 is 0x10000000
    .space 1020
    .word 0x200000cf        # 0x80000000 is itself
    .space 2044
"""
    )
    board = Board(1 << 20, kind)
    board.load_kernel(assemble(source).code)
    board.hart.run(200)
    assert bytes(board.console.output) == b"\1"
    assert board.hart.lines & 8


@pytest.mark.parametrize("kind", ALL)
def test_code_that_a_device_writes_is_seen(kind: type[Hart]) -> None:
    made = assemble("l: addi a0, a0, 1\nj l\nnew: addi a0, a0, 256")
    board = Board(1 << 20, kind)
    board.load_kernel(made.code)
    board.hart.run(1000)
    assert board.hart.x[10] == 500 or kind is BinaryTranslation
    board.bus.write(BASE, 4, board.bus.read(BASE + 8, 4))
    if kind is BinaryTranslation:
        board.hart.forget()  # as after a fence.i of the guest
    board.hart.run(10)
    assert board.hart.x[10] >= 256 * 4


# ---- exits


def ran(kind: type[Hart], text: str, budget: int = 1000) -> Hart:
    """What has become of a hart that ran a program up to its endless loop at ``end``."""
    made = assemble(text + "\nend: j end")
    board = Board(1 << 20, kind)
    board.load_kernel(made.code)
    board.hart.run(budget)
    assert board.hart.pc == made.symbols["end"]
    return board.hart


@pytest.mark.parametrize(
    ("source", "reason", "count"),
    [
        ("csrr a0, mstatus\ncsrw mscratch, a0\ncsrs mie, a0", "privileged register", 3),
        ("li t0, 0x10000000\nsb a0, 0(t0)\nlbu a1, 5(t0)", "device", 2),
        ("sfence.vma\nfence\nfence.i", "flush of the TLB", 1),
        ("la t0, h\ncsrw mtvec, t0\nlw a0, 0(zero)\nh:", "device", 1),
        ("la t0, h\ncsrw mtvec, t0\n.word 0\nh:", "exception", 1),
        (START + "la t0, u\ncsrw mepc, t0\nmret\nu: csrr a0, mscratch", "exception", 1),
        ("la t0, end\ncsrw mepc, t0\nli t0, 0x1800\ncsrw mstatus, t0\nmret",
         "return from a trap", 1),
    ],
)  # fmt: skip
def test_each_exit_has_its_reason(source: str, reason: str, count: int) -> None:
    hart = ran(TrapAndEmulate, source)
    assert hart.exits[reason] == count
    assert [one.reason for one in hart.log if one.reason == reason] == [reason] * count


def test_code_without_privilege_makes_no_exits() -> None:
    source = "li a0, 100\nloop: addi a0, a0, -1\nbnez a0, loop"
    for kind in (TrapAndEmulate, Paravirtual):
        hart = ran(kind, source)
        assert dict(hart.exits) == {"hidden page fault": 1}
        assert hart.interpreted == 0
    assert dict(ran(HardwareAssisted, source).exits) == {"nested page fault": 1}


def test_a_guest_has_no_way_to_the_memory_of_the_vmm() -> None:
    """It reads and writes 4 MiB below its own memory, where the host's memory has the tables."""
    for kind in ALL:
        board = Board(1 << 20, kind)
        made = assemble(
            "la t0, h\ncsrw mtvec, t0\nli t1, 0x80000000 - 4096\n"
            "lw a0, 0(t1)\nsw a0, 0(t1)\nh: csrr a1, mcause\nend: j end"
        )
        board.load_kernel(made.code)
        board.hart.run(500)
        assert board.hart.x[11] == 5, kind  # a load access fault


# ---- binary translation


def test_a_device_that_is_used_again_becomes_a_callout() -> None:
    source = "li t0, 0x10000000\nli a0, 65\nli a1, 20\nl: sb a0, 0(t0)\naddi a1, a1, -1\nbnez a1, l"
    hart = ran(BinaryTranslation, source)
    first = 1  # the loop's first round is translated with what is before the loop
    assert hart.exits["device"] == first + vmm_translation.MOST_FAULTS
    assert hart.exits["callout"] == 20 - hart.exits["device"]
    assert hart.interpreted == 20


def test_translated_code_follows_the_guest_that_changes_its_code() -> None:
    """Round by round it adds 1, 16, 1, 16, ...: every round has new code at one place."""
    source = """
    li s0, 6
again:
place:
    addi a0, a0, 1
    la t0, place
    lw t1, 0(t0)
    lw t2, other
    xor t1, t1, t2          # from 1 to 16, from 16 to 1
    sw t1, 0(t0)
    fence.i
    addi s0, s0, -1
    bnez s0, again
    j end
other:
    .word 17 << 20
"""
    assert everywhere(source)[10] == 3 * (1 + 16)


def test_a_cache_that_is_full_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    translations = []
    for size in (1 << 20, 2048):
        monkeypatch.setattr(vmm_translation, "CACHE", range(4096, 4096 + size))
        board = Board(1 << 20, BinaryTranslation)
        board.load_kernel(kernel())
        assert board.hart.run(1_000_000) == "stopped"
        assert b"process 1: 95" in board.console.output
        translations.append(board.hart.exits["translation of a block"])
    assert translations[1] > translations[0] + 50


def test_tables_stay_in_their_area() -> None:
    tables = Tables(Bus(1 << 20), range(0, 5 * 4096), lambda root: None, lambda: None)
    for space in range(9):
        tables.root(space)
        assert tables.used <= 5 * 4096
    for page in range(9):
        tables.map("one", page << 22, BASE, 2)
        assert tables.used <= 5 * 4096


def test_tables_that_are_used_up_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    most, make = [0], Tables._table

    def table(tables: Tables) -> int:
        made = make(tables)
        most[0] = max(most[0], tables.used)
        return made

    monkeypatch.setattr(Tables, "_table", table)
    for kind in (TrapAndEmulate, BinaryTranslation):
        board = Board(1 << 20, kind)
        board.hart.shadow.area = range(2 << 20, (2 << 20) + 6 * 4096)
        board.hart.forget()
        board.load_kernel(kernel())
        assert board.hart.run(1_000_000) == "stopped", kind
        assert b"process 2: 120" in board.console.output
    assert 4 * 4096 < most[0] <= 6 * 4096


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("addi a0, a1, 5", ["addi"]),
        ("csrr a0, mepc", ["lw"]),
        ("csrw mscratch, a0", ["sw"]),
        ("csrr a0, satp", ["ebreak"]),
        ("mret", ["ebreak"]),
        ("auipc a0, 1", ["lui", "addi"]),
        ("csrci mstatus, 8", ["sw", "lw", "andi", "sw", "lw"]),
    ],
)
def test_what_an_instruction_becomes(instruction: str, expected: list[str]) -> None:
    words = assemble(instruction + "\nj 0x80000000").code
    block = translate(
        BASE, 3, lambda at: int.from_bytes(words[at - BASE : at - BASE + 4], "little")
    )
    names = [found.row.name for word in block.words[1:] if (found := decode(word))]
    assert names[: len(expected)] == expected
    assert block.words[0] == encode("lw", 6, 0, imm=-124)


def test_the_supervisor_does_not_get_the_registers_of_the_machine() -> None:
    word = assemble("csrr a0, mscratch").code
    block = translate(BASE, 1, lambda at: int.from_bytes(word, "little"))
    assert block.words[1] == CALLOUT


# ---- paravirtualization


def test_a_pending_interrupt_comes_when_a_paravirtual_kernel_allows_it() -> None:
    source = f"""
    la a0, handler
    li a7, 1
    ecall
    li a0, 5                # ticks of ten instructions
    li a7, 4
    ecall
    li t0, 100
spin:
    addi t0, t0, -1
    bnez t0, spin
    lw t0, {LAYOUT["mstatus"]}(zero)
    ori t0, t0, 8
    sw t0, {LAYOUT["mstatus"]}(zero)
    lw t0, {PENDING}(zero)
    beqz t0, end
    li a7, 7
    ecall
    addi a2, a2, 1          # not before the handler
handler:
"""
    hart = ran(Paravirtual, source)
    assert hart.exits["interrupt"] == 1
    assert hart.x[12] == 0


def test_a_line_that_has_not_ended_is_written_at_power_off() -> None:
    program = (
        source("programs.s")
        .replace("killed:", "unused:")
        .replace(
            "init:\n",
            "init:\n    li a0, 65\n    li a7, 1\n    ecall\n    li a7, 2\n    ecall\nkilled:\n",
        )
    )
    image = assemble("\n".join([source("kernel.s"), source("paravirtual.s"), program])).code
    board = Board(1 << 20, Paravirtual)
    board.load_kernel(image)
    assert board.hart.run(1_000_000) == "stopped"
    assert bytes(board.console.output) == b"A"


def test_a_hypercall_that_does_not_exist_is_refused() -> None:
    for text in ("li a7, 99\necall", "li a7, 5\nli a0, 16\nli a1, 9\necall"):
        hart = ran(Paravirtual, text)
        assert hart.x[10] == 0xFFFFFFFF
        assert hart.exits["hypercall"] == 1


def test_the_state_page_gives_no_privilege_away() -> None:
    """A kernel that sets MPRV in the page does not get it, nor a level that does not exist."""
    source = f"li t0, 0x21808\nsw t0, {LAYOUT['mstatus']}(zero)\nli a7, 99\necall"
    assert ran(Paravirtual, source).csr["mstatus"] == 0x1808
    source = f"li t0, 0x1237\nsw t0, {LAYOUT['mepc']}(zero)\nli a7, 99\necall"
    assert ran(Paravirtual, source).csr["mepc"] == 0x1234
    source = f"li t0, 0x1000\nsw t0, {LAYOUT['mstatus']}(zero)\nli a7, 99\necall"
    assert ran(Paravirtual, source).csr["mstatus"] == 0


def test_patched_kernels_do_as_they_did() -> None:
    image = assemble(
        "li t0, 0x55\ncsrw mscratch, t0\ncsrr a0, mscratch\ncsrrw a1, mscratch, zero\n"
        "csrr a2, mhartid\nend: j end"
    ).code
    sites = tuple(at for at in range(0, len(image), 4) if image[at] & 0x7F == 0x73)
    assert len(sites) == 4
    changed, old = paravirtualize(image, sites)
    assert len(old) == 2
    kind = type(
        "Patched", (Paravirtual,), {"patched": {BASE + at: word for at, word in old.items()}}
    )
    board = Board(1 << 20, kind)
    board.load_kernel(changed)
    board.hart.run(100)
    assert board.hart.x[10:13] == [0x55, 0x55, 0]
    assert board.hart.exits["hypercall"] == 2


def test_a_wrong_list_of_sites_is_refused() -> None:
    with pytest.raises(GuestError, match=r"At offset 0x0 of the image stands 0x00000013, which is"):
        paravirtualize(encode("addi").to_bytes(4, "little"), (0,))
