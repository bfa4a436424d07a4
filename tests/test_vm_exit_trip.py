"""Exit logs as stories, translated code beside its source, and their pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from random import Random
from typing import Any

import pytest

from vcloud_lab.errors import GuestError, RenderError
from vcloud_lab.render.exits import bills, exits_by_reason, technique_view
from vcloud_lab.render.trap_trip import read_records
from vcloud_lab.vm import ISA, TECHNIQUES, Costs, Outcome, VirtualMachine, assemble, outcome, under
from vcloud_lab.vm.asm_encode import encode
from vcloud_lab.vm.csr import CSRS
from vcloud_lab.vm.exit_trip import STORIES, trip
from vcloud_lab.vm.vmm_listing import disassemble, side_by_side


@pytest.fixture(scope="module")
def machines() -> dict[str, VirtualMachine]:
    made = {}
    for technique in TECHNIQUES:
        made[technique] = machine = under(technique)
        machine.start()
        assert machine.run() == "off"
    return made


def log(machine: VirtualMachine) -> list[Any]:
    return list(getattr(machine.board.hart, "log", []))


# --- trip ----------------------------------------------------------------------------------------


def test_the_trip_of_a_system_call(machines: dict[str, VirtualMachine]) -> None:
    machine = machines["trap and emulate"]
    exits = log(machine)
    first = next(n for n, exit in enumerate(exits) if exit.reason == "system call")
    back = next(n for n in range(first + 1, len(exits)) if exits[n].level == 0)
    records = trip(machine, first, back - first)
    where = [record[1] for record in records]
    assert where[:3] == ["guest user", "VMM", "guest kernel"]
    assert where[-1] == "guest user"
    assert records[-1][2] == "runs on"
    assert where.count("VMM") == back - first
    assert where.count("hardware") == sum(e.reason == "device" for e in exits[first:back])
    assert "emulate it" in [record[2] for record in records if record[1] == "VMM"]
    assert records[2][2] == "csrrw"
    read_records(records)


@pytest.mark.parametrize("technique", list(TECHNIQUES)[1:])
def test_every_exit_has_its_story(machines: dict[str, VirtualMachine], technique: str) -> None:
    machine = machines[technique]
    exits = log(machine)
    records = trip(machine, 0, len(exits))
    assert [r[0] for r in records] == sorted(r[0] for r in records)
    devices = sum(exit.reason in ("device", "interrupt") for exit in exits)
    assert len(records) == 2 * len(exits) + devices  # and none behind the last exit
    assert {exit.reason for exit in exits} <= set(STORIES)
    levels = {0: "guest user", 3: "guest kernel"}
    own = [r[1] for r in records if r[1].startswith("guest")]
    assert own == [levels[exit.level] for exit in exits]
    read_records(records)


def test_an_interrupt_comes_from_the_device(machines: dict[str, VirtualMachine]) -> None:
    machine = machines["hardware assistance"]
    number = next(n for n, exit in enumerate(log(machine)) if exit.reason == "interrupt")
    records = trip(machine, number, 1)
    assert [record[1] for record in records[:3]] == ["hardware", records[1][1], "VMM"]


def test_reasons_that_our_kernel_does_not_have() -> None:
    source = "csrw mtvec, zero\nla t0, trapped\ncsrw mtvec, t0\necall\ntrapped: ebreak\n"
    machine = VirtualMachine(
        assemble(source).code, memory=1 << 20, engine=TECHNIQUES["trap and emulate"]
    )
    machine.start()
    machine.run(50)
    reasons = {exit.reason for exit in log(machine)}
    assert {"call of the machine", "exception"} <= reasons <= set(STORIES)
    assert trip(machine, 0, 5)


ONE: Any = 1.0
REFUSED: list[tuple[Any, Any, str]] = [
    (-1, 4, "The setting first is -1: it must be a whole number of 0 or more."),
    (ONE, 4, "The setting first is 1.0: it must be a whole number of 0 or more."),
    (0, 0, "The setting count is 0: it must be a whole number of 1 or more."),
    (0, True, "The setting count is True: it must be a whole number of 1 or more."),
]


@pytest.mark.parametrize(("first", "count", "sentence"), REFUSED)
def test_refused(
    machines: dict[str, VirtualMachine], first: Any, count: Any, sentence: str
) -> None:
    with pytest.raises(GuestError) as caught:
        trip(machines["trap and emulate"], first, count)
    assert str(caught.value) == sentence


def test_what_the_log_does_not_have(machines: dict[str, VirtualMachine]) -> None:
    machine = machines["hardware assistance"]
    many = len(log(machine))
    with pytest.raises(GuestError, match=f"The log has {many} exits and number {many} was asked"):
        trip(machine, many)
    with pytest.raises(GuestError, match="full emulation has no exits: software executes all"):
        trip(machines["full emulation"])


# --- listing -------------------------------------------------------------------------------------


def test_what_is_disassembled_assembles_to_itself() -> None:
    random = Random(3)
    for row in ISA.values():
        if row.name == "fence":
            continue
        for _ in range(20):
            rd, rs1, rs2 = (random.randrange(32) for _ in range(3))
            fields = {"d": rd, "s": rs1, "t": rs2}
            rd, rs1, rs2 = (fields[f] if f in row.bits else 0 for f in "dst")
            imm = random.randrange(-2048, 2048) & -4
            imm = CSRS["mepc"] if row.kind == "csr" else imm & 31 if row.format == "shift" else imm
            imm = 0 if row.kind in ("system", "amo", "reserve") else imm
            word = encode(row, rd, rs1, rs2, imm)
            text = disassemble(word).replace(", .", ", . ")
            if row.format == "U":
                assert int(text.split()[-1], 16) == imm & 0xFFFFF
                continue
            assert int.from_bytes(assemble(text).code, "little") == word, text


def test_no_instruction_is_a_word() -> None:
    assert disassemble(0) == ".word 0x00000000"


def test_translated_code_beside_its_source() -> None:
    pairs = side_by_side("csrr a0, mscratch\ncsrw mepc, a0\nbeqz a0, x\nx: csrw mstatus, a0")
    shown = [(pair.guest, pair.code) for pair in pairs]
    assert shown[1] == ("csrrs a0, mscratch, zero", "lw a0, -1024(zero)")
    assert [pair.guest for pair in pairs if pair.guest] == [
        "csrrs a0, mscratch, zero", "csrrw zero, mepc, a0", "beq a0, zero, .+4",
        "csrrw zero, mstatus, a0",
    ]  # fmt: skip
    assert pairs[-2].note == "emulate 8000000c"
    assert (pairs[-1].note, pairs[-1].guest) == ("go 8000000c", "")


def test_a_program_that_ends_too_early() -> None:
    with pytest.raises(GuestError, match="The program ends before 80000004: a block goes on to"):
        side_by_side("addi a0, a0, 1")


# --- pictures ------------------------------------------------------------------------------------

ONE_OUTCOME = Outcome("trap and emulate", "off", 100, 10, {"device": 4, "interrupt": 1}, "x")
NONE = Outcome("full emulation", "off", 0, 100, {}, "x")
BAD = Outcome("hardware assistance", "off", 5, 5, {"device": 1}, "y")


def test_exits_by_reason_says_all_numbers(machines: dict[str, VirtualMachine]) -> None:
    outcomes = [outcome(machine) for machine in machines.values()]
    picture = exits_by_reason(outcomes)
    drawn = "".join(ET.fromstring(picture.svg).itertext())
    for done in outcomes:
        title = f"{done.technique}: {done.exits_in_all:,} exits"
        assert title in picture.text
        assert title in drawn
        for reason, count in done.exits.items():
            assert any(
                row.split("█")[0].split() == [*reason.split(), f"{count:,}"]
                for row in picture.text.splitlines()
            )


def test_the_longest_bar_is_as_long_as_can_be() -> None:
    rows = exits_by_reason([ONE_OUTCOME]).text.splitlines()
    assert [row.count("█") for row in rows[2:]] == [40, 10]


def test_a_bill_has_its_parts() -> None:
    picture = bills([ONE_OUTCOME, NONE], Costs(trap=100))
    assert "trap and emulate" in picture.text
    assert "         800 " in picture.text
    row = next(row for row in picture.text.splitlines() if "        800 " in row)
    assert (row.count("█"), row.count("▒"), row.count("░")) == (2, 4, 10)  # of 2,000 in 40
    assert "lowest bill is that of trap and emulate, 800 cycles" in " ".join(picture.text.split())
    assert bills([NONE]).sentence == "The bill is 2,000 cycles."


def test_free_of_charge() -> None:
    free = Costs(0, 0, 0, 0, 0, 0)
    assert bills([ONE_OUTCOME, NONE], free).text.count(" 0") >= 2


def test_one_technique_among_others() -> None:
    picture = technique_view(BAD, [ONE_OUTCOME, BAD], Costs(), "x")
    assert "But the guest went wrong" in picture.sentence
    assert "the guest went wrong" in picture.text.splitlines()[-1]
    assert "There were no exits" in technique_view(NONE, [NONE], Costs(), "x").sentence
    assert "bill" not in technique_view(BAD, [BAD], Costs(), "x").sentence


@pytest.mark.parametrize("draw", [exits_by_reason, bills])
def test_nothing_to_show(draw: Any) -> None:
    with pytest.raises(RenderError, match="There are 0 outcomes: nothing can be shown"):
        draw([])
