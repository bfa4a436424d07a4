"""The Linux that comes with the package: it boots, answers, and its list of sites is right."""

from __future__ import annotations

import lzma
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from vcloud_lab.errors import GuestError
from vcloud_lab.vm import guests
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.devices import Uart
from vcloud_lab.vm.guests import linux
from vcloud_lab.vm.isa import decode
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.snapshot import Snapshot
from vcloud_lab.vm.translate import TranslatingHart

MEMORY = 8 << 20
PROMPT = "vcloud$ "
TO_PROMPT = 6_000_000
"""So many instructions at most from power-on to the shell's first prompt."""


@cache
def at_prompt() -> tuple[Snapshot, str]:
    """The state at the first prompt, and all that was said until then."""
    guest = linux()
    machine = VirtualMachine(guest.image, memory=MEMORY, command_line=guest.command_line)
    machine.start()
    while PROMPT not in machine.console:
        assert machine.run(100_000, seconds=60) == "budget"
        assert machine.board.hart.retired < TO_PROMPT
    return machine.snapshot(), machine.console


@pytest.fixture
def machine() -> VirtualMachine:
    """A machine whose shell waits for a command."""
    snapshot, _ = at_prompt()
    guest = linux()
    made = VirtualMachine(guest.image, memory=MEMORY, command_line=guest.command_line)
    made.start()
    made.restore(snapshot)
    made.resume()
    return made


def ask(machine: VirtualMachine, line: str, instructions: int = 3_000_000) -> str:
    """Type a line; returns what the guest says until its next prompt, or until it is off."""
    before = len(machine.console)
    machine.type(line + "\n")
    end = machine.board.hart.retired + instructions
    while machine.board.hart.retired < end:
        if machine.run(20_000, seconds=60) == "off":
            return machine.console[before:]
        said = machine.console[before:]
        if said.endswith("\n" + PROMPT):
            echo, _, answer = said.removesuffix(PROMPT).partition("\r\n")
            assert echo.strip() == line.strip()
            return answer.replace("\r\n", "\n")
    raise AssertionError(f"no prompt after {machine.console[before:]!r}")


def test_sizes() -> None:
    packed = (Path(guests.__file__).parent / "linux.xz").read_bytes()
    assert len(packed) < 1_000_000
    assert lzma.decompress(packed) == linux().image
    assert len(linux().image) < 2_000_000


def test_every_site_is_a_sensitive_instruction_and_none_is_missing_at_the_start() -> None:
    guest = linux()
    assert list(guest.sites) == sorted(set(guest.sites))
    assert all(site % 4 == 0 for site in guest.sites)
    found = {}
    for site in guest.sites:
        instruction = decode(struct.unpack_from("<I", guest.image, site)[0])
        assert instruction is not None
        found[site] = instruction.row.name
    assert set(found.values()) <= {
        "csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci", "mret", "wfi",
    }  # fmt: skip
    assert {"csrrw", "csrrs", "csrrci", "mret", "wfi"} <= set(found.values())


@pytest.mark.slow
def test_every_sensitive_instruction_that_is_executed_is_listed() -> None:
    """The hart itself is the witness: each word it must execute outside of its loop."""
    executed: set[int] = set()

    class Witness(Hart):
        def _system(self, word: int) -> None:
            found = decode(word)
            if found and (found.row.kind == "csr" or found.row.name in ("mret", "wfi")):
                executed.add(self.pc - self.bus.base)
            super()._system(word)

    guest = linux()
    board = Board(MEMORY, Witness)
    board.load_kernel(guest.image, guest.command_line)
    board.hart.run(TO_PROMPT)
    assert PROMPT.encode() in board.console.output
    assert len(executed) > 50
    assert executed <= set(guest.sites)


def test_both_engines_write_the_same() -> None:
    guest = linux()
    said, states = [], []
    for engine in (Hart, TranslatingHart):
        board = Board(MEMORY, engine)
        board.load_kernel(guest.image, guest.command_line)
        board.hart.run(3_000_000)
        said.append(bytes(board.console.output))
        states.append((board.hart.pc, board.hart.x[1:32], board.hart.retired))
    assert said[0] == said[1]
    assert states[0] == states[1]
    assert said[0].startswith(f"Linux version {guest.version} (vcloud_lab@guest)".encode())


def test_the_way_to_the_prompt() -> None:
    _, said = at_prompt()
    assert said.startswith("Linux version 6.1.")
    assert "Kernel command line: " + linux().command_line in said
    assert "Run /init as init process" in said
    assert "[    0.0" not in said  # no times: the text does not depend on the clock
    assert said.endswith(
        f"This is Linux {linux().version} riscv32, with the small shell of vcloud_lab. "
        f"Type help for its commands.\r\n{PROMPT}"
    )


def test_what_is_said_on_the_way_does_not_depend_on_the_clock() -> None:
    guest = linux()
    board = Board(MEMORY)
    board.timer.scale = 3
    board.load_kernel(guest.image, guest.command_line)
    while PROMPT.encode() not in board.console.output:
        assert board.hart.run(100_000) == "budget"
        assert board.hart.retired < 2 * TO_PROMPT
    assert board.console.output.decode() == at_prompt()[1]


def test_commands(machine: VirtualMachine) -> None:
    for name in ("uname", "cpu", "mem", "uptime", "echo", "primes", "count", "poweroff"):
        assert f"\n{name} " in "\n" + ask(machine, "help")
    assert ask(machine, "uname") == f"Linux {linux().version} riscv32\n"
    assert "isa\t\t: rv32ima\n" in ask(machine, "cpu")
    assert ask(machine, "echo  two  words ") == "two  words\n"
    total, free = (int(line.split()[1]) for line in ask(machine, "mem").splitlines())
    assert 0 < free < total < MEMORY >> 10
    first, second = (float(ask(machine, "uptime")) for _ in range(2))
    assert 0 < first < second
    assert ask(machine, "") == ""


