"""The sign-in gate: with an [auth] section in .streamlit/secrets.toml, nothing is served before sign-in.

Streamlit's own check runs inside the page script; media files and uploads are served without it. So the gate is ASGI middleware in
front of everything. It asks for two cookies: the one Streamlit's OIDC sign-in signs, which says who somebody is, and one of ours, whose
session lives on this server (`sessions.py`) and so can be ended. Streamlit has no public function for the first; the private ones used
here are secured by the pinned version and a browser test.
"""

import asyncio
import html
import json
import sys
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import AccessError
from ui.frame.access import Door, SignIn, base_path, below_base, check_reach
from ui.frame.sessions import Session, Sessions, session_seconds

CALLBACK, LOGOUT, HEALTH = "/oauth2callback", "/auth/logout", "/_stcore/health"
OPEN_PATHS = ("/auth/login", LOGOUT, CALLBACK, HEALTH)
WANTED, SESSION, USER, XSRF = "lesionlens_wanted", "lesionlens_session", "_streamlit_user", "_streamlit_xsrf"
SENDER = "lesionlens.sender"  # in the scope of a request: who is signed in
SIGN_IN_FIRST = 4401  # a websocket's closing code
_PAGE = (Path(__file__).parent / "signin.html").read_text(encoding="utf-8")


