"""What the lab says of a dataset, as `shortcuts.json`: verdicts, effects, the table of Winkler 2019, and whether attention agrees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.atomic import write_bytes
from core.diagnoses import MALIGNANT
from core.errors import DatasetError
from core.exports import plain
from core.runs import Run, part
from data_audit.markers.present import known_markers, label_columns, yes_or_no
from datasets.dataset import Dataset
from evaluation.intervals import Figure, mean, undefined
from models.classifier import Classifier
from shortcuts.alarms import count_alarms
from shortcuts.effects import effects_of
from shortcuts.examples import write_examples
from shortcuts.plan import Plan, chosen
from shortcuts.rule import ATTENDS, FEWEST, FLIPS, LEVEL, MOVES, ON_LESION
from shortcuts.run import run_dataset
from shortcuts.table import write_trials
from shortcuts.verdict import Judged, judge, judged_trials, on_lesion
from shortcuts.winkler import sensitivity_specificity

# (heat lies on the marker, the marker is used) → what to make of it
AGREEMENT: dict[tuple[bool, bool], str] = {
    (True, True): "attention and effect agree: the heat lies on it and it moves the scores",
    (False, True): "it moves the scores although the heat does not lie on it: heatmaps alone would have missed it",
    (True, False): "the heat lies on it, but changing it is not seen to move the scores: a heatmap alone would have accused it",
    (False, False): "neither does the heat lie on it nor is it seen to move the scores",
}


def try_dataset(
    classifier: Classifier, data: Dataset, split: str | None, plan: Plan, about: Mapping[str, str], folder: Path
) -> Run[tuple[dict[str, Any], list[Judged]]]:
    """The whole of it: choose photographs, try the markers, judge, and keep `trials.parquet` and `shortcuts.json` in the folder, the
    latter last. Raises DatasetError where there is no photograph."""
    ids = chosen(data, plan, known_bearing(data), split)
    if not ids:
        raise DatasetError("holds no image with a picture" + (f" in split {split!r}." if split else "."), data.name)
    folder.mkdir(parents=True, exist_ok=True)
    running = run_dataset(classifier, data, ids, plan, about, folder / ".trials.part.parquet")
    trials = yield from part(running, 0, 0.6) if plan.again else running
    alarms = (yield from part(count_alarms(trials, classifier.card.codes), 0.6, 1)) if plan.again else None
    judged = judge(trials, classifier.card.codes, plan.markers)
    examples = write_examples(classifier.card, data, trials, plan, folder)
    told = summary(trials, judged, classifier.card.codes, about)
    content = plain({**told, "false_alarms": asdict(alarms) if alarms else None, "examples": examples})
    write_trials(trials, about, folder / "trials.parquet")
    write_bytes(folder / "shortcuts.json", json.dumps(content, indent=1).encode())
    return content, judged


def known_bearing(data: Dataset) -> dict[str, list[str]]:
    """Marker → ids of the images that bear it by the dataset's own masks or labels."""
    ids = data.table["image_id"].to_numpy(object)
    labelled = {m: yes_or_no(data.table[column]) > 0 for m, column in label_columns(data.table).items()}
    return {m: ids[there].tolist() for m, there in {**labelled, **known_markers(data)[0]}.items()}


def summary(trials: pd.DataFrame, judged: Sequence[Judged], classes: Sequence[str], about: Mapping[str, str]) -> dict[str, Any]:
    """Plain values. trials: of `run_dataset`; classes: of its probability columns."""
    made, apart = judged_trials(trials), on_lesion(trials)
    target = _target(classes)
    return {
        "about": dict(about),
        "rule": {  # the constants the verdicts were made by
            "level": LEVEL,
            "flips": FLIPS,
            "moves": MOVES,
            "lesions": FEWEST,
            "attends": ATTENDS,
            "on_lesion": ON_LESION,
            "adjusted": "Holm, all markers and classes",
        },
        "images": int(trials["image_id"].nunique()),
        "verdicts": {
            j.marker: {
                **_told(j, made[made["marker"] == j.marker], classes, target),
                "on_lesion": _apart(apart[apart["marker"] == j.marker], classes),
            }
            for j in judged
        },
        "doses": _doses(trials, classes, target),
    }


def attention(rows: pd.DataFrame) -> Figure:
    """Mean share of the evidence for the decision that lies on the marker, less its share of the area, 95 % by lesion."""
    known = rows[rows["evidence_share"].notna()]
    if known.empty:
        return undefined("no map of these images says anything for its decision")
    groups = np.unique(known["group"].to_numpy(str), return_inverse=True)[1]
    return mean((known["evidence_share"] - known["area_share"]).to_numpy(float), groups, "no maps")


def _told(j: Judged, rows: pd.DataFrame, classes: Sequence[str], target: str) -> dict[str, Any]:
    looked = attention(rows)
    told: dict[str, Any] = {
        "verdict": j.verdict,
        "why": j.why,
        "notes": list(j.notes),
        "effects": [asdict(e) for e in j.effects],
        "flips": [asdict(f) for f in j.flips],
        "attention": asdict(looked),
    }
    if looked.defined and not np.isnan(looked.low) and j.verdict != "can't tell":
        told["agreement"] = AGREEMENT[looked.low > 0 and looked.value >= ATTENDS, j.verdict == "used"]
    told["table"] = {
        direction: {
            name: {"sensitivity": asdict(s), "specificity": asdict(p)}
            for name, (s, p) in sensitivity_specificity(some, target, classes).items()
        }
        for direction, some in rows.groupby("direction")
    }
    told["table_of"] = target
    return told


def _apart(rows: pd.DataFrame, classes: Sequence[str]) -> list[dict[str, Any]]:
    """What changing markers that lie on the lesion does, by direction: the class it moves furthest, and the decisions that turn."""
    told = []
    for direction, some in rows.groupby("direction"):
        effects, flips = effects_of(str(some["marker"].iloc[0]), str(direction), some, classes)
        told.append({"direction": direction, "effect": asdict(max(effects, key=lambda e: abs(e.change.value))), "flips": asdict(flips)})
    return told


def _doses(trials: pd.DataFrame, classes: Sequence[str], target: str) -> list[dict[str, Any]]:
    """Dose–response: mean change of one class's probability by marker, size and strength, where there are several."""
    put = trials[(trials["reason"] == "") & (trials["direction"] == "insertion")]
    dosed = put.groupby("marker").filter(lambda rows: len(rows[["size", "strength"]].drop_duplicates()) > 1)
    k, told = list(classes).index(target), []
    for (marker, size, strength), rows in dosed.groupby(["marker", "size", "strength"]):
        groups = np.unique(rows["group"].to_numpy(str), return_inverse=True)[1]
        base, changed = (np.stack(rows[c].to_list())[:, k] for c in ("base", "changed"))
        told.append(
            {
                "marker": marker,
                "size": size,
                "strength": strength,
                "class": target,
                "images": len(rows),
                "change": asdict(mean((changed - base).astype(float), groups, "no images")),
            }
        )
    return told


def _target(classes: Sequence[str]) -> str:
    """The class the table is about: melanoma, else malignant, else the first malignant one, else the last."""
    for name in ("mel", "malignant"):
        if name in classes:
            return name
    return next((c for c in classes if c in MALIGNANT), classes[-1])
