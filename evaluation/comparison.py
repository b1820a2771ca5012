"""Two sets of predictions for the same images: paired differences and McNemar's test."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluation.confusion import confusion
from evaluation.evaluate import ALL, USUAL, How, place_of, statistic_of
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_ALL
from evaluation.intervals import Figure
from evaluation.leaving_out import NOTHING, Unseen, difference_interval, leave_out
from evaluation.resampling import Name
from evaluation.rules import Rule, decide

FEW = 10  # lesions of a class, below which intervals of differences are not of 95 %


@dataclass(frozen=True)
class Comparison:
    """The second minus the first. differences: of all classes, by key, and of their means, by `macro` and key; per_class: class →
    figure → difference; matrix: int (C, C), the second's confusion matrix minus the first's; better, worse: images that only the
    second, or only the first, classifies correctly; p: of McNemar's test by lesion;
    rare: classes of fewer than ten lesions, with their number."""

    n_images: int
    n_groups: int
    differences: Mapping[str, Figure]
    per_class: Mapping[str, Mapping[str, Figure]]
    matrix: np.ndarray
    better: int
    worse: int
    p: float
    rare: Mapping[str, int] = field(default_factory=dict)


def caution(found: Comparison) -> str:
    """Where the intervals of differences are not of 95 %, or nothing."""
    if not found.rare:
        return ""
    named = ", ".join(f"{name} {n}" for name, n in found.rare.items())
    return (
        f"Fewer than {FEW} lesions ({named}): such a class's intervals, and those of the means over classes, are wider than they need be, "
        "and those of AUC, sensitivity > 80 %, too narrow."
    )


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
            key: difference_interval(left, (of, key), BY_KEY[key].undefined, unseen.get((of, key), NOTHING), 1 - BY_KEY[key].least)
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
        rare={name: n for k, name in enumerate(classes) if 0 < (n := _lesions(true == k, group)) < FEW},
    )


def _unseen(
    true: np.ndarray, scores: tuple[np.ndarray, np.ndarray], classes: Sequence[str], group: np.ndarray, rule: Rule
) -> dict[Name, Unseen]:
    """Of a share, the variance is at least that of one more lesion of n + 2, right for one classifier and wrong for the other (after
    Bonett & Price 2012, doi:10.3102/1076998611411915). To that of a ranking is added that of one more lesion on either side which
    passes the lesions on the other (`Measure.passes`); its degrees of freedom are at most those of a difference of two means."""
    is_true = true[:, None] == np.arange(len(classes))
    present = [int(k) for k in np.flatnonzero(is_true.any(axis=0))]
    shares: dict[Name, float] = defaultdict(float)
    for p in scores:
        decided, place = decide(rule, p, classes), place_of(true, p)
        for m in OF_ALL:
            if m.share_of_all:
                shares[ALL, m.key] += _one_more(m.share_of_all(is_true[:, present], place)[1], group) / 2
        for m in COMPARABLE:
            if m.share:
                of_class = {k: _one_more(m.share(is_true[:, k], decided[:, k])[1], group) / 2 for k in range(len(classes))}
                for k, value in of_class.items():
                    shares[classes[k], m.key] += value
                shares[MACRO, m.key] += sum(of_class[k] for k in present) / len(present) ** 2
    found = {name: Unseen(least=value) for name, value in shares.items()}
    sides = {k: [_lesions(is_true[:, k], group), _lesions(~is_true[:, k], group)] for k in present}
    added = {k: 2 * sum(1 / (n + 2) ** 2 for n in both) for k, both in sides.items()}
    for m in COMPARABLE:
        if m.passes:
            for k in present:
                found[classes[k], m.key] = Unseen(added=m.passes**2 * added[k], degrees=_degrees(sides[k]))
            mean = sum(added.values()) / len(present) ** 2
            found[MACRO, m.key] = Unseen(added=m.passes**2 * mean, degrees=_degrees([sides[k][0] for k in present]))
    return found


def _one_more(counted: np.ndarray, group: np.ndarray) -> float:
    """counted: bool (N,) which rows a share counts, or (N, K) of a mean of K shares."""
    columns = counted.reshape(len(counted), -1).T
    return sum(1 / (_lesions(rows, group) + 2) ** 2 for rows in columns) / len(columns) ** 2


def _degrees(of: Sequence[int]) -> float:
    """Degrees of freedom of a sum of means of so many lesions that vary alike (Satterthwaite 1946)."""
    n = np.maximum(np.array(of, float), 1)
    return float((1 / n).sum() ** 2 / (1 / (n**2 * np.maximum(n - 1, 1))).sum())


def _lesions(rows: np.ndarray, group: np.ndarray) -> int:
    return len(np.unique(group[rows]))


def mcnemar(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> float:
    """p of the two being correct equally often, bool (N,) each, by lesion (Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I).

    With one row per lesion it is McNemar 1947 without continuity correction. NaN where the two never differ.
    """
    from scipy.stats import chi2

    lead = np.bincount(groups, second.astype(float) - first.astype(float))
    spread = float((lead**2).sum())
    return float(chi2.sf(lead.sum() ** 2 / spread, 1)) if spread else float("nan")
