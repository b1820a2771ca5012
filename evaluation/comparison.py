"""Two sets of predictions for the same images: paired differences and McNemar's test."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.confusion import confusion
from evaluation.evaluate import ALL, USUAL, How, place_of, statistic_of
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_ALL
from evaluation.intervals import Figure
from evaluation.leaving_out import difference_interval, leave_out
from evaluation.resampling import Name
from evaluation.rules import Rule, decide


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

    Lesions are left out of both together, so one that is hard for both does not widen the interval of the difference.
    """
    if first.shape != second.shape or len(true) != len(first):
        raise ValueError(f"{len(true)} diagnoses, scores {first.shape} and {second.shape}")
    _, first_row, group = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    n_groups, c = len(first_row), len(classes)
    one, two = (statistic_of(true, p, group, classes, how) for p in (first, second))
    wanted = [(ALL, m.key) for m in OF_ALL] + [(who, m.key) for who in (MACRO, *classes) for m in COMPARABLE]

    def difference(weights: np.ndarray) -> dict[Name, np.ndarray]:
        a, b = one(weights), two(weights)
        return {name: b[name] - a[name] for name in wanted if name in a}

    left = leave_out(difference, true[first_row])
    unseen = {} if np.array_equal(first, second) else _unseen(true, (first, second), classes, group, how.rule)

    def differences(who: str) -> dict[str, Figure]:
        return {
            key: difference_interval(left, (of, key), BY_KEY[key].undefined, unseen.get((of, key), 0.0), 1 - BY_KEY[key].least)
            for of, key in left.value
            if of == who
        }

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


def _unseen(
    true: np.ndarray, scores: tuple[np.ndarray, np.ndarray], classes: Sequence[str], group: np.ndarray, rule: Rule
) -> dict[Name, float]:
    """What lesions that were not met add to the variance of a difference of shares: for either classifier, one more lesion right and
    one more wrong of n + 2 (as Bonett & Price 2012, doi:10.3102/1076998611411915, for paired proportions)."""
    is_true = true[:, None] == np.arange(len(classes))
    present = np.flatnonzero(is_true.any(axis=0))
    found: dict[Name, float] = defaultdict(float)
    for p in scores:
        decided, place = decide(rule, p, classes), place_of(true, p)
        for m in OF_ALL:
            if m.share_of_all:
                found[ALL, m.key] += _of_one(m.share_of_all(is_true[:, present], place)[1], group)
        for m in COMPARABLE:
            if not m.share:
                continue
            of_class = [_of_one(m.share(is_true[:, k], decided[:, k])[1], group) for k in range(len(classes))]
            for k, name in enumerate(classes):
                found[name, m.key] += of_class[k]
            found[MACRO, m.key] += sum(of_class[k] for k in present) / len(present) ** 2
    return found


def _of_one(counted: np.ndarray, group: np.ndarray) -> float:
    """counted: bool (N,) which rows a share counts, or (N, K) of a mean of K shares."""
    columns = counted.reshape(len(counted), -1).T
    return float(sum(1 / (len(np.unique(group[rows])) + 2) ** 2 for rows in columns)) / len(columns) ** 2


def mcnemar(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> float:
    """p of the two being correct equally often, bool (N,) each, by lesion (Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I).

    With one row per lesion it is McNemar 1947 without continuity correction. NaN where the two never differ.
    """
    from scipy.stats import chi2

    lead = np.bincount(groups, second.astype(float) - first.astype(float))
    spread = float((lead**2).sum())
    return float(chi2.sf(lead.sum() ** 2 / spread, 1)) if spread else float("nan")
