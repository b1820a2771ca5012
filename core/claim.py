"""One run or change at a time in a place: a lock of the operating system, free at once when its holder ends or is killed."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from core.atomic import make_folder, writing
from core.runs import Run

T = TypeVar("T")
NAME = ".claimed"
EVERY = 0.2  # seconds between two tries
WAITING = (0, -1)  # the progress of a run that waits for another


@contextmanager
def claimed(folder: Path, waiting: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """The folder, created if needed, for this thread alone; a second one waits until the first has ended, and then finds what it left.

    waiting: told once, in a sentence, which process holds it. Raises WriteError where no file can be written there.
    """
    place = make_folder(folder) / NAME
    told = False
    while isinstance(lock := _try(place), str):
        if not told:
            waiting(f"{folder}: another run (process {lock}) writes here; this one waits for it. Ctrl-C to give up.")
            told = True
        time.sleep(EVERY)
    with _held(place, lock):
        yield folder


def claimed_run(place: Path, run: Run[T]) -> Run[T]:
    """The run, begun once the lock file at `place` is its own; until then its progress is WAITING. Raises WriteError."""
    make_folder(place.parent)
    while isinstance(lock := _try(place), str):
        yield WAITING
        time.sleep(EVERY / 4)  # other runs of this process have their turn in between
    with _held(place, lock):
        return (yield from run)


def _try(place: Path) -> int | str:
    """The open lock file, or the number of the process that holds it."""
    while True:
        with writing(place):
            lock = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o644)
        if not _locked(lock):
            holder = os.read(lock, 20).decode("ascii", "replace").strip()
            os.close(lock)
            return holder or "unknown"
        if _is_at(lock, place):
            return lock
        os.close(lock)  # its holder has just removed it


@contextmanager
def _held(place: Path, lock: int) -> Iterator[None]:
    try:
        with writing(place):
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        place.unlink(missing_ok=True)  # while it is locked: whoever waits finds another file here, or none
        os.close(lock)


def _is_at(file: int, place: Path) -> bool:
    """Whether the open file is still the one of that name, which an earlier holder removes."""
    try:
        return os.path.samestat(os.fstat(file), place.stat())
    except FileNotFoundError:
        return False


def _locked(file: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: two runs are not kept apart there
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
