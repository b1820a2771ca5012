"""The CAM family: a weighted sum of one layer's feature maps, at the price of a prediction.

The network runs once. Only the chosen layer's output is watched, so that just the part of the
network above it is differentiated; all images and the last, smaller batch share one compiled
function, as do all target classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from errors import NoSpatialLayer
from models.classifier import Classifier, Prediction
from models.layers import LayerInfo, listening, sublayers


@dataclass(frozen=True)
class Method:
    """One way of weighing feature maps A (N, h, w, k) by gradients G of the logit, to maps (N, h, w)."""

    key: str
    name: str
    paper: str
    weigh: Callable[[Any, Any], Any]


def grad_cam_weigh(maps: Any, gradients: Any) -> Any:
    """Σ_k mean(G_k) A_k (Selvaraju 2017, arXiv:1610.02391, before its ReLU)."""
    import tensorflow as tf

    return tf.einsum("nhwk,nk->nhw", maps, tf.reduce_mean(gradients, axis=[1, 2]))


def hires_cam_weigh(maps: Any, gradients: Any) -> Any:
    """Σ_k G_k ⊙ A_k (Draelos & Carin 2020, arXiv:2011.08891): exact for heads that flatten."""
    import tensorflow as tf

    return tf.reduce_sum(maps * gradients, axis=-1)


METHODS: dict[str, Method] = {
    "grad-cam": Method("grad-cam", "Grad-CAM", "Selvaraju 2017, arXiv:1610.02391", grad_cam_weigh),
    "hirescam": Method("hirescam", "HiResCAM", "Draelos & Carin 2020, arXiv:2011.08891", hires_cam_weigh),
}


def default_method(classifier: Classifier) -> tuple[str, str]:
    """(method, reason): HiResCAM where the head flattens the maps, else Grad-CAM."""
    if classifier.flattens:
        return "hirescam", (
            "This network flattens its last feature maps. Grad-CAM averages over them and can point at the "
            "wrong place or at nothing, HiResCAM does not."
        )
    return "grad-cam", "This network pools its last feature maps, which Grad-CAM is made for."


def cam(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
) -> tuple[Prediction, np.ndarray]:
    """Prediction and heatmap of one class an image.

    prepared: float32 (N, H, W, 3) as `Classifier.prepare` gives them.
    targets: int (N,) class indices; None explains each image's predicted class.
    Returns the scores and float32 (N, h, w), signed, at the layer's resolution, not rescaled.
    Raises NoSpatialLayer if no 4-D activation lies between input and output.
    """
    info = _layer(classifier, layer)
    run = classifier.function(("cam", method, info.path), lambda: _build(classifier, info, METHODS[method], False))
    wanted = np.full(len(prepared), -1, np.int32) if targets is None else np.asarray(targets, np.int32)
    logits, probabilities, maps = run(prepared, wanted)
    return Prediction(logits.numpy(), probabilities.numpy()), maps.numpy()


def cam_all_classes(
    classifier: Classifier, prepared: np.ndarray, method: str = "grad-cam", layer: str | None = None
) -> tuple[Prediction, np.ndarray]:
    """As `cam`, for every class at once: float32 (N, C, h, w) on one shared scale an image."""
    info = _layer(classifier, layer)
    run = classifier.function(("cams", method, info.path), lambda: _build(classifier, info, METHODS[method], True))
    logits, probabilities, maps = run(prepared, np.zeros(len(prepared), np.int32))
    return Prediction(logits.numpy(), probabilities.numpy()), maps.numpy()


@dataclass(frozen=True)
class Steps:
    """Grad-CAM of one image in its steps: maps A and gradients G (h, w, k), weights (k,), sum (h, w)."""

    maps: np.ndarray
    gradients: np.ndarray
    weights: np.ndarray
    heatmap: np.ndarray
    logit: float


def grad_cam_steps(classifier: Classifier, prepared: np.ndarray, target: int, layer: str | None = None) -> Steps:
    """Everything Grad-CAM computes on its way, for one prepared image (1, H, W, 3)."""
    info = _layer(classifier, layer)
    run = classifier.function(("steps", info.path), lambda: _build_steps(classifier, info))
    maps, gradients, logit = (x.numpy() for x in run(prepared, np.array([target], np.int32)))
    weights = gradients[0].mean(axis=(0, 1))
    return Steps(maps[0], gradients[0], weights, maps[0] @ weights, float(logit))


def _layer(classifier: Classifier, name: str | None) -> LayerInfo:
    if not classifier.layers:
        raise NoSpatialLayer(
            "shows no layers (it is a SavedModel), so class activation maps are not possible.",
            classifier.facts.path.name,
            "It can predict here; save it as .keras to explain it.",
        )
    return classifier.layer(name)


def _build(classifier: Classifier, info: LayerInfo, method: Method, all_classes: bool) -> Any:
    import tensorflow as tf

    spec = [classifier.input_spec(), tf.TensorSpec((None,), tf.int32)]

    @tf.function(input_signature=spec)
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(persistent=all_classes, watch_accessed_variables=False) as tape:
            maps, outputs = _watched(classifier, info, tape, images)
            logits = classifier.class_logits(outputs)
            n = logits.shape[-1]
            if all_classes:
                scores = [tf.reduce_sum(logits[:, c]) for c in range(n)]
            else:
                chosen = tf.where(targets < 0, tf.argmax(logits, axis=-1, output_type=tf.int32), targets)
                scores = [tf.reduce_sum(tf.gather(logits, chosen, batch_dims=1))]
        maps32 = tf.cast(maps, tf.float32)
        heat = [method.weigh(maps32, tf.cast(_gradient(tape, s, maps, info), tf.float32)) for s in scores]
        return logits, classifier.probabilities(outputs), tf.stack(heat, axis=1) if all_classes else heat[0]

    return run


def _build_steps(classifier: Classifier, info: LayerInfo) -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec(), tf.TensorSpec((None,), tf.int32)])
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            maps, outputs = _watched(classifier, info, tape, images)
            score = tf.reduce_sum(tf.gather(classifier.class_logits(outputs), targets, batch_dims=1))
        return tf.cast(maps, tf.float32), tf.cast(_gradient(tape, score, maps, info), tf.float32), score

    return run


def _watched(classifier: Classifier, info: LayerInfo, tape: Any, images: Any) -> tuple[Any, Any]:
    """The layer's output, watched by the tape from there on, and the network's logits."""
    heard: list[Any] = []

    def watch(_: tuple, output: Any) -> Any:
        tape.watch(output)
        heard.append(output)
        return output

    layer = dict(sublayers(classifier.network))[info.path]
    with listening(layer, watch):
        outputs = classifier.logits(images)
    return heard[-1], outputs


def _gradient(tape: Any, score: Any, maps: Any, info: LayerInfo) -> Any:
    gradient = tape.gradient(score, maps)
    if gradient is None:
        raise NoSpatialLayer(f"layer {info.path!r} does not lead to the output.", todo="Choose another layer.")
    return gradient
