"""The instruments of the machine without a browser: what they do, say, refuse, and send."""

from __future__ import annotations

import gc
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from html import escape
from itertools import pairwise
from random import Random
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets import widget as base

from vcloud_lab.errors import AssemblyError, DiskError, GuestError, RenderError
from vcloud_lab.render.cow_blocks import MOST_BLOCKS, MOST_ROWS
from vcloud_lab.vm import Board, Hart, VirtualDisk, assemble
from vcloud_lab.vm.memory import Bus
from vcloud_lab.vm.nested import GuestFault, NestedPaging, count_references
from vcloud_lab.vm.paging import A, D, R, U, V, W, X
from vcloud_lab.widgets import CowBlocks, CpuStepper, PageWalk, TrapTrip, TwoDimWalk
from vcloud_lab.widgets.cow_trace import MOST_STORED, Letters
from vcloud_lab.widgets.cpu_trace import KEEP_EVERY, Recording
from vcloud_lab.widgets.instrument import Instrument

HELLO = """
        .equ UART, 0x10000000
_start: la   a1, text
        li   a2, UART
next:   lbu  a0, 0(a1)
        beqz a0, off
        sb   a0, 0(a2)
        addi a1, a1, 1
        j    next
off:    la   t0, count
        li   t1, -7
        sw   t1, 4(t0)
        li   a3, 0x11100000
        li   a4, 0x5555
        sw   a4, 0(a3)
        .data
text:   .asciz "Hi\\n"
        .align 2
count:  .word 0, 1, 2
"""

TRAPS = """
        la   t0, handler
        csrw mtvec, t0
        li   t0, -1
        csrw pmpaddr0, t0
        li   t0, 0xf
        csrw pmpcfg0, t0
        la   t0, user
        csrw mepc, t0
        mret
        .align 4
handler:
        csrr t1, mcause
        j    handler2
handler2:
        j    .
user:   ecall
"""
ROOT, SECOND = 0x80001000, 0x80002000
WORDS = {
    ROOT + 4 * 512: SECOND >> 12 << 10 | V,
    SECOND + 4 * 3: 0x80345 << 10 | V | R | W | U | A | D,
    SECOND + 4 * 4: 0x80346 << 10 | V | R | X,
    SECOND + 4 * 5: V,
    ROOT + 4: 0x80000 << 10 | V | R | W | X,
    ROOT + 8: 0x80001 << 10 | V | R,
}
FIVE: Any = 5
WORD: Any = "x"
TRIP = [
    (0, "guest user", "ecall", "It asks."),
    (1, "hardware", "trap", "It traps."),
    (2, "VMM", "emulate", "It answers."),
    (3, "guest user", "next", "It goes on."),
]


def disk(blocks: int = 8, written: tuple[int, ...] = (0, 1, 4)) -> VirtualDisk:
    made = VirtualDisk(blocks * 4096)
    for number in written:
        made.write(number * 4096, b"x" * 4096)
    return made


MAKERS: dict[str, Callable[[], Any]] = {
    "cpu": lambda: CpuStepper(HELLO),
    "walk": lambda: PageWalk(WORDS, ROOT, address="80003abc", user=True),
    "blocks": lambda: CowBlocks(disk()),
    "trip": lambda: TrapTrip(TRIP),
    "grid": lambda: TwoDimWalk(count_references(2, 2)),
}
MOVES: dict[str, list[dict[str, Any]]] = {
    "cpu": [{"step": 7}, {"step": 8}, {"memory": "sp"}, {"step": 0}],
    "walk": [{"stage": 1}, {"address": "400123"}, {"access": "write"}, {"address": "7"}],
    "blocks": [{"do": "snapshot"}, {"do": "write part"}, {"block": 3}, {"moment": 0}],
    "trip": [{"step": 2}, {"step": 3}, {"step": 1}],
    "grid": [{"step": 7}, {"step": 3}],
}


def everything(box: Any) -> Iterator[Any]:
    """A widget and all inside it."""
    yield box
    for child in getattr(box, "children", ()):
        yield from everything(child)


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def made(kind: str) -> Iterator[Instrument]:
    instrument = MAKERS[kind]()
    yield instrument
    for child in everything(instrument.box):
        child.close()


