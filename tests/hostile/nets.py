"""Network files made by code, some with what a network must not contain, for the hostile tests of every format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.errors import ModelFileError
from models.files import clean_copy

Node = dict[str, Any]


def layer(name: str, kind: str, after: str | None, **settings: Any) -> Node:
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 8, 8, 3], "dtype": "float32", "keras_history": [after, 0, 0]}}
    nodes = [{"args": [tensor], "kwargs": {}}] if after else []
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "trainable": True, **settings},
        "registered_name": None,
        "name": name,
        "inbound_nodes": nodes,
    }


def network() -> Node:
    """A small classifier as Keras 3 writes it."""
    layers = [
        layer("in", "InputLayer", None, batch_shape=[None, 8, 8, 3], dtype="float32"),
        layer("conv", "Conv2D", "in", filters=4, kernel_size=[3, 3], activation="relu"),
        layer("wrapped", "TimeDistributed", "conv", layer=layer("inner", "Dense", None, units=4)),
        layer("pool", "GlobalAveragePooling2D", "wrapped"),
        layer("out", "Dense", "pool", units=3, activation={"module": "builtins", "class_name": "function", "config": "softmax"}),
    ]
    settings = {"name": "net", "trainable": True, "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": settings,
        "registered_name": "Functional",
        "build_config": {},
    }


def of(node: Node, name: str) -> Node:
    return next(one for one in node["config"]["layers"] if one["name"] == name)


def obj(kind: Any, module: str | None = "keras.layers", registered: str | None = None, config: Any = None) -> Node:
    return {"class_name": kind, "module": module, "registered_name": registered, "config": {} if config is None else config}


URL = "data:text/plain,written%20by%20a%20model"
KINDS: dict[str, Node] = {
    "registered function": obj("LayerScale", "keras.src.utils.data_utils", "urlretrieve", {"url": URL, "filename": "written.txt"}),
    "another module": obj("Dense", "keras.utils", None, {"units": 2}),
    "another registered name": obj("Dense", "keras.layers", "urlretrieve", {"units": 2}),
    "os.system": obj("system", "os"),
    "builtins.eval": obj("eval", "builtins"),
    "subprocess": obj("Popen", "subprocess", None, {"args": ["true"]}),
    "get_file": obj("get_file", "keras.utils", None, {"origin": URL}),
    "get_file of tf-keras": obj("get_file", "tf_keras.src.utils.data_utils", "get_file", {"origin": URL}),
    "function exec": obj("function", "builtins", "exec", "exec"),
    "function of os": obj("function", "os", "system", "system"),
    "function by registered name": obj("function", "builtins", "urlretrieve", "relu"),
    "function of a utility": obj("function", "keras.utils", None, "relu"),
    "Lambda": obj("Lambda", "keras.layers", None, {"function": ["4wE=", None, None]}),
    "Lambda of Keras 2": {"class_name": "Lambda", "config": {"function": "x"}},
    "__lambda__": obj("__lambda__", "builtins", None, {"value": "4wE="}),
    "type spec": {"class_name": "__typespec__", "spec_name": "system", "module": "os", "registered_name": None, "config": []},
    "saved model layer": obj("TFSMLayer", "keras.layers", None, {"filepath": "/etc"}),
    "torch module": obj("TorchModuleWrapper", "keras.layers", None, {"module": "x"}),
    "vocabulary file": obj("StringLookup", "keras.layers", None, {"vocabulary": "/etc/passwd"}),
    "file function as a layer": obj("TFOpLambda", "keras.layers", None, {"name": "x", "function": "io.write_file"}),
    "vocabulary of a function": obj("TFOpLambda", "keras.layers", None, {"name": "x", "function": "nn.fixed_unigram_candidate_sampler"}),
    "policy of a path": obj("DTypePolicy", "keras", None, {"name": "../../etc/passwd"}),
    "policy of complex numbers": obj("DTypePolicy", "keras", None, {"name": "complex128"}),
    "policy of Keras 2": {"class_name": "Policy", "config": {"name": "string"}},
    "tensor of texts": obj("__tensor__", "builtins", None, {"value": [["/etc/passwd"]], "dtype": "float32"}),
    "tensor of the type text": obj("__tensor__", "builtins", None, {"value": [1], "dtype": "string"}),
    "constant text": obj("Constant", "keras.initializers", None, {"value": "/etc/passwd"}),
    "Python function as a layer": obj("TFOpLambda", "keras.layers", None, {"name": "x", "function": "py_function"}),
    "foreign setting": obj("Dense", "keras.layers", None, {"units": 2, "filename": "x"}),
    "foreign entry": obj("Dense", "keras.layers", None, {"units": 2}) | {"call": "x"},
    "class that is a list": obj(["Dense"]),
    "class that is an object": obj(obj("Dense")),
    "no class": {"module": "os", "registered_name": "system", "config": {}},
    "qualified name": obj("Dense.build", "keras.src.layers.core.dense"),
    "custom package": obj("Mine", "mine", "mine>Mine"),
    "operation on functions": obj("Map", "keras.src.ops.core"),
    "value with more in it": obj("__numpy__", "builtins", None, {"value": [1], "dtype": "float32", "allow_pickle": True}),
}


def _setting(key: str, name: str = "conv") -> Callable[[Node, Any], None]:
    return lambda net, bad: of(net, name)["config"].__setitem__(key, bad)


PLACES: dict[str, Callable[[Node, Any], None]] = {
    "a layer": lambda net, bad: net["config"]["layers"].insert(1, {**bad, "name": "bad", "inbound_nodes": []}),
    "activation": _setting("activation"),
    "initializer": _setting("kernel_initializer"),
    "regularizer": _setting("kernel_regularizer"),
    "constraint": _setting("bias_constraint"),
    "dtype": _setting("dtype"),
    "a wrapped layer": _setting("layer", "wrapped"),
    "in a wrapped layer": lambda net, bad: of(net, "wrapped")["config"]["layer"]["config"].__setitem__("kernel_initializer", bad),
    "an argument": lambda net, bad: of(net, "conv")["inbound_nodes"][0]["args"].append(bad),
    "a keyword": lambda net, bad: of(net, "conv")["inbound_nodes"][0]["kwargs"].__setitem__("mask", bad),
    "a list in a keyword": lambda net, bad: of(net, "conv")["inbound_nodes"][0]["kwargs"].__setitem__("mask", [[{"x": bad}]]),
    "the name": lambda net, bad: of(net, "conv").__setitem__("name", bad),
    "the shape": lambda net, bad: of(net, "in")["config"].__setitem__("batch_shape", [None, bad, 8, 3]),
    "a tuple": lambda net, bad: of(net, "conv")["config"].__setitem__("padding", {"class_name": "__tuple__", "items": [bad]}),
    "a tensor's settings": lambda net, bad: of(net, "conv")["inbound_nodes"][0]["args"][0]["config"].__setitem__("shape", bad),
}


def write_h5(path: Path, config: Any = None) -> Path:
    with h5py.File(path, "w") as h5:
        h5.attrs["model_config"] = json.dumps(config or network())
        h5.attrs["keras_version"] = "3.9.0"
        weights = h5.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([b"conv", b"out"])
        for name in ("conv", "out"):
            weights.create_dataset(f"{name}/kernel", data=np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype("f4"))
            weights[name].attrs["weight_names"] = np.array([b"kernel"])
    return path


def write_keras(path: Path, base_h5: Path, config: bytes | None = None, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.9.0"}')
        archive.writestr("config.json", json.dumps(network()).encode() if config is None else config)
        archive.writestr("model.weights.h5", more.pop("weights", base_h5.read_bytes()))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def refused(path: Path, folder: Path) -> ModelFileError:
    """The one error of a file whose clean copy is wanted."""
    folder.mkdir(exist_ok=True)
    with pytest.raises(ModelFileError) as caught:
        clean_copy(path, folder)
    assert "\n" not in str(caught.value) and path.name in str(caught.value) and len(str(caught.value)) < 700
    return caught.value
