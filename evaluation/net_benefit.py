"""Decision curve analysis: net benefit of the score against treating all or none (Vickers & Elkin 2006, doi:10.1177/0272989X06295361)."""

import numpy as np

from evaluation.thresholds import operating_points

THRESHOLDS = np.linspace(0.01, 0.99, 99)


def net_benefit(scores: np.ndarray, positive: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """(True positives − odds of the threshold × false positives) / N: float (T,). scores 0…1; treating none gives 0."""
    points = operating_points(scores, positive)
    at = [points.index(t) for t in thresholds]
    odds = thresholds / (1 - thresholds)
    return np.asarray((points.tally.tp[at] - odds * points.tally.fp[at]) / len(scores))


def better_ranges(curve: np.ndarray, others: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> list[tuple[float, float]]:
    """First and last threshold of every unbroken range at which a curve lies above the others (…, T), by more than rounding."""
    better = curve > np.max(others, axis=0) + 1e-9
    steps = np.diff(np.concatenate([[0], better.astype(int), [0]]))
    return [(float(thresholds[a]), float(thresholds[b - 1])) for a, b in zip(*(np.flatnonzero(steps == s) for s in (1, -1)), strict=True)]


def treat_all(positive: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Net benefit of treating all: float (T,)."""
    share = float(positive.mean())
    return np.asarray(share - (1 - share) * thresholds / (1 - thresholds))
