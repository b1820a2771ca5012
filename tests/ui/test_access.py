"""Sign-in fails closed: settings that cannot be relied on, names nobody gave, sessions that were ended, uploads beyond bounds."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config

from core.errors import AccessError
from tests.conftest import PROJECT
from ui.frame.access import Door, check_reach, read_file, read_sign_in
from ui.frame.headers import Hardened, hostname
from ui.frame.sessions import Sessions, session_seconds
from ui.frame.signin import SESSION, SignInGate, local_address, strict_cookie, user_of
from ui.frame.uploads import BoundedUploads, Rates, UploadLimits, upload_limits
from ui.services import reach

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have httpx2; Authlib brings httpx
    from starlette.testclient import TestClient

COOKIE_SECRET = "0123456789abcdef0123456789abcdef"
SHARED = f'redirect_uri = "https://lens.example.org/oauth2callback"\ncookie_secret = "{COOKIE_SECRET}"\n'
PROVIDER = 'client_id = "lens"\nclient_secret = "s3cret"\nserver_metadata_url = "https://id.example.org/.well-known/openid-configuration"\n'
WHOLE = f"[auth]\n{SHARED}{PROVIDER}"
NAMED = f"[auth]\n{SHARED}[auth.clinic]\n{PROVIDER}"


@pytest.fixture
def option() -> Iterator[Callable[[str, object], None]]:
    """Sets an option of Streamlit for one test."""
    before: dict[str, object] = {}

    def put(name: str, value: object) -> None:
        before.setdefault(name, config.get_option(name))
        config.set_option(name, value)

    yield put
    for name, value in before.items():
        config.set_option(name, value)


def secrets_file(folder: Path, content: str | bytes) -> Path:
    file = folder / "secrets.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def without(key: str, text: str = WHOLE) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(key + " "))


def having(key: str, value: str, text: str = WHOLE) -> str:
    """The settings with another value, written as TOML."""
    return "".join(f"{key} = {value}\n" if line.startswith(key + " ") else line for line in text.splitlines(keepends=True))


# what an operator may get wrong → what the message says
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "a slip": (WHOLE.replace("[auth]", "[auth"), "not valid TOML"),
    "a quotation mark that is missing": (WHOLE.replace('"lens"', '"lens'), "not valid TOML"),
    "a key twice": (WHOLE + 'client_id = "other"\n', "not valid TOML"),
    "the section twice": (WHOLE + WHOLE, "not valid TOML"),
    "tables too deep": ("a = " + "[" * 100_000, "not valid TOML"),
    "a byte order mark": (b"\xef\xbb\xbf" + WHOLE.encode(), "byte order mark"),
    "UTF-16": (WHOLE.encode("utf-16"), "not UTF-8"),
    "Latin-1": (WHOLE.replace("s3cret", "gehéim").encode("latin-1"), "not UTF-8"),
    "an empty file": ("", "is empty"),
    "comments only": ("".join(f"# {line}\n" for line in WHOLE.splitlines()), "is empty"),
    "a huge file": (b"#" * (2**20 + 1), "larger than 1 MB"),
    "an empty section": ("[auth]\n", "[auth] is empty"),
    "a capital": (WHOLE.replace("[auth]", "[Auth]"), "called [auth]"),
    "all capitals": (WHOLE.replace("[auth]", "[AUTH]"), "called [auth]"),
    "another name": (WHOLE.replace("[auth]", "[oidc]"), "called [auth]"),
    "a slip in the name": (WHOLE.replace("[auth]", "[auht]"), "outside of a section [auth]"),
    "no section": (WHOLE.replace("[auth]\n", ""), "outside of a section [auth]"),
    "a section in another": (WHOLE.replace("[auth]", "[app.auth]"), "outside of a section [auth]"),
    "a list of sections": (WHOLE.replace("[auth]", "[[auth]]"), "not a section"),
    "a text instead of a section": ('auth = "yes"\n', "not a section"),
    "a switch instead of a section": ("auth = true\n", "not a section"),
    **{
        f"no {key}": (without(key), f"lacks {key}")
        for key in ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
    },
    **{
        f"no {key} in a named provider": (without(key, NAMED), f"lacks {key}")
        for key in ("client_id", "client_secret", "server_metadata_url")
    },
    "neither a provider nor a named one": (f"[auth]\n{SHARED}", "lacks client_id"),
    "half a provider beside a named one": (NAMED.replace("[auth.clinic]", 'client_id = "x"\n[auth.clinic]'), "lacks client_secret"),
    "an empty cookie_secret": (having("cookie_secret", '""'), "empty"),
    "a short cookie_secret": (having("cookie_secret", '"too short to be safe"'), "too easy to guess"),
    "a monotonous cookie_secret": (having("cookie_secret", f'"{"ab" * 40}"'), "too easy to guess"),
    "a number for a cookie_secret": (having("cookie_secret", "12345678901234567890123456789012"), "not a text"),
    "a list for a client_id": (having("client_id", '["lens"]'), "not a text"),
    "a placeholder": (having("client_secret", '"…"'), "placeholder"),
    "spaces": (having("client_id", '" "'), "placeholder"),
    "a space at the end": (having("client_secret", '"s3cret "'), "ends with a space"),
    "another way back": (having("redirect_uri", '"https://lens.example.org/"'), "where nobody listens"),
    "a way back below a path": (having("redirect_uri", '"https://lens.example.org/lens/oauth2callback"'), "where nobody listens"),
    "a way back without a host": (having("redirect_uri", '"/oauth2callback"'), "not an address"),
    "a way back with a user": (having("redirect_uri", '"https://a@lens.example.org/oauth2callback"'), "not an address"),
    "a way back to a port that is none": (having("redirect_uri", '"https://lens.example.org:x/oauth2callback"'), "not an address"),
    "another scheme": (having("redirect_uri", '"ftp://lens.example.org/oauth2callback"'), "not an address"),
    "a provider in clear text": (having("server_metadata_url", '"http://id.example.org/x"'), "not an https"),
    "an unknown key": (WHOLE + 'cookie_secert = "x"\n', "unknown key 'cookie_secert'"),
    "an unknown key of a provider": (NAMED + 'client = "x"\n', "unknown key 'client'"),
    "a key in capitals": (WHOLE.replace("client_id", "Client_ID"), "unknown key 'Client_ID'"),
    "a provider that is no section": (WHOLE + 'google = "yes"\n', "unknown key 'google'"),
    "an underscore in a provider's name": (NAMED.replace("clinic", "our_clinic"), "not a usable name"),
    "two providers alike": (NAMED + f"[auth.Clinic]\n{PROVIDER}", "not a usable name"),
    "arguments of the wrong type": (WHOLE + 'client_kwargs = "x"\n', "wrong type"),
    "tokens of the wrong type": (WHOLE + "expose_tokens = 3\n", "wrong type"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_settings_that_are_not_whole_are_refused(case: str, tmp_path: Path) -> None:
    content, says = BROKEN[case]
    file = secrets_file(tmp_path, content)
    with pytest.raises(AccessError) as caught:
        read_file(file)
    assert says in str(caught.value) and str(file) in str(caught.value)
    assert COOKIE_SECRET not in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "providers"), [(WHOLE, ("default",)), (NAMED, ("clinic",)), (WHOLE + f"[auth.clinic]\n{PROVIDER}", ("default", "clinic"))]
)
def test_whole_settings_are_read(text: str, providers: tuple[str, ...], tmp_path: Path) -> None:
    found = read_file(secrets_file(tmp_path, text + '[other.app]\nkey = "x"\n'))
    assert found is not None and found.providers == providers and found.origin == "https://lens.example.org" and found.is_https


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    assert read_file(file) is None
    with pytest.raises(AccessError, match="cannot be read"):
        read_file(file, required=True)
    file.symlink_to(tmp_path / "gone.toml")
    with pytest.raises(AccessError, match="cannot be read"):
        read_file(file)
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(AccessError, match="cannot be read"):
        read_file(file)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(AccessError, match="not a regular file"):
        read_file(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(AccessError, match="not a regular file"):
        read_file(file)
    with pytest.raises(AccessError, match=r"not a \.toml file"):
        read_file(tmp_path)
    with pytest.raises(AccessError, match="cannot be read"):
        read_file(secrets_file(tmp_path / "secrets.toml", WHOLE) / "secrets.toml")


def test_the_last_file_wins_and_each_must_be_whole(tmp_path: Path) -> None:
    home, project = tmp_path / "home.toml", tmp_path / "project.toml"
    home.write_text(WHOLE)
    project.write_text(NAMED)
    found = read_sign_in([home, project])
    assert found is not None and found.providers == ("clinic",)
    project.write_text('[service]\nkey = "x"\n')
    assert read_sign_in([home, project]) is not None
    home.write_text("[auth]\n")
    with pytest.raises(AccessError):
        read_sign_in([home, project])


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_alone_needs_no_sign_in(address: str) -> None:
    check_reach(None, address)


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.1.5", "lens.example.org", "127.0.0.1.example.org"])
def test_others_are_let_in_only_where_somebody_said_so(address: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccessError, match="no sign-in"):
        check_reach(None, address)
    check_reach(read_file(secrets_file(tmp_path, WHOLE)), address)
    for said in ("0", "", "true"):
        monkeypatch.setenv(reach.OPEN_VARIABLE, said)
        with pytest.raises(AccessError):
            check_reach(None, address)
    monkeypatch.setenv(reach.OPEN_VARIABLE, "1")
    check_reach(None, address)
    monkeypatch.delenv(reach.OPEN_VARIABLE)
    monkeypatch.setattr(sys, "argv", ["app.py", reach.OPEN])
    check_reach(None, address)


def test_folders_are_named_only_where_nobody_else_is_expected(
    option: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    option("server.address", "127.0.0.1")
    assert reach.is_local()
    monkeypatch.setenv(reach.HOSTS_VARIABLE, "lens.example.org")  # behind a proxy on the same machine
    assert not reach.is_local()
    monkeypatch.delenv(reach.HOSTS_VARIABLE)
    option("server.address", "0.0.0.0")
    assert not reach.is_local()


def started(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`streamlit run app.py`, which is expected to end by itself."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", "--server.port=0", *options]
    environment = {**os.environ, "HOME": str(folder), "LESIONLENS_WORKSPACE": str(folder / "workspace")}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)


def test_a_broken_start_ends_with_one_message(tmp_path: Path) -> None:
    done = started(tmp_path, f"--secrets.files={secrets_file(tmp_path, '[Auth]')}")
    assert done.returncode == 2
    assert done.stderr.count("LesionLens was not started.") == 1 and "called [auth]" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_start_that_others_can_reach_ends_with_one_message(tmp_path: Path) -> None:
    done = started(tmp_path, "--server.address=0.0.0.0", "--browser.serverAddress=localhost")  # or Streamlit asks the net for its address
    assert done.returncode == 2 and "there is no sign-in" in done.stderr and "Traceback" not in done.stdout + done.stderr


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Served:
    """A guarded server in whose place of Streamlit something smaller stands."""

    client: TestClient
    door: Door
    file: Path
    clock: Clock
    held: dict[str, int] = field(default_factory=dict)

    def signed_in(self) -> TestClient:
        self.client.get(f"{self.base}/oauth2callback", follow_redirects=False)
        return self.client

    @property
    def base(self) -> str:
        return "/" + path if (path := config.get_option("server.baseUrlPath")) else ""


def stand_in(served: Callable[[], Served]) -> list[Route | WebSocketRoute]:
    """What Streamlit does with cookies, sockets and uploads."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    async def page(request: Request) -> Response:
        return PlainTextResponse(f"a page {await request.body()!r}")

    async def callback(request: Request) -> Response:
        sign_in = served().door.sign_in()
        assert sign_in is not None
        response = RedirectResponse(served().base + "/", 302)
        user = {"is_logged_in": True, "origin": sign_in.origin, "email": request.query_params.get("who", "a")}
        signed = create_signed_value(sign_in.cookie_secret, "_streamlit_user", json.dumps(user)).decode()
        response.set_cookie("_streamlit_user", signed, max_age=2_592_000, httponly=True, samesite="lax", path=served().base or "/")
        response.set_cookie("_streamlit_xsrf", "x")
        return response

    async def logout(request: Request) -> Response:
        response = RedirectResponse(served().base + "/", 302)
        response.delete_cookie("_streamlit_user", path=served().base or "/")
        return response

    async def stream(socket: WebSocket) -> None:
        await socket.accept("streamlit")
        try:
            while True:
                await socket.send_bytes(await socket.receive_bytes())
        except WebSocketDisconnect:
            pass

    return [
        Route("/oauth2callback", callback),
        Route("/auth/logout", logout),
        WebSocketRoute("/_stcore/stream", stream),
        Route("/{path:path}", page, methods=["GET", "PUT", "DELETE"]),
    ]


