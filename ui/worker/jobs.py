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
    weighted: tuple[str, ...]  # layers that have learned something, from the output down


@dataclass(frozen=True)
class Inspection:
    """One image under one classifier. maps: float32 (T, h, w) signed, of the classes `targets`, all on one scale;
    layer: None where the method works on the picture itself; gap: how far Integrated Gradients are from adding up."""

    probabilities: np.ndarray
    logits: np.ndarray
    maps: np.ndarray
    targets: tuple[int, ...]
    method: str
    layer: LayerInfo | None
    gap: float | None = None

    def of(self, target: int) -> np.ndarray:
        """The map of one class."""
        return self.maps[self.targets.index(target)]

    @property
    def place(self) -> str:
        """Where the map was read: a layer's path, or the picture."""
        return self.layer.path if self.layer else "picture"


@dataclass(frozen=True)
class Scrambled:
    """One stage of the scrambling: the lowest layer reached, the map and the probability of the target."""

    stage: str
    heatmap: np.ndarray
    probability: float


_open: OrderedDict[tuple, Any] = OrderedDict()
_references: dict[tuple[Path, int], Any] = {}


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
    from explain.methods import default_method
    from explain.sanity import weighted_layers

    c = _classifier(spec)
    layer = c.layer() if c.explainable else None
    method, reason = default_method(c)
    weighted = tuple(weighted_layers(c)) if c.layers else ()
    return Description(c.layers, layer, method, reason, c.head.activation, c.flattens, weighted)


