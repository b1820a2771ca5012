"""A network's configuration (the JSON that Keras stores with the weights): is it safe, and what does it describe?

Keras never gets a stranger's configuration. `rebuild` copies it value by value under a strict schema of Keras' own serialisation; what is
not in the schema is either an objection or, where Keras does not need it to rebuild the network (compiling, most of building), left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import ModelFileError
from models.allowlist import Allowed, allow_list

MAX_DEPTH = 100
MAX_VALUES = 2_000_000
MAX_TEXT = 10_000
MAX_CALLS = 50_000  # of layers, those of networks inside networks counted at every use

Shape = tuple[int | None, int | None, int | None]

# what stands beside a class's name; the last five are left out of the copy
_BESIDE = frozenset("class_name config module registered_name name inbound_nodes shared_object_id".split())
_DROPPED = frozenset("build_config compile_config keras_version backend".split())
# Keras stores values that JSON has no type for under these names
_VALUES = {
    "__keras_tensor__": {"shape", "dtype", "keras_history"},
    "__tensor__": {"value", "dtype"},
    "__numpy__": {"value", "dtype"},
    "__slice__": {"start", "stop", "step"},
    "__tuple__": set(),
    "__ellipsis__": set(),
    "TensorShape": set(),
}
_FUNCTION_MODULES = (None, "builtins", *(f"{room}.activations" for room in ("keras", "tf_keras", "keras.src", "keras.src.activations")))
_DTYPE = re.compile(r"(mixed_)?b?float16|float(32|64)|u?int(8|16|32|64)|bool|_?infer")
# the end of a setting's name -> the kind of object it takes
_ROLES = (
    ("activation", ("layer", "operation")),
    ("initializer", ("initializer",)),
    ("regularizer", ("regularizer",)),
    ("constraint", ("constraint",)),
    ("dtype", ("policy",)),
    ("number", ()),
)
# what these settings of a kind of object are, whatever their name
_MEANT = {("policy", "name"): "dtype", ("initializer", "value"): "number"}
# settings that are one side of a tensor of weights
_SIDES = frozenset(
    "units filters output_dim input_dim num_heads num_query_heads num_key_value_heads key_dim value_dim head_dim rank".split()
)


@dataclass(frozen=True)
class Outline:
    """What the configuration says without building the network; None where it does not say."""

    input_shape: Shape | None
    n_outputs: int | None
    activation: str | None
    layers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Rebuilt:
    """A copy that holds nothing but what the schema knows, what was not copied for being foreign, and the largest side of a tensor of
    weights it asks for."""

    config: Any
    objections: tuple[str, ...]
    largest_side: int


def rebuild(config: Any) -> Rebuilt:
    """Copy a configuration under the schema. Raises ModelFileError where it is nested, long or repeated beyond all use."""
    copy = _Copy()
    made = copy.value(config, "", 0)
    if _calls(config) > MAX_CALLS:
        raise ModelFileError("repeats its layers too many times.", todo="Do not open it.")
    return Rebuilt(made, tuple(copy.objections), copy.largest_side)


def check_config(config: Any) -> Iterator[str]:
    """Lists everything in the configuration that is not on the allow list."""
    yield from rebuild(config).objections


def summarise(config: dict[str, Any]) -> Outline:
    """Input size, number and activation of outputs, and all layers, nested ones with their path."""
    n_outputs, activation = _output(config)
    return Outline(_input_shape(config), n_outputs, activation, tuple(_walk(config, "")))


class _Copy:
    """One walk through a configuration; `place` is the setting a value belongs to."""

    def __init__(self) -> None:
        self.objections: dict[str, None] = {}
        self.largest_side = 0
        self._n_values = 0

    def value(self, value: Any, place: str, depth: int) -> Any:
        self._n_values += 1
        if depth > MAX_DEPTH:
            raise ModelFileError("contains a configuration nested too deeply.", todo="Do not open it.")
        if self._n_values > MAX_VALUES:
            raise ModelFileError("contains a configuration of too many values.", todo="Do not open it.")
        if isinstance(value, dict):
            return self._object(value, place, depth) if "class_name" in value else self._plain(value, place, depth)
        if isinstance(value, list):
            return [self.value(item, place, depth + 1) for item in value]
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, int) and not isinstance(value, bool):
            if abs(value) >= 2**63:
                raise ModelFileError("contains a configuration with a number too large.", todo="Do not open it.")
            self.largest_side = max(self.largest_side, value if place in _SIDES else 0)
        return value

    def _object_to(self, what: str) -> None:
        self.objections[what] = None

    def _text(self, text: str, place: str) -> str:
        if len(text) > MAX_TEXT or "class_name" in text:
            self._object_to(f"a configuration inside a text ({place or 'network'})")
        role, kinds = _role(place)
        listed = allow_list()
        known = {
            "": True,
            "activation": text in listed.activations or any(c.kind == "layer" for c in listed.classes.get(text, ())),
            "dtype": bool(_DTYPE.fullmatch(text)),
        }.get(role, any(c.kind in kinds for c in listed.classes.get(text, ())))
        if not known:
            self._object_to(f"the custom {role} {text[:80]!r}")
        return text

    def _plain(self, value: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        if {"module", "registered_name"} & set(value):
            self._object_to(f"an object without a class ({place or 'network'})")
        return {key: self.value(item, key if key in _SIDES or _role(key)[0] else place, depth + 1) for key, item in value.items()}

    def _object(self, node: dict[str, Any], place: str, depth: int) -> Any:
        kind, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
        if not isinstance(kind, str):
            self._object_to(f"an object whose class is {type(kind).__name__}")
            return None
        if kind in ("Lambda", "__lambda__"):
            self._object_to(f"a Lambda layer with Python code ({_name(node) or 'unnamed'})")
            return None
        if kind in _VALUES:
            return self._stored_value(node, kind, depth)
        if kind == "function":
            return self._function(node)
        role, kinds = _role(place)
        found = [
            one
            for one in allow_list().classes.get(kind, ())
            if (one.kind != "operation" if module is None else module in one.modules)
            and (registered is None or registered in one.registered)
            and (not role or one.kind in kinds)
        ]
        if not found:
            named = f" ({_name(node)})" if _name(node) and module is None else ""
            come_from = f" from {module!r}" if module is not None else ""
            known_as = f" registered as {registered!r}" if registered not in (None, kind) else ""
            self._object_to(f"the custom object {kind[:80]!r}{come_from}{known_as}{named}")
            return None
        return self._allowed(node, found, depth)

    def _allowed(self, node: dict[str, Any], found: list[Allowed], depth: int) -> dict[str, Any]:
        kind, settings = node["class_name"], node.get("config")
        for key in set(node) - _BESIDE - _DROPPED:
            self._object_to(f"the unknown entry {key[:80]!r} beside {kind}")
        made = {key: self.value(node[key], "", depth + 1) for key in node if key in _BESIDE - {"config"}}
        if shapes := _shapes(node.get("build_config")):
            made["build_config"] = shapes
        if isinstance(settings, dict):
            known = {key for one in found for key in one.settings}
            for key in set(settings) - known:
                self._object_to(f"the unknown setting {key[:80]!r} of {kind}")
            if kind in ("TFOpLambda", "SlicingOpLambda") and settings.get("function") not in allow_list().functions:
                self._object_to(f"a call to the TensorFlow function {str(settings.get('function', ''))[:80]!r}")
            meant = {name: place for (of, name), place in _MEANT.items() if of == found[0].kind}
            made["config"] = {key: self.value(item, meant.get(key) or key, depth + 1) for key, item in settings.items() if key in known}
        elif "config" in node:  # Keras 1 keeps the layers of a Sequential as a list
            made["config"] = self.value(settings, "", depth + 1)
        return made

    def _stored_value(self, node: dict[str, Any], kind: str, depth: int) -> dict[str, Any]:
        inner = node.get("config")
        unknown = set(node) - {"class_name", "config", "items", "module", "registered_name"}
        unknown |= (set(inner) - _VALUES[kind]) if isinstance(inner, dict) else set()
        if unknown or node.get("module") not in (None, "builtins") or node.get("registered_name") not in (None, kind):
            self._object_to(f"the custom object {kind!r}")
        place = "number" if kind in ("__tensor__", "__numpy__") else ""
        return {key: self.value(node[key], place if key == "config" else "", depth + 1) for key in node if key not in unknown}

    def _function(self, node: dict[str, Any]) -> dict[str, Any]:
        """Keras 3 writes a built-in activation as {"class_name": "function", "config": "relu"}."""
        name, module = node.get("config"), node.get("module")
        if not isinstance(name, str) or name not in allow_list().activations or node.get("registered_name") not in (None, name):
            self._object_to(f"the custom object 'function' from {module!r}" if module else f"the custom function {str(name)[:80]!r}")
        elif module not in _FUNCTION_MODULES or set(node) - _BESIDE:
            self._object_to(f"the custom object 'function' from {module!r}")
        return {key: node[key] for key in ("module", "class_name", "config", "registered_name") if key in node}


def _role(place: str) -> tuple[str, tuple[str, ...]]:
    return next(((role, kinds) for role, kinds in _ROLES if place == role or place.endswith(f"_{role}")), ("", ()))


def _shapes(build: Any) -> dict[str, Any]:
    """Of what a layer was built with: shapes, and nothing else."""

    def is_shape(value: Any, depth: int = 0) -> bool:
        if isinstance(value, list):
            return depth < 4 and len(value) <= 64 and all(is_shape(v, depth + 1) for v in value)
        return value is None or (type(value) is int and 0 <= value < 2**31)

    def is_named(value: Any) -> bool:
        return isinstance(value, dict) and all(k.endswith("shape") and is_shape(v) for k, v in value.items())

    if not isinstance(build, dict):
        return {}
    return {
        k: v for k, v in build.items() if (k.endswith("shape") and is_shape(v)) or (k.endswith(("shape", "shapes_dict")) and is_named(v))
    }


def _calls(node: Any) -> int:
    """How many layers are called when the network runs once; Bidirectional makes two of what it holds."""
    inner = node.get("config") if isinstance(node, dict) else None
    held = [inner[key] for key in ("layer", "forward_layer", "backward_layer", "cell") if isinstance(inner, dict) and key in inner]
    once = sum(_calls(child) * max(1, _n_uses(child)) for child in _children(node)) if isinstance(node, dict) else 0
    return 1 + once + sum(map(_calls, held)) * (2 if isinstance(node, dict) and node.get("class_name") == "Bidirectional" else 1)


def _n_uses(node: dict[str, Any]) -> int:
    uses = node.get("inbound_nodes")
    return len(uses) if isinstance(uses, list) else 1


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
