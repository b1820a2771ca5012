"""Calibration and decision curves against scikit-learn and cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from evaluation.calibration import brier, calibration_error, isotonic, reliability, temperature
from evaluation.net_benefit import better_ranges, net_benefit, treat_all


def drawn(seed: int, n: int = 1000, sharpen: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are right on average, or made too sure."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, n)
    positive = rng.random(n) < 1 / (1 + np.exp(-logit))
    return 1 / (1 + np.exp(-sharpen * logit)), positive


def test_bins_are_scikit_learns() -> None:
    scores, positive = drawn(0)
    ours = reliability(scores, positive, np.arange(1000))
    share, score = calibration_curve(positive, scores, n_bins=10, strategy="quantile")
    assert [b.score for b in ours] == pytest.approx(score.tolist(), abs=0.003)
    assert [b.share.value for b in ours] == pytest.approx(share.tolist(), abs=0.02)
    assert sum(b.n for b in ours) == 1000 and max(b.n for b in ours) <= 101


def test_equal_scores_are_not_parted() -> None:
    scores = np.repeat([0.1, 0.6], [90, 10])
    bins = reliability(scores, np.arange(100) % 2 == 0, np.arange(100))
    assert [(b.n, b.score) for b in bins] == [(90, pytest.approx(0.1)), (10, pytest.approx(0.6))]  # type: ignore[comparison-overlap]


def test_errors_by_hand() -> None:
    """Eight of ten at .5 and one of ten at .2: gaps .3 and .1, half the rows each."""
    scores = np.repeat([0.5, 0.2], 10)
    positive = np.r_[np.arange(10) < 8, np.arange(10) < 1]
    assert calibration_error(scores, positive) == pytest.approx(0.2)
    parts = brier(scores, positive)
    assert parts.score == pytest.approx(brier_score_loss(positive, scores))
    assert parts.reliability == pytest.approx((0.3**2 + 0.1**2) / 2)
    assert parts.resolution == pytest.approx(0.35**2) and parts.uncertainty == pytest.approx(0.45 * 0.55)
    assert parts.within == pytest.approx(0)


def test_intervals_of_a_bin_count_lesions() -> None:
    scores, positive = np.full(40, 0.3), np.arange(40) % 4 == 0
    alone = reliability(scores, positive, np.arange(40))[0].share
    four = reliability(np.repeat(scores, 4), np.repeat(positive, 4), np.repeat(np.arange(40), 4))[0].share
    assert (four.low, four.high) == pytest.approx((alone.low, alone.high))


def test_temperature_undoes_what_was_sharpened() -> None:
    """Logits doubled: half the temperature is what makes them likeliest, and nothing changes its order."""
    scores, positive = drawn(1, 20_000, sharpen=2.0)
    both, true = np.stack([1 - scores, scores], 1), positive.astype(int)
    mended = temperature(both[:10_000], true[:10_000])(both[10_000:])
    honest = 1 / (1 + ((1 - scores) / scores) ** 0.5)
    np.testing.assert_allclose(mended[:, 1], honest[10_000:], atol=0.01)
    assert log_loss(true[10_000:], mended) < log_loss(true[10_000:], both[10_000:])
    assert (np.argsort(mended[:, 1]) == np.argsort(both[10_000:, 1])).all()


def test_isotonic_mends_a_bent_score() -> None:
    scores, positive = drawn(2, 20_000)
    bent = np.stack([1 - scores**3, scores**3], 1)
    correct = isotonic(bent[:10_000], positive[:10_000].astype(int))
    mended = correct(bent[10_000:])
    assert calibration_error(mended[:, 1], positive[10_000:]) < 0.3 * calibration_error(bent[10_000:, 1], positive[10_000:])
    np.testing.assert_allclose(mended.sum(1), 1)


def test_net_benefit_by_hand() -> None:
    """Ten people, three ill. At .2 (odds ¼) three ill and two well are treated: (3 − 2/4) / 10."""
    scores = np.array([0.9, 0.8, 0.3, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
    positive = np.array([True, True, True, False, False, False, False, False, False, False])
    assert net_benefit(scores, positive, np.array([0.2, 0.5]))[0] == pytest.approx(0.25)
    assert net_benefit(scores, positive, np.array([0.5]))[0] == pytest.approx(0.2)
    assert treat_all(positive, np.array([0.3]))[0] == pytest.approx(0)  # at the prevalence
    assert net_benefit(scores, positive, np.array([0.01]))[0] == pytest.approx(treat_all(positive, np.array([0.01]))[0])


ORACLE = json.loads((Path(__file__).parent / "oracles" / "dcurves.json").read_text())


@pytest.mark.parametrize("name", list(ORACLE["cases"]))
def test_decision_curves_are_those_of_dcurves(name: str) -> None:
    case, thresholds = ORACLE["cases"][name], np.array(ORACLE["thresholds"])
    scores, positive = np.array(case["scores"]), np.array(case["positive"], bool)
    assert net_benefit(scores, positive, thresholds) == pytest.approx(case["net_benefit"], abs=1e-12)
    assert treat_all(positive, thresholds) == pytest.approx(case["treat_all"], abs=1e-12)


def test_ranges_in_which_one_curve_is_better_have_gaps() -> None:
    thresholds = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    curve, others = np.array([0.3, 0.2, 0.1, 0.0, 0.2, 0.0]), np.array([[0.1, 0.1, 0.1 - 1e-12, 0.1, 0.1, 0.0], np.zeros(6)])
    assert better_ranges(curve, others, thresholds) == [(0.1, 0.2), (0.5, 0.5)]
    assert better_ranges(others[0], others, thresholds) == []


def test_distinct_scores_fall_into_bins_of_one_size() -> None:
    for n in (10, 100, 1000):
        found = reliability(np.arange(n) / n, np.arange(n) % 2 == 0, np.arange(n))
        assert [b.n for b in found] == [n // 10] * 10
