"""The rules that every built notebook keeps; each returns one sentence for each breach.

A rule gets the parsed notebook and its path relative to the course's folder. The rules are
applied in test_notebooks.py, where each of them also meets a notebook that it must refuse.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

Notebook = dict[str, Any]
Cell = dict[str, Any]

NOTEBOOK_BYTES = 700_000
OUTPUT_BYTES = 60_000
COMPARED_SHARE = Fraction(60, 100)
NOT_COMPARED = {"nbval-ignore-output", "nbval-skip"}

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
_IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_UNSTABLE = {
    "an address": re.compile(r" at 0x[0-9a-fA-F]{4,}>"),  # of a Python object, not of a guest
    "a path of one machine": re.compile(
        r"(?<![\w.])/(home|root|tmp|Users|work|usr|opt|var)/\w|[A-Z]:\\\\?\w|site-packages"
    ),
    "a clock": re.compile(r"\b20[2-9]\d-\d\d-\d\d\b|\b\d+(\.\d+)? ?(ms|µs|μs|ns) per\b|Wall time"),
}
_SET = re.compile(r"^\s*(\{(?!\s*\})[^:]*\}|frozenset\(.*|set\(\))\s*$", re.DOTALL)
_REFUSED_CODE = {
    "interact": re.compile(r"\binteract(ive|_manual)?\s*\("),
    "Output": re.compile(r"(?<!\w)Output\s*\("),
    "FigureWidget": re.compile(r"\bFigureWidget\b"),
    "a clock": re.compile(r"\b(perf_counter|monotonic|time\.time|datetime\.now|utcnow|today)\("),
    "a magic": re.compile(r"^\s*(%|!)", re.MULTILINE),
    "input": re.compile(r"(?<![\w.])input\s*\("),
}


def text_of(value: str | list[str]) -> str:
    """A multi-line string of the notebook format as one string."""
    return value if isinstance(value, str) else "".join(value)


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[int, Cell]]:
    """The cells of a kind, numbered from 1 among all cells."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == kind:
            yield number, cell


def tags(cell: Cell) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def compared(notebook: Notebook) -> list[int]:
    """The numbers of the cells whose outputs nbval compares."""
    return [n for n, c in cells(notebook, "code") if c["outputs"] and not tags(c) & NOT_COMPARED]


def output_texts(cell: Cell, *, charts: bool = True) -> Iterator[tuple[str, str]]:
    """(what, text) of each output of a code cell; without charts only text and tables."""
    for out in cell["outputs"]:
        if "text" in out:
            yield out["name"], text_of(out["text"])
        if out["output_type"] == "error":
            yield "error", "\n".join([out["ename"], out["evalue"], *out["traceback"]])
        for mime, value in out.get("data", {}).items():
            if charts or mime in ("text/plain", "text/html", "text/markdown"):
                dumped = isinstance(value, dict)
                yield mime, json.dumps(value, ensure_ascii=False) if dumped else text_of(value)


def prose(notebook: Notebook) -> Iterator[tuple[int, str]]:
    """The Markdown cells without their code blocks."""
    for number, cell in cells(notebook, "markdown"):
        yield number, _FENCE.sub("", text_of(cell["source"]))


def counts(notebook: Notebook, wanted: int | None) -> list[str]:
    """As many cells are compared as the table says, and at least 60 % of those with outputs."""
    found = compared(notebook)
    shown = [number for number, cell in cells(notebook, "code") if cell["outputs"]]
    breaches = []
    if len(found) != wanted:
        breaches.append(f"{len(found)} cells are compared, where compared_cells.json says {wanted}")
    if not shown or Fraction(len(found), len(shown)) < COMPARED_SHARE:
        breaches.append(f"only {len(found)} of {len(shown)} cells with outputs are compared")
    return breaches


def sizes(notebook: Notebook, large: dict[str, int] | None = None) -> list[str]:
    """The notebook and each output stay small; large maps a cell number to its own limit."""
    breaches = []
    total = len(json.dumps(notebook, indent=1, ensure_ascii=False).encode())
    if total > NOTEBOOK_BYTES:
        breaches.append(f"the notebook has {total} bytes, more than {NOTEBOOK_BYTES}")
    for number, cell in cells(notebook, "code"):
        limit = (large or {}).get(str(number), OUTPUT_BYTES)
        for out in cell["outputs"]:
            size = len(json.dumps(out, ensure_ascii=False).encode())
            if size > limit:
                breaches.append(f"an output of cell {number} has {size} bytes, more than {limit}")
    return breaches


