"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import WriteError

FULL = (errno.ENOSPC, errno.EDQUOT)


def part_name(path: Path) -> Path:
    """Where a file is written before it takes its name: beside it, hidden, one a writer, of the same kind."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part{path.suffix}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the machine has against writing `path`, a full disk for instance, as a WriteError with what to do."""
    try:
        yield
    except OSError as error:
        todo = "Free some space, then try again." if error.errno in FULL else "Choose another place."
        raise WriteError(f"cannot be written ({error.strerror or error}).", str(path), todo) from error


def make_folder(path: Path) -> Path:
    """The folder with those above it, made where it is not there; raises WriteError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made ({error.strerror}).", str(path), "Choose another place.") from error
    return path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what is to be `path`, which is there when all went well: a killed process leaves the old file or the new one.
    Its folder is made.

    Raises WriteError where it cannot be written; nothing is left of it then.
    """
    part = part_name(path)
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
    finally:
        with suppress(OSError):  # nowhere to be removed from, or no right to
            part.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """The file with this content, as `whole` has it."""
    with whole(path) as part:
        part.write_bytes(content)
