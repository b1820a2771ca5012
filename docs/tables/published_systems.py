"""Trains the published systems on real data, evaluates each, and writes the tables of docs/published-systems.md.

Needs LESIONLENS_REAL_DATA, a folder with `ham10000/`. Finished work is not repeated: an evaluated training leaves one JSON in
docs/published, without weights; an interrupted training resumes. `--tables` only writes the tables. Run it as a module, from the
project's folder.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import write_bytes
from core.exports import plain
from core.runs import finish
from data_audit.audit import audit_dataset
from datasets.dataset import Dataset
from datasets.opening import open_dataset
from datasets.splits import read_split, with_splits
from docs.tables.published_pages import write_tables
from evaluation.calibration import calibration_error, reliability
from explain.centred import mean_centred_map
from models.architectures import PRESETS
from models.classifier import Classifier, open_classifier
from models.predictions import PredictionTable
from models.run import about_run, predict_dataset
from shortcuts.plan import Plan
from shortcuts.summary import try_dataset
from studies.assess import Assessment, as_json, assess
from training.folder import folder_of
from training.memory import n_weights

PROJECT = Path(__file__).resolve().parents[2]
KEPT, MADE = PROJECT / "docs" / "published", PROJECT / "build" / "published"
WORST, MAP_SIDE = 3, 20
SUMMARY = ("accuracy", "balanced_accuracy", "majority_baseline", "n_images")
FIGURES = (*SUMMARY, "kappa", "per_class", "confusion_matrix", "classes", "n_lesions_or_images")
LEAKS = ("lesions in several splits", "patients in several splits", "the same photograph in several splits")


@dataclass(frozen=True)
class Training:
    """One training. options: of `cli.py train`; whole: trained as published, so that its evaluation means something."""

    preset: str
    name: str
    options: tuple[str, ...]
    whole: bool = True


def _whole(preset: str, by: str, seed: int) -> Training:
    return Training(preset, f"{preset}-{by}-{seed}", ("--by", by, "--seed", str(seed)))


def _small(preset: str, base: str, images: int, batch: int) -> Training:
    options = f"--base {base} --weights none --images {images} --batch {batch} --epochs 1,1 --rate 1e-3,1e-4"
    options += " --by lesion --fractions 60/20/20" + (" --classes nv,mel,bkl" if preset == "steppan2021" else "")
    return Training(preset, f"{preset}-{base}", tuple(options.split()), whole=False)


TRAININGS = (
    *(_whole("benbrahim2020", by, seed) for seed in range(3) for by in ("image", "lesion")),
    *(_whole("huber2020", by, 0) for by in ("image", "lesion")),
    _small("hitta2023", "InceptionResNetV2", 300, 8),
    _small("alexanderson2024", "EfficientNetV2B3", 300, 16),
    *(_small("steppan2021", base, 120, 2) for base in PRESETS["steppan2021"].bases),
)


def main() -> None:
    if "--tables" not in sys.argv:
        data = open_dataset(Path(os.environ["LESIONLENS_REAL_DATA"]) / "ham10000")
        KEPT.mkdir(parents=True, exist_ok=True)
        for training in TRAININGS:
            kept = KEPT / f"{training.name}.json"
            if not kept.exists():
                print(training.name, flush=True)
                network = train(training, data)
                content = judge(network, data) if training.whole else small(network)
                write_bytes(kept, (json.dumps(plain(content), ensure_ascii=False) + "\n").encode())
    found = {t.name: json.loads(f.read_text()) for t in TRAININGS if (f := KEPT / f"{t.name}.json").exists()}
    write_tables(found)


def train(training: Training, data: Dataset) -> Path:
    """The trained network; an interrupted training resumes."""
    network = MADE / f"{training.name}.keras"
    command = [sys.executable, "cli.py", "train", training.preset, "--dataset", str(data.root), "--out", str(network)]
    subprocess.run([*command, *training.options], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return network


def judge(network: Path, whole: Dataset) -> dict[str, Any]:
    """Evaluation, calibration, leakage, shortcuts and worst classes of a trained network on its own split."""
    classifier = open_classifier(network)
    assert classifier.card.training is not None
    data = with_splits(whole, read_split(folder_of(network).split))
    tested = data.table["image_id"][data.table["split"] == "test"].tolist()
    table = finish(predict_dataset(classifier, {i: data.path(i) for i in tested}, about_run(classifier, data.name, data.sha256)))
    judged = assess(table, data, split="test")
    shortcut = finish(try_dataset(classifier, data, "test", Plan(), {}, MADE / f"{network.stem}.shortcuts"))
    audit = finish(audit_dataset(data, MADE / "audit"))
    figures = as_json(judged)
    return {
        "training": trained(classifier),
        "evaluation": {k: figures[k] for k in FIGURES},
        "calibration": calibration(judged),
        "known": known_lesions(table, data),
        "leakage": [{"kind": f.kind, "summary": f.summary} for f in audit.findings if f.kind in LEAKS],
        "shortcuts": {m: {"verdict": v.verdict, "why": v.why} for m, v in shortcut.verdicts.items()},
        "worst": worst(classifier, data, judged),
    }


def known_lesions(table: PredictionTable, data: Dataset) -> dict[str, Any] | None:
    """Figures for test images of lesions also in training, and of new lesions. None where no lesion is on both sides."""
    rows = data.table
    taught = set(rows["lesion_id"][rows["split"] == "train"].dropna())
    tested = rows[rows["split"] == "test"]
    known = tested["lesion_id"].isin(taught)
    if not known.any():
        return None
    apart = with_splits(data, dict(zip(tested["image_id"], known.map({True: "known", False: "new"}), strict=True)))
    figures = {side: as_json(assess(table, apart, split=side)) for side in ("known", "new")}
    return {side: {k: f[k] for k in SUMMARY} for side, f in figures.items()}


def small(network: Path) -> dict[str, Any]:
    """Size and explained layer of a network trained briefly, to show that it can be trained."""
    classifier = open_classifier(network)
    parameters = classifier.network.count_params()
    learned = n_weights(classifier.network.trainable_weights)
    return {"training": trained(classifier), "parameters": parameters, "trainable": learned, "layer": classifier.layer().path}


def trained(classifier: Classifier) -> dict[str, Any]:
    """The training record of the model card."""
    assert classifier.card.training is not None
    return classifier.card.training.model_dump(mode="json")


def calibration(judged: Assessment) -> dict[str, Any]:
    """Calibration of the highest score: error and reliability curve."""
    scores = judged.rows[list(judged.evaluation.classes)].to_numpy(float)
    right = (judged.rows["decision"] == judged.rows["diagnosis"]).to_numpy()
    sure = scores.max(1)
    bins = reliability(sure, right, judged.rows["group"].to_numpy())
    curve = [{"images": b.n, "score": b.score, "right": b.share.value, "low": b.share.low, "high": b.share.high} for b in bins]
    return {"error": calibration_error(sure, right), "mean_score": float(sure.mean()), "right": float(right.mean()), "bins": curve}


def worst(classifier: Classifier, data: Dataset, judged: Assessment) -> list[dict[str, Any]]:
    """The classes found least often, with the mean map of their test images that have a lesion mask: rows of a square that reaches two
    lesion radii from the centre, each map divided by its largest value."""
    order = sorted((f for f in judged.evaluation.per_class if f.support), key=lambda f: f["sensitivity"].value)[:WORST]
    classes = []
    for figures in order:
        ids = judged.rows["image_id"][judged.rows["diagnosis"] == figures.name]
        items = [(p, data.root / data.masks[i]) for i in ids if i in data.masks and (p := data.path(i)) is not None]
        entry: dict[str, Any] = {"class": figures.name, "images": figures.support, "sensitivity": vars(figures["sensitivity"])}
        if items:
            mean = finish(mean_centred_map(classifier, items, classifier.target_index(figures.name)))
            entry |= {
                "with_mask": mean.images,
                "method": mean.method,
                "map": np.round(_coarse(mean.heatmap), 3).tolist(),
                "lesion": np.round(_coarse(mean.lesion), 2).tolist(),
            }
        classes.append(entry)
    return classes


def _coarse(values: np.ndarray) -> np.ndarray:
    step = len(values) // MAP_SIDE
    return values.reshape(MAP_SIDE, step, MAP_SIDE, step).mean((1, 3))


if __name__ == "__main__":
    main()
