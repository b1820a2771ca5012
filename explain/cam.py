"""The CAM family: a weighted sum of one layer's feature maps, at the cost of a prediction.

Every member is Σ_k w_k ⊙ A_k and differs only in its weights (`WEIGHTS`). The network runs once. Only the chosen
layer's output is watched, so that only the part of the network above it is differentiated; all target classes
and batch sizes share one compiled function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import NoSpatialLayer
from explain.engine import Engine, open_engine
from models.classifier import Classifier, Prediction
from models.layers import LayerInfo

# All weights are functions of feature maps A (N, h, w, k) and gradients G of the logit of the same shape, and
# return one weight per map (N, k) or per cell (N, h, w, k), signed.


def grad_cam_weights(_maps: Any, gradients: Any) -> Any:
    """mean G_k (Selvaraju 2017, arXiv:1610.02391)."""
    import tensorflow as tf

    return tf.reduce_mean(gradients, axis=[1, 2])


def grad_cam_plus_plus_weights(maps: Any, gradients: Any) -> Any:
    """Σ α_k relu(G_k), α = G² / (2 G² + G³ ΣA), normalised to sum to 1 per map (Chattopadhay 2018, arXiv:1710.11063).

    The paper differentiates exp(logit), which multiplies the whole map by exp(logit) > 0: left out.
    """
    import tensorflow as tf

    squared = gradients**2
    below = 2 * squared + squared * gradients * tf.reduce_sum(maps, axis=[1, 2], keepdims=True)
    alpha = tf.math.divide_no_nan(squared, below)
    alpha = tf.math.divide_no_nan(alpha, tf.reduce_sum(alpha, axis=[1, 2], keepdims=True))
    return tf.reduce_sum(alpha * tf.nn.relu(gradients), axis=[1, 2])


def hires_cam_weights(_maps: Any, gradients: Any) -> Any:
    """G_k (Draelos & Carin 2020, arXiv:2011.08891): exact for heads that flatten."""
    return gradients


def layer_cam_weights(_maps: Any, gradients: Any) -> Any:
    """relu(G_k) (Jiang 2021, doi:10.1109/TIP.2021.3089943): sharp on early layers as well."""
    import tensorflow as tf

    return tf.nn.relu(gradients)


def eigen_cam_weights(maps: Any, _gradients: Any) -> Any:
    """First right singular vector of A as (h·w, k) (Muhammad & Yeasin 2020, arXiv:2008.00299).

    No gradient, and so no class. Its sign is arbitrary and chosen so that the map's sum is positive.
    """
    import tensorflow as tf

    shape = tf.shape(maps)
    flat = tf.reshape(maps, (shape[0], shape[1] * shape[2], shape[3]))
    cells = (maps.shape[1] or 0) * (maps.shape[2] or 0)
    if 0 < cells < maps.shape[3]:  # the smaller of the two Gram matrices gives the same vector
        left = tf.linalg.eigh(tf.matmul(flat, flat, transpose_b=True))[1][..., -1]
        first = tf.math.l2_normalize(tf.einsum("npk,np->nk", flat, left), axis=-1)
    else:
        first = tf.linalg.eigh(tf.matmul(flat, flat, transpose_a=True))[1][..., -1]
    total = tf.einsum("npk,nk->n", flat, first)
    return first * tf.where(total < 0, -1.0, 1.0)[:, None]


WEIGHTS: dict[str, Callable[[Any, Any], Any]] = {
    "grad-cam": grad_cam_weights,
    "grad-cam++": grad_cam_plus_plus_weights,
    "hirescam": hires_cam_weights,
    "layercam": layer_cam_weights,
    "eigen-cam": eigen_cam_weights,
}


def cam(
    classifier: Classifier,
    prepared: np.ndarray,
    targets: np.ndarray | None = None,
    method: str = "grad-cam",
    layer: str | None = None,
    engine: Engine | None = None,
    all_classes: bool = False,
) -> tuple[Prediction, np.ndarray]:
    """Prediction and heatmap of one class per image.

    prepared: float32 (N, H, W, 3) as returned by `Classifier.prepare`.
    targets: int (N,) class indices; None explains each image's predicted class.
    engine: what runs the network below the layer; None is TensorFlow. all_classes: see `cam_all_classes`.
    Returns the scores and float32 (N, h, w), signed, at the layer's resolution, not rescaled.
    Raises NoSpatialLayer if there is no 4-D activation between input and output.
    """
    wanted = np.full(len(prepared), -1, np.int32) if targets is None else np.asarray(targets, np.int32)
    info = spatial_layer(classifier, layer)
    engine = engine or open_engine("tensorflow", classifier, info)
    key = ("cam", method, info.path, all_classes, engine.name)
    run = classifier.function(key, lambda: _build(classifier, engine, method, all_classes))
    logits, probabilities, embedding, maps = run(engine.below(prepared), wanted)
    known = embedding.numpy() if classifier.embedded is not None else None
    return Prediction(logits.numpy(), probabilities.numpy(), known), maps.numpy()


def cam_all_classes(
    classifier: Classifier, prepared: np.ndarray, method: str = "grad-cam", layer: str | None = None, engine: Engine | None = None
) -> tuple[Prediction, np.ndarray]:
    """As `cam`, for every class at once: float32 (N, C, h, w), on one scale per image."""
    return cam(classifier, prepared, None, method, layer, engine, all_classes=True)


@dataclass(frozen=True)
class Steps:
    """A CAM of one image, step by step: maps A and gradients G (h, w, k), weights (k,) or (h, w, k), their sum (h, w)."""

    method: str
    maps: np.ndarray
    gradients: np.ndarray
    weights: np.ndarray
    heatmap: np.ndarray
    logit: float


def cam_steps(classifier: Classifier, prepared: np.ndarray, target: int, method: str = "grad-cam", layer: str | None = None) -> Steps:
    """Everything a CAM computes along the way, for one prepared image (1, H, W, 3)."""
    info = spatial_layer(classifier, layer)
    run = classifier.function(("steps", method, info.path), lambda: _build_steps(classifier, info, method))
    maps, gradients, weights, heatmap, logit = (x.numpy() for x in run(prepared, np.array([target], np.int32)))
    return Steps(method, maps[0], gradients[0], weights[0], heatmap[0], float(logit))


def spatial_layer(classifier: Classifier, name: str | None = None) -> LayerInfo:
    """The layer to explain; raises NoSpatialLayer for a network whose layers are not accessible."""
    if not classifier.layers:
        raise NoSpatialLayer(
            "is a SavedModel, whose layers are not accessible, so class activation maps are not possible.",
            classifier.facts.path.name,
            "Explain it by occlusion or RISE, or save it as .keras.",
        )
    return classifier.layer(name)


def _build(classifier: Classifier, engine: Engine, method: str, all_classes: bool) -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[engine.spec, tf.TensorSpec((None,), tf.int32)])
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(persistent=all_classes, watch_accessed_variables=False) as tape:
            maps, outputs, embedding = engine.above(images, tape)
            logits = classifier.class_logits(outputs)
            if all_classes:
                scores = [tf.reduce_sum(logits[:, c]) for c in range(logits.shape[-1])]
            else:
                chosen = tf.where(targets < 0, tf.argmax(logits, axis=-1, output_type=tf.int32), targets)
                scores = [tf.reduce_sum(tf.gather(logits, chosen, batch_dims=1))]
        maps32 = tf.cast(maps, tf.float32)
        heat = [_sum(maps32, WEIGHTS[method](maps32, _gradient(classifier, tape, s, maps, engine.layer))) for s in scores]
        return logits, classifier.probabilities(outputs), embedding, tf.stack(heat, axis=1) if all_classes else heat[0]

    return run


def _build_steps(classifier: Classifier, info: LayerInfo, method: str) -> Any:
    import tensorflow as tf

    engine = open_engine("tensorflow", classifier, info)

    @tf.function(input_signature=[engine.spec, tf.TensorSpec((None,), tf.int32)])
    def run(images: Any, targets: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            maps, outputs, _ = engine.above(images, tape)
            score = tf.reduce_sum(tf.gather(classifier.class_logits(outputs), targets, batch_dims=1))
        maps32, gradient = tf.cast(maps, tf.float32), _gradient(classifier, tape, score, maps, info)
        weights = WEIGHTS[method](maps32, gradient)
        return maps32, gradient, weights, _sum(maps32, weights), score

    return run


def _sum(maps: Any, weights: Any) -> Any:
    import tensorflow as tf

    if len(weights.shape) == 2:
        return tf.einsum("nhwk,nk->nhw", maps, weights)
    return tf.reduce_sum(maps * weights, axis=-1)


def _gradient(classifier: Classifier, tape: Any, score: Any, maps: Any, info: LayerInfo) -> Any:
    import tensorflow as tf

    scale = classifier.gradient_scale
    gradient = tape.gradient(score, maps, output_gradients=tf.constant(scale, score.dtype))
    if gradient is None:
        raise NoSpatialLayer(f"the output does not depend on layer {info.path!r}.", todo="Choose another layer.")
    return tf.cast(gradient, tf.float32) / scale
