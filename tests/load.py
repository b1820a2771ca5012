"""`make load`: 20 and 50 sessions at once, each another image, while a long run goes on, on this machine alone.

Every photograph that arrives is compared byte by byte with the one that was asked for. Prints how long clicks take and what memory the
server and the process that runs networks hold; ends with exit code 1 if a picture was wrong or a page lacked it.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from datasets.dataset import Dataset
from datasets.opening import open_dataset
from demo.classifiers import install
from demo.cohort import draw_cohort
from demo.datasets import metadata_table, write_shots
from imaging.decode import encode_jpeg
from imaging.overlay import draw_contour
from tests.browser.conftest import serving
from tests.visitor import Visitor
from ui.inspect.inspection import screen_size
from workspace import Workspace

LESIONS = {"nv": 120, "mel": 60, "bkl": 40}
ALONE = 10  # clicks of one visitor
LONG = ("Test the markers", "Stop")  # the buttons that start a long run and show that it goes on


@dataclass(frozen=True)
class Click:
    """One image that was asked for. right: its photograph came, to the byte."""

    seconds: float
    right: bool


@dataclass(frozen=True)
class Asked:
    """The images of the dataset in order, and the sha256 of each as a page shows it."""

    url: str
    expected: dict[str, str]

    def click(self, visitor: Visitor, image: str) -> Click:
        seen = visitor.open("inspect", model="demo-honest", dataset="load", image=image)
        address = seen.pictures.get(f"Photograph {image}")
        right = address is not None and hashlib.sha256(visitor.picture(address)).hexdigest() == self.expected[image]
        return Click(seen.seconds, right)

    def alone(self, images: Sequence[str]) -> list[Click]:
        with Visitor(self.url) as one:
            return [self.click(one, image) for image in images]

    def together(self, images: Sequence[str]) -> list[Click]:
        """As many visitors at once as images; each asks for one of them."""
        visitors = [Visitor(self.url) for _ in images]
        try:
            with ThreadPoolExecutor(len(images)) as pool:
                return list(pool.map(self.click, visitors, images))
        finally:
            for one in visitors:
                one.__exit__(None, None, None)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = draw_dataset(root / "load")
        space = Workspace(root / "workspace")
        install(space.models)
        space.register_dataset("load", data)
        opened = open_dataset(data)
        ids = [str(i) for i in opened.table["image_id"]]
        expected = {i: hashlib.sha256(as_shown(opened, i)).hexdigest() for i in ids}
        with serving(space.root) as server:
            return measure(Asked(server.url, expected), ids, server.pid)


def as_shown(data: Dataset, image: str) -> bytes:
    """The photograph as a page sends it: with the outline of the lesion."""
    pixels, mask = screen_size(data.read(image)), data.mask(image)
    return encode_jpeg(pixels if mask is None else draw_contour(pixels, mask), 92)


def measure(asked: Asked, ids: list[str], pid: int) -> int:
    """Prints a line for each number of sessions; the number of pictures that were wrong or missing decides the exit code."""
    rest = iter(ids)
    clicks = asked.alone([next(rest)])  # opens the classifier
    quiet = asked.alone([next(rest) for _ in range(ALONE)])
    report("1, nothing else goes on", quiet, pid)
    clicks += quiet
    with Visitor(asked.url) as runner:
        runner.press(runner.open("shortcuts", model="demo-shortcut", dataset="load").buttons[LONG[0]])
        for sessions in (1, 20, 50):
            images = [next(rest) for _ in range(sessions if sessions > 1 else ALONE)]
            now = asked.together(images) if sessions > 1 else asked.alone(images)
            going = LONG[1] in runner.open("shortcuts", model="demo-shortcut", dataset="load").buttons
            report(f"{sessions} at once, a long run {'goes on' if going else 'HAS ENDED'}", now, pid)
            clicks += now
    wrong = sum(not c.right for c in clicks)
    print(f"{len(clicks)} pictures, {wrong} of them wrong or missing")
    return int(wrong > 0)


def report(what: str, clicks: Sequence[Click], pid: int) -> None:
    p50, p95 = np.percentile([c.seconds for c in clicks], [50, 95])
    server = psutil.Process(pid)
    networks = [p for p in server.children(recursive=True) if "ui.worker.process" in p.cmdline()]
    memory = " and ".join(f"{p.memory_info().rss / 2**20:,.0f} MB" for p in (server, *networks))
    print(
        f"{what}: p50 {p50:.2f} s, p95 {p95:.2f} s, longest {max(c.seconds for c in clicks):.2f} s; server and networks {memory}",
        flush=True,
    )


def draw_dataset(folder: Path) -> Path:
    for part in ("images", "masks", "markers"):
        (folder / part).mkdir(parents=True)
    cohort = draw_cohort(5, "LOAD", LESIONS)
    write_shots(folder, cohort.shots)
    metadata_table(cohort.shots).assign(split="test").to_csv(folder / "metadata.csv", index=False)
    return folder


if __name__ == "__main__":
    sys.exit(main())
