"""The server's side of the worker: start it, ask it, watch it, and restart it when it has died."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil

from core.errors import Cancelled, LesionLensError, WorkerError
from core.memory import memory_limit
from ui.worker.job import Job, QuickJob
from ui.worker.opened import WarmUp
from ui.worker.process import CANCEL, DONE, JOB, KEY_VARIABLE, PROGRESS

R = TypeVar("R")
PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
WATCH_SECONDS = 0.5
QUICK_SECONDS = 300
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")


@dataclass
class Task(Generic[R]):
    """One job under way. progress: (done, total). Wait for `result`, or poll `finished`."""

    number: int
    worker: "Worker"
    progress: tuple[int, int] = (0, 0)
    started: float = field(default_factory=time.monotonic)
    _event: threading.Event = field(default_factory=threading.Event)
    _result: R | None = None
    error: LesionLensError | None = None

    @property
    def finished(self) -> bool:
        return self._event.is_set()

    def result(self, timeout: float | None = None) -> R:
        """The job's result; raises its error, or WorkerError if it takes longer than `timeout` seconds."""
        if not self._event.wait(timeout):
            self.cancel()
            todo = "Stop the network process in the sidebar and try again."
            raise WorkerError(f"The network took more than {timeout:.0f} seconds.", todo=todo)
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # None only where R is None

    def cancel(self) -> None:
        """Stop a long run after its current step."""
        self.worker._tasks.pop(self.number, None)
        self.worker._send((CANCEL, self.number, b""))
        self._finish(error=Cancelled("The run was stopped; what was done is kept."))

    def _finish(self, result: R | None = None, error: LesionLensError | None = None) -> None:
        if not self._event.is_set():
            self._result, self.error = result, error
            self._event.set()


class Worker:
    """Safe to use from many threads. The process starts with the first job, or with `start`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._process: subprocess.Popen | None = None
        self._connection: Connection | None = None
        self._tasks: dict[int, Task[Any]] = {}

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process, if it is not running, and have it import TensorFlow."""
        with self._lock:
            if self.pid is None:
                self._launch()
                self._submit(WarmUp())

    def submit(self, job: Job[R]) -> Task[R]:
        """Send a job; returns at once. Raises whatever prevents it from being sent."""
        with self._lock:
            self.start()
            return self._submit(job)

    def ask(self, job: QuickJob[R]) -> R:
        """A quick job's result; raises the job's own error."""
        return self.submit(job).result(QUICK_SECONDS)

    def stop(self, reason: str = "The worker was stopped.") -> None:
        """End the process; whatever was under way fails with the reason. The next job restarts it."""
        with self._lock:
            process, self._process, self._connection = self._process, None, None
            tasks, self._tasks = self._tasks, {}
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(10)
        for task in tasks.values():
            task._finish(error=WorkerError(reason, todo="It restarts with the next request."))

    def _launch(self) -> None:
        key, limit = secrets.token_bytes(32), memory_limit()
        folder = tempfile.mkdtemp(prefix="lesionlens-worker-")  # its temporary files, which go with it
        with Listener(None if os.name == "nt" else f"{folder}/socket", authkey=key) as listener:
            environment = {**os.environ, KEY_VARIABLE: key.hex(), "TF_CPP_MIN_LOG_LEVEL": "3"}
            environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)
            command = [sys.executable, "-m", "ui.worker.process", str(listener.address), folder]
            process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL)
            threading.Thread(target=self._watch, args=(process, limit, folder), daemon=True).start()
            accepted: list[Connection] = []
            waiting = threading.Thread(target=_accept, args=(listener, accepted), daemon=True)
            waiting.start()
            end = time.monotonic() + START_SECONDS
            while waiting.is_alive() and process.poll() is None and time.monotonic() < end:
                waiting.join(0.05)
            if not accepted:
                ended = process.poll() is not None
                process.kill()
                what = f"{_ended(process)} It had not started yet." if ended else "The process that runs networks did not start."
                raise WorkerError(what, todo="Restart LesionLens.")
        self._process, self._connection = process, accepted[0]
        threading.Thread(target=self._listen, args=(process, accepted[0]), daemon=True).start()

    def _submit(self, job: Job[R]) -> Task[R]:
        content = bytes(ForkingPickler.dumps(job))
        task: Task[R] = Task(next(self._numbers), self)
        self._tasks[task.number] = task
        self._send((JOB, task.number, content))
        return task

    def _send(self, message: tuple[str, int, bytes]) -> None:
        with self._lock:
            if self._connection is not None:
                try:
                    self._connection.send(message)
                except (OSError, ValueError):
                    process = self._process
                    self.stop(_ended(process) if process else "The process that runs networks is gone.")

    def _listen(self, process: subprocess.Popen, connection: Connection) -> None:
        try:
            while True:
                kind, number, content = connection.recv()
                task = self._tasks.get(number)
                if task is not None and kind == PROGRESS:
                    task.progress = content
                elif task is not None:
                    self._tasks.pop(number, None)
                    _finish(task, kind, content)
        except (EOFError, OSError):
            if self._process is process:
                self.stop(_ended(process))

    def _watch(self, process: subprocess.Popen, limit: int, folder: str) -> None:
        """Ends the process above the limit; when it has ended, however that was, removes its folder."""
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                if psutil.Process(process.pid).memory_info().rss > limit and self._process is process:
                    self.stop(f"The network used more than {limit / 2**30:.1f} GB of memory and was stopped.")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(WATCH_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _accept(listener: Listener, accepted: list[Connection]) -> None:
    with contextlib.suppress(OSError):  # the listener is closed when the process has ended before it answered
        accepted.append(listener.accept())


def _finish(task: Task[Any], kind: str, content: bytes) -> None:
    try:
        answer = ForkingPickler.loads(content)
    except Exception as error:
        task._finish(error=WorkerError(f"The answer could not be read ({type(error).__name__}: {error})."))
    else:
        task._finish(result=answer) if kind == DONE else task._finish(error=answer)


def _ended(process: subprocess.Popen) -> str:
    """What ended the process, in words."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return "The process that runs networks no longer answers."
    if code >= 0:
        return f"The process that runs networks ended by itself (exit code {code})."
    name = signal.Signals(-code).name
    how = "crashed" if name in CRASHES else "was killed from outside, as happens when the system runs out of memory"
    return f"The process that runs networks {how} ({name})."
