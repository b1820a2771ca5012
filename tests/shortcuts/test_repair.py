"""Cleaned copies, weights and traps: planted associations, broken, turned round, and told where that cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import DatasetError
from core.runs import finish
from data_audit.associations import odds_ratio
from datasets.opening import open_dataset
from imaging.decode import encode_png
from shortcuts.repair.bearing import bearing, marker_places
from shortcuts.repair.cleaned import Asked, balanced, write_cleaned
from shortcuts.repair.reweigh import reweigh
from shortcuts.repair.trap import TEST, TRAIN, trap_split
from tests.test_cli import as_json_here, run_here
from workspace import Workspace

# 40 melanomas of which 30 bear ink, 100 nevi of which 10 do
LABELS = pd.Series(["mel"] * 40 + ["nv"] * 100)
INK = np.r_[np.ones(30), np.zeros(10), np.ones(10), np.zeros(90)]


def share(rows: np.ndarray) -> float:
    return float(INK[rows].mean())


def test_balanced_keeps_as_many_as_bear_the_marker_equally_often() -> None:
    """At the melanomas' share of 3/4: 10/(3/4) = 13 nevi; at the nevi's of 1/10: 10/(9/10) = 11 melanomas and all 100 nevi."""
    keep = balanced(LABELS, INK)
    mel, nv = (np.flatnonzero(keep & (k == LABELS).to_numpy()) for k in ("mel", "nv"))  # type: ignore[attr-defined]
    assert (len(mel), len(nv)) == (11, 100)
    assert share(mel) == pytest.approx(1 / 11) and share(nv) == pytest.approx(0.1)
    np.testing.assert_array_equal(balanced(LABELS, INK), keep)
    assert (balanced(LABELS, INK, seed=1) != keep).any()


def test_balancing_goes_without_the_marker_where_a_class_never_bears_it() -> None:
    never = np.where(LABELS == "nv", 0.0, INK)
    keep = balanced(LABELS, never)
    assert not never[keep].any() and keep.sum() == 110
    unknown = INK.copy()
    unknown[:5] = np.nan
    assert not balanced(LABELS, unknown)[:5].any()
    with pytest.raises(DatasetError, match="cannot be balanced"):
        balanced(LABELS, (LABELS == "mel").to_numpy(float))


@pytest.mark.parametrize("labels", [pd.Series([None] * 140, dtype=object), pd.Series(["mel"] * 140)])
def test_one_diagnosis_or_none_can_be_neither_balanced_nor_weighed(labels: pd.Series) -> None:
    with pytest.raises(DatasetError, match="two diagnoses"):
        balanced(labels, INK)
    with pytest.raises(DatasetError, match="two diagnoses"):
        reweigh(labels, INK[:, None], ("ink",))


def test_weights_break_the_association() -> None:
    """Expected 40 × 40 / 140 inked melanomas where there are 30: each weighs .381."""
    found = reweigh(LABELS, INK[:, None], ("ink",))
    assert found.weights[0] == pytest.approx(40 * 40 / 140 / 30) and found.empty == ()
    cells = [found.weights[(k == LABELS).to_numpy() & (b == INK)].sum() for k in ("mel", "nv") for b in (1, 0)]  # type: ignore[attr-defined]
    assert cells[0] * cells[3] == pytest.approx(cells[1] * cells[2]), "an odds ratio of 1"
    assert found.weights.sum() == pytest.approx(140) and found.weights[LABELS == "mel"].sum() == pytest.approx(40)


def test_weights_say_what_they_cannot_break() -> None:
    both = np.stack([INK, np.where(LABELS == "nv", 0.0, 1.0)], axis=1)
    found = reweigh(LABELS, both, ("ink", "ruler"))
    assert "nv with ink and with ruler" in found.empty and "mel with ink and without ruler" in found.empty
    some = reweigh(LABELS.where(LABELS.index > 3), INK[:, None], ("ink",))
    assert np.isnan(some.weights[:4]).all() and not np.isnan(some.weights[4:]).any()


def odds_in(split: np.ndarray, side: str) -> float:
    rows = split == side
    return odds_ratio(INK[rows] > 0, (LABELS == "mel").to_numpy()[rows], np.arange(rows.sum()))[0].value


def test_a_trap_trains_on_the_association_and_tests_against_it() -> None:
    found = trap_split(LABELS, (LABELS == "mel").to_numpy(float), INK[:, None], ("ink",), np.arange(140))
    of = {side: (found.split == side) for side in (TRAIN, TEST)}
    assert of[TEST].sum() == 42 and (LABELS[of[TEST]] == "mel").sum() == 12, "both sides keep the shares of the diagnoses"
    (odds,) = found.odds
    assert odds.whole.value == pytest.approx(30 * 90 / (10 * 10))
    assert odds.train.value == pytest.approx(odds_in(found.split, TRAIN)) and odds.test.value == pytest.approx(odds_in(found.split, TEST))
    assert odds.test.value < 1 < odds.whole.value < odds.train.value and odds.opposed


def test_a_traps_strength_share_and_seed_have_an_effect_and_groups_stay_together() -> None:
    positive = (LABELS == "mel").to_numpy(float)
    weak = [trap_split(LABELS, positive, INK[:, None], ("ink",), np.arange(140), strength=0.0, seed=s).odds[0].test.value for s in range(9)]
    assert 8 < np.median(weak) < 90 and len(set(weak)) > 3, "a split at random keeps the association of 27"
    small = trap_split(LABELS, positive, INK[:, None], ("ink",), np.arange(140), share=0.1)
    assert (small.split == TEST).sum() == 14
    pairs = np.arange(140) // 2
    split = trap_split(LABELS, positive, INK[:, None], ("ink",), pairs, strength=0.5).split
    assert (split[::2] == split[1::2]).all()


def test_a_trap_that_cannot_be_set_is_told() -> None:
    positive = (LABELS == "mel").to_numpy(float)
    for bears, p in ((np.ones((140, 1)), positive), (INK[:, None], np.ones(140))):
        with pytest.raises(DatasetError, match="no trap"):
            trap_split(LABELS, p, bears, ("ink",), np.arange(140))
    with pytest.raises(DatasetError, match="too few"):
        trap_split(LABELS, positive, INK[:, None], ("ink",), np.arange(140), share=0.999)
    with pytest.raises(DatasetError, match="share between"):
        trap_split(LABELS, positive, INK[:, None], ("ink",), np.arange(140), share=1.0)


def test_a_cleaned_copy_has_no_ink_and_everything_else(small_dataset: Path, tmp_path: Path) -> None:
    data = open_dataset(small_dataset)
    borne = finish(bearing(data, ["ink"], tmp_path / "seen"))
    assert not (tmp_path / "seen").exists(), "its own masks are enough"
    asked = Asked(("ink",))
    found = finish(write_cleaned(data, borne.values, asked, tmp_path / "copy", tmp_path, {}))
    inked = [i for i in data.table["image_id"] if "ink" in data.markers(i)]
    assert set(found.changed) == set(inked) and not found.left and not found.unreadable
    copy = open_dataset(tmp_path / "copy")
    assert list(copy.table["image_id"]) == list(data.table["image_id"]) and len(copy.masks) == len(data.masks)
    for column in ("diagnosis", "lesion_id", "age", "sex", "site", "split"):
        pd.testing.assert_series_equal(copy.table[column], data.table[column], check_dtype=False)
    one, mask = inked[0], data.markers(inked[0])["ink"]
    before, after = data.read(one).astype(int), copy.read(one).astype(int)
    assert abs(after - before)[mask].mean() > 8 * abs(after - before)[~mask].mean()
    np.testing.assert_array_equal(copy.mask(one), data.mask(one))
    clean = next(i for i in data.table["image_id"] if i not in inked)
    assert abs(copy.read(clean).astype(int) - data.read(clean)).mean() < 3, "only encoded again"
    assert json.loads((tmp_path / "copy/cleaned.json").read_text())["changed"] == list(found.changed)


def test_a_killed_copy_goes_on_and_a_finished_one_is_only_read(small_dataset: Path, tmp_path: Path) -> None:
    data = open_dataset(small_dataset)
    borne = finish(bearing(data, ["ink", "hair"], tmp_path)).values
    run = write_cleaned(data, borne, Asked(("ink", "hair"), filling="skin"), tmp_path / "copy", tmp_path, {})
    next(run), next(run)
    run.close()
    first = sorted((tmp_path / "copy/images").iterdir())
    stamps = [f.stat().st_mtime_ns for f in first]
    assert 0 < len(first) < len(data) and not (tmp_path / "copy/metadata.csv").exists()
    found = finish(write_cleaned(data, borne, Asked(("ink", "hair"), filling="skin"), tmp_path / "copy", tmp_path, {}))
    assert [f.stat().st_mtime_ns for f in first] == stamps and len(found.copied) == len(data)
    assert not (tmp_path / "copy/.done").exists()
    assert finish(write_cleaned(data, borne, Asked(("ink", "hair"), filling="skin"), tmp_path / "copy", tmp_path, {})) == found
    with pytest.raises(DatasetError, match="another copy"):
        finish(write_cleaned(data, borne, Asked(("ink",)), tmp_path / "copy", tmp_path, {}))
    with pytest.raises(DatasetError, match="another copy"):
        fewer = Asked(("ink", "hair"), filling="skin", keep=np.arange(len(data)) < 5)
        finish(write_cleaned(data, borne, fewer, tmp_path / "copy", tmp_path, {}))
    with pytest.raises(DatasetError, match="inside the dataset"):
        finish(write_cleaned(data, borne, Asked(("ink",)), data.root / "copy", tmp_path, {}))


def test_a_cropped_copy_shows_the_lesion_larger(small_dataset: Path, tmp_path: Path) -> None:
    data = open_dataset(small_dataset)
    borne = finish(bearing(data, ["ink"], tmp_path)).values
    keep = np.arange(len(data)) < 12
    found = finish(write_cleaned(data, borne, Asked(("ink",), "crop", keep=keep), tmp_path / "copy", tmp_path, {}))
    assert len(found.copied) == 12 == len(found.changed)
    copy = open_dataset(tmp_path / "copy")
    for i in copy.table["image_id"]:
        own, cut = data.mask(i), copy.mask(i)
        assert own is not None and cut is not None and cut.mean() > own.mean() and cut.sum() == own.sum()
        assert copy.read(i).shape[:2] == cut.shape


def test_a_trimmed_copy_has_no_black_borders(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    framed = np.zeros((100, 120, 3), np.uint8)
    framed[10:90, 30:110] = 160
    (folder / "images" / "framed.png").write_bytes(encode_png(framed))
    (folder / "images" / "plain.png").write_bytes(encode_png(np.full((100, 120, 3), 160, np.uint8)))
    pd.DataFrame({"image_id": ["framed", "plain"], "dx": ["mel", "nv"]}).to_csv(folder / "metadata.csv", index=False)
    data, asked = open_dataset(folder), Asked(("black_frame",), "trim")
    found = finish(write_cleaned(data, np.array([[1.0], [0.0]]), asked, tmp_path / "copy", tmp_path, {}))
    assert found.changed == ("framed",) and found.left == ()
    copy = open_dataset(tmp_path / "copy")
    assert copy.read("framed").shape == (80, 80, 3) and copy.read("framed").min() > 140
    assert copy.read("plain").shape == (100, 120, 3)


def test_labels_without_masks_are_found_by_the_detectors_and_hostile_ids_stay_inside(small_dataset: Path, tmp_path: Path) -> None:
    source = open_dataset(small_dataset)
    inked = next(i for i in source.table["image_id"] if "ink" in source.markers(i))
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for name in ("a", "b"):
        (folder / "images" / f"{name}.png").write_bytes(encode_png(source.read(inked)))
    (folder / "images" / "c.png").write_bytes(b"torn")
    pd.DataFrame({"image_id": ["a", "b", "c"], "dx": ["mel", "nv", "nv"], "ink": [1, 0, 1]}).to_csv(folder / "metadata.csv", index=False)
    data = open_dataset(folder)
    assert finish(bearing(data, ["ink"], tmp_path / "quick")).values[:, 0].tolist() == [1, 0, 1] and not (tmp_path / "quick").exists()
    borne = finish(bearing(data, ["ink"], tmp_path / "seen", places=True))
    assert borne.values[:, 0].tolist() == [1, 0, 1] and borne.any.tolist() == [1, 0, 1]
    assert "ink" in marker_places(data, "a", tmp_path / "seen")
    found = finish(write_cleaned(data, borne.values, Asked(("ink",)), tmp_path / "copy", tmp_path / "seen", {}))
    assert found.changed == ("a", "b") and found.unreadable == ("c",)
    table = data.table.assign(image_id=["../../a", "b", "c"])
    hostile = type(data)("h", data.root, data.layout, table)
    finish(write_cleaned(hostile, borne.values, Asked(("ink",)), tmp_path / "other", tmp_path / "seen", {}))
    assert not (tmp_path / "a.jpg").exists() and len(list((tmp_path / "other/images").iterdir())) == 2
    assert pd.read_csv(tmp_path / "other/metadata.csv")["original_image_id"][0] == "../../a"


def test_the_commands(workspace: Workspace, tmp_path: Path) -> None:
    told = as_json_here("repair", "clean", "tiny", "--marker", "ink", "--out", tmp_path / "c", workspace=workspace)
    assert told["changed"] and (tmp_path / "c/metadata.csv").exists()
    told = as_json_here(
        "repair", "clean", "tiny", "--marker", "hair", "--how", "leave", "--balance", "--out", tmp_path / "b", workspace=workspace
    )
    assert len(told["copied"]) < told["of"] and not told["changed"]
    told = as_json_here("repair", "weights", "tiny", "--marker", "ink", "--out", tmp_path / "w", workspace=workspace)
    assert told["images"] == len(pd.read_csv(tmp_path / "w/weights.csv"))
    told = as_json_here("repair", "trap", "tiny", "--marker", "hair", "--out", tmp_path / "t", workspace=workspace)
    split = pd.read_csv(tmp_path / "t/split.csv")["split"]
    assert told["asked"] == "malignant" and (split == "test").sum() == told["test"] and told["odds"][0]["marker"] == "hair"
    said = run_here("repair", "trap", "tiny", "--marker", "hair", "--class", "mel", "--out", tmp_path / "t", workspace=workspace)
    assert said.exit_code == 0 and "Odds ratio of mel" in said.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean", "tiny", "--marker", "moustache"], "is no marker"),
        (["clean", "tiny", "--marker", "ink", "--how", "burn"], "unknown way of cleaning 'burn'"),
        (["clean", "tiny", "--marker", "ink", "--how", "leave"], "repairs nothing"),
        (["weights", "tiny", "--marker", "black_frame"], "has no image that shows"),
        (["trap", "tiny", "--marker", "ink", "--class", "zit"], "unknown diagnosis 'zit'"),
        (["trap", "tiny", "--marker", "ink", "--audit", "nowhere"], "is not a folder"),
    ],
)
def test_mistakes_are_told(workspace: Workspace, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run_here("repair", *arguments, "--out", tmp_path / "out", workspace=workspace)
    assert done.exit_code == 2 and message in done.output.replace("\n", " ")
