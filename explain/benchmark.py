"""What an explanation costs beside the bare forward pass, measured in interleaved pairs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explain.cam import cam, default_method
from models.card import ModelCard
from models.classifier import Classifier
from models.files import FileFacts
from models.network import import_tensorflow

BATCH = 32
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@dataclass(frozen=True)
class Row:
    """ratio: median over the pairs; low, high: their quartiles; holds: None where there is no target."""

    what: str
    ratio: float
    low: float
    high: float
    target: float | None = None
    holds: bool | None = None


def bench_explain(say: Callable[[str], None]) -> list[Row]:
    """Prediction with Grad-CAM over the bare forward pass, 224-pixel networks with random weights."""
    import_tensorflow()
    rows = []
    for name in _NETWORKS:
        classifier = _classifier(name)
        for n, pairs, target in ((BATCH, 9, 1.15), (1, 41, 1.5)):
            say(f"{name}, {n} image{'s' if n > 1 else ''} at once")
            rows.append(_beside_forward(name, classifier, n, pairs, target))
        rows += _beside_tf_keras_vis(name, classifier, say)
    return rows


def _images(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 224, 224, 3), np.float32)


def _beside_forward(name: str, classifier: Classifier, n: int, pairs: int, target: float) -> Row:
    images, forward = _images(n), _bare(classifier)
    what = f"grad-cam over forward, {name}, batch {n}"
    return _compare(what, lambda: cam(classifier, images, method="grad-cam"), lambda: forward(images).numpy(), pairs, target)


def _compare(what: str, ours: Callable[[], Any], bare: Callable[[], Any], pairs: int, target: float | None = None) -> Row:
    ours(), bare(), ours(), bare()
    ratios = []
    for k in range(pairs):
        first, second = (ours, bare) if k % 2 else (bare, ours)
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        end = time.perf_counter()
        times = {first: middle - start, second: end - middle}
        ratios.append(times[ours] / times[bare])
    low, ratio, high = np.percentile(ratios, [25, 50, 75])
    return Row(what, float(ratio), float(low), float(high), target, None if target is None else bool(ratio <= target))


def _bare(classifier: Classifier) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec()])
    def forward(images: Any) -> Any:
        return classifier.network(images, training=False)

    return forward


def _beside_tf_keras_vis(name: str, classifier: Classifier, say: Callable[[str], None]) -> list[Row]:
    """tf-keras-vis over our Grad-CAM on the same batch, where it is installed and the network is flat."""
    try:
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore
    except ImportError:
        say("tf-keras-vis is not installed: no comparison (it is in requirements-dev.txt)")
        return []
    if "nested" in name:
        say("tf-keras-vis fails on nested networks: no comparison")
        return []
    theirs = Gradcam(classifier.network, model_modifier=ReplaceToLinear(), clone=True)

    def compare(n: int, pairs: int) -> Row:
        images, targets = _images(n), np.zeros(n, np.int32)
        score, layer = CategoricalScore(targets.tolist()), classifier.layer().path
        return _compare(
            f"tf-keras-vis over ours, {name}, batch {n}",
            lambda: theirs(score, images, penultimate_layer=layer, seek_penultimate_conv_layer=False),
            lambda: cam(classifier, images, targets, "grad-cam"),
            pairs,
        )

    return [compare(BATCH, 3), compare(1, 7)]


def _flat_mobilenet() -> Any:
    import keras

    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
    return keras.Model(base.input, _top(base.output))


def _nested_mobilenet() -> Any:
    import keras

    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
    inputs = keras.Input((224, 224, 3))
    return keras.Model(inputs, _top(base(inputs)))


def _flat_resnet() -> Any:
    import keras

    base = keras.applications.ResNet50V2(weights=None, include_top=False, input_shape=(224, 224, 3))
    return keras.Model(base.input, _top(base.output))


def _top(maps: Any) -> Any:
    import keras

    return keras.layers.Dense(len(CLASSES), activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))


_NETWORKS: dict[str, Callable[[], Any]] = {
    "MobileNetV2": _flat_mobilenet,
    "MobileNetV2 nested": _nested_mobilenet,
    "ResNet50V2": _flat_resnet,
}


def _classifier(name: str) -> Classifier:
    import keras

    keras.utils.set_random_seed(0)
    card = ModelCard(name=name, classes=CLASSES, height=224, width=224)
    classifier = Classifier(_NETWORKS[name](), card, FileFacts(Path(name), "keras", "", 0, "3"))
    assert default_method(classifier)[0] == "grad-cam"
    return classifier
