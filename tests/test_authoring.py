"""The build of the course, on a small course in a temporary folder."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from vcloud_lab.errors import CourseError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "authoring"))

from coursebuild.compare import differences, orphans  # noqa: E402
from coursebuild.course import build, compared_cells, write  # noqa: E402
from coursebuild.source import read_source  # noqa: E402
from coursebuild.tasks import task_module  # noqa: E402

LESSON = """
# %% [markdown]
# # A lesson

# %%
for word in "one two".split():
    print(word)

# %%
n = 1 + 2

class Chart:
    def _repr_mimebundle_(self, **_):
        return {
            "text/plain": f"chart of {n}",
            "text/html": f"<b>{n}</b>",
            "image/svg+xml": f"<svg>\\n<title>{n}</title>\\n</svg>",
            "application/vnd.plotly.v1+json": {"layout": {}, "data": [{"x": [1, n - 1 / 2]}]},
        }

Chart()

# %% tags=["raises-exception"]
1 / 0

# %% tags=["nbval-skip"]
import time

time.time()

# %% tags=["nbval-ignore-output"]
import ipywidgets

ipywidgets.IntSlider(value=3)

# %%
import os
import pathlib

(os.environ["VCLOUD_LAB_PROGRESS"], os.environ["PYTHONHASHSEED"], pathlib.Path.cwd().name)

# %% [markdown]
# n is {{n}}, its half {{
# n / 2}} and in words {{f"{n}\\n'three'"}}.

# %%
n = 10 * n
"naïve ✓"

# %% [markdown]
# n is {{n}} now; { {this} } stays.
"""

EXERCISE = '''
# %% [markdown]
# # Exercises

# %%
from vcloud_lab.check import check

# %% tags=["task"]
from __future__ import annotations

ANSWERS = {'06.1': 40 + 2}  # "single quotes" for ruff to change

# %% [markdown] tags=["solution"]
# Why it is so.

# %% tags=["stub"] task="06.1"
quoted = """a \\\\ b"""
answer = ...

# %% tags=["solution"] task="06.1"
answer = sum([20, 22])

# %%
check("06.1", answer)
'''

# The smallest check library that the build can meet.
CHECK = """
from vcloud_lab.check.tasks import ch06

class Verdict:
    def __init__(self, text):
        self.text = text
    def __repr__(self):
        return self.text

def check(task, answer):
    if answer is ...:
        return Verdict(f"○ {task} not attempted: give a number.")
    if answer == ch06.ANSWERS[task]:
        return Verdict(f"✓ {task} correct: yes.")
    return Verdict(f"✗ {task} not yet: no.")
"""


def make_course(root: Path, lesson: str = LESSON, exercise: str = EXERCISE) -> Path:
    for part in ("lessons", "exercises"):
        (root / "authoring" / part).mkdir(parents=True)
    tasks = root / "vcloud_lab" / "check" / "tasks"
    tasks.mkdir(parents=True)
    (root / "vcloud_lab" / "__init__.py").touch()
    (tasks / "__init__.py").touch()
    (tasks.parent / "__init__.py").write_text(CHECK, encoding="utf-8")
    if lesson:
        (root / "authoring/lessons/01_small.py").write_text(lesson, encoding="utf-8")
    if exercise:
        (root / "authoring/exercises/06_small.py").write_text(exercise, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A course, and its files as built; nothing is written into it yet."""
    root = make_course(tmp_path_factory.mktemp("built"))
    return root, build(root)


