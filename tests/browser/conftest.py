"""A fresh server and a real Chromium for the browser tests."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, TimeoutError, expect, sync_playwright

from demo.classifiers import install
from tests.conftest import PROJECT
from workspace import Workspace

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 180_000  # ms; the first click on a network waits for TensorFlow, on a busy machine for long
expect.set_options(timeout=PATIENCE)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@contextmanager
def serving(
    workspace: Path, secrets: Path | None = None, port: int | None = None, base: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`streamlit run app.py` on a free port of this machine, ended by its process id. environment: what differs from ours."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    command += [f"--secrets.files={secrets}"] if secrets else []
    command += [f"--server.baseUrlPath={base}"] if base else []
    environment = {**os.environ, **(environment or {}), "LESIONLENS_WORKSPACE": str(workspace)}
    log = workspace.parent / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}" + (f"/{base}" if base else "")
        end = time.monotonic() + PATIENCE / 1000
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        pytest.skip(f"needs a Chromium: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield one
        one.close()


@pytest.fixture(scope="session")
def visitors(browser: Browser) -> Iterator[BrowserContext]:
    """One browser for all, so that Streamlit's scripts are loaded and compiled once; with patience for what a page has to do."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(visitors: BrowserContext) -> Iterator[Page]:
    """A new visitor."""
    visitors.clear_cookies()
    one = visitors.new_page()
    yield one
    one.close()


@pytest.fixture(scope="session")
def tiny_workspace(tmp_path_factory: pytest.TempPathFactory, small_dataset: Path) -> Path:
    """The shipped classifiers and a small drawn dataset called tiny."""
    space = Workspace(tmp_path_factory.mktemp("browser") / "workspace")
    install(space.models)
    space.register_dataset("tiny", small_dataset)
    return space.root


@pytest.fixture(scope="session")
def server(browser: Browser, tiny_workspace: Path) -> Iterator[Server]:
    with serving(tiny_workspace) as one:
        yield one


IDLE = """() => {
    const app = document.querySelector("[data-testid='stApp']"), now = performance.now();
    window.idleSince = app?.dataset.testScriptState === "notRunning" ? window.idleSince ?? now : undefined;
    return now - window.idleSince > 300;
}"""


def ready(page: Page) -> None:
    """Wait until the script behind the page has run to its end, and no other has begun for 0.3 s: a button's answer,
    or a page that asks to be drawn again, begins a moment after the last run."""
    page.evaluate("window.idleSince = undefined")
    page.wait_for_function(IDLE)


def tap(target: Locator) -> None:
    """Click what stays (a tab, a choice) once the page is at rest: what is drawn anew between press and release hears nothing."""
    target.wait_for()
    ready(target.page)
    target.click()


def unfold(page: Page, label: str) -> None:
    """Open the folded part whose line says so (a regular expression)."""
    line = page.locator("summary").filter(has_text=re.compile(label))
    opened = page.locator("details[open] > summary").filter(has_text=re.compile(label))
    for _ in range(5):
        tap(line.first)
        try:
            opened.first.wait_for(timeout=5_000)
            return
        except TimeoutError:
            continue
    raise AssertionError(f"no answer to clicks: {label}")


def press(button: Locator) -> None:
    """Click a button that goes away once it has been heard: one that has just been drawn may not listen yet, or be drawn anew."""
    button.wait_for()
    for _ in range(10):
        try:
            button.click(timeout=6_000)
            button.wait_for(state="hidden", timeout=6_000)
            return
        except TimeoutError:
            ready(button.page)  # a second click would begin the slow page's run anew
            if not button.is_visible():
                return
    raise AssertionError(f"no answer to clicks: {button}")


def key_until(page: Page, key: str, seen: Locator, focus: Locator | None = None) -> None:
    """Press a key until it is answered: a page that has just been drawn may not listen yet, and then the key does nothing."""
    for _ in range(7):
        ready(page)
        if focus is not None:
            focus.focus()
        page.keyboard.press(key)
        try:
            seen.first.wait_for(timeout=8_000)
            return
        except TimeoutError:
            ready(page)
            if seen.first.is_visible():  # answered late
                return
    raise AssertionError(f"no answer to the key {key!r}: {seen}")


def choose(page: Page, label: str, option: str) -> None:
    """Pick from a list (option: a regular expression): one drawn while the page still works may be drawn anew under the pointer."""
    field = page.get_by_role("combobox", name=re.compile(re.escape(label))).first
    for _ in range(6):
        ready(page)
        field.click()
        try:
            page.get_by_role("option", name=re.compile(option)).first.click(timeout=5_000)
            ready(page)
            return
        except TimeoutError:
            page.keyboard.press("Escape")
    raise AssertionError(f"{label} could not be set to {option}")


def heatmap(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("heatmap of"))


def click_until(page: Page, target: Locator, at: tuple[float, float], seen: Locator) -> None:
    """Click into a chart or table (pixels from its corner, or below 1 shares of its size) until it answers:
    one that has just been drawn does not listen yet."""
    for _ in range(10):
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None
        x, y = (a if a > 1 else a * box[side] for a, side in zip(at, ("width", "height"), strict=True))  # type: ignore[literal-required]
        page.mouse.click(box["x"] + x, box["y"] + y)
        try:
            seen.wait_for(timeout=4_000)
            return
        except TimeoutError:
            ready(page)
            if seen.is_visible():  # answered late
                return
    raise AssertionError(f"no answer to clicks: {seen}")
