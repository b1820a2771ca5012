"""What runs the network below the explained layer: TensorFlow, or OpenVINO where it is installed.

The network is cut at the layer without taking it apart: its layers are called as they are, and only the chosen
one's output is watched by the tape (TensorFlow) or replaced by maps that OpenVINO has computed. What lies below
a replaced output has no effect left and is pruned from the compiled function.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import LesionLensError
from models.classifier import Classifier
from models.layers import LayerInfo, listening

ENGINES = ("auto", "tensorflow", "openvino")
TOLERANCE = 1e-4  # an engine whose probabilities differ from TensorFlow's by more is not used


@dataclass(frozen=True)
class Engine:
    """below: prepared images float32 (N, H, W, 3) → what `above` reads, of the given `spec`.

    above: TensorFlow, (that, tape) → (watched maps (N, h, w, k), logits of the outputs, embedding).
    note: why this is not the engine that was requested; empty otherwise.
    """

    name: str
    layer: LayerInfo
    spec: Any
    below: Callable[[np.ndarray], Any]
    above: Callable[[Any, Any], tuple[Any, Any, Any]]
    note: str = ""


def open_engine(wanted: str, classifier: Classifier, layer: LayerInfo) -> Engine:
    """`tensorflow`, `openvino`, or `auto`: OpenVINO where it is installed and gives the same predictions.

    Falls back to TensorFlow with a note. Raises LesionLensError for an unknown name.
    """
    if wanted not in ENGINES:
        raise LesionLensError(f"unknown engine {wanted!r}.", todo=f"Choose: {', '.join(ENGINES)}.")
    plain = _tensorflow(classifier, layer)
    if wanted == "tensorflow":
        return plain
    if importlib.util.find_spec("openvino") is None:
        missing = "OpenVINO is not installed (requirements-fast.txt), so TensorFlow runs this network."
        return plain if wanted == "auto" else replace(plain, note=missing)
    return classifier.function(("engine", layer.path), lambda: _checked_openvino(classifier, layer, plain))


def _tensorflow(classifier: Classifier, layer: LayerInfo) -> Engine:
    def above(images: Any, tape: Any) -> tuple[Any, Any, Any]:
        heard: list[Any] = []

        def watch(_: tuple, output: Any) -> None:
            tape.watch(output)
            heard.append(output)

        with listening(classifier.keras_layer(layer.path), watch):
            outputs, embedding = classifier.logits_and_embedding(images)
        return heard[-1], outputs, embedding

    return Engine("tensorflow", layer, classifier.input_spec(), lambda prepared: prepared, above)


def _checked_openvino(classifier: Classifier, layer: LayerInfo, plain: Engine) -> Engine:
    """OpenVINO's engine, if it can be built and agrees with TensorFlow on four images of noise; else TensorFlow's."""
    try:
        engine = _openvino(classifier, layer)
        noise = np.random.default_rng(0).uniform(0, 255, (4, *classifier.card.size, 3)).astype(np.uint8)
        prepared = classifier.prepare(list(noise))
        probabilities = _head(classifier, engine)(engine.below(prepared)).numpy()
        difference = np.abs(probabilities - classifier.predict(prepared).probabilities).max()
        if not difference <= TOLERANCE:
            return replace(plain, note=f"OpenVINO's scores differ by {difference:.1e}, so TensorFlow runs this network.")
        return engine
    except Exception as error:  # whatever a compiler fails on, TensorFlow still runs the network
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()[:160]  # the lines before say where
        return replace(plain, note=f"OpenVINO cannot run this network ({reason}), so TensorFlow does.")


def _openvino(classifier: Classifier, layer: LayerInfo) -> Engine:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    if layer.used > 1:
        raise ValueError(f"layer {layer.path!r} is used {layer.used} times")

    @tf.function(input_signature=[classifier.input_spec()])
    def below(images: Any) -> Any:
        heard: list[Any] = []
        with listening(classifier.keras_layer(layer.path), lambda _, output: heard.append(output)):
            classifier.logits(images)
        return tf.cast(heard[-1], tf.float32)

    def above(maps: Any, tape: Any) -> tuple[Any, Any, Any]:
        tape.watch(maps)

        def replaced(_: tuple, output: Any) -> Any:
            return tf.ensure_shape(tf.cast(maps, output.dtype), output.shape)

        unused = tf.zeros((tf.shape(maps)[0], *classifier.card.size, 3))
        with tf.GradientTape(watch_accessed_variables=False) as bypass, listening(classifier.keras_layer(layer.path), replaced):
            bypass.watch(unused)
            outputs, embedding = classifier.logits_and_embedding(unused)
        if bypass.gradient(outputs, unused) is not None:
            raise ValueError(f"a branch bypasses layer {layer.path!r}")
        return maps, outputs, embedding

    openvino = _import_openvino()
    frozen = convert_variables_to_constants_v2(below.get_concrete_function())
    network = openvino.convert_model(frozen.graph.as_graph_def(), share_weights=False)
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"})

    spec = tf.TensorSpec((None, layer.height, layer.width, layer.channels), tf.float32)
    return Engine("openvino", layer, spec, lambda prepared: compiled([prepared])[0], above)


def _import_openvino() -> Any:
    """OpenVINO without its telemetry package: nothing leaves this machine."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO then uses a stub
    return importlib.import_module("openvino")


def _head(classifier: Classifier, engine: Engine) -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[engine.spec])
    def run(maps: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            return classifier.probabilities(engine.above(maps, tape)[1])

    return run
