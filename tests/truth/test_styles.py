"""The bench draws by itself: nothing of LesionLens takes part, every style shows, and stays clear of the lesion unless asked."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.markers import MARKERS
from tests.truth import scenes, styles
from tests.truth.scenes import drawn
from tests.truth.styles import STYLES, wear
from tests.truth.verdicts import aligned, section

ALLOWED = {"__future__", "os", "collections", "dataclasses", "pathlib", "numpy", "pandas", "PIL"}
ALL = [(marker, style) for marker, ways in STYLES.items() for style in ways]


@pytest.mark.parametrize("module", [scenes, styles])
def test_it_shares_nothing_with_what_it_judges(module: object) -> None:
    tree = ast.parse(Path(module.__file__).read_text())  # type: ignore[attr-defined]
    names = {n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= ALLOWED


@pytest.mark.parametrize(("marker", "style"), ALL)
def test_every_style_shows_and_is_the_same_for_the_same_seed(marker: str, style: str) -> None:
    assert marker in MARKERS
    (scene,) = drawn(["nv"], 3)
    one, again, other = (wear(scene.picture, scene.lesion, STYLES[marker][style], np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    changed = np.abs(one.astype(int) - scene.picture).max(axis=-1) > 20
    assert 0.0005 < changed.mean() < 0.6 and (style in ("soft", "corner") or not np.array_equal(one, other))
    if marker in ("sticker", "ink", "text", "gel_bubble", "ruler", "pen_circle"):
        assert (changed & scene.lesion).sum() <= 0.03 * scene.lesion.sum(), "beside the lesion"


def test_a_melanoma_is_drawn_harder_than_a_nevus_and_the_two_overlap() -> None:
    """The darkest tenth of the lesion: lower in melanomas by more than chance, yet neither group is apart."""
    dark = {d: [float(np.percentile(s.picture[s.lesion].mean(axis=-1), 10)) for s in drawn([d] * 40, 50)] for d in ("nv", "mel")}
    assert np.mean(dark["mel"]) < np.mean(dark["nv"]) - 5 and min(dark["nv"]) < max(dark["mel"])


def test_directions_and_counts_by_hand() -> None:
    row = {
        "network": "drawn-never-0", "make": "trained", "marker": "ink", "planted": "", "cheat": False, "on_lesion": False, "classes": 2,
        "verdict": "can't tell", "told": float("nan"), "told_of": "", "told_by": "", "truth": 0.0, "truth_of": "mel", "turned": 0.01,
        "bearing": 0,
    }  # fmt: skip
    cheat = row | {"network": "drawn-ink-smear", "cheat": True, "planted": "smear", "verdict": "used", "turned": 0.4}
    found = pd.DataFrame(
        [
            row,
            row | {"verdict": "used", "told": 0.1, "told_of": "mel"},
            cheat | {"told": -0.3, "told_of": "nv", "told_by": "removal", "truth": 0.5, "bearing": 120},
            cheat | {"told": 0.1, "told_of": "nv", "told_by": "insertion", "truth": 0.5},
        ]
    )
    assert [aligned(r) for _, r in found.iloc[2:].iterrows()] == [True, False], "of two classes one is the other's opposite"
    lines = section(found).splitlines()
    assert lines[2].startswith("| planted, turns 20 % of decisions or more: *used* | 2 of 2")
    assert lines[4].startswith("| clean networks × markers: *used* | 1 of 2")
    assert "right direction | 1 of 2" in lines[8] and "factor of 2 of the truth | 1 of 2" in lines[9]
    assert "| drawn-ink-smear | ink, smear | 120 | P(mel) +0.50 | 40% | used | P(nv) -0.30 by removal |" in lines
