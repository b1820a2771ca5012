"""Uploads within bounds: a file, a visitor's files, everybody's files, and how often somebody may send one.

Streamlit keeps uploaded files in memory until the page that asked for them is closed.
"""

import os
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import AccessError
from ui.frame.access import below_base
from ui.frame.signin import SENDER, refuse

ROUTE = "/_stcore/upload_file/"
SESSION_VARIABLE, ALL_VARIABLE = "LESIONLENS_SESSION_UPLOADS_MB", "LESIONLENS_ALL_UPLOADS_MB"
MULTIPART_BYTES = 64 * 1024  # what a form adds to the file in it
MOST_SENDERS = 10_000


@dataclass(frozen=True)
class UploadLimits:
    """Bytes of one file, of all files of a visitor, and of everybody; and requests of one sender: at once, and then in a second."""

    file: int = 200 * 2**20
    session: int = 400 * 2**20
    all: int = 1600 * 2**20
    at_once: int = 30
    a_second: float = 0.5


def upload_limits() -> UploadLimits:
    """Streamlit's `server.maxUploadSize` for a file; LESIONLENS_SESSION_UPLOADS_MB and LESIONLENS_ALL_UPLOADS_MB. Raises AccessError."""
    file = int(st.get_option("server.maxUploadSize")) * 2**20
    return UploadLimits(file, _megabytes(SESSION_VARIABLE, 400), _megabytes(ALL_VARIABLE, 1600))


def _megabytes(variable: str, usual: int) -> int:
    said = os.environ.get(variable, "") or str(usual)
    if not said.isascii() or not said.isdigit() or not 0 < int(said) < 10**6:
        raise AccessError(f"{said!r} is not a number of megabytes.", variable, f"Give one, such as {usual}.")
    return int(said) * 2**20


def held_bytes() -> dict[str, int]:
    """Bytes of uploaded files that Streamlit keeps, by the page session they belong to."""
    from streamlit.runtime import get_instance
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    manager = get_instance().uploaded_file_mgr
    assert isinstance(manager, MemoryUploadedFileManager)
    return {session: sum(len(f.data) for f in list(files.values())) for session, files in list(manager.file_storage.items())}


class Rates:
    """How many requests each sender may still make: `at_once` at first, regained at `a_second`."""

    def __init__(self, limits: UploadLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # sender → requests left, and when

    def take(self, sender: str) -> bool:
        now = self._clock()
        left, since = self._left.pop(sender, (float(self._limits.at_once), now))
        left = min(float(self._limits.at_once), left + (now - since) * self._limits.a_second)
        self._left[sender] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > MOST_SENDERS:
            self._left.popitem(last=False)
        return left >= 1


class BoundedUploads:
    """Refuses an upload before its content is read: 411 without a length, 413 beyond a bound, 429 too often."""

    def __init__(
        self,
        app: ASGIApp,
        limits: UploadLimits | None = None,
        held: Callable[[], Mapping[str, int]] = held_bytes,
        rates: Rates | None = None,
    ) -> None:
        self.app, self._limits, self._held = app, limits or upload_limits(), held
        self._rates = rates or Rates(self._limits)
        self._coming: Counter[str] = Counter()  # bytes under way, by page session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = below_base(scope["path"]) if scope["type"] == "http" else ""
        if not place.startswith(ROUTE) or scope["method"] != "PUT":
            return await self.app(scope, receive, send)
        session, length = place.removeprefix(ROUTE).partition("/")[0], Headers(scope=scope).get("content-length", "")
        refusal = self._refusal(session, length, scope.get(SENDER) or (scope["client"][0] if scope.get("client") else ""))
        if refusal is not None:
            return await refuse(scope, receive, send, *refusal)
        self._coming[session] += int(length)
        try:
            await self.app(scope, receive, send)
        finally:
            self._coming[session] -= int(length)
            self._coming += Counter()  # forgets who has nothing under way

    def _refusal(self, session: str, length: str, sender: str) -> tuple[int, str] | None:
        """Status and sentence; None if the upload may come."""
        if not self._rates.take(sender):
            return 429, "Too many uploads in a short time. Wait a minute and try again."
        if not (length.isascii() and length.isdigit()):
            return 411, "An upload has to say how long it is."
        size, held, limits = int(length), self._held(), self._limits
        if size > limits.file + MULTIPART_BYTES:
            return 413, f"The file is larger than {limits.file // 2**20} MB."
        if held.get(session, 0) + self._coming[session] + size > limits.session:
            return 413, f"The files of this page are more than {limits.session // 2**20} MB together. Remove some, or reload the page."
        if sum(held.values()) + self._coming.total() + size > limits.all:
            return 413, "The server holds as many uploaded files as it may. Try again when others have closed their pages."
        return None
