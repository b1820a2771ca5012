"""Atomic writes: a file is complete or absent."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import WriteError

FULL = (errno.ENOSPC, errno.EDQUOT)


def part_name(path: Path) -> Path:
    """The hidden temporary file beside a path: one per writer, same suffix."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{path.suffix}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError while writing `path` (a full disk, for instance) into a WriteError."""
    try:
        yield
    except OSError as error:
        todo = "Free some space, then try again." if error.errno in FULL else "Choose another place."
        raise WriteError(f"cannot be written ({error.strerror or error}).", str(path), todo) from error


def make_folder(path: Path) -> Path:
    """Creates the folder and its parents if needed; raises WriteError."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path that becomes `path` on success; a killed process leaves the old file or the new one. Its folder is created.

    Raises WriteError, and then leaves nothing behind.
    """
    part = part_name(path)
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):  # already gone, or not permitted
            part.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Writes the file atomically."""
    with whole(path) as part:
        part.write_bytes(content)
