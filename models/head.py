"""From a network's output back to its logits.

A class is explained by its logit, not by the probability: a saturated softmax or sigmoid has no
gradient left. So the last activation is taken off while the network runs, and applied afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from errors import ModelFileError
from models.layers import listening

FLATTENING = frozenset({"Flatten", "Reshape"})
POOLING = frozenset(
    """GlobalAveragePooling2D GlobalMaxPooling2D GlobalAvgPool2D GlobalMaxPool2D
    AdaptiveAveragePooling2D AdaptiveMaxPooling2D""".split()
)


@dataclass(frozen=True)
class Head:
    """The layer that gives the output, and the activation it ends with.

    exact: the logits are the network's own; else (an output layer of another kind) they are the
    logarithms of the probabilities, which differ by a constant an image under softmax.
    """

    layer: Any
    activation: str  # softmax, sigmoid or linear
    exact: bool = True


def find_head(model: Any) -> Head:
    """The output layer, looked for through nested networks."""
    layer = _output_layer(model)
    kind = type(layer).__name__
    if kind == "Softmax":
        return Head(layer, "softmax")
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "linear" if activation is None else type(activation).__name__.lower())
    if name in ("softmax", "sigmoid", "linear"):
        return Head(layer, name)
    return Head(layer, name, exact=False)


@contextmanager
def bare_logits(head: Head) -> Iterator[None]:
    """While open, the network gives its logits instead of probabilities."""
    if head.activation == "linear" or not head.exact:
        yield
    elif type(head.layer).__name__ in ("Softmax", "Activation"):
        with listening(head.layer, lambda args, _: args[0]):
            yield
    else:
        activation = head.layer.activation
        head.layer.activation = _linear
        try:
            yield
        finally:
            head.layer.activation = activation


def single_output(outputs: Any) -> Any:
    """The one tensor (N, classes) of a network's outputs; raises ModelFileError if there are several."""
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise ModelFileError(
                f"has {len(outputs)} outputs; a classifier has one.", todo="Save the network with that output alone."
            )
        outputs = outputs[0]
    if len(outputs.shape) != 2:
        raise ModelFileError(
            f"gives output of shape {tuple(outputs.shape)}, not one score a class.",
            todo="Open a classifier; segmentation and detection networks do not fit.",
        )
    return outputs


def _linear(x: Any) -> Any:
    return x


def _output_layer(model: Any) -> Any:
    layers = getattr(model, "layers", None)
    if not layers:
        return model
    outputs = getattr(model, "outputs", None)
    if type(model).__name__ != "Sequential" and outputs:
        history = getattr(outputs[0], "_keras_history", None)
        operation = getattr(history, "operation", None) or getattr(history, "layer", None)
        if operation is not None and operation is not model:
            return _output_layer(operation)
    return _output_layer(layers[-1])