@pytest.fixture
def serve(tmp_path: Path, option: Callable[[str, object], None]) -> Iterator[Callable[..., Served]]:
    """Serves with these settings (None: no file); base: server.baseUrlPath."""
    clients = []

    def put(settings: str | None = WHOLE, base: str = "", limits: UploadLimits | None = None) -> Served:
        option("server.baseUrlPath", base)
        option("server.address", "127.0.0.1")
        file = tmp_path / "secrets.toml"
        if settings is not None:
            file.write_text(settings)
        door, clock, held, bounds = Door([file]), Clock(), dict[str, int](), limits or UploadLimits()
        middleware = [
            Middleware(Hardened, door),
            Middleware(SignInGate, door, Sessions(3600, clock)),
            Middleware(BoundedUploads, bounds, lambda: held, Rates(bounds, clock)),
        ]
        routes = stand_in(lambda: one)
        app = Starlette(routes=[Mount("/" + base, routes=routes)] if base else routes, middleware=middleware)
        client = TestClient(app, base_url="https://lens.example.org" if settings else "http://127.0.0.1", client=("10.0.0.1", 1))
        client.__enter__()
        clients.append(client)
        one = Served(client, door, file, clock, held)
        return one

    yield put
    for client in clients:
        client.__exit__(None, None, None)