# What all have in common


def test_the_state_is_plain_and_leads_back(made: Instrument, kind: str) -> None:
    states = [made.state]
    for move in MOVES[kind]:
        states.append(made.set(**move))
        assert states[-1]["error"] == ""
        json.dumps(states[-1])
    settings = {name: states[-1][name] for name in made._settings}
    assert made.set(**settings) == states[-1]
    other = MAKERS[kind]()
    if kind != "blocks":  # its actions are not part of its settings
        assert other.set(**settings) == states[-1]


def test_the_picture_follows_and_its_twin_is_there(made: Instrument, kind: str) -> None:
    for move in MOVES[kind]:
        state = made.set(**move)
        assert made._figure.value == made.picture.svg
        assert made._twin.value == ""
        assert escape(state["sentence"]) in made._said.value
        ET.fromstring(made.picture.svg)
    made.as_text.value = True
    assert made.state["as_text"] is True
    assert made._figure.value == ""
    assert escape(made.text) in made._twin.value
    assert made.set(as_text=False)["as_text"] is False
    assert made.as_text.value is False


def test_an_update_is_small(made: Instrument, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for move in MOVES[kind]:
        sent: list[int] = []

        def record(self: Any, message: dict[str, Any], _: Any = sent, **__: Any) -> None:
            _.append(len(json.dumps(message)))

        monkeypatch.setattr(ipywidgets.Widget, "_send", record)
        made.set(**move)
        assert sum(sent) < 11_000
        assert len(sent) <= 9


def test_every_control_has_a_name(made: Instrument) -> None:
    controls = [
        child
        for child in everything(made.box)
        if isinstance(child, ipywidgets.DOMWidget)
        and not isinstance(child, ipywidgets.Box | ipywidgets.HTML | ipywidgets.Label)
    ]
    names = [child.description or child.tooltip for child in controls]
    assert all(names)
    assert len(set(names)) == len(names)
    assert all(child.tooltip for child in controls if isinstance(child, ipywidgets.Button))


def test_moves_make_no_new_widgets(made: Instrument, kind: str) -> None:
    gc.collect()
    count = len(base._instances)
    for _ in range(20):
        for move in MOVES[kind]:
            made.set(**move)
    assert len(base._instances) == count


def test_wrong_settings_are_told_and_change_nothing(made: Instrument, kind: str) -> None:
    made.set(**MOVES[kind][0])
    before, shown = made.state, made.picture
    place = {"walk": "stage", "blocks": "moment"}.get(kind, "step")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"colour": "red"}, "no setting 'colour'"),
        ({"as_text": 1}, "The setting as_text is 1"),
        ({place: 1.5}, f"The {place} is 1.5"),
        ({place: True}, f"The {place} is True"),
        ({place: "soon"}, f"The {place} is 'soon'"),
    ]
    for change, said in wrong:
        after = made.set(**change)
        assert said in after["error"]
        assert ":" in after["error"]
        assert {**after, "error": ""} == before
        assert made.picture is shown
        assert escape(after["error"]) in made._status.value
        assert 'role="status"' in made._status.value
    assert made.set(as_text=False)["error"] == ""
    assert "Not possible" not in made._status.value


def test_a_fault_of_its_own_is_a_sentence_too(
    made: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(made), "_adopt", fail)
    before = made.state
    after = made.set(as_text=True)
    assert "itself failed (RuntimeError: a bug)" in after["error"]
    assert {**after, "error": ""} == before


def test_the_bundle_serves_viewers_without_a_kernel(made: Instrument, kind: str) -> None:
    data, _ = made._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"}  # fmt: skip
    assert data["text/plain"] == f"{type(made).__name__}: {made.state['sentence']}"
    again, _ = MAKERS[kind]()._repr_mimebundle_()
    assert again["image/svg+xml"] == data["image/svg+xml"]


