"""The figures of an evaluation, one row each; screens, reports, tables, files and the command line loop over them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.intervals import Figure, auc
from evaluation.tallies import AllClasses, OneClass, f_beta, over, sensitivity, specificity

Counted = tuple[np.ndarray, np.ndarray]  # bool (N,), or (N, K) of a mean of K shares: which rows are hits, and which are counted
MACRO, WEIGHTED = "macro", "weighted"


class Better(StrEnum):
    """Which direction is better."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    NEITHER = "neither high nor low is better"


@dataclass(frozen=True)
class Measure:
    """A figure of one class against the rest, of all classes together, or of both.

    meaning: in plain words; undefined: why it is NaN, where it is. form: format of a single value, by default percent for a share.
    one_class, all_classes: float (R,) from the counts under R weightings, None where it does not apply, as without a set prevalence.
    share, share_of_all: for a proportion with Wilson's interval, the hits and the rows counted, from truth and decision bool (N,), or
    from truth bool (N, C) for the classes that occur and int (N,), the number of classes ranked before the true one.
    interval: its own, from scores (N,), truth bool (N,) and group int (N,), in place of the bootstrap's.
    least: the lowest value it can have; the highest is 1.
    passes: of a ranking, the share of the other side that a lesion which was not met may pass, for differences of few lesions.
    comparable: has a mean over classes, a difference between classifiers and gaps between groups.
    brief: shown for a class where space is short; headline: shown large for all classes.
    """

    key: str
    name: str
    meaning: str
    undefined: str
    one_class: Callable[[OneClass], np.ndarray | None] | None = None
    all_classes: Callable[[AllClasses], np.ndarray | None] | None = None
    share: Callable[[np.ndarray, np.ndarray], Counted] | None = None
    share_of_all: Callable[[np.ndarray, np.ndarray], Counted] | None = None
    interval: Callable[[np.ndarray, np.ndarray, np.ndarray], Figure] | None = None
    form: str = ""
    better: Better = Better.HIGHER
    least: float = 0.0
    passes: float = 0.0
    comparable: bool = True
    brief: bool = False
    headline: bool = False

    def __post_init__(self) -> None:
        if not self.form:
            object.__setattr__(self, "form", ".1%" if self.share or self.share_of_all else ".2f")
        if (self.share and not self.one_class) or (self.share_of_all and not self.all_classes) or not (self.one_class or self.all_classes):
            raise ValueError(f"{self.key}: a share needs the formula of its value, and a figure some formula")

    def title(self, beta: float) -> str:
        """The name, with the number that stands for β."""
        return self.name.replace("β", f"{beta:g}")

    @property
    def explained(self) -> str:
        return f"{self.name}: {self.meaning}; {self.better}."


def ppv_at(t: OneClass) -> np.ndarray | None:
    """PPV at the set prevalence (Bayes), assuming that sensitivity and specificity stay the same."""
    if t.prevalence is None:
        return None
    hit, alarm = sensitivity(t) * t.prevalence, (1 - specificity(t)) * (1 - t.prevalence)
    return over(hit, hit + alarm)


def npv_at(t: OneClass) -> np.ndarray | None:
    """NPV at the set prevalence, under the same assumption."""
    if t.prevalence is None:
        return None
    clear, missed = specificity(t) * (1 - t.prevalence), (1 - sensitivity(t)) * t.prevalence
    return over(clear, clear + missed)


def matthews(a: AllClasses) -> np.ndarray:
    """Matthews correlation coefficient for several classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    spread = (a.total**2 - (a.diagnosed**2).sum(axis=-1)) * (a.total**2 - (a.decided**2).sum(axis=-1))
    return over(a.beyond_chance, np.sqrt(spread))


def weighted_kappa(a: AllClasses) -> np.ndarray:
    """Cohen's kappa with quadratic weights (Cohen 1968, doi:10.1037/h0026256), classes in the order of the matrix."""
    place = np.arange(a.matrix.shape[-1])
    apart = (place[:, None] - place) ** 2
    by_chance = np.einsum("...i,ij,...j->...", a.diagnosed, apart, a.decided)
    return 1 - over((a.matrix * apart).sum(axis=(-2, -1)) * a.total, by_chance)


def among_highest(k: int) -> Measure:
    """Top-k accuracy; it does not apply to k or fewer classes, where it is always 1."""
    return Measure(
        f"top_{k}",
        f"Among the {k} highest scores",
        f"share of all images whose diagnosis has one of the {k} highest scores",
        "no images",
        all_classes=lambda a: over(a.places[:k].sum(axis=0), a.total) if k < len(a.places) else None,
        share_of_all=lambda true, place: (place < k, place >= 0),
    )


