"""What stands in front of every page, upload, image and websocket, from the outside in."""

import sys

from starlette.middleware import Middleware

from core.errors import AccessError
from ui.frame.access import open_door
from ui.frame.headers import Hardened
from ui.frame.sessions import Sessions, session_seconds
from ui.frame.signin import SignInGate
from ui.frame.uploads import BoundedUploads, upload_limits


def guard() -> list[Middleware]:
    """The middleware for `st.App`. Unsafe settings end the process with one message (exit code 2)."""
    try:
        door = open_door()
        return [
            Middleware(Hardened, door),
            Middleware(SignInGate, door, Sessions(session_seconds())),
            Middleware(BoundedUploads, upload_limits()),
        ]
    except AccessError as error:
        print(f"LesionLens was not started. {error}", file=sys.stderr)
        raise SystemExit(2) from None