def test_buttons_stop_at_the_ends(made: Instrument, kind: str) -> None:
    place = {"walk": "stage", "blocks": "moment"}.get(kind, "step")
    buttons = {button.description: button for button in made.buttons}  # type: ignore[attr-defined]
    back, on = buttons["◀ Back"], buttons["Step ▶" if kind == "cpu" else "Next ▶"]
    if kind == "blocks":
        for _ in range(3):
            made.set(do="snapshot")
    made.set(**{place: 1})
    seen = []
    for button in (back, back, on, on, *[on] * 60, back):
        button.click()
        seen.append(made.state[place])
        assert made.state["error"] == ""
    assert seen[:4] == [0, 0, 1, 2]
    assert seen[-3] == seen[-2] == seen[-1] + 1


# The CPU stepper


def plain(source: str, steps: int) -> Hart:
    """The hart after so many steps, run at once and without a recording."""
    program, board = assemble(source), Board(1 << 16, Hart)
    board.bus.load_image(program.code, program.origin)
    board.hart.reset(program.entry)
    board.hart.run(steps) if steps else None
    return board.hart


def test_any_step_is_the_state_of_the_hart() -> None:
    stepper = CpuStepper(HELLO)
    last = stepper.state["last"]
    places = list(range(last + 1)) * 2
    Random(1).shuffle(places)
    for step in places:
        state, hart = stepper.set(step=step), plain(HELLO, step)
        assert list(state["registers"].values()) == hart.x[:32], step
        assert (state["pc"], state["level"]) == (hart.pc, "machine")


def test_a_long_run_is_kept_in_parts() -> None:
    source = "loop: addi a0, a0, 1\n j loop"
    stepper = CpuStepper(source, limit=3 * KEEP_EVERY + 7)
    assert stepper.state["last"] == 3 * KEEP_EVERY + 7
    assert "The limit of 775 steps is reached" in stepper.set(step=10**9)["sentence"]
    for step in (700, 2, KEEP_EVERY, KEEP_EVERY - 1, KEEP_EVERY + 1, 775, 0, 511, 513):
        assert stepper.set(step=step)["registers"]["a0"] == (step + 1) // 2


def test_a_far_step_is_reached_from_the_nearest_state_kept() -> None:
    recording = Recording(assemble("loop: addi a0, a0, 1\n j loop"), 10 * KEEP_EVERY)
    recording.moment(0)
    steps: list[str] = []
    one = recording._step
    recording._step = lambda: steps.append(one()) or ""  # type: ignore[method-assign, func-returns-value]
    recording.moment(9 * KEEP_EVERY + 3)
    assert len(steps) == 3


def test_steps_are_told() -> None:
    stepper = CpuStepper(HELLO)
    said = [stepper.set(step=step)["sentence"] for step in range(stepper.state["last"] + 1)]
    assert said[0] == "Nothing has run yet; next is line 3, la a1, text."
    assert said[2] == "Step 2 executed the next word of line 3, la a1, text: a1 became 80000040."
    assert said[4] == "Step 4 executed line 5, lbu a0, 0(a1): a0 became 00000048 (72)."
    assert said[5] == "Step 5 executed line 6, beqz a0, off: it changed no register and no memory."
    assert said[6] == "Step 6 executed line 7, sb a0, 0(a2): it wrote 'H' to the console."
    assert said[8] == "Step 8 executed line 9, j next: it went on at 8000000c (next)."
    assert any("line 11, li t1, -7: t1 became fffffff9 (-7)." in one for one in said)
    assert any("the word at 80000048 became fffffff9" in one for one in said)
    assert said[-1].endswith("The program has switched the machine off.")
    assert stepper.state["console"] == "Hi\n"
    assert stepper.state["ending"] in said[-1]


def test_traps_and_levels_are_told() -> None:
    stepper = CpuStepper(TRAPS)
    said = [stepper.set(step=step)["sentence"] for step in range(stepper.state["last"] + 1)]
    mret = next(one for one in said if "mret" in one and "executed" in one)
    assert "the level became user" in mret
    assert "(user)" in mret
    trap = next(one for one in said if "is a trap" in one)
    assert "is a trap, environment call from user, at line 17, ecall; the hart enters" in trap
    assert "at machine level" in trap
    assert said[-1].endswith("The program stays at this place for ever.")
    assert stepper.set(step=said.index(mret))["level"] == "user"


