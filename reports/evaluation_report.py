"""An evaluation as one self-contained HTML file: figures, matrix, curves, groups, mistakes, and what a study report must say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atomic import write_bytes
from data_audit.dataset import Dataset
from evaluation.calibration import brier, calibration_error, reliability
from evaluation.curves import roc_curve
from evaluation.names import FIGURES
from evaluation.ranking import rank
from evaluation.readers import CLASSES, READERS
from reports.audit_charts import forest
from reports.checklist import checklist
from reports.evaluation_charts import curve_chart, reliability_chart
from reports.pictures import environment, picture_url, svg

NAME = "report.html"
SHOWN = ("sensitivity", "specificity", "ppv", "npv", "f1", "auc", "average_precision")
MISTAKES = 12
CURVES = 3  # classes that get curves, if none is melanoma or malignant
WIDTH = 420  # pixels of a curve


def write_evaluation_report(
    dataset: Dataset, content: Mapping[str, Any], rows: pd.DataFrame, findings: Sequence[Mapping[str, Any]] | None, folder: Path
) -> Path:
    """`report.html` beside `evaluation.json`, whose content it is made of."""
    path = folder / NAME
    write_bytes(path, evaluation_html(dataset, content, rows, findings).encode())
    return path


def evaluation_html(
    dataset: Dataset, content: Mapping[str, Any], rows: pd.DataFrame, findings: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """content: of `evaluation.json`; rows: image_id, diagnosis, decision, group and a score column a class; findings: of an audit of
    the same data. Everything from the dataset is escaped."""
    telling = [f for f in findings if f["severity"] != "note"] if findings is not None else None
    return environment().get_template("evaluation.html.j2").render(
        content=content, model=content["about"].get("card") or content["about"].get("model") or "predictions", names=FIGURES, shown=SHOWN,
        charts={"auc": _areas(content)}, matrix=_matrix(content), curves=[_curves(rows, c) for c in _drawn(content)],
        mistakes=_mistakes(dataset, rows), findings=telling, checklist=checklist(dataset, content),
    )  # fmt: skip


def _areas(content: Mapping[str, Any]) -> Any:
    told = [
        {"name": c["name"], **c["auc"]}
        for c in content["per_class"]
        if c["auc"]["value"] is not None and c["auc"]["low"] is not None
    ]
    return svg(forest(told, "AUC (95 % interval)", 0.5)) if told else ""


def _matrix(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, counts in zip(content["classes"], content["confusion_matrix"], strict=True):
        shares = [n / max(sum(counts), 1) for n in counts]
        cells = [
            {"n": n, "share": round(s, 3), "text": "white" if s > 0.55 else "inherit"}
            for n, s in zip(counts, shares, strict=True)
        ]
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
    roc = curve_chart(
        roc_curve(rank(scores, positive, groups, n), n), "1 − specificity", "sensitivity", None, readers, diagonal=True
    )
    return {
        "name": name,
        "roc": svg(roc.properties(width=WIDTH)),
        "readers": readers[0].source if readers else "",
        "reliability": svg(reliability_chart(reliability(scores, positive, groups), None).properties(width=WIDTH)),
        "error": calibration_error(scores, positive),
        "brier": brier(scores, positive).score,
    }


def _mistakes(dataset: Dataset, rows: pd.DataFrame) -> list[dict[str, str]]:
    """The surest wrong decisions, with their pictures."""
    wrong = rows[rows["diagnosis"] != rows["decision"]]
    sure = np.array([row[row["decision"]] for row in wrong.to_dict("records")], float)
    shown = []
    for row in wrong.iloc[np.argsort(-sure, kind="stable")].to_dict("records"):
        picture = picture_url(dataset, str(row["image_id"]))
        if picture:
            told = f"{row['image_id']}: {row['diagnosis']}, decided {row['decision']} {row[row['decision']]:.0%}"
            shown.append({"src": picture, "caption": told})
        if len(shown) == MISTAKES:
            break
    return shown
