"""Shortcut potential: how well the label is told from what is not the lesion.

A simple learner (gradient-boosted trees) sees only markers, the skin around the lesion and how the picture was taken, and is tested on
lesions it has not seen. What it can tell, a network can learn instead of the lesion. Age, sex and site are asked apart,
since they may be real risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.runs import Run
from data_audit.associations import malignant_or_not
from data_audit.evidence import Carried, FeatureSets, ToldBy
from data_audit.findings import Finding
from datasets.dataset import Dataset
from evaluation.intervals import Figure, auc, undefined

Folds = list[tuple[np.ndarray, np.ndarray]]
STEPS = 200  # quantiles that a feature is told by
FOLDS = 5
FEWEST = 20  # lesions of either side below which nothing is said
TELLING = 0.6  # lower end of the interval of the AUC from which it is more than a note
SHOWN = 5  # features named
TAKING = ("width", "height", "aspect", "border_share")  # how the picture was taken, whatever it shows
PERSON = ("age", "sex", "site")
PERSON_SET = "age, sex and site"


@dataclass(frozen=True)
class Potential:
    """asked: which features; target: what is told apart; auc: out of fold, interval over lesions; carried: features with the
    loss of AUC when one is shuffled among the pictures held out, the largest first."""

    asked: str
    target: str
    auc: Figure
    carried: tuple[tuple[str, float], ...] = ()


def potentials(dataset: Dataset, features: Mapping[str, pd.DataFrame]) -> Run[list[Potential]]:
    """One `Potential` a set of features. features: name of the set -> frame in the table's order (numbers, NaN, or text)."""
    event, target = labels_to_tell(dataset)
    known = ~np.isnan(event)
    groups = pd.factorize(dataset.groups)[0][known]
    parts = folds(event[known] > 0, groups)
    found = []
    for done, (name, frame) in enumerate(features.items()):
        yield done, len(features)
        coded = as_numbers(frame[known])
        found.append(tell_apart(name, target, coded, event[known] > 0, groups, parts))
    yield len(features), len(features)
    return found


def folds(event: np.ndarray, groups: np.ndarray, seed: int = 0) -> Folds:
    """Rows to learn from and rows to test on, FOLDS times, groups whole and events spread evenly; none with too few groups."""
    from sklearn.model_selection import StratifiedKFold

    if min(len(np.unique(groups[event])), len(np.unique(groups[~event]))) < FEWEST:
        return []
    _, group = np.unique(groups, return_inverse=True)
    with_event = np.bincount(group, event) > 0
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(with_event, with_event)
    held = [np.isin(group, test) for _, test in parts]
    return [(np.flatnonzero(~h), np.flatnonzero(h)) for h in held]


