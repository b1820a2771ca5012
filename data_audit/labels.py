"""Label quality: confident learning on predictions (Northcutt 2021, doi:10.1613/jair.1.12125), and histological confirmation."""

import numpy as np
import pandas as pd

from core.wording import count
from data_audit.evidence import Confirmations, DoubtfulLabel, DoubtfulLabels
from data_audit.findings import Finding
from datasets.dataset import Dataset

FEWEST = 5  # images a class needs for its labels to be checked
HISTOLOGY = ("histo", "histopathology", "histology", "biopsy", "pathology", "excision")


def label_errors(judged: pd.DataFrame) -> list[DoubtfulLabel]:
    """Labels the predictions contradict, the least credible first. Credibility is self-confidence: the probability of the label.

    judged: image_id, diagnosis, and a probability column per class, by a classifier that was not trained on these images. Empty where
    fewer than two classes have enough images.
    """
    from cleanlab.filter import find_label_issues

    counts = judged["diagnosis"].value_counts()
    classes = [c for c in judged.columns if counts.get(c, 0) >= FEWEST]
    rows = judged[judged["diagnosis"].isin(classes)]
    if len(classes) < 2:
        return []
    scores = rows[classes].to_numpy(float)
    scores = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-12)
    labels = np.array([classes.index(d) for d in rows["diagnosis"]])
    ids = rows["image_id"].tolist()
    ranked = find_label_issues(labels, scores, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [DoubtfulLabel(ids[k], classes[labels[k]], classes[scores[k].argmax()], float(scores[k, labels[k]])) for k in ranked]


def label_findings(dataset: Dataset, judged: pd.DataFrame | None) -> list[Finding]:
    """Doubtful labels where predictions are given, and diagnoses that no histology confirms."""
    return ([] if judged is None else _doubtful(judged)) + _unconfirmed(dataset)


def _doubtful(judged: pd.DataFrame) -> list[Finding]:
    doubtful = label_errors(judged)
    if not doubtful:
        return []
    share = f"{len(doubtful):,} of {count(len(judged), 'image')} ({len(doubtful) / len(judged):.1%})"
    return [
        Finding(
            "labels that may be wrong",
            "moderate",
            f"Labels contradicted by the predictions: {share}, the least credible first. The classifier may also be wrong.",
            tuple(d.image_id for d in doubtful),
            DoubtfulLabels(tuple(doubtful)),
            "Have an expert review the first ones. Use only predictions by a classifier that was not trained on these images.",
        )
    ]


def _unconfirmed(dataset: Dataset) -> list[Finding]:
    table = dataset.table
    ways = table["confirmation"].astype(str).str.lower()
    known = table["confirmation"].notna()
    other = known & ~ways.str.startswith(HISTOLOGY)
    if not other.any():
        return []
    counts = table["confirmation"][other].value_counts()
    by_class = {d: float(other[known & (table["diagnosis"] == d)].mean()) for d in dataset.classes}
    consensus = known & ways.str.contains("consensus")
    listed = ", ".join(f"{name} {n:,}" for name, n in counts.items())
    share = f"{int(other.sum()):,} of {int(known.sum()):,} ({other.sum() / known.sum():.1%})"
    return [
        Finding(
            "diagnoses without histology",
            "note",
            f"Diagnoses not confirmed by histology: {share}: {listed}."
            + (f" By consensus alone: {int(consensus.sum()):,}." if consensus.any() else ""),
            tuple(table["image_id"][consensus if consensus.any() else other]),
            Confirmations({str(way): int(n) for way, n in counts.items()}, by_class),
            "Report results separately for diagnoses confirmed by histology and for the others.",
        )
    ]
