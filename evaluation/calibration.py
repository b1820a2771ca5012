"""Calibration: reliability curve, expected calibration error, Brier score, and recalibration fitted on other data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Figure, ratio

BINS = 10
SMALLEST = 1e-12  # probability, before its logarithm is taken
Correction = Callable[[np.ndarray], np.ndarray]
"""Probabilities float (N, C), rows that add up to 1 → the same, corrected."""


@dataclass(frozen=True)
class Bin:
    """Rows with similar scores: how many, their mean score, and the observed share of the class."""

    n: int
    score: float
    share: Figure


def reliability(scores: np.ndarray, positive: np.ndarray, groups: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Bins of about equal size, from the lowest score up; equal scores share a bin.

    scores float (N,) 0…1, positive bool (N,), groups int (N,): intervals count lesions.
    """
    return [
        Bin(len(r), float(scores[r].mean()), ratio(positive[r].astype(float), np.ones(len(r)), groups[r], "no images"))
        for r in _bins(scores, bins)
    ]


def calibration_error(scores: np.ndarray, positive: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass (Nixon 2019, arXiv:1904.01685): mean |share − score|, 0…1."""
    gaps = [len(rows) * abs(positive[rows].mean() - scores[rows].mean()) for rows in _bins(scores, bins)]
    return float(sum(gaps) / len(scores))


@dataclass(frozen=True)
class Brier:
    """score = reliability − resolution + uncertainty + within (Murphy 1973; Stephenson 2008, doi:10.1175/2007WAF2006116.1).

    within: variation inside the bins, 0 where all scores of a bin are equal.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier(scores: np.ndarray, positive: np.ndarray, bins: int = BINS) -> Brier:
    """Mean squared distance of score and truth (Brier 1950) of one class against the rest, and its parts."""
    truth, overall, n = positive.astype(float), float(positive.mean()), len(scores)
    parts = _bins(scores, bins)
    unreliable = sum(len(r) * (scores[r].mean() - truth[r].mean()) ** 2 for r in parts) / n
    resolved = sum(len(r) * (truth[r].mean() - overall) ** 2 for r in parts) / n
    score, uncertain = float(((scores - truth) ** 2).mean()), overall * (1 - overall)
    return Brier(score, float(unreliable), float(resolved), uncertain, float(score - (unreliable - resolved + uncertain)))


def temperature(probabilities: np.ndarray, true: np.ndarray) -> Correction:
    """Temperature scaling: one divisor for all logits, fitted by maximum likelihood (Guo 2017, arXiv:1706.04599).

    probabilities float (N, C), true int (N,).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import softmax

    logits = np.log(np.maximum(probabilities, SMALLEST))

    def unlikely(log_t: float) -> float:
        scaled = softmax(logits / np.exp(log_t), axis=1)
        return float(-np.log(np.maximum(scaled[np.arange(len(true)), true], SMALLEST)).mean())

    t = float(np.exp(minimize_scalar(unlikely, bounds=(-4, 4), method="bounded").x))
    return lambda p: np.asarray(softmax(np.log(np.maximum(p, SMALLEST)) / t, axis=1))


def isotonic(probabilities: np.ndarray, true: np.ndarray) -> Correction:
    """Isotonic regression per class (Zadrozny & Elkan 2002, doi:10.1145/775047.775151), rows normalised to sum to 1.

    A row in which every class becomes 0 keeps its scores.
    """
    from sklearn.isotonic import IsotonicRegression

    classes = range(probabilities.shape[1])
    steps = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probabilities[:, k], (true == k).astype(float)) for k in classes
    ]

    def correct(p: np.ndarray) -> np.ndarray:
        fitted = np.stack([steps[k].predict(p[:, k]) for k in classes], axis=1)
        total = fitted.sum(axis=1, keepdims=True)
        return np.where(total > 0, fitted / np.where(total > 0, total, 1), p)

    return correct


CORRECTIONS: dict[str, Callable[[np.ndarray, np.ndarray], Correction]] = {"temperature": temperature, "isotonic": isotonic}


def _bins(scores: np.ndarray, bins: int) -> list[np.ndarray]:
    """Rows of each bin; fewer bins where one score would fill several."""
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins, method="inverted_cdf"))
    place = np.searchsorted(edges, scores)
    return [rows for k in range(len(edges) + 1) if len(rows := np.flatnonzero(place == k))]
