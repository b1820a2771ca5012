"""Counts from which figures are computed: of one class against the rest, and of the whole confusion matrix.

Counts are float arrays whose last axis is the weightings of the lesions, so that one formula serves the original data and thousands of
resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluation.ranking import Ranked, ranking_figures


@dataclass(frozen=True)
class Tally:
    """True and false positives and negatives of one class; float arrays of one shape."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray


def sensitivity(t: Tally) -> np.ndarray:
    return over(t.tp, t.tp + t.fn)


def specificity(t: Tally) -> np.ndarray:
    return over(t.tn, t.tn + t.fp)


def f_beta(t: Tally, beta: float) -> np.ndarray:
    """Harmonic mean in which sensitivity weighs beta times as much as PPV (van Rijsbergen 1979)."""
    return over((1 + beta**2) * t.tp, (1 + beta**2) * t.tp + beta**2 * t.fn + t.fp)


@dataclass(frozen=True)
class OneClass(Tally):
    """One class against the rest under R weightings. ranked, weights: its scores, and float (G, R) how often each lesion counts;
    beta: of F-β; prevalence: one set for the class."""

    ranked: Ranked
    weights: np.ndarray
    beta: float
    prevalence: float | None = None

    @cached_property
    def areas(self) -> Mapping[str, np.ndarray]:
        """The figures of the ranking, which share their sums."""
        return ranking_figures(self.ranked, self.weights)


@dataclass(frozen=True)
class AllClasses:
    """Predictions by the highest score. matrix: float (R, C, C), diagnoses in rows; present: indices of the classes that occur;
    places: float (C, R), images whose diagnosis has the highest score, the second highest, …"""

    matrix: np.ndarray
    present: Sequence[int]
    places: np.ndarray

    @cached_property
    def total(self) -> np.ndarray:
        return np.asarray(self.matrix.sum(axis=(-2, -1)))

    @cached_property
    def diagnosed(self) -> np.ndarray:
        """float (R, C)."""
        return np.asarray(self.matrix.sum(axis=-1))

    @cached_property
    def decided(self) -> np.ndarray:
        """float (R, C)."""
        return np.asarray(self.matrix.sum(axis=-2))

    @cached_property
    def hits(self) -> np.ndarray:
        """float (R, C): correct predictions of each class."""
        return np.diagonal(self.matrix, axis1=-2, axis2=-1)

    @cached_property
    def beyond_chance(self) -> np.ndarray:
        """total² times the share of correct predictions beyond chance."""
        return np.asarray(self.hits.sum(axis=-1) * self.total - self.by_chance)

    @cached_property
    def by_chance(self) -> np.ndarray:
        """total² times the share of correct predictions if they were independent of the diagnoses."""
        return np.asarray((self.diagnosed * self.decided).sum(axis=-1))


def over(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """one / other, NaN where other is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(other) == 0, np.nan, np.divide(one, other))
