"""Shortcut potential: how well the label can be predicted without looking at the lesion.

Gradient-boosted trees see only markers, the skin around the lesion and how the image was taken, and are tested on held-out
lesions. Whatever they predict from, a network can learn instead of the lesion. Age, sex and site are tested separately, since they
may be real risk factors.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.diagnoses import full_name
from core.runs import Run
from data_audit.associations import is_malignant
from data_audit.evidence import Carried, FeatureSets, Potential
from data_audit.findings import Finding
from datasets.dataset import Dataset
from evaluation.intervals import auc

Folds = list[tuple[np.ndarray, np.ndarray]]
STEPS = 200  # quantiles to which a feature is reduced
FOLDS = 5
FEWEST = 20  # lesions required on either side
PREDICTABLE = 0.6  # lower limit of the AUC's interval from which it is more than a note
SHOWN = 5  # features named
TREES = {"max_iter": 50, "max_leaf_nodes": 8, "min_samples_leaf": 20, "learning_rate": 0.1, "l2_regularization": 1}
TAKING = ("width", "height", "aspect", "border_share")  # how the image was taken, whatever it shows
PERSON = ("age", "sex", "site")
PERSON_SET = "age, sex and site"


def potentials(dataset: Dataset, features: Mapping[str, pd.DataFrame]) -> Run[list[Potential]]:
    """One `Potential` a set of features. features: name of the set -> frame in the table's order (numbers, NaN, or text)."""
    event, target = target_labels(dataset)
    known = ~np.isnan(event)
    groups = pd.factorize(dataset.groups)[0][known]
    parts = folds(event[known] > 0, groups)
    found = []
    for done, (name, frame) in enumerate(features.items()):
        yield done, len(features)
        coded = as_numbers(frame[known])
        found.append(discriminate(name, target, coded, event[known] > 0, groups, parts))
    yield len(features), len(features)
    return found


def folds(event: np.ndarray, groups: np.ndarray, seed: int = 0) -> Folds:
    """Training and test rows of FOLDS folds, stratified by event, with whole groups held out; none with too few groups."""
    from sklearn.model_selection import StratifiedKFold

    if min(len(np.unique(groups[event])), len(np.unique(groups[~event]))) < FEWEST:
        return []
    _, group = np.unique(groups, return_inverse=True)
    with_event = np.bincount(group, event) > 0
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(with_event, with_event)
    held = [np.isin(group, test) for _, test in parts]
    return [(np.flatnonzero(~h), np.flatnonzero(h)) for h in held]


def discriminate(
    name: str, target: str, features: pd.DataFrame, event: np.ndarray, groups: np.ndarray, parts: Folds, seed: int = 0
) -> Potential:
    """AUC of predicting the events from these features, cross-validated over `parts`.

    features float (N, k), NaN allowed; event bool (N,); groups int (N,).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits

    varying = features.loc[:, features.nunique(dropna=False) > 1]
    if not parts or varying.empty:
        reason = "these features are the same in all images" if parts else f"fewer than {FEWEST} lesions in one class"
        return Potential(name, target, np.nan, np.nan, np.nan, reason)
    values = in_steps(varying.to_numpy(float))
    rng = np.random.default_rng(seed)
    scores = np.zeros(len(event))
    shuffled = np.zeros((varying.shape[1], len(event)))
    with threadpool_limits(1):  # trees this small are slower on many cores
        for train, test in parts:
            trees = HistGradientBoostingClassifier(**TREES, class_weight="balanced", early_stopping=False, random_state=seed)
            trees.fit(values[train], event[train])
            scores[test] = trees.predict_proba(values[test])[:, 1]
            for k in range(values.shape[1]):
                changed = values[test].copy()
                changed[:, k] = rng.permutation(changed[:, k])
                shuffled[k, test] = trees.predict_proba(changed)[:, 1]
    whole = auc(scores, event, groups)
    lost = [Carried(str(c), whole.value - float(roc_auc_score(event, shuffled[k]))) for k, c in enumerate(varying.columns)]
    carried = sorted((x for x in lost if x.loss > 0.002), key=lambda x: -x.loss)[:SHOWN]
    return Potential(name, target, whole.value, whole.low, whole.high, whole.reason, tuple(carried))


def in_steps(values: np.ndarray) -> np.ndarray:
    """float (N, k): each column as the number of its quantile, NaN where it is NaN. Trees use the order alone."""
    stepped = np.full(values.shape, np.nan)
    for k, column in enumerate(values.T):
        known = ~np.isnan(column)
        edges = np.unique(np.quantile(column[known], np.linspace(0, 1, STEPS + 1)[1:-1])) if known.any() else np.zeros(0)
        stepped[known, k] = np.searchsorted(edges, column[known])
    return stepped


def target_labels(dataset: Dataset) -> tuple[np.ndarray, str]:
    """float (N,) 1, 0 or NaN, and its name: malignant or not; where no diagnosis is malignant, the commonest or not."""
    named = dataset.table["diagnosis"]
    event = named.map(is_malignant).to_numpy(float)
    if np.nansum(event) > 0 or not dataset.classes:
        return event, "malignant"
    first = dataset.classes[0]
    return np.where(named.isna(), np.nan, (named == first).astype(float)), first


def as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as integers, the commonest first; missing stays NaN."""
    coded = {}
    for column, values in frame.items():
        order = {v: k for k, v in enumerate(values.value_counts().index)}
        coded[column] = (values if pd.api.types.is_numeric_dtype(values) else values.map(order)).astype(float)
    return pd.DataFrame(coded, index=frame.index)


def potential_findings(found: list[Potential]) -> list[Finding]:
    """Prediction without the lesion is one finding; prediction from age, sex and site a note of its own."""
    findings = [
        Finding(
            "predictable from age, sex and site",
            "note",
            _prediction(p),
            (),
            FeatureSets((p,)),
            "These may be real risk factors. Report what they achieve alone, and results by each of them.",
        )
        for p in found
        if p.asked == PERSON_SET and p.low > 0.5
    ]
    image = [p for p in found if p.asked != PERSON_SET and not np.isnan(p.auc)]
    best = max(image, key=lambda p: p.low, default=None)
    if best is not None and best.low > 0.5:
        others = "; ".join(f"{p.asked} {p.figure:.2f}" for p in image if p is not best)
        findings.append(
            Finding(
                "predictable without the lesion",
                "moderate" if best.low >= PREDICTABLE else "note",
                _prediction(best) + (f" From the others: {others}." if others else ""),
                (),
                FeatureSets(tuple(image)),
                "A network can learn this instead of the lesion: balance or crop the images, and compare every classifier with this AUC.",
            )
        )
    return findings


def _prediction(p: Potential) -> str:
    what = "Malignancy" if p.target == "malignant" else f"The diagnosis {full_name(p.target)}"
    losses = ", ".join(f"{c.feature.replace('_', ' ')} {c.loss:.3f}" for c in p.carried)
    features = f"AUC lost when one is shuffled: {losses}." if losses else "No single feature carries it."
    return f"{what} can be predicted from {p.asked} with an AUC of {p.figure:.2f} (0.5 is chance). {features}"
