"""Operating points of one class against the rest, and ways to choose a threshold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.tallies import Tally, f_beta, sensitivity, specificity


@dataclass(frozen=True)
class Points:
    """thresholds float (K,), descending: scores from which an image is positive; the first is above every score. tally: counts at each."""

    thresholds: np.ndarray
    tally: Tally

    def index(self, threshold: float) -> int:
        """The index of the point equivalent to this threshold."""
        return int(np.flatnonzero(self.thresholds >= threshold)[-1])


def operating_points(scores: np.ndarray, positive: np.ndarray) -> Points:
    """scores float (N,), positive bool (N,). Raises ValueError without rows."""
    if len(scores) == 0:
        raise ValueError("no scores")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    tp = np.append(0, np.cumsum(positive[order])[ends]).astype(float)
    fp = np.append(0, np.cumsum(~positive[order])[ends]).astype(float)
    thresholds = np.append(np.inf, scores[order][ends])
    return Points(thresholds, Tally(tp, fp, tp[-1] - tp, fp[-1] - fp))


def by_sensitivity(points: Points, least: float) -> int:
    """The highest threshold that finds at least this share of the class."""
    return int(np.argmax(sensitivity(points.tally) >= least))


def by_youden(points: Points, _: float = 0) -> int:
    """Greatest sensitivity + specificity (Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3)."""
    return int(np.argmax(sensitivity(points.tally) + specificity(points.tally)))


def by_cost(points: Points, ratio: float) -> int:
    """Least cost at this prevalence, where a false negative costs `ratio` times a false positive (Metz 1978)."""
    return int(np.argmin(ratio * points.tally.fn + points.tally.fp))


def by_f_beta(points: Points, beta: float) -> int:
    """Greatest F-β."""
    return int(np.nanargmax(f_beta(points.tally, beta)))


@dataclass(frozen=True)
class Way:
    """How a threshold is chosen: the function, and the name, default and range of its parameter."""

    choose: Callable[[Points, float], int]
    asks: str = ""
    usual: float = 0.0
    low: float = 0.0
    high: float = 1.0


WAYS: dict[str, Way] = {
    "a sensitivity of at least": Way(by_sensitivity, "sensitivity", 0.95, 0.01, 1.0),
    "the greatest sum of sensitivity and specificity (Youden)": Way(by_youden),
    "the least cost": Way(by_cost, "cost of a false negative, in false positives", 10.0, 0.01, 10_000.0),
    "the greatest F-β": Way(by_f_beta, "β", 2.0, 0.1, 10.0),
}
