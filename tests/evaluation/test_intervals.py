"""Intervals that count lesions."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.intervals import auc, mean_of_ratios, ratio, wilson


def test_wilson_against_the_textbook() -> None:
    """Newcombe 1998, table I: 81 of 263 gives .2553 to .3662; 0 of 20 gives 0 to .1611."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_without_repeats_the_interval_is_nearly_wilsons(rng: np.random.Generator) -> None:
    hits = (rng.random(400) < 0.8).astype(float)
    figure = ratio(hits, np.ones(400), np.arange(400), "")
    assert (figure.low, figure.high) == pytest.approx(wilson(hits.mean(), 400), abs=1e-3)


def test_photographing_every_lesion_thrice_adds_nothing(rng: np.random.Generator) -> None:
    hits, lesions = (rng.random(60) < 0.7).astype(float), np.arange(60)
    once = ratio(hits, np.ones(60), lesions, "")
    thrice = ratio(np.repeat(hits, 3), np.ones(180), np.repeat(lesions, 3), "")
    as_rows = ratio(np.repeat(hits, 3), np.ones(180), np.arange(180), "")
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    assert as_rows.high - as_rows.low < 0.7 * (thrice.high - thrice.low)


def test_no_trials_no_lesions() -> None:
    assert ratio(np.zeros(3), np.zeros(3), np.arange(3), "never decided").reason == "never decided"
    single = ratio(np.ones(3), np.ones(3), np.zeros(3, int), "")
    assert single.value == 1 and np.isnan(single.low) and "lesions" in single.reason


def test_a_perfect_score_still_has_an_interval() -> None:
    figure = ratio(np.ones(20), np.ones(20), np.arange(20), "")
    assert (figure.value, figure.low, figure.high) == pytest.approx((1, 1 - 0.1611, 1), abs=5e-5)


def test_auc_interval_is_delongs_without_repeats(rng: np.random.Generator) -> None:
    """DeLong 1988, computed pair by pair."""
    positive = rng.random(80) < 0.4
    scores = (rng.standard_normal(80) + positive).round(1)
    over = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
    value = over.mean()
    variance = over.mean(1).var(ddof=1) / positive.sum() + over.mean(0).var(ddof=1) / (~positive).sum()
    step = 1.959964 * np.sqrt(variance) / (value * (1 - value))
    logit = np.log(value / (1 - value))
    figure = auc(scores, positive, np.arange(80))
    assert figure.value == pytest.approx(value)
    assert (figure.low, figure.high) == pytest.approx((1 / (1 + np.exp(step - logit)), 1 / (1 + np.exp(-step - logit))))


def test_perfect_scores_are_not_certain() -> None:
    """Four of four in each of three classes: t with nine degrees of freedom is 2.2622, so each is taken at z = 2.2622/√3 = 1.3061, where
    Wilson's interval ends at 4 / (4 + 1.3061²) = .7010."""
    figure = mean_of_ratios(np.repeat(np.eye(3), 4, axis=0), np.repeat(np.eye(3), 4, axis=0), np.arange(12), "")
    assert (figure.value, figure.low, figure.high) == pytest.approx((1, 0.7010, 1), abs=5e-5)
    perfect = auc(np.arange(8.0), np.arange(8) >= 4, np.arange(8))
    assert (perfect.value, perfect.low, perfect.high) == pytest.approx((1, 0.5101, 1), abs=5e-5)


def test_both_ends_of_a_mean_of_ratios_by_hand() -> None:
    """16 of 20 and 5 of 10, an image a lesion: the variance of a share of n lesions being p(1 − p)/(n − 1), they count as 19 and 9.
    Wilson at 1.96: .5779 to .9212 and .2265 to .7735, spreads .0876 and .1395. Satterthwaite: (.0876² + .1395²)² / (.0876⁴/19 +
    .1395⁴/9) = 16.29 degrees, t = 2.1169, z = 2.1169 · √(.0876² + .1395²) / (.0876 + .1395) = 1.5355. Wilson at that: .6299 to .9038 and
    .2722 to .7278, spreads .0892 and .1484, so 15.71 degrees, z = 1.5471: .6285 to .9044 and .2708 to .7292."""
    trials = np.repeat(np.eye(2), (20, 10), axis=0)
    hits = trials * np.concatenate([np.arange(20) < 16, np.arange(10) < 5])[:, None]
    figure = mean_of_ratios(hits, trials, np.arange(30), "")
    assert (figure.value, figure.low, figure.high) == pytest.approx((0.65, (0.6285 + 0.2708) / 2, (0.9044 + 0.7292) / 2), abs=1e-4)


def test_auc_counts_lesions(rng: np.random.Generator) -> None:
    positive = rng.random(60) < 0.5
    scores = rng.standard_normal(60) + positive
    once = auc(scores, positive, np.arange(60))
    thrice = auc(np.repeat(scores, 3), np.repeat(positive, 3), np.repeat(np.arange(60), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-6)


def test_balanced_accuracy_interval_covers_at_the_stated_rate() -> None:
    """500 simulated sets of 120 lesions, two images each, three classes: 95 % ± what chance allows."""
    rng = np.random.default_rng(1)
    truth, covered = np.array([0.9, 0.6, 0.75]), 0
    for _ in range(500):
        lesion_class = rng.integers(0, 3, 120)
        lesion_hit = rng.random(120) < truth[lesion_class]
        groups = np.repeat(np.arange(120), 2)
        hit = np.where(rng.random(240) < 0.7, lesion_hit[groups], rng.random(240) < truth[lesion_class[groups]])
        trials = np.eye(3)[lesion_class[groups]]
        figure = mean_of_ratios(trials * hit[:, None], trials, groups, "")
        covered += figure.low <= truth.mean() <= figure.high
    assert 0.92 <= covered / 500 <= 0.98
