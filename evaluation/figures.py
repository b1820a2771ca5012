"""The figures of an evaluation, one row each: what screens, reports, tables, files and the command line loop over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.intervals import Figure, auc
from evaluation.tallies import AllClasses, OneClass, f_beta, over, sensitivity, specificity

Counted = tuple[np.ndarray, np.ndarray]  # bool (N,), or (N, K) of a mean of K shares: which rows are hits, and which are counted
MACRO, WEIGHTED = "macro", "weighted"


class Better(StrEnum):
    """Which direction speaks for a classifier."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    NEITHER = "neither high nor low is better"


@dataclass(frozen=True)
class Measure:
    """A figure of one class against the rest, of all classes together, or of both.

    meaning: in plain words; undefined: why it is NaN, where it is. form: how a single value is shown.
    one_class, all_classes: float (R,) of the counts under R weightings, None where it does not apply, as without a set prevalence.
    share, share_of_all: where it is a proportion with Wilson's interval, the hits among the rows counted, of truth and decision
    bool (N,); of truth bool (N, C), for the classes that occur, and of how many classes int (N,) come before the true one.
    interval: of its own, of scores (N,), truth bool (N,) and group int (N,), in place of the resamples'.
    comparable: has a mean over the classes, a difference between classifiers and gaps between groups.
    brief: of those shown first, and alone where there is little room.
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
    form: str = ".2f"
    better: Better = Better.HIGHER
    comparable: bool = True
    brief: bool = False

    def __post_init__(self) -> None:
        if (self.share and not self.one_class) or (self.share_of_all and not self.all_classes) or not (self.one_class or self.all_classes):
            raise ValueError(f"{self.key}: a figure needs a formula, and a share the formula of what it is the share of")

    def title(self, beta: float) -> str:
        """The name, with the number that stands for β."""
        return self.name.replace("β", f"{beta:g}")

    @property
    def explained(self) -> str:
        return f"{self.name}: {self.meaning}; {self.better}."


def ppv_at(t: OneClass) -> np.ndarray | None:
    """PPV where this share of people has the disease (Bayes); sensitivity and specificity are taken to stay."""
    if t.prevalence is None:
        return None
    hit, alarm = sensitivity(t) * t.prevalence, (1 - specificity(t)) * (1 - t.prevalence)
    return over(hit, hit + alarm)


def npv_at(t: OneClass) -> np.ndarray | None:
    """NPV where this share of people has the disease."""
    if t.prevalence is None:
        return None
    clear, missed = specificity(t) * (1 - t.prevalence), (1 - sensitivity(t)) * t.prevalence
    return over(clear, clear + missed)


def matthews(a: AllClasses) -> np.ndarray:
    """Matthews' coefficient for several classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    spread = (a.total**2 - (a.diagnosed**2).sum(axis=-1)) * (a.total**2 - (a.decided**2).sum(axis=-1))
    return over(a.beyond_chance, np.sqrt(spread))


def weighted_kappa(a: AllClasses) -> np.ndarray:
    """Cohen's kappa with quadratic weights (Cohen 1968, doi:10.1037/h0026256), classes in the order of the matrix."""
    place = np.arange(a.matrix.shape[-1])
    apart = (place[:, None] - place) ** 2
    by_chance = np.einsum("...i,ij,...j->...", a.diagnosed, apart, a.decided)
    return 1 - over((a.matrix * apart).sum(axis=(-2, -1)) * a.total, by_chance)


def among_highest(k: int) -> Measure:
    """Whether the diagnosis is among the k highest scores; of k classes it always is, so there it does not apply."""
    return Measure(
        f"top_{k}",
        f"Among the {k} highest scores",
        f"of all images, the share whose diagnosis has one of the {k} highest scores",
        "no images",
        all_classes=lambda a: over(a.places[:k].sum(axis=0), a.total) if k < len(a.places) else None,
        share_of_all=lambda true, place: (place < k, place >= 0),
        form=".1%",
    )


