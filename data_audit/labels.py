"""Labels that may be wrong: confident learning on predictions (Northcutt 2021, doi:10.1613/jair.1.12125), and what a
diagnosis rests on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_audit.evidence import Confirmations, DoubtfulLabel, DoubtfulLabels
from data_audit.findings import Finding
from datasets.dataset import Dataset

FEWEST = 5  # images of a class below which nothing is said about its labels
HISTOLOGY = ("histo", "histopathology", "histology", "biopsy", "pathology", "excision")


def label_errors(judged: pd.DataFrame) -> pd.DataFrame:
    """Images whose label the predictions contradict, the least credible first: image_id, diagnosis, suggested, credibility.

    judged: image_id, diagnosis, and one probability column a class; the classifier must not have learned from these images.
    credibility: self-confidence, the probability of the label as it stands, 0…1. Empty where no class has enough images.
    """
    from cleanlab.filter import find_label_issues

    counts = judged["diagnosis"].value_counts()
    classes = [c for c in judged.columns if counts.get(c, 0) >= FEWEST]
    rows = judged[judged["diagnosis"].isin(classes)]
    if len(classes) < 2:
        return pd.DataFrame({"image_id": [], "diagnosis": [], "suggested": [], "credibility": []})
    scores = rows[classes].to_numpy(float)
    scores = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)
    labels = np.array([classes.index(d) for d in rows["diagnosis"]])
    ranked = find_label_issues(labels, scores, return_indices_ranked_by="self_confidence", n_jobs=1)
    return pd.DataFrame(
        {
            "image_id": rows["image_id"].to_numpy(object)[ranked],
            "diagnosis": [classes[k] for k in labels[ranked]],
            "suggested": [classes[k] for k in scores[ranked].argmax(axis=1)],
            "credibility": scores[ranked, labels[ranked]],
        }
    )


def label_findings(dataset: Dataset, judged: pd.DataFrame | None) -> list[Finding]:
    """Doubtful labels where predictions are given, and diagnoses that no histology confirms."""
    return ([] if judged is None else _doubtful(judged)) + _unconfirmed(dataset)


def _doubtful(judged: pd.DataFrame) -> list[Finding]:
    doubtful = label_errors(judged)
    if doubtful.empty:
        return []
    n = len(judged)
    return [
        Finding(
            "labels that may be wrong",
            "moderate",
            f"{len(doubtful):,} of {n:,} images ({len(doubtful) / n:.1%}) bear a label that the predictions contradict; the least "
            "credible come first. The classifier may be the one that errs.",
            tuple(doubtful["image_id"]),
            DoubtfulLabels(tuple(DoubtfulLabel(*row) for row in doubtful.itertuples(index=False))),
            "Have the first ones read again by an expert. Use only predictions by a classifier that did not learn from these images.",
        )
    ]


def _unconfirmed(dataset: Dataset) -> list[Finding]:
    table = dataset.table
    told = table["confirmation"].notna()
    if not told.any():
        return []
    proven = table["confirmation"].astype(str).str.lower().str.startswith(HISTOLOGY)
    other = told & ~proven
    if not other.any():
        return []
    ways = table["confirmation"][other].value_counts()
    by_class = {d: float(other[told & (table["diagnosis"] == d)].mean()) for d in dataset.classes}
    consensus = told & table["confirmation"].astype(str).str.lower().str.contains("consensus")
    counted = ", ".join(f"{name} {count:,}" for name, count in ways.items())
    return [
        Finding(
            "diagnoses without histology",
            "note",
            f"{int(other.sum()):,} of {int(told.sum()):,} diagnoses ({other.sum() / told.sum():.1%}) do not rest on histology: "
            f"{counted}." + (f" {int(consensus.sum()):,} rest on consensus alone." if consensus.any() else ""),
            tuple(table["image_id"][consensus if consensus.any() else other]),
            Confirmations({str(way): int(n) for way, n in ways.items()}, by_class),
            "Report results for diagnoses confirmed by histology and for the others apart.",
        )
    ]
