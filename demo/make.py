"""Makes the demo workspace; `python -m demo.make FOLDER` reports its progress in lines `done total what`."""

import sys
from collections.abc import Callable
from pathlib import Path

from demo.classifiers import install
from demo.datasets import COHORTS, is_complete, write_dataset
from workspace import Workspace

Progress = Callable[[int, int, str], None]


def is_made(workspace: Workspace) -> bool:
    """Whether both demo datasets are complete."""
    return all(is_complete(workspace.datasets / name) for name in COHORTS)


def is_begun(workspace: Workspace) -> bool:
    """Whether part of it exists, or is half drawn."""
    return any((workspace.datasets / folder).exists() for name in COHORTS for folder in (name, _making(name)))


def make_demo(workspace: Workspace, progress: Progress = lambda done, total, what: None) -> None:
    """Install the classifiers and draw the datasets; what exists is kept, so an interrupted run resumes where it stopped."""
    install(workspace.models)
    for name in COHORTS:
        folder, making = workspace.datasets / name, workspace.datasets / _making(name)
        if is_complete(folder):
            continue
        if folder.exists() and not making.exists():
            folder.rename(making)  # half drawn, as by version 0.1
        write_dataset(name, making, lambda d, n, name=name: progress(d, n, name))  # type: ignore[misc]
        making.rename(folder)


def _making(name: str) -> str:
    """The folder in which a dataset is drawn until it is complete: no page shows it."""
    return f".{name}"


if __name__ == "__main__":
    make_demo(Workspace(Path(sys.argv[1])), lambda done, total, what: print(done, total, what, flush=True))
