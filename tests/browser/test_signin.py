"""With sign-in on, nothing answers a stranger: no page, picture, upload or websocket; nor anybody who has signed out."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import free_port, ready, serving
from tests.browser.provider import providing

pytestmark = pytest.mark.browser
SECRET = "a secret only for this test, forty characters"
BASE = "lens"
OPEN_SOCKET = """(url) => new Promise((done) => { const s = new WebSocket(url, ['streamlit']); s.onopen = () => done('open');
s.onclose = (e) => done(String(e.code)); })"""


def secrets_file(folder: Path, port: int, metadata: str) -> Path:
    path = folder / "secrets.toml"
    path.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/{BASE}/oauth2callback"\ncookie_secret = "{SECRET}"\n'
        f'client_id = "x"\nclient_secret = "y"\nserver_metadata_url = "{metadata}"\n'
    )
    return path


def user_cookie(port: int, secret: str = SECRET, origin: str | None = None) -> str:
    """What Streamlit leaves in a browser after its OIDC sign-in."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    user = {"is_logged_in": True, "origin": origin or f"http://127.0.0.1:{port}", "email": "somebody"}
    return create_signed_value(secret, "_streamlit_user", json.dumps(user)).decode()


def status(url: str, cookie: str = "") -> int:
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_signing_in_by_a_deep_link_and_out_again(page: Page, tiny_workspace: Path, tmp_path: Path) -> None:
    port = free_port()
    with providing("x") as metadata, serving(tiny_workspace, secrets_file(tmp_path, port, metadata), port, BASE) as server:
        answer = page.goto(f"{server.url}/inspect?model=demo-honest&dataset=tiny")
        assert answer is not None and answer.status == 401
        assert "demo-honest" not in page.content()
        assert page.evaluate(OPEN_SOCKET, server.url.replace("http", "ws") + "/_stcore/stream") != "open"

        paths = "/ /dataset /media/0.jpg /_stcore/upload_file/a/b /_stcore/stream /static/js/index.js /_stcore/host-config".split()
        forged = (
            "nonsense",
            user_cookie(port),  # signed as it should be, but nobody signed in
            user_cookie(port, "another secret, also forty characters long"),
            user_cookie(port, origin="http://evil"),
        )
        for path in paths:
            assert status(server.url + path) == 401, path
            for cookie in forged:
                assert status(server.url + path, f"_streamlit_user={cookie}; lesionlens_session=x") == 401, path
        assert status(f"{server.url}/_stcore/health") == 200

        page.get_by_role("link", name="Sign in").click()
        page.wait_for_url(f"**/{BASE}/inspect?model=demo-honest&dataset=tiny*")
        picture = page.get_by_role("img", name="Photograph TINY_0000001")
        expect(picture).to_be_visible()
        cookies = page.context.cookies()
        kept = {c["name"]: c for c in cookies if c["name"] in ("_streamlit_user", "lesionlens_session")}
        assert len(kept) == 2 and all(c["httpOnly"] and c["sameSite"] == "Lax" and c["path"] == f"/{BASE}" for c in kept.values())
        mine = "; ".join(f"{c['name']}={c['value']}" for c in cookies)
        media = picture.get_attribute("src")
        assert media is not None and "/media/" in media
        url = media if media.startswith("http") else f"http://127.0.0.1:{port}" + media
        assert status(url) == 401 and status(url, mine) == 200

        ready(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        assert status(url, mine) == 401