@pytest.mark.parametrize("base", ["", "lens"])
def test_nobody_gets_anything_before_sign_in(base: str, serve: Callable[..., Served]) -> None:
    text = WHOLE.replace("org/oauth2callback", f"org/{base}/oauth2callback") if base else WHOLE
    served = serve(text, base)
    for path in ("/", "/inspect", "/media/a.png", "/_stcore/host-config", "/auth/login/x", "/oauth2callback/x", "/_stcore/health/x"):
        answer = served.client.get(served.base + path)
        assert answer.status_code == 401 and "a page" not in answer.text, path
    page = served.client.get(served.base + "/inspect?a=b", headers={"accept": "text/html"})
    assert page.status_code == 401 and f'href="{served.base}/auth/login?provider=' in page.text
    assert served.client.put(f"{served.base}/_stcore/upload_file/a/b", content=b"x").status_code == 401
    with (
        pytest.raises(WebSocketDisconnect),
        served.client.websocket_connect(
            f"wss://lens.example.org{served.base}/_stcore/stream", headers={"origin": "https://lens.example.org"}
        ),
    ):
        pass
    assert served.client.get(served.base + "/_stcore/health").status_code == 200

    client = served.signed_in()
    first = client.get(served.base + "/", follow_redirects=False)
    assert first.status_code == 302 and first.headers["location"] == f"{served.base}/inspect?a=b"
    assert "a page" in client.get(served.base + "/inspect").text
    if base:
        client.cookies.clear()
        assert client.get("/auth/login").status_code == 401  # nobody's sign-in: ours is below the base path


