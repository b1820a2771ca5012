"""An evaluation as one self-contained HTML file: figures, matrix, curves, groups, mistakes, and what a study report must state."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.diagnoses import full_name
from data_audit.findings import Finding
from datasets.dataset import Dataset
from evaluation.calibration import brier, calibration_error, reliability
from evaluation.curves import roc_curve
from evaluation.figures import BY_KEY, OF_A_CLASS, OF_ALL, difference_name
from evaluation.ranking import rank
from evaluation.readers import CLASSES, READERS
from reports.audit_charts import forest
from reports.checklist import checklist
from reports.evaluation_charts import curve_chart, reliability_chart
from reports.pictures import jpeg_url, page, picture_url, svg

MISTAKES = 12
CANDIDATES = 24  # mistakes that get a heatmap, so that enough are left where images cannot be read
CURVES = 3  # classes that get curves, if none is melanoma or malignant
WIDTH = 420  # pixels of a curve


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
    of_a_class = [m for m in OF_A_CLASS if any(m.key in c for c in content["per_class"])]
    areas = [{"name": full_name(c["name"]), **c["auc"]} for c in content["per_class"] if c["auc"].get("low") is not None]
    return page(
        "evaluation.html.j2",
        content=content,
        model=about.get("card") or about.get("model") or "predictions",
        overall=[m for m in OF_ALL if m.key in content],
        brief=[m for m in of_a_class if m.brief],
        others=[m for m in of_a_class if not m.brief],
        measures=BY_KEY,
        difference_name=difference_name,
        areas=svg(forest(areas, "AUC (95 % interval)", 0.5)) if areas else "",
        groups=[(group, _group_forest(group)) for group in content.get("groups") or []],
        matrix=_matrix(content),
        curves=[_curves(rows, c) for c in _drawn(content)],
        mistakes=_mistakes(dataset, rows, overlays or {}),
        explained=bool(overlays),
        findings=[f for f in findings if f.severity != "note"] if findings is not None else None,
        card=_card(card),
        checklist=checklist(dataset, content, card),
    )


def _matrix(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, counts in zip(content["classes"], content["confusion_matrix"], strict=True):
        shares = [n / max(sum(counts), 1) for n in counts]
        cells = [{"n": n, "share": round(s, 3), "text": "white" if s > 0.55 else "inherit"} for n, s in zip(counts, shares, strict=True)]
        rows.append({"name": name, "cells": cells})
    return rows


def _drawn(content: Mapping[str, Any]) -> list[str]:
    """Classes whose curves are shown: melanoma or malignant, else the most common."""
    known = [c for c in content["per_class"] if 0 < c["support"] < content["n_images"]]
    meant = [c["name"] for c in known if c["name"] in CLASSES]
    return meant or [c["name"] for c in sorted(known, key=lambda c: -c["support"])[:CURVES]]


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
    """The rows of wrong decisions, the most confident first."""
    wrong = rows[rows["diagnosis"] != rows["decision"]]
    sure = np.array([row[row["decision"]] for row in wrong.to_dict("records")], float)
    return wrong.iloc[np.argsort(-sure, kind="stable")[:most]]


def _mistakes(dataset: Dataset, rows: pd.DataFrame, overlays: Mapping[str, np.ndarray]) -> list[dict[str, str]]:
    """The most confident wrong decisions as images, beside what the network looked at where that is known."""
    shown = []
    for row in worst_mistakes(rows, len(rows)).to_dict("records"):
        image_id = str(row["image_id"])
        picture = picture_url(dataset, image_id)
        if picture:
            caption = f"{image_id}: {row['diagnosis']}, classified as {row['decision']} ({row[row['decision']]:.0%})"
            over = jpeg_url(overlays[image_id]) if image_id in overlays else ""
            shown.append({"src": picture, "overlay": over, "caption": caption})
        if len(shown) == MISTAKES:
            break
    return shown


def _group_forest(group: Mapping[str, Any]) -> Any:
    rows = [{"name": g["group"], **g["figure"]} for g in group["groups"] if g["figure"]["low"] is not None]
    title = f"{BY_KEY[group['figure']].name} of {group['class']} (95 % interval)"
    return svg(forest(rows, title, float("nan"), share=True)) if rows else ""


def _card(card: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """The card's fields in words; guesses are marked, and fields left empty stay open."""
    card = card or {}
    guessed = set(card.get("guessed") or ())
    return [
        (name.replace("_", " "), _in_words(value) + (" (guessed)" if name in guessed else ""))
        for name, value in card.items()
        if name != "guessed" and value is not None
    ]


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
