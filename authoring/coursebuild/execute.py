"""Run notebooks in a clean environment and make their outputs the same on every machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from .prose import ProseClient

WORKERS = 2
CELL_SECONDS = 120
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# A variable of these families could change what a cell prints.
_UNCLEAN = ("COLUMNS", "IPYTHON", "JUPYTER", "LC_", "LINES", "PYTHON", "VCLOUD_LAB", "XDG_")

_numbers = count()


class _ThisPython(KernelSpecManager):
    """The kernel of the running interpreter, whatever kernels the user has installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def clean_environment(stage: Path) -> dict[str, str]:
    """The variables a kernel starts with: no progress file, no user settings, fixed hashes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_UNCLEAN)}
    return kept | {
        "HOME": str(stage / "home"),
        "IPYTHONDIR": str(stage / "home" / "ipython"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": str(stage),
        "PYTHONUTF8": "1",
        "TZ": "UTC",
        "VCLOUD_LAB_PROGRESS": "off",
    }


def execute_all(
    notebooks: Mapping[str, NotebookNode], stage: Path, seconds: int = CELL_SECONDS
) -> list[str]:
    """Execute notebooks in place, each in its folder under stage, and normalise the outputs.

    notebooks maps a path such as "notebooks/06_scheduling.ipynb" to the notebook; seconds is
    the time a cell may take. Returns what went wrong, one sentence each, in the given order.
    """
    (stage / "home" / "ipython").mkdir(parents=True, exist_ok=True)
    return asyncio.run(_execute_all(notebooks, stage, seconds))


async def _execute_all(
    notebooks: Mapping[str, NotebookNode], stage: Path, seconds: int
) -> list[str]:
    turn = asyncio.Semaphore(WORKERS)

    async def one(path: str, notebook: NotebookNode) -> list[str]:
        async with turn:
            stopped = await _run(notebook, stage, stage / Path(path).parent, seconds)
        problems = [f"{path}, {text}" for text in stopped or _faults(notebook)]
        normalise(notebook)
        return problems

    found = await asyncio.gather(*(one(path, nb) for path, nb in notebooks.items()))
    return [problem for problems in found for problem in problems]


async def _run(notebook: NotebookNode, stage: Path, folder: Path, seconds: int) -> list[str]:
    """Execute; returns why the run was cut off, if it was, and what prose cannot be computed."""
    begun = ["before any cell"]

    def begin(cell: NotebookNode, cell_index: int) -> None:
        begun.append(_name(cell_index + 1, cell))

    client = ProseClient(
        notebook,
        km=_kernel(stage),
        timeout=seconds,
        # A cell for the real host runs only where a learner starts it.
        skip_cells_with_tag="nbval-skip",
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        on_cell_execute=begin,
        resources={"metadata": {"path": str(folder)}},
    )
    log = stage / "home" / "kernel.log"
    try:
        with log.open("ab") as stderr:
            await client.async_execute(
                cleanup_kc=True, env=clean_environment(stage), stderr=stderr, stdout=stderr
            )
    except CellExecutionError:
        return []  # the cell holds the error as an output, which _faults reports
    except DeadKernelError:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        return [f"{begun[-1]}: the kernel died ({''.join(last) or 'it said nothing'})."]
    except CellControlSignal:
        return [f"{begun[-1]} ran longer than {seconds} s: make it shorter."]
    return [f"{_name(i + 1, notebook.cells[i])}: {said}" for i, said in client.broken]


def _kernel(stage: Path) -> AsyncKernelManager:
    """A kernel that talks through files: two builds at once can be given one and the same port,
    and the kernel that comes second then dies while its client waits."""
    options: dict[str, object] = {}
    if os.name == "posix":
        place = stage / f"kernel{next(_numbers)}.json"
        options = {"transport": "ipc", "connection_file": str(place)}
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython(), **options)


def _name(number: int, cell: NotebookNode) -> str:
    return f"cell {number} (`{cell.source.strip().splitlines()[0][:60]}`)"


def _faults(notebook: NotebookNode) -> list[str]:
    faults = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        where = _name(number, cell)
        allowed = "raises-exception" in cell.metadata.get("tags", [])
        errors = [out for out in cell.outputs if out.output_type == "error"]
        if errors and not allowed:
            faults.append(f"{where} raises {errors[0].ename}: {errors[0].evalue}")
        if allowed and not errors and cell.execution_count is not None:
            faults.append(f"{where} is tagged raises-exception and raises nothing.")
        for out in cell.outputs:
            if out.output_type == "stream" and out.name == "stderr":
                said = out.text.strip().splitlines() or [""]
                faults.append(f"{where} writes to stderr: {said[0]}")
    return faults


def normalise(notebook: NotebookNode) -> None:
    """Keep of an executed notebook what is the same on every run, machine and Python."""
    notebook.metadata.pop("widgets", None)
    info = notebook.metadata.get("language_info", {})
    for key in ("version", "ipython_version"):
        info.pop(key, None)
    if isinstance(info.get("codemirror_mode"), dict):
        info["codemirror_mode"] = {"name": "ipython", "version": 3}
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        for out in cell.outputs:
            out.pop("transient", None)
            if out.output_type == "execute_result":
                out.execution_count = cell.execution_count
            elif out.output_type == "error":
                # The frames name folders of this machine and lines of this Python.
                out.traceback = [f"{out.ename}: {out.evalue}"]
            if "data" in out:
                # A widget's model id is random; its SVG and text stay for static viewers.
                out.data.pop(WIDGET_VIEW, None)
                out.metadata.pop(WIDGET_VIEW, None)
