"""The progress of a sweep as a widget, and a sweep in the kernel of a notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from jupyter_client.manager import start_new_kernel

from vcloud_lab.scheduling.points import Point, grid
from vcloud_lab.scheduling.sweeps import sweep
from vcloud_lab.widgets.sweep import SweepProgress

POINTS = grid("FCFS", load=0.9, seed=range(6), n=5)


class Inline:
    """The plainest executor: the work is done when it is handed out."""

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


def odd_ones_fail(point: Point) -> dict[str, int]:
    return {"one": 1 // (1 - point.seed % 2)}


@pytest.fixture
def progress() -> Iterator[SweepProgress]:
    made = SweepProgress()
    yield made
    for widget in (made.box, *made.box.children):
        widget.close()


def test_it_follows_a_sweep(progress: SweepProgress) -> None:
    assert progress.state == {
        "done": 0, "total": 0, "failed": 0, "sentence": "No sweep has begun.",
    }  # fmt: skip
    seen: list[tuple[dict[str, Any], str]] = []

    def both(done: int, total: int, failed: int) -> None:
        progress(done, total, failed)
        seen.append((progress.state, progress.status.value))

    sweep(POINTS, executor=Inline(), measure=odd_ones_fail, progress=both)
    assert [state["done"] for state, _ in seen] == [0, 1, 2, 3, 4, 5, 6]
    assert seen[1][0]["sentence"] == "1 of 6 points done."
    assert "To stop: menu Kernel, Interrupt Kernel." in seen[0][1]
    assert "1 failed so far." in seen[2][1]
    last = "Finished: 6 of 6 points done, 3 failed."
    assert seen[-1][0]["sentence"] == last
    assert progress.bar.value == (
        '<progress aria-label="Points of the sweep that are done" max="6" value="6" '
        f'style="width:50%"></progress> {last}'
    )
    assert progress.status.value == f'<div role="status" class="vcloud-status">{last}</div>'
    assert repr(progress) == f"SweepProgress: {last}"
    sweep(POINTS[:2], executor=Inline(), progress=progress)
    assert progress.state["sentence"] == "Finished: 2 of 2 points done."


def test_not_every_point_is_a_message_nor_read_aloud(
    progress: SweepProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(ipywidgets.Widget, "_send", lambda self, message, **_: sent.append(message))
    monkeypatch.setattr("vcloud_lab.widgets.sweep.EVERY", 10_000)
    for done in range(1000):
        progress(done, 1000, 0)
    assert len(sent) == 2  # the bar and the status of the beginning
    monkeypatch.setattr("vcloud_lab.widgets.sweep.EVERY", 0)
    for done in range(1000):
        progress(done, 1000, 0)
    assert len(sent) == 2 + 999  # the bar moves; the status that is read aloud stays as it is


def test_a_viewer_without_a_kernel_gets_the_sentence(progress: SweepProgress) -> None:
    data, _ = progress._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert data["text/plain"] == "SweepProgress: No sweep has begun."


@pytest.mark.slow
def test_a_notebook_sweeps_is_interrupted_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    manager, client = start_new_kernel()

    def run(code: str, until: Callable[[], bool] | None = None) -> tuple[dict[str, Any], list[Any]]:
        """The reply to a cell, and its messages; the cell is interrupted after `until`."""
        request, seen, end = client.execute(code), [], time.monotonic() + 60
        if until:
            while not until():
                assert time.monotonic() < end
                time.sleep(0.01)
            manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == request
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == request:
                seen.append(message)
                if message["content"].get("execution_state") == "idle":
                    return reply["content"], seen

    try:
        run(
            "import multiprocessing\n"
            "from vcloud_lab.scheduling.points import grid\n"
            "from vcloud_lab.scheduling.sweeps import sweep\n"
            "from vcloud_lab.widgets.sweep import SweepProgress\n"
            "points, progress = grid(seed=range(20), n=[100, 300]), SweepProgress()"
        )
        cell = f"results = sweep(points, file={str(file)!r}, progress=progress)"
        reply, seen = run(cell, lambda: file.exists() and len(file.read_bytes().splitlines()) > 10)
        assert reply.get("ename") == "KeyboardInterrupt", reply
        assert "display_data" in [message["msg_type"] for message in seen]
        assert not [m for m in seen if m["msg_type"] == "stream"]  # the workers say nothing
        before = file.read_bytes()
        assert 10 < len(before.splitlines()) < 481
        reply, _ = run(cell)
        assert reply["status"] == "ok", reply
        assert file.read_bytes().startswith(before)
        assert len(file.read_bytes().splitlines()) == 481
        _, seen = run(
            "print(len(results), progress.state['sentence'], multiprocessing.active_children())"
        )
        said = "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream")
        assert said == "480 Finished: 480 of 480 points done. []\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
