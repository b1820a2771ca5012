"""Is an image like those a classifier was fitted on: with real networks, on drawn and on real images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import DatasetError
from core.runs import finish
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from demo.drawing.foreign import FAR, NEAR, part_of
from evaluation.ood import Reference, separation
from models.classifier import Classifier, open_classifier
from models.ood import features, features_of, read_reference, tapped
from models.run import about_run
from studies import familiarity
from studies.familiarity import fit_on, judge_kinds, kept_reference, look, training_split
from tests.models.networks import SIZE, flat, nested_twice
from tests.test_cli import as_json
from tests.test_real import NETWORKS, network
from workspace import Workspace


@pytest.fixture(scope="module")
def small(small_dataset: Path) -> Dataset:
    return open_dataset(small_dataset)


@pytest.fixture(scope="module")
def classifier(honest: Path) -> Classifier:
    return open_classifier(honest)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn dataset of the tests has about 45 images."""
    monkeypatch.setattr(familiarity, "FEWEST", 20)
    monkeypatch.setattr(familiarity, "FEWEST_LESIONS", 10)
    monkeypatch.setattr(familiarity, "DRAWN", 12)


@pytest.mark.parametrize("name", [*FAR, *NEAR])
def test_other_pictures_are_drawn_by_their_seed(name: str) -> None:
    given = np.random.default_rng(0).integers(0, 256, (60, 81, 3), np.uint8)

    def draw(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return FAR[name][0](rng, 0) if name in FAR else NEAR[name](given, rng)

    one = draw(1)
    assert one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] == 3 and one.flags["C_CONTIGUOUS"]
    assert np.array_equal(one, draw(1))
    if name != "lower magnification":
        assert one.shape != draw(2).shape or not np.array_equal(one, draw(2))


@pytest.mark.parametrize("name", list(NEAR))
def test_the_smallest_picture_is_no_error(name: str) -> None:
    assert NEAR[name](np.zeros((1, 1, 3), np.uint8), np.random.default_rng(0)).size


@pytest.mark.parametrize("build", [flat, nested_twice])
def test_features_are_the_layers_own_means_and_deviations(build: object, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path / "net.keras"
    net = build(keras)  # type: ignore[operator]
    net.save(path)
    one = open_classifier(path)
    images = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), np.uint8)
    prepared = one.prepare(list(images))
    found = features(one, prepared)
    taps = tapped(one)
    assert [t.kind for t in taps] == ["Conv2D", "MaxPooling2D", "Conv2D"]
    body = one.network if build is flat else one.network.layers[0].layers[0]
    maps = np.asarray(keras.Model(body.inputs[0], body.get_layer("last_conv").output)(prepared))
    assert found.pooled[-1] == pytest.approx(np.concatenate([maps.mean((1, 2)), maps.std((1, 2))], axis=1), abs=1e-5)
    told = one.predict(prepared)
    assert found.logits == pytest.approx(told.logits, abs=1e-5) and found.embedding == pytest.approx(told.embedding, abs=1e-5)


def test_too_few_images_and_unknown_splits_are_told(classifier: Classifier, small: Dataset) -> None:
    with pytest.raises(DatasetError, match="at least 100 images and 30 lesions are needed"):
        finish(fit_on(classifier, small))
    with pytest.raises(DatasetError, match="has no split 'nowhere'"):
        finish(fit_on(classifier, small, "nowhere"))


