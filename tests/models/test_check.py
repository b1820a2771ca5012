"""The card check finds a planted card and says when it can't tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import CardError
from core.runs import finish
from datasets.opening import open_dataset
from imaging.decode import encode_png
from models.card import read_card
from models.check import CardCheck, check_card, mean_auc, sample_for_check
from models.classifier import Classifier, open_classifier


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 drawn lesions of three diagnoses, all different from the training drawings."""
    from demo.drawing.photograph import draw_photograph

    folder = tmp_path_factory.mktemp("drawn")
    rows = []
    for diagnosis in ("mel", "nv", "vasc"):
        for k in range(100):
            rows.append((f"{diagnosis}{k}", f"L{diagnosis}{k}", diagnosis))
            image = draw_photograph(diagnosis, "II", 90_000 + k).image
            (folder / f"{diagnosis}{k}.png").write_bytes(encode_png(image))
    pd.DataFrame(rows, columns=["image_id", "lesion_id", "dx"]).to_csv(folder / "metadata.csv", index=False)
    return folder


def check(classifier: Classifier, folder: Path) -> CardCheck:
    data = open_dataset(folder)
    sample = sample_for_check(data.table, classifier.card.codes)
    return finish(check_card(classifier, data.root, sample, data.groups[sample.index].tolist()))


def test_the_right_card_is_found_and_a_wrong_one_noticed(honest: Path, drawn: Path) -> None:
    found = check(open_classifier(honest), drawn)
    assert (found.verdict, found.agrees) == ("found", True)
    assert (found.candidates[0].scaling, found.candidates[0].colour_order) == ("0..255", "rgb")
    assert found.candidates[0].order[4:] == ("mel", "nv", "vasc")
    right = read_card(honest.with_name("demo-honest.card.yaml"))
    swapped = right.model_copy(update={"classes": ("akiec", "bcc", "bkl", "df", "nv", "mel", "vasc")})
    assert check(open_classifier(honest, swapped), drawn).agrees is False
    assert check(open_classifier(honest, right.model_copy(update={"scaling": "0..1"})), drawn).agrees is False


def test_a_network_that_knows_nothing_cannot_be_told(tmp_path: Path, drawn: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(7, activation="softmax")])
    network.layers[-1].set_weights([np.zeros((192, 7)), np.zeros(7)])
    network.save(tmp_path / "net.keras")
    assert check(open_classifier(tmp_path / "net.keras"), drawn).verdict == "can't tell"


def test_too_few_images_are_refused(honest: Path, small_dataset: Path) -> None:
    with pytest.raises(CardError, match="at least 60"):
        check(open_classifier(honest), small_dataset)


def test_the_mean_auc_counts_a_row_as_often_as_its_weight(rng: np.random.Generator) -> None:
    from sklearn.metrics import roc_auc_score

    scores, positive, weights = rng.random(50).round(1), rng.random(50) < 0.4, rng.integers(0, 4, (3, 50))
    expected = [roc_auc_score(np.repeat(positive, w), np.repeat(scores, w)) for w in weights]
    labels, two = np.where(positive, "mel", "nv"), np.stack([scores, scores], axis=1)
    np.testing.assert_allclose(mean_auc(two, labels, ("mel", "bcc"), ("mel",), weights), expected)
    without = (np.array(expected) + 0.5) / 2  # no output stands for nevi
    np.testing.assert_allclose(mean_auc(two, labels, ("mel", "bcc"), ("mel", "nv"), weights), without)


def test_the_sample_is_half_even_and_half_as_it_comes() -> None:
    table = pd.DataFrame({"diagnosis": ["nv"] * 900 + ["mel"] * 100, "file": "x.jpg"})
    counts = sample_for_check(table, ("mel", "nv"), total=200)["diagnosis"].value_counts()
    assert (counts["nv"], counts["mel"]) == (50 + 90, 50 + 10)
