"""Better predictions from the same networks: several put together, and scores brought to another mix of diagnoses.

Each gives a prediction table like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.errors import PredictionsError
from models.predictions import PredictionTable, by_code

SMALLEST = 1e-12  # probability, before its logarithm is taken


def mean(members: Sequence[np.ndarray], weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted mean of probabilities float (N, C) of each member; all alike without weights."""
    return np.average(np.stack(members), axis=0, weights=weights)


def majority(members: Sequence[np.ndarray], _: np.ndarray | None = None) -> np.ndarray:
    """Share of the members that decide for each class; the mean of their scores settles what is tied."""
    votes = np.stack([np.eye(m.shape[1])[m.argmax(axis=1)] for m in members]).mean(axis=0)
    settled = votes + 1e-6 * mean(members)
    return np.asarray(settled / settled.sum(axis=1, keepdims=True))


WAYS: dict[str, Callable[[Sequence[np.ndarray], np.ndarray | None], np.ndarray]] = {"mean": mean, "weighted": mean, "majority": majority}


def fit_weights(members: Sequence[np.ndarray], true: np.ndarray) -> np.ndarray:
    """float (M,) that add up to 1, under which the mean is likeliest.

    members: probabilities float (N, C) of images that none of them learned from, true int (N,). By expectation–maximisation, the
    members being the parts of a mixture (Dempster 1977, doi:10.1111/j.2517-6161.1977.tb01600.x): the loss has one minimum.
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
    """The images that all members have scores for, in the first one's order. Raises PredictionsError if they do not fit together."""
    tables = [by_code(t) for t in tables]
    first = tables[0]
    for other in tables[1:]:
        if set(other.classes) != set(first.classes):
            raise PredictionsError(
                f"the members decide between other classes: {', '.join(first.classes)}; {', '.join(other.classes)}.",
                todo="Give --rename or --classes so that they agree.",
            )
    common = set.intersection(*(set(t.image_ids) for t in tables))
    ids = [i for i in first.image_ids if i in common]
    if not ids:
        raise PredictionsError("the members have no image in common.")
    members = [aligned(t, ids, first.classes) for t in tables]
    missing = {i: "not scored by every member" for t in tables for i in (*t.image_ids, *t.errors)}
    errors = {i: reason for i, reason in missing.items() if i not in common}
    told = {f"member {k + 1}": t.about.get("model", t.about.get("file", "?")) for k, t in enumerate(tables)}
    if weights is not None:
        told |= {f"weight {k + 1}": f"{w:.4f}" for k, w in enumerate(weights)}
    return PredictionTable(tuple(ids), first.classes, WAYS[way](members, weights), None, errors, {"ensemble": way, **told})


def aligned(table: PredictionTable, image_ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Probabilities float (N, C) of these images and classes, in this order."""
    row = {i: k for k, i in enumerate(table.image_ids)}
    return table.probabilities[np.array([row[i] for i in image_ids])][:, [table.classes.index(c) for c in classes]]


def correct_prior(table: PredictionTable, taught: Mapping[str, float], wanted: Mapping[str, float] | None = None) -> PredictionTable:
    """Scores divided by the share of each class in training, times the share wanted (all alike without one), brought back to a
    sum of 1 (Saerens 2002, doi:10.1162/089976602753284446; Steppan & Hanke 2020). Raises PredictionsError for a class without a share.
    """
    missing = [c for c in table.classes if taught.get(c, 0) <= 0]
    if missing:
        raise PredictionsError(
            f"the share of {missing[0]!r} in training is not known, or nothing.", todo="Name every class with its share."
        )
    ratio = np.array([(wanted or {}).get(c, 1.0) / taught[c] for c in table.classes])
    scores = table.probabilities * ratio
    total = scores.sum(axis=1, keepdims=True)
    scores = np.where(total > 0, scores / np.where(total > 0, total, 1), table.probabilities)
    shares = ", ".join(f"{c} {taught[c]:.4f}" for c in table.classes)
    about = {**table.about, "prior_divided_by": shares}
    return PredictionTable(table.image_ids, table.classes, scores, None, table.errors, about)
