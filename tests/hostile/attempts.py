"""What a network must not get away with, tried in a throw-away process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def attempts(name: str, target: str) -> Iterator[Any]:
    """In the child: something a network must not get away with."""

    def connect() -> None:
        socket.create_connection(("127.0.0.1", int(target)), 2)

    tries: dict[str, Callable[[], object]] = {
        "write": lambda: Path(target).write_text("x"),
        "read": lambda: Path(target).read_text(),
        "connect": connect,
        "loop": lambda: [None for _ in iter(int, 1)],
        "sleep": lambda: time.sleep(60),
        "memory": lambda: [bytearray(10_000_000) for _ in range(1_000)],
        "exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), 11),
        "flood": lambda: ["x" * 40_000_000],
        "file": lambda: Path("big").write_bytes(bytes(3_000_000)),
    }
    try:
        found = tries[name]()
    except OSError as error:
        yield ["OSError", error.errno]
        return
    yield found if isinstance(found, list) else ["done"]
