"""ROC and precision–recall curves of one class against the rest, with 95 % bands over resamples of the lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.ranking import Ranked
from evaluation.resampling import drawn_weights

GRID = np.linspace(0, 1, 101)
RESAMPLES = 500  # of a band, which needs fewer than an interval


@dataclass(frozen=True)
class Curve:
    """x, y float (K,): the curve; grid, low, high float (M,): the band around y at each place, NaN where it is undefined."""

    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    low: np.ndarray
    high: np.ndarray


def roc_curve(ranked: Ranked, n_groups: int, resamples: int = RESAMPLES, seed: int = 0) -> Curve:
    """x: 1 − specificity, y: sensitivity, from (0, 0) to (1, 1); the band is of sensitivity at a given specificity."""
    x, y = _rates(ranked, np.ones((n_groups, 1)))
    columns = []
    for weights in drawn_weights(n_groups, resamples, np.random.default_rng(seed)):
        wrong, found = _rates(ranked, weights)
        columns += [np.interp(GRID, wrong[:, k], found[:, k]) for k in range(weights.shape[1])]
    return _banded(x[:, 0], y[:, 0], columns)


def precision_recall_curve(ranked: Ranked, n_groups: int, resamples: int = RESAMPLES, seed: int = 0) -> Curve:
    """x: sensitivity, y: PPV where so much or more is first found; the band is of PPV at a given sensitivity."""
    x, y = _precisions(ranked, np.ones((n_groups, 1)))
    columns = []
    for weights in drawn_weights(n_groups, resamples, np.random.default_rng(seed)):
        found, precision = _precisions(ranked, weights)
        for k in range(weights.shape[1]):
            at = np.searchsorted(found[:, k], np.maximum(GRID, 1e-12))  # something must be found
            columns.append(precision[np.minimum(at, len(found) - 1), k])
    return _banded(x[:, 0], y[:, 0], columns)


def _rates(ranked: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, wrong = ((side @ weights).cumsum(axis=0) for side in (ranked.positive, ranked.negative))
    with np.errstate(invalid="ignore", divide="ignore"):
        none = np.zeros((1, weights.shape[1]))
        return np.vstack([none, wrong / wrong[-1]]), np.vstack([none, found / found[-1]])


def _precisions(ranked: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, wrong = ((side @ weights).cumsum(axis=0) for side in (ranked.positive, ranked.negative))
    with np.errstate(invalid="ignore", divide="ignore"):
        return found / found[-1], np.where(found[-1] > 0, found / (found + wrong), np.nan)


def _banded(x: np.ndarray, y: np.ndarray, columns: list[np.ndarray]) -> Curve:
    known = [c for c in columns if not np.isnan(c).any()]
    if not known:
        return Curve(x, y, GRID, np.full(len(GRID), np.nan), np.full(len(GRID), np.nan))
    low, high = np.percentile(np.stack(known), [2.5, 97.5], axis=0)
    return Curve(x, y, GRID, low, high)
