"""Intervals of figures that are functions of how often each lesion counts, by leaving lesions out in turn: no chance, no resamples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Figure, undefined
from evaluation.resampling import Name, Statistic

JACKKNIFE = "jackknife by diagnosis, t"
MOST = 500  # parts in all; single lesions if there are no more
SINGLY = 30  # lesions of a diagnosis that are left out one by one whatever their number
MANY = 1e6  # degrees of freedom that are as good as infinite
TOGETHER = 250  # columns of weights at once, to bound memory


@dataclass(frozen=True)
class LeftOut:
    """value: of all lesions; without: figure → float (J,), without each part; stratum: int (J,), the parts' diagnosis, ascending;
    lesions: int (S,), how many have each diagnosis."""

    value: Mapping[Name, float]
    without: Mapping[Name, np.ndarray]
    stratum: np.ndarray
    lesions: np.ndarray


@dataclass(frozen=True)
class Unseen:
    """What lesions that were not met may do to a figure, where those that were hardly vary by chance: least: of the variance;
    added: to it; degrees: of freedom, at most."""

    least: float = 0.0
    added: float = 0.0
    degrees: float = float("inf")


NOTHING = Unseen()


def leave_out(statistic: Statistic, strata: np.ndarray) -> LeftOut:
    """strata: int (G,), the diagnosis of each lesion, from 0. A part holds lesions of one diagnosis, a single one where there are few."""
    g, lesions, parts = len(strata), np.bincount(strata), []
    for s in np.flatnonzero(lesions):
        parts += np.array_split(np.flatnonzero(strata == s), min(lesions[s], max(SINGLY, MOST * lesions[s] // g)))
    found = []
    for start in range(0, len(parts), TOGETHER):
        these = parts[start : start + TOGETHER]
        weights = np.ones((g, len(these)))
        weights[np.concatenate(these), np.repeat(np.arange(len(these)), [len(p) for p in these])] = 0
        found.append(statistic(weights))
    value = {name: float(v[0]) for name, v in statistic(np.ones((g, 1))).items()}
    without = {name: np.concatenate([f[name] for f in found]) for name in value}
    return LeftOut(value, without, np.array([strata[p[0]] for p in parts]), lesions)


def difference_interval(left: LeftOut, name: Name, undefined_reason: str, unseen: Unseen, reach: float) -> Figure:
    """A difference with its interval: t on the jackknife's standard error. reach: the largest difference there can be. Without an
    interval, and with the reason, where some lesion alone makes the figure defined, or none makes a difference."""
    value = left.value[name]
    if np.isnan(value):
        return undefined(undefined_reason)
    variance, degrees = spread(left, name)
    if np.isnan(variance):
        return Figure(value, reason="undefined without one of its lesions: no interval")
    variance = max(variance, unseen.least) + unseen.added
    if variance == 0:
        return Figure(value, reason="the same whichever lesion is left out: no interval")
    from scipy.special import stdtrit

    half = float(stdtrit(min(degrees, unseen.degrees, MANY), 0.975) * np.sqrt(variance))
    return Figure(value, max(-reach, value - half), min(reach, value + half), method=JACKKNIFE)


def spread(left: LeftOut, name: Name) -> tuple[float, float]:
    """Variance and its degrees of freedom (Satterthwaite 1946), NaN if the figure is undefined without some part.

    The jackknife within each diagnosis (of an AUC with one image a lesion it is DeLong 1988 exactly), and what the mixture of
    diagnoses adds, as if the study had not fixed how many lesions it takes of each.
    """
    _, starts, parts = np.unique(left.stratum, return_index=True, return_counts=True)
    lesions = left.lesions[left.lesions > 0]
    change = left.without[name] - left.value[name]
    of_stratum = np.add.reduceat(change, starts)
    within = (parts - 1) / parts * np.maximum(np.add.reduceat(change**2, starts) - of_stratum**2 / parts, 0)
    mixture = of_stratum**2 / lesions
    variance = float((within + mixture).sum())
    uncertain = float((within**2 / np.maximum(parts - 1, 1)).sum() + (mixture**2).sum() / max(int(lesions.sum()) - 1, 1))
    return variance, variance**2 / uncertain if uncertain else float("inf")
