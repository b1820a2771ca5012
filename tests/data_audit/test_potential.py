"""Shortcut potential, shift between two sets, skin tone, doubtful labels, clean splits: planted effects must come out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import DatasetError
from core.runs import finish
from data_audit.labels import label_errors, label_findings
from data_audit.potential import discriminate, folds, potential_findings, potentials, target_labels
from data_audit.quality import View
from data_audit.resplit import parse_fractions, resplit, whole_groups
from data_audit.shift import LARGE, SOME, beyond, domain_classifier, shift_findings, shifts
from data_audit.skin import lesion_estimate, skin_facts, tone_group
from datasets.dataset import Dataset
from datasets.opening import open_dataset


@pytest.fixture(scope="module")
def small(small_dataset: Path) -> Dataset:
    return open_dataset(small_dataset)


def test_a_planted_feature_predicts_the_label_and_noise_does_not() -> None:
    rng = np.random.default_rng(0)
    event = rng.random(600) < 0.4
    groups = np.repeat(np.arange(300), 2)
    event = event[groups * 2]
    frame = pd.DataFrame({"ink": event * 1.0 + rng.normal(0, 1, 600), "noise": rng.normal(0, 1, 600), "same": 1.0})
    found = discriminate("markers", "malignant", frame, event, groups, folds(event, groups))
    from scipy.stats import norm

    best = norm.cdf(1 / np.sqrt(2))  # two normals one standard deviation apart: AUC = Φ(1/√2) = .760
    assert found.low < best < found.high + 0.03 and found.low > 0.6
    assert found.carried[0].feature == "ink" and "same" not in {c.feature for c in found.carried}
    noise = discriminate("markers", "malignant", frame[["noise"]], event, groups, folds(event, groups))
    assert noise.low < 0.5 < noise.high
    findings = potential_findings([found, noise])
    assert [(f.kind, f.severity) for f in findings] == [("predictable without the lesion", "moderate")] and "ink" in findings[0].summary


def test_images_of_one_lesion_are_never_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 10)
    event = rng.random(60)[groups] < 0.5
    name = rng.normal(0, 1, 60)[groups]  # tells which lesion it is, nothing else
    apart = discriminate("x", "malignant", pd.DataFrame({"name": name}), event, groups, folds(event, groups))
    leaked = discriminate("x", "malignant", pd.DataFrame({"name": name}), event, np.arange(600), folds(event, np.arange(600)))
    assert apart.auc < 0.7 < 0.85 < leaked.auc


def test_too_few_lesions_or_equal_features_are_undefined_with_the_reason(small: Dataset) -> None:
    rows, few_events, half = np.arange(100), np.arange(30) < 5, np.arange(100) < 50
    few = discriminate("x", "malignant", pd.DataFrame({"a": rows[:30]}), few_events, rows[:30], folds(few_events, rows[:30]))
    assert np.isnan(few.auc) and "fewer than 20 lesions" in few.reason
    flat = discriminate("x", "malignant", pd.DataFrame({"a": np.ones(100)}), half, rows, folds(half, rows))
    assert np.isnan(flat.auc) and "same in all" in flat.reason
    benign = replace(small, table=small.table.assign(diagnosis=["nv"] * 20 + ["df"] * (len(small) - 20)), order=())
    event, target = target_labels(benign)
    assert target == benign.classes[0] and np.nansum(event) == (benign.table["diagnosis"] == target).sum()
    assert finish(potentials(benign, {})) == []


def test_shift_by_hand() -> None:
    rng = np.random.default_rng(2)
    second = np.arange(400) >= 200
    features = pd.DataFrame(
        {
            "brightness": rng.normal(60, 10, 400) + 10 * second,
            "noise": rng.normal(0, 1, 400),
            "sex": np.where(rng.random(400) < np.where(second, 0.8, 0.2), "male", "female"),
        }
    )
    found = {s.feature: s for s in shifts(features, second, np.arange(400))}
    assert found["brightness"].low < 1 < found["brightness"].high and beyond(found["brightness"], LARGE)
    assert found["sex"].effect == pytest.approx(0.6, abs=0.1) and beyond(found["sex"], LARGE)  # φ of .8 against .2 is .6
    assert not beyond(found["noise"], SOME)
    apart = domain_classifier(features, second, np.arange(400), ("a", "b"))
    finding = shift_findings(list(found.values()), apart, ("a", "b"))[0]
    assert apart.auc > 0.8  # sex alone reaches .8
    assert finding.severity == "moderate" and "noise" not in finding.summary
    alike = shifts(features[["noise"]], second, np.arange(400))
    assert not shift_findings(alike, domain_classifier(features[["noise"]], second, np.arange(400), ("a", "b")), ("a", "b"))


def test_a_split_keeps_lesions_patients_and_photographs_whole(small: Dataset) -> None:
    n = len(small)
    cluster = np.arange(n)
    cluster[[0, n - 1]] = 0
    groups = whole_groups(small, cluster)
    assert groups[0] == groups[n - 1]
    split = resplit(small.table["diagnosis"].reset_index(drop=True), groups, {"train": 0.6, "test": 0.4}, 3)
    for g in np.unique(groups):
        assert len(set(split[groups == g])) == 1
    assert list(split) == list(resplit(small.table["diagnosis"].reset_index(drop=True), groups, {"train": 0.6, "test": 0.4}, 3))


def test_a_split_is_stratified() -> None:
    labels = pd.Series(["nv"] * 700 + ["mel"] * 200 + ["df"] * 100)
    groups = np.arange(1000) // 2
    split = resplit(labels, groups, parse_fractions("70/15/15"))
    counts = pd.crosstab(labels, split)
    np.testing.assert_allclose(counts.loc["nv", ["train", "val", "test"]], [490, 105, 105], atol=2)
    np.testing.assert_allclose(counts.loc["df", ["train", "val", "test"]], [70, 15, 15], atol=2)


@pytest.mark.parametrize("text", ["", "70", "70/x", "70/-5/35", "0/100", "1/2/3/4"])
def test_invalid_shares_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="is not a split"):
        parse_fractions(text)


def test_fractions_sum_to_one() -> None:
    assert parse_fractions("80/20") == {"train": 0.8, "test": 0.2} and sum(parse_fractions("7:1:2").values()) == pytest.approx(1)


def test_swapped_labels_come_first() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 3, 300)
    scores = np.full((300, 3), 0.1)
    scores[np.arange(300), true] = 0.8
    scores += rng.uniform(0, 0.05, scores.shape)
    given = true.copy()
    given[:12] = (true[:12] + 1) % 3
    names = np.array(["nv", "mel", "bkl"])
    judged = pd.DataFrame(scores / scores.sum(1, keepdims=True), columns=names)
    judged.insert(0, "image_id", [f"i{k}" for k in range(300)])
    judged.insert(1, "diagnosis", names[given])
    found = label_errors(judged)
    assert {d.image_id for d in found} == {f"i{k}" for k in range(12)}
    assert all(names[true[int(d.image_id[1:])]] == d.suggested for d in found)
    assert label_errors(judged.head(3)) == []


def test_consensus_is_counted_apart_from_histology(small: Dataset) -> None:
    table = small.table.assign(confirmation=["histo", "consensus", "follow_up", np.nan] * (len(small) // 4) + ["histo"] * (len(small) % 4))  # type: ignore[arg-type]
    finding = label_findings(replace(small, table=table, order=()), None)[0]
    n = len(small) // 4
    assert f"{2 * n:,} of" in finding.summary and f"By consensus alone: {n:,}." in finding.summary
    assert len(finding.image_ids) == n and finding.severity == "note"


def test_skin_is_found_beside_the_lesion_and_measured() -> None:
    picture = np.full((120, 160, 3), (222, 180, 150), np.uint8)
    picture[40:80, 60:100] = (90, 50, 40)
    marked = np.zeros((120, 160), np.uint8)
    marked[:, :30] = 1
    facts = skin_facts(picture, marked)
    import cv2

    lab = cv2.cvtColor(np.float32([[[222, 180, 150]]]) / 255, cv2.COLOR_RGB2LAB)[0, 0]  # type: ignore[arg-type]
    assert facts["skin_lightness"] == pytest.approx(lab[0], abs=0.3)
    assert facts["ita"] == pytest.approx(np.degrees(np.arctan2(lab[0] - 50, lab[2])), abs=0.5)
    assert 0.55 < facts["skin_share"] < 1 - 0.15 - 0.08
    view = View(picture)
    lesion = lesion_estimate(view.lab, np.ones((120, 160), bool))
    assert lesion[45:75, 65:95].all() and not lesion[:30].any()
    nothing = skin_facts(np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), np.uint8))
    assert nothing["skin_share"] == 0 and np.isnan(nothing["ita"])


def test_tone_groups() -> None:
    assert [tone_group(a) for a in (60, 55, 50, 30, 20, 0, -40, float("nan"))] == [
        "very light",
        "light",
        "light",
        "intermediate",
        "tan",
        "brown",
        "dark",
        None,
    ]
