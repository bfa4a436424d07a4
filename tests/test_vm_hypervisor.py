"""One guest under five techniques: what is equal, what differs, and what cannot work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.costs import Costs
from vcloud_lab.vm.hypervisor import TECHNIQUES, Outcome, kernel, outcome, under
from vcloud_lab.vm.isa import ISA
from vcloud_lab.vm.popek_goldberg import REGISTERS, classify, virtualizable

CONSOLE = """init: three processes at work
process 1: 95
process 2: 120
process 3: ended by trap 15 at 0xdead0000
"""


def done(technique: str, **given: object) -> Outcome:
    machine = under(technique, **given)  # type: ignore[arg-type]
    machine.start()
    ended = machine.run(500_000)
    return outcome(machine, ended)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_our_kernel_says_the_same_under_each(technique: str) -> None:
    result = done(technique)
    assert result.ended == "off"
    assert result.console == CONSOLE
    assert sum(1 for n in range(2, 500) if all(n % d for d in range(2, n))) == 95
    assert sum(range(16)) == 120


def test_the_exits_are_those_of_the_technique() -> None:
    """What the guest does is known: 16 pages on demand, one wild store, 16 flushes of the TLB."""
    results = {technique: done(technique) for technique in TECHNIQUES}
    assert results["full emulation"].exits == {}
    assert results["full emulation"].direct == 0
    trapping = results["trap and emulate"].exits
    assert trapping["page fault of the guest"] == 17
    assert trapping["flush of the TLB"] == 16
    assert (
        trapping["return from a trap"] == 1 + trapping["interrupt"] + trapping["system call"] + 17
    )
    hardware = results["hardware assistance"].exits
    assert set(hardware) == {"device", "interrupt", "nested page fault"}
    assert hardware["device"] == trapping["device"]
    assert "privileged register" not in results["binary translation"].exits
    assert "privileged register" not in results["paravirtualization"].exits
    assert "device" not in results["paravirtualization"].exits
    fewest = min(results, key=lambda name: results[name].exits_in_all or 10**9)
    assert fewest == "hardware assistance"
    for name in ("trap and emulate", "hardware assistance"):
        all_ = results["full emulation"].interpreted
        assert results[name].direct + results[name].interpreted >= all_


@pytest.mark.slow
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_linux_boots_under_each(technique: str) -> None:
    machine = under(technique, "linux")
    machine.start()
    for _ in range(60):
        machine.run(500_000, seconds=60)
        if machine.console.endswith("vcloud$ "):
            break
    assert "Linux version 6.1" in machine.console
    assert machine.console.endswith("Type help for its commands.\nvcloud$ ".replace("\n", "\r\n"))
    if technique != "full emulation":
        assert outcome(machine).direct > 3_000_000


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_machine_goes_on_from_its_snapshot(technique: str) -> None:
    machine = under(technique)
    machine.start()
    machine.run(20_000)
    assert machine.console != CONSOLE
    twin = machine.clone("twin")
    twin.resume()
    kept = machine.snapshot()
    counted = []
    for copy in (machine, twin):
        assert copy.run(500_000) == "off"
        assert copy.console == CONSOLE
        counted.append(outcome(copy))
    machine.start()
    machine.run(5_000)
    machine.restore(kept)
    machine.resume()
    assert machine.run(500_000) == "off"
    assert machine.console == CONSOLE
    counted.append(outcome(machine))
    assert {result.technique for result in counted} == {technique}
    assert len({result.exits.get("system call") for result in counted}) == 1
    machine.start()
    assert outcome(machine).direct == outcome(machine).exits_in_all == 0
    machine.run(500_000)
    assert outcome(machine) == replace(done(technique), ended="")


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_guest_may_be_an_image(technique: str) -> None:
    image = kernel(paravirtual=technique == "paravirtualization")
    assert replace(done(technique, guest=image)) == done(technique)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_budget_ends_every_run(technique: str) -> None:
    machine = under(technique)
    machine.start()
    assert machine.run(10_000) == "budget"
    assert 9_000 <= machine.board.hart.retired <= 10_100


# ---- a processor that cannot be virtualized by trapping


def test_silent_instructions_break_trap_and_emulate_and_nothing_else() -> None:
    for technique in TECHNIQUES:
        result = done(technique, silent=["mstatus"])
        assert (result.console == CONSOLE) == (technique != "trap and emulate"), technique


def test_the_theorem_says_so_too() -> None:
    assert virtualizable()
    for name in REGISTERS:
        assert not virtualizable([name]), name


def test_what_is_privileged_and_what_is_sensitive() -> None:
    verdicts = {verdict.instruction: verdict for verdict in classify()}
    sensitive = {name for name, verdict in verdicts.items() if verdict.sensitive}
    assert {"mret", "sret", "wfi", "csrrw mstatus", "csrr satp", "csrrci mie"} <= sensitive
    harmless = {row.name for row in ISA.values() if row.kind not in ("csr", "system")}
    assert not harmless & sensitive
    assert not any(verdicts[name].privileged for name in harmless)
    assert all(verdicts[name].privileged for name in sensitive)
    said = " ".join(str(verdicts["mret"]).split())
    assert said == "mret privileged, sensitive changes and shows the state of the machine"
    silent = {v.instruction for v in classify(["mepc"]) if v.sensitive and not v.privileged}
    names = ("csrrw", "csrrs", "csrr", "csrrc", "csrrwi", "csrrsi", "csrrci")
    assert silent == {f"{name} mepc" for name in names}


# ---- the bill


def test_the_bill_is_added_up() -> None:
    result = Outcome("trap and emulate", "off", 1000, 10, {"device": 3, "system call": 2}, "")
    assert result.cycles(Costs(interpreted=7, trap=100)) == 1000 + 70 + 500
    translated = replace(
        result, technique="binary translation",
        exits={"callout": 5, "computed jump": 1, "translation of a block": 2, "device": 1},
    )  # fmt: skip
    costs = Costs(interpreted=0, callout=2, translated=30, trap=100)
    assert translated.cycles(costs) == 1000 + 6 * 2 + 2 * 32 + 100
    assisted = replace(result, technique="hardware assistance")
    assert assisted.cycles(Costs(interpreted=0, exit=9)) == 1000 + 45
    assert assisted.cycles() == assisted.cycles(Costs())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"technique": "magic"}, r"There is no technique 'magic': choose one of full emulation, "),
        ({"technique": "paravirtualization", "guest": "dos"}, r"There is no guest 'dos': choose"),
        ({"technique": "full emulation", "silent": ["eflags"]}, r"There is no CSR 'eflags': ch"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_said(given: dict[str, object], message: str) -> None:
    with pytest.raises(GuestError, match=message):
        under(**given)  # type: ignore[arg-type]


def test_a_silent_register_must_exist() -> None:
    with pytest.raises(GuestError, match=r"The silent register is 'eflags': the name of a CSR"):
        classify(["eflags"])