def metadata(notebook: Notebook, path: str) -> list[str]:
    """No widget state, no traces of a run, a source, the plain kernel name, sane ids."""
    found = notebook["metadata"]
    breaches = [f"metadata has {key!r}" for key in found.keys() - {
        "kernelspec", "language_info", "vcloud_lab"}]  # fmt: skip
    if found.get("kernelspec", {}).get("name") != "python3":
        breaches.append("the kernel is not python3")
    if "version" in found.get("language_info", {}):
        breaches.append("language_info names a version of Python")
    part = "lessons" if path.startswith("notebooks/") else "exercises"
    source = f"authoring/{part}/{Path(path).stem}.py"
    if found.get("vcloud_lab", {}).get("source") != source:
        breaches.append(f"the metadata does not name its source {source}")
    ids = [cell.get("id", "") for cell in notebook["cells"]]
    if len(set(ids)) != len(ids):
        breaches.append("two cells have the same id")
    breaches += [f"the id {i!r} is not built" for i in ids if not re.fullmatch("[0-9a-f]{12}", i)]
    for number, cell in enumerate(notebook["cells"], start=1):
        extra = cell["metadata"].keys() - {"tags", "task"}
        breaches += [f"cell {number} has metadata {key!r}" for key in sorted(extra)]
    return breaches


def executed(notebook: Notebook) -> list[str]:
    """Each cell ran, in order, and none but a skipped one was left out."""
    ran = [c for _, c in cells(notebook, "code") if "nbval-skip" not in tags(c)]
    skipped = [c for _, c in cells(notebook, "code") if "nbval-skip" in tags(c)]
    breaches = []
    if [c["execution_count"] for c in ran] != list(range(1, len(ran) + 1)):
        breaches.append("the execution counts are not 1, 2, 3, ...")
    if any(c["outputs"] or c["execution_count"] for c in skipped):
        breaches.append("a skipped cell has been run")
    return breaches


def stable_outputs(notebook: Notebook) -> list[str]:
    """No output depends on the machine, the moment or the hash order."""
    breaches = []
    for number, cell in cells(notebook, "code"):
        for what, text in output_texts(cell):
            found = ((name, rule.search(text)) for name, rule in _UNSTABLE.items())
            breaches += [f"cell {number} shows {n} ({what}): {m[0]}" for n, m in found if m]
            if what == "text/plain" and _SET.match(text):
                breaches.append(f"cell {number} shows a set: {text[:60]}")
            if what == "stderr":
                breaches.append(f"cell {number} writes to stderr")
            if what.endswith("json") and re.search(r"\b(NaN|Infinity)\b", text):
                breaches.append(f"cell {number} shows what is not JSON: NaN or Infinity")
    return breaches


def code_style(notebook: Notebook) -> list[str]:
    """No code that nbval cannot compare, that reads a clock, or that hides its result."""
    breaches = []
    for number, cell in cells(notebook, "code"):
        source = text_of(cell["source"])
        if tags(cell) & NOT_COMPARED:
            continue
        if source.rstrip().endswith(";"):
            breaches.append(f"cell {number} hides its result with a ;")
        breaches += [f"cell {number} uses {name}" for name, rule in _REFUSED_CODE.items()
                     if rule.search(source)]  # fmt: skip
    return breaches


def headings(notebook: Notebook) -> list[str]:
    """One H1, and the notebook begins with it."""
    found = [(n, line) for n, text in prose(notebook) for line in text.splitlines()
             if re.match(r"# \S", line)]  # fmt: skip
    if [number for number, _ in found] != [1]:
        return [f"there must be one H1, in the first cell; found {found}"]
    return []


def imports(notebook: Notebook) -> list[str]:
    """A lesson imports in one cell; a skipped cell may bring its own."""
    found = []
    for number, cell in cells(notebook, "code"):
        if "nbval-skip" in tags(cell):
            continue
        nodes = ast.walk(ast.parse(text_of(cell["source"])))
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes):
            found.append(number)
    return [] if len(found) == 1 else [f"there must be one cell with imports; found {found}"]


