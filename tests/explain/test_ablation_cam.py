"""Ablation-CAM by hand, and at any layer of a real network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.ablation_cam import ablation_cam
from models.classifier import open_classifier
from models.layers import listening, sublayers
from tests.explain.test_cam import IMAGE, classifier_of, pooled


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (0, [[1, 5], [7.5, 7]]),  # y = 2; without red −3, without green 5: weights 5/2 and −3/2
        (1, [[1, 0], [0, 2]]),  # y = ¾; without red ¾, without green 0: weights 0 and 1
        (2, [[-1, -2], [-3, -4]]),  # y = −2½; without red 0: weight −1, since red speaks against the class
    ],
)
def test_by_hand(target: int, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(finish(ablation_cam(pooled(), IMAGE, np.array([target])))[0], expected, rtol=1e-5)


def test_a_logit_of_zero_divides_nothing() -> None:
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[..., 0], image[..., 1] = 2, 1  # y = 4 − 4; the drops are 4 and −4
    np.testing.assert_allclose(finish(ablation_cam(pooled(), image, np.array([0])))[0], np.full((2, 2), 4 * 2 - 4 * 1), rtol=1e-5)


def test_a_layer_that_runs_twice_is_silenced_where_its_maps_are_read() -> None:
    """The shared layer swaps red and green, so after two runs they are where they were. Means 3 and 5, logit 2·3 + 5 = 11:
    without red 5, without green 6, so 6/11 · 3 + 5/11 · 5."""
    import keras

    inputs = keras.Input((2, 2, 3))
    shared = keras.layers.Conv2D(2, 1, use_bias=False, name="swap")
    pair = keras.layers.Conv2D(2, 1, use_bias=False, name="copy")(inputs)
    twice = shared(shared(pair))
    outputs = keras.layers.Dense(3, activation="softmax", use_bias=False)(keras.layers.GlobalAveragePooling2D()(twice))
    network = keras.Model(inputs, outputs)
    network.get_layer("copy").set_weights([np.array([[1, 0], [0, 1], [0, 0]], np.float32).reshape(1, 1, 3, 2)])
    shared.set_weights([np.array([[0, 1], [1, 0]], np.float32).reshape(1, 1, 2, 2)])
    network.layers[-1].set_weights([np.array([[2, 0, 0], [1, 0, 0]], np.float32)])
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[..., 0], image[..., 1] = 3, 5
    found = finish(ablation_cam(classifier_of(network), image, np.array([0]), "swap"))[0]
    np.testing.assert_allclose(found, np.full((2, 2), 6 / 11 * 3 + 5 / 11 * 5), rtol=1e-5)


def test_it_is_the_loss_of_each_map_on_a_real_network(honest: Path) -> None:
    """More feature maps than a batch, at a chosen layer; the second image by itself gives the same."""
    classifier = open_classifier(honest)
    pictures = np.random.default_rng(0).integers(0, 255, (2, 96, 96, 3)).astype(np.uint8)
    prepared = classifier.prepare(list(pictures))
    info = classifier.layer()
    run = ablation_cam(classifier, prepared, np.array([4, 5]))
    steps = list(iter(lambda: next(run, None), None))
    assert steps[-1][1] == 2 * info.channels and len(steps) == 2 * -(-info.channels // 32)
    found = finish(ablation_cam(classifier, prepared, np.array([4, 5])))
    np.testing.assert_allclose(finish(ablation_cam(classifier, prepared[1:], np.array([5])))[0], found[1], rtol=1e-4, atol=1e-6)

    heard: list[np.ndarray] = []
    expected = np.zeros(found[0].shape)
    for k in (None, *range(info.channels)):

        def change(_: tuple, output: np.ndarray, k: int | None = k) -> np.ndarray:
            given = np.array(output)
            if k is None:
                heard.append(given[0])
            else:
                given[..., k] = 0
            return given

        with listening(dict(sublayers(classifier.network))[info.path], change):
            logit = float(np.array(classifier.class_logits(classifier.logits_and_embedding(prepared[:1])[0]))[0, 4])
        if k is None:
            whole = logit
        else:
            expected = expected + (whole - logit) / abs(whole) * heard[0][..., k]
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
