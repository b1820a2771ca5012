"""Network files made to harm: every one ends in one message, and nothing out of it is run, read or written.

Files are made by code. Most go through the checks in this process; a few through the whole command line.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
import os
import re
import shutil
import socket
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from cli import app
from core.errors import CardError, LesionLensError, ModelFileError, UnsafeModel
from core.records import read_yaml
from core.throwaway import Died, Limits, apart, protections
from models import savedmodel
from models.allowlist import allow_list
from models.card import read_card
from models.config import rebuild
from models.files import clean_copy, file_sha256, inspect_file
from models.policy import read_policy
from models.savedmodel import check_saved_model, strip_saved_model

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


# ---- HDF5 ----


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


@pytest.fixture(scope="module")
def base_h5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_h5(tmp_path_factory.mktemp("h5") / "net.h5")


def _virtual(h5: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    h5.create_virtual_dataset("bad", layout)


def _unallocated(h5: h5py.File) -> None:
    h5.create_dataset("bad", (3_000_000,), "f4")


def _cycle(h5: h5py.File) -> None:
    h5["model_weights/conv/loop"] = h5["model_weights"]


def _deep_groups(h5: h5py.File) -> None:
    group = h5
    for _ in range(80):
        group = group.create_group("g")


def _big_chunk(h5: h5py.File) -> None:
    h5.create_dataset("bad", data=np.ones(8, "f4"), chunks=(2**23,), maxshape=(None,), compression="gzip")


def _many_attributes(h5: h5py.File) -> None:
    for i in range(501):
        h5["model_weights/conv"].attrs[f"a{i}"] = 1


H5: dict[str, Callable[[h5py.File], Any]] = {
    "soft link": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/model_weights")),
    "soft link to itself": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/bad")),
    "soft link into nothing": lambda h5: h5.__setitem__("bad", h5py.SoftLink("/nowhere")),
    "external link": lambda h5: h5.__setitem__("bad", h5py.ExternalLink("/etc/passwd", "/")),
    "external link deep down": lambda h5: h5["model_weights/conv"].__setitem__("bad", h5py.ExternalLink("/dev/zero", "/")),
    "cycle": _cycle,
    "cycle at the root": lambda h5: h5.__setitem__("bad", h5["/"]),
    "a group in two places": lambda h5: h5.__setitem__("bad", h5["model_weights/conv"]),
    "a tensor in two places": lambda h5: h5.__setitem__("bad", h5["model_weights/conv/kernel"]),
    "virtual": _virtual,
    "external storage": lambda h5: h5.create_dataset("bad", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
    "texts": lambda h5: h5.create_dataset("bad", data=["a", "b"], dtype=h5py.string_dtype()),
    "fixed texts": lambda h5: h5.create_dataset("bad", data=np.array([b"a"])),
    "lists of any length": lambda h5: h5.create_dataset("bad", (2,), dtype=h5py.vlen_dtype("i4")),
    "records": lambda h5: h5.create_dataset("bad", (2,), dtype=[("a", "f4"), ("b", "i4")]),
    "references": lambda h5: h5.create_dataset("bad", data=[h5["model_weights"].ref], dtype=h5py.ref_dtype),
    "opaque bytes": lambda h5: h5.create_dataset("bad", data=np.void(b"\x80\x04.")),
    "arrays in an array": lambda h5: h5.create_dataset("bad", (2,), dtype=np.dtype(("f4", (3,)))),
    "a named type": lambda h5: h5.__setitem__("bad", np.dtype("f4")),
    "no content": lambda h5: h5.create_dataset("bad", data=h5py.Empty("f4")),
    "absent numbers": _unallocated,
    "a bomb": lambda h5: h5.create_dataset("bad", data=np.zeros(30_000_000, "u1"), compression="gzip", compression_opts=9),
    "a bomb without content": lambda h5: h5.create_dataset("bad", (2**40,), "f4", chunks=(2**20,), compression="gzip"),
    "many dimensions of nothing": lambda h5: h5.create_dataset("bad", (2**15,) * 4, "f8", chunks=(1, 1, 1, 1)),
    "a huge chunk": _big_chunk,
    "an unknown filter": lambda h5: h5.create_dataset("bad", data=np.ones(64, "i4"), scaleoffset=4),
    "deep groups": _deep_groups,
    "many attributes": _many_attributes,
    "a configuration that is a number": lambda h5: h5.attrs.__setitem__("model_config", 3),
    "a configuration that is a list": lambda h5: h5.attrs.__setitem__("model_config", np.array([b"{}", b"{}"])),
    "a configuration without end": lambda h5: h5.attrs.__setitem__("model_config", "[" * 50_000),
    "a configuration of one key twice": lambda h5: h5.attrs.__setitem__("model_config", '{"class_name": "Dense", "class_name": "Lambda"}'),
    "a configuration that is no UTF-8": lambda h5: h5.attrs.__setitem__("model_config", b"\xff\xfe{"),
    "no configuration": lambda h5: h5.attrs.__delitem__("model_config"),
    "names that are numbers": lambda h5: h5["model_weights"].attrs.__setitem__("layer_names", np.arange(3)),
    "names in a square": lambda h5: h5["model_weights"].attrs.__setitem__("layer_names", np.array([[b"a"], [b"b"]])),
    "names that are one": lambda h5: h5["model_weights/conv"].attrs.__setitem__("weight_names", 3.5),
}


def refused(path: Path, folder: Path) -> ModelFileError:
    """The one error of a file whose clean copy is wanted."""
    folder.mkdir(exist_ok=True)
    with pytest.raises(ModelFileError) as caught:
        clean_copy(path, folder)
    assert "\n" not in str(caught.value) and path.name in str(caught.value) and len(str(caught.value)) < 700
    return caught.value


@pytest.mark.parametrize("kind", H5)
def test_hdf5_files(kind: str, base_h5: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    shutil.copyfile(base_h5, path)
    with h5py.File(path, "r+") as h5:
        H5[kind](h5)
    refused(path, tmp_path / "copy")


def test_too_many_objects(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.hdf5.MAX_OBJECTS", 4)
    assert "objects" in str(refused(base_h5, tmp_path / "copy"))


@pytest.mark.parametrize("units", [10**6, 10**9, 2**62])
def test_layers_far_larger_than_the_weights(units: int, tmp_path: Path) -> None:
    net = network()
    of(net, "out")["config"]["units"] = units
    assert "units" in str(refused(write_h5(tmp_path / "net.h5", net), tmp_path / "copy"))


@pytest.mark.parametrize("seed", range(20))
def test_damaged_hdf5_files_are_refused_or_copied(seed: int, base_h5: Path, tmp_path: Path) -> None:
    rng, content = np.random.default_rng(seed), bytearray(base_h5.read_bytes())
    for at in rng.integers(8, len(content), 12):
        content[at] = rng.integers(256)
    path = tmp_path / "net.h5"
    path.write_bytes(content[: len(content) if seed % 2 else int(rng.integers(100, len(content)))])
    try:
        clean_copy(path, tmp_path)
    except ModelFileError as error:
        assert "net.h5" in str(error)


def test_the_copy_holds_what_keras_needs_and_nothing_else(base_h5: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    shutil.copyfile(base_h5, path)
    with h5py.File(path, "r+") as h5:
        h5.attrs["training_config"] = json.dumps(KINDS["os.system"])
        h5.create_dataset("optimizer_weights/x", data=np.ones(3))
        h5["model_weights"].attrs["note"] = "x"
        h5.create_dataset("model_weights/out/half", data=np.ones(3, "f2"))
    facts = clean_copy(path, tmp_path)
    with h5py.File(facts.clean) as new, h5py.File(path) as old:
        assert set(new.attrs) == {"model_config", "keras_version"} and set(new) == {"model_weights"}
        assert set(new["model_weights"].attrs) == {"layer_names"} and new["model_weights"].attrs["layer_names"].tolist() == [
            b"conv",
            b"out",
        ]
        np.testing.assert_array_equal(new["model_weights/out/kernel"], old["model_weights/out/kernel"])
        assert new["model_weights/out/half"].dtype == "f2"


# ---- zip ----


def write_keras(path: Path, base_h5: Path, config: bytes | None = None, **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.9.0"}')
        archive.writestr("config.json", json.dumps(network()).encode() if config is None else config)
        archive.writestr("model.weights.h5", more.pop("weights", base_h5.read_bytes()))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def _append(path: Path, name: str, content: bytes = b"x", packing: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "a", packing) as archive:
        archive.writestr(name, content)


def _decoys(path: Path) -> None:
    for i in range(300):
        _append(path, f"d{i}/model.weights.h5")


def _encrypted(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)


def _lying_size(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 2**31)
    path.write_bytes(content)


def _renamed(old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes().replace(old, new))  # type: ignore[return-value]


ZIP: dict[str, Callable[[Path], Any]] = {
    "300 decoys": _decoys,
    "two configurations": lambda path: _append(path, "config.json", json.dumps(KINDS["Lambda"]).encode()),
    "two weights": lambda path: _append(path, "model.weights.h5"),
    "two sets of metadata": lambda path: _append(path, "metadata.json", b"{}"),
    "weights elsewhere": lambda path: _append(path, "x/model.weights.h5"),
    "weights of another case": lambda path: _append(path, "Model.weights.h5"),
    "another file": lambda path: _append(path, "assets/vocabulary.txt"),
    "a Python file": lambda path: _append(path, "__init__.py"),
    "a folder": lambda path: _append(path, "model.weights.h5/"),
    "a way out": lambda path: _append(path, "../out"),
    "a way out of Windows": lambda path: _append(path, "..\\out"),
    "an absolute path": lambda path: _append(path, "/etc/cron.d/x"),
    "a drive": lambda path: _append(path, "C:/x"),
    "a name with a null": lambda path: _append(path, "config.json\0.txt"),
    "a bomb": lambda path: _append(path, "zeros", bytes(60_000_000), zipfile.ZIP_DEFLATED),
    "another packing": lambda path: _append(path, "x", b"x" * 100, zipfile.ZIP_BZIP2),
    "encrypted": _encrypted,
    "a size that lies": _lying_size,
    "no configuration": _renamed(b"config.json", b"konfig.json"),
    "no weights": _renamed(b"model.weights.h5", b"model.weights.h4"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "nothing but a start": lambda path: path.write_bytes(b"PK\x03\x04"),
}


@pytest.mark.parametrize("kind", ZIP)
def test_archives(kind: str, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile does not like names twice either
        ZIP[kind](path)
    refused(path, tmp_path / "copy")


CONFIGS: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "null": b"null",
    "no UTF-8": b"\xff\xfe\x00",
    "no class": b"{}",
    "half": json.dumps(network()).encode()[:-9],
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"class_name":' * 20_000 + b"1" + b"}" * 20_000,
    "a huge number": b'{"class_name": "Functional", "config": {"name": 1' + b"0" * 5_000 + b"}}",
    "two values of one key": b'{"class_name": "Functional", "config": {}, "config": {"name": "Lambda"}}',
    "a class that is a number": b'{"class_name": 3, "config": {}}',
    "another network": json.dumps(obj("MyNetwork", "mine")).encode(),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_configurations(kind: str, base_h5: Path, tmp_path: Path) -> None:
    refused(write_keras(tmp_path / "net.keras", base_h5, CONFIGS[kind]), tmp_path / "copy")


def test_a_configuration_that_is_too_long(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.files.MAX_CONFIG_BYTES", 1_000)
    refused(write_keras(tmp_path / "net.keras", base_h5), tmp_path / "copy")


@pytest.mark.parametrize("behind", [b"", b" ", b"PK" * 30_000])
@pytest.mark.parametrize("long", [False, True])
def test_an_archive_of_very_many_files_is_refused_before_they_are_listed(
    long: bool, behind: bytes, base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    content = path.read_bytes()
    at = content.rindex(b"PK\5\6")
    end = content[:at]
    if long:  # the short form lies
        end += struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 3, 3, 2**27, 0) + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    path.write_bytes(
        end + content[at : at + 12] + (content[at + 12 : at + 16] if long else struct.pack("<I", 2**27)) + content[at + 16 :] + behind
    )
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "too many files" in str(refused(path, tmp_path / "copy"))


@pytest.mark.parametrize("behind", [b" ", b"PK" * 30_000])
def test_an_archive_with_something_behind_it_opens(behind: bytes, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    path.write_bytes(path.read_bytes() + behind)
    assert clean_copy(path, tmp_path).clean


def test_a_long_archive_opens(base_h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as one:
        one.setattr(zipfile, "ZIP64_LIMIT", 100)
        path = write_keras(tmp_path / "net.keras", base_h5)
    assert b"PK\6\7" in path.read_bytes() and clean_copy(path, tmp_path).clean


@pytest.mark.parametrize("weights", [b"", b"x" * 100, b"\x80\x04.", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_weights_that_are_none(weights: bytes, base_h5: Path, tmp_path: Path) -> None:
    refused(write_keras(tmp_path / "net.keras", base_h5, weights=weights), tmp_path / "copy")


@pytest.mark.parametrize("seed", range(15))
def test_damaged_archives_are_refused_or_copied(seed: int, base_h5: Path, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "net.keras", base_h5)
    rng, content = np.random.default_rng(seed), bytearray(path.read_bytes())
    for at in rng.integers(4, len(content), 8):
        content[at] = rng.integers(256)
    path.write_bytes(content)
    try:
        clean_copy(path, tmp_path)
    except ModelFileError as error:
        assert "net.keras" in str(error)


# ---- SavedModels ----


def field(number: int, content: bytes) -> bytes:
    length, n = b"", len(content)
    while n > 127:
        length += bytes([n & 127 | 128])
        n >>= 7
    return bytes([number << 3 | 2]) + length + bytes([n]) + content


def node(op: str, *calls: str, many: bool = False) -> bytes:
    functions = [field(1, name.encode()) for name in calls]
    value = field(1, b"".join(field(9, f) for f in functions)) if many else b"".join(field(10, f) for f in functions)
    return field(1, b"n") + field(2, op.encode()) + (field(5, field(1, b"f") + field(2, value)) if calls else b"")


def function(name: str, *nodes: bytes) -> bytes:
    return field(1, field(1, field(1, name.encode())) + b"".join(field(3, one) for one in nodes))


def saved(main: bytes = b"", library: bytes = b"", objects: bytes = field(1, b""), more: bytes = b"") -> bytes:
    return field(2, field(2, main + field(2, library)) + field(7, objects) + more)


FORBIDDEN = """PyFunc EagerPyFunc PyFuncStateless ReadFile WriteFile MatchingFiles CreateSummaryFileWriter DatasetToTFRecord CSVDataset
    CSVDatasetV2 GenerateVocabRemapping LoadAndRemapMatrix InitializeTableFromTextFileV2 MapDataset TextLineDataset TFRecordDataset SaveDatasetV2
    LoadDataset CacheDataset SqlDataset While StatelessWhile Enter NextIteration LoopCond SaveV2 RestoreV2 MergeV2Checkpoints Save
    ShardedFilename PrintV2 LMDBReader RemoteCall XlaCallModule DecodeRaw HashTableV2 DebugIdentityV3 ConfigureDistributedTPU
    Recv Send CollectiveReduce TensorListReserve SymbolicGradient LoadLibrary TPUCompile WriteSummary ImportEvent AudioSummary""".split()


def check_pb(tmp_path: Path, content: bytes) -> list[str]:
    (tmp_path / "saved_model.pb").write_bytes(content)
    return check_saved_model(tmp_path / "saved_model.pb")


@pytest.mark.parametrize("op", FORBIDDEN)
def test_operations_that_no_image_classifier_needs(op: str, tmp_path: Path) -> None:
    assert op in check_pb(tmp_path, saved(library=function("f", node("Relu"), node(op))))[0]
    assert check_pb(tmp_path, saved(library=function("f", node("StatefulPartitionedCall", "g")) + function("g", node(op))))
    if op not in ("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"):
        assert check_pb(tmp_path, saved(main=field(1, node(op))))


TRACED = "__inference__traced_save_1"
OBJECTIONABLE = {
    "an asset": saved(objects=field(1, field(5, b""))),
    "an asset file": saved(more=field(6, b"")),
    "a missing function": saved(library=function("f", node("StatefulPartitionedCall", "g"))),
    "a function in a list": saved(library=function("f", node("If", "g", many=True)) + function("g", node("ReadFile"))),
    "a missing branch": saved(library=function("f", node("If", "g", many=True))),
    "saving in a prediction": saved(library=function("f", node("PartitionedCall", TRACED)) + function(TRACED, node("SaveV2"))),
    "saving by its name": saved(library=function("f", node(TRACED)) + function(TRACED, node("SaveV2"))),
    "two operations in one": saved(library=function("f", node("Relu") + field(2, b"ReadFile"))),
    "reading while saving": saved(library=function(TRACED, node("SaveV2"), node("ReadFile"))),
}


@pytest.mark.parametrize("kind", OBJECTIONABLE)
def test_saved_models_with_an_objection(kind: str, tmp_path: Path) -> None:
    assert check_pb(tmp_path, OBJECTIONABLE[kind])


BROKEN = {
    "nothing": b"",
    "no graph": field(2, b""),
    "TensorFlow 1": field(2, field(2, field(1, node("Relu")))),
    "itself": saved(library=function("f", node("PartitionedCall", "f"))),
    "each other": saved(library=function("f", node("PartitionedCall", "g")) + function("g", node("f"))),
    "two of one name": saved(library=function("f", node("Relu")) + function("f", node("ReadFile"))),
    "2 to the power of 40": saved(
        library=b"".join(function(f"f{i}", node(f"f{i + 1}"), node("PartitionedCall", f"f{i + 1}"), *[node("Relu")] * 2) for i in range(40))
        + function("f40", *[node("Relu")] * 3)
    ),
    "cut off": saved(library=function("f", node("Relu")))[:-5],
    "a number without end": b"\x12" + b"\xff" * 12,
    "an old kind of group": b"\x0b\x0c",
}


@pytest.mark.parametrize("shape", ["a chain", "side by side"])
def test_functions_that_call_many_others_are_counted_once(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 2_000
    calls = [[f"f{i + 1}"] for i in range(n)] if shape == "a chain" else [[f"f{i + 1}" for i in range(n)], *[[]] * (n - 1)]
    library = b"".join(function(f"f{i}", *map(node, called)) for i, called in enumerate(calls)) + function(f"f{n}", node("Relu"))
    looked_at = 0

    class Functions(dict[str, Any]):
        def __contains__(self, name: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return super().__contains__(name)

        def __getitem__(self, name: str) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(name)

    check = savedmodel._check_calls
    monkeypatch.setattr(savedmodel, "_check_calls", lambda functions: check(Functions(functions)))
    assert check_pb(tmp_path, saved(library=library)) == [] and looked_at < 10 * n


@pytest.mark.parametrize("kind", BROKEN)
def test_saved_models_that_cannot_be(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        check_pb(tmp_path, BROKEN[kind])


def test_what_saves_and_restores_is_left_out() -> None:
    content = saved(
        field(1, node("Const")) + field(1, node("SaveV2")),
        function("f", node("Relu")) + function(TRACED, node("SaveV2")) + function("__inference__traced_restore_2", node("RestoreV2")),
    )
    assert strip_saved_model(content) == saved(field(1, node("Const")), function("f", node("Relu")))


def _saved_folder(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved(library=function("f", node("Relu"))))
    (folder / "variables" / "variables.index").write_bytes(b"x")
    return folder


def _pipe_as_graph(folder: Path) -> None:
    (folder / "saved_model.pb").unlink()
    os.mkfifo(folder / "saved_model.pb")


FOLDERS: dict[str, Callable[[Path], Any]] = {
    "a link": lambda folder: (folder / "variables" / "variables.data-00000-of-00001").symlink_to("/etc/passwd"),
    "a link to a folder": lambda folder: (folder / "assets").symlink_to("/etc"),
    "a link to itself": lambda folder: (folder / "loop").symlink_to(folder),
    "a pipe": lambda folder: os.mkfifo(folder / "variables" / "variables.data-00000-of-00001"),
    "a graph that is a pipe": _pipe_as_graph,
    "deep folders": lambda folder: (folder / "/".join("a" * 9)).mkdir(parents=True),
    "no variables": lambda folder: shutil.rmtree(folder / "variables"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(kind: str, tmp_path: Path) -> None:
    folder = _saved_folder(tmp_path / "net")
    FOLDERS[kind](folder)
    refused(folder, tmp_path / "copy")


def test_a_folder_is_copied_by_name(tmp_path: Path) -> None:
    folder = _saved_folder(tmp_path / "net")
    (folder / "keras_metadata.pb").write_bytes(b"x")
    clean = tmp_path / "network"
    assert clean_copy(folder, tmp_path).clean == clean
    assert sorted(p.relative_to(clean).as_posix() for p in clean.rglob("*") if p.is_file()) == [
        "saved_model.pb",
        "variables/variables.index",
    ]


# ---- cards and policies ----

YAML: dict[str, str | bytes] = {
    "aliases": "name: &a x\nclasses: [*a, *a]\n",
    "a laugh": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "an anchor": "name: &a x\n",
    "a tag": "name: !!python/object/apply:os.system [true]\n",
    "a plain tag": "name: !!str x\n",
    "merged": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "deep lists": "name: " + "[" * 5_000,
    "deep maps": "{a: " * 5_000,
    "too many values": "name: [" + "1," * 110_000 + "]\n",
    "too long": "name: " + "x" * 2**20,
    "no UTF-8": b"name: \xff\xfe",
    "a null": b"name: \x00",
    "no date": "name: 2020-13-45\n",
    "a huge number": "height: 1" + "0" * 5_000 + "\n",
    "a huge hexadecimal number": "height: 0x" + "f" * 5_000 + "\n",
    "a huge number of base 60": "height: 1" + ":1" * 400_000 + "\n",
    "a huge fraction of base 60": "height: 1" + ":1" * 400_000 + ".5\n",
    "a huge binary number": "height: 0b" + "1" * 20_000 + "\n",
    "a huge octal number": "height: 0" + "7" * 10_000 + "\n",
    "a number with underscores": "height: 1" + "_0" * 10_000 + "\n",
    "a fraction without end": "height: 0." + "3" * 900_000 + "\n",
    "two documents": "name: x\n---\nname: y\n",
    "a list": "- x\n",
}


@pytest.mark.parametrize("read", [read_card, read_policy])
@pytest.mark.parametrize("kind", YAML)
def test_cards_and_policies(kind: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    path, content = tmp_path / "x.yaml", YAML[kind]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CardError, match=r"x\.yaml") as caught:
        read(path)
    assert len(str(caught.value)) < 1_500


def test_numbers_are_decimal_and_short(tmp_path: Path) -> None:
    """What YAML 1.1 takes for numbers of base 60, 8, 2, 16 and for dates is text, and so nothing is computed."""
    texts = ["1:30", "1:30.5", "010", "0x10", "0b1", "1_000", "2020-01-02", "9" * 30, "<<"]
    numbers: dict[str, object] = {"12": 12, "-0.5": -0.5, "1e-3": 0.001, "-.inf": -math.inf, "yes": True, "~": None}
    values = numbers | {text: text for text in texts}
    for written, meant in values.items():
        (tmp_path / "x.yaml").write_text(f"a: {written}\n")
        read = read_yaml(tmp_path / "x.yaml", "card", CardError)["a"]
        assert read == meant and type(read) is type(meant)


def test_a_card_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(CardError, match="not a file"):
        read_card(tmp_path / "x.yaml")


# ---- the process ----


def in_child(name: str, folder: Path, target: object = "", limits: Limits | None = None) -> Any:
    limits = limits or Limits(30, 2**30, 2**20)
    with apart("tests.hostile.attempts:attempts", [name, str(target)], folder, [], ["core", "tests"], limits) as told:
        return next(told)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_this_machine_names_what_it_provides() -> None:
    assert set(protections()) == {"limits on time, memory, files", "no network", "no files but this one"}


def test_it_reads_and_writes_only_where_it_may(scratch: Path, tmp_path: Path) -> None:
    if not protections()["no files but this one"]:
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "secret.txt"
    secret.write_text("s")
    for attempt, target in (("read", secret), ("read", "/etc/passwd"), ("write", tmp_path / "written"), ("write", secret)):
        assert in_child(attempt, scratch, target) == ["OSError", 13]
    assert in_child("write", scratch, scratch / "mine") == ["done"] and secret.read_text() == "s"
    assert not (tmp_path / "written").exists()


def test_it_reaches_nobody(scratch: Path) -> None:
    if not protections()["no network"]:
        pytest.skip("this kernel gives no network namespaces")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert in_child("connect", scratch, server.getsockname()[1])[0] == "OSError"


@pytest.mark.parametrize(
    ("attempt", "limits", "reason"),
    [
        ("loop", Limits(1), "seconds"),
        ("sleep", Limits(1), "seconds"),
        ("memory", Limits(30, 200 * 2**20), "memory"),
        ("exit", None, "crash"),
        ("kill", None, "crash"),
        ("flood", None, "answer"),
    ],
)
def test_however_it_ends_there_is_one_reason(attempt: str, limits: Limits | None, reason: str, scratch: Path) -> None:
    with pytest.raises(Died) as caught:
        in_child(attempt, scratch, "", limits)
    assert caught.value.reason == reason


def test_it_writes_no_large_file(scratch: Path) -> None:
    assert in_child("file", scratch) == ["OSError", 27] and (scratch / "big").stat().st_size <= 2**20


# ---- the whole command line ----


def refused_by_the_command_line(path: Path, folder: Path) -> str:
    before = sorted(p for p in folder.rglob("*") if p != path)
    done = CliRunner().invoke(app, ["model", "show", str(path), "--workspace", str(folder / "none")])
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)
    assert done.output.count("Error:") == 1 and "Traceback" not in done.output and path.name in done.output
    assert sorted(p for p in folder.rglob("*") if p != path) == before
    return done.output


@pytest.mark.parametrize("kind", ["registered function", "Lambda", "vocabulary file"])
def test_a_foreign_object_on_the_command_line(kind: str, base_h5: Path, tmp_path: Path) -> None:
    net = network()
    PLACES["a layer"](net, KINDS[kind])
    assert "refused" in refused_by_the_command_line(write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode()), tmp_path)


def test_a_cycle_on_the_command_line(base_h5: Path, tmp_path: Path) -> None:
    shutil.copyfile(base_h5, tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as h5:
        _cycle(h5)
    assert "links to other data" in refused_by_the_command_line(tmp_path / "net.h5", tmp_path)


def test_a_pipe_on_the_command_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.h5")
    done = CliRunner().invoke(app, ["model", "show", str(tmp_path / "net.h5")])
    assert done.exit_code == 2 and "Traceback" not in done.output


@pytest.mark.slow
def test_a_network_far_larger_than_its_weights_on_the_command_line(base_h5: Path, tmp_path: Path) -> None:
    """Each layer is as wide as the weights allow, together they are not; and pictures grow inside the network."""
    for layers in (
        [layer("a", "Dense", "in", units=60_000), layer("b", "Dense", "a", units=60_000)],
        [layer("a", "UpSampling2D", "in", size=[3_000, 3_000])],
    ):
        net = network()
        net["config"]["layers"][1:] = [*layers, layer("out", "GlobalAveragePooling2D", layers[-1]["name"])]
        path = write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode())
        assert "more memory" in refused_by_the_command_line(path, tmp_path)


def test_a_refused_file_names_no_more_than_three_reasons(base_h5: Path, tmp_path: Path) -> None:
    net = network()
    for i in range(20):
        PLACES["a layer"](net, obj(f"Mine{i}", "mine"))
    with pytest.raises(UnsafeModel, match="Mine") as caught:
        inspect_file(write_keras(tmp_path / "net.keras", base_h5, json.dumps(net).encode()))
    assert str(caught.value).count("custom object") == 3
    assert isinstance(caught.value, LesionLensError) and len(file_sha256(tmp_path / "net.keras")) == 64