def links(notebook: Notebook, path: str, root: Path) -> list[str]:
    """Relative links lead to files of the course, and every picture has a text."""
    breaches = []
    for number, text in prose(notebook):
        for picture, label, target in _LINK.findall(text):
            if picture and not label.strip():
                breaches.append(f"cell {number}: the picture {target} has no text")
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (root / path).parent.joinpath(target.split("#")[0]).resolve().is_file():
                breaches.append(f"cell {number}: the link to {target} leads nowhere")
        for tag in _IMAGE_TAG.findall(text):
            if not re.search(r"""\balt=(["'])\s*\S.*?\1""", tag):
                breaches.append(f"cell {number}: a picture has no alt text: {tag}")
    return breaches


def next_link(notebook: Notebook) -> list[str]:
    """A lesson ends with a link to what comes next."""
    last = notebook["cells"][-1]
    text = text_of(last["source"]) if last["cell_type"] == "markdown" else ""
    if re.search(r"^\*\*Next:?\*\*:?.*\]\([^)]+\.ipynb\)", text, re.MULTILINE):
        return []
    return ["the last cell has no line `**Next:** [...](....ipynb)`"]


def charts(notebook: Notebook) -> list[str]:
    """Every SVG says what it shows, has a text twin, and loads nothing."""
    breaches = []
    for number, cell in cells(notebook, "code"):
        for out in cell["outputs"]:
            data = out.get("data", {})
            svg = text_of(data.get("image/svg+xml", ""))
            if svg and not re.search(r"""<title\b[^>]*>\s*\S|aria-label=["']\s*\S""", svg):
                breaches.append(f"cell {number}: the SVG has no title or label")
            if (svg or "application/vnd.plotly.v1+json" in data) and "text/plain" not in data:
                breaches.append(f"cell {number}: the chart has no text twin")
            for what, text in output_texts(cell):
                for address in re.findall(r"""(?:src|href)=\\?["']?(https?://[^"'\s>]+)""", text):
                    breaches.append(f"cell {number} loads {address} ({what})")
    return breaches


def no_holes(notebook: Notebook) -> list[str]:
    """No {{expression}} of the authored text is left to be computed."""
    return [f"cell {number}: {match[0]} was not computed" for number, text in prose(notebook)
            if (match := re.search(r"\{\{.*?\}\}|\{\{.*|.*\}\}", text))]  # fmt: skip


def task_cells(notebook: Notebook, ids: list[str], role: str) -> list[str]:
    """Each task has its text, its stub or solution cell, and its check."""
    prose_text = "\n".join(text for _, text in prose(notebook))
    code = [cell for _, cell in cells(notebook, "code")]
    checked = "\n".join(text_of(cell["source"]) for cell in code)
    marked = {c["metadata"].get("task") for c in code if role in tags(c)}
    breaches = []
    for task in ids:
        number = re.escape(task)
        if not re.search(rf"(?<![\w.]){number}(?!\w)", prose_text):
            breaches.append(f"task {task} has no text")
        if task not in marked:
            breaches.append(f"task {task} has no {role} cell")
        if not re.search(rf"""\bcheck\(\s*["']{number}["']""", checked):
            breaches.append(f"task {task} is never checked")
    known = {task for task in marked if task} | set(
        re.findall(r"""\bcheck\(\s*["'](\d\d\.\w+)["']""", checked)
    )
    breaches += [f"task {task} is not defined" for task in sorted(known - set(ids))]
    return breaches


def answers_shown(notebook: Notebook, secrets: dict[str, list[str]]) -> list[str]:
    """The outputs and the text of an exercise do not tell the number that is asked for.

    A whole number stands on every axis of a chart, so it is looked for only in what the cells of
    its own task show; any other number everywhere.
    """
    places = [(n, text) for n, text in prose(notebook)]
    breaches = []
    for task, values in secrets.items():
        for value in values:
            rule = re.compile(rf"(?<![\w./]){re.escape(value)}(?![\w/]|\.\d)")
            shown = [] if value.isdecimal() else list(places)
            for number, cell in cells(notebook, "code"):
                own = task in text_of(cell["source"])
                if own or not value.isdecimal():
                    shown += [(number, t) for _, t in output_texts(cell, charts=False)]
            breaches += [f"cell {number} tells the answer of task {task}: {value}"
                         for number, text in shown if rule.search(text)]  # fmt: skip
    return breaches
