"""Numbers in prose: {{expression}} in Markdown becomes what the kernel computes there."""

from __future__ import annotations

import ast
import re

from nbclient import NotebookClient
from nbformat import NotebookNode

HOLE = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)


class ProseClient(NotebookClient):
    """Executes a notebook; on its way it fills the holes of the Markdown cells.

    A hole sees the variables as they are at its place in the notebook, and shows str() of the
    value. What cannot be computed is left standing and noted in ``broken`` as (cell index,
    sentence).
    """

    def __init__(self, notebook: NotebookNode, **options: object) -> None:
        super().__init__(notebook, **options)
        self.broken: list[tuple[int, str]] = []

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, **options: object
    ) -> NotebookNode:
        """Execute one code cell, or fill one Markdown cell."""
        if cell.cell_type == "markdown":
            await self._fill(cell, cell_index)
            return cell
        return await super().async_execute_cell(cell, cell_index, **options)

    async def _fill(self, cell: NotebookNode, cell_index: int) -> None:
        holes = {match[0]: " ".join(match[1].split()) for match in HOLE.finditer(cell.source)}
        if not holes:
            return
        # Silent user expressions leave the history and the execution count alone.
        reply = await self.kc.execute(
            "",
            silent=True,
            user_expressions={hole: f"str({expression})" for hole, expression in holes.items()},
            reply=True,
            timeout=self.timeout,
        )
        for hole, value in reply["content"]["user_expressions"].items():
            if value["status"] == "ok":
                text = ast.literal_eval(value["data"]["text/plain"])
                cell.source = cell.source.replace(hole, text)
            else:
                said = f"{value['ename']}: {value['evalue']}"
                self.broken.append((cell_index, f"{{{{{holes[hole]}}}}} raises {said}"))
