"""The command line's own process: memory within a limit, Ctrl-C that always ends it, temporary files that go with it.

A network that took no time and memory on the trial's blank image may take any on a photograph, in a single step of TensorFlow's that lets
nothing of Python's run in the main thread. So two other threads watch.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from typing import NoReturn

import psutil

from commands.console import stderr
from core.errors import WorkerError
from core.memory import memory_limit

PATIENCE = 5.0  # seconds after Ctrl-C for the step under way
WATCH_SECONDS = 0.1


def keep_within_bounds() -> None:
    """For the main thread of a process that ends with the command; ends it at once where the limit is no number."""
    try:
        limit = memory_limit()
    except WorkerError as error:
        stderr.print(f"Error: {error}", style="bold red", soft_wrap=True)
        raise SystemExit(2) from error
    folder = tempfile.mkdtemp(prefix="lesionlens-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tempfile.tempdir = folder
    _silence_libraries()
    read, write = os.pipe()
    if hasattr(os, "set_blocking"):  # not on Windows
        os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written to at once, whatever the main thread is busy with
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, and so leaves nothing behind
    for watch in ((_watch_memory, limit, folder), (_watch_interrupts, read, folder)):
        threading.Thread(target=watch[0], args=watch[1:], daemon=True).start()


def _silence_libraries() -> None:
    """What libjpeg and others write about a broken file is in our own message; they know only the file descriptor, not sys.stderr."""
    if sys.stderr is None:  # closed by whoever started this
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    sys.stderr = open(kept, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1)  # noqa: SIM115, PTH123
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _watch_memory(limit: int, folder: str) -> None:
    me = psutil.Process()
    while (used := me.memory_info()).rss - getattr(used, "shared", 0) <= limit:  # without mapped files, such as a training's pixels
        time.sleep(WATCH_SECONDS)
    _end(2, f"Error: more than {limit / 2**30:.1f} GB of memory were used. Try a smaller network, or fewer images at a time.", folder)


def _watch_interrupts(signals: int, folder: str) -> None:
    """The first Ctrl-C stops the command where it can be stopped; if it is still there after a while, or at the second one, this does."""
    _await_stop(signals)
    last = threading.Timer(PATIENCE, _end, (130, "Stopped.", folder))
    last.daemon = True
    last.start()
    _await_stop(signals)
    _end(130, "Stopped.", folder)


def _await_stop(signals: int) -> None:
    while os.read(signals, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
        pass


def _end(code: int, said: str, folder: str) -> NoReturn:
    stderr.show_cursor()
    stderr.print(said, style="bold red" if code == 2 else None, soft_wrap=True)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(code)
