"""Which output of a network stands for which diagnosis, as labelled images tell it.

Two outputs are told apart by the images of their two diagnoses: whether the first output's logit minus the second's is higher where the
first diagnosis is. To swap the two on the card turns the area under the curve into 1 − it, so one test says both whether the card's order
is right and whether the swapped one is. Prevalences play no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import mannwhitneyu, rankdata

from core.diagnoses import LONG_NAMES

KEPT = 0.02  # mean AUC of a diagnosis by which another output must be better before the card's own is given up


@dataclass(frozen=True)
class Pair:
    """Two outputs, the second of a diagnosis without images if `alone`. names: by the card. auc: of the difference of their logits, images
    of the first diagnosis against those of the second (of all others, if alone), a lesion's images averaged. p_right, p_swapped: one-sided
    p (Mann & Whitney 1947) of the order on the card, and of the opposite one."""

    names: tuple[str, str]
    alone: bool
    auc: float
    p_right: float
    p_swapped: float


def pairs_of_outputs(logits: np.ndarray, labels: np.ndarray, lesion: np.ndarray, codes: Sequence[str]) -> tuple[Pair, ...]:
    """All pairs of outputs with different codes, of which one at least has images.

    logits float (N, K); labels str (N,), in the words of codes (K,); lesion int (N,), of one label each.
    """
    _, first, own = np.unique(lesion, return_index=True, return_inverse=True)
    means = np.stack([np.bincount(own, column) for column in logits.T.astype(float)], axis=1) / np.bincount(own)[:, None]
    label = labels[first]
    shown = set(labels)
    found = []
    for i, k in combinations(range(len(codes)), 2):
        if codes[i] == codes[k] or not shown & {codes[i], codes[k]}:
            continue
        a, b = (i, k) if codes[i] in shown else (k, i)
        alone = codes[b] not in shown
        difference = means[:, a] - means[:, b]
        yes, no = difference[label == codes[a]], difference[(label != codes[a]) if alone else (label == codes[b])]
        found.append(Pair((codes[a], codes[b]), alone, *_ranked(yes, no)))
    return tuple(found)


def fitted_order(logits: np.ndarray, labels: np.ndarray, codes: Sequence[str]) -> tuple[str | None, ...]:
    """For each output the diagnosis it ranks best, as many outputs a diagnosis as the card gives it; None where nothing is left.

    Outputs of diagnoses without images keep their place, unless the card names no known diagnosis there. logits float (N, K), softmax or
    not: compared between images, so an offset that all outputs of an image share must be taken off before.
    """
    names = np.unique(labels)
    fixed = [code not in names and code in LONG_NAMES for code in codes]
    free = [k for k, stays in enumerate(fixed) if not stays]
    unnamed = any(code not in LONG_NAMES and code not in names for code in codes)
    slots = [codes[k] for k in free if codes[k] in names] + [str(n) for n in names if unnamed and n not in codes]
    value = separation(logits, labels, names)
    worth = np.array([[value[k, np.flatnonzero(names == s)[0]] + KEPT * (codes[k] == s) for s in slots] for k in free])
    order: list[str | None] = [code if stays else None for code, stays in zip(codes, fixed, strict=True)]
    rows, columns = linear_sum_assignment(-worth) if slots else ((), ())
    for row, column in zip(rows, columns, strict=True):
        order[free[row]] = slots[column]
    return tuple(order)


def separation(scores: np.ndarray, labels: np.ndarray, names: Sequence[str] | np.ndarray) -> np.ndarray:
    """float (K, D): how well each of K outputs ranks each diagnosis above another, mean AUC over the others (Hand & Till 2001)."""
    sums, known = np.zeros((scores.shape[1], len(names))), np.zeros(len(names))
    for a, b in combinations(range(len(names)), 2):
        one, other = scores[labels == names[a]], scores[labels == names[b]]
        ranks = rankdata(np.concatenate([one, other]), axis=0)[: len(one)].sum(axis=0)
        area = (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))
        sums[:, a] += area
        sums[:, b] += 1 - area
        known[[a, b]] += 1
    return sums / np.maximum(known, 1)


def _ranked(yes: np.ndarray, no: np.ndarray) -> tuple[float, float, float]:
    if np.ptp(np.concatenate([yes, no])) == 0:
        return 0.5, 1.0, 1.0
    right, swapped = (mannwhitneyu(yes, no, alternative=side) for side in ("greater", "less"))
    return float(right.statistic / (len(yes) * len(no))), float(right.pvalue), float(swapped.pvalue)
