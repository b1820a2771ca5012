"""The worker's loop: `python -m ui.worker.process ADDRESS FOLDER`, started by `ui.worker.client`.

Quick jobs come first, in order; in between, the long runs advance by one step in turn. A second thread only listens, so
that a cancelled or quick job is noticed while a batch is computed. Whatever a job raises, or cannot send, is reported as
that job's error; the loop continues.
"""

import os
import queue
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Client, Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from core.errors import LesionLensError, WorkerError
from core.runs import Run
from ui.worker.job import LongJob, QuickJob

KEY_VARIABLE = "LESIONLENS_WORKER_KEY"
# messages: (kind, number of the job, content); a job and its result are pickled separately, so that one that cannot be
# read fails that job alone
JOB, CANCEL = "job", "cancel"
DONE, FAILED, PROGRESS = "done", "failed", "progress"
LINGER_SECONDS = 0.3


class Loop:
    """Waiting jobs and runs under way, by their numbers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._quick: dict[int, QuickJob[Any]] = {}
        self._runs: dict[int, Run[Any]] = {}

    @property
    def idle(self) -> bool:
        return not (self._quick or self._runs)

    @property
    def asked(self) -> bool:
        """Whether quick jobs are waiting."""
        return bool(self._quick)

    def take(self, kind: str, number: int, content: bytes) -> None:
        """Takes a message from the server."""
        try:
            if kind == CANCEL:
                self._quick.pop(number, None)
                if number in self._runs:
                    self._runs.pop(number).close()
                return
            job = ForkingPickler.loads(content)
            if isinstance(job, LongJob):
                self._runs[number] = job.begin()
            else:
                self._quick[number] = job
        except BaseException as error:
            self._fail(number, error)

    def step(self) -> bool:
        """Does the oldest quick job, else one step of the run whose turn it is; whether it was a quick one."""
        number = next(iter(self._quick or self._runs))
        quick = number in self._quick
        try:
            if quick:
                self._done(number, self._quick.pop(number).run())
                return quick
            run = self._runs.pop(number)
            try:
                done, total = next(run)
                self._send(PROGRESS, number, (int(done), int(total)))
                self._runs[number] = run  # behind the others
            except StopIteration as end:
                self._done(number, end.value)
        except BaseException as error:
            self._fail(number, error)
        return quick

    def _done(self, number: int, result: object) -> None:
        self._send(DONE, number, bytes(ForkingPickler.dumps(result)))

    def _send(self, kind: str, number: int, content: object) -> None:
        self._connection.send((kind, number, content))

    def _fail(self, number: int, error: BaseException) -> None:
        try:
            content = bytes(ForkingPickler.dumps(portable(error)))
            ForkingPickler.loads(content)
        except BaseException:  # an error that cannot be put into words, or not be sent
            what = f"The computation failed ({type(error).__name__}, which cannot be reported)."
            content = bytes(ForkingPickler.dumps(WorkerError(what, todo="Try another image or network.")))
        self._send(FAILED, number, content)


def main(address: str, folder: str) -> None:
    """folder: for temporary files, this process's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal ends the server, and with it this process
    try:
        connection = Client(address, authkey=bytes.fromhex(os.environ.pop(KEY_VARIABLE)))
    except (OSError, EOFError):  # the server has ended meanwhile
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(1)
    inbox: queue.Queue[tuple[str, int, bytes]] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, inbox, folder), daemon=True).start()
    loop = Loop(connection)
    while True:
        turn(loop, inbox)


def turn(loop: Loop, inbox: "queue.Queue[tuple[str, int, bytes]]") -> None:
    """Takes what has come, then does one step. After a quick job the next question of the same click is waited for a moment: a page
    asks several, one after the other, and each would otherwise wait for another step of a long run."""
    while not inbox.empty() or loop.idle:
        loop.take(*inbox.get())
    if loop.step() and not loop.asked and not loop.idle:
        with suppress(queue.Empty):
            loop.take(*inbox.get(timeout=LINGER_SECONDS))


def _listen(connection: Connection, inbox: queue.Queue[tuple[str, int, bytes]], folder: str) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):  # the server is gone, and with it who would remove the folder
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def portable(error: BaseException) -> LesionLensError:
    """Errors a user can cause are passed on; any other becomes a WorkerError that names where it was raised."""
    if isinstance(error, LesionLensError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    kind = "ran out of memory" if isinstance(error, MemoryError) or "OOM" in first else "failed"
    about = "; ".join(x for x in (f"{type(error).__name__}{': ' if first else ''}{first}", place) if x)
    return WorkerError(f"The computation {kind} ({about}).", todo="Try another image or network.")


if __name__ == "__main__":
    main(*sys.argv[1:])