def test_interrupts_are_told() -> None:
    timer = """
        la   t0, handler
        csrw mtvec, t0
        li   t0, 0x11004000
        li   t1, 1
        sw   t1, 0(t0)
        sw   zero, 4(t0)
        li   t0, 0x80
        csrw mie, t0
        csrsi mstatus, 8
        wfi
        .align 4
handler: csrw mie, zero
        j .
    """
    stepper = CpuStepper(timer)
    said = [stepper.set(step=step)["sentence"] for step in range(stepper.state["last"] + 1)]
    assert any("is an interrupt, machine timer interrupt, before" in one for one in said)
    assert said[-1].endswith("The program stays at this place for ever.")


ENDINGS = [
    ("wfi", 1, "waits for an interrupt that cannot come"),
    ("j .", 1, "stays at this place for ever"),
    ("ecall", 1, "There is no memory at 00000000"),
    ("li a0, 0x11100000\nli a1, 0x5555\nsw a1, 0(a0)", 4, "switched the machine off"),
    ("la a0, x\nx: jalr a0, 0(a0)\nj .", 5, "stays at this place for ever"),
    ("li a0, 1", 2, "There is no memory at 00000000"),  # zeros follow, an illegal instruction
]


@pytest.mark.parametrize(("source", "last", "said"), ENDINGS)
def test_a_program_ends_in_several_ways(source: str, last: int, said: str) -> None:
    stepper = CpuStepper(source)
    assert stepper.state["last"] == last
    assert said in stepper.set(step=last)["sentence"]
    assert said not in stepper.set(step=last - 1)["sentence"]


def test_the_window_of_memory_goes_where_it_is_told() -> None:
    stepper = CpuStepper(HELLO, step=10**6)
    assert stepper.state["window"] == 0x80000040  # where the program first writes
    places = {"80000100": 0x80000100, "0x8000010c": 0x80000100, "count": 0x80000040,
              "a3": 0x11100000, "": 0x80000040}  # fmt: skip
    for memory, window in places.items():
        assert stepper.set(memory=memory)["window"] == window
        assert f"{window:08x}:" in stepper.text
    stepper.memory.value = "nowhere"
    assert "The window of memory is at 'nowhere'" in stepper.state["error"]
    assert stepper.memory.value == ""
    assert stepper.state["window"] == 0x80000040


def test_memory_that_is_not_there_is_dashes() -> None:
    stepper = CpuStepper("j .", memory="ffffffff")
    assert stepper.state["window"] == 0xFFFFFFF0
    assert "fffffff0:  --------  --------" in stepper.text


def test_the_source_can_be_changed_and_a_fault_is_shown_where_it_is() -> None:
    stepper = CpuStepper("li a0, 1\nj .")
    stepper.set(step=1)
    stepper.source.value = "li a0, 1\n  bad a0"
    assert stepper.state["error"] == ""  # nothing is assembled before the button is pressed
    stepper.assemble.click()
    assert "Line 2, column 3" in stepper.state["error"]
    assert stepper.source.value == "li a0, 1\n  bad a0"
    assert stepper.state["source"] == "li a0, 1\nj ."
    assert stepper.state["step"] == 1
    assert "<pre" in stepper._status.value
    stepper.source.value = "li a0, 2\nj ."
    stepper.assemble.click()
    state = stepper.state
    assert (state["error"], state["step"], state["source"]) == ("", 0, "li a0, 2\nj .")
    assert stepper.set(step=1)["registers"]["a0"] == 2
    assert stepper.set(source="li a0, 3\nj .", step=1)["registers"]["a0"] == 3
    assert stepper.set(source="li a0, 4\nj .")["step"] == 0


def test_an_assembled_program_has_no_source_to_change() -> None:
    stepper = CpuStepper(assemble("li a0, 7\nj ."))
    assert stepper.source not in list(everything(stepper.box))
    assert stepper.set(step=1)["registers"]["a0"] == 7
    assert "The source cannot be changed" in stepper.set(source="nop")["error"]


