"""What all commands share: progress, what is printed where, and how a user's mistake ends."""

import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.claim import claimed
from core.errors import LesionLensError
from core.exports import plain
from core.runs import Run, finish
from core.text import IN_ASCII, visible

T = TypeVar("T")
LONGEST = 10_000  # characters of one text on a terminal


class Literal(Console):
    """A console that shows every string as it is, in titles and cells too: rich's markup and a terminal's escapes do nothing."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text, LONGEST), **{**how, "markup": False, "emoji": False})


stderr = Literal(stderr=True, highlight=False)  # progress and errors; standard output is for results
results = Literal(highlight=False, width=None if sys.stdout.isatty() else 140)


def on_any_terminal() -> None:
    """Signs that the encoding of standard output or error lacks are written in ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=IN_ASCII)


_CLAIMS: ContextVar[ExitStack] = ContextVar("claims")  # of the command that runs, given back when it ends


def results_folder(out: Path) -> Path:
    """The folder of `--out`, created if needed, for this command alone until it ends; waits for another command that writes there."""
    return _CLAIMS.get().enter_context(claimed(out, partial(stderr.print, soft_wrap=True)))


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the function returns is printed as the one JSON object (NaN becomes null); a user's mistake exits with 2, Ctrl-C with 130."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        on_any_terminal()
        try:
            with ExitStack() as claims:
                _CLAIMS.set(claims)
                content = function(*args, **kwargs)
        except LesionLensError as error:
            stderr.print(f"Error: {error}", style="bold red", soft_wrap=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            stderr.print("Stopped.")
            raise typer.Exit(130) from None
        if content is not None:
            print(json.dumps(plain(content), indent=1))  # in ASCII, so that no terminal's encoding or escape matters

    return run


def check_choice(given: str, known: Iterable[str], what: str, where: str = "") -> None:
    """Raises LesionLensError that lists the choices."""
    known = list(known)
    if given not in known:
        raise LesionLensError(f"unknown {what} {given!r}.", where, f"Choose: {', '.join(known)}.")


def comma_separated(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def with_progress(what: str, run: Run[T]) -> T:
    """Drive a run with a bar on standard error (none where that is not a terminal)."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(visible(what), total=None)
        return finish(run, lambda done, total: bar.update(task, completed=done, total=total))


def headed(head: str, rest: str) -> None:
    """A line of results that begins in bold."""
    results.print(Text.assemble((visible(head, LONGEST), "bold"), visible(rest, LONGEST)))


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """A table for people, numbers on the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for k, column in enumerate(columns):
        numeric = all(isinstance(row[k], (int, float)) for row in rows) and rows
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*[f"{v:,}" if isinstance(v, int) else str(v) for v in row])
    return drawn


def first_of(ids: Sequence[str], most: int = 5) -> str:
    return ", ".join(ids[:most]) + (f" and {len(ids) - most:,} more" if len(ids) > most else "")
