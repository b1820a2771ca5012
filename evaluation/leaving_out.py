"""Intervals of figures that are functions of how often each lesion counts, by leaving lesions out in turn: no chance, no resamples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Figure, undefined
from evaluation.resampling import Name, Statistic

JACKKNIFE = "jackknife by diagnosis, t"
MOST = 500  # parts in all; single lesions if there are no more
SINGLY = 30  # lesions of a diagnosis that are left out one by one whatever their number
TOGETHER = 250  # columns of weights at once, to bound memory


@dataclass(frozen=True)
class LeftOut:
    """value: of all lesions; without: figure → float (J,), without each part; stratum: int (J,), the parts' diagnosis;
    lesions: int (S,), how many have each diagnosis."""

    value: Mapping[Name, float]
    without: Mapping[Name, np.ndarray]
    stratum: np.ndarray
    lesions: np.ndarray


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


def difference_interval(left: LeftOut, name: Name, undefined_reason: str, unseen: float, reach: float) -> Figure:
    """A difference with its interval: t on the jackknife's standard error. unseen: added to the variance; reach: the largest difference
    there can be. Without an interval, and with the reason, where some lesion alone makes the figure defined, or none makes a difference."""
    value = left.value[name]
    if np.isnan(value):
        return undefined(undefined_reason)
    variance, degrees = spread(left, name)
    if np.isnan(variance):
        return Figure(value, reason="undefined without one of its lesions: no interval")
    if variance + unseen == 0:
        return Figure(value, reason="the same whichever lesion is left out: no interval")
    from scipy.stats import t

    half = float(t.ppf(0.975, degrees) * np.sqrt(variance + unseen))
    return Figure(value, max(-reach, value - half), min(reach, value + half), method=JACKKNIFE)


def spread(left: LeftOut, name: Name) -> tuple[float, float]:
    """Variance and its degrees of freedom (Satterthwaite 1946), NaN if the figure is undefined without some part.

    The jackknife within each diagnosis (of an AUC with one image a lesion it is DeLong 1988 exactly), and what the mixture of
    diagnoses adds, as if the study had not fixed how many lesions it takes of each.
    """
    total, uncertain = 0.0, 0.0
    for s in np.unique(left.stratum):
        without = left.without[name][left.stratum == s]
        parts, lesions = len(without), int(left.lesions[s])
        within = (parts - 1) / parts * float(((without - without.mean()) ** 2).sum())
        mixture = float((without.mean() - left.value[name]) * parts) ** 2 / lesions
        total += within + mixture
        uncertain += within**2 / max(parts - 1, 1) + mixture**2 / max(int(left.lesions.sum()) - 1, 1)
    return total, total**2 / uncertain if uncertain else float("inf")