@pytest.mark.parametrize(("below", "count"), [(0, 0), (2, 0), (3, 1), (4, 2), (26, 9), (1000, 168)])
def test_primes(machine: VirtualMachine, below: int, count: int) -> None:
    assert ask(machine, f"primes {below}") == f"{count} primes below {below}\n"


@pytest.mark.slow
def test_primes_up_to_the_limit(machine: VirtualMachine) -> None:
    assert ask(machine, "primes 1000000", 30_000_000) == "78498 primes below 1000000\n"


def test_two_processes_answer_in_order_and_leave_nothing_behind(machine: VirtualMachine) -> None:
    before = ask(machine, "mem")
    for _ in range(3):
        assert ask(machine, "count") == (
            "Two processes are at work.\n"
            "The first has counted 2262 primes below 20000.\n"
            "The second has counted 1229 primes below 10000.\n"
        )
    lost = int(before.split()[-2]) - int(ask(machine, "mem").split()[-2])
    assert lost < 64  # KiB


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("dance now", "dance: there is no such command; help lists them.\n"),
        ("primes", "primes takes one whole number from 0 to 1000000, as in: primes 1000\n"),
        ("primes -1", "primes takes one whole number from 0 to 1000000, as in: primes 1000\n"),
        ("primes 1000001", "primes takes one whole number from 0 to 1000000, as in: primes 1000\n"),
        ("primes 99999999999", "primes takes one whole number from 0 to 1000000, as in: "
         "primes 1000\n"),
        ("x" * 200, "A line has at most 127 characters.\n"),
        ("x" * 127, "x" * 127 + ": there is no such command; help lists them.\n"),
    ],
)  # fmt: skip
def test_mistakes_are_answered_in_a_sentence(
    machine: VirtualMachine, line: str, sentence: str
) -> None:
    assert ask(machine, line) == sentence
    assert ask(machine, "echo still here") == "still here\n"


def test_the_line_can_be_edited(machine: VirtualMachine) -> None:
    machine.type("echo wrong\x15echo rihgt\x7f\x7f\x7fght\n")
    machine.run(300_000)
    assert machine.console.endswith("\r\nright\r\n" + PROMPT)


@pytest.mark.parametrize("typed", ["poweroff\n", "\x04"])
def test_it_switches_itself_off(machine: VirtualMachine, typed: str) -> None:
    machine.type(typed)
    assert machine.run(3_000_000, seconds=60) == "off"
    assert machine.state == "stopped"
    assert machine.console.endswith("reboot: Power down\r\n")


@pytest.mark.parametrize("name", ["linux.xz", "linux.json"])
def test_a_missing_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in {"linux.xz", "linux.json"} - {name}:
        (tmp_path / other).write_bytes((guests.FOLDER / other).read_bytes())
    monkeypatch.setattr(guests, "FOLDER", tmp_path)
    with pytest.raises(GuestError, match=rf"{name}' cannot be read .*: install vcloud_lab again"):
        linux.__wrapped__()


def test_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("linux.xz", "linux.json"):
        (tmp_path / name).write_bytes((guests.FOLDER / name).read_bytes()[:2000])
    (tmp_path / "linux.json").write_bytes((guests.FOLDER / "linux.json").read_bytes())
    monkeypatch.setattr(guests, "FOLDER", tmp_path)
    with pytest.raises(GuestError, match=r"linux\.xz' is damaged .*: install vcloud_lab again"):
        linux.__wrapped__()


def boot(typed: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vcloud_lab.cli", "boot", *options],
        input=typed, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_boot_takes_what_is_typed_from_a_pipe() -> None:
    done = boot("uname\nprimes 1000\npoweroff\n", "--memory", "8")
    assert done.returncode == 0, done.stderr
    assert "Linux version 6.1." in done.stdout
    assert f"Linux {linux().version} riscv32\n" in done.stdout
    assert "168 primes below 1000" in done.stdout
    assert done.stdout.endswith("reboot: Power down\n")
    assert done.stderr == "Ctrl-] leaves the machine.\n"


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "echo unfinished"])
def test_boot_ends_where_its_input_ends(typed: str) -> None:
    done = boot(typed, "--memory", "8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("reboot: Power down\n")
    assert ("vcloud$ echo unfinishedunfinished\n" in done.stdout) == bool(typed)


@pytest.mark.slow
def test_boot_with_an_image_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(linux().image)
    done = boot("poweroff\n", str(path), "--memory", "8", "--command-line", "quiet")
    assert done.returncode == 0, done.stderr
    assert "console=ttyS0 quiet" not in done.stdout  # as it asks for
    assert "vcloud$ poweroff" in done.stdout


@pytest.mark.parametrize(
    ("enabled", "typed", "identification"),
    [(0, b"x", 1), (1, b"", 1), (1, b"x", 4), (2, b"", 2), (3, b"x", 4), (3, b"", 2)],
)
def test_the_serial_line_tells_a_polling_driver_what_would_interrupt(
    enabled: int, typed: bytes, identification: int
) -> None:
    line = Uart()
    line.write(1, 1, enabled)
    line.type(typed)
    assert line.read(2, 1) == identification


def test_the_divisor_of_the_serial_line_is_no_text_and_enables_nothing() -> None:
    line = Uart()
    line.write(3, 1, 0x83)
    line.write(0, 1, 0x41)
    line.write(1, 1, 0x03)
    line.write(3, 1, 0x03)
    line.type(b"x")
    assert not line.output
    assert line.read(2, 1) == 1