def test_names_are_escaped() -> None:
    stepper = CpuStepper('nop # "<b>&"\n.ascii "<i>&"')
    for panel in (stepper._figure, stepper._said):
        assert "<i>" not in panel.value
    stepper.set(memory="<b>&")
    assert "<b>" not in stepper._status.value
    stepper.set(as_text=True)
    assert "<i>" not in stepper._twin.value


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: CpuStepper("bad"), AssemblyError, "Line 1, column 1"),
        (lambda: CpuStepper(FIVE), GuestError, "The program is 5"),
        (lambda: CpuStepper("nop", limit=0), GuestError, "The limit is 0 steps"),
        (lambda: CpuStepper("nop", limit=True), GuestError, "The limit is True steps"),
        (lambda: CpuStepper("nop", limit=10**6), GuestError, "whole number from 1 to 100000"),
        (lambda: CpuStepper(".space 70000"), GuestError, "do not fit into the memory"),
        (lambda: CpuStepper(assemble("nop", 0)), GuestError, "do not fit into the memory"),
        (lambda: CpuStepper("nop", step=WORD), GuestError, "The step is 'x'"),
        (lambda: PageWalk(FIVE, ROOT), GuestError, "The memory is 5"),
        (lambda: PageWalk({}, WORD), GuestError, "The root is 'x'"),
        (lambda: PageWalk({}, 4), GuestError, "The root is 00000004"),
        (lambda: PageWalk({}, ROOT, access="jump"), GuestError, "The access is 'jump'"),
        (lambda: PageWalk({ROOT: -1}, ROOT), GuestError, "The memory gives -1 at 80001000"),
        (lambda: CowBlocks(FIVE), DiskError, "The disk is 5"),
        (lambda: CowBlocks(disk(), block=8), DiskError, "The block is 8"),
        (lambda: CowBlocks(disk().overlay(512)), DiskError, "blocks of 512 and of 4096 bytes"),
        (lambda: TrapTrip([]), RenderError, "There are 0 records"),
        (lambda: TwoDimWalk([]), RenderError, "There are 0 steps"),
        (lambda: TwoDimWalk(FIVE), RenderError, "The walk has 5"),
        (lambda: TwoDimWalk([FIVE]), RenderError, "The walk has 5"),
        (lambda: TwoDimWalk(count_references(2, 2), nested=1), RenderError, "no such entry"),
    ],
)
def test_a_start_that_cannot_be_made_raises(
    make: Callable[[], Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        make()


def test_a_recording_says_what_is_written() -> None:
    recording = Recording(assemble(HELLO))
    start, end = recording.moment(0), recording.moment(recording.last)
    assert recording.written(start, end) == [0x80000048] == [recording.first_written]


# The page walk


def test_a_walk_is_shown_stage_by_stage() -> None:
    walk = PageWalk(WORDS, ROOT, address="80003abc", user=True)
    state = walk.state
    assert (state["stage"], state["stages"], state["physical"]) == (3, 3, 0x80345ABC)
    assert state["entries"] == [(1, ROOT + 2048, WORDS[ROOT + 2048]), (0, 0x8000200C, 0x200D14D7)]
    lines = []
    for stage in range(4):
        walk.stage.slider.value = stage
        lines.append(len(walk.text.split("\n")) - len(walk.state["sentence"]) // 80)
        assert ("result" in walk.text) == (stage == 3)
    assert [after - before for before, after in pairwise(lines)] == [1, 1, 1]
    assert walk.set(stage=99)["stage"] == 3


def test_the_end_stays_in_sight_and_a_stage_stays_where_it_is() -> None:
    walk = PageWalk(WORDS, ROOT, address="80003abc", user=True)
    assert walk.set(address="7")["stage"] == 2
    assert walk.set(address="80003abc")["stage"] == 3
    assert walk.set(stage=1)["stage"] == 1
    assert walk.set(address="80003abd")["stage"] == 1
    assert PageWalk(WORDS, ROOT, stage=0).state["stage"] == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "physical address 80345abc = page 80345000 (4 KiB) + abc."),
        ({"access": "write"}, "physical address 80345abc"),
        ({"access": "execute"}, "page fault: the page may not be executed"),
        ({"user": False}, "page fault: the supervisor may not use a page of the user here"),
        ({"user": False, "sum": True}, "physical address 80345abc"),
        ({"address": "80004000"}, "page fault: user mode may not use a page of the supervisor"),
        ({"address": 0x80004000, "user": False}, "page 80346000 (4 KiB) + 0; the hart sets A."),
        ({"address": "80005000"}, "page fault: the last level points to another table"),
        ({"address": "7"}, "page fault: the entry is not valid"),
        ({"address": "0x400123", "user": False}, "page 80000000 (4 MiB) + 123; the hart sets A."),
        (
            {"address": "400123", "user": False, "access": "write"},
            "(4 MiB) + 123; the hart sets A and D.",
        ),
        ({"address": "800000", "user": False}, "a page of 4 MiB must begin at a multiple of 4 MiB"),
    ],
)
def test_results_and_faults(settings: dict[str, Any], said: str) -> None:
    walk = PageWalk(WORDS, ROOT, **{"address": "80003abc", "user": True, **settings})
    assert said in walk.state["sentence"]
    assert said.rstrip(".") in walk.text
    assert bool(walk.state["fault"]) == ("fault" in said or "must begin" in said)


