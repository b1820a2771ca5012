"""What the worker can be asked to do. Runs in the child process; the server never imports TensorFlow.

A quick job is a function; a long one is a generator of (done, total) and may be interrupted between
two steps by quick ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.card import ModelCard
from models.layers import LayerInfo
from models.predictions import PredictionTable
from runs import Run

MAX_OPEN = 3


@dataclass(frozen=True)
class ModelSpec:
    """A network file, the card to read it with, and whether somebody answered for code inside it."""

    path: Path
    sha256: str
    card: ModelCard
    trusted: bool = False


@dataclass(frozen=True)
class Description:
    """What an opened network is like."""

    layers: tuple[LayerInfo, ...]
    default_layer: LayerInfo | None
    default_method: str
    method_reason: str
    activation: str
    flattens: bool


@dataclass(frozen=True)
class Inspection:
    """One image under one classifier. maps: float32 (C, h, w) signed, all classes on one scale; None without layers."""

    probabilities: np.ndarray
    logits: np.ndarray
    maps: np.ndarray | None
    method: str
    layer: LayerInfo | None


_open: OrderedDict[tuple, Any] = OrderedDict()


def _classifier(spec: ModelSpec) -> Any:
    from models.classifier import open_classifier

    key = (spec.sha256, spec.card)
    if key not in _open:
        while len(_open) >= MAX_OPEN:
            _open.popitem(last=False)
        _open[key] = open_classifier(spec.path, spec.card, spec.trusted)
    _open.move_to_end(key)
    return _open[key]


def warm_up() -> None:
    """Import TensorFlow while nobody waits for it."""
    from models.network import import_tensorflow

    import_tensorflow()


def describe(spec: ModelSpec) -> Description:
    from explain.cam import default_method

    classifier = _classifier(spec)
    layer = classifier.layer() if classifier.explainable else None
    method, reason = default_method(classifier) if layer else ("", "It shows no layers that keep a picture.")
    return Description(classifier.layers, layer, method, reason, classifier.head.activation, classifier.flattens)


def inspect(spec: ModelSpec, image: np.ndarray, method: str | None = None, layer: str | None = None) -> Inspection:
    """image: uint8 RGB (H, W, 3). Scores and the maps of all classes."""
    from explain.cam import cam_all_classes, default_method

    classifier = _classifier(spec)
    prepared = classifier.prepare([image])
    if not classifier.explainable:
        scores = classifier.predict(prepared)
        return Inspection(scores.probabilities[0], scores.logits[0], None, "", None)
    chosen = method or default_method(classifier)[0]
    scores, maps = cam_all_classes(classifier, prepared, chosen, layer)
    return Inspection(scores.probabilities[0], scores.logits[0], maps[0], chosen, classifier.layer(layer))


def explain_images(spec: ModelSpec, images: list[np.ndarray], targets: list[int]) -> np.ndarray | None:
    """Maps float32 (N, h, w) of one class an image, for a gallery; None for a network without layers."""
    from explain.cam import cam, default_method

    classifier = _classifier(spec)
    if not classifier.explainable:
        return None
    return cam(classifier, classifier.prepare(images), np.array(targets), default_method(classifier)[0])[1]


def steps(spec: ModelSpec, image: np.ndarray, target: int, layer: str | None = None) -> Any:
    from explain.cam import grad_cam_steps

    classifier = _classifier(spec)
    return grad_cam_steps(classifier, classifier.prepare([image]), target, layer)


def predict_dataset(spec: ModelSpec, files: dict[str, Path | None], name: str, digest: str, kept: Path) -> Run[PredictionTable]:
    from models.run import about_run
    from models.run import predict_dataset as run

    classifier = _classifier(spec)
    kept.parent.mkdir(parents=True, exist_ok=True)
    return (yield from run(classifier, files, about_run(classifier, name, digest), kept))


def check_card(spec: ModelSpec, root: Path, sample: pd.DataFrame, groups: list[str]) -> Run[Any]:
    from models.check import check_card as run

    return (yield from run(_classifier(spec), root, sample, groups))


QUICK: dict[str, Callable[..., Any]] = {
    "warm_up": warm_up,
    "describe": describe,
    "inspect": inspect,
    "explain_images": explain_images,
    "steps": steps,
}
LONG: dict[str, Callable[..., Run[Any]]] = {"predict_dataset": predict_dataset, "check_card": check_card}
