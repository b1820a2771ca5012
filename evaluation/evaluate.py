"""`Evaluation`: how well scores agree with diagnoses, overall and class by class, under a decision rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion
from evaluation.intervals import Figure, auc, mean_of_ratios, ratio, undefined

ARGMAX = "argmax: the class with the highest score"


@dataclass(frozen=True)
class ClassFigures:
    """One class against all others. Every figure has a 95 % interval clustered by lesion."""

    name: str
    support: int
    sensitivity: Figure
    specificity: Figure
    ppv: Figure
    npv: Figure
    f1: Figure
    auc: Figure


@dataclass(frozen=True)
class Evaluation:
    """matrix: int (C, C), diagnoses in rows, decisions in columns. Baseline: accuracy of always
    deciding for the commonest diagnosis."""

    classes: tuple[str, ...]
    decision_rule: str
    n_images: int
    n_groups: int
    matrix: np.ndarray
    accuracy: Figure
    majority_baseline: float
    majority_class: str
    balanced_accuracy: Figure
    averages: dict[str, dict[str, float]]  # macro and weighted by support: ppv, sensitivity, f1
    per_class: tuple[ClassFigures, ...]


def evaluate(true: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], groups: np.ndarray) -> Evaluation:
    """true: int (N,) class indices; probabilities: float (N, C); groups: (N,) lesion of each row, any values.

    The decision is the class with the highest score, the first of several equal ones. Macro figures are
    means over the classes that occur in `true`. Raises ValueError for no rows, NaN scores or bad shapes.
    """
    n, c = probabilities.shape
    if n == 0 or len(true) != n or len(groups) != n or len(classes) != c:
        raise ValueError(f"{len(true)} diagnoses, {len(groups)} groups, scores {probabilities.shape}, {len(classes)} classes")
    if np.isnan(probabilities).any():
        raise ValueError("a score is NaN; leave such rows out and say how many")
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    decided = probabilities.argmax(axis=1)
    is_true = true[:, None] == np.arange(c)
    is_decided = decided[:, None] == np.arange(c)
    per_class = tuple(
        _class_figures(name, is_true[:, k], is_decided[:, k], probabilities[:, k], group) for k, name in enumerate(classes)
    )
    present = [k for k in range(c) if is_true[:, k].any()]
    correct = true == decided
    counts = is_true.sum(0)
    return Evaluation(
        classes=tuple(classes),
        decision_rule=ARGMAX,
        n_images=n,
        n_groups=int(group.max()) + 1,
        matrix=confusion(true, decided, c),
        accuracy=ratio(correct.astype(float), np.ones(n), group, "no images"),
        majority_baseline=float(counts.max() / n),
        majority_class=classes[int(counts.argmax())],
        balanced_accuracy=mean_of_ratios(
            (is_true & is_decided)[:, present].astype(float), is_true[:, present].astype(float), group, "no images"
        ),
        averages=_averages([per_class[k] for k in present]),
        per_class=per_class,
    )


def _averages(figures: Sequence[ClassFigures]) -> dict[str, dict[str, float]]:
    """NaN where a class that occurs has an undefined figure (PPV of a class never decided for)."""
    support = np.array([f.support for f in figures], float)
    values = {name: np.array([getattr(f, name).value for f in figures]) for name in ("ppv", "sensitivity", "f1")}
    return {
        "macro": {name: float(v.mean()) for name, v in values.items()},
        "weighted": {name: float((v * support).sum() / support.sum()) for name, v in values.items()},
    }


def _class_figures(name: str, true: np.ndarray, decided: np.ndarray, scores: np.ndarray, group: np.ndarray) -> ClassFigures:
    def share(hits: np.ndarray, trials: np.ndarray, reason: str) -> Figure:
        return ratio(hits.astype(float), trials.astype(float), group, reason)

    support = int(true.sum())
    both = true & decided
    f1 = ratio(2.0 * both, true.astype(float) + decided, group, "") if support else undefined("no images of this class")
    return ClassFigures(
        name=name,
        support=support,
        sensitivity=share(both, true, "no images of this class"),
        specificity=share(~true & ~decided, ~true, "only images of this class"),
        ppv=share(both, decided, "never decided for this class"),
        npv=share(~true & ~decided, ~decided, "always decided for this class"),
        f1=f1,
        auc=auc(scores, true, group),
    )