def test_executable_pages_can_be_read_with_mxr() -> None:
    walk = PageWalk({ROOT: V | X | A}, ROOT)
    assert "the page may not be read" in walk.state["fault"]
    walk.mxr.value = True
    assert walk.state["physical"] == 0
    assert walk.state["mxr"] is True


def test_memory_may_be_that_of_a_board_and_end() -> None:
    bus = Bus(1 << 16)
    bus.write(ROOT + 4, 4, 0x12345 << 10 | V)
    walk = PageWalk(bus.loader(4), ROOT, address="400000")
    assert walk.state["fault"] == "access fault: the table lies where there is no memory"
    assert walk.state["entries"][-1] == (0, 0x12345000, None)
    assert "there is no memory here" in walk.text
    assert walk.state["stages"] == 3


def test_nothing_is_written_and_a_mapping_is_copied() -> None:
    words = dict(WORDS)
    walk = PageWalk(words, ROOT, address="400000")
    assert words == WORDS
    words.clear()
    assert walk.set(address="400004")["physical"] == 0x80000004


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "xyz"}, "The virtual address is 'xyz'"),
        ({"address": "100000000"}, "The virtual address is '100000000'"),
        ({"address": -1}, "The virtual address is -1"),
        ({"address": True}, "The virtual address is True"),
        ({"address": None}, "The virtual address is None"),
        ({"access": "look"}, "The access is 'look'"),
        ({"user": 1}, "The setting user is 1"),
        ({"sum": None}, "The setting sum is None"),
        ({"mxr": "yes"}, "The setting mxr is 'yes'"),
    ],
)
def test_what_a_walk_refuses(change: dict[str, Any], said: str) -> None:
    walk = PageWalk(WORDS, ROOT, address="80003abc", user=True)
    before = walk.state
    after = walk.set(**change)
    assert said in after["error"]
    assert {**after, "error": ""} == before


def test_a_refused_address_springs_back() -> None:
    walk = PageWalk(WORDS, ROOT, address="80003abc")
    walk.address.value = "what"
    assert "'what'" in walk.state["error"]
    assert walk.address.value == "80003abc"


# Copy-on-write blocks


def grid_of(blocks: CowBlocks) -> dict[str, list[str]]:
    """The rows of the twin by their names."""
    lines = blocks.text.split("\n")
    first = next(at for at, line in enumerate(lines) if line.startswith("block "))
    rows = [line.rsplit(maxsplit=8) for line in lines[first : first + 20] if line]
    return {name.strip(): cells for name, *cells in rows if len(cells) == 8}


