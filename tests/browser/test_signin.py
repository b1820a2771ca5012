"""With sign-in on, nothing answers a stranger: no page, picture, upload or websocket."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import free_port, serving

pytestmark = pytest.mark.browser
SECRET = "a secret only for this test, forty characters"


def secrets_file(folder: Path, port: int) -> Path:
    path = folder / "secrets.toml"
    path.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{SECRET}"\n'
        f'client_id = "x"\nclient_secret = "y"\nserver_metadata_url = "http://127.0.0.1:{port}/nowhere"\n'
    )
    return path


def user_cookie(port: int, secret: str = SECRET, origin: str | None = None) -> str:
    """What Streamlit leaves in a browser after its OIDC sign-in."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    user = {"is_logged_in": True, "origin": origin or f"http://127.0.0.1:{port}", "email": "somebody"}
    return create_signed_value(secret, "_streamlit_user", json.dumps(user)).decode()


def status(url: str, cookie: str = "", **headers: str) -> int:
    request = urllib.request.Request(url, headers={"Cookie": f"_streamlit_user={cookie}", **headers} if cookie else headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_deep_link_to_a_fresh_server_meets_the_gate(page: Page, tiny_workspace: Path, tmp_path: Path) -> None:
    port = free_port()
    with serving(tiny_workspace, secrets_file(tmp_path, port), port) as server:
        answer = page.goto(f"{server.url}/inspect?model=demo-honest&dataset=tiny")
        assert answer is not None and answer.status == 401
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        assert page.get_by_role("link", name="Sign in").get_attribute("href").startswith("/auth/login?provider=")
        assert "demo-honest" not in page.content()

        for path in (
            "/",
            "/dataset",
            "/media/0.jpg",
            "/_stcore/upload_file/a/b",
            "/_stcore/stream",
            "/static/js/index.js",
            "/_stcore/host-config",
        ):
            assert status(server.url + path) == 401, path
            for cookie in (
                "nonsense",
                user_cookie(port, "another secret, also forty characters long"),
                user_cookie(port, origin="http://evil"),
            ):
                assert status(server.url + path, cookie) == 401, path
        assert status(f"{server.url}/_stcore/health") == 200

        page.context.add_cookies([{"name": "_streamlit_user", "value": user_cookie(port), "url": server.url}])
        page.goto(server.url)  # after signing in, the provider sends everybody to the start
        page.wait_for_url("**/inspect?model=demo-honest&dataset=tiny*")
        picture = page.get_by_role("img", name="Photograph TINY_0000001")
        expect(picture).to_be_visible()
        media = picture.get_attribute("src")
        assert media is not None and "/media/" in media
        url = media if media.startswith("http") else server.url + media
        assert status(url) == 401 and status(url, user_cookie(port)) == 200


def test_a_websocket_is_refused_before_sign_in(page: Page, tiny_workspace: Path, tmp_path: Path) -> None:
    port = free_port()
    with serving(tiny_workspace, secrets_file(tmp_path, port), port) as server:
        page.goto(f"{server.url}/_stcore/health")
        code = page.evaluate(
            """(url) => new Promise((done) => { const s = new WebSocket(url, ['streamlit']); s.onopen = () => done('open');
            s.onclose = (e) => done(String(e.code)); })""",
            server.url.replace("http", "ws") + "/_stcore/stream",
        )
        assert code != "open"


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_after_signing_in(wanted: str) -> None:
    from ui.frame.signin import local_address

    assert local_address(wanted) == "/"
    assert local_address("/inspect?image=a") == "/inspect?image=a"
