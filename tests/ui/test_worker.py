"""The process that runs networks: in between, stopped, killed, and back again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.errors import Cancelled, CardError, WorkerError
from models.card import card_path, read_card
from models.files import file_sha256
from ui.worker.client import Worker
from ui.worker.records import ModelSpec
from workspace import Workspace

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


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


def long_run(worker: Worker, spec: ModelSpec, workspace: Workspace, repeat: int = 60):
    data = workspace.open_dataset("tiny")
    ids = data.table["image_id"]
    files = {f"{i}-{k}": data.path(i) for k in range(repeat) for i in ids}
    kept = workspace.root / "part.parquet"
    return worker.submit("predict_dataset", spec=spec, files=files, name="tiny", digest="x", kept=kept), len(files)


def test_it_inspects_and_describes(worker: Worker, spec: ModelSpec) -> None:
    found = worker.ask("inspect", spec=spec, image=IMAGE, method="grad-cam")
    assert found.maps.shape == (7, 12, 12) and found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    described = worker.ask("describe", spec=spec)
    assert described.default_layer.path == "features/re_lu_3" and described.default_method == "grad-cam"


def test_a_slow_method_tells_its_progress_and_agrees_with_the_quick_way(worker: Worker, spec: ModelSpec) -> None:
    task = worker.submit("attribute_image", spec=spec, image=IMAGE, target=4, method="occlusion")
    found = task.result(120)
    assert found.maps.shape == (1, 14, 14) and found.targets == (4,) and found.place == "picture" and task.progress[1] == 225
    _, logits = worker.ask("predict", spec=spec, image=IMAGE)
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    quick = worker.ask("inspect", spec=spec, image=IMAGE, method="hirescam")
    slow = worker.submit("attribute_image", spec=spec, image=IMAGE, target=4, method="hirescam").result(60)
    np.testing.assert_allclose(slow.of(4), quick.of(4), atol=1e-5)
    gridded = worker.submit("grid", spec=spec, image=IMAGE, target=4, cells=[("hirescam", None), ("gradient", None)]).result(60)
    np.testing.assert_allclose(gridded[0], quick.of(4), atol=1e-5)
    assert gridded[1].shape == (96, 96)


def test_scrambling_leaves_the_open_network_alone(worker: Worker, spec: ModelSpec) -> None:
    before = worker.ask("predict", spec=spec, image=IMAGE)[1]
    stages = worker.submit("scramble", spec=spec, image=IMAGE, target=4, method="grad-cam", layer=None).result(120)
    np.testing.assert_array_equal(worker.ask("predict", spec=spec, image=IMAGE)[1], before)
    quick = worker.ask("inspect", spec=spec, image=IMAGE, method="grad-cam")
    np.testing.assert_allclose(stages[0].heatmap, quick.of(4), atol=1e-5)
    assert len(stages) == 9 and stages[0].stage == "" and np.abs(stages[-1].heatmap - stages[0].heatmap).max() > 0


def test_a_click_comes_in_between_the_batches_of_a_long_run(worker: Worker, spec: ModelSpec, workspace: Workspace) -> None:
    task, total = long_run(worker, spec, workspace)
    until(lambda: task.progress[0] > 0)
    worker.ask("inspect", spec=spec, image=IMAGE[::-1], method="grad-cam")
    assert not task.finished and 0 < task.progress[0] < total
    assert len(task.result(120).image_ids) == total


def test_a_long_run_can_be_stopped_and_the_worker_goes_on(worker: Worker, spec: ModelSpec, workspace: Workspace) -> None:
    task, _ = long_run(worker, spec, workspace)
    until(lambda: task.progress[0] > 0)
    before = worker.pid
    task.cancel()
    with pytest.raises(Cancelled, match="was stopped"):
        task.result(5)
    assert worker.ask("describe", spec=spec).activation == "softmax" and worker.pid == before


def test_a_killed_worker_comes_back_by_itself(worker: Worker, spec: ModelSpec, workspace: Workspace) -> None:
    task, _ = long_run(worker, spec, workspace)
    until(lambda: task.progress[0] > 0)
    before = worker.pid
    psutil.Process(before).kill()
    with pytest.raises(WorkerError, match="died"):
        task.result(30)
    assert worker.ask("describe", spec=spec).activation == "softmax" and worker.pid not in (None, before)


def test_a_users_mistake_comes_through_as_it_is(worker: Worker, spec: ModelSpec) -> None:
    wrong = ModelSpec(spec.path, spec.sha256, spec.card.model_copy(update={"classes": ("a", "b")}))
    with pytest.raises(CardError, match="7 outputs"):
        worker.ask("describe", spec=wrong)
    with pytest.raises(WorkerError, match="IndexError|failed"):
        worker.ask("steps", spec=spec, image=IMAGE, target=99)


def test_a_worker_that_takes_too_much_memory_is_ended(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_WORKER_MEMORY_MB", "120")
    greedy = Worker()
    with pytest.raises(WorkerError, match="GB of memory"):
        greedy.ask("describe", spec=spec)
    greedy.stop()
