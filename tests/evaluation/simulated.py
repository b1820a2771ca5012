"""Simulated studies whose true figures are known: two classifiers on the same photographs, several photographs of one lesion alike.

Shares no formula with `evaluation/`: the truth is counted pair by pair, or place by place, on 300,000 independent photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

PHOTOGRAPHS = (1, 2, 4)  # a lesion has one of these, equally likely
IN_COMMON = 0.6  # of what makes a photograph hard: share of the variance that is hard for both classifiers
APART = (1.4, 1.8)  # standard deviations between a class and the others, for the first classifier and the second
CLASSES = ("mel", "nv", "bkl", "bcc", "akiec", "df", "vasc")
MANY = 300_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """lesions: in all; classes: 2 or 7; prevalence: of the first class, among lesions; alike: correlation within a lesion."""

    lesions: int
    classes: int
    prevalence: float
    alike: float

    @property
    def counts(self) -> NDArray[np.int64]:
        """Lesions of each class: the first by its prevalence, at least two, the others as equal as can be."""
        first = max(2, round(self.lesions * self.prevalence))
        rest, more = divmod(self.lesions - first, self.classes - 1)
        return np.array([first, *(rest + (k < more) for k in range(self.classes - 1))])


@dataclass(frozen=True)
class Study:
    """true int (N,); scores: float (N, C) of each classifier; lesion int (N,)."""

    true: NDArray[np.int64]
    scores: tuple[Floats, Floats]
    lesion: NDArray[np.int64]


def study(design: Design, rng: np.random.Generator) -> Study:
    of = np.repeat(np.arange(design.classes), design.counts)
    lesion = np.repeat(np.arange(len(of)), rng.choice(PHOTOGRAPHS, len(of)))
    of_lesion = rng.standard_normal((3, len(of), design.classes))[:, lesion]
    of_photograph = rng.standard_normal((3, len(lesion), design.classes))
    noise = np.sqrt(design.alike) * of_lesion + np.sqrt(1 - design.alike) * of_photograph
    return Study(of[lesion], _scores(of[lesion], noise), lesion)


def _scores(true: NDArray[np.int64], noise: Floats) -> tuple[Floats, Floats]:
    """noise: float (3, N, C), unit variance: in common, of the first, of the second."""
    found = []
    for own, apart in zip(noise[1:], APART, strict=True):
        logits = np.sqrt(IN_COMMON) * noise[0] + np.sqrt(1 - IN_COMMON) * own
        logits[np.arange(len(true)), true] += apart
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        found.append(raised / raised.sum(axis=1, keepdims=True))
    return found[0], found[1]


@cache
def truth(classes: int, counts: tuple[int, ...]) -> dict[tuple[str, str], tuple[float, float]]:
    """(class, `macro` or `all classes`; figure) → its value for either classifier, where classes come as in `counts`."""
    rng = np.random.default_rng([7, classes, *counts])
    true = np.repeat(np.arange(classes), np.round(np.array(counts) * MANY / sum(counts)).astype(int))
    both = [_figures(true, s, classes) for s in _scores(true, rng.standard_normal((3, len(true), classes)))]
    return {name: (both[0][name], both[1][name]) for name in both[0]}


def _figures(true: NDArray[np.int64], scores: Floats, classes: int) -> dict[tuple[str, str], float]:
    decided = scores.argmax(axis=1)
    table = np.array([[np.mean((true == i) & (decided == j)) for j in range(classes)] for i in range(classes)])
    found: dict[tuple[str, str], float] = {}
    for k in range(classes):
        hit, missed, alarm = table[k, k], table[k].sum() - table[k, k], table[:, k].sum() - table[k, k]
        clear = 1 - hit - missed - alarm
        mine = true == k
        order = np.argsort(-scores[:, k])
        found_so_far, place = np.cumsum(mine[order]), np.arange(1, len(true) + 1)
        share_found = found_so_far / mine.sum()
        at_high = share_found >= 0.8
        of_class = {
            "auc": np.mean(share_found[~mine[order]]),
            "auc_sens_80": np.mean(np.where(at_high, share_found, 0)[~mine[order]]),
            "average_precision": np.mean((found_so_far / place)[mine[order]]),
            "accuracy": hit + clear,
            "sensitivity": hit / (hit + missed),
            "specificity": clear / (clear + alarm),
            "f1": 2 / ((hit + missed) / hit + (hit + alarm) / hit),
            "f_beta": 5 / (4 * (hit + missed) / hit + (hit + alarm) / hit),
            "jaccard": hit / (hit + missed + alarm),
            "ppv": hit / (hit + alarm),
            "npv": clear / (clear + missed),
        }

        found |= {(CLASSES[k], name): float(value) for name, value in of_class.items()}
    names = list(of_class)
    found |= {("macro", name): float(np.mean([found[CLASSES[k], name] for k in range(classes)])) for name in names}
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    apart = np.subtract.outer(np.arange(classes), np.arange(classes)) ** 2
    agreed, by_chance = np.trace(table), rows @ columns
    before = (scores > scores[np.arange(len(true)), true][:, None]).sum(axis=1)
    of_all = {
        "accuracy": agreed,
        "balanced_accuracy": np.mean(np.diag(table) / rows),
        "kappa": (agreed - by_chance) / (1 - by_chance),
        "weighted_kappa": 1 - (apart * table).sum() / (apart * np.outer(rows, columns)).sum(),
        "mcc": (agreed - by_chance) / np.sqrt((1 - (rows**2).sum()) * (1 - (columns**2).sum())),
        **({f"top_{k}": np.mean(before < k) for k in (2, 3)} if classes > 3 else {}),
    }
    return found | {("all classes", name): float(value) for name, value in of_all.items()}
