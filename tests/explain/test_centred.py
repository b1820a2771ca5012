"""The mean map in lesion-centred coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.runs import finish
from explain.centred import GRID, mean_centred_map
from imaging.decode import encode_png
from tests.explain.planted import planted_classifier, planted_pictures


def test_lesions_lie_on_each_other_wherever_they_are_in_the_photograph(tmp_path: Path) -> None:
    """Squares at random places: centred, the evidence is in the middle; the square's half side is √π/2 = .89 radii."""
    images, masks = planted_pictures(12)
    items = []
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for name, picture in ((f"{k}.png", image), (f"{k}_mask.png", np.repeat(mask[..., None] * np.uint8(255), 3, 2))):
            (tmp_path / name).write_bytes(encode_png(picture))
        items.append((tmp_path / f"{k}.png", tmp_path / f"{k}_mask.png"))
    empty = tmp_path / "empty_mask.png"
    empty.write_bytes(encode_png(np.zeros((32, 32, 3), np.uint8)))
    found = finish(mean_centred_map(planted_classifier(), [*items, (tmp_path / "0.png", None), (tmp_path / "0.png", empty)], 0))
    assert (found.images, found.left_out) == (12, 2)
    middle, half = GRID // 2, round(GRID / 4 * np.sqrt(np.pi) / 2)
    assert found.heatmap[middle, middle] == pytest.approx(1, abs=0.1)
    assert found.lesion[middle, middle] == 1 and found.lesion[middle, middle + half - 2] > 0.9
    assert found.lesion[middle, middle + half + 2] < 0.1
    corner = found.heatmap[2, 2]
    assert np.isnan(corner) or abs(corner) < 0.1


def test_without_any_mask_nothing_is_averaged(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(planted_pictures(1)[0][0]))
    found = finish(mean_centred_map(planted_classifier(), [(tmp_path / "a.png", None)], 0))
    assert found.images == 0 and found.left_out == 1 and np.isnan(found.heatmap).all()