def predict(spec: ModelSpec, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """image: uint8 RGB (H, W, 3). Probabilities and logits (C,)."""
    classifier = _classifier(spec)
    scores = classifier.predict(classifier.prepare([image]))
    return scores.probabilities[0], scores.logits[0]


def inspect(spec: ModelSpec, image: np.ndarray, method: str, layer: str | None = None) -> Inspection:
    """Scores and the maps of all classes, by a method of the CAM family."""
    from explain.cam import cam_all_classes

    classifier = _classifier(spec)
    scores, maps = cam_all_classes(classifier, classifier.prepare([image]), method, layer)
    targets = tuple(range(maps.shape[1]))
    return Inspection(scores.probabilities[0], scores.logits[0], maps[0], targets, method, classifier.layer(layer))


def attribute_image(spec: ModelSpec, image: np.ndarray, target: int, method: str, layer: str | None = None) -> Run[Inspection]:
    """Scores and the map of one class, by any method."""
    from explain.methods import METHODS, attribution

    c = _classifier(spec)
    found = yield from attribution(c, c.prepare([image]), np.array([target]), method, layer)
    scores, gap = found.prediction, found.complete[0].gap if found.complete else None
    shown = c.layer(layer) if METHODS[method].needs == "layer" else None
    return Inspection(scores.probabilities[0], scores.logits[0], found.maps, (target,), method, shown, gap)


def examine_image(
    spec: ModelSpec,
    image: np.ndarray,
    target: int,
    method: str,
    layer: str | None,
    masks: dict[str, np.ndarray],
) -> Run[Any]:
    """`Evidence` about one map, the sanity check aside."""
    from explain.trust import examine

    return (yield from examine(_classifier(spec), image, target, method, layer, masks=masks))[0]


def check_sanity(
    spec: ModelSpec, files: list[Path], method: str, layer: str | None, path: Path, about: dict[str, str]
) -> Run[Any]:
    """Cascading randomisation, kept at path."""
    from explain.sanity import check_sanity as run
    from explain.sanity import sanity_images, write_sanity

    classifier = _classifier(spec)
    yield 0, 0
    found = yield from run(classifier, sanity_images(classifier, files), method, layer)
    write_sanity(found, path, about)
    return found


def compare_methods(
    spec: ModelSpec, data: Any, sample: int, methods: list[str], layer: str | None, sanity: dict[str, Any]
) -> Run[Any]:
    from explain.comparison import compare_methods as run
    from subjects import drawn

    return (yield from run(_classifier(spec), drawn(data, sample), methods, layer, sanity=sanity))


def audit_dataset(data: Any, folder: Path, asked: Any) -> Run[None]:
    """Findings, measurements and the report, kept in the folder."""
    from data_audit.audit import audit_dataset as run
    from reports.audit_report import write_report

    found = yield from run(data, folder, asked)
    write_report(data, found.content, folder, asked.against)


def explain_images(spec: ModelSpec, images: list[np.ndarray], targets: list[int], views: bool = False) -> np.ndarray | None:
    """Maps float32 (N, h, w) of one class an image, for a gallery; None for a network without layers. views: put together from several
    views of each image."""
    from explain.cam import WEIGHTS, cam
    from explain.methods import default_method
    from explain.views import cam_of_views

    classifier = _classifier(spec)
    if not classifier.explainable:
        return None
    method = default_method(classifier)[0]
    prepared, chosen = classifier.prepare(images), method if method in WEIGHTS else "hirescam"
    if views:
        return cam_of_views(classifier, prepared, np.array(targets), chosen)
    return cam(classifier, prepared, np.array(targets), chosen)[1]


def mean_map(spec: ModelSpec, items: list[tuple[Path, Path | None]], target: int) -> Run[Any]:
    """Mean map of one class over photographs, in lesion-centred coordinates."""
    from explain.centred import mean_centred_map

    return (yield from mean_centred_map(_classifier(spec), items, target))


def grid(spec: ModelSpec, image: np.ndarray, target: int, cells: list[tuple[str, str | None]]) -> Run[list[np.ndarray]]:
    """Maps of one class by (method, layer), for the quick methods."""
    from explain.methods import attribute

    classifier = _classifier(spec)
    prepared, maps = classifier.prepare([image]), []
    for number, (method, layer) in enumerate(cells):
        yield number, len(cells)
        maps.append(attribute(classifier, prepared, np.array([target]), method, layer).maps[0])
    return maps


def steps(spec: ModelSpec, image: np.ndarray, target: int, method: str = "grad-cam", layer: str | None = None) -> Any:
    from explain.cam import cam_steps

    classifier = _classifier(spec)
    return cam_steps(classifier, classifier.prepare([image]), target, method, layer)


def scramble(spec: ModelSpec, image: np.ndarray, target: int, method: str, layer: str | None) -> Run[list[Scrambled]]:
    """The map and score of one class as more and more of a copy of the network is scrambled; the first is untouched."""
    from explain.methods import attribute
    from explain.sanity import cuts, scrambled_copy

    yield 0, 1
    copy, stages = scrambled_copy(_classifier(spec)), cuts(_classifier(spec))
    prepared, found = copy.classifier.prepare([image]), []
    for number, paths in enumerate([[], *stages]):
        copy.scramble(paths, seed=0)
        one = attribute(copy.classifier, prepared, np.array([target]), method, layer)
        found.append(Scrambled(paths[-1] if paths else "", one.maps[0], float(one.prediction.probabilities[0, target])))
        yield number + 1, len(stages) + 1
    return found


def ideal(spec: ModelSpec, target: int) -> Run[Any]:
    """What a class looks like to the network."""
    from explain.ideal import activation_maximisation

    return (yield from activation_maximisation(_classifier(spec), target))


def predict_dataset(
    spec: ModelSpec, files: dict[str, Path | None], name: str, digest: str, kept: Path, views: bool = False
) -> Run[PredictionTable]:
    """views: several of each image, put together."""
    from models.run import about_run
    from models.run import predict_dataset as run
    from models.tta import predict_views, told

    classifier = _classifier(spec)
    kept.parent.mkdir(parents=True, exist_ok=True)
    about = about_run(classifier, name, digest)
    if views:
        return (yield from run(classifier, files, about | told(turned=False), kept, predict_views))
    return (yield from run(classifier, files, about, kept))


def fit_reference(spec: ModelSpec, data: Any, split: str | None, path: Path) -> Run[None]:
    """What a dataset, or one split, looks like to the network; kept at path."""
    from familiarity import kept_reference

    yield from kept_reference(_classifier(spec), data, split, path)


def familiarity(spec: ModelSpec, path: Path, image: np.ndarray) -> Any:
    """`Familiarity` of one image under the reference at path; None where there is none."""
    from familiarity import look
    from models.ood import read_reference

    key = (path, path.stat().st_mtime_ns) if path.exists() else None
    if key is None:
        return None
    if key not in _references:
        while len(_references) >= MAX_OPEN:
            del _references[next(iter(_references))]
        kept = read_reference(path)
        if kept is None:
            return None
        _references[key] = kept[0]
    return look(_classifier(spec), _references[key], image)


def subject_of(spec: ModelSpec, image: np.ndarray, lesion: np.ndarray | None, markers: dict[str, np.ndarray] | None) -> Any:
    """`Subject`: lesion and markers as this network gets them, found where nobody outlined them."""
    from shortcuts.subjects import fit_subject

    return fit_subject(spec.card, image, lesion, markers)


def try_marker(spec: ModelSpec, subject: Any, marker: str, target: int | None, way: str, dose: Any, seed: int) -> Any:
    """`Answer` of one photograph with and without a marker, or why it is `Impossible`."""
    from shortcuts.one import ask

    return ask(_classifier(spec), subject, marker, target, way, dose, seed)


def run_shortcuts(spec: ModelSpec, data: Any, split: str | None, plan: Any, folder: Path) -> Run[None]:
    """Markers tried over a dataset; `shortcuts.json` and `trials.parquet` in the folder."""
    from models.run import about_run
    from shortcuts.summary import try_dataset

    classifier = _classifier(spec)
    about = about_run(classifier, data.name, data.sha256) | {"split": split or "all"}
    yield from try_dataset(classifier, data, split, plan, about, folder)


def judge_kinds(spec: ModelSpec, data: Any, split: str | None, others: list[Any], path: Path) -> Run[tuple[Any, list[Any]]]:
    """The reference of a dataset or split, and how well it tells other kinds of images and other datasets from its own."""
    from familiarity import judge_kinds as judge
    from familiarity import kept_reference
    from runs import part

    classifier = _classifier(spec)
    reference = yield from part(kept_reference(classifier, data, split, path), 0, 0.4)
    return reference, (yield from part(judge(classifier, reference, data, split, others), 0.4, 1))


def check_card(spec: ModelSpec, root: Path, sample: pd.DataFrame, groups: list[str]) -> Run[Any]:
    from models.check import check_card as run

    return (yield from run(_classifier(spec), root, sample, groups))


QUICK: dict[str, Callable[..., Any]] = {
    "warm_up": warm_up,
    "describe": describe,
    "predict": predict,
    "inspect": inspect,
    "explain_images": explain_images,
    "steps": steps,
    "familiarity": familiarity,
    "subject_of": subject_of,
    "try_marker": try_marker,
}
LONG: dict[str, Callable[..., Run[Any]]] = {
    "predict_dataset": predict_dataset,
    "check_card": check_card,
    "attribute_image": attribute_image,
    "examine_image": examine_image,
    "check_sanity": check_sanity,
    "compare_methods": compare_methods,
    "mean_map": mean_map,
    "fit_reference": fit_reference,
    "judge_kinds": judge_kinds,
    "run_shortcuts": run_shortcuts,
    "audit_dataset": audit_dataset,
    "grid": grid,
    "scramble": scramble,
    "ideal": ideal,
}
