"""The process that runs networks: in between, stopped, killed, and back again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
import pytest

from core.claim import WAITING
from core.errors import Cancelled, CardError, LesionLensError, WorkerError
from core.runs import Run
from imaging.picture import Picture
from models.card import card_path, read_card
from models.files import file_sha256
from tests.conftest import PROJECT
from tests.hostile.test_runs import holder
from ui.worker.client import Worker
from ui.worker.job import LongJob, QuickJob
from ui.worker.jobs.datasets import PredictDataset
from ui.worker.jobs.explanations import Attribute, CamSteps, Describe, InspectPicture, MapGrid, Predict, Scramble
from ui.worker.records import ModelSpec
from workspace import Workspace

PICTURE = Picture(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.stop()


@pytest.fixture
def spec(honest: Path) -> ModelSpec:
    return ModelSpec(honest, file_sha256(honest), read_card(card_path(honest)))


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Poll until something holds; the limit only ends a test that has failed already."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@dataclass(frozen=True, eq=False)
class Count(LongJob[int]):
    """Steps that take long enough for a click to come between them."""

    steps: int

    def run(self) -> Run[int]:
        for k in range(self.steps):
            yield k + 1, self.steps
            time.sleep(0.005)
        return self.steps


@dataclass(frozen=True, eq=False)
class Fill(Count):
    """The same into a folder."""

    folder: Path
    writes: ClassVar[str] = "folder"


@dataclass(frozen=True, eq=False)
class Raise(QuickJob[None]):
    """Fails with an error of this kind."""

    kind: type[BaseException]

    def run(self) -> None:
        raise self.kind("on purpose")


@dataclass(frozen=True, eq=False)
class RaiseInStep(LongJob[None]):
    kind: type[BaseException]

    def run(self) -> Run[None]:
        yield 1, 2
        raise self.kind("on purpose")


@dataclass(frozen=True, eq=False)
class ReturnUnsendable(QuickJob[object]):
    def run(self) -> object:
        return threading.Lock()


@dataclass(frozen=True, eq=False)
class ReturnUnreadable(QuickJob[object]):
    """What comes back can be sent and not be read."""

    def run(self) -> object:
        return Unreadable()


class Wordless(Exception):
    """An error that cannot even be put into words."""

    def __str__(self) -> str:
        raise ValueError("no words")


@dataclass(frozen=True, eq=False)
class RaiseUnsayable(QuickJob[None]):
    """Fails with an error that cannot be reported, or not be sent."""

    sent: bool

    def run(self) -> None:
        raise LesionLensError("on purpose", lambda: "") if self.sent else Wordless  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class TellNonsense(LongJob[None]):
    """Its progress is no pair of numbers."""

    def run(self) -> Run[None]:
        yield Unreadable(), 2  # type: ignore[misc]


class Unreadable:
    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("not a number",)


@dataclass(frozen=True, eq=False)
class Carry(QuickJob[None]):
    content: object

    def run(self) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Leave(QuickJob[None]):
    """Ends the process the hard way, with an exit code or a signal."""

    code: int

    def run(self) -> None:
        os._exit(self.code) if self.code >= 0 else os.kill(os.getpid(), -self.code)


def test_it_inspects_and_describes(worker: Worker, spec: ModelSpec) -> None:
    found = worker.ask(InspectPicture(spec, PICTURE, "grad-cam"))
    assert found.maps.shape == (7, 12, 12) and found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    described = worker.ask(Describe(spec))
    assert described.default_layer.path == "features/re_lu_3" and described.default_method == "grad-cam"


def test_a_slow_method_tells_its_progress_and_agrees_with_the_quick_way(worker: Worker, spec: ModelSpec) -> None:
    task = worker.submit(Attribute(spec, PICTURE, 4, "occlusion"))
    found = task.result(120)
    assert found.maps.shape == (1, 14, 14) and found.targets == (4,) and found.place == "picture" and task.progress[1] == 225
    logits = worker.ask(Predict(spec, PICTURE)).logits
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    quick = worker.ask(InspectPicture(spec, PICTURE, "hirescam"))
    slow = worker.submit(Attribute(spec, PICTURE, 4, "hirescam")).result(60)
    np.testing.assert_allclose(slow.of(4), quick.of(4), atol=1e-5)
    gridded = worker.submit(MapGrid(spec, PICTURE, 4, (("hirescam", None), ("gradient", None)))).result(60)
    np.testing.assert_allclose(gridded[0], quick.of(4), atol=1e-5)
    assert gridded[1].shape == (96, 96)


def test_scrambling_leaves_the_open_network_alone(worker: Worker, spec: ModelSpec) -> None:
    before = worker.ask(Predict(spec, PICTURE)).logits
    stages = worker.submit(Scramble(spec, PICTURE, 4, "grad-cam")).result(120)
    np.testing.assert_array_equal(worker.ask(Predict(spec, PICTURE)).logits, before)
    quick = worker.ask(InspectPicture(spec, PICTURE, "grad-cam"))
    np.testing.assert_allclose(stages[0].heatmap, quick.of(4), atol=1e-5)
    assert len(stages) == 9 and stages[0].stage == "" and np.abs(stages[-1].heatmap - stages[0].heatmap).max() > 0


def test_a_dataset_is_predicted_image_by_image(worker: Worker, spec: ModelSpec, workspace: Workspace) -> None:
    data = workspace.open_dataset("tiny")
    found = worker.submit(PredictDataset(spec, data, workspace.root / "part.parquet")).result(120)
    assert list(found.image_ids) == data.table["image_id"].tolist()
    one = worker.ask(Predict(spec, Picture(data.read(found.image_ids[0])))).probabilities
    np.testing.assert_allclose(found.probabilities[0], one, atol=1e-5)


def test_a_click_comes_in_between_the_steps_of_a_long_run(worker: Worker, spec: ModelSpec) -> None:
    task = worker.submit(Count(2000))
    until(lambda: task.progress[0] > 0)
    worker.ask(InspectPicture(spec, Picture(PICTURE.pixels[::-1]), "grad-cam"))
    assert not task.finished and 0 < task.progress[0] < 2000
    assert task.result(120) == 2000


def test_a_long_run_can_be_stopped_and_the_worker_goes_on(worker: Worker, spec: ModelSpec) -> None:
    task = worker.submit(Count(100_000))
    until(lambda: task.progress[0] > 0)
    before = worker.pid
    task.cancel()
    with pytest.raises(Cancelled, match="was stopped"):
        task.result(5)
    assert worker.ask(Describe(spec)).activation == "softmax" and worker.pid == before


KINDS = (ValueError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, RecursionError)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_job_raises_goes_to_the_one_who_asked(worker: Worker, kind: type[BaseException]) -> None:
    beside, before = worker.submit(Count(400)), worker.pid
    with pytest.raises(WorkerError, match=f"{kind.__name__}: on purpose; test_worker.py"):
        worker.ask(Raise(kind))
    if kind is not StopIteration:  # which no generator can raise
        with pytest.raises(WorkerError, match=f"{kind.__name__}: on purpose"):
            worker.submit(RaiseInStep(kind)).result(60)
    assert beside.result(60) == 400 and worker.pid == before


def test_what_cannot_be_sent_or_read_fails_alone(worker: Worker) -> None:
    beside, before = worker.submit(Count(200)), worker.pid
    with pytest.raises(WorkerError, match="pickle"):
        worker.ask(ReturnUnsendable())
    with pytest.raises(WorkerError, match="could not be read"):
        worker.ask(ReturnUnreadable())
    with pytest.raises(TypeError, match="pickle"):
        worker.ask(Carry(threading.Lock()))
    with pytest.raises(WorkerError, match="ValueError"):
        worker.ask(Carry(Unreadable()))
    for sent in (True, False):
        with pytest.raises(WorkerError, match="cannot be reported"):
            worker.ask(RaiseUnsayable(sent))
    with pytest.raises(WorkerError, match="TypeError"):
        worker.submit(TellNonsense()).result(60)
    assert beside.result(60) == 200 and worker.pid == before


@pytest.mark.parametrize(
    ("code", "words"), [(-signal.SIGKILL, "killed from outside.*SIGKILL"), (-signal.SIGSEGV, "crashed .SIGSEGV"), (3, "exit code 3")]
)
def test_a_worker_that_ends_is_said_to_have_ended_and_comes_back(worker: Worker, spec: ModelSpec, code: int, words: str) -> None:
    task = worker.submit(Count(100_000))
    before = worker.pid
    with pytest.raises(WorkerError, match=words):
        worker.ask(Leave(code))
    with pytest.raises(WorkerError, match=words):
        task.result(30)
    assert worker.ask(Describe(spec)).activation == "softmax" and worker.pid not in (None, before)


def test_a_worker_that_ends_while_it_starts_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(WorkerError, match=r"exit code 1.*not started yet"):
        Worker().ask(Carry(""))


def test_an_interrupt_from_the_terminal_leaves_it_running(worker: Worker) -> None:
    worker.ask(Carry("starts it"))
    before = worker.pid
    assert before is not None
    os.kill(before, signal.SIGINT)
    assert worker.submit(Count(3)).result(60) == 3 and worker.pid == before


def test_a_run_waits_for_another_process_that_writes_to_the_same_place(worker: Worker, tmp_path: Path) -> None:
    worker.ask(Carry("starts it"))
    other = holder(tmp_path)
    waiting = worker.submit(Fill(3, tmp_path))
    until(lambda: waiting.progress == WAITING)
    assert worker.submit(Count(3)).result(60) == 3, "other runs go on"
    other.kill()
    other.communicate(timeout=20)
    assert waiting.result(60) == 3 and list(tmp_path.iterdir()) == []


def test_temporary_files_go_with_the_worker_however_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one = Worker()
    one._launch()
    (folder,) = tmp_path.iterdir()
    assert one.pid is not None and Path(psutil.Process(one.pid).environ()["TMPDIR"]) == folder
    os.kill(one.pid, signal.SIGKILL)
    until(lambda: not folder.exists())
    one._launch()
    one.stop()
    until(lambda: not list(tmp_path.iterdir()))
    code = "import os; from ui.worker.client import Worker; Worker()._launch(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env={**os.environ, "TMPDIR": str(tmp_path)}, check=True, timeout=60)
    until(lambda: not list(tmp_path.iterdir()))


def test_a_users_mistake_comes_through_as_it_is(worker: Worker, spec: ModelSpec) -> None:
    wrong = ModelSpec(spec.path, spec.sha256, spec.card.model_copy(update={"classes": ("a", "b")}))
    with pytest.raises(CardError, match="7 outputs"):
        worker.ask(Describe(wrong))
    with pytest.raises(WorkerError, match="IndexError|failed"):
        worker.ask(CamSteps(spec, PICTURE, 99))


def test_a_worker_that_takes_too_much_memory_is_ended(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_WORKER_MEMORY_MB", "120")
    greedy = Worker()
    with pytest.raises(WorkerError, match="GB of memory"):
        greedy.ask(Describe(spec))
    greedy.stop()