@pytest.mark.usefixtures("lenient")
def test_a_reference_is_kept_found_again_and_made_anew_when_torn(classifier: Classifier, small: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "reference.npz"
    first = finish(kept_reference(classifier, small, None, path))
    stamp = path.stat().st_mtime_ns
    again = finish(kept_reference(classifier, small, None, path))
    assert path.stat().st_mtime_ns == stamp and again.of == first.of
    finish(kept_reference(classifier, small, None, path, seed=1))
    assert path.stat().st_mtime_ns != stamp
    path.write_bytes(path.read_bytes()[:2000])
    assert read_reference(path) is None
    assert finish(kept_reference(classifier, small, None, path)).of == first.of


@pytest.mark.usefixtures("lenient")
def test_one_image_and_all_kinds(classifier: Classifier, small: Dataset) -> None:
    reference = finish(fit_on(classifier, small))
    other = judge_kinds(classifier, reference, small, None, [small])
    kinds = finish(other)
    assert [k.name for k in kinds] == [*FAR, *NEAR, small.name]
    assert {k.name for k in kinds if k.far} == set(FAR)
    assert all(k.scores["mahalanobis"].auroc.value > 0.9 for k in kinds if k.far)
    strange = look(classifier, reference, FAR["noise"][0](np.random.default_rng(0), 0), nearest=3)
    assert strange.unlike and strange.further == 1.0 and len(strange.nearest) == 3
    own = small.read(reference.of[0])
    assert look(classifier, reference, own).nearest[0][0] == reference.of[0]


@pytest.mark.usefixtures("lenient")
def test_a_class_for_none_of_the_others_is_a_score_of_its_own(classifier: Classifier, small: Dataset) -> None:
    card = classifier.card.model_copy(update={"classes": (*classifier.card.classes[:-1], "UNK")})
    reference = finish(fit_on(Classifier(classifier.network, card, classifier.facts), small))
    assert reference.none == len(card.classes) - 1 and "none" in reference.thresholds
    assert "none" not in finish(fit_on(classifier, small)).thresholds


def test_training_split_is_the_one_called_so(small: Dataset) -> None:
    assert training_split(small) == "train"
    table = small.table.assign(split="a")
    assert training_split(Dataset("x", small.root, small.layout, table)) is None


def test_the_command_says_what_is_missing(workspace: Workspace, tmp_path: Path) -> None:
    from tests.test_cli import run_here

    done = run_here("ood", "--model", "demo-honest", "--fitted-on", "tiny", "--out", tmp_path, workspace=workspace)
    assert done.exit_code == 2 and "at least 100 images and 30 lesions are needed" in done.output.replace("\n", " ")


def fitted(real_data: Path, name: str) -> tuple[Classifier, Dataset, Reference]:
    one, data = network(real_data, name), open_dataset(real_data / "ham10000")
    return one, data, finish(fit_on(one, data))


@pytest.mark.slow
def test_far_pictures_are_told_from_real_photographs_by_the_command(real_data: Path, tmp_path: Path) -> None:
    told = as_json(
        "ood",
        "--model",
        real_data / "models" / "cnn64_sigmoid.h5",
        "--fitted-on",
        real_data / "ham10000",
        "--against",
        real_data / "isic_uda1",
        "--out",
        tmp_path,
    )
    kinds = {k["kind"]: k for k in told["kinds"]}
    assert set(kinds) == {*FAR, *NEAR, "isic_uda1"} and json.loads((tmp_path / "ood.json").read_text()) == told
    for name in FAR:
        assert kinds[name]["scores"]["mahalanobis"]["auroc"]["value"] >= 0.95, name
    assert told["familiar_flagged"]["mahalanobis"]["low"] < 0.10


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_far_kinds_on_every_network(real_data: Path, name: str) -> None:
    """AUROC at least .95 for each far kind apart, natural photographs being those of scikit-image as well."""
    from skimage import data as pictures

    one, data, reference = fitted(real_data, name)
    kinds = finish(judge_kinds(one, reference, data, None))
    areas = {k.name: k.scores["mahalanobis"].auroc.value for k in kinds}
    named = [pictures.astronaut(), pictures.chelsea(), pictures.coffee(), pictures.rocket(), pictures.stereo_motorcycle()[0]]
    items = [(k, seed) for seed in range(40) for k in range(len(named))]
    _, found = finish(features_of(one, items, lambda item: part_of(named[item[0]], np.random.default_rng(item))))
    groups = np.array([k for k, _ in items])
    areas["photographs of scikit-image"] = separation(reference, reference.scores(found), groups)["mahalanobis"].auroc.value
    print(about_run(one, data.name, data.sha256)["model"], {k: round(v, 3) for k, v in areas.items()})
    assert min(v for k, v in areas.items() if k not in NEAR) >= 0.95, areas
