"""`Evaluation`: how well scores agree with diagnoses, overall and class by class, under a decision rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluation.confusion import confusion
from evaluation.figures import BY_KEY, COMPARABLE, MACRO, OF_A_CLASS, OF_ALL, WEIGHTED, Counted, Measure
from evaluation.intervals import Figure, mean_of_ratios, ratio
from evaluation.ranking import rank
from evaluation.resampling import BCA, RESAMPLES, Name, Resampled, resample, with_interval
from evaluation.rules import ARGMAX, Rule, decide
from evaluation.tallies import AllClasses, OneClass

BETA = 2.0
FEW = 100  # lesions below which a share has Wilson's interval
ALL = "all classes"


@dataclass(frozen=True)
class How:
    """How predictions are evaluated. interval: of the resamples, one of `INTERVALS`; resamples: 0 leaves out every interval that needs
    them; prevalence: class → share 0…1, for PPV and NPV at that prevalence as well."""

    rule: Rule = ARGMAX
    beta: float = BETA
    resamples: int = RESAMPLES
    seed: int = 0
    prevalence: Mapping[str, float] = field(default_factory=dict)
    interval: str = BCA


USUAL = How()


@dataclass(frozen=True)
class ClassFigures:
    """One class against all others: figures by key, each with a 95 % interval clustered by lesion; PPV and NPV at a prevalence only
    where one was set."""

    name: str
    support: int
    figures: Mapping[str, Figure]

    def __getitem__(self, key: str) -> Figure:
        return self.figures[key]


@dataclass(frozen=True)
class Evaluation:
    """matrix: int (C, C), diagnoses in rows, predictions (highest score) in columns; figures: of all classes, by key, of these
    predictions. per_class and averages follow `decision_rule`. Baseline: accuracy of always predicting the commonest diagnosis."""

    classes: tuple[str, ...]
    decision_rule: str
    beta: float
    n_images: int
    n_groups: int
    resamples: int
    matrix: np.ndarray
    majority_baseline: float
    majority_class: str
    figures: Mapping[str, Figure]
    averages: Mapping[str, Mapping[str, Figure]]  # macro and weighted by support, over the classes that occur
    per_class: tuple[ClassFigures, ...]

    def __getitem__(self, key: str) -> Figure:
        return self.figures[key]


def evaluate(true: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], groups: np.ndarray, how: How = USUAL) -> Evaluation:
    """true: int (N,) class indices; probabilities: float (N, C); groups: (N,) lesion (or patient) of each row, any values.

    The highest score is the prediction, the first of several equal ones. Macro figures are means over the classes that occur in
    `true`. Raises ValueError for no rows, NaN scores or bad shapes.
    """
    n, c = probabilities.shape
    if n == 0 or len(true) != n or len(groups) != n or len(classes) != c:
        raise ValueError(f"{len(true)} diagnoses, {len(groups)} groups, scores {probabilities.shape}, {len(classes)} classes")
    if np.isnan(probabilities).any():
        raise ValueError("a score is NaN; leave such rows out and report their number")
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups = int(group.max()) + 1
    is_true = true[:, None] == np.arange(c)
    is_decided = decide(how.rule, probabilities, classes)
    present, place = np.flatnonzero(is_true.any(axis=0)), place_of(true, probabilities)
    drawn = resample(statistic_of(true, probabilities, group, classes, how), n_groups, how.resamples, how.seed)

    def of_class(k: int, measure: Measure) -> Figure:
        true_k, decided_k = is_true[:, k], is_decided[:, k]
        if measure.interval:
            return measure.interval(probabilities[:, k], true_k, group)
        counted = measure.share(true_k, decided_k) if measure.share else None
        return _figure(drawn, (classes[k], measure.key), counted, group, how.interval)

    def of_all(measure: Measure) -> Figure:
        counted = measure.share_of_all(is_true[:, present], place) if measure.share_of_all else None
        return _figure(drawn, (ALL, measure.key), counted, group, how.interval)

    right = is_true & is_decided
    of_found = {MACRO: (right[:, present], is_true[:, present]), WEIGHTED: (right.any(axis=1), is_true.any(axis=1))}

    def average(kind: str, measure: Measure) -> Figure:
        """Mean sensitivity is balanced accuracy, and weighted sensitivity accuracy: each has that figure's interval."""
        counted = of_found[kind] if measure.key == "sensitivity" else None
        return _figure(drawn, (kind, measure.key), counted, group, how.interval)

    counts = is_true.sum(0)
    return Evaluation(
        classes=tuple(classes),
        decision_rule=how.rule.name,
        beta=how.beta,
        n_images=n,
        n_groups=n_groups,
        resamples=how.resamples,
        matrix=confusion(true, probabilities.argmax(axis=1), c),
        majority_baseline=float(counts.max() / n),
        majority_class=classes[int(counts.argmax())],
        figures={m.key: of_all(m) for m in OF_ALL if (ALL, m.key) in drawn.value},
        averages={kind: {m.key: average(kind, m) for m in COMPARABLE} for kind in (MACRO, WEIGHTED)},
        per_class=tuple(
            ClassFigures(name, int(counts[k]), {m.key: of_class(k, m) for m in OF_A_CLASS if (name, m.key) in drawn.value})
            for k, name in enumerate(classes)
        ),
    )


