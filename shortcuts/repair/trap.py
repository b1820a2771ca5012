"""A trap: training images in which markers go with the diagnosis, and test images in which they go against it.

A classifier that has learned the markers does well on the first and badly on the second; one that has not does alike on both
(Bissoto 2020, arXiv:2004.11457).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import DatasetError
from data_audit.associations import is_malignant, odds_ratio
from data_audit.resplit import whole_groups
from datasets.dataset import Dataset
from evaluation.intervals import Figure
from shortcuts.repair.bearing import Bearing

TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Odds:
    """Odds ratio of the diagnosis asked for with the marker, 95 % by lesion: in the whole, in training, in test."""

    marker: str
    whole: Figure
    train: Figure
    test: Figure

    @property
    def opposed(self) -> bool:
        """Whether the marker goes the other way in the test than in the whole."""
        return self.test.defined and (self.whole.value - 1) * (self.test.value - 1) < 0


@dataclass(frozen=True)
class Trap:
    """split: object (N,), train or test, NaN for rows without diagnosis or marker; odds: a row a marker."""

    split: np.ndarray
    odds: tuple[Odds, ...]


def set_trap(data: Dataset, borne: Bearing, target: str | None, share: float, strength: float, seed: int) -> tuple[pd.DataFrame, Trap]:
    """image_id and split of every image, and the odds. target: the diagnosis asked for, None for malignant or not. Images of a lesion or
    patient stay together."""
    kinds = data.table["diagnosis"].reset_index(drop=True)
    positive = kinds.map(is_malignant) if target is None else (kinds == target).astype(float).where(kinds.notna())
    groups = whole_groups(data, np.full(len(data), np.nan))
    found = trap_split(kinds, positive.to_numpy(float), borne.values, borne.markers, groups, share, strength, seed)
    return pd.DataFrame({"image_id": data.table["image_id"].to_numpy(object), "split": found.split}), found


def trap_split(
    kinds: pd.Series,
    positive: np.ndarray,
    bears: np.ndarray,
    markers: tuple[str, ...],
    groups: np.ndarray,
    share: float = 0.3,
    strength: float = 1.0,
    seed: int = 0,
) -> Trap:
    """kinds: diagnosis a row, whose shares both sides keep; positive: float (N,), whether it is the one asked for, 1, 0 or NaN; bears:
    float (N, M); groups: int (N,), what must stay together; share: of the test; strength: 0 a split at random … 1 the strongest trap.

    Within each diagnosis groups are ordered by how far their markers speak for the diagnosis they have, in log odds of the whole; the last
    go to the test. Raises DatasetError where nothing goes with the diagnosis, or a side would be empty.
    """
    if not 0 < share < 1 or not 0 <= strength <= 1:
        raise DatasetError("a trap needs a share between 0 and 1 and a strength from 0 to 1.")
    known = kinds.notna().to_numpy() & ~np.isnan(positive) & ~np.isnan(bears).any(axis=1)
    event, exposed, group = positive[known] > 0, bears[known] > 0, np.unique(groups[known], return_inverse=True)[1]
    whole = [odds_ratio(exposed[:, k], event, group)[0] for k in range(len(markers))]
    usable = [k for k, f in enumerate(whole) if f.defined]
    if not usable or not event.any() or event.all():
        raise DatasetError("no trap can be set: a side of the diagnosis or of the marker is empty.", todo="Choose another marker or class.")
    pull = np.array([np.log(whole[k].value) for k in usable])
    centred = exposed[:, usable] - exposed[:, usable].mean(axis=0)
    agrees = (centred * pull).sum(axis=1) * np.where(event, 1, -1)
    rng = np.random.default_rng(seed)
    n = int(group.max()) + 1
    score = np.bincount(group, agrees, n) / np.bincount(group, minlength=n)
    kind = pd.Series(pd.factorize(kinds[known])[0]).groupby(group).agg(lambda v: int(v.mode()[0])).to_numpy()
    rank = np.empty(n)
    for k in np.unique(kind):
        rows = np.flatnonzero(kind == k)
        tied = rng.permutation(len(rows))  # groups that agree alike fall either way
        order = np.empty(len(rows))
        order[tied[np.argsort(score[rows][tied], kind="stable")]] = np.arange(len(rows))
        at_random = rng.permutation(len(rows))
        chance = rng.random(len(rows)) >= strength
        rank[rows] = np.argsort(np.argsort(np.where(chance, at_random, order), kind="stable"), kind="stable") / len(rows)
    test = (rank < share)[group]
    if test.all() or not test.any():
        raise DatasetError("has too few lesions for such a split.", todo="Choose another share.")
    split = np.full(len(kinds), np.nan, object)
    split[known] = np.where(test, TEST, TRAIN)
    odds = tuple(
        Odds(m, whole[k], *(odds_ratio(exposed[side, k], event[side], group[side])[0] for side in (~test, test)))
        for k, m in enumerate(markers)
    )
    return Trap(split, odds)
