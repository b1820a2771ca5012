"""`make hostile`: the suite's hostile networks, cards and datasets through the whole command line, each in a process of its own.

Handled means: it ends by itself with code 2 (a dataset with dirt: 0) and one message, without a traceback, within 10 seconds, with less than
1 GB of memory above what the command takes at rest, and leaves no file elsewhere. Prints what was not, the slowest and the largest.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import psutil
import yaml

from demo.classifiers import install
from tests.hostile import nets
from tests.hostile import test_archives as archives
from tests.hostile import test_cards as cards
from tests.hostile import test_datasets as data
from tests.hostile import test_hdf5 as hdf5
from tests.hostile import test_savedmodels as saved

PROJECT = Path(__file__).resolve().parents[2]
SECONDS, GIGABYTE = 10.0, 2**30
KEPT = {"workspace", ".cache", ".config", ".keras"}  # what LesionLens, TensorFlow and Keras leave at home
PLACES = ("a layer", "activation", "in a wrapped layer", "a keyword")  # of those the suite tries in one process


@dataclass(frozen=True)
class Case:
    """make: puts the input into an empty folder and returns it; code: of the exit, any of these."""

    name: str
    command: tuple[str, str]
    make: Callable[[Path], Path]
    codes: tuple[int, ...] = (2,)


@dataclass(frozen=True)
class Outcome:
    """seconds: on the clock; peak: bytes of the command and all it started; fault: empty if handled."""

    seconds: float
    peak: int
    fault: str


def cases(base: Path) -> Iterator[Case]:
    show = ("model", "show")

    def h5(kind: str) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            path = Path(shutil.copyfile(base, folder / "net.h5"))
            with h5py.File(path, "r+") as file:
                hdf5.H5[kind](file)
            return path

        return make

    def keras(config: bytes | None, change: Callable[[Path], object] = lambda _: None) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            path = nets.write_keras(folder / "net.keras", base, config)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                change(path)
            return path

        return make

    def saved_model(content: bytes | None, change: Callable[[Path], object] = lambda _: None) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            path = saved.saved_folder(folder / "net")
            if content is not None:
                (path / "saved_model.pb").write_bytes(content)
            change(path)
            return path

        return make

    def card(content: str | bytes) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            (folder / "net.card.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
            return nets.write_keras(folder / "net.keras", base)

        return make

    def foreign(kind: str, place: str) -> bytes:
        net = nets.network()
        nets.PLACES[place](net, copy.deepcopy(nets.KINDS[kind]))
        return json.dumps(net).encode()

    yield from (Case(f"hdf5: {kind}", show, h5(kind)) for kind in hdf5.H5)
    yield from (Case(f"archive: {kind}", show, keras(None, change)) for kind, change in archives.ZIP.items())
    yield from (Case(f"configuration: {kind}", show, keras(config)) for kind, config in archives.CONFIGS.items())
    yield from (Case(f"{place}: {kind}", show, keras(foreign(kind, place))) for kind in nets.KINDS for place in PLACES)
    yield from (Case(f"SavedModel: {kind}", show, saved_model(content)) for kind, content in (saved.OBJECTIONABLE | saved.BROKEN).items())
    yield from (
        Case(f"operation: {op}", show, saved_model(saved.saved(library=saved.function("f", saved.node(op))))) for op in saved.FORBIDDEN
    )
    yield from (Case(f"folder: {kind}", show, saved_model(None, change)) for kind, change in saved.FOLDERS.items())
    yield from (Case(f"card: {kind}", show, card(content)) for kind, content in cards.YAML.items())
    changed = {kind: yaml.safe_dump(cards.CARD | fields) for kind, fields in cards.FIELDS.items()}
    yield from (Case(f"card: {kind}", show, card(content)) for kind, content in changed.items())
    yield from (
        Case(f"dataset: {kind} as {name}", ("dataset", "show"), _dirty(kind, name), (0,))
        for kind in data.DIRT
        for name in ("x.jpg", "x.csv", "x.json")
    )
    yield from (Case(f"table: {kind}", ("dataset", "show"), _table(content), (0, 2)) for kind, (content, *_) in data.TABLES.items())


def _demo(folder: Path) -> Path:
    install(folder)
    return folder / "demo-honest.keras"


def _dataset(folder: Path) -> Path:
    root = folder / "data"
    root.mkdir()
    (root / "metadata.csv").write_text(data.HAM)
    for k in range(4):
        (root / f"I_{k}.jpg").write_bytes(data.PICTURE)
    return root


def _dirty(kind: str, name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = _dataset(folder)
        data.DIRT[kind][0](root / name)
        return root

    return make


def _table(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = _dataset(folder)
        (root / "metadata.csv").write_bytes(content)
        return root

    return make


def tried(case: Case, folder: Path) -> Outcome:
    """One command over the case's input, watched from outside."""
    given, home = folder / "given", folder / "home"
    given.mkdir(parents=True)
    home.mkdir()
    path = case.make(given)
    before = _content(given)
    environment = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-B", "cli.py", *case.command, str(path), "--workspace", str(home / "workspace")]
    start, peak = time.monotonic(), 0
    with (folder / "output").open("w+b") as output:
        process = psutil.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        while process.poll() is None and time.monotonic() - start < 6 * SECONDS:
            peak = max(peak, _resident(process))
            time.sleep(0.02)
        seconds = time.monotonic() - start
        code = process.poll()
        if code is None:
            for one in [*process.children(recursive=True), process]:
                one.kill()
            process.wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    faults = {
        f"code {code}: {said[-300:]!r}": code not in case.codes,
        "a traceback": "Traceback" in said,
        "not one message": code == 2 and said.count("Error:") != 1,
        "the input was changed": _content(given) != before,
        f"left {sorted(p.name for p in home.iterdir())}": bool({p.name for p in home.iterdir()} - KEPT),
    }
    return Outcome(seconds, peak, "; ".join(what for what, so in faults.items() if so))


def _content(folder: Path) -> list[tuple[str, int]]:
    return sorted((p.relative_to(folder).as_posix(), p.lstat().st_size) for p in folder.rglob("*"))


def _resident(process: psutil.Process) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:  # it has just ended
            continue
    return total


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        base = nets.write_h5(Path(folder) / "base.h5")
        rest = tried(Case("a network that opens", ("model", "show"), _demo, (0,)), Path(folder) / "rest")
        print(f"at rest: {rest.seconds:.1f} s, {rest.peak / 2**20:.0f} MB{'; ' + rest.fault if rest.fault else ''}", flush=True)
        found: dict[str, Outcome] = {}
        for number, case in enumerate(cases(base)):
            found[case.name] = tried(case, Path(folder) / str(number))
            shutil.rmtree(Path(folder) / str(number))
    late = [n for n, o in found.items() if o.seconds > SECONDS]
    large = [n for n, o in found.items() if o.peak > rest.peak + GIGABYTE]
    for name, outcome in found.items():
        if outcome.fault:
            print(f"{name}: {outcome.fault}")
    for what, names in (("over 10 s", late), ("over 1 GB above rest", large)):
        print(f"{what}: {', '.join(names) or 'none'}")
    slowest, largest = max(found, key=lambda n: found[n].seconds), max(found, key=lambda n: found[n].peak)
    print(f"slowest: {slowest}, {found[slowest].seconds:.1f} s; largest: {largest}, {found[largest].peak / 2**20:.0f} MB")
    bad = {n for n, o in found.items() if o.fault} | {*late, *large}
    print(f"{len(found) - len(bad)} of {len(found)} handled")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