MEASURES: tuple[Measure, ...] = (
    Measure(
        "auc",
        "AUC",
        "how well the score ranks this class above the others, whatever the decision",
        "only one side has images",
        one_class=lambda t: t.areas["auc"],
        interval=auc,
        brief=True,
    ),
    Measure(
        "auc_sens_80",
        "AUC, sensitivity > 80 %",
        "the part of the area under the ROC curve where at least 80 % are found",
        "only one side has images",
        one_class=lambda t: t.areas["auc_sens_80"],
    ),
    Measure(
        "average_precision",
        "Average precision",
        "mean PPV over all thresholds; always guessing gives the prevalence",
        "no images of this class",
        one_class=lambda t: t.areas["average_precision"],
        brief=True,
    ),
    Measure(
        "accuracy",
        "Accuracy",
        "of all images, the share decided rightly; of one class, rightly for or against it",
        "no images",
        one_class=lambda t: over(t.tp + t.tn, t.tp + t.fp + t.fn + t.tn),
        all_classes=lambda a: over(a.hits.sum(axis=-1), a.total),
        share=lambda true, decided: (true == decided, true | ~true),
        share_of_all=lambda true, place: (place == 0, place >= 0),
        form=".1%",
    ),
    Measure(
        "sensitivity",
        "Sensitivity",
        "of the images with this diagnosis, the share that is decided for it",
        "no images of this class",
        one_class=sensitivity,
        share=lambda true, decided: (true & decided, true),
        form=".1%",
        brief=True,
    ),
    Measure(
        "specificity",
        "Specificity",
        "of the images without this diagnosis, the share that is not decided for it",
        "only images of this class",
        one_class=specificity,
        share=lambda true, decided: (~true & ~decided, ~true),
        form=".1%",
        brief=True,
    ),
    Measure(
        "f1",
        "F1 (Dice)",
        "harmonic mean of sensitivity and PPV",
        "no images of this class and never decided for it",
        one_class=lambda t: f_beta(t, 1),
        brief=True,
    ),
    Measure(
        "f_beta",
        "F-β",
        "the same mean with sensitivity weighing β times as much",
        "no images of this class and never decided for it",
        one_class=lambda t: f_beta(t, t.beta),
    ),
    Measure(
        "jaccard",
        "Jaccard index",
        "of the images with this diagnosis or decided for it, the share that is both (Jaccard 1901)",
        "no images of this class and never decided for it",
        one_class=lambda t: over(t.tp, t.tp + t.fp + t.fn),
        share=lambda true, decided: (true & decided, true | decided),
        form=".1%",
    ),
    Measure(
        "ppv",
        "PPV",
        "of the decisions for this class, the share that is right (on this dataset's mix)",
        "never decided for this class",
        one_class=lambda t: over(t.tp, t.tp + t.fp),
        share=lambda true, decided: (true & decided, decided),
        form=".1%",
        brief=True,
    ),
    Measure(
        "npv",
        "NPV",
        "of the decisions against this class, the share that is right (on this dataset's mix)",
        "always decided for this class",
        one_class=lambda t: over(t.tn, t.tn + t.fn),
        share=lambda true, decided: (~true & ~decided, ~decided),
        form=".1%",
        brief=True,
    ),
    Measure(
        "prevalence",
        "Prevalence",
        "share of the images with this diagnosis, here",
        "no images",
        one_class=lambda t: over(t.tp + t.fn, t.tp + t.fp + t.fn + t.tn),
        share=lambda true, _: (true, true | ~true),
        form=".1%",
        better=Better.NEITHER,
        comparable=False,
    ),
    Measure(
        "ppv_at_prevalence",
        "PPV at the set prevalence",
        "where so many people have it; sensitivity and specificity taken to stay",
        "sensitivity or specificity is undefined, or nobody would be decided for this class",
        one_class=ppv_at,
        form=".1%",
        comparable=False,
    ),
    Measure(
        "npv_at_prevalence",
        "NPV at the set prevalence",
        "where so many people have it; sensitivity and specificity taken to stay",
        "sensitivity or specificity is undefined, or everybody would be decided for this class",
        one_class=npv_at,
        form=".1%",
        comparable=False,
    ),
    Measure(
        "balanced_accuracy",
        "Balanced accuracy",
        "mean of the sensitivities of the classes that occur here",
        "no images",
        all_classes=lambda a: over(a.hits, a.diagnosed)[..., a.present].mean(axis=-1),
        share_of_all=lambda true, place: (true & (place == 0)[:, None], true),
        form=".1%",
    ),
    Measure(
        "kappa",
        "Cohen's kappa",
        "agreement of diagnoses and decisions beyond chance (Cohen 1960): 0 is chance, 1 is perfect",
        "diagnoses and decisions are all of one class",
        all_classes=lambda a: over(a.beyond_chance, a.total**2 - a.by_chance),
    ),
    Measure(
        "weighted_kappa",
        "Quadratic-weighted kappa",
        "Cohen's kappa in which a mistake weighs as the square of how many classes lie between, in the card's order (Cohen 1968); it means "
        "something only where that order is one of degree",
        "diagnoses and decisions are all of one class",
        all_classes=weighted_kappa,
    ),
    Measure(
        "mcc",
        "Matthews' coefficient",
        "correlation of diagnoses and decisions: 0 is chance, 1 is perfect",
        "diagnoses or decisions are all of one class",
        all_classes=matthews,
    ),
    among_highest(2),
    among_highest(3),
)
BY_KEY = {m.key: m for m in MEASURES}
OF_A_CLASS = tuple(m for m in MEASURES if m.one_class)
OF_ALL = tuple(m for m in MEASURES if m.all_classes)
COMPARABLE = tuple(m for m in OF_A_CLASS if m.comparable)
BRIEF = tuple(m for m in OF_A_CLASS if m.brief)


def difference_name(key: str) -> str:
    """The name of a figure that two classifiers differ in, of all classes or of their mean: `kappa`, `macro auc`."""
    mean, _, of_class = key.rpartition(" ")
    return f"{BY_KEY[of_class].name}, {mean} mean" if mean else BY_KEY[key].name
