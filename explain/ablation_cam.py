"""Ablation-CAM: each feature map is weighted by what the class's logit loses without it."""

from typing import Any

import numpy as np

from core.runs import Run
from explain.cam import spatial_layer
from models.classifier import Classifier
from models.layers import LayerInfo, listening

BATCH = 32  # feature maps ablated at a time
NONE = -1  # no feature map


def ablation_cam(classifier: Classifier, prepared: np.ndarray, targets: np.ndarray, layer: str | None = None) -> Run[np.ndarray]:
    """Σ_k (y − y_k) / |y| · A_k (Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360).

    y is the class's logit, y_k the same with A_k set to 0 where the layer runs last. The paper divides by y, which flips the map's sign
    where the logit is negative; divided by |y|, positive stays evidence for the class. No gradient is needed.
    prepared: float32 (N, H, W, 3); targets: int (N,). Returns float32 (N, h, w), signed, at one forward pass per feature map.
    Raises NoSpatialLayer.
    """
    info = spatial_layer(classifier, layer)
    run = classifier.function(("ablation", info.path), lambda: _build(classifier, info))
    found = np.zeros((len(prepared), info.height, info.width), np.float32)
    for k, target in enumerate(targets):
        maps, whole = run(prepared[k : k + 1], np.array([NONE], np.int32))
        without = np.zeros(info.channels, np.float32)
        for first in range(0, info.channels, BATCH):
            yield k * info.channels + first, len(prepared) * info.channels
            ablated = np.arange(first, min(first + BATCH, info.channels), dtype=np.int32)
            without[ablated] = run(prepared[k : k + 1], ablated)[1][:, int(target)]
        y = float(whole[0, int(target)])
        found[k] = maps[0].numpy() @ ((y - without) / (abs(y) or 1))
    return found


def _build(classifier: Classifier, info: LayerInfo) -> Any:
    """(image (1, H, W, 3), feature maps to ablate int (M,)) → that layer's output and the logits (M, C), each without one of them."""
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec(), tf.TensorSpec((None,), tf.int32)])
    def run(image: Any, channels: Any) -> Any:
        heard: list[Any] = []

        def ablate(_: tuple, output: Any) -> Any:
            heard.append(output)
            if len(heard) == info.used:
                heard[-1] = output * (1 - tf.one_hot(channels, info.channels, dtype=output.dtype))[:, None, None, :]
            return heard[-1]

        with listening(classifier.keras_layer(info.path), ablate):
            outputs, _ = classifier.logits_and_embedding(tf.repeat(image, tf.size(channels), axis=0))
        return tf.cast(heard[-1], tf.float32), tf.cast(classifier.class_logits(outputs), tf.float32)

    return run
