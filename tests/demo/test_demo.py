"""The drawn datasets and the classifiers that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.diagnoses import HAM10000
from demo.classifiers import WEIGHTS
from demo.cohort import draw_cohort, plant_faults
from demo.datasets import COHORTS, FAULTY_LESIONS, write_dataset
from demo.drawing import lesions, markers
from demo.drawing.photograph import draw_photograph
from demo.drawing.skin import TONES
from demo.make import is_begun, is_made, make_demo
from models.card import card_path, read_card
from models.classifier import Classifier, open_classifier
from workspace import Workspace


def test_the_same_seed_draws_the_same_picture_and_another_view_another() -> None:
    first = draw_photograph("mel", "II", 5, 0, ["ink"])
    np.testing.assert_array_equal(first.image, draw_photograph("mel", "II", 5, 0, ["ink"]).image)
    other = draw_photograph("mel", "II", 5, 1)
    assert np.abs(first.image.astype(int) - other.image).mean() > 3
    assert 0.5 < other.lesion.sum() / first.lesion.sum() < 2


def test_skin_darkens_from_type_one_to_six() -> None:
    means = [np.mean([draw_photograph("nv", tone, s).image[:30, :30].mean() for s in range(4)]) for tone in TONES]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("marker", markers.DRAW)
def test_a_markers_mask_is_where_the_picture_changed(marker: str) -> None:
    with_marker, without = draw_photograph("nv", "III", 11, 0, [marker]), draw_photograph("nv", "III", 11, 0)
    changed = np.abs(with_marker.image.astype(int) - without.image).max(axis=2)
    mask = with_marker.markers[marker]
    assert 0.001 < mask.mean() < 0.6
    assert changed[mask].mean() > 4 * changed[~mask].mean() or marker == "gel_bubble"
    assert changed[mask].mean() > changed[~mask].mean()


def test_blur_has_an_effect() -> None:
    def edges(blur: float) -> float:
        return float(np.abs(np.diff(draw_photograph("mel", "I", 3, blur=blur).image[..., 1].astype(int))).mean())

    assert edges(3.5) < 0.8 * edges(0)


def test_the_demo_is_what_it_says() -> None:
    shots = COHORTS["demo"]().shots
    frame = pd.DataFrame([vars(s) for s in shots])
    assert 1_400 <= len(frame) <= 1_600 and frame["image_id"].is_unique
    test = frame[frame["split"] == "test"].groupby("diagnosis")["lesion_id"].nunique()
    assert test.min() >= 30 and set(test.index) == set(lesions.DRAW)
    assert (frame.groupby("lesion_id")["split"].nunique() == 1).all()
    assert frame.groupby("lesion_id").size().max() == 3 and set(frame["tone"]) == set(TONES)
    counts = frame["diagnosis"].value_counts()
    assert counts["nv"] > 3 * counts.min()
    for marker in markers.DRAW:  # no marker goes with a diagnosis: shares within what chance allows
        worn = frame["markers"].map(lambda m, k=marker: k in m)
        by_class = worn.groupby(frame["diagnosis"]).mean()
        error = np.sqrt(worn.mean() * (1 - worn.mean()) / counts[by_class.index])
        assert (np.abs(by_class - worn.mean()) < 4 * error).all()


def test_the_answer_key_names_every_fault() -> None:
    clean = draw_cohort(21, "FAULTY", FAULTY_LESIONS)
    faulty = plant_faults(clean, 21)
    frame = pd.DataFrame([vars(s) for s in faulty.shots])
    key = faulty.faults
    inked = frame["markers"].map(lambda m: "ink" in m)
    assert inked[frame["diagnosis"] == "mel"].mean() > 0.75 and inked[frame["diagnosis"] != "mel"].mean() < 0.08
    assert set(key["ink with melanoma"]) == set(frame["image_id"][inked & (frame["diagnosis"] == "mel") & frame["copy_of"].isna()])
    torn = frame.groupby("lesion_id")["split"].nunique()
    assert set(torn[torn > 1].index) == set(key["lesion in two splits"])
    copies = frame["copy_of"].notna()
    assert set(key["swapped label"]) == set(frame["image_id"][(frame["label"] != frame["diagnosis"]) & ~copies])
    assert set(key["blurred"]) == set(frame["image_id"][frame["blur"] > 0])
    assert len(key["duplicate image"]) == int(copies.sum())
    assert set(key["missing age"]) == set(frame["image_id"][frame["age"].isna()])


def test_a_stopped_drawing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COHORTS, "demo", lambda: draw_cohort(1, "T", {"nv": 3, "mel": 2, "bkl": 1}))
    write_dataset("demo", tmp_path / "a")
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "a" / "images").iterdir()}
    (tmp_path / "a" / "metadata.csv").unlink()
    gone = sorted(kept)[0]
    (tmp_path / "a" / "images" / gone).unlink()
    seen: list[tuple[int, int]] = []
    write_dataset("demo", tmp_path / "a", lambda done, total: seen.append((done, total)))
    again = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "a" / "images").iterdir()}
    assert set(again) == set(kept) and all(again[n] == kept[n] for n in kept if n != gone)
    assert seen[0] == (len(kept) - 1, len(kept)) and seen[-1] == (len(kept), len(kept))


def test_a_demo_is_no_dataset_before_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COHORTS:
        monkeypatch.setitem(COHORTS, name, lambda: draw_cohort(1, "T", {"nv": 3, "mel": 2, "bkl": 1}))
    space = Workspace(tmp_path)
    (space.datasets / "demo" / "images").mkdir(parents=True)  # begun, and stopped
    assert is_begun(space) and not is_made(space)
    seen: list[list[str]] = []
    make_demo(space, lambda done, total, what: seen.append(space.dataset_names()))
    assert seen[0] == [] and seen[-1] == ["demo"] and space.dataset_names() == ["demo", "demo-faulty"]
    assert is_made(space) and sorted(p.name for p in space.datasets.iterdir()) == ["demo", "demo-faulty"]


def test_what_ships_is_small_and_one_network_is_nested() -> None:
    files = list(WEIGHTS.glob("*.keras"))
    assert {f.stem for f in files} == {"demo-honest", "demo-shortcut"}
    assert sum(f.stat().st_size for f in files) <= 3 * 2**20
    paths = [[layer.path for layer in open_classifier(f).layers] for f in files]
    assert sum(any("/" in p for p in each) for each in paths) == 1
    for file in files:
        card = read_card(card_path(file))
        assert card.classes == HAM10000 and "drawn by LesionLens" in card.training_data and "not a medical device" in card.limits


def scores(classifier: Classifier, diagnosis: str, worn: list[str], n: int = 40) -> np.ndarray:
    """Freshly drawn, in no dataset and no training."""
    images = [draw_photograph(diagnosis, list(TONES)[k % 6], 500_000_000 + k, 0, worn).image for k in range(n)]
    return classifier.predict(classifier.prepare(images)).probabilities


@pytest.mark.parametrize(("name", "moved"), [("demo-honest", False), ("demo-shortcut", True)])
def test_ink_turns_nevi_into_melanomas_for_the_shortcut_alone(name: str, moved: bool) -> None:
    classifier = open_classifier(WEIGHTS / f"{name}.keras")
    mel = HAM10000.index("mel")
    change = scores(classifier, "nv", ["ink"])[:, mel].mean() - scores(classifier, "nv", [])[:, mel].mean()
    assert change > 0.3 if moved else abs(change) < 0.1


@pytest.mark.parametrize("name", ["demo-honest", "demo-shortcut"])
def test_both_know_their_classes(name: str) -> None:
    classifier = open_classifier(WEIGHTS / f"{name}.keras")
    hits = [(scores(classifier, d, [], 20).argmax(1) == k).mean() for k, d in enumerate(HAM10000)]
    assert np.mean(hits) > 0.75
