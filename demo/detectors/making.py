"""Makes the marker detectors: trained on drawings, then on manually labelled photographs if there are any; evaluated; card written.

Every finished part is kept in a work folder, so an interrupted run resumes where it stopped.
"""

import hashlib
import importlib.util
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from core.atomic import write_bytes
from core.errors import LesionLensError
from core.markers import DETECTED
from data_audit.associations import is_malignant
from data_audit.markers.detector import CARD, FRAME, LEARNED, NETWORK, lies, look, stands_out
from data_audit.misclassification import SIDES
from demo.detectors.learning import fit, scores
from demo.detectors.network import build_network, to_onnx
from demo.detectors.pictures import Pictures, draw_fresh, draw_on, draw_pictures, join, read_labelled
from evaluation.intervals import auc

Say = Callable[[str], None]
DRAWN, DRAWN_EPOCHS = 3000, 10
EPOCHS, RATE = 24, 2e-3
WORN, REMEMBERED = 0.65, 300  # per epoch: photographs with drawn markers for each photograph; number of drawings
MASKS_FIRST, MASKS_THEN = 1.0, 0.5  # weight of the mask loss on drawings, and on photographs
FRESH = 400  # held-out drawings, for the masks
LEASTS = tuple(np.arange(-2, 10, 0.5))  # thresholds tried for the masks
A_GREY_LEVEL = (0.0, 0.05, 0.1, 0.15, 0.2)
DRAWINGS, PHOTOGRAPHS = "drawn by LesionLens", "labelled by hand"


def retrain(labelled: Path | None, work: Path, say: Say) -> dict[str, Any]:
    """Train, evaluate, and write the network and its card into the project; returns the card.

    labelled: folder with `markers.csv` and `images/`; None: drawings alone.
    """
    if importlib.util.find_spec("onnx") is None:
        raise LesionLensError("onnx is not installed.", todo="pip install -r requirements-dev.lock; only retraining detectors needs it.")
    by_hand = read_labelled(labelled) if labelled is not None else None
    work.mkdir(parents=True, exist_ok=True)
    drawn = _kept(work / "drawn.npz", lambda: draw_pictures(DRAWN, 1))
    first = work / "drawings.weights.h5"
    if not first.exists():
        say(f"drawings alone: {DRAWN_EPOCHS} epochs")
        network = build_network(0)
        fit(network, lambda rng: drawn.take(rng.permutation(len(drawn))), DRAWN_EPOCHS, 4e-3, MASKS_FIRST, 0, say)
        network.save_weights(first)
    content = _card_head(labelled)
    final = first
    if by_hand is not None:
        photographs, originals, table = by_hand
        worn = [draw_on(originals, photographs, seed) for seed in (1, 2, 3)]

        def trained(name: str, rows: np.ndarray) -> Path:
            return _trained(work / f"{name}.weights.h5", first, photographs.take(rows), [w.take(rows) for w in worn], drawn, say)

        content["markers"] = _figures(photographs, table["diagnosis"].map(is_malignant).to_numpy(float), trained, first, say)
        content["trained_on"] += f"; then {len(table):,} photographs {PHOTOGRAPHS}"
        final = trained("all", np.arange(len(photographs)))
    else:
        content["markers"] = {m: {"threshold": 0.5} for m in LEARNED}
    network = build_network(0)
    network.load_weights(final)
    onnx = to_onnx(network)
    for marker, facts in _mask_figures(onnx, {m: facts["threshold"] for m, facts in content["markers"].items()}).items():
        content["markers"][marker] |= facts
    content["markers"]["black_frame"] = {"threshold": 0.5, "rule": f"black rows and columns at the border, {FRAME:.0%} of the area"}
    content["markers"] = {m: content["markers"][m] for m in DETECTED}
    content["network_sha256"] = hashlib.sha256(onnx).hexdigest()
    write_bytes(NETWORK, onnx)
    write_bytes(CARD, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).encode())
    return content


