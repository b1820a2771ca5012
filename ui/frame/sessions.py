"""Who is signed in: sessions live on the server, so that signing out ends them at once, whoever still has the cookie."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import AccessError

HOURS_VARIABLE, USUAL_HOURS = "LESIONLENS_SESSION_HOURS", 8.0
MOST = 10_000


def session_seconds() -> int:
    """How long a sign-in lasts: LESIONLENS_SESSION_HOURS, else 8 hours. Raises AccessError."""
    said = os.environ.get(HOURS_VARIABLE, "")
    try:
        hours = float(said or USUAL_HOURS)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= 24 * 30:
        raise AccessError(f"{said!r} is not a number of hours between 0 and 720.", HOURS_VARIABLE, "Give one, such as 8.")
    return max(1, int(hours * 3600))


@dataclass(frozen=True)
class Session:
    """One browser's sign-in. user: what its signed cookie says; ends: by the clock of `Sessions`."""

    user: bytes
    ends: float
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Sessions:
    """The sessions that are open, by the hash of the secret in the browser's cookie; a restart of the server ends them all."""

    def __init__(self, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._clock = seconds, clock
        self._open: dict[bytes, Session] = {}

    def begin(self, user: bytes) -> str:
        """The secret for the browser's cookie. Beyond 10,000 sessions the oldest ends."""
        for key in [k for k, s in self._open.items() if s.ends <= self._clock()] or list(self._open)[: len(self._open) + 1 - MOST]:
            self._open.pop(key).ended.set()
        secret = secrets.token_urlsafe(32)
        self._open[_key(secret)] = Session(user, self._clock() + self.seconds)
        return secret

    def find(self, secret: str, user: bytes) -> Session | None:
        """The open session of that secret, if it is this user's."""
        found = self._open.get(_key(secret))
        return found if found is not None and found.user == user and self.left(found) > 0 else None

    def left(self, session: Session) -> float:
        """Seconds until it ends."""
        return session.ends - self._clock()

    def end(self, secret: str) -> None:
        session = self._open.pop(_key(secret), None)
        if session is not None:
            session.ended.set()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