def test_each_provider_has_its_button(serve: Callable[..., Served]) -> None:
    page = serve(WHOLE + f"[auth.clinic]\n{PROVIDER}").client.get("/", headers={"accept": "text/html"}).text
    assert page.count("/auth/login?provider=") == 2 and "Sign in with clinic" in page


def test_cookies_are_strict(serve: Callable[..., Served]) -> None:
    served = serve()
    given = {
        c.partition("=")[0]: c.casefold()
        for c in served.client.get("/oauth2callback", follow_redirects=False).headers.get_list("set-cookie")
    }
    for name in ("_streamlit_user", SESSION):
        assert all(part in given[name] for part in ("; secure", "; httponly", "; samesite=lax", "; max-age=3600")), given[name]
    assert "; secure" in given["_streamlit_xsrf"] and "httponly" not in given["_streamlit_xsrf"]  # Streamlit's scripts read it
    assert "secure" not in strict_cookie("_streamlit_user=x; Max-Age=99", False, 5) and "Max-Age=5" in strict_cookie(
        "_streamlit_user=x; Max-Age=99", False, 5
    )
    assert "Max-Age=0" in strict_cookie("_streamlit_user=; Max-Age=0", True, 5)


def test_a_session_ends_with_the_sign_out_whoever_kept_its_cookies(serve: Callable[..., Served]) -> None:
    served = serve()
    client = served.signed_in()
    stolen = dict(client.cookies)
    with client.websocket_connect("wss://lens.example.org/_stcore/stream", headers={"origin": "https://lens.example.org"}) as socket:
        socket.send_bytes(b"hello")
        assert socket.receive_bytes() == b"hello"
        client.get("/auth/logout", follow_redirects=False)
        with pytest.raises(WebSocketDisconnect) as over:
            socket.receive_bytes()
        assert over.value.code == 4401
    header = "; ".join(f"{k}={v}" for k, v in stolen.items())
    assert client.get("/", headers={"cookie": header}).status_code == 401


