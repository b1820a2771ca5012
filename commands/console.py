"""What all commands share: talking to a person or a program, progress, and a user's mistakes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.errors import LesionLensError
from core.exports import plain
from core.runs import Run, finish
from workspace import Workspace

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
InWorkspace = Annotated[Path | None, typer.Option("--workspace", help="Workspace folder; else LESIONLENS_WORKSPACE, else ./workspace.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results; made if it is not there.")]
ModelName = Annotated[str, typer.Option("--model", help="Network file or SavedModel folder, or a name of the workspace.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="Dataset folder or table, or a name of the workspace.")]

people = Console(stderr=True, highlight=False)  # progress and errors; standard output is for results
results = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake ends with its message and exit code 2; Ctrl-C with 130."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except LesionLensError as error:
            people.print(f"Error: {error}", style="bold red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            people.print("Stopped.")
            raise typer.Exit(130) from None

    return run


def workspace(root: Path | None) -> Workspace:
    return Workspace(root)


def with_progress(what: str, run: Run[T]) -> T:
    """Drive a run with a bar on standard error (none where that is no terminal)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        return finish(run, lambda done, total: bar.update(task, completed=done, total=total))


def say_json(content: Any) -> None:
    """The one JSON object on standard output; NaN becomes null."""
    print(json.dumps(plain(content), indent=1, ensure_ascii=False))


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """A table for people; numbers to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for k, column in enumerate(columns):
        numeric = all(isinstance(row[k], (int, float)) for row in rows) and rows
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*[f"{v:,}" if isinstance(v, int) else str(v) for v in row])
    return drawn
