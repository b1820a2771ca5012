"""Maps of views laid back, and of several classifiers together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from explain.cam import cam
from explain.views import cam_of_views, mean_of_maps
from models.classifier import open_classifier
from models.tta import PLAIN, views


def test_the_mean_of_maps_by_hand() -> None:
    """Each by its own strongest value: [2, −4] is [.5, −1], [1, 1] stays, nothing stays nothing."""
    one, two, none = np.array([[2.0, -4.0]]), np.array([[1.0, 1.0]]), np.zeros((1, 2))
    np.testing.assert_allclose(mean_of_maps([one, two]), [[0.75, 0.0]])
    np.testing.assert_allclose(mean_of_maps([one, two], [3, 1]), [[0.625, -0.5]])
    np.testing.assert_allclose(mean_of_maps([one, none]), [[0.25, -0.5]])
    assert np.isnan(mean_of_maps([np.array([[np.nan, 1.0]]), two])[0, 0])


def test_maps_of_views_are_four_tenths_the_pictures_own(honest: Path) -> None:
    classifier = open_classifier(honest)
    image = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    prepared, targets = classifier.prepare([image]), np.array([2])
    found = cam_of_views(classifier, prepared, targets, "grad-cam")
    assert found.shape == (1, *classifier.card.size)
    backs = [v.back(cam(classifier, v.images, targets, "grad-cam")[1]) for v in views(prepared)]
    row, column = (s // 2 for s in classifier.card.size)
    own = cam(classifier, prepared, targets, "grad-cam")[1][0]
    import cv2

    plain = cv2.resize(own, classifier.card.size[::-1], interpolation=cv2.INTER_LINEAR)
    wanted = PLAIN * plain[row, column] + (1 - PLAIN) * np.mean([b[0, row, column] for b in backs])
    assert found[0, row, column] == pytest.approx(wanted, rel=1e-4)
    assert not np.isnan(found).any()
    assert not np.allclose(cam_of_views(classifier, prepared, targets, "grad-cam", turned=True), found)
    assert not np.allclose(cam_of_views(classifier, prepared, targets, "eigen-cam"), found)