def statistic_of(
    true: np.ndarray, probabilities: np.ndarray, group: np.ndarray, classes: Sequence[str], how: How
) -> Callable[[np.ndarray], dict[Name, np.ndarray]]:
    """All figures for any weighting of the lesions: counts are summed once per lesion, ranks sorted once per class.

    group: int (N,), the lesion of each row, from 0.
    """
    c = probabilities.shape[1]
    n_groups = int(group.max()) + 1
    is_true = true[:, None] == np.arange(c)
    present = [k for k in range(c) if is_true[:, k].any()]
    decided = decide(how.rule, probabilities, classes)
    place = place_of(true, probabilities)
    sides = (is_true & decided, ~is_true & decided, is_true & ~decided, ~is_true & ~decided)
    rows = [side[:, k] for k in range(c) for side in sides] + [place == k for k in range(c)]
    counts = np.stack([np.bincount(group, row, n_groups) for row in rows])
    cells = np.bincount(group * c * c + true * c + probabilities.argmax(axis=1), minlength=n_groups * c * c)
    cells = cells.reshape(n_groups, c * c).T.astype(float)
    ranked = [rank(probabilities[:, k], is_true[:, k], group, n_groups) for k in range(c)]

    def statistic(weights: np.ndarray) -> dict[Name, np.ndarray]:
        sums = counts @ weights
        figures: dict[Name, np.ndarray] = {}
        for k, name in enumerate(classes):
            tp, fp, fn, tn = sums[4 * k : 4 * k + 4]
            one = OneClass(tp, fp, fn, tn, ranked[k], weights, how.beta, how.prevalence.get(name))
            figures |= {(name, m.key): values for m in OF_A_CLASS if m.one_class and (values := m.one_class(one)) is not None}
        support = np.stack([sums[4 * k] + sums[4 * k + 2] for k in present])
        for m in COMPARABLE:
            values = np.stack([figures[classes[k], m.key] for k in present])
            figures[MACRO, m.key] = values.mean(axis=0)
            figures[WEIGHTED, m.key] = (values * support).sum(axis=0) / support.sum(axis=0)
        together = AllClasses((cells @ weights).T.reshape(-1, c, c), present, sums[4 * c :])
        return figures | {(ALL, m.key): values for m in OF_ALL if m.all_classes and (values := m.all_classes(together)) is not None}

    return statistic


def place_of(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """int (N,): how many classes rank before the true one; of equal scores the first class does."""
    of_true = probabilities[np.arange(len(true)), true][:, None]
    before = np.arange(probabilities.shape[1]) < true[:, None]
    return np.asarray(((probabilities > of_true) | ((probabilities == of_true) & before)).sum(axis=1))


def _figure(drawn: Resampled, name: Name, counted: Counted | None, group: np.ndarray, interval: str) -> Figure:
    """A figure with its interval: stratified Wilson's for a mean of shares, Wilson's for shares of few lesions or at 0 or 1, else the
    bootstrap's. counted: hits and counted rows, if it is a share, or a mean of K shares."""
    undefined = BY_KEY[name[1]].undefined
    if counted is not None:
        hits, trials = counted
        if trials.ndim == 2:
            return mean_of_ratios(hits.astype(float), trials.astype(float), group, undefined)
        if not drawn.replicates or len(np.unique(group[trials])) < FEW or drawn.value[name] in (0, 1):
            return ratio(hits.astype(float), trials.astype(float), group, undefined)
    return with_interval(drawn, name, undefined, interval)
