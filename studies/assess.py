"""Predictions × dataset → `Assessment`: which images were evaluated, which were left out and why, and the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from core import diagnoses
from core.errors import PredictionsError
from core.exports import plain
from core.version import __version__
from data_audit.groupings import Grouping, of_images
from datasets.dataset import Dataset
from evaluation.comparison import Comparison, caution, compare
from evaluation.evaluate import USUAL, Evaluation, How, evaluate
from evaluation.figures import OF_A_CLASS
from evaluation.groups import GroupFigure, by_group
from evaluation.intervals import Figure
from evaluation.multiple import corrected_together
from evaluation.rules import Rule, decide
from models.predictions import PredictionTable, merge_classes

QUICK = How(resamples=0)  # where only the rows are wanted


@dataclass(frozen=True)
class Assessment:
    """rows: image_id, diagnosis (the classifier's class), decision (the highest score), group (number of the patient, else
    of the lesion, else of the image), and a score column per class. counted: the word for what `group` numbers.

    left_out: reason → number of images.
    """

    evaluation: Evaluation
    rows: pd.DataFrame
    left_out: Mapping[str, int]
    mapping: Mapping[str, str]
    about: Mapping[str, str]
    how: How = USUAL
    counted: str = "lesions"


def assess(
    predictions: PredictionTable, dataset: Dataset, rename: Mapping[str, str] | None = None, split: str | None = None, how: How = USUAL
) -> Assessment:
    """Join by image id, map labels to the classifier's classes, evaluate.

    rename: dataset label -> code, before the vocabulary. split: only these images. Raises PredictionsError if no image is left.
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
            "no image has both a prediction and a diagnosis among the classes.",
            dataset.name,
            f"Predictions: {', '.join(classes)}; dataset: {', '.join(map(str, dataset.classes[:12])) or 'no diagnoses'}.",
        )
    index = at[kept].astype(int).to_numpy()
    codes = np.array([classes.index(c) for c in true[kept]])
    kept_scores = scores[index]
    unknown = [c for c in how.prevalence if c not in classes] + _without_class(how.rule, classes)
    if unknown:
        raise PredictionsError(
            f"{unknown[0]!r} is not a class, so no prevalence or threshold can be set for it.", todo=f"Classes: {', '.join(classes)}."
        )
    groups = dataset.clusters[table.index][kept].to_numpy(str)
    evaluation = evaluate(codes, kept_scores, classes, groups, how)
    rows = pd.DataFrame({"image_id": table["image_id"][kept].to_numpy(), "diagnosis": true[kept].to_numpy()})
    rows["decision"] = np.array(classes)[kept_scores.argmax(1)]
    rows["group"] = np.unique(groups, return_inverse=True)[1]
    rows[list(classes)] = kept_scores
    about = {
        **predictions.about,
        "lesionlens_version": __version__,
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "split": split or "all",
    }
    changed = {label: code for label, code in mapping.items() if code is not None and code != label}
    return Assessment(evaluation, rows, {k: v for k, v in left_out.items() if v}, changed, about, how, dataset.counted)


def shares(predictions: PredictionTable, dataset: Dataset, split: str | None, rename: Mapping[str, str] | None = None) -> dict[str, float]:
    """Prevalence of each of the classifier's classes in a split, or in all images with a diagnosis, whether predicted or not: scores of
    a classifier trained on them are divided by these."""
    labels = dataset.table["diagnosis"] if split is None else dataset.table["diagnosis"][dataset.table["split"] == split]
    if rename:
        labels = dataset.table["label"].map(dict(rename)).reindex(labels.index).fillna(labels)
    true = labels.map(diagnoses.label_map(labels.dropna().unique(), predictions.classes))
    counted = true.value_counts(normalize=True)
    of_code = {str(code): float(share) for code, share in counted.items()}
    return {c: of_code[code] for c in predictions.classes if (code := diagnoses.code_or_name(c)) in of_code}


