"""Class imbalance: which training images an epoch shows, and the weight of each."""

import numpy as np
import pandas as pd

from data_audit.balancing import balancing
from models.architectures.recipe import Balance

_COLUMNS = {"inverse": "inverse frequency", "effective": "effective number"}


def balanced(labels: np.ndarray, how: Balance, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """labels int (N,) → rows int (M,) an epoch shows, and their weights float32 (M,), 1 on average.

    undersample: each class down to the rarest; oversample: rows repeated up to the most common class; inverse, effective: class weights
    (Cui 2019, arXiv:1901.05555).
    """
    rows = np.arange(len(labels))
    if how in ("undersample", "oversample"):
        rng = np.random.default_rng([seed, 1])
        counts = np.bincount(labels)
        wanted = int(counts[counts > 0].min() if how == "undersample" else counts.max())
        rows = np.sort(np.concatenate([_drawn(np.flatnonzero(labels == c), wanted, rng) for c in np.unique(labels)]))
    weights = np.ones(len(rows))
    if how in _COLUMNS:
        classes, counts = np.unique(labels, return_counts=True)
        table = balancing(pd.DataFrame({"diagnosis": classes, "images": counts}))
        weights = table[_COLUMNS[how]].to_numpy(float)[np.searchsorted(classes, labels)]
        weights = weights / weights.mean()
    return rows, weights.astype(np.float32)


def _drawn(rows: np.ndarray, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Each equally often, give or take one."""
    whole, rest = divmod(wanted, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.choice(rows, rest, replace=False)])
