"""Two sets of predictions for the same images: paired differences and McNemar's test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion
from evaluation.evaluate import ALL, USUAL, How, statistic_of
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_ALL
from evaluation.intervals import Figure
from evaluation.resampling import Name, resample, with_interval


@dataclass(frozen=True)
class Comparison:
    """The second minus the first. differences: of all classes, by key, and of their means, by `macro` and key; per_class: class →
    figure → difference; matrix: int (C, C), the second's confusion matrix minus the first's; better, worse: images that only the
    second, or only the first, classifies correctly; p: of McNemar's test by lesion."""

    n_images: int
    n_groups: int
    differences: Mapping[str, Figure]
    per_class: Mapping[str, Mapping[str, Figure]]
    matrix: np.ndarray
    better: int
    worse: int
    p: float


def compare(
    true: np.ndarray, first: np.ndarray, second: np.ndarray, classes: Sequence[str], groups: np.ndarray, how: How = USUAL
) -> Comparison:
    """true int (N,) class indices; first, second float (N, C): probabilities of the same rows; groups (N,): lesion of each.

    Both are resampled together, so a lesion that is hard for both does not widen the interval of the difference.
    """
    if first.shape != second.shape or len(true) != len(first):
        raise ValueError(f"{len(true)} diagnoses, scores {first.shape} and {second.shape}")
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups, c = int(group.max()) + 1, len(classes)
    one, two = (statistic_of(true, p, group, classes, how) for p in (first, second))
    wanted = [(ALL, m.key) for m in OF_ALL] + [(who, m.key) for who in (MACRO, *classes) for m in COMPARABLE]

    def difference(weights: np.ndarray) -> dict[Name, np.ndarray]:
        a, b = one(weights), two(weights)
        return {name: b[name] - a[name] for name in wanted if name in a}

    drawn = resample(difference, n_groups, how.resamples, how.seed)

    def differences(who: str) -> dict[str, Figure]:
        return {key: with_interval(drawn, (of, key), BY_KEY[key].undefined, how.interval) for of, key in drawn.value if of == who}

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
    """p of the two being correct equally often, bool (N,) each, by lesion (Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I).

    With one row per lesion it is McNemar 1947 without continuity correction. NaN where the two never differ.
    """
    from scipy.stats import chi2

    lead = np.bincount(groups, second.astype(float) - first.astype(float))
    spread = float((lead**2).sum())
    return float(chi2.sf(lead.sum() ** 2 / spread, 1)) if spread else float("nan")
