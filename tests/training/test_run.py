"""A training from beginning to end: it learns, it is the same again, it goes on where it was cut off, it leaves what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core.errors import Cancelled, RecordError, TrainingError
from core.exports import plain
from core.records import parse
from core.runs import finish
from datasets.splits import read_split
from models.architectures import PRESETS
from models.architectures.recipe import changed
from models.card import read_card, training_in_words
from models.classifier import open_classifier
from models.predictions import read_predictions
from models.run import predict_dataset
from tests.training.conftest import FIVE
from training import checkpoint
from training.folder import Epoch, Folder, Specification, folder_of
from training.order import Order, check_order
from training.run import train

Orders = Callable[..., Order]


def weights(path: Path) -> list[np.ndarray]:
    return [np.asarray(w) for w in open_classifier(path).network.weights]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_it_learns_and_leaves_all_it_promises(trained: Order) -> None:
    folder = folder_of(trained.out)
    told = folder.result().training
    accuracy = told.test["accuracy"].figure
    assert accuracy.value > 0.8  # colours a child could tell apart; always guessing is right in a third
    assert told.test["majority baseline"].value == pytest.approx(1 / 3, abs=0.01)
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert told.images["train"] == {"nv": 36, "mel": 36, "bkl": 36} and told.leaking == 0
    history = folder.history()
    assert history[-1].loss < history[0].loss and len(history) == len(told.curves)
    assert len(folder.history()) == 5
    lines = (folder.path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("phase,epoch,rate") and len(lines) == 6
    assert sorted(p.name for p in (folder.path / "tensorboard").iterdir()) == ["train", "validation"]
    assert not folder.checkpoint.exists() and folder.state().ended == "finished"
    assert set(read_split(folder.split).values()) == {"train", "val", "test"}
    card = read_card(trained.out.with_suffix(".card.yaml"))
    assert card.training is not None and card.training.dataset_sha256 == trained.dataset.sha256
    assert card.classes == ("nv", "mel", "bkl") and card.malignant == ("mel",) and card.scaling == "0..255"
    assert "majority baseline 33.3%, balanced accuracy " in training_in_words(card.training)
    assert card.training.versions["keras"] and card.training.recipe["seed"] == 0


def test_the_workbench_predicts_what_the_training_was_judged_by(trained: Order) -> None:
    kept = read_predictions(folder_of(trained.out).path / "predictions.parquet")
    classifier = open_classifier(trained.out)
    again = finish(predict_dataset(classifier, {i: trained.dataset.path(i) for i in kept.image_ids}, {}))
    assert again.classes == kept.classes
    assert again.probabilities == pytest.approx(kept.probabilities, abs=1e-5)
    assert classifier.explainable


def test_the_seed_decides(order: Orders, trained: Order) -> None:
    other = order(**FIVE, seed=1)
    finish(train(other))
    assert not same(weights(trained.out), weights(other.out))


@pytest.mark.parametrize("steps", [15, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 45))])
def test_a_training_that_was_cut_off_ends_with_the_very_same_weights(order: Orders, trained: Order, steps: int) -> None:
    cut = order(**FIVE)
    run = train(cut)
    for _ in range(steps):
        next(run)
    run.close()
    assert not cut.out.exists() and folder_of(cut.out).state().ended == "stopped"
    finish(train(cut))
    assert same(weights(trained.out), weights(cut.out))
    told = [
        [{k: v for k, v in e.items() if k != "seconds"} for e in json.loads((folder_of(o.out).path / "history.json").read_text())]
        for o in (trained, cut)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize("steps", [22, pytest.param(33, marks=pytest.mark.slow)])
def test_so_does_one_that_was_cut_off_in_its_second_phase(order: Orders, steps: int) -> None:
    two = {
        "phases": [{"epochs": 2, "rate": 3e-3, "schedule": "one-cycle"}, {"epochs": 2, "rate": 1e-3, "schedule": "plateau"}],
        "keep": "best",
        "precision": "mixed_float16",
    }
    whole, cut = order("whole", **two), order("cut", **two)
    finish(train(whole))
    run = train(cut)
    for _ in range(steps):
        next(run)
    run.close()
    assert checkpoint.read_history(folder_of(cut.out).checkpoint)[-1].phase == (1 if steps == 22 else 2)
    finish(train(cut))
    assert same(weights(whole.out), weights(cut.out))


def test_it_stops_when_it_is_asked_to_and_goes_on(order: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.folder.REPORT_EVERY", 0.0)
    asked = order()
    run = train(asked)
    for _ in range(12):
        next(run)
    folder = folder_of(asked.out)
    assert folder.state().alive and folder.state().doing.startswith("epoch")
    folder.ask_to_stop()
    with pytest.raises(Cancelled, match="resumes after the last complete epoch"):
        finish(run)
    assert folder.state().ended == "stopped" and not folder.state().alive
    assert finish(train(asked)).training.epochs == 3


def test_a_finished_training_is_not_done_again(trained: Order) -> None:
    stamp = trained.out.stat().st_mtime_ns
    assert finish(train(trained)) == folder_of(trained.out).result() and trained.out.stat().st_mtime_ns == stamp


def test_another_order_in_the_same_place_is_refused(trained: Order) -> None:
    other = replace(trained, recipe=changed(trained.recipe, batch=8))
    with pytest.raises(TrainingError, match=r"holds another training run \(different recipe\)"):
        finish(train(other))


def test_a_network_that_was_not_trained_here_is_not_overwritten(order: Orders) -> None:
    asked = order()
    asked.out.write_bytes(b"somebody's")
    with pytest.raises(TrainingError, match="already exists, and was not trained here"):
        finish(train(asked))
    assert asked.out.read_bytes() == b"somebody's"


def test_a_training_under_way_elsewhere_is_left_alone(order: Orders) -> None:
    asked = order()
    folder = folder_of(asked.out)
    folder.path.mkdir()
    folder.write_state("epoch 1 of 3", process=psutil.Process(1))
    with pytest.raises(TrainingError, match=r"is already being trained \(process 1\)"):
        finish(train(asked))


def test_a_process_that_ended_without_a_word_is_not_taken_for_one_at_work(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as process:
        folder.write_state("starting", process=psutil.Process(process.pid))
        assert process.stdout is not None and process.stdout.read() == b""  # it has ended, and nobody has asked how
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert not folder.state().alive
    assert not folder.state().alive


def test_the_loss_running_away_is_told(order: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.phase.run_epoch", lambda network, batches: iter([(16, 1.0), (32, float("nan"))]))
    asked = order()
    with pytest.raises(TrainingError, match="the loss became nan in epoch 1. Start again with a lower --rate"):
        finish(train(asked))
    assert folder_of(asked.out).state().ended == "failed" and not folder_of(asked.out).checkpoint.exists()


def test_early_stopping_keeps_the_best_epoch(order: Orders) -> None:
    asked = order(phases=[{"epochs": 30, "rate": 1e-2}], early_stopping=2, keep="best", augmentation={})
    told = finish(train(asked)).training
    losses = np.array([c["val_loss"] for c in told.curves], float)
    assert told.epochs < 30 and told.chosen_epoch == int(np.argmin(losses)) + 1 == told.epochs - 2


@pytest.mark.parametrize("fields", [{"balance": "undersample"}, {"balance": "effective"}, {"augmentation": {}}, {"optimiser": "sgd"}])
def test_settings_have_an_effect(order: Orders, fields: dict[str, Any]) -> None:
    usual = order("usual", phases=[{"epochs": 1, "rate": 3e-3}], classes=("nv", "mel", "bkl"))
    uneven = usual.dataset.table["image_id"].str.match(r"bkl[012]\d")
    data = replace(usual.dataset, table=usual.dataset.table[~(uneven & usual.dataset.table["image_id"].str.endswith("b"))])
    usual = replace(usual, dataset=data)
    other = replace(usual, out=usual.out.with_name("other.keras"), recipe=changed(usual.recipe, **fields))
    for each in (usual, other):
        finish(train(each))
    assert not same(weights(usual.out), weights(other.out))


def test_half_precision_ends_in_an_ordinary_classifier(order: Orders) -> None:
    asked = order(precision="mixed_bfloat16", phases=[{"epochs": 1, "rate": 1e-3}])
    finish(train(asked))
    classifier = open_classifier(asked.out)
    assert any(getattr(layer, "compute_dtype", "") == "bfloat16" for layer in classifier.network.layers)
    scores = classifier.predict(classifier.prepare([np.zeros((24, 32, 3), np.uint8)])).probabilities
    assert scores.dtype == np.float32 and scores.sum() == pytest.approx(1, abs=1e-5)


def test_unreadable_pictures_are_left_out_and_counted(order: Orders, tmp_path: Path) -> None:
    asked = order(phases=[{"epochs": 1, "rate": 1e-3}])
    broken = asked.dataset.table["image_id"].iloc[0]
    file = asked.dataset.root / "images" / f"{broken}.png"
    content = file.read_bytes()
    try:
        file.write_bytes(content[: len(content) // 2])
        told = finish(train(asked)).training
    finally:
        file.write_bytes(content)
    assert told.left_out == {"cannot be read": 1} and sum(sum(c.values()) for c in told.images.values()) == 179


def test_too_little_memory_is_told_before_anything_is_read(order: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    free = psutil.virtual_memory()._replace(available=60 * 2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(
        TrainingError, match=r"training takes about .* GB with a batch size of 4096; 0\.1 GB are free\. Choose a batch size of \d+: --batch"
    ):
        check_order(order(batch=4096, height=64, width=64))


def test_pictures_that_do_not_fit_into_memory_lie_in_a_file(order: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, small = order("usual"), order("small")
    finish(train(usual))
    monkeypatch.setattr("training.pixels.SHARE", 0.0)
    run = train(small)
    while not (folder_of(small.out).path / "pixels.npy").exists():
        next(run)
    finish(run)
    assert same(weights(usual.out), weights(small.out))
    assert not (folder_of(small.out).path / "pixels.npy").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"options": {"width": 3}}, "huber2020 has no option 'width'. It has: dropout, dense"),
        ({"base": "MobileNetV2"}, "huber2020 has no base to replace"),
        ({"weights": "imagenet"}, "this network has no ImageNet weights"),
        ({"weights": "nowhere.weights.h5"}, "nowhere.weights.h5: does not exist"),
        ({"augmentation": {"swirl": 1}}, "unknown augmentation 'swirl'"),
    ],
)
def test_settings_nobody_can_train_with(order: Orders, fields: dict[str, Any], message: str) -> None:
    asked = order(**fields)
    with pytest.raises(Exception) as told:
        finish(train(asked))
    assert message in str(told.value)
    assert not folder_of(asked.out).path.exists()


def test_sizes_a_network_cannot_be_built_for(order: Orders) -> None:
    benbrahim = PRESETS["benbrahim2020"]
    asked = replace(order(), preset=benbrahim, recipe=changed(benbrahim.recipe, height=20, width=20, classes=("nv", "mel", "bkl")))
    with pytest.raises(TrainingError, match="benbrahim2020 cannot be built for 20 × 20 pixels"):
        finish(train(asked))


def test_what_was_asked_and_found_is_read_as_it_was_written(trained: Order) -> None:
    folder = folder_of(trained.out)
    asked, result = folder.specification(), folder.result()
    assert asked is not None and result is not None
    assert asked.recipe == trained.recipe and asked.preset == "huber2020" and asked.donor_sha256 is None
    written = json.loads((folder.path / "asked.json").read_text())
    assert plain(asked) == written and written["recipe"]["phases"][0]["epochs"] == 5 and "donor_sha256" in written
    assert plain(result) == json.loads((folder.path / "result.json").read_text())
    assert result.training == read_card(trained.out.with_suffix(".card.yaml")).training
    assert folder.history()[-1] == Epoch(**json.loads((folder.path / "history.json").read_text())[-1])


def test_versions_and_settings_that_were_not_there_yet_make_no_other_training(trained: Order) -> None:
    asked = folder_of(trained.out).specification()
    assert asked is not None
    older = plain(asked)
    del older["recipe"]["precision"]
    older["versions"] = {"keras": "0"}
    assert parse(Specification, older).differing(asked) == []
    assert parse(Specification, older | {"dataset_sha256": "0", "donor_sha256": "1"}).differing(asked) == ["dataset_sha256", "donor_sha256"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("state.json", "{", "state.json: cannot be read as part of a training run"),
        ("state.json", '{"doing": "x"}', "done is missing"),
        ("asked.json", "[]", "is no Specification"),
        ("asked.json", '{"preset": "x", "recipe": {"batch": -1}}', "recipe: height: Field required"),
        ("result.json", '{"model": "x.keras", "training": {}}', "training: preset: Field required"),
        ("history.json", '[{"phase": 1}]', "[0]: epoch is missing"),
    ],
)
def test_a_broken_folder_is_told(tmp_path: Path, name: str, content: str, said: str) -> None:
    folder = Folder(tmp_path)
    assert folder.state() is None and folder.specification() is None and folder.result() is None and folder.history() == []
    (tmp_path / name).write_text(content)
    with pytest.raises(RecordError) as error:
        _ = folder.state(), folder.specification(), folder.result(), folder.history()
    assert said in str(error.value) and str(error.value).endswith("Delete the folder and train again.")
