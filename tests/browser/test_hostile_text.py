"""What Streamlit's page itself makes of escaped text: the same text, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from core.text import visible
from tests.browser.conftest import PATIENCE, _answers, free_port
from tests.conftest import PROJECT
from tests.hostile.test_text import HOSTILE, JOINER

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SCRIPT = """
import streamlit as st
from core.text import code, literal
from tests.hostile.test_text import HOSTILE
for text in HOSTILE:
    st.markdown(f"({literal(text)})")
    st.caption(f"({code(text)})")
for k, text in enumerate(HOSTILE):
    st.checkbox(f"({literal(text)})", key=str(k))
st.markdown("the end")
"""
ACTIVE = "a, img, em, strong, del, h1, h2, h3, ul, ol, table, blockquote, hr, sup, .katex, iframe, script, [style], [role=img], br"


def test_a_browser_shows_the_text_itself(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SCRIPT, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(tmp_path / "shown.py"), "--server.headless=true", f"--server.port={port}"]
    command += ["--server.address=127.0.0.1"]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE / 1000
        while not _answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{port}")
        page.get_by_text("the end", exact=True).wait_for(timeout=PATIENCE)
        page.get_by_test_id("stCheckbox").nth(len(HOSTILE) - 1).wait_for(timeout=PATIENCE)  # its script is loaded late
        found = page.locator("[data-testid=stMarkdownContainer], [data-testid=stCaptionContainer]").evaluate_all(
            "(all, active) => all.map(one => [one.textContent, [...one.querySelectorAll(active)].map(x => x.outerHTML)])", ACTIVE
        )
        page.close()
    finally:
        process.terminate()
        process.wait(20)
    assert not [url for url in asked if "evil" in url]
    assert [(text, active) for text, active in found if active] == []
    shown = [f"({' '.join(visible(text).split())})" for text in HOSTILE]
    as_code = [s if s != "()" else "(–)" for s in shown]
    expected = [text for pair in zip(shown, as_code, strict=True) for text in pair] + shown + ["the end"]
    told = [text.replace(JOINER, "") for text, _ in found]
    assert told == expected
