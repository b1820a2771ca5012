"""`make hostile-browser`: the hostile inputs through the pages of one server, in Chromium.

Networks and pictures are uploaded; what a browser cannot upload is opened as a page allows it: SavedModels (folders) and cards lie in the
models folder and are opened by a link, datasets and tables are added by their path. Handled means: the page says in one message why not
(with the file's name), or opens it; no traceback on the page or in the server's log; server and worker live on, and nobody else is asked
for anything; within 10 seconds, with less than 1 GB of memory above what both hold at rest; no file elsewhere. After every 25 inputs a good
one must open. Names of kinds, if given, choose among the inputs.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.sync_api import Error, Page, Request, sync_playwright

from core.text import visible
from demo.classifiers import install
from tests.browser.conftest import NAMES as BROWSERS
from tests.browser.conftest import PATIENCE, QUIET, Server, press, ready, serving, tap, unfold
from tests.hostile import nets
from tests.hostile.inputs import Case, Kind, cases, dataset, good
from tests.hostile.judge import SECONDS, Memory, Outcome, content, report, resident
from workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]
OFTEN = 25  # inputs between two good ones
BETWEEN = 2.0  # seconds between two uploads: the server takes one in two seconds from one sender
ERRORS, WARNINGS = "[data-testid=stAlertContentError]", "[data-testid=stAlertContentWarning]"
AWAY = re.compile(r"asks for the (classifier|dataset) .* which is not in this workspace")
WAIT = 6_000 * SECONDS  # ms


@dataclass
class Desk:
    """A page in a browser and the server behind it. log: of the server; asked: addresses elsewhere that the page asked for; sent: files."""

    page: Page
    server: Server
    space: Workspace
    log: Path
    asked: list[str] = field(default_factory=list)
    uploaded: float = 0.0
    sent: int = 0

    def watch(self, request: Request) -> None:
        """Notes a request that goes elsewhere."""
        if not request.url.startswith((self.server.url, self.server.url.replace("http", "ws"), "data:", "blob:", "about:")):
            self.asked.append(request.url)

    def go(self, place: str) -> None:
        self.page.goto(f"{self.server.url}/{place}")
        self.page.get_by_role("heading").first.wait_for()
        ready(self.page)

    def put(self, path: Path) -> None:
        """Into the page's field for files."""
        time.sleep(max(0.0, self.uploaded + BETWEEN - time.monotonic()))
        self.uploaded = time.monotonic()
        self.page.locator("input[type=file]").set_input_files(path)

    def take_away(self) -> None:
        button = self.page.get_by_role("button", name=re.compile("^Remove "))
        if button.count():
            press(button.first)
            ready(self.page)

    def answer(self, seen: str) -> bool:
        """Waits for an error or for what is seen when all went well; returns whether it is that."""
        wanted = self.page.locator(seen)
        self.page.locator(ERRORS).or_(wanted).first.wait_for(timeout=WAIT)
        ready(self.page)
        return wanted.count() > 0 and not self.page.locator(ERRORS).count()


@dataclass(frozen=True)
class Way:
    """How inputs of a kind reach a page. place: the folder they are made in; start: the page is made ready; go: hands the input over and
    returns whether it opened; end: everything is as before."""

    place: Callable[[Desk, Path], Path]
    start: Callable[[Desk], None]
    go: Callable[[Desk, Path], bool]
    end: Callable[[Desk], None]
    names_file: bool


def _classifier(desk: Desk) -> None:
    if "/classifier" not in desk.page.url or not desk.page.locator("input[type=file]").count():
        desk.go("classifier?model=demo-honest")
        unfold(desk.page, "Add a classifier")


def _keep(desk: Desk, path: Path) -> bool:
    desk.put(path)
    tap(desk.page.get_by_role("button", name="Check and keep it"))
    end = time.monotonic() + WAIT / 1000
    while "model=demo-honest" in desk.page.url and not desk.page.locator(ERRORS).count() and time.monotonic() < end:
        desk.page.wait_for_timeout(50)
    ready(desk.page)
    return "model=demo-honest" not in desk.page.url


