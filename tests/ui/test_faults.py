"""What is killed comes back, and two servers may share a workspace."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.runs import Run
from tests.browser.conftest import free_port, serving
from tests.visitor import Seen, Visitor
from ui.worker import process
from ui.worker.job import Job, LongJob, QuickJob
from workspace import KEPT_IMAGES, Workspace

LINK = {"model": "demo-shortcut", "dataset": "tiny"}


def at_once(works: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_two_servers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    def work(letter: str, grey: int) -> None:
        space = Workspace(tmp_path / "space")
        for k in range(15):
            space.register_dataset(f"{letter}{k}", tmp_path)
            space.keep_image(np.full((8, 8, 3), grey + k, np.uint8))

    at_once([partial(work, "a", 0), partial(work, "b", 100)])
    space = Workspace(tmp_path / "space")
    assert set(space.dataset_names()) == {f"{letter}{k}" for letter in "ab" for k in range(15)} | {KEPT_IMAGES}
    assert len((space.datasets / KEPT_IMAGES / "metadata.csv").read_text().splitlines()) == 1 + 30


@dataclass(frozen=True, eq=False)
class Note(QuickJob[None]):
    """A quick job that leaves a mark, and after which the page asks another."""

    def run(self) -> None:
        DONE.append("quick")
        if DONE.count("quick") == 1:
            threading.Timer(0.05, INBOX.put, (question(2, Note()),)).start()


@dataclass(frozen=True, eq=False)
class Silent(QuickJob[None]):
    def run(self) -> None:
        """Nothing."""


@dataclass(frozen=True, eq=False)
class Steps(LongJob[None]):
    def run(self) -> Run[None]:
        while True:
            DONE.append("step")
            yield 1, 2


DONE: list[str] = []
INBOX: queue.Queue[tuple[str, int, bytes]] = queue.Queue()


def question(number: int, job: Job[None]) -> tuple[str, int, bytes]:
    return process.JOB, number, bytes(ForkingPickler.dumps(job))


def test_a_click_that_asks_twice_waits_for_one_step_of_a_long_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LINGER_SECONDS", 1)
    here, _there = Pipe()
    loop = process.Loop(here)
    INBOX.put(question(0, Steps()))
    process.turn(loop, INBOX)
    INBOX.put(question(1, Note()))
    for _ in range(2):
        process.turn(loop, INBOX)
    assert DONE == ["step", "quick", "quick"]


def test_clicks_that_wait_are_not_kept_waiting() -> None:
    """Nobody listens for the next question while others have asked theirs."""

    class Deaf(queue.Queue[tuple[str, int, bytes]]):
        def get(self, block: bool = True, timeout: float | None = None) -> tuple[str, int, bytes]:
            assert timeout is None
            return super().get(block, timeout)

    here, _there = Pipe()
    loop, inbox = process.Loop(here), Deaf()
    for number, job in enumerate((Steps(), Silent(), Silent())):
        inbox.put(question(number, job))
    process.turn(loop, inbox)
    assert loop.asked


def networks_of(pid: int) -> psutil.Process:
    """The process that runs networks for this server."""
    return next(p for p in psutil.Process(pid).children() if "ui.worker.process" in p.cmdline())


def until(visitor: Visitor, holds: Callable[[Seen], bool], page: str = "shortcuts") -> Seen:
    """Look at the page again and again; the limit only ends a test that has failed already."""
    end = time.monotonic() + 180
    while not holds(seen := visitor.open(page, **LINK)):
        assert time.monotonic() < end, seen
        time.sleep(0.3)
    return seen


def goes_on(seen: Seen) -> bool:
    return any(text.startswith("Trying markers: ") and " of " in text for text in seen.said)


def photograph(visitor: Visitor, image: str) -> bool:
    return f"Photograph {image}" in visitor.open("inspect", **LINK, image=image).pictures


@pytest.mark.slow
def test_killed_in_the_middle_of_a_run(workspace: Workspace) -> None:
    port = free_port()
    with serving(workspace.root, port=port) as server, Visitor(server.url) as visitor:
        visitor.press(visitor.open("shortcuts", **LINK).buttons["Test the markers"])
        until(visitor, goes_on)
        networks_of(server.pid).kill()
        said = until(visitor, lambda seen: "Try again" in seen.buttons)
        assert any("killed from outside" in text for text in said.said)
        assert photograph(visitor, "TINY_0000001")  # it has come back

        visitor.press(said.buttons["Try again"])
        until(visitor, goes_on)
        networks = networks_of(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        networks.wait(30)  # does not stay behind
    with serving(workspace.root, port=port) as again, Visitor(again.url) as visitor:
        visitor.press(visitor.open("shortcuts", **LINK).buttons["Test the markers"])
        until(visitor, lambda seen: "Test the markers" not in seen.buttons and not goes_on(seen))
        assert (workspace.root / "results").is_dir()


@pytest.mark.slow
def test_two_servers_on_one_workspace_answer_alike(workspace: Workspace) -> None:
    with serving(workspace.root) as one, serving(workspace.root) as two, Visitor(one.url) as a, Visitor(two.url) as b:
        found: list[bool] = []

        def look(visitor: Visitor) -> None:
            found.append(photograph(visitor, "TINY_0000001"))

        at_once([partial(look, a), partial(look, b)])
        assert found == [True, True]
