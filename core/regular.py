"""Reading a stranger's file: a regular one, up to a limit, without ever waiting for it."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

# a pipe is opened without waiting for a writer; Windows has neither flag nor named pipes among files
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)

# control characters, and bytes of a name that are not UTF-8: no table can hold such a name and no terminal should show it
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class NotRegular(OSError):
    """A pipe, socket, device or folder where a file is expected."""


class TooLarge(OSError):
    """A file above the limit of what is read."""


def open_regular(path: Path) -> BinaryIO:
    """The open file; raises OSError, which is NotRegular for a pipe, socket, device or folder. Never blocks."""
    return os.fdopen(_descriptor(path), "rb")


def read_regular(path: Path, most: int) -> bytes:
    """A regular file's content of at most `most` bytes; raises OSError, TooLarge above that (also if it grows meanwhile)."""
    file = _descriptor(path)
    try:
        size = os.fstat(file).st_size
        parts = [os.read(file, min(size, most) + 1)] if size <= most else []
        while parts and parts[-1] and len(parts[0]) != size and sum(map(len, parts)) <= most:  # very long, or growing
            parts.append(os.read(file, 1 << 24))
    finally:
        os.close(file)
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    if max(size, len(content)) > most:
        raise TooLarge(errno.EFBIG, f"it is over {most / 2**20:.0f} MB")
    return content


def _descriptor(path: Path) -> int:
    try:
        file = os.open(path, _FLAGS)
    except ValueError as error:  # a NUL in the path
        raise OSError(errno.EINVAL, "no valid path") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NotRegular(errno.EINVAL, "not a regular file")
    return file


def showable(name: str) -> bool:
    """Whether a file's name is UTF-8 without control characters."""
    return _UNSHOWABLE.search(name) is None


def shown(name: str) -> str:
    r"""A file's name with what cannot be shown as escapes: `\x1b`, `\udcff`."""
    return _UNSHOWABLE.sub(lambda found: ascii(found[0])[1:-1], name)