def figures_by(judged: Assessment, dataset: Dataset, asked: Sequence[tuple[Grouping, str, str]]) -> list[list[GroupFigure]]:
    """For each grouping, class and figure asked about, the figure by group, under the assessment's decision rule; q is over all of them."""
    rows, classes = judged.rows, list(judged.evaluation.classes)
    decided, groups = decide(judged.how.rule, rows[classes].to_numpy(float), classes), rows["group"].to_numpy()

    def of_one(grouping: Grouping, name: str, figure: str) -> list[GroupFigure]:
        values = of_images(grouping, dataset, rows["image_id"].tolist())
        scores, positive, chosen = rows[name].to_numpy(float), (rows["diagnosis"] == name).to_numpy(), decided[:, classes.index(name)]
        return by_group(scores, positive, chosen, groups, values, figure, judged.how.beta, judged.how.seed)

    return corrected_together([of_one(*one) for one in asked])


def compared(first: Assessment, second: Assessment) -> Comparison:
    """The second minus the first, on the images of both. Raises PredictionsError if they share none or differ in classes."""
    classes = first.evaluation.classes
    if set(classes) != set(second.evaluation.classes):
        raise PredictionsError(
            f"the two cannot be compared: one has the classes {', '.join(classes)}, the other {', '.join(second.evaluation.classes)}."
        )
    both = first.rows.merge(second.rows, on=["image_id", "diagnosis"], suffixes=("", " second"))
    if both.empty:
        raise PredictionsError("the two cannot be compared: they have no image in common.")
    codes = both["diagnosis"].map({c: k for k, c in enumerate(classes)}).to_numpy(int)
    one, two = (both[[f"{c}{end}" for c in classes]].to_numpy(float) for end in ("", " second"))
    return compare(codes, one, two, classes, both["group"].to_numpy(), first.how)


def comparison_json(c: Comparison) -> dict[str, Any]:
    """The second minus the first, as plain values."""
    return plain(
        {
            "n_images": c.n_images,
            "n_lesions_or_images": c.n_groups,
            "differences": {name: _figure(f) for name, f in c.differences.items()},
            "per_class": {who: {name: _figure(f) for name, f in figures.items()} for who, figures in c.per_class.items()},
            "confusion_matrix_difference": c.matrix.tolist(),
            "right_only_by_the_second": c.better,
            "right_only_by_the_first": c.worse,
            "mcnemar_p": c.p,
            "caution": caution(c),
        }
    )


def _without_class(rule: Rule, classes: Sequence[str]) -> list[str]:
    return [c for c in rule.thresholds if c not in classes] if isinstance(rule.thresholds, Mapping) else []


def as_json(assessment: Assessment) -> dict[str, Any]:
    """`evaluation.json`: plain values, undefined figures as null with their reason."""
    e = assessment.evaluation
    return plain(
        {
            "about": assessment.about,
            "decision_rule": e.decision_rule,
            "n_images": e.n_images,
            "n_lesions_or_images": e.n_groups,
            "counted": assessment.counted,
            "left_out": assessment.left_out,
            "labels_mapped": assessment.mapping,
            "classes": e.classes,
            "beta": e.beta,
            "resamples": e.resamples,
            "confusion_matrix": e.matrix.tolist(),
            "majority_baseline": {"value": e.majority_baseline, "class": e.majority_class},
            **{key: _figure(figure) for key, figure in e.figures.items()},
            "top": {key.removeprefix("top_"): _figure(figure) for key, figure in e.figures.items() if key.startswith("top_")},
            "averages": {kind: {k: v.value for k, v in values.items()} for kind, values in e.averages.items()},
            "averages_interval": {kind: {k: [v.low, v.high] for k, v in values.items()} for kind, values in e.averages.items()},
            "per_class": [{"name": c.name, "support": c.support, **{k: _figure(f) for k, f in c.figures.items()}} for c in e.per_class],
        }
    )


def class_table(evaluation: Evaluation) -> pd.DataFrame:
    """A row per class: support and each figure with its interval."""
    rows = []
    for one in evaluation.per_class:
        row: dict[str, Any] = {"class": one.name, "support": one.support}
        for key in (m.key for m in OF_A_CLASS if m.key in one.figures):
            figure = one[key]
            row |= {key: figure.value, f"{key}_low": figure.low, f"{key}_high": figure.high, f"{key}_reason": figure.reason}
        rows.append(row)
    return pd.DataFrame(rows)


def _figure(figure: Figure) -> dict[str, Any]:
    return {k: v for k, v in asdict(figure).items() if v or k in ("value", "low", "high")}