def test_a_session_lasts_its_time_and_belongs_to_one_user(serve: Callable[..., Served]) -> None:
    served = serve()
    client = served.signed_in()
    served.clock.now += 3599
    assert client.get("/").status_code == 200
    served.clock.now += 1
    assert client.get("/").status_code == 401
    served.signed_in()
    mine = client.cookies[SESSION]
    client.cookies.clear()
    client.get("/oauth2callback?who=b", follow_redirects=False)  # somebody else, in another browser
    theirs = {**client.cookies, SESSION: mine}
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.get("/", headers={"cookie": "; ".join(f"{k}={v}" for k, v in theirs.items())}).status_code == 401
    assert client.get("/", headers={"cookie": b"_streamlit_user=\xff\x00; =;"}).status_code == 401


def test_a_new_sign_in_ends_the_old_one_in_the_same_browser(serve: Callable[..., Served]) -> None:
    client = serve().signed_in()
    old = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    client.get("/oauth2callback", follow_redirects=False)
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.get("/", headers={"cookie": old}).status_code == 401


@pytest.mark.parametrize(
    ("secret", "claims", "known"),
    [
        (COOKIE_SECRET, {}, True),
        ("another secret of 32 characters!", {}, False),
        (COOKIE_SECRET, {"origin": "https://evil.example"}, False),
        (COOKIE_SECRET, {"is_logged_in": False}, False),
        (COOKIE_SECRET, {"is_logged_in": "true"}, False),
    ],
)
def test_who_is_known(secret: str, claims: dict[str, object], known: bool, tmp_path: Path) -> None:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    sign_in = read_file(secrets_file(tmp_path, WHOLE))
    assert sign_in is not None
    user = {"is_logged_in": True, "origin": sign_in.origin, **claims}
    cookie = create_signed_value(secret, "_streamlit_user", json.dumps(user)).decode()
    assert (user_of({"_streamlit_user": cookie}, sign_in) is not None) is known


def test_hours_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    assert session_seconds() == 8 * 3600
    monkeypatch.setenv("LESIONLENS_SESSION_HOURS", "0.5")
    assert session_seconds() == 1800
    for wrong in ("0", "-1", "soon", "nan", "1e9"):
        monkeypatch.setenv("LESIONLENS_SESSION_HOURS", wrong)
        with pytest.raises(AccessError):
            session_seconds()


