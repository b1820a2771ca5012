"""What an explanation costs beside the bare forward pass, measured in interleaved pairs."""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ratios import Row, compare_costs
from core.atomic import write_bytes
from explain.cam import cam, cam_all_classes
from explain.engine import Engine, open_engine
from explain.run import Request, explain_files
from imaging.decode import encode_jpeg
from models.card import ModelCard
from models.classifier import Classifier
from models.files import FileFacts
from models.network import import_tensorflow
from models.stream import stream_batches

BATCH = 32
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
FILES, PHOTOGRAPH = 128, (450, 600)  # JPEG files of the end-to-end run, and their size


def bench_explain(say: Callable[[str], None]) -> list[Row]:
    """Prediction, embedding and maps over the bare forward pass, tf-keras-vis and OpenVINO beside ours, and whole
    runs from JPEG files: 224-pixel networks with random weights."""
    import_tensorflow()
    rows = []
    for name in _NETWORKS:
        say(name)
        classifier = bench_classifier(name)
        rows += _beside_forward(name, classifier)
        fast = _openvino(classifier, say)
        rows += _beside_tensorflow(name, classifier, fast)
        rows += _beside_tf_keras_vis(name, classifier, fast, say)
        rows.append(_end_to_end(name, classifier))
    return rows


def _images(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 224, 224, 3), np.float32)


def _beside_forward(name: str, classifier: Classifier) -> list[Row]:
    forward, many, one = bare_forward(classifier), _images(BATCH), _images(1)
    return [
        compare_costs(
            f"prediction + embedding + grad-cam over forward, {name}, batch {BATCH}",
            lambda: cam(classifier, many),
            lambda: forward(many),
            15,
            1.05,
        ),
        compare_costs(
            f"the same for all seven classes over forward, {name}, batch {BATCH}",
            lambda: cam_all_classes(classifier, many),
            lambda: forward(many),
            15,
            1.25,
        ),
        compare_costs(f"grad-cam over forward, {name}, one image", lambda: cam(classifier, one), lambda: forward(one), 41, 1.5),
    ]


def _openvino(classifier: Classifier, say: Callable[[str], None]) -> Engine | None:
    if importlib.util.find_spec("openvino") is None:
        say("OpenVINO is not installed: no comparison (it is in requirements-fast.txt)")
        return None
    engine = open_engine("openvino", classifier, classifier.layer())
    if engine.note:
        say(engine.note)
    return engine if engine.name == "openvino" else None


def _beside_tensorflow(name: str, classifier: Classifier, fast: Engine | None) -> list[Row]:
    if fast is None:
        return []
    images = _images(BATCH)
    what = f"tensorflow over openvino, prediction + embedding + grad-cam, {name}, batch {BATCH}"
    return [compare_costs(what, lambda: cam(classifier, images), lambda: cam(classifier, images, engine=fast), 7)]


def _beside_tf_keras_vis(name: str, classifier: Classifier, fast: Engine | None, say: Callable[[str], None]) -> list[Row]:
    """tf-keras-vis over our Grad-CAM on the same batch, where the network is flat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore

    if "nested" in name:
        say("tf-keras-vis fails on nested networks: no comparison")
        return []
    theirs = Gradcam(classifier.network, model_modifier=ReplaceToLinear(), clone=True)

    def compare(n: int, pairs: int, engine: Engine | None) -> Row:
        images, targets = _images(n), np.zeros(n, np.int32)
        score, layer = CategoricalScore(targets.tolist()), classifier.layer().path
        ours = f"ours ({engine.name if engine else 'tensorflow'})"
        return compare_costs(
            f"tf-keras-vis over {ours}, {name}, {f'batch {n}' if n > 1 else 'one image'}",
            lambda: theirs(score, images, penultimate_layer=layer, seek_penultimate_conv_layer=False),
            lambda: cam(classifier, images, targets, "grad-cam", engine=engine),
            pairs,
            5,
            at_least=True,
        )

    return [compare(n, pairs, engine) for n, pairs in ((BATCH, 5), (1, 9)) for engine in ([None, fast] if fast else [None])]


def _end_to_end(name: str, classifier: Classifier) -> Row:
    """A run from JPEG files over the sum of its parts alone: reading, decoding, resizing; and the network."""
    prepared = _images(BATCH)
    with tempfile.TemporaryDirectory() as folder:
        paths = _photographs(Path(folder))

        def read() -> None:
            for _ in stream_batches(classifier, paths, BATCH):
                pass

        def compute() -> None:
            for _ in range(FILES // BATCH):
                cam(classifier, prepared)

        def whole() -> None:
            for _ in explain_files(classifier, paths, Request("grad-cam", engine="tensorflow"), BATCH):
                pass

        def apart() -> None:
            read()
            compute()

        return compare_costs(f"from {FILES} JPEG files over reading + network alone, {name}", whole, apart, 5, 1.1)


def _photographs(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [folder / f"{k}.jpg" for k in range(FILES)]
    for path in paths:
        coarse = rng.integers(0, 255, (PHOTOGRAPH[0] // 10, PHOTOGRAPH[1] // 10, 3), np.uint8)
        write_bytes(path, encode_jpeg(np.kron(coarse, np.ones((10, 10, 1), np.uint8)), 90))
    return paths


def bare_forward(classifier: Classifier) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec()])
    def forward(images: Any) -> Any:
        return classifier.network(images, training=False)

    return lambda images: forward(images).numpy()


def _flat(name: str) -> Any:
    import keras

    base = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(224, 224, 3))
    return keras.Model(base.input, _top(base.output))


def _nested(name: str) -> Any:
    import keras

    base = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(224, 224, 3))
    inputs = keras.Input((224, 224, 3))
    return keras.Model(inputs, _top(base(inputs)))


def _top(maps: Any) -> Any:
    import keras

    return keras.layers.Dense(len(CLASSES), activation="softmax")(keras.layers.GlobalAveragePooling2D()(maps))


_NETWORKS: dict[str, Callable[[], Any]] = {
    "MobileNetV2": lambda: _flat("MobileNetV2"),
    "MobileNetV2 nested": lambda: _nested("MobileNetV2"),
    "EfficientNetV2B0": lambda: _flat("EfficientNetV2B0"),
    "ResNet50V2": lambda: _flat("ResNet50V2"),
}


def bench_classifier(name: str) -> Classifier:
    import keras

    keras.utils.set_random_seed(0)
    card = ModelCard(name=name, classes=CLASSES, height=224, width=224)
    return Classifier(_NETWORKS[name](), card, FileFacts(Path(name), "keras", "", 0, "3"))
