"""How often the 95 % intervals hold the truth: 1,000 simulated studies each, photographs of one lesion alike (slow)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from evaluation.evaluate import Evaluation, How, evaluate
from evaluation.intervals import Figure
from evaluation.rules import HALF

STUDIES = 1000
ALIKE = 0.5  # correlation within a lesion, on the scale of the scores
PHOTOGRAPHS = (1, 2, 4)  # a lesion has one of these, equally likely
ClassFigure = Callable[[np.ndarray, np.ndarray, np.ndarray], Figure]


def study(rng: np.random.Generator, lesions: np.ndarray, apart: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class of each photograph, its score and its lesion. lesions: how many of class 0 and 1; scores are normal, `apart` apart."""
    of = np.repeat(np.arange(len(lesions)), lesions)
    group = np.repeat(np.arange(len(of)), rng.choice(PHOTOGRAPHS, len(of)))
    shared, own = rng.standard_normal(len(of)), rng.standard_normal(len(group))
    return of[group], apart * of[group] + np.sqrt(ALIKE) * shared[group] + np.sqrt(1 - ALIKE) * own, group


def coverage(figure: ClassFigure, lesions: np.ndarray, apart: float, truth: float, seed: int) -> tuple[float, float]:
    """Share of the studies whose interval holds the truth: by lesion, and with photographs taken for independent."""
    rng, held = np.random.default_rng(seed), np.zeros((STUDIES, 2))
    for k in range(STUDIES):
        true, score, group = study(rng, lesions, apart)
        for j, groups in enumerate((group, np.arange(len(group)))):
            found = figure(true, score, groups)
            held[k, j] = found.low <= truth <= found.high
    by_lesion, by_row = held.mean(axis=0)
    return float(by_lesion), float(by_row)


def judged(true: np.ndarray, score: np.ndarray, groups: np.ndarray, cut: float, resamples: int) -> Evaluation:
    """The two-class evaluation whose positive class is decided for above `cut`."""
    p = norm.cdf(score - cut)
    return evaluate(true, np.stack([1 - p, p], 1), ("without", "with"), groups, How(HALF, resamples=resamples))


@pytest.mark.slow
@pytest.mark.parametrize("n", [15, 30, 100])
def test_sensitivity(n: int) -> None:
    """True sensitivity .9; n lesions of the class. At 100 the interval is the bootstrap's, below it is Wilson's."""
    cut = 1.5 - norm.ppf(0.9)
    found = coverage(
        lambda t, s, g: judged(t, s, g, cut, 1000 if n >= 100 else 0).per_class[1]["sensitivity"], np.array([5, n]), 1.5, 0.9, n
    )
    print(f"sensitivity .9, {n} lesions: {found[0]:.1%} by lesion, {found[1]:.1%} by photograph")
    assert n < 30 or 0.93 <= found[0] <= 0.97
    assert found[1] < found[0]


@pytest.mark.slow
@pytest.mark.parametrize("n", [15, 30, 100])
def test_auc(n: int) -> None:
    truth = float(norm.cdf(1.5 / np.sqrt(2)))
    found = coverage(lambda t, s, g: judged(t, s, g, 0.75, 0).per_class[1]["auc"], np.array([n, n]), 1.5, truth, 100 + n)
    print(f"AUC {truth:.3f}, {n} lesions on either side: {found[0]:.1%} by lesion, {found[1]:.1%} by photograph")
    assert n < 30 or 0.93 <= found[0] <= 0.97
    assert found[1] < found[0]


@pytest.mark.slow
@pytest.mark.parametrize("n", [15, 30, 100])
def test_balanced_accuracy(n: int) -> None:
    truth = float(norm.cdf(0.75))
    found = coverage(lambda t, s, g: judged(t, s, g, 0.75, 0)["balanced_accuracy"], np.array([n, n]), 1.5, truth, 200 + n)
    print(f"balanced accuracy {truth:.3f}, {n} lesions a class: {found[0]:.1%} by lesion, {found[1]:.1%} by photograph")
    assert n < 30 or 0.93 <= found[0] <= 0.97
    assert found[1] < found[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["f1", "average_precision", "auc_sens_80"])
def test_what_only_the_bootstrap_gives(name: str) -> None:
    """100 lesions a class. The truth is the mean of 60 studies of 2,000 lesions a class."""
    rng = np.random.default_rng(9)
    known = []
    for _ in range(60):
        true, score, group = study(rng, np.array([2000, 2000]), 1.5)
        known.append(judged(true, score, group, 0.75, 0).per_class[1][name].value)
    found = coverage(lambda t, s, g: judged(t, s, g, 0.75, 500).per_class[1][name], np.array([100, 100]), 1.5, float(np.mean(known)), 300)
    print(f"{name}, 100 lesions a class: {found[0]:.1%} by lesion, {found[1]:.1%} by photograph")
    assert 0.92 <= found[0] <= 0.975
