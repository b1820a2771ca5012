"""The worker's loop: `python -m ui.worker.process ADDRESS`, started by `ui.worker.client`.

Quick jobs come first, in order; in between, the long runs move on by one step in turn. A second thread
only listens, so that a cancelled or quick job is seen while a batch is computed.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Generator
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from core.errors import LesionLensError, WorkerError
from ui.worker.jobs import LONG, QUICK

KEY_VARIABLE = "LESIONLENS_WORKER_KEY"


def main(address: str) -> None:
    connection = Client(address, authkey=bytes.fromhex(os.environ.pop(KEY_VARIABLE)))
    inbox: queue.Queue[tuple] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    quick: deque[tuple[int, str, dict[str, Any]]] = deque()
    runs: dict[int, Generator] = {}
    turn: deque[int] = deque()
    while True:
        while not inbox.empty() or not (quick or turn):
            message = inbox.get()
            if message[0] == "stop":
                return
            if message[0] == "cancel" and message[1] in runs:
                runs.pop(message[1]).close()
                turn.remove(message[1])
            elif message[0] == "job":
                _, number, name, arguments = message
                if name in QUICK:
                    quick.append((number, name, arguments))
                else:
                    runs[number] = LONG[name](**arguments)
                    turn.append(number)
        if quick:
            number, name, arguments = quick.popleft()
            _answer(connection, number, lambda: QUICK[name](**arguments))  # noqa: B023 (called at once)
        elif turn:
            number = turn.popleft()
            if _step(connection, number, runs[number]):
                turn.append(number)
            else:
                del runs[number]


def _listen(connection: Connection, inbox: queue.Queue[tuple]) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):  # the server is gone
        os._exit(0)


def _answer(connection: Connection, number: int, work: Any) -> None:
    try:
        connection.send(("done", number, work()))
    except Exception as error:
        connection.send(("error", number, _portable(error)))


def _step(connection: Connection, number: int, run: Generator) -> bool:
    """One step of a long run; whether it goes on."""
    try:
        connection.send(("progress", number, next(run)))
        return True
    except StopIteration as end:
        connection.send(("done", number, end.value))
    except Exception as error:
        connection.send(("error", number, _portable(error)))
    return False


def _portable(error: Exception) -> LesionLensError:
    """Errors a user can cause pass as they are; any other is told with the place it came from."""
    if isinstance(error, LesionLensError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    first = (str(error).strip().splitlines() or [""])[0][:300]
    kind = "ran out of memory" if isinstance(error, MemoryError) or "OOM" in first else "failed"
    return WorkerError(f"The network {kind} ({type(error).__name__}: {first}; {place}).", todo="Try another image or network.")


if __name__ == "__main__":
    main(sys.argv[1])
