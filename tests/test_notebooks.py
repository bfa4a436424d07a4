"""The committed notebooks keep the rules of notebook_rules.py, and each rule can refuse one."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from vcloud_lab.check import registry, tasks

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "authoring"), str(ROOT / "tests")]

import notebook_rules as rules  # noqa: E402
from coursebuild.leaks import leaks  # noqa: E402
from coursebuild.source import Cell, Source, read_source  # noqa: E402

FOLDERS = ("notebooks", "exercises", "solutions")
PATHS = [
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in sorted((ROOT / folder).glob("*.ipynb"))
    if ".backup-" not in path.name
]
LESSONS = [path for path in PATHS if path.startswith("notebooks/")]
EXERCISES = [path for path in PATHS if path.startswith("exercises/")]
TWINS = [path for path in PATHS if not path.startswith("notebooks/")]
# Written by hand: a cell that stops being compared has to be taken out here, knowingly.
TABLE = json.loads((ROOT / "authoring/compared_cells.json").read_text(encoding="utf-8"))


def load(path: str) -> rules.Notebook:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def chapter_tasks(path: str) -> list[registry.Task]:
    return registry.of_chapter(Path(path).stem[:2])


def secrets(path: str) -> dict[str, list[str]]:
    return {task.id: list(task.secrets()) for task in chapter_tasks(path)}


def test_every_source_is_built_and_listed():
    expected = {f"notebooks/{p.stem}.ipynb" for p in (ROOT / "authoring/lessons").glob("*.py")}
    for path in (ROOT / "authoring/exercises").glob("*.py"):
        expected |= {f"exercises/{path.stem}.ipynb", f"solutions/{path.stem}.ipynb"}
        assert path.stem[:2] in tasks.chapters()
    assert set(PATHS) == expected
    assert set(TABLE["compared"]) == expected
    assert set(TABLE["large"]) <= expected


@pytest.mark.parametrize("path", PATHS)
def test_compared_cells(path):
    assert rules.counts(load(path), TABLE["compared"].get(path)) == []


@pytest.mark.parametrize("path", PATHS)
def test_sizes(path):
    assert rules.sizes(load(path), TABLE["large"].get(path)) == []


@pytest.mark.parametrize("path", PATHS)
def test_form(path):
    notebook = load(path)
    nbformat.validate(notebook)
    assert rules.metadata(notebook, path) == []
    assert rules.executed(notebook) == []
    assert rules.headings(notebook) == []
    assert rules.no_holes(notebook) == []


@pytest.mark.parametrize("path", PATHS)
def test_outputs_and_code(path):
    notebook = load(path)
    assert rules.stable_outputs(notebook) == []
    assert rules.code_style(notebook) == []
    assert rules.charts(notebook) == []


@pytest.mark.parametrize("path", PATHS)
def test_links(path):
    assert rules.links(load(path), path, ROOT) == []


@pytest.mark.parametrize("path", LESSONS)
def test_lessons(path):
    notebook = load(path)
    assert rules.imports(notebook) == []
    assert rules.next_link(notebook) == []


@pytest.mark.parametrize("path", TWINS)
def test_tasks(path):
    role = "stub" if path in EXERCISES else "solution"
    ids = [task.id for task in chapter_tasks(path)]
    assert ids
    assert rules.task_cells(load(path), ids, role) == []


@pytest.mark.parametrize("path", EXERCISES)
def test_an_exercise_tells_no_solution(path):
    notebook = load(path)
    source = read_source(ROOT, ROOT / notebook["metadata"]["vcloud_lab"]["source"])
    assert leaks(source, nbformat.from_dict(notebook_strings(notebook))) == []
    assert rules.answers_shown(notebook, secrets(path)) == []


def notebook_strings(notebook: rules.Notebook) -> rules.Notebook:
    """The notebook with its multi-line strings joined, as nbformat reads it."""
    return nbformat.reads(json.dumps(notebook), as_version=4)


# ---- each rule meets a notebook that it must refuse -------------------------------------------


def code(source: str, *outputs: dict[str, Any], tag: str = "", **more: Any) -> rules.Cell:
    metadata = ({"tags": [tag]} if tag else {}) | more
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": metadata}


def show(**data: Any) -> dict[str, Any]:
    mimes = {"plain": "text/plain", "html": "text/html", "svg": "image/svg+xml",
             "plotly": "application/vnd.plotly.v1+json"}  # fmt: skip
    data = {mimes[name]: value for name, value in data.items()}
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def text(source: str) -> rules.Cell:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def made(*cells: rules.Cell) -> rules.Notebook:
    """A notebook as the build would make it."""
    count = 0
    for number, cell in enumerate(cells):
        cell["id"] = f"{number:012x}"
        if cell["cell_type"] == "code":
            skipped = "nbval-skip" in cell["metadata"].get("tags", [])
            count += not skipped
            cell["execution_count"] = None if skipped else count
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "vcloud_lab": {"source": "authoring/lessons/01_made.py"},
    }
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


CHART = {"svg": "<svg><title>A</title></svg>", "plain": "A", "plotly": {"data": [1]}}
GOOD = made(
    text("# A lesson\n\n![a picture](../README.md) and [more](01_made.ipynb#there)"),
    code("import math"),
    code("math.floor(2.5)", show(plain="2")),
    code("chart", show(**CHART)),
    code("{'a': 1}", show(plain="{'a': 1}"), stream("{1, 2} in print is read, not shown\n")),
    code("import time\ntime.time()", tag="nbval-skip"),
    code("interact(f)", show(plain="interactive"), tag="nbval-ignore-output"),
    text("## Sources\n\n```\n# not a heading\n{{not a hole}}\n```\n**Next:** [on](01_made.ipynb)"),
)
EXERCISE = made(
    text("# Exercises\n\n## 06.1 A number"),
    code("answer = ...", tag="stub", task="06.1"),
    code('check("06.1", answer)', show(plain="○ 06.1 not attempted: ...")),
    code("chart", show(plain="0  5  17"), stream("5.6667 and 15.667\n")),
)


def changed(change: Callable[[rules.Notebook], object], base: rules.Notebook = GOOD) -> Any:
    notebook = copy.deepcopy(base)
    change(notebook)
    return notebook


def with_cell(*cells: rules.Cell) -> rules.Notebook:
    return made(*copy.deepcopy(GOOD["cells"][:-1]), *cells, copy.deepcopy(GOOD["cells"][-1]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/01_made.ipynb").touch()
    (tmp_path / "README.md").touch()
    return tmp_path


PATH = "notebooks/01_made.ipynb"
REFUSED = [
    (rules.sizes, with_cell(code("1", show(plain="x" * 60_000))), "cell 8 has"),
    (rules.sizes, with_cell(text("x" * 700_000)), "the notebook has"),
    (rules.executed, changed(lambda n: n["cells"][2].update(execution_count=7)), "counts"),
    (rules.executed, changed(lambda n: n["cells"][5].update(outputs=[stream("1")])), "skipped"),
    (rules.headings, with_cell(text("# Another")), "one H1"),
    (rules.headings, made(text("no heading")), "one H1"),
    (rules.no_holes, with_cell(text("is {{n}}.")), "{{n}} was not computed"),
    (rules.no_holes, with_cell(text("is n}}")), "n}} was not computed"),
    (rules.imports, with_cell(code("def f():\n    import os")), "found [2, 8]"),
    (rules.imports, made(text("# A"), code("1")), "found []"),
    (rules.next_link, changed(lambda n: n["cells"].pop()), "the last cell"),
    (rules.next_link, with_cell(text("a")) | {"cells": [text("**Next:** soon")]}, "the last cell"),
    (rules.stable_outputs, with_cell(code("f", show(plain="<f at 0x7f12ab>"))), "an address"),
    (rules.stable_outputs, with_cell(code("f", show(html="in /home/me/x"))), "a path"),
    (rules.stable_outputs, with_cell(code("f", stream("File /home/me/a.py"))), "a path"),
    (rules.stable_outputs, with_cell(code("f", stream("on 2026-03-01 at"))), "a clock"),
    (rules.stable_outputs, with_cell(code("f", show(plain="{'a', 'b'}"))), "shows a set"),
    (rules.stable_outputs, with_cell(code("f", show(plain="frozenset({1})"))), "shows a set"),
    (rules.stable_outputs, with_cell(code("f", stream("oh", "stderr"))), "stderr"),
    (
        rules.stable_outputs,
        with_cell(code("f", show(plotly={"x": [float("nan")]}))),
        "NaN or Infinity",
    ),
    (rules.code_style, with_cell(code("plot();")), "hides its result"),
    (rules.code_style, with_cell(code("interact(f, x=3)")), "uses interact"),
    (rules.code_style, with_cell(code("w.Output()")), "uses Output"),
    (rules.code_style, with_cell(code("go.FigureWidget()")), "uses FigureWidget"),
    (rules.code_style, with_cell(code("start = perf_counter()  # monotonic")), "uses a clock"),
    (rules.code_style, with_cell(code("x = 1\n%time x")), "uses a magic"),
    (rules.code_style, with_cell(code("input()")), "uses input"),
    (rules.charts, with_cell(code("f", show(svg="<svg></svg>", plain="a"))), "no title"),
    (rules.charts, with_cell(code("f", show(plotly={"data": []}))), "no text twin"),
    (
        rules.charts,
        with_cell(code("f", show(html='<script src="https://cdn.example/x.js">', plain=""))),
        "loads https://cdn.example/x.js",
    ),
]


@pytest.mark.parametrize(("rule", "notebook", "said"), REFUSED)
def test_each_rule_refuses_what_breaks_it(rule, notebook, said):
    assert rule(GOOD) == []
    (breach,) = rule(notebook)
    assert said in breach


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n: n["metadata"].update(widgets={}), "metadata has 'widgets'"),
        (lambda n: n["metadata"]["kernelspec"].update(name="mine"), "the kernel is not python3"),
        (lambda n: n["metadata"]["language_info"].update(version="3.11.7"), "version of Python"),
        (lambda n: n["metadata"].pop("vcloud_lab"), "does not name its source"),
        (lambda n: n["cells"][1].update(id=n["cells"][0]["id"]), "the same id"),
        (lambda n: n["cells"][1].update(id="a-b"), "is not built"),
        (lambda n: n["cells"][1]["metadata"].update(execution={}), "cell 2 has metadata"),
    ],
)
def test_metadata_is_refused(change, said):
    assert rules.metadata(GOOD, PATH) == []
    (breach,) = rules.metadata(changed(change), PATH)
    assert said in breach


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("[a](02_none.ipynb)", "the link to 02_none.ipynb leads nowhere"),
        ("[a](../notebooks)", "leads nowhere"),
        ("![ ](../README.md)", "the picture ../README.md has no text"),
        ('<img src="https://a.example/b.png">', "no alt text"),
        ('<img src="a.png" alt="">', "no alt text"),
    ],
)
def test_links_are_refused(folder, source, said):
    assert rules.links(GOOD, PATH, folder) == []
    (breach,) = rules.links(with_cell(text(source)), PATH, folder)
    assert said in breach
    assert rules.links(with_cell(text("[a](https://a.example) [b](#c)")), PATH, folder) == []


def test_counts_are_refused():
    assert rules.compared(GOOD) == [3, 4, 5]
    assert rules.counts(GOOD, 3) == []
    assert "3 cells are compared" in rules.counts(GOOD, 4)[0]
    assert "3 cells are compared" in rules.counts(GOOD, None)[0]
    ignored = [code("f", show(plain="1"), tag="nbval-ignore-output") for _ in range(2)]
    assert rules.counts(with_cell(*ignored), 3) == [
        "only 3 of 6 cells with outputs are compared",
    ]
    assert "only 0 of 0" in rules.counts(made(text("# A")), 0)[0]


def test_sizes_of_a_justified_output_are_accepted():
    large = with_cell(code("1", show(plain="x" * 60_000)))
    assert rules.sizes(large, {"8": 61_000}) == []
    assert rules.sizes(large, {"7": 61_000}) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n: n["cells"][0].update(source="# Exercises\n\n## 06.11"), "has no text"),
        (lambda n: n["cells"][1]["metadata"].pop("task"), "has no stub cell"),
        (lambda n: n["cells"][1]["metadata"].update(tags=[]), "has no stub cell"),
        (lambda n: n["cells"][2].update(source="answer"), "is never checked"),
        (lambda n: n["cells"][3].update(source='check("06.2", 1)'), "06.2 is not defined"),
    ],
)
def test_tasks_without_their_parts_are_refused(change, said):
    assert rules.task_cells(EXERCISE, ["06.1"], "stub") == []
    (breach,) = rules.task_cells(changed(change, EXERCISE), ["06.1"], "stub")
    assert said in breach


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (code("chart", stream("mean 17/3\n")), True),
        (code("chart", show(html="<td>5.667</td>")), True),
        (text("# 5.667"), True),
        (code('hint("06.1")', show(plain="it is 17.")), True),
        (code("chart", show(plain="at 17.")), False),
        (code("chart", show(plain="at 5.6671 or 15.667 or 17/31", svg="5.667")), False),
    ],
)
def test_a_told_answer_is_refused(cell, found):
    asked = {"06.1": ["17/3", "5.667", "17"]}
    assert rules.answers_shown(EXERCISE, asked) == []
    notebook = made(*copy.deepcopy(EXERCISE["cells"]), cell)
    assert bool(rules.answers_shown(notebook, asked)) is found


def test_a_shown_solution_is_refused():
    source = Source("x.py", "exercises", "06_made", (
        Cell("code", "import math\nDATA = math.tau\n('P1', 0, 24),", ("task",), "task", ""),
        Cell("code", "answer = ...\ntotal = [1, 2]", ("stub",), "stub", "06.1"),
        Cell("code", "total = [1, 2]\nfor i in total:\n    answer  = sum(total)",
             ("solution",), "solution", "06.1"),
    ))  # fmt: skip
    innocent = made(text("# `import math`"), code("('P1', 0, 24),\ntotal = [1, 2]"))
    assert leaks(source, notebook_strings(innocent)) == []
    for cell, line in [
        (text("Write `answer = sum(total)`."), "answer = sum(total)"),
        (code("f", stream("answer = sum(total)\n")), "answer = sum(total)"),
        (code("f", show(html="<pre>DATA = math.tau</pre>")), "DATA = math.tau"),
        (code("DATA = math.tau"), "DATA = math.tau"),
    ]:
        (breach,) = leaks(source, notebook_strings(made(cell)))
        assert breach.endswith(line)
