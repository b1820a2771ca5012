"""The cost of an explanation relative to the bare forward pass, measured in alternating pairs."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.files import SIZE, write_dataset
from benchmarks.ratios import Row, compare_costs, exhaust
from explain.cam import cam, cam_all_classes
from explain.engine import Engine, open_engine
from explain.run import Request, explain_files
from models.card import ModelCard
from models.classifier import Classifier
from models.files import FileFacts
from models.network import import_tensorflow
from models.stream import stream_batches

BATCH = 32
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
NETWORKS = ("MobileNetV2", "MobileNetV2 nested", "EfficientNetV2B0", "ResNet50V2")
FILES = 128  # JPEG files of the end-to-end run


def bench_explain(say: Callable[[str], None]) -> list[Row]:
    """Prediction, embedding and maps over the bare forward pass, tf-keras-vis over ours, TensorFlow over OpenVINO, and complete
    runs from JPEG files: 224-pixel networks with random weights."""
    import_tensorflow()
    rows = []
    for name in NETWORKS:
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
    """A run from JPEG files over the sum of its parts: reading, decoding, resizing; and the network."""
    prepared, rng = _images(BATCH), np.random.default_rng(0)
    coarse = rng.integers(0, 255, (FILES, SIZE[0] // 10, SIZE[1] // 10, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        data = write_dataset(Path(folder), (c.repeat(10, axis=0).repeat(10, axis=1) for c in coarse))
        paths = sorted((data.root / "images").iterdir())
        request = Request("grad-cam", engine="tensorflow")

        def apart() -> None:
            exhaust(stream_batches(classifier, paths, BATCH))
            for _ in range(FILES // BATCH):
                cam(classifier, prepared)

        what = f"from {FILES} JPEG files over reading + network alone, {name}"
        return compare_costs(what, lambda: exhaust(explain_files(classifier, paths, request, BATCH)), apart, 5, 1.1)


def bare_forward(classifier: Classifier) -> Callable[[np.ndarray], Any]:
    import tensorflow as tf

    @tf.function(input_signature=[classifier.input_spec()])
    def forward(images: Any) -> Any:
        return classifier.network(images, training=False)

    return lambda images: forward(images).numpy()


def bench_classifier(name: str) -> Classifier:
    """One of NETWORKS with random weights: an application of Keras, flat or `nested`, under a dense softmax layer."""
    import keras

    keras.utils.set_random_seed(0)
    application, _, nested = name.partition(" ")
    base = getattr(keras.applications, application)(weights=None, include_top=False, input_shape=(224, 224, 3))
    inputs = keras.Input((224, 224, 3)) if nested else base.input
    pooled = keras.layers.GlobalAveragePooling2D()(base(inputs) if nested else base.output)
    network = keras.Model(inputs, keras.layers.Dense(len(CLASSES), activation="softmax")(pooled))
    card = ModelCard(name=name, classes=CLASSES, height=224, width=224)
    return Classifier(network, card, FileFacts(Path(name), "keras", "", 0, "3"))
