"""The cost of all figures with their intervals relative to scikit-learn called once per resample."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.ratios import Row, compare_costs
from evaluation.evaluate import evaluate
from evaluation.resampling import RESAMPLES

IMAGES, LESIONS = 10_015, 7_470
SHARES = (327, 514, 1099, 115, 1113, 6705, 142)  # images of each of HAM10000's classes
FEW = 4  # resamples computed with scikit-learn


def bench_evaluate(say: Callable[[str], None]) -> list[Row]:
    """10,015 simulated predictions of seven classes: 2,000 resamples by scikit-learn (extrapolated from 4) over ours."""
    true, scores, groups = _predictions()
    classes = [f"c{k}" for k in range(len(SHARES))]
    start = time.perf_counter()
    evaluate(true, scores, classes, groups)
    say(f"all figures, {RESAMPLES:,} resamples: {time.perf_counter() - start:.1f} s on this machine")
    row = compare_costs(
        f"scikit-learn in a loop over ours, all figures, {IMAGES:,} × {len(SHARES)}, {RESAMPLES:,} resamples",
        lambda: _loop(true, scores, groups),
        lambda: evaluate(true, scores, classes, groups),
        3,
        at_least=True,
        warm=0,
    )
    times, target = RESAMPLES / FEW, 50
    ratio = row.ratio * times
    return [replace(row, ratio=ratio, low=row.low * times, high=row.high * times, target=target, holds=ratio >= target)]


def _predictions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    lesion_class = rng.choice(len(SHARES), LESIONS, p=np.array(SHARES) / sum(SHARES))
    groups = np.sort(rng.integers(0, LESIONS, IMAGES))
    true = lesion_class[groups]
    scores = rng.dirichlet(np.full(len(SHARES), 0.5), IMAGES) + 0.4 * np.eye(len(SHARES))[true]
    return true, scores / scores.sum(axis=1, keepdims=True), groups


def _loop(true: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> None:
    """The figures that scikit-learn provides, one resample of the lesions after another, by weights."""
    from sklearn import metrics

    rng, n, c = np.random.default_rng(1), int(groups.max()) + 1, scores.shape[1]
    decided = scores.argmax(axis=1)
    for _ in range(FEW):
        w = np.bincount(rng.integers(0, n, n), minlength=n)[groups].astype(float)
        for k in range(c):
            is_true, is_decided = true == k, decided == k
            metrics.roc_auc_score(is_true, scores[:, k], sample_weight=w)
            metrics.roc_curve(is_true, scores[:, k], sample_weight=w)  # the area above a sensitivity
            metrics.average_precision_score(is_true, scores[:, k], sample_weight=w)
            metrics.accuracy_score(is_true, is_decided, sample_weight=w)
            for positive in (1, 0):
                metrics.precision_score(is_true, is_decided, pos_label=positive, sample_weight=w, zero_division=np.nan)
                metrics.recall_score(is_true, is_decided, pos_label=positive, sample_weight=w, zero_division=np.nan)
            for beta in (1, 2):
                metrics.fbeta_score(is_true, is_decided, beta=beta, sample_weight=w, zero_division=np.nan)
        metrics.accuracy_score(true, decided, sample_weight=w)
        metrics.balanced_accuracy_score(true, decided, sample_weight=w)
        metrics.cohen_kappa_score(true, decided, sample_weight=w)
        metrics.matthews_corrcoef(true, decided, sample_weight=w)
        for k in (2, 3):
            metrics.top_k_accuracy_score(true, scores, k=k, sample_weight=w)
