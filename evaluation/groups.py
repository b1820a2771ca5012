"""Figures of one class by subgroup, each against all other images, with the gap and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.evaluate import BETA
from evaluation.figures import BY_KEY
from evaluation.intervals import Figure, ratio, undefined
from evaluation.ranking import rank
from evaluation.resampling import Name, resample, with_interval
from evaluation.tallies import OneClass

FEW = 10  # lesions with the class, or without, below which a group is too small to be judged
RESAMPLES = 1000


@dataclass(frozen=True)
class GroupFigure:
    """One group. with_class: images of the class; gap: the group's figure minus that of all others; small: why the group is too
    small to be judged, or empty; p: NaN if it or the rest is; q: p adjusted over all that is asked at once."""

    group: str
    images: int
    lesions: int
    with_class: int
    figure: Figure
    rest: Figure
    gap: Figure
    p: float
    small: str
    q: float = float("nan")


def by_group(
    scores: np.ndarray,
    positive: np.ndarray,
    decided: np.ndarray,
    lesions: np.ndarray,
    values: Sequence[str | None],
    figure: str,
    beta: float = BETA,
    seed: int = 0,
) -> list[GroupFigure]:
    """scores float (N,) of the class; positive, decided bool (N,); lesions (N,) any values; values: the group of each row, None where it is
    not known: such rows are left out. figure: the key of one of COMPARABLE. q is left to `multiple.corrected_together`."""
    group = np.unique(lesions, return_inverse=True)[1]
    value = np.array([v if isinstance(v, str) else "" for v in values], object)
    known = value != ""
    rows = []
    for level in sorted(set(value[known])):
        inside = value == level
        own, rest = (figure_of(scores[at], positive[at], decided[at], group[at], figure, beta, seed) for at in (inside, known & ~inside))
        inner, outer = _lesions(inside, positive, group), _lesions(known & ~inside, positive, group)
        gap, p = difference(own, rest, max(min(*inner, *outer) - 1, 1))
        lesions_inside, with_class = len(np.unique(group[inside])), int((inside & positive).sum())
        small = _small(*inner)
        if small or _small(*outer):
            p = float("nan")
        rows.append(GroupFigure(level, int(inside.sum()), lesions_inside, with_class, own, rest, gap, p, small))
    return rows


def figure_of(
    scores: np.ndarray, positive: np.ndarray, decided: np.ndarray, groups: np.ndarray, figure: str, beta: float = BETA, seed: int = 0
) -> Figure:
    """One figure of one class with its interval: Wilson's for shares, Obuchowski's for the AUC, else BCa over the lesions."""
    if not len(scores):
        return undefined("no images")
    group = np.unique(groups, return_inverse=True)[1]
    measure, name, n = BY_KEY[figure], ("", figure), int(group.max()) + 1
    if measure.share:
        hits, counted = measure.share(positive, decided)
        return ratio(hits.astype(float), counted.astype(float), group, measure.undefined)
    if measure.interval:
        return measure.interval(scores, positive, group)
    sides = (positive & decided, ~positive & decided, positive & ~decided, ~positive & ~decided)
    counts = np.stack([np.bincount(group, side, n) for side in sides])
    ranked = rank(scores, positive, group, n)

    def statistic(weights: np.ndarray) -> dict[Name, np.ndarray]:
        tp, fp, fn, tn = counts @ weights
        values = measure.one_class(OneClass(tp, fp, fn, tn, ranked, weights, beta)) if measure.one_class else None
        if values is None:
            raise ValueError(f"{figure} is not a figure of one class")
        return {name: values}

    return with_interval(resample(statistic, n, RESAMPLES, seed), name, measure.undefined)


def difference(one: Figure, other: Figure, degrees: float = np.inf) -> tuple[Figure, float]:
    """One minus the other, with the interval recovered from both (MOVER, Zou & Donner 2008, doi:10.1002/sim.3095), and p.

    The two are treated as independent; where lesions have images on both sides the interval is, if anything, too wide.
    p is the level at which the interval would just touch 0, its width growing as t with these degrees of freedom does: few lesions
    have longer tails than the normal.
    """
    if not (one.defined and other.defined):
        return undefined(one.reason or other.reason), float("nan")
    gap = one.value - other.value
    if np.isnan(one.low) or np.isnan(other.low):
        return Figure(gap, reason="too few lesions for an interval"), float("nan")
    low = gap - np.hypot(one.value - one.low, other.high - other.value)
    high = gap + np.hypot(one.high - one.value, other.value - other.low)
    towards_none = gap - low if gap > 0 else high - gap
    from scipy.stats import t

    quantile = t.ppf(0.975, degrees)
    p = 1.0 if gap == 0 else float(2 * t.sf(abs(gap) / towards_none * quantile, degrees)) if towards_none > 0 else 0.0
    return Figure(gap, float(low), float(high)), p


def _lesions(inside: np.ndarray, positive: np.ndarray, group: np.ndarray) -> tuple[int, int]:
    """How many lesions have the class, and how many do not."""
    return len(np.unique(group[inside & positive])), len(np.unique(group[inside & ~positive]))


def _small(with_it: int, without: int) -> str:
    if with_it < FEW:
        return f"lesions of the class: {with_it}"
    return f"other lesions: {without}" if without < FEW else ""
