"""Scrambling a network from the output down: what its maps do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.sanity import check_sanity, cuts, read_sanity, scrambled_copy, write_sanity
from imaging.decode import read_image
from models.classifier import open_classifier
from tests.explain.planted import planted_classifier


def test_scrambling_takes_the_map_apart_and_leaves_the_classifier_alone(tmp_path: Path, honest: Path, small_dataset: Path) -> None:
    classifier = open_classifier(honest)
    prepared = classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:24]])
    before = classifier.predict(prepared).logits
    found = finish(check_sanity(classifier, prepared, "grad-cam", seeds=2))
    np.testing.assert_array_equal(classifier.predict(prepared).logits, before)
    assert found.passed and abs(found.spearman[-1]) < 0.3 and found.images == 24 and found.seeds == 2
    assert len(found.stages) == len(found.spearman) == 8 and found.stages[-1] == cuts(classifier)[-1][-1]
    eigen = finish(check_sanity(classifier, prepared, "eigen-cam", seeds=1, stages=2))
    assert len(eigen.stages) == 2
    write_sanity(found, tmp_path / "s.json", {"model_sha256": "ab"})
    assert read_sanity(tmp_path / "s.json") == found and read_sanity(tmp_path / "none.json") is None


def test_the_sanity_check_of_a_slow_method_tells_how_far_it_is_within_a_batch(honest: Path, small_dataset: Path) -> None:
    """Two images, scrambled once from top to bottom: four maps, each of which RISE draws in many steps."""
    classifier, told = open_classifier(honest), []
    prepared = classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:2]])
    finish(check_sanity(classifier, prepared, "rise", seeds=1, stages=1), lambda *at: told.append(at))
    assert {total for _, total in told} == {4} and {done for done, _ in told} == {0, 1, 2, 3, 4}
    assert len(told) > 20 and [done for done, _ in told] == sorted(done for done, _ in told)


def test_eigen_cam_ignores_the_head(honest: Path, small_dataset: Path) -> None:
    """Scrambling the last layer alone cannot change a map that asks no class."""
    classifier = open_classifier(honest)
    prepared = classifier.prepare([read_image(p) for p in sorted((small_dataset / "images").iterdir())[:4]])
    found = finish(check_sanity(classifier, prepared, "eigen-cam", seeds=1))
    assert found.spearman[0] == pytest.approx(1) and found.ssim[0] == pytest.approx(1)


def test_a_copy_is_scrambled_top_down_and_restored(honest: Path) -> None:
    classifier = open_classifier(honest)
    copy, stages = scrambled_copy(classifier), cuts(classifier)
    assert stages[0][0] == classifier.layers[-1].path and sum(map(len, stages)) == len(copy.trained)
    image = np.full((1, 96, 96, 3), 0.4, np.float32)
    trained = classifier.predict(image).logits
    np.testing.assert_allclose(copy.classifier.predict(image).logits, trained, atol=1e-6)
    copy.scramble(stages[0], 0)
    assert np.abs(copy.classifier.predict(image).logits - trained).max() > 0.01
    copy.restore()
    np.testing.assert_allclose(copy.classifier.predict(image).logits, trained, atol=1e-6)


def test_constant_maps_are_counted_as_undefined(tmp_path: Path) -> None:
    """A flat grey picture gives the planted network an empty map, before and after."""
    classifier = planted_classifier(tmp_path / "planted.keras")
    found = finish(check_sanity(classifier, np.full((3, 32, 32, 3), 0.5, np.float32), "hirescam", seeds=2))
    assert found.undefined == (6, 6) and found.passed is None and np.isnan(found.spearman[-1])