def test_sessions_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    sessions = Sessions(10, clock)
    monkeypatch.setattr("ui.frame.sessions.MOST", 3)
    first, *others = [sessions.begin(b"u") for _ in range(4)]
    assert sessions.find(first, b"u") is None and all(sessions.find(o, b"u") for o in others)


@pytest.mark.parametrize("broken", ["[auth\n", "", None])
def test_settings_that_break_while_the_server_runs_shut_it(broken: str | None, serve: Callable[..., Served]) -> None:
    served = serve()
    client = served.signed_in()
    assert client.get("/").status_code == 200
    if broken is None:
        served.file.unlink()
    else:
        served.file.write_text(broken)
    for path in ("/", "/media/a.png", "/auth/login", "/_stcore/health"):
        answer = client.get(path)
        assert answer.status_code == 503 and str(served.file) not in answer.text
    served.file.write_text(WHOLE)
    assert client.get("/").status_code == 200


def test_settings_that_vanish_are_not_settings_that_never_were(tmp_path: Path) -> None:
    file = secrets_file(tmp_path, WHOLE)
    door, never = Door([file]), Door([tmp_path / "none.toml"])
    file.unlink()
    with pytest.raises(AccessError, match="are gone"):
        door.sign_in()
    assert never.sign_in() is None


def test_settings_that_appear_while_the_server_runs_count(serve: Callable[..., Served]) -> None:
    served = serve(None)
    assert served.client.get("/").status_code == 200
    served.file.write_text("[Auth]\n")
    assert served.client.get("/").status_code == 503
    served.file.write_text(WHOLE)
    assert served.client.get("/").status_code == 401


def test_another_server_that_listens_everywhere_is_shut_too(serve: Callable[..., Served]) -> None:
    """Uvicorn itself does not know Streamlit's address; the one that was called counts."""
    served = serve(None)
    outside = TestClient(served.client.app, base_url="http://192.168.1.5")
    assert outside.get("/").status_code == 503


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1:x", ""]
)
def test_a_name_that_is_not_ours_is_not_answered(host: str, serve: Callable[..., Served]) -> None:
    served = serve(None)
    answer = served.client.get("/", headers={"host": host})
    assert answer.status_code == 403 and "a page" not in answer.text
    with (
        pytest.raises(WebSocketDisconnect),
        served.client.websocket_connect("ws://127.0.0.1/_stcore/stream", headers={"host": host, "origin": f"http://{host}"}),
    ):
        pass


def test_two_names_are_none(serve: Callable[..., Served]) -> None:
    client = serve(None).client
    assert client.get("/", headers=[("host", "127.0.0.1"), ("host", "evil.example")]).status_code == 403  # type: ignore[arg-type]  # httpx takes pairs


