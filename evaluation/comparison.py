"""Two sets of predictions for the same images: paired differences, and where the two disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion
from evaluation.evaluate import ALL, BETA, statistic_of
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_ALL
from evaluation.intervals import Figure
from evaluation.resampling import BCA, RESAMPLES, Name, resample, with_interval
from evaluation.rules import ARGMAX, Rule


@dataclass(frozen=True)
class Comparison:
    """The second less the first. differences: of all classes, by key, and of their means, by `macro` and key; per_class: class →
    figure → difference; matrix: int (C, C), the second's confusion matrix less the first's; better, worse: images that only the
    second, or only the first, decides rightly; p: of their being as many, counted by lesion."""

    n_images: int
    n_groups: int
    differences: Mapping[str, Figure]
    per_class: Mapping[str, Mapping[str, Figure]]
    matrix: np.ndarray
    better: int
    worse: int
    p: float


def compare(
    true: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray,
    rule: Rule = ARGMAX,
    beta: float = BETA,
    resamples: int = RESAMPLES,
    seed: int = 0,
    interval: str = BCA,
) -> Comparison:
    """true int (N,) class indices; first, second float (N, C): probabilities of the same rows; groups (N,): lesion of each.

    Both are resampled together, so what makes a lesion hard for both does not widen the interval of the difference.
    """
    if first.shape != second.shape or len(true) != len(first):
        raise ValueError(f"{len(true)} diagnoses, scores {first.shape} and {second.shape}")
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups, c = int(group.max()) + 1, len(classes)
    one, two = (statistic_of(true, p, group, classes, rule, beta) for p in (first, second))
    wanted = [(ALL, m.key) for m in OF_ALL] + [(who, m.key) for who in (MACRO, *classes) for m in COMPARABLE]

    def less(weights: np.ndarray) -> dict[Name, np.ndarray]:
        a, b = one(weights), two(weights)
        return {name: b[name] - a[name] for name in wanted if name in a}

    drawn = resample(less, n_groups, resamples, seed)

    def differences(who: str) -> dict[str, Figure]:
        return {key: with_interval(drawn, (of, key), BY_KEY[key].undefined, interval) for of, key in drawn.value if of == who}

    a, b = first.argmax(axis=1) == true, second.argmax(axis=1) == true
    return Comparison(
        n_images=len(true),
        n_groups=n_groups,
        differences=differences(ALL) | {f"{MACRO} {key}": figure for key, figure in differences(MACRO).items()},
        per_class={who: differences(who) for who in classes},
        matrix=confusion(true, second.argmax(axis=1), c) - confusion(true, first.argmax(axis=1), c),
        better=int((b & ~a).sum()),
        worse=int((a & ~b).sum()),
        p=mcnemar(a, b, group),
    )


def mcnemar(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> float:
    """p of both being right equally often, bool (N,) each, by lesion (Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I).

    With one row a lesion it is McNemar 1947 without a correction. NaN where the two never differ.
    """
    from scipy.stats import chi2

    lead = np.bincount(groups, second.astype(float) - first.astype(float))
    spread = float((lead**2).sum())
    return float(chi2.sf(lead.sum() ** 2 / spread, 1)) if spread else float("nan")
