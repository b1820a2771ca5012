"""The folder of a training: what was asked, how far it is, its split, its curves and logs. Everything a page or a second run needs.

asked.json       preset, recipe, dataset and versions, written once
state.json       how far it is, and which process is at it
split.csv        image_id, diagnosis, split
history.csv      one row an epoch; history.json the same
checkpoint.npz   weights, optimiser and history after the last whole epoch; best-N.npz the best weights of phase N
pixels.npy       pictures that did not fit into memory
tensorboard/     the curves for TensorBoard
result.json      written when it is finished
stop             put there to end it after the batch under way
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from core.atomic import make_folder, write_bytes
from core.errors import Cancelled, TrainingError
from core.records import read_record, write_record
from models.architectures.recipe import Recipe
from models.card import Training

SUFFIX = ".training"
TELL_EVERY = 1.0  # seconds between two words to whoever looks on
SAME = 2.0  # seconds within which two times of a process's beginning are one
STOPPED = "Stopped. It goes on from the last whole epoch when it is started again."


@dataclass(frozen=True)
class Asked:
    """What is written down before the first epoch. donor_sha256: of the classifier whose base is taken; versions: of the libraries."""

    preset: str
    recipe: Recipe
    dataset: str
    dataset_sha256: str
    donor_sha256: str | None
    versions: Mapping[str, str]

    def differing(self, other: Asked) -> list[str]:
        """Names of what makes the other another training; versions do not."""
        return sorted(f.name for f in fields(self) if f.name != "versions" and getattr(self, f.name) != getattr(other, f.name))


@dataclass(frozen=True)
class Result:
    """model: name of the network's file."""

    model: str
    training: Training


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures. loss: as it was optimised (augmented, with dropout, weighted); the others without all that, train_… on as many
    training images of each class as there are for validation. rate: at the epoch's end; seconds: how long it took."""

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
    """doing: in words; done of total batches (pictures while they are decoded); ended: finished, stopped or failed, with the message."""

    doing: str
    done: int
    total: int
    started: float
    pid: int
    process_started: float
    told: float
    ended: str = ""
    message: str = ""

    @property
    def alive(self) -> bool:
        """Whether the process that wrote this still works at it."""
        return not self.ended and is_alive(self.pid, self.process_started)


def is_alive(pid: int, started: float) -> bool:
    """Whether the process of that number is still the one that began then, and not one that has ended and nobody has asked about."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < SAME
    except psutil.NoSuchProcess:
        return False


class Folder:
    """The files of one training. Reading never fails on what is half there: files appear whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.npz"

    @property
    def pixels(self) -> Path:
        return self.path / "pixels.npy"

    def best(self, phase: int) -> Path:
        return self.path / f"best-{phase}.npz"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    def begin(self, asked: Asked) -> None:
        """Write down what is asked for; raises TrainingError if the folder holds a training of something else, or one under way."""
        make_folder(self.path)
        state = self.state()
        if state is not None and state.alive and state.pid != os.getpid():
            raise TrainingError(f"is being trained already (process {state.pid}).", str(self.path), "Stop it, or choose another --out.")
        before = self.asked()
        if before is not None and (differing := before.differing(asked)):
            raise TrainingError(
                f"holds a training of something else ({', '.join(differing)} differ).",
                str(self.path),
                "Choose another --out, or delete the folder.",
            )
        if before is None:
            write_record(self.path / "asked.json", asked)
        (self.path / "stop").unlink(missing_ok=True)

    def asked(self) -> Asked | None:
        return self._read("asked.json", Asked)

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

    def say(self, doing: str, done: int, total: int, ended: str = "", message: str = "") -> None:
        """How far this process is, for whoever looks on."""
        self.say_for(doing, psutil.Process(), done, total, ended, message)

    def say_for(self, doing: str, process: psutil.Process, done: int = 0, total: int = 0, ended: str = "", message: str = "") -> None:
        """How far a process is."""
        before = self.state()
        same = before is not None and before.pid == process.pid and not before.ended
        started = before.started if before is not None and same else time.time()
        state = State(doing, done, total, started, process.pid, process.create_time(), time.time(), ended, message)
        write_record(self.path / "state.json", state, indent=None)

    def clear(self) -> None:
        """Drop what only a training that goes on would need."""
        for left in (self.checkpoint, self.pixels, *self.path.glob("best-*.npz")):
            left.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        (self.path / "stop").touch()

    @property
    def stopping(self) -> bool:
        return (self.path / "stop").exists()

    def _read(self, name: str, kind: Any) -> Any:
        file = self.path / name
        return read_record(file, kind, "part of a training", "Delete the folder and train again.") if file.exists() else None


class Teller:
    """Says how far it is at most once a second, and notices when it is asked to stop."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.last = folder, 0.0

    def tell(self, doing: str, done: int, total: int, at_once: bool = False) -> None:
        """Raises Cancelled when the folder's `stop` is there."""
        if not at_once and time.monotonic() - self.last < TELL_EVERY:
            return
        self.last = time.monotonic()
        if self.folder.stopping:
            raise Cancelled(STOPPED)
        self.folder.say(doing, done, total)


def folder_of(model: Path) -> Folder:
    """Where the training of a network file lies: beside it."""
    return Folder(model.with_name(model.stem + SUFFIX))


def split_name(dataset: str, network: str) -> str:
    """What the data with the split of a training are called in the workspace."""
    return f"{dataset} (split of {network})"[:100]
