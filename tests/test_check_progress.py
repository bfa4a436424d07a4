"""The progress file: where it is, what it survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vcloud_lab.check import progress


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", str(file))
    return file


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    progress._memory["tasks"].clear()
    progress._memory["predictions"].clear()


def test_attempts_hints_and_misconceptions_are_recorded(place: Path) -> None:
    progress.record("06.1", False, "sum-for-mean", None)
    progress.record("06.1", False, "sum-for-mean", None)
    assert progress.note_hint("06.1", None) == 1
    assert progress.note_hint("06.1", 3) == 3
    assert progress.note_hint("06.1", None) == 3
    assert not progress.solved("06.1")
    progress.record("06.1", True, None, 7)
    assert not progress.solved("06.1")
    progress.record("06.1", True, None, None)
    assert progress.solved("06.1")
    entry = json.loads(place.read_text("utf-8"))["tasks"]["06.1"]
    assert entry.pop("solved_on").count("-") == 2
    assert entry == {
        "attempts": 4,
        "hints": 3,
        "misconceptions": {"sum-for-mean": 2},
        "solved": True,
        "variants": [7],
    }
    assert sorted(file.name for file in place.parent.iterdir()) == ["progress.json"]


def test_reset_forgets_one_task_or_all(place: Path) -> None:
    for task in ("06.1", "06.2"):
        progress.record(task, True, None, None)
    progress.reset("06.1")
    assert list(progress.load()["tasks"]) == ["06.2"]
    progress.reset()
    assert progress.load() == {"version": 1, "tasks": {}, "predictions": {}}


@pytest.mark.parametrize(
    "content", [b"{ half", b"[]", b'{"tasks": [1]}', b'{"tasks": {"06.1": 3}}', b"\xff\xfe", b""]
)
def test_a_broken_file_is_kept_and_a_new_one_begun(
    place: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    place.parent.mkdir()
    for number in (1, 2):
        place.write_bytes(content)
        progress.record("06.1", True, None, None)
        kept = place.with_name("progress.json.bak" + ("" if number == 1 else "2"))
        assert kept.read_bytes() == content
        assert capsys.readouterr().out == (
            f"The progress file {place} is not readable as progress: it is kept as {kept.name} "
            "and a new one is begun; nothing was deleted.\n"
        )
        assert progress.solved("06.1")


def test_what_a_later_version_wrote_is_not_lost(place: Path) -> None:
    place.parent.mkdir()
    place.write_text('{"version": 2, "badges": [1], "tasks": {"06.1": {"stars": 3}}}', "utf-8")
    progress.record("06.1", True, None, None)
    state = json.loads(place.read_text("utf-8"))
    assert (state["version"], state["badges"], state["tasks"]["06.1"]["stars"]) == (2, [1], 3)


def test_two_kernels_lose_nothing(place: Path) -> None:
    program = (
        "from vcloud_lab.check import progress, predict\n"
        "import sys\n"
        "for n in range(25):\n"
        "    progress.record('06.1', False, None, None)\n"
        "    progress.record(f'06.{sys.argv[1]}{n:02}', True, None, None)\n"
    )
    kernels = [
        subprocess.Popen([sys.executable, "-c", program, str(number)], env=os.environ)
        for number in (1, 2, 3)
    ]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0, 0]
    tasks = progress.load()["tasks"]
    assert tasks["06.1"]["attempts"] == 75
    assert len(tasks) == 76


def test_a_crash_while_writing_leaves_the_old_file(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.record("06.1", True, None, None)
    before = place.read_bytes()

    def crash(state: object, file: object, **options: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(progress.json, "dump", crash)
    progress.record("06.2", True, None, None)
    assert place.read_bytes() == before
    assert [file.name for file in place.parent.iterdir()] == ["progress.json"]


def test_a_lock_that_a_crash_left_is_taken_over(place: Path) -> None:
    place.parent.mkdir()
    lock = place.with_name("progress.json.lock")
    lock.touch()
    os.utime(lock, (0, 0))
    progress.record("06.1", True, None, None)
    assert json.loads(place.read_text("utf-8"))["tasks"]["06.1"]["solved"]
    assert not lock.exists()


def test_a_held_lock_costs_no_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOCK_PATIENCE", 0.05)
    place.parent.mkdir()
    place.with_name("progress.json.lock").touch()
    progress.record("06.1", True, None, None)
    assert not place.exists()
    assert progress._memory["tasks"]["06.1"]["solved"]


def test_where_nothing_can_be_written_memory_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", str(blocked / "progress.json"))
    progress.record("06.1", True, None, None)
    assert progress.solved("06.1")


def test_off_means_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VCLOUD_LAB_PROGRESS", "off")
    assert progress.path() is None
    progress.record("06.1", True, None, None)
    assert progress.solved("06.1")
    assert list(tmp_path.iterdir()) == []


def test_the_file_lies_in_the_course_or_with_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("VCLOUD_LAB_PROGRESS")
    for folder in ("course/notebooks/deep", "course/exercises", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "course" / "notebooks" / "deep")
    assert progress.path() == tmp_path / "course" / ".vcloud_lab" / "progress.json"
    monkeypatch.chdir(tmp_path / "elsewhere")
    for platform, variable in (("linux", "XDG_DATA_HOME"), ("win32", "LOCALAPPDATA")):
        monkeypatch.setattr(progress.sys, "platform", platform)
        monkeypatch.setenv(variable, str(tmp_path / "data"))
        assert progress.path() == tmp_path / "data" / "vcloud_lab" / "progress.json"
    monkeypatch.setattr(progress.sys, "platform", "darwin")
    monkeypatch.setattr(progress.Path, "home", lambda: tmp_path)
    expected = tmp_path / "Library" / "Application Support" / "vcloud_lab" / "progress.json"
    assert progress.path() == expected


def test_half_a_character_does_not_stop_the_file(place: Path) -> None:
    progress.note_prediction("06.x", lambda entry: entry.update(first="\ud800"))
    assert progress.load()["predictions"] == {"06.x": {"first": "\ud800"}}
