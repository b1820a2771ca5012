"""The cluster bootstrap over lesions: replicates of any figure that is a function of how often each lesion counts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.intervals import Figure, undefined

BCA = "bca"
RESAMPLES = 2000
TOGETHER = 250  # columns of weights at once, to bound memory
PARTS = 500  # of the lesions left out in turn; single lesions if there are no more
FEWEST = 0.5  # share of the resamples in which a figure must be defined for an interval

Name = tuple[str, str]  # whose figure, and which
Statistic = Callable[[np.ndarray], Mapping[Name, np.ndarray]]
"""Weights float (G, R), how often each of G lesions counts in each of R resamples → float (R,) a figure, NaN where undefined."""


@dataclass(frozen=True)
class Resampled:
    """value: of the original data; replicates: (B,) per figure; left_out: (J,) per figure, each without one part of the lesions;
    n_groups: number of lesions, of which resampling needs two."""

    n_groups: int
    value: Mapping[Name, float]
    replicates: Mapping[Name, np.ndarray]
    left_out: Mapping[Name, np.ndarray]

    def undefined(self, name: Name) -> int:
        """In how many resamples the figure is undefined, for example without an image of the class."""
        return int(np.isnan(self.replicates[name]).sum())


def resample(statistic: Statistic, n_groups: int, n: int = RESAMPLES, seed: int = 0) -> Resampled:
    """Replicates by the cluster bootstrap (Field & Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x), and the jackknife."""
    alone = statistic(np.ones((n_groups, 1)))
    if n_groups < 2:
        n = 0
    return Resampled(
        n_groups,
        {name: float(v[0]) for name, v in alone.items()},
        _all(statistic, drawn_weights(n_groups, n, np.random.default_rng(seed))),
        _all(statistic, _without(n_groups, np.random.default_rng([seed, 1]))) if n else {},
    )


def drawn_weights(n_groups: int, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Blocks float (G, ≤ 250), n columns in all: how often each of G lesions is drawn when G are drawn with replacement."""
    for start in range(0, n, TOGETHER):
        r = min(TOGETHER, n - start)
        cells = rng.integers(n_groups, size=(n_groups, r)) * r + np.arange(r)
        yield np.bincount(cells.ravel(), minlength=n_groups * r).reshape(n_groups, r).astype(float)


def percentile(resampled: Resampled, name: Name) -> tuple[float, float]:
    """95 % interval between the replicates' 2.5th and 97.5th percentile; NaN if too few are defined."""
    return _between(resampled.replicates[name], (0.025, 0.975))


def bca(resampled: Resampled, name: Name) -> tuple[float, float]:
    """95 % interval, bias-corrected and accelerated (Efron 1987, doi:10.1080/01621459.1987.10478410).

    The acceleration is the jackknife's, over parts of the lesions. NaN if too few replicates are defined.
    """
    from scipy.special import ndtr, ndtri

    value, replicates = resampled.value[name], resampled.replicates[name]
    known = replicates[~np.isnan(replicates)]
    if len(known) == 0 or np.isnan(value):
        return float("nan"), float("nan")
    below = ((known < value).sum() + 0.5 * (known == value).sum()) / len(known)
    edge = 0.5 / len(known)
    bias = ndtri(np.clip(below, edge, 1 - edge))
    left = resampled.left_out[name]
    pull = np.nanmean(left) - left[~np.isnan(left)] if (~np.isnan(left)).any() else np.zeros(1)
    spread = (pull**2).sum()
    acceleration = (pull**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri(np.array([0.025, 0.975]))
    low, high = ndtr(bias + z / (1 - acceleration * z))
    return _between(replicates, (float(low), float(high)))


# how to form an interval from replicates -> the function and its name
INTERVALS: dict[str, tuple[Callable[[Resampled, Name], tuple[float, float]], str]] = {
    BCA: (bca, "BCa bootstrap"),
    "percentile": (percentile, "percentile bootstrap"),
}


def with_interval(resampled: Resampled, name: Name, undefined_reason: str, interval: str = BCA) -> Figure:
    """The figure with its interval (one of `INTERVALS`), or the reason why it has none; identical resamples are no certainty."""
    value = resampled.value[name]
    if np.isnan(value):
        return undefined(undefined_reason)
    if not resampled.replicates:
        why = "fewer than two lesions" if resampled.n_groups < 2 else "not resampled"
        return Figure(value, reason=f"{why}: no interval")
    drawn = resampled.replicates[name]
    unclear = resampled.undefined(name)
    if unclear < len(drawn) and np.nanmin(drawn) == np.nanmax(drawn):
        return Figure(value, reason="the same in every resample: no interval", undefined_resamples=unclear)
    between, method = INTERVALS[interval]
    low, high = between(resampled, name)
    if np.isnan(low):
        return Figure(value, reason=f"undefined in {unclear:,} of {len(drawn):,} resamples: no interval", undefined_resamples=unclear)
    return Figure(value, low, high, method=method, undefined_resamples=unclear)


def _between(replicates: np.ndarray, shares: tuple[float, float]) -> tuple[float, float]:
    known = replicates[~np.isnan(replicates)]
    if len(known) < FEWEST * len(replicates) or len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, shares)
    return float(low), float(high)


def _all(statistic: Statistic, weights: Iterator[np.ndarray]) -> dict[Name, np.ndarray]:
    parts = [statistic(w) for w in weights]
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]} if parts else {}


def _without(n_groups: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    part = rng.permutation(n_groups) % min(PARTS, n_groups)
    for start in range(0, min(PARTS, n_groups), TOGETHER):
        these = np.arange(start, min(start + TOGETHER, PARTS, n_groups))
        yield (part[:, None] != these).astype(float)