def tell_apart(
    name: str, target: str, features: pd.DataFrame, event: np.ndarray, groups: np.ndarray, parts: Folds, seed: int = 0
) -> Potential:
    """AUC of telling the events from the others by these features, cross-validated by `folds`.

    features float (N, k), NaN allowed; event bool (N,); groups int (N,).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits

    told = features.loc[:, features.nunique(dropna=False) > 1]
    if not parts:
        return Potential(name, target, undefined(f"fewer than {FEWEST} lesions on one side"))
    if told.empty:
        return Potential(name, target, undefined("these features are the same in all images"))
    values = in_steps(told.to_numpy(float))
    rng = np.random.default_rng(seed)
    scores = np.zeros(len(event))
    shuffled = np.zeros((told.shape[1], len(event)))
    with threadpool_limits(1):  # trees this small are slower on many cores
        for train, test in parts:
            trees = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=8,
                learning_rate=0.1,
                min_samples_leaf=20,
                l2_regularization=1,
                random_state=seed,
                class_weight="balanced",
                early_stopping=False,
            ).fit(values[train], event[train])
            scores[test] = trees.predict_proba(values[test])[:, 1]
            for k in range(values.shape[1]):
                changed = values[test].copy()
                changed[:, k] = rng.permutation(changed[:, k])
                shuffled[k, test] = trees.predict_proba(changed)[:, 1]
    whole = auc(scores, event, groups)
    lost = [(str(c), whole.value - float(roc_auc_score(event, shuffled[k]))) for k, c in enumerate(told.columns)]
    carried = tuple(sorted((x for x in lost if x[1] > 0.002), key=lambda x: -x[1])[:SHOWN])
    return Potential(name, target, whole, carried)


def in_steps(values: np.ndarray) -> np.ndarray:
    """float (N, k): each column as the number of its quantile, NaN where it is NaN. Trees see only the order anyway, and so
    fine a grid need not be made anew for every fold."""
    stepped = np.full(values.shape, np.nan)
    for k, column in enumerate(values.T):
        known = ~np.isnan(column)
        edges = np.unique(np.quantile(column[known], np.linspace(0, 1, STEPS + 1)[1:-1])) if known.any() else np.zeros(0)
        stepped[known, k] = np.searchsorted(edges, column[known])
    return stepped


def labels_to_tell(dataset: Dataset) -> tuple[np.ndarray, str]:
    """float (N,) 1, 0 or NaN, and its name: malignant or not; where no diagnosis is malignant, the commonest or not."""
    named = dataset.table["diagnosis"]
    event = named.map(malignant_or_not).to_numpy(float)
    if np.nansum(event) > 0 or not dataset.classes:
        return event, "malignant"
    first = dataset.classes[0]
    return np.where(named.isna(), np.nan, (named == first).astype(float)), first


def as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Text and truth values as numbers of their kinds, the commonest first; missing stays NaN."""
    coded = {}
    for column in frame:
        values = frame[column]
        if pd.api.types.is_numeric_dtype(values):
            coded[column] = values.astype(float)
        else:
            order = {v: float(k) for k, v in enumerate(values.value_counts().index)}
            coded[column] = values.map(order).astype(float)
    return pd.DataFrame(coded, index=frame.index)


def potential_findings(found: list[Potential]) -> list[Finding]:
    """What is told from the picture without the lesion is one finding; age, sex and site are a note of their own."""
    picture = [p for p in found if p.asked != PERSON_SET and p.auc.defined]
    person = [p for p in found if p.asked == PERSON_SET and p.auc.defined and p.auc.low > 0.5]
    findings = [_person(p) for p in person]
    best = max(picture, key=lambda p: p.auc.low, default=None)
    if best is not None and best.auc.low > 0.5:
        others = "; ".join(f"{p.asked} {p.auc:.2f}" for p in picture if p is not best)
        findings.append(
            Finding(
                "told without the lesion",
                "moderate" if best.auc.low >= TELLING else "note",
                f"{_what(best)} is told from {best.asked} with an AUC of {best.auc:.2f}; chance is .50. "
                f"{_carried(best)}" + (f" From the others: {others}." if others else ""),
                (),
                FeatureSets(tuple(told_by(p) for p in picture)),
                "A network can learn this instead of the lesion: balance or crop the pictures, and compare every classifier with this AUC.",
            )
        )
    return findings


def _person(p: Potential) -> Finding:
    return Finding(
        "told by age, sex and site",
        "note",
        f"{_what(p)} is told from {p.asked} with an AUC of {p.auc:.2f}; chance is .50. {_carried(p)}",
        (),
        FeatureSets((told_by(p),)),
        "It may be real risk. Report what it alone achieves, and figures by it.",
    )


def _what(p: Potential) -> str:
    return "Malignancy" if p.target == "malignant" else f"The diagnosis {p.target}"


def _carried(p: Potential) -> str:
    by = ", ".join(f"{name.replace('_', ' ')} {loss:.3f}" for name, loss in p.carried)
    return f"What it loses when one is shuffled: {by}." if by else "No single feature carries it."


def told_by(p: Potential) -> ToldBy:
    """As it is written down."""
    return ToldBy(p.asked, p.target, p.auc.value, p.auc.low, p.auc.high, p.auc.reason, tuple(Carried(*c) for c in p.carried))
