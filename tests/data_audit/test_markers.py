"""The shipped detectors: what their card says, where they see markers, and that size and shape of a picture change little."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from core.markers import DETECTED
from data_audit.evidence import MarkerShare
from data_audit.markers.detector import LEARNED, NETWORK, card, find_markers, thresholds
from data_audit.markers.present import label_columns, marker_findings, present_markers
from data_audit.review import Verdicts
from datasets.opening import open_dataset
from demo.drawing.photograph import draw_photograph
from demo.drawing.skin import TONES
from demo.drawing.wild import WILD

ROOT = Path(__file__).resolve().parents[2]
DRAWN = ("ink", "sticker", "ruler", "hair", "dark_corner", "gel_bubble")


def photographs(n: int, seed: int) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Drawn photographs nobody trained on: each marker on a third of them."""
    rng = np.random.default_rng(seed)
    drawn = []
    for k in range(n):
        worn = [m for m in DRAWN if rng.random() < 0.33]
        one = draw_photograph(str(rng.choice(["nv", "mel", "bkl"])), str(rng.choice(list(TONES))), 77_000_000 + seed * 1000 + k, 0, worn)
        drawn.append((one.image, one.markers))
    return drawn


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    return photographs(90, 4)


def test_network_and_card_belong_together() -> None:
    assert hashlib.sha256(NETWORK.read_bytes()).hexdigest() == card()["network_sha256"]
    assert set(thresholds()) == set(DETECTED) and "no licence" in card()["licence"] and "markers retrain" in card()["command"]
    for marker in LEARNED:
        facts = card()["markers"][marker]
        assert facts["auc"]["out of fold"][1] <= facts["auc"]["out of fold"][0] <= facts["auc"]["out of fold"][2]


CROWDED = pytest.mark.xfail(strict=True, reason="0.42 on the demo itself, 0.35 here, where every third picture bears each marker")


@pytest.mark.parametrize(
    ("marker", "least"), [("sticker", 0.6), ("dark_corner", 0.6), ("ink", 0.6), pytest.param("ruler", 0.4, marks=CROWDED), ("hair", 0.4)]
)
def test_masks_lie_on_what_was_drawn(drawn: list[tuple[np.ndarray, dict[str, np.ndarray]]], marker: str, least: float) -> None:
    common = either = 0
    for image, truth in drawn:
        found = find_markers(image)
        assert found.bits.shape == image.shape[:2] and list(found.scores) == list(DETECTED)
        mask = truth.get(marker, np.zeros(found.bits.shape, bool))
        common += int((found.mask(marker) & mask).sum())
        either += int((found.mask(marker) | mask).sum())
    assert common / either >= least


def test_scores_tell_drawn_markers(drawn: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> None:
    from sklearn.metrics import roc_auc_score

    scores = [find_markers(image).scores for image, _ in drawn]
    for marker in ("ink", "sticker", "dark_corner", "hair"):
        truth = [marker in markers for _, markers in drawn]
        assert roc_auc_score(truth, [s[marker] for s in scores]) > 0.9, marker


@pytest.mark.parametrize(
    "size", [(150, 200), (480, 640), (1130, 1500), pytest.param((3000, 4000), marks=pytest.mark.slow), (320, 320), (240, 426)]
)
def test_size_and_shape_change_little(drawn: list[tuple[np.ndarray, dict[str, np.ndarray]]], size: tuple[int, int]) -> None:
    changed = []
    for image, _ in drawn[: 30 if size[0] < 2000 else 8]:
        other = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_CUBIC)
        before, after = find_markers(image), find_markers(other)
        assert after.bits.shape == size
        changed += [before.flags[m] != after.flags[m] for m in LEARNED]
    assert np.mean(changed) <= 0.05


def test_a_black_frame_is_a_rule() -> None:
    image = photographs(1, 9)[0][0]
    framed = cv2.copyMakeBorder(image, 20, 0, 0, 0, cv2.BORDER_CONSTANT)
    found = find_markers(framed)
    assert found.flags["black_frame"] and not find_markers(image).flags["black_frame"]
    mask = found.mask("black_frame")
    assert mask[:19].all() and not mask[21:].any()


def test_threads_agree(drawn: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> None:
    images = [image for image, _ in drawn[:12]]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(find_markers, images))
    for one, image in zip(threaded, images, strict=True):
        alone = find_markers(image)
        assert one.scores == alone.scores and np.array_equal(one.bits, alone.bits)


def test_no_tensorflow_is_needed() -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.modules['onnx'] = None; import numpy as np\n"
        "from data_audit.markers.detector import find_markers\n"
        "assert 0 <= find_markers(np.full((60, 80, 3), 200, np.uint8)).scores['ink'] <= 1"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("marker", WILD)
def test_every_wild_marker_changes_the_picture_where_it_says(marker: str) -> None:
    image = draw_photograph("nv", "II", 5).image.astype(np.float32)
    seen = 0
    for seed in range(8):
        changed, mask = WILD[marker](np.random.default_rng(seed), image.copy())
        assert changed.shape == image.shape and mask.shape == image.shape[:2] and mask.dtype == bool
        if mask.any():
            difference = np.abs(changed - image).max(axis=2)
            beyond = 1.3 if marker == "gel_border" else 3  # outside the gel the light is another
            assert difference[mask].mean() > beyond * difference[~mask].mean()
            seen += 1
    assert seen >= 6


def test_masks_come_before_columns_and_columns_before_detectors(small_dataset: Path, tmp_path: Path) -> None:
    dataset = open_dataset(small_dataset)
    scanned = pd.DataFrame({f"{m}_flag": [True] * len(dataset) for m in DETECTED} | {f"{m}_score": 0.9 for m in DETECTED})
    assert {m.source for m in present_markers(dataset, {}, scanned)} == {"mask"}
    table = dataset.table.assign(Patches=["1", "0", ""] * (len(dataset) // 3) + ["0"] * (len(dataset) % 3), ruler="sometimes")
    bare = replace(dataset, marker_masks={}, table=table, order=())
    assert label_columns(table) == {"sticker": "Patches"}
    found = {m.marker: m for m in present_markers(bare, {}, scanned)}
    assert found["sticker"].source == "table" and found["sticker"].values[:2].tolist() == [1, 0]
    assert np.isnan(found["sticker"].values[2]) and found["ink"].name == "ink (detected)"
    told = {f.evidence.marker: f for f in marker_findings(list(found.values()), bare) if isinstance(f.evidence, MarkerShare)}
    verdicts = Verdicts(tmp_path / "review.sqlite")
    verdicts.give("c0", "ink", False)
    verdicts.give("c1", "ink", None)
    said = {m.marker: m for m in present_markers(bare, {}, scanned.assign(content=[f"c{k}" for k in range(len(bare))]), verdicts)}
    assert said["ink"].values[:2].tolist() == [0, 1] and said["ink"].likely[0] == 0 and said["ink"].reviewed == 1
    assert "by the labels" in told["sticker"].summary and "ISIC 2017" in told["ink"].summary