def test_names_of_ours(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(None).client
    for host in ("127.0.0.1:8501", "localhost", "LOCALHOST:1", "[::1]:8501"):
        assert client.get("/", headers={"host": host}).status_code == 200, host
    assert client.get("/", headers={"host": "lens.example.org"}).status_code == 403
    monkeypatch.setenv(reach.HOSTS_VARIABLE, "other.example, Lens.Example.org")
    assert client.get("/", headers={"host": "lens.example.org"}).status_code == 200
    assert hostname("a b") is None or client.get("/", headers={"host": "a b"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:3000", "null", None])
def test_a_websocket_comes_from_a_page_of_ours(origin: str | None, serve: Callable[..., Served]) -> None:
    client = serve(None).client
    headers = {"host": "127.0.0.1"} | ({"origin": origin} if origin else {})
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://127.0.0.1/_stcore/stream", headers=headers):
        pass
    with client.websocket_connect("ws://127.0.0.1/_stcore/stream", headers={"host": "127.0.0.1", "origin": "http://127.0.0.1"}) as socket:
        socket.send_bytes(b"x")
        assert socket.receive_bytes() == b"x"


def test_every_answer_carries_the_headers(serve: Callable[..., Served]) -> None:
    served = serve()
    for path in ("/", "/auth/logout", "/_stcore/health"):
        headers = served.client.get(path, follow_redirects=False).headers
        policy = headers["content-security-policy"]
        assert "img-src 'self' data: blob:;" in policy and "frame-ancestors 'self'" in policy and "http" not in policy
        assert headers["x-frame-options"] == "SAMEORIGIN" and headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert "sandbox" in served.signed_in().get("/media/a.svg").headers["content-security-policy"]
    assert "frame-ancestors" in served.client.get("/", headers={"host": "evil.example"}).headers["content-security-policy"]


LIMITS = UploadLimits(file=1000, session=1500, all=4000, at_once=4, a_second=0.5)


def test_uploads_are_bounded(serve: Callable[..., Served]) -> None:
    served = serve(None, limits=LIMITS)

    def put(session: str, size: int) -> int:
        served.clock.now += 1000
        return served.client.put(f"/_stcore/upload_file/{session}/f", content=b"x" * size).status_code

    assert put("a", 1000) == 200
    assert put("a", 1000 + 2**16 + 1) == 413  # a file
    served.held = served.held
    served.held["a"] = 600
    assert put("a", 901) == 413 and put("a", 900) == 200  # a page's files
    served.held["b"] = 3000
    assert put("c", 401) == 413 and put("c", 400) == 200  # everybody's
    served.clock.now += 1000
    without_length = served.client.put("/_stcore/upload_file/d/f", content=iter([b"x"]))
    assert without_length.status_code == 411
    assert served.client.delete("/_stcore/upload_file/d/f").status_code == 200


@pytest.mark.parametrize("other", ["a", "b"])
def test_what_is_under_way_counts(other: str) -> None:
    """Two files at once, of one page or of two, which only together are too much."""
    limits = UploadLimits(file=1000, session=1500 if other == "a" else 9000, all=9000 if other == "a" else 1500)
    answers: list[int] = []

    async def both() -> None:
        go = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await go.wait()

        async def send(message: Message) -> None:
            answers.extend([message["status"]] if message["type"] == "http.response.start" else [])

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        uploads = BoundedUploads(app, limits, dict)
        scopes = [
            {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/{s}/f", "headers": [(b"content-length", b"1000")]}
            for s in ("a", other)
        ]
        first = asyncio.ensure_future(uploads(scopes[0], receive, send))
        await asyncio.sleep(0)
        await uploads(scopes[1], receive, send)
        assert answers == [413]
        go.set()
        await first
        await uploads(scopes[1], receive, send)
        assert answers == [413]

    asyncio.run(both())


def test_uploads_are_rationed(serve: Callable[..., Served]) -> None:
    served = serve(None, limits=LIMITS)

    def put(k: int) -> int:
        return served.client.put(f"/_stcore/upload_file/{k}/f", content=b"x").status_code

    assert [put(k) for k in range(6)] == [200] * 4 + [429] * 2
    served.clock.now += 2
    assert [put(k) for k in range(2)] == [200, 429]


def test_who_is_signed_in_has_a_ration_of_their_own(serve: Callable[..., Served]) -> None:
    """Behind a proxy all come from one address."""
    client = serve(limits=LIMITS).client
    for who in ("a", "b"):
        client.get(f"/oauth2callback?who={who}", follow_redirects=False)
        assert [client.put("/_stcore/upload_file/x/f", content=b"x").status_code for _ in range(5)] == [200] * 4 + [429]


def test_limits_of_uploads_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert upload_limits().file == 200 * 2**20 and upload_limits().session == 400 * 2**20
    monkeypatch.setenv("LESIONLENS_ALL_UPLOADS_MB", "100")
    assert upload_limits().all == 100 * 2**20
    for wrong in ("-1", "0", "much", "1.5"):
        monkeypatch.setenv("LESIONLENS_ALL_UPLOADS_MB", wrong)
        with pytest.raises(AccessError):
            upload_limits()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "//[", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere_after_signing_in(wanted: str) -> None:
    assert local_address(wanted) == "/"
    assert local_address("/inspect?image=a") == "/inspect?image=a"
