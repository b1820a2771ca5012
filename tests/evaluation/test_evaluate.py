"""Figures against hand-worked cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from evaluation.confusion import confusion, row_percent
from evaluation.evaluate import How, evaluate

CLASSES = ("bcc", "mel", "nv")


def one_hot(decided: list[int], n: int = 3) -> np.ndarray:
    return np.eye(n)[decided]


def test_six_rows_by_hand() -> None:
    true = np.array([0, 1, 1, 2, 2, 2])
    result = evaluate(true, one_hot([0, 1, 2, 2, 2, 1]), CLASSES, np.arange(6))
    np.testing.assert_array_equal(result.matrix, [[1, 0, 0], [0, 1, 1], [0, 1, 2]])
    assert result["accuracy"].value == pytest.approx(4 / 6)
    assert result["balanced_accuracy"].value == pytest.approx((1 + 1 / 2 + 2 / 3) / 3)
    assert (result.majority_class, result.majority_baseline) == ("nv", 0.5)
    mel = result.per_class[1]
    assert (mel["sensitivity"].value, mel["specificity"].value, mel["ppv"].value) == pytest.approx((1 / 2, 3 / 4, 1 / 2))
    assert (mel["npv"].value, mel["f1"].value, mel.support) == pytest.approx((3 / 4, 1 / 2, 2))


@pytest.mark.parametrize("seed", range(4))
def test_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, 200)
    scores = rng.dirichlet([1, 1, 1], 200).round(2) + 0.4 * np.eye(3)[true]
    scores /= scores.sum(1, keepdims=True)
    decided = scores.argmax(1)
    ours = evaluate(true, scores, CLASSES, rng.integers(0, 120, 200))
    assert ours["accuracy"].value == pytest.approx(metrics.accuracy_score(true, decided))
    assert ours["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(true, decided))
    np.testing.assert_array_equal(ours.matrix, metrics.confusion_matrix(true, decided))
    for kind in ("macro", "weighted"):
        ppv, sensitivity, f1, _ = metrics.precision_recall_fscore_support(true, decided, average=kind)
        told = {name: ours.averages[kind][name].value for name in ("ppv", "sensitivity", "f1")}
        assert told == pytest.approx({"ppv": ppv, "sensitivity": sensitivity, "f1": f1})
    for k, figures in enumerate(ours.per_class):
        assert figures["auc"].value == pytest.approx(metrics.roc_auc_score(true == k, scores[:, k]))


def test_what_is_undefined_says_why() -> None:
    result = evaluate(np.array([0, 0, 2]), one_hot([0, 0, 0]), CLASSES, np.arange(3))
    mel, nv = result.per_class[1], result.per_class[2]
    assert np.isnan(mel["sensitivity"].value) and mel["sensitivity"].reason == "no images of this class"
    assert np.isnan(mel["ppv"].value) and mel["ppv"].reason == "never predicted"
    assert np.isnan(mel["auc"].value) and "no images" in mel["auc"].reason
    assert nv["sensitivity"].value == 0
    assert result["balanced_accuracy"].value == pytest.approx(0.5)  # over the two classes that occur
    assert np.isnan(result.averages["macro"]["ppv"].value)


def test_ties_go_to_the_first_class() -> None:
    assert evaluate(np.array([0, 1]), np.full((2, 3), 1 / 3), CLASSES, np.arange(2)).matrix[:, 0].sum() == 2


@pytest.mark.parametrize(
    "scores", [np.zeros((0, 3)), np.full((2, 3), np.nan), np.zeros((2, 2))], ids=["no rows", "NaN scores", "two columns"]
)
def test_what_cannot_be_evaluated_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="score"):
        evaluate(np.zeros(len(scores), int), scores, CLASSES, np.arange(len(scores)))


def test_row_percent_of_an_empty_row_is_undefined() -> None:
    percent = row_percent(confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3))
    np.testing.assert_array_equal(percent[:2], [[50, 50, 0], [0, 100, 0]])
    assert np.isnan(percent[2]).all()


@pytest.mark.parametrize("lesions", [60, 500])
def test_a_figure_has_one_interval_wherever_it_stands(lesions: int) -> None:
    """By the highest score, mean sensitivity is balanced accuracy and weighted sensitivity is accuracy, ends and all."""
    rng = np.random.default_rng(lesions)
    true = rng.integers(0, 3, lesions)
    scores = rng.dirichlet([1, 1, 1], lesions) + 0.4 * np.eye(3)[true]
    told = evaluate(true, scores, CLASSES, np.arange(lesions), How(resamples=200))
    for kind, same in (("macro", "balanced_accuracy"), ("weighted", "accuracy")):
        one, other = told.averages[kind]["sensitivity"], told[same]
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)