@pytest.fixture
def written(built: tuple[Path, dict[str, bytes]], tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """A copy of the course with the built files in it, to be spoilt."""
    root, files = built
    copy = Path(shutil.copytree(root, tmp_path / "course"))
    write(copy, files)
    return copy, files


def lesson_of(files: dict[str, bytes]) -> dict:
    return json.loads(files["notebooks/01_small.ipynb"])


@pytest.fixture(scope="module")
def command() -> Callable[[list[str]], int]:
    """The main function of authoring/build.py."""
    spec = importlib.util.spec_from_file_location("course_build", ROOT / "authoring/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_the_four_kinds_of_file_are_built_and_nothing_is_written(built):
    root, files = built
    assert list(files) == [
        "exercises/06_small.ipynb",
        "notebooks/01_small.ipynb",
        "solutions/06_small.ipynb",
        "vcloud_lab/check/tasks/ch06.py",
    ]
    assert not (root / "notebooks").exists()


def test_a_second_build_gives_the_same_bytes(built):
    root, files = built
    assert build(root) == files


def test_the_file_of_a_notebook_is_canonical(built):
    text = built[1]["notebooks/01_small.ipynb"].decode()
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    assert "naïve ✓" in text
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info", "vcloud_lab"}
    assert "version" not in notebook["metadata"]["language_info"]
    assert notebook["metadata"]["vcloud_lab"]["source"] == "authoring/lessons/01_small.py"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)


def test_outputs_are_normalised(built):
    cells = [c for c in lesson_of(built[1])["cells"] if c["cell_type"] == "code"]
    stream, chart, error, skipped, widget, environment, _ = cells
    assert [c["execution_count"] for c in cells] == [1, 2, 3, None, 4, 5, 6]
    assert [(o["name"], o["text"]) for o in stream["outputs"]] == [
        ("stdout", ["one\n", "two\n"]),
    ]
    assert list(chart["outputs"][0]["data"]) == [
        "application/vnd.plotly.v1+json",
        "image/svg+xml",
        "text/html",
        "text/plain",
    ]
    assert error["outputs"][0]["traceback"] == ["ZeroDivisionError: division by zero"]
    assert skipped["outputs"] == []
    assert widget["outputs"][0]["data"] == {"text/plain": ["IntSlider(value=3)"]}
    assert environment["outputs"][0]["data"]["text/plain"] == ["('off', '0', 'notebooks')"]
    assert all(set(c["metadata"]) <= {"tags", "task"} for c in cells)


def test_numbers_in_prose_are_computed_where_they_stand(built):
    prose = ["".join(c["source"]) for c in lesson_of(built[1])["cells"]]
    assert "n is 3, its half 1.5 and in words 3\n'three'." in prose
    assert prose[-1] == "n is 30 now; { {this} } stays."


def test_a_cell_put_in_above_leaves_the_other_ids_alone(built, tmp_path):
    more = LESSON.replace("# %%\nfor", '# %%\n"new"\n\n# %%\nfor')
    root = make_course(tmp_path / "more", more, exercise="")
    before = {cell["id"] for cell in lesson_of(built[1])["cells"]}
    after = {cell["id"] for cell in lesson_of(build(root))["cells"]}
    assert before < after
    assert len(after - before) == 1


def test_twins_differ_in_stub_and_solution_only(built):
    files = built[1]
    exercise = files["exercises/06_small.ipynb"].decode()
    solution = files["solutions/06_small.ipynb"].decode()
    assert "answer = ..." in exercise
    assert "○ 06.1 not attempted" in exercise
    assert "Why it is so" not in exercise
    assert "sum([20, 22])" not in exercise
    assert "sum([20, 22])" in solution
    assert "✓ 06.1 correct" in solution
    assert "Why it is so" in solution
    assert "ANSWERS" not in exercise + solution
    stub = next(c for c in json.loads(exercise)["cells"] if "stub" in c["metadata"].get("tags", []))
    assert stub["metadata"]["task"] == "06.1"


def test_the_task_module_has_the_tasks_and_the_stubs_as_they_are(built):
    root, files = built
    text = files["vcloud_lab/check/tasks/ch06.py"].decode()
    assert "authoring/exercises/06_small.py" in text.split('"""')[1]
    assert 'ANSWERS = {"06.1": 40 + 2}' in text
    assert text.count("from __future__ import annotations") == 1
    space: dict = {}
    exec(text, space)
    assert space["STUBS"] == {"06.1": 'quoted = """a \\\\ b"""\nanswer = ...\n'}
    source = read_source(root, root / "authoring/exercises/06_small.py")
    assert task_module(root, source) == text.encode()
    again = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "-"],
        input=text.encode(),
        capture_output=True,
    )
    assert again.returncode == 0


def test_writing_touches_only_what_differs(written):
    root, files = written
    assert write(root, files) == []
    path = root / "notebooks/01_small.ipynb"
    path.write_bytes(b"{}")
    assert write(root, files) == ["notebooks/01_small.ipynb"]
    assert path.read_bytes() == files["notebooks/01_small.ipynb"]
    assert not list(root.rglob(".building-*"))


