"""Decision rules: which classes are predicted, given the scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """thresholds: score from which a class is predicted, each class separately; None: the highest score."""

    name: str
    thresholds: Mapping[str, float] | float | None = None


ARGMAX = Rule("argmax: the class with the highest score")
ABOVE_HALF = float(np.nextafter(0.5, 1))
HALF = Rule("p > 0.5, each class by itself", ABOVE_HALF)
RULES = {"argmax": ARGMAX, "half": HALF}


def decide(rule: Rule, probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """bool (N, C). By argmax one class per image, the first of equal ones; by thresholds none, one or several, above 0.5 for a class
    without a threshold."""
    if rule.thresholds is None:
        return np.asarray(probabilities.argmax(axis=1)[:, None] == np.arange(probabilities.shape[1]))
    given = rule.thresholds
    least = [given.get(c, ABOVE_HALF) for c in classes] if isinstance(given, Mapping) else [given] * len(classes)
    return np.asarray(probabilities >= np.array(least))
