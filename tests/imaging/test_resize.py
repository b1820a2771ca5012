"""Where a heatmap lies over a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imaging.resize import Box, enlarge, fit_image, seen_box, thumbnail


def test_enlarging_by_hand() -> None:
    """Two cells over four pixels: centres at 1 and 3, so pixels at .5, 1.5, 2.5, 3.5 take 0, ¼, ¾ and 1."""
    np.testing.assert_allclose(enlarge(np.array([[0.0, 1.0]], np.float32), (1, 4)), [[0, 0.25, 0.75, 1]])


def test_enlarging_is_the_exact_bilinear_rule(rng: np.random.Generator) -> None:
    small = rng.standard_normal((7, 9)).astype(np.float32)
    np.testing.assert_allclose(enlarge(small, (70, 180)), cv2.resize(small, (180, 70), interpolation=cv2.INTER_LINEAR), atol=1e-5)


@pytest.mark.parametrize(
    ("geometry", "box"), [("stretch", Box(0, 0, 300, 200)), ("crop", Box(50, 0, 200, 200)), ("pad", Box(0, -50, 300, 300))]
)
def test_the_part_a_square_input_sees(geometry: str, box: Box) -> None:
    assert seen_box((200, 300), (64, 64), geometry) == box  # type: ignore[arg-type]


@pytest.mark.parametrize("geometry", ["stretch", "crop", "pad"])
@pytest.mark.parametrize(("height", "width"), [(200, 300), (300, 200)])
def test_a_map_lands_where_the_evidence_was(geometry: str, height: int, width: int) -> None:
    """A bright spot is sent through the resize of the card and its position in the input mapped back."""
    image = np.zeros((height, width, 3), np.uint8)
    cv2.circle(image, (width // 2 + 40, height // 2 - 30), 12, (255, 255, 255), -1)
    seen = fit_image(image, (64, 64), geometry, "area")[..., 0].astype(np.float32)  # type: ignore[arg-type]
    back = np.nan_to_num(enlarge(seen, (height, width), seen_box((height, width), (64, 64), geometry)))  # type: ignore[arg-type]
    y, x = np.mgrid[:height, :width]
    centre = (back * x).sum() / back.sum(), (back * y).sum() / back.sum()
    assert np.hypot(centre[0] - (width // 2 + 40), centre[1] - (height // 2 - 30)) < 1.5


def test_what_a_crop_cuts_off_is_not_a_number() -> None:
    large = enlarge(np.ones((4, 4), np.float32), (100, 200), seen_box((100, 200), (4, 4), "crop"))
    assert np.isnan(large[:, :49]).all() and not np.isnan(large[:, 51:149]).any()


def test_padding_is_black_and_keeps_the_shape() -> None:
    fitted = fit_image(np.full((50, 100, 3), 255, np.uint8), (100, 100), "pad", "nearest")
    assert fitted[:20].max() == 0 and fitted[30:70].min() == 255


def test_interpolations_differ() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    names = ["nearest", "bilinear", "bilinear-antialias", "bicubic", "lanczos", "area"]
    results = [fit_image(image, (20, 20), "stretch", n).astype(int) for n in names]  # type: ignore[arg-type]
    for i, a in enumerate(results):
        for b in results[:i]:
            assert np.abs(a - b).max() > 3


def test_thumbnails_never_enlarge() -> None:
    assert thumbnail(np.zeros((300, 600, 3), np.uint8), 100).shape == (50, 100, 3)
    assert thumbnail(np.zeros((30, 60, 3), np.uint8), 100).shape == (30, 60, 3)
