"""The folder of a training run: its settings, progress, split, curves and logs. Everything a page or a second process needs.

asked.json       preset, recipe, dataset and versions, written once
state.json       progress, and the process that makes it
split.csv        image_id, diagnosis, split
history.csv      one row per epoch; history.json the same
checkpoint.npz   weights, optimiser and history after the last complete epoch; best-N.npz the best weights of phase N
pixels.npy       images that did not fit into memory
tensorboard/     the curves for TensorBoard
result.json      written when it is finished
stop             created to stop it after the current batch
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import psutil

from core.atomic import make_folder, write_bytes
from core.errors import Cancelled, TrainingError
from core.records import read_record, write_record
from models.architectures.recipe import Recipe
from models.card import Training

SUFFIX = ".training"
REPORT_EVERY = 1.0  # seconds between two updates of state.json
SAME = 2.0  # seconds within which two start times are those of one process
STOPPED = "Stopped. When started again it resumes after the last complete epoch."


@dataclass(frozen=True)
class Specification:
    """What is trained on what, written before the first epoch. donor_sha256: of the classifier whose base is taken; versions: of the
    libraries."""

    preset: str
    recipe: Recipe
    dataset: str
    dataset_sha256: str
    donor_sha256: str | None
    versions: Mapping[str, str]

    def differing(self, other: "Specification") -> list[str]:
        """Names of fields that differ; versions may."""
        return sorted(f.name for f in fields(self) if f.name != "versions" and getattr(self, f.name) != getattr(other, f.name))


@dataclass(frozen=True)
class Result:
    """model: name of the network's file."""

    model: str
    training: Training


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures. loss: as optimised (augmented, with dropout, weighted); the others without these, train_… on as many training
    images of each class as there are for validation. rate: learning rate at the epoch's end; seconds: duration."""

    phase: int
    epoch: int
    rate: float
    seconds: float
    loss: float
    train_loss: float
    train_accuracy: float
    train_balanced_accuracy: float
    val_loss: float
    val_accuracy: float
    val_balanced_accuracy: float


@dataclass(frozen=True)
class State:
    """doing: in words; done of total batches (images while they are decoded); started, updated: seconds since 1970; ended: finished,
    stopped or failed, with the message."""

    doing: str
    done: int
    total: int
    started: float
    pid: int
    process_started: float
    updated: float = field(metadata={"json": "told"})
    ended: str = ""
    message: str = ""

    @property
    def alive(self) -> bool:
        """Whether the process that wrote this is still running."""
        return not self.ended and is_alive(self.pid, self.process_started)


def is_alive(pid: int, started: float) -> bool:
    """Whether the process with that id is still the one that started then, and not a zombie."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < SAME
    except (psutil.NoSuchProcess, ValueError):  # no process has a number below 0
        return False


class Folder:
    """The files of one training run. Reading never meets half a file: they appear whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint, self.pixels, self.split = (path / name for name in ("checkpoint.npz", "pixels.npy", "split.csv"))

    def best(self, phase: int) -> Path:
        return self.path / f"best-{phase}.npz"

    def begin(self, specification: Specification) -> None:
        """Write down the specification; raises TrainingError if the folder holds another training run, or one in progress."""
        make_folder(self.path)
        state = self.state()
        if state is not None and state.alive and state.pid != os.getpid():
            raise TrainingError(f"is already being trained (process {state.pid}).", str(self.path), "Stop it, or choose another --out.")
        before = self.specification()
        if before is not None and (differing := before.differing(specification)):
            what = f"holds another training run (different {', '.join(differing)})."
            raise TrainingError(what, str(self.path), "Choose another --out, or delete the folder.")
        if before is None:
            write_record(self.path / "asked.json", specification)
        (self.path / "stop").unlink(missing_ok=True)

    def specification(self) -> Specification | None:
        return self._read("asked.json", Specification)

    def result(self) -> Result | None:
        return self._read("result.json", Result)

    def state(self) -> State | None:
        return self._read("state.json", State)

    def history(self) -> list[Epoch]:
        return list(self._read("history.json", tuple[Epoch, ...]) or ())

    def write_history(self, history: list[Epoch]) -> None:
        write_record(self.path / "history.json", history, indent=None)
        names = [f.name for f in fields(Epoch)] if history else []
        lines = [",".join(names), *(",".join(f"{getattr(e, n):.6g}" for n in names) for e in history)]
        write_bytes(self.path / "history.csv", ("\n".join(lines) + "\n").encode())

    def write_result(self, result: Result) -> None:
        write_record(self.path / "result.json", result)

    def write_state(
        self, doing: str, done: int = 0, total: int = 0, ended: str = "", message: str = "", process: psutil.Process | None = None
    ) -> None:
        """The progress of this process, unless another is given."""
        process = process or psutil.Process()
        before = self.state()
        same = before is not None and before.pid == process.pid and not before.ended
        started = before.started if before is not None and same else time.time()
        state = State(doing, done, total, started, process.pid, process.create_time(), time.time(), ended, message)
        write_record(self.path / "state.json", state, indent=None)

    def clear(self) -> None:
        """Delete what is only needed to resume."""
        for left in (self.checkpoint, self.pixels, *self.path.glob("best-*.npz")):
            left.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        (self.path / "stop").touch()

    @property
    def stopping(self) -> bool:
        return (self.path / "stop").exists()

    def _read(self, name: str, kind: Any) -> Any:
        file = self.path / name
        return read_record(file, kind, "part of a training run", "Delete the folder and train again.") if file.exists() else None


class Reporter:
    """Writes the state at most once a second, and notices a request to stop."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.last = folder, 0.0

    def report(self, doing: str, done: int, total: int, at_once: bool = False) -> None:
        """Raises Cancelled when the folder's `stop` is there."""
        if not at_once and time.monotonic() - self.last < REPORT_EVERY:
            return
        self.last = time.monotonic()
        if self.folder.stopping:
            raise Cancelled(STOPPED)
        self.folder.write_state(doing, done, total)


def folder_of(model: Path) -> Folder:
    """The folder beside a network file."""
    return Folder(model.with_name(model.stem + SUFFIX))


def split_name(dataset: str, network: str) -> str:
    """The workspace's name for a dataset with the split of a training run."""
    return f"{dataset} (split of {network})"[:100]
