"""One process at a time: what reads a file, changes it and writes it again would otherwise lose what another wrote in between."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.atomic import make_folder, writing

NAME = ".lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other thread or process is in this folder's turn; whoever is killed gives it up. Raises WriteError."""
    with writing(folder / NAME):
        lock = (make_folder(folder) / NAME).open("ab")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
