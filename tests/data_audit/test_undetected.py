"""A marker without a detector: by masks, columns or hand only, and said so wherever it would else be counted as absent."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.errors import DatasetError
from core.markers import DETECTED, MARKERS, NO_DETECTOR, UNDETECTED, marker_name
from core.runs import finish
from data_audit.audit import Asked, audit_dataset
from data_audit.audit_file import Audit
from data_audit.groupings import dataset_groupings
from data_audit.images import read_images, write_images
from data_audit.markers.present import known_markers, marker_findings, present_markers
from data_audit.review import CLEAN, Verdicts, drawn_order, reviewed
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from imaging.decode import encode_png
from models.card import card_path, read_card
from shortcuts.experiment import Impossible, Trial
from shortcuts.plan import Plan, make_trials
from shortcuts.repair.bearing import bearing
from shortcuts.verdict import judge

pytestmark = pytest.mark.parametrize("marker", UNDETECTED)


@pytest.fixture
def dataset(small_dataset: Path, tmp_path: Path) -> Dataset:
    return open_dataset(Path(shutil.copytree(small_dataset, tmp_path / "tiny")))


@pytest.fixture
def scanned(dataset: Dataset) -> pd.DataFrame:
    n = len(dataset)
    flags = {f"{m}_{what}": [value] * n for m in DETECTED for what, value in (("flag", False), ("score", 0.1))}
    return pd.DataFrame({**flags, "content": [f"c{k}" for k in range(n)]})


def bare(dataset: Dataset, **columns: Any) -> Dataset:
    return replace(dataset, marker_masks={}, table=dataset.table.assign(**columns), order=())


def of(found: list, marker: str) -> list:
    return [m for m in found if m.marker == marker]


def test_masks_that_show_it_count_and_those_that_cannot_say_nothing(dataset: Dataset, scanned: pd.DataFrame, marker: str) -> None:
    for file in dataset.marker_masks.values():  # as they were written before it had a bit
        Image.fromarray(np.array([[9, 0]], np.uint8)).save(dataset.root / file)
    found = present_markers(dataset, known_markers(dataset)[0], scanned)
    assert not of(found, marker) and {m.source for m in found} == {"mask"}
    first = str(dataset.table["image_id"][0])
    (dataset.root / dataset.marker_masks[first]).write_bytes(encode_png(np.array([[1 << MARKERS[marker].bit]], np.uint16)))
    (one,) = of(present_markers(dataset, known_markers(dataset)[0], scanned), marker)
    assert one.source == "mask" and one.values.tolist() == [1.0] + [0.0] * (len(dataset) - 1)


def test_a_column_counts_whatever_it_is_called(dataset: Dataset, scanned: pd.DataFrame, marker: str) -> None:
    values = ["yes", "no", ""] + ["no"] * (len(dataset) - 3)
    for column in MARKERS[marker].columns:
        data = bare(dataset, **{column.replace("_", " ").title(): values})
        (one,) = of(present_markers(data, {}, scanned), marker)
        assert one.source == "table" and one.values[:2].tolist() == [1, 0] and np.isnan(one.values[2])
        assert f"{marker} present" in set(dataset_groupings(data)[one.name].values)
    beside = replace(data, marker_masks=dataset.marker_masks)
    (one,) = of(present_markers(beside, {}, scanned), marker)
    assert one.source == "table", "masks that never show it do not speak against the labels"
    assert one.name in dataset_groupings(beside)


def test_a_column_without_values_is_no_source(dataset: Dataset, scanned: pd.DataFrame, marker: str) -> None:
    data = bare(dataset, **{marker: [""] * len(dataset), "ink": [""] * len(dataset)})
    found = present_markers(data, {}, scanned)
    assert not of(found, marker) and of(found, "ink")[0].source == "detector"


def test_peoples_word_counts_where_there_is_nothing_else(dataset: Dataset, scanned: pd.DataFrame, tmp_path: Path, marker: str) -> None:
    verdicts = Verdicts(tmp_path / "review.sqlite")
    for k, said in enumerate((True, False, None, True)):
        verdicts.give(f"c{k}", marker, said)
    data = bare(dataset)
    (one,) = of(present_markers(data, {}, scanned, verdicts), marker)
    assert (one.source, one.name, one.reviewed) == ("hand", f"{marker} (by hand)", 3)
    assert one.values[[0, 1, 3]].tolist() == [1, 0, 1] and np.isnan(one.values[2]) and np.isnan(one.values[4:]).all()
    (finding,) = [f for f in marker_findings([one], data) if f.kind == f"{marker_name(marker)} in the pictures"]
    assert finding.summary.startswith(f"2 of 3 images (66.7%) show {MARKERS[marker].borne}, by the word of people")


def test_an_audit_says_that_nobody_looked_and_claims_no_score(dataset: Dataset, tmp_path: Path, marker: str) -> None:
    data, folder = bare(dataset), tmp_path / "audit"
    audit: Audit = finish(audit_dataset(data, folder, Asked()))
    (finding,) = [f for f in audit.findings if f.kind == "markers not looked for"]
    assert marker_name(marker) in finding.summary and NO_DETECTOR in finding.summary and finding.severity == "note"
    assert marker not in [m["marker"] for m in json.loads((folder / "audit.json").read_text())["markers"]]
    images = read_images(folder, data)
    assert not [c for c in images if str(c).startswith(marker)] and "ink_score" in images
    write_images(images.assign(**{f"{marker}_{what}": np.nan for what in ("score", "flag", "share")}), folder / "images.parquet", {})
    with_nothing = read_images(folder, data)
    assert with_nothing[f"{marker}_flag"].isna().all()
    assert not of(present_markers(data, {}, with_nothing), marker)


def test_review_draws_from_all_pictures_and_says_what_that_is_worth(tmp_path: Path, marker: str) -> None:
    images = pd.DataFrame({"content": [f"c{k}" for k in range(90)] + [None]})
    assert len(drawn_order(images, marker, "flagged")) == 0
    assert sorted(drawn_order(images, marker, "not flagged")) == list(range(90))
    strata = np.full(91, "benign", object)
    found = reviewed(images, marker, pd.DataFrame({"content": [f"c{k}" for k in range(20)], "present": [1.0] * 5 + [0.0] * 15}), strata)
    assert (found.flagged, found.others, found.share.value) == (0, 90, 0.25) and not found.precision.defined
    clean = reviewed(images, marker, pd.DataFrame({"content": [f"c{k}" for k in range(CLEAN)], "present": [0.0] * CLEAN}), strata)
    assert clean.enough("not flagged").startswith(f"{CLEAN} in a row did not show it")


def test_the_lab_puts_in_none_where_a_column_says_one_is_there(dataset: Dataset, honest: Path, marker: str) -> None:
    ids = dataset.table["image_id"].astype(str).tolist()
    data, plan = bare(dataset, **{marker: [1] + [0] * (len(ids) - 1)}), Plan((marker,))
    card = read_card(card_path(honest))
    (there,) = make_trials(card, data, ids[0], plan)[1]
    assert isinstance(there, Impossible) and "a column says it is there" in there.reason
    tried = [make_trials(card, data, i, plan)[1][0] for i in ids[1:9]]
    assert sum(isinstance(t, Trial) and t.direction == "insertion" for t in tried) >= 6


def test_a_verdict_says_that_nothing_looked_for_it(marker: str) -> None:
    none = pd.DataFrame({name: pd.Series(dtype=object) for name in ("marker", "direction", "reason")}).assign(
        **dict.fromkeys(("size", "strength", "on_lesion"), pd.Series(dtype=float))
    )
    (found,) = judge(none, ("nv", "mel"), (marker,))
    assert found.notes[0].startswith(NO_DETECTOR)


def test_repair_says_that_nothing_tells_which_images_bear_it(dataset: Dataset, tmp_path: Path, marker: str) -> None:
    with pytest.raises(DatasetError, match=NO_DETECTOR):
        finish(bearing(bare(dataset), (marker,), tmp_path))
