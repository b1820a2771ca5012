"""Networks' configurations with foreign objects: every one is an objection, or left out."""

from __future__ import annotations

import copy
import inspect
import json
import re
from collections.abc import Callable

import pytest

from core.errors import ModelFileError
from models.allowlist import allow_list
from models.config import rebuild
from tests.hostile.nets import KINDS, PLACES, Node, layer, network, obj, of


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_object_anywhere_is_an_objection(kind: str, place: str) -> None:
    net = network()
    PLACES[place](net, copy.deepcopy(KINDS[kind]))
    assert rebuild(net).objections


def test_without_them_there_is_none() -> None:
    made = rebuild(network())
    assert not made.objections and made.config["config"] == network()["config"]


@pytest.mark.parametrize("place", ["compile_config", "build_config"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_keras_does_not_need_is_left_out(kind: str, place: str) -> None:
    for target in (network(), network()):
        inner = of(target, "conv")
        target[place] = inner[place] = {"optimizer": KINDS[kind], "input_shape": KINDS[kind], "shapes_dict": {"x_shape": KINDS[kind]}}
        made = rebuild(target)
        assert not made.objections and made.config == rebuild(network()).config


def test_shapes_a_layer_was_built_with_stay() -> None:
    net = network()
    net["build_config"] = {"input_shape": [None, 8, 8, 3], "shapes_dict": {"query_shape": [None, 4]}, "file": "/etc/passwd"}
    assert rebuild(net).config["build_config"] == {"input_shape": [None, 8, 8, 3], "shapes_dict": {"query_shape": [None, 4]}}


@pytest.mark.parametrize("key", ["name", "padding", "activation", "kernel_initializer", "dtype", "data_format"])
@pytest.mark.parametrize("kind", ["registered function", "Lambda", "builtins.eval"])
def test_json_in_a_text_is_an_objection(kind: str, key: str) -> None:
    net = network()
    of(net, "conv")["config"][key] = json.dumps(KINDS[kind])
    assert rebuild(net).objections


@pytest.mark.parametrize("key", ["activation", "kernel_initializer", "bias_regularizer", "kernel_constraint", "dtype"])
@pytest.mark.parametrize(
    "text", ["string", "complex64", "float8", "get", "deserialize", "os.system", "keras>Dense", "../../etc/passwd", "eval"]
)
def test_names_of_functions_are_those_of_keras(key: str, text: str) -> None:
    net = network()
    of(net, "conv")["config"][key] = text
    assert rebuild(net).objections


DTYPES = "float16 bfloat16 float32 float64 mixed_float16 mixed_bfloat16 int8 uint8 int32 int64 bool".split()


@pytest.mark.parametrize("name", DTYPES)
def test_types_of_numbers(name: str) -> None:
    for dtype in (name, obj("DTypePolicy", "keras", None, {"name": name}), {"class_name": "Policy", "config": {"name": name}}):
        net = network()
        of(net, "conv")["config"]["dtype"] = dtype
        assert not rebuild(net).objections


def test_constants() -> None:
    for value in (0.1, [[1, 2]], obj("__tensor__", "builtins", None, {"value": [1.5], "dtype": "float32"})):
        net = network()
        of(net, "conv")["config"]["bias_initializer"] = obj("Constant", "keras.initializers", None, {"value": value})
        assert not rebuild(net).objections


_FOREIGN = re.compile(r"vocab|file|path|url|func|callable|module|handle|(^|_)(fn|dir|op|cell|cls|code)($|_)|type_spec")
_HARMLESS = {"drop_path_rate", "top_paths"}  # a probability, a number of results


def test_no_setting_names_a_file_or_a_function() -> None:
    for name, kinds in allow_list().classes.items():
        found = {s for one in kinds for s in one.settings if _FOREIGN.search(s)} - _HARMLESS
        assert found <= ({"function"} if name in ("TFOpLambda", "SlicingOpLambda") else set()), name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_argument_of_a_tensor_function_names_a_file_or_a_function() -> None:
    from models.gathering import tensor_functions

    functions = tensor_functions()
    assert set(functions) == allow_list().functions and len(functions) > 250
    for name, function in functions.items():
        assert not [p for p in inspect.signature(function).parameters if _FOREIGN.search(p)], name
        assert "sampler" not in function.__name__ and not inspect.isclass(function)


def _deep(n: int) -> Node:
    net = network()
    for _ in range(n):
        net = {**network(), "config": {"name": "outer", "layers": [net], "input_layers": [], "output_layers": []}}
    return net


def _doubled(n: int) -> Node:
    inner = layer("x", "LSTM", None, units=2)
    for _ in range(n):
        inner = layer("x", "Bidirectional", None, layer=inner)
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [inner]}}


def _repeated(n: int) -> Node:
    net = network()
    for _ in range(n):
        net = {"class_name": "Functional", "config": {"name": "f", "layers": [{**net, "name": "n", "inbound_nodes": [[]] * 10}]}}
    return net


@pytest.mark.parametrize("make", [lambda: _deep(60), lambda: _doubled(25), lambda: _repeated(8), lambda: network() | {"name": 2**70}])
def test_configurations_beyond_all_use(make: Callable[[], Node]) -> None:
    with pytest.raises(ModelFileError, match=r"nested|repeats|too large"):
        rebuild(make())