def test_a_snapshot_shares_and_a_write_parts() -> None:
    blocks = CowBlocks(disk())
    assert grid_of(blocks)["base disk (now)"] == ["A", "B", "·", "·", "C", "·", "·", "·"]
    state = blocks.set(do="snapshot")
    assert (state["name"], state["do"], state["moment"]) == ("s1", "", 1)
    assert grid_of(blocks)["snapshot s1"] == ["A+", "B+", "·", "·", "C+", "·", "·", "·"]
    state = blocks.set(do="write part", block=1)
    assert "1 block was copied first, 1 more stored" in state["sentence"]
    assert state["usage"] == {"own": 3, "shared": 2, "kept": 1, "copied": 1}
    rows = grid_of(blocks)
    assert rows["base disk (now)"] == ["A+", "D", "·", "·", "C+", "·", "·", "·"]
    assert rows["snapshot s1"] == ["A+", "B", "·", "·", "C+", "·", "·", "·"]
    state = blocks.set(do="write whole", block=0)
    assert state["usage"]["copied"] == 1
    assert "copied" not in state["sentence"]
    blocks.set(do="zero", block=4)
    assert grid_of(blocks)["base disk (now)"] == ["E", "D", "·", "·", "0", "·", "·", "·"]
    blocks.set(do="restore")
    assert grid_of(blocks)["base disk (now)"] == ["A+", "B+", "·", "·", "C+", "·", "·", "·"]
    blocks.set(do="delete")
    assert grid_of(blocks)["base disk (now)"] == ["A", "B", "·", "·", "C", "·", "·", "·"]
    assert blocks.state["name"] == ""


def test_an_overlay_looks_through() -> None:
    blocks = CowBlocks(disk())
    state = blocks.set(do="overlay")
    assert "the chain has 2 disks now" in state["sentence"]
    assert grid_of(blocks)["overlay 1 (now)"] == ["(a)", "(b)", "·", "·", "(c)", "·", "·", "·"]
    blocks.set(do="zero", block=0)
    blocks.set(do="write part", block=1)
    rows = grid_of(blocks)
    assert rows["overlay 1 (now)"] == ["0", "D", "·", "·", "(c)", "·", "·", "·"]
    assert rows["read from"] == ["0", "0", "–", "–", "1", "–", "–", "–"]
    assert blocks.state["map"][0] == (0, 4096, 0, True)
    blocks.set(do="commit")
    rows = grid_of(blocks)
    assert rows["base disk"][:2] == ["0", "E"]  # the commit has written it anew
    assert rows["overlay 1 (now)"][:2] == ["0", "(e)"]


def test_the_given_disk_is_not_touched_and_the_past_is_kept() -> None:
    given = disk()
    blocks = CowBlocks(given)
    seen = [blocks.text]
    for action in ("snapshot", "write part", "zero", "overlay", "write whole"):
        blocks.set(do=action)
        seen.append(blocks.text)
    assert given.usage == disk().usage
    assert given.snapshots == ()
    assert given.writable
    for moment in (0, 5, 2, 4, 1, 3):
        blocks.moment.slider.value = moment
        assert blocks.text == seen[moment]
    assert blocks.set(moment=2, do="write part")["moments"] == 4  # what came later is dropped


def test_buttons_do_what_they_say() -> None:
    blocks = CowBlocks(disk())
    for button in blocks.actions.values():
        button.click()
        assert blocks.state["error"] == "" or "commit" in blocks.state["error"]
    assert blocks.state["depth"] == 2


def test_snapshots_have_free_names() -> None:
    blocks = CowBlocks(disk())
    names = [blocks.set(do="snapshot")["name"] for _ in range(3)]
    assert names == ["s1", "s2", "s3"]
    blocks.set(do="delete", name="s2")
    assert blocks.set(do="snapshot")["name"] == "s2"
    assert blocks.set(do="snapshot", name="<b>&")["name"] == "<b>&"
    assert "<b>" not in blocks._figure.value + blocks._said.value
    blocks.name.value = "s1"
    assert blocks.set(do="restore")["sentence"].startswith(
        "The disk is again as in the snapshot s1"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"do": "fly"}, "There is no action 'fly'"),
        ({"do": "restore"}, "The disk has no snapshot ''"),
        ({"do": "delete"}, "The disk has no snapshot ''"),
        ({"do": "commit"}, "The disk has no backing disk"),
        ({"name": "x"}, "There is no snapshot 'x' at this moment"),
        ({"block": 8}, "The block is 8: the disk has the blocks 0 to 7"),
        ({"block": -1}, "The block is -1"),
        ({"block": True}, "The block is True"),
        ({"block": 1.5}, "The block is 1.5"),
        ({"do": "snapshot", "name": 5}, "The snapshot is named 5"),
    ],
)
def test_what_blocks_refuse(change: dict[str, Any], said: str) -> None:
    blocks = CowBlocks(disk())
    before = blocks.state
    after = blocks.set(**change)
    assert said in after["error"]
    assert {**after, "error": ""} == before


