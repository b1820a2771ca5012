"""Long work as a generator: it yields (done, total) after every step and returns its result.

The caller decides what happens between steps: draw a progress bar, notify the browser, serve a quick job, or cancel (by closing the
generator).
"""

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
WHOLE = 1000
Run = Generator[tuple[int, int], None, T]


def finish(run: Run[T], progress: Callable[[int, int], None] = lambda done, total: None) -> T:
    """Runs to the end and returns the result."""
    while True:
        try:
            progress(*next(run))
        except StopIteration as end:
            return end.value


def part(run: Run[T], start: float, end: float, whole: int = WHOLE) -> Run[T]:
    """A run as part of a larger one of `whole` steps, of which it takes the share from start to end, 0…1."""
    while True:
        try:
            done, total = next(run)
            yield round(whole * (start + (end - start) * done / max(total, 1))), whole
        except StopIteration as stop:
            return stop.value
