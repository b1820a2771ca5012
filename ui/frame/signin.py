"""The sign-in gate: with an [auth] section in .streamlit/secrets.toml, nothing is served before sign-in.

Streamlit's own check runs inside the page script; media files and uploads are served without it. So the gate is ASGI
middleware in front of everything, which reads the signed cookie of Streamlit's OIDC sign-in. Streamlit has no public
function for that; the private ones used here are secured by the pinned version and a browser test.
"""

import json
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN_PATHS = ("/auth/login", "/auth/logout", "/oauth2callback", "/_stcore/health")
WANTED = "lesionlens_wanted"
_PAGE = (Path(__file__).parent / "signin.html").read_text(encoding="utf-8")


def gate() -> list[Middleware]:
    """The middleware for `st.App`; without an [auth] section it lets everything pass."""
    return [Middleware(SignInGate)]


class SignInGate:
    """Serves the sign-in page instead of everything else until somebody is signed in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not _is_on() or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
        elif not is_signed_in(HTTPConnection(scope)):
            await self._refuse(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/" and WANTED in HTTPConnection(scope).cookies:
            response = RedirectResponse(local_address(unquote(HTTPConnection(scope).cookies[WANTED])), 302)
            response.delete_cookie(WANTED)
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in first"})
            return
        connection = HTTPConnection(scope)
        response: Response = PlainTextResponse("Sign in first.", 401)
        if scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
            from streamlit.auth_util import encode_provider_token

            login = "/auth/login?provider=" + quote(encode_provider_token("default"))
            response = HTMLResponse(_PAGE.replace("{login}", login), 401, {"Cache-Control": "no-store"})
            wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
            response.set_cookie(WANTED, quote(wanted), max_age=600, httponly=True, samesite="lax")
        await response(scope, receive, send)


def is_signed_in(connection: HTTPConnection) -> bool:
    """Whether the request has a user cookie that this server signed for its own origin."""
    from streamlit.auth_util import get_origin_from_redirect_uri
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    raw = SimpleCookie()
    try:
        raw.load(connection.headers.get("cookie", ""))
        kept = _get_signed_cookie_with_chunks({k: m.value for k, m in raw.items()}, USER_COOKIE_NAME)
        user = json.loads(kept) if kept else {}
    except (CookieError, ValueError, UnicodeDecodeError):
        return False
    return bool(user.get("is_logged_in")) and user.get("origin") == get_origin_from_redirect_uri()


def _is_on() -> bool:
    from streamlit.auth_util import get_secrets_auth_section

    return bool(get_secrets_auth_section())


def local_address(url: str) -> str:
    """The URL if it is a path on this server, else "/", so that the cookie cannot redirect anybody elsewhere."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or not url.startswith("/") or url.startswith(("//", "/\\")):
        return "/"
    return url
