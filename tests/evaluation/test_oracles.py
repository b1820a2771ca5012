"""All figures of the ISIC 2019 table against isic-challenge-scoring, scikit-learn and confidenceinterval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore
from sklearn import metrics

from evaluation.evaluate import Evaluation, How, evaluate
from evaluation.rules import ARGMAX, HALF, Rule

CLASSES = ("bcc", "mel", "nv", "bkl")
ISIC = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "dice": "f1",
    "ppv": "ppv",
    "npv": "npv",
    "auc": "auc",
    "auc_sens_80": "auc_sens_80",
    "ap": "average_precision",
}
OLD_PANDAS = pytest.mark.filterwarnings("ignore:The inplace keyword")  # that scoring is written for an older one


def predictions(seed: int, n: int = 240, digits: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.choice(4, n, p=[0.1, 0.2, 0.6, 0.1])
    scores = rng.dirichlet(np.full(4, 0.4), n) + 0.5 * np.eye(4)[true]
    return true, (scores / scores.sum(1, keepdims=True)).round(digits), rng.integers(0, 150, n)


def isic(true: np.ndarray, scores: np.ndarray) -> ClassificationScore:
    truth = pd.DataFrame(np.eye(4)[true], columns=list(CLASSES))
    weights = pd.DataFrame({"score_weight": np.ones(len(true)), "validation_weight": np.ones(len(true))})
    return ClassificationScore(truth, pd.DataFrame(scores, columns=list(CLASSES)), weights, ClassificationMetric.AUC)


def quick(true: np.ndarray, scores: np.ndarray, groups: np.ndarray, rule: Rule = HALF, beta: float = 2.0) -> Evaluation:
    return evaluate(true, scores, CLASSES, groups, How(rule, beta, resamples=0))


@OLD_PANDAS
@pytest.mark.parametrize(("seed", "digits"), [(0, 3), (1, 3), (2, 1), (3, 1)])
def test_the_isic_table(seed: int, digits: int) -> None:
    """Random scores, and scores with many ties."""
    true, scores, groups = predictions(seed, digits=digits)
    theirs, ours = isic(true, scores), quick(true, scores, groups)
    for k, name in enumerate(CLASSES):
        for column, figure in ISIC.items():
            assert ours.per_class[k][figure].value == pytest.approx(theirs.per_category[column].iloc[k]), (name, figure)
    for column, figure in ISIC.items():
        assert ours.averages["macro"][figure].value == pytest.approx(theirs.macro_average[column])
    if digits == 3:  # that scoring leaves images with two highest scores undecided
        assert ours["balanced_accuracy"].value == pytest.approx(theirs.aggregate["balanced_accuracy"])


@OLD_PANDAS
def test_where_the_isic_table_gives_a_present() -> None:
    """Never decided for a class: PPV is 1 there, and undefined here, with the reason."""
    true, scores, groups = predictions(4)
    scores[:, 1] = 0.3
    theirs, ours = isic(true, scores), quick(true, scores, groups)
    assert theirs.per_category["ppv"].iloc[1] == 1
    assert np.isnan(ours.per_class[1]["ppv"].value) and ours.per_class[1]["ppv"].reason == "never predicted"
    assert np.isnan(ours.averages["macro"]["ppv"].value)


@pytest.mark.parametrize("seed", range(3))
def test_what_scikit_learn_says_of_the_whole(seed: int) -> None:
    true, scores, groups = predictions(seed)
    ours, decided = quick(true, scores, groups, ARGMAX, 0.5), scores.argmax(1)
    assert ours["kappa"].value == pytest.approx(metrics.cohen_kappa_score(true, decided))
    assert ours["mcc"].value == pytest.approx(metrics.matthews_corrcoef(true, decided))
    for k in (2, 3):
        untied = scores + np.arange(4)[::-1] * 1e-9  # of equal scores the first class comes first
        assert ours[f"top_{k}"].value == pytest.approx(metrics.top_k_accuracy_score(true, untied, k=k))
    beta = metrics.fbeta_score(true, decided, beta=0.5, average=None)
    assert [c["f_beta"].value for c in ours.per_class] == pytest.approx(list(beta))
    for kind in ("macro", "weighted"):
        area = metrics.roc_auc_score(np.eye(4)[true], scores, average=kind)
        assert ours.averages[kind]["auc"].value == pytest.approx(area)


def test_a_class_that_is_absent_counts_in_no_mean() -> None:
    true, scores, groups = predictions(5)
    keep = true != 3
    ours = quick(true[keep], scores[keep], groups[keep], ARGMAX)
    assert np.isnan(ours.per_class[3]["sensitivity"].value) and np.isnan(ours.per_class[3]["auc"].value)
    assert ours.per_class[3]["f1"].value == 0  # decided for, never right
    sensitivity = metrics.recall_score(true[keep], scores[keep].argmax(1), average=None, labels=[0, 1, 2])
    assert ours["balanced_accuracy"].value == pytest.approx(sensitivity.mean())
    assert ours.averages["macro"]["sensitivity"].value == pytest.approx(sensitivity.mean())


def test_all_one_prediction() -> None:
    true = np.array([0, 1, 2, 2])
    ours = quick(true, np.tile([0.1, 0.2, 0.6, 0.1], (4, 1)), np.arange(4), ARGMAX)
    assert (ours["accuracy"].value, ours["kappa"].value, ours.majority_baseline) == (0.5, 0, 0.5)
    assert np.isnan(ours["mcc"].value) and "one class" in ours["mcc"].reason
    assert all(c["auc"].value == 0.5 for c in ours.per_class[:3])


def test_a_single_lesion_has_figures_and_no_interval() -> None:
    true, scores, _ = predictions(6, 20)
    ours = evaluate(true, scores, CLASSES, np.zeros(20), How(resamples=200))
    assert ours.n_groups == 1 and np.isnan(ours["accuracy"].low) and "lesions" in ours["accuracy"].reason
    assert np.isnan(ours.per_class[2]["auc"].low) and ours.per_class[2]["auc"].defined


def test_thresholds_of_ones_own() -> None:
    true, scores, groups = predictions(7)
    ours = quick(true, scores, groups, Rule("mel from .2", {"mel": 0.2}))
    assert ours.per_class[1]["sensitivity"].value == pytest.approx((scores[true == 1, 1] >= 0.2).mean())
    assert ours.per_class[0]["sensitivity"].value == pytest.approx((scores[true == 0, 0] > 0.5).mean())
    assert ours.decision_rule == "mel from .2"


def test_intervals_of_shares_and_of_the_rest() -> None:
    """Every row its own lesion: Wilson's for few images, BCa for many and for what is no share, Obuchowski's for the AUC."""
    from confidenceinterval import precision_score

    true, scores, _ = predictions(8, 900)
    ours = evaluate(true, scores, CLASSES, np.arange(900))
    methods = {name: ours.per_class[0][name].method for name in ("sensitivity", "specificity", "f1", "auc")}
    assert methods == {"sensitivity": "Wilson, effective size", "specificity": "BCa bootstrap", "f1": "BCa bootstrap", "auc": "Obuchowski"}
    between = evaluate(true, scores, CLASSES, np.arange(900), How(interval="percentile"))["kappa"]
    assert between.method == "percentile bootstrap" and between.value == ours["kappa"].value
    kappa = ours["kappa"]
    assert (between.low, between.high) == pytest.approx((kappa.low, kappa.high), abs=0.02) and between.low != kappa.low
    _, (low, high) = precision_score(true == 2, scores.argmax(1) == 2, average="binary", method="wilson")
    assert (ours.per_class[2]["ppv"].low, ours.per_class[2]["ppv"].high) == pytest.approx((low, high), abs=0.004)
    assert ours.per_class[0]["prevalence"].value == pytest.approx((true == 0).mean())
