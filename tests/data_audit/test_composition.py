"""What a dataset consists of, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.exports import plain
from data_audit.composition import age_by_class, composition_findings, cross_table, imbalance, missing_values, site_by_sex_percent
from datasets.dataset import COLUMNS, Dataset, Problem


def made(rows: dict[str, list], problems: tuple[Problem, ...] = ()) -> Dataset:
    n = len(next(iter(rows.values())))
    table = pd.DataFrame({c: rows.get(c, [np.nan] * n) for c in COLUMNS}).astype({"age": float})
    table["image_id"] = [f"i{k}" for k in range(n)]
    return Dataset("made", None, "table", table, problems)  # type: ignore[arg-type]


def test_imbalance_by_hand() -> None:
    uneven = imbalance(made({"diagnosis": ["nv"] * 6 + ["mel"] * 2, "lesion_id": list("aabbccdd")}))
    assert (uneven.ratio, uneven.majority_class, uneven.majority_baseline) == (3, "nv", 0.75)
    assert uneven.entropy == pytest.approx(-(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)))
    assert uneven.counts[["diagnosis", "images", "lesions"]].values.tolist() == [["nv", 6, 3], ["mel", 2, 1]]


def test_one_class_and_no_class() -> None:
    assert imbalance(made({"diagnosis": ["nv", "nv"]})).entropy == 0
    assert np.isnan(imbalance(made({"diagnosis": [np.nan]})).ratio)


def test_sites_and_sexes_in_percent() -> None:
    shares = site_by_sex_percent(made({"site": ["back", "back", "face", np.nan], "sex": ["male", "female", "male", np.nan]}))
    assert shares.loc["back", "all"] == 50 and shares.loc["face", "male"] == 25 and shares.loc["not known", "not known"] == 25
    assert shares.loc["all", "all"] == 100


def test_crossings_and_ages_and_missing_values() -> None:
    data = made({"diagnosis": ["nv", "nv", "mel"], "sex": ["male", np.nan, "male"], "age": [20, 40, np.nan]})
    crossed = cross_table(data, "diagnosis", "sex").set_index(["diagnosis", "sex"])["images"]
    assert crossed[("nv", "not known")] == 1 and crossed[("mel", "male")] == 1
    ages = age_by_class(data).set_index("diagnosis")
    assert ages.loc["nv", "median"] == 30 and ages.loc["mel", "missing"] == 1
    assert missing_values(data).set_index("column").loc["age", "percent"] == pytest.approx(100 / 3)


def test_findings_come_gravest_first_with_images_and_remedy() -> None:
    problems = (Problem("missing files", "1 row", ("i0",)), Problem("lesions in several splits", "1 lesion", ("i1",)))
    data = made({"diagnosis": ["nv"] * 30 + ["mel"] * 2, "age": [np.nan] + [50] * 31}, problems)
    findings = composition_findings(data)
    assert [f.severity for f in findings] == ["grave", "moderate", "moderate", "note"]
    assert {f.kind for f in findings} == {"lesions in several splits", "class imbalance", "missing files", "missing values"}
    assert findings[0].image_ids == ("i1",) and all(f.remedy for f in findings)
    assert plain(findings[0])["n_images"] == 1
