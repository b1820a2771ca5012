"""`Evaluation`: how well scores agree with diagnoses, overall and class by class, under a decision rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from evaluation.confusion import confusion
from evaluation.intervals import Figure, auc, mean_of_ratios, ratio, undefined
from evaluation.ranking import rank, ranking_figures
from evaluation.resampling import BCA, RESAMPLES, Name, Resampled, resample, told
from evaluation.rules import ARGMAX, Rule, decide
from evaluation.tallies import BINARY, REASONS, SHARES, Tally, at_prevalence, f_beta, over, overall

BETA = 2.0
FEW = 100  # lesions below which a share has Wilson's interval
TOP = (2, 3)
AT_PREVALENCE = ("ppv_at_prevalence", "npv_at_prevalence")
UNCLEAR = "undefined for a class"
ALL, MACRO, WEIGHTED = "all classes", "macro", "weighted"
MEANS = ("auc", "auc_sens_80", "average_precision", "accuracy", "sensitivity", "specificity", "f1", "f_beta", "ppv", "npv")


@dataclass(frozen=True)
class ClassFigures:
    """One class against all others. Every figure has a 95 % interval clustered by lesion."""

    name: str
    support: int
    auc: Figure
    auc_sens_80: Figure
    average_precision: Figure
    accuracy: Figure
    sensitivity: Figure
    specificity: Figure
    f1: Figure
    f_beta: Figure
    ppv: Figure
    npv: Figure
    prevalence: Figure
    ppv_at_prevalence: Figure | None = None  # where a prevalence was set
    npv_at_prevalence: Figure | None = None


@dataclass(frozen=True)
class Evaluation:
    """matrix: int (C, C), diagnoses in rows, decisions by the highest score in columns; accuracy, balanced_accuracy, kappa, mcc
    and top (k → share of images whose diagnosis is among the k highest scores) are of these decisions. per_class and averages
    are by `decision_rule`. Baseline: accuracy of always deciding for the commonest diagnosis."""

    classes: tuple[str, ...]
    decision_rule: str
    beta: float
    n_images: int
    n_groups: int
    resamples: int
    matrix: np.ndarray
    accuracy: Figure
    majority_baseline: float
    majority_class: str
    balanced_accuracy: Figure
    kappa: Figure
    mcc: Figure
    top: Mapping[int, Figure]
    averages: Mapping[str, Mapping[str, Figure]]  # macro and weighted by support, over the classes that occur
    per_class: tuple[ClassFigures, ...]


def evaluate(
    true: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray,
    rule: Rule = ARGMAX,
    beta: float = BETA,
    resamples: int = RESAMPLES,
    seed: int = 0,
    prevalence: Mapping[str, float] | None = None,
    interval: str = BCA,
) -> Evaluation:
    """true: int (N,) class indices; probabilities: float (N, C); groups: (N,) lesion (or patient) of each row, any values.

    The highest score decides, the first of several equal ones. resamples: 0 leaves out every interval that needs them.
    prevalence: class → share 0…1 of people that have it where PPV and NPV are asked for besides.
    interval: of the resamples, one of `INTERVALS`.
    Macro figures are means over the classes that occur in `true`. Raises ValueError for no rows, NaN scores or bad shapes.
    """
    n, c = probabilities.shape
    if n == 0 or len(true) != n or len(groups) != n or len(classes) != c:
        raise ValueError(f"{len(true)} diagnoses, {len(groups)} groups, scores {probabilities.shape}, {len(classes)} classes")
    if np.isnan(probabilities).any():
        raise ValueError("a score is NaN; leave such rows out and say how many")
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups = int(group.max()) + 1
    is_true = true[:, None] == np.arange(c)
    is_decided = decide(rule, probabilities, classes)
    highest = probabilities.argmax(axis=1)
    present = np.flatnonzero(is_true.any(axis=0))
    statistic = statistic_of(true, probabilities, group, classes, rule, beta, prevalence)
    drawn = resample(statistic, n_groups, resamples, seed)

    def figure_of(name: Name, share: Figure | None = None, lesions: int = 0) -> Figure:
        return _told(drawn, name, share, lesions, interval)

    per_class = tuple(
        _class_figures(name, is_true[:, k], is_decided[:, k], probabilities[:, k], group, drawn, interval) for k, name in enumerate(classes)
    )
    place = _place(true, probabilities)
    right = (true == highest).astype(float)
    decided_alike = is_true & (highest[:, None] == np.arange(c))
    balanced = mean_of_ratios(decided_alike[:, present].astype(float), is_true[:, present].astype(float), group, "no images")
    rarest = min(len(np.unique(group[is_true[:, k]])) for k in present)
    counts = is_true.sum(0)
    return Evaluation(
        classes=tuple(classes),
        decision_rule=rule.name,
        beta=beta,
        n_images=n,
        n_groups=n_groups,
        resamples=resamples,
        matrix=confusion(true, highest, c),
        accuracy=figure_of((ALL, "accuracy"), ratio(right, np.ones(n), group, "no images"), n_groups),
        majority_baseline=float(counts.max() / n),
        majority_class=classes[int(counts.argmax())],
        balanced_accuracy=figure_of((ALL, "balanced_accuracy"), balanced, rarest),
        kappa=figure_of((ALL, "kappa")),
        mcc=figure_of((ALL, "mcc")),
        top={
            k: figure_of((ALL, f"top_{k}"), ratio((place < k).astype(float), np.ones(n), group, "no images"), n_groups)
            for k in TOP
            if k < c
        },
        averages={kind: {name: figure_of((kind, name)) for name in MEANS} for kind in (MACRO, WEIGHTED)},
        per_class=per_class,
    )


def statistic_of(
    true: np.ndarray,
    probabilities: np.ndarray,
    group: np.ndarray,
    classes: Sequence[str],
    rule: Rule,
    beta: float,
    prevalence: Mapping[str, float] | None = None,
) -> Callable[[np.ndarray], dict[Name, np.ndarray]]:
    """All figures for any weighting of the lesions: counts are summed once a lesion, ranks sorted once a class.

    group: int (N,), the lesion of each row, from 0.
    """
    c = probabilities.shape[1]
    n_groups = int(group.max()) + 1
    is_true = true[:, None] == np.arange(c)
    present = [k for k in range(c) if is_true[:, k].any()]
    decided, prevalence = decide(rule, probabilities, classes), prevalence or {}
    place = _place(true, probabilities)
    sides = (is_true & decided, ~is_true & decided, is_true & ~decided, ~is_true & ~decided)
    rows = [side[:, k] for k in range(c) for side in sides] + [place < k for k in TOP]
    counts = np.stack([np.bincount(group, row, n_groups) for row in rows])
    cells = np.bincount(group * c * c + true * c + probabilities.argmax(axis=1), minlength=n_groups * c * c)
    cells = cells.reshape(n_groups, c * c).T.astype(float)
    ranked = [rank(probabilities[:, k], is_true[:, k], group, n_groups) for k in range(c)]

    def statistic(weights: np.ndarray) -> dict[Name, np.ndarray]:
        sums = counts @ weights
        figures: dict[Name, np.ndarray] = {}
        for k, name in enumerate(classes):
            tally = Tally(*sums[4 * k : 4 * k + 4])
            of_class = {figure: compute(tally) for figure, compute in BINARY.items()}
            of_class |= {"f_beta": f_beta(tally, beta)} | ranking_figures(ranked[k], weights)
            if name in prevalence:
                at = at_prevalence(of_class["sensitivity"], of_class["specificity"], prevalence[name])
                of_class |= dict(zip(AT_PREVALENCE, at, strict=True))
            figures |= {(name, figure): values for figure, values in of_class.items()}
        support = np.stack([sums[4 * k] + sums[4 * k + 2] for k in present])
        for figure in MEANS:
            values = np.stack([figures[classes[k], figure] for k in present])
            figures[MACRO, figure] = values.mean(axis=0)
            figures[WEIGHTED, figure] = (values * support).sum(axis=0) / support.sum(axis=0)
        matrix = (cells @ weights).T.reshape(-1, c, c)
        figures |= {(ALL, figure): values for figure, values in overall(matrix, present).items()}
        images = sums[:4].sum(axis=0)
        return figures | {(ALL, f"top_{k}"): over(sums[4 * c + i], images) for i, k in enumerate(TOP)}

    return statistic


def _place(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """int (N,): how many classes score above the true one, or the same and stand before it."""
    of_true = probabilities[np.arange(len(true)), true][:, None]
    before = np.arange(probabilities.shape[1]) < true[:, None]
    return np.asarray(((probabilities > of_true) | ((probabilities == of_true) & before)).sum(axis=1))


def _class_figures(
    name: str, true: np.ndarray, decided: np.ndarray, scores: np.ndarray, group: np.ndarray, drawn: Resampled, interval: str
) -> ClassFigures:
    figures = {}
    for figure in (f.name for f in fields(ClassFigures) if f.name not in ("name", "support")):
        if figure in SHARES:
            hits, trials = SHARES[figure](true, decided)
            analytic = ratio(hits.astype(float), trials.astype(float), group, REASONS[figure])
            figures[figure] = _told(drawn, (name, figure), analytic, len(np.unique(group[trials])), interval)
        elif figure == "auc":
            figures[figure] = auc(scores, true, group)
        elif (name, figure) in drawn.value:
            figures[figure] = _told(drawn, (name, figure), interval=interval)
    return ClassFigures(name=name, support=int(true.sum()), **figures)


def _told(drawn: Resampled, name: Name, share: Figure | None = None, lesions: int = 0, interval: str = BCA) -> Figure:
    """A figure with the interval that covers at the stated rate: Wilson's for shares of few lesions or at 0 or 1, else of the resamples.

    share: the figure with Wilson's interval, if it is a share (or a mean of shares) of so many lesions.
    """
    value = drawn.value[name]
    if np.isnan(value):
        return undefined(share.reason if share is not None and share.reason else REASONS.get(name[1], UNCLEAR))
    if share is not None and (not drawn.replicates or lesions < FEW or value in (0, 1)):
        return share
    return told(drawn, name, REASONS.get(name[1], UNCLEAR), interval)
