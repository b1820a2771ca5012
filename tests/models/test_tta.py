"""Views of a picture, and what is put together from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.classifier import open_classifier
from models.tta import corners, predict_views, turns
from tests.test_cli import as_json
from workspace import Workspace


def test_the_corners_by_hand() -> None:
    """A ramp from left to right over 40 pixels, enlarged to 42: the left cut begins lower than the right one, mirrors run back."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, :, None], (2, 40, 40, 3))
    views = list(corners(ramp))
    assert len(views) == 8 and all(v.shape == ramp.shape for v in views)
    left, mirrored, right = views[0], views[1], views[2]
    assert left[0, 0, 0, 0] == pytest.approx(0, abs=0.1) and right[0, 0, 0, 0] == pytest.approx(2 / 1.05, abs=0.1)
    np.testing.assert_array_equal(mirrored, left[:, :, ::-1])


def test_turns_of_square_and_other_pictures() -> None:
    square = np.random.default_rng(0).random((1, 4, 4, 3)).astype(np.float32)
    assert len(list(turns(square))) == 3 and len(list(turns(square[:, :3]))) == 1
    np.testing.assert_array_equal(list(turns(square))[1], square[:, ::-1, ::-1])


def test_four_tenths_are_the_picture_itself(honest: Path) -> None:
    classifier = open_classifier(honest)
    images = [np.random.default_rng(k).integers(0, 255, (96, 128, 3), np.uint8) for k in range(3)]
    prepared = classifier.prepare(images)
    views = [classifier.predict(v).probabilities for v in corners(prepared)]
    wanted = 0.4 * classifier.predict(prepared).probabilities + 0.6 * np.mean(views, axis=0)
    found = predict_views(classifier, prepared)
    np.testing.assert_allclose(found.probabilities, wanted, atol=1e-6)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    assert not np.allclose(predict_views(classifier, prepared, turned=True).probabilities, found.probabilities)


def test_the_command_says_what_it_did(workspace: Workspace, tmp_path: Path) -> None:
    plain = as_json("predict", "--model", "demo-honest", "--dataset", "tiny", "--out", tmp_path / "a", workspace=workspace)
    views = as_json(
        "predict", "--model", "demo-honest", "--dataset", "tiny", "--tta", "--out", tmp_path / "b", workspace=workspace
    )
    assert "tta" not in plain["about"] and views["about"]["tta"].startswith("corners and mirror")
    one, two = (pd.read_parquet(Path(t["file"])) for t in (plain, views))
    assert list(one["image_id"]) == list(two["image_id"]) and not np.allclose(one["nv"], two["nv"])
