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
from vcloud_lab.vm.hypervisor import kernel
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.vmm import TrapAndEmulate
from vcloud_lab.vm.vmm_code import CALLOUT, translate
from vcloud_lab.vm.vmm_hardware import HardwareAssisted
from vcloud_lab.vm.vmm_paravirtual import Paravirtual, paravirtualize
from vcloud_lab.vm.vmm_state import LAYOUT
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
    rng = Random(seed)
    words = [*csr_program(rng, 60), encode("addi", 0, 0)]
    x = registers(rng)
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


# ---- exits


def ran(kind: type[Hart], source: str, budget: int = 1000) -> Hart:
    """What has become of a hart that ran a program up to its endless loop at ``end``."""
    made = assemble(source + "\nend: j end")
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
    source = """
    la t0, place
    li a2, 3
again:
place:
    addi a0, a0, 1
    lw t1, new
    sw t1, 0(t0)
    fence.i
    addi a2, a2, -1
    bnez a2, again
    j end
new:
    addi a0, a0, 16
"""
    assert ran(BinaryTranslation, source).x[10] == ran(Hart, source).x[10] == 1 + 16 + 16


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


def test_tables_that_are_used_up_begin_anew() -> None:
    for kind in (TrapAndEmulate, BinaryTranslation):
        board = Board(1 << 20, kind)
        board.hart.shadow.area = range(2 << 20, (2 << 20) + 6 * 4096)
        board.hart.forget()
        board.load_kernel(kernel())
        assert board.hart.run(1_000_000) == "stopped", kind
        assert b"process 2: 120" in board.console.output


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


def test_a_hypercall_that_does_not_exist_is_refused() -> None:
    for source in ("li a7, 99\necall", "li a7, 5\nli a0, 16\nli a1, 9\necall"):
        hart = ran(Paravirtual, source)
        assert hart.x[10] == 0xFFFFFFFF
        assert hart.exits["hypercall"] == 1


def test_the_state_page_gives_no_privilege_away() -> None:
    """A kernel that sets MPRV in the page does not get it, nor a level that does not exist."""
    source = f"li t0, 0x21808\nsw t0, {LAYOUT['mstatus']}(zero)\nli a7, 99\necall"
    assert ran(Paravirtual, source).csr["mstatus"] == 0x1808
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
