"""`Classifier`: a network with its card; photographs in, logits and probabilities out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CardError, ModelFileError, first_line
from imaging.resize import fit_image
from models.card import ModelCard, card_path, guess_card, read_card, scale_pixels
from models.files import FileFacts, inspect_file
from models.head import FLATTENING, POOLING, Head, bare_logits, class_output, find_head, named_outputs
from models.layers import LayerInfo, default_layer, find_layer, listening, sublayers, trace_layers
from models.network import open_network

BATCH = 32
MAX_COMPILED = 24  # compiled functions a classifier keeps


@dataclass(frozen=True)
class Prediction:
    """Scores of N images for C classes in the card's order; float32 (N, C) each.

    A single sigmoid unit z gives both classes: logits (−z, z), probabilities (1 − p, p).
    Probabilities of `multi-label` networks need not add up to 1.
    embedding: float32 (N, D), the input of the last dense layer; None where the network's layers are not accessible.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    embedding: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.logits.shape != self.probabilities.shape or self.logits.ndim != 2:
            raise ValueError(f"logits {self.logits.shape} and probabilities {self.probabilities.shape} differ")


class Classifier:
    """An opened network with its card and its compiled functions."""

    def __init__(self, network: Any, card: ModelCard, facts: FileFacts) -> None:
        self.network, self.card, self.facts = network, card, facts
        self.compiled: dict[tuple, Any] = {}
        self.head = find_head(network, card.output_name) if network.layers else Head(None, "unknown", exact=False)
        try:
            self.layers, outputs = trace_layers(network, card.size)
        except (ValueError, TypeError) as error:
            raise CardError(
                f"does not take the card's {card.height} × {card.width} RGB images ({first_line(error)}).",
                facts.path.name,
                "Correct height and width in the card.",
            ) from error
        dense = [layer for layer in self.layers if layer.kind == "Dense"]
        self.embedded = self.keras_layer(dense[-1].path) if dense and not dense[-1].spatial else None
        self._check_card(int(class_output(network, outputs, card.output_name).shape[-1] or 0))

    @property
    def explainable(self) -> bool:
        return any(layer.explainable for layer in self.layers)

    @property
    def gradient_scale(self) -> float:
        """Loss scale: scores are multiplied by it before they are differentiated, gradients divided by it afterwards, because
        float16 would lose small gradients (Micikevicius 2018, arXiv:1710.03740)."""
        half = any(getattr(layer, "compute_dtype", "") == "float16" for _, layer in sublayers(self.network))
        return 256.0 if half else 1.0

    @property
    def flattens(self) -> bool:
        """Whether the head flattens the last feature maps, where averaging gradients is unfaithful."""
        kinds = [layer.kind for layer in self.layers]
        last_spatial = max((i for i, x in enumerate(self.layers) if x.spatial), default=-1)
        after = kinds[last_spatial + 1 :]
        return any(k in FLATTENING for k in after) and not any(k in POOLING for k in after)

    def layer(self, name: str | None = None) -> LayerInfo:
        """The layer to explain: the named one, else the default."""
        return find_layer(self.layers, name) if name else default_layer(self.layers)

    def keras_layer(self, path: str) -> Any:
        """The network's own layer at a path."""
        return dict(sublayers(self.network))[path]

    def target_index(self, target: str) -> int:
        """The position of a class in the output, by its name or its code; raises CardError."""
        for names in (self.card.classes, self.card.codes):
            if names.count(target) == 1:
                return names.index(target)
        raise CardError(f"{target!r} is not one of its classes.", self.card.name, f"Choose: {', '.join(self.card.classes)}.")

    def prepare(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 RGB images of any size -> float32 (N, H, W, 3), preprocessed for the network."""
        return self.scale(np.stack([self.fit(image) for image in images]))

    def fit(self, image: np.ndarray) -> np.ndarray:
        """A uint8 RGB image of any size -> uint8 (H, W, 3) at the network's input size."""
        return fit_image(image, self.card.size, self.card.resize.geometry, self.card.resize.interpolation)

    def scale(self, fitted: np.ndarray) -> np.ndarray:
        """Fitted uint8 images -> float32 in the network's range and colour order."""
        return scale_pixels(self.card, fitted)

    def logits(self, images: Any) -> Any:
        """TensorFlow: prepared images (N, H, W, 3) -> logits (N, outputs), float32."""
        return self.logits_and_embedding(images)[0]

    def logits_and_embedding(self, images: Any) -> tuple[Any, Any]:
        """TensorFlow: prepared images -> logits (N, outputs) and embedding (N, D), float32; D is 0 without a last dense layer."""
        import tensorflow as tf

        heard: list[Any] = []
        listener = listening(self.embedded, lambda args, _: heard.append(args[0])) if self.embedded is not None else nullcontext()
        with listener:
            logits = self._logits(images)
        embedding = tf.cast(heard[-1], tf.float32) if heard else tf.zeros((tf.shape(logits)[0], 0))
        return logits, embedding

    def _logits(self, images: Any) -> Any:
        import tensorflow as tf

        with bare_logits(self.head):
            outputs = class_output(self.network, self.network(images, training=False), self.card.output_name)
        outputs = tf.cast(outputs, tf.float32)
        if self.head.exact or self.card.output == "logits":
            return outputs
        tiny = 1e-7
        if self.card.output in ("sigmoid", "multi-label"):
            outputs = tf.clip_by_value(outputs, tiny, 1 - tiny)
            return tf.math.log(outputs) - tf.math.log1p(-outputs)
        return tf.math.log(tf.maximum(outputs, tiny))

    def class_logits(self, outputs: Any) -> Any:
        """TensorFlow: logits of the outputs -> logits of the classes (a single unit z gives −z and z)."""
        import tensorflow as tf

        if self.card.output != "sigmoid" or outputs.shape[-1] != 1:
            return outputs
        return tf.concat([-outputs, outputs] if self.card.positive_index == 1 else [outputs, -outputs], axis=-1)

    def probabilities(self, outputs: Any) -> Any:
        """TensorFlow: logits of the outputs -> probabilities of the classes."""
        import tensorflow as tf

        if self.card.output in ("sigmoid", "multi-label"):
            return tf.sigmoid(self.class_logits(outputs))
        return tf.nn.softmax(outputs)

    def predict(self, prepared: np.ndarray) -> Prediction:
        """Scores of one batch of prepared images."""
        logits, probabilities, embedding = self.function(("predict",), self._build_predict)(prepared)
        return Prediction(logits.numpy(), probabilities.numpy(), embedding.numpy() if self.embedded is not None else None)

    def function(self, key: tuple, build: Callable[[], Any]) -> Any:
        """The compiled function of a key, built on first use."""
        if key not in self.compiled:
            while len(self.compiled) >= MAX_COMPILED:
                del self.compiled[next(iter(self.compiled))]
            self.compiled[key] = build()
        return self.compiled[key]

    def input_spec(self) -> Any:
        import tensorflow as tf

        return tf.TensorSpec((None, *self.card.size, 3), tf.float32)

    def _build_predict(self) -> Any:
        import tensorflow as tf

        @tf.function(input_signature=[self.input_spec()])
        def run(images: Any) -> Any:
            outputs, embedding = self.logits_and_embedding(images)
            return self.class_logits(outputs), self.probabilities(outputs), embedding

        return run

    def _check_card(self, units: int) -> None:
        card = self.card
        wanted = 1 if card.output == "sigmoid" else len(card.classes)
        where = f"{self.facts.path.name} and its card"
        if units != wanted:
            raise CardError(
                f"do not match: the network has {units} output{'s' if units != 1 else ''}, "
                f"the card ({card.output}) lists {len(card.classes)} classes.",
                where,
                "List one class per output, in output order; one sigmoid unit stands for two classes.",
            )
        allowed = {"softmax": ("softmax", "logits"), "sigmoid": ("sigmoid", "multi-label")}.get(self.head.activation)
        if allowed is not None and card.output not in allowed:
            reason = f"do not match: the network ends with {self.head.activation}, the card says {card.output}."
            raise CardError(reason, where, f"Set output to {allowed[0]}.")


def open_classifier(path: Path, card: ModelCard | None = None, trusted: bool = False, facts: FileFacts | None = None) -> Classifier:
    """Read or guess the card of a file, and open it in this process; without facts of its trial the file is checked here too."""
    facts = facts or inspect_file(path, trusted)
    network = open_network(facts)
    if card is None:
        beside = card_path(path)
        card = read_card(beside) if beside.exists() else guess_card_for(network, facts)
    return Classifier(network, card, facts)


def guess_card_for(network: Any, facts: FileFacts) -> ModelCard:
    """`guess_card`, completed by the opened network (a file need not specify its outputs)."""
    shape = tuple(network.inputs[0].shape)
    if facts.input_shape is None and len(shape) == 4:
        facts = replace(facts, input_shape=(shape[1], shape[2], shape[3]))
    outputs = None
    if facts.n_outputs is None or facts.activation is None or len(getattr(network, "outputs", [])) > 1:
        outputs = _try_outputs(network, guess_card(facts).size)
        name = _likeliest(network, outputs)
        n_outputs, looks_like = outputs[name]
        activation = find_head(network, name).activation if network.layers else looks_like
        facts = replace(facts, n_outputs=n_outputs, activation=activation)
    channels = facts.input_shape[2] if facts.input_shape else None
    if channels not in (3, None):
        raise ModelFileError(
            f"takes images with {channels} channel{'s' if channels != 1 else ''}; LesionLens provides RGB.", facts.path.name
        )
    card = guess_card(facts)
    if outputs is None or len(outputs) == 1:
        return card
    return card.model_copy(update={"output_name": _likeliest(network, outputs), "guessed": (*card.guessed, "output_name")})


def _likeliest(network: Any, outputs: Mapping[str, tuple[int, str]]) -> str:
    """Of several outputs the one that looks most like classes: softmax before sigmoid before anything else, then the widest."""

    def rank(name: str) -> tuple[int, int]:
        units, looks_like = outputs[name]
        activation = find_head(network, name).activation if network.layers else looks_like
        return {"softmax": 0, "sigmoid": 1}.get(activation, 2), -units

    return min(outputs, key=rank)


def _try_outputs(network: Any, size: tuple[int, int]) -> dict[str, tuple[int, str]]:
    """Every output with one score per class: its number of classes, and its likely activation, on four images of noise."""
    noise = np.random.default_rng(0).random((4, *size, 3), np.float32)
    named = named_outputs(network, network(noise, training=False))
    flat = {name: np.asarray(x, np.float32) for name, x in named.items() if len(x.shape) == 2}
    if not flat:
        shapes = ", ".join(str(tuple(x.shape)) for x in named.values())
        raise ModelFileError(
            f"has output of shape {shapes}, not one score per class.",
            todo="Open a classifier; segmentation and detection networks are not supported.",
        )
    return {name: _looks_like(outputs) for name, outputs in flat.items()}


def _looks_like(outputs: np.ndarray) -> tuple[int, str]:
    if outputs.min() < 0 or outputs.max() > 1:
        return outputs.shape[1], "linear"
    adds_up = outputs.shape[1] > 1 and np.allclose(outputs.sum(axis=1), 1, atol=1e-3)
    return outputs.shape[1], "softmax" if adds_up else "sigmoid"
