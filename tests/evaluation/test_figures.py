"""The table of figures: every row is in the docs, and a row alone puts a figure into JSON, CSV and report; and rows by hand."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.exports import plain, safe_csv
from datasets.opening import open_dataset
from evaluation import figures
from evaluation.evaluate import Evaluation, How, evaluate
from evaluation.figures import COMPARABLE, MEASURES, OF_A_CLASS, OF_ALL, Measure
from evaluation.tallies import sensitivity, specificity
from models.predictions import PredictionTable
from reports.evaluation_report import evaluation_html
from studies.assess import Assessment, as_json, assess, class_table
from tests.conftest import PROJECT

# diagnoses 0 0 0 0 1 1 1 2 2 2, decisions 0 0 1 2 1 1 0 2 2 1
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
DECIDED = np.array([0, 0, 1, 2, 1, 1, 0, 2, 2, 1])


def judged(true: np.ndarray, decided: np.ndarray, classes: int = 3, **asked: object) -> Evaluation:
    scores = np.eye(classes)[decided] * 0.8 + 0.2 / classes
    return evaluate(true, scores, [f"c{k}" for k in range(classes)], np.arange(len(true)), How(resamples=0, **asked))  # type: ignore[arg-type]


def test_quadratic_weighted_kappa_by_hand() -> None:
    """Squared distances: 1 (0→1), 4 (0→2), 1 (1→0), 1 (2→1) = 7 of ten. By chance, rows 4 3 3, columns 3 4 3:
    (4·4 + 4·4·3 + 3·3 + 3·3 + 4·3·3 + 3·4) / 10 = 13. So 1 − 7/13."""
    chance = (4 * 4 * 1 + 4 * 3 * 4 + 3 * 3 * 1 + 3 * 3 * 1 + 3 * 3 * 4 + 3 * 4 * 1) / 10
    assert chance == 13
    assert judged(TRUE, DECIDED)["weighted_kappa"].value == pytest.approx(1 - 7 / 13)


def test_quadratic_weighted_kappa_against_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(3)
    true, decided = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    expected = cohen_kappa_score(true, decided, weights="quadratic", labels=range(5))
    assert judged(true, decided, 5)["weighted_kappa"].value == pytest.approx(expected)
    alone = judged(np.zeros(4, int), np.zeros(4, int))["weighted_kappa"]
    assert np.isnan(alone.value) and alone.reason == "all diagnoses and predictions are one class"


def test_jaccard_by_hand_and_against_scikit_learn() -> None:
    """c0: 2 both, 4 diagnosed, 3 decided: 2 of 5. c1: 2 of 3 + 4 − 2. c2: 2 of 3 + 3 − 2."""
    from sklearn.metrics import jaccard_score

    found = [c["jaccard"] for c in judged(TRUE, DECIDED).per_class]
    assert [f.value for f in found] == pytest.approx([2 / 5, 2 / 5, 2 / 4])
    assert [f.value for f in found] == pytest.approx(list(jaccard_score(TRUE, DECIDED, average=None)))
    assert all(f.low < f.value < f.high and "Wilson" in f.method for f in found)
    never = judged(np.array([0, 0]), np.array([0, 0])).per_class[1]["jaccard"]
    assert np.isnan(never.value) and never.reason == "no images of this class and never predicted"


@pytest.mark.parametrize("measure", COMPARABLE, ids=lambda m: m.key)
def test_a_share_is_its_formula(measure: Measure) -> None:
    """Of few lesions a class shows its share, while means and resamples go by the formula: the two must agree."""
    found = judged(TRUE, DECIDED)
    of_classes = [c[measure.key].value for c in found.per_class]
    assert found.averages["macro"][measure.key].value == pytest.approx(np.mean(of_classes))


def test_every_row_is_documented_and_shown() -> None:
    from studies.assess import class_table

    documented = (PROJECT / "docs" / "evaluation.md").read_text(encoding="utf-8").split("## All figures")[1].split("## Intervals")[0]
    assert [m.key for m in MEASURES if f"| {m.name} | " not in documented or f" | {m.meaning} |" not in documented] == []
    found = judged(TRUE, DECIDED, prevalence={"c0": 0.1})
    assert set(found.figures) == {m.key for m in OF_ALL if m.key != "top_3"}  # of three classes it always is
    assert set(found.per_class[0].figures) == {m.key for m in OF_A_CLASS}
    assert {m.key for m in OF_A_CLASS} <= set(class_table(found).columns)


def assessed(small_dataset: Path) -> tuple[Assessment, str]:
    """The first ten nevi, melanomas and keratoses of a dataset under the decisions above, and the report of it."""
    data = open_dataset(small_dataset)
    names = np.array(["nv", "mel", "bkl"])
    chosen = [data.table["image_id"][data.table["diagnosis"] == names[c]].iloc[(TRUE[:k] == c).sum()] for k, c in enumerate(TRUE)]
    table = PredictionTable(tuple(chosen), tuple(names), np.eye(3)[DECIDED] * 0.8 + 0.2 / 3)
    found = assess(table, data, how=How(resamples=0, prevalence={"nv": 0.1}))
    return found, unescape(evaluation_html(data, plain(as_json(found)), found.rows))


def cells(page: str, column: str) -> dict[str, str]:
    """Class → cell of the column with this title, in whichever table of the report it is."""
    for rows in re.findall(r"<table>(.*?)</table>", page, re.DOTALL):
        table = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows.split("</tr>") if row.strip()]
        if column in table[0]:
            return {row[0]: row[table[0].index(column)] for row in table[1:]}
    raise AssertionError(f"no column {column}")


def test_the_report_shows_every_figure_of_a_class(small_dataset: Path) -> None:
    """Nevi: 2 of 4 found, 3 decided for, so the Jaccard index is 2 / (4 + 3 − 2); 4 of 10 images are nevi. A prevalence is set for nevi
    alone: 0.05 / (0.05 + 0.15) at 10 %, where sensitivity is 1/2 and specificity 5/6."""
    _, page = assessed(small_dataset)
    for measure in OF_A_CLASS:
        assert set(cells(page, measure.title(2))) == {"nevus (nv)", "melanoma (mel)", "benign keratosis (bkl)"}
        assert measure.explained in page
    assert cells(page, "Jaccard index")["nevus (nv)"].startswith("0.40 [")
    assert cells(page, "Prevalence")["nevus (nv)"].startswith("0.40 [")
    at = cells(page, "PPV at the set prevalence")
    assert at["nevus (nv)"].startswith("0.25") and at["melanoma (mel)"] == "–"


def test_a_figure_is_one_row(small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Youden's index, added to the table and nowhere else, is in JSON, CSV and report. Nevi: 1/2 + 5/6 − 1 = 1/3."""
    youden = Measure(
        "youden", "Youden's index", "sensitivity + specificity − 1", "one side is empty", lambda t: sensitivity(t) + specificity(t) - 1
    )
    tables: dict[str, tuple[Measure, ...]] = {name: getattr(figures, name) for name in ("MEASURES", "OF_A_CLASS", "COMPARABLE")}
    for module in list(sys.modules.values()):
        for name, rows in tables.items():
            if getattr(module, name, None) is rows:
                monkeypatch.setattr(module, name, (*rows, youden))
    monkeypatch.setitem(figures.BY_KEY, youden.key, youden)
    found, page = assessed(small_dataset)
    assert plain(as_json(found))["per_class"][0]["youden"]["value"] == pytest.approx(1 / 3)
    assert as_json(found)["averages"]["macro"]["youden"] == pytest.approx(np.mean([1 / 3, 2 / 3 + 5 / 7 - 1, 2 / 3 + 6 / 7 - 1]))
    file = tmp_path / "per_class.csv"
    file.write_text(safe_csv(class_table(found.evaluation), found.about))
    assert pd.read_csv(file).set_index("class")["youden"]["nv"] == pytest.approx(1 / 3)
    assert cells(page, "Youden's index")["nevus (nv)"] == "0.33"