def test_a_disk_that_backs_another_is_never_written() -> None:
    given = disk()
    given.overlay()
    assert "never written" in CowBlocks(given).set(do="write part")["error"]


def test_a_name_that_is_taken_is_refused() -> None:
    blocks = CowBlocks(disk())
    blocks.set(do="snapshot")
    assert "'s1'" in blocks.set(do="snapshot", name="s1")["error"]
    assert blocks.state["moments"] == 2


def test_large_disks_are_shown_in_part() -> None:
    blocks = CowBlocks(disk(10_000, (0, 5000, 9999)), block=5000)
    assert f"Blocks 4988 to {4988 + MOST_BLOCKS - 1} of 10,000 are shown." in blocks.text
    blocks.set(block=9999)
    assert "Blocks 9976 to 9999 of 10,000 are shown." in blocks.text
    blocks.set(block=0)
    assert "Blocks 0 to 23 of 10,000 are shown." in blocks.text
    for _ in range(MOST_ROWS + 2):
        blocks.set(do="snapshot")
    assert "; 3 more rows are not shown." in blocks.text
    assert len(blocks.picture.svg) < 30_000


def test_too_much_is_a_sentence() -> None:
    with pytest.raises(DiskError, match="hold 4,097 blocks: at most 4,096"):
        CowBlocks(disk(MOST_STORED + 1, tuple(range(MOST_STORED + 1))))
    blocks = CowBlocks(disk(2, ()))
    for _ in range(200):
        assert blocks.set(do="write part")["error"] == ""
    assert "200 actions are done" in blocks.set(do="write part")["error"]
    assert blocks.set(do="write part", moment=100)["error"] != ""
    blocks.set(moment=0)


def test_letters_go_on_behind_z() -> None:
    letters, full = Letters(), VirtualDisk(30 * 512, block_size=512)
    for number in range(30):
        full.write(number * 512, bytes([number + 1]) * 512)
    letters.see(full)
    names = [letters.name(block) for _, block in sorted(full.blocks().items()) if block]
    assert names[:3] + names[24:] == ["A", "B", "C", "Y", "Z", "AA", "AB", "AC", "AD"]


# The trap's trip and the grid


def test_the_trip_goes_through_its_records() -> None:
    trip = TrapTrip(iter(TRIP))
    seen = [trip.set(step=step) for step in range(5)]
    assert [state["where"] for state in seen] == [
        "guest user", "hardware", "VMM", "guest user", "guest user"]  # fmt: skip
    assert [state["step"] for state in seen] == [0, 1, 2, 3, 3]
    assert seen[2]["sentence"] == "In the VMM: emulate. It answers."
    assert repr(trip) == "TrapTrip: In the guest's process: next. It goes on."


def test_the_grid_is_that_of_the_walk() -> None:
    walk = count_references(4, 3)
    grid = TwoDimWalk(walk)
    assert grid.state["last"] == walk.references - 1 == 18
    for place, step in enumerate(walk.steps):
        state = grid.set(step=place)
        told = (state["number"], state["dimension"], state["level"], state["row"])
        assert told == (step.number, step.dimension, step.level, step.row)
        assert f"it holds {step.entry:#x}." in state["sentence"]
        assert f"[{step.number}]" in grid.text
    end = f"guest-physical {walk.guest_physical:#x}, host-physical {walk.host_physical:#x}."
    assert grid.state["sentence"].endswith(end)
    assert TwoDimWalk(walk.steps).set(step=99)["number"] == 19


def test_a_walk_that_faults_says_why() -> None:
    with pytest.raises(GuestFault) as caught:
        NestedPaging(2, 2).walk(4096)
    grid = TwoDimWalk(caught.value, guest=2, step=99)
    assert grid.state["sentence"].endswith(f"Then the walk ends: {caught.value}.")
    assert "data                        ·         ·       data" in grid.text
