"""95 % intervals that count lesions, not images.

Images of one lesion are not independent, so an interval that treats them as independent is too narrow. Every interval here takes
the group (lesion, else patient, else image) of each row.
"""

from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054  # standard normal, 97.5 %
WILSON, STRATIFIED, OBUCHOWSKI = "Wilson, effective size", "stratified Wilson", "Obuchowski"


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval and the interval's method. NaN carries its reason.

    undefined_resamples: bootstrap resamples in which the figure was undefined, left out of the interval.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""
    method: str = ""
    undefined_resamples: int = 0

    @property
    def defined(self) -> bool:
        return not np.isnan(self.value)

    def __format__(self, spec: str) -> str:
        if not self.defined:
            return f"undefined ({self.reason})"
        spec = spec or ".3f"
        interval = "" if np.isnan(self.low) else f" [{self.low:{spec}}, {self.high:{spec}}]"
        return f"{self.value:{spec}}{interval}"

    def cell(self, form: str = ".2f") -> str:
        """As a table shows it: the value with its interval, – where it is undefined."""
        return f"{self:{form}}" if self.defined else "–"


def undefined(reason: str) -> Figure:
    return Figure(float("nan"), reason=reason)


def ratio(hits: np.ndarray, trials: np.ndarray, groups: np.ndarray, reason: str) -> Figure:
    """Σ hits / Σ trials with a Wilson interval on the effective number of trials.

    hits, trials: float (N,) a row; groups: int (N,). Undefined, with the reason given, without trials.
    """
    if not trials.any():
        return undefined(reason)
    value, effective, n_groups = _effective(hits, trials, groups)
    if n_groups < 2:
        return Figure(value, reason="fewer than two lesions: no interval")
    return Figure(value, *wilson(value, effective), method=WILSON)


def _effective(hits: np.ndarray, trials: np.ndarray, groups: np.ndarray) -> tuple[float, float, int]:
    """A ratio, the number of independent trials with the same variance, and the number of groups with trials.

    The variance is taken between groups (linearised; Rao & Scott 1992, doi:10.2307/2532311), the number capped at the real one (Korn &
    Graubard 1998).
    """
    total = float(trials.sum())
    value, used = float(hits.sum()) / total, trials > 0
    n_groups = len(np.unique(groups[used]))
    if n_groups < 2:
        return value, float("nan"), n_groups
    variance = clustered_error((hits - value * trials)[used], groups[used]) ** 2 / total**2
    return value, min(value * (1 - value) / variance, total) if variance > 0 else min(total, n_groups), n_groups


def mean(values: np.ndarray, groups: np.ndarray, reason: str) -> Figure:
    """Mean of N values with a t interval on the variance between groups (Cameron & Miller 2015, doi:10.3368/jhr.50.2.317).

    values float (N,), groups int (N,). Undefined, with the reason given, without values.
    """
    if len(values) == 0:
        return undefined(reason)
    value = float(values.mean())
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        return Figure(value, reason="fewer than two lesions: no interval")
    from scipy.stats import t

    half = float(t.ppf(0.975, n_groups - 1) * clustered_error(values - value, groups) / len(values))
    return Figure(value, value - half, value + half)


def clustered_error(terms: np.ndarray, groups: np.ndarray) -> float:
    """Standard error of the sum of terms float (N,) that are independent between groups (N,) only; NaN for a single group."""
    group = np.unique(groups, return_inverse=True)[1]
    n = int(group.max()) + 1
    return float(np.sqrt(n / (n - 1) * (np.bincount(group, terms) ** 2).sum())) if n > 1 else float("nan")


def wilson(value: float, n: float, z: float = Z) -> tuple[float, float]:
    """Score interval of a proportion of n trials (Wilson 1927), 95 % unless z is another quantile of the standard normal."""
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def mean_of_ratios(hits: np.ndarray, trials: np.ndarray, groups: np.ndarray, reason: str) -> Figure:
    """Mean over K columns of Σ hits / Σ trials; balanced accuracy has a column a class.

    hits, trials: float (N, K). Stratified Wilson (Yan & Su 2010, doi:10.1198/sbr.2009.0049): the mean of the columns' intervals at a
    level so much lower that it has 95 %, with t for the normal quantile (degrees of freedom: Satterthwaite 1946, from the lesions of
    each column). Columns count as independent: a lesion has one diagnosis. Undefined if a column has no trials.
    """
    if not trials.size or not trials.any(axis=0).all():
        return undefined(reason)
    columns = [_effective(hits[:, k], trials[:, k], groups) for k in range(hits.shape[1])]
    value = float(np.mean([c[0] for c in columns]))
    lesions = np.array([c[2] for c in columns])
    if lesions.min() < 2:
        return Figure(value, reason="a class with fewer than two lesions: no interval")
    from scipy.stats import t

    z = Z
    for _ in range(3):  # the spread of each column is read off its interval, which narrows as z does: twice is enough
        low, high = np.array([wilson(p, n, z) for p, n, _ in columns]).T
        variance = ((high - low) / (2 * z)) ** 2
        degrees = variance.sum() ** 2 / (variance**2 / (lesions - 1)).sum()
        z = float(t.ppf(0.975, degrees) * np.sqrt(variance.sum()) / np.sqrt(variance).sum())
    return Figure(value, float(low.mean()), float(high.mean()), method=STRATIFIED)


def on_logit_scale(value: float, spread: float) -> tuple[float, float]:
    """95 % interval of a share in (0, 1) with a standard error, symmetric on the logit scale."""
    logit, step = np.log(value / (1 - value)), Z * spread / (value * (1 - value))
    return float(1 / (1 + np.exp(-(logit - step)))), float(1 / (1 + np.exp(-(logit + step))))


def auc(scores: np.ndarray, positive: np.ndarray, groups: np.ndarray) -> Figure:
    """Area under the ROC curve, ties counted half, with Obuchowski's interval for clustered data.

    scores float (N,), positive bool (N,), groups int (N,) (Obuchowski 1997, doi:10.2307/2533958; with
    one row a group it is DeLong 1988). Undefined if either side is empty.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return undefined(f"no {'images of' if m == 0 else 'images outside'} this class")
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    over = np.empty(len(scores))  # for each row, the share of the other side it stands on the right side of
    over[positive] = (ranks[positive] - rankdata(scores[positive])) / n
    over[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / m
    value = float(over[positive].mean())
    size = int(groups.max()) + 1
    a = np.bincount(groups, np.where(positive, over - value, 0), size)
    b = np.bincount(groups, np.where(positive, 0, over - value), size)
    n_pos, n_neg, n_all = (len(np.unique(g)) for g in (groups[positive], groups[~positive], groups))
    if n_pos < 2 or n_neg < 2:
        return Figure(value, reason="fewer than two lesions in one class: no interval")
    variance = (
        n_pos / (n_pos - 1) * (a**2).sum() / m**2
        + n_neg / (n_neg - 1) * (b**2).sum() / n**2
        + 2 * n_all / (n_all - 1) * (a * b).sum() / (m * n)
    )
    if variance <= 0 or not 0 < value < 1:  # perfect separation: as if the smaller side were trials of one share
        return Figure(value, *wilson(value, min(n_pos, n_neg)), method=WILSON)
    return Figure(value, *on_logit_scale(value, float(np.sqrt(variance))), method=OBUCHOWSKI)
