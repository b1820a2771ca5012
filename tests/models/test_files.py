"""Hostile and broken network files: each ends in one clear message, and nothing out of them runs."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import ModelFileError, UnsafeModel
from models.config import check_config
from models.files import file_sha256, inspect_file
from tests.models.networks import NETWORKS


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    import keras

    folder = tmp_path_factory.mktemp("good")
    network = NETWORKS["flat"](keras)
    network.save(folder / "net.keras")
    network.save(folder / "net.h5")
    network.save_weights(folder / "net.weights.h5")
    return {name: folder / name for name in ("net.keras", "net.h5", "net.weights.h5")}


def rezip(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def with_config(source: Path, target: Path, change: Callable[[dict], None]) -> Path:
    def edit(name: str, content: bytes) -> bytes:
        if name != "config.json":
            return content
        config = json.loads(content)
        change(config)
        return json.dumps(config).encode()

    return rezip(source, target, edit)


def replace_layer(config: dict, entry: dict) -> None:
    layers = config["config"]["layers"]
    layers[1] = {**layers[1], **entry}


def test_a_lambda_layer_is_refused(tmp_path: Path) -> None:
    import keras

    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x * 2, name="double"), keras.layers.Flatten()])
    for name in ("net.keras", "net.h5"):
        network.save(tmp_path / name)
        with pytest.raises(UnsafeModel, match=r"Lambda layer with Python code \(double\).*Rebuild"):
            inspect_file(tmp_path / name)
        assert inspect_file(tmp_path / name, trusted=True).unsafe


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"class_name": "MyAttention", "module": "evil", "registered_name": "evil>MyAttention"}, "MyAttention"),
        ({"class_name": "system", "module": "os", "registered_name": "system"}, "system"),
        ({"class_name": "get_file", "module": "keras.utils", "registered_name": "get_file"}, "get_file"),
        ({"class_name": "TFSMLayer", "module": "keras.layers", "registered_name": None}, "TFSMLayer"),
        ({"class_name": "TorchModuleWrapper", "module": "keras.layers", "registered_name": None}, "TorchModuleWrapper"),
    ],
)
def test_custom_objects_are_refused_by_name(tmp_path: Path, good: dict[str, Path], entry: dict, message: str) -> None:
    path = with_config(good["net.keras"], tmp_path / "net.keras", lambda c: replace_layer(c, entry))
    with pytest.raises(UnsafeModel, match=message):
        inspect_file(path)


def test_a_function_hidden_in_a_layers_settings_is_found() -> None:
    node = {"class_name": "Dense", "config": {"activation": {"class_name": "function", "module": "builtins", "config": "eval"}}}
    assert list(check_config(node)) == ["the custom object 'function' from 'builtins'"]
    fine = {"class_name": "Dense", "config": {"activation": {"class_name": "function", "module": "builtins", "config": "relu"}}}
    assert not list(check_config(fine))


def test_tensorflow_functions_kept_as_layers() -> None:
    def node(function: str) -> dict:
        return {"class_name": "TFOpLambda", "config": {"name": "op", "function": function}}

    assert not list(check_config(node("math.truediv")))
    assert "io.write_file" in next(iter(check_config(node("io.write_file"))))
    assert "py_function" in next(iter(check_config(node("py_function"))))


def test_weights_without_a_network(good: dict[str, Path]) -> None:
    with pytest.raises(ModelFileError, match=r"weights only.*model\.save"):
        inspect_file(good["net.weights.h5"])


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_a_cut_off_file(tmp_path: Path, good: dict[str, Path], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(good[name].read_bytes()[:3000])
    with pytest.raises(ModelFileError, match=r"broken|cut off|cut-off"):
        inspect_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"a": 1}), "pickle"),
        (b"", "empty"),
        (b"\x18\x00\x00\x00TFL3" + bytes(30), "TensorFlow Lite"),
        (b"\xff\xd8\xff\xe0" + bytes(30), "JPEG"),
        (b"hello, world, this is text", "not a network"),
    ],
)
def test_files_that_are_no_network(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "net.h5"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        inspect_file(path)


def test_archives_that_are_no_network(tmp_path: Path) -> None:
    for names, message in ((["archive/data.pkl"], "PyTorch"), (["readme.txt"], "without a Keras network")):
        with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        with pytest.raises(ModelFileError, match=message):
            inspect_file(tmp_path / "x.keras")


def test_a_zip_bomb_and_paths_that_lead_out(tmp_path: Path, good: dict[str, Path]) -> None:
    bomb = rezip(good["net.keras"], tmp_path / "bomb.keras", lambda name, content: content)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", bytes(80_000_000))
    with pytest.raises(ModelFileError, match="would unpack"):
        inspect_file(bomb)
    out = rezip(good["net.keras"], tmp_path / "out.keras", lambda name, content: content)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("../../evil.txt", "x")
    with pytest.raises(ModelFileError, match="lead out"):
        inspect_file(out)


def test_hdf5_that_reaches_for_other_files_or_unpacks_huge(tmp_path: Path, good: dict[str, Path]) -> None:
    for name, change in {
        "link": lambda h5: h5.__setitem__("evil", h5py.ExternalLink("/etc/passwd", "/")),
        "virtual": lambda h5: h5.create_virtual_dataset("evil", _virtual()),
        "huge": lambda h5: h5.create_dataset("evil", (200_000_000,), np.float32, chunks=(1_000_000,), compression="gzip"),
    }.items():
        path = tmp_path / f"{name}.h5"
        path.write_bytes(good["net.h5"].read_bytes())
        with h5py.File(path, "r+") as h5:
            change(h5)
        with pytest.raises(ModelFileError, match=r"links to other|other files|would unpack"):
            inspect_file(path)


def _virtual() -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4,))
    return layout


def test_a_saved_model_that_runs_python_or_reads_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Evil(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 3), tf.float32)])
        def python(self, x: tf.Tensor) -> tf.Tensor:
            return tf.numpy_function(lambda a: a, [x], tf.float32)

        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 3), tf.float32)])
        def files(self, x: tf.Tensor) -> tf.Tensor:
            return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)

    for name, message in (("python", "PyFunc"), ("files", "ReadFile")):
        module = Evil()
        folder = tmp_path / name
        tf.saved_model.save(module, str(folder), {"serving_default": getattr(module, name)})
        with pytest.raises(UnsafeModel, match=message):
            inspect_file(folder)


def test_a_saved_model_that_is_broken_or_incomplete(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "variables").mkdir(parents=True)
    with pytest.raises(ModelFileError, match="without a SavedModel"):
        inspect_file(folder)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01" + struct.pack("B", 0x12) + b"\xff\xff\x03")
    with pytest.raises(ModelFileError, match="variables"):
        inspect_file(folder)
    (folder / "variables" / "variables.index").write_bytes(b"x")
    with pytest.raises(ModelFileError, match="broken or cut off"):
        inspect_file(folder)


def test_the_hash_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("1")
    assert file_sha256(tmp_path / "a") == file_sha256(tmp_path / "b")
    (tmp_path / "b" / "x").rename(tmp_path / "b" / "y")
    assert file_sha256(tmp_path / "a") != file_sha256(tmp_path / "b")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        inspect_file(Path("nowhere.keras"))
