"""Better predictions from the same networks: ensembles, and scores corrected for another prevalence of the classes.

Each results in a prediction table like any other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.errors import PredictionsError
from models.predictions import PredictionTable, by_code

SMALLEST = 1e-12  # probability, before its logarithm is taken


def mean(members: Sequence[np.ndarray], weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of probabilities float (N, C) of each member; equal weights by default."""
    return np.average(np.stack(members), axis=0, weights=weights)


def majority(members: Sequence[np.ndarray], _: np.ndarray | None = None) -> np.ndarray:
    """Share of the members that vote for each class; ties are broken by the mean of their scores."""
    votes = np.stack([np.eye(m.shape[1])[m.argmax(axis=1)] for m in members]).mean(axis=0)
    untied = votes + 1e-6 * mean(members)
    return np.asarray(untied / untied.sum(axis=1, keepdims=True))


WAYS: dict[str, Callable[[Sequence[np.ndarray], np.ndarray | None], np.ndarray]] = {"mean": mean, "weighted": mean, "majority": majority}


def fit_weights(members: Sequence[np.ndarray], true: np.ndarray) -> np.ndarray:
    """float (M,) summing to 1, the maximum-likelihood weights of the mean.

    members: probabilities float (N, C) of images that none of them was trained on, true int (N,). By expectation–maximisation, the
    members being the components of a mixture (Dempster 1977, doi:10.1111/j.2517-6161.1977.tb01600.x): the loss has one minimum.
    """
    of_true = np.stack([m[np.arange(len(true)), true] for m in members])  # (M, N)
    weights = np.full(len(members), 1 / len(members))
    for _ in range(2000):
        mixed = np.maximum(weights @ of_true, SMALLEST)
        raised = weights * (of_true / mixed).mean(axis=1)
        if np.abs(raised - weights).max() < 1e-9:
            break
        weights = raised / raised.sum()
    return weights


def put_together(tables: Sequence[PredictionTable], way: str, weights: np.ndarray | None = None) -> PredictionTable:
    """The ensemble's scores of the images that all members have, in the first one's order. Raises PredictionsError if they do not match."""
    tables = [by_code(t) for t in tables]
    first = tables[0]
    for other in tables[1:]:
        if set(other.classes) != set(first.classes):
            raise PredictionsError(
                f"the members have different classes: {', '.join(first.classes)}; {', '.join(other.classes)}.",
                todo="Give --rename or --classes so that they agree.",
            )
    common = set.intersection(*(set(t.image_ids) for t in tables))
    ids = [i for i in first.image_ids if i in common]
    if not ids:
        raise PredictionsError("the members have no image in common.")
    members = [aligned(t, ids, first.classes) for t in tables]
    missing = {i: "not scored by every member" for t in tables for i in (*t.image_ids, *t.errors)}
    errors = {i: reason for i, reason in missing.items() if i not in common}
    about = {"ensemble": way}
    about |= {f"member {k}": t.about.get("model", t.about.get("file", "?")) for k, t in enumerate(tables, 1)}
    if weights is not None:
        about |= {f"weight {k}": f"{w:.4f}" for k, w in enumerate(weights, 1)}
    return PredictionTable(tuple(ids), first.classes, WAYS[way](members, weights), None, errors, about)


def aligned(table: PredictionTable, image_ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Probabilities float (N, C) of these images and classes, in this order."""
    row = {i: k for k, i in enumerate(table.image_ids)}
    return table.probabilities[np.array([row[i] for i in image_ids])][:, [table.classes.index(c) for c in classes]]


def correct_prior(table: PredictionTable, trained: Mapping[str, float], wanted: Mapping[str, float] | None = None) -> PredictionTable:
    """Scores divided by the prevalence of each class in training, times the prevalence wanted (uniform by default), renormalised
    (Saerens 2002, doi:10.1162/089976602753284446; Steppan & Hanke 2020). Raises PredictionsError for a class without a prevalence.
    """
    missing = [c for c in table.classes if trained.get(c, 0) <= 0]
    if missing:
        raise PredictionsError(f"the share of {missing[0]!r} in training is unknown or zero.", todo="Give the share of every class.")
    ratio = np.array([(wanted or {}).get(c, 1.0) / trained[c] for c in table.classes])
    scores = table.probabilities * ratio
    total = scores.sum(axis=1, keepdims=True)
    scores = np.where(total > 0, scores / np.where(total > 0, total, 1), table.probabilities)
    about = {**table.about, "prior_divided_by": ", ".join(f"{c} {trained[c]:.4f}" for c in table.classes)}
    return replace(table, probabilities=scores, logits=None, about=about)
