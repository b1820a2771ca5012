"""One budget of memory for all threads that decode at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """most: bytes that all holders together may take."""

    def __init__(self, most: int) -> None:
        self.most, self._free, self._changed = most, most, threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Waits until there is room for so many bytes, `most` at most."""
        size = min(size, self.most)
        with self._changed:
            while self._free < size:
                self._changed.wait()
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()