def test_nothing_is_written_when_one_file_cannot_be(built, tmp_path):
    root = Path(shutil.copytree(built[0], tmp_path / "course"))
    (root / "solutions").write_text("a file where a folder must be")
    with pytest.raises(CourseError, match="cannot write the built course"):
        write(root, built[1])
    left = [p.name for p in root.rglob("*") if p.suffix == ".ipynb" or ".building-" in p.name]
    assert left == []
    assert not (root / "vcloud_lab/check/tasks/ch06.py").exists()


def test_check_is_content_with_what_was_written(written):
    root, files = written
    assert differences(root, files) + orphans(root, files) == []
    assert compared_cells(files) == 8


def spoil(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text(encoding="utf-8")
    assert old in text
    (root / path).write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("notebooks/01_small.ipynb", "chart of 3", "chart of 4", "cell 3, output 1, text/plain"),
        ("notebooks/01_small.ipynb", "<b>3</b>", "<b>4</b>", "cell 3, output 1, text/html"),
        ("notebooks/01_small.ipynb", "<title>3", "<title>4", "cell 3, output 1, image/svg"),
        ("notebooks/01_small.ipynb", "2.5\n", "2.6\n", "output 1, application/vnd.plotly.v1+json"),
        ("notebooks/01_small.ipynb", '"two\\n"', '"2\\n"', "cell 2, output 1, text differs"),
        ("notebooks/01_small.ipynb", "1 / 0", "2 / 0", "cell 4, source differs"),
        ("notebooks/01_small.ipynb", '"python3"', '"mine"', "metadata differs"),
        ("notebooks/01_small.ipynb", "\n ", "\n  ", "another layout"),
        ("notebooks/01_small.ipynb", '"cells"', '"cell"', "cannot be read"),
        ("exercises/06_small.ipynb", "answer = ...", "answer = 42", "source differs"),
        ("solutions/06_small.ipynb", "✓", "✗", "✗ 06.1 correct"),
        ("vcloud_lab/check/tasks/ch06.py", "40 + 2", "40 + 3", '-ANSWERS = {"06.1": 40 + 3}'),
    ],
)
def test_a_changed_file_is_found_and_described(written, path, old, new, said):
    root, files = written
    spoil(root, path, old, new)
    (problem,) = differences(root, files)
    assert problem.startswith(path)
    assert said in problem


def test_missing_and_orphaned_files_are_found(written):
    root, files = written
    (root / "exercises/06_small.ipynb").rename(root / "exercises/07_other.ipynb")
    (root / "vcloud_lab/check/tasks/ch09.py").touch()
    (root / "exercises/06_small.backup-1.ipynb").touch()
    (root / "exercises/.ipynb_checkpoints").mkdir()
    (root / "exercises/.ipynb_checkpoints/a.ipynb").touch()
    assert differences(root, files) == [
        "exercises/06_small.ipynb: missing; its source builds it.",
    ]
    assert [text.split(":")[0] for text in orphans(root, files)] == [
        "exercises/07_other.ipynb",
        "vcloud_lab/check/tasks/ch09.py",
    ]