def _remove_models(desk: Desk) -> None:
    for one in desk.space.models.iterdir():
        if not one.name.startswith("demo-"):
            shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()


def _forget_upload(desk: Desk) -> None:
    desk.take_away()
    _remove_models(desk)
    if "model=demo-honest" not in desk.page.url:
        desk.page.goto("about:blank")


def _inspect(desk: Desk) -> None:
    if "/inspect" not in desk.page.url or not desk.page.locator("input[type=file]").count():
        desk.go("inspect?model=demo-honest&dataset=tiny")
        unfold(desk.page, "Choose an image")
        tap(desk.page.get_by_role("tab", name="Upload"))


def _show(desk: Desk, path: Path) -> bool:
    desk.put(path)
    return desk.answer("text=Your upload") and desk.page.get_by_role("img", name=re.compile("heatmap of")).count() > 0


def _open_link(desk: Desk, path: Path) -> bool:
    name = path.stem if path.is_file() else path.name
    desk.page.goto(f"{desk.server.url}/classifier?model={name}&dataset=tiny")
    return desk.answer("text=/ · sha256/") and f"model={name}" in desk.page.url


def _dataset(desk: Desk) -> None:
    desk.go("dataset?model=demo-honest&dataset=tiny")
    unfold(desk.page, "Add a dataset")


def _add(desk: Desk, path: Path) -> bool:
    page = desk.page
    page.get_by_label("Folder or table on this machine").fill(str(path))
    page.get_by_label("Name in this workspace").fill("given")
    ready(page)
    page.get_by_role("button", name="Add", exact=True).click()
    return desk.answer("text=/Added given|Here already/")


def _forget_dataset(desk: Desk) -> None:
    (desk.space.datasets / "datasets.yaml").unlink()
    desk.space.register_dataset("tiny", desk.space.root.parent / "data")


def _nothing(desk: Desk) -> None:
    """Nothing is left."""


UPLOADED = Way(lambda desk, folder: folder, _classifier, _keep, _forget_upload, True)
LINKED = Way(lambda desk, folder: desk.space.models, _nothing, _open_link, _remove_models, True)
ADDED = Way(lambda desk, folder: folder, _dataset, _add, _forget_dataset, False)
WAYS: dict[Kind, Way] = {
    "network": UPLOADED,
    "SavedModel": LINKED,
    "card": LINKED,
    "dataset": ADDED,
    "table": ADDED,
    "picture": Way(lambda desk, folder: folder, _inspect, _show, Desk.take_away, True),
}


def tried(case: Case, desk: Desk, folder: Path, rest: int) -> Outcome:
    """One input on its page, watched from outside. folder: holds `given`, `home` and `temporary`."""
    way, given, faults = WAYS[case.kind], folder / "given", dict[str, bool]()
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    path = case.make(way.place(desk, given))
    if path.parent == given and path.is_file() and path.stem in ("net", "photo"):  # Chromium takes the same path again for no change
        desk.sent += 1
        path = path.rename(path.with_stem(f"{path.stem}{desk.sent}"))
    way.start(desk)
    before, log, networks = _left(desk, folder), desk.log.stat().st_size, _worker(desk)
    opened, start = False, time.monotonic()
    with Memory(psutil.Process(desk.server.pid)) as memory:
        try:
            opened = way.go(desk, path)
        except (Error, AssertionError) as error:
            faults[f"no answer: {str(error).splitlines()[0]}"] = True
        seconds = time.monotonic() - start
    page = desk.page
    said, body = page.locator(ERRORS).all_inner_texts(), page.locator("body").inner_text()
    away = [text for text in page.locator(WARNINGS).all_inner_texts() if AWAY.search(text)]
    messages = len(said) + len(away) * (not said)
    faults |= {
        f"opened: {opened}": case.opens is not None and opened != case.opens,
        f"{messages} messages: {said}": messages != (0 if opened else 1),
        f"a message without the file's name: {said}": bool(said) and way.names_file and visible(path.stem[:3]).strip() not in said[0],
        "a traceback on the page": "Traceback" in body or page.get_by_test_id("stException").count() > 0,
        "a traceback in the log": b"Traceback" in desk.log.read_bytes()[log:],
        "the server has ended": not psutil.pid_exists(desk.server.pid),
        "the worker has ended": _worker(desk) != networks,
        f"asked for {desk.asked}": bool(desk.asked),
    }
    desk.asked.clear()
    left = _left(desk, folder) - before
    kept = {name for name, _ in left if opened and case.kind in ("network", "dataset", "table") and name.startswith("workspace/")}
    faults[f"left {sorted(left)[:5]}"] = bool({name for name, _ in left} - kept)
    try:
        way.end(desk)
    except (Error, AssertionError) as error:
        faults[f"the page does not go on: {str(error).splitlines()[0]}"] = True
    if any(faults.values()):
        desk.page.goto("about:blank")
    return Outcome(seconds, memory.peak - rest, "; ".join(what for what, so in faults.items() if so))


