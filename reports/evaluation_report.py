"""An evaluation as one self-contained HTML file: figures, matrix, curves, groups, mistakes, and what a study report must say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.atomic import write_bytes
from data_audit.findings import Finding
from datasets.dataset import Dataset
from evaluation.calibration import brier, calibration_error, reliability
from evaluation.curves import roc_curve
from evaluation.figures import BRIEF, BY_KEY, OF_ALL
from evaluation.ranking import rank
from evaluation.readers import CLASSES, READERS
from reports.audit_charts import forest
from reports.checklist import checklist
from reports.evaluation_charts import curve_chart, reliability_chart
from reports.pictures import environment, jpeg_url, picture_url, svg

NAME = "report.html"
MISTAKES = 12
CANDIDATES = 24  # mistakes that are explained, so that enough are left where pictures cannot be read
CURVES = 3  # classes that get curves, if none is melanoma or malignant
WIDTH = 420  # pixels of a curve


def write_evaluation_report(
    dataset: Dataset,
    content: Mapping[str, Any],
    rows: pd.DataFrame,
    findings: Sequence[Finding] | None,
    folder: Path,
    card: Mapping[str, Any] | None = None,
    overlays: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """`report.html` beside `evaluation.json`, whose content it is made of."""
    path = folder / NAME
    write_bytes(path, evaluation_html(dataset, content, rows, findings, card, overlays).encode())
    return path


def evaluation_html(
    dataset: Dataset,
    content: Mapping[str, Any],
    rows: pd.DataFrame,
    findings: Sequence[Finding] | None = None,
    card: Mapping[str, Any] | None = None,
    overlays: Mapping[str, np.ndarray] | None = None,
) -> str:
    """content: of `evaluation.json`; rows: image_id, diagnosis, decision, group and a score column a class; findings: of an audit of
    the same data; card: the model card's fields; overlays: image_id → RGB picture under its heatmap, of `worst_mistakes`. Everything
    from dataset and card is escaped."""
    about = content["about"]
    told = {
        "content": content,
        "model": about.get("card") or about.get("model") or "predictions",
        "overall": [m for m in OF_ALL if m.key in content],
        "shown": BRIEF,
        "measures": BY_KEY,
        "charts": {"auc": _areas(content), "groups": [_group_forest(g) for g in content.get("groups") or []]},
        "matrix": _matrix(content),
        "curves": [_curves(rows, c) for c in _drawn(content)],
        "mistakes": _mistakes(dataset, rows, overlays or {}),
        "explained": bool(overlays),
        "findings": [f for f in findings if f.severity != "note"] if findings is not None else None,
        "card": _card(card),
        "checklist": checklist(dataset, content, card),
    }
    return environment().get_template("evaluation.html.j2").render(told)


def _areas(content: Mapping[str, Any]) -> Any:
    told = [{"name": c["name"], **c["auc"]} for c in content["per_class"] if c["auc"]["value"] is not None and c["auc"]["low"] is not None]
    return svg(forest(told, "AUC (95 % interval)", 0.5)) if told else ""


def _matrix(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, counts in zip(content["classes"], content["confusion_matrix"], strict=True):
        shares = [n / max(sum(counts), 1) for n in counts]
        cells = [{"n": n, "share": round(s, 3), "text": "white" if s > 0.55 else "inherit"} for n, s in zip(counts, shares, strict=True)]
        rows.append({"name": name, "cells": cells})
    return rows


def _drawn(content: Mapping[str, Any]) -> list[str]:
    """Classes whose curves are shown: melanoma or malignant, else the commonest."""
    told = [c for c in content["per_class"] if 0 < c["support"] < content["n_images"]]
    meant = [c["name"] for c in told if c["name"] in CLASSES]
    return meant or [c["name"] for c in sorted(told, key=lambda c: -c["support"])[:CURVES]]


def _curves(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    scores, positive, groups = rows[name].to_numpy(float), (rows["diagnosis"] == name).to_numpy(), rows["group"].to_numpy()
    n = int(groups.max()) + 1
    readers = READERS if name in CLASSES else ()
    roc = curve_chart(roc_curve(rank(scores, positive, groups, n), n), "1 − specificity", "sensitivity", None, readers, diagonal=True)
    return {
        "name": name,
        "roc": svg(roc.properties(width=WIDTH)),
        "readers": readers[0].source if readers else "",
        "reliability": svg(reliability_chart(reliability(scores, positive, groups), None).properties(width=WIDTH)),
        "error": calibration_error(scores, positive),
        "brier": brier(scores, positive).score,
    }


def worst_mistakes(rows: pd.DataFrame, most: int = CANDIDATES) -> pd.DataFrame:
    """The rows of wrong decisions, the surest first."""
    wrong = rows[rows["diagnosis"] != rows["decision"]]
    sure = np.array([row[row["decision"]] for row in wrong.to_dict("records")], float)
    return wrong.iloc[np.argsort(-sure, kind="stable")[:most]]


def _mistakes(dataset: Dataset, rows: pd.DataFrame, overlays: Mapping[str, np.ndarray]) -> list[dict[str, str]]:
    """The surest wrong decisions, with their pictures, and what the network looked at where that is known."""
    shown = []
    for row in worst_mistakes(rows, len(rows)).to_dict("records"):
        image_id = str(row["image_id"])
        picture = picture_url(dataset, image_id)
        if picture:
            told = f"{image_id}: {row['diagnosis']}, decided {row['decision']} {row[row['decision']]:.0%}"
            over = jpeg_url(overlays[image_id]) if image_id in overlays else ""
            shown.append({"src": picture, "overlay": over, "caption": told})
        if len(shown) == MISTAKES:
            break
    return shown


def _group_forest(told: Mapping[str, Any]) -> Any:
    rows = [{"name": g["group"], **g["figure"]} for g in told["groups"] if g["figure"]["low"] is not None]
    title = f"{BY_KEY[told['figure']].name} of {told['class']} (95 % interval)"
    return svg(forest(rows, title, float("nan"), share=True)) if rows else ""


def _card(card: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The card's fields in words; what was guessed says so, what nobody filled in stays open."""
    if card is None:
        return []
    guessed = set(card.get("guessed") or ())
    told = []
    for name, value in card.items():
        if name == "guessed" or value is None:
            continue
        told.append((name.replace("_", " "), _in_words(value) + (" (guessed)" if name in guessed else "")))
    return told


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
