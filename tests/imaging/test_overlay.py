"""What a heatmap looks like."""

from __future__ import annotations

import numpy as np

from imaging.overlay import SUPPORTING, colour_bar, draw_contour, overlay

SKIN = np.full((10, 10, 3), 180, np.uint8)


def test_an_empty_map_looks_empty() -> None:
    np.testing.assert_array_equal(overlay(SKIN, np.zeros((10, 10), np.float32), 0.0), SKIN)
    np.testing.assert_array_equal(overlay(SKIN, np.full((10, 10), -1, np.float32), 1.0), SKIN)


def test_full_evidence_at_full_opacity_is_the_top_colour() -> None:
    np.testing.assert_array_equal(overlay(SKIN, np.ones((10, 10), np.float32), 1.0, opacity=1)[0, 0], SUPPORTING[-1])


def test_scale_opacity_and_sign_have_an_effect() -> None:
    heat = np.linspace(-1, 1, 100).reshape(10, 10).astype(np.float32)
    base = overlay(SKIN, heat, 1.0).astype(int)
    for other in (overlay(SKIN, heat, 4.0), overlay(SKIN, heat, 1.0, opacity=0.2), overlay(SKIN, heat, 1.0, signed=True)):
        assert np.abs(other - base).max() > 20


def test_what_the_network_did_not_see_is_dark() -> None:
    heat = np.zeros((10, 10), np.float32)
    heat[:, :3] = np.nan
    drawn = overlay(SKIN, heat, 1.0)
    assert drawn[:, :3].max() < 70 and drawn[:, 3:].min() == 180


def test_the_outline_lies_on_the_border_of_the_mask() -> None:
    mask = np.zeros((100, 100), bool)
    mask[30:70, 30:70] = True
    changed = np.abs(draw_contour(np.full((100, 100, 3), 100, np.uint8), mask).astype(int) - 100).max(2) > 0
    assert changed[30, 50] and changed[50, 69] and not changed[50, 50] and not changed[10, 10]


def test_the_legend_runs_from_nothing_to_strongest() -> None:
    np.testing.assert_array_equal(colour_bar()[0, -1], SUPPORTING[-1])
