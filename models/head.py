"""From a network's output back to its logits.

A class is explained by its logit, not by its probability: a saturated softmax or sigmoid has no gradient left.
So the last activation is removed while the network runs, and applied afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from core.errors import CardError, ModelFileError
from models.layers import listening

FLATTENING = frozenset({"Flatten", "Reshape"})
POOLING = frozenset(
    """GlobalAveragePooling2D GlobalMaxPooling2D GlobalAvgPool2D GlobalMaxPool2D
    AdaptiveAveragePooling2D AdaptiveMaxPooling2D""".split()
)


@dataclass(frozen=True)
class Head:
    """The output layer and its activation.

    exact: the logits are the network's own; else (an output layer of another kind) they are the logarithms of the
    probabilities, which under softmax differ by a constant per image.
    """

    layer: Any
    activation: str  # softmax, sigmoid or linear
    exact: bool = True


def find_head(model: Any, name: str | None = None) -> Head:
    """The output layer (of several outputs, the named one's), searched through nested networks."""
    names = output_names(model)
    layer = _output_layer(model, names.index(name) if name in names else 0)
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
    """While open, the network returns logits instead of probabilities."""
    if head.activation == "linear" or not head.exact:
        yield
    elif type(head.layer).__name__ in ("Softmax", "Activation"):
        with listening(head.layer, lambda args, _: args[0]):
            yield
    else:
        activation = head.layer.activation
        head.layer.activation = lambda logits: logits
        try:
            yield
        finally:
            head.layer.activation = activation


def output_names(model: Any) -> list[str]:
    """The names of a network's outputs, in order; empty for a SavedModel, which returns them by name."""
    return [str(name) for name in getattr(model, "output_names", None) or []]


def named_outputs(model: Any, outputs: Any) -> dict[str, Any]:
    """A network's outputs by name, or by number if names are missing or not unique."""
    if isinstance(outputs, dict):
        return {str(k): v for k, v in outputs.items()}
    if not isinstance(outputs, (list, tuple)):
        outputs = [outputs]
    names = output_names(model)
    if len(names) != len(outputs) or len(set(names)) != len(names):
        names = [f"output {k}" for k in range(len(outputs))]
    return dict(zip(names, outputs, strict=True))


def class_output(model: Any, outputs: Any, name: str | None = None) -> Any:
    """The tensor (N, classes) of a network's outputs that is the classifier's.

    name: which of several; a network with one output needs none.
    Raises CardError where a choice is missing or wrong, ModelFileError where it has no scores.
    """
    named = named_outputs(model, outputs)
    if len(named) == 1:
        chosen = next(iter(named.values()))
    elif name in named:
        chosen = named[name]
    else:
        reason = f"there is no output {name!r}" if name else f"the network has {len(named)} outputs"
        raise CardError(f"does not say which output to read: {reason}.", "card", f"Set output_name to one of: {', '.join(named)}.")
    if len(chosen.shape) != 2:
        raise ModelFileError(
            f"has output of shape {tuple(chosen.shape)}, not one score per class.",
            todo="Open a classifier; segmentation and detection networks are not supported.",
        )
    return chosen


def _output_layer(model: Any, index: int = 0) -> Any:
    layers = getattr(model, "layers", None)
    if not layers:
        return model
    outputs = getattr(model, "outputs", None)
    if type(model).__name__ != "Sequential" and outputs:
        history = getattr(outputs[index], "_keras_history", None)
        operation = getattr(history, "operation", None) or getattr(history, "layer", None)
        if operation is not None and operation is not model:
            return _output_layer(operation, getattr(history, "tensor_index", 0))
    return _output_layer(layers[-1])
