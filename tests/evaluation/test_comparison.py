"""Two sets of predictions against each other: statsmodels, scikit-learn and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from evaluation.comparison import compare, mcnemar
from evaluation.evaluate import How
from evaluation.rules import HALF

CLASSES = ("bcc", "mel", "nv")


def pair(seed: int, n: int = 300, lead: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, n)
    shared = rng.dirichlet(np.ones(3), n)
    scores = [shared + 0.3 * rng.dirichlet(np.ones(3), n) + extra * np.eye(3)[true] for extra in (0.3, 0.3 + lead)]
    return true, *(s / s.sum(1, keepdims=True) for s in scores)


def test_differences_are_scikit_learns() -> None:
    true, first, second = pair(0)
    found = compare(true, first, second, CLASSES, np.arange(300), How(resamples=200))
    a, b = first.argmax(1), second.argmax(1)
    assert found.differences["accuracy"].value == pytest.approx(metrics.accuracy_score(true, b) - metrics.accuracy_score(true, a))
    assert found.differences["kappa"].value == pytest.approx(metrics.cohen_kappa_score(true, b) - metrics.cohen_kappa_score(true, a))
    area = [metrics.roc_auc_score(true == 1, p[:, 1]) for p in (first, second)]
    assert found.per_class["mel"]["auc"].value == pytest.approx(area[1] - area[0])
    np.testing.assert_array_equal(found.matrix, metrics.confusion_matrix(true, b) - metrics.confusion_matrix(true, a))
    assert found.matrix.sum() == 0
    assert found.better - found.worse == round(300 * found.differences["accuracy"].value)


def test_mcnemar_is_statsmodels_where_every_image_is_a_lesion() -> None:
    true, first, second = pair(1)
    a, b = first.argmax(1) == true, second.argmax(1) == true
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert mcnemar(a, b, np.arange(300)) == pytest.approx(statsmodels_mcnemar(table, exact=False, correction=False).pvalue)


def test_mcnemar_counts_lesions_by_hand() -> None:
    """Three lesions lead by 2, 1 and −1: (2 + 1 − 1)² / (4 + 1 + 1) = 2/3."""
    first = np.array([False, False, False, True])
    assert mcnemar(first, ~first, np.array([0, 0, 1, 2])) == pytest.approx(0.4142162, abs=1e-6)
    assert np.isnan(mcnemar(first, first, np.arange(4)))


def test_the_same_predictions_do_not_differ() -> None:
    true, first, _ = pair(2)
    same = compare(true, first, first, CLASSES, np.arange(300), How(resamples=200))
    assert all(f.value == 0 and np.isnan(f.low) and "the same whichever" in f.reason for f in same.differences.values())
    assert np.isnan(same.p) and not same.matrix.any()


def test_a_difference_of_aucs_has_delongs_variance() -> None:
    """DeLong 1988 pair by pair, an image a lesion: the variance of the difference of the placements on either side, over their number;
    to it the allowance for unseen lesions (a tenth of the other side, for both classifiers), with t for a difference of two means."""
    rng = np.random.default_rng(11)
    true = np.repeat([0, 1], [60, 12])
    scores = [rng.standard_normal(72) + apart * true for apart in (0.8, 1.4)]
    one, two = (np.stack([-s, s], 1) for s in scores)
    found = compare(true, one, two, ("nv", "mel"), np.arange(72)).per_class["mel"]["auc"]
    above = [(s[true == 1][:, None] > s[true == 0]).astype(float) for s in scores]
    apart = above[1] - above[0]
    variance = apart.mean(1).var(ddof=1) / 12 + apart.mean(0).var(ddof=1) / 60
    allowed = 2 * 0.1**2 * (1 / 14**2 + 1 / 62**2)
    of_two_means = (1 / 12 + 1 / 60) ** 2 / (1 / (12**2 * 11) + 1 / (60**2 * 59))
    seen = (variance**2) / ((apart.mean(1).var(ddof=1) / 12) ** 2 / 11 + (apart.mean(0).var(ddof=1) / 60) ** 2 / 59)
    half = stats.t.ppf(0.975, min(of_two_means, seen)) * np.sqrt(variance + allowed)
    assert found.value == pytest.approx(apart.mean())
    assert (found.value - found.low, found.high - found.value) == pytest.approx((half, half))


def test_a_share_nobody_differs_on_still_has_an_interval() -> None:
    """Both find 12 of 12 melanomas, with other scores: one more lesion of 14, 1.96/14 either way; the same scores have none."""
    true = np.repeat([0, 1], [30, 12])
    first = np.where(true[:, None] == [0, 1], 0.8, 0.2)
    second = np.where(true[:, None] == [0, 1], 0.7, 0.3)
    found = compare(true, first, second, ("nv", "mel"), np.arange(42)).per_class["mel"]["sensitivity"]
    assert (found.value, found.low, found.high) == pytest.approx((0, -1.959964 / 14, 1.959964 / 14), abs=1e-6)
    assert np.isnan(compare(true, first, first, ("nv", "mel"), np.arange(42)).per_class["mel"]["sensitivity"].low)


def test_a_class_of_one_lesion_leaves_no_interval() -> None:
    true, first, second = pair(5, 40)
    true[:] = np.where(np.arange(40) == 0, 1, 0)
    found = compare(true, first, second, CLASSES, np.arange(40)).per_class["mel"]["auc"]
    assert np.isnan(found.low) and found.reason == "undefined without one of its lesions: no interval"


def test_no_difference_exceeds_what_there_can_be() -> None:
    """Two melanomas, one lost by the second: t with one degree of freedom reaches far beyond −1 and 1."""
    true = np.repeat([0, 1], [10, 2])
    first = np.where(true[:, None] == [0, 1], 0.8, 0.2)
    second = first.copy()
    second[-1] = (0.9, 0.1)
    found = compare(true, first, second, ("nv", "mel"), np.arange(12))
    assert (found.per_class["mel"]["sensitivity"].low, found.per_class["mel"]["sensitivity"].high) == (-1, 1)
    assert found.differences["kappa"].low >= -2


def test_pairing_narrows_the_interval_and_lesions_widen_it() -> None:
    true, first, second = pair(3)
    paired = compare(true, first, second, CLASSES, np.arange(300)).differences["accuracy"]
    alone = [np.std((p.argmax(1) == true).astype(float)) / np.sqrt(300) for p in (first, second)]
    assert paired.high - paired.low < 2 * 1.96 * np.hypot(*alone)
    fours = [np.repeat(a, 4, axis=0) for a in (true, first, second)]
    again = compare(*fours, CLASSES, np.repeat(np.arange(300), 4)).differences["accuracy"]  # type: ignore[arg-type, call-arg]
    assert again.high - again.low == pytest.approx(paired.high - paired.low, rel=0.1)


def test_rule_and_shape_count() -> None:
    true, first, second = pair(4)
    by_half = compare(true, first, second, CLASSES, np.arange(300), How(HALF, resamples=0))
    by_argmax = compare(true, first, second, CLASSES, np.arange(300), How(resamples=0))
    assert by_half.per_class["mel"]["sensitivity"].value != by_argmax.per_class["mel"]["sensitivity"].value
    with pytest.raises(ValueError, match="scores"):
        compare(true, first, second[:-1], CLASSES, np.arange(300))