def _left(desk: Desk, folder: Path) -> set[tuple[str, int]]:
    """Everything the server might have written, but for what TensorFlow leaves in the folder for temporary files."""
    parts = {"workspace/models": desk.space.models, "workspace/datasets": desk.space.datasets, "given": folder / "given"}
    found = {(f"{name}/{path}", size) for name, part in parts.items() for path, size in content(part)}
    found |= {(f"{name}/{p.name}", 0) for name in ("home", "temporary") for p in (folder / name).iterdir() if "autograph" not in p.name}
    return found | {(p.name, 0) for p in PROJECT.iterdir()}


def _worker(desk: Desk) -> list[int]:
    return [p.pid for p in psutil.Process(desk.server.pid).children() if "ui.worker.process" in p.cmdline()]


def main(kinds: list[str]) -> int:
    chromium = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if chromium is None:
        print(f"This needs a Chromium: none of {', '.join(BROWSERS)} is installed.")
        return 2
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        for name in ("home", "temporary", "site"):
            (folder / name).mkdir()
        space = Workspace(folder / "site" / "workspace")
        install(space.models)
        space.register_dataset("tiny", dataset(folder / "site"))
        base = nets.write_h5(folder / "base.h5")
        own = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        with serving(space.root, environment=own) as server, playwright.chromium.launch(executable_path=chromium, args=QUIET) as browser:
            page = browser.new_page(viewport={"width": 1300, "height": 1000})
            page.set_default_timeout(PATIENCE)
            desk = Desk(page, server, space, next((folder / "site").glob("server-*.log")))
            page.on("request", desk.watch)
            return _all([c for c in cases(base) if not kinds or c.kind in kinds], desk, folder)


def _all(chosen: list[Case], desk: Desk, folder: Path) -> int:
    """The chosen inputs in order, after a good one of each kind and with good ones between; returns the exit code."""
    found, between = dict[Case, Outcome](), list[Outcome]()
    fine = {kind: Case(f"a good {kind}", kind, good(kind), True) for kind in dict.fromkeys(case.kind for case in chosen)}
    for case in fine.values():  # the worker starts, pages are drawn for the first time
        first = tried(case, desk, folder, 0)
        print(f"{case.name}: {first.seconds:.1f} s{'; ' + first.fault if first.fault else ''}", flush=True)
    rest = resident(psutil.Process(desk.server.pid))
    print(f"at rest: {rest / 2**20:.0f} MB", flush=True)
    for number, case in enumerate(chosen, 1):
        found[case] = tried(case, desk, folder, rest)
        if found[case].objection:
            print(f"! {case.name}: {found[case].objection}", flush=True)
        if number % OFTEN == 0 or number == len(chosen):
            between.append(tried(fine[case.kind], desk, folder, rest))
            print(f"{number} of {len(chosen)}; a good {case.kind}: {between[-1].objection or 'opened'}", flush=True)
    failed = sum(bool(outcome.objection) for outcome in between)
    print(
        f"at the end: {resident(psutil.Process(desk.server.pid)) / 2**20:.0f} MB; {len(between) - failed} of {len(between)} good ones opened"
    )
    return max(report(found), int(failed > 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
