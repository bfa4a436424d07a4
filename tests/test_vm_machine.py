"""Virtual machines: their life, their limits, copies of them, and the command that boots one."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from riscv_random import BASE, encode

from vcloud_lab import cli
from vcloud_lab.errors import GuestError
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.machine import MOVES, VirtualMachine
from vcloud_lab.vm.translate import TranslatingHart

LINUX = os.environ.get("RISCV_LINUX", "")
ENGINES = pytest.mark.parametrize("engine", [Hart, TranslatingHart])


def image(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


LOOP = image(encode("addi", 5, 5, imm=1), encode("sw", 0, 10, 5, imm=0x400), encode("jal", imm=-8))
SWITCH = (encode("lui", 7, imm=0x11100000), encode("lui", 6, imm=0x5000))
HELLO = (
    encode("lui", 5, imm=0x10000000),
    encode("addi", 6, 0, imm=ord("!")),
    encode("sb", 0, 5, 6),
)
OFF = image(*HELLO, *SWITCH, encode("addi", 6, 6, imm=0x555), encode("sw", 0, 7, 6))
RESET = image(*HELLO, encode("lui", 7, imm=0x11100000), encode("lui", 6, imm=0x7000),
              encode("addi", 6, 6, imm=0x777), encode("sw", 0, 7, 6))  # fmt: skip


def machine(program: bytes = LOOP, engine: type[Hart] = TranslatingHart) -> VirtualMachine:
    made = VirtualMachine(program, memory=1 << 20, engine=engine)
    made.board.hart.x[10] = BASE  # where LOOP stores
    return made


def in_state(state: str) -> VirtualMachine:
    """A machine that was brought into a state by legal moves."""
    way = {
        "created": (),
        "running": ("start",),
        "paused": ("start", "pause"),
        "stopped": ("start", "stop"),
        "destroyed": ("destroy",),
    }
    made = machine()
    for move in way[state]:
        getattr(made, move)()
    assert made.state == state
    return made


@pytest.mark.parametrize("state", ["created", "running", "paused", "stopped", "destroyed"])
@pytest.mark.parametrize("move", MOVES)
def test_only_legal_moves(move: str, state: str) -> None:
    made = in_state(state)
    states, after = MOVES[move]
    if state in states:
        getattr(made, move)()
        assert made.state == after
    else:
        with pytest.raises(GuestError, match=f"vm is {state}: it can {move} only when it is"):
            getattr(made, move)()
        assert made.state == state


def test_the_sentence_says_what_can_be_done() -> None:
    with pytest.raises(GuestError, match="now it can pause, stop or destroy"):
        in_state("running").start()
    with pytest.raises(GuestError, match="make a new machine"):
        in_state("destroyed").start()


@pytest.mark.parametrize("state", ["created", "paused", "stopped", "destroyed"])
def test_only_a_running_machine_works(state: str) -> None:
    with pytest.raises(GuestError, match=f"vm is {state}: only a running machine can work"):
        in_state(state).run()


@ENGINES
def test_a_runaway_guest_comes_back(engine: type[Hart]) -> None:
    made = machine(LOOP, engine)
    made.start()
    assert made.run(250_000) == "budget"
    assert made.board.hart.retired == 250_000
    assert made.run(10**12, seconds=0.05) == "time"
    trapping = machine(image(0), engine)  # an illegal instruction, whose handler is at 0: nothing
    trapping.start()
    assert trapping.run(1000) == "budget"


@ENGINES
def test_a_guest_switches_itself_off_and_begins_anew(engine: type[Hart]) -> None:
    made = machine(OFF, engine)
    made.start()
    assert made.run() == "off"
    assert (made.state, made.console) == ("stopped", "!")
    made.start()
    assert made.console == ""
    assert made.run() == "off"


def test_a_guest_resets_itself() -> None:
    made = machine(RESET)
    made.start()
    assert made.run(1000) == "budget"
    assert made.state == "running"
    assert made.board.hart.retired < 10


@ENGINES
def test_a_snapshot_is_gone_back_to_and_a_clone_goes_on_alone(engine: type[Hart]) -> None:
    made = machine(LOOP, engine)
    made.start()
    made.run(1000)
    kept = made.snapshot()
    made.run(777)
    there = (list(made.board.hart.x), bytes(made.board.bus.ram), made.board.hart.retired)
    twin = made.clone("twin")
    made.restore(kept)
    assert made.state == "paused"
    assert made.board.hart.retired == 1000
    made.resume()
    made.run(777)
    assert (list(made.board.hart.x), bytes(made.board.bus.ram), made.board.hart.retired) == there
    assert (list(twin.board.hart.x), bytes(twin.board.bus.ram)) == there[:2]
    twin.resume()
    twin.run(1)
    assert twin.board.hart.retired == made.board.hart.retired + 1


def test_a_snapshot_of_another_size_changes_nothing() -> None:
    kept = VirtualMachine(LOOP, memory=2 << 20).snapshot()
    made = machine()
    before = bytes(made.board.bus.ram)
    with pytest.raises(GuestError, match="The snapshot is of 2097152 bytes of memory and"):
        made.restore(kept)
    assert bytes(made.board.bus.ram) == before
    gone = in_state("destroyed")
    with pytest.raises(GuestError, match="it has no state to keep"):
        gone.snapshot()
    with pytest.raises(GuestError, match="make a new machine and restore that"):
        gone.restore(kept)


def test_machines_share_nothing() -> None:
    one, other = machine(), machine(OFF)
    one.start()
    other.start()
    one.run(100)
    assert other.run() == "off"
    assert one.console == ""
    one.type("x")
    assert not other.board.console.typed


@ENGINES
def test_an_interrupt_from_the_keyboard_leaves_it_between_two_instructions(
    engine: type[Hart],
) -> None:
    made = machine(LOOP, engine)
    made.start()
    sender = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    handler = signal.getsignal(signal.SIGINT)
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        made.run(10**12, seconds=30)
    sender.join()
    assert signal.getsignal(signal.SIGINT) is handler
    assert made.state == "paused"
    hart = made.board.hart
    assert hart.x[5] == (hart.retired + 2) // 3  # the state is that of a whole number of steps
    made.resume()
    made.run(3)


def test_an_interrupt_while_the_guest_waits_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    made = machine()
    made.start()

    def waits(budget: int) -> str:
        signal.raise_signal(signal.SIGINT)
        return "waiting"

    monkeypatch.setattr(made.board.hart, "run", waits)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert made.state == "paused"


def test_it_works_in_another_thread() -> None:
    made = machine()
    made.start()
    worker = threading.Thread(target=made.run, args=(1000,))
    worker.start()
    worker.join()
    assert made.board.hart.retired == 1000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VirtualMachine("/no/such/image"), "'/no/such/image' cannot be read (No such file"),
        (lambda: VirtualMachine(bytes(2 << 20), memory=1 << 20), "The image needs 2097152 bytes"),
        (lambda: VirtualMachine(b"", memory=5), "The memory has 5 bytes"),
    ],
)
def test_mistakes(call: Callable[[], object], words: str) -> None:
    with pytest.raises(GuestError) as told:
        call()
    assert words in str(told.value)


def test_the_command_boots_an_image(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image"
    path.write_bytes(OFF)
    assert cli.main(["boot", str(path), "--memory", "1"]) == 0
    assert capfd.readouterr().out == "!"
    assert cli.main(["boot", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capfd.readouterr().err


@pytest.mark.skipif(not LINUX, reason="RISCV_LINUX does not name an rv32 nommu Linux image")
def test_linux_boots_to_its_init() -> None:
    made = VirtualMachine(LINUX, command_line="earlycon=uart8250,mmio,0x10000000 console=ttyS0")
    made.start()
    end = time.monotonic() + 120
    while "Run /init" not in made.console and time.monotonic() < end:
        assert made.run(5_000_000, seconds=5) in ("budget", "time")
    assert "Linux version" in made.console
    assert "Run /init as init process" in made.console
