"""ROC and precision–recall curves of one class against the rest, with 95 % bands over resamples of the lesions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.ranking import Ranked
from evaluation.resampling import drawn_weights

GRID = np.linspace(0, 1, 101)
RESAMPLES = 500  # of a band, which needs fewer than an interval
Points = Callable[[Ranked, np.ndarray], tuple[np.ndarray, np.ndarray]]  # weights float (G, R) → x and y, float (K, R) each
OnGrid = Callable[[np.ndarray, np.ndarray], np.ndarray]  # one curve's x and y → y on GRID


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
    return _with_band(_rates, lambda wrong, found: np.interp(GRID, wrong, found), ranked, n_groups, resamples, seed)


def precision_recall_curve(ranked: Ranked, n_groups: int, resamples: int = RESAMPLES, seed: int = 0) -> Curve:
    """x: sensitivity, y: PPV where at least that sensitivity is first reached; the band is of PPV at a given sensitivity."""
    return _with_band(_precisions, _at_sensitivity, ranked, n_groups, resamples, seed)


def _with_band(points: Points, on_grid: OnGrid, ranked: Ranked, n_groups: int, resamples: int, seed: int) -> Curve:
    x, y = (values[:, 0] for values in points(ranked, np.ones((n_groups, 1))))
    drawn = []
    for weights in drawn_weights(n_groups, resamples, np.random.default_rng(seed)):
        xs, ys = points(ranked, weights)
        drawn += [on_grid(xs[:, k], ys[:, k]) for k in range(weights.shape[1])]
    known = [c for c in drawn if not np.isnan(c).any()] or [np.full(len(GRID), np.nan)]
    low, high = np.percentile(np.stack(known), [2.5, 97.5], axis=0)
    return Curve(x, y, GRID, low, high)


def _rates(ranked: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, wrong = ((side @ weights).cumsum(axis=0) for side in (ranked.positive, ranked.negative))
    with np.errstate(invalid="ignore", divide="ignore"):
        none = np.zeros((1, weights.shape[1]))
        return np.vstack([none, wrong / wrong[-1]]), np.vstack([none, found / found[-1]])


def _precisions(ranked: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, wrong = ((side @ weights).cumsum(axis=0) for side in (ranked.positive, ranked.negative))
    with np.errstate(invalid="ignore", divide="ignore"):
        return found / found[-1], np.where(found[-1] > 0, found / (found + wrong), np.nan)


def _at_sensitivity(found: np.ndarray, precision: np.ndarray) -> np.ndarray:
    at = np.searchsorted(found, np.maximum(GRID, 1e-12))  # something must be found
    return np.asarray(precision[np.minimum(at, len(found) - 1)])
