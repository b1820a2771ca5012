"""Long work as a generator: it yields (done, total) after every step and returns its result.

Whoever drives it decides what happens between steps: a progress bar on the command line, a line to the
browser, a click on Inspect served in between, or the end (closing the generator cancels the run).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
Run = Generator[tuple[int, int], None, T]


def finish(run: Run[T], progress: Callable[[int, int], None] = lambda done, total: None) -> T:
    """Drive a run to its end and return its result."""
    while True:
        try:
            progress(*next(run))
        except StopIteration as end:
            return end.value
