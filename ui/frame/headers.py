"""What every answer carries, and which names this server answers to.

A page elsewhere must not frame the workbench, and a name that somebody else's DNS points at this machine must not make a browser take
that page for ours (DNS rebinding): the Host header has to be a name this server is known by, and a websocket has to come from a page of
the same host.
"""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import AccessError
from ui.frame.access import Door, below_base
from ui.frame.signin import refuse
from ui.services import reach

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def inline_scripts() -> str:
    """The hashes of the scripts written into Streamlit's own page, as a policy names them."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    return " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in INLINE.findall(page))


PAGE = {
    "default-src": "'self'",
    "script-src": f"'self' blob: {inline_scripts()}",  # a component's script comes as a blob
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "frame-ancestors": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "object-src": "'none'",
}
# what people uploaded or the workbench made is looked at, never run
MEDIA = {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'", "sandbox": ""}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",  # the viewer is a frame of ours
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Hardened:
    """Refuses unknown hosts and origins, and adds the security headers to whatever else is answered."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        policy = MEDIA if below_base(scope["path"]).startswith("/media/") else PAGE

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = "; ".join(f"{name} {value}".strip() for name, value in policy.items())
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        said = Headers(scope=scope).getlist("host")
        host = hostname(said[0]) if len(said) == 1 else None
        if host not in self._hosts(scope):
            sentence = f"This server is not known under the name it was asked for. Its operator can add the name to {reach.HOSTS_VARIABLE}."
            return await refuse(scope, receive, sending, 403, sentence)
        if scope["type"] == "websocket" and origin_host(Headers(scope=scope).getlist("origin")) != said[0]:
            return await refuse(scope, receive, sending, 403, "A websocket has to come from a page of this server.")
        await self.app(scope, receive, sending)

    def _hosts(self, scope: Scope) -> set[str | None]:
        """This machine's own names, the address that was called, the configured one, that of the sign-in, and what the operator added."""
        try:
            sign_in = self._door.sign_in()
        except AccessError:
            sign_in = None  # the gate behind this one stays shut
        hosts = {"localhost", "127.0.0.1", "::1", *reach.extra_hosts(), *([sign_in.address.hostname] if sign_in else [])}
        hosts |= {(st.get_option("server.address") or "").casefold(), scope["server"][0] if scope.get("server") else ""}
        return hosts - {"", "0.0.0.0", "::"}  # noqa: S104  # "all addresses" is nobody's name


def hostname(host: str) -> str | None:
    """The name in a Host header, without its port; None if it is anything but a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
        whole = parts.netloc == host and "@" not in host and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts.hostname if whole else None


def origin_host(origins: list[str]) -> str | None:
    """Host and port of the page a websocket comes from."""
    return urlsplit(origins[0]).netloc if len(origins) == 1 and "//" in origins[0] else None
