"""The hostile inputs that go through the whole command line (`commandline.py`) and through the pages in Chromium (`uploads.py`)."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from demo.classifiers import install
from imaging.jpeg import read_jpeg
from tests.hostile import nets
from tests.hostile import test_archives as archives
from tests.hostile import test_cards as cards
from tests.hostile import test_datasets as data
from tests.hostile import test_hdf5 as hdf5
from tests.hostile import test_images as pictures
from tests.hostile import test_savedmodels as saved
from tests.hostile.drawn import chunk, png, with_segment

Kind = Literal["network", "SavedModel", "card", "dataset", "table", "picture"]
Make = Callable[[Path], Path]
PLACES = ("a layer", "activation", "in a wrapped layer", "a keyword")  # of those the suite tries in one process
NAMES = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)",
    "![x](www.evil.example)",
    "www.evil.example a@evil.example",
    ":red[x] $x$ :material:home:",
    "[bold]red",
    "\x1b[31m\x1b[2Jred",
    "\u202egnp.seuqinilc",
    "two\nlines",
    "tab\t\x7f",
    "x" * 240,
    "two words " * 24,
    "病变" * 40,
    "e" + "\u0301" * 100,
    "..",
    "-rf",
    "=1+1",
    "%2e%2e%2fx",
    "{{7*7}} ${x}",
    "CON",
    "'; DROP TABLE x; --",
]


@dataclass(frozen=True)
class Case:
    """make: puts the input into an empty folder and returns it; opens: whether it is opened in the end, None where either is right."""

    name: str
    kind: Kind
    make: Make
    opens: bool | None = False


def cases(base: Path) -> Iterator[Case]:
    """base: the HDF5 file of a small network."""
    yield from _networks(base)
    yield from _saved_models()
    yield from (Case(f"card: {kind}", "card", _card(base, content)) for kind, content in cards.YAML.items())
    yield from (Case(f"dataset: {k} as {n}", "dataset", _dirty(k, n), True) for k in data.DIRT for n in ("x.jpg", "x.csv", "x.json"))
    yield from (Case(f"table: {kind}", "table", _table(content), None) for kind, (content, *_) in data.TABLES.items())
    yield from _pictures()


def good(kind: Kind) -> Make:
    """An input of that kind that opens."""
    made = {"dataset": dataset, "table": dataset, "picture": _picture(pictures.EVERY_KIND["png"]), "network": _named_network("good")}
    return made.get(kind, demo)


def demo(folder: Path) -> Path:
    install(folder)
    return folder / "demo-honest.keras"


def dataset(folder: Path) -> Path:
    root = folder / "data"
    root.mkdir()
    (root / "metadata.csv").write_text(data.HAM)
    for k in range(4):
        (root / f"I_{k}.jpg").write_bytes(data.PICTURE)
    return root


def _networks(base: Path) -> Iterator[Case]:
    yield from (Case(f"hdf5: {kind}", "network", _h5(base, kind)) for kind in hdf5.H5)
    yield from (Case(f"archive: {kind}", "network", _keras(base, None, change)) for kind, change in archives.ZIP.items())
    yield from (Case(f"configuration: {kind}", "network", _keras(base, config)) for kind, config in archives.CONFIGS.items())
    yield from (Case(f"{p}: {kind}", "network", _keras(base, _foreign(kind, p))) for kind in nets.KINDS for p in PLACES)
    yield from (Case(f"named {name[:40]!a}.keras", "network", _named_network(name), None) for name in NAMES)


def _saved_models() -> Iterator[Case]:
    for kind, content in (saved.OBJECTIONABLE | saved.BROKEN).items():
        yield Case(f"SavedModel: {kind}", "SavedModel", _saved_model(content))
    for operation in saved.FORBIDDEN:
        content = saved.saved(library=saved.function("f", saved.node(operation)))
        yield Case(f"operation: {operation}", "SavedModel", _saved_model(content))
    yield from (Case(f"folder: {kind}", "SavedModel", _saved_model(None, change)) for kind, change in saved.FOLDERS.items())


def _pictures() -> Iterator[Case]:
    plain, rng = pictures.EVERY_KIND["png"], np.random.default_rng(5)
    refused = {f"header {i}": content for i, (content, _) in enumerate(pictures.HEADERS)}
    refused |= {f"tiff {i}": content for i, (content, _) in enumerate(pictures.TIFFS)}
    refused |= {f"{w} × {h}, {bits} bits": png(w, h, bits, colour, rows=b"") for w, h, bits, colour, _ in pictures.TOO_DEEP}
    for name, content in pictures.CUT.items():
        start = read_jpeg(content).start + 20
        for share in (0.5, 0.97):
            refused[f"JPEG {name}, {share:.0%}, with an end"] = (
                content[: start + int((len(content) - start) * share)].rstrip(b"\xff") + b"\xff\xd9"
            )
    for name, content in pictures.EVERY_KIND.items():
        if content[:2] != b"\xff\xd8":
            refused |= {f"{name}, {share:.0%} of it": content[: int(len(content) * share)] for share in (0.5, 0.99)}
    last = pictures.PROGRESSIVE[pictures.PROGRESSIVE.rfind(b"\xff\xda") : -2]
    refused["1,500 scans"] = pictures.PROGRESSIVE[:-2] + last * 1500 + b"\xff\xd9"
    yield from (Case(f"picture: {name}", "picture", _picture(content)) for name, content in refused.items())
    harmless = {f"chunks {i}": plain[:33] + b"".join(between) + plain[33:] for i, between in enumerate(pictures.OTHER_CHUNKS)}
    harmless |= {f"Exif {i}": with_segment(pictures.JPEG, 0xE1, b"Exif\0\0" + c[:65_000]) for i, c in enumerate(pictures.BROKEN_EXIF)}
    harmless |= {f"Exif {i} in a PNG": plain[:33] + chunk(b"eXIf", c) + plain[33:] for i, c in enumerate(pictures.BROKEN_EXIF)}
    yield from (Case(f"picture: {name}", "picture", _picture(content), True) for name, content in harmless.items())
    for name, content in pictures.EVERY_KIND.items():
        changed = bytearray(content)
        for at in rng.integers(len(content), size=3):
            changed[at] = rng.integers(256)
        yield Case(f"picture: {name}, three bytes changed", "picture", _picture(bytes(changed)), None)
    yield from (Case(f"named {name[:40]!a}.png", "picture", _picture(plain, f"{name}.png"), True) for name in NAMES)


def _h5(base: Path, kind: str) -> Make:
    def make(folder: Path) -> Path:
        path = Path(shutil.copyfile(base, folder / "net.h5"))
        with h5py.File(path, "r+") as file:
            hdf5.H5[kind](file)
        return path

    return make


def _keras(base: Path, config: bytes | None, change: Callable[[Path], object] = lambda _: None) -> Make:
    def make(folder: Path) -> Path:
        path = nets.write_keras(folder / "net.keras", base, config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            change(path)
        return path

    return make


def _foreign(kind: str, place: str) -> bytes:
    net = nets.network()
    nets.PLACES[place](net, copy.deepcopy(nets.KINDS[kind]))
    return json.dumps(net).encode()


def _named_network(name: str) -> Make:
    def make(folder: Path) -> Path:
        return demo(folder).rename(folder / f"{name}.keras")

    return make


def _saved_model(content: bytes | None, change: Callable[[Path], object] = lambda _: None) -> Make:
    def make(folder: Path) -> Path:
        path = saved.saved_folder(folder / "net")
        if content is not None:
            (path / "saved_model.pb").write_bytes(content)
        change(path)
        return path

    return make


def _card(base: Path, content: str | bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / "net.card.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return nets.write_keras(folder / "net.keras", base)

    return make


def _dirty(kind: str, name: str) -> Make:
    def make(folder: Path) -> Path:
        root = dataset(folder)
        data.DIRT[kind][0](root / name)
        return root

    return make


def _table(content: bytes) -> Make:
    def make(folder: Path) -> Path:
        root = dataset(folder)
        (root / "metadata.csv").write_bytes(content)
        return root

    return make


def _picture(content: bytes, name: str = "photo.png") -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make
