"""The vcloud-lab command: what it does, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from vcloud_lab import __version__, cli, course, doctor, launch
from vcloud_lab.errors import CourseError

ROOT = Path(__file__).parent.parent
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course in place of the installed one."""
    root = tmp_path / "origin"
    for name in (course.START, "exercises/06_x.ipynb", "solutions/06_x.ipynb"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    checkpoint = root / "notebooks/.ipynb_checkpoints/00-checkpoint.ipynb"
    checkpoint.parent.mkdir()
    checkpoint.write_text("old", encoding="utf-8")
    (root / "exercises/06_x.backup-1.ipynb").write_text("mine", encoding="utf-8")
    monkeypatch.setattr(course, "packaged", lambda: root)
    return root


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail with one sentence, and return the sentence."""
    assert cli.main([str(word) for word in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vcloud-lab: ")
    assert said.err.count("\n") == 1
    return said.err


def test_version_is_the_same_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == f"vcloud_lab {__version__}"
    assert version("vcloud-lab") == __version__


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main([])
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.usefixtures("origin")
class TestNew:
    def test_copies_the_course_and_nothing_else(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = tmp_path / "a" / "mine"
        assert cli.main(["new", str(target)]) == 0
        copied = [path for path in target.rglob("*") if path.is_file()]
        assert len(copied) == 3
        assert (target / course.START).is_file()
        assert capsys.readouterr().out.startswith("3 files")
        assert list(target.parent.iterdir()) == [target]

    def test_fills_an_empty_directory(self, tmp_path: Path) -> None:
        target = tmp_path / "mine"
        target.mkdir()
        kept = target.stat().st_ino  # whoever stands in it must not be left in a deleted one
        assert cli.main(["new", str(target)]) == 0
        assert course.is_course(target)
        assert target.stat().st_ino == kept
        assert sorted(path.name for path in target.iterdir()) == sorted(course.PARTS)

    def test_refuses_a_directory_with_something_in_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("work", encoding="utf-8")
        assert "is not empty" in fails(capsys, "new", tmp_path / "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    def test_refuses_a_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "mine").write_text("work", encoding="utf-8")
        assert "is a file" in fails(capsys, "new", tmp_path / "mine")
        assert (tmp_path / "mine").read_text(encoding="utf-8") == "work"

    def test_leaves_nothing_half_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = sorted(tmp_path.iterdir())
        count = 0

        def full(source: Path, target: Path) -> None:
            nonlocal count
            count += 1
            if count == 2:
                raise OSError(28, "No space left on device")
            target.write_bytes(source.read_bytes())

        monkeypatch.setattr(course.shutil, "copyfile", full)
        assert "No space left" in fails(capsys, "new", tmp_path / "mine")
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("origin")
class TestReset:
    def test_keeps_every_version_of_the_learner(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        course.new(tmp_path / "mine")
        notebook = tmp_path / "mine" / "exercises" / "06_x.ipynb"
        original = notebook.read_bytes()
        for number in (1, 2):
            notebook.write_text(f"version {number}", encoding="utf-8")
            assert cli.main(["reset", str(notebook)]) == 0
            backup = notebook.with_name(f"06_x.backup-{number}.ipynb")
            assert backup.read_text(encoding="utf-8") == f"version {number}"
            assert notebook.read_bytes() == original
            assert str(backup) in capsys.readouterr().out
        assert len(list(notebook.parent.iterdir())) == 3

    def test_an_unchanged_notebook_needs_no_backup(self, tmp_path: Path) -> None:
        course.new(tmp_path / "mine")
        notebook = tmp_path / "mine" / "exercises" / "06_x.ipynb"
        assert course.reset(notebook) is None
        assert list(notebook.parent.iterdir()) == [notebook]

    def test_brings_a_deleted_notebook_back(self, tmp_path: Path) -> None:
        course.new(tmp_path / "mine")
        notebook = tmp_path / "mine" / course.START
        notebook.unlink()
        assert course.reset(notebook) is None
        assert course.is_course(tmp_path / "mine")

    @pytest.mark.parametrize("name", ["thesis/a.ipynb", "exercises/99_none.ipynb"])
    def test_refuses_what_is_not_of_the_course(
        self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("work", encoding="utf-8")
        fails(capsys, "reset", path)
        assert path.read_text(encoding="utf-8") == "work"
        assert list(path.parent.iterdir()) == [path]


def test_reset_in_a_checkout_takes_the_committed_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = tmp_path / course.START
    notebook.parent.mkdir()
    notebook.write_text("committed", encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "--no-verify", "-m", "a"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    monkeypatch.setattr(course, "packaged", lambda: None)
    monkeypatch.setattr(course, "checkout", lambda: tmp_path)
    notebook.write_text("mine", encoding="utf-8")
    backup = course.reset(notebook)
    assert backup is not None
    assert backup.read_text(encoding="utf-8") == "mine"
    assert notebook.read_text(encoding="utf-8") == "committed"
    with pytest.raises(CourseError, match="has no original"):
        course.reset(tmp_path / "notebooks" / "99_none.ipynb")


def test_a_package_without_a_course_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(course, "packaged", lambda: None)
    monkeypatch.setattr(course, "checkout", lambda: None)
    assert "install it again" in fails(capsys, "new", tmp_path / "mine")


class TestFindCourse:
    def test_directory_that_is_given(self, origin: Path, tmp_path: Path) -> None:
        assert launch.find_course(origin, tmp_path) == origin

    def test_directory_without_a_course(self, tmp_path: Path) -> None:
        with pytest.raises(CourseError, match="holds no course"):
            launch.find_course(tmp_path, tmp_path)

    def test_here_comes_before_the_checkout(self, origin: Path) -> None:
        assert launch.find_course(None, origin) == origin

    def test_a_directory_inside_the_course_will_do(self, origin: Path) -> None:
        assert launch.find_course(None, origin / "exercises") == origin

    @pytest.mark.usefixtures("origin")
    def test_a_copy_is_made_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(course, "checkout", lambda: None)
        made = launch.find_course(None, tmp_path)
        (made / course.START).write_text("mine", encoding="utf-8")
        assert launch.find_course(None, tmp_path) == made == tmp_path / launch.COPY
        assert (made / course.START).read_text(encoding="utf-8") == "mine"


class TestProgress:
    def test_shows_and_resets_the_progress_of_one_working_copy(
        self,
        origin: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        from vcloud_lab.check import progress

        monkeypatch.delenv("VCLOUD_LAB_PROGRESS")
        monkeypatch.chdir(tmp_path)
        mine, other = tmp_path / "mine", tmp_path / "other"
        for copy in (mine, other):
            course.new(copy)
            monkeypatch.chdir(copy / "exercises")
            progress.record("06.1", True, None, None)
        monkeypatch.chdir(tmp_path)

        def kept(folder: Path) -> list[str]:
            text = (folder / ".vcloud_lab" / "progress.json").read_text(encoding="utf-8")
            return list(json.loads(text)["tasks"])

        assert cli.main(["progress", str(mine)]) == 0
        assert capsys.readouterr().out.strip() != ""
        assert kept(mine) == kept(other) == ["06.1"]
        monkeypatch.chdir(tmp_path)
        assert cli.main(["progress", str(mine), "--reset"]) == 0
        assert kept(mine) == []
        assert kept(other) == ["06.1"]

    def test_directory_without_a_course(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "holds no course" in fails(capsys, "progress", tmp_path)


def test_a_terminal_browser_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, ":0")
    found = type("Browser", (), {"name": "/usr/bin/lynx"})
    monkeypatch.setattr(launch.webbrowser, "get", lambda: found)
    assert not launch.has_window_browser()
    found.name = "/usr/bin/firefox"
    assert launch.has_window_browser()


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_impossible_port(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert "1 to 65535" in fails(capsys, "lab", f"--port={port}")


def test_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((launch.ADDRESS, 0))
        taken.listen()
        assert "another program" in fails(capsys, "lab", f"--port={taken.getsockname()[1]}")


class TestDoctor:
    def test_finds_what_is_installed_here(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert doctor.report(("python", "packages", "kernel", "extensions", "progress")) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith("ok       python")
        assert "worked out 1 + 1" in lines[2]
        assert lines[-1].startswith("Everything")

    def test_a_problem_is_the_exit_code(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bad = doctor.Finding(doctor.PROBLEM, "no kernel", "install one")
        monkeypatch.setattr(doctor, "attempt", lambda name: bad)
        assert cli.main(["doctor"]) == 1
        assert "what to do: install one" in capsys.readouterr().out

    def test_a_check_that_crashes_is_one_line(self) -> None:
        finding = doctor.attempt("no-such-check")
        assert finding.state == doctor.PROBLEM
        assert "KeyError" in finding.message

    def test_a_check_that_hangs_is_stopped(self) -> None:
        finding = doctor.attempt("kernel", limit=0.01)
        assert finding.state == doctor.PROBLEM
        assert "no answer within 0.01 seconds" in finding.message

    def test_an_old_python_is_a_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 2, "final", 0))
        assert doctor.check_python().state == doctor.PROBLEM

    def test_a_missing_extension_is_a_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "EXTENSIONS", {"plotly": "no-such-extension"})
        finding = doctor.check_extensions()
        assert finding.state == doctor.PROBLEM
        assert "plotly" in finding.message

    def test_every_check_says_what_it_looks_for(self) -> None:
        assert all(function.__doc__ for function in doctor.CHECKS.values())


@pytest.fixture
def server(origin: Path, tmp_path: Path) -> Iterator[str]:
    """The real thing: `vcloud-lab lab` on a small course; gives the address it prints."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")
    } | {"HOME": str(home), "JUPYTER_PLATFORM_DIRS": "1"}
    log = (tmp_path / "log").open("w+", encoding="utf-8")
    command = [sys.executable, "-m", "vcloud_lab.cli", "lab", str(origin), "--no-browser"]
    child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        address = None
        for _ in range(600):
            text = (tmp_path / "log").read_text(encoding="utf-8")
            address = re.search(r"http://127\.0\.0\.1:\d+/\S+token=\w+", text)
            if address or child.poll() is not None:
                break
            time.sleep(0.1)
        assert address, text
        yield address[0]
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)
        log.close()


@pytest.mark.slow
def test_lab_serves_the_course_to_its_owner_only(server: str) -> None:
    assert f"/lab/tree/{course.START}?token=" in server
    base, token = server.split("/lab/")[0], server.split("token=")[1]
    with urllib.request.urlopen(server, timeout=30) as page:
        assert page.status == 200
        assert b"jupyter-config-data" in page.read()

    def ask(path: str, given: str) -> dict[str, object]:
        request = urllib.request.Request(base + path, headers={"Authorization": f"token {given}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))

    assert ask(f"/api/contents/{course.START}", token)["path"] == course.START
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        ask(f"/api/contents/{course.START}", "wrong")
    refused.value.close()

    # What JupyterLab itself takes as the default: the first start asks nothing.
    settings = ask("/lab/api/settings/@jupyterlab/apputils-extension:notification", token)
    properties = settings["schema"]["properties"]  # type: ignore[index]
    assert properties["fetchNews"]["default"] == "false"
    assert properties["checkForUpdates"]["default"] is False
