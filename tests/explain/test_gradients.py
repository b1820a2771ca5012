"""Gradients at the picture, against numbers worked out by hand, tf-keras-vis and completeness."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.gradients import input_gradients, integrated_gradients, smooth_grad, strongest_channel, vanilla_gradient
from imaging.decode import read_image
from models.classifier import open_classifier
from tests.explain.planted import planted_classifier, planted_pictures
from tests.explain.test_cam import IMAGE, pooled

A = np.array([0])


def test_the_gradient_by_hand() -> None:
    """logit a = 2·mean(red) − 4·mean(green): ½ and −1 in every pixel, so the strongest channel is green's −1."""
    np.testing.assert_allclose(input_gradients(pooled(), IMAGE, A)[0, 0, 0], [0.5, -1, 0], atol=1e-6)
    np.testing.assert_allclose(vanilla_gradient(pooled(), IMAGE, A), -np.ones((1, 2, 2)), atol=1e-6)
    np.testing.assert_allclose(vanilla_gradient(pooled(), IMAGE, np.array([2])), -np.ones((1, 2, 2)) / 4, atol=1e-6)


def test_smooth_grad_of_a_linear_network_is_its_gradient_with_its_sign() -> None:
    np.testing.assert_allclose(finish(smooth_grad(pooled(), IMAGE, A, samples=3)), -np.ones((1, 2, 2)), atol=1e-6)


def test_integrated_gradients_by_hand() -> None:
    """From black: ½ red − green in every pixel; they add up to the logit, 2."""
    maps, checks = finish(integrated_gradients(pooled(), IMAGE, A, "black"))
    np.testing.assert_allclose(maps[0], [[-0.5, 1], [1.5, 0]], atol=1e-5)
    assert checks[0].total == pytest.approx(2) and checks[0].difference == pytest.approx(2) and checks[0].holds


def test_strongest_channel_keeps_the_sign() -> None:
    np.testing.assert_array_equal(strongest_channel(np.array([[1, -3, 2], [4, 0, -1]])), [-3, 4])


def test_integrated_gradients_complete_on_trained_networks(honest: Path, shortcut: Path, small_dataset: Path) -> None:
    images = [read_image(p) for p in sorted((small_dataset / "images").iterdir())[:3]]
    for path in (honest, shortcut):
        classifier = open_classifier(path)
        for baseline in ("blur", "mean", "black"):
            maps, checks = finish(integrated_gradients(classifier, classifier.prepare(images), np.arange(3), baseline))
            for heatmap, check in zip(maps, checks, strict=True):
                assert check.holds and check.gap <= 0.01
                assert heatmap.sum(dtype=float) == pytest.approx(check.total, abs=1e-3)


def test_too_few_steps_are_told_as_incomplete(honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare([read_image(next(iter(sorted((small_dataset / "images").iterdir()))))])
    _, checks = finish(integrated_gradients(classifier, prepared, A, "black", steps=2, most=2))
    assert checks[0].steps == 2 and not checks[0].holds and checks[0].gap > 0.01


def test_noise_samples_and_seed_have_an_effect() -> None:
    classifier = planted_classifier()
    prepared = classifier.prepare(list(planted_pictures(1)[0]))
    maps = [
        finish(smooth_grad(classifier, prepared, A, **changes))
        for changes in ({}, {"noise": 0.6}, {"samples": 3}, {"noise": 0.6, "seed": 1})
    ]
    assert np.abs(maps[0] - maps[1]).max() > 0 and np.abs(maps[1] - maps[3]).max() > 0
    assert maps[2].shape == maps[0].shape
    np.testing.assert_allclose(finish(smooth_grad(classifier, prepared, A, noise=0)), vanilla_gradient(classifier, prepared, A), atol=1e-6)


def test_the_gradient_equals_tf_keras_vis(shortcut: Path, small_dataset: Path) -> None:
    """Its saliency gives the raw gradient with `keepdims` and no modifier; its default takes the sign away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.saliency import Saliency
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore

        classifier = open_classifier(shortcut)
        images = [read_image(p) for p in sorted((small_dataset / "images").iterdir())[:5]]
        prepared = classifier.prepare(images)
        saliency = Saliency(classifier.network, ReplaceToLinear(), clone=True)
        theirs = np.asarray(
            saliency(CategoricalScore([0, 1, 2, 3, 4]), prepared, keepdims=True, normalize_map=False, gradient_modifier=None)
        )
    ours = input_gradients(classifier, prepared, np.arange(5))
    assert np.abs(theirs).max() > 0
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())
