"""The table of figures: every row is in the docs, JSON, CSV and report; and rows by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.evaluate import How, evaluate
from evaluation.figures import COMPARABLE, MEASURES, OF_A_CLASS, OF_ALL, Measure
from tests.conftest import PROJECT

# diagnoses 0 0 0 0 1 1 1 2 2 2, decisions 0 0 1 2 1 1 0 2 2 1
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
DECIDED = np.array([0, 0, 1, 2, 1, 1, 0, 2, 2, 1])


def judged(true: np.ndarray, decided: np.ndarray, classes: int = 3, **asked: object):
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
