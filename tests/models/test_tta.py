"""Views of a picture, and what is put together from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.classifier import open_classifier
from models.tta import predict_views, views
from tests.test_cli import as_json
from workspace import Workspace


def test_the_corners_by_hand() -> None:
    """A ramp from left to right over 40 pixels, enlarged to 42: the left cut begins lower than the right one, mirrors run back."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, :, None], (2, 40, 40, 3))
    seen = [v.images for v in views(ramp)]
    assert len(seen) == 8 and all(v.shape == ramp.shape for v in seen)
    left, mirrored, right = seen[:3]
    assert left[0, 0, 0, 0] == pytest.approx(0, abs=0.1) and right[0, 0, 0, 0] == pytest.approx(2 / 1.05, abs=0.1)
    np.testing.assert_array_equal(mirrored, left[:, :, ::-1])


def test_turns_of_square_and_other_pictures() -> None:
    square = np.random.default_rng(0).random((1, 4, 4, 3)).astype(np.float32)
    assert len(list(views(square, turned=True))) == 11 and len(list(views(square[:, :3], turned=True))) == 9
    np.testing.assert_array_equal(list(views(square, turned=True))[9].images, square[:, ::-1, ::-1])


def test_maps_of_views_come_back_to_where_they_were_seen() -> None:
    """A map that is the view's own picture must come back as the picture, a pixel of blur aside."""
    y, x = np.mgrid[:60, :60] / 60
    picture = (np.sin(5 * x) + 2 * y * x).astype(np.float32)
    for view in views(np.repeat(picture[None, ..., None], 3, axis=-1), turned=True):
        back = view.back(view.images[..., 0])
        assert np.nanmax(np.abs(back[0] - picture)) < 0.12, view
        seen = np.sqrt((~np.isnan(back)).mean()) * 60  # of 60 / 1.05 = 57.1 pixels a side
        assert seen == pytest.approx(60) if view.quarters else 57 <= round(seen, 6) <= 58


def test_four_tenths_are_the_picture_itself(honest: Path) -> None:
    classifier = open_classifier(honest)
    images = [np.random.default_rng(k).integers(0, 255, (96, 128, 3), np.uint8) for k in range(3)]
    prepared = classifier.prepare(images)
    seen = [classifier.predict(v.images).probabilities for v in views(prepared)]
    wanted = 0.4 * classifier.predict(prepared).probabilities + 0.6 * np.mean(seen, axis=0)
    found = predict_views(classifier, prepared)
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-6)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    assert not np.allclose(predict_views(classifier, prepared, turned=True).probabilities, found.probabilities)


def test_the_command_says_what_it_did(workspace: Workspace, tmp_path: Path) -> None:
    plain = as_json("predict", "--model", "demo-honest", "--dataset", "tiny", "--out", tmp_path / "a", workspace=workspace)
    several = as_json("predict", "--model", "demo-honest", "--dataset", "tiny", "--tta", "--out", tmp_path / "b", workspace=workspace)
    assert "tta" not in plain["about"] and several["about"]["tta"].startswith("corners and mirror")
    one, two = (pd.read_parquet(Path(t["file"])) for t in (plain, several))
    assert list(one["image_id"]) == list(two["image_id"]) and not np.allclose(one["nv"], two["nv"])
