"""Curves, bands and thresholds against scikit-learn and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from evaluation.curves import precision_recall_curve, roc_curve
from evaluation.ranking import rank
from evaluation.rules import Rule, decide
from evaluation.thresholds import WAYS, by_cost, by_f_beta, by_sensitivity, by_youden, operating_points

# from the highest score: P N P P N N
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
POSITIVE = np.array([True, False, True, True, False, False])


def scored(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return (rng.standard_normal(n) + positive).round(1), positive


@pytest.mark.parametrize("seed", range(3))
def test_the_curves_are_scikit_learns(seed: int) -> None:
    scores, positive = scored(seed)
    ranked = rank(scores, positive, np.arange(200), 200)
    ours = roc_curve(ranked, 200, 20)
    wrong, found, _ = metrics.roc_curve(positive, scores)
    at = np.linspace(0.001, 0.999, 301)
    np.testing.assert_allclose(np.interp(at, ours.x, ours.y), np.interp(at, wrong, found))
    assert metrics.auc(ours.x, ours.y) == pytest.approx(metrics.roc_auc_score(positive, scores))
    curve = precision_recall_curve(ranked, 200, 20)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    theirs = dict(zip(recall.round(9), precision, strict=True))  # ascending precision: the last of a recall is the greatest
    best = {x: max(p for r, p in zip(recall.round(9), precision, strict=True) if r == x) for x in theirs if x > 0}
    for x, y in best.items():
        assert max(curve.y[np.isclose(curve.x, x)]) == pytest.approx(y)


def test_bands_hold_the_curve_and_shrink_with_lesions() -> None:
    def width(n: int, of: int) -> float:
        scores, positive = scored(1, n)
        curve = roc_curve(rank(scores, positive, np.arange(n) // of, n // of), n // of, 300)
        middle = np.interp(curve.grid, curve.x, curve.y)[10:90]
        assert ((curve.low[10:90] <= middle + 0.02) & (middle <= curve.high[10:90] + 0.02)).all()
        return float((curve.high - curve.low).mean())

    assert width(1600, 1) < 0.7 * width(400, 1)
    assert width(400, 4) > 0.8 * width(400, 1), "rows of one lesion that are independent widen little"


def test_operating_points_by_hand() -> None:
    points = operating_points(SCORES, POSITIVE)
    assert points.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert points.tally.tp.tolist() == [0, 1, 1, 2, 3, 3, 3] and points.tally.fp.tolist() == [0, 0, 1, 1, 1, 2, 3]
    assert points.thresholds[by_sensitivity(points, 0.6)] == 0.7  # two of three are found
    assert points.thresholds[by_sensitivity(points, 0.7)] == 0.6
    assert points.thresholds[by_youden(points)] == 0.6  # 1 + 2/3
    assert points.thresholds[by_cost(points, 0.4)] == 0.9  # .8 missed for none alarmed, against 1 at .6
    assert points.thresholds[by_cost(points, 10)] == 0.6
    assert points.thresholds[by_f_beta(points, 1)] == 0.6  # 6/7
    assert points.thresholds[by_f_beta(points, 0.1)] == 0.9  # what counts is that every decision is right
    assert points.index(0.65) == 3 and points.index(0.6) == 4 and points.index(2.0) == 0


def test_a_threshold_decides_the_same_elsewhere() -> None:
    """Chosen on one set, applied to another by the rule of decisions: the counts are the other set's own."""
    scores, positive = scored(4)
    threshold = operating_points(scores, positive).thresholds[by_sensitivity(operating_points(scores, positive), 0.9)]
    other, truth = scored(5)
    decided = decide(Rule("", {"mel": float(threshold)}), np.stack([other, -other], 1), ("mel", "nv"))[:, 0]
    points = operating_points(other, truth)
    at = points.index(float(threshold))
    assert (points.tally.tp[at], points.tally.fp[at]) == ((decided & truth).sum(), (decided & ~truth).sum())


def test_every_way_has_a_usual_number_that_works() -> None:
    points = operating_points(SCORES, POSITIVE)
    for way in WAYS.values():
        assert way.low <= way.usual <= way.high and 0 <= way.choose(points, way.usual) < 7


def test_a_class_without_images_has_no_curve() -> None:
    none = roc_curve(rank(SCORES, np.zeros(6, bool), np.arange(6), 6), 6, 20)
    assert np.isnan(none.low).all() and np.isnan(none.y[1:]).all()
