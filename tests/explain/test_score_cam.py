"""Score-CAM on the flat copy against its definition written out, and against tf-keras-vis where that works by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.ideal import activation_maximisation
from explain.score_cam import score_cam
from explain.standin import MAPS, stand_in
from imaging.decode import read_image
from models.classifier import open_classifier
from tests.explain.planted import planted_classifier, planted_pictures
from tests.explain.test_cam import IMAGE, classifier_of, pooled

pytestmark = pytest.mark.filterwarnings("ignore")  # tf-keras-vis imports SciPy by an old name


def test_by_hand() -> None:
    """Each map scaled to 0…1 masks the picture; the softmax of class a on it is its weight."""
    total = 0
    for k in range(2):
        a = IMAGE[0, ..., k]
        masked = IMAGE[0] * ((a - a.min()) / (a.max() - a.min()))[..., None]
        red, green = masked[..., 0].mean(), masked[..., 1].mean()
        logits = np.array([2 * red - 4 * green, green, -red])
        total = total + np.exp(logits[0]) / np.exp(logits).sum() * a
    np.testing.assert_allclose(finish(score_cam(pooled(), IMAGE, np.array([0])))[0], total, rtol=1e-4)


def test_one_sigmoid_is_not_weighed_all_alike() -> None:
    """As [0, z] the softmax gives back the probability; a softmax over the one unit would make every weight 1."""
    import keras

    inputs = keras.Input((2, 2, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 1, use_bias=False)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", use_bias=False)(x))
    network.layers[1].set_weights([np.array([[1, 0], [0, 1], [0, 0]], np.float32).reshape(1, 1, 3, 2)])
    network.layers[-1].set_weights([np.array([[2], [-4]], np.float32)])
    classifier = classifier_of(network, classes=("benign", "malignant"), output="sigmoid")
    total = [0, 0]
    for k in range(2):
        a = IMAGE[0, ..., k]
        masked = IMAGE[0] * ((a - a.min()) / (a.max() - a.min()))[..., None]
        p = 1 / (1 + np.exp(-(2 * masked[..., 0].mean() - 4 * masked[..., 1].mean())))
        total = [total[0] + (1 - p) * a, total[1] + p * a]
    for target in (0, 1):
        np.testing.assert_allclose(finish(score_cam(classifier, IMAGE, np.array([target])))[0], total[target], rtol=1e-4)


@pytest.mark.parametrize("most", [None, 12])
def test_equals_tf_keras_vis_on_the_flat_network_itself(shortcut: Path, small_dataset: Path, most: int | None) -> None:
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    classifier = open_classifier(shortcut)
    image = read_image(sorted((small_dataset / "images").iterdir())[0])
    prepared = classifier.prepare([image])
    theirs = Scorecam(classifier.network, ReplaceToLinear(), clone=True)(
        CategoricalScore([4]),
        prepared,
        penultimate_layer=classifier.layer().path,
        seek_penultimate_conv_layer=False,
        max_N=most,
        activation_modifier=None,
        expand_cam=False,
        normalize_cam=False,
    )
    ours = finish(score_cam(classifier, prepared, np.array([4]), most=most))
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_chunks_of_maps_add_up_to_the_whole(honest: Path, small_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = open_classifier(honest)  # nested: tf-keras-vis alone cannot
    prepared = classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:2]])
    whole = finish(score_cam(classifier, prepared, np.array([4, 5])))
    monkeypatch.setattr("explain.score_cam.CHUNK_BYTES", 10 * 4 * prepared[0].size)
    np.testing.assert_allclose(finish(score_cam(classifier, prepared, np.array([4, 5]))), whole, rtol=1e-4)


def test_the_layer_has_an_effect(honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare([read_image(sorted((small_dataset / "images").iterdir())[0])])
    finer = next(x for x in classifier.layers if x.explainable and x.height == 24)
    assert finish(score_cam(classifier, prepared, np.array([4]), finer.path, most=8)).shape == (1, 24, 24)


def test_the_stand_in_gives_the_networks_own_maps_and_logits(honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:3]])
    copy = stand_in(classifier, classifier.layer())
    np.testing.assert_allclose(np.asarray(copy(prepared)), classifier.predict(prepared).logits, atol=1e-5)
    assert copy.get_layer(MAPS).output.shape[1:] == (12, 12, 96)
    raw = stand_in(classifier, None, pixels=True)
    pixels = np.stack([classifier.fit(read_image(p)) for p in sorted((small_dataset / "images").iterdir())[:3]])
    np.testing.assert_allclose(np.asarray(raw(pixels.astype(np.float32))), classifier.predict(prepared).logits, atol=1e-4)


def test_an_ideal_picture_raises_its_logit_and_is_green_where_green_is_the_class() -> None:
    import keras

    inputs = keras.Input((24, 24, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(1, 1, use_bias=False)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax", use_bias=False)(x))
    network.layers[1].set_weights([np.array([-1, 2, -1], np.float32).reshape(1, 1, 3, 1)])
    network.layers[-1].set_weights([np.array([[30, -30, 0]], np.float32)])
    classifier = classifier_of(network, scaling="0..1")
    found, again = (finish(activation_maximisation(classifier, 0, steps=60)) for _ in range(2))
    assert found.logit > found.start_logit + 10 and found.probability > 0.9
    red, green, blue = found.picture.astype(float).mean((0, 1))
    assert green > red + 30 and green > blue + 30
    np.testing.assert_array_equal(found.picture, again.picture)
    assert np.abs(finish(activation_maximisation(classifier, 0, steps=60, seed=1)).picture.astype(int) - found.picture).max() > 0
    assert finish(activation_maximisation(classifier, 0, steps=5)).logit < found.logit
    assert finish(activation_maximisation(classifier, 1, steps=60)).picture[..., 1].mean() < green - 30


def test_planted_pictures_are_decided_for() -> None:
    classifier = planted_classifier()
    images, _ = planted_pictures(5)
    assert (classifier.predict(classifier.prepare(list(images))).probabilities[:, 0] > 0.5).all()
