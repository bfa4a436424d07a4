"""Which way imports go, what an import loads, and how long modules are."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "vcloud_lab"
DOMAINS = {"scheduling", "vm", "containers", "cloud"}
EDGE = {"cli", "course", "launch", "doctor"}
# A part may import parts with a lower number; "" is the package itself and its short names.
LAYERS = (
    {
        "errors": 0,
        "data": 0,
        "sandbox": 0,
        "glossary": 1,
        "": 2,
        "render": 3,
        "widgets": 4,
        "check": 4,
    }
    | dict.fromkeys(DOMAINS, 1)
    | dict.fromkeys(EDGE, 5)
)
# Between the domains: who may use whom.
DOMAIN_USES = {"vm": {"scheduling"}, "cloud": {"scheduling", "vm", "containers"}}
HEAVY = ("plotly", "ipywidgets", "IPython", "jupyterlab", "jupyter_client", "pandas")
LONGEST = 350
MEDIAN = 160


@dataclass
class Module:
    """One source file: what it imports when loaded, and what at any time."""

    path: Path
    now: set[str] = field(default_factory=set)
    ever: set[str] = field(default_factory=set)
    lines: int = 0


def read(root: Path) -> dict[str, Module]:
    """Parse every module below `root`/vcloud_lab."""
    paths = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    modules = {}
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8")
        module = modules[name] = Module(path, lines=len(text.splitlines()))
        is_package = path.name == "__init__.py"
        _walk(ast.parse(text), name, is_package, set(paths), module, lazy=False)
    return modules


def _walk(
    node: ast.AST, name: str, is_package: bool, known: set[str], module: Module, *, lazy: bool
) -> None:
    for child in ast.iter_child_nodes(node):
        later = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            later = True
        found = set()
        if isinstance(child, ast.Import):
            found = {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parts = name.split(".")
                kept = len(parts) - child.level + is_package
                base = ".".join([*parts[:kept], *filter(None, [child.module])])
            for alias in child.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
        module.ever |= found
        if not later:
            module.now |= found
        _walk(child, name, is_package, known, module, lazy=later)


def part(module: str) -> str:
    """Name the part of the package that a module belongs to."""
    return [*module.split("."), ""][1]


def wrong_directions(modules: dict[str, Module]) -> list[str]:
    """List every import against the direction, lazy ones and type-only ones included."""
    wrong = []
    for name, module in modules.items():
        own = part(name)
        if own not in LAYERS:
            wrong.append(f"{name}: part '{own}' has no layer")
            continue
        # The package's own __init__ may reach up when it is called, not when it is loaded.
        imported = module.now if own == "" else module.ever
        for other in sorted(imported):
            if other.split(".")[0] != PACKAGE:
                continue
            target = part(other)
            allowed = (
                target == own
                or LAYERS.get(target, 99) < LAYERS[own]
                or target in DOMAIN_USES.get(own, ())
                or (own in EDGE and target in EDGE)
            )
            if not allowed:
                wrong.append(f"{name} imports {other}")
    return wrong


def wrong_libraries(modules: dict[str, Module]) -> list[str]:
    """List imports of anything but the standard library and numpy where no more is allowed."""
    wrong = []
    for name, module in modules.items():
        own = part(name)
        if own in DOMAINS | {"errors", "data", "render", ""}:
            imported = module.ever
        elif own in EDGE:
            imported = module.now
        else:
            continue
        for other in sorted(imported):
            top = other.split(".")[0]
            if top not in {PACKAGE, "numpy", *sys.stdlib_module_names}:
                wrong.append(f"{name} imports {other}")
    return wrong


def cycle(modules: dict[str, Module]) -> list[str]:
    """Return one cycle among the imports that run at load time, [] when there is none."""
    done: set[str] = set()
    stack: list[str] = []

    def visit(name: str) -> list[str]:
        if name in stack:
            return [*stack[stack.index(name) :], name]
        if name in done:
            return []
        stack.append(name)
        for other in sorted(modules[name].now & modules.keys()):
            if found := visit(other):
                return found
        done.add(stack.pop())
        return []

    return next((found for name in modules if (found := visit(name))), [])


def too_long(modules: dict[str, Module]) -> list[str]:
    """List modules over the limit; the generated task modules are not written by hand."""
    return [
        f"{name} has {module.lines} lines"
        for name, module in modules.items()
        if module.lines > LONGEST and ".tasks." not in name
    ]


def loaded(code: str) -> list[str]:
    """Run `code` in a fresh interpreter and return which heavy libraries it loaded."""
    code += f"\nimport sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return child.stdout.split()


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read(ROOT)


def test_imports_go_one_way(modules: dict[str, Module]) -> None:
    assert len(modules) > 10
    assert wrong_directions(modules) == []


def test_core_needs_numpy_and_nothing_else(modules: dict[str, Module]) -> None:
    assert wrong_libraries(modules) == []


def test_no_cycles(modules: dict[str, Module]) -> None:
    assert cycle(modules) == []


def test_modules_are_short(modules: dict[str, Module]) -> None:
    assert too_long(modules) == []
    sizes = [module.lines for name, module in modules.items() if ".tasks." not in name]
    assert statistics.median(sizes) <= MEDIAN


def test_import_is_light() -> None:
    assert loaded("import vcloud_lab") == []


def test_core_charts_and_command_are_light() -> None:
    assert loaded("import vcloud_lab.render, vcloud_lab.cli, vcloud_lab.doctor") == []


def test_every_name_is_there_whichever_module_came_first() -> None:
    # A module of the same name as something that is imported later would hide it.
    code = """
