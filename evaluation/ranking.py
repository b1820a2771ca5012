"""How well a score ranks one class above the rest: areas under curves, for many weightings of the lesions at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

HIGH = 0.8  # sensitivity above which the partial area is taken


@dataclass(frozen=True)
class Ranked:
    """Rows from the highest score down, in K blocks of equal score; adjacent blocks without a positive are merged.

    positive, negative: sparse (K, G), how many rows of each lesion lie in each block.
    """

    positive: Any
    negative: Any


def rank(scores: np.ndarray, positive: np.ndarray, groups: np.ndarray, n_groups: int) -> Ranked:
    """scores float (N,), positive bool (N,), groups int (N,) below n_groups."""
    from scipy.sparse import csr_array

    order = np.argsort(-scores, kind="stable")
    ordered, is_positive, group = scores[order], positive[order], groups[order]
    block = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]) if len(order) else np.zeros(0, int)
    bare = np.bincount(block, is_positive) == 0
    starts = np.ones(len(bare), bool)
    starts[1:] = ~(bare[1:] & bare[:-1])
    block = (np.cumsum(starts) - 1)[block]
    shape = (int(starts.sum()), n_groups)

    def of(rows: np.ndarray) -> Any:
        return csr_array((np.ones(int(rows.sum())), (block[rows], group[rows])), shape=shape)

    return Ranked(of(is_positive), of(~is_positive))


def ranking_figures(ranked: Ranked, weights: np.ndarray) -> dict[str, np.ndarray]:
    """weights float (G, R) → float (R,) each, NaN without a positive or a negative.

    auc: area under the ROC curve, ties half. auc_sens_80: its part where the sensitivity is at least .8, not rescaled (as in the ISIC
    challenge; a perfect score gives 1). average_precision: precision summed over steps of sensitivity, not interpolated.
    """
    p, n = ranked.positive @ weights, ranked.negative @ weights
    found, wrong = p.cumsum(axis=0), n.cumsum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share, step = p / found[-1], n / wrong[-1]
        after = found / found[-1]
        before = after - share
        area = (step * (before + after) / 2).sum(axis=0)
        start = np.maximum(before, HIGH)
        part = np.where(share > 0, (after - start) / share, (before >= HIGH).astype(float))
        high = np.where(after >= HIGH, step * part * (start + after) / 2, 0).sum(axis=0)
        precision = np.where(p > 0, found / (found + wrong), 0)
        average = (share * precision).sum(axis=0)
    return {"auc": area, "auc_sens_80": np.where(np.isnan(area), np.nan, high), "average_precision": average}
