"""A network's configuration (the JSON that Keras stores with the weights): is it safe, and what does it describe?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import ModelFileError
from models.allowlist import LAYERS, OPERATION_MODULE, PARTS, TF_FUNCTIONS, VALUES

MAX_DEPTH = 100

Shape = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Outline:
    """What the configuration says without building the network; None where it does not say."""

    input_shape: Shape | None
    n_outputs: int | None
    activation: str | None
    layers: tuple[tuple[str, str], ...]


def check_config(config: Any) -> Iterator[str]:
    """Lists everything in the configuration that is not on the allow list."""
    seen: set[str] = set()
    for node in _nodes(config):
        reason = _objection(node)
        if reason and reason not in seen:
            seen.add(reason)
            yield reason


def summarise(config: dict[str, Any]) -> Outline:
    """Input size, number and activation of outputs, and all layers, nested ones with their path."""
    n_outputs, activation = _output(config)
    return Outline(_input_shape(config), n_outputs, activation, tuple(_walk(config, "")))


def _nodes(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > MAX_DEPTH:
        raise ModelFileError("contains a configuration nested too deeply.", todo="Do not open it.")
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for key, item in value.items():
            if key not in ("compile_config", "build_config"):  # never used: networks are opened uncompiled
                yield from _nodes(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item, depth + 1)


def _objection(node: dict[str, Any]) -> str | None:
    kind = str(node["class_name"])
    module = node.get("module")
    name = _name(node)
    if kind in ("Lambda", "__lambda__"):
        return f"a Lambda layer with Python code ({name or 'unnamed'})"
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        config = node.get("config") or {}
        function = str(config.get("function", "")) if isinstance(config, dict) else ""
        if TF_FUNCTIONS.fullmatch(function):
            return None
        return f"a call to the TensorFlow function {function!r}"
    if module is not None and not re.fullmatch(r"(tf_)?keras(\.\w+)*", str(module)):
        if not (module == "builtins" and kind in VALUES | {"function"} and _plain_function(node)):
            return f"the custom object {kind!r} from {module!r}"
        return None
    if kind == "function":
        return None if _plain_function(node) else f"the custom function {node.get('config')!r}"
    if kind in LAYERS or kind in PARTS or kind in VALUES:
        return None
    if module is not None and OPERATION_MODULE.fullmatch(str(module)) and kind[:1].isupper():
        return None
    return f"the custom object {kind!r}" + (f" ({name})" if name else "")


def _plain_function(node: dict[str, Any]) -> bool:
    """Keras 3 writes a built-in activation as {"class_name": "function", "config": "relu"}."""
    return str(node.get("module")) in ("builtins", "keras.activations", "None") and node.get("config") in (
        "relu",
        "softmax",
        "sigmoid",
        "tanh",
        "elu",
        "selu",
        "swish",
        "silu",
        "gelu",
        "linear",
        "relu6",
        "hard_sigmoid",
        "hard_silu",
        "hard_swish",
        "leaky_relu",
        "softplus",
        "softsign",
        "exponential",
        "mish",
    )


def _name(node: dict[str, Any]) -> str:
    config = node.get("config")
    return str(config.get("name", "")) if isinstance(config, dict) else ""


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    config = node.get("config")
    layers = config.get("layers", []) if isinstance(config, dict) else config  # Keras 1 Sequential: a list
    return [x for x in layers if isinstance(x, dict) and "class_name" in x] if isinstance(layers, list) else []


def _walk(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for child in _children(node):
        path = prefix + (str(child.get("name") or _name(child)))
        yield path, str(child["class_name"])
        yield from _walk(child, path + "/")


def _input_shape(node: dict[str, Any]) -> Shape | None:
    config = node.get("config")
    if isinstance(config, dict):
        for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
            shape = config.get(key)
            if isinstance(shape, list) and len(shape) == 4:
                height, width, channels = (s if isinstance(s, int) else None for s in shape[1:])
                return height, width, channels
    for child in _children(node):
        shape = _input_shape(child)
        if shape is not None:
            return shape
    return None


def _output(node: dict[str, Any]) -> tuple[int | None, str | None]:
    """(units, activation) of the network's output layer."""
    config = node.get("config")
    children = _children(node)
    if children:
        wanted = config.get("output_layers") if isinstance(config, dict) else None
        name = wanted[0] if isinstance(wanted, list) and wanted else None
        if isinstance(name, list):
            name = name[0]
        named = [c for c in children if name is not None and name in (_name(c), c.get("name"))]
        last = named[0] if named else children[-1]
        units, activation = _output(last)
        if units is None and last["class_name"] in ("Activation", "Softmax", "Dropout", "Flatten", "Reshape"):
            for child in reversed(children[: children.index(last)]):
                units = _output(child)[0]
                if units is not None:
                    break
        return units, activation
    if not isinstance(config, dict):
        return None, None
    units = config.get("units", config.get("filters"))
    activation = config.get("activation")
    if isinstance(activation, dict):
        inner = activation.get("config")
        activation = inner if isinstance(inner, str) else str(activation.get("class_name", "")).lower()
    if node["class_name"] == "Softmax":
        activation = "softmax"
    return units if isinstance(units, int) else None, activation if isinstance(activation, str) else None
