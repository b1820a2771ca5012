"""What the worker does with one network and some images: scores, maps, and what is measured about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.runs import Run
from ui.worker.opened import opened
from ui.worker.records import Description, Inspection, ModelSpec, Scrambled


def describe(spec: ModelSpec) -> Description:
    from explain.methods import default_method
    from explain.sanity import weighted_layers

    c = opened(spec)
    layer = c.layer() if c.explainable else None
    method, reason = default_method(c)
    weighted = tuple(weighted_layers(c)) if c.layers else ()
    return Description(c.layers, layer, method, reason, c.head.activation, c.flattens, weighted)


def predict(spec: ModelSpec, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """image: uint8 RGB (H, W, 3). Probabilities and logits (C,)."""
    classifier = opened(spec)
    scores = classifier.predict(classifier.prepare([image]))
    return scores.probabilities[0], scores.logits[0]


def inspect(spec: ModelSpec, image: np.ndarray, method: str, layer: str | None = None) -> Inspection:
    """Scores and the maps of all classes, by a method of the CAM family."""
    from explain.cam import cam_all_classes

    classifier = opened(spec)
    scores, maps = cam_all_classes(classifier, classifier.prepare([image]), method, layer)
    targets = tuple(range(maps.shape[1]))
    return Inspection(scores.probabilities[0], scores.logits[0], maps[0], targets, method, classifier.layer(layer))


def attribute_image(spec: ModelSpec, image: np.ndarray, target: int, method: str, layer: str | None = None) -> Run[Inspection]:
    """Scores and the map of one class, by any method."""
    from explain.methods import METHODS, attribution

    c = opened(spec)
    found = yield from attribution(c, c.prepare([image]), np.array([target]), method, layer)
    scores, gap = found.prediction, found.complete[0].gap if found.complete else None
    shown = c.layer(layer) if METHODS[method].needs == "layer" else None
    return Inspection(scores.probabilities[0], scores.logits[0], found.maps, (target,), method, shown, gap)


def examine_image(
    spec: ModelSpec, image: np.ndarray, target: int, method: str, layer: str | None, masks: dict[str, np.ndarray]
) -> Run[Any]:
    """`Evidence` about one map, the sanity check aside."""
    from explain.trust import examine

    return (yield from examine(opened(spec), image, target, method, layer, masks=masks))[0]


def check_sanity(spec: ModelSpec, files: list[Path], method: str, layer: str | None, path: Path, about: dict[str, str]) -> Run[Any]:
    """Cascading randomisation, kept at path."""
    from explain.sanity import check_sanity as run
    from explain.sanity import sanity_images, write_sanity

    classifier = opened(spec)
    yield 0, 0
    found = yield from run(classifier, sanity_images(classifier, files), method, layer)
    write_sanity(found, path, about)
    return found


def compare_methods(spec: ModelSpec, data: Any, sample: int, methods: list[str], layer: str | None, sanity: dict[str, Any]) -> Run[Any]:
    from explain.comparison import compare_methods as run
    from studies.subjects import drawn

    return (yield from run(opened(spec), drawn(data, sample), methods, layer, sanity=sanity))


def explain_images(spec: ModelSpec, images: list[np.ndarray], targets: list[int], views: bool = False) -> np.ndarray | None:
    """Maps float32 (N, h, w) of one class an image, for a gallery; None for a network without layers. views: put together from several
    views of each image."""
    from explain.cam import WEIGHTS, cam
    from explain.methods import default_method
    from explain.views import cam_of_views

    classifier = opened(spec)
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

    return (yield from mean_centred_map(opened(spec), items, target))


def grid(spec: ModelSpec, image: np.ndarray, target: int, cells: list[tuple[str, str | None]]) -> Run[list[np.ndarray]]:
    """Maps of one class by (method, layer), for the quick methods."""
    from explain.methods import attribute

    classifier = opened(spec)
    prepared, maps = classifier.prepare([image]), []
    for number, (method, layer) in enumerate(cells):
        yield number, len(cells)
        maps.append(attribute(classifier, prepared, np.array([target]), method, layer).maps[0])
    return maps


def steps(spec: ModelSpec, image: np.ndarray, target: int, method: str = "grad-cam", layer: str | None = None) -> Any:
    from explain.cam import cam_steps

    classifier = opened(spec)
    return cam_steps(classifier, classifier.prepare([image]), target, method, layer)


def scramble(spec: ModelSpec, image: np.ndarray, target: int, method: str, layer: str | None) -> Run[list[Scrambled]]:
    """The map and score of one class as more and more of a copy of the network is scrambled; the first is untouched."""
    from explain.methods import attribute
    from explain.sanity import cuts, scrambled_copy

    yield 0, 1
    copy, stages = scrambled_copy(opened(spec)), cuts(opened(spec))
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

    return (yield from activation_maximisation(opened(spec), target))
