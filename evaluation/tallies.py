"""Figures that follow from counts: of one class against the rest, and of the whole confusion matrix.

Counts may be of any shape, so that one line serves the data as they are and thousands of resamples. 0/0 is NaN; why, says REASONS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tally:
    """True and false positives and negatives of one class; float arrays of one shape."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray


def f_beta(t: Tally, beta: float) -> np.ndarray:
    """Harmonic mean in which sensitivity weighs beta times as much as PPV (van Rijsbergen 1979)."""
    return over((1 + beta**2) * t.tp, (1 + beta**2) * t.tp + beta**2 * t.fn + t.fp)


BINARY: dict[str, Callable[[Tally], np.ndarray]] = {
    "accuracy": lambda t: over(t.tp + t.tn, t.tp + t.fp + t.fn + t.tn),
    "sensitivity": lambda t: over(t.tp, t.tp + t.fn),
    "specificity": lambda t: over(t.tn, t.tn + t.fp),
    "ppv": lambda t: over(t.tp, t.tp + t.fp),
    "npv": lambda t: over(t.tn, t.tn + t.fn),
    "f1": lambda t: f_beta(t, 1),
    "prevalence": lambda t: over(t.tp + t.fn, t.tp + t.fp + t.fn + t.tn),
}
SHARES: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "accuracy": lambda true, decided: (true == decided, np.ones_like(true)),
    "sensitivity": lambda true, decided: (true & decided, true),
    "specificity": lambda true, decided: (~true & ~decided, ~true),
    "ppv": lambda true, decided: (true & decided, decided),
    "npv": lambda true, decided: (~true & ~decided, ~decided),
    "prevalence": lambda true, _: (true, np.ones_like(true)),
}
"""Figures that are shares: bool (N,) which rows are hits, and which are counted, of truth and decision bool (N,)."""
REASONS = {
    "accuracy": "no images",
    "sensitivity": "no images of this class",
    "specificity": "only images of this class",
    "ppv": "never decided for this class",
    "npv": "always decided for this class",
    "f1": "no images of this class and never decided for it",
    "f_beta": "no images of this class and never decided for it",
    "prevalence": "no images",
    "auc": "only one side has images",
    "auc_sens_80": "only one side has images",
    "average_precision": "no images of this class",
    "ppv_at_prevalence": "sensitivity or specificity is undefined, or nobody would be decided for this class",
    "npv_at_prevalence": "sensitivity or specificity is undefined, or everybody would be decided for this class",
    "balanced_accuracy": "no images",
    "kappa": "diagnoses and decisions are all of one class",
    "mcc": "diagnoses or decisions are all of one class",
}


def at_prevalence(sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float) -> tuple[np.ndarray, np.ndarray]:
    """PPV and NPV where this share of people has the disease (Bayes); sensitivity and specificity are taken to stay."""
    hit, alarm = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    clear, missed = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return over(hit, hit + alarm), over(clear, clear + missed)


def overall(matrix: np.ndarray, present: Sequence[int]) -> dict[str, np.ndarray]:
    """matrix float (…, C, C), diagnoses in rows; present: indices of the classes that occur in the data.

    balanced_accuracy: mean sensitivity of those classes. kappa: Cohen 1960. mcc: Matthews' coefficient for several classes
    (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006).
    """
    total = matrix.sum(axis=(-2, -1))
    diagnosed, decided = matrix.sum(axis=-1), matrix.sum(axis=-2)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    right = hits.sum(axis=-1)
    by_chance = (diagnosed * decided).sum(axis=-1)
    spread = (total**2 - (diagnosed**2).sum(axis=-1)) * (total**2 - (decided**2).sum(axis=-1))
    return {
        "accuracy": over(right, total),
        "balanced_accuracy": over(hits, diagnosed)[..., present].mean(axis=-1),
        "kappa": over(right * total - by_chance, total**2 - by_chance),
        "mcc": over(right * total - by_chance, np.sqrt(spread)),
    }


def over(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """one / other, NaN where other is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.asarray(other) == 0, np.nan, np.divide(one, other))