@pytest.mark.slow
def test_the_command_builds_checks_and_fails(tmp_path, command, capsys):
    root = make_course(tmp_path, '# %% [markdown]\n# # A\n\n# %%\n"one"\n', exercise="")
    at = ["--root", str(root)]
    assert command(at) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote notebooks/01_small.ipynb",
        "Built 1 files: 1 written, 0 already up to date.",
    ]
    assert command([*at, "--check"]) == 0
    assert "1 files, 1 cells" in capsys.readouterr().out
    spoil(root, "notebooks/01_small.ipynb", "'one'", "'two'")
    (root / "solutions").mkdir()
    (root / "solutions/99_old.ipynb").touch()
    done = subprocess.run(
        [sys.executable, str(ROOT / "authoring/build.py"), *at, "--check"],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert "notebooks/01_small.ipynb: cell 2, output 1, text/plain differs" in done.stderr
    assert "+'one'" in done.stderr
    assert "solutions/99_old.ipynb: no source builds it" in done.stderr
    assert command([*at, "02_none", "--check"]) == 1
    assert capsys.readouterr().err == (
        "No lesson or exercise is named '02_none': choose one of 01_small.\n"
    )


def code(text: str, tags: str = "") -> str:
    return f"# %% [markdown]\n# # A\n\n# %%{tags}\n{dedent(text)}"


@pytest.mark.parametrize(
    ("lesson", "said"),
    [
        (code("1 / 0"), "cell 2 (`1 / 0`) raises ZeroDivisionError: division by zero"),
        (code("import sys\nsys.stderr.write('oh')"), "writes to stderr: oh"),
        (code("import warnings\nwarnings.warn('soon')"), "writes to stderr: "),
        (code("1 + 1", ' tags=["raises-exception"]'), "tagged raises-exception and raises nothing"),
        (code("open('left.txt', 'w').close()"), "notebooks/left.txt: a cell left this file"),
        (
            "# %% [markdown]\n# # {{1 / 0}} and {{1}}\n\n# %%\n1",
            "cell 1 (`# {{1 / 0}} and 1`): {{1 / 0}} raises ZeroDivisionError: division by zero",
        ),
        (code("import os\nos._exit(3)"), "cell 2 (`import os`): the kernel died"),
        (code("while True: pass"), "cell 2 (`while True: pass`) ran longer than 4 s"),
    ],
)
def test_a_lesson_that_does_not_run_clean_stops_the_build(tmp_path, lesson, said):
    root = make_course(tmp_path, lesson)
    with pytest.raises(CourseError) as caught:
        build(root, ["01_small"], seconds=4)
    (problem,) = str(caught.value).splitlines()
    assert said in problem
    assert problem.startswith("notebooks/")


def test_every_failing_notebook_is_told_and_nothing_is_written(tmp_path, command, capsys):
    exercise = EXERCISE.replace("sum([20, 22])", "sum([20, 23])")
    root = make_course(tmp_path, code("1 / 0"), exercise)
    assert command(["--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert [line.split(",")[0] for line in said.splitlines()] == [
        "notebooks/01_small.ipynb",
        "solutions/06_small.ipynb",
    ]
    assert "the check must say ✓ (correct), and says: ✗ 06.1 not yet: no." in said
    assert not list(root.rglob("*.ipynb"))
    assert not (root / "vcloud_lab/check/tasks/ch06.py").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("answer = ...", "answer = 42", "the check must say ○ (not attempted), and says: ✓"),
        ('check("06.1", answer)', "answer", "no cell shows the verdict of check('06.1', ...)"),
        (
            'check("06.1", answer)',
            'print("answer = sum([20, 22])")\ncheck("06.1", answer)',
            "shows a line of the solution of 06.1: answer = sum([20, 22])",
        ),
        ("# # Exercises", "# # `ANSWERS = {'06.1': 40 + 2}`", "shows a line of the task cell"),
    ],
)
def test_an_exercise_that_gives_too_much_or_checks_too_little_is_refused(tmp_path, old, new, said):
    comment = '  # "single quotes" for ruff to change'
    root = make_course(tmp_path, "", EXERCISE.replace(comment, "").replace(old, new))
    with pytest.raises(CourseError) as caught:
        build(root)
    assert any(
        line.startswith("exercises/06_small.ipynb") and said in line
        for line in str(caught.value).splitlines()
    ), caught.value


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["stub"]', '["stubs"]', "cell 5: the tag 'stubs' is unknown"),
        ('["stub"]', '["stub", "task"]', "cell 5: the tags ['stub', 'task'] exclude each other"),
        ('["stub"] task="06.1"', '["stub"]', "cell 5: a stub cell needs the id of its task"),
        ('["stub"] task', '["stub"] tusk', "'tusk' is not cell metadata of this course"),
        ('["stub"] task="06.1"', '["stub"] task="07.1"', "must begin with 06."),
        ('["stub"] task="06.1"', '["solution"] task="06.1"', "has 0 stub cells"),
        ('["solution"] task="06.1"', '["stub"] task="06.1"', "has 2 stub cells"),
        ('tags=["solution"] task="06.1"', "", "has no solution cell"),
        ("40 + 2", "undefined_name", "F821"),
        ("40 + 2", "40 +", "ruff refuses the module of its task cells"),
    ],
)
def test_a_broken_exercise_file_is_one_sentence(tmp_path, old, new, said):
    assert old in EXERCISE
    root = make_course(tmp_path, "", EXERCISE.replace(old, new))
    with pytest.raises(CourseError, match=r"^authoring/exercises/06_small\.py") as caught:
        build(root)
    assert said in str(caught.value)