class SignInGate:
    """Serves the sign-in page instead of everything else until somebody is signed in, and nothing while the settings are broken."""

    def __init__(self, app: ASGIApp, door: Door, sessions: Sessions | None = None) -> None:
        self.app, self._door, self._sessions = app, door, sessions or Sessions(session_seconds())
        self._told = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        try:
            sign_in = self._door.sign_in()
            check_reach(sign_in, scope["server"][0] if scope.get("server") else "localhost")  # started by another server than Streamlit's
        except AccessError as error:
            self._tell(error)
            shut = "LesionLens is shut: its access settings are not safe. Its operator finds the reason in the server's log."
            return await refuse(scope, receive, send, 503, shut)
        if sign_in is None:
            return await self.app(scope, receive, send)

        path, connection = below_base(scope["path"]), HTTPConnection(scope)
        cookies = cookies_of(connection)
        user = user_of(cookies, sign_in)
        session = self._sessions.find(cookies.get(SESSION, ""), user) if user is not None else None
        if path in OPEN_PATHS and scope["type"] == "http":
            if path == LOGOUT:
                self._sessions.end(cookies.get(SESSION, ""))
            await self.app(scope, receive, self._marking(send, sign_in, path, cookies))
        elif session is None:
            await self._ask_to_sign_in(scope, receive, send, sign_in)
        elif scope["type"] == "websocket":
            await self._while_signed_in(session, scope, receive, send)
        elif path in ("", "/") and WANTED in cookies:
            response = RedirectResponse(local_address(unquote(cookies[WANTED])), 302)
            response.delete_cookie(WANTED, path=base_path() or "/")
            await response(scope, receive, send)
        else:
            await self.app({**scope, SENDER: session.user.decode()}, receive, self._marking(send, sign_in, path, cookies))

    def _tell(self, error: AccessError) -> None:
        """Write into the log why the server is shut, once."""
        if str(error) != self._told:
            self._told = str(error)
            print(f"LesionLens is shut. {error}", file=sys.stderr, flush=True)

    def _marking(self, send: Send, sign_in: SignIn, path: str, cookies: Mapping[str, str]) -> Send:
        """Adds our cookie where Streamlit signs somebody in, takes it away where somebody signs out, and makes Streamlit's as strict."""

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(n, v) for n, v in message["headers"] if n.lower() != b"set-cookie"]
                given = [v.decode("latin-1") for n, v in message["headers"] if n.lower() == b"set-cookie"]
                user = user_of(dict(header.partition(";")[0].split("=", 1) for header in given), sign_in)
                if path == CALLBACK and user is not None:
                    self._sessions.end(cookies.get(SESSION, ""))
                    given.append(f"{SESSION}={self._sessions.begin(user)}; Max-Age={self._sessions.seconds}; Path={base_path() or '/'}")
                elif path == LOGOUT:
                    given.append(f"{SESSION}=; Max-Age=0; Path={base_path() or '/'}")
                strict = [strict_cookie(header, sign_in.is_https, self._sessions.seconds) for header in given]
                message = {**message, "headers": headers + [(b"set-cookie", v.encode("latin-1")) for v in strict]}
            await send(message)

        return marking

    async def _while_signed_in(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        """A websocket ends with the session it was opened in, not when its page is next loaded."""
        over = asyncio.ensure_future(session.ended.wait())
        coming: asyncio.Future[Message] | None = None
        closed = False

        async def receiving() -> Message:
            nonlocal coming, closed
            coming = coming or asyncio.ensure_future(receive())
            waiting: set[asyncio.Future[Any]] = {coming, over}
            await asyncio.wait(waiting, timeout=self._sessions.left(session), return_when=asyncio.FIRST_COMPLETED)
            if over.done() or not coming.done():
                closed = True
                await send({"type": "websocket.close", "code": SIGN_IN_FIRST, "reason": "signed out"})
                return {"type": "websocket.disconnect", "code": SIGN_IN_FIRST}
            message, coming = coming.result(), None
            return message

        async def sending(message: Message) -> None:
            if not closed:
                await send(message)

        try:
            await self.app(scope, receiving, sending)
        finally:
            over.cancel()
            if coming is not None:
                coming.cancel()

    async def _ask_to_sign_in(self, scope: Scope, receive: Receive, send: Send, sign_in: SignIn) -> None:
        connection = HTTPConnection(scope)
        if scope["type"] == "websocket" or scope["method"] != "GET" or "text/html" not in connection.headers.get("accept", ""):
            return await refuse(scope, receive, send, 401, "Sign in first.")
        response = HTMLResponse(_PAGE.replace("{links}", _links(sign_in)), 401, {"Cache-Control": "no-store"})
        wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
        path = base_path() or "/"
        response.set_cookie(WANTED, quote(wanted), max_age=600, path=path, secure=sign_in.is_https, httponly=True, samesite="lax")
        await response(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    """Answer a request with a sentence, and a websocket by closing it before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": SIGN_IN_FIRST if status == 401 else 1008, "reason": sentence[:120]})
    else:
        response: Response = PlainTextResponse(sentence, status, {"Cache-Control": "no-store"})
        await response(scope, receive, send)


def user_of(cookies: Mapping[str, str], sign_in: SignIn) -> bytes | None:
    """What the cookie that this server signed for its own origin says of the user; None if nobody is signed in."""
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    def signed(name: str) -> bytes | None:
        return decode_signed_value(sign_in.cookie_secret, name, cookies[name]) if name in cookies else None

    try:
        kept = get_cookie_with_chunks(signed, USER)
        user = json.loads(kept) if kept else {}
    except ValueError:
        return None
    good = isinstance(user, dict) and user.get("is_logged_in") is True and user.get("origin") == sign_in.origin
    return kept if good else None


def cookies_of(connection: HTTPConnection) -> dict[str, str]:
    raw: SimpleCookie = SimpleCookie()
    try:
        raw.load(connection.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in raw.items()}


def strict_cookie(header: str, is_https: bool, seconds: int) -> str:
    """A Set-Cookie header that lasts no longer than a session, and goes neither to scripts, nor to other sites, nor over plain HTTP."""
    first, *attributes = (part.strip() for part in header.split(";"))
    named = {a.partition("=")[0].casefold(): a for a in attributes}
    name = first.partition("=")[0]
    if named.get("max-age", "") not in ("", "Max-Age=0") and name.startswith(USER):
        named["max-age"] = f"Max-Age={seconds}"
    if name != XSRF:  # which Streamlit's scripts read
        named["httponly"] = "HttpOnly"
    if is_https:
        named["secure"] = "Secure"
    named.setdefault("samesite", "SameSite=lax")
    return "; ".join([first, *named.values()])


def _links(sign_in: SignIn) -> str:
    """One button a provider."""
    from streamlit.auth_util import encode_provider_token

    links = []
    for name in sign_in.providers:
        label = "Sign in" if len(sign_in.providers) == 1 else f"Sign in with {html.escape(name)}"
        links.append(f'<a class="button" href="{base_path()}/auth/login?provider={quote(encode_provider_token(name))}">{label}</a>')
    return "\n".join(f"  <p>{link}</p>" for link in links)


def local_address(url: str) -> str:
    """The URL if it is a path on this server, else the start, so that the cookie cannot redirect anybody elsewhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return base_path() + "/"
    if parts.scheme or parts.netloc or not url.startswith("/") or url.startswith(("//", "/\\")):
        return base_path() + "/"
    return url
