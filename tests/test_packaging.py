"""The wheel: what it carries, and that the course comes out of it unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from vcloud_lab import __version__, course

ROOT = Path(__file__).parent.parent
OVERRIDES = "share/jupyter/lab/settings/overrides.d/vcloud_lab.json"


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a command, which must succeed, and return what it printed."""
    # The installed package must be found by itself, not by a hint in the environment.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    child = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )
    assert child.returncode == 0, child.stdout + child.stderr
    return child.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it, and this one's libraries but not its checkout."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    uv = [sys.executable, "-m", "uv", "--quiet", "--offline"]
    run(*uv, "venv", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    run(*uv, "pip", "install", "--python", python, "--no-deps", "--no-index", wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return venv


def test_wheel_carries_the_course_and_the_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    carried = {
        name.removeprefix("vcloud_lab/_course/")
        for name in names
        if name.startswith("vcloud_lab/_course/")
    }
    assert course.START in carried
    assert carried == {path.as_posix() for path in course.files(ROOT)}
    assert "vcloud_lab/py.typed" in names
    assert any(name.startswith("vcloud_lab/data/") and name.endswith(".swf.gz") for name in names)
    for file in ("linux.xz", "linux.json", "linux.NOTICE.txt"):
        assert f"vcloud_lab/vm/guests/{file}" in names
    assert any(name.endswith(OVERRIDES) for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name]


def test_wheel_has_the_package_and_nothing_beside_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    stem = f"vcloud_lab-{__version__}"
    assert tops == {"vcloud_lab", f"{stem}.dist-info", f"{stem}.data"}


def test_course_comes_out_byte_identical(installed: Path, tmp_path: Path) -> None:
    target = tmp_path / "course"
    said = run(installed / "bin" / "vcloud-lab", "new", target, cwd=tmp_path)
    copied = course.files(target)
    assert copied == course.files(ROOT)
    assert said.startswith(f"{len(copied)} files")
    for name in copied:
        assert (target / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_reset_takes_the_original_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "vcloud-lab"
    target = tmp_path / "course"
    run(command, "new", target, cwd=tmp_path)
    (target / course.START).write_text("mine", encoding="utf-8")
    run(command, "reset", target / course.START, cwd=tmp_path)
    assert (target / course.START).read_bytes() == (ROOT / course.START).read_bytes()
    backup = target / "notebooks" / "00_start_here.backup-1.ipynb"
    assert backup.read_text(encoding="utf-8") == "mine"


def test_installed_package_is_the_one_that_runs(installed: Path, tmp_path: Path) -> None:
    place = run(
        installed / "bin" / "python",
        "-c",
        "import vcloud_lab as v; print(v.__file__)",
        cwd=tmp_path,
    )
    assert Path(place.strip()).is_relative_to(installed)
    assert run(installed / "bin" / "vcloud-lab", "--version").strip().endswith(__version__)


def test_settings_against_the_news_question_are_installed(installed: Path) -> None:
    settings = json.loads((installed / OVERRIDES).read_text(encoding="utf-8"))
    assert settings == {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        }
    }


def test_locks_are_hashed_and_name_no_place() -> None:
    for name in ("lab", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
        assert len(pins) > 50
        assert all(line.endswith("\\") for line in pins)
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text


def test_lock_of_the_course_is_part_of_the_lock_of_the_checks() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        return {line.split()[0] for line in text.splitlines() if "==" in line and line[0] != " "}

    assert pins("lab") < pins("dev")
