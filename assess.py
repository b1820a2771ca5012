"""Predictions × dataset → `Assessment`: who was judged, who was left out and why, and the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

import diagnoses
from data_audit.dataset import Dataset
from errors import PredictionsError
from evaluation.evaluate import Evaluation, evaluate
from evaluation.intervals import Figure
from models.predictions import PredictionTable, merge_classes
from version import __version__


@dataclass(frozen=True)
class Assessment:
    """rows: image_id, diagnosis (the classifier's class), decision, and a score column a class.

    left_out: reason -> number of images, so that a figure never speaks of images it did not see.
    """

    evaluation: Evaluation
    rows: pd.DataFrame
    left_out: Mapping[str, int]
    mapping: Mapping[str, str]
    about: Mapping[str, str]


def assess(
    predictions: PredictionTable, dataset: Dataset, rename: Mapping[str, str] | None = None, split: str | None = None
) -> Assessment:
    """Join by image id, bring labels to the classifier's classes, evaluate.

    rename: dataset label -> code, before the vocabulary. split: only these images.
    Raises PredictionsError if nothing is left to judge.
    """
    table = dataset.table
    left_out: dict[str, int] = {}
    if split:
        left_out[f"not in split {split!r}"] = int((table["split"] != split).sum())
        table = table[table["split"] == split]
    labels = table["diagnosis"]
    if rename:
        labels = table["label"].map(dict(rename)).where(table["label"].isin(list(rename)), labels)
    classes, scores = merge_classes([diagnoses.code_or_name(c) for c in predictions.classes], predictions.probabilities)
    mapping = diagnoses.label_map(labels.dropna().unique(), classes)
    order = {image_id: i for i, image_id in enumerate(predictions.image_ids)}
    at = table["image_id"].map(order)
    true = labels.map(mapping)
    unread = table["image_id"].isin(list(predictions.errors))
    left_out |= {
        "without a prediction": int((at.isna() & ~unread).sum()),
        "unreadable or without a score": int((at.isna() & unread).sum()),
        "without a diagnosis": int((at.notna() & labels.isna()).sum()),
        "of a diagnosis the classifier has no class for": int((at.notna() & labels.notna() & true.isna()).sum()),
    }
    kept = at.notna() & true.notna()
    if not kept.any():
        raise PredictionsError(
            "no image has both a prediction and a diagnosis of these classes.", dataset.name,
            f"Predictions: {', '.join(classes)}; dataset: {', '.join(map(str, dataset.classes[:12])) or 'no diagnoses'}.",
        )  # fmt: skip
    index = at[kept].astype(int).to_numpy()
    codes = np.array([classes.index(c) for c in true[kept]])
    kept_scores = scores[index]
    evaluation = evaluate(codes, kept_scores, classes, dataset.groups[table.index][kept].astype(str).to_numpy())
    rows = pd.DataFrame({"image_id": table["image_id"][kept].to_numpy(), "diagnosis": true[kept].to_numpy()})
    rows["decision"] = np.array(classes)[kept_scores.argmax(1)]
    rows[list(classes)] = kept_scores
    about = {**predictions.about, "lesionlens_version": __version__, "dataset": dataset.name,
             "dataset_sha256": dataset.sha256, "split": split or "all"}  # fmt: skip
    told = {label: code for label, code in mapping.items() if code is not None and code != label}
    return Assessment(evaluation, rows, {k: v for k, v in left_out.items() if v}, told, about)


def as_json(assessment: Assessment) -> dict[str, Any]:
    """`evaluation.json`: plain values, undefined figures as null with their reason."""
    e = assessment.evaluation
    return {
        "about": dict(assessment.about),
        "decision_rule": e.decision_rule,
        "n_images": e.n_images,
        "n_lesions_or_images": e.n_groups,
        "left_out": dict(assessment.left_out),
        "labels_mapped": dict(assessment.mapping),
        "classes": list(e.classes),
        "confusion_matrix": e.matrix.tolist(),
        "accuracy": _figure(e.accuracy),
        "majority_baseline": {"value": e.majority_baseline, "class": e.majority_class},
        "balanced_accuracy": _figure(e.balanced_accuracy),
        "averages": {kind: {k: _number(v) for k, v in values.items()} for kind, values in e.averages.items()},
        "per_class": [
            {k: _figure(v) if isinstance(v, Figure) else v for k, v in vars(figures).items()} for figures in e.per_class
        ],
    }


def class_table(evaluation: Evaluation) -> pd.DataFrame:
    """A row a class: support and each figure with its interval's ends."""
    rows = []
    for figures in evaluation.per_class:
        row: dict[str, Any] = {"class": figures.name, "support": figures.support}
        for name in ("sensitivity", "specificity", "ppv", "npv", "f1", "auc"):
            figure = getattr(figures, name)
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
            row[f"{name}_reason"] = figure.reason
        rows.append(row)
    return pd.DataFrame(rows)


def _figure(figure: Figure) -> dict[str, Any]:
    return {k: _number(v) for k, v in asdict(figure).items() if v != ""}


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
