"""The first start: a separate process draws the demo, and its progress is read line by line."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ui.services import services
from ui.worker.client import PROJECT

DRAW = (sys.executable, "-m", "demo.make")  # and the workspace's folder


@dataclass
class DemoTask:
    """The drawing of the demo. progress: (done, total, what)."""

    progress: tuple[int, int, str] = (0, 1, "")
    error: str = ""
    finished: bool = False


@st.cache_resource(max_entries=1)
def demo_task() -> DemoTask | None:
    """Starts drawing the demo if this workspace is new or its demo unfinished; None if there is nothing to do."""
    from demo.make import is_begun, is_made

    space = services.workspace()
    new = not space.model_names() and not space.dataset_names()
    if is_made(space) or not (new or is_begun(space)):
        return None
    drawing = DemoTask()
    threading.Thread(target=_draw_demo, args=(drawing, space.root), daemon=True).start()
    return drawing


def _draw_demo(drawing: DemoTask, root: Path) -> None:
    process = subprocess.Popen([*DRAW, str(root)], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        done, total, what = line.split(maxsplit=2)
        drawing.progress = int(done), int(total), what.strip()
    if process.wait() != 0:
        drawing.error = (process.stderr.read().strip().splitlines() or ["it ended without a message"])[-1]
    drawing.finished = True
