"""Weighted figures, the bootstrap over lesions and BCa, against scikit-learn, SciPy and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from evaluation.ranking import rank, ranking_figures
from evaluation.resampling import Name, Statistic, bca, percentile, resample, with_interval


def scored(seed: int, n: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties, which side each row is on, and its lesion."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return (rng.standard_normal(n) + positive).round(1), positive, rng.integers(0, 60, n)


@pytest.mark.parametrize("seed", range(4))
def test_weighted_ranking_equals_scikit_learn(seed: int) -> None:
    scores, positive, groups = scored(seed)
    weights = np.random.default_rng(seed).poisson(1.0, (60, 3)).astype(float)
    ours = ranking_figures(rank(scores, positive, groups, 60), weights)
    for k in range(3):
        w = weights[groups, k]
        assert ours["auc"][k] == pytest.approx(metrics.roc_auc_score(positive, scores, sample_weight=w))
        assert ours["average_precision"][k] == pytest.approx(metrics.average_precision_score(positive, scores, sample_weight=w))


def test_area_above_a_sensitivity_by_hand() -> None:
    """Five positives, two negatives: P P P P N P N. Sensitivity .8 is reached before the first negative, which lies at .8 from
    false-positive rate 0 to ½, the second at 1: ½ · .8 + ½ · 1 = .9. Turned round it is never above .8 but at the end: 0."""
    positive = np.array([True, True, True, True, False, True, False])
    scores, one = np.arange(7.0)[::-1], np.ones((7, 1))
    figures = ranking_figures(rank(scores, positive, np.arange(7), 7), one)
    assert figures["auc_sens_80"][0] == pytest.approx(0.9)
    perfect = ranking_figures(rank(positive.astype(float), positive, np.arange(7), 7), one)
    assert perfect["auc_sens_80"][0] == 1 and perfect["auc"][0] == 1 and perfect["average_precision"][0] == 1
    tied = ranking_figures(rank(np.zeros(7), positive, np.arange(7), 7), one)  # one diagonal: from (.8, .8) to (1, 1)
    assert tied["auc_sens_80"][0] == pytest.approx(0.2 * 0.9) and tied["auc"][0] == 0.5


def test_one_side_alone_is_undefined() -> None:
    figures = ranking_figures(rank(np.arange(3.0), np.ones(3, bool), np.arange(3), 3), np.ones((3, 1)))
    assert np.isnan(figures["auc"][0]) and np.isnan(figures["auc_sens_80"][0])
    none = ranking_figures(rank(np.arange(3.0), np.zeros(3, bool), np.arange(3), 3), np.ones((3, 1)))
    assert all(np.isnan(v[0]) for v in none.values())


def mean_of(values: np.ndarray) -> Statistic:
    return lambda w: {("x", "mean"): (values @ w) / w.sum(axis=0)}


def test_intervals_agree_with_scipy() -> None:
    """A skewed sample of 80, each alone in its lesion: SciPy's own percentile and BCa intervals, within what chance allows."""
    values = np.random.default_rng(3).exponential(1.0, 80) ** 1.5
    drawn = resample(mean_of(values), 80, 20_000)
    for method, ours in (("percentile", percentile), ("BCa", bca)):
        theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method=method, rng=5).confidence_interval
        assert ours(drawn, ("x", "mean")) == pytest.approx((theirs.low, theirs.high), rel=0.02), method
    assert bca(drawn, ("x", "mean"))[1] > percentile(drawn, ("x", "mean"))[1], "the long tail is to the right"


def test_lesions_are_drawn_whole_and_the_seed_counts() -> None:
    """Two rows of each lesion: a resample never holds one without the other."""
    pair = np.repeat(np.arange(20), 2)
    seen: list[np.ndarray] = []

    def statistic(weights: np.ndarray) -> dict[Name, np.ndarray]:
        seen.append(weights[pair])
        return {("x", "sum"): weights.sum(axis=0)}

    one, again = resample(statistic, 20, 300, seed=1), resample(statistic, 20, 300, seed=1)
    other = resample(lambda w: {("x", "first"): w[0]}, 20, 300, seed=2)
    assert all((w[0::2] == w[1::2]).all() for w in seen)
    assert (one.replicates["x", "sum"] == 20).all() and (one.left_out["x", "sum"] == 19).all()
    assert np.array_equal(one.replicates["x", "sum"], again.replicates["x", "sum"])
    first = resample(lambda w: {("x", "first"): w[0]}, 20, 300, seed=1)
    assert not np.array_equal(first.replicates["x", "first"], other.replicates["x", "first"])


def test_undefined_resamples_are_counted_and_too_many_leave_no_interval() -> None:
    def share(weights: np.ndarray) -> dict[Name, np.ndarray]:  # of two lesions; undefined where the first was not drawn
        return {("x", "share"): np.where(weights[0] > 0, weights[0] / weights.sum(axis=0), np.nan)}

    often = resample(share, 2, 4000)
    assert often.undefined(("x", "share")) == pytest.approx(1000, abs=110)  # one in four
    one = resample(lambda w: {("x", "one"): w.sum(axis=0) / w.sum(axis=0)}, 12, 200)
    certain = with_interval(one, ("x", "one"), "")
    assert certain.value == 1 and np.isnan(certain.low) and "same in every resample" in certain.reason, "no mistake is no certainty"
    rare = resample(lambda w: {("x", "share"): np.where(w[0] > 2, w[0], np.nan)}, 30, 500)
    assert np.isnan(percentile(rare, ("x", "share"))[0]) and np.isnan(bca(rare, ("x", "share"))[1])