MEASURES: tuple[Measure, ...] = (
    Measure(
        "auc",
        "AUC",
        "how well the score ranks this class above the others, whatever the threshold",
        "needs images with and without this diagnosis",
        one_class=lambda t: t.areas["auc"],
        interval=auc,
        passes=0.1,
        brief=True,
    ),
    Measure(
        "auc_sens_80",
        "AUC, sensitivity > 80 %",
        "the part of the area under the ROC curve where sensitivity is at least 80 %",
        "needs images with and without this diagnosis",
        one_class=lambda t: t.areas["auc_sens_80"],
        passes=0.2,
    ),
    Measure(
        "average_precision",
        "Average precision",
        "mean PPV over all thresholds; guessing gives the prevalence",
        "no images of this class",
        one_class=lambda t: t.areas["average_precision"],
        passes=0.1,
        brief=True,
    ),
    Measure(
        "accuracy",
        "Accuracy",
        "share of all images classified correctly; of one class, correctly for or against it",
        "no images",
        one_class=lambda t: over(t.tp + t.tn, t.tp + t.fp + t.fn + t.tn),
        all_classes=lambda a: over(a.hits.sum(axis=-1), a.total),
        share=lambda true, decided: (true == decided, true | ~true),
        share_of_all=lambda true, place: (place == 0, place >= 0),
        headline=True,
    ),
    Measure(
        "sensitivity",
        "Sensitivity",
        "of the images with this diagnosis, the share classified as it",
        "no images of this class",
        one_class=sensitivity,
        share=lambda true, decided: (true & decided, true),
        brief=True,
    ),
    Measure(
        "specificity",
        "Specificity",
        "of the images without this diagnosis, the share not classified as it",
        "only images of this class",
        one_class=specificity,
        share=lambda true, decided: (~true & ~decided, ~true),
        brief=True,
    ),
    Measure(
        "f1",
        "F1 (Dice)",
        "harmonic mean of sensitivity and PPV",
        "no images of this class and never predicted",
        one_class=lambda t: f_beta(t, 1),
        brief=True,
    ),
    Measure(
        "f_beta",
        "F-β",
        "harmonic mean of sensitivity and PPV with sensitivity weighted β times as much",
        "no images of this class and never predicted",
        one_class=lambda t: f_beta(t, t.beta),
    ),
    Measure(
        "jaccard",
        "Jaccard index",
        "of the images with this diagnosis or classified as it, the share that is both (Jaccard 1901)",
        "no images of this class and never predicted",
        one_class=lambda t: over(t.tp, t.tp + t.fp + t.fn),
        share=lambda true, decided: (true & decided, true | decided),
    ),
    Measure(
        "ppv",
        "PPV",
        "of the images classified as this class, the share that is correct (at this dataset's prevalence)",
        "never predicted",
        one_class=lambda t: over(t.tp, t.tp + t.fp),
        share=lambda true, decided: (true & decided, decided),
        brief=True,
    ),
    Measure(
        "npv",
        "NPV",
        "of the images not classified as this class, the share that is correct (at this dataset's prevalence)",
        "always predicted",
        one_class=lambda t: over(t.tn, t.tn + t.fn),
        share=lambda true, decided: (~true & ~decided, ~decided),
        brief=True,
    ),
    Measure(
        "prevalence",
        "Prevalence",
        "share of this dataset's images with this diagnosis",
        "no images",
        one_class=lambda t: over(t.tp + t.fn, t.tp + t.fp + t.fn + t.tn),
        share=lambda true, _: (true, true | ~true),
        better=Better.NEITHER,
        comparable=False,
    ),
    Measure(
        "ppv_at_prevalence",
        "PPV at the set prevalence",
        "at the prevalence that was set, assuming the same sensitivity and specificity",
        "sensitivity or specificity is undefined, or the class would never be predicted",
        one_class=ppv_at,
        form=".1%",
        comparable=False,
    ),
    Measure(
        "npv_at_prevalence",
        "NPV at the set prevalence",
        "at the prevalence that was set, assuming the same sensitivity and specificity",
        "sensitivity or specificity is undefined, or the class would always be predicted",
        one_class=npv_at,
        form=".1%",
        comparable=False,
    ),
    Measure(
        "balanced_accuracy",
        "Balanced accuracy",
        "mean sensitivity over the classes that occur in this dataset",
        "no images",
        all_classes=lambda a: over(a.hits, a.diagnosed)[..., a.present].mean(axis=-1),
        share_of_all=lambda true, place: (true & (place == 0)[:, None], true),
        headline=True,
    ),
    Measure(
        "kappa",
        "Cohen's kappa",
        "agreement of diagnosis and prediction beyond chance (Cohen 1960): 0 is chance, 1 is perfect",
        "all diagnoses and predictions are one class",
        all_classes=lambda a: over(a.beyond_chance, a.total**2 - a.by_chance),
        least=-1.0,
        headline=True,
    ),
    Measure(
        "weighted_kappa",
        "Quadratic-weighted kappa",
        "Cohen's kappa with errors weighted by their squared distance in the card's class order (Cohen 1968); meaningful only for "
        "ordinal classes",
        "all diagnoses and predictions are one class",
        all_classes=weighted_kappa,
        least=-1.0,
    ),
    Measure(
        "mcc",
        "Matthews correlation coefficient",
        "correlation of diagnosis and prediction: 0 is chance, 1 is perfect",
        "all diagnoses or all predictions are one class",
        all_classes=matthews,
        least=-1.0,
        headline=True,
    ),
    among_highest(2),
    among_highest(3),
)
BY_KEY = {m.key: m for m in MEASURES}
OF_A_CLASS = tuple(m for m in MEASURES if m.one_class)
OF_ALL = tuple(m for m in MEASURES if m.all_classes)
COMPARABLE = tuple(m for m in OF_A_CLASS if m.comparable)
HEADLINE = tuple(m for m in OF_ALL if m.headline)
BRIEF = tuple(m for m in OF_A_CLASS if m.brief)


def difference_name(key: str) -> str:
    """The name of a figure in a comparison, of all classes or a mean over them: `kappa`, `macro auc`."""
    mean, _, of_class = key.rpartition(" ")
    return f"{BY_KEY[of_class].name}, {mean} mean" if mean else BY_KEY[key].name