def test_other_broken_files_are_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="has no authoring/lessons"):
        build(tmp_path)
    root = make_course(tmp_path, EXERCISE, "")
    with pytest.raises(CourseError, match="belongs to exercises; a lesson has no twins"):
        build(root)
    (root / "authoring/lessons/01_small.py").rename(root / "authoring/lessons/small.py")
    with pytest.raises(CourseError, match="two digits, _ and lower-case words"):
        build(root)


def test_two_exercise_files_of_one_chapter_are_refused(tmp_path):
    root = make_course(tmp_path, "")
    (root / "authoring/exercises/06_again.py").write_text(EXERCISE, encoding="utf-8")
    with pytest.raises(CourseError, match="another exercise file already makes"):
        build(root)


REAL = """
# %% [markdown]
# # Exercises

# %%
from vcloud_lab.check import check, reset

# %% tags=["task"]
from vcloud_lab.check import kinds
from vcloud_lab.scheduling import FCFS, Workload

kinds.number(
    "98.1",
    title="The bakery",
    workload=Workload([("P1", 0, 24), ("P2", 0, 3), ("P3", 0, 3)]),
    policy=FCFS(),
    hints=("Draw the chart.", "Look at the starts.", "Take the mean of the starts."),
)

# %% tags=["stub"] task="98.1"
mine = ...  # your number

# %% tags=["solution"] task="98.1"
mine = (0 + 24 + 27) / 3

# %%
check("98.1", mine)
"""


@pytest.mark.slow
def test_the_real_check_library_understands_a_built_task(tmp_path):
    """Verdicts are recognised, the module registers its task, and its stub comes back."""
    (tmp_path / "authoring/exercises").mkdir(parents=True)
    (tmp_path / "authoring/exercises/98_real.py").write_text(REAL, encoding="utf-8")
    shutil.copytree(ROOT / "vcloud_lab", tmp_path / "vcloud_lab")
    files = build(tmp_path)
    assert "○ 98.1 not attempted" in files["exercises/98_real.ipynb"].decode()
    assert "✓ 98.1 correct" in files["solutions/98_real.ipynb"].decode()
    write(tmp_path, files)
    done = subprocess.run(
        [sys.executable, "-c", "from vcloud_lab.check import reset; print(reset('98.1'))"],
        cwd=tmp_path,
        env={"VCLOUD_LAB_PROGRESS": "off"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout.strip() == "mine = ...  # your number", done.stderr

    spoil(tmp_path, "authoring/exercises/98_real.py", "27) / 3", "27) / 2")
    with pytest.raises(CourseError, match=r"says: ✗ 98\.1 not yet"):
        build(tmp_path)


NBVAL = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-W", "error", "-q"]


def nbval(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", *NBVAL, "--color=no", "-rf", "notebooks"]
    return subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8")


@pytest.mark.slow
def test_nbval_compares_text_html_svg_and_plotly(tmp_path):
    """Built outputs pass; one changed value in any of them does not."""
    start = LESSON.index("# %%\nn = ")
    end = LESSON.index("# %%\nimport os\n")
    root = make_course(tmp_path, "# %% [markdown]\n# # A\n\n" + LESSON[start:end], "")
    good = build(root)["notebooks/01_small.ipynb"].decode()
    folder = root / "notebooks"
    folder.mkdir()
    (folder / "good.ipynb").write_text(good, encoding="utf-8")
    doctored = {
        "plain": ("chart of 3", "chart of 4"),
        "html": ("<b>3</b>", "<b>4</b>"),
        "svg": ("<title>3", "<title>4"),
        "plotly": ("2.5\n", "2.6\n"),
    }
    for name, (old, new) in doctored.items():
        assert good.count(old) >= 1
        cells = json.loads(good)
        for cell in cells["cells"]:
            if cell.get("outputs"):
                changed = json.dumps(cell["outputs"], indent=1).replace(old, new)
                cell["outputs"] = json.loads(changed)
        (folder / f"{name}.ipynb").write_text(json.dumps(cells), encoding="utf-8")
    done = nbval(root)
    failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {f"notebooks/{name}.ipynb::Cell" for name in doctored}, done.stdout
    assert "4 failed, 11 passed, 5 skipped" in done.stdout