import pkgutil, sys, types
from importlib import import_module
import vcloud_lab.scheduling as package
assert "vcloud_lab.scheduling.gang" not in sys.modules
for module in pkgutil.iter_modules(package.__path__):
    import_module(f"{package.__name__}.{module.name}")
named = {name: getattr(package, name) for name in package.__all__}
assert set(named) <= set(dir(package))
print([name for name, one in named.items() if isinstance(one, types.ModuleType)])
"""
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert child.stdout.strip() == "[]"


def test_weight_check_sees_a_heavy_import() -> None:
    assert "ipywidgets" in loaded("import vcloud_lab, ipywidgets")


def tree(root: Path, **sources: str) -> dict[str, Module]:
    """Write a made-up package: keyword names are paths with __ for the slash."""
    for name, text in {"__init__": "", **sources}.items():
        path = root / PACKAGE / f"{name.replace('__', '/') if name != '__init__' else name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read(root)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"scheduling__a": "from vcloud_lab.render import x"}, "imports vcloud_lab.render"),
        ({"scheduling__a": "from ..render import x"}, "imports vcloud_lab.render"),
        ({"scheduling__a": "def f():\n import vcloud_lab.cli"}, "imports vcloud_lab.cli"),
        ({"scheduling__a": "import vcloud_lab"}, "imports vcloud_lab"),
        ({"scheduling__a": "from vcloud_lab.vm import x"}, "imports vcloud_lab.vm"),
        ({"errors": "from vcloud_lab.data import x"}, "imports vcloud_lab.data"),
        ({"render__a": "from vcloud_lab import widgets", "widgets": ""}, "vcloud_lab.widgets"),
        ({"check__a": "import vcloud_lab.widgets"}, "imports vcloud_lab.widgets"),
        ({"attic": ""}, "no layer"),
    ],
)
def test_direction_check_rejects(tmp_path: Path, sources: dict[str, str], message: str) -> None:
    assert any(message in line for line in wrong_directions(tree(tmp_path, **sources)))


def test_direction_check_accepts_the_right_way(tmp_path: Path) -> None:
    good = tree(
        tmp_path,
        errors="",
        scheduling__a="from ..errors import x",
        vm__a="import vcloud_lab.scheduling.a",
        render__a="from vcloud_lab import scheduling",
        cli="def f():\n from vcloud_lab.widgets import x",
    )
    assert wrong_directions(good) == []


@pytest.mark.parametrize(
    "sources",
    [
        {"scheduling__a": "import plotly"},
        {"render__a": "def f():\n import ipywidgets.widgets"},
        {"cli": "import jupyterlab"},
    ],
)
def test_library_check_rejects(tmp_path: Path, sources: dict[str, str]) -> None:
    assert wrong_libraries(tree(tmp_path, **sources)) != []


def test_cycle_check_rejects(tmp_path: Path) -> None:
    bad = tree(
        tmp_path,
        scheduling__a="from . import b",
        scheduling__b="from vcloud_lab.scheduling.c import x",
        scheduling__c="import vcloud_lab.scheduling.a",
        scheduling____init__="",
    )
    assert len(cycle(bad)) == 4


def test_cycle_check_ignores_what_is_imported_later(tmp_path: Path) -> None:
    good = tree(tmp_path, a="from vcloud_lab import b", b="def f():\n import vcloud_lab.a")
    assert cycle(good) == []


def test_length_check_rejects(tmp_path: Path) -> None:
    assert too_long(tree(tmp_path, a="x = 1\n" * (LONGEST + 1))) != []
