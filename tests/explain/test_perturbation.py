"""Occlusion and RISE against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.baselines import baseline_images, mean_colour
from explain.perturbation import occlusion, rise
from tests.explain.planted import planted_classifier, planted_pictures
from tests.explain.test_cam import IMAGE, pooled

A = np.array([0])


def test_occlusion_by_hand() -> None:
    """Pixels add −½, 1, 1½ and 0 to the logit. Nine windows of up to 2 × 2 pixels; a pixel's value is the mean of the
    four that cover it: (−½ + ½ + 1 + 2)/4 and so on."""
    maps = finish(occlusion(pooled(), IMAGE, A, grid=2, baseline="black"))
    np.testing.assert_allclose(maps[0], [[0.75, 1.125], [1.5, 1.125]], atol=1e-5)


def test_occlusion_has_its_grid_and_baseline() -> None:
    classifier = planted_classifier()
    prepared = classifier.prepare(list(planted_pictures(1)[0]))
    fine, coarse = (finish(occlusion(classifier, prepared, A, grid=g)) for g in (14, 7))
    assert fine.shape == (1, 14, 14) and coarse.shape == (1, 7, 7)
    black = finish(occlusion(classifier, prepared, A, baseline="black"))
    assert np.abs(black - fine).max() > 0.1 * fine.max()


def test_rise_by_hand() -> None:
    """With one-pixel cells and many masks the logit is Σ c m, so the map is near c·var/mean of each pixel's mask, the
    largest at the pixel that adds 1½ and the smallest at −½."""
    maps = finish(rise(pooled(), IMAGE, A, masks=4000, grid=2, baseline="black"))[0]
    assert maps.shape == (2, 2)
    assert np.unravel_index(maps.argmax(), maps.shape) == (1, 0) and np.unravel_index(maps.argmin(), maps.shape) == (0, 0)


def test_rise_covers_what_it_should() -> None:
    """The expected value of the map over its masks is 0 where nothing depends on the picture."""
    classifier = planted_classifier()
    flat = classifier.prepare([np.full((32, 32, 3), 180, np.uint8)])
    np.testing.assert_allclose(finish(rise(classifier, flat, A, masks=50)), 0, atol=1e-5)


def test_rise_has_its_masks_grid_and_seed() -> None:
    classifier = planted_classifier()
    prepared = classifier.prepare(list(planted_pictures(1)[0]))
    base = finish(rise(classifier, prepared, A, masks=60))
    assert base.shape == (1, 28, 28)
    for changes in ({"masks": 120}, {"grid": 4}, {"seed": 1}, {"baseline": "black"}):
        assert np.abs(finish(rise(classifier, prepared, A, **{"masks": 60, **changes})) - base).max() > 0.01  # type: ignore[arg-type]
    np.testing.assert_array_equal(finish(rise(classifier, prepared, A, masks=60)), base)


def test_baselines_are_what_they_say() -> None:
    classifier = planted_classifier()
    images, _ = planted_pictures(2)
    prepared = classifier.prepare(list(images))
    np.testing.assert_allclose(baseline_images(classifier, prepared, "black"), 0)
    np.testing.assert_allclose(baseline_images(classifier, prepared, "mean")[0, 0, 0], prepared[0].mean((0, 1)), atol=1e-6)
    told = baseline_images(classifier, prepared, "mean", (51, 102, 204))
    np.testing.assert_allclose(told[1, 5, 5], [0.2, 0.4, 0.8], atol=1e-6)
    blurred = baseline_images(classifier, prepared, "blur")
    edges = [np.abs(np.diff(x, axis=1)).max() for x in (prepared, blurred)]
    assert edges[1] < edges[0] / 4 and blurred.mean() == pytest.approx(prepared.mean(), abs=0.02)


def test_a_datasets_mean_colour(tmp_path: Path) -> None:
    from imaging.decode import encode_png

    for k, value in enumerate((10, 30)):
        (tmp_path / f"{k}.png").write_bytes(encode_png(np.full((4, 4, 3), (value, 2 * value, 0), np.uint8)))
    (tmp_path / "2.png").write_bytes(b"broken")
    assert mean_colour(sorted(tmp_path.iterdir())) == (20, 40, 0) and mean_colour([tmp_path / "2.png"]) is None
    assert mean_colour(sorted(tmp_path.iterdir()), most=1) == (10, 20, 0)


def test_the_colour_has_an_effect_on_what_takes_away() -> None:
    from explain.methods import Settings, attribute

    classifier = planted_classifier()
    prepared = classifier.prepare(list(planted_pictures(1)[0]))
    for method in ("occlusion", "rise", "integrated-gradients"):
        one, two = (attribute(classifier, prepared, A, method, settings=Settings("mean", 0, c)).maps for c in (None, (0, 255, 0)))
        assert np.abs(one - two).max() > 0.01 * np.abs(one).max()