def _trained(path: Path, first: Path, own: Pictures, worn: list[Pictures], drawn: Pictures, say: Say) -> Path:
    """Weights trained on these photographs, starting from those trained on drawings."""
    if path.exists():
        return path
    say(f"{path.name}: {len(own):,} photographs, {EPOCHS} epochs")

    def epoch(rng: np.random.Generator) -> Pictures:
        some = worn[int(rng.integers(len(worn)))]
        with_markers = some.take(rng.permutation(len(some))[: round(WORN * len(some))])
        return join([own, with_markers, drawn.take(rng.permutation(len(drawn))[:REMEMBERED])])

    network = build_network(0)
    network.load_weights(first)
    fit(network, epoch, EPOCHS, RATE, MASKS_THEN, 1, say)
    network.save_weights(path)
    return path


def _figures(
    photographs: Pictures, malignant: np.ndarray, trained: Callable[[str, np.ndarray], Path], first: Path, say: Say
) -> dict[str, dict[str, Any]]:
    """By marker: AUC over all photographs by two-fold cross-validation; on either half alone; after training on drawings alone, on a
    quarter and on half of the photographs; the threshold, with its sensitivity and specificity, and how often it was right by diagnosis.
    malignant: float (N,) 1, 0 or NaN."""
    n = len(photographs)
    order = np.random.default_rng(5).permutation(n)
    halves = [np.sort(order[k::2]) for k in range(2)]
    network = build_network(0)

    def predicted(path: Path, rows: np.ndarray) -> np.ndarray:
        network.load_weights(path)
        return scores(network, photographs.images[rows])

    out_of_fold = np.zeros((n, len(LEARNED)))
    for k, held in enumerate(halves):
        out_of_fold[held] = predicted(trained(f"half{k}", halves[1 - k]), held)
    either = [_areas(out_of_fold[held], photographs.labels[held]) for held in halves]
    for k, areas in enumerate(either):
        say(f"half{k}: " + ", ".join(f"{m} {a:.3f}" for m, a in areas.items()))
    drawings = _areas(predicted(first, np.arange(n)), photographs.labels)
    by_images = {0: first, len(halves[1]) // 2: trained("quarter", halves[1][::2]), len(halves[1]): trained("half0", halves[1])}
    curve = {many: _areas(predicted(path, halves[0]), photographs.labels[halves[0]]) for many, path in by_images.items()}
    figures = {}
    for k, marker in enumerate(LEARNED):
        known = ~np.isnan(photographs.labels[:, k])
        truth, found = photographs.labels[known, k] > 0, out_of_fold[known, k]
        area = auc(found, truth, np.arange(len(truth)))
        threshold = np.sort(found)[-int(truth.sum())]  # as many are flagged as have the marker
        right = {"sensitivity": (found >= threshold)[truth].mean(), "specificity": (found < threshold)[~truth].mean()}
        by_diagnosis = right_by_diagnosis(found >= threshold, truth, malignant[known])
        figures[marker] = {
            "threshold": round(float(threshold), 3),
            "auc": {
                "out of fold": [round(float(v), 3) for v in (area.value, area.low, area.high)],
                "either half": [round(areas[marker], 3) for areas in either],
                "by drawings alone": round(drawings[marker], 3),
                "one half, by photographs learned from": {many: round(areas[marker], 3) for many, areas in curve.items()},
            },
            "figures": {name: round(float(value), 3) for name, value in right.items()},
            "images": {"with": int(truth.sum()), "without": int((~truth).sum())},
        } | ({"by diagnosis": by_diagnosis} if by_diagnosis else {})
        say(f"{marker}: AUC out of fold {area:.3f}")
    return figures


def right_by_diagnosis(flagged: np.ndarray, truth: np.ndarray, malignant: np.ndarray) -> dict[str, dict[str, int]]:
    """Malignant and benign → images with the marker, how many of them were found, images without, how many of them not flagged; empty
    where only one of both is there. flagged, truth: bool (N,); malignant: float (N,) 1, 0 or NaN."""
    counts: dict[str, dict[str, int]] = {}
    for side, value in zip(SIDES, (1, 0), strict=True):
        here = malignant == value
        numbers = ((flagged & truth)[here], truth[here], ~(flagged | truth)[here], ~truth[here])
        counts[side] = dict(zip(("found", "with", "clear", "without"), (int(n.sum()) for n in numbers), strict=True))
    return counts if all(c["with"] + c["without"] for c in counts.values()) else {}


def _areas(found: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    areas = {}
    for k, marker in enumerate(LEARNED):
        known = ~np.isnan(labels[:, k])
        areas[marker] = auc(found[known, k], labels[known, k] > 0, np.arange(int(known.sum()))).value
    return areas


def _mask_figures(onnx: bytes, thresholds: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """By marker: the threshold from which a pixel belongs to the mask, the best on half of the held-out drawings, and the
    intersection over union of all mask pixels on the other half; a mask is empty where the marker is not flagged."""
    network = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    fresh = draw_fresh(FRESH, 8)
    looked = [look(network, image) for image, _ in fresh]
    darker = [stands_out(image) for image, _ in fresh]
    figures = {}
    for k, marker in enumerate(LEARNED):
        drawn = [
            _Drawn((bits >> k & 1).astype(bool), bool(found[k] >= thresholds[marker]), cells[k], dark)
            for (_, bits), (found, cells), dark in zip(fresh, looked, darker, strict=True)
        ]
        choose, judge = drawn[: FRESH // 2], drawn[FRESH // 2 :]
        rules = itertools.product(LEASTS, A_GREY_LEVEL)
        least, a_grey_level = max(rules, key=lambda rule, rows=choose: _overlap(rows, *rule))  # type: ignore[misc]
        figures[marker] = {
            "mask": {"from": float(least), "a_grey_level": a_grey_level},
            "mask_iou_on_drawings": round(_overlap(judge, least, a_grey_level), 3),
        }
    return figures


@dataclass(frozen=True)
class _Drawn:
    """One marker on one drawing: its true mask, whether it was flagged, and what a predicted mask is made from."""

    truth: np.ndarray
    flagged: bool
    cells: np.ndarray
    darker: np.ndarray


def _overlap(drawn: Sequence[_Drawn], least: float, a_grey_level: float) -> float:
    common = either = 0
    for one in drawn:
        mask = lies(one.cells, one.darker, least, a_grey_level) & one.flagged
        common += int((one.truth & mask).sum())
        either += int((one.truth | mask).sum())
    return common / max(either, 1)


def _card_head(labelled: Path | None) -> dict[str, Any]:
    return {
        "name": "LesionLens marker detectors",
        "command": "python cli.py markers retrain" + (" --labelled FOLDER" if labelled is not None else ""),
        "trained_on": f"{DRAWN:,} pictures {DRAWINGS}",
        "licence": "Apache-2.0 for the network."
        + (
            " It learned from photographs of ISIC 2017 (Codella 2018, arXiv:1710.05006; CC0) with labels of Bissoto 2020"
            " (arXiv:2004.11457), for which no licence is stated. Without the option the command above retrains from drawings alone."
            if labelled is not None
            else ""
        ),
        "limits": "Scores are likelihoods at the frequency of the training photographs, not of yours. Masks were learned from "
        "drawings and checked by eye on photographs. Dark skin, clinical close-ups and other cameras were not tested.",
    }


def _kept(path: Path, make: Callable[[], Pictures]) -> Pictures:
    if not path.exists():
        made = make()
        np.savez_compressed(path, images=made.images, labels=made.labels, bits=made.bits, known=made.known)
    with np.load(path) as file:
        return Pictures(*(file[name] for name in ("images", "labels", "bits", "known")))
