"""Long work as a generator: it yields (done, total) after every step and returns its result.

Whoever drives it decides what happens between steps: a progress bar on the command line, a line to the
browser, a click on Inspect served in between, or the end (closing the generator cancels the run).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
WHOLE = 1000
Run = Generator[tuple[int, int], None, T]


def finish(run: Run[T], progress: Callable[[int, int], None] = lambda done, total: None) -> T:
    """Drive a run to its end and return its result."""
    while True:
        try:
            progress(*next(run))
        except StopIteration as end:
            return end.value


def part(run: Run[T], start: float, end: float, whole: int = WHOLE) -> Run[T]:
    """A run as a part of a larger one, which is told as so many steps: this one goes from start to end, 0…1."""
    while True:
        try:
            done, total = next(run)
            yield round(whole * (start + (end - start) * done / max(total, 1))), whole
        except StopIteration as stop:
            return stop.value
